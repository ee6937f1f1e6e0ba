"""Receive an extension's lifecycle webhooks: verified, processed once, and acknowledged before the work is done.

Needs `pip install "mittwald-async[webhooks]"`.

    python examples/webhooks.py --port 8000

With `--demo` it also simulates the sender: a genuine call, the same call again, and a tampered one.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from uuid import uuid4

from aiohttp import ClientSession, web
from demo import options, port, run

from mittwald_async import Mittwald, MittwaldError
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.webhooks import ExtensionAddedToContext, ReplayedError, SignatureError, WebhookEvent

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ModuleNotFoundError as error:
    sys.exit(f"this example needs cryptography ({error.name} is missing): pip install cryptography")

events: asyncio.Queue[WebhookEvent] = asyncio.Queue()
client = web.AppKey("client", Mittwald)


async def receive(request: web.Request) -> web.Response:
    try:
        event = await request.app[client].webhooks.verify(request.headers, await request.read(), url=request.path_qs)
    except ReplayedError:
        return web.Response(status=204)
    except SignatureError as error:
        raise web.HTTPUnauthorized(text=str(error)) from error
    except MittwaldError as error:  # the key cannot be fetched now: the sender tries again
        raise web.HTTPServiceUnavailable(text=str(error)) from error
    events.put_nowait(event)  # the sender times out after 6 s, so the work comes later
    return web.Response(status=204)


async def work() -> None:
    while True:
        match await events.get():
            case ExtensionAddedToContext() as event:
                # Store `event.secret` for `ExtensionInstanceSecret`; it is valid a few seconds after the response.
                print(f"{event.kind} {event.id}", flush=True)
            case event:
                print(event, flush=True)


async def serve(mw: Mittwald, port: int, sender: tuple[str, Ed25519PrivateKey] | None) -> None:
    app = web.Application()
    # The sender times out after 6 s: an error is better than waiting for the budget.
    app[client] = mw.with_options(max_wait=2, timeout=4)
    app.router.add_post("/webhooks", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    working = asyncio.create_task(work())
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = "http://{}:{}/webhooks".format(*runner.addresses[0])
        print(f"receiving on {url}", flush=True)
        await (asyncio.Event().wait() if sender is None else send(url, *sender))
    finally:
        working.cancel()
        await runner.cleanup()


async def send(url: str, serial: str, key: Ed25519PrivateKey) -> None:
    """Simulate the real sender, and an attacker."""
    call = {"kind": "ExtensionAddedToContext", "id": str(uuid4()), "request": {"id": str(uuid4())}, "secret": "s"}
    body = json.dumps(call).encode()
    signed = {
        "X-Marketplace-Signature": base64.b64encode(key.sign(body)).decode(),
        "X-Marketplace-Signature-Serial": serial,
        "X-Marketplace-Signature-Algorithm": "Ed25519",
    }
    async with ClientSession() as session:
        for what, sent in (("genuine", body), ("again", body), ("changed", body.replace(b"Added", b"Other"))):
            async with session.post(url, data=sent, headers=signed) as answer:
                print(f"{what}: {answer.status}", flush=True)


async def main(arguments: argparse.Namespace) -> None:
    if not arguments.demo:
        async with Mittwald.anonymous() as mw:
            await serve(mw, arguments.port, None)
        return
    serial, key = str(uuid4()), Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    ours = Fault(
        operation="extension-get-public-key",
        status=200,
        body=json.dumps({"algorithm": "Ed25519", "key": public, "serial": serial}),
    )
    async with Emulator(faults=[ours]) as api, Mittwald.anonymous(base_url=api.url) as mw:
        await serve(mw, 0, (serial, key))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--port", type=port, default=8000, help="(default: 8000)")
    run(main, parser)
