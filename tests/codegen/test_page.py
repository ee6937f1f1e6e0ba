"""`docs/another-api.md` does what it says, from top to bottom."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.codegen.__main__ import main
from mittwald_async.codegen.config import Budget, Config, PagingConfig, load_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "another-api.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    names: dict[str, Any] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, PAGE, "exec", dont_inherit=True), names)
        elif language == "console":
            for line in text.splitlines():
                words = shlex.split(line.removeprefix("$ "))
                assert words[:3] == ["python", "-m", "mittwald_async.codegen"]
                assert main(words[3:]) == 0
    assert names["shop"].base_url == "https://us.shop.example"
    assert "Orders.get" in capsys.readouterr().out.replace("OrdersGroup", "Orders")
    for loaded in [module for module in sys.modules if module.partition(".")[0] == "shop_client"]:
        del sys.modules[loaded]


def test_every_key_of_the_configuration_is_on_the_page_and_its_examples_are_read(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_]+)`", page))
    inner = {
        "runtime",
        "removed_marker",
        "groups",
        "operations",
        "schemas",
        "paging",
        "envelope",
        "errors",
        "budget",
        "corrections",
        "_used",
    }
    assert {found.name for found in fields(Config)} - inner <= told
    assert {found.name for found in fields(PagingConfig)} - {"link"} <= told
    assert {found.name for found in fields(Budget)} - {"exempt", "structured"} <= told
    for number, (_, text) in enumerate(block for block in BLOCKS if block[0] == "toml"):
        assert tomllib.loads(text)
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        load_config(path)
