"""The look of the book's figures, and its picture of one slice.

Functions that draw do so in this style, leave pyplot as they found it, and return the
:class:`~matplotlib.figure.Figure` that they made, or the :class:`~matplotlib.axes.Axes` that they
were given as ``ax``. Figures are at most 900 pixels wide, and their PNG files, notebook outputs
included, have a palette of 255 colours to stay small.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from damunet_lite import _arguments as check
from damunet_lite.plots import COLOURS, grey_values, show_picture, tinted

STYLE_SHEET = Path(__file__).with_name("damunet.mplstyle")


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


@contextlib.contextmanager
def in_style() -> Iterator[None]:
    """Draw in the book's style, whatever style the reader has chosen: ``@in_style()`` or ``with``.

    Yields
    ------
    None

    Examples
    --------
    >>> with in_style():
    ...     plt.rcParams["image.cmap"]
    'gray'
    """
    with plt.style.context(STYLE_SHEET):
        yield
        interactive = plt.isinteractive()
    # The first figure loads the backend, and a notebook's switches to interactive mode;
    # leaving the context took that back, and later figures of the reader's own stayed away.
    if interactive:
        plt.interactive(True)


class _PaletteCanvas(FigureCanvasAgg):
    """Canvas that writes PNG files with a palette, also into notebooks: a third of the bytes."""

    def print_png(self, filename_or_obj, *, metadata=None, pil_kwargs=None, **_):
        self.draw()
        picture = Image.fromarray(np.asarray(self.buffer_rgba())[..., :3].copy())
        picture = picture.quantize(255, dither=Image.Dither.NONE)
        options = {"optimize": True, "dpi": (self.figure.dpi,) * 2, **(pil_kwargs or {})}
        picture.save(filename_or_obj, format="PNG", **options)


def new_figure(width: float, height: float) -> Figure:
    """Empty figure that pyplot has already forgotten and that writes small PNG files.

    Parameters
    ----------
    width, height : float
        In inches of 100 pixels.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> new_figure(4, 3).get_size_inches().tolist(), plt.get_fignums()
    ([4.0, 3.0], [])
    """
    # Made by pyplot so that notebooks know how to show it, closed so that none shows it twice.
    figure = plt.figure(figsize=(width, height))
    plt.close(figure)
    _PaletteCanvas(figure)
    return figure


@in_style()
def show_slice(
    image: np.ndarray, mask: np.ndarray | None = None, title: str = "", ax: Axes | None = None
) -> Figure | Axes:
    """One slice, grey or RGB, with the membranes of ``mask`` tinted if one is given.

    Parameters
    ----------
    image : np.ndarray
        ``[H, W]`` or ``[H, W, 1]``, floats in [0, 1] or unsigned integers of full scale; or
        RGB ``[H, W, 3]`` as :func:`~damunet_lite.plots.error_map` and
        :func:`~damunet_lite.plots.label_overlay` return it.
    mask : np.ndarray, optional
        ``[H, W]`` or ``[H, W, 1]``, membrane = 1.
    title : str
        Written above the picture.
    ax : matplotlib.axes.Axes, optional
        Drawn on instead of a new figure.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or ``ax``.

    Raises
    ------
    ValueError
        If shapes or values are others than these, or differ between image and mask.

    Examples
    --------
    >>> show_slice(np.eye(4), mask=np.eye(4)).axes[0].get_images()[0].get_array().shape
    (4, 4, 3)
    """
    picture = np.asarray(image)
    if picture.ndim != 3 or picture.shape[-1] != 3:
        picture = grey_values(check.plane("image", picture))
    if mask is not None:
        membrane = check.binary("mask", check.plane("mask", mask))
        check.same_shape("mask", membrane, "image", np.atleast_3d(picture)[..., 0])
        picture = tinted(picture, 0.45 * membrane, COLOURS["orange"])
    height, width = picture.shape[:2]
    target = ax or new_figure(4.2, 4.2 * min(height / width, 2) + 0.3 * bool(title)).add_subplot()
    show_picture(target, picture, 400, levels=12)
    target.set_title(title)
    return ax or target.figure
