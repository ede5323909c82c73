"""Tiles, windows, flips and rotations: how an image is cut up for a network and put together.

NumPy only. :func:`damunet_lite.inference.predict` walks over the tiles.
"""

import numpy as np

from damunet_lite import _arguments

MULTIPLE = 16
"""Heights and widths given to a network are multiples of this: four halvings of the size."""

N_DIHEDRAL = 8
"""Number of ways to lay a square on itself: four rotations, each with its mirror image."""

_FULL_SCALE = {"uint8": 255, "uint16": 65535}


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
    >>> tile_starts(513, 256, overlap=0)
    [0, 128, 257]
    >>> tile_starts(20, 10, overlap=0.9) == list(range(11))
    True
    >>> tile_starts(256, 256), tile_starts(100, 256)
    ([0], [0])
    """
    _arguments.integer("length", length, 1)
    _arguments.integer("tile", tile, 1)
    _arguments.share("overlap", overlap)
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
    _arguments.integer("tile", tile, 1)
    distance = np.arange(tile) - (tile - 1) / 2
    return np.exp(-0.5 * (distance / (tile / 8)) ** 2)


def padded_length(length: int, multiple: int = MULTIPLE) -> int:
    """Smallest multiple that holds a length.

    Parameters
    ----------
    length, multiple : int
        Numbers of pixels.

    Returns
    -------
    int

    Examples
    --------
    >>> padded_length(70), padded_length(64), padded_length(1)
    (80, 64, 16)
    """
    return -(-length // multiple) * multiple


class TiledAxis:
    """Tiles along one axis: starts, normalised weights, and source pixels with reflection.

    Tile grid and window are both products of rows and columns, so weights that sum to one
    along either axis sum to one in the plane, and no map of summed weights is needed.

    Parameters
    ----------
    length, tile : int
        Numbers of pixels.
    overlap : float
        As for :func:`tile_starts`.

    Attributes
    ----------
    tile, padded : int
        Length of a tile, and of the axis with what reflection adds at its end.
    starts : list of int
        First pixels of the tiles.
    source : np.ndarray
        int [padded], the pixel of the image that is seen at each place.
    weights : list of np.ndarray
        float64 [tile] for each tile; at every pixel those of all tiles sum to 1.

    Examples
    --------
    >>> axis = TiledAxis(length=6, tile=4, overlap=0.5)
    >>> axis.starts, [w.round(2).tolist() for w in axis.weights]
    ([0, 2], [[1.0, 1.0, 0.98, 0.02], [0.02, 0.98, 1.0, 1.0]])
    >>> axis = TiledAxis(length=3, tile=8, overlap=0.5)
    >>> axis.source, axis.padded, axis.starts
    (array([0, 1, 2, 1, 0, 1, 2, 1]), 8, [0])
    """

    def __init__(self, length: int, tile: int, overlap: float):
        self.starts = tile_starts(length, tile, overlap)
        self.tile, self.padded = tile, max(length, tile)
        self.source = np.pad(np.arange(length), (0, self.padded - length), mode="reflect")
        window = gaussian_window(tile)
        summed = np.zeros(self.padded)
        for start in self.starts:
            summed[start : start + tile] += window
        self.weights = [window / summed[start : start + tile] for start in self.starts]

    def pixels(self, k: int) -> np.ndarray:
        """Pixels of the image that tile `k` shows, int [tile]."""
        return self.source[self.starts[k] : self.starts[k] + self.tile]


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
    ValueError
        If dtype or shape is none of those, or floating-point values leave [0, 1] by more than
        1e-6 or are not finite.

    Examples
    --------
    >>> as_network_input(np.array([[0, 51], [102, 255]], dtype=np.uint8))[0, :, :, 0]
    array([[0. , 0.2],
           [0.4, 1. ]], dtype=float32)
    >>> as_network_input(np.array([[0.0, 255.0]]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: image has values from 0.0 to 255.0, wanted floats in [0, 1] ...
    """
    return as_float32(as_stack(image))[..., None]


def as_stack(image: np.ndarray) -> np.ndarray:
    """An image or a stack as [N, H, W] of the dtype that it has, checked.

    Parameters
    ----------
    image : np.ndarray
        As for :func:`as_network_input`.

    Returns
    -------
    np.ndarray
        A view where nothing has to be put back into [0, 1].

    Raises
    ------
    ValueError
        As :func:`as_network_input`.

    Examples
    --------
    >>> as_stack(np.zeros((5, 6), np.uint8)).shape
    (1, 5, 6)
    """
    image = _arguments.dtype("image", image, ("f", *_FULL_SCALE), "uint8, uint16 or floats")
    wanted = "[H, W], [N, H, W] or [N, H, W, 1]"
    stack = _arguments.slices("image", image, wanted)
    if image.dtype.name in _FULL_SCALE:
        return stack
    wanted = "floats in [0, 1] (divide by the full scale first), or uint8 or uint16"
    return _arguments.probability("image", stack, wanted)


def as_float32(pixels: np.ndarray) -> np.ndarray:
    """Grey values in [0, 1], whatever the full scale of the dtype.

    Parameters
    ----------
    pixels : np.ndarray
        uint8, uint16, or floats in [0, 1].

    Returns
    -------
    np.ndarray
        float32 of the same shape.

    Examples
    --------
    >>> as_float32(np.array([0, 255], np.uint8))
    array([0., 1.], dtype=float32)
    """
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
    _arguments.integer("k", k, 0, N_DIHEDRAL - 1)
    image = np.swapaxes(image, -1, -2) if k & 4 else image
    return image[..., :: 1 - 2 * (k & 1), :: 1 - (k & 2)]  # in steps of 1 or -1


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
    # Two of them are quarter turns, which undo each other; the others undo themselves.
    return dihedral(image, {5: 6, 6: 5}.get(k, k))
