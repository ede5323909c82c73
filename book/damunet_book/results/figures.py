"""The figures of the results."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from book.tools.gates import gallery_masks
from book.tools.plan import NARROW
from damunet_book.results.records import FOLDS, FOUR, SCORE_NAMES, Variant, rows_at, variant
from damunet_book.results.scores import WORDS, ablation_table, by_fold, differences, repeats

# In inches: what a phone shows whole.
WIDTH = 6.5


def _styled(draw: Callable) -> Callable:
    """Draw in the book's style, as the functions of ``plots`` do."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        from damunet_lite import plots  # here, because the tables need no matplotlib

        return plots.style.styled(draw)(*args, **kwargs)

    return styled


@_styled
def dots_figure(
    records: Sequence[dict[str, Any]],
    base_filters: int = 32,
    scores: Sequence[str] = ("v_rand", "dice_membrane"),
    rows: Sequence[Variant] | None = None,
) -> Any:
    """A dot for each fold, joined from network to network, and a bar at each mean.

    Where the clouds of two rows overlap, or the lines cross, the runs do not put one above the
    other.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    rows = rows_at(base_filters) if rows is None else rows
    figure = plots.style.new_figure(WIDTH, 1.5 + 0.42 * len(rows))
    axes = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    colours = [plots.COLOURS[c] for c in ("blue", "vermillion", "green", "purple", "orange")]
    for ax, score in zip(axes, scores, strict=True):
        values = {place: by_fold(records, row, score) for place, row in enumerate(rows)}
        for fold in range(FOLDS):
            at = [(v[fold], place) for place, v in values.items() if fold in v]
            if at:
                ax.plot(
                    *zip(*at, strict=True),
                    "o-",
                    color=colours[fold],
                    lw=0.8,
                    ms=6,
                    alpha=0.8,
                    label=f"fold {fold}",
                    clip_on=False,
                )
        for place, found in values.items():
            if found:
                mean = float(np.mean(list(found.values())))
                ax.plot([mean] * 2, [place - 0.25, place + 0.25], color="#26292C", lw=2.5)
            else:
                ax.text(
                    0.5,
                    place,
                    "no run yet",
                    transform=ax.get_yaxis_transform(),
                    ha="center",
                    va="center",
                    color="#6B7075",
                    fontsize=9,
                )
        ax.set(xlabel=SCORE_NAMES[score], ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(range(len(rows)), [row.name for row in rows])
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="x")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


@_styled
def difference_figure(
    records: Sequence[dict[str, Any]], score: str = "v_rand", base_filters: int = 32
) -> Any:
    """Paired differences with their intervals about the line of no difference.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    found = [d for d in differences(records, base_filters) if d["score"] == score]
    figure = plots.style.new_figure(WIDTH, 1.0 + 0.36 * max(len(found), 1))
    ax = figure.add_subplot()
    for place, pair in enumerate(found):
        if pair["low"] is not None:
            ax.plot([pair["low"], pair["high"]], [place] * 2, color=plots.COLOURS["blue"])
        ax.plot(pair["values"], [place] * pair["n"], "o", color="#8A8F94", ms=4)
        ax.plot(pair["mean"], place, "D", color=plots.COLOURS["blue"], ms=6)
    ax.axvline(0, color="#26292C", lw=1)
    ax.set_yticks(range(len(found)), [f"{d['second']} - {d['first']}" for d in found])
    ax.set(xlabel=f"difference in {SCORE_NAMES[score]}: right of 0, the first named is better")
    if found:
        ax.set_ylim(len(found) - 0.4, -0.6)
    ax.grid(axis="x")
    return figure


@_styled
def ablation_figure(
    records: Sequence[dict[str, Any]],
    base_filters: int = NARROW,
    scores: Sequence[str] = ("v_rand", "dice_membrane"),
) -> Any:
    """Each single change as a dot: how far it moves a score from the unchanged network.

    A panel for each network that is changed, a column for each score. In the first line of a
    panel stands the same network once more, from :func:`repeats`; the band that they span
    runs through the panel, so that a dot inside it has moved no further than luck alone has.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    changes = [
        a
        for a in ablation_table(records)
        if a["base_filters"] == base_filters
        and a["reference"] is not None
        and a["change"] not in WORDS["precision"].values()
    ]
    starts = [name for name in FOUR if any(a["start"] == name for a in changes)]
    groups = [[a for a in changes if a["start"] == name] for name in starts]
    figure = plots.style.new_figure(WIDTH, 1.2 + 0.27 * len(changes) + 0.62 * len(starts))
    axes = figure.subplots(
        max(len(starts), 1),
        len(scores),
        sharex="col",
        squeeze=False,
        height_ratios=[len(group) + 1.6 for group in groups] or None,
    )
    for line, (start, group) in zip(axes, zip(starts, groups, strict=True), strict=False):
        luck = repeats(records, Variant(start, base_filters))
        for ax, score in zip(line, scores, strict=True):
            moved = [a[score] - a["reference"][score] for a in group]
            again = [run[score] - group[0]["reference"][score] for run in luck]
            ax.axvspan(min([0, *again]), max([0, *again]), color="#8A8F94", alpha=0.2, lw=0)
            ax.plot(again, [0] * len(again), "D", color="#6B7075", ms=5)
            ax.plot(moved, range(1, len(group) + 1), "o", color=plots.COLOURS["blue"], ms=6)
            ax.axvline(0, color="#26292C", lw=1)
            ax.set_ylim(len(group) + 0.6, -0.6)
            ax.set_yticks(range(len(group) + 1), ["the same again", *(a["change"] for a in group)])
            ax.tick_params(labelleft=ax is line[0])
            ax.locator_params(axis="x", nbins=5)
            ax.grid(axis="x")
        line[0].set_title(f"{start}, changed", loc="left")
    for ax, score in zip(axes[-1], scores, strict=True):
        ax.set_xlabel(f"{SCORE_NAMES[score]}, difference")
    return figure


@_styled
def curves_figure(records: Sequence[dict[str, Any]], base_filters: int = 32) -> Any:
    """Training loss and validation V_rand by step, one line for each fold.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    rows = rows_at(base_filters)
    figure = plots.style.new_figure(WIDTH, 4.4)
    axes = figure.subplots(2, len(rows), sharex=True, sharey="row")
    colours = [plots.COLOURS[c] for c in ("blue", "vermillion", "green", "purple", "orange")]
    for column, row in enumerate(rows):
        axes[0, column].set_title(row.name)
        axes[1, column].set_xlabel("step")
        for record in records:
            config = record["config"]
            if variant(config) != row or config["seed"]:
                continue
            steps = [point["step"] for point in record["history"]]
            for ax, key in zip(axes[:, column], ("loss", "v_rand"), strict=True):
                ax.plot(
                    steps,
                    [point[key] for point in record["history"]],
                    color=colours[config["fold"]],
                    lw=1.4,
                    label=f"fold {config['fold']}",
                )
    for ax, label in zip(axes[:, 0], ("training loss", "V_rand, validation"), strict=True):
        ax.set_ylabel(label)
    handles = {
        label: handle
        for ax in axes[0]
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    return figure


@_styled
def gallery_figure(gallery: Sequence[dict[str, Any]], stack: Any) -> Any:
    """The worst slices with missed membrane (merges) and false membrane (splits) coloured.

    Parameters
    ----------
    gallery : sequence of dict
        As in :func:`recorded`.
    stack : Stack
        The real stack, which the slices are of.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Patch

    from damunet_lite import plots

    columns = min(2, max(len(gallery), 1))
    rows = -(-max(len(gallery), 1) // columns)
    figure = plots.style.new_figure(WIDTH / 2 * columns, 3.5 * rows + 0.35)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, item, mask in zip(axes, gallery, gallery_masks(gallery), strict=False):
        truth = stack.membranes[item["slice"], ..., 0] == 1
        grey = np.zeros_like(truth, dtype=float) + 1 - 0.25 * truth
        plots.show_slice(
            plots.error_map(truth, mask, grey),
            ax=ax,
            title=(f"{item['row']}, slice {item['slice']}: V_rand {item['v_rand']:.3f}"),
        )
    figure.legend(
        handles=[
            Patch(color=plots.MISSED, label="missed membrane: cells may merge"),
            Patch(color=plots.FALSE, label="false membrane: a cell may be split"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure
