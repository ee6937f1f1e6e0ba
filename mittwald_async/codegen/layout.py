"""Text layout: the shape that `ruff format` gives, so that generated files need no formatter.

A bracket either fits on its line or puts each element on a line of its own with a comma behind it; both shapes are
left alone by the formatter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

WIDTH = 120
INDENT = "    "


@dataclass(frozen=True)
class Bracket:
    """`head` + bracket + `tail`, like `Name(` … `)`."""

    head: str
    items: Sequence[Node]
    tail: str = ""
    brackets: str = "()"
    tuple_: bool = False
    """A tuple: one element alone has a comma behind it."""


Node: TypeAlias = "str | Bracket"


def call(head: str, *items: Node) -> Bracket:
    """`head(items)`."""
    return Bracket(head, items)


def tuple_of(items: Sequence[Node]) -> Bracket:
    """`(items)`."""
    return Bracket("", items, tuple_=True)


def flat(node: Node) -> str:
    """The node on one line, however long."""
    if isinstance(node, str):
        return node
    inner = ", ".join(flat(item) for item in node.items)
    if node.tuple_ and len(node.items) == 1:
        inner += ","
    return f"{node.head}{node.brackets[0]}{inner}{node.brackets[1]}{node.tail}"


def lay(node: Node, indent: int = 0, before: str = "", after: str = "") -> str:
    """The node as one or more lines; the first begins with the indentation and `before`, the last ends in `after`."""
    margin = INDENT * indent
    line = f"{margin}{before}{flat(node)}{after}"
    if isinstance(node, str):
        return line if len(line) <= WIDTH else _at_bars(line, margin)
    if not node.items or len(line) <= WIDTH:
        return line
    lines = [f"{margin}{before}{node.head}{node.brackets[0]}"]
    alone = bool(node.head) and node.brackets == "[]" and len(node.items) == 1  # a comma would make it a tuple
    lines += [lay(item, indent + 1, after="" if alone else ",") for item in node.items]
    lines.append(f"{margin}{node.brackets[1]}{node.tail}{after}")
    return "\n".join(lines)


def assigned(name: str, annotation: Bracket, value: Bracket) -> str:
    """`name: annotation = value` of a module; a left side that fills the line is broken first."""
    before = f"{name}: {flat(annotation)} = "
    if len(f"{before}{value.head}{value.brackets[0]}") <= WIDTH:
        return lay(value, before=before)
    if len(f"{before}(") <= WIDTH:
        return f"{before}(\n{lay(value, 1)}\n)"
    inner = f"\n{INDENT}{flat(annotation.items[0])}\n"
    start = f"{name}: {annotation.head}{annotation.brackets[0]}{inner}{annotation.brackets[1]} = "
    return start + lay(value)


def declared(name: str, annotation: str, value: Bracket | str | None, indent: int) -> str:
    """`name: annotation` or `name: annotation = value`, as an attribute of a class."""
    margin = INDENT * indent
    start = f"{margin}{name}: {annotation}"
    line = start if value is None else f"{start} = {flat(value)}"
    if len(line) <= WIDTH:
        return line
    if isinstance(value, Bracket) and len(f"{start} = {value.head}(") <= WIDTH:
        return lay(value, indent, before=f"{name}: {annotation} = ")
    if value is not None and len(f"{start} = (") <= WIDTH:
        return f"{start} = (\n{lay(value, indent + 1)}\n{margin})"
    options = _options(annotation)
    if len(options) == 1:
        after = "" if value is None else f" = {flat(value)}"
        return lay(_bracketed(annotation), indent, before=f"{name}: ", after=after)
    wrapped = (
        union("", options, indent)
        if len(f"{margin}{INDENT}{annotation}") > WIDTH
        else f"(\n{margin}{INDENT}{annotation}\n{margin})"
    )
    head = f"{margin}{name}: {wrapped.lstrip()}"
    return head if value is None else f"{head} = {flat(value)}"


_PIECE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|.""", re.DOTALL)
"""A string literal, or a letter outside of one."""
_BRACKETED = re.compile(r"([\w.]+)([\[(])(.*)[\])]", re.DOTALL)


def _options(annotation: str) -> list[str]:
    """The alternatives of a union that is not inside brackets."""
    return _split(annotation, "|")


def _split(text: str, mark: str) -> list[str]:
    """The text split at a mark outside brackets and literals."""
    depth = 0
    parts = [""]
    for piece in _PIECE.findall(text):
        depth += (piece in ("[", "(")) - (piece in ("]", ")"))
        if piece == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def _bracketed(option: str) -> Node:
    """`head[a, b]` or `head(a, b)` as something that can be broken; any other text as it is."""
    found = _BRACKETED.fullmatch(option)
    if found is None:
        return option
    return Bracket(found[1], [_bracketed(part) for part in _split(found[3], ",")], brackets=found[2] + option[-1])


def union(start: str, options: Sequence[Node], indent: int = 0) -> str:
    """`start` and the options joined by bars: on one line, in parentheses, or one option per line."""
    margin, inner = INDENT * indent, INDENT * (indent + 1)
    text = " | ".join(flat(option) for option in options)
    options = [part for option in options for part in ([option] if isinstance(option, Bracket) else _options(option))]
    if len(options) == 1 or len(f"{margin}{start}{text}") <= WIDTH:
        return lay(options[0], indent, before=start) if len(options) == 1 else f"{margin}{start}{text}"
    if len(inner + text) <= WIDTH:
        return f"{margin}{start}(\n{inner}{text}\n{margin})"
    nodes = [_bracketed(option) if isinstance(option, str) else option for option in options]
    rows = [lay(node, indent + 1, before="| " if number else "") for number, node in enumerate(nodes)]
    return "\n".join([f"{margin}{start}(", *rows, f"{margin})"])


def _at_bars(line: str, margin: str) -> str:
    """A parameter whose annotation is a union too long for a line: one alternative per line."""
    return f"\n{margin}| ".join(
        [margin + option if not number else option for number, option in enumerate(_options(line))]
    )


def named(name: str, node: Node) -> Node:
    """`name=node` inside a call."""
    if isinstance(node, str):
        return f"{name}={node}"
    return Bracket(f"{name}={node.head}", node.items, node.tail, node.brackets, node.tuple_)


def quoted(value: object) -> str:
    """A literal in double quotes where that needs no more escapes."""
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    if text.startswith("'") and '"' not in value:
        inner = text[1:-1].replace("\\'", "'")
        return f'"{inner}"'
    return text


def in_docstring(text: str) -> str:
    """Text of the document as one line that cannot end the docstring or mean anything in it."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line.replace("\\", "\\\\").replace('"""', "'''")


def literal(value: object) -> Node:
    """A Python literal of plain data."""
    if isinstance(value, tuple):
        return tuple_of([literal(item) for item in cast("tuple[object, ...]", value)])
    return quoted(value)
