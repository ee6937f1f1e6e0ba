"""What a call carries, and that nothing is made anew for it that could be shared."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from mittwald_async.runtime.transport.middleware import RawResponse
from mittwald_async.runtime.transport.session import Session
from tests.client.tools import GET_PROJECT, reply, talking


async def test_calls_with_nothing_special_share_their_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CIMultiDict[str]] = []
    exchange = Session.exchange

    async def noted(self: Session, method: str, url: Any, headers: CIMultiDict[str], *rest: Any) -> RawResponse:
        seen.append(headers)
        return await exchange(self, method, url, headers, *rest)

    monkeypatch.setattr(Session, "exchange", noted)
    async with talking(reply(200, {"id": "p-1"})) as (client, _, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.sender.value(GET_PROJECT, ("p-2",))
    assert seen[0] is seen[1]


async def test_headers_of_ones_own_replace_ours_in_any_case() -> None:
    async with talking(reply(200, {"id": "p-1"}), headers={"accept": "text/plain", "X-Trace": "1"}) as (
        client,
        server,
        _,
    ):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen[0].headers["accept"] == "text/plain"
        assert server.seen[0].headers["x-trace"] == "1"
