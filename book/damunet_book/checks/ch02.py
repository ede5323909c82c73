"""Checkers of chapter 2: polarity, a width read off a profile, splits, augmented pairs."""

import numpy as np

from damunet_book.checks import checker, compare, run, stop, table, within

_LABEL = np.array([[255, 255, 0, 255], [255, 0, 0, 255], [0, 255, 255, 255]], dtype=np.uint8)


@checker(
    right="From here on a mean over the mask is the share of membrane.",
    not_turned="Cell interior has become 1. In the files 0 is membrane; here membrane is 1.",
    untouched_grey="Those are the file's own numbers: 255 is cell. Wanted: 1 where the file has 0.",
    not_scaled="Turned the right way round, but membrane is 255; it should be 1.",
    wrong_shape="The values are right, the shape is {got}; wanted [H, W, 1], {wanted}.",
    dtype="Right but for the type: {got}, wanted float32.",
    wrapped="An uint8 has no negative numbers: 1 - 255 has wrapped round to 2. Compare the label "
    "with 0 instead.",
)
def polarity(answer):
    """``answer(label)``: a label image of 0 and 255 as float32 [H, W, 1], membrane = 1."""
    value = np.asarray(run(answer, _LABEL))
    cell = (_LABEL == 255).astype(float)[..., None]
    values = value.reshape(cell.shape) if value.size == cell.size else value
    compare(
        values,
        1 - cell,
        "the mask",
        not_turned=cell,
        untouched_grey=255 * cell,
        not_scaled=255 * (1 - cell),
        wrapped=(1 - _LABEL).astype(float)[..., None],
    )
    if value.shape != cell.shape:
        stop("wrong_shape", got=value.shape, wanted=cell.shape)
    if value.dtype != np.float32:
        stop("dtype", got=value.dtype)
    value = run(answer, _LABEL[:2].T)
    compare(value, 1 - cell[:2].swapaxes(0, 1), "the mask of a label of 4 x 2 pixels")


@checker(
    right="Five pixels: after three poolings less than one of them is left.",
    pixels="That is the width in pixels. A pixel is 4 nm wide.",
    every_darker_pixel="You counted every pixel that is darker than the cell. At half depth only "
    "those below the middle between floor and cell count.",
    fence_posts="From the first of those pixels to the last are four steps, but they are five "
    "pixels.",
    half_of_the_cell="You counted below half of the cell's grey value. Half depth lies half-way "
    "between floor and cell.",
    between_pixels="Measured between the pixels it is about 19 nm. Here whole pixels are counted.",
    section="50 nm is the thickness of a section. Within the section a pixel is 4 nm wide.",
)
def width(answer):
    """Width at half depth, in nanometres, of the profile printed in the exercise."""
    compare(
        answer,
        20,
        "the width",
        tolerance=0.5,
        look="Which level lies half-way, how many numbers are below it, how wide is a pixel?",
        pixels=5,
        every_darker_pixel=28,
        fence_posts=16,
        half_of_the_cell=8,
        between_pixels=18.8,
        section=250,
    )


@checker(
    right="Nearly every test slice has a twin in the training set.",
    one_side="That is the chance that one given neighbour is a training slice. There are two, and "
    "one of them is enough.",
    both="That is the chance that both neighbours are training slices. One is enough.",
    complement="That is the chance that neither neighbour is a training slice: the other case.",
    with_replacement="Nearly: slice 14 has taken one of the six test places, so 5 of the other 29 "
    "slices are test slices, and the second neighbour is drawn from what the first one leaves.",
    second_not_drawn="Nearly: if one neighbour is a test slice, only 4 test places are left among "
    "the 28 others for the second.",
    share="That is the share of training slices among all. Slice 14 has two neighbours, and one of "
    "them is enough.",
    added="A chance above 1: the two chances may not be added, for both can happen at once.",
    two_digits="Two digits are too few: give three.",
    percent="A chance lies between 0 and 1: divide per cent by 100.",
)
def neighbours(answer):
    """Chance that an inner test slice has a training neighbour when 24 of 30 are drawn."""
    if within(answer, 1.7, 100):
        stop("percent")
    compare(
        answer,
        1 - 5 * 4 / (29 * 28),
        "the chance",
        tolerance=1e-3,
        look="Compute the chance that both neighbours are test slices, and take it from 1.",
        one_side=24 / 29,
        both=24 * 23 / (29 * 28),
        complement=5 * 4 / (29 * 28),
        with_replacement=1 - (6 / 30) ** 2,
        second_not_drawn=1 - (5 / 29) ** 2,
        share=24 / 30,
        added=2 * 24 / 29,
        two_digits=0.98,
    )


@checker(
    right="No training slice within gap of a test slice, at the ends of the stack too.",
    overlap="A slice is in both lists.",
    swapped="The order is train, test.",
    scattered="The test slices are not neighbours of each other: wanted start, start + 1, ...",
    one_too_many="One test slice too many: block says how many.",
    no_gap="The slices next to the test block are still training slices: leave out gap on either "
    "side.",
    gap_after_only="The gap before the block is missing.",
    gap_before_only="The gap after the block is missing.",
    long_before="The gap before the block is one slice too long.",
    long_after="The gap after the block is one slice too long.",
    short_before="The gap before the block is one slice too short.",
    short_after="The gap after the block is one slice too short.",
    past_the_end="The slices are 0 to n - 1: there is no slice n.",
    first_forgotten="The first slice has the number 0, not 1.",
    wraps="For start = 0 the gap before the block has wrapped round to slices 10 and 11: a "
    "negative index counts from the end.",
    negative_stop="For start = 0 test slices are in both lists: start - gap is -2 there, and a "
    "negative index counts from the end.",
    wrong_shape="Return two lists of section numbers: train, then test.",
    other_numbers="Right for (12, 5, 3, 2), but not for (20, 14, 4, 3), where the gap after the "
    "block reaches past the end of the stack. Is a number written where n, block or gap belongs?",
)
def split(answer):
    """``answer(n, start, block, gap)``: train and test slices with a gap on either side."""
    train, test = _two_lists(run(answer, 12, 5, 3, 2))
    if set(train) & set(test):
        stop("overlap")
    if train.tolist() == [5, 6, 7]:
        stop("swapped")
    if len(test) > 1 and (np.diff(test) != 1).any():
        stop("scattered")
    compare(test, [5, 6, 7], "test, for (12, 5, 3, 2),", one_too_many=[5, 6, 7, 8])
    compare(
        train,
        [0, 1, 2, 10, 11],
        "train, for (12, 5, 3, 2),",
        no_gap=[0, 1, 2, 3, 4, 8, 9, 10, 11],
        gap_after_only=[0, 1, 2, 3, 4, 10, 11],
        gap_before_only=[0, 1, 2, 8, 9, 10, 11],
        long_before=[0, 1, 10, 11],
        long_after=[0, 1, 2, 11],
        short_before=[0, 1, 2, 3, 10, 11],
        short_after=[0, 1, 2, 9, 10, 11],
        past_the_end=[0, 1, 2, 10, 11, 12],
        first_forgotten=[1, 2, 10, 11],
    )
    train, test = _two_lists(run(answer, 12, 0, 3, 2))
    compare(test, [0, 1, 2], "test, for (12, 0, 3, 2),")
    if set(train) & set(test):
        stop("negative_stop")
    compare(train, [5, 6, 7, 8, 9, 10, 11], "train, for (12, 0, 3, 2),", wraps=[5, 6, 7, 8, 9])
    # Other numbers, so that none of n, block and gap can stand in the code as a number.
    train, test = _two_lists(run(answer, 20, 14, 4, 3))
    if train.tolist() != list(range(11)) or test.tolist() != [14, 15, 16, 17]:
        stop("other_numbers")


def _two_lists(value) -> tuple[np.ndarray, np.ndarray]:
    """Both lists in order: a list, a set or an array of section numbers each."""
    try:
        train, test = (np.array(sorted(part)) for part in value)
    except (TypeError, ValueError):
        stop("wrong_shape")
    if any(part.size and part.dtype.kind not in "iuf" for part in (train, test)):
        stop("wrong_shape")
    return train, test


@checker(
    right="Eight: four turns, each with its mirror image.",
    draws="Sixteen ways to draw them (4 flips times 4 turns), but some give the same picture: "
    "flipping both axes is half a turn.",
    turns_only="Those are the four turns; add their mirror images.",
    without_itself="The untouched picture counts as well.",
    added="You added the kinds up: four turns and two mirrors. Each turn can be mirrored.",
    all_ways="There are not even that many draws: two ways for each axis and four turns, 2 x 2 x "
    "4.",
)
def symmetries(answer):
    """How many different pictures flips and quarter turns make of one square picture."""
    compare(
        answer,
        8,
        "the number",
        look="Draw an F on a sheet of paper: which of its pictures can you turn into each other?",
        draws=16,
        turns_only=4,
        without_itself=7,
        added=6,
        all_ways=32,
    )


_PICTURE = np.arange(12, dtype=np.float32).reshape(3, 4, 1) / 12
_MASK = (_PICTURE > 0.3).astype(np.float32) * (_PICTURE < 0.8)


@checker(
    right="One toss of the coin moves both.",
    wrong_shape="Return two arrays: the image, then its mask.",
    swapped="The order is image, mask.",
    wrong_axis="That is mirrored top to bottom: columns are the second axis, [:, ::-1].",
    neither="The {name} comes back neither as it was nor mirrored left to right.",
    mask_not_moved="The image is mirrored and its mask never: wherever it was, the mask stays "
    "behind.",
    image_not_moved="The mask is mirrored and its image never.",
    two_draws="Image and mask disagree in {differ} of {calls} calls: each tosses a coin of its "
    "own. Toss once, and use it for both.",
    not_from_rng="The same rng gives another answer: draw from rng alone.",
    never="Nothing is ever mirrored.",
    always="Both are mirrored every time: wanted half the time.",
    not_half="Both are mirrored in {moved} of {calls} calls: wanted half the time.",
)
def together(answer):
    """``answer(image, mask, rng)``: both mirrored left to right, or neither, half the time."""
    images, masks = np.array([_moved(answer, seed) for seed in range(40)]).T
    differ = int((images != masks).sum())
    table(
        [
            (differ and not masks.any(), "mask_not_moved"),
            (differ and not images.any(), "image_not_moved"),
            (differ, "two_draws"),
        ],
        differ=differ,
        calls=images.size,
    )
    if [_moved(answer, seed)[0] for seed in range(40)] != images.tolist():
        stop("not_from_rng")
    moved = np.array([_moved(answer, seed)[0] for seed in range(400)])
    table(
        [
            (not moved.any(), "never"),
            (moved.all(), "always"),
            (not 0.4 < moved.mean() < 0.6, "not_half"),
        ],
        moved=moved.sum(),
        calls=moved.size,
    )


def _moved(answer, seed: int) -> list[bool]:
    """Whether image and mask come back mirrored, if both come back."""
    value = run(answer, _PICTURE, _MASK, np.random.default_rng(seed))
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != 2:
        stop("wrong_shape")
    if np.array_equal(value[0], _MASK) and np.array_equal(value[1], _PICTURE):
        stop("swapped")
    if np.array_equal(value[0], _PICTURE[::-1]):
        stop("wrong_axis")
    for name, part, whole in (("image", value[0], _PICTURE), ("mask", value[1], _MASK)):
        if not any(np.array_equal(part, one) for one in (whole, whole[:, ::-1])):
            stop("neither", name=name)
    return [not np.array_equal(value[0], _PICTURE), not np.array_equal(value[1], _MASK)]
