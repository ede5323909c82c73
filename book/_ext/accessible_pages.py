"""Mends in the built pages what the theme and its helpers leave in the way of some readers.

Each mend is one replacement in the HTML, and does nothing where the thing it mends is not there.
`tests/test_browser.py` looks for what is left.
"""

import re
from pathlib import Path

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
)  # fmt: skip
# Browsers let no page that was opened from disk read the texts of others.
SEARCH_FROM_DISK = """
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
"""


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


def _mend_pages(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for path in out.rglob("*.html"):
        if "_static" in path.relative_to(out).parts:
            continue
        text = path.read_text(encoding="utf-8")
        if (better := mended(text)) != text:
            path.write_text(better, encoding="utf-8")
    options = out / "_static" / "documentation_options.js"
    text = options.read_text(encoding="utf-8")
    if SEARCH_FROM_DISK not in text:
        options.write_text(text + SEARCH_FROM_DISK, encoding="utf-8")


def setup(app):
    app.connect("build-finished", _mend_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
