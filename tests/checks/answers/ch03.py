"""Right and wrong answers to the exercises of chapter 3."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from scipy import stats


def four(tp, fp, fn, tn):
    wrong = fp + fn
    return tp / (tp + fn), tp / (tp + fp), 2 * tp / (2 * tp + wrong), 2 * tn / (2 * tn + wrong)


def changed(**columns):
    """`four` with some of its scores replaced."""
    names = ("recall", "precision", "membrane", "cell")

    def answer(tp, fp, fn, tn):
        right = dict(zip(names, four(tp, fp, fn, tn), strict=True))
        return tuple((right | {k: f(tp, fp, fn, tn) for k, f in columns.items()}).values())

    return answer


def swapped(first, second):
    def answer(tp, fp, fn, tn):
        scores = list(four(tp, fp, fn, tn))
        scores[first], scores[second] = scores[second], scores[first]
        return scores

    return answer


def information(singletons=True, skip_membrane=True, result=None):
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


def report_other(choose, value):
    """A report with its column chosen by `choose`, its score by `value`."""

    def answer(validation, test, thresholds):
        column = choose(validation, test)
        return thresholds[column], value(validation, test, column)

    return answer


def honest_column(validation, test):
    return validation.mean(axis=0).argmax()


def on_all_slices(validation, test):
    return np.vstack([validation, test]).mean(axis=0).argmax()


def score_there(validation, test, column):
    return test[:, column].mean()


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
    "v_info": [information(), information(result=harmonic), by_scipy],
    "diagnose": [("merge", "up"), ["Merge", " UP"], np.array(["merge", "up"])],
    "report": [report, report_by_loop, report_by_pandas],
}
WRONG = {
    "pixel_scores": [
        dict(swapped=swapped(0, 1), polarity=swapped(2, 3)),
        dict(
            without_two=changed(
                membrane=lambda tp, fp, fn, tn: tp / (tp + fp + fn),
                cell=lambda tp, fp, fn, tn: tn / (tn + fp + fn),
            )
        ),
        dict(
            two_above_only=changed(
                membrane=lambda tp, fp, fn, tn: 2 * tp / (tp + fp + fn),
                cell=lambda tp, fp, fn, tn: 2 * tn / (tn + fp + fn),
            )
        ),
        dict(specificity=changed(precision=lambda tp, fp, fn, tn: tn / (tn + fp))),
        dict(
            accuracy_as_dice=changed(
                membrane=lambda *n: (n[0] + n[3]) / sum(n), cell=lambda *n: (n[0] + n[3]) / sum(n)
            )
        ),
        dict(first_is_specificity=changed(recall=lambda tp, fp, fn, tn: tn / (tn + fp))),
        dict(membrane_below_cell=changed(cell=lambda tp, fp, fn, tn: 2 * tn / (2 * tp + fp + fn))),
        dict(rest_to_one=changed(cell=lambda tp, fp, fn, tn: 1 - 2 * tp / (2 * tp + fp + fn))),
        dict(one_without_two=changed(cell=lambda tp, fp, fn, tn: tn / (tn + fp + fn))),
        dict(membrane_without_two=changed(membrane=lambda tp, fp, fn, tn: tp / (tp + fp + fn))),
        dict(cell_positive=lambda tp, fp, fn, tn: four(tn, fn, fp, tp)),
    ],
    "count_cells": [
        dict(rim=(6, 3), swapped=(2, 5), corners=(2, 2), edges=(5, 5), membrane=(6, 1))
    ],
    "v_info": [
        dict(arithmetic_mean=information(result=lambda i, t, s: (i / t + i / s) / 2)),
        dict(distance=information(result=lambda i, t, s: 1 - 2 * i / (t + s))),
        dict(joint_entropy=information(result=lambda i, t, s: i / (t + s - i))),
        dict(joint_for_shared=information(result=lambda i, t, s: 2 * (t + s - i) / (t + s))),
        dict(order=lambda truth, proposal: information()(proposal, truth)),
        dict(without_two=information(result=lambda i, h_t, h_s: i / (h_t + h_s))),
        dict(split_part=information(result=lambda i, h_t, h_s: i / h_s)),
        dict(merge_part=information(result=lambda i, h_t, h_s: i / h_t)),
        dict(geometric_mean=information(result=lambda i, t, s: i / math.sqrt(t * s))),
        dict(bits=information(result=lambda i, h_t, h_s: i)),
        dict(one_background=information(singletons=False)),
        dict(truth_zero_counted=information(singletons=False, skip_membrane=False)),
    ],
    "diagnose": [
        dict(order=("up", "merge"), direction=("merge", "down"), fault=("split", "down")),
        dict(fault_only=("Split", "UP"), other=("both", "sideways")),
    ],
    "report": [
        dict(order=lambda *scores: report(*scores)[::-1]),
        dict(score_only=lambda *scores: report(*scores)[1]),
        dict(best_slice=report_other(honest_column, lambda v, t, c: t[:, c].max())),
        dict(all_thresholds=report_other(honest_column, lambda v, t, c: t.mean())),
        dict(median=report_other(lambda v, t: np.median(v, axis=0).argmax(), score_there)),
        dict(wrong_axis=report_other(lambda v, t: v.mean(axis=1).argmax(), score_there)),
        dict(row=report_other(honest_column, lambda v, t, c: t[c].mean())),
        dict(not_averaged=report_other(honest_column, lambda v, t, c: t[:, c])),
        dict(chosen_on_test=report_other(on_all_slices, score_there)),
        dict(chosen_on_test=report_other(lambda v, t: t.mean(axis=0).argmax(), score_there)),
        dict(
            best_on_test_reported=report_other(honest_column, lambda v, t, c: t.mean(axis=0).max())
        ),
        dict(validation_reported=report_other(honest_column, lambda v, t, c: v[:, c].mean())),
        dict(single_best=report_other(lambda v, t: v.max(axis=0).argmax(), score_there)),
        dict(best_per_slice=report_other(honest_column, lambda v, t, c: t.max(axis=1).mean())),
        dict(column=lambda v, t, thresholds: (2, t[:, 2].mean())),
    ],
}
