"""What users see of a generated package, read from the generated files themselves: operations, redirects and models,
each with its parts, each part with its facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

Constraints = dict[str, object]
"""What is known of one part: `type`, `required`, `null`, `values` and so on; a fact that does not hold is not there."""
Parts = dict[str, Constraints]
"""Parts of an operation or model by name; facts of the whole are under the empty name."""

_LISTS = {"enum": "values", "errors": "documented errors"}


@dataclass
class Outline:
    """What a package offers."""

    operations: dict[str, Parts] = field(default_factory=dict[str, Parts])
    """By id."""
    models: dict[str, Parts] = field(default_factory=dict[str, Parts])
    """By dotted name."""
    redirects: set[str] = field(default_factory=set[str])
    """Method and path."""


def outlines(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Outline, Outline]:
    """Read two versions of generated files (text by path relative to the package). What both have word for word is left
    out of both: a large package takes seconds to parse, and most of it is the same."""
    found = Outline(), Outline()
    for path in old.keys() | new.keys():
        folder, _, name = path.rpartition("/")
        if name in ("__init__.py", "groups.py") or (folder not in ("api", "models") and name != "operations.py"):
            continue
        pieces = [_statements(files.get(path, "")) for files in (old, new)]
        same = set(pieces[0]).intersection(pieces[1])
        for one, statements in zip(found, pieces, strict=True):
            for text in statements:
                if text not in same:
                    _read(one, folder, name, ast.parse(text))
    return found


_BEGIN = re.compile(r"^(?!else\b)(?=[^\W\d])", re.MULTILINE)
"""Where a statement at the top of a module begins."""
_SAYS_SOMETHING = re.compile(r"\w+: |class (?!\w+Group:)|if ")


def _statements(text: str) -> list[str]:
    """The statements that describe something, each as text."""
    return [piece.rstrip() for piece in _BEGIN.split(text) if _SAYS_SOMETHING.match(piece)]


def _read(found: Outline, folder: str, name: str, tree: ast.Module) -> None:
    if folder == "api":
        _read_group(tree, found)
    elif folder == "models":
        found.models.update(_read_domain(tree, name.removesuffix(".py")))
    else:
        found.redirects.update(_read_redirects(tree))


# ---- operations ----


def _read_group(tree: ast.Module, found: Outline) -> None:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            values = _keywords(node.value)
            operation_id = str(ast.literal_eval(values.pop("operation_id")))
            parts: Parts = {"": {"route": f"{_text(values.pop('method'))} {_text(values.pop('path'))}"}}
            values.pop("models", None)
            if values.pop("secured", None) is not None:
                parts[""]["anonymous"] = True
            parts[""]["method"] = f"{_text(values.pop('group'))}.{_text(values.pop('name'))}"
            for record in _calls(values.pop("parameters", None)):
                name, facts = _parameter(record)
                parts[name] = facts
            for name, facts in _body(values.pop("body", None)):
                parts[name] = facts
            for record in _calls(values.pop("results", None)):
                facts = _facts(record)
                parts[f"result {facts.pop('status') or '2XX'} {facts.pop('content_type', '')}".strip()] = facts
            for call in _calls(values.pop("paging", None)):
                parts["paging"] = _facts(call)
            parts[""].update({_LISTS.get(key, key): ast.literal_eval(value) for key, value in values.items()})
            found.operations[operation_id] = parts


def _parameter(record: ast.Call) -> tuple[str, Constraints]:
    facts = _facts(record)
    del facts["name"]
    return f"{facts.pop('where')} {facts.pop('wire')}", facts


def _body(node: ast.expr | None) -> Iterator[tuple[str, Constraints]]:
    for call in _calls(node):
        properties = next((part.value for part in call.keywords if part.arg == "properties"), None)
        call.keywords = [part for part in call.keywords if part.arg not in ("properties", "flat")]
        yield "body", _facts(call)
        for record in _calls(properties):
            yield _parameter(record)


def _facts(record: ast.Call) -> Constraints:
    found: Constraints = {_LISTS.get(key, key): ast.literal_eval(value) for key, value in _keywords(record).items()}
    if "nullable" in found:
        found["null"] = found.pop("nullable")
    return found


def _calls(node: ast.expr | None) -> list[ast.Call]:
    """A record, or the records of a tuple."""
    nodes = node.elts if isinstance(node, ast.Tuple) else [node]
    return [part for part in nodes if isinstance(part, ast.Call)]


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {part.arg: part.value for part in call.keywords if part.arg is not None}


def _text(node: ast.expr) -> str:
    return str(ast.literal_eval(node))


def _read_redirects(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "REDIRECTS":
            for record in _calls(node.value):
                facts = _facts(record)
                yield f"{facts['method']} {facts['path']}"


# ---- models ----


def _read_domain(tree: ast.Module, domain: str) -> Iterator[tuple[str, Parts]]:
    aliases = [inner for node in tree.body if isinstance(node, ast.If) for inner in node.body]
    for node in [*tree.body, *aliases]:
        if isinstance(node, ast.ClassDef):
            parts = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            yield f"{domain}.{node.name}", {ast.unparse(part.target): _field(part) for part in parts}
        elif (
            isinstance(node, ast.AnnAssign) and node.value is not None and not ast.unparse(node.target).startswith("_")
        ):
            facts = _type(node.value)
            facts.pop("null", None)
            yield f"{domain}.{ast.unparse(node.target)}", {"": facts}


def _field(node: ast.AnnAssign) -> Constraints:
    facts = _type(node.annotation)
    value = node.value
    default: ast.expr | None = value
    if isinstance(value, ast.Call):  # field(default=…, name=…)
        keywords = _keywords(value)
        default = keywords.get("default")
        facts["name on the wire"] = _text(keywords["name"])
    if default is None:
        facts["required"] = True
    elif ast.unparse(default) == "None":
        facts.pop("null", None)  # None says that it is not there
    return facts


def _type(node: ast.expr) -> Constraints:
    """Facts of an annotation: the bare type, whether null is a value, known values, what `Annotated` says."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):  # a quoted alias
        node = ast.parse(node.value, mode="eval").body
    facts: Constraints = {}
    options: list[str] = []
    values: list[object] = []
    for option in _options(node):
        if isinstance(option, ast.Subscript) and _is(option.value, "Annotated"):
            inner, *metadata = _inside(option)
            within = _type(inner)
            options.append(str(within.pop("type")))
            values += cast("tuple[object, ...]", within.pop("values", ()))
            facts.update(within)
            for record in metadata:
                facts.update(_facts(record) if isinstance(record, ast.Call) else {})
        elif ast.unparse(option) == "None":
            facts["null"] = True
        elif not _is(option, "UnsetType"):
            bare = _Bare()
            option = bare.visit(option)
            facts |= bare.facts
            known = [
                part for part in ast.walk(option) if isinstance(part, ast.Subscript) and _is(part.value, "Literal")
            ]
            for literal in known:
                values += [ast.literal_eval(part) for part in _inside(literal)]
            if not (isinstance(option, ast.Subscript) and _is(option.value, "Literal")):
                options.append(_WITH_VALUES.sub("", ast.unparse(option)))
    return {"type": " | ".join(dict.fromkeys(options)), **({"values": tuple(values)} if values else {}), **facts}


_WITH_VALUES = re.compile(r"""Literal_?\[(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\]'"])*\] \| """)


_TIMES = {"DateTime": "datetime", "Date": "date"}


class _Bare(ast.NodeTransformer):
    """Takes out what `Annotated` says of elements and values, and remembers it; says unions and times as users do."""

    def __init__(self) -> None:
        self.facts: Constraints = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = node.id.removeprefix("_")
        return ast.Name(_TIMES.get(name.rstrip("_"), name))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Attribute(node.value, node.attr.removeprefix("_"))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not _is(node.value, "Annotated"):
            return node
        inner, *metadata = _inside(node)
        for record in metadata:
            self.facts |= {f"{key} of each": value for call in _calls(record) for key, value in _facts(call).items()}
        return inner


def _inside(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _options(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_options(node.left), *_options(node.right)]
    return [node]


def _is(node: ast.expr, name: str) -> bool:
    """Whether the name is meant, perhaps imported under an alias."""
    return isinstance(node, ast.Name) and node.id.rstrip("_") == name
