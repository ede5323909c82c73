"""Chapter 5's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest
from damunet_book.checks import ch05


def tversky(y, p, axis, fn_weight=0.7, fp_weight=0.3, smooth=1):
    tp, fn, fp = ((a * b).sum(axis) for a, b in ((y, p), (y, 1 - p), (1 - y, p)))
    return 1 - (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


def mean_of_focal(y, p):
    return (tversky(y, p, 1) ** 0.75).mean()


def always_the_first_batch():
    seen = []

    def answer(y, p):
        seen.append(mean_of_focal(y, p))
        return seen[0]

    return answer


def convert(place, fn_weight, fp_weight, exponent):
    if place == "paper":
        return fn_weight, fp_weight, 1 / exponent
    if place == "their code":
        return fn_weight, fp_weight, exponent
    return fp_weight, fn_weight, exponent


def swapped_in(where):
    def answer(place, *values):
        alpha, beta, gamma = convert(place, *values)
        return (beta, alpha, gamma) if place == where else (alpha, beta, gamma)

    return answer


def gamma_inverted_in(where):
    def answer(place, *values):
        alpha, beta, gamma = convert(place, *values)
        return alpha, beta, 1 / gamma if place == where else gamma

    return answer


def fixed_gamma(place, *values):
    return *convert(place, *values)[:2], 4 / 3 if place == "paper" else 0.75


ROLES = {"a": "gamma", "b": "fp_weight", "c": "fn_weight"}
SOLUTIONS = {
    "focal": lambda index, exponent: (1 - index) ** exponent,
    "equal_slope": 0.683594,
    "mean_of_focal": mean_of_focal,
    "convert": convert,
    "mystery_roles": ROLES,
}
UNTOUCHED = {
    "focal": lambda index, exponent: ...,
    "equal_slope": ...,
    "mean_of_focal": lambda y, p: ...,
    "convert": lambda place, fn_weight, fp_weight, exponent: ...,
    "mystery_roles": {"a": ..., "b": ..., "c": ...},
}
WRONG = [
    ("focal", lambda index, exponent: (1 - index) ** (1 / exponent), "gamma_as_exponent"),
    ("focal", lambda index, exponent: 1 - index**exponent, "power_before_difference"),
    ("focal", lambda index, exponent: index**exponent, "index_raised"),
    ("focal", lambda index, exponent: exponent * (1 - index), "product"),
    ("focal", lambda index, exponent: 1 - index, "no_exponent"),
    ("focal", lambda index, exponent: exponent * (1 - index) ** (exponent - 1), "slope"),
    ("focal", lambda index, exponent: 1 - (1 - index) ** exponent, "turned"),
    ("focal", lambda index, exponent: exponent ** (1 - index), "base_and_power"),
    ("focal", lambda index, exponent: (1 - index) ** 0.75, "fixed_exponent"),
    ("equal_slope", 0.75, "exponent_itself"),
    ("equal_slope", 0.3164, "distance"),
    ("equal_slope", 0.0, "loss_equal_0"),
    ("equal_slope", 1, "loss_equal_1"),
    ("equal_slope", 0.5781, "gamma"),
    ("equal_slope", 1 - 0.75**0.25, "root"),
    ("equal_slope", 0.66, "other"),
    ("mean_of_focal", lambda y, p: tversky(y, p, None) ** 0.75, "pooled"),
    ("mean_of_focal", lambda y, p: tversky(y, p, 1).mean() ** 0.75, "focal_of_mean"),
    ("mean_of_focal", lambda y, p: tversky(y, p, 1).mean(), "no_power"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 1) ** 0.75).sum(), "sum"),
    ("mean_of_focal", lambda y, p: tversky(y, p, 1) ** 0.75, "not_averaged"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 0) ** 0.75).mean(), "columns"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 1) ** (4 / 3)).mean(), "gamma_as_exponent"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 1, 0.3, 0.7) ** 0.75).mean(), "weights_swapped"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 1, 0.5, 0.5) ** 0.75).mean(), "dice_weights"),
    ("mean_of_focal", lambda y, p: (tversky(y, p, 1, smooth=0) ** 0.75).mean(), "no_smooth"),
    ("mean_of_focal", lambda y, p: ((1 - tversky(y, p, 1)) ** 0.75).mean(), "index_raised"),
    ("mean_of_focal", always_the_first_batch(), "one_batch"),
    ("convert", lambda place, fn, fp, e: convert(place, fn, 1 - fn, e), "one_minus"),
    ("convert", fixed_gamma, "fixed_gamma"),
    ("convert", lambda place, fn, fp, e: (fn, fp, 1 - e), "one_minus_exponent"),
    ("convert", swapped_in("paper"), "weights_swapped"),
    ("convert", swapped_in("their code"), "weights_swapped"),
    ("convert", swapped_in("smp"), "weights_swapped"),
    ("convert", gamma_inverted_in("paper"), "gamma_inverted"),
    ("convert", gamma_inverted_in("smp"), "gamma_inverted"),
    ("convert", lambda place, fn, fp, e: (fp, fn, e), "both"),
    ("convert", lambda place, fn, fp, e: (fn, fp), "wrong_shape"),
    ("mystery_roles", {**ROLES, "a": "exponent"}, "exponent_for_gamma"),
    ("mystery_roles", {**ROLES, "b": "fn_weight", "c": "fp_weight"}, "weights_swapped"),
    ("mystery_roles", {"a": "fn_weight", "b": "gamma", "c": "fp_weight"}, "power_for_weight"),
    ("mystery_roles", {**ROLES, "a": "fn_weight"}, "twice"),
    ("mystery_roles", {**ROLES, "a": "alpha"}, "wrong_shape"),
    ("mystery_roles", {**ROLES, "a": ["gamma"]}, "wrong_shape"),
    ("mystery_roles", ["gamma", "fp_weight", "fn_weight"], "wrong_shape"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch05, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch05, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch05, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict


def test_the_mystery_is_what_its_answer_says():
    y, p = np.array([1.0, 1, 0]), np.array([1.0, 0.5, 0.25])
    # TP 1.5, FN 0.5, FP 0.25: 1 - 1.5 / (1.5 + 3 * 0.5 + 2 * 0.25) = 4/7
    assert ch05.mystery(y, p, a=2, b=2, c=3) == pytest.approx((4 / 7) ** 0.5)
