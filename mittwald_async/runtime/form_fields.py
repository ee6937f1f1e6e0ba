"""Parts of a form that are not files."""

from __future__ import annotations

from typing import NamedTuple


class FormField(NamedTuple):
    """A value of a form: its bytes, and its media type where the document names one."""

    content: bytes
    content_type: str | None = None
