"""The whole book as one PDF, printed from the built pages.

    jupyter-book build .
    python -m book.tools.pdf                            # writes _build/damunet-lite.pdf
    python -m book.tools.pdf --html FOLDER --out FILE chapters/03_scores

Every page is printed by a headless Chromium without network, in the order of the table of
contents, and the sheets are merged, with a bookmark for each page. Hints, solutions and answers
are open: paper cannot unfold them. A PDF that is written beside the pages is linked from them.
"""

import argparse
import io
import re
import sys
from pathlib import Path

from book.tools.browser import Browser, missing
from book.tools.build import ROOT, book_pages

PLACE = '<span id="one-pdf">(.*?)</span>'


def write_pdf(html: Path, pages: list[str], out: Path) -> int:
    """Print the pages, merge them into `out`, and return the number of sheets."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    with Browser() as browser:
        browser.prefer("light")
        for page in pages:
            browser.visit((html / f"{page}.html").as_uri())
            browser.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
            title = browser.run("return document.querySelector('h1')?.firstChild.textContent")
            sheets = PdfReader(io.BytesIO(browser.print_pdf()))
            first = len(writer.pages)
            writer.append_pages_from_reader(sheets)
            writer.add_outline_item(title=title or page, page_number=first)
    page = html / "book" / "how_to_use.html"
    if out.parent.resolve() == html and page.is_file():
        text, link = page.read_text(encoding="utf-8"), rf'<a href="../{out.name}">\1</a>'
        page.write_text(re.sub(PLACE, link, text), encoding="utf-8")
    writer.compress_identical_objects()
    with out.open("wb") as file:
        writer.write(file)
    return len(writer.pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="*", help="names as in _toc.yml (all)")
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "damunet-lite.pdf")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(f"Cannot print: {reason}.")
    pages = arguments.pages or book_pages()
    if absent := [page for page in pages if not (arguments.html / f"{page}.html").is_file()]:
        sys.exit(f"Build the book first: there is no page {absent[0]}.")
    sheets = write_pdf(arguments.html.resolve(), pages, arguments.out)
    size = arguments.out.stat().st_size
    print(f"{arguments.out}: {sheets} sheets, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
