"""Right and wrong answers to the exercises of chapter 12."""

import numpy as np


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


def by_interpolation(step, steps, warmup, peak):
    if step <= warmup and warmup:
        return np.interp(step, [0, warmup], [peak / 10, peak])
    return peak * np.cos(np.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def by_numpy(step, steps, warmup, peak):
    rising = np.array([peak / 10 + 0.9 * peak * step / max(warmup, 1)])
    return np.where(step < warmup, rising, peak * cosine((step - warmup) / (steps - warmup)))


def by_permutation(seed, step, n, size):
    many = np.tile(np.arange(n), 10)
    return np.random.default_rng([seed, step]).permutation(many)[:size].tolist()


def by_seed_sequence(seed, step, n, size):
    sequence = np.random.SeedSequence(seed, spawn_key=(step,))
    return np.random.default_rng(sequence).choice(n, size)


def keeps_the_best_at_the_end(steps, validation, patience):
    return np.array(
        falls_off_the_end(steps, validation, patience) or [steps[-1], best_of(validation, steps)]
    )


def by_plateaus(steps, validation, patience):
    best = np.maximum.accumulate(validation)
    level = best[patience:] == best[:-patience]  # no gain for `patience` evaluations
    end = patience + level.argmax() if level.any() else len(steps) - 1
    return steps[end], best_of(validation[: end + 1], steps)


RIGHT = {
    "rate": [rate, by_interpolation, by_numpy],
    "batch_slices": [batch_slices, by_permutation, by_seed_sequence],
    "stopped": [stopped, by_plateaus, keeps_the_best_at_the_end],
    "computed_steps": [437, 437.0, np.array([437])],
}
WRONG = {
    "rate": [
        dict(from_zero=lambda s, n, w, p: rate(s, n, w, p, start=0)),
        dict(cosine_from_step_0=after_warmup(lambda s, n, w, p: p * cosine(s / n))),
        dict(cosine_too_long=after_warmup(lambda s, n, w, p: p * cosine((s - w) / n))),
        dict(no_half=after_warmup(lambda s, n, w, p: 2 * rate(s, n, w, p))),
        dict(no_warmup=lambda s, n, w, p: p * cosine(s / n)),
        dict(
            degrees=after_warmup(lambda s, n, w, p: p * (1 + np.cos(180 * (s - w) / (n - w))) / 2)
        ),
        dict(linear=after_warmup(lambda s, n, w, p: p * (n - s) / (n - w))),
        dict(upside_down=after_warmup(lambda s, n, w, p: p * cosine((n - s) / (n - w)))),
        dict(no_pi=after_warmup(lambda s, n, w, p: p * cosine((s - w) / (n - w) / np.pi))),
        dict(below_zero=after_warmup(lambda s, n, w, p: p * np.cos(np.pi * (s - w) / (n - w)))),
        dict(half_done=after_warmup(lambda s, n, w, p: None), other=lambda s, n, w, p: p),
        dict(flat_warmup=lambda s, n, w, p: p / 10 if s < w else rate(s, n, w, p)),
        dict(overshoots=lambda s, n, w, p: p / 10 + p * s / w if s < w else rate(s, n, w, p)),
        dict(fixed=lambda s, n, w, p: rate(s, n, w, 0.001)),
        dict(fixed=lambda s, n, w, p: rate(s, n, 20, p)),
        dict(fixed=lambda s, n, w, p: rate(s, 100, w, p) if s < 100 else 0.0),
        dict(fixed=lambda s, n, w, p: 0.0001 + (p - 0.0001) * s / w if s < w else rate(s, n, w, p)),
        dict(divided_by_warmup=lambda s, n, w, p: rate(s, n, w, p) + 0 / w),
        dict(zero_warmup=lambda s, n, w, p: rate(s, n, w or 20, p)),
        dict(wrong_shape=lambda s, n, w, p: "fast"),
    ],
    "batch_slices": [
        dict(remembers=lambda seed, step, n, size: GENERATOR.integers(0, n, size)),
        dict(
            seed_only=lambda seed, step, n, size: np.random.default_rng(seed).integers(0, n, size)
        ),
        dict(
            sum=lambda seed, step, n, size: np.random.default_rng(seed + step).integers(0, n, size)
        ),
        dict(
            step_only=lambda seed, step, n, size: np.random.default_rng(step).integers(0, n, size)
        ),
        dict(product=lambda seed, step, n, size: drawn(seed * step, n, size)),
        dict(never_last=lambda seed, step, n, size: drawn([seed, step], n - 1, size)),
        dict(never_first=lambda seed, step, n, size: drawn([seed, step], n - 1, size) + 1),
        dict(never=lambda seed, step, n, size: 2 * drawn([seed, step], n // 2 + n % 2, size)),
        dict(out_of_range=lambda seed, step, n, size: drawn([seed, step], n + 1, size)),
        dict(out_of_range=lambda seed, step, n, size: drawn([seed, step], 30, size)),
        dict(fixed_size=lambda seed, step, n, size: drawn([seed, step], n, 4)),
        dict(shared=lambda seed, step, n, size: drawn(1000 * seed + step, n, size)),
        dict(shared=lambda seed, step, n, size: drawn(seed + 100 * step, n, size)),
        dict(wrong_shape=lambda seed, step, n, size: (n - 1) * drawn([seed, step], n, size) / n),
        dict(
            repeated=lambda seed, step, n, size: [
                int(drawn([seed, step], n, 1)[0]) for _ in range(size)
            ]
        ),
        dict(wrong_shape=lambda seed, step, n, size: [step]),
        dict(wrong_shape=lambda seed, step, n, size: "slices"),
    ],
    "stopped": [
        dict(late=lambda s, v, p: stopped(s, v, p, start=1)),
        dict(early=lambda s, v, p: stopped(s, v, p, start=-1)),
        dict(ties=lambda s, v, p: stopped(s, v, p, better=np.greater_equal)),
        dict(never_resets=lambda s, v, p: stopped(s, v, p, reset=False)),
        dict(from_the_last=from_the_last, whole_history=whole_history, asks_first=asks_first),
        dict(peeked=lambda s, v, p: (stopped(s, v, p)[0], best_of(v, s))),
        dict(never_stops=lambda s, v, p: (s[-1], best_of(v, s))),
        dict(keeps_the_end=lambda s, v, p: stopped(s, v, p)[:1] * 2),
        dict(in_steps=lambda s, v, p: stopped(s, v, 1)),
        dict(lowest=lambda s, v, p: stopped(s, v, p, better=np.less)),
        dict(index=lambda s, v, p: stopped(range(len(s)), v, p)),
        dict(score=lambda s, v, p: (stopped(s, v, p)[0], stopped(v, v, p)[1])),
        dict(swapped=lambda s, v, p: stopped(s, v, p)[::-1]),
        dict(end_alone=lambda s, v, p: stopped(s, v, p)[0]),
        dict(kept_alone=lambda s, v, p: stopped(s, v, p)[1], past_the_end=falls_off_the_end),
        dict(to_the_end=keeps_the_last_at_the_end, past_the_end=past_the_end),
        dict(fixed=lambda s, v, p: stopped(s, v, 3)),
        dict(to_the_end=lambda s, v, p: stopped([20 * (i + 1) for i in range(len(s))], v, p)),
        dict(fixed=lambda s, v, p: (180, 120) if p == 3 else (40, 30)),
        dict(other=lambda s, v, p: (s[0], s[0]), wrong_shape=lambda s, v, p: "never"),
    ],
    "computed_steps": [
        dict(nothing_lost=350, first_only=400, score_counts=387, only_lost=87, from_the_kill=363),
        dict(from_scratch=837, other=12),
    ],
}
