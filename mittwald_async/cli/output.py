"""Where output goes and how it looks: results to stdout, all that is said about them to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 10_000
"""Off a terminal there is no width to keep to: whoever reads the output wants whole lines."""

# Without highlighting: an id with a coloured number in it is harder to read, not easier.
err: Console = Console(stderr=True, highlight=False)


def emit(content: str | bytes) -> None:
    """Write a result as it is."""
    if isinstance(content, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(content)
        sys.stdout.flush()


def put_json(value: object, *, indent: int = 0) -> None:
    """Write a value as JSON, by default on a line of its own. Always UTF-8, whatever the terminal speaks."""
    encoded = msgspec.json.encode(value)
    emit((msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n")


def put_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Write a table: folded to the width of a terminal, else one line a row."""
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else _WIDE)
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as drawn:
        console.print(table)
    emit("".join(line.rstrip() + "\n" for line in drawn.get().splitlines()))


def message(line: str, *, error: bool = False) -> None:
    """Say something about a result, on one line of stderr; errors begin with the program's name."""
    # What servers answer gets in here: nothing of it may move the cursor or colour the terminal.
    plain = "".join(character if character.isprintable() else " " for character in line)
    with suppress(OSError):  # If this cannot be written, that cannot be said either; the exit code tells.
        sys.stderr.write(("mittwald-async: " if error else "") + " ".join(plain.split()) + "\n")
        sys.stderr.flush()


def count(number: int, thing: str, things: str | None = None) -> str:
    """`1 request`, `1,200 requests`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def duration(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def make_writable() -> None:
    """Let no character and no missing stream stand in the way of output."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # Closed by whoever started the process.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def forget_output() -> None:
    """Nobody reads any more: let what is still buffered go nowhere, quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):  # Not a file: a test's, or closed.
            continue
    os.close(nowhere)
