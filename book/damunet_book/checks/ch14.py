"""Checkers of chapter 14: a neck's numbers, when it is cut, walls that join, settings chosen."""

from typing import Any

import numpy as np

from damunet_book.checks import checker, compare, elements, run


@checker(
    right="Two pixels of water over a pass between hills of five.",
    half_side="The summit is a distance to membrane, from pixel middle to pixel middle: half of 9, "
    "rounded up.",
    side="The summit is the distance to the nearest membrane, not the side of the square.",
    width="The saddle is a distance to membrane as well: the gap is twice that wide, less one.",
    half_width="Distances go from pixel middle to pixel middle: from the gap's middle pixel to the "
    "membrane it is a whole number of pixels.",
    narrow="That is the saddle of a gap of one pixel. This one has a pixel on either side.",
    upside_down="The share is the saddle over the summit, below 1.",
)
def neck_numbers(answer):
    """``[summit, saddle, share]`` of two squares of 9 x 9 and a gap of 3 pixels."""
    summit, saddle, share = elements(answer, [5.0, 2.0, 0.4])
    look = "Count pixels from the middle of the square straight to the membrane."
    compare(summit, 5.0, "the summit", look=look, half_side=4.5, side=9.0)
    look = "Count from the gap's middle pixel straight up to the membrane."
    compare(saddle, 2.0, "the saddle", look=look, width=3.0, half_width=1.5, narrow=1.0)
    compare(share, 0.4, "the share", look="Saddle over summit.", upside_down=2.5)


@checker(
    right="One comparison, with the smaller of the two hills.",
    larger="You compare with the larger hill: a small cell beside a large one would be cut off by "
    "any wide passage.",
    mean="You compare with the mean of the two hills: the smaller one counts.",
    first="You look at one hill only, whichever comes first.",
    reversed="The other way round: cut where the saddle is low.",
    at_equal="A saddle exactly at the share is not cut: below is meant.",
    absolute="You compare the saddle with the neck itself, a share: a share of what?",
)
def is_cut(answer):
    """``answer(summit_a, summit_b, saddle, neck)`` says whether a neck is cut."""
    cases = [(12, 10, 2.0, 0.2), (12, 9, 1.0, 0.1), (9, 12, 1.0, 0.1), (10, 12, 2.0, 0.2)]
    cases += [(6, 12, 1.0, 0.1), (20, 8, 1.0, 0.25), (8, 30, 0.9, 0.1), (7, 9, 0.5, 0.75)]
    value = [run(answer, *case) for case in cases]
    first, second, saddle, neck = np.array(cases).T
    low = np.minimum(first, second)
    compare(
        value,
        saddle < neck * low,
        "the list of answers",
        larger=saddle < neck * np.maximum(first, second),
        mean=saddle < neck * (first + second) / 2,
        first=saddle < neck * first,
        reversed=saddle > neck * low,
        at_equal=saddle <= neck * low,
        absolute=saddle < neck,
    )


@checker(
    right="Six pixels, one mean: the long wall has more to say than the short one.",
    mean_of_means="The walls have different lengths: take the mean over their pixels.",
    weakest="That is the weakest point; the mean is asked for.",
    stronger="That is the stronger of the two walls. They have become one.",
    weaker="That is the weaker of the two walls. They have become one.",
    total="That is the sum: divide by the number of pixels.",
)
def joined_wall(answer):
    """Mean strength of the wall that two walls have become."""
    compare(
        answer,
        0.6,
        "the strength",
        tolerance=1e-6,
        look="Put the pixels of both walls into one list.",
        mean_of_means=0.65,
        weakest=0.4,
        stronger=0.8,
        weaker=0.5,
        total=3.6,
    )


@checker(
    right="As for pixels under a threshold, so for regions: connected components.",
    per_wall="You subtract one for each weak wall. Three regions with three weak walls between "
    "them become one cell, not none.",
    at_equal="A wall exactly at the cut stays: below is meant.",
    strong="You take away the strong walls and keep the weak ones.",
    one_pass="Chains break: when a region joins another, everything that has joined it before "
    "must come along.",
    regions="Nothing is merged: that is the number of regions.",
)
def count_cells(answer):
    """``answer(regions, walls, cut)``: cells left when weak walls are gone."""
    walls = [(0, 2, 0.4), (1, 2, 0.3), (0, 1, 0.2), (2, 3, 0.9), (3, 4, 0.5), (4, 5, 0.1)]
    walls += [(5, 6, 0.3), (4, 6, 0.2)]
    mistakes: dict[str, Any] = dict(per_wall=1, at_equal=2, strong=5, one_pass=4, regions=7)
    compare(run(answer, 7, walls, 0.5), 3, "the number of cells", **mistakes)
    # No count of the regions that one end of the weak walls names gives 2.
    few = [(0, 2, 0.6), (2, 1, 0.5), (1, 3, 0.4), (3, 0, 0.3), (3, 4, 0.7)]
    compare(run(answer, 5, few, 0.65), 2, "the number of cells for five regions, cut 0.65")


@checker(
    right="Chosen on one block of slices, reported on another.",
    best_on_test="You report the best mean of the test slices: the choice must not see them.",
    validation="That is the score of the validation slices, which chose: report the test slices.",
    best_each="Each test slice takes its own best setting: one setting for all is meant, chosen "
    "elsewhere.",
    one_slice="You took the setting of the largest single score: take that of the largest mean.",
    pooled="You choose on all slices together, and the test slices have a vote.",
    median="You chose by the median of the validation slices, or by one of them: take their mean.",
    worst="You chose by the worst of the validation slices: take their mean.",
    wrong_axis="You took the mean over the settings: slices are rows, so average over axis 0.",
    lowest="That is the setting with the lowest mean of all: take the highest.",
    median_reported="The setting is right. Report the mean of its test slices, not their median.",
    index="That is the setting: its mean over the test slices is asked for.",
)
def reported(answer):
    """``answer(validation, test)``, arrays [slices, settings]: the fair score."""
    rows = [[63, 52, 65, 96, 82, 67, 28, 20], [44, 58, 78, 69, 86, 41, 92, 10]]
    validation = np.array([*rows, [85, 25, 72, 33, 50, 32, 88, 30]]) / 100
    rows = [[80, 63, 47, 85, 66, 27, 42, 52], [21, 74, 54, 51, 28, 87, 43, 60]]
    test = np.array([*rows, [92, 72, 32, 29, 27, 97, 68, 71]]) / 100
    mistakes: dict[str, Any] = dict(best_on_test=2.11, validation=2.18, best_each=2.69)
    mistakes |= dict(
        one_slice=1.65, pooled=1.93, median=1.53, worst=1.33, wrong_axis=2.09, lowest=1.83
    )
    mistakes = {name: total / 3 for name, total in mistakes.items()}
    value = run(answer, validation, test)
    compare(value, 1.21 / 3, "the score", median_reported=0.28, index=4, **mistakes)
    few = np.array([[0.5, 0.7], [0.6, 0.9]])
    compare(run(answer, few, 1 - few[:1]), 0.3, "the score of one test slice with two settings")
