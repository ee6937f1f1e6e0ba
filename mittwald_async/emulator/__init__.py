"""A local mittwald API: stateful, deterministic, with the real one's behaviour, and with faults on request.

    async with Emulator(seed=7, customers=20) as api:
        async with Mittwald(api.token, base_url=api.url) as mw:
            ...

It runs on the loopback interface, in this process or as one of its own (`mittwald-async emulate`).
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from .faults import Fault, parsed
from .options import (
    MFA_CODE,
    PASSWORD,
    EmulatedAccount,
    EmulatorOptions,
    OptionError,
    OptionsByName,
    Transitions,
    refuse_unknown,
    usual_lag,
)

if TYPE_CHECKING:
    from .churn import AccountChange
    from .core import Core
    from .http_messages import ExecutedWrite, LoggedRequest
    from .server import EmulatorServer
    from .state import World
    from .tenant import Tenant
    from .webhooks import Webhook

__all__ = [
    "MFA_CODE",
    "PASSWORD",
    "EmulatedAccount",
    "Emulator",
    "Fault",
    "OptionError",
    "EmulatorOptions",
    "RunningAccount",
    "Transitions",
]


class Emulator:
    """A running emulator, from `async with` to its end.

    Args:
        seed: same seed and same day, same account; any integer.
        customers: customers of the account, 1 to 1,000,000.
        projects: projects of the whole account, 0 to 1,000,000.
        rate_limit: requests and seconds of one budget, or `None` for no limit.
        faults: what goes wrong, see `Fault`.
        options: every other option by name, see `EmulatorOptions`; `accounts` for several users, `on` for another day
            than today.

    Raises:
        OptionError: options that contradict each other or are out of range, an unreadable state file, or (on entering)
            a port that is taken.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        customers: int = 3,
        projects: int = 20,
        rate_limit: tuple[int, float] | None = (3000, 600.0),
        faults: tuple[Fault, ...] | list[Fault] = (),
        **options: Unpack[OptionsByName],
    ) -> None:
        given: dict[str, Any] = dict(options)
        refuse_unknown(given)
        given.setdefault("lag", usual_lag(given.get("clock")))
        if isinstance(given.get("state"), os.PathLike):
            given["state"] = os.fspath(given["state"])
        self.options: EmulatorOptions = EmulatorOptions(
            seed=seed, customers=customers, projects=projects, rate_limit=rate_limit, faults=parsed(faults), **given
        ).checked()
        self._core: Core | None = None
        self._server: EmulatorServer | None = None

    @classmethod
    def of(cls, options: EmulatorOptions) -> Emulator:
        """An emulator of ready-made options."""
        emulator = cls.__new__(cls)
        emulator.options = options.checked()
        emulator._core = None
        emulator._server = None
        return emulator

    async def __aenter__(self) -> Self:
        from .server import EmulatorServer

        server = EmulatorServer(self.core)
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
        """An API token of the (first) account's main user."""
        return self.accounts[0].token

    @property
    def accounts(self) -> list[RunningAccount]:
        """Token, login and state of every account, in the order of the option `accounts`; one where none were given."""
        return [RunningAccount(tenant) for tenant in self.core.tenants]

    @property
    def world(self) -> World:
        """The (first) account's state."""
        return self.core.world

    @property
    def requests(self) -> list[LoggedRequest]:
        """The last requests, oldest first."""
        return list(self.core.log)

    @property
    def writes(self) -> list[ExecutedWrite]:
        """Every write that was carried out, oldest first, whatever became of its answer: the judge of programs that
        must do nothing twice and lose nothing."""
        return list(self.core.writes)

    @property
    def webhooks(self) -> list[Webhook]:
        """The last webhooks about extension instances, oldest first, sent (see the option `webhook_url`) or not."""
        if self._server is None:
            self.core.new_webhooks()
        return list(self.core.webhooks)

    @property
    def webhook_serial(self) -> str:
        """Serial of the key that signs webhooks; the key is at `GET /v2/public-keys/{serial}`."""
        from .signing import SigningKey

        return SigningKey(self.options.signing_seed(), "webhook").serial

    def inject(self, *faults: Fault) -> None:
        """Let things go wrong from now on.

        Raises:
            OptionError: a plan that contradicts itself, or whose operation does not exist.
        """
        self.core.faults.add(*parsed(faults))

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward."""
        self.core.clock.advance(seconds)

    def churn(self, seed: int = 0, days: int = 1) -> list[AccountChange]:
        """Let days pass in which things happen as in a real account: a backup of every project each night, certificates
        renewed, mailboxes made and deleted, DNS changed. The clock moves a day for each.

        Args:
            seed: same seed, same account and same calls before: same changes.
            days: 0 to 3660.

        Returns:
            What happened, in order: what a program that compares two states of the account has to find.

        Raises:
            ValueError: `days` is out of range.
        """
        return self.core.churn(seed, days)

    def configure(self, **behaviours: Any) -> None:
        """Change options of behaviours while it runs: `lag`, `rate_limit`, `drift` and so on. For faults there is
        `inject`.

        Raises:
            OptionError: a value out of range, or an option that only a new emulator can take, such as `projects`.
        """
        from .control import retuned

        self.core.configure(retuned(self.core.options, behaviours))

    def reset(self) -> None:
        """Start over with the options it was made with."""
        self.core.reset(self.options)


class RunningAccount:
    """One account of a running emulator."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def __repr__(self) -> str:
        return f"RunningAccount({self.name!r}, email={self.email!r})"

    @property
    def name(self) -> str:
        return self._tenant.name

    @property
    def token(self) -> str:
        """API token of the account's main user."""
        return self._tenant.options.token

    @property
    def email(self) -> str:
        """Of the main user's login."""
        return self._tenant.options.email

    @property
    def password(self) -> str:
        return self._tenant.options.password

    @property
    def mfa_code(self) -> str | None:
        """The second factor; `None`: the login asks for none."""
        return self._tenant.options.mfa_code if self._tenant.options.mfa else None

    @property
    def world(self) -> World:
        """The account's state."""
        return self._tenant.world
