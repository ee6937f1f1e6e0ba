"""What is sent and what is received: a property that only answers have is not demanded of who makes a request, and one
that only requests have is not expected in an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from . import ir
from .errors import Findings
from .expressions import refs

Declarations = Mapping[str, Mapping[str, ir.Declaration]]


def relax_directions(declarations: Declarations, operations: Sequence[ir.OperationSpec], findings: Findings) -> None:
    """Make properties optional that the document demands of the wrong side."""
    sent = _reached(declarations, (made for operation in operations for made in _sent(operation)))
    received = _reached(declarations, (result.type for operation in operations for result in operation.results))
    for ref in sent | received:
        found = declarations[ref.domain][ref.name]
        if isinstance(found, ir.ModelSpec):
            found.fields = tuple(_relaxed(found, prop, ref in sent, ref in received, findings) for prop in found.fields)


@dataclass(frozen=True)
class Uses:
    """What models are for, by dotted names."""

    sent: frozenset[str]
    """Part of a request: callers who make one must give what it requires."""
    received: frozenset[str]
    """Part of a result: callers who read one rely on what is there."""


def uses(declarations: Declarations, operations: Sequence[ir.OperationSpec]) -> Uses:
    """What the models of a surface are for."""
    given = [made for operation in operations for made in _sent(operation)]
    given += [operation.body.type for operation in operations if operation.body is not None]
    results = [result.type for operation in operations for result in operation.results]
    sent, received = _reached(declarations, given), _reached(declarations, results)
    return Uses(frozenset(ref.dotted for ref in sent), frozenset(ref.dotted for ref in received))


def _sent(operation: ir.OperationSpec) -> Iterable[ir.Type]:
    for argument in operation.arguments:
        yield argument.type
    body = operation.body
    if body is not None and body.flat:
        # no caller makes an object of the body itself: its properties are arguments
        yield from (argument.type for argument in body.properties)
    elif body is not None:
        yield body.type


def _relaxed(model: ir.ModelSpec, prop: ir.FieldSpec, sent: bool, received: bool, findings: Findings) -> ir.FieldSpec:
    if not prop.required or not ((prop.read_only and sent) or (prop.write_only and received)):
        return prop
    side = "answers" if prop.read_only else "requests"
    findings.add("direction", model.pointer, f"{prop.wire!r} is required in {side} only: optional in the model")
    return replace(prop, required=False)


def _reached(declarations: Declarations, start: Iterable[ir.Type]) -> set[ir.Ref]:
    """The declarations that types consist of, at any depth."""
    found: set[ir.Ref] = set()
    ahead = [ref for made in start for ref in refs(made)]
    while ahead:
        ref = ahead.pop()
        if ref not in found:
            found.add(ref)
            ahead += [inner for made in _parts(declarations[ref.domain][ref.name]) for inner in refs(made)]
    return found


def _parts(declaration: ir.Declaration) -> Iterable[ir.Type]:
    match declaration:
        case ir.ModelSpec():
            return [prop.type for prop in declaration.fields]
        case ir.Alias():
            return [declaration.type]
        case ir.Union():
            return declaration.variants
