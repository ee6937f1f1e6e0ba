"""Cases of the checks of the family `storage`."""

from __future__ import annotations

from .case import PROJECT, Case

CASES: dict[str, Case] = {
    "storage-nearly-full": Case(
        {
            "server": [
                {"id": "s1", "shortId": "s-one", "storage": "20Gi"},
                {"id": "s2", "shortId": "s-two", "storage": "20Gi"},
            ],
            "project": [
                {**PROJECT, "serverId": "s1", "webStorageUsageInBytes": 10 << 30},
                {**PROJECT, "id": "p2", "serverId": "s1", "webStorageUsageInBytes": 9 << 30},
                {**PROJECT, "id": "p3", "serverId": "s2", "webStorageUsageInBytes": 9 << 30},
            ],
        },
        ["s-one"],
        "95% of 20Gi",
    ),
}
