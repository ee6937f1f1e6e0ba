"""Responses: what a success gives back, and how a list comes in pages."""

from __future__ import annotations

from typing import cast

from . import ir
from .bodies import is_json, is_text
from .errors import Findings, escaped
from .json_access import Json, child, objects
from .schemas import Owner, Schemas

_SUFFIXES = {"201": "Created", "202": "Accepted"}
"""Names of what a second success gives back."""

_TOTAL_NAMES = ("totalCount", "total")


class Results:
    """Reads the responses of one document."""

    def __init__(self, schemas: Schemas, findings: Findings) -> None:
        self._schemas = schemas
        self._findings = findings

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
                    ir.Result(status, self._json(child(media, "schema", place), owner, f"{place}/schema"), kind)
                )
            elif is_text(kind):
                made.append(ir.Result(status, ir.STR, kind))
            else:
                made.append(ir.Result(status, ir.BYTES, kind))
        return made

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
        totals = self._has_totals(responses)
        if isinstance(made, ir.ListOf):
            return self._paging(made.item, query, totals)
        wrapped = self._wrapped(made)
        if wrapped is None or not ("limit" in query and ("page" in query or "skip" in query)):
            return None
        item, wire, total = wrapped
        return self._paging(item, query, totals, wire, total)

    def _paging(
        self,
        item: ir.Type,
        query: dict[str, ir.Argument],
        totals: bool,
        items: str | None = None,
        total: str | None = None,
    ) -> ir.Paging:
        limit = query.get("limit")
        default = limit.default if limit is not None else None
        most = limit.limits.maximum if limit is not None else None
        return ir.Paging(
            item=item,
            limit=limit is not None,
            skip="skip" in query,
            page="page" in query,
            default_limit=int(default) if isinstance(default, int | float) else None,
            max_limit=int(most) if most is not None else None,
            totals=totals,
            items=items,
            total=total,
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

    def _wrapped(self, made: ir.Type) -> tuple[ir.Type, str, str | None] | None:
        """The only array property of an object, and the wire name of a total beside it."""
        model = self._schemas.model(made)
        if model is None:
            return None
        arrays = [field for field in model.fields if isinstance(field.type, ir.ListOf)]
        if len(arrays) != 1:
            return None
        total = next((field.wire for field in model.fields if field.wire in _TOTAL_NAMES), None)
        return cast(ir.ListOf, arrays[0].type).item, arrays[0].wire, total
