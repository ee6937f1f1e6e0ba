"""A project has neither domain, mailbox nor app."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="project-unused",
    family="cost",
    severity="low",
    title="A project has neither domain, mailbox nor app",
    why="It may cost money without being used.",
    fix="Delete it, or note what it is for.",
    table="project",
    reads=("ingress", "mail_address", "app_installation"),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'no ingress besides the default one, no mail address, no app'",
    where="""NOT EXISTS (SELECT 1 FROM v_ingress i WHERE i.account = r.account AND i.project_id = r.id AND coalesce(i.is_default, 0) = 0)
    AND NOT EXISTS (SELECT 1 FROM v_mail_address m WHERE m.account = r.account AND m.project_id = r.id)
    AND NOT EXISTS (SELECT 1 FROM v_app_installation a WHERE a.account = r.account AND a.project_id = r.id)
    AND NOT EXISTS (SELECT 1 FROM failures f JOIN sweeps s ON s.id = f.sweep WHERE s.account = r.account
                    AND f.resource IN ('ingress', 'mail_address', 'app_installation'))""",
)
