"""Right and wrong answers to the exercises of chapter 2."""

import numpy as np


def turned(label):
    return (label == 0).astype(np.float32)[..., None]


def contiguous(n, start, block, gap):
    test = np.arange(start, start + block)
    near = np.arange(start - gap, start + block + gap)
    return np.setdiff1d(np.arange(n), near), test


def without(*left_out):
    """A split that leaves these slices out, written as (before, after) of gap."""
    before, after = left_out

    def answer(n, start, block, gap):
        near = np.arange(start - before * gap, start + block + after * gap)
        return np.setdiff1d(np.arange(n), near), np.arange(start, start + block)

    return answer


def off_by(before, after):
    def answer(n, start, block, gap):
        near = np.arange(start - gap - before, start + block + gap + after)
        return np.setdiff1d(np.arange(n), near), np.arange(start, start + block)

    return answer


def wrapping(n, start, block, gap):
    near = np.arange(start - gap, start + block + gap)
    return np.delete(np.arange(n), near), np.arange(start, start + block)


def one_too_many(n, start, block, gap):
    train, test = contiguous(n, start, block, gap)
    return train, np.append(test, test[-1] + 1)


def past_the_end(n, start, block, gap):
    train, test = contiguous(n, start, block, gap)
    return np.append(train, n), test


def first_forgotten(n, start, block, gap):
    train, test = contiguous(n, start, block, gap)
    return train[train > 0], test


def gap_of_two(n, start, block, gap):
    return contiguous(n, start, block, 2)


def stop_below_zero(n, start, block, gap):
    every = list(range(n))
    return every[: start - gap] + every[start + block + gap :], every[start : start + block]


def as_sets(*numbers):
    return tuple(set(part.tolist()) for part in contiguous(*numbers))


def as_masks(n, *numbers):
    return tuple(np.isin(np.arange(n), part) for part in contiguous(n, *numbers))


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
        dict(not_turned=lambda x: (x / 255).astype(np.float32)[..., None]),
        dict(untouched_grey=lambda x: x[..., None], not_scaled=lambda x: 255 - x),
        dict(wrong_shape=lambda x: (x == 0).astype(np.float32)),
        dict(dtype=lambda x: (x == 0)[..., None]),
        dict(wrapped=lambda x: (1 - x)[..., None].astype(np.float32), raised=lambda x: 1 / 0),
    ],
    "width": [
        dict(pixels=5, every_darker_pixel=28, fence_posts=16, half_of_the_cell=8),
        dict(between_pixels=18.8, section=250),
    ],
    "neighbours": [
        dict(one_side=24 / 29, both=0.68, complement=0.0246, with_replacement=0.96),
        dict(second_not_drawn=1 - (5 / 29) ** 2, share=0.8, added=48 / 29, percent=97.5),
    ],
    "split": [
        dict(no_gap=without(0, 0), gap_after_only=without(0, 1), gap_before_only=without(1, 0)),
        dict(wraps=wrapping, one_too_many=one_too_many, scattered=scattered),
        dict(swapped=lambda *a: contiguous(*a)[::-1]),
        dict(overlap=lambda *a: (np.arange(12), np.arange(5, 8)), wrong_shape=lambda *a: 7),
        dict(wrong_shape=lambda *a: ("train", "test")),
        dict(wrong_shape=lambda *a: (*contiguous(*a), 2)),
        dict(wrong_shape=as_masks, negative_stop=stop_below_zero, long_before=off_by(1, 0)),
        dict(long_after=off_by(0, 1), short_before=off_by(-1, 0), short_after=off_by(0, -1)),
        dict(past_the_end=past_the_end, first_forgotten=first_forgotten, other_numbers=gap_of_two),
    ],
    "symmetries": [dict(all_ways=32, draws=16, turns_only=4, without_itself=7, added=6)],
    "together": [
        dict(two_draws=careless),
        dict(mask_not_moved=lambda i, m, rng: flip_if(i, m, rng.random() < 0.5, False)),
        dict(image_not_moved=lambda i, m, rng: flip_if(i, m, False, rng.random() < 0.5)),
        dict(never=lambda i, m, rng: (i, m), always=lambda i, m, rng: flip_if(i, m, True, True)),
        dict(wrong_axis=lambda i, m, rng: (i[::-1], m)),
        dict(neither=lambda i, m, rng: (np.roll(i, 1), m), swapped=lambda i, m, rng: (m, i)),
        dict(not_from_rng=not_drawn_from_rng()),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.05] * 2)),
        dict(not_half=lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.3] * 2)),
        dict(neither=lambda i, m, rng: (i, 1 - m), wrong_shape=lambda i, m, rng: i),
    ],
}
