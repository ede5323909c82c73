"""Scores: what a membrane prediction is worth, pixel by pixel and cell by cell.

Pixel scores (accuracy, Dice, recall, precision) count agreeing pixels. The two
segmentation scores, V_rand and V_info, ask instead whether the *cells* that the prediction
outlines are the true cells: one missing membrane pixel can merge two of them. Both come from
one contingency table between true and proposed cells, as in the ISBI 2012 challenge [1]_.

Membrane is 1 and is the positive class unless an argument says otherwise.

References
----------
.. [1] Arganda-Carreras, I., et al. (2015). Crowdsourcing the creation of image segmentation
   algorithms for connectomics. Frontiers in Neuroanatomy 9:142. doi:10.3389/fnana.2015.00142
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from damunet_lite import _arguments

#: Thresholds of the challenge, on the probability of *cell*; a pixel is cell when strictly above.
#: Its script adds up tenths in floating point: the last is 0.9999999999999999, and a pixel whose
#: probability of cell is exactly 1 is still cell there.
THRESHOLDS = np.array([0, *np.cumsum(np.full(10, 0.1))])

#: Columns that every score table shows, in this order.
TABLE_COLUMNS = ("accuracy", "dice_cell", "dice_membrane", "v_rand", "v_info")


# ---------------------------------------------------------------- pixel scores


class Confusion(NamedTuple):
    """Pixel counts: true positives, false positives, false negatives, true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    def flipped(self) -> "Confusion":
        """The same pixels with the other class as positive."""
        return Confusion(tp=self.tn, fp=self.fn, fn=self.fp, tn=self.tp)

    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def accuracy(self) -> float:
        """(TP + TN) / all."""
        return (self.tp + self.tn) / sum(self)

    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.tp + self.fn)

    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.tp, self.tp + self.fp)


def _ratio(numerator: float, denominator: float) -> float:
    """Divide; nothing to find and nothing found (0 / 0) counts as perfect."""
    return float(numerator / denominator) if denominator else 1.0


def confusion(truth: np.ndarray, prediction: np.ndarray, positive: str = "membrane") -> Confusion:
    """Count agreeing and disagreeing pixels of two binary masks.

    Parameters
    ----------
    truth, prediction : array of 0/1 or bool, any shape, both the same
        Membrane = 1, cell interior = 0.
    positive : {"membrane", "cell"}
        The class whose hits are called true positives.

    Returns
    -------
    Confusion
        The four counts, in pixels.

    Raises
    ------
    ValueError
        If a mask holds anything but 0 and 1, is empty, or the shapes differ.

    Examples
    --------
    >>> confusion([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    Confusion(tp=1, fp=1, fn=1, tn=2)
    >>> confusion([1, 1, 0, 0, 0], [1, 0, 1, 0, 0], positive="cell")
    Confusion(tp=2, fp=1, fn=1, tn=1)
    """
    _arguments.choice("positive", positive, ("membrane", "cell"))
    truth = _arguments.binary("truth", truth)
    prediction = _arguments.binary("prediction", prediction)
    _arguments.same_shape("prediction", prediction, "truth", truth)
    tp = int(np.count_nonzero(truth & prediction))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    counts = Confusion(tp, fp, fn, truth.size - tp - fp - fn)
    return counts if positive == "membrane" else counts.flipped()


def dice(truth: np.ndarray, prediction: np.ndarray, positive: str = "membrane") -> float:
    """Dice coefficient 2 TP / (2 TP + FP + FN) of two binary masks.

    Parameters
    ----------
    truth, prediction, positive
        As in `confusion`.

    Returns
    -------
    float
        In [0, 1]. If neither mask has a positive pixel the score is 1.0: there was nothing to
        find and nothing was claimed.

    Raises
    ------
    ValueError
        As `confusion`.

    References
    ----------
    Dice, L. R. (1945). Measures of the amount of ecologic association between species.
    Ecology 26(3), 297-302. doi:10.2307/1932409

    Examples
    --------
    Which class is called positive changes the number: say it beside every Dice.

    >>> dice([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.5
    >>> round(dice([1, 1, 0, 0, 0], [1, 0, 1, 0, 0], positive="cell"), 3)
    0.667
    """
    return confusion(truth, prediction, positive).dice()


def accuracy(truth: np.ndarray, prediction: np.ndarray, positive: str = "membrane") -> float:
    """Share of pixels on which two binary masks agree.

    Parameters
    ----------
    truth, prediction, positive
        As in `confusion`. Accuracy is the same for either positive class; the argument is
        there so that all pixel scores are called alike.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        As `confusion`.

    Examples
    --------
    >>> accuracy([1, 1, 0, 0, 0], [1, 0, 1, 0, 0])
    0.6
    """
    return confusion(truth, prediction, positive).accuracy()


def recall(truth: np.ndarray, prediction: np.ndarray, positive: str = "membrane") -> float:
    """Share of the true positive-class pixels that were found, TP / (TP + FN).

    Parameters
    ----------
    truth, prediction, positive
        As in `confusion`.

    Returns
    -------
    float
        In [0, 1]; 1.0 if the truth has no positive pixel (none was missed).

    Raises
    ------
    ValueError
        As `confusion`.

    Examples
    --------
    >>> recall([1, 1, 1, 1, 0], [1, 0, 0, 0, 1])
    0.25
    """
    return confusion(truth, prediction, positive).recall()


def precision(truth: np.ndarray, prediction: np.ndarray, positive: str = "membrane") -> float:
    """Share of the predicted positive-class pixels that are right, TP / (TP + FP).

    Parameters
    ----------
    truth, prediction, positive
        As in `confusion`.

    Returns
    -------
    float
        In [0, 1]; 1.0 if no pixel was predicted positive (none was wrong).

    Raises
    ------
    ValueError
        As `confusion`.

    Examples
    --------
    >>> precision([1, 1, 1, 1, 0], [1, 0, 0, 0, 1])
    0.5
    """
    return confusion(truth, prediction, positive).precision()


# ---------------------------------------------------------------- from masks to cells


def label_cells(cell: np.ndarray) -> np.ndarray:
    """Number the 4-connected components of the cell pixels.

    Parameters
    ----------
    cell : array of 0/1 or bool, [H, W]
        Cell interior = 1. (The complement of a membrane mask.)

    Returns
    -------
    labels : int32 array, [H, W]
        0 on membrane, 1, 2, ... on the cells, in raster order of their first pixel.

    Raises
    ------
    ValueError
        If `cell` is not two-dimensional or not binary.

    Examples
    --------
    Pixels that touch only at a corner are different cells.

    >>> label_cells([[1, 0, 1],
    ...              [1, 0, 0],
    ...              [0, 1, 1]])
    array([[1, 0, 2],
           [1, 0, 0],
           [0, 3, 3]], dtype=int32)
    """
    cell = _arguments.shape("cell", _arguments.binary("cell", cell), "[H, W]")
    return ndimage.label(cell)[0].astype(np.int32, copy=False)


def thin_borders(labels: np.ndarray) -> np.ndarray:
    """Grow labelled cells over the membrane until lines one pixel wide remain.

    This is a watershed on flat ground: every cell grows over the membrane at the same speed,
    and where two of them meet a line is left.

    Parameters
    ----------
    labels : int array, [H, W]
        0 = membrane, positive = cells, no two different cells 4-adjacent.

    Returns
    -------
    thinned : int array, [H, W]
        The same labels, of the same type, grown; 0 on the lines. No two different cells are
        4-adjacent. Without any cell, 1 everywhere: the flood makes one segment, as from one cell.

    Raises
    ------
    ValueError
        If `labels` is not a two-dimensional array of integers >= 0.

    Notes
    -----
    Growth goes in rounds. In each round the membrane pixels that touch a cell (4-neighbours)
    are looked at once: those whose neighbours carry one label take it, those between two labels
    become line and stay 0. A gap of even width has no middle; there the pixel whose row plus
    column is even moves first and its odd neighbour becomes the line. Pixels of equal parity
    never touch, so the result depends on no order of visits. A pixel that only lines touch is
    out of reach and stays 0.

    The challenge's script floods the two-valued image with the algorithm of Vincent and Soille
    [1]_: the same growth by equal distance, with ties settled by the order of a queue. The two
    rules change V_rand and V_info of an ISBI 2012 stack by less than 0.001, of a single slice by
    more: for darkness at a threshold of 0.5 slice 19 has 0.9244 and 0.9438 here, 0.9216 and 0.9426
    there. An image without a single cell pixel is flooded into one segment there, and here.

    References
    ----------
    .. [1] Vincent, L., Soille, P. (1991). Watersheds in digital spaces: an efficient algorithm
       based on immersion simulations. IEEE Transactions on Pattern Analysis and Machine
       Intelligence 13(6), 583-598. doi:10.1109/34.87344

    Examples
    --------
    >>> thin_borders([[1, 0, 0, 0, 2],
    ...               [1, 0, 0, 0, 2]])
    array([[1, 1, 0, 2, 2],
           [1, 1, 0, 2, 2]])
    """
    labels = _arguments.shape("labels", _arguments.labels("labels", labels), "[H, W]")
    if not labels.any():
        return np.ones_like(labels)
    # a frame of closed pixels spares every look at the image's edge
    framed = np.pad(np.ascontiguousarray(labels), 1)
    flat, free = framed.ravel(), np.pad(labels == 0, 1).ravel()
    width, no_label = framed.shape[1], np.iinfo(labels.dtype).max
    steps = np.array([[-width], [-1], [1], [width]])
    membrane = np.flatnonzero(free)
    front = membrane[flat[membrane + steps].any(axis=0)]
    while front.size:
        free[front] = False
        moves_second = np.add(*divmod(front, width)) % 2 == 1
        for half in (front[~moves_second], front[moves_second]):
            around = flat[half + steps]
            highest = around.max(axis=0)
            lowest = np.where(around == 0, no_label, around).min(axis=0)
            one_label = highest == lowest
            flat[half[one_label]] = highest[one_label]
        touched = np.zeros_like(free)
        touched[front[flat[front] != 0] + steps] = True
        front = np.flatnonzero(touched & free)
    return framed[1:-1, 1:-1].copy()


# ---------------------------------------------------------------- segmentation scores


class SegmentationScore(NamedTuple):
    """V_rand and V_info of one proposal, with their split and merge parts.

    Every field is in [0, 1] and 1 is perfect. A `*_split` score falls when a true cell is cut
    into pieces, a `*_merge` score falls when true cells are joined.

    Attributes
    ----------
    v_rand, v_rand_split, v_rand_merge : float
        V_rand, and the two scores whose harmonic mean it is.
    v_info, v_info_split, v_info_merge : float
        V_info, and the two scores whose harmonic mean it is.
    """

    v_rand: float
    v_rand_split: float
    v_rand_merge: float
    v_info: float
    v_info_split: float
    v_info_merge: float


def _compact(labels: np.ndarray) -> np.ndarray:
    """Labels as int64, renumbered when they are too large to make one number of two."""
    if labels.max(initial=0) > labels.size:
        labels = np.unique(labels, return_inverse=True)[1]
    return labels.astype(np.int64)


def _sizes(labels: np.ndarray) -> np.ndarray:
    """How many pixels each segment has."""
    if labels.max(initial=0) > 4 * labels.size:
        # sorting is cheaper than a table of that length, mostly empty
        return np.unique(labels, return_counts=True)[1].astype(float)
    table = np.bincount(labels)
    return table[table > 0].astype(float)


def _entropy(counts: np.ndarray, total: float, singletons: int) -> float:
    """Entropy in bits of a partition of `total` pixels, its singletons counted apart."""
    p = counts / total
    return float(-(p @ np.log2(p)) + singletons / total * np.log2(total))


def segmentation_score(truth_labels: np.ndarray, proposal_labels: np.ndarray) -> SegmentationScore:
    """V_rand and V_info of proposed cells against true cells.

    Parameters
    ----------
    truth_labels : int array >= 0, any shape
        True cells; 0 = membrane. Only pixels where it is not 0 are counted.
    proposal_labels : int array >= 0, same shape
        Proposed cells. Each counted pixel where it is 0 is a segment of its own.

    Returns
    -------
    SegmentationScore

    Raises
    ------
    ValueError
        If the shapes differ, the labels are not integers >= 0, or the truth has no cell.

    Notes
    -----
    Let p_ij be the share of counted pixels in proposed segment i and true segment j, with
    marginals s_i (proposed) and t_j (true). Then

    ==========  ====================  =====================
    part        v_rand                v_info
    ==========  ====================  =====================
    split       sum p_ij^2/sum t_j^2  I(S; T) / H(S)
    merge       sum p_ij^2/sum s_i^2  I(S; T) / H(T)
    ==========  ====================  =====================

    and V_rand, V_info are the harmonic means of their two parts, which is the same as dividing
    by the mean of the two denominators. The Rand split score is the chance that two pixels of
    one true cell are also together in the proposal: it falls when cells are split. If both
    entropies are 0 (one segment in both) the scores from information are 1 here, for the answer
    is right; the challenge's code gives V_info 0 there. If only one of them is 0, its own part
    is 1 and V_info is 0.

    References
    ----------
    Arganda-Carreras, I., et al. (2015). Crowdsourcing the creation of image segmentation
    algorithms for connectomics. Frontiers in Neuroanatomy 9:142. doi:10.3389/fnana.2015.00142

    Examples
    --------
    Two cells of three pixels; the proposal joins them.

    >>> score = segmentation_score([1, 1, 1, 0, 2, 2, 2], [1, 1, 1, 1, 1, 1, 1])
    >>> round(score.v_rand, 6), score.v_rand_split, score.v_rand_merge
    (0.666667, 1.0, 0.5)
    >>> score.v_info
    0.0
    """
    truth = _arguments.labels("truth_labels", truth_labels)
    proposal = _arguments.labels("proposal_labels", proposal_labels)
    _arguments.same_shape("proposal_labels", proposal, "truth_labels", truth)
    counted = truth != 0
    if not counted.any():
        raise ValueError("truth_labels is 0 everywhere, wanted at least one cell pixel")
    named = proposal[counted] != 0
    t, s = _compact(truth[counted]), _compact(proposal[counted][named])
    in_truth, in_proposal = _sizes(t), _sizes(s)
    joint = _sizes(t[named] * (s.max(initial=0) + 1) + s)
    # singletons are pixels and segments at once: their number says all
    total, singletons = t.size, t.size - s.size
    pairs_joint, pairs_proposal = (n @ n + singletons for n in (joint, in_proposal))
    pairs_truth = in_truth @ in_truth
    h_truth = _entropy(in_truth, total, 0)
    h_proposal, h_joint = (_entropy(n, total, singletons) for n in (in_proposal, joint))
    # rounding can push the shared information 1e-16 out of its bounds
    shared = min(max(h_truth + h_proposal - h_joint, 0.0), h_truth, h_proposal)
    return SegmentationScore(
        v_rand=_ratio(2 * pairs_joint, pairs_truth + pairs_proposal),
        v_rand_split=_ratio(pairs_joint, pairs_truth),
        v_rand_merge=_ratio(pairs_joint, pairs_proposal),
        v_info=_ratio(2 * shared, h_truth + h_proposal),
        v_info_split=_ratio(shared, h_proposal),
        v_info_merge=_ratio(shared, h_truth),
    )


def v_rand(truth_labels: np.ndarray, proposal_labels: np.ndarray) -> float:
    """V_rand alone: `segmentation_score`'s field `v_rand`.

    Parameters
    ----------
    truth_labels, proposal_labels
        As in `segmentation_score`.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> v_rand([1, 1, 1, 0, 2, 2, 2], [1, 1, 0, 0, 2, 2, 2])
    0.875
    """
    return segmentation_score(truth_labels, proposal_labels).v_rand


def v_info(truth_labels: np.ndarray, proposal_labels: np.ndarray) -> float:
    """V_info alone: `segmentation_score`'s field `v_info`.

    Parameters
    ----------
    truth_labels, proposal_labels
        As in `segmentation_score`.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> round(v_info([1, 1, 1, 0, 2, 2, 2], [1, 1, 0, 0, 2, 2, 2]), 6)
    0.81329
    """
    return segmentation_score(truth_labels, proposal_labels).v_info


# ---------------------------------------------------------------- probabilities to scores


@dataclass(frozen=True, eq=False)
class StackScores:
    """Scores of every slice at every threshold.

    Attributes
    ----------
    thresholds : float array, [T]
        On the probability of cell.
    v_rand, v_rand_split, v_rand_merge, v_info, v_info_split, v_info_merge : [N, T]
        See `SegmentationScore`.
    accuracy, dice_cell, dice_membrane, recall, precision : float array, [N, T]
        Pixel scores; recall and precision are those of membrane.

    Notes
    -----
    The score of a stack is the mean over its slices, Dice included. Choose thresholds with
    `best_v_rand` and `best_v_info` on validation slices, then report other slices with
    `row` at those thresholds.

    Examples
    --------
    >>> truth = np.array([[[0, 0, 0, 1, 0, 0, 0]]])
    >>> probability = np.array([[[0., .1, .2, .65, .2, .1, 0.]]])
    >>> scores = score_stack(truth, probability, thresholds=[0.3, 0.5])
    >>> scores.v_rand_split, scores.v_rand_merge
    (array([[1., 1.]]), array([[0.5, 1. ]]))
    >>> scores.best_v_rand(), scores.best_v_info()
    ((0.5, 1.0), (0.5, 1.0))
    >>> StackScores(**{k: np.array(v) for k, v in scores.to_dict().items()}).best_v_rand()
    (0.5, 1.0)
    """

    thresholds: np.ndarray
    v_rand: np.ndarray
    v_rand_split: np.ndarray
    v_rand_merge: np.ndarray
    v_info: np.ndarray
    v_info_split: np.ndarray
    v_info_merge: np.ndarray
    accuracy: np.ndarray
    dice_cell: np.ndarray
    dice_membrane: np.ndarray
    recall: np.ndarray
    precision: np.ndarray

    def best_v_rand(self) -> tuple[float, float]:
        """Threshold with the highest mean V_rand, and that mean. Ties: the lowest threshold."""
        return self._best(self.v_rand)

    def best_v_info(self) -> tuple[float, float]:
        """Threshold with the highest mean V_info, and that mean. Ties: the lowest threshold."""
        return self._best(self.v_info)

    def _best(self, scores: np.ndarray) -> tuple[float, float]:
        means = scores.mean(axis=0)
        index = int(means.argmax())
        return float(self.thresholds[index]), float(means[index])

    def row(
        self,
        v_rand_threshold: float,
        v_info_threshold: float | None = None,
        pixel_threshold: float = 0.5,
    ) -> dict[str, float]:
        """One row of a score table: means over the slices.

        Parameters
        ----------
        v_rand_threshold : float
            Threshold for V_rand.
        v_info_threshold : float, optional
            Threshold for V_info; by default the same.
        pixel_threshold : float
            Threshold for the pixel scores.

        Returns
        -------
        dict of float
            Keys: accuracy, dice_cell, dice_membrane, v_rand, v_info.

        Raises
        ------
        ValueError
            If a threshold is not among those that were scored.
        """
        info = v_rand_threshold if v_info_threshold is None else v_info_threshold
        used = dict.fromkeys(TABLE_COLUMNS, pixel_threshold)
        used |= {"v_rand": v_rand_threshold, "v_info": info}
        row = {}
        for name, threshold in used.items():
            at = np.isclose(self.thresholds, threshold, rtol=0, atol=_arguments.ROUNDING)
            if not at.any():
                known = self.thresholds.tolist()
                raise ValueError(f"threshold of {name} is {threshold!r}, wanted one of {known}")
            row[name] = float(getattr(self, name)[:, at.argmax()].mean())
        return row

    def to_dict(self) -> dict[str, Any]:
        """Lists and floats only, ready for `json.dump`."""
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}


def score_stack(
    truth_membranes: np.ndarray,
    membrane_probabilities: np.ndarray,
    thresholds: Sequence[float] | np.ndarray = THRESHOLDS,
    thin: bool = True,
) -> StackScores:
    """Score predicted membrane probabilities, slice by slice and threshold by threshold.

    Parameters
    ----------
    truth_membranes : array of 0/1 or bool, [N, H, W] or [N, H, W, 1]
        True membrane = 1; true cells are the 4-connected components of the other pixels.
    membrane_probabilities : float array in [0, 1], [N, H, W] or [N, H, W, 1]
        Predicted probability of membrane.
    thresholds : one or more floats in [0, 1], [T]
        A pixel is cell where 1 - probability is strictly above the threshold.
    thin : bool
        Thin the proposals' borders first, as the challenge does.

    Returns
    -------
    StackScores

    Raises
    ------
    ValueError
        If an input is of the wrong kind, shape or range, or a slice has no true cell.

    References
    ----------
    Arganda-Carreras, I., et al. (2015). Crowdsourcing the creation of image segmentation
    algorithms for connectomics. Frontiers in Neuroanatomy 9:142. doi:10.3389/fnana.2015.00142

    Examples
    --------
    >>> truth = np.array([[[0, 0, 0, 1, 0, 0, 0]]])
    >>> probability = np.array([[[0., .1, .2, .65, .2, .1, 0.]]])
    >>> scores = score_stack(truth, probability)
    >>> scores.best_v_rand()
    (0.4, 1.0)
    >>> scores.row(v_rand_threshold=0.4)["dice_membrane"]
    1.0
    """
    name = "truth_membranes"
    truth = _arguments.binary(name, _arguments.slices(name, truth_membranes))
    name = "membrane_probabilities"
    probabilities = _arguments.probability(name, _arguments.slices(name, membrane_probabilities))
    _arguments.same_shape(name, probabilities, "truth_membranes", truth)
    levels = _arguments.shape("thresholds", np.asarray(thresholds, float), "[T]")
    levels = _arguments.probability("thresholds", levels, "[0, 1]")
    by_slice, thin = zip(truth, probabilities, strict=True), _arguments.truth("thin", thin)
    scores = np.array([_score_slice(*pair, levels, thin) for pair in by_slice])
    return StackScores(levels, *np.moveaxis(scores, -1, 0))


def _score_slice(truth, probability, thresholds, thin) -> list[tuple[float, ...]]:
    """A row per threshold: the scores in the order of `StackScores`' fields."""
    truth_labels = label_cells(~truth)
    rows: list[tuple[float, ...]] = []
    for threshold in thresholds:
        # in double precision, so that rounding in 1 - p decides no tie
        cell = 1.0 - probability.astype(np.float64) > threshold
        proposal = thin_borders(label_cells(cell)) if thin else label_cells(cell)
        counts = confusion(truth, ~cell)
        dices = counts.flipped().dice(), counts.dice()
        pixel = (counts.accuracy(), *dices, counts.recall(), counts.precision())
        rows.append((*segmentation_score(truth_labels, proposal), *pixel))
    return rows


def trivial_baselines(truth_membranes: np.ndarray) -> dict[str, dict[str, float]]:
    """Scores of two predictions that need no image: all cell and all membrane.

    Parameters
    ----------
    truth_membranes : array of 0/1 or bool, [N, H, W] or [N, H, W, 1]
        True membrane = 1.

    Returns
    -------
    dict of dict of float
        Keys "all cell" and "all membrane"; each value has the keys of `StackScores.row`.

    Raises
    ------
    ValueError
        If the masks are of the wrong kind or shape, or a slice has no true cell.

    Examples
    --------
    >>> rows = trivial_baselines(np.array([[[0, 0, 0, 1, 0, 0, 0]]]))
    >>> for name, row in rows.items():
    ...     print(name, {score: round(value, 3) for score, value in row.items()})
    all cell {'accuracy': 0.857, 'dice_cell': 0.923, 'dice_membrane': 0.0,
              'v_rand': 0.667, 'v_info': 0.0}
    all membrane {'accuracy': 0.143, 'dice_cell': 0.0, 'dice_membrane': 0.25,
                  'v_rand': 0.667, 'v_info': 0.0}
    """
    shape = np.shape(truth_membranes)
    constants = {"all cell": np.zeros(shape), "all membrane": np.ones(shape)}
    return {name: score_stack(truth_membranes, p, [0.5]).row(0.5) for name, p in constants.items()}
