"""Parquet: typed columns, for DuckDB, Polars, Spark and the like."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ..._install import install_hint
from ...errors import ConfigurationError
from ..catalog import catalog
from ..columns import Kind, plain_columns
from ..rows import Row
from ..store import Store
from .base import Sink, new_file, register
from .records import HEAD, records

_ROWS_AT_ONCE = 10_000
"""Rows of a row group, and the most that an export holds in memory."""


@register
class ParquetSink(Sink):
    """One file for each resource."""

    name = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    suffix_of_tables = ".parquet"

    def check(self, resources: Sequence[str]) -> None:
        super().check(resources)
        import_pyarrow()

    def write(self, store: Store, path: Path, resources: Sequence[str]) -> None:
        for resource in resources:
            table = path if self.one_file else path / f"{resource}.parquet"
            with closing(store.rows(resource)) as rows:
                _write_table(table, store.account, resource, rows)

    def account_in(self, file: Path) -> str | None:
        parquet = importlib.import_module("pyarrow.parquet")
        with parquet.ParquetFile(file) as opened:
            first = next(opened.iter_batches(batch_size=1, columns=["account"]), None)
        return None if first is None else first["account"][0].as_py()


def _write_table(path: Path, account: str, resource: str, rows: Iterable[Row]) -> None:
    arrow = import_pyarrow()
    parquet = importlib.import_module("pyarrow.parquet")
    kinds = {"text": arrow.string(), "bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}
    kinds["time"] = arrow.timestamp("us", tz="UTC")
    columns = plain_columns(catalog()[resource])
    schema = arrow.schema(
        [(name, kinds["time" if name == "fetched_at" else "text"]) for name in HEAD]
        + [(column.name, kinds[column.kind]) for column in columns]
        + [("data", kinds["text"])]
    )
    readers = [_as_is] * len(HEAD) + [READERS[column.kind] for column in columns] + [_as_is]
    with new_file(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for batch in _batches(records(account, columns, rows)):
            values = [
                [read(value) for value in column]
                for read, column in zip(readers, zip(*batch, strict=True), strict=True)
            ]
            writer.write_table(arrow.table(dict(zip(schema.names, values, strict=True)), schema=schema))


def _as_is(value: Any) -> Any:
    return value


# Values that are of a column's type pass, all else becomes null: the item itself stays whole in `data`.


def _only(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) is kind else None


def _int(value: Any) -> int | None:
    if type(value) is float and value.is_integer():  # `1000.0` is a whole number in JSON.
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _float(value: Any) -> float | None:
    try:
        return float(value) if type(value) in (int, float) else None
    except OverflowError:
        return None


def _time(value: Any) -> datetime | None:
    try:
        found = msgspec.convert(value, datetime)
        # Without a zone it is what the server's clock showed, whatever the zone of this machine.
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


READERS: dict[Kind, Callable[[Any], Any]] = {
    "text": _only(str),
    "bool": _only(bool),
    "int": _int,
    "float": _float,
    "time": _time,
}
"""What makes a column's value of what JSON holds, by kind of column."""


def _batches(found: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    batch: list[tuple[Any, ...]] = []
    for record in found:
        batch.append(record)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def import_pyarrow() -> Any:
    """The package `pyarrow`.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError(f"Parquet needs pyarrow: {install_hint('parquet')}") from error
