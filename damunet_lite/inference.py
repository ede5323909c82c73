"""Membrane probability of images of any size, with tiles and test-time augmentation.

An image enters as NumPy and leaves as NumPy; between the two it is read tile by tile, so a
large image costs no more memory than its result. Everything here works with any Keras model
that maps ``[B, h, w, 1]`` to ``[B, h, w, 1]`` (or to a dictionary with the key ``"main"``),
on every Keras backend.
"""

import itertools
import math
from collections.abc import Iterator

import keras
import numpy as np

from damunet_lite import _arguments, tiling
from damunet_lite.supervision import main_network, main_output
from damunet_lite.tiling import as_network_input as as_network_input  # for users

#: A network in bfloat16 leaves [0, 1] by no more than this; logits leave it by far.
_ROUNDING = 1e-3


def predict(
    model: keras.Model,
    image: np.ndarray,
    tile: int | None = None,
    overlap: float = 0.5,
    tta: bool = False,
    batch_size: int = 4,
) -> np.ndarray:
    """Membrane probability of one image or a stack, of any height and width.

    Borders are filled up by reflection, to the next multiple of 16 pixels or of what the network
    asks for, and cut off again. With ``tile``, overlapping square
    tiles are predicted one batch at a time and averaged with Gaussian weights
    (:func:`~damunet_lite.tiling.gaussian_window`). With ``tta``, the result is the mean over the
    eight flips and rotations of the image, each turned back exactly, so it turns and flips with
    the image.

    Parameters
    ----------
    model : keras.Model
        Maps ``[B, h, w, 1]`` to ``[B, h, w, 1]`` in [0, 1], or to a dictionary whose key
        ``"main"`` holds that.
    image : np.ndarray
        ``[H, W]``, ``[N, H, W]`` or ``[N, H, W, 1]``; dtypes as for
        :func:`~damunet_lite.tiling.as_network_input`.
    tile : int, optional
        Side of the tiles in pixels, such a multiple. None takes each image as one
        tile, or the model's own input size where that is fixed.
    overlap : float
        Smallest share that neighbouring tiles have in common, ``0 <= overlap < 1``.
    tta : bool
        Average over the eight symmetries of the square (eight times the work).
    batch_size : int
        Number of tiles in memory at once.

    Returns
    -------
    np.ndarray
        float32 in [0, 1], of the shape of ``image``.

    Raises
    ------
    ValueError
        If an argument lies outside its range, or the model returns another shape or values
        outside [0, 1], such as logits.

    Examples
    --------
    >>> inputs = keras.Input((None, None, 1))
    >>> darkness = keras.Model(inputs, 1 - inputs)
    >>> image = np.array([[0, 51, 102], [153, 204, 255]], dtype=np.uint8)
    >>> predict(darkness, image).round(4)
    array([[1. , 0.8, 0.6],
           [0.4, 0.2, 0. ]], dtype=float32)
    """
    stack, network = tiling.as_stack(image), main_network(model)
    multiple = math.lcm(tiling.MULTIPLE, getattr(network, "multiple", 1))
    _arguments.integer("batch_size", batch_size, 1)
    if tile is not None and (_arguments.integer("tile", tile, 1) % multiple):
        raise ValueError(f"tile is {tile}, wanted a multiple of {multiple}, or None")
    inputs, total = getattr(model, "inputs", None), np.zeros(stack.shape, np.float32)
    own_size = inputs[0].shape[1:3] if inputs else (None, None)
    symmetries = tiling.N_DIHEDRAL if _arguments.truth("tta", tta) else 1
    for k in range(symmetries):
        # Adding into a view of the total turns each prediction back without a copy.
        turned, turned_total = tiling.dihedral(stack, k), tiling.dihedral(total, k)
        axes = [
            tiling.TiledAxis(length, tile or own or tiling.padded_length(length, multiple), overlap)
            for length, own in zip(turned.shape[1:], own_size, strict=True)
        ]
        _add_prediction(network, turned, turned_total, axes, batch_size)
    total /= symmetries
    return np.clip(total, 0, 1, out=total).reshape(np.shape(image))


def _add_prediction(network, stack: np.ndarray, total: np.ndarray, axes, batch_size: int) -> None:
    """Add the prediction of ``stack`` [N, H, W] to ``total``."""
    rows, columns = axes
    height, width = total.shape[1:]
    tiles = _tile_predictions(network, stack, rows, columns, batch_size)
    for (n, i), group in itertools.groupby(tiles, key=lambda item: item[0][:2]):
        # Sums in float64 within a row of tiles: many overlapping tiles lose no digits.
        band = np.zeros((rows.tile, columns.padded))
        for (_, _, j), prediction in group:
            start = columns.starts[j]
            band[:, start : start + columns.tile] += prediction * columns.weights[j]
        band *= rows.weights[i][:, None]
        start = rows.starts[i]
        stop = min(start + rows.tile, height)
        total[n, start:stop] += band[: stop - start, :width].astype(np.float32)


def _tile_predictions(network, stack: np.ndarray, rows, columns, batch_size: int) -> Iterator:
    """Pairs of place (image, tile row, tile column) and prediction, float64 [h, w], checked."""
    counts = len(stack), len(rows.starts), len(columns.starts)
    # One shape for every batch, the last included, so that the network is traced once.
    size = min(batch_size, math.prod(counts))
    batch = np.zeros((size, rows.tile, columns.tile, 1), np.float32)
    places = itertools.product(*map(range, counts))
    while chunk := list(itertools.islice(places, size)):
        for slot, (n, i, j) in zip(batch, chunk, strict=False):
            slot[..., 0] = tiling.as_float32(stack[n][np.ix_(rows.pixels(i), columns.pixels(j))])
        output = keras.ops.convert_to_numpy(main_output(network.predict_on_batch(batch)))
        output = np.asarray(output, np.float32)
        _arguments.same_shape("model's answer", output, "its input", batch)
        output = _arguments.probability("model's answer", output, rounding=_ROUNDING)
        yield from zip(chunk, output[..., 0].astype(np.float64), strict=False)
