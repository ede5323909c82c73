"""Figures of the book: slices, errors, scores, training curves and network drawings.

Every function draws in the package's own style, leaves pyplot as it found it, and returns the
:class:`~matplotlib.figure.Figure` it made, or the :class:`~matplotlib.axes.Axes` it was given
as ``ax``. Figures are at most 900 pixels wide, and their
PNG files, notebook outputs included, have a palette of 255 colours to stay small.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
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
            return draw(*args, **kwargs)

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
    small = [Image.fromarray(c).resize(size, Image.Resampling.BOX) for c in channels]
    small = np.stack([np.asarray(c, dtype=float) for c in small], axis=-1)
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
    figure = _new_figure(8.6, 3.2)
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
        graph.fill_between(
            distance, 0, 1, where=on_line, step="mid", color=COLOURS["orange"], alpha=0.3,
            lw=0, label="membrane",
        )
        graph.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1)
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
