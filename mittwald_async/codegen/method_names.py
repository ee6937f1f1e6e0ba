"""What methods are called, and in which group: by the operation's id or by its route, as the configuration says."""

from __future__ import annotations

from collections.abc import Sequence, Set

from .config import Config
from .errors import Findings
from .json_access import Json
from .names import free_name, group_name, identifier, operation_name, singular, snake, squashed, words
from .resolve import SchemaResolver

_ACTIONS = frozenset(
    [
        "accept",
        "ack",
        "acknowledge",
        "activate",
        "apply",
        "approve",
        "archive",
        "authorize",
        "bulk",
        "cancel",
        "change",
        "check",
        "clean",
        "cleanup",
        "clone",
        "close",
        "complete",
        "confirm",
        "connect",
        "convert",
        "copy",
        "deactivate",
        "delegate",
        "deploy",
        "detach",
        "disable",
        "disconnect",
        "dispatch",
        "download",
        "enable",
        "exchange",
        "execute",
        "export",
        "fetch",
        "finish",
        "forgot",
        "format",
        "generate",
        "geocode",
        "import",
        "initiate",
        "invite",
        "join",
        "leave",
        "link",
        "lock",
        "log",
        "login",
        "logout",
        "mark",
        "merge",
        "migrate",
        "move",
        "notify",
        "parse",
        "pause",
        "ping",
        "preview",
        "process",
        "publish",
        "purge",
        "query",
        "reactivate",
        "rebuild",
        "recover",
        "refresh",
        "regenerate",
        "register",
        "reject",
        "remove",
        "rename",
        "renew",
        "reopen",
        "reorder",
        "replace",
        "reset",
        "resend",
        "resize",
        "resolve",
        "respond",
        "restart",
        "restore",
        "resume",
        "retry",
        "reverse",
        "revoke",
        "rotate",
        "run",
        "schedule",
        "search",
        "send",
        "set",
        "share",
        "sign",
        "start",
        "stop",
        "submit",
        "subscribe",
        "suspend",
        "switch",
        "sync",
        "test",
        "track",
        "transfer",
        "translate",
        "trigger",
        "unarchive",
        "unlink",
        "unlock",
        "unpublish",
        "unsubscribe",
        "update",
        "upgrade",
        "upload",
        "use",
        "validate",
        "verify",
        "withdraw",
    ]
)
"""What the last step of a path may say is done."""
_READING = frozenset(["check", "download", "export", "fetch", "preview", "query", "search", "validate", "verify"])
"""The same for GET, where most words are nouns."""
_ITEM = {"get": "get", "put": "replace", "patch": "update", "delete": "delete", "post": "post", "head": "check"}
"""The verb for one thing, by HTTP method."""
_COLLECTION = {
    "get": "list",
    "put": "replace",
    "patch": "update",
    "delete": "delete",
    "post": "create",
    "head": "check",
}


class MethodNames:
    """Gives every operation a group and a name that no other one has."""

    def __init__(self, config: Config, resolver: SchemaResolver, findings: Findings) -> None:
        self._config = config
        self._findings = findings
        held = {path.rpartition(".")[2] for path in (config.envelope.data, *config.paging.items)}
        self._lists = Lists(resolver, {*_OF_ITEMS, *map(squashed, held - {""})})
        self._names: dict[tuple[str, str], str] = {}
        self._groups: dict[str, str] = {}
        self._tags: dict[str, str] = {}

    def name(
        self, operation_id: str, tag: str, method: str, path: str, responses: Json, pointer: str
    ) -> tuple[str, str]:
        """The group and the name of an operation."""
        wanted_group, _, wanted_name = (self._config.operation(operation_id) or "").rpartition(".")
        group = self._group(wanted_group, pointer) if wanted_group else self._group_of(tag, pointer)
        if wanted_name:
            candidates = [identifier(wanted_name)]
        elif self._config.methods == "path":
            candidates = route_names(
                method, self._without_prefix(path), (tag, group), self._lists.is_list(responses, path)
            )
        else:
            candidates = [operation_name(operation_id, group)]
        taken = {name for owner, name in self._names if owner == group}
        name = free_name(candidates[0], [*candidates[1:], snake(operation_id)], taken)
        if name != candidates[0] and not (self._config.methods == "path" and name in candidates):
            other = self._names[group, candidates[0]]
            self._findings.add(
                "renamed", pointer, f"called {group}.{name}: {other!r} is called {candidates[0]} already"
            )
        self._names[group, name] = operation_id
        return group, name

    def _group_of(self, tag: str, pointer: str) -> str:
        if tag not in self._tags:
            renamed = self._config.group(tag)
            self._tags[tag] = self._group(renamed, pointer) if renamed else self._new_group(tag, pointer)
        return self._tags[tag]

    def _group(self, name: str, pointer: str) -> str:
        """A group that the configuration names."""
        found = group_name(name)
        if found != name:
            self._findings.add("renamed", pointer, f"the group is called {found}: {name!r} cannot be an attribute")
        self._groups.setdefault(found, name)
        return found

    def _new_group(self, tag: str, pointer: str) -> str:
        wanted = group_name(tag)
        if wanted != snake(tag):
            self._findings.add("renamed", pointer, f"the group of the tag {tag!r} is called {wanted}")
        group = free_name(wanted, [f"{wanted}_group"], self._groups)
        if group != wanted:
            note = f"the group of the tag {tag!r} is called {group}: {wanted} is that of {self._groups[wanted]!r}"
            self._findings.add("renamed", pointer, note)
        self._groups[group] = tag
        return group

    def _without_prefix(self, path: str) -> str:
        for prefix in self._config.path_prefixes:
            if path.startswith(prefix.rstrip("/") + "/"):
                return path[len(prefix.rstrip("/")) :]
        return path


_OF_ITEMS = frozenset(
    ["data", "items", "results", "entries", "list", "records", "rows", "values", "content", "objects"]
)
"""Properties that hold the items of a list."""
_CHAIN = 20
"""References that lead to references."""
_DEEPEST = 3
"""Objects and parts of an `allOf` around the array."""


class Lists:
    """Which operations give a list."""

    def __init__(self, resolver: SchemaResolver, names: Set[str]) -> None:
        """`names`: properties that hold the items of a list, or what holds these."""
        self._resolver = resolver
        self._names = names

    def is_list(self, responses: Json, path: str) -> bool:
        """Whether the first success is an array, or an object around one that is called like what the path ends in."""
        last = next((step for step in reversed(path.split("/")) if step and not step.startswith("{")), "")
        for status, response in responses.items():
            if status.startswith("2"):
                for media in response.get("content", {}).values():
                    return self._holds_items(media.get("schema", {}), {*self._names, squashed(last)}, 0)
        return False

    def _holds_items(self, schema: Json, names: Set[str], depth: int) -> bool:
        for _ in range(_CHAIN):
            if "$ref" not in schema:
                break
            schema = self._resolver.schemas[self._resolver.schema_name(schema["$ref"], "")]
        if schema.get("type") == "array":
            return True
        if depth >= _DEEPEST:
            return False
        parts: list[Json] = [part for name, part in schema.get("properties", {}).items() if squashed(name) in names]
        parts += schema.get("allOf", [])
        return any(self._holds_items(part, names, depth + 1) for part in parts)


def route_names(method: str, path: str, group: Sequence[str], lists: bool) -> list[str]:
    """Names for the operation of a route, shortest first: `GET /spaces/{id}/contacts` in the group `spaces` is
    `list_contacts`, else `list_space_contacts`, else `list_space_contacts_by_id`.

    Args:
        method: HTTP method in lower case.
        path: the route without a common prefix.
        group: names of the group; steps of the path that say one of them are not repeated.
        lists: the result is a list.
    """
    steps = [step for step in path.split("/") if step]
    nouns = [(number, step) for number, step in enumerate(steps) if not step.startswith("{")]
    said = {squashed(singular(word)) for name in group for word in words(name)} | {squashed(name) for name in group}
    start = max((place + 1 for place, (_, step) in enumerate(nouns) if _says(step, said)), default=0)
    places = [place for place in range(start, 0, -1) if place == start or not _says(nouns[place][1], said)]
    found = [_route_name(method, steps, nouns[place:], lists) for place in (*places, 0)]
    ids = [snake(step.strip("{}")) for step in steps if step.startswith("{")]
    if ids:
        found.append(f"{found[-1]}_by_{'_and_'.join(ids)}")
    return list(dict.fromkeys(found))


def _says(step: str, said: set[str]) -> bool:
    """Whether a step of a path says nothing that the group's name does not."""
    return squashed(step) in said or all(squashed(singular(word)) in said for word in words(step))


def _route_name(method: str, steps: Sequence[str], nouns: Sequence[tuple[int, str]], lists: bool) -> str:
    one = bool(steps) and steps[-1].startswith("{")
    parts = [
        singular(snake(step)) if number + 1 < len(steps) and steps[number + 1].startswith("{") else snake(step)
        for number, step in nouns
    ]
    last = parts[-1] if parts and not one else ""
    first, *rest = last.split("_")
    if first in (_READING if method in ("get", "head") else _ACTIONS):
        return identifier("_".join([first, *parts[:-1], *rest]))
    if method == "post" and last:
        many = singular(last) != last
        return identifier("_".join(["create" if many else "post", *parts[:-1], singular(last)]))
    verb = (_ITEM if one or (method == "get" and not lists) else _COLLECTION).get(method, method)
    return identifier("_".join([verb, *parts]))
