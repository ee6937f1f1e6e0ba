"""Accounts: where tokens come from, and that no state of one account is continued with another's token."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Account, Known, Store, StoreError, Target, accounts_from, chosen

TOKEN = "a-token-for-tests"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    return path


def test_tokens_come_from_a_variable_a_file_or_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENCY_TOKEN", f" {TOKEN}\n")
    (tmp_path / "shop.token").write_text(f"{TOKEN}\n", encoding="utf-8-sig")
    command = msgspec.json.encode([sys.executable, "-c", f"print('{TOKEN}')"]).decode()
    found = accounts_from(
        written(
            tmp_path,
            '[accounts.agency]\ntoken_env = "AGENCY_TOKEN"\n'
            '[accounts.shop]\ntoken_file = "shop.token"\nbase_url = "https://api.example"\n'
            f"[accounts.blog]\ntoken_command = {command}\n",
        )
    )
    assert list(found) == ["agency", "shop", "blog"]
    assert {account.token() for account in found.values()} == {TOKEN}
    assert (found["agency"].base_url, found["shop"].base_url) == (None, "https://api.example")
    assert TOKEN not in repr(found["agency"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file has no accounts"),
        ("[accounts]", "the file has no accounts"),
        ("[accounts.a", "not valid TOML"),
        ("[account.a]", "'account' is not known here"),
        ("[accounts.a]", "needs exactly one of"),
        ('[accounts.a]\ntoken_env = "A"\ntoken_file = "b"', "exactly one"),
        ('[accounts.a]\ntoken = "secret-word"', "does not belong into this file"),
        ('[accounts.a]\ntoken_env = "A"\nurl = "x"', "'url' is not known"),
        ("[accounts.a]\ntoken_env = 5", "must be text"),
        ("[accounts.a]\ntoken_command = []", "must not be empty"),
        ("[accounts.a]\ntoken_command = [5]", "list of texts"),
        ('[accounts.a]\ntoken_command = "\'"', "cannot be split"),
        ("[accounts]\na = 5", "must be a section"),
        ('[accounts.a]\ntoken_env = "A\\u0000"', "must not hold a NUL"),
        ('[accounts.a]\ntoken_file = "a\\u0000"', "must not hold a NUL"),
        ('[accounts.a]\ntoken_command = ["a\\u0000"]', "must not hold a NUL"),
        ('[accounts." "]\ntoken_env = "A"', "an account needs a name"),
        ('[accounts."a\\nb"]\ntoken_env = "A"', "cannot be printed"),
        ('[accounts."a\\u202eb"]\ntoken_env = "A"', "cannot be printed"),
    ],
)
def test_a_mistake_in_an_accounts_file_is_reported_with_its_location(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        accounts_from(path)
    assert str(path) in str(caught.value)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("account", "complaint"),
    [
        (Account(name="a", token_env="NOT_SET_ANYWHERE"), "account a: the variable NOT_SET_ANYWHERE is empty"),
        (Account(name="a", token_file="/missing/token"), "No such file"),
        (Account(name="a", token_command=("no-such-program-anywhere",)), "No such file"),
        (Account(name="a", token_command=(sys.executable, "-c", "print('secret-word'); exit(3)")), "ended with code 3"),
        (Account(name="a", token_command=(sys.executable, "-c", "print('secret-word\\nmore')")), "more than one line"),
        (Account(name="a", token_command=(sys.executable, "-c", "pass")), "is empty"),
        (Account(name="a", token_command=("secret-word\0"[-1:],)), "embedded null byte"),
        (Account(name="a", token_file="\0"), "not text"),
    ],
)
def test_a_missing_token_is_an_error_that_shows_no_token(account: Account, complaint: str) -> None:
    os.environ.pop("NOT_SET_ANYWHERE", None)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        account.token()
    assert "secret-word" not in str(caught.value)


def test_an_account_keeps_its_name_and_its_user(tmp_path: Path) -> None:
    with Store(tmp_path / "inventory.sqlite") as store:
        assert store.account_for("https://api.example", None, "u-1") == "u-1"
        assert store.account_for("https://api.example", None, "u-1") == "u-1"
        assert store.account_for("http://127.0.0.1:8080", None, "u-1") == "u-1@127.0.0.1:8080"
        assert store.account_for("https://api.example", "extension", None) == "extension"
        assert store.account_for("https://api.example", "agency", "u-2") == "agency"
        with pytest.raises(StoreError, match="agency belongs to user u-2 in this file, but the token to user u-3"):
            store.account_for("https://api.example", "agency", "u-3")


def test_a_user_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    """Two names for one token would take the history of each other."""
    with Store(tmp_path / "inventory.sqlite") as store:
        assert store.account_for("https://api.example", "agency", "u-1") == "agency"
        assert store.account_for("https://api.example", None, "u-1") == "agency"
        with pytest.raises(
            StoreError, match="the accounts agency and other have tokens of the same user u-1; remove one"
        ):
            store.account_for("https://api.example", "other", "u-1", {"agency"})
        assert store.account_for("http://127.0.0.1:8080", "other", "u-1", {"agency"}) == "other"
        # Where the old name is used no more, it is a new name for the same account.
        assert store.account_for("https://api.example", "renamed", "u-1") == "renamed"


def test_an_account_that_is_renamed_keeps_its_history(tmp_path: Path) -> None:
    with Store(tmp_path / "inventory.sqlite") as store:
        account = store.account_for("https://api.example", None, "u-1")
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", account)
        store.finish("done", 1)
        assert store.account_for("https://api.example", "agency", "u-1") == "agency"
        assert [one.account for one in store.sweeps()] == ["agency"]
