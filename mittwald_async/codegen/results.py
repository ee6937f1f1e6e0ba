"""Responses: what a success gives back, and how a list comes in pages."""

from __future__ import annotations

from typing import cast

from . import ir
from .bodies import is_json, is_text
from .config import Config
from .errors import Findings, escaped
from .json_access import Json, child, objects
from .json_types import textual
from .schemas import Owner, Schemas

_SUFFIXES = {"201": "Created", "202": "Accepted"}
"""Names of what a second success gives back."""


class Results:
    """Reads the responses of one document."""

    def __init__(self, schemas: Schemas, findings: Findings, config: Config) -> None:
        self._schemas = schemas
        self._findings = findings
        self._names = config.paging
        self._envelope = config.envelope

    def read(self, responses: dict[str, Json], owner: Owner, pointer: str) -> tuple[ir.Result, ...]:
        """The successes of an operation, by status; `owner` names what is declared inside."""
        found: list[ir.Result] = []
        successes = sorted(status for status in responses if status.startswith("2"))
        if not successes and "default" in responses and not any(status.startswith("3") for status in responses):
            self._findings.add("default", pointer, "only a default response: it describes the success")
            successes = ["default"]
        for status in successes:
            number = int(status) if status.isdigit() else 200
            if not status.isdigit() and status != "default":
                self._findings.add("status", pointer, f"{status} stands for {number}")
            suffix = "Result" if not found else _SUFFIXES.get(status, f"Result{status}")
            named = Owner(owner.domain, owner.name + suffix)
            found.extend(self._one(number, responses[status], named, f"{pointer}/responses/{status}"))
        if not found:
            self._findings.add("success", pointer, "no success is documented: the method gives None")
        return tuple(found)

    def _one(self, status: int, response: Json, owner: Owner, pointer: str) -> list[ir.Result]:
        content = objects(response, "content", pointer)
        if not content or status in (204, 205):
            return [ir.Result(status, ir.NONE, None)]
        made: list[ir.Result] = []
        for kind, media in content.items():
            if is_json(kind):
                place = f"{pointer}/content/{escaped(kind)}"
                made.append(
                    self._result(
                        status, textual(self._json(child(media, "schema", place), owner, f"{place}/schema")), kind
                    )
                )
            elif is_text(kind):
                made.append(ir.Result(status, ir.STR, kind))
            else:
                made.append(ir.Result(status, ir.BYTES, kind))
        return made

    def _result(self, status: int, made: ir.Type, content_type: str) -> ir.Result:
        model = self._schemas.model(made)
        inner = None if model is None else next((one for one in model.fields if one.wire == self._envelope.data), None)
        if model is None or inner is None:
            return ir.Result(status, made, content_type)
        others = {one.wire for one in model.fields} - {inner.wire}
        wraps = not self._envelope.beside or others <= set(self._envelope.beside)
        return ir.Result(status, made, content_type, (inner.wire, inner.type) if wraps else None)

    def _json(self, schema: Json, owner: Owner, pointer: str) -> ir.Type:
        if schema.get("type") == "array":
            item = Owner(owner.domain, owner.name.removesuffix("Result") + "Item")
            made = ir.ListOf(self._schemas.convert(child(schema, "items", pointer), item, f"{pointer}/items"))
            return ir.Nullable(made) if schema.get("nullable") is True else made
        return self._schemas.convert(schema, owner, pointer)

    # ---- paging ----

    def paging(
        self, results: tuple[ir.Result, ...], responses: dict[str, Json], arguments: tuple[ir.Argument, ...]
    ) -> ir.Paging | None:
        """How an operation's list comes; `None` where its success is no list."""
        if len({result.type for result in results}) != 1:
            return None
        made = results[0].type
        query = {argument.wire: argument for argument in arguments if argument.where == "query"}
        names = {kind: _first(getattr(self._names, kind), query) for kind in ("limit", "skip", "page", "cursor")}
        totals = self._has_totals(responses)
        if isinstance(made, ir.ListOf):
            return self._paging(made.item, query, names, totals)
        wrapped = self._wrapped(made)
        if wrapped is None or not (names["limit"] and (names["page"] or names["skip"] or names["cursor"])):
            return None
        item, wire = wrapped
        return self._paging(item, query, names, totals, wire, made)

    def _paging(
        self,
        item: ir.Type,
        query: dict[str, ir.Argument],
        names: dict[str, str | None],
        totals: bool,
        items: str | None = None,
        whole: ir.Type = ir.ANY,
    ) -> ir.Paging:
        limit = query.get(names["limit"] or "")
        default = limit.default if limit is not None else None
        most = limit.limits.maximum if limit is not None else None
        return ir.Paging(
            item=item,
            limit=names["limit"],
            skip=names["skip"],
            page=names["page"],
            cursor=names["cursor"],
            default_limit=int(default) if isinstance(default, int | float) else None,
            max_limit=int(most) if most is not None else None,
            totals=totals,
            items=items,
            total=self._beside(whole, self._names.total),
            has_more=self._beside(whole, self._names.has_more),
            next_cursor=self._beside(whole, self._names.next_cursor),
            link=self._names.link,
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

    def _wrapped(self, made: ir.Type) -> tuple[ir.Type, str] | None:
        """The element and the wire name of the array in an object: the one that the configuration names, else the only
        one."""
        for name in self._names.items:
            found = self._at(made, name)
            if isinstance(found, ir.ListOf):
                return found.item, name
        model = self._schemas.model(made)
        if model is None:
            return None
        arrays = [field for field in model.fields if isinstance(field.type, ir.ListOf)]
        return (cast(ir.ListOf, arrays[0].type).item, arrays[0].wire) if len(arrays) == 1 else None

    def _beside(self, made: ir.Type, names: tuple[str, ...]) -> str | None:
        """The first of several properties that an object has."""
        return next((name for name in names if self._at(made, name) is not None), None)

    def _at(self, made: ir.Type, name: str) -> ir.Type | None:
        """The type of a property, at the end of a path with dots."""
        for step in name.split("."):
            model = self._schemas.model(made.inner if isinstance(made, ir.Nullable) else made)
            field = None if model is None else next((one for one in model.fields if one.wire == step), None)
            if field is None:
                return None
            made = field.type
        return made


def _first(wanted: tuple[str, ...], query: dict[str, ir.Argument]) -> str | None:
    return next((name for name in wanted if name in query), None)
