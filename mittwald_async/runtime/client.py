"""`Client`: what a client of any API is. A generated package adds groups of methods, a profile and its operations:

class Shop(Groups, Client):
    profile = PROFILE
    operations = OPERATIONS
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, ParamSpec, TypeVar, cast, overload

import msgspec
from msgspec import UNSET

from .clock import SYSTEM_CLOCK, Clock
from .credentials import Credentials, Secret, resolve
from .errors import ClientStateError, ConfigurationError, InvalidArgumentError, did_you_mean, without_frames
from .lists import ListContext
from .operation import Operation, Page, Response, Sender
from .options import Options, OptionValues, Pool, options_spelled_out
from .profile import Profile
from .ratelimit import Limiters, RateLimitStatus
from .transport.bodies import StreamedResponse
from .transport.call import Shared
from .transport.decompression import accepted
from .transport.encoding import arguments
from .transport.pipeline import Pipeline
from .transport.session import Session, check_session

if TYPE_CHECKING:
    from typing import Self, Unpack

    import aiohttp

    from .credentials import TokenCallable
    from .files import Download
    from .paging import Pages

P = ParamSpec("P")
T = TypeVar("T")


class Client:
    """A client of one API. Subclasses say which: `profile` and `operations`.

    A client is opened once, by `async with`, and belongs to the event loop it was opened on. It may be used by any
    number of tasks. `with_options` makes clones that share its connections, request budget and credentials.
    """

    profile: ClassVar[Profile]
    """How the API behaves."""
    operations: ClassVar[Mapping[str, Operation[Any]]] = MappingProxyType({})
    """Operations by id, for `call` and `find`."""
    sender: Sender
    """What groups of methods send with."""

    @options_spelled_out
    def __init__(
        self,
        token: str | Secret | None = None,
        *,
        credentials: Credentials | TokenCallable | None = None,
        base_url: str | None = None,
        session: aiohttp.ClientSession | Session | None = None,
        pool: Pool | None = None,
        clock: Clock = SYSTEM_CLOCK,
        allow_http: bool = False,
        **options: Unpack[OptionValues],
    ) -> None:
        """
        Args:
            token: an access token; without it and `credentials`, the one in the API's environment variable.
            credentials: another way to a token (a login, an id and a secret …), or an async callable that gives one.
            base_url: where the API is; by default what its environment variable or its profile says.
            session: an aiohttp session of yours to use instead of a pool of our own. It is never closed here; its
                cookies, proxies and TLS settings apply, and `pool` does not.
            pool: how connections are made and kept.
            clock: where time comes from, for tests. It governs `timeout`, pauses before repetitions, the request
                budget, the age of tokens and events, waiters and everything else that is counted in seconds here.
                `connect_timeout` and `read_timeout` stay in the event loop's time: they bound how long the network is
                silent, and bytes come in as fast as they come, however far a clock is moved. (On an event loop whose
                own time is virtual all of them follow that.)
            allow_http: accept a `base_url` that begins with http:// and is not on this machine. The token and all data
                then go over the network in the clear.
            options: how calls are made; each is explained at `Options`.

        Raises:
            ConfigurationError: an option, the token or the base URL cannot work.
        """
        secret = token if token is None or isinstance(token, Secret) else Secret(token)
        del token
        profile = _profile_of(type(self))
        found = resolve(secret, credentials, profile.token_variables, profile.authentication)
        self._begin(found, base_url, session, pool, clock, allow_http, options)

    @classmethod
    @options_spelled_out
    def anonymous(
        cls,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | Session | None = None,
        pool: Pool | None = None,
        clock: Clock = SYSTEM_CLOCK,
        allow_http: bool = False,
        **options: Unpack[OptionValues],
    ) -> Self:
        """A client without credentials, for the routes that need none. Takes the options of the constructor.

        Raises:
            ConfigurationError: an option cannot work, or credentials were given.
        """
        if "token" in options or "credentials" in options:
            raise ConfigurationError(f"an anonymous client takes no credentials; use {cls.__name__}(…)")
        client = cls.__new__(cls)
        client._begin(None, base_url, session, pool, clock, allow_http, options)
        return client

    def _begin(
        self,
        credentials: Credentials | None,
        base_url: str | None,
        session: aiohttp.ClientSession | Session | None,
        pool: Pool | None,
        clock: Clock,
        allow_http: bool,
        options: OptionValues,
    ) -> None:
        """Check everything and become a client that is not open yet."""
        profile = _profile_of(type(self))
        check_session(session)
        if pool is not None and not isinstance(pool, Pool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise ConfigurationError(f"pool must be a Pool, got {type(pool).__name__}")
        if not callable(getattr(clock, "now", None)) or not callable(getattr(clock, "sleep", None)):
            raise ConfigurationError(f"clock: {type(clock).__name__} has no now() and sleep()")
        checked = Options.of(options)
        self._session = session
        self._pool = pool or Pool()
        base = profile.base_url_from(base_url, os.environ, allow_http=allow_http)
        shared = Shared(base, credentials, profile, client_name=type(self).__name__, clock=clock)
        shared.allow_http = allow_http
        shared.accept_encoding = _accept_encoding(self._pool, session)
        self._use(shared, checked, owner=True)

    def _use(self, shared: Shared, options: Options, *, owner: bool) -> None:
        self._shared = shared
        self._owner = owner
        self._options = options
        self._pipeline = Pipeline(shared, options)
        self.sender = self._pipeline

    def __repr__(self) -> str:
        shared: Shared | None = getattr(self, "_shared", None)
        name = type(self).__name__
        if shared is None:
            return f"<{name}, not made yet>"
        state = "closed" if shared.closed else "open" if shared.session else "not open"
        return f"<{name} {shared.base}, {state}>"

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
        session = await Session.open(self._pool, self._session, secure, shared.clock)
        if shared.session is not None or shared.closed:  # another task was faster
            await session.close()
            raise shared.unusable() if shared.closed else ClientStateError("the client is open already: use it")
        identity = None if shared.credentials is None else shared.credentials.identity
        key = (str(shared.origin), identity)
        shared.limiter = Limiters.shared(key, budget_headers=shared.profile.budget_headers, clock=shared.clock)
        shared.session = session
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the pool. Calls in flight fail. An external aiohttp session stays open.

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
            shared.waiting.pop().end()
        if session is not None:
            await session.close()

    # -- clones -----------------------------------------------------------------------------------------------------

    @options_spelled_out
    def with_options(self, **options: Unpack[OptionValues]) -> Self:
        """A clone with other options over the same pool, request budget, credentials and events. Costs microseconds.

        Args:
            options: as in the constructor. `headers` are added to those of this client; everything else replaces.

        Raises:
            ConfigurationError: an option cannot work.
        """
        clone = type(self).__new__(type(self))
        clone._session, clone._pool = self._session, self._pool
        clone._use(self._shared, self._options.merged(options), owner=False)
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

    def download(self, url: str, *, sha256: str | None = None) -> Download:
        """The file at an absolute URL, such as a backup export's. Nothing is sent until it is awaited or entered.

        Args:
            url: absolute, http or https. The token goes along only to the API's own origin.
            sha256: checksum the file must have, hexadecimal.

        Raises:
            InvalidArgumentError: the URL or the checksum cannot be used.
        """
        from .files import Download

        return Download.of_url(self._pipeline, url, sha256=sha256, clock=self._shared.clock)

    @property
    def base_url(self) -> str:
        """The API's address, without a path at its end."""
        return str(self._shared.base)

    @property
    def options(self) -> Options:
        """The options of this client or clone."""
        return self._options

    # -- whole responses -------------------------------------------------------------------------------------------

    @overload
    async def response_of(
        self, method: Callable[P, Pages[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Response[Page[T]]: ...
    @overload
    async def response_of(
        self, method: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Response[T]: ...
    async def response_of(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Response[Any]:
        """Call a method of a group and get the whole response: status, headers, event id, attempts, and the data.

            response = await mw.response_of(mw.project.get_project, "p-4x8k2q")

        Args:
            method: of a group of this client or of a clone, whose options then hold.
            args, kwargs: what the method takes.

        Raises:
            InvalidArgumentError: `method` is not a method of a group.
        """
        group = getattr(method, "__self__", None)
        sender = getattr(group, "_sender", None)
        if not isinstance(sender, Pipeline):
            raise InvalidArgumentError("method", "must be a method of a group, like mw.project.get_project")
        whole = _ResponseSender(sender)
        kind: Any = type(cast("object", group))
        try:
            result = getattr(kind(whole), method.__name__)(*args, **kwargs)
        finally:
            del args, kwargs  # a traceback shows what variables hold, and these may be secret
        response = getattr(result, "response", None)
        found: object = await (result if response is None else response())
        if isinstance(found, bytes) and whole.streamed is not None:
            return msgspec.structs.replace(whole.streamed, data=found)
        # A method that gives nothing drops the response, too.
        return cast("Response[Any]", whole.received if found is None else found)

    # -- any operation, any route --------------------------------------------------------------------------------------

    @classmethod
    def find(cls, operation_id: str) -> Operation[Any]:
        """The operation with this id.

        Raises:
            InvalidArgumentError: there is none; the message names near misses.
        """
        if not isinstance(operation_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("operation_id", f"must be text, not {type(operation_id).__name__}")
        operation = cls.operations.get(operation_id)
        if operation is None:
            raise InvalidArgumentError(
                "operation_id", f"unknown operation {operation_id!r}{did_you_mean(operation_id, cls.operations)}"
            )
        return operation

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
            The decoded result; of a list that comes in pages, the one page that `query` asks for.

        Raises:
            InvalidArgumentError: no such operation or parameter; the message names near misses.
        """
        try:
            operation = self.find(operation_id)
            _check_mappings(path=path, query=query, headers=headers)
            values = arguments(operation, path or {}, query or {}, headers or {})
            sending = self._pipeline.value(operation, values, query, headers, body)
        except InvalidArgumentError as error:
            raise without_frames(error) from None
        finally:
            values = ()
            del path, query, headers, body
        return await sending

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
        try:
            _check_mappings(query=query, headers=headers)
            sending = self._pipeline.request(method, path, query, headers, body)
        finally:
            del path, query, headers, body
        return await sending


class _ResponseSender:
    """A sender whose values are whole responses, for `response_of`."""

    def __init__(self, sender: Pipeline) -> None:
        self._sender = sender
        self.response = sender.response
        self.lists: ListContext = sender.lists
        self.received: Response[Any] | None = None
        self.streamed: Response[None] | None = None

    async def value(self, *args: Any, **kwargs: Any) -> Response[Any]:
        sending = self._sender.response(*args, **kwargs)
        del args, kwargs
        self.received = await sending
        return self.received

    @asynccontextmanager
    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[StreamedResponse, None]:
        opening = self._sender.stream(*args, **kwargs)
        del args, kwargs
        async with opening as response:
            self.streamed = response.response
            yield response


def _accept_encoding(pool: Pool, session: aiohttp.ClientSession | Session | None) -> str:
    """Supported content codings of responses, or those that an external session requests."""
    if session is None or isinstance(session, Session):
        return accepted() if pool.compressed else "identity"
    return session.headers.get("Accept-Encoding") or accepted()


def _check_mappings(**given: object) -> None:
    for name, value in given.items():
        if value is None:
            continue
        kind = type(value).__name__
        names = list(cast("Mapping[object, object]", value)) if isinstance(value, Mapping) else [None]
        if not all(isinstance(key, str) for key in names):
            raise InvalidArgumentError(name, f"must be a mapping of names to values, not {kind}")


def _profile_of(kind: type[Client]) -> Profile:
    found = getattr(kind, "profile", None)
    if not isinstance(found, Profile):
        raise TypeError(f"{kind.__name__} has no profile: make a subclass of Client with `profile = Profile(…)`")
    return found
