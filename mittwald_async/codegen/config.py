"""What the generator needs to know beside the document: data in a TOML file, one per API."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import DocumentError
from .json_access import is_array, is_object

DEFAULT_PATH = Path(__file__).with_name("mittwald.toml")


@dataclass(frozen=True)
class Correction:
    """One change to the document before it is read; `reason` says why the document is wrong."""

    pointer: str
    action: str
    """`set`, `remove` (the node itself) or `discard` (one value out of a list)."""
    reason: str
    value: Any = None
    unless: str = ""
    """Pointer of something that, once the document has it, makes the correction wrong."""


@dataclass(frozen=True)
class Config:
    """How one API is named and corrected."""

    document: str = ""
    """Where the document is read from unless the command line says otherwise."""
    prefix: str = ""
    """Dropped from schema names."""
    default_domain: str = "common"
    """Models module of schemas whose names have no dot."""
    default_group: str = "default"
    """Group of operations without a tag."""
    runtime: str = "mittwald_async.runtime"
    """Package that has `operation`, `paging`, `files`, `structs`."""
    reference: str = ""
    """Link to an operation's reference page; `{tag}` and `{operation_id}` are filled in."""
    removed_marker: str = "x-removed-upstream"
    """Extension key of operations that the provider has taken back."""
    corrections: tuple[Correction, ...] = field(default=())


_DOCUMENT_KEYS = {"document", "prefix", "default_domain", "default_group", "runtime", "reference", "removed_marker"}


def load_config(path: Path = DEFAULT_PATH) -> Config:
    """Read a configuration; anything unknown in it is an error, so that a typing mistake is not ignored."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DocumentError(f"configuration {path.name} cannot be read: {error}") from error
    api = data.pop("api", {})
    entries = data.pop("correction", [])
    if not is_object(api) or not is_array(entries):
        raise DocumentError(f"configuration {path.name} needs one table [api] and tables [[correction]]")
    unknown = sorted([*data, *(set(api) - _DOCUMENT_KEYS)])
    if unknown:
        raise DocumentError(f"configuration {path.name} has an unknown key {unknown[0]!r}")
    wrong = sorted(key for key, value in api.items() if not isinstance(value, str))
    if wrong:
        raise DocumentError(f"configuration {path.name}: {wrong[0]} must be a text")
    try:
        str(api.get("reference", "")).format(tag="", operation_id="")
    except (LookupError, ValueError) as error:
        raise DocumentError(f"configuration {path.name}: reference knows {{tag}} and {{operation_id}} only") from error
    return Config(**api, corrections=tuple(_correction(entry, path.name) for entry in entries))


def _correction(entry: object, where: str) -> Correction:
    if not is_object(entry) or not str(entry.get("pointer")).startswith("#/"):
        raise DocumentError(f"configuration {where}: a correction needs a pointer that begins with #/: {entry}")
    if not entry.get("reason"):
        raise DocumentError(f"configuration {where}: a correction without a reason: {entry.get('pointer')}")
    if entry.get("action") not in {"set", "remove", "discard"}:
        raise DocumentError(f"configuration {where}: a correction needs action set, remove or discard: {entry}")
    try:
        return Correction(**entry)
    except TypeError as error:
        raise DocumentError(f"configuration {where}: {error}: {entry}") from error
