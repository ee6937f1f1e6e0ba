"""Cases of the checks of the family `mail`."""

from __future__ import annotations

from .case import Case, mailbox

CASES: dict[str, Case] = {
    "mailbox-full": Case(
        {
            "mail_address": [
                {"id": "1", "address": "full@example.org", "mailbox": mailbox(1000)},
                {"id": "2", "address": "close@example.org", "mailbox": mailbox(999)},
                {"id": "3", "address": "forward@example.org"},
            ]
        },
        ["full@example.org"],
        "100 %",
    ),
    "mailbox-nearly-full": Case(
        {
            "mail_address": [
                {"id": "1", "address": "full@example.org", "mailbox": mailbox(1000)},
                {"id": "2", "address": "close@example.org", "mailbox": mailbox(900)},
                {"id": "3", "address": "empty@example.org", "mailbox": mailbox(899)},
            ]
        },
        ["close@example.org"],
        "90 %",
    ),
    "mail-catch-all": Case(
        {
            "mail_address": [
                {"id": "1", "address": "a@x.org", "isCatchAll": True},
                {"id": "2", "address": "b@x.org", "isCatchAll": False},
            ]
        },
        ["a@x.org"],
    ),
    "mail-forward-outside": Case(
        {
            "domain": [{"domainId": "1", "domain": "example.org"}],
            "mail_address": [
                {
                    "id": "1",
                    "address": "out@example.org",
                    "forwardAddresses": ["x@gmail.example", "in@sub.example.org"],
                },
                {"id": "2", "address": "in@example.org", "forwardAddresses": ["y@EXAMPLE.org"]},
                {"id": "3", "address": "none@example.org", "forwardAddresses": []},
            ],
        },
        ["out@example.org"],
        "forwards to x@gmail.example",
    ),
    "mail-spam-protection-off": Case(
        {
            "mail_address": [
                {"id": "1", "address": "a@x.org", "mailbox": {"spamProtection": {"active": False}}},
                {"id": "2", "address": "b@x.org", "mailbox": mailbox(1)},
                {"id": "3", "address": "c@x.org"},
            ]
        },
        ["a@x.org"],
    ),
}
