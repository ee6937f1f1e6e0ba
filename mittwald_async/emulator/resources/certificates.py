"""Certificates and the requests they come from."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..ids import Dice
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, iso, kind, same_as
from ..views import Objects, after_step
from .base import Test, asked_scope, filtered, known, located, remove, shown, unfit, world_of
from .domains import has_bought_certificate

_DAY = 86400
_PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
_ACME, _BOUGHT, _UPLOADED, _DNS = 1, 0, 2, 3


@kind("certificate", 16, parent="project", count=same_as("domain"))
def certificate(account: SeededAccount, number: int) -> dict[str, Any]:
    """One for each domain, with the same number, for the name with and without `www`."""
    dice = account.dice("certificate", number)
    project = account.parent("certificate", number)
    bought = has_bought_certificate(account, number)
    life = 365 if bought else 90
    issued = int(account.epoch) - _age(dice, life)
    name = account.domain_name(number)
    return {
        "certificate": _PEM.format(account.ids.uuid(203, number)),
        "certificateRequestId": account.id("certificate_request", number),
        "certificateType": _BOUGHT if bought else _ACME,
        "commonName": name,
        "dnsNames": [name, f"www.{name}"],
        "id": account.id("certificate", number),
        "isExpired": issued + life * _DAY <= account.epoch,
        "issuer": "GlobalSign GCC R6 AlphaSSL CA 2023" if bought else "Let's Encrypt R11",
        "projectId": account.id("project", project),
        "validFrom": iso(issued),
        "validTo": iso(issued + life * _DAY),
    }


def _age(dice: Dice, life: int) -> int:
    """Seconds since a certificate was issued. Most are renewed 30 days before their end; a few renewals are late, and
    one in a hundred never came."""
    late = dice.below(100)
    if late == 0:
        return (life + dice.between(1, 20)) * _DAY
    if late < 4:
        return (life - dice.between(1, 13)) * _DAY
    return dice.below((life - 30) * _DAY)


@kind("certificate_request", 17, parent="project", count=same_as("domain"))
def certificate_request(account: SeededAccount, number: int) -> dict[str, Any]:
    made = certificate(account, number)
    return {
        "certificateData": {"certificate": made["certificate"]},
        "certificateType": made["certificateType"],
        "commonName": made["commonName"],
        "createdAt": made["validFrom"],
        "dnsNames": made["dnsNames"],
        "id": account.id("certificate_request", number),
        "isCompleted": True,
        "issuer": made["issuer"],
        "projectId": made["projectId"],
        "validFrom": made["validFrom"],
        "validTo": made["validTo"],
    }


def _listed(call: EmulatedCall, kind: str) -> Reply:
    world = world_of(call)
    scope = asked_scope(call, ("project", "projectId"))
    tests: list[Test | None] = []
    if "ingressId" in call.query:
        key = world.find("ingress", call.query["ingressId"], call.identity)
        project = world.parent("ingress", key)
        scope = scope or (None if project is None else ("project", project))
        tests.append(_covers(world.read("ingress", key), kind))
    return filtered(call, kind, scope, tests)


def _covers(ingress: dict[str, Any], kind: str) -> Test:
    """Used by an ingress, or (a request has no id in it) made for its host name."""
    used = ingress["tls"].get("certificateId")
    if used and kind == "certificate":
        return lambda value: value["id"] == used
    return lambda value: ingress["hostname"] in value.get("dnsNames", ())


@handles("ssl-list-certificates")
def list_certificates(call: EmulatedCall) -> Reply:
    return _listed(call, "certificate")


@handles("ssl-list-certificate-requests")
def list_requests(call: EmulatedCall) -> Reply:
    return _listed(call, "certificate_request")


@handles("ssl-get-certificate")
def get_certificate(call: EmulatedCall) -> Reply:
    return shown(call, "certificate", located(call, "certificate", "certificateId"))


@handles("ssl-get-certificate-request")
def get_request(call: EmulatedCall) -> Reply:
    return shown(call, "certificate_request", located(call, "certificate_request", "certificateRequestId"))


def _looks_like_pem(text: str) -> bool:
    return "-----BEGIN" in text


@handles("ssl-create-certificate-request")
def create_request(call: EmulatedCall) -> Reply:
    """With a certificate of one's own the request is complete at once, by DNS validation after a while, and a bought
    one when its order is executed."""
    world = world_of(call)
    body = call.body
    project = known(call, "project", body["projectId"])
    project_id = world.id("project", project)
    own = "certificate" in body
    if own and not _looks_like_pem(body["certificate"]):
        raise unfit("body.certificate", "certificate_decode_failed")
    now = world.clock.now()
    name: str = body.get("commonName", "uploaded.example.org")
    value: dict[str, Any] = {
        "certificateData": {"certificate": body["certificate"]} if own else {"signingRequest": _PEM.format("request")},
        "certificateType": _UPLOADED if own else _BOUGHT if "contact" in body else _DNS,
        "commonName": name,
        "createdAt": world.now(),
        "dnsNames": [name],
        "id": world.new_id("certificate_request"),
        "isCompleted": False,
        "issuer": "mittwald test CA",
        "projectId": project_id,
        "validFrom": iso(now),
        "validTo": iso(now + 365 * _DAY),
        **({"contact": body["contact"]} if "contact" in body else {}),
    }
    id = world.create("certificate_request", project_id, value)
    if own:
        complete_request(world, id)
    elif "contact" not in body:
        world.begin("certificate_request", id, TransitionStep(then="complete certificate request"))
    call.wrote(project_id=project_id, created=(id,))
    answer = ("commonName", "contact", "dnsNames", "id", "issuer", "validFrom", "validTo")
    return ValueReply({name: value[name] for name in answer if name in value})


@after_step("complete certificate request")
def complete_request(world: Objects, key: Key) -> str:
    """The certificate that a request asked for: its id."""
    request = world.change("certificate_request", key, isCompleted=True)
    names = ("certificateType", "commonName", "dnsNames", "issuer", "projectId", "validFrom", "validTo", "contact")
    value: dict[str, Any] = {
        "certificate": request["certificateData"].get("certificate", _PEM.format(request["id"])),
        "certificateRequestId": request["id"],
        "id": world.new_id("certificate"),
        "isExpired": False,
        **{name: request[name] for name in names if name in request},
    }
    return world.create("certificate", request["projectId"], value)


@handles("ssl-delete-certificate-request")
def delete_request(call: EmulatedCall) -> Reply:
    return remove(call, "certificate_request", "certificateRequestId")


@handles("ssl-delete-certificate")
def delete_certificate(call: EmulatedCall) -> Reply:
    """Not while an ingress uses it."""
    world = world_of(call)
    key = located(call, "certificate", "certificateId")
    id, project = world.id("certificate", key), world.parent("certificate", key)
    scope = None if project is None else ("project", project)
    if any(world.read("ingress", host)["tls"].get("certificateId") == id for host in world.keys("ingress", scope)):
        raise Fail.refused("the certificate is in use by an ingress")
    return remove(call, "certificate", "certificateId")


@handles("ssl-replace-certificate")
def replace_certificate(call: EmulatedCall) -> Reply:
    if not _looks_like_pem(call.body["certificate"]):
        raise unfit("body.certificate", "certificate_decode_failed")
    world = world_of(call)
    now = world.clock.now()
    world.change(
        "certificate",
        located(call, "certificate", "certificateId"),
        certificate=call.body["certificate"],
        validFrom=iso(now),
        validTo=iso(now + 365 * _DAY),
        isExpired=False,
    )
    return EmptyReply()


@handles("ssl-check-replace-certificate")
def check_replace(call: EmulatedCall) -> Reply:
    call.pure = True
    located(call, "certificate", "certificateId")
    if _looks_like_pem(call.body["certificate"]):
        return ValueReply({"isReplaceable": True, "changes": {}, "errors": []})
    return ValueReply({"isReplaceable": False, "errors": [{"message": "certificate_decode_failed"}]})


@handles("ingress-list-ingresses-compatible-with-certificate")
def list_compatible_ingresses(call: EmulatedCall) -> Reply:
    """Ingresses whose host name a certificate covers."""
    call.pure = True
    world = world_of(call)
    if "certificateId" in call.body:
        key = known(call, "certificate", call.body["certificateId"])
        names = world.read("certificate", key)["dnsNames"]
        project = world.parent("certificate", key)
    else:
        project = known(call, "project", call.body["projectId"])
        names = [world.read("domain", domain)["domain"] for domain in world.keys("domain", ("project", project))]
    scope = None if project is None else ("project", project)
    keys: list[Key] = [
        host for host in world.keys("ingress", scope) if world.read("ingress", host)["hostname"] in names
    ]
    return world.listing("ingress", keys)
