"""A file host in memory: a `StreamSender` that supports ranges, and breaks connections or changes files on request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mittwald_async.errors import MaybeSentError, StatusError, TransportError
from mittwald_async.runtime.files import Download
from mittwald_async.runtime.operation import Operation, Parameter, Result

GET_FILE: Operation[bytes] = Operation(
    operation_id="file-get-file",
    method="GET",
    path="/v2/files/{fileId}",
    group="file",
    name="get_file",
    tag="File",
    parameters=(
        Parameter(name="file_id", wire="fileId", where="path", type="str", required=True),
        Parameter(
            name="accept",
            wire="Accept",
            where="header",
            type="str",
            enum=("application/octet-stream", "text/plain;base64"),
        ),
    ),
    results=(Result(status=200, type="bytes", content_type="application/octet-stream"),),
)


class ManualClock:
    """Time that passes only by sleeping, and immediately."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class ServedResponse:
    """A response on the wire."""

    def __init__(self, status: int, headers: dict[str, str], body: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers
        self._body = body

    def chunks(self) -> AsyncIterator[bytes]:
        return self._body


class FileHost:
    """One file, served repeatedly. Each entry of `plan` shapes one response, in order:

    `cut=n` break after n bytes of the body, `end=n` end silently there, `refuse=error` raise instead of responding,
    `status`, `headers` (`None` removes one), `ranges=False` ignore `Range`, `content=…` serve another file from now on.
    """

    def __init__(self, content: bytes, *, chunk: int = 1000, **headers: str) -> None:
        self.content = content
        self.chunk = chunk
        self.base = {"ETag": '"v1"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        self.base.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.plan: list[dict[str, Any]] = []
        self.requests: list[dict[str, str]] = []
        self.calls: list[tuple[object, ...]] = []
        self.open = 0
        self.clock = ManualClock()
        self.seconds_per_chunk = 0.0

    def download(self, **options: Any) -> Download:
        headers: Mapping[str, object] | None = options.pop("headers", None)
        return Download(self, GET_FILE, ("file-1",), {}, headers, clock=self.clock, **options)

    @property
    def ranges(self) -> list[str | None]:
        return [request.get("Range") for request in self.requests]

    @asynccontextmanager
    async def stream(
        self,
        operation: Operation[Any] | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        *,
        extra_headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> AsyncGenerator[ServedResponse]:
        request = dict(extra_headers or {})
        self.requests.append(request)
        self.calls.append((operation, tuple(path), query, headers, url))
        turn = self.plan.pop(0) if self.plan else {}
        if "refuse" in turn:
            raise turn["refuse"]
        if "content" in turn:
            self.content = turn["content"]
        self.base.update(turn.get("base", {}))
        answer = self._answer(request, turn)
        self.open += 1
        try:
            yield answer
        finally:
            self.open -= 1

    def _answer(self, request: Mapping[str, str], turn: dict[str, Any]) -> ServedResponse:
        total, start, status = len(self.content), 0, 200
        asked = request.get("Range", "")
        known = request.get("If-Range") in (self.base.get("ETag"), self.base.get("Last-Modified"))
        if asked and known and turn.get("ranges", True):
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= total:
                raise StatusError("range", status=416, headers={"Content-Range": f"bytes */{total}"})
        headers = {**self.base, "Content-Length": str(total - start)}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        for name, value in turn.get("headers", {}).items():
            headers.pop(name, None)
            if value is not None:
                headers[name] = value
        return ServedResponse(turn.get("status", status), headers, self._body(start, turn))

    async def _body(self, start: int, turn: dict[str, Any]) -> AsyncIterator[bytes]:
        end = start + turn.get("cut", turn.get("end", len(self.content)))
        body = self.content[start:end]
        for at in range(0, len(body), self.chunk):
            self.clock.time += self.seconds_per_chunk
            yield body[at : at + self.chunk]
        if "cut" in turn:
            problem: TransportError = turn.get("problem", MaybeSentError("connection reset"))
            raise problem
