"""Names: words out of any spelling, snake_case and PascalCase out of words, and never a collision in silence."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Container, Iterable
from functools import lru_cache

_SMALL = r"[^\W\d_A-Z]"  # any letter that is not a capital of the alphabet
_WORD = re.compile(
    r"IP[vV][46]|OAuth2?|MySQL|MySql|[KMGTP]iB(?![a-z])|[iI]18[nN]|[lL]10[nN]"  # spellings that the rules below would tear apart
    rf"|[A-Z]+s(?!{_SMALL})"  # URLs, IDs
    rf"|[A-Z]+(?!{_SMALL})|[A-Z]?{_SMALL}+|[0-9]+"
)
_IRREGULAR = {"addresses": "address", "statuses": "status", "indices": "index", "criteria": "criterion", "data": "data"}
_SAME_IN_PLURAL = (
    "ss",
    "us",
    "is",
    "news",
    "series",
    "settings",
    "details",
    "statistics",
    "stats",
    "dns",
    "kubernetes",
)


_REMEMBERED = 1 << 16
"""Names of a large document; most of them are asked for several times."""


@lru_cache(_REMEMBERED)
def words(text: str) -> tuple[str, ...]:
    """`friendlyURL` -> friendly URL; `basic:timeToFirstByteMs:min` -> basic time To First Byte Ms min.

    Digits stay with the preceding word (`mp3`, `oauth2`) unless a non-letter is between them.
    """
    found: list[str] = []
    for chunk in re.split(r"[\W_]+", unicodedata.normalize("NFKC", text)):
        end = 0
        for match in _WORD.finditer(chunk):
            word = match.group()
            beside = bool(found) and 0 < end == match.start()
            if beside and (word.isdigit() or (found[-1].isdigit() and word[0].islower())):
                found[-1] += word
            else:
                found.append(word)
            end = match.end()
    return tuple(found)


def snake(text: str) -> str:
    """The name in snake_case, `_` where nothing of it can be said in an identifier."""
    return identifier("_".join(word.lower() for word in words(text)))


def pascal(text: str) -> str:
    """The name in PascalCase; capitals inside a word are kept (`SSLCert`)."""
    name = identifier("".join(word[0].upper() + word[1:] for word in words(text)))
    return name[0].upper() + name[1:]


def joined(owner: str, part: str) -> str:
    """The name of a part of something: `Task` and `taskState` are `TaskState`, what says `task` twice says it once."""
    first, *rest = words(part) or [part]
    said = words(owner)
    repeated = bool(rest) and bool(said) and said[-1].lower() == first.lower()
    return owner + pascal("_".join(rest) if repeated else part)


def class_name(text: str) -> str:
    """A schema's own name where it can be a class's name, else that name in PascalCase."""
    usable = text.isidentifier() and text[:1].isupper() and not keyword.iskeyword(text)
    return text if usable else pascal(text)


UNSPEAKABLE = re.compile(r'["\\\x00-\x1f]')
"""What the codec takes in no name of a field on the wire."""
RESERVED_GROUPS = frozenset(
    {
        "anonymous", "base_url", "call", "close", "download", "find", "groups", "operations", "options", "profile",
        "rate_limit", "request", "response_of", "sender", "wait", "with_options",
    }
)  # fmt: skip
"""Attributes that a client has, and the module of all groups; a group of such a name is called `wait_group`."""


def group_name(tag: str) -> str:
    """The attribute of a group of operations."""
    name = snake(tag)
    return f"{name}_group" if name in RESERVED_GROUPS else name


@lru_cache(_REMEMBERED)
def identifier(name: str) -> str:
    """The nearest legal name: a keyword gets an underscore behind it, a leading digit an `n` before it."""
    name = unicodedata.normalize("NFKC", name)  # as Python reads it
    name = "".join(letter for letter in name if f"a{letter}".isidentifier()).strip("_")
    if not name:
        return "empty"
    if not name[0].isidentifier():
        name = f"n{name}"
    if keyword.iskeyword(name) or name in {"self", "cls"}:
        name += "_"
    return name


def singular(name: str) -> str:
    """The singular: `Entries` -> `Entry`; names that are not plurals are returned unchanged."""
    lowered = name.lower()
    for plural, single in _IRREGULAR.items():
        if lowered.endswith(plural):
            return name[: len(name) - len(plural)] + (single.title() if name[-len(plural)].isupper() else single)
    if lowered.endswith(_SAME_IN_PLURAL):
        return name
    if lowered.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    if lowered.endswith(("xes", "ches", "shes", "sses", "zzes")):
        return name[:-2]
    return name[:-1] if lowered.endswith("s") and len(name) > 3 else name


def squashed(text: str) -> str:
    """Letters and digits only, lower case: what two spellings of one name have in common."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def operation_name(operation_id: str, group: str) -> str:
    """The method's name: the id in snake_case, leading words that say the group dropped."""
    parts = [word.lower() for word in words(operation_id)]
    target = squashed(group)
    said = ""
    for count, part in enumerate(parts, start=1):
        said += part
        if said == target and count < len(parts):
            rest = "_".join(parts[count:])
            return rest if rest.isidentifier() and not keyword.iskeyword(rest) else identifier("_".join(parts))
        if not target.startswith(said):
            break
    return identifier("_".join(parts))


def free_name(wanted: str, fallbacks: Iterable[str], taken: Container[str]) -> str:
    """The first of the names that is free; after the last fallback a number is counted up from 2."""
    candidates = [wanted, *fallbacks]
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    number = 2
    while f"{candidates[-1]}{number}" in taken:
        number += 1
    return f"{candidates[-1]}{number}"


def is_builtin(name: str) -> bool:
    return hasattr(builtins, name)
