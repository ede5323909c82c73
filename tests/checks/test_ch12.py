"""Chapter 12's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest
from damunet_book.checks import ch12

from damunet_lite import training


def cosine(part):
    return 0.5 * (1 + np.cos(np.pi * part))


def rate(step, steps, warmup, peak, start=0.1):
    if step < warmup:
        return peak * (start + (1 - start) * step / warmup)
    return peak * cosine((step - warmup) / (steps - warmup))


def after_warmup(wrong):
    """The right warm-up, and something else for the cosine."""
    return lambda step, steps, warmup, peak: (
        rate(step, steps, warmup, peak) if step < warmup else wrong(step, steps, warmup, peak)
    )


def batch_slices(seed, step, n, size):
    return np.random.default_rng([seed, step]).integers(0, n, size)


def drawn(seeded, n, size):
    return np.random.default_rng(seeded).integers(0, n, size)


GENERATOR = np.random.default_rng(0)


def stopped(steps, validation, patience, start=0, better=np.greater, reset=True):
    best = without = 0
    for i, score in enumerate(validation):
        if better(score, validation[best]):
            best, without = i, without * (not reset)
        elif i:
            without += 1
        if without == patience + start:
            break
    return steps[i], steps[best]


def from_the_last(steps, validation, patience):
    without = 0
    for i in range(1, len(steps)):
        without = without + 1 if validation[i] <= validation[i - 1] else 0
        if without == patience:
            break
    return steps[i], steps[int(np.argmax(validation[: i + 1]))]


def whole_history(steps, validation, patience):
    best = int(np.argmax(validation))
    return steps[min(best + patience, len(steps) - 1)], steps[best]


def asks_first(steps, validation, patience):
    best = 0
    for i in range(len(steps)):
        if i - best == patience:
            break
        best = i if validation[i] > validation[best] else best
    return steps[i], steps[best]


def falls_off_the_end(steps, validation, patience):
    for i in range(len(steps)):
        best = int(np.argmax(validation[: i + 1]))
        if i - best == patience:
            return steps[i], steps[best]
    return None


def keeps_the_last_at_the_end(steps, validation, patience):
    return falls_off_the_end(steps, validation, patience) or (steps[-1], steps[-1])


def past_the_end(steps, validation, patience):
    i = best = 0
    while i - best < patience:
        i += 1
        best = i if validation[i] > validation[best] else best
    return steps[i], steps[best]


def best_of(scores, steps):
    return steps[int(np.argmax(scores))]


SOLUTIONS = {"rate": rate, "batch_slices": batch_slices, "stopped": stopped, "computed_steps": 437}
UNTOUCHED = {
    "rate": lambda step, steps, warmup, peak: ...,
    "batch_slices": lambda seed, step, n, size: ...,
    "stopped": lambda steps, validation, patience: ...,
    "computed_steps": ...,
}
WRONG = [
    ("rate", lambda s, n, w, p: rate(s, n, w, p, start=0), "from_zero"),
    ("rate", after_warmup(lambda s, n, w, p: p * cosine(s / n)), "cosine_from_step_0"),
    ("rate", after_warmup(lambda s, n, w, p: p * cosine((s - w) / n)), "cosine_too_long"),
    ("rate", after_warmup(lambda s, n, w, p: 2 * rate(s, n, w, p)), "no_half"),
    ("rate", lambda s, n, w, p: p * cosine(s / n), "no_warmup"),
    (
        "rate",
        after_warmup(lambda s, n, w, p: p * (1 + np.cos(180 * (s - w) / (n - w))) / 2),
        "degrees",
    ),
    ("rate", after_warmup(lambda s, n, w, p: p * (n - s) / (n - w)), "linear"),
    ("rate", after_warmup(lambda s, n, w, p: p * cosine((n - s) / (n - w))), "upside_down"),
    ("rate", after_warmup(lambda s, n, w, p: p * cosine((s - w) / (n - w) / np.pi)), "no_pi"),
    ("rate", after_warmup(lambda s, n, w, p: p * np.cos(np.pi * (s - w) / (n - w))), "below_zero"),
    ("rate", after_warmup(lambda s, n, w, p: None), "half_done"),
    ("rate", lambda s, n, w, p: p, "other"),
    ("rate", lambda s, n, w, p: p / 10 if s < w else rate(s, n, w, p), "flat_warmup"),
    ("rate", lambda s, n, w, p: p / 10 + p * s / w if s < w else rate(s, n, w, p), "overshoots"),
    ("rate", lambda s, n, w, p: rate(s, n, w, 0.001), "fixed"),
    ("rate", lambda s, n, w, p: rate(s, n, 20, p), "fixed"),
    ("rate", lambda s, n, w, p: rate(s, 100, w, p) if s < 100 else 0.0, "fixed"),
    (
        "rate",
        lambda s, n, w, p: 0.0001 + (p - 0.0001) * s / w if s < w else rate(s, n, w, p),
        "fixed",
    ),
    ("rate", lambda s, n, w, p: rate(s, n, w, p) + 0 / w, "zero_warmup"),
    ("rate", lambda s, n, w, p: rate(s, n, w or 20, p), "zero_warmup"),
    ("rate", lambda s, n, w, p: "fast", "wrong_shape"),
    ("batch_slices", lambda seed, step, n, size: GENERATOR.integers(0, n, size), "remembers"),
    (
        "batch_slices",
        lambda seed, step, n, size: np.random.default_rng(seed).integers(0, n, size),
        "seed_only",
    ),
    (
        "batch_slices",
        lambda seed, step, n, size: np.random.default_rng(seed + step).integers(0, n, size),
        "sum",
    ),
    (
        "batch_slices",
        lambda seed, step, n, size: np.random.default_rng(step).integers(0, n, size),
        "step_only",
    ),
    ("batch_slices", lambda seed, step, n, size: drawn(seed * step, n, size), "product"),
    ("batch_slices", lambda seed, step, n, size: drawn([seed, step], n - 1, size), "never"),
    ("batch_slices", lambda seed, step, n, size: drawn([seed, step], n - 1, size) + 1, "never"),
    ("batch_slices", lambda seed, step, n, size: drawn([seed, step], n + 1, size), "out_of_range"),
    ("batch_slices", lambda seed, step, n, size: drawn([seed, step], 30, size), "out_of_range"),
    ("batch_slices", lambda seed, step, n, size: drawn([seed, step], n, 4), "fixed_size"),
    ("batch_slices", lambda seed, step, n, size: drawn(1000 * seed + step, n, size), "shared"),
    ("batch_slices", lambda seed, step, n, size: drawn(seed + 100 * step, n, size), "shared"),
    (
        "batch_slices",
        lambda seed, step, n, size: (n - 1) * drawn([seed, step], n, size) / n,
        "wrong_shape",
    ),
    (
        "batch_slices",
        lambda seed, step, n, size: [int(drawn([seed, step], n, 1)[0]) for _ in range(size)],
        "repeated",
    ),
    ("batch_slices", lambda seed, step, n, size: [step], "wrong_shape"),
    ("batch_slices", lambda seed, step, n, size: "slices", "wrong_shape"),
    ("stopped", lambda s, v, p: stopped(s, v, p, start=1), "late"),
    ("stopped", lambda s, v, p: stopped(s, v, p, start=-1), "early"),
    ("stopped", lambda s, v, p: stopped(s, v, p, better=np.greater_equal), "ties"),
    ("stopped", lambda s, v, p: stopped(s, v, p, reset=False), "never_resets"),
    ("stopped", from_the_last, "from_the_last"),
    ("stopped", whole_history, "whole_history"),
    ("stopped", asks_first, "asks_first"),
    ("stopped", lambda s, v, p: (stopped(s, v, p)[0], best_of(v, s)), "peeked"),
    ("stopped", lambda s, v, p: (s[-1], best_of(v, s)), "never_stops"),
    ("stopped", lambda s, v, p: stopped(s, v, p)[:1] * 2, "keeps_the_end"),
    ("stopped", lambda s, v, p: stopped(s, v, 1), "in_steps"),
    ("stopped", lambda s, v, p: stopped(s, v, p, better=np.less), "lowest"),
    ("stopped", lambda s, v, p: stopped(range(len(s)), v, p), "index"),
    ("stopped", lambda s, v, p: (stopped(s, v, p)[0], stopped(v, v, p)[1]), "score"),
    ("stopped", lambda s, v, p: stopped(s, v, p)[::-1], "swapped"),
    ("stopped", lambda s, v, p: stopped(s, v, p)[0], "end_alone"),
    ("stopped", lambda s, v, p: stopped(s, v, p)[1], "kept_alone"),
    ("stopped", falls_off_the_end, "to_the_end"),
    ("stopped", keeps_the_last_at_the_end, "to_the_end"),
    ("stopped", past_the_end, "to_the_end"),
    ("stopped", lambda s, v, p: stopped(s, v, 3), "fixed"),
    ("stopped", lambda s, v, p: stopped([20 * (i + 1) for i in range(len(s))], v, p), "to_the_end"),
    ("stopped", lambda s, v, p: (180, 120) if p == 3 else (40, 30), "fixed"),
    ("stopped", lambda s, v, p: (s[0], s[0]), "other"),
    ("stopped", lambda s, v, p: "never", "wrong_shape"),
    ("computed_steps", 350, "nothing_lost"),
    ("computed_steps", 400, "first_only"),
    ("computed_steps", 387, "score_counts"),
    ("computed_steps", 87, "only_lost"),
    ("computed_steps", 363, "from_the_kill"),
    ("computed_steps", 837, "from_scratch"),
    ("computed_steps", 12, "other"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch12, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch12, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch12, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict


def by_interpolation(step, steps, warmup, peak):
    if step <= warmup and warmup:
        return np.interp(step, [0, warmup], [peak / 10, peak])
    return peak * np.cos(np.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def keeps_the_best_at_the_end(steps, validation, patience):
    return falls_off_the_end(steps, validation, patience) or [steps[-1], best_of(validation, steps)]


def by_plateaus(steps, validation, patience):
    best = np.maximum.accumulate(validation)
    level = best[patience:] == best[:-patience]  # no gain for `patience` evaluations
    end = patience + level.argmax() if level.any() else len(steps) - 1
    return steps[end], best_of(validation[: end + 1], steps)


def test_other_right_answers_pass():
    assert ch12.rate(by_interpolation)
    for slices in (
        lambda seed, step, n, size: np.random.default_rng((step, seed)).choice(n, size),
        lambda seed, step, n, size: (
            np.random.default_rng([seed, step])
            .permutation(np.tile(np.arange(n), 10))[:size]
            .tolist()
        ),
        lambda seed, step, n, size: np.random.default_rng(
            np.random.SeedSequence(seed, spawn_key=(step,))
        ).integers(n, size=size),
    ):
        verdict = ch12.batch_slices(slices)
        assert verdict, verdict
    assert ch12.stopped(lambda s, v, p: np.array(keeps_the_best_at_the_end(s, v, p)))
    assert ch12.stopped(by_plateaus)


def test_a_fixed_number_is_named_with_both_rates():
    message = ch12.rate(lambda s, n, w, p: rate(s, n, 20, p)).message
    assert "warmup=10" in message
    assert "0.000325, wanted 0.00055" in message
    message = ch12.rate(lambda s, n, w, p: 0.9 * rate(s, n, w, p)).message
    assert "[0.2925, 0.7682], wanted [0.325 , 0.8536]" in message


def test_the_steps_to_be_predicted_are_not_given_away():
    message = ch12.computed_steps(400.7).message
    assert "437" not in message
    assert "too small" in message


def test_the_schedule_is_that_of_the_package():
    config = training.TrainConfig("unet", {"base_filters": 2, "depth": 1}, steps=100)
    optimizer = training.build(config).optimizer
    for step in (0, 5, 19, 20, 40, 99):
        optimizer.iterations.assign(step)
        wanted = rate(step, 100, 20, 1e-3)
        assert float(optimizer.learning_rate) == pytest.approx(wanted, rel=1e-4)
