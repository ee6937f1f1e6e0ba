"""Responses that deviate from the document: what fits is decoded, the rest is kept as received, and each deviation is
reported once."""

from __future__ import annotations

import json
import linecache
import logging
import warnings
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mittwald_async import Mittwald, codec
from mittwald_async.errors import DriftWarning, ResponseDecodeError
from mittwald_async.runtime.codec import tolerant as drift
from mittwald_async.runtime.structs import UNSET, Unknown

from ..support import sample_models as m
from ..support.decoding import again, decode, operation
from ..support.json_samples import same

SITE: dict[str, Any] = {"id": "s", "createdAt": "2026-01-02T03:04:05Z", "status": "ready"}


def site(**changes: Any) -> dict[str, Any]:
    return {**SITE, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SITE.items() if key != name}


def owner(id: Any) -> m.Owner:
    return m.Owner(id=id)


@pytest.mark.parametrize(
    ("value", "path", "problem", "name", "kept"),
    [
        (without("id"), "$.id", "required, but missing", "id", UNSET),
        (site(id=5), "$.id", "expected string, got number", "id", 5),
        (site(id=None), "$.id", "expected string, got null", "id", None),
        (site(createdAt="soon"), "$.createdAt", "expected date-time, got string", "created_at", "soon"),
        (site(born="soon"), "$.born", "expected date or null, got string", "born", "soon"),
        (site(status=None), "$.status", "got null", "status", None),
        (site(count="3"), "$.count", "expected integer or null, got string", "count", "3"),
        (site(count=2.5), "$.count", "got number", "count", 2.5),
        (site(count=True), "$.count", "got boolean", "count", True),
        (site(share=[]), "$.share", "got array", "share", []),
        (site(note={"x": 1}), "$.note", "got object", "note", {"x": 1}),
        (site(tags="a"), "$.tags", "got string", "tags", "a"),
        (site(tags=["a", 1]), "$.tags[1]", "expected string, got number", "tags", ["a", 1]),
        (site(tags=["a", None]), "$.tags[1]", "got null", "tags", ["a", None]),
        (site(owner=[1]), "$.owner", "got array", "owner", [1]),
        (site(owner={}), "$.owner.id", "missing", "owner", owner(UNSET)),
        (site(labels={"a b": {"id": 1}}), "$.labels['a b'].id", "got number", "labels", {"a b": owner(1)}),
        (site(labels=[]), "$.labels", "got array", "labels", []),
    ],
)
def test_one_deviation(value: dict[str, Any], path: str, problem: str, name: str, kept: Any) -> None:
    with pytest.warns(DriftWarning) as warned:
        decoded = decode("made_up.Site", value)
    assert len(warned) == 1
    assert problem in str(warned[0].message)
    assert "test-get" in str(warned[0].message)
    assert type(decoded) is m.Site
    assert same(getattr(decoded, name), kept)
    assert decoded.status == value.get("status")
    assert json.loads(codec.encode(decoded)) == value
    with pytest.raises(ResponseDecodeError) as caught:
        decode("made_up.Site", value, strict=True)
    assert caught.value.json_path == path
    assert caught.value.operation_id == "test-get"
    assert json.loads(caught.value.body) == value


def test_each_of_several_deviations_is_reported_and_strict_names_the_first() -> None:
    value = site(id=5, createdAt=None, tags=[1])
    with pytest.warns(DriftWarning) as warned:
        assert again("made_up.Site", value) == value
    assert [str(warning.message).split(": ")[1] for warning in warned] == ["$.id", "$.createdAt", "$.tags[*]"]
    with pytest.raises(ResponseDecodeError, match=r"test-get: cannot decode at \$\.id: expected string, got number"):
        decode("made_up.Site", value, strict=True)


def test_null_for_an_optional_property_means_absent() -> None:
    assert decode("made_up.Site", site(owner=None), strict=True).owner is None
    assert again("made_up.Site", site(owner=None), strict=True) == SITE


def test_null_and_absent_differ_where_the_document_allows_both() -> None:
    assert again("made_up.Site", site(note=None), strict=True) == site(note=None)
    assert again("made_up.Site", SITE, strict=True) == SITE


def test_new_enum_values_and_new_properties_pass_silently() -> None:
    assert decode("made_up.Site", site(status="frozen", brandNew=1), strict=True).status == "frozen"


def test_a_changed_constant_is_kept_and_reported() -> None:
    with pytest.warns(DriftWarning, match="expected one of 'MESSAGE', got string"):
        assert again("made_up.Message", {"type": "x", "text": "t", "at": "2026-01-01T00:00:00Z"})["type"] == "x"
    with pytest.warns(DriftWarning, match=r"\$\.level"):
        assert decode("made_up.Level", {"level": True}).level is True


def test_a_deviation_is_reported_once_per_operation_and_path(caplog: pytest.LogCaptureFixture) -> None:
    page = [site(id=number) for number in range(50)]
    with caplog.at_level(logging.WARNING, "mittwald_async.codec"), pytest.warns(DriftWarning) as warned:
        assert [again("list[made_up.Site]", page) for _ in range(3)] == [page] * 3
    with pytest.warns(DriftWarning, match="another"):
        decode("list[made_up.Site]", page, operation_id="another")
    assert len(warned) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "test-get: $[*].id: expected string, got number; kept as it came",
        "another: $[*].id: expected string, got number; kept as it came",
    ]


def test_keys_of_free_objects_do_not_multiply_reports() -> None:
    with pytest.warns(DriftWarning) as warned:
        decode("dict[str, made_up.Owner]", {f"k{number}": {"id": number} for number in range(9)})
    assert [str(warning.message).split(": ")[1] for warning in warned] == ["$.*.id"]


def test_the_record_of_reports_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "REMEMBERED", 2)
    with pytest.warns(DriftWarning) as warned:
        assert [decode("made_up.Owner", {"id": 1}, operation_id=name).id for name in "abaca"] == [1] * 5
    assert [str(warning.message)[0] for warning in warned] == ["a", "b", "c", "a"]


def test_the_other_items_of_a_page_are_decoded_as_usual() -> None:
    page = [SITE, site(id=1), SITE]
    with pytest.warns(DriftWarning):
        first, odd, last = decode("list[made_up.Site]", page)
    assert first == last == decode("made_up.Site", SITE)
    assert odd.id == 1
    with pytest.raises(ResponseDecodeError) as caught:
        decode("list[made_up.Site]", page, strict=True)
    assert caught.value.json_path == "$[1].id"


@pytest.mark.parametrize(
    ("expression", "value", "path"),
    [
        ("list[made_up.Site]", {"items": []}, "$"),
        ("made_up.Site", [SITE], "$"),
        ("made_up.Site | None", "x", "$"),
        ("int | str", [], "$"),
        ("dict[str, int]", {"a": 1, "b": "2"}, "$.b"),
        ("list[list[int]]", [[1], [2, None]], "$[1][1]"),
        ("list", {}, "$"),
        ("dict", [], "$"),
        ("None | int", True, "$"),
        ("float", "1", "$"),
        (
            "made_up.Folder",
            {"name": "a", "folders": [{"name": "b", "folders": [{"name": 3}]}]},
            "$.folders[0].folders[0].name",
        ),
    ],
)
def test_whole_values_of_another_type_are_kept(expression: str, value: Any, path: str) -> None:
    with pytest.warns(DriftWarning):
        assert again(expression, value) == value
    with pytest.raises(ResponseDecodeError) as caught:
        decode(expression, value, strict=True)
    assert caught.value.json_path == path


def test_unions_inside_a_deviating_value_are_still_resolved() -> None:
    zone = {"id": 1, "record": {"entries": ["a"], "ttl": {"weeks": 1}}, "ttl": {"auto": True}, "spec": {"machine": "m"}}
    with pytest.warns(DriftWarning) as warned:
        decoded = decode("made_up.Zone", zone)
    assert len(warned) == 1
    assert type(decoded.record) is m.Mail
    assert decoded.record.ttl == Unknown({"weeks": 1})
    assert (decoded.ttl, decoded.spec) == (m.Auto(auto=True), m.Machine(machine="m"))
    assert json.loads(codec.encode(decoded)) == zone


def test_a_deviation_deep_inside_a_discriminated_variant() -> None:
    events = [{"type": "UPDATE", "reason": "created", "who": {"id": 1}}, {"type": "MESSAGE", "text": "x"}]
    with pytest.warns(DriftWarning) as warned:
        changed, message = decode("list[made_up.Event]", events)
    assert type(changed) is m.Changed
    assert codec.dump(changed) == events[0]
    assert type(message) is m.Message
    assert "at" not in codec.dump(message)
    assert [str(warning.message).split(": ")[1] for warning in warned] == ["$[*].who.id", "$[*].at"]


def test_converting_builtins_is_equally_tolerant_and_does_not_change_them() -> None:
    zone = {"id": "z", "record": {"entries": ["a"], "ttl": {"auto": True}}}
    before = json.dumps(zone)
    assert codec.convert("made_up.Zone", zone).record.ttl == m.Auto(auto=True)
    assert json.dumps(zone) == before
    with pytest.warns(DriftWarning, match="test-convert"):
        assert codec.convert("made_up.Zone", {**zone, "id": 1}, operation_id="test-convert").id == 1
    with pytest.raises(ResponseDecodeError) as caught:
        codec.convert("made_up.Zone", {**zone, "id": 1}, strict=True)
    assert caught.value.json_path == "$.id"


def test_a_warning_filter_can_turn_drift_into_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DriftWarning)
        with pytest.raises(DriftWarning):
            decode("made_up.Owner", {"id": 1})


def test_null_for_a_whole_list_is_reported() -> None:
    with pytest.warns(DriftWarning, match=r"test-get: \$: expected array, got null"):
        assert decode("list[made_up.Site]", None) is None
    with pytest.raises(ResponseDecodeError, match="expected array, got null"):
        decode("list[made_up.Site]", None, strict=True)


@pytest.mark.parametrize("way", ["decode", "loads", "convert"])
def test_the_warning_points_at_the_calling_line_on_every_path(way: str) -> None:
    calls = {
        "decode": lambda: codec.decode(operation("made_up.Owner"), 200, "application/json", b'{"id":1}'),
        "loads": lambda: codec.loads("made_up.Owner", b'{"id":1}'),
        "convert": lambda: codec.convert("made_up.Owner", {"id": 1}),
    }
    with pytest.warns(DriftWarning) as warned:
        calls[way]()
    assert warned[0].filename == __file__
    assert linecache.getline(__file__, warned[0].lineno).strip().startswith(f'"{way}":')


async def test_the_warning_points_at_the_coroutine_that_awaits_the_client() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response([{"id": 5}])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server, Mittwald("token-for-tests", base_url=str(server.make_url("/"))) as mw:
        with pytest.warns(DriftWarning) as warned:
            await mw.ssh_sftp_user.ssh_user_list_ssh_users("p-1")  # here
    assert {warning.filename for warning in warned} == {__file__}
    assert {linecache.getline(__file__, warning.lineno).rpartition("#")[2].strip() for warning in warned} == {"here"}
