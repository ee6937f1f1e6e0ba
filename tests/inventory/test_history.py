"""History: rows are stored as versions, and a comparison never reports unknown rows as gone."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import (
    Diff,
    Failure,
    History,
    Known,
    Row,
    Store,
    StoreError,
    Target,
    chosen,
)
from mittwald_async.inventory.store import SweepProgress

from ..support.sample_rows import AT

ALL = Target()
WANTED = ["project", "domain", "mysql_database", "mysql_user"]
LISTED = {
    "project": "project-list-projects",
    "domain": "domain-list-domains",
    "mysql_database": "database-list-mysql-databases",
    "mysql_user": "database-list-mysql-users",
}
State = dict[tuple[str, str], dict[str, Any]]
"""An account: properties by resource and id; `projectId` and `mysqlId` name the parent."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.sqlite"


def made(resource: str, own: str, item: dict[str, Any], project: str | None = None) -> Row:
    parent = item.get("mysqlId") if resource == "mysql_user" else None
    return Row(
        resource=resource,
        id=own,
        key=f"{parent}/{own}" if parent else own,
        customer_id="c-1",
        project_id=own if resource == "project" else item.get("projectId", project),
        parent_id=parent,
        fetched_at=AT,
        operation=LISTED[resource],
        raw=msgspec.json.encode({"id": own, **item}),
    )


def swept(
    path: Path, state: State, failing: frozenset[tuple[str, str | None]] = frozenset(), account: str = "me"
) -> int:
    """A sweep as the job performs it: projects and domains of the account, databases by project, users by database."""
    with Store(path) as store:
        number = store.begin(chosen(WANTED), WANTED, ALL, Known(), "https://api.example", account)
        complete: set[str] = set()
        for resource, scope in (
            ("project", "account"),
            ("domain", "account"),
            ("mysql_database", "project"),
            ("mysql_user", "parent"),
        ):
            feeder = {"mysql_database": "project", "mysql_user": "mysql_database"}.get(resource)
            owners = [None] if feeder is None else [row.id for row in store.rows(feeder)]
            fine = feeder is None or feeder in complete
            for owner in owners:
                if (resource, owner) in failing:
                    fine = False
                    store.write([], [], [failure(resource, owner)])
                    continue
                rows = [
                    made(kind, own, item)
                    for (kind, own), item in state.items()
                    if kind == resource
                    and (owner is None or owner == item.get("projectId" if scope == "project" else "mysqlId"))
                ]
                store.write(rows, [SweepProgress(resource, LISTED[resource], owner, len(rows), True, None, scope)])
            if fine:
                complete.add(resource)
        done = complete == set(WANTED)
        store.finish("done" if done else "incomplete", 1, complete)
    return number


def failure(resource: str, owner: str | None) -> Failure:
    return Failure(
        resource=resource,
        operation=LISTED[resource],
        owner=owner,
        customer_id=None,
        project_id=None,
        status=500,
        error="500 Internal Server Error",
        at=AT,
    )


ACCOUNT: State = {
    ("project", "p-1"): {"description": "Shop"},
    ("project", "p-2"): {"description": "Blog"},
    ("domain", "d-1"): {"domain": "shop.example", "projectId": "p-1"},
    ("mysql_database", "m-1"): {"name": "one", "projectId": "p-1", "storageUsageInBytes": 5},
    ("mysql_database", "m-2"): {"name": "two", "projectId": "p-2", "storageUsageInBytes": 5},
    ("mysql_user", "u-1"): {"name": "root", "mysqlId": "m-1", "projectId": "p-1"},
    ("mysql_user", "u-2"): {"name": "root", "mysqlId": "m-2", "projectId": "p-2"},
}


def reported(diff: Diff) -> dict[str, set[str | None]]:
    return {name: {change.id for change in getattr(diff, name)} for name in ("added", "changed", "gone")}


def test_a_row_is_stored_again_only_when_it_changed(path: Path) -> None:
    swept(path, ACCOUNT)
    swept(path, ACCOUNT)
    changed = {**ACCOUNT, ("project", "p-1"): {"description": "Bigger shop"}}
    swept(path, changed)
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT id, from_sweep, to_sweep FROM project ORDER BY row_id").fetchall()
        assert found == [("p-1", 1, 3), ("p-2", 1, None), ("p-1", 3, None)]
        assert db.execute("SELECT description FROM v_project ORDER BY id").fetchall() == [("Bigger shop",), ("Blog",)]
        versions = db.execute("SELECT description, valid_to IS NULL FROM v_project_history WHERE id = 'p-1'").fetchall()
        assert versions == [("Shop", 0), ("Bigger shop", 1)]


def test_the_same_content_in_another_order_or_layout_is_not_a_new_version(path: Path) -> None:
    with Store(path) as store:
        for raw in (b'{"id":"p-1","description":"x"}', b'{ "description": "x",  "id": "p-1" }'):
            store.begin(chosen(["project"]), ["project"], ALL, Known(), "https://api.example", "me")
            store.write([msgspec.structs.replace(made("project", "p-1", {}), raw=raw)], [])
            store.finish("done", 1)
        assert store.database.execute("SELECT count(*) FROM project").fetchone() == (1,)


def test_a_diff_reports_added_changed_and_gone_rows_by_field(path: Path) -> None:
    swept(path, ACCOUNT)
    after = {**ACCOUNT, ("project", "p-2"): {"description": "Diary"}, ("project", "p-3"): {"description": "New"}}
    del after["domain", "d-1"]
    swept(path, after)
    with History(path) as history:
        diff = history.diff()
    assert reported(diff) == {"added": {"p-3"}, "changed": {"p-2"}, "gone": {"d-1"}}
    assert diff.changed[0].fields == {"description": ("Blog", "Diary")}
    assert diff.unknown == []
    found = diff.as_json()
    assert set(found) == {"added", "changed", "gone", "unknown"}
    assert found["changed"][0]["fields"] == {"description": ["Blog", "Diary"]}
    assert {"resource", "id", "account"} <= set(found["gone"][0])


def test_volatile_properties_count_as_changes_only_on_request(path: Path) -> None:
    swept(path, ACCOUNT)
    swept(path, {**ACCOUNT, ("mysql_database", "m-1"): {"name": "one", "projectId": "p-1", "storageUsageInBytes": 9}})
    with History(path) as history:
        assert history.diff().empty
        assert reported(history.diff(all_fields=True))["changed"] == {"m-1"}
        assert [json.loads(row.raw)["storageUsageInBytes"] for row in history.at(1).rows("mysql_database")] == [5, 5]


def test_rows_of_a_failed_list_are_unknown_rather_than_gone(path: Path) -> None:
    swept(path, ACCOUNT)
    without = {key: item for key, item in ACCOUNT.items() if key[1] not in ("m-1", "m-2")}
    swept(path, without, frozenset({("mysql_database", "p-1")}))
    with History(path) as history:
        diff = history.diff()
    assert reported(diff)["gone"] == {"m-2", "u-2"}
    (list_,) = [one for one in diff.unknown if one.resource == "mysql_database"]
    assert (list_.owner, list_.status, list_.sweep) == ("p-1", 500, 2)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT id, unseen_since FROM v_mysql_database").fetchall() == [("m-1", 2)]
    swept(path, ACCOUNT)
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT id, unseen_since FROM v_mysql_database ORDER BY id").fetchall()
        assert found == [("m-1", None), ("m-2", None)]


def test_rows_not_seen_before_are_not_reported_as_added(path: Path) -> None:
    without = {key: item for key, item in ACCOUNT.items() if key[1] != "m-1"}
    swept(path, without)
    swept(path, without, frozenset({("mysql_database", "p-1")}))
    swept(path, ACCOUNT)
    with History(path) as history:
        assert reported(history.diff(1, 3))["added"] == {"m-1", "u-1"}
        diff = history.diff(2, 3)
        assert reported(diff)["added"] == set()
        assert {(one.id, one.maybe) for one in diff.unknown if one.id} == {("m-1", "added"), ("u-1", "added")}


def test_the_contents_of_a_deleted_project_are_gone_too(path: Path) -> None:
    swept(path, ACCOUNT)
    swept(path, {key: item for key, item in ACCOUNT.items() if "p-2" not in (key[1], item.get("projectId"))})
    with History(path) as history:
        assert reported(history.diff())["gone"] == {"p-2", "m-2", "u-2"}


def test_a_resource_that_was_not_requested_is_unknown(path: Path) -> None:
    swept(path, ACCOUNT)
    with Store(path) as store:
        store.begin(chosen(["project"]), ["project"], ALL, Known(), "https://api.example", "me")
        store.write([made("project", "p-1", {"description": "Shop"})], [])
        store.finish("done", 1)
    with History(path) as history:
        diff = history.diff()
    assert reported(diff)["gone"] == {"p-2"}
    assert {one.resource for one in diff.unknown} == {"domain", "mysql_database", "mysql_user"}


def test_a_property_new_in_all_items_is_reported_once(path: Path) -> None:
    swept(path, ACCOUNT)
    swept(path, {key: {**item, "colour": "red"} if key[0] == "project" else item for key, item in ACCOUNT.items()})
    with History(path) as history:
        diff = history.diff()
    assert reported(diff)["changed"] == set()
    assert [(one.resource, one.field, one.change, one.items, one.of) for one in diff.properties] == [
        ("project", "colour", "appeared", 2, 2)
    ]


def test_a_property_that_most_items_got_is_told_once_beside_what_else_changed(path: Path) -> None:
    """A new document may add a property that is optional: then some items never have it."""
    items: dict[tuple[str, str], Any] = {("project", f"p-{n}"): {"description": f"{n}"} for n in range(19)}
    swept(path, items)
    grown = {key: {**item, "colour": "red"} for key, item in list(items.items())[:10]}
    grown["project", "p-0"]["description"] = "Renamed"
    grown |= {("project", f"p-{n}"): {"description": f"{n}", "size": 1} for n in range(10, 19)}
    swept(path, {**items, **grown})
    swept(path, items)
    with History(path) as history:
        diff, back = history.diff(1, 2), history.diff(2, 3)
    assert [(one.field, one.change, one.items, one.of) for one in diff.properties] == [("colour", "appeared", 10, 19)]
    assert {one.id: set(one.fields or ()) for one in diff.changed} == {"p-0": {"description"}} | {
        f"p-{n}": {"size"} for n in range(10, 19)
    }
    assert [(one.field, one.change, one.items, one.of) for one in back.properties] == [
        ("colour", "disappeared", 10, 19)
    ]


def test_what_is_unknown_has_the_same_order_each_time(path: Path) -> None:
    many: dict[tuple[str, str], Any] = {("project", f"p-{n:02}"): {"description": f"{n}"} for n in range(30)}
    swept(path, {}, frozenset({("project", None)}))
    swept(path, many)
    with History(path) as history:
        unknown = history.diff().unknown
    keys = [one.key for one in unknown if one.maybe == "added"]
    assert keys == sorted(keys, key=str)
    assert len(keys) == 30


def test_null_and_left_out_say_the_same_of_a_single_item(path: Path) -> None:
    """As JSON, both would be null: a change from null to null."""
    swept(path, ACCOUNT)
    swept(path, {**ACCOUNT, ("project", "p-1"): {**ACCOUNT["project", "p-1"], "imageRefId": None}})
    with History(path) as history:
        assert reported(history.diff())["changed"] == set()
        assert history.diff().properties == []


def test_accounts_in_one_file_are_each_compared_with_themselves(path: Path) -> None:
    swept(path, ACCOUNT, account="a")
    swept(path, {("project", "p-9"): {"description": "Theirs"}}, account="b")
    swept(path, {key: item for key, item in ACCOUNT.items() if key[1] != "d-1"}, account="a")
    with History(path) as history:
        diff = history.diff()
        assert [(one.account, one.id) for one in diff.gone] == [("a", "d-1")]
        assert [(before.id, after.id) for before, after in diff.sweeps] == [(1, 3)]
        assert diff.not_compared == diff.as_json()["not_compared"] == ["b"]
        with pytest.raises(ConfigurationError, match="different accounts"):
            history.diff(1, 2)
        with pytest.raises(ConfigurationError, match="swap them"):
            history.diff(3, 1)
        with pytest.raises(ConfigurationError, match="sweep 7 does not exist"):
            history.diff(7)
        with pytest.raises(ConfigurationError, match=r"nothing to compare: no sweep has ended before 1 of a$"):
            history.diff(b=1)
        wrong: Any
        for wrong in ("2026-11-28", True, 1.5):
            with pytest.raises(ConfigurationError, match="must be a sweep, its number or a datetime, got "):
                history.at(wrong)
        with pytest.raises(ConfigurationError, match="must be a list of names, got 'project'"):
            history.diff(resources="project")
        assert [row.id for row in history.at(2).rows("project")] == ["p-9"]
        everything = history.at(history.sweeps()[-1].started_at + timedelta(hours=1))
        assert sorted(str(row.id) for row in everything.rows("project")) == ["p-1", "p-2", "p-9"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT account, count(*) FROM v_project GROUP BY 1").fetchall() == [("a", 2), ("b", 1)]


def test_a_file_that_is_no_inventory_is_refused_in_the_words_of_a_reader(tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite").touch()
    for name, complaint in (
        ("", "is a folder"),
        ("none.sqlite", "no such file"),
        ("empty.sqlite", "is empty, and not an"),
    ):
        with pytest.raises(StoreError, match=complaint):
            History(tmp_path / name)


def test_old_versions_and_whole_accounts_can_be_pruned(path: Path) -> None:
    for number in range(4):
        swept(path, {("project", f"p-{n}"): {"description": f"{number} {'x' * 3000}"} for n in range(100)})
    swept(path, {("project", "p-b"): {"description": "Theirs"}}, account="b")
    size = path.stat().st_size
    with Store(path) as store:
        last = store.last("me")
        assert last is not None
        done = store.prune(last.started_at)
        assert (done.sweeps, done.versions, done.packed) == (3, 300, True)
        assert store.database.execute("SELECT count(*) FROM v_project").fetchone() == (101,)
        store.prune(account="b")
        assert store.database.execute("SELECT count(*) FROM v_project").fetchone() == (100,)
        with pytest.raises(StoreError, match="unknown account 'b'; the file has me"):
            store.prune(account="b")
    assert path.stat().st_size < size / 2


class Trace:
    """Random changes of an account, and the truth about them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.state: State = {}
        for _ in range(40):
            self.step()

    def step(self) -> None:
        dice, ids = self.dice, {kind: [own for k, own in self.state if k == kind] for kind in WANTED}
        kind = dice.choice(WANTED)
        own = f"{kind}-{dice.randrange(12)}"
        match dice.choice(("put", "put", "change", "drop")):
            case "put" if kind == "project":
                self.state.setdefault((kind, own), {"description": str(dice.random())})
            case "put" if kind == "mysql_user" and ids["mysql_database"]:
                parent = dice.choice(ids["mysql_database"])
                own = f"{own}-{parent}"
                project = self.state["mysql_database", parent]["projectId"]
                self.state.setdefault((kind, own), {"name": own, "mysqlId": parent, "projectId": project})
            case "put" if kind in ("domain", "mysql_database") and ids["project"]:
                project = dice.choice(ids["project"])
                own = own if kind == "domain" else f"{own}-{project}"
                self.state.setdefault((kind, own), {"name": str(dice.random()), "projectId": project})
            case "change" if ids[kind]:
                chosen_ = (kind, dice.choice(ids[kind]))
                self.state[chosen_] = {**self.state[chosen_], "note": dice.random()}
                if kind == "domain":
                    self.state[chosen_]["projectId"] = dice.choice(ids["project"] or [None])
            case "drop" if ids[kind]:
                self.drop(kind, dice.choice(ids[kind]))
            case _:
                pass

    def drop(self, kind: str, own: str) -> None:
        self.state.pop((kind, own))
        for (k, o), item in list(self.state.items()):
            if (k, o) in self.state and own in (item.get("projectId"), item.get("mysqlId")):
                self.drop(k, o)

    def failing(self) -> frozenset[tuple[str, str | None]]:
        if self.dice.random() < 0.4:
            return frozenset()
        owners: list[tuple[str, str | None]] = [("project", None), ("domain", None)]
        owners += [("mysql_database", own) for kind, own in self.state if kind == "project"]
        owners += [("mysql_user", own) for kind, own in self.state if kind == "mysql_database"]
        return frozenset(owner for owner in owners if self.dice.random() < 0.15)


def judged(diff: Diff, before: State, after: State) -> list[str]:
    """Errors and omissions of a diff, compared with the truth."""
    wrong: list[str] = []
    for kind, truth in (("added", after.keys() - before.keys()), ("gone", before.keys() - after.keys())):
        found = {(one.resource, str(one.id)) for one in getattr(diff, kind)}
        wrong += [f"false {kind} {one}" for one in found - truth]
        wrong += [f"{kind} {one} left out" for one in truth - found if not _is_unknown(diff, one)]
    truly = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    found = {(one.resource, str(one.id)) for one in diff.changed}
    wrong += [f"false changed {one}" for one in found - truly]
    wrong += [f"changed {one} left out" for one in truly - found if not _is_unknown(diff, one)]
    return wrong


def _is_unknown(diff: Diff, thing: tuple[str, str]) -> bool:
    return any(one.resource == thing[0] and one.id in (None, thing[1]) for one in diff.unknown)


@pytest.mark.parametrize("seed", range(4))
def test_sweeps_with_random_faults_report_nothing_falsely_gone_and_omit_nothing(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "inventory.sqlite"
    trace = Trace(seed)
    states: dict[int, State] = {}
    for _ in range(8):
        for _ in range(trace.dice.randrange(12)):
            trace.step()
        states[swept(path, trace.state, trace.failing())] = dict(trace.state)
    compared = 0
    with History(path) as history:
        for a in states:
            for b in states:
                if a < b:
                    assert judged(history.diff(a, b), states[a], states[b]) == [], (a, b)
                    compared += 1
    assert compared == 28
