"""A small domain with everything that makes decoding hard; the same shapes the generator writes."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import field

from mittwald_async.runtime.structs import UNSET, Model, UnionStandIn, Unknown, UnsetType

Status: TypeAlias = Literal["pending", "ready"] | str


class Owner(Model, frozen=True):
    id: str


class Site(Model, frozen=True):
    id: str
    created_at: datetime = field(name="createdAt")
    status: Status
    owner: Owner | None = None
    born: date | None = None
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
    ttl: Ttl


class Managed(Model, frozen=True):
    managed: bool
    seconds: int | None = None


class Message(Model, frozen=True):
    type: Literal["MESSAGE"]
    text: str
    at: datetime


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
    record: Record
    ttl: Ttl | None = None
    spec: Spec | None = None


class Level(Model, frozen=True):
    level: Literal[1, 2]


class Flag(Model, frozen=True):
    level: Literal[True]


class Leaf(Model, frozen=True):
    leaf: int


class Branch(Model, frozen=True):
    left: Tree
    more: list[Tree] | None = None
    named: dict[str, Tree] | None = None
    folder: Chain | None = None


class Pair(Model, frozen=True):
    first: Couple
    second: Couple | None = None


class Chain(Model, frozen=True):
    name: str
    tree: Tree | None = None
    next: Chain | None = None


class Hub(Model, frozen=True):
    hub: Chain


class Kind(Model, frozen=True):
    kind: str
    ttl: Ttl | None = None


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
    at: datetime


class Preview(Model, frozen=True):
    total: int


class DetailedPreview(Model, frozen=True):
    machine: int
    storage: int
    total: int


if TYPE_CHECKING:
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
else:

    class AnyPreview(UnionStandIn):
        variants = ("Preview", "DetailedPreview")
        plan = ((1, ("keys", ("machine", "storage", "total"))), (0, ("keys", ("total",))))

    class Tree(UnionStandIn):
        variants = ("Leaf", "Branch", "Hub")
        plan = ((0, ("keys", ("leaf",))), (1, ("keys", ("left",))), (2, ("keys", ("hub",))))

    class Moment(UnionStandIn):
        variants = ("Switched", "Timed")
        plan = ((0, ("keys", ("on",))), (1, ("keys", ("at",))))

    class Wide(UnionStandIn):
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

    class Couple(UnionStandIn):
        variants = ("Leaf", "Pair")
        plan = ((0, ("keys", ("leaf",))), (1, ("keys", ("first",))))

    class Inside(UnionStandIn):
        variants = ("Hub", "Branch")
        plan = (
            (0, ("all", (("kind", "object"), ("in", "hub", ("keys", ("name",)))))),
            (1, ("in", "more", ("some", ("leaf", "left")))),
        )

    class Ttl(UnionStandIn):
        variants = ("Auto", "Seconds")
        plan = ((0, ("keys", ("auto",))), (1, ("keys", ("seconds",))))

    class Record(UnionStandIn):
        variants = ("Unset", "Mail", "Managed")
        plan = ((1, ("keys", ("entries", "ttl"))), (2, ("keys", ("managed",))), (0, ("only", ())))

    class Update(UnionStandIn):
        variants = ("Changed", "Other")
        plan = ((0, ("const", "reason", ("created",))), (1, ("keys", ("type", "reason"))))

    class Event(UnionStandIn):
        variants = ("Message", "Update")
        plan = ((0, ("const", "type", ("MESSAGE",))), (1, ("const", "type", ("UPDATE",))))

    class Spec(UnionStandIn):
        variants = ("Lower", "Machine")
        plan = ((1, ("some", ("machine",))), (0, ("any",)))

    class Mixed(UnionStandIn):
        variants = ("Owner", "list[Owner]", "str")
        plan = (
            (0, ("all", (("kind", "object"), ("keys", ("id",))))),
            (1, ("kind", "array")),
            (2, ("kind", "string")),
        )

    class Graded(UnionStandIn):
        variants = ("Level", "Flag")
        plan = ((0, ("const", "level", (1, 2))), (1, ("const", "level", (True,))))

    class Boxed(UnionStandIn):
        variants = ("list[Auto]", "list[Seconds]")
        plan = ((0, ("all", (("kind", "array"),))), (1, ("kind", "array")))
