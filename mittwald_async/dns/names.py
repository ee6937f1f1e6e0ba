"""Host names: one spelling for each, whatever case, trailing dot or script they come in."""

from __future__ import annotations

from collections.abc import Iterator

import idna

from ..runtime.errors import InvalidArgumentError

_LONGEST_LABEL, _LONGEST_NAME = 63, 253
"""Octets (RFC 1035)."""


def canonical(name: object, argument: str = "name") -> str:
    """The name in lower case, without a dot at its end, and in ASCII (`xn--…`) where it is not.

    Raises:
        InvalidArgumentError: it is not a host name.
    """
    if not isinstance(name, str):
        raise InvalidArgumentError(argument, f"must be text, not {type(name).__name__}")
    labels = name.strip().rstrip(".").replace("。", ".").split(".")
    try:
        found = [_label(label) for label in labels]
    except idna.IDNAError as problem:
        raise InvalidArgumentError(argument, f"{name!r} is not a host name: {problem}") from None
    text = ".".join(found)
    if not all(found) or any(len(label) > _LONGEST_LABEL for label in found) or len(text) > _LONGEST_NAME:
        raise InvalidArgumentError(
            argument, f"{name!r} is not a host name: labels have 1 to 63 characters, the whole at most 253"
        )
    if any(character.isspace() or character in '"\\/@;()' for character in text):
        raise InvalidArgumentError(argument, f"{name!r} is not a host name: it has characters that none can have")
    return text


def _label(label: str) -> str:
    # Service names begin with an underscore, which IDNA does not allow, and need no conversion.
    return label.lower() if label.isascii() else idna.encode(label, uts46=True).decode("ascii")


def shown(name: str) -> str:
    """A canonical name in its own script."""
    if "xn--" not in name:
        return name
    try:
        return ".".join(idna.decode(label) if label.startswith("xn--") else label for label in name.split("."))
    except idna.IDNAError:
        return name


def covers(zone: str, name: str) -> bool:
    """Is the name the zone's own or below it? Both canonical."""
    return name == zone or name.endswith(f".{zone}")


def suffixes(name: str) -> Iterator[str]:
    """Names that may be the zone, the shortest registrable one first: `example.org`, `www.example.org`."""
    labels = name.split(".")
    # Below co.uk and its like, a search for two labels would find everything.
    start = 3 if len(labels) > 2 and len(labels[-2]) <= 3 else 2
    for count in range(min(start, len(labels)), len(labels) + 1):
        yield ".".join(labels[-count:])
