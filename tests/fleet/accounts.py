"""An emulator with several accounts, and the accounts file that describes them to a fleet."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Generator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mittwald_async.cli.app import run
from mittwald_async.emulator import EmulatedAccount, Emulator, RunningAccount
from mittwald_async.emulator.pytest_plugin import running
from mittwald_async.fleet import Account

duckdb: Any = importlib.import_module("duckdb")

RESOURCES = ("customer", "project", "domain", "mail_address", "dns_zone", "mysql_database", "mysql_user")
"""Lists of the account, of projects, and of parents."""

SECRET = "not-a-real-secret"


def token_of(name: str) -> str:
    return f"{SECRET}-{name}"


@contextmanager
def accounts(monkeypatch: pytest.MonkeyPatch, *sizes: int, **options: Any) -> Generator[tuple[Emulator, list[Account]]]:
    """A running emulator with one account per number of projects; the tokens are in the environment."""
    names = [f"account-{number}" for number in range(1, len(sizes) + 1)]
    emulated = [
        EmulatedAccount(name=name, token=token_of(name), projects=size, customers=1)
        for name, size in zip(names, sizes, strict=True)
    ]
    given: dict[str, Any] = {"drift": 0.0, "lag": 0.0, "rate_limit": None, **options}
    with running(Emulator(seed=7, accounts=emulated, **given)) as api:
        found: list[Account] = []
        for number, name in enumerate(names):
            monkeypatch.setenv(f"FLEET_TOKEN_{number}", token_of(name))
            found.append(Account(name=name, token_env=f"FLEET_TOKEN_{number}", base_url=api.url))
        yield api, found


def truth(account: RunningAccount, resource: str) -> set[str]:
    """Ids of a resource in the emulator's state."""
    seeded = account.world.seeded
    return {seeded.id(resource, number) for number in range(seeded.total(resource))}


def ids(lake: Path | str, resource: str = "project") -> list[tuple[str, str]]:
    """`(account, id)` of all rows visible to readers, read with DuckDB."""
    found: list[tuple[str, str]] = duckdb.sql(
        f"SELECT account, id FROM read_parquet('{lake}/resource={resource}/**/*.parquet', hive_partitioning = true) "
        "ORDER BY ALL"
    ).fetchall()
    return found


def rows(lake: Path | str, resources: tuple[str, ...] = RESOURCES) -> dict[str, list[tuple[str, str, str]]]:
    """`(account, key, data)` of all rows visible to readers."""
    return {
        resource: duckdb.sql(
            f"SELECT account, key, data FROM read_parquet('{lake}/resource={resource}/**/*.parquet', "
            "hive_partitioning = true) ORDER BY ALL"
        ).fetchall()
        for resource in resources
    }


def accounts_file(folder: Path, found: list[Account]) -> Path:
    path = folder / "accounts.toml"
    sections = [
        f"[accounts.{json.dumps(one.name)}]\ntoken_env = {json.dumps(one.token_env)}\nbase_url = {json.dumps(one.base_url)}\n"
        for one in found
    ]
    path.write_text("\n".join(sections), encoding="utf-8")
    return path


class Done(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: str, folder: Path) -> Done:
    """Runs command lines in a folder, as a process would receive them."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    texts: list[str] = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Done(code, *texts)
