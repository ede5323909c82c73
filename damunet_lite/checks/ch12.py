"""Checkers of chapter 12: the learning rate, batches that can be resumed, what a kill costs."""

from typing import Any

import numpy as np

from damunet_lite.checks import (
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    not_yet,
    right,
    run,
)

__all__ = ["batch_slices", "chosen", "computed_steps", "rate"]


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
        "cosine_from_step_0": (
            [value(5), value(40, until=steps, offset=0)],
            "the cosine begins when the warm-up ends: count its steps from there.",
        ),
        "cosine_too_long": (
            [value(5), value(40, until=steps)],
            "the cosine has steps - warmup steps to come down, not all of them.",
        ),
        "no_half": (
            [value(5), value(40, half=1)],
            "1 + cos runs from 2 to 0: halve it.",
        ),
        "no_warmup": (
            [peak * 0.5 * (1 + np.cos(np.pi * step / steps)) for step in at],
            "the warm-up is missing: for the first steps the rate rises in a straight line.",
        ),
        "degrees": (
            [value(5), peak * 0.5 * (1 + np.cos(180 * 20 / 80))],
            "NumPy's cosine wants radians: pi, not 180.",
        ),
    }
    got = [run(answer, step, steps, warmup, peak) for step in at]
    compare(got, wanted, mistakes, 1e-7, "the rates of steps 5 and 40 of 100")
    compare(run(answer, 100, steps, warmup, peak), 0.0, tolerance=1e-9, what="the last rate")
    return right("The schedule of every run in this book.")


def _draw(answer: Any, seed: int, step: int) -> np.ndarray:
    """Slices that the reader's function draws, whatever the global generator is doing."""
    try:
        return np.asarray(run(answer, seed, step, 30, 4), dtype=int)
    except (TypeError, ValueError):
        return np.empty(0, int)


@checker
def batch_slices(answer: Any) -> Verdict:
    """Exercise 12.2: ``answer(seed, step, n, size)`` draws slices from seed and step alone."""
    first = _draw(answer, 0, 3)
    if first.shape != (4,) or first.min() < 0 or first.max() > 29:
        return not_yet("return `size` whole numbers from 0 to n - 1.", WRONG_SHAPE)
    draws = {pair: _draw(answer, *pair).tolist() for pair in ((0, 1), (1, 0), (0, 2), (2, 0))}
    sequence = [_draw(answer, 0, step).tolist() for step in range(4)]
    tests = (
        (sequence[3] != first.tolist(), "remembers",
         "asked twice for step 3 of seed 0 it gave two answers: a generator made outside, or "
         "NumPy's own, remembers what was drawn before. Make a new one in each call."),
        (len({tuple(batch) for batch in sequence}) == 1, "seed_only",
         "every step gets the same slices: the step has to go into the generator, too."),
        (draws[0, 1] == draws[1, 0] and draws[0, 2] == draws[2, 0], "sum",
         "seed 0 at step 1 equals seed 1 at step 0: runs with neighbouring seeds would see "
         "nearly the same data. Seed with the pair, not with the sum."),
        (draws[1, 0] == draws[2, 0], "step_only",
         "seeds 1 and 2 get the same slices: the seed has to go into the generator, too."),
    )  # fmt: skip
    for hit, mistake, message in tests:
        if hit:
            return not_yet(message, mistake)
    return right("Step 237 can be drawn without the 236 before it.")


@checker
def chosen(answer: Any) -> Verdict:
    """Exercise 12.3: ``answer(steps, validation, test)`` gives the step and the score to report."""
    steps, validation, test = [50, 100, 150, 200], [0.8, 0.95, 0.9, 0.93], [0.7, 0.9, 0.96, 0.94]
    mistakes = {
        "peeked": (
            (150, 0.96),
            "you looked for the best test score: that is a choice made with the answer in hand.",
        ),
        "validation_score": (
            (100, 0.95),
            "the step is right; but report its score on the test slices, since the validation "
            "score was chosen for being high.",
        ),
        "last": ((200, 0.94), "that is the last step: the best on validation was earlier."),
        "mixed": ((100, 0.96), "step of one, score of the other: report what that step scored."),
        "index": ((1, 0.9), "that is the index; the step stands in `steps`."),
    }
    compare(run(answer, steps, validation, test), (100, 0.9), mistakes, 1e-6, "(step, score)")
    return right("Less than the best test score, and worth more.")


@checker
def computed_steps(answer: Any) -> Verdict:
    """Exercise 12.4: steps computed in all by a run of 350 that was killed twice."""
    mistakes = {
        "nothing_lost": (350, "that is the length of the run: some steps were computed twice."),
        "score_counts": (
            387,
            "the second kill came before the state of step 250 was on disk: it goes on from 200.",
        ),
        "only_lost": (87, "that is what was computed in vain: add the 350."),
        "first_only": (387 + 13, "250 - 237 is nothing here: the second start begins at 200."),
        "from_the_kill": (
            363,
            "a run goes on from its last saved state, a multiple of 50, not from where it died.",
        ),
        "from_scratch": (
            237 + 250 + 350,
            "it goes on from the last saved state; nothing starts anew.",
        ),
    }
    compare(answer, 437, mistakes, 0.5, "the number of steps")
    return right("87 steps twice: a quarter of the run, and the price of saving every 50.")
