"""`mw.wait`: a method for everything that takes a while."""

from __future__ import annotations

import inspect
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from ..errors import ClientStateError, InvalidArgumentError
from ..runtime.callbacks import is_async
from ..runtime.clock import SYSTEM_CLOCK, Clock
from . import waitables as kinds
from .poller import GRACE, Key, Poller, Waitable

if TYPE_CHECKING:
    from ..api.groups import Groups
    from ..models.app import AppInstallation
    from ..models.backup import ProjectBackup
    from ..models.container import ServiceResponse, StackResponse
    from ..models.database import MySqlDatabase, RedisDatabase
    from ..models.domainmigration import Migration
    from ..models.ingress import Ingress
    from ..models.order import CustomerOrder
    from ..models.project import Project, ProjectListItem, Server
    from ..models.ssl import CertificateRequest
    from ..runtime.ratelimit import RateLimitStatus

T = TypeVar("T")
OnChange: TypeAlias = Callable[[str, T], object] | None

_FOR_EVER = 1e9
"""Seconds, thirty years: what is longer is a mistake, or too long for a timer."""
_TIMEOUT = 600.0
"""Seconds; the longest of these things usually take a few minutes."""


class Waiters:
    """Waits until something is ready, asking less and less often: after 1 s at first, every 15 s in the end.

    Many waiters of one kind share their polls, so waiting for hundreds of things costs little more than for one.
    All methods take the same options and raise the same errors:

    Args (of the methods):
        timeout: seconds to wait at most, `None` for any time.
        on_change: called with the state and the object when it is first seen and whenever its state changes. What it
            raises ends the wait.

    Returns: the object as last read.

    Raises:
        OperationFailed: it reached a state it does not leave, see `.state` and `.last`.
        WaitTimeout: it did not get ready in time; `.last` is what was seen last.
        NotFoundError, PermissionDeniedError: it was missing for 30 s. Shorter gaps are usual after a create.
        MittwaldError: it cannot be asked for. Errors that pass are waited through.

    Args:
        client: the client to ask with.
        clock, chance: time, and a source of numbers from 0 to 1, for tests.
        grace: seconds that something may be missing, 0 or more.
    """

    def __init__(
        self,
        client: Groups,
        *,
        clock: Clock = SYSTEM_CLOCK,
        chance: Callable[[], float] = random.random,
        grace: float = GRACE,
    ) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance
        self._grace = grace
        self._pollers: dict[object, Poller[Any]] = {}

    async def project_ready(
        self,
        project_id: str,
        *,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Project | ProjectListItem] = None,
    ) -> Project | ProjectListItem:
        """Wait until a project is ready. `error` and `disabled` are failures.

        With several waiters the project comes out of a list, and is what that list says of it.
        """
        return await self._wait(kinds.project, (project_id,), timeout, on_change)

    async def server_ready(
        self, server_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[Server] = None
    ) -> Server:
        """Wait until a server is ready. `suspended` is a failure."""
        return await self._wait(kinds.server, (server_id,), timeout, on_change)

    async def app_installation_ready(
        self, app_installation_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[AppInstallation] = None
    ) -> AppInstallation:
        """Wait until an app is installed in the desired version. `disabled` is a failure."""
        return await self._wait(kinds.app_installation, (app_installation_id,), timeout, on_change)

    async def mysql_database_ready(
        self, mysql_database_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[MySqlDatabase] = None
    ) -> MySqlDatabase:
        """Wait until a MySQL database and its main user are ready. An error of either is a failure."""
        return await self._wait(kinds.mysql_database, (mysql_database_id,), timeout, on_change)

    async def redis_database_ready(
        self, redis_database_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[RedisDatabase] = None
    ) -> RedisDatabase:
        """Wait until a Redis database is ready. `error` is a failure."""
        return await self._wait(kinds.redis_database, (redis_database_id,), timeout, on_change)

    async def backup_completed(
        self, project_backup_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[ProjectBackup] = None
    ) -> ProjectBackup:
        """Wait until a backup is complete."""
        return await self._wait(kinds.backup, (project_backup_id,), timeout, on_change)

    async def backup_export_completed(
        self, project_backup_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[ProjectBackup] = None
    ) -> ProjectBackup:
        """Wait until the export of a backup can be downloaded (`.export.download_url`). `Expired` is a failure, too."""
        return await self._wait(kinds.backup_export, (project_backup_id,), timeout, on_change)

    async def order_executed(
        self, order_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[CustomerOrder] = None
    ) -> CustomerOrder:
        """Wait until an order is executed. `REJECTED` and `ABORTED` are failures."""
        return await self._wait(kinds.order, (order_id,), timeout, on_change)

    async def certificate_issued(
        self,
        certificate_request_id: str,
        *,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[CertificateRequest] = None,
    ) -> CertificateRequest:
        """Wait until a certificate request is completed."""
        return await self._wait(kinds.certificate_request, (certificate_request_id,), timeout, on_change)

    async def ingress_certificate_issued(
        self, ingress_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[Ingress] = None
    ) -> Ingress:
        """Wait until an ingress has its certificate."""
        return await self._wait(kinds.ingress, (ingress_id,), timeout, on_change)

    async def stack_running(
        self, stack_id: str, *, timeout: float | None = _TIMEOUT, on_change: OnChange[StackResponse] = None
    ) -> StackResponse:
        """Wait until all services of a stack run. An `error` of one is a failure."""
        return await self._wait(kinds.stack, (stack_id,), timeout, on_change)

    async def service_running(
        self,
        stack_id: str,
        service_id: str,
        *,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ServiceResponse] = None,
    ) -> ServiceResponse:
        """Wait until a service of a stack runs. `error` is a failure."""
        return await self._wait(kinds.service, (stack_id, service_id), timeout, on_change)

    async def migration_finished(
        self,
        project_id: str,
        migration_id: str,
        *,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Migration] = None,
    ) -> Migration:
        """Wait until a domain migration of a project is finished. A domain that failed is a failure."""

        def kind(mw: Groups) -> Waitable[Migration]:
            return kinds.migration(mw, project_id)

        return await self._wait(
            kind, (project_id, migration_id), timeout, on_change, shared=(kinds.migration, project_id)
        )

    async def until(
        self,
        poll: Callable[[], Awaitable[T]],
        *,
        done: Callable[[T], bool],
        failed: Callable[[T], bool] = lambda value: False,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[T] = None,
    ) -> T:
        """Wait for anything else.

        Args:
            poll: asks, for example `lambda: mw.cronjob.get_execution(job, run)`.
            done: whether what it gave ends the wait.
            failed: whether it never will; looked at first.
            timeout, on_change: as for all. The state is the value's `status` or `phase`, or the value itself.

        Raises:
            InvalidArgumentError: an argument cannot be used: `done` and `failed` are plain functions, `poll` is not.
            WaitTimeout, OperationFailed: as for all; and whatever the functions raise.
        """
        for name, function in (("poll", poll), ("done", done), ("failed", failed)):
            if not callable(function):
                raise InvalidArgumentError(name, f"must be callable, not {type(function).__name__}")
        _check(timeout, on_change)

        async def get(key: Key) -> T:
            asked = poll()
            if not inspect.isawaitable(asked):
                raise InvalidArgumentError("poll", f"has to return an awaitable, not {type(asked).__name__}")
            return await asked

        kind: Waitable[T] = Waitable(
            "condition", get, state=_shown_state, done=_told("done", done), failed=_told("failed", failed)
        )
        return await self._poller(kind).wait((), timeout, on_change)

    async def _wait(
        self,
        make: Callable[[Groups], Waitable[T]],
        key: Key,
        timeout: float | None,
        on_change: OnChange[T],
        *,
        shared: object = None,
    ) -> T:
        for part in key:
            if not isinstance(part, str) or not part:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
                raise InvalidArgumentError("id", f"must be text and not empty, not {part!r}")
        _check(timeout, on_change)
        share = shared or make
        poller = cast("Poller[T] | None", self._pollers.get(share))
        if poller is None:
            poller = self._pollers[share] = self._poller(make(self._client))
        try:
            return await poller.wait(key, timeout, on_change)
        finally:
            if poller.idle:
                self._pollers.pop(share, None)

    def _poller(self, kind: Waitable[T]) -> Poller[T]:
        return Poller(kind, clock=self._clock, chance=self._chance, budget=self._budget, grace=self._grace)

    def _budget(self) -> float:
        """Seconds per request that the budget allows until the window ends."""
        try:
            status: RateLimitStatus | None = getattr(self._client, "rate_limit", None)
        except ClientStateError:
            return 0.0
        if status is None or status.remaining is None or status.resets_in is None:
            return 0.0
        return status.resets_in / max(1, status.remaining)


def _check(timeout: object, on_change: object) -> None:
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (number and 0 <= cast("float", timeout) < _FOR_EVER):
        raise InvalidArgumentError("timeout", f"must be 0 or more seconds, or None, not {timeout!r}")
    if on_change is not None and not callable(on_change):
        raise InvalidArgumentError("on_change", f"must be callable, not {type(on_change).__name__}")
    if on_change is not None and is_async(on_change):
        raise InvalidArgumentError("on_change", "is async; nobody would await it, use a plain function")


def _told(name: str, judge: Callable[[T], bool]) -> Callable[[T], bool]:
    """The function, whose verdict is looked at: a coroutine is true, whatever it would come to."""

    def verdict(value: T) -> bool:
        found: object = judge(value)
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            raise InvalidArgumentError(name, "is async; nobody would await it, use a plain function")
        return bool(found)

    return verdict


def _shown_state(value: object) -> str:
    return str(getattr(value, "status", None) or getattr(value, "phase", None) or value)
