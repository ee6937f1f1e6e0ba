"""From type expressions to types: `list[project.ProjectListItem]` is looked up when it is first needed.

Only the domain modules an expression names are imported, so a program that lists projects never loads the mail models.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from datetime import date, datetime
from functools import reduce
from importlib import import_module
from types import ModuleType, new_class
from typing import Any, Literal

import msgspec

from ..errors import ConfigurationError
from ..structs import OneOf, Unknown, UnsetType
from .hints import either, is_stand_in, is_struct, is_union, members
from .words import share_words

MODELS = "mittwald_async.models"
"""The package whose modules are the roots of dotted names."""

_NAMES: Mapping[str, Any] = {
    "Any": Any,
    "Literal": Literal,
    "None": None,
    "Raw": msgspec.Raw,
    "Unknown": Unknown,
    "UnsetType": UnsetType,
    "bool": bool,
    "bytes": bytes,
    "date": date,
    "datetime": datetime,
    "dict": dict,
    "float": float,
    "int": int,
    "list": list,
    "str": str,
}

_resolved: dict[tuple[str, str], Any] = {}


def resolve(expression: str, module: str = "") -> Any:
    """The type an expression stands for.

    Args:
        expression: for example `str`, `list[project.ProjectListItem]`, `user.A | user.B`. Domain modules of the models
            are the roots of dotted names; they are imported on first use.
        module: name of a module whose own names come first; empty for none.

    Returns:
        A type that decoders and `convert` take. A union that no decoder can tell apart comes as a stand-in (`OneOf`).

    Raises:
        ConfigurationError: the expression is no type expression or names something that does not exist.
    """
    found = _resolved.get((expression, module))
    if found is None:
        try:
            node = ast.parse(expression, mode="eval").body
            found = _evaluate(node, import_module(module) if module else None)
        except (SyntaxError, ImportError, AttributeError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{expression!r} is no type of the models: {error}") from error
        share_words(found)
        _resolved[expression, module] = found
    return found


def _evaluate(node: ast.expr, module: ModuleType | None) -> Any:
    match node:
        case ast.Name(id=name):
            return _named(name, module)
        case ast.Attribute(value=owner, attr=name):
            return getattr(_evaluate(owner, module), name)
        case ast.Subscript(value=outer, slice=ast.Tuple(elts=parts)):
            return _evaluate(outer, module)[tuple(_evaluate(part, module) for part in parts)]
        case ast.Subscript(value=outer, slice=part):
            return _evaluate(outer, module)[_evaluate(part, module)]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union(_evaluate(left, module), _evaluate(right, module))
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
        case _:
            raise ValueError(f"{type(node).__name__} has no place in a type")


def _named(name: str, module: ModuleType | None) -> Any:
    if module is not None and hasattr(module, name):
        return getattr(module, name)
    return _NAMES[name] if name in _NAMES else import_module(f"{MODELS}.{name}")


def _union(left: Any, right: Any) -> Any:
    parts = [part for side in (left, right) for part in (members(side) if is_union(side) else (side,))]
    objects = [part for part in parts if _is_object(part)]
    if len(objects) < 2:
        return reduce(either, parts)
    rest = [part for part in parts if not _is_object(part) and part is not Unknown]
    return reduce(either, rest, _stand_in(objects))


def _is_object(part: Any) -> bool:
    return is_struct(part) or is_stand_in(part)


def _stand_in(variants: list[type]) -> Any:
    """A stand-in for structs nobody planned: the one that requires most goes first."""
    flat: list[type] = []
    for variant in variants:
        flat.extend(getattr(variant, "ad_hoc", None) or [variant])
        share_words(variant)
    ranked = sorted(range(len(flat)), key=lambda index: -len(_required(flat[index])))
    plan = tuple((index, ("keys", _required(flat[index]))) for index in ranked)
    name = "Or".join(variant.__name__ for variant in flat)
    body = {"variants": tuple(flat), "plan": plan, "ad_hoc": flat}
    return new_class(name, (OneOf,), exec_body=lambda namespace: namespace.update(body))


def _required(variant: type) -> tuple[str, ...]:
    if not is_struct(variant):
        return ()
    return tuple(field.encode_name for field in msgspec.structs.fields(variant) if field.required)


def variants_of(stand_in: type[OneOf]) -> tuple[Any, ...]:
    """The types a stand-in stands for, in the order its plan counts them."""
    module = stand_in.__module__ if stand_in.__module__ in sys.modules else ""
    return tuple(resolve(part, module) if isinstance(part, str) else part for part in stand_in.variants)
