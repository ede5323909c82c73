"""Chapter 1's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import numpy as np
import pytest
from damunet_book.checks import ch01


def overlap_over(below):
    return lambda t, p: (t & p).sum() / below(t, p)


def merged(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + 2 * sizes[i] * sizes[j])


def merge_part(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return pairs / (pairs + 2 * sizes[i] * sizes[j])


def merged_without_the_others(sizes, i, j):
    return merged([sizes[i], sizes[j]], 0, 1)


def merged_one_order(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + sizes[i] * sizes[j])


def merged_without_squares(sizes, i, j):
    return 2 * sum(sizes) / (2 * sum(sizes) + 2 * sizes[i] * sizes[j])


def merged_without_putting_back(sizes, i, j):
    pairs = sum(n * (n - 1) for n in sizes)
    return 2 * pairs / (2 * pairs + 2 * sizes[i] * sizes[j])


def merged_counting_own_pairs_twice(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + (sizes[i] + sizes[j]) ** 2)


def all_merged(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (pairs + sum(sizes) ** 2)


def four_cells(*opened):
    mask = np.zeros((9, 13))
    mask[4] = mask[:4, 4] = mask[5:, 8] = 1
    for place in opened:
        mask[place] = 0
    return mask


def more_membrane():
    mask = four_cells()
    mask[1, 1] = 1
    return mask


SOLUTIONS = {
    "constant": (0.2, 0, 1 / 3),
    "dice": lambda t, p: 2 * (t & p).sum() / (t.sum() + p.sum()),
    "share": 0.878 / 1.122,
    "merged": merged,
    "fool": four_cells((2, 4), (4, 2), (6, 8)),
}

STUBS = {
    "constant": [(..., ..., ...), ..., None],
    "dice": [..., None, lambda t, p: ...],
    "share": [..., None],
    "merged": [..., None, lambda sizes, i, j: ...],
    "fool": [four_cells(), ..., None],
}

WRONG = [
    ("constant", "empty_sheet", (0.8, 0.889, 0)),
    ("constant", "polarity", (0.2, 0.333, 0)),
    ("constant", "without_two", (0.2, 0, 4 / 24)),
    ("constant", "jaccard", (0.2, 0, 0.2)),
    ("constant", "percent", (20, 0, 100 / 3)),
    ("constant", "accuracy_of_cell", (0.8, 0, 0.333)),
    ("constant", "cell_of_empty", (0.2, 0.889, 0.333)),
    ("constant", "sensitivity", (0.2, 0, 1)),
    ("dice", "without_two", overlap_over(lambda t, p: t.sum() + p.sum())),
    ("dice", "jaccard", overlap_over(lambda t, p: (t | p).sum())),
    ("dice", "doubled_jaccard", overlap_over(lambda t, p: (t | p).sum() / 2)),
    ("dice", "cell_polarity", lambda t, p: 2 * (~t & ~p).sum() / ((~t).sum() + (~p).sum())),
    ("dice", "accuracy", lambda t, p: (t == p).mean()),
    ("dice", "precision", overlap_over(lambda t, p: p.sum())),
    ("dice", "sensitivity", overlap_over(lambda t, p: t.sum())),
    ("dice", "all_pixels", lambda t, p: 2 * (t & p).mean()),
    ("dice", "distance", lambda t, p: 1 - 2 * (t & p).sum() / (t.sum() + p.sum())),
    ("dice", "agreement", lambda t, p: 2 * (t == p).sum() / (t.sum() + p.sum())),
    ("dice", "brackets", lambda t, p: 2 * (t & p).sum() / t.sum() + p.sum()),
    ("dice", "not_summed", lambda t, p: 2 * (t & p) / (t.sum() + p.sum())),
    ("share", "percent", 78.25),
    ("share", "of_the_stack", 0.7804),
    ("share", "what_is_missing", 0.122),
    ("share", "is_accuracy", 0.878),
    ("share", "forwards", 0.935),
    ("share", "membrane_share", 0.2175),
    ("share", "sign", 0.878 / 2.878),
    ("share", "halved", 0.439),
    ("merged", "merge_part", merge_part),
    ("merged", "arithmetic_mean", lambda n, i, j: (1 + merge_part(n, i, j)) / 2),
    ("merged", "half_the_pairs", merged_one_order),
    ("merged", "sizes_not_squared", merged_without_squares),
    ("merged", "only_the_two", merged_without_the_others),
    ("merged", "pairs_of_two", merged_without_putting_back),
    ("merged", "own_pairs_twice", merged_counting_own_pairs_twice),
    ("merged", "all_merged", all_merged),
    ("merged", "distance", lambda sizes, i, j: 1 - merged(sizes, i, j)),
    ("fool", "polarity", 1 - four_cells()),
    ("fool", "too_many", np.zeros((9, 13))),
    ("fool", "joins_nothing", four_cells((4, 4))),
    ("fool", "joins_nothing", more_membrane()),
    ("fool", "walls_left", four_cells((2, 4), (4, 2))),
    ("fool", "wrong_shape", np.zeros((3, 3))),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    assert getattr(ch01, name)(SOLUTIONS[name])


@pytest.mark.parametrize(("name", "stub"), [(n, s) for n in STUBS for s in STUBS[n]])
def test_an_untouched_stub_is_recognised(name, stub):
    assert getattr(ch01, name)(stub).mistake == "untouched"


@pytest.mark.parametrize(("name", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, mistake, answer):
    verdict = getattr(ch01, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake


def test_two_digits_are_enough():
    assert ch01.constant((0.2, 0, 0.33))


def test_a_mask_of_words_is_told_what_is_wanted():
    assert ch01.fool("membrane").mistake == "wrong_shape"


@pytest.mark.parametrize(("name", "answer"), [("constant", (0.2, 0, 0.5)), ("share", 0.6)])
def test_a_number_to_be_predicted_is_not_printed(name, answer):
    assert "wanted" not in getattr(ch01, name)(answer).message


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_two_mistakes_share_a_message(name):
    wrong = [answer for other, _, answer in WRONG if other == name]
    messages = {getattr(ch01, name)(answer).message for answer in wrong}
    assert len(messages) == len(wrong) >= 2
