"""Where a `$ref` leads: inside the document, into other files beside it, and what the schema there is called."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from .errors import DocumentError, Findings, escaped, unescaped
from .json_access import is_array, is_object
from .load import is_url, parse_text, read_bytes

_MAX_FILES = 10_000
_CHAIN = 50
"""References that lead to references; more lead in a circle."""


@dataclass(frozen=True)
class Location:
    """A place: a file (empty for the document itself) and a JSON pointer in it without `#`."""

    file: str
    pointer: str = ""

    def step(self, *parts: str | int) -> Location:
        return Location(self.file, self.pointer + "".join(f"/{escaped(str(part))}" for part in parts))

    def __str__(self) -> str:
        name = self.file.rpartition("/")[2]
        return f"{name}#{self.pointer}"


@dataclass(frozen=True)
class Found:
    """The target of a reference, and its location."""

    node: Any
    at: Location


class References:
    """Resolves the references of one document. Files are read when one is first referred to."""

    def __init__(self, root: Any, source: str, findings: Findings) -> None:
        self._files: dict[str, Any] = {"": root}
        self._source = source if is_url(source) or not source else str(Path(source).resolve())
        self._findings = findings
        self._anchors: dict[str, dict[str, Found]] = {}

    def lookup(self, reference: object, here: Location, known: Container[Location] = ()) -> Found | None:
        """The node a `$ref` at a place names, after following the references it leads to in turn.

        Args:
            reference: the value of `$ref`.
            here: its location.
            known: places at which following ends, even if there is a further reference.

        Returns:
            `None`, with a finding, for what cannot be found and for what leads in a circle.
        """
        at = here
        for _ in range(_CHAIN):
            found = self._one(reference, at)
            if isinstance(found, str):
                self._findings.add("reference", str(here), found)
                return None
            if found.at in known or not (is_object(found.node) and "$ref" in found.node and len(found.node) == 1):
                return found
            reference, at = found.node["$ref"], found.at
        self._findings.add("reference", str(here), f"the $ref {reference!r} leads in a circle")
        return None

    def _one(self, reference: object, here: Location) -> Found | str:
        """One step, or what is wrong with it."""
        if not isinstance(reference, str) or not reference:
            return f"a $ref must be text, got {type(reference).__name__}: read as any value"
        path, _, fragment = reference.partition("#")
        file = self._file(path, here.file)
        if file is None:
            return f"the $ref {reference!r} leads to another server or to no file: read as any value"
        try:
            root = self._open(file)
        except DocumentError as error:
            return f"the $ref {reference!r} cannot be followed ({error}): read as any value"
        if fragment and not fragment.startswith("/"):
            named = self._named(file).get(fragment)
            return named or f"the $ref {reference!r} names no anchor: read as any value"
        for decoded in dict.fromkeys((fragment, unquote(fragment))):
            found = _walk(root, decoded)
            if found is not _MISSING:
                # steps are respelled, so that two spellings of one location are equal
                steps = [unescaped(part) for part in decoded.split("/")[1:]]
                return Found(found, Location(file).step(*steps))
        return self._named("").get(reference) or f"the $ref {reference!r} leads nowhere: read as any value"

    def _file(self, path: str, here: str) -> str | None:
        """The file that a reference in another file means; empty for the document itself, `None`: not to be read."""
        if not path:
            return here
        base = here or self._source
        if is_url(base):
            target = urljoin(base, path)
            own, other = urlsplit(self._source), urlsplit(target)
            if (own.scheme, own.netloc) != (other.scheme, other.netloc):
                return None
        elif "://" in path or "\0" in path or "\0" in unquote(path):
            return None
        else:
            target = str((Path(base).parent / unquote(path)).resolve()) if base else path
        return "" if target == self._source else target

    def _open(self, file: str) -> Any:
        if file not in self._files:
            if not self._source:
                raise DocumentError("the document was not read from a file or URL")
            if len(self._files) >= _MAX_FILES:
                raise DocumentError(f"the document has more than {_MAX_FILES} files")
            notes: list[str] = []
            self._files[file] = parse_text(read_bytes(file), file, notes)
            for note in notes:
                self._findings.add("duplicate", str(Location(file)), note.rpartition(": ")[2])
        return self._files[file]

    def _named(self, file: str) -> dict[str, Found]:
        """Schemas of a file by their `$anchor` and `$id`."""
        if file not in self._anchors:
            self._anchors[file] = dict(_anchors(self._files[file], Location(file)))
        return self._anchors[file]


_MISSING = object()


def _walk(node: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:] if pointer else ():
        name = unescaped(part)
        if is_object(node) and name in node:
            node = node[name]
        elif is_array(node) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            return _MISSING
    return node


def _anchors(node: Any, at: Location) -> Iterator[tuple[str, Found]]:
    ahead: list[tuple[Any, Location]] = [(node, at)]
    while ahead:
        part, place = ahead.pop()
        if is_object(part):
            for key in ("$anchor", "$dynamicAnchor", "$id"):
                if isinstance(name := part.get(key), str):
                    yield name, Found(part, place)
            ahead += [(inner, place.step(key)) for key, inner in part.items() if isinstance(inner, dict | list)]
        elif is_array(part):
            ahead += [(inner, place.step(number)) for number, inner in enumerate(part)]


_HOUSES = {"components", "schemas", "definitions", "$defs", "properties", "items", "schema", "content", "paths",
           "additionalProperties", "responses", "requestBodies", "parameters", "headers", "application/json", "allOf",
           "oneOf", "anyOf", "patternProperties", "requestBody"}  # fmt: skip
"""Steps of a pointer that say what something is, not what it is called."""


def suggested_name(at: Location) -> str:
    """What the schema at a place could be called: the names on the way to it, or the file's."""
    steps = [unescaped(part) for part in at.pointer.split("/")[1:]]
    file = re.sub(r"\.(ya?ml|json)$", "", at.file.rpartition("/")[2], flags=re.IGNORECASE)
    names = [step for step in steps if step not in _HOUSES]
    if not names:
        return file or "Schema"
    if len(steps) >= 2 and steps[-2] in ("schemas", "definitions", "$defs"):
        return steps[-1]
    if len(names) == 1 and not names[0].isdigit():
        return names[0]
    return " ".join(([file] if names[0].isdigit() and file else []) + names)
