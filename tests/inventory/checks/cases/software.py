"""Cases of the checks of the family `software`."""

from __future__ import annotations

from .case import Case, php

CASES: dict[str, Case] = {
    "software-update-available": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.4.1", updateAvailable=True)]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4.2")]},
            ]
        },
        ["shop"],
        "php 8.4.1",
    ),
    "software-never-updated": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.4.1", updatePolicy="none")]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4.2")]},
            ]
        },
        ["shop"],
    ),
    "php-end-of-life": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "shop",
                    "systemSoftware": [php("8.4.1"), {"name": "node", "externalVersion": "18.3"}],
                },
                {"id": "2", "description": "blog", "systemSoftware": [php("8.0.30")]},
                {"id": "3", "description": "none", "systemSoftware": []},
            ]
        },
        ["blog", "shop"],
    ),
    "php-end-of-life-soon": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.2.27")]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4")]},
            ]
        },
        ["shop"],
        "ends on 2026-12-31",
    ),
    "app-end-of-life": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "old",
                    "appName": "TYPO3",
                    "appExternalVersion": "12.4.10",
                    "systemSoftware": [],
                },
                {
                    "id": "2",
                    "description": "new",
                    "appName": "TYPO3",
                    "appExternalVersion": "13.4.2",
                    "systemSoftware": [],
                },
                {
                    "id": "3",
                    "description": "own",
                    "appName": "PHP",
                    "appExternalVersion": "1.0.0",
                    "systemSoftware": [],
                },
            ]
        },
        ["old"],
        "2026-04-30",
    ),
    "app-end-of-life-soon": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "soon",
                    "appName": "Drupal",
                    "appExternalVersion": "11.3.2",
                    "systemSoftware": [],
                },
                {
                    "id": "2",
                    "description": "past",
                    "appName": "Drupal",
                    "appExternalVersion": "9.5.0",
                    "systemSoftware": [],
                },
            ]
        },
        ["soon"],
    ),
    "app-not-ready": Case(
        {
            "app_installation": [
                {"id": "1", "description": "stuck", "phase": "installing", "createdAt": "2026-11-26T00:00:00Z"},
                {"id": "2", "description": "fresh", "phase": "installing", "createdAt": "2026-11-27T02:59:00Z"},
                {"id": "3", "description": "fine", "phase": "ready", "createdAt": "2026-11-26T00:00:00Z"},
            ]
        },
        ["stuck"],
        "phase installing",
    ),
    "cronjob-failing": Case(
        {
            "cronjob": [
                {
                    "id": "1",
                    "description": "import",
                    "active": True,
                    "latestExecution": {"status": "Failed", "exitCode": 2},
                },
                {"id": "2", "description": "export", "active": True, "latestExecution": {"status": "Complete"}},
                {"id": "3", "description": "new", "active": True},
            ]
        },
        ["import"],
        "exit code 2",
    ),
}
