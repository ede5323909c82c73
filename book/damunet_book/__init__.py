"""What the chapters of the DAMU-Net book import beside the package: checkers, figures, results."""

import warnings
from typing import Any

import numpy as np
from scipy import ndimage

from damunet_lite import data, synthetic

__all__ = ["describe", "load_stack", "start_again"]


def load_stack() -> data.Stack:
    """Give the real training stack if it can be had, else a drawn one with a warning.

    Returns
    -------
    Stack
        ``data.isbi2012("train")``, or ``synthetic.synthetic_stack()`` together with one
        UserWarning; its `name` tells which.

    Examples
    --------
    >>> len(load_stack())  # doctest: +SKIP
    30
    """
    try:
        return data.isbi2012("train")
    except data.DataError:
        warnings.warn(
            "using a synthetic stack, numbers will differ from the book's; DAMUNET_DATA can name a "
            "folder with the real one, data.isbi2012() says why it was not downloaded",
            UserWarning,
            stacklevel=2,
        )
        return synthetic.synthetic_stack()


def describe(stack: data.Stack) -> dict[str, float | int | str | None]:
    """Summarise a stack in a few numbers.

    Parameters
    ----------
    stack : Stack
        Any stack.

    Returns
    -------
    dict
        ``name``, ``slices``, ``height``, ``width`` (pixels), ``grey_mean`` and ``grey_sd``
        (grey values in [0, 1]), ``membrane_fraction`` and ``cells_per_slice`` (mean number of
        4-connected cells); the last two are None without membranes.

    Examples
    --------
    >>> images = np.zeros((1, 4, 4, 1), np.float32)
    >>> images[:, :2] = 1  # half white, half black
    >>> wall = np.zeros((1, 4, 4, 1), np.float32)
    >>> wall[:, :, 1] = 1  # one cell left of it, one right of it
    >>> for name, value in describe(data.Stack(images, wall, "wall")).items():
    ...     print(f"{name}: {value}")
    name: wall
    slices: 1
    height: 4
    width: 4
    grey_mean: 0.5
    grey_sd: 0.5
    membrane_fraction: 0.25
    cells_per_slice: 2.0
    >>> print(describe(data.Stack(images, None, "no truth"))["cells_per_slice"])
    None
    """
    n, height, width, _ = stack.images.shape
    masks = [] if stack.membranes is None else stack.membranes[..., 0]
    cells = [ndimage.label(mask == 0)[1] for mask in masks]
    return {
        "name": stack.name,
        "slices": n,
        "height": height,
        "width": width,
        "grey_mean": float(stack.images.mean(dtype=np.float64)),
        "grey_sd": float(stack.images.std(dtype=np.float64)),
        "membrane_fraction": float(np.mean(masks, dtype=np.float64)) if cells else None,
        "cells_per_slice": float(np.mean(cells)) if cells else None,
    }


def start_again(network: Any, weights: list) -> None:
    """Give a compiled network the weights of another start, and its optimiser no memory.

    Compiling is slow; so one network can serve several trainings, each as if it were the first.

    Parameters
    ----------
    network : keras.Model
        Compiled; a learning rate that was set stays.
    weights : list of np.ndarray
        What ``get_weights`` gave.

    Examples
    --------
    >>> import keras
    >>> network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> network.compile(keras.optimizers.Adam(0.1), "mse")
    >>> start, ends = network.get_weights(), []
    >>> for _ in range(2):
    ...     start_again(network, start)
    ...     history = network.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=3, verbose=0)
    ...     ends.append(network.get_weights())
    ...     history = network.fit(np.ones((1, 1)), np.full((1, 1), np.nan), verbose=0)  # diverges
    >>> np.array_equal(ends[0][0], ends[1][0]), np.array_equal(ends[0][0], start[0])
    (True, False)
    """
    network.set_weights(weights)
    for memory in network.optimizer.variables:
        if memory.name != "learning_rate":
            memory.assign(np.zeros(memory.shape))
