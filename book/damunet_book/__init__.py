"""What the chapters of the DAMU-Net book import beside the package: checkers, figures, results."""

import warnings
from typing import Any

from damunet_lite import data, synthetic

__all__ = ["load_stack", "start_again"]


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
    >>> import numpy as np
    >>> network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> network.compile(keras.optimizers.Adam(0.1), "mse")
    >>> start, ends = network.get_weights(), []
    >>> for _ in range(2):
    ...     start_again(network, start)
    ...     history = network.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=3, verbose=0)
    ...     ends.append(network.get_weights())
    >>> np.array_equal(ends[0][0], ends[1][0])
    True
    """
    network.set_weights(weights)
    for memory in network.optimizer.variables:
        if memory.name != "learning_rate":
            memory.assign(0 * memory)
