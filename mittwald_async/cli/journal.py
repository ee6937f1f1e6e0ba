"""`journal`: what a journal knows."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ..inventory.existing import damaged, require_database
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from .common import OK, Json, run
from .output import count, emit, folded, message, put_json, put_table

_SHOWN = 20
"""Items that are shown without --all."""


def journal(
    path: Annotated[Path, typer.Argument(help="The journal's file.", metavar="FILE")],
    state: Annotated[
        str | None,
        typer.Option("--state", help="Show items that are planned, started, done, failed or unknown.", metavar="STATE"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show all, not only the first.", metavar="")] = False,
    resolve: Annotated[
        list[str] | None,
        typer.Option("--resolve", help="Settle an unknown item: KEY=done or KEY=not-done.", metavar="KEY=VERDICT"),
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the contents of a journal: items by state, and those that failed or are unknown.

    [bold]Examples[/bold]

      mittwald-async journal mailboxes.journal

      mittwald-async journal mailboxes.journal --state failed --all

      mittwald-async journal mailboxes.journal --resolve kim@example.org=done
    """
    from ..bulk import ItemState
    from ..bulk.journal_file import APPLICATION_ID, VERSION

    if state is not None and state not in list(ItemState):
        raise InvalidArgumentError("--state", f"must be one of {', '.join(ItemState)}, not {state!r}")
    require_database(path, "a journal", APPLICATION_ID, VERSION)
    try:
        if resolve:
            run(_resolve, path, resolve)
        return _show(path, None if state is None else ItemState(state), every, as_json)
    except sqlite3.Error as error:
        raise ConfigurationError(f"{path}: {damaged(error)}") from None


async def _resolve(path: Path, decisions: list[str]) -> None:
    from ..bulk import DONE, NOT_DONE, ItemState, Journal, read_journal

    with closing(read_journal(path)) as store:
        names = store.names()
        places = {entry.key: name for name in names for entry in store.entries(ItemState.UNKNOWN, name)}
    verdicts = {"done": DONE, "not-done": NOT_DONE}
    async with Journal(path) as opened:
        for decision in decisions:
            key, equals, word = decision.rpartition("=")
            if not equals or word not in verdicts:
                raise InvalidArgumentError("--resolve", f"{decision!r} must be KEY=done or KEY=not-done")
            await opened.resolve(key, verdicts[word], name=places.get(key, ""))
            message(f"{key}: {word}")


def _show(path: Path, state: object, every: bool, as_json: bool) -> int:
    from ..bulk import ItemState, read_journal

    with closing(read_journal(path)) as store:
        jobs = {name: {one.value: number for one, number in store.counts(name).items()} for name in store.names()}
        wanted = [state] if isinstance(state, ItemState) else [ItemState.FAILED, ItemState.UNKNOWN]
        found = (entry for one in wanted for entry in store.entries(one))
        if as_json:
            put_json({"event": "counts", "jobs": jobs})
            for entry in found:
                put_json({"event": "item", **msgspec.to_builtins(entry)})
            return OK
        put_table(
            ("job", *ItemState),
            [(name, *(f"{counts[one]:,}" for one in ItemState)) for name, counts in jobs.items()],
            right=tuple(ItemState),
        )
        total = sum(counts[one] for counts in jobs.values() for one in wanted)
        for shown, entry in enumerate(found):
            if shown == _SHOWN and not every:
                emit(f"… and {total - shown:,} more; --all shows them\n")
                break
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
            stage = f" (stage {entry.stage + 1})" if entry.stage else ""
            emit(folded(f"{entry.state}  {at}  {entry.key}{stage}  {entry.error}".rstrip(), hang=2) + "\n")
        if store.counts()[ItemState.STARTED]:
            message(
                f"{count(store.counts()[ItemState.STARTED], 'item')} under way, or left so by a program that has ended"
            )
    return OK
