"""What is different for users between two outputs of the generator, read from the generated files themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Members = dict[str, str]
"""A thing's parts: name and how it is described."""


@dataclass
class Outline:
    """Operations by id and models by dotted name, each with its parts."""

    operations: dict[str, Members] = field(default_factory=dict[str, Members])
    models: dict[str, Members] = field(default_factory=dict[str, Members])


def outline(files: Mapping[str, str]) -> Outline:
    """Read generated files (text by path relative to the package)."""
    found = Outline()
    for path, text in files.items():
        folder, _, name = path.rpartition("/")
        if name in ("__init__.py", "groups.py"):
            continue
        if folder == "api":
            _read_group(ast.parse(text), found)
        elif folder == "models":
            _read_domain(ast.parse(text), name.removesuffix(".py"), found)
    return found


def compare(old: Outline, new: Outline) -> list[str]:
    """Lines that begin with `+` (added), `-` (removed) or `~` (changed)."""
    lines = _compare("operation", old.operations, new.operations)
    return lines + _compare("model", old.models, new.models)


# ---- reading ----


def _read_group(tree: ast.Module, found: Outline) -> None:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            facts = {keyword.arg or "": keyword.value for keyword in node.value.keywords}
            operation_id = str(ast.literal_eval(facts.pop("operation_id")))
            members: Members = {}
            for key, value in facts.items():
                if key in ("parameters", "results"):
                    members.update(_records(value))
                elif key == "body" and isinstance(value, ast.Call):
                    members.update(_body(value))
                elif key != "name":
                    members[key] = ast.unparse(value)
            found.operations[operation_id] = members


def _records(node: ast.expr) -> Iterable[tuple[str, str]]:
    """Parameters and results: named after where they are and what they are called there."""
    for record in node.elts if isinstance(node, ast.Tuple) else []:
        if isinstance(record, ast.Call):
            facts = {keyword.arg or "": ast.unparse(keyword.value) for keyword in record.keywords}
            facts.pop("name", None)
            if "status" in facts:
                yield (
                    f"result {facts.pop('status')} {facts.pop('content_type', '').strip(chr(39))}".strip(),
                    facts["type"],
                )
            else:
                where, wire = facts.pop("where").strip("'"), facts.pop("wire").strip("'")
                yield f"{where} {wire}", ", ".join(f"{key}={value}" for key, value in facts.items())


def _body(node: ast.Call) -> Iterable[tuple[str, str]]:
    for keyword in node.keywords:
        if keyword.arg == "properties":
            yield from _records(keyword.value)
        elif keyword.arg != "flat":
            yield f"body {keyword.arg}", ast.unparse(keyword.value)


def _read_domain(tree: ast.Module, domain: str, found: Outline) -> None:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found.models[f"{domain}.{node.name}"] = dict(_fields(node))
        elif isinstance(node, ast.AnnAssign):
            _alias(node, domain, found)
        elif isinstance(node, ast.If):
            for inner in node.body:
                if isinstance(inner, ast.AnnAssign):
                    _alias(inner, domain, found)


def _alias(node: ast.AnnAssign, domain: str, found: Outline) -> None:
    if node.value is not None:
        found.models[f"{domain}.{ast.unparse(node.target)}"] = {"is": ast.unparse(node.value)}


def _fields(node: ast.ClassDef) -> Iterable[tuple[str, str]]:
    for part in node.body:
        if isinstance(part, ast.AnnAssign):
            value = "" if part.value is None else f" = {ast.unparse(part.value)}"
            yield ast.unparse(part.target), ast.unparse(part.annotation) + value


# ---- comparing ----


def _compare(kind: str, old: Mapping[str, Members], new: Mapping[str, Members]) -> list[str]:
    lines: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"+ {kind} {name}")
        elif name not in new:
            lines.append(f"- {kind} {name}")
        else:
            lines += [f"~ {kind} {name}: {change}" for change in _differences(old[name], new[name])]
    return lines


def _differences(old: Members, new: Members) -> list[str]:
    changes: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            changes.append(f"+ {name}: {new[name]}" if name != new[name] else f"+ {name}")
        elif name not in new:
            changes.append(f"- {name}")
        elif old[name] != new[name]:
            changes.append(f"{name}: {_told(old[name], new[name])}")
    return changes


def _told(old: str, new: str) -> str:
    """Known values that came or went where that is all; else both sides."""
    before, after = _values(old), _values(new)
    gone = [repr(value) for value in before if value not in after]
    come = [repr(value) for value in after if value not in before]
    if (gone or come) and _without_values(old) == _without_values(new):
        parts = [f"value {value} added" for value in come] + [f"value {value} removed" for value in gone]
        return ", ".join(parts)
    return f"{old} -> {new}"


def _values(text: str) -> list[object]:
    return [node.value for node in _literals(text)]


def _literals(text: str) -> list[ast.Constant]:
    try:
        tree = ast.parse(f"f({text})" if "=" in text else text)
    except SyntaxError:
        return []
    found: list[ast.Constant] = []
    for node in ast.walk(tree):
        inside: ast.AST | None = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).startswith("Literal"):
            inside = node.slice
        elif isinstance(node, ast.keyword) and node.arg == "enum":
            inside = node.value
        if inside is not None:
            found += [part for part in ast.walk(inside) if isinstance(part, ast.Constant)]
    return found


def _without_values(text: str) -> str:
    for node in _literals(text):
        text = text.replace(f"{node.value!r}, ", "").replace(f", {node.value!r}", "").replace(repr(node.value), "")
    return text.replace("(,)", "()").replace(",)", ")")
