"""`Mittwald`: the client. Opened by `async with`, bound to that event loop, cheap to clone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar, cast, overload

import msgspec
from msgspec import UNSET, UnsetType
from yarl import URL

from .api.groups import Groups
from .runtime.clock import SYSTEM_CLOCK, Clock
from .runtime.credentials import Credentials, Secret, resolve
from .runtime.errors import ClientStateError, ConfigurationError, InvalidArgumentError, did_you_mean
from .runtime.operation import Operation, Page, Response, Sender
from .runtime.options import BASE_URL_VARIABLE, DEFAULT_BASE_URL, Observer, Options, Pool
from .runtime.paging import PageSizes
from .runtime.ratelimit import Limiters, RateLimitStatus
from .runtime.transport.call import Shared
from .runtime.transport.encoding import arguments
from .runtime.transport.middleware import Middleware
from .runtime.transport.pipeline import Pipeline
from .runtime.transport.session import Session, StreamedResponse, check_session

if TYPE_CHECKING:
    from typing import Self

    import aiohttp

    from .runtime.credentials.kinds import TokenCallable
    from .runtime.files import Download
    from .runtime.paging import Pages
    from .waiting import Waiters

P = ParamSpec("P")
T = TypeVar("T")


class Mittwald(Groups):
    """The mittwald API.

        async with Mittwald() as mw:
            project = await mw.project.get_project("p-4x8k2q")

    A client is opened once, by `async with`, and belongs to the event loop it was opened on. It may be used by any
    number of tasks. `with_options` makes clones that share its connections, request budget and credentials.
    """

    def __init__(
        self,
        token: str | Secret | None = None,
        *,
        credentials: Credentials | TokenCallable | None = None,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        pool: Pool | None = None,
        clock: Clock = SYSTEM_CLOCK,
        timeout: float | None = 120.0,
        connect_timeout: float | None = 10.0,
        read_timeout: float | None = 60.0,
        max_retries: int = 3,
        max_retry_wait: float = 120.0,
        consistency: Literal["session", "off"] = "session",
        strict: bool = False,
        pace: Literal["burst", "smooth"] = "burst",
        reserve: float = 0.0,
        max_rate: tuple[float, float] | None = None,
        max_concurrency: int | None = None,
        max_wait: float | None = None,
        priority: int = 0,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
        middleware: Iterable[Middleware] = (),
        observers: Iterable[Observer] = (),
        after: str | None = None,
    ) -> None:
        """
        Args:
            token: an access token; without it and `credentials`, the environment variable `MITTWALD_API_TOKEN`.
            credentials: another way to a token (`PasswordLogin`, `AccessTokenRetrievalKey`, …), or an async callable
                that gives one.
            base_url: where the API is; without it `MITTWALD_API_BASE_URL`, then `https://api.mittwald.de`.
            session: an aiohttp session of yours to use instead of a pool of our own. It is never closed here; its
                cookies, proxies and TLS settings apply, and `pool` does not.
            pool: how connections are made and kept.
            clock: where time comes from; for tests.
            timeout: seconds for a whole call, attempts and waits between them included; waits for the request budget come
                on top, see `max_wait`. `None`: no bound (so for the next two).
            connect_timeout: seconds for making one connection.
            read_timeout: seconds without a byte arriving.
            max_retries: attempts beyond the first.
            max_retry_wait: seconds; a longer wait told by the server raises `RateLimitError` instead.
            consistency: `session` makes reads see the writes made through the same client, `off` does not.
            strict: raise `ResponseDecodeError` where a body deviates from the document.
            pace: `burst` spends the request budget freely, `smooth` spreads it over its window.
            reserve: share of the budget, 0 to 1, that is left to others.
            max_rate: a ceiling of your own, `(calls, seconds)`.
            max_concurrency: calls under way at most.
            max_wait: seconds; a longer wait for the budget raises `RateLimitError` instead. `None`: as long as it takes.
            priority: higher goes first where calls wait.
            headers: sent with every call.
            user_agent: your product, put in front of ours.
            middleware: `async (request, call_next) -> answer`, run around every attempt, the first one outermost.
            observers: functions that are called with every event of a call.
            after: an event id that every call waits for.

        Raises:
            ConfigurationError: an option, the token or the base URL cannot work.
        """
        secret = token if token is None or isinstance(token, Secret) else Secret(token)
        del token
        options = Options(
            timeout=timeout,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_retries=max_retries,
            max_retry_wait=max_retry_wait,
            consistency=consistency,
            strict=strict,
            pace=pace,
            reserve=reserve,
            max_rate=max_rate,
            max_concurrency=max_concurrency,
            max_wait=max_wait,
            priority=priority,
            headers={} if headers is None else headers,
            user_agent=user_agent,
            middleware=cast("tuple[Middleware, ...]", middleware),
            observers=cast("tuple[Observer, ...]", observers),
            after=after,
        )
        check_session(session)
        if pool is not None and not isinstance(pool, Pool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise ConfigurationError(f"pool: must be a Pool, not {type(pool).__name__}")
        if not callable(getattr(clock, "now", None)) or not callable(getattr(clock, "sleep", None)):
            raise ConfigurationError(f"clock: {type(clock).__name__} has no now() and sleep()")
        self._session = session
        self._pool = pool or Pool()
        self._page_sizes = PageSizes()
        self._begin(Shared(_base(base_url), self._resolve(secret, credentials), clock=clock), options, owner=True)

    def _resolve(self, token: Secret | None, credentials: Credentials | TokenCallable | None) -> Credentials | None:
        return resolve(token, credentials)

    def _begin(self, shared: Shared, options: Options, *, owner: bool) -> None:
        self._shared = shared
        self._owner = owner
        self._options = options
        self._pipeline = Pipeline(shared, options)
        self._pipeline.page_sizes = self._page_sizes
        self.sender: Sender = self._pipeline

    @classmethod
    def anonymous(cls, **options: Any) -> Mittwald:
        """A client without credentials, for the routes that need none. Takes the options of the constructor.

        Raises:
            ConfigurationError: an option cannot work, or credentials were given.
        """
        if "token" in options or "credentials" in options:
            raise ConfigurationError("an anonymous client takes no credentials; use Mittwald(…)")
        return _Anonymous(**options)

    def __repr__(self) -> str:
        shared: Shared | None = getattr(self, "_shared", None)
        if shared is None:
            return "<Mittwald, not made yet>"
        state = "closed" if shared.closed else "open" if shared.session else "not open"
        return f"<Mittwald {shared.base}, {state}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client is neither copied nor pickled: with_options makes clones, a process makes its own")

    # -- lifetime ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open the pool on the running event loop.

        Raises:
            ClientStateError: already open, closed before, or a clone.
        """
        shared = self._shared
        if not self._owner:
            raise ClientStateError("a clone shares the pool of its client: open that one, and use the clone inside")
        if shared.session is not None:
            raise ClientStateError("the client is open already: use it, or make another one")
        if shared.closed:
            raise shared.unusable()
        secure = shared.base_url.scheme == "https"
        session = await Session.open(self._pool, self._session, secure)
        if shared.session is not None or shared.closed:  # another task was faster
            await session.close()
            raise shared.unusable() if shared.closed else ClientStateError("the client is open already: use it")
        identity = None if shared.credentials is None else shared.credentials.identity
        shared.limiter = Limiters.shared((str(shared.origin), identity))
        shared.session = session
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the pool. Calls under way fail. An aiohttp session that was handed in stays open.

        Raises:
            ClientStateError: it is a clone, or was opened on another event loop that still runs.
        """
        shared = self._shared
        if not self._owner:
            raise ClientStateError("a clone shares the pool of its client: close that one")
        if shared.session is not None and shared.session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        session, shared.session, shared.closed = shared.session, None, True
        while shared.waiting:
            shared.waiting.pop().reschedule(asyncio.get_running_loop().time())
        if session is not None:
            await session.close()

    # -- clones -----------------------------------------------------------------------------------------------------

    def with_options(
        self,
        *,
        timeout: float | UnsetType | None = UNSET,
        connect_timeout: float | UnsetType | None = UNSET,
        read_timeout: float | UnsetType | None = UNSET,
        max_retries: int | UnsetType = UNSET,
        max_retry_wait: float | UnsetType = UNSET,
        consistency: Literal["session", "off"] | UnsetType = UNSET,
        strict: bool | UnsetType = UNSET,
        pace: Literal["burst", "smooth"] | UnsetType = UNSET,
        reserve: float | UnsetType = UNSET,
        max_rate: tuple[float, float] | UnsetType | None = UNSET,
        max_concurrency: int | UnsetType | None = UNSET,
        max_wait: float | UnsetType | None = UNSET,
        priority: int | UnsetType = UNSET,
        headers: Mapping[str, str] | UnsetType = UNSET,
        user_agent: str | UnsetType | None = UNSET,
        middleware: Iterable[Middleware] | UnsetType = UNSET,
        observers: Iterable[Observer] | UnsetType = UNSET,
        after: str | UnsetType | None = UNSET,
    ) -> Mittwald:
        """A clone with other options over the same pool, request budget, credentials and events. Costs microseconds.

        Args: as in the constructor. `headers` are added to those of this client; everything else replaces.

        Raises:
            ConfigurationError: an option cannot work.
        """
        changes = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        clone = Mittwald.__new__(Mittwald)
        clone._session, clone._pool, clone._page_sizes = self._session, self._pool, self._page_sizes
        clone._begin(self._shared, self._options.merged(changes), owner=False)
        return clone

    @property
    def rate_limit(self) -> RateLimitStatus:
        """What is known of the request budget at this moment.

        Raises:
            ClientStateError: the client is not open.
        """
        limiter = self._shared.limiter
        if limiter is None or self._shared.session is None:
            raise self._shared.unusable()
        return limiter.status

    @cached_property
    def wait(self) -> Waiters:
        """Waiters for what takes a while: `await mw.wait.project_ready(project_id)`."""
        from .waiting import Waiters

        return Waiters(self)

    def download(self, url: str, *, sha256: str | None = None) -> Download:
        """The file at an absolute URL, such as a backup export's. Nothing is sent until it is awaited or entered.

        Args:
            url: absolute, http or https. The token goes along only to the API's own origin.
            sha256: checksum the file must have, hexadecimal.

        Raises:
            InvalidArgumentError: the URL or the checksum cannot be used.
        """
        from .runtime.files import Download

        return Download.of_url(self._pipeline, url, sha256=sha256)

    @property
    def base_url(self) -> str:
        """The API's address, without a path at its end."""
        return str(self._shared.base)

    @property
    def options(self) -> Options:
        """The options of this client or clone."""
        return self._options

    # -- whole answers ----------------------------------------------------------------------------------------------

    @overload
    async def response_of(
        self, method: Callable[P, Pages[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Response[Page[T]]: ...
    @overload
    async def response_of(
        self, method: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Response[T]: ...
    async def response_of(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Response[Any]:
        """Call a method of a group and get the whole answer: status, headers, event id, attempts, and the data.

            response = await mw.response_of(mw.project.get_project, "p-4x8k2q")

        Args:
            method: of a group of this client or of a clone, whose options then hold.
            args, kwargs: what the method takes.

        Raises:
            InvalidArgumentError: `method` is no method of a group.
        """
        group = getattr(method, "__self__", None)
        sender = getattr(group, "_sender", None)
        if not isinstance(sender, Pipeline):
            raise InvalidArgumentError("method", "must be a method of a group, like mw.project.get_project")
        whole = _Whole(sender)
        kind: Any = type(cast("object", group))
        result = getattr(kind(whole), method.__name__)(*args, **kwargs)
        response = getattr(result, "response", None)
        answer: object = await (result if response is None else response())
        if isinstance(answer, bytes) and whole.streamed is not None:
            return msgspec.structs.replace(whole.streamed, data=answer)
        return cast("Response[Any]", answer)

    # -- any operation, any route --------------------------------------------------------------------------------------

    async def call(
        self,
        operation_id: str,
        *,
        path: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Any:
        """Any operation by its id, with the names of the wire.

        Args:
            operation_id: as the document and `OPERATIONS` have it.
            path, query, headers: values by wire name; `None` is left out of the last two.
            body: a mapping by wire name, or whatever the operation takes whole.

        Returns:
            The decoded answer; of a list that comes in pages, the one page that `query` asks for.

        Raises:
            InvalidArgumentError: no such operation or parameter; the message names near misses.
        """
        operation = find(operation_id)
        _check_mappings(path=path, query=query, headers=headers)
        values = arguments(operation, path or {}, query or {}, headers or {})
        return await self._pipeline.value(operation, values, query, headers, body)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[bytes]:
        """Any route, documented or not, with everything a call has but decoding.

        Args:
            method: GET, POST …
            path: from `/` on, percent-encoded where needed; or a whole URL, to which no token goes if it leads to
                another origin.
            query: added to the path; lists are repeated, `None` is left out.
            headers: for this request.
            body: bytes as they are, text, or anything that becomes JSON.

        Raises:
            InvalidArgumentError: method, path or a value cannot be sent.
            StatusError, TransportError: as any call.
        """
        _check_mappings(query=query, headers=headers)
        return await self._pipeline.request(method, path, query, headers, body)


class _Whole:
    """A sender whose values are whole answers, for `response_of`."""

    def __init__(self, sender: Pipeline) -> None:
        self._sender = sender
        self.value = sender.response
        self.response = sender.response
        self.page_sizes = sender.page_sizes
        self.streamed: Response[None] | None = None

    @asynccontextmanager
    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[StreamedResponse, None]:
        async with self._sender.stream(*args, **kwargs) as answer:
            self.streamed = answer.response
            yield answer


class _Anonymous(Mittwald):
    """A client without credentials."""

    def _resolve(self, token: Secret | None, credentials: Credentials | TokenCallable | None) -> Credentials | None:
        return None


def find(operation_id: str) -> Operation[Any]:
    """The operation with this id.

    Raises:
        InvalidArgumentError: there is none; the message names near misses.
    """
    from .operations import OPERATIONS

    if not isinstance(operation_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgumentError("operation_id", f"must be text, not {type(operation_id).__name__}")
    operation = OPERATIONS.get(operation_id)
    if operation is None:
        raise InvalidArgumentError(
            "operation_id", f"there is no operation {operation_id!r}{did_you_mean(operation_id, OPERATIONS)}"
        )
    return operation


def _check_mappings(**given: object) -> None:
    for name, value in given.items():
        if value is None:
            continue
        kind = type(value).__name__
        names = list(cast("Mapping[object, object]", value)) if isinstance(value, Mapping) else [None]
        if not all(isinstance(key, str) for key in names):
            raise InvalidArgumentError(name, f"must be a mapping of names to values, not {kind}")


def _base(given: str | None) -> URL:
    text = given or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
    url: URL | None = None
    with suppress(ValueError, TypeError):
        url = URL(text)
    if url is None or url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ConfigurationError(f"base_url: {text!r} is not like https://api.mittwald.de")
    if url.raw_user or url.raw_password:
        raise ConfigurationError("base_url: credentials do not belong into the URL; use token=… or credentials=…")
    if url.path.rstrip("/").endswith("/v2"):
        raise ConfigurationError(f"base_url: leave out the /v2 of {text!r}, every path begins with it")
    return url
