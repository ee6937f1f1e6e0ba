"""The data set: where its files are, how an account's rows become visible, and what has been published.

    lake/
      resource=domain/account=shop/part-0000.parquet    the newest of each account, for readers
      _runs/<run>/run.json                              what the run is of
      _runs/<run>/account=shop/0000-of-0001.json        manifest of an account, or of a part of it: it is published
      _runs/<run>/account=shop/<attempt>/domain.pq      the rows it names
      _runs/<run>/manifest.json                         the run has ended: every file and every account's result
      _current/account=shop.json                        the run that readers see

A worker writes its rows under a name that no other attempt has, and then creates the manifest: the first one wins,
whole. So a task may run twice, here or on another machine, and nothing is there twice. What readers see is replaced
file by file, by renaming on a file system and by a copy on an object store.
"""

from __future__ import annotations

import importlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Collection, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import msgspec

from .._install import install_hint
from ..errors import ConfigurationError
from ..inventory import Failure, Known, StoreError
from ..inventory.store import SweepProgress

FORMAT = 1
_MARK = "_fleet.json"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_RUNS, _CURRENT = "_runs", "_current"

_SPOOLED = 8 << 20
"""Bytes of a manifest that are held in memory before they go to a temporary file."""

_READ_AT_ONCE = 16
"""Manifests of accounts that are read at once from an object store."""

LONGEST_NAME = 180
"""Bytes of an account's name in a path: a file system has 255, and temporary names are longer."""

T = TypeVar("T")


_MANIFEST = re.compile(r"-of-([0-9]+)\.json$")
"""Ends the name of an account's published manifest: how many parts there are."""


class LakeFormat(msgspec.Struct, frozen=True):
    """Says that a folder is a data set of ours, and in which layout."""

    format: int


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is of. Resuming it takes this over."""

    id: str
    started_at: datetime
    resources: tuple[str, ...]
    accounts: tuple[str, ...]
    split_over: int | None = None


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a manifest."""

    resource: str
    path: str
    """Within the data set."""
    rows: int
    bytes: int


class AccountManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was published of an account in a run: files, and all that the inventory's history needs."""

    run: str
    account: str
    part: int
    parts: int
    state: str
    source: str
    user_id: str | None
    resources: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    requests: int
    drifted: int
    files: tuple[FileEntry, ...]
    complete: tuple[str, ...]
    """Resources of which everything was read."""
    lists: tuple[SweepProgress, ...]
    failures: tuple[Failure, ...]
    known: Known
    """Counts, for planning the next sweep."""
    budget: tuple[int, float] | None = None


class CurrentRun(msgspec.Struct, frozen=True):
    """Which run readers see of an account."""

    run: str
    finished_at: datetime
    user_id: str | None


def quoted(name: str) -> str:
    """An account's name as a part of a path, as other tools write and read values of partitions."""
    return quote(name, safe="")


def run_id(now: datetime) -> str:
    """A new run's name: names sort by time."""
    return f"{now.astimezone(UTC):{_STAMP}}-{secrets.token_hex(3)}"


def _fsspec() -> Any:
    try:
        return importlib.import_module("fsspec.core")
    except ImportError as error:
        raise ConfigurationError(f"a fleet needs fsspec and pyarrow: {install_hint('fleet')}") from error


class Lake:
    """A data set, on a file system or an object store.

    Args:
        url: a folder, or a URL that fsspec knows, such as `s3://bucket/lake`.

    Raises:
        ConfigurationError: fsspec or what it needs for the URL is missing, or the URL is of no kind it knows.
    """

    def __init__(self, url: str | Path) -> None:
        self.url: str = str(url)
        core = _fsspec()
        self.fs: Any
        try:
            # Others write at the same time: what a listing said a moment ago is not good enough.
            self.fs, root = core.url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"{self.url}: {error}") from error
        self.root: str = str(root).rstrip("/")
        protocol = self.fs.protocol
        self.local: bool = "file" in ((protocol,) if isinstance(protocol, str) else protocol)
        self.address: str = self.root if self.local else self.url
        """The place by a name that is the same in every process, wherever it was started."""
        self.blocking: bool = not self.local and not self.url.startswith("memory:")
        """Its calls take network time, and belong into a thread."""

    # Paths

    def path(self, *parts: str) -> str:
        return "/".join((self.root, *parts))

    def run_path(self, run: str, *parts: str) -> str:
        return self.path(_RUNS, run, *parts)

    def account_path(self, run: str, account: str, *parts: str) -> str:
        return self.run_path(run, f"account={quoted(account)}", *parts)

    def view_folder(self, resource: str, account: str) -> str:
        """Where readers find an account's rows of a resource."""
        return self.path(f"resource={resource}", f"account={quoted(account)}")

    def _current_path(self, account: str) -> str:
        return self.path(_CURRENT, f"account={quoted(account)}.json")

    # The whole

    def exists(self) -> bool:
        """Whether there is a data set of ours."""
        with self.explained():
            return bool(self.fs.exists(self.path(_MARK)))

    def exists_at(self, path: str) -> bool:
        """Whether there is something at a path within the data set."""
        with self.explained():
            return bool(self.fs.exists(self.path(path)))

    def open_for_writing(self) -> None:
        """Make the data set where there is none.

        Raises:
            ConfigurationError: the folder holds something else, or a newer layout.
            StoreError: it cannot be written.
        """
        with self.explained():
            if self.fs.isfile(self.root):
                raise ConfigurationError(f"{self.url}: is a file; a fleet writes a folder")
            if not self.exists():
                if self.local and self.fs.isdir(self.root) and self.fs.ls(self.root):
                    raise ConfigurationError(f"{self.url}: the folder holds something else; name a new one")
                self._create(self.path(_MARK), msgspec.json.encode(LakeFormat(FORMAT)))
        self.check()

    @property
    def ignores_case(self) -> bool:
        """Whether two names that differ only in upper and lower case are one there."""
        return self.local and Path(self.path(_MARK.upper())).exists()

    def check(self) -> None:
        """Make sure that the data set can be read.

        Raises:
            ConfigurationError: there is none, or it was written by a newer version.
        """
        found = self._read(self.path(_MARK), LakeFormat)
        if found is None:
            raise ConfigurationError(f"{self.url}: not a data set of `mittwald-async fleet`")
        if found.format > FORMAT:
            raise ConfigurationError(f"{self.url}: was written by a newer version of this package; update it")

    # Runs

    def begin(self, record: RunRecord) -> None:
        """Note what a run is of."""
        with self.explained():
            self._create(self.run_path(record.id, "run.json"), msgspec.json.encode(record))

    def runs(self) -> list[str]:
        """Runs by name, oldest first."""
        with self.explained():
            return sorted(self._names(self.path(_RUNS)))

    def run(self, run: str) -> RunRecord | None:
        return self._read(self.run_path(run, "run.json"), RunRecord)

    def has_ended(self, run: str) -> bool:
        """Whether every account of a run was published."""
        with self.explained():
            return bool(self.fs.exists(self.run_path(run, "manifest.json")))

    def unfinished(self) -> RunRecord | None:
        """The newest run that has not ended."""
        for run in reversed(self.runs()):
            record = self.run(run)
            if record is not None and not self.has_ended(run):
                return record
        return None

    def ended(self, run: str, kind: type[T]) -> T | None:
        """The manifest of a run that has ended."""
        return self._read(self.run_path(run, "manifest.json"), kind)

    def end(self, run: str, content: Iterable[bytes]) -> None:
        """Write the run's manifest, whole or not at all. It comes in pieces, as it has a line for every file of the
        run."""
        path = self.run_path(run, "manifest.json")
        with self.explained(), SpooledTemporaryFile(max_size=_SPOOLED) as whole:
            whole.writelines(content)
            whole.seek(0)
            if not self.local:
                with self.fs.open(path, "wb") as out:
                    shutil.copyfileobj(whole, out)
                return
            with _beside(Path(path)) as temporary:
                with open(temporary, "wb") as out:
                    shutil.copyfileobj(whole, out)
                    out.flush()
                    os.fsync(out.fileno())
                temporary.replace(path)

    # Accounts

    def manifests(self, run: str) -> dict[str, tuple[AccountManifest, ...]]:
        """What a run has published, by account: all parts or none."""
        with self.explained():
            folder = self.run_path(run)
            found = [str(path) for path in self.fs.find(folder)] if self.fs.isdir(folder) else []
        names = {unquote(p.rsplit("/", 2)[1].partition("=")[2]) for p in found if _MANIFEST.search(p)}
        return {name: parts for name in sorted(names) if (parts := self.published(run, name))}

    def published(self, run: str, account: str) -> tuple[AccountManifest, ...]:
        """The manifests of all parts of an account; empty where one is missing."""
        folder = self.account_path(run, account)
        with self.explained():
            # A manifest that is just being written has a name of its own until it is whole.
            announced = {name: int(found[1]) for name in self._names(folder) if (found := _MANIFEST.search(name))}
        names = sorted(announced)
        if not names or len(names) != announced[names[0]]:
            return ()
        parts = [self._read(f"{folder}/{name}", AccountManifest) for name in names]
        return tuple(part for part in parts if part is not None)

    def published_of(self, run: str, accounts: Iterable[str]) -> Generator[tuple[str, tuple[AccountManifest, ...]]]:
        """The same of many accounts, in their order: several at once where each takes network time."""
        if not self.blocking:
            yield from ((account, self.published(run, account)) for account in accounts)
            return
        waiting = iter(accounts)
        with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
            while some := list(islice(waiting, 4 * _READ_AT_ONCE)):
                yield from zip(some, threads.map(partial(self.published, run), some), strict=True)

    def part(self, run: str, account: str, part: int, parts: int) -> AccountManifest | None:
        """The manifest of one part of an account, if it is published."""
        return self._read(self.account_path(run, account, _part_name(part, parts)), AccountManifest)

    def publish(self, manifest: AccountManifest) -> AccountManifest:
        """Make a part of an account count. Gives the manifest that does: another attempt's, where that was faster."""
        name = _part_name(manifest.part, manifest.parts)
        with self.explained():
            won = self._create(self.account_path(manifest.run, manifest.account, name), msgspec.json.encode(manifest))
        counts = msgspec.json.decode(won, type=AccountManifest)
        if counts.files != manifest.files:
            paths = [entry.path for entry in manifest.files]
            for folder in {path.rpartition("/")[0] for path in paths}:
                self.discard(paths, folder)
        return counts

    def show(self, run: str, account: str) -> bool:
        """Let readers see an account as of a run, once all its parts are published. May be done again at any time.

        Two fleets may do so at the same moment, and no lock holds on every file system and object store. So each fleet
        first records the run to be seen, then replaces all files, and then reads that record again. If another fleet
        has recorded a newer run meanwhile, this one publishes the files of that run. Whoever finishes last leaves one
        complete run.
        """
        parts = self.published(run, account)
        if not parts:
            return False
        mine, before = _seen(run, parts), self.current(account)
        with self.explained():
            if before is not None and before.run != run and _order(before) > _order(mine):
                newer = self.published(before.run, account)
                if newer:
                    self._show_parts(account, parts, without={name for part in newer for name in part.resources})
                return True
            self._point_to(account, mine)
            while True:
                self._show_parts(account, parts)
                now = self.current(account)
                if now is None or now.run == mine.run:
                    return True
                theirs = self.published(now.run, account) if _order(now) > _order(mine) else ()
                if theirs:
                    mine, parts = now, theirs
                else:
                    self._point_to(account, mine)

    def _point_to(self, account: str, seen: CurrentRun) -> None:
        self._replace(self._current_path(account), msgspec.json.encode(seen))

    def _show_parts(self, account: str, parts: Collection[AccountManifest], without: Collection[str] = ()) -> None:
        for resource in dict.fromkeys(name for part in parts for name in part.resources):
            if resource not in without:
                self._show(resource, account, parts)

    def _show(self, resource: str, account: str, parts: Iterable[AccountManifest]) -> None:
        folder = self.view_folder(resource, account)
        shown: set[str] = set()
        for part in parts:
            for entry in part.files:
                if entry.resource == resource:
                    name = f"part-{part.part:04}.parquet"
                    self._put(self.path(entry.path), f"{folder}/{name}")
                    shown.add(name)
        # Parts of a run that was split otherwise.
        for name in self._names(folder):
            if name.startswith("part-") and name not in shown:
                with suppress(FileNotFoundError):
                    self.fs.rm_file(f"{folder}/{name}")

    def current(self, account: str) -> CurrentRun | None:
        """Which run readers see of an account."""
        return self._read(self._current_path(account), CurrentRun)

    def split(
        self, run: str, account: str, chunks: list[tuple[str, ...]] | None = None
    ) -> list[tuple[str, ...]] | None:
        """How an account is split over parts in a run. What was noted first stays, however often it is asked for."""
        path = self.account_path(run, account, "split.json")
        if chunks is None:
            return self._read(path, list[tuple[str, ...]])
        with self.explained():
            return msgspec.json.decode(self._create(path, msgspec.json.encode(chunks)), type=list[tuple[str, ...]])

    def forget(self, run: str, account: str | None = None) -> bool:
        """Remove a run's files, or those of one account of it. What readers see stays. False where there are none."""
        folder = self.run_path(run) if account is None else self.account_path(run, account)
        return self._remove(folder)

    def forget_view(self, account: str) -> bool:
        """Remove what readers see of an account. False where there is nothing."""
        with self.explained():
            resources = [name for name in self._names(self.root) if name.startswith("resource=")]
        found = [self._remove(self.view_folder(name.partition("=")[2], account)) for name in resources]
        return self._remove(self._current_path(account)) or any(found)

    def _remove(self, path: str) -> bool:
        with self.explained():
            if not self.fs.exists(path):
                return False
            with suppress(FileNotFoundError):
                self.fs.rm(path, recursive=True)
            return True

    # Files

    @contextmanager
    def new_file(self, path: str) -> Generator[Any]:
        """A new file within the data set, readable by its owner only where that can be said."""
        whole = self.path(path)
        if not self.local:
            with self.fs.open(whole, "wb") as out:
                yield out
            return
        with _own_file(Path(whole)) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())

    def open_file(self, path: str) -> Any:
        """A file of the data set, for reading."""
        return self.fs.open(self.path(path), "rb")

    def new_folder(self, path: str) -> None:
        """A new folder within the data set, where there are folders, and proof that something can be written there.

        Raises:
            StoreError: it cannot be made or written.
        """
        if not self.local:
            return
        proof = Path(self.path(path)) / "proof"
        with self.explained():
            try:
                with _own_file(proof) as out:
                    out.write(b"\n")
            finally:
                with suppress(OSError):
                    proof.unlink()

    def discard(self, paths: Iterable[str], folder: str) -> None:
        """Remove files that no manifest names, and the folder that they are in."""
        for path in paths:
            with suppress(OSError):
                self.fs.rm_file(self.path(path))
        if self.local:
            with suppress(OSError):
                os.rmdir(self.path(folder))

    def _names(self, folder: str) -> list[str]:
        """What is in a folder; nothing where there is none."""
        found: list[str] = self.fs.ls(folder, detail=False) if self.fs.isdir(folder) else []
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def _read(self, path: str, kind: type[T]) -> T | None:
        with self.explained():
            try:
                return msgspec.json.decode(self.fs.cat_file(path), type=kind)
            except FileNotFoundError:
                return None
            except msgspec.MsgspecError as error:
                raise StoreError(f"{path}: is damaged ({error})") from error

    def _create(self, path: str, content: bytes) -> bytes:
        """Write a file unless it is there; gives what is in it afterwards."""
        if self.local:
            return _create_local(Path(path), content)
        try:
            self.fs.pipe_file(path, content, mode="create")
        except FileExistsError:
            return bytes(self.fs.cat_file(path))
        except (NotImplementedError, TypeError):
            # A store that cannot refuse: of two that come at the very same moment, the later one stays.
            if self.fs.exists(path):
                return bytes(self.fs.cat_file(path))
            self.fs.pipe_file(path, content)
        return content

    def _replace(self, path: str, content: bytes) -> None:
        if not self.local:
            self.fs.pipe_file(path, content)
            return
        with _beside(Path(path)) as temporary:
            temporary.write_bytes(content)
            temporary.replace(path)

    def _put(self, source: str, target: str) -> None:
        """Let readers find a file under a second name, whole and at once."""
        if not self.local:
            self.fs.cp_file(source, target)
            return
        with _beside(Path(target)) as temporary:
            temporary.unlink()
            try:
                os.link(source, temporary)
            except OSError:  # A file system without links.
                temporary.write_bytes(Path(source).read_bytes())
            temporary.replace(target)

    @contextmanager
    def explained(self) -> Generator[None]:
        """What went wrong with the place, as an error that names it."""
        try:
            yield
        except (ConfigurationError, StoreError):
            raise
        except FileNotFoundError as error:
            raise StoreError(f"{self.url}: {error.filename or error} is missing") from error
        except OSError as error:
            raise StoreError(f"{self.url}: {error.strerror or error}") from error
        except Exception as error:
            # What clients of object stores raise has no common base.
            raise StoreError(f"{self.url}: {type(error).__name__}: {error}") from error


def _seen(run: str, parts: Collection[AccountManifest]) -> CurrentRun:
    users = [part.user_id for part in parts if part.user_id is not None]
    return CurrentRun(run, max(part.finished_at for part in parts), users[0] if users else None)


def _order(seen: CurrentRun) -> tuple[datetime, str]:
    return seen.finished_at, seen.run


def _part_name(part: int, parts: int) -> str:
    return f"{part:04}-of-{parts:04}.json"


def _make_folder(path: Path) -> None:
    for folder in reversed([path, *path.parents]):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)


@contextmanager
def _own_file(path: Path) -> Generator[Any]:
    if not path.parent.is_dir():
        _make_folder(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(handle, "wb") as out:
        yield out


@contextmanager
def _beside(path: Path) -> Generator[Path]:
    """A new, empty file beside another, that is gone afterwards unless it was renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}-{secrets.token_hex(4)}")
    with _own_file(temporary):
        pass
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _create_local(path: Path, content: bytes) -> bytes:
    with _beside(path) as temporary:
        with open(temporary, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_bytes()
        except OSError:  # A file system without links: the later of two stays.
            if path.exists():
                return path.read_bytes()
            temporary.replace(path)
    return content
