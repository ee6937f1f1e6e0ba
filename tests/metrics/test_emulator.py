"""Metrics of the emulator's account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.metrics import Metrics, MetricsError


async def test_usage_of_a_project_and_an_invalid_query() -> None:
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        project = await mw.project.list_projects().first()
        assert project is not None
        found = await mw.metrics.usage(project.id, start=timedelta(hours=6))
        assert [one.ref_id for one in found] == ["cpu", "memory", "storage", "requests"]
        assert all(one.latest is not None and 60 < len(one.times) < 80 for one in found)
        assert found.to_arrow().num_rows == sum(len(one.times) for one in found)
        (now,) = await mw.metrics.instant("sum(container_memory_working_set_bytes)", project_id=project.id)
        assert now.latest is not None
        with pytest.raises(MetricsError, match="parse error"):
            await mw.metrics.instant("sum(")
        assert list(await mw.metrics.instant("up", project_id="nobody-s")) == []


async def test_an_instant_query_in_a_gap_returns_the_previous_sample() -> None:
    end = datetime(2026, 11, 20, tzinfo=UTC)
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        (hours,) = await mw.metrics.query("up", start=end - timedelta(days=5), end=end)
        gaps = [at for at, value in zip(hours.times, hours.values, strict=True) if value is None]
        assert gaps, "a series without gaps shows nothing"
        for gap in gaps:
            (now,) = await mw.metrics.instant("up", at=gap)
            assert now.latest == hours.values[hours.times.index(gap) - 1] is not None


async def test_the_maximum_of_a_window_matches_its_series() -> None:
    end = datetime(2026, 11, 20, tzinfo=UTC)
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        (hours,) = await mw.metrics.query("up", start=end - timedelta(hours=12) + timedelta(minutes=5), end=end)
        (most,) = await mw.metrics.instant("max_over_time((up)[12h:5m])", at=end)
        assert most.values == [hours.maximum]
        with pytest.raises(MetricsError, match="too many samples"):
            await mw.metrics.instant("max_over_time((up)[90d:5m])", at=end)


async def test_a_custom_query_may_end_with_a_comment() -> None:
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        project = await mw.project.list_projects().first()
        assert project is not None
        rows = await Metrics(mw, ready_made={"visits": "sum(visits_total) # by hand"}).summary(project.id)
    assert [(row.metric, row.unit) for row in rows][-1] == ("visits", None)
    assert all(row.maximum_of_30_days is not None for row in rows)
