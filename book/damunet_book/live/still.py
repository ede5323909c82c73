"""Parts of the still pictures: SVG text, with pictures in it as PNG files."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

HUES = np.array(
    [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0]]
)
RAMP = np.array(
    [[13, 22, 64], [38, 70, 121], [74, 118, 140], [121, 167, 133], [188, 206, 114], [253, 231, 92]]
)


def ramp(values: np.ndarray) -> np.ndarray:
    """Colours 0 to 255 of values in [0, 1], from dark blue to yellow."""
    stops = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(values, stops, RAMP[:, c]) for c in range(3)], axis=-1)


def _png(rgb: np.ndarray) -> str:
    """Data address of an image [H, W, 3] with values from 0 to 255."""
    file = io.BytesIO()
    Image.fromarray(np.round(rgb).astype(np.uint8)).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def svg(width: int, height: int, label: str, parts: Sequence[str]) -> str:
    """A picture of parts, with what it shows in words."""
    return (
        f'<svg class="dm-still" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'fill="currentColor" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, text: str, anchor: str = "start") -> str:
    """Words at a place."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def bars(items: Sequence[tuple[str, float, str]], y: int = 0, x: int = 0) -> list[str]:
    """Bars from 0; items are name, value between -1 and 1, colour class.

    Examples
    --------
    >>> print(*bars([("up", 0.25, "c2")], y=4, x=200), sep="\\n")
    <text x="200" y="18" text-anchor="start">up</text>
    <rect class="c2" x="340.0" y="4" width="40.0" height="18"/>
    <text x="554" y="18" text-anchor="end">0.250</text>
    >>> print(*bars([("down", -0.5, "c1"), ("up", 0.25, "c2")])[1::3], sep="\\n")
    <rect class="c1" x="220.0" y="0" width="80.0" height="18"/>
    <rect class="c2" x="300.0" y="26" width="40.0" height="18"/>
    """
    zero = x + (300 if min(value for _, value, _ in items) < 0 else 140)
    parts = []
    for i, (name, value, hue) in enumerate(items):
        top, length = y + 26 * i, 160 * min(abs(value), 1)
        left = zero - length if value < 0 else zero
        parts += [
            text(x, top + 14, name),
            f'<rect class="{hue}" x="{left:.1f}" y="{top}" width="{length:.1f}" height="18"/>',
            text(zero + 214, top + 14, f"{value:.3f}", "end"),
        ]
    return parts


def panels(label: str, pictures: Sequence[tuple[str, np.ndarray]], side: int = 190) -> str:
    """Pictures [H, W, 3] side by side, each over its caption."""
    return svg(600, side + 30, label, side_by_side(pictures, side))


def side_by_side(panels: Sequence[tuple[str, np.ndarray]], side: int = 190) -> list[str]:
    """Pictures [H, W, 3] side by side, each over its caption."""
    parts = []
    for i, (caption, rgb) in enumerate(panels):
        x, height = i * (side + 12), round(side * rgb.shape[0] / rgb.shape[1])
        parts += [
            f'<image x="{x}" y="0" width="{side}" height="{height}" '
            f'style="image-rendering:pixelated" href="{_png(rgb)}"/>',
            text(x, height + 18, caption),
        ]
    return parts


def as_rgb(grey: np.ndarray) -> np.ndarray:
    """Grey values in [0, 1] as [H, W, 3] from 0 to 255."""
    return np.repeat(255 * np.asarray(grey, float)[..., None], 3, axis=-1)


def coloured(cells: np.ndarray, ground: np.ndarray | float, membrane: float) -> np.ndarray:
    """Labels [H, W] as colours half over a picture, membrane in one grey."""
    hues = 0.5 * ground + 0.5 * HUES[(cells - 1) % len(HUES)]
    return np.where(cells[..., None] > 0, hues, membrane)
