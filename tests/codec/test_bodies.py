"""How a body is decoded, by documented result and content type; and which bodies are refused."""

from __future__ import annotations

import pytest

from mittwald_async import codec
from mittwald_async.errors import ConfigurationError, DriftWarning, ResponseDecodeError
from mittwald_async.runtime.operation import Result

from ..support import sample_models as m
from ..support.decoding import operation

TEXT = operation(Result(status=200, type="str", content_type="text/plain"))
LOGS = operation(Result(status=200, type="str", content_type="text/plain"), path="/v2/stacks/{stackId}/logs")
EXPORT = operation(
    Result(status=200, type="str", content_type="text/csv"),
    Result(status=200, type="list[made_up.Owner]", content_type="application/json"),
)


def test_no_content_is_none_whatever_the_body() -> None:
    nothing = operation(Result(status=204, type="None"), Result(status=200, type="None"))
    assert codec.decode(nothing, 204, None, b"") is None
    assert codec.decode(nothing, 200, "text/html", b"<p>done</p>") is None
    assert codec.decode(operation(), 202, "application/json", b"{}") is None


def test_files_are_bytes() -> None:
    file = operation(Result(status=200, type="bytes", content_type="application/octet-stream"))
    assert codec.decode(file, 200, "image/png", b"\0\xff") == b"\0\xff"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "grün €".encode(), "grün €"),
        ("text/plain; charset=UTF-8", "grün".encode(), "grün"),
        ("text/plain;charset=iso-8859-1", "grün".encode("latin-1"), "grün"),
        ('text/plain; charset="utf-16"', "grün".encode("utf-16"), "grün"),
        ("text/plain; charset=klingon", b"ok", "ok"),
        ("text/plain; charset=klingon", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=hex", b"ok", "ok"),
        ("text/plain", b"a\xffb", "a\N{REPLACEMENT CHARACTER}b"),
        (None, b"plain", "plain"),
        ("text/plain", b"", ""),
        ("text/plain", b"a\0b", "a\0b"),
    ],
)
def test_text_is_decoded_by_its_charset(content_type: str | None, body: bytes, text: str) -> None:
    assert codec.decode(TEXT, 200, content_type, body) == text


def test_stray_nul_bytes_are_removed_from_logs_only() -> None:
    assert codec.decode(LOGS, 200, "text/plain", b"\0line\0\n") == "line\n"
    assert codec.decode(TEXT, 200, "text/plain", b"\0line\0\n") == "\0line\0\n"


def test_a_json_string_is_not_plain_text() -> None:
    assert codec.decode(operation("str"), 200, "application/json", b'"a\\u0000"') == "a\0"


def test_one_status_with_two_content_types() -> None:
    assert codec.decode(EXPORT, 200, "text/csv; charset=utf-8", b"id\n1") == "id\n1"
    assert codec.decode(EXPORT, 200, "Application/JSON", b'[{"id":"1"}]') == [m.Owner(id="1")]
    assert codec.decode(EXPORT, 200, None, b"id\n1") == "id\n1"


def test_json_with_a_suffix_or_a_byte_order_mark() -> None:
    suffixed = operation(Result(status=200, type="made_up.Owner", content_type="application/problem+json"))
    assert codec.decode(suffixed, 200, "application/problem+json", b'{"id":"1"}') == m.Owner(id="1")
    assert codec.decode(suffixed, 200, None, b'\xef\xbb\xbf {"id":"1"}', strict=True) == m.Owner(id="1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"id": "1"',
        b'{"id": "1"}]',
        b'{"id": 1',
        b"nul",
        b"[" * 200_000,
        b'{"id":' * 200_000,
        b"\0",
    ],
)
@pytest.mark.parametrize("expression", ["made_up.Owner", "list[made_up.Event]", "made_up.Mixed", "Any"])
@pytest.mark.parametrize("strict", [True, False])
def test_invalid_json_is_always_an_error(expression: str, body: bytes, strict: bool) -> None:
    with pytest.raises(ResponseDecodeError) as caught:
        codec.decode(operation(expression), 200, "application/json", body, strict=strict)
    assert caught.value.json_path == "$"
    assert caught.value.operation_id == "test-get"
    assert caught.value.body == body
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (
            b'[{"note": "cut in a smiley \\ud83d"}, {"note": "\\ud83d\\ude00"}]',
            [{"note": "cut in a smiley \ufffd"}, {"note": "\U0001f600"}],
        ),
        (b'[{"a\\udc00": ["\\udfff", ["\\ud800"]]}]', [{"a\ufffd": ["\ufffd", ["\ufffd"]]}]),
        (b'[{"size": 1e999}, {"size": -1e999}, {"size": 1.5}]', [{"size": "1e999"}, {"size": "-1e999"}, {"size": 1.5}]),
    ],
)
def test_half_a_character_or_an_endless_number_affects_only_its_own_value(body: bytes, kept: object) -> None:
    with pytest.warns(DriftWarning, match=r"\$: .*(malformed|out of range)"):
        assert codec.decode(operation("Any"), 200, "application/json", body) == kept
    with pytest.raises(ResponseDecodeError):
        codec.decode(operation("Any"), 200, "application/json", body, strict=True)


def test_the_other_items_of_a_list_with_half_a_character_are_structs() -> None:
    body = b'[{"id": "1", "name": "\\ud800"}, {"id": "2", "name": "whole"}]'
    with pytest.warns(DriftWarning):
        found = codec.decode(operation("list[made_up.Owner]"), 200, "application/json", body)
    assert [owner.id for owner in found] == ["1", "2"]


def test_deeply_nested_json_in_a_free_property() -> None:
    deep = (
        b'{"id":"s","createdAt":"2026-01-02T03:04:05Z","status":"ready","extra":'
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}"
    )
    with pytest.raises(ResponseDecodeError, match="nested too deeply"):
        codec.decode(operation("made_up.Site"), 200, "application/json", deep)


def test_a_recursive_struct_nested_too_deeply() -> None:
    deep = b'{"name":"a","folders":[' * 50_000 + b"]}" * 50_000
    with pytest.raises(ResponseDecodeError, match="nested too deeply"):
        codec.decode(operation("made_up.Folder"), 200, "application/json", deep)
    builtins: dict[str, object] = {"name": "a"}
    for _ in range(5_000):
        builtins = {"name": "a", "folders": [builtins]}
    with pytest.raises(ResponseDecodeError, match="nested too deeply"):
        codec.convert("made_up.Folder", builtins)


def test_the_bare_decoder_is_made_once_and_tolerates_nothing() -> None:
    decoder = codec.strict_decoder("list[made_up.Owner]")
    assert decoder(b'[{"id":"1"}]') == [m.Owner(id="1")]
    assert codec.strict_decoder("list[made_up.Owner]") is decoder
    with pytest.raises(ValueError, match=r"Expected `str`"):
        decoder(b'[{"id":1}]')


@pytest.mark.parametrize(
    "expression", ["made_up.Nothing", "nowhere.Thing", "list[", "1 + 1", "made_up.Owner()", "[str]", ""]
)
def test_an_invalid_type_expression(expression: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a type of the models"):
        codec.resolve(expression)


def test_expressions_name_builtins_models_and_combinations() -> None:
    assert codec.resolve("made_up.Owner") is m.Owner
    assert codec.resolve("dict[str, list[made_up.Owner]]") == dict[str, list[m.Owner]]
    assert codec.resolve("Literal['a', 1] | None | int").__args__[1:] == (type(None), int)
    assert codec.resolve("None") is None
    assert codec.resolve("made_up.Owner | made_up.Auto | made_up.Seconds") is codec.resolve(
        "made_up.Owner | made_up.Auto | made_up.Seconds"
    )


def test_raw_items_can_be_requested() -> None:
    first, second = codec.loads("list[Raw]", b'[{"a": 1}, 2]')
    assert (bytes(first), bytes(second)) == (b'{"a": 1}', b"2")
