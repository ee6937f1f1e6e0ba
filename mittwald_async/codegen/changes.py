"""What is different for users between two outputs of the generator, most serious first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from .directions import Uses
from .public_surface import Constraints, Outline, Parts, outlines


@dataclass(frozen=True)
class SurfaceChange:
    """One line. `breaking`: code that type-checked or worked before may not any more."""

    line: str
    breaking: bool = False


def compare(old: Mapping[str, str], new: Mapping[str, str], uses: Uses) -> list[str]:
    """Compare two versions of generated files, text by path relative to the package; `uses`: of the new models.

    Returns: lines that begin with `+` (added), `-` (removed) or `~` (changed), what breaks code under a heading of its
    own; nothing if there is no difference."""
    before, after = outlines(old, new)
    changes = [*_operations(before, after), *_models(before, after, uses), *_redirects(before, after)]
    lines: list[str] = []
    for breaking, heading in ((True, "breaking for users"), (False, "other changes")):
        found = [change.line for change in changes if change.breaking is breaking]
        if found:
            lines += [f"{heading} ({len(found)}):", *found]
    return lines


def _operations(old: Outline, new: Outline) -> Iterator[SurfaceChange]:
    routes = {parts[""]["route"]: name for name, parts in new.operations.items() if name not in old.operations}
    for name in sorted(old.operations.keys() | new.operations.keys()):
        if name not in old.operations:
            about = new.operations[name][""]
            yield SurfaceChange(f"+ operation {name}: {about['method']}, {about['route']}")
        elif name not in new.operations:
            about = old.operations[name][""]
            instead = f", now {routes[about['route']]}" if about["route"] in routes else ""
            yield SurfaceChange(f"- operation {name}: {about['method']}, {about['route']}{instead}", breaking=True)
        else:
            for change in _differences(old.operations[name], new.operations[name], _of_operation):
                yield SurfaceChange(f"~ operation {name}: {change.line}", change.breaking)


def _models(old: Outline, new: Outline, uses: Uses) -> Iterator[SurfaceChange]:
    for name in sorted(old.models.keys() | new.models.keys()):
        if name not in old.models:
            yield SurfaceChange(f"+ model {name}")
        elif name not in new.models:
            yield SurfaceChange(f"- model {name}", breaking=True)
        else:
            rules = _Rules(sent=name in uses.sent, received=name in uses.received, model=True)
            for change in _differences(old.models[name], new.models[name], rules):
                yield SurfaceChange(f"~ model {name}: {change.line}", change.breaking)


def _redirects(old: Outline, new: Outline) -> Iterator[SurfaceChange]:
    for route in sorted(old.redirects | new.redirects):
        if route not in old.redirects:
            yield SurfaceChange(f"+ redirect {route}")
        elif route not in new.redirects:
            yield SurfaceChange(f"- redirect {route}", breaking=True)


# ---- one thing ----


@dataclass(frozen=True)
class _Rules:
    """Who is affected: the sender by new requirements, the reader by dropped promises."""

    sent: bool
    received: bool
    model: bool = False


_of_operation = _Rules(sent=True, received=False)


def _differences(old: Parts, new: Parts, rules: _Rules) -> Iterator[SurfaceChange]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            facts = new[name]
            required = facts.get("required") is True
            description = f"{facts['type']}{', required' if required else ''}" if "type" in facts else ""
            hurt = (required and rules.sent) or name.startswith("result ")  # one more type to expect
            yield SurfaceChange(f"+ {name}: {description}".removesuffix(": "), breaking=hurt)
        elif name not in new:
            yield SurfaceChange(f"- {name}", breaking=True)
        else:
            for change in _facts(old[name], new[name], rules):
                yield SurfaceChange(f"{name}: {change.line}" if name else change.line, change.breaking)


_YES_NO = {
    "required": ("now required", "no longer required"),
    "null": ("may be null now", "no longer null"),
    "anonymous": ("needs no token", "needs a token"),
    "deprecated": ("deprecated", "no longer deprecated"),
    "removed_upstream": ("removed by the provider", "documented by the provider again"),
}


def _facts(old: Constraints, new: Constraints, rules: _Rules) -> Iterator[SurfaceChange]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after and type(before) is type(after):
            continue
        if key in _YES_NO:
            hurt = False
            if key in ("required", "null"):
                hurt = rules.sent if (key == "required") is (after is True) else rules.received
            yield SurfaceChange(_YES_NO[key][0 if after is True else 1], breaking=hurt)
        elif isinstance(before, tuple) or isinstance(after, tuple):
            yield from _lists(key, cast("tuple[object, ...]", before or ()), cast("tuple[object, ...]", after or ()))
        elif key == "type":
            yield _type(str(before), str(after))
        else:
            hurt = key in ("method", "route", "name on the wire", "content_type")
            yield SurfaceChange(f"{key}: {_shown(before)} -> {_shown(after)}", breaking=hurt)


def _lists(key: str, before: tuple[object, ...], after: tuple[object, ...]) -> Iterator[SurfaceChange]:
    come = [repr(value) for value in after if value not in before]
    gone = [repr(value) for value in before if value not in after]
    if come:
        yield SurfaceChange(f"{key} added: {', '.join(come)}")
    if gone:
        yield SurfaceChange(f"{key} removed: {', '.join(gone)}")


def _type(before: str, after: str) -> SurfaceChange:
    """Variants that came, where that is all: who reads a union has to expect unknown ones anyway."""
    old, new = before.split(" | "), after.split(" | ")
    come, gone = [option for option in new if option not in old], [option for option in old if option not in new]
    if len(old) > 1 and len(new) > 1 and "Unknown" in old and "Unknown" in new and (come or gone):
        description = [f"variant {option} added" for option in come] + [f"variant {option} removed" for option in gone]
        return SurfaceChange(", ".join(description), breaking=bool(gone))
    return SurfaceChange(f"type {before} -> {after}", breaking=True)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
