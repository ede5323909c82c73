"""The figures of the results."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from damunet_book.plots.style import in_style, new_figure, show_slice
from damunet_book.results.frames import SCORE_NAMES
from damunet_book.results.scores import by_fold, differences
from damunet_lite import plots

# In inches: what a phone shows whole.
WIDTH = 6.5
_TWO = ("v_rand", "dice_membrane")
_FOLDS = ("blue", "vermillion", "green", "purple", "orange")
_INK, _GREY = "#26292C", "#8A8F94"


@in_style()
def dots_figure(runs: pd.DataFrame) -> Figure:
    """V_rand and membrane Dice: a dot for each fold, joined by lines, and a bar at each mean.

    Where the clouds of two rows overlap, or the lines cross, the runs do not put one above the
    other.

    Parameters
    ----------
    runs : DataFrame
        Runs of one width; a row for each ``network``, in their order.
    """
    rows = list(dict.fromkeys(runs.network))
    figure = new_figure(WIDTH, 1.5 + 0.42 * len(rows))
    axes = figure.subplots(1, len(_TWO), sharey=True)
    for ax, score in zip(axes, _TWO, strict=True):
        table = by_fold(runs, score)
        for fold, values in table.iterrows():
            style = {"color": plots.COLOURS[_FOLDS[fold]], "lw": 0.8, "ms": 6, "alpha": 0.8}
            places = range(len(rows))
            ax.plot(values, places, "o-", label=f"fold {fold}", clip_on=False, **style)
        for place, mean in enumerate(table.mean()):
            ax.plot([mean] * 2, [place - 0.25, place + 0.25], color=_INK, lw=2.5)
        ax.set(xlabel=SCORE_NAMES[score], ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(range(len(rows)), rows)
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="x")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


@in_style()
def difference_figure(runs: pd.DataFrame, score: str = "v_rand") -> Figure:
    """Paired differences with their intervals about the line of no difference.

    Parameters
    ----------
    runs : DataFrame
        Runs of one width.
    score : str
    """
    found = differences(runs, score)
    figure = new_figure(WIDTH, 1.0 + 0.36 * len(found))
    ax = figure.add_subplot()
    for place, pair in enumerate(found.itertuples()):
        ax.plot([pair.low, pair.high], [place] * 2, color=plots.COLOURS["blue"])
        ax.plot(pair.values, [place] * len(pair.values), "o", color=_GREY, ms=4)
        ax.plot(pair.mean, place, "D", color=plots.COLOURS["blue"], ms=6)
    ax.axvline(0, color=_INK, lw=1)
    ax.set_yticks(range(len(found)), found.second + " - " + found["first"])
    ax.set(xlabel=f"difference in {SCORE_NAMES[score]}: right of 0, the first named is better")
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.grid(axis="x")
    return figure


@in_style()
def ablation_figure(
    changes: pd.DataFrame, again: pd.DataFrame, scores: Sequence[str] = _TWO
) -> Figure:
    """Each single change as a dot: how far it moves a score from the unchanged network.

    A panel for each network that is changed, a column for each score. In the first line of a
    panel stands the same network once more; the band that these runs span runs through the
    panel, so that a dot inside it has moved no further than luck alone has.

    Parameters
    ----------
    changes : DataFrame
        ``network`` and ``change``, and for each score the difference to the unchanged network.
    again : DataFrame
        The same differences for the unchanged networks trained again.
    scores : sequence of str
    """
    groups = dict(list(changes.groupby("network", sort=False)))
    figure = new_figure(WIDTH, 1.2 + 0.27 * len(changes) + 0.62 * len(groups))
    heights = [len(group) + 1.6 for group in groups.values()]
    axes = figure.subplots(
        len(groups), len(scores), sharex="col", squeeze=False, height_ratios=heights
    )
    for line, (network, group) in zip(axes, groups.items(), strict=True):
        for ax, score in zip(line, scores, strict=True):
            luck = again.loc[again.network == network, score]
            ax.axvspan(min([0, *luck]), max([0, *luck]), color=_GREY, alpha=0.2, lw=0)
            ax.plot(luck, [0] * len(luck), "D", color="#6B7075", ms=5)
            ax.plot(group[score], range(1, len(group) + 1), "o", color=plots.COLOURS["blue"], ms=6)
            ax.axvline(0, color=_INK, lw=1)
            ax.set_ylim(len(group) + 0.6, -0.6)
            ax.set_yticks(range(len(group) + 1), ["the same again", *group.change])
            ax.tick_params(labelleft=ax is line[0])
            ax.locator_params(axis="x", nbins=5)
            ax.grid(axis="x")
        line[0].set_title(f"{network}, changed", loc="left")
    for ax, score in zip(axes[-1], scores, strict=True):
        ax.set_xlabel(f"{SCORE_NAMES[score]}, difference")
    return figure


@in_style()
def curves_figure(runs: pd.DataFrame, history: pd.DataFrame) -> Figure:
    """Training loss and validation V_rand by step, one line for each run, coloured by fold.

    Parameters
    ----------
    runs : DataFrame
        A column of panels for each ``network``.
    history : DataFrame
        As :func:`damunet_book.results.history` gives it.
    """
    networks = list(dict.fromkeys(runs.network))
    figure = new_figure(WIDTH, 4.4)
    axes = figure.subplots(2, len(networks), sharex=True, sharey="row", squeeze=False)
    for run in runs.itertuples():
        points = history[history.name == run.Index]
        for ax, score in zip(axes[:, networks.index(run.network)], ("loss", "v_rand"), strict=True):
            colour = plots.COLOURS[_FOLDS[run.fold]]
            ax.plot(points.step, points[score], color=colour, lw=1.4, label=f"fold {run.fold}")
    for column, network in zip(axes.T, networks, strict=True):
        column[0].set_title(network)
        column[1].set_xlabel("step")
    for ax, label in zip(axes[:, 0], ("training loss", "V_rand, validation"), strict=True):
        ax.set_ylabel(label)
    lines = {line.get_label(): line for ax in axes[0] for line in ax.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=5)
    return figure


def gallery_masks(gallery: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """The predicted membranes of a gallery, bool [H, W] each.

    Examples
    --------
    >>> gallery_masks([])
    []
    """
    pictures = (Image.open(io.BytesIO(base64.b64decode(item["png"]))) for item in gallery)
    return [np.asarray(picture) > 0 for picture in pictures]


@in_style()
def gallery_figure(gallery: Sequence[dict[str, Any]], stack: Any) -> Figure:
    """The worst slices with missed membrane (merges) and false membrane (splits) coloured.

    Parameters
    ----------
    gallery : sequence of dict
        As :func:`damunet_book.results.gallery` gives it.
    stack : Stack
        The real stack, which the slices are of.
    """
    columns = min(2, len(gallery))
    rows = -(-len(gallery) // columns)
    figure = new_figure(WIDTH / 2 * columns, 3.5 * rows + 0.35)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, item, mask in zip(axes, gallery, gallery_masks(gallery), strict=False):
        truth = stack.membranes[item["slice"], ..., 0] == 1
        picture = plots.error_map(truth, mask, 1 - 0.25 * truth)
        title = f"{item['network']}, slice {item['slice']}: V_rand {item['v_rand']:.3f}"
        show_slice(picture, ax=ax, title=title)
    handles = [
        Patch(color=plots.MISSED, label="missed membrane: cells may merge"),
        Patch(color=plots.FALSE, label="false membrane: a cell may be split"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
