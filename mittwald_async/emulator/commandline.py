"""The options of a command line, made into an emulator's; and serving until a signal comes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from . import Emulator
from .faults import parsed
from .options import EmulatedAccount, EmulatorOptions, OptionError, Transitions, usual_lag


def options_of(
    *,
    host: str,
    port: int,
    seed: int | None,
    on: str | None,
    customers: int | None,
    projects: int | None,
    token: str,
    accounts: str | None,
    rate_limit: str,
    lag: float | None,
    drift: float,
    clock: Literal["real", "virtual"],
    transitions: Literal["seconds", "reads"],
    transition_length: float,
    failing: float,
    mfa: bool,
    no_auth: bool,
    no_validate: bool,
    faults: str | None,
    state: str | None,
) -> EmulatorOptions:
    """Options as a command line spells them. Raises OptionError."""
    sizes = {"seed": seed, "customers": customers, "projects": projects}
    chosen: dict[str, Any] = {name: value for name, value in sizes.items() if value is not None}
    if state is not None and chosen:
        raise OptionError("--state contradicts --seed, --customers and --projects: the dump says them")
    return EmulatorOptions(
        host=host,
        port=port,
        **chosen,
        on=_day(on) if on else None,
        token=token,
        accounts=_accounts(accounts) if accounts else (),
        rate_limit=_rate(rate_limit),
        lag=usual_lag(clock) if lag is None else lag,
        drift=drift,
        clock=clock,
        transitions=Transitions(unit=transitions, length=transition_length, failing=failing),
        mfa=mfa,
        auth=not no_auth,
        validate=not no_validate,
        faults=parsed(_json("--faults", faults)) if faults else (),
        state=state,
    ).checked()


def run(options: EmulatorOptions, announce: Callable[[Emulator], None]) -> None:
    """Serve until SIGINT or SIGTERM. Raises OptionError."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def ready(emulator: Emulator) -> None:
        gc.collect()
        gc.freeze()
        announce(emulator)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(options, ready))


async def serve(options: EmulatorOptions, ready: Callable[[Emulator], None]) -> None:
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


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise OptionError(f"--on must be a date like 2026-01-31, not {text}") from None


def _accounts(text: str) -> tuple[EmulatedAccount, ...]:
    """A number of accounts, or a JSON list of them."""
    if text.isdecimal():
        if not 1 <= int(text) <= 1000:
            raise OptionError("--accounts must be 1 to 1000, a JSON list or @FILE")
        return (EmulatedAccount(),) * int(text)
    try:
        return msgspec.convert(_json("--accounts", text), tuple[EmulatedAccount, ...])
    except msgspec.ValidationError as error:
        raise OptionError(f"--accounts: {error}") from None


def _rate(text: str) -> tuple[int, float] | None:
    if text == "none":
        return None
    number, slash, seconds = text.partition("/")
    try:
        return int(number), float(seconds) if slash else 600.0
    except ValueError:
        raise OptionError(f"--rate-limit must be N/SECONDS or none, not {text}") from None


def _json(option: str, text: str) -> Any:
    try:
        return msgspec.json.decode(Path(text[1:]).read_bytes() if text.startswith("@") else text)
    except OSError as error:
        raise OptionError(f"{option}: cannot read {text[1:]}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{option}: not JSON: {error}") from None
