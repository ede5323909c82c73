"""What the chapters of the DAMU-Net book import beside the package: checkers, figures, results."""

import warnings

from damunet_lite import data, synthetic

__all__ = ["load_stack"]


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
