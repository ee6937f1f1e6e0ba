"""Request bodies: which content type is sent, and whether the properties become keyword arguments."""

from __future__ import annotations

from dataclasses import replace

from . import ir
from .errors import Findings, escaped
from .json_access import Json, child, objects
from .schemas import DeclarationPlace, Schemas

_FORM_STYLES = ("form", "spaceDelimited", "pipeDelimited", "deepObject")

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
FILE = "application/octet-stream"


def is_json(content_type: str) -> bool:
    """JSON, by whatever name."""
    base = content_type.partition(";")[0].strip().lower()
    return base in {"application/json", "*/*", "text/json"} or base.endswith("+json")


def is_text(content_type: str) -> bool:
    """Text for people; text with a parameter that is not a charset (`text/plain;base64`) is a wrapped file."""
    base, _, rest = content_type.lower().partition(";")
    return base.strip().startswith("text/") and (not rest or "charset" in rest)


def _sendable(content_type: str, usual: str) -> str:
    """The content type that is sent. A range such as `image/*` may stand in a document, but in no request."""
    return usual if "*" in content_type else content_type


class Bodies:
    """Reads the request bodies of one document."""

    def __init__(self, schemas: Schemas, findings: Findings) -> None:
        self._schemas = schemas
        self._findings = findings

    def read(self, operation: Json, owner: DeclarationPlace, pointer: str) -> ir.BodySpec | None:
        """The body of an operation; `owner` names what is declared inside. `None`: it takes none."""
        if "requestBody" not in operation:
            return None
        node = operation["requestBody"]
        content = objects(node, "content", pointer)
        chosen = min(content, key=lambda kind: (not is_json(kind), kind not in FORMS, list(content).index(kind)))
        if len(content) > 1:
            self._findings.add("content", pointer, f"several content types: {chosen} is sent")
        place = f"{pointer}/content/{escaped(chosen)}"
        media = content[chosen]
        schema = child(media, "schema", place)
        required = node.get("required") is True
        named = DeclarationPlace(owner.domain, f"{owner.name.removesuffix('Request')}Request")
        if is_json(chosen):
            return self._structured(chosen, schema, required, named, f"{place}/schema")
        if chosen in FORMS:
            made = self._structured(chosen, schema, required, named, f"{place}/schema")
            encoding = objects(media, "encoding", place)
            return replace(made, properties=tuple(self._encoded(one, made, encoding, place) for one in made.properties))
        if is_text(chosen):
            return ir.BodySpec(_sendable(chosen, "text/plain"), ir.STR, required)
        return ir.BodySpec(_sendable(chosen, FILE), ir.BYTES, required)

    def _structured(
        self, content_type: str, schema: Json, required: bool, owner: DeclarationPlace, pointer: str
    ) -> ir.BodySpec:
        made = self._schemas.convert(schema, owner, pointer)
        if content_type not in FORMS and self._schemas.with_bytes(made) == ir.BYTES:
            return ir.BodySpec(_sendable(content_type, FILE), ir.BYTES, required)  # a file, whatever the type says
        model = self._schemas.model(made)
        content_type = _sendable(content_type, "application/json")
        if model is None:
            return ir.BodySpec(content_type, made, required)
        properties = tuple(self._property(field) for field in model.fields)
        return ir.BodySpec(content_type, made, required, flat=True, properties=properties)

    def _encoded(self, prop: ir.Argument, body: ir.BodySpec, encoding: dict[str, Json], pointer: str) -> ir.Argument:
        """A property of a form with what the document says of how it is written."""
        part_encoding = encoding.get(prop.wire, {})
        content_type, style, explode = (
            part_encoding.get("contentType"),
            part_encoding.get("style"),
            part_encoding.get("explode"),
        )
        if body.content_type == FORMS[0]:
            # a list of types is what a file may be; its own type is guessed from its name
            only = isinstance(content_type, str) and "," not in content_type and "*" not in content_type
            return replace(prop, content_type=content_type if only else None)
        if isinstance(content_type, str) and is_json(content_type):
            return replace(prop, content_type="application/json")
        if style in _FORM_STYLES or isinstance(explode, bool):
            return replace(
                prop,
                style=style if style in _FORM_STYLES else "form",
                explode=explode if isinstance(explode, bool) else style in (None, "form"),
            )
        if style is not None:
            self._findings.add(
                "style", f"{pointer}/encoding/{escaped(prop.wire)}", f"{style!r} is not a style: ignored"
            )
        if self._schemas.is_plain(prop.type) or isinstance(prop.type, ir.ListOf):
            return prop
        return replace(prop, style="form", explode=True)

    def _property(self, field: ir.FieldSpec) -> ir.Argument:
        made = self._schemas.with_bytes(field.type)
        return ir.Argument(
            name=field.name,
            wire=field.wire,
            where="body",
            type=made.inner if isinstance(made, ir.Nullable) else made,
            required=field.required and not field.read_only,
            nullable=isinstance(made, ir.Nullable) or made == ir.NONE,
            limits=field.limits,
            default=field.default,
            deprecated=field.deprecated,
            values=self._schemas.values(made),
        )
