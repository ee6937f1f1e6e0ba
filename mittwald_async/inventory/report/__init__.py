"""An inventory as one page to look at: a file that loads nothing, with tables to search and charts."""

from __future__ import annotations

from .page import report_html, write_report

__all__ = ["report_html", "write_report"]
