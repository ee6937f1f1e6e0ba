"""A database can be reached from outside."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="database-external-access",
    family="databases",
    severity="medium",
    title="A database can be reached from outside",
    why="Its password is all that protects it from the whole internet.",
    fix="Switch external access off, or restrict it to addresses you know.",
    table="mysql_database",
    subject="r.name || coalesce(' ' || r.description, '')",
    detail="""coalesce('user ' || json_extract(r.data, '$.mainUser.name'), '')
        || coalesce(', from ' || json_extract(r.data, '$.mainUser.accessIpMask'), ', from anywhere')""",
    where="""json_extract(r.data, '$.mainUser.externalAccess') = 1""",
)
