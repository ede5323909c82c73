"""The machinery of the exercise checkers: every way an answer can fail gets its own diagnosis."""

import numpy as np
import pytest
from damunet_book.checks import checker, compare, elements, known, run, stop


@checker(right="Half of it.", double="Twice, not half.", negative="{sign} it is negative.")
def half(answer):
    """``answer(x)``: half of a number."""
    value = run(answer, 4.0, error={OverflowError: "double"})
    compare(value, 2.0, double=8.0, negative=-2.0, fields={"sign": "Alas,"})


def one_branch(x):
    if x < 0:
        return x / 2


class Tensor:
    """A number of a network library."""

    def __init__(self, value, needs_detaching=False):
        self.value, self.attached = value, needs_detaching

    def detach(self):
        return Tensor(self.value)

    def __array__(self, dtype=None, copy=None):
        if self.attached:
            raise RuntimeError("call detach first")
        return np.asarray(self.value, dtype)


def overflow(x):
    raise OverflowError


@pytest.mark.parametrize(
    ("answer", "mistake", "text"),
    [
        (None, "none", "The answer is None"),
        (..., "untouched", "There is no answer yet"),
        (lambda x: ..., "untouched", "returns nothing yet"),
        (lambda x: (2.0, ...), "untouched", "returns nothing yet"),
        (one_branch, "none", "Your one_branch returned None: did you print instead of return"),
        (lambda x: (2.0, None), "none", "None among its values"),
        (2.0, "raised", "function itself"),
        (lambda x: 1 / 0, "raised", "Your <lambda> stopped with ZeroDivisionError"),
        (lambda: 2.0, "raised", "TypeError"),
        (overflow, "double", "Twice, not half."),
        (lambda x: 2 * x, "double", "Twice, not half."),
        (lambda x: [2 * x], "double", "Twice, not half."),
        (lambda x: -x / 2, "negative", "Alas, it is negative."),
        (lambda x: np.array([2.0, 2.0]), "wrong_shape", "The result has shape (2,), wanted ()."),
        (lambda x: "2.0", "wrong_shape", "should be a number, not text"),
        (lambda x: {2.0}, "wrong_shape", "is a set, which has no order"),
        (lambda x: {"a": 2.0}, "wrong_shape", "not dict"),
        (lambda x: [2.0, [3.0, 4.0]], "wrong_shape", "a list of other things, or of several"),
        (lambda x: 3.0, "other", "The result is 3, wanted 2."),
        (lambda x: 2.25, "other", "The result is 2.25, wanted 2."),
        (lambda x: np.nan, "not_finite", "nan: did you divide by 0"),
        (lambda x: [-np.inf], "not_finite", "-inf"),
    ],
)
def test_each_kind_of_wrong_answer_gets_its_diagnosis(answer, mistake, text):
    verdict = half(answer)
    assert (verdict.passed, bool(verdict), verdict.mistake) == (False, False, mistake)
    assert text in verdict.message
    assert repr(verdict).startswith("Not yet. ")


@pytest.mark.parametrize(
    "value", [2, 2.00009, [2.0], np.array([[2]]), np.float32(2), Tensor(2), Tensor([2], True)]
)
def test_a_number_may_come_in_any_form(value):
    assert repr(half(lambda x: value)) == "Right. Half of it."


def test_tolerance_is_absolute():
    assert not half(lambda x: 2.0002)


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
    compare(width, 3, "the width")
    compare(height, 4, "the height")


@pytest.mark.parametrize(
    ("answer", "mistake", "text"),
    [
        ([3, ...], "untouched", "no answer yet"),
        ([3, None], "none", "None among the values"),
        (3, "wrong_shape", "()"),
        ([3, 4, 5], "wrong_shape", "(3,)"),
        ("34", "wrong_shape", "text"),
        ({3, 4}, "wrong_shape", "no order"),
        ([3, [4, 5]], "wrong_shape", "The height has shape (2,)"),
        ([4, 3], "turned", "Turned."),
        ([3.5, 4], "other", "The width is 3.5"),
    ],
)
def test_a_list_of_answers_is_refused_unless_it_has_as_many_numbers(answer, mistake, text):
    verdict = sides(answer)
    assert (verdict.passed, verdict.mistake) == (False, mistake)
    assert text in verdict.message


@pytest.mark.parametrize(
    "answer", [[3, 4], np.array([3.0, 4.0]), range(3, 5), map(int, "34"), (n for n in (3, [4]))]
)
def test_a_list_of_right_answers_passes(answer):
    assert sides(answer)


@checker()
def careless(answer):
    """A dictionary with the key "a".

    Not more.
    """
    if {"the": "solution"}[answer["a"]] == "solution":
        stop("other")


@pytest.mark.parametrize("answer", [3, {}, {"a": 1}, {"a": []}])
def test_an_answer_that_a_checker_cannot_read_is_told_the_form_and_not_the_solution(answer):
    verdict = careless(answer)
    assert (verdict.passed, verdict.mistake) == (False, "wrong_shape")
    assert verdict.message.endswith('Wanted: A dictionary with the key "a".')


@checker(right="That many.")
def guesses(answer):
    value, what = answer
    compare(value, 812.5, what, look="Look again.")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (900, "The guess is too large: 900. Look again."),
        (0.5, "The guess is too small: 0.5. Look again."),
        ([1, 2], "The guess has shape (2,), wanted ()."),
    ],
)
def test_a_prediction_is_told_its_side_and_not_the_solution(value, text):
    assert guesses((value, "the guess")).message == text


NUMBER_OF_WORDS = {
    ("are", "have"): ["The weights", "The weights for decay 1", "Mean and deviation"],
    ("is", "has"): ["The list of weights", "The loss", "The way through the levels"],
    ("", ""): ["(tp, fn, fp)", "V_rand", "fn_weight", "1 + cos"],  # keep their letters
}


@pytest.mark.parametrize("verbs", NUMBER_OF_WORDS)
def test_several_are_one_is_and_names_from_code_keep_their_letters(verbs):
    for what in NUMBER_OF_WORDS[verbs]:
        for value, verb in zip((1, [1, 2]), verbs, strict=True):
            assert guesses((value, what)).message.startswith(f"{what} {verb}".rstrip())
