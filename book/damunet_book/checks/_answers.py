"""What comes back from a reader, made comparable, and how to speak of it."""

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from types import FrameType
from typing import Any

import numpy as np

LAZY = (range, Iterator, type({}.keys()), type({}.values()), type({}.items()))

PACKAGE = re.compile(r"damunet_lite\b|damunet_book\.results\b")


@contextlib.contextmanager
def watched(called: list[str]) -> Iterator[None]:
    """Note the modules of the package whose functions are called inside, in order.

    Examples
    --------
    >>> from damunet_book import results
    >>> from damunet_lite import metrics
    >>> called = []
    >>> with watched(called):
    ...     score = metrics.accuracy([[1, 0]], [[1, 1]])
    >>> called[0]
    'damunet_lite.metrics'
    >>> ends = results.interval([1, 2, 3])  # outside
    >>> any("results" in module for module in called)
    False
    >>> with watched(called):
    ...     ends = results.interval([1, 2, 3])
    >>> called[-1]
    'damunet_book.results.scores'
    """

    def note(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__") or ""
        if event == "call" and PACKAGE.match(module) and frame.f_code.co_name != "<module>":
            called.append(module)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


def listed(value: Any) -> Any:
    """Lists in place of generators, ranges, maps and views, inside a tuple or list as well.

    Examples
    --------
    >>> listed((range(2), (n for n in "ab"), 3))
    ([0, 1], ['a', 'b'], 3)
    """
    if isinstance(value, LAZY):
        value = list(value)
    if type(value) in (list, tuple):
        return type(value)(list(part) if isinstance(part, LAZY) else part for part in value)
    return value


def holds(value: Any, what: Any) -> bool:
    """Whether ``...`` or None is the value, or stands among its parts."""
    parts: Any = (value,)
    if isinstance(value, Mapping):
        # A dictionary of None alone is an ordered set, as dict.fromkeys makes it.
        parts = value.values() if any(part is not None for part in value.values()) else ()
    elif isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)):
        parts = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = value.ravel()
    return any(part is what for part in parts)


def numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The value as an array of floats; one-element arrays are taken for the number in them.

    Parameters
    ----------
    value : number or array-like
        What the reader gave, a tensor of any library included.
    shape : tuple of int
        Shape of the right answer.

    Raises
    ------
    TypeError, ValueError
        If it holds anything but numbers, or parts of several shapes.

    Examples
    --------
    >>> numbers([[3]], ())
    array(3.)
    >>> numbers([np.array([3]), 4], (2,))
    array([3., 4.])
    """
    if isinstance(value, (list, tuple)) and len(shape) == 1:
        value = [number(part) for part in value]
    if hasattr(value, "detach"):  # a PyTorch tensor with a gradient
        value = value.detach()
    raw = value if isinstance(value, np.ndarray) else np.asarray(value)
    if raw.dtype.kind in "USMmVc" or (raw.dtype == object and _text_among(raw)):
        raise TypeError("no numbers")
    array = np.asarray(raw, dtype=float)
    return array.reshape(()) if shape == () and array.size == 1 else array


def _text_among(array: np.ndarray) -> bool:
    return any(isinstance(part, (str, bytes)) for part in array.flat)


def number(value: Any) -> Any:
    """The number in a one-element array; anything else as it is."""
    if isinstance(value, (str, bytes, Mapping, Set)):
        return value
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    return array.reshape(())[()] if array.size == 1 else value


def equal(got: np.ndarray, wanted: Any, tolerance: float) -> bool:
    """Whether shapes are the same and no entry is further away than the tolerance."""
    wanted = np.asarray(wanted, dtype=float)
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=0, atol=tolerance)


def side(got: np.ndarray, wanted: Any) -> str:
    """On which side of the right answer an answer lies.

    Examples
    --------
    >>> side(np.array([0, 0.5]), [1, 1]), side(np.array([0.5, 1]), [1, 1])
    ('too small', 'not right')
    """
    if np.all(got > wanted):
        return "too large"
    return "too small" if np.all(got < wanted) else "not right"


def shown(array: np.ndarray, digits: int = 4) -> str:
    """Rounded, on one line; whole numbers without the point that NumPy puts behind them.

    Examples
    --------
    >>> shown(np.array([1.0, 2.0])), shown(np.array(2 / 3)), shown(np.array(2 / 3), 6)
    ('[1, 2]', '0.6667', '0.666667')
    >>> shown(np.zeros((8, 9)))
    '[0, 0, 0, ..., 0, 0, 0]'
    """
    array = array.ravel() if array.size > 12 else array
    if np.all(np.abs(array) < 1e15) and np.array_equal(array, np.round(array)):
        array = array.astype(int)
    return np.array2string(array, precision=digits, threshold=12, separator=", ")


def plural(what: str) -> bool:
    """Whether the noun that a text begins with is one of many.

    Examples
    --------
    >>> [plural(text) for text in ("the weights for decay 1", "mean and deviation")]
    [True, True]
    >>> [plural(text) for text in ("the list of weights", "the loss", "the way through the levels")]
    [False, False, False]
    """
    head = re.split(r",| (?:of|for|with|without|after|through|at|in|on|to|by) ", what)[0]
    return " and " in head or bool(re.search(r"[^s]s$", head))


def sentence(text: str) -> str:
    """The text with a capital letter in front, unless it begins with a name from code.

    Examples
    --------
    >>> [sentence(text) for text in ("the loss", "fn_weight", "(tp, fn, fp)", "1 + cos")]
    ['The loss', 'fn_weight', '(tp, fn, fp)', '1 + cos']
    """
    word = re.split(r"[\s,:.]", text, maxsplit=1)[0]
    return text if re.search(r"[^a-z-]", word) else text[:1].upper() + text[1:]
