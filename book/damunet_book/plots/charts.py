"""Profiles, curves, bars and dots."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy import ndimage
from skimage.measure import profile_line

from damunet_book.plots.style import in_style, new_figure
from damunet_lite import _arguments as check
from damunet_lite.plots import COLOURS, grey_values, show_picture


@in_style()
def profile(
    image: np.ndarray,
    start: tuple[float, float],
    end: tuple[float, float],
    mask: np.ndarray | None = None,
) -> Figure:
    """A line on the picture, and the grey values along it.

    Parameters
    ----------
    image : np.ndarray
        ``[H, W]`` or ``[H, W, 1]``, floats in [0, 1] or unsigned integers of full scale.
    start, end : tuple of float
        (row, column) of the ends, inside the image. Between them a value is read at every pixel
        of length or a little closer, interpolated linearly.
    mask : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]``, membrane = 1: its stretches of the line are shaded.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an end lies outside the image, both are the same point, or ``mask`` has another size
        or other values than 0 and 1.

    Examples
    --------
    >>> profile(np.eye(4), (0, 0), (0, 3)).axes[1].lines[0].get_ydata().tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    grey = grey_values(check.plane("image", image))
    corner = (grey.shape[0] - 1, grey.shape[1] - 1)
    for name, (row, column) in (("start", start), ("end", end)):
        if not (0 <= row <= corner[0] and 0 <= column <= corner[1]):
            wanted = f"(row, column) from (0, 0) to {corner}"
            raise ValueError(f"{name} is {(row, column)}, wanted {wanted}")
    if tuple(start) == tuple(end):
        raise ValueError(f"end is {tuple(end)} like start, wanted another point")
    line = {"src": start, "dst": end, "order": 1, "mode": "nearest"}
    intensity = profile_line(grey, **line)
    distance = np.linspace(0, np.hypot(end[0] - start[0], end[1] - start[1]), len(intensity))
    figure = new_figure(6.5, 2.7)
    picture, graph = figure.subplots(1, 2, width_ratios=[1, 1.9])
    show_picture(picture, grey, 300)
    # white below, so that the line shows on dark and on bright ground
    for colour, width in (("white", 4.5), (COLOURS["vermillion"], 2)):
        ends = ([start[1], end[1]], [start[0], end[0]])
        look = {"color": colour, "lw": width, "markersize": width + 3}
        picture.plot(*ends, "-o", markevery=[0], **look)
    if mask is not None:
        membrane = check.binary("mask", check.plane("mask", mask))
        check.same_shape("mask", membrane, "image", grey)
        on_line = profile_line(membrane.astype(float), **line) >= 0.5
        half = distance[1] / 2
        for (run,) in ndimage.find_objects(ndimage.label(on_line)[0]):
            first, last = distance[run.start] - half, distance[run.stop - 1] + half
            graph.axvspan(first, last, color=COLOURS["orange"], alpha=0.3, lw=0)
        shade = Patch(color=COLOURS["orange"], alpha=0.3, lw=0, label="membrane")
        above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.1}
        graph.legend(handles=[shade], **above)
    graph.plot(distance, intensity, color=COLOURS["vermillion"])
    graph.set(xlabel="distance from the dot (pixels)", ylabel="grey value")
    graph.set(xlim=(0, distance[-1]), ylim=(0, 1))
    return figure


@in_style()
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
        raise ValueError(f"history has the names {list(history)}, wanted at least one curve")
    places = history[x] if isinstance(x, str) else x
    target = ax or new_figure(7.0, 3.4).add_subplot()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    roots = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    for name in names:
        values = history[name]
        at = range(1, len(values) + 1) if places is None else places
        if len(at) != len(values):
            raise ValueError(f"x has {len(at)} values, wanted {len(values)} as {name} has")
        root = name.removeprefix("val_")
        look = {"color": cycle[roots.index(root) % len(cycle)]}
        if name == root:
            target.plot(at, values, label=root, **look)
        else:
            target.plot(at, values, "--", label=f"{root}, validation", **look)
    target.set(xlabel=xlabel, ylabel=ylabel)
    target.xaxis.get_major_locator().set_params(integer=True)
    target.grid(axis="y")
    target.legend()
    return ax or target.figure


@in_style()
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
        raise ValueError("scores is empty, wanted at least one name and value")
    for name in baselines:
        if name not in scores:
            raise ValueError(f"baselines has {name!r}, wanted names among {list(scores)}")
    target = ax or new_figure(7.0, 0.7 + 0.36 * len(scores)).add_subplot()
    values = np.array(list(scores.values()), float)
    colours = ["#A9AEB3" if name in baselines else COLOURS["blue"] for name in scores]
    target.barh(range(len(scores)), np.nan_to_num(values), color=colours, height=0.62)
    for place, value in enumerate(values):
        words = "?" if np.isnan(value) else f"{value:.3f}"
        beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        target.annotate(words, (np.nan_to_num(value), place), fontsize=9, **beside)
    target.set_yticks(range(len(scores)), list(scores))
    target.set(xlabel=xlabel, xlim=(0, max(1, np.nanmax(np.append(values, 0)) * 1.1)))
    target.tick_params(axis="y", length=0)
    target.invert_yaxis()
    return ax or target.figure


@in_style()
def fold_dots(
    table: Mapping[str, Sequence[float]], xlabel: str = "score", ax: Axes | None = None
) -> Figure | Axes:
    """A dot for every fold and a line at the mean: how networks differ, and how runs do.

    Parameters
    ----------
    table : mapping of str to sequence of float
        Name of the network to its scores, one a fold.
    xlabel : str
        Which score it is.
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
        raise ValueError(f"table is {dict(table)}, wanted at least one score for every name")
    target = ax or new_figure(7.0, 0.9 + 0.5 * len(table)).add_subplot()
    for place, scores in enumerate(table.values()):
        mean = float(np.mean(scores))
        dots = {"alpha": 0.65, "markersize": 7, "markeredgewidth": 0, "clip_on": False}
        target.plot(scores, np.full(len(scores), place), "o", color=COLOURS["blue"], **dots)
        target.plot([mean, mean], [place - 0.28, place + 0.28], color=COLOURS["ink"], lw=2)
        target.text(mean, place - 0.31, f"{mean:.3f}", ha="center", va="bottom", fontsize=9)
    target.set_yticks(range(len(table)), list(table))
    target.set(xlabel=xlabel, ylim=(len(table) - 0.4, -0.7))
    target.tick_params(axis="y", length=0)
    target.grid(axis="x")
    return ax or target.figure
