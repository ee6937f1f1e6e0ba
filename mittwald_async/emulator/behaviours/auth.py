"""Who calls: tokens, logins with a second factor, refreshing, retrieval keys, extension instances."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from ..clock import EmulatorClock
from ..handlers import EmulatedCall, handles
from ..identity import Identity, Token
from ..options import EmulatorOptions
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..routes import Route
from ..signing import claimed_user

TokenKind = Literal["session", "api", "extension", "key"]
ANONYMOUS = Identity("anonymous")
_KEY_SECONDS = 60.0
"""Life of a retrieval key; the document says only that it is short."""

OPEN = frozenset(
    {
        "user-authenticate",
        "user-authenticate-mfa",
        "user-authenticate-with-access-token-retrieval-key",
        "user-refresh-session",
        "user-confirm-password-reset",
        "user-init-password-reset",
        "user-register",
        "user-resend-verification-email",
        "user-verify-registration",
        "user-oauth-get-authorization",
        "user-oauth-retrieve-access-token",
        "password-validation-get-password-policy",
        "extension-authenticate-instance",
        "extension-authenticate-with-session-token",
        "servicetoken-authenticate-service",
    }
)
"""Operations without a token for what they are, whatever the document says."""


class TokenStore:
    """All tokens of one emulator."""

    def __init__(self, options: EmulatorOptions, clock: EmulatorClock) -> None:
        self.options = options
        self._clock = clock
        self._count = 0
        self._by_secret: dict[str, Token] = {}
        self._by_id: dict[str, Token] = {}
        self._by_refresh: dict[str, Token] = {}

    def issue(
        self,
        kind: TokenKind,
        identity: Identity,
        *,
        seconds: float | None = None,
        description: str = "",
        roles: Iterable[str] = (),
        secret: str | None = None,
    ) -> Token:
        """Make one; `identity.token_id` is set to the new id. `secret` is given for the emulator's own token only."""
        self._count += 1
        token_id = str(uuid.UUID(hex=self._word("id", 32)))
        now = self._clock.now()
        token = Token(
            secret=secret or _secret(kind, token_id, self._word(kind, 29)),
            id=token_id,
            kind=kind,
            identity=msgspec.structs.replace(identity, token_id=token_id),
            created=now,
            expires=None if seconds is None else now + seconds,
            refresh=f"refresh-{self._word('refresh', 40)}" if kind == "session" else None,
            description=description,
            roles=tuple(roles),
        )
        self._keep(token)
        return token

    def _word(self, purpose: str, length: int) -> str:
        return hashlib.blake2b(f"{self.options.seed} {purpose} {self._count}".encode(), digest_size=32).hexdigest()[
            :length
        ]

    def _keep(self, token: Token) -> None:
        self._by_secret[token.secret] = token
        self._by_id[token.id] = token
        if token.refresh is not None:
            self._by_refresh[token.refresh] = token

    def of(self, user_id: str, kind: Literal["session", "api"]) -> list[Token]:
        """A user's living tokens, oldest first."""
        return [
            t for t in self._by_id.values() if t.kind == kind and t.identity.user_id == user_id and not self._expired(t)
        ]

    def get(self, token_id: str) -> Token | None:
        """By id; `None` also for an expired one."""
        token = self._by_id.get(token_id)
        return None if token is None or self._expired(token) else token

    def revoke(self, token_id: str) -> bool:
        """From now on 401. False: there was none."""
        token = self._by_id.pop(token_id, None)
        if token is None:
            return False
        self._by_secret.pop(token.secret, None)
        if token.refresh is not None:
            self._by_refresh.pop(token.refresh, None)
        return True

    def refreshed(self, refresh: str) -> Token | None:
        """A new session for a refresh token, which is used up by it. An expired session can be refreshed."""
        old = self._by_refresh.get(refresh)
        if old is None:
            return None
        self.revoke(old.id)
        return self.issue("session", old.identity, seconds=self.options.session_seconds)

    def redeemed(self, key: str, user_id: str) -> Token | None:
        """A session for a retrieval key, which is used up by it."""
        token = self._by_secret.get(key)
        if token is None or token.kind != "key" or token.identity.user_id != user_id or self._expired(token):
            return None
        self.revoke(token.id)
        return self.issue("session", token.identity, seconds=self.options.session_seconds)

    def who(self, secret: str) -> Identity | None:
        """The caller behind a token; `None`: unknown, expired or no token for calls."""
        token = self._by_secret.get(secret)
        if token is None or token.kind == "key" or self._expired(token):
            return None
        return token.identity

    def knows(self, secret: str) -> bool:
        """Whether it was issued here, valid or not."""
        return secret in self._by_secret

    def has_user(self, user_id: Any) -> bool:
        """Whether a user has any token here."""
        return user_id is not None and any(token.identity.user_id == user_id for token in self._by_id.values())

    def can_refresh(self, refresh: Any) -> bool:
        """Whether a refresh token was issued here and not used."""
        return isinstance(refresh, str) and refresh in self._by_refresh

    def _expired(self, token: Token) -> bool:
        return token.expires is not None and token.expires <= self._clock.now()

    def clear(self) -> None:
        """Drop everything; ids start over."""
        self._count = 0
        for store in (self._by_secret, self._by_id, self._by_refresh):
            store.clear()

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {"count": self._count, "tokens": msgspec.to_builtins(list(self._by_id.values()))}

    def load(self, dumped: Any) -> None:
        """Replace all. Raises msgspec.ValidationError, LookupError or TypeError if it cannot be read."""
        tokens = msgspec.convert(dumped["tokens"], list[Token])
        count = msgspec.convert(dumped["count"], int)
        self.clear()
        self._count = count
        for token in tokens:
            self._keep(token)


def _secret(kind: TokenKind, token_id: str, word: str) -> str:
    if kind == "api":
        return f"{token_id}:{word}:emulator_a"
    if kind == "key":
        return "emuk-" + (word + "0" * 32)[:32]
    return f"{kind}-{word}"


def secret_of(headers: Mapping[str, str]) -> str:
    """The token that a request was sent with, empty where there is none."""
    return headers.get("x-access-token") or _bearer(headers.get("authorization", ""))


class LoginBody(msgspec.Struct, rename="camel"):
    """What the body of a login says of whose it is."""

    email: Any = None
    refresh_token: Any = None
    user_id: Any = None
    session_token: Any = None


def login_of(body: bytes) -> LoginBody:
    """The body of a login, or an empty one where it is anything else."""
    try:
        return msgspec.json.decode(body, type=LoginBody) if body else LoginBody()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return LoginBody()


def is_for(store: TokenStore, email: str, given: LoginBody) -> bool:
    """Whether a login is for the account of these tokens and this main user."""
    return (
        given.email == email
        or store.has_user(given.user_id or claimed_user(given.session_token))
        or store.can_refresh(given.refresh_token)
    )


def identify(store: TokenStore, route: Route, headers: Mapping[str, str], main: Identity) -> Identity:
    """Who sent this. Raises Fail: 401 without a valid token, 403 where this kind of token does not reach."""
    secret = secret_of(headers)
    operation = route.operation
    if not store.options.auth:
        return main
    who = store.who(secret) if secret else None
    if operation.operation_id in OPEN or not operation.secured:
        return who or ANONYMOUS
    if who is None:
        if (
            not secret
            and "token" in {name.lower() for name in (*route.headers, *route.query)}
            and "file" in operation.operation_id
        ):
            return ANONYMOUS
        raise Fail(401, "Unauthorized", "access token is missing, expired or invalid")
    if who.kind == "extension" and route.unscoped:
        raise Fail.forbidden("this list needs a token that is bound to a user")
    if who.read_only and operation.method != "GET":
        raise Fail.forbidden("this token may only read")
    return who


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _store(call: EmulatedCall) -> TokenStore:
    store = call.tokens
    assert isinstance(store, TokenStore)
    return store


def _session(call: EmulatedCall, token: Token, expiry: str) -> ValueReply:
    call.pure = True
    return ValueReply(
        {"token": token.secret, "refreshToken": token.refresh, expiry: call.clock.iso(token.expires)}, 200
    )


def _new_session(call: EmulatedCall, user_id: str) -> Token:
    store = _store(call)
    return store.issue("session", Identity("user", user_id), seconds=store.options.session_seconds)


@handles("user-authenticate")
def authenticate(call: EmulatedCall) -> Reply:
    call.pure = True
    login = call.world.login_of(email=call.body["email"])
    if login is None or login.password != call.body["password"]:
        raise Fail(401, "Unauthorized", "email or password is wrong")
    if login.mfa_code is not None:
        return ValueReply({"name": "SecondFactorRequired"}, 202)
    return _session(call, _new_session(call, login.user_id), "expires")


@handles("user-authenticate-mfa")
def authenticate_mfa(call: EmulatedCall) -> Reply:
    call.pure = True
    login = call.world.login_of(email=call.body["email"])
    if login is None or login.password != call.body["password"]:
        raise Fail(401, "Unauthorized", "email or password is wrong")
    if login.mfa_code != call.body["multiFactorCode"]:
        raise Fail(401, "Unauthorized", "the second factor is wrong")
    return _session(call, _new_session(call, login.user_id), "expires")


@handles("user-refresh-session")
def refresh_session(call: EmulatedCall) -> Reply:
    token = _store(call).refreshed(call.body["refreshToken"])
    if token is None:
        raise Fail(401, "Unauthorized", "the refresh token is used up or unknown")
    return _session(call, token, "expiresAt")


@handles("user-create-access-token-retrieval-key")
def create_retrieval_key(call: EmulatedCall) -> Reply:
    call.pure = True
    if call.identity.user_id is None:
        raise Fail.forbidden()
    key = call.tokens.issue("key", call.identity, seconds=_KEY_SECONDS)
    return ValueReply({"userId": call.identity.user_id, "accessTokenRetrievalKey": key.secret}, 201)


@handles("extension-create-retrieval-key")
def create_extension_retrieval_key(call: EmulatedCall) -> Reply:
    call.pure = True
    if call.identity.user_id is None:
        raise Fail.forbidden()
    call.world.check("extensionInstanceId", call.path["extensionInstanceId"], call.identity)
    key = call.tokens.issue("key", call.identity, seconds=_KEY_SECONDS)
    return ValueReply({"userId": call.identity.user_id, "accessTokenRetrievalKey": key.secret}, 200)


@handles("user-authenticate-with-access-token-retrieval-key")
def redeem_retrieval_key(call: EmulatedCall) -> Reply:
    token = _store(call).redeemed(call.body["accessTokenRetrievalKey"], call.body["userId"])
    if token is None:
        raise Fail(401, "Unauthorized", "the retrieval key is used up, expired or unknown")
    return _session(call, token, "expiresAt")


@handles("extension-authenticate-instance")
def authenticate_extension_instance(call: EmulatedCall) -> Reply:
    call.pure = True
    found = call.world.extension_secret(call.path["extensionInstanceId"])
    if found is None:
        raise Fail.not_found("extension instance", call.path["extensionInstanceId"])
    secret, identity = found
    if call.body["extensionInstanceSecret"] != secret:
        raise Fail(401, "Unauthorized", "the secret is wrong")
    store = _store(call)
    token = store.issue("extension", identity, seconds=store.options.extension_seconds)
    return ValueReply({"publicToken": token.secret, "expiry": call.clock.iso(token.expires)}, 201)


@handles("user-logout")
def logout(call: EmulatedCall) -> Reply:
    call.pure = True
    if call.identity.token_id is not None:
        call.tokens.revoke(call.identity.token_id)
    return EmptyReply()


@handles("user-oauth-get-authorization")
def authorize(call: EmulatedCall) -> Reply:
    """Consent is assumed: redirect back to where the browser came from, with a code."""
    target = call.query.get("redirect_uri", "https://client.example/callback")
    given = {"code": "code-for-tests", **({"state": call.query["state"]} if "state" in call.query else {})}
    return EmptyReply(302, {"location": f"{target}{'&' if '?' in target else '?'}{urlencode(given)}"})
