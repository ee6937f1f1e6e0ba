"""Cases of the checks of the family `backups`."""

from __future__ import annotations

from .case import OLD_PROJECT, Case

CASES: dict[str, Case] = {
    "backup-missing": Case(
        {
            "project": [
                OLD_PROJECT,
                {**OLD_PROJECT, "id": "p2", "shortId": "p-two"},
                {**OLD_PROJECT, "id": "p3", "shortId": "p-three", "createdAt": "2026-11-27T00:00:00Z"},
                {**OLD_PROJECT, "id": "p4", "shortId": "p-four"},
            ],
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Failed", "createdAt": "2026-11-27T00:00:00Z"},
                {"id": "b2", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-27T00:00:00Z"},
            ],
        },
        ["p-one Shop"],
        failures=({"resource": "backup", "project": "p4"},),
        skipped="for 1 project of account agency the list of backup could not be read",
    ),
    "backup-old": Case(
        {
            "project": [OLD_PROJECT, {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}],
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Completed", "createdAt": "2026-11-20T00:00:00Z"},
                {"id": "b2", "projectId": "p1", "status": "Failed", "createdAt": "2026-11-27T00:00:00Z"},
                {"id": "b3", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-26T00:00:00Z"},
            ],
        },
        ["p-one Shop"],
        "2026-11-20",
    ),
    "backup-failed": Case(
        {
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Failed", "requestedAt": "2026-11-26T00:00:00Z"},
                {"id": "b2", "projectId": "p1", "status": "Completed", "requestedAt": "2026-11-27T00:00:00Z"},
                {"id": "b3", "projectId": "p2", "status": "Failed", "requestedAt": "2026-11-27T00:00:00Z"},
            ]
        },
        ["b3"],
    ),
    "backup-not-scheduled": Case(
        {
            "project": [OLD_PROJECT, {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}],
            "backup_schedule": [{"id": "b1", "projectId": "p2"}],
        },
        ["p-one Shop"],
    ),
}
