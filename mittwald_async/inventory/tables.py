"""What is in an inventory file, in words: its views, their columns, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .catalog import Resource, catalog
from .children import CHILD_VIEWS, ChildView, view_name
from .columns import Column, plain_columns

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

_LIST = {
    "sweep": ("int", "number of the sweep"),
    "resource": ("text", "what the list is of, such as domain"),
    "operation": ("text", "operation of the API that lists it, or method of the client"),
}
_SCOPE = ("text", "what the list is of: account, customer, project or parent")

BOOKS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "accounts": (
        "an account: its name, server and user",
        {
            "name": ("text", "what the file calls it"),
            "source": ("text", "its server"),
            "identity": ("text", "the name it was given, else its user's id"),
            "user_id": ("text", "id of the token's user; NULL for tokens that belong to none"),
        },
    ),
    "sweeps": (
        "a sweep: account, state, when, what it was of, requests",
        {
            "id": ("int", "its number"),
            "account": OWN["account"],
            "state": ("text", "running, done, incomplete, or pruned where its details were forgotten"),
            "started_at": ("time", "when it began"),
            "finished_at": ("time", "when it ended; NULL while it runs"),
            "resources": ("json", "what it was asked for"),
            "target": ("json", "customers or projects it was restricted to"),
            "known": ("json", "counts that its plan was made from"),
            "source": ("text", "the server"),
            "requests": ("int", "requests it sent"),
            "version": ("text", "version of this package that made it"),
            "rolling": ("json", "its bounds where it was a rolling sweep, else NULL"),
        },
    ),
    "list_reads": (
        "a list: when it was read last, and how often its items change",
        {
            "account": OWN["account"],
            "resource": _LIST["resource"],
            "operation": _LIST["operation"],
            "owner": ("text", "id of whose list it is; empty for the account's"),
            "scope": _SCOPE,
            "verified_sweep": ("int", "last sweep that read it to its end; NULL where none has"),
            "verified_at": ("time", "when that sweep ended"),
            "tried_at": ("time", "when it was asked for last, whether or not that worked"),
            "changes": ("float", "items seen to change, older changes counting less"),
            "days": ("float", "days in which these were seen, older ones counting less"),
        },
    ),
    "coverage": (
        "what a sweep saw of a resource: whether everything, how many lists and items",
        {
            "sweep": _LIST["sweep"],
            "resource": _LIST["resource"],
            "scope": _SCOPE,
            "complete": ("bool", "1 where every list was read to its end and nothing moved meanwhile"),
            "lists": ("int", "lists it asked for"),
            "done": ("int", "lists it read to their end"),
            "items": ("int", "items it saw"),
        },
    ),
    "lists": (
        "a list of a resource that was not read completely, and how far it came",
        {
            **_LIST,
            "owner": ("text", "id of whose list it is; empty for the account's"),
            "scope": _SCOPE,
            "position": ("int", "items read so far"),
            "done": ("bool", "1 where it was read to its end"),
            "total": ("int", "items it has, where the API tells"),
            "moved": ("bool", "1 where it changed while it was read"),
        },
    ),
    "failures": (
        "a list that failed, with status and error",
        {
            **_LIST,
            "owner": ("text", "id of whose list it is; NULL for the account's"),
            "customer_id": ("text", "customer it belongs to"),
            "project_id": ("text", "project it belongs to"),
            "status": ("int", "HTTP status; NULL where there was no answer"),
            "error": ("text", "what went wrong"),
            "at": ("time", "when"),
        },
    ),
}
"""Tables that say how an inventory came about: what a row is, and type and meaning of each column."""

_ACRONYMS = {"ai": "AI", "api": "API", "dns": "DNS", "mysql": "MySQL", "redis": "Redis", "sftp": "SFTP", "ssh": "SSH"}

_MEANINGS = {
    "project_storage": "the storage of a project, as statistics count it",
    "server_storage": "the storage of a server, as statistics count it",
    "project_mail_settings": "the mail settings of a project",
    "app_status": "the state of an app installation",
    "backup_path": "a path at the top of a backup",
    "metrics": "a metric of a project: CPU, memory, storage or requests",
    "customer_wallet": "the wallet of a customer",
    "invoice_settings": "the invoice settings of a customer",
    "project_ai_usage": "the AI usage of a project",
    "customer_ai_usage": "the AI usage of a customer",
    "system_software": "a language or tool that apps can run on",
    "installed_system_software": "a language or tool that an app installation runs on",
    "activity": "an entry of the activity log",
}
"""What a row is, where the name of the resource does not say it."""

_TOLD_FIRST = (
    "short_id",
    "description",
    "name",
    "title",
    "hostname",
    "domain",
    "address",
    "user_name",
    "email",
    "status",
)
_TOLD_NEVER = ("_id", "certificate", "ca_bundle", "public_key")
"""Columns that an example shows first, and endings of those that say nothing to people, or fill the screen."""

_KEYWORDS = frozenset(
    {"case", "check", "default", "end", "from", "group", "index", "limit", "order", "to", "values", "when"}
)
"""Names that SQL takes for its own."""


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
    properties = {column.name: (column.kind, _meaning(column)) for column in plain_columns(resource)}
    before, after = list(OWN.items())[:11], list(OWN.items())[11:]
    known = {**dict(before), **properties, **dict(after)}
    shown = ", ".join(f'"{name}"' if name in _KEYWORDS else name for name in _telling(list(properties)))
    return ViewInfo(
        name=name,
        resource=resource.name,
        means=_MEANINGS.get(resource.name) or _with_article(resource.name),
        operations=tuple(dict.fromkeys(route.operation_id for route in resource.routes)),
        default=resource.default,
        columns=tuple(_columns(known)),
        query=f"SELECT customer, project, {shown} FROM {name} ORDER BY customer, project",
    )


def books() -> list[ViewInfo]:
    """The tables about the sweeps themselves."""
    return [
        ViewInfo(
            name=name,
            resource="",
            means=means,
            operations=(),
            default=True,
            columns=tuple(_columns(columns)),
            query=f"SELECT * FROM {name} ORDER BY {next(iter(columns))}",
        )
        for name, (means, columns) in BOOKS.items()
    ]


def _meaning(column: Column) -> str:
    values = ", ".join(map(str, column.values))
    return f"property `{column.wire}`" + (f": {values}" if values else "")


def _telling(properties: list[str]) -> list[str]:
    """Three columns that tell people most."""
    first = [name for name in _TOLD_FIRST if name in properties]
    others = [name for name in properties if name not in first and not name.endswith(_TOLD_NEVER)]
    return [*first, *others][:3] or ["id"]


def _with_article(name: str) -> str:
    own = name.removeprefix("own_")
    words = " ".join(_ACRONYMS.get(word, word) for word in own.split("_"))
    if own.endswith("s") and not own.endswith(("ss", "us")):
        return words  # settings: more than one
    article = "an" if own[0] in "aeiou" or own.startswith(("ssh", "sftp", "ssl")) else "a"
    return f"{article} {words}{' of the caller' if own != name else ''}"


def _of_children(view: ChildView) -> ViewInfo:
    resource = catalog()[view.resource]
    whose = {
        f"{view.resource}_id": ("text", f"id of the {_with_article(view.resource).partition(' ')[2]} it is in"),
        **{name: OWN[name] for name in ("account", "customer_id", "project_id", "project", "customer")},
    }
    known = {**whose, **{name: (kind, means) for name, kind, means in view.columns}}
    shown = ", ".join(name for name, _, _ in view.columns[:4])
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
