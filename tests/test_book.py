"""The book: its table of contents, its notebooks, and the pages it builds.

The pages are built once, as strictly as Sphinx can, and then looked at as files: every link,
anchor and image has to be there, and nothing may be asked of another host.
"""

import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from building import without_networks
from chapter_contract import exercise_minutes

from book.tools.build import ROOT, book_pages
from book.tools.notebook_rules import cell_fault, notebook_faults
from book.tools.set_address import configured_address, split_address

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
PAGE_LIMIT = 1_000_000


def read_notebook(path: Path) -> dict:
    return nbformat.read(path, as_version=4)


# --- sources ----------------------------------------------------------------------------


def test_toc_lists_each_page_once_and_only_pages_that_exist():
    pages = book_pages()
    assert len(pages) == len(set(pages))
    for page in pages:
        assert [s for s in (".md", ".ipynb") if (ROOT / (page + s)).is_file()], page


def test_every_chapter_is_in_the_toc_in_the_order_of_its_number():
    listed = [page for page in book_pages() if page.startswith("chapters/")]
    assert listed == [f"chapters/{path.stem}" for path in CHAPTERS]
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in CHAPTERS)


def test_the_first_pages_say_how_long_the_book_is():
    numbers = {14: "Fourteen", 15: "Fifteen"} | dict(
        enumerate(["five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=5)
    )
    notebooks = [read_notebook(path) for path in CHAPTERS]
    read = [notebook["metadata"]["damunet"]["minutes_read"] for notebook in notebooks]
    text = " ".join((ROOT / "book" / "how_to_use.md").read_text(encoding="utf-8").split())
    assert f"{numbers[len(read)]} chapters of half an hour to an hour" in text
    assert f"{numbers[round(sum(read) / 60)]} hours of reading in all" in text
    exercises = sum(exercise_minutes(notebook) for notebook in notebooks)
    assert f"and {numbers[round(exercises / 60)]} for the exercises" in text
    intro = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    assert f"({CHAPTERS[0].relative_to(ROOT).as_posix()}), {read[0]} minutes" in (
        intro.replace("../", "")
    )


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


def test_every_text_of_the_book_is_in_the_toc():
    texts = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in ROOT.glob("book/**/*.md")
        if "results" not in path.parts  # records and the tables made of them, not pages
    }
    assert texts == {page for page in book_pages() if page.startswith("book/")}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_rules(path):
    assert notebook_faults(read_notebook(path), configured_address()) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_was_run_with_the_versions_of_requirements(path):
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    versions = read_notebook(path)["metadata"]["damunet"]["verified"]["versions"]
    for name in ("TensorFlow", "Keras", "NumPy"):
        assert f"\n{name.lower()}=={versions[name]}\n" in pins, f"{name} {versions[name]}"


# --- the rules themselves ---------------------------------------------------------------

ADDRESS = "https://github.com/some-one/membranes"


def code_cell(source, count, outputs=(), **metadata):
    return {
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": metadata,
    }


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
    assert all(cell_fault(cell) is None for cell in cells if cell["cell_type"] == "code")


def test_an_install_cell_with_another_address_is_a_fault():
    (fault,) = notebook_faults(sound_notebook(), "https://github.com/other/membranes")
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
    compare = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT]
    compare += ["-p", "conftest", "-q", "--color=no", path]

    def outcome():
        done = subprocess.run(compare, capture_output=True, text=True, cwd=ROOT)
        return done.stdout

    assert "6 errors" in outcome()  # nothing stored yet: refused, not passed

    execute = [sys.executable, "-m", "book.tools.execute", path]
    stored = subprocess.run(execute, capture_output=True, text=True, cwd=ROOT)
    assert stored.returncode == 0, stored.stderr
    assert "cell 1, not stored: not stored" in stored.stderr
    assert "6 passed" in outcome()

    notebook = nbformat.read(path, as_version=4)
    assert "stderr" not in path.read_text(encoding="utf-8").replace("sys.stderr", "")
    assert notebook.cells[3].outputs == []
    assert notebook.metadata.damunet.verified.versions.Python.startswith("3.")
    notebook.cells[5].outputs[0].data["text/plain"] = "41"
    nbformat.write(notebook, path)
    spoilt = outcome()
    assert "1 failed, 5 passed" in spoilt
    assert "Cell 5" in spoilt


# --- built pages ------------------------------------------------------------------------


@cache
def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    """Everything on a page that a link can point to."""
    marked = parse(page).find_all(lambda tag: tag.has_attr("id") or tag.has_attr("name"))
    return {tag.get("id") for tag in marked} | {tag.get("name") for tag in marked}


def toc_files(site: Path) -> list[Path]:
    return [site / f"{page}.html" for page in book_pages()]


def pages(site: Path) -> list[Path]:
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.relative_to(site).parts)


@pytest.mark.slow
def test_book_builds_in_a_minute_without_network_libraries(built, tmp_path):
    _, seconds = built
    assert seconds < 60  # of processor time, which a busy machine hardly changes
    done = subprocess.run(
        [sys.executable, "-c", "import keras"],
        env=without_networks(tmp_path),
        capture_output=True,
        text=True,
    )
    assert "not needed to build the book" in done.stderr


@pytest.mark.slow
def test_the_pages_are_those_of_the_toc(site):
    names = {page.relative_to(site).with_suffix("").as_posix() for page in pages(site)}
    made = {"index", "genindex", "search", "py-modindex", "404"}
    assert names - made == set(book_pages())


REFERENCES = {"a": "href", "link": "href", "object": "data"}
REFERENCES |= dict.fromkeys(("script", "img", "source", "iframe", "video", "audio", "embed"), "src")


def references(soup):
    for tag, attribute in REFERENCES.items():
        for element in soup.find_all(tag, attrs={attribute: True}):
            yield element, element[attribute]


def is_external(address: str) -> bool:
    return bool(urlsplit(address).netloc)


@pytest.mark.slow
def test_links_anchors_and_images_lead_somewhere(site):
    broken = []
    for page in pages(site):
        for _, address in references(parse(page)):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            folder, path = page.parent, unquote(parts.path)
            if page.name == "404.html" and path.startswith("/"):  # shown at any address
                folder, path = (
                    site,
                    path.removeprefix(f"/{split_address(configured_address())[1]}/"),
                )
            target = (folder / path).resolve() if path else page
            if not target.is_file():
                broken.append(f"{page.relative_to(site)}: {address}")
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in anchors(target)
            ):
                broken.append(f"{page.relative_to(site)}: {address} (no such anchor)")
    assert broken == []


@pytest.mark.slow
def test_pages_ask_no_other_host(site):
    asked = []
    imports = re.compile(r"""(?:import\s*\(?|from|fetch\s*\(|src\s*=)\s*["'`](https?:)?//""")
    for page in pages(site):
        soup = parse(page)
        for element, address in references(soup):
            follows_only_on_click = element.name == "a" or element.get("rel") == ["canonical"]
            if is_external(address) and not follows_only_on_click:
                asked.append(f"{page.relative_to(site)}: {address}")
        for script in soup.find_all("script", src=False):
            if imports.search(script.text):
                asked.append(f"{page.relative_to(site)}: {script.text[:80]}")
        for style in [s.text for s in soup.find_all("style")]:
            asked += [
                f"{page.relative_to(site)}: {u}" for u in css_addresses(style) if is_external(u)
            ]
    assert asked == []


def css_addresses(text: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.findall(r"""url\(\s*["']?([^"')]+)["']?\s*\)""", text)
    return found + re.findall(r"""@import\s+["']([^"']+)""", text)


@pytest.mark.slow
def test_style_sheets_find_their_fonts_and_images_here(site):
    wrong = []
    for sheet in site.rglob("*.css"):
        for address in css_addresses(sheet.read_text(encoding="utf-8")):
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            if parts.netloc or (parts.path and not (sheet.parent / unquote(parts.path)).is_file()):
                wrong.append(f"{sheet.relative_to(site)}: {address}")
    assert wrong == []


@pytest.mark.slow
def test_mathematics_is_drawn_from_local_files(site):
    for page in pages(site):
        scripts = [s["src"] for s in parse(page).select("script[src*=mathjax]")]
        assert len(scripts) == bool(parse(page).select(".math")), f"{page} needs no script for it"
        if not scripts:
            continue
        (script,) = scripts
        folder = (page.parent / script).resolve().parent
        assert (folder / "tex-chtml.js").is_file()
        assert list((folder / "output/chtml/fonts/woff-v2").glob("*.woff"))
        assert "Apache License" in (folder / "LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_package_page_describes_no_argument_that_a_signature_lacks(site):
    soup = BeautifulSoup((site / "book/api.html").read_text(encoding="utf-8"), "html.parser")
    looked = 0
    for entry in soup.select("dl.py"):
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
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
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
    names = [page.relative_to(site).as_posix() for page in toc_files(site)]
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
    for page in toc_files(site):
        for image in parse(page).select("article img"):
            alt = image.get("alt", "").strip()
            assert len(alt.split()) > 2, f"{page.relative_to(site)}: {image['src']}: {alt!r}"
            assert not re.search(r"\.(png|svg|jpe?g|gif)$", alt), f"{page}: alt text is a file name"


@pytest.mark.slow
def test_a_page_with_its_pictures_weighs_under_a_megabyte(site):
    for page in pages(site):
        pictures = {
            (page.parent / image["src"]).resolve()
            for image in parse(page).select("article img[src]")
            if not image["src"].startswith("data:")
        }
        weight = page.stat().st_size + sum(p.stat().st_size for p in pictures)
        assert weight < PAGE_LIMIT, f"{page.relative_to(site)}: {weight} bytes"


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
