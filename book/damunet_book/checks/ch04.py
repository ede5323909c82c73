"""Checkers of chapter 4: soft counts, the Tversky index, its gradient."""

import numpy as np

from damunet_book.checks import checker, compare, known, run

_TRUTH = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
_PROBABILITY = np.array([[0.9, 0.3, 0.2], [0.4, 0.8, 0.1]])


def _counts(y: np.ndarray, p: np.ndarray) -> tuple[float, float, float]:
    return (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()


def _index(tp, fn, fp, fn_weight, fp_weight, smooth):
    return (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


_OTHER_WEIGHTS = (
    "Right for one choice of fn_weight, fp_weight and smooth, but not for another: use the "
    "arguments, not numbers, and do not take fp_weight for 1 - fn_weight."
)


@checker(
    right="TP + FN is the number of membrane pixels, whatever p says.",
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
    not_summed="Right in every pixel; now sum each array.",
    by_row="Those are counts for each row: sum over all pixels, without an axis.",
    by_column="Those are counts for each column: Python's sum adds up the rows only. Use .sum().",
    brackets="Brackets: y * 1 - p is (y * 1) - p, and 1 - y * p is 1 - (y * p).",
)
def soft_counts(answer):
    """Exercise 4.1: ``answer(y, p)`` gives soft TP, FN and FP."""
    y, p = _TRUTH, _PROBABILITY
    tp, fn, fp = _counts(y, p)
    compare(
        run(answer, y, p),
        (tp, fn, fp),
        "(tp, fn, fp)",
        fn_fp_swapped=(tp, fp, fn),
        hard_counts=_counts(y, (p > 0.5).astype(float)),
        all_missing=(tp, (1 - p).sum(), fp),
        all_predicted=(tp, fn, p.sum()),
        means=tuple(count / y.size for count in (tp, fn, fp)),
        tn_for_fp=(tp, fn, ((1 - y) * (1 - p)).sum()),
        tn_for_fn=(tp, ((1 - y) * (1 - p)).sum(), fp),
        areas=(tp, y.sum(), p.sum()),
        differences=(tp, np.abs(y - p).sum(), np.abs(y - p).sum()),
        order=(fn, tp, fp),
        not_summed=(y * p, y * (1 - p), (1 - y) * p),
        by_row=((y * p).sum(1), (y * (1 - p)).sum(1), ((1 - y) * p).sum(1)),
        by_column=(sum(y * p), sum(y * (1 - p)), sum((1 - y) * p)),
        brackets=(tp, (y * 1 - p).sum(), (1 - y * p).sum()),
    )
    counts = run(answer, y[:1, :2], p[:1, :2])
    compare(counts, (1.2, 0.8, 0.0), "(tp, fn, fp) of two membrane pixels")


@checker(
    right="Published variants are this line with other names for the weights.",
    swapped="The weights are swapped: fn_weight belongs to FN, the misses.",
    loss="That is the loss, 1 minus the index: return the index itself.",
    smooth_below_only="Smooth is missing above the line: without errors the index has to be 1.",
    smooth_above_only="Smooth is missing below the line: the index could become larger than 1.",
    no_smooth="Smooth is not used yet.",
    no_weights="Both errors weigh 1, which is the Jaccard index: use the weights.",
    dice_weights="Both errors weigh one half, which is Dice: use the weights.",
    dice_without_two="TP counts twice below the line but only once above: with weights that are "
    "already halved, both have it once.",
    two_twice="TP counts twice, above and below. That is the first form of Dice, whose errors "
    "weigh 1 each; the Tversky index is written without the 2.",
    brackets="Brackets: the division comes before the +. Put tp + smooth in brackets.",
    tp_not_below="TP is missing below the line: without errors the index has to be 1.",
    other_weights=_OTHER_WEIGHTS,
)
def index(answer):
    """Exercise 4.2: ``answer(tp, fn, fp, fn_weight, fp_weight, smooth)`` gives the index."""
    case = dict(tp=6.0, fn=3.0, fp=1.0, fn_weight=0.7, fp_weight=0.3, smooth=2.0)
    wanted = _index(**case)
    compare(
        run(answer, *case.values()),
        wanted,
        "the index",
        swapped=_index(**{**case, "fn_weight": 0.3, "fp_weight": 0.7}),
        loss=1 - wanted,
        smooth_below_only=6.0 / (6.0 + 0.7 * 3 + 0.3 * 1 + 2),
        smooth_above_only=8.0 / (6.0 + 0.7 * 3 + 0.3 * 1),
        no_smooth=_index(**{**case, "smooth": 0}),
        no_weights=_index(**{**case, "fn_weight": 1, "fp_weight": 1}),
        dice_weights=_index(**{**case, "fn_weight": 0.5, "fp_weight": 0.5}),
        dice_without_two=8.0 / (2 * 6.0 + 0.7 * 3 + 0.3 * 1 + 2),
        two_twice=14.0 / (2 * 6.0 + 0.7 * 3 + 0.3 * 1 + 2),
        brackets=6.0 + 2.0 / (6.0 + 0.7 * 3 + 0.3 * 1 + 2),
        tp_not_below=8.0 / (0.7 * 3 + 0.3 * 1 + 2),
    )
    perfect = run(answer, 5.0, 0.0, 0.0, 0.7, 0.3, 1.0)
    compare(perfect, 1.0, "the index of an answer without errors")
    other = dict(tp=4.0, fn=2.0, fp=3.0, fn_weight=0.9, fp_weight=0.5, smooth=1.0)
    value = run(answer, *other.values())
    compare(value, _index(**other), "the index for other weights", other_weights=value)


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
    nothing_to_find="There is nothing to find, but there are false alarms: 0.01 of a pixel on each "
    "of 256 x 256 pixels.",
    one_row="You counted 256 pixels: the crop has 256 x 256.",
)
def empty_crop(answer):
    """Exercise 4.3: the Tversky loss of a crop without membrane, predicted 0.01 everywhere."""
    false = 256 * 256 * 0.01
    wanted = 1 - _index(0.0, 0.0, false, 0.7, 0.3, 1.0)
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
        percent=100 * wanted,
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
    """Exercise 4.4: pull on membrane over push on cell, weights 0.9 and 0.1."""
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
    right="Two values for five pixels: one for membrane, one for cell.",
    sign="The sign is that of the index: the loss is 1 minus it, so its gradient has the other "
    "sign. With this one, training would climb.",
    not_squared="You divided by D; the rule for fractions has D squared.",
    swapped="The weights fn_weight and fp_weight are swapped.",
    no_smooth="Smooth is missing from N and D.",
    fixed_bottom="You treated D as a constant: the probability moves it as well, so cell pixels "
    "have a gradient too.",
    through_sigmoid="That has the sigmoid's slope p(1 - p) in it: the exercise asks for the "
    "gradient with respect to p itself.",
    weight_not_complement="On membrane D grows by 1 - fn_weight, not by fn_weight: TP brings 1, "
    "and FN loses fn_weight.",
    cell_sign="The sign on cell is turned: a larger false alarm makes the loss larger.",
    membrane_sign="The sign on membrane is turned: a larger p finds more and makes the loss "
    "smaller.",
    cell_forgotten="Cell pixels have a gradient too: p moves D there by fp_weight.",
    weight_forgotten="On membrane D grows by 1 - fn_weight, not by 1: FN shrinks while TP grows.",
    cell_without_n="On cell N is missing: the rule for fractions has N times what p does to D.",
    smooth_only_below="Smooth is missing from N: N = TP + smooth.",
    two_values="The two values are right: now put one of them into each pixel, with np.where.",
    cross_entropy="P - y is the gradient of cross-entropy behind a sigmoid.",
    other_weights=_OTHER_WEIGHTS,
    index_per_row="Each row has an index of its own here. The counts run over all pixels: sum "
    "without an axis, so that there is one D.",
)
def gradient(answer):
    """Exercise 4.5: ``answer(y, p, fn_weight, fp_weight, smooth)`` gives the loss's gradient."""
    y = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    p = np.array([0.8, 0.3, 0.4, 0.6, 0.1])
    wanted = _gradient(y, p, 0.7, 0.3, 1.0)
    tp, fn, fp = _counts(y, p)
    bottom = tp + 0.7 * fn + 0.3 * fp + 1
    compare(
        run(answer, y, p, 0.7, 0.3, 1.0),
        wanted,
        "the gradient",
        tolerance=1e-5,
        sign=-wanted,
        not_squared=wanted * bottom,
        swapped=_gradient(y, p, 0.3, 0.7, 1.0),
        no_smooth=_gradient(y, p, 0.7, 0.3, 0.0),
        fixed_bottom=-y / bottom,
        through_sigmoid=wanted * p * (1 - p),
        weight_not_complement=np.where(y == 1, -(bottom - 0.7 * (tp + 1)), 0.3 * (tp + 1))
        / bottom**2,
        cell_sign=np.where(y == 1, wanted, -wanted),
        membrane_sign=np.where(y == 1, -wanted, wanted),
        cell_forgotten=np.where(y == 1, wanted, 0),
        weight_forgotten=np.where(y == 1, -(bottom - (tp + 1)), 0.3 * (tp + 1)) / bottom**2,
        cell_without_n=np.where(y == 1, wanted, 0.3 / bottom**2),
        smooth_only_below=np.where(y == 1, -(bottom - 0.3 * tp), 0.3 * tp) / bottom**2,
        two_values=(wanted[0], wanted[1]),
        cross_entropy=p - y,
    )
    other = run(answer, y, p, 0.9, 0.4, 2.0)
    good = _gradient(y, p, 0.9, 0.4, 2.0)
    compare(other, good, "the gradient for other weights", tolerance=1e-5, other_weights=other)
    value = run(answer, _TRUTH, _PROBABILITY, 0.7, 0.3, 1.0)
    rows = [_gradient(*row, 0.7, 0.3, 1.0) for row in zip(_TRUTH, _PROBABILITY, strict=True)]
    good = _gradient(_TRUTH, _PROBABILITY, 0.7, 0.3, 1.0)
    compare(value, good, "the gradient of two rows", tolerance=1e-5, index_per_row=rows)


def _gradient(y, p, fn_weight, fp_weight, smooth):
    tp, fn, fp = _counts(y, p)
    top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
    return np.where(y == 1, -(bottom - (1 - fn_weight) * top), fp_weight * top) / bottom**2
