"""A real file server on loopback: ranges, broken connections, uploads, and constant memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import BodyPartReader, web

BLOCK = bytes(range(256)) * 256
"""Content of any size repeats this."""


def content(start: int, end: int) -> bytes:
    first = start % len(BLOCK)
    whole = BLOCK * ((first + end - start) // len(BLOCK) + 1)
    return whole[first : first + end - start]


def checksum(size: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, len(BLOCK)):
        digest.update(BLOCK[: min(len(BLOCK), size - start)])
    return digest.hexdigest()


class Web:
    """Serves `size` bytes under every name; `breaks`: positions in the file at which a connection breaks, once each."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.breaks: list[int] = []
        self.requests: list[web.Request] = []
        self.uploads: list[tuple[str | None, str | None, int, str]] = []
        self.refuse: list[int] = []
        self.url = ""

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.requests]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Web]:
        app = web.Application(client_max_size=1 << 40)
        app.router.add_get("/v2/files/{file}", self.send)
        app.router.add_get("/export.tar", self.send)
        app.router.add_post("/v2/files", self.receive)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def send(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        start = 0
        asked = request.headers.get("Range")
        headers = {"ETag": '"v1"', "Content-Type": "application/octet-stream"}
        if asked and request.headers.get("If-Range") == '"v1"':
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{self.size - 1}/{self.size}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = self.size - start
        await response.prepare(request)
        stop = next((at for at in self.breaks if at > start), None)
        step = len(BLOCK)
        while start < self.size:
            end = min(start + step, self.size if stop is None else stop)
            await response.write(BLOCK if start % step == 0 and end - start == step else content(start, end))
            start = end
            if stop is not None and start == stop:
                self.breaks.remove(stop)
                await asyncio.sleep(0.05)  # let the written bytes leave
                if request.transport is not None:
                    request.transport.abort()
                return response
        return response

    async def receive(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        digest = hashlib.sha256()
        size = 0
        part = await (await request.multipart()).next()
        assert isinstance(part, BodyPartReader)
        while chunk := await part.read_chunk(1 << 16):
            size += len(chunk)
            digest.update(chunk)
        if self.refuse:
            return web.json_response({"type": "Busy", "message": "busy"}, status=self.refuse.pop(0))
        self.uploads.append((part.filename, request.headers.get("Content-Length"), size, digest.hexdigest()))
        meta = {
            "id": "file-1",
            "shortId": "f-1",
            "name": part.filename,
            "sizeInBytes": size,
            "mimeType": "x/y",
            "type": "x",
        }
        return web.json_response({**meta, "friendlyURL": "u", "friendlyUrl": "u"}, status=201)
