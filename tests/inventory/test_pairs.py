"""The small version of the pairs of sweeps in `python -m benchmarks history`, and whether their judge can be
trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.history import pairs_of_sweeps
from benchmarks.history_judge import Judge, Span, State, Thing
from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.inventory import Change, Diff, History, sweep_to
from mittwald_async.inventory.diff import Undecided
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request

A: Thing = ("mail_address", "a")
NOTHING = {"gone": 0, "added": 0, "changed": 0}


async def test_comparisons_are_right_whatever_happens_to_the_sweeps() -> None:
    """Faults, refused lists, truncation, changes during paging, and sweeps that are killed and resumed."""
    judge, kills = await pairs_of_sweeps(10, kill_every=5)
    assert kills == 2
    assert judge.false == NOTHING, judge.wrong
    assert judge.left_out == 0
    assert judge.found > 0


class Passing:
    """Middleware that creates a mailbox before mailboxes are listed, and deletes it when they have been."""

    def __init__(self, other: Mittwald) -> None:
        self._other = other
        self.created: list[str] = []

    async def __call__(self, request: Request, call_next: CallNext) -> RawResponse:
        if request.operation_id != "mail-list-mail-addresses-for-user" or self.created:
            return await call_next(request)
        mw = self._other
        domain = (await mw.domain.list_domains().collect())[0]
        made = await mw.call(
            "mail-create-mail-address",
            path={"projectId": domain.project_id},
            body={"address": f"passing@{domain.domain}", "forwardAddresses": ["a@b.example"]},
        )
        self.created.append(made.id)
        response = await call_next(request)
        await mw.mail.delete_mail_address(made.id)
        return response


async def test_what_was_there_only_while_a_sweep_ran_is_added_and_then_gone(tmp_path: Path) -> None:
    """A mailbox exists for a moment: neither the state before the sweep nor the one after it shows it, but the sweep
    saw it."""
    path, mailboxes = tmp_path / "inventory.sqlite", ["mail_address"]
    calm = Transitions(length=0, failing=0)
    async with (
        Emulator(customers=1, projects=2, rate_limit=None, drift=0.0, lag=0.0, transitions=calm) as api,
        Mittwald(api.token, base_url=api.url) as mw,
    ):
        passing = Passing(mw)
        async with Mittwald(api.token, base_url=api.url, middleware=(passing,)) as disturbed:
            await sweep_to(mw, path, resources=mailboxes)
            await sweep_to(disturbed, path, resources=mailboxes)
            await sweep_to(mw, path, resources=mailboxes)
    with History(path) as history:
        came, went = history.diff(1, 2), history.diff(2, 3)
    assert [one.key for one in came.added] == [one.key for one in went.gone] == passing.created
    quiet, meanwhile = Span({}, {}), Span({}, {}, {("mail_address", passing.created[0])})
    assert judged((came, quiet, meanwhile), (went, meanwhile, quiet)).false == NOTHING
    assert judged((came, quiet, quiet), (went, quiet, quiet)).false == {"gone": 1, "added": 1, "changed": 0}


def judged(*comparisons: tuple[Diff, Span, Span]) -> Judge:
    judge = Judge()
    for comparison in comparisons:
        judge.look(*comparison)
    return judge


def diff(said: str = "", unknown: list[Undecided] | None = None) -> Diff:
    """A comparison that says one thing of `A`, or nothing."""
    one = Change(resource=A[0], id=A[1], key=A[1], account="me", customer_id=None, project_id=None)
    added, changed, gone = ([one] if said == what else [] for what in ("added", "changed", "gone"))
    return Diff(added=added, changed=changed, gone=gone, unknown=unknown or [], properties=[], sweeps=[])


def always(content: State) -> Span:
    return Span(content, content)


OLD, NEW, NONE = always({A: b"1"}), always({A: b"2"}), always({})
COMES, GOES, CHANGES = Span({}, {A: b"1"}), Span({A: b"1"}, {}), Span({A: b"1"}, {A: b"2"})
PASSES = Span({}, {}, {A})


@pytest.mark.parametrize(
    ("said", "old", "new", "false"),
    [
        ("gone", OLD, NONE, False),
        ("gone", COMES, NONE, False),
        ("gone", PASSES, NONE, False),
        ("gone", OLD, GOES, False),
        ("gone", OLD, OLD, True),
        ("gone", OLD, CHANGES, True),
        ("gone", NONE, NONE, True),
        ("gone", NONE, PASSES, True),
        ("added", NONE, NEW, False),
        ("added", GOES, NEW, False),
        ("added", NONE, PASSES, False),
        ("added", COMES, OLD, False),
        ("added", OLD, OLD, True),
        ("added", CHANGES, NEW, True),
        ("added", NONE, NONE, True),
        ("added", PASSES, NONE, True),
        ("changed", OLD, NEW, False),
        ("changed", OLD, CHANGES, False),
        ("changed", OLD, OLD, True),
    ],
)
def test_the_judge_knows_what_is_said_wrongly(said: str, old: Span, new: Span, false: bool) -> None:
    judge = judged((diff(said), old, new))
    assert judge.false == {**NOTHING, said: int(false)}
    assert judge.wrong == [(said, A)] * false


@pytest.mark.parametrize(("old", "new", "said"), [(OLD, NONE, "gone"), (NONE, NEW, "added"), (OLD, NEW, "changed")])
def test_the_judge_misses_what_is_left_out(old: Span, new: Span, said: str) -> None:
    whole_list = Undecided(resource=A[0], account="me", sweep=2, reason="was not read to its end")
    judge = judged((diff(), old, new), (diff(unknown=[whole_list]), old, new), (diff(said), old, new))
    assert (judge.left_out, judge.unknown, judge.found) == (1, 1, 1)


@pytest.mark.parametrize(("old", "new"), [(OLD, GOES), (COMES, NONE), (PASSES, NONE), (NONE, PASSES), (OLD, CHANGES)])
def test_the_judge_misses_nothing_that_may_be_told_either_way(old: Span, new: Span) -> None:
    judge = judged((diff(), old, new))
    assert (judge.left_out, judge.unknown, judge.found) == (0, 0, 0)
