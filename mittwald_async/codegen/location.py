"""The location of something in the document, in words."""

from __future__ import annotations

from .errors import unescaped


def place_of(schema: str | None, pointer: str) -> str:
    """A sentence for a docstring: the schema's name, or the way to an inline object."""
    if schema is not None:
        return f"Schema `{schema}`."
    parts = [unescaped(part) for part in pointer.removeprefix("#/").split("/")]
    if parts[:2] == ["components", "schemas"]:
        return f"In schema `{parts[2]}`: {_way(parts[3:])}."
    if parts[0] == "paths" and len(parts) > 3 and parts[2] != "parameters":
        return f"In `{parts[2].upper()} {parts[1]}`: {_way(parts[3:])}."
    return f"At `{pointer}`."


def _way(parts: list[str]) -> str:
    words: list[str] = []
    path: list[str] = []
    index = 0
    while index < len(parts):
        part = parts[index]
        following = parts[index + 1] if index + 1 < len(parts) else ""
        if part == "properties" and following:
            path.append(following)
            index += 1
        elif part == "items" and path:
            path[-1] += "[]"
        elif part == "items":
            path.append("[]")
        elif part == "additionalProperties":
            path.append("*")
        elif part == "requestBody":
            words.append("body")
        elif part == "responses":
            words.append(f"result {following}")
            index += 1
        elif part in ("content", "parameters"):
            if part == "parameters":
                words.append("parameter")
            index += 1
        elif part in ("oneOf", "anyOf"):
            path.append(f"variant {int(following) + 1}" if following.isdigit() else part)
            index += 1
        index += 1
    if path:
        words.append("`" + ".".join(path).replace(".[]", "[]") + "`")
    return ", ".join(words) if words else "inline"
