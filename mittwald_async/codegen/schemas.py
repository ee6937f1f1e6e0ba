"""JSON schemas to types and declarations.

Every schema of the document becomes a declaration in its domain. Inline objects become declarations too, named after
their owner and property. Approximations are reported as findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from . import ir
from .config import Config
from .errors import DocumentError, Findings, escaped
from .json_access import Json, number, objects, size, text
from .json_access import names as texts
from .merge import Merger, is_annotation_only, is_deprecated
from .names import UNSPEAKABLE, class_name, free_name, joined, pascal, singular, snake
from .resolve import SchemaResolver, schema_of

_LONG_ENUM = 64
"""Characters; a longer list of values gets a name of its own."""

_PLAIN_TYPES = {"string": ir.STR, "integer": ir.INT, "number": ir.FLOAT, "boolean": ir.BOOL}
_STRING_FORMATS = {"date-time": ir.DATETIME, "date": ir.DATE, "binary": ir.BYTES}
_IMPLIED_FORMATS = {"date-time", "date", "binary", "int32", "int64", "float", "double"}


@dataclass(frozen=True)
class DeclarationPlace:
    """Where a declaration goes and what it is called if one has to be made."""

    domain: str
    name: str
    exact: bool = False
    """The name is a schema's own and was reserved beforehand."""
    variant: bool = False
    """An alternative of a union, whose known values may become one list with those of another."""
    schema: str | None = None

    def part(self, prop: str) -> DeclarationPlace:
        return DeclarationPlace(self.domain, joined(self.name, prop))


class Schemas:
    """All types of one document. Ask `convert` for a type; read `declarations` when everything has been asked."""

    def __init__(self, root: Json, config: Config, findings: Findings) -> None:
        self.findings: Findings = findings
        self._keep_free = config.free_properties == "keep"
        self.resolver: SchemaResolver = SchemaResolver(root)
        self.declarations: dict[str, dict[str, ir.Declaration]] = {}
        self._merger = Merger(self.resolver, findings)
        self._homes: dict[str, DeclarationPlace] = {}
        self._types: dict[str, ir.Type] = {}
        self._working: list[str | None] = []
        """Schemas whose types are being made, `None` for each step into a part (property, element) of one."""
        self._combining: dict[int, DeclarationPlace] = {}
        """Owners of the `allOf` in progress, by the identity of their JSON."""
        self._promised: dict[int, str] = {}
        """Names given to such owners, perhaps before there is a declaration, because something inside refers back."""
        self._taken: dict[str, set[str]] = {}
        self._place_components(config)

    # ---- named schemas ----

    def _place_components(self, config: Config) -> None:
        seen: dict[tuple[str, str], str] = {}
        for name in self.resolver.schemas:
            pointer = self.resolver.schema_pointer(name)
            domain, _, last = config.schema_name(name).rpartition(".")
            wanted = class_name(last)
            home = snake(domain) if domain else config.default_domain
            taken = self._taken.setdefault(home, set[str]())
            free = free_name(wanted, [f"{wanted}Schema"], taken)
            if free != wanted:
                note = f"called {home}.{free}: {seen[home, wanted]!r} is called {home}.{wanted} already"
                self.findings.add("renamed", pointer, note)
            seen[home, free] = name
            self._homes[name] = DeclarationPlace(home, free, exact=True, schema=name)
            taken.add(free)

    @property
    def domains(self) -> Sequence[str]:
        """Where named schemas go, sorted."""
        return sorted({home.domain for home in self._homes.values()})

    def convert_components(self) -> None:
        """Make the declarations of all named schemas."""
        for name in self._homes:
            self.named(name)

    def named(self, name: str) -> ir.Type:
        """The type of a named schema: a reference, or its content if it is only a container."""
        found = self._types.get(name)
        if found is not None:
            return found
        home = self._homes[name]
        reference = ir.Ref(home.domain, home.name)
        if name in self._working:
            if None not in self._working[self._working.index(name) :]:
                raise DocumentError("a $ref that leads to itself", self.resolver.schema_pointer(name))
            may_be_null = self._merger.allows_null(self.resolver.schemas[name], self.resolver.schema_pointer(name))
            return nullable(reference) if may_be_null else reference
        self._working.append(name)
        pointer = self.resolver.schema_pointer(name)
        made = self.convert(self.resolver.schemas[name], home, pointer)
        self._working.pop()
        inner = made.inner if isinstance(made, ir.Nullable) else made
        if home.name not in self.declarations.get(home.domain, {}):
            inner = self._unnamed(inner)
            self._declare(ir.Alias(home.domain, home.name, pointer, inner, schema=name))
            # a list or mapping is spelled out where it is used: msgspec then sees it without a detour; what may be
            # anything or null is, too, as an optional property of it is not written `| None`
            result = (
                reference if isinstance(inner, ir.Primitive | ir.Enum) and inner not in (ir.ANY, ir.NONE) else inner
            )
        else:
            result = reference
        self._types[name] = ir.Nullable(result) if isinstance(made, ir.Nullable) else result
        return self._types[name]

    def _declare(self, declaration: ir.Declaration) -> ir.Ref:
        self.declarations.setdefault(declaration.domain, {})[declaration.name] = declaration
        return ir.Ref(declaration.domain, declaration.name)

    def name_for(self, owner: DeclarationPlace) -> str:
        """The owner's name, or a free one near it; it is taken from now on."""
        if owner.exact:
            return owner.name
        if id(owner) in self._promised:
            return self._promised[id(owner)]
        taken = self._taken.setdefault(owner.domain, set[str]())
        name = free_name(owner.name, [f"{owner.name}Inline"], taken)
        taken.add(name)
        if any(owner is whole for whole in self._combining.values()):
            self._promised[id(owner)] = name
        return name

    # ---- any schema ----

    def convert(self, schema: object, owner: DeclarationPlace, pointer: str) -> ir.Type:
        """The type of a schema; declarations for inline objects, unions and long enums are made on the way."""
        merged = self._merger.normal(schema, pointer)
        if merged is schema or "$ref" in merged:
            made = self._plain(merged, owner, pointer)
        else:
            made = self._combined(id(schema), merged, owner, pointer)
        return nullable(made) if merged.get("nullable") is True else made

    def _part(self, schema: object, owner: DeclarationPlace, pointer: str) -> ir.Type:
        """The type of what is inside: a schema may come back to itself there."""
        self._working.append(None)
        made = self.convert(schema, owner, pointer)
        self._working.pop()
        return made

    def _element(self, schema: Json, owner: DeclarationPlace, pointer: str) -> tuple[ir.Type, ir.ValueConstraints]:
        return self._part(schema, owner, pointer), self.limits(schema, pointer)

    def _combined(self, source: int, merged: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        """The type of several schemas put together. Their properties were copied here, so a part that refers to the
        whole would be copied without end; it becomes a reference to what is being made."""
        if source in self._combining:
            whole = self._combining[source]
            return ir.Ref(whole.domain, self.name_for(whole))
        self._combining[source] = owner
        made = self._plain(merged, owner, pointer)
        del self._combining[source]
        promised = self._promised.pop(id(owner), None)
        if promised is not None and promised not in self.declarations.get(owner.domain, {}):
            return self._declare(ir.Alias(owner.domain, promised, pointer, made))
        return made

    def _plain(self, schema: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        if "$ref" in schema:
            name = self.resolver.schema_name(schema["$ref"], pointer)
            return self.named(name)
        if "not" in schema:
            self.findings.add("not", pointer, "what a value must not be is not checked")
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return self._union(schema, word, owner, pointer)
        if "enum" in schema:
            return self._enum(schema, owner, pointer)
        return self._by_type(schema, owner, pointer)

    def _by_type(self, schema: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        kind = self._kind(schema, pointer)
        if kind == "object":
            return self._object(schema, owner, pointer)
        if kind == "array":
            inner = DeclarationPlace(owner.domain, owner.name + "Item" if owner.exact else singular(owner.name))
            return ir.ListOf(*self._element(schema.get("items", {}), inner, f"{pointer}/items"))
        if kind == "string":
            return _STRING_FORMATS.get(text(schema, "format", pointer) or "", ir.STR)
        return _PLAIN_TYPES.get(kind, ir.ANY)

    def _kind(self, schema: Json, pointer: str) -> str:
        kind = schema.get("type")
        if isinstance(kind, str) and kind in {"object", "array", "string", "integer", "number", "boolean"}:
            return kind
        if kind is not None:
            self.findings.add("type", pointer, f"unknown type {kind!r} is read as any JSON value")
            return "any"
        if "properties" in schema or "additionalProperties" in schema:
            return "object"
        if "items" in schema:
            return "array"
        if text(schema, "format", pointer) in _STRING_FORMATS:
            self.findings.add("type", pointer, f"no type, but format {schema['format']}: read as a string")
            return "string"
        return "any"

    # ---- objects ----

    def _object(self, schema: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        properties = objects(schema, "properties", pointer)
        extra = schema.get("additionalProperties")
        if not properties and extra is not False:
            if isinstance(extra, dict) and extra:
                value = DeclarationPlace(owner.domain, owner.name + "Value" if owner.exact else singular(owner.name))
                return ir.DictOf(*self._element(cast(Json, extra), value, f"{pointer}/additionalProperties"))
            return ir.DictOf(ir.ANY)
        if any(UNSPEAKABLE.search(name) for name in properties):
            self.findings.add("names", pointer, "no field can be called like one of the properties: a plain mapping")
            return ir.DictOf(ir.ANY)
        if properties and isinstance(extra, dict) and extra:
            return self._mixed([*properties.values(), cast(Json, extra)], pointer)
        if properties and extra is not None and extra is not False:
            if self._keep_free:
                return self._mixed([*properties.values(), {}], pointer)
            self.findings.add("free", pointer, "properties that are not declared are ignored, as everywhere")
        model = ir.ModelSpec(owner.domain, self.name_for(owner), pointer, schema=owner.schema)
        model.closed = extra is False
        model.deprecated = schema.get("deprecated") is True
        reference = self._declare(model)
        model.fields = self._fields(schema, properties, DeclarationPlace(owner.domain, model.name), pointer)
        return reference

    def _mixed(self, parts: list[Json], pointer: str) -> ir.Type:
        """Declared and free properties together: a mapping, so that none is lost. A struct would have to keep what it
        does not declare beside itself, and msgspec has no place for that."""
        self.findings.add(
            "mixed", pointer, "declared and free properties together: a plain mapping, so that none is lost"
        )
        whole = [self._merger.whole(part, pointer) for part in parts]
        kinds = {str(part.get("type")) for part in whole}
        alike = len(kinds) == 1 and not any(part.get("nullable") for part in whole)
        return ir.DictOf(_PLAIN_TYPES.get(kinds.pop(), ir.ANY) if alike else ir.ANY)

    def _fields(
        self, schema: Json, properties: dict[str, Json], owner: DeclarationPlace, pointer: str
    ) -> tuple[ir.FieldSpec, ...]:
        required = set(texts(schema, "required", pointer))
        for name in sorted(required - set(properties)):
            self.findings.add("required", pointer, f"{name!r} is required but declared nowhere: left out")
        attributes = attribute_names(properties)
        fields: list[ir.FieldSpec] = []
        for wire, part in properties.items():
            place = f"{pointer}/properties/{escaped(wire)}"
            made = self._part(part, owner.part(wire), place)
            fields.append(
                ir.FieldSpec(
                    name=attributes[wire],
                    wire=wire,
                    type=made,
                    required=wire in required,
                    limits=self.limits(part, place),
                    default=part.get("default"),
                    deprecated=is_deprecated(part),
                    read_only=self._merger.says(part, "readOnly", place),
                    write_only=self._merger.says(part, "writeOnly", place),
                )
            )
        return tuple(fields)

    def limits(self, schema: Json, pointer: str) -> ir.ValueConstraints:
        """Format, range and lengths; those of a referenced schema too."""
        schema = self._merger.whole(schema, pointer)
        form = text(schema, "format", pointer)
        return ir.ValueConstraints(
            format=None if form in _IMPLIED_FORMATS else form,
            minimum=number(schema, "minimum", pointer),
            maximum=number(schema, "maximum", pointer),
            min_length=size(schema, ("minLength", "minItems"), pointer),
            max_length=size(schema, ("maxLength", "maxItems"), pointer),
            pattern=text(schema, "pattern", pointer),
        )

    def is_plain(self, made: ir.Type) -> bool:
        """Whether every value of a type is one text, number or truth value."""
        if isinstance(made, ir.Nullable):
            return self.is_plain(made.inner)
        if isinstance(made, ir.Either):
            return all(map(self.is_plain, made.options))
        plain = self._unnamed(made)
        return isinstance(plain, ir.Enum) or (isinstance(plain, ir.Primitive) and plain != ir.ANY)

    def with_bytes(self, made: ir.Type) -> ir.Type:
        """The type with bytes where it names an alias of them."""
        match made:
            case ir.ListOf():
                return ir.ListOf(self.with_bytes(made.item), made.limits)
            case ir.Nullable():
                return ir.Nullable(self.with_bytes(made.inner))
            case _:
                return ir.BYTES if self._unnamed(made) == ir.BYTES else made

    def model(self, made: ir.Type) -> ir.ModelSpec | None:
        """The struct that a type is, if it is one."""
        if isinstance(made, ir.Ref):
            found = self.declarations.get(made.domain, {}).get(made.name)
            return found if isinstance(found, ir.ModelSpec) else None
        return None

    def values(self, made: ir.Type) -> tuple[Any, ...]:
        """The known values of a type that is an open enum."""
        if isinstance(made, ir.Nullable):
            return self.values(made.inner)
        plain = self._unnamed(made)
        return plain.values if isinstance(plain, ir.Enum) else ()

    # ---- enums ----

    def _enum(self, schema: Json, owner: DeclarationPlace, pointer: str) -> ir.Type:
        listed: list[Any] = schema["enum"]
        values = [value for value in listed if value is not None]
        with_null = len(values) != len(listed)
        made: ir.Type
        bases = {type(value).__name__ for value in values}
        if bases in ({"str"}, {"int"}, {"bool"}) and not any(_too_large(value) for value in values):
            made = ir.Enum(tuple(dict.fromkeys(values)), bases.pop())
            made = self._named_if_long(made, owner, pointer)
        else:
            rest = {key: value for key, value in schema.items() if key != "enum"}
            made = self._by_type(rest, owner, pointer) if values else ir.NONE
            if values:
                self.findings.add("enum", pointer, "values of this kind are not listed in the type")
        return nullable(made) if with_null else made

    def _named_if_long(self, made: ir.Type, owner: DeclarationPlace, pointer: str) -> ir.Type:
        if owner.exact or owner.variant or not isinstance(made, ir.Enum) or made.base == "bool":
            return made
        if len(", ".join(map(repr, made.values))) <= _LONG_ENUM:
            return made
        return self._declare(ir.Alias(owner.domain, self.name_for(owner), pointer, made))

    # ---- unions ----

    def _union(self, schema: Json, word: str, owner: DeclarationPlace, pointer: str) -> ir.Type:
        alternatives: list[Json] = schema[word]
        if not alternatives:
            raise DocumentError(f"{word} without alternatives", f"{pointer}/{word}")
        if len(alternatives) == 1 and owner.exact and "$ref" not in alternatives[0]:
            return self.convert(alternatives[0], owner, f"{pointer}/{word}/0")
        labels = self._merger.labels(alternatives, pointer)
        tag_values = _tag_values(schema, alternatives)
        name = owner.name
        variants: list[ir.Type] = []
        tags: list[tuple[str, ...]] = []
        with_null = False
        for place, (part, label) in enumerate(zip(alternatives, labels, strict=True)):
            if is_annotation_only(part) and part.get("nullable"):
                with_null = True
                continue
            named = DeclarationPlace(owner.domain, name + pascal(label), variant=True)
            made = self.convert(part, named, f"{pointer}/{word}/{place}")
            if isinstance(made, ir.Nullable):
                with_null, made = True, made.inner
            if made not in variants:
                variants.append(made)
                tags.append(())
            tags[variants.index(made)] += tag_values[place]
        key = schema.get("discriminator", {}).get("propertyName", "") if any(tags) else ""
        made = self._joined(variants, owner, pointer, ir.Discriminator(key, tuple(tags)) if key else None)
        return nullable(made) if with_null else made

    def _joined(
        self, variants: list[ir.Type], owner: DeclarationPlace, pointer: str, discriminator: ir.Discriminator | None
    ) -> ir.Type:
        if not variants:
            return ir.ANY
        plain = [self._unnamed(variant) for variant in variants]
        if ir.ANY in plain:
            self.findings.add("union", pointer, "one alternative is any JSON value, so the whole union is")
            return ir.ANY
        if all(isinstance(variant, ir.Primitive | ir.Enum) for variant in plain):
            return self._named_if_long(native(cast("list[ir.Primitive | ir.Enum]", plain)), owner, pointer)
        name = self.name_for(owner)
        union = ir.Union(owner.domain, name, pointer, tuple(variants), schema=owner.schema, discriminator=discriminator)
        return self._declare(union)

    def _unnamed(self, made: ir.Type) -> ir.Type:
        """The type behind a reference to an alias of a primitive or enum."""
        if isinstance(made, ir.Ref):
            target = self.declarations.get(made.domain, {}).get(made.name)
            if isinstance(target, ir.Alias) and isinstance(target.type, ir.Primitive | ir.Enum):
                return target.type
        return made


def _tag_values(schema: Json, alternatives: Sequence[Json]) -> list[tuple[str, ...]]:
    """For each alternative the values of the discriminator that stand for it: mapped ones, else the schema's name."""
    discriminator = schema.get("discriminator")
    if not discriminator:
        return [()] * len(alternatives)
    by_name: dict[str, list[str]] = {}
    for value, name in discriminator["mapping"].items():
        by_name.setdefault(name, []).append(value)
    names = [str(part.get("x-schema", "")) or schema_of(part) for part in alternatives]
    return [tuple(by_name.get(name, [name.rpartition("/")[2]])) if name else () for name in names]


def native(options: Sequence[ir.Primitive | ir.Enum]) -> ir.Type:
    """A union of primitives as msgspec takes it: one type per JSON kind, known values of one kind put together."""
    values: dict[str, list[Any]] = {}
    free: list[ir.Primitive] = []
    for option in options:
        if isinstance(option, ir.Enum):
            values.setdefault(option.base, []).extend(option.values)
        elif option not in free:
            free.append(option)
    texts = [option for option in free if option.name in {"str", "datetime", "date", "bytes"}]
    if len(texts) > 1 or (texts and "str" in values and texts != [ir.STR]):
        free = [option for option in free if option not in texts] + [ir.STR]
    if ir.FLOAT in free and ir.INT in free:
        free.remove(ir.INT)
    enums = [ir.Enum(tuple(dict.fromkeys(found)), base) for base, found in values.items()]
    made: list[ir.Type] = [*enums, *(option for option in free if option.name not in values)]
    return made[0] if len(made) == 1 else ir.Either(tuple(made))


def _too_large(value: object) -> bool:
    """An integer that msgspec cannot compare with."""
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def nullable(made: ir.Type) -> ir.Type:
    """The type with null as a value; what has it already stays as it is."""
    return made if isinstance(made, ir.Nullable) or made in (ir.ANY, ir.NONE) else ir.Nullable(made)


def attribute_names(properties: dict[str, Json]) -> dict[str, str]:
    """Attribute per wire name. Of several that look alike in snake_case the one in plain camelCase keeps the name;
    the others say that they are old, or get a number."""
    groups: dict[str, list[str]] = {}
    for wire in properties:
        groups.setdefault(snake(wire), []).append(wire)
    names: dict[str, str] = {}
    taken = set(groups)
    for name, wires in groups.items():
        wires.sort(key=lambda wire: (is_deprecated(properties[wire]), _capitals(wire), wire))
        names[wires[0]] = name
        for wire in wires[1:]:
            wanted = f"{name}_deprecated" if is_deprecated(properties[wire]) else f"{name}_as_{wire.lower()}"
            names[wire] = free_name(snake(wanted), [f"{name}_"], taken)
            taken.add(names[wire])
    return names


def _capitals(wire: str) -> int:
    return sum(1 for letter in wire if letter.isupper())
