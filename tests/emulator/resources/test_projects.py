"""Projects, servers and customers: created, listed, changed and deleted."""

from __future__ import annotations

import pytest

from mittwald_async.emulator import Transitions

from ...support.emulator_state import Scenario


async def test_a_project_becomes_ready_and_appears_everywhere() -> None:
    scenario = Scenario()
    server = scenario.read("server")
    customer = f"/v2/customers/{server['customerId']}"
    before = (await scenario.fetch(customer))["projectCount"]
    count = len(await scenario.fetch("/v2/projects"))
    id = await scenario.create(f"/v2/servers/{server['id']}/projects", {"description": "Neuer Shop"})

    project = await scenario.fetch(f"/v2/projects/{id}")
    assert (project["status"], project["isReady"], project["description"]) == ("pending", False, "Neuer Shop")
    scenario.advance()
    project = await scenario.fetch(f"/v2/projects/{id}")
    assert (project["status"], project["isReady"], project["readiness"]) == ("ready", True, "ready")
    assert project["statusSetAt"] > project["createdAt"]

    assert (await scenario.fetch(customer))["projectCount"] == before + 1
    for url in (
        "/v2/projects",
        f"/v2/projects?customerId={server['customerId']}",
        f"/v2/projects?serverId={server['id']}",
        f"{customer}/projects",
        "/v2/projects?searchTerm=neuer shop",
    ):
        listed = await scenario.fetch(url)
        assert listed[-1]["id"] == id, url
        assert listed[-1]["customerMeta"] == {"id": server["customerId"]}
    assert len(await scenario.fetch("/v2/projects")) == count + 1
    ingress = await scenario.fetch(f"/v2/ingresses?projectId={id}")
    assert [entry["hostname"] for entry in ingress] == [f"{project['shortId']}.project.space"]
    assert (await scenario.fetch(f"/v2/projects/{id}/memberships/self"))["userId"] == scenario.world.main_user
    assert (await scenario.fetch(f"/v2/projects/{project['shortId']}"))["id"] == id


async def test_a_project_can_be_changed_and_deleted_with_its_contents() -> None:
    scenario = Scenario()
    project = scenario.find("project", status="ready")
    id = project["id"]
    url = f"/v2/projects/{id}"
    await scenario.perform("PATCH", url, {"description": "Umbenannt"})
    assert (await scenario.fetch(url))["description"] == "Umbenannt"
    key = scenario.world.find("project", id)
    installations = await scenario.fetch(f"{url}/app-installations")
    assert {entry["projectDescription"] for entry in installations} <= {"Umbenannt"}
    assert [entry["description"] for entry in await scenario.fetch("/v2/projects") if entry["id"] == id] == [
        "Umbenannt"
    ]

    children = {
        kind: [scenario.world.id(kind, child) for child in scenario.world.keys(kind, ("project", key))]
        for kind in ("domain", "ingress", "mysql_database", "mysql_user", "stack", "service", "backup")
    }
    totals = {kind: len(scenario.world.keys(kind)) for kind in children}
    assert children["ingress"]
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
    assert await scenario.status(f"{url}/backups") == 404
    assert id not in [entry["id"] for entry in await scenario.fetch("/v2/projects")]
    for kind, ids in children.items():
        assert len(scenario.world.keys(kind)) == totals[kind] - len(ids)
        assert all(scenario.world.key(kind, child) is None for child in ids)


async def test_a_share_of_projects_fails() -> None:
    scenario = Scenario(failing=1.0)
    server = scenario.read("server")
    id = await scenario.create(f"/v2/servers/{server['id']}/projects", {"description": "Pech"})
    scenario.advance()
    assert (await scenario.fetch(f"/v2/projects/{id}"))["status"] == "error"


async def test_transitions_can_take_reads_instead_of_seconds() -> None:
    scenario = Scenario(transitions=Transitions(unit="reads", length=2, failing=0.0))
    server = scenario.read("server")
    id = await scenario.create(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    seen = [(await scenario.fetch(f"/v2/projects/{id}"))["status"] for _ in range(4)]
    assert seen == ["pending", "pending", "ready", "ready"]


async def test_nothing_is_created_on_a_server_that_is_not_ready() -> None:
    scenario = Scenario()
    server = scenario.read("server")
    scenario.world.change("server", scenario.world.find("server", server["id"]), status="pending")
    answer = await scenario.post(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    assert answer.status == 412
    assert "expected ready" in answer.json["message"]


async def test_lists_are_sorted_as_requested() -> None:
    scenario = Scenario()
    for sort in ("createdAt", "description"):
        values = [entry[sort].lower() for entry in await scenario.fetch(f"/v2/projects?sort={sort}&order=asc")]
        assert values == sorted(values)
        backwards = [entry[sort].lower() for entry in await scenario.fetch(f"/v2/projects?sort={sort}&order=desc")]
        assert backwards == sorted(values, reverse=True)
    servers = await scenario.fetch("/v2/servers?sort=createdAt&order=desc")
    assert [one["createdAt"] for one in servers] == sorted((one["createdAt"] for one in servers), reverse=True)


async def test_servers_are_listed_by_customer_and_renamed() -> None:
    scenario = Scenario()
    server = scenario.read("server")
    customer = server["customerId"]
    listed = await scenario.fetch(f"/v2/servers?customerId={customer}")
    assert {entry["customerId"] for entry in listed} == {customer}
    await scenario.perform("PATCH", f"/v2/servers/{server['id']}", {"description": "Alter Server"})
    assert (await scenario.fetch(f"/v2/servers/{server['shortId']}"))["description"] == "Alter Server"
    assert [entry["id"] for entry in await scenario.fetch("/v2/servers?searchTerm=alter serv")] == [server["id"]]


@pytest.mark.parametrize(("kind", "path"), [("project", "projects"), ("server", "servers")])
async def test_avatars_are_set_and_removed(kind: str, path: str) -> None:
    scenario = Scenario()
    url = f"/v2/{path}/{scenario.read(kind)['id']}"
    reference = (await scenario.perform("POST", f"{url}/avatar")).json["refId"]
    assert (await scenario.fetch(url))["imageRefId"] == reference
    await scenario.perform("DELETE", f"{url}/avatar")
    assert "imageRefId" not in await scenario.fetch(url)


async def test_foreign_projects_are_forbidden_and_unknown_ones_are_not_found() -> None:
    scenario = Scenario(foreign=1)
    foreign = scenario.world.seeded.id("project", 30)
    for url in (f"/v2/projects/{foreign}", f"/v2/projects/{foreign}/app-installations"):
        assert await scenario.status(url) == 403
    assert await scenario.status(f"/v2/domains?projectId={foreign}") == 403
    assert await scenario.status(f"/v2/projects/{scenario.world.new_id('project')}") == 404


async def test_a_customer_is_created_changed_and_deleted() -> None:
    scenario = Scenario()
    total = len(await scenario.fetch("/v2/customers"))
    id = await scenario.create("/v2/customers", {"name": "Neukunde GmbH"}, "customerId")
    url = f"/v2/customers/{id}"
    assert len(await scenario.fetch("/v2/customers")) == total + 1
    customer = await scenario.fetch(url)
    assert (customer["memberCount"], customer["projectCount"]) == (1, 0)
    assert await scenario.fetch(f"{url}/legally-competent") == {"isLegallyCompetent": False}
    await scenario.perform("PUT", url, {"customerId": id, "name": "Altkunde GmbH", "vatId": "DE1"})
    assert (await scenario.fetch(url))["name"] == "Altkunde GmbH"
    assert (await scenario.put(url, {"customerId": scenario.read("customer")["customerId"], "name": "x"})).status == 412
    assert [entry["customerId"] for entry in await scenario.fetch("/v2/customers?search=altkunde")] == [id]
    reference = (await scenario.perform("POST", f"{url}/avatar", {})).json["refId"]
    assert (await scenario.fetch(url))["avatarRefId"] == reference
    await scenario.perform("DELETE", f"{url}/avatar")
    assert await scenario.status(f"{url}/wallet") == 404
    await scenario.perform("POST", f"{url}/wallet", {})
    assert (await scenario.fetch(f"{url}/wallet"))["points"] == 0
    await scenario.perform("POST", f"{url}/recommendation-suggestions", {"suggestion": "freunde"})
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
    assert len(await scenario.fetch("/v2/customers")) == total


async def test_a_customer_with_projects_cannot_be_deleted() -> None:
    scenario = Scenario()
    customer = scenario.read("project")["customerId"]
    assert (await scenario.delete(f"/v2/customers/{customer}")).status == 409
    assert (await scenario.fetch(f"/v2/customers/{customer}"))["deletionProhibitedBy"]
    assert len(await scenario.fetch("/v2/customers?role=owner")) == 4
    assert await scenario.fetch("/v2/customers?role=accountant") == []
