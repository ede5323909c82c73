"""Right and wrong answers to the exercises of chapter 4."""

import numpy as np


def counts(y, p):
    return (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()


def below(tp, fn, fp, fn_weight, fp_weight, smooth):
    return tp + fn_weight * fn + fp_weight * fp + smooth


def index(tp, fn, fp, fn_weight, fp_weight, smooth):
    return (tp + smooth) / below(tp, fn, fp, fn_weight, fp_weight, smooth)


def gradient(y, p, fn_weight, fp_weight, smooth):
    """Central differences of the loss: nothing derived."""

    def loss(q):
        return 1 - index(*counts(y, q), fn_weight, fp_weight, smooth)

    steps = 1e-4 * np.eye(p.size).reshape(p.size, *p.shape)
    return np.reshape([(loss(p + s) - loss(p - s)) / 2e-4 for s in steps], p.shape)


def counts_by_areas(y, p):
    tp = np.vdot(y, p)
    return [tp, y.sum() - tp, p.sum() - tp]


def counts_by_loop(y, p):
    tp = fn = fp = 0
    for truth, probability in zip(y.flat, p.flat, strict=True):
        tp += truth * probability
        fn += truth * (1 - probability)
        fp += (1 - truth) * probability
    return tp, fn, fp


def counts_in_order(*order):
    def answer(y, p):
        found = counts(y, p)
        return tuple(found[k] for k in order)

    return answer


def index_from_one(tp, fn, fp, fn_weight, fp_weight, smooth):
    wrong = fn_weight * fn + fp_weight * fp
    return 1 - wrong / (tp + smooth + wrong)


def by_parts(y, p, fn_weight, fp_weight, smooth):
    """Top, bottom and the two slopes on membrane and on cell."""
    tp, fn, fp = counts(y, p)
    top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
    return top, bottom, (1 - fn_weight) * top - bottom, fp_weight * top


def gradient_by_mask(y, p, *weights):
    top, bottom, membrane, cell = by_parts(y, p, *weights)
    return (y * membrane + (1 - y) * cell) / bottom**2


def gradient_by_loop(y, p, *weights):
    top, bottom, membrane, cell = by_parts(y, p, *weights)
    flat = [(membrane if truth else cell) / bottom / bottom for truth in y.flat]
    return np.reshape(flat, y.shape).tolist()


def gradient_of_each_row(y, p, *weights):
    rows = zip(np.atleast_2d(y), np.atleast_2d(p), strict=True)
    return np.reshape([gradient_by_mask(*row, *weights) for row in rows], np.shape(y))


def two_slopes(share, top):
    """The checker's first gradient, with another share of another N on membrane."""
    return lambda y, *rest: np.where(y == 1, share * top - 3.06, 0.3 * top) / 3.06**2


RIGHT = {
    "soft_counts": [counts, counts_by_areas, counts_by_loop],
    "index": [index, index_from_one, lambda *case: np.array([index(*case)])],
    "empty_crop": [0.994939, 1 - 1 / (1 + 0.3 * 655.36), np.float32(0.9949)],
    "pull_ratio": [14.526, 14.5, np.array([14.526])],
    "gradient": [gradient, gradient_by_mask, gradient_by_loop],
}
WRONG = {
    "soft_counts": [
        dict(tn_for_fn=lambda y, p: (np.vdot(y, p), np.vdot(1 - y, 1 - p), np.vdot(1 - y, p))),
        dict(by_row=lambda y, p: ((y * p).sum(1), (y * (1 - p)).sum(1), ((1 - y) * p).sum(1))),
        dict(all_missing=lambda y, p: ((y * p).sum(), (1 - p).sum(), ((1 - y) * p).sum())),
        dict(brackets=lambda y, p: ((y * p).sum(), (y * 1 - p).sum(), (1 - y * p).sum())),
        dict(all_predicted=lambda y, p: ((y * p).sum(), (y * (1 - p)).sum(), p.sum())),
        dict(by_column=lambda y, p: (sum(y * p), sum(y * (1 - p)), sum((1 - y) * p))),
        dict(tn_for_fp=lambda y, p: (*counts(y, p)[:2], ((1 - y) * (1 - p)).sum())),
        dict(differences=lambda y, p: ((y * p).sum(), *[np.abs(y - p).sum()] * 2)),
        dict(means=lambda y, p: tuple(c / y.size for c in counts(y, p))),
        dict(not_summed=lambda y, p: (y * p, y * (1 - p), (1 - y) * p)),
        dict(areas=lambda y, p: ((y * p).sum(), y.sum(), p.sum()), order=counts_in_order(1, 0, 2)),
        dict(hard_counts=lambda y, p: counts(y, p > 0.5), fn_fp_swapped=counts_in_order(0, 2, 1)),
        dict(wrong_shape=lambda y, p: (y * p).sum()),
    ],
    "index": [
        dict(dice_without_two=lambda tp, *rest: index(2 * tp, *rest) - tp / below(2 * tp, *rest)),
        dict(two_twice=lambda tp, fn, fp, a, b, s: (2 * tp + s) / (2 * tp + a * fn + b * fp + s)),
        dict(smooth_above_only=lambda tp, fn, fp, a, b, s: (tp + s) / (tp + a * fn + b * fp)),
        dict(smooth_below_only=lambda tp, fn, fp, a, b, s: tp / (tp + a * fn + b * fp + s)),
        dict(tp_not_below=lambda tp, fn, fp, a, b, s: (tp + s) / (a * fn + b * fp + s)),
        dict(brackets=lambda tp, fn, fp, a, b, s: tp + s / (tp + a * fn + b * fp + s)),
        dict(other_weights=lambda tp, fn, fp, a, b, s: index(tp, fn, fp, a, 1 - a, s)),
        dict(dice_weights=lambda tp, fn, fp, a, b, s: index(tp, fn, fp, 0.5, 0.5, s)),
        dict(no_weights=lambda tp, fn, fp, a, b, s: (tp + s) / (tp + fn + fp + s)),
        dict(no_smooth=lambda tp, fn, fp, a, b, s: tp / (tp + a * fn + b * fp)),
        dict(swapped=lambda tp, fn, fp, a, b, s: index(tp, fn, fp, b, a, s)),
        dict(loss=lambda *case: 1 - index(*case)),
    ],
    "empty_crop": [
        dict(mean_not_sum=1 - 1 / (1 + 0.3 * 0.01), swapped=1 - 1 / (1 + 0.7 * 655.36)),
        dict(one_row=1 - 1 / (1 + 0.3 * 2.56), no_weight=1 - 1 / (1 + 655.36), index=1 - 0.994939),
        dict(nothing_to_find=0, percent=99.4939, error_rate=0.01, no_smooth=1.0),
    ],
    "pull_ratio": [
        dict(weight_not_complement=(2.95 / 1.9 - 0.9) / 0.1, numerators_of_weights=9 * 2.95 / 1.9),
        dict(swapped=(2.55 / 1.9 - 0.9) / 0.9, n_not_taken_away=10 * 2.95 / 1.9, old_weights=4),
        dict(dice_denominator=13.47, upside_down=1 / 14.526, old_denominator=14.0, other=12.0),
        dict(ratio_of_weights=9),
    ],
    "gradient": [
        dict(cell_without_n=lambda y, *rest: np.where(y == 1, gradient(y, *rest), 0.3 / 3.06**2)),
        dict(membrane_sign=lambda y, *rest: np.where(y == 1, -1, 1) * gradient(y, *rest)),
        dict(through_sigmoid=lambda y, p, a, b, s: gradient(y, p, a, b, s) * p * (1 - p)),
        dict(cell_sign=lambda y, *rest: np.where(y == 1, 1, -1) * gradient(y, *rest)),
        dict(not_squared=lambda y, p, a, b, s: 3.06 * gradient(y, p, a, b, s)),
        dict(other_weights=lambda y, p, a, b, s: gradient(y, p, a, 1 - a, s)),
        dict(no_smooth=lambda y, p, a, b, s: gradient(y, p, a, b, 0)),
        dict(cell_forgotten=lambda y, *rest: y * gradient(y, *rest)),
        dict(swapped=lambda y, p, a, b, s: gradient(y, p, b, a, s)),
        dict(two_values=lambda *case: gradient(*case)[:2], cross_entropy=lambda y, p, *rest: p - y),
        dict(fixed_bottom=lambda y, p, a, b, s: -y / 3.06, smooth_only_below=two_slopes(0.3, 1.2)),
        dict(weight_not_complement=two_slopes(0.7, 2.2), weight_forgotten=two_slopes(1, 2.2)),
        dict(sign=lambda *case: -gradient(*case), index_per_row=gradient_of_each_row),
    ],
}
