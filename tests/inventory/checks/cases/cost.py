"""Cases of the checks of the family `cost`."""

from __future__ import annotations

from .case import PROJECT, Case

CASES: dict[str, Case] = {
    "domain-deletion-scheduled": Case(
        {
            "domain": [
                {"domainId": "1", "domain": "going.example", "scheduledDeletionDate": "2026-12-31T00:00:00Z"},
                {"domainId": "2", "domain": "staying.example"},
            ]
        },
        ["going.example"],
        "on 2026-12-31",
    ),
    "project-unused": Case(
        {
            "project": [
                PROJECT,
                {**PROJECT, "id": "p2", "shortId": "p-two"},
                {**PROJECT, "id": "p3", "shortId": "p-three"},
                {**PROJECT, "id": "p4", "shortId": "p-four"},
            ],
            "service": [{"id": "1", "projectId": "p4", "serviceName": "n8n"}],
            "ingress": [
                {"id": "1", "projectId": "p1", "isDefault": True},
                {"id": "2", "projectId": "p2", "isDefault": False},
            ],
            "mail_address": [{"id": "1", "projectId": "p3", "address": "a@x.org"}],
            "app_installation": [],
        },
        ["p-one Shop"],
    ),
    "project-disabled": Case(
        {"project": [{**PROJECT, "enabled": False}, {**PROJECT, "id": "p2", "shortId": "p-two"}]}, ["p-one Shop"]
    ),
    "ingress-disabled": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "off.example", "isEnabled": False},
                {"id": "2", "hostname": "on.example", "isEnabled": True},
            ]
        },
        ["off.example"],
    ),
    "contract-ending": Case(
        {
            "contract": [
                {"contractId": "1", "contractNumber": "V1", "termination": {"targetDate": "2026-12-31T00:00:00Z"}},
                {"contractId": "2", "contractNumber": "V2", "termination": {"targetDate": "2027-12-31T00:00:00Z"}},
                {"contractId": "3", "contractNumber": "V3"},
            ]
        },
        ["V1"],
    ),
    "customer-in-default": Case(
        {
            "customer": [
                {"customerId": "1", "name": "Late GmbH", "isInDefaultOfPayment": True},
                {"customerId": "2", "name": "Punctual GmbH", "isInDefaultOfPayment": False},
            ]
        },
        ["Late GmbH"],
    ),
    "extension-halted": Case(
        {
            "extension_instance": [
                {"id": "1", "extensionName": "Shield", "webhookExecutionHalted": True},
                {"id": "2", "extensionName": "Sword", "webhookExecutionHalted": False},
            ]
        },
        ["Shield"],
    ),
}
