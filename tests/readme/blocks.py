"""Code blocks of the README and of the pages in `docs/`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]

RUN_ELSEWHERE = {
    "another-api.md": "tests/codegen/test_page.py",
    "bulk.md": "tests/bulk/test_docs.py",
    "fleet.md": "tests/fleet/test_docs.py",
    "testing.md": "tests/emulator/test_page.py",
    "webhooks.md": "tests/webhooks/test_page.py",
}
"""Pages that need more than an emulator, with the tests that run their blocks."""

_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block: its page, language and text, and a name derived from its section and number."""

    page: Path
    language: str
    text: str
    name: str
    line: int


def blocks(page: Path, *languages: str) -> list[Block]:
    """Every block of a page in one of these languages, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        if match[1] not in languages:
            continue
        before = text[: match.start(2)]
        section = (_HEADING.findall(before) or ["start"])[-1]
        found.append(Block(page, match[1], match[2], f"{page.stem}: {section} {len(found) + 1}", before.count("\n")))
    return found


def lines(block: Block) -> list[str]:
    """Commands of a console block, or statements of SQL; output of a command is not included."""
    if block.language == "sql":
        return [line.strip() for line in block.text.split(";\n") if line.strip()]
    joined = block.text.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
