"""What users do in their own tests: aioresponses instead of the network."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import aiohttp
import pytest
from aioresponses import aioresponses

from mittwald_async import Mittwald
from mittwald_async.errors import NotFoundError, NotSentError

from ..support.scripted_server import GET_PROJECT, TOKEN, Clock

BASE = "https://api.mittwald.de"


def mocking() -> Any:
    return aioresponses()


class Supplied(aiohttp.ClientResponse):
    """aiohttp 3.14 expects the stream writer of the request, which aioresponses 0.7.9 does not supply."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        writer = mock.Mock(output_size=0)
        super().__init__(*args, **{"stream_writer": writer, **kwargs})


async def test_a_mocked_response() -> None:
    async with Mittwald(TOKEN, clock=Clock()) as client:
        with mocking() as mocked:
            mocked.get(f"{BASE}/v2/projects/p-1", status=503, response_class=Supplied)
            mocked.get(f"{BASE}/v2/projects/p-1", payload={"id": "p-1"}, response_class=Supplied)
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
            (calls,) = mocked.requests.values()
            assert len(calls) == 2
            assert calls[0].kwargs["allow_redirects"] is False


async def test_a_mocked_error() -> None:
    async with Mittwald(TOKEN, clock=Clock()) as client:
        with mocking() as mocked:
            mocked.get(f"{BASE}/v2/projects/p-1", status=404, payload={"message": "no"}, response_class=Supplied)
            with pytest.raises(NotFoundError, match="no"):
                await client.sender.value(GET_PROJECT, ("p-1",))


async def test_a_mocked_exception() -> None:
    key = mock.Mock(host="api.mittwald.de", port=443, ssl=True)
    refused = aiohttp.ClientConnectorError(key, OSError(111, "refused"))
    async with Mittwald(TOKEN, clock=Clock()) as client:
        with mocking() as mocked:
            mocked.get(f"{BASE}/v2/projects/p-1", exception=refused, repeat=True)
            with pytest.raises(NotSentError, match=r"cannot connect to api\.mittwald\.de:443"):
                await client.sender.value(GET_PROJECT, ("p-1",))
    await asyncio.sleep(0)
