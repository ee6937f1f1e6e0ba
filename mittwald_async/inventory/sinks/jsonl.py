"""JSON Lines: a line for each row, compressed where the name says so."""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import msgspec

from ..._install import install_hint
from ...errors import ConfigurationError
from ..store import Store
from .base import Sink, new_file, register

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""Line ends in JSON are only ever between its values: a server may lay out what it sends."""


@register
class JsonLinesSink(Sink):
    """One file for all resources."""

    name = "jsonl"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    compressible = True

    def check(self, resources: Sequence[str]) -> None:
        super().check(resources)
        if self.path.suffix == ".zst":
            _zstd()

    def write(self, store: Store, path: Path, resources: Sequence[str]) -> None:
        encode = msgspec.json.Encoder().encode
        with self._opened(path) as out:
            for resource in resources:
                with closing(store.rows(resource)) as rows:
                    for row in rows:
                        head = {
                            "resource": row.resource,
                            "account": store.account,
                            "id": row.id,
                            "customer_id": row.customer_id,
                            "project_id": row.project_id,
                            "parent_id": row.parent_id,
                            "fetched_at": row.fetched_at,
                            "operation": row.operation,
                            "data": msgspec.Raw(row.raw.translate(_ONE_LINE)),
                        }
                        out.write(encode(head) + b"\n")

    def account_in(self, file: Path) -> str | None:
        opened: Any = _zstd().open if file.suffix == ".zst" else gzip.open if file.suffix == ".gz" else Path.open
        with opened(file, "rb") as lines:
            head = msgspec.json.decode(lines.readline(), type=dict[str, Any])
        return cast("str | None", head.get("account"))

    @contextmanager
    def _opened(self, path: Path) -> Generator[IO[bytes]]:
        with new_file(path) as plain:
            if self.path.suffix == ".gz":
                # No name and no time inside: the same rows give the same bytes.
                with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            elif self.path.suffix == ".zst":
                with _zstd().ZstdFile(plain, mode="wb") as packed:
                    yield packed
            else:
                yield plain


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ConfigurationError(f".zst needs Python 3.14 or the package backports.zstd: {install_hint('speed')}")
