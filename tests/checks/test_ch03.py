"""Chapter 3's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import math
from collections import Counter

import numpy as np
import pytest
from damunet_book.checks import ch03


def four(tp, fp, fn, tn):
    wrong = fp + fn
    return tp / (tp + fn), tp / (tp + fp), 2 * tp / (2 * tp + wrong), 2 * tn / (2 * tn + wrong)


def changed(**columns):
    """`four` with some of its scores replaced."""
    names = ("sensitivity", "precision", "membrane", "cell")

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


def score_there(validation, test, column):
    return test[:, column].mean()


SOLUTIONS = {
    "pixel_scores": four,
    "count_cells": (5, 2),
    "v_info": information(),
    "diagnose": ("merge", "up"),
    "report": report,
}

STUBS = {
    "pixel_scores": [..., None, lambda *counts: ...],
    "count_cells": [(..., ...), ..., None],
    "v_info": [..., None, lambda *rows: ...],
    "diagnose": [(..., ...), ..., None],
    "report": [..., None, lambda *arrays: ...],
}

WRONG = [
    ("pixel_scores", "swapped", swapped(0, 1)),
    ("pixel_scores", "polarity", swapped(2, 3)),
    (
        "pixel_scores",
        "without_two",
        changed(
            membrane=lambda tp, fp, fn, tn: tp / (tp + fp + fn),
            cell=lambda tp, fp, fn, tn: tn / (tn + fp + fn),
        ),
    ),
    (
        "pixel_scores",
        "two_above_only",
        changed(
            membrane=lambda tp, fp, fn, tn: 2 * tp / (tp + fp + fn),
            cell=lambda tp, fp, fn, tn: 2 * tn / (tn + fp + fn),
        ),
    ),
    ("pixel_scores", "specificity", changed(precision=lambda tp, fp, fn, tn: tn / (tn + fp))),
    (
        "pixel_scores",
        "accuracy_as_dice",
        changed(membrane=lambda *n: (n[0] + n[3]) / sum(n), cell=lambda *n: (n[0] + n[3]) / sum(n)),
    ),
    (
        "pixel_scores",
        "first_is_specificity",
        changed(sensitivity=lambda tp, fp, fn, tn: tn / (tn + fp)),
    ),
    (
        "pixel_scores",
        "membrane_below_cell",
        changed(cell=lambda tp, fp, fn, tn: 2 * tn / (2 * tp + fp + fn)),
    ),
    (
        "pixel_scores",
        "rest_to_one",
        changed(cell=lambda tp, fp, fn, tn: 1 - 2 * tp / (2 * tp + fp + fn)),
    ),
    ("pixel_scores", "one_without_two", changed(cell=lambda tp, fp, fn, tn: tn / (tn + fp + fn))),
    (
        "pixel_scores",
        "membrane_without_two",
        changed(membrane=lambda tp, fp, fn, tn: tp / (tp + fp + fn)),
    ),
    ("pixel_scores", "cell_positive", lambda tp, fp, fn, tn: four(tn, fn, fp, tp)),
    ("count_cells", "rim", (6, 3)),
    ("v_info", "arithmetic_mean", information(result=lambda i, t, s: (i / t + i / s) / 2)),
    ("v_info", "distance", information(result=lambda i, t, s: 1 - 2 * i / (t + s))),
    ("v_info", "joint_entropy", information(result=lambda i, t, s: i / (t + s - i))),
    ("v_info", "joint_for_shared", information(result=lambda i, t, s: 2 * (t + s - i) / (t + s))),
    ("v_info", "order", lambda truth, proposal: information()(proposal, truth)),
    ("diagnose", "order", ("up", "merge")),
    ("report", "order", lambda *scores: report(*scores)[::-1]),
    ("report", "score_only", lambda *scores: report(*scores)[1]),
    ("report", "best_slice", report_other(honest_column, lambda v, t, c: t[:, c].max())),
    ("report", "all_thresholds", report_other(honest_column, lambda v, t, c: t.mean())),
    ("report", "median", report_other(lambda v, t: np.median(v, axis=0).argmax(), score_there)),
    ("report", "wrong_axis", report_other(lambda v, t: v.mean(axis=1).argmax(), score_there)),
    ("report", "row", report_other(honest_column, lambda v, t, c: t[c].mean())),
    ("report", "not_averaged", report_other(honest_column, lambda v, t, c: t[:, c])),
    ("count_cells", "swapped", (2, 5)),
    ("count_cells", "corners", (2, 2)),
    ("count_cells", "edges", (5, 5)),
    ("count_cells", "membrane", (6, 1)),
    ("v_info", "without_two", information(result=lambda i, h_t, h_s: i / (h_t + h_s))),
    ("v_info", "split_part", information(result=lambda i, h_t, h_s: i / h_s)),
    ("v_info", "merge_part", information(result=lambda i, h_t, h_s: i / h_t)),
    ("v_info", "geometric_mean", information(result=lambda i, t, s: i / math.sqrt(t * s))),
    ("v_info", "bits", information(result=lambda i, h_t, h_s: i)),
    ("v_info", "one_background", information(singletons=False)),
    ("v_info", "truth_zero_counted", information(singletons=False, skip_membrane=False)),
    ("diagnose", "direction", ("merge", "down")),
    ("diagnose", "fault", ("split", "down")),
    ("diagnose", "fault_only", ("Split", "UP")),
    ("diagnose", "other", ("both", "sideways")),
    ("report", "chosen_on_test", report_other(lambda v, t: t.mean(axis=0).argmax(), score_there)),
    (
        "report",
        "best_on_test_reported",
        report_other(honest_column, lambda v, t, c: t.mean(axis=0).max()),
    ),
    ("report", "validation_reported", report_other(honest_column, lambda v, t, c: v[:, c].mean())),
    ("report", "single_best", report_other(lambda v, t: v.max(axis=0).argmax(), score_there)),
    ("report", "best_per_slice", report_other(honest_column, lambda v, t, c: t.max(axis=1).mean())),
    ("report", "column", lambda v, t, thresholds: (2, t[:, 2].mean())),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    assert getattr(ch03, name)(SOLUTIONS[name])


@pytest.mark.parametrize(("name", "stub"), [(n, s) for n in STUBS for s in STUBS[n]])
def test_an_untouched_stub_is_recognised(name, stub):
    assert getattr(ch03, name)(stub).mistake == "untouched"


@pytest.mark.parametrize(("name", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, mistake, answer):
    verdict = getattr(ch03, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake


def test_a_threshold_chosen_on_all_slices_is_chosen_on_the_test_slices_too():
    both = report_other(lambda v, t: np.vstack([v, t]).mean(axis=0).argmax(), score_there)
    assert ch03.report(both).mistake == "chosen_on_test"


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_two_mistakes_share_a_message(name):
    wrong = [answer for other, _, answer in WRONG if other == name]
    messages = {getattr(ch03, name)(answer).message for answer in wrong}
    assert len(messages) == len(wrong) >= 2
