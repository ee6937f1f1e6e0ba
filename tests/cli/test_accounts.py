"""Files that say where tokens are: who may read and change them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from mittwald_async.cli import common
from mittwald_async.cli.common import accounts_of, client_of


@pytest.mark.parametrize(
    ("token_mode", "accounts_mode", "warnings"),
    [
        (0o600, 0o644, []),
        (0o640, 0o600, ["others on this machine may read or change shop.token; `chmod 600` keeps it yours"]),
        (0o600, 0o664, ["others on this machine may change accounts.toml; `chmod go-w` keeps it yours"]),
    ],
)
def test_files_open_to_others_are_reported_on_a_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    token_mode: int,
    accounts_mode: int,
    warnings: list[str],
) -> None:
    """Who may change the accounts file may have commands run."""
    monkeypatch.chdir(tmp_path)
    Path("shop.token").write_text("secret-word")
    Path("accounts.toml").write_text('[accounts.shop]\ntoken_file = "shop.token"\n')
    Path("shop.token").chmod(token_mode)
    Path("accounts.toml").chmod(accounts_mode)
    client_of(accounts_of(Path("accounts.toml"))["shop"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(common, "err", Console(stderr=True, force_terminal=True))
    client_of(accounts_of(Path("accounts.toml"))["shop"])
    assert capsys.readouterr().err.splitlines() == warnings
