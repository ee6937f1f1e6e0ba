"""The certificate expires within 14 days."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="certificate-expiring",
    family="certificates",
    severity="high",
    title="The certificate expires within 14 days",
    why="ACME certificates are renewed about 30 days before they expire. One that is closer to its end was not renewed.",
    fix="Check dnsValidationErrors of its ingresses and the DNS entries of its host names, or upload a new certificate.",
    table="certificate",
    subject="r.common_name",
    detail="""'expires on ' || substr(r.valid_to, 1, 10)
    || CASE CAST(julianday(r.valid_to) - julianday(:now) AS INTEGER) WHEN 0 THEN ', within a day' WHEN 1 THEN ', in 1 day'
    ELSE ', in ' || CAST(julianday(r.valid_to) - julianday(:now) AS INTEGER) || ' days' END""",
    where="""julianday(r.valid_to) - julianday(:now) BETWEEN 0 AND 14
    AND NOT EXISTS (SELECT 1 FROM v_certificate n WHERE n.project_id = r.project_id AND n.account = r.account
        AND lower(n.common_name) = lower(r.common_name) AND julianday(n.valid_to) > julianday(r.valid_to))""",
)
