"""Libraries that freeze the clock replace `datetime.datetime` and `datetime.date`: for whatever is imported meanwhile,
and in every module that already holds them (pydantic#10287).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_FREEZE = """
import datetime, sys
class FrozenDate(datetime.date):
    pass
class FrozenDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2020, 1, 1, tzinfo=tz)
class Opaque:
    pass
TRUE = datetime.datetime, datetime.date
def freeze(fakes):
    for true, fake in zip(TRUE, fakes):
        for module in list(sys.modules.values()):
            for name, value in list(vars(module).items()):
                if value is true and module is not sys.modules["__main__"]:
                    setattr(module, name, fake)
def thaw(fakes):
    for true, fake in zip(TRUE, fakes):
        for module in list(sys.modules.values()):
            for name, value in list(vars(module).items()):
                if value is fake and module is not sys.modules["__main__"]:
                    setattr(module, name, true)
FAKES = {fakes}
"""
_USE = """
body = (b'[{"id":"1","shortId":"p-1","description":"x","enabled":true,"customerId":"c","customerMeta":{"id":"c"},'
        b'"createdAt":"2026-01-02T03:04:05Z","deletionRequested":false,"serverGroupId":"g","isReady":true,"readiness":"ready","status":"ready","features":[],'
        b'"statusSetAt":"2026-01-02T03:04:05Z","supportedFeatures":[],"webStorageUsageInBytes":1,"webStorageUsageInBytesSetAt":'
        b'"2026-01-02T03:04:05Z","backupStorageUsageInBytes":1,"backupStorageUsageInBytesSetAt":"2026-01-02T03:04:05Z"}]')
def use():
    from mittwald_async import codec
    project = codec.loads("list[project.ProjectListItem]", body, strict=True)[0]
    assert type(project.created_at) is TRUE[0], type(project.created_at)
    assert type(codec.loads("date", b'"2026-01-02"', strict=True)) is TRUE[1]
    assert b'"createdAt":"2026-01-02T03:04:05Z"' in codec.encode(project)
    assert codec.encode({"at": project.created_at}) == b'{"at":"2026-01-02T03:04:05Z"}'
    assert codec.loads("list[datetime]", b'["2026-01-02T03:04:05.9999999Z"]', strict=True)[0].second == 5
    if FAKES[0] is FrozenDatetime:
        made = FrozenDatetime.now(datetime.timezone.utc)
        assert codec.encode({"at": made, "on": FrozenDate(2026, 1, 2)}) == b'{"at":"2020-01-01T00:00:00Z","on":"2026-01-02"}'
"""


FROZEN = "FrozenDatetime, FrozenDate"
OPAQUE = "Opaque, Opaque"


@pytest.mark.parametrize(
    ("fakes", "when"),
    [
        # (Nothing can be imported while `datetime` is opaque.)
        pytest.param(FROZEN, "freeze(FAKES); use(); thaw(FAKES); use()", id="imported while frozen"),
        *(
            pytest.param(fakes, when, id=f"{name}: {fakes.split(',')[0]}")
            for fakes in (FROZEN, OPAQUE)
            for name, when in (
                (
                    "models imported while frozen",
                    "import mittwald_async.codec; freeze(FAKES); use(); thaw(FAKES); use()",
                ),
                (
                    "first used while frozen",
                    "import mittwald_async.models.project; freeze(FAKES); use(); thaw(FAKES); use()",
                ),
                ("used before", "use(); freeze(FAKES); use()"),
            )
        ),
    ],
)
def test_models_hold_real_times_whenever_the_clock_is_frozen(fakes: str, when: str) -> None:
    program = _FREEZE.replace("{fakes}", f"({fakes})") + _USE + when
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
