"""The code blocks of the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).resolve().parents[2] / "README.md"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block: its language, its text, and a name made of its section and number."""

    language: str
    text: str
    name: str
    line: int


def blocks(language: str) -> list[Block]:
    """Every block of a language, in order."""
    text = README.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        if match[1] != language:
            continue
        before = text[: match.start(2)]
        section = (_HEADING.findall(before) or ["start"])[-1]
        found.append(Block(language, match[2], f"{section} {len(found) + 1}", before.count("\n")))
    return found
