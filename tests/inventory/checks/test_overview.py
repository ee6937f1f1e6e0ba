"""The overview counts what the whole report lists, and begins with the same findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mittwald_async.inventory.checks import SEVERITIES, Mute, run_checks
from mittwald_async.inventory.checks.overview import overview

from .test_earlier import history

MUTES = [
    Mute(reason="of a family", family="mail", account="second"),
    Mute(reason="of all checks", subject="*a*"),
    Mute(reason="of a severity", severity="high", project="*p1*"),
    Mute(reason="of a check that finds nothing of it", check="cronjob-failing", subject="?"),
]


@pytest.fixture(scope="module", params=range(2))
def file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return history(tmp_path_factory.mktemp("overview") / "inventory.sqlite", request.param)


@pytest.mark.parametrize("mutes", [[], MUTES], ids=["none", "many"])
def test_an_overview_counts_what_the_report_lists(file: Path, mutes: Sequence[Mute]) -> None:
    whole = run_checks(file, mutes=mutes)
    assert whole.findings
    assert bool(whole.muted) == bool(mutes)
    for listed in (0, len(whole.findings) // 2, len(whole.findings) + 1):
        short = overview(file, listed=listed, mutes=mutes)
        assert short.findings == whole.findings[:listed]
    assert short.total == len(whole.findings)
    assert short.severities == {severity: whole.count(severity) for severity in SEVERITIES}
    assert (short.new, short.solved) == (whole.new, len(whole.solved))
    assert short.checks == {one.check for one in whole.findings}
    found = Counter((one.account, one.customer_id, one.severity) for one in whole.findings if one.customer_id)
    assert (
        Counter({(*owner, severity): n for owner, counts in short.customers.items() for severity, n in counts.items()})
        == found
    )
    assert (short.skipped, short.checked_at, short.compared) == (whole.skipped, whole.checked_at, whole.compared)
