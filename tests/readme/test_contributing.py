"""CONTRIBUTING is accurate: its tree, files and commands exist, and its sample output is real."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.waiting import waitable

from .blocks import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "mittwald_async"
DOCUMENT = Path(os.environ.get("MITTWALD_OPENAPI") or ROOT.parent / "shared" / "spec" / "mittwald-v2.json")


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )


def test_the_tree_matches_the_package() -> None:
    drawing = re.findall(r"^  (\S.*?)(?:  +\S.*)?$", section("The house"), re.MULTILINE)
    drawn = {name.rstrip("/") for line in drawing for name in line.split()}
    standing = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert drawn == standing - {"_version.py"}


def test_every_named_file_exists() -> None:
    named = set(re.findall(r"`([\w./]+/[\w.]*|[\w./]+\.(?:py|toml|md|yaml))`", TEXT))
    places = (ROOT, PACKAGE)
    assert len(named) > 15
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


def test_the_stated_place_of_each_change_exists() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]*`(mittwald_async/[\w./]+)`[^|]* \| (?:`(.+)`|–) \|$",
        section("Where to change what"),
        re.MULTILINE,
    )
    assert len(rows) >= 10
    for wish, path, start in rows:
        file = ROOT / path
        file = file / "__init__.py" if file.is_dir() else file
        assert file.exists(), path
        text = file.read_text(encoding="utf-8")
        assert not start or re.search(rf"^\s*{re.escape(start)}", text, re.MULTILINE), (wish, path, start)


def test_the_named_commands_work() -> None:
    """Commands that no other test runs: the rest are in the README or in `.ci/run`."""
    names = run("benchmarks", "--help").stdout
    assert "[--quick]" in names
    assert "[--json FILE]" in names
    plan = run("mittwald_async.cli", "plan", "--list")
    assert plan.returncode == 0
    assert "mysql_database" in plan.stdout
    for tool in ("lint-imports", "pre-commit install", "ruff format --check", ".ci/run"):
        assert tool in TEXT


def test_the_terms_of_waiters_and_resources_are_those_of_the_code() -> None:
    fields = set(inspect.signature(waitable.Waitable).parameters)
    words = set(re.findall(r"`(\w+)`", section("A waiter"))) & {"done", "failed", "list", "id", "scope", "state"}
    assert words == {"done", "failed", "list", "id", "scope"}
    assert words <= fields
    catalog = (PACKAGE / "inventory" / "catalog.py").read_text(encoding="utf-8")
    words = set(re.findall(r"`(\w+)`", section("A resource of the inventory")))
    assert {"only", "parent", "requires", "default", "reason", "RESOURCE_SPECS", "NOT_OF_AN_ACCOUNT"} <= words
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", catalog)] == []


def operations(document: Any) -> Iterator[tuple[str, str, str]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and "operationId" in operation:
                yield operation["operationId"], path, method


@pytest.mark.skipif(not DOCUMENT.exists(), reason="no OpenAPI document at hand: set MITTWALD_OPENAPI")
def test_the_summary_of_a_changed_document_is_real(tmp_path: Path) -> None:
    """From a changed copy of the document, the generator prints what CONTRIBUTING shows."""
    document: Any = json.loads(DOCUMENT.read_bytes())
    paths, schemas = document["paths"], document["components"]["schemas"]
    where = {name: (path, method) for name, path, method in operations(document)}
    path, method = where["project-delete-project"]
    del paths[path][method]
    path, method = where["project-get-project"]
    paths["/v2/projects/{projectId}/colours"] = {
        method: {**paths[path][method], "operationId": "project-get-colours"},
    }
    item = schemas["de.mittwald.v1.project.ProjectListItem"]
    item["properties"]["colour"] = {"type": "string"}
    del item["properties"]["shortId"]
    item["required"].remove("shortId")
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")

    (command,) = re.findall(r"^\$ python -m (.*--check)$", section("When the API changes"), re.MULTILINE)
    done = run(*command.split(), folder=tmp_path)
    assert done.returncode == 1, done.stderr
    (shown,) = re.findall(r"^  ```\n(.*?)  ```$", section("When the API changes"), re.MULTILINE | re.DOTALL)
    assert textwrap.dedent(shown) in done.stdout
    assert "differs: api/project.py" in done.stdout
    assert "finding: [" in done.stdout


def test_an_unusable_document_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text("{", encoding="utf-8")
    done = run("mittwald_async.codegen", "--spec", "openapi.json", "--check", folder=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
