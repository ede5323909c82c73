"""What a teacher needs to know of a chapter, read from its notebook and nowhere else."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

from book.tools.build import ROOT, book_pages
from book.workshop.rendering import first_list

DETAILS = re.compile(
    r"<details>\s*<summary>\s*(?P<title>.*?)\s*</summary>(?P<body>.*?)</details>\s*", re.DOTALL
)
CLOSING = ("Quiz", "Key claims", "What did not work", "Where next")
LINE_OF_CODE, FIGURE, LIVE_FIGURE = 5, 30, 200


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter.

    Parameters
    ----------
    key : str
        Such as ``"04.soft_counts"``.
    title : str
        Heading of the task, with its number.
    minutes : int
        Time for a room to do it.
    task : str
        Markdown of the task without heading and hints.
    instructor : str
        What goes wrong, what to say, how to shorten it.
    """

    key: str
    title: str
    minutes: int
    task: str
    instructor: str


@dataclass(frozen=True)
class Question:
    """A quiz question, its options as Markdown, and its answer."""

    text: str
    answer: str


@dataclass(frozen=True)
class Chapter:
    """A canonical notebook with what its metadata and headings say.

    Parameters
    ----------
    path : Path
    notebook : NotebookNode
    """

    path: Path
    notebook: nbformat.NotebookNode = field(repr=False)

    @property
    def slug(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def number(self) -> int:
        """Number of the chapter, from its file name."""
        return int(self.slug[:2])

    @cached_property
    def title(self) -> str:
        """Title without the number."""
        return re.sub(r"^#\s*(\d+\.)?\s*", "", self._opening.partition("\n")[0]).strip()

    @property
    def lead(self) -> str:
        """The opening's first paragraph."""
        return (self._opening.split("\n\n") + [""])[1]

    @property
    def minutes_read(self) -> int:
        """Minutes to read the chapter; a room that is taught it gets as many."""
        return self.notebook.metadata.damunet["minutes_read"]

    @property
    def minutes_run(self) -> int:
        """Whole minutes to run it on two processor cores."""
        return max(1, round(self.notebook.metadata.damunet["minutes_run_cpu"]))

    @property
    def minutes_exercises(self) -> int:
        """Minutes of all exercises."""
        return sum(exercise.minutes for exercise in self.exercises)

    @cached_property
    def goals(self) -> list[str]:
        """What the reader can do at the end, from the list in the first cell."""
        return first_list(self._opening)

    @cached_property
    def claims(self) -> list[str]:
        """The chapter's key claims."""
        return first_list(without_details(self._section("Key claims")))

    @cached_property
    def questions(self) -> list[Question]:
        """The quiz."""
        parts = re.split(r"^(?=\*\*\d+\.)", self._section("Quiz"), flags=re.MULTILINE)[1:]
        return [
            Question(
                _unnumbered(without_details(part).strip()),
                "\n\n".join(found["body"].strip() for found in DETAILS.finditer(part)),
            )
            for part in parts
        ]

    @cached_property
    def exercises(self) -> list[Exercise]:
        """Exercises in the order of the notebook."""
        cells = [(cell, role(cell)) for cell in self.notebook.cells]
        minutes = {i["exercise"]: i["minutes"] for _, i in cells if i.get("role") == "stub"}
        found = []
        for cell, info in cells:
            if info.get("role") == "task":
                heading, _, task = without_details(cell.source).strip().partition("\n")
                title, key = heading.lstrip("# ").strip(), info["exercise"]
                found.append(Exercise(key, title, minutes[key], task.strip(), info["instructor"]))
        return found

    @cached_property
    def sections(self) -> list[tuple[str, int]]:
        """Headings of the text and how long each part is, in words.

        A line of code counts as five words, a figure as thirty, one that moves as two hundred.
        Exercises and what ends a chapter are left out: they have minutes of their own.
        """
        found: list[tuple[str, int]] = []
        first_code = True
        for cell in self.notebook.cells[1:]:
            if "role" in role(cell):
                continue
            parts = [("", "")]
            if cell.cell_type == "markdown":
                parts = split_headings(without_details(cell.source), "##")
                length = len(parts[0][1].split())
            else:
                lines = [line for line in cell.source.split("\n") if line.strip()]
                length = 0 if first_code else LINE_OF_CODE * len(lines) + _figures_in_words(cell)
                first_code = False
            if found:
                found[-1] = (found[-1][0], found[-1][1] + length)
            for title, text in parts[1:]:
                if title in CLOSING:
                    return found
                found.append((title, len(text.split())))
        return found

    @property
    def _opening(self) -> str:
        return self.notebook.cells[0].source

    def _section(self, heading: str) -> str:
        """Text from a second-level heading to the next one."""
        cells = [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]
        return dict(split_headings("\n\n".join(cells), "##")).get(heading, "")


def split_headings(text: str, signs: str = "#{1,4}") -> list[tuple[str, str]]:
    """Headings of a Markdown text, each with what stands below it; first "" with what stands above.

    A heading has an empty line below it, and so differs from a comment in a block of code.

    Parameters
    ----------
    text : str
    signs : str
        Pattern of the signs that begin a heading.

    Examples
    --------
    >>> split_headings("The end of one.\\n\\n## Two\\n\\n```bash\\n# not three\\nls\\n```")
    [('', 'The end of one.'), ('Two', '```bash\\n# not three\\nls\\n```')]
    """
    before, *parts = re.split(rf"^{signs} (.+)(?:\n\n|\n?\Z)", text, flags=re.MULTILINE)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [("", before.strip()), *((title.strip(), below.strip()) for title, below in pairs)]


def is_live(bundle: dict[str, Any]) -> bool:
    """Whether an output is a live figure; a table of pandas is HTML, too, but has no script."""
    return "<script" in "".join(bundle.get("text/html", ""))


def _figures_in_words(cell: dict[str, Any]) -> int:
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    return sum(
        LIVE_FIGURE if is_live(bundle) else FIGURE if "image/png" in bundle else 0
        for bundle in bundles
    )


def role(cell: dict[str, Any]) -> dict[str, Any]:
    """What a cell is to an exercise: its ``damunet`` metadata."""
    return cell["metadata"].get("damunet", {})


def without_details(text: str, titles: str = ".*") -> str:
    """Markdown without the folded parts whose title matches.

    Examples
    --------
    >>> text = "Why?\\n\\n<details><summary>Hint 1</summary>Think</details>\\n"
    >>> without_details(text).strip()
    'Why?'
    >>> without_details(text, "Answer|Solution") == text
    True
    """
    wanted = re.compile(titles, re.IGNORECASE)
    return DETAILS.sub(lambda m: "" if wanted.match(m["title"]) else m.group(), text)


def _unnumbered(question: str) -> str:
    """A question without its number, whether that is bold alone or with the question.

    Examples
    --------
    >>> _unnumbered("**1.** Why?"), _unnumbered("**1. Why?**")
    ('Why?', '**Why?**')
    """
    return re.sub(r"^\*\*\d+\.\s*(\*\*)?\s*", lambda m: "" if m[1] else "**", question)


def read_chapters() -> list[Chapter]:
    """The chapters that the table of contents lists, in order, appendices too.

    Examples
    --------
    >>> read_chapters()[0].title
    'A table with three question marks'
    """
    paths = [ROOT / f"{page}.ipynb" for page in book_pages() if page.startswith("chapters/")]
    return [Chapter(path, nbformat.read(path, as_version=4)) for path in paths]
