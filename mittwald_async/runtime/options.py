"""What can be set: `Options` per client or clone, `Pool` once per client."""

from __future__ import annotations

import inspect
import math
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeGuard, TypeVar, cast

import msgspec
from msgspec import UNSET

from .callbacks import is_async
from .errors import ConfigurationError, did_you_mean
from .headers import header_flaw, redacted

if TYPE_CHECKING:
    from .events import Event
    from .middleware import Middleware

Observer: TypeAlias = "Callable[[Event], object]"


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are made and kept. Fixed for a client and all its clones."""

    connections: int = 128
    """Open connections at most; further calls queue for one. 0: no bound."""
    keepalive: float = 15.0
    """Seconds an idle connection is kept. Servers and proxies close idle ones after 60 s or more; staying well below
    avoids sending into a connection that is about to be closed."""
    dns_ttl: int = 60
    """Seconds an address is remembered."""
    compressed: bool = True
    """Accept compressed responses."""
    trust_env: bool = True
    """Use the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …). They are read once, when the client opens."""
    tls: ssl.SSLContext | None = None
    """A context of your own, for a private trust store or a client certificate."""

    def __post_init__(self) -> None:
        _at_least("pool.connections", self.connections, 0)
        _above("pool.keepalive", self.keepalive)
        _at_least("pool.dns_ttl", self.dns_ttl, 0)
        _whole("pool.connections", self.connections)
        _truth("pool.compressed", self.compressed)
        _truth("pool.trust_env", self.trust_env)
        if self.tls is not None and not isinstance(self.tls, ssl.SSLContext):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise ConfigurationError(f"pool.tls: must be an ssl.SSLContext, not {type(self.tls).__name__}")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a call can be tuned by. The defaults are meant for unattended bulk work."""

    timeout: float | None = 120.0
    """Seconds for a whole call: attempts, waits between them and the body. `None`: no bound. Waits for the request
    budget come on top and are bounded by `max_wait`."""
    connect_timeout: float | None = 10.0
    """Seconds for making one connection, TLS included."""
    read_timeout: float | None = 60.0
    """Seconds without a byte arriving."""
    max_retries: int = 3
    """Attempts beyond the first."""
    max_retry_wait: float = 120.0
    """Longest wait the server may ask for (`Retry-After`); a longer one raises `RateLimitError` with `retry_after`."""
    consistency: Literal["session", "off"] = "session"
    """`session`: reads see the writes made through the same client. `off`: no event header unless `after` is set."""
    max_response_size: int | None = 256 << 20
    """Bytes that one response may have in memory, decompressed; a larger one raises `ResponseTooLargeError`. `None`: no
    bound. What is streamed or saved to a file is not in memory and has no such bound."""
    strict: bool = False
    """True: a body that deviates from the document raises `ResponseDecodeError` instead of being kept as it came."""
    pace: Literal["burst", "smooth"] = "burst"
    """`burst` spends freely what is left of the request budget's window, `smooth` spreads it over the time left."""
    reserve: float = 0.0
    """Share of the request budget, 0 to 1, that is left to others."""
    max_rate: tuple[float, float] | None = None
    """A ceiling of your own, `(calls, seconds)`, whatever the server allows."""
    max_concurrency: int | None = None
    """Maximum of calls in flight; further ones wait."""
    max_wait: float | None = None
    """Longest wait in seconds for the request budget; a longer one raises `RateLimitError` at once.
    `None`: as long as it takes, up to a whole window of the budget, which is what bulk work wants."""
    priority: int = 0
    """Higher goes first when calls wait for the budget."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """Sent with every call; merged with the headers of the client a clone is made from."""
    user_agent: str | None = None
    """The caller's product, put in front of ours."""
    middleware: tuple[Middleware, ...] = ()
    """`async (request, call_next) -> response`, run around every attempt, the first one outermost."""
    observers: tuple[Observer, ...] = ()
    """Called with every event of a call. Plain functions that return at once; what they raise is logged."""
    after: str | None = None
    """An event id: every call of this client waits until the server has reached it."""

    def __post_init__(self) -> None:
        for name in ("timeout", "connect_timeout", "read_timeout", "max_wait"):
            value = getattr(self, name)
            if value is not None:
                _above(name, value)
        _at_least("max_retries", self.max_retries, 0)
        _at_least("max_retry_wait", self.max_retry_wait, 0)
        _whole("max_retries", self.max_retries)
        if self.max_response_size is not None:
            _whole("max_response_size", self.max_response_size)
            _at_least("max_response_size", self.max_response_size, 1)
        _truth("strict", self.strict)
        _whole("priority", self.priority)
        if not _is_number(self.reserve) or not 0 <= self.reserve < 1:
            raise ConfigurationError(f"reserve: {self.reserve!r} is not a share between 0 and 1")
        if self.max_rate is not None:
            pair = cast("object", self.max_rate)
            parts = cast("Sequence[object]", pair) if isinstance(pair, tuple | list) else ()
            if len(parts) != 2 or not all(_is_number(part) and 0 < part < math.inf for part in parts):
                raise ConfigurationError(f"max_rate: {pair!r} is not (calls, seconds) above 0")
        if self.pace not in ("burst", "smooth"):
            raise ConfigurationError(f'pace: {self.pace!r} is neither "burst" nor "smooth"')
        if self.max_concurrency is not None:
            _whole("max_concurrency", self.max_concurrency)
            _at_least("max_concurrency", self.max_concurrency, 1)
        if self.consistency not in ("session", "off"):
            raise ConfigurationError(f'consistency: {self.consistency!r} is neither "session" nor "off"')
        msgspec.structs.force_setattr(self, "headers", _checked_headers({} if self.headers is None else self.headers))  # pyright: ignore[reportUnnecessaryComparison] - as `OptionValues` permits
        for name in ("user_agent", "after"):
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or header_flaw(name, text)):
                raise ConfigurationError(f"{name}: {text!r} cannot be sent in a header")
        for name in ("middleware", "observers"):
            msgspec.structs.force_setattr(self, name, _functions(name, getattr(self, name)))
        for observer in self.observers:
            if is_async(observer):
                raise ConfigurationError(
                    f"observers: {observer!r} is async and would never be awaited; use a plain function"
                )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Options:
        """Options with these values; `UNSET` and what is not named keep their defaults."""
        given = {name: value for name, value in values.items() if value is not UNSET}
        _check_names(given)
        return cls(**given)

    def merged(self, changes: Mapping[str, Any]) -> Options:
        """A copy with the changes that are not `UNSET`; headers are merged, everything else is replaced."""
        given = {name: value for name, value in changes.items() if value is not UNSET}
        _check_names(given)
        if given.get("headers", UNSET) is None:
            del given["headers"]
        elif isinstance(given.get("headers"), Mapping):
            # A new header replaces the old one in any case of its letters.
            new = {str(name).lower() for name in given["headers"]}
            kept = {name: value for name, value in self.headers.items() if name.lower() not in new}
            given["headers"] = {**kept, **given["headers"]}
        return msgspec.structs.replace(self, **given)


class OptionValues(TypedDict, total=False):
    """The options as keyword arguments; `Options` explains them. A test keeps the two consistent."""

    timeout: float | None
    connect_timeout: float | None
    read_timeout: float | None
    max_retries: int
    max_retry_wait: float
    consistency: Literal["session", "off"]
    max_response_size: int | None
    strict: bool
    pace: Literal["burst", "smooth"]
    reserve: float
    max_rate: tuple[float, float] | None
    max_concurrency: int | None
    max_wait: float | None
    priority: int
    headers: Mapping[str, str] | None
    user_agent: str | None
    middleware: Iterable[Middleware]
    observers: Iterable[Observer]
    after: str | None


FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


def options_spelled_out(function: FunctionT) -> FunctionT:
    """Let `help()` and notebooks show each option where the code says `**options`, as editors do anyway."""
    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    plain, kinds = Options(), OptionValues.__annotations__
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(plain, name),
            annotation=getattr(kinds[name], "__forward_arg__", kinds[name]),
        )
        for name in Options.__struct_fields__
    ]
    function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return function


def _check_names(values: Mapping[str, object]) -> None:
    for name in values:
        if name not in Options.__struct_fields__:
            raise TypeError(f"unknown option {name!r}{did_you_mean(name, Options.__struct_fields__)}")


def _checked_headers(headers: object) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers: must be a mapping of names to values, not {type(headers).__name__}")
    checked: dict[str, str] = {}
    for name, value in cast("Mapping[object, object]", headers).items():
        if not isinstance(name, str) or not isinstance(value, str):
            what = type(value).__name__ if isinstance(name, str) else f"named by {type(name).__name__}"
            raise ConfigurationError(f"headers: {name!r} must be text, not {what}")
        flaw = header_flaw(name, value)
        if flaw:
            raise ConfigurationError(f"headers: {name!r}: {flaw}")
        checked[name] = redacted(name, value)
    return checked


def _functions(name: str, given: object) -> tuple[object, ...]:
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ConfigurationError(f"{name}: must be an iterable of functions, not {type(given).__name__}")
    functions = tuple(cast("Iterable[object]", given))
    for function in functions:
        if not callable(function):
            raise ConfigurationError(f"{name}: {function!r} cannot be called")
    return functions


def _truth(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}: {value!r} is neither True nor False")


def _above(name: str, value: float) -> None:
    if not (_is_number(value) and 0 < value < math.inf):
        raise ConfigurationError(f"{name}: {value!r} is not a number of seconds above 0 (None means no bound)")


def _at_least(name: str, value: float, least: int) -> None:
    if not (_is_number(value) and value >= least):
        raise ConfigurationError(f"{name}: {value!r} must be a number of at least {least}")


def _whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"{name}: {value!r} must be a whole number")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
