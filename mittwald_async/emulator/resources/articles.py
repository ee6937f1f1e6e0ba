"""What can be ordered, and at what price."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..replies import Fail, Reply
from ..seeded import SeededAccount, kind
from .base import Test, equal, filtered, search, shown, world_of

MACHINES = {
    "shared.small": ("1", "2Gi", 500),
    "shared.medium": ("2", "4Gi", 1500),
    "shared.large": ("2", "8Gi", 2900),
    "shared.xlarge": ("4", "16Gi", 4900),
    "dedicated.large": ("8", "32Gi", 9900),
}
"""Processors, memory and cents a month by machine type."""
_PLAIN = (
    ("domain-de", "Domain .de", "domain", 90),
    ("domain-com", "Domain .com", "domain", 150),
    ("certificate-dv", "Zertifikat DV", "externalCertificate", 5900),
    ("license-typo3-elts", "TYPO3 ELTS", "license", 1900),
    ("mail-archive", "E-Mail-Archiv", "mailArchive", 500),
)


def _article(id: str, name: str, template: str, cents: int, base: bool) -> dict[str, Any]:
    return {
        "articleId": id,
        "contractDurationInMonth": 1,
        "name": name,
        "orderable": "full",
        "price": cents,
        "tags": [{"id": template, "name": template}],
        "template": {
            "id": f"template-{template}",
            "isManagedByDomain": template == "domain",
            "isRecurring": True,
            "name": template,
            "type": "base" if base else "additional",
        },
    }


@kind(
    "article",
    46,
    parent=None,
    count=lambda account, _: 2 * len(MACHINES) + len(_PLAIN),
    id_name="articleId",
)
def article(account: SeededAccount, number: int) -> dict[str, Any]:
    if number < 2 * len(MACHINES):
        template = ("server", "projectHosting")[number % 2]
        machine, (cpu, memory, cents) = list(MACHINES.items())[number // 2]
        value = _article(f"{template}-{machine}", f"{template} {machine}", template, cents, True)
        return value | {"machineType": {"cpu": cpu, "memory": memory, "name": machine}}
    id, name, template, cents = _PLAIN[number - 2 * len(MACHINES)]
    return _article(id, name, template, cents, False)


@handles("article-list-articles")
def list_articles(call: EmulatedCall) -> Reply:
    query = call.query
    tests: list[Test | None] = [
        equal(call, "articleIds", "articleId"),
        equal(call, "orderable"),
        search(call, "name", "name"),
    ]
    if "templateNames" in query:
        tests.append(lambda value: value["template"]["name"] in query["templateNames"])
    if "tags" in query:
        tests.append(lambda value: any(tag["id"] in query["tags"] for tag in value["tags"]))
    return filtered(call, "article", None, tests)


@handles("article-get-article")
def get_article(call: EmulatedCall) -> Reply:
    """By name: articles have no UUIDs."""
    world = world_of(call)
    for key in world.keys("article"):
        if world.read("article", key)["articleId"] == call.path["articleId"]:
            return shown(call, "article", key)
    raise Fail.not_found("article", call.path["articleId"])
