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

import base64
import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from scipy import ndimage

from damunet_lite import data, metrics

try:
    from anywidget import AnyWidget as _Base
except ImportError:  # the text/html form needs no widget
    _Base = traitlets.HasTraits  # type: ignore[assignment,misc]

#: What encloses the part of the HTML that is code and not data (for tests of notebook outputs).
CODE_MARKERS = ("<!-- figure code -->", "<!-- end of figure code -->")

_FOLDER = Path(__file__).with_name("js")


@lru_cache
def _source(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


def _synced(trait: Any) -> Any:
    return trait.tag(sync=True, figure=True)


class Figure(_Base):
    """What the figures have in common; use one of the subclasses.

    Subclasses name their JavaScript in `scripts`, tag their traits with `_synced` and draw
    their still picture in `picture`.
    """

    scripts: tuple[str, ...] = ()
    title = ""
    _css = _source("figure.css")
    _ipython_display_ = None  # ipywidgets 7 defines it, and it would hide the mime bundle

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # a widget makes an anonymous subclass of itself when it is created: leave that one alone
        if "scripts" in vars(cls):
            cls._esm = _source("common.js", *cls.scripts)
        super().__init_subclass__(**kwargs)

    def state(self) -> dict[str, Any]:
        """Everything the figure shows, JSON-ready: settings and quantised arrays."""
        return {name: getattr(self, name) for name in sorted(self.trait_names(figure=True))}

    def picture(self) -> str:
        """Still picture of the present state, as SVG text."""
        raise NotImplementedError

    def describe(self) -> str:
        """Alternative text of the still picture."""
        return self.title

    def html(self) -> str:
        """Self-contained HTML: state, still picture, style and script; no link to anything."""
        kind = type(self).__name__
        state = json.dumps(self.state(), sort_keys=True, separators=(",", ":"))
        state = escape(state, quote=False).replace("'", "&#39;")
        start, end = CODE_MARKERS
        return (
            f'<div class="damunet-figure" data-kind="{kind}" data-state=\'{state}\'>\n'
            f'<div class="dm"><p class="dm-title">{escape(self.title)}</p>\n'
            f"{self.picture()}\n"
            f'<p class="dm-note">{escape(self.describe())}</p></div>\n</div>\n'
            f"{start}\n<style>\n{self._css}</style>\n"
            f'<script type="module">\n{_inert(str(self._esm))}\n'
            f'hydrate("{kind}", widget);\n</script>\n{end}'
        )

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.state().items() if isinstance(v, bool | int | float)}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = getattr(super(), "_repr_mimebundle_", lambda **_: None)(**kwargs)
        content, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**content, "text/plain": repr(self), "text/html": self.html()}, metadata


def _inert(text: str) -> str:
    """Keep text inside a script element from ending that element."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


# ---------------------------------------------------------------- arguments


def _fraction(name: str, array: Any, ndim: int = 2) -> np.ndarray:
    values = np.asarray(array)
    if ndim == 2 and values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != ndim or values.size == 0:
        wanted = "[H, W]" if ndim == 2 else "[H, W, C]"
        raise ValueError(f"{name} has shape {values.shape}, wanted {wanted}")
    if values.dtype.kind not in "bf" and not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} has dtype {values.dtype}, wanted floats in [0, 1] or a mask")
    values = values.astype(float)
    if not ((values >= 0) & (values <= 1)).all():
        low, high = values.min(), values.max()
        raise ValueError(f"{name} holds values from {low:g} to {high:g}, wanted [0, 1]")
    return values


def _mask(name: str, array: Any) -> np.ndarray:
    values = _fraction(name, array)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} holds values between 0 and 1, wanted a mask of 0 and 1")
    return values.astype(np.uint8)


def _same_shape(first: tuple[int, ...], **others: np.ndarray) -> None:
    for name, array in others.items():
        if array.shape != first:
            raise ValueError(f"{name} has shape {array.shape}, wanted {first}")


def _between(low: float, high: float, **values: float) -> None:
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} is {value!r}, wanted a number from {low:g} to {high:g}")


def _one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, wanted one of {tuple(allowed)}")


def _grey(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


def _pack(values: np.ndarray) -> str:
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode("ascii")


@lru_cache(maxsize=1)
def _demonstration() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Synthetic image and mask, 96 x 96, and a prediction that only knows that dark is membrane."""
    stack = data.synthetic_stack(n=1, size=96, seed=4)
    image, mask = (np.asarray(a)[0, ..., 0] * 1.0 for a in (stack.images, stack.membranes))
    dark = np.median(image) - ndimage.gaussian_filter(image, 1.0)
    return image, mask, 1 / (1 + np.exp(-14 * (dark - 0.08)))


# ---------------------------------------------------------------- still pictures

_HUES = np.array(
    [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0]]
)
_RAMP = np.array(
    [[13, 22, 64], [38, 70, 121], [74, 118, 140], [121, 167, 133], [188, 206, 114], [253, 231, 92]]
)


def _ramp(values: np.ndarray) -> np.ndarray:
    stops = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(values, stops, _RAMP[:, c]) for c in range(3)], axis=-1)


def _png(rgb: np.ndarray) -> str:
    """Data address of an image [H, W, 3] with values from 0 to 255."""
    height, width = rgb.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = np.round(rgb).reshape(height, -1)

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="dm-still" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'fill="currentColor" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _bars(items: Sequence[tuple[str, float, str]], y: int = 0, x: int = 0) -> list[str]:
    """Bars from 0; items are name, value between -1 and 1, colour class."""
    zero = x + (300 if min(value for _, value, _ in items) < 0 else 140)
    parts = []
    for i, (name, value, hue) in enumerate(items):
        top, length = y + 26 * i, 160 * min(abs(value), 1)
        left = zero - length if value < 0 else zero
        parts += [
            _text(x, top + 14, name),
            f'<rect class="{hue}" x="{left:.1f}" y="{top}" width="{length:.1f}" height="18"/>',
            _text(zero + 214, top + 14, f"{value:.3f}", "end"),
        ]
    return parts


def _panels(panels: Sequence[tuple[str, np.ndarray]], side: int = 190) -> list[str]:
    """Pictures [H, W, 3] side by side, each over its caption."""
    parts = []
    for i, (caption, rgb) in enumerate(panels):
        x, height = i * (side + 12), round(side * rgb.shape[0] / rgb.shape[1])
        parts += [
            f'<image x="{x}" y="0" width="{side}" height="{height}" '
            f'style="image-rendering:pixelated" href="{_png(rgb)}"/>',
            _text(x, height + 18, caption),
        ]
    return parts


def _as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(255 * np.asarray(grey, float)[..., None], 3, axis=-1)


# ---------------------------------------------------------------- the figures


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
    """

    scripts = ("tversky.js",)
    title = "Focal Tversky loss on four pixels"
    fn_weight = _synced(traitlets.Float())
    fp_weight = _synced(traitlets.Float())
    exponent = _synced(traitlets.Float())
    smooth = _synced(traitlets.Float())
    truth = _synced(traitlets.List())
    probabilities = _synced(traitlets.List())

    def __init__(
        self,
        *,
        fn_weight: float = 0.7,
        fp_weight: float = 0.3,
        exponent: float = 0.75,
        smooth: float = 1.0,
        truth: Sequence[int] = (1, 1, 1, 0),
        probabilities: Sequence[float] = (0.9, 0.4, 0.6, 0.2),
    ) -> None:
        _between(0, 1, fn_weight=fn_weight, fp_weight=fp_weight)
        _between(0.25, 2, exponent=exponent)
        _between(0, 2, smooth=smooth)
        _same_shape((4,), truth=np.asarray(truth), probabilities=np.asarray(probabilities))
        for y, p in zip(truth, probabilities, strict=True):
            _one_of("truth", y, (0, 1))
            _between(0, 1, probabilities=p)
        super().__init__(
            fn_weight=float(fn_weight),
            fp_weight=float(fp_weight),
            exponent=float(exponent),
            smooth=float(smooth),
            truth=[int(y) for y in truth],
            probabilities=[float(p) for p in probabilities],
        )

    def _index(self) -> float:
        y, p = np.array(self.truth), np.array(self.probabilities)
        wrong = self.fn_weight * (y * (1 - p)).sum() + self.fp_weight * ((1 - y) * p).sum()
        top = (y * p).sum() + self.smooth
        return float(top / (top + wrong)) if top + wrong > 0 else 1.0

    def describe(self) -> str:
        index = self._index()
        loss = (1 - index) ** self.exponent
        return f"Tversky index {index:.3f}, loss {loss:.3f} on the four pixels."

    def picture(self) -> str:
        rows = [
            (f"pixel {i + 1}: {'membrane' if y else 'cell'}", p, "c3" if y else "c1")
            for i, (y, p) in enumerate(zip(self.truth, self.probabilities, strict=True))
        ]
        return _svg(360, 108, "Predicted probabilities of four pixels", _bars(rows))


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
    shape = _synced(traitlets.List())
    image = _synced(traitlets.Unicode())
    truth = _synced(traitlets.Unicode())
    probability = _synced(traitlets.Unicode())
    threshold = _synced(traitlets.Float())
    thin = _synced(traitlets.Bool())
    view = _synced(traitlets.Unicode())

    def __init__(
        self,
        *,
        truth: np.ndarray | None = None,
        probability: np.ndarray | None = None,
        image: np.ndarray | None = None,
        threshold: float = 0.5,
        thin: bool = True,
        view: str = "cells",
    ) -> None:
        if truth is None and probability is None:
            image, truth, probability = _demonstration()
        if truth is None or probability is None:
            missing = "truth" if truth is None else "probability"
            raise ValueError(f"{missing} is None, wanted an array [H, W]: give both or neither")
        _between(0, 1, threshold=threshold)
        _one_of("view", view, ("cells", "errors", "probability", "image"))
        cells = _mask("truth", truth)
        levels = _grey(_fraction("probability", probability))
        grey = _grey(_fraction("image", np.full(cells.shape, 0.6) if image is None else image))
        _same_shape(cells.shape, probability=levels, image=grey)
        self._arrays = (cells, levels, grey)
        super().__init__(
            shape=list(cells.shape),
            image=_pack(grey),
            truth=_pack(cells),
            probability=_pack(levels),
            threshold=float(threshold),
            thin=bool(thin),
            view=view,
        )

    def _scores(self) -> dict[str, float]:
        truth, levels, _ = self._arrays
        stack = metrics.score_stack(truth[None], levels[None] / 255, [self.threshold], self.thin)
        return stack.row(self.threshold, pixel_threshold=self.threshold)

    def describe(self) -> str:
        row = self._scores()
        return (
            f"At threshold {self.threshold:.2f}: Dice of cell {row['dice_cell']:.3f}, Dice of "
            f"membrane {row['dice_membrane']:.3f}, V_rand {row['v_rand']:.3f}, V_info "
            f"{row['v_info']:.3f}."
        )

    def picture(self) -> str:
        truth, levels, grey = self._arrays
        cells = metrics.label_cells(1 - levels / 255 > self.threshold)
        if self.thin:
            cells = metrics.thin_borders(cells)
        hues = 0.5 * _as_rgb(grey / 255) + 0.5 * _HUES[(cells - 1) % len(_HUES)]
        panels = [
            ("image", _as_rgb(grey / 255)),
            ("true membrane", _as_rgb(1 - truth)),
            ("proposed cells", np.where(cells[..., None] > 0, hues, 12)),
        ]
        return _svg(600, 220, "Image, true membrane and proposed cells", _panels(panels))


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
    """

    scripts = ("scores.js", "broken.js")
    title = "Break a membrane"
    shape = _synced(traitlets.List())
    truth = _synced(traitlets.List())
    prediction = _synced(traitlets.List())
    gap = _synced(traitlets.Int())
    thin = _synced(traitlets.Bool())

    def __init__(
        self,
        *,
        truth: np.ndarray | None = None,
        prediction: np.ndarray | None = None,
        gap: tuple[int, int] | None = None,
        thin: bool = False,
    ) -> None:
        if truth is None:
            truth = np.zeros((9, 13))
            truth[4] = truth[:4, 4] = truth[5:, 8] = 1
            gap = (2, 4) if gap is None else gap
        cells = _mask("truth", truth)
        shown = cells if prediction is None else _mask("prediction", prediction)
        _same_shape(cells.shape, prediction=shown)
        if cells.shape[0] > 16 or cells.shape[1] > 20 or not 0 < cells.sum() < cells.size:
            raise ValueError(
                f"truth has shape {cells.shape} and {cells.sum()} membrane pixels, wanted at most "
                "16 x 20 pixels, membrane and cell both present"
            )
        if gap is None:
            row, column = np.argwhere(cells)[cells.sum() // 2]
        else:
            row, column = gap
            inside = 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]
            if not inside or not cells[row, column]:
                raise ValueError(f"gap is {gap!r}, wanted row and column of a membrane pixel")
        super().__init__(
            shape=list(cells.shape),
            truth=cells.ravel().tolist(),
            prediction=shown.ravel().tolist(),
            gap=int(row * cells.shape[1] + column),
            thin=bool(thin),
        )

    def _masks(self) -> tuple[np.ndarray, np.ndarray]:
        return np.reshape(self.truth, self.shape), np.reshape(self.prediction, self.shape)

    def _scores(self) -> dict[str, float]:
        truth, shown = self._masks()
        stack = metrics.score_stack(truth[None], shown[None].astype(float), [0.5], self.thin)
        names = ("accuracy", "Dice, cell", "Dice, membrane", "V_rand", "V_info")
        return dict(zip(names, stack.row(0.5).values(), strict=True))

    def describe(self) -> str:
        truth, shown = self._masks()
        said = "; ".join(f"{name} {value:.3f}" for name, value in self._scores().items())
        return f"{(truth != shown).sum()} of {truth.size} pixels wrong: {said}."

    def picture(self) -> str:
        _, shown = self._masks()
        cells = metrics.label_cells(shown == 0)
        tints = 0.5 * 255 + 0.5 * _HUES[(cells - 1) % len(_HUES)]
        tinted = np.where(cells[..., None] > 0, tints, 25)
        enlarged = np.kron(tinted, np.ones((8, 8, 1)))
        hues = ("c0", "c3", "c4", "c1", "c2")
        rows = [(*row, hue) for row, hue in zip(self._scores().items(), hues, strict=True)]
        parts = [*_panels([("predicted cells", enlarged)], 170), *_bars(rows, y=4, x=200)]
        return _svg(560, 145, "Predicted cells and their scores", parts)


class AttentionGateMap(Figure):
    """Attention coefficients of several levels over an image, and a gate worked by hand.

    Parameters
    ----------
    image : float array in [0, 1], [H, W], optional
        By default a synthetic crop; then `maps` must not be given either.
    maps : dict of str to float array in [0, 1], [h, w]
        Coefficients by level, fine to coarse, for instance from
        ``AttentionGate.coefficients``; each at its own size, stored in steps of 1/255.
    level : int
        Which of them is shown at first.
    interpolation : {"bilinear", "nearest"}
        How a map is enlarged to the image.
    blend : float
        Strength of the colours over the image, 0 to 1.
    x, g, theta, phi, psi, bias : float
        The gate by hand, alpha = sigmoid(psi ReLU(theta x + phi g) + bias).

    Raises
    ------
    ValueError
        If an array has the wrong shape or range, is missing, or `level` names no map.

    References
    ----------
    Oktay et al. 2018, MIDL, arXiv:1804.03999.

    Examples
    --------
    >>> image = np.zeros((8, 8))
    >>> figure = AttentionGateMap(image=image, maps={"gate 2": np.full((4, 4), 0.25)})
    >>> figure.describe()
    'Mean coefficient: gate 2 0.251.'
    """

    scripts = ("gate.js",)
    title = "What an attention gate lets through"
    shape = _synced(traitlets.List())
    image = _synced(traitlets.Unicode())
    maps = _synced(traitlets.List())
    level = _synced(traitlets.Int())
    interpolation = _synced(traitlets.Unicode())
    blend = _synced(traitlets.Float())
    x = _synced(traitlets.Float())
    g = _synced(traitlets.Float())
    theta = _synced(traitlets.Float())
    phi = _synced(traitlets.Float())
    psi = _synced(traitlets.Float())
    bias = _synced(traitlets.Float())

    def __init__(
        self,
        *,
        image: np.ndarray | None = None,
        maps: Mapping[str, np.ndarray] | None = None,
        level: int = 0,
        interpolation: str = "bilinear",
        blend: float = 0.55,
        x: float = 0.8,
        g: float = 0.5,
        theta: float = 1.0,
        phi: float = 1.0,
        psi: float = 3.0,
        bias: float = -2.0,
    ) -> None:
        if image is None and maps is None:
            image, maps = _demonstration()[0], _demonstration_maps()
        if image is None or not maps:
            raise ValueError(f"maps is {maps!r}, wanted at least one, and an image with them")
        _one_of("interpolation", interpolation, ("bilinear", "nearest"))
        _one_of("level", level, range(len(maps)))
        _between(0, 1, blend=blend, x=x)
        _between(-2, 2, g=g, theta=theta, phi=phi)
        _between(-4, 8, psi=psi)
        _between(-6, 6, bias=bias)
        grey = _grey(_fraction("image", image))
        coefficients = {k: _grey(_fraction(f"maps[{k!r}]", m)) for k, m in maps.items()}
        self._arrays = (grey, coefficients)
        super().__init__(
            shape=list(grey.shape),
            image=_pack(grey),
            level=int(level),
            blend=float(blend),
            maps=[
                {"name": str(k), "shape": list(m.shape), "data": _pack(m)}
                for k, m in coefficients.items()
            ],
            interpolation=interpolation,
            x=float(x),
            g=float(g),
            theta=float(theta),
            phi=float(phi),
            psi=float(psi),
            bias=float(bias),
        )

    def describe(self) -> str:
        means = [f"{name} {m.mean() / 255:.3f}" for name, m in self._arrays[1].items()]
        return f"Mean coefficient: {', '.join(means)}."

    def picture(self) -> str:
        grey, coefficients = self._arrays
        panels = [("image", _as_rgb(grey / 255))]
        panels += [(name, _ramp(m / 255)) for name, m in list(coefficients.items())[:3]]
        return _svg(600, 168, "Image and attention coefficients by level", _panels(panels, 138))


def _demonstration_maps() -> dict[str, np.ndarray]:
    """Coefficients as a gate might give them: high near membranes, softer with each level."""
    mask = _demonstration()[1]
    maps = {}
    for level, factor in enumerate((2, 4, 8), start=2):
        soft = ndimage.gaussian_filter(mask.astype(float), factor / 2)
        near = soft.reshape(96 // factor, factor, 96 // factor, factor).mean(axis=(1, 3))
        maps[f"gate {level}"] = 1 / (1 + np.exp(-(14 / factor**0.5) * (near - 0.3)))
    return maps


class CbamExplorer(Figure):
    """Channel and pixel weights of CBAM on a feature map small enough to see.

    Parameters
    ----------
    features : float array in [0, 1], [H, W, C], optional
        At most 16 x 16 pixels and 6 channels. By default 8 x 8 with four channels.
    names : sequence of str, optional
        Names of the channels.
    mlp : dict, optional
        Weights of the shared network: "squeeze" [C, hidden], "squeeze_bias" [hidden],
        "excite" [hidden, C], "excite_bias" [C], as `ChannelAttention` has them.
    gains : sequence of C float, optional
        What each channel is multiplied by first, 0 to 2.
    kernel_size : {1, 3, 5, 7}
        Side of the spatial convolution, whose taps are all equal.
    mean_weight, maximum_weight : float
        Sum of its taps on the mean and on the maximum map, -10 to 10.
    channel, spatial : bool
        Which of the two parts is on.

    Raises
    ------
    ValueError
        If an array has the wrong shape or range, or a number is out of range.

    References
    ----------
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1.

    Examples
    --------
    >>> CbamExplorer(kernel_size=5, spatial=False)
    CbamExplorer(channel=True, kernel_size=5, maximum_weight=6.0, mean_weight=-8.0, spatial=False)
    """

    scripts = ("cbam.js",)
    title = "CBAM: which channels, then which pixels"
    shape = _synced(traitlets.List())
    features = _synced(traitlets.List())
    names = _synced(traitlets.List())
    mlp = _synced(traitlets.Dict())
    gains = _synced(traitlets.List())
    kernel_size = _synced(traitlets.Int())
    mean_weight = _synced(traitlets.Float())
    maximum_weight = _synced(traitlets.Float())
    channel = _synced(traitlets.Bool())
    spatial = _synced(traitlets.Bool())

    def __init__(
        self,
        *,
        features: np.ndarray | None = None,
        names: Sequence[str] | None = None,
        mlp: Mapping[str, Any] | None = None,
        gains: Sequence[float] | None = None,
        kernel_size: int = 3,
        mean_weight: float = -8.0,
        maximum_weight: float = 6.0,
        channel: bool = True,
        spatial: bool = True,
    ) -> None:
        if features is None:
            features, names = _demonstration_features()
        values = _fraction("features", features, ndim=3)
        channels = values.shape[2]
        if max(values.shape[:2]) > 16 or channels > 6:
            raise ValueError(f"features has shape {values.shape}, wanted at most (16, 16, 6)")
        names = [f"channel {c + 1}" for c in range(channels)] if names is None else list(names)
        gains = [1.0] * channels if gains is None else [float(v) for v in gains]
        _same_shape((channels,), names=np.asarray(names), gains=np.asarray(gains))
        for gain in gains:
            _between(0, 2, gains=gain)
        _one_of("kernel_size", kernel_size, (1, 3, 5, 7))
        _between(-10, 10, mean_weight=mean_weight, maximum_weight=maximum_weight)
        super().__init__(
            shape=list(values.shape),
            features=np.round(values, 4).ravel().tolist(),
            names=names,
            mlp=_mlp_state(mlp, channels),
            gains=gains,
            kernel_size=kernel_size,
            mean_weight=float(mean_weight),
            maximum_weight=float(maximum_weight),
            channel=bool(channel),
            spatial=bool(spatial),
        )

    def describe(self) -> str:
        values = np.reshape(self.features, self.shape) * self.gains
        means = [f"{n} {m:.2f}" for n, m in zip(self.names, values.mean((0, 1)), strict=True)]
        return f"Mean of each channel before CBAM: {', '.join(means)}."

    def picture(self) -> str:
        values = np.reshape(self.features, self.shape) * self.gains
        top = max(values.max(), 1e-9)
        panels = [(n, _ramp(values[..., c] / top)) for c, n in enumerate(self.names)]
        side = 600 // len(panels) - 12
        return _svg(600, side + 30, "Channels of the feature map", _panels(panels, side))


def _demonstration_features() -> tuple[np.ndarray, list[str]]:
    """Four channels of an 8 x 8 patch: a membrane, a mitochondrion, flat grey and noise."""
    row, column = np.mgrid[:8, :8]
    membrane = np.exp(-((row - column + 1) ** 2) / 2.0)
    mitochondrion = np.exp(-((row - 1.5) ** 2 + (column - 6) ** 2) / 3.0)
    noise = np.random.default_rng(5).random((8, 8)) * 0.35
    names = ["membrane", "mitochond.", "flat", "noise"]
    return np.stack([membrane, mitochondrion, np.full((8, 8), 0.3), noise], axis=-1), names


def _mlp_state(mlp: Mapping[str, Any] | None, channels: int) -> dict[str, list]:
    if mlp is None:
        # one hidden unit answers to what stands out, the other to what is everywhere
        order = np.arange(channels) % 4
        squeeze = np.array([[2.0, -0.5], [1.0, -0.5], [-1.0, 1.5], [-0.5, 1.5]])[order]
        excite = np.array([[1.0, 0.3, -0.8, -0.6], [-0.8, -0.5, -1.0, -0.8]])[:, order]
        mlp = {
            "squeeze": squeeze,
            "squeeze_bias": np.full(2, -0.2),
            "excite": excite,
            "excite_bias": np.full(channels, -0.2),
        }
    wanted = ("squeeze", "squeeze_bias", "excite", "excite_bias")
    if set(mlp) != set(wanted):
        raise ValueError(f"mlp has the keys {sorted(mlp)}, wanted {sorted(wanted)}")
    hidden = np.asarray(mlp["squeeze_bias"]).size
    shapes = {
        "squeeze": (channels, hidden),
        "squeeze_bias": (hidden,),
        "excite": (hidden, channels),
        "excite_bias": (channels,),
    }
    arrays = {name: np.asarray(mlp[name], float) for name in wanted}
    for name, shape in shapes.items():
        _same_shape(shape, **{f"mlp[{name!r}]": arrays[name]})
    return {
        "squeeze": arrays["squeeze"].tolist(),
        "squeezeBias": arrays["squeeze_bias"].tolist(),
        "excite": arrays["excite"].tolist(),
        "exciteBias": arrays["excite_bias"].tolist(),
    }


class SupervisionTargets(Figure):
    """Targets and weights of the main head and of side heads at 1/2, 1/4 and 1/8.

    Parameters
    ----------
    mask : array of 0/1 or bool, [H, W], optional
        Membrane = 1; height and width multiples of 8. By default a synthetic crop.
    rule : {"any_membrane", "area", "strided"}
        As in :func:`damunet_lite.supervision.head_targets`.
    decay : float
        Weight of a head against the next finer one, 0.05 to 1, as in
        :func:`damunet_lite.supervision.head_weights`.

    Raises
    ------
    ValueError
        If the mask is not binary or not a multiple of 8, or an argument is out of range.

    Examples
    --------
    >>> mask = np.zeros((16, 16)); mask[:, 9] = 1
    >>> SupervisionTargets(mask=mask, rule="strided").describe()
    'Cells left by the rule strided: main 2, side2 1, side4 1, side8 1.'
    """

    scripts = ("scores.js", "supervision.js")
    title = "One mask, four targets"
    shape = _synced(traitlets.List())
    mask = _synced(traitlets.Unicode())
    rule = _synced(traitlets.Unicode())
    decay = _synced(traitlets.Float())

    def __init__(
        self, *, mask: np.ndarray | None = None, rule: str = "any_membrane", decay: float = 0.5
    ) -> None:
        fine = _mask("mask", _demonstration()[1] if mask is None else mask)
        if fine.shape[0] % 8 or fine.shape[1] % 8:
            raise ValueError(f"mask has shape {fine.shape}, wanted multiples of 8")
        _one_of("rule", rule, ("any_membrane", "area", "strided"))
        _between(0.05, 1, decay=decay)
        self._fine = fine
        super().__init__(shape=list(fine.shape), mask=_pack(fine), rule=rule, decay=float(decay))

    def _targets(self) -> dict[str, np.ndarray]:
        height, width = self._fine.shape
        targets = {"main": self._fine.astype(float)}
        for f in (2, 4, 8):
            blocks = self._fine.reshape(height // f, f, width // f, f)
            shrunk = {
                "any_membrane": blocks.max((1, 3)),
                "area": blocks.mean((1, 3)),
                "strided": blocks[:, 0, :, 0],
            }
            targets[f"side{f}"] = shrunk[self.rule].astype(float)
        return targets

    def _cells(self) -> dict[str, int]:
        return {k: int(metrics.label_cells(t <= 0.5).max()) for k, t in self._targets().items()}

    def describe(self) -> str:
        counts = ", ".join(f"{name} {n}" for name, n in self._cells().items())
        return f"Cells left by the rule {self.rule.replace('_', ' ')}: {counts}."

    def picture(self) -> str:
        cells = self._cells()
        panels = [(f"{k}: {cells[k]} cells", _as_rgb(1 - t)) for k, t in self._targets().items()]
        return _svg(600, 168, "Targets of the four heads", _panels(panels, 138))


class ReceptiveField(Figure):
    """Receptive field of a U-Net level by level, and what a multi-scale input adds.

    The network is that of :func:`damunet_lite.models.build_network`: blocks of convolutions,
    2 x 2 poolings, transposed 2 x 2 convolutions of stride 2, skip connections.

    Parameters
    ----------
    depth : int
        Number of poolings, 1 to 5.
    kernel : {1, 3, 5, 7}
        Side of the convolutions.
    convs : int
        Convolutions in a block, 1 to 4.
    image_size : int
        Side of the image in pixels, 128 to 1024; nanometres assume 4 nm per pixel.
    multi_scale : bool
        Whether a pooled copy of the image enters every encoder level but the first.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Araujo, Norris and Sim 2019, Distill, doi:10.23915/distill.00021.

    Examples
    --------
    >>> ReceptiveField(depth=2).describe()
    'Receptive field by level in pixels: 5, 14, 32.'
    """

    scripts = ("receptive.js",)
    title = "What one output pixel sees"
    depth = _synced(traitlets.Int())
    kernel = _synced(traitlets.Int())
    convs = _synced(traitlets.Int())
    image_size = _synced(traitlets.Int())
    multi_scale = _synced(traitlets.Bool())

    def __init__(
        self,
        *,
        depth: int = 4,
        kernel: int = 3,
        convs: int = 2,
        image_size: int = 512,
        multi_scale: bool = True,
    ) -> None:
        _one_of("depth", depth, range(1, 6))
        _one_of("kernel", kernel, (1, 3, 5, 7))
        _one_of("convs", convs, range(1, 5))
        _one_of("image_size", image_size, range(128, 1025))
        super().__init__(
            depth=depth,
            kernel=kernel,
            convs=convs,
            image_size=image_size,
            multi_scale=bool(multi_scale),
        )

    def _fields(self) -> list[int]:
        grow = self.convs * (self.kernel - 1)
        # each convolution adds (kernel - 1) strides, each pooling one stride of the level above
        return [1 + grow * (2 ** (level + 1) - 1) + 2**level - 1 for level in range(self.depth + 1)]

    def describe(self) -> str:
        fields = ", ".join(str(side) for side in self._fields())
        return f"Receptive field by level in pixels: {fields}."

    def picture(self) -> str:
        fields = self._fields()
        scale = 200 / max(*fields, self.image_size)
        parts = ['<rect class="dm-track" x="10" y="10" width="200" height="200"/>']
        for level, side in enumerate(fields):
            start, length = 110 - side * scale / 2, side * scale
            hue = ("c4", "c2", "c3", "c1", "c5")[level % 5]
            parts += [
                f'<rect class="s-{hue}" fill="none" stroke="currentColor" stroke-width="2" '
                f'x="{start:.1f}" y="{start:.1f}" width="{length:.1f}" height="{length:.1f}"/>',
                _text(240, 40 + 24 * level, f"level {level + 1}: {side} pixels"),
            ]
        return _svg(420, 220, "Receptive fields in the image, to scale", parts)


class OverlapTile(Figure):
    """Where tiles lie, how they are weighed, what they cost and where seams show.

    Starts and Gaussian weights are those of :func:`damunet_lite.inference.tile_starts` and
    :func:`damunet_lite.inference.gaussian_window`. The border error is a model: neighbouring
    tiles err by +1 and -1 at their inner borders, less by a factor e every `reach` pixels.

    Parameters
    ----------
    image_size : int
        Side of the image in pixels, 256 to 2048.
    tile : int
        Side of a tile in pixels, 64 to 512.
    overlap : float
        Smallest share of a tile that it has in common with the next, 0 to 0.9.
    window : {"gaussian", "uniform"}
        Weights of a tile's pixels.
    reach : int
        Reach of the border error in pixels, 2 to 64.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Isensee et al. 2021, Nature Methods 18, 203-211, doi:10.1038/s41592-020-01008-z.

    Examples
    --------
    >>> OverlapTile(image_size=600, tile=256).describe()
    '4 x 4 tiles, starting at 0, 115, 229, 344.'
    """

    scripts = ("tiles.js",)
    title = "Tiles that overlap"
    image_size = _synced(traitlets.Int())
    tile = _synced(traitlets.Int())
    overlap = _synced(traitlets.Float())
    window = _synced(traitlets.Unicode())
    reach = _synced(traitlets.Int())

    def __init__(
        self,
        *,
        image_size: int = 1024,
        tile: int = 256,
        overlap: float = 0.5,
        window: str = "gaussian",
        reach: int = 16,
    ) -> None:
        _between(256, 2048, image_size=image_size)
        _between(64, 512, tile=tile)
        _between(0, 0.9, overlap=overlap)
        _between(2, 64, reach=reach)
        _one_of("window", window, ("gaussian", "uniform"))
        super().__init__(
            image_size=image_size, tile=tile, overlap=float(overlap), window=window, reach=reach
        )

    def _starts(self) -> list[int]:
        # inference.tile_starts, without importing Keras for a still picture
        if self.tile >= self.image_size:
            return [0]
        last = self.image_size - self.tile
        steps = math.ceil(last / max(1, int(self.tile * (1 - self.overlap) + 1e-6)))
        return [round(k * last / steps) for k in range(steps + 1)]

    def describe(self) -> str:
        starts = self._starts()
        listed = ", ".join(str(start) for start in starts)
        return f"{len(starts)} x {len(starts)} tiles, starting at {listed}."

    def picture(self) -> str:
        scale = 220 / max(self.image_size, self.tile)
        side = self.tile * scale
        parts = [
            f'<rect class="c1" opacity="0.16" x="{x * scale:.1f}" y="{y * scale:.1f}" '
            f'width="{side:.1f}" height="{side:.1f}"/>'
            for y in self._starts()
            for x in self._starts()
        ]
        return _svg(220, 220, "Tiles on the image; overlaps are darker", parts)
