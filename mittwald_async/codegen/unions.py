"""How to tell the variants of a union apart when the document names no discriminator.

For every variant a `VariantShape` says what its JSON looks like. The plan then asks, in this order: a property with
known values of its own; required keys, variants that look like another one's superset first; the same again one level
deeper; declared keys where none is required; and last the JSON type. A variant that any object would fit is only taken
for the empty object or when one of its keys is there, so that what is not known becomes `Unknown` instead of being cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import ir
from .errors import Findings
from .ir import Test
from .names import UNSPEAKABLE, free_name, snake

Declarations = Mapping[str, Mapping[str, ir.Declaration]]

_KINDS = {"str": "string", "datetime": "string", "date": "string", "bytes": "string", "int": "integer", "float": "number",
          "bool": "boolean", "None": "null"}  # fmt: skip

OBJECT = frozenset({"object"})


@dataclass(frozen=True)
class VariantShape:
    """What JSON of one variant looks like."""

    kinds: frozenset[str]
    required: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    """Known values by property, for properties that are enums."""
    free: bool = False
    """A mapping: any object fits."""
    parts: Mapping[str, VariantShape] = field(default_factory=dict[str, "VariantShape"])
    """Of required properties that are objects or arrays of objects: what is inside."""

    def could_be(self, other: VariantShape) -> bool:
        """True if JSON of this variant can have every key that the other one demands."""
        return other.required <= self.declared


class Planner:
    """Makes the plans of all unions of one document."""

    def __init__(self, declarations: Declarations, findings: Findings) -> None:
        self._declarations = declarations
        self._findings = findings

    def plan_all(self) -> None:
        """Fill in the plans of all unions and aliases."""
        for domain in self._declarations.values():
            for declaration in domain.values():
                if isinstance(declaration, ir.Union) and declaration.discriminator is not None:
                    self._declare_discriminator(declaration, declaration.discriminator)
        for domain in self._declarations.values():
            for declaration in domain.values():
                if isinstance(declaration, ir.Union):
                    declaration.plan = self.plan(declaration.variants, declaration.pointer, declaration.discriminator)
                elif isinstance(declaration, ir.Alias):
                    declaration.plan = self.plan([declaration.type], declaration.pointer)

    def plan(
        self, variants: Sequence[ir.Type], pointer: str, discriminator: ir.Discriminator | None = None
    ) -> tuple[tuple[int, Test], ...]:
        """Tests in the order they are tried, each with its variant."""
        profiles = [self.profile(variant) for variant in variants]
        structs = [number for number, profile in enumerate(profiles) if profile.kinds == OBJECT and not profile.free]
        steps: list[tuple[int, Test]] = []
        rest = structs
        if discriminator is not None:
            steps = self._by_discriminator(discriminator)
            rest = [number for number in structs if not discriminator.values[number]]
        if not steps:
            steps = self._by_value(structs, profiles)
            by_value = {number for number, _ in steps}
            rest = [
                number for number in structs if number not in by_value or not self._always_told(number, steps, profiles)
            ]
        steps += self._by_keys(rest, profiles, pointer)
        steps += self._by_kind([number for number in range(len(profiles)) if number not in structs], profiles, pointer)
        return tuple(steps)

    def _declare_discriminator(self, union: ir.Union, discriminator: ir.Discriminator) -> None:
        """A variant keeps the property that names it, also where its schema forgets to declare it."""
        for made, values in zip(union.variants, discriminator.values, strict=True):
            if not values or UNSPEAKABLE.search(discriminator.wire):
                continue
            for model in self._models(made, set()):
                if all(prop.wire != discriminator.wire for prop in model.fields):
                    self._declare_in(model, discriminator.wire, values)

    def _declare_in(self, model: ir.ModelSpec, wire: str, values: tuple[str, ...]) -> None:
        taken = {prop.name for prop in model.fields}
        name = free_name(snake(wire), [f"{snake(wire)}_"], taken)
        model.fields = (*model.fields, ir.FieldSpec(name=name, wire=wire, type=ir.Enum(values, "str"), required=False))
        note = f"declares no {wire!r}, which names it in a union: it is kept all the same"
        self._findings.add("discriminator", model.pointer, note)

    def _models(self, made: ir.Type, seen: set[ir.Ref]) -> Iterator[ir.ModelSpec]:
        """The structs that values of a type are, those of unions inside among them."""
        if not isinstance(made, ir.Ref) or made in seen:
            return
        seen.add(made)
        found = self._declarations[made.domain][made.name]
        if isinstance(found, ir.ModelSpec):
            yield found
        else:
            for part in found.variants if isinstance(found, ir.Union) else (found.type,):
                yield from self._models(part, seen)

    # ---- profiles ----

    def profile(self, made: ir.Type, depth: int = 0) -> VariantShape:
        """What JSON of a type looks like; `depth` models further in, less is shown."""
        if isinstance(made, ir.Nullable):
            inner = self.profile(made.inner, depth)
            return VariantShape(inner.kinds | {"null"})
        if isinstance(made, ir.ListOf):
            return VariantShape(frozenset({"array"}))
        if isinstance(made, ir.DictOf):
            return VariantShape(frozenset({"object"}), free=True)
        if isinstance(made, ir.Either):
            return VariantShape(frozenset[str]().union(*(self.profile(option).kinds for option in made.options)))
        if isinstance(made, ir.Enum):
            return VariantShape(frozenset({_KINDS[made.base]}))
        if isinstance(made, ir.Primitive):
            return VariantShape(frozenset({_KINDS[made.name]}) if made.name in _KINDS else frozenset({"any"}))
        target = self._declarations[made.domain][made.name]
        if isinstance(target, ir.Alias):
            return self.profile(target.type, depth)
        if isinstance(target, ir.Union):
            return self._together([self.profile(variant, depth + 1) for variant in target.variants])
        return self._of_model(target, depth)

    def _of_model(self, model: ir.ModelSpec, depth: int) -> VariantShape:
        values = {prop.wire: found for prop in model.fields if (found := self._values(prop.type))}
        parts: dict[str, VariantShape] = {}
        if depth < 2:
            for prop in model.fields:
                inner = prop.type.item if isinstance(prop.type, ir.ListOf) else prop.type
                if prop.required and isinstance(inner, ir.Ref):
                    parts[prop.wire] = self.profile(inner, depth + 1)
        return VariantShape(
            kinds=OBJECT,
            required=frozenset(prop.wire for prop in model.fields if prop.required),
            declared=frozenset(prop.wire for prop in model.fields),
            values=values,
            parts=parts,
        )

    @staticmethod
    def _together(profiles: Sequence[VariantShape]) -> VariantShape:
        """One profile for a union inside a union."""
        first, *others = profiles
        if any(profile.kinds != OBJECT or profile.free for profile in profiles):
            return VariantShape(frozenset[str]().union(*(profile.kinds for profile in profiles)), free=True)
        required, declared, values = set(first.required), set(first.declared), dict(first.values)
        for other in others:
            required &= other.required
            declared |= other.declared
            values = {
                key: tuple(dict.fromkeys([*values[key], *other.values[key]])) for key in values if key in other.values
            }
        return VariantShape(frozenset({"object"}), frozenset(required), frozenset(declared), values)

    def _values(self, made: ir.Type) -> tuple[Any, ...]:
        if isinstance(made, ir.Ref):
            target = self._declarations[made.domain][made.name]
            return self._values(target.type) if isinstance(target, ir.Alias) else ()
        if made == ir.BOOL:
            return (True, False)
        return made.values if isinstance(made, ir.Enum) else ()

    # ---- by value ----

    @staticmethod
    def _by_discriminator(discriminator: ir.Discriminator) -> list[tuple[int, Test]]:
        """The document says itself which values name which variant."""
        return [
            (number, ("const", discriminator.wire, values))
            for number, values in enumerate(discriminator.values)
            if values
        ]

    def _by_value(self, numbers: Sequence[int], profiles: Sequence[VariantShape]) -> list[tuple[int, Test]]:
        """The property whose values tell most variants apart."""
        best: list[tuple[int, Test]] = []
        keys = dict.fromkeys(key for number in numbers for key in sorted(profiles[number].values))
        for key in keys:
            having = [number for number in numbers if key in profiles[number].values]
            constants = [value for number in having for value in profiles[number].values[key]]
            if (
                len(numbers) < 2
                or len(constants) != len(set(constants))
                or not self._meant(key, having, numbers, profiles)
            ):
                continue
            if len(having) > len(best):
                best = [(number, ("const", key, profiles[number].values[key])) for number in having]
        return best

    @staticmethod
    def _meant(key: str, having: Sequence[int], numbers: Sequence[int], profiles: Sequence[VariantShape]) -> bool:
        """A value decides only if the others have the property too (as free text), or have values of their own."""
        others = [number for number in numbers if number not in having]
        return len(having) > 1 or any(key in profiles[number].declared for number in others)

    @staticmethod
    def _always_told(number: int, steps: Sequence[tuple[int, Test]], profiles: Sequence[VariantShape]) -> bool:
        """False where the deciding property is optional: without it the keys must decide."""
        key = next(test[1] for step, test in steps if step == number)
        return key in profiles[number].required

    # ---- by keys ----

    def _by_keys(
        self, numbers: Sequence[int], profiles: Sequence[VariantShape], pointer: str
    ) -> list[tuple[int, Test]]:
        steps: list[tuple[int, Test]] = []
        left = self._sorted(numbers, profiles)
        for number in left:
            steps += self._deeper(number, left, profiles)
        for number in left:
            if self._rivals(number, left, profiles):
                keys = tuple(sorted(profiles[number].declared))
                steps.append((number, ("all", (self._demand(number, profiles), ("only", keys)))))
        for number in left:
            steps.append((number, self._demand(number, profiles)))
        bare = [number for number in left if not profiles[number].required]
        if bare:
            steps.append((bare[0], ("only", ())))
        self._tell_rivals(left, profiles, pointer)
        return list(dict.fromkeys(steps))

    @staticmethod
    def _demand(number: int, profiles: Sequence[VariantShape]) -> Test:
        required = tuple(sorted(profiles[number].required))
        if required:
            return ("keys", required)
        return ("some", tuple(sorted(profiles[number].declared)))

    @staticmethod
    def _sorted(numbers: Sequence[int], profiles: Sequence[VariantShape]) -> list[int]:
        """Variants that can be mistaken for another one come before it; then the most demanding ones."""
        left = sorted(numbers, key=lambda number: (-len(profiles[number].required), number))
        ordered: list[int] = []
        while left:
            for number in left:
                mine = profiles[number]
                others = [profiles[other] for other in left if other != number]
                if not any(other.could_be(mine) and not mine.could_be(other) for other in others):
                    break
            else:
                number = left[0]
            ordered.append(number)
            left.remove(number)
        return ordered

    @staticmethod
    def _rivals(number: int, numbers: Sequence[int], profiles: Sequence[VariantShape]) -> list[int]:
        """Variants that can be mistaken for this one and vice versa."""
        mine = profiles[number]
        return [
            other
            for other in numbers
            if other != number and mine.could_be(profiles[other]) and profiles[other].could_be(mine)
        ]

    def _deeper(self, number: int, numbers: Sequence[int], profiles: Sequence[VariantShape]) -> list[tuple[int, Test]]:
        """Rivals may differ in what a common property holds."""
        rivals = self._rivals(number, numbers, profiles)
        mine = profiles[number]
        for key, part in sorted(mine.parts.items()):
            theirs = [profiles[rival].parts.get(key) for rival in rivals]
            if (
                rivals
                and part.required
                and all(other is not None and other.declared != part.declared for other in theirs)
            ):
                alone = part.required.difference(*(other.declared for other in theirs if other is not None))
                if alone or all(other is not None and not other.could_be(part) for other in theirs):
                    inside: Test = ("in", key, ("keys", tuple(sorted(part.required))))
                    return [(number, ("all", (self._demand(number, profiles), inside)))]
        return []

    def _tell_rivals(self, numbers: Sequence[int], profiles: Sequence[VariantShape], pointer: str) -> None:
        for position, number in enumerate(numbers):
            for other in self._rivals(number, numbers[position + 1 :], profiles):
                mine, theirs = profiles[number], profiles[other]
                if self._deeper(number, numbers, profiles) or self._deeper(other, numbers, profiles):
                    note = (
                        f"variants {number + 1} and {other + 1} differ in what a property holds; where it is"
                        f" empty, the one that keeps more of the value wins, else variant {number + 1}"
                    )
                elif mine.declared == theirs.declared:
                    note = (
                        f"variants {number + 1} and {other + 1} have the same keys: the one that keeps more of the"
                        f" value wins, else variant {number + 1}"
                    )
                else:
                    note = (
                        f"variants {number + 1} and {other + 1} can look alike: the one that knows every key wins,"
                        f" else variant {number + 1}"
                    )
                self._findings.add("ambiguous", pointer, note)

    # ---- by JSON type ----

    def _by_kind(
        self, numbers: Sequence[int], profiles: Sequence[VariantShape], pointer: str
    ) -> list[tuple[int, Test]]:
        order = ("null", "boolean", "integer", "number", "string", "array", "object")
        steps: list[tuple[int, Test]] = []
        for kind in order:
            fitting = [number for number in numbers if kind in profiles[number].kinds]
            steps += [(number, ("kind", kind)) for number in fitting]
            if len(fitting) > 1:
                self._findings.add(
                    "ambiguous",
                    pointer,
                    f"several variants are of type {kind}: of those that convert, the one that keeps most wins",
                )
        return [*steps, *((number, ("any",)) for number in numbers if "any" in profiles[number].kinds)]
