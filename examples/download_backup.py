"""Export the newest backup of a project, download it, and verify it with the API's checksum.

An interrupted download resumes when the program runs again; a file with a wrong checksum is not kept.

    python examples/download_backup.py p-xxxxxx --to backups/
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from demo import an_id, connected, options, run

from mittwald_async import Mittwald
from mittwald_async.models.backup import ProjectBackup


async def newest(mw: Mittwald, project_id: str) -> ProjectBackup:
    backups = await mw.backup.list_project_backups(project_id).collect()
    finished = [backup for backup in backups if backup.status == "Completed"]
    if not finished:
        raise SystemExit(f"{project_id} has no finished backup")
    return max(finished, key=lambda backup: backup.requested_at)


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        project_id = arguments.project or (await mw.project.list_projects()).items[0].id
        backup = await newest(mw, project_id)
        print(f"backup of {backup.requested_at:%Y-%m-%d %H:%M}")
        if backup.export is None or backup.export.phase in ("Failed", "Expired"):
            await mw.backup.create_project_backup_export(backup.id, format="tar")
        backup = await mw.wait.backup_export_completed(
            backup.id, timeout=4 * 3600, on_change=lambda state, _: print(f"  export: {state}")
        )
        export = backup.export
        if export is None or export.download_url is None:
            raise SystemExit("the export has no address to download it from")
        folder: Path = arguments.to
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{backup.id}.{export.format}"
        await mw.download(export.download_url, sha256=export.sha256_checksum).save(target)

    with target.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    print(f"{target}: {target.stat().st_size} bytes, sha256 {checksum}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("project", type=an_id, nargs="?", help="id of the project (default: the account's first)")
    parser.add_argument("--to", type=Path, default=Path("backups"), metavar="DIR", help="(default: backups)")
    run(main, parser)
