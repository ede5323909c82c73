"""Figures of the chapters: those of the package, charts, and network drawings."""

from damunet_book.plots.charts import curves, fold_dots, profile, score_bars
from damunet_book.plots.drawing import draw_network
from damunet_book.plots.layout import Box, Edge, NetworkLayout, network_layout
from damunet_book.plots.style import STYLE_SHEET, show_slice, use_style
from damunet_lite.plots import COLOURS, FALSE, MISSED, contact_sheet, error_map, label_overlay

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
    "network_layout",
    "profile",
    "score_bars",
    "show_slice",
    "use_style",
]
