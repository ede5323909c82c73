"""Chapter 4's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest
from damunet_book.checks import ch04


def counts(y, p):
    return (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()


def index(tp, fn, fp, fn_weight, fp_weight, smooth):
    return (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


def gradient(y, p, fn_weight, fp_weight, smooth):
    """Central differences of the loss: nothing derived."""

    def loss(q):
        return 1 - index(*counts(y, q), fn_weight, fp_weight, smooth)

    steps = 1e-4 * np.eye(p.size)
    return np.array([(loss(p + s) - loss(p - s)) / 2e-4 for s in steps])


SOLUTIONS = {
    "soft_counts": counts,
    "index": index,
    "empty_crop": 0.994939,
    "pull_ratio": 14.526,
    "gradient": gradient,
}
UNTOUCHED = {
    "soft_counts": lambda y, p: ...,
    "index": lambda tp, fn, fp, fn_weight, fp_weight, smooth: ...,
    "empty_crop": ...,
    "pull_ratio": ...,
    "gradient": lambda y, p, fn_weight, fp_weight, smooth: ...,
}
WRONG = [
    ("soft_counts", lambda y, p: (lambda a, b, c: (a, c, b))(*counts(y, p)), "fn_fp_swapped"),
    ("soft_counts", lambda y, p: counts(y, p > 0.5), "hard_counts"),
    (
        "soft_counts",
        lambda y, p: ((y * p).sum(), (1 - p).sum(), ((1 - y) * p).sum()),
        "all_missing",
    ),
    ("soft_counts", lambda y, p: ((y * p).sum(), (y * (1 - p)).sum(), p.sum()), "all_predicted"),
    ("soft_counts", lambda y, p: tuple(c / y.size for c in counts(y, p)), "means"),
    ("soft_counts", lambda y, p: (y * p).sum(), "wrong_shape"),
    ("soft_counts", lambda y, p: (*counts(y, p)[:2], ((1 - y) * (1 - p)).sum()), "tn_for_fp"),
    (
        "soft_counts",
        lambda y, p: ((y * p).sum(), ((1 - y) * (1 - p)).sum(), ((1 - y) * p).sum()),
        "tn_for_fn",
    ),
    ("soft_counts", lambda y, p: ((y * p).sum(), y.sum(), p.sum()), "areas"),
    ("soft_counts", lambda y, p: ((y * p).sum(), *[np.abs(y - p).sum()] * 2), "differences"),
    ("soft_counts", lambda y, p: (lambda a, b, c: (b, a, c))(*counts(y, p)), "order"),
    ("soft_counts", lambda y, p: (y * p, y * (1 - p), (1 - y) * p), "not_summed"),
    (
        "soft_counts",
        lambda y, p: ((y * p).sum(1), (y * (1 - p)).sum(1), ((1 - y) * p).sum(1)),
        "by_row",
    ),
    ("soft_counts", lambda y, p: (sum(y * p), sum(y * (1 - p)), sum((1 - y) * p)), "by_column"),
    ("soft_counts", lambda y, p: ((y * p).sum(), (y * 1 - p).sum(), (1 - y * p).sum()), "brackets"),
    ("index", lambda tp, fn, fp, a, b, s: index(tp, fn, fp, b, a, s), "swapped"),
    ("index", lambda tp, fn, fp, a, b, s: index(tp, fn, fp, 0.5, 0.5, s), "dice_weights"),
    ("index", lambda *case: 1 - index(*case), "loss"),
    ("index", lambda tp, fn, fp, a, b, s: tp / (tp + a * fn + b * fp + s), "smooth_below_only"),
    ("index", lambda tp, fn, fp, a, b, s: (tp + s) / (tp + a * fn + b * fp), "smooth_above_only"),
    ("index", lambda tp, fn, fp, a, b, s: tp / (tp + a * fn + b * fp), "no_smooth"),
    ("index", lambda tp, fn, fp, a, b, s: (tp + s) / (tp + fn + fp + s), "no_weights"),
    (
        "index",
        lambda tp, fn, fp, a, b, s: (tp + s) / (2 * tp + a * fn + b * fp + s),
        "dice_without_two",
    ),
    (
        "index",
        lambda tp, fn, fp, a, b, s: (2 * tp + s) / (2 * tp + a * fn + b * fp + s),
        "two_twice",
    ),
    ("index", lambda tp, fn, fp, a, b, s: tp + s / (tp + a * fn + b * fp + s), "brackets"),
    ("index", lambda tp, fn, fp, a, b, s: (tp + s) / (a * fn + b * fp + s), "tp_not_below"),
    ("index", lambda tp, fn, fp, a, b, s: index(tp, fn, fp, a, 1 - a, s), "other_weights"),
    ("empty_crop", 99.4939, "percent"),
    ("empty_crop", 0, "nothing_to_find"),
    ("empty_crop", 1 - 1 / (1 + 0.3 * 2.56), "one_row"),
    ("empty_crop", 1 - 0.994939, "index"),
    ("empty_crop", 1.0, "no_smooth"),
    ("empty_crop", 1 - 1 / (1 + 655.36), "no_weight"),
    ("empty_crop", 1 - 1 / (1 + 0.7 * 655.36), "swapped"),
    ("empty_crop", 1 - 1 / (1 + 0.3 * 0.01), "mean_not_sum"),
    ("empty_crop", 0.01, "error_rate"),
    ("pull_ratio", 9, "ratio_of_weights"),
    ("pull_ratio", 4, "old_weights"),
    ("pull_ratio", 1 / 14.526, "upside_down"),
    ("pull_ratio", (2.95 / 1.9 - 0.9) / 0.1, "weight_not_complement"),
    ("gradient", lambda *case: -gradient(*case), "sign"),
    ("gradient", lambda y, *rest: np.where(y == 1, 1, -1) * gradient(y, *rest), "cell_sign"),
    ("gradient", lambda y, *rest: np.where(y == 1, -1, 1) * gradient(y, *rest), "membrane_sign"),
    ("gradient", lambda y, *rest: y * gradient(y, *rest), "cell_forgotten"),
    ("gradient", lambda y, p, *rest: p - y, "cross_entropy"),
    (
        "gradient",
        lambda y, *rest: np.where(y == 1, gradient(y, *rest), 0.3 / 3.06**2),
        "cell_without_n",
    ),
    (
        "gradient",
        lambda y, *rest: np.where(y == 1, -(3.06 - 0.3 * 1.2), 0.3 * 1.2) / 3.06**2,
        "smooth_only_below",
    ),
    ("gradient", lambda *case: gradient(*case)[:2], "two_values"),
    ("gradient", lambda y, p, a, b, s: gradient(y, p, a, 1 - a, s), "other_weights"),
    ("gradient", lambda y, p, a, b, s: gradient(y, p, b, a, s), "swapped"),
    ("gradient", lambda y, p, a, b, s: gradient(y, p, a, b, 0), "no_smooth"),
    ("gradient", lambda y, p, a, b, s: gradient(y, p, a, b, s) * p * (1 - p), "through_sigmoid"),
    ("gradient", lambda y, p, a, b, s: 3.06 * gradient(y, p, a, b, s), "not_squared"),
    ("gradient", lambda y, p, a, b, s: -y / 3.06, "fixed_bottom"),
    (
        "gradient",
        lambda y, p, a, b, s: np.where(y == 1, -(3.06 - 0.7 * 2.2), 0.3 * 2.2) / 3.06**2,
        "weight_not_complement",
    ),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch04, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch04, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch04, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict
