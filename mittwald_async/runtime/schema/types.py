"""From type expressions to types: `list[project.ProjectListItem]` is looked up when it is first needed.

Only the domain modules an expression names are imported, so a program that lists projects never loads the mail models.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import reduce
from importlib import import_module
from types import ModuleType, new_class
from typing import Annotated, Any, Literal

import msgspec

from ..errors import ConfigurationError
from ..structs import Constraints, Date, DateTime, UnionStandIn, Unknown, UnsetType, stand_in_for
from .typing_utils import either, is_stand_in, is_struct, is_union, members

_NAMES: Mapping[str, Any] = {
    "Annotated": Annotated,
    "Any": Any,
    "Constraints": Constraints,
    "Literal": Literal,
    "None": None,
    "Raw": msgspec.Raw,
    "Unknown": Unknown,
    "UnsetType": UnsetType,
    "bool": bool,
    "bytes": bytes,
    "date": Date,
    "datetime": DateTime,
    "dict": dict,
    "float": float,
    "int": int,
    "list": list,
    "str": str,
}

_resolved: dict[tuple[str, str, str], Any] = {}


def resolve(expression: str, *, models: str = "", module: str = "") -> Any:
    """The type an expression stands for.

    Args:
        expression: for example `str`, `list[project.ProjectListItem]`, `user.A | user.B`. Domain modules of the models
            are the roots of dotted names; they are imported on first use.
        models: the package that has the domain modules, such as `shop_client.models`; empty for none.
        module: name of a module whose own names come first; empty for none.

    Returns:
        A type that decoders and `convert` take. A union that no decoder can tell apart comes as a stand-in
        (`UnionStandIn`).

    Raises:
        ConfigurationError: the expression is not a type expression, or names something that does not exist.
    """
    key = (expression, models, module)
    found = _resolved.get(key)
    if found is None:
        try:
            node = ast.parse(expression, mode="eval").body
            found = _Evaluator(models, import_module(module) if module else None).evaluate(node)
        except (SyntaxError, ImportError, AttributeError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{expression!r} is not a type of the models: {error}") from error
        _resolved[key] = found
    return found


class _Evaluator:
    """Evaluates the syntax tree of a type expression."""

    def __init__(self, models: str, module: ModuleType | None) -> None:
        self._models = models
        self._module = module

    def evaluate(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=owner, attr=name):
                return _of_module(self.evaluate(owner), name)
            case ast.Subscript(value=outer, slice=ast.Tuple(elts=parts)):
                return self.evaluate(outer)[tuple(self.evaluate(part) for part in parts)]
            case ast.Subscript(value=outer, slice=part):
                return self.evaluate(outer)[self.evaluate(part)]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return _union(self.evaluate(left), self.evaluate(right))
            case ast.Constant(value=value):
                return value
            case ast.Call(func=ast.Name(id="Constraints"), args=[], keywords=limits):
                return Constraints(**{str(limit.arg): self.evaluate(limit.value) for limit in limits})
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case _:
                raise ValueError(f"{type(node).__name__} is not allowed in a type")

    def _named(self, name: str) -> Any:
        if self._module is not None and hasattr(self._module, name):
            return _of_module(self._module, name)
        if name in _NAMES:
            return _NAMES[name]
        if not self._models:
            raise ValueError(f"{name} is not a builtin type, and no models package is given")
        return import_module(f"{self._models}.{name}")


def _of_module(owner: Any, name: str) -> Any:
    """What a module of models has under a name, of a union its stand-in."""
    stand_in = stand_in_for(owner, name) if isinstance(owner, ModuleType) else None
    return getattr(owner, name) if stand_in is None else stand_in


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
    """A stand-in for structs without a plan: the one that requires most goes first."""
    flat: list[type] = []
    for variant in variants:
        flat.extend(getattr(variant, "ad_hoc", None) or [variant])
    ranked = sorted(range(len(flat)), key=lambda index: -len(_required(flat[index])))
    plan = tuple((index, ("keys", _required(flat[index]))) for index in ranked)
    name = "Or".join(variant.__name__ for variant in flat)
    body = {"variants": tuple(flat), "plan": plan, "ad_hoc": flat}
    return new_class(name, (UnionStandIn,), exec_body=lambda namespace: namespace.update(body))


def _required(variant: type) -> tuple[str, ...]:
    if not is_struct(variant):
        return ()
    return tuple(field.encode_name for field in msgspec.structs.fields(variant) if field.required)


def variants_of(stand_in: type[UnionStandIn]) -> tuple[Any, ...]:
    """The types of a stand-in, in the order of its plan."""
    module = stand_in.__module__ if stand_in.__module__ in sys.modules else ""
    models = module.rpartition(".")[0]
    return tuple(
        resolve(part, models=models, module=module) if isinstance(part, str) else part for part in stand_in.variants
    )
