"""Writes in bulk that survive the end of the program: journalled calls, sources of rows, reading back.

async with bulk.Journal("rename.journal") as journal:
    async for done in journal.run(rows, rename, key=lambda row: row["id"]):
        ...
"""

from .journal import Journal, read_journal
from .records import (
    CANNOT_TELL,
    DONE,
    NOT_DONE,
    ChangedInputError,
    DuplicateKeyError,
    ItemOutcome,
    ItemState,
    JournalEntry,
    JournalError,
    Stage,
    UnknownOutcomeError,
    Verdict,
)
from .source_rows import SourceError
from .sources import query, read_rows
from .verifiers import WriteVerifier, verifier_for

__all__ = [
    "CANNOT_TELL",
    "DONE",
    "NOT_DONE",
    "ChangedInputError",
    "DuplicateKeyError",
    "JournalEntry",
    "ItemOutcome",
    "ItemState",
    "Journal",
    "JournalError",
    "SourceError",
    "Stage",
    "UnknownOutcomeError",
    "Verdict",
    "WriteVerifier",
    "query",
    "read_journal",
    "read_rows",
    "verifier_for",
]
