"""Checkers of chapter 12: learning rate, batches to resume, early stopping, what a kill costs.

>>> rate(lambda step, steps, warmup, peak: _schedule(step, steps, 20, peak))
Not yet. Right for warmup=20, but with warmup=10 the rate of step 5 is 0.000325, wanted 0.00055:
compute it from `warmup`, with no number in its place.
>>> rate(lambda step, steps, warmup, peak: 0.9 * _schedule(step, steps, warmup, peak))
Not yet. The rates of steps 5 and 40 of 100, as shares of the peak, are [0.2925, 0.7682], wanted
[0.325 , 0.8536].
"""

from typing import Any

import numpy as np

from damunet_book.checks import checker, compare, number, run, stop, table


@checker(
    right="The schedule of every run in this book.",
    from_zero="The warm-up starts at a tenth of the peak, not at 0.",
    flat_warmup="The warm-up stays at a tenth of the peak: it has to rise to the peak in a "
    "straight line.",
    overshoots="The warm-up ends above the peak: from a tenth, only nine tenths are missing.",
    cosine_from_step_0="The cosine begins when the warm-up ends: count its steps from there.",
    cosine_too_long="The cosine has steps - warmup steps to come down, not all of them.",
    no_half="The sum 1 + cos runs from 2 to 0: halve it.",
    no_warmup="The warm-up is missing: for the first steps the rate rises in a straight line.",
    linear="After the warm-up it falls in a straight line: half a cosine is wanted.",
    upside_down="After the warm-up it rises from 0: at the end of the warm-up the cosine stands at "
    "1, where the part that has been gone is 0.",
    no_pi="Half a cosine needs pi: from 0 to 1 alone the cosine hardly falls.",
    below_zero="A cosine runs from 1 to -1, so this rate becomes negative: add 1, and halve it.",
    degrees="NumPy's cosine wants radians: pi, not 180.",
    half_done="After the warm-up it returns nothing: the cosine is missing.",
    fixed="Right for {name}={usual}, but with {name}={other} the rate of step {step} is {got}, "
    "wanted {good}: compute it from `{name}`, with no number in its place.",
    zero_warmup="Without a warm-up (warmup=0) the rate of step {step} is {got}, wanted {good}: the "
    "cosine begins at once.",
    divided_by_warmup="Without a warm-up (warmup=0) it divides by 0: the cosine begins at once, "
    "and nothing may be divided by warmup.",
)
def rate(answer):
    """``answer(step, steps, warmup, peak)``, the learning rate of a step."""
    steps, warmup, peak = _USUAL.values()
    rise, gone = 0.1 + 0.9 * 5 / 20, 20 / 80  # at step 5, and the part of the cosine at step 40

    def fall(part):
        return 0.5 * (1 + np.cos(np.pi * part))

    early = number(run(answer, 5, steps, warmup, peak))
    late = number(run(answer, 40, steps, warmup, peak, error={type(None): "half_done"}))
    compare(
        [early / peak, late / peak],
        (rise, fall(gone)),
        "the rates of steps 5 and 40 of 100, as shares of the peak,",
        from_zero=(5 / 20, fall(gone)),
        flat_warmup=(0.1, fall(gone)),
        overshoots=(0.1 + 5 / 20, fall(gone)),
        cosine_from_step_0=(rise, fall(40 / 100)),
        cosine_too_long=(rise, fall(20 / 100)),
        no_half=(rise, 2 * fall(gone)),
        no_warmup=(fall(5 / 100), fall(40 / 100)),
        linear=(rise, 1 - gone),
        upside_down=(rise, 1 - fall(gone)),
        no_pi=(rise, fall(gone / np.pi)),
        below_zero=(rise, np.cos(np.pi * gone)),
        degrees=(rise, 0.5 * (1 + np.cos(180 * gone))),
    )
    compare(run(answer, 100, steps, warmup, peak), 0.0, "the last rate", tolerance=1e-9)
    for name, other in (("peak", 0.004), ("warmup", 10), ("steps", 300)):
        for step in (5, 40, 60):
            options = _USUAL | {name: other}
            got, good = number(run(answer, step, *options.values())), _schedule(step, **options)
            texts = {"name": name, "usual": _USUAL[name], "other": other, "step": step}
            texts |= {"got": f"{got:.4g}", "good": f"{good:.4g}"}
            compare(got, good, tolerance=1e-6 * options["peak"], fields=texts, fixed=got)
    for step in (0, 50):
        options = _USUAL | {"warmup": 0}
        error = {ZeroDivisionError: "divided_by_warmup"}
        got = number(run(answer, step, *options.values(), error=error))
        good = _schedule(step, **options)
        texts = {"step": step, "got": f"{got:.4g}", "good": f"{good:.4g}"}
        compare(got, good, tolerance=1e-9, fields=texts, zero_warmup=got)


_USUAL: dict[str, Any] = {"steps": 100, "warmup": 20, "peak": 0.001}


def _schedule(step: int, steps: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak / 10 + 0.9 * peak * step / warmup
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))


def _draw(answer: Any, seed: int, step: int, n: int = 30, size: int = 4) -> list[int]:
    """Slices that the reader's function draws; none if these are no whole numbers."""
    value = run(answer, seed, step, n, size)
    value = np.asarray([number(one) for one in value] if isinstance(value, list) else value)
    return value.tolist() if value.ndim == 1 and value.dtype.kind in "iu" else []


# Factors with which seed and step are commonly made one number.
_FACTORS = (*range(1, 21), 42, 50, 64, 99, 100, 101, 128, 256, 350, 512, 999, 1000, 1001, 10_000)


@checker(
    right="Step 237 can be drawn without the 236 before it.",
    wrong_shape="Return `size` whole numbers from 0 to n - 1.",
    remembers="Asked twice for step 3 of seed 0 it gave two answers: a generator made outside, or "
    "NumPy's own, remembers what was drawn before. Make a new one in each call.",
    product="With seed 0 every step gets the same slices, with seed 1 it does not: a product with "
    "0 forgets the step. Seed with the pair.",
    seed_only="Every step gets the same slices: the step has to go into the generator, too.",
    sum="Seed 0 at step 1 equals seed 1 at step 0: runs with neighbouring seeds would see nearly "
    "the same data. Seed with the pair, in its order, not with a sum or anything else that forgets "
    "which is which.",
    step_only="Seeds 1 and 2 get the same slices: the seed has to go into the generator, too.",
    repeated="Each batch has one slice only, again and again: make the generator once in a call, "
    "and let it draw all `size` numbers.",
    fixed_size="Asked for size=6 it gave another number of slices.",
    out_of_range="With n=5 it drew slice {slice}: the last one is n - 1, so 4 here.",
    never_first="Forty batches of 4 from n=5 never had slice 0: the numbers begin at 0.",
    never_last="Forty batches of 4 from n=5 never had slice 4: `integers` and `range` leave out "
    "their upper end by themselves, so give n, not n - 1.",
    never="Forty batches of 4 from n=5 never had slice {slice}: each should have its turn.",
    shared="Seed {first} and seed {second} draw the same: two runs share batches. Seed with the "
    "pair as it is.",
)
def batch_slices(answer):
    """``answer(seed, step, n, size)`` draws slices from seed and step alone."""
    first = _draw(answer, 0, 3)
    if len(first) != 4:
        stop("wrong_shape")
    one, two, ten, twenty = (_draw(answer, *p) for p in ((0, 1), (0, 2), (1, 0), (2, 0)))
    sequence, later = ([_draw(answer, seed, step) for step in range(4)] for seed in (0, 1))
    constant = all(batch == sequence[0] for batch in sequence)
    table(
        [
            (sequence[3] != first, "remembers"),
            (constant and any(batch != later[0] for batch in later), "product"),
            (constant, "seed_only"),
            (one == ten and two == twenty, "sum"),
            (ten == twenty, "step_only"),
            (all(np.ptp(_draw(answer, 0, k, 1000, 8)) == 0 for k in range(4)), "repeated"),
            (len(_draw(answer, 0, 3, 30, 6)) != 6, "fixed_size"),
        ]
    )
    _in_range(answer)
    if _draw(answer, 1, 11, 1000, 8) == _draw(answer, 11, 1, 1000, 8):
        stop("shared", first="1 at step 11", second="11 at step 1")
    here, there = _draw(answer, 1, 0, 1000, 8), _draw(answer, 0, 1, 1000, 8)
    for k in _FACTORS:
        if _draw(answer, 0, k, 1000, 8) == here:
            stop("shared", first="1 at step 0", second=f"0 at step {k}")
        if _draw(answer, k, 0, 1000, 8) == there:
            stop("shared", first="0 at step 1", second=f"{k} at step 0")


def _in_range(answer: Any) -> None:
    """End the checker unless all of five slices are drawn, and nothing else."""
    drawn = {one for step in range(40) for one in _draw(answer, 0, step, 5, 4)}
    for one in sorted(drawn - set(range(5))):
        stop("out_of_range", slice=one)
    for one in sorted(set(range(5)) - drawn):
        stop({0: "never_first", 4: "never_last"}.get(one, "never"), slice=one)


# A history of scores in which each typical mistake ends or keeps another step.
_HISTORY = [0.60, 0.70, 0.80, 0.75, 0.78, 0.85, 0.85, 0.82, 0.84]
_HISTORY += [0.81, 0.95, 0.93, 0.94, 0.92, 0.91, 0.90, 0.93]

_ENDS: dict[str, Any] = dict(late=(200, 120), early=(100, 60), asks_first=(120, 60), index=(8, 5))
_ENDS |= dict(ties=(200, 140), never_resets=(140, 120), from_the_last=(320, 220), end_alone=180)
_ENDS |= dict(whole_history=(280, 220), peeked=(180, 220), never_stops=(340, 220), kept_alone=120)
_ENDS |= dict(keeps_the_end=(180, 180), in_steps=(80, 60), lowest=(80, 20), score=(180, 0.85))
_ENDS |= dict(swapped=(120, 180))


@checker(
    right="With a patience of 2 three of the four recorded runs end before their best step, and "
    "none gets to the small rates at the end of the cosine. The book's runs have no patience.",
    late="One evaluation too late: the run ends with the evaluation that uses up the patience.",
    early="One evaluation too early: the best one itself does not count as one without a gain.",
    asks_first="Step 120 is better than all before it, and you ended there: first see whether the "
    "score is a gain, then whether patience is used up.",
    ties="You took an equal score for a better one: the best moves only if the score is higher.",
    never_resets="You counted all evaluations without a gain: after each gain the count starts "
    "anew.",
    from_the_last="You compared each score with the one before it: compare it with the best so "
    "far.",
    whole_history="You counted from the best score of all: when patience ran out, that score was "
    "still to come. Go through the scores in order.",
    peeked="The run ends at the right step, but keeps one that it never reached: of the scores up "
    "to the end, which is best?",
    never_stops="That is the whole history and its best step: patience ran out before.",
    keeps_the_end="The run ends at the right step, but what is kept is the best step up to there, "
    "not the last.",
    in_steps="You ended at the first evaluation without a gain: patience counts evaluations, and "
    "here it is 3.",
    lowest="You kept the lowest score: a V_rand is better if it is higher.",
    index="Those are places in the list: the steps stand in `steps`.",
    score="You gave the best score: give its step.",
    swapped="Both steps are right, in the other order: where the run ends comes first.",
    end_alone="The run ends there; return the step that is kept with it.",
    kept_alone="That step is kept; return where the run ends with it, first.",
    other="With a patience of 3 your run returns {value}. In the scores {scores} of the steps 20, "
    "40 and so on, 0.85 is the best from step 120 on; the third evaluation without a gain after it "
    "is that of step 180.",
    to_the_end="Right where patience runs out. With the scores 0.5, 0.6, 0.7 and 0.65 and a "
    "patience of 2 it does not, and yours returns {value}: such a run ends at its last step, 40, "
    "and keeps step 30.",
    past_the_end="Right where patience runs out. With the scores 0.5, 0.6, 0.7 and 0.65 and a "
    "patience of 2 it does not, and yours returns no two steps: such a run ends at its last step, "
    "40, and keeps step 30.",
    fixed="Right for the first run, but not for one with a patience of 2 and the steps 10, 20 and "
    "so on: take steps, scores and patience from the arguments.",
)
def stopped(answer):
    """``answer(steps, validation, patience)`` gives the last step and the best."""
    steps = [20 * (i + 1) for i in range(len(_HISTORY))]
    value = run(answer, steps, _HISTORY, 3)
    others = {"other": value} if np.shape(value) == (2,) else {}
    compare(
        value,
        (180, 120),
        "(end, kept)",
        tolerance=1e-6,
        **_ENDS,
        fields={"value": value, "scores": _HISTORY[:9]},
        **others,
    )
    error = {Exception: "past_the_end", type(None): "past_the_end"}
    value = run(answer, [10, 20, 30, 40], [0.5, 0.6, 0.7, 0.65], 2, error=error)
    fields = {"value": value}
    compare(value, (40, 30), "(end, kept)", fields=fields, to_the_end=value)
    value = run(answer, [10, 20, 30, 40, 50, 60], [0.5, 0.4, 0.6, 0.55, 0.5, 0.7], 2)
    compare(value, (50, 30), "(end, kept)", fixed=value)
    value = run(answer, [10, 20, 30], [0.5, 0.6, 0.7], 2)
    compare(value, (30, 30), "(end, kept) of a run whose last score is its best")


@checker(
    right="87 steps in vain: a quarter of the run, and the price of saving every 50.",
    nothing_lost="That is the length of the run: some steps were computed more than once.",
    score_counts="The second kill came before the state of step 250 was on disk: it goes on from "
    "200.",
    only_lost="That is what was computed in vain: add the 350.",
    first_only="Each of the two kills loses all that came after its last saved state, and both "
    "starts begin at 200.",
    from_the_kill="A run goes on from its last saved state, a multiple of 50, not from where it "
    "died.",
    from_scratch="It goes on from the last saved state; nothing starts anew.",
)
def computed_steps(answer):
    """Steps computed in all by a run of 350 that was killed twice."""
    look = "Draw a line for each of the three starts: from which state, and up to where?"
    mistakes: dict[str, Any] = dict(nothing_lost=350, score_counts=387, only_lost=87)
    mistakes |= dict(first_only=400, from_the_kill=363, from_scratch=237 + 250 + 350)
    compare(answer, 437, "the number of steps", tolerance=0.5, look=look, **mistakes)
