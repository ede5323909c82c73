"""Chapter 13's checkers: right answers pass, each typical slip gets its own diagnosis."""

import itertools

import numpy as np
import pytest
from damunet_book.checks import ch13
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


RIGHT = {
    "paired": paired,
    "interval": interval,
    "best_of": best_of,
    "pencil": (2, 3.5**0.5, True),
    "reading": {"c", "e"},
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(ch13, name)(RIGHT[name])
    assert verdict.passed, verdict


def test_answers_rounded_by_hand_pass():
    assert ch13.pencil((2.0, 1.87, True))
    assert ch13.pencil((2, 1.871, np.True_))
    assert ch13.reading(["E", "C"])
    assert ch13.reading({"c)", "e)"})
    assert ch13.interval(lambda a, b: stats.ttest_rel(b, a).confidence_interval(0.95))


def test_numbers_to_be_predicted_are_not_given_away():
    assert "the mean is too large: 2.5." in ch13.pencil((2.5, 1.871, True)).message
    message = ch13.pencil((2, 1.3, False)).message
    assert "the standard deviation is too small: 1.3." in message
    assert "1.87" not in message


@pytest.mark.parametrize(
    ("name", "stub"),
    [
        ("paired", lambda first, second: ...),
        ("interval", lambda first, second: ...),
        ("interval", lambda first, second: (..., ...)),
        ("best_of", lambda scores, k: ...),
        ("pencil", (..., ..., ...)),
        ("reading", {...}),
        ("reading", ...),
    ],
)
def test_an_untouched_stub_is_called_that(name, stub):
    verdict = getattr(ch13, name)(stub)
    assert (verdict.passed, verdict.mistake) == (False, "untouched")


with_itself = itertools.combinations_with_replacement
WRONG = [
    (
        "paired",
        lambda a, b: [y - x for x, y in zip(a.values(), b.values(), strict=True)],
        "by_place",
    ),
    (
        "paired",
        lambda a, b: [b[y] - a[x] for x, y in zip(sorted(a), sorted(b), strict=True)],
        "by_sorted_place",
    ),
    ("paired", lambda a, b: [-v for v in paired(a, b)], "sign"),
    ("paired", lambda a, b: [b.get(f, 0) - a.get(f, 0) for f in range(5)], "missing_as_zero"),
    ("paired", lambda a, b: np.mean(paired(a, b)), "mean"),
    (
        "paired",
        lambda a, b: np.mean(list(b.values())) - np.mean(list(a.values())),
        "difference_of_means",
    ),
    ("paired", lambda a, b: [b[f] - a[f] for f in a if f in b], "order_of_first"),
    ("paired", lambda a, b: [b[f] - a[f] for f in b if f in a], "order_of_second"),
    ("paired", lambda a, b: [b[f] - a[f] for f in sorted(a) if a.get(f) and b.get(f)], "zero_lost"),
    ("paired", lambda a, b: [b[f] - a[f] for f in sorted(b) if a.get(f)], "zero_lost_first"),
    ("paired", lambda a, b: [b[f] - a[f] for f in sorted(a) if b.get(f)], "zero_lost_second"),
    ("paired", lambda a, b: [b[f] - a[f] for f in range(5)], "raised"),
    ("paired", lambda a, b: [b[f] - a[f] for f in a.keys() & b.keys()], "set_order"),
    ("paired", lambda a, b: sorted(paired(a, b)), "by_size"),
    ("interval", lambda a, b: interval(a, b, 1.96), "normal"),
    ("interval", lambda a, b: interval(a, b, stats.norm.ppf(0.975)), "normal"),
    ("interval", lambda a, b: interval(a, b, 2.776), "five_folds_rounded"),
    ("interval", lambda a, b: interval(a, b, stats.t.ppf(0.975, 4)), "five_folds"),
    ("interval", lambda a, b: interval(a, b, stats.t.ppf(0.975, 5)), "fixed_factor"),
    (
        "interval",
        lambda a, b: interval(a, b, stats.t.ppf(0.975, 5) * (len(a) / 6) ** 0.5),
        "fixed_n",
    ),
    ("interval", lambda a, b: interval(a, b, stats.t.ppf(0.95, len(a) - 1)), "one_sided"),
    ("interval", lambda a, b: interval(a, b, stats.t.ppf(0.975, len(a))), "degrees"),
    ("interval", lambda a, b: interval(a, b, ddof=0), "population_sd"),
    ("interval", lambda a, b: interval(a, b, root=False), "without_root_n"),
    ("interval", lambda a, b: interval(b, a), "sign"),
    (
        "interval",
        lambda a, b: stats.ttest_ind(b, a, equal_var=False).confidence_interval(),
        "unpaired",
    ),
    ("interval", lambda a, b: stats.ttest_ind(b, a).confidence_interval(), "unpaired_pooled"),
    ("interval", lambda a, b: interval(a, b)[::-1], "reversed"),
    ("interval", lambda a, b: interval(a, b, stats.t.ppf(0.025, len(a) - 1)), "reversed"),
    ("interval", lambda a, b: ((b - a).mean(), interval(a, b)[1] - (b - a).mean()), "reach"),
    ("interval", lambda a, b: (b - a).mean(), "wrong_shape"),
    ("pencil", (2, 3.5, True), "variance"),
    ("pencil", (2, 2.8**0.5, True), "population_sd"),
    ("pencil", (2.4, float(np.std([3, 1, 2, 4, 2], ddof=1)), False), "sign_lost"),
    ("pencil", (10, 3.5**0.5, True), "sum"),
    ("pencil", (2, float(np.mean(np.abs(np.array([3, -1, 2, 4, 2]) - 2))), True), "mean_deviation"),
    ("pencil", (2, 0.84, True), "standard_error"),
    ("pencil", (0.02, 0.0187, True), "unit"),
    ("pencil", (2, 1.871, (-0.32, 4.32)), "not_a_bool"),
    ("pencil", (2, 1.871, False), "conclusion"),
    ("pencil", (2, 1.871, "True"), "not_a_bool"),
    ("pencil", (2, 1.871, "False"), "not_a_bool"),
    ("pencil", (2.5, 1.871, True), "other"),
    ("pencil", (2, 1.2345, True), "other"),
    ("pencil", ("two", 1.871, True), "wrong_shape"),
    ("pencil", 2, "wrong_shape"),
    ("pencil", (2, 1.871), "wrong_shape"),
    ("best_of", lambda s, k: np.mean(s), "mean"),
    ("best_of", lambda s, k: np.median([max(c) for c in itertools.combinations(s, k)]), "median"),
    ("best_of", lambda s, k: np.median(s), "median_of_scores"),
    ("best_of", lambda s, k: np.mean([np.median(c) for c in itertools.combinations(s, k)]), "mean"),
    ("best_of", lambda s, k: max(s), "best_of_all"),
    (
        "best_of",
        lambda s, k: np.mean([max(c) for c in itertools.product(s, repeat=k)]),
        "with_replacement",
    ),
    ("best_of", lambda s, k: np.mean([max(c) for c in with_itself(s, k)]), "with_itself"),
    ("best_of", lambda s, k: np.mean(sorted(s)[-k:]), "top_k"),
    ("best_of", lambda s, k: max(s[:k]), "first_k"),
    ("best_of", lambda s, k: np.mean([min(c) for c in itertools.combinations(s, k)]), "worst"),
    ("reading", {"a", "c"}, "a"),
    ("reading", {"b"}, "b"),
    ("reading", {"c", "d", "e"}, "d"),
    ("reading", set(), "empty"),
    ("reading", {"e"}, "missing_c"),
    ("reading", {"c"}, "missing_e"),
    ("reading", {"f"}, "letters"),
    ("reading", "c, e", "wrong_shape"),
    ("reading", "ce", "wrong_shape"),
    ("reading", 3, "wrong_shape"),
]


NAMES = [f"{name}-{mistake}" for name, _, mistake in WRONG]


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG, ids=NAMES)
def test_a_typical_slip_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch13, name)(answer)
    assert (verdict.passed, verdict.mistake) == (False, mistake), verdict
    assert len(verdict.message) > 15
