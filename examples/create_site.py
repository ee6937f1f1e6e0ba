"""A new site: project, WordPress and hostname; every step waits for the previous one.

python examples/create_site.py www.example.org --server s-xxxxxx --email kim@example.org
"""

from __future__ import annotations

import argparse
import secrets

from demo import an_id, connected, email, hostname, options, run

from mittwald_async import Mittwald
from mittwald_async.models.app import AppVersion, SavedUserInput
from mittwald_async.models.ingress import Path, TargetInstallation


async def newest_wordpress(mw: Mittwald) -> AppVersion:
    app = next(app for app in await mw.app.list_apps().collect() if app.name == "WordPress")
    versions = await mw.app.list_appversions(app.id).collect()
    return next((version for version in versions if version.recommended), versions[-1])


async def main(arguments: argparse.Namespace) -> None:
    hostname: str = arguments.hostname
    async with connected(arguments.demo) as mw:
        server = arguments.server or next(s.id for s in await mw.project.list_servers().collect())
        project_id = (await mw.project.create_project(server, description=hostname)).id
        project = await mw.wait.project_ready(project_id, timeout=900)
        print(f"project {project.short_id} is ready")

        version = await newest_wordpress(mw)
        answers = {
            "site_title": hostname,
            "admin_email": arguments.email,
            "admin_user": "admin",
            "admin_pass": secrets.token_urlsafe(24),
            "host": f"https://{hostname}",
        }
        asked = {question.name for question in version.user_inputs or []}
        created = await mw.app.request_appinstallation(
            project_id,
            app_version_id=version.id,
            description=hostname,
            update_policy="patchLevel",
            user_inputs=[SavedUserInput(name=name, value=value) for name, value in answers.items() if name in asked],
        )
        print(f"installing WordPress {version.external_version} …")
        app = await mw.wait.app_installation_ready(
            created.id, timeout=1800, on_change=lambda state, _: print(f"  {state}")
        )

        target = Path(path="/", target=TargetInstallation(installation_id=app.id))
        await mw.domain.ingress_create_ingress(hostname=hostname, paths=[target], project_id=project_id)
        print(f"https://{hostname} leads to {app.short_id}; admin password: {answers['admin_pass']}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("hostname", nargs="?", type=hostname, default="www.example.org")
    parser.add_argument("--server", type=an_id, metavar="ID", help="id of the server (default: the account's first)")
    parser.add_argument("--email", type=email, default="kim@example.org", help="of the WordPress administrator")
    run(main, parser)
