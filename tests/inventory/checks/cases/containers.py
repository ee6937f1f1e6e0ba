"""Cases of the checks of the family `containers`."""

from __future__ import annotations

from .case import Case

CASES: dict[str, Case] = {
    "container-restarting": Case(
        {
            "service": [
                {"id": "1", "serviceName": "cache", "status": "error", "message": "exit 137"},
                {"id": "2", "serviceName": "web", "status": "running"},
            ]
        },
        ["cache"],
        "exit 137",
    ),
    "container-outdated": Case(
        {
            "service": [
                {
                    "id": "1",
                    "serviceName": "cache",
                    "requiresRecreate": True,
                    "deployedState": {"image": "r:7"},
                    "pendingState": {"image": "r:8"},
                },
                {"id": "2", "serviceName": "web", "requiresRecreate": False},
            ]
        },
        ["cache"],
        "running r:7, wanted r:8",
    ),
    "container-image-unpinned": Case(
        {
            "service": [
                {"id": "1", "serviceName": "cache", "deployedState": {"image": "registry.example:5000/redis"}},
                {"id": "2", "serviceName": "web", "deployedState": {"image": "nginx:1.27"}},
            ]
        },
        ["cache"],
    ),
    "volume-orphaned": Case(
        {"volume": [{"id": "1", "name": "data", "orphaned": True}, {"id": "2", "name": "used", "orphaned": False}]},
        ["data"],
    ),
}
