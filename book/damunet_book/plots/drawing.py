"""A U-shaped drawing of a network."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch

from damunet_book.plots.layout import Box, Edge, NetworkLayout, network_layout
from damunet_book.plots.style import in_style, new_figure
from damunet_lite.plots import COLOURS

_PALE = "#55595D"

_EDGES = {
    "flow": (_PALE, "-", "next layers, same size"),
    "down": (COLOURS["blue"], "-", "pooling: half the size"),
    "up": (COLOURS["green"], "-", "upsampling: twice the size"),
    "skip": ("#8A8F94", "-", "skip connection"),
    "gating": (COLOURS["vermillion"], (0, (3, 2)), "gating signal"),
    "image": (COLOURS["orange"], "-", "image at a smaller size"),
    "head": (_PALE, ":", "to a head"),
}

_FILLS = {
    "input": "#26292C",
    "block": "#DCEBF5",
    "gate": COLOURS["vermillion"],
    "attention": COLOURS["purple"],
    "head": COLOURS["green"],
}

_RADIUS = 0.115
_ARROW = {"arrowstyle": "-|>", "mutation_scale": 8, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}


@in_style()
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
    target = ax or new_figure(width, height).add_subplot()
    places = {b.name: (b.column * pitch[0], -b.row * pitch[1]) for b in layout.boxes}
    _draw_rows(target, layout, pitch[1])
    shapes = {box.name: _box_size(box, layout, pitch) for box in layout.boxes}
    for edge in layout.edges:
        _draw_edge(target, edge, layout, places, shapes)
    for box in layout.boxes:
        _draw_box(target, box, places[box.name], shapes[box.name])
    target.set_xlim(-1.05, columns * pitch[0] + 0.4)
    target.set_ylim((0.5 - rows) * pitch[1], 0.5 * pitch[1])
    target.set(aspect="equal", title=title)
    target.set_axis_off()
    outside = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": per_line}
    target.legend(handles=handles, fontsize=8.5, handlelength=2.2, columnspacing=1.6, **outside)
    return ax or target.figure


def _draw_rows(ax: Axes, layout: NetworkLayout, pitch: float) -> None:
    for row, (height, width) in sorted({box.row: box.size for box in layout.boxes}.items()):
        if row % 2 == 0:
            middle = -row * pitch
            ax.axhspan(middle - pitch / 2, middle + pitch / 2, color="#F2F3F1", lw=0, zorder=0)
        ax.text(-1.0, -row * pitch, f"{height} × {width}", fontsize=8, color=_PALE, va="center")


def _box_size(box: Box, layout: NetworkLayout, pitch: tuple[float, float]) -> tuple[float, float]:
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


def _draw_box(ax: Axes, box: Box, place: tuple[float, float], shape: tuple[float, float]) -> None:
    (x, y), (width, height) = place, shape
    fill = _FILLS[box.kind]
    if box.kind in ("gate", "attention"):
        ax.add_patch(Circle(place, _RADIUS, facecolor=fill, edgecolor="white", lw=1, zorder=4))
    else:
        look = {"fc": fill, "ec": COLOURS["blue"] if box.kind == "block" else fill, "lw": 1}
        corner, rounded = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.05"
        ax.add_patch(FancyBboxPatch(corner, width, height, rounded, zorder=3, **look))
    words = {"input": "image", "gate": "G", "attention": "A", "head": box.name}
    text = ax.text(x, y, words.get(box.kind, str(box.channels)), ha="center", zorder=5, fontsize=8)
    text.set(va="center_baseline", fontweight="normal" if box.kind == "head" else "bold")
    text.set_color(COLOURS["ink"] if box.kind == "block" else "white")
    if box.kind == "block":
        above = {"ha": "center", "va": "bottom", "zorder": 5}
        ax.text(x, y + height / 2 + 0.02, box.name, fontsize=7, color=_PALE, **above)


def _draw_edge(ax: Axes, edge: Edge, layout: NetworkLayout, places: dict, shapes: dict) -> None:
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
    look = {"color": colour, "linestyle": dash, "zorder": 2, **_ARROW}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=bend, **look))


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
            handles.append(Line2D([], [], color=_FILLS[kind], marker="o", ms=9, ls="", label=label))
    block = {"facecolor": _FILLS["block"], "edgecolor": COLOURS["blue"]}
    handles.append(Patch(label="layers, with channels", **block))
    return handles
