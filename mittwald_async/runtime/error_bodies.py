"""Reading the JSON body of an error: where an API puts what, and what one body says. Never raises on nonsense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from .errors import Issue


class ErrorFacts(NamedTuple):
    """What the body of an error says. Text that is not there is empty."""

    type: str = ""
    message: str = ""
    trace_id: str = ""
    issues: tuple[Issue, ...] = ()


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where the body of an error says what. Paths are dotted, numbers lead into lists (`errors.0.code`); of several
    paths the first that holds something counts."""

    type: tuple[str, ...] = ("type", "code", "error.type", "error.code")
    message: tuple[str, ...] = ("message", "detail", "error.message", "error_description", "title", "error")
    trace_id: tuple[str, ...] = ("trace_id", "traceId", "request_id", "requestId")
    issues: tuple[str, ...] = ("errors", "validationErrors")
    """Complaints about the request: a list of them, or an object that has them by the name of the field."""
    issue_path: tuple[str, ...] = ("path", "field", "pointer")
    issue_message: tuple[str, ...] = ("message", "detail")
    issue_type: tuple[str, ...] = ("type", "code")
    issue_context: tuple[str, ...] = ("context",)

    def read(self, body: bytes) -> ErrorFacts:
        """What a body says; nothing where it is not a JSON object."""
        said = json_object(body)
        if not said:
            return ErrorFacts()
        return ErrorFacts(
            _text(said, self.type), _text(said, self.message), _text(said, self.trace_id), tuple(self._issues(said))
        )

    def _issues(self, said: Mapping[str, Any]) -> Iterable[Issue]:
        for path in self.issues:
            found = _at(said, path)
            if isinstance(found, list):
                entries = cast("list[object]", found)
                yield from (issue for entry in entries for issue in self._issues_of("", entry))
                return
            if isinstance(found, dict) and found:
                for name, entry in cast("dict[str, object]", found).items():
                    entries = cast("list[object]", entry) if isinstance(entry, list) else [entry]
                    yield from (issue for one in entries for issue in self._issues_of(name, one))
                return

    def _issues_of(self, name: str, entry: object) -> Iterable[Issue]:
        """A complaint about the field of a name; without one, the entry says itself what it is about."""
        if isinstance(entry, dict):
            facts = cast("dict[str, Any]", entry)
            path, message = _text(facts, self.issue_path), _text(facts, self.issue_message)
            context = cast("dict[str, Any] | None", _first(facts, self.issue_context, dict))
            if message or not name:
                yield Issue(path or name, message, _text(facts, self.issue_type), context)
            else:  # not a complaint but something beside them: kept as it is
                yield Issue(name, "", "", facts)
        elif isinstance(entry, str):
            yield Issue(name, entry)
        elif name and entry is not None:
            yield Issue(name, msgspec.json.encode(entry).decode(), "", {"value": entry})


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object a body holds; empty where it holds another thing."""
    if body.lstrip()[:1] != b"{":
        return {}
    try:
        return cast("dict[str, Any]", msgspec.json.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _at(said: Mapping[str, Any], path: str) -> object:
    """The value at a dotted path. A number is a list index."""
    found: object = said
    for name in path.split("."):
        if isinstance(found, list) and name.isascii() and name.isdigit():
            found = next(iter(cast("list[object]", found)[int(name) :]), None)
        elif isinstance(found, dict):
            found = cast("dict[str, object]", found).get(name)
        else:
            return None
    return found


def _first(said: Mapping[str, Any], paths: Iterable[str], kind: type) -> object:
    """The first value of a type at one of the paths."""
    return next((found for path in paths if isinstance(found := _at(said, path), kind)), None)


def _text(said: Mapping[str, Any], paths: Iterable[str]) -> str:
    return next((text for path in paths if isinstance(text := _at(said, path), str) and text), "")
