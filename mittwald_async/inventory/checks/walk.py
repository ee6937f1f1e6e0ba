"""One walk through a table for every check of single rows of it, and for both states.

A row that has not changed since the state before is read once: what a check says of it now is what it said then, unless its
judge knows something else by now or it depends on the time. Then the row is judged twice. Only versions that have ended since
are read for the state before alone.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .check import Check, Hit, InventoryReader, Judge
from .state import BEYOND_ROW, TEXT, WHOSE, InventoryState

Found = tuple[list[Hit], list[Hit]]
"""What a check finds now, and what it found in the state before."""

_NOW = re.compile(r":now\b")
_AT_ONCE = 2_000
"""Rows that are taken out of the database at once: a few MB."""


def of_rows(check: Check) -> bool:
    """Whether a check asks SQL about single rows, without looking at others."""
    return check.find is None and not any(map(BEYOND_ROW.search, (check.subject, check.detail, check.where)))


def walk(checks: Sequence[Check], now: InventoryState, before: InventoryState | None) -> list[Found]:
    """What each of these checks finds in both states. All are of the same table, and `of_rows`."""
    found: list[Found] = [([], []) for _ in checks]
    asked = [_Asked(check.where, check.subject, check.detail) for check in checks]
    judges = [_judge(check, now) for check in checks]
    query = _Query([*asked, *(one.before() for one in asked if before is not None)])
    if before is None:
        readings = [
            _Reading(query.place(one), judge, hits, None)
            for one, judge, (hits, _) in zip(asked, judges, found, strict=True)
        ]
        _read(now, now.select(checks[0].table, query.columns, query.where), readings)
        return found
    ended = _Query(asked)
    judges_before = [_judge(check, before) for check in checks]
    readings, of_ended = [], []
    for one, judge, judge_before, (hits, earlier) in zip(asked, judges, judges_before, found, strict=True):
        if one.before() == one and judge == judge_before:
            readings.append(_Reading(query.place(one), judge, hits, earlier))
        else:
            readings.append(_Reading(query.place(one), judge, hits, None))
            readings.append(_Reading(query.place(one.before()), judge_before, None, earlier))
        of_ended.append(_Reading(ended.place(one), judge_before, None, earlier))
    table = checks[0].table
    _read(now, now.select(table, query.columns, query.where, before=before.now), readings, before.carries(table))
    _read(before, before.select_ended(table, ended.columns, ended.where), of_ended)
    return found


def _judge(check: Check, state: InventoryReader) -> Judge:
    return _as_it_is if check.judge is None else check.judge(state)


def _as_it_is(_account: str, _subject: str, detail: str) -> Sequence[str]:
    return (detail,)


class _Asked(NamedTuple):
    """What SQL is asked for a check: a condition, and texts of the rows that meet it."""

    where: str
    subject: str
    detail: str

    def before(self) -> _Asked:
        """The same at the time of the state before."""
        return _Asked(*(_NOW.sub(":before", part) for part in self))


class _Query:
    """One query for several things asked. In rows that do not meet the condition of one, its columns are NULL."""

    def __init__(self, asked: Iterable[_Asked]) -> None:
        every = list(dict.fromkeys(asked))
        conditions = dict.fromkeys(one.where for one in every)
        self._places = {one: len(WHOSE) + 2 + 2 * place for place, one in enumerate(every)}
        self.where = " OR ".join(f"({condition})" for condition in conditions)
        self.columns = WHOSE + tuple(
            TEXT.format(text) if len(conditions) == 1 else f"CASE WHEN {one.where} THEN {TEXT.format(text)} END"
            for one in every
            for text in (one.subject, one.detail)
        )

    def place(self, asked: _Asked) -> int:
        """The column of its subject; the detail follows."""
        return self._places[asked]


class _Reading(NamedTuple):
    """What one judge says of the rows of a query, and where that is noted."""

    place: int
    judge: Judge
    now: list[Hit] | None
    before: list[Hit] | None


def _read(
    state: InventoryState,
    rows: sqlite3.Cursor,
    readings: Sequence[_Reading],
    carried: Callable[[str, str], bool] = lambda _account, _key: True,
) -> None:
    """Judge rows. `carried` tells whether one was there, and the same, in the state before."""
    while chunk := rows.fetchmany(_AT_ONCE):
        for reading in readings:
            _take(chunk, reading, state.day_of, carried)


def _take(
    rows: Iterable[Sequence[Any]],
    reading: _Reading,
    day_of: Callable[[int | None], str | None],
    carried: Callable[[str, str], bool],
) -> None:
    place, judge, now, before = reading
    for row in rows:
        subject = row[place]
        if subject is None:
            continue
        details = judge(row[0], subject, row[place + 1])
        if details:
            account, key, customer, project, unseen = row[:5]
            hits = [Hit(account, key, customer, project, subject, detail, day_of(unseen)) for detail in details]
            if now is not None:
                now += hits
            if before is not None and carried(account, key):
                before += hits
