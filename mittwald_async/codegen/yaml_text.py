"""YAML to JSON: the core schema of YAML 1.2, so that `no`, `on` and `2020-01-02` stay the texts they are.

PyYAML only takes the text apart; what a scalar means is decided here.
"""

from __future__ import annotations

import importlib
import math
import re
from typing import Any

from .._install import install_hint
from .errors import DocumentError
from .json_access import Json, is_array, is_object

_LARGEST = 20_000_000
"""Values after all aliases are written out; a document of aliases within aliases is a trap, not an API."""

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o([0-7]+)")
_HEX = re.compile(r"0x([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_MERGE = "<<"


def parse_yaml(text: str, source: str, notes: list[str]) -> Any:
    """The one document of a YAML text, as JSON.

    Args:
        text: the YAML.
        source: what errors call it.
        notes: what was read in a way that may surprise is added here (keys given twice, aliases that contain
            themselves).

    Raises:
        DocumentError: PyYAML is not installed, or the text is not YAML.
    """
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        raise DocumentError(f"{source} looks like YAML, which needs PyYAML: {install_hint('codegen')}") from None
    loader_class = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {"yaml_implicit_resolvers": {}})
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _NodeReader(source, notes).read(node)
    except yaml.YAMLError as error:
        raise DocumentError(f"{source} is not YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


class _NodeReader:
    """Nodes to values. What an anchor names is read once and shared."""

    def __init__(self, source: str, notes: list[str]) -> None:
        self._source = source
        self._notes = notes
        self._read: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def read(self, node: Any) -> Any:
        return self._value(node)[0]

    def _value(self, node: Any) -> tuple[Any, int]:
        """A value, and how many values it consists of."""
        key = id(node)
        if node.id == "scalar":
            return scalar(node.value, plain=not node.style and node.tag != "!"), 1
        if key in self._read:
            return self._read[key]
        if key in self._open:
            self._notes.append(
                f"{self._source}, line {node.start_mark.line + 1}: an alias inside what it names is null"
            )
            return None, 1
        self._open.add(key)
        found = self._mapping(node) if node.id == "mapping" else self._sequence(node)
        self._open.discard(key)
        if found[1] > _LARGEST:
            raise DocumentError(f"{self._source} grows to more than {_LARGEST} values when its aliases are written out")
        self._read[key] = found
        return found

    def _sequence(self, node: Any) -> tuple[list[Any], int]:
        values: list[Any] = []
        size = 1
        for part in node.value:
            value, count = self._value(part)
            values.append(value)
            size += count
        return values, size

    def _mapping(self, node: Any) -> tuple[Json, int]:
        own: Json = {}
        merged: list[Json] = []
        size = 1
        for key_node, value_node in node.value:
            value, count = self._value(value_node)
            size += count
            if key_node.id == "scalar" and not key_node.style and key_node.value == _MERGE:
                merged += [part for part in (value if is_array(value) else [value]) if is_object(part)]
                continue
            key = key_node.value if key_node.id == "scalar" else repr(self.read(key_node))
            if key in own:
                line = key_node.start_mark.line + 1
                self._notes.append(f"{self._source}, line {line}: the key {key!r} is given twice; the last one counts")
            own[key] = value
        for part in merged:
            for key, value in part.items():
                own.setdefault(key, value)
        return own, size


def scalar(text: str, plain: bool = True) -> Any:
    """The value of a scalar; a quoted one (`plain` false) is text. Numbers that JSON cannot express are text."""
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else text
    for pattern, base in ((_OCTAL, 8), (_HEX, 16)):
        if found := pattern.fullmatch(text):
            return int(found[1], base)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
