"""Small faults, inserted into a module one at a time: a swapped comparison, a constant off by one, a removed statement.

Only function bodies change. Wording is exempt: texts with a space in them, f-strings, raised errors and log lines
stay as they are, and so do `assert` statements, which inform type checkers.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
LOGS = ("log", "logger", "_log", "logs")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """One fault: variant number `variant` of node number `node` of a file, as `ast.walk` counts."""

    file: Path
    node: int
    variant: int
    lines: range
    """Lines of the changed statement."""
    function: str
    text: str
    """The change, as text."""

    def code(self) -> ast.Module:
        """The module with the fault."""
        tree = ast.parse(self.file.read_text())
        target = list(ast.walk(tree))[self.node]
        replacement = list(variants(target))[self.variant]
        changed = _Replace(target, replacement).visit(tree)
        assert isinstance(changed, ast.Module)
        return ast.fix_missing_locations(changed)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return ast.copy_location(self.new, node)
        return self.generic_visit(node)


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Possible replacements of this node."""
    match node:
        case ast.Compare(ops=[first, *_]) if type(first) in COMPARISONS:
            other = copy.copy(node)
            other.ops = [COMPARISONS[type(first)](), *node.ops[1:]]
            yield other
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in ARITHMETIC:
            yield ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)
        case ast.IfExp():
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if " " not in value.strip():
            yield ast.Constant(f"XX{value}XX")
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Assign(value=value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Assign(node.targets, ast.Constant(None), lineno=node.lineno)
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case _:
            return


def mutants(file: Path) -> list[Mutant]:
    """All faults for a file."""
    tree = ast.parse(file.read_text())
    places = {id(node): place for place, node in enumerate(ast.walk(tree))}
    found: list[Mutant] = []
    for name, function in _functions(tree):
        for statement, node in _changeable(function):
            for variant, other in enumerate(variants(node)):
                last = _head_end(statement)
                text = f"`{_shown(node)}` → `{_shown(other)}`"
                lines = range(statement.lineno, last + 1)
                found.append(Mutant(file, places[id(node)], variant, lines, name, text))
    return found


def _head_end(statement: ast.stmt) -> int:
    """The last line of the statement itself, without the block below it."""
    body: list[ast.stmt] | None = getattr(statement, "body", None)
    if body:
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    first = text.partition("\n")[0]
    return first if len(first) < 90 else first[:89] + "…"


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Functions and methods with their names; nested functions belong to the outer one."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, Function):
                    yield f"{node.name}.{member.name}", member


def _changeable(function: Function) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """Nodes that may change, each with its statement."""
    for statement in function.body:
        yield from _below(statement, statement)


def _below(statement: ast.stmt, node: ast.AST) -> Iterator[tuple[ast.stmt, ast.AST]]:
    if _wording(node):
        return
    yield statement, node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for child in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _below(child if isinstance(child, ast.stmt) else statement, child)


def _wording(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in LOGS
        case ast.Call(func=ast.Name(id="cast")):
            return True
        case _:
            return False
