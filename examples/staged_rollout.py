"""A staged rollout of many sites: project → WordPress → hostname, where every step waits for the previous one.

A few sites go first; the rest follows only if all of those succeeded. After any interruption, the next start resumes
every site at its current step.

    python examples/staged_rollout.py SERVER_ID hostnames.csv --journal sites.journal
"""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import Any

from create_site import newest_wordpress
from demo import an_id, connected, existing_file, options, positive, run

from mittwald_async import bulk
from mittwald_async.models.app import SavedUserInput
from mittwald_async.models.ingress import Path as IngressPath
from mittwald_async.models.ingress import TargetInstallation

Results = tuple[Any, ...]


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        server = arguments.server or next(s.id for s in await mw.project.list_servers().collect())
        if arguments.table is None:
            rows: list[dict[str, Any]] = [{"hostname": f"www.shop-{n}.example"} for n in range(1, 6)]
        else:
            rows = list(bulk.read_rows(arguments.table))
        version = await newest_wordpress(mw)
        asked = {question.name for question in version.user_inputs or []}
        find_project = bulk.verifier_for("project-create-project", marker="description")
        assert find_project is not None

        async def create(row: dict[str, Any]) -> str:
            return (await mw.project.create_project(server, description=row["hostname"])).id

        async def created(row: dict[str, Any]) -> Any:
            verdict = await find_project(mw, path={"serverId": server}, body={"description": row["hostname"]})
            return (verdict[0], verdict[1]["id"]) if isinstance(verdict, tuple) else verdict

        async def ready(row: dict[str, Any], results: Results) -> None:
            await mw.wait.project_ready(results[0], timeout=900)

        async def install(row: dict[str, Any], results: Results) -> str:
            answers = {
                "site_title": row["hostname"],
                "admin_email": "kim@example.org",
                "admin_user": "admin",
                "admin_pass": secrets.token_urlsafe(24),  # to be reset by the new owner of the site
                "host": f"https://{row['hostname']}",
            }
            inputs = [SavedUserInput(name=name, value=value) for name, value in answers.items() if name in asked]
            installation = await mw.app.request_appinstallation(
                results[0],
                app_version_id=version.id,
                description=row["hostname"],
                update_policy="patchLevel",
                user_inputs=inputs,
            )
            return installation.id

        async def installed(row: dict[str, Any], results: Results) -> None:
            await mw.wait.app_installation_ready(results[2], timeout=1800)

        async def publish(row: dict[str, Any], results: Results) -> str:
            target = IngressPath(path="/", target=TargetInstallation(installation_id=results[2]))
            ingress = await mw.domain.ingress_create_ingress(
                hostname=row["hostname"], paths=[target], project_id=results[0]
            )
            return ingress.id

        async with bulk.Journal(arguments.journal, client=mw) as journal:
            for stage in (rows[: arguments.first], rows):
                failed = 0
                sites = journal.run(
                    stage,
                    create,
                    key=lambda row: row["hostname"],
                    verify=created,
                    then=[ready, install, installed, publish],
                )
                async for done in sites:
                    failed += not done.ok
                    print(f"{done.state:8} {done.key} {done.error or ''}".rstrip())
                print(f"{len(stage) - failed} of {len(stage)} sites are online")
                if failed:
                    raise SystemExit("stopped: check the failures, then start it again")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--server", type=an_id, metavar="ID", help="id of the server (default: the account's first)")
    parser.add_argument("table", type=existing_file, nargs="?", help=".csv with a column `hostname`")
    parser.add_argument(
        "--first", type=positive, default=2, metavar="N", help="sites that go first (default: %(default)s)"
    )
    parser.add_argument("--journal", type=Path, default=Path("sites.journal"), help="file that records what is done")
    run(main, parser)
