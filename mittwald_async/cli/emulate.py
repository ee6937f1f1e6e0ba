"""`emulate`: the local API, served until interrupted."""

from __future__ import annotations

from typing import Annotated

import typer


def emulate(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Options of `python -m mittwald_async.emulator`.", metavar="[OPTIONS]")
    ] = None,
) -> int:
    """Serve a local mittwald API with a generated account: no token, no network.

    [bold]Examples[/bold]

      mittwald-async emulate --port 8080 --customers 20 --projects 200

      mittwald-async emulate --help
    """
    from ..emulator.__main__ import main

    return main(arguments or [], "mittwald-async emulate")
