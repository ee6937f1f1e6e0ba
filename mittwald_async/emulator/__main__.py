"""`python -m mittwald_async.emulator`: the emulator as a process of its own. Its first line on stdout is its URL.

`mittwald-async emulate` is the same for people; this one needs no extra.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import Emulator
from .commandline import options_of, run
from .options import EmulatorOptions, OptionError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; gives the exit status: 0 after a signal, 2 for options that contradict each other or are out of range."""
    given = _parser().parse_args(arguments)
    try:
        run(options_of(**vars(given)), _announce)
    except OptionError as error:
        print(f"mittwald_async.emulator: {error}", file=sys.stderr)
        return 2
    return 0


def _announce(emulator: Emulator) -> None:
    print(emulator.url, flush=True)
    for account in emulator.accounts:
        print(f"token: {account.token}", flush=True)


def _parser() -> argparse.ArgumentParser:
    default = EmulatorOptions()
    parser = argparse.ArgumentParser(prog="python -m mittwald_async.emulator", description="A local mittwald API.")
    add = parser.add_argument
    add("--host", default=default.host)
    add("--port", type=int, default=8080, help="0: any free port (default: %(default)s)")
    add("--on", metavar="DATE", help="the day by which the account is dated (default: today)")
    add("--accounts", metavar="N", help="several users: how many, a JSON list of them, or @FILE")
    add("--seed", type=int, help=f"same seed, same account (default: {default.seed})")
    add("--customers", type=int, help=f"customers of the account (default: {default.customers})")
    add("--projects", type=int, help=f"projects of the whole account (default: {default.projects})")
    add("--token", default=default.token, help="the user's API token (default: %(default)s)")
    add(
        "--rate-limit",
        default="3000/600",
        metavar="N/SECONDS",
        help="requests per seconds, or none (default: %(default)s)",
    )
    add(
        "--lag",
        type=float,
        help=f"seconds until writes are visible, 0: at once (default: {default.lag}; 0 with a virtual clock)",
    )
    add(
        "--drift", type=float, default=default.drift, help="share of answers with unknown fields (default: %(default)s)"
    )
    add("--clock", choices=("real", "virtual"), default=default.clock)
    add("--transitions", choices=("seconds", "reads"), default=default.transitions.unit, help="how phases are measured")
    add(
        "--transition-length",
        type=float,
        default=default.transitions.length,
        help="of one phase (default: %(default)s)",
    )
    add(
        "--failing",
        type=float,
        default=default.transitions.failing,
        help="share of things that fail (default: %(default)s)",
    )
    add("--mfa", action="store_true", help="login asks for a second factor")
    add("--no-auth", action="store_true", help="take every token for the user's")
    add("--no-validate", action="store_true", help="do not check requests")
    add("--faults", metavar="JSON", help="fault plans: a JSON list, or @FILE")
    add(
        "--state",
        metavar="FILE",
        help="continue from a dumped state; not with --seed, --customers, --projects",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
