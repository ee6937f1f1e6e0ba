"""The document of the second API, and a server made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from document_samples import Json

PLATFORM = Path(__file__).resolve().parents[2] / "examples" / "platform"


@pytest.fixture(scope="session")
def platform_document() -> Json:
    document: Json = json.loads((PLATFORM / "platform-v1.json").read_text(encoding="utf-8"))
    return document
