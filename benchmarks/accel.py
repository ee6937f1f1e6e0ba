"""What each trick of `runtime/_accel` gains: the same work with it and without, in turn, in one run.

A trick that gains less than 5 % of the work it touches is deleted. `MITTWALD_ASYNC_PURE=1` turns all of them off; this
benchmark needs them, so it says nothing there.

One other way to decode unions was measured and dropped: searching the item's bytes for its constant takes as long as
reading it with msgspec.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, nullcontext
from functools import partial
from typing import Any, get_args
from unittest.mock import patch

from mittwald_async import Mittwald, Pool, codec
from mittwald_async.api.project import LIST_PROJECTS
from mittwald_async.runtime._accel import PURE, compiled_unions, list_decoder
from mittwald_async.runtime._accel.fast_path import Direct
from mittwald_async.runtime.codec.decoders import plain_decoder
from mittwald_async.runtime.schema.typing_utils import is_stand_in
from mittwald_async.runtime.structs import HasEveryInstance

from .call import drive
from .call import page as body_of_a_call
from .frame import Measured, Settings, Table, alternate, ratio
from .payloads import PAGES, page
from .responder import responder

COLUMNS = ("trick", "work", "with", "without", "unit", "with / without", "gain %")
UNIONS = ("ingresses", "conversation messages", "DNS zones", "activities")


def run(settings: Settings) -> Iterator[Table]:
    table = Table("Tricks, each against the same work without it", COLUMNS)
    if PURE:
        table.notes.append("MITTWALD_ASYNC_PURE is set: every trick is off")
        yield table
        return
    for name in UNIONS:
        _decoding(table, settings, name)
    work = "a GET of 20 projects, 16 tasks"
    for trick, without in (("fast_path", "over"), ("fast_path, like requests", "like")):
        _row(table, trick, work, *asyncio.run(_calls(settings, without)), unit="µs", scale=1)
    yield table


def _decoding(table: Table, settings: Settings, name: str) -> None:
    expression, make = PAGES[name]
    count = settings.pick(1000, 20)
    expected: Any = codec.resolve(expression)
    body = page(make, count)
    plain, compiled = plain_decoder(expected), compiled_unions.decoder_of(expected)
    best = list_decoder.decoder_of(expected)
    inner: Any = get_args(expected)[0]
    split = list_decoder.list_of(inner) if by_constant_at_the_top(inner) else best

    def asked() -> object:
        with patch.object(HasEveryInstance, "__instancecheck__", _yes):
            return best(body)

    contenders: dict[str, Any] = {
        "plain": lambda: plain(body),
        "compiled": lambda: compiled(body),
        "split": lambda: split(body),
        "best": lambda: best(body),
        "asked": asked,
    }
    times = alternate(contenders, rounds=settings.pick(11, 3), span=settings.pick(40, 0))
    work = f"decode {count} {name}"
    _row(table, "compiled_unions", work, times["compiled"], times["plain"])
    if by_constant_at_the_top(inner):
        _row(table, "list_decoder, over compiled_unions", work, times["split"], times["compiled"])
        _row(table, "tagged_lists, over list_decoder", work, times["best"], times["split"])
    _row(table, "instance_checks", work, times["best"], times["asked"])


def by_constant_at_the_top(item: Any) -> bool:
    """Whether the items of a list are a union whose variants a constant names."""
    return is_stand_in(item) and bool(compiled_unions.by_constant(item)[1])


def _nothing(*_: object) -> None:
    """In place of a step, and no mock: it is called with every request."""


def _yes(cls: type, instance: object) -> bool:
    return True


async def _calls(settings: Settings, without: str) -> tuple[Measured, Measured]:
    """CPU of a call with the fast path, and without one step of it."""
    rounds, calls = settings.pick(9, 2), settings.pick(1_500, 100)
    found: dict[bool, list[float]] = {True: [], False: []}
    async with responder(body_of_a_call()) as url, _client(url) as whole, AsyncExitStack() as stack:
        await _get(whole)
        with patch.object(Direct, without, _nothing):
            part = await stack.enter_async_context(_client(url))
            await _get(part)
        for _ in range(rounds + 1):
            for with_it, client in ((True, whole), (False, part)):
                with nullcontext() if with_it else patch.object(Direct, without, _nothing):
                    cpu, _ = await drive(partial(_get, client), calls, 16)
                found[with_it].append(cpu * 1e6)
    return Measured(tuple(found[True][1:]), "µs"), Measured(tuple(found[False][1:]), "µs")


def _client(url: str) -> Mittwald:
    return Mittwald("token-for-benchmarks", base_url=url, pool=Pool(connections=16))


async def _get(client: Mittwald) -> object:
    return await client.sender.value(LIST_PROJECTS, (), {"limit": 20})


def _row(
    table: Table, trick: str, work: str, one: Measured, other: Measured, *, unit: str = "ms", scale: float = 1e3
) -> None:
    share = ratio(one, other)
    table.add(trick, work, one.median * scale, other.median * scale, unit, share, round((1 - share) * 100))
