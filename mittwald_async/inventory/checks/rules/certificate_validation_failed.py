"""The certificate of a host name cannot be issued."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="certificate-validation-failed",
    family="certificates",
    severity="high",
    title="The certificate of a host name cannot be issued",
    why="The host is served without a valid certificate, or will be once the current one expires.",
    fix="Let the DNS entries of the host name lead to the ingress and check CAA entries; validation is repeated automatically.",
    table="ingress",
    subject="r.hostname",
    detail="(SELECT group_concat(value, ', ') FROM json_each(r.data, '$.dnsValidationErrors'))",
    where="""json_array_length(r.data, '$.dnsValidationErrors') > 0""",
)
