"""Domains, DNS zones, ingresses and certificates."""

from __future__ import annotations

from typing import Any

import pytest

from ...support.emulator_state import Story

SETTINGS: dict[str, Any] = {"ttl": {"auto": True}}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DEFAULT = [{"path": "/", "target": {"useDefaultPage": True}}]


async def ordered(story: Story, name: str) -> tuple[str, str]:
    """A project, and the domain registered for it."""
    project: str = story.read("project")["id"]
    owner = [{"name": "lastName", "value": "Muster"}]
    data = {"domain": name, "projectId": project, "handleData": {"ownerC": owner}}
    await story.made("/v2/orders", {"orderType": "domain", "orderData": data}, "orderId")
    [domain] = await story.seen(f"/v2/domains?projectId={project}&domainSearchName={name}")
    return project, domain["domainId"]


async def test_a_registered_domain_comes_with_zone_and_ingresses() -> None:
    story = Story()
    free = {"domain": "neu.example"}
    assert (await story.done("POST", "/v2/domain-registrable", free)).json["registrable"] is True
    project, id = await ordered(story, "neu.example")
    assert (await story.done("POST", "/v2/domain-registrable", free)).json["registrable"] is False
    assert (await story.done("POST", "/v2/domain-transferable", free)).json["transferable"] is False
    url = f"/v2/domains/{id}"
    domain = await story.seen(url)
    assert (domain["connected"], domain["processes"][0]["processType"]) == (False, "REGISTER")
    story.wait()
    domain = await story.seen(url)
    assert (domain["connected"], domain["processes"]) == (True, [])
    assert "neu.example" in [zone["domain"] for zone in await story.seen(f"/v2/projects/{project}/dns-zones")]
    hosts = [entry["hostname"] for entry in await story.seen("/v2/ingresses?hostnameSubstring=neu.example")]
    assert hosts == ["neu.example", "www.neu.example"]
    assert (await story.seen(f"{url}/contract"))["baseItem"]["aggregateReference"]["id"] == id
    assert [entry["domainId"] for entry in await story.seen("/v2/domains")][-1] == id
    data = {"domain": "neu.example", "projectId": project, "handleData": {"ownerC": [{"name": "a", "value": "b"}]}}
    assert (await story.post("/v2/orders", {"orderType": "domain", "orderData": data})).status == 412, "taken"


async def test_a_registration_can_fail() -> None:
    story = Story(failing=1.0)
    project = story.read("project")["id"]
    data = {
        "domain": "nie.example",
        "projectId": project,
        "handleData": {"ownerC": [{"name": "city", "value": "Kiel"}]},
    }
    order = await story.made("/v2/orders", {"orderType": "domain", "orderData": data}, "orderId")
    story.wait(2)
    assert (await story.seen(f"/v2/orders/{order}"))["status"] == "REJECTED"
    assert await story.seen("/v2/domains?domainSearchName=nie.example") == []


async def test_a_domain_is_updated() -> None:
    story = Story()
    _, id = await ordered(story, "neu.example")
    url = f"/v2/domains/{id}"
    await story.done("PATCH", f"{url}/nameservers", {"nameservers": ["ns1.example.net", "ns2.example.net"]})
    assert (await story.seen(url))["usesDefaultNameserver"] is False
    code = (await story.done("POST", f"{url}/actions/auth-code")).json["authCode"]
    assert (await story.seen(url))["authCode"]["value"] == code
    await story.done("PATCH", f"{url}/auth-code", {"authCode": "code-for-tests"})
    await story.done("PATCH", f"{url}/contacts/owner", {"contact": [{"name": "city", "value": "Kiel"}]})
    fields = (await story.seen(url))["handles"]["ownerC"]["current"]["handleFields"]
    assert fields == [{"name": "city", "value": "Kiel"}]
    await story.done("DELETE", f"{url}/declaration")
    await story.done("POST", f"{url}/actions/resend-email")
    assert (await story.delete(f"{url}/scheduled-deletion")).status == 412
    await story.done("POST", f"{url}/scheduled-deletion", {"deletionDate": "2027-01-01T00:00:00Z"})
    assert (await story.seen(url))["scheduledDeletionDate"] == "2027-01-01T00:00:00Z"
    await story.done("DELETE", f"{url}/scheduled-deletion")
    assert "scheduledDeletionDate" not in await story.seen(url)


@pytest.mark.parametrize("seeded", [True, False])
async def test_a_domain_moves_to_another_project_and_is_deleted(seeded: bool) -> None:
    story = Story()
    if seeded:
        value = story.read("domain")
        project, id = value["projectId"], value["domainId"]
    else:
        project, id = await ordered(story, "neu.example")
    name = (await story.seen(f"/v2/domains/{id}"))["domain"]
    target = story.read("project", 5)["id"]
    total = len(await story.seen("/v2/domains"))
    for here, there in ((project, target), (target, project), (project, target)):
        await story.done("PATCH", f"/v2/domains/{id}/project-id", {"projectId": there})
        assert id not in [entry["domainId"] for entry in await story.seen(f"/v2/domains?projectId={here}")]
        assert id in [entry["domainId"] for entry in await story.seen(f"/v2/projects/{there}/domains")]
        assert name not in [zone["domain"] for zone in await story.seen(f"/v2/projects/{here}/dns-zones")]
        assert name in [zone["domain"] for zone in await story.seen(f"/v2/projects/{there}/dns-zones")]
        assert (await story.seen(f"/v2/domains/{id}"))["projectId"] == there
    assert len(await story.seen("/v2/domains")) == total
    await story.done("DELETE", f"/v2/domains/{id}?deleteIngresses=true")
    assert await story.status(f"/v2/domains/{id}") == 404
    assert len(await story.seen("/v2/domains")) == total - 1
    assert name not in [zone["domain"] for zone in await story.seen(f"/v2/projects/{target}/dns-zones")]


async def test_domains_are_filtered() -> None:
    story = Story()
    domain = story.read("domain")
    by_contact = await story.seen(f"/v2/domains?contactHash={domain['contactHash']}")
    assert {entry["projectId"] for entry in by_contact} == {domain["projectId"]}
    assert await story.seen(f"/v2/domains?domainSearchName={domain['domain'][:-2].upper()}") != []


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
    story = Story()
    zone = story.read("dns_zone")
    url = f"/v2/dns-zones/{zone['id']}"
    await story.done("PUT", f"{url}/record-sets/{record_set}", body)
    assert (await story.seen(url))["recordSet"] == zone["recordSet"] | {wire: body}
    text = (await story.get(f"{url}/zone-file")).body.decode()
    assert f"$ORIGIN {zone['domain']}." in text
    if record_set not in ("srv", "caa"):
        assert any(word in text for word in ("203.0.113.1", "mx.example.org", "hallo", "www.example.org"))
    await story.done("PUT", f"{url}/record-sets/{record_set}", {})
    assert (await story.seen(url))["recordSet"][wire] == {}
    wrong: dict[str, Any] = (
        {"fqdn": "x.example.org", "settings": SETTINGS} if record_set != "cname" else {"entries": [], "settings": {}}
    )
    assert (await story.put(f"{url}/record-sets/{record_set}", wrong)).status == 412


async def test_the_older_record_routes_are_equivalent() -> None:
    story = Story()
    zone = story.read("dns_zone")
    url = f"/v2/dns/zones/{zone['id']}/recordset"
    bodies: dict[str, Any] = {
        "acombined/custom": {"a": [], "aaaa": [], "settings": SETTINGS},
        "mx/custom": {"records": [], "settings": SETTINGS},
        "cname": {"fqdn": "x.example.org", "settings": SETTINGS},
        "srv": {"records": [], "settings": SETTINGS},
        "txt": {"entries": ["x"], "settings": SETTINGS},
    }
    for path, body in bodies.items():
        await story.done("PUT", f"{url}/{path}", body)
    records = (await story.seen(f"/v2/dns-zones/{zone['id']}"))["recordSet"]
    assert (records["txt"]["entries"], records["mx"]["records"]) == (["x"], [])
    await story.done("POST", f"{url}/mx/managed", {})
    ingress = (await story.done("POST", f"{url}/acombined/managed/ingress", {})).json["ingressId"]
    records = (await story.seen(f"/v2/dns-zones/{zone['id']}"))["recordSet"]
    assert (records["mx"], records["combinedARecords"]) == ({"managed": True}, {"managedBy": {"ingressId": ingress}})


async def test_managed_records_follow_the_ingress_of_the_name() -> None:
    story = Story()
    zone = story.read("dns_zone")
    url = f"/v2/dns-zones/{zone['id']}/record-sets"
    answer = await story.done("POST", f"{url}/a/actions/set-managed", {})
    assert (await story.seen(f"/v2/ingresses/{answer.json['ingressId']}"))["hostname"] == zone["domain"]
    await story.done("POST", f"{url}/mx/actions/set-managed", {})
    assert (await story.post(f"{url}/txt/actions/set-managed", {})).status == 400
    body = {"name": "sub", "parentZoneId": zone["id"]}
    sub = await story.made("/v2/dns-zones", body)
    assert (await story.seen(f"/v2/dns-zones/{sub}"))["domain"] == f"sub.{zone['domain']}"
    assert (await story.post("/v2/dns-zones", body)).status == 409
    assert (await story.post(f"/v2/dns-zones/{sub}/record-sets/a/actions/set-managed", {})).status == 412
    await story.done("DELETE", f"/v2/dns-zones/{sub}")
    assert await story.status(f"/v2/dns-zones/{sub}") == 404


async def test_an_ingress_gets_its_certificate() -> None:
    story = Story()
    domain = story.read("domain")
    project = domain["projectId"]
    own = {"hostname": f"shop.{domain['domain']}", "paths": DEFAULT, "projectId": project}
    answer = await story.done("POST", "/v2/ingresses", own)
    assert answer.json["ownership"] == {"verified": True}
    url = f"/v2/ingresses/{answer.json['id']}"
    assert (await story.seen(url))["tls"] == {"acme": True, "isCreated": False}
    story.wait()
    assert (await story.seen(url))["tls"] == {"acme": True, "isCreated": True}
    assert (await story.post("/v2/ingresses", own)).status == 409
    listed = await story.seen(f"/v2/ingresses?projectId={project}")
    assert listed[-1]["id"] == answer.json["id"]
    older = await story.seen(f"/v2/projects/{project}/ingresses")
    assert (older[-1]["tls"], set(older[-1]["ips"])) == ({"acme": True}, {"v4"})
    target = [{"path": "/", "target": {"url": "https://example.org"}}]
    await story.done("PATCH", f"{url}/paths", target)
    assert (await story.seen(url))["paths"] == target
    await story.done("DELETE", url)
    assert await story.status(url) == 404


async def test_a_host_name_of_another_account_must_be_verified() -> None:
    story = Story()
    body = {"hostname": "shop.elsewhere.example", "paths": DEFAULT, "projectId": story.read("project")["id"]}
    answer = await story.done("POST", "/v2/ingresses", body)
    assert answer.json["ownership"]["verified"] is False
    assert "txtRecord" in answer.json["ownership"]
    url = f"/v2/ingresses/{answer.json['id']}"
    story.wait()
    assert (await story.seen(url))["tls"]["isCreated"] is False
    await story.done("POST", f"{url}/actions/verify-ownership")
    await story.done("POST", f"{url}/actions/request-acme-certificate-issuance")
    story.wait()
    value = await story.seen(url)
    assert (value["ownership"], value["tls"]["isCreated"]) == ({"verified": True}, True)


async def test_issuing_can_fail() -> None:
    story = Story(failing=1.0)
    domain = story.read("domain")
    body = {"hostname": f"x.{domain['domain']}", "paths": DEFAULT, "projectId": domain["projectId"]}
    id = await story.made("/v2/ingresses", body)
    story.wait()
    value = await story.seen(f"/v2/ingresses/{id}")
    assert value["dnsValidationErrors"] == ["ERROR_ACME_CERTIFICATE_REQUEST_DEADLINE_EXCEEDED"]


async def test_the_default_ingress_cannot_be_deleted() -> None:
    story = Story()
    id = story.where("ingress", isDefault=True)["id"]
    assert (await story.delete(f"/v2/ingresses/{id}")).status == 412


async def test_a_custom_certificate_is_uploaded_used_replaced_and_deleted() -> None:
    story = Story()
    project = story.read("project")["id"]
    body = {"certificate": PEM, "privateKey": "key", "projectId": project}
    assert (await story.post("/v2/certificate-requests", body | {"certificate": "nonsense"})).status == 412
    request = await story.made("/v2/certificate-requests", body)
    assert (await story.seen(f"/v2/certificate-requests/{request}"))["isCompleted"] is True
    assert request in [entry["id"] for entry in await story.seen(f"/v2/certificate-requests?projectId={project}")]
    [certificate] = [
        entry for entry in await story.seen("/v2/certificates") if entry["certificateRequestId"] == request
    ]
    url = f"/v2/certificates/{certificate['id']}"
    ingress = story.where("ingress", projectId=project)["id"]
    await story.done("PATCH", f"/v2/ingresses/{ingress}/tls", {"certificateId": certificate["id"]})
    using = await story.seen(f"/v2/ingresses?certificateId={certificate['id']}")
    assert [entry["id"] for entry in using] == [ingress]
    assert await story.seen(f"/v2/certificates?ingressId={ingress}") == [await story.seen(url)]
    assert (await story.delete(f"/v2/certificate/{certificate['id']}")).status == 412, "in use"
    assert (await story.post(f"/v2/ingresses/{ingress}/actions/request-acme-certificate-issuance")).status == 412
    check = f"{url}/actions/check-replace-certificate"
    assert (await story.done("POST", check, {"certificate": PEM})).json["isReplaceable"] is True
    assert (await story.done("POST", check, {"certificate": "x"})).json["isReplaceable"] is False
    assert (await story.put(url, {"certificate": "x"})).status == 412
    await story.done("PUT", url, {"certificate": PEM + PEM})
    assert (await story.seen(url))["certificate"] == PEM + PEM
    await story.done("PATCH", f"/v2/ingresses/{ingress}/tls", {"acme": True})
    await story.done("DELETE", f"/v2/certificate/{certificate['id']}")
    assert await story.status(url) == 404
    await story.done("DELETE", f"/v2/certificate-request/{request}")
    assert await story.status(f"/v2/certificate-requests/{request}") == 404


async def test_an_ordered_certificate_is_issued() -> None:
    story = Story()
    project = story.read("project")["id"]
    request = await story.made("/v2/certificate-requests", {"commonName": "kauf.example", "projectId": project})
    assert (await story.seen(f"/v2/certificate-requests/{request}"))["isCompleted"] is False
    data = {"certificateRequestId": request, "projectId": project}
    await story.made("/v2/orders", {"orderType": "externalCertificate", "orderData": data}, "orderId")
    assert (await story.seen(f"/v2/certificate-requests/{request}"))["isCompleted"] is True
    [certificate] = [entry for entry in await story.seen("/v2/certificates") if entry["commonName"] == "kauf.example"]
    assert (await story.seen(f"/v2/certificates/{certificate['id']}/contract"))["customerId"]


async def test_compatible_ingresses_have_names_the_certificate_covers() -> None:
    story = Story()
    certificate = story.read("certificate")
    url = "/v2/actions/list-ingresses-compatible-with-certificate"
    found = (await story.done("POST", url, {"certificateId": certificate["id"]})).json
    assert {entry["hostname"] for entry in found} == set(certificate["dnsNames"])
    found = (await story.done("POST", url, {"certificate": PEM, "projectId": certificate["projectId"]})).json
    assert found
