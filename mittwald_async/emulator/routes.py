"""The documented operations as routes: which request is which operation, and where the redirect stubs lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import quote, unquote

from ..runtime.operation import Operation, Parameter, Redirect

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


class Route:
    """One operation, with what the server looks up for every request of it."""

    __slots__ = ("headers", "is_list", "needs_query", "operation", "path", "query", "success", "unscoped")

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation: Operation[Any] = operation
        by_place: dict[str, dict[str, Parameter]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        for parameter in operation.parameters:
            by_place[parameter.where][parameter.wire] = parameter
        self.path: dict[str, Parameter] = by_place["path"]
        self.query: dict[str, Parameter] = by_place["query"]
        self.headers: dict[str, Parameter] = {wire.lower(): parameter for wire, parameter in by_place["header"].items()}
        self.needs_query: bool = any(parameter.required for parameter in self.query.values())
        self.success: int = operation.results[0].status if operation.results else 204
        self.is_list: bool = operation.paging is not None
        self.unscoped: bool = self.is_list and "{" not in operation.path and operation.secured
        """A list of everything its caller may see."""


class Stub:
    """A redirect stub. Where it leads is found out when it is requested."""

    __slots__ = ("_location", "_successors", "redirect")

    def __init__(self, redirect: Redirect, successors: Successors) -> None:
        self.redirect: Redirect = redirect
        self._successors = successors
        self._location: str | None = None

    @property
    def location(self) -> str:
        """A path template with the stub's own placeholders."""
        if self._location is None:
            self._location = self._successors.location(self.redirect)
        return self._location

    def target(self, values: Mapping[str, str], query: str) -> str:
        """The location for one request."""
        path = PLACEHOLDER.sub(lambda found: quote(values.get(found[1], "-"), safe=""), self.location)
        return f"{path}?{query}" if query else path


class _Node:
    __slots__ = ("any", "ends", "literal")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.ends: dict[str, tuple[Route | Stub, tuple[str, ...]]] = {}


class Routes:
    """All routes; literal segments win over placeholders."""

    def __init__(
        self,
        operations: Iterable[Operation[Any]],
        redirects: Iterable[Redirect],
        locations: Mapping[str, str] | None = None,
    ) -> None:
        self.by_id: dict[str, Route] = {operation.operation_id: Route(operation) for operation in operations}
        self._root = _Node()
        for route in self.by_id.values():
            self._add(route.operation.method, route.operation.path, route)
        self.stubs: list[Stub] = []
        finder = Successors([route.operation for route in self.by_id.values()], locations or {})
        for redirect in redirects:
            stub = Stub(redirect, finder)
            self.stubs.append(stub)
            self._add(redirect.method, redirect.path, stub)

    def _add(self, method: str, path: str, target: Route | Stub) -> None:
        node = self._root
        names: list[str] = []
        for segment in path.split("/")[1:]:
            found = PLACEHOLDER.fullmatch(segment)
            if found:
                names.append(found[1])
                if node.any is None:
                    node.any = _Node()
                node = node.any
            else:
                node = node.literal.setdefault(segment, _Node())
        node.ends[method] = (target, tuple(names))

    def find(self, method: str, path: str) -> tuple[Route | Stub, dict[str, str]] | frozenset[str]:
        """The route of a raw (still escaped) path and its placeholders' values, or the methods the path knows."""
        segments = path.split("/")[1:]
        allowed: set[str] = set()
        values: list[str] = []
        ends = _walk(self._root, segments, 0, method, values, allowed)
        if ends is None:
            return frozenset(allowed)
        target, names = ends
        return target, dict(zip(names, values, strict=True))


def _walk(
    node: _Node, segments: list[str], at: int, method: str, values: list[str], allowed: set[str]
) -> tuple[Route | Stub, tuple[str, ...]] | None:
    if at == len(segments):
        found = node.ends.get(method)
        if found is None:
            allowed.update(node.ends)
        return found
    segment = segments[at]
    deeper = node.literal.get(segment)
    if deeper is not None:
        found = _walk(deeper, segments, at + 1, method, values, allowed)
        if found is not None:
            return found
    if node.any is not None and segment:
        values.append(unquote(segment) if "%" in segment else segment)
        found = _walk(node.any, segments, at + 1, method, values, allowed)
        if found is not None:
            return found
        values.pop()
    return None


_RENAMED = (
    ("/v2/cronjobs/{cronjobId}/app-id", "/v2/cronjobs/{cronjobId}/app-installation-id"),
    ("/v2/projects/{projectId}/filesystem/files/raw", "/v2/projects/{projectId}/filesystem-file-content"),
    ("/v2/users/{userId}/phone/verify", "/v2/users/{userId}/actions/verify-phone"),
    ("/v2/signup/token/check", "/v2/users/self/credentials/token"),
    ("/v2/signup/token/api", "/v2/users/self/api-tokens"),
    ("/v2/signup/ssh", "/v2/users/self/ssh-keys"),
    ("/v2/signup/sessions", "/v2/users/self/sessions"),
    ("/v2/signup/email", "/v2/users/self/credentials/email"),
    ("/v2/signup/mfa/confirm", "/v2/users/self/credentials/actions/confirm-mfa"),
    ("/v2/signup/mfa/reset", "/v2/users/self/credentials/mfa/reset"),
    ("POST /v2/signup/mfa", "/v2/users/self/credentials/init-mfa"),
    ("/v2/signup/mfa", "/v2/users/self/credentials/mfa"),
    ("/v2/signup/password", "/v2/users/self/credentials/password"),
    ("GET /v2/signup/profile", "/v2/users/self/personal-information"),
    ("/v2/signup/profile", "/v2/users/self"),
    ("/v2/signup/supportcodes", "/v2/users/self/credentials/support-code"),
    ("/v2/signup/supportcode", "/v2/users/self/credentials/support-code"),
    ("/v2/signup/authentication", "/v2/authenticate"),
    ("/v2/signup/registration", "/v2/register"),
    ("/v2-experimental", "/v2"),
    ("/experimental-v2", "/v2"),
)
"""Moves that a likeness of words cannot find; the first that fits is made."""


class Successors:
    """Guesses where a stub's operation lives today: same method, same placeholders in number, most alike words.

    The document does not say it in a form for machines. What is configured wins; the guess is always an existing route.
    """

    def __init__(self, operations: Iterable[Operation[Any]], locations: Mapping[str, str]) -> None:
        self._locations = locations
        self._by_method: dict[str, list[Operation[Any]]] = {}
        for operation in operations:
            self._by_method.setdefault(operation.method, []).append(operation)

    def location(self, redirect: Redirect) -> str:
        """A path template whose placeholders are the stub's."""
        configured = self._locations.get(f"{redirect.method} {redirect.path}")
        if configured is not None:
            return configured
        renamed = redirect.path
        for old, new in _RENAMED:
            method, _, start = old.rpartition(" ")
            if renamed.startswith(start) and method in ("", redirect.method):
                renamed = new + renamed[len(start) :]
                break
        own = PLACEHOLDER.findall(redirect.path)
        best = max(
            self._by_method.get(redirect.method, ()), key=lambda o: self._likeness(renamed, own, o), default=None
        )
        if best is None:
            return "/v2"
        return _with_names(best.path, own)

    def _likeness(self, path: str, own: list[str], operation: Operation[Any]) -> tuple[bool, float, bool, int]:
        fits = len(PLACEHOLDER.findall(operation.path)) <= len(own)
        alike = SequenceMatcher(None, _plain(path), _plain(operation.path), autojunk=False).ratio()
        return fits, round(alike, 3), not operation.deprecated, -len(operation.path)


def _plain(path: str) -> str:
    return re.sub(r"[-_]|s(?=/|$)", "", path.lower())


def _with_names(path: str, own: list[str]) -> str:
    """The template with its placeholders renamed to the stub's, in order where names differ."""
    spare = [name for name in own if "{" + name + "}" not in path]

    def rename(found: re.Match[str]) -> str:
        if found[1] in own:
            return found[0]
        return "{" + (spare.pop(0) if spare else found[1]) + "}"

    return PLACEHOLDER.sub(rename, path)
