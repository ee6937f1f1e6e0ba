"""A project has neither domain, mailbox nor app."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="project-unused",
    family="cost",
    severity="low",
    title="A project has neither domain, mailbox, app nor container",
    why="It may cost money without being used.",
    fix="Delete it, or note what it is for.",
    table="project",
    absent=("ingress", "mail_address", "app_installation", "service"),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'no ingress besides the default one, no mail address, no app, no container'",
    where="""NOT EXISTS (SELECT 1 FROM v_ingress i WHERE i.account = r.account AND i.project_id = r.id AND coalesce(i.is_default, 0) = 0)
    AND NOT EXISTS (SELECT 1 FROM v_mail_address m WHERE m.account = r.account AND m.project_id = r.id)
    AND NOT EXISTS (SELECT 1 FROM v_app_installation a WHERE a.account = r.account AND a.project_id = r.id)
    AND NOT EXISTS (SELECT 1 FROM v_service c WHERE c.account = r.account AND c.project_id = r.id)""",
)
