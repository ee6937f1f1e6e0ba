"""Receive an extension's lifecycle webhooks: only those that mittwald signed, each once, answered before the work is done.

A call is signed with Ed25519 over its body as it came. The key's serial is in a header; the key is fetched without a token
and kept, since the key of a serial never changes. Needs `pip install cryptography`.

    python examples/webhooks.py --port 8000

With `--demo` it plays the sender, too: a genuine call, the same call again, and one that somebody has changed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from uuid import UUID, uuid4

from aiohttp import ClientSession, web
from demo import options, run

from mittwald_async import Mittwald, MittwaldError
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import NotFoundError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ModuleNotFoundError as error:
    sys.exit(f"this example needs cryptography ({error.name} is missing): pip install cryptography")


class Receiver:
    """Takes calls in; `work` does what they ask for, in order, after they have been answered."""

    def __init__(self, mw: Mittwald) -> None:
        # The sender gives up after 6 s and tries again later: rather say so than wait for the budget.
        self._mw = mw.with_options(max_wait=2, timeout=4)
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._known: set[str] = set()  # of a service with more than one process: in the database, with the work
        self._queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            genuine = await self._genuine(request.headers, body)
        except MittwaldError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        if not genuine:
            raise web.HTTPUnauthorized(text="the signature does not fit")
        call = json.loads(body)
        if call["request"]["id"] not in self._known:
            self._known.add(call["request"]["id"])
            self._queue.put_nowait(call)
        return web.Response(status=204)

    async def _genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            if headers["X-Marketplace-Signature-Algorithm"].lower() != "ed25519":
                return False
            signature = base64.b64decode(headers["X-Marketplace-Signature"], validate=True)
            key = await self._key(str(UUID(headers["X-Marketplace-Signature-Serial"])))
            key.verify(signature, body)
        except (KeyError, ValueError, NotFoundError, InvalidSignature):
            return False
        return True

    async def _key(self, serial: str) -> Ed25519PublicKey:
        if serial not in self._keys:
            found = await self._mw.marketplace.extension_get_public_key(serial, purpose="webhook", format="raw")
            self._keys[serial] = Ed25519PublicKey.from_public_bytes(base64.b64decode(found.key))
        return self._keys[serial]

    async def work(self) -> None:
        while True:
            call = await self._queue.get()
            # Store it. A `secret` in it is for `ExtensionInstanceSecret`, and valid a few seconds after the answer.
            print(f"{call['kind']} {call['id']}", flush=True)


async def send(url: str, serial: str, key: Ed25519PrivateKey) -> None:
    """What the real sender does, and what others try."""
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


async def serve(mw: Mittwald, port: int, sender: tuple[str, Ed25519PrivateKey] | None) -> None:
    receiver = Receiver(mw)
    app = web.Application()
    app.router.add_post("/webhooks", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    working = asyncio.create_task(receiver.work())
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = "http://{}:{}/webhooks".format(*runner.addresses[0])
        print(f"receiving on {url}", flush=True)
        await (asyncio.Event().wait() if sender is None else send(url, *sender))
    finally:
        working.cancel()
        await runner.cleanup()


async def main(arguments: argparse.Namespace) -> None:
    if not arguments.demo:
        async with Mittwald.anonymous() as mw:
            await serve(mw, arguments.port, None)
        return
    serial, key = str(uuid4()), Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    answer = json.dumps({"algorithm": "Ed25519", "key": public, "serial": serial})
    # The key that the emulator names is made up; nobody could sign with it.
    ours = Fault(operation="extension-get-public-key", status=200, body=answer)
    async with Emulator(faults=[ours]) as api, Mittwald.anonymous(base_url=api.url) as mw:
        await serve(mw, 0, (serial, key))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--port", type=int, default=8000, help="(default: 8000)")
    run(main, parser)
