"""Checks of arguments, with one form of message: which argument, what came, what was wanted.

Every function returns its value in the form that the caller computes with. NumPy only.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

#: Limits of ranges hold to this much: what resizing or float32 rounds away is forgiven.
ROUNDING = 1e-6


def integer(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> int:
    """A whole number between limits; NumPy's integers count, truth values do not."""
    wanted = f"an integer >= {least}" if most == math.inf else f"an integer, {least} to {most}"
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, wanted {wanted}")
    return int(value)


def number(name: str, value: Any, inside, wanted: str) -> float:
    """A finite real number for which ``inside(value)`` holds; ``wanted`` says that in words."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not inside(value):
        raise ValueError(f"{name} is {value!r}, wanted {wanted}")
    return float(value)


def at_least_0(name: str, value: Any) -> float:
    """A finite number, 0 or more."""
    return number(name, value, lambda given: given >= 0, "a finite number >= 0")


def above_0(name: str, value: Any) -> float:
    """A finite number above 0."""
    return number(name, value, lambda given: given > 0, "a finite number > 0")


def share(name: str, value: Any) -> float:
    """A part of a whole that something must be left of."""
    return number(name, value, lambda given: 0 <= given < 1, "a number in [0, 1)")


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """One of several values, compared with their type: 1 is not True."""
    allowed = tuple(allowed)
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise ValueError(f"{name} is {value!r}, wanted one of {allowed}")
    return value


def truth(name: str, value: Any) -> bool:
    """A truth value and nothing that would count as one, such as the word "no"."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} is {value!r}, wanted True or False")
    return bool(value)


def shape(name: str, array: Any, wanted: str) -> np.ndarray:
    """An array of a shape that is spelt out, such as "[H, W] or [N, H, W, 1]"."""
    array = np.asarray(array)
    for spelt in re.findall(r"\[(.*?)\]", wanted):
        axes = spelt.split(", ")
        fits = [a == str(n) or a.isalpha() for a, n in zip(axes, array.shape, strict=False)]
        if len(axes) == array.ndim and all(fits):
            return array
    raise ValueError(f"{name} has shape {array.shape}, wanted {wanted}")


def plane(name: str, array: Any) -> np.ndarray:
    """A picture or mask [H, W] or [H, W, 1] as [H, W].

    Examples
    --------
    >>> plane("mask", np.zeros((2, 3, 1))).shape
    (2, 3)
    """
    array = shape(name, array, "[H, W] or [H, W, 1]")
    return array[..., 0] if array.ndim == 3 else array


def slices(name: str, stack: Any, wanted: str = "[N, H, W] or [N, H, W, 1]") -> np.ndarray:
    """A stack as [N, H, W], a single image where that is wanted too; never colour for grey.

    Examples
    --------
    >>> slices("images", np.zeros((4, 4, 4))).shape  # too thin to be a picture in colour
    (4, 4, 4)
    >>> slices("images", np.zeros((5, 5, 4)))
    Traceback (most recent call last):
    ValueError: images has shape (5, 5, 4), wanted [N, H, W] or [N, H, W, 1]: colour?
    """
    array = np.asarray(stack)
    coloured = array.ndim in (3, 4) and array.shape[-1] in (2, 3, 4)
    if coloured and (array.ndim == 4 or min(array.shape[:2]) > 4):
        raise ValueError(f"{name} has shape {array.shape}, wanted {wanted}: colour?")
    if array.ndim == 3 and array.shape[-1] == 1:
        wanted += f": {name}[..., 0] for one image, {name}[None] for a stack of one"
        raise ValueError(f"{name} has shape {array.shape}, wanted {wanted}")
    array = shape(name, array, wanted)
    return {2: array[None], 3: array, 4: array[..., 0]}[array.ndim]


def same_shape(name: str, array: np.ndarray, other: str, reference: np.ndarray) -> None:
    """Whether an array has the shape of another one."""
    if array.shape != reference.shape:
        raise ValueError(f"{name} has shape {array.shape}, wanted {reference.shape} like {other}")


def dtype(name: str, array: Any, kinds: Iterable[str], wanted: str) -> np.ndarray:
    """An array whose dtype, by its name or by the letter of its kind, is among those wanted."""
    array = np.asarray(array)
    if not {array.dtype.kind, array.dtype.name} & set(kinds):
        raise ValueError(f"{name} has dtype {array.dtype}, wanted {wanted}")
    return array


def probability(
    name: str, array: Any, wanted: str = "[0, 1]: logits?", rounding: float = ROUNDING
) -> np.ndarray:
    """Values in [0, 1]; what rounding has pushed out is put back."""
    array = dtype(name, array, "biuf", "floats in [0, 1]")
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    # written so that NaN fails as well
    if not (low >= -rounding and high <= 1 + rounding):
        raise ValueError(f"{name} has values from {low} to {high}, wanted {wanted}")
    return np.clip(array, 0, 1) if low < 0 or high > 1 else array


def binary(name: str, mask: Any) -> np.ndarray:
    """A mask of 0 and 1 as truth values."""
    mask = dtype(name, mask, "biuf", "0/1 numbers or bool")
    if mask.size == 0:
        raise ValueError(f"{name} has shape {mask.shape}, wanted at least one pixel")
    positive = mask > 0.5
    if mask.dtype != bool:
        _all(name, mask, abs(mask.astype(float) - positive) <= ROUNDING, "only 0 and 1")
    return positive


def integers(name: str, values: Any) -> np.ndarray:
    """Whole numbers, 0 or more; an empty list is one of them."""
    array = np.asarray(values)
    array = dtype(name, array if array.size else array.astype(int), "iu", "integers >= 0")
    _all(name, array, array >= 0, "integers >= 0")
    return array


def labels(name: str, array: Any) -> np.ndarray:
    """Integers >= 0: 0 for membrane, one number for each cell; a mask is one cell."""
    array = np.asarray(array)
    return integers(name, array.astype(np.uint8) if array.dtype == bool else array)


def _all(name: str, array: np.ndarray, right: np.ndarray, wanted: str) -> None:
    if not right.all():
        wrong = array[~right]
        raise ValueError(f"{name} holds {wrong[0]} ({wrong.size} such values), wanted {wanted}")
