"""The fixtures that users import, in their own test run."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from mittwald_async.emulator import Emulator, OptionError
from mittwald_async.emulator.pytest_plugin import running

pytest_plugins = ["pytester"]

USERS_TEST = """
import urllib.request, pytest

pytest_plugins = ["mittwald_async.emulator.pytest_plugin"]

def projects(emulator):
    request = urllib.request.Request(emulator.url + "/v2/projects", headers={"x-access-token": emulator.token})
    return urllib.request.urlopen(request).read()

def test_synchronous(mittwald_emulator):
    assert projects(mittwald_emulator).count(b'"shortId"') == 20

class TestWithOtherOptions:
    @pytest.fixture
    def mittwald_emulator_options(self):
        return {"projects": 3}

    def test_those_are_taken(self, mittwald_emulator):
        assert projects(mittwald_emulator).count(b'"shortId"') == 3

    def test_the_others_stay_quiet(self, mittwald_emulator):
        options = mittwald_emulator.options
        assert (options.lag, options.drift, options.transitions.failing) == (0, 0, 0)
"""


def test_users_tests_get_an_emulator(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(USERS_TEST)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_it_runs_in_a_thread() -> None:
    with running(Emulator()) as emulator, urllib.request.urlopen(f"{emulator.url}/v2/articles") as answer:
        assert answer.status == 200


def test_a_failed_start_leaves_nothing_behind() -> None:
    with running(Emulator()) as emulator:
        port = int(emulator.url.rpartition(":")[2])
        with pytest.raises(OptionError), running(Emulator(port=port)):
            raise AssertionError("two emulators on one port")
