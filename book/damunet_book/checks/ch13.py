"""Checkers of chapter 13: paired differences, their interval, the luck of the best run."""

import itertools
import math

import numpy as np
from scipy import stats

from damunet_book.checks import (
    UNTOUCHED,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    elements,
    not_yet,
    right,
    run,
)

# In no order, as runs finish: whoever keeps it is told so.
_SCORES = {2: 0.93, 0: 0.90, 4: 0.97, 1: 0.95}
_OTHER = {4: 0.99, 1: 0.94, 3: 0.80, 2: 0.96}


_ORDER = (
    "The differences are right, but stand in the order in which the runs finished. Sort the folds."
)
# A set of these two hands out 9 before 2.
_LATE = {2: 0.90, 9: 0.90}, {2: 0.91, 9: 0.93}
_SOME_ZERO = {0: 0.0, 1: 0.5, 2: 0.25}, {0: 0.25, 1: 0.0, 2: 0.75}


@checker
def paired(answer) -> Verdict:
    """``answer(first, second)``: second minus first on the folds that both have, by fold."""
    value = run(answer, dict(_SCORES), dict(_OTHER))
    common = sorted(_SCORES.keys() & _OTHER.keys())
    every = sorted(_SCORES.keys() | _OTHER.keys())
    wanted = [_OTHER[fold] - _SCORES[fold] for fold in common]
    by_place = np.subtract(list(_OTHER.values()), list(_SCORES.values()))
    mistakes = {
        "by_place": (
            by_place,
            "You paired the numbers by their place in the dictionaries. There fold 4 of one meets "
            "fold 0 of the other: look up the same fold in both.",
        ),
        "by_sorted_place": (
            [_OTHER[b] - _SCORES[a] for a, b in zip(sorted(_SCORES), sorted(_OTHER), strict=True)],
            "Sorting both does not pair them: one lacks fold 3, the other fold 0, so the pairs "
            "are shifted. Take the folds that both have.",
        ),
        "sign": (
            [-value for value in wanted],
            "The sign is turned around: second minus first, so that a gain is positive.",
        ),
        "order_of_first": (
            [_OTHER[fold] - score for fold, score in _SCORES.items() if fold in _OTHER],
            _ORDER,
        ),
        "order_of_second": (
            [score - _SCORES[fold] for fold, score in _OTHER.items() if fold in _SCORES],
            _ORDER,
        ),
        "missing_as_zero": (
            [_OTHER.get(fold, 0) - _SCORES.get(fold, 0) for fold in every],
            "A fold that has not been run is not a score of 0. Leave it out of both.",
        ),
        "by_size": (
            sorted(wanted),
            "You sorted the differences by size. Sort the folds, so that each difference keeps "
            "the place of its fold.",
        ),
        "mean": (
            float(np.mean(wanted)),
            "That is their mean. Return the list: the spread of the differences is wanted next.",
        ),
        "difference_of_means": (
            float(np.mean(list(_OTHER.values())) - np.mean(list(_SCORES.values()))),
            "That is the difference of two means over different folds: a hard fold in one of them "
            "decides it. Pair first.",
        ),
    }
    compare(value, wanted, mistakes, 1e-9, "the list of differences")
    text = (
        "A score of exactly 0 was left out. 0 is a score, that of a segmentation that is all "
        "wrong: ask whether the fold is in the dictionary, not whether its score counts as true."
    )
    zeros = {
        "zero_lost": ([0.5], text),
        "zero_lost_first": ([-0.5, 0.5], text),
        "zero_lost_second": ([0.25, 0.5], text),
    }
    value = run(answer, *map(dict, _SOME_ZERO))
    compare(value, [0.25, -0.5, 0.5], zeros, 1e-9, "the list where some scores are 0,")
    text = (
        "With the folds 2 and 9 the differences come in the wrong order. A set has none that you "
        "can rely on: sort the folds."
    )
    value = run(answer, *map(dict, _LATE))
    compare(value, [0.01, 0.03], {"set_order": ([0.03, 0.01], text)}, 1e-9, "the list of 2 folds")
    return right("Only what both have met may be compared; here that is three folds.")


_A = np.array([0.93, 0.96, 0.91, 0.95, 0.97, 0.94])
_B = np.array([0.95, 0.97, 0.95, 0.94, 0.99, 0.98])


_FOUR_DEGREES = float(stats.t.ppf(0.975, 4))
_TOO_FEW = (
    "2.776 is Student's t for five folds, which have four degrees of freedom. The checker's arrays "
    "have six: compute the factor from the number of folds."
)


def _interval(differences: np.ndarray, factor: float, ddof: int = 1) -> tuple[float, float]:
    mean, n = differences.mean(), len(differences)
    reach = factor * differences.std(ddof=ddof) / math.sqrt(n)
    return mean - reach, mean + reach


@checker
def interval(answer) -> Verdict:
    """``answer(first, second)``: the 95 % interval of the mean paired difference."""
    value = run(answer, _A.copy(), _B.copy())
    d, n = _B - _A, len(_A)
    t = float(stats.t.ppf(0.975, n - 1))
    wanted = _interval(d, t)
    welch = stats.ttest_ind(_B, _A, equal_var=False).confidence_interval(0.95)
    pooled = stats.ttest_ind(_B, _A).confidence_interval(0.95)
    unpaired = (
        "That is the interval of two groups that have nothing to do with each other. Take the "
        "differences first; the fold's own difficulty then drops out."
    )
    mistakes = {
        "normal": (
            _interval(d, 1.96),
            "1.96 belongs to a spread that is known. Yours is estimated from six numbers: take "
            "Student's t with five degrees of freedom.",
        ),
        "five_folds": (_interval(d, _FOUR_DEGREES), _TOO_FEW),
        "five_folds_rounded": (_interval(d, 2.776), _TOO_FEW),
        "one_sided": (
            _interval(d, float(stats.t.ppf(0.95, n - 1))),
            "With the quantile at 0.95 you leave out 5 % on each side, 10 % in all. Both tails "
            "together are to hold 5 %: take 0.975.",
        ),
        "degrees": (
            _interval(d, float(stats.t.ppf(0.975, n))),
            "n differences have n - 1 degrees of freedom: one was spent on their mean.",
        ),
        "population_sd": (
            _interval(d, t, ddof=0),
            "The spread is divided by n. NumPy does so by default; for a sample ask for ddof=1.",
        ),
        "without_root_n": (
            tuple(d.mean() + sign * t * d.std(ddof=1) for sign in (-1, 1)),
            "That is the range of single differences. The mean of n of them is steadier by the "
            "square root of n.",
        ),
        "sign": (
            (-wanted[1], -wanted[0]),
            "The sign is turned around: second minus first, so that a gain is positive.",
        ),
        "reversed": (wanted[::-1], "Those are the two ends, the upper one first. Lower end first."),
        "reach": (
            (d.mean(), wanted[1] - d.mean()),
            "Those are the mean and the reach. The ends are wanted: mean minus reach, mean plus "
            "reach.",
        ),
        "unpaired": ((welch.low, welch.high), unpaired),
        "unpaired_pooled": ((pooled.low, pooled.high), unpaired),
    }
    compare(value, wanted, mistakes, 1e-6, "the interval")
    fixed = {
        "fixed_factor": (
            _interval(d[:3], t),
            "Right for six folds, not for three: fewer folds have a larger factor. Compute it from "
            "the number of folds.",
        ),
        "fixed_n": (
            _interval(d[:3], t * math.sqrt(3 / 6)),
            "Right for six folds, not for three: take the number of folds from the array.",
        ),
    }
    value = run(answer, _A[:3].copy(), _B[:3].copy())
    wanted = _interval(d[:3], float(stats.t.ppf(0.975, 2)))
    compare(value, wanted, fixed, 1e-6, "the interval of three folds")
    return right("It leaves out 0, by a little. Unpaired, the same twelve numbers would not.")


def _close(pair, wrong) -> bool:
    """Whether two numbers are, within rounding by hand, one of the wrong pairs."""
    try:
        return any(np.allclose(pair, one, rtol=0, atol=6e-3) for one in wrong)
    except (TypeError, ValueError):
        return False


@checker
def pencil(answer) -> Verdict:
    """Mean, standard deviation, and whether 0 is inside, for 3, -1, 2, 4, 2 hundredths."""
    mean, sd, inside = elements(answer, [2.0, 1.87, True], "the answer")
    mistakes = {
        "variance": ((2.0, 3.5), "3.5 is the variance. Its root is the standard deviation."),
        "population_sd": (
            (2.0, math.sqrt(14 / 5)),
            "You divided the squares by 5. One degree is spent on the mean: divide by 4.",
        ),
        "sign_lost": (
            (12 / 5, math.sqrt(5.2 / 4)),
            "One of the five numbers is negative: that network lost on that fold.",
        ),
        "standard_error": (
            (2.0, math.sqrt(3.5 / 5)),
            "That is the standard error. The standard deviation comes before it: do not divide by "
            "the root of 5.",
        ),
        "sum": ((10.0, math.sqrt(3.5)), "10 is the sum. Divide by the five folds."),
        "mean_deviation": ((2.0, 6 / 5), "That is the mean of the deviations. Square them first."),
    }
    if _close((100 * mean, 100 * sd), [(2.0, math.sqrt(3.5))]):
        return not_yet("Right as scores. Give both in hundredths, as the differences are.", "unit")
    if _close((mean, sd), [wrong for wrong, _ in mistakes.values()]):
        compare((mean, sd), (2.0, math.sqrt(3.5)), mistakes, 6e-3)
    look = "Add up the five differences, one of them negative, and divide by 5."
    compare(mean, 2.0, tolerance=6e-3, what="the mean", look=look)
    look = "Deviations from the mean, squared, added up, divided by 4; then the root."
    compare(sd, math.sqrt(3.5), tolerance=6e-3, what="the standard deviation", look=look)
    if not isinstance(inside, (bool, np.bool_)):
        text = f"Mean and spread are right. The third is to be True or False, not {inside!r}"
        if isinstance(inside, str):
            text += (
                ": without quotation marks, since Python takes every text for true, even 'False'"
            )
        return not_yet(text + ".", "not_a_bool")
    if not inside:
        return not_yet(
            "Mean and spread are right. The interval reaches 2.776 * 1.871 / sqrt(5) = 2.32 to "
            "either side of 2: is 0 in it?",
            "conclusion",
        )
    return right("Four gains, one loss, and still 0 is inside: five folds are few.")


# Mean and median differ, of the scores and of the best of two.
_FIVE = (0.91, 0.93, 0.95, 0.98, 0.94)


@checker
def best_of(answer) -> Verdict:
    """``answer(scores, k)``: mean of the best of k seeds, over all choices of k of them."""
    value = run(answer, _FIVE, 2)

    def mean_best(choices) -> float:
        return float(np.mean([max(choice) for choice in choices]))

    wanted = mean_best(itertools.combinations(_FIVE, 2))
    itself = (
        "Your pairs include a run with itself. Two seeds are two different runs: take "
        "itertools.combinations."
    )
    mistakes = {
        "mean": (
            float(np.mean(_FIVE)),
            "That is the mean of single runs. Whoever runs two and shows one shows the better.",
        ),
        "median": (
            float(np.median([max(choice) for choice in itertools.combinations(_FIVE, 2)])),
            'That is the median of the best ones. "On average" asks for their mean.',
        ),
        "median_of_scores": (
            float(np.median(_FIVE)),
            "That is the median of single runs. Two were made here.",
        ),
        "best_of_all": (
            max(_FIVE),
            "That is the best of all five. With two runs you mostly do not meet it.",
        ),
        "with_replacement": (mean_best(itertools.product(_FIVE, repeat=2)), itself),
        "with_itself": (mean_best(itertools.combinations_with_replacement(_FIVE, 2)), itself),
        "top_k": (
            float(np.mean(sorted(_FIVE)[-2:])),
            "That is the mean of the two highest scores. Each choice of two has a best one of its "
            "own, and most choices miss the highest.",
        ),
        "mean_of_choice": (
            float(np.mean([np.mean(c) for c in itertools.combinations(_FIVE, 2)])),
            "Within each choice you took the mean. The best is shown.",
        ),
        "first_k": (
            max(_FIVE[:2]),
            "That is the better of the first two. Average over every choice of two.",
        ),
        "worst": (
            float(np.mean([min(c) for c in itertools.combinations(_FIVE, 2)])),
            "That is the worse of the two.",
        ),
    }
    compare(value, wanted, mistakes, 1e-9, "the mean of the best of 2")
    compare(
        run(answer, _FIVE, 1),
        float(np.mean(_FIVE)),
        tolerance=1e-9,
        what="the mean of the best of 1",
    )
    return right("Nothing about the network changed, only how often we looked.")


_READING = {
    "a": "The interval contains 0, so the data do not exclude that B is worse.",
    "b": "Not significant is not equal: the interval reaches up to a gain of 0.030.",
    "c": "",
    "d": "The interval is about the mean over such folds; single folds scatter far more widely.",
    "e": "",
}


@checker
def reading(answer) -> Verdict:
    """Which of five statements follow from an interval of -0.010 to +0.030 over five folds."""
    untouched = not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    if answer is None or answer is Ellipsis:
        return untouched
    if not isinstance(answer, (set, frozenset, list, tuple)):
        return not_yet(
            "Give a set of letters in quotation marks, such as {'a', 'b'}, not "
            f"{type(answer).__name__}.",
            WRONG_SHAPE,
        )
    if Ellipsis in answer:
        return untouched
    if not answer:
        return not_yet("The set is empty, but some of the five do follow.", "empty")
    chosen = {str(letter).strip(" ()").lower() for letter in answer}
    unknown = chosen - set(_READING)
    if unknown:
        return not_yet(f"{sorted(unknown)} is not among a to e.", "letters")
    for letter in ("a", "b", "d"):
        if letter in chosen:
            return not_yet(f"{letter}) does not follow. {_READING[letter]}", letter)
    if "c" not in chosen:
        return not_yet(
            "One is missing. A gain of 0.060 lies far outside the interval: that much is said.",
            "missing_c",
        )
    if "e" not in chosen:
        return not_yet("One is missing. What narrows an interval, apart from luck?", "missing_e")
    return right("An interval around 0 is a finding: large effects are excluded, small ones not.")
