"""What the generator needs to know beside the document: data in a TOML file, one per API. `docs/another-api.md` lists
the keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from .config_checks import are_texts, check_api, check_correction, check_known, check_names
from .errors import DocumentError, Findings
from .json_access import Json, is_array, is_object

DEFAULT_PATH = Path(__file__).with_name("mittwald.toml")

T = TypeVar("T")


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
class PagingConfig:
    """What the parameters and properties of paged lists are called. Where a list has several of them, the first that
    the document names counts."""

    limit: tuple[str, ...] = (
        "limit",
        "per_page",
        "perPage",
        "page_size",
        "pageSize",
        "page[size]",
        "page[limit]",
        "$top",
        "size",
    )
    """Query parameters that say how many items a page has."""
    skip: tuple[str, ...] = ("skip", "offset", "page[offset]", "$skip")
    """Query parameters that say how many items come before the page."""
    page: tuple[str, ...] = ("page", "page_number", "pageNumber", "page[number]")
    """Query parameters that say which page."""
    cursor: tuple[str, ...] = (
        "cursor",
        "page_token",
        "pageToken",
        "starting_after",
        "after",
        "page[cursor]",
        "page[after]",
    )
    """Query parameters that say after which item or where the page begins."""
    items: tuple[str, ...] = ()
    """Properties that hold the items, as a path with dots; empty: the only array of the result."""
    total: tuple[str, ...] = ("totalCount", "total", "total_count", "pagination.total", "meta.total", "totalElements")
    """Properties that say how many items the whole list has."""
    has_more: tuple[str, ...] = ("hasMore", "has_more", "pagination.hasMore", "meta.has_more")
    """Properties that say whether there is a page after this one."""
    next_cursor: tuple[str, ...] = (
        "nextCursor",
        "next_cursor",
        "next_page_token",
        "nextPageToken",
        "pagination.nextCursor",
        "next_page",
        "nextPage",
        "next_page.offset",
    )
    """Properties that hold the cursor of the next page."""
    link: bool = False
    """The address of the next page is in a `Link` header."""
    size: int = 100
    """Items to ask for at once where the document states neither a larger default nor a maximum."""

    @property
    def skip_stated(self) -> tuple[str, ...]:
        """`skip`, unless it is the guess that is made without a configuration."""
        return () if self.skip == PagingConfig.skip else self.skip

    @property
    def page_stated(self) -> tuple[str, ...]:
        """`page`, likewise."""
        return () if self.page == PagingConfig.page else self.page


@dataclass(frozen=True)
class Envelope:
    """The object that results come in. `data` is the property with what the caller wants; empty: there is none."""

    data: str = ""
    beside: tuple[str, ...] = ()
    """Properties that may stand beside it: an object with others as well is not an envelope. Empty: any."""


@dataclass(frozen=True)
class ErrorsConfig:
    """Where the body of an error says what, as paths with dots; of several the first that holds something counts.
    Empty: the usual places."""

    type: tuple[str, ...] = ()
    message: tuple[str, ...] = ()
    trace_id: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    """Complaints about the request: a list of them, or an object that has them by field."""
    issue_path: tuple[str, ...] = ()
    issue_message: tuple[str, ...] = ()
    issue_type: tuple[str, ...] = ()
    issue_context: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budget:
    """The headers that state the request budget. Nothing set: none is believed."""

    headers: str = ""
    """Prefix of the three headers' names: `X-RateLimit` means `X-RateLimit-Limit`, `-Remaining` and
    `-Reset`."""
    limit: str = ""
    remaining: str = ""
    reset: str = ""
    reset_is: str = "seconds"
    """`seconds` that are left, or `epoch`: seconds since 1970."""
    exempt: str = ""
    """A header that says `yes` on routes that draw on no budget."""
    structured: str = ""
    """Instead of all of the above, the IETF's field, such as `RateLimit`."""

    def names(self) -> dict[str, str]:
        """The headers by what they say; none where no budget is stated."""
        if self.structured:
            return {"structured": self.structured}
        found = {
            kind: getattr(self, kind) or (f"{self.headers}-{kind.capitalize()}" if self.headers else "")
            for kind in ("limit", "remaining", "reset")
        }
        return found if all(found.values()) else {}


@dataclass(frozen=True)
class Config:
    """How one API is named and corrected."""

    document: str = ""
    """Where the document is read from unless the command line says otherwise."""
    client: str = ""
    """Name of the client class of a package of its own; empty: after the document's title."""
    base_url: str = ""
    """The API's address, if the document's servers lack it."""
    authentication: str = ""
    """The security scheme to use, by its name in the document; empty: the one that most operations demand first."""
    token_variable: str = ""
    """Environment variable that a token is read from; empty: after the client's name, such as `SHOP_API_TOKEN`."""
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
    methods: str = "operation_id"
    """What methods are named after: `operation_id`, or `path` (method and route)."""
    free_properties: str = "ignore"
    """What becomes of properties that are not declared where the document says `additionalProperties: true`: `ignore`
    (the object is a class, they are left out) or `keep` (the object is a plain mapping, nothing is left out)."""
    path_prefixes: tuple[str, ...] = ()
    """Beginnings of paths that say nothing about what is there; the longest that fits is dropped for names."""
    groups: Json = field(default_factory=dict[str, Any])
    """Group by tag."""
    operations: Json = field(default_factory=dict[str, Any])
    """`group.method` or `method` by operation id."""
    schemas: Json = field(default_factory=dict[str, Any])
    """`domain.Name` or `Name` by schema name."""
    paging: PagingConfig = PagingConfig()
    envelope: Envelope = Envelope()
    errors: ErrorsConfig = ErrorsConfig()
    budget: Budget = Budget()
    corrections: tuple[Correction, ...] = field(default=())
    _used: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]], compare=False)

    def group(self, tag: str) -> str | None:
        """The group that a tag is renamed to."""
        return self._renamed("groups", tag)

    def operation(self, operation_id: str) -> str | None:
        """What an operation is renamed to: `group.method` or `method`."""
        return self._renamed("operations", operation_id)

    def schema_name(self, name: str) -> str:
        """The dotted name of a schema: renamed, or without the common prefix."""
        renamed = self._renamed("schemas", name)
        if renamed is None:
            return name.removeprefix(self.prefix)
        domain = name.removeprefix(self.prefix).rpartition(".")[0]
        return renamed if "." in renamed or not domain else f"{domain}.{renamed}"

    def _renamed(self, table: str, name: str) -> str | None:
        names: Json = getattr(self, table)
        if name not in names:
            return None
        self._used.add((table, name))
        return str(names[name])

    def report_unused(self, findings: Findings) -> None:
        """Note renames of what the document does not have."""
        for table in ("groups", "operations", "schemas"):
            for name in getattr(self, table):
                if (table, name) not in self._used:
                    findings.add("unused", f"[{table}] {name}", "the document has nothing of that name")


_TABLES = {"groups": 1, "operations": 2, "schemas": 2}
"""Tables of renames, and of how many names a new one may consist."""
_NESTED: dict[str, type[PagingConfig | Envelope | ErrorsConfig | Budget]] = {
    "paging": PagingConfig,
    "envelope": Envelope,
    "errors": ErrorsConfig,
    "budget": Budget,
}
_WANTED: dict[type, str] = {str: "a text", bool: "true or false", int: "a whole number"}
_API_KEYS = {found.name for found in fields(Config)} - set(_TABLES) - set(_NESTED) - {"corrections", "_used"}
_CORRECTION_KEYS = {found.name for found in fields(Correction)}


def load_config(path: Path = DEFAULT_PATH) -> Config:
    """Read a configuration; anything unknown in it is an error, so that a typing mistake is not ignored.

    Raises:
        DocumentError: it cannot be read, or something in it makes no sense.
    """
    where = f"configuration {path.name}"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DocumentError(f"{where} cannot be read: {error}") from error
    check_known(data, {"api", "correction", *_TABLES, *_NESTED}, where)
    api = data.pop("api", {})
    entries = data.pop("correction", [])
    if not is_object(api) or not is_array(entries):
        raise DocumentError(f"{where} needs one table [api] and tables [[correction]]")
    check_known(api, _API_KEYS, f"{where}: [api]")
    prefixes = api.pop("path_prefixes", [])
    if not are_texts(prefixes):
        raise DocumentError(f"{where}: path_prefixes must be a list of texts")
    check_api(api, where)
    tables: Json = {name: check_names(data.pop(name, {}), name, steps, where) for name, steps in _TABLES.items()}
    nested: Json = {name: _nested(kind, data.pop(name, {}), name, where) for name, kind in _NESTED.items()}
    _check_budget(nested["budget"], where)
    if nested["paging"].size < 1:
        raise DocumentError(f"{where}: [paging] size must be at least 1")
    longest_first = tuple(sorted(prefixes, key=len, reverse=True))
    corrections = tuple(Correction(**check_correction(entry, _CORRECTION_KEYS, where)) for entry in entries)
    return Config(**api, **tables, **nested, path_prefixes=longest_first, corrections=corrections)


def _check_budget(budget: Budget, where: str) -> None:
    if budget.reset_is not in ("seconds", "epoch"):
        raise DocumentError(f'{where}: [budget] reset_is must be "seconds" or "epoch"')
    if budget != Budget() and not budget.names():
        raise DocumentError(f"{where}: [budget] needs headers, or limit, remaining and reset")


def _nested(kind: type[T], table: object, name: str, where: str) -> T:
    """A table of texts, lists of texts, numbers and truth values."""
    known = {found.name: found.default for found in fields(kind)}  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if not is_object(table):
        raise DocumentError(f"{where}: [{name}] must be a table")
    check_known(table, known, f"{where}: [{name}]")
    made: Json = {}
    for key, value in table.items():
        if isinstance(known[key], tuple):
            value = [value] if isinstance(value, str) else value
            if not are_texts(value):
                raise DocumentError(f"{where}: [{name}] {key} must be a list of texts, none of them empty")
            made[key] = tuple(value)
        elif type(value) is type(known[key]):
            made[key] = value
        else:
            raise DocumentError(f"{where}: [{name}] {key} must be {_WANTED[type(known[key])]}")
    return kind(**made)
