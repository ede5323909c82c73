"""Checkers of chapter 2: polarity, a width read off a profile, splits, augmented pairs."""

from itertools import product

import numpy as np

from damunet_book.checks import (
    OTHER,
    UNTOUCHED,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    not_yet,
    right,
    run,
)

_LABEL = np.array([[255, 255, 0, 255], [255, 0, 0, 255], [0, 255, 255, 255]], dtype=np.uint8)


@checker
def polarity(answer) -> Verdict:
    """``answer(label)``: a label image of 0 and 255 as float32 [H, W, 1], membrane = 1."""
    value = np.asarray(run(answer, _LABEL.copy()))
    shape = _LABEL.shape
    values = value.reshape(shape) if value.size == _LABEL.size else value
    cell = (_LABEL == 255).astype(float)
    mistakes = {
        "not_turned": (
            cell,
            "Cell interior has become 1. In the files 0 is membrane; here membrane is 1.",
        ),
        "untouched_grey": (
            255 * cell,
            "Those are the file's own numbers: 255 is cell. Wanted: 1 where the file has 0.",
        ),
        "not_scaled": (
            255 * (1 - cell),
            "Turned the right way round, but membrane is 255; it should be 1.",
        ),
    }
    mistakes["wrapped"] = (
        (1 - _LABEL).astype(float),
        "uint8 has no negative numbers: 1 - 255 has wrapped round to 2. Compare the label with 0 "
        "instead.",
    )
    compare(values, 1 - cell, mistakes, what="the mask")
    if value.shape != (*shape, 1):
        text = f"The values are right, the shape is {value.shape}; wanted [H, W, 1], {(*shape, 1)}."
        return not_yet(text, WRONG_SHAPE)
    if value.dtype != np.float32:
        return not_yet(f"Right but for the type: {value.dtype}, wanted float32.", "dtype")
    return right("From here on a mean over the mask is the share of membrane.")


@checker
def width(answer) -> Verdict:
    """Width at half depth, in nanometres, of the profile printed in the exercise."""
    mistakes = {
        "pixels": (5, "That is the width in pixels. A pixel is 4 nm wide."),
        "every_darker_pixel": (
            28,
            "You counted every pixel that is darker than the cell. At half depth only those "
            "below the middle between floor and cell count.",
        ),
        "fence_posts": (
            16,
            "From the first of those pixels to the last are four steps, but they are five pixels.",
        ),
        "half_of_the_cell": (
            8,
            "You counted below half of the cell's grey value. Half depth lies half-way between "
            "floor and cell.",
        ),
        "between_pixels": (
            18.8,
            "Measured between the pixels it is about 19 nm. Here whole pixels are counted.",
        ),
        "section": (
            250,
            "50 nm is the thickness of a section. Within the section a pixel is 4 nm wide.",
        ),
    }
    look = "Which level lies half-way, how many numbers are below it, how wide is a pixel?"
    compare(answer, 20, mistakes, 0.5, "the width", look)
    return right("Five pixels: after three poolings less than one of them is left.")


@checker
def neighbours(answer) -> Verdict:
    """Chance that an inner test slice has a training neighbour when 24 of 30 are drawn."""
    mistakes = {
        "one_side": (
            24 / 29,
            "That is the chance that one given neighbour is a training slice. There are two, and "
            "one of them is enough.",
        ),
        "both": (
            24 * 23 / (29 * 28),
            "That is the chance that both neighbours are training slices. One is enough.",
        ),
        "complement": (
            5 * 4 / (29 * 28),
            "That is the chance that neither neighbour is a training slice: the other case.",
        ),
        "with_replacement": (
            1 - (6 / 30) ** 2,
            "Nearly: slice 14 has taken one of the six test places, so 5 of the other 29 slices "
            "are test slices, and the second neighbour is drawn from what the first one leaves.",
        ),
    }
    mistakes |= {
        "second_not_drawn": (
            1 - (5 / 29) ** 2,
            "Nearly: if one neighbour is a test slice, only 4 test places are left among the 28 "
            "others for the second.",
        ),
        "share": (
            24 / 30,
            "That is the share of training slices among all. Slice 14 has two neighbours, and one "
            "of them is enough.",
        ),
        "added": (
            2 * 24 / 29,
            "A chance above 1: the two chances may not be added, for both can happen at once.",
        ),
    }
    if isinstance(answer, int | float) and 1.7 < answer <= 100:
        return not_yet("A chance lies between 0 and 1: divide per cent by 100.", "percent")
    look = "Compute the chance that both neighbours are test slices, and take it from 1."
    compare(answer, 1 - 5 * 4 / (29 * 28), mistakes, 1e-3, "the chance", look)
    return right("Nearly every test slice has a twin in the training set.")


@checker
def split(answer) -> Verdict:
    """``answer(n, start, block, gap)``: train and test slices with a gap on either side."""
    train, test = _two_lists(run(answer, 12, 5, 3, 2))
    if set(train) & set(test):
        return not_yet("A slice is in both lists.", "overlap")
    if train.tolist() == [5, 6, 7]:
        return not_yet("The order is train, test.", "swapped")
    if len(test) > 1 and (np.diff(test) != 1).any():
        text = "The test slices are not neighbours of each other: wanted start, start + 1, ..."
        return not_yet(text, "scattered")
    one_more = {"one_too_many": ([5, 6, 7, 8], "One test slice too many: block says how many.")}
    compare(test, [5, 6, 7], one_more, what="test, for (12, 5, 3, 2),")
    mistakes = {
        "no_gap": (
            [0, 1, 2, 3, 4, 8, 9, 10, 11],
            "The slices next to the test block are still training slices: leave out gap on "
            "either side.",
        ),
        "gap_after_only": ([0, 1, 2, 3, 4, 10, 11], "The gap before the block is missing."),
        "gap_before_only": ([0, 1, 2, 8, 9, 10, 11], "The gap after the block is missing."),
        "long_before": ([0, 1, 10, 11], "The gap before the block is one slice too long."),
        "long_after": ([0, 1, 2, 11], "The gap after the block is one slice too long."),
        "short_before": ([0, 1, 2, 3, 10, 11], "The gap before the block is one slice too short."),
        "short_after": ([0, 1, 2, 9, 10, 11], "The gap after the block is one slice too short."),
        "past_the_end": ([0, 1, 2, 10, 11, 12], "The slices are 0 to n - 1: there is no slice n."),
        "first_forgotten": ([1, 2, 10, 11], "The first slice has the number 0, not 1."),
    }
    compare(train, [0, 1, 2, 10, 11], mistakes, what="train, for (12, 5, 3, 2),")
    train, test = _two_lists(run(answer, 12, 0, 3, 2))
    wraps = {
        "wraps": (
            [5, 6, 7, 8, 9],
            "For start = 0 the gap before the block has wrapped round to slices 10 and 11: a "
            "negative index counts from the end.",
        )
    }
    compare(test, [0, 1, 2], what="test, for (12, 0, 3, 2),")
    if set(train) & set(test):
        text = (
            "For start = 0 test slices are in both lists: start - gap is -2 there, and a negative "
            "index counts from the end."
        )
        return not_yet(text, "negative_stop")
    compare(train, [5, 6, 7, 8, 9, 10, 11], wraps, what="train, for (12, 0, 3, 2),")
    # Other numbers, so that none of n, block and gap can stand in the code as a number.
    train, test = _two_lists(run(answer, 20, 14, 4, 3))
    if train.tolist() != list(range(11)) or test.tolist() != [14, 15, 16, 17]:
        text = (
            "Right for (12, 5, 3, 2), but not for (20, 14, 4, 3), where the gap after the block "
            "reaches past the end of the stack. Is a number written where n, block or gap belongs?"
        )
        return not_yet(text, "other_numbers")
    return right("No training slice within gap of a test slice, at the ends of the stack too.")


def _two_lists(value) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(value, tuple | list) and any(part is None or part is ... for part in value):
        compare(None, 0)
    try:
        train, test = (list(part) for part in value)
        if any(isinstance(number, str | bool | np.bool_) for number in train + test):
            raise TypeError
        return np.array(sorted(train)).astype(int), np.array(sorted(test)).astype(int)
    except (TypeError, ValueError):
        text = "Return two lists of section numbers: train, then test."
        compare(0, 1, {WRONG_SHAPE: (0, text)})
        raise


@checker
def symmetries(answer) -> Verdict:
    """How many different pictures flips and quarter turns make of one square picture."""
    mistakes = {
        "draws": (
            16,
            "Sixteen ways to draw them (4 flips times 4 turns), but some give the same picture: "
            "flipping both axes is half a turn.",
        ),
        "turns_only": (4, "Those are the four turns; add their mirror images."),
        "without_itself": (7, "The untouched picture counts as well."),
        "added": (
            6,
            "You added the kinds up: four turns and two mirrors. Each turn can be mirrored.",
        ),
    }
    mistakes["all_ways"] = (
        32,
        "There are not even that many draws: two ways for each axis and four turns, 2 x 2 x 4.",
    )
    look = "Draw an F on a sheet of paper: which of its pictures can you turn into each other?"
    compare(answer, 8, mistakes, what="the number", look=look)
    return right("Eight: four turns, each with its mirror image.")


_PICTURE = np.arange(12, dtype=np.float32).reshape(3, 4, 1) / 12
_MASK = (_PICTURE > 0.3).astype(np.float32) * (_PICTURE < 0.8)
_SEEDS = range(40)


@checker
def together(answer) -> Verdict:
    """``answer(image, mask, rng)``: both mirrored left to right, or neither, half the time."""
    moved = []
    for seed in _SEEDS:
        value = run(answer, _PICTURE.copy(), _MASK.copy(), np.random.default_rng(seed))
        if not isinstance(value, tuple | list) or len(value) != 2:
            return not_yet("Return two arrays: the image, then its mask.", WRONG_SHAPE)
        if any(part is None or part is ... for part in value):
            return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
        if np.array_equal(value[0], _MASK) and np.array_equal(value[1], _PICTURE):
            return not_yet("The order is image, mask.", "swapped")
        if _upside_down(value[0], _PICTURE):
            text = "That is mirrored top to bottom: columns are the second axis, [:, ::-1]."
            return not_yet(text, "wrong_axis")
        moved.append((_mirrored(value[0], _PICTURE), _mirrored(value[1], _MASK)))
    for (image, mask), name in product(moved, ("image", "mask")):
        if (image if name == "image" else mask) is None:
            text = f"The {name} comes back neither as it was nor mirrored left to right."
            return not_yet(text, OTHER)
    images, masks = np.array(moved, bool).T
    if (images == masks).all():
        again = [
            _mirrored(
                run(answer, _PICTURE.copy(), _MASK.copy(), np.random.default_rng(seed))[0], _PICTURE
            )
            for seed in _SEEDS
        ]
        if again != images.tolist():
            text = "The same rng gives another answer: draw from rng alone."
            return not_yet(text, "not_from_rng")
        many = [
            _mirrored(
                run(answer, _PICTURE.copy(), _MASK.copy(), np.random.default_rng(seed))[0], _PICTURE
            )
            for seed in range(400)
        ]
        return _how_often(np.array(many, bool))
    if not masks.any():
        text = "The image is mirrored and its mask never: wherever it was, the mask stays behind."
        return not_yet(text, "mask_not_moved")
    if not images.any():
        return not_yet("The mask is mirrored and its image never.", "image_not_moved")
    text = (
        f"Image and mask disagree in {int((images != masks).sum())} of {len(moved)} calls: each "
        "tosses a coin of its own. Toss once, and use it for both."
    )
    return not_yet(text, "two_draws")


def _mirrored(array, original: np.ndarray) -> bool | None:
    if np.array_equal(array, original):
        return False
    return True if np.array_equal(array, original[:, ::-1]) else None


def _upside_down(array, original: np.ndarray) -> bool:
    return np.array_equal(array, original[::-1]) and not np.array_equal(array, original)


def _how_often(moved: np.ndarray) -> Verdict:
    if not moved.any():
        return not_yet("Nothing is ever mirrored.", "never")
    if moved.all():
        return not_yet("Both are mirrored every time: wanted half the time.", "always")
    if not 0.4 < moved.mean() < 0.6:
        text = f"Both are mirrored in {moved.sum()} of {moved.size} calls: wanted half the time."
        return not_yet(text, "not_half")
    return right("One toss of the coin moves both.")
