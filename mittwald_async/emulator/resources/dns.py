"""DNS zones with their record sets."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import ContentReply, EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind
from ..state import World
from .base import located, remove, scope_of, shown, unfit, whole, world_of

_AUTO: dict[str, Any] = {"ttl": {"auto": True}}
_UNSET: dict[str, Any] = {}
_SETS = {
    "a": "combinedARecords",
    "combinedA": "combinedARecords",
    "acombined": "combinedARecords",
    "mx": "mx",
    "txt": "txt",
    "srv": "srv",
    "cname": "cname",
    "caa": "caa",
}


_MAIL = 2
"""Purpose of the dice that draw how well the mail of a domain is guarded."""


def _mail_zones(account: SeededAccount, domain: int) -> list[tuple[str, str]]:
    """Zones below a domain that guard its mail, with their text: some domains have both, some one, some none."""
    dice = account.dice("dns_zone", domain, _MAIL)
    name = account.domain_name(domain)
    found: list[tuple[str, str]] = []
    if dice.chance(65):
        found.append((f"_dmarc.{name}", f"v=DMARC1; p={dice.pick(('none', 'quarantine', 'reject'))}"))
    if dice.chance(60):
        found.append((f"default._domainkey.{name}", f"v=DKIM1; k=rsa; p={dice.text(24)}"))
    return found


def _zones(account: SeededAccount, project: int) -> int:
    domains = account.span("domain", project)
    return len(domains) + sum(len(_mail_zones(account, domain)) for domain in domains)


@kind("dns_zone", 14, parent="project", count=_zones, parameters=("dnsZoneId", "zoneId"))
def dns_zone(account: SeededAccount, number: int) -> dict[str, Any]:
    """One for each domain of a project, in the same order; then those that guard their mail."""
    project, index = account.place("dns_zone", number)
    domains = account.span("domain", project)
    if index < len(domains):
        return _domain_zone(account, number, project, index)
    below = [zone for domain in domains for zone in _mail_zones(account, domain)]
    name, text = below[index - len(domains)]
    records = {"txt": {"entries": [text], "settings": _AUTO}}
    return {"domain": name, "id": account.id("dns_zone", number), "recordSet": _empty() | records}


def _domain_zone(account: SeededAccount, number: int, project: int, index: int) -> dict[str, Any]:
    dice = account.dice("dns_zone", number)
    domain = account.span("domain", project)[index]
    ingress = account.span("ingress", project)[1 + 2 * index]
    managed = dice.chance(85)
    texts = ["v=spf1 include:project.host ~all"] if dice.chance(92) else []
    if dice.chance(40):
        texts.append(f"google-site-verification={dice.text(20)}")
    return {
        "domain": account.domain_name(domain),
        "id": account.id("dns_zone", number),
        "recordSet": {
            "caa": {"records": [{"flags": 0, "tag": "issue", "value": "letsencrypt.org"}], "settings": _AUTO}
            if dice.chance(35)
            else _UNSET,
            "cname": _UNSET,
            "combinedARecords": {"managedBy": {"ingressId": account.id("ingress", ingress)}}
            if managed
            else {"a": ["203.0.113.99"], "aaaa": [], "settings": {"ttl": {"seconds": 3600}}},
            "mx": {"managed": True}
            if dice.chance(80)
            else {"records": [{"fqdn": "mx.example.net", "priority": 10}], "settings": _AUTO},
            "srv": _UNSET
            if dice.chance(90)
            else {
                "records": [{"fqdn": "sip.example.net", "port": 5060, "priority": 1, "weight": 1}],
                "settings": _AUTO,
            },
            "txt": {"entries": texts, "settings": _AUTO} if texts else _UNSET,
        },
    }


def _empty() -> dict[str, Any]:
    return dict.fromkeys(("caa", "cname", "combinedARecords", "mx", "srv", "txt"), _UNSET)


def add_zone(world: World, project_id: str, name: str, **records: Any) -> str:
    """A new zone without records."""
    value = {"domain": name, "id": world.new_id("dns_zone"), "recordSet": _empty() | records}
    return world.create("dns_zone", project_id, value)


def _zone(call: EmulatedCall) -> Key:
    return located(call, "dns_zone", "zoneId" if "zoneId" in call.path else "dnsZoneId")


@handles("dns-list-dns-zones")
def list_zones(call: EmulatedCall) -> Reply:
    return whole(call, "dns_zone", scope_of(call, "project", "projectId"))


@handles("dns-get-dns-zone")
def get_zone(call: EmulatedCall) -> Reply:
    return shown(call, "dns_zone", _zone(call))


@handles("dns-create-dns-zone")
def create_zone(call: EmulatedCall) -> Reply:
    """A zone of a subdomain, beside its parent."""
    world = world_of(call)
    above = world.find("dns_zone", call.body["parentZoneId"], call.identity)
    parent = world.read("dns_zone", above)
    name: str = call.body["name"]
    if not name.endswith(f".{parent['domain']}"):
        name = f"{name}.{parent['domain']}"
    project = world.parent("dns_zone", above)
    if project is None:
        raise Fail.refused("the parent zone belongs to no project")
    if any(world.read("dns_zone", key)["domain"] == name for key in world.keys("dns_zone", ("project", project))):
        raise Fail.conflict(f"there is a zone {name} already")
    project_id = world.id("project", project)
    id = add_zone(world, project_id, name)
    call.wrote(project_id=project_id, created=(id,))
    return ValueReply({"id": id})


@handles("dns-delete-dns-zone")
def delete_zone(call: EmulatedCall) -> Reply:
    return remove(call, "dns_zone", "dnsZoneId")


def _put(call: EmulatedCall, name: str, value: Any) -> None:
    world = world_of(call)
    key = _zone(call)
    world.change("dns_zone", key, recordSet=world.read("dns_zone", key)["recordSet"] | {name: value})


def _set_name(call: EmulatedCall) -> str:
    name = _SETS.get(call.path["recordSet"])
    if name is None:
        raise unfit("path.recordSet", "no such record set")
    return name


_SHAPES = {
    "combinedARecords": {"a", "aaaa", "settings"},
    "mx": {"records", "settings"},
    "srv": {"records", "settings"},
    "caa": {"records", "settings"},
    "txt": {"entries", "settings"},
    "cname": {"fqdn", "settings"},
}


def _replace(call: EmulatedCall, name: str) -> None:
    if call.body and set(call.body) != _SHAPES[name]:
        raise unfit("body", f"is not a record set of the kind {name}")
    _put(call, name, call.body)


@handles("dns-update-record-set")
def update_records(call: EmulatedCall) -> Reply:
    _replace(call, _set_name(call))
    return EmptyReply()


@handles("deprecated-dns-record-a-set-custom")
def set_a(call: EmulatedCall) -> Reply:
    _replace(call, "combinedARecords")
    return EmptyReply()


@handles("deprecated-dns-record-mx-set-custom")
def set_mx(call: EmulatedCall) -> Reply:
    _replace(call, "mx")
    return EmptyReply()


@handles("deprecated-dns-record-cname-set")
def set_cname(call: EmulatedCall) -> Reply:
    _replace(call, "cname")
    return EmptyReply()


@handles("deprecated-dns-record-srv-set")
def set_srv(call: EmulatedCall) -> Reply:
    _replace(call, "srv")
    return EmptyReply()


@handles("deprecated-dns-record-txt-set")
def set_txt(call: EmulatedCall) -> Reply:
    _replace(call, "txt")
    return EmptyReply()


@handles("deprecated-dns-record-mx-set-managed")
def manage_mx(call: EmulatedCall) -> Reply:
    _put(call, "mx", {"managed": True})
    return EmptyReply()


@handles("dns-set-record-set-managed", "deprecated-dns-record-a-set-managed-by-ingress")
def manage(call: EmulatedCall) -> Reply:
    """Mail and address records can be looked after by the platform; addresses follow the ingress of the same name."""
    name = _set_name(call) if "recordSet" in call.path else "combinedARecords"
    if name == "mx":
        _put(call, "mx", {"managed": True})
        return ValueReply({})
    world = world_of(call)
    key = _zone(call)
    domain = world.read("dns_zone", key)["domain"]
    project = world.parent("dns_zone", key)
    scope = None if project is None else ("project", project)
    for ingress in world.keys("ingress", scope):
        if world.read("ingress", ingress)["hostname"] == domain:
            ingress_id = world.id("ingress", ingress)
            _put(call, name, {"managedBy": {"ingressId": ingress_id}})
            return ValueReply({"ingressId": ingress_id})
    raise Fail.refused(f"no ingress serves {domain}")


@handles("dns-get-zone-file")
def zone_file(call: EmulatedCall) -> Reply:
    zone = world_of(call).read("dns_zone", _zone(call))
    records = zone["recordSet"]
    origin = f"{zone['domain']}."
    lines = [f"$ORIGIN {origin}", "$TTL 3600"]
    addresses = records["combinedARecords"]
    if "managedBy" in addresses:
        lines += [f"{origin} IN A 203.0.113.17", f"{origin} IN AAAA 2001:db8::17"]
    lines += [f"{origin} IN A {address}" for address in addresses.get("a", ())]
    lines += [f"{origin} IN AAAA {address}" for address in addresses.get("aaaa", ())]
    if records["mx"].get("managed"):
        lines.append(f"{origin} IN MX 10 mx.project.host.")
    lines += [f"{origin} IN MX {entry['priority']} {entry['fqdn']}." for entry in records["mx"].get("records", ())]
    lines += [f'{origin} IN TXT "{entry}"' for entry in records["txt"].get("entries", ())]
    if "fqdn" in records["cname"]:
        lines.append(f"{origin} IN CNAME {records['cname']['fqdn']}.")
    return ContentReply(("\n".join(lines) + "\n").encode(), "text/plain")
