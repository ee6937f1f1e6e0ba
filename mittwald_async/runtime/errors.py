"""Everything this package raises on purpose.

    ApiClientError
    ├── ConfigurationError(ValueError)          an option, token or base URL that cannot work
    ├── ClientStateError(RuntimeError)          used before opening, after closing, or on another event loop
    ├── InvalidArgumentError(ValueError)        refused before anything was sent: names the parameter
    ├── TransportError                          no usable response came: .partial is what arrived of it
    │   ├── NotSentError                        the request provably did not reach the server
    │   │   ├── ConnectTimeoutError
    │   │   └── CertificateError                the server could not prove who it is: not repeated
    │   ├── ResponseBrokenError                 the request went out, and no whole response came back
    │   │   ├── ReadTimeoutError                … because the server fell silent
    │   │   └── MaybeSentError                  the same of a write: the server may have acted on it
    │   │       └── WriteTimeoutError           … both a MaybeSentError and a ReadTimeoutError
    │   └── CallTimeoutError                    `timeout` passed: attempts and waits between them together
    ├── StatusError                             the server answered with an error: .maybe_done for repeated writes
    │   ├── BadRequestError            400      .issues
    │   ├── AuthenticationError        401      also: credentials could not be turned into a token
    │   ├── PermissionDeniedError      403
    │   ├── NotFoundError              404
    │   ├── ConflictError              409
    │   ├── PreconditionError          412
    │   │   ├── ConsistencyError                the awaited event was not reached in time: may be repeated
    │   │   └── RefusedError                    the request itself is refused: final
    │   ├── UnprocessableError         422
    │   ├── RateLimitError             429      .retry_after; also raised unsent when the wait would be too long
    │   ├── RedirectError              3xx      too many hops, or a redirect that leads nowhere
    │   └── ServerError                5xx
    ├── ResponseDecodeError                     the body is not what the document says: .operation_id .json_path .body
    ├── ResponseTooLargeError                   more bytes than `max_response_size`: .limit
    ├── DownloadError                           a file did not arrive whole, or its checksum differs
    ├── FileAccessError(OSError)                this machine refused to write a file: full disk, no permission
    ├── PagingError                             a page could not be fetched: .resume continues from there
    ├── OperationFailed                    a waited-for thing reached a failed state: .state .last
    └── WaitTimeout                        a waited-for thing did not get ready in time: .last

`DriftWarning` is a warning: a body deviates from the document and was kept as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .headers import copied

if TYPE_CHECKING:
    from .attempt import Attempt

_SUGGESTED = 3
"""Names suggested for a wrong one at most."""
_ALIKE = 0.75
"""How much of two words has to agree, 0 to 1, where one is a part of a name: less than that suggests nonsense."""

_BODY_IN_MESSAGE = 200
"""Characters of a non-JSON error body that a message shows."""

__all__ = [
    "ApiClientError",
    "AuthenticationError",
    "BadRequestError",
    "CallTimeoutError",
    "CertificateError",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "ConnectTimeoutError",
    "ConsistencyError",
    "DownloadError",
    "DriftWarning",
    "FileAccessError",
    "InvalidArgumentError",
    "Issue",
    "MaybeSentError",
    "NotFoundError",
    "NotSentError",
    "OperationFailed",
    "PagingError",
    "PermissionDeniedError",
    "PreconditionError",
    "RateLimitError",
    "ReadTimeoutError",
    "RedirectError",
    "RefusedError",
    "ResponseBrokenError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "ServerError",
    "StatusError",
    "TransportError",
    "UnprocessableError",
    "WaitTimeout",
    "WriteTimeoutError",
    "error_class",
]


class ApiClientError(Exception):
    """Base of all errors of this package. They can be pickled, so that worker processes can hand them on."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args` only and fails on every class that needs more.
        return _revived, (type(self), self.args), self.__dict__.copy()


class ConfigurationError(ApiClientError, ValueError):
    """An option, token or base URL that cannot work. The message says what to change."""


class ClientStateError(ApiClientError, RuntimeError):
    """The client is not open here: not yet, not any more, or not on this event loop."""


class InvalidArgumentError(ApiClientError, ValueError):
    """An argument that cannot be sent. Nothing went out.

    Attributes:
        parameter: the argument's name.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter


class TransportError(ApiClientError):
    """No usable response came.

    Attributes:
        operation_id, method, url: what was called.
        attempts: every try that was made.
        partial: the beginning of the body, as far as it arrived in the attempt that came furthest; decompressed.
        permanent: another attempt cannot do better, so there is none.
    """

    partial: bytes = b""
    permanent: bool = False

    def __init__(
        self,
        message: str,
        *,
        operation_id: str | None = None,
        method: str = "",
        url: str = "",
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation_id = operation_id
        self.method = method
        self.url = url
        self.attempts = attempts

    def __str__(self) -> str:
        where = f"{self.operation_id or ''} {self.method} {self.url}".strip()
        tries = f" (after {len(self.attempts)} attempts)" if len(self.attempts) > 1 else ""
        return f"{self.message}{tries}: {where}" if where else f"{self.message}{tries}"


class NotSentError(TransportError):
    """The request provably did not reach the server; repeating it is safe for every method."""


class ConnectTimeoutError(NotSentError, TimeoutError):
    """No connection within `connect_timeout`."""


class CertificateError(NotSentError):
    """The server's certificate was not accepted. Nothing was sent, and nothing is repeated."""

    permanent = True


class ResponseBrokenError(TransportError):
    """The request went out, and its response did not arrive, or not to its end. For writes it is a `MaybeSentError`."""


class MaybeSentError(ResponseBrokenError):
    """A write whose response did not arrive whole: the server may or may not have acted."""


class ReadTimeoutError(ResponseBrokenError, TimeoutError):
    """Nothing arrived for `read_timeout` seconds. For writes it is a `WriteTimeoutError`."""


class WriteTimeoutError(MaybeSentError, ReadTimeoutError):
    """Nothing arrived for `read_timeout` seconds after a write was sent: the server may or may not have acted."""


class CallTimeoutError(TransportError, TimeoutError):
    """The deadline of the whole call passed, attempts and the waits between them included.

    Waits for the request budget are not: `max_wait` bounds those."""


class Issue:
    """One complaint of a validation error.

    Attributes:
        path: where in the request, dotted; empty where the server names no place.
        message: what is wrong there.
        type: the rule that failed.
        context: further facts the server gave.
    """

    __slots__ = ("context", "message", "path", "type")

    def __init__(self, path: str, message: str, type: str = "", context: Mapping[str, Any] | None = None) -> None:
        self.path: str = path
        self.message: str = message
        self.type: str = type
        self.context: Mapping[str, Any] = context or {}

    def __repr__(self) -> str:
        return f"Issue(path={self.path!r}, message={self.message!r}, type={self.type!r})"


def _revived(kind: type[ApiClientError], args: tuple[Any, ...]) -> ApiClientError:
    error = kind.__new__(kind, *args)
    error.args = args  # a TimeoutError leaves that to its __init__
    return error


ErrorT = TypeVar("ErrorT", bound=ApiClientError)


def without_frames(error: ErrorT) -> ErrorT:
    """The error without the frames it came through, whose variables hold arguments: a password among them would be
    shown by every tool that prints a traceback with its variables."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class StatusError(ApiClientError):
    """The server answered with an error.

    Attributes:
        status: HTTP status; `None` only on a `RateLimitError` or `AuthenticationError` raised before sending.
        type: the error's type as the server names it, empty where the body has none.
        message: the server's message, or the beginning of a body that is not JSON.
        trace_id: the server's id of this request, for support.
        operation_id, method, url: what was called; secret query values are masked.
        headers, body: the response itself; `body` may be cut.
        attempts: every try that was made.
        issues: the complaints of a validation error, place by place.
        maybe_done: an earlier attempt of this call may have done what it was to do, and the error may be its effect.
    """

    maybe_done: bool = False
    body_reader: Callable[[bytes], Any] | None = None
    """Decodes the body as documented."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        type: str = "",
        trace_id: str | None = None,
        operation_id: str | None = None,
        method: str = "",
        url: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        attempts: tuple[Attempt, ...] = (),
        issues: tuple[Issue, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.trace_id = trace_id
        self.operation_id = operation_id
        self.method = method
        self.url = url
        self.headers: Mapping[str, str] = headers or {}
        self.body = body
        self.attempts = attempts
        self.issues = issues

    @property
    def data(self) -> Any:
        """The body as a model where the document describes it, else as plain JSON; `None` where it is not JSON."""
        import msgspec

        for reader in (self.body_reader, msgspec.json.decode):
            try:
                if reader is not None and self.body:
                    return reader(self.body)
            except (ApiClientError, msgspec.MsgspecError, ValueError, RecursionError):
                continue
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        revive, made, state = super().__reduce__()
        state["headers"] = copied(self.headers)
        return revive, made, state

    def __str__(self) -> str:
        head = " ".join(part for part in (str(self.status or ""), self.type) if part)
        text = f"{head}: {self.message}" if head and self.message else head or self.message
        if self.issues:
            text += " [" + "; ".join(f"{i.path}: {i.message}" if i.path else i.message for i in self.issues) + "]"
        where = f"{self.operation_id or ''} {self.method} {self.url}".strip()
        if where:
            text += f" ({where})"
        if len(self.attempts) > 1:
            text += f" after {len(self.attempts)} attempts"
        if self.trace_id:
            text += f" [trace {self.trace_id}]"
        return text


class BadRequestError(StatusError):
    """400: the request is malformed; `.issues` names the places where the server names them."""


class AuthenticationError(StatusError):
    """401, or credentials that could not be turned into a token. The message names what failed, never a secret."""


class PermissionDeniedError(StatusError):
    """403."""


class NotFoundError(StatusError):
    """404."""


class ConflictError(StatusError):
    """409."""


class PreconditionError(StatusError):
    """412."""


class ConsistencyError(PreconditionError):
    """412 because the awaited event was not reached in time. Repeating later may succeed."""


class RefusedError(PreconditionError):
    """412 because the request itself is refused. Repeating does not help."""


class UnprocessableError(StatusError):
    """422."""


class RateLimitError(StatusError):
    """429, or a wait for the budget longer than allowed.

    Attributes:
        retry_after: seconds until a new try makes sense; `None` where that is unknown.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class RedirectError(StatusError):
    """A redirect that was not followed: too many in a row, no usable location, or one that must not be followed."""


class ServerError(StatusError):
    """5xx."""


_BY_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionError,
    422: UnprocessableError,
    429: RateLimitError,
}


def error_class(status: int) -> type[StatusError]:
    """The class for a status; families without a class of their own are `StatusError`, `RedirectError`,
    `ServerError`."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return ServerError
    return RedirectError if 300 <= status < 400 else StatusError


class ResponseDecodeError(ApiClientError):
    """The body of a successful response is not what the document says.

    Attributes:
        operation_id: what was called.
        json_path: where the body deviates, like `$.items[3].name`; `$` where it is not JSON at all.
        body: the body.
    """

    def __init__(self, problem: str, *, operation_id: str | None, json_path: str, body: bytes) -> None:
        super().__init__(f"{operation_id or 'response'}: cannot decode at {json_path}: {problem}")
        self.operation_id = operation_id
        self.json_path = json_path
        self.body = body


class ResponseTooLargeError(ApiClientError):
    """The body of a response has more bytes than `max_response_size` lets into memory. It is not repeated; a write
    whose response is too large was answered with a success and is done.

    Attributes:
        limit: the bound, in bytes.
        operation_id, method, url: what was called.
    """

    def __init__(self, limit: int, *, operation_id: str | None = None, method: str = "", url: str = "") -> None:
        super().__init__(limit)
        self.limit = limit
        self.operation_id = operation_id
        self.method = method
        self.url = url

    def __str__(self) -> str:
        where = f"{self.operation_id or ''} {self.method} {self.url}".strip()
        return (
            f"the response is larger than max_response_size ({self.limit} bytes){': ' if where else ''}{where}; raise "
            "max_response_size (None: no bound), or stream it: `async with client.download(url) as stream`, or .save(path)"
        )


class DownloadError(ApiClientError):
    """A file did not arrive whole, or its checksum differs."""


class FileAccessError(ApiClientError, OSError):
    """The operating system refused to write a file of this machine: no permission, a full disk, a place that takes no
    files.

    What a look at the path shows beforehand is an `InvalidArgumentError`: then nothing was sent.

    Attributes:
        errno, strerror, filename: as of every `OSError`.
    """

    def __init__(self, path: str, problem: OSError) -> None:
        reason = problem.strerror or str(problem)
        super().__init__(f"{path} cannot be written: {reason}")
        self.errno: int | None = problem.errno
        self.strerror: str | None = reason
        self.filename: Any = path

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        revived, made, state = super().__reduce__()
        return revived, made, {**state, "errno": self.errno, "strerror": self.strerror, "filename": self.filename}


class PagingError(ApiClientError):
    """A page could not be fetched; the cause is chained.

    Attributes:
        resume: token for `Pages.resume`, which continues with the first item not yet delivered.
        items: what `Pages.collect` had gathered by then; empty where items were handed out one by one.
    """

    def __init__(self, message: str, *, resume: str) -> None:
        super().__init__(message)
        self.resume = resume
        self.items: tuple[Any, ...] = ()


class OperationFailed(ApiClientError):
    """A waited-for thing reached a state it does not leave.

    Attributes:
        state: that state.
        last: the object as last read.
    """

    def __init__(self, message: str, *, state: str, last: Any = None) -> None:
        super().__init__(message)
        self.state = state
        self.last = last


class WaitTimeout(ApiClientError, TimeoutError):
    """A waited-for thing did not get ready in time.

    Attributes:
        last: the object as last read, `None` if it was never seen.
    """

    def __init__(self, message: str, *, last: Any = None) -> None:
        super().__init__(message)
        self.last = last


class DriftWarning(UserWarning):
    """A response deviates from the document; it was kept as it came."""


def body_excerpt(body: bytes) -> str:
    """The beginning of a body as one line of text, for messages."""
    text = " ".join(body[: _BODY_IN_MESSAGE * 4].decode("utf-8", "replace").split())
    return text[:_BODY_IN_MESSAGE] + ("…" if len(text) > _BODY_IN_MESSAGE else "")


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """`; did you mean …?` for a name that does not exist, or nothing where none is like it.

    Names are alike as a whole, or else where `wrong` is a part of them, be it mistyped, such as `dmark` of
    `dns-dmarc-missing`. A part that more than three names share says too little.
    """
    import difflib  # not what a program that makes no mistakes should wait for

    known = list(dict.fromkeys(right))
    found = difflib.get_close_matches(wrong, known, n=_SUGGESTED)
    if not found:
        words = _words(wrong)
        found = _with_part(words, known)
        if not found:
            every = {word for name in known for word in _words(name)}
            near = [difflib.get_close_matches(word, every, n=1, cutoff=_ALIKE) for word in words]
            found = _with_part([one for some in near for one in some], known) if all(near) else []
        if len(found) > _SUGGESTED:
            found = []
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _with_part(part: list[str], known: Iterable[str]) -> list[str]:
    return sorted(name for name in known if _stands_in(part, _words(name)))


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _stands_in(part: list[str], whole: list[str]) -> bool:
    return bool(part) and any(whole[start : start + len(part)] == part for start in range(len(whole)))
