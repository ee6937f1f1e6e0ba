"""Where an inventory goes: SQLite as it is, or JSON Lines, CSV and Parquet written from it.

Every sweep is written to SQLite first, because that is what makes it restartable. The other forms are written from it
at the end, beside their name and then renamed: there is a whole file or none. A form is a class with a name, registered
by `register`; whatever is registered can be asked for by that name or by the suffixes it claims.
"""

from .base import SINKS, Sink, export, register, sink_for
from .csv import CsvSink, RawCsvSink
from .jsonl import JsonLinesSink
from .parquet import ParquetSink
from .sqlite import SqliteSink

__all__ = [
    "SINKS",
    "CsvSink",
    "JsonLinesSink",
    "ParquetSink",
    "RawCsvSink",
    "Sink",
    "SqliteSink",
    "export",
    "register",
    "sink_for",
]
