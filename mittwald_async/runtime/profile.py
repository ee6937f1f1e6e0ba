"""What an API does that no document says: one record, written by hand or by the generator, handed to a `Client`.

The defaults are those of an API that does nothing special: bearer tokens, no budget headers, no event ids, plain
errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from yarl import URL

from .budget_headers import BudgetHeaders
from .error_bodies import ErrorBody
from .errors import ConfigurationError
from .lists import PagingNames
from .schemes import BEARER, Scheme
from .urls import http_url, is_exposed


class ForbiddenEnding(msgspec.Struct, frozen=True):
    """A path that a base URL must not end with, because every path of the document begins with it."""

    path: str
    problem: str
    """Advice for the error message, as a sentence; `{url}` is replaced by the given address."""


class EventIds(msgspec.Struct, frozen=True, kw_only=True):
    """How an eventually consistent API lets a read wait for a write: the write's response names an event, and a later
    request asks the server to answer once it has handled that event."""

    response_header: str
    request_header: str
    looks_like: str = r"\S+"
    """Regular expression that a whole event id matches. Proxies put values of their own into well-known headers."""
    not_reached_types: tuple[str, ...] = ()
    """Types of the error body of a 412 that means: the event was not reached in time."""
    not_reached_messages: tuple[str, ...] = ()
    """Parts of messages that mean the same."""
    lag_statuses: frozenset[int] = frozenset((403, 404))
    """Statuses that may be lag where they are about something that was just created."""
    lag_retries: int = 4
    """Repetitions of such a status."""
    lag_wait: float = 0.25
    """Seconds before the first repetition; doubles each time."""

    def is_event_id(self, text: str) -> bool:
        """Whether the value of the response header is an event id."""
        return re.fullmatch(self.looks_like, text) is not None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How one API behaves."""

    name: str
    """The API, as messages call it."""
    product: str
    """User agent product of the client package, such as `shop-client/1.0`."""
    base_url: str | None = None
    """Where the API is; `None`: every client has to say."""
    base_url_variable: str | None = None
    """Environment variable that names another address."""
    forbidden_endings: tuple[ForbiddenEnding, ...] = ()
    token_variables: tuple[str, ...] = ()
    """Environment variables that may hold a token; the first that is set counts."""
    authentication: Scheme = BEARER
    accept: str = "application/json"
    """`Accept` of calls whose operation documents no other type."""
    paging: PagingNames = PagingNames()
    errors: ErrorBody = ErrorBody()
    budget_headers: BudgetHeaders | None = None
    """Which headers state the request budget; `None`: no header is believed, and only a 429 slows calls down."""
    events: EventIds | None = None
    """`None`: what was written can be read at once, and no event header is sent."""
    scope_parameters: frozenset[str] = frozenset()
    """Path parameters of what other things belong to: a write that names one of them has changed nothing elsewhere."""

    def base_url_from(self, given: str | None, environ: Mapping[str, str], *, allow_http: bool = False) -> URL:
        """The address a client is to use: given, else of the environment, else the default.

        Raises:
            ConfigurationError: there is none, or it cannot be one.
        """
        variable = self.base_url_variable
        text = given or environ.get(variable or "") or self.base_url
        if not text:
            also = f" or set {variable}" if variable else ""
            raise ConfigurationError(f"base_url: {self.name} has no default address; pass base_url=…{also}")
        url = http_url(text)
        example = self.base_url or "https://api.example.com"
        if url is None or url.query_string or url.fragment:
            raise ConfigurationError(f"base_url: {text!r} is not like {example}")
        if url.raw_user or url.raw_password:
            raise ConfigurationError("base_url: credentials do not belong into the URL; use token=… or credentials=…")
        if is_exposed(url) and not allow_http:
            raise ConfigurationError(
                f"base_url: {text!r} would send the token unencrypted; use https://, or allow_http=True if that is intended"
            )
        path = url.path.rstrip("/")
        for ending in self.forbidden_endings:
            if path.endswith(ending.path):
                raise ConfigurationError(f"base_url: {ending.problem.format(url=repr(text))}")
        return url
