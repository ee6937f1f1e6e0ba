"""`Secret`: text that is shown only where it is asked for by name."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NoReturn, final

from ..errors import ConfigurationError

_SURROGATE = re.compile("[\ud800-\udfff]")


@final
class Secret:
    """Text that does not show in a repr, an f-string, a pickle or a dump of attributes.

    The text sits in a closure, so tools that walk attributes (debuggers, error reporters) find a function. Code that
    needs the text calls `reveal()` in the expression that uses it and keeps it in no variable.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], str]
    """The text itself."""

    def __init__(self, text: str) -> None:
        self.reveal = lambda: text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return format("Secret(***)", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self.reveal()), _bytes(other.reveal()))

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: build the credentials in the process that uses them")


def as_secret(text: str | Secret) -> Secret:
    """The text as a secret, a secret as it is. (Callers `del` their own name for the text.)"""
    return text if isinstance(text, Secret) else Secret(text)


def flaw_of(text: object) -> str:
    """What keeps `text` from being a token; empty if nothing does."""
    if not isinstance(text, str):
        return f"must be text, got {type(text).__name__}"
    if not text.strip():
        return "is empty"
    if text != text.strip():
        where = "ends" if text == text.lstrip() else "begins"
        what = "a line break" if "\n" in text or "\r" in text else "white space"
        return f"{where} with {what}: strip it"
    if any(not "!" <= character <= "~" for character in text):
        return "holds a character that no header may carry (white space, control or non-ASCII)"
    return ""


def _bytes(text: str) -> bytes:
    """Never fails: the error would carry the text."""
    return text.encode("utf-8", "surrogatepass")


def text_flaw(text: object) -> str:
    """What keeps `text` from being part of a login; empty if nothing does."""
    if not isinstance(text, str):
        return f"must be text, got {type(text).__name__}"
    if not text.strip():
        return "is empty"
    return "holds a character that cannot be sent (a lone surrogate)" if _SURROGATE.search(text) else ""


def digest(kind: str, text: str) -> str:
    """An identifier of credentials that does not reveal them."""
    return hashlib.sha256(_bytes(f"credentials:{kind}:{text}")).hexdigest()[:24]


def check_text(what: str, value: object) -> None:
    """Refuse what cannot be part of a login.

    Raises:
        ConfigurationError: `what` and the reason, never the text.
    """
    flaw = text_flaw(value.reveal() if isinstance(value, Secret) else value)
    if flaw:
        raise ConfigurationError(f"{what} {flaw}")
