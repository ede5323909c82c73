"""The recorded runs of the book as pandas frames, and the figures that are drawn from them.

A record is read once, by ``python -m book.tools.report``, which gives it the label that the plan
has for its configuration and writes all of them into one file. That file lies in this package, so
chapters need no checkout.
"""

from damunet_book.results.figures import (
    ablation_figure,
    curves_figure,
    difference_figure,
    dots_figure,
    gallery_figure,
    gallery_masks,
)
from damunet_book.results.frames import (
    FOUR,
    RECORDED,
    SCORE_NAMES,
    SCORES,
    baselines,
    costs,
    gallery,
    history,
    necks,
    plan,
    recorded,
    runs,
    slices,
)
from damunet_book.results.scores import (
    OVERLAP,
    by_fold,
    differences,
    folds_in_words,
    interval,
    markdown,
    spread,
)

__all__ = [
    "FOUR",
    "OVERLAP",
    "RECORDED",
    "SCORES",
    "SCORE_NAMES",
    "ablation_figure",
    "baselines",
    "by_fold",
    "costs",
    "curves_figure",
    "difference_figure",
    "differences",
    "dots_figure",
    "folds_in_words",
    "gallery",
    "gallery_figure",
    "gallery_masks",
    "history",
    "interval",
    "markdown",
    "necks",
    "plan",
    "recorded",
    "runs",
    "slices",
    "spread",
]
