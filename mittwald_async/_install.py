"""How to add an extra to this installation: the package need not come from an index."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_DISTRIBUTION = "mittwald-async"


def install_hint(extra: str) -> str:
    """The command that installs an extra, by the way this package was installed itself.

    From a folder, an archive or a repository, the command names it again. An installation that came from an index is
    completed from there, and a checkout that was never installed by its path.

    Args:
        extra: its name, such as `parquet`.
    """
    try:
        recorded = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        checkout = Path(__file__).resolve().parents[1]
        return f"pip install {shlex.quote(f'{checkout}[{extra}]')}"
    if recorded is None:
        return f"pip install '{_DISTRIBUTION}[{extra}]'"
    return _by_origin(json.loads(recorded), extra)


def _by_origin(origin: dict[str, Any], extra: str) -> str:
    """From what installers write down of where a package came from (PEP 610)."""
    url = str(origin.get("url", ""))
    folder = origin.get("dir_info")
    if folder is not None and url.startswith("file://"):
        path = unquote(url.removeprefix("file://"))
        editable = "-e " if folder.get("editable") else ""
        return f"pip install {editable}{shlex.quote(f'{path}[{extra}]')}"
    repository = origin.get("vcs_info")
    if repository is not None:
        wanted = repository.get("requested_revision") or repository.get("commit_id") or ""
        url = f"{repository.get('vcs', 'git')}+{url}{'@' + wanted if wanted else ''}"
    return f"pip install {shlex.quote(f'{_DISTRIBUTION}[{extra}] @ {url}')}"
