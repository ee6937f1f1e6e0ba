"""Request bodies: which content type is sent, and whether the properties become keyword arguments."""

from __future__ import annotations

from . import ir
from .errors import DocumentError, Findings, escaped
from .json_access import Json, child, objects
from .schemas import Owner, Schemas

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def is_json(content_type: str) -> bool:
    """JSON, by whatever name."""
    base = content_type.partition(";")[0].strip().lower()
    return base in {"application/json", "*/*", "text/json"} or base.endswith("+json")


def is_text(content_type: str) -> bool:
    """Text for people; text with a parameter that is no charset (`text/plain;base64`) is a wrapped file."""
    base, _, rest = content_type.lower().partition(";")
    return base.strip().startswith("text/") and (not rest or "charset" in rest)


class Bodies:
    """Reads the request bodies of one document."""

    def __init__(self, schemas: Schemas, findings: Findings) -> None:
        self._schemas = schemas
        self._findings = findings

    def read(self, operation: Json, owner: Owner, pointer: str) -> ir.Body | None:
        """The body of an operation; `owner` names what is declared inside. `None`: it takes none."""
        if "requestBody" not in operation:
            return None
        node = self._schemas.resolver.follow(operation["requestBody"], pointer)
        content = objects(node, "content", pointer)
        if not content:
            raise DocumentError("a request body without content", pointer)
        chosen = min(content, key=lambda kind: (not is_json(kind), kind not in FORMS, list(content).index(kind)))
        if len(content) > 1:
            self._findings.add("content", pointer, f"several content types: {chosen} is sent")
        place = f"{pointer}/content/{escaped(chosen)}"
        schema = child(content[chosen], "schema", place)
        place += "/schema"
        required = node.get("required") is True
        named = Owner(owner.domain, f"{owner.name.removesuffix('Request')}Request")
        if is_json(chosen):
            content_type = "application/json" if chosen == "*/*" else chosen
            return self._structured(content_type, schema, required, named, place)
        if chosen in FORMS:
            return self._structured(chosen, schema, required, named, place)
        return ir.Body(chosen, ir.STR if is_text(chosen) else ir.BYTES, required)

    def _structured(self, content_type: str, schema: Json, required: bool, owner: Owner, pointer: str) -> ir.Body:
        made = self._schemas.convert(schema, owner, pointer)
        model = self._schemas.model(made)
        if model is None:
            return ir.Body(content_type, made, required)
        properties = tuple(self._property(field) for field in model.fields)
        return ir.Body(content_type, made, required, flat=True, properties=properties)

    def _property(self, field: ir.Field) -> ir.Argument:
        made = field.type
        return ir.Argument(
            name=field.name,
            wire=field.wire,
            where="body",
            type=made.inner if isinstance(made, ir.Nullable) else made,
            required=field.required,
            nullable=isinstance(made, ir.Nullable) or made == ir.NONE,
            limits=field.limits,
            default=field.default,
            deprecated=field.deprecated,
            values=self._schemas.values(made),
        )
