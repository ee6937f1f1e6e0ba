"""A pytest run that tests the tests: it runs the collected tests against one mutant after another.

The parent process imports and collects once. Each run happens in a fork, where the code of the mutated functions is
replaced in place; no file is written, and a mutant costs no import. A first run without a mutant records how long each
test takes and which lines it executes, so that a mutant runs only against tests that reach it, the fastest first.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Literal

import coverage
import pytest

from .mutants import Mutant

CACHED: type[Any] = type(cache(len))
Verdict = Literal["killed", "timeout", "survived", "unreached"]


@dataclass
class Baseline:
    """Results of the run without a mutant."""

    seconds: dict[int, float] = field(default_factory=dict[int, float])
    """By test number."""
    reached: dict[str, dict[int, list[int]]] = field(default_factory=dict[str, dict[int, list[int]]])
    """Numbers of the tests that execute a line, by file and line."""


class Judge:
    """The plugin. `results` holds a verdict for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], budget: float) -> None:
        self.mutants = mutants
        self.budget = budget
        self.results: list[tuple[Mutant, Verdict]] = []
        self.killers: Counter[tuple[Path, int]] = Counter()
        """Mutants of a file killed by each test so far: the most effective tests run first."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        session.config.pluginmanager.unregister(name="terminalreporter")  # a dot for each test of each mutant is noise
        baseline = self._baseline(session)
        for number, mutant in enumerate(self.mutants, 1):
            verdict = self._judge(session, mutant, baseline)
            self.results.append((mutant, verdict))
            mark = "" if verdict == "killed" else f" {verdict}: {mutant.file.name}:{mutant.lines[0]} {mutant.text}"
            print(f"{number}/{len(self.mutants)}{mark}", file=sys.stderr, flush=True)
        return True

    def _baseline(self, session: pytest.Session) -> Baseline:
        """Run each test in its own fork: a cache filled by one test must not hide which lines another executes."""
        files = sorted({str(mutant.file) for mutant in self.mutants})
        found = Baseline()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "baseline.json")
            for number, item in enumerate(session.items):
                code = _in_fork(partial(_measure, session, number, files, out), timeout=120.0)
                if code != 0:
                    print(f"left out, as it fails without a mutant: {item.nodeid}", file=sys.stderr, flush=True)
                    continue
                found.seconds[number], reached = json.loads(out.read_text())
                for file, lines in reached.items():
                    for line in lines:
                        found.reached.setdefault(file, {}).setdefault(line, []).append(number)
        return found

    def _judge(self, session: pytest.Session, mutant: Mutant, baseline: Baseline) -> Verdict:
        lines = baseline.reached.get(str(mutant.file), {})
        tests = {test for line in mutant.lines for test in lines.get(line, ())}
        chosen: list[int] = []
        spent = 0.0
        for test in sorted(tests, key=lambda test: (-self.killers[mutant.file, test], baseline.seconds[test])):
            spent += baseline.seconds[test]
            if chosen and spent > self.budget:
                break
            chosen.append(test)
        if not chosen:
            return "unreached"

        with tempfile.TemporaryDirectory() as folder:
            killer = Path(folder, "killer")

            def run() -> int:
                _put_in(mutant)
                failed = _run(session, chosen)
                if failed is not None:
                    killer.write_text(str(failed))
                return 0 if failed is None else 1

            code = _in_fork(run, timeout=10.0 + 4.0 * min(spent, self.budget))
            if killer.exists():
                self.killers[mutant.file, int(killer.read_text())] += 1
        return "timeout" if code is None else "survived" if code == 0 else "killed"


def _measure(session: pytest.Session, number: int, files: list[str], out: Path) -> int:
    recorder = coverage.Coverage(data_file=None, include=files, config_file=False)
    recorder.set_option("run:disable_warnings", ["no-data-collected"])
    recorder.start()
    began = time.perf_counter()
    failed = _run(session, [number])
    seconds = time.perf_counter() - began
    recorder.stop()
    data = recorder.get_data()
    out.write_text(json.dumps([seconds, {file: data.lines(file) for file in data.measured_files()}]))
    return 0 if failed is None else 1


def _run(session: pytest.Session, numbers: Sequence[int]) -> int | None:
    """Run tests until one fails, and return its number."""
    chosen = [session.items[number] for number in numbers]
    for number, item, following in zip(numbers, chosen, [*chosen[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return number
    return None


def _in_fork(run: Callable[[], int], timeout: float) -> int | None:
    """Run a function in a fork and return its result, or `None` if it takes longer than `timeout` seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            code = run()
        except BaseException as error:  # a fork must never return to the parent's loop
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(code)
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _put_in(mutant: Mutant) -> None:
    """Replace the code of the mutated function and of all functions nested in it that already exist.

    Caches of the file's functions are cleared, since they may hold results of the original code.
    """
    name = str(mutant.file)
    before = _codes(compile(ast.parse(mutant.file.read_text()), name, "exec"))
    after = _codes(compile(mutant.code(), name, "exec"))
    changed = {place: code for place, code in after.items() if before.get(place) != code}
    assert changed, mutant
    replaced = 0
    for function in gc.get_objects():
        wrapped = getattr(function, "__wrapped__", None) if isinstance(function, CACHED) else None
        if isinstance(wrapped, FunctionType) and wrapped.__code__.co_filename == name:
            function.cache_clear()
        if isinstance(function, FunctionType) and function.__code__.co_filename == name:
            code = changed.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code is not None:
                function.__code__ = code
                replaced += 1
    assert replaced, mutant


def _codes(module: CodeType) -> dict[tuple[str, int], CodeType]:
    """All code objects below a module's, by qualified name and first line."""
    found: dict[tuple[str, int], CodeType] = {}
    waiting = [module]
    while waiting:
        code = waiting.pop()
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                found[constant.co_qualname, constant.co_firstlineno] = constant
                waiting.append(constant)
    return found
