"""Who calls: a caller's identity, tokens and logins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """Who calls: a user by session or API token, an extension instance, or no known caller (routes without
    security)."""

    kind: Literal["user", "extension", "anonymous"]
    user_id: str | None = None
    token_id: str | None = None
    """Id of the session or the API token."""
    extension_instance_id: str | None = None
    project_id: str | None = None
    """The only project an extension instance's token may see."""
    customer_id: str | None = None
    read_only: bool = False


class Token(msgspec.Struct, kw_only=True):
    """A secret that opens doors, and what is known of it."""

    secret: str
    id: str
    """Session id, API token id, retrieval key id."""
    kind: Literal["session", "api", "extension", "key"]
    identity: Identity
    created: float
    expires: float | None = None
    """Unix seconds."""
    refresh: str | None = None
    description: str = ""
    roles: tuple[str, ...] = ()


class Tokens(Protocol):
    """The tokens of one emulator. Sessions and API tokens are listed, made and revoked through it."""

    def issue(
        self,
        kind: Literal["session", "api", "extension", "key"],
        identity: Identity,
        *,
        seconds: float | None = None,
        description: str = "",
        roles: Iterable[str] = (),
    ) -> Token:
        """Make one; `identity.token_id` is set to the new id."""
        ...

    def of(self, user_id: str, kind: Literal["session", "api"]) -> list[Token]:
        """A user's living tokens, oldest first."""
        ...

    def get(self, token_id: str) -> Token | None: ...

    def revoke(self, token_id: str) -> bool:
        """False: there was none."""
        ...


class Login(msgspec.Struct, frozen=True):
    """What a login needs to know of a user."""

    user_id: str
    email: str
    password: str
    mfa_code: str | None = None
    """Set: login asks for a second factor, and this is it."""
