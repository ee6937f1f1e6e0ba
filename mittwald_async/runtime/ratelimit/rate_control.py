"""An even rate in place of windows, where windows cannot be made out. Pure.

Windows of a second or two, resets in whole seconds, answers that come later than the window lasts, limits that slide:
then nothing tells when the next window begins, and a client that waits for it wastes budget or is refused. An even rate
needs no window: as many calls per second as the limit allows fit under every kind of limit. How many that are for one
client among others shows in the lowest remainder: what is left over is shared out by addition, what is missing is taken
back in proportion, which makes shares equal in the end.
"""

from __future__ import annotations

from math import inf

from .tuning import TUNING, Tuning


class RateControl:
    """Whether an even rate is in force, and how far apart it puts the calls of this client."""

    __slots__ = (
        "_answers",
        "_began",
        "_begun",
        "_entered_with",
        "_fresh_reset",
        "_last_lowest",
        "_last_share",
        "_lowest",
        "_poor_openings",
        "_quick_windows",
        "_refused",
        "_refused_in_a_row",
        "_share",
        "_tried",
        "_tuning",
        "_used",
        "_waited",
        "_windows",
        "active",
        "gap",
    )

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self.active: bool = False
        self.gap: float = 0.0
        """Seconds from one of our calls to the next."""
        self._tried = 0
        """Windows until an even rate may be tried again."""
        self._entered_with = 0.0
        self._refused_in_a_row = 0
        self._last_lowest: float | None = None
        self._quick_windows = 0
        self._poor_openings = 0
        self._began = -inf
        self._fresh_reset = 0.0
        self._share = 1.0
        self._last_share = tuning.share_at_first
        """Our part of the calls in the last whole window."""
        self._restart(-inf)

    def _restart(self, now: float) -> None:
        self._begun = now
        self._windows = self._used = self._waited = self._answers = 0
        self._refused = False
        self._lowest = inf

    def sent(self, waited: bool) -> None:
        """A call of ours goes out, after waiting for its turn or not."""
        self._waited += waited

    # -- by windows ----------------------------------------------------------------------------------------------------

    def window_over(self, now: float, limit: int, period: float, own: int, used: int, remaining: int) -> None:
        """A window ends that was kept to: whether that uses the budget.

        Args:
            now: the time.
            limit: calls per window.
            period: seconds that a window lasts, as far as is known.
            own: our calls in it.
            used: calls of all clients in it.
            remaining: calls now.
        """
        tuning = self._tuning
        if self.active or period <= 0:
            return
        lasted, self._began = now - self._began, now
        self._quick_windows = self._quick_windows + 1 if lasted < tuning.quick_window * period else 0
        self._poor_openings = self._poor_openings + 1 if remaining < tuning.poor_opening * limit else 0
        if lasted >= tuning.whole_window * period and own >= tuning.few_own_calls:
            share = own / max(own, used)
            self._last_share = share if share >= tuning.surely_alone else min(share, tuning.share_at_first)
        large = limit >= tuning.least_limit and period <= tuning.short_window
        if large and self._poor_openings >= tuning.poor_openings:
            # The window is nearly empty whenever it should have begun: others live on what slides in.
            # Then the last whole window tells our share only if it was all ours.
            alone = self._last_share >= tuning.surely_alone
            self._enter(limit / period * (self._last_share if alone else tuning.share_at_first), limit / period)
            self._restart(now)
            return
        if large and self._quick_windows >= tuning.quick_windows and self._fresh_reset > tuning.fresh_reset * period:
            # It rises all the time, so there are no windows.
            self._enter(limit / period * self._last_share, limit / period)
            self._restart(now)
            return
        if self._begun == -inf or period > tuning.short_window:
            self._restart(now)
            return
        self._used += used
        self._answers += own
        if lasted < tuning.whole_window * period:
            return
        self._windows += 1
        calls, seconds = self._answers, now - self._begun
        few = limit <= tuning.small_limit and self._used > calls and calls < tuning.few_in_a_window * self._windows
        allowed = limit * seconds / period
        obvious = not few and self._used < tuning.terrible_use * allowed
        if not (obvious or self._windows >= tuning.windows_to_judge) or (calls < tuning.calls_to_judge and not few):
            return
        self._tried -= self._windows
        alone = calls >= tuning.surely_alone * self._used
        # A refusal costs the rest of its window once, while the end of windows is being learned.
        wasted = alone and large and not self._refused and self._used < tuning.good_use * allowed
        eager = self._waited >= tuning.eager_part * calls
        if eager and (few or wasted) and self._tried <= 0:
            share = min(1.0, max(calls / max(1, self._used), 1 / tuning.most_clients))
            rate = calls / seconds  # What went through for certain; the rest is found in what is left over.
            if few:
                rate = min(rate, share * limit / period) * tuning.entry_of_few
                rate = max(rate, tuning.least_share_of_few * limit / period)
            self._enter(rate, limit / period)
        self._restart(now)

    def _enter(self, rate: float, most: float) -> None:
        rate = min(max(rate, most / self._tuning.most_clients), most) * self._tuning.entry_factor
        self.active, self._entered_with, self._refused_in_a_row = True, rate, 0
        self._last_lowest = None
        self._share = rate / most
        self.gap = 1 / rate

    def leave(self, now: float) -> None:
        """Back to windows, for a while."""
        self.active, self._tried = False, self._tuning.windows_between_tries
        self._restart(now)

    # -- by rate -------------------------------------------------------------------------------------------------------

    def saw(self, remaining: int, reset: float, now: float, limit: int, period: float) -> None:
        """An answer says what remains."""
        if remaining > self._tuning.fresh_part * limit:
            self._fresh_reset = max(self._fresh_reset, reset)
        self._refused_in_a_row = 0
        if not self.active:
            return
        self._lowest = min(self._lowest, remaining)
        self._answers += 1
        if self._answers >= self._tuning.answers_per_step and now - self._begun >= period:
            self._step(now, limit, period)

    def refused(self, now: float) -> bool:
        """A call of ours was refused. False: too many in a row for an even rate to be the right answer."""
        tuning = self._tuning
        self._refused = True
        self._refused_in_a_row += 1
        if self.active and self._refused_in_a_row > tuning.refusals_to_leave:
            self.leave(now)
        elif self.active:
            self.gap *= 1 + tuning.longer_after_refusal * (1 - self._share)
        return self.active

    def _step(self, now: float, limit: int, period: float) -> None:
        """Correct the rate by what is left over, and by how fast that changes: under limits where calls come back one
        by one what is left over tells of the past, and a correction by it alone would swing."""
        tuning, rate, lowest = self._tuning, 1 / self.gap, self._lowest
        seconds = now - self._begun
        share = min(1.0, max(rate * period / max(1.0, limit - lowest), 1 / tuning.most_clients))
        self._share = share
        # One in 1/share calls is ours and shows what is left: the lowest of all was between two of them.
        unseen = 1 / (share * (1 + seconds / period))
        target = max(tuning.least_left, tuning.left_part * limit) + unseen
        risen = lowest - self._last_lowest if self._last_lowest is not None else 0.0
        self._last_lowest = lowest
        over, cap = lowest - target, limit / period
        if not self._refused and share >= tuning.alone_share:
            rate = (
                rate + tuning.rate_gain_alone * over / seconds
                if over > 0
                else max(rate * tuning.ease, rate + over / seconds)
            )
        elif not self._refused:
            # Nearly equal steps up and steeper ones down for larger shares make shares equal.
            rate *= 1 - tuning.give_back * share**2
            if over > 0:
                share = max(tuning.own_step * share, min(tuning.equal_step, max(tuning.least_step, 2 * share)))
            rate += share * (tuning.rate_gain * over + tuning.rate_damping * risen) / seconds
        rate = min(max(rate, cap / tuning.most_clients), cap)
        self.gap = 1 / rate
        if rate < tuning.rate_to_leave * self._entered_with:
            self.leave(now)
        else:
            self._restart(now)
