"""`dns`: single DNS entries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import EPILOG, OK, BaseUrl, Json, TokenFile, client, run
from .output import count, emit, message, put_json
from .reading import file_text, stdin_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..client import Mittwald

Name = Annotated[str, typer.Argument(help="The host name, such as _acme-challenge.example.org.", show_default=False)]
Kind = Annotated[str, typer.Argument(help="A, AAAA, CNAME, MX, SRV, CAA or TXT.", metavar="TYPE", show_default=False)]
Ttl = Annotated[int | None, typer.Option(help="Seconds, 60 to 86400, for all entries of this name and type.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until all name servers of the zone have it.", metavar="")]

dns: typer.Typer = typer.Typer(
    help="DNS entries: list, add, remove, set, import. Concurrent writers lose nothing.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)


@dns.command("list", epilog=EPILOG)
def list_entries(
    name: Name,
    type: Annotated[str | None, typer.Argument(help="Of this type only.", metavar="[TYPE]", show_default=False)] = None,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Show the entries of a name.

    [bold]Example[/bold]

      mittwald-async dns list example.org MX
    """

    async def main(mw: Mittwald) -> None:
        entries = await mw.dns.entries(name, type)
        if as_json:
            put_json(entries)
            return
        for entry in entries:
            ttl = "auto" if entry.ttl is None else str(entry.ttl)
            emit(f"{entry.name} {ttl} {entry.type} {'(managed by mittwald)' if entry.managed else entry.value}\n")

    return _with(main, token_file, base_url)


@dns.command(epilog=EPILOG)
def add(
    name: Name,
    type: Kind,
    value: Annotated[str, typer.Argument(help="The value, in zone file syntax.", show_default=False)],
    ttl: Ttl = None,
    wait: Wait = False,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Add an entry to the existing ones. Put -- before a value that starts with a dash.

    [bold]Examples[/bold]

      mittwald-async dns add example.org MX "10 mx.example.org" --ttl 3600

      mittwald-async dns add --wait -- "_acme-challenge.$CERTBOT_DOMAIN" TXT "$CERTBOT_VALIDATION"
    """

    async def main(mw: Mittwald) -> None:
        changed = await mw.dns.add(name, type, value, ttl=ttl)
        _say(changed, "added", "it is there already", as_json)
        if wait:
            await mw.dns.wait_until_visible(name, type, value)

    return _with(main, token_file, base_url)


@dns.command(epilog=EPILOG)
def remove(
    name: Name,
    type: Kind,
    value: Annotated[
        str | None, typer.Argument(help="The value; without it, all of this type.", show_default=False)
    ] = None,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Remove an entry, or all of a type. Put -- before a value that begins with a dash.

    [bold]Example[/bold]

      mittwald-async dns remove -- "_acme-challenge.$CERTBOT_DOMAIN" TXT "$CERTBOT_VALIDATION"
    """

    async def main(mw: Mittwald) -> None:
        changed = await mw.dns.remove(name, type, value)
        _say(changed, "removed", "no such entry", as_json)

    return _with(main, token_file, base_url)


@dns.command("set", epilog=EPILOG)
def set_entries(
    name: Name,
    type: Kind,
    values: Annotated[list[str], typer.Argument(help="All values of this type.", show_default=False)],
    ttl: Ttl = None,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Replace all entries of a type, also those that mittwald manages.

    [bold]Example[/bold]

      mittwald-async dns set www.example.org A 192.0.2.1 192.0.2.2
    """

    async def main(mw: Mittwald) -> None:
        changed = await mw.dns.set(name, type, values, ttl=ttl)
        _say(changed, "set", "it is like that already", as_json)

    return _with(main, token_file, base_url)


@dns.command("import", epilog=EPILOG)
def import_file(
    file: Annotated[Path, typer.Argument(help="A zone file; - for the standard input.", show_default=False)],
    origin: Annotated[str | None, typer.Option(help="The zone's name, where the file does not say.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write the changes; without it they are shown only.", metavar="")
    ] = False,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Show what a zone file would change, and change it with --yes.

    [bold]Example[/bold]

      mittwald-async dns import example.org.zone --origin example.org
    """
    text = stdin_text("file") if str(file) == "-" else file_text(str(file), "file")

    async def main(mw: Mittwald) -> None:
        preview = await mw.dns.import_zone(text, origin=origin)
        if not as_json:
            emit(f"{preview}\n")
        if yes:
            await preview.apply()
        if as_json:
            put_json({"changes": preview.changes, "same": preview.same, "skipped": preview.skipped, "written": yes})
        elif yes:
            message(f"{count(len(preview.changes), 'change')} written")
        elif preview.changes:
            message("nothing was written; --yes writes it")

    return _with(main, token_file, base_url)


def _say(changed: bool, done: str, kept: str, as_json: bool) -> None:
    if as_json:
        put_json({"changed": changed})
    else:
        message(done if changed else kept)


def _with(main: Callable[[Mittwald], Awaitable[None]], token_file: Path | None, base_url: str | None) -> int:
    async def work() -> None:
        async with client(token_file, base_url) as mw:
            await main(mw)

    run(work)
    return OK
