"""Responses: what a success gives back, and how a list comes in pages."""

from __future__ import annotations

from typing import cast

from . import ir
from .bodies import is_json, is_text
from .config import Config
from .errors import Findings, escaped
from .json_access import Json, child, objects
from .json_types import textual
from .schemas import DeclarationPlace, Schemas

_SUFFIXES = {"201": "Created", "202": "Accepted"}
"""Names of what a second success gives back."""
_RANGES = {"default": 0, "4XX": 4, "5XX": 5}
"""Statuses that stand for several, as the runtime writes them."""


class Results:
    """Reads the responses of one document."""

    def __init__(self, schemas: Schemas, findings: Findings, config: Config) -> None:
        self._schemas = schemas
        self._findings = findings
        self._names = config.paging
        self._envelope = config.envelope

    def read(self, responses: dict[str, Json], owner: DeclarationPlace, pointer: str) -> tuple[ir.ResultSpec, ...]:
        """The successes of an operation, by status; `owner` names what is declared inside."""
        found: list[ir.ResultSpec] = []
        successes = sorted(status for status in responses if status.startswith("2"))
        if not successes and "default" in responses and not any(status.startswith("3") for status in responses):
            self._findings.add("default", pointer, "only a default response: it describes the success")
            successes = ["default"]
        for status in successes:
            number = int(status) if status.isdigit() else 0
            suffix = "Result" if not found else _SUFFIXES.get(status, f"Result{status}")
            named = DeclarationPlace(owner.domain, owner.name + suffix)
            found.extend(self._one(number, responses[status], named, f"{pointer}/responses/{status}"))
        if not found:
            self._findings.add("success", pointer, "no success is documented: the method gives None")
        return tuple(found)

    def _one(self, status: int, response: Json, owner: DeclarationPlace, pointer: str) -> list[ir.ResultSpec]:
        content = objects(response, "content", pointer)
        if not content or status in (204, 205):
            return [ir.ResultSpec(status, ir.NONE, None)]
        made: list[ir.ResultSpec] = []
        for kind, media in content.items():
            if is_json(kind):
                place = f"{pointer}/content/{escaped(kind)}"
                shape = self._json(child(media, "schema", place), owner, f"{place}/schema")
                if self._schemas.with_bytes(shape) == ir.BYTES:  # a file, whatever the content type says
                    made.append(ir.ResultSpec(status, ir.BYTES, kind))
                else:
                    made.append(self._result(status, textual(shape), kind))
            elif is_text(kind):
                made.append(ir.ResultSpec(status, ir.STR, kind))
            else:
                made.append(ir.ResultSpec(status, ir.BYTES, kind))
        return made

    def _result(self, status: int, made: ir.Type, content_type: str) -> ir.ResultSpec:
        model = self._schemas.model(made)
        wanted = self._envelope.data
        inner = None if model is None else next((one for one in model.fields if one.wire == wanted), None)
        if model is None or inner is None or not wanted:
            return ir.ResultSpec(status, made, content_type)
        others = {one.wire for one in model.fields} - {inner.wire}
        wraps = not self._envelope.beside or others <= set(self._envelope.beside)
        held = inner.type if inner.required or isinstance(inner.type, ir.Nullable) else ir.Nullable(inner.type)
        return ir.ResultSpec(status, made, content_type, (inner.wire, held) if wraps else None)

    def _json(self, schema: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        if schema.get("type") == "array":
            item = DeclarationPlace(owner.domain, owner.name.removesuffix("Result") + "Item")
            made = ir.ListOf(self._schemas.convert(child(schema, "items", pointer), item, f"{pointer}/items"))
            return ir.Nullable(made) if schema.get("nullable") is True else made
        return self._schemas.convert(schema, owner, pointer)

    def error_types(self, responses: dict[str, Json], pointer: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The schemas that the bodies of errors have, with their statuses. What is described in place has no name, and
        comes as plain JSON."""
        found: dict[str, list[int]] = {}
        for status, response in sorted(responses.items()):
            number = int(status) if status.isdigit() else _RANGES.get(status)
            if number is None or 9 < number < 400:
                continue
            for kind, media in objects(response, "content", pointer).items():
                schema = child(media, "schema", pointer)
                if is_json(kind) and "$ref" in schema:
                    made = self._schemas.convert(schema, DeclarationPlace("", ""), pointer)
                    if isinstance(made, ir.Ref):
                        found.setdefault(made.dotted, []).append(number)
        return tuple((dotted, tuple(dict.fromkeys(statuses))) for dotted, statuses in found.items())

    # ---- paging ----

    def paging(
        self, results: tuple[ir.ResultSpec, ...], responses: dict[str, Json], arguments: tuple[ir.Argument, ...]
    ) -> ir.PagingSpec | None:
        """How an operation's list is paged; `None` if its success is not a list, or one of several properties."""
        if len({result.type for result in results}) != 1:
            return None
        made, envelope = results[0].type, results[0].envelope
        query = {argument.wire: argument for argument in arguments if argument.where == "query"}
        names = {kind: _first(getattr(self._names, kind), query) for kind in ("limit", "skip", "page", "cursor")}
        totals = self._has_totals(responses)
        if isinstance(made, ir.ListOf):
            return self._paging(made.item, query, names, totals)
        if envelope is not None and isinstance(inner := _present(envelope[1]), ir.ListOf):
            return self._paging(inner.item, query, names, totals, envelope[0], made)
        found = self._wrapped(made, "" if envelope is None else f"{envelope[0]}.")
        if found is None:
            return None
        paging = self._paging(found[0], query, names, totals, found[1], made)
        return paging if self._walkable(paging) else None

    def _walkable(self, paging: ir.PagingSpec) -> bool:
        """Whether the runtime can ask for the next page of an object around a list. A method that promised all items
        would otherwise leave out the rest."""
        if paging.limit and (paging.skip or paging.page):
            return True
        if paging.cursor and paging.next_cursor:
            return True
        if paging.cursor in ("starting_after", "after") and paging.has_more:
            model = self._schemas.model(paging.item)
            return model is not None and any(one.wire == "id" for one in model.fields)
        end_is_known = paging.total or paging.has_more
        return bool(paging.link or ((paging.page or paging.skip) and end_is_known))

    def _paging(
        self,
        item: ir.Type,
        query: dict[str, ir.Argument],
        names: dict[str, str | None],
        totals: bool,
        items: str | None = None,
        whole: ir.Type = ir.ANY,
    ) -> ir.PagingSpec:
        around = "" if items is None else items.rpartition(".")[0]
        following = self._beside(whole, around, self._names.next_cursor, plain=True)
        names = _with_text_as_cursor(names, query, following)
        limit, page = query.get(names["limit"] or ""), query.get(names["page"] or "")
        default = limit.default if limit is not None else None
        most = limit.limits.maximum if limit is not None else None
        return ir.PagingSpec(
            item=item,
            limit=names["limit"],
            skip=names["skip"],
            page=names["page"],
            cursor=names["cursor"],
            default_limit=int(default) if isinstance(default, int | float) else None,
            max_limit=int(most) if most is not None else None,
            totals=totals,
            items=items,
            total=self._beside(whole, around, self._names.total),
            has_more=self._beside(whole, around, self._names.has_more),
            next_cursor=following,
            link=self._names.link,
            first_page=0 if page is not None and page.default == 0 else 1,
        )

    @staticmethod
    def _has_totals(responses: dict[str, Json]) -> bool:
        headers = [
            name.lower()
            for status, response in responses.items()
            if status.startswith("2")
            for name in response.get("headers", {})
        ]
        return any(name.startswith("x-pagination-") for name in headers)

    def _wrapped(self, made: ir.Type, inside: str) -> tuple[ir.Type, str] | None:
        """The element and the place of the array in an object: the one that the configuration names, else the only one;
        `inside` is the envelope that it may be in, with a dot."""
        for name in self._names.items:
            found = self._at(made, name)
            if isinstance(found, ir.ListOf):
                return found.item, name
        for place in dict.fromkeys((inside, "")):
            model = self._schemas.model(_present((self._at(made, place[:-1]) if place else made) or ir.ANY))
            arrays = [field for field in (model.fields if model else ()) if isinstance(field.type, ir.ListOf)]
            if len(arrays) == 1:
                return cast(ir.ListOf, arrays[0].type).item, f"{place}{arrays[0].wire}"
        return None

    def _beside(self, made: ir.Type, around: str, names: tuple[str, ...], *, plain: bool = False) -> str | None:
        """The first of several properties that an object has; those beside the list come before those further out.
        `plain`: those that are objects themselves do not count."""
        for name in (*(f"{around}.{name}" for name in names if around), *names):
            found = self._at(made, name)
            if found is not None and not (plain and self._schemas.model(_present(found)) is not None):
                return name
        return None

    def _at(self, made: ir.Type, name: str) -> ir.Type | None:
        """The type of a property, at the end of a path with dots."""
        for step in name.split("."):
            model = self._schemas.model(_present(made))
            field = None if model is None else next((one for one in model.fields if one.wire == step), None)
            if field is None:
                return None
            made = field.type
        return made


def _present(made: ir.Type) -> ir.Type:
    return made.inner if isinstance(made, ir.Nullable) else made


def _first(wanted: tuple[str, ...], query: dict[str, ir.Argument]) -> str | None:
    return next((name for name in wanted if name in query and _may_count(query[name])), None)


def _may_count(argument: ir.Argument) -> bool:
    """Whether it may be of pages at all: a size of `large` is none, nor is one out of a few words."""
    text = _present(argument.type) == ir.STR
    return not (text and argument.wire == "size") and not any(isinstance(value, str) for value in argument.values)


def _with_text_as_cursor(
    names: dict[str, str | None], query: dict[str, ir.Argument], following: str | None
) -> dict[str, str | None]:
    """A "page" or an "offset" that is text, in a list that says what the next one is called, is a cursor and no
    number."""
    if following is None or names["cursor"]:
        return names
    for kind in ("page", "skip"):
        name = names[kind]
        if name is not None and _present(query[name].type) == ir.STR:
            return {**names, kind: None, "cursor": name}
    return names
