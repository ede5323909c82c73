"""Every chapter keeps its contract, and the check of the contract notices what breaks it."""

import importlib
import re
import subprocess
import sys

import nbformat
import pytest
from building import without_networks
from chapter_contract import APPENDIX, CITED, contract_faults, orphan_numbers
from nbformat.v4 import new_code_cell, new_markdown_cell

from book.tools.build import ROOT

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
SOUND = next(path for path in CHAPTERS if path.name.startswith("04"))


def read(path):
    return nbformat.read(path, as_version=4)


TAUGHT = [path for path in CHAPTERS if not read(path).cells[0].source.startswith(APPENDIX)]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_its_contract(path):
    assert not contract_faults(read(path), int(path.name[:2]))


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
def test_a_chapter_asks_each_of_its_checkers(path):
    name = f"ch{path.name[:2]}"
    members = vars(importlib.import_module(f"damunet_book.checks.{name}"))
    code = "\n".join(cell["source"] for cell in code_cells(read(path)))
    asked = set(re.findall(rf"{name}\.(\w+)\(", code)) - {"mystery"}
    assert asked == {one for one in members if hasattr(members[one], "messages")}


WITHOUT_KERAS = """
import json, sys
from IPython.core.inputtransformer2 import TransformerManager
with open(sys.argv[1], encoding="utf-8") as file:
    cells = json.load(file)["cells"]
names = {"__name__": "__main__"}
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code" and "needs-keras" not in cell["metadata"].get("tags", []):
        code = TransformerManager().transform_cell("".join(cell["source"]))
        exec(compile(code, f"cell {number}", "exec"), names)
"""


@pytest.mark.parametrize("path", CHAPTERS[:5], ids=lambda path: path.stem)
def test_the_first_chapters_compute_without_a_network_library(path, tmp_path):
    """Import of each is refused; cells that train or compare with the package say that they do."""
    cells = code_cells(read(path))
    tagged = sum("needs-keras" in cell["metadata"].get("tags", []) for cell in cells)
    assert tagged <= (0 if path in CHAPTERS[:3] else len(cells) / 2)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, path],
        cwd=path.parent,
        env=without_networks(tmp_path) | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_two_figures_share_a_name():
    cells = [cell for path in CHAPTERS for cell in read(path)["cells"]]
    figures = [cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells]
    names = [figure["name"] for figure in figures if figure.get("name")]
    assert sorted(names) == sorted(set(names))


def first(notebook, role):
    return next(
        c for c in notebook["cells"] if c["metadata"].get("damunet", {}).get("role") == role
    )


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def add(notebook, kind, source):
    notebook.cells.append(new_code_cell(source) if kind == "code" else new_markdown_cell(source))


def reword(notebook, old, new):
    """Change words wherever the text has them."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = cell["source"].replace(old, new)


def in_all_code(notebook, fields):
    for cell in code_cells(notebook):
        cell.update(fields)


def store(notebook, role, verdict):
    first(notebook, role)["outputs"] = [{"text": verdict}]


def forget(notebook, name):
    """Take an entry out of the metadata of the chapter, of a task or of a solution."""
    cells = [first(notebook, "task"), first(notebook, "solution")]
    for place in (notebook, *cells):
        place["metadata"].pop(name, None)
        place["metadata"].get("damunet", {}).pop(name, None)


def drop_solution(notebook):
    notebook["cells"].remove(first(notebook, "solution"))


# What is done to a sound chapter, with which words, and what has to be said of it.
SPOILED = [
    (reword, ["# 4. ", "# "], "the title"),
    (reword, ["\n- ", "\n"], "objectives"),
    (forget, ["minutes_read"], "minutes_read"),
    (add, ["markdown", "word " * 2000], "but reading takes"),
    (reword, ["minutes to read and", "minutes to read,"], "for the exercises'"),
    (add, ["code", f"x = {'1 + ' * 22}1"], "longer than 88"),
    (drop_solution, [], "task, stub, solution"),
    (reword, ["<summary>Hint", "<summary>Tip"], "no hint"),
    (forget, ["instructor"], "instructor"),
    (store, ["stub", "Right."], "stored verdict"),
    (store, ["solution", "Not yet."], "stored verdict"),
    (forget, ["tags"], "not hidden"),
    (reword, ["**5.", "5."], "quiz questions"),
    (reword, ["c) is true only", "that is true only"], "explain ['c']"),
    (reword, ["## What did not work", "## Also"], "does not close"),
    (in_all_code, [{"metadata": {"tags": ["nbval-ignore-output"]}}], "exempt from comparison"),
    (in_all_code, [{"source": "x = 1\n" * 25}], "median code"),
    (in_all_code, [{"outputs": []}], "no picture"),
    (add, ["code", "interact(f, x=3)"], "only with a kernel"),
    (store, ["solution", "Right. <a.Legend at 0x7fd8>"], "says nothing"),
    (add, ["markdown", "see {ref}`there`"], "MyST"),
    (add, ["markdown", "```{note}\nno\n```"], "MyST"),
    (add, ["markdown", "![words](picture.png)"], "image file"),
    (add, ["code", "from book.tools import execute"], "own tools"),
]


@pytest.mark.parametrize(("spoil", "arguments", "words"), SPOILED)
def test_a_broken_contract_is_noticed(spoil, arguments, words):
    notebook = read(SOUND)
    spoil(notebook, *arguments)
    assert any(words in found for found in contract_faults(notebook, 4))


def test_a_changed_digit_in_the_text_is_noticed():
    noticed = []
    # Of the results nearly every number of three digits stands in some table.
    for notebook in (read(path) for path in CHAPTERS if path.name[:2] not in ("13", "16")):
        code = code_cells(notebook)
        prose = (cell["source"] for cell in notebook.cells if cell["cell_type"] == "markdown")
        for text in (one for cell in prose for one in cell.split("\n\n") if not CITED.search(one)):
            for number in re.findall(r"(?<![\w./-])0\.\d\d\d+(?![\w/-]|\.\d)", text):
                spoiled = number[:-1] + str((int(number[-1]) + 5) % 10)
                changed = new_markdown_cell(text.replace(number, spoiled))
                noticed.append(bool(orphan_numbers({"cells": [changed, *code]})))
    assert len(noticed) > 100
    # Not all: the changed number may stand elsewhere in the chapter by chance.
    assert sum(noticed) > 0.9 * len(noticed)


def test_a_number_needs_code_output_or_citation():
    def orphans(prose, code="x = 0.25", output="0.5"):
        computed = {**new_code_cell(code), "outputs": [{"text": output}]}
        return orphan_numbers({"cells": [new_markdown_cell(prose), computed]})

    assert orphans("from 0.25 to 0.5") == orphans("reached 0.6 (Lee et al. 2014)") == []
    assert orphans("from 0.25 to 0.6") == ["0.6"]
    assert orphans("reached 0.6 (Lee et al. 2014).\n\nWe reach 0.6.") == ["0.6"]
    assert orphans("Exercise 4.1 runs under Keras 3.15") == []
    assert orphans("a caption", code="pass", output="") == []
