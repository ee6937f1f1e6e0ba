"""What is made of an inventory: put in place whole, through links, and into pipes without putting anything in their
place."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Store, sink_for
from mittwald_async.inventory.export import tables_of, write_tables
from mittwald_async.inventory.metrics import write_metrics
from mittwald_async.inventory.result_file import result_file
from mittwald_async.inventory.sinks import export

from ..support.inventory_file import InventoryFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = InventoryFile(tmp_path / "inventory.sqlite")
    made.sweep({"customer": [{"customerId": "c1", "name": "Fuchs"}]})
    return made.path


def as_table(file: Path, out: Path) -> None:
    with Store(file, writable=False) as store:
        write_tables(tables_of(store.database, ["customer"]), out, "csv")


def as_metrics(file: Path, out: Path) -> None:
    write_metrics(out, "Fuchs 1\n")


def as_sink(file: Path, out: Path) -> None:
    with Store(file) as store:
        store.account, store.sweep_id = "agency", 1
        export(store, sink_for(out, "csv", ["customer"]), ["customer"])


Write = Callable[[Path, Path], None]


@pytest.mark.parametrize("write", [as_table, as_metrics, as_sink])
def test_a_link_stays_and_leads_to_the_new_result(file: Path, tmp_path: Path, write: Write) -> None:
    (tmp_path / "dated").mkdir()
    target = tmp_path / "dated" / "today"
    target.write_text("old")
    link = tmp_path / "newest.csv"
    link.symlink_to(target)
    write(file, link)
    assert link.is_symlink()
    assert "Fuchs" in target.read_text()
    assert [path.name for path in target.parent.iterdir()] == ["today"]


@pytest.mark.parametrize("write", [as_table, as_metrics])
def test_a_pipe_is_written_to_and_stays_one(file: Path, tmp_path: Path, write: Write) -> None:
    """As root, a file would otherwise take the place of `/dev/null`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(file, pipe)
    reader.join(10 if pipe.is_fifo() else 0)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert "Fuchs" in read[0]


def test_two_that_write_the_same_result_do_not_mix_their_halves(tmp_path: Path) -> None:
    out = tmp_path / "result"
    with result_file(out) as first:
        first.write(b"first, ")
        with result_file(out) as second:
            second.write(b"second")
        assert out.read_bytes() == b"second"
        first.write(b"whole")
    assert out.read_bytes() == b"first, whole"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [out]


def test_a_result_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    out = tmp_path / "result"
    out.write_bytes(b"before")
    for target, complaint in (
        (out, "result cannot be written: No space left"),
        (tmp_path, "Is a directory"),
        (tmp_path / "nosuch" / "x", "No such file"),
    ):
        with pytest.raises(ConfigurationError, match=complaint):
            _half(target, full=target == out)
    assert out.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def _half(target: Path, *, full: bool) -> None:
    with result_file(target) as file:
        file.write(b"half")
        if full:
            raise OSError(28, "No space left on device")
