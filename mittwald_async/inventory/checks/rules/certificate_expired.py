"""The certificate has expired."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="certificate-expired",
    family="certificates",
    severity="critical",
    title="The certificate has expired",
    why="Browsers refuse the site, and programs that check certificates fail.",
    fix="Look at the DNS entries of its host names: an ACME certificate is renewed automatically while they point here. "
    "Replace an uploaded one.",
    table="certificate",
    subject="r.common_name",
    detail="'expired on ' || substr(r.valid_to, 1, 10)",
    where="""julianday(r.valid_to) < julianday(:now)
    AND NOT EXISTS (SELECT 1 FROM v_certificate n WHERE n.project_id = r.project_id AND n.account = r.account
        AND lower(n.common_name) = lower(r.common_name) AND julianday(n.valid_to) > julianday(r.valid_to))""",
)
