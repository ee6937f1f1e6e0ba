"""The emulator on a socket: aiohttp's low-level server, and the faults that happen on the wire."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from contextlib import suppress
from typing import Any

from aiohttp import web

from .control import Control
from .core import Core
from .faults import Fault
from .http_messages import EmulatedRequest, EmulatedResponse
from .options import OptionError
from .signing import SigningKey, SigningUnavailableError
from .webhooks import WebhookSender

MAX_BODY = 64 * 1024 * 1024
"""Bytes of the largest request body taken; above it 413."""
_CONTROL = "/__emulator/"
_DOWNLOADS = "/__emulator/downloads/"
_PIECES = 10
_NO_BODY = frozenset({204, 304})
_QUIET = logging.Logger("mittwald_async.emulator.http", logging.CRITICAL)
"""Garbage from clients is not logged; what fails in handlers is, by the core."""
_TOO_LARGE = b'{"type":"RequestEntityTooLarge","message":"the body is too large"}'


class EmulatorServer:
    """Serves a core on a loopback port until stopped."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._control = Control(core)
        self._runner: web.ServerRunner | None = None
        self._sender: WebhookSender | None = None
        self.port: int = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OptionError if the port is taken."""
        loop = asyncio.get_running_loop()

        def request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
            return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)

        options = self.core.options
        if options.webhook_url is not None:
            try:
                key = SigningKey(options.signing_seed(), "webhook")
            except SigningUnavailableError as error:
                raise OptionError(str(error)) from None
            self._sender = WebhookSender(options.webhook_url, key)
        server = web.Server(self._handle, request_factory=request, access_log=None, logger=_QUIET)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            await runner.cleanup()
            raise OptionError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        self._runner = runner
        self.port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port and all connections."""
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            if runner.server is not None:
                runner.server.pre_shutdown()
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            path = request.rel_url.raw_path
        try:
            body = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, body=_TOO_LARGE, content_type="application/json")
        if path.startswith(_CONTROL) and not path.startswith(_DOWNLOADS):
            return self._control.answer(request.method, path, request.query, body)
        method = "GET" if request.method == "HEAD" else request.method
        incoming = EmulatedRequest(method, path, query, request.headers, body, request.remote or "")
        answer = await self.core.answer(incoming)
        webhooks = self.core.new_webhooks()
        if webhooks and self._sender is not None:
            self._sender.put(webhooks)
        if answer.fault is not None and (answer.fault.reset or answer.fault.truncate is not None or answer.fault.drip):
            return await self._spoilt(request, answer, answer.fault)
        if answer.breaks:
            return await _broken(request, answer)
        return _plain(answer)

    async def _spoilt(self, request: web.BaseRequest, answer: EmulatedResponse, fault: Fault) -> web.StreamResponse:
        """Carry out what the fault does to the connection."""
        if fault.reset == "before":
            _reset(request.transport)
            return web.Response()
        if fault.reset == "during":
            if request.transport is not None:
                request.transport.write(f"HTTP/1.1 {answer.status} OK\r\nContent-Ty".encode())
            _reset(request.transport)
            return web.Response()
        if fault.unannounced:
            return _unannounced(request, answer, fault.truncate or 0)
        body = answer.body
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(body)
        await response.prepare(request)
        if fault.reset == "after":
            await response.write(body[: len(body) // 2])
            _reset(request.transport)
        elif fault.truncate is not None:
            await response.write(body[: fault.truncate])
            if request.transport is not None and fault.truncate < len(body):
                request.transport.close()
        else:
            size = max(1, -(-len(body) // _PIECES))
            for start in range(0, len(body), size):
                await self.core.clock.sleep(fault.drip)
                await response.write(body[start : start + size])
        return response


def _unannounced(request: web.BaseRequest, answer: EmulatedResponse, length: int) -> web.Response:
    """Send a part of the body without having said how long it is, and close the connection."""
    if request.transport is not None:
        headers = {**answer.headers, "Connection": "close"}
        lines = [f"HTTP/1.1 {answer.status} OK", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        request.transport.write("\r\n".join(lines).encode() + answer.body[:length])
        request.transport.close()
    return web.Response()


async def _broken(request: web.BaseRequest, answer: EmulatedResponse) -> web.StreamResponse:
    """Send the whole body in chunks, and break the connection instead of ending it."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(answer.body)
    if request.transport is not None:
        request.transport.close()
    return response


def _plain(answer: EmulatedResponse) -> web.Response:
    if answer.status in _NO_BODY:
        answer.headers.pop("Content-Type", None)
        return web.Response(status=answer.status, headers=answer.headers)
    return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


def _reset(transport: asyncio.Transport | None) -> None:
    """RST instead of a polite end."""
    if transport is None:
        return
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
