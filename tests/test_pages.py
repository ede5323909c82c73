"""What comes out of a printer."""

import re

import nbformat
import pytest

from book.tools.browser import missing
from book.tools.build import ROOT, book_pages
from book.tools.pdf import PLACE, write_pdf

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


def test_a_chapter_prints_whole_lines_and_nothing_but_the_chapter(site, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    chapters = [page for page in book_pages() if page.startswith("chapters/")]
    chapter = max(chapters, key=lambda page: max(map(len, code_lines(page))))
    sheets = write_pdf(site, [chapter, "book/cite"], tmp_path / "book.pdf")
    reader = pypdf.PdfReader(tmp_path / "book.pdf")
    assert sheets == len(reader.pages) > 4
    assert len(reader.outline) == 2
    text = "".join(re.sub(r"\s", "", page.extract_text()) for page in reader.pages)
    printed = [line for line in code_lines(chapter) if re.sub(r"\s", "", line) in text]
    assert len(printed) > 0.9 * len(code_lines(chapter))
    assert max(map(len, printed)) > 80
    place = (site / "book" / "how_to_use.html").read_text(encoding="utf-8")
    assert len(re.findall(PLACE, place)) == 1, "no place for the link to the PDF"
    assert text.count("@titleSolution") >= 4, "the sheets hold a solution that stayed folded"
    assert "Ctrl+K" not in text, "the search button is printed"
    assert "Beforeyoustart" not in text, "the contents beside the page are printed"


def test_a_pdf_beside_the_pages_is_linked_from_them(tmp_path):
    page = tmp_path / "book" / "how_to_use.html"
    page.parent.mkdir()
    plain = '<title>How</title><h1>How</h1><p>And <span id="one-pdf">one PDF</span>.</p>'
    linked = plain.replace('<span id="one-pdf">one PDF</span>', '<a href="../all.pdf">one PDF</a>')
    page.write_text(plain, encoding="utf-8")
    for out, told in ((page.parent / "all.pdf", plain), (tmp_path / "all.pdf", linked)):
        write_pdf(tmp_path, ["book/how_to_use"], out)
        assert page.read_text(encoding="utf-8") == told


def code_lines(chapter):
    """Lines of the code cells, solutions included."""
    cells = nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4).cells
    shown = [cell.source for cell in cells if cell.cell_type == "code"]
    return [line for line in "\n".join(shown).split("\n") if line.strip()]
