"""Every constant of the limiter, each with its unit and its reason. Nothing else in this room holds a number of its
own."""

from __future__ import annotations

import msgspec


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """How careful the limiter is. The defaults are those of the benchmark; a test may hand in others."""

    fast_path: bool = True
    """Whether the ordinary call takes the fast path. Off, every call takes the slow one, with the same result."""

    # -- what one call may hold up ------------------------------------------------------------------------------------
    patience: float = 5.0
    """Seconds that a call everybody waits for may take before another is tried beside it: longer than any usual
    answer."""
    headerless_openings: int = 3
    """Openings answered without headers before the budget is taken for gone: one or two may be a gateway's answers."""

    # -- a newcomer, who does not know yet whether others are there ----------------------------------------------------
    alone_after: int = 64
    """Answers without a trace of others that make us believe to be alone: more than a client under way hides."""
    alone_after_when_suspicious: int = 8
    """The same for a client that finds a window begun: either others are there, or they have finished."""
    newcomer_part: int = 16
    """A newcomer has one in so many of the remaining calls under way, so that sixteen newcomers overshoot by
    nothing."""
    newcomer_part_of_plenty: int = 12
    """The same where more than `plenty` remain: twelve newcomers at the same instant are rare enough there."""
    newcomer_part_of_fresh: float = 2 / 3
    """Part of a window in which no other client has had a call: of all who come at once, one is first, and only that
    one may take so much; the others, who find it begun, leave it the rest."""
    newcomer_growth: int = 4
    """Answers without a trace of others for each further call in flight; above `plenty`, each answer allows one
    more."""
    plenty: int = 768
    """Remaining calls above which pacing a newcomer protects no client: overshoot is bounded by the calls in flight,
    each answer tells at once what others took, and no client has so many in flight."""
    plenty_part: float = 0.05
    """Part of the limit that must remain as well for that."""
    suspicious_gap: float = 0.25
    """Seconds between the first calls of a client that finds few calls left in a window begun by others, at least; they
    grow to what would be an even gap of all clients."""
    suspicious_growth: float = 2.0
    """Times the even gap of all clients that the last of these gaps reaches: four of those pass in all, in which a
    company that spreads what is left shows itself; the first few calls wait for none of it."""
    suspicious_gap_above: int = 64
    """Remaining calls below which they are spread over the whole window instead."""

    # -- alone ---------------------------------------------------------------------------------------------------------
    headroom_part: float = 0.02
    """Part of the limit that a lone client spreads over what is left of its window, so that a newcomer gets in and is
    noticed."""
    least_headroom: int = 2
    """Fewest calls that are spread."""
    most_headroom: int = 8
    """Most calls that are spread: more would only delay the job."""
    ebb: int = 4
    """Calls by which the demand has to fall while calls wait, to show that a job is about to end: then its last calls
    are not spread. Between two calls of a task it falls by one at a time."""
    headroom_last: float = 0.05
    """Part of a window before its end in which the last of them goes."""
    headroom_length: float = 0.9
    """Part of a window over which they are spread."""

    # -- with others ---------------------------------------------------------------------------------------------------
    shared_gap_factor: float = 2.0
    """With others, calls are this much further apart than what is left would allow one client: so what remains lasts,
    and shows everybody when the window ends."""
    line_steepness: float = 2.5
    """Power of what is missing to an even line with which a crowd slows down: a hundred clients keep to a fifth of it.
    A higher one would halt them after a newcomer's burst, and the next would take the silence for an unused budget."""
    wary_windows: int = 8
    """Windows for which a crowd keeps to an even line in short windows as well, after a refusal has shown that others
    take bursts: a line that falls evenly is low for a short time only, so that a burst seldom meets an almost empty
    window. It costs 1 % of the budget, so clients that are only among themselves do without."""
    wary_burst: float = 0.15
    """Part of the limit: larger bursts are not kept clear of, for that would cost more than the refusals do."""
    wary_tail: int = 2
    """Times as many calls are left to others at the end of such a window: a burst then meets fewer calls under way."""
    final_part: float = 0.2
    """The last part of a window, in which the pace uses all that is left."""
    quiet_ratio: float = 0.25
    """With fewer calls of others for each of our own, they are taken for gone: at our pace they would make as many."""
    ratio_every: int = 4
    """Own calls from one look at others' consumption to the next: fewer would be mere noise."""
    ratio_calls: int = 16
    """Calls of all clients that are enough as well: in a crowd a single call of our own shows how large it is."""
    quiet_calls: int = 16
    """Own calls for which others must have been quiet to be taken for gone altogether."""
    quiet_seconds: float = 2.0
    """Seconds of the same: a person between two clicks is not gone sooner."""
    hiding: int = 4
    """Own calls in flight from which on a remainder is marked to count others exactly: fewer hide too little to
    matter."""
    least_tail: float = 0.005
    """Part of the limit that is left to others at the end of a window, where each sees the others late."""
    most_tail: float = 0.07
    """At most this part of the limit is left."""
    enough_to_judge: float = 0.25
    """Part of the limit below which clients of our kind may be quiet because they leave the rest to each other."""
    most_others: int = 128
    """More others than this are not distinguished: the pace would no longer change by much."""
    few_own_calls: int = 4
    """With fewer own calls, a window says nothing about others."""
    early_part: float = 0.02
    """Part of a window that has to pass before what others took of it tells how much they will take."""
    hidden_part: float = 0.05
    """Part of the limit that others may have taken unseen, so that a refusal means that nothing is left."""
    stale_after: float = 1.0
    """Seconds after which that is so even for a client that was alone."""

    # -- an even rate, where windows cannot be made out ----------------------------------------------------------------
    short_window: float = 3.0
    """Seconds of a window up to which a reset in whole seconds may say too little about its end. Longer ones are used
    to more than 99 % as windows, also where they slide."""
    quick_window: float = 0.5
    """Part of a window: what rises again sooner than this is not a window that begins."""
    whole_window: float = 0.75
    """Part of a window: only what lasts longer counts as one."""
    quick_windows: int = 3
    """So many in a row show that calls come back one by one, as under sliding limits; one or two are calls given
    back."""
    fresh_part: float = 0.75
    """Part of the limit above which a window, sliding or not, has just begun; a bucket that fills again is nearly
    full."""
    fresh_reset: float = 0.6
    """Part of the period that the reset must be then, or else it is such a bucket, whose burst windows use better."""
    few_in_a_window: int = 16
    """Own calls in a short window of several clients below which windows cannot be shared evenly. Where the whole limit
    is smaller, no client goes faster than an even share: before the first answer is in, all would have gone."""
    small_limit: int = 128
    """A limit up to which that is so with as many as eight clients."""
    poor_opening: float = 0.25
    """Part of the limit: a client that finds less at the beginning of a window has not found a beginning."""
    poor_openings: int = 3
    """So many of those in a row."""
    windows_to_judge: int = 2
    """Windows after which it is judged whether keeping to them uses the budget."""
    calls_to_judge: int = 12
    """Own calls for that."""
    good_use: float = 0.88
    """Part of the allowed calls that windows have to use: the rest is lost where a window begins with a first call that
    takes a tenth of it to be answered, and an even rate would not do better."""
    least_limit: int = 20
    """A limit below this says too little: one call more or less is a large part of it."""
    surely_alone: float = 0.98
    """Part of all calls that must be ours: with others, windows are shared better than a rate that begins unequal."""
    terrible_use: float = 0.6
    """Part of the allowed calls below which one window is enough to judge."""
    eager_part: float = 0.1
    """Part of our calls that had to wait for their turn: less demand than that cannot use a budget."""
    entry_factor: float = 0.98
    """An even rate begins a little below what is believed to be right."""
    entry_of_few: float = 0.95
    """The same where windows are too small to be shared: of so few calls it is not known how many were others'."""
    least_share_of_few: float = 0.08
    """Part of the budget with which a client begins there at least, one in twelve: a client that came late has had next
    to nothing, and shares of so few calls even out over minutes only."""
    answers_per_step: int = 8
    """Answers, in at least one window, from one correction of the rate to the next: of so few one comes late enough in
    a window to tell what is left at its end."""
    least_left: float = 1.0
    """Calls to be left over in each window; none left and a refusal is near."""
    left_part: float = 0.005
    """The same as a part of the limit: one call in 200, which differing latency shifts from one window to the next."""
    rate_gain: float = 0.6
    """Part of what is missing or left over that one correction takes up, spread over the time since the last."""
    rate_gain_alone: float = 0.9
    """The same for a client with nearly all of the budget: no other client makes up for it at the same time."""
    ease: float = 0.98
    """Least factor for such a client: what is left over may be low for bursts long past, not for its rate."""
    rate_damping: float = 0.3
    """The same of how much it rose since the last correction."""
    most_clients: int = 200
    """Clients on one budget at most: what keeps a rate from falling to nothing."""
    longer_after_refusal: float = 0.2
    """Part by which the gap grows at once after a refusal, for a whole correction takes many answers; less for a client
    with most of the budget, which learns quickly."""
    rest_after_refusal: float = 0.5
    """Part of a window for which we rest after a refusal at most: until then nothing comes back."""
    share_at_first: float = 0.33
    """Share of the budget to begin with where nothing is known of it, or where others had a part of the last window
    that says more: a third, as calls that come back one by one hide calls of others."""
    give_back: float = 0.02
    """Times the square of a client's share: the part of its rate that it gives back with every correction, so that who
    has much gives to who has little. Eight equal clients give back a third of a thousandth, two half a hundredth."""
    own_step: float = 0.7
    """At least this part of its share, so that two or three take up quickly what is left over."""
    least_step: float = 0.04
    """But at least so much."""
    alone_share: float = 0.85
    """Share above which a client takes all that is left over."""
    equal_step: float = 0.125
    """Part of what is left over that every other client takes, whatever its share: that of one among eight, at most
    twice its share, so that many together do not overshoot."""
    refusals_to_leave: int = 16
    """Refusals in a row after which windows are kept to again."""
    rate_to_leave: float = 0.1
    """Part of the rate at the beginning below which others, who keep to windows, are crowding us out."""
    windows_between_tries: int = 30
    """Windows before an even rate is tried again after that."""

    # -- time ----------------------------------------------------------------------------------------------------------
    rounding: float = 1.0
    """Seconds: rounding a reset to whole seconds moves the end by no more than this."""
    slack: float = 0.05
    """Seconds by which two instants may differ through scheduling alone."""
    fine: float = 0.02
    """Seconds: an end known this closely is known well enough."""
    margin_part: float = 1 / 600
    """Part of a window that may be given away for certainty: a second of ten minutes."""
    trials_apart: int = 2000
    """Calls from one failed trial of an earlier opening to the next: it costs a 429, and one in 2,000 is cheap."""
    believable_reset: float = 900.0
    """Seconds: a reset further away than this, and than `doubtful_factor` windows, is doubted: nothing may wait for it
    without a call now and then that checks it. One bogus answer must not stop a token for a day."""
    doubtful_factor: float = 2.0
    """Multiple of the longest window known."""
    first_check: float = 60.0
    """Seconds to the first check where no window is known, doubled each time: one call is cheap, a lost hour is not."""

    # -- after a 429 ---------------------------------------------------------------------------------------------------
    first_backoff: float = 1.0
    """Seconds of the first step of back-off; each is twice as long as the last, and up to half as long again by
    chance."""
    longest_backoff: float = 60.0
    """Seconds of the longest step: a tenth of the longest window known."""


TUNING = Tuning()
