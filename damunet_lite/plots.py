"""Pictures of errors and of cells, and the contact sheet of a training run.

Nothing here touches pyplot: pictures are arrays, or drawn on the
:class:`~matplotlib.axes.Axes` that they are given, and the sheet is a
:class:`~matplotlib.figure.Figure` of its own, at most 900 pixels wide.
"""

from collections.abc import Sequence
from pathlib import Path

import networkx
import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image
from scipy import ndimage
from skimage.segmentation import expand_labels, relabel_sequential
from skimage.transform import resize_local_mean

from damunet_lite import _arguments as check

#: Okabe and Ito's colour-blind-safe palette, with a softened black.
COLOURS = {"blue": "#0072B2", "vermillion": "#D55E00", "green": "#009E73", "purple": "#CC79A7"}
COLOURS |= {"orange": "#E69F00", "sky": "#56B4E9", "yellow": "#F0E442", "ink": "#26292C"}

#: Membrane that the prediction misses: two cells may merge there.
MISSED = COLOURS["vermillion"]

#: Membrane that the prediction invents: a cell may be split there.
FALSE = COLOURS["blue"]

#: The grey values below errors: an offset, and a factor.
FADED = 0.35, 0.65

PANELS = ("image", "truth", "probability", "errors")
_CELL_COLOURS = ("sky", "orange", "green", "purple", "blue", "yellow", "vermillion")


# --- pictures ---------------------------------------------------------------------------


def grey_values(picture: np.ndarray) -> np.ndarray:
    """Grey values as floats in [0, 1]; unsigned integers are divided by their full scale.

    Parameters
    ----------
    picture : np.ndarray
        Of any shape: floats in [0, 1], uint8, uint16 or bool.

    Returns
    -------
    np.ndarray
        Floats of the same shape.

    Raises
    ------
    ValueError
        If the dtype is none of these, or floats leave [0, 1]: guessing their scale would show
        white where there is a picture.

    Examples
    --------
    >>> grey_values(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ])
    """
    grey = check.dtype("image", picture, ("b", "f", "uint8", "uint16"), "uint8, uint16 or floats")
    scale = np.iinfo(grey.dtype).max if grey.dtype.kind == "u" else 1
    return check.probability("image", grey / scale, "[0, 1]")


def tinted(picture: np.ndarray, opacity: np.ndarray, colour: str | np.ndarray) -> np.ndarray:
    """Lay a colour over a grey or RGB picture.

    Parameters
    ----------
    picture : np.ndarray
        ``[H, W]`` or RGB ``[H, W, 3]`` in [0, 1].
    opacity : np.ndarray
        ``[H, W]``, from 0, nothing, to 1, only the colour.
    colour : str or np.ndarray
        For all pixels, or RGB ``[H, W, 3]``.

    Returns
    -------
    np.ndarray
        RGB ``[H, W, 3]``.

    Examples
    --------
    >>> tinted(np.array([[0.0, 0.5]]), np.array([[0.0, 1.0]]), "#ff0000").tolist()
    [[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]
    """
    paint = np.array(to_rgb(colour)) if isinstance(colour, str) else colour
    rgb = picture[..., None] if picture.ndim == 2 else picture
    return rgb + opacity[..., None] * (paint - rgb)


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
        ``[H, W]`` or ``[H, W, 1]`` grey picture, floats in [0, 1], uint8 or uint16; without it
        the true membranes are drawn.

    Returns
    -------
    np.ndarray
        float RGB ``[H, W, 3]`` in [0, 1].

    Raises
    ------
    ValueError
        If shapes differ, a mask holds other values than 0 and 1, or the image is none of these.

    Examples
    --------
    >>> truth, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    >>> error_map(truth, prediction, image=np.array([[0.0, 1, 1, 1]])).round(2)[0]
    array([[0.35, 0.35, 0.35],
           [0.84, 0.37, 0.  ],
           [0.  , 0.45, 0.7 ],
           [1.  , 1.  , 1.  ]])
    >>> error_map(truth, truth)[0, :, 0].tolist()
    [0.4, 0.4, 1.0, 1.0]
    """
    truth = check.binary("truth", check.plane("truth", truth))
    prediction = check.binary("prediction", check.plane("prediction", prediction))
    check.same_shape("prediction", prediction, "truth", truth)
    grey = 1 - 0.6 * truth
    if image is not None:
        grey = FADED[0] + FADED[1] * grey_values(check.plane("image", image))
    check.same_shape("image", grey, "truth", truth)
    return tinted(tinted(grey, truth & ~prediction, MISSED), prediction & ~truth, FALSE)


@style.context("default", after_reset=True)
def contact_sheet(
    images: np.ndarray,
    truths: np.ndarray,
    probabilities: np.ndarray,
    threshold: float = 0.5,
    path: str | Path | None = None,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Slices, six in a row: image, truth, membrane probability, and errors in two colours.

    Errors are drawn three pixels wide, or thin ones would be lost at this size.

    Parameters
    ----------
    images, truths, probabilities : np.ndarray
        ``[N, H, W]`` or ``[N, H, W, 1]``: grey images in [0, 1], masks and predicted
        probabilities, both with membrane = 1.
    threshold : float
        A pixel is called cell where the probability of *cell*, ``1 - probabilities``, is
        strictly above this: the convention of :mod:`damunet_lite.metrics`.
    path : str or pathlib.Path, optional
        PNG file to write; folders on the way are made.
    titles : sequence of str, optional
        One for each slice; otherwise the slices are counted from 0.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an array has other values or another shape than these, or `threshold` leaves [0, 1].

    Examples
    --------
    >>> truths = np.zeros((2, 8, 8))
    >>> truths[:, 4] = 1
    >>> figure = contact_sheet(1 - truths, truths, 0.9 * truths)
    >>> [ax.get_xlabel() for ax in figure.axes[-2:]]
    ['0.0 % missed\\n0.0 % false', '0.0 % missed\\n0.0 % false']
    """
    images = grey_values(check.slices("images", images))
    truths = check.binary("truths", check.slices("truths", truths))
    check.same_shape("truths", truths, "images", images)
    probabilities = check.slices("probabilities", check.probability("probabilities", probabilities))
    check.same_shape("probabilities", probabilities, "images", images)
    check.number("threshold", threshold, lambda limit: 0 <= limit <= 1, "a number in [0, 1]")
    columns = min(6, len(images))
    bands = -(-len(images) // columns)
    # Two slices alone would fill the page, and thirty would fill a megabyte.
    panel = min(2.2, 8.4 / columns, (12 / len(images)) ** 0.5)
    height = bands * (4 * panel * images.shape[1] / images.shape[2] + 0.75) + 0.3
    figure = Figure((max(panel * columns + 0.3, 3.4), height), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    axes = figure.subplots(4 * bands, columns, squeeze=False, subplot_kw={"visible": False})
    for k, image in enumerate(images):
        panels = axes[4 * (k // columns) :, k % columns][:4]
        truth, found = truths[k], ~(1 - probabilities[k].astype(float) > threshold)
        errors = FADED[0] + FADED[1] * ndimage.gaussian_filter(image, 2)
        wrong = {MISSED: truth & ~found, FALSE: found & ~truth}
        for colour, where in wrong.items():
            errors = tinted(errors, ndimage.maximum_filter(where, 3), colour)
        pictures = (image, 1.0 - truth, 1.0 - probabilities[k], errors)
        for ax, picture, label in zip(panels, pictures, PANELS, strict=True):
            ax.set_visible(True)
            show_picture(ax, picture, 100 * panel)
            ax.set_ylabel("" if k % columns else label, fontsize=9)
        panels[0].set_title(titles[k] if titles is not None else f"slice {k}", fontsize=9)
        missed, false = (f"{100 * where.mean():.1f} %" for where in wrong.values())
        panels[3].set_xlabel(f"{missed} missed\n{false} false", fontsize=8)
    words = "missed membrane: cells may merge", "false membrane: a cell may be split"
    handles = [Patch(color=colour, label=text) for colour, text in zip(wrong, words, strict=True)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if columns > 2 else 1)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png")
        # With a palette the file is a third as large.
        Image.open(path).convert("RGB").quantize(255).save(path, format="PNG", optimize=True)
    return figure


def show_picture(ax: Axes, picture: np.ndarray, pixels: float, levels: int = 8) -> None:
    """Draw a picture without ticks, made no larger than it will be on the page.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    picture : np.ndarray
        ``[H, W]`` or RGB ``[H, W, 3]`` in [0, 1]. Its pixels keep their coordinates.
    pixels : float
        Of the longer side on the page.
    levels : int
        Shades of a picture that is made smaller.

    Examples
    --------
    >>> ax = Figure((2, 2)).add_subplot()
    >>> show_picture(ax, np.eye(300)[:150], 100)
    >>> ax.get_images()[0].get_array().shape, ax.get_images()[0].get_extent()
    ((50, 100), [-0.5, 299.5, 149.5, -0.5])
    >>> np.unique(ax.get_images()[0].get_array()).round(2).tolist()  # a third, in 8 shades
    [0.0, 0.29]
    """
    height, width = picture.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    factor = max(height, width) / pixels
    if factor > 1:
        # The noise of electron micrographs is most of a PNG file's bytes: an average to the size
        # on the page in few shades makes the file several times smaller.
        size = [max(1, round(side / factor)) for side in (height, width)]
        picture = resize_local_mean(picture.astype(float), (*size, *picture.shape[2:]))
        picture = np.round(picture * (levels - 1)) / (levels - 1)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


# --- cells ------------------------------------------------------------------------------


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
        ``[H, W]`` or ``[H, W, 1]`` grey picture, floats in [0, 1], uint8 or uint16, shown
        through the colours.
    opacity : float
        Of the colours over the image, 0 to 1.

    Returns
    -------
    np.ndarray
        float RGB ``[H, W, 3]`` in [0, 1].

    Raises
    ------
    ValueError
        If ``labels`` holds no integers, a shape is none of these, ``image`` has another size or
        other values, or ``opacity`` leaves [0, 1].

    References
    ----------
    Matula and Beck 1983, Journal of the ACM 30(3), 417-427, doi:10.1145/2402.322385.

    Examples
    --------
    >>> rgb = label_overlay(np.array([[7, 0, 9]]))
    >>> bool((rgb[0, 0] != rgb[0, 2]).any()), rgb[0, 1].tolist()
    (True, [0.0, 0.0, 0.0])
    """
    labels = check.labels("labels", check.plane("labels", labels))
    cells = labels > 0
    check.number("opacity", opacity, lambda share: 0 <= share <= 1, "a number in [0, 1]")
    grey = np.zeros(labels.shape) if image is None else grey_values(check.plane("image", image))
    check.same_shape("image", grey, "labels", labels)
    # every membrane pixel takes the number of the cell nearest to it
    grown = expand_labels(relabel_sequential(np.array(labels))[0], labels.size)
    palette = np.array([to_rgb(COLOURS[name]) for name in _CELL_COLOURS])
    cover = cells if image is None else opacity * cells
    return tinted(grey, cover, palette[_colour_indices(grown)[grown]])


def _colour_indices(regions):
    """Colour index for each of the regions 1, 2, ..., neighbours different."""
    graph = networkx.Graph()
    for a, b in ((regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])):
        graph.add_edges_from(np.unique(np.stack([a[a != b], b[a != b]], axis=1), axis=0).tolist())
    graph.add_nodes_from(range(regions.max() + 1))
    colours = np.full(len(graph), -1)
    for i in networkx.coloring.strategy_smallest_last(graph, {}):
        taken = set(colours[list(graph[i])])
        # Starting at another colour for every region spreads all seven over the picture.
        wishes = [(i - 1 + k) % len(_CELL_COLOURS) for k in range(len(_CELL_COLOURS))]
        colours[i] = next((wish for wish in wishes if wish not in taken), wishes[0])
    return colours
