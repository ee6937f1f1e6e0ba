"""Accounts by name: where each one's token is found, and on which server it counts.

A token is named, never held: the file says in which variable or file it is or which command prints it, and it is read
when a client is made. So an `Account` may be logged, stored and sent to other machines.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeGuard, cast

import msgspec

from ..errors import ConfigurationError
from .toml_file import read_toml

DEFAULT_FILE = "accounts.toml"

_SOURCES = ("token_env", "token_file", "token_command", "token_function")
COMMAND_SECONDS = 60
"""A command that prints a token may ask a password manager, which may ask a person."""

_commands: set[subprocess.Popen[bytes]] = set()
"""Commands under way, perhaps in threads that the end of the program does not wait for."""


@atexit.register
def _end_commands() -> None:
    for command in list(_commands):
        command.kill()
        with suppress(subprocess.TimeoutExpired):
            command.wait(1.0)


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account by its name, and where its token is found. Exactly one of the four places is given.

    Attributes:
        name: what inventories and messages call the account.
        token_env: environment variable that holds the token.
        token_file: file that holds the token and nothing else; relative to the accounts file.
        token_command: program and arguments that print the token on one line.
        token_function: `module:function`, a function of yours that takes the account's name and returns the token.
        base_url: server, where it is not the provider's.
    """

    name: str
    token_env: str | None = None
    token_file: str | None = None
    token_command: tuple[str, ...] | None = None
    token_function: str | None = None
    base_url: str | None = None

    def token(self) -> str:
        """Read the token, afresh each time.

        Raises:
            ConfigurationError: it is not where the account says. The message names the place, never the content.
        """
        if self.token_env is not None:
            return _one_line(os.environ.get(self.token_env, ""), self.source)
        if self.token_file is not None:
            return self._from_file(self.token_file)
        if self.token_function is not None:
            return self._from_function(self.token_function)
        return self._from_command(self.token_command or ())

    @property
    def source(self) -> str:
        """Where the token is found, for messages: names only."""
        where = f"account {self.name}: "
        if self.token_env is not None:
            return f"{where}the variable {self.token_env}"
        if self.token_file is not None:
            return f"{where}token_file {self.token_file}"
        if self.token_function is not None:
            return f"{where}token_function {self.token_function}"
        return f"{where}token_command {(self.token_command or ('',))[0]}"

    def _from_file(self, name: str) -> str:
        try:
            # Editors of some systems begin a text file with a byte order mark.
            text = Path(name).expanduser().read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ConfigurationError(f"{self.source}: {reason}") from None
        return _one_line(text, self.source)

    def _from_function(self, path: str) -> str:
        module, _, name = path.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigurationError(f"{self.source} cannot be imported: {error}") from None
        try:
            token = function(self.name)
        except (Exception, SystemExit) as error:
            # What it says may hold a token: only its kind is repeated.
            raise ConfigurationError(f"{self.source} raised {type(error).__name__}") from None
        if not isinstance(token, str):
            raise ConfigurationError(f"{self.source} must return text, and returned {type(token).__name__}")
        return _one_line(token, self.source)

    def _from_command(self, command: Sequence[str]) -> str:
        try:
            code, printed = _run(command)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(f"{self.source}: {reason}") from None
        except subprocess.TimeoutExpired:
            raise ConfigurationError(f"{self.source}: printed nothing within {COMMAND_SECONDS} s") from None
        if code:
            # What it printed may hold half a token: it is not repeated here.
            raise ConfigurationError(f"{self.source}: ended with code {code}")
        return _one_line(printed.decode(errors="replace"), self.source)


def _run(command: Sequence[str]) -> tuple[int, bytes]:
    """The exit code of the user's own command, run without a shell, and what it printed."""
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        _commands.add(process)
        try:
            printed, _ = process.communicate(timeout=COMMAND_SECONDS)
        except BaseException:
            process.kill()
            raise
        finally:
            _commands.discard(process)
        return process.returncode, printed


def accounts_from(path: Path | str) -> dict[str, Account]:
    """Read the accounts of a TOML file, by name and in its order.

    A file looks like this:

        [accounts.agency]
        token_env = "AGENCY_TOKEN"

        [accounts.shop]
        token_file = "shop.token"
        base_url = "https://api.example"

    Args:
        path: the file. Relative `token_file`s are looked for beside it.

    Raises:
        ConfigurationError: it cannot be read, has no accounts, or one of them is not described properly.
    """
    path = Path(path)
    found = read_toml(path, str(path))
    unknown = sorted(set(found) - {"accounts"})
    if unknown:
        raise ConfigurationError(f"{path}: {unknown[0]!r} is not known here; accounts are sections [accounts.NAME]")
    accounts = found.get("accounts")
    if not isinstance(accounts, dict) or not accounts:
        raise ConfigurationError(f"{path}: the file has no accounts; add a section [accounts.NAME] with token_env")
    sections = cast("dict[str, Any]", accounts)
    return {name: _account(path, name, section) for name, section in sections.items()}


def check_name(name: str) -> str:
    """The name of an account, if it can be one.

    Raises:
        ConfigurationError: nothing of it can be seen, or it holds what would break a line or a table.
    """
    if not name.strip():
        raise ConfigurationError("an account needs a name")
    if not name.isprintable():
        raise ConfigurationError(f"the account's name {name!r} contains characters that cannot be printed")
    return name


def account_of(accounts: Mapping[str, Account], name: str, path: Path | str) -> Account:
    """One account by its name.

    Raises:
        ConfigurationError: there is none of that name; the message lists those there are.
    """
    if name not in accounts:
        raise ConfigurationError(f"{path}: unknown account {name!r}; the file has {', '.join(accounts)}")
    return accounts[name]


def _account(path: Path, name: str, section: Any) -> Account:
    try:
        check_name(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    where = f"{path}: accounts.{name}"
    if not isinstance(section, dict):
        raise ConfigurationError(f"{where} must be a section with one of {', '.join(_SOURCES)}")
    settings = cast("dict[str, Any]", section)
    if "token" in settings:
        raise ConfigurationError(f"{where}: a token does not belong into this file; say token_env or token_file")
    unknown = sorted(set(settings) - {*_SOURCES, "base_url"})
    if unknown:
        raise ConfigurationError(f"{where}: {unknown[0]!r} is not known; there are {', '.join(_SOURCES)} and base_url")
    given = [source for source in _SOURCES if source in settings]
    if len(given) != 1:
        raise ConfigurationError(f"{where} needs exactly one of {', '.join(_SOURCES)}, and has {len(given)}")
    command = settings.get("token_command")
    function = settings.get("token_function")
    for key in ("token_env", "token_file", "token_function", "base_url"):
        if key in settings and not (isinstance(settings[key], str) and settings[key]):
            raise ConfigurationError(f"{where}.{key} must be text that is not empty")
        if "\0" in settings.get(key, ""):
            raise ConfigurationError(f"{where}.{key} must not hold a NUL character")
    if function is not None and not all(function.partition(":")):
        raise ConfigurationError(f'{where}.token_function must be "module:function"')
    return Account(
        name=name,
        token_env=settings.get("token_env"),
        token_file=_beside(path, settings["token_file"]) if "token_file" in settings else None,
        token_command=_command(where, command) if command is not None else None,
        token_function=function,
        base_url=settings.get("base_url"),
    )


def _beside(path: Path, name: str) -> str:
    return str(path.parent / Path(name).expanduser())


def _command(where: str, command: Any) -> tuple[str, ...]:
    if isinstance(command, str):
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise ConfigurationError(f"{where}.token_command cannot be split into words: {error}") from None
    elif _are_texts(command):
        words = tuple(command)
    else:
        raise ConfigurationError(f"{where}.token_command must be text or a list of texts")
    if any("\0" in word for word in words):
        raise ConfigurationError(f"{where}.token_command must not hold a NUL character")
    if not words or not words[0]:
        raise ConfigurationError(f"{where}.token_command must not be empty")
    return words


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)  # pyright: ignore[reportUnknownVariableType]


def _one_line(text: str, where: str) -> str:
    token = text.strip()
    if not token:
        raise ConfigurationError(f"{where} is empty")
    if len(token.splitlines()) > 1:
        raise ConfigurationError(f"{where}: holds more than one line; it must hold the token only")
    return token
