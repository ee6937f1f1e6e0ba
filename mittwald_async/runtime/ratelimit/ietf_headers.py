"""The budget as the drafts of the IETF state it in structured fields, `RateLimit` and `RateLimit-Policy`.

The newest drafts have a list of budgets, `"default";r=50;t=30` beside `"default";q=100;w=60`; draft 8 wrote the names
without quotes. Draft 7 has a dictionary, `limit=100, remaining=50, reset=30` beside `100;w=60`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..operation import RateLimit
from .header_values import MOST_REQUESTS, MOST_SECONDS, budget_of, complain, least_left, lines_of

_LABEL = re.compile(r"""
    "(?:[^"\\]|\\["\\])*"               # A string,
    | [A-Za-z*][\w!\#$%&'*+.^`|~:/-]*   # a token,
    | [0-9]{1,15}                       # or a whole number.
    """, re.VERBOSE | re.ASCII)  # fmt: skip
_DICTIONARY = re.compile(r"[ \t]*[a-z*][a-z0-9_.*-]*=")
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)(?:=([^;]*))?(?:;.*)?", re.DOTALL)
_MEANS = {"limit": "q", "remaining": "r", "reset": "t"}
"""What the dictionary calls the parameters of the list."""


def read_ietf(headers: Mapping[str, str], name: str) -> RateLimit | None:
    """The budget of which least remains. A malformed field is ignored whole.

    Args:
        headers: of any case.
        name: of the field; the policies stand in one that ends in `-Policy`. Empty: there is none.
    """
    if not name:
        return None
    text = ",".join(lines_of(headers, name))
    if not text:
        return None
    policies: dict[str, dict[str, float]] = {}
    for label, policy in _items(f"{name}-Policy", ",".join(lines_of(headers, f"{name}-Policy"))):
        policies.setdefault(label, policy)
    if _DICTIONARY.match(text):
        return least_left(
            _budget(name, one, policies.get(f"{one.get('q', 0):.0f}", {})) for one in _dictionary(name, text)
        )
    return least_left(_budget(name, one, policies.get(label, {})) for label, one in _items(name, text) if "r" in one)


def _budget(name: str, state: dict[str, float], policy: dict[str, float]) -> RateLimit | None:
    """One budget, if it counts requests."""
    left, until, most = state.get("r"), state.get("t", policy.get("w")), state.get("q", policy.get("q"))
    if (left or 0) > MOST_REQUESTS or most == 0 or not policy.get("qu", True):
        return None  # Policies may count something else, such as bytes.
    # Without a reset the whole window is the longest it can take.
    until = None if until is None or until > MOST_SECONDS else until
    most = None if most is None or most > MOST_REQUESTS else most
    return budget_of(name, None if most is None else int(most), None if left is None else int(left), until)


def _dictionary(name: str, text: str) -> list[dict[str, float]]:
    """The budgets of a dictionary: more than one where a gateway and the server behind it state one each, so that keys
    come again. Empty if it is malformed."""
    found: list[dict[str, float]] = [{}]
    for member in _split(text, ","):
        parts = _MEMBER.fullmatch(member.strip())
        if parts is None:
            complain(name, text)
            return []
        key, value = _MEANS.get(parts[1]), parts[2]
        if key is None:
            continue
        if not _is_number(value):
            complain(name, text)
            return []
        if key in found[-1]:
            found.append({})
        found[-1][key] = float(value)
    return found


def _items(name: str, text: str) -> list[tuple[str, dict[str, float]]]:
    """The members of a list of labels with whole numbers as parameters; empty if it is malformed."""
    found: list[tuple[str, dict[str, float]]] = []
    for member in _split(text, ",") if text else ():
        label, *parameters = _split(member, ";")
        if not _LABEL.fullmatch(label.strip()):
            complain(name, text)
            return []
        numbers: dict[str, float] = {}
        for parameter in parameters:
            key, _, value = parameter.strip().partition("=")
            if key == "qu":
                numbers[key] = value == '"requests"'
            if key not in ("q", "w", "r", "t"):
                continue  # A partition key, and what may come, says nothing that we need.
            if not _is_number(value):
                complain(name, text)
                return []
            numbers[key] = float(value)
        found.append((label.strip(), numbers))
    return found


def _is_number(value: str | None) -> bool:
    return value is not None and value.isascii() and value.isdigit() and len(value) <= 15


def _split(text: str, separator: str) -> list[str]:
    """Split outside quoted strings."""
    parts, begin, quoted, escaped = list[str](), 0, False, False
    for at, sign in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif sign == separator and not quoted:
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]
