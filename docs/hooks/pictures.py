"""Pictures of the terminal for the pages: real output, drawn as SVG.

    python docs/hooks/pictures.py

Each command runs on a terminal of its own, so that it does what it does for people. Fonts come from the reader's
machine: nothing is loaded.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from mittwald_async.emulator import Emulator
from mittwald_async.emulator.pytest_plugin import running

PICTURES = Path(__file__).resolve().parents[1] / "pictures"


class Picture(NamedTuple):
    """A command, and how much of its output is drawn."""

    name: str
    command: str
    columns: int = 80
    lines: int = 20


WANTED = (
    Picture("operations", "operations mysql user"),
    Picture("check", "check demo.sqlite --only certificates"),
    Picture("table", "call project-list-projects --output table --fields shortId,description,status,createdAt"),
)


def on_terminal(command: str, folder: Path, columns: int, **variables: str) -> str:
    """What a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    program = [sys.executable, "-m", "mittwald_async.cli", *command.split()]
    given = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "PYTHONUTF8": "1", **variables}
    written = bytearray()
    with subprocess.Popen(program, cwd=folder, env=given, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # what Linux makes of a terminal whose other end is closed
                break
            if not piece:
                break
            written += piece
    os.close(ours)
    return written.decode("utf-8", "replace").replace("\r\n", "\n")


def draw(picture: Picture, text: str) -> str:
    """The first lines of an output as SVG."""
    console = Console(record=True, width=picture.columns, file=StringIO(), force_terminal=True)
    console.print(f"[bold]$ mittwald-async {picture.command}[/bold]")
    lines = text.splitlines()
    for line in lines[: picture.lines]:
        console.print(Text.from_ansi(line))
    if len(lines) > picture.lines:
        console.print("…")
    drawn = console.export_svg(title="", unique_id=picture.name)
    return re.sub(r"@font-face\s*\{[^}]*\}", "", drawn).replace("Fira Code", "ui-monospace, monospace")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, running(Emulator(seed=7, customers=5, projects=20)) as api:
        server = {"MITTWALD_API_TOKEN": api.token, "MITTWALD_API_BASE_URL": api.url}
        on_terminal("sweep --demo --quiet", Path(folder), 80)
        for picture in WANTED:
            text = on_terminal(picture.command, Path(folder), picture.columns, **server)
            (PICTURES / f"{picture.name}.svg").write_text(draw(picture, text), encoding="utf-8")


if __name__ == "__main__":
    main()
