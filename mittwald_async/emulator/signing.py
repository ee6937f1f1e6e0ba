"""Ed25519 keys of one emulator: one that signs webhooks, one that signs session tokens."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Purpose = Literal["webhook", "session_token"]
ALGORITHM = "Ed25519"


class SigningUnavailableError(RuntimeError):
    """The library for signatures is not installed."""

    def __init__(self) -> None:
        super().__init__("signatures need the cryptography package: install mittwald-async with its extra `webhooks`")


class SigningKey:
    """The key of one purpose. Same seed, same key.

    Raises:
        SigningUnavailableError: cryptography is not installed.
    """

    def __init__(self, seed: int, purpose: Purpose) -> None:
        self._key = _private_key(seed, purpose)
        digest = blake2b(f"{seed} {purpose} serial".encode(), digest_size=16).digest()
        self.serial: str = str(uuid.UUID(bytes=digest, version=4))

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def public(self, format: str) -> str:
        """The public key in base64: 32 bytes as they are (`raw`), or in their ASN.1 envelope (`spki`)."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self._key.public_key()
        if format == "spki":
            data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            data = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(data).decode()

    def jwt(self, claims: Mapping[str, Any]) -> str:
        """A signed token with these claims."""
        head = {"alg": "EdDSA", "typ": "JWT", "kid": self.serial}
        signed = f"{_part(head)}.{_part({**claims, 'publicKeySerial': self.serial})}"
        return f"{signed}.{_url64(self.sign(signed.encode()))}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that was signed with this key; `None`: it was not."""
        from cryptography.exceptions import InvalidSignature

        signed, _, signature = token.rpartition(".")
        try:
            self._key.public_key().verify(_bytes(signature), signed.encode())
            return msgspec.json.decode(_bytes(signed.partition(".")[2]), type=dict[str, Any])
        except (InvalidSignature, ValueError, msgspec.DecodeError):
            return None


def claimed_user(token: Any) -> str | None:
    """The user that a session token names, unchecked."""
    if not isinstance(token, str) or token.count(".") != 2:
        return None
    try:
        claims = msgspec.json.decode(_bytes(token.split(".")[1]), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError):
        return None
    user = claims.get("userId")
    return user if isinstance(user, str) else None


@cache
def _private_key(seed: int, purpose: Purpose) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise SigningUnavailableError from None
    return Ed25519PrivateKey.from_private_bytes(blake2b(f"{seed} {purpose} key".encode(), digest_size=32).digest())


def _part(value: Any) -> str:
    return _url64(msgspec.json.encode(value))


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
