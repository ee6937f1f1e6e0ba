"""Passwords that the API takes."""

from __future__ import annotations

import secrets
import string

_SIGNS = "!#$%*+-.:=?_"
_LENGTH = 24
_NOT_FIRST = "-_;"
"""Signs the API refuses at the beginning of a password."""


def random_password(least: int | None = None, most: int | None = None) -> str:
    """A new password: lower and upper case, digits and signs, beginning with a letter.

    Args:
        least: characters it must have; 24 where that is fewer.
        most: characters it may have; at least 8.
    """
    length = max(_LENGTH, least or 0)
    if most is not None:
        length = max(8, min(length, most))
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SIGNS)
    rest = [secrets.choice(kind) for kind in kinds]
    rest += [secrets.choice("".join(kinds)) for _ in range(length - 1 - len(kinds))]
    secrets.SystemRandom().shuffle(rest)
    return secrets.choice(string.ascii_letters) + "".join(rest)
