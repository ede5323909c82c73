"""A figure of cells: how a threshold and the cutting of necks divide a small map."""

from typing import Any

import numpy as np

from damunet_book.live import base, still
from damunet_book.live.base import Array, Figure, Setting, data, pixels
from damunet_lite.cells import score_cells, segment_cells
from damunet_lite.metrics import label_cells

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
NECKS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


class NeckExplorer(Figure):
    """Cells of a small map, and their V_rand, while threshold and neck move.

    Every pair of a threshold and a neck is worked out beforehand with
    :func:`damunet_lite.cells.segment_cells` and :func:`damunet_lite.cells.score_cells`, for the
    probabilities as stored: in steps of 1/255. The JavaScript only chooses among them.

    Parameters
    ----------
    truth : array of 0/1 or bool, [H, W], optional
        True membrane = 1, at most 64 x 64 pixels. By default a synthetic crop; then give no other
        array either.
    probability : float array in [0, 1], [H, W]
        Predicted probability of membrane.
    image : float array in [0, 1], [H, W], optional
        Drawn under the colours; grey by default.
    threshold : float
        On the probability of membrane, 0.05 to 0.5 in steps of 0.05.
    neck : float
        0 to 0.3 in steps of 0.05; 0 cuts nowhere.

    Raises
    ------
    ValueError
        If an array has the wrong shape or range, or a setting is none of the steps.

    Examples
    --------
    >>> truth = np.zeros((8, 11)); truth[:, 4:7] = 1
    >>> NeckExplorer(truth=truth, probability=0.9 * truth, threshold=0.05).describe()
    'Threshold 0.05, neck 0.10: 2 cells, V_rand 1.000, V_info 1.000.'
    """

    scripts = ("cells.js",)
    title = "Cells under a moving threshold and neck"
    shape, image, truth, probability = data(), pixels(), pixels(), pixels()
    labels, which, scores = pixels(), data(), data()
    threshold = Setting(0.2, *THRESHOLDS)
    neck = Setting(0.1, *NECKS)

    def __init__(
        self,
        *,
        truth: Array = None,
        probability: Array = None,
        image: Array = None,
        **settings: Any,
    ) -> None:
        shown = base.maps(truth, probability, image, 48)
        if max(shown["shape"]) > 64:
            raise ValueError(f"truth has shape {tuple(shown['shape'])}, wanted at most (64, 64)")
        likely = shown["probability"] / 255
        cells = [segment_cells(likely, t, n) for t in THRESHOLDS for n in NECKS]
        different, which = np.unique(cells, axis=0, return_inverse=True)
        scored = [score_cells(label_cells(shown["truth"] == 0), one) for one in different]
        shown["scores"] = [[round(s[name], 6) for name in ("v_rand", "v_info")] for s in scored]
        shown["which"] = which.reshape(len(THRESHOLDS), len(NECKS)).tolist()
        super().__init__(labels=different.astype(np.uint8), **shown, **settings)

    def _now(self) -> tuple[np.ndarray, list[float]]:
        """The cells at the present setting, and their scores."""
        step = self.which[THRESHOLDS.index(self.threshold)][NECKS.index(self.neck)]
        return self.labels[step], self.scores[step]

    def describe(self) -> str:
        cells, (v_rand, v_info) = self._now()
        number = f"{cells.max()} cell" + "s" * int(cells.max() != 1)
        setting = f"Threshold {self.threshold:.2f}, neck {self.neck:.2f}"
        return f"{setting}: {number}, V_rand {v_rand:.3f}, V_info {v_info:.3f}."

    def picture(self) -> str:
        grey = still.as_rgb(self.image / 255)
        below = self.probability / 255 < self.threshold
        cells = still.coloured(self._now()[0].astype(int), grey, membrane=12)
        pieces = ("pieces below the threshold", still.as_rgb(below))
        pictures = [("image", grey), pieces, ("cells", cells)]
        return still.panels("Image, pieces below the threshold, and cells", pictures)
