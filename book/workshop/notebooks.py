"""Notebooks for a room, made from the canonical ones: to work in, to teach from, to fill live."""

import ast
import copy
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from book.workshop.chapters import CLOSING, Chapter, role, without_details
from book.workshop.rendering import HERE, fill

SOLVED = "Answer|Solution"
BOOK_LINK = re.compile(r"\[([^\]]*)\]\(\.\./(book/[\w/]+)\.md(#[\w-]*)?\)")
PREFLIGHT = "00_check_your_computer.ipynb"


def _unsolved(chapter: Chapter) -> NotebookNode:
    """The chapter without solutions, outputs and what is for the instructor alone."""
    notebook = copy.deepcopy(chapter.notebook)
    for cell in notebook.cells:
        if role(cell).get("role") == "solution":
            cell.metadata["tags"] = ["solution"]
        role(cell).pop("instructor", None)
    notebook, _ = TagRemovePreprocessor(remove_cell_tags={"solution"}).preprocess(notebook, {})
    return ClearOutputPreprocessor().preprocess(notebook, {})[0]


def student(chapter: Chapter) -> NotebookNode:
    """The notebook to work in: stubs and hints, no solution, no answer, no output.

    Parameters
    ----------
    chapter : Chapter

    Returns
    -------
    NotebookNode
        It runs from top to bottom as it is.
    """
    notebook = _unsolved(chapter)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_details(cell.source, SOLVED).rstrip()
    return notebook


def instructor(chapter: Chapter) -> NotebookNode:
    """The notebook to teach from: solutions open, outputs, a note and the minutes per exercise.

    Parameters
    ----------
    chapter : Chapter
    """
    notebook = copy.deepcopy(chapter.notebook)
    exercises = {exercise.key: exercise for exercise in chapter.exercises}
    cells = []
    for cell in notebook.cells:
        info = role(cell)
        if info.get("role") == "task":
            exercise = exercises[info["exercise"]]
            title = f"Instructor. {exercise.title}, {exercise.minutes} minutes."
            cells.append(new_markdown_cell(f"> **{title}** {exercise.instructor}"))
        if info.get("role") == "solution":
            cell.metadata = NotebookNode(damunet=info)
        cells.append(cell)
    whole = max(1, sum(length for _, length in chapter.sections))
    shares = [(title, f"{length / whole:.0%}") for title, length in chapter.sections]
    overview = fill("instructor.md.jinja", chapter=chapter, shares=shares)
    cells.insert(1, new_markdown_cell(overview.rstrip()))
    notebook.cells = cells
    return notebook


def blank(chapter: Chapter) -> NotebookNode:
    """The notebook for live coding: headings, and a goal for each cell that is to be written.

    The install cell and the imports stay; stubs stay, so that the checks are at hand.

    Parameters
    ----------
    chapter : Chapter
    """
    notebook = _unsolved(chapter)
    code_cells = 0
    for cell in notebook.cells:
        part = role(cell).get("role")
        if cell.cell_type == "markdown":
            text = without_details(cell.source).strip()
            cell.source = text if part == "task" else _headings(text)
            continue
        code_cells += 1
        if code_cells == 2:
            cell.source = _imports(cell.source)
        elif code_cells > 2 and part != "stub":
            cell.source = f"# {_goal(cell)}\n"
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


KINDS: dict[str, Callable] = {"student": student, "instructor": instructor, "blank": blank}


def write_all(
    chapters: Iterable[Chapter], folder: Path, kind: str, book: str | None = None
) -> list[Path]:
    """Write the notebooks of one kind.

    Parameters
    ----------
    chapters : iterable of Chapter
    folder : Path
        Made if it is missing.
    kind : {"student", "instructor", "blank"}
    book : str, optional
        Where the built book lies, relative to `folder`; without it, links to pages of the book
        that are no chapters become plain words.

    Returns
    -------
    list of Path
    """
    page = rf"[\1]({book}/\2.html\3)" if book else r"\1"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chapter in chapters:
        notebook = KINDS[kind](chapter)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = BOOK_LINK.sub(page, cell.source)
            cell.pop("id", None)  # added cells have a random one
        # Version 4.4 asks for no ids, so the same chapters give the same files.
        notebook.nbformat_minor = min(4, notebook.nbformat_minor)
        paths.append(folder / f"{chapter.slug}.ipynb")
        nbformat.write(notebook, paths[-1])
    if kind == "student":
        paths.append(folder / PREFLIGHT)
        shutil.copy(HERE / "templates" / f"{PREFLIGHT}.txt", paths[-1])
    return paths


def _headings(text: str) -> str:
    titles = re.findall(r"^#{1,4} .+(?=\n\n|\n?\Z)", text, re.MULTILINE)
    return "\n\n".join(title for title in titles if title.lstrip("# ") not in CLOSING)


def _imports(source: str) -> str:
    """Imports and set-up of the opening cell, without its figure.

    Examples
    --------
    >>> print(_imports("import numpy as np\\nstack = load()\\nplot(stack)"))
    import numpy as np
    stack = load()
    """
    set_up = ("import ", "from ", "stack = ", "stack, ", "plots.use_style")
    kept = [node for node in ast.parse(source).body if ast.unparse(node).startswith(set_up)]
    return "\n".join(filter(None, (ast.get_source_segment(source, node) for node in kept)))


def _goal(cell: NotebookNode) -> str:
    """What a cell is for: its figure's caption, or the names it makes."""
    caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
    if caption:
        return "Figure: " + " ".join(caption.split())
    names = re.findall(r"^(?:def|class) (\w+)|^(\w+)(?:, \w+)* = ", cell.source, re.MULTILINE)
    made = list(dict.fromkeys(a or b for a, b in names))
    return "Make: " + ", ".join(made[:6]) if made else "Print and compare"
