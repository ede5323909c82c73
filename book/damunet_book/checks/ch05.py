"""Checkers of chapter 5: the exponent, its slope, pooling, and other people's conventions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from damunet_book.checks import (
    UNTOUCHED,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    not_yet,
    right,
    run,
)

__all__ = ["convert", "equal_slope", "focal", "mean_of_focal", "mystery", "mystery_roles"]

_Y = np.array([[1.0, 1, 1, 0], [0, 0, 0, 0]])
_P = np.array([[0.9, 0.4, 0.6, 0.2], [0.1, 0.3, 0, 0]])


@checker
def focal(answer: Any) -> Verdict:
    """Exercise 5.1: ``answer(index, exponent)`` gives the focal loss."""
    index, exponent = 0.6, 0.75
    mistakes = {
        "gamma_as_exponent": (
            0.4 ** (4 / 3),
            "you took the reciprocal: the argument is the exponent itself, 0.75, and 4/3 is the "
            "paper's gamma.",
        ),
        "power_before_difference": (
            1 - 0.6**0.75,
            "you raised the index and then took it from 1: first the difference, then the power.",
        ),
        "index_raised": (0.6**0.75, "that grows with the index: the loss is a power of 1 - index."),
        "product": (0.75 * 0.4, "you multiplied by the exponent: raise to it, with **."),
        "no_exponent": (0.4, "that is the plain Tversky loss: the exponent is not used yet."),
        "slope": (
            0.75 * 0.4**-0.25,
            "that is the slope factor, e (1 - index)^(e - 1): the loss itself was asked for.",
        ),
        "turned": (1 - 0.4**0.75, "that is 1 minus the loss: an index of 1 must give 0."),
        "base_and_power": (
            0.75**0.4,
            "base and power have traded places: 1 - index is raised to the exponent.",
        ),
    }
    compare(run(answer, index, exponent), 0.4**0.75, mistakes, what="the loss")
    compare(run(answer, 1.0, 0.75), 0.0, what="the loss of a perfect answer")
    if abs(float(run(answer, 0.6, 0.5)) - 0.4**0.5) > 1e-4:
        text = "Right for an exponent of 0.75 and no other: use the argument, not the number."
        return not_yet(text, "fixed_exponent")
    return right("Below an exponent of 1 it lies above the Tversky loss.")


@checker
def equal_slope(answer: Any) -> Verdict:
    """Exercise 5.2: index at which the slopes of exponents 0.75 and 1 are equal."""
    mistakes = {
        "distance": (
            0.75**4,
            "that is 1 - TI, the distance from perfect: the index is what is left to 1.",
        ),
        "loss_equal_0": (0.0, "at index 0 the losses are equal, both 1, but the slopes are not."),
        "loss_equal_1": (
            1.0,
            "at index 1 the losses are equal, both 0, but one slope is infinite there.",
        ),
        "gamma": (
            1 - 0.75**3,
            "that is where the slope of exponent 4/3 is 1: use the exponent 0.75.",
        ),
        "root": (
            1 - 0.75**0.25,
            "you took the fourth root of 0.75; from (1 - TI)^0.25 = 0.75 follows the fourth power.",
        ),
    }
    mistakes["exponent_itself"] = (0.75, "that is the exponent: at which index do the slopes meet?")
    look = "Put it into 0.75 (1 - TI)^-0.25: does 1 come out?"
    compare(answer, 1 - 0.75**4, mistakes, tolerance=4e-3, what="the index", look=look)
    return right("An index above 0.68 is louder than with the plain Tversky loss.")


@checker
def mean_of_focal(answer: Any) -> Verdict:
    """Exercise 5.3: ``answer(y, p)`` gives the mean over images of the focal losses."""

    def tversky(axis, y=_Y, p=_P, fn_weight=0.7, fp_weight=0.3, smooth=1):
        tp, fn, fp = ((a * b).sum(axis) for a, b in ((y, p), (y, 1 - p), (1 - y, p)))
        return 1 - (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)

    rows = tversky(1)
    mistakes = {
        "pooled": (
            tversky(None) ** 0.75,
            "the counts run over the whole batch: sum each row by itself, with axis=1.",
        ),
        "focal_of_mean": (
            rows.mean() ** 0.75,
            "you averaged first and took the power then: an average has no images left to tell "
            "apart.",
        ),
        "no_power": (rows.mean(), "the exponent 0.75 is missing."),
        "sum": ((rows**0.75).sum(), "that is the sum over the images: take the mean."),
        "not_averaged": (rows**0.75, "right for each image; now take the mean."),
        "columns": (
            (tversky(0) ** 0.75).mean(),
            "you summed over axis 0, which mixes the images: each row is an image.",
        ),
        "gamma_as_exponent": ((rows ** (4 / 3)).mean(), "the exponent is 0.75; 4/3 is gamma."),
        "weights_swapped": (
            (tversky(1, fn_weight=0.3, fp_weight=0.7) ** 0.75).mean(),
            "the weights are swapped: 0.7 belongs to the misses, FN.",
        ),
        "dice_weights": (
            (tversky(1, fn_weight=0.5, fp_weight=0.5) ** 0.75).mean(),
            "those are the weights of Dice: wanted are 0.7 for misses, 0.3 for false alarms.",
        ),
        "no_smooth": (
            (tversky(1, smooth=0) ** 0.75).mean(),
            "smooth is missing: add 1 above and below the line.",
        ),
        "index_raised": (
            ((1 - rows) ** 0.75).mean(),
            "you raised the index to the power: take it from 1 first.",
        ),
    }
    compare(run(answer, _Y, _P), (rows**0.75).mean(), mistakes, 1e-5, "the loss")
    other = (tversky(1, _Y[::-1, ::-1], _P) ** 0.75).mean()
    if abs(float(run(answer, _Y[::-1, ::-1], _P)) - other) > 1e-5:
        return not_yet("Right for one batch, but not for another: use y and p.", "one_batch")
    return right("The same as FocalTverskyLoss() of the package.")


@checker
def convert(answer: Any) -> Verdict:
    """Exercise 5.4: ``answer(place, fn_weight, fp_weight, exponent)``, alpha, beta and gamma."""
    fn, fp, exponent = 0.8, 0.3, 0.4
    reciprocal = 1 / exponent
    wanted = {
        "paper": (fn, fp, reciprocal),
        "their code": (fn, fp, exponent),
        "smp": (fp, fn, exponent),
    }
    for place, values in wanted.items():
        alpha, beta, gamma = values
        other = reciprocal if gamma == exponent else exponent
        mistakes = {
            "weights_swapped": (
                (beta, alpha, gamma),
                f"{place}: alpha and beta have traded places; here alpha weighs the "
                f"{'misses' if alpha == fn else 'false alarms'}.",
            ),
            "gamma_inverted": (
                (alpha, beta, other),
                f"{place}: here gamma is {'the exponent' if gamma == exponent else '1/exponent'}.",
            ),
            "both": (
                (beta, alpha, other),
                f"{place}: both the weights and gamma are the other way round.",
            ),
            "one_minus": (
                (alpha, 1 - alpha, gamma),
                f"{place}: beta is not 1 - alpha here; the two weights need not add up to 1.",
            ),
            "first_from_one": (
                (1 - beta, beta, gamma),
                f"{place}: alpha is not 1 - beta here; the two weights need not add up to 1.",
            ),
            "one_minus_exponent": (
                (alpha, beta, 1 - exponent),
                f"{place}: 1 - exponent is the gamma of MONAI; here gamma is "
                f"{'the exponent' if gamma == exponent else '1/exponent'}.",
            ),
            "fixed_gamma": (
                (alpha, beta, 0.75 if gamma == exponent else 4 / 3),
                f"{place}: gamma is a number in your code: make it from the argument exponent.",
            ),
        }
        compare(run(answer, place, fn, fp, exponent), values, mistakes, what=f"{place}: the result")
    return right("Three places, three conventions.")


def mystery(y: np.ndarray, p: np.ndarray, a: float, b: float, c: float) -> float:
    """Loss of one image, whose arguments exercise 5.5 finds out.

    Parameters
    ----------
    y, p : array
        Mask and probabilities, the same shape.
    a, b, c : float
        Positive numbers.

    Returns
    -------
    float
        A focal Tversky loss without smooth.
    """
    tp, fn, fp = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
    return float((1 - tp / (tp + c * fn + b * fp)) ** (1 / a))


@checker
def mystery_roles(answer: Any) -> Verdict:
    """Exercise 5.5: which argument of :func:`mystery` is what."""
    wanted = {"a": "gamma", "b": "fp_weight", "c": "fn_weight"}
    words = {"fn_weight", "fp_weight", "exponent", "gamma"}
    if answer is None or answer is Ellipsis:
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    if not isinstance(answer, Mapping) or set(answer) != set(wanted):
        return not_yet('give a dict with the keys "a", "b" and "c".', WRONG_SHAPE)
    if any(role is Ellipsis or role is None for role in answer.values()):
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    if not all(role in words for role in map(str, answer.values())):
        return not_yet(f"each role is one of {sorted(words)}.", WRONG_SHAPE)
    if len(set(map(str, answer.values()))) < 3:
        return not_yet("each of the three has a role of its own: one word stands twice.", "twice")
    if dict(answer) == wanted:
        return right("Misses alone, false alarms alone, and the power by its direction.")
    if {answer["b"], answer["c"]} == {"fn_weight", "fp_weight"}:
        if answer["b"] == "fn_weight":
            return not_yet(
                "b and c have traded places: with misses only, b changes nothing.",
                "weights_swapped",
            )
        return not_yet(
            "a belongs to the power, but which word is it? A larger a makes the loss larger, and a "
            "number below 1 grows when its exponent falls.",
            "exponent_for_gamma",
        )
    return not_yet(
        "the power changes the loss with misses only and with false alarms only; a weight "
        "changes one of the two.",
        "power_for_weight",
    )
