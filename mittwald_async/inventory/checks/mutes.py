"""Findings that were looked at and are not to be shown: `mutes.toml`.

[[mute]]
check = "mail-catch-all"        # or family = "mail"
project = "p-4x8k2q"            # optional: id, short id or name; likewise customer, account, subject
until = 2027-01-31              # optional
reason = "the customer wants it"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import msgspec

from ...errors import ConfigurationError
from ...runtime.errors import did_you_mean
from ..toml_file import read_toml
from .check import SEVERITIES, Check, Finding
from .registry import all_checks

_MATCHED = ("check", "family", "severity", "account", "customer", "project", "resource", "subject", "key")


class Mute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which findings are hidden, why, and until when. Patterns may have `*` and `?`."""

    reason: str
    check: str | None = None
    family: str | None = None
    severity: str | None = None
    account: str | None = None
    customer: str | None = None
    project: str | None = None
    resource: str | None = None
    subject: str | None = None
    key: str | None = None
    until: date | None = None

    def concerns(self, check: Check) -> bool:
        """May it hide findings of this check?"""
        patterns = ((self.check, check.id), (self.family, check.family), (self.severity, check.severity))
        return all(pattern is None or fnmatchcase(value, pattern) for pattern, value in patterns)

    def hides(self, finding: Finding, today: date) -> bool:
        """Does it hide this finding today? Customers and projects may be given by name or id."""
        if self.until is not None and today > self.until:
            return False
        for name in _MATCHED:
            pattern = getattr(self, name)
            if pattern is None:
                continue
            values = {getattr(finding, name)}
            if name in ("customer", "project"):
                values.add(getattr(finding, f"{name}_id"))
            if not any(value is not None and fnmatchcase(value, pattern) for value in values):
                return False
        return True


def mutes_from(path: Path, known: Iterable[str]) -> tuple[Mute, ...]:
    """Read a file of mutes.

    Args:
        path: a TOML file with tables `[[mute]]`.
        known: ids of the checks there are; one that does not exist would silently mute nothing.

    Raises:
        ConfigurationError: the file cannot be read, an entry has no reason, an unknown key, or names no check.
    """
    found = read_toml(path, f"--mute {path}")
    if set(found) - {"mute"} or not isinstance(found.get("mute", []), list):
        raise ConfigurationError(f"--mute {path}: only tables [[mute]] are allowed")
    entries: list[Any] = found.get("mute", [])
    ids = set(known)
    return tuple(_mute(entry, number, path, ids) for number, entry in enumerate(entries, 1))


def _matches_all(pattern: str | None) -> bool:
    """Whether a pattern excludes nothing: it is left out, or any text fits it."""
    return pattern is None or ("*" in pattern and not pattern.strip("*?"))


def _mute(entry: Any, number: int, path: Path, known: set[str]) -> Mute:
    where = f"--mute {path}: mute {number}"
    if isinstance(entry, Mapping):
        fields = cast("Mapping[str, Any]", entry)
        unknown = [name for name in fields if name not in Mute.__struct_fields__]
        if unknown:
            raise ConfigurationError(
                f"{where}: {unknown[0]!r} is not known; there are {', '.join(Mute.__struct_fields__)}"
            )
        if "reason" not in fields:
            raise ConfigurationError(f"{where} needs a reason")
        if isinstance(fields.get("until"), datetime):
            entry = {**fields, "until": fields["until"].date()}
    try:
        mute = msgspec.convert(entry, Mute)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if not mute.reason.strip():
        raise ConfigurationError(f"{where} needs a reason")
    if all(_matches_all(getattr(mute, name)) for name in _MATCHED):
        raise ConfigurationError(f"{where} would hide everything: name a check, a family, a project …")
    if mute.check is not None and not any(fnmatchcase(check, mute.check) for check in known):
        raise ConfigurationError(f"{where}: no check is called {mute.check!r}{did_you_mean(mute.check, sorted(known))}")
    families = {check.family for check in all_checks()}
    if mute.family is not None and not any(fnmatchcase(family, mute.family) for family in families):
        raise ConfigurationError(f"{where}: no family is called {mute.family!r}{did_you_mean(mute.family, families)}")
    if mute.severity is not None and not any(fnmatchcase(severity, mute.severity) for severity in SEVERITIES):
        raise ConfigurationError(f"{where}: no severity is called {mute.severity!r}; there are {', '.join(SEVERITIES)}")
    return mute
