"""Right and wrong answers to the exercises of chapter 13."""

import itertools
import math
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats


def paired(first, second):
    return [second[fold] - first[fold] for fold in sorted(first.keys() & second.keys())]


def interval(first, second, factor=None, ddof=1, root=True):
    d = second - first
    factor = stats.t.ppf(0.975, len(d) - 1) if factor is None else factor
    reach = factor * d.std(ddof=ddof) / (len(d) ** 0.5 if root else 1)
    return d.mean() - reach, d.mean() + reach


def best_of(scores, k):
    return np.mean([max(choice) for choice in itertools.combinations(scores, k)])


def chosen(pick, choices=itertools.combinations, average=np.mean):
    """What someone picks of each choice, on average."""
    return lambda scores, k: average([pick(choice) for choice in choices(scores, k)])


def paired_by_loop(first, second):
    differences = []
    for fold in range(100):
        if fold in first and fold in second:
            differences.append(second[fold] - first[fold])
    return differences


def paired_by_pandas(first, second):
    return (pd.Series(second) - pd.Series(first)).dropna().sort_index()


def interval_by_test(first, second):
    return stats.ttest_rel(second, first).confidence_interval(0.95)


def interval_by_scipy(first, second):
    d = np.subtract(second, first)
    return list(stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d)))


def best_by_ranks(scores, k):
    """Each score times the number of choices in which it is the best."""
    ordered = sorted(scores)
    best = sum(score * math.comb(rank, k - 1) for rank, score in enumerate(ordered))
    return best / math.comb(len(scores), k)


RIGHT = {
    "paired": [paired, paired_by_loop, paired_by_pandas],
    "interval": [interval, interval_by_test, interval_by_scipy],
    "best_of": [best_of, chosen(max, itertools.permutations), best_by_ranks],
    "pencil": [(2, 3.5**0.5, True), [2.0, 1.87, np.True_], (np.array([2.0]), 1.871, True)],
    "reading": [{"c", "e"}, ["E", "C"], ("c)", "e)")],
}
WRONG = {
    "paired": [
        dict(
            by_sorted_place=lambda a, b: [
                b[y] - a[x] for x, y in zip(sorted(a), sorted(b), strict=True)
            ]
        ),
        dict(difference_of_means=lambda a, b: np.mean([*b.values()]) - np.mean([*a.values()])),
        dict(by_place=lambda a, b: [y - x for x, y in zip(a.values(), b.values(), strict=True)]),
        dict(zero_lost=lambda a, b: [b[f] - a[f] for f in sorted(a) if a.get(f) and b.get(f)]),
        dict(missing_as_zero=lambda a, b: [b.get(f, 0) - a.get(f, 0) for f in range(5)]),
        dict(zero_lost_second=lambda a, b: [b[f] - a[f] for f in sorted(a) if b.get(f)]),
        dict(zero_lost_first=lambda a, b: [b[f] - a[f] for f in sorted(b) if a.get(f)]),
        dict(set_order=lambda a, b: [b[f] - a[f] for f in a.keys() & b.keys()]),
        dict(order_of_second=lambda a, b: [b[f] - a[f] for f in b if f in a]),
        dict(order_of_first=lambda a, b: [b[f] - a[f] for f in a if f in b]),
        dict(missing_fold=lambda a, b: [b[fold] - a[fold] for fold in a]),
        dict(sign=lambda a, b: [-v for v in paired(a, b)], mean=lambda a, b: np.mean(paired(a, b))),
        dict(by_size=lambda a, b: sorted(paired(a, b))),
    ],
    "interval": [
        dict(unpaired=lambda a, b: stats.ttest_ind(b, a, equal_var=False).confidence_interval()),
        dict(fixed_n=lambda a, b: interval(a, b, stats.t.ppf(0.975, 5) * (len(a) / 6) ** 0.5)),
        dict(unpaired_pooled=lambda a, b: stats.ttest_ind(b, a).confidence_interval()),
        dict(reach=lambda a, b: ((b - a).mean(), interval(a, b)[1] - (b - a).mean())),
        dict(one_sided=lambda a, b: interval(a, b, stats.t.ppf(0.95, len(a) - 1))),
        dict(reversed=lambda a, b: interval(a, b, stats.t.ppf(0.025, len(a) - 1))),
        dict(degrees=lambda a, b: interval(a, b, stats.t.ppf(0.975, len(a)))),
        dict(fixed_factor=partial(interval, factor=stats.t.ppf(0.975, 5))),
        dict(five_folds=partial(interval, factor=stats.t.ppf(0.975, 4))),
        dict(normal=partial(interval, factor=stats.norm.ppf(0.975))),
        dict(five_folds_rounded=partial(interval, factor=2.776), sign=lambda a, b: interval(b, a)),
        dict(without_root_n=partial(interval, root=False), population_sd=partial(interval, ddof=0)),
        dict(reversed=lambda a, b: interval(a, b)[::-1], wrong_shape=lambda a, b: (b - a).mean()),
        dict(normal=partial(interval, factor=1.96)),
    ],
    "pencil": [
        dict(mean_deviation=(2, float(np.mean(np.abs(np.array([3, -1, 2, 4, 2]) - 2))), True)),
        dict(sign_lost=(2.4, float(np.std([3, 1, 2, 4, 2], ddof=1)), False), wrong_shape=2),
        dict(not_a_bool=(2, 1.871, (-0.32, 4.32)), population_sd=(2, 2.8**0.5, True)),
        dict(wrong_shape=("two", 1.871, True), standard_error=(2, 0.84, True)),
        dict(conclusion=(2, 1.871, False), quoted=(2, 1.871, "False"), unit=(0.02, 0.0187, True)),
        dict(quoted=(2, 1.871, "True"), sum=(10, 3.5**0.5, True), other=(2.5, 1.871, True)),
        dict(variance=(2, 3.5, True), other=(2, 1.2345, True), wrong_shape=(2, 1.871)),
    ],
    "best_of": [
        dict(with_replacement=chosen(max, lambda s, k: itertools.product(s, repeat=k))),
        dict(with_itself=chosen(max, itertools.combinations_with_replacement), worst=chosen(min)),
        dict(top_k=lambda s, k: np.mean(sorted(s)[-k:]), median=chosen(max, average=np.median)),
        dict(median_of_scores=lambda s, k: np.median(s), fixed_k=lambda s, k: best_of(s, 2)),
        dict(first_k=lambda s, k: max(s[:k]), best_of_all=lambda s, k: max(s)),
        dict(mean=lambda s, k: np.mean(s)),
        dict(mean=chosen(np.median)),
    ],
    "reading": [
        dict(does_not_follow={"c", "d", "e"}, wrong_shape="c, e", missing_c={"e"}, missing_e={"c"}),
        dict(does_not_follow={"a", "c"}, wrong_shape="ce", letters={"f"}, empty=set()),
        dict(does_not_follow={"b"}, wrong_shape=3),
    ],
}
