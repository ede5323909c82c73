"""The machinery of the exercise checkers, beyond the examples in its docstrings."""

import numpy as np
import pytest
from damunet_book.checks import checker, compare, elements, known, run

from damunet_lite import metrics


@checker(right="Half of it.", double="Twice, not half.")
def half(answer):
    """``answer(x)``: half of a number."""
    compare(run(answer, 4.0), 2.0, double=8.0)


class Tensor:
    """A number of a network library."""

    def __init__(self, value, needs_detaching=False):
        self.value, self.attached = value, needs_detaching

    def detach(self):
        return Tensor(self.value)

    def size(self):  # a method, as PyTorch has it
        return np.shape(self.value)

    def __array__(self, dtype=None, copy=None):
        if self.attached:
            raise RuntimeError("call detach first")
        return np.asarray(self.value, dtype)


@pytest.mark.parametrize(
    "value", [2, 2.00009, [2.0], np.array([[2]]), np.float32(2), Tensor(2), Tensor([2], True)]
)
def test_a_number_may_come_in_any_form(value):
    assert repr(half(lambda x: value)) == "Right. Half of it."


MISTAKES = [(..., "untouched"), (None, "none"), (2.0, "raised"), (lambda x: 2 * x, "double")]
MISTAKES += [(lambda x: [2, 2], "wrong_shape"), (lambda x: np.inf, "not_finite")]
MISTAKES += [(lambda x: 2.0002, "other"), (lambda x: 2j, "wrong_shape")]
MISTAKES += [(lambda x: np.array(["2"], object), "wrong_shape")]


@pytest.mark.parametrize(("answer", "mistake"), MISTAKES)
def test_every_kind_of_wrong_answer_has_a_name(answer, mistake):
    verdict = half(answer)
    assert (verdict.passed, bool(verdict), verdict.mistake) == (False, False, mistake)
    assert half(lambda x: x / 2).mistake is None


def test_a_function_gets_copies_of_the_arguments():
    array = np.arange(3.0)

    @checker(right="Unchanged.")
    def unchanged(answer):
        run(answer, [array])

    assert unchanged(lambda given: given[0].fill(9) or given)
    assert array.tolist() == [0, 1, 2]


@checker(right="Five along the diagonal.", turned="Turned.")
def sides(answer):
    """Width and height."""
    width, height = elements(answer, [3, 4], "the pair")
    known((width, height), turned=(4, 3))
    compare([width, height], [3, 4], "width and height")


@pytest.mark.parametrize(
    "answer", [[3, 4], range(3, 5), [Tensor(3), Tensor([4], True)], (n for n in (3, [4]))]
)
def test_a_list_of_right_answers_passes(answer):
    assert sides(answer)
    assert sides([4, 3]).mistake == "turned"


@checker(right="The middle one.", mean="That is the mean.")
def middle(answer):
    """``answer(scores)``: the median."""
    compare(run(answer, [1.0, 2.0, 6.0]), 2.0, mean=3.0)
    compare(run(answer, [0.0, 8.0]), 4.0)


def test_prints_of_many_calls_do_not_bury_the_verdict(capsys):
    @checker(right="Ten.")
    def ten(answer):
        return compare([run(answer, k) for k in range(10)], np.arange(10))

    assert ten(lambda k: print("seen", k) or k)
    assert capsys.readouterr().out.split() == ["seen", "0", "seen", "1", "seen", "2"]


def test_the_package_is_asked_for_by_hand_unless_the_answer_is_wrong():
    def borrowed(scores):
        metrics.accuracy(np.eye(2), np.eye(2))
        return np.median(scores)

    verdict = middle(borrowed)
    assert (verdict.passed, verdict.mistake) == (False, "borrowed")
    assert "damunet_lite.metrics has computed them" in verdict.message
    assert middle(lambda scores: metrics.accuracy([[1, 0]], [[1, 0]]) * 3).mistake == "mean"
    assert middle(np.median)  # a later answer does not inherit it
