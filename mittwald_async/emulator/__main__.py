"""`python -m mittwald_async.emulator`: the emulator as a process of its own. First line on stdout: its URL."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from . import Emulator
from .faults import parsed
from .options import OptionError, Options, Transitions, usual_lag


def main(arguments: Sequence[str] | None = None, program: str = "python -m mittwald_async.emulator") -> int:
    """Run; gives the exit status: 0 after a signal, 2 for options that cannot be."""
    parser = _parser(program)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        options = _options(given)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(options, _announce))
    except OptionError as error:
        print(f"mittwald_async.emulator: {error}", file=sys.stderr)
        return 2
    return 0


async def serve(options: Options, ready: Callable[[Emulator], None]) -> None:
    """Run until SIGINT or SIGTERM; `ready` is called once the port is open. Raises OptionError."""
    async with Emulator.of(options) as emulator:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, stop.set)
        ready(emulator)
        await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (extra `speed`)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _announce(emulator: Emulator) -> None:
    gc.collect()
    gc.freeze()
    print(emulator.url, flush=True)
    print(f"token: {emulator.token}", flush=True)


def _parser(program: str) -> argparse.ArgumentParser:
    default = Options()
    parser = argparse.ArgumentParser(prog=program, description="A local mittwald API.")
    add = parser.add_argument
    add("--host", default=default.host)
    add("--port", type=int, default=8080, help="0: any free port (default: %(default)s)")
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


def _options(given: argparse.Namespace) -> Options:
    sizes = {name: value for name in ("seed", "customers", "projects") if (value := getattr(given, name)) is not None}
    if given.state is not None and sizes:
        raise OptionError("--state contradicts --seed, --customers and --projects: the dump says them")
    return Options(
        host=given.host,
        port=given.port,
        **sizes,
        token=given.token,
        rate_limit=_rate(given.rate_limit),
        lag=usual_lag(given.clock) if given.lag is None else given.lag,
        drift=given.drift,
        clock=given.clock,
        transitions=Transitions(unit=given.transitions, length=given.transition_length, failing=given.failing),
        mfa=given.mfa,
        auth=not given.no_auth,
        validate=not given.no_validate,
        faults=parsed(_json(given.faults)) if given.faults else (),
        state=given.state,
    ).checked()


def _rate(text: str) -> tuple[int, float] | None:
    if text == "none":
        return None
    number, slash, seconds = text.partition("/")
    try:
        return int(number), float(seconds) if slash else 600.0
    except ValueError:
        raise OptionError(f"--rate-limit must be N/SECONDS or none, not {text}") from None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise OptionError(f"--faults: cannot read {text[1:]}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--faults: not JSON: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
