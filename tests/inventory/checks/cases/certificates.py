"""Cases of the checks of the family `certificates`."""

from __future__ import annotations

from .case import Case

CASES: dict[str, Case] = {
    "certificate-expired": Case(
        {
            "certificate": [
                {"id": "1", "commonName": "old.example.org", "validTo": "2026-11-26T23:00:00.000Z"},
                {"id": "2", "commonName": "fine.example.org", "validTo": "2026-11-28T00:00:00+02:00"},
            ]
        },
        ["old.example.org"],
        "expired on 2026-11-26",
    ),
    "certificate-expiring": Case(
        {
            "certificate": [
                {"id": "1", "commonName": "old.example.org", "validTo": "2026-11-26T23:00:00.000Z"},
                {"id": "2", "commonName": "soon.example.org", "validTo": "2026-12-05T03:00:00Z"},
                {"id": "3", "commonName": "later.example.org", "validTo": "2026-12-12T03:00:00Z"},
            ]
        },
        ["soon.example.org"],
        "in 8 days",
    ),
    "certificate-validation-failed": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "bad.example.org", "dnsValidationErrors": ["ERROR_A", "ERROR_B"]},
                {"id": "2", "hostname": "good.example.org", "dnsValidationErrors": []},
            ]
        },
        ["bad.example.org"],
        "ERROR_A, ERROR_B",
    ),
    "certificate-missing": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "plain.example.org", "isEnabled": True, "tls": {"acme": False}},
                {"id": "2", "hostname": "acme.example.org", "isEnabled": True, "tls": {"acme": True}},
                {"id": "3", "hostname": "own.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "4", "hostname": "off.example.org", "isEnabled": False, "tls": {"acme": False}},
            ]
        },
        ["plain.example.org"],
    ),
    "certificate-host-uncovered": Case(
        {
            "certificate": [{"id": "x", "commonName": "example.org", "dnsNames": ["example.org", "*.example.org"]}],
            "ingress": [
                {"id": "1", "hostname": "a.b.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "2", "hostname": "www.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "3", "hostname": "example.net", "isEnabled": True, "tls": {"acme": True}},
            ],
        },
        ["a.b.example.org"],
        "*.example.org",
    ),
}
