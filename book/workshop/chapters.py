"""What a teacher needs to know of a chapter, read from its notebook and nowhere else."""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
DETAILS = re.compile(
    r"<details>\s*<summary>\s*(?P<title>.*?)\s*</summary>(?P<body>.*?)</details>\s*", re.DOTALL
)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
CLOSING = ("Quiz", "Key claims", "What did not work", "Where next")
LINE_OF_CODE, FIGURE, LIVE_FIGURE = 5, 30, 200
LISTED = re.compile(r"^\s*-\s*file:\s*chapters/(\w+)\s*$", re.MULTILINE)


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
    notebook : dict
        The notebook as JSON, cell sources as single strings.
    """

    path: Path
    notebook: dict[str, Any] = field(repr=False)

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
        first = self.notebook["cells"][0]["source"].partition("\n")[0]
        return re.sub(r"^#\s*(\d+\.)?\s*", "", first).strip()

    @cached_property
    def minutes_read(self) -> int:
        """Minutes to read the chapter, which is also what teaching it takes."""
        return self._minutes("minutes_read")

    @cached_property
    def minutes_run(self) -> int:
        """Whole minutes to run it on two processor cores."""
        return self._minutes("minutes_run_cpu")

    def _minutes(self, name: str) -> int:
        value = self.notebook["metadata"].get("damunet", {}).get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise WorkshopError(
                f"{self.path}: metadata damunet.{name} must be a number > 0, got {value!r}"
            )
        return max(1, round(value))

    @cached_property
    def goals(self) -> list[str]:
        """What the reader can do at the end, from the list in the first cell."""
        return _bullets(self.notebook["cells"][0]["source"])

    @cached_property
    def claims(self) -> list[str]:
        """The chapter's key claims."""
        return _bullets(self._section("Key claims"))

    @cached_property
    def questions(self) -> list[Question]:
        """The quiz."""
        text = self._section("Quiz")
        starts = [m.start() for m in re.finditer(r"^\*\*\d+\.", text, re.MULTILINE)]
        parts = [text[a:b] for a, b in pairwise([*starts, len(text)])]
        return [
            Question(_unnumbered(without_details(part).strip()), _answer(part)) for part in parts
        ]

    @cached_property
    def exercises(self) -> list[Exercise]:
        """Exercises in the order of the notebook."""
        minutes = {key: info.get("minutes") for key, info in self._roles("stub").items()}
        found = []
        for cell in self.notebook["cells"]:
            info = role(cell)
            if info.get("role") != "task":
                continue
            key = info["exercise"]
            wanted = minutes.get(key) or info.get("minutes")
            if not isinstance(wanted, int) or wanted <= 0:
                raise WorkshopError(
                    f"{self.path}: the stub of exercise {key} must say its "
                    f"minutes in damunet.minutes, got {wanted!r}"
                )
            task = without_details(cell["source"]).strip()
            headings = re.findall(r"^#{2,4} (.*Exercise.*)$", task, re.MULTILINE)
            title = headings[0].strip() if headings else task.partition("\n")[0].strip("# ")
            task = task[task.index(title) :].partition("\n")[2].strip()
            found.append(Exercise(key, title, wanted, task, info.get("instructor", "")))
        return found

    @cached_property
    def sections(self) -> list[tuple[str, int]]:
        """Headings of the text and how long each part is, in words.

        A line of code counts as five words, a figure as thirty, one that moves as two hundred.
        Exercises and what ends a chapter are left out: they have minutes of their own.
        """
        found: list[tuple[str, int]] = []
        code = 0
        for cell in self.notebook["cells"][1:]:
            if "role" in role(cell):
                continue
            if cell["cell_type"] == "code":
                code += 1
                lines = [line for line in cell["source"].split("\n") if line.strip()]
                if found and code > 1:
                    length = LINE_OF_CODE * len(lines) + _figures_in_words(cell)
                    found[-1] = (found[-1][0], found[-1][1] + length)
                continue
            before, *parts = HEADING.split(without_details(cell["source"]))
            if found:
                found[-1] = (found[-1][0], found[-1][1] + len(before.split()))
            for title, text in zip(parts[::2], parts[1::2], strict=True):
                if title.strip() in CLOSING:
                    return found
                found.append((title.strip(), len(text.split())))
        return found

    def _roles(self, wanted: str) -> dict[str, dict]:
        infos = (role(cell) for cell in self.notebook["cells"])
        return {info["exercise"]: info for info in infos if info.get("role") == wanted}

    def _section(self, heading: str) -> str:
        """Text from a second-level heading to the next one."""
        text = "\n\n".join(
            c["source"] for c in self.notebook["cells"] if c["cell_type"] == "markdown"
        )
        match = re.search(rf"^## {heading}\s*$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        return match.group(1).strip() if match else ""


def _figures_in_words(cell: dict[str, Any]) -> int:
    kinds = [output.get("data", {}) for output in cell.get("outputs", [])]
    return sum(
        LIVE_FIGURE if "text/html" in kind else FIGURE if "image/png" in kind else 0
        for kind in kinds
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


def _answer(text: str) -> str:
    found = [m["body"].strip() for m in DETAILS.finditer(text)]
    return "\n\n".join(found)


def _bullets(text: str) -> list[str]:
    """Items of a Markdown list, each on one line."""
    items: list[str] = []
    for line in without_details(text).split("\n"):
        if line.startswith(("- ", "* ")):
            items.append(line[2:].strip())
        elif items and line.startswith("  ") and line.strip():
            items[-1] += " " + line.strip()
        elif items and not line.strip():
            continue
        elif items:
            break
    return items


def find_checkout(folder: Path | None = None) -> Path:
    """The copy of the repository whose notebooks are used.

    Parameters
    ----------
    folder : Path, optional
        Where it lies; by default the current folder, or where this package lies.

    Raises
    ------
    WorkshopError
        If there is none: an installed package has no notebooks.

    Examples
    --------
    >>> find_checkout(Path("/nowhere"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    book.workshop.chapters.WorkshopError: /nowhere holds no chapters/...
    """
    for place in [folder] if folder else [Path.cwd(), PACKAGE_PARENT]:
        if (place / "_toc.yml").is_file() and any(place.glob("chapters/*.ipynb")):
            return place.resolve()
    where = folder or f"neither {Path.cwd()} nor {PACKAGE_PARENT}"
    raise WorkshopError(
        f"{where} holds {'no ' if folder else ''}chapters/ and _toc.yml. Workshop material is made "
        "from the book's notebooks, which the installed package does not have: get a copy of the "
        "repository and run this in it, or name it with --checkout"
    )


def read_chapters(checkout: Path) -> list[Chapter]:
    """The chapters that the table of contents lists, in order.

    Raises
    ------
    WorkshopError
        If one cannot be read.
    """
    listed = LISTED.findall((checkout / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [read_chapter(checkout / "chapters" / f"{slug}.ipynb") for slug in listed]
    if not chapters:
        raise WorkshopError(f"{checkout / '_toc.yml'} lists no chapters/...")
    return sorted(chapters, key=lambda chapter: chapter.number)


def read_chapter(path: Path) -> Chapter:
    """One notebook as a chapter.

    Raises
    ------
    WorkshopError
        If it cannot be read.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkshopError(f"{path} cannot be read as a notebook: {error}") from error
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return Chapter(path, notebook)
