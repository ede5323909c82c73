"""Right and wrong answers to the exercises of chapter 5."""

from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pandas as pd
from checks.answers.shared import asked, soft_counts, tversky
from damunet_book.checks import ch05
from scipy.optimize import brentq


def losses(y, p, axis=1, **weights):
    return 1 - tversky(*soft_counts(y, p, axis), **weights)


def mean_of_focal(y, p, **weights):
    return (losses(y, p, **weights) ** 0.75).mean()


def mean_of_focal_by_loop(y, p):
    rows = [(1 - tversky(*soft_counts(*row))) ** 0.75 for row in zip(y, p, strict=True)]
    return sum(rows) / len(rows)


def mean_of_focal_by_einsum(y, p):
    tp = np.einsum("ij,ij->i", y, p)
    wrong = 0.7 * (y.sum(1) - tp) + 0.3 * (p.sum(1) - tp)
    return np.mean((wrong / (tp + 1 + wrong)) ** 0.75, keepdims=True)


def convert(place, fn_weight, fp_weight, exponent):
    alpha, beta = (fp_weight, fn_weight) if place == "smp" else (fn_weight, fp_weight)
    return alpha, beta, 1 / exponent if place == "paper" else exponent


def convert_as_their_table(place, fn_weight, fp_weight, exponent):
    """Their code has no beta of its own: 1 - alpha stands there."""
    if place == "their code":
        return fn_weight, 1 - fn_weight, exponent
    return convert(place, fn_weight, fp_weight, exponent)


def convert_by_roles(place, fn_weight, fp_weight, exponent):
    weights = [fn_weight, fp_weight][:: -1 if place == "smp" else 1]
    gamma = exponent ** (-1 if place == "paper" else 1)
    return pd.Series([*weights, gamma], ["alpha", "beta", "gamma"])


def translated(change, where=("paper", "their code", "smp")):
    """A right translation, and then something else made of it in these places."""

    def answer(place, *values):
        right = convert(place, *values)
        return change(*right) if place in where else right

    return answer


LOSS, EXPONENT = asked(ch05.from_loss)
Y, P = asked(ch05.mean_of_focal)
ROWS = losses(Y, P)
ROLES = {"a": "gamma", "b": "fp_weight", "c": "fn_weight"}
RIGHT = {
    "from_loss": [
        lambda loss, exponent: 1 - loss ** (1 / exponent),
        lambda loss, exponent: 1 - np.power([loss], exponent**-1.0),
        lambda loss, exponent: brentq(lambda index: (1 - index) ** exponent - loss, 0, 1),
    ],
    "equal_slope": [0.683594, 0.68, np.array([1 - 0.75**4])],
    "mean_of_focal": [mean_of_focal, mean_of_focal_by_loop, mean_of_focal_by_einsum],
    "convert": [convert, convert_as_their_table, convert_by_roles],
    "mystery_roles": [ROLES, OrderedDict(ROLES), MappingProxyType(ROLES)],
}
WRONG = {
    "from_loss": [
        dict(difference_first=(1 - LOSS) ** (1 / EXPONENT), distance=LOSS ** (1 / EXPONENT)),
        dict(forward=(1 - LOSS) ** EXPONENT, same_power=1 - LOSS**EXPONENT, no_exponent=1 - LOSS),
        dict(fixed_exponent=lambda loss, exponent: 1 - loss ** (4 / 3)),
        dict(multiplied=1 - LOSS * EXPONENT, divided=1 - LOSS / EXPONENT),
    ],
    "equal_slope": [
        dict(exponent_itself=0.75, root=1 - 0.75**0.25, loss_equal_0=0.0, distance=0.3164),
        dict(loss_equal_1=1, gamma=0.5781, other=0.66),
    ],
    "mean_of_focal": [
        dict(one_batch=lambda y, p: mean_of_focal(Y[[0, 1, 1]][: len(y)], p)),
        dict(median=lambda y, p: np.median(losses(y, p) ** 0.75)),
        dict(weights_swapped=mean_of_focal(Y, P, fn_weight=0.3, fp_weight=0.7)),
        dict(dice_weights=mean_of_focal(Y, P, fn_weight=0.5, fp_weight=0.5)),
        dict(gamma_as_exponent=(ROWS ** (4 / 3)).mean(), index_raised=((1 - ROWS) ** 0.75).mean()),
        dict(no_smooth=mean_of_focal(Y, P, smooth=0), focal_of_mean=ROWS.mean() ** 0.75),
        dict(columns=(losses(Y, P, 0) ** 0.75).mean(), not_averaged=ROWS**0.75),
        dict(sum=(ROWS**0.75).sum(), pooled=losses(Y, P, None) ** 0.75, no_power=ROWS.mean()),
    ],
    "convert": [
        dict(weights_swapped=translated(lambda a, b, gamma: (b, a, gamma), "their code")),
        dict(gamma_inverted=translated(lambda a, b, gamma: (a, b, 1 / gamma), "paper")),
        dict(gamma_inverted=translated(lambda a, b, gamma: (a, b, 1 / gamma), "smp")),
        dict(weights_swapped=translated(lambda a, b, gamma: (b, a, gamma), "smp")),
        dict(fixed_gamma=translated(lambda a, b, gamma: (a, b, 4 / 3), "paper")),
        dict(first_from_one=translated(lambda a, b, gamma: (1 - b, b, gamma))),
        dict(one_minus=lambda place, fn, fp, e: convert(place, fn, 1 - fn, e)),
        dict(fixed_gamma=translated(lambda a, b, gamma: (a, b, 0.75), "smp")),
        dict(one_minus_exponent=lambda place, fn, fp, e: (fn, fp, 1 - e), wrong_shape=(0.8, 0.3)),
        dict(both=lambda place, fn, fp, e: (fp, fn, e)),
    ],
    "mystery_roles": [
        dict(power_for_weight={"a": "fn_weight", "b": "gamma", "c": "fp_weight"}),
        dict(weights_swapped={**ROLES, "b": "fn_weight", "c": "fp_weight"}),
        dict(wrong_shape=["gamma", "fp_weight", "fn_weight"], twice={**ROLES, "a": "fn_weight"}),
        dict(exponent_for_gamma={**ROLES, "a": "exponent"}, no_role={**ROLES, "a": ["gamma"]}),
        dict(no_role={**ROLES, "a": "alpha"}),
    ],
}
