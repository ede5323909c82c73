"""The book: its table of contents, its notebooks, and the pages it builds.

The pages are built once, as strictly as Sphinx can, and then looked at as files: every link,
anchor and image has to be there, and nothing may be asked of another host.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapter_contract import exercise_minutes

from book.tools.build import ROOT, book_pages
from book.tools.notebook_rules import notebook_faults
from book.tools.set_address import configured_address, split_address

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


def read_notebook(path: Path) -> dict:
    return nbformat.read(path, as_version=4)


TAUGHT = [path for path in CHAPTERS if exercise_minutes(read_notebook(path))]  # no appendix


# --- sources ----------------------------------------------------------------------------


def test_every_text_is_in_the_toc_once_and_chapters_in_the_order_of_their_numbers():
    texts = [
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in ROOT.glob("book/**/*.md")
        if "results" not in path.parts  # records and the tables made of them, not pages
    ]
    listed = book_pages()
    chapters = [page for page in listed if page.startswith("chapters/")]
    assert chapters == [f"chapters/{path.stem}" for path in CHAPTERS]
    assert sorted(listed) == sorted(texts + chapters)


def test_the_first_pages_say_how_long_the_book_is():
    names = ("five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen")
    numbers = dict(enumerate((*names, "Fourteen", "Fifteen", "Sixteen"), start=5))
    notebooks = [read_notebook(path) for path in TAUGHT]
    read = [notebook["metadata"]["damunet"]["minutes_read"] for notebook in notebooks]
    text = " ".join((ROOT / "book" / "how_to_use.md").read_text(encoding="utf-8").split())
    assert f"{numbers[len(read)]} chapters of half an hour to an hour" in text
    assert f"{numbers[round(sum(read) / 60)]} hours of reading in all" in text
    exercises = sum(exercise_minutes(notebook) for notebook in notebooks)
    assert f"and {numbers[round(exercises / 60)]} for the exercises" in text
    intro = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    assert f"(../chapters/{CHAPTERS[0].name}), {read[0]} minutes" in intro


TIMES = (
    r"(\d+) minutes to read(?: and (\d+) .*?)?; (?:about |roughly )?(.*?) to run .*?, (.*?) on a C"
)


def test_one_table_has_the_minutes_that_the_heads_of_the_chapters_say():
    page = (ROOT / "book" / "how_to_use.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[\d+\].*?\| (.*) \|$", page.replace("| |", "|  |"), re.MULTILINE)
    heads = (" ".join(read_notebook(path)["cells"][0]["source"].split()) for path in CHAPTERS)
    assert rows == [" | ".join(re.search(TIMES, head).groups("")) for head in heads]


def test_the_readme_gives_the_result_that_the_table_has():
    table = (ROOT / "book/results/tables/short.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    result = " ".join(re.search(r"\*\*Result:.*?\n\n", readme, re.DOTALL)[0].split())
    scores = dict(re.findall(r"^\| ([^|]+) \| (0\.\d+)", table, re.MULTILINE))
    told = re.findall(r"([\w-]*U-Net|DAMU-Net|all cell)(?: reaches V_rand|:)? (0\.\d+)", result)
    assert len(told) == 5
    assert [scores[name] for name, _ in told] == [score for _, score in told]
    low, high = zip(*re.findall(r"\((-?[\d.]+) to \+?(-?[\d.]+)\)", table), strict=True)
    assert max(map(float, low)) < 0 < min(map(float, high)), "the second sentence is not true"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_rules(path):
    notebook, pins = read_notebook(path), (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert notebook_faults(notebook, configured_address()) == []
    versions = notebook["metadata"]["damunet"]["verified"]["versions"]
    for name in ("TensorFlow", "Keras", "NumPy"):
        assert f"\n{name.lower()}=={versions[name]}\n" in pins, f"{name} {versions[name]}"


# --- the rules themselves ---------------------------------------------------------------

ADDRESS = "https://github.com/some-one/membranes"


def code_cell(source, count, outputs=(), **metadata):
    cell = {"cell_type": "code", "source": source, "execution_count": count}
    return {**cell, "outputs": list(outputs), "metadata": metadata}


def sound_notebook(*cells):
    install = code_cell(f"%pip install -q git+{ADDRESS}\n", 1)
    return {"metadata": {"damunet": {"verified": {}}}, "cells": [install, *cells]}


FIGURE = {"output_type": "display_data", "data": {"image/png": "iVBO"}}
FAULTY_CELLS = {
    "never executed": code_cell("1", None),
    "once each": code_cell("1", 7),
    "needs a reason": code_cell("1", 2, tags=["nbval-ignore-output"]),
    "without a tag": code_cell("1", 2, damunet={"exempt_reason": "a clock"}),
    "NBVAL comment": code_cell("# NBVAL_IGNORE_OUTPUT\n1", 2),
    "skip-execution": code_cell("1", None, tags=["nbval-skip"], damunet={"exempt_reason": "x"}),
    "without alt text": code_cell("1", 2, [FIGURE]),
    "a stored error": code_cell("1", 2, [{"output_type": "error", "ename": "KeyError"}]),
    "standard error": code_cell("1", 2, [{"output_type": "stream", "name": "stderr"}]),
    "31 lines": code_cell("a = 1\n" * 31, 2),
    "a converter left": code_cell("1", 2, lines_to_next_cell=2),
    "time stamps": code_cell("1", 2, execution={"iopub.execute_input": "noon"}),
    "image without alt": {"cell_type": "markdown", "source": "![](a.png)", "metadata": {}},
}


@pytest.mark.parametrize("wanted", FAULTY_CELLS)
def test_a_faulty_cell_is_named(wanted):
    faults = notebook_faults(sound_notebook(FAULTY_CELLS[wanted]), ADDRESS)
    assert [fault for fault in faults if wanted in fault], faults


def test_a_sound_notebook_has_no_fault():
    cells = [
        code_cell("a = 1\n" * 30, 2),
        code_cell("plot()", 3, [FIGURE], mystnb={"image": {"alt": "a curve"}}),
        code_cell("time()", 4, tags=["nbval-ignore-output"], damunet={"exempt_reason": "a clock"}),
        code_cell("", None),
        {"cell_type": "markdown", "source": "![a cell](a.png)", "metadata": {}},
    ]
    assert notebook_faults(sound_notebook(*cells), ADDRESS) == []
    (fault,) = notebook_faults(sound_notebook(*cells), "https://github.com/other/membranes")
    assert "git+https://github.com/other/membranes" in fault


@pytest.mark.slow
def test_strict_comparison_catches_what_it_should_and_nothing_else(tmp_path):
    """Store a notebook's outputs with our tool, compare, then spoil them one at a time."""
    from nbformat.v4 import new_code_cell, new_notebook

    sources = [
        "import sys, os",
        "print('seen'); print('not stored', file=sys.stderr)",
        "object()",
        "6 * 7;",
        "os.environ['TF_NUM_INTRAOP_THREADS'], os.environ['KERAS_BACKEND']",
        "6 * 7",
    ]
    path = tmp_path / "chapter.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    compare = ["pytest", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "conftest", "-q"]

    def run(*words):
        command = [sys.executable, "-m", *words, path]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    def outcome():
        return run(*compare, "--color=no").stdout

    assert "6 errors" in outcome()  # nothing stored yet: refused, not passed

    stored = run("book.tools.execute")
    assert stored.returncode == 0, stored.stderr
    assert "cell 1, not stored: not stored" in stored.stderr
    assert "6 passed" in outcome()

    notebook = nbformat.read(path, as_version=4)
    assert "stderr" not in path.read_text(encoding="utf-8").replace("sys.stderr", "")
    assert notebook.cells[3].outputs == []
    assert notebook.metadata.damunet.verified.versions.Python.startswith("3.")
    notebook.cells[5].outputs[0].data["text/plain"] = "41"
    nbformat.write(notebook, path)
    assert re.search("Cell 5.*1 failed, 5 passed", outcome(), re.DOTALL)


# --- built pages ------------------------------------------------------------------------


@cache
def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages(site: Path) -> list[Path]:
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.relative_to(site).parts)


@pytest.mark.slow
def test_the_pages_are_those_of_the_toc(site):
    names = {page.relative_to(site).with_suffix("").as_posix() for page in pages(site)}
    made = {"index", "genindex", "search", "py-modindex", "404"}
    assert names - made == set(book_pages())


REFERENCES = {"a": "href", "link": "href", "object": "data"}
REFERENCES |= dict.fromkeys(("script", "img", "source", "iframe", "video", "audio", "embed"), "src")
IN_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)""")
IN_SCRIPT = re.compile(r"""(?:import\s*\(?|from|fetch\s*\(|src\s*=)\s*["'`]((?:https?:)?//)""")


def references(path: Path) -> Iterator[tuple[str, bool]]:
    """Addresses in a page or style sheet, and whether a browser follows them only on a click."""
    styles = [path.read_text(encoding="utf-8")]
    if path.suffix == ".html":
        soup = parse(path)
        styles = [style.text for style in soup.find_all("style")]
        for tag, attribute in REFERENCES.items():
            for element in soup.find_all(tag, attrs={attribute: True}):
                yield element[attribute], tag == "a" or element.get("rel") == ["canonical"]
        for script in soup.find_all("script", src=False):
            yield from ((address, False) for address in IN_SCRIPT.findall(script.text))
    for style in styles:
        found = IN_STYLE.findall(re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL))
        yield from (("".join(pair), False) for pair in found)


@cache
def anchors(page: Path) -> set[str]:
    """Everything on a page that a link can point to."""
    marked = parse(page).find_all(lambda tag: tag.has_attr("id") or tag.has_attr("name"))
    return {tag.get("id") for tag in marked} | {tag.get("name") for tag in marked}


@pytest.mark.slow
def test_what_pages_and_styles_refer_to_is_here_and_nothing_is_asked_of_others(site):
    wrong, home = [], f"/{split_address(configured_address())[1]}/"
    for path in [*pages(site), *site.rglob("*.css")]:
        for address, on_click in references(path):
            parts = urlsplit(address)
            if parts.scheme == "data" or (on_click and (parts.scheme or parts.netloc)):
                continue
            target = path
            if parts.path:  # from its root on the page that is shown at any address
                target = path.parent / unquote(parts.path)
                if path.name == "404.html":
                    target = site / unquote(parts.path).removeprefix(home)
            fragment = unquote(parts.fragment) if target.suffix == ".html" else ""
            there = not parts.netloc and target.is_file()
            if not there or (fragment and fragment not in anchors(target.resolve())):
                wrong.append(f"{path.relative_to(site)}: {address}")
    assert wrong == []


@pytest.mark.slow
def test_mathematics_is_drawn_from_local_files(site):
    for page in pages(site):
        scripts = parse(page).select("script[src*=mathjax]")
        assert len(scripts) == bool(parse(page).select(".math")), f"{page} needs no script for it"
    folder = site / "_static" / "mathjax"
    assert list((folder / "output/chtml/fonts/woff-v2").glob("*.woff"))
    assert "Apache License" in (folder / "LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_package_page_describes_no_argument_that_a_signature_lacks(site):
    looked = 0
    for entry in parse(site / "book/api.html").select("dl.py"):
        signature = entry.find("dt", class_="sig").get_text()
        for label in entry.select(":scope > dd > dl.field-list > dt"):
            if not label.get_text().startswith("Parameters"):
                continue
            for name in label.find_next_sibling("dd").select("li > p > strong, dd > p > strong"):
                for word in re.split(r",\s*", name.get_text().lstrip("*")):
                    looked += 1
                    assert re.search(rf"\b{re.escape(word)}\b", signature), (word, signature)
    assert looked > 200


@pytest.mark.slow
def test_words_of_the_glossary_are_linked_where_they_come_first(site):
    glossary = parse(site / "book/glossary.html")
    definitions = {term["id"] for term in glossary.select("dt[id]")}
    linked = []
    for name in sorted(path.name for path in (site / "chapters").glob("*.html")):
        article = parse(site / "chapters" / name).select_one("article")
        links = article.select('a[href*="glossary.html#"]')
        assert not article.select('a[href$="glossary.html"]'), name
        assert all(link["title"] for link in links), name
        linked += [link["href"].partition("#")[2] for link in links if "title" in link.attrs]
    assert set(linked) <= definitions
    assert len(set(linked)) >= 100, len(set(linked))
    assert linked.count("term-watershed") == 1  # at its first place, not at the others


# Of each question of a quiz in Markdown: its options, and its answer.
QUESTION = re.compile(
    r"((?:^- [a-e]\) [^\n]+(?:\n  [^\n]+)*\n)+)\n*<details><summary>Answer.*?\n\n(.+?)\n\n",
    re.M | re.S,
)


@pytest.mark.slow
@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
def test_every_option_of_a_quiz_says_why(site, path):
    cells = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown"]
    questions = QUESTION.findall("\n\n".join(cells))
    options = parse(site / "chapters" / f"{path.stem}.html").select("details.quiz")
    said = [option.p.get_text().split() for option in options]
    wanted = []
    for listed, answer in questions:
        letters = re.findall(r"^- ([a-e])\)", listed, re.M)
        wanted += ["Yes" if letter == answer[0] else "No." for letter in letters]
    assert len(questions) == 5
    assert [words[0].rstrip(",.") for words in said] == [word.rstrip(".") for word in wanted]
    assert all(len(words) > 3 for words in said)
    for option, words in zip(options, said, strict=True):
        letter = option.summary.get_text().strip()[:2]
        assert words[0] != "No." or letter in " ".join(words), f"{letter} is not spoken of: {words}"


@pytest.mark.slow
def test_pages_say_what_they_are_to_those_who_link_them(site):
    owner, name = split_address(configured_address())
    address = f"https://{owner}.github.io/{name}/"
    listed = re.findall("<loc>(.*?)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    names = [f"{page}.html" for page in book_pages()]
    assert sorted(listed) == sorted(address + name for name in names)
    descriptions = set()
    for name in names:
        head = parse(site / name).head
        (canonical,) = head.select("link[rel=canonical]")
        assert canonical["href"] == address + name
        (description,) = head.select("meta[name=description]")
        descriptions.add(description["content"])
        tags = {tag["property"]: tag["content"] for tag in head.select("meta[property]")}
        assert tags["og:description"] == description["content"]
        assert (site / tags["og:image"].removeprefix(address)).is_file()
        title = head.title.text.split("\N{EM DASH}")
        assert len({part.strip() for part in title}) == len(title) == 2, "a title said twice"
    assert len(descriptions) == len(names)
    assert min(map(len, descriptions)) > 40


@pytest.mark.slow
def test_all_notebooks_come_in_one_file_that_the_pages_link(site):
    with zipfile.ZipFile(site / "chapters.zip") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed == {f"chapters/{path.name}": path.read_bytes() for path in CHAPTERS}
    assert parse(site / "book/how_to_use.html").select('a[href="../chapters.zip"]')


@pytest.mark.slow
def test_the_book_says_once_that_it_is_not_published_while_it_is_not(site):
    said = [page for page in pages(site) if "has no public address yet" in parse(page).text]
    assert len(said) == (split_address(configured_address())[0] == "OWNER")


@pytest.mark.slow
def test_every_picture_has_words(site):
    for page in book_pages():
        for image in parse(site / f"{page}.html").select("article img"):
            alt = image.get("alt", "").strip()
            assert len(alt.split()) > 2, f"{page}: {image['src']}: {alt!r}"
            assert not re.search(r"\.(png|svg|jpe?g|gif)$", alt), f"{page}: alt text is a file name"


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_page_opens_in_colab_and_binder_and_says_when_it_ran(site, path):
    owner, name = split_address(configured_address())
    page = parse(site / "chapters" / f"{path.stem}.html")
    links = {link["href"] for link in page.find_all("a", href=True)}
    file = f"chapters/{path.name}"
    assert f"https://colab.research.google.com/github/{owner}/{name}/blob/main/{file}" in links
    assert f"https://mybinder.org/v2/gh/{owner}/{name}/main?urlpath=lab/tree/{file}" in links
    (verified,) = page.select("p.verified")
    date = read_notebook(path)["metadata"]["damunet"]["verified"]["date"]
    assert verified.text.startswith(f"Last run on {date}, in ")
