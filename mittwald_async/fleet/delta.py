"""A Delta table beside the Parquet files: one commit for each account and run, recognised when it is repeated."""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from .._install import install_hint
from ..errors import ConfigurationError
from ..inventory import StoreError
from .lake import AccountManifest, Lake
from .tables import arrow

_COLUMNS = ("id", "key", "customer_id", "project_id", "parent_id", "fetched_at", "operation", "drifted", "data")
_TRIES = 20
_TABLE = "delta"


def _deltalake() -> Any:
    try:
        return importlib.import_module("deltalake")
    except ImportError as error:
        raise ConfigurationError(f"--delta needs deltalake: {install_hint('delta')}") from error


def table_url(lake: Lake) -> str:
    """Where the table is.

    Raises:
        ConfigurationError: deltalake is missing, or knows nothing of the data set's place.
    """
    _deltalake()
    if lake.local:
        return lake.path(_TABLE)
    if not lake.url.startswith(("s3://", "gs://", "az://", "abfs://", "abfss://")):
        raise ConfigurationError(f"{lake.url}: Delta tables are written to folders, s3://, gs:// and az://")
    return f"{lake.url.rstrip('/')}/{_TABLE}"


def commit_to_delta(lake: Lake, run: str, account: str) -> bool:
    """Replace an account's rows in the table by those of a run, in one commit. False where that was done before.

    Raises:
        StoreError: the table cannot be written.
    """
    delta = _deltalake()
    url = table_url(lake)
    parts = lake.published(run, account)
    if not parts:
        return False
    number = _number(parts)
    application = f"mittwald-async/{account}"
    failure: Exception | None = None
    for attempt in range(_TRIES):
        try:
            table = delta.DeltaTable(url) if delta.DeltaTable.is_deltatable(url) else None
            if table is not None and (table.transaction_version(application) or 0) >= number:
                return False
            resources = sorted({name for part in parts for name in part.resources})
            _write(delta, url if table is None else table, parts, lake, (application, number), resources)
            return True
        except (delta.exceptions.DeltaError, OSError) as error:
            failure = error
        # Another account's commit was faster: look again, not all at the same moment.
        time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
    raise StoreError(f"{url}: {failure}") from failure


def _number(parts: tuple[AccountManifest, ...]) -> int:
    """Microseconds since 1970 at which a run was done with an account: the run that readers of the files see wins here,
    too."""
    ended = max(part.finished_at for part in parts)
    return round((ended - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def delete_from_delta(lake: Lake, account: str) -> None:
    """Remove an account's rows from the table, where there is one, and from its older versions."""
    if not lake.exists_at(_TABLE):
        return
    table = _deltalake().DeltaTable(table_url(lake))
    table.delete(f"account = '{_escaped(account)}'")
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _write(
    delta: Any,
    table: Any,
    parts: tuple[AccountManifest, ...],
    lake: Lake,
    transaction: tuple[str, int],
    resources: list[str],
) -> None:
    pa = arrow()
    schema = table_schema()
    named = ", ".join(f"'{resource}'" for resource in resources)
    account = _escaped(parts[0].account)
    existing = not isinstance(table, str)
    delta.write_deltalake(
        table,
        pa.RecordBatchReader.from_batches(schema, _batches(parts, lake, schema)),
        mode="overwrite" if existing else "append",
        partition_by=None if existing else ["account", "resource"],
        predicate=f"account = '{account}' AND resource IN ({named})" if existing else None,
        commit_properties=delta.CommitProperties(
            app_transactions=[delta.Transaction(transaction[0], transaction[1])],
            custom_metadata={"run": parts[0].run, "account": parts[0].account},
        ),
    )


def table_schema() -> Any:
    """The columns of the table: the same for every resource, the item whole in `data`."""
    pa = arrow()
    kinds: dict[str, Any] = {"fetched_at": pa.timestamp("us", tz="UTC"), "drifted": pa.bool_()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in ("account", "resource", *_COLUMNS)])


def _batches(parts: tuple[AccountManifest, ...], lake: Lake, schema: Any) -> Iterator[Any]:
    pa = arrow()
    parquet = importlib.import_module("pyarrow.parquet")
    for part in parts:
        for entry in part.files:
            with lake.open_file(entry.path) as source, parquet.ParquetFile(source) as file:
                for batch in file.iter_batches(columns=list(_COLUMNS)):
                    own = [pa.array([name] * len(batch), pa.string()) for name in (part.account, entry.resource)]
                    yield pa.RecordBatch.from_arrays([*own, *(batch.column(name) for name in _COLUMNS)], schema=schema)
