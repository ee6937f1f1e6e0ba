"""Where something is that was looked for under another name."""

from __future__ import annotations

import re

from .operations import OPERATIONS
from .runtime.errors import did_you_mean

_ELSEWHERE: dict[str, str] = {
    "apps": "mw.app",
    "backups": "mw.backup",
    "certificates": "mw.domain.ssl_list_certificates",
    "containers": "mw.container",
    "cronjobs": "mw.cronjob",
    "customers": "mw.customer",
    "databases": "mw.database",
    "dns_zones": "mw.dns for single entries, mw.domain.dns_list_dns_zones for zones",
    "domains": "mw.domain",
    "extension": "mw.marketplace",
    "extensions": "mw.marketplace",
    "ingress": "mw.domain.ingress_list_ingresses and its like",
    "logs": "mw.service_logs(stack_id, service_id)",
    "mailboxes": "mw.mail.list_mail_addresses and its like",
    "mails": "mw.mail",
    "me": 'mw.user.get_user("self")',
    "mysql": "mw.database.list_mysql_databases and its like",
    "orders": "mw.contract.order_list_orders and its like",
    "projects": "mw.project",
    "redis": "mw.database.list_redis_databases and its like",
    "servers": "mw.project.list_servers",
    "services": "mw.container.list_accessible_services",
    "ssh_users": "mw.ssh_sftp_user",
    "ssl": "mw.domain.ssl_list_certificates and its like",
    "stacks": "mw.container.list_self_stacks",
    "users": "mw.user",
    "waiter": "mw.wait",
    "webhook": "mw.webhooks",
    "whoami": 'mw.user.get_user("self")',
}
_SHOWN = 4
_LETTERS = 5
"""Length from which a name may count as a part of another."""


def where_is(name: str, known: list[str]) -> str:
    """A message for an attribute that a client does not have: where what was meant is.

    Args:
        name: the attribute.
        known: attributes that the client has.
    """
    missing = f"a Mittwald client has no attribute {name!r}"
    # As other languages write it: getProject.
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    forms = (plain, f"{plain}s", f"{plain}es", plain.removesuffix("s"))
    place = next((_ELSEWHERE[form] for form in forms if form in _ELSEWHERE), None)
    if place is not None:
        return f"{missing}; use {place}"
    methods = _methods_like(plain)
    if methods:
        return f"{missing}; there is {', '.join(methods[:_SHOWN])}{' and more' if len(methods) > _SHOWN else ''}"
    return f"{missing}{did_you_mean(name, known)}"


def _methods_like(name: str) -> list[str]:
    """Methods of groups with just this name, else with all of its words, else with its letters; those that list come
    first."""
    words = set(re.findall(r"[a-z0-9]+", name))
    live = sorted(
        (one for one in OPERATIONS.values() if not one.deprecated), key=lambda one: "list" not in one.name.split("_")
    )
    exact = [one for one in live if one.name == name]
    found = exact or [one for one in live if words and words <= _words(one.name)]
    letters = "".join(sorted(words, key=name.find)).removesuffix("s")
    if not found and len(letters) >= _LETTERS:
        found = [one for one in live if letters in one.name.replace("_", "")]
    return [f"mw.{one.group}.{one.name}" for one in found]


def _words(name: str) -> set[str]:
    parts = set(name.split("_"))
    return parts | {part.removesuffix("s") for part in parts}
