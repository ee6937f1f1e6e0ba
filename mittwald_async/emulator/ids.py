"""Ids that carry their own address, and dice that always fall the same way.

A generated account may hold a million objects, and none of them is stored. So an id must lead to its object without
an index: it is the pair (kind, number), shuffled by a small keyed Feistel network and written as a version 4 UUID.
Half of the bits are a check, hence an id that was not issued with this seed is recognised as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_HALF = (1 << 61) - 1
_NUMBER_BITS = 40
_NUMBER = (1 << _NUMBER_BITS) - 1
_WORD = (1 << 64) - 1
_TAIL = (1 << 60) - 1
_LOW = 1 << 72
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_SHORT_LENGTH = 6
_SHORT_SPACE: int = 36**_SHORT_LENGTH
_SHORT_FACTOR = 1_300_190_381
"""No common divisor with 36, so multiplying with it permutes the short ids."""
_SHORT_INVERSE: int = pow(_SHORT_FACTOR, -1, _SHORT_SPACE)


class Dice:
    """A stream of choices that depends on nothing but its key.

    A hash of 512 bits is used up choice by choice (`divmod`), which is several times faster than a generator object
    per generated thing, and does not depend on `PYTHONHASHSEED`.
    """

    __slots__ = ("_key", "_pool", "_round")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._round = 0
        self._pool = int.from_bytes(blake2b(key).digest(), "big")

    def below(self, bound: int) -> int:
        """A number from 0 to `bound - 1`."""
        if self._pool < _LOW:
            self._round += 1
            self._pool = int.from_bytes(blake2b(self._key, salt=self._round.to_bytes(8, "big")).digest(), "big")
        self._pool, result = divmod(self._pool, bound)
        return result

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def text(self, length: int, alphabet: str = _ALPHABET) -> str:
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(length))


class Ids:
    """Turns (kind, number) into a UUID or a short id and back.

    Args:
        seed: other seeds give other ids.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed.to_bytes(16, "big", signed=True)
        digest = blake2b(self._seed, person=b"ids").digest()
        self._keys = tuple(int.from_bytes(digest[8 * n : 8 * n + 8], "big") for n in range(3))
        self._offset = int.from_bytes(digest[24:32], "big") % _SHORT_SPACE

    def dice(self, kind: int, number: int, purpose: int = 0) -> Dice:
        """The random numbers of one object; `purpose` separates several streams of the same object."""
        return Dice(self._seed + ((kind << 48 | number) << 8 | purpose).to_bytes(12, "big"))

    def dice_of(self, text: str) -> Dice:
        """The dice of something that has no number."""
        return Dice(blake2b(text.encode(), digest_size=32, key=self._seed).digest())

    def uuid(self, kind: int, number: int) -> str:
        """The id of object `number` (below 2**40) of `kind` (below 2**21)."""
        first, second, third = self._keys
        left = kind << _NUMBER_BITS | number
        right = _mixed(left, first)
        left ^= _mixed(right, second)
        right ^= _mixed(left, third)
        bits = left << 61 | right
        head = f"{bits >> 74:012x}"
        tail = f"{bits & _TAIL:015x}"
        return f"{head[:8]}-{head[8:]}-4{bits >> 62 & 0xFFF:03x}-{'89ab'[bits >> 60 & 3]}{tail[:3]}-{tail[3:]}"

    def locate(self, text: str) -> tuple[int, int] | None:
        """(kind, number) that `uuid` was given, or `None` for an id of other origin or no UUID at all."""
        if len(text) != 36 or text[14] != "4":
            return None
        variant = "89ab".find(text[19])
        try:
            head = int(text[:8] + text[9:13], 16)
            tail = int(text[20:23] + text[24:], 16)
            middle = int(text[15:18], 16)
        except ValueError:
            return None
        if variant < 0:
            return None
        bits = head << 74 | middle << 62 | variant << 60 | tail
        first, second, third = self._keys
        left, right = bits >> 61, bits & _HALF
        right ^= _mixed(left, third)
        left ^= _mixed(right, second)
        if right != _mixed(left, first):
            return None
        return left >> _NUMBER_BITS, left & _NUMBER

    def short(self, prefix: str, number: int) -> str:
        """A short id like `p-4x8k2q`. Numbers below 36**6 never meet."""
        value = (number * _SHORT_FACTOR + self._shift(prefix)) % _SHORT_SPACE
        digits: list[str] = []
        for _ in range(_SHORT_LENGTH):
            value, digit = divmod(value, 36)
            digits.append(_ALPHABET[digit])
        return f"{prefix}-{''.join(digits)}"

    def unshort(self, text: str) -> int | None:
        """The number in a short id; `None` where the form is wrong."""
        prefix, _, code = text.rpartition("-")
        if not prefix or len(code) != _SHORT_LENGTH:
            return None
        value = 0
        for character in reversed(code):
            digit = _DIGITS.get(character)
            if digit is None:
                return None
            value = value * 36 + digit
        return (value - self._shift(prefix)) * _SHORT_INVERSE % _SHORT_SPACE

    def _shift(self, prefix: str) -> int:
        """Things of different kinds and the same number do not look alike."""
        return self._offset + int.from_bytes(prefix.encode(), "big") * 2_654_435_761


def _mixed(value: int, key: int) -> int:
    value = (value ^ key) * 0x9E3779B97F4A7C15 & _WORD
    value = (value ^ value >> 29) * 0xBF58476D1CE4E5B9 & _WORD
    return (value ^ value >> 32) & _HALF
