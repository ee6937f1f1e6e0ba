"""Rows as Parquet files with a schema of the catalog's: the same for every account, whatever it has."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec

from .._install import install_hint
from ..errors import ConfigurationError
from ..inventory import Row, StoreError
from ..inventory.catalog import catalog
from ..inventory.columns import plain_columns
from ..inventory.sinks.parquet import READERS
from ..inventory.sinks.records import HEAD, records
from .lake import FileEntry, Lake

_OWN: tuple[tuple[str, str], ...] = (
    ("id", "text"),
    ("key", "text"),
    ("customer_id", "text"),
    ("project_id", "text"),
    ("parent_id", "text"),
    ("fetched_at", "time"),
    ("operation", "text"),
    ("drifted", "bool"),
)
"""Columns of every file. `resource` and `account` are named by the folders."""

_ROWS_AT_ONCE = 5_000
_ROW_BYTES = 400
"""What a row takes in memory beside its JSON, about."""


def arrow() -> Any:
    """pyarrow.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError(f"a fleet needs pyarrow: {install_hint('fleet')}") from error


@cache
def schema_of(resource: str) -> Any:
    """The columns of a resource's files."""
    pa = arrow()
    kinds = {"text": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    kinds["time"] = pa.timestamp("us", tz="UTC")
    plain = [(column.name, column.kind) for column in plain_columns(catalog()[resource])]
    return pa.schema([(name, kinds[kind]) for name, kind in (*_OWN, *plain, ("data", "text"))])


def table_of(resource: str, rows: list[Row]) -> Any:
    """Rows as an Arrow table."""
    columns = plain_columns(catalog()[resource])
    values: list[list[Any]] = [
        [row.id for row in rows],
        [row.key for row in rows],
        [row.customer_id for row in rows],
        [row.project_id for row in rows],
        [row.parent_id for row in rows],
        [row.fetched_at for row in rows],
        [row.operation for row in rows],
        [row.drifted for row in rows],
    ]
    found = list(zip(*records("", columns, rows), strict=True))
    # The fixed columns come first, the item last.
    for column, cells in zip(columns, found[len(HEAD) : -1] if found else [()] * len(columns), strict=True):
        read = READERS[column.kind]
        values.append([None if cell is None else read(cell) for cell in cells])
    values.append(list(found[-1]) if found else [])
    schema = schema_of(resource)
    pa = arrow()
    return pa.table(
        [pa.array(cells, type=field.type) for cells, field in zip(values, schema, strict=True)], schema=schema
    )


def rows_of(lake: Lake, entry: FileEntry) -> Iterator[Row]:
    """The rows of a file, as they were written.

    Raises:
        StoreError: the file is damaged.
    """
    parquet = importlib.import_module("pyarrow.parquet")
    names = [*(name for name, _ in _OWN), "data"]
    try:
        with lake.open_file(entry.path) as source, parquet.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=names):
                for cells in batch.to_pylist():
                    data: str = cells.pop("data")
                    yield Row(resource=entry.resource, raw=data.encode(), **cells)
    except (arrow().ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # The file cannot be read at all.
            raise
        reason = str(error).partition(". ")[0]
        raise StoreError(
            f"{lake.path(entry.path)}: is damaged ({reason}); take a copy of it that is whole, or prune its account"
        ) from error


class _Packed:
    """Rows of one resource, held compressed: a tenth of their size or less."""

    def __init__(self, rows: list[Row]) -> None:
        plain = msgspec.msgpack.encode(rows)
        self._size = len(plain)
        self._content: bytes = arrow().compress(plain, codec="zstd", asbytes=True)

    def rows(self) -> list[Row]:
        plain: bytes = arrow().decompress(self._content, self._size, codec="zstd", asbytes=True)
        return msgspec.msgpack.decode(plain, type=list[Row])


class AccountTables:
    """The files of one attempt at an account. A row that comes twice is written once.

    Nothing is open while rows come: a process has hundreds of accounts under way, and may have a thousand files open.

    Args:
        lake: the data set.
        folder: within it; no other attempt has it.
        resources: of each there is a file in the end, also where there are no rows.
        buffer_bytes: JSON held as it is at most; what came before is held compressed.
    """

    def __init__(self, lake: Lake, folder: str, resources: Iterable[str], buffer_bytes: int) -> None:
        self._lake = lake
        self._folder = folder
        self._resources = tuple(resources)
        self._most = buffer_bytes
        self._held = 0
        self._rows: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self._seen: defaultdict[str, set[str]] = defaultdict(set)
        """Keys of rows that are compressed already."""
        self._packed: defaultdict[str, list[_Packed]] = defaultdict(list)
        self._entries: list[FileEntry] = []
        self._begun: list[str] = []
        """Files that are there, perhaps not whole."""
        self._steps = self._write()
        self.counts: dict[str, int] = dict.fromkeys(self._resources, 0)
        self.owners: defaultdict[str, set[str]] = defaultdict(set)
        """Projects that have something, by resource."""

    def begin(self) -> None:
        """Make the folder, so that a place that cannot be written shows before anything is asked for.

        Raises:
            StoreError: it cannot be written.
        """
        self._lake.new_folder(self._folder)

    def add(self, resource: str, rows: Iterable[Row]) -> None:
        """Take rows in. Of those with the same key the last counts, unless the first has been compressed."""
        held, seen = self._rows[resource], self._seen[resource]
        for row in rows:
            if row.key in seen:
                continue
            if row.key not in held:
                self.counts[resource] += 1
                self._held += len(row.raw) + _ROW_BYTES
            held[row.key] = row
            if row.project_id is not None:
                self.owners[resource].add(row.project_id)

    @property
    def full(self) -> bool:
        """Whether it is time to compress."""
        return self._held >= self._most

    def flush(self) -> None:
        """Compress what is held."""
        for resource, held in self._rows.items():
            if held:
                self._seen[resource].update(held)
                self._packed[resource].append(_Packed(list(held.values())))
        self._rows.clear()
        self._held = 0

    def write_some(self) -> bool:
        """Write the next few thousand rows. False once all files are written.

        Raises:
            StoreError: they cannot be written.
        """
        with self._lake.explained():
            return next(self._steps, None) is not None

    def finish(self) -> tuple[FileEntry, ...]:
        """Write what is not written yet; gives what there is.

        Raises:
            StoreError: it cannot be written.
        """
        while self.write_some():
            pass
        return tuple(self._entries)

    def _write(self) -> Generator[bool]:
        self.flush()
        parquet = importlib.import_module("pyarrow.parquet")
        for resource in self._resources:
            path = self._path(resource)
            self._begun.append(path)
            with self._lake.new_file(path) as file:
                with parquet.ParquetWriter(file, schema_of(resource), compression="zstd") as writer:
                    for rows in self._unpacked(resource):
                        writer.write_table(table_of(resource, rows))
                        yield True
                size = file.tell()
            self._entries.append(FileEntry(resource, path, self.counts[resource], size))

    def _unpacked(self, resource: str) -> Iterator[list[Row]]:
        """A resource's rows, in groups as large as readers like them."""
        rows: list[Row] = []
        for packed in self._packed.pop(resource, ()):
            rows += packed.rows()
            while len(rows) >= _ROWS_AT_ONCE:
                yield rows[:_ROWS_AT_ONCE]
                del rows[:_ROWS_AT_ONCE]
        if rows or not self.counts[resource]:
            yield rows

    def _path(self, resource: str) -> str:
        # Not `.parquet`: who reads everything of that name below the data set shall not read a row twice.
        return f"{self._folder}/{resource}.pq"

    def abandon(self) -> None:
        """Close and remove what was written."""
        with suppress(Exception):
            self._steps.close()
        self._lake.discard(self._begun, self._folder)


def merged_counts(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sum of several counts."""
    total: defaultdict[str, int] = defaultdict(int)
    for one in counts:
        for name, number in one.items():
            total[name] += number
    return dict(total)


def json_lines(values: Iterable[Any]) -> Generator[bytes]:
    """The values of a JSON array, each on a line of its own."""
    comma = b"\n"
    for value in values:
        yield comma + msgspec.json.encode(value)
        comma = b",\n"
