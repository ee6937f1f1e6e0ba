"""`emulate`: the local API, served until interrupted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..profile import BASE_URL_VARIABLE, TOKEN_VARIABLE
from ..runtime.errors import ConfigurationError
from .common import OK, Json
from .output import emit, put_json

if TYPE_CHECKING:
    from ..emulator import Emulator


def emulate(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0: any free port.")] = 8080,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The same seed and date produce the same account.", show_default="0")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", help="The date of the account.", metavar="DATE", show_default="today"),
    ] = None,
    customers: Annotated[
        int | None, typer.Option("--customers", help="Customers of the account.", show_default="3")
    ] = None,
    projects: Annotated[
        int | None, typer.Option("--projects", help="Projects of the whole account.", show_default="20")
    ] = None,
    token: Annotated[str, typer.Option("--token", help="The user's API token.")] = "token",  # noqa: S107
    accounts: Annotated[
        str | None,
        typer.Option(
            "--accounts", help="Several users: their number, a JSON list of them, or @FILE with one.", metavar="N"
        ),
    ] = None,
    rate_limit: Annotated[
        str, typer.Option("--rate-limit", help="Requests per seconds, or none.", metavar="N/SECONDS")
    ] = "3000/600",
    lag: Annotated[
        float | None,
        typer.Option(
            "--lag",
            help="Seconds until writes are visible; 0: immediately.",
            show_default="0.25, 0 with a virtual clock",
        ),
    ] = None,
    drift: Annotated[float, typer.Option("--drift", help="Share of responses with unknown properties, 0 to 1.")] = 0.01,
    clock: Annotated[
        Literal["real", "virtual"],
        typer.Option("--clock", help="A virtual clock stands still until it is advanced through the control API."),
    ] = "real",
    transitions: Annotated[
        Literal["seconds", "reads"], typer.Option("--transitions", help="How the length of a phase is measured.")
    ] = "seconds",
    transition_length: Annotated[
        float, typer.Option("--transition-length", help="Length of one phase; 0: immediate.")
    ] = 2.0,
    failing: Annotated[float, typer.Option("--failing", help="Share of changes that fail, 0 to 1.")] = 0.02,
    mfa: Annotated[bool, typer.Option("--mfa", help="The login asks for a second factor.", metavar="")] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Accept any token, and none.", metavar="")] = False,
    no_validate: Annotated[
        bool, typer.Option("--no-validate", help="Do not check requests against the document.", metavar="")
    ] = False,
    faults: Annotated[
        str | None, typer.Option("--faults", help="Faults to inject: a JSON list, or @FILE with one.", metavar="JSON")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="Continue from a dumped state; not with --seed, --customers, --projects.",
            metavar="FILE",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Serve a local mittwald API with a generated account: no token, no network.

    Paste the first lines into another terminal; programs started there use the emulator.

    [bold]Examples[/bold]

      mittwald-async emulate --customers 20 --projects 200

      mittwald-async emulate --accounts 5 --rate-limit 300/60

      mittwald-async emulate --faults '[{"status": 503, "probability": 0.1}]'
    """
    from ..emulator.commandline import options_of, run
    from ..emulator.options import OptionError

    try:
        options = options_of(
            host=host,
            port=port,
            seed=seed,
            on=on,
            customers=customers,
            projects=projects,
            token=token,
            accounts=accounts,
            rate_limit=rate_limit,
            lag=lag,
            drift=drift,
            clock=clock,
            transitions=transitions,
            transition_length=transition_length,
            failing=failing,
            mfa=mfa,
            no_auth=no_auth,
            no_validate=no_validate,
            faults=faults,
            state=state,
        )
        run(options, _announce_json if as_json else _announce)
    except OptionError as error:
        raise ConfigurationError(str(error)) from None
    return OK


def _announce(emulator: Emulator) -> None:
    """Lines for a shell, one per account, each with its login as a comment."""
    lines: list[str] = []
    for account in emulator.accounts:
        code = f", second factor {account.mfa_code}" if account.mfa_code else ""
        lines.append(f"# {account.name}: login {account.email}, password {account.password}{code}")
        lines.append(
            f"export {TOKEN_VARIABLE}={shlex.quote(account.token)} {BASE_URL_VARIABLE}={shlex.quote(emulator.url)}"
        )
    emit("\n".join(lines) + "\n")


def _announce_json(emulator: Emulator) -> None:
    """The same for programs, on one line."""
    accounts = [
        {
            "name": account.name,
            "token": account.token,
            "email": account.email,
            "password": account.password,
            "mfa_code": account.mfa_code,
        }
        for account in emulator.accounts
    ]
    put_json({"url": emulator.url, "accounts": accounts})
