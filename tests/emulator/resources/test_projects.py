"""Projects, servers and customers: created, listed, changed and deleted."""

from __future__ import annotations

import pytest

from mittwald_async.emulator import Transitions

from ...support.emulator_state import Story


async def test_a_project_becomes_ready_and_appears_everywhere() -> None:
    story = Story()
    server = story.read("server")
    customer = f"/v2/customers/{server['customerId']}"
    before = (await story.seen(customer))["projectCount"]
    count = len(await story.seen("/v2/projects"))
    id = await story.made(f"/v2/servers/{server['id']}/projects", {"description": "Neuer Shop"})

    project = await story.seen(f"/v2/projects/{id}")
    assert (project["status"], project["isReady"], project["description"]) == ("pending", False, "Neuer Shop")
    story.wait()
    project = await story.seen(f"/v2/projects/{id}")
    assert (project["status"], project["isReady"], project["readiness"]) == ("ready", True, "ready")
    assert project["statusSetAt"] > project["createdAt"]

    assert (await story.seen(customer))["projectCount"] == before + 1
    for url in (
        "/v2/projects",
        f"/v2/projects?customerId={server['customerId']}",
        f"/v2/projects?serverId={server['id']}",
        f"{customer}/projects",
        "/v2/projects?searchTerm=neuer shop",
    ):
        listed = await story.seen(url)
        assert listed[-1]["id"] == id, url
        assert listed[-1]["customerMeta"] == {"id": server["customerId"]}
    assert len(await story.seen("/v2/projects")) == count + 1
    ingress = await story.seen(f"/v2/ingresses?projectId={id}")
    assert [entry["hostname"] for entry in ingress] == [f"{project['shortId']}.project.space"]
    assert (await story.seen(f"/v2/projects/{id}/memberships/self"))["userId"] == story.world.main_user
    assert (await story.seen(f"/v2/projects/{project['shortId']}"))["id"] == id


async def test_a_project_can_be_changed_and_deleted_with_its_contents() -> None:
    story = Story()
    project = story.where("project", status="ready")
    id = project["id"]
    url = f"/v2/projects/{id}"
    await story.done("PATCH", url, {"description": "Umbenannt"})
    assert (await story.seen(url))["description"] == "Umbenannt"
    key = story.world.find("project", id)
    installations = await story.seen(f"{url}/app-installations")
    assert {entry["projectDescription"] for entry in installations} <= {"Umbenannt"}
    assert [entry["description"] for entry in await story.seen("/v2/projects") if entry["id"] == id] == ["Umbenannt"]

    children = {
        kind: [story.world.id(kind, child) for child in story.world.keys(kind, ("project", key))]
        for kind in ("domain", "ingress", "mysql_database", "mysql_user", "stack", "service", "backup")
    }
    totals = {kind: len(story.world.keys(kind)) for kind in children}
    assert children["ingress"]
    await story.done("DELETE", url)
    assert await story.status(url) == 404
    assert await story.status(f"{url}/backups") == 404
    assert id not in [entry["id"] for entry in await story.seen("/v2/projects")]
    for kind, ids in children.items():
        assert len(story.world.keys(kind)) == totals[kind] - len(ids)
        assert all(story.world.key(kind, child) is None for child in ids)


async def test_a_share_of_projects_fails() -> None:
    story = Story(failing=1.0)
    server = story.read("server")
    id = await story.made(f"/v2/servers/{server['id']}/projects", {"description": "Pech"})
    story.wait()
    assert (await story.seen(f"/v2/projects/{id}"))["status"] == "error"


async def test_transitions_can_take_reads_instead_of_seconds() -> None:
    story = Story(transitions=Transitions(unit="reads", length=2, failing=0.0))
    server = story.read("server")
    id = await story.made(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    seen = [(await story.seen(f"/v2/projects/{id}"))["status"] for _ in range(4)]
    assert seen == ["pending", "pending", "ready", "ready"]


async def test_nothing_is_created_on_a_server_that_is_not_ready() -> None:
    story = Story()
    server = story.read("server")
    story.world.change("server", story.world.find("server", server["id"]), status="pending")
    answer = await story.post(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    assert answer.status == 412
    assert "expected ready" in answer.json["message"]


async def test_lists_are_sorted_as_requested() -> None:
    story = Story()
    for sort in ("createdAt", "description"):
        values = [entry[sort].lower() for entry in await story.seen(f"/v2/projects?sort={sort}&order=asc")]
        assert values == sorted(values)
        backwards = [entry[sort].lower() for entry in await story.seen(f"/v2/projects?sort={sort}&order=desc")]
        assert backwards == sorted(values, reverse=True)
    servers = await story.seen("/v2/servers?sort=createdAt&order=desc")
    assert [one["createdAt"] for one in servers] == sorted((one["createdAt"] for one in servers), reverse=True)


async def test_servers_are_listed_by_customer_and_renamed() -> None:
    story = Story()
    server = story.read("server")
    customer = server["customerId"]
    listed = await story.seen(f"/v2/servers?customerId={customer}")
    assert {entry["customerId"] for entry in listed} == {customer}
    await story.done("PATCH", f"/v2/servers/{server['id']}", {"description": "Alter Server"})
    assert (await story.seen(f"/v2/servers/{server['shortId']}"))["description"] == "Alter Server"
    assert [entry["id"] for entry in await story.seen("/v2/servers?searchTerm=alter serv")] == [server["id"]]


@pytest.mark.parametrize(("kind", "path"), [("project", "projects"), ("server", "servers")])
async def test_avatars_are_set_and_removed(kind: str, path: str) -> None:
    story = Story()
    url = f"/v2/{path}/{story.read(kind)['id']}"
    reference = (await story.done("POST", f"{url}/avatar")).json["refId"]
    assert (await story.seen(url))["imageRefId"] == reference
    await story.done("DELETE", f"{url}/avatar")
    assert "imageRefId" not in await story.seen(url)


async def test_foreign_projects_are_forbidden_and_unknown_ones_are_not_found() -> None:
    story = Story(foreign=1)
    foreign = story.world.seeded.id("project", 30)
    for url in (f"/v2/projects/{foreign}", f"/v2/projects/{foreign}/app-installations"):
        assert await story.status(url) == 403
    assert await story.status(f"/v2/domains?projectId={foreign}") == 403
    assert await story.status(f"/v2/projects/{story.world.new_id('project')}") == 404


async def test_a_customer_is_created_changed_and_deleted() -> None:
    story = Story()
    total = len(await story.seen("/v2/customers"))
    id = await story.made("/v2/customers", {"name": "Neukunde GmbH"}, "customerId")
    url = f"/v2/customers/{id}"
    assert len(await story.seen("/v2/customers")) == total + 1
    customer = await story.seen(url)
    assert (customer["memberCount"], customer["projectCount"]) == (1, 0)
    assert await story.seen(f"{url}/legally-competent") == {"isLegallyCompetent": False}
    await story.done("PUT", url, {"customerId": id, "name": "Altkunde GmbH", "vatId": "DE1"})
    assert (await story.seen(url))["name"] == "Altkunde GmbH"
    assert (await story.put(url, {"customerId": story.read("customer")["customerId"], "name": "x"})).status == 412
    assert [entry["customerId"] for entry in await story.seen("/v2/customers?search=altkunde")] == [id]
    reference = (await story.done("POST", f"{url}/avatar", {})).json["refId"]
    assert (await story.seen(url))["avatarRefId"] == reference
    await story.done("DELETE", f"{url}/avatar")
    assert await story.status(f"{url}/wallet") == 404
    await story.done("POST", f"{url}/wallet", {})
    assert (await story.seen(f"{url}/wallet"))["points"] == 0
    await story.done("POST", f"{url}/recommendation-suggestions", {"suggestion": "freunde"})
    await story.done("DELETE", url)
    assert await story.status(url) == 404
    assert len(await story.seen("/v2/customers")) == total


async def test_a_customer_with_projects_cannot_be_deleted() -> None:
    story = Story()
    customer = story.read("project")["customerId"]
    assert (await story.delete(f"/v2/customers/{customer}")).status == 409
    assert (await story.seen(f"/v2/customers/{customer}"))["deletionProhibitedBy"]
    assert len(await story.seen("/v2/customers?role=owner")) == 4
    assert await story.seen("/v2/customers?role=accountant") == []
