"""Common mistakes get an error that says what works."""

from __future__ import annotations

import copy
from typing import Any
from unittest.mock import AsyncMock, create_autospec, patch

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("dns_zones", r"mw\.dns for single entries, mw\.domain\.dns_list_dns_zones"),
        ("ssl", r"mw\.domain\.ssl_list_certificates"),
        ("projects", r"use mw\.project$"),
        ("ingresses", r"mw\.domain\.ingress_list_ingresses"),
        ("services", r"mw\.container\.list_accessible_services"),
        ("list_projects", r"mw\.project\.list_projects"),
        ("delivery_box", r"mw\.mail\."),
        ("projct", r"did you mean project"),
        ("metric", r"did you mean metrics"),
        ("getProject", r"mw\.project\.get_project$"),
        ("app_installations", r"there is mw\.app\.list_appinstallations"),
        ("mysqldatabase", r"mw\.database\.list_mysql_databases"),
        ("mailbox", r"use mw\.mail\.list_mail_addresses"),
        ("whoami", r'use mw\.user\.get_user\("self"\)'),
        ("tokens", r"there is mw\.user\.list_api_tokens"),
    ],
)
def test_a_misnamed_attribute(name: str, place: str) -> None:
    with pytest.raises(AttributeError, match=place) as caught:
        getattr(Mittwald("token"), name)
    assert (caught.value.name, hasattr(Mittwald("token"), name)) == (name, False)


def test_unrelated_names_and_protocol_attributes() -> None:
    client: Any = Mittwald("token")
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        client.xyzzy
    for name in ("_nothing", "__deepcopy__", "__array__"):
        with pytest.raises(AttributeError, match="object has no attribute"):
            getattr(client, name)
    with pytest.raises(TypeError):
        copy.copy(client)


def test_mocking_works_as_usual() -> None:
    assert create_autospec(Mittwald) is not None
    client = Mittwald("token")
    with patch.object(client, "wait", AsyncMock()):
        assert isinstance(client.wait, AsyncMock)


async def test_a_plain_for_loop_says_what_to_write_instead() -> None:
    async with Emulator() as api, Mittwald(api.token, base_url=api.url) as mw:
        pages: Any = mw.project.list_projects()
        page: Any = await mw.project.list_projects()
        for wrong in (pages, page):
            with pytest.raises(TypeError, match=r"async for .*\.collect\(\)") as caught:
                list(wrong)
            assert ".items" in str(caught.value)
            with pytest.raises(TypeError, match="async for"):
                for _ in wrong:
                    pass
            for use in ("one[0]", "1 in one", "reversed(one)", "[*one]"):
                with pytest.raises(TypeError, match=r"\.items"):
                    eval(use, {"one": wrong})
        assert len(page) == len(page.items)
        assert pages
        assert page
        service = (await mw.container.list_accessible_services()).items[0]
        lines: Any = mw.service_logs(service.stack_id, service.id)
        with pytest.raises(TypeError, match="async for line in"):
            list(lines)
