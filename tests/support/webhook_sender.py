"""mittwald as a sender: a key, signed calls, session tokens, and the route for public keys."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mittwald_async.api.groups import Groups
from mittwald_async.errors import NotFoundError

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Sender:
    """Has one key per purpose, and counts requests for keys."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.serial = str(uuid4())
        self.asked: list[tuple[str, str]] = []
        self.algorithm = "Ed25519"
        self.trouble: Exception | None = None

    @property
    def groups(self) -> Groups:
        return cast(Groups, SimpleNamespace(marketplace=self))

    async def extension_get_public_key(self, serial: str, *, purpose: str, format: str) -> Any:
        import asyncio

        self.asked.append((serial, purpose))
        await asyncio.sleep(0.01)
        if self.trouble is not None:
            raise self.trouble
        if serial != self.serial:
            raise NotFoundError("no such key", status=404)
        assert format == "raw"
        key = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        return SimpleNamespace(algorithm=self.algorithm, key=key, serial=serial)

    async def extension_authenticate_with_session_token(self, *, session_token: str, extension_secret: str) -> Any:
        return SimpleNamespace(public_token=f"for {extension_secret}", expiry=NOON)

    def headers(self, body: bytes, **changed: str) -> dict[str, str]:
        return {
            "X-Marketplace-Signature": base64.b64encode(self.key.sign(body)).decode(),
            "X-Marketplace-Signature-Serial": self.serial,
            "X-Marketplace-Signature-Algorithm": "Ed25519",
            **{f"X-Marketplace-{name}".replace("_", "-"): value for name, value in changed.items()},
        }

    def token(self, at: datetime = NOON, alg: str = "EdDSA", **changed: Any) -> str:
        issued = int(at.timestamp())
        claims = {
            "sub": "u-1",
            "sessionId": "s-1",
            "extensionInstanceId": "i-1",
            "publicKeySerial": self.serial,
            "iat": issued,
            "exp": issued + 60,
            **changed,
        }
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": alg}, claims)]
        signature = base64.urlsafe_b64encode(self.key.sign(b".".join(parts))).rstrip(b"=")
        return b".".join((*parts, signature)).decode()


def call(kind: str = "ExtensionAddedToContext", **changed: Any) -> bytes:
    url = "https://extension.example/hook"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": kind,
            "id": "i-1",
            "context": {"id": "p-1", "kind": "project"},
            "consentedScopes": ["project:read"],
            "state": {"enabled": True},
            "meta": {"createdAt": "2026-05-01T12:00:00Z"},
            "secret": "very secret",
            "request": {
                "id": str(uuid4()),
                "createdAt": "2026-05-01T12:00:00Z",
                "target": {"method": "POST", "url": url},
            },
            **changed,
        }
    ).encode()


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)
