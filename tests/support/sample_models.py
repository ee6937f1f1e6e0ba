"""A small domain with everything that makes decoding hard, in the form that the generator writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import field

from mittwald_async.runtime.structs import (
    UNSET,
    Constraints,
    Date,
    DateTime,
    Model,
    UnionStandIn,
    Unknown,
    UnsetType,
    union_lookup,
)

Status: TypeAlias = Literal["pending", "ready"] | str


class Owner(Model, frozen=True):
    id: str


class Site(Model, frozen=True):
    id: str
    created_at: DateTime = field(name="createdAt")
    status: Status
    owner: Owner | None = None
    born: Date | None = None
    note: str | UnsetType | None = UNSET
    count: int | None = None
    share: int | float | None = None
    tags: list[str] | None = None
    labels: dict[str, Owner] | None = None
    extra: Any = None


class Folder(Model, frozen=True):
    name: str
    folders: list[Folder] | None = None


class Auto(Model, frozen=True):
    auto: bool


class Seconds(Model, frozen=True):
    seconds: int


class Unset(Model, frozen=True):
    pass


class Mail(Model, frozen=True):
    entries: list[str]
    ttl: _Ttl


class Managed(Model, frozen=True):
    managed: bool
    seconds: int | None = None


class Message(Model, frozen=True):
    type: Literal["MESSAGE"]
    text: str
    at: DateTime


class Changed(Model, frozen=True):
    type: Literal["UPDATE"]
    reason: Literal["created"]
    who: Owner


class Other(Model, frozen=True):
    type: Literal["UPDATE"]
    reason: str


class Lower(Model, frozen=True):
    ram: int | None = None
    cpu: int | None = None


class Machine(Model, frozen=True):
    machine: str | None = None


class Zone(Model, frozen=True):
    id: str
    record: _Record
    ttl: _Ttl | None = None
    spec: _Spec | None = None


class Level(Model, frozen=True):
    level: Literal[1, 2]


class Flag(Model, frozen=True):
    level: Literal[True]


class Leaf(Model, frozen=True):
    leaf: int


class Branch(Model, frozen=True):
    left: _Tree
    more: list[_Tree] | None = None
    named: dict[str, _Tree] | None = None
    folder: Chain | None = None


class Pair(Model, frozen=True):
    first: _Couple
    second: _Couple | None = None


class Chain(Model, frozen=True):
    name: str
    tree: _Tree | None = None
    next: Chain | None = None


class Hub(Model, frozen=True):
    hub: Chain


class Kind(Model, frozen=True):
    kind: str
    ttl: _Ttl | None = None


class Rest(Model, frozen=True):
    kind: str
    rest: int


class Second(Kind, frozen=True):
    pass


class Third(Kind, frozen=True):
    pass


class Fourth(Kind, frozen=True):
    pass


class Fifth(Kind, frozen=True):
    pass


class Sixth(Kind, frozen=True):
    pass


class Switched(Model, frozen=True):
    kind: str
    on: bool


class Timed(Model, frozen=True):
    kind: str
    at: DateTime


class Preview(Model, frozen=True):
    total: int


class DetailedPreview(Model, frozen=True):
    machine: int
    storage: int
    total: int


class Narrow(Model, frozen=True):
    name: str


class WideBox(Model, frozen=True):
    name: str
    wide: int | None = None


class BoxOne(Model, frozen=True):
    box: Narrow


class BoxTwo(Model, frozen=True):
    box: WideBox


if TYPE_CHECKING:
    Box: TypeAlias = BoxOne | BoxTwo | Unknown
    Limited: TypeAlias = Owner | str | list[Annotated[str, Constraints(min_length=1)]] | Unknown
    AnyPreview: TypeAlias = Preview | DetailedPreview | Unknown
    Tree: TypeAlias = Leaf | Branch | Hub | Unknown
    Moment: TypeAlias = Switched | Timed | Unknown
    Wide: TypeAlias = Kind | Second | Third | Fourth | Fifth | Sixth | Switched | Timed | Rest | Unknown
    Couple: TypeAlias = Leaf | Pair | Unknown
    Inside: TypeAlias = Hub | Branch | Unknown
    Ttl: TypeAlias = Auto | Seconds | Unknown
    Record: TypeAlias = Unset | Mail | Managed | Unknown
    Update: TypeAlias = Changed | Other | Unknown
    Event: TypeAlias = Message | Changed | Other | Unknown
    Spec: TypeAlias = Lower | Machine | Unknown
    Mixed: TypeAlias = Owner | list[Owner] | str | Unknown
    Graded: TypeAlias = Level | Flag | Unknown
    Boxed: TypeAlias = list[Auto] | list[Seconds] | Unknown
    _AnyPreview: TypeAlias = AnyPreview
    _Tree: TypeAlias = Tree
    _Moment: TypeAlias = Moment
    _Wide: TypeAlias = Wide
    _Couple: TypeAlias = Couple
    _Inside: TypeAlias = Inside
    _Ttl: TypeAlias = Ttl
    _Record: TypeAlias = Record
    _Update: TypeAlias = Update
    _Event: TypeAlias = Event
    _Spec: TypeAlias = Spec
    _Mixed: TypeAlias = Mixed
    _Graded: TypeAlias = Graded
    _Boxed: TypeAlias = Boxed
    _Box: TypeAlias = Box
    _Limited: TypeAlias = Limited
else:

    class _Box(UnionStandIn):
        variants = ("BoxOne", "BoxTwo")
        plan = ((0, ("keys", ("box",))), (1, ("keys", ("box",))))

    class _Limited(UnionStandIn):
        variants = ("Owner", "str", "list[Annotated[str, Constraints(min_length=1)]]")
        plan = ((0, ("keys", ("id",))), (1, ("kind", "string")), (2, ("kind", "array")))

    class _AnyPreview(UnionStandIn):
        variants = ("Preview", "DetailedPreview")
        plan = ((1, ("keys", ("machine", "storage", "total"))), (0, ("keys", ("total",))))

    class _Tree(UnionStandIn):
        variants = ("Leaf", "Branch", "Hub")
        plan = ((0, ("keys", ("leaf",))), (1, ("keys", ("left",))), (2, ("keys", ("hub",))))

    class _Moment(UnionStandIn):
        variants = ("Switched", "Timed")
        plan = ((0, ("keys", ("on",))), (1, ("keys", ("at",))))

    class _Wide(UnionStandIn):
        variants = ("Kind", "Second", "Third", "Fourth", "Fifth", "Sixth", "Moment", "Rest")
        plan = (
            (0, ("const", "kind", ("first", "also first"))),
            (1, ("const", "kind", ("second",))),
            (2, ("const", "kind", ("third",))),
            (3, ("const", "kind", ("fourth",))),
            (4, ("const", "kind", ("fifth",))),
            (5, ("const", "kind", ("sixth",))),
            (6, ("const", "kind", ("moment",))),
            (7, ("keys", ("rest",))),
        )

    class _Couple(UnionStandIn):
        variants = ("Leaf", "Pair")
        plan = ((0, ("keys", ("leaf",))), (1, ("keys", ("first",))))

    class _Inside(UnionStandIn):
        variants = ("Hub", "Branch")
        plan = (
            (0, ("all", (("kind", "object"), ("in", "hub", ("keys", ("name",)))))),
            (1, ("in", "more", ("some", ("leaf", "left")))),
        )

    class _Ttl(UnionStandIn):
        variants = ("Auto", "Seconds")
        plan = ((0, ("keys", ("auto",))), (1, ("keys", ("seconds",))))

    class _Record(UnionStandIn):
        variants = ("Unset", "Mail", "Managed")
        plan = ((1, ("keys", ("entries", "ttl"))), (2, ("keys", ("managed",))), (0, ("only", ())))

    class _Update(UnionStandIn):
        variants = ("Changed", "Other")
        plan = ((0, ("const", "reason", ("created",))), (1, ("keys", ("type", "reason"))))

    class _Event(UnionStandIn):
        variants = ("Message", "Update")
        plan = ((0, ("const", "type", ("MESSAGE",))), (1, ("const", "type", ("UPDATE",))))

    class _Spec(UnionStandIn):
        variants = ("Lower", "Machine")
        plan = ((1, ("some", ("machine",))), (0, ("any",)))

    class _Mixed(UnionStandIn):
        variants = ("Owner", "list[Owner]", "str")
        plan = (
            (0, ("all", (("kind", "object"), ("keys", ("id",))))),
            (1, ("kind", "array")),
            (2, ("kind", "string")),
        )

    class _Graded(UnionStandIn):
        variants = ("Level", "Flag")
        plan = ((0, ("const", "level", (1, 2))), (1, ("const", "level", (True,))))

    class _Boxed(UnionStandIn):
        variants = ("list[Auto]", "list[Seconds]")
        plan = ((0, ("all", (("kind", "array"),))), (1, ("kind", "array")))

    __getattr__ = union_lookup(__name__)
