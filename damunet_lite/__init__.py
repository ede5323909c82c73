"""Networks, losses and scores for membrane segmentation, as taught in the DAMU-Net book.

Importing the package is cheap: NumPy-only modules (:mod:`damunet_lite.data`,
:mod:`damunet_lite.metrics`) never pull in Keras. As soon as Keras is imported, by you or by
one of the network modules, the package's layers, losses and model class are registered with
it, so that ``keras.models.load_model`` reads every ``.keras`` file written here with
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

_MODULES = {f"{__name__}.{name}" for name in ("layers", "losses", "models", "supervision")}
_imported: set[str] = set()


def _register_with_keras(module) -> None:
    """Import all network modules, unless one of them is being imported and will end here too."""
    _imported.add(module.__name__)
    if _MODULES & sys.modules.keys() <= _imported:
        for name in sorted(_MODULES):
            importlib.import_module(name)


for _name in ("keras", *_MODULES):
    wrapt.register_post_import_hook(_register_with_keras, _name)


def pretrained(name: str, url: str | None = None) -> "SegmentationNetwork":
    """Give a trained network by its name: :func:`damunet_lite.weights.pretrained`.

    Parameters
    ----------
    name : {"tiny", "unet", "att_unet", "datt_unet", "damu_net"}
        ``"tiny"``, a DAMU-Net with 6 base filters, comes with the package; the weights of the
        others, with 32, are downloaded once.
    url : str, optional
        Another place to download from.

    Returns
    -------
    SegmentationNetwork
        Not compiled. Its weights were trained on data for non-commercial software.

    Raises
    ------
    ValueError
        If no network has that name.
    damunet_lite.weights.WeightsError
        If its file cannot be had, or is not the published one.

    Examples
    --------
    >>> pretrained("tiny").name
    'damu_net'
    """
    from damunet_lite import weights

    return weights.pretrained(name, url)
