"""Figures of the book: slices, errors, scores, training curves and network drawings.

Every function draws in the package's own style, leaves pyplot as it found it, and returns the
:class:`~matplotlib.figure.Figure` it made, or the :class:`~matplotlib.axes.Axes` it was given
as ``ax``. Figures are at most 900 pixels wide, and their
PNG files, notebook outputs included, have a palette of 255 colours to stay small.
"""

from damunet_lite.plots.pictures import contact_sheet, error_map, label_overlay, show_slice
from damunet_lite.plots.style import COLOURS, FALSE, MISSED, STYLE_SHEET, use_style

__all__ = [
    "COLOURS",
    "FALSE",
    "MISSED",
    "STYLE_SHEET",
    "contact_sheet",
    "error_map",
    "label_overlay",
    "show_slice",
    "use_style",
]
