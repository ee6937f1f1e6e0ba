"""A host name is served without TLS."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="certificate-missing",
    family="certificates",
    severity="medium",
    title="A host name is served without TLS",
    why="Browsers warn of the site, and what visitors send can be read on the way.",
    fix="Switch on the certificate of the ingress (TLS by ACME).",
    table="ingress",
    subject="r.hostname",
    detail="'no certificate is configured'",
    where="""r.is_enabled = 1 AND NOT coalesce(json_extract(r.data, '$.tls.acme'), 0)
    AND json_extract(r.data, '$.tls.certificateId') IS NULL""",
)
