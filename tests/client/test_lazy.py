"""Importing is cheap, and every public name resolves."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import mittwald_async


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_importing_loads_neither_aiohttp_nor_generated_code() -> None:
    loaded = run("import sys, mittwald_async; print(*sys.modules)").split()
    assert not [m for m in loaded if m.startswith(("aiohttp", "msgspec", "yarl", "anyio", "asyncio"))]
    ours = [m for m in loaded if m.startswith("mittwald_async")]
    assert sorted(ours) == ["mittwald_async", "mittwald_async._version"]


def test_importing_takes_at_most_fifty_milliseconds() -> None:
    program = "import time; b = time.process_time(); import mittwald_async; print(time.process_time() - b)"
    assert min(float(run(program)) for _ in range(5)) <= 0.05


def test_a_client_loads_no_model_before_it_is_used() -> None:
    loaded = run("import sys; from mittwald_async import Mittwald; Mittwald('t').project; print(*sys.modules)").split()
    assert "mittwald_async.api.project" in loaded
    assert [m for m in loaded if m.startswith(("mittwald_async.models.", "mittwald_async.api."))] == sorted(
        {"mittwald_async.api.groups", "mittwald_async.api.project"}
    )


@pytest.mark.parametrize("name", mittwald_async.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(mittwald_async, name) is not None
    assert name in dir(mittwald_async)


def test_all_is_complete_and_sorted() -> None:
    assert mittwald_async.__all__ == sorted(mittwald_async.__all__)
    assert not [
        n for n in vars(mittwald_async) if n[0].isupper() and n not in (*mittwald_async.__all__, "TYPE_CHECKING", "Any")
    ]


def test_a_wrong_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Mittwold'"):
        _ = mittwald_async.Mittwold


def test_groups_match_the_documents_tags() -> None:
    from mittwald_async.client import Mittwald
    from mittwald_async.operations import GROUPS

    client = Mittwald("token-for-tests")
    for group, name in GROUPS.items():
        assert type(getattr(client, group)).__name__ == name
        assert getattr(client, group) is getattr(client, group)


def test_each_module_can_be_imported_alone() -> None:
    for module in (
        "client",
        "options",
        "runtime.transport.pipeline",
        "runtime.transport.session",
        "runtime.transport.retry_decision",
        "runtime.transport.call",
    ):
        run(f"import mittwald_async.{module}")
    assert importlib.import_module("mittwald_async.runtime.transport.deadlines").COARSE == 5.0
