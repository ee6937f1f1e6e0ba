"""Grafana's query endpoint as documented: one frame per series, errors inside the 200."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from mittwald_async import Mittwald


def frame(ref_id: str, values: list[Any], labels: dict[str, str] | None = None, **data: Any) -> dict[str, Any]:
    times = [1_777_636_800_000 + 300_000 * place for place in range(len(values))]
    fields: list[Any] = [
        {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}},
        {"name": "Value", "type": "number", "labels": labels or {}, "config": {"displayNameFromDS": "shown"}},
    ]
    return {"schema": {"refId": ref_id, "fields": fields}, "data": {"values": [times, values], **data}}


@asynccontextmanager
async def grafana(
    answer: Callable[[dict[str, Any]], Any],
) -> AsyncGenerator[tuple[Mittwald, list[dict[str, Any]]], None]:
    """A client of a server that responds this way; the second value collects the requests."""
    asked: list[dict[str, Any]] = []

    async def query(request: web.Request) -> web.Response:
        assert request.content_type == "application/json"
        asked.append(await request.json())
        body = answer(asked[-1])
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, content_type="application/json", headers={"ETag": 'W/"1f"'})

    app = web.Application()
    app.router.add_post("/v2/apps/metrics/api/ds/query", query)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0])
        async with Mittwald("token", base_url=url) as mw:
            yield mw, asked
    finally:
        await runner.cleanup()
