"""Workshop material: no solution where none belongs, minutes that add up, slides for a room."""

import importlib
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.tools.browser import Browser, missing
from book.tools.build import ROOT
from book.workshop import bundle, material, notebooks, sheets, slides
from book.workshop.__main__ import main
from book.workshop.chapters import Chapter, read_chapters, role

CHAPTERS = read_chapters()
FOURTH = CHAPTERS[3]
IN_BUNDLE = ROOT / "book" / "workshop" / "in_bundle"
# An appendix, which has no exercises, is not taught.
TAUGHT = [chapter for chapter in CHAPTERS if chapter.exercises]
each_chapter = pytest.mark.parametrize("chapter", TAUGHT, ids=lambda chapter: chapter.slug)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with everything that the command writes."""
    folder = tmp_path_factory.mktemp("workshop")
    assert main([str(folder), "--start", "9:30"]) == 0
    return folder


def cells_of(made: Path, kind: str, chapter: Chapter) -> list:
    return nbformat.read(made / kind / f"{chapter.slug}.ipynb", as_version=4)["cells"]


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
    assert min(len(chapter.goals), len(chapter.claims)) >= 3
    assert all(question.answer for question in chapter.questions)
    assert min(len(exercise.instructor) for exercise in chapter.exercises) > 40
    assert min(length for _, length in chapter.sections) > 0


def test_a_package_that_is_missing_is_one_line():
    script = "import sys; sys.modules['jinja2'] = None; from book.workshop.__main__ import main; "
    command = [sys.executable, "-c", script + "sys.exit(main(['out']))"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    wanted = "error: the package jinja2 is missing: python -m pip install -r requirements.txt\n"
    assert (done.returncode, done.stderr) == (1, wanted)


# --- notebooks --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", notebooks.KINDS)
def test_every_notebook_is_valid_and_its_links_lead_to_what_is_there(made, kind):
    paths = sorted((made / kind).glob("*.ipynb"))
    assert len(paths) == len(CHAPTERS) + (kind == "student")
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        prose = "\n".join(c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown")
        for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", prose):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


@pytest.mark.parametrize("kind", ["student", "blank"])
@each_chapter
def test_no_solution_answer_output_or_note_is_left(made, chapter, kind):
    cells = cells_of(made, kind, chapter)
    assert solution_lines(chapter)
    assert not solution_lines(chapter) & {
        line.strip() for cell in cells for line in cell["source"].split("\n")
    }
    assert not any(re.search(r"<summary>\s*(Answer|Solution)", cell["source"]) for cell in cells)
    assert not any(cell.get("outputs") or "instructor" in role(cell) for cell in cells)


@each_chapter
def test_students_keep_task_hints_and_stub_of_every_exercise(made, chapter):
    cells = cells_of(made, "student", chapter)
    assert parts(cells, "stub") == parts(chapter.notebook["cells"], "stub")
    tasks = parts(cells, "task")
    assert list(tasks) == [exercise.key for exercise in chapter.exercises]
    assert all("<summary>Hint 1</summary>" in task for task in tasks.values())


def test_no_cell_needs_what_only_a_solution_made(made):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821"]
    done = subprocess.run([*command, str(made / "student")], capture_output=True, text=True)
    assert done.stdout == "All checks passed!\n"


@each_chapter
def test_instructors_see_solutions_notes_and_minutes(made, chapter):
    cells = cells_of(made, "instructor", chapter)
    text = "\n".join(cell["source"] for cell in cells)
    for exercise in chapter.exercises:
        note = f"{exercise.title}, {exercise.minutes} minutes.** {exercise.instructor}"
        assert note in text
    opened = [cell for cell in cells if role(cell).get("role") == "solution"]
    assert len(opened) >= len(chapter.exercises)
    assert not [cell for cell in opened if {"tags", "jupyter"} & cell["metadata"].keys()]
    assert f"{chapter.minutes_read} minutes; running {chapter.minutes_run}" in text


@each_chapter
def test_blank_notebooks_have_headings_imports_stubs_and_goals_only(made, chapter):
    cells = cells_of(made, "blank", chapter)
    install, imports, *code = [c for c in cells if c["cell_type"] == "code"]
    assert "import" in install["source"]
    assert "import" in imports["source"]
    assert len(imports["source"].split("\n")) <= 20
    others = [c["source"] for c in code if role(c).get("role") != "stub"]
    assert [source for source in others if not re.fullmatch(r"# .+\n", source)] == []
    prose = [c["source"] for c in cells if c["cell_type"] == "markdown" and not role(c)]
    assert [text for text in prose if not re.fullmatch(r"(#{1,4} .+\s*)+", text)] == []


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


@pytest.mark.parametrize("form", sheets.FORMATS, ids=lambda form: form.slug)
@pytest.mark.parametrize("chapters", [TAUGHT, SHORT, FEW, LONG], ids=["book", "a", "b", "c"])
def test_minutes_are_the_chapters_and_add_up_with_a_break_every_hour(form, chapters):
    sheet = sheets.plan(form, chapters)
    assert len(sheet.days) == form.days
    for day in sheet.days:
        assert sum(item.minutes for item in day) == form.minutes
        minutes = "".join("|" if item.kind == "break" else "x" * item.minutes for item in day)
        assert max(map(len, minutes.split("|"))) <= 60
        assert all(item.minutes > 0 for item in day)
        # A break parts neither a checkpoint nor the survey from what they follow.
        after = [there.kind for here, there in pairwise(day) if here.kind == "break"]
        assert not {"checkpoint", "survey"} & set(after)
        assert len(after) == [item.kind for item in day].count("break")
        if form.minutes > 300:
            assert [item.title for item in day if item.kind == "break"].count("Lunch") == 1
    items = [item for day in sheet.days for item in day]
    chosen = {c.number: c for c in chapters if c.number in form.taught + form.told}
    assert [item.chapter for item in items if item.kind == "teach"] == list(chosen)
    for item in items:
        if item.kind == "teach":
            whole = chosen[item.chapter].minutes_read
            assert item.minutes == (whole if item.chapter in form.taught else (whole + 1) // 2)
        if item.kind == "run":
            assert item.minutes == max(sheets.LEAST_RUN, chosen[item.chapter].minutes_run)
        if item.kind == "exercise":
            assert item.exercise in chosen[item.chapter].exercises
            assert item.minutes == item.exercise.minutes


def test_two_days_have_every_chapter_and_an_exercise_of_each():
    items = [item for day in sheets.plan(sheets.FORMATS[2], CHAPTERS).days for item in day]
    assert {item.chapter for item in items if item.exercise} == {c.number for c in TAUGHT}


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
    page = sheets.to_markdown(sheets.plan(sheets.Format("Hour", 1, 60, (1,)), [chapter]))
    assert "**Chapter 1** (20 minutes): One 18 · Two 2\n" in page


def test_a_printed_sheet_has_times_of_day_its_parts_and_no_link_that_leads_nowhere(made):
    for form in sheets.FORMATS:
        page = (made / "run_sheets" / f"{form.slug}.md").read_text(encoding="utf-8")
        for heading in ("Goals", "Checkpoints", "Exercises: what goes wrong", "When you are late"):
            assert f"\n## {heading}" in page
        assert page.count(f"| | | **{form.minutes}** | in all |") == form.days
        assert not re.search(r"\]\((?!https?:)", page)
    page = (made / "run_sheets" / "90_minutes.md").read_text(encoding="utf-8")
    assert "The day starts at 9:30." in page
    assert "| 9:30 | 9:35 | 5 | Welcome" in page
    assert "| 10:55 | 11:00 | 5 | Survey" in page


@pytest.mark.parametrize("form", sheets.FORMATS, ids=lambda form: form.slug)
def test_a_hand_out_has_the_questions_of_the_sheet_room_for_answers_and_none_of_them(made, form):
    page = (made / "run_sheets" / f"{form.slug}_handout.md").read_text(encoding="utf-8")
    sheet = sheets.plan(form, CHAPTERS)
    wanted = [f"**{item.title}.**" for day in sheet.days for item in day if item.exercise]
    assert page.count('<p class="room">') == len(wanted) + len(sheet.chapters)
    for chapter in sheet.chapters:
        wanted += [f"open `{chapter.slug}.ipynb`", chapter.questions[0].text.partition("\n")[0]]
        assert not solution_lines(chapter) & {line.strip() for line in page.split("\n")}
        assert chapter.questions[0].answer not in page
    assert [words for words in wanted if words not in page] == []


def test_what_to_leave_out_is_listed_by_day_and_keeps_the_first_exercise():
    sheet = sheets.plan(sheets.FORMATS[2], CHAPTERS)
    page = sheets.to_markdown(sheet).partition("## When you are late")[2]
    first, second = page.split("**Day 2**")
    assert re.findall(r"Chapter (\d+), told", first) == ["5", "2"]
    assert re.findall(r"Chapter (\d+), told", second)[:2] == ["15", "14"]
    assert "**Day 1**" in first
    for chapter in sheet.chapters:
        assert chapter.exercises[0].title not in page
    assert sheet.chapters[0].exercises[1].title in first


def test_too_much_is_refused():
    with pytest.raises(ValueError, match=r"chapters \[1, 2\] alone take"):
        sheets.plan(sheets.Format("Hour", 1, 60, (1, 2)), LONG)


# --- slides -----------------------------------------------------------------------------


@each_chapter
def test_slides_ask_nothing_of_a_network_and_show_no_solution(made, chapter):
    path = made / "slides" / f"{chapter.slug}.html"
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for tag in page.find_all(["script", "img", "link", "iframe", "source"]):
        address = tag.get("src") or tag.get("href") or ""
        assert not address or address.startswith("data:") or (path.parent / address).is_file()
    assert all(image.get("alt", "").strip() for image in page.find_all("img"))
    assert len(page.find_all("h1")) == 1
    lines = {line.strip() for line in page.get_text("\n").split("\n")}
    assert not solution_lines(chapter) & lines
    assert not re.search(r"<summary>\s*(Answer|Solution|Hint)", str(page))


def slides_of(*cells) -> list[slides.Slide]:
    """Slides of a made-up lesson, without its title."""
    return slides.make_slides(made_up(1, 20, 1, [], code("install"), code("import x"), *cells))[2:]


def test_slides_take_prose_into_the_notes_and_formulas_and_commands_onto_the_slide():
    prose = "## Two\n\nFirst sentence. More $a<b$ prose.\n\n$$x^2$$\n\n"
    (made,) = slides_of(text(prose + "```bash\n# no heading\nls\n```\n\nLast."))
    assert made.title == "Two"
    assert [word for word in ("First sentence.", r"\[x^2\]", "ls") if word not in made.body] == []
    assert "Last." not in made.body
    assert r"\(a&lt;b\)" in made.notes


def test_first_sentences_are_left_alone_by_nothing_but_a_live_figure():
    prose = "## Two\n\n" + "`w` " * 44 + "one.\n\nMore of it."
    (with_code,) = slides_of(text(prose), code("\n".join("x" * 10), "1\n2\n3\n4\n5\n6\n"))
    assert "More" not in with_code.body
    (with_picture,) = slides_of(text(prose), text("Look."), code("x", image_png="aa"))
    assert with_picture.body.count("<p>") == 2
    alone, live = slides_of(text(prose), code("x", text_html="<script>"))
    assert "More of it." in alone.body
    assert live.kind == "Live figure"


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
        {"text_markdown": "| network |\n|---|\n| U-Net $x$ |"},
        {"text_html": "<table><tr><td>U-Net</td></tr><tr></tr></table>"},
    ],
)
def test_a_table_is_on_a_slide_that_is_told(source, table):
    *_, made = slides_of(text("## One"), code(source, **table))
    cells = [cell.text for cell in BeautifulSoup(made.body, "html.parser").select("td")]
    assert cells[0].startswith("U-Net")
    assert ("show()" in made.body) == (source == "show()")
    assert (made.code_only, made.kind) == (False, "")


@pytest.fixture
def browser():
    if missing():
        pytest.skip(missing())
    with Browser(1280, 720) as opened:
        yield opened.driver


@pytest.mark.slow
def test_slides_move_by_keys_and_are_told_without_code_from_a_second_window(made, browser):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get((made / "slides" / f"{FOURTH.slug}.html").as_uri())
    found = partial(browser.find_elements, "css selector")

    def press(key: str) -> int:
        """Number of the slide that is shown then."""
        browser.switch_to.active_element.send_keys(key)
        (now,) = [section for section in found("section") if section.is_displayed()]
        return int(re.search(r"Slide (\d+):", now.get_attribute("aria-label"))[1])

    count = len(found("section"))
    right, left = Keys.ARROW_RIGHT, Keys.ARROW_LEFT
    ends = ((Keys.END, count), (right, count), (Keys.HOME, 1))
    for key, expected in ((right, 2), (" ", 3), (left, 2), *ends):
        assert press(key) == expected
        assert found("nav .where")[0].text == f"{expected} of {count}"
    press("n")
    assert found("html")[0].get_attribute("class").split() == ["js", "notes"]
    WebDriverWait(browser, 20).until(lambda _: found("mjx-container svg"))
    press("n")
    press("c")
    seen = [press(right) for _ in range(slides.told(FOURTH))]
    assert [n for n in seen if found("section")[n - 1].get_attribute("data-code")] == []
    assert seen[-1] > len(seen) + 1, "slides of code alone were passed over"
    assert "Exercise" in found("section.now .kind")[0].text
    first = browser.current_window_handle
    press("p")
    (second,) = set(browser.window_handles) - {first}
    browser.switch_to.window(second)
    note = BeautifulSoup(FOURTH.exercises[0].instructor, "html.parser").text
    assert note[:40] in found("body")[0].text
    found("body")[0].send_keys(right)
    assert f"Slide {seen[-1] + 1}:" in found("body")[0].text
    browser.switch_to.window(first)
    assert found("nav .where")[0].text.startswith(f"{seen[-1] + 1} of")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.slow
@each_chapter
def test_no_slide_is_cut_off_on_a_small_projector_or_has_first_sentences_alone(
    made, browser, chapter
):
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
          const words = [...box.children].filter((e) => !e.matches("aside, h1, h2"));
          const bare = words.every((e) => e.matches("p")) && words.at(-1)
            && words.at(-1).getBoundingClientRect().bottom < 0.28 * innerHeight;
          if (tall || wide || small || bare) cut.push(section.getAttribute("aria-label"));
          on.click();
        }
        return cut;""")
    assert not cut


# --- the bundle -------------------------------------------------------------------------


def test_the_bundle_has_what_a_room_without_network_needs(made, tmp_path):
    with zipfile.ZipFile(made / bundle.FILE) as archive:
        archive.extractall(tmp_path)
    root = tmp_path / bundle.NAME
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    wanted = "START_HERE.html install.py start.py requirements.txt LICENSE package/pyproject.toml"
    assert {*wanted.split(), f"notebooks/{notebooks.PREFLIGHT}"} <= files
    assert {f"notebooks/{chapter.slug}.ipynb" for chapter in CHAPTERS} <= files
    assert ("book/index.html" in files) == (ROOT / "_build" / "html" / "index.html").is_file()
    data_files = [name for name in files if name.startswith("data/isbi2012/")]
    assert len(data_files) == 60 * ("data/TERMS.txt" in files)
    page = (root / "START_HERE.html").read_text(encoding="utf-8")
    assert "<th>notebooks</th>" in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address in files or address == "book/index.html"
    assert (root / "requirements.txt").read_text(encoding="utf-8").split() == [*bundle.EXTRAS]


@pytest.mark.slow
def test_the_package_in_the_bundle_makes_a_wheel_with_both_packages(tmp_path):
    bundle._add_package(tmp_path / "package")
    words = ["wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "package"]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("damunet_lite-*.whl"))) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"damunet_lite/tiny.npz", "damunet_book/preflight.py"} <= names
    assert {"damunet_book/chapter_times.json", "damunet_book/live/js/common.js"} <= names
    assert {name.partition("/")[0] for name in names} == {"damunet_lite", "damunet_book"}


def test_a_bundle_without_data_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DAMUNET_DATA", str(tmp_path / "none"))
    bundle.write_bundle(CHAPTERS[:1], tmp_path)
    assert re.search("^data .*synthetic tissue$", capsys.readouterr().out, re.MULTILINE)
    assert [path.name for path in tmp_path.iterdir()] == [bundle.FILE.name]


def test_wheels_that_cannot_be_had_are_an_error_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RuntimeError, match=r"^pip cannot fetch .*ERROR: .*leave --wheels out$"):
        bundle.write_bundle(CHAPTERS[:1], tmp_path, wheels=True)
    assert not list(tmp_path.iterdir())


def test_what_a_teacher_changed_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(material.bundle, "write_bundle", lambda *_: None)
    monkeypatch.setattr(material, "read_chapters", lambda: [CHAPTERS[0], FOURTH])
    material.write(tmp_path)
    sheet = next((tmp_path / "run_sheets").glob("*.md"))
    other, index = tmp_path / "mine.txt", tmp_path / "slides" / "index.html"
    other.write_text("mine")
    material.write(tmp_path)
    written = sheet.read_text()
    sheet.write_text("my own run sheet")
    index.unlink()
    with pytest.raises(RuntimeError, match=rf"1 in all: run_sheets/{sheet.name}.*--force"):
        material.write(tmp_path)
    assert sheet.read_text() == "my own run sheet"
    assert not index.exists()
    material.write(tmp_path, force=True)
    assert sheet.read_text() == written
    assert other.read_text() == "mine"


@pytest.mark.parametrize("wheels", [False, True])
def test_the_package_never_comes_from_an_index(tmp_path, monkeypatch, wheels):
    """Nobody owns its name there, so anybody could."""
    shutil.copy(IN_BUNDLE / "install.py", tmp_path)
    if wheels:
        (tmp_path / "wheels").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "install", raising=False)
    install = importlib.import_module("install")
    asked = []

    def run(words):
        asked.extend(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(install.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(install.subprocess, "run", run)
    assert install.main() == 0
    assert ("--no-index" in asked) == ("damunet-lite" in asked) == wheels
    assert (str(tmp_path / "package") in asked) != wheels


def test_the_scripts_in_the_bundle_say_what_comes_first_and_check_the_computer(tmp_path):
    shutil.copy(IN_BUNDLE / "start.py", tmp_path)
    done = subprocess.run([sys.executable, tmp_path / "start.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "Not installed yet: python install.py\n")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" "$DAMUNET_DATA"\n')
    python.chmod(0o755)
    (tmp_path / "data" / "isbi2012").mkdir(parents=True)
    command = [sys.executable, tmp_path / "start.py", "check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"-m damunet_book.preflight {tmp_path}/data/isbi2012\n"
    template = IN_BUNDLE.parent / "templates" / f"{notebooks.PREFLIGHT}.txt"
    page = nbformat.read(template, as_version=4)
    assert page.cells[1].source == "from damunet_book import preflight\n\npreflight.run()"
