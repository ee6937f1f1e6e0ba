"""Domains and the ingresses that lead their visitors to apps."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..lifecycle import TransitionStep
from ..listing import Key, Keys
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, same_as, spread
from ..state import World
from ..views import Objects, view
from ..vocabulary import slug
from .base import (
    Test,
    asked_scope,
    filtered,
    known,
    located,
    needed,
    patch,
    remove,
    scope_of,
    search,
    shown,
    whole,
    world_of,
)
from .dns import add_zone

_COUNT = spread("project", (15, 0), (60, 1), (15, 2), (7, 3), (3, 7))
NAMESERVERS = ["ns1.project-name.services", "ns2.project-name.services", "ns3.project-name.services"]
IPS = {"v4": ["203.0.113.17"], "v6": ["2001:db8::17"]}


def _handle(account: SeededAccount, project: int) -> dict[str, Any]:
    brand = account.brand(project)
    fields = [("firstName", "Kim"), ("lastName", brand.split()[-1]), ("email", f"{slug(brand)}@example.org")]
    return {
        "current": {
            "handleFields": [{"name": name, "value": value} for name, value in fields],
            "handleRef": f"MW{project:08d}",
        }
    }


@kind("domain", 13, parent="project", count=_COUNT, id_name="domainId")
def domain(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("domain", number)
    project = account.parent("domain", number)
    default = dice.chance(85)
    return {
        "connected": True,
        "contactHash": f"{project:040x}",
        "deleted": False,
        "domain": account.domain_name(number),
        "domainId": account.id("domain", number),
        "handles": {"ownerC": _handle(account, project)},
        "nameservers": NAMESERVERS if default else ["ns1.example.net", "ns2.example.net"],
        "processes": [],
        "projectId": account.id("project", project),
        "usesDefaultNameserver": default,
    }


@kind("ingress", 15, parent="project", count=same_as("domain", per=2, plus=1))
def ingress(account: SeededAccount, number: int) -> dict[str, Any]:
    """Two for each domain, with and without `www`, after the project's own."""
    project, index = account.place("ingress", number)
    dice = account.dice("ingress", number)
    value: dict[str, Any] = {
        "dnsValidationErrors": [],
        "id": account.id("ingress", number),
        "ips": IPS,
        "isDefault": index == 0,
        "isDomain": False,
        "isEnabled": True,
        "ownership": {"verified": True},
        "paths": [{"path": "/", "target": _target(account, project, index)}],
        "projectId": account.id("project", project),
        "tls": {"acme": True, "isCreated": True},
    }
    if index == 0:
        value["hostname"] = f"{account.project_short(project)}.project.space"
        return value
    which, www = divmod(index - 1, 2)
    number_of_domain = account.span("domain", project)[which]
    name = account.domain_name(number_of_domain)
    value["hostname"] = f"www.{name}" if www else name
    value["isDomain"] = not www
    if has_bought_certificate(account, number_of_domain):
        value["tls"] = {"certificateId": account.id("certificate", number_of_domain)}
    elif dice.chance(3):
        problems = ("ERROR_NO_A_RECORD", "ERROR_ACME_CERTIFICATE_REQUEST_DEADLINE_EXCEEDED")
        value["dnsValidationErrors"] = [dice.pick(problems)]
        value["tls"] = {"acme": True, "isCreated": False}
    return value


def has_bought_certificate(account: SeededAccount, domain: int) -> bool:
    """Others have one from Let's Encrypt."""
    return account.dice("domain", domain, 6).chance(12)


def _target(account: SeededAccount, project: int, index: int) -> dict[str, Any]:
    installations = account.span("app_installation", project)
    if not installations:
        return {"useDefaultPage": True}
    which = 0 if index == 0 else ((index - 1) // 2) % len(installations)
    return {"installationId": account.id("app_installation", installations[which])}


def add_default_ingress(world: World, project_id: str, short: str) -> None:
    """What every project gets: a host name below project.space."""
    _add_ingress(world, project_id, f"{short}.project.space", [{"path": "/", "target": {"useDefaultPage": True}}], True)


def _add_ingress(world: World, project_id: str, hostname: str, paths: list[Any], default: bool = False) -> str:
    id = world.new_id("ingress")
    owned = default or any(
        hostname == name or hostname.endswith(f".{name}") for name in _domain_names(world, project_id)
    )
    value: dict[str, Any] = {
        "dnsValidationErrors": [],
        "hostname": hostname,
        "id": id,
        "ips": IPS,
        "isDefault": default,
        "isDomain": hostname.count(".") == 1,
        "isEnabled": True,
        "ownership": {"verified": owned, **({} if owned else {"txtRecord": f"mittwald-verification-{world.serial}"})},
        "paths": paths,
        "projectId": project_id,
        "tls": {"acme": True, "isCreated": False},
    }
    world.create("ingress", project_id, value)
    if owned:
        _issue(world, id)
    return id


def _issue(world: World, key: Key) -> None:
    """An ACME certificate comes after a while, or does not."""
    end = TransitionStep(set={"tls": {"acme": True, "isCreated": True}, "dnsValidationErrors": []})
    if world.fails("ingress", world.id("ingress", key)):
        end = TransitionStep(set={"dnsValidationErrors": ["ERROR_ACME_CERTIFICATE_REQUEST_DEADLINE_EXCEEDED"]})
    world.begin("ingress", key, end)


def lead_elsewhere(world: Objects, scope: tuple[str, Key] | None, id: str) -> None:
    """Let paths that lead to something which goes away show the default page."""
    for key in list(world.keys("ingress", scope)):
        paths = world.read("ingress", key)["paths"]
        if any(_leads(path["target"], id) for path in paths):
            default = {"useDefaultPage": True}
            rest = [path | {"target": default} if _leads(path["target"], id) else path for path in paths]
            world.change("ingress", key, paths=rest)


def _leads(target: dict[str, Any], id: str) -> bool:
    return id in (target.get("installationId"), target.get("container", {"id": None})["id"])


def _domain_names(world: World, project_id: str) -> list[str]:
    project = world.key("project", project_id)
    if project is None:
        return []
    return [world.read("domain", key)["domain"] for key in world.keys("domain", ("project", project))]


# domains


def _domain(call: EmulatedCall) -> Key:
    return located(call, "domain", "domainId")


@handles("domain-list-domains")
def list_domains(call: EmulatedCall) -> Reply:
    tests = [search(call, "domainSearchName", "domain")]
    if "contactHash" in call.query:
        wanted = call.query["contactHash"]
        tests.append(lambda value: value.get("contactHash") == wanted)
    return filtered(call, "domain", asked_scope(call, ("project", "projectId")), tests)


@handles("deprecated-domain-list-domains")
def list_domains_of_project(call: EmulatedCall) -> Reply:
    scope = scope_of(call, "project", "projectId")
    return filtered(call, "domain", scope, (search(call, "domainSearchName", "domain"),))


@handles("domain-get-domain")
def get_domain(call: EmulatedCall) -> Reply:
    return shown(call, "domain", _domain(call))


def add_domain(world: World, project_id: str, name: str, owner: list[dict[str, Any]], process: str) -> str:
    """A new domain that is being registered or moved here; its zone and ingresses exist at once."""
    id, now = world.new_id("domain"), world.now()
    transaction = world.new_id("domain")
    value: dict[str, Any] = {
        "connected": False,
        "contactHash": f"{world.serial:040x}",
        "deleted": False,
        "domain": name,
        "domainId": id,
        "handles": {"ownerC": {"current": {"handleFields": owner}}},
        "nameservers": NAMESERVERS,
        "processes": [{"lastUpdate": now, "processType": process, "state": "REQUESTED", "transactionId": transaction}],
        "projectId": project_id,
        "usesDefaultNameserver": True,
    }
    world.create("domain", project_id, value)
    add_zone(world, project_id, name)
    taken = {world.read("ingress", key)["hostname"] for key in world.created["ingress"]}
    for hostname in (name, f"www.{name}"):
        if hostname not in taken:
            _add_ingress(world, project_id, hostname, [{"path": "/", "target": {"useDefaultPage": True}}])
    failed = [{"lastUpdate": now, "processType": process, "state": "FAILED", "transactionId": transaction}]
    fails = world.fails("domain", id)
    world.begin(
        "domain", id, TransitionStep(set={"processes": failed} if fails else {"connected": True, "processes": []})
    )
    return id


def _deleted(call: EmulatedCall, key: Key, with_ingresses: bool) -> None:
    world = world_of(call)
    value = world.read("domain", key)
    name: str = value["domain"]
    project = world.parent("domain", key)
    scope = None if project is None else ("project", project)
    world.remove("domain", key)
    zones = [zone for zone in world.keys("dns_zone", scope) if _below(world.read("dns_zone", zone)["domain"], name)]
    for zone in zones:
        world.remove("dns_zone", zone)
    if with_ingresses:
        hosts = [host for host in world.keys("ingress", scope) if _below(world.read("ingress", host)["hostname"], name)]
        for host in hosts:
            world.remove("ingress", host)


def _below(hostname: str, name: str) -> bool:
    return hostname == name or hostname.endswith(f".{name}")


@handles("domain-delete-domain")
def delete_domain(call: EmulatedCall) -> Reply:
    _deleted(call, _domain(call), bool(call.query.get("deleteIngresses")))
    return ValueReply({"isAsync": False, "transactionId": world_of(call).new_id("domain")})


@handles("domain-create-scheduled-deletion")
def schedule_deletion(call: EmulatedCall) -> Reply:
    world_of(call).change("domain", _domain(call), scheduledDeletionDate=call.body["deletionDate"])
    return EmptyReply()


@handles("domain-cancel-scheduled-deletion")
def cancel_deletion(call: EmulatedCall) -> Reply:
    key = _domain(call)
    if "scheduledDeletionDate" not in world_of(call).read("domain", key):
        raise Fail.refused("no deletion is scheduled")
    world_of(call).change("domain", key, ("scheduledDeletionDate",))
    return EmptyReply()


@handles("domain-update-domain-nameservers", "deprecated-domain-declare-nameservers")
def update_nameservers(call: EmulatedCall) -> Reply:
    needed(call.body, "nameservers")
    names = call.body["nameservers"]
    return patch(call, "domain", "domainId", "nameservers", usesDefaultNameserver=names == NAMESERVERS)


@handles("domain-update-domain-project-id", "deprecated-domain-change-project-of-domain")
def move_domain(call: EmulatedCall) -> Reply:
    """The domain changes hands together with its zones."""
    needed(call.body, "projectId")
    world = world_of(call)
    key = _domain(call)
    target_id = call.body["projectId"]
    target = world.id("project", known(call, "project", target_id))
    value = world.read("domain", key)
    project = world.parent("domain", key)
    scope = None if project is None else ("project", project)
    zones = [
        zone
        for zone in world.keys("dns_zone", scope)
        if _below(world.read("dns_zone", zone)["domain"], value["domain"])
    ]
    world.change("domain", key, projectId=target)
    world.move("domain", key, target)
    for zone in zones:
        world.move("dns_zone", zone, target)
    return EmptyReply()


@handles("domain-update-domain-contact", "deprecated-domain-change-ownerc-of-domain")
def update_contact(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _domain(call)
    fields = call.body.get("contact", call.body.get("ownerC", []))
    contact = call.path.get("contact", "owner")
    name = "adminC" if contact.startswith("admin") else "ownerC"
    handles_ = world.read("domain", key)["handles"] | {name: {"current": {"handleFields": fields}}}
    world.change("domain", key, handles=handles_)
    return ValueReply({"isAsync": False, "transactionId": world.new_id("domain")})


@handles("domain-update-domain-auth-code", "deprecated-domain-declare-process-change-authcode")
def update_auth_code(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.change("domain", _domain(call), transferInAuthCode=call.body["authCode"])
    return ValueReply({"isAsync": False, "transactionId": world.new_id("domain")})


@handles("domain-create-domain-auth-code")
def create_auth_code(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _domain(call)
    code = f"auth-{world.serial + 1:08d}"
    expires = world.clock.iso(world.clock.now() + 30 * 86400)
    world.change("domain", key, authCode={"value": code, "expires": expires})
    return ValueReply({"authCode": code, "expirationDate": expires})


@handles("domain-abort-domain-declaration")
def abort_declaration(call: EmulatedCall) -> Reply:
    world_of(call).change("domain", _domain(call), processes=[])
    return EmptyReply()


@handles("domain-resend-domain-email")
def resend_email(call: EmulatedCall) -> Reply:
    _domain(call)
    return EmptyReply()


def taken(world: World, name: str) -> bool:
    """Whether the account has this domain."""
    return any(world.read("domain", key)["domain"] == name for key in world.keys("domain"))


@handles("domain-check-domain-registrability")
def registrable(call: EmulatedCall) -> Reply:
    call.pure = True
    return ValueReply({"isPremium": False, "registrable": not taken(world_of(call), call.body["domain"])})


@handles("deprecated-domain-check-domain-registrability")
def available(call: EmulatedCall) -> Reply:
    call.pure = True
    return ValueReply({"available": not taken(world_of(call), call.body["domain"])})


@handles("domain-check-domain-transferability")
def transferable(call: EmulatedCall) -> Reply:
    call.pure = True
    known_here = taken(world_of(call), call.body["domain"])
    reasons = {
        "domainAgeTooSmall": False,
        "domainDoesNotExist": False,
        "transferLock": known_here,
        "wrongAuthCode": False,
    }
    return ValueReply({"reasons": reasons, "transferable": not known_here})


# ingresses


@view("ingress_deprecated", kind="ingress")
def ingress_deprecated(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    tls = {"acme": True} if stored["tls"].get("acme") else stored["tls"]
    return stored | {"tls": tls, "ips": {"v4": stored["ips"]["v4"]}}


def _ingress(call: EmulatedCall) -> Key:
    return located(call, "ingress", "ingressId")


def _leads_to(id: str) -> Test:
    return lambda value: any(_leads(path["target"], id) for path in value["paths"])


@handles("ingress-list-ingresses")
def list_ingresses(call: EmulatedCall) -> Reply:
    scope = asked_scope(call, ("project", "projectId"))
    tests: list[Test | None] = [search(call, "hostnameSubstring", "hostname")]
    if "certificateId" in call.query:
        certificate_id = call.query["certificateId"]
        tests.append(lambda value: value["tls"].get("certificateId") == certificate_id)
    for parameter, name in (("appInstallationId", "app_installation"), ("containerId", "service")):
        if parameter in call.query:
            world = world_of(call)
            key = world.find(name, call.query[parameter], call.identity)
            project = world.above(name, key, "project")
            scope = scope or (None if project is None else ("project", project))
            tests.append(_leads_to(world.id(name, key)))
    return filtered(call, "ingress", scope, tests)


@handles("deprecated-ingress-list-ingresses")
def list_ingresses_of_project(call: EmulatedCall) -> Reply:
    return whole(call, "ingress_deprecated", scope_of(call, "project", "projectId"), "ingress")


@handles("ingress-get-ingress")
def get_ingress(call: EmulatedCall) -> Reply:
    return shown(call, "ingress", _ingress(call))


@handles("ingress-create-ingress")
def create_ingress(call: EmulatedCall) -> Reply:
    world = world_of(call)
    body = call.body
    project = known(call, "project", body["projectId"])
    if any(world.read("ingress", key)["hostname"] == body["hostname"] for key in _namesakes(world, project)):
        raise Fail.conflict("there is an ingress for this host name already")
    id = _add_ingress(world, world.id("project", project), body["hostname"], body["paths"])
    call.wrote(project_id=world.id("project", project), created=(id,))
    return ValueReply({"id": id, "ownership": world.read("ingress", id)["ownership"]})


def _namesakes(world: World, project: Key) -> list[Key]:
    """Ingresses that may have the same host name: the project's, and all created ones."""
    found: Keys = world.keys("ingress", ("project", project))
    return [*found, *world.created["ingress"]]


@handles("ingress-update-ingress-paths", "deprecated-ingress-paths")
def update_paths(call: EmulatedCall) -> Reply:
    world_of(call).change("ingress", _ingress(call), paths=call.body)
    return EmptyReply()


@handles("ingress-update-ingress-tls", "deprecated-ingress-tls")
def update_tls(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _ingress(call)
    if "certificateId" in call.body:
        certificate = known(call, "certificate", call.body["certificateId"])
        world.transitions.stop(("ingress", key))
        world.change("ingress", key, tls={"certificateId": world.id("certificate", certificate)})
    else:
        world.change("ingress", key, tls={"acme": bool(call.body["acme"]), "isCreated": False})
        _issue(world, key)
    return ValueReply({})


@handles("ingress-ingress-verify-ownership")
def verify_ownership(call: EmulatedCall) -> Reply:
    world_of(call).change("ingress", _ingress(call), ownership={"verified": True})
    return ValueReply({})


@handles("ingress-request-ingress-acme-certificate-issuance")
def request_acme(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _ingress(call)
    if not world.read("ingress", key)["tls"].get("acme"):
        raise Fail.refused("the ingress uses a certificate of its own")
    world.change("ingress", key, tls={"acme": True, "isCreated": False})
    _issue(world, key)
    return EmptyReply()


@handles("ingress-delete-ingress")
def delete_ingress(call: EmulatedCall) -> Reply:
    if world_of(call).read("ingress", _ingress(call))["isDefault"]:
        raise Fail.refused("the default ingress goes with its project")
    return remove(call, "ingress", "ingressId")
