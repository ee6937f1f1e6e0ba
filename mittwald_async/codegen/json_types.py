"""Types as JSON has them: bytes are a way to send and receive files, inside JSON there is only text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from . import ir


def textual(made: ir.Type) -> ir.Type:
    """The type with text for bytes."""
    match made:
        case ir.Primitive("bytes"):
            return ir.STR
        case ir.ListOf():
            return ir.ListOf(textual(made.item), made.limits)
        case ir.DictOf():
            return ir.DictOf(textual(made.value), made.limits)
        case ir.Nullable():
            return ir.Nullable(textual(made.inner))
        case ir.Either():
            return ir.Either(tuple(dict.fromkeys(map(textual, made.options))))
        case _:
            return made


def use_text(declarations: Mapping[str, Mapping[str, ir.Declaration]]) -> None:
    """Put text for bytes in everything that is declared."""
    for found in _all(declarations):
        match found:
            case ir.ModelSpec():
                found.fields = tuple(replace(prop, type=textual(prop.type)) for prop in found.fields)
            case ir.Alias():
                found.type = textual(found.type)
            case ir.Union():
                found.variants = tuple(map(textual, found.variants))


def _all(declarations: Mapping[str, Mapping[str, ir.Declaration]]) -> Iterable[ir.Declaration]:
    return (found for domain in declarations.values() for found in domain.values())


def without_limits(made: ir.Type) -> ir.Type:
    """The bare type, without what the document says of elements and values."""
    match made:
        case ir.ListOf():
            return ir.ListOf(without_limits(made.item))
        case ir.DictOf():
            return ir.DictOf(without_limits(made.value))
        case ir.Nullable():
            return ir.Nullable(without_limits(made.inner))
        case ir.Either():
            return ir.Either(tuple(map(without_limits, made.options)))
        case _:
            return made
