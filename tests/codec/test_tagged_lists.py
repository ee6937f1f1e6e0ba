"""Lists of unions decoded through tagged twins yield the same values, or the same refusal, as the plain decoder."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import field

from mittwald_async import codec
from mittwald_async.models import conversation
from mittwald_async.runtime._accel import list_decoder, tagged_lists
from mittwald_async.runtime.codec.decoders import plain_decoder
from mittwald_async.runtime.codec.tolerant import coerce
from mittwald_async.runtime.structs import Model, UnionStandIn

MESSAGES = "list[conversation.ListMessagesByConversationItem]"
WHEN = "2026-01-02T03:04:05Z"
USER = {"userId": "u-1", "clearName": "Erika", "active": True}
BASE = {"conversationId": "c-1", "createdAt": WHEN}
MESSAGE: dict[str, Any] = {
    **BASE,
    "type": "MESSAGE",
    "messageId": "m-1",
    "messageContent": "x",
    "internal": False,
    "files": [],
}
STATUS = {**BASE, "type": "STATUS_UPDATE", "messageContent": "STATUS_CLOSED", "meta": {"user": USER}}
RESUBMISSION = {
    **BASE,
    "type": "STATUS_UPDATE",
    "messageContent": "RESUBMISSION_CREATED",
    "meta": {"resubmitAt": WHEN, "groupId": "g", "groupAcronym": "KS", "groupName": "Kundenservice", "user": USER},
}
LIMIT = {"mailAddressId": "a-1", "rateLimitId": "r-1"}
REQUEST = {**BASE, "type": "SERVICE_REQUEST", "messageId": "m-2", "messageContent": "call", "meta": LIMIT}
ODD: list[Any] = [None, 5, "odd", True, {}, [], {"user": 5}, "MESSAGE", "STATUS_UPDATE", "RESUBMISSION_CREATED"]
EXPECTED = codec.resolve(MESSAGES)
FAST, PLAIN = list_decoder.decoder_of(EXPECTED), plain_decoder(EXPECTED)
ITEMS: list[dict[str, Any]] = [MESSAGE, STATUS, RESUBMISSION, REQUEST]


def outcome(decode: Any, expected: Any, body: bytes) -> tuple[object, ...]:
    """The outcome of decoding a body, tolerant decoding included: the values and the classes of everything in them."""
    try:
        return _shown(decode(body))
    except msgspec.ValidationError:
        found, notes = coerce(expected, msgspec.json.decode(body))
        return (*_shown(found), *notes)


def _shown(found: Any) -> tuple[object, ...]:
    return repr(found), codec.encode(found), _classes(found)


def _classes(item: Any) -> object:
    if isinstance(item, msgspec.Struct):
        return type(item), [_classes(getattr(item, name)) for name in item.__struct_fields__]
    kind: Any = getattr(item, "__class__")  # noqa: B009 - the type of Any is of no kind
    return kind, [_classes(part) for part in item] if kind is list else []


def both(items: Any) -> None:
    body = items if isinstance(items, bytes) else json.dumps(items).encode()
    assert outcome(FAST, EXPECTED, body) == outcome(PLAIN, EXPECTED, body)


def tagged() -> Any:
    found = tagged_lists.decoder_of(getattr(conversation, "_ListMessagesByConversationItem"))  # noqa: B009 - private
    assert found is not None
    return found


def test_messages_of_a_conversation_are_decoded_through_twins_to_their_own_classes() -> None:
    made = tagged()(json.dumps(ITEMS).encode())
    assert [type(item) for item in made] == [
        conversation.Message,
        conversation.GenericStatusUpdate,
        conversation.ResubmissionStatusUpdate,
        conversation.ServiceRequest,
    ]
    both(ITEMS)
    for item in made:
        assert isinstance(item, type(item))
        assert item == copy.copy(item) == pickle.loads(pickle.dumps(item))
        assert msgspec.structs.replace(item, type="other").type == "other"
        with pytest.raises(AttributeError):
            item.type = "other"
    assert hash(made[1]) == hash(PLAIN(json.dumps(ITEMS).encode())[1])
    assert made[2].meta.group_name == "Kundenservice"


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["messageContent"])
def test_each_key_may_be_absent_null_invalid_duplicated_or_first(item: dict[str, Any]) -> None:
    both([dict(reversed(item.items()))])
    both([{**item, "more": {"deep": [1]}}])
    for key in item:
        rest = {name: value for name, value in item.items() if name != key}
        for odd in ODD:
            both([MESSAGE, {**rest, key: odd}, STATUS])
            for first, second in ((odd, item[key]), (item[key], odd)):
                pairs = [f'"{key}":{json.dumps(value)}' for value in (first, second)]
                for at in (0, 1):
                    others = [f'"{name}":{json.dumps(value)}' for name, value in rest.items()]
                    text = ",".join([*others[: at * 9], *pairs, *others[at * 9 :]])
                    both(b"[{" + text.encode() + b"}]")
        both([MESSAGE, rest, STATUS])


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b"null", b"[null]", b"[5]", b"[[]]", b"[{}]", b'[{"type":"OTHER"}]', b'[{" type of the twin":1}]'],
)
def test_invalid_lists_are_refused_or_unknown_as_usual(body: bytes) -> None:
    both(body)


def test_an_unknown_variant_does_not_change_its_neighbours() -> None:
    both([MESSAGE, {**BASE, "type": "POLL", "options": [1, 2]}, STATUS, RESUBMISSION])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_arbitrary_items_match_the_plain_decoder(data: st.DataObject) -> None:
    values = st.sampled_from([WHEN, None, 5, "x", True, [], {}, USER, {"user": USER}, RESUBMISSION["meta"]])
    changed = st.tuples(
        st.sampled_from(ITEMS), st.dictionaries(st.sampled_from([*RESUBMISSION, "files"]), values, max_size=1)
    )
    both([{**item, **change} for item, change in data.draw(st.lists(changed, max_size=4))])


def test_a_former_twin_leaves_no_class_and_no_reference() -> None:
    decode = tagged()
    body = json.dumps(ITEMS * 10).encode()
    decode(body)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        assert not any(type(item).__name__.endswith("Twin") for item in decode(body))
    gc.collect()
    assert len(gc.get_objects()) - before < 50
    alive = weakref.ref(conversation.Message)
    assert alive() is conversation.Message


# ---- unions without twins ----


class _One(Model, frozen=True):
    kind: Literal["one"]
    value: int


class _Base(Model, frozen=True):
    kind: str


class _Inherited(_Base, frozen=True):
    value: int


class _Two(Model, frozen=True):
    kind: Annotated[str, msgspec.Meta(max_length=3)]
    made: list[int] = field(default_factory=list[int])


def _union(**variants: type) -> Any:
    plan = tuple((index, ("const", "kind", (text,))) for index, text in enumerate(variants))
    return type("Made", (UnionStandIn,), {"variants": tuple(variants.values()), "plan": plan})


def test_a_default_factory_makes_a_new_default_for_each_value() -> None:
    decode = tagged_lists.decoder_of(_union(one=_One, two=_Two))
    assert decode is not None
    one, two, other = decode(b'[{"kind":"one","value":1},{"kind":"two"},{"value":2,"kind":"two"}]')
    assert (one, two) == (_One(kind="one", value=1), _Two(kind="two", made=[]))
    assert two.made is not other.made


@pytest.mark.parametrize("union", [_union(one=_Inherited), _union(other=_One), _union(long_text=_Two)])
def test_a_variant_with_another_layout_or_constant_has_no_twin(union: Any) -> None:
    assert tagged_lists.decoder_of(union) is None
    text = union.plan[0][1][2][0]
    body = json.dumps([{"kind": text, "value": 1}]).encode()
    expected: Any = list[union]
    assert outcome(list_decoder.decoder_of(expected), expected, body) == outcome(
        plain_decoder(expected), expected, body
    )
