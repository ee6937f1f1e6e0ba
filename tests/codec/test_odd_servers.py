"""Values in notations that the document does not foresee, each reported in public for a comparable tool: the intended
value is kept, its neighbours are intact, and it is sent back as received.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mittwald_async import codec
from mittwald_async.errors import DriftWarning, ResponseDecodeError
from mittwald_async.runtime.codec import decoders
from mittwald_async.runtime.structs import Unknown

from ..support import sample_models as m
from ..support.decoding import again, decode, operation

SITE: dict[str, Any] = {"id": "s", "createdAt": "2026-01-02T03:04:05Z", "status": "ready"}
LAST = "9998-12-31T23:59:59.999999"
CUT = datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def body_of(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# ---- bytes that are not UTF-8 ----


@pytest.mark.parametrize("odd", [b"M\xfcller", b"cut \xc3", b"\xed\xa0\x80", b"\xff\xfe", b"\xf8\x88"])
def test_an_invalid_byte_in_one_item_never_hides_the_others(odd: bytes) -> None:
    """msgspec#714."""
    items = [body_of({**SITE, "id": str(number)}) for number in range(4)]
    items[2] = items[2].replace(b'"id":"2"', b'"id":"' + odd + b'"')
    body = b"[" + b",".join(items) + b"]"
    with pytest.warns(DriftWarning, match="U\\+FFFD"):
        sites = codec.decode(operation("list[made_up.Site]"), 200, "application/json", body)
    assert [site.id for site in sites] == ["0", "1", odd.decode("utf-8", "replace"), "3"]
    assert all(type(site) is m.Site for site in sites)
    assert json.loads(codec.encode(sites))[3] == {**SITE, "id": "3"}
    with pytest.raises(ResponseDecodeError, match="utf-8"):
        codec.decode(operation("list[made_up.Site]"), 200, "application/json", body, strict=True)


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"1e999", "1e999"),
        (b"9" * 5000, "9" * 5000),
        (b'"tab\there"', "tab\there"),
        (b'"half \\ud83d"', "half \ufffd"),
    ],
)
def test_a_non_json_value_affects_nothing_else(odd: bytes, kept: str) -> None:
    body = b'[{"id":"1"},{"id":' + odd + b'},{"id":"3"}]'
    with pytest.warns(DriftWarning):
        owners = codec.decode(operation("list[made_up.Owner]"), 200, "application/json", body)
    assert [owner.id for owner in owners] == ["1", kept, "3"]
    assert json.loads(codec.encode(owners))[1] == {"id": kept}


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ((b"a\xff", b"a\xfe"), ["a\ufffd", "a\ufffd\ufffd"]),
        ((b"\\ud83d", b"\\ud83e", b"\xff"), ["\ufffd", "\ufffd\ufffd", "\ufffd\ufffd\ufffd"]),
        ((b"\xff", b"\xef\xbf\xbd"), ["\ufffd\ufffd", "\ufffd"]),
        ((b"\xff", b"\xfe", b"\xff\xfe"), ["\ufffd", "\ufffd\ufffd", "\ufffd\ufffd\ufffd"]),
        ((b"\xe2\x82", b"b"), ["\ufffd", "b"]),
        ((b"\xc3\\udca9", b"b"), ["\ufffd", "b"]),
    ],
)
def test_undecodable_keys_stay_distinct(keys: tuple[bytes, ...], kept: list[str]) -> None:
    """Two keys of one object may both decode to U+FFFD. Of keys with the same bytes the last one wins."""
    last = len(keys) - 1
    pairs = [b'"%s":%d' % (key, 99 if number == last else number) for number, key in enumerate(keys)]
    body = b"{" + b",".join([*pairs, b'"%s":%d' % (keys[-1], last)]) + b"}"
    for expression, around in (("Any", b"%s"), ("dict[str, int]", b"%s"), ("list[dict[str, int]]", b"[%s]")):
        with pytest.warns(DriftWarning, match="U\\+FFFD"):
            found = codec.loads(expression, around % body)
        made: dict[str, Any] = found[0] if around == b"[%s]" else found
        assert {kept[number]: number for number in range(len(keys))} == made
        assert json.loads(codec.encode(made)) == made
        with pytest.raises(ResponseDecodeError):
            codec.loads(expression, around % body, strict=True)
        codec.forget_reports()


def test_a_successful_write_never_raises_for_bytes_in_its_response() -> None:
    """A 2xx whose body is not UTF-8 yields text with U+FFFD, or one of our errors."""
    for content_type in ("application/json", "text/plain", "text/plain; charset=undefined", "a/b; charset=hex", None):
        for expression in ("made_up.Owner", "str", "None", "bytes", "Any", "list[made_up.Event]"):
            for body in (b"\xff", b'"\xff"', b'{"id":"\xff"}', b"\x80" * 90, b'[{"type":"\xff"}]'):
                with warnings.catch_warnings(), contextlib.suppress(ResponseDecodeError):
                    warnings.simplefilter("ignore", DriftWarning)
                    codec.decode(operation(expression), 200, content_type, body)


# ---- date-times ----


@pytest.mark.parametrize("more", ["9", "5", "0", "999", "999999999999"])
@pytest.mark.parametrize(
    ("expression", "around"),
    [
        ("datetime", '"%s"'),
        ("datetime | None", '"%s"'),
        ("list[datetime]", '["%s"]'),
        ("dict[str, datetime]", '{"a":"%s"}'),
        ("made_up.Site", '{"id":"s","createdAt":"%s","status":"ready"}'),
        ("list[made_up.Event]", '[{"type":"MESSAGE","text":"23:59:59.9999999","at":"%s"}]'),
        ("made_up.Wide", '{"kind":"moment","at":"%s"}'),
        ("made_up.Moment", '{"kind":"moment","at":"%s"}'),
    ],
)
def test_digits_beyond_microseconds_are_cut_without_rounding(expression: str, around: str, more: str) -> None:
    """The last moment of a day stays on that day at any position; msgspec alone would round it up."""
    for zone in ("Z", "+02:00", "-11:30"):
        came, due = (around % f"{LAST}{digits}{zone}" for digits in (more, ""))
        assert codec.encode(codec.loads(expression, came.encode(), strict=True)).decode() == due
        assert codec.encode(codec.convert(expression, json.loads(came), strict=True)).decode() == due
        page = codec.loads(f"list[{expression}]", f"[{came},{due}]".encode(), strict=True)
        assert codec.encode(page).decode() == f"[{due},{due}]"


def test_digits_beyond_microseconds_are_kept_in_text() -> None:
    text = f"{LAST}9Z"
    assert decode("str", text, strict=True) == text
    assert decode("made_up.Ttl", {"weeks": text}, strict=True) == Unknown({"weeks": text})
    assert decode("made_up.Site", {**SITE, "id": text, "extra": [text]}, strict=True).extra == [text]


@pytest.mark.parametrize("place", [0, 1, 777, 1998, 1999])
def test_one_long_fraction_in_a_long_page_is_found_at_any_position(place: int) -> None:
    page = [{**SITE, "id": "x" * 300, "createdAt": f"{LAST}Z"} for _ in range(2000)]
    page[place]["createdAt"] = f"{LAST}9Z"
    body = body_of(page)
    assert len(body) > 512 * 1024
    assert {site.created_at for site in codec.loads("list[made_up.Site]", body, strict=True)} == {CUT}


@pytest.mark.parametrize("plain", [".9", "9Z", "59.", ":5", "9:"])
def test_digits_written_as_escapes_are_cut_as_well(plain: str) -> None:
    """JSON may write every character as an escape."""
    escaped = "".join(f"\\u{ord(character):04x}" for character in plain)
    for text in (escaped, escaped.replace("e", "E").replace("a", "A")):
        body = f'{{"id":"s","createdAt":"{LAST}9Z","status":"ready"}}'.replace(plain, text)
        assert codec.loads("made_up.Site", body.encode(), strict=True).created_at == CUT


def test_a_long_fraction_that_would_not_round_up_takes_the_fast_path() -> None:
    for text in ("0.9999999", '"at 10.9999999"', '"2026-01-02T03:04:05.1234564Z"', '"\\u003cb>\\u0026\\n"'):
        assert not decoders.too_precise(text.encode())
    site = codec.loads("made_up.Site", body_of({**SITE, "createdAt": f"{LAST}4Z"}), strict=True)
    assert site.created_at == CUT


@pytest.mark.parametrize("naive", ["2026-03-29T02:30:00", "2026-01-02 03:04:05.123456", "2026-01-02T03:04:05.1234567"])
@pytest.mark.parametrize(
    ("expression", "around"),
    [
        ("datetime", '"%s"'),
        ("list[datetime | None]", '["%s",null]'),
        ("dict[str, datetime]", '{"a":"%s"}'),
        ("made_up.Site", '{"id":"s","createdAt":"%s","status":"ready"}'),
        ("list[made_up.Event]", '[{"type":"MESSAGE","text":"","at":"%s"}]'),
    ],
)
def test_a_time_without_a_zone_is_never_given_the_machines_and_is_sent_back_unchanged(
    expression: str, around: str, naive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """meltano/sdk#2612."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    value = json.loads(around % naive)
    with pytest.warns(DriftWarning, match="date-time without time zone"):
        decoded = decode(expression, value)
    assert json.loads(codec.encode(decoded)) == value
    assert codec.dump(decoded) == value
    with pytest.raises(ResponseDecodeError, match="date-time without time zone"):
        decode(expression, value, strict=True)
    with pytest.raises(ResponseDecodeError, match="date-time without time zone"):
        codec.convert(expression, value, strict=True)


def test_an_offset_is_kept() -> None:
    made = decode("datetime", "2026-07-02T03:04:05+02:00", strict=True)
    assert made == datetime(2026, 7, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert made.utcoffset() == timedelta(hours=2)


# ---- numbers ----


@pytest.mark.parametrize(("text", "number"), [(b"1000.0", 1000), (b"1e3", 1000), (b"-2.50e1", -25), (b"0.0", 0)])
@pytest.mark.parametrize("strict", [True, False])
def test_an_integer_may_have_a_point_or_an_exponent(text: bytes, number: int, strict: bool) -> None:
    """By JSON Schema, 1000.0 is an integer."""
    for expression, around in (
        ("int", b"%s"),
        ("int | None", b"%s"),
        ("int | str", b"%s"),
        ("list[int]", b"[1,%s]"),
        ("dict[str, int]", b'{"a":%s}'),
        ("made_up.Ttl", b'{"seconds":%s}'),
        ("list[made_up.Seconds]", b'[{"seconds":%s}]'),
        ("list[made_up.Spec]", b'[{"ram":%s}]'),
    ):
        assert codec.encode(codec.loads(expression, around % text, strict=strict)) == around % str(number).encode()


def test_a_constant_may_have_a_point_too() -> None:
    assert codec.loads("made_up.Graded", b'{"level":1.0}', strict=True) == m.Level(level=1)


@pytest.mark.parametrize("odd", ["1000.5", "1e-3", "1e300", "true", '"1000"'])
def test_a_non_integer_is_not_decoded_as_one(odd: str) -> None:
    with pytest.raises(ResponseDecodeError, match="expected integer"):
        codec.loads("int", odd.encode(), strict=True)
    with pytest.warns(DriftWarning, match="expected integer"):
        assert again("list[int]", [json.loads(odd)]) == [json.loads(odd)]


def test_a_number_keeps_its_form_beside_a_deviating_value() -> None:
    value = {**SITE, "share": 5.0, "count": "odd"}
    with pytest.warns(DriftWarning, match="count"):
        decoded = decode("made_up.Site", value)
    assert type(decoded.share) is float


# ---- keys, and variants that look alike ----


def test_of_a_duplicate_key_the_last_one_wins_everywhere() -> None:
    body = b'{"id":"first","id":"second"}'
    for expression in ("made_up.Owner", "made_up.Mixed", "Any", "dict[str, str]", "made_up.Owner | made_up.Auto"):
        assert codec.encode(codec.loads(expression, body)) == b'{"id":"second"}'
        assert codec.encode(codec.loads(f"list[{expression}]", b"[" + body + b"]")) == b'[{"id":"second"}]'
    event = b'[{"type":"UPDATE","type":"MESSAGE","text":"t","at":"2026-01-02T03:04:05Z"}]'
    assert type(codec.loads("list[made_up.Event]", event, strict=True)[0]) is m.Message
    with pytest.warns(DriftWarning):
        assert codec.loads("made_up.Owner", b'{"id":"first","id":"\xff"}').id == "\ufffd"


def test_variants_with_the_same_keys_are_chosen_by_what_they_keep() -> None:
    """`{"box": {"wide": 1}}` fits both, and only one of them has a property `wide`."""
    for inside, variant in (
        ({"name": "n"}, m.BoxOne),
        ({"name": "n", "wide": 1}, m.BoxTwo),
        ({"name": "n", "x": 1}, m.BoxOne),
    ):
        value = {"box": inside}
        for made in (
            decode("made_up.Box", value, strict=True),
            decode("list[made_up.Box]", [value], strict=True)[0],
            codec.convert("made_up.Box", value, strict=True),
        ):
            assert type(made) is variant
    odd = [{"box": {"name": "n", "wide": 1}}, {"box": 5}]
    with pytest.warns(DriftWarning):
        assert again("list[made_up.Box]", odd) == odd


def test_a_variant_with_element_constraints_is_decoded() -> None:
    """`oneOf: [string, array of {minLength: 1}]`."""
    assert decode("made_up.Limited", ["a"], strict=True) == ["a"]
    assert decode("made_up.Limited", "a", strict=True) == "a"
    assert decode("list[made_up.Limited]", [{"id": "o"}, ["a", "b"], "c"], strict=True) == [
        m.Owner(id="o"),
        ["a", "b"],
        "c",
    ]
