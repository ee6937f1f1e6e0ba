"""Types as Python text, and the imports they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import ir
from .layout import WIDTH, quoted
from .names import is_builtin

_HOMES = {
    "datetime": "datetime",
    "date": "datetime",
    "Sequence": "collections.abc",
    "Mapping": "collections.abc",
    "TYPE_CHECKING": "typing",
    "Annotated": "typing",
    "Any": "typing",
    "ClassVar": "typing",
    "Literal": "typing",
    "TypeAlias": "typing",
    "field": "msgspec",
    "deprecated": "typing_extensions",
}


@dataclass
class Imports:
    """Names a module uses. A name that something in the module hides is imported under an alias."""

    hidden: frozenset[str] = frozenset()
    """Attribute and method names of the module's classes: inside a class they win over imported names."""
    relative: Mapping[str, str] = field(default_factory=dict[str, str])
    """Module of names that come from this package."""
    package: str = "."
    """Where domain modules are imported from."""
    used: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def name(self, name: str) -> str:
        """The local name for a name of `_HOMES`, of this package, or a builtin."""
        home = self.relative.get(name) or _HOMES.get(name)
        if home is None:
            if name not in self.hidden or not is_builtin(name):
                return name
            home = "builtins"
        return self._use(home, name)

    def domain(self, domain: str) -> str:
        """The local name of a domain module."""
        return self._use(self.package, domain)

    def _use(self, home: str, name: str) -> str:
        local = f"{name}_" if name in self.hidden else name
        self.used[home, name] = local
        return local

    def lines(self, homes: Iterable[str]) -> list[str]:
        """Import lines of the modules, sorted as ruff sorts them."""
        wanted = set(homes)
        lines: list[str] = []
        for home in sorted({home for home, _ in self.used if home in wanted}):
            names = {name: local for (where, name), local in self.used.items() if where == home}
            plain = sorted((name for name, local in names.items() if name == local), key=_by_kind)
            aliased = sorted((name for name, local in names.items() if name != local), key=_by_kind)
            entries = [(name, _aliased(home, name, names[name])) for name in aliased]
            if plain:
                entries.append((plain[0], _from(home, plain)))
            lines += [line for _, line in sorted(entries, key=lambda entry: _by_kind(entry[0]))]
        return lines

    def homes(self) -> set[str]:
        """Modules that names were taken from."""
        return {home for home, _ in self.used}


def _by_kind(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: ruff's order inside one import."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def _aliased(home: str, name: str, local: str) -> str:
    return f"from {home} import {name} as {local}"


def _from(home: str, names: list[str]) -> str:
    line = f"from {home} import {', '.join(names)}"
    if len(line) <= WIDTH - 4:
        return line
    return f"from {home} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


@dataclass
class Expressions:
    """Writes types for one module. `domain`: names of that models domain need no prefix."""

    imports: Imports
    domain: str | None = None
    argument: bool = False
    """Types of arguments: a list accepts any sequence, a file is an `Upload`."""
    stand_ins: frozenset[ir.Ref] = frozenset()
    """Unions that fields of structs name by the codec's private stand-in."""

    def of(self, made: ir.Type, limits: ir.ValueConstraints | None = None) -> str:
        """The type as an annotation, with its limits as metadata."""
        if isinstance(made, ir.Nullable):
            return f"{self.of(made.inner, limits)} | None"
        text = self._plain(made)
        if limits and made != ir.ANY and not isinstance(made, ir.Enum):
            name = self.imports.name
            return f"{name('Annotated')}[{text}, {name('Constraints')}({_facts(limits)})]"
        return text

    def _element(self, made: ir.Type, limits: ir.ValueConstraints) -> str:
        """What is inside a list or mapping; limits are written down in models only."""
        return self.of(made, None if self.domain is None else limits)

    def _plain(self, made: ir.Type) -> str:
        name = self.imports.name
        match made:
            case ir.Primitive("bytes") if self.argument:
                return name("Upload")
            case ir.Primitive("float"):
                # 5 stays 5 and 5.5 stays 5.5
                return f"{name('int')} | {name('float')}"
            case ir.Primitive("datetime" | "date") if self.domain is not None:
                return name("DateTime" if made == ir.DATETIME else "Date")
            case ir.Primitive():
                return "None" if made == ir.NONE else name(made.name)
            case ir.Enum(base="bool"):
                return name("bool")
            case ir.Enum():
                values = ", ".join(quoted(value) for value in made.values)
                return f"{name('Literal')}[{values}] | {name(made.base)}"
            case ir.ListOf():
                return f"{name('Sequence' if self.argument else 'list')}[{self._element(made.item, made.limits)}]"
            case ir.DictOf():
                return f"{name('Mapping' if self.argument else 'dict')}[{name('str')}, {self._element(made.value, made.limits)}]"
            case ir.Ref():
                local = f"_{made.name}" if made in self.stand_ins else made.name
                return local if made.domain == self.domain else f"{self.imports.domain(made.domain)}.{local}"
            case ir.Either():
                return " | ".join(dict.fromkeys(self.of(option) for option in made.options))
            case ir.Nullable():
                return self.of(made)


def _facts(limits: ir.ValueConstraints) -> str:
    parts = [
        f"{key}={quoted(value)}" for key in limits.__dataclass_fields__ if (value := getattr(limits, key)) is not None
    ]
    return ", ".join(parts)


def wire_type(made: ir.Type) -> str:
    """The type as the records of `OPERATIONS` spell it: models with their domain, known values left out."""
    match made:
        case ir.Primitive("float"):
            return "int | float"
        case ir.Primitive():
            return made.name
        case ir.Enum():
            return made.base
        case ir.ListOf():
            return f"list[{wire_type(made.item)}]"
        case ir.DictOf():
            return f"dict[str, {wire_type(made.value)}]"
        case ir.Ref():
            return made.dotted
        case ir.Nullable():
            return f"{wire_type(made.inner)} | None"
        case ir.Either():
            return " | ".join(dict.fromkeys(wire_type(option) for option in made.options))


def refs(made: ir.Type) -> set[ir.Ref]:
    """The declarations a type mentions."""
    match made:
        case ir.Ref():
            return {made}
        case ir.ListOf():
            return refs(made.item)
        case ir.DictOf():
            return refs(made.value)
        case ir.Nullable():
            return refs(made.inner)
        case ir.Either():
            return set[ir.Ref]().union(*(refs(option) for option in made.options))
        case _:
            return set()
