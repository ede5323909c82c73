"""Right and wrong answers to the exercises of chapter 4."""

import numpy as np


def counts(y, p):
    return (y * p).sum(1), (y * (1 - p)).sum(1), ((1 - y) * p).sum(1)


def ratio(tp, fn, fp, fn_weight, fp_weight, smooth):
    return (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


def index(y, p, *weights):
    return ratio(*counts(y.T, p.T), *weights)


def gradient(y, p, *weights):
    """Central differences of the sum of the rows' indices: nothing derived."""

    def indices(q):
        return ratio(*counts(y, q), *weights).sum()

    steps = 1e-4 * np.eye(p.size).reshape(p.size, *p.shape)
    return np.reshape([(indices(p + s) - indices(p - s)) / 2e-4 for s in steps], p.shape)


def counts_by_areas(y, p):
    tp = np.einsum("ij,ij->i", y, p)
    return [tp, y.sum(axis=1) - tp, p.sum(axis=-1) - tp]


def counts_by_loop(y, p):
    tp, fn, fp = [0] * len(y), [0] * len(y), [0] * len(y)
    for row, column in np.ndindex(y.shape):
        truth, probability = y[row, column], p[row, column]
        tp[row] += truth * probability
        fn[row] += truth * (1 - probability)
        fp[row] += (1 - truth) * probability
    return tp, fn, fp


def counts_of(change):
    """Something else made of the right counts."""
    return lambda y, p: change(*counts(y, p))


def index_from_one(y, p, fn_weight, fp_weight, smooth):
    tp = (y * p).sum(0)
    wrong = fn_weight * (y.sum(0) - tp) + fp_weight * (p.sum(0) - tp)
    return 1 - wrong / (tp + smooth + wrong)


def index_by_loop(y, p, fn_weight, fp_weight, smooth):
    found = []
    for truth, belief in zip(y.T, p.T, strict=True):
        tp, fn, fp = truth @ belief, truth @ (1 - belief), (1 - truth) @ belief
        found.append(ratio(tp, fn, fp, fn_weight, fp_weight, smooth))
    return found


def index_of(change):
    """Another fraction of each class's counts, from (tp, fn, fp, fn_weight, fp_weight, smooth)."""
    return lambda y, p, *weights: change(*counts(y.T, p.T), *weights)


def by_parts(y, p, fn_weight, fp_weight, smooth):
    """Bottom, and the slopes on membrane and on cell, of each row."""
    tp, fn, fp = (count[:, None] for count in counts(y, p))
    top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
    return bottom, bottom - (1 - fn_weight) * top, -fp_weight * top


def gradient_by_mask(y, p, *weights):
    bottom, membrane, cell = by_parts(y, p, *weights)
    return (y * membrane + (1 - y) * cell) / bottom**2


def gradient_by_loop(y, p, *weights):
    rows = []
    for row in zip(y[:, None], p[:, None], strict=True):
        bottom, membrane, cell = (part.item() for part in by_parts(*row, *weights))
        rows.append([(membrane if one else cell) / bottom / bottom for one in row[0].flat])
    return rows


def pooled_gradient(y, p, *weights):
    return gradient_by_mask(y.reshape(1, -1), p.reshape(1, -1), *weights).reshape(y.shape)


def slopes(on_membrane, on_cell):
    """Other slopes, from N, D and the weights of each row."""

    def answer(y, p, fn_weight, fp_weight, smooth):
        tp, fn, fp = (count[:, None] for count in counts(y, p))
        top, bottom = tp + smooth, tp + fn_weight * fn + fp_weight * fp + smooth
        parts = top, bottom, fn_weight, fp_weight, smooth
        return np.where(y == 1, on_membrane(*parts), on_cell(*parts)) / bottom**2

    return answer


def on_membrane(n, d, a, b, s):
    return d - (1 - a) * n


def on_cell(n, d, a, b, s):
    return -b * n


RIGHT = {
    "soft_counts": [counts, counts_by_areas, counts_by_loop],
    "index": [index, index_from_one, index_by_loop],
    "empty_crop": [0.994939, 1 - 1 / (1 + 0.3 * 655.36), np.float32(0.9949)],
    "pull_ratio": [14.526, 14.5, np.array([14.526])],
    "gradient": [gradient, gradient_by_mask, gradient_by_loop],
}
WRONG = {
    "soft_counts": [
        dict(tn_for_fn=lambda y, p: ((y * p).sum(1), ((1 - y) * (1 - p)).sum(1), counts(y, p)[2])),
        dict(pooled=lambda y, p: ((y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum())),
        dict(all_missing=lambda y, p: ((y * p).sum(1), (1 - p).sum(1), ((1 - y) * p).sum(1))),
        dict(brackets=lambda y, p: ((y * p).sum(1), (y * 1 - p).sum(1), (1 - y * p).sum(1))),
        dict(all_predicted=lambda y, p: (*counts(y, p)[:2], p.sum(1))),
        dict(by_column=lambda y, p: (sum(y * p), sum(y * (1 - p)), sum((1 - y) * p))),
        dict(tn_for_fp=lambda y, p: (*counts(y, p)[:2], ((1 - y) * (1 - p)).sum(1))),
        dict(differences=lambda y, p: ((y * p).sum(1), *[np.abs(y - p).sum(1)] * 2)),
        dict(means=lambda y, p: tuple(c / y.shape[1] for c in counts(y, p))),
        dict(not_summed=lambda y, p: (y * p, y * (1 - p), (1 - y) * p)),
        dict(areas=lambda y, p: ((y * p).sum(1), y.sum(1), p.sum(1))),
        dict(order=counts_of(lambda tp, fn, fp: (fn, tp, fp))),
        dict(fn_fp_swapped=counts_of(lambda tp, fn, fp: (tp, fp, fn))),
        dict(by_image=counts_of(lambda *all_three: np.transpose(all_three))),
        dict(hard_counts=lambda y, p: counts(y, p > 0.5), wrong_shape=lambda y, p: (y * p).sum(1)),
    ],
    "index": [
        dict(two_twice=index_of(lambda tp, fn, fp, a, b, s: ratio(2 * tp, fn, fp, a, b, s))),
        dict(
            smooth_above_only=index_of(
                lambda tp, *r: (tp + r[4]) / (tp + r[0] * r[2] + r[1] * r[3])
            )
        ),
        dict(smooth_below_only=index_of(lambda tp, *r: ratio(tp, *r) * tp / (tp + r[4]))),
        dict(tp_not_below=index_of(lambda tp, fn, fp, a, b, s: (tp + s) / (a * fn + b * fp + s))),
        dict(brackets=index_of(lambda tp, *r: tp + ratio(tp, *r) * r[4] / (tp + r[4]))),
        dict(other_weights=index_of(lambda tp, fn, fp, a, b, s: ratio(tp, fn, fp, a, 1 - a, s))),
        dict(dice_weights=index_of(lambda tp, fn, fp, a, b, s: ratio(tp, fn, fp, 0.5, 0.5, s))),
        dict(no_weights=index_of(lambda tp, fn, fp, a, b, s: ratio(tp, fn, fp, 1, 1, s))),
        dict(no_smooth=index_of(lambda tp, fn, fp, a, b, s: ratio(tp, fn, fp, a, b, 0))),
        dict(swapped=index_of(lambda tp, fn, fp, a, b, s: ratio(tp, fn, fp, b, a, s))),
        dict(by_pixel=lambda y, p, *weights: ratio(*counts(y, p), *weights)),
        dict(pooled=lambda y, p, *rest: index(y.reshape(-1, 1), p.reshape(-1, 1), *rest)[0]),
        dict(averaged=lambda *case: index(*case).mean(), loss=lambda *case: 1 - index(*case)),
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
        dict(weight_not_complement=slopes(lambda n, d, a, b, s: d - a * n, on_cell)),
        dict(
            smooth_only_below=slopes(
                lambda n, d, a, b, s: d - (1 - a) * (n - s), lambda n, d, a, b, s: b * (s - n)
            )
        ),
        dict(weight_forgotten=slopes(lambda n, d, a, b, s: d - n, on_cell)),
        dict(membrane_sign=slopes(lambda *parts: -on_membrane(*parts), on_cell)),
        dict(cell_sign=slopes(on_membrane, lambda *parts: -on_cell(*parts))),
        dict(cell_without_n=slopes(on_membrane, lambda n, d, a, b, s: -b)),
        dict(cell_forgotten=slopes(on_membrane, lambda *parts: 0)),
        dict(fixed_bottom=slopes(lambda n, d, *rest: d, lambda *parts: 0)),
        dict(through_sigmoid=lambda y, p, *rest: gradient(y, p, *rest) * p * (1 - p)),
        dict(not_squared=lambda *case: gradient(*case) * by_parts(*case)[0]),
        dict(
            two_values=lambda *case: [
                part / by_parts(*case)[0] ** 2 for part in by_parts(*case)[1:]
            ]
        ),
        dict(other_weights=lambda y, p, a, b, s: gradient(y, p, a, 1 - a, s)),
        dict(no_smooth=lambda y, p, a, b, s: gradient(y, p, a, b, 0)),
        dict(swapped=lambda y, p, a, b, s: gradient(y, p, b, a, s)),
        dict(loss=lambda *case: -gradient(*case), pooled=pooled_gradient),
        dict(cross_entropy=lambda y, p, *rest: y - p),
    ],
}
