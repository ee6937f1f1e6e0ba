"""mittwald's public keys: fetched when first needed, once for all who wait, and kept: a serial's key never changes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from .._install import install_hint
from ..api.groups import Groups
from ..runtime.clock import Clock
from ..runtime.errors import ConfigurationError, NotFoundError, ResponseDecodeError
from .errors import SignatureError, TooManyKeysError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM = "ed25519"
_KEPT = 256
"""Keys; a new one comes every few weeks or months."""
_LOOKUPS, _PER = 10, 60.0
"""Unknown serials that are looked up within so many seconds: anyone can send made-up ones."""
_UNKNOWN_KEPT, _UNKNOWN_FOR = 1024, 60.0
"""Serials that the server does not know, and seconds for which it is not asked again."""


class _Lookup:
    """One serial that is being looked up; who waits for it gets the same answer."""

    def __init__(self) -> None:
        self.lock: asyncio.Lock = asyncio.Lock()
        self.error: Exception | None = None


class PublicKeys:
    """Keys of one purpose.

    Args:
        groups: the client's groups; no token is needed.
        purpose: what the keys sign.
        clock: time.
    """

    def __init__(self, groups: Groups, purpose: Literal["webhook", "session_token"], clock: Clock) -> None:
        self._groups = groups
        self._purpose = purpose
        self._clock = clock
        self._keys: OrderedDict[str, Ed25519PublicKey] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._lookups: dict[str, _Lookup] = {}
        self._asked: deque[float] = deque()

    async def get(self, serial: object) -> Ed25519PublicKey:
        """The key with this serial.

        Raises:
            SignatureError: there is none, or it is not one that can be used.
            TooManyKeysError: too many unknown ones were named lately.
            ConfigurationError: cryptography is missing.
            MittwaldError: it cannot be fetched.
        """
        name = _serial(serial)
        if name in self._keys:
            self._keys.move_to_end(name)
            return self._keys[name]
        lookup = self._lookups.setdefault(name, _Lookup())
        async with lookup.lock:
            if lookup.error is not None:
                raise lookup.error
            if name not in self._keys:
                try:
                    self._keys[name] = await self._fetch(name)
                except Exception as error:
                    lookup.error = error
                    raise
                finally:
                    if self._lookups.get(name) is lookup and (lookup.error is not None or name in self._keys):
                        del self._lookups[name]
                while len(self._keys) > _KEPT:
                    self._keys.popitem(last=False)
            return self._keys[name]

    async def _fetch(self, serial: str) -> Ed25519PublicKey:
        now = self._clock.now()
        if now - self._unknown.get(serial, float("-inf")) < _UNKNOWN_FOR:
            raise SignatureError(f"unknown public key {serial}")
        while self._asked and now - self._asked[0] >= _PER:
            self._asked.popleft()
        if len(self._asked) >= _LOOKUPS:
            raise TooManyKeysError(f"{_LOOKUPS} unknown keys were named within {_PER:g} s; this one is not looked up")
        self._asked.append(now)
        try:
            found: object = await self._groups.marketplace.extension_get_public_key(
                serial, purpose=self._purpose, format="raw"
            )
        except NotFoundError:
            self._unknown[serial] = now
            while len(self._unknown) > _UNKNOWN_KEPT:
                self._unknown.popitem(last=False)
            raise SignatureError(f"unknown public key {serial}") from None
        algorithm, key = getattr(found, "algorithm", None), getattr(found, "key", None)
        if not isinstance(algorithm, str) or not isinstance(key, str):  # the response deviates from the document
            raise ResponseDecodeError(
                "has no public key", operation_id="extension-get-public-key", json_path="$", body=b""
            )
        return _key(algorithm, key)


def _serial(serial: object) -> str:
    try:
        return str(UUID(serial if isinstance(serial, str) else ""))
    except ValueError:
        raise SignatureError("the key's serial is not a UUID") from None


def _key(algorithm: str, text: str) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError:
        raise ConfigurationError(f"checking signatures needs cryptography: {install_hint('webhooks')}") from None
    if algorithm.lower() != ALGORITHM:
        raise SignatureError(f"the public key is of another algorithm: {algorithm!r}")
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise SignatureError("the public key cannot be read") from None


def check(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> None:
    """Raises `SignatureError` unless the signature is the key's, of just these bytes."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, signed)
    except InvalidSignature:
        raise SignatureError("the signature does not fit") from None
