"""What the core and the stateful handlers say to each other.

The core routes, authenticates, checks the request, then runs the operation's handler:

    @handles("project-get-project")
    def get_project(call: Call) -> Reply:
        return Value(call.world.project(call.path["projectId"], call.identity))

A handler is a plain function: no waiting, no HTTP. It works with plain JSON values; a value that is already JSON is a
`msgspec.Raw`. Operations without a handler get generated, stable answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

from ..runtime.operation import Operation
from .clock import EmulatorClock

if TYPE_CHECKING:
    from .state import World


class Lazy(Protocol):
    """A list that may be made while it is read. `list` and `range`-like classes will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Iterable[Any]: ...


class Listing(msgspec.Struct, frozen=True):
    """A list, whole, filtered and ordered; the paging trait cuts the page out and writes the headers. Wrapped lists
    (`{"leads": […]}`) are wrapped by the core as the facts say; further properties go to `extra`."""

    items: Lazy
    extra: dict[str, Any] = {}


class Value(msgspec.Struct, frozen=True):
    """One JSON value. Without a status, the operation's first documented success."""

    data: Any
    status: int | None = None
    headers: dict[str, str] = {}


class Nothing(msgspec.Struct, frozen=True):
    """Success without a body."""

    status: int | None = None
    headers: dict[str, str] = {}


class Content(msgspec.Struct, frozen=True):
    """Bytes, as they are; the core answers `Range` requests for them."""

    data: bytes
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = {}
    status: int = 200


class Issue(msgspec.Struct, frozen=True):
    """One complaint of a ValidationError: `path` is where (`body.description`, `limit`), `type` the rule."""

    path: str
    message: str
    type: str = "format"


class Fail(Exception):
    """An error answer; raise it or return it. `refused` is the 412 that is final, told apart by its type."""

    def __init__(self, status: int, type: str, message: str, issues: Iterable[Issue] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
        self.issues: tuple[Issue, ...] = tuple(issues)

    @classmethod
    def not_found(cls, what: str = "resource", id: str = "") -> Fail:
        return cls(404, "NotFound", f"{what} {id} not found".replace("  ", " "))

    @classmethod
    def forbidden(cls, message: str = "access denied; verify the permissions of your token") -> Fail:
        return cls(403, "PermissionDenied", message)

    @classmethod
    def invalid(cls, path: str, message: str, type: str = "format") -> Fail:
        return cls(400, "ValidationError", "request validation failed", (Issue(path, message, type),))

    @classmethod
    def refused(cls, message: str) -> Fail:
        return cls(412, "VError", message)

    @classmethod
    def conflict(cls, message: str) -> Fail:
        return cls(409, "Conflict", message)


Reply: TypeAlias = Listing | Value | Nothing | Content | Fail


class Part(msgspec.Struct, frozen=True):
    """One file of a multipart body."""

    data: bytes
    filename: str | None = None
    content_type: str = "application/octet-stream"


class Identity(msgspec.Struct, frozen=True):
    """Who calls: a user by session or API token, an extension instance, or nobody (routes without security)."""

    kind: Literal["user", "extension", "nobody"]
    user_id: str | None = None
    token_id: str | None = None
    """Id of the session or the API token."""
    extension_instance_id: str | None = None
    project_id: str | None = None
    """The only project an extension instance's token may see."""
    customer_id: str | None = None
    read_only: bool = False


class Write(msgspec.Struct, frozen=True):
    """What a handler says of its write beyond what the core sees by itself."""

    project_id: str | None = None
    customer_id: str | None = None
    created: tuple[str, ...] = ()


class Token(msgspec.Struct, kw_only=True):
    """A secret that opens doors, and what is told about it."""

    secret: str
    id: str
    """Session id, API token id, retrieval key id."""
    kind: Literal["session", "api", "extension", "key"]
    identity: Identity
    created: float
    expires: float | None = None
    """Unix seconds."""
    refresh: str | None = None
    description: str = ""
    roles: tuple[str, ...] = ()


class Tokens(Protocol):
    """The tokens of one emulator. Sessions and API tokens are listed, made and revoked through it."""

    def issue(
        self,
        kind: Literal["session", "api", "extension", "key"],
        identity: Identity,
        *,
        seconds: float | None = None,
        description: str = "",
        roles: Iterable[str] = (),
    ) -> Token:
        """Make one; `identity.token_id` is set to the new id."""
        ...

    def of(self, user_id: str, kind: Literal["session", "api"]) -> list[Token]:
        """A user's living tokens, oldest first."""
        ...

    def get(self, token_id: str) -> Token | None: ...

    def revoke(self, token_id: str) -> bool:
        """False: there was none."""
        ...


class Account(msgspec.Struct, frozen=True):
    """What login needs to know of a user."""

    user_id: str
    email: str
    password: str
    mfa_code: str | None = None
    """Set: login asks for a second factor, and this is it."""


class Call:
    """One request that passed all checks."""

    __slots__ = (
        "body",
        "clock",
        "generated",
        "headers",
        "identity",
        "operation",
        "path",
        "pure",
        "query",
        "quiet",
        "tokens",
        "world",
        "write",
    )

    def __init__(
        self,
        *,
        operation: Operation[Any],
        path: Mapping[str, str],
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: Any,
        identity: Identity,
        world: World,
        tokens: Tokens,
        clock: EmulatorClock,
        generated: Callable[..., Any],
    ) -> None:
        self.operation: Operation[Any] = operation
        self.path: Mapping[str, str] = path
        """By wire name."""
        self.query: Mapping[str, Any] = query
        """By wire name, converted: int, float, bool, str, list. Only what was sent."""
        self.headers: Mapping[str, str] = headers
        """By lower-case name."""
        self.body: Any = body
        """JSON values; `UNSET` if none; multipart: dict of str and Part; anything else: bytes."""
        self.identity: Identity = identity
        self.world: World = world
        self.tokens: Tokens = tokens
        self.clock: EmulatorClock = clock
        self.generated: Callable[..., Any] = generated
        """`call.generated("project.Project", *key, **known)`: a value of that type, stable for this seed and key, with
        the given top-level properties by wire name (a dict may be given as `known=`)."""
        self.write: Write | None = None
        self.pure: bool = operation.method == "GET" or operation.paging is not None
        """True: nothing was changed, so no event is made. Set it in POSTs that only read."""
        self.quiet: bool = False
        """True: the emulator itself looks, to remember how things were; not a read that counts."""

    def wrote(
        self, *, project_id: str | None = None, customer_id: str | None = None, created: Iterable[str] = ()
    ) -> None:
        """Tell what the write touched, where path and answer do not (`projectId` in the path and `id` in a 201 do)."""
        self.pure = False
        self.write = Write(project_id, customer_id, tuple(created))


Handler: TypeAlias = Callable[[Call], Reply]
HANDLERS: dict[str, Handler] = {}


def handles(*operation_ids: str) -> Callable[[Handler], Handler]:
    """Register a handler. Registering an id twice is a mistake and raises ValueError."""

    def register(handler: Handler) -> Handler:
        for operation_id in operation_ids:
            if operation_id in HANDLERS:
                raise ValueError(f"{operation_id} has a handler already")
            HANDLERS[operation_id] = handler
        return handler

    return register
