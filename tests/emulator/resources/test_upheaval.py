"""After any sequence of events, the lists, counts, scopes and links of an account agree."""

from __future__ import annotations

import random

import pytest

from mittwald_async.emulator.dump import dumped, restored
from mittwald_async.emulator.listing import Key
from mittwald_async.emulator.seeded import KINDS
from mittwald_async.emulator.state import World

from ...support.emulator_state import Scenario, world
from .test_seeded import references

DELETABLE = (
    "project",
    "app_installation",
    "mysql_database",
    "redis_database",
    "mail_address",
    "cronjob",
    "stack",
    "service",
    "backup",
    "ssh_user",
    "domain",
    "cronjob_execution",
    "customer_invite",
)


def consistent(here: World) -> None:
    """Account-wide lists are the sum of their parts, every key resolves, and no reference dangles."""
    for kind, facts in KINDS.items():
        keys = list(here.keys(kind))
        assert len(keys) == len(here.keys(kind)) == len(set(keys)), kind
        assert [here.key(kind, here.id(kind, key)) for key in keys] == keys, kind
        assert here.keys(kind)[2:5] == keys[2:5]
        if facts.parent is not None:
            above = list(here.keys(facts.parent))
            parts: list[Key] = [key for one in above for key in here.keys(kind, (facts.parent, one))]
            assert sorted(map(str, parts)) == sorted(map(str, keys)), kind
    for kind in ("app_installation", "cronjob", "ingress", "service", "volume", "mysql_user", "project_membership"):
        for key in here.keys(kind):
            for target, id in references(kind, here.value(kind, key)):
                assert here.key(target, id) is not None, (kind, key, target)


@pytest.mark.parametrize("seed", range(4))
def test_random_deletions_and_moves(seed: int) -> None:
    here = world(customers=3, projects=25)
    dice = random.Random(seed)
    gone: list[tuple[str, str]] = []
    for _ in range(60):
        kind = dice.choice(DELETABLE)
        keys = list(here.keys(kind))
        if not keys or (kind == "project" and dice.random() < 0.7):
            continue
        key = dice.choice(keys)
        if kind == "domain" and dice.random() < 0.7:
            target = dice.choice(list(here.keys("project")))
            here.change("domain", key, projectId=here.id("project", target))
            here.move("domain", key, here.id("project", target))
            continue
        gone.append((kind, here.id(kind, key)))
        here.remove(kind, key)
    consistent(here)
    assert all(here.key(kind, id) is None for kind, id in gone)
    copy = world(customers=3, projects=25)
    restored(copy, dumped(here))
    consistent(copy)
    assert copy.counts() == here.counts()


async def test_what_was_created_can_be_deleted_in_any_order() -> None:
    scenario = Scenario(seed=11)
    dice = random.Random(5)
    server = scenario.read("server")["id"]
    projects = [await scenario.create(f"/v2/servers/{server}/projects", {"description": f"P{n}"}) for n in range(4)]
    scenario.advance()
    made: list[tuple[str, str]] = []
    for project in projects:
        url = f"/v2/projects/{project}"
        made.append((url, url))
        address = {"address": "a@example.org", "forwardAddresses": ["b@example.org"]}
        made.append((f"/v2/mail-addresses/{await scenario.create(f'{url}/mail-addresses', address)}", url))
        redis = await scenario.create(f"{url}/redis-databases", {"description": "r", "version": "7.2"})
        made.append((f"/v2/redis-databases/{redis}", url))
        stack = (await scenario.perform("POST", f"{url}/stacks", {"description": "s"})).json["id"]
        await scenario.perform("PUT", f"/v2/stacks/{stack}", {"services": {"web": {"image": "nginx:1"}}})
        made.append((f"/v2/stacks/{stack}", url))
    before = scenario.world.counts()
    consistent(scenario.world)
    dice.shuffle(made)
    gone: set[str] = set()
    for url, project in made:
        assert (await scenario.delete(url)).status == (404 if project in gone else 204)
        gone.add(url)
        consistent(scenario.world)
    after = scenario.world.counts()
    assert after["project"] == before["project"] - 4
    assert after["service"] == before["service"] - 4
    scenario.advance()
    assert after == scenario.world.counts(), "what was under way for deleted things does not come back"
