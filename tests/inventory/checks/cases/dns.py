"""Cases of the checks of the family `dns`."""

from __future__ import annotations

from .case import MAIL, Case, zone

CASES: dict[str, Case] = {
    "dns-spf-missing": Case(
        {"dns_zone": [zone("example.org", "other"), zone("unused.example")], **MAIL}, ["example.org"]
    ),
    "dns-spf-twice": Case(
        {"dns_zone": [zone("example.org", "v=spf1 -all", "V=SPF1 a -all"), zone("a.example", "v=spf1 -all")]},
        ["example.org"],
        "2 records",
    ),
    "dns-dmarc-missing": Case(
        {
            "dns_zone": [zone("example.org"), zone("example.net"), zone("_dmarc.example.net", "v=DMARC1; p=none")],
            "mail_address": [{"id": "1", "address": "a@Example.org"}, {"id": "2", "address": "a@example.net"}],
        },
        ["example.org"],
    ),
    "dns-dkim-missing": Case(
        {
            "dns_zone": [zone("example.org"), zone("example.net"), zone("k1._domainkey.example.net", "v=DKIM1; p=x")],
            "mail_address": [{"id": "1", "address": "a@example.org"}, {"id": "2", "address": "a@example.net"}],
        },
        ["example.org"],
    ),
    "dns-caa-missing": Case(
        {
            "dns_zone": [
                zone("example.org"),
                zone("example.net", caa={"records": [{"tag": "issue"}]}),
                zone("sub.example.org"),
            ],
            "domain": [{"domainId": "1", "domain": "example.org"}, {"domainId": "2", "domain": "example.net"}],
        },
        ["example.org"],
    ),
    "dns-ingress-dangling": Case(
        {
            "dns_zone": [
                zone("gone.example", combinedARecords={"managedBy": {"ingressId": "i9"}}),
                zone("there.example", combinedARecords={"managedBy": {"ingressId": "i1"}}),
            ],
            "ingress": [{"id": "i1", "hostname": "there.example"}],
        },
        ["gone.example"],
    ),
    "dns-host-elsewhere": Case(
        {
            "dns_zone": [
                zone("away.example", combinedARecords={"a": ["192.0.2.9"]}),
                zone("here.example", combinedARecords={"a": ["192.0.2.1"]}),
            ],
            "ingress": [
                {"id": "1", "hostname": "away.example", "isEnabled": True, "ips": {"v4": ["192.0.2.1"]}},
                {"id": "2", "hostname": "here.example", "isEnabled": True, "ips": {"v4": ["192.0.2.1"]}},
            ],
        },
        ["away.example"],
        "192.0.2.9",
    ),
    "domain-not-connected": Case(
        {
            "domain": [
                {"domainId": "1", "domain": "away.example", "connected": False, "nameservers": ["ns1.other.example"]},
                {"domainId": "2", "domain": "here.example", "connected": True, "nameservers": []},
            ]
        },
        ["away.example"],
        "ns1.other.example",
    ),
}
