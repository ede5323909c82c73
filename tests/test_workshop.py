"""Workshop material: no solution where none belongs, minutes that add up, slides that stand alone.

The full form, which fetches packages, installs from the bundle without network and runs the
90-minute path, is `python tests/offline_workshop.py`.
"""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from book import workshop
from book.workshop import bundle, notebooks, sheets, slides
from book.workshop.chapters import (
    Chapter,
    WorkshopError,
    find_checkout,
    read_chapter,
    read_chapters,
    role,
    without_details,
)
from damunet_lite.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = read_chapters(ROOT)
IDS = [chapter.slug for chapter in CHAPTERS]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return workshop.write(tmp_path_factory.mktemp("workshop"), ROOT)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def solution_lines(chapter: Chapter) -> set[str]:
    """Lines of code that stand in a chapter's solutions and nowhere else in it."""
    inside, outside = set(), set()
    for cell in chapter.notebook["cells"]:
        lines = {line.strip() for line in cell["source"].split("\n")}
        (inside if role(cell).get("role") == "solution" else outside).update(lines)
    return {line for line in inside - outside if len(line) > 8 and not line.startswith("#@title")}


# --- what is read from a chapter --------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_a_chapter_says_what_a_teacher_needs(chapter):
    assert 3 <= len(chapter.goals) <= 6
    assert len(chapter.claims) >= 3
    assert len(chapter.questions) == 5
    assert all(question.answer for question in chapter.questions)
    assert len(chapter.exercises) >= 4
    for exercise in chapter.exercises:
        assert 1 <= exercise.minutes <= 30
        assert len(exercise.instructor) > 40, f"{exercise.key}: an instructor note is wanted"
        assert exercise.number.startswith(f"{chapter.number}.")


def test_a_stub_without_minutes_is_named():
    notebook = {
        "metadata": {},
        "cells": [
            {
                "cell_type": "markdown",
                "source": "### Exercise 1.1 · X",
                "metadata": {"damunet": {"exercise": "01.x", "role": "task"}},
            },
            {
                "cell_type": "code",
                "source": "...",
                "metadata": {"damunet": {"exercise": "01.x", "role": "stub"}},
            },
        ],
    }
    with pytest.raises(WorkshopError, match=r"exercise 01\.x must say its minutes"):
        _ = Chapter(Path("01_x.ipynb"), notebook).exercises
    with pytest.raises(WorkshopError, match="minutes_read must be a number"):
        _ = Chapter(Path("01_x.ipynb"), notebook).minutes_read


def test_without_the_repository_the_command_says_what_is_needed(tmp_path, capsys):
    assert main(["workshop", str(tmp_path / "out"), "--checkout", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "copy of the repository" in error
    assert not (tmp_path / "out").exists()


def test_the_copy_of_the_repository_is_found_from_within_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert find_checkout() == ROOT


def test_a_notebook_that_is_none(tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_text("no notebook")
    with pytest.raises(WorkshopError, match="cannot be read as a notebook"):
        read_chapter(path)


# --- notebooks --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["student", "instructor", "blank"])
def test_every_notebook_is_valid(material, kind):
    paths = sorted((material.folder / kind).glob("*.ipynb"))
    assert [p.stem for p in paths if not p.stem.startswith("00")] == IDS
    for path in paths:
        nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("kind", ["student", "blank"])
@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_no_solution_answer_output_or_note_is_left(material, chapter, kind):
    path = material.folder / kind / f"{chapter.slug}.ipynb"
    notebook = read(path)
    lines = {line.strip() for cell in notebook["cells"] for line in cell["source"].split("\n")}
    assert solution_lines(chapter)
    assert not solution_lines(chapter) & lines
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<summary>\s*(Answer|Solution)", text)
    assert '"instructor"' not in text
    for exercise in chapter.exercises:
        assert json.dumps(exercise.instructor, ensure_ascii=False)[1:-1] not in text
    assert not any(cell.get("outputs") for cell in notebook["cells"])


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_students_keep_task_hints_and_stub_of_every_exercise(material, chapter):
    cells = read(material.folder / "student" / f"{chapter.slug}.ipynb")["cells"]
    for exercise in chapter.exercises:
        task, stub = (
            next(
                c
                for c in cells
                if role(c).get("exercise") == exercise.key and role(c)["role"] == part
            )
            for part in ("task", "stub")
        )
        assert "<summary>Hint 1</summary>" in task["source"]
        canonical = next(
            c
            for c in chapter.notebook["cells"]
            if role(c).get("exercise") == exercise.key and role(c)["role"] == "stub"
        )
        assert stub["source"] == canonical["source"]


def names(source: str, context: type) -> set[str]:
    source = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.add(node.id)
        if context is ast.Store and isinstance(node, ast.arg):
            found.add(node.arg)
        if context is ast.Store and isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if context is ast.Store and isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_no_cell_needs_what_only_a_solution_made(chapter):
    """Otherwise the student notebook, which has no solutions, would stop there."""
    kept, solved = set(), set()
    for cell in chapter.notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        if role(cell).get("role") == "solution":
            solved |= names(cell["source"], ast.Store)
            continue
        made = names(cell["source"], ast.Store)
        lacking = (names(cell["source"], ast.Load) & solved) - kept - made
        assert not lacking, f"{cell['source'][:60]!r} needs {lacking}"
        kept |= made


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_instructors_see_solutions_notes_and_minutes(material, chapter):
    cells = read(material.folder / "instructor" / f"{chapter.slug}.ipynb")["cells"]
    text = "\n".join(cell["source"] for cell in cells)
    for exercise in chapter.exercises:
        assert f"exercise {exercise.number}, {exercise.minutes} minutes.** " in text
        assert exercise.instructor in text
    opened = [cell for cell in cells if role(cell).get("role") == "solution"]
    assert len(opened) >= len(chapter.exercises)
    for cell in opened:
        assert "tags" not in cell["metadata"]
        assert "jupyter" not in cell["metadata"]
    assert f"{chapter.minutes_read} minutes; running {chapter.minutes_run}" in text


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_blank_notebooks_have_imports_stubs_and_goals_only(material, chapter):
    code = [
        c
        for c in read(material.folder / "blank" / f"{chapter.slug}.ipynb")["cells"]
        if c["cell_type"] == "code"
    ]
    assert "import" in code[0]["source"]
    assert "import" in code[1]["source"]
    assert len(code[1]["source"].split("\n")) <= 16
    for cell in code[2:]:
        if role(cell).get("role") != "stub":
            assert re.fullmatch(r"# .+\n", cell["source"])


def test_links_lead_to_what_is_there(material):
    for path in material.folder.glob("*/*.ipynb"):
        for cell in read(path)["cells"]:
            if cell["cell_type"] == "markdown":
                for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", cell["source"]):
                    assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_folded_parts_go_by_their_title():
    text = (
        "Task\n\n<details><summary>Hint 1</summary>\n\nh\n\n</details>\n"
        "<details>\n<summary>Solution</summary>\n\ns\n\n</details>\nEnd"
    )
    assert "Hint 1" in without_details(text, "Answer|Solution")
    assert "s\n\n</details>" not in without_details(text, "Answer|Solution")
    assert without_details(text).split() == ["Task", "End"]


# --- run sheets -------------------------------------------------------------------------


def made_up(number: int, reading: int, running: int, exercises: list[int]) -> Chapter:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": f"# {number}. Title\n\n- a"}]
    for i, minutes in enumerate(exercises, start=1):
        info = {"exercise": f"{number:02}.e{i}", "minutes": minutes}
        cells.append(
            {
                "cell_type": "markdown",
                "source": f"### Exercise {number}.{i} · E",
                "metadata": {"damunet": {**info, "role": "task", "instructor": "Note."}},
            }
        )
        cells.append(
            {
                "cell_type": "code",
                "source": "...",
                "metadata": {"damunet": {**info, "role": "stub"}},
            }
        )
    metadata = {"damunet": {"minutes_read": reading, "minutes_run_cpu": running}}
    return Chapter(Path(f"{number:02}_x.ipynb"), {"metadata": metadata, "cells": cells})


SHORT = [made_up(n, 20 + n, 1, [4, 6, 8, 5]) for n in range(1, 15)]
FEW = [made_up(1, 25, 1, [5]), made_up(4, 30, 1, [])]
LONG = [made_up(n, 30, 2, [3, 12, 7, 9, 10, 4]) for n in range(1, 15)]


@pytest.mark.parametrize("form", sheets.FORMATS, ids=lambda form: form.slug)
@pytest.mark.parametrize("chapters", [CHAPTERS, SHORT, FEW, LONG], ids=["book", "a", "b", "c"])
def test_minutes_add_up_with_a_break_every_hour(form, chapters):
    sheet = sheets.plan(form, chapters)
    assert len(sheet.days) == form.days
    for day in sheet.days:
        assert sum(item.minutes for item in day) == form.minutes
        assert sheets.longest_stretch(day) <= 60
        assert all(item.minutes > 0 for item in day)
        assert day[-1].kind != "break"
        for before, after in zip(day, day[1:], strict=False):
            assert (before.kind, after.kind) != ("break", "checkpoint")
        if form.minutes > 300:
            assert [item.title for item in day if item.kind == "break"].count("Lunch") == 1
    taught = [item for day in sheet.days for item in day if item.kind == "teach"]
    assert [item.chapter for item in taught] == [c.number for c in sheet.chapters]


@pytest.mark.parametrize("form", sheets.FORMATS, ids=lambda form: form.slug)
def test_minutes_are_those_of_the_chapters(form):
    sheet = sheets.plan(form, CHAPTERS)
    by_number = {chapter.number: chapter for chapter in CHAPTERS}
    for item in (item for day in sheet.days for item in day):
        if item.kind == "teach":
            chapter = by_number[item.chapter]
            whole = item.chapter in form.taught
            assert item.minutes == (
                chapter.minutes_read if whole else (chapter.minutes_read + 1) // 2
            )
        if item.kind == "run":
            assert item.minutes == max(sheets.LEAST_RUN, by_number[item.chapter].minutes_run)
        if item.kind == "exercise":
            assert item.exercise in by_number[item.chapter].exercises
            assert item.minutes == item.exercise.minutes


def test_sections_share_the_minutes_of_a_chapter():
    chapter = made_up(1, 20, 1, [5])
    chapter.notebook["cells"] += [
        {"cell_type": "markdown", "metadata": {}, "source": "## One\n\n" + "word " * 30},
        {"cell_type": "code", "metadata": {}, "source": "\n".join("abcdef")},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "a\n\nb",
            "outputs": [{"data": {"image/png": ""}}],
        },
        {"cell_type": "markdown", "metadata": {}, "source": "w w w\n\n## Two\n\n" + "word " * 27},
        {"cell_type": "markdown", "metadata": {}, "source": "## Quiz\n\n**1.** Why?"},
        {"cell_type": "markdown", "metadata": {}, "source": "## Key claims\n\n- a"},
    ]
    # The first code cell installs the package: nobody teaches it.
    assert chapter.sections == [("One", 30 + 10 + 30 + 3), ("Two", 27)]
    form = sheets.Format("Hour", "hour", 1, 60, (1,))
    text = sheets.to_markdown(sheets.plan(form, [chapter]))
    assert "**Chapter 1** (20 minutes): One 15 · Two 5\n" in text


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_every_chapter_has_sections_to_pace(chapter):
    assert len(chapter.sections) >= 4
    lengths = [length for _, length in chapter.sections]
    assert min(lengths) > 0
    assert sum(sheets._shares(chapter.minutes_read, lengths)) == chapter.minutes_read


def test_a_day_can_start_when_the_clock_says(tmp_path, capsys):
    sheet = sheets.plan(sheets.FORMATS[0], CHAPTERS)
    text = sheets.to_markdown(sheet, sheets.parse_clock("9:30"))
    assert "The day starts at 9:30." in text
    assert "| 9:30 | 9:35 | 5 | Welcome" in text
    assert "| 10:55 | 11:00 | 5 | Survey" in text
    assert "| | | **90** | in all |" in text
    assert main(["workshop", str(tmp_path / "out"), "--start", "9.30"]) == 1
    assert "start: got '9.30', wanted a time of day such as 9:30" in capsys.readouterr().err
    with pytest.raises(ValueError, match="24:00"):
        sheets.parse_clock("24:00")


def test_what_to_leave_out_is_listed_by_day_and_keeps_the_first_exercise():
    sheet = sheets.plan(sheets.FORMATS[2], CHAPTERS)
    text = sheets.to_markdown(sheet).partition("## When you are late")[2]
    first, second = text.split("**Day 2**")
    assert "**Day 1**" in first
    assert "Chapter 2, told" in first
    assert "Chapter 8, told" in second
    assert "Chapter 8, told" not in first
    for chapter in sheet.chapters:
        assert chapter.exercises[0].title not in text
    assert sheet.chapters[0].exercises[1].title in first


def test_too_much_is_refused():
    form = sheets.Format("Hour", "hour", 1, 60, (1, 2))
    with pytest.raises(ValueError, match=r"chapters \[1, 2\] alone take"):
        sheets.plan(form, LONG)


def test_a_printed_sheet_has_its_parts_and_no_link_that_leads_nowhere(material):
    for form in sheets.FORMATS:
        text = (material.folder / "run_sheets" / f"{form.slug}.md").read_text(encoding="utf-8")
        for heading in ("Goals", "Checkpoints", "Exercises: what goes wrong", "When you are late"):
            assert f"\n## {heading}" in text
        assert text.count(f"| | | **{form.minutes}** | in all |") == form.days
        assert not re.search(r"\]\((?!https?:)", text)


# --- slides -----------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_slides_ask_nothing_of_a_network_and_show_no_solution(material, chapter):
    path = material.folder / "slides" / f"{chapter.slug}.html"
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for tag in page.find_all(["script", "img", "link", "iframe", "source"]):
        address = tag.get("src") or tag.get("href") or ""
        assert not address or address.startswith("data:") or (path.parent / address).is_file()
    assert all(image.get("alt", "").strip() for image in page.find_all("img"))
    assert len(page.find_all("section")) > 10
    assert len(page.find_all("h1")) == 1
    lines = {line.strip() for line in page.get_text("\n").split("\n")}
    assert not solution_lines(chapter) & lines
    assert not re.search(r"<summary>\s*(Answer|Solution|Hint)", str(page))


def test_slides_take_prose_into_the_notes_and_formulas_onto_the_slide():
    chapter = made_up(1, 20, 1, [])
    chapter.notebook["cells"] += [
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "## Two\n\nFirst sentence. More $a<b$ prose.\n\n$$x^2$$\n\nLast.",
        }
    ]
    made = slides.make_slides(chapter)[-1]
    assert made.title == "Two"
    assert "First sentence." in made.body
    assert r"\[x^2\]" in made.body
    assert "Last." not in made.body
    assert r"\(a&lt;b\)" in made.notes


def test_what_ends_a_section_is_not_said_under_the_next_heading():
    chapter = made_up(1, 20, 1, [])
    chapter.notebook["cells"] += [
        {"cell_type": "markdown", "metadata": {}, "source": "## One\n\nOne begins."},
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "One ends.\n\n## Two\n\nTwo begins.\n\n## Quiz\n\n**1.** Why?\n\n- a) so",
        },
    ]
    *_, one, two, question = slides.make_slides(chapter)
    assert (one.title, two.title, question.title) == ("One", "Two", "Question 1")
    assert "Two begins." in two.body
    assert "One ends." not in two.body + two.notes
    assert "a) so" in question.body
    assert "a) so" not in two.body + two.notes


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_quiz_options_stand_on_their_own_slides_alone(chapter):
    text = {
        slide.title: BeautifulSoup(slide.body + slide.notes, "html.parser").get_text()
        for slide in slides.make_slides(chapter)
        if slide.kind != "Hands up"
    }
    for question in chapter.questions:
        first = re.sub(r"[*`$]", "", question.text).split("\n")[0][:40]
        assert not [title for title, said in text.items() if first in said]


def with_code(source: str, output: str, **metadata: dict) -> dict:
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": [output]}],
    }


def test_a_heading_shares_its_slide_and_code_alone_is_passed_over_when_telling():
    chapter = made_up(1, 20, 1, [5])
    long = "\n".join(f"x{i} = {i}" for i in range(16))
    chapter.notebook["cells"][1:1] = [
        with_code("import x", ""),
        with_code("import y", ""),
        {"cell_type": "markdown", "metadata": {}, "source": "## One\n\nIt begins."},
        with_code("print(1)", "1\n"),
        with_code("print(2)", "2\n"),
        {"cell_type": "markdown", "metadata": {}, "source": "## Two\n\nLong code."},
        with_code(long, "done\n"),
        with_code(long, "a\nb\nc\n"),
    ]
    made = slides.make_slides(chapter)
    one, code, two, table = made[2:6]
    assert "It begins." in one.body
    assert "print(1)" in one.body
    assert not one.code_only
    assert code.code_only
    assert "print(2)" in code.body
    assert "x3" not in two.body + table.body
    assert "done" not in two.body + table.body, "says nothing without its code"
    assert "Long code." in two.body
    assert "a\nb\nc" in table.body
    assert slides.told(chapter) == 5
    assert slides.to_html("One", made).count(" data-code>") == 1


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium or not shutil.which("chromedriver"):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--proxy-server=127.0.0.1:9",
        "--window-size=1280,800",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    yield driver
    driver.quit()


@pytest.mark.slow
def test_slides_in_a_browser_without_network(material, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    chapter = next(c for c in CHAPTERS if c.number == 4)
    browser.get((material.folder / "slides" / f"{chapter.slug}.html").as_uri())
    where = browser.find_element(By.CSS_SELECTOR, "nav .where")
    count = len(browser.find_elements(By.CSS_SELECTOR, "section"))
    assert where.text == f"1 of {count}"
    body = browser.find_element(By.TAG_NAME, "body")
    for key, expected in (
        (Keys.ARROW_RIGHT, 2),
        (" ", 3),
        (Keys.ARROW_LEFT, 2),
        (Keys.END, count),
        (Keys.ARROW_RIGHT, count),
        (Keys.HOME, 1),
    ):
        browser.switch_to.active_element.send_keys(key)
        assert where.text == f"{expected} of {count}"
        shown = [s for s in browser.find_elements(By.CSS_SELECTOR, "section") if s.is_displayed()]
        assert len(shown) == 1
    assert not browser.find_element(By.CSS_SELECTOR, "aside").is_displayed()
    body.send_keys("n")
    assert "notes" in browser.find_element(By.TAG_NAME, "html").get_attribute("class")
    WebDriverWait(browser, 20).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, "mjx-container svg")
    )
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe


@pytest.mark.slow
def test_a_chapter_is_told_without_its_code_and_with_notes_in_a_second_window(material, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    chapter = next(c for c in CHAPTERS if c.number == 4)
    browser.get((material.folder / "slides" / f"{chapter.slug}.html").as_uri())
    browser.switch_to.active_element.send_keys("c")
    seen = [1]
    while len(seen) <= slides.told(chapter):
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        shown = browser.find_element(By.CSS_SELECTOR, "section.now")
        assert shown.get_attribute("data-code") is None
        seen.append(int(browser.find_element(By.CSS_SELECTOR, "nav .where").text.split()[0]))
    assert seen[-1] > len(seen), "slides of code alone were passed over"
    assert "Exercise" in browser.find_element(By.CSS_SELECTOR, "section.now .kind").text
    first = browser.current_window_handle
    browser.switch_to.active_element.send_keys("p")
    (second,) = set(browser.window_handles) - {first}
    browser.switch_to.window(second)
    body = browser.find_element(By.TAG_NAME, "body")
    assert BeautifulSoup(chapter.exercises[0].instructor, "html.parser").text[:40] in body.text
    body.send_keys(Keys.ARROW_RIGHT)
    assert f"Slide {seen[-1] + 1}:" in browser.find_element(By.TAG_NAME, "body").text
    browser.switch_to.window(first)
    where = browser.find_element(By.CSS_SELECTOR, "nav .where")
    assert where.text.startswith(f"{seen[-1] + 1} of ")


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_no_slide_is_cut_off_on_a_small_projector(material, browser, chapter):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get((material.folder / "slides" / f"{chapter.slug}.html").as_uri())
    cut = browser.execute_script("""
        const cut = [], sections = [...document.querySelectorAll("section")];
        const on = document.querySelectorAll("nav button")[1];
        for (const section of sections) {
          const box = section.firstElementChild;
          const tall = section.scrollHeight > section.clientHeight + 1;
          const wide = [...section.querySelectorAll("pre, table, p, li, h2, mjx-container")]
            .some((e) => e.getBoundingClientRect().right > innerWidth);
          const small = Number(box.style.zoom || 1) < 0.6;
          if (tall || wide || small) cut.push(section.getAttribute("aria-label"));
          on.click();
        }
        return cut;""")
    assert not cut


# --- the bundle -------------------------------------------------------------------------


def test_the_bundle_has_what_a_room_without_network_needs(material, tmp_path):
    with zipfile.ZipFile(material.bundle) as archive:
        archive.extractall(tmp_path)
    root = tmp_path / bundle.NAME
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {
        "START_HERE.html",
        "install.py",
        "start.py",
        "requirements.txt",
        "LICENSE",
        "package/pyproject.toml",
        "package/damunet_lite/__init__.py",
        "package/damunet_lite/js/common.js",
        f"notebooks/{notebooks.PREFLIGHT}",
    } <= files
    assert {f"notebooks/{slug}.ipynb" for slug in IDS} <= files
    assert ("book/index.html" in files) == (ROOT / "_build" / "html" / "index.html").is_file()
    packaged = {
        path.name for path in (ROOT / "damunet_lite").iterdir() if path.suffix in (".keras", ".npz")
    }
    assert {name[9:] for name in files if name.startswith("networks/")} == packaged
    data_files = [name for name in files if name.startswith("data/isbi2012/")]
    assert len(data_files) in (0, 60)
    if data_files:
        assert "data/TERMS.txt" in files
    for chapter in CHAPTERS:
        text = (root / "notebooks" / f"{chapter.slug}.ipynb").read_text(encoding="utf-8")
        assert not any(json.dumps(line)[1:-1] in text for line in solution_lines(chapter))
    page = (root / "START_HERE.html").read_text(encoding="utf-8")
    assert "PLATFORM" not in page
    assert "<th>notebooks</th>" in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address in files or address == "book/index.html"


def test_without_data_here_the_bundle_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path / "none"))
    said = []
    bundle.write_bundle(CHAPTERS[:1], ROOT, tmp_path / "b.zip", report=said.append)
    assert any(line.startswith("data") and "synthetic tissue" in line for line in said)
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_what_a_teacher_changed_is_not_replaced(tmp_path, monkeypatch):
    def no_bundle(chapters, checkout, target, wheels, report):
        target.write_bytes(b"bundle")

    monkeypatch.setattr(workshop.bundle, "write_bundle", no_bundle)
    first = workshop.write(tmp_path, ROOT)
    sheet = next((tmp_path / "run_sheets").glob("*.md"))
    other, slides = tmp_path / "mine.txt", tmp_path / "slides" / "index.html"
    other.write_text("mine")
    workshop.write(tmp_path, ROOT)
    written = sheet.read_text()
    sheet.write_text("my own run sheet")
    slides.unlink()
    with pytest.raises(WorkshopError, match=rf"1 in all: run_sheets/{sheet.name}.*--force"):
        workshop.write(tmp_path, ROOT)
    assert sheet.read_text() == "my own run sheet"
    assert not slides.exists()
    again = workshop.write(tmp_path, ROOT, force=True)
    assert again == first
    assert sheet.read_text() == written
    assert other.read_text() == "mine"
    assert not list(tmp_path.glob(".writing-*"))


def test_the_same_material_gives_the_same_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path / "none"))
    one, two = (bundle.write_bundle(CHAPTERS[:1], ROOT, tmp_path / n) for n in ("1.zip", "2.zip"))
    assert one.read_bytes() == two.read_bytes()


def test_wheels_that_are_given_are_taken_with_the_package_as_it_is_now(tmp_path, monkeypatch):
    def build(checkout, folder):
        path = folder / "damunet_lite-2-py3-none-any.whl"
        path.write_bytes(b"new")
        return path

    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(bundle, "build_wheel", build)
    (tmp_path / "wheels").mkdir()
    for name in ("x-1-py3-none-any.whl", "damunet_lite-1-py3-none-any.whl"):
        (tmp_path / "wheels" / name).write_bytes(b"old")
    path = bundle.write_bundle(CHAPTERS[:1], ROOT, tmp_path / "b.zip", tmp_path / "wheels")
    with zipfile.ZipFile(path) as archive:
        wheels = {Path(name).name for name in archive.namelist() if "/wheels/" in name}
    assert wheels == {"x-1-py3-none-any.whl", "damunet_lite-2-py3-none-any.whl"}


def test_wheels_that_cannot_be_had_are_an_error_in_one_line(tmp_path):
    with pytest.raises(WorkshopError, match=r"pip download failed: .*leave --wheels out"):
        bundle._pip("download", "--no-index", "--dest", str(tmp_path), "no-such-package")


@pytest.mark.parametrize("wheels", [False, True])
def test_the_package_never_comes_from_an_index(tmp_path, monkeypatch, wheels):
    """Nobody owns its name there, so anybody could."""
    shutil.copy(ROOT / "damunet_lite" / "workshop" / "in_bundle" / "install.py", tmp_path)
    (tmp_path / "requirements.txt").write_text("jupyterlab\n")
    if wheels:
        (tmp_path / "wheels").mkdir()
    spec = importlib.util.spec_from_file_location("install", tmp_path / "install.py")
    install = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install)
    asked = []
    monkeypatch.setattr(install.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(
        install.subprocess,
        "run",
        lambda words: asked.extend(words) or subprocess.CompletedProcess(words, 0),
    )
    assert install.main() == 0
    assert ("--no-index" in asked) == ("damunet-lite" in asked) == wheels
    assert (str(tmp_path / "package") in asked) != wheels


def test_the_requirements_of_the_bundle_do_not_name_the_package(material):
    with zipfile.ZipFile(material.bundle) as archive:
        text = archive.read(f"{bundle.NAME}/requirements.txt").decode()
    assert "damunet" not in text
    assert "jupyterlab" in text


def test_the_scripts_in_the_bundle_say_what_comes_first(tmp_path):
    shutil.copy(ROOT / "damunet_lite" / "workshop" / "in_bundle" / "start.py", tmp_path)
    done = subprocess.run([sys.executable, tmp_path / "start.py"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "Not installed yet: python install.py\n"
