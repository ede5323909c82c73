"""Figures of the book: slices, errors, scores, training curves and network drawings.

Every function draws in the package's own style, leaves pyplot as it found it, and returns the
:class:`~matplotlib.figure.Figure` it made, or the :class:`~matplotlib.axes.Axes` it was given
as ``ax``. Figures are at most 900 pixels wide, and their
PNG files, notebook outputs included, have a palette of 255 colours to stay small.
"""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage

STYLE_SHEET = Path(__file__).with_name("damunet.mplstyle")

COLOURS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "ink": "#26292C",
}
"""Okabe and Ito's colour-blind-safe palette, with a softened black."""

MISSED = COLOURS["vermillion"]
"""Membrane that the prediction misses: two cells may merge there."""

FALSE = COLOURS["blue"]
"""Membrane that the prediction invents: a cell may be split there."""

_CELL_COLOURS = [
    COLOURS[name] for name in ("sky", "orange", "green", "purple", "blue", "yellow", "vermillion")
]


def use_style() -> None:
    """Switch matplotlib to the book's style for the figures you make yourself.

    The functions of this module use the style without this call and without changing yours.

    Examples
    --------
    >>> import matplotlib
    >>> with matplotlib.rc_context():
    ...     use_style()
    ...     matplotlib.rcParams["figure.dpi"]
    100.0
    """
    plt.style.use(STYLE_SHEET)


def _styled(draw: Callable) -> Callable:
    """Run a drawing function in the book's style, whatever style the reader has chosen."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with plt.style.context(STYLE_SHEET):
            result = draw(*args, **kwargs)
            interactive = plt.isinteractive()
        # The first figure loads the backend, and a notebook's switches to interactive mode;
        # leaving the context took that back, and later figures of the reader's own stayed away.
        if interactive:
            plt.interactive(True)
        return result

    return styled


class _PaletteCanvas(FigureCanvasAgg):
    """Canvas that writes PNG files with a palette, also into notebooks: a third of the bytes."""

    def print_png(self, filename_or_obj, *, metadata=None, pil_kwargs=None, **_):
        super().draw()
        picture = Image.fromarray(np.asarray(self.buffer_rgba())[..., :3].copy())
        picture = picture.quantize(255, dither=Image.Dither.NONE)
        info = PngInfo()
        for key, value in (metadata or {}).items():
            info.add_text(key, value)
        dpi = (self.figure.dpi, self.figure.dpi)
        options = {"optimize": True, "dpi": dpi, "pnginfo": info, **(pil_kwargs or {})}
        picture.save(filename_or_obj, format="PNG", **options)


def _new_figure(width: float, height: float) -> Figure:
    """Empty figure, sizes in inches of 100 pixels, that pyplot has already forgotten."""
    # Made by pyplot so that notebooks know how to show it, closed so that none shows it twice.
    figure = plt.figure(figsize=(width, height))
    plt.close(figure)
    _PaletteCanvas(figure)
    return figure


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    return _new_figure(width, height).add_subplot() if ax is None else ax


def _result(ax: Axes, given: Axes | None) -> Figure | Axes:
    return ax.figure if given is None else given


def _as_picture(name: str, array: np.ndarray) -> np.ndarray:
    """2-D view of ``[H, W]`` or ``[H, W, 1]``; RGB pictures pass unchanged."""
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3):
        return array
    raise ValueError(f"{name} has shape {array.shape}; wanted [H, W], [H, W, 1] or [H, W, 3]")


def _as_grey(name: str, array: np.ndarray) -> np.ndarray:
    """float64 [H, W] in [0, 1] of a grey picture; integers are divided by their full scale."""
    array = _as_picture(name, array)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; wanted [H, W] or [H, W, 1]")
    scale = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1
    return np.clip(array / scale, 0, 1)


def _as_mask(name: str, array: np.ndarray) -> np.ndarray:
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


@_styled
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
        picture = _as_grey("image", image)
    if mask is not None:
        membrane = _as_mask("mask", mask)
        _check_same_shape("mask", membrane, picture)
        picture = _tinted(picture, membrane, COLOURS["orange"], 0.45)
    height, width = picture.shape[:2]
    target = _axes(ax, 4.2, 4.2 * min(height / width, 2) + (0.3 if title else 0))
    _show_picture(target, picture, 400, levels=12)
    target.set_title(title)
    return _result(target, ax)


def _check_same_shape(name: str, array: np.ndarray, reference: np.ndarray) -> None:
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
    truth, prediction = _as_mask("truth", truth), _as_mask("prediction", prediction)
    _check_same_shape("prediction", prediction, truth)
    grey = 1 - 0.6 * truth if image is None else _faded(_as_grey("image", image))
    _check_same_shape("image", grey, truth)
    rgb = _tinted(grey, truth & ~prediction, MISSED, 1)
    return _tinted(rgb, prediction & ~truth, FALSE, 1)


def _faded(grey: np.ndarray) -> np.ndarray:
    return 0.35 + 0.65 * grey


@_styled
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
    figure = _new_figure(width, height)
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
    truth = _as_mask("truths", truth)
    membrane = ~(1 - probability > threshold)
    missed, false = truth & ~membrane, membrane & ~truth
    grey = _as_grey("images", image)
    for ax in panels:
        ax.set_visible(True)
    for ax, picture in zip(panels, (grey, 1.0 - truth, 1.0 - probability), strict=False):
        _show_picture(ax, picture, pixels)
    _show_errors(panels[3], grey, missed, false, pixels)
    shares = f"{missed.mean():.1%} missed\n{false.mean():.1%} false"
    panels[3].set_xlabel(shares.replace("%", " %"), fontsize=8)


def _show_picture(ax: Axes, picture: np.ndarray, pixels: float, levels: int = 8) -> None:
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
    _show_picture(ax, _faded(ndimage.gaussian_filter(image, 2)), pixels, levels=12)
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
        grey = _as_grey("image", image)
        _check_same_shape("image", grey, labels)
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


def line_profile(
    image: np.ndarray, start: tuple[float, float], end: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Grey values along a straight line, interpolated linearly about every pixel.

    Parameters
    ----------
    image : np.ndarray
        ``[H, W]`` or ``[H, W, 1]``, floats in [0, 1] or unsigned integers of full scale.
    start, end : tuple of float
        (row, column) of the ends, inside the image.

    Returns
    -------
    distance, intensity : np.ndarray
        float64 [K]: pixels from ``start``, and grey values in [0, 1].

    Raises
    ------
    ValueError
        If an end lies outside the image, or both are the same point.

    Examples
    --------
    >>> ramp = np.array([[0.0, 0.5, 1.0]])
    >>> line_profile(ramp, (0, 0), (0, 2))
    (array([0., 1., 2.]), array([0. , 0.5, 1. ]))
    """
    grey = _as_grey("image", image)
    ends = np.array([start, end], float)
    limits = np.array(grey.shape) - 1
    for name, point in zip(("start", "end"), ends, strict=True):
        if not ((point >= 0) & (point <= limits)).all():
            raise ValueError(
                f"{name} is {tuple(point.tolist())}; wanted (row, column) between (0, 0) "
                f"and {tuple(limits.tolist())}"
            )
    length = np.hypot(*(ends[1] - ends[0]))
    if length == 0:
        raise ValueError(f"end is {tuple(end)}, the same as start; wanted a line")
    shares = np.linspace(0, 1, int(np.ceil(length)) + 1)
    points = ends[0][:, None] + shares * (ends[1] - ends[0])[:, None]
    return shares * length, ndimage.map_coordinates(grey, points, order=1, mode="nearest")


@_styled
def profile(
    image: np.ndarray,
    start: tuple[float, float],
    end: tuple[float, float],
    mask: np.ndarray | None = None,
) -> Figure:
    """A line on the picture, and the grey values along it.

    Parameters
    ----------
    image, start, end
        As for :func:`line_profile`.
    mask : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]``, membrane = 1: its stretches of the line are shaded.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        As :func:`line_profile`; or if ``mask`` has another size or other values than 0 and 1.

    Examples
    --------
    >>> profile(np.eye(4), (1, 0), (1, 3)).axes[1].lines[0].get_ydata().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    grey = _as_grey("image", image)
    distance, intensity = line_profile(image, start, end)
    figure = _new_figure(6.5, 2.7)
    picture, graph = figure.subplots(1, 2, width_ratios=[1, 1.9])
    _show_picture(picture, grey, 300)
    for ends, colour, width in (("o", "white", 4.5), ("o", COLOURS["vermillion"], 2)):
        picture.plot(
            [start[1], end[1]], [start[0], end[0]], "-" + ends, color=colour, lw=width,
            markevery=[0], markersize=width + 3,
        )
    if mask is not None:
        membrane = _as_mask("mask", mask)
        _check_same_shape("mask", membrane, grey)
        on_line = line_profile(membrane.astype(float), start, end)[1] >= 0.5
        half = distance[1] / 2
        for (run,) in ndimage.find_objects(ndimage.label(on_line)[0]):
            first, last = distance[run.start] - half, distance[run.stop - 1] + half
            graph.axvspan(first, last, color=COLOURS["orange"], alpha=0.3, lw=0)
        graph.legend(
            handles=[Patch(color=COLOURS["orange"], alpha=0.3, lw=0, label="membrane")],
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1,
        )
    graph.plot(distance, intensity, color=COLOURS["vermillion"])
    graph.set(
        xlabel="distance from the dot (pixels)", ylabel="grey value", ylim=(0, 1),
        xlim=(0, distance[-1]),
    )
    return figure


@_styled
def curves(
    history: Mapping[str, Sequence[float]],
    x: Sequence[float] | str | None = None,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    ax: Axes | None = None,
) -> Figure | Axes:
    """Training curves; ``val_`` of a name is dashed in the colour of that name.

    Parameters
    ----------
    history : mapping of str to sequence of float
        Name to one value per epoch or step, as ``History.history`` of Keras has it.
    x : sequence of float or str, optional
        Places of the values, or the name in ``history`` that holds them; otherwise 1, 2, ...
    xlabel, ylabel : str
        What the axes say.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If there is no curve, or its length differs from that of ``x``.

    Examples
    --------
    >>> figure = curves({"loss": [0.9, 0.5], "val_loss": [0.8, 0.6]})
    >>> [line.get_linestyle() for line in figure.axes[0].lines]
    ['-', '--']
    """
    names = [name for name in history if name != x]
    if not names:
        raise ValueError(f"history has the names {list(history)}; wanted at least one curve")
    places = history[x] if isinstance(x, str) else x
    target = _axes(ax, 7.0, 3.4)
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    roots = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    for name in names:
        values = history[name]
        at = range(1, len(values) + 1) if places is None else places
        if len(at) != len(values):
            raise ValueError(f"x has {len(at)} values; wanted {len(values)} as {name} has")
        root = name.removeprefix("val_")
        target.plot(
            at, values, color=cycle[roots.index(root) % len(cycle)],
            linestyle="-" if name == root else "--",
            label=root if name == root else f"{root}, validation",
        )
    target.set(xlabel=xlabel, ylabel=ylabel)
    target.xaxis.get_major_locator().set_params(integer=True)
    target.grid(axis="y")
    target.legend()
    return _result(target, ax)


@_styled
def score_bars(
    scores: Mapping[str, float],
    xlabel: str = "score",
    baselines: Sequence[str] = (),
    ax: Axes | None = None,
) -> Figure | Axes:
    """One bar with its number for each name, trivial baselines in grey.

    Parameters
    ----------
    scores : mapping of str to float
        Name to score, drawn from top to bottom. NaN gives a question mark instead of a bar.
    xlabel : str
        Which score it is.
    baselines : sequence of str
        Names drawn in grey.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If ``scores`` is empty or a baseline is not among them.

    Examples
    --------
    >>> figure = score_bars({"all cell": 0.876, "U-Net": 0.878}, baselines=["all cell"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.876', '0.878']
    """
    if not scores:
        raise ValueError("scores is empty; wanted at least one name and value")
    for name in baselines:
        if name not in scores:
            raise ValueError(f"baselines has {name!r}; wanted names among {list(scores)}")
    target = _axes(ax, 7.0, 0.7 + 0.36 * len(scores))
    values = np.array(list(scores.values()), float)
    colours = ["#A9AEB3" if name in baselines else COLOURS["blue"] for name in scores]
    target.barh(range(len(scores)), np.nan_to_num(values), color=colours, height=0.62)
    for place, value in enumerate(values):
        target.annotate(
            "?" if np.isnan(value) else f"{value:.3f}", (np.nan_to_num(value), place),
            xytext=(4, 0), textcoords="offset points", va="center", fontsize=9,
        )
    target.set_yticks(range(len(scores)), list(scores))
    target.set(xlabel=xlabel, xlim=(0, max(1, np.nanmax(np.append(values, 0)) * 1.1)))
    target.tick_params(axis="y", length=0)
    target.invert_yaxis()
    return _result(target, ax)


@_styled
def fold_dots(
    table: Mapping[str, Sequence[float]],
    xlabel: str = "score",
    references: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Figure | Axes:
    """A dot for every fold and a line at the mean: how networks differ, and how runs do.

    Parameters
    ----------
    table : mapping of str to sequence of float
        Name of the network to its scores, one a fold.
    xlabel : str
        Which score it is.
    references : mapping of str to float, optional
        Values drawn as dotted vertical lines, such as a trivial baseline.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If ``table`` is empty or a network has no score.

    Examples
    --------
    >>> figure = fold_dots({"U-Net": [0.90, 0.94], "DAMU-Net": [0.95, 0.97]})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.920', '0.960']
    """
    if not table or not all(len(scores) for scores in table.values()):
        raise ValueError(f"table is {dict(table)}; wanted at least one score for every name")
    target = _axes(ax, 7.0, 0.9 + 0.5 * len(table))
    for place, scores in enumerate(table.values()):
        mean = float(np.mean(scores))
        target.plot(
            scores, np.full(len(scores), place), "o", color=COLOURS["blue"], alpha=0.65,
            markersize=7, markeredgewidth=0, clip_on=False,
        )
        target.plot([mean, mean], [place - 0.28, place + 0.28], color=COLOURS["ink"], lw=2)
        target.text(mean, place - 0.31, f"{mean:.3f}", ha="center", va="bottom", fontsize=9)
    for name, value in (references or {}).items():
        target.axvline(value, color="#6B7075", lw=1.2, linestyle=":")
        target.annotate(
            name, (value, 0), xycoords=("data", "axes fraction"), xytext=(3, 3),
            textcoords="offset points", color="#55595D", fontsize=8,
        )
    target.set_yticks(range(len(table)), list(table))
    target.set(xlabel=xlabel, ylim=(len(table) - 0.4, -0.7))
    target.tick_params(axis="y", length=0)
    target.grid(axis="x")
    return _result(target, ax)


# The drawing of a network: its graph is walked, its layers are gathered into boxes, and rows and
# columns follow from sizes and order. Names serve as labels only.


@dataclass(frozen=True)
class Box:
    """Layers drawn as one: where they are and what leaves them.

    Attributes
    ----------
    name : str
        What the names of the layers have in common.
    kind : {"input", "block", "gate", "attention", "head"}
        A gate takes a skip connection and a gating signal, an attention one feature map.
    layers : tuple of str
        Names of the layers, in order.
    size : tuple of int
        Height and width of the output, in pixels.
    channels : int
        Channels of the output.
    row : int
        0 at full size, 1 at the next smaller size, and so on.
    column : float
        From left to right along the longest path; gates lie between columns.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    row: int = 0
    column: float = 0.0


@dataclass(frozen=True)
class Edge:
    """Arrow from one box to another.

    Attributes
    ----------
    source, target : str
        Names of boxes.
    kind : {"flow", "down", "up", "skip", "gating", "image", "head"}
        "image" is the input image at a smaller size; "flow" is a step at the same size.
    """

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class NetworkLayout:
    """Boxes and edges of a network, as :func:`network_layout` finds them."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def __getitem__(self, name: str) -> Box:
        """The box of that name."""
        return next(box for box in self.boxes if box.name == name)


class _Op:
    """One layer in one place of a graph, with its neighbours and output shape."""

    def __init__(self, layer, parents):
        self.layer, self.parents, self.children = layer, parents, []
        self.shape: tuple[int, ...] = ()
        self.group: Any = None
        for parent in parents:
            parent.children.append(self)

    @property
    def type(self) -> str:
        return type(self.layer).__name__

    @property
    def change(self) -> float:
        """Height of the output over the height of the (largest) input."""
        return self.shape[1] / max(parent.shape[1] for parent in self.parents)

    @property
    def is_gate(self) -> bool:
        return callable(getattr(self.layer, "coefficients", None))

    @property
    def kernel(self) -> int:
        """Side of the kernel of a convolution, 0 for any other layer."""
        if self.type not in ("Conv2D", "SeparableConv2D"):
            return 0
        return max(self.layer.kernel_size)


class _Group:
    """Layers gathered: a box in the making, or a "down" or "up" that becomes an arrow."""

    def __init__(self, kind: str, ops: list[_Op], skip: _Op | None = None):
        # A gate knows its skip connection from its gating signal.
        self.kind, self.ops, self.skip = kind, ops, skip
        for op in ops:
            op.group = self

    def add(self, op: _Op) -> None:
        self.ops.append(op)
        op.group = self

    @property
    def inputs(self) -> list[_Op]:
        """Layers outside that feed the group, without repeats."""
        outside = [p for op in self.ops for p in op.parents if p.group is not self]
        return list(dict.fromkeys(outside))


def _walk(model, side: int) -> list[_Op]:
    """Layers between inputs and outputs of a functional model, in topological order."""
    import keras  # here, because most figures need no network

    found, tensors = {}, {}

    def visit(tensor) -> _Op:
        layer, node_index, _ = tensor._keras_history
        key = f"{id(layer)}/{node_index}"
        if key not in found:
            node = layer._inbound_nodes[node_index]
            parents = [] if node.is_input else [visit(t) for t in node.input_tensors]
            found[key] = _Op(layer, parents)
            tensors[key] = tensor
        return found[key]

    outputs = [visit(tensor) for tensor in model.outputs]
    fixed = model.inputs[0].shape
    shape = (1, fixed[1] or side, fixed[2] or side, fixed[3])
    shapes = keras.Model(model.inputs, tensors).compute_output_shape(shape)
    for key, op in found.items():
        op.shape = tuple(shapes[key])
        if len(op.shape) != 4:
            raise ValueError(
                f"model has layer {op.layer.name} with output shape {op.shape}; wanted [N, H, W, C]"
            )
    for op in outputs:
        op.children.append(None)
    return list(found.values())


def _gather(ops: list[_Op]) -> list[_Group]:
    """Put every layer into one group: heads and gates first, then chains of layers."""
    groups = [_head_group(op) for op in ops if None in op.children]
    for op in ops:
        if op.group is None and op.is_gate:
            groups.append(_gate_group(op, op.parents[1:], op.parents[0]))
        elif op.group is None and op.type == "Multiply" and len(op.parents) == 2:
            weights = next((p for p in reversed(op.parents) if p.children == [op]), None)
            if weights is not None:
                other = op.parents[0] if op.parents[1] is weights else op.parents[1]
                groups.append(_gate_group(op, [weights], other))
    for op in ops:
        if op.group is None:
            groups.extend(_chained(op))
    order = {op: k for k, op in enumerate(ops)}
    return sorted(groups, key=lambda group: max(order[op] for op in group.ops))


def _head_group(op: _Op) -> _Group:
    """The last convolution before an output, and what follows it."""
    chain = [op]
    while not hasattr(chain[0].layer, "kernel_size") and len(chain[0].parents) == 1:
        parent = chain[0].parents[0]
        if parent.children != [chain[0]] or not parent.parents:
            break
        chain.insert(0, parent)
    return _Group("head", chain)


def _gate_group(op: _Op, sides: list[_Op], skip: _Op) -> _Group:
    """A gate with the layers that serve it alone, whether one layer or many make it up."""
    group = _Group("gate", [op], skip)
    waiting = list(sides)
    while waiting:
        side = waiting.pop()
        serves = all(child is not None and child.group is group for child in side.children)
        is_block = side.kernel > 1 and side.change == 1
        if side.group is None and side.parents and side is not skip and serves and not is_block:
            group.ops.insert(0, side)
            side.group = group
        if side.group is group:
            waiting.extend(side.parents)
    after = op.children
    while len(after) == 1 and after[0] is not None and _follows_gate(after[0]):
        group.add(after[0])
        after = after[0].children
    group.kind = "gate" if len(group.inputs) > 1 else "attention"
    return group


def _follows_gate(op: _Op) -> bool:
    simple = op.kernel == 1 or op.type in ("BatchNormalization", "Activation", "ReLU")
    return simple and op.group is None and len(op.parents) == 1


def _chained(op: _Op) -> list[_Group]:
    """Let a layer join the group before it, or open a new one."""
    if not op.parents:
        return [_Group("input", [op])]
    if len(op.parents) == 1:
        parent = op.parents[0]
        if op.change != 1:
            return [_Group("down" if op.change < 1 else "up", [op])]
        alone = parent.children == [op]
        plain = not hasattr(op.layer, "kernel_size")
        if alone and (parent.group.kind == "block" or _is_carrier(parent.group) and plain):
            parent.group.add(op)
            return []
    return [_Group("block", [op])]


def _is_carrier(group: _Group) -> bool:
    return group.kind in ("down", "up")


def network_layout(model: Any, side: int = 512) -> NetworkLayout:
    """Boxes, arrows and places for the drawing of a U-shaped network.

    A chain of layers at one size becomes one box, a pooling or upsampling becomes an arrow, and
    an attention gate becomes one box whether it is one layer or a dozen.

    Parameters
    ----------
    model : keras.Model
        Functional model from ``[N, H, W, C]`` to one output or several.
    side : int
        Height and width of the imagined image where the model leaves them open; a multiple of
        the network's total pooling.

    Returns
    -------
    NetworkLayout

    Raises
    ------
    ValueError
        If a layer's output is not ``[N, H, W, C]``.

    Examples
    --------
    >>> from damunet_lite.models import unet
    >>> layout = network_layout(unet(depth=1, base_filters=4))
    >>> [(box.name, box.channels, box.row, box.column) for box in layout.boxes[1:4]]
    [('down1', 4, 0, 1), ('bottom', 8, 1, 2), ('up1', 4, 0, 3)]
    >>> [f"{edge.source} {edge.kind} {edge.target}" for edge in layout.edges[1:4]]
    ['down1 down bottom', 'down1 skip up1', 'bottom up up1']
    """
    groups = _gather(_walk(model, side))
    names = _names([group for group in groups if not _is_carrier(group)])
    links = _links(groups)
    heights = sorted({op.shape[1] for group in names for op in group.ops[-1:]}, reverse=True)
    columns = _columns(list(names), links)
    boxes = [
        Box(
            name=name,
            kind=group.kind,
            layers=tuple(op.layer.name for op in group.ops),
            size=(group.ops[-1].shape[1], group.ops[-1].shape[2]),
            channels=group.ops[-1].shape[3],
            row=heights.index(group.ops[-1].shape[1]),
            column=columns[group],
        )
        for group, name in names.items()
    ]
    edges = [Edge(names[s], names[t], kind) for s, t, kind in links]
    return NetworkLayout(tuple(boxes), tuple(edges))


def _names(groups: list[_Group]) -> dict[_Group, str]:
    """A name of its own for each box: the first word that half of its layers' names share."""
    names = {}
    for group in groups:
        own = [op.layer.name for op in group.ops]
        word, count = Counter(name.split("_")[0] for name in own).most_common(1)[0]
        named = [op.layer.name for op in group.ops if op.kernel] or own
        name = own[-1] if group.kind == "head" else named[0]
        if len(own) > 1 and group.kind != "head" and 2 * count >= len(own):
            name = word if word not in names.values() else name
        while name in names.values():
            name += "'"
        names[group] = name
    return names


def _links(groups: list[_Group]) -> list[tuple[_Group, _Group, str]]:
    """Pairs of boxes with the kind of what leads from one to the other."""
    raw = []
    for group in groups:
        if _is_carrier(group):
            continue
        for op in group.inputs:
            carried, source = set(), op
            while _is_carrier(source.group):
                carried.add(source.group.kind)
                source = source.group.inputs[0]
            gating = group.kind == "gate" and op is not group.skip
            raw.append((source.group, group, "gating" if gating else carried))
    return [(s, t, _edge_kind(s, t, how, raw)) for s, t, how in raw]


def _edge_kind(source: _Group, target: _Group, how, raw: list) -> str:
    if how == "gating":
        return "gating"
    if target.kind == "head":
        return "head"
    if "up" in how:
        return "up"
    merges = sum(t is target for _, t, _ in raw) > 1
    if source.kind == "input" and "down" in how:
        return "image"
    if "down" in how:
        return "down"
    if merges and target.kind == "block" and _from_image_only(source, raw):
        return "image"
    return "skip" if _meets_upsampling(target, raw) else "flow"


def _from_image_only(group: _Group, raw: list) -> bool:
    """Whether a box sees nothing but the pooled image."""
    before = [(s, how) for s, t, how in raw if t is group]
    return bool(before) and all(s.kind == "input" and "down" in how for s, how in before)


def _meets_upsampling(target: _Group, raw: list) -> bool:
    if target.kind in ("gate", "attention"):
        after = [t for s, t, how in raw if s is target and how != "gating"]
        return bool(after) and all(_meets_upsampling(t, raw) for t in after)
    return any(t is target and "up" in how for _, t, how in raw)


def _columns(groups: list[_Group], links: list) -> dict[_Group, float]:
    """Steps along the longest path; gates stand before the box they serve."""
    standing = ("gate", "attention")
    column = {}
    for group in groups:
        # Gates take no column of their own: what follows one is a step after what feeds it.
        step = group.kind not in standing
        column[group] = max((column[s] + step for s, t, _ in links if t is group), default=0)
    for group in groups:
        kinds = {kind for s, _, kind in links if s is group}
        if group.kind == "block" and kinds == {"image"}:
            column[group] = min(column[t] for s, t, _ in links if s is group) - 1
    last = max((column[g] for g in groups if g.kind != "head"), default=0) + 1
    for group in groups:
        if group.kind == "head":
            column[group] = last
    for group in reversed(groups):
        if group.kind in standing:
            after = [t for s, t, kind in links if s is group]
            if len(after) == 1 and any(k == "skip" for s, _, k in links if s is group):
                column[group] = column[after[0]] - (0.38 if after[0].kind in standing else 0.6)
            else:
                column[group] = column[group] + 0.45
    return column


_EDGES = {
    "flow": ("#55595D", "-", "next layers, same size"),
    "down": (COLOURS["blue"], "-", "pooling: half the size"),
    "up": (COLOURS["green"], "-", "upsampling: twice the size"),
    "skip": ("#8A8F94", "-", "skip connection"),
    "gating": (COLOURS["vermillion"], (0, (3, 2)), "gating signal"),
    "image": (COLOURS["orange"], "-", "image at a smaller size"),
    "head": ("#55595D", ":", "to a head"),
}
_FILLS = {
    "input": "#26292C",
    "block": "#DCEBF5",
    "gate": COLOURS["vermillion"],
    "attention": COLOURS["purple"],
    "head": COLOURS["green"],
}
_RADIUS = 0.115


@_styled
def draw_network(
    model: Any, side: int = 512, title: str = "", ax: Axes | None = None
) -> Figure | Axes:
    """Draw a network as a U, from its own graph.

    Rows are sizes, columns follow the order of computation; numbers are channels. The drawing
    shows what the model is, not what its builder meant: a skip connection taken from the wrong
    place is drawn from there.

    Parameters
    ----------
    model, side
        As for :func:`network_layout`.
    title : str
        Written above the drawing.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If a layer's output is not ``[N, H, W, C]``.

    Examples
    --------
    >>> from damunet_lite.models import unet
    >>> figure = draw_network(unet(depth=2, base_filters=4))
    >>> [text.get_text() for text in figure.axes[0].texts if "×" in text.get_text()]
    ['512 × 512', '256 × 256', '128 × 128']
    """
    layout = network_layout(model, side)
    rows = max(box.row for box in layout.boxes) + 1
    columns = max(box.column for box in layout.boxes)
    pitch = (min(7.3 / columns, 0.95), 0.8)  # inches from column to column and row to row
    handles = _legend_handles(layout)
    width = max(columns * pitch[0] + 1.5, 6.4)
    per_line = 4 if width > 8 else 3
    height = pitch[1] * rows + 0.2 + 0.21 * -(-len(handles) // per_line) + 0.25 * bool(title)
    target = _axes(ax, width, height)
    places = {b.name: (b.column * pitch[0], -b.row * pitch[1]) for b in layout.boxes}
    _draw_rows(target, layout, pitch, columns)
    shapes = {box.name: _box_size(box, layout, pitch) for box in layout.boxes}
    for edge in layout.edges:
        _draw_edge(target, edge, layout, places, shapes)
    for box in layout.boxes:
        _draw_box(target, box, places[box.name], shapes[box.name])
    target.set(
        xlim=(-1.05, columns * pitch[0] + 0.4), ylim=((0.5 - rows) * pitch[1], 0.5 * pitch[1]),
        aspect="equal", title=title,
    )
    target.set_axis_off()
    target.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0),
        ncols=per_line, fontsize=8.5, handlelength=2.2, columnspacing=1.6,
    )
    return _result(target, ax)


def _draw_rows(ax: Axes, layout: NetworkLayout, pitch: tuple[float, float], columns: float) -> None:
    sizes = {box.row: box.size for box in layout.boxes}
    for row, (height, width) in sorted(sizes.items()):
        y = -row * pitch[1]
        if row % 2 == 0:
            ax.add_patch(
                Rectangle(
                    (-1.05, y - pitch[1] / 2), columns * pitch[0] + 1.45, pitch[1],
                    color="#F2F3F1", lw=0, zorder=0,
                )
            )
        ax.text(-1.0, y, f"{height} × {width}", fontsize=8, color="#55595D", va="center")


def _box_size(
    box: Box, layout: NetworkLayout, pitch: tuple[float, float]
) -> tuple[float, float]:
    """Width and height in inches: wider for more channels, lower for smaller maps."""
    if box.kind in ("gate", "attention"):
        return 2 * _RADIUS, 2 * _RADIUS
    if box.kind == "head":
        return 0.46, 0.24
    if box.kind == "input":
        return 0.42, 0.42
    fewest = min(b.channels for b in layout.boxes if b.kind == "block")
    width = min(0.32 + 0.05 * np.log2(box.channels / fewest), 0.72 * pitch[0])
    return width, max(0.5 - 0.055 * box.row, 0.24)


def _draw_box(
    ax: Axes, box: Box, place: tuple[float, float], shape: tuple[float, float]
) -> None:
    x, y = place
    width, height = shape
    fill = _FILLS[box.kind]
    if box.kind in ("gate", "attention"):
        ax.add_patch(Circle(place, _RADIUS, facecolor=fill, edgecolor="white", lw=1, zorder=4))
    else:
        edge = COLOURS["blue"] if box.kind == "block" else fill
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height, zorder=3, facecolor=fill,
                edgecolor=edge, lw=1, boxstyle="round,pad=0,rounding_size=0.05",
            )
        )
    words = {"input": "image", "gate": "G", "attention": "A", "head": box.name}
    ax.text(
        x, y, words.get(box.kind, str(box.channels)), ha="center", va="center_baseline",
        fontsize=8, color=COLOURS["ink"] if box.kind == "block" else "white", zorder=5,
        fontweight="bold" if box.kind != "head" else "normal",
    )
    if box.kind == "block":
        ax.text(
            x, y + height / 2 + 0.02, box.name, ha="center", va="bottom", fontsize=7,
            color="#55595D", zorder=5,
        )


def _draw_edge(
    ax: Axes, edge: Edge, layout: NetworkLayout, places: dict, shapes: dict
) -> None:
    """An arrow: level within a row, from edge to edge between rows."""
    (x0, y0), (x1, y1) = places[edge.source], places[edge.target]
    (w0, h0), (w1, h1) = shapes[edge.source], shapes[edge.target]
    colour, dash, _ = _EDGES[edge.kind]
    bend = "arc3,rad=0"
    if y0 == y1:
        start, end = (x0 + w0 / 2, y0), (x1 - w1 / 2, y1)
    elif edge.kind == "image":
        start, end, bend = (x0, y0 - h0 / 2), (x1 - w1 / 2, y1), "angle,angleA=-90,angleB=0,rad=6"
    elif y1 < y0:
        start, end = (x0 + w0 / 4, y0 - h0 / 2), (x1 - w1 / 2, y1 + h1 / 4)
    elif edge.kind == "gating":
        start, end = (x0 - w0 / 2 + 0.03, y0 + h0 / 2), (x1, y1 - h1 / 2)
        # Past the gates of the rows between, where a signal skips one.
        steps = layout[edge.source].row - layout[edge.target].row
        bend = f"arc3,rad={-0.15 if steps == 1 else -0.4}"
    else:
        start, end = (x0 + w0 / 2 - 0.03, y0 + h0 / 2), (x1 - w1 / 4, y1 - h1 / 2)
    ax.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=bend, arrowstyle="-|>", mutation_scale=8, color=colour,
            linestyle=dash, lw=1.3, shrinkA=0, shrinkB=0, zorder=2,
        )
    )


def _legend_handles(layout: NetworkLayout) -> list:
    kinds = {edge.kind for edge in layout.edges}
    handles = [
        Line2D([], [], color=colour, linestyle=dash, lw=1.6, label=label)
        for kind, (colour, dash, label) in _EDGES.items()
        if kind in kinds
    ]
    boxes = {box.kind for box in layout.boxes}
    for kind, label in (("gate", "attention gate (G)"), ("attention", "attention, CBAM (A)")):
        if kind in boxes:
            handles.append(
                Line2D([], [], color=_FILLS[kind], marker="o", ms=9, ls="", label=label)
            )
    handles.append(
        Patch(facecolor=_FILLS["block"], edgecolor=COLOURS["blue"], label="layers, with channels")
    )
    return handles
