"""Right and wrong answers to the exercises of chapter 4."""

import numpy as np
from checks.answers.shared import asked, soft_counts, tversky
from damunet_book.checks import ch04


def counts(y, p):
    return soft_counts(y, p, 1)


def counts_by_areas(y, p):
    tp = np.einsum("ij,ij->i", y, p)
    return [tp, y.sum(axis=1) - tp, p.sum(axis=-1) - tp]


def counts_by_loop(y, p):
    rows = [soft_counts(*row) for row in zip(y, p, strict=True)]
    return tuple([row[k] for row in rows] for k in range(3))


def index(y, p, *weights):
    return tversky(*soft_counts(y, p, 0), *weights)


def index_from_one(y, p, fn_weight, fp_weight, smooth):
    tp = (y * p).sum(0)
    wrong = fn_weight * (y.sum(0) - tp) + fp_weight * (p.sum(0) - tp)
    return 1 - wrong / (tp + smooth + wrong)


def index_by_loop(y, p, *weights):
    return [tversky(*soft_counts(*one), *weights) for one in zip(y.T, p.T, strict=True)]


def gradient(y, p, *weights):
    """Central differences of the sum of the rows' indices: nothing derived."""
    steps = 1e-4 * np.eye(p.size).reshape(p.size, *p.shape)
    above, below = (
        [tversky(*counts(y, p + sign * step), *weights).sum() for step in steps] for sign in (1, -1)
    )
    return np.subtract(above, below).reshape(p.shape) / 2e-4


def by_parts(y, p, fn_weight, fp_weight, smooth, axis=1):
    """Bottom, and the slopes on membrane and on cell, of each row."""
    tp, fn, fp = soft_counts(y, p, axis)
    top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
    parts = bottom, bottom - (1 - fn_weight) * top, -fp_weight * top
    return [np.expand_dims(part, -1) for part in parts]


def gradient_by_mask(y, p, *weights, axis=1):
    bottom, membrane, cell = by_parts(y, p, *weights, axis=axis)
    return (y * membrane + (1 - y) * cell) / bottom**2


def gradient_by_loop(y, p, *weights):
    rows = zip(y[:, None], p[:, None], strict=True)
    return [gradient_by_mask(*row, *weights)[0].tolist() for row in rows]


Y, P = asked(ch04.soft_counts)
TP, FN, FP = counts(Y, P)
TN = ((1 - Y) * (1 - P)).sum(1)
CASE = asked(ch04.index)
CLASSES, BELIEFS, A, B, SMOOTH = CASE
OF_CLASS, ERRORS = (
    (CLASSES * BELIEFS).sum(0),
    (A, B) @ np.array(soft_counts(CLASSES, BELIEFS, 0)[1:]),
)
ROWS = asked(ch04.gradient)
D, ON_MEMBRANE, ON_CELL = by_parts(*ROWS)
N = D * 0 + TP[:, None] + ROWS[4]


def slopes(on_membrane, on_cell=ON_CELL):
    return np.where(Y == 1, on_membrane, on_cell) / D**2


GRADIENT = slopes(ON_MEMBRANE)
RIGHT = {
    "soft_counts": [counts, counts_by_areas, counts_by_loop],
    "index": [index, index_from_one, index_by_loop],
    "empty_crop": [0.994939, 1 - 1 / (1 + 0.3 * 655.36), np.float32(0.9949)],
    "pull_ratio": [14.526, 14.5, np.array([14.526])],
    "gradient": [gradient, gradient_by_mask, gradient_by_loop],
}
WRONG = {
    "soft_counts": [
        dict(brackets=(TP, (Y * 1 - P).sum(1), (1 - Y * P).sum(1)), by_column=soft_counts(Y, P, 0)),
        dict(differences=(TP, *[np.abs(Y - P).sum(1)] * 2), all_missing=(TP, (1 - P).sum(1), FP)),
        dict(not_summed=(Y * P, Y * (1 - P), (1 - Y) * P), by_image=np.transpose([TP, FN, FP])),
        dict(all_predicted=(TP, FN, P.sum(1)), means=(TP / 3, FN / 3, FP / 3), order=(FN, TP, FP)),
        dict(areas=(TP, Y.sum(1), P.sum(1)), hard_counts=counts(Y, P > 0.5), wrong_shape=TP),
        dict(fn_fp_swapped=(TP, FP, FN), pooled=soft_counts(Y, P), tn_for_fn=(TP, TN, FP)),
        dict(tn_for_fp=(TP, FN, TN)),
    ],
    "index": [
        dict(other_weights=lambda y, p, a, b, smooth: index(y, p, a, 1 - a, smooth)),
        dict(two_twice=(2 * OF_CLASS + SMOOTH) / (2 * OF_CLASS + ERRORS + SMOOTH)),
        dict(pooled=tversky(*soft_counts(CLASSES, BELIEFS), A, B, SMOOTH), loss=1 - index(*CASE)),
        dict(smooth_above_only=(OF_CLASS + SMOOTH) / (OF_CLASS + ERRORS)),
        dict(smooth_below_only=OF_CLASS / (OF_CLASS + ERRORS + SMOOTH)),
        dict(brackets=OF_CLASS + SMOOTH / (OF_CLASS + ERRORS + SMOOTH)),
        dict(dice_weights=index(CLASSES, BELIEFS, 0.5, 0.5, SMOOTH), averaged=index(*CASE).mean()),
        dict(tp_not_below=(OF_CLASS + SMOOTH) / (ERRORS + SMOOTH)),
        dict(by_pixel=index(CLASSES.T, BELIEFS.T, A, B, SMOOTH)),
        dict(no_weights=index(CLASSES, BELIEFS, 1, 1, SMOOTH)),
        dict(swapped=index(CLASSES, BELIEFS, B, A, SMOOTH)),
        dict(no_smooth=index(CLASSES, BELIEFS, A, B, 0)),
    ],
    "empty_crop": [
        dict(mean_not_sum=1 - 1 / (1 + 0.3 * 0.01), swapped=1 - 1 / (1 + 0.7 * 655.36)),
        dict(one_row=1 - 1 / (1 + 0.3 * 2.56), no_weight=1 - 1 / (1 + 655.36), index=1 - 0.994939),
        dict(nothing_to_find=0, percent=99.49, two_digits=0.99, error_rate=0.01, no_smooth=1.0),
    ],
    "pull_ratio": [
        dict(weight_not_complement=(2.95 / 1.9 - 0.9) / 0.1, numerators_of_weights=9 * 2.95 / 1.9),
        dict(swapped=(2.55 / 1.9 - 0.9) / 0.9, n_not_taken_away=10 * 2.95 / 1.9, old_weights=4),
        dict(dice_denominator=13.47, upside_down=1 / 14.526, old_denominator=14.0, other=12.0),
        dict(ratio_of_weights=9),
    ],
    "gradient": [
        dict(other_weights=lambda y, p, a, b, smooth: gradient(y, p, a, 1 - a, smooth)),
        dict(smooth_only_below=slopes(D - (1 - A) * (N - 1), -B * (N - 1)), cross_entropy=Y - P),
        dict(two_values=(ON_MEMBRANE / D**2, ON_CELL / D**2), membrane_sign=slopes(-ON_MEMBRANE)),
        dict(pooled=gradient_by_mask(*ROWS, axis=None), weight_not_complement=slopes(D - A * N)),
        dict(cell_sign=slopes(ON_MEMBRANE, -ON_CELL), cell_without_n=slopes(ON_MEMBRANE, -B)),
        dict(through_sigmoid=GRADIENT * P * (1 - P), cell_forgotten=slopes(ON_MEMBRANE, 0)),
        dict(no_smooth=gradient(Y, P, A, B, 0), swapped=gradient(Y, P, B, A, 1), loss=-GRADIENT),
        dict(weight_forgotten=slopes(D - N), fixed_bottom=slopes(D, 0), not_squared=GRADIENT * D),
    ],
}
