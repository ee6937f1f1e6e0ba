"""The intermediate form: types, declarations and operations, free of JSON and of text layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Primitive:
    """`str int float bool bytes datetime date None Any`."""

    name: str


@dataclass(frozen=True)
class Enum:
    """Known values of an open set; `base` is the primitive that every value has."""

    values: tuple[Any, ...]
    base: str


@dataclass(frozen=True)
class ValueConstraints:
    """What the document says of a value beyond its type."""

    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __bool__(self) -> bool:
        return self != ValueConstraints()


@dataclass(frozen=True)
class ListOf:
    item: Type
    limits: ValueConstraints = field(default=ValueConstraints(), compare=False)
    """Of each element."""


@dataclass(frozen=True)
class DictOf:
    value: Type
    limits: ValueConstraints = field(default=ValueConstraints(), compare=False)
    """Of each value."""


@dataclass(frozen=True)
class Ref:
    """A declaration of a models domain."""

    domain: str
    name: str

    @property
    def dotted(self) -> str:
        return f"{self.domain}.{self.name}"


@dataclass(frozen=True)
class Nullable:
    inner: Type


@dataclass(frozen=True)
class Either:
    """A union that msgspec decodes itself: of different JSON types, at most one of them an array."""

    options: tuple[Type, ...]


Type: TypeAlias = Primitive | Enum | ListOf | DictOf | Ref | Nullable | Either

STR, INT, FLOAT, BOOL = Primitive("str"), Primitive("int"), Primitive("float"), Primitive("bool")
BYTES, NONE, ANY = Primitive("bytes"), Primitive("None"), Primitive("Any")
DATETIME, DATE = Primitive("datetime"), Primitive("date")


@dataclass(frozen=True)
class FieldSpec:
    """A property of a model: `name` is the attribute."""

    name: str
    wire: str
    type: Type
    required: bool
    limits: ValueConstraints = ValueConstraints()
    default: Any = None
    deprecated: bool = False
    read_only: bool = False
    """Answers have it, requests do not."""
    write_only: bool = False
    """Requests have it, answers do not."""


@dataclass
class ModelSpec:
    """A struct. `closed`: the document allows no further properties."""

    domain: str
    name: str
    pointer: str
    fields: tuple[FieldSpec, ...] = ()
    closed: bool = False
    schema: str | None = None
    """Name of the schema in the document, `None` for inline objects."""
    deprecated: bool = False


@dataclass
class Alias:
    """Another name of a type that is not a struct."""

    domain: str
    name: str
    pointer: str
    type: Type
    schema: str | None = None
    plan: tuple[tuple[int, Test], ...] = ()
    """For lists and mappings of models: which JSON is one at all."""


@dataclass(frozen=True)
class Discriminator:
    """The property that names the variant, and for each variant the values that stand for it."""

    wire: str
    values: tuple[tuple[str, ...], ...]


@dataclass
class Union:
    """Several variants of which at least one is an object; `plan` is filled by `unions`."""

    domain: str
    name: str
    pointer: str
    variants: tuple[Type, ...]
    schema: str | None = None
    discriminator: Discriminator | None = None
    plan: tuple[tuple[int, Test], ...] = ()


Test: TypeAlias = tuple[Any, ...]
"""`("const", key, values)`, `("keys", keys)`, `("some", keys)`, `("only", keys)`, `("in", key, test)`,
`("kind", name)`, `("all", tests)`, `("any",)`: what must hold of a JSON value for a variant to be tried."""

Declaration: TypeAlias = ModelSpec | Alias | Union


@dataclass(frozen=True)
class Argument:
    """A parameter or a body property: the argument's name, the wire name, and what is known of the value."""

    name: str
    wire: str
    where: str
    type: Type
    required: bool
    nullable: bool = False
    limits: ValueConstraints = ValueConstraints()
    default: Any = None
    deprecated: bool = False
    values: tuple[Any, ...] = ()
    style: str | None = None
    """How several values become text, where that is not the usual way of the place."""
    explode: bool | None = None
    content_type: str | None = None
    """Of a part of a form, or of a parameter that is written as a document of its own."""


@dataclass(frozen=True)
class BodySpec:
    """A request body."""

    content_type: str
    type: Type
    required: bool
    flat: bool = False
    properties: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class ResultSpec:
    """One documented success of an operation."""

    status: int
    """0: every success that no other one names."""
    type: Type
    content_type: str | None
    envelope: tuple[str, Type] | None = None
    """Where the type is an envelope, as the configuration describes them: the property with what the caller wants, and
    its type."""


@dataclass(frozen=True)
class PagingSpec:
    """How a list is paged. Names are those on the wire; `None`: the document has none."""

    item: Type
    limit: str | None = None
    skip: str | None = None
    page: str | None = None
    cursor: str | None = None
    default_limit: int | None = None
    max_limit: int | None = None
    totals: bool = False
    items: str | None = None
    """The property with the items, as a path with dots; `None`: the body is the array."""
    total: str | None = None
    has_more: str | None = None
    next_cursor: str | None = None
    link: bool = False
    first_page: int = 1

    @property
    def followed(self) -> bool:
        """Whether the runtime asks for the pages after the first."""
        numbered = self.skip is not None or self.page is not None
        return numbered or self.link or self.cursor is not None


@dataclass
class OperationSpec:
    """An operation of the document, with the names that its method gets."""

    operation_id: str
    pointer: str
    method: str
    path: str
    tag: str
    group: str
    name: str
    arguments: tuple[Argument, ...]
    body: BodySpec | None
    results: tuple[ResultSpec, ...]
    errors: tuple[int, ...]
    error_types: tuple[tuple[str, tuple[int, ...]], ...]
    """Types of JSON bodies that errors have, with their statuses; 4 and 5 mean all others from 400 or 500 on, 0 all
    that remain."""
    paging: PagingSpec | None
    deprecated: bool
    removed_upstream: bool
    secured: bool


@dataclass(frozen=True)
class RedirectSpec:
    """A route without an operation id, which redirects to another one."""

    method: str
    path: str
    tag: str
    removed_upstream: bool


@dataclass(frozen=True)
class PagingParameters:
    """What the parameters of pages are called on the wire, in most lists of an API."""

    limit: str = "limit"
    skip: str = "skip"
    page: str = "page"


@dataclass(frozen=True)
class Server:
    """A base URL. Variables stand in braces: for each its default and the values it may have (none: any)."""

    url: str
    variables: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class SecurityScheme:
    """One way to prove who calls."""

    name: str
    kind: str
    """`bearer`, `basic`, `apiKey`, `clientCredentials`, or what the document says where the runtime knows none of
    them."""
    where: str | None = None
    """Of an API key: `header`, `query` or `cookie`."""
    wire: str | None = None
    """Of an API key: its name there."""
    token_url: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass
class Surface:
    """Everything that is rendered."""

    title: str
    version: str
    sha256: str
    declarations: dict[str, dict[str, Declaration]] = field(default_factory=dict[str, dict[str, "Declaration"]])
    """By domain, then by name."""
    operations: list[OperationSpec] = field(default_factory=list["OperationSpec"])
    redirects: list[RedirectSpec] = field(default_factory=list["RedirectSpec"])
    servers: tuple[Server, ...] = ()
    schemes: tuple[SecurityScheme, ...] = ()
    """Those that operations demand, the most demanded one first."""
    paging_names: PagingParameters = PagingParameters()
