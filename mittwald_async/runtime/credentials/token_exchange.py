"""The pieces credentials are made of: sealed text, one request for a token, and reading what it grants or refuses.

Functions here that see a token raise nothing, so that no traceback keeps it in a local variable.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias, cast, final

import msgspec

from ..errors import ApiClientError, AuthenticationError, Issue, RateLimitError, body_excerpt, error_class

MARGIN = 60.0
"""A token is renewed this many seconds before it expires, or a tenth of its lifetime if that is less."""
_MARGIN_SHARE = 0.1

_log = logging.getLogger("mittwald_async.runtime.credentials")
_SURROGATE = re.compile("[\ud800-\udfff]")


@final
class Secret:
    """Text that does not show in a repr, an f-string, a pickle or a dump of attributes.

    The text sits in a closure, so tools that walk attributes (debuggers, error reporters) find a function. Whoever needs
    the text calls `reveal()` in the expression that uses it and keeps it in no variable.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], str]
    """The text itself."""

    def __init__(self, text: str) -> None:
        self.reveal = lambda: text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return format("Secret(***)", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self.reveal()), _bytes(other.reveal()))

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: build the credentials in the process that uses them")


def as_secret(text: str | Secret) -> Secret:
    """The text as a secret, a secret as it is. (Callers `del` their own name for the text.)"""
    return text if isinstance(text, Secret) else Secret(text)


@final
class TokenResponse:
    """What came back on a request for a token, whatever its status.

    Attributes:
        status: HTTP status.
        headers: of the answer; they may set cookies, so they show in no repr either.
        body: the body as text; sealed because it may hold tokens.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, *, status: int, headers: Mapping[str, str], body: Secret) -> None:
        self.status: int = status
        self.headers: Mapping[str, str] = headers
        self.body: Secret = body

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"


class Exchange(Protocol):
    """How credentials send: one request without a token, given by whoever asks for one."""

    async def __call__(self, operation_id: str, method: str, path: str, body: Secret) -> TokenResponse:
        """Send `body` (JSON) and give the answer of any status; raises `TransportError` where none came."""
        ...


_EXPIRY_NAMES = ("expires", "expiresAt", "expiry")
_TOKEN_NAMES = ("token", "publicToken")

Expiry: TypeAlias = datetime | float | str | None
"""When a token expires: a datetime (without time zone: UTC), seconds since 1970, RFC 3339 text, or unknown."""


class Grant(msgspec.Struct, frozen=True):
    """A token and what is known of its time. Seconds since 1970."""

    token: Secret
    refresh: Secret | None = None
    expires: float | None = None
    renew_at: float | None = None


class Step(NamedTuple):
    """One request of a login."""

    operation_id: str
    method: str
    path: str
    what: str
    """How messages call it."""

    async def ask(self, exchange: Exchange, body: Secret) -> TokenResponse:
        return await exchange(self.operation_id, self.method, self.path, body)


def flaw_of(text: object) -> str:
    """What keeps `text` from being a token; empty if nothing does."""
    if not isinstance(text, str):
        return f"is no text but {type(text).__name__}"
    if not text.strip():
        return "is empty"
    if text != text.strip():
        where = "ends" if text == text.lstrip() else "begins"
        what = "a line break" if "\n" in text or "\r" in text else "white space"
        return f"{where} with {what}: strip it"
    if any(not "!" <= character <= "~" for character in text):
        return "holds a character that no header may carry (white space, control or non-ASCII)"
    return ""


def _bytes(text: str) -> bytes:
    """Never fails: the error would carry the text."""
    return text.encode("utf-8", "surrogatepass")


def text_flaw(text: object) -> str:
    """What keeps `text` from being part of a login; empty if nothing does."""
    if not isinstance(text, str):
        return f"is no text but {type(text).__name__}"
    if not text.strip():
        return "is empty"
    return "holds a character that cannot be sent (a lone surrogate)" if _SURROGATE.search(text) else ""


def digest(kind: str, text: str) -> str:
    """What tells credentials apart and does not tell them."""
    return hashlib.sha256(_bytes(f"mittwald_async:{kind}:{text}")).hexdigest()[:24]


def sealed(**fields: str | Secret) -> Secret:
    """A JSON object as a secret, built in one expression so that no frame keeps the parts."""
    return Secret(
        msgspec.json.encode(
            {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}
        ).decode()
    )


def _object(answer: TokenResponse) -> dict[str, Any]:
    """The answer's JSON object; empty if it is none."""
    try:
        value: object = msgspec.json.decode(answer.body.reveal())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _moment(value: object) -> float:
    """Seconds since 1970; raises ValueError for nonsense."""
    if isinstance(value, str):
        value = msgspec.convert(value, datetime)  # ValidationError is a ValueError
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise ValueError("no moment in time")
    return float(value)


def expiry_in(values: Mapping[str, Any], wall: float) -> float | None:
    """The first sensible expiry among the names it goes by; what cannot be used is logged once and unknown."""
    problem = ""
    for name in _EXPIRY_NAMES:
        if values.get(name) is None:
            continue
        try:
            moment = _moment(values[name])
        except (ValueError, OverflowError):
            problem = f"{name} is no date and time"
            continue
        if moment > wall:
            return moment
        problem = f"{name} is in the past of this machine's clock"
    if problem:
        _log.warning("the token's expiry is not usable (%s) and counts as unknown", problem)
    return None


def granted(token: Secret, refresh: Secret | None, expires: float | None, wall: float) -> Grant:
    """A token that is renewed in time; `expires` and `wall`, the present, in seconds since 1970."""
    if expires is None:
        return Grant(token, refresh)
    margin = min(MARGIN, _MARGIN_SHARE * (expires - wall))
    return Grant(token, refresh, expires, expires - margin)


def grant_in(answer: TokenResponse, wall: float) -> Grant | None:
    """What a successful answer grants, `None` for any other. Raises nothing: its frame sees tokens."""
    if not 200 <= answer.status < 300:
        return None
    values = _object(answer)
    for name in _TOKEN_NAMES:
        if not flaw_of(values.get(name)):
            refresh = values.get("refreshToken")
            kept = Secret(refresh) if isinstance(refresh, str) and refresh else None
            return granted(Secret(values[name]), kept, expiry_in(values, wall), wall)
    return None


def _masked(text: object, secrets: tuple[Secret, ...]) -> str:
    """Server text without the secrets it may echo."""
    shown_text = text if isinstance(text, str) else ""
    for secret in secrets:
        shown_text = shown_text.replace(secret.reveal(), "***")
    return shown_text


def _issues(values: Mapping[str, Any], secrets: tuple[Secret, ...]) -> tuple[Issue, ...]:
    listed = values.get("validationErrors")
    entries = cast("list[object]", listed) if isinstance(listed, list) else []
    return tuple(
        Issue(
            _masked(entry.get("path"), secrets), _masked(entry.get("message"), secrets), _masked(entry.get("type"), ())
        )
        for entry in (cast("dict[str, object]", item) for item in entries if isinstance(item, dict))
    )


def refusal(step: Step, answer: TokenResponse, *secrets: Secret) -> ApiClientError:
    """The error for an answer that grants nothing. Only a refusal is an `AuthenticationError`; a busy or broken server
    stays what it is. The body is not kept: servers echo what they were sent."""
    status, values = answer.status, _object(answer)
    if 200 <= status < 300:
        return AuthenticationError(
            f"{step.what} failed: the answer carries no token",
            status=status,
            operation_id=step.operation_id,
            method=step.method,
            url=step.path,
        )
    said = _masked(values.get("message"), secrets) or _masked(body_excerpt(answer.body.reveal().encode()), secrets)
    transient = status < 400 or status in (408, 429) or status >= 500
    details: dict[str, Any] = {
        "status": status,
        "type": _masked(values.get("type"), secrets),
        "operation_id": step.operation_id,
        "method": step.method,
        "url": step.path,
        "issues": _issues(values, secrets),
    }
    message = f"{step.what} failed: {said}" if said and said[0] not in "{[<" else f"{step.what} failed"
    if status == 429:
        told = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "")
        return RateLimitError(message, retry_after=float(told) if told.isdecimal() else None, **details)
    return (error_class(status) if transient else AuthenticationError)(message, **details)
