"""Checkers of chapter 3: pixel scores, connected cells, V_info, split or merge, thresholds."""

import math

import numpy as np

from damunet_book.checks import checker, compare, run, stop, table

_COUNTS = (30, 20, 10, 90)  # tp, fp, fn, tn


@checker(
    right="Exchange tp with tn and fp with fn, and one Dice becomes the other.",
    swapped="Recall and precision are swapped: recall divides by what is true, precision by what "
    "is claimed.",
    polarity="The two Dice scores are swapped: Dice of membrane is made of tp, Dice of cell of tn.",
    without_two="Without the 2 that is the Jaccard index: Dice counts the overlap twice, above and "
    "below.",
    two_above_only="The 2 is missing below: both areas contain the overlap, so 2 tp stands there "
    "too.",
    specificity="The second, tn / (tn + fp), is the specificity. Precision asks how much of the "
    "claimed membrane is right.",
    accuracy_as_dice="The last two are accuracies: Dice leaves out the true pixels of the other "
    "class.",
    first_is_specificity="The first, tn / (tn + fp), is the specificity, the share of the cell "
    "that was found. Recall asks for the share of the membrane.",
    membrane_below_cell="The Dice of cell has 2 tn above and still 2 tp below: exchange both.",
    rest_to_one="The Dice of cell is not what the Dice of membrane lacks to 1: write the formula "
    "with tn in place of tp.",
    cell_positive="All four have cell as the positive class. The counts are given for membrane: "
    "recall is made of tp.",
    one_without_two="In the Dice of cell the 2 is missing, above and below.",
    membrane_without_two="In the Dice of membrane the 2 is missing, above and below.",
)
def pixel_scores(answer):
    """``answer(tp, fp, fn, tn)``: recall, precision, Dice of membrane, Dice of cell."""
    recall, precision = 30 / 40, 30 / 50
    membrane, cell = 60 / 90, 180 / 210
    compare(
        run(answer, *_COUNTS),
        (recall, precision, membrane, cell),
        "the four scores",
        swapped=(precision, recall, membrane, cell),
        polarity=(recall, precision, cell, membrane),
        without_two=(recall, precision, 30 / 60, 90 / 120),
        two_above_only=(recall, precision, 60 / 60, 180 / 120),
        specificity=(recall, 90 / 110, membrane, cell),
        accuracy_as_dice=(recall, precision, 120 / 150, 120 / 150),
        first_is_specificity=(90 / 110, precision, membrane, cell),
        membrane_below_cell=(recall, precision, membrane, 180 / 90),
        rest_to_one=(recall, precision, membrane, 1 - membrane),
        cell_positive=(90 / 110, 90 / 100, cell, membrane),
        one_without_two=(recall, precision, membrane, 90 / 120),
        membrane_without_two=(recall, precision, 30 / 60, cell),
    )
    good = (6 / 8, 6 / 9, 12 / 17, 14 / 19)
    compare(run(answer, 6, 3, 2, 7), good, "the four scores for (6, 3, 2, 7)")


@checker(
    right="Walls that touch at corners are tight for four neighbours and leak for eight.",
    swapped="More neighbours join more: the second number cannot be the larger.",
    corners="The first number counts corners as contact. With four neighbours a step goes up, "
    "down, left or right.",
    edges="The second number ignores corners. With eight neighbours two cells that meet at a "
    "corner are one.",
    membrane="You counted the pieces of membrane: the cells are the dots.",
    rim="One too many in both. Only the dots are cells; is one piece counted twice because it "
    "bends?",
)
def count_cells(answer):
    """Numbers of 4- and of 8-connected cells in the mask of the exercise."""
    compare(
        answer,
        (5, 2),
        "the two counts",
        tolerance=0.5,
        look="Colour one cell after the other, and write down where each of them begins.",
        swapped=(2, 5),
        corners=(2, 2),
        edges=(5, 5),
        membrane=(6, 1),
        rim=(6, 3),
    )


# Labels whose products, or whose digits side by side, are those of other pairs.
_TRUTH = np.array([2, 2, 2, 2, 0, 10, 10, 10, 0, 3, 3])
_ANSWER = np.array([10, 10, 0, 0, 10, 2, 2, 2, 2, 2, 2])


def _shares(*labels: np.ndarray) -> np.ndarray:
    return np.unique(np.stack(labels), axis=1, return_counts=True)[1] / len(labels[0])


def _entropies(t: np.ndarray, s: np.ndarray) -> tuple[float, float, float]:
    """H(T), H(S) and the shared information, in bits."""
    h_t, h_s, h_both = (float(-(p @ np.log2(p))) for p in (_shares(t), _shares(s), _shares(t, s)))
    return h_t, h_s, h_t + h_s - h_both


def _ratio(h_t: float, h_s: float, shared: float) -> float:
    return 2 * shared / (h_t + h_s)


def _counted(truth: np.ndarray, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels that count: not the truth's membrane, and the answer's each a piece of its own."""
    pieces = np.where(answer == 0, 100 + np.arange(answer.size), answer)
    return truth[truth != 0], pieces[truth != 0]


@checker(
    right="Twice the shared bits over both entropies: the Dice score of information.",
    without_two="Divide by the mean of the two entropies, not by their sum: a perfect answer would "
    "get 0.5.",
    split_part="That is the split part, I / H(S), alone. V_info is its harmonic mean with the "
    "merge part.",
    merge_part="That is the merge part, I / H(T), alone. V_info is its harmonic mean with the "
    "split part.",
    geometric_mean="Below stands the arithmetic mean of the entropies, not their geometric one.",
    bits="Those are the bits that both share. Set them against the mean entropy.",
    arithmetic_mean="That is the arithmetic mean of the two parts; V_info is the harmonic one, the "
    "shared bits over the mean entropy.",
    joint_for_shared="Above stands the entropy of both labels together, H(S, T). The shared "
    "information is H(S) + H(T) - H(S, T).",
    joint_entropy="Below stands the entropy of both labels together, H(S, T). Wanted is the mean "
    "of the two entropies.",
    order="Truth and answer have traded places: counted takes the truth first.",
    distance="That is 1 minus V_info: a perfect answer should get 1.",
    one_background="The zeros of the answer are one piece in your version. Each of them is a piece "
    "of its own: use counted.",
    truth_zero_counted="Pixels that are membrane in the truth are counted. Leave them out: use "
    "counted.",
)
def v_info(answer):
    """``answer(truth, proposal)``: V_info of two rows of labels."""
    t, apart = _counted(_TRUTH, _ANSWER)
    h_t, h_s, shared = _entropies(t, apart)
    compare(
        run(answer, _TRUTH, _ANSWER),
        _ratio(h_t, h_s, shared),
        "V_info",
        tolerance=1e-6,
        without_two=shared / (h_t + h_s),
        split_part=shared / h_s,
        merge_part=shared / h_t,
        geometric_mean=shared / math.sqrt(h_t * h_s),
        bits=shared,
        arithmetic_mean=(shared / h_s + shared / h_t) / 2,
        joint_for_shared=2 * (h_t + h_s - shared) / (h_t + h_s),
        joint_entropy=shared / (h_t + h_s - shared),
        order=_ratio(*_entropies(*_counted(_ANSWER, _TRUTH))),
        distance=1 - _ratio(h_t, h_s, shared),
        one_background=_ratio(*_entropies(t, _ANSWER[_TRUTH != 0])),
        truth_zero_counted=_ratio(*_entropies(_TRUTH, _ANSWER)),
    )
    # Two of three cells are merged. With one piece alone both entropies could not be divided by.
    two, merged = np.repeat([1, 0, 2, 3], [3, 1, 3, 2]), np.repeat([5, 6], [7, 2])
    bits = _entropies(two[two != 0], merged[two != 0])
    compare(run(answer, two, merged), _ratio(*bits), "V_info of a row with a merge and no split")


@checker(
    right="More membrane closes the gaps; the split part has room to pay for it.",
    order="The fault comes first, then the move.",
    direction="The fault is right. But the threshold is on the probability of cell: a lower one "
    "makes more pixels cell and opens more gaps.",
    fault="That would be the cure for splits. But the split part is 0.99: nearly all pairs of a "
    "cell are still together. Which part is low?",
    fault_only="The move is right, the reason is not: a part names the fault that lowers it, and "
    "the merge part is the low one.",
    other='Give two words: "split" or "merge", then "up" or "down".',
    no_order="A set has no order: give the two words in a tuple, the fault first.",
)
def diagnose(answer):
    """The fault behind split 0.99 and merge 0.70, and where to move the threshold."""
    words = [str(word).strip().lower() for word in answer]
    table(
        [
            (isinstance(answer, set | frozenset), "no_order"),
            (sorted(words) not in (sorted(pair) for pair in _PAIRS), "other"),
            (words not in _PAIRS, "order"),
            (words == ["merge", "down"], "direction"),
            (words == ["split", "down"], "fault"),
            (words == ["split", "up"], "fault_only"),
        ]
    )


_PAIRS = [[fault, move] for fault in ("split", "merge") for move in ("up", "down")]


@checker(
    right="Chosen where it may be chosen, reported where nothing was chosen.",
    not_averaged="The score is still one number a slice: report their mean.",
    order="The order is threshold, score.",
    best_slice="You report the best test slice at your threshold: report the mean of all.",
    all_thresholds="The score is the mean over all thresholds: report it at the chosen one alone.",
    score_only="The score is right; return the threshold before it, as a tuple.",
    chosen_on_test="That threshold is the best one on the test slices. Choose it on the validation "
    "slices, whatever the test slices say.",
    best_on_test_reported="The threshold is right, but you report the best score on the test "
    "slices, not the score at your threshold.",
    validation_reported="The threshold is right, but the score is that of the validation slices, "
    "on which it was chosen. Report the test slices.",
    single_best="You took the threshold of the best single entry, or of one slice alone. Take the "
    "mean over the slices first: one slice must not decide.",
    median="You chose by the median of the validation slices, or by the worst. Choose by their "
    "mean, which is what you report of the test slices.",
    lowest="That is the threshold with the lowest mean of all: take the highest.",
    wrong_axis="You took the mean over the thresholds. Slices are rows: average over axis 0.",
    row="The row test[column] is one slice at all thresholds. A column is test[:, column].",
    best_per_slice="Each test slice has its own best threshold in your score. One threshold serves "
    "all.",
    column="You return the number of the column; the threshold itself was asked for.",
)
def report(answer):
    """``answer(validation, test, thresholds)``: chosen threshold, score to report."""
    # Best column by the mean of the validation slices 2, by the largest entry, the first or the
    # last slice 1, by the median, the minimum or a geometric mean 4, along the wrong axis 0, by
    # the test slices 3, alone or with the others; column 5 has the lowest mean.
    here = [[60, 90, 89, 40, 70, 5], [10, 10, 50, 30, 65, 20], [20, 62, 58, 30, 60, 10]]
    there = [[10, 40, 35, 95, 20, 50], [10, 70, 30, 50, 30, 5], [60, 30, 10, 80, 10, 40]]
    validation, test = np.array(here) / 100, np.array(there) / 100
    thresholds = np.array([0.2, 0.4, 0.6, 0.8, 0.9, 0.95])
    means = test.mean(axis=0)
    value = run(answer, validation, test, thresholds)
    if isinstance(value, tuple | list) and len(value) == 2 and np.asarray(value[1]).size > 1:
        stop("not_averaged")
    compare(
        value,
        (0.6, 0.25),
        "the threshold and the score",
        tolerance=1e-6,
        order=(0.25, 0.6),
        best_slice=(0.6, test[:, 2].max()),
        all_thresholds=(0.6, test.mean()),
        score_only=0.25,
        chosen_on_test=(0.8, 0.75),
        best_on_test_reported=(0.6, 0.75),
        validation_reported=(0.6, validation[:, 2].mean()),
        single_best=(0.4, means[1]),
        median=(0.9, means[4]),
        wrong_axis=(0.2, means[0]),
        lowest=(0.95, means[5]),
        row=(0.6, test[2].mean()),
        best_per_slice=(0.6, test.max(axis=1).mean()),
        column=(2, 0.25),
    )
    fewer = run(
        answer, np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.5, 0.3]]), np.array([0.7, 0.8])
    )
    compare(fewer, (0.7, 0.5), "the report of two thresholds")
