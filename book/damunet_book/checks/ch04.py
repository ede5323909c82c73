"""Checkers of chapter 4: soft counts, the Tversky index, its gradient."""

from typing import Any

import numpy as np

from damunet_book.checks import checker, compare, known, run

_TRUTH = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
_PROBABILITY = np.array([[0.9, 0.3, 0.2], [0.4, 0.8, 0.1]])


_CLASSES = np.eye(3)[[0, 0, 0, 1, 2]]
_BELIEFS = np.array(
    [[0.8, 0.1, 0.1], [0.5, 0.2, 0.3], [0.6, 0.3, 0.1], [0.25, 0.7, 0.05], [0.3, 0.3, 0.4]]
)


def _counts(y: np.ndarray, p: np.ndarray, axis: int | None = None) -> tuple[Any, Any, Any]:
    return (y * p).sum(axis), (y * (1 - p)).sum(axis), ((1 - y) * p).sum(axis)


def _index(tp, fn, fp, fn_weight, fp_weight, smooth):
    return (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


def _by_class(y, p, fn_weight, fp_weight, smooth):
    return _index(*_counts(y, p, 0), fn_weight, fp_weight, smooth)


_OTHER_WEIGHTS = (
    "Right for one choice of fn_weight, fp_weight and smooth, but not for another: use the "
    "arguments, not numbers, and do not take fp_weight for 1 - fn_weight."
)


@checker(
    right="TP + FN of a row is its number of membrane pixels, whatever p says.",
    fn_fp_swapped="FN and FP have traded places: a miss can only happen where y is 1, a false "
    "alarm only where y is 0.",
    hard_counts="Those are whole pixels after a threshold: leave the probabilities as they are, or "
    "the slope is zero.",
    all_missing="FN also counts 1 - p on cell pixels, where there is nothing to miss: multiply by "
    "y.",
    all_predicted="FP counts all that is predicted, the true part as well: multiply by 1 - y.",
    means="Those are means over the pixels: the counts are sums.",
    tn_for_fp="The third is the true negatives: a false alarm is the part of a cell pixel that is "
    "called membrane, (1 - y) times p.",
    tn_for_fn="The second is the true negatives: a miss can only happen where y is 1.",
    areas="Those are the two areas. FN is what the true area lacks of TP, FP what the predicted "
    "one has beyond it.",
    differences="|y - p| counts misses and false alarms together: they have to be kept apart.",
    order="The order is tp, fn, fp.",
    not_summed="Right in every pixel; now sum each row, with axis=1.",
    pooled="Those are the counts of all rows together: each row has its own, so sum with axis=1.",
    by_column="Those are counts for each column: axis=0 adds up the rows. An image is a row, so "
    "sum along axis=1.",
    by_image="You give three counts for each row; wanted are three arrays, the TP of all rows "
    "first.",
    brackets="Brackets: y * 1 - p is (y * 1) - p, and 1 - y * p is 1 - (y * p).",
)
def soft_counts(answer):
    """``answer(y, p)`` gives soft TP, FN and FP, each an array over the rows."""
    y, p = _TRUTH, _PROBABILITY
    tp, fn, fp = _counts(y, p, 1)
    tn = ((1 - y) * (1 - p)).sum(1)
    compare(
        run(answer, y, p),
        (tp, fn, fp),
        "(tp, fn, fp)",
        fn_fp_swapped=(tp, fp, fn),
        hard_counts=_counts(y, (p > 0.5).astype(float), 1),
        all_missing=(tp, (1 - p).sum(1), fp),
        all_predicted=(tp, fn, p.sum(1)),
        means=tuple(count / y.shape[1] for count in (tp, fn, fp)),
        tn_for_fp=(tp, fn, tn),
        tn_for_fn=(tp, tn, fp),
        areas=(tp, y.sum(1), p.sum(1)),
        differences=(tp, np.abs(y - p).sum(1), np.abs(y - p).sum(1)),
        order=(fn, tp, fp),
        not_summed=(y * p, y * (1 - p), (1 - y) * p),
        pooled=_counts(y, p),
        by_column=_counts(y, p, 0),
        by_image=np.transpose([tp, fn, fp]),
        brackets=(tp, (y * 1 - p).sum(1), (1 - y * p).sum(1)),
    )
    counts = run(answer, y[:1, :2], p[:1, :2])
    compare(counts, ([1.2], [0.8], [0.0]), "(tp, fn, fp) of one row of two membrane pixels")


@checker(
    right="One index for each class, and no class can hide behind a larger one.",
    swapped="The weights are swapped: fn_weight belongs to FN, the misses.",
    loss="Those are the losses, 1 minus the index: return the indices themselves.",
    smooth_below_only="Smooth is missing above the line: without errors the index has to be 1.",
    smooth_above_only="Smooth is missing below the line: the index could become larger than 1.",
    no_smooth="Smooth is not used yet.",
    no_weights="Both errors weigh 1, which is the Jaccard index: use the weights.",
    dice_weights="Both errors weigh one half, which is Dice: use the weights.",
    pooled="That is one index for all classes together: a frequent class would decide it. Sum over "
    "the pixels only, with axis=0.",
    by_pixel="You summed over the classes of each pixel: sum over the pixels of each class, with "
    "axis=0.",
    averaged="That is the mean of the indices: right, one step further than asked. Return one "
    "number for each class.",
    two_twice="TP counts twice, above and below. That is the first form of Dice, whose errors "
    "weigh 1 each; the Tversky index is written without the 2.",
    brackets="Brackets: the division comes before the +. Put tp + smooth in brackets.",
    tp_not_below="TP is missing below the line: without errors the index has to be 1.",
    other_weights=_OTHER_WEIGHTS,
)
def index(answer):
    """``answer(y, p, fn_weight, fp_weight, smooth)``, one index for each class."""
    y, p = _CLASSES, _BELIEFS
    wanted = _by_class(y, p, 0.7, 0.3, 2.0)
    tp, fn, fp = _counts(y, p, 0)
    errors = 0.7 * fn + 0.3 * fp
    compare(
        run(answer, y, p, 0.7, 0.3, 2.0),
        wanted,
        "the list of indices",
        swapped=_by_class(y, p, 0.3, 0.7, 2.0),
        loss=1 - wanted,
        smooth_below_only=tp / (tp + errors + 2),
        smooth_above_only=(tp + 2) / (tp + errors),
        no_smooth=_by_class(y, p, 0.7, 0.3, 0.0),
        no_weights=_by_class(y, p, 1, 1, 2.0),
        dice_weights=_by_class(y, p, 0.5, 0.5, 2.0),
        pooled=_index(*_counts(y, p), 0.7, 0.3, 2.0),
        by_pixel=_index(*_counts(y, p, 1), 0.7, 0.3, 2.0),
        averaged=wanted.mean(),
        two_twice=(2 * tp + 2) / (2 * tp + errors + 2),
        brackets=tp + 2 / (tp + errors + 2),
        tp_not_below=(tp + 2) / (errors + 2),
    )
    value = run(answer, y[:2, :2], p[:2, :2], 0.9, 0.5, 1.0)
    good = _by_class(y[:2, :2], p[:2, :2], 0.9, 0.5, 1.0)
    compare(value, good, "the list of indices for other weights", other_weights=value)


@checker(
    right="Almost 1: the index knows no true negatives, and smooth is one pixel.",
    index="That is the index; the loss is 1 minus it.",
    no_smooth="That is the loss with smooth = 0. With smooth = 1 it is a little below 1: give four "
    "digits.",
    no_weight="The false alarms weigh fp_weight = 0.3 each, not 1.",
    swapped="You charged 0.7 for each false alarm: that is the weight of a miss.",
    mean_not_sum="You took 0.01 as FP, but the counts are sums: all 256 x 256 pixels add 0.01.",
    error_rate="1 % is how wrong each pixel is. The index does not know how many cell pixels were "
    "called cell: true negatives stand nowhere in it.",
    percent="That is in per cent: give the loss, between 0 and 1.",
    two_digits="Two digits are too few: give four.",
    nothing_to_find="There is nothing to find, but there are false alarms: 0.01 of a pixel on each "
    "of 256 x 256 pixels.",
    one_row="You counted 256 pixels: the crop has 256 x 256.",
)
def empty_crop(answer):
    """The Tversky loss of a crop without membrane, predicted 0.01 everywhere."""
    false = 256 * 256 * 0.01
    wanted = 1 - _index(0.0, 0.0, false, 0.7, 0.3, 1.0)
    known(answer, 0.5, percent=100 * wanted)
    compare(
        answer,
        wanted,
        "the loss",
        look="FP is a sum over all pixels, each costs 0.3, and smooth stands above and below.",
        index=1 - wanted,
        no_smooth=1.0,
        no_weight=1 - _index(0.0, 0.0, false, 1, 1, 1.0),
        swapped=1 - _index(0.0, 0.0, false, 0.3, 0.7, 1.0),
        mean_not_sum=1 - _index(0.0, 0.0, 0.01, 0.7, 0.3, 1.0),
        error_rate=0.01,
        two_digits=0.99,
        nothing_to_find=0.0,
        one_row=1 - _index(0.0, 0.0, 256 * 0.01, 0.7, 0.3, 1.0),
    )


@checker(
    right="More than nine to one. As the answer gets better it falls towards 9.",
    ratio_of_weights="That is the ratio of the weights, which is right only for a perfect answer, "
    "where D = N. Here D is larger.",
    old_weights="That is the ratio for the weights 0.7 and 0.3.",
    upside_down="Upside down: you divided the push on cell by the pull.",
    weight_not_complement="Below the line a membrane pixel adds 1 - fn_weight = 0.1, not "
    "fn_weight.",
    swapped="The weights are swapped: 0.9 is the price of a miss.",
    numerators_of_weights="On membrane stands D - (1 - fn_weight) N, not fn_weight times D.",
    n_not_taken_away="On membrane D itself changes as well: take (1 - fn_weight) N away from it.",
    old_denominator="You kept D of the weights 0.7 and 0.3, which is 2.85: FN now weighs 0.9 and "
    "FP 0.1 there too.",
    dice_denominator="You kept D of Dice, which is 2.75: FN now weighs 0.9 and FP 0.1 there.",
)
def pull_ratio(answer):
    """Pull on membrane over push on cell, weights 0.9 and 0.1."""
    top, bottom = 1.9, 1.9 + 0.9 * 1.1 + 0.1 * 0.6
    wanted = (bottom / top - 0.1) / 0.1
    # These two, 14.0 and 13.97, are nearer to each other than answers are asked for.
    old, numerators = (2.85 / top - 0.1) / 0.1, 0.9 / 0.1 * bottom / top
    known(answer, 0.01, old_denominator=old, numerators_of_weights=numerators)
    compare(
        answer,
        wanted,
        "the ratio",
        tolerance=0.05,
        look="Compute D with the new weights, then D/N, then the formula above the exercise.",
        ratio_of_weights=9.0,
        old_weights=4.0,
        upside_down=1 / wanted,
        weight_not_complement=(bottom / top - 0.9) / 0.1,
        swapped=((1.9 + 0.1 * 1.1 + 0.9 * 0.6) / 1.9 - 0.9) / 0.9,
        n_not_taken_away=bottom / top / 0.1,
        dice_denominator=(2.75 / top - 0.1) / 0.1,
    )


@checker(
    right="Two values in each row: pixels of one image share them, images do not.",
    loss="The sign is that of the loss, which is 1 minus the index: asked for is the gradient of "
    "the index itself.",
    not_squared="You divided by D; the rule for fractions has D squared.",
    swapped="The weights fn_weight and fp_weight are swapped.",
    no_smooth="Smooth is missing from N and D.",
    fixed_bottom="You treated D as a constant: the probability moves it as well, so cell pixels "
    "have a gradient too.",
    through_sigmoid="That has the sigmoid's slope p(1 - p) in it: the exercise asks for the "
    "gradient with respect to p itself.",
    weight_not_complement="On membrane D grows by 1 - fn_weight, not by fn_weight: TP brings 1, "
    "and FN loses fn_weight.",
    cell_sign="The sign on cell is turned: a larger false alarm makes the index smaller.",
    membrane_sign="The sign on membrane is turned: a larger p finds more and makes the index "
    "larger.",
    cell_forgotten="Cell pixels have a gradient too: p moves D there by fp_weight.",
    weight_forgotten="On membrane D grows by 1 - fn_weight, not by 1: FN shrinks while TP grows.",
    cell_without_n="On cell N is missing: the rule for fractions has N times what p does to D.",
    smooth_only_below="Smooth is missing from N: N = TP + smooth.",
    two_values="The two values of each row are right: now put one of them into each pixel, with "
    "np.where.",
    cross_entropy="Y - p is what cross-entropy behind a sigmoid would add.",
    other_weights=_OTHER_WEIGHTS,
    pooled="The counts run over all rows here. Each row is an image with an index of its own: sum "
    "with axis=1, and keepdims=True so that the shapes fit.",
)
def gradient(answer):
    """``answer(y, p, fn_weight, fp_weight, smooth)``, each row's gradient."""
    y, p = _TRUTH, _PROBABILITY
    wanted = _gradient(y, p, 0.7, 0.3, 1.0)
    tp, fn, fp = (count[:, None] for count in _counts(y, p, 1))
    top, bottom = tp + 1, tp + 0.7 * fn + 0.3 * fp + 1
    membrane, cell = (bottom - 0.3 * top) / bottom**2, -0.3 * top / bottom**2

    def other(on_membrane, on_cell=cell):
        return np.where(y == 1, on_membrane, on_cell)

    compare(
        run(answer, y, p, 0.7, 0.3, 1.0),
        wanted,
        "the gradient",
        tolerance=1e-5,
        loss=-wanted,
        not_squared=wanted * bottom,
        swapped=_gradient(y, p, 0.3, 0.7, 1.0),
        no_smooth=_gradient(y, p, 0.7, 0.3, 0.0),
        fixed_bottom=y / bottom,
        through_sigmoid=wanted * p * (1 - p),
        weight_not_complement=other((bottom - 0.7 * top) / bottom**2),
        cell_sign=other(membrane, -cell),
        membrane_sign=other(-membrane),
        cell_forgotten=other(membrane, 0),
        weight_forgotten=other((bottom - top) / bottom**2),
        cell_without_n=other(membrane, -0.3 / bottom**2),
        smooth_only_below=other((bottom - 0.3 * tp) / bottom**2, -0.3 * tp / bottom**2),
        two_values=(membrane, cell),
        cross_entropy=y - p,
        pooled=_gradient(y.ravel(), p.ravel(), 0.7, 0.3, 1.0).reshape(y.shape),
    )
    value = run(answer, y[::-1, 1:], p[:, :2], 0.9, 0.4, 2.0)
    good = _gradient(y[::-1, 1:], p[:, :2], 0.9, 0.4, 2.0)
    compare(value, good, "the gradient for other weights", tolerance=1e-5, other_weights=value)


def _gradient(y, p, fn_weight, fp_weight, smooth):
    tp, fn, fp = (count[..., None] for count in _counts(y, p, -1))
    top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
    return np.where(y == 1, bottom - (1 - fn_weight) * top, -fp_weight * top) / bottom**2
