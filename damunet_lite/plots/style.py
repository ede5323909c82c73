"""The look of every figure: style sheet, colours, small PNG files."""

import functools
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

STYLE_SHEET = Path(__file__).parents[1] / "damunet.mplstyle"

COLOURS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "ink": "#26292C",
}
"""Okabe and Ito's colour-blind-safe palette, with a softened black."""

MISSED = COLOURS["vermillion"]
"""Membrane that the prediction misses: two cells may merge there."""

FALSE = COLOURS["blue"]
"""Membrane that the prediction invents: a cell may be split there."""


def use_style() -> None:
    """Switch matplotlib to the book's style for the figures you make yourself.

    The functions of this module use the style without this call and without changing yours.

    Examples
    --------
    >>> import matplotlib
    >>> with matplotlib.rc_context():
    ...     use_style()
    ...     matplotlib.rcParams["figure.dpi"]
    100.0
    """
    plt.style.use(STYLE_SHEET)


def styled(draw: Callable) -> Callable:
    """Run a drawing function in the book's style, whatever style the reader has chosen."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with plt.style.context(STYLE_SHEET):
            result = draw(*args, **kwargs)
            interactive = plt.isinteractive()
        # The first figure loads the backend, and a notebook's switches to interactive mode;
        # leaving the context took that back, and later figures of the reader's own stayed away.
        if interactive:
            plt.interactive(True)
        return result

    return styled


class _PaletteCanvas(FigureCanvasAgg):
    """Canvas that writes PNG files with a palette, also into notebooks: a third of the bytes."""

    def print_png(self, filename_or_obj, *, metadata=None, pil_kwargs=None, **_):
        super().draw()
        picture = Image.fromarray(np.asarray(self.buffer_rgba())[..., :3].copy())
        picture = picture.quantize(255, dither=Image.Dither.NONE)
        info = PngInfo()
        for key, value in (metadata or {}).items():
            info.add_text(key, value)
        dpi = (self.figure.dpi, self.figure.dpi)
        options = {"optimize": True, "dpi": dpi, "pnginfo": info, **(pil_kwargs or {})}
        picture.save(filename_or_obj, format="PNG", **options)


def new_figure(width: float, height: float) -> Figure:
    """Empty figure, sizes in inches of 100 pixels, that pyplot has already forgotten."""
    # Made by pyplot so that notebooks know how to show it, closed so that none shows it twice.
    figure = plt.figure(figsize=(width, height))
    plt.close(figure)
    _PaletteCanvas(figure)
    return figure


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes that were given, or those of a new figure of that many inches."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def figure_or_axes(ax: Axes, given: Axes | None) -> Figure | Axes:
    """What a drawing function returns: the figure that it made, or the axes that it was given."""
    return ax.figure if given is None else given
