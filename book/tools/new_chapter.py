"""Start a chapter: notebook, checkers and their test, in the form that the tests ask for.

    python -m book.tools.new_chapter 15 slug_of_the_chapter "Title of the chapter"

Writes chapters/NN_slug.ipynb (executed), damunet_lite/checks/chNN.py and
tests/checks/test_chNN.py, and enters the chapter in _toc.yml. All of it passes the tests at once;
replace it piece by piece, and run the chapter's tests as you go.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import nbformat  # noqa: E402
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook  # noqa: E402

from book.tools.set_address import configured_address  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# name, task, right answer, value, a typical mistake, its value, what to say of it
EXERCISES = (
    (
        "pixels",
        "the number of membrane pixels",
        "mask.sum()",
        4.0,
        "cells",
        "(1 - mask).sum()",
        "that is the number of cell pixels: membrane is 1.",
    ),
    (
        "share",
        "the share of pixels that are membrane",
        "mask.mean()",
        1 / 3,
        "cells",
        "(1 - mask).mean()",
        "that is the share of cell: membrane is 1.",
    ),
    (
        "rows",
        "the number of rows with membrane in them",
        "mask.any(axis=1).sum()",
        2.0,
        "columns",
        "mask.any(axis=0).sum()",
        "you counted columns: a row is along axis 1.",
    ),
    (
        "widest",
        "the largest number of membrane pixels in one row",
        "mask.sum(axis=1).max()",
        3.0,
        "columns",
        "mask.sum(axis=0).max()",
        "you added up columns: a row is along axis 1.",
    ),
)
OPENING = """# {number}. {title}

Say here, in at most eight lines, what the reader will hold at the end of this chapter.

**Needed:** what has to come first. **Helpful:** what makes it easier. **Time:** 30 minutes to read;
10 seconds to run on two processor cores, the same on a Colab T4 (an estimate).

You will be able to

- count the membrane pixels of a mask;
- say which share of a slice is membrane;
- tell rows from columns."""
INSTALL = """#@title Install (only where the package is missing, as in Colab)
import importlib.util
if importlib.util.find_spec("damunet_lite") is None:
    %pip install -q git+{address}
importlib.import_module("damunet_lite");  # before TensorFlow, for its fast kernels"""
PICTURE = """import matplotlib.pyplot as plt

from damunet_lite import data, plots
from damunet_book.checks import {module}

plots.use_style()
tissue = data.synthetic_stack(n=1, size=64)
mask = tissue.membranes[0, :, :, 0]
figure, ax = plt.subplots(figsize=(3, 3))
plots.show_slice(tissue.images[0], mask, ax=ax)
plt.show()
print(f"{{int(mask.sum())}} of {{mask.size}} pixels are membrane")"""
TASK = """### Exercise {number}.{count} \N{MIDDLE DOT} {name}

Three minutes. Write `{name}(mask)` that returns {task}.

<details><summary>Hint</summary>

A mask is an array of zeros and ones; membrane is 1.

</details>"""
STUB = """def my_{name}(mask):
    return ...


{module}.{name}(my_{name})"""
SOLUTION = """#@title Solution
def {name}(mask):
    return {right}


{module}.{name}({name})"""
QUESTION = """**{count}.** Which value does membrane have in a mask?

- a) 0
- b) 1
- c) 255

<details><summary>Answer</summary>

b). a) is cell. c) is cell in the files of the challenge, where the polarity is the other way round.

</details>"""
CLOSING = """## Key claims

- Say what the chapter has shown, one line for each claim.

## What did not work

- Say what was tried without success, and how that was noticed.

## Where next

Say what the next chapter does with it."""
CHECKS = '''"""Checkers of chapter {number}: {title}."""

from typing import Any

import numpy as np

from damunet_book.checks import Verdict, checker, compare, right, run

__all__ = {names}

_MASK = np.array([[1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
'''
CHECK = '''

@checker
def {name}(answer: Any) -> Verdict:
    """Exercise {number}.{count}: ``answer(mask)`` gives {task}."""
    mask = _MASK
    mistakes = {{
        "{mistake}": ({wrong}, "{message}"),
    }}
    compare(run(answer, mask), {right}, mistakes)
    return right("Say here something worth knowing.")
'''
TESTS = '''"""Chapter {number}'s checkers: each typical mistake gets the message written for it."""

import pytest

from damunet_book.checks import {module}

SOLUTIONS = {{
{solutions}}}
WRONG = [
{wrong}]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr({module}, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_untouched_stub_is_told_so(name):
    assert getattr({module}, name)(lambda mask: ...).mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    assert getattr({module}, name)(answer).mistake == mistake


def test_the_values_are_those_of_a_mask_counted_by_hand():
    mask = {module}._MASK
    values = {{name: SOLUTIONS[name](mask) for name in SOLUTIONS}}
    assert values == pytest.approx({values})
'''


def notebook(number: str, title: str, address: str) -> nbformat.NotebookNode:
    """The chapter, not yet executed."""
    n, module = int(number), f"ch{number}"
    figure = {
        "image": {"alt": "A square of drawn tissue; the membranes between cells are tinted."},
        "figure": {"caption": "Say here what the figure shows.", "name": f"fig-{module}-first"},
    }
    cells = [
        new_markdown_cell(OPENING.format(number=n, title=title)),
        new_code_cell(INSTALL.format(address=address), metadata={"tags": ["hide-input"]}),
        new_markdown_cell("## The first idea\n\nSay what the reader is about to see, and why."),
        new_code_cell(PICTURE.format(module=module), metadata={"mystnb": figure}),
    ]
    for count, (name, task, answer, *_) in enumerate(EXERCISES, start=1):
        words = {"number": n, "count": count, "name": name, "task": task, "right": answer}
        words |= {"module": module}
        note = "Say here what goes wrong, what to say, and how to shorten it."
        roles = {
            role: {"exercise": f"{number}.{name}", "role": role}
            for role in ("task", "stub", "solution")
        }
        roles["task"]["instructor"] = note
        solution = {
            "damunet": roles["solution"],
            "tags": ["hide-cell"],
            "cellView": "form",
            "jupyter": {"source_hidden": True},
            "mystnb": {"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"},
        }
        cells += [
            new_markdown_cell(TASK.format(**words), metadata={"damunet": roles["task"]}),
            new_code_cell(STUB.format(**words), metadata={"damunet": roles["stub"]}),
            new_code_cell(SOLUTION.format(**words), metadata=solution),
        ]
        cells[-2].metadata.damunet["minutes"] = 3
    questions = [QUESTION.format(count=count) for count in range(1, 6)]
    cells.append(new_markdown_cell("\n\n".join(["## Quiz", *questions])))
    cells.append(new_markdown_cell(CLOSING))
    told = {"chapter": n, "minutes_read": 30, "minutes_run_cpu": 1}
    told["minutes_run_t4"] = "1 (estimate)"
    return new_notebook(cells=cells, metadata={"damunet": told})


def checkers(number: str, title: str) -> str:
    """Source of the chapter's module of checkers."""
    names = "[" + ", ".join(f'"{name}"' for name in sorted(e[0] for e in EXERCISES)) + "]"
    parts = [CHECKS.format(number=int(number), title=title, names=names)]
    for count, (name, task, right, _, mistake, wrong, message) in enumerate(EXERCISES, start=1):
        parts.append(
            CHECK.format(
                number=int(number),
                count=count,
                name=name,
                task=task,
                right=right,
                mistake=mistake,
                wrong=wrong,
                message=message,
            )
        )
    return "".join(parts)


def checker_tests(number: str) -> str:
    """Source of the test of that module."""
    solutions = "".join(f'    "{e[0]}": lambda mask: {e[2]},\n' for e in EXERCISES)
    wrong = "".join(f'    ("{e[0]}", lambda mask: {e[5]}, "{e[4]}"),\n' for e in EXERCISES)
    values = "{" + ", ".join(f'"{e[0]}": {e[3]:.8g}' for e in EXERCISES) + "}"
    return TESTS.format(
        number=int(number), module=f"ch{number}", solutions=solutions, wrong=wrong, values=values
    )


def with_chapter(toc: str, page: str) -> str:
    """The table of contents with a page behind the last chapter of a lower number.

    Examples
    --------
    >>> print(with_chapter("- file: chapters/01_a\\n- file: book/api\\n", "chapters/02_b"))
    - file: chapters/01_a
    - file: chapters/02_b
    - file: book/api
    <BLANKLINE>
    """
    found = list(re.finditer(r"^( *- file: )(chapters/\S+)\n", toc, re.MULTILINE))
    before = [match for match in found if match[2] < page]
    if not before:
        raise ValueError(f"{page} would be the first chapter: enter it in _toc.yml yourself")
    end = before[-1].end()
    return f"{toc[:end]}{before[-1][1]}{page}\n{toc[end:]}"


def start_chapter(number: str, slug: str, title: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new chapter and return them.

    Raises
    ------
    ValueError
        If number, slug or title have another form, or the number is taken.
    """
    if not re.fullmatch(r"\d\d", number):
        raise ValueError(f"number is {number!r}, wanted two digits such as 15")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        raise ValueError(f"slug is {slug!r}, wanted small letters, digits and underscores")
    if not title.strip() or len(title) > 60 or '"' in title:
        raise ValueError(f"title is {title!r}, wanted up to 60 characters without quotes")
    chapter = root / "chapters" / f"{number}_{slug}.ipynb"
    module = root / "damunet_lite" / "checks" / f"ch{number}.py"
    test = root / "tests" / "checks" / f"test_ch{number}.py"
    for path in (*chapter.parent.glob(f"{number}_*.ipynb"), module, test):
        if path.exists():
            raise ValueError(f"number {number} is taken: {path.relative_to(root)} exists")
    toc = root / "_toc.yml"
    contents = with_chapter(toc.read_text(encoding="utf-8"), f"chapters/{number}_{slug}")
    nbformat.write(notebook(number, title, configured_address(root)), chapter)
    module.write_text(checkers(number, title), encoding="utf-8")
    test.write_text(checker_tests(number), encoding="utf-8")
    toc.write_text(contents, encoding="utf-8")
    return [chapter, module, test, toc]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("number", help="two digits")
    parser.add_argument("slug", help="rest of the file name")
    parser.add_argument("title", help="what the table of contents shows")
    arguments = parser.parse_args()
    try:
        written = start_chapter(arguments.number, arguments.slug, arguments.title)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(path.relative_to(ROOT))
    return subprocess.run(
        [sys.executable, ROOT / "book" / "tools" / "execute.py", written[0]], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
