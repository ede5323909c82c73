"""Figures of the book: slices, errors, scores, training curves and network drawings.

Every function draws in the package's own style, leaves pyplot as it found it, and returns the
:class:`~matplotlib.figure.Figure` it made, or the :class:`~matplotlib.axes.Axes` it was given
as ``ax``. Figures are at most 900 pixels wide, and their
PNG files, notebook outputs included, have a palette of 255 colours to stay small.
"""

from damunet_lite.plots.charts import (
    curves,
    fold_dots,
    line_profile,
    profile,
    score_bars,
)
from damunet_lite.plots.network import (
    Box,
    Edge,
    NetworkLayout,
    draw_network,
    network_layout,
)
from damunet_lite.plots.pictures import (
    contact_sheet,
    error_map,
    label_overlay,
    show_slice,
)
from damunet_lite.plots.style import (
    COLOURS,
    FALSE,
    MISSED,
    STYLE_SHEET,
    use_style,
)

__all__ = [
    "Box",
    "COLOURS",
    "Edge",
    "FALSE",
    "MISSED",
    "NetworkLayout",
    "STYLE_SHEET",
    "contact_sheet",
    "curves",
    "draw_network",
    "error_map",
    "fold_dots",
    "label_overlay",
    "line_profile",
    "network_layout",
    "profile",
    "score_bars",
    "show_slice",
    "use_style",
]
