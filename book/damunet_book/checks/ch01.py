"""Checkers of chapter 1: constant answers, Dice, what a merge costs, an answer that fools Dice."""

import numpy as np

from damunet_book.checks import (
    UNTOUCHED,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    not_yet,
    right,
    run,
)
from damunet_lite import metrics

_TRUTH = np.array([[1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0]], dtype=bool)
_ANSWER = np.array([[1, 1, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0]], dtype=bool)

_SMALL = np.zeros((9, 13))
_SMALL[4] = _SMALL[:4, 4] = _SMALL[5:, 8] = 1


@checker
def constant(answer) -> Verdict:
    """Three numbers: accuracy, Dice cell, Dice membrane of "all membrane" on 4 of 20 pixels."""
    if any(value is None or value is Ellipsis for value in np.ravel(np.array(answer, object))):
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    mistakes = {
        "empty_sheet": (
            (16 / 20, 32 / 36, 0),
            "Those are the scores of the empty sheet. The black one says membrane everywhere.",
        ),
        "polarity": (
            (4 / 20, 8 / 24, 0),
            "The two Dice scores are swapped: a black sheet claims no cell at all, so the Dice "
            "of cell is 0.",
        ),
        "without_two": (
            (4 / 20, 0, 4 / 24),
            "The Dice of membrane lacks its 2: twice the overlap, over the sum of both areas.",
        ),
        "jaccard": (
            (4 / 20, 0, 4 / 20),
            "That is overlap over union, the Jaccard index. Dice is twice the overlap over the "
            "sum of both areas, and the sum counts the overlap twice.",
        ),
        "percent": ((20, 0, 100 / 3), "Those are per cent. The scores here go from 0 to 1."),
        "accuracy_of_cell": (
            (16 / 20, 0, 8 / 24),
            "The accuracy is that of the empty sheet: on how many of the twenty pixels is "
            "membrane right?",
        ),
        "cell_of_empty": (
            (4 / 20, 32 / 36, 8 / 24),
            "The Dice of cell is that of the empty sheet: how many pixels does the black one "
            "call cell?",
        ),
        "sensitivity": (
            (4 / 20, 0, 1),
            "All membrane is found, but Dice also asks how much was claimed: the areas are 4 and "
            "20.",
        ),
    }
    look = "Take them one by one: where is membrane right, and how much of each class is claimed?"
    compare(answer, (4 / 20, 0, 8 / 24), mistakes, 4e-3, "the three scores", look)
    return right("Even the rare class gives a constant a Dice of a third: every score has a floor.")


@checker
def dice(answer) -> Verdict:
    """``answer(truth, prediction)``: Dice of membrane for boolean arrays."""
    value = run(answer, _TRUTH.copy(), _ANSWER.copy())
    both, union = (_TRUTH & _ANSWER).sum(), (_TRUTH | _ANSWER).sum()
    areas = _TRUTH.sum() + _ANSWER.sum()
    mistakes = {
        "without_two": (
            both / areas,
            "A perfect answer would get 0.5: the overlap counts twice, because it lies in both "
            "areas.",
        ),
        "jaccard": (
            both / union,
            "That is overlap over union, the Jaccard index. Dice divides twice the overlap by "
            "the sum of the areas.",
        ),
        "doubled_jaccard": (
            2 * both / union,
            "Twice the overlap goes over the sum of the two areas, not over their union. (For "
            "boolean arrays + and | are both the union: sum each array first.)",
        ),
        "cell_polarity": (
            metrics.dice(_TRUTH, _ANSWER, positive="cell"),
            "That is the Dice of cell: True is membrane, and membrane was asked for.",
        ),
        "accuracy": (
            metrics.accuracy(_TRUTH, _ANSWER),
            "That is the accuracy: it also counts the pixels on which both say cell.",
        ),
        "precision": (
            both / _ANSWER.sum(),
            "That is the precision, the share of the claimed membrane that is right. Divide by "
            "both areas.",
        ),
        "sensitivity": (
            both / _TRUTH.sum(),
            "That is the sensitivity, the share of the true membrane that was found. Divide by "
            "both areas.",
        ),
        "all_pixels": (
            2 * both / _TRUTH.size,
            "You divided by the number of all pixels. Below stands the sum of the two membrane "
            "areas.",
        ),
        "distance": (1 - 2 * both / areas, "That is 1 minus the Dice score, the Dice distance."),
        "agreement": (
            2 * (_TRUTH == _ANSWER).sum() / areas,
            "== is True where both say cell, too. The overlap is where both say membrane: &.",
        ),
        "brackets": (
            2 * both / _TRUTH.sum() + _ANSWER.sum(),
            "brackets: the division comes before the +. Put the sum of the areas in brackets.",
        ),
        "not_summed": (
            2 * (_TRUTH & _ANSWER) / areas,
            "A whole array came back: count the overlap with .sum() before you divide.",
        ),
    }
    compare(value, 2 * both / areas, mistakes, 1e-6, "the Dice score")
    return right("Twice the overlap over both areas: the agreement on cell pixels does not enter.")


@checker
def share(answer) -> Verdict:
    """Share of cell for which the empty sheet has a Dice of 0.878 for cell."""
    wanted = 0.878 / (2 - 0.878)
    mistakes = {
        "is_accuracy": (
            0.878,
            "For the empty sheet the share of cell is its accuracy. Its Dice is larger: "
            "2 c / (1 + c).",
        ),
        "forwards": (
            2 * 0.878 / 1.878,
            "That is the Dice of a stack with 0.878 cell: you went from share to Dice. Solve the "
            "formula for c.",
        ),
        "membrane_share": (
            1 - wanted,
            "That is the share of membrane. The share of cell is the rest.",
        ),
        "sign": (
            0.878 / (2 + 0.878),
            "A sign slipped while collecting the terms with c: 2 c - d c = d.",
        ),
        "halved": (
            0.878 / 2,
            "The 1 + c below is lost: multiply both sides by it, and one term with c moves over.",
        ),
    }
    mistakes |= {
        "of_the_stack": (
            0.7804,
            "That is the share that the stack has. Which share gives exactly 0.878?",
        ),
        "what_is_missing": (
            1 - 0.878,
            "That is what the score lacks to 1. Solve 2 c / (1 + c) = 0.878 for c.",
        ),
    }
    if isinstance(answer, int | float) and 2 < answer <= 100:
        return not_yet("That is in per cent: give the share, between 0 and 1.", "percent")
    look = "Put it into 2 c / (1 + c): does 0.878 come out?"
    compare(answer, wanted, mistakes, 6e-4, "the share of cell", look)
    return right(
        "The stack has 0.2 percentage points less: the article's number fits an empty sheet."
    )


@checker
def merged(answer) -> Verdict:
    """``answer(sizes, i, j)``: V_rand when cells i and j of a perfect answer become one."""
    sizes, i, j = [7, 3, 5, 2], 0, 2
    value = run(answer, list(sizes), i, j)
    true, extra = sum(s * s for s in sizes), 2 * sizes[i] * sizes[j]
    mistakes = {
        "merge_part": (
            true / (true + extra),
            "That is the merge part alone. V_rand is its harmonic mean with the split part, "
            "which is 1 here.",
        ),
        "arithmetic_mean": (
            (1 + true / (true + extra)) / 2,
            "That is the arithmetic mean of the two parts; V_rand is the harmonic one.",
        ),
        "half_the_pairs": (
            2 * true / (2 * true + extra / 2),
            "Each wrong pair comes in two orders, first pixel from i or from j: 2 times the "
            "product.",
        ),
        "sizes_not_squared": (
            2 * sum(sizes) / (2 * sum(sizes) + extra),
            "The pairs within a cell of n pixels are n squared, not n.",
        ),
        "only_the_two": (
            2 * (true - 13) / (2 * (true - 13) + extra),
            "The cells that were left alone count as well: their pairs are right in both.",
        ),
        "pairs_of_two": (
            2 * (true - sum(sizes)) / (2 * (true - sum(sizes)) + extra),
            "You left out the pairs of a pixel with itself. Here the first pixel is put back "
            "before the second is drawn, so a cell of n pixels has n squared pairs.",
        ),
        "all_merged": (
            2 * true / (true + sum(sizes) ** 2),
            "You joined all cells: the square of the sum counts every pair of the slice. Only i "
            "and j have become one.",
        ),
        "own_pairs_twice": (
            2 * true / (2 * true + (sizes[i] + sizes[j]) ** 2),
            "The squares of i and j are in the true pairs already: what the merge adds is 2 times "
            "the product.",
        ),
        "distance": (
            1 - 2 * true / (2 * true + extra),
            "That is 1 minus V_rand: without a merge the score should be 1.",
        ),
    }
    compare(value, 2 * true / (2 * true + extra), mistakes, 1e-6, "V_rand")
    return right(
        "A merge costs the product of the two sizes: one large pair outweighs many small ones."
    )


@checker
def fool(answer) -> Verdict:
    """Answer to the 9 x 13 mask with Dice cell above 0.98 and V_rand below 0.5."""
    if answer is None or answer is Ellipsis:
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    try:
        mask = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        mask = np.zeros(0)
    if mask.shape != _SMALL.shape or not np.isin(mask, (0, 1)).all():
        text = "The answer should be a mask of 9 x 13 pixels, each 0 or 1."
        return not_yet(text, WRONG_SHAPE)
    if np.array_equal(mask, _SMALL):
        return not_yet("That is still the truth: open a membrane pixel.", UNTOUCHED)
    overlap = metrics.dice(_SMALL, mask, "cell")
    score = metrics.segmentation_score(
        metrics.label_cells(_SMALL == 0), metrics.label_cells(mask == 0)
    )
    found = f"Dice for cell is {overlap:.3f}, V_rand {score.v_rand:.3f}."
    if np.array_equal(mask, 1 - _SMALL):
        return not_yet(f"{found} The polarity is turned: membrane is 1.", "polarity")
    if overlap <= 0.98:
        return not_yet(f"{found} Too many pixels changed for Dice: three are enough.", "too_many")
    if score.v_rand_merge == 1:
        text = (
            f"{found} Nothing is joined yet: open membrane (1 becomes 0) that has a cell on "
            "either side."
        )
        return not_yet(text, "joins_nothing")
    if score.v_rand >= 0.5:
        text = f"{found} Some cells are joined, but not all: which walls still stand?"
        return not_yet(text, "walls_left")
    changed = int((mask != _SMALL).sum())
    return right(f"{found} Pixels changed: {changed} of {mask.size}; cells left: one of four.")
