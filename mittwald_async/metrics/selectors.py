"""PromQL, as far as it takes to restrict every selector of a query to one project."""

from __future__ import annotations

import re

from ..runtime.errors import InvalidArgumentError

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<comment>\#[^\n]*)"""
    r"""|(?P<number>0[xX][0-9a-fA-F]+|\d[\w.]*)|(?P<name>[A-Za-z_:][\w:]*)|(?P<mark>.)""",
    re.DOTALL,
)
_GROUPING = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_WORDS = _GROUPING | frozenset(("and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf", "nan"))
"""Names that are not metrics."""


def restricted(promql: str, label: str, value: str) -> str:
    """The query with `label="value"` in every selector.

    Raises:
        InvalidArgumentError: the query has no selector.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    matcher = f'{label}="{escaped}"'
    tokens = [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(promql)]
    written: list[str] = []
    selectors = 0
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        if text in ("{", "[") and kind == "mark":
            end = _closing(tokens, at, "}" if text == "{" else "]")
            inner = "".join(piece for _, piece in tokens[at + 1 : end])
            if text == "{":
                selectors += 1
                text = f"{{{matcher}{', ' if inner.strip() else ''}{inner}}}"
            else:
                text = f"[{inner}]"
            at = end
        elif kind == "name":
            following = _following(tokens, at)
            if text.lower() in _GROUPING and following == "(":
                end = _closing(tokens, at, ")")
                text = "".join(piece for _, piece in tokens[at : end + 1])
                at = end
            elif text.lower() not in _WORDS and following not in ("(", "{") and not _aggregates(tokens, at):
                selectors += 1
                text = f"{text}{{{matcher}}}"
        written.append(text)
        at += 1
    if not selectors:
        raise InvalidArgumentError("promql", f"has no metric that could be restricted to a project: {promql!r}")
    return "".join(written)


def _closing(tokens: list[tuple[str, str]], at: int, mark: str) -> int:
    for place in range(at, len(tokens)):
        if tokens[place] == ("mark", mark):
            return place
    raise InvalidArgumentError("promql", f"has no {mark} for the {tokens[at][1]} in it")


def _following(tokens: list[tuple[str, str]], at: int) -> str:
    return next((text for _, text in tokens[at + 1 :] if not text.isspace()), "")


def _aggregates(tokens: list[tuple[str, str]], at: int) -> bool:
    """`sum by (x) (y)`: an aggregation with its grouping in front."""
    return _following(tokens, at).lower() in ("by", "without")
