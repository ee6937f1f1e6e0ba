"""Checks what comes in: calls to an extension, and session tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..api.groups import Groups
from ..models.marketplace import ExtensionAuthenticateWithSessionTokenResult
from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.errors import InvalidArgumentError
from .errors import ReplayedError, SessionTokenError, SignatureError
from .events import WebhookEvent, event_of
from .keys import ALGORITHM, PublicKeys, check
from .replay import MemoryStore, ReplayStore
from .sessions import SessionInfo, session_of, take_apart

_HEADER = "x-marketplace-signature"
_SIGNATURE_SIZE = 64
"""Bytes of an Ed25519 signature."""


class Verifier:
    """Checks webhooks and session tokens of an extension.

        event = await mw.webhooks.verify(request.headers, await request.read())
        match event:
            case ExtensionAddedToContext(secret=secret): ...

    Public keys are fetched when first needed, without a token, and kept. Needs cryptography
    (`pip install "mittwald-async[webhooks]"`).

    Args:
        groups: a client; `Mittwald.anonymous()` is enough for `verify` and `session`.
        store: remembers which calls came before, see `ReplayStore`; by default in memory, for one process.
        clock, wall: time, for tests.
    """

    def __init__(
        self,
        groups: Groups,
        *,
        store: ReplayStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._groups = groups
        self._store: ReplayStore = store or MemoryStore()
        self._wall = wall
        self._webhook_keys = PublicKeys(groups, "webhook", clock)
        self._session_keys = PublicKeys(groups, "session_token", clock)

    async def verify(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> WebhookEvent:
        """The event of a call that mittwald signed and that did not come before.

        The sender gives up after 6 s: answer first, then work. Where the work cannot be begun, call `forget`, and
        answer with an error, so that the call comes again.

        Args:
            headers: of the request; case does not matter.
            body: as it came, byte for byte; a body that was parsed and written again has another signature.
            url: path or URL of the request, to tell trials (`?dry-run=true`).

        Raises:
            SignatureError: it is not mittwald's, or not an event. Answer 401.
            ReplayedError: it came before. Answer 2xx, and do nothing.
            TooManyKeysError: too many unknown keys were named lately. Answer 503.
            ConfigurationError: cryptography is missing.
            MittwaldError: the key cannot be fetched. Answer 503.
        """
        if not isinstance(body, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("body", f"must be the bytes as they came, not {type(body).__name__}")
        if url is not None and not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("url", f"must be text, such as str(request.url), not {type(url).__name__}")
        if not isinstance(headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("headers", f"must be those of the request, not {type(headers).__name__}")
        octets = bytes(body)
        found = {name.lower(): value for name, value in headers.items()}
        signature = _signature(found)
        check(await self._webhook_keys.get(found.get(f"{_HEADER}-serial")), signature, octets)
        event = event_of(octets, url)
        if not await self._store.add(event.request.id):
            raise ReplayedError(event.request.id)
        return event

    async def forget(self, event: WebhookEvent) -> None:
        """Let a call in again: it could not be worked off."""
        await self._store.discard(event.request.id)

    async def session(self, token: str) -> SessionInfo:
        """Who is looking at an extension's page: what a genuine session token says, which is valid for 60 s.

        Raises:
            SessionTokenError: it is not genuine, or too old. Answer 401.
            TooManyKeysError: too many unknown keys were named lately. Answer 503.
            ConfigurationError: cryptography is missing.
            MittwaldError: the key cannot be fetched. Answer 503.
        """
        parts = take_apart(token)
        try:
            serial = parts.claims.get("publicKeySerial", parts.header.get("kid"))
            check(await self._session_keys.get(serial), parts.signature, parts.signed)
        except SignatureError as problem:
            raise SessionTokenError(f"the session token is not genuine: {problem}") from None
        return session_of(parts.claims, self._wall())

    async def exchange(self, token: str, *, extension_secret: str) -> ExtensionAuthenticateWithSessionTokenResult:
        """An access token of the user's, for a session token that is checked first.

        Args:
            token: the session token.
            extension_secret: the extension's own secret.

        Raises:
            SessionTokenError: as for `session`.
            MittwaldError: as any call.
        """
        await self.session(token)
        exchange: Any = self._groups.marketplace.extension_authenticate_with_session_token
        result: ExtensionAuthenticateWithSessionTokenResult = await exchange(
            session_token=token, extension_secret=extension_secret
        )
        return result


def _signature(headers: Mapping[str, str]) -> bytes:
    """The signature, in a form that can be one."""
    algorithm = headers.get(f"{_HEADER}-algorithm", "")
    if algorithm.lower() != ALGORITHM:
        named = f"is {algorithm[:40]!r}" if algorithm else "is missing"
        raise SignatureError(f"the algorithm of the signature {named}; it must be Ed25519")
    try:
        signature = base64.b64decode(headers.get(_HEADER, ""), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("the signature is not base64") from None
    if len(signature) != _SIGNATURE_SIZE:
        raise SignatureError("the signature is missing" if not signature else "the signature has not 64 bytes")
    return signature
