"""What an emulator can be given: one record, checked as a whole before anything starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date
from typing import Any, Literal, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from ..runtime.errors import did_you_mean

EMAIL = "user@example.org"
"""The main user's login."""
PASSWORD = "password-for-tests"  # noqa: S105
"""The password of every generated user."""
MFA_CODE = "123456"
"""The second factor of everyone who has one."""


class OptionError(ValueError):
    """Options that cannot work together or values out of range. The message is one line and says what to change."""


class Transitions(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take that take time: a project gets ready, an app is installed, a backup is written."""

    unit: Literal["seconds", "reads"] = "seconds"
    """`reads`: an object moves on after so many reads, however long that takes."""
    length: float = 2.0
    """Seconds or reads of one phase; 0 means at once."""
    failing: float = 0.02
    """Share of the things that end in their failed state, 0 to 1."""


class EmulatedAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One user of an emulator with several: a token, a login, a budget and data of its own.

    What is not set is as in the emulator's options.
    """

    name: str | None = None
    """In the logs; `None`: `account-1`, `account-2` and so on."""
    token: str | None = None
    """API token; `None`: `token`, `token-2`, `token-3` and so on."""
    email: str | None = None
    """Of the login; `None`: `user@example.org`, `user-2@example.org` and so on."""
    password: str | None = None
    seed: int | None = None
    """`None`: the emulator's, plus 1 for the second account, plus 2 for the third."""
    customers: int | None = None
    projects: int | None = None
    foreign: int | None = None
    mfa: bool | None = None
    rate_limit: tuple[int, float] | UnsetType | None = UNSET
    """Requests and seconds of this user's budget, or `None` for no limit."""
    empty_lists: bool | None = None


class EmulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an emulator can be given. Every behaviour has its switch here; defaults resemble the real thing."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port."""
    seed: int = 0
    """The same seed and date produce the same account."""
    on: date | None = None
    """The day by which the account is dated: its backups are of the night before. `None`: today, in UTC. A virtual
    clock starts at its beginning."""
    accounts: tuple[EmulatedAccount, ...] = ()
    """Several users, each with data of its own; none: one user, by the options below."""
    customers: int = 3
    projects: int = 20
    """Projects of the whole account, spread over the customers. Who has three or more has a server to create others
    on."""
    foreign: int = 2
    """Projects that exist but belong to another account: 403."""
    mfa: bool = False
    """The user's login asks for a second factor."""
    clock: Literal["real", "virtual"] = "real"
    """`virtual`: time stands still until it is advanced; the same calls then produce the same bytes."""
    transitions: Transitions = Transitions()
    token: str = "token"  # noqa: S105
    """The main user's API token."""
    email: str = EMAIL
    """The main user's login, with `password` (of every generated user) and, with `mfa`, `mfa_code`."""
    password: str = PASSWORD
    mfa_code: str = MFA_CODE
    auth: bool = True
    """False: any token, and none, is accepted as the user's."""
    validate: bool = True
    """False: requests are not checked against the document."""
    password_policy: bool = True
    """False: any password will do."""
    rate_limit: tuple[int, float] | None = (3000, 600.0)
    """Requests and seconds. `None`: unlimited, without headers."""
    rate_limit_per: Literal["user", "token"] = "user"
    """Whom the budget belongs to; the real one counts all clients of a user together."""
    login_limit: tuple[int, float] | None = (60, 60.0)
    """The other limit: routes that hand out tokens, per remote address."""
    rate_limit_on_429: bool = False
    """True: a 429 carries the headers as well; the real one does not."""
    lag: float = 0.25
    """Seconds until a write is visible to reads that do not ask for it; 0 switches this off. `Emulator` and the
    command line take 0 where nothing is said and the clock is virtual."""
    permission_lag: float = 0.0
    """Seconds after the event is reached for which a created thing is still 403 or 404."""
    event_wait: float = 10.0
    """Longest wait for an event before 412."""
    drift: float = 0.01
    """Share of answers with an unknown field; a tenth of it gets an unknown enum value."""
    max_limit: dict[str, int] = {}
    """Largest `limit` by operation id beside those known to refuse (`*`: all lists)."""
    default_limit: int | None = None
    """Items per page where the document states no default; `None`: the whole list."""
    session_seconds: float = 3600.0
    """Life of a session's token."""
    extension_seconds: float = 600.0
    """Life of an extension instance's token."""
    faults: tuple[Any, ...] = ()
    """Fault plans, see `faults.Fault`."""
    fault_seed: int | None = None
    """Seed of the faults' dice; `None`: the seed."""
    redirects: dict[str, str] = {}
    """Locations of redirect stubs by `METHOD /path` template, instead of the derived ones."""
    state: str | None = None
    """File with a dumped state to start from; `seed`, `customers` and `projects` of the dump win."""
    log_size: int = 1000
    """Requests the control API remembers."""
    write_log_size: int = 1_000_000
    """Executed writes that are remembered."""
    webhook_url: str | None = None
    """Where webhooks about extension instances are sent, signed; `None`: nowhere."""
    key_seed: int | None = None
    """Seed of the keys that sign webhooks and session tokens; `None`: the seed."""
    empty_lists: bool = False
    """True: lists of the whole account answer `[]` (but for those of projects, servers and customers), though the lists
    of a project show its items, as some tokens of the real API see it."""
    broken_log_ends: bool = True
    """The logs of a service come whole, but their connection breaks instead of ending, as the real one often does."""

    def checked(self) -> EmulatorOptions:
        """The same options with every value in its type, or OptionError."""
        try:
            options = msgspec.convert(msgspec.to_builtins(self), EmulatorOptions)
        except (msgspec.ValidationError, TypeError) as error:
            raise OptionError(str(error).replace(" - at `$.", ": `")) from None
        options._check()
        return options

    def _check(self) -> None:
        ranges = (
            ("port", 0 <= self.port <= 65535, "0 to 65535"),
            ("customers", 1 <= self.customers <= 1_000_000, "1 to 1000000"),
            ("projects", 0 <= self.projects <= 1_000_000, "0 to 1000000"),
            ("foreign", 0 <= self.foreign <= 1000, "0 to 1000"),
            ("drift", 0 <= self.drift <= 1, "0 to 1"),
            ("transitions.failing", 0 <= self.transitions.failing <= 1, "0 to 1"),
            ("transitions.length", self.transitions.length >= 0, "0 or more"),
            ("lag", self.lag >= 0, "0 or more seconds"),
            ("permission_lag", self.permission_lag >= 0, "0 or more seconds"),
            ("event_wait", self.event_wait >= 0, "0 or more seconds"),
            ("log_size", self.log_size >= 0, "0 or more"),
            ("write_log_size", self.write_log_size >= 0, "0 or more"),
        )
        for name, fine, allowed in ranges:
            if not fine:
                raise OptionError(f"{name} must be {allowed}")
        for name, limit in (("rate_limit", self.rate_limit), ("login_limit", self.login_limit)):
            if limit is not None and (limit[0] < 1 or limit[1] <= 0):
                raise OptionError(f"{name} must be at least 1 request in more than 0 seconds")
        if self.webhook_url is not None and not self.webhook_url.startswith(("http://", "https://")):
            raise OptionError("webhook_url must begin with http:// or https://")
        if self.accounts:
            self._check_accounts()
        if not self.auth and self.mfa:
            raise OptionError("mfa contradicts auth=False: a second factor needs credentials")
        if self.permission_lag and not self.lag:
            raise OptionError("permission_lag needs lag: without lagging events permissions do not lag")

    def _check_accounts(self) -> None:
        each = self.each_account()
        for account in each:
            account.checked()
        for name in ("name", "token", "email", "seed"):
            values = [getattr(account, "account_name" if name == "name" else name) for account in each]
            if len(set(values)) < len(values):
                raise OptionError(f"accounts must differ in {name}")

    def signing_seed(self) -> int:
        """The seed of the signing keys."""
        return self.seed if self.key_seed is None else self.key_seed

    def each_account(self) -> list[AccountOptions]:
        """The options of every account: one where none are given."""
        if not self.accounts:
            return [_for_account(self, EmulatedAccount(), 1)]
        return [_for_account(self, account, number) for number, account in enumerate(self.accounts, 1)]


class AccountOptions(EmulatorOptions, frozen=True, kw_only=True):
    """The options as one account has them."""

    account_name: str


def _for_account(options: EmulatorOptions, account: EmulatedAccount, number: int) -> AccountOptions:
    own: dict[str, Any] = {
        name: value
        for name in EmulatedAccount.__struct_fields__
        if name != "name" and (value := getattr(account, name)) is not (UNSET if name == "rate_limit" else None)
    }
    if number > 1:
        own.setdefault("token", f"{options.token}-{number}")
        own.setdefault("seed", options.seed + number - 1)
        local, _, domain = options.email.partition("@")
        own.setdefault("email", f"{local}-{number}@{domain}")
    shared: dict[str, Any] = {name: getattr(options, name) for name in EmulatorOptions.__struct_fields__}
    shared["key_seed"] = options.signing_seed()
    shared["accounts"] = ()
    return AccountOptions(**{**shared, **own}, account_name=account.name or f"account-{number}")


def usual_lag(clock: object) -> float:
    """The lag where none is asked for: with a virtual clock, a read that waits for its write would wait without end,
    since the clock is not advanced meanwhile."""
    return 0.0 if clock == "virtual" else EmulatorOptions().lag


class OptionsByName(TypedDict, total=False):
    """The options that `Emulator` takes by name beside its own parameters, for editors and type checkers."""

    host: str
    port: int
    on: date | str | None
    accounts: tuple[EmulatedAccount, ...] | list[EmulatedAccount]
    foreign: int
    mfa: bool
    clock: Literal["real", "virtual"]
    transitions: Transitions
    token: str
    email: str
    password: str
    mfa_code: str
    auth: bool
    validate: bool
    password_policy: bool
    rate_limit_per: Literal["user", "token"]
    login_limit: tuple[int, float] | None
    rate_limit_on_429: bool
    lag: float
    permission_lag: float
    event_wait: float
    drift: float
    max_limit: dict[str, int]
    default_limit: int | None
    session_seconds: float
    extension_seconds: float
    fault_seed: int | None
    redirects: dict[str, str]
    state: str | os.PathLike[str] | None
    log_size: int
    write_log_size: int
    webhook_url: str | None
    key_seed: int | None
    empty_lists: bool
    broken_log_ends: bool


def refuse_unknown(names: Iterable[str]) -> None:
    """Raises OptionError where a name is not an option's."""
    unknown = sorted(set(names) - set(EmulatorOptions.__struct_fields__))
    if unknown:
        way = did_you_mean(unknown[0], EmulatorOptions.__struct_fields__)
        raise OptionError(f"unknown options: {', '.join(unknown)}{way}")
