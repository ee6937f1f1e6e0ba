"""Text for XML: reports as JUnit, workbooks, charts."""

from __future__ import annotations

import re

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str, instead: str = "") -> str:
    """A text without the characters that XML 1.0 cannot hold.

    Args:
        text: any text.
        instead: what is written for each of them.
    """
    return _NOT_XML.sub(instead, text)
