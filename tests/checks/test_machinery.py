"""The machinery of the exercise checkers: every way an answer can fail gets its own diagnosis."""

import numpy as np
import pytest
from damunet_book.checks import checker, compare, elements, right, run


@checker
def half(answer):
    compare(run(answer, 4.0), 2.0, {"double": (8.0, "twice, not half")})
    return right("half of it")


@pytest.mark.parametrize(
    ("answer", "mistake", "text"),
    [
        (None, "untouched", "no answer yet"),
        (..., "untouched", "no answer yet"),
        (lambda x: None, "untouched", "returns nothing"),
        (lambda x: ..., "untouched", "returns nothing"),
        (lambda x: (2.0, ...), "untouched", "returns nothing"),
        (2.0, "raised", "function itself"),
        (lambda x: 1 / 0, "raised", "ZeroDivisionError"),
        (lambda: 2.0, "raised", "TypeError"),
        (lambda x: 2 * x, "double", "twice"),
        (lambda x: np.array([2.0]), "wrong_shape", "(1,)"),
        (lambda x: "two", "wrong_shape", "str"),
        (lambda x: 3.0, "other", "the result is 3, wanted 2."),
        (lambda x: 2.25, "other", "2.25, wanted 2."),
        (lambda x: np.nan, "other", "nan"),
    ],
)
def test_each_kind_of_wrong_answer_gets_its_diagnosis(answer, mistake, text):
    verdict = half(answer)
    assert not verdict
    assert verdict.mistake == mistake
    assert text in verdict.message
    assert repr(verdict).startswith("Not yet. ")


def test_a_right_answer_passes_and_says_why():
    verdict = half(lambda x: x / 2)
    assert verdict
    assert verdict.mistake is None
    assert repr(verdict) == "Right. half of it"


def test_tolerance_is_absolute():
    assert half(lambda x: 2.00009)
    assert not half(lambda x: 2.0002)


@checker
def sides(answer):
    width, height = elements(answer, [3, 4], "the pair")
    compare(width, 3, what="the width")
    compare(height, 4, what="the height")
    return right("five along the diagonal")


@pytest.mark.parametrize(
    ("answer", "mistake", "text"),
    [
        (None, "untouched", "no answer yet"),
        ([3, ...], "untouched", "no answer yet"),
        (3, "wrong_shape", "()"),
        ([3, 4, 5], "wrong_shape", "(3,)"),
        ("34", "wrong_shape", "()"),
        ("three", "wrong_shape", "str"),
        ([3, [4, 5]], "wrong_shape", "the height has shape (2,)"),
        ([4, 3], "other", "the width is 4"),
    ],
)
def test_a_list_of_answers_is_refused_unless_it_has_as_many_numbers(answer, mistake, text):
    verdict = sides(answer)
    assert not verdict
    assert verdict.mistake == mistake
    assert text in verdict.message


@pytest.mark.parametrize("answer", [[3, 4], (3, 4), np.array([3.0, 4.0])])
def test_a_list_of_right_answers_passes(answer):
    assert sides(answer)


@checker
def guesses(answer, what="the guess"):
    compare(answer, 812.5, what=what, look="Look again.")
    return right("that many")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (900, "the guess is too large: 900. Look again."),
        (0.5, "the guess is too small: 0.5. Look again."),
        (np.nan, "the guess is not right: nan. Look again."),
        ([1, 2], "the guess has shape (2,), wanted ()."),
    ],
)
def test_a_prediction_is_told_its_side_and_not_the_solution(answer, text):
    verdict = guesses(answer)
    assert not verdict
    assert verdict.message == text
    assert "812" not in verdict.message


@pytest.mark.parametrize(
    ("what", "verb"),
    [
        ("the weights", "are"),
        ("the weights for decay 1", "are"),
        ("the list of weights", "is"),
        ("mean and standard deviation", "are"),
        ("the loss", "is"),
        ("the way through the levels", "is"),
        ("(tp, fn, fp)", "is"),
    ],
)
def test_the_verb_fits_its_noun(what, verb):
    assert guesses(1, what).message.startswith(f"{what} {verb} too small")
    has = "have" if verb == "are" else "has"
    assert guesses([1, 2], what).message.startswith(f"{what} {has} shape")
