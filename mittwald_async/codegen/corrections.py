"""Known mistakes of a document, put right before it is read. Which ones: data, see `config.Correction`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from .config import Correction
from .errors import Findings, unescaped
from .json_access import Json, is_array, is_object


def corrected(root: Json, corrections: Sequence[Correction], findings: Findings) -> Json:
    """A copy of the document with the corrections made. One that fits no more is a finding, not an error: the provider
    may have put the mistake right, or dropped the schema."""
    if not corrections:
        return root
    result = copy.deepcopy(root)
    for correction in corrections:
        if correction.unless and _found(root, _parts(correction.unless)) is not None:
            note = f"needed no more: there is {correction.unless} ({correction.reason})"
            findings.add("correction", correction.pointer, note)
            continue
        *way, last = _parts(correction.pointer)
        if _apply(_found(result, way), last, correction):
            findings.add("corrected", correction.pointer, correction.reason)
        else:
            findings.add("correction", correction.pointer, f"does not apply to this document ({correction.reason})")
    return result


def _parts(pointer: str) -> list[str]:
    return [unescaped(part) for part in pointer.removeprefix("#/").split("/")]


def _found(node: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        node = _step(node, part)
    return node


def _apply(holder: Any, key: str, correction: Correction) -> bool:
    """Change what `holder` has under a key, or at a place where it is an array; False where there is nothing to
    change."""
    node: Any = holder
    place: Any = key
    if is_array(holder):
        if key == "-" and correction.action == "set":
            holder.append(correction.value)
            return True
        if not key.isdigit() or int(key) >= len(holder):
            return False
        place = int(key)
    elif not is_object(holder):
        return False
    there = is_array(holder) or key in holder
    if correction.action == "set":
        changed = not there or node[place] != correction.value
        node[place] = correction.value
        return bool(changed)
    if not there:
        return False
    if correction.action == "remove":
        del node[place]
        return True
    values = node[place]
    if not is_array(values) or correction.value not in values:
        return False
    values.remove(correction.value)
    return True


def _step(node: Any, part: str) -> Any:
    """One step down, `None` where there is nothing."""
    if is_object(node):
        return node.get(part)
    if is_array(node) and part.isdigit():
        return node[int(part)] if int(part) < len(node) else None
    return None
