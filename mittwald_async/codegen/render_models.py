"""One module of structs, aliases and unions per schema domain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeGuard

from . import ir
from .expressions import Expressions, Imports, refs
from .json_types import without_limits
from .layout import INDENT, WIDTH, Bracket, Node, declared, in_docstring, lay, literal, quoted, tuple_of, union
from .location import place_of

_STRUCTS = ("UNSET", "Constraints", "Date", "DateTime", "Model", "UnionStandIn", "Unknown", "UnsetType", "union_lookup")

_FOREIGN_STAND_IN = re.compile(r"\b[a-z_]\w*\._[A-Z]")
"""`dns._Record`: another module's stand-in."""

Declarations = Mapping[str, Mapping[str, ir.Declaration]]


def render_domain(domain: str, declarations: Declarations, stamp: str, runtime: str) -> str:
    """The text of `models/<domain>.py`; `declarations` are those of all domains."""
    stand_ins = frozenset(
        ir.Ref(found.domain, found.name) for each in declarations.values() for found in each.values() if is_union(found)
    )
    return _Domain(domain, declarations[domain], stand_ins, runtime).render(stamp)


def is_union(found: ir.Declaration) -> TypeGuard[ir.Alias | ir.Union]:
    """Whether a declaration needs a stand-in: it is a union, or a list or mapping that mentions models."""
    return isinstance(found, ir.Union) or (isinstance(found, ir.Alias) and bool(refs(found.type)))


class _Domain:
    """One module in the making."""

    def __init__(
        self, domain: str, declarations: Mapping[str, ir.Declaration], stand_ins: frozenset[ir.Ref], runtime: str
    ) -> None:
        self._structs = f"{runtime}.structs"
        self._domain = domain
        self._all = [declarations[name] for name in sorted(declarations)]
        hidden = {prop.name for found in self._all if isinstance(found, ir.ModelSpec) for prop in found.fields}
        hidden |= set(declarations)
        self._imports = Imports(frozenset(hidden), dict.fromkeys(_STRUCTS, self._structs))
        self._text = Expressions(self._imports, domain)
        self._field_text = Expressions(self._imports, domain, stand_ins=stand_ins)

    def render(self, stamp: str) -> str:
        aliases: list[ir.Alias] = []
        unions: list[ir.Alias | ir.Union] = []
        models: list[ir.ModelSpec] = []
        for found in self._all:
            if isinstance(found, ir.ModelSpec):
                models.append(found)
            elif is_union(found):
                unions.append(found)
            elif isinstance(found, ir.Alias):
                aliases.append(found)
        blocks: list[str] = []
        if aliases:
            blocks.append("\n".join(self._alias(found) for found in aliases))
        blocks += [self._model(found) for found in models]
        if unions:
            blocks.append(self._unions(unions))
        gap = "\n" if aliases or not models else "\n\n"
        body = "\n\n\n".join(blocks) + "\n"
        return self._head(stamp, foreign_stand_ins=bool(_FOREIGN_STAND_IN.search(body))) + gap + body

    def _head(self, stamp: str, *, foreign_stand_ins: bool) -> str:
        lines = self._imports.lines
        groups = [
            lines(["builtins", "collections.abc", "datetime", "typing"]),
            lines(["msgspec"]),
            lines([self._structs]),
            lines(["."]),
        ]
        imports = "\n\n".join("\n".join(group) for group in groups if group)
        allowed = "# pyright: reportPrivateUsage=false" if foreign_stand_ins else ""
        title = f'"""Models of the domain `{self._domain}`."""'
        parts = [title, stamp, allowed, "from __future__ import annotations", imports]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _alias(self, found: ir.Alias) -> str:
        start = f"{found.name}: {self._imports.name('TypeAlias')} = "
        if not isinstance(found.type, ir.Enum) or found.type.base == "bool":
            return f"{start}{self._text.of(found.type)}"
        values = Bracket(self._imports.name("Literal"), [quoted(value) for value in found.type.values], brackets="[]")
        return union(start, [values, self._imports.name(found.type.base)])

    # ---- structs ----

    def _model(self, model: ir.ModelSpec) -> str:
        head = f"class {model.name}({self._imports.name('Model')}, frozen=True, kw_only=True):"
        if len(head) > WIDTH:
            head = head.replace("(", f"(\n{INDENT}").replace(")", "\n)")
        lines = [head]
        note = " Deprecated." if model.deprecated else ""
        lines.append(f'{INDENT}"""{in_docstring(place_of(model.schema, model.pointer))}{note}"""')
        if model.fields:
            lines.append("")
        lines += [self._field(prop) for prop in model.fields]
        return "\n".join(lines)

    def _field(self, prop: ir.FieldSpec) -> str:
        annotation = self._field_text.of(prop.type, prop.limits)
        default: str | None = None
        if not prop.required:
            if prop.type == ir.ANY:
                default = self._imports.name("UNSET")
            elif prop.type == ir.NONE:
                annotation = f"{self._imports.name('UnsetType')} | None"
                default = self._imports.name("UNSET")
            elif isinstance(prop.type, ir.Nullable):
                annotation = f"{annotation.removesuffix(' | None')} | {self._imports.name('UnsetType')} | None"
                default = self._imports.name("UNSET")
            else:
                default = "None"
                annotation += " | None"
        if prop.name != prop.wire:
            arguments: list[Node] = [f"default={default}"] if default else []
            value = Bracket(self._imports.name("field"), [*arguments, f"name={quoted(prop.wire)}"])
            return declared(prop.name, annotation, value, 1)
        return declared(prop.name, annotation, default, 1)

    # ---- unions ----

    def _unions(self, found: list[ir.Alias | ir.Union]) -> str:
        """Each union twice: under its name what users see, under the name with `_` what the codec reads."""
        names = {declaration.name: declaration for declaration in found}
        lines = [f"if {self._imports.name('TYPE_CHECKING')}:"]
        lines += [self._alias_of_variants(declaration, cyclic) for declaration, cyclic in _ordered(names, self._domain)]
        alias = self._imports.name("TypeAlias")
        lines += [declared(f"_{declaration.name}", alias, declaration.name, 1) for declaration in found]
        lines.append("else:")
        classes = [self._stand_in(declaration) for declaration in found]
        lookup = f"{INDENT}__getattr__ = {self._imports.name('union_lookup')}(__name__)"
        return "\n".join(lines) + "\n\n" + "\n\n".join([*classes, lookup])

    def _alias_of_variants(self, found: ir.Alias | ir.Union, cyclic: bool) -> str:
        options = found.variants if isinstance(found, ir.Union) else (found.type,)
        texts = [self._text.of(option) for option in options]
        texts.append(self._imports.name("Unknown"))
        start = f"{found.name}: {self._imports.name('TypeAlias')} = "
        distinct = list(dict.fromkeys(texts))
        if cyclic:
            return f"{INDENT}{start}{quoted(' | '.join(distinct))}"
        return union(start, distinct, 1)

    def _stand_in(self, found: ir.Alias | ir.Union) -> str:
        options = found.variants if isinstance(found, ir.Union) else (found.type,)
        lines = [f"{INDENT}class _{found.name}({self._imports.name('UnionStandIn')}):"]
        lines.append(f'{INDENT * 2}"""{in_docstring(place_of(found.schema, found.pointer))}"""')
        lines.append("")
        variants = tuple_of([quoted(self._text.of(without_limits(option))) for option in options])
        lines.append(lay(variants, 2, before="variants = "))
        lines.append(lay(literal(found.plan), 2, before="plan = "))
        return "\n".join(lines)


def _ordered(names: Mapping[str, ir.Alias | ir.Union], domain: str) -> list[tuple[ir.Alias | ir.Union, bool]]:
    """Aliases after those they mention; True with those that are part of a circle and must be quoted."""
    done: dict[str, bool] = {}
    working: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in names:
            return
        working.append(name)
        found = names[name]
        options = found.variants if isinstance(found, ir.Union) else (found.type,)
        mentioned = sorted({ref.name for option in options for ref in refs(option) if ref.domain == domain})
        for other in mentioned:
            if other not in working:
                visit(other)
        working.pop()
        done[name] = any(other in names and other not in done for other in mentioned) or name in mentioned

    for name in sorted(names):
        visit(name)
    return [(names[name], cyclic) for name, cyclic in done.items()]
