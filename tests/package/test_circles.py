"""Imports run one way: no import cycle between modules or between rooms, including imports for type checkers only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import grimp
import pytest

ROOMS = ("mittwald_async", "mittwald_async.runtime")
"""Packages whose direct members are rooms."""


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """Which module imports which. Imports inside functions and under TYPE_CHECKING count."""
    graph = grimp.build_graph("mittwald_async", cache_dir=None)
    return {name: frozenset(graph.find_modules_directly_imported_by(name)) for name in sorted(graph.modules)}


def circles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other: Tarjan's strongly connected components with more than one member."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group: list[str] = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def room_of(module: str, package: str) -> str | None:
    """The member of the package that a module belongs to; `None` for the package's own file and for other modules."""
    rest = module.removeprefix(f"{package}.")
    return None if rest == module else rest.partition(".")[0]


def test_no_modules_import_each_other_even_indirectly() -> None:
    assert circles(imports()) == []


@pytest.mark.parametrize("package", ROOMS)
def test_no_rooms_import_each_other_even_indirectly(package: str) -> None:
    rooms: dict[str, set[str]] = {}
    for module, used in imports().items():
        room = room_of(module, package)
        if room is not None:
            others = {room_of(other, package) for other in used} - {room, None}
            rooms.setdefault(room, set()).update(other for other in others if other is not None)
    assert circles({room: frozenset(others) for room, others in rooms.items()}) == []


def test_a_cycle_would_be_found() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b"), "d": frozenset("a")}
    assert circles(graph) == [["b", "c"]]
