"""Mends in the built pages what the theme and its helpers leave in the way of some readers.

Each mend is one replacement in the HTML, and does nothing where the thing it mends is not there.
`tests/test_browser.py` looks for what is left.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image

MENDS = (
    # The book's name and the search button lie outside every landmark.
    (
        re.compile(r'<div id="pst-primary-sidebar" class="([^"]*)">'),
        r'<div id="pst-primary-sidebar" class="\1" role="region" aria-label="Book">',
    ),
    # The corner of a table is no header. Markdown has no other way to leave it empty.
    (
        re.compile(r'<th class="head([^"]*)">\s*(?:<p>\s*</p>)?\s*</th>'),
        r'<td class="head\1"></td>',
    ),
    # A div may not be a doc-biblioentry, and its list wants list items.
    (
        re.compile(r'(<div class="citation" id="[^"]*") role="doc-biblioentry">'),
        r'\1 role="listitem">',
    ),
    # What checks tables reads no MathML, and a voice reads a formula better that was announced.
    (
        re.compile(r'(<th class="head[^"]*"><p>)(<span class="math[^"]*">[^<]*</span></p></th>)'),
        r'\1<span class="visually-hidden">formula </span>\2',
    ),
    # A folded cell is called what is written on it, not the same as every other.
    (re.compile('<summary aria-label="Toggle hidden content">'), "<summary>"),
)
# On a phone a wide picture shows a part of itself at a time rather than all of it too small: in a
# box that scrolls, which the theme lets the keyboard reach where there is something to scroll.
PICTURE = re.compile(r'(<div class="wide-figure">.*?)?<img ([^>]*?src="([^":]+)"[^>]*?) ?/?>')
WIDE = 600  # pixels; what is narrower can be read as it is
LEAST = 0.65  # of its own width, for the labels of a plot
DRAWING = "draw_network</span>"  # has the smallest labels, and is kept at its own width


def mended(text: str) -> str:
    """The page with every mend.

    Examples
    --------
    >>> mended('<tr><th class="head"><p></p></th><th class="head"><p>loss</p></th></tr>')
    '<tr><td class="head"></td><th class="head"><p>loss</p></th></tr>'
    """
    for found, instead in MENDS:
        text = found.sub(instead, text)
    return text


def boxed(text: str, size_of: Callable[[str], tuple[int, int]]) -> str:
    """The page with every wide picture in a box; `size_of` gives a source's width and height.

    Examples
    --------
    >>> print(boxed('<img alt="a plot" src="a.png" />', lambda source: (800, 300)))
    <div class="wide-figure"><div class="pst-scrollable-table-container" role="group" \
    aria-label="Wide figure"><img alt="a plot" src="a.png" width="800" height="300" \
    style="--least: 520px"></div></div>
    >>> boxed('<img src="a.png">', lambda source: (590, 300))
    '<img src="a.png">'
    """

    def box(found: re.Match, least: float) -> str:
        done, attributes, source = found.groups()
        width, height = size_of(source)
        if done or width < WIDE:
            return found[0]
        return (
            '<div class="wide-figure"><div class="pst-scrollable-table-container" role="group" '
            f'aria-label="Wide figure"><img {attributes} width="{width}" height="{height}" '
            f'style="--least: {round(least * width)}px"></div></div>'
        )

    return "".join(
        PICTURE.sub(partial(box, least=1 if DRAWING in cell else LEAST), cell)
        for cell in re.split(r'(?=<div class="cell )', text)
    )


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, and nothing for other files."""
    if path.suffix != ".png":
        return 0, 0
    with Image.open(path) as picture:
        return picture.size


def _mend_pages(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in out.rglob("*.html"):
        if "_static" in path.relative_to(out).parts:
            continue
        text = path.read_text(encoding="utf-8")
        better = boxed(mended(text), lambda source, page=path: _size(page.parent / source))
        if better != text:
            path.write_text(better, encoding="utf-8")


def setup(app):
    app.connect("build-finished", _mend_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
