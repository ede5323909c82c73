"""Checkers of chapter 12: learning rate, batches to resume, early stopping, what a kill costs."""

import contextlib
from typing import Any

import numpy as np

from damunet_book.checks import OTHER, WRONG_SHAPE, Verdict, checker, compare, not_yet, right, run

__all__ = ["batch_slices", "computed_steps", "rate", "stopped"]


@checker
def rate(answer: Any) -> Verdict:
    """Exercise 12.1: ``answer(step, steps, warmup, peak)``, the learning rate of a step."""
    steps, warmup, peak = 100, 20, 0.001

    def value(step, start=peak / 10, until=steps - warmup, offset=warmup, half=0.5):
        if step < warmup:
            return start + (peak - start) * step / warmup
        return peak * half * (1 + np.cos(np.pi * (step - offset) / until))

    at = (5, 40)
    wanted = [value(step) for step in at]
    mistakes = {
        "from_zero": (
            [value(step, start=0) for step in at],
            "the warm-up starts at a tenth of the peak, not at 0.",
        ),
        "flat_warmup": (
            [peak / 10, value(40)],
            "the warm-up stays at a tenth of the peak: it has to rise to the peak in a straight "
            "line.",
        ),
        "overshoots": (
            [peak / 10 + peak * 5 / warmup, value(40)],
            "the warm-up ends above the peak: from a tenth, only nine tenths are missing.",
        ),
        "cosine_from_step_0": (
            [value(5), value(40, until=steps, offset=0)],
            "the cosine begins when the warm-up ends: count its steps from there.",
        ),
        "cosine_too_long": (
            [value(5), value(40, until=steps)],
            "the cosine has steps - warmup steps to come down, not all of them.",
        ),
        "no_half": ([value(5), value(40, half=1)], "1 + cos runs from 2 to 0: halve it."),
        "no_warmup": (
            [peak * 0.5 * (1 + np.cos(np.pi * step / steps)) for step in at],
            "the warm-up is missing: for the first steps the rate rises in a straight line.",
        ),
        "linear": (
            [value(5), peak * (1 - 20 / 80)],
            "after the warm-up it falls in a straight line: half a cosine is wanted.",
        ),
        "upside_down": (
            [value(5), peak - value(40)],
            "after the warm-up it rises from 0: at the end of the warm-up the cosine stands at 1, "
            "where the part that has been gone is 0.",
        ),
        "no_pi": (
            [value(5), peak * 0.5 * (1 + np.cos(20 / 80))],
            "half a cosine needs pi: from 0 to 1 alone the cosine hardly falls.",
        ),
        "below_zero": (
            [value(5), peak * np.cos(np.pi * 20 / 80)],
            "a cosine runs from 1 to -1, so this rate becomes negative: add 1, and halve it.",
        ),
        "degrees": (
            [value(5), peak * 0.5 * (1 + np.cos(180 * 20 / 80))],
            "NumPy's cosine wants radians: pi, not 180.",
        ),
    }
    got: Any = [run(answer, at[0], steps, warmup, peak)]
    with contextlib.suppress(Exception):  # `run` reports it, two lines below
        if answer(at[1], steps, warmup, peak) is None:
            text = "after the warm-up it returns nothing: the cosine is missing."
            return not_yet(text, "half_done")
    got.append(run(answer, at[1], steps, warmup, peak))
    shares = {key: (np.divide(rates, peak), text) for key, (rates, text) in mistakes.items()}
    if all(np.shape(one) == () for one in got) and np.asarray(got).dtype.kind in "iuf":
        got = np.divide(got, peak)
    what = "the rates of steps 5 and 40 of 100, as shares of the peak,"
    compare(got, np.divide(wanted, peak), shares, 1e-4, what)
    compare(run(answer, 100, steps, warmup, peak), 0.0, tolerance=1e-9, what="the last rate")
    _varied(answer)
    return right("The schedule of every run in this book.")


_USUAL: dict[str, Any] = {"steps": 100, "warmup": 20, "peak": 0.001}


def _schedule(step: int, steps: int, warmup: int, peak: float) -> float:
    if step < warmup:
        return peak / 10 + 0.9 * peak * step / warmup
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))


def _varied(answer: Any) -> None:
    """End the checker if a number stands where one of the three arguments should."""
    for name, other in (("peak", 0.004), ("warmup", 10), ("steps", 300)):
        for step in (5, 40, 60):
            options = _USUAL | {name: other}
            got = run(answer, step, *options.values())
            good = _schedule(step, **options)
            text = (
                f"right for {name}={_USUAL[name]}, but with {name}={other} the rate of step {step} "
                f"is {_short(got)}, wanted {good:.4g}: compute it from `{name}`, with no number "
                "in its place."
            )
            compare(got, good, {"fixed": (got, text)}, 1e-6 * options["peak"])
    for step in (0, 50):
        options = _USUAL | {"warmup": 0}
        try:
            got = answer(step, *options.values())
        except ZeroDivisionError:
            got = np.nan
        text = (
            f"without a warm-up (warmup=0) the rate of step {step} is {_short(got)}, wanted "
            f"{_schedule(step, **options):.4g}: the cosine begins at once, and nothing may be "
            "divided by warmup."
        )
        compare(got, _schedule(step, **options), {"zero_warmup": (got, text)}, 1e-9)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float, np.number)) else str(value)


def _draw(answer: Any, seed: int, step: int, n: int = 30, size: int = 4) -> np.ndarray:
    """Slices that the reader's function draws; none if these are no whole numbers."""
    value = run(answer, seed, step, n, size)
    whole = isinstance(value, (list, tuple, np.ndarray)) and np.asarray(value).dtype.kind in "iu"
    return np.asarray(value) if whole else np.empty(0, int)


@checker
def batch_slices(answer: Any) -> Verdict:
    """Exercise 12.2: ``answer(seed, step, n, size)`` draws slices from seed and step alone."""
    first = _draw(answer, 0, 3)
    if first.shape != (4,):
        return not_yet("return `size` whole numbers from 0 to n - 1.", WRONG_SHAPE)
    draws = {pair: _draw(answer, *pair).tolist() for pair in ((0, 1), (1, 0), (0, 2), (2, 0))}
    sequence = [_draw(answer, 0, step).tolist() for step in range(4)]
    later = {tuple(_draw(answer, 1, step).tolist()) for step in range(4)}
    constant = len({tuple(batch) for batch in sequence}) == 1
    tests = (
        (
            sequence[3] != first.tolist(),
            "remembers",
            "asked twice for step 3 of seed 0 it gave two answers: a generator made outside, or "
            "NumPy's own, remembers what was drawn before. Make a new one in each call.",
        ),
        (
            constant and len(later) > 1,
            "product",
            "with seed 0 every step gets the same slices, with seed 1 it does not: a product with 0 "
            "forgets the step. Seed with the pair.",
        ),
        (
            constant,
            "seed_only",
            "every step gets the same slices: the step has to go into the generator, too.",
        ),
        (
            draws[0, 1] == draws[1, 0] and draws[0, 2] == draws[2, 0],
            "sum",
            "seed 0 at step 1 equals seed 1 at step 0: runs with neighbouring seeds would see "
            "nearly the same data. Seed with the pair, not with the sum.",
        ),
        (
            draws[1, 0] == draws[2, 0],
            "step_only",
            "seeds 1 and 2 get the same slices: the seed has to go into the generator, too.",
        ),
    )
    for hit, mistake, message in tests:
        if hit:
            return not_yet(message, mistake)
    for faults in (_repeated, _range, _shared):
        if (verdict := faults(answer)) is not None:
            return verdict
    return right("Step 237 can be drawn without the 236 before it.")


def _repeated(answer: Any) -> Verdict | None:
    """Whether every batch is one slice again and again."""
    if all(np.ptp(_draw(answer, 0, step, 1000, 8)) == 0 for step in range(4)):
        text = "each batch has one slice only, again and again: make the generator once in a call, "
        return not_yet(text + "and let it draw all `size` numbers.", "repeated")
    return None


def _range(answer: Any) -> Verdict | None:
    """Whether all of five slices are drawn, and nothing else."""
    if len(_draw(answer, 0, 3, 30, 6)) != 6:
        return not_yet("asked for size=6 it gave another number of slices.", "fixed_size")
    drawn = np.unique([_draw(answer, 0, step, 5, 4) for step in range(40)])
    if drawn.min() < 0 or drawn.max() > 4:
        outside = drawn[(drawn < 0) | (drawn > 4)]
        text = f"with n=5 it drew slice {outside[-1]}: the last one is n - 1, so 4 here."
        return not_yet(text, "out_of_range")
    missing = sorted(set(range(5)) - set(drawn.tolist()))
    ends = {
        4: "`integers` and `range` leave out their upper end by themselves, so give n, not n - 1.",
        0: "the numbers begin at 0.",
    }
    if missing:
        text = f"forty batches of 4 from n=5 never had slice {missing[-1]}"
        return not_yet(f"{text}: {ends.get(missing[-1], 'each should have its turn.')}", "never")
    return None


# Factors with which seed and step are commonly made one number.
_FACTORS = (*range(1, 21), 42, 50, 64, 99, 100, 101, 128, 256, 350, 512, 999, 1000, 1001, 10_000)


def _shared(answer: Any) -> Verdict | None:
    """Whether a batch comes again under another seed, at another step."""
    one = _draw(answer, 1, 0, 1000, 8).tolist()
    next_step = _draw(answer, 0, 1, 1000, 8).tolist()
    for k in _FACTORS:
        other = None
        if _draw(answer, 0, k, 1000, 8).tolist() == one:
            other = f"seed 1 at step 0 and seed 0 at step {k}"
        elif _draw(answer, k, 0, 1000, 8).tolist() == next_step:
            other = f"seed 0 at step 1 and seed {k} at step 0"
        if other:
            text = f"{other} draw the same: two runs share batches. Seed with the pair as it is."
            return not_yet(text, "shared")
    return None


# A history of scores in which each typical mistake ends or keeps another step.
_HISTORY = (
    0.60,
    0.70,
    0.80,
    0.75,
    0.78,
    0.85,
    0.85,
    0.82,
    0.84,
    0.81,
    0.95,
    0.93,
    0.94,
    0.92,
    0.91,
    0.90,
    0.93,
)


@checker
def stopped(answer: Any) -> Verdict:
    """Exercise 12.3: ``answer(steps, validation, patience)`` gives the last step and the best."""
    steps = [20 * (i + 1) for i in range(len(_HISTORY))]
    mistakes = {
        "late": (
            (200, 120),
            "one evaluation too late: the run ends with the evaluation that uses up the patience.",
        ),
        "early": (
            (100, 60),
            "one evaluation too early: the best one itself does not count as one without a gain.",
        ),
        "asks_first": (
            (120, 60),
            "step 120 is better than all before it, and you ended there: first see whether the "
            "score is a gain, then whether patience is used up.",
        ),
        "ties": (
            (200, 140),
            "you took an equal score for a better one: the best moves only if the score is higher.",
        ),
        "never_resets": (
            (140, 120),
            "you counted all evaluations without a gain: after each gain the count starts anew.",
        ),
        "from_the_last": (
            (320, 220),
            "you compared each score with the one before it: compare it with the best so far.",
        ),
        "whole_history": (
            (280, 220),
            "you counted from the best score of all: when patience ran out, that score was "
            "still to come. Go through the scores in order.",
        ),
        "peeked": (
            (180, 220),
            "the run ends at the right step, but keeps one that it never reached: of the scores "
            "up to the end, which is best?",
        ),
        "never_stops": (
            (340, 220),
            "that is the whole history and its best step: patience ran out before.",
        ),
        "keeps_the_end": (
            (180, 180),
            "the run ends at the right step, but what is kept is the best step up to there, not "
            "the last.",
        ),
        "in_steps": (
            (80, 60),
            "you ended at the first evaluation without a gain: patience counts evaluations, and "
            "here it is 3.",
        ),
        "lowest": ((80, 20), "you kept the lowest score: a V_rand is better if it is higher."),
        "index": ((8, 5), "those are places in the list: the steps stand in `steps`."),
        "score": ((180, 0.85), "you gave the best score: give its step."),
        "swapped": (
            (120, 180),
            "both steps are right, in the other order: where the run ends comes first.",
        ),
        "end_alone": (180, "the run ends there; return the step that is kept with it."),
        "kept_alone": (120, "that step is kept; return where the run ends with it, first."),
    }
    value = run(answer, steps, list(_HISTORY), 3)
    if np.shape(value) == (2,):
        text = (
            f"with a patience of 3 your run ends at step {value[0]} and keeps step {value[1]}. In "
            f"the scores {[*_HISTORY[:9]]} of the steps 20, 40 and so on, 0.85 is the best from "
            "step 120 on; the third evaluation without a gain after it is that of step 180."
        )
        mistakes[OTHER] = (value, text)
    compare(value, (180, 120), mistakes, 1e-6, "(end, kept)")
    if (verdict := _to_the_end(answer)) is not None:
        return verdict
    other = run(answer, [10, 20, 30, 40, 50, 60], [0.5, 0.4, 0.6, 0.55, 0.5, 0.7], 2)
    text = (
        "right for the first run, but not for one with a patience of 2 and the steps 10, 20 and "
        "so on: take steps, scores and patience from the arguments."
    )
    compare(other, (50, 30), {"fixed": (other, text)}, 1e-6, "(end, kept)")
    return right(
        "With a patience of 2 three of the four recorded runs end before their best step, and none "
        "gets to the small rates at the end of the cosine. The book's runs have no patience."
    )


def _to_the_end(answer: Any) -> Verdict | None:
    """Whether a run whose patience does not run out stops short of its last step."""
    value: Any = None
    with contextlib.suppress(Exception):  # such as an index past the end of the list
        value = answer([10, 20, 30, 40], [0.5, 0.6, 0.7, 0.65], 2)
    pair = np.shape(value) == (2,)
    if pair and tuple(value) == (40, 30):
        return None
    shown = f"it gives ({value[0]}, {value[1]})" if pair else "it gives no two steps"
    text = (
        "right where patience runs out. With the scores 0.5, 0.6, 0.7 and 0.65 and a patience of "
        f"2 it does not, and {shown}: such a run ends at its last step, 40, and keeps step 30."
    )
    return not_yet(text, "to_the_end")


@checker
def computed_steps(answer: Any) -> Verdict:
    """Exercise 12.4: steps computed in all by a run of 350 that was killed twice."""
    mistakes = {
        "nothing_lost": (
            350,
            "that is the length of the run: some steps were computed more than once.",
        ),
        "score_counts": (
            387,
            "the second kill came before the state of step 250 was on disk: it goes on from 200.",
        ),
        "only_lost": (87, "that is what was computed in vain: add the 350."),
        "first_only": (
            400,
            "each of the two kills loses all that came after its last saved state, and both "
            "starts begin at 200.",
        ),
        "from_the_kill": (
            363,
            "a run goes on from its last saved state, a multiple of 50, not from where it died.",
        ),
        "from_scratch": (
            237 + 250 + 350,
            "it goes on from the last saved state; nothing starts anew.",
        ),
    }
    look = "Draw a line for each of the three starts: from which state, and up to where?"
    compare(answer, 437, mistakes, 0.5, "the number of steps", look)
    return right("87 steps in vain: a quarter of the run, and the price of saving every 50.")
