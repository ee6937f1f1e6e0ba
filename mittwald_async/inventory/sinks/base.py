"""What all sinks share: their registry, their checks, and putting a finished result in place."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ClassVar, TypeVar

from ...errors import ConfigurationError
from ..errors import StoreError
from ..store import Store

COMPRESSED = (".gz", ".zst")

S = TypeVar("S", bound="type[Sink]")


class Sink(ABC):
    """Where the result goes and in which form.

    Args:
        path: a file, or a folder where the form holds one table per file.

    Attributes:
        name: what `--format` calls the form.
        suffixes: endings of file names that mean this form.
        needs: what has to be installed, said in the error if it is not; empty: nothing.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    suffix_of_tables: ClassVar[str] = ""
    """Ending of the files in a folder, for forms that hold one table per file; empty: one file holds all."""
    compressible: ClassVar[bool] = False
    is_exported: ClassVar[bool] = True
    """It is written from a working file when the sweep has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def store_path(self) -> Path:
        """The SQLite file the sweep is written to."""
        return self.path.with_name(f"{self.path.name}.sweep") if self.is_exported else self.path

    @property
    def one_file(self) -> bool:
        """Whether the path is a file, not a folder of tables."""
        return not self.suffix_of_tables or self.path.suffix == self.suffix_of_tables

    def check(self, resources: Sequence[str]) -> None:
        """Make sure that the form can be written there.

        Raises:
            ConfigurationError: it cannot; the message says why.
        """
        if not self.compressible and self.path.suffix in COMPRESSED:
            raise ConfigurationError(f"{self.path}: only .jsonl is written compressed")
        if self.suffix_of_tables and self.one_file and len(resources) > 1:
            raise ConfigurationError(
                f"{self.path}: one {self.name} file holds one resource, {len(resources)} are asked for; "
                f"name a folder and say --format {self.name}"
            )
        _check_writable(self)

    def account(self) -> str | None:
        """Whose rows are in the finished result; `None` where it has none, or is not what this form writes."""
        files = [self.path] if self.one_file else sorted(self.path.glob(f"*{self.suffix_of_tables}"))
        return next(filter(None, map(self._account_or_none, files)), None)

    def _account_or_none(self, file: Path) -> str | None:
        try:
            return self.account_in(file)
        except Exception:  # Another program's file of this ending: each library refuses it in its own way.
            return None

    def account_in(self, file: Path) -> str | None:
        """Account of the first row of a file of the result; errors mean that it is of something else."""
        return None

    @abstractmethod
    def write(self, store: Store, path: Path, resources: Sequence[str]) -> None:
        """Write a sweep's rows to a new file, or into a new folder, of this name."""


SINKS: dict[str, type[Sink]] = {}
"""Every form there is, by name."""


def register(sink: S) -> S:
    """Make a form known; a class decorator."""
    SINKS[sink.name] = sink
    return sink


def sink_for(path: Path | str, format: str | None = None, resources: Sequence[str] = ()) -> Sink:
    """Read the form off a path's name.

    Args:
        path: `.sqlite`, `.jsonl` (also `.jsonl.gz`, `.jsonl.zst`), `.csv`, `.parquet`, or a folder together with
            `format`.
        format: name of a form, where the path does not say it.
        resources: what will be delivered.

    Raises:
        ConfigurationError: no such form, a package is missing, or the target cannot be written.
    """
    path = Path(path)
    suffix = path.with_suffix("").suffix if path.suffix in COMPRESSED else path.suffix
    by_suffix = {suffix: sink for sink in SINKS.values() for suffix in sink.suffixes}
    kind = SINKS.get(format) if format else by_suffix.get(suffix)
    if kind is None:
        raise ConfigurationError(
            f"{path}: cannot tell the form; end the name in {', '.join(by_suffix)} or say --format {'|'.join(SINKS)}"
        )
    sink = kind(path)
    sink.check(resources)
    return sink


def _check_writable(sink: Sink) -> None:
    folder = sink.path.parent
    if not folder.is_dir():
        raise ConfigurationError(f"{sink.path}: no such folder: {folder}")
    if sink.one_file and sink.path.is_dir():
        raise ConfigurationError(f"{sink.path}: is a folder")
    if sink.one_file and sink.path.exists() and not sink.path.is_file():
        raise ConfigurationError(f"{sink.path}: is a device or pipe; results are renamed into place, name a file")
    if not sink.one_file and sink.path.exists() and not sink.path.is_dir():
        raise ConfigurationError(f"{sink.path}: is a file; {sink.name} of several resources needs a folder")
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"{sink.path}: the folder cannot be written to")


def export(store: Store, sink: Sink, resources: Iterable[str]) -> None:
    """Write a sweep's rows in the form of the sink, whole or not at all.

    Raises:
        StoreError: the target cannot be written, or the disk is full.
    """
    if not sink.is_exported:
        return
    target = sink.path.resolve()  # A link stays, and leads to the new result.
    partial = target.with_name(f".{target.name}.partial")
    try:
        _discard(partial)
        if not sink.one_file:
            partial.mkdir(mode=0o700)
        sink.write(store, partial, list(resources))
        _replace(partial, target)
    except OSError as error:
        raise StoreError(
            f"{sink.path}: {error.strerror or error}; the rows are in {sink.store_path.name}, resume with --resume"
        ) from error
    finally:
        with suppress(OSError):
            _discard(partial)


@contextmanager
def new_file(path: Path) -> Generator[IO[bytes]]:
    """A new file that only its owner can read, on the disk when the block ends. A file or link of that name is an
    error."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(handle, "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _replace(partial: Path, target: Path) -> None:
    """Put the finished result in place. In a folder that is there already, only files of the same names are
    replaced."""
    if partial.is_dir() and target.is_dir():
        for table in partial.iterdir():
            table.replace(target / table.name)
    else:
        partial.replace(target)


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
