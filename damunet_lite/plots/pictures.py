"""Slices, errors and cells as pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image
from scipy import ndimage

from damunet_lite.plots.style import (
    COLOURS,
    FALSE,
    MISSED,
    axes_or_new,
    figure_or_axes,
    new_figure,
    styled,
)

_CELL_COLOURS = [
    COLOURS[name] for name in ("sky", "orange", "green", "purple", "blue", "yellow", "vermillion")
]


def _as_picture(name: str, array: np.ndarray) -> np.ndarray:
    """2-D view of ``[H, W]`` or ``[H, W, 1]``; RGB pictures pass unchanged."""
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3):
        return array
    raise ValueError(f"{name} has shape {array.shape}; wanted [H, W], [H, W, 1] or [H, W, 3]")


def as_grey(name: str, array: np.ndarray) -> np.ndarray:
    """float64 [H, W] in [0, 1] of a grey picture; integers are divided by their full scale."""
    array = _as_picture(name, array)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; wanted [H, W] or [H, W, 1]")
    scale = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1
    return np.clip(array / scale, 0, 1)


def as_mask(name: str, array: np.ndarray) -> np.ndarray:
    """Bool [H, W] of a mask of 0 and 1."""
    array = _as_picture(name, array)
    if array.ndim != 2 or not np.isin(array, (0, 1)).all():
        raise ValueError(
            f"{name} has shape {array.shape} and values from {array.min()} to {array.max()}; "
            "wanted [H, W] or [H, W, 1] of 0 (cell) and 1 (membrane)"
        )
    return array.astype(bool)


def _bare(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


@styled
def show_slice(
    image: np.ndarray, mask: np.ndarray | None = None, title: str = "", ax: Axes | None = None
) -> Figure | Axes:
    """One slice, grey or RGB, with the membranes of ``mask`` tinted if one is given.

    Parameters
    ----------
    image : np.ndarray
        ``[H, W]`` or ``[H, W, 1]``, floats in [0, 1] or unsigned integers of full scale; or
        RGB ``[H, W, 3]`` as :func:`error_map` and :func:`label_overlay` return it.
    mask : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]``, membrane = 1.
    title : str
        Written above the picture.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If shapes or values are others than these, or differ between image and mask.

    Examples
    --------
    >>> show_slice(np.eye(4), mask=np.eye(4)).axes[0].get_images()[0].get_array().shape
    (4, 4, 3)
    """
    picture = _as_picture("image", image)
    if picture.ndim == 2:
        picture = as_grey("image", image)
    if mask is not None:
        membrane = as_mask("mask", mask)
        check_same_shape("mask", membrane, picture)
        picture = _tinted(picture, membrane, COLOURS["orange"], 0.45)
    height, width = picture.shape[:2]
    target = axes_or_new(ax, 4.2, 4.2 * min(height / width, 2) + (0.3 if title else 0))
    show_picture(target, picture, 400, levels=12)
    target.set_title(title)
    return figure_or_axes(target, ax)


def check_same_shape(name: str, array: np.ndarray, reference: np.ndarray) -> None:
    """Raise unless a picture has the height and width of another."""
    if array.shape[:2] != reference.shape[:2]:
        raise ValueError(
            f"{name} has shape {array.shape[:2]}; wanted {reference.shape[:2]} like the others"
        )


def _tinted(picture: np.ndarray, where: np.ndarray, colour: str, opacity: float) -> np.ndarray:
    """RGB copy of a grey or RGB picture with a colour laid over some pixels."""
    rgb = np.repeat(picture[..., None], 3, axis=-1) if picture.ndim == 2 else picture.copy()
    rgb[where] = (1 - opacity) * rgb[where] + opacity * np.array(to_rgb(colour))
    return rgb


def error_map(
    truth: np.ndarray, prediction: np.ndarray, image: np.ndarray | None = None
) -> np.ndarray:
    """Where a prediction is wrong, in two colours on the grey image.

    Missed membrane (:data:`MISSED`, vermillion) may merge two cells; false membrane
    (:data:`FALSE`, blue) may split one. The grey below is faded so that both stand out.

    Parameters
    ----------
    truth, prediction : np.ndarray
        ``[H, W]`` or ``[H, W, 1]`` of 0 and 1, membrane = 1.
    image : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]`` grey picture; without it the true membranes are drawn.

    Returns
    -------
    np.ndarray
        float RGB ``[H, W, 3]`` in [0, 1].

    Raises
    ------
    ValueError
        If shapes differ or a mask holds other values than 0 and 1.

    Examples
    --------
    >>> truth, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    >>> error_map(truth, prediction, image=np.ones((1, 4))).round(2)[0]
    array([[1.  , 1.  , 1.  ],
           [0.84, 0.37, 0.  ],
           [0.  , 0.45, 0.7 ],
           [1.  , 1.  , 1.  ]])
    """
    truth, prediction = as_mask("truth", truth), as_mask("prediction", prediction)
    check_same_shape("prediction", prediction, truth)
    grey = 1 - 0.6 * truth if image is None else _faded(as_grey("image", image))
    check_same_shape("image", grey, truth)
    rgb = _tinted(grey, truth & ~prediction, MISSED, 1)
    return _tinted(rgb, prediction & ~truth, FALSE, 1)


def _faded(grey: np.ndarray) -> np.ndarray:
    return 0.35 + 0.65 * grey


@styled
def contact_sheet(
    images: np.ndarray,
    truths: np.ndarray,
    probabilities: np.ndarray,
    threshold: float = 0.5,
    path: str | Path | None = None,
    columns: int = 6,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Slices side by side: image, truth, membrane probability, and errors in two colours.

    Parameters
    ----------
    images, truths, probabilities : np.ndarray
        ``[N, H, W]`` or ``[N, H, W, 1]``: grey images, masks and predicted probabilities, both
        with membrane = 1.
    threshold : float
        A pixel is called cell where the probability of *cell*, ``1 - probabilities``, is
        strictly above this: the convention of :mod:`damunet_lite.metrics`.
    path : str or pathlib.Path, optional
        PNG file to write; folders on the way are made.
    columns : int
        Slices next to each other; more slices continue below.
    titles : sequence of str, optional
        One for each slice; otherwise the slices are counted from 0.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If shapes differ, ``columns`` is below 1, or ``titles`` are too few or too many.

    Examples
    --------
    >>> truths = np.zeros((2, 8, 8))
    >>> truths[:, 4] = 1
    >>> figure = contact_sheet(1 - truths, truths, 0.9 * truths)
    >>> [ax.get_xlabel() for ax in figure.axes[-2:]]
    ['0.0 % missed\\n0.0 % false', '0.0 % missed\\n0.0 % false']
    """
    images, truths, probabilities = (_as_slices(a) for a in (images, truths, probabilities))
    for name, array in (("truths", truths), ("probabilities", probabilities)):
        if array.shape != images.shape:
            raise ValueError(f"{name} has shape {array.shape}; wanted {images.shape} like images")
    if columns < 1:
        raise ValueError(f"columns is {columns}; wanted at least 1")
    titles = [f"slice {k}" for k in range(len(images))] if titles is None else list(titles)
    if len(titles) != len(images):
        raise ValueError(f"titles has {len(titles)} entries; wanted {len(images)}, one a slice")
    columns = min(columns, len(images))
    bands = -(-len(images) // columns)
    # Two slices alone would fill the page, and thirty would fill a megabyte.
    panel = min(2.2, 8.4 / columns, (12 / len(images)) ** 0.5)
    width = max(panel * columns + 0.3, 3.4)
    height = bands * (4 * panel * images.shape[1] / images.shape[2] + 0.75) + 0.3
    figure = new_figure(width, height)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    axes = figure.subplots(4 * bands, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_visible(False)
    for k, title in enumerate(titles):
        band, column = divmod(k, columns)
        panels = axes[4 * band : 4 * band + 4, column]
        _draw_column(panels, images[k], truths[k], probabilities[k], threshold, 100 * panel)
        panels[0].set_title(title, fontsize=9)
        if column == 0:
            for ax, label in zip(panels, ("image", "truth", "probability", "errors"), strict=True):
                ax.set_ylabel(label, fontsize=9)
    figure.legend(
        handles=[
            Patch(color=MISSED, label="missed membrane: cells may merge"),
            Patch(color=FALSE, label="false membrane: a cell may be split"),
        ],
        loc="outside lower center",
        ncols=2 if columns > 2 else 1,
    )
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png")
    return figure


def _as_slices(stack: np.ndarray) -> np.ndarray:
    stack = np.asarray(stack)
    return stack[..., 0] if stack.ndim == 4 and stack.shape[-1] == 1 else stack


def _draw_column(
    panels: Sequence[Axes],
    image: np.ndarray,
    truth: np.ndarray,
    probability: np.ndarray,
    threshold: float,
    pixels: float,
) -> None:
    """The four panels of one slice."""
    truth = as_mask("truths", truth)
    membrane = ~(1 - probability > threshold)
    missed, false = truth & ~membrane, membrane & ~truth
    grey = as_grey("images", image)
    for ax in panels:
        ax.set_visible(True)
    for ax, picture in zip(panels, (grey, 1.0 - truth, 1.0 - probability), strict=False):
        show_picture(ax, picture, pixels)
    _show_errors(panels[3], grey, missed, false, pixels)
    shares = f"{missed.mean():.1%} missed\n{false.mean():.1%} false"
    panels[3].set_xlabel(shares.replace("%", " %"), fontsize=8)


def show_picture(ax: Axes, picture: np.ndarray, pixels: float, levels: int = 8) -> None:
    """Draw a picture, made no larger than ``pixels`` on the page."""
    height, width = picture.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    picture = _reduced(picture, pixels, levels)
    ax.imshow(picture, vmin=0, vmax=1, extent=extent, interpolation="nearest")
    _bare(ax)


def _show_errors(
    ax: Axes, image: np.ndarray, missed: np.ndarray, false: np.ndarray, pixels: float
) -> None:
    """Draw errors on a faded, smoothed picture; thin ones stay visible at a small size."""
    show_picture(ax, _faded(ndimage.gaussian_filter(image, 2)), pixels, levels=12)
    picture = ax.get_images()[0]
    rgb = np.repeat(picture.get_array()[..., None], 3, axis=-1)
    for where, colour in ((missed, MISSED), (false, FALSE)):
        opacity = np.minimum(2 * _reduced(where.astype(float), pixels, levels=5), 1)[..., None]
        rgb = (1 - opacity) * rgb + opacity * np.array(to_rgb(colour))
    picture.set_data(rgb)


def _reduced(picture: np.ndarray, pixels: float, levels: int) -> np.ndarray:
    """Area average down to ``pixels`` on the longer side, in few shades; small pictures pass.

    The noise of electron micrographs is most of a PNG file's bytes: averaging to the size on
    the page and rounding the shades makes the file several times smaller.
    """
    height, width = picture.shape[:2]
    factor = max(height, width) / pixels
    if factor <= 1:
        return picture
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    channels = np.moveaxis(picture.reshape(height, width, -1).astype(np.float32), -1, 0)
    resized = [Image.fromarray(c).resize(size, Image.Resampling.BOX) for c in channels]
    small = np.stack([np.asarray(c, dtype=float) for c in resized], axis=-1)
    small = np.round(small * (levels - 1)) / (levels - 1)
    return small[..., 0] if picture.ndim == 2 else small


def label_overlay(
    labels: np.ndarray, image: np.ndarray | None = None, opacity: float = 0.6
) -> np.ndarray:
    """Cells in seven fixed colours, no two neighbours alike; membrane (0) stays grey or black.

    Neighbours are cells that would touch if all cells grew until no membrane is left. They form
    a planar map, for which colouring in smallest-degree-last order needs six colours at most.

    Parameters
    ----------
    labels : np.ndarray
        ``[H, W]`` integers, 0 = membrane, every cell connected.
    image : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]`` grey picture shown through the colours.
    opacity : float
        Of the colours over the image, 0 to 1.

    Returns
    -------
    np.ndarray
        float RGB ``[H, W, 3]`` in [0, 1].

    Raises
    ------
    ValueError
        If ``labels`` is not an integer ``[H, W]``, or ``image`` has another size.

    References
    ----------
    Matula and Beck 1983, Journal of the ACM 30(3), 417-427, doi:10.1145/2402.322385.

    Examples
    --------
    >>> rgb = label_overlay(np.array([[7, 0, 9]]))
    >>> bool((rgb[0, 0] != rgb[0, 2]).any()), rgb[0, 1].tolist()
    (True, [0.0, 0.0, 0.0])
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"labels has shape {labels.shape} and dtype {labels.dtype}; wanted integers [H, W]"
        )
    cells = labels > 0
    if image is None:
        grey, opacity = np.zeros(labels.shape), 1
    else:
        grey = as_grey("image", image)
        check_same_shape("image", grey, labels)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    if cells.any():
        ids, compact = np.unique(labels[cells], return_inverse=True)
        graph = np.zeros(labels.shape, int)
        graph[cells] = compact
        colours = np.array([to_rgb(c) for c in _CELL_COLOURS])
        chosen = colours[_colour_indices(_grown(graph, cells), len(ids))]
        rgb[cells] = (1 - opacity) * rgb[cells] + opacity * chosen[compact]
    return rgb


def _grown(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Every membrane pixel takes the value of the cell nearest to it."""
    nearest = ndimage.distance_transform_edt(~cells, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def _colour_indices(regions: np.ndarray, n: int) -> np.ndarray:
    """Colour index for each of ``n`` regions, neighbours different."""
    neighbours = [set() for _ in range(n)]
    for a, b in ((regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])):
        for i, j in np.unique(np.stack([a[a != b], b[a != b]], axis=1), axis=0).tolist():
            neighbours[i].add(j)
            neighbours[j].add(i)
    left = [set(near) for near in neighbours]
    order, open_regions = [], set(range(n))
    while open_regions:
        smallest = min(open_regions, key=lambda i: (len(left[i]), i))
        open_regions.remove(smallest)
        order.append(smallest)
        for i in left[smallest]:
            left[i].discard(smallest)
    colours = np.full(n, -1)
    for i in reversed(order):
        taken = {colours[j] for j in neighbours[i]}
        # Starting at another colour for every region spreads all seven over the picture.
        wishes = [(i + k) % len(_CELL_COLOURS) for k in range(len(_CELL_COLOURS))]
        colours[i] = next((c for c in wishes if c not in taken), wishes[0])
    return colours
