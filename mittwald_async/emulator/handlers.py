"""What the core and the stateful handlers say to each other.

The core routes, authenticates, checks the request, then runs the operation's handler:

    @handles("project-get-project")
    def get_project(call: Call) -> Reply:
        return shown(call, "project", located(call, "project", "projectId"))

A handler is a plain function: no waiting, no HTTP. Operations without a handler get generated, stable answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from ..runtime.operation import Body, Operation, Parameter, Result
from .clock import EmulatorClock
from .identity import Identity, Tokens
from .replies import Reply
from .state import World


class UploadedPart(msgspec.Struct, frozen=True):
    """One file of a multipart body."""

    data: bytes
    filename: str | None = None
    content_type: str = "application/octet-stream"


class WriteDetails(msgspec.Struct, frozen=True):
    """What a handler reports of its write beyond what the core sees itself."""

    project_id: str | None = None
    customer_id: str | None = None
    created: tuple[str, ...] = ()


class EmulatedCall:
    """One request that passed all checks."""

    __slots__ = (
        "acted",
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
        self.write: WriteDetails | None = None
        self.pure: bool = operation.method == "GET" or operation.paging is not None
        """True: nothing was changed, so no event is made. Set it in POSTs that only read."""
        self.acted: bool = False
        """True: something happened although it was a GET, so it is not to be repeated by looking."""
        self.quiet: bool = False
        """True: the emulator itself looks, to remember how things were; not a read that counts."""

    @property
    def base_url(self) -> str:
        """Where this emulator is reached, for addresses in answers."""
        return f"http://{self.headers.get('host', 'localhost')}"

    def wrote(
        self, *, project_id: str | None = None, customer_id: str | None = None, created: Iterable[str] = ()
    ) -> None:
        """Say what the write touched, where path and answer do not (`projectId` in the path and `id` in a 201 do)."""
        self.pure = False
        self.write = WriteDetails(project_id, customer_id, tuple(created))


Handler: TypeAlias = Callable[[EmulatedCall], Reply]
UNDOCUMENTED: list[Operation[Any]] = []
"""Routes that are not operations of the document: download addresses, webhooks, the metrics proxy."""
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


def serves(method: str, path: str, *, open: bool = True) -> Callable[[Handler], Handler]:
    """Register a handler of a route that is not an operation of the document, such as `/v2/things/{thingId}?token`.
    `open`: it needs no token; otherwise it takes a JSON body."""
    template, _, query = path.partition("?")

    def register(handler: Handler) -> Handler:
        operation: Operation[Any] = Operation(
            operation_id=f"emulator-{method.lower()}-{handler.__name__.replace('_', '-')}",
            method=method,
            path=template,
            group="",
            name=handler.__name__,
            tag="",
            secured=not open,
            parameters=tuple(_text_parameters(template, query)),
            body=None if open else Body(content_type="application/json", type="Any", required=True),
            results=(Result(status=200, type="None"),),
        )
        UNDOCUMENTED.append(operation)
        return handles(operation.operation_id)(handler)

    return register


def _text_parameters(template: str, query: str) -> Iterator[Parameter]:
    for segment in template.split("/"):
        if segment.startswith("{"):
            yield Parameter(name=segment[1:-1], wire=segment[1:-1], where="path", type="str", required=True)
    for name in filter(None, query.split("&")):
        yield Parameter(name=name, wire=name, where="query", type="str")
