"""Where output goes and how it looks: results to stdout, messages to stderr."""

from __future__ import annotations

import codecs
import errno
import io
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .columns import GAP as _GAP
from .columns import ShownColumn, fit

if TYPE_CHECKING:
    from typing_extensions import Buffer

_WIDE = sys.maxsize
"""Off a terminal the width is not limited: programs expect whole lines."""

# Without highlighting: an id with a coloured number in it is harder to read, not easier.
err: Console = Console(stderr=True, highlight=False)


def emit(content: str | bytes) -> None:
    """Write a result: as it is to a file or a pipe, with control characters escaped to a terminal."""
    if _on_terminal():
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        _write(for_terminal(text))
    elif isinstance(content, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write(content)


def emit_pieces(pieces: Iterable[bytes]) -> None:
    """Write a long result piece by piece, as `emit` would write all of it: a character may begin in one and end in the
    next."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        emit(decoder.decode(piece) if _on_terminal() else piece)
    emit(decoder.decode(b"", True))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def for_terminal(text: str) -> str:
    """Text in which nothing moves the cursor, colours the terminal or turns the direction of writing: `\\u001b`."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_escaped(one) if _moves(one) else one for one in text.replace("\r\n", "\n"))


def _escaped(character: str) -> str:
    """As JSON escapes it: beyond 16 bits as two."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _moves(character: str) -> bool:
    """Control and format characters, and separators that begin a line. Joiners and soft hyphens only join."""
    if character in "\n\t\u200c\u200d\u00ad":
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def put_json(value: object, *, indent: int = 0) -> None:
    """Write a value as JSON, by default on a line of its own. Always UTF-8, but to a terminal."""
    encoded = json_bytes(value)
    emit((msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n")


def json_bytes(value: object) -> bytes:
    """A value as JSON. Bytes of a file's name that are not UTF-8 become replacement characters."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_as_unicode(msgspec.to_builtins(value)))


def _as_unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, list):
        return [_as_unicode(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {_as_unicode(name): _as_unicode(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


def put_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), shorten: Sequence[str] = ()
) -> None:
    """Write a table; see `table_text`."""
    emit(table_text(heads, rows, right=right, shorten=shorten, note=notice))


def table_text(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    shorten: Sequence[str] = (),
    keep: int = 1,
    note: Callable[[str], None] | None = None,
) -> str:
    """A table that fits the terminal, else one line a row.

    What has no spaces in it (an id, an address) is never broken. Prose is wrapped between words, and JSON ends in `…`
    where it is too long. Columns that find no room are left out, from the right, but never the first.

    Args:
        heads: names of columns.
        rows: their cells.
        right: columns that are aligned to the right.
        shorten: columns whose cells may end in `…`.
        keep: so many columns are never left out.
        note: is called with a line that names columns left out.
    """
    columns = [
        ShownColumn(head, [_one_line(row[index]) for row in rows], head in shorten) for index, head in enumerate(heads)
    ]
    width = shutil.get_terminal_size().columns if _on_terminal() else _WIDE
    shown = fit(columns, width, keep=keep)
    if note is not None and len(shown) < len(columns):
        left_out = [column.head or "details" for column in columns if column not in shown]
        note(f"no room for: {', '.join(left_out)}; a wider terminal or a pipe shows all")
    # With a height as well: of a dumb terminal, 80 columns are assumed otherwise, whatever width is given.
    room = sum(one.width for one in shown) + _GAP * len(shown)
    console = Console(highlight=False, width=room, height=25, color_system=None)
    table = Table(box=None, pad_edge=False)
    for column in shown:
        table.add_column(
            column.head, justify="right" if column.head in right else "left", width=column.width, overflow="fold"
        )
    for number in range(len(rows)):
        table.add_row(*(_drawn(column, column.cells[number]) for column in shown))
    with console.capture() as drawn:
        console.print(table)
    return "".join(line.rstrip() + "\n" for line in drawn.get().splitlines())


def _drawn(column: ShownColumn, cell: str) -> Text:
    return Text(cell, overflow="ellipsis", no_wrap=True) if column.may_shorten(cell) else Text(cell)


def _one_line(cell: str) -> str:
    return " ".join(for_terminal(cell).split()) if _on_terminal() else " ".join(cell.split("\n"))


def message(line: str, *, error: bool = False) -> None:
    """Say something about a result, on one line of stderr; errors begin with the program's name."""
    # What servers answer gets in here: nothing of it may move the cursor or colour the terminal.
    plain = "".join(character if character.isprintable() else " " for character in line)
    with suppress(OSError):  # If this cannot be written, a message cannot be either; the exit code tells.
        sys.stderr.write(("mittwald-async: " if error else "") + " ".join(plain.split()) + "\n")
        sys.stderr.flush()


def folded(text: str, *, hang: int = 0) -> str:
    """Text for people whose lines end between words at the width of a terminal, so that no id in it is broken.

    Args:
        text: one or several lines.
        hang: spaces with which the continuation of a line begins.
    """
    if not _on_terminal():
        return text
    width = shutil.get_terminal_size().columns
    wrapper = textwrap.TextWrapper(
        width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False, tabsize=1
    )
    return "\n".join("\n".join(wrapper.wrap(line)) for line in text.split("\n"))


def notice(line: str) -> None:
    """Say something about a result that may take several lines of a terminal."""
    for part in folded(line).split("\n"):
        message(part)


def count(number: int, thing: str, things: str | None = None) -> str:
    """`1 request`, `1,200 requests`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def duration(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Closed(io.RawIOBase):
    """Standard output that was closed by what started the process: a result written there is lost, which is an
    error."""

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        if data:
            raise OSError(errno.EBADF, "standard output is closed")
        return 0


def output_is_closed() -> bool:
    """Whether nothing can be written to standard output, since what started the process has closed it."""
    return isinstance(getattr(sys.stdout, "buffer", None), _Closed)


def make_writable() -> None:
    """Let no character stand in the way of output. Where standard output is closed, writing to it fails with an
    `OSError`, as it does where its disk is full; where the error output is closed, messages go nowhere.
    """
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(cast("IO[bytes]", _Closed()), encoding="utf-8", write_through=True)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def forget_output() -> None:
    """The reader has closed the pipe: drop what is still buffered."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):  # Not a file: a test's, or closed.
            continue
    os.close(nowhere)
