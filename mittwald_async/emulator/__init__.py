"""A local mittwald API: stateful, deterministic, with the real one's traits and faults on request.

    async with Emulator(seed=7, customers=20) as api:
        async with Mittwald("token", base_url=api.url) as mw:
            ...

It runs on the loopback interface, in this process or as one of its own (`python -m mittwald_async.emulator`).
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .faults import Fault, parsed
from .options import OptionError, Options, Transitions, usual_lag

if TYPE_CHECKING:
    from .core import Core
    from .http_messages import Entry
    from .server import Server
    from .state import World

__all__ = ["Emulator", "Fault", "OptionError", "Options", "Transitions"]


class Emulator:
    """A running emulator, from `async with` to its end.

    Args:
        seed: same seed, same account; any integer.
        customers: customers of the account, 1 to 1,000,000.
        projects: projects of the whole account, 0 to 1,000,000.
        rate_limit: requests and seconds of one budget, or `None` for no limit.
        faults: what goes wrong, see `Fault`.
        options: every other option by name, see `Options`.

    Raises:
        OptionError: options that cannot be, an unreadable state file, or (on entering) a port that is taken.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        customers: int = 3,
        projects: int = 20,
        rate_limit: tuple[int, float] | None = (3000, 600.0),
        faults: tuple[Fault, ...] | list[Fault] = (),
        **options: Any,
    ) -> None:
        unknown = set(options) - set(Options.__struct_fields__)
        if unknown:
            raise OptionError(f"unknown options: {', '.join(sorted(unknown))}")
        options.setdefault("lag", usual_lag(options.get("clock")))
        if isinstance(options.get("state"), os.PathLike):
            options["state"] = os.fspath(options["state"])
        self.options: Options = Options(
            seed=seed, customers=customers, projects=projects, rate_limit=rate_limit, faults=parsed(faults), **options
        ).checked()
        self._core: Core | None = None
        self._server: Server | None = None

    @classmethod
    def of(cls, options: Options) -> Emulator:
        """An emulator of ready-made options."""
        emulator = cls.__new__(cls)
        emulator.options = options.checked()
        emulator._core = None
        emulator._server = None
        return emulator

    async def __aenter__(self) -> Self:
        from .server import Server

        server = Server(self.core)
        await server.start(self.options.host, self.options.port)
        self._server = server
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    @property
    def core(self) -> Core:
        """The behaviour without the socket; built on first use."""
        if self._core is None:
            from .factory import build  # loads every operation, which options alone do not need

            self._core = build(self.options)
        return self._core

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end. Raises RuntimeError where it is not running."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use it with `async with`")
        host = self.options.host
        return f"http://[{host}]:{self._server.port}" if ":" in host else f"http://{host}:{self._server.port}"

    @property
    def token(self) -> str:
        """An API token of the account's main user."""
        return self.options.token

    @property
    def world(self) -> World:
        """The account's state."""
        return self.core.world

    @property
    def requests(self) -> list[Entry]:
        """The last requests, oldest first."""
        return list(self.core.log)

    def inject(self, *faults: Fault) -> None:
        """Let things go wrong from now on.

        Raises:
            OptionError: a plan that cannot be, or whose operation does not exist.
        """
        self.core.faults.add(*parsed(faults))

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward."""
        self.core.clock.advance(seconds)

    def configure(self, **traits: Any) -> None:
        """Change options of traits while it runs: `lag`, `rate_limit`, `drift` and so on. For faults there is `inject`.

        Raises:
            OptionError: a value that cannot be, or an option that only a new emulator can take, such as `projects`.
        """
        from .control import retuned

        self.core.configure(retuned(self.core.options, traits))

    def reset(self) -> None:
        """Start over with the options it was made with."""
        self.core.reset(self.options)
