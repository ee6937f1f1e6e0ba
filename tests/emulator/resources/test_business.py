"""Orders, contracts, invoices, licenses and extensions; and saving and loading all of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mittwald_async.emulator import Transitions
from mittwald_async.emulator.dump import dumped, restored
from mittwald_async.emulator.lifecycle import TransitionStep

from ...support.emulator_state import Scenario, world


async def order(scenario: Scenario, kind: str, data: dict[str, Any]) -> str:
    return await scenario.create("/v2/orders", {"orderType": kind, "orderData": data}, "orderId")


async def test_an_ordered_server_becomes_ready_and_has_a_contract() -> None:
    scenario = Scenario()
    customer = scenario.read("customer")["customerId"]
    orders = len(await scenario.fetch("/v2/orders"))
    data = {"customerId": customer, "description": "Neu", "diskspaceInGiB": 40, "machineType": "shared.medium"}
    preview = (await scenario.perform("POST", "/v2/order-previews", {"orderType": "server", "orderData": data})).json
    assert preview == {"machineTypePrice": 1500, "storagePrice": 400, "totalPrice": 1900}
    id = await order(scenario, "server", data)
    states = [(await scenario.fetch(f"/v2/orders/{id}"))["status"]]
    for _ in range(2):
        scenario.advance()
        states.append((await scenario.fetch(f"/v2/orders/{id}"))["status"])
    assert states == ["NEW", "CONFIRMED", "EXECUTED"]
    server = (await scenario.fetch(f"/v2/servers?customerId={customer}"))[-1]
    assert (server["description"], server["status"], server["storage"]) == ("Neu", "ready", "40Gi")
    contract = await scenario.fetch(f"/v2/servers/{server['id']}/contract")
    assert (contract["baseItem"]["orderId"], contract["baseItem"]["totalPrice"]["value"]) == (id, 1900)
    assert contract in await scenario.fetch(f"/v2/customers/{customer}/contracts")
    assert len(await scenario.fetch("/v2/orders")) == orders + 1
    listed = await scenario.fetch(f"/v2/customers/{customer}/orders?includesStatus=EXECUTED&templateNames=proSpace")
    assert listed[-1]["orderId"] == id
    assert id not in [
        entry["orderId"] for entry in await scenario.fetch("/v2/orders?excludesStatus=EXECUTED&types=NEW_ORDER")
    ]


async def test_an_ordered_project_has_its_own_hosting() -> None:
    scenario = Scenario()
    customer = scenario.read("customer")["customerId"]
    data = {
        "customerId": customer,
        "description": "Einzeln",
        "diskspaceInGiB": 20,
        "spec": {"machineType": "shared.small"},
    }
    await order(scenario, "projectHosting", data)
    scenario.advance()
    project = (await scenario.fetch("/v2/projects?searchTerm=einzeln"))[0]
    assert (project["status"], "serverId" in project) == ("ready", False)
    assert (await scenario.fetch(f"/v2/projects/{project['id']}"))["spec"]["storage"] == "20Gi"
    contract = await scenario.fetch(f"/v2/projects/{project['id']}/contract")
    assert contract["baseItem"]["aggregateReference"]["id"] == project["id"]


async def test_rejected_and_invalid_orders() -> None:
    scenario = Scenario(failing=1.0)
    customer = scenario.read("customer")["customerId"]
    data = {"customerId": customer, "description": "x", "diskspaceInGiB": 40, "machineType": "shared.medium"}
    servers = len(await scenario.fetch("/v2/servers"))
    id = await order(scenario, "server", data)
    scenario.advance()
    assert (await scenario.fetch(f"/v2/orders/{id}"))["status"] == "REJECTED"
    assert len(await scenario.fetch("/v2/servers")) == servers
    wrong = data | {"machineType": "gigantic"}
    assert (await scenario.post("/v2/orders", {"orderType": "server", "orderData": wrong})).status == 412


@pytest.mark.parametrize(
    ("kind", "data", "total"),
    [
        ("domain", {"domain": "a.example"}, 90),
        ("externalCertificate", {}, 5900),
        ("leadFyndr", {"reservationLimit": 1, "unlockLimit": 1}, 2900),
    ],
)
async def test_previews_show_prices(kind: str, data: dict[str, Any], total: int) -> None:
    scenario = Scenario()
    project = scenario.read("project")["id"]
    if kind != "leadFyndr":
        data = data | {"projectId": project}
    if kind == "externalCertificate":
        data = data | {"certificateRequestId": scenario.read("certificate_request")["id"]}
    answer = await scenario.perform("POST", "/v2/order-previews", {"orderType": kind, "orderData": data})
    assert answer.json["totalPrice"] == total
    change = {
        "contractId": scenario.read("contract")["contractId"],
        "diskspaceInGiB": 10,
        "machineType": "shared.large",
    }
    body = {"tariffChangeType": "server", "tariffChangeData": change}
    preview = (await scenario.perform("POST", "/v2/tariff-change-previews", body)).json
    assert preview == {"machineTypePrice": 2900, "storagePrice": 100, "totalPrice": 3000}


async def test_a_contract_is_found_by_each_item_it_covers() -> None:
    scenario = Scenario()
    for kind, path, name in (
        ("project", "projects", "id"),
        ("server", "servers", "id"),
        ("domain", "domains", "domainId"),
        ("certificate", "certificates", "id"),
        ("mail_address", "mail-addresses", "id"),
        ("license", "licenses", "id"),
    ):
        value = scenario.read(kind) if len(scenario.world.keys(kind)) else None
        if value is not None:
            contract = await scenario.fetch(f"/v2/{path}/{value[name]}/contract")
            single = await scenario.fetch(f"/v2/contracts/{contract['contractId']}")
            assert single == contract
            base = await scenario.fetch(f"/v2/contracts/{contract['contractId']}/base-items")
            assert base == contract["baseItem"]
            for item in (base, *contract["additionalItems"]):
                assert await scenario.fetch(f"/v2/contracts/{contract['contractId']}/items/{item['itemId']}") == item
    unknown = scenario.world.new_id("contract")
    contract_id = scenario.read("contract")["contractId"]
    assert await scenario.status(f"/v2/contracts/{contract_id}/items/{unknown}") == 404
    lonely = await scenario.create("/v2/customers", {"name": "Leer GmbH"}, "customerId")
    assert await scenario.fetch(f"/v2/customers/{lonely}/contracts") == []


async def test_a_termination_can_be_cancelled() -> None:
    scenario = Scenario()
    url = f"/v2/contracts/{scenario.read('contract')['contractId']}"
    assert (await scenario.delete(f"{url}/termination")).status == 412
    answer = (await scenario.perform("POST", f"{url}/termination", {"reason": "Umzug"})).json
    assert (await scenario.fetch(url))["termination"]["reason"] == answer["reason"] == "Umzug"
    assert (await scenario.post(f"{url}/termination", {})).status == 412
    assert (await scenario.perform("DELETE", f"{url}/termination")).json["isCancelled"] is True
    assert "termination" not in await scenario.fetch(url)


async def test_invoices() -> None:
    scenario = Scenario()
    invoice = scenario.read("invoice")
    url = f"/v2/customers/{invoice['customerId']}"
    everything = await scenario.fetch(f"{url}/invoices")
    assert await scenario.fetch(f"/v2/invoices/{invoice['id']}") == everything[0]
    assert await scenario.fetch(f"{url}/invoices/{invoice['id']}") == everything[0]
    paid = await scenario.fetch(f"{url}/invoices?status=PAID&invoiceTypes=REGULAR")
    assert paid == [entry for entry in everything if entry["status"] == "PAID" and entry["invoiceType"] == "REGULAR"]
    backwards = await scenario.fetch(f"{url}/invoices?sort=invoiceNumber&order=desc")
    assert backwards == everything[::-1]
    assert await scenario.fetch(f"{url}/invoices?search={invoice['invoiceNumber']}") == [everything[0]]
    assert (await scenario.fetch(f"{url}/invoices/{invoice['id']}/file-access-token"))["accessToken"]
    settings = {"invoicePeriod": 3, "paymentSettings": {"method": "invoice"}, "targetDay": 5}
    await scenario.perform("PUT", f"{url}/invoice-settings", settings)
    assert (await scenario.fetch(f"{url}/invoice-settings"))["targetDay"] == 5


async def test_licenses() -> None:
    scenario = Scenario()
    project = scenario.read("project")["id"]
    data = {"licenseType": "typo3", "majorVersion": 11, "description": "ELTS", "projectId": project}
    await order(scenario, "license", data)
    license = (await scenario.fetch(f"/v2/projects/{project}/licenses"))[-1]
    url = f"/v2/licenses/{license['id']}"
    assert await scenario.fetch(url) == license
    check = f"/v2/projects/{project}/actions/validate-license-key"
    key = {"key": license["keyReference"]["key"], "kind": "typo3-elts"}
    assert (await scenario.perform("POST", check, key)).json == {"valid": True}
    assert (await scenario.perform("POST", f"{url}/actions/rotate-key", {})).json["keyReference"] != license[
        "keyReference"
    ]
    assert (await scenario.perform("POST", check, key)).json == {"valid": False}
    await scenario.perform("POST", f"{url}/actions/rotate-key", {"externalKey": "eigener"})
    assert (await scenario.fetch(url))["keyReference"] == {"externalKey": "eigener"}


async def test_the_marketplace() -> None:
    scenario = Scenario()
    extensions = await scenario.fetch("/v2/extensions?sort=name&order=asc")
    assert [entry["name"] for entry in extensions] == sorted(entry["name"] for entry in extensions)
    assert {entry["context"] for entry in await scenario.fetch("/v2/extensions?context=customer")} == {"customer"}
    for extension in extensions:
        assert await scenario.fetch(f"/v2/extensions/{extension['id']}") == extension
        contributor = await scenario.fetch(f"/v2/contributors/{extension['contributorId']}")
        assert contributor in await scenario.fetch("/v2/contributors?sort=name")
    assert {"name": "app:read"} in await scenario.fetch("/v2/scopes")


@pytest.mark.parametrize("context", ["project", "customer"])
async def test_an_extension_is_installed_used_and_removed(context: str) -> None:
    scenario = Scenario()
    extension = scenario.find("extension", context=context)
    place = scenario.read(context)["id" if context == "project" else "customerId"]
    body: dict[str, Any] = {
        "consentedScopes": extension["scopes"],
        "context": context,
        "contextId": place,
        "extensionId": extension["id"],
    }
    wrong = "customer" if context == "project" else "project"
    elsewhere = scenario.read(wrong)["id" if wrong == "project" else "customerId"]
    assert (
        await scenario.post("/v2/extension-instances", body | {"context": wrong, "contextId": elsewhere})
    ).status == 412
    id = await scenario.create("/v2/extension-instances", body)
    url = f"/v2/extension-instances/{id}"
    listed = await scenario.fetch(f"/v2/extension-instances?contextId={place}&context={context}")
    assert listed[-1]["id"] == id
    found = await scenario.fetch(f"/v2/extension-instances?extensionId={extension['id']}&sort=createdAt&order=desc")
    assert found[0]["id"] == id
    of_context = f"/v2/{context}s/{place}/extensions/{extension['id']}"
    assert (await scenario.fetch(of_context))["extensionId"] == extension["id"]
    await scenario.perform("POST", f"{url}/actions/disable")
    assert (await scenario.fetch(url))["disabled"] is True
    await scenario.perform("POST", f"{url}/actions/enable")
    await scenario.perform("PATCH", f"{url}/scopes", {"consentedScopes": []})
    value = await scenario.fetch(url)
    assert (value["disabled"], value["consentedScopes"]) == (False, [])
    await scenario.perform("POST", f"{url}/termination", {})
    assert (await scenario.fetch(url))["pendingRemoval"] is True
    await scenario.perform("DELETE", f"{url}/termination", {})
    found_secret = scenario.world.extension_secret(id)
    assert found_secret is not None
    secret, identity = found_secret
    assert place in (identity.project_id, identity.customer_id)
    token = (await scenario.perform("POST", f"{url}/tokens", {"extensionInstanceSecret": secret})).json["publicToken"]
    assert (await scenario.get("/v2/app-installations", x_access_token=token)).status == 403
    assert (await scenario.get("/v2/customers", x_access_token=token)).status == 403
    if context == "project":
        seen = await scenario.get(f"/v2/projects/{place}/app-installations", x_access_token=token)
        assert seen.status == 200
        other = scenario.read("project", 7)["id"]
        assert (await scenario.get(f"/v2/projects/{other}", x_access_token=token)).status == 403
    else:
        assert (await scenario.get(f"/v2/customers/{place}", x_access_token=token)).status == 200
        other = scenario.read("customer", 2)["customerId"]
        assert (await scenario.get(f"/v2/customers/{other}", x_access_token=token)).status == 403
    await scenario.perform("POST", f"{url}/termination", {"instantTermination": True})
    assert await scenario.status(url) == 404
    assert scenario.world.extension_secret(id) is None
    again = {"consentedScopes": extension["scopes"], f"{context}Id": place}
    await scenario.perform("POST", f"/v2/extensions/{extension['id']}/order", again)
    newest = (await scenario.fetch(f"/v2/extension-instances?contextId={place}"))[-1]["id"]
    await scenario.perform("DELETE", f"/v2/extension-instances/{newest}")
    assert await scenario.status(f"/v2/extension-instances/{newest}") == 404


# saving and loading


async def eventful(scenario: Scenario) -> dict[str, str]:
    """Do some of everything, and return URLs that show it."""
    project = scenario.find("project", status="ready")["id"]
    backup = scenario.find("backup", status="Completed")["id"]
    moved = scenario.read("domain", 4)
    body = {"address": "neu@example.org", "forwardAddresses": ["a@example.org"]}
    address = await scenario.create(f"/v2/projects/{project}/mail-addresses", body)
    await scenario.perform("POST", f"/v2/project-backups/{backup}/export", {"format": "zip"})
    await scenario.perform("PATCH", f"/v2/domains/{moved['domainId']}/project-id", {"projectId": project})
    await scenario.perform("DELETE", f"/v2/projects/{scenario.read('project', 9)['id']}")
    new = await scenario.create(f"/v2/servers/{scenario.read('server')['id']}/projects", {"description": "Neu"})
    await scenario.perform("PATCH", f"/v2/projects/{project}", {"description": "Anders"})
    return {"new": f"/v2/projects/{new}", "address": f"/v2/mail-addresses/{address}", "list": "/v2/projects"}


async def test_a_loaded_world_continues_where_it_was_saved() -> None:
    scenario = Scenario()
    urls = await eventful(scenario)
    seen = {name: await scenario.fetch(url) for name, url in urls.items()}
    saved = msgspec.json.decode(msgspec.json.encode(scenario.core.dump()))

    other = Scenario(seed=1, customers=1, projects=1)
    other.core.load(saved)
    assert {name: await other.fetch(url) for name, url in urls.items()} == seen
    assert other.world.counts() == scenario.world.counts()
    assert other.world.blobs == scenario.world.blobs
    assert msgspec.json.decode(msgspec.json.encode(other.core.dump())) == saved
    other.advance()
    assert (await other.fetch(urls["new"]))["status"] == "ready", "what was under way comes to its end"
    assert other.world.new_id("project") == scenario.world.new_id("project")


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"version": 1},
        "text",
    ],
)
def test_an_invalid_saved_world_is_refused(broken: Any) -> None:
    here = world()
    before = dumped(here)
    with pytest.raises((ValueError, LookupError, TypeError)):
        restored(here, broken)
    assert dumped(here) == before


@pytest.mark.parametrize(("name", "value"), [("version", 99), ("objects", {"dragon": []}), ("blobs", {"a": "%"})])
def test_a_saved_world_of_another_version_is_refused(name: str, value: Any) -> None:
    here = world()
    with pytest.raises((ValueError, LookupError, TypeError)):
        restored(here, dumped(here) | {name: value})


async def test_a_transition_counted_in_reads_survives_saving() -> None:
    scenario = Scenario(transitions=Transitions(unit="reads", length=3, failing=0.0))
    new = (await eventful(scenario))["new"]
    await scenario.fetch(new)
    other = Scenario()
    other.core.load(scenario.core.dump())
    assert [(await other.fetch(new))["status"] for _ in range(3)] == ["pending", "pending", "ready"]


def test_a_transition_without_duration_happens_at_once() -> None:
    here = world(transitions=Transitions(length=0))
    here.begin(
        "project",
        0,
        TransitionStep(set={"description": "a"}),
        TransitionStep(set={"description": "b"}, drop=("enabled",)),
    )
    value = here.read("project", 0)
    assert (value["description"], "enabled" in value) == ("b", False)


def test_a_later_transition_replaces_an_earlier_one() -> None:
    here = world(transitions=Transitions(length=5))
    here.begin("project", 0, TransitionStep(set={"description": "first"}))
    here.clock.advance(2)
    here.begin("project", 0, TransitionStep(set={"description": "second"}))
    here.clock.advance(4)
    here.advance_transitions()
    assert here.read("project", 0)["description"] not in ("first", "second")
    here.clock.advance(2)
    here.advance_transitions()
    assert here.read("project", 0)["description"] == "second"


def test_encoded_json_is_cached_and_invalidated() -> None:
    here = world()
    [first] = here.show("project", [3])
    assert here.show("project", [3])[0] is first
    here.change("project", 3, description="Neu")
    assert b"Neu" in bytes(here.show("project", [3])[0])
    database = here.show("mysql_database", [0])[0]
    here.change("mysql_user", here.seeded.span("mysql_user", 0)[0], description="Neu")
    assert here.show("mysql_database", [0])[0] is not database


def test_samples_for_generated_requests() -> None:
    here = world(projects=0, customers=1)
    assert here.sample("projectId") is None
    assert here.sample("customerId") == here.seeded.id("customer", 0)
    assert here.sample("nothingId") is None


async def test_a_tariff_change_is_scheduled_in_the_contract() -> None:
    scenario = Scenario()
    contract = scenario.find("contract")
    id = contract["contractId"]
    change = {"contractId": id, "diskspaceInGiB": 10, "machineType": "shared.large"}
    order_id = await scenario.create(
        "/v2/tariff-changes", {"tariffChangeType": "server", "tariffChangeData": change}, "orderId"
    )
    made = await scenario.fetch(f"/v2/orders/{order_id}")
    assert (made["type"], made["contractChangeContractId"]) == ("CONTRACT_CHANGE", id)
    base = await scenario.fetch(f"/v2/contracts/{id}/base-items")
    assert base["tariffChange"]["newArticles"][0]["unitPrice"]["value"] == 3000
    url = f"/v2/contracts/{id}/items/{base['itemId']}/tariff-change"
    assert (await scenario.perform("DELETE", url)).json["isCancelled"] is True
    assert (await scenario.delete(url)).status == 412
    assert "tariffChange" not in await scenario.fetch(f"/v2/contracts/{id}/base-items")


async def test_single_contract_items_are_terminated() -> None:
    scenario = Scenario()
    contract = next(
        scenario.world.read("contract", key)
        for key in scenario.world.keys("contract")
        if scenario.world.read("contract", key)["additionalItems"]
    )
    url = f"/v2/contracts/{contract['contractId']}/items"
    item = contract["additionalItems"][0]["itemId"]
    answer = (await scenario.perform("POST", f"{url}/{item}/termination", {"reason": "weg"})).json
    seen = await scenario.fetch(f"{url}/{item}")
    assert seen["termination"]["targetDate"] == answer["terminationTargetDate"]
    assert (await scenario.post(f"{url}/{item}/termination", {})).status == 412
    assert (await scenario.post(f"{url}/{contract['baseItem']['itemId']}/termination", {})).status == 412
    assert (await scenario.post(f"{url}/{scenario.world.new_id('contract')}/termination", {})).status == 404
    await scenario.perform("DELETE", f"{url}/{item}/termination")
    assert "termination" not in await scenario.fetch(f"{url}/{item}")


async def test_articles_are_found_by_template() -> None:
    scenario = Scenario()
    everything = await scenario.fetch("/v2/articles")
    servers = await scenario.fetch("/v2/articles?templateNames=server")
    assert 0 < len(servers) < len(everything)
    assert {entry["machineType"]["name"] for entry in servers} >= {"shared.small"}
    assert await scenario.fetch("/v2/articles?tags=domain&name=.de") == [
        entry for entry in everything if entry["articleId"] == "domain-de"
    ]
    assert await scenario.fetch("/v2/articles?orderable=forbidden") == []
    assert (await scenario.fetch("/v2/articles/domain-de"))["price"] == 90


async def test_storage_space_adds_up() -> None:
    scenario = Scenario()
    server = scenario.read("server")
    url = f"/v2/servers/{server['id']}/storage-space-statistics"
    statistics = await scenario.fetch(url)
    children = statistics["childStatistics"]
    assert {child["id"] for child in children} == {
        entry["id"] for entry in await scenario.fetch(f"/v2/projects?serverId={server['id']}")
    }
    assert statistics["meta"]["totalUsageInBytes"] == sum(child["meta"]["totalUsageInBytes"] for child in children)
    child = children[0]
    single = f"/v2/projects/{child['id']}/storage-space-statistics"
    assert await scenario.fetch(single) == child
    mail = next(entry for entry in child["statisticCategories"] if entry["kind"] == "mailAddress")
    assert len(mail["resources"]) == len(await scenario.fetch(f"/v2/projects/{child['id']}/mail-addresses"))
    await scenario.perform("PATCH", single, {"notificationThresholdInBytes": 5})
    assert (await scenario.fetch(single))["notificationThresholdInBytes"] == 5
    await scenario.perform("PATCH", single, {"notificationThresholdInBytes": None})
    assert "notificationThresholdInBytes" not in await scenario.fetch(single)
    await scenario.perform("PATCH", url, {"notificationThresholdInBytes": 7})
    assert (await scenario.fetch(url))["notificationThresholdInBytes"] == 7
    new = await scenario.create(f"/v2/servers/{server['id']}/projects", {"description": "Leer"})
    assert new in [entry["id"] for entry in (await scenario.fetch(url))["childStatistics"]]
    await scenario.perform("DELETE", f"/v2/projects/{child['id']}")
    assert child["id"] not in [entry["id"] for entry in await scenario.fetch(f"/v2/projects?serverId={server['id']}")]
