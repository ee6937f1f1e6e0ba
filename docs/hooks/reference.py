"""Pages of the site that are read off the package: every operation, every table, every check.

A hook of mkdocs. Nothing it makes is kept, so nothing of it can be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from mittwald_async.cli.operations import reference_link
from mittwald_async.inventory.checks import all_checks
from mittwald_async.inventory.tables import books, views
from mittwald_async.operations import OPERATIONS
from mittwald_async.runtime.operation import Operation


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, lines in (("operations", operations()), ("tables", tables()), ("checks", checks())):
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join(lines)))
    return files


def cell(text: object) -> str:
    """Text that is one cell of a table, whatever is in it."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def row(*cells: object) -> str:
    return f"| {' | '.join(map(cell, cells))} |"


def table(heads: Iterable[str], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    names = tuple(heads)
    yield ""
    yield row(*names)
    yield "|" + "---|" * len(names)
    for one in rows:
        yield row(*one)
    yield ""


def operations() -> Iterator[str]:
    yield "# Operations"
    yield ""
    yield f"All {len(OPERATIONS)} methods by group. `mittwald-async operations ID` shows the arguments of one."
    by_group = sorted(OPERATIONS.values(), key=lambda one: (one.group, one.name))
    for group, found in groupby(by_group, key=lambda one: one.group):
        yield f"\n## {group}"
        yield from table(("method", "operation", "request", ""), map(described, found))


def described(one: Operation[Any]) -> tuple[object, ...]:
    marks = [word for word, is_so in (("removed", one.removed_upstream), ("deprecated", one.deprecated)) if is_so]
    marks += ["list"] if one.paging is not None else []
    return (
        f"`mw.{one.group}.{one.name}`",
        f"[{one.operation_id}]({reference_link(one)})",
        f"`{one.method} {one.path}`",
        ", ".join(marks),
    )


def tables() -> Iterator[str]:
    yield "# Tables of an inventory"
    yield ""
    yield "Each view of a resource has a twin whose name ends in `_history`. `mittwald-async tables NAME` shows one."
    for view in views():
        asked = "by default" if view.default else f"with `-r {view.resource}`"
        yield f"\n## {view.name}\n\n{cell(view.means)}. Swept {asked}, from {', '.join(view.operations)}."
        yield from table(("column", "type", "what it means"), [(c.name, c.type, c.means) for c in view.columns])
        yield f"```text\n{view.query};\n```"
    yield "\n## About the sweeps themselves"
    for book in books():
        yield f"\n### {book.name}\n\nEach row is {cell(book.means)}."
        yield from table(("column", "type", "what it means"), [(c.name, c.type, c.means) for c in book.columns])


def checks() -> Iterator[str]:
    yield "# Checks"
    yield ""
    yield "`mittwald-async check inventory.sqlite` runs all of them; `--only NAME` one, or a family."
    for family, found in groupby(
        sorted(all_checks(), key=lambda one: (one.family, one.id)), key=lambda one: one.family
    ):
        yield f"\n## {family}"
        for one in found:
            yield f"\n### {one.id}\n\n{one.title} ({one.severity}).\n\n{one.why}\n\n{one.fix}"
