"""Figures of losses and scores: Tversky, a moving threshold, a membrane to break."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from damunet_book.live import base, still
from damunet_book.live.base import Array, Figure, Setting, data, pixels
from damunet_lite import _arguments as check
from damunet_lite import metrics


class TverskyExplorer(Figure):
    """Focal Tversky loss of four pixels, with the gradient on each.

    Parameters
    ----------
    fn_weight, fp_weight : float
        Weight of a miss and of a false alarm, 0 to 1.
    exponent : float
        Exponent of the focal loss, 0.25 to 2; 1 gives the Tversky loss.
    smooth : float
        Added to numerator and denominator, 0 to 2 pixels.
    truth : sequence of four 0 or 1
        Membrane = 1.
    probabilities : sequence of four float
        Predicted probability of membrane.

    Raises
    ------
    ValueError
        If a number is out of its range or there are not four pixels.

    References
    ----------
    Salehi et al. 2017, MLMI, doi:10.1007/978-3-319-67389-9_44;
    Abraham and Khan 2019, ISBI, doi:10.1109/ISBI.2019.8759329.

    Examples
    --------
    >>> figure = TverskyExplorer(fn_weight=0.5, fp_weight=0.5, exponent=1)
    >>> figure.describe()
    'Tversky index 0.817, loss 0.183 on the four pixels.'
    >>> figure.probabilities, figure.truth, figure.smooth = [0.25, 0, 0, 0.75], [1, 0, 0, 0], 0
    >>> figure.describe()
    'Tversky index 0.250, loss 0.750 on the four pixels.'
    """

    scripts = ("tversky.js",)
    title = "Focal Tversky loss on four pixels"
    fn_weight = Setting(0.7, 0, 1)
    fp_weight = Setting(0.3, 0, 1)
    exponent = Setting(0.75, 0.25, 2)
    smooth = Setting(1.0, 0, 2)
    truth, probabilities = data(), data()

    def __init__(
        self,
        *,
        truth: Sequence[int] = (1, 1, 1, 0),
        probabilities: Sequence[float] = (0.9, 0.4, 0.6, 0.2),
        **settings: float,
    ) -> None:
        likely = check.shape("probabilities", probabilities, "[4]")
        likely = check.probability("probabilities", likely).astype(float).tolist()
        membrane = check.binary("truth", check.shape("truth", truth, "[4]")).astype(int).tolist()
        super().__init__(truth=membrane, probabilities=likely, **settings)

    def describe(self) -> str:
        # In NumPy: nothing that the first chapters compute needs Keras.
        truth, likely = np.array(self.truth), np.array(self.probabilities)
        found = truth @ likely + self.smooth
        wrong = self.fn_weight * truth @ (1 - likely) + self.fp_weight * (1 - truth) @ likely
        index = found / (found + wrong) if found + wrong > 0 else 1.0
        loss = (1 - index) ** self.exponent
        return f"Tversky index {index:.3f}, loss {loss:.3f} on the four pixels."

    def picture(self) -> str:
        """Still picture of the four probabilities.

        Examples
        --------
        >>> svg = TverskyExplorer(truth=(1, 0, 1, 0), probabilities=(0.25, 0.5, 1, 0)).picture()
        >>> svg.count('class="c3"'), svg.count('width="80.0"'), "pixel 2: cell" in svg
        (2, 1, True)
        """
        rows = [
            (f"pixel {i + 1}: {'membrane' if y else 'cell'}", p, "c3" if y else "c1")
            for i, (y, p) in enumerate(zip(self.truth, self.probabilities, strict=True))
        ]
        return still.svg(360, 108, "Predicted probabilities of four pixels", still.bars(rows))


class ThresholdExplorer(Figure):
    """Dice in both polarities, V_rand and V_info of one slice while the threshold moves.

    Scores are those of :mod:`damunet_lite.metrics`, thinning included, for the probabilities
    as stored: in steps of 1/255.

    Parameters
    ----------
    truth : array of 0/1 or bool, [H, W], optional
        True membrane = 1. By default a synthetic crop; then give no other array either.
    probability : float array in [0, 1], [H, W]
        Predicted probability of membrane.
    image : float array in [0, 1], [H, W], optional
        Drawn under the colours; grey by default.
    threshold : float
        On the probability of cell: a pixel is cell where it is strictly above.
    thin : bool
        Thin the proposal's borders first, as the challenge does.
    view : {"cells", "errors", "probability", "image"}
        What is shown at first.

    Raises
    ------
    ValueError
        If an array has the wrong shape or range, or is missing.

    References
    ----------
    Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142.

    Examples
    --------
    >>> truth = np.zeros((8, 9)); truth[:, 4] = 1
    >>> ThresholdExplorer(truth=truth, probability=0.9 * truth)
    ThresholdExplorer(thin=True, threshold=0.5)
    """

    scripts = ("scores.js", "threshold.js")
    title = "Dice and V_rand under a moving threshold"
    shape, image, truth, probability = data(), pixels(), pixels(), pixels()
    threshold = Setting(0.5, 0, 1)
    thin = Setting(True)
    view = Setting("cells", "cells", "errors", "probability", "image")

    def __init__(
        self,
        *,
        truth: Array = None,
        probability: Array = None,
        image: Array = None,
        **settings: Any,
    ) -> None:
        super().__init__(**base.maps(truth, probability, image, 96), **settings)

    def describe(self) -> str:
        truth, membrane = self.truth[None], self.probability[None] / 255
        stack = metrics.score_stack(truth, membrane, [self.threshold], self.thin)
        row = stack.row(self.threshold, pixel_threshold=self.threshold)
        return (
            f"At threshold {self.threshold:.2f}: Dice of cell {row['dice_cell']:.3f}, Dice of "
            f"membrane {row['dice_membrane']:.3f}, V_rand {row['v_rand']:.3f}, V_info "
            f"{row['v_info']:.3f}."
        )

    def picture(self) -> str:
        cells = metrics.label_cells(1 - self.probability / 255 > self.threshold)
        if self.thin:
            cells = metrics.thin_borders(cells)
        grey = still.as_rgb(self.image / 255)
        pictures = [
            ("image", grey),
            ("true membrane", still.as_rgb(1 - self.truth)),
            ("proposed cells", still.coloured(cells, grey, membrane=12)),
        ]
        return still.panels("Image, true membrane and proposed cells", pictures)


class BrokenMembrane(Figure):
    """A small membrane to break pixel by pixel, with what every score makes of it.

    Parameters
    ----------
    truth : array of 0/1 or bool, [H, W], optional
        True membrane = 1, at most 16 x 20 pixels. By default four cells of 9 x 13 pixels.
    prediction : array of 0/1 or bool, [H, W], optional
        What is shown at first; by default the truth.
    gap : (int, int), optional
        Row and column of the pixel that the button "Open one gap" removes.
    thin : bool
        Thin the proposal's borders before V_rand and V_info.

    Raises
    ------
    ValueError
        If a mask is too large, is not binary, has no cell, or the gap is not on the membrane.

    Examples
    --------
    >>> figure = BrokenMembrane()
    >>> np.array(figure.truth).reshape(figure.shape)[4]
    array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    >>> print(*figure.describe().split("; "), sep="\\n")
    0 of 117 pixels wrong: accuracy 1.000
    Dice, cell 1.000
    Dice, membrane 1.000
    V_rand 1.000
    V_info 1.000.
    >>> figure.prediction = [0] * 117  # all cell: 2 * 96 true cell pixels over 96 + 117
    >>> print(*figure.describe().split("; ")[:3], sep="\\n")
    21 of 117 pixels wrong: accuracy 0.821
    Dice, cell 0.901
    Dice, membrane 0.000
    """

    scripts = ("scores.js", "broken.js")
    title = "Break a membrane"
    shape, truth, prediction, gap = data(), data(), data(), data()
    thin = Setting(False)

    def __init__(
        self,
        *,
        truth: Array = None,
        prediction: Array = None,
        gap: tuple[int, int] | None = None,
        **settings: bool,
    ) -> None:
        if truth is None:
            truth = np.zeros((9, 13))
            truth[4] = truth[:4, 4] = truth[5:, 8] = 1
            gap = (2, 4) if gap is None else gap
        cells = base.mask("truth", truth)
        shown = cells if prediction is None else base.mask("prediction", prediction)
        check.same_shape("prediction", shown, "truth", cells)
        if cells.shape[0] > 16 or cells.shape[1] > 20:
            raise ValueError(f"truth has shape {cells.shape}, wanted at most (16, 20)")
        if not 0 < cells.sum() < cells.size:
            raise ValueError(f"truth has {cells.sum()} membrane pixels, wanted some, and cell too")
        places = [tuple(place) for place in np.argwhere(cells).tolist()]
        row, column = places[len(places) // 2] if gap is None else gap
        if (row, column) not in places:
            raise ValueError(f"gap is {gap!r}, wanted row and column of a membrane pixel")
        masks = {"truth": cells.ravel().tolist(), "prediction": shown.ravel().tolist()}
        place = int(row) * cells.shape[1] + int(column)
        super().__init__(shape=list(cells.shape), gap=place, **masks, **settings)

    def _scores(self) -> dict[str, float]:
        truth, shown = (np.reshape(a, (1, *self.shape)) for a in (self.truth, self.prediction))
        stack = metrics.score_stack(truth, shown.astype(float), [0.5], self.thin)
        names = ("accuracy", "Dice, cell", "Dice, membrane", "V_rand", "V_info")
        return dict(zip(names, stack.row(0.5).values(), strict=True))

    def describe(self) -> str:
        wrong = np.sum(np.not_equal(self.truth, self.prediction))
        said = "; ".join(f"{name} {value:.3f}" for name, value in self._scores().items())
        return f"{wrong} of {len(self.truth)} pixels wrong: {said}."

    def picture(self) -> str:
        cells = metrics.label_cells(np.reshape(self.prediction, self.shape) == 0)
        tinted = still.coloured(cells, 255, membrane=25)
        enlarged = np.kron(tinted, np.ones((8, 8, 1)))
        hues = ("c0", "c3", "c4", "c1", "c2")
        rows = [(*row, hue) for row, hue in zip(self._scores().items(), hues, strict=True)]
        parts = still.side_by_side([("predicted cells", enlarged)], 170)
        parts += still.bars(rows, y=4, x=200)
        return still.svg(560, 145, "Predicted cells and their scores", parts)
