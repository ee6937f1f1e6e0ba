"""Cases of the checks of the family `access`."""

from __future__ import annotations

from .case import PROJECT, Case

CASES: dict[str, Case] = {
    "member-without-second-factor": Case(
        {
            "customer_membership": [
                {"id": "1", "email": "a@example.org", "mfa": False, "role": "owner"},
                {"id": "2", "email": "b@example.org", "mfa": True, "role": "owner"},
                {"id": "3", "email": "c@example.org", "role": "owner"},
            ]
        },
        ["a@example.org"],
        "role owner",
    ),
    "project-member-without-second-factor": Case(
        {
            "project_membership": [
                {"id": "1", "email": "a@example.org", "mfa": False, "inherited": False},
                {"id": "2", "email": "b@example.org", "mfa": False, "inherited": True},
            ]
        },
        ["a@example.org"],
    ),
    "member-twice": Case(
        {
            "project": [PROJECT],
            "customer_membership": [{"id": "1", "userId": "u1", "customerId": "c1"}],
            "project_membership": [
                {"id": "1", "email": "a@example.org", "userId": "u1", "projectId": "p1", "inherited": False},
                {"id": "2", "email": "b@example.org", "userId": "u1", "projectId": "p1", "inherited": True},
                {"id": "3", "email": "c@example.org", "userId": "u2", "projectId": "p1", "inherited": False},
            ],
        },
        ["a@example.org"],
    ),
    "membership-expired": Case(
        {
            "project_membership": [
                {"id": "1", "email": "a@example.org", "expiresAt": "2026-11-26T00:00:00Z"},
                {"id": "2", "email": "b@example.org", "expiresAt": "2027-11-26T00:00:00Z"},
            ]
        },
        ["a@example.org"],
    ),
    "api-token-never-expires": Case(
        {
            "api_token": [
                {"apiTokenId": "1", "description": "deploy", "createdAt": "2026-01-01T00:00:00Z"},
                {
                    "apiTokenId": "2",
                    "description": "short",
                    "createdAt": "2026-01-01T00:00:00Z",
                    "expiresAt": "2027-01-01T00:00:00Z",
                },
            ]
        },
        ["deploy"],
    ),
    "ssh-user-password": Case(
        {
            "ssh_user": [
                {"id": "1", "userName": "ssh-a", "hasPassword": True, "active": True},
                {"id": "2", "userName": "ssh-b", "hasPassword": False, "active": True},
                {"id": "3", "userName": "ssh-c", "hasPassword": True, "active": False},
            ]
        },
        ["ssh-a"],
    ),
    "sftp-user-password": Case(
        {
            "sftp_user": [
                {"id": "1", "userName": "sftp-a", "hasPassword": True},
                {"id": "2", "userName": "sftp-b", "hasPassword": False},
            ]
        },
        ["sftp-a"],
    ),
}
