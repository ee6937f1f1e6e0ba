"""A server that follows a script byte by byte, and a clock that never waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias

from mittwald_async import Mittwald, Operation
from mittwald_async.runtime.operation import Body, Paging, Parameter, Result
from mittwald_async.runtime.transport.call import Shared

TOKEN = "token-for-tests"

GET_PROJECT: Operation[dict[str, Any]] = Operation(
    operation_id="project-get-project",
    method="GET",
    path="/v2/projects/{projectId}",
    group="project",
    name="get_project",
    tag="Project",
    parameters=(Parameter(name="project_id", wire="projectId", where="path", type="str", required=True),),
    results=(Result(status=200, type="Any", content_type="application/json"),),
)
LIST_PROJECTS: Operation[list[Any]] = Operation(
    operation_id="project-list-projects",
    method="GET",
    path="/v2/projects",
    group="project",
    name="list_projects",
    tag="Project",
    parameters=(Parameter(name="customer_id", wire="customerId", where="query", type="str"),),
    results=(Result(status=200, type="list[Any]", content_type="application/json"),),
    paging=Paging(limit=True, skip=True, page=True, totals=True),
)
CREATE_PROJECT: Operation[dict[str, Any]] = Operation(
    operation_id="project-create-project",
    method="POST",
    path="/v2/servers/{serverId}/projects",
    group="project",
    name="create_project",
    tag="Project",
    parameters=(Parameter(name="server_id", wire="serverId", where="path", type="str", required=True),),
    body=Body(
        content_type="application/json",
        type="Any",
        required=True,
        flat=True,
        properties=(
            Parameter(name="description", wire="description", where="body", type="str", required=True),
            Parameter(name="note", wire="note", where="body", type="str", nullable=True),
            Parameter(name="size", wire="size", where="body", type="int"),
        ),
    ),
    results=(Result(status=201, type="Any", content_type="application/json"),),
)
DELETE_PROJECT: Operation[None] = Operation(
    operation_id="project-delete-project",
    method="DELETE",
    path="/v2/projects/{projectId}",
    group="project",
    name="delete_project",
    tag="Project",
    parameters=(Parameter(name="project_id", wire="projectId", where="path", type="str", required=True),),
    results=(Result(status=204, type="None"),),
)


class Seen(NamedTuple):
    """One request as received."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    connection: int


_TURNS = 3
"""Turns of the loop between accepting a connection and serving it, and between closing one and its being closed."""

Act: TypeAlias = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]
RawResponse: TypeAlias = bytes | Act


def reply(status: int = 200, body: object = None, *, headers: Mapping[str, str] | None = None) -> bytes:
    """A response's bytes; any other value is encoded as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + data


async def hang_up(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Close the connection without a response."""
    writer.close()


class Server:
    """Responds by the script, and repeats its last response."""

    def __init__(self, *script: RawResponse) -> None:
        self.script = list(script)
        self.seen: list[Seen] = []
        self.url = ""
        self.open = 0
        self.connections = 0

    def then(self, *script: RawResponse) -> None:
        """Switch to another script."""
        self.script = list(script)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            while not writer.is_closing():
                seen = await _read(reader, number)
                self.seen.append(seen)
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(seen, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def _read(reader: asyncio.StreamReader, number: int) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return Seen(method, target, headers, body, number)


@asynccontextmanager
async def serving(*script: RawResponse) -> AsyncGenerator[Server, None]:
    """A server on a free loopback port."""
    server = Server(*script)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also when cancelled before it started

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for _ in range(_TURNS):  # connections of callers that gave up may still arrive
            await asyncio.sleep(0)
        for task in tuple(tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await listening.wait_closed()
        for _ in range(_TURNS):
            await asyncio.sleep(0)


class Clock:
    """Sleeping advances it immediately."""

    def __init__(self) -> None:
        self.time = 5000.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


def shared(client: Mittwald) -> Shared:
    """The state that all clones of a client share."""
    found = getattr(client, "_shared")  # noqa: B009 - a private name, on purpose
    assert isinstance(found, Shared)
    return found


@asynccontextmanager
async def talking(*script: RawResponse, **options: Any) -> AsyncGenerator[tuple[Mittwald, Server, Clock], None]:
    """A client opened against a scripted server; random numbers are always 0.5."""
    clock = Clock()
    async with serving(*script) as server, Mittwald(TOKEN, base_url=server.url, clock=clock, **options) as client:
        shared(client).chance = lambda: 0.5
        yield client, server, clock


def idle_only(client: Mittwald) -> bool:
    """Whether the pool holds only idle, reusable connections."""
    session = shared(client).session
    assert session is not None
    connector: Any = session.session.connector
    return not connector._acquired
