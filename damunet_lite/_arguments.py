"""Checks of arguments, with one form of message: which argument, what came, what was wanted.

Every function returns its value in the form that the caller computes with. NumPy only.
"""

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

#: Limits of ranges hold to this much: what resizing or float32 rounds away is forgiven.
ROUNDING = 1e-6


def integer(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> int:
    """A whole number between limits; NumPy's integers count, truth values do not."""
    wanted = f"an integer >= {least}" if most == math.inf else f"an integer, {least} to {most}"
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)) or not least <= number <= most:
        raise ValueError(f"{name} is {value!r}, wanted {wanted}")
    return number


def number(name: str, value: Any, inside, wanted: str) -> float:
    """A finite real number for which ``inside(value)`` holds; ``wanted`` says that in words."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not inside(value):
        raise ValueError(f"{name} is {value!r}, wanted {wanted}")
    return float(value)


def choice(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """One of several values, compared with their type: 1 is not True."""
    allowed = tuple(allowed)
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise ValueError(f"{name} is {value!r}, wanted one of {allowed}")
    return value


def binary(name: str, mask: Any) -> np.ndarray:
    """A mask of 0 and 1 as truth values."""
    mask = np.asarray(mask)
    if mask.size == 0:
        raise ValueError(f"{name} has shape {mask.shape}, wanted at least one pixel")
    if mask.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {mask.dtype}, wanted 0/1 numbers or bool")
    _all(
        name,
        mask,
        (abs(mask) <= ROUNDING) | (abs(mask - np.ones((), mask.dtype)) <= ROUNDING)
        if mask.dtype.kind == "f"
        else (mask == 0) | (mask == 1),
        "only 0 and 1",
    )
    return mask > 0.5


def probability(name: str, array: Any) -> np.ndarray:
    """Values in [0, 1]; what rounding has pushed out is put back."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}, wanted floats in [0, 1]")
    # written so that NaN fails as well
    inside = (array >= -ROUNDING) & (array <= 1 + ROUNDING)
    _all(name, array, inside, "values in [0, 1] (logits? pass them through a sigmoid)")
    return array if array.dtype.kind != "f" else np.clip(array, 0, 1)


def labels(name: str, array: Any) -> np.ndarray:
    """Integers >= 0: 0 for membrane, one number for each cell."""
    array = np.asarray(array)
    if array.dtype.kind not in "biu":
        raise ValueError(f"{name} has dtype {array.dtype}, wanted integers >= 0")
    _all(name, array, array >= 0, "integers >= 0")
    return array.astype(np.uint8) if array.dtype == bool else array


def slices(name: str, stack: Any) -> np.ndarray:
    """A stack [N, H, W] or [N, H, W, 1] as [N, H, W]; a last axis of 2 to 4 is colour."""
    array = np.asarray(stack)
    if array.ndim == 4 and array.shape[-1] == 1:
        return array[..., 0]
    if array.ndim != 3 or (array.shape[-1] in (2, 3, 4) and min(array.shape[:2]) > 4):
        colour = array.ndim in (3, 4) and array.shape[-1] in (2, 3, 4)
        hint = ": colour? pass one channel" if colour else ""
        raise ValueError(f"{name} has shape {array.shape}, wanted [N, H, W] or [N, H, W, 1]{hint}")
    return array


def same_shape(name: str, array: np.ndarray, other: str, reference: np.ndarray) -> None:
    """Whether an array has the shape of another one."""
    if array.shape != reference.shape:
        raise ValueError(f"{name} has shape {array.shape}, wanted {reference.shape} like {other}")


def _all(name: str, array: np.ndarray, right: np.ndarray, wanted: str) -> None:
    if not np.all(right):
        wrong = array[~right]
        raise ValueError(f"{name} holds {wrong[0]} ({wrong.size} such pixels), wanted {wanted}")
