"""End to end: the emulator signs and sends, publishes its keys, and exchanges session tokens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiohttp import web

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.webhooks import InstanceRemovedFromContext, SecretRotated, SessionTokenError, Verifier, WebhookEvent


async def test_webhooks_sent_by_the_emulator() -> None:
    received: asyncio.Queue[WebhookEvent] = asyncio.Queue()
    client: list[Mittwald] = []

    async def receive(request: web.Request) -> web.Response:
        received.put_nowait(await client[0].webhooks.verify(request.headers, await request.read(), url=request.path_qs))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}/hook".format(*runner.addresses[0])
        async with (
            Emulator(webhook_url=url, drift=0.0) as api,
            Mittwald(api.token, base_url=api.url) as mw,
            Mittwald.anonymous(base_url=api.url) as anonymous,
        ):
            client.append(anonymous)
            instance = await mw.marketplace.extension_list_extension_instances().first()
            assert instance is not None
            contributor, extension = instance.contributor_id, instance.extension_id
            await mw.marketplace.extension_dry_run_webhook(
                contributor, extension, instance.id, "extension-instance-secret-rotated"
            )
            trial = await asyncio.wait_for(received.get(), 10)
            assert isinstance(trial, SecretRotated)
            assert (trial.id, trial.dry_run) == (instance.id, True)
            await mw.marketplace.extension_delete_extension_instance(instance.id)
            removed = await asyncio.wait_for(received.get(), 10)
            assert isinstance(removed, InstanceRemovedFromContext)
            assert (removed.id, removed.dry_run) == (instance.id, False)
            assert [webhook.status for webhook in api.webhooks] == [204, 204]
    finally:
        await runner.cleanup()


async def test_session_tokens_of_the_emulator() -> None:
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        instance = await mw.marketplace.extension_list_extension_instances().first()
        assert instance is not None
        seen_by = str(uuid4())
        result = await mw.marketplace.extension_generate_session_token(instance.id, seen_by)
        token = result.session_token
        session = await mw.webhooks.session(token)
        assert (session.extension_instance_id, session.session_id) == (instance.id, seen_by)
        secret = f"secret-of-{instance.extension_id}"
        access = await mw.webhooks.exchange(token, extension_secret=secret)
        async with Mittwald(access.public_token, base_url=api.url) as user:
            assert (await user.user.get_user("self")).user_id == session.user_id
        late = Verifier(mw, wall=lambda: datetime.now(UTC) + timedelta(seconds=70))
        with pytest.raises(SessionTokenError, match="expired"):
            await late.session(token)
