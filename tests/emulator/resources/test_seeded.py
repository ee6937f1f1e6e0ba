"""A seeded account: consistent, reproducible, lazy, and as large as requested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mittwald_async.emulator.ids import Ids
from mittwald_async.emulator.listing import Keys
from mittwald_async.emulator.seeded import KIND_OF_PARAMETER, KINDS, SeededAccount
from mittwald_async.emulator.views import VIEWS
from mittwald_async.emulator.vocabulary import company, slug

from ...support.emulator_state import world

REFERENCES = {
    "aiHostingId": None,
    "appId": "app",
    "appInstallationId": "app_installation",
    "certificateId": "certificate",
    "certificateRequestId": "certificate_request",
    "contractId": "contract",
    "conversationId": "conversation",
    "cronjobId": "cronjob",
    "customerId": "customer",
    "databaseId": "mysql_database",
    "domainId": "domain",
    "extensionId": "extension",
    "ingressId": "ingress",
    "installationId": "app_installation",
    "invitedBy": "user",
    "projectId": "project",
    "serverId": "server",
    "stackId": "stack",
    "systemSoftwareId": "system_software",
    "userId": "user",
}
"""The kind of an id, by the name of its property."""
ELSEWHERE = {("cronjob", "appId"): "app_installation", ("contributor", "customerId"): None}
"""Where a name means something else, or someone outside the account."""
AGGREGATES = {
    "customer": "customer",
    "domain": "domain",
    "placementgroup": "server",
    "project": "project",
}


def references(kind: str, value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(kind, id) of everything that a JSON value refers to."""
    if isinstance(value, dict):
        found: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if {"aggregate", "id"} <= set(found):
            yield AGGREGATES[found["aggregate"]], found["id"]
        for wire, below in found.items():
            yield from references(kind, below, wire)
    elif isinstance(value, list):
        entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        for below in entries:
            yield from references(kind, below, name)
    else:
        target = ELSEWHERE.get((kind, name), REFERENCES.get(name))
        if target is not None and isinstance(value, str):
            yield target, value


def test_every_reference_resolves() -> None:
    here = world()
    checked = 0
    support = here.value("conversation", 0)  # messages are answered by staff, who are not users of the account
    staff = {here.read("message", key)["createdBy"]["userId"] for key in here.keys("message")} - {here.main_user}
    assert support["mainUser"]["userId"] == here.main_user
    for kind in KINDS:
        for key in here.keys(kind)[:200]:
            for target, id in references(kind, here.value(kind, key)):
                if id not in staff:
                    assert here.key(target, id) is not None, (kind, key, target, id)
                    checked += 1
    assert checked > 4000


def test_children_name_their_parent() -> None:
    here = world()
    names = {"project": "projectId", "customer": "customerId", "stack": "stackId", "cronjob": "cronjobId"}
    for kind, facts in KINDS.items():
        if facts.parent in names:
            for key in here.keys(kind)[:100]:
                value = here.read(kind, key)
                above = here.parent(kind, key)
                assert above is not None
                if names[facts.parent] in value:
                    assert value[names[facts.parent]] == here.id(facts.parent, above)


def test_scoped_lists_add_up_to_the_account() -> None:
    here = world()
    for kind, facts in KINDS.items():
        if facts.parent is not None:
            parts = [len(here.keys(kind, (facts.parent, above))) for above in here.keys(facts.parent)]
            assert sum(parts) == len(here.keys(kind)), kind
    by_customer = [len(here.keys("service", ("customer", customer))) for customer in here.keys("customer")]
    assert sum(by_customer) == len(here.keys("service"))


def test_linked_objects_belong_to_the_same_project() -> None:
    here = world()
    for key in here.keys("app_installation"):
        value = here.read("app_installation", key)
        versions = here.keys("app_version", ("app", here.find("app", value["appId"])))
        assert value["appVersion"]["desired"] in {here.id("app_version", version) for version in versions}
        for link in value["linkedDatabases"]:
            database = here.get("mysql_database", link["databaseId"])
            assert database["projectId"] == value["projectId"]
            users = {
                here.read("mysql_user", here.find("mysql_user", id))["databaseId"]
                for id in link["databaseUserIds"].values()
            }
            assert users == {database["id"]}
    for key in here.keys("dns_zone"):
        zone = here.read("dns_zone", key)
        managed = zone["recordSet"]["combinedARecords"].get("managedBy")
        if managed:
            assert here.get("ingress", managed["ingressId"])["hostname"] == zone["domain"]
    for key in here.keys("ingress"):
        value = here.read("ingress", key)
        if "certificateId" in value["tls"]:
            certificate = here.get("certificate", value["tls"]["certificateId"])
            assert value["hostname"] in certificate["dnsNames"]
        for path in value["paths"]:
            if "installationId" in path["target"]:
                assert here.get("app_installation", path["target"]["installationId"])["projectId"] == value["projectId"]
    for key in here.keys("mail_address"):
        value = here.read("mail_address", key)
        project = here.parent("mail_address", key)
        assert project is not None
        hosts = {here.read("domain", one)["domain"] for one in here.keys("domain", ("project", project))}
        short = here.read("project", project)["shortId"]
        assert value["address"].partition("@")[2] in hosts | {f"{short}.project.space"}
    for key in here.keys("volume"):
        value = here.read("volume", key)
        for service in value["linkedServices"]:
            mounts = here.get("service", service)["pendingState"]["volumes"]
            assert any(mount.startswith(f"{value['name']}:") for mount in mounts)


def test_contracts_cover_servers_projects_and_domains() -> None:
    here = world()
    items = {
        item["aggregateReference"]["id"]
        for key in here.keys("contract")
        for item in [here.read("contract", key)["baseItem"], *here.read("contract", key)["additionalItems"]]
    }
    servers = {here.id("server", key) for key in here.keys("server")}
    alone = {
        value["id"] for value in (here.read("project", key) for key in here.keys("project")) if "serverId" not in value
    }
    assert servers | alone <= items


def test_names_are_unique_where_they_must_be() -> None:
    here = world(customers=40, projects=3000)
    account = here.seeded
    for kind, name in (("domain", "domain"), ("project", "shortId"), ("app_installation", "shortId")):
        values = [account.build(kind, number)[name] for number in range(account.total(kind))]
        assert len(set(values)) == len(values), kind
    hosts = [account.build("ingress", number)["hostname"] for number in range(account.total("ingress"))]
    assert len(set(hosts)) == len(hosts)


def test_company_names_never_repeat_and_make_host_names() -> None:
    names = [company(number) for number in range(40_000)]
    slugs = {slug(name) for name in names}
    assert len(set(names)) == len(names) == len(slugs)
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in slugs)
    assert len({slug(company(number)) for number in range(2_000_000, 2_005_000)}) == 5000


def test_ids_resolve_and_unknown_ids_do_not() -> None:
    ids = Ids(3)
    for kind, number in ((0, 0), (18, 999_999), (4095, 2**40 - 1)):
        assert ids.locate(ids.uuid(kind, number)) == (kind, number)
    for wrong in ("", "p-123456", "00000000-0000-4000-8000-000000000000", "z" * 36, ids.uuid(1, 1)[:-1] + "x"):
        assert ids.locate(wrong) is None
    assert Ids(4).locate(ids.uuid(1, 1)) is None
    assert ids.locate(ids.uuid(1, 1)[:19] + "7" + ids.uuid(1, 1)[20:]) is None
    for number in (0, 5, 36**6 - 1):
        assert ids.unshort(ids.short("p", number)) == number
    assert [ids.unshort(wrong) for wrong in ("p-1", "abcdefg", "p-12345%")] == [None, None, None]


def test_objects_are_found_by_short_id() -> None:
    here = world()
    for kind in ("project", "server", "app_installation", "service"):
        value = here.read(kind, 3)
        assert here.key(kind, value["shortId"]) == 3
    assert here.key("project", "p-zzzzzz") is None


def summary(seed: int) -> str:
    """Everything in a small account, as text."""
    here = world(seed=seed, customers=2, projects=6)
    parts = {kind: [here.value(kind, key) for key in here.keys(kind)] for kind in KINDS}
    return json.dumps(parts, sort_keys=True)


def test_the_same_seed_gives_the_same_account() -> None:
    assert summary(1) == summary(1)
    assert summary(1) != summary(2)


def test_hash_randomisation_changes_nothing() -> None:
    program = "from tests.emulator.resources.test_seeded import summary; import hashlib; print(hashlib.sha256(summary(5).encode()).hexdigest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("projects", [0, 1, 7, 250])
def test_the_account_has_the_requested_number_of_projects(projects: int) -> None:
    here = world(projects=projects)
    assert len(here.keys("project")) == projects
    assert len(here.keys("customer")) == 6
    assert here.counts()["project"] == projects


def test_a_large_account_is_ready_at_once() -> None:
    started = time.perf_counter()
    here = world(customers=400, projects=4000)
    counts = here.counts()
    ready = time.perf_counter() - started
    assert sum(counts.values()) > 200_000
    assert ready < 4, "a million objects must be ready within 15 s, a fifth within 3 and some"
    built: list[int] = []
    original = here.seeded.build

    def watched(name: str, number: int) -> dict[str, Any]:
        built.append(number)
        return original(name, number)

    here.seeded.build = watched  # type: ignore[method-assign]
    page = here.listing("project_item", here.keys("project")).items[2000:2020]
    assert len(list(page)) == 20
    assert built == list(range(2000, 2020)), "only what is looked at is made"


def test_foreign_projects_exist_but_are_not_listed() -> None:
    account = SeededAccount(7, 6, 60, 2, epoch=0)
    here = world(foreign=2)
    assert account.total("project", foreign=True) == account.total("project") + 2 == 62
    foreign = account.id("project", 60)
    assert here.key("project", foreign) == 60
    assert foreign not in {here.id("project", key) for key in here.keys("project")}
    assert len(here.keys("mail_address")) == account.total("mail_address")


def test_parameters_and_views_use_existing_kinds() -> None:
    world()
    assert set(KIND_OF_PARAMETER.values()) <= set(KINDS)
    assert {view.kind for view in VIEWS.values()} <= set(KINDS)
    assert all(set(view.needs) <= set(KINDS) for view in VIEWS.values())
    assert len({facts.number for facts in KINDS.values()}) == len(KINDS)


def test_keys_skip_deleted_objects() -> None:
    keys = Keys(range(10, 20), [3, 10, 13, 14, 19, 40], ["new", "newer"])
    everything: list[int | str] = [11, 12, 15, 16, 17, 18, "new", "newer"]
    assert list(keys) == everything
    assert len(keys) == 8
    for start in range(9):
        for stop in range(start, 10):
            assert keys[start:stop] == everything[start:stop]
    assert keys[::-2] == everything[::-2]
    assert keys[5:100] == everything[5:]
    assert list(Keys(range(0))) == []
