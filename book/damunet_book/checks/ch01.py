"""Checkers of chapter 1: constant answers, Dice, what a merge costs, an answer that fools Dice."""

import numpy as np

from damunet_book.checks import checker, compare, known, run, stop, table, within
from damunet_lite import metrics

_TRUTH = np.array([[1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0]], dtype=bool)
_ANSWER = np.array([[1, 1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0]], dtype=bool)

_SMALL = np.zeros((9, 13))
_SMALL[4] = _SMALL[:4, 4] = _SMALL[5:, 8] = 1


@checker(
    right="Even the rare class gives a constant a Dice of a third: every score has a floor.",
    empty_sheet="Those are the scores of the empty sheet. The black one says membrane everywhere.",
    polarity="The two Dice scores are swapped: a black sheet claims no cell at all, so the Dice of "
    "cell is 0.",
    without_two="The Dice of membrane lacks its 2: twice the overlap, over the sum of both areas.",
    jaccard="That is overlap over union, the Jaccard index. Dice is twice the overlap over the sum "
    "of both areas, and the sum counts the overlap twice.",
    percent="Those are per cent. The scores here go from 0 to 1.",
    accuracy_of_cell="The accuracy is that of the empty sheet: on how many of the twenty pixels is "
    "membrane right?",
    cell_of_empty="The Dice of cell is that of the empty sheet: how many pixels does the black one "
    "call cell?",
    recall="All membrane is found, but Dice also asks how much was claimed: the areas are 4 and "
    "20.",
)
def constant(answer):
    """Three numbers: accuracy, Dice cell, Dice membrane of "all membrane" on 4 of 20 pixels."""
    look = "Take them one by one: where is membrane right, and how much of each class is claimed?"
    known(answer, 0.5, percent=(20, 0, 100 / 3))
    compare(
        answer,
        (4 / 20, 0, 8 / 24),
        "the three scores",
        tolerance=4e-3,
        look=look,
        empty_sheet=(16 / 20, 32 / 36, 0),
        polarity=(4 / 20, 8 / 24, 0),
        without_two=(4 / 20, 0, 4 / 24),
        jaccard=(4 / 20, 0, 4 / 20),
        accuracy_of_cell=(16 / 20, 0, 8 / 24),
        cell_of_empty=(4 / 20, 32 / 36, 8 / 24),
        recall=(4 / 20, 0, 1),
    )


@checker(
    right="Twice the overlap over both areas: the agreement on cell pixels does not enter.",
    without_two="A perfect answer would get 0.5: the overlap counts twice, because it lies in both "
    "areas.",
    jaccard="That is overlap over union, the Jaccard index. Dice divides twice the overlap by the "
    "sum of the areas.",
    doubled_jaccard="Twice the overlap goes over the sum of the two areas, not over their union. "
    "(For boolean arrays + and | are both the union: sum each array first.)",
    cell_polarity="That is the Dice of cell: True is membrane, and membrane was asked for.",
    accuracy="That is the accuracy: it also counts the pixels on which both say cell.",
    precision="That is the precision, the share of the claimed membrane that is right. Divide by "
    "both areas.",
    recall="That is the recall, the share of the true membrane that was found. Divide by both "
    "areas.",
    all_pixels="You divided by the number of all pixels. Below stands the sum of the two membrane "
    "areas.",
    distance="That is 1 minus the Dice score, the Dice distance.",
    agreement="== is True where both say cell, too. The overlap is where both say membrane: &.",
    brackets="Brackets: the division comes before the +. Put the sum of the areas in brackets.",
    not_summed="A whole array came back: count the overlap with .sum() before you divide.",
)
def dice(answer):
    """``answer(truth, prediction)``: Dice of membrane for boolean arrays."""
    both, union = (_TRUTH & _ANSWER).sum(), (_TRUTH | _ANSWER).sum()
    areas = _TRUTH.sum() + _ANSWER.sum()
    compare(
        run(answer, _TRUTH, _ANSWER),
        2 * both / areas,
        "the Dice score",
        tolerance=1e-6,
        without_two=both / areas,
        jaccard=both / union,
        doubled_jaccard=2 * both / union,
        cell_polarity=metrics.dice(_TRUTH, _ANSWER, positive="cell"),
        accuracy=metrics.accuracy(_TRUTH, _ANSWER),
        precision=both / _ANSWER.sum(),
        recall=both / _TRUTH.sum(),
        all_pixels=2 * both / _TRUTH.size,
        distance=1 - 2 * both / areas,
        agreement=2 * (_TRUTH == _ANSWER).sum() / areas,
        brackets=2 * both / _TRUTH.sum() + _ANSWER.sum(),
        not_summed=2 * (_TRUTH & _ANSWER) / areas,
    )
    value = run(answer, np.eye(2, 3) == 1, np.ones((2, 3)) == 1)
    compare(value, 4 / 8, "the Dice score of another pair", tolerance=1e-6)


@checker(
    right="The stack has 0.2 percentage points less: the article's number fits an empty sheet.",
    is_accuracy="For the empty sheet the share of cell is its accuracy. Its Dice is larger: 2 c / "
    "(1 + c).",
    forwards="That is the Dice of a stack with 0.878 cell: you went from share to Dice. Solve the "
    "formula for c.",
    membrane_share="That is the share of membrane. The share of cell is the rest.",
    sign="A sign slipped while collecting the terms with c: 2 c - d c = d.",
    halved="The 1 + c below is lost: multiply both sides by it, and one term with c moves over.",
    of_the_stack="That is the share that the stack has. Which share gives exactly 0.878?",
    what_is_missing="That is what the score lacks to 1. Solve 2 c / (1 + c) = 0.878 for c.",
    percent="That is in per cent: give the share, between 0 and 1.",
    two_digits="Two digits are too few: give four.",
)
def share(answer):
    """Share of cell for which the empty sheet has a Dice of 0.878 for cell."""
    wanted = 0.878 / (2 - 0.878)
    if within(answer, 2, 100):
        stop("percent")
    known(answer, 1e-6, two_digits=0.78)
    compare(
        answer,
        wanted,
        "the share of cell",
        tolerance=6e-4,
        look="Put it into 2 c / (1 + c): does 0.878 come out?",
        is_accuracy=0.878,
        forwards=2 * 0.878 / 1.878,
        membrane_share=1 - wanted,
        sign=0.878 / (2 + 0.878),
        halved=0.878 / 2,
        of_the_stack=0.7804,
        what_is_missing=1 - 0.878,
    )


@checker(
    right="A merge costs the product of the two sizes: one large pair outweighs many small ones.",
    merge_part="That is the merge part alone. V_rand is its harmonic mean with the split part, "
    "which is 1 here.",
    arithmetic_mean="That is the arithmetic mean of the two parts; V_rand is the harmonic one.",
    half_the_pairs="Each wrong pair comes in two orders, first pixel from i or from j: 2 times the "
    "product.",
    sizes_not_squared="The pairs within a cell of n pixels are n squared, not n.",
    only_the_two="The cells that were left alone count as well: their pairs are right in both.",
    pairs_of_two="You left out the pairs of a pixel with itself. Here the first pixel is put back "
    "before the second is drawn, so a cell of n pixels has n squared pairs.",
    all_merged="You joined all cells: the square of the sum counts every pair of the slice. Only i "
    "and j have become one.",
    own_pairs_twice="The squares of i and j are in the true pairs already: what the merge adds is "
    "2 times the product.",
    distance="That is 1 minus V_rand: without a merge the score should be 1.",
)
def merged(answer):
    """``answer(sizes, i, j)``: V_rand when cells i and j of a perfect answer become one."""
    sizes, i, j = [7, 3, 5, 2], 0, 2
    true, extra = sum(s * s for s in sizes), 2 * sizes[i] * sizes[j]
    compare(
        run(answer, list(sizes), i, j),
        2 * true / (2 * true + extra),
        "V_rand",
        tolerance=1e-6,
        merge_part=true / (true + extra),
        arithmetic_mean=(1 + true / (true + extra)) / 2,
        half_the_pairs=2 * true / (2 * true + extra / 2),
        sizes_not_squared=2 * sum(sizes) / (2 * sum(sizes) + extra),
        only_the_two=2 * (true - 13) / (2 * (true - 13) + extra),
        pairs_of_two=2 * (true - sum(sizes)) / (2 * (true - sum(sizes)) + extra),
        all_merged=2 * true / (true + sum(sizes) ** 2),
        own_pairs_twice=2 * true / (2 * true + (sizes[i] + sizes[j]) ** 2),
        distance=1 - 2 * true / (2 * true + extra),
    )
    compare(run(answer, [4, 1, 6], 1, 2), 106 / 118, "V_rand of sizes 4, 1, 6 with 1 and 2 joined")


@checker(
    untouched="That is still the truth: open a membrane pixel.",
    wrong_shape="The answer should be a mask of 9 x 13 pixels, each 0 or 1.",
    polarity="{found} The polarity is turned: membrane is 1.",
    too_many="{found} Too many pixels changed for Dice: three are enough.",
    joins_nothing="{found} Nothing is joined yet: open membrane (1 becomes 0) that has a cell on "
    "either side.",
    walls_left="{found} Some cells are joined, but not all: which walls still stand?",
)
def fool(answer):
    """Answer to the 9 x 13 mask with Dice cell above 0.98 and V_rand below 0.5."""
    mask = np.asarray(answer)
    if mask.shape != _SMALL.shape or not np.isin(mask, (0, 1)).all():
        stop("wrong_shape")
    overlap = metrics.dice(_SMALL, mask, "cell")
    score = metrics.segmentation_score(
        metrics.label_cells(_SMALL == 0), metrics.label_cells(mask == 0)
    )
    found = f"Dice for cell is {overlap:.3f}, V_rand {score.v_rand:.3f}."
    changed = int((mask != _SMALL).sum())
    table(
        [
            (changed == 0, "untouched"),
            (changed > mask.size / 2, "polarity"),
            (overlap <= 0.98, "too_many"),
            (score.v_rand_merge == 1, "joins_nothing"),
            (score.v_rand >= 0.5, "walls_left"),
        ],
        found=found,
    )
    return f"{found} Pixels changed: {changed} of {mask.size}; cells left: one of four."
