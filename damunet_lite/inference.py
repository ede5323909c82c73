"""Membrane probability of images of any size, with tiles and test-time augmentation.

An image enters as NumPy and leaves as NumPy; between the two it is read tile by tile, so a
large image costs no more memory than its result. Everything here works with any Keras model
that maps ``[B, h, w, 1]`` to ``[B, h, w, 1]`` (or to a dictionary with the key ``"main"``),
on every Keras backend.
"""

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np

MULTIPLE = 16
"""Heights and widths given to a network are multiples of this: four halvings of the size."""

N_DIHEDRAL = 8
"""Number of ways to lay a square on itself: four rotations, each with its mirror image."""

_FULL_SCALE = {"uint8": 255, "uint16": 65535}
_ROUNDING = 1e-3
_probes: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def tile_starts(length: int, tile: int, overlap: float = 0.5) -> list[int]:
    """First pixels of the tiles that cover one axis, evenly spread.

    Parameters
    ----------
    length : int
        Number of pixels along the axis.
    tile : int
        Number of pixels of a tile along the axis.
    overlap : float
        Smallest share of a tile that it has in common with the next, ``0 <= overlap < 1``.

    Returns
    -------
    list of int
        Ascending; the first is 0 and the last is ``length - tile``. A tile at least as long as
        the axis gives ``[0]``: the image is then padded up to the tile.

    Raises
    ------
    ValueError
        If ``length`` or ``tile`` is below 1 or ``overlap`` lies outside ``[0, 1)``.

    Examples
    --------
    >>> tile_starts(512, 256, overlap=0.5)
    [0, 128, 256]
    >>> tile_starts(600, 256, overlap=0.5)
    [0, 115, 229, 344]
    >>> tile_starts(100, 256)
    [0]
    """
    for name, value in (("length", length), ("tile", tile)):
        if value < 1:
            raise ValueError(f"{name} is {value}; wanted at least 1 pixel")
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap is {overlap}; wanted a share of the tile, 0 <= overlap < 1")
    if tile >= length:
        return [0]
    # The tolerance keeps 0.9 * 10 = 9.000000000000002-like products from adding a tile.
    step = max(1, int(tile * (1 - overlap) + 1e-6))
    steps = -(-(length - tile) // step)
    return [round(k * (length - tile) / steps) for k in range(steps + 1)]


def gaussian_window(tile: int) -> np.ndarray:
    """Weights of a tile's pixels along one axis: a Gaussian of standard deviation ``tile / 8``.

    A network sees less context at the rim of a tile than in its middle, so the middle counts
    more where tiles overlap. The window of a square tile is the outer product of two of these.

    Parameters
    ----------
    tile : int
        Number of pixels.

    Returns
    -------
    np.ndarray
        float64 [tile], symmetric, largest value at most 1, nowhere 0.

    Raises
    ------
    ValueError
        If ``tile`` is below 1.

    References
    ----------
    Isensee et al. 2021, "nnU-Net: a self-configuring method for deep learning-based biomedical
    image segmentation", Nature Methods 18, 203-211, doi:10.1038/s41592-020-01008-z.

    Examples
    --------
    >>> gaussian_window(4).round(3)
    array([0.011, 0.607, 0.607, 0.011])
    """
    if tile < 1:
        raise ValueError(f"tile is {tile}; wanted at least 1 pixel")
    distance = np.arange(tile) - (tile - 1) / 2
    return np.exp(-0.5 * (distance / (tile / 8)) ** 2)


def as_network_input(image: np.ndarray) -> np.ndarray:
    """An image or a stack as a network wants it: float32 ``[N, H, W, 1]`` in [0, 1].

    uint8 is divided by 255 and uint16 by 65535. Floating-point images must already lie in
    [0, 1]: guessing their scale would hide mistakes. float64 is rounded to float32.

    Parameters
    ----------
    image : np.ndarray
        ``[H, W]``, ``[N, H, W]`` or ``[N, H, W, 1]``; uint8, uint16 or floating point.

    Returns
    -------
    np.ndarray
        float32 ``[N, H, W, 1]``.

    Raises
    ------
    TypeError
        If the dtype is none of those.
    ValueError
        If the shape is none of those, or floating-point values leave [0, 1] or are not finite.

    Examples
    --------
    >>> as_network_input(np.array([[0, 51], [102, 255]], dtype=np.uint8))[0, :, :, 0]
    array([[0. , 0.2],
           [0.4, 1. ]], dtype=float32)
    >>> as_network_input(np.array([[0.0, 255.0]]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: image has values from 0.0 to 255.0; wanted floats in [0, 1] ...
    """
    stack = _as_stack(image)
    return _to_float32(stack)[..., None]


def _as_stack(image: np.ndarray) -> np.ndarray:
    """View of ``image`` as ``[N, H, W]``, with dtype, shape and range checked."""
    image = np.asarray(image)
    if image.dtype.name not in _FULL_SCALE and not np.issubdtype(image.dtype, np.floating):
        raise TypeError(
            f"image has dtype {image.dtype}; wanted uint8, uint16 or floating point in [0, 1]"
        )
    if image.ndim == 3 and image.shape[-1] == 1:
        raise ValueError(
            f"image has shape {image.shape}; wanted [H, W], [N, H, W] or [N, H, W, 1]: "
            "pass image[..., 0] for one image, image[None] for a stack of one"
        )
    if image.ndim == 4 and image.shape[-1] == 1:
        stack = image[..., 0]
    elif image.ndim == 3:
        stack = image
    elif image.ndim == 2:
        stack = image[None]
    else:
        raise ValueError(f"image has shape {image.shape}; wanted [H, W], [N, H, W] or [N, H, W, 1]")
    if stack.size == 0:
        raise ValueError(f"image has shape {image.shape}; wanted at least one pixel")
    if stack.dtype.name not in _FULL_SCALE:
        low, high = stack.min(), stack.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"image has values from {low} to {high}; wanted floats in [0, 1] "
                "(divide by the full scale first), or uint8 or uint16"
            )
    return stack


def _to_float32(pixels: np.ndarray) -> np.ndarray:
    scale = _FULL_SCALE.get(pixels.dtype.name, 1)
    return pixels.astype(np.float32) / np.float32(scale)


def dihedral(image: np.ndarray, k: int) -> np.ndarray:
    """View of an image under one of the eight symmetries of the square.

    Parameters
    ----------
    image : np.ndarray
        ``[..., H, W]``: the last two axes are moved.
    k : int
        0 to 7. Bit 2 swaps rows and columns, then bit 0 reverses the rows and bit 1 the
        columns; 0 changes nothing.

    Returns
    -------
    np.ndarray
        A view, no copy: writing into it writes into ``image``. ``[..., W, H]`` for k >= 4.

    Raises
    ------
    ValueError
        If ``k`` is not 0 to 7.

    See Also
    --------
    undo_dihedral : the exact inverse.

    Examples
    --------
    >>> dihedral(np.array([[1, 2], [3, 4]]), 5)
    array([[2, 4],
           [1, 3]])
    """
    _check_dihedral(k)
    if k & 4:
        image = np.swapaxes(image, -1, -2)
    return _flip(image, k)


def undo_dihedral(image: np.ndarray, k: int) -> np.ndarray:
    """View that takes back :func:`dihedral` with the same ``k``, pixel for pixel.

    Parameters
    ----------
    image : np.ndarray
        ``[..., H, W]``.
    k : int
        0 to 7.

    Returns
    -------
    np.ndarray
        A view; ``undo_dihedral(dihedral(image, k), k)`` equals ``image``.

    Raises
    ------
    ValueError
        If ``k`` is not 0 to 7.

    Examples
    --------
    >>> undo_dihedral(np.array([[2, 4], [1, 3]]), 5)
    array([[1, 2],
           [3, 4]])
    """
    _check_dihedral(k)
    image = _flip(image, k)
    return np.swapaxes(image, -1, -2) if k & 4 else image


def _check_dihedral(k: int) -> None:
    if k not in range(N_DIHEDRAL):
        raise ValueError(f"k is {k}; wanted an integer from 0 to {N_DIHEDRAL - 1}")


def _flip(image: np.ndarray, k: int) -> np.ndarray:
    rows = slice(None, None, -1) if k & 1 else slice(None)
    columns = slice(None, None, -1) if k & 2 else slice(None)
    return image[..., rows, columns]


def predict(
    model: keras.Model,
    image: np.ndarray,
    tile: int | None = None,
    overlap: float = 0.5,
    tta: bool = False,
    batch_size: int = 4,
    multiple: int = MULTIPLE,
) -> np.ndarray:
    """Membrane probability of one image or a stack, of any height and width.

    Borders are filled up by reflection and cut off again. With ``tile``, overlapping square
    tiles are predicted one batch at a time and averaged with Gaussian weights
    (:func:`gaussian_window`). With ``tta``, the result is the mean over the eight flips and
    rotations of the image, each turned back exactly, so it turns and flips with the image.

    Parameters
    ----------
    model : keras.Model
        Maps ``[B, h, w, 1]`` to ``[B, h, w, 1]`` in [0, 1], or to a dictionary whose key
        ``"main"`` holds that.
    image : np.ndarray
        ``[H, W]``, ``[N, H, W]`` or ``[N, H, W, 1]``; dtypes as for :func:`as_network_input`.
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
    TypeError
        If the dtype of ``image`` or of what the model returns is not usable.
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
    stack = _as_stack(image)
    _check_settings(tile, overlap, batch_size, multiple)
    forward = _forward(model)
    total = np.zeros(stack.shape, np.float32)
    symmetries = range(N_DIHEDRAL if tta else 1)
    for k in symmetries:
        # Adding into a view of the total turns each prediction back without a copy.
        turned, turned_total = dihedral(stack, k), dihedral(total, k)
        size = _tile_size(model, turned.shape[1:], tile, multiple)
        _add_prediction(
            forward, turned, turned_total, size, overlap, batch_size, weight=1 / len(symmetries)
        )
    np.clip(total, 0, 1, out=total)
    return total.reshape(np.shape(image))


def _check_settings(tile: int | None, overlap: float, batch_size: int, multiple: int) -> None:
    if multiple < 1:
        raise ValueError(f"multiple is {multiple}; wanted at least 1")
    if tile is not None and (tile < 1 or tile % multiple):
        raise ValueError(f"tile is {tile}; wanted a positive multiple of {multiple}, or None")
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap is {overlap}; wanted a share of the tile, 0 <= overlap < 1")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; wanted at least 1")


def _tile_size(
    model: keras.Model, size: tuple[int, int], tile: int | None, multiple: int
) -> tuple[int, int]:
    """Height and width of what the network is given."""
    if tile is not None:
        return tile, tile
    inputs = getattr(model, "inputs", None)
    fixed = inputs[0].shape[1:3] if inputs else (None, None)
    height, width = (
        own or -(-length // multiple) * multiple for own, length in zip(fixed, size, strict=True)
    )
    return height, width


def _add_prediction(
    forward: Callable[[np.ndarray], np.ndarray],
    stack: np.ndarray,
    total: np.ndarray,
    size: tuple[int, int],
    overlap: float,
    batch_size: int,
    weight: float,
) -> None:
    """Add ``weight`` times the prediction of ``stack`` [N, H, W] to ``total``."""
    axes = [_Axis(n, t, overlap) for n, t in zip(stack.shape[1:], size, strict=True)]
    rows, columns = axes
    jobs = itertools.product(range(len(stack)), range(len(rows.starts)), range(len(columns.starts)))
    batch_size = min(batch_size, len(stack) * len(rows.starts) * len(columns.starts))
    tiles = _tile_predictions(forward, stack, jobs, axes, batch_size)
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


class _Axis:
    """Tiles along one axis: starts, normalised weights, and source pixels with reflection.

    Tile grid and window are both products of rows and columns, so weights that sum to one
    along either axis sum to one in the plane, and no map of summed weights is needed.
    """

    def __init__(self, length: int, tile: int, overlap: float):
        self.tile = tile
        self.padded = max(length, tile)
        self.source = np.pad(np.arange(length), (0, self.padded - length), mode="reflect")
        self.starts = tile_starts(length, tile, overlap)
        window = gaussian_window(tile)
        summed = np.zeros(self.padded)
        for start in self.starts:
            summed[start : start + tile] += window
        self.weights = [window / summed[start : start + tile] for start in self.starts]

    def pixels(self, k: int) -> np.ndarray:
        return self.source[self.starts[k] : self.starts[k] + self.tile]


def _tile_predictions(
    forward: Callable[[np.ndarray], np.ndarray],
    stack: np.ndarray,
    jobs: Iterable[tuple[int, int, int]],
    axes: list[_Axis],
    batch_size: int,
) -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
    """Pairs of job (image, tile row, tile column) and its float64 prediction [h, w]."""
    rows, columns = axes
    # One shape for every batch, the last included, so that the network is traced once.
    batch = np.zeros((batch_size, rows.tile, columns.tile, 1), np.float32)
    jobs = iter(jobs)
    while chunk := list(itertools.islice(jobs, batch_size)):
        for slot, (n, i, j) in zip(batch, chunk, strict=False):
            slot[..., 0] = _to_float32(stack[n][np.ix_(rows.pixels(i), columns.pixels(j))])
        predictions = forward(batch)[: len(chunk), ..., 0]
        yield from zip(chunk, predictions.astype(np.float64), strict=True)


def _forward(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Function from a batch [B, h, w, 1] to the main output of the model, checked."""
    runner = _main_only(model)

    def forward(batch: np.ndarray) -> np.ndarray:
        output = _main_output(runner.predict_on_batch(batch))
        output = np.asarray(keras.ops.convert_to_numpy(output))
        if output.shape != batch.shape:
            raise ValueError(
                f"model turned a batch of shape {batch.shape} into {output.shape}; "
                "wanted the same shape"
            )
        low, high = output.min(), output.max()
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise ValueError(
                f"model returned values from {low} to {high}; wanted probabilities in [0, 1]"
            )
        return output

    return forward


def _main_output(outputs):
    if isinstance(outputs, dict):
        if "main" not in outputs:
            raise ValueError(f'model returned the keys {sorted(outputs)}; wanted "main" among them')
        return outputs["main"]
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise ValueError(
                f'model returned {len(outputs)} outputs; wanted one, or a dictionary with "main"'
            )
        return outputs[0]
    return outputs


def _main_only(model: keras.Model) -> keras.Model:
    """The part of a functional model that its main output needs, sharing its weights."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return model
    if model not in _probes:
        # ``outputs`` is a flat list; ``output`` keeps the keys but a Sequential lacks it.
        outputs = model.outputs if len(model.outputs) == 1 else model.output
        _probes[model] = _functional(model.inputs, _main_output(outputs))
    return _probes[model]


def _functional(inputs: list, outputs) -> keras.Model:
    # Keras warns where a model built from a list of one is given an array.
    probe = keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs)
    if keras.backend.backend() == "tensorflow":
        # XLA compiles anew, for seconds, at every size, and gains nothing on a CPU.
        probe.jit_compile = False
    return probe
