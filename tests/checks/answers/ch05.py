"""Right and wrong answers to the exercises of chapter 5."""

from collections import OrderedDict
from types import MappingProxyType

import numpy as np


def tversky(y, p, axis, fn_weight=0.7, fp_weight=0.3, smooth=1):
    tp, fn, fp = ((a * b).sum(axis) for a, b in ((y, p), (y, 1 - p), (1 - y, p)))
    return 1 - (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)


def mean_of_focal(y, p):
    return (tversky(y, p, 1) ** 0.75).mean()


def convert(place, fn_weight, fp_weight, exponent):
    if place == "paper":
        return fn_weight, fp_weight, 1 / exponent
    if place == "their code":
        return fn_weight, fp_weight, exponent
    return fp_weight, fn_weight, exponent


def translated(change, where=("paper", "their code", "smp")):
    """A right translation, and then something else made of it in these places."""

    def answer(place, *values):
        right = convert(place, *values)
        return change(*right) if place in where else right

    return answer


def fixed_gamma(place, *values):
    return *convert(place, *values)[:2], 4 / 3 if place == "paper" else 0.75


ROLES = {"a": "gamma", "b": "fp_weight", "c": "fn_weight"}


def from_loss(loss, exponent):
    return 1 - loss ** (1 / exponent)


def from_loss_by_halving(loss, exponent):
    """Search for the index whose loss it is."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 - middle) ** exponent > loss else (low, middle)
    return low


def mean_of_focal_by_loop(y, p):
    losses = []
    for truth, answer in zip(y, p, strict=True):
        tp, fn, fp = sum(truth * answer), sum(truth * (1 - answer)), sum((1 - truth) * answer)
        losses.append((1 - (tp + 1) / (tp + 0.7 * fn + 0.3 * fp + 1)) ** 0.75)
    return sum(losses) / len(losses)


def mean_of_focal_by_einsum(y, p):
    tp = np.einsum("ij,ij->i", y, p)
    wrong = 0.7 * (y.sum(1) - tp) + 0.3 * (p.sum(1) - tp)
    return np.mean((wrong / (tp + 1 + wrong)) ** 0.75, keepdims=True)


def convert_as_their_table(place, fn_weight, fp_weight, exponent):
    """Their code has no beta of its own: 1 - alpha stands there."""
    if place == "their code":
        return fn_weight, 1 - fn_weight, exponent
    return convert(place, fn_weight, fp_weight, exponent)


def convert_by_roles(place, fn_weight, fp_weight, exponent):
    weights = [fn_weight, fp_weight][:: -1 if place == "smp" else 1]
    return np.array([*weights, exponent ** (-1 if place == "paper" else 1)])


RIGHT = {
    "from_loss": [from_loss, from_loss_by_halving, lambda x, e: 1 - np.power([x], e**-1.0)],
    "equal_slope": [0.683594, 0.68, np.array([1 - 0.75**4])],
    "mean_of_focal": [mean_of_focal, mean_of_focal_by_loop, mean_of_focal_by_einsum],
    "convert": [convert, convert_as_their_table, convert_by_roles],
    "mystery_roles": [ROLES, OrderedDict(ROLES), MappingProxyType(ROLES)],
}
WRONG = {
    "from_loss": [
        dict(difference_first=lambda loss, exponent: (1 - loss) ** (1 / exponent)),
        dict(fixed_exponent=lambda loss, exponent: 1 - loss ** (4 / 3)),
        dict(distance=lambda loss, exponent: loss ** (1 / exponent)),
        dict(forward=lambda loss, exponent: (1 - loss) ** exponent),
        dict(same_power=lambda loss, exponent: 1 - loss**exponent),
        dict(multiplied=lambda loss, exponent: 1 - loss * exponent),
        dict(divided=lambda loss, exponent: 1 - loss / exponent),
        dict(no_exponent=lambda loss, exponent: 1 - loss),
    ],
    "equal_slope": [
        dict(exponent_itself=0.75, root=1 - 0.75**0.25, loss_equal_0=0.0, distance=0.3164),
        dict(loss_equal_1=1, gamma=0.5781, other=0.66),
    ],
    "mean_of_focal": [
        dict(one_batch=lambda y, p: mean_of_focal(np.array([[1, 1, 1, 0], [0, 0, 0, 0]]), p)),
        dict(weights_swapped=lambda y, p: (tversky(y, p, 1, 0.3, 0.7) ** 0.75).mean()),
        dict(dice_weights=lambda y, p: (tversky(y, p, 1, 0.5, 0.5) ** 0.75).mean()),
        dict(gamma_as_exponent=lambda y, p: (tversky(y, p, 1) ** (4 / 3)).mean()),
        dict(no_smooth=lambda y, p: (tversky(y, p, 1, smooth=0) ** 0.75).mean()),
        dict(index_raised=lambda y, p: ((1 - tversky(y, p, 1)) ** 0.75).mean()),
        dict(focal_of_mean=lambda y, p: tversky(y, p, 1).mean() ** 0.75),
        dict(columns=lambda y, p: (tversky(y, p, 0) ** 0.75).mean()),
        dict(not_averaged=lambda y, p: tversky(y, p, 1) ** 0.75),
        dict(sum=lambda y, p: (tversky(y, p, 1) ** 0.75).sum()),
        dict(pooled=lambda y, p: tversky(y, p, None) ** 0.75),
        dict(no_power=lambda y, p: tversky(y, p, 1).mean()),
    ],
    "convert": [
        dict(weights_swapped=translated(lambda a, b, gamma: (b, a, gamma), "their code")),
        dict(gamma_inverted=translated(lambda a, b, gamma: (a, b, 1 / gamma), "paper")),
        dict(gamma_inverted=translated(lambda a, b, gamma: (a, b, 1 / gamma), "smp")),
        dict(weights_swapped=translated(lambda a, b, gamma: (b, a, gamma), "paper")),
        dict(weights_swapped=translated(lambda a, b, gamma: (b, a, gamma), "smp")),
        dict(first_from_one=translated(lambda a, b, gamma: (1 - b, b, gamma))),
        dict(one_minus=lambda place, fn, fp, e: convert(place, fn, 1 - fn, e)),
        dict(one_minus_exponent=lambda place, fn, fp, e: (fn, fp, 1 - e), fixed_gamma=fixed_gamma),
        dict(wrong_shape=lambda place, fn, fp, e: (fn, fp)),
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
