"""Checkers of chapter 3: pixel scores, connected cells, V_info, split or merge, thresholds."""

import math

import numpy as np

from damunet_book.checks import UNTOUCHED, Verdict, checker, compare, not_yet, right, run

_COUNTS = (30, 20, 10, 90)  # tp, fp, fn, tn


@checker
def pixel_scores(answer) -> Verdict:
    """``answer(tp, fp, fn, tn)``: sensitivity, precision, Dice of membrane, Dice of cell."""
    value = run(answer, *_COUNTS)
    sensitivity, precision = 30 / 40, 30 / 50
    membrane, cell = 60 / 90, 180 / 210
    mistakes = {
        "swapped": (
            (precision, sensitivity, membrane, cell),
            "Sensitivity and precision are swapped: sensitivity divides by what is true, "
            "precision by what is claimed.",
        ),
        "polarity": (
            (sensitivity, precision, cell, membrane),
            "The two Dice scores are swapped: Dice of membrane is made of tp, Dice of cell of tn.",
        ),
        "without_two": (
            (sensitivity, precision, 30 / 60, 90 / 120),
            "Without the 2 that is the Jaccard index: Dice counts the overlap twice, above and "
            "below.",
        ),
        "two_above_only": (
            (sensitivity, precision, 60 / 60, 180 / 120),
            "The 2 is missing below: both areas contain the overlap, so 2 tp stands there too.",
        ),
        "specificity": (
            (sensitivity, 90 / 110, membrane, cell),
            "tn / (tn + fp) is the specificity. Precision asks how much of the claimed membrane "
            "is right.",
        ),
        "accuracy_as_dice": (
            (sensitivity, precision, 120 / 150, 120 / 150),
            "The last two are accuracies: Dice leaves out the true pixels of the other class.",
        ),
        "first_is_specificity": (
            (90 / 110, precision, membrane, cell),
            "tn / (tn + fp) is the specificity, the share of the cell that was found. Sensitivity "
            "asks for the share of the membrane.",
        ),
        "membrane_below_cell": (
            (sensitivity, precision, membrane, 180 / 90),
            "The Dice of cell has 2 tn above and still 2 tp below: exchange both.",
        ),
        "rest_to_one": (
            (sensitivity, precision, membrane, 1 - membrane),
            "The Dice of cell is not what the Dice of membrane lacks to 1: write the formula with "
            "tn in place of tp.",
        ),
        "cell_positive": (
            (90 / 110, 90 / 100, cell, membrane),
            "All four have cell as the positive class. The counts are given for membrane: "
            "sensitivity is made of tp.",
        ),
        "one_without_two": (
            (sensitivity, precision, membrane, 90 / 120),
            "In the Dice of cell the 2 is missing, above and below.",
        ),
        "membrane_without_two": (
            (sensitivity, precision, 30 / 60, cell),
            "In the Dice of membrane the 2 is missing, above and below.",
        ),
    }
    compare(value, (sensitivity, precision, membrane, cell), mistakes, what="the four scores")
    return right("Exchange tp with tn and fp with fn, and one Dice becomes the other.")


@checker
def count_cells(answer) -> Verdict:
    """Numbers of 4- and of 8-connected cells in the mask of the exercise."""
    if any(value is None or value is Ellipsis for value in np.ravel(np.array(answer, object))):
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    mistakes = {
        "swapped": ((2, 5), "More neighbours join more: the second number cannot be the larger."),
        "corners": (
            (2, 2),
            "The first number counts corners as contact. With four neighbours a step goes up, "
            "down, left or right.",
        ),
        "edges": (
            (5, 5),
            "The second number ignores corners. With eight neighbours two cells that meet at a "
            "corner are one.",
        ),
        "membrane": ((6, 1), "You counted the pieces of membrane: the cells are the dots."),
    }
    mistakes |= {
        "rim": (
            (6, 3),
            "One too many in both. Only the dots are cells; is one piece counted twice because it "
            "bends?",
        )
    }
    look = "Colour one cell after the other, and write down where each of them begins."
    compare(answer, (5, 2), mistakes, 0.5, "the two counts", look)
    return right("Walls that touch at corners are tight for four neighbours and leak for eight.")


_TRUTH = np.array([1, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3])
_ANSWER = np.array([4, 4, 0, 0, 4, 7, 7, 7, 7, 7, 7])


def _shares(*labels: np.ndarray) -> np.ndarray:
    return np.unique(np.stack(labels), axis=1, return_counts=True)[1] / len(labels[0])


def _entropies(t: np.ndarray, s: np.ndarray) -> tuple[float, float, float]:
    """H(T), H(S) and the shared information, in bits."""
    h_t, h_s, h_both = (float(-(p @ np.log2(p))) for p in (_shares(t), _shares(s), _shares(t, s)))
    return h_t, h_s, h_t + h_s - h_both


def _ratio(h_t: float, h_s: float, shared: float) -> float:
    return 2 * shared / (h_t + h_s)


def _exchanged() -> float:
    """V_info with truth and answer exchanged."""
    inside = _ANSWER != 0
    alone = np.where(_TRUTH == 0, 100 + np.arange(_TRUTH.size), _TRUTH)
    return _ratio(*_entropies(_ANSWER[inside], alone[inside]))


@checker
def v_info(answer) -> Verdict:
    """``answer(truth, proposal)``: V_info of two rows of labels."""
    value = run(answer, _TRUTH.copy(), _ANSWER.copy())
    inside = _TRUTH != 0
    t, lumped = _TRUTH[inside], _ANSWER[inside]
    apart = lumped.copy()
    apart[lumped == 0] = 100 + np.arange((lumped == 0).sum())
    h_t, h_s, shared = _entropies(t, apart)
    mistakes = {
        "without_two": (
            shared / (h_t + h_s),
            "Divide by the mean of the two entropies, not by their sum: a perfect answer would "
            "get 0.5.",
        ),
        "split_part": (
            shared / h_s,
            "That is the split part, I / H(S), alone. V_info is its harmonic mean with the merge "
            "part.",
        ),
        "merge_part": (
            shared / h_t,
            "That is the merge part, I / H(T), alone. V_info is its harmonic mean with the split "
            "part.",
        ),
        "geometric_mean": (
            shared / math.sqrt(h_t * h_s),
            "Below stands the arithmetic mean of the entropies, not their geometric one.",
        ),
        "bits": (shared, "Those are the bits that both share. Set them against the mean entropy."),
        "arithmetic_mean": (
            (shared / h_s + shared / h_t) / 2,
            "That is the arithmetic mean of the two parts; V_info is the harmonic one, the shared "
            "bits over the mean entropy.",
        ),
        "joint_for_shared": (
            2 * (h_t + h_s - shared) / (h_t + h_s),
            "Above stands the entropy of both labels together, H(S, T). The shared information is "
            "H(S) + H(T) - H(S, T).",
        ),
        "joint_entropy": (
            shared / (h_t + h_s - shared),
            "Below stands the entropy of both labels together, H(S, T). Wanted is the mean of the "
            "two entropies.",
        ),
        "order": (
            _exchanged(),
            "Truth and answer have traded places: counted takes the truth first.",
        ),
        "distance": (
            1 - _ratio(h_t, h_s, shared),
            "That is 1 minus V_info: a perfect answer should get 1.",
        ),
        "one_background": (
            _ratio(*_entropies(t, lumped)),
            "The zeros of the answer are one piece in your version. Each of them is a piece of "
            "its own: use counted.",
        ),
        "truth_zero_counted": (
            _ratio(*_entropies(_TRUTH, _ANSWER)),
            "Pixels that are membrane in the truth are counted. Leave them out: use counted.",
        ),
    }
    compare(value, _ratio(h_t, h_s, shared), mistakes, 1e-6, "V_info")
    compare(
        run(answer, np.array([1, 1, 1, 0, 2, 2, 2]), np.ones(7, int)),
        0.0,
        tolerance=1e-6,
        what="V_info of a row whose two cells are merged",
    )
    return right("Twice the shared bits over both entropies: the Dice score of information.")


@checker
def diagnose(answer) -> Verdict:
    """The fault behind split 0.99 and merge 0.70, and where to move the threshold."""
    parts = answer if isinstance(answer, tuple | list) else (answer,)
    if any(part is None or part is Ellipsis for part in parts):
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    words = tuple(str(word).strip().lower() for word in parts)
    if words in (("up", "merge"), ("down", "merge"), ("up", "split"), ("down", "split")):
        return not_yet("The fault comes first, then the move.", "order")
    if words == ("merge", "up"):
        return right("More membrane closes the gaps; the split part has room to pay for it.")
    if words == ("merge", "down"):
        return not_yet(
            "The fault is right. But the threshold is on the probability of cell: a lower one "
            "makes more pixels cell and opens more gaps.",
            "direction",
        )
    if words == ("split", "down"):
        return not_yet(
            "That would be the cure for splits. But the split part is 0.99: nearly all pairs of "
            "a cell are still together. Which part is low?",
            "fault",
        )
    if words == ("split", "up"):
        return not_yet(
            "The move is right, the reason is not: a part names the fault that lowers it, and the "
            "merge part is the low one.",
            "fault_only",
        )
    return not_yet('Give two words: "split" or "merge", then "up" or "down".')


@checker
def report(answer) -> Verdict:
    """``answer(validation, test, thresholds)``: chosen threshold, score to report."""
    # Best column by the mean of the validation slices 2, by their largest entry 1, by their median
    # 4, by the mean along the wrong axis 0, by the test slices 3, alone or with the others.
    validation = np.array(
        [[0.6, 0.9, 0.85, 0.2, 0.5], [0.1, 0.1, 0.6, 0.3, 0.65], [0.2, 0.2, 0.55, 0.1, 0.64]]
    )
    test = np.array(
        [[0.1, 0.4, 0.35, 0.95, 0.2], [0.1, 0.7, 0.3, 0.5, 0.3], [0.6, 0.3, 0.1, 0.8, 0.1]]
    )
    thresholds = np.array([0.2, 0.4, 0.6, 0.8, 0.9])
    means = test.mean(axis=0)
    value = run(answer, validation.copy(), test.copy(), thresholds.copy())
    if isinstance(value, tuple | list) and len(value) == 2 and np.ndim(value[1]) == 1:
        text = "The score is still one number a slice: report their mean."
        return not_yet(text, "not_averaged")
    mistakes = {
        "order": ((0.25, 0.6), "The order is threshold, score."),
        "best_slice": (
            (0.6, test[:, 2].max()),
            "You report the best test slice at your threshold: report the mean of all.",
        ),
        "all_thresholds": (
            (0.6, test.mean()),
            "The score is the mean over all thresholds: report it at the chosen one alone.",
        ),
        "score_only": (0.25, "The score is right; return the threshold before it, as a tuple."),
        "chosen_on_test": (
            (0.8, 0.75),
            "That threshold is the best one on the test slices. Choose it on the validation "
            "slices, whatever the test slices say.",
        ),
        "best_on_test_reported": (
            (0.6, 0.75),
            "The threshold is right, but you report the best score on the test slices, not the "
            "score at your threshold.",
        ),
        "validation_reported": (
            (0.6, validation[:, 2].mean()),
            "The threshold is right, but the score is that of the validation slices, on which it "
            "was chosen. Report the test slices.",
        ),
        "single_best": (
            (0.4, means[1]),
            "You took the threshold of the best single entry. Take the mean over the slices "
            "first: one slice must not decide.",
        ),
        "median": (
            (0.9, means[4]),
            "You chose by the median of the validation slices. Choose by their mean, which is "
            "what you report of the test slices.",
        ),
        "wrong_axis": (
            (0.2, means[0]),
            "You took the mean over the thresholds. Slices are rows: average over axis 0.",
        ),
        "row": (
            (0.6, test[2].mean()),
            "test[column] is a row: one slice at all thresholds. A column is test[:, column].",
        ),
        "best_per_slice": (
            (0.6, test.max(axis=1).mean()),
            "Each test slice has its own best threshold in your score. One threshold serves all.",
        ),
        "column": (
            (2, 0.25),
            "You return the number of the column; the threshold itself was asked for.",
        ),
    }
    compare(value, (0.6, 0.25), mistakes, 1e-6, "the threshold and the score")
    return right("Chosen where it may be chosen, reported where nothing was chosen.")
