"""The password policy: what the document does not say in schemas, and the real API refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...runtime.operation import Operation
from ..replies import Fail, Issue

POLICY = "at least 8 characters, of them a lower-case letter, an upper-case letter, a digit and another sign; not first: - _ ;"
_SHORTEST = 8
_NOT_FIRST = "-_;"
_CLASSES = (("a lower-case letter", "[a-z]"), ("an upper-case letter", "[A-Z]"), ("a digit", "[0-9]"))
_OTHER = re.compile(r"[^A-Za-z0-9]")
_PROPERTIES = frozenset({"password", "newPassword"})

SETTERS = frozenset(
    {
        "database-copy-mysql-database",
        "database-create-mysql-database",
        "database-create-mysql-user",
        "database-update-mysql-user",
        "deprecated-database-update-mysql-user-password",
        "deprecated-mail-deliverybox-update-password",
        "deprecated-mail-update-mail-address-password",
        "deprecated-user-confirm-password-reset",
        "mail-create-deliverybox",
        "mail-create-mail-address",
        "mail-update-delivery-box-password",
        "mail-update-mail-address-password",
        "sftp-user-create-sftp-user",
        "sftp-user-update-sftp-user",
        "ssh-user-create-ssh-user",
        "ssh-user-update-ssh-user",
        "user-change-password",
        "user-confirm-password-reset",
        "user-register",
    }
)
"""Operations that set a password of something; others name one that exists."""


def check(operation: Operation[Any], body: Any) -> None:
    """Raise Fail (400) for a new password that the policy forbids."""
    if operation.operation_id not in SETTERS:
        return
    issues = [
        Issue(path, reason, "password") for path, value in _passwords(body, "body") if (reason := weakness(value))
    ]
    if issues:
        raise Fail(400, "ValidationError", "request validation failed", issues)


def weakness(password: str) -> str | None:
    """Why the policy forbids a password; `None`: it does not."""
    if len(password) < _SHORTEST:
        return f"must have at least {_SHORTEST} characters"
    if password[0] in _NOT_FIRST:
        return f"must not begin with {password[0]}"
    missing = [name for name, pattern in _CLASSES if not re.search(pattern, password)]
    if not _OTHER.search(password):
        missing.append("a sign that is neither letter nor digit")
    return f"must contain {missing[0]}" if missing else None


def _passwords(body: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(body, dict):
        return
    fields: dict[str, Any] = body  # pyright: ignore[reportUnknownVariableType]
    for name, value in fields.items():
        if name in _PROPERTIES and isinstance(value, str):
            yield f"{path}.{name}", value
        else:
            yield from _passwords(value, f"{path}.{name}")
