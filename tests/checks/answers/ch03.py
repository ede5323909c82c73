"""Right and wrong answers to the exercises of chapter 3."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from checks.answers.shared import asked, best_column
from damunet_book.checks import ch03
from scipy import stats


def four(tp, fp, fn, tn):
    wrong = fp + fn
    return tp / (tp + fn), tp / (tp + fp), 2 * tp / (2 * tp + wrong), 2 * tn / (2 * tn + wrong)


def four_by_harmonic_mean(tp, fp, fn, tn):
    shares = tp / (tp + fn), tp / (tp + fp), tn / (tn + fp), tn / (tn + fn)
    return [*shares[:2], stats.hmean(shares[:2]), stats.hmean(shares[2:])]


def three_entropies(truth, proposal, singletons=True, skip_membrane=True):
    """Shared information, H(truth) and H(proposal), with loops and dictionaries."""
    pairs = [
        (t, ("alone", k) if singletons and s == 0 else s)
        for k, (t, s) in enumerate(zip(truth, proposal, strict=True))
        if t != 0 or not skip_membrane
    ]

    def bits(items):
        shares = [n / len(pairs) for n in Counter(items).values()]
        return -sum(p * math.log2(p) for p in shares)

    h_t, h_s = bits([t for t, _ in pairs]), bits([s for _, s in pairs])
    return h_t + h_s - bits(pairs), h_t, h_s


def v_info(*labels, **options):
    shared, h_t, h_s = three_entropies(*labels, **options)
    return 2 * shared / (h_t + h_s)


def harmonic(*labels):
    """As the glossary has it: the harmonic mean of the split and the merge part."""
    shared, h_t, h_s = three_entropies(*labels)
    return stats.hmean([shared / h_s, shared / h_t])


def by_scipy(truth, proposal, joint=lambda t, s: 1000 * t + s):
    pieces = np.where(proposal == 0, proposal.max() + np.cumsum(proposal == 0), proposal)
    t, s = truth[truth != 0], pieces[truth != 0]
    h_t, h_s, h_both = (stats.entropy(np.bincount(x)) for x in (t, s, joint(t, s)))
    return 2 * (h_t + h_s - h_both) / (h_t + h_s)


def report(validation, test, thresholds):
    column = best_column(validation)
    return thresholds[column], test[:, column].mean()


def report_by_loop(validation, test, thresholds):
    sums = [sum(row[k] for row in validation) for k in range(len(thresholds))]
    k = sums.index(max(sums))
    return [thresholds[k], [sum(row[k] for row in test) / len(test)]]


def report_by_pandas(validation, test, thresholds):
    best = pd.DataFrame(validation, columns=thresholds).mean().idxmax()
    return best, pd.DataFrame(test, columns=thresholds)[best].mean()


R, P, M, C = four(*asked(ch03.pixel_scores))
LABELS = asked(ch03.v_info)
BITS, T, S = three_entropies(*LABELS)
V, TEST, CUTS = asked(ch03.report)
MEANS, BEST = TEST.mean(axis=0), best_column(V)
RIGHT = {
    "pixel_scores": [four, four_by_harmonic_mean, lambda *counts: np.array(four(*counts))],
    "count_cells": [(5, 2), [5.0, 2.0], np.array([5, 2])],
    "v_info": [v_info, harmonic, by_scipy],
    "diagnose": [("merge", "up"), ["Merge", " UP"], np.array(["merge", "up"])],
    "report": [report, report_by_loop, report_by_pandas],
}
WRONG = {
    "pixel_scores": [
        dict(cell_positive=lambda tp, fp, fn, tn: four(tn, fn, fp, tp), polarity=(R, P, C, M)),
        dict(two_above_only=(R, P, 2 * M / (2 - M), 2 * C / (2 - C)), rest_to_one=(R, P, M, 1 - M)),
        dict(without_two=(R, P, M / (2 - M), C / (2 - C)), membrane_below_cell=(R, P, M, 180 / 90)),
        dict(membrane_without_two=(R, P, M / (2 - M), C), first_is_specificity=(9 / 11, P, M, C)),
        dict(one_without_two=(R, P, M, C / (2 - C)), accuracy_as_dice=(R, P, 0.8, 0.8)),
        dict(specificity=(R, 9 / 11, M, C), swapped=(P, R, M, C)),
    ],
    "count_cells": [
        dict(membrane=(6, 1), swapped=(2, 5), corners=(2, 2), edges=(5, 5), rim=(6, 3))
    ],
    "v_info": [
        dict(truth_zero_counted=v_info(*LABELS, singletons=False, skip_membrane=False)),
        dict(one_background=v_info(*LABELS, singletons=False), joint_entropy=BITS / (T + S - BITS)),
        dict(joint_for_shared=2 * (T + S - BITS) / (T + S), geometric_mean=BITS / math.sqrt(T * S)),
        dict(arithmetic_mean=(BITS / T + BITS / S) / 2, distance=1 - 2 * BITS / (T + S), bits=BITS),
        dict(order=v_info(*LABELS[::-1]), without_two=BITS / (T + S), split_part=BITS / S),
        dict(merge_part=BITS / T, other=lambda t, s: v_info(t, np.where(s == 0, np.arange(11), s))),
        dict(other=lambda *labels: by_scipy(*labels, lambda t, s: t * s)),
        dict(other=lambda *labels: by_scipy(*labels, lambda t, s: 10 * t + s)),
    ],
    "diagnose": [
        dict(direction=("merge", "down"), fault_only=("Split", "UP"), other=("both", "sideways")),
        dict(fault=("split", "down"), order=("up", "merge"), no_order={"merge", "up"}),
    ],
    "report": [
        dict(chosen_on_test=report(np.vstack([V, TEST]), TEST, CUTS), row=(0.6, TEST[BEST].mean())),
        dict(median=(0.9, MEANS[np.median(V, axis=0).argmax()]), all_thresholds=(0.6, TEST.mean())),
        dict(wrong_axis=(0.2, MEANS[V.mean(axis=1).argmax()]), not_averaged=(0.6, TEST[:, BEST])),
        dict(single_best=(0.4, MEANS[V.max(axis=0).argmax()]), column=(BEST, MEANS[BEST])),
        dict(best_per_slice=(0.6, TEST.max(axis=1).mean()), best_slice=(0.6, TEST[:, BEST].max())),
        dict(validation_reported=(0.6, V[:, BEST].mean()), chosen_on_test=report(TEST, TEST, CUTS)),
        dict(order=lambda *scores: report(*scores)[::-1], best_on_test_reported=(0.6, MEANS.max())),
        dict(score_only=MEANS[BEST], lowest=lambda v, *rest: report(-v, *rest)),
        dict(median=lambda v, *rest: report(np.log(v), *rest)),
        dict(median=lambda v, *rest: report(v.min(0)[None], *rest)),
        dict(single_best=lambda v, *rest: report(v[-1:], *rest)),
    ],
}
