"""Chapter 2's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import numpy as np
import pytest
from damunet_book.checks import ch02


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


SOLUTIONS = {
    "polarity": turned,
    "width": 20,
    "neighbours": 1 - 5 / 29 * 4 / 28,
    "split": contiguous,
    "symmetries": 8,
    "together": careful,
}

STUBS = {
    "polarity": [..., None, lambda label: ...],
    "width": [..., None],
    "neighbours": [..., None],
    "split": [..., None, lambda *_: ..., lambda *_: (..., ...)],
    "symmetries": [..., None],
    "together": [..., None, lambda *_: ..., lambda *_: (..., ...)],
}

WRONG = [
    ("polarity", lambda x: (x / 255).astype(np.float32)[..., None], "not_turned", "Cell interior"),
    ("polarity", lambda x: x[..., None], "untouched_grey", "255 is cell"),
    ("polarity", lambda x: 255 - x, "not_scaled", "membrane is 255"),
    ("polarity", lambda x: (x == 0).astype(np.float32), "wrong_shape", "(3, 4)"),
    ("polarity", lambda x: (x == 0)[..., None], "dtype", "bool"),
    ("polarity", lambda x: (1 - x)[..., None].astype(np.float32), "wrapped", "no negative numbers"),
    ("polarity", lambda x: 1 / 0, "raised", "ZeroDivisionError"),
    ("width", 5, "pixels", "4 nm"),
    ("width", 28, "every_darker_pixel", "below the middle"),
    ("width", 16, "fence_posts", "five pixels"),
    ("width", 8, "half_of_the_cell", "between floor and cell"),
    ("width", 18.8, "between_pixels", "whole pixels"),
    ("width", 250, "section", "thickness"),
    ("neighbours", 24 / 29, "one_side", "There are two"),
    ("neighbours", 0.68, "both", "One is enough"),
    ("neighbours", 0.0246, "complement", "neither"),
    ("neighbours", 0.96, "with_replacement", "5 of the other 29"),
    ("neighbours", 1 - (5 / 29) ** 2, "second_not_drawn", "4 test places"),
    ("neighbours", 0.8, "share", "share of training"),
    ("neighbours", 48 / 29, "added", "may not be added"),
    ("neighbours", 97.5, "percent", "divide"),
    ("split", without(0, 0), "no_gap", "either side"),
    ("split", without(0, 1), "gap_after_only", "before the block"),
    ("split", without(1, 0), "gap_before_only", "after the block"),
    ("split", wrapping, "wraps", "negative index"),
    ("split", one_too_many, "one_too_many", "too many"),
    ("split", scattered, "scattered", "neighbours of each other"),
    ("split", lambda *a: contiguous(*a)[::-1], "swapped", "train, test"),
    ("split", lambda *a: (np.arange(12), np.arange(5, 8)), "overlap", "both lists"),
    ("split", lambda *a: 7, "wrong_shape", "two lists"),
    ("split", lambda *a: ("train", "test"), "wrong_shape", "two lists"),
    ("split", lambda *a: (*contiguous(*a), 2), "wrong_shape", "two lists"),
    ("split", as_masks, "wrong_shape", "section numbers"),
    ("split", stop_below_zero, "negative_stop", "counts from the end"),
    ("split", off_by(1, 0), "long_before", "before the block is one slice too long"),
    ("split", off_by(0, 1), "long_after", "after the block is one slice too long"),
    ("split", off_by(-1, 0), "short_before", "before the block is one slice too short"),
    ("split", off_by(0, -1), "short_after", "after the block is one slice too short"),
    ("split", past_the_end, "past_the_end", "no slice n"),
    ("split", first_forgotten, "first_forgotten", "number 0"),
    ("split", gap_of_two, "other_numbers", "(20, 14, 4, 3)"),
    ("symmetries", 32, "all_ways", "2 x 2 x 4"),
    ("symmetries", 16, "draws", "half a turn"),
    ("symmetries", 4, "turns_only", "mirror images"),
    ("symmetries", 7, "without_itself", "untouched"),
    ("symmetries", 6, "added", "Each turn"),
    ("together", careless, "two_draws", "coin of its own"),
    ("together", lambda i, m, rng: flip_if(i, m, rng.random() < 0.5, False), "mask_not_moved", ""),
    ("together", lambda i, m, rng: flip_if(i, m, False, rng.random() < 0.5), "image_not_moved", ""),
    ("together", lambda i, m, rng: (i, m), "never", "ever mirrored"),
    ("together", lambda i, m, rng: flip_if(i, m, True, True), "always", "half the time"),
    ("together", lambda i, m, rng: (i[::-1], m), "wrong_axis", "second axis"),
    ("together", lambda i, m, rng: (np.roll(i, 1), m), "other", "image comes back"),
    ("together", lambda i, m, rng: (m, i), "swapped", "image, mask"),
    ("together", not_drawn_from_rng(), "not_from_rng", "from rng alone"),
    ("together", lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.05] * 2), "not_half", "half"),
    ("together", lambda i, m, rng: flip_if(i, m, *[rng.random() < 0.3] * 2), "not_half", "of 400"),
    ("together", lambda i, m, rng: (i, 1 - m), "other", "mask comes back"),
    ("together", lambda i, m, rng: i, "wrong_shape", "two arrays"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solutions_pass(name):
    verdict = getattr(ch02, name)(SOLUTIONS[name])
    assert verdict, verdict
    assert verdict.mistake is None


def test_a_split_may_come_as_sets_or_as_generators():
    assert ch02.split(as_sets)
    assert ch02.split(lambda *numbers: tuple(iter(part) for part in contiguous(*numbers)))


@pytest.mark.parametrize(
    ("name", "stub"), [(name, stub) for name, stubs in STUBS.items() for stub in stubs]
)
def test_untouched_stubs_are_recognised(name, stub):
    verdict = getattr(ch02, name)(stub)
    assert not verdict
    assert verdict.mistake == "untouched", verdict


@pytest.mark.parametrize(("name", "answer", "mistake", "text"), WRONG)
def test_each_mistake_gets_the_message_written_for_it(name, answer, mistake, text):
    verdict = getattr(ch02, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict
    assert text in verdict.message


def test_the_answers_that_are_not_code_follow_from_first_principles():
    square = np.arange(9).reshape(3, 3)
    pictures = {
        np.rot90(square[::rows, ::columns], turn).tobytes()
        for rows in (1, -1)
        for columns in (1, -1)
        for turn in range(4)
    }
    assert ch02.symmetries(len(pictures))
    rng = np.random.default_rng(0)
    near = []
    for _ in range(20_000):
        test = set(rng.permutation(30)[:6].tolist())
        if 14 in test:
            near.append(not {13, 15} <= test)
    assert np.mean(near) == pytest.approx(1 - 5 / 29 * 4 / 28, abs=0.01)
