"""`docs/testing.md` works as written."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.emulator import MFA_CODE, PASSWORD, Emulator, Fault
from mittwald_async.emulator.options import EMAIL

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = [
    (TEXT[: found.start(1)].count("\n"), found[1])
    for found in re.finditer(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("line", "text"), [(line, text) for line, text in BLOCKS if "def test_" not in text])
def test_python_blocks_run(line: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = compile("\n" * line + text, PAGE, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if "asyncio.run(" in text:
        exec(code, {"__name__": "__main__"})
    else:

        async def run() -> None:
            result: Any = eval(code, {"__name__": "page"})
            if inspect.iscoroutine(result):
                await result

        asyncio.run(run())
    assert capsys.readouterr().out.strip()


def test_documented_logins_are_the_real_ones() -> None:
    assert all(f"`{value}`" in TEXT for value in (EMAIL, PASSWORD, MFA_CODE, Emulator().token))


@pytest.mark.parametrize("text", re.findall(r"^\| [^|]+ \| (`\w+=.*) \|$", TEXT, re.MULTILINE))
def test_documented_faults_are_accepted(text: str) -> None:
    """Each group of arguments in back quotes; a row about body faults concerns `truncate`."""
    for arguments in re.findall(r"`([^`]*)`", text):
        given: dict[str, Any] = eval(f"dict({arguments})")
        if "unannounced" in given:
            given["truncate"] = 100
        Fault(**given).checked()
