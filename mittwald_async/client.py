"""`Mittwald`: the client. Opened by `async with`, bound to that event loop, cheap to clone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from .api.groups import Groups
from .logs import logged
from .operations import OPERATIONS
from .profile import PROFILE
from .runtime.client import Client

if TYPE_CHECKING:
    import aiohttp

    from .dns import Dns
    from .metrics import Metrics
    from .runtime.clock import Clock
    from .runtime.credentials import Credentials
    from .runtime.files import TextLines
    from .runtime.options import OptionValues, Pool
    from .runtime.transport.session import Session
    from .waiting import Waiters
    from .webhooks import Verifier


class Mittwald(Groups, Client):
    """The mittwald API.

        async with Mittwald() as mw:
            project = await mw.project.get_project("p-4x8k2q")

    A client is opened once, by `async with`, and belongs to the event loop it was opened on. It may be used by any
    number of tasks. `with_options` makes clones that share its connections, request budget and credentials.
    """

    profile = PROFILE
    operations = OPERATIONS

    def _begin(
        self,
        credentials: Credentials | None,
        base_url: str | None,
        session: aiohttp.ClientSession | Session | None,
        pool: Pool | None,
        clock: Clock,
        allow_http: bool,
        options: OptionValues,
    ) -> None:
        super()._begin(credentials, base_url, session, pool, clock, allow_http, logged(options))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            from .near_misses import where_is

            known = [attribute for attribute in dir(type(self)) if not attribute.startswith("_")]
            raise AttributeError(where_is(name, known), name=name, obj=self)

    @cached_property
    def wait(self) -> Waiters:
        """Waiters for what takes a while: `await mw.wait.project_ready(project_id)`."""
        from .waiting import Waiters

        return Waiters(self, clock=self._shared.clock)

    @cached_property
    def dns(self) -> Dns:
        """Single DNS entries by host name: `await mw.dns.add("_acme-challenge.example.org", "TXT", token)`."""
        from .dns import Dns

        return Dns(self, clock=self._shared.clock)

    @cached_property
    def webhooks(self) -> Verifier:
        """Checks an extension's webhooks and session tokens: `await mw.webhooks.verify(headers, body)`."""
        from .webhooks import Verifier

        return Verifier(self, clock=self._shared.clock, wall=self._shared.wall)

    @cached_property
    def metrics(self) -> Metrics:
        """Metrics of projects: `await mw.metrics.query("…PromQL…", project_id=project.id, start=yesterday)`."""
        from .metrics import Metrics

        return Metrics(self, wall=self._shared.wall)

    def service_logs(
        self,
        stack_id: str,
        service_id: str,
        *,
        tail: int | None = None,
        follow: bool = False,
        every: float = 5.0,
    ) -> TextLines:
        """The logs of a container, line by line or whole.

            async for line in mw.service_logs(stack_id, service_id, tail=100, follow=True): ...
            text = await mw.service_logs(stack_id, service_id)

        The server often breaks the connection instead of ending the text. A stream ends there (see `.complete`).

        Args:
            stack_id, service_id: the container.
            tail: the last lines only.
            follow: continue with new lines until the loop is left.
            every: seconds between two looks while following; each is a request.

        Raises (while reading):
            TransportError: nothing arrived, or less than was announced; `.partial` is what did.
            StatusError: the server refused.
        """
        from .api.container import GET_SERVICE_LOGS
        from .runtime.files import TextLines

        query = {"tail": tail}
        clock = self._shared.clock
        path = (stack_id, service_id)
        return TextLines(self._pipeline, GET_SERVICE_LOGS, path, query, follow=follow, every=every, clock=clock)
