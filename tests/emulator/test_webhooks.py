"""Extensions: webhooks are signed and delivered, keys are public, session tokens are exchanged."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mittwald_async import Mittwald
from mittwald_async.emulator import EmulatedAccount, Emulator, OptionError
from mittwald_async.emulator.signing import SigningKey

from ..support.emulator_requests import CALM, EmulatorClient


class Receiver:
    """A server that receives webhooks; it first responds with each of `statuses`, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.calls: list[tuple[dict[str, str], bytes, str]] = []
        self.url = ""

    async def _take(self, request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, await request.read(), request.query_string))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Receiver]:
        runner = web.ServerRunner(web.Server(self._take))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(self.calls) < count:
                await asyncio.sleep(0.005)
        return [msgspec.json.decode(body) for _, body, _ in self.calls]


async def test_signed_webhooks_report_the_life_of_an_instance() -> None:
    receiver = Receiver()
    async with (
        receiver.running(),
        Emulator(**CALM, webhook_url=receiver.url) as emulator,
        Mittwald(emulator.token, base_url=emulator.url) as mw,
    ):
        project = (await mw.project.list_projects()).items[0]
        extension = next(e for e in (await mw.marketplace.extension_list_extensions()).items if e.context == "project")
        created = await mw.call(
            "extension-create-extension-instance",
            body={
                "extensionId": extension.id,
                "context": "project",
                "contextId": project.id,
                "consentedScopes": ["app:read"],
            },
        )
        await mw.call("extension-disable-extension-instance", path={"extensionInstanceId": created.id})
        path = {
            "contributorId": extension.contributor_id,
            "extensionId": extension.id,
            "extensionInstanceId": created.id,
        }
        rotated = await mw.call("contributor-rotate-secret-for-extension-instance", path=path, body={})
        await receiver.wait_for(3)
        assert emulator.world.extension_secret(created.id)[0] == rotated.secret  # type: ignore[index]  # there is one
        await mw.call("extension-delete-extension-instance", path={"extensionInstanceId": created.id})
        bodies = await receiver.wait_for(4)
        assert [body["kind"] for body in bodies] == [
            "ExtensionAddedToContext",
            "InstanceUpdated",
            "SecretRotated",
            "InstanceRemovedFromContext",
        ]
        assert {body["id"] for body in bodies} == {created.id}
        assert [body.get("secret") for body in bodies] == [f"secret-of-{created.id}", None, rotated.secret, None]
        assert len({body["request"]["id"] for body in bodies}) == 4
        assert [body["state"]["enabled"] for body in bodies] == [True, False, False, False]
        for headers, body, _ in receiver.calls:
            serial = headers["x-marketplace-signature-serial"]
            assert serial == emulator.webhook_serial
            key = await mw.call("extension-get-public-key", path={"serial": serial})
            assert headers["x-marketplace-signature-algorithm"] == key.algorithm == "Ed25519"
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.key))
            signature = base64.b64decode(headers["x-marketplace-signature"])
            public.verify(signature, body)
            with pytest.raises(InvalidSignature):
                public.verify(signature, body + b" ")
        assert [(webhook.attempts, webhook.status) for webhook in emulator.webhooks] == [(1, 204)] * 4


async def test_a_rejected_webhook_is_resent_before_the_next() -> None:
    receiver = Receiver(500, 204)
    async with receiver.running(), Emulator(**CALM, webhook_url=receiver.url) as emulator:
        world = emulator.world
        instance = world.id("extension_instance", next(iter(world.keys("extension_instance"))))
        async with Mittwald(emulator.token, base_url=emulator.url) as mw:
            for operation in ("disable", "enable"):
                path = {"extensionInstanceId": instance}
                await mw.call(f"extension-{operation}-extension-instance", path=path)
            first, again, second = await receiver.wait_for(3)
        assert first == again
        assert (first["state"]["enabled"], second["state"]["enabled"]) == (False, True)


async def test_a_dry_run_is_marked_and_changes_nothing() -> None:
    receiver = Receiver()
    async with receiver.running(), Emulator(**CALM, webhook_url=receiver.url) as emulator:
        world = emulator.world
        value = world.read("extension_instance", next(iter(world.keys("extension_instance"))))
        async with Mittwald(emulator.token, base_url=emulator.url) as mw:
            path = {
                "contributorId": value["contributorId"],
                "extensionId": value["extensionId"],
                "extensionInstanceId": value["id"],
                "webhookKind": "extension-instance-secret-rotated",
            }
            await mw.call("extension-dry-run-webhook", path=path, query={"secret": "tried"})
            [body] = await receiver.wait_for(1)
        assert (body["kind"], body["secret"]) == ("SecretRotated", "tried")
        assert receiver.calls[0][2] == "dry-run=true"
        assert emulator.writes == []


async def test_deleting_a_project_deletes_its_instances() -> None:
    client = EmulatorClient()
    world = client.emulator.world
    value = world.read("extension_instance", next(iter(world.keys("extension_instance"))))
    await client.delete(f"/v2/projects/{value['aggregateReference']['id']}")
    assert ("InstanceRemovedFromContext", value["id"]) in [
        (hook.kind, hook.body["id"]) for hook in client.emulator.webhooks
    ]
    assert [hook.status for hook in client.emulator.webhooks] == [None] * len(client.emulator.webhooks), "sent nowhere"


@pytest.mark.parametrize("purpose", ["webhook", "session_token"])
async def test_keys_derive_from_the_seed_and_are_public(purpose: Any) -> None:
    client, other = EmulatorClient(seed=4), EmulatorClient(seed=5)
    client.token = None
    key = SigningKey(4, purpose)
    url = f"/v2/public-keys/{key.serial}?purpose={purpose}"
    raw = (await client.get(url)).json
    assert (raw["serial"], raw["algorithm"]) == (key.serial, "Ed25519")
    data = base64.b64decode(raw["key"])
    spki = load_der_public_key(base64.b64decode((await client.get(f"{url}&format=spki")).json["key"]))
    assert isinstance(spki, Ed25519PublicKey)
    assert spki.public_bytes_raw() == data
    spki.verify(key.sign(b"text"), b"text")
    assert (await other.get(url)).status == 404


async def test_a_session_token_can_be_exchanged_for_a_minute() -> None:
    client = EmulatorClient(clock="virtual", accounts=[EmulatedAccount(), EmulatedAccount(name="second", projects=40)])
    second = client.emulator.accounts[1]
    world = second.world
    instance = world.id("extension_instance", next(iter(world.keys("extension_instance"))))
    made = await client.post(
        f"/v2/extension-instances/{instance}/sessions/7d3c1f0e-5a7b-4a52-9f43-0f6c1f0b2a11", x_access_token=second.token
    )
    token = made.json["sessionToken"]
    head, claims, _ = (base64.urlsafe_b64decode(part + "===") for part in token.split("."))
    assert msgspec.json.decode(head)["alg"] == "EdDSA"
    said = msgspec.json.decode(claims)
    assert (said["exp"] - said["iat"], said["extensionInstanceId"]) == (60, instance)
    client.token = None
    assert (await client.get(f"/v2/public-keys/{said['publicKeySerial']}?purpose=session_token")).status == 200
    answer = await client.post("/v2/authenticate-session-token", {"sessionToken": token})
    assert answer.status == 201
    projects = await client.get("/v2/projects", x_access_token=answer.json["publicToken"])
    assert len(projects.ids) == 40
    wrong = {"sessionToken": token, "extensionSecret": "guessed"}
    assert (await client.post("/v2/authenticate-session-token", wrong)).status == 400
    forged = f"{token[:-6]}AAAAAA"
    assert (await client.post("/v2/authenticate-session-token", {"sessionToken": forged})).status == 400
    client.emulator.advance(61)
    assert (await client.post("/v2/authenticate-session-token", {"sessionToken": token})).status == 400


def test_an_invalid_webhook_url_is_refused() -> None:
    with pytest.raises(OptionError, match="webhook_url must begin with http"):
        Emulator(webhook_url="localhost:8000")
