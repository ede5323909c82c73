"""Right and wrong answers to the exercises of chapter 13."""

import itertools
import math

import numpy as np
import pandas as pd
from checks.answers.shared import asked
from damunet_book.checks import ch13
from scipy import stats


def paired(first, second):
    return [second[fold] - first[fold] for fold in sorted(first.keys() & second.keys())]


def interval(first, second, factor=None, ddof=1, root=True):
    d = second - first
    factor = stats.t.ppf(0.975, len(d) - 1) if factor is None else factor
    reach = factor * d.std(ddof=ddof) / (len(d) ** 0.5 if root else 1)
    return d.mean() - reach, d.mean() + reach


def by_scipy(first, second):
    d = np.subtract(second, first)
    return list(stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d)))


def best_of(scores, k):
    return np.mean([max(choice) for choice in itertools.combinations(scores, k)])


def chosen(pick, choices=itertools.combinations, average=np.mean):
    """What someone picks of each choice, on average."""
    return lambda scores, k: average([pick(choice) for choice in choices(scores, k)])


def best_by_ranks(scores, k):
    """Each score times the number of choices in which it is the best."""
    best = sum(score * math.comb(rank, k - 1) for rank, score in enumerate(sorted(scores)))
    return np.float32(best / math.comb(len(scores), k))


ONE, TWO = asked(ch13.paired)
COMMON = paired(ONE, TWO)
A, B = asked(ch13.interval)
MEAN, LOW = (B - A).mean(), interval(A, B)[0]
SCORES, _ = asked(ch13.best_of)
RIGHT = {
    "paired": [
        paired,
        lambda a, b: [np.float32(b[f] - a[f]) for f in range(100) if f in a and f in b],
        lambda a, b: (pd.Series(b) - pd.Series(a)).dropna().sort_index(),
    ],
    "interval": [interval, lambda a, b: stats.ttest_rel(b, a).confidence_interval(), by_scipy],
    "best_of": [best_of, chosen(max, itertools.permutations), best_by_ranks],
    "pencil": [(2, 3.5**0.5, True), [np.array([2]), 1.87, [True]], np.array([2, 1.871, True])],
    "reading": [{"c", "e"}, ["E", "C"], pd.Series(["c)", "e)"])],
}
WRONG = {
    "paired": [
        dict(by_sorted_place=[0.04, 0.01, -0.13, 0.02]),
        dict(zero_lost=lambda a, b: [b[f] - a[f] for f in sorted(a) if a.get(f) and b.get(f)]),
        dict(zero_lost_second=lambda a, b: [b[f] - a[f] for f in sorted(a) if b.get(f)]),
        dict(zero_lost_first=lambda a, b: [b[f] - a[f] for f in sorted(b) if a.get(f)]),
        dict(difference_of_means=np.mean([*TWO.values()]) - np.mean([*ONE.values()])),
        dict(missing_as_zero=[TWO.get(f, 0) - ONE.get(f, 0) for f in range(5)]),
        dict(set_order=lambda a, b: [b[f] - a[f] for f in a.keys() & b.keys()]),
        dict(missing_fold=lambda a, b: [b[fold] - a[fold] for fold in a], by_size=sorted(COMMON)),
        dict(order_of_second=[TWO[f] - ONE[f] for f in TWO if f in ONE], sign=[-v for v in COMMON]),
        dict(order_of_first=[TWO[f] - ONE[f] for f in ONE if f in TWO], mean=np.mean(COMMON)),
        dict(by_place=np.subtract([*TWO.values()], [*ONE.values()])),
    ],
    "interval": [
        dict(fixed_n=lambda a, b: interval(a, b, stats.t.ppf(0.975, 5) * (len(a) / 6) ** 0.5)),
        dict(unpaired=stats.ttest_ind(B, A, equal_var=False).confidence_interval()),
        dict(fixed_factor=lambda a, b: interval(a, b, stats.t.ppf(0.975, 5)), sign=interval(B, A)),
        dict(unpaired_pooled=stats.ttest_ind(B, A).confidence_interval(), reach=(MEAN, MEAN - LOW)),
        dict(five_folds=interval(A, B, stats.t.ppf(0.975, 4)), reversed=interval(A, B)[::-1]),
        dict(one_sided=interval(A, B, stats.t.ppf(0.95, 5)), population_sd=interval(A, B, ddof=0)),
        dict(degrees=interval(A, B, stats.t.ppf(0.975, 6)), normal=interval(A, B, 1.96)),
        dict(normal=interval(A, B, stats.norm.ppf(0.975)), wrong_shape=MEAN),
        dict(without_root_n=interval(A, B, root=False), five_folds_rounded=interval(A, B, 2.776)),
    ],
    "pencil": [
        dict(mean_deviation=(2, 1.2, True), not_a_bool=(2, 1.871, 2), conclusion=(2, 1.871, False)),
        dict(wrong_shape=2, sign_lost=(2.4, float(np.std([3, 1, 2, 4, 2], ddof=1)), False)),
        dict(not_a_bool=(2, 1.871, (-0.32, 4.32)), other=(2, 1.2345, True), wrong_shape=(2, 1.871)),
        dict(population_sd=(2, 2.8**0.5, True), quoted=(2, 1.871, "True"), variance=(2, 3.5, True)),
        dict(wrong_shape=("two", 1.871, True), sum=(10, 3.5**0.5, True), other=(2.5, 1.871, True)),
        dict(standard_error=(2, 0.84, True), quoted=(2, 1.871, "False"), unit=(0.02, 0.0187, True)),
    ],
    "best_of": [
        dict(with_replacement=chosen(max, lambda s, k: itertools.product(s, repeat=k))),
        dict(with_itself=chosen(max, itertools.combinations_with_replacement), worst=chosen(min)),
        dict(top_k=np.mean(sorted(SCORES)[-2:]), median=chosen(max, average=np.median)),
        dict(median_of_scores=np.median(SCORES), fixed_k=best_of(SCORES, 2), mean=np.mean(SCORES)),
        dict(first_k=max(SCORES[:2]), best_of_all=max(SCORES), mean=chosen(np.median)),
    ],
    "reading": [
        dict(does_not_follow={"c", "d", "e"}, wrong_shape="c, e", missing_c={"e"}, missing_e={"c"}),
        dict(does_not_follow={"a", "c"}, wrong_shape="ce", letters={"f"}, empty=set()),
        dict(does_not_follow={"b"}, wrong_shape=3),
    ],
}
