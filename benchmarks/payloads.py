"""Pages of made-up answers, as the API writes them: what `decode` and `encode` measure on. Same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Item = dict[str, Any]


def page(make: Callable[[int], Item], count: int) -> bytes:
    """`count` items as one compact JSON array, properties in the document's order, which is the alphabet's."""
    items = [make(number) for number in range(count)]
    return json.dumps(items, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


def reordered(body: bytes) -> bytes:
    """The same JSON with the properties of every object the other way round."""
    turned = json.loads(body, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    return json.dumps(turned, separators=(",", ":"), ensure_ascii=False).encode()


def _uuid(kind: int, number: int) -> str:
    return f"{kind:04x}{number:04x}-5e1f-4c3a-9d7b-{number * 7919 % 16**12:012x}"


def _time(number: int) -> str:
    return f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number * 7 % 60:02}:{number * 13 % 60:02}.{number % 1000:03}Z"


_SHOPS = (
    "Onlineshop der Beispielkundin {} (live)",
    "Relaunch {} | Agentur Muster | Testumgebung",
    "Praxis Dr. Beispiel {}, Terminbuchung",
    "Bäckerei Müller {}, Filialseiten",
)


def project(number: int) -> Item:
    """A `project.ProjectListItem` of a little under 0.95 kB."""
    item: Item = {
        "id": _uuid(1, number),
        "shortId": f"p-{number * 48271 % 2176782336:06x}",
        "description": _SHOPS[number % len(_SHOPS)].format(number),
        "enabled": number % 50 != 0,
        "customerMeta": {"id": _uuid(2, number // 7)},
        "customerId": _uuid(2, number // 7),
        "createdAt": _time(number),
        "isReady": True,
        "readiness": "ready",
        "status": "ready",
        "statusSetAt": _time(number + 1),
        "webStorageUsageInBytes": 1_000_000 + number * 7919,
        "webStorageUsageInBytesSetAt": _time(number + 2),
        "backupStorageUsageInBytes": 2_000_000 + number * 104729,
        "backupStorageUsageInBytesSetAt": _time(number + 3),
        "supportedFeatures": ["redis", "node", "container"],
        "features": ["redis", "node", "container"],
        "serverGroupId": _uuid(3, number % 9),
        "deletionRequested": False,
        "imageRefId": _uuid(4, number),
    }
    if number % 3:
        item |= {"serverId": _uuid(5, number % 40), "serverShortId": f"s-{number % 40:06x}"}
    item |= {"projectHostingId": _uuid(6, number)}
    if not item["enabled"]:
        item |= {"disableReason": "suspended", "disabledAt": _time(number + 4)}
    return item


def ingress(number: int) -> Item:
    """An `ingress.Ingress`: two unions per path and certificate."""
    targets: tuple[Item, ...] = (
        {"installationId": _uuid(12, number)},
        {"url": f"https://ziel-{number}.example/start"},
        {"useDefaultPage": True},
        {"container": {"id": _uuid(13, number), "portProtocol": "8080/tcp"}},
    )
    paths: list[Item] = [{"path": "/", "target": targets[number % 4]}]
    if number % 5 == 0:
        paths.append({"path": "/blog", "target": targets[(number + 1) % 4]})
    return {
        "id": _uuid(10, number),
        "hostname": f"shop-{number}.beispiel.example",
        "projectId": _uuid(1, number // 4),
        "isDefault": number % 4 == 0,
        "isDomain": number % 2 == 0,
        "isEnabled": True,
        "ips": {"v4": ["203.0.113.17"], "v6": ["2001:db8:0:17::17"]},
        "dnsValidationErrors": ["ERROR_QUAD_A"] if number % 20 == 0 else [],
        "ownership": {"verified": True, "txtRecord": f"mittwald-{number:012x}"},
        "paths": paths,
        "tls": {"acme": True, "isCreated": True} if number % 3 else {"certificateId": _uuid(14, number)},
    }


def message(number: int) -> Item:
    """An item of a conversation: message, status update or service request."""
    person: Item = {"userId": _uuid(21, number % 30), "clearName": f"Erika Muster {number % 30}", "active": True}
    item: Item = {"conversationId": _uuid(20, number // 20), "createdAt": _time(number)}
    if number % 10 == 3:
        return item | {"type": "STATUS_UPDATE", "messageContent": "STATUS_CLOSED", "meta": {"user": person}}
    if number % 10 == 7:
        meta: Item = {
            "resubmitAt": _time(number + 5),
            "groupId": _uuid(23, 1),
            "groupAcronym": "KS",
            "groupName": "Kundenservice",
            "user": person,
        }
        return item | {"type": "STATUS_UPDATE", "messageContent": "RESUBMISSION_CREATED", "meta": meta}
    files: list[Item] = [{"id": _uuid(24, number), "status": "uploaded", "name": "bild.png", "type": "image/png"}]
    return item | {
        "type": "MESSAGE",
        "messageId": _uuid(22, number),
        "messageContent": f"Guten Tag, beim Aufruf der Seite {number} erscheint eine Fehlermeldung. Bitte prüfen Sie das. "
        * 2,
        "createdBy": person,
        "internal": False,
        "files": files if number % 4 == 0 else [],
    }


def zone(number: int) -> Item:
    """A `dns.Zone`: six unions, and one more in the settings of every record that is set."""
    auto: Item = {"ttl": {"auto": True}}
    hour: Item = {"ttl": {"seconds": 3600}}
    mail: Item = {"managed": True}
    if number % 3 == 0:
        records = [{"fqdn": f"mx{n}.beispiel.example", "priority": 10 * n} for n in (1, 2)]
        mail = {"records": records, "settings": hour}
    address: Item = {"managedBy": {"ingressId": _uuid(10, number)}}
    if number % 2:
        address = {"a": ["203.0.113.17"], "aaaa": ["2001:db8:0:17::17"], "settings": auto}
    service = {"fqdn": "sip.beispiel.example", "port": 5060, "priority": 10, "weight": 5}
    return {
        "id": _uuid(30, number),
        "domain": f"kundin-{number}.example",
        "recordSet": {
            "combinedARecords": address,
            "mx": mail,
            "txt": {"entries": ["v=spf1 include:beispiel.example ~all", f"site-check={number:032x}"], "settings": auto},
            "cname": {"fqdn": "ziel.beispiel.example", "settings": auto} if number % 8 == 0 else {},
            "srv": {"records": [service], "settings": hour} if number % 6 == 0 else {},
            "caa": {"records": [{"flags": 0, "tag": "issue", "value": "ca.example"}], "settings": auto}
            if number % 4 == 0
            else {},
        },
    }


def activity(number: int) -> Item:
    """An `activitylog.LogEntry`: one union of 36."""
    named: Item = {"name": f"Datenbank {number}"}
    actions: tuple[Item, ...] = (
        {
            "name": "database.mysql-created",
            "changes": {"after": {"name": f"mysql_{number}", "description": "Shop", "version": "8.4"}, "before": {}},
            "parameters": {"name": named, "description": named, "version": {"name": "8.4"}},
        },
        {
            "name": "dns.mx-record-set",
            "changes": {
                "after": {"mx": [{"fqdn": "mx1.example", "priority": 10}], "ttl": 3600},
                "before": {"mx": [], "ttl": "auto"},
            },
            "parameters": {"domain": {"name": f"kundin-{number}.example"}},
        },
        {
            "name": "app.description-set",
            "changes": {"after": {"description": "neu"}, "before": {"description": "alt"}},
            "parameters": {"appInstallation": named},
        },
        {
            "name": "mail.mailbox-created",
            "changes": {"quota": {"after": 5, "before": None}},
            "parameters": {"box": named},
        },
    )
    return {
        "action": actions[number % 4],
        "aggregate": {"id": _uuid(41, number), "aggregate": "database", "domain": "database"},
        "dateTime": _time(number),
        "user": {"id": _uuid(21, number % 30), "type": "user"},
    }


def folder(depth: int) -> Item:
    """A `backup.ProjectBackupPath` with a chain of `depth` folders below it."""
    inner: Item = {"name": "ende.txt", "absolutePath": "/ende.txt", "isFile": True, "size": 512}
    for level in range(depth):
        name = f"ordner{level}"
        inner = {"name": name, "absolutePath": f"/{name}", "isDirectory": True, "size": 4096, "items": [inner]}
    return inner


PAGES: Mapping[str, tuple[str, Callable[[int], Item]]] = {
    "projects": ("list[project.ProjectListItem]", project),
    "ingresses": ("list[ingress.Ingress]", ingress),
    "conversation messages": ("list[conversation.ListMessagesByConversationItem]", message),
    "DNS zones": ("list[dns.Zone]", zone),
    "activities": ("list[activitylog.LogEntry]", activity),
}
"""Per page: its type expression and its items."""
