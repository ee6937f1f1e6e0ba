"""One request for a token: how it is made, and what its response grants or refuses.

Functions here that see a token raise nothing, so that no traceback keeps it in a local variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, TypeAlias, final
from urllib.parse import quote, quote_plus, urlencode

import msgspec

from ..error_bodies import ErrorBody, json_object
from ..errors import ApiClientError, AuthenticationError, Issue, RateLimitError, body_excerpt, error_class
from ..headers import retry_after
from ..logs import logger
from .secret import Secret, flaw_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

MARGIN = 60.0
"""A token is renewed this many seconds before it expires, or a tenth of its lifetime if that is less."""
_MARGIN_SHARE = 0.1

_log = logger("credentials")


@final
class TokenResponse:
    """What came back on a request for a token, whatever its status.

    Attributes:
        status: HTTP status.
        headers: of the answer; they may set cookies, so they show in no repr either.
        body: the body as text; sealed because it may hold tokens.
        error_body: where the body of a refusal says what.
    """

    __slots__ = ("body", "error_body", "headers", "status")

    def __init__(
        self, *, status: int, headers: Mapping[str, str], body: Secret, error_body: ErrorBody | None = None
    ) -> None:
        self.status: int = status
        self.headers: Mapping[str, str] = headers
        self.body: Secret = body
        self.error_body: ErrorBody = error_body or ErrorBody()

    def __repr__(self) -> str:
        return f"TokenResponse(status={self.status})"


class Exchange(Protocol):
    """How credentials send: one request without a token, passed in by the client."""

    async def __call__(
        self, operation_id: str, method: str, path: str, body: Secret, content_type: str = JSON
    ) -> TokenResponse:
        """Send `body` and give the response of any status; raises `TransportError` where none came.

        Args:
            operation_id: for messages; empty for a route that is in no document.
            method, path: the route, under the base URL; or a whole URL.
            body: as it is sent.
            content_type: what the body is.
        """
        ...


_EXPIRY_NAMES = ("expires", "expiresAt", "expiry")
_TOKEN_NAMES = ("token", "publicToken", "access_token")
_REFRESH_NAMES = ("refreshToken", "refresh_token")
_LIFETIME = "expires_in"
"""Seconds that a token lives; what OAuth 2 says instead of a moment."""

Expiry: TypeAlias = datetime | float | str | None
"""When a token expires: a datetime (without time zone: UTC), seconds since 1970, RFC 3339 text, or unknown."""


class Grant(msgspec.Struct, frozen=True):
    """A token and what is known of its time. Seconds since 1970."""

    token: Secret
    refresh: Secret | None = None
    expires: float | None = None
    renew_at: float | None = None


class LoginStep(NamedTuple):
    """One request of a login."""

    operation_id: str
    method: str
    path: str
    what: str
    """How messages call it."""

    async def ask(self, exchange: Exchange, body: Secret, content_type: str = JSON) -> TokenResponse:
        return await exchange(self.operation_id, self.method, self.path, body, content_type)


def sealed_json(**fields: str | Secret) -> Secret:
    """A JSON object as a secret, built in one expression so that no frame keeps the parts."""
    return Secret(
        msgspec.json.encode(
            {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}
        ).decode()
    )


def sealed_form(**fields: str | Secret) -> Secret:
    """The same as a form."""
    return Secret(
        urlencode({name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()})
    )


def _object(answer: TokenResponse) -> dict[str, Any]:
    """The answer's JSON object; empty if it is none."""
    return json_object(answer.body.reveal().encode("utf-8", "surrogatepass"))


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
            problem = f"{name} is not a date and time"
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
            return granted(Secret(values[name]), _refresh_token(values), _expiry(values, wall), wall)
    return None


def _refresh_token(values: Mapping[str, Any]) -> Secret | None:
    """Raises nothing: its frame sees tokens."""
    found = [values[name] for name in _REFRESH_NAMES if isinstance(values.get(name), str) and values[name]]
    return Secret(found[0]) if found else None


def _expiry(values: Mapping[str, Any], wall: float) -> float | None:
    """When the token expires, named as a moment or as a lifetime."""
    lifetime = values.get(_LIFETIME)
    if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and 0 < lifetime < 1e9:
        return wall + lifetime
    return expiry_in(values, wall)


def _masked(text: str, secrets: tuple[Secret, ...]) -> str:
    """Server text without the secrets it may echo."""
    for secret in secrets:
        plain = secret.reveal()
        for form in (plain, quote_plus(plain), quote(plain, safe="")):
            text = text.replace(form, "***")
        del plain, form
    return text


def refusal(step: LoginStep, answer: TokenResponse, *secrets: Secret) -> ApiClientError:
    """The error for an answer that grants nothing. Only a refusal is an `AuthenticationError`; a busy or broken server
    stays what it is. The body is not kept: servers echo what they were sent."""
    status = answer.status
    if 200 <= status < 300:
        return AuthenticationError(
            f"{step.what} failed: the answer carries no token",
            status=status,
            operation_id=step.operation_id,
            method=step.method,
            url=step.path,
        )
    facts = answer.error_body.read(answer.body.reveal().encode("utf-8", "surrogatepass"))
    said = _masked(facts.message or body_excerpt(answer.body.reveal().encode("utf-8", "replace")), secrets)
    transient = status < 400 or status in (408, 429) or status >= 500
    details: dict[str, Any] = {
        "status": status,
        "type": _masked(facts.type, secrets),
        "operation_id": step.operation_id,
        "method": step.method,
        "url": step.path,
        "issues": tuple(
            Issue(_masked(issue.path, secrets), _masked(issue.message, secrets), issue.type) for issue in facts.issues
        ),
    }
    message = f"{step.what} failed: {said}" if said and said[0] not in "{[<" else f"{step.what} failed"
    if status == 429:
        return RateLimitError(message, retry_after=retry_after(answer.headers), **details)
    return (error_class(status) if transient else AuthenticationError)(message, **details)
