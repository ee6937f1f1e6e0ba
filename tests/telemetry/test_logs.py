"""`MITTWALD_LOG`: the activity of a client, on standard error."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _as_before() -> Generator[None]:
    package = logging.getLogger("mittwald_async")
    handlers, level = list(package.handlers), package.level
    yield
    package.handlers[:] = handlers
    package.setLevel(level)


async def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    fault = Fault(operation="project-list-projects", status=503, count=1)
    async with Emulator(faults=[fault]) as api:
        for _ in range(2):
            async with Mittwald(api.token, base_url=api.url) as mw:
                await mw.project.list_projects()
        said = capsys.readouterr().err
        assert api.token not in said
    return said.splitlines()


async def test_info_prints_a_line_per_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MITTWALD_LOG", "info")
    found = [line for line in await lines(capsys) if "waits for" not in line]
    assert len(found) == 3
    for line, expected in zip(
        found,
        (
            r"INFO mittwald_async\.calls: GET project-list-projects: again in \d\.\d s \(status 503\)",
            r"INFO mittwald_async\.calls: GET project-list-projects: 200 in \d\.\d{3} s, 2 attempts",
            r"INFO mittwald_async\.calls: GET project-list-projects: 200 in \d\.\d{3} s",
        ),
        strict=True,
    ):
        assert re.fullmatch(rf"\d{{4}}-\S+ \S+ {expected}", line)


async def test_debug_prints_a_line_per_event(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MITTWALD_LOG", " DEBUG ")
    found = await lines(capsys)
    assert len(found) > 6
    assert any("attempt 1: 503" in line or "attempt 1: ServerError" in line for line in found)


async def test_without_the_variable_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MITTWALD_LOG", raising=False)
    assert await lines(capsys) == []


def test_an_invalid_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MITTWALD_LOG", "yes")
    with pytest.raises(ConfigurationError, match="MITTWALD_LOG must be debug or info, not 'yes'"):
        Mittwald("t")
