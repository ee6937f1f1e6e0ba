"""mypy and pyright agree with `calls.py` and `values.py` of this folder, mistakes included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = [str(HERE / name) for name in ("calls.py", "values.py")]


@pytest.mark.parametrize(
    "checker",
    [
        pytest.param(["mypy", "--strict", *FILES], id="mypy"),
        pytest.param(["pyright", "--pythonpath", sys.executable, *FILES], id="pyright"),
    ],
)
def test_a_checker_reports_the_expected_errors(checker: list[str]) -> None:
    """In strict mode, where a comment that ignores no error is itself an error."""
    done = subprocess.run([sys.executable, "-m", *checker], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_contain_mistakes() -> None:
    """Otherwise the test above could pass with checkers that read nothing."""
    for name in FILES:
        assert Path(name).read_text(encoding="utf-8").count("# type: ignore[") >= 3
        assert Path(name).read_text(encoding="utf-8").count("assert_type(") >= 10
