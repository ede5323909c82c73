"""Exercise checkers: they say what went wrong, not just that it did.

Each chapter has a module here (``checks.ch03``), each exercise a function in it that takes the
reader's answer and returns a :class:`Verdict`. A typical mistake is recognised by the value it
leads to, on an input where every mistake leads to another value.

A checker is a function with :func:`checker` around it that calls :func:`run` on the reader's
function and :func:`compare` on what comes out::

    @checker
    def dice(answer) -> Verdict:
        value = run(answer, np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]))
        compare(value, 0.5, {"without_two": (0.25, "the overlap counts twice")})
        return right("Twice the overlap, over the sum of both areas.")
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Verdict", "checker", "compare", "elements", "not_yet", "right", "run"]

UNTOUCHED = "untouched"
RAISED = "raised"
WRONG_SHAPE = "wrong_shape"
OTHER = "other"


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
    def __init__(self, verdict: Verdict):
        super().__init__(verdict.message)
        self.verdict = verdict


def right(message: str) -> Verdict:
    """Verdict on a right answer; the message adds something worth knowing."""
    return Verdict(True, message)


def not_yet(message: str, mistake: str = OTHER) -> Verdict:
    """Verdict on a wrong answer, with the name of the mistake."""
    return Verdict(False, message, mistake)


def checker(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
    """Let :func:`run` and :func:`compare` end a checker early with their diagnosis.

    Examples
    --------
    >>> @checker
    ... def half(answer):
    ...     compare(run(answer, 4), 2.0, {"double": (8.0, "that is twice, not half")})
    ...     return right("Half of it.")
    >>> half(lambda x: 2 * x)
    Not yet. that is twice, not half
    >>> half(lambda x: x / 2)
    Right. Half of it.
    """

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> Verdict:
        try:
            return function(*arguments, **options)
        except _Stop as stop:
            return stop.verdict

    return checked


def run(answer: Any, *arguments: Any, **options: Any) -> Any:
    """Call the reader's function; None, ``...`` and exceptions become a diagnosis."""
    name = getattr(answer, "__name__", "your answer")
    if answer is None or answer is Ellipsis:
        raise _Stop(not_yet("There is no answer yet: replace the three dots.", UNTOUCHED))
    if not callable(answer):
        raise _Stop(not_yet(f"Pass the function itself, not {type(answer).__name__}.", RAISED))
    try:
        value = answer(*arguments, **options)
    except Exception as error:
        text = f"{name} stopped with {type(error).__name__}: {error}"
        raise _Stop(not_yet(text, RAISED)) from error
    if _untouched(value):
        raise _Stop(not_yet(f"{name} returns nothing yet: replace the three dots.", UNTOUCHED))
    return value


def compare(
    value: Any,
    wanted: Any,
    mistakes: Mapping[str, tuple[Any, str]] | None = None,
    tolerance: float = 1e-4,
    what: str = "the result",
    look: str | None = None,
) -> None:
    """Go on if the value is the wanted one; otherwise end the checker with a diagnosis.

    Parameters
    ----------
    value : number or array-like
        What the reader's answer gave.
    wanted : number or array-like
        What is right.
    mistakes : dict of str to (value, message), optional
        Values that typical mistakes lead to, and what to say of each.
    tolerance : float
        Largest absolute difference that counts as equal.
    what : str
        How to call the value in the general message.
    look : str, optional
        For a number to be predicted: what to look at again. The general message then says on which
        side the answer lies and ends with this, and does not give the wanted number away.

    Examples
    --------
    >>> @checker
    ... def dozen(answer):
    ...     compare(answer, 12, what="the number of eggs", look="Count both rows of the box.")
    ...     return right("Two rows of six.")
    >>> dozen(6)
    Not yet. the number of eggs is too small: 6. Count both rows of the box.
    """
    if _untouched(value):
        raise _Stop(not_yet("There is no answer yet: replace the three dots.", UNTOUCHED))
    try:
        got = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        text = f"{what} should be a number or an array, not {type(value).__name__}."
        raise _Stop(not_yet(text, WRONG_SHAPE)) from None
    if _equal(got, wanted, tolerance):
        return
    for mistake, (wrong, message) in (mistakes or {}).items():
        if _equal(got, wrong, tolerance):
            raise _Stop(not_yet(message, mistake))
    verb, has = ("are", "have") if _plural(what) else ("is", "has")
    if got.shape != np.shape(wanted):
        text = f"{what} {has} shape {got.shape}, wanted {np.shape(wanted)}."
        raise _Stop(not_yet(text, WRONG_SHAPE))
    if look is None:
        text = f"{what} {verb} {_shown(got)}, wanted {_shown(np.asarray(wanted, float))}."
    else:
        text = f"{what} {verb} {_side(got, wanted)}: {_shown(got)}. {look}"
    raise _Stop(not_yet(text))


def elements(answer: Any, wanted: Sequence[float], what: str = "the list") -> Sequence[Any]:
    """Give the answer back, to compare its numbers one by one, if it has as many as wanted.

    Examples
    --------
    >>> @checker
    ... def sides(answer):
    ...     width, height = elements(answer, [3, 4], "the pair")
    ...     compare(width, 3, what="the width")
    ...     compare(height, 4, what="the height")
    ...     return right("Five along the diagonal.")
    >>> sides([3, 4, 5])
    Not yet. the pair has shape (3,), wanted (2,).
    """
    listed = isinstance(answer, (tuple, list, np.ndarray))
    if not listed or _untouched(answer) or len(answer) != len(wanted):
        compare(answer, wanted, what=what)
    return answer


def _untouched(value: Any) -> bool:
    """Whether a stub's three dots are still there, alone or among several values."""
    parts = value if isinstance(value, (tuple, list)) else (value,)
    return any(part is None or part is Ellipsis for part in parts)


def _equal(got: np.ndarray, wanted: Any, tolerance: float) -> bool:
    wanted = np.asarray(wanted, dtype=float)
    return got.shape == wanted.shape and bool(
        np.allclose(got, wanted, rtol=0, atol=tolerance, equal_nan=True)
    )


def _plural(what: str) -> bool:
    """Whether the noun that ``what`` begins with is one of many: "the weights for decay 1"."""
    head = re.split(r",| (?:of|for|with|without|after|through|at|in|on|to|by) ", what)[0]
    return " and " in head or bool(re.search(r"[^s]s$", head))


def _side(got: np.ndarray, wanted: Any) -> str:
    if np.all(got > wanted):
        return "too large"
    return "too small" if np.all(got < wanted) else "not right"


def _shown(array: np.ndarray) -> str:
    """Rounded; whole numbers without the point that NumPy puts behind them."""
    if np.all(np.abs(array) < 1e15) and np.array_equal(array, np.round(array)):
        array = array.astype(int)
    return np.array2string(array, precision=4, threshold=12, separator=", ")
