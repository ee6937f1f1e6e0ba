"""Where an inventory goes: SQLite as it is, or JSON Lines, CSV and Parquet written from it.

Every sweep is written to SQLite first, because that is what makes it restartable. The other forms are written from it at
the end, beside their name and then renamed: there is a whole file or none.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, cast, get_args

import msgspec

from ..runtime.errors import ConfigurationError
from .catalog import catalog
from .columns import Column, plain_columns
from .rows import Row
from .store import Store, StoreError

Format = Literal["sqlite", "jsonl", "csv", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_FORMATS = get_args(Format)
_COMPRESSED = (".gz", ".zst")
_HEAD = ("id", "customer_id", "project_id", "fetched_at", "operation")
_ROWS_AT_ONCE = 10_000
"""Rows of a Parquet row group, and the most that an export holds in memory."""


class Sink(msgspec.Struct, frozen=True):
    """Where the result goes and in which form.

    `csv` and `parquet` hold one table per file: `path` is then a folder with one file per resource, unless it carries the
    suffix of the format; then it is one file, for one resource.
    """

    path: Path
    format: Format

    @property
    def store_path(self) -> Path:
        """The SQLite file the sweep is written to."""
        return self.path if self.format == "sqlite" else self.path.with_name(f"{self.path.name}.sweep")

    @property
    def one_file(self) -> bool:
        return self.format in ("sqlite", "jsonl") or self.path.suffix == f".{self.format}"


def sink_for(path: Path | str, format: str | None = None, resources: Sequence[str] = ()) -> Sink:
    """Read the form off a path's name.

    Args:
        path: `.sqlite`, `.jsonl` (also `.jsonl.gz`, `.jsonl.zst`), `.csv`, `.parquet`, or a folder together with `format`.
        format: `sqlite`, `jsonl`, `csv` or `parquet`, where the name does not say it.
        resources: what will be delivered.

    Raises:
        ConfigurationError: no such form, a package is missing, or the target cannot be written.
    """
    path = Path(path)
    suffix = path.with_suffix("").suffix if path.suffix in _COMPRESSED else path.suffix
    found = format or _SUFFIXES.get(suffix)
    if found not in _FORMATS:
        raise ConfigurationError(
            f"{path}: cannot tell the form; end the name in {', '.join(_SUFFIXES)} or say --format sqlite|jsonl|csv|parquet"
        )
    sink = Sink(path, cast(Format, found))
    if sink.format != "jsonl" and path.suffix in _COMPRESSED:
        raise ConfigurationError(f"{path}: only .jsonl is written compressed")
    if path.suffix == ".zst":
        _zstd()
    if sink.format == "parquet":
        _pyarrow()
    if sink.format in ("csv", "parquet") and sink.one_file and len(resources) > 1:
        raise ConfigurationError(
            f"{path}: one {sink.format} file holds one resource, {len(resources)} are asked for; "
            f"name a folder and say --format {sink.format}"
        )
    _check_writable(sink)
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
        raise ConfigurationError(f"{sink.path}: is a file; {sink.format} of several resources needs a folder")
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"{sink.path}: the folder cannot be written to")


def export(store: Store, sink: Sink, resources: Iterable[str]) -> None:
    """Write a sweep's rows in the form of the sink, whole or not at all.

    Raises:
        StoreError: the target cannot be written, or the disk is full.
    """
    if sink.format == "sqlite":
        return
    partial = sink.path.with_name(f".{sink.path.name}.partial")
    try:
        _discard(partial)
        if sink.format == "jsonl":
            with closing(_all_rows(store, resources)) as rows:
                _write_jsonl(partial, sink.path.suffix, rows)
        elif sink.one_file:
            (resource,) = resources
            _write_table(store, sink.format, partial, resource)
        else:
            partial.mkdir()
            for resource in resources:
                _write_table(store, sink.format, partial / f"{resource}.{sink.format}", resource)
        _replace(partial, sink.path)
    except OSError as error:
        raise StoreError(
            f"{sink.path}: {error.strerror or error}; the rows are in {sink.store_path.name}, go on with --resume"
        ) from error
    finally:
        with suppress(OSError):
            _discard(partial)


def _all_rows(store: Store, resources: Iterable[str]) -> Generator[Row]:
    for resource in resources:
        yield from store.rows(resource)


def _write_table(store: Store, format: Format, path: Path, resource: str) -> None:
    with closing(store.rows(resource)) as rows:
        _TABLES[format](path, resource, rows)


def _replace(partial: Path, target: Path) -> None:
    """Put the finished result in place. In a folder that is there already, only files of the same names are replaced."""
    if partial.is_dir() and target.is_dir():
        for table in partial.iterdir():
            table.replace(target / table.name)
    else:
        partial.replace(target)


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# JSON Lines

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""Line ends in JSON are only ever between its values: a server may lay out what it sends."""


def _write_jsonl(path: Path, suffix: str, rows: Iterable[Row]) -> None:
    encode = msgspec.json.Encoder().encode
    with _compressed(path, suffix) as out:
        for row in rows:
            head = {
                "resource": row.resource,
                "id": row.id,
                "customer_id": row.customer_id,
                "project_id": row.project_id,
                "fetched_at": row.fetched_at,
                "operation": row.operation,
                "data": msgspec.Raw(row.raw.translate(_ONE_LINE)),
            }
            out.write(encode(head) + b"\n")


@contextmanager
def _compressed(path: Path, suffix: str) -> Generator[IO[bytes]]:
    with path.open("wb") as plain:
        if suffix == ".gz":
            # No name and no time inside: the same rows give the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif suffix == ".zst":
            with _zstd().ZstdFile(plain, mode="wb") as packed:
                yield packed
        else:
            yield plain
        plain.flush()
        os.fsync(plain.fileno())


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ConfigurationError(
        ".zst needs Python 3.14 or the package backports.zstd: pip install 'mittwald-async[speed]'"
    )


# Tables


def _records(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """Fixed columns, the model's plain properties, the item as JSON."""
    for row in rows:
        properties = _properties(row.raw)
        plain = [properties.get(column.wire) for column in columns]
        yield (row.id, row.customer_id, row.project_id, row.fetched_at, row.operation, *plain, row.raw.decode())


def _properties(raw: bytes) -> dict[str, Any]:
    """What an item says. Where something is no value of Python's, such as the number 1e999, all else is read still."""
    try:
        item = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        item = {name: _value(part) for name, part in _parts(raw).items()}
    return cast("dict[str, Any]", item) if isinstance(item, dict) else {}


def _parts(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return {}


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None


def _write_csv(path: Path, resource: str, rows: Iterable[Row]) -> None:
    columns = plain_columns(catalog()[resource])
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow((*_HEAD, *(column.name for column in columns), "data"))
        for record in _records(columns, rows):
            writer.writerow([_text(value) for value in record])
        out.flush()
        os.fsync(out.fileno())


def _text(value: Any) -> str | None:
    """As JSON writes it, text without its quotes: `true`, not `True`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return msgspec.json.encode(value).decode()


def _write_parquet(path: Path, resource: str, rows: Iterable[Row]) -> None:
    arrow = _pyarrow()
    parquet = importlib.import_module("pyarrow.parquet")
    kinds = {"text": arrow.string(), "bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}
    kinds["time"] = arrow.timestamp("us", tz="UTC")
    columns = plain_columns(catalog()[resource])
    schema = arrow.schema(
        [(name, kinds["time" if name == "fetched_at" else "text"]) for name in _HEAD]
        + [(column.name, kinds[column.kind]) for column in columns]
        + [("data", kinds["text"])]
    )
    readers = [_as_is] * len(_HEAD) + [_READERS[column.kind] for column in columns] + [_as_is]
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in _batches(_records(columns, rows)):
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
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _float(value: Any) -> float | None:
    try:
        return float(value) if type(value) in (int, float) else None
    except OverflowError:
        return None


def _time(value: Any) -> datetime | None:
    try:
        return msgspec.convert(value, datetime).astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _only(str),
    "bool": _only(bool),
    "int": _int,
    "float": _float,
    "time": _time,
}


def _batches(records: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    batch: list[tuple[Any, ...]] = []
    for record in records:
        batch.append(record)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _pyarrow() -> Any:
    try:
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError("Parquet needs pyarrow: pip install 'mittwald-async[parquet]'") from error


_TABLES: dict[str, Callable[[Path, str, Iterable[Row]], None]] = {"csv": _write_csv, "parquet": _write_parquet}
