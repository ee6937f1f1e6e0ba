"""The layout that CONTRIBUTING describes: files and functions stay short, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import mittwald_async

PACKAGE = Path(mittwald_async.__file__).parent
GENERATED = ("api/", "models/", "operations.py")
LONGEST_FILE = 600
LONGEST_FUNCTION = 60
"""Lines of a body, without the signature and the docstring."""
LONGER = {
    "cli/sweep.py: sweep": "hands on each of its 24 options",
}
"""Functions that are longer, with the reason."""
SHARED = {"Issue": "one complaint of a validation error, in the client and in the emulator, which share no code"}
"""Class names that several rooms define for one concept."""


@cache
def trees() -> dict[str, ast.Module]:
    """Syntax trees of the handwritten files, by path inside the package."""
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    return {
        name: ast.parse(path.read_text(encoding="utf-8"))
        for name, path in sorted(paths.items())
        if not name.startswith(GENERATED)
    }


def room_of(name: str) -> str:
    """The folder below the package, or below the runtime, that a file is in."""
    parts = name.split("/")
    return "/".join(parts[: 2 if parts[0] == "runtime" and len(parts) > 2 else 1])


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Length of a function's body."""
    statements = function.body[ast.get_docstring(function) is not None :]
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def test_files_stay_short() -> None:
    lengths = {name: len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) for name in trees()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_fit_a_screen() -> None:
    long = {
        f"{name}: {node.name}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LONGEST_FUNCTION
    }
    assert long - set(LONGER) == set()


def test_a_class_name_means_one_thing() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                rooms[node.name].add(room_of(name))
    assert {name: found for name, found in rooms.items() if len(found) > 1 and name not in SHARED} == {}
    assert all(len(rooms[name]) > 1 for name in SHARED)
