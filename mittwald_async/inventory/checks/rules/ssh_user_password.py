"""An SSH user may log in with a password."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="ssh-user-password",
    family="access",
    severity="medium",
    title="An SSH user may log in with a password",
    why="Passwords are guessed; keys are not.",
    fix="Store a public key for the user and remove the password.",
    table="ssh_user",
    subject="r.user_name || coalesce(' ' || r.description, '')",
    detail="'has a password'",
    where="""r.has_password = 1 AND coalesce(r.active, 1) = 1
    AND (r.expires_at IS NULL OR julianday(r.expires_at) > julianday(:now))""",
)
