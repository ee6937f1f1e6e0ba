"""Python in a fresh process: what a single import costs and loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def ordinary_environment() -> dict[str, str]:
    """A user's environment: no coverage, and bytecode is written, as for an installed package."""
    strange = ("COV_", "COVERAGE", "PYTHONDONTWRITEBYTECODE")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
    return {**inherited, "PYTHONPATH": str(ROOT)}


def fresh(code: str, *flags: str) -> Any:
    """Run code in a new interpreter and return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        env=ordinary_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def loaded_by(code: str) -> set[str]:
    """Names of the modules loaded by some code."""
    found = fresh(
        f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    return set(found)
