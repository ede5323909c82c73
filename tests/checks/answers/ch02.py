"""Right and wrong answers to the exercises of chapter 2."""

import numpy as np


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


def then(change):
    """A right split, and then something else made of its two lists."""
    return lambda n, *rest: change(n, *contiguous(n, *rest))


def stop_below_zero(n, start, block, gap):
    every = list(range(n))
    return every[: start - gap] + every[start + block + gap :], every[start : start + block]


def as_sets(*numbers):
    return tuple(set(part.tolist()) for part in contiguous(*numbers))


def scattered(n, start, block, gap):
    test = np.arange(start, n, gap)[:block]
    return np.setdiff1d(np.arange(n), test), test


def flip_if(image, mask, image_too, mask_too):
    return (image[:, ::-1] if image_too else image), (mask[:, ::-1] if mask_too else mask)


def careful(image, mask, rng):
    coin = rng.random() < 0.5
    return flip_if(image, mask, coin, coin)


def careless(image, mask, rng):
    return flip_if(image, mask, rng.random() < 0.5, rng.random() < 0.5)


def not_drawn_from_rng():
    own = np.random.default_rng(5)

    def answer(image, mask, rng):
        return careful(image, mask, own)

    return answer


def turned_by_scale(label):
    return (1 - np.asarray(label, np.float32) / 255).reshape(*label.shape, 1)


def as_generators(n, start, block, gap):
    train = (k for k in range(n) if k < start - gap or k >= start + block + gap)
    return train, range(start, start + block)


def by_step(image, mask, rng):
    step = rng.choice([1, -1])
    return [image[:, ::step], mask[:, ::step]]


def flipped(image, mask, rng):
    both = np.concatenate([image, mask], axis=2)
    both = np.flip(both, axis=1) if rng.integers(2) else both
    return both[..., :1], both[..., 1:]


RIGHT = {
    "polarity": [turned, turned_by_scale, lambda x: np.float32(1) - (x[:, :, None] > 127)],
    "width": [20, 20.0, np.array([20])],
    "neighbours": [1 - 5 / 29 * 4 / 28, 0.975, np.float32(0.9754)],
    "split": [contiguous, as_sets, as_generators],
    "symmetries": [8, 8.0, np.int64(8)],
    "together": [careful, by_step, flipped],
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
        dict(one_side=24 / 29, added=48 / 29, percent=97.5, both=0.68, share=0.8),
    ],
    "split": [
        dict(wrong_shape=then(lambda n, *both: [np.isin(np.arange(n), part) for part in both])),
        dict(other_numbers=lambda n, start, block, gap: contiguous(n, start, block, 2)),
        dict(one_too_many=then(lambda n, train, test: (train, [*test, test[-1] + 1]))),
        dict(first_forgotten=then(lambda n, train, test: (train[train > 0], test)), wraps=wrapping),
        dict(past_the_end=then(lambda n, train, test: ([*train, n], test)), long_before=without(1)),
        dict(wrong_shape=then(lambda n, train, test: (train, test, 2)), short_after=without(0, -1)),
        dict(overlap=then(lambda n, train, test: (range(n), test)), wrong_shape=lambda *numbers: 7),
        dict(swapped=then(lambda n, train, test: (test, train)), negative_stop=stop_below_zero),
        dict(wrong_shape=lambda *numbers: ("train", "test"), gap_before_only=without(gaps=(1, 0))),
        dict(gap_after_only=without(gaps=(0, 1)), no_gap=without(gaps=(0, 0)), scattered=scattered),
        dict(long_after=without(0, 1), short_before=without(-1)),
    ],
    "symmetries": [dict(without_itself=7, turns_only=4, all_ways=32, draws=16, added=6)],
    "together": [
        dict(image_not_moved=lambda i, m, rng: flip_if(i, m, False, rng.random() < 0.5)),
        dict(mask_not_moved=lambda i, m, rng: flip_if(i, m, rng.random() < 0.5, False)),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.05] * 2)),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.3] * 2)),
        dict(always=lambda i, m, rng: flip_if(i, m, True, True), not_from_rng=not_drawn_from_rng()),
        dict(neither=lambda i, m, rng: (np.roll(i, 1), m), swapped=lambda i, m, rng: (m, i)),
        dict(wrong_axis=lambda i, m, rng: (i[::-1], m), neither=lambda i, m, rng: (i, 1 - m)),
        dict(wrong_shape=lambda i, m, rng: i, never=lambda i, m, rng: (i, m), two_draws=careless),
    ],
}
