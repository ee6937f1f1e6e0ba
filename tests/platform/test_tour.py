"""The example program for the client of the second API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLATFORM = Path(__file__).resolve().parents[2] / "examples" / "platform"


def test_the_tour_does_real_work(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLATFORM_")}
    done = subprocess.run(
        [sys.executable, str(PLATFORM / "tour.py")],
        cwd=tmp_path,
        env={**inherited, "PYTHONPATH": str(PLATFORM.parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:5] == [
        "logged in as kim@example.org",
        "spaces 1 to 20 of 45",
        "spaces 21 to 40 of 45",
        "spaces 41 to 45 of 45",
        "7 users, 7 resources",
    ]
    assert said.count("renewed the access token") == 1
    assert "30 spaces are active" in said
    assert "made 'Reading room', which is now 'Reading room, first floor'" in said
    assert "  name: 'x' is too short" in said


def test_the_package_matches_the_generators_output() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mittwald_async.codegen", "--spec", str(PLATFORM / "platform-v1.json"),
         "--config", str(PLATFORM / "platform.toml"), "--out", str(PLATFORM / "platform_client"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
