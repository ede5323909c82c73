"""Workshop material: no solution where none belongs, minutes that add up, slides that stand alone.

The full form, which fetches packages, installs from the bundle without network and runs the
90-minute path, is `python tests/offline_workshop.py`.
"""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.tools.browser import Browser, missing
from book.tools.build import ROOT
from book.workshop import bundle, material, notebooks, sheets, slides
from book.workshop.__main__ import main
from book.workshop.chapters import (
    Chapter,
    WorkshopError,
    read_chapter,
    read_chapters,
    role,
    without_details,
)

CHAPTERS = read_chapters()
IDS = [chapter.slug for chapter in CHAPTERS]
FOURTH = next(chapter for chapter in CHAPTERS if chapter.number == 4)
each_form = pytest.mark.parametrize("form", sheets.FORMATS, ids=[f.slug for f in sheets.FORMATS])
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with everything that the command writes."""
    folder = tmp_path_factory.mktemp("workshop")
    assert main([str(folder)]) == 0
    return folder


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def cells_of(made: Path, kind: str, chapter: Chapter) -> list:
    return read(made / kind / f"{chapter.slug}.ipynb")["cells"]


def parts(cells: list, wanted: str) -> dict[str, str]:
    """Source of the cell that has this role in an exercise, by exercise."""
    return {role(c)["exercise"]: c["source"] for c in cells if role(c).get("role") == wanted}


def solution_lines(chapter: Chapter) -> set[str]:
    """Lines of code that stand in a chapter's solutions and nowhere else in it."""
    inside, outside = set(), set()
    for cell in chapter.notebook["cells"]:
        lines = {line.strip() for line in cell["source"].split("\n")}
        (inside if role(cell).get("role") == "solution" else outside).update(lines)
    return {line for line in inside - outside if len(line) > 8 and not line.startswith("#@title")}


# --- what is read from a chapter --------------------------------------------------------


@each_chapter
def test_a_chapter_says_what_a_teacher_needs(chapter):
    assert 3 <= len(chapter.goals) <= 6
    assert len(chapter.claims) >= 3
    assert [bool(question.answer) for question in chapter.questions] == [True] * 5
    assert len(chapter.exercises) >= 4
    for exercise in chapter.exercises:
        assert 1 <= exercise.minutes <= 30
        assert len(exercise.instructor) > 40, f"{exercise.key}: an instructor note is wanted"
        assert exercise.number.startswith(f"{chapter.number}.")
    lengths = [length for _, length in chapter.sections]
    assert len(lengths) >= 4
    assert min(lengths) > 0
    assert sum(sheets._shares(chapter.minutes_read, lengths)) == chapter.minutes_read


def test_a_stub_without_minutes_is_named():
    chapter = made_up(1, 20, 1, [5])
    for cell in chapter.notebook.cells[1:]:
        del cell.metadata.damunet["minutes"]
    with pytest.raises(WorkshopError, match=r"stub of exercise 01\.e1 is None, wanted whole min"):
        _ = chapter.exercises
    chapter.notebook.metadata.damunet["minutes_read"] = 0
    with pytest.raises(WorkshopError, match="minutes_read is 0, wanted a number > 0"):
        _ = chapter.minutes_read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--checkout", "NONE"], "no copy of the repository"),
        (["--start", "9.30"], "start is '9.30', wanted a time of day such as 9:30"),
        (["--wheels", "NONE"], "wanted a folder with .whl files"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(tmp_path, capsys, words, said):
    words = [str(tmp_path / "none") if word == "NONE" else word for word in words]
    assert main([str(tmp_path / "out"), *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_wrong_words_and_an_interruption_have_codes_of_their_own(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])

    def interrupted(**given):
        raise KeyboardInterrupt

    monkeypatch.setattr(material, "write", interrupted)
    assert main(["out"]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_a_package_that_is_missing_is_one_line(tmp_path):
    script = "import sys; sys.modules['jinja2'] = None; from book.workshop.__main__ import main; "
    command = [sys.executable, "-c", script + "sys.exit(main(['out']))"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the package jinja2 is missing: ")
    assert done.stderr.count("\n") == 1


def test_a_notebook_that_is_none(tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_text("no notebook")
    with pytest.raises(WorkshopError, match="cannot be read as a notebook"):
        read_chapter(path)


# --- notebooks --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["student", "instructor", "blank"])
def test_every_notebook_is_valid_and_its_links_lead_to_what_is_there(made, kind):
    paths = sorted((made / kind).glob("*.ipynb"))
    assert [p.stem for p in paths if not p.stem.startswith("00")] == IDS
    for path in paths:
        notebook = read(path)
        nbformat.validate(notebook)
        prose = "\n".join(c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown")
        for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", prose):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


@pytest.mark.parametrize("kind", ["student", "blank"])
@each_chapter
def test_no_solution_answer_output_or_note_is_left(made, chapter, kind):
    path = made / kind / f"{chapter.slug}.ipynb"
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


@each_chapter
def test_students_keep_task_hints_and_stub_of_every_exercise(made, chapter):
    cells = cells_of(made, "student", chapter)
    assert parts(cells, "stub") == parts(chapter.notebook["cells"], "stub")
    tasks = parts(cells, "task")
    assert list(tasks) == [exercise.key for exercise in chapter.exercises]
    assert all("<summary>Hint 1</summary>" in task for task in tasks.values())


def names(source: str, context: type) -> set[str]:
    source = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.add(node.id)
        elif context is ast.Store and isinstance(node, ast.arg):
            found.add(node.arg)
        elif context is ast.Store and isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.alias)):
            found.add((getattr(node, "asname", None) or node.name).partition(".")[0])
    return found


@each_chapter
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


@each_chapter
def test_instructors_see_solutions_notes_and_minutes(made, chapter):
    cells = cells_of(made, "instructor", chapter)
    text = "\n".join(cell["source"] for cell in cells)
    for exercise in chapter.exercises:
        assert f"exercise {exercise.number}, {exercise.minutes} minutes.** " in text
        assert exercise.instructor in text
    opened = [cell for cell in cells if role(cell).get("role") == "solution"]
    assert len(opened) >= len(chapter.exercises)
    assert not [cell for cell in opened if {"tags", "jupyter"} & cell["metadata"].keys()]
    assert f"{chapter.minutes_read} minutes; running {chapter.minutes_run}" in text


@each_chapter
def test_blank_notebooks_have_imports_stubs_and_goals_only(made, chapter):
    code = [c for c in cells_of(made, "blank", chapter) if c["cell_type"] == "code"]
    assert "import" in code[0]["source"]
    assert "import" in code[1]["source"]
    assert len(code[1]["source"].split("\n")) <= 20
    for cell in code[2:]:
        if role(cell).get("role") != "stub":
            assert re.fullmatch(r"# .+\n", cell["source"])


def test_folded_parts_go_by_their_title():
    text = (
        "Task\n\n<details><summary>Hint 1</summary>\n\nh\n\n</details>\n"
        "<details>\n<summary>Solution</summary>\n\ns\n\n</details>\nEnd"
    )
    assert "Hint 1" in without_details(text, "Answer|Solution")
    assert "s\n\n</details>" not in without_details(text, "Answer|Solution")
    assert without_details(text).split() == ["Task", "End"]


# --- run sheets -------------------------------------------------------------------------


def made_up(number: int, reading: int, running: int, exercises: list[int], *cells) -> Chapter:
    """A chapter with a goal, these cells, and an exercise for each number of minutes."""
    cells = [new_markdown_cell(f"# {number}. Title\n\n- a"), *cells]
    for i, minutes in enumerate(exercises, start=1):
        info = {"exercise": f"{number:02}.e{i}", "minutes": minutes}
        task = {"damunet": {**info, "role": "task", "instructor": "Note."}}
        cells.append(new_markdown_cell(f"### Exercise {number}.{i} · E", metadata=task))
        cells.append(new_code_cell("...", metadata={"damunet": {**info, "role": "stub"}}))
    metadata = {"damunet": {"minutes_read": reading, "minutes_run_cpu": running}}
    return Chapter(Path(f"{number:02}_x.ipynb"), new_notebook(cells=cells, metadata=metadata))


text = new_markdown_cell


def code(source: str, printed: str = "", **shown: str) -> nbformat.NotebookNode:
    """A code cell that printed something, or showed data by their kind."""
    outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
    if shown:
        kinds = {kind.replace("_", "/"): value for kind, value in shown.items()}
        outputs.append(new_output("display_data", data=kinds))
    return new_code_cell(source, outputs=outputs)


SHORT = [made_up(n, 20 + n, 1, [4, 6, 8, 5]) for n in range(1, 15)]
FEW = [made_up(1, 25, 1, [5]), made_up(4, 30, 1, [])]
LONG = [made_up(n, 30, 2, [3, 12, 7, 9, 10, 4]) for n in range(1, 15)]


def longest_stretch(day) -> int:
    """Most minutes between two breaks."""
    minutes = "".join("|" if item.kind == "break" else "x" * item.minutes for item in day)
    return max(map(len, minutes.split("|")))


@each_form
@pytest.mark.parametrize("chapters", [CHAPTERS, SHORT, FEW, LONG], ids=["book", "a", "b", "c"])
def test_minutes_add_up_with_a_break_every_hour(form, chapters):
    sheet = sheets.plan(form, chapters)
    assert len(sheet.days) == form.days
    for day in sheet.days:
        assert sum(item.minutes for item in day) == form.minutes
        assert longest_stretch(day) <= 60
        assert all(item.minutes > 0 for item in day)
        assert day[-1].kind != "break"
        for before, after in zip(day, day[1:], strict=False):
            assert (before.kind, after.kind) != ("break", "checkpoint")
        if form.minutes > 300:
            assert [item.title for item in day if item.kind == "break"].count("Lunch") == 1
    taught = [item for day in sheet.days for item in day if item.kind == "teach"]
    assert [item.chapter for item in taught] == [c.number for c in sheet.chapters]


@each_form
def test_minutes_are_those_of_the_chapters(form):
    sheet = sheets.plan(form, CHAPTERS)
    by_number = {chapter.number: chapter for chapter in CHAPTERS}
    for item in (item for day in sheet.days for item in day):
        if item.kind == "teach":
            whole = by_number[item.chapter].minutes_read
            assert item.minutes == (whole if item.chapter in form.taught else (whole + 1) // 2)
        if item.kind == "run":
            assert item.minutes == max(sheets.LEAST_RUN, by_number[item.chapter].minutes_run)
        if item.kind == "exercise":
            assert item.exercise in by_number[item.chapter].exercises
            assert item.minutes == item.exercise.minutes


def test_sections_share_the_minutes_of_a_chapter():
    cells = [
        code("install"),
        text("## One\n\n" + "word " * 30),
        code("a\n\nb", image_png=""),
        code("c", text_html="<table>"),  # counts as its line of code
        code("", text_html="<script>"),
        text("w w w\n\n## Two\n\n" + "word " * 27),
        text("## Quiz\n\n**1.** Why?"),
        text("## Key claims\n\n- a"),
    ]
    chapter = made_up(1, 20, 1, [], *cells)
    # The first code cell installs the package: nobody teaches it.
    assert chapter.sections == [("One", 30 + 10 + 30 + 5 + 200 + 3), ("Two", 27)]
    form = sheets.Format("Hour", "hour", 1, 60, (1,))
    page = sheets.to_markdown(sheets.plan(form, [chapter]))
    assert "**Chapter 1** (20 minutes): One 18 · Two 2\n" in page


def test_a_day_can_start_when_the_clock_says():
    sheet = sheets.plan(sheets.FORMATS[0], CHAPTERS)
    page = sheets.to_markdown(sheet, sheets.parse_clock("9:30"))
    assert "The day starts at 9:30." in page
    assert "| 9:30 | 9:35 | 5 | Welcome" in page
    assert "| 10:55 | 11:00 | 5 | Survey" in page
    assert "| | | **90** | in all |" in page
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


def test_a_printed_sheet_has_its_parts_and_no_link_that_leads_nowhere(made):
    for form in sheets.FORMATS:
        text = (made / "run_sheets" / f"{form.slug}.md").read_text(encoding="utf-8")
        for heading in ("Goals", "Checkpoints", "Exercises: what goes wrong", "When you are late"):
            assert f"\n## {heading}" in text
        assert text.count(f"| | | **{form.minutes}** | in all |") == form.days
        assert not re.search(r"\]\((?!https?:)", text)


# --- slides -----------------------------------------------------------------------------


@each_chapter
def test_slides_ask_nothing_of_a_network_and_show_no_solution(made, chapter):
    path = made / "slides" / f"{chapter.slug}.html"
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


def slides_of(*cells) -> list[slides.Slide]:
    """Slides of a made-up lesson, without its title."""
    return slides.make_slides(made_up(1, 20, 1, [], code("install"), code("import x"), *cells))[2:]


def test_slides_take_prose_into_the_notes_and_formulas_onto_the_slide():
    prose = "## Two\n\nFirst sentence. More $a<b$ prose.\n\n$$x^2$$\n\nLast."
    (made,) = slides_of(text(prose))
    assert made.title == "Two"
    assert "First sentence." in made.body
    assert r"\[x^2\]" in made.body
    assert "Last." not in made.body
    assert r"\(a&lt;b\)" in made.notes


def test_what_ends_a_section_is_not_said_under_the_next_heading():
    one, two, question = slides_of(
        text("## One\n\nOne begins."),
        text("One ends.\n\n## Two\n\nTwo begins.\n\n## Quiz\n\n**1.** Why?\n\n- a) so"),
    )
    assert (one.title, two.title, question.title) == ("One", "Two", "Question 1")
    assert "Two begins." in two.body
    assert "One ends." not in two.body + two.notes
    assert "a) so" in question.body
    assert "a) so" not in two.body + two.notes


@each_chapter
def test_quiz_options_stand_on_their_own_slides_alone(chapter):
    others = [slide for slide in slides.make_slides(chapter) if slide.kind != "Hands up"]
    said = BeautifulSoup("".join(s.body + s.notes for s in others), "html.parser").get_text()
    for question in chapter.questions:
        assert re.sub(r"[*`$]", "", question.text).split("\n")[0][:40] not in said


LONG_CODE = "\n".join(f"x{i} = {i}" for i in range(16))


def test_a_heading_shares_its_slide_and_code_alone_is_passed_over_when_telling():
    cells = (text("## One\n\nIt begins."), code("print(1)", "1\n"))
    cells += (code("print(2)", "2\n"), code("print(3)", "3\n"))
    cells += (text("## Two\n\nLong code."), code(LONG_CODE, "done\n"), code(LONG_CODE, "a\nb\nc\n"))
    one, alone, two = slides_of(*cells)
    assert [one.code_only, alone.code_only, two.code_only] == [False, True, False]
    shown = {one: ["It begins.", "print(1)"], alone: ["print(2)", "print(3)"]}
    shown[two] = ["Long code.", "a\nb\nc"]
    for slide, words in shown.items():
        assert [word for word in words if word not in slide.body] == []
    # What is long goes, and with it an output that says nothing without its code.
    assert [word for word in ("x3", "done") if word in two.body] == []
    chapter = made_up(1, 20, 1, [5], code("install"), code("import x"), *cells)
    assert slides.told(chapter) == 4
    page = slides.to_html("One", slides.make_slides(chapter))
    assert page.count(" data-code>") == page.count('<h2 class="again">') == 1


@pytest.mark.parametrize("source", ["show()", LONG_CODE])
@pytest.mark.parametrize(
    "table",
    [
        {"text_markdown": "| network |\n|---|\n| U-Net $x$ |", "text_plain": "a table"},
        {"text_html": "<table><tr><td>U-Net</td></tr><tr></tr></table>", "text_plain": "a table"},
    ],
)
def test_a_table_is_on_a_slide_that_is_told(source, table):
    *_, made = slides_of(text("## One"), code(source, **table))
    cells = [cell.text for cell in BeautifulSoup(made.body, "html.parser").select("td")]
    assert cells[0].startswith("U-Net")
    assert ("show()" in made.body) == (source == "show()")
    assert not made.code_only
    assert made.kind == ""


def test_the_results_are_on_slides():
    """Chapter 13 shows its results as tables, not as printed text."""
    chapter = next(chapter for chapter in CHAPTERS if chapter.number == 13)
    page = BeautifulSoup(slides.to_html("13", slides.make_slides(chapter)), "html.parser")
    shown = [section for section in page.select("section") if section.select("table")]
    assert len(shown) >= 5
    numbers = re.findall(r"0?\.\d{3}", " ".join(section.text for section in shown))
    assert len(numbers) > 50


@pytest.fixture
def browser():
    if missing():
        pytest.skip(missing())
    with Browser(1280, 720) as opened:
        yield opened.driver


@pytest.fixture
def fourth(made, browser):
    """The slides of a chapter in a browser: what a selector finds, and a way to press a key."""
    browser.get((made / "slides" / f"{FOURTH.slug}.html").as_uri())

    def press(key):
        browser.switch_to.active_element.send_keys(key)

    return partial(browser.find_elements, "css selector"), press


def where(found) -> list[str]:
    return found("nav .where")[0].text.split()


@pytest.mark.slow
def test_slides_in_a_browser_without_network(fourth, browser):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    found, press = fourth
    count = len(found("section"))
    assert where(found) == ["1", "of", str(count)]
    right, left = Keys.ARROW_RIGHT, Keys.ARROW_LEFT
    ends = ((Keys.END, count), (right, count), (Keys.HOME, 1))
    for key, expected in ((right, 2), (" ", 3), (left, 2), *ends):
        press(key)
        assert where(found)[0] == str(expected)
        assert sum(section.is_displayed() for section in found("section")) == 1
    assert not found("aside")[0].is_displayed()
    found("body")[0].send_keys("n")
    assert "notes" in found("html")[0].get_attribute("class")
    WebDriverWait(browser, 20).until(lambda _: found("mjx-container svg"))
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.slow
def test_a_chapter_is_told_without_its_code_and_with_notes_in_a_second_window(fourth, browser):
    from selenium.webdriver.common.keys import Keys

    found, press = fourth
    press("c")
    seen = [1]
    while len(seen) <= slides.told(FOURTH):
        press(Keys.ARROW_RIGHT)
        assert found("section.now")[0].get_attribute("data-code") is None
        seen.append(int(where(found)[0]))
    assert seen[-1] > len(seen), "slides of code alone were passed over"
    assert "Exercise" in found("section.now .kind")[0].text
    first = browser.current_window_handle
    press("p")
    (second,) = set(browser.window_handles) - {first}
    browser.switch_to.window(second)
    note = BeautifulSoup(FOURTH.exercises[0].instructor, "html.parser").text
    assert note[:40] in found("body")[0].text
    found("body")[0].send_keys(Keys.ARROW_RIGHT)
    assert f"Slide {seen[-1] + 1}:" in found("body")[0].text
    browser.switch_to.window(first)
    assert where(found)[0] == str(seen[-1] + 1)


@pytest.mark.slow
@each_chapter
def test_no_slide_is_cut_off_on_a_small_projector(made, browser, chapter):
    browser.get((made / "slides" / f"{chapter.slug}.html").as_uri())
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


IN_BUNDLE = """
    START_HERE.html install.py start.py requirements.txt LICENSE
    package/pyproject.toml package/damunet_lite/__init__.py package/damunet_lite/tiny.npz
    package/book/damunet_book/__init__.py package/book/damunet_book/live/js/common.js
    notebooks/00_check_your_computer.ipynb
""".split()  # noqa: SIM905


def test_the_bundle_has_what_a_room_without_network_needs(made, tmp_path):
    with zipfile.ZipFile(made / bundle.FILE) as archive:
        archive.extractall(tmp_path)
    root = tmp_path / bundle.NAME
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert set(IN_BUNDLE) <= files
    assert {f"notebooks/{slug}.ipynb" for slug in IDS} <= files
    assert ("book/index.html" in files) == (ROOT / "_build" / "html" / "index.html").is_file()
    data_files = [name for name in files if name.startswith("data/isbi2012/")]
    assert len(data_files) in (0, 60)
    if data_files:
        assert "data/TERMS.txt" in files
    for chapter in CHAPTERS:
        page = (root / "notebooks" / f"{chapter.slug}.ipynb").read_text(encoding="utf-8")
        assert not any(json.dumps(line)[1:-1] in page for line in solution_lines(chapter))
    page = (root / "START_HERE.html").read_text(encoding="utf-8")
    assert "{{" not in page
    assert "<th>notebooks</th>" in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address in files or address == "book/index.html"
    requirements = (root / "requirements.txt").read_text(encoding="utf-8")
    assert "damunet" not in requirements
    assert "jupyterlab" in requirements


def test_the_check_of_the_computer_runs(tmp_path):
    """The first notebook's cell and the bundle's command name what is there."""
    source = read(ROOT / "book" / "workshop" / "templates" / notebooks.PREFLIGHT).cells[1].source
    assert source == "from damunet_book import preflight\n\npreflight.run()"
    start = (ROOT / "book" / "workshop" / "in_bundle" / "start.py").read_text(encoding="utf-8")
    (module,) = re.findall(r'"check": \["-m", "([\w.]+)"\]', start)
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True)
    assert "train one step" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_the_wheel_holds_both_packages(tmp_path):
    wheel = bundle.build_wheel(ROOT, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"damunet_lite/tiny.npz", "damunet_book/preflight.py"} <= names
    assert {"damunet_book/chapter_times.json", "damunet_book/live/js/common.js"} <= names
    assert {name.partition("/")[0] for name in names} == {"damunet_lite", "damunet_book"}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A function that writes the bundle of one chapter, where no data can be had."""
    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path / "none"))
    return partial(bundle.write_bundle, CHAPTERS[:1], ROOT)


def test_a_bundle_without_data_says_so_and_is_the_same_each_time(small, tmp_path):
    said = []
    one, two = (small(tmp_path / name, report=said.append) for name in ("1.zip", "2.zip"))
    assert any(line.startswith("data") and "synthetic tissue" in line for line in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.zip", "2.zip"]
    assert one.read_bytes() == two.read_bytes()


def test_what_a_teacher_changed_is_not_replaced(tmp_path, monkeypatch):
    def no_bundle(chapters, checkout, target, wheels, report):
        target.write_bytes(b"bundle")

    monkeypatch.setattr(material.bundle, "write_bundle", no_bundle)
    monkeypatch.setattr(material, "read_chapters", lambda checkout: [CHAPTERS[0], FOURTH])
    material.write(tmp_path)
    sheet = next((tmp_path / "run_sheets").glob("*.md"))
    other, slides = tmp_path / "mine.txt", tmp_path / "slides" / "index.html"
    other.write_text("mine")
    material.write(tmp_path)
    written = sheet.read_text()
    sheet.write_text("my own run sheet")
    slides.unlink()
    with pytest.raises(WorkshopError, match=rf"1 in all: run_sheets/{sheet.name}.*--force"):
        material.write(tmp_path)
    assert sheet.read_text() == "my own run sheet"
    assert not slides.exists()
    material.write(tmp_path, force=True)
    assert sheet.read_text() == written
    assert other.read_text() == "mine"
    assert not list(tmp_path.glob(".writing-*"))


def test_wheels_that_are_given_are_taken_with_the_package_as_it_is_now(
    small, tmp_path, monkeypatch
):
    def build(checkout, folder):
        path = folder / "damunet_lite-2-py3-none-any.whl"
        path.write_bytes(b"new")
        return path

    monkeypatch.setattr(bundle, "build_wheel", build)
    (tmp_path / "wheels").mkdir()
    for name in ("x-1-py3-none-any.whl", "damunet_lite-1-py3-none-any.whl"):
        (tmp_path / "wheels" / name).write_bytes(b"old")
    with zipfile.ZipFile(small(tmp_path / "b.zip", tmp_path / "wheels")) as archive:
        wheels = {Path(name).name for name in archive.namelist() if "/wheels/" in name}
    assert wheels == {"x-1-py3-none-any.whl", "damunet_lite-2-py3-none-any.whl"}


def test_wheels_that_cannot_be_had_are_an_error_in_one_line(tmp_path):
    with pytest.raises(WorkshopError, match=r"pip download failed: .*leave --wheels out"):
        bundle._pip("download", "--no-index", "--dest", str(tmp_path), "no-such-package")


@pytest.mark.parametrize("wheels", [False, True])
def test_the_package_never_comes_from_an_index(tmp_path, monkeypatch, wheels):
    """Nobody owns its name there, so anybody could."""
    shutil.copy(ROOT / "book" / "workshop" / "in_bundle" / "install.py", tmp_path)
    (tmp_path / "requirements.txt").write_text("jupyterlab\n")
    if wheels:
        (tmp_path / "wheels").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "install", raising=False)
    install = importlib.import_module("install")
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


def test_the_scripts_in_the_bundle_say_what_comes_first(tmp_path):
    shutil.copy(ROOT / "book" / "workshop" / "in_bundle" / "start.py", tmp_path)
    done = subprocess.run([sys.executable, tmp_path / "start.py"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "Not installed yet: python install.py\n"
