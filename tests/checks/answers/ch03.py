"""Right and wrong answers to the exercises of chapter 3."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from scipy import stats


def four(tp, fp, fn, tn):
    wrong = fp + fn
    return tp / (tp + fn), tp / (tp + fp), 2 * tp / (2 * tp + wrong), 2 * tn / (2 * tn + wrong)


def after(change):
    """`four`, and then something else made of its scores."""
    return lambda *counts: change(*four(*counts))


def information(result=None, singletons=True, skip_membrane=True):
    """V_info with loops and dictionaries, right or wrong in one respect."""
    result = result or (lambda i, h_t, h_s: 2 * i / (h_t + h_s))

    def answer(truth, proposal):
        pairs = [
            (t, ("alone", k) if singletons and s == 0 else s)
            for k, (t, s) in enumerate(zip(truth, proposal, strict=True))
            if t != 0 or not skip_membrane
        ]

        def bits(items):
            shares = [n / len(pairs) for n in Counter(items).values()]
            return -sum(p * math.log2(p) for p in shares)

        h_t, h_s = bits([t for t, _ in pairs]), bits([s for _, s in pairs])
        return result(h_t + h_s - bits(pairs), h_t, h_s)

    return answer


def report(validation, test, thresholds):
    column = validation.mean(axis=0).argmax()
    return thresholds[column], test[:, column].mean()


def reported(
    value=lambda validation, test, column: test[:, column].mean(),
    choose=lambda validation, test: validation.mean(axis=0).argmax(),
):
    """A report with its score by `value`, its column chosen by `choose`."""

    def answer(validation, test, thresholds):
        column = choose(validation, test)
        return thresholds[column], value(validation, test, column)

    return answer


def four_by_harmonic_mean(tp, fp, fn, tn):
    def dice(found, claimed):
        return 2 / (1 / found + 1 / claimed)

    recall, precision = tp / (tp + fn), tp / (tp + fp)
    return [recall, precision, dice(recall, precision), dice(tn / (tn + fp), tn / (tn + fn))]


def harmonic(i, h_t, h_s):
    """As the glossary has it: the harmonic mean of the split and the merge part."""
    split, merge = i / h_s, i / h_t
    return 2 * split * merge / (split + merge)


def by_scipy(truth, proposal):
    inside = truth != 0
    pieces = np.where(proposal == 0, 1000 + np.arange(proposal.size), proposal)[inside]
    table = stats.contingency.crosstab(truth[inside], pieces).count
    h_t, h_s = stats.entropy(table.sum(1)), stats.entropy(table.sum(0))
    return 2 * (h_t + h_s - stats.entropy(table.ravel())) / (h_t + h_s)


def report_by_loop(validation, test, thresholds):
    sums = [sum(row[k] for row in validation) for k in range(len(thresholds))]
    k = sums.index(max(sums))
    return [thresholds[k], sum(row[k] for row in test) / len(test)]


def report_by_pandas(validation, test, thresholds):
    best = pd.DataFrame(validation, columns=thresholds).mean().idxmax()
    return best, pd.DataFrame(test, columns=thresholds)[best].mean()


RIGHT = {
    "pixel_scores": [four, four_by_harmonic_mean, lambda *counts: np.array(four(*counts))],
    "count_cells": [(5, 2), [5.0, 2.0], np.array([5, 2])],
    "v_info": [information(), information(harmonic), by_scipy],
    "diagnose": [("merge", "up"), ["Merge", " UP"], np.array(["merge", "up"])],
    "report": [report, report_by_loop, report_by_pandas],
}
WRONG = {
    "pixel_scores": [
        dict(two_above_only=after(lambda r, p, m, c: (r, p, 2 * m / (2 - m), 2 * c / (2 - c)))),
        dict(without_two=after(lambda r, p, m, c: (r, p, m / (2 - m), c / (2 - c)))),
        dict(membrane_without_two=after(lambda r, p, m, c: (r, p, m / (2 - m), c))),
        dict(first_is_specificity=after(lambda r, p, m, c: (90 / 110, p, m, c))),
        dict(membrane_below_cell=after(lambda r, p, m, c: (r, p, m, 180 / 90))),
        dict(one_without_two=after(lambda r, p, m, c: (r, p, m, c / (2 - c)))),
        dict(accuracy_as_dice=after(lambda r, p, m, c: (r, p, 0.8, 0.8))),
        dict(specificity=after(lambda r, p, m, c: (r, 90 / 110, m, c))),
        dict(cell_positive=lambda tp, fp, fn, tn: four(tn, fn, fp, tp)),
        dict(rest_to_one=after(lambda r, p, m, c: (r, p, m, 1 - m))),
        dict(polarity=after(lambda r, p, m, c: (r, p, c, m))),
        dict(swapped=after(lambda r, p, m, c: (p, r, m, c))),
    ],
    "count_cells": [
        dict(membrane=(6, 1), swapped=(2, 5), corners=(2, 2), edges=(5, 5), rim=(6, 3))
    ],
    "v_info": [
        dict(joint_for_shared=information(lambda i, t, s: 2 * (t + s - i) / (t + s))),
        dict(truth_zero_counted=information(singletons=False, skip_membrane=False)),
        dict(arithmetic_mean=information(lambda i, t, s: (i / t + i / s) / 2)),
        dict(geometric_mean=information(lambda i, t, s: i / math.sqrt(t * s))),
        dict(order=lambda truth, proposal: information()(proposal, truth)),
        dict(joint_entropy=information(lambda i, t, s: i / (t + s - i))),
        dict(distance=information(lambda i, t, s: 1 - 2 * i / (t + s))),
        dict(without_two=information(lambda i, t, s: i / (t + s))),
        dict(split_part=information(lambda i, t, s: i / s), bits=information(lambda i, t, s: i)),
        dict(merge_part=information(lambda i, t, s: i / t)),
        dict(one_background=information(singletons=False)),
    ],
    "diagnose": [
        dict(no_order={"merge", "up"}),
        dict(direction=("merge", "down"), fault_only=("Split", "UP"), other=("both", "sideways")),
        dict(fault=("split", "down"), order=("up", "merge")),
    ],
    "report": [
        dict(chosen_on_test=reported(choose=lambda v, t: np.vstack([v, t]).mean(axis=0).argmax())),
        dict(best_on_test_reported=reported(lambda v, t, c: t.mean(axis=0).max())),
        dict(chosen_on_test=reported(choose=lambda v, t: t.mean(axis=0).argmax())),
        dict(median=reported(choose=lambda v, t: np.median(v, axis=0).argmax())),
        dict(wrong_axis=reported(choose=lambda v, t: v.mean(axis=1).argmax())),
        dict(single_best=reported(choose=lambda v, t: v.max(axis=0).argmax())),
        dict(best_per_slice=reported(lambda v, t, c: t.max(axis=1).mean())),
        dict(validation_reported=reported(lambda v, t, c: v[:, c].mean())),
        dict(column=lambda v, t, thresholds: (2, t[:, 2].mean())),
        dict(best_slice=reported(lambda v, t, c: t[:, c].max())),
        dict(all_thresholds=reported(lambda v, t, c: t.mean())),
        dict(not_averaged=reported(lambda v, t, c: t[:, c])),
        dict(score_only=lambda *scores: report(*scores)[1]),
        dict(order=lambda *scores: report(*scores)[::-1]),
        dict(row=reported(lambda v, t, c: t[c].mean())),
    ],
}
