"""`mw.wait`: a method for everything that takes a while."""

from __future__ import annotations

import inspect
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from ..api.groups import Groups
from ..runtime.callbacks import is_async, takes
from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.errors import ClientStateError, InvalidArgumentError
from . import waitables
from .poller import GRACE, Poller
from .since import SETTLE, AfterOwnWrite, AnyState, Demand, checked_since
from .waitable import Key, Waitable

if TYPE_CHECKING:
    from ..dns.visible import Resolver
    from ..models.app import AppInstallation
    from ..models.backup import ProjectBackup
    from ..models.container import ServiceResponse, StackResponse
    from ..models.cronjob import CronjobExecution
    from ..models.database import MySqlDatabase, RedisDatabase
    from ..models.domain import Domain
    from ..models.domainmigration import Migration
    from ..models.ingress import Ingress
    from ..models.mail import MailAddress
    from ..models.order import CustomerOrder
    from ..models.project import Project, ProjectListItem, Server
    from ..models.ssl import CertificateRequest

T = TypeVar("T")
OnChange: TypeAlias = Callable[[str, T], object] | None
Since: TypeAlias = T | datetime | None

_FOR_EVER = 1e9
"""Seconds, thirty years: what is longer is a mistake, or too long for a timer."""
_TIMEOUT = 600.0
"""Seconds; the longest of these things usually take a few minutes."""


@runtime_checkable
class RemembersWrites(Protocol):
    """A sender that remembers what it changed."""

    def last_write(self, id: str) -> tuple[float, datetime] | None:
        """How many seconds ago this client last changed the thing with this id, and when that was by the server's
        clock; `None`: not lately."""
        ...


class Waiters:
    """Waits until something is ready, asking less and less often: after 1 s at first, every 15 s in the end.

    Many waiters of one kind share their polls, so waiting for hundreds of things costs little more than for one.
    What this client changed less than 10 s ago is not taken for ready in the state it had before the change.
    All methods take the same options and raise the same errors:

    Args (of the methods):
        since: only a state set later than this counts, also as a failure: the object as read before a change, or a
            moment (with a time zone, by the server's clock). For changes made by others, or longer ago.
        timeout: seconds to wait at most, `None` for any time.
        on_change: called with the state and the object when it is first seen and whenever its state changes. What it
            raises ends the wait.

    Returns: the object as last read.

    Raises:
        OperationFailed: it reached a state it does not leave, see `.state` and `.last`.
        WaitTimeout: it did not get ready in time; `.last` is what was seen last.
        NotFoundError, PermissionDeniedError: it was missing for 30 s. Shorter gaps are usual after a create.
        InvalidArgumentError: an argument cannot be used, such as a moment where the object does not say when its state
            was set (servers, apps, backups, orders, certificate requests, ingresses, executions, migrations).
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
        since: Since[Project | ProjectListItem] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Project | ProjectListItem] = None,
    ) -> Project | ProjectListItem:
        """Wait until a project is ready. `error` and `disabled` are failures.

        With several waiters the project comes out of a list, and is what that list says of it.
        """
        return await self._wait(waitables.project, (project_id,), since, timeout, on_change)

    async def server_ready(
        self,
        server_id: str,
        *,
        since: Since[Server] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Server] = None,
    ) -> Server:
        """Wait until a server is ready. `suspended` is a failure."""
        return await self._wait(waitables.server, (server_id,), since, timeout, on_change)

    async def app_installation_ready(
        self,
        app_installation_id: str,
        *,
        since: Since[AppInstallation] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[AppInstallation] = None,
    ) -> AppInstallation:
        """Wait until an app and its system software run in the desired versions. `disabled` is a failure."""
        return await self._wait(waitables.app_installation, (app_installation_id,), since, timeout, on_change)

    async def mysql_database_ready(
        self,
        mysql_database_id: str,
        *,
        since: Since[MySqlDatabase] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[MySqlDatabase] = None,
    ) -> MySqlDatabase:
        """Wait until a MySQL database and its main user are ready. An error of either is a failure."""
        return await self._wait(waitables.mysql_database, (mysql_database_id,), since, timeout, on_change)

    async def redis_database_ready(
        self,
        redis_database_id: str,
        *,
        since: Since[RedisDatabase] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[RedisDatabase] = None,
    ) -> RedisDatabase:
        """Wait until a Redis database is ready. `error` is a failure."""
        return await self._wait(waitables.redis_database, (redis_database_id,), since, timeout, on_change)

    async def backup_completed(
        self,
        project_backup_id: str,
        *,
        since: Since[ProjectBackup] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ProjectBackup] = None,
    ) -> ProjectBackup:
        """Wait until a backup is complete."""
        return await self._wait(waitables.backup, (project_backup_id,), since, timeout, on_change)

    async def backup_export_completed(
        self,
        project_backup_id: str,
        *,
        since: Since[ProjectBackup] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ProjectBackup] = None,
    ) -> ProjectBackup:
        """Wait until the export of a backup can be downloaded (`.export.download_url`). `Expired` is a failure, too."""
        return await self._wait(waitables.backup_export, (project_backup_id,), since, timeout, on_change)

    async def backup_restored(
        self,
        project_backup_id: str,
        *,
        since: Since[ProjectBackup] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ProjectBackup] = None,
    ) -> ProjectBackup:
        """Wait until what was asked for of a backup is restored: paths, databases, or both."""
        return await self._wait(waitables.backup_restore, (project_backup_id,), since, timeout, on_change)

    async def order_executed(
        self,
        order_id: str,
        *,
        since: Since[CustomerOrder] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[CustomerOrder] = None,
    ) -> CustomerOrder:
        """Wait until an order is executed. `REJECTED` and `ABORTED` are failures."""
        return await self._wait(waitables.order, (order_id,), since, timeout, on_change)

    async def certificate_issued(
        self,
        certificate_request_id: str,
        *,
        since: Since[CertificateRequest] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[CertificateRequest] = None,
    ) -> CertificateRequest:
        """Wait until a certificate request is completed."""
        return await self._wait(waitables.certificate_request, (certificate_request_id,), since, timeout, on_change)

    async def ingress_certificate_issued(
        self,
        ingress_id: str,
        *,
        since: Since[Ingress] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Ingress] = None,
    ) -> Ingress:
        """Wait until an ingress has its certificate. Errors of the DNS validation are a failure.

        An ownership that is not verified yet is a state (`ownership not verified`), not a failure.
        """
        return await self._wait(waitables.ingress, (ingress_id,), since, timeout, on_change)

    async def mailbox_ready(
        self,
        mail_address_id: str,
        *,
        since: Since[MailAddress] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[MailAddress] = None,
    ) -> MailAddress:
        """Wait until a mail address has its mailbox."""
        return await self._wait(waitables.mailbox, (mail_address_id,), since, timeout, on_change)

    async def stack_running(
        self,
        stack_id: str,
        *,
        since: Since[StackResponse] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[StackResponse] = None,
    ) -> StackResponse:
        """Wait until all services of a stack run what was asked for. An `error` of one is a failure."""
        return await self._wait(waitables.stack, (stack_id,), since, timeout, on_change)

    async def service_running(
        self,
        stack_id: str,
        service_id: str,
        *,
        since: Since[ServiceResponse] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ServiceResponse] = None,
    ) -> ServiceResponse:
        """Wait until a service of a stack runs what was asked for. `error` is a failure."""
        return await self._wait(waitables.service, (stack_id, service_id), since, timeout, on_change)

    async def cronjob_execution_finished(
        self,
        cronjob_id: str,
        execution_id: str,
        *,
        since: Since[CronjobExecution] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[CronjobExecution] = None,
    ) -> CronjobExecution:
        """Wait until an execution of a cronjob is complete. Failed, aborted, too long, or an exit code other than 0: a
        failure."""
        return await self._wait(waitables.cronjob_execution, (cronjob_id, execution_id), since, timeout, on_change)

    async def migration_finished(
        self,
        project_id: str,
        migration_id: str,
        *,
        since: Since[Migration] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Migration] = None,
    ) -> Migration:
        """Wait until a domain migration of a project is finished. A domain that failed is a failure."""
        return await self._wait(waitables.migration, (project_id, migration_id), since, timeout, on_change)

    async def image_pulled(
        self,
        stack_id: str,
        service_id: str,
        *,
        since: Since[ServiceResponse] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[ServiceResponse] = None,
    ) -> ServiceResponse:
        """Wait until a service has pulled its image: it runs it, or has to be recreated to do so. `error` is a
        failure."""
        key = (stack_id, service_id)
        return await self._wait(waitables.pulled_image, key, since, timeout, on_change)

    async def stack_as_declared(
        self,
        stack_id: str,
        services: Mapping[str, str] | Iterable[str] = (),
        *,
        since: Since[StackResponse] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[StackResponse] = None,
    ) -> StackResponse:
        """Wait until every service of a stack runs what was asked for. An `error` of one is a failure.

        Args:
            stack_id: the stack.
            services: names of services that have to be among them, or a mapping of names to their images.
            since, timeout, on_change: as for all.
        """
        if isinstance(services, str):
            raise InvalidArgumentError("services", "must be names or a mapping of names to images, not one text")
        images = waitables.named_images(services)

        def kind(mw: Groups) -> Waitable[StackResponse]:
            return waitables.declared_stack(mw, images)

        share = (waitables.declared_stack, *sorted(images.items(), key=repr))
        return await self._wait(kind, (stack_id,), since, timeout, on_change, shared=share)

    async def domain_registered(
        self,
        domain_id: str,
        *,
        since: Since[Domain] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Domain] = None,
    ) -> Domain:
        """Wait until a domain is registered and connected. A failed registration is a failure."""
        return await self._domain("REGISTER", domain_id, since, timeout, on_change)

    async def domain_transferred(
        self,
        domain_id: str,
        *,
        since: Since[Domain] = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Domain] = None,
    ) -> Domain:
        """Wait until a domain has been transferred here. A failed transfer is a failure."""
        return await self._domain("TRANSFER", domain_id, since, timeout, on_change)

    async def _domain(
        self, process: str, domain_id: str, since: Since[Domain], timeout: float | None, on_change: OnChange[Domain]
    ) -> Domain:
        def kind(mw: Groups) -> Waitable[Domain]:
            return waitables.domain(mw, process)

        return await self._wait(kind, (domain_id,), since, timeout, on_change, shared=(waitables.domain, process))

    async def project_deleted(
        self,
        project_id: str,
        *,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[Project | ProjectListItem] = None,
    ) -> None:
        """Wait until a project is gone."""
        await self._perform(waitables.deleted_project, (project_id,), timeout, on_change)

    async def dns_entry_visible(
        self, name: str, type: str, value: str, *, timeout: float = 300.0, resolver: Resolver | None = None
    ) -> None:
        """Wait until all name servers of the zone respond with a DNS entry. See `mw.dns.wait_until_visible`.

        Args:
            name, type, value: the entry, written as for `mw.dns.add`.
            timeout: seconds to wait at most, 0 or more.
            resolver: finds the name servers; by default the system's.

        Raises:
            WaitTimeout: a name server lacked the entry until the end; the message names it.
            ConfigurationError: dnspython is missing.
        """
        from ..dns import Dns

        await Dns(self._client, clock=self._clock).wait_until_visible(
            name, type, value, timeout=timeout, resolver=resolver
        )

    async def gone(
        self,
        get: Callable[..., Awaitable[T]],
        *ids: str,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[T] = None,
    ) -> None:
        """Wait until anything is gone: asking for it answers 404, or 403 after it was seen.

            await mw.wait.gone(mw.mail.get_mail_address, address_id)

        Args:
            get: what asks for it, such as a method of a group.
            ids: what `get` takes.
            timeout, on_change: as for all. The state is the object's `status` or `phase`, or the object itself.
        """
        if not callable(get):
            raise InvalidArgumentError("get", f"must be callable, not {type(get).__name__}")

        def kind(mw: Groups) -> Waitable[T]:
            return Waitable(
                getattr(get, "__name__", "thing").removeprefix("get_").replace("_", " "),
                lambda key: _asked("get", get, key),
                state=_shown_state,
                done=lambda thing: False,
                gone=True,
            )

        await self._perform(kind, ids, timeout, on_change, shared=("gone", get))

    async def until(
        self,
        poll: Callable[[], Awaitable[T]],
        *,
        done: Callable[[T], bool],
        failed: Callable[[T], bool] = lambda value: False,
        state: Callable[[T], object] | None = None,
        timeout: float | None = _TIMEOUT,
        on_change: OnChange[T] = None,
    ) -> T:
        """Wait for anything else.

        Args:
            poll: asks, for example `lambda: mw.cronjob.get_execution(job, run)`.
            done: whether what it gave ends the wait.
            failed: whether it failed for good; evaluated first.
            state: what is shown as the state of a value, and followed by `on_change`; without it the value's `status`
                or `phase`, or the value itself.
            timeout, on_change: as for all.

        Raises:
            InvalidArgumentError: an argument cannot be used: `done`, `failed` and `state` are plain functions, `poll`
                is not.
            WaitTimeout, OperationFailed: as for all; and whatever the functions raise.
        """
        for name, function in (("poll", poll), ("done", done), ("failed", failed), ("state", state or _shown_state)):
            if not callable(function):
                raise InvalidArgumentError(name, f"must be callable, not {type(function).__name__}")
        _check(timeout, on_change)
        show = _shown_state if state is None else _plain("state", state)
        judge_done, judge_failed = _plain("done", done), _plain("failed", failed)
        kind: Waitable[T] = Waitable(
            "condition",
            lambda key: _asked("poll", poll, key),
            state=lambda value: str(show(value)),
            done=lambda value: bool(judge_done(value)),
            failed=lambda value: bool(judge_failed(value)),
            documented=False,
        )
        return cast("T", await self._poller(kind).wait((), timeout, on_change))

    async def _wait(
        self,
        make: Callable[[Groups], Waitable[T]],
        key: Key,
        since: Since[T],
        timeout: float | None,
        on_change: OnChange[T],
        *,
        shared: object = None,
    ) -> T:
        return cast("T", await self._perform(make, key, timeout, on_change, since, shared=shared))

    async def _perform(
        self,
        make: Callable[[Groups], Waitable[T]],
        key: Key,
        timeout: float | None,
        on_change: OnChange[T],
        since: Since[T] = None,
        *,
        shared: object = None,
    ) -> T | None:
        for part in key:
            if not isinstance(part, str) or not part:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
                raise InvalidArgumentError("id", f"must be text and not empty, not {part!r}")
        _check(timeout, on_change)
        share = shared or make
        poller = cast("Poller[T] | None", self._pollers.get(share))
        kind = make(self._client) if poller is None else poller.kind
        demand = self._demand(kind, key, since)
        before = None if isinstance(since, datetime) else since
        if poller is None:
            poller = self._pollers[share] = self._poller(kind)
        try:
            return await poller.wait(key, timeout, on_change, demand, before)
        finally:
            if poller.idle and self._pollers.get(share) is poller:
                del self._pollers[share]

    def _demand(self, kind: Waitable[T], key: Key, since: Since[T]) -> Demand[T]:
        """Which states count: those set later than `since`, or after what this client changed moments ago."""
        if since is not None:
            return checked_since(since, kind.name, kind.stamps, kind.id, key[-1])
        sender = getattr(self._client, "sender", None)
        if kind.gone or not isinstance(sender, RemembersWrites):
            return AnyState()
        writes = [found for part in key if (found := sender.last_write(part)) is not None and found[0] < SETTLE]
        if not writes:
            return AnyState()
        age, written = min(writes)
        return AfterOwnWrite(written, self._clock.now() + SETTLE - age, kind.stamps)

    def _poller(self, kind: Waitable[T]) -> Poller[T]:
        return Poller(kind, clock=self._clock, chance=self._chance, budget=self._budget, grace=self._grace)

    def _budget(self) -> float:
        """Seconds per request that the budget allows until the window ends."""
        try:
            status = getattr(self._client, "rate_limit", None)
        except ClientStateError:
            return 0.0
        if status is None or status.remaining is None or status.resets_in is None:
            return 0.0
        return cast("float", status.resets_in / max(1, status.remaining))


def _check(timeout: object, on_change: object) -> None:
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (number and 0 <= cast("float", timeout) < _FOR_EVER):
        raise InvalidArgumentError("timeout", f"must be 0 or more seconds, or None, not {timeout!r}")
    if on_change is not None and not callable(on_change):
        raise InvalidArgumentError("on_change", f"must be callable, not {type(on_change).__name__}")
    if on_change is not None and is_async(on_change):
        raise InvalidArgumentError("on_change", "is async and would never be awaited; use a plain function")
    if on_change is not None and not takes(on_change, 2):
        raise InvalidArgumentError("on_change", "must take two arguments: the state as text, and the object")


async def _asked(name: str, ask: Callable[..., Awaitable[T]], key: Key) -> T:
    asked = ask(*key)
    if not inspect.isawaitable(asked):
        raise InvalidArgumentError(name, f"has to return an awaitable, not {type(asked).__name__}")
    return await asked


def _plain(name: str, function: Callable[[T], object]) -> Callable[[T], object]:
    """The function, whose result is checked: a coroutine is truthy, whatever it would return."""

    def call(value: T) -> object:
        found = function(value)
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            raise InvalidArgumentError(name, "is async and would never be awaited; use a plain function")
        return found

    return call


def _shown_state(value: object) -> str:
    return str(getattr(value, "status", None) or getattr(value, "phase", None) or value)
