"""What can be wrong with a document (`DocumentError`) and what was simplified on the way (`Findings`)."""

from __future__ import annotations

from dataclasses import dataclass, field


class DocumentError(Exception):
    """The document cannot be turned into code. One line, with the JSON pointer of the place where there is one."""

    def __init__(self, problem: str, pointer: str = "") -> None:
        super().__init__(f"{pointer}: {problem}" if pointer else problem)
        self.problem: str = problem
        self.pointer: str = pointer


@dataclass(frozen=True, order=True)
class GeneratorFinding:
    """Something the generated code says less exactly than the document, and why that is all right."""

    kind: str
    pointer: str
    note: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.pointer}: {self.note}"


@dataclass
class Findings:
    """Collects findings; the same one is listed once."""

    _seen: set[GeneratorFinding] = field(default_factory=set[GeneratorFinding])

    def add(self, kind: str, pointer: str, note: str) -> None:
        """Note one; `kind` is a word to look for."""
        self._seen.add(GeneratorFinding(kind, pointer, note))

    def sorted(self) -> list[GeneratorFinding]:
        """By kind, then by place."""
        return sorted(self._seen)


def pointer_of(*parts: str | int) -> str:
    """A JSON pointer as URI fragment: `pointer_of("paths", "/v2/x", "get")` is `#/paths/~1v2~1x/get`."""
    return "#/" + "/".join(escaped(str(part)) for part in parts)


def escaped(part: str) -> str:
    """One step of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def unescaped(part: str) -> str:
    """The name in a step of a JSON pointer."""
    return part.replace("~1", "/").replace("~0", "~")
