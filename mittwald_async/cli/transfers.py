"""How far a download is, for people at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from .output import err, for_terminal

Report = Callable[[int, int | None], None]


@contextmanager
def transfer_progress(name: str) -> Generator[Report | None]:
    """Show a bar on a terminal until the block ends; gives what to report bytes and size to, `None` off terminals.

    Args:
        name: of the file.
    """
    if not err.is_terminal or err.is_dumb_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}", markup=False), *columns, console=err) as bar:
        task = bar.add_task(for_terminal(name), total=None)

        def report(received: int, size: int | None) -> None:
            bar.update(task, completed=received, total=size)

        yield report
