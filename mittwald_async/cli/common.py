"""What commands share: exit codes, options, the client made from them, the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import anyio
import typer

from ..inventory.accounts import DEFAULT_FILE, Account, account_of, accounts_from, check_name
from ..profile import BASE_URL_VARIABLE, TOKEN_VARIABLE
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from ..runtime.operation import Operation
from .output import err, message

if TYPE_CHECKING:
    from ..client import Mittwald

OK, FAILED, USAGE, LISTS_FAILED, SPENT, CHANGED, INTERRUPTED, UNREAD, TERMINATED = 0, 1, 2, 3, 4, 5, 130, 141, 143

EXIT_CODES = {
    OK: "done",
    FAILED: "the API answered with an error",
    USAGE: "wrong usage or unwritable target",
    LISTS_FAILED: "some lists, rows or accounts failed",
    SPENT: "--max-requests used up",
    CHANGED: "`check` has findings, or `diff --exit-code` and something changed",
    INTERRUPTED: "interrupted",
    UNREAD: "the reader of the output went away",
    TERMINATED: "terminated",
}
"""The same for every command."""

EPILOG = (
    f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}. "
    "--debug, with any command, shows where an error comes from."
)


def some_failed(codes: Sequence[int]) -> int:
    """The exit code of work on several accounts: where some failed and others did not, that is what it says; else the
    worst."""
    if FAILED in codes and set(codes) != {FAILED}:
        return LISTS_FAILED
    return max(codes, default=OK)


def of_account(name: str, problem: str) -> str:
    """A problem of an account, with its name once: errors of finding its token have it already."""
    return problem if problem.startswith(f"account {name}: ") else f"account {name}: {problem}"


T = TypeVar("T")

BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", envvar=BASE_URL_VARIABLE, help="Another server, such as an emulator.", metavar="URL"),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help=f"File that holds the token. Without it: {TOKEN_VARIABLE}.", metavar="FILE"),
]
AccountName = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="Name of an account in the accounts file, or a name for the token's account.",
        metavar="NAME",
    ),
]
AllAccounts = Annotated[
    bool, typer.Option("--all-accounts", help="Every account of the accounts file, one after the other.", metavar="")
]
AccountsFile = Annotated[
    Path | None,
    typer.Option(
        "--accounts", help=f"File that says where tokens are found: {DEFAULT_FILE} if there is one.", metavar="FILE"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of text for people.", metavar="")]


_STDOUT = frozenset(("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"))


def is_stdout(path: Path | None) -> bool:
    """Whether a path on the command line means standard output."""
    return path is not None and str(path) in _STDOUT


def keep_apart(written: Mapping[str, Path | None], read: Mapping[str, Path | None]) -> None:
    """Make sure that no file is written over another one of the same command, be it by another name.

    Args:
        written: files that the command overwrites or appends to, by the argument that names them.
        read: files that it needs.

    Raises:
        InvalidArgumentError: two of them are one file.
    """
    seen = {name: path for name, path in read.items() if path is not None and str(path) != "-"}
    for name, path in written.items():
        if path is None or str(path) == "-":
            continue
        for other, taken in seen.items():
            if _is_same(path, taken):
                raise InvalidArgumentError(name, f"{path} is {other} as well and would be lost; choose another name")
        seen[name] = path


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) and one.is_file()  # what is written to a device is lost on purpose
    except OSError:  # one is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def is_regular(path: Path) -> bool:
    """Whether a path is, or may become, a regular file: no device, no pipe."""
    return path.is_file() or not path.exists() or path.is_dir()


class StoppedError(Exception):
    """The event loop was ended from outside: by Ctrl-C or, with SIGTERM, by the system."""

    def __init__(self, code: int, way_on: str = "") -> None:
        word = "terminated" if code == TERMINATED else "interrupted"
        super().__init__(f"{word}; {way_on}" if way_on else word)
        self.code = code


def client(token_file: Path | None, base_url: str | None, **options: Any) -> Mittwald:
    """A client, not yet opened. The token comes from a file or the environment, never from an argument.

    Raises:
        ConfigurationError: no token, or its file cannot be read.
    """
    # Most of what there is to import: commands that send nothing do without.
    from ..client import Mittwald

    if token_file is not None:
        token = _token_in(token_file)
    else:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not token:
            raise ConfigurationError(f"no token: set {TOKEN_VARIABLE} or name a file with --token-file")
    return Mittwald(token, base_url=base_url, user_agent="mittwald-async-cli", **options)


def account_named(name: str | None, file: Path | None) -> tuple[Account, frozenset[str]] | None:
    """The selected account of the accounts file, and the names of the others; `None` if none is named, or the file does
    not exist.

    Raises:
        ConfigurationError: the file has no such account, or cannot be read.
    """
    if name is None:
        if file is not None:
            raise ConfigurationError("--accounts needs --account NAME or --all-accounts")
        return None
    check_name(name)
    found = file if file is not None else Path(DEFAULT_FILE)
    if file is None and not found.exists():
        return None
    accounts = accounts_of(found)
    return account_of(accounts, name, found), frozenset(accounts) - {name}


def accounts_of(file: Path) -> dict[str, Account]:
    """The accounts of an accounts file.

    Raises:
        ConfigurationError: it cannot be read, or one of them is not described properly.
    """
    found = accounts_from(file)
    _warn_if_open(file, 0o022)  # Who may change it may have commands run.
    return found


def client_of(account: Account, **options: Any) -> Mittwald:
    """A client of an account, not yet opened.

    Raises:
        ConfigurationError: its token is not where the account says.
    """
    from ..client import Mittwald

    if account.token_file is not None:
        _warn_if_open(Path(account.token_file).expanduser())
    return Mittwald(account.token(), base_url=account.base_url, user_agent="mittwald-async-cli", **options)


def client_for(operation: Operation[Any], token_file: Path | None, base_url: str | None) -> Mittwald:
    """A client for one operation: without a token where there is none and none is needed."""
    if not operation.secured and token_file is None and not os.environ.get(TOKEN_VARIABLE, "").strip():
        from ..client import Mittwald

        return Mittwald.anonymous(base_url=base_url, user_agent="mittwald-async-cli")
    return client(token_file, base_url)


def _token_in(path: Path) -> str:
    try:
        # Editors of some systems begin a text file with a byte order mark.
        token = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigurationError(f"--token-file {path}: {reason}") from None
    if not token:
        raise ConfigurationError(f"--token-file {path}: the file is empty")
    if len(token.splitlines()) > 1:
        raise ConfigurationError(f"--token-file {path}: holds more than one line; it must hold the token only")
    _warn_if_open(path)
    return token


def _warn_if_open(path: Path, bits: int = 0o077) -> None:
    """Say that others may read or change a file. Only on a terminal: in a container, secrets are mounted like this and
    there are no other users."""
    with suppress(OSError):
        if os.name == "posix" and path.stat().st_mode & bits and err.is_terminal:
            what, cure = ("read or change", "600") if bits & 0o044 else ("change", "go-w")
            message(f"others on this machine may {what} {path}; `chmod {cure}` keeps it yours")


def run(main: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """Run a coroutine function to its end on an event loop of its own.

    Raises:
        StoppedError: it was interrupted. The coroutine has been cancelled and has cleaned up.
    """
    try:
        return anyio.run(partial(_until_signalled, main, *args))
    except KeyboardInterrupt:
        raise StoppedError(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise StoppedError(TERMINATED) from None


async def _until_signalled(main: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError):  # Event loops of some systems cannot.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await main(*args)
