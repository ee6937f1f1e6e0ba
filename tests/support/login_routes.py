"""Login routes in memory: an `Exchange` that responds like the API's login routes, and a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from mittwald_async.runtime.credentials import Secret, TokenResponse

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC).timestamp()

SIGN_IN = "user-authenticate"
SECOND_FACTOR = "user-authenticate-mfa"
REFRESH = "user-refresh-session"
RETRIEVE = "user-authenticate-with-access-token-retrieval-key"
INSTANCE = "extension-authenticate-instance"

Reply = tuple[int, object] | Exception


class ManualClock:
    """A clock clock that stands still until moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> float:
        return self.time

    def stamp(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.time + seconds, UTC).isoformat().replace("+00:00", "Z")


class ScriptedExchange:
    """Responds as scripted, in order, by operation; after that with numbered sessions of an hour."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.requests: list[tuple[str, str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.replies: dict[str, list[Reply]] = {}
        self.issued = 0
        self.hold: asyncio.Event | None = None
        """Responses wait for it."""
        self.on_request: Callable[[str], None] = lambda operation_id: None

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _, _ in self.requests]

    def respond(self, operation_id: str, *replies: Reply) -> None:
        self.replies.setdefault(operation_id, []).extend(replies)

    def session(self, *, seconds: float = 3600.0, name: str = "expires") -> dict[str, Any]:
        self.issued += 1
        return {
            "token": f"token-{self.issued}",
            "refreshToken": f"refresh-{self.issued}",
            name: self.clock.stamp(seconds),
        }

    async def __call__(
        self, operation_id: str, method: str, path: str, body: Secret, content_type: str = "application/json"
    ) -> TokenResponse:
        self.requests.append((operation_id, method, path))
        self.bodies.append(msgspec.json.decode(body.reveal()))
        self.on_request(operation_id)
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        queue = self.replies.get(operation_id)
        reply: Reply = queue.pop(0) if queue else (200, self.session())
        if isinstance(reply, Exception):
            raise reply
        status, value = reply
        headers = {"Retry-After": "7"} if status == 429 else {}
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return TokenResponse(status=status, headers=headers, body=Secret(text))


async def never(
    operation_id: str, method: str, path: str, body: Secret, content_type: str = "application/json"
) -> TokenResponse:
    """An exchange that must not be called."""
    raise AssertionError(f"{operation_id} was called")
