"""A view of an inventory as a table for people: names beside ids, nested data flattened."""

from __future__ import annotations

from .table import ExportTable, tables_of
from .write import FORMS, form_of, write_tables

__all__ = ["FORMS", "ExportTable", "form_of", "tables_of", "write_tables"]
