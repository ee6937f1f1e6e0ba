"""`prune`: let an inventory forget what is long over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ..errors import ConfigurationError
from ..inventory import Store
from ..inventory.existing import require_inventory
from ..inventory.lock import FileLock
from .common import OK, Json
from .output import count, emit, message, put_json
from .times import days

Inventory = Annotated[Path, typer.Argument(help="SQLite inventory, or a data set of many accounts.", metavar="FILE")]


def prune(
    file: Inventory = Path("inventory.sqlite"),
    keep: Annotated[
        str | None, typer.Option("--keep", help="Delete what ended longer ago, such as 90d.", metavar="TIME")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Delete everything of this account.", metavar="NAME")
    ] = None,
    as_json: Json = False,
) -> int:
    """Delete versions that ended long ago, or a whole account. What is valid now always stays.

    For a data set of `fleet`, it deletes runs that began long ago.

    [bold]Examples[/bold]

      mittwald-async prune inventory.sqlite --keep 90d

      mittwald-async prune lake --keep 90d

      mittwald-async prune inventory.sqlite --account unnamed
    """
    if keep is None and account is None:
        raise ConfigurationError("say what to forget: --keep 90d, or --account NAME")
    from ..fleet.history import is_lake

    before = None if keep is None else datetime.now(UTC) - days(keep)
    if is_lake(file):
        return _prune_lake(file, before, account, as_json)
    require_inventory(file)
    lock = FileLock(file)
    lock.hold()
    try:
        with Store(file, on_wait=message) as store:
            done = store.prune(before, account=account)
    finally:
        lock.release()
    if as_json:
        put_json(msgspec.to_builtins(done))
    else:
        packed = "; the file was packed" if done.packed else ""
        emit(f"forgot {count(done.versions, 'version')} and {count(done.sweeps, 'sweep')}{packed}\n")
    return OK


def _prune_lake(place: Path, before: datetime | None, account: str | None, as_json: bool) -> int:
    from ..fleet import Lake, prune_lake
    from ..fleet.history import url_of

    done = prune_lake(Lake(url_of(place)), before, account=account)
    if as_json:
        put_json(msgspec.to_builtins(done))
    else:
        emit(f"forgot {count(done.runs, 'run')} and {count(done.accounts, 'sweep')} of accounts in runs\n")
    return OK
