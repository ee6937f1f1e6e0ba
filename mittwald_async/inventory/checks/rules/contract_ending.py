"""A contract ends within 60 days."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="contract-ending",
    family="cost",
    severity="high",
    title="A contract ends within 60 days",
    why="What it pays for stops working and is deleted afterwards.",
    fix="Cancel the termination, or move what is still needed.",
    table="contract",
    subject="r.contract_number",
    detail="'terminated for ' || substr(json_extract(r.data, '$.termination.targetDate'), 1, 10)",
    where="""json_extract(r.data, '$.termination.targetDate') IS NOT NULL
        AND julianday(json_extract(r.data, '$.termination.targetDate'))
            - julianday(:now) BETWEEN 0 AND 60""",
)
