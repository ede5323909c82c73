"""Membrane probability of images of any size, with tiles and test-time augmentation.

An image enters as NumPy and leaves as NumPy; between the two it is read tile by tile, so a
large image costs no more memory than its result. Everything here works with any Keras model
that maps ``[B, h, w, 1]`` to ``[B, h, w, 1]`` (or to a dictionary with the key ``"main"``),
on every Keras backend.
"""

import itertools
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from damunet_lite import _arguments, tiling
from damunet_lite.supervision import main_network, main_output
from damunet_lite.tiling import as_network_input

__all__ = ["as_network_input", "predict"]

#: A network in bfloat16 leaves [0, 1] by no more than this; logits leave it by far.
_ROUNDING = 1e-3


def predict(
    model: keras.Model,
    image: np.ndarray,
    tile: int | None = None,
    overlap: float = 0.5,
    tta: bool = False,
    batch_size: int = 4,
    multiple: int = tiling.MULTIPLE,
) -> np.ndarray:
    """Membrane probability of one image or a stack, of any height and width.

    Borders are filled up by reflection and cut off again. With ``tile``, overlapping square
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
        Side of the tiles in pixels, a multiple of ``multiple``. None takes each image as one
        tile, or the model's own input size where that is fixed.
    overlap : float
        Smallest share that neighbouring tiles have in common, ``0 <= overlap < 1``.
    tta : bool
        Average over the eight symmetries of the square (eight times the work).
    batch_size : int
        Number of tiles in memory at once.
    multiple : int
        Sides of what the network sees are multiples of this.

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
    stack = tiling.as_stack(image)
    _arguments.integer("multiple", multiple, 1)
    _arguments.integer("batch_size", batch_size, 1)
    if tile is not None and (_arguments.integer("tile", tile, 1) % multiple):
        raise ValueError(f"tile is {tile}, wanted a multiple of {multiple}, or None")
    network = main_network(model)
    total = np.zeros(stack.shape, np.float32)
    symmetries = range(tiling.N_DIHEDRAL if tta else 1)
    for k in symmetries:
        # Adding into a view of the total turns each prediction back without a copy.
        turned, turned_total = tiling.dihedral(stack, k), tiling.dihedral(total, k)
        size = _tile_size(model, turned.shape[1:], tile, multiple)
        _add_prediction(
            network, turned, turned_total, size, overlap, batch_size, weight=1 / len(symmetries)
        )
    np.clip(total, 0, 1, out=total)
    return total.reshape(np.shape(image))


def _tile_size(
    model: keras.Model, size: tuple[int, int], tile: int | None, multiple: int
) -> tuple[int, int]:
    """Height and width of what the network is given."""
    if tile is not None:
        return tile, tile
    inputs = getattr(model, "inputs", None)
    fixed = inputs[0].shape[1:3] if inputs else (None, None)
    height, width = (
        own or tiling.padded_length(length, multiple)
        for own, length in zip(fixed, size, strict=True)
    )
    return height, width


def _add_prediction(
    network: keras.Model,
    stack: np.ndarray,
    total: np.ndarray,
    size: tuple[int, int],
    overlap: float,
    batch_size: int,
    weight: float,
) -> None:
    """Add ``weight`` times the prediction of ``stack`` [N, H, W] to ``total``."""
    axes = [tiling.TiledAxis(n, t, overlap) for n, t in zip(stack.shape[1:], size, strict=True)]
    rows, columns = axes
    jobs = itertools.product(range(len(stack)), range(len(rows.starts)), range(len(columns.starts)))
    batch_size = min(batch_size, len(stack) * len(rows.starts) * len(columns.starts))
    tiles = _tile_predictions(network, stack, jobs, axes, batch_size)
    height, width = total.shape[1:]
    for (n, i), group in itertools.groupby(tiles, key=lambda item: item[0][:2]):
        # Sums in float64 within a row of tiles: many overlapping tiles lose no digits.
        band = np.zeros((size[0], columns.padded))
        for (_, _, j), prediction in group:
            start = columns.starts[j]
            band[:, start : start + size[1]] += prediction * columns.weights[j]
        band *= weight * rows.weights[i][:, None]
        start = rows.starts[i]
        stop = min(start + size[0], height)
        total[n, start:stop] += band[: stop - start, :width].astype(np.float32)


def _tile_predictions(
    network: keras.Model,
    stack: np.ndarray,
    jobs: Iterable[tuple[int, int, int]],
    axes: list[tiling.TiledAxis],
    batch_size: int,
) -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
    """Pairs of job (image, tile row, tile column) and its float64 prediction [h, w]."""
    rows, columns = axes
    # One shape for every batch, the last included, so that the network is traced once.
    batch = np.zeros((batch_size, rows.tile, columns.tile, 1), np.float32)
    jobs = iter(jobs)
    while chunk := list(itertools.islice(jobs, batch_size)):
        for slot, (n, i, j) in zip(batch, chunk, strict=False):
            slot[..., 0] = tiling.as_float32(stack[n][np.ix_(rows.pixels(i), columns.pixels(j))])
        predictions = _answer(network, batch)[: len(chunk), ..., 0]
        yield from zip(chunk, predictions.astype(np.float64), strict=True)


def _answer(network: keras.Model, batch: np.ndarray) -> np.ndarray:
    """Main output of the network for a batch [B, h, w, 1], checked."""
    output = keras.ops.convert_to_numpy(main_output(network.predict_on_batch(batch)))
    output = np.asarray(output, np.float32)
    _arguments.same_shape("model's answer", output, "its input", batch)
    return _arguments.probability("model's answer", output, rounding=_ROUNDING)
