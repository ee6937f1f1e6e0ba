"""The date of an account, and days that pass in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from mittwald_async.emulator import Emulator
from mittwald_async.emulator.clock import midnight
from mittwald_async.emulator.state import World

DAY = "2026-05-01"


def dated(**options: object) -> Emulator:
    return Emulator(**{"seed": 3, "customers": 4, "projects": 60, "clock": "virtual", "on": DAY, **options})  # type: ignore[arg-type]  # options by name


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def read(world: World, kind: str) -> list[dict[str, object]]:
    return [world.read(kind, key) for key in world.keys(kind)]


def test_an_account_is_dated_today_by_default() -> None:
    today, named = Emulator(projects=30), dated()
    assert today.world.seeded.epoch == midnight()
    assert named.world.seeded.epoch == datetime(2026, 5, 1, tzinfo=UTC).timestamp() == named.core.clock.now()


def test_the_same_seed_and_day_give_the_same_account() -> None:
    first, same, later = dated(), dated(), dated(on="2026-05-02")
    for kind in ("backup", "certificate", "cronjob_execution", "invoice"):
        assert read(first.world, kind) == read(same.world, kind) != read(later.world, kind)


def test_few_things_are_expired_but_some_are() -> None:
    world = dated(projects=300).world
    now = world.seeded.epoch
    left = [(seconds(str(value["validTo"])) - now) / 86400 for value in read(world, "certificate")]
    assert 0 < sum(days <= 0 for days in left) < len(left) * 0.05
    assert 0 < sum(0 < days < 14 for days in left) < len(left) * 0.1
    for value in read(world, "certificate"):
        assert value["isExpired"] == (seconds(str(value["validTo"])) <= now)
    newest: dict[object, float] = {}
    for backup in read(world, "backup"):
        made = seconds(str(backup["createdAt"]))
        assert made < now, "nothing is of the future"
        newest[backup["projectId"]] = max(made, newest.get(backup["projectId"], 0.0))
    assert all(now - made < 86400 for made in newest.values()), "last night"
    assert {backup["status"] for backup in read(world, "backup")} == {"Completed", "Failed"}
    assert any(value["dnsValidationErrors"] for value in read(world, "ingress"))


def test_the_same_seed_yields_the_same_days() -> None:
    first, same, other = dated(), dated(), dated()
    trace = first.churn(7, days=5)
    assert trace == same.churn(7, days=5)
    assert trace != other.churn(8, days=5)
    assert first.core.dump() == same.core.dump()
    split = dated()
    assert [*split.churn(7, days=2), *split.churn(7, days=3)] == trace


def test_a_trace_says_what_changed() -> None:
    emulator = dated()
    kinds = ("backup", "certificate", "mail_address", "mysql_database", "project", "dns_zone", "cronjob")
    world = emulator.world
    before = {kind: {world.id(kind, key): world.read(kind, key) for key in world.keys(kind)} for kind in kinds}
    trace = emulator.churn(1, days=20)
    after = {kind: {world.id(kind, key): world.read(kind, key) for key in world.keys(kind)} for kind in kinds}
    for kind in kinds:
        happened = [change for change in trace if change.kind == kind]
        added = {change.id for change in happened if change.action == "added"}
        removed = {change.id for change in happened if change.action == "removed"}
        changed = {change.id for change in happened if change.action == "changed"}
        assert set(after[kind]) == (set(before[kind]) | added) - removed
        assert {id for id in set(before[kind]) & set(after[kind]) if before[kind][id] != after[kind][id]} <= changed
    actions = Counter((change.action, change.kind) for change in trace)
    assert actions["added", "backup"] > 500
    assert {kind for action, kind in actions if action == "changed"} >= {"certificate", "mysql_database", "project"}
    assert all(change.properties for change in trace if change.action == "changed")
    assert emulator.core.clock.now() - world.seeded.epoch == 20 * 86400


def test_invalid_day_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="days must be 0 to 3660"):
        dated().churn(0, days=-1)
