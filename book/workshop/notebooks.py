"""Notebooks for a room, made from the canonical ones: to work in, to teach from, to fill live."""

import ast
import copy
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from book.workshop.chapters import CLOSING, Chapter, role, without_details

SOLVED = "Answer|Solution"
BOOK_LINK = re.compile(r"\[([^\]]*)\]\(\.\./(book/[\w/]+)\.md(#[\w-]*)?\)")
CHAPTER_LINK = re.compile(r"\[([^\]]*)\]\((\d\d_\w+)\.ipynb\)")
PREFLIGHT = "00_check_your_computer.ipynb"


def student(chapter: Chapter) -> dict[str, Any]:
    """The notebook to work in: stubs and hints, no solution, no answer, no output.

    Parameters
    ----------
    chapter : Chapter

    Returns
    -------
    dict
        A notebook as JSON. It runs from top to bottom as it is.
    """
    notebook = _copy(chapter)
    cells = []
    for cell in notebook["cells"]:
        if role(cell).get("role") == "solution":
            continue
        if cell["cell_type"] == "markdown":
            cell["source"] = without_details(cell["source"], SOLVED).rstrip()
        else:
            cell["outputs"], cell["execution_count"] = [], None
        role(cell).pop("instructor", None)
        cells.append(cell)
    notebook["cells"] = cells
    return notebook


def instructor(chapter: Chapter) -> dict[str, Any]:
    """The notebook to teach from: solutions open, outputs, a note and the minutes per exercise.

    Parameters
    ----------
    chapter : Chapter
    """
    notebook = _copy(chapter)
    exercises = {exercise.key: exercise for exercise in chapter.exercises}
    cells = []
    for cell in notebook["cells"]:
        info = role(cell)
        if info.get("role") == "task":
            exercise = exercises[info["exercise"]]
            note = exercise.instructor or "No note yet."
            cells.append(
                _markdown(
                    f"> **Instructor, exercise {exercise.number}, {exercise.minutes} minutes.** {note}"
                )
            )
        if info.get("role") == "solution":
            cell["metadata"] = {"damunet": info}
        cells.append(cell)
    cells.insert(1, _markdown(_overview(chapter)))
    notebook["cells"] = cells
    return notebook


def blank(chapter: Chapter) -> dict[str, Any]:
    """The notebook for live coding: headings, and a goal for each cell that is to be written.

    The install cell and the imports stay; stubs stay, so that the checks are at hand.

    Parameters
    ----------
    chapter : Chapter
    """
    notebook = _copy(chapter)
    cells, seen = [], 0
    for cell in notebook["cells"]:
        info = role(cell)
        if info.get("role") == "solution":
            continue
        info.pop("instructor", None)
        if cell["cell_type"] == "markdown":
            cell["source"] = _headings(cell, info.get("role") == "task")
            if cell["source"]:
                cells.append(cell)
            continue
        seen += 1
        if seen > 2 and info.get("role") != "stub":
            cell["source"] = f"# {_goal(cell)}\n"
        elif seen == 2:
            cell["source"] = _imports(cell["source"])
        cell["outputs"], cell["execution_count"] = [], None
        cells.append(cell)
    notebook["cells"] = cells
    return notebook


KINDS: dict[str, Callable[[Chapter], dict[str, Any]]] = {
    "student": student,
    "instructor": instructor,
    "blank": blank,
}


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
    chapters = list(chapters)
    here = {chapter.slug for chapter in chapters}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chapter in chapters:
        notebook = KINDS[kind](chapter)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _relink(cell["source"], here, book)
        paths.append(folder / f"{chapter.slug}.ipynb")
        _write(notebook, paths[-1])
    if kind == "student":
        paths.append(folder / PREFLIGHT)
        _write(preflight_notebook(), paths[-1])
    return paths


def preflight_notebook() -> dict[str, Any]:
    """One cell that says whether a computer is ready.

    Examples
    --------
    >>> print(preflight_notebook()["cells"][1]["source"])
    from damunet_book import preflight
    <BLANKLINE>
    preflight.run()
    """
    text = (
        "# Check your computer\n\nRun the cell below before the workshop. It takes under half a "
        "minute and changes nothing. If it ends with **Ready**, you are; if not, it says what to "
        "do, and if that does not help, send the whole output to your teacher."
    )
    return {
        "cells": [_markdown(text), _code("from damunet_lite import preflight\n\npreflight.run()")],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 4,
    }


def _copy(chapter: Chapter) -> dict[str, Any]:
    notebook = copy.deepcopy(chapter.notebook)
    notebook["metadata"].pop("widgets", None)
    return notebook


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": text,
        "outputs": [],
        "execution_count": None,
    }


def _write(notebook: dict[str, Any], path: Path) -> None:
    # Version 4.4 asks for no cell ids, and cells that were added have none.
    notebook["nbformat_minor"] = min(4, notebook["nbformat_minor"])
    for cell in notebook["cells"]:
        cell.pop("id", None)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _relink(text: str, here: set[str], book: str | None) -> str:
    page = rf"[\1]({book}/\2.html\3)" if book else r"\1"
    text = BOOK_LINK.sub(page, text)
    return CHAPTER_LINK.sub(lambda m: m.group() if m[2] in here else m[1], text)


def _overview(chapter: Chapter) -> str:
    lines = [
        "> **Instructor.** Teaching takes about as long as reading, "
        f"{chapter.minutes_read} minutes; running {chapter.minutes_run}; all exercises "
        f"{sum(e.minutes for e in chapter.exercises)}. Solutions are open in this copy.",
        ">",
        "> | exercise | minutes |",
        "> |---|---|",
    ]
    lines += [f"> | {e.title} | {e.minutes} |" for e in chapter.exercises]
    if chapter.sections:
        lines += [">", "> | section | share of the teaching |", "> |---|---|"]
        whole = max(1, sum(length for _, length in chapter.sections))
        lines += [f"> | {title} | {length / whole:.0%} |" for title, length in chapter.sections]
    return "\n".join(lines)


def _headings(cell: dict[str, Any], task: bool) -> str:
    if task:
        return without_details(cell["source"]).strip()
    lines = [line for line in cell["source"].split("\n") if re.match(r"#{1,4} ", line)]
    kept = [line for line in lines if line.lstrip("# ") not in CLOSING]
    return "\n\n".join(kept)


def _imports(source: str) -> str:
    """Imports and set-up of the opening cell, without its figure.

    Examples
    --------
    >>> print(_imports("import numpy as np\\nstack = load()\\nplot(stack)"))
    import numpy as np
    stack = load()
    """
    kept = [
        node
        for node in ast.parse(source).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        or ast.unparse(node).startswith(("stack = ", "stack, ", "plots.use_style"))
    ]
    return "\n".join(filter(None, (ast.get_source_segment(source, node) for node in kept)))


def _goal(cell: dict[str, Any]) -> str:
    """What a cell is for: its figure's caption, or the names it makes."""
    figure = cell["metadata"].get("mystnb", {}).get("figure", {})
    if figure.get("caption"):
        return "Figure: " + " ".join(figure["caption"].split())
    names = re.findall(r"^(?:def|class) (\w+)|^(\w+)(?:, \w+)* = ", cell["source"], re.MULTILINE)
    made = list(dict.fromkeys(a or b for a, b in names))
    return "Make: " + ", ".join(made[:6]) if made else "Print and compare"
