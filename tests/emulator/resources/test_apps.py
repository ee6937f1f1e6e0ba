"""The app catalogue, and installations from request to removal."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.emulator.resources.apps import in_range, internal

from ...support.emulator_state import Scenario


def version_of(scenario: Scenario, app: str, index: int = -1) -> dict[str, Any]:
    key = next(key for key in scenario.world.keys("app") if scenario.world.read("app", key)["name"] == app)
    versions = list(scenario.world.keys("app_version", ("app", key)))
    return scenario.world.read("app_version", versions[index])


async def installed(scenario: Scenario, app: str = "WordPress", index: int = -1) -> tuple[str, dict[str, Any]]:
    """A project, and the response of a new installation in it."""
    project = scenario.find("project", status="ready")["id"]
    body = {
        "appVersionId": version_of(scenario, app, index)["id"],
        "description": "Neu",
        "updatePolicy": "patchLevel",
        "userInputs": [{"name": "site_title", "value": "Neu"}, {"name": "admin_pass", "value": "Secret-4-tests"}],
    }
    id = await scenario.create(f"/v2/projects/{project}/app-installations", body)
    return project, await scenario.fetch(f"/v2/app-installations/{id}")


async def test_the_catalogue() -> None:
    scenario = Scenario()
    for app in await scenario.fetch("/v2/apps"):
        assert await scenario.fetch(f"/v2/apps/{app['id']}") == app
        versions = await scenario.fetch(f"/v2/apps/{app['id']}/versions")
        assert versions
        assert await scenario.fetch(f"/v2/apps/{app['id']}/versions/{versions[0]['id']}") == versions[0]
        newer = await scenario.fetch(f"/v2/apps/{app['id']}/versions/{versions[0]['id']}/update-candidates")
        assert newer == versions[1:]
        recommended = await scenario.fetch(f"/v2/apps/{app['id']}/versions?recommended=true")
        assert recommended == [version for version in versions if version["recommended"]]
    apps = await scenario.fetch("/v2/apps")
    foreign = version_of(scenario, "TYPO3")["id"]
    assert await scenario.status(f"/v2/apps/{apps[0]['id']}/versions/{foreign}") == 404
    for software in await scenario.fetch("/v2/system-softwares"):
        url = f"/v2/system-softwares/{software['id']}"
        assert await scenario.fetch(url) == software
        versions = await scenario.fetch(f"{url}/versions")
        assert await scenario.fetch(f"{url}/versions/{versions[0]['id']}") == versions[0]
        assert await scenario.fetch(f"{url}/versions?versionRange=<0.1") == []


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("8.2.27", ">=8.1 <8.4", True),
        ("8.4.2", ">=8.1 <8.4", False),
        ("12.4.25", "^12.4", True),
        ("13.0.0", "^12.4", False),
        ("6.6.10", "~6.6.2", True),
        ("6.7.0", "~6.6.2", False),
        ("8.3.15", "8.3", True),
        ("8.3.15", "=8.2", False),
        ("8.3.15", "7 || 8", True),
        ("8.3.15", "*", True),
        ("8.3.15", "", True),
        ("8.3.15", ">8.3.15", False),
        ("8.3.15", "<=8.3.15", True),
    ],
)
def test_version_ranges(version: str, wanted: str, fits: bool) -> None:
    assert in_range(version, wanted) is fits
    assert internal("13.4") == "13.4.0-0"


async def test_an_app_is_installed_with_its_database() -> None:
    scenario = Scenario()
    project, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    assert (value["phase"], "current" in value["appVersion"]) == ("pending", False)
    assert value["userInputs"] == [{"name": "site_title", "value": "Neu"}], "passwords are not kept"
    assert [entry["id"] for entry in await scenario.fetch(f"/v2/projects/{project}/app-installations")][-1] == value[
        "id"
    ]
    assert value["id"] in [entry["id"] for entry in await scenario.fetch("/v2/app-installations")]
    scenario.advance()
    assert (await scenario.fetch(url))["phase"] == "installing"
    scenario.advance()
    value = await scenario.fetch(url)
    assert value["phase"] == "ready"
    assert value["appVersion"]["current"] == value["appVersion"]["desired"]
    [link] = value["linkedDatabases"]
    database = await scenario.fetch(f"/v2/mysql-databases/{link['databaseId']}")
    assert (database["status"], database["projectId"]) == ("ready", project)
    assert database["mainUser"]["id"] == link["databaseUserIds"]["admin"]
    assert (await scenario.fetch(f"{url}/status"))["state"] == "running"
    assert (await scenario.fetch(f"/v2/app-installations/{value['shortId']}"))["id"] == value["id"]


async def test_an_installation_can_fail() -> None:
    scenario = Scenario(failing=1.0)
    _, value = await installed(scenario)
    scenario.advance(2)
    value = await scenario.fetch(f"/v2/app-installations/{value['id']}")
    assert (value["phase"], value["disabled"]) == ("disabled", True)
    assert "failed" in value["lastError"]


async def test_an_installation_is_upgraded_only_when_ready() -> None:
    scenario = Scenario()
    _, value = await installed(scenario, index=0)
    url = f"/v2/app-installations/{value['id']}"
    newest = version_of(scenario, "WordPress")
    answer = await scenario.patch(url, {"appVersionId": newest["id"]})
    assert answer.status == 412
    assert answer.json["message"] == "expected phase APP_PHASE_READY, current phase is APP_PHASE_PENDING"
    scenario.advance(2)
    missing = await scenario.fetch(f"{url}/missing-dependencies?targetAppVersionID={newest['id']}")
    assert missing["missingSystemSoftwareDependencies"] == []
    other = version_of(scenario, "TYPO3")["id"]
    assert (await scenario.patch(url, {"appVersionId": other})).status == 412
    missing = await scenario.fetch(f"{url}/missing-dependencies?targetAppVersionID={other}")
    assert len(missing["missingSystemSoftwareDependencies"]) == 1
    await scenario.perform("PATCH", url, {"appVersionId": newest["id"], "description": "Aktuell"})
    value = await scenario.fetch(url)
    assert (value["phase"], value["description"]) == ("upgrading", "Aktuell")
    assert value["appVersion"]["current"] != newest["id"]
    scenario.advance()
    value = await scenario.fetch(url)
    assert (value["phase"], value["appVersion"]["current"]) == ("ready", newest["id"])
    assert value["appExternalVersion"] == newest["externalVersion"]


async def test_system_software_can_be_chosen() -> None:
    scenario = Scenario()
    _, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    software = next(entry for entry in await scenario.fetch("/v2/system-softwares") if entry["name"] == "node")
    version = (await scenario.fetch(f"/v2/system-softwares/{software['id']}/versions"))[0]
    wanted = {software["id"]: {"systemSoftwareVersion": version["id"], "updatePolicy": "none"}}
    await scenario.perform("PATCH", url, {"systemSoftware": wanted, "userInputs": [], "customDocumentRoot": "/web"})
    installed_now = {entry["name"]: entry for entry in (await scenario.fetch(url))["systemSoftware"]}
    assert installed_now["node"]["systemSoftwareVersion"] == {"desired": version["id"]}, "wanted, and not yet there"
    scenario.advance(4)
    installed_now = {entry["name"]: entry for entry in (await scenario.fetch(url))["systemSoftware"]}
    assert installed_now["node"]["systemSoftwareVersion"]["current"] == version["id"]
    named = await scenario.fetch(f"{url}/system-software?tagFilter=node")
    assert [entry["name"] for entry in named] == ["node"]
    await scenario.perform("PATCH", url, {"systemSoftware": {software["id"]: {"updatePolicy": "all"}}})
    installed_now = {entry["name"]: entry for entry in (await scenario.fetch(url))["systemSoftware"]}
    assert installed_now["node"]["updatePolicy"] == "all"


async def test_current_system_software_follows_the_desired_one_after_a_delay() -> None:
    scenario = Scenario()
    _, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    scenario.advance(2)
    software = next(entry for entry in await scenario.fetch("/v2/system-softwares") if entry["name"] == "php")
    versions = await scenario.fetch(f"/v2/system-softwares/{software['id']}/versions")

    async def php() -> tuple[str, dict[str, str], str]:
        seen = await scenario.fetch(url)
        entry = next(entry for entry in seen["systemSoftware"] if entry["name"] == "php")
        return seen["phase"], entry["systemSoftwareVersion"], entry["externalVersion"]

    _, before, external = await php()
    wanted = next(version for version in versions if version["id"] != before["current"])
    await scenario.perform("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": wanted["id"]}}})
    lagging = {"current": before["current"], "desired": wanted["id"]}
    assert await php() == ("ready", lagging, external), "the phase does not show it yet"
    scenario.advance()
    assert await php() == ("reconfiguring", lagging, external)
    scenario.advance()
    reached = {"current": wanted["id"], "desired": wanted["id"]}
    assert await php() == ("ready", reached, wanted["externalVersion"])


async def test_a_version_is_refused_during_an_invisible_phase() -> None:
    scenario = Scenario()
    _, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    scenario.advance(2)
    software = next(entry for entry in await scenario.fetch("/v2/system-softwares") if entry["name"] == "node")
    version = (await scenario.fetch(f"/v2/system-softwares/{software['id']}/versions"))[0]["id"]
    await scenario.perform("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": version}}})
    assert (await scenario.fetch(url))["phase"] == "ready"
    other = next(
        entry["id"]
        for entry in await scenario.fetch(f"/v2/apps/{value['appId']}/versions")
        if entry["id"] != value["appVersion"]["desired"]
    )
    refused = await scenario.patch(url, {"appVersionId": other})
    assert (refused.status, refused.json["type"]) == (412, "VError")
    assert "current phase is APP_PHASE_RECONFIGURING" in refused.json["message"]
    scenario.advance(2)
    await scenario.perform("PATCH", url, {"appVersionId": other})
    scenario.advance()
    seen = await scenario.fetch(url)
    assert seen["appVersion"] == {"current": other, "desired": other}
    assert {entry["name"]: entry["systemSoftwareVersion"]["current"] for entry in seen["systemSoftware"]}[
        "node"
    ] == version


async def test_a_second_software_change_keeps_the_first() -> None:
    scenario = Scenario()
    _, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    wanted: dict[str, str] = {}
    for name in ("php", "node"):
        software = next(entry for entry in await scenario.fetch("/v2/system-softwares") if entry["name"] == name)
        version = (await scenario.fetch(f"/v2/system-softwares/{software['id']}/versions"))[0]["id"]
        wanted[name] = version
        await scenario.perform("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": version}}})
    scenario.advance(4)
    now = {entry["name"]: entry["systemSoftwareVersion"] for entry in (await scenario.fetch(url))["systemSoftware"]}
    assert {name: now[name] for name in wanted} == {name: {"current": v, "desired": v} for name, v in wanted.items()}


async def test_databases_are_linked_and_unlinked() -> None:
    scenario = Scenario()
    project, value = await installed(scenario)
    url = f"/v2/app-installations/{value['id']}"
    body = {"description": "Cache", "version": "7.2"}
    redis = await scenario.create(f"/v2/projects/{project}/redis-databases", body)
    await scenario.perform("PATCH", f"{url}/database", {"databaseId": redis, "purpose": "cache"})
    links = {link["databaseId"]: link for link in (await scenario.fetch(url))["linkedDatabases"]}
    assert (links[redis]["kind"], links[redis]["purpose"]) == ("redis", "cache")
    await scenario.perform("PUT", f"{url}/databases/{redis}/users", {"databaseUserIds": {"x": "y"}})
    links = {link["databaseId"]: link for link in (await scenario.fetch(url))["linkedDatabases"]}
    assert links[redis]["databaseUserIds"] == {"x": "y"}
    await scenario.perform("DELETE", f"{url}/databases/{redis}")
    assert redis not in [link["databaseId"] for link in (await scenario.fetch(url))["linkedDatabases"]]
    assert (await scenario.delete(f"{url}/databases/{redis}")).status == 404
    [old] = (await scenario.fetch(url))["linkedDatabases"]
    await scenario.perform(
        "PATCH", url, {"databases": {redis: {"purpose": "custom", "replacesDatabaseId": old["databaseId"]}}}
    )
    assert [link["databaseId"] for link in (await scenario.fetch(url))["linkedDatabases"]] == [redis]
    replace: dict[str, Any] = {"oldDatabaseId": redis, "newDatabaseId": old["databaseId"], "databaseUserIds": {}}
    await scenario.perform("PATCH", f"{url}/database/replace", replace)
    assert [link["databaseId"] for link in (await scenario.fetch(url))["linkedDatabases"]] == [old["databaseId"]]


async def test_an_installation_is_copied_and_uninstalled_with_its_links() -> None:
    scenario = Scenario()
    _, value = await installed(scenario)
    scenario.advance(2)
    target = scenario.find("project", status="ready")["id"]
    copy = f"/v2/app-installations/{value['id']}/actions/copy"
    id = await scenario.create(copy, {"description": "Kopie", "targetProjectId": target})
    scenario.advance(2)
    assert (await scenario.fetch(f"/v2/app-installations/{id}"))["phase"] == "ready"

    hostname = "neu.example.org"
    path = {"path": "/", "target": {"installationId": id}}
    ingress = await scenario.create("/v2/ingresses", {"hostname": hostname, "paths": [path], "projectId": target})
    cronjob = await scenario.create(
        f"/v2/projects/{target}/cronjobs",
        {
            "active": True,
            "appInstallationId": id,
            "description": "x",
            "destination": {"url": "https://example.org"},
            "interval": "* * * * *",
            "timeout": 60,
        },
    )
    assert [entry["id"] for entry in await scenario.fetch(f"/v2/ingresses?appInstallationId={id}")] == [ingress]
    await scenario.perform("DELETE", f"/v2/app-installations/{id}")
    assert (await scenario.fetch(f"/v2/app-installations/{id}"))["deletionRequested"] is True
    scenario.advance()
    assert await scenario.status(f"/v2/app-installations/{id}") == 404
    assert await scenario.status(f"/v2/cronjobs/{cronjob}") == 404
    assert (await scenario.fetch(f"/v2/ingresses/{ingress}"))["paths"] == [
        {"path": "/", "target": {"useDefaultPage": True}}
    ]


async def test_installations_are_filtered_and_sorted() -> None:
    scenario = Scenario()
    everything = await scenario.fetch("/v2/app-installations")
    wordpress = version_of(scenario, "WordPress")["appId"]
    listed = await scenario.fetch(f"/v2/app-installations?appIds={wordpress}")
    assert listed == [entry for entry in everything if entry["appId"] == wordpress] != []
    newest = await scenario.fetch("/v2/app-installations?sortOrder=newestFirst")
    assert [entry["createdAt"] for entry in newest] == sorted(
        (entry["createdAt"] for entry in everything), reverse=True
    )
    by_php = await scenario.fetch("/v2/app-installations?sortOrder=sortByPhpVersionAsc")
    assert len(by_php) == len(everything)
    assert (await scenario.fetch(f"/v2/app-installations?searchTerm={everything[3]['shortId']}")) == [everything[3]]


async def test_actions_work_on_apps_that_support_them() -> None:
    scenario = Scenario()
    _, value = await installed(scenario, "Node.js")
    url = f"/v2/app-installations/{value['id']}"
    await scenario.perform("POST", f"{url}/actions/stop")
    assert (await scenario.fetch(f"{url}/status"))["state"] == "stopped"
    _, value = await installed(scenario)
    assert (await scenario.post(f"/v2/app-installations/{value['id']}/actions/stop")).status == 412


async def test_nothing_is_installed_in_a_project_that_is_not_ready() -> None:
    scenario = Scenario()
    server = scenario.read("server")
    project = await scenario.create(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    body: dict[str, Any] = {
        "appVersionId": version_of(scenario, "PHP")["id"],
        "description": "x",
        "updatePolicy": "none",
        "userInputs": [],
    }
    assert (await scenario.post(f"/v2/projects/{project}/app-installations", body)).status == 412
    scenario.advance()
    software = next(entry for entry in await scenario.fetch("/v2/system-softwares") if entry["name"] == "php")
    version = (await scenario.fetch(f"/v2/system-softwares/{software['id']}/versions"))[0]
    body["systemSoftware"] = {software["id"]: {"systemSoftwareVersion": version["id"]}}
    id = await scenario.create(f"/v2/projects/{project}/app-installations", body)
    value = await scenario.fetch(f"/v2/app-installations/{id}")
    assert value["systemSoftware"][0]["externalVersion"] == version["externalVersion"]
    assert value["linkedDatabases"] == []
