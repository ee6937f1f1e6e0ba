"""Requests to an emulator's core without a socket."""

from __future__ import annotations

from typing import Any

import msgspec

from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.core import Core
from mittwald_async.emulator.http_messages import EmulatedRequest, EmulatedResponse

CALM: dict[str, Any] = {
    "lag": 0.0,
    "drift": 0.0,
    "rate_limit": None,
    "transitions": Transitions(length=0.0, failing=0.0),
}
"""No behaviour that depends on time or chance."""


class ReceivedResponse:
    """A response, read completely."""

    def __init__(self, response: EmulatedResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.body = response.body
        self.fault = response.fault

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in self.json]

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:300]!r}"


class EmulatorClient:
    """One emulator with its default token."""

    def __init__(self, **options: Any) -> None:
        self.emulator = Emulator(**{**CALM, **options})
        self.core: Core = self.emulator.core
        self.token: str | None = self.emulator.token

    async def send(
        self, method: str, url: str, json: Any = None, *, data: bytes = b"", **headers: str
    ) -> ReceivedResponse:
        """Send a request. Header names are written with underscores."""
        return await self._send(method, url, json, data, headers)

    async def _send(self, method: str, url: str, json: Any, data: bytes, headers: dict[str, str]) -> ReceivedResponse:
        path, _, query = url.partition("?")
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("x-access-token", self.token)
        if json is not None:
            data = msgspec.json.encode(json)
            sent.setdefault("content-type", "application/json")
        return ReceivedResponse(await self.core.answer(EmulatedRequest(method, path, query, sent, data, "192.0.2.1")))

    async def get(self, url: str, **headers: str) -> ReceivedResponse:
        return await self._send("GET", url, None, b"", headers)

    async def post(self, url: str, json: Any = None, **headers: str) -> ReceivedResponse:
        return await self._send("POST", url, json, b"", headers)

    async def put(self, url: str, json: Any = None, **headers: str) -> ReceivedResponse:
        return await self._send("PUT", url, json, b"", headers)

    async def patch(self, url: str, json: Any = None, **headers: str) -> ReceivedResponse:
        return await self._send("PATCH", url, json, b"", headers)

    async def delete(self, url: str, **headers: str) -> ReceivedResponse:
        return await self._send("DELETE", url, None, b"", headers)

    async def project(self) -> str:
        """Id of a project visible to the caller."""
        return (await self.get("/v2/projects?limit=1")).ids[0]
