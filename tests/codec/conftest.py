"""Puts made-up models where the generated ones are."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from mittwald_async import codec

from ..support import sample_models as made_up


@pytest.fixture(autouse=True)
def _made_up_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setitem(sys.modules, "mittwald_async.models.made_up", made_up)
    codec.forget_reports()
    yield
    codec.forget_reports()
