"""Interactive figures that compute in the browser.

Every figure is one class with two faces. In Jupyter, JupyterLab and Colab it is a live widget
(`anywidget`), and what the reader moves is readable on the Python side. Everywhere else, in a
page opened from disk for instance, its ``text/html`` form runs the same JavaScript with no
kernel and no network; where no script runs at all, a still picture stands in its place.

The JavaScript lies in ``js/``: one module a figure, after a common part. It does all the
computing; the tests compare it with this package's own functions.

Examples
--------
>>> figure = TverskyExplorer(fn_weight=0.6)
>>> figure
TverskyExplorer(exponent=0.75, fn_weight=0.6, fp_weight=0.3, smooth=1.0)
>>> figure.html().count("<svg")
1
"""

from damunet_book.live.base import Figure
from damunet_book.live.cells import NeckExplorer
from damunet_book.live.networks import (
    AttentionGateMap,
    CbamExplorer,
    OverlapTile,
    ReceptiveField,
    SupervisionTargets,
)
from damunet_book.live.scores import BrokenMembrane, ThresholdExplorer, TverskyExplorer

__all__ = [
    "AttentionGateMap",
    "BrokenMembrane",
    "CbamExplorer",
    "Figure",
    "NeckExplorer",
    "OverlapTile",
    "ReceptiveField",
    "SupervisionTargets",
    "ThresholdExplorer",
    "TverskyExplorer",
]
