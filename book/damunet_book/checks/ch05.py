"""Checkers of chapter 5: the exponent, its slope, pooling, and other people's conventions."""

from collections.abc import Mapping

import numpy as np

from damunet_book.checks import checker, compare, run, stop, table, within

_Y = np.array([[1.0, 1, 1, 0], [0, 0, 0, 0]])
_P = np.array([[0.9, 0.4, 0.6, 0.2], [0.1, 0.3, 0, 0]])


@checker(
    right="A loss of 0.35 is an index of 0.75: the loss is not 1 minus the index any more.",
    forward="That goes the other way, from an index to its loss: undo the power first.",
    same_power="You raised to the exponent once more: what undoes a power is 1 over it.",
    distance="That is 1 - TI, the distance from perfect: the index is what is left to 1.",
    difference_first="You took the difference first: the loss is a power of 1 - TI, so undo the "
    "power first.",
    divided="You divided by the exponent: a power is undone by a root, ** (1 / exponent).",
    multiplied="You multiplied by the exponent: a power is undone by a root, ** (1 / exponent).",
    no_exponent="That is the index of the plain Tversky loss: the exponent is not used yet.",
    fixed_exponent="Right for an exponent of 0.75 and no other: use the argument, not the number.",
)
def from_loss(answer):
    """``answer(loss, exponent)`` gives the index that a focal loss belongs to."""
    loss, exponent = 0.4, 0.75
    compare(
        run(answer, loss, exponent),
        1 - 0.4 ** (4 / 3),
        "the index",
        forward=0.6**0.75,
        same_power=1 - 0.4**0.75,
        distance=0.4 ** (4 / 3),
        difference_first=0.6 ** (4 / 3),
        divided=1 - 0.4 / 0.75,
        multiplied=1 - 0.4 * 0.75,
        no_exponent=0.6,
    )
    compare(run(answer, 0.0, 0.75), 1.0, "the index of a perfect answer")
    value = run(answer, 0.4, 0.5)
    compare(value, 1 - 0.4**2, "the index for an exponent of 0.5", fixed_exponent=value)


@checker(
    right="An index above 0.68 has a steeper slope than with the plain Tversky loss.",
    distance="That is 1 - TI, the distance from perfect: the index is what is left to 1.",
    loss_equal_0="At index 0 the losses are equal, both 1, but the slopes are not.",
    loss_equal_1="At index 1 the losses are equal, both 0, but one slope is infinite there.",
    gamma="That is where the slope of exponent 4/3 is 1: use the exponent 0.75.",
    root="You took the fourth root of 0.75; from (1 - TI)^0.25 = 0.75 follows the fourth power.",
    exponent_itself="That is the exponent: at which index do the slopes meet?",
)
def equal_slope(answer):
    """Index at which the slopes of exponents 0.75 and 1 are equal."""
    compare(
        answer,
        1 - 0.75**4,
        "the index",
        tolerance=4e-3,
        look="Put it into 0.75 (1 - TI)^-0.25: does 1 come out?",
        distance=0.75**4,
        loss_equal_0=0.0,
        loss_equal_1=1.0,
        gamma=1 - 0.75**3,
        root=1 - 0.75**0.25,
        exponent_itself=0.75,
    )


@checker(
    right="The same as FocalTverskyLoss() of the package.",
    pooled="The counts run over the whole batch: sum each row by itself, with axis=1.",
    focal_of_mean="You averaged first and took the power then: an average has no images left to "
    "tell apart.",
    no_power="The exponent 0.75 is missing.",
    sum="That is the sum over the images: take the mean.",
    not_averaged="Right for each image; now take the mean.",
    columns="You summed over axis 0, which mixes the images: each row is an image.",
    gamma_as_exponent="The exponent is 0.75; 4/3 is gamma.",
    weights_swapped="The weights are swapped: 0.7 belongs to the misses, FN.",
    dice_weights="Those are the weights of Dice: wanted are 0.7 for misses, 0.3 for false alarms.",
    no_smooth="Smooth is missing: add 1 above and below the line.",
    index_raised="You raised the index to the power: take it from 1 first.",
    median="That is the median of the images: take the mean.",
    one_batch="Right for one batch, but not for another: use y and p.",
)
def mean_of_focal(answer):
    """``answer(y, p)`` gives the mean over images of the focal losses."""

    def tversky(axis, y=_Y, p=_P, fn_weight=0.7, fp_weight=0.3, smooth=1):
        tp, fn, fp = ((a * b).sum(axis) for a, b in ((y, p), (y, 1 - p), (1 - y, p)))
        return 1 - (tp + smooth) / (tp + fn_weight * fn + fp_weight * fp + smooth)

    rows = tversky(1)
    compare(
        run(answer, _Y, _P),
        (rows**0.75).mean(),
        "the loss",
        tolerance=1e-5,
        pooled=tversky(None) ** 0.75,
        focal_of_mean=rows.mean() ** 0.75,
        no_power=rows.mean(),
        sum=(rows**0.75).sum(),
        not_averaged=rows**0.75,
        columns=(tversky(0) ** 0.75).mean(),
        gamma_as_exponent=(rows ** (4 / 3)).mean(),
        weights_swapped=(tversky(1, fn_weight=0.3, fp_weight=0.7) ** 0.75).mean(),
        dice_weights=(tversky(1, fn_weight=0.5, fp_weight=0.5) ** 0.75).mean(),
        no_smooth=(tversky(1, smooth=0) ** 0.75).mean(),
        index_raised=((1 - rows) ** 0.75).mean(),
    )
    y, p = _Y[[1, 0, 1], ::-1], _P[[0, 1, 1]]  # of two images the mean is the median
    value, good = run(answer, y, p), tversky(1, y, p) ** 0.75
    mistakes = dict(median=np.median(good), one_batch=value)
    compare(value, good.mean(), "the loss of another batch", tolerance=1e-5, **mistakes)


@checker(
    right="Three places, three conventions.",
    weights_swapped="In {place} alpha and beta have traded places; here alpha weighs the {heavy}.",
    gamma_inverted="In {place} gamma is {power}.",
    both="In {place} both the weights and gamma are the other way round.",
    one_minus="In {place} beta is not 1 - alpha; the two weights need not add up to 1.",
    first_from_one="In {place} alpha is not 1 - beta; the two weights need not add up to 1.",
    one_minus_exponent="In {place} gamma is {power}; 1 - exponent is the gamma of MONAI.",
    fixed_gamma="In {place} your gamma is a number: make it from the argument exponent.",
)
def convert(answer):
    """``answer(place, fn_weight, fp_weight, exponent)``, alpha, beta and gamma."""
    for fn, fp, exponent in ((0.8, 0.3, 0.4), (0.6, 0.4, 0.5)):
        _translated(answer, "paper", (fn, fp, 1 / exponent), exponent)
        _translated(answer, "their code", (fn, fp, exponent), exponent)
        _translated(answer, "smp", (fp, fn, exponent), exponent)


def _translated(answer, place, wanted, exponent) -> None:
    alpha, beta, gamma = wanted
    value = run(answer, place, *((beta, alpha) if place == "smp" else (alpha, beta)), exponent)
    second = np.asarray(value)[1] if np.shape(value) == (3,) else np.nan
    if place == "their code" and within(second + alpha, 0.999, 1.001):
        beta = 1 - alpha  # as they write it, and as the table has it
    compare(
        value,
        (alpha, beta, gamma),
        f"the result for {place}",
        fields={
            "place": place,
            "heavy": "false alarms" if place == "smp" else "misses",
            "power": "1/exponent" if place == "paper" else "the exponent",
        },
        weights_swapped=(beta, alpha, gamma),
        gamma_inverted=(alpha, beta, 1 / gamma),
        both=(beta, alpha, 1 / gamma),
        one_minus=(alpha, 1 - alpha, gamma),
        first_from_one=(1 - beta, beta, gamma),
        one_minus_exponent=(alpha, beta, 1 - exponent),
        fixed_gamma=(alpha, beta, 4 / 3 if place == "paper" else 0.75),
    )


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
        A focal Tversky loss without smooth; NaN where nothing is true and nothing is claimed.

    Raises
    ------
    ValueError
        If y and p are no arrays of one shape, or a, b and c no positive numbers.
    """
    # The formula stands elsewhere, for a traceback shows the lines around the one that failed.
    arrays = np.shape(y) == np.shape(p) and all(np.asarray(x).dtype.kind in "biuf" for x in (y, p))
    if not arrays:
        raise ValueError(f"y and p have shapes {np.shape(y)}, {np.shape(p)}, wanted one of numbers")
    for name, value in zip("abc", (a, b, c), strict=True):
        if not within(value, 0, np.inf):
            raise ValueError(f"{name} is {value!r}, wanted a positive number")
    with np.errstate(all="ignore"):
        return _mystery(np.asarray(y, float), np.asarray(p, float), a, b, c)


def _mystery(y, p, a, b, c):
    tp, fn, fp = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
    return float((1 - tp / (tp + c * fn + b * fp)) ** (1 / a))


_ROLES = {"a": "gamma", "b": "fp_weight", "c": "fn_weight"}
_WORDS = ["exponent", "fn_weight", "fp_weight", "gamma"]


@checker(
    right="Misses alone, false alarms alone, and the power by its direction.",
    wrong_shape='Give a dict with the keys "a", "b" and "c".',
    no_role="Each role is one of {words}.",
    twice="Each of the three has a role of its own: one word stands twice.",
    weights_swapped="The roles of b and c have traded places: with misses only, b changes nothing.",
    exponent_for_gamma="The argument a belongs to the power, but which word is it? A larger a "
    "makes the loss larger, and a number below 1 grows when its exponent falls.",
    power_for_weight="The power changes the loss with misses only and with false alarms only; a "
    "weight changes one of the two.",
)
def mystery_roles(answer):
    """Which argument of :func:`mystery` is what."""
    if not isinstance(answer, Mapping) or set(answer) != set(_ROLES):
        stop("wrong_shape")
    a, b, c = (str(answer[name]) for name in "abc")
    weights = {"fn_weight", "fp_weight"}
    table(
        [
            (not {a, b, c} <= set(_WORDS), "no_role"),
            (len({a, b, c}) < 3, "twice"),
            ({b, c} != weights, "power_for_weight"),
            (b == "fn_weight", "weights_swapped"),
            (a == "exponent", "exponent_for_gamma"),
        ],
        words=_WORDS,
    )
