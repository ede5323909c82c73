"""Right and wrong answers to the exercises of chapter 12."""

import numpy as np
from checks.answers.shared import asked
from damunet_book.checks import ch12


def cosine(part):
    return 0.5 * (1 + np.cos(np.pi * part))


def rate(step, steps, warmup, peak, start=0.1):
    if step < warmup:
        return peak * (start + (1 - start) * step / warmup)
    return peak * cosine((step - warmup) / (steps - warmup))


def by_interpolation(step, steps, warmup, peak):
    if step <= warmup and warmup:
        return np.interp(step, [0, warmup], [peak / 10, peak])
    return peak * np.cos(np.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def by_numpy(step, steps, warmup, peak):
    rising = np.array([peak / 10 + 0.9 * peak * step / max(warmup, 1)])
    return np.where(step < warmup, rising, peak * cosine((step - warmup) / (steps - warmup)))


def rising(shape):
    """The right cosine, and something else for the warm-up, from 0 to 1, as shares of the peak."""
    return lambda s, n, w, p: p * shape(s / w) if s < w else rate(s, n, w, p)


def falling(shape):
    """The right warm-up, and something else for the cosine, from 0 to 1, as shares of the peak."""
    return lambda s, n, w, p: rate(s, n, w, p) if s < w else p * shape((s - w) / (n - w))


def seeded(by, more=0):
    """Slices drawn with a seed that is made of seed and step, from ``more`` than n."""

    def answer(seed, step, n, size):
        return np.random.default_rng(by(seed, step)).integers(0, n + more, size)

    return answer


def by_pair(seed, step):
    return [seed, step]


def one_by_one(seed, step, n, size):
    rng = np.random.default_rng([seed, step])
    return [rng.integers(0, n, 1) for _ in range(size)]


def by_seed_sequence(seed, step, n, size):
    sequence = np.random.SeedSequence(seed, spawn_key=(step,))
    return np.random.default_rng(sequence).choice(n, size)


draw = seeded(by_pair)
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


def best_of(scores, steps):
    return steps[int(np.argmax(scores))]


def falls_off_the_end(steps, validation, patience):
    for i in range(len(steps)):
        best = int(np.argmax(validation[: i + 1]))
        if i - best == patience:
            return steps[i], steps[best]
    return None


def keeps_the_best_at_the_end(steps, validation, patience):
    end = steps[-1], best_of(validation, steps)
    return np.array(falls_off_the_end(steps, validation, patience) or end)


def by_plateaus(steps, validation, patience):
    best = np.maximum.accumulate(validation)
    level = best[patience:] == best[:-patience]  # no gain for `patience` evaluations
    end = patience + level.argmax() if level.any() else len(steps) - 1
    return steps[end], best_of(validation[: end + 1], steps)


RUN = asked(ch12.stopped)
RIGHT = {
    "rate": [rate, by_interpolation, by_numpy],
    "batch_slices": [draw, one_by_one, by_seed_sequence],
    "stopped": [stopped, by_plateaus, keeps_the_best_at_the_end],
    "computed_steps": [437, 437.0, np.array([437])],
}
WRONG = {
    "rate": [
        dict(cosine_from_step_0=falling(lambda part: cosine(0.2 + 0.8 * part))),
        dict(fixed=lambda s, n, w, p: 0.0001 + (p - 0.0001) * s / w if s < w else rate(s, n, w, p)),
        dict(cosine_too_long=lambda s, n, w, p: rate(s, n + w * (s >= w), w, p)),
        dict(half_done=lambda s, n, w, p: rate(s, n, w, p) if s < w else None, wrong_shape="fast"),
        dict(fixed=lambda s, n, w, p: rate(s, 100, w, p) if s < 100 else 0.0),
        dict(divided_by_warmup=lambda s, n, w, p: rate(s, n, w, p) + 0 / w),
        dict(degrees=falling(lambda part: (1 + np.cos(180 * part)) / 2)),
        dict(below_zero=falling(lambda part: np.cos(np.pi * part)), other=lambda s, n, w, p: p),
        dict(zero_warmup=lambda s, n, w, p: rate(s, n, w or 20, p)),
        dict(upside_down=falling(lambda part: cosine(1 - part))),
        dict(no_pi=falling(lambda part: cosine(part / np.pi)), from_zero=rising(lambda part: part)),
        dict(no_half=falling(lambda part: 2 * cosine(part)), linear=falling(lambda part: 1 - part)),
        dict(no_warmup=lambda s, n, w, p: p * cosine(s / n), flat_warmup=rising(lambda part: 0.1)),
        dict(fixed=lambda s, n, w, p: rate(s, n, w, 0.001)),
        dict(overshoots=rising(lambda part: 0.1 + part)),
        dict(fixed=lambda s, n, w, p: rate(s, n, 20, p)),
    ],
    "batch_slices": [
        dict(never=lambda seed, step, n, size: 2 * draw(seed, step, (n + 1) // 2, size)),
        dict(never_first=lambda seed, step, n, size: draw(seed, step, n - 1, size) + 1),
        dict(repeated=lambda seed, step, n, size: [draw(seed, step, n, 1)[0]] * size),
        dict(remembers=lambda seed, step, n, size: GENERATOR.integers(0, n, size), wrong_shape=[3]),
        dict(out_of_range=lambda seed, step, n, size: draw(seed, step, 30, size)),
        dict(fixed_size=lambda seed, step, n, size: draw(seed, step, n, 4), wrong_shape="slices"),
        dict(shared=seeded(lambda seed, step: 1000 * seed + step), out_of_range=seeded(by_pair, 1)),
        dict(shared=seeded(lambda seed, step: seed + 100 * step), never_last=seeded(by_pair, -1)),
        dict(product=seeded(lambda seed, step: seed * step), wrong_shape=[0.5, 1, 2, 3]),
        dict(sum=seeded(lambda seed, step: seed + step), seed_only=seeded(lambda seed, step: seed)),
        dict(step_only=seeded(lambda seed, step: step), sum=seeded(lambda seed, step: seed ^ step)),
        dict(shared=seeded(lambda seed, step: int(f"{seed}{step}"))),
    ],
    "stopped": [
        dict(to_the_end=lambda s, v, p: stopped([20 * (i + 1) for i in range(len(s))], v, p)),
        dict(past_the_end=lambda s, v, p: falls_off_the_end(s, v, p) or s[len(s)], other=(20, 20)),
        dict(to_the_end=lambda s, v, p: falls_off_the_end(s, v, p) or s[-1:] * 2, kept_alone=120),
        dict(fixed=lambda s, v, p: stopped(s, v, 3) if len(s) != 4 else (40, 30), end_alone=180),
        dict(fixed=lambda s, v, p: (180, 120) if p == 3 else (40, 30), late=stopped(*RUN, start=1)),
        dict(ties=stopped(*RUN, better=np.greater_equal), never_resets=stopped(*RUN, reset=False)),
        dict(never_stops=(340, best_of(RUN[1], RUN[0])), peeked=(180, best_of(RUN[1], RUN[0]))),
        dict(lowest=stopped(*RUN, better=np.less), index=stopped(range(17), *RUN[1:])),
        dict(other=lambda s, v, p: (stopped(s, v, p)[0], stopped(s, v[:-1], p)[1])),
        dict(past_the_end=falls_off_the_end, early=stopped(*RUN, start=-1), asks_first=(120, 60)),
        dict(in_steps=stopped(*RUN[:2], 1), from_the_last=(320, 220), keeps_the_end=(180, 180)),
        dict(whole_history=(280, 220), wrong_shape="never", swapped=(120, 180), score=(180, 0.85)),
    ],
    "computed_steps": [
        dict(from_the_kill=363, nothing_lost=350, score_counts=387, from_scratch=837, only_lost=87),
        dict(first_only=400, other=12),
    ],
}
