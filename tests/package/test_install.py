"""An installation hint names a command that fits how the package was installed."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from mittwald_async._install import install_hint

ROOT = Path(__file__).resolve().parents[2]


class Installed:
    """A distribution and the metadata its installer recorded."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._origin is None else json.dumps(self._origin)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, ["mittwald-async[parquet]"]),
        ({"url": "file:///home/kim/my%20code", "dir_info": {}}, ["/home/kim/my code[parquet]"]),
        ({"url": "file:///src", "dir_info": {"editable": True}}, ["-e", "/src[parquet]"]),
        (
            {"url": "file:///dist/a.whl", "archive_info": {}},
            ["mittwald-async[parquet] @ file:///dist/a.whl"],
        ),
        (
            {"url": "https://git.example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            ["mittwald-async[parquet] @ git+https://git.example.org/a.git@abc"],
        ),
        (
            {
                "url": "https://git.example.org/a.git",
                "vcs_info": {"vcs": "git", "requested_revision": "v2", "commit_id": "abc"},
            },
            ["mittwald-async[parquet] @ git+https://git.example.org/a.git@v2"],
        ),
    ],
)
def test_the_hint_names_where_the_package_came_from(
    origin: dict[str, Any] | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> Installed:
        return Installed(origin)

    monkeypatch.setattr(metadata, "distribution", installed)
    assert shlex.split(install_hint("parquet")) == ["pip", "install", *expected]


def test_the_hint_for_a_checkout_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert shlex.split(install_hint("cli")) == ["pip", "install", f"{ROOT}[cli]"]


def test_every_message_about_a_missing_extra_uses_the_hint() -> None:
    """The package is in no index, so its name alone installs nothing. Docstrings are exempt: their readers have it."""
    package = ROOT / "mittwald_async"
    fixed = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        if path.name != "_install.py"
        for line in path.read_text().splitlines()
        if "pip install 'mittwald-async[" in line
    ]
    assert not fixed
