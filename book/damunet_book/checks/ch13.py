"""Checkers of chapter 13: paired differences, their interval, the luck of the best run."""

import itertools
import math

import numpy as np
from scipy import stats

from damunet_book.checks import checker, compare, elements, known, number, run, stop, table

# In no order, as runs finish: whoever keeps it is told so.
_SCORES = {2: 0.93, 0: 0.90, 4: 0.97, 1: 0.95}
_OTHER = {4: 0.99, 1: 0.94, 3: 0.80, 2: 0.96}


_ORDER = (
    "The differences are right, but stand in the order in which the runs finished. Sort the folds."
)
_ZERO_LOST = (
    "A score of exactly 0 was left out. 0 is a score, that of a segmentation that is all wrong: "
    "ask whether the fold is in the dictionary, not whether its score counts as true."
)
# A set of these two hands out 9 before 2.
_LATE = {2: 0.90, 9: 0.90}, {2: 0.91, 9: 0.93}
_SOME_ZERO = {0: 0.0, 1: 0.5, 2: 0.25}, {0: 0.25, 1: 0.0, 2: 0.75}


@checker(
    right="Only what both have met may be compared; here that is three folds.",
    by_place="You paired the numbers by their place in the dictionaries. There fold 4 of one meets "
    "fold 0 of the other: look up the same fold in both.",
    by_sorted_place="Sorting both does not pair them: one lacks fold 3, the other fold 0, so the "
    "pairs are shifted. Take the folds that both have.",
    sign="The sign is turned around: second minus first, so that a gain is positive.",
    order_of_first=_ORDER,
    order_of_second=_ORDER,
    missing_as_zero="A fold that has not been run is not a score of 0. Leave it out of both.",
    by_size="You sorted the differences by size. Sort the folds, so that each difference keeps the "
    "place of its fold.",
    mean="That is their mean. Return the list: the spread of the differences is wanted next.",
    difference_of_means="That is the difference of two means over different folds: a hard fold in "
    "one of them decides it. Pair first.",
    zero_lost=_ZERO_LOST,
    zero_lost_first=_ZERO_LOST,
    zero_lost_second=_ZERO_LOST,
    set_order="With the folds 2 and 9 the differences come in the wrong order. A set has none that "
    "you can rely on: sort the folds.",
    missing_fold="A fold that only one of the two dictionaries has was looked up in the other: "
    "take the folds that both have.",
)
def paired(answer):
    """``answer(first, second)``: second minus first on the folds that both have, by fold."""
    value = run(answer, _SCORES, _OTHER, error={KeyError: "missing_fold"})
    common = sorted(_SCORES.keys() & _OTHER.keys())
    every = sorted(_SCORES.keys() | _OTHER.keys())
    wanted = [_OTHER[fold] - _SCORES[fold] for fold in common]
    compare(
        value,
        wanted,
        "the list of differences",
        tolerance=1e-6,
        by_place=np.subtract(list(_OTHER.values()), list(_SCORES.values())),
        by_sorted_place=[
            _OTHER[b] - _SCORES[a] for a, b in zip(sorted(_SCORES), sorted(_OTHER), strict=True)
        ],
        sign=[-value for value in wanted],
        order_of_first=[_OTHER[fold] - score for fold, score in _SCORES.items() if fold in _OTHER],
        order_of_second=[
            score - _SCORES[fold] for fold, score in _OTHER.items() if fold in _SCORES
        ],
        missing_as_zero=[_OTHER.get(fold, 0) - _SCORES.get(fold, 0) for fold in every],
        by_size=sorted(wanted),
        mean=float(np.mean(wanted)),
        difference_of_means=float(np.mean(list(_OTHER.values())) - np.mean(list(_SCORES.values()))),
    )
    compare(
        run(answer, *_SOME_ZERO),
        [0.25, -0.5, 0.5],
        "the list where some scores are 0,",
        tolerance=1e-6,
        zero_lost=[0.5],
        zero_lost_first=[-0.5, 0.5],
        zero_lost_second=[0.25, 0.5],
    )
    value = run(answer, *_LATE)
    compare(value, [0.01, 0.03], "the list of 2 folds", tolerance=1e-6, set_order=[0.03, 0.01])


_A = np.array([0.93, 0.96, 0.91, 0.95, 0.97, 0.94])
_B = np.array([0.95, 0.97, 0.95, 0.94, 0.99, 0.98])


_FOUR_DEGREES = float(stats.t.ppf(0.975, 4))
_TOO_FEW = (
    "2.776 is Student's t for five folds, which have four degrees of freedom. The checker's arrays "
    "have six: compute the factor from the number of folds."
)


_UNPAIRED = (
    "That is the interval of two groups that have nothing to do with each other. Take the "
    "differences first; the fold's own difficulty then drops out."
)


def _interval(differences: np.ndarray, factor: float, ddof: int = 1) -> tuple[float, float]:
    mean, n = differences.mean(), len(differences)
    reach = factor * differences.std(ddof=ddof) / math.sqrt(n)
    return mean - reach, mean + reach


@checker(
    right="It leaves out 0, by a little. Unpaired, the same twelve numbers would not.",
    normal="1.96 belongs to a spread that is known. Yours is estimated from six numbers: take "
    "Student's t with five degrees of freedom.",
    five_folds=_TOO_FEW,
    five_folds_rounded=_TOO_FEW,
    one_sided="With the quantile at 0.95 you leave out 5 % on each side, 10 % in all. Both tails "
    "together are to hold 5 %: take 0.975.",
    degrees="N differences have n - 1 degrees of freedom: one was spent on their mean.",
    population_sd="The spread is divided by n. NumPy does so by default; for a sample ask for "
    "ddof=1.",
    without_root_n="That is the range of single differences. The mean of n of them is steadier by "
    "the square root of n.",
    sign="The sign is turned around: second minus first, so that a gain is positive.",
    reversed="Those are the two ends, the upper one first. Lower end first.",
    reach="Those are the mean and the reach. The ends are wanted: mean minus reach, mean plus "
    "reach.",
    unpaired=_UNPAIRED,
    unpaired_pooled=_UNPAIRED,
    fixed_factor="Right for six folds, not for three: fewer folds have a larger factor. Compute it "
    "from the number of folds.",
    fixed_n="Right for six folds, not for three: take the number of folds from the array.",
)
def interval(answer):
    """``answer(first, second)``: the 95 % interval of the mean paired difference."""
    d, n = _B - _A, len(_A)
    t = float(stats.t.ppf(0.975, n - 1))
    wanted = _interval(d, t)
    welch = stats.ttest_ind(_B, _A, equal_var=False).confidence_interval(0.95)
    pooled = stats.ttest_ind(_B, _A).confidence_interval(0.95)
    compare(
        run(answer, _A, _B),
        wanted,
        "the interval",
        tolerance=1e-6,
        normal=_interval(d, 1.96),
        five_folds=_interval(d, _FOUR_DEGREES),
        five_folds_rounded=_interval(d, 2.776),
        one_sided=_interval(d, float(stats.t.ppf(0.95, n - 1))),
        degrees=_interval(d, float(stats.t.ppf(0.975, n))),
        population_sd=_interval(d, t, ddof=0),
        without_root_n=tuple(d.mean() + sign * t * d.std(ddof=1) for sign in (-1, 1)),
        sign=(-wanted[1], -wanted[0]),
        reversed=wanted[::-1],
        reach=(d.mean(), wanted[1] - d.mean()),
        unpaired=(welch.low, welch.high),
        unpaired_pooled=(pooled.low, pooled.high),
    )
    wanted = _interval(d[:3], float(stats.t.ppf(0.975, 2)))
    compare(
        run(answer, _A[:3].copy(), _B[:3].copy()),
        wanted,
        "the interval of three folds",
        tolerance=1e-6,
        fixed_factor=_interval(d[:3], t),
        fixed_n=_interval(d[:3], t * math.sqrt(3 / 6)),
    )


@checker(
    right="Four gains, one loss, and still 0 is inside: five folds are few.",
    variance="3.5 is the variance. Its root is the standard deviation.",
    population_sd="You divided the squares by 5. One degree is spent on the mean: divide by 4.",
    sign_lost="One of the five numbers is negative: that network lost on that fold.",
    standard_error="That is the standard error. The standard deviation comes before it: do not "
    "divide by the root of 5.",
    sum="10 is the sum. Divide by the five folds.",
    mean_deviation="That is the mean of the deviations. Square them first.",
    unit="Right as scores. Give both in hundredths, as the differences are.",
    conclusion="Mean and spread are right. The interval reaches 2.776 * 1.871 / sqrt(5) = 2.32 to "
    "either side of 2: is 0 in it?",
    not_a_bool="Mean and spread are right. The third is to be True or False, not {inside}.",
    quoted="Mean and spread are right. The third is to be True or False, not '{inside}': without "
    "quotation marks, since Python takes every text for true, even 'False'.",
)
def pencil(answer):
    """Mean, standard deviation, and whether 0 is inside, for 3, -1, 2, 4, 2 hundredths."""
    mean, sd, inside = elements(answer, [2.0, 1.87, True], "the answer")
    good = math.sqrt(3.5)
    known((mean, sd), 6e-5, unit=(0.02, good / 100))
    known(
        (mean, sd),
        6e-3,
        variance=(2.0, 3.5),
        population_sd=(2.0, math.sqrt(14 / 5)),
        sign_lost=(12 / 5, math.sqrt(5.2 / 4)),
        standard_error=(2.0, math.sqrt(3.5 / 5)),
        sum=(10.0, good),
        mean_deviation=(2.0, 6 / 5),
    )
    look = "Add up the five differences, one of them negative, and divide by 5."
    compare(mean, 2.0, "the mean", tolerance=6e-3, look=look)
    look = "Deviations from the mean, squared, added up, divided by 4; then the root."
    compare(sd, good, "the standard deviation", tolerance=6e-3, look=look)
    inside = number(inside)
    # An array of all three has made a number of the truth value.
    if not isinstance(inside, bool | int | float | np.generic) or inside not in (0, 1):
        stop("quoted" if isinstance(inside, str) else "not_a_bool", inside=inside)
    if not inside:
        stop("conclusion")


# Mean and median differ, of the scores and of the best of two.
_FIVE = [0.91, 0.93, 0.95, 0.98, 0.94]
_ITSELF = (
    "Your pairs include a run with itself. Two seeds are two different runs: take "
    "itertools.combinations."
)


def _mean_best(choices, best=max) -> float:
    return float(np.mean([best(choice) for choice in choices]))


@checker(
    right="Nothing about the network changed, only how often we looked.",
    mean="That is the mean of single runs, as is the mean of the means of all choices. Whoever "
    "runs two and shows one shows the better: take the largest of each choice.",
    fixed_k="Right for k = 2. With k = 1 your answer is the same: use the argument.",
    median='That is the median of the best ones. "On average" asks for their mean.',
    median_of_scores="That is the median of single runs. Two were made here.",
    best_of_all="That is the best of all five. With two runs you mostly do not meet it.",
    with_replacement=_ITSELF,
    with_itself=_ITSELF,
    top_k="That is the mean of the two highest scores. Each choice of two has a best one of its "
    "own, and most choices miss the highest.",
    first_k="That is the better of the first two. Average over every choice of two.",
    worst="That is the worse of the two.",
)
def best_of(answer):
    """``answer(scores, k)``: mean of the best of k seeds, over all choices of k of them."""
    value = run(answer, _FIVE, 2)
    wanted = _mean_best(itertools.combinations(_FIVE, 2))
    compare(
        value,
        wanted,
        "the mean of the best of 2",
        tolerance=1e-6,
        mean=float(np.mean(_FIVE)),
        median=float(np.median([max(choice) for choice in itertools.combinations(_FIVE, 2)])),
        median_of_scores=float(np.median(_FIVE)),
        best_of_all=max(_FIVE),
        with_replacement=_mean_best(itertools.product(_FIVE, repeat=2)),
        with_itself=_mean_best(itertools.combinations_with_replacement(_FIVE, 2)),
        top_k=float(np.mean(sorted(_FIVE)[-2:])),
        first_k=max(_FIVE[:2]),
        worst=_mean_best(itertools.combinations(_FIVE, 2), min),
    )
    value, good = run(answer, _FIVE, 1), float(np.mean(_FIVE))
    compare(value, good, "the mean of the best of 1", tolerance=1e-6, fixed_k=wanted)


_FALSE = {
    "a": "The interval contains 0, so the data do not exclude that B is worse.",
    "b": "Not significant is not equal: the interval reaches up to a gain of 0.030.",
    "d": "The interval is about the mean over such folds; single folds scatter far more widely.",
}


@checker(
    right="An interval around 0 is a finding: large effects are excluded, small ones not.",
    wrong_shape="Give a set of letters in quotation marks, such as 'a' and 'b', not {kind}.",
    empty="The set is empty, but some of the five do follow.",
    letters="Not among a to e: {unknown}.",
    does_not_follow="Statement {letter}) does not follow. {why}",
    missing_c="One is missing. A gain of 0.060 lies far outside the interval: that much is said.",
    missing_e="One is missing. What narrows an interval, apart from luck?",
)
def reading(answer):
    """Which of five statements follow from an interval of -0.010 to +0.030 over five folds."""
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        stop("wrong_shape", kind=type(answer).__name__)
    chosen = {str(letter).strip(" ()").lower() for letter in answer}
    if unknown := chosen - set("abcde"):
        stop("letters", unknown=", ".join(sorted(unknown)))
    for letter, why in _FALSE.items():
        if letter in chosen:
            stop("does_not_follow", letter=letter, why=why)
    table(
        [(not chosen, "empty"), ("c" not in chosen, "missing_c"), ("e" not in chosen, "missing_e")]
    )
