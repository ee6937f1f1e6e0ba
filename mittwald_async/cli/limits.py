"""`limits`: the request budget."""

from __future__ import annotations

import time
from pathlib import Path

from ..runtime.errors import AuthenticationError, StatusError
from .common import OK, BaseUrl, Json, TokenFile, client, run
from .output import count, duration, emit, put_json


def limits(token_file: TokenFile = None, base_url: BaseUrl = None, as_json: Json = False) -> int:
    """Show the request budget. One request is sent to read it.

    [bold]Examples[/bold]

      mittwald-async limits

      mittwald-async limits --json
    """
    return run(_limits, token_file, base_url, as_json)


async def _limits(token_file: Path | None, base_url: str | None, as_json: bool) -> int:
    async with client(token_file, base_url) as mw:
        try:
            await mw.call("user-get-user", path={"userId": "self"})
        except StatusError as error:
            # A token without a user is refused here; its budget is reported nevertheless.
            if isinstance(error, AuthenticationError) or mw.rate_limit.limit is None:
                raise
        status = mw.rate_limit
    if as_json:
        put_json(status)
    elif status.limit is None or status.remaining is None:
        emit("the server names no limit\n")
    else:
        emit(f"{status.remaining:,} of {count(status.limit, 'request')} left{_full_again(status.resets_in)}\n")
    return OK


def _full_again(seconds: float | None) -> str:
    if seconds is None:
        return ""
    at = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return f"; all of them again in {duration(seconds)}, at {at}"
