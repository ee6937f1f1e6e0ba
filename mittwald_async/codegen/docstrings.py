"""Docstrings of methods, from facts only: no sentence of the document is repeated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import ir
from .expressions import wire_type
from .layout import in_docstring, quoted
from .names import squashed, words

_ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    412: "PreconditionError",
    422: "UnprocessableError",
    429: "RateLimitError",
}
_MANY_VALUES = 12
"""Known values that are listed."""

_VERBS = re.compile(
    "abort|accept|add|authenticate|call|cancel|change|check|confirm|consent|copy|count|create|declare|decline|delete"
    "|detect|disable|edit|enable|express|generate|get|init|invalidate|link|list|patch|preview|pull|read|recover|recreate"
    "|refresh|register|remove|replace|request|resend|reset|restart|retrieve|rotate|schedule|send|set|start|stop"
    "|subscribe|suggest|terminate|uninstall|unlink|unlock|unsubscribe|update|upload|validate|verify"
)
_NOUNS_TOO = {"order", "invoice"}
"""Words that are verbs only after another word."""


def sentence(name: str) -> str:
    """`list_projects` -> `List projects.`, `dns_update_record_set` -> `Update record set (dns).`"""
    parts = [word.lower() for word in words(name) if word.lower() != "deprecated"] or words(name)
    verb = next((place for place, word in enumerate(parts[:4]) if _is_verb(word, place) and place + 1 < len(parts)), 0)
    said, about = parts[verb:], list(dict.fromkeys(word for word in parts[:verb] if word not in parts[verb:]))
    text = " ".join(said) + (f" ({' '.join(about)})" if about else "")
    return f"{text[:1].upper()}{text[1:]}."


def _is_verb(word: str, place: int) -> bool:
    return _VERBS.fullmatch(word) is not None or (place > 0 and word in _NOUNS_TOO)


def error_name(status: int) -> str:
    """The exception class for a status, as `errors.error_class` chooses it."""
    return _ERRORS.get(status) or ("ServerError" if status >= 500 else "StatusError")


def method_docstring(operation: ir.OperationSpec, reference: str, result: str, body_name: str) -> list[str]:
    """The lines of a method's docstring, without quotes and indentation."""
    lines = [sentence(operation.name), "", f"`{operation.method} {operation.path}`"]
    if operation.removed_upstream:
        lines.append("The provider has removed this operation from its documentation.")
    elif reference:
        tag = squashed(operation.tag)
        lines.append(reference.format(tag=tag, operation_id=operation.operation_id))
    if not operation.secured:
        lines.append("Needs no token.")
    arguments = _arguments(operation, body_name)
    if arguments:
        lines += ["", "Args:", *(f"    {line}" for line in arguments)]
    lines += ["", f"Returns: {result}"]
    if operation.errors:
        lines.append(f"Raises: {_raises(operation.errors)}")
    return [in_docstring(line) for line in lines]


def _arguments(operation: ir.OperationSpec, body_name: str) -> list[str]:
    lines = [_argument(argument) for argument in operation.arguments]
    if operation.body is not None and operation.body.flat:
        lines += [_argument(argument, operation.body.required) for argument in operation.body.properties]
    elif operation.body is not None:
        sent = "the request body" if operation.body.required else "the request body, optional"
        lines.append(f"{body_name}: {sent} ({operation.body.content_type}).")
    return lines


def _argument(argument: ir.Argument, body_required: bool = True) -> str:
    facts = [_kind(argument)]
    if argument.where in ("header", "cookie"):
        facts.append(f"{argument.where} `{argument.wire}`")
    if argument.values and argument.type != ir.BOOL:
        shown = ", ".join(quoted(value) for value in argument.values[:_MANY_VALUES])
        facts.append(f"known values {shown}{', …' if len(argument.values) > _MANY_VALUES else ''}")
    facts += _range(argument.limits)
    if argument.default is not None and not isinstance(argument.default, dict | list):
        facts.append(f"server default {quoted(argument.default)}")
    if argument.required and not body_required:
        facts.append("needed if any other is given")
    if argument.nullable:
        facts.append("None sends null")
    if argument.deprecated:
        facts.append("deprecated")
    return f"{argument.name}: {'; '.join(facts)}."


def _kind(argument: ir.Argument) -> str:
    kind = "file" if argument.type == ir.BYTES else wire_type(argument.type)
    return f"{kind} ({argument.limits.format})" if argument.limits.format else kind


def _range(limits: ir.ValueConstraints) -> list[str]:
    facts: list[str] = []
    for low, high, unit in ((limits.minimum, limits.maximum, ""), (limits.min_length, limits.max_length, " long")):
        if low is not None and high is not None:
            facts.append(f"{low} to {high}{unit}")
        elif low is not None:
            facts.append(f"at least {low}{unit}")
        elif high is not None:
            facts.append(f"at most {high}{unit}")
    if limits.pattern is not None:
        facts.append(f"pattern `{limits.pattern}`")
    return facts


def _raises(errors: Sequence[int]) -> str:
    by_class: dict[str, list[str]] = {}
    for status in errors:
        by_class.setdefault(error_name(status), []).append(str(status))
    return ", ".join(f"{name} ({', '.join(statuses)})" for name, statuses in by_class.items()) + "."
