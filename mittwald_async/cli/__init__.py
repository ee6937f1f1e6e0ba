"""The command line: `mittwald-async`.

Its exit codes are in `common.EXIT_CODES`.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on `sys.argv` and exit."""
    try:
        from .output import make_writable

        make_writable()
        from .app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich", "click"):
            raise
        from .._install import install_hint

        sys.stderr.write(f"mittwald-async: the command line needs its extra: {install_hint('cli')}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))
