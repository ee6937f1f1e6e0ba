"""`MITTWALD_LOG=info` or `debug`: what a client does, on the standard error, without a line of code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

from .runtime import logs
from .runtime.errors import ConfigurationError
from .runtime.events import CallEnded, Event, RetryScheduled, WaitingForBudget
from .runtime.options import OptionValues

LOG_VARIABLE = "MITTWALD_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}
_logger = logs.logger("calls")


class _StandardError(logging.Handler):
    """Writes to the standard error of the moment: tests and notebooks replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] - programs without a console have none
            print(self.format(record), file=sys.stderr)


_HANDLER = _StandardError()
_HANDLER.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))


def logged(options: OptionValues, environ: Mapping[str, str] = os.environ) -> OptionValues:
    """Switch on what the environment asks for; gives the options of a client that then says what it does.

    `info` is a line for each call that ended, for each repetition, and for each wait for the request budget; `debug`
    one for everything. Tokens, headers and bodies are in none of them.

    Raises:
        ConfigurationError: the variable has another value.
    """
    wanted = environ.get(LOG_VARIABLE, "").strip().lower()
    if not wanted:
        return options
    if wanted not in _LEVELS:
        raise ConfigurationError(f"{LOG_VARIABLE} must be debug or info, not {wanted!r}")
    package = logging.getLogger(__package__)
    if _HANDLER not in package.handlers:
        package.addHandler(_HANDLER)
    package.setLevel(_LEVELS[wanted])
    if wanted == "debug":
        return options
    return {**options, "observers": (*options.get("observers", ()), log_call)}


def log_call(event: Event) -> None:
    """An observer: what matters of a call, at the level INFO."""
    what = event.operation_id or event.url
    match event:
        case CallEnded():
            outcome = event.error or event.status
            tries = f", {event.attempts} attempts" if event.attempts > 1 else ""
            _logger.info("%s %s: %s in %.3f s%s", event.method, what, outcome, event.seconds, tries)
        case RetryScheduled():
            _logger.info("%s %s: again in %.1f s (%s)", event.method, what, event.wait, event.reason)
        case WaitingForBudget():
            wait = "" if event.expected is None else f", about {event.expected:.1f} s"
            _logger.info("%s %s: waits for the request budget (%s%s)", event.method, what, event.reason, wait)
        case _:
            pass
