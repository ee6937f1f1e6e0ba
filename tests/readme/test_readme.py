"""The README's statements about the package are true; `test_pages.py` runs its blocks."""

from __future__ import annotations

import re
import tomllib

from mittwald_async.inventory.catalog import catalog
from mittwald_async.options import Options

from .blocks import DOCS, README, ROOT, blocks, lines

PERFORMANCE = DOCS / "performance.md"
CLIENT = DOCS / "client.md"
EXAMPLES = DOCS / "examples.md"


def test_it_can_be_read_in_ten_minutes() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    assert len(text.split()) < 2000  # 200 words a minute


def test_the_extras_exist_in_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = README.read_text(encoding="utf-8").partition("| extra | for |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(declared)
    (everything,) = (re.findall(r"\w+", one.partition("[")[2]) for one in declared["all"])
    before = "\n".join(table.splitlines()[2:]).partition("| `all` |")[0]
    assert set(everything) == set(
        re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in before.splitlines()))
    ) - {"delta"}
    assert "all of the above but `delta`" in table


def test_the_stated_numbers_are_the_defaults() -> None:
    performance = PERFORMANCE.read_text(encoding="utf-8")
    options = Options()
    assert (
        f"{options.connect_timeout:g} s connect, {options.read_timeout:g} s read, {options.timeout:g} s in all"
        in performance
    )
    text = " ".join(CLIENT.read_text(encoding="utf-8").split())
    assert f"A call may take {options.timeout:g} s, including pauses between retries" in text
    assert options.max_retries == 3
    assert "A call is repeated up to three times" in text
    text = " ".join(README.read_text(encoding="utf-8").split())
    source = (ROOT / "mittwald_async" / "cli" / "demo.py").read_text(encoding="utf-8")
    ((customers, projects),) = re.findall(r'"--customers", "(\d+)", "--projects", "(\d+)"', source)
    assert f"a local, made-up account ({customers} customers, {projects} projects)" in text
    kinds = sum(resource.default for resource in catalog().values())
    assert f"lists {kinds} kinds of things in it" in text


def test_the_two_commands_are_the_promised_ones() -> None:
    installing = [line for block in blocks(README, "console") for line in lines(block) if "pip" in line]
    assert installing == [
        "python3 -m venv .venv && .venv/bin/pip install -q '.[cli]' && .venv/bin/mittwald-async sweep --demo",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest",
    ]


def test_every_example_is_in_the_table() -> None:
    named_there = set(re.findall(r"^\| `(\w+)\.py` \|", EXAMPLES.read_text(encoding="utf-8"), re.MULTILINE))
    assert named_there == {path.stem for path in (ROOT / "examples").glob("*.py")} - {"demo"}


def test_the_numbers_of_operations_are_correct() -> None:
    from mittwald_async.operations import OPERATIONS

    gone = sum(operation.removed_upstream for operation in OPERATIONS.values())
    deprecated = sum(operation.deprecated for operation in OPERATIONS.values())
    cells = f"{len(OPERATIONS)} methods, {deprecated} of them deprecated, {gone} gone upstream"
    assert cells in PERFORMANCE.read_text(encoding="utf-8")
