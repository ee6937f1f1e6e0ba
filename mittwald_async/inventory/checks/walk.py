"""One walk through a table for every check of single rows of it, and for both states.

A row that has not changed since the state before is read once: what a check says of it now is what it said then, unless
its judge knows something else by now or it depends on the time. Then the row is judged twice. Only versions that have
ended since are read for the state before alone.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .check import Check, Hit, InventoryReader, Judge, OfDetail
from .state import BEYOND_ROW, TEXT, WHOSE, InventoryState

Carried = Callable[[str, str], bool]
"""Tells by account and key whether something was found in the state before as it is found now."""


class CheckHits(NamedTuple):
    """What a check finds in both states."""

    now: list[Hit]
    before: list[Hit]
    """What it found in the state before, without what is carried."""
    carried: Carried


def nothing_carried(_account: str, _key: str) -> bool:
    return False


def _everything(_account: str, _key: str) -> bool:
    return True


_NOW = re.compile(r":now\b")
_AT_ONCE = 2_000
"""Rows that are taken out of the database at once: a few MB."""
_ALIKE = 4_096
"""Details whose judgement is remembered."""


def of_rows(check: Check) -> bool:
    """Whether a check asks SQL about single rows, without looking at others."""
    return check.find is None and not any(map(BEYOND_ROW.search, (check.subject, check.detail, check.where)))


def walk(checks: Sequence[Check], now: InventoryState, before: InventoryState | None) -> list[CheckHits]:
    """What each of these checks finds in both states. All are of the same table, and `of_rows`."""
    asked = [_Asked(check.where, check.subject, check.detail) for check in checks]
    judges = [_judge(check, now) for check in checks]
    return _walk_one(checks, asked, judges, now) if before is None else _walk_both(checks, asked, judges, now, before)


def _walk_one(
    checks: Sequence[Check], asked: Sequence[_Asked], judges: Sequence[Judge], now: InventoryState
) -> list[CheckHits]:
    found = [CheckHits([], [], nothing_carried) for _ in checks]
    query = _Query(asked)
    readings = [
        _Reading(query.place(one), judge, made.now) for one, judge, made in zip(asked, judges, found, strict=True)
    ]
    _read(now, now.select(checks[0].table, query.columns, query.where), readings)
    return found


def _walk_both(
    checks: Sequence[Check],
    asked: Sequence[_Asked],
    judges: Sequence[Judge],
    now: InventoryState,
    before: InventoryState,
) -> list[CheckHits]:
    table = checks[0].table
    same_row = before.carries(table)
    query, ended = _Query([*asked, *(one.before() for one in asked)]), _Query(asked)
    found: list[CheckHits] = []
    readings: list[_Reading] = []
    of_ended: list[_Reading] = []
    for check, one, judge in zip(checks, asked, judges, strict=True):
        judge_before = _judge(check, before)
        same = one.before() == one and judge == judge_before
        made = CheckHits([], [], same_row if same else nothing_carried)
        found.append(made)
        readings.append(_Reading(query.place(one), judge, made.now))
        if not same:
            readings.append(_Reading(query.place(one.before()), judge_before, made.before, same_row))
        of_ended.append(_Reading(ended.place(one), judge_before, made.before))
    _read(now, now.select(table, query.columns, query.where, before=before.now), readings)
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
    """What one judge says of the rows of a query."""

    place: int
    judge: Judge
    hits: list[Hit]
    """Where it is noted."""
    among: Carried = _everything
    """Which rows it is asked of."""


_Judged = tuple[Sequence[Any], Sequence[str]]
"""A row, and what is wrong with it."""


def _read(state: InventoryState, rows: sqlite3.Cursor, readings: Sequence[_Reading]) -> None:
    judging = [(_judging(reading), reading) for reading in readings]
    while chunk := rows.fetchmany(_AT_ONCE):
        for judged, reading in judging:
            _note(judged(chunk), reading, state.day_of)


def _judging(reading: _Reading) -> Callable[[Iterable[Sequence[Any]]], Iterable[_Judged]]:
    """What judges the rows that meet the condition. Those of a judge of details need no call each."""
    what, detail = reading.place, reading.place + 1
    judge = reading.judge
    if judge is _as_it_is:
        return lambda rows: [(row, (row[detail],)) for row in rows if row[what] is not None]
    if isinstance(judge, OfDetail):
        # Most rows are like one of a few.
        says = lru_cache(_ALIKE)(judge.says)
        return lambda rows: [(row, found) for row in rows if row[what] is not None and (found := says(row[detail]))]
    return lambda rows: [
        (row, found) for row in rows if row[what] is not None and (found := judge(row[0], row[what], row[detail]))
    ]


def _note(judged: Iterable[_Judged], reading: _Reading, day_of: Callable[[int | None], str | None]) -> None:
    place, among, hits = reading.place, reading.among, reading.hits
    for row, details in judged:
        account, key, customer, project, unseen = row[:5]
        if among is _everything or among(account, key):
            day = None if unseen is None else day_of(unseen)
            for detail in details:
                hits.append(Hit(account, key, customer, project, row[place], detail, day))
