"""Exercise checkers: they say what went wrong, not just that it did.

Each chapter has a module here (``checks.ch03``), each exercise a function in it that takes the
reader's answer and returns a :class:`Verdict`. A typical mistake is recognised by the value it
leads to, on an input where every mistake leads to another value.

To add an exercise, write two tables that share the mistakes' names: in :func:`checker` what to say
of each, in :func:`compare` the value that each leads to::

    @checker(
        right="Twice the overlap, over the sum of both areas.",
        without_two="The overlap counts twice: a perfect answer would get 0.5.",
        jaccard="That is overlap over union, the Jaccard index.",
    )
    def dice(answer):
        '''``answer(truth, prediction)``: Dice of two boolean arrays.'''
        truth, prediction = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
        value = run(answer, truth, prediction)
        compare(value, 1 / 2, "the Dice score", without_two=1 / 4, jaccard=1 / 3)

An answer that gets to the end is right. A second input, with other numbers, finds out the answer
that has a number where an argument belongs. What a value alone does not show, such as a list in the
wrong order, is asked with ``if`` and ended with :func:`stop`. Answers go to
``tests/checks/answers``: right ones in three styles, and at least five wrong ones, one for each
mistake, as functions or as the values that these return to the checker's first call.

Nobody has to write down again what is the same everywhere: untouched dots, None, exceptions,
generators, text where a number is wanted, one number too many, a call with two arguments, values
that a function of the package has computed.
"""

import contextlib
import copy
import dis
import functools
import inspect
import io
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from damunet_book.checks import _answers
from damunet_book.checks._answers import number

__all__ = [
    "Verdict",
    "checker",
    "compare",
    "elements",
    "known",
    "number",
    "run",
    "stop",
    "table",
    "within",
]

UNTOUCHED = "untouched"
NONE = "none"
RAISED = "raised"
CALLED = "called"
BORROWED = "borrowed"
WRONG_SHAPE = "wrong_shape"
NOT_FINITE = "not_finite"
WHOLE_NUMBERS = "whole_numbers"
OTHER = "other"

_DOTS = "There is no answer yet: replace the three dots."
_FORM = "This is not of the form that is asked for. Wanted: {}"
_BY_HAND = "The values are right, and {} has computed them. Here you write by hand what it does."

# Modules of the package whose functions the answer at hand has called, and calls of it until now.
_lenders: list[str] = []
_calls: list[str] = []


@dataclass(frozen=True)
class Verdict:
    """What a checker says of an answer.

    Attributes
    ----------
    passed : bool
        Whether the answer is right.
    message : str
        Diagnosis, or why the answer is right.
    mistake : str or None
        Short name of the recognised mistake; None for a right answer.

    Examples
    --------
    >>> Verdict(True, "Twice the overlap.")
    Right. Twice the overlap.
    """

    passed: bool
    message: str
    mistake: str | None = None

    def __repr__(self) -> str:
        return f"{'Right.' if self.passed else 'Not yet.'} {self.message}"

    def __bool__(self) -> bool:
        return self.passed


class _Stop(Exception):
    """An answer is not right: the mistake's name, and its message unless the checker has it."""

    def __init__(self, mistake: str, text: str | None = None, **fields: Any):
        super().__init__(mistake)
        self.mistake, self.text, self.fields = mistake, text, fields


def checker(right: str = "", **messages: str) -> Callable[[Callable], Callable[..., Verdict]]:
    """Make a function that looks at an answer a checker, with what to say of each mistake.

    Parameters
    ----------
    right : str
        Worth knowing for whoever is right. The function may return another text.
    **messages : str
        What to say of each mistake, by its name. ``{}`` fields are filled in by :func:`stop`.

    Examples
    --------
    >>> @checker(right="Half of it.", double="That is twice, not half.")
    ... def half(answer):
    ...     compare(run(answer, 4), 2.0, double=8.0)
    >>> half(lambda x: 2 * x)
    Not yet. That is twice, not half.
    >>> half(lambda x: x / 2)
    Right. Half of it.
    >>> half(3, 4)
    Not yet. Call it with one answer: half(answer), or half((first, second)) if that is two.
    >>> half(None)
    Not yet. The answer is None: print gives nothing back, and so does .sort().

    The first line of the docstring is told to whoever gives something of another form.

    >>> @checker()
    ... def first_letter(answer):
    ...     '''A dictionary with the key "a".'''
    ...     return {1: "One."}[answer["a"]]
    >>> first_letter({"a": 1}), first_letter({"a": []})
    (Right. One.,
     Not yet. This is not of the form that is asked for. Wanted: A dictionary with the key "a".)
    """

    def decorate(function: Callable) -> Callable[..., Verdict]:
        @functools.wraps(function)
        def checked(*arguments: Any, **options: Any) -> Verdict:
            _lenders.clear()
            _calls.clear()
            try:
                with np.errstate(all="ignore"):
                    said = function(_given(function, arguments, options))
            except _Stop as end:
                text = end.text or messages[end.mistake]
                text = text.format(**end.fields) if end.fields else text
                return Verdict(False, _answers.sentence(text), end.mistake)
            except Exception:  # an answer of a form that the checker did not foresee
                wanted = (inspect.getdoc(function) or "").split("\n")[0]
                return Verdict(False, _FORM.format(wanted.replace("``", "`")), WRONG_SHAPE)
            if _lenders:
                return Verdict(False, _BY_HAND.format(_lenders[0]), BORROWED)
            return Verdict(True, said or right)

        checked.messages = messages  # type: ignore[attr-defined]
        return checked

    return decorate


def stop(mistake: str, **fields: Any) -> NoReturn:
    """End the checker with a mistake's message, its ``{}`` fields filled in.

    Examples
    --------
    >>> @checker(right="Even.", odd="{n} is odd.")
    ... def even(answer):
    ...     if answer % 2:
    ...         stop("odd", n=answer)
    >>> even(3)
    Not yet. 3 is odd.
    """
    raise _Stop(mistake, **fields)


def run(
    answer: Any, *arguments: Any, fresh: bool = True, error: Mapping[Any, str] | None = None
) -> Any:
    """Call the reader's function; ``...``, None and exceptions become a diagnosis.

    Parameters
    ----------
    answer : callable
        The reader's function.
    *arguments
        What to call it with.
    fresh : bool
        Whether it gets copies, so that it cannot change the checker's arrays.
    error : dict of type to str, optional
        Mistakes that show as an exception, or as None, and the names of their messages.

    Returns
    -------
    object
        What the function returns, generators and ranges as lists.

    Examples
    --------
    >>> @checker(right="Half of it.", double="That is twice, not half.")
    ... def half(answer):
    ...     compare(run(answer, 4.0, error={OverflowError: "double"}), 2.0)
    >>> half(lambda x: ...)
    Not yet. Your <lambda> returns nothing yet: replace the three dots.
    >>> half(lambda x: (2.0, ...))
    Not yet. Your <lambda> returns nothing yet: replace the three dots.
    >>> def one_branch(x):
    ...     if x < 0:
    ...         return x / 2
    >>> half(one_branch)
    Not yet. Your one_branch returned None: did you print instead of return, or forget a return in
    one branch?
    >>> half(lambda x: (2.0, None))
    Not yet. Your <lambda> returned None among its values: did you print instead of return, or
    forget a return in one branch?
    >>> half(one_branch(-4))
    Not yet. Pass the function itself, not float.
    >>> half(lambda x: 1 / 0)
    Not yet. Your <lambda> stopped with ZeroDivisionError: division by zero
    >>> half(lambda: 2.0)
    Not yet. Your <lambda> stopped with TypeError: <lambda>() takes 0 positional arguments but 1 was
    given
    >>> half(lambda x: 10.0 ** (100 * x))
    Not yet. That is twice, not half.
    """
    error = error or {}
    if not callable(answer):
        raise _Stop(RAISED, f"Pass the function itself, not {type(answer).__name__}.")
    name = f"Your {getattr(answer, '__name__', 'function')}"
    _calls.append(name)
    # What it prints at first is the reader's own look inside; of hundreds of calls it is too much.
    out = sys.stdout if len(_calls) <= 3 else io.StringIO()
    try:
        with _answers.watched(_lenders), contextlib.redirect_stdout(out):
            value = _answers.listed(answer(*(copy.deepcopy(arguments) if fresh else arguments)))
    except Exception as problem:
        for kind, mistake in error.items():
            if isinstance(problem, kind):
                raise _Stop(mistake) from None
        text = f"{name} stopped with {type(problem).__name__}: {problem}"
        raise _Stop(RAISED, text) from None
    if _answers.holds(value, ...) or (value is None and _does_nothing(answer)):
        raise _Stop(UNTOUCHED, f"{name} returns nothing yet: replace the three dots.")
    if value is None and type(None) in error:
        raise _Stop(error[type(None)])
    if _answers.holds(value, None):
        among = "None" if value is None else "None among its values"
        text = "did you print instead of return, or forget a return in one branch?"
        raise _Stop(NONE, f"{name} returned {among}: {text}")
    return value


def compare(
    value: Any,
    wanted: Any,
    what: str = "the result",
    *,
    tolerance: float = 1e-4,
    look: str | None = None,
    fields: Mapping[str, Any] | None = None,
    **mistakes: Any,
) -> None:
    """Go on if the value is the wanted one; otherwise end the checker with a diagnosis.

    Parameters
    ----------
    value : number or array-like
        What the reader's answer gave.
    wanted : number or array-like
        What is right.
    what : str
        How to call the value in the general message.
    tolerance : float
        Largest absolute difference that counts as equal.
    look : str, optional
        For a number to be predicted: what to look at again. The general message then says on which
        side the answer lies and ends with this, and does not give the wanted number away.
    fields : dict, optional
        Texts for the ``{}`` fields of the messages.
    **mistakes : number or array-like
        Values that typical mistakes lead to, by the names of their messages.

    Examples
    --------
    >>> @checker(right="Two rows of six.", row="That is one {kind} row.")
    ... def dozen(answer):
    ...     look = "Count both rows of the box."
    ...     compare(answer, 12, "the number of eggs", look=look, fields={"kind": "short"}, row=6)
    >>> dozen(7), dozen(13.5), dozen([6])
    (Not yet. The number of eggs is too small: 7. Count both rows of the box.,
     Not yet. The number of eggs is too large: 13.5. Count both rows of the box.,
     Not yet. That is one short row.)
    >>> dozen([6, 6])
    Not yet. The number of eggs has shape (2,), wanted a single number.
    >>> dozen({6})
    Not yet. The number of eggs is a set, which has no order and drops what comes twice: wanted a
    number.
    >>> dozen("12"), dozen({"eggs": 12})
    (Not yet. The number of eggs should be a number, not text.,
     Not yet. The number of eggs should be a number, not a dict.)

    Without `look` the wanted values are told.

    >>> @checker(right="Half of each.")
    ... def halves(answer):
    ...     compare(answer, [1.5, 2.5], "the halves")
    >>> halves([1.50009, 2.5]), halves(np.array([2, 2.5]))
    (Right. Half of each., Not yet. The halves are [2. , 2.5], wanted [1.5, 2.5].)
    >>> halves([1, 2])
    Not yet. The halves are cut to whole numbers, by int, by // or by an array of such.
    >>> halves(1.5)
    Not yet. The halves are a single number, wanted shape (2,).
    >>> halves([1.5, float("inf")])
    Not yet. The halves are [1.5, inf]: did you divide by 0, or take its logarithm?
    >>> halves(["1.5", 2.5])
    Not yet. The halves should be a list or an array of numbers, not a list with text in it.
    >>> halves([1.5, [2.5, 3.5]])
    Not yet. The halves should be a list or an array of numbers, not a list of other things, or of
    several shapes.

    Of a long array one entry is told, and of numbers that are nearly equal more digits.

    >>> @checker()
    ... def thirds(answer):
    ...     compare(answer, np.full((4, 4), 1 / 3), "the thirds", tolerance=1e-6)
    >>> thirds(np.full((4, 4), 0.33333)), thirds(1 / 3 + np.eye(4)[::-1])
    (Not yet. The thirds are not right, first at [0, 0]: 0.33333, wanted 0.3333333333.,
     Not yet. The thirds are not right, first at [0, 3]: 1.3333, wanted 0.3333.)
    """
    shape = np.shape(wanted)
    verb, has = ("are", "have") if _answers.plural(what) else ("is", "has")
    kind = "a number" if shape == () else "a list or an array of numbers"
    if isinstance(value, Set):
        text = f"{what} {verb} a set, which has no order and drops what comes twice: wanted {kind}."
        raise _Stop(WRONG_SHAPE, text)
    try:
        got = _answers.numbers(value, shape)
    except Exception:
        text = f"{what} should be {kind}, not {_kind(value)}."
        raise _Stop(WRONG_SHAPE, text) from None
    if _answers.equal(got, wanted, tolerance):
        return
    known(got, tolerance, fields, **mistakes)
    if got.shape != shape:
        one = "a single number"
        text = f"{what} {has} shape {got.shape}" if got.shape else f"{what} {verb} {one}"
        raise _Stop(WRONG_SHAPE, f"{text}, wanted {f'shape {shape}' if shape else one}.")
    if not np.isfinite(got).all():
        text = f"{what} {verb} {_answers.shown(got)}: did you divide by 0, or take its logarithm?"
        raise _Stop(NOT_FINITE, text)
    if look is None:
        if got.any() and _answers.equal(got, np.trunc(wanted), 0):
            text = f"{what} {verb} cut to whole numbers, by int, by // or by an array of such."
            raise _Stop(WHOLE_NUMBERS, text)
        good, part = np.asarray(wanted, float), ""
        if good.size > 12:  # one entry says where to look
            place = tuple(np.argwhere(~np.isclose(got, good, 0, tolerance))[0].tolist())
            got, good, part = got[place], good[place], f"not right, first at {[*place]}: "
        digits = 10 if _answers.shown(got) == _answers.shown(good) else 4
        texts = [_answers.shown(each, digits) for each in (got, good)]
        raise _Stop(OTHER, f"{what} {verb} {part}{', wanted '.join(texts)}.")
    raise _Stop(OTHER, f"{what} {verb} {_answers.side(got, wanted)}: {_answers.shown(got)}. {look}")


def known(
    value: Any, tolerance: float = 1e-4, fields: Mapping[str, Any] | None = None, **mistakes: Any
) -> None:
    """End the checker if the value is one that a typical mistake leads to; otherwise go on.

    Parameters are those of :func:`compare`, for a value whose parts are compared one by one.
    """
    for mistake, wrong in mistakes.items():
        try:
            got = _answers.numbers(value, np.shape(wrong))
        except Exception:  # text, say: no number at all
            continue
        if _answers.equal(got, wrong, tolerance):
            raise _Stop(mistake, **(fields or {}))


def elements(answer: Any, wanted: Sequence[float], what: str = "the list") -> Sequence[Any]:
    """Give the answer back, to compare its numbers one by one, if it has as many as wanted.

    Examples
    --------
    >>> @checker(right="Five along the diagonal.")
    ... def sides(answer):
    ...     width, height = elements(answer, [3, 4], "the pair")
    ...     compare(width, 3, "the width")
    ...     compare(height, 4, "the height")
    >>> sides([3, 4.5]), sides(number for number in (3, 4))
    (Not yet. The height is 4.5, wanted 4., Right. Five along the diagonal.)
    >>> sides([3, [4, 5]])
    Not yet. The height has shape (2,), wanted a single number.
    >>> sides([3, 4, 5])
    Not yet. The pair has shape (3,), wanted shape (2,).
    >>> sides("34")
    Not yet. The pair should be a list or an array of numbers, not text.
    >>> sides([3, ...]), sides([3, None])
    (Not yet. There is no answer yet: replace the three dots.,
     Not yet. There is None among the values.)
    """
    in_order = hasattr(answer, "__getitem__") and not isinstance(answer, (str, Mapping))
    if not in_order or len(answer) != len(wanted):
        compare(answer, wanted, what)
    return answer


def table(tests: Sequence[tuple[Any, str]], **fields: Any) -> None:
    """End the checker with the first mistake of the table whose question is answered with yes.

    Examples
    --------
    >>> @checker(right="Between.", low="Too low.", high="{n} is too high.")
    ... def between(answer):
    ...     table([(answer < 3, "low"), (answer > 5, "high")], n=answer)
    >>> between(9)
    Not yet. 9 is too high.
    """
    for hit, mistake in tests:
        if hit:
            stop(mistake, **fields)


def within(answer: Any, low: float, high: float) -> bool:
    """Whether an answer is a number between two others: one in per cent, say.

    Examples
    --------
    >>> within(78.25, 2, 100), within("78", 2, 100), within([3, 4], 2, 100)
    (True, False, False)
    """
    try:
        return bool(low < _answers.numbers(answer, ()) < high)
    except (TypeError, ValueError):
        return False


def _given(function: Callable, arguments: tuple, options: dict) -> Any:
    """The one answer that a checker was called with."""
    if len(arguments) != 1 or options:
        name = function.__name__
        text = (
            f"Call it with one answer: {name}(answer), or {name}((first, second)) if that is two."
        )
        raise _Stop(CALLED, text)
    answer = _answers.listed(arguments[0])
    if _answers.holds(answer, ...):
        raise _Stop(UNTOUCHED, _DOTS)
    if answer is None:
        raise _Stop(NONE, "The answer is None: print gives nothing back, and so does .sort().")
    if _answers.holds(answer, None):
        raise _Stop(NONE, "There is None among the values.")
    return answer


def _does_nothing(function: Any) -> bool:
    """Whether a function is a stub, whose three dots stand without return."""
    if not hasattr(function, "__code__"):
        return False
    steps = {step.opname for step in dis.get_instructions(function)}
    return steps <= {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return "text"
    kind = "an array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
    if not isinstance(value, (list, tuple, np.ndarray)):
        return kind
    text = any(isinstance(part, str) for part in value)
    return f"{kind} with text in it" if text else f"{kind} of other things, or of several shapes"
