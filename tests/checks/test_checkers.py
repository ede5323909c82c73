"""Every checker, on the right and the wrong answers that `answers` lists for each chapter."""

import importlib
import inspect
import re
import types
from pathlib import Path

import numpy as np
import pytest
from damunet_book import checks

CHAPTERS = sorted(path.stem for path in Path(checks.__file__).parent.glob("ch*.py"))
CHECKERS, RIGHT, WRONG = {}, [], []
for chapter in CHAPTERS:
    checkers = importlib.import_module(f"damunet_book.checks.{chapter}")
    answers = importlib.import_module(f"checks.answers.{chapter}")
    for name, checker in inspect.getmembers(checkers, lambda member: hasattr(member, "messages")):
        where = f"{chapter}.{name}"
        CHECKERS[where] = checker
        RIGHT += [(where, answer) for answer in answers.RIGHT[name]]
        # The value that a mistake leads to stands for a function that returns it.
        plain = not callable(answers.RIGHT[name][0])
        for mistake, answer in (item for row in answers.WRONG[name] for item in row.items()):
            given = answer if plain or callable(answer) else lambda *_, value=answer: value
            WRONG.append((where, mistake, given))
SOLUTIONS = dict(reversed(RIGHT))
FUNCTIONS = [where for where, answer in SOLUTIONS.items() if callable(answer)]
NUMBERS = [where for where, answer in SOLUTIONS.items() if np.asarray(answer).dtype.kind in "if"]
NUMBERS = sorted({*NUMBERS} - {"ch01.fool", "ch13.pencil"})


@pytest.mark.parametrize("where", CHECKERS)
def test_three_right_and_five_wrong_answers_to_whom_every_message_is_said(where):
    assert sum(other == where for other, _ in RIGHT) >= 3
    said = [mistake for other, mistake, _ in WRONG if other == where]
    assert len(said) >= 5
    assert set(CHECKERS[where].messages) <= set(said)


@pytest.mark.parametrize(("where", "answer"), RIGHT)
def test_a_right_answer_passes_in_every_style(where, answer):
    verdict = CHECKERS[where](answer)
    assert verdict.passed, verdict
    assert verdict.mistake is None
    assert verdict.message


@pytest.mark.parametrize(("where", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(where, mistake, answer):
    verdict = CHECKERS[where](answer)
    assert (verdict.passed, verdict.mistake) == (False, mistake), verdict
    assert not verdict.message[0].islower()
    assert "{" not in verdict.message


@pytest.mark.parametrize("where", FUNCTIONS)
def test_a_stub_and_a_forgotten_return_are_told_apart(where):
    def dots(*arguments): ...

    def returned(*arguments):
        return ...

    def several(*arguments):
        return ..., ...

    def printed(*arguments):
        print("here it is")

    check = CHECKERS[where]
    assert {check(stub).mistake for stub in (dots, returned, several, ...)} == {"untouched"}
    verdict = check(printed)
    assert verdict.mistake == "none", verdict
    assert "print instead of return" in verdict.message


@pytest.mark.parametrize("where", sorted(set(CHECKERS) - set(FUNCTIONS)))
def test_dots_among_the_values_are_no_answer_yet(where):
    check = CHECKERS[where]
    for stub in (..., (..., ...), {"a": ..., "b": 1}, {...}):
        assert check(stub).mistake == "untouched"
    assert check(None).mistake == "none"


# Answers of every form: whatever comes, a checker says something and shows no traceback.
STRANGE = [np.nan, -np.inf, "", "text", b"bytes", 1j, True, [], {}, set(), {1, 2}, {"a": [1]}, [[]]]
STRANGE += [[1, [2, 3]], (1, "two", None), object(), [object()], np.zeros(0), np.array("text")]
STRANGE += [np.full((2, 2), np.nan), np.array([{}], object), range(3), int, 10**400, [[1], [2, 3]]]


@pytest.mark.parametrize("where", CHECKERS)
@pytest.mark.filterwarnings("ignore")
def test_no_answer_is_so_strange_that_the_checker_fails(where):
    for strange in STRANGE:
        for answer in (strange, lambda *arguments, strange=strange: strange):
            verdict = CHECKERS[where](answer)
            assert not verdict, strange
            assert verdict.message


def spoiled(value, place):
    """The value, changed at the first or at the last place."""
    if isinstance(value, str):
        return "another"
    if isinstance(value, types.GeneratorType | set | tuple | list):
        parts = list(value)
        parts[place] = spoiled(parts[place], place)
        return parts
    value = np.array(value, float)
    value.flat[place] += 1
    return value


# The pyramid's first call only looks at shapes; batches need not be these, only not the same.
ALL_COUNT = sorted(set(FUNCTIONS) - {"ch10.pyramid", "ch12.batch_slices"})


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("where", ALL_COUNT)
def test_an_answer_that_is_wrong_in_one_call_alone_does_not_pass(where, place):
    calls = 0

    def wrong_in(k):
        def answer(*arguments):
            nonlocal calls
            calls += 1
            value = SOLUTIONS[where](*arguments)
            return spoiled(value, place) if calls == k else value

        return answer

    assert CHECKERS[where](wrong_in(0))
    for k in range(1, min(calls, 90) + 1):
        calls = 0
        assert not CHECKERS[where](wrong_in(k)), k


@pytest.mark.parametrize("where", FUNCTIONS)
def test_an_answer_that_ignores_its_arguments_does_not_pass(where):
    first = []

    def remembered(*arguments):
        first.append(SOLUTIONS[where](*arguments))
        return first[0]

    assert not CHECKERS[where](remembered)


@pytest.mark.parametrize("where", NUMBERS)
@pytest.mark.parametrize("factor", [1.43, 0.57])
def test_a_number_to_be_predicted_is_not_given_away(where, factor):
    right = np.array(SOLUTIONS[where], float)
    for place in np.argwhere(right != 0):
        beside = right.copy()
        beside[*place] += 1
        assert not CHECKERS[where](beside)
        guess = right.copy()
        guess[*place] *= factor
        verdict = CHECKERS[where](guess)
        assert verdict.mistake == "other", verdict
        assert re.search("too large|too small|not right", verdict.message)
        solution = f"{right[*place]:.4g}"
        assert not re.search(rf"(?<![\d.]){solution}(?!\.?\d)", verdict.message.replace(",", ""))
