"""What the values of a configuration must look like. A mistake is refused here, so that it does not come out as odd
code."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from difflib import get_close_matches
from string import Formatter

from .errors import DocumentError
from .json_access import Json, is_array, is_object

RESERVED_CLIENTS = frozenset({"Any", "Client", "Groups", "OPERATIONS", "PROFILE", "Profile", "TYPE_CHECKING"})
"""Names that the modules of a generated package need for something else than the client class."""

_CHOICES = {"methods": ("operation_id", "path"), "free_properties": ("ignore", "keep")}
_MODULES = ("default_domain", "default_group", "runtime")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_known(given: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse a key that nothing is known of; the error names the one that may be meant."""
    known = sorted(known)
    unknown = sorted(set(given) - set(known))
    if unknown:
        near = get_close_matches(unknown[0], known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it may have {', '.join(known)}"
        raise DocumentError(f"{where} has an unknown key {unknown[0]!r}; {hint}")


def check_api(api: Json, where: str) -> None:
    """Check the values of `[api]`, which are texts."""
    wrong = sorted(key for key, value in api.items() if not isinstance(value, str))
    if wrong:
        raise DocumentError(f"{where}: {wrong[0]} must be a text")
    for key, choices in _CHOICES.items():
        if api.get(key, choices[0]) not in choices:
            raise DocumentError(f'{where}: {key} must be "{choices[0]}" or "{choices[1]}"')
    client = api.get("client", "Shop")
    if not (_is_name(client) and client[0].isupper()) or client in RESERVED_CLIENTS:
        raise DocumentError(f"{where}: client must be the name of a class, such as Shop, got {client!r}")
    for key in _MODULES:
        if key in api and not all(map(_is_name, api[key].split(".") if key == "runtime" else [api[key]])):
            raise DocumentError(f"{where}: {key} must be the name of a module, got {api[key]!r}")
    if not re.fullmatch(r"(https?://[^\s\"\\\\<>]+)?", api.get("base_url", "")):
        raise DocumentError(f"{where}: base_url must begin with https:// or http://, got {api['base_url']!r}")
    if not _VARIABLE.fullmatch(api.get("token_variable", "X")):
        raise DocumentError(f"{where}: token_variable must be the name of an environment variable")
    _check_reference(api.get("reference", ""), where)


def _check_reference(text: str, where: str) -> None:
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        names = {""}
    if not names <= {"tag", "operation_id"}:
        raise DocumentError(f"{where}: reference knows {{tag}} and {{operation_id}} only")


def check_names(table: object, name: str, steps: int, where: str) -> Json:
    """A table of renames: the new names can be written in Python, with up to so many `steps` divided by dots."""
    if not is_object(table) or not all(isinstance(value, str) and value for value in table.values()):
        raise DocumentError(f"{where}: [{name}] must give a new name for each old one")
    for old, new in table.items():
        parts = str(new).split(".")
        if len(parts) > steps or not all(map(_is_name, parts)):
            form = "a Python name" if steps == 1 else "a Python name, or two with a dot between them"
            raise DocumentError(f"{where}: [{name}] {old!r} must become {form}, got {new!r}")
    return table


def check_correction(entry: object, known: Iterable[str], where: str) -> Json:
    """One `[[correction]]`: its keys are known, and all but the value are texts."""
    if not is_object(entry) or not str(entry.get("pointer")).startswith("#/"):
        raise DocumentError(f"{where}: a correction needs a pointer that begins with #/: {entry}")
    if not entry.get("reason"):
        raise DocumentError(f"{where}: a correction without a reason: {entry.get('pointer')}")
    if entry.get("action") not in ("set", "remove", "discard"):
        raise DocumentError(f"{where}: a correction needs action set, remove or discard: {entry}")
    check_known(entry, known, f"{where}: the correction of {entry['pointer']}")
    wrong = sorted(key for key, value in entry.items() if key != "value" and not isinstance(value, str))
    if wrong:
        raise DocumentError(f"{where}: the correction of {entry['pointer']}: {wrong[0]} must be a text")
    return entry


def are_texts(value: object) -> bool:
    """Whether it is a list of texts of which none is empty."""
    return is_array(value) and all(isinstance(part, str) and part for part in value)


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)
