"""What is in an inventory file, in words: its views, their columns, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .catalog import Resource, catalog
from .children import CHILD_VIEWS, ChildView, view_name
from .columns import plain_columns

OWN: dict[str, tuple[str, str]] = {
    "account": ("text", "what the file calls the account"),
    "key": ("text", "unique among an account's items of the resource"),
    "id": ("text", "the item's id; NULL for things that have none, such as log entries"),
    "customer_id": ("text", "customer it belongs to"),
    "project_id": ("text", "project it belongs to"),
    "parent_id": ("text", "thing it hangs below; NULL for lists of the account, a customer or a project"),
    "operation": ("text", "operation of the API that listed it, or method of the client"),
    "fetched_at": ("time", "when this version of it was seen first"),
    "drifted": ("bool", "1 where it deviates from the API's document"),
    "unseen_since": ("int", "first sweep that asked for it and could not see it; NULL where it was seen last time"),
    "data": ("json", "the whole item as the server sent it"),
    "verified_at": (
        "time",
        "when it was last seen for certain; a rolling sweep carries rows forward without asking again",
    ),
    "project": ("text", "description of the project; NULL until `project` has been swept"),
    "project_short_id": ("text", "short id of the project; NULL until `project` has been swept"),
    "customer": ("text", "name of the customer; NULL until `customer` has been swept"),
}
"""Type and meaning of the columns that every view of a resource has."""

HISTORY: dict[str, tuple[str, str]] = {
    "from_sweep": ("int", "first sweep that saw this version"),
    "to_sweep": ("int", "sweep that saw another, or that it is gone; NULL while it is valid"),
    "valid_from": ("time", "when that first sweep began"),
    "valid_to": ("time", "when the other one began; NULL while it is valid"),
}
"""Further columns of the views that end in `_history`."""

BOOKS: dict[str, str] = {
    "accounts": "the accounts: name, server (`source`) and user",
    "sweeps": "a line for each sweep: account, state, when, what it was of, requests",
    "list_reads": "when each list was read last, and how many of its items change a day",
    "coverage": "what each sweep saw of a resource: whether everything, how many lists and items",
    "lists": "lists of resources that were not read completely, and how far they came",
    "failures": "lists that failed, with status and error",
}
"""Tables that say how an inventory came about."""


class ColumnInfo(msgspec.Struct, frozen=True):
    """A column: name, type, and what it means."""

    name: str
    type: str
    means: str


class ViewInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A view: what a row is, its columns, where they come from, and a query to begin with."""

    name: str
    resource: str
    means: str
    operations: tuple[str, ...]
    default: bool
    """A sweep has it without being asked."""
    columns: tuple[ColumnInfo, ...]
    query: str


def views() -> list[ViewInfo]:
    """Every view an inventory can have."""
    return [*map(_of_resource, catalog().values()), *map(_of_children, CHILD_VIEWS)]


def _of_resource(resource: Resource) -> ViewInfo:
    name = view_name(resource.name)
    properties = {column.name: (column.kind, f"property `{column.wire}`") for column in plain_columns(resource)}
    before, after = list(OWN.items())[:11], list(OWN.items())[11:]
    known = {**dict(before), **properties, **dict(after)}
    shown = ", ".join(list(properties)[:3] or ["id"])
    return ViewInfo(
        name=name,
        resource=resource.name,
        means=_with_article(resource.name) + (f"; {resource.reason}" if resource.reason else ""),
        operations=tuple(dict.fromkeys(route.operation_id for route in resource.routes)),
        default=resource.default,
        columns=tuple(_columns(known)),
        query=f"SELECT customer, project, {shown} FROM {name} ORDER BY customer, project",
    )


def _with_article(name: str) -> str:
    words = name.replace("_", " ")
    if name.endswith("s") and not name.endswith(("ss", "us")):
        return words  # metrics, settings: more than one
    return f"{'an' if name[0] in 'aeio' or name.startswith(('ssh', 'sftp', 'ssl')) else 'a'} {words}"


def _of_children(view: ChildView) -> ViewInfo:
    resource = catalog()[view.resource]
    whose = {
        f"{view.resource}_id": ("text", f"id of the {view.resource.replace('_', ' ')} it is in"),
        **{name: OWN[name] for name in ("account", "customer_id", "project_id", "project", "customer")},
    }
    known = {**whose, **{name: ("", means) for name, means in view.columns}}
    shown = ", ".join(name for name, _ in view.columns[:4])
    return ViewInfo(
        name=f"v_{view.name}",
        resource=view.resource,
        means=view.means,
        operations=tuple(dict.fromkeys(route.operation_id for route in resource.routes)),
        default=resource.default,
        columns=tuple(_columns(known)),
        query=f"SELECT customer, project, {shown} FROM v_{view.name} ORDER BY customer, project",
    )


def _columns(known: dict[str, tuple[str, str]]) -> Iterator[ColumnInfo]:
    for name, (kind, means) in known.items():
        yield ColumnInfo(name, kind, means)
