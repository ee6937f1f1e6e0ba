"""Domains, DNS zones, ingresses and certificates."""

from __future__ import annotations

from typing import Any

import pytest

from ...support.emulator_state import Scenario

SETTINGS: dict[str, Any] = {"ttl": {"auto": True}}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DEFAULT = [{"path": "/", "target": {"useDefaultPage": True}}]


async def ordered(scenario: Scenario, name: str) -> tuple[str, str]:
    """A project, and the domain registered for it."""
    project: str = scenario.read("project")["id"]
    owner = [{"name": "lastName", "value": "Muster"}]
    data = {"domain": name, "projectId": project, "handleData": {"ownerC": owner}}
    await scenario.create("/v2/orders", {"orderType": "domain", "orderData": data}, "orderId")
    [domain] = await scenario.fetch(f"/v2/domains?projectId={project}&domainSearchName={name}")
    return project, domain["domainId"]


async def test_a_registered_domain_comes_with_zone_and_ingresses() -> None:
    scenario = Scenario()
    free = {"domain": "neu.example"}
    assert (await scenario.perform("POST", "/v2/domain-registrable", free)).json["registrable"] is True
    project, id = await ordered(scenario, "neu.example")
    assert (await scenario.perform("POST", "/v2/domain-registrable", free)).json["registrable"] is False
    assert (await scenario.perform("POST", "/v2/domain-transferable", free)).json["transferable"] is False
    url = f"/v2/domains/{id}"
    domain = await scenario.fetch(url)
    assert (domain["connected"], domain["processes"][0]["processType"]) == (False, "REGISTER")
    scenario.advance()
    domain = await scenario.fetch(url)
    assert (domain["connected"], domain["processes"]) == (True, [])
    assert "neu.example" in [zone["domain"] for zone in await scenario.fetch(f"/v2/projects/{project}/dns-zones")]
    hosts = [entry["hostname"] for entry in await scenario.fetch("/v2/ingresses?hostnameSubstring=neu.example")]
    assert hosts == ["neu.example", "www.neu.example"]
    assert (await scenario.fetch(f"{url}/contract"))["baseItem"]["aggregateReference"]["id"] == id
    assert [entry["domainId"] for entry in await scenario.fetch("/v2/domains")][-1] == id
    data = {"domain": "neu.example", "projectId": project, "handleData": {"ownerC": [{"name": "a", "value": "b"}]}}
    assert (await scenario.post("/v2/orders", {"orderType": "domain", "orderData": data})).status == 412, "taken"


async def test_a_registration_can_fail() -> None:
    scenario = Scenario(failing=1.0)
    project = scenario.read("project")["id"]
    data = {
        "domain": "nie.example",
        "projectId": project,
        "handleData": {"ownerC": [{"name": "city", "value": "Kiel"}]},
    }
    order = await scenario.create("/v2/orders", {"orderType": "domain", "orderData": data}, "orderId")
    scenario.advance(2)
    assert (await scenario.fetch(f"/v2/orders/{order}"))["status"] == "REJECTED"
    assert await scenario.fetch("/v2/domains?domainSearchName=nie.example") == []


async def test_a_domain_is_updated() -> None:
    scenario = Scenario()
    _, id = await ordered(scenario, "neu.example")
    url = f"/v2/domains/{id}"
    await scenario.perform("PATCH", f"{url}/nameservers", {"nameservers": ["ns1.example.net", "ns2.example.net"]})
    assert (await scenario.fetch(url))["usesDefaultNameserver"] is False
    code = (await scenario.perform("POST", f"{url}/actions/auth-code")).json["authCode"]
    assert (await scenario.fetch(url))["authCode"]["value"] == code
    await scenario.perform("PATCH", f"{url}/auth-code", {"authCode": "code-for-tests"})
    await scenario.perform("PATCH", f"{url}/contacts/owner", {"contact": [{"name": "city", "value": "Kiel"}]})
    fields = (await scenario.fetch(url))["handles"]["ownerC"]["current"]["handleFields"]
    assert fields == [{"name": "city", "value": "Kiel"}]
    await scenario.perform("DELETE", f"{url}/declaration")
    await scenario.perform("POST", f"{url}/actions/resend-email")
    assert (await scenario.delete(f"{url}/scheduled-deletion")).status == 412
    await scenario.perform("POST", f"{url}/scheduled-deletion", {"deletionDate": "2027-01-01T00:00:00Z"})
    assert (await scenario.fetch(url))["scheduledDeletionDate"] == "2027-01-01T00:00:00Z"
    await scenario.perform("DELETE", f"{url}/scheduled-deletion")
    assert "scheduledDeletionDate" not in await scenario.fetch(url)


@pytest.mark.parametrize("seeded", [True, False])
async def test_a_domain_moves_to_another_project_and_is_deleted(seeded: bool) -> None:
    scenario = Scenario()
    if seeded:
        value = scenario.read("domain")
        project, id = value["projectId"], value["domainId"]
    else:
        project, id = await ordered(scenario, "neu.example")
    name = (await scenario.fetch(f"/v2/domains/{id}"))["domain"]
    target = scenario.read("project", 5)["id"]
    total = len(await scenario.fetch("/v2/domains"))
    for here, there in ((project, target), (target, project), (project, target)):
        await scenario.perform("PATCH", f"/v2/domains/{id}/project-id", {"projectId": there})
        assert id not in [entry["domainId"] for entry in await scenario.fetch(f"/v2/domains?projectId={here}")]
        assert id in [entry["domainId"] for entry in await scenario.fetch(f"/v2/projects/{there}/domains")]
        assert name not in [zone["domain"] for zone in await scenario.fetch(f"/v2/projects/{here}/dns-zones")]
        assert name in [zone["domain"] for zone in await scenario.fetch(f"/v2/projects/{there}/dns-zones")]
        assert (await scenario.fetch(f"/v2/domains/{id}"))["projectId"] == there
    assert len(await scenario.fetch("/v2/domains")) == total
    await scenario.perform("DELETE", f"/v2/domains/{id}?deleteIngresses=true")
    assert await scenario.status(f"/v2/domains/{id}") == 404
    assert len(await scenario.fetch("/v2/domains")) == total - 1
    assert name not in [zone["domain"] for zone in await scenario.fetch(f"/v2/projects/{target}/dns-zones")]


async def test_domains_are_filtered() -> None:
    scenario = Scenario()
    domain = scenario.read("domain")
    by_contact = await scenario.fetch(f"/v2/domains?contactHash={domain['contactHash']}")
    assert {entry["projectId"] for entry in by_contact} == {domain["projectId"]}
    assert await scenario.fetch(f"/v2/domains?domainSearchName={domain['domain'][:-2].upper()}") != []


@pytest.mark.parametrize(
    ("record_set", "wire", "body"),
    [
        ("a", "combinedARecords", {"a": ["203.0.113.1"], "aaaa": ["2001:db8::1"], "settings": SETTINGS}),
        ("mx", "mx", {"records": [{"fqdn": "mx.example.org", "priority": 5}], "settings": SETTINGS}),
        ("txt", "txt", {"entries": ["hallo"], "settings": SETTINGS}),
        ("cname", "cname", {"fqdn": "www.example.org", "settings": SETTINGS}),
        ("srv", "srv", {"records": [{"fqdn": "sip.example.org", "port": 1}], "settings": SETTINGS}),
        ("caa", "caa", {"records": [{"flags": 0, "tag": "issue", "value": "ca.example"}], "settings": SETTINGS}),
    ],
)
async def test_record_sets_are_written_and_unset(record_set: str, wire: str, body: Any) -> None:
    scenario = Scenario()
    zone = scenario.read("dns_zone")
    url = f"/v2/dns-zones/{zone['id']}"
    await scenario.perform("PUT", f"{url}/record-sets/{record_set}", body)
    assert (await scenario.fetch(url))["recordSet"] == zone["recordSet"] | {wire: body}
    text = (await scenario.get(f"{url}/zone-file")).body.decode()
    assert f"$ORIGIN {zone['domain']}." in text
    if record_set not in ("srv", "caa"):
        assert any(word in text for word in ("203.0.113.1", "mx.example.org", "hallo", "www.example.org"))
    await scenario.perform("PUT", f"{url}/record-sets/{record_set}", {})
    assert (await scenario.fetch(url))["recordSet"][wire] == {}
    wrong: dict[str, Any] = (
        {"fqdn": "x.example.org", "settings": SETTINGS} if record_set != "cname" else {"entries": [], "settings": {}}
    )
    assert (await scenario.put(f"{url}/record-sets/{record_set}", wrong)).status == 412


async def test_the_older_record_routes_are_equivalent() -> None:
    scenario = Scenario()
    zone = scenario.read("dns_zone")
    url = f"/v2/dns/zones/{zone['id']}/recordset"
    bodies: dict[str, Any] = {
        "acombined/custom": {"a": [], "aaaa": [], "settings": SETTINGS},
        "mx/custom": {"records": [], "settings": SETTINGS},
        "cname": {"fqdn": "x.example.org", "settings": SETTINGS},
        "srv": {"records": [], "settings": SETTINGS},
        "txt": {"entries": ["x"], "settings": SETTINGS},
    }
    for path, body in bodies.items():
        await scenario.perform("PUT", f"{url}/{path}", body)
    records = (await scenario.fetch(f"/v2/dns-zones/{zone['id']}"))["recordSet"]
    assert (records["txt"]["entries"], records["mx"]["records"]) == (["x"], [])
    await scenario.perform("POST", f"{url}/mx/managed", {})
    ingress = (await scenario.perform("POST", f"{url}/acombined/managed/ingress", {})).json["ingressId"]
    records = (await scenario.fetch(f"/v2/dns-zones/{zone['id']}"))["recordSet"]
    assert (records["mx"], records["combinedARecords"]) == ({"managed": True}, {"managedBy": {"ingressId": ingress}})


async def test_managed_records_follow_the_ingress_of_the_name() -> None:
    scenario = Scenario()
    zone = scenario.read("dns_zone")
    url = f"/v2/dns-zones/{zone['id']}/record-sets"
    answer = await scenario.perform("POST", f"{url}/a/actions/set-managed", {})
    assert (await scenario.fetch(f"/v2/ingresses/{answer.json['ingressId']}"))["hostname"] == zone["domain"]
    await scenario.perform("POST", f"{url}/mx/actions/set-managed", {})
    assert (await scenario.post(f"{url}/txt/actions/set-managed", {})).status == 400
    body = {"name": "sub", "parentZoneId": zone["id"]}
    sub = await scenario.create("/v2/dns-zones", body)
    assert (await scenario.fetch(f"/v2/dns-zones/{sub}"))["domain"] == f"sub.{zone['domain']}"
    assert (await scenario.post("/v2/dns-zones", body)).status == 409
    assert (await scenario.post(f"/v2/dns-zones/{sub}/record-sets/a/actions/set-managed", {})).status == 412
    await scenario.perform("DELETE", f"/v2/dns-zones/{sub}")
    assert await scenario.status(f"/v2/dns-zones/{sub}") == 404


async def test_an_ingress_gets_its_certificate() -> None:
    scenario = Scenario()
    domain = scenario.read("domain")
    project = domain["projectId"]
    own = {"hostname": f"shop.{domain['domain']}", "paths": DEFAULT, "projectId": project}
    answer = await scenario.perform("POST", "/v2/ingresses", own)
    assert answer.json["ownership"] == {"verified": True}
    url = f"/v2/ingresses/{answer.json['id']}"
    assert (await scenario.fetch(url))["tls"] == {"acme": True, "isCreated": False}
    scenario.advance()
    assert (await scenario.fetch(url))["tls"] == {"acme": True, "isCreated": True}
    assert (await scenario.post("/v2/ingresses", own)).status == 409
    listed = await scenario.fetch(f"/v2/ingresses?projectId={project}")
    assert listed[-1]["id"] == answer.json["id"]
    older = await scenario.fetch(f"/v2/projects/{project}/ingresses")
    assert (older[-1]["tls"], set(older[-1]["ips"])) == ({"acme": True}, {"v4"})
    target = [{"path": "/", "target": {"url": "https://example.org"}}]
    await scenario.perform("PATCH", f"{url}/paths", target)
    assert (await scenario.fetch(url))["paths"] == target
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


async def test_a_host_name_of_another_account_must_be_verified() -> None:
    scenario = Scenario()
    body = {"hostname": "shop.elsewhere.example", "paths": DEFAULT, "projectId": scenario.read("project")["id"]}
    answer = await scenario.perform("POST", "/v2/ingresses", body)
    assert answer.json["ownership"]["verified"] is False
    assert "txtRecord" in answer.json["ownership"]
    url = f"/v2/ingresses/{answer.json['id']}"
    scenario.advance()
    assert (await scenario.fetch(url))["tls"]["isCreated"] is False
    await scenario.perform("POST", f"{url}/actions/verify-ownership")
    await scenario.perform("POST", f"{url}/actions/request-acme-certificate-issuance")
    scenario.advance()
    value = await scenario.fetch(url)
    assert (value["ownership"], value["tls"]["isCreated"]) == ({"verified": True}, True)


async def test_issuing_can_fail() -> None:
    scenario = Scenario(failing=1.0)
    domain = scenario.read("domain")
    body = {"hostname": f"x.{domain['domain']}", "paths": DEFAULT, "projectId": domain["projectId"]}
    id = await scenario.create("/v2/ingresses", body)
    scenario.advance()
    value = await scenario.fetch(f"/v2/ingresses/{id}")
    assert value["dnsValidationErrors"] == ["ERROR_ACME_CERTIFICATE_REQUEST_DEADLINE_EXCEEDED"]


async def test_the_default_ingress_cannot_be_deleted() -> None:
    scenario = Scenario()
    id = scenario.find("ingress", isDefault=True)["id"]
    assert (await scenario.delete(f"/v2/ingresses/{id}")).status == 412


async def test_a_custom_certificate_is_uploaded_used_replaced_and_deleted() -> None:
    scenario = Scenario()
    project = scenario.read("project")["id"]
    body = {"certificate": PEM, "privateKey": "key", "projectId": project}
    assert (await scenario.post("/v2/certificate-requests", body | {"certificate": "nonsense"})).status == 412
    request = await scenario.create("/v2/certificate-requests", body)
    assert (await scenario.fetch(f"/v2/certificate-requests/{request}"))["isCompleted"] is True
    assert request in [entry["id"] for entry in await scenario.fetch(f"/v2/certificate-requests?projectId={project}")]
    [certificate] = [
        entry for entry in await scenario.fetch("/v2/certificates") if entry["certificateRequestId"] == request
    ]
    url = f"/v2/certificates/{certificate['id']}"
    ingress = scenario.find("ingress", projectId=project)["id"]
    await scenario.perform("PATCH", f"/v2/ingresses/{ingress}/tls", {"certificateId": certificate["id"]})
    using = await scenario.fetch(f"/v2/ingresses?certificateId={certificate['id']}")
    assert [entry["id"] for entry in using] == [ingress]
    assert await scenario.fetch(f"/v2/certificates?ingressId={ingress}") == [await scenario.fetch(url)]
    assert (await scenario.delete(f"/v2/certificate/{certificate['id']}")).status == 412, "in use"
    assert (await scenario.post(f"/v2/ingresses/{ingress}/actions/request-acme-certificate-issuance")).status == 412
    check = f"{url}/actions/check-replace-certificate"
    assert (await scenario.perform("POST", check, {"certificate": PEM})).json["isReplaceable"] is True
    assert (await scenario.perform("POST", check, {"certificate": "x"})).json["isReplaceable"] is False
    assert (await scenario.put(url, {"certificate": "x"})).status == 412
    await scenario.perform("PUT", url, {"certificate": PEM + PEM})
    assert (await scenario.fetch(url))["certificate"] == PEM + PEM
    await scenario.perform("PATCH", f"/v2/ingresses/{ingress}/tls", {"acme": True})
    await scenario.perform("DELETE", f"/v2/certificate/{certificate['id']}")
    assert await scenario.status(url) == 404
    await scenario.perform("DELETE", f"/v2/certificate-request/{request}")
    assert await scenario.status(f"/v2/certificate-requests/{request}") == 404


async def test_an_ordered_certificate_is_issued() -> None:
    scenario = Scenario()
    project = scenario.read("project")["id"]
    request = await scenario.create("/v2/certificate-requests", {"commonName": "kauf.example", "projectId": project})
    assert (await scenario.fetch(f"/v2/certificate-requests/{request}"))["isCompleted"] is False
    data = {"certificateRequestId": request, "projectId": project}
    await scenario.create("/v2/orders", {"orderType": "externalCertificate", "orderData": data}, "orderId")
    assert (await scenario.fetch(f"/v2/certificate-requests/{request}"))["isCompleted"] is True
    [certificate] = [
        entry for entry in await scenario.fetch("/v2/certificates") if entry["commonName"] == "kauf.example"
    ]
    assert (await scenario.fetch(f"/v2/certificates/{certificate['id']}/contract"))["customerId"]


async def test_compatible_ingresses_have_names_the_certificate_covers() -> None:
    scenario = Scenario()
    certificate = scenario.read("certificate")
    url = "/v2/actions/list-ingresses-compatible-with-certificate"
    found = (await scenario.perform("POST", url, {"certificateId": certificate["id"]})).json
    assert {entry["hostname"] for entry in found} == set(certificate["dnsNames"])
    found = (await scenario.perform("POST", url, {"certificate": PEM, "projectId": certificate["projectId"]})).json
    assert found
