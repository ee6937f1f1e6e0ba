"""Where a redirect may lead, rule by rule, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from yarl import URL

from mittwald_async.runtime.transport.redirects import MAX_REDIRECTS, follow

HOME = "https://api.example/v2/old"
NEITHER = "the response is neither a success nor an error"


def _own(url: URL) -> bool:
    return url.origin() == URL(HOME).origin()


SHARED: Any = SimpleNamespace(own=_own)


def call(method: str = "GET", url: str = HOME, *, spent: bool | None = None, redirects: int = 0) -> Any:
    content = None if spent is None else SimpleNamespace(spent=spent)
    return SimpleNamespace(method=method, url=URL(url), content=content, redirects=redirects, off_origin=False)


def led(made: Any, place: str | None, status: int = 308) -> str:
    headers = {} if place is None else {"Location": place}
    response: Any = SimpleNamespace(status=status, headers=headers)
    return follow(made, response, SHARED)


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309, 399])
def test_other_statuses_are_not_redirects(status: int) -> None:
    made = call()
    assert led(made, "/v2/new", status) == NEITHER
    assert (str(made.url), made.redirects) == (HOME, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_read_follows_every_redirect_and_stays_a_read(status: int) -> None:
    for method in ("GET", "HEAD"):
        made = call(method)
        assert led(made, " /v2/new ", status) == ""
        assert (made.method, str(made.url), made.redirects) == (method, "https://api.example/v2/new", 1)
        assert made.off_origin is False


@pytest.mark.parametrize("place", [None, "", "  "])
def test_a_redirect_without_a_location_is_an_error(place: str | None) -> None:
    assert led(call(), place) == "the redirect names no location"


def test_the_number_of_redirects_is_limited() -> None:
    assert led(call(redirects=MAX_REDIRECTS - 1), "/v2/new") == ""
    assert led(call(redirects=MAX_REDIRECTS), "/v2/new") == f"more than {MAX_REDIRECTS} redirects"


def test_an_invalid_location_is_an_error() -> None:
    assert led(call(), "ftp://api.example/x") == "the redirect's location is not a usable URL"


def test_encryption_is_never_dropped_and_may_be_added() -> None:
    assert led(call(), "http://api.example/v2/new") == "the redirect leads from https to http"
    assert led(call(url="http://api.example/v2/old"), "http://api.example/v2/new") == ""
    made = call(url="http://api.example/v2/old")
    assert led(made, "https://api.example/v2/new") == ""
    assert str(made.url) == "https://api.example/v2/new"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_stays_on_its_origin_and_keeps_its_method(method: str) -> None:
    assert led(call(method), "https://other.example/x") == "the redirect leads a write to another origin"
    for status in (301, 302):
        assert led(call(method), "/v2/new", status) == f"a redirect {status} does not say what becomes of a {method}"
    for status in (307, 308):
        made = call(method, spent=False)
        assert led(made, "/v2/new", status) == ""
        assert (made.method, made.content is None) == (method, False)
        assert led(call(method, spent=True), "/v2/new", status) == "the body cannot be sent a second time"


@pytest.mark.parametrize("spent", [False, True])
def test_see_other_turns_a_write_into_a_read_without_a_body(spent: bool) -> None:
    made = call("POST", spent=spent)
    assert led(made, "/v2/new", 303) == ""
    assert (made.method, made.content) == ("GET", None)


def test_a_read_may_leave_the_origin_and_stays_marked() -> None:
    made = call()
    assert led(made, "https://other.example/x") == ""
    assert made.off_origin is True
    assert led(made, HOME) == ""
    assert made.off_origin is True
    assert made.redirects == 2


@pytest.mark.parametrize("login", ["somebody@", "somebody:secret@", ":secret@"])
def test_credentials_in_the_location_are_dropped(login: str) -> None:
    made = call()
    assert led(made, f"https://{login}api.example/v2/new") == ""
    assert str(made.url) == "https://api.example/v2/new"
