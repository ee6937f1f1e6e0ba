"""A token that is passed, or read from the environment."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.credentials import PasswordLogin
from mittwald_async.errors import ConfigurationError
from mittwald_async.runtime.credentials import Credentials, Secret, StaticToken, TokenResponse, TokenSource, resolve
from mittwald_async.runtime.schemes import BASIC

from ..support.login_routes import ScriptedExchange, never

VARIABLES = ("MITTWALD_API_TOKEN",)


async def test_a_static_token_is_available_at_once_and_a_401_is_final() -> None:
    credentials = StaticToken("token-for-tests")
    assert credentials.current().reveal() == "token-for-tests"
    assert await credentials.token(never) == Secret("token-for-tests")
    assert not await credentials.refused(credentials.current(), never)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("hidden\n", "ends with a line break: strip it"),
        (" hidden", "begins with white space: strip it"),
        ("hid den", "holds a character that no header may carry"),
        ("hid\nden", "holds a character that no header may carry"),
        ("hïdden", "holds a character that no header may carry"),
    ],
)
def test_an_unsendable_token_is_refused_without_being_shown(token: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        StaticToken(token)
    assert not token.strip() or token.strip() not in str(caught.value)
    with pytest.raises(ConfigurationError, match=f"MITTWALD_API_TOKEN {said}"):
        StaticToken.from_environment("MITTWALD_API_TOKEN", environ={"MITTWALD_API_TOKEN": token})


def test_the_environment_is_the_fallback() -> None:
    found = resolve(None, None, VARIABLES, environ={"MITTWALD_API_TOKEN": "from-environment"}).current()
    assert found == Secret("from-environment")
    given = resolve("given", None, VARIABLES, environ={"MITTWALD_API_TOKEN": "from-environment"}).current()
    assert given == Secret("given")
    assert resolve(Secret("sealed"), None, environ={}).current() == Secret("sealed")
    with pytest.raises(ConfigurationError, match=r"pass token=… or credentials=…, or set .* MITTWALD_API_TOKEN"):
        resolve(None, None, VARIABLES, environ={})


def test_only_one_credential_may_be_given() -> None:
    login = PasswordLogin("ada@example.com", "password-for-tests")
    assert resolve(None, login, VARIABLES, environ={"MITTWALD_API_TOKEN": "unused"}) is login
    with pytest.raises(ConfigurationError, match="both"):
        resolve("token", login)


async def test_an_async_function_is_accepted() -> None:
    async def vault() -> str:
        return "from-the-vault"

    credentials = resolve(None, vault)
    assert isinstance(credentials, TokenSource)
    assert await credentials.token(never) == Secret("from-the-vault")


def test_invalid_credentials_are_refused() -> None:
    wrong: object = 42
    with pytest.raises(ConfigurationError, match="must be a Credentials object"):
        resolve(None, wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_the_identity_of_a_user_is_stable_and_not_secret() -> None:
    first, again, other = StaticToken("token-a"), StaticToken(Secret("token-a")), StaticToken("token-b")
    assert first.identity == again.identity != other.identity
    assert "token-a" not in first.identity
    assert PasswordLogin("Ada@Example.com ", "x").identity == PasswordLogin("ada@example.com", "y").identity


async def test_a_custom_class_can_be_credentials() -> None:
    class Mine:
        identity = "mine"

        def current(self) -> Secret | None:
            return None

        async def token(self, exchange: object) -> Secret:
            return Secret("mine")

        async def refused(self, token: Secret, exchange: object) -> bool:
            return False

    mine: Credentials = Mine()
    assert resolve(None, mine) is mine


async def test_the_login_routes_respond() -> None:
    answer = await ScriptedExchange()("user-authenticate", "POST", "/v2/authenticate", Secret("{}"))
    assert isinstance(answer, TokenResponse)
    assert answer.status == 200


@pytest.mark.parametrize("given", [{"token": "kim:pass"}, {"token": None, "environ": {"SHOP_LOGIN": "kim:pass"}}])
def test_a_user_and_password_for_basic_authentication_need_a_basic_login(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="BasicLogin") as caught:
        resolve(credentials=None, variables=("SHOP_LOGIN",), scheme=BASIC, **given)
    assert "kim" not in str(caught.value)
    assert resolve("a2ltOnBhc3M=", None, (), BASIC).current() == Secret("a2ltOnBhc3M=")
