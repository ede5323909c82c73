"""Networks, losses and scores for membrane segmentation, as taught in the DAMU-Net book.

Importing the package is cheap: no network library comes with it. As soon as Keras is imported, by
you or by one of the network modules, the package's layers, losses and model class are registered
with it, so that ``keras.models.load_model`` reads every ``.keras`` file written here with
``safe_mode`` on and without ``custom_objects``.

:func:`pretrained` gives a trained network in one line.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from damunet_lite.supervision import SegmentationNetwork

__version__ = "0.1.0"

# TensorFlow turns its fast CPU kernels on by itself only for processors with AVX-512. On the
# others they make a training step two to three times faster; set the variable to 0 to refuse.
# A TensorFlow that is loaded already no longer reads it, and processes started from here, which
# would, are to compute the same numbers.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def pretrained(name: str) -> "SegmentationNetwork":
    """Give a trained network by its name: :func:`damunet_lite.weights.pretrained`.

    Parameters
    ----------
    name : {"tiny"}
        A DAMU-Net with 6 base filters that comes with the package.

    Returns
    -------
    SegmentationNetwork
        Not compiled. Its weights were trained on data for non-commercial software.

    Raises
    ------
    ValueError
        If no network has that name.

    Examples
    --------
    >>> pretrained("tiny").name
    'damu_net'
    """
    from damunet_lite import weights

    return weights.pretrained(name)


# A file names its classes, and Keras imports none of them by itself: not knowing one is an error.
@wrapt.when_imported("keras")
def _register_with_keras(_keras) -> None:
    for name in ("layers", "losses", "supervision"):  # in any order, half imported or not
        importlib.import_module(f"{__name__}.{name}")
