"""Right and wrong answers to the exercises of chapter 2."""

import numpy as np
from checks.answers.shared import then


def turned(label):
    return (label == 0).astype(np.float32)[..., None]


def without(before=0, after=0, gaps=(1, 1)):
    """A split that leaves out so many slices more, and so many gaps, before and after."""

    def answer(n, start, block, gap):
        near = np.arange(start - gaps[0] * gap - before, start + block + gaps[1] * gap + after)
        return np.setdiff1d(np.arange(n), near), np.arange(start, start + block)

    return answer


contiguous = without()


def wrapping(n, start, block, gap):
    near = np.arange(start - gap, start + block + gap)
    return np.delete(np.arange(n), near), np.arange(start, start + block)


def stop_below_zero(n, start, block, gap):
    every = list(range(n))
    return every[: start - gap] + every[start + block + gap :], every[start : start + block]


def as_generators(n, start, block, gap):
    train = (k for k in range(n) if k < start - gap or k >= start + block + gap)
    return train, range(start, start + block)


def flip_if(image, mask, image_too, mask_too):
    return (image[:, ::-1] if image_too else image), (mask[:, ::-1] if mask_too else mask)


def by_step(image, mask, rng):
    step = rng.choice([1, -1])
    return [image[:, ::step], mask[:, ::step]]


OWN = np.random.default_rng(5)
RIGHT = {
    "polarity": [
        turned,
        lambda x: (1 - np.asarray(x, np.float32) / 255).reshape(*x.shape, 1),
        lambda x: np.float32(1) - (x[:, :, None] > 127),
    ],
    "width": [20, 20.0, np.array([20])],
    "neighbours": [1 - 5 / 29 * 4 / 28, 0.975, np.float32(0.9754)],
    "split": [contiguous, then(contiguous, lambda both: tuple(map(set, both))), as_generators],
    "symmetries": [8, 8.0, np.int64(8)],
    "together": [
        lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.5] * 2),
        lambda i, m, rng: np.flip([i, m], 2) if rng.integers(2) else np.stack([i, m]),
        by_step,
    ],
}
WRONG = {
    "polarity": [
        dict(not_turned=lambda x: (x / 255).astype(np.float32)[..., None], raised=lambda x: 1 / 0),
        dict(wrapped=lambda x: (1 - x)[..., None].astype(np.float32), not_scaled=lambda x: 255 - x),
        dict(wrong_shape=lambda x: (x == 0).astype(np.float32)),
        dict(untouched_grey=lambda x: x[..., None], dtype=lambda x: (x == 0)[..., None]),
    ],
    "width": [
        dict(every_darker_pixel=28, between_pixels=18.8, half_of_the_cell=8, fence_posts=16),
        dict(section=250, pixels=5),
    ],
    "neighbours": [
        dict(second_not_drawn=1 - (5 / 29) ** 2, with_replacement=0.96, complement=0.0246),
        dict(one_side=24 / 29, added=48 / 29, percent=97.5, both=0.68, two_digits=0.98, share=0.8),
    ],
    "split": [
        dict(other_numbers=lambda n, start, block, gap: contiguous(n, start, block, 2)),
        dict(wrong_shape=(np.arange(12) < 3, np.arange(12) > 9), overlap=(range(12), [5, 6, 7])),
        dict(past_the_end=([0, 1, 2, 10, 11, 12], [5, 6, 7]), gap_before_only=without(gaps=(1, 0))),
        dict(first_forgotten=([1, 2, 10, 11], [5, 6, 7]), gap_after_only=without(gaps=(0, 1))),
        dict(one_too_many=([0, 1], range(5, 9)), negative_stop=stop_below_zero, wraps=wrapping),
        dict(wrong_shape=("train", "test"), scattered=([0, 1], [5, 7, 9]), long_before=without(1)),
        dict(swapped=([5, 6, 7], [0, 1]), no_gap=without(gaps=(0, 0)), short_after=without(0, -1)),
        dict(wrong_shape=([0], [5], 2), long_after=without(0, 1), short_before=without(-1)),
        dict(wrong_shape=7),
    ],
    "symmetries": [dict(without_itself=7, turns_only=4, all_ways=32, draws=16, added=6)],
    "together": [
        dict(image_not_moved=lambda i, m, rng: flip_if(i, m, False, rng.random() < 0.5)),
        dict(mask_not_moved=lambda i, m, rng: flip_if(i, m, rng.random() < 0.5, False)),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.05] * 2)),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.3] * 2)),
        dict(two_draws=lambda i, m, rng: flip_if(i, m, *(rng.random(2) < 0.5))),
        dict(always=lambda i, m, rng: flip_if(i, m, True, True), wrong_shape=lambda i, m, rng: i),
        dict(not_from_rng=lambda i, m, rng: by_step(i, m, OWN), swapped=lambda i, m, rng: (m, i)),
        dict(neither=lambda i, m, rng: (np.roll(i, 1), m), never=lambda i, m, rng: (i, m)),
        dict(wrong_axis=lambda i, m, rng: (i[::-1], m), neither=lambda i, m, rng: (i, 1 - m)),
    ],
}
