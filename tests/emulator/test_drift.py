"""Some responses deviate from the document on purpose."""

from __future__ import annotations

from typing import Any

import msgspec

from mittwald_async.emulator.behaviours.drift import FIELD, WORD, Drift
from mittwald_async.emulator.options import EmulatorOptions

from ..support.emulator_requests import EmulatorClient


def changed(data: Any, seed: int = 0) -> Any:
    return Drift(EmulatorOptions(seed=seed, drift=1.0)).change(data, frozenset({"status"}))


def test_a_property_or_an_enum_value_is_added_to_one_object() -> None:
    results = [changed({"status": "ready"}, seed) for seed in range(60)]
    assert {"status": WORD} in results
    assert sum(FIELD in result for result in results) > 40
    assert all(set(result) <= {"status", FIELD} for result in results)


def test_lists_and_encoded_values_are_changed_in_one_position() -> None:
    items = [msgspec.Raw(b'{"id":1}'), {"id": 2}]
    result = msgspec.json.decode(msgspec.json.encode(changed(items)))
    assert sum(FIELD in item for item in result) == 1
    assert [item["id"] for item in result] == [1, 2]
    assert FIELD in changed(msgspec.Raw(b"{}"))


def test_values_without_objects_are_unchanged() -> None:
    assert changed("text") == "text"
    assert changed([]) == []
    assert changed([1]) == [1]


async def test_a_share_of_responses_drifts_reproducibly() -> None:
    talks = [EmulatorClient(drift=0.2, seed=seed) for seed in (4, 4)]
    bodies = [[(await client.get("/v2/projects?limit=2")).body for _ in range(60)] for client in talks]
    assert bodies[0] == bodies[1]
    assert 3 <= sum(FIELD.encode() in body for body in bodies[0]) <= 25
    assert talks[0].core.drift.added == talks[1].core.drift.added


async def test_single_objects_and_generic_responses_drift_too() -> None:
    client = EmulatorClient(drift=1.0)
    project = (await EmulatorClient().get("/v2/projects?limit=1")).ids[0]
    for url in (f"/v2/projects/{project}", "/v2/users/self/sessions/current/status"):
        answer = await client.get(url)
        assert FIELD in answer.json or WORD in answer.body.decode()
