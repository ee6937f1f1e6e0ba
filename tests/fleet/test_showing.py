"""Two fleets that let readers see one account at the same moment: what is seen in the end is of one of them, whole."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mittwald_async.fleet import Lake
from mittwald_async.fleet.delta import commit_to_delta, table_url
from mittwald_async.fleet.lake import AccountManifest, RunRecord, quoted
from mittwald_async.fleet.tables import AccountTables
from mittwald_async.inventory import Known

from ..support.sample_rows import row
from .accounts import ids

RESOURCES = ("project", "domain")
WHOLE, SPLIT = "20260102T000000.000000Z-aaaaaa", "20260102T000001.000000Z-bbbbbb"
AT = datetime(2026, 1, 2, 4, tzinfo=UTC)
PROJECTS = 6


def publish(lake: Lake, run: str, parts: int, minute: int, resources: tuple[str, ...] = RESOURCES) -> None:
    """One account with six projects of a domain each, in so many parts. Ids tell the run."""
    lake.begin(RunRecord(id=run, started_at=AT, resources=resources, accounts=("shop",)))
    for part in range(parts):
        tables = AccountTables(lake, f"_runs/{run}/account={quoted('shop')}/{part}", resources, 1 << 20)
        for resource in resources:
            some = range(part, PROJECTS, parts)
            tables.add(resource, [row(resource, f"{run[-6:]}-{n}", id=f"{run[-6:]}-{n}") for n in some])
        lake.publish(
            AccountManifest(
                run=run,
                account="shop",
                part=part,
                parts=parts,
                state="done",
                source="https://api.example",
                user_id=None,
                resources=resources,
                started_at=AT,
                finished_at=AT + timedelta(minutes=minute),
                requests=1,
                drifted=0,
                files=tables.finish(),
                complete=resources,
                lists=(),
                failures=(),
                known=Known(),
            )
        )


class Interrupted(Lake):
    """A data set on which something else happens before the nth change of what readers see."""

    def __init__(self, url: Path, at: int, then: Callable[[], object]) -> None:
        super().__init__(url)
        self._left = at
        self._then = then

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._then()

    def _put(self, source: str, target: str) -> None:
        self._count()
        super()._put(source, target)

    def _replace(self, path: str, content: bytes) -> None:
        self._count()
        super()._replace(path, content)


def seen(lake: Path) -> dict[str, list[str]]:
    return {resource: [own for _, own in ids(lake, resource)] for resource in RESOURCES}


@pytest.fixture(scope="module", params=[WHOLE, SPLIT])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both runs are published, and one of them is the newer one."""
    place = tmp_path_factory.mktemp("published") / "lake"
    lake = Lake(place)
    lake.open_for_writing()
    for run, parts in ((WHOLE, 1), (SPLIT, 3)):
        publish(lake, run, parts, minute=2 if run == request.param else 1)
    return place


@pytest.mark.parametrize(("first", "second"), [(WHOLE, SPLIT), (SPLIT, WHOLE)])
@pytest.mark.parametrize("at", range(1, 11))
def test_readers_see_one_run_whole_whichever_comes_between_at_whatever_moment(
    tmp_path: Path, published: Path, first: str, second: str, at: int
) -> None:
    """The second fleet shows the account while the first one is at it, and both have split it differently."""
    place = tmp_path / "lake"
    shutil.copytree(published, place)
    lake = Lake(place)
    Interrupted(place, at, lambda: Lake(place).show(second, "shop")).show(first, "shop")
    current = lake.current("shop")
    assert current is not None
    expected = [f"{current.run[-6:]}-{n}" for n in range(PROJECTS)]
    assert seen(place) == {"project": expected, "domain": expected}


def test_what_an_older_run_alone_has_is_shown_beside_a_newer_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    publish(lake, WHOLE, 1, minute=1, resources=("project", "domain"))
    publish(lake, SPLIT, 3, minute=2, resources=("project",))
    lake.show(SPLIT, "shop")
    lake.show(WHOLE, "shop")
    found = seen(tmp_path / "lake")
    assert found["project"] == [f"bbbbbb-{n}" for n in range(PROJECTS)]
    assert found["domain"] == [f"aaaaaa-{n}" for n in range(PROJECTS)]
    current = lake.current("shop")
    assert current is not None
    assert current.run == SPLIT


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_the_delta_table_has_the_run_that_readers_of_the_files_see_also_if_it_began_earlier(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    publish(lake, WHOLE, 1, minute=2)
    publish(lake, SPLIT, 3, minute=1)
    for run in (SPLIT, WHOLE):
        lake.show(run, "shop")
        assert commit_to_delta(lake, run, "shop")
    assert not commit_to_delta(lake, SPLIT, "shop")
    table = importlib.import_module("deltalake").DeltaTable(table_url(lake)).to_pyarrow_table().to_pylist()
    in_delta = sorted(row["id"] for row in table if row["resource"] == "project")
    assert in_delta == seen(tmp_path / "lake")["project"] == [f"aaaaaa-{n}" for n in range(PROJECTS)]
