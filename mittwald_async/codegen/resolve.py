"""Following `$ref`: inside the document only, to something that is there."""

from __future__ import annotations

from typing import Any

from .errors import DocumentError, pointer_of, unescaped
from .json_access import Json, child, is_object, mapping, objects

_SCHEMAS = "#/components/schemas/"
_LONGEST = 20
"""References that lead to references; more lead in a circle."""


class Resolver:
    """Finds what references of one document lead to."""

    def __init__(self, root: Json) -> None:
        self.root: Json = root
        self.schemas: dict[str, Json] = objects(child(root, "components", "#"), "schemas", "#/components")

    @staticmethod
    def schema_pointer(name: str) -> str:
        """Where a named schema stands."""
        return pointer_of("components", "schemas", name)

    def schema_name(self, reference: object, pointer: str) -> str:
        """The schema that a `$ref` names."""
        if not isinstance(reference, str) or not reference.startswith(_SCHEMAS):
            raise DocumentError(
                f"cannot resolve $ref {reference!r}: only schemas of this document can be meant here", pointer
            )
        name = unescaped(reference.removeprefix(_SCHEMAS))
        if name not in self.schemas:
            raise DocumentError(f"unresolved $ref {reference!r}", pointer)
        return name

    def follow(self, node: object, pointer: str) -> Json:
        """A node of the document that may be a `$ref` (parameters, responses, bodies, headers)."""
        for _ in range(_LONGEST):
            found = mapping(node, pointer)
            reference = found.get("$ref")
            if reference is None:
                return found
            if not isinstance(reference, str) or not reference.startswith("#/"):
                raise DocumentError(f"cannot resolve $ref {reference!r}: it leads out of the document", pointer)
            node = self._at(reference, pointer)
        raise DocumentError("a $ref that leads to itself", pointer)

    def _at(self, reference: str, pointer: str) -> Any:
        node: Any = self.root
        for part in reference[2:].split("/"):
            if not is_object(node) or unescaped(part) not in node:
                raise DocumentError(f"unresolved $ref {reference!r}", pointer)
            node = node[unescaped(part)]
        return node
