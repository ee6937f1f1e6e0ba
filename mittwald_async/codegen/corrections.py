"""Known mistakes of a document, put right before it is read. Which ones: data, see `config.Correction`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from .config import Correction
from .load import Json
from .problems import Findings


def corrected(root: Json, corrections: Sequence[Correction], findings: Findings) -> Json:
    """A copy of the document with the corrections made. One that fits no more is a finding, not an error: the provider
    may have put the mistake right, or dropped the schema."""
    if not corrections:
        return root
    result = copy.deepcopy(root)
    for correction in corrections:
        if not _apply(result, correction):
            findings.add("correction", correction.pointer, f"does not apply to this document ({correction.reason})")
    return result


def _apply(root: Json, correction: Correction) -> bool:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in correction.pointer.removeprefix("#/").split("/")]
    node: Any = root
    for part in parts[:-1]:
        node = _step(node, part)
        if node is None:
            return False
    last = parts[-1]
    if correction.action == "set":
        if not isinstance(node, dict):
            return False
        node[last] = correction.value
        return True
    if correction.action == "remove":
        if not isinstance(node, dict) or last not in node:
            return False
        del node[last]
        return True
    values: Any = _step(node, last)
    if not isinstance(values, list) or correction.value not in values:
        return False
    values.remove(correction.value)
    return True


def _step(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(node, list) and part.isdigit() and int(part) < len(node):  # pyright: ignore[reportUnknownArgumentType]
        return node[int(part)]  # pyright: ignore[reportUnknownVariableType]
    return None
