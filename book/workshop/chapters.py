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


class WorkshopError(RuntimeError):
    """Workshop material cannot be made; the message says why and what helps."""


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

    @property
    def number(self) -> str:
        """Such as "4.1"; the key where the heading has no number.

        Examples
        --------
        >>> Exercise("04.dice", "Exercise 4.1 · Dice", 5, "", "").number
        '4.1'
        """
        found = re.search(r"\d+\.\d+", self.title)
        return found.group() if found else self.key


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

    @cached_property
    def minutes_read(self) -> int:
        """Minutes to read the chapter; a room that is taught it gets as many."""
        return self._minutes("minutes_read")

    @cached_property
    def minutes_run(self) -> int:
        """Whole minutes to run it on two processor cores."""
        return self._minutes("minutes_run_cpu")

    @property
    def minutes_exercises(self) -> int:
        """Minutes of all exercises."""
        return sum(exercise.minutes for exercise in self.exercises)

    def _minutes(self, name: str) -> int:
        value = self.notebook.metadata.get("damunet", {}).get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise WorkshopError(
                f"{self.path}: metadata damunet.{name} is {value!r}, wanted a number > 0"
            )
        return max(1, round(value))

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
        infos = [(cell, role(cell)) for cell in self.notebook.cells]
        minutes = {i["exercise"]: i.get("minutes") for _, i in infos if i.get("role") == "stub"}
        found = []
        for cell, info in infos:
            if info.get("role") != "task":
                continue
            key = info["exercise"]
            wanted = minutes.get(key) or info.get("minutes")
            if not isinstance(wanted, int) or wanted <= 0:
                raise WorkshopError(
                    f"{self.path}: damunet.minutes of the stub of exercise {key} is {wanted!r}, "
                    "wanted whole minutes"
                )
            heading, _, task = without_details(cell.source).strip().partition("\n")
            title = heading.lstrip("# ").strip()
            found.append(Exercise(key, title, wanted, task.strip(), info.get("instructor", "")))
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


def split_headings(text: str, least: str = "#{1,4}") -> list[tuple[str, str]]:
    """Headings of a Markdown text, each with what stands below it; first "" with what stands above.

    Parameters
    ----------
    text : str
    least : str
        Pattern of the signs that begin a heading.

    Examples
    --------
    >>> split_headings("The end of one.\\n\\n## Two\\n\\nBegins.")
    [('', 'The end of one.'), ('Two', 'Begins.')]
    """
    before, *parts = re.split(rf"^{least} (.+)$", text, flags=re.MULTILINE)
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


def read_chapters(checkout: Path = ROOT) -> list[Chapter]:
    """The chapters that the table of contents lists, in order.

    Raises
    ------
    WorkshopError
        If the folder is no copy of the repository, or a chapter cannot be read.

    Examples
    --------
    >>> read_chapters(Path("/nowhere"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    book.workshop.chapters.WorkshopError: /nowhere is no copy of the repository: ...
    """
    try:
        pages = [page for page in book_pages(checkout) if page.startswith("chapters/")]
    except OSError as error:
        raise WorkshopError(
            f"{checkout} is no copy of the repository: _toc.yml is missing; run this in one, or "
            "name one with --checkout"
        ) from error
    return [read_chapter(checkout / f"{page}.ipynb") for page in pages]


def read_chapter(path: Path) -> Chapter:
    """One notebook as a chapter.

    Raises
    ------
    WorkshopError
        If it cannot be read.
    """
    try:
        return Chapter(path, nbformat.read(path, as_version=4))
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise WorkshopError(f"{path} cannot be read as a notebook: {reason}") from error
