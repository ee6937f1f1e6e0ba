"""Following a `$ref` of a plain document: it leads to a named schema, always."""

from __future__ import annotations

from .errors import DocumentError, pointer_of, unescaped
from .json_access import Json, child, objects

_SCHEMAS = "#/components/schemas/"


def schema_of(node: Json) -> str:
    """The name of the schema that a node refers to; empty where it is not a reference."""
    return unescaped(str(node.get("$ref", "")).removeprefix(_SCHEMAS))


class SchemaResolver:
    """Finds the named schemas of one document."""

    def __init__(self, root: Json) -> None:
        self.schemas: dict[str, Json] = objects(child(root, "components", "#"), "schemas", "#/components")

    @staticmethod
    def schema_pointer(name: str) -> str:
        """The location of a named schema."""
        return pointer_of("components", "schemas", name)

    def schema_name(self, reference: object, pointer: str) -> str:
        """The schema that a `$ref` names."""
        name = unescaped(str(reference).removeprefix(_SCHEMAS))
        if name not in self.schemas:
            raise DocumentError(f"unresolved $ref {reference!r}", pointer)
        return name
