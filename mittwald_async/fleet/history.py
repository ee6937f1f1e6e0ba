"""A data set as an inventory file, so that history, diff, checks and reports look at it as they do at a file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ..errors import ConfigurationError
from ..inventory import Known, Store, StoreError, target
from ..inventory.catalog import catalog
from ..inventory.versions import stamped
from .lake import AccountManifest, Lake
from .tables import rows_of

_ROWS_AT_ONCE = 5_000


def is_lake(place: Path | str) -> bool:
    """Whether this is a data set and not an inventory file: a folder, or a URL."""
    return "://" in url_of(place) or Path(place).is_dir()


def url_of(place: Path | str) -> str:
    """A place as it was typed: a path has lost one of a URL's two slashes."""
    text = str(place)
    scheme, colon, rest = text.partition(":/")
    if colon and len(scheme) > 1 and scheme.isalnum() and not rest.startswith("/"):
        return f"{scheme}://{rest}"
    return text


@contextmanager
def inventory_of(place: Path | str, *, runs: int | None = 2) -> Generator[Path]:
    """A temporary inventory file of a data set, gone when the block ends.

    Args:
        place: folder or URL.
        runs: newest runs of each account that are taken over, 1 or more; `None`: all.

    Raises:
        ConfigurationError: the data set does not exist, or has no published account.
        StoreError: it cannot be read, or the disk is full.
    """
    lake = Lake(url_of(place))
    lake.check()
    chosen = _newest(lake, runs)
    if not chosen:
        raise ConfigurationError(f"{lake.url}: no account is published in it yet")
    with TemporaryDirectory(prefix="mittwald-async-") as folder:
        name = lake.root.rpartition("/")[2] or "lake"
        path = Path(folder) / f"{name}.sqlite"
        # Of an account's runs the newest says on which server it is: in a data set its name tells which one it is.
        sources = {parts[0].account: parts[0].source for parts in chosen}
        with Store(path) as store:
            for parts in chosen:
                _take_over(store, lake, parts, sources[parts[0].account])
        try:
            yield path
        except (ConfigurationError, StoreError) as error:
            # Who reads this knows nothing of the temporary file.
            raise type(error)(str(error).replace(str(path), lake.url)) from error


def _newest(lake: Lake, runs: int | None) -> list[tuple[AccountManifest, ...]]:
    """The newest manifests of each account, oldest first."""
    found: list[tuple[AccountManifest, ...]] = []
    counts: dict[str, int] = {}
    for run in reversed(lake.runs()):
        for account, parts in lake.manifests(run).items():
            if runs is None or counts.get(account, 0) < runs:
                counts[account] = counts.get(account, 0) + 1
                found.append(parts)
    return sorted(found, key=lambda parts: (max(part.finished_at for part in parts), parts[0].account))


def _take_over(store: Store, lake: Lake, parts: tuple[AccountManifest, ...], source: str) -> None:
    """Write what an account's manifests name as one sweep."""
    known = catalog()
    names = [name for name in known if any(name in part.resources for part in parts)]
    first = parts[0]
    # By its name alone: two accounts of a data set may be one user's, and stay two.
    account = store.account_for(source, first.account, None)
    sweep = store.begin([known[name] for name in names], names, target(), Known(), source, account)
    for part in parts:
        store.write((), part.lists, part.failures)
        for entry in part.files:
            if entry.resource in known:
                rows = rows_of(lake, entry)
                while batch := list(islice(rows, _ROWS_AT_ONCE)):
                    store.write(batch, ())
    incomplete = {name for part in parts for name in part.resources if name not in part.complete}
    state: Literal["done", "incomplete"] = "incomplete" if any(part.failures for part in parts) else "done"
    store.finish(state, sum(part.requests for part in parts), [name for name in names if name not in incomplete])
    started, finished = min(part.started_at for part in parts), max(part.finished_at for part in parts)
    store.database.execute(
        "UPDATE sweeps SET started_at = ?, finished_at = ? WHERE id = ?", (stamped(started), stamped(finished), sweep)
    )
