"""Which kept connections may carry another request, and how long they are remembered."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

from mittwald_async.runtime.transport.connections import KeptConnections

from ..support.scripted_server import GET_PROJECT, Seen, shared, talking


class Wire:
    """A connection as held by the pool, over a real socket."""

    def __init__(self, found: socket.socket | None) -> None:
        self.found = found
        self.waiting = 0

    @property
    def transport(self) -> Wire:
        return self

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self.found if name == "socket" else None

    def __len__(self) -> int:
        return self.waiting


@contextmanager
def pair() -> Generator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Wire(ours), theirs


def test_a_quiet_connection_is_reused() -> None:
    kept = KeptConnections(all_are_ours=True)
    with pair() as (wire, _):
        assert [kept.usable(wire) for _ in range(3)] == [True, True, True]


def test_bytes_on_a_new_connection_are_not_stale() -> None:
    with pair() as (wire, theirs):
        theirs.send(b"HTTP/1.1 503")
        assert KeptConnections(all_are_ours=True).usable(wire)
    with pair() as (wire, theirs):
        theirs.send(b"HTTP/1.1 503")
        assert not KeptConnections(all_are_ours=False).usable(wire)  # others use the pool, so it may be anything


def test_a_closed_connection_or_one_with_unread_bytes_is_not_reused() -> None:
    kept = KeptConnections(all_are_ours=True)
    harms: tuple[Callable[[Wire, socket.socket], None], ...] = (_send, _close, _hold)
    for harm in harms:
        with pair() as (wire, theirs):
            assert kept.usable(wire)
            harm(wire, theirs)
            assert not kept.usable(wire)
    assert not kept.usable(None)


def _send(_: Wire, theirs: socket.socket) -> None:
    theirs.send(b"x")


def _close(_: Wire, theirs: socket.socket) -> None:
    theirs.close()


def _hold(wire: Wire, _: socket.socket) -> None:
    wire.waiting = 1


def test_a_connection_without_a_socket_is_reused() -> None:
    kept = KeptConnections(all_are_ours=False)
    wire = Wire(None)
    assert kept.usable(wire)
    wire.waiting = 1
    assert not kept.usable(wire)


def test_a_closed_connection_leaves_no_record_that_could_match_another() -> None:
    kept = KeptConnections(all_are_ours=True)
    for _ in range(100):  # new objects often get the memory address of old ones
        with pair() as (wire, theirs):
            assert kept.usable(wire)
            theirs.send(b"late")
            assert not kept.usable(wire)
        del wire
        gc.collect()
        assert not kept.looks


async def test_calls_cancelled_while_connecting_leave_no_record() -> None:
    async def never(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with talking(never) as (client, _, _):
        calls = [asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",))) for _ in range(20)]
        for steps in range(len(calls)):
            for _ in range(steps % 7):
                await asyncio.sleep(0)
            calls[steps].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        calls.clear()
        for _ in range(5):
            await asyncio.sleep(0.01)
        gc.collect()
        kept: KeptConnections = getattr(shared(client).session, "_kept")  # noqa: B009 - nothing else shows it
        assert not kept.looks
