"""Right and wrong answers to the exercises of chapter 12."""

from functools import partial

import numpy as np


def cosine(part):
    return 0.5 * (1 + np.cos(np.pi * part))


def rate(step, steps, warmup, peak, start=0.1):
    if step < warmup:
        return peak * (start + (1 - start) * step / warmup)
    return peak * cosine((step - warmup) / (steps - warmup))


def falling(shape):
    """The right warm-up, and something else for the cosine, from 0 to 1."""

    def answer(step, steps, warmup, peak):
        if step < warmup:
            return rate(step, steps, warmup, peak)
        return peak * shape((step - warmup) / (steps - warmup))

    return answer


def seeded(by, more=0):
    """Slices drawn with a seed that is made of seed and step, from ``more`` than n."""

    def answer(seed, step, n, size):
        return np.random.default_rng(by(seed, step)).integers(0, n + more, size)

    return answer


def by_pair(seed, step):
    return [seed, step]


batch_slices = seeded(by_pair)
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
        dict(
            cosine_from_step_0=lambda s, n, w, p: p * cosine(s / n) if s >= w else rate(s, n, w, p)
        ),
        dict(fixed=lambda s, n, w, p: 0.0001 + (p - 0.0001) * s / w if s < w else rate(s, n, w, p)),
        dict(overshoots=lambda s, n, w, p: p / 10 + p * s / w if s < w else rate(s, n, w, p)),
        dict(flat_warmup=lambda s, n, w, p: p / 10 if s < w else rate(s, n, w, p)),
        dict(cosine_too_long=lambda s, n, w, p: rate(s, n + w * (s >= w), w, p)),
        dict(half_done=lambda s, n, w, p: rate(s, n, w, p) if s < w else None),
        dict(fixed=lambda s, n, w, p: rate(s, 100, w, p) if s < 100 else 0.0),
        dict(divided_by_warmup=lambda s, n, w, p: rate(s, n, w, p) + 0 / w),
        dict(degrees=falling(lambda part: (1 + np.cos(180 * part)) / 2)),
        dict(below_zero=falling(lambda part: np.cos(np.pi * part)), other=lambda s, n, w, p: p),
        dict(zero_warmup=lambda s, n, w, p: rate(s, n, w or 20, p)),
        dict(upside_down=falling(lambda part: cosine(1 - part)), from_zero=partial(rate, start=0)),
        dict(no_pi=falling(lambda part: cosine(part / np.pi))),
        dict(no_half=falling(lambda part: 2 * cosine(part)), linear=falling(lambda part: 1 - part)),
        dict(no_warmup=lambda s, n, w, p: p * cosine(s / n), wrong_shape=lambda s, n, w, p: "fast"),
        dict(fixed=lambda s, n, w, p: rate(s, n, w, 0.001)),
        dict(fixed=lambda s, n, w, p: rate(s, n, 20, p)),
    ],
    "batch_slices": [
        dict(never=lambda seed, step, n, size: 2 * batch_slices(seed, step, (n + 1) // 2, size)),
        dict(never_first=lambda seed, step, n, size: batch_slices(seed, step, n - 1, size) + 1),
        dict(repeated=lambda seed, step, n, size: [batch_slices(seed, step, n, 1)[0]] * size),
        dict(wrong_shape=lambda seed, step, n, size: batch_slices(seed, step, n, size) / 2),
        dict(out_of_range=lambda seed, step, n, size: batch_slices(seed, step, 30, size)),
        dict(fixed_size=lambda seed, step, n, size: batch_slices(seed, step, n, 4)),
        dict(remembers=lambda seed, step, n, size: GENERATOR.integers(0, n, size)),
        dict(shared=seeded(lambda seed, step: 1000 * seed + step), out_of_range=seeded(by_pair, 1)),
        dict(shared=seeded(lambda seed, step: seed + 100 * step), never_last=seeded(by_pair, -1)),
        dict(wrong_shape=lambda seed, step, n, size: "slices"),
        dict(product=seeded(lambda seed, step: seed * step)),
        dict(wrong_shape=lambda seed, step, n, size: [step]),
        dict(sum=seeded(lambda seed, step: seed + step), seed_only=seeded(lambda seed, step: seed)),
        dict(step_only=seeded(lambda seed, step: step)),
    ],
    "stopped": [
        dict(to_the_end=lambda s, v, p: stopped([20 * (i + 1) for i in range(len(s))], v, p)),
        dict(past_the_end=lambda s, v, p: falls_off_the_end(s, v, p) or s[len(s)]),
        dict(to_the_end=lambda s, v, p: falls_off_the_end(s, v, p) or s[-1:] * 2),
        dict(score=lambda s, v, p: (stopped(s, v, p)[0], stopped(v, v, p)[1])),
        dict(peeked=lambda s, v, p: (stopped(s, v, p)[0], best_of(v, s)), asks_first=asks_first),
        dict(fixed=lambda s, v, p: (180, 120) if p == 3 else (40, 30), from_the_last=from_the_last),
        dict(keeps_the_end=lambda s, v, p: stopped(s, v, p)[:1] * 2, whole_history=whole_history),
        dict(never_stops=lambda s, v, p: (s[-1], best_of(v, s)), early=partial(stopped, start=-1)),
        dict(index=lambda s, v, p: stopped(range(len(s)), v, p), past_the_end=falls_off_the_end),
        dict(ties=partial(stopped, better=np.greater_equal), wrong_shape=lambda s, v, p: "never"),
        dict(swapped=lambda s, v, p: stopped(s, v, p)[::-1], other=lambda s, v, p: (s[0], s[0])),
        dict(kept_alone=lambda s, v, p: stopped(s, v, p)[1], late=partial(stopped, start=1)),
        dict(end_alone=lambda s, v, p: stopped(s, v, p)[0], fixed=lambda s, v, p: stopped(s, v, 3)),
        dict(never_resets=partial(stopped, reset=False), in_steps=lambda s, v, p: stopped(s, v, 1)),
        dict(lowest=partial(stopped, better=np.less)),
    ],
    "computed_steps": [
        dict(from_the_kill=363, nothing_lost=350, score_counts=387, from_scratch=837, only_lost=87),
        dict(first_only=400, other=12),
    ],
}
