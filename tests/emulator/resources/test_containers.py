"""Stacks, services, volumes and registries."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from mittwald_async.emulator import Emulator

from ...support.emulator_requests import CALM
from ...support.emulator_state import Scenario

REDIS = {"image": "redis:7", "ports": ["6379/tcp"], "volumes": ["data:/data"], "envs": {"A": "1"}}


async def new_stack(scenario: Scenario) -> tuple[str, str]:
    project: str = scenario.read("project")["id"]
    answer = await scenario.perform("POST", f"/v2/projects/{project}/stacks", {"description": "Neu"})
    return project, answer.json["id"]


async def test_a_stack_is_declared_and_its_services_start() -> None:
    scenario = Scenario()
    project, id = await new_stack(scenario)
    url = f"/v2/stacks/{id}"
    body: dict[str, Any] = {"services": {"redis": REDIS}, "volumes": {"data": {"name": "data"}}}
    stack = (await scenario.perform("PUT", url, body)).json
    [service] = stack["services"]
    [volume] = stack["volumes"]
    assert (service["status"], volume["linkedServices"], volume["orphaned"]) == ("creating", [service["id"]], False)
    single = f"{url}/services/{service['id']}"
    scenario.advance()
    assert (await scenario.fetch(single))["status"] == "running"
    assert await scenario.fetch(f"{url}/services/redis") == await scenario.fetch(single)
    assert await scenario.fetch(f"{url}/services/{service['shortId']}") == await scenario.fetch(single)
    for listing in (
        "/v2/services",
        f"/v2/projects/{project}/services",
        f"/v2/projects/{project}/services?stackId={id}",
    ):
        assert (await scenario.fetch(listing))[-1]["id"] == service["id"]
    for listing in (f"{url}/volumes", f"/v2/projects/{project}/volumes"):
        assert (await scenario.fetch(listing))[-1]["id"] == volume["id"]
    assert await scenario.fetch(f"{url}/volumes/{volume['id']}") == (await scenario.fetch(f"{url}/volumes"))[0]
    assert [entry["id"] for entry in await scenario.fetch("/v2/stacks")][-1] == id
    assert (await scenario.fetch(f"/v2/projects/{project}/stacks?searchTerm=neu"))[0]["id"] == id
    assert (await scenario.get(f"{single}/logs?tail=3")).body.count(b"\n") == 3
    assert (await scenario.delete(f"{url}/volumes/{volume['id']}")).status == 412, "in use"


async def test_a_new_image_is_pending_until_the_service_is_recreated() -> None:
    scenario = Scenario()
    project, id = await new_stack(scenario)
    url = f"/v2/stacks/{id}"
    await scenario.perform("PUT", url, {"services": {"redis": REDIS}})
    scenario.advance()
    await scenario.perform("PATCH", url, {"services": {"redis": {"image": "redis:8", "environment": {"B": "2"}}}})
    service = (await scenario.fetch(url))["services"][0]
    assert (service["requiresRecreate"], service["deployedState"]["image"]) == (True, "redis:7")
    assert service["pendingState"]["envs"] == {"B": "2"}
    stale = await scenario.fetch(f"/v2/projects/{project}/services?requiresRecreate=true")
    assert [entry["id"] for entry in stale] == [service["id"]]
    single = f"{url}/services/{service['id']}"
    await scenario.perform("POST", f"{single}/actions/recreate")
    assert (await scenario.fetch(single))["status"] == "creating"
    scenario.advance()
    service = await scenario.fetch(single)
    assert (service["status"], service["deployedState"]["image"]) == ("running", "redis:8")
    await scenario.perform(
        "PATCH", f"{url}?recreate=true", {"services": {"redis": {"image": "redis:9"}}, "description": "x"}
    )
    assert (await scenario.fetch(single))["deployedState"]["image"] == "redis:9"
    assert (await scenario.fetch(url))["description"] == "x"


async def test_a_declaration_replaces_everything_and_a_patch_only_its_properties() -> None:
    scenario = Scenario()
    _, id = await new_stack(scenario)
    url = f"/v2/stacks/{id}"
    web = {"image": "nginx:1", "ports": ["80/tcp"]}
    await scenario.perform(
        "PUT", url, {"services": {"redis": REDIS, "web": web}, "volumes": {"data": {"name": "data"}}}
    )
    await scenario.perform("PATCH", url, {"services": {"third": web}})
    assert [entry["serviceName"] for entry in (await scenario.fetch(url))["services"]] == ["redis", "web", "third"]
    await scenario.perform("PATCH", url, {"services": {"third": {}}, "volumes": {"more": {"name": "more"}}})
    stack = await scenario.fetch(url)
    assert [entry["serviceName"] for entry in stack["services"]] == ["redis", "web"]
    assert [(entry["name"], entry["orphaned"]) for entry in stack["volumes"]] == [("data", False), ("more", True)]
    await scenario.perform("DELETE", f"{url}/volumes/{stack['volumes'][1]['id']}")
    await scenario.perform("PUT", url, {"services": {"web": web}})
    stack = await scenario.fetch(url)
    assert ([entry["serviceName"] for entry in stack["services"]], stack["volumes"]) == (["web"], [])
    assert (await scenario.patch(url, {"services": {"no-image": {"ports": []}}})).status == 412
    await scenario.perform("PUT", f"{url}/update-schedule", {"updateSchedule": {"cron": "0 3 * * *"}})
    assert (await scenario.fetch(url))["updateSchedule"]["cron"] == "0 3 * * *"
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


async def test_services_stop_start_and_fail() -> None:
    scenario = Scenario()
    project, id = await new_stack(scenario)
    url = f"/v2/stacks/{id}"
    stack = (await scenario.perform("PUT", url, {"services": {"redis": REDIS}})).json
    single = f"{url}/services/{stack['services'][0]['id']}"
    scenario.advance()
    for action, through, end in (("stop", "stopping", "stopped"), ("start", "starting", "running")):
        await scenario.perform("POST", f"{single}/actions/{action}")
        assert (await scenario.fetch(single))["status"] == through
        scenario.advance()
        assert (await scenario.fetch(single))["status"] == end
    running = await scenario.fetch(f"/v2/projects/{project}/services?status=running")
    assert running[-1]["id"] == stack["services"][0]["id"]
    hook = (await scenario.perform("POST", f"{single}/webhook-token")).json
    assert hook["token"] == scenario.world.extras("webhook_tokens")[stack["services"][0]["id"]]

    unlucky = Scenario(failing=1.0)
    _, id = await new_stack(unlucky)
    stack = (await unlucky.perform("PUT", f"/v2/stacks/{id}", {"services": {"redis": REDIS}})).json
    unlucky.advance()
    service = await unlucky.fetch(f"/v2/stacks/{id}/services/redis")
    assert (service["status"], "exited" in service["message"]) == ("error", True)


async def test_host_names_leave_a_deleted_service() -> None:
    scenario = Scenario()
    project, id = await new_stack(scenario)
    stack = (await scenario.perform("PUT", f"/v2/stacks/{id}", {"services": {"redis": REDIS}})).json
    service = stack["services"][0]["id"]
    target = {"container": {"id": service, "portProtocol": "80/tcp"}}
    body = {"hostname": "c.example.org", "paths": [{"path": "/", "target": target}], "projectId": project}
    ingress = await scenario.create("/v2/ingresses", body)
    assert [entry["id"] for entry in await scenario.fetch(f"/v2/ingresses?containerId={service}")] == [ingress]
    await scenario.perform("DELETE", f"/v2/stacks/{id}")
    assert (await scenario.fetch(f"/v2/ingresses/{ingress}"))["paths"][0]["target"] == {"useDefaultPage": True}


async def test_lists_are_sorted_and_stay_within_their_project() -> None:
    scenario = Scenario()
    everything = await scenario.fetch("/v2/services")
    descriptions = [entry["description"] for entry in await scenario.fetch("/v2/services?sortOrder=descriptionDesc")]
    assert descriptions == sorted((entry["description"] for entry in everything), reverse=True)
    stack = scenario.read("stack")
    elsewhere = next(
        scenario.world.read("project", key)["id"]
        for key in scenario.world.keys("project")
        if scenario.world.read("project", key)["id"] != stack["projectId"]
    )
    assert await scenario.status(f"/v2/projects/{elsewhere}/services?stackId={stack['id']}") == 404
    project = next(
        scenario.world.read("project", key)["id"]
        for key in scenario.world.keys("project")
        if len(scenario.world.keys("volume", ("project", key))) > 1
    )
    sizes = [
        e["storageUsageInBytes"] for e in await scenario.fetch(f"/v2/projects/{project}/volumes?sortOrder=storageDesc")
    ]
    assert sizes == sorted(sizes, reverse=True)
    names = [entry["name"] for entry in await scenario.fetch(f"/v2/projects/{project}/volumes?sortOrder=nameAsc")]
    assert names == sorted(names)
    assert await scenario.status(f"/v2/stacks/{stack['id']}/services/nothing") == 404


async def test_registries() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{scenario.read('project')['id']}"
    body = {"description": "Neu", "uri": "registry.example.org"}
    id = (await scenario.perform("POST", f"{project}/registries", body)).json["id"]
    url = f"/v2/registries/{id}"
    check = f"{url}/actions/validate-credentials"
    assert (await scenario.perform("POST", check)).json == {"valid": False}
    assert id in [entry["id"] for entry in await scenario.fetch(f"{project}/registries?hasCredentials=false")]
    login = {"credentials": {"username": "deploy", "password": "Secret-4-tests"}}
    await scenario.perform("PATCH", url, login)
    assert (await scenario.fetch(url))["credentials"] == {"username": "deploy", "valid": True}
    assert (await scenario.perform("POST", check)).json == {"valid": True}
    assert id in [entry["id"] for entry in await scenario.fetch(f"{project}/registries?hasCredentials=true")]
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


async def test_a_projects_first_stack_has_the_projects_id() -> None:
    """mittwald/cli addresses the default stack by the id of its project."""
    scenario = Scenario()
    project = scenario.read("project")["id"]
    stacks = await scenario.fetch(f"/v2/projects/{project}/stacks")
    assert stacks[0]["id"] == project
    assert (await scenario.fetch(f"/v2/stacks/{project}"))["projectId"] == project
    service = scenario.read("service")
    assert service["id"] in [
        entry["id"] for entry in (await scenario.fetch(f"/v2/stacks/{service['stackId']}"))["services"]
    ]
    server = scenario.read("server")["id"]
    new = await scenario.create(f"/v2/servers/{server}/projects", {"description": "Neu"})
    assert (await scenario.fetch(f"/v2/stacks/{new}"))["description"] == "default"
    await scenario.perform("PUT", f"/v2/stacks/{new}", {"services": {"web": {"image": "nginx:1"}}, "volumes": {}})
    await scenario.perform("DELETE", f"/v2/projects/{new}")
    assert await scenario.status(f"/v2/stacks/{new}") == 404


async def test_the_webhook_of_a_service_needs_no_other_token_and_acts_on_get() -> None:
    scenario = Scenario()
    service = scenario.find("service", status="running")
    url = f"/v2/stacks/{service['stackId']}/services/{service['id']}"
    hook = (await scenario.perform("POST", f"{url}/webhook-token", None)).json
    assert hook["webhookUrl"] == f"http://localhost{url}/actions/pull-image?token={hook['token']}"
    scenario.token = None
    path = hook["webhookUrl"].removeprefix("http://localhost")
    assert (await scenario.get(path.replace("token=", "token=x"))).status == 403
    assert [(await scenario.get(path)).status for _ in range(2)] == [204, 204]
    assert (await scenario.post(path)).status == 204
    writes = [write.method for write in scenario.emulator.writes if write.path.endswith("/actions/pull-image")]
    assert writes == ["GET", "GET", "POST"], "repeating it is not free"
    assert scenario.world.get("service", service["id"])["status"] == "creating"


async def test_a_service_runs_its_old_image_until_it_is_recreated() -> None:
    scenario = Scenario()
    service = scenario.find("service", status="running")
    url = f"/v2/stacks/{service['stackId']}/services/{service['id']}"
    wanted = {"services": {service["serviceName"]: {"image": "nginx:2"}}}
    await scenario.perform("PATCH", f"/v2/stacks/{service['stackId']}", wanted)
    seen = await scenario.fetch(url)
    assert (seen["requiresRecreate"], seen["pendingState"]["image"]) == (True, "nginx:2")
    assert seen["deployedState"]["image"] == service["deployedState"]["image"]
    await scenario.perform("POST", f"{url}/actions/recreate")
    scenario.advance()
    seen = await scenario.fetch(url)
    assert (seen["requiresRecreate"], seen["deployedState"]["image"], seen["status"]) == (False, "nginx:2", "running")
    assert seen["statusSetAt"] > service["statusSetAt"]


async def test_logs_arrive_whole_and_then_break_off() -> None:
    async with Emulator(**CALM) as emulator:
        world = emulator.world
        service = world.read("service", next(iter(world.keys("service"))))
        url = f"{emulator.url}/v2/stacks/{service['stackId']}/services/{service['id']}/logs"
        headers = {"x-access-token": emulator.token}
        async with aiohttp.ClientSession(headers=headers) as session:
            received = b""

            async def read() -> None:
                nonlocal received
                async with session.get(url) as response:
                    async for chunk in response.content.iter_any():
                        received += chunk

            with pytest.raises(aiohttp.ClientPayloadError):
                await read()
            assert received.count(b"\n") == 100
            assert b"\0" in received
            emulator.configure(broken_log_ends=False)
            async with session.get(url) as response:
                assert await response.read() == received
