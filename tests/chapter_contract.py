"""What every chapter promises its reader, as far as a program can check it.

`notebook_rules.py` makes sure that comparing stored outputs proves something; this module makes
sure that a chapter teaches in the form CONTRIBUTING.md describes.
"""

import math
import re
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from book.tools.notebook_rules import EXEMPTING_TAGS

# What the median code cell may have, and what one cell in ten at most may exceed.
TYPICAL_LINES, LONG_CELL = 6, 20
LINE_LENGTH = 88  # characters that a page of 1280 pixels shows without scrolling
EXEMPT_SHARE, EXERCISES, QUESTIONS = 0.1, 4, 5
WORDS_A_MINUTE = 180
FIGURE, LIVE_FIGURE = 30, 200  # as long as so many words
APPENDIX = "# Appendix: "  # without exercises and quiz
CLOSING = ("Key claims", "What did not work", "Where next")
# A decimal number; not a section ("Exercise 4.1"), a version ("2.4.6"), part of a DOI or a name.
NUMBER = re.compile(r"(?<![\w./-])\d*\.\d+(?![\w/-]|\.\d)")
NAMED = re.compile(
    r"\b(?:exercises?|chapters?|sections?|keras|tensorflow|python|cc by)\s+\d+\.\d+", re.IGNORECASE
)
CITED = re.compile(
    r"https?://\S+|10\.\d{4,}/\S+|arXiv:\S+"
    r"|\b(?:et al\.|and \w+),? (?:19|20)\d\d|\(\w+ (?:19|20)\d\d"
)
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)
MYST = re.compile(r"^```\{|^:::|\{(?:ref|doc|numref|cite|term|eq|func|class)[:}]", re.MULTILINE)


def contract_faults(notebook: Mapping[str, Any], number: int) -> list[str]:
    """Everything in which a chapter falls short of its contract.

    Parameters
    ----------
    notebook : mapping
        The notebook as nbformat reads it.
    number : int
        Number of the chapter in its file name.

    Returns
    -------
    list of str
        Empty if all is well.
    """
    cells = notebook["cells"]
    appendix = cells[0]["source"].startswith(APPENDIX)
    return [
        *_opening(notebook, number),
        *_sizes(cells),
        *(() if appendix else (*_exercises(cells, number), *_quiz(cells))),
        *_closing(cells),
        *_outputs(cells),
        *_portable(cells),
        *(f"no output or code of the chapter has the number {n}" for n in orphan_numbers(notebook)),
    ]


# ------------------------------------------------------------------ numbers


def orphan_numbers(notebook: Mapping[str, Any]) -> list[str]:
    """Decimals of the prose that no code, no output and no citation accounts for.

    A number is at home if it stands in a code cell, in a text output, or in a paragraph that
    cites a source. Leading zeros and signs do not matter; digits do.

    Examples
    --------
    >>> prose = {"cell_type": "markdown", "metadata": {}, "source": "It is 0.25, not 0.52."}
    >>> code = {"cell_type": "code", "metadata": {}, "source": "1 / 4",
    ...         "outputs": [{"data": {"text/plain": "0.25"}}]}
    >>> orphan_numbers({"cells": [prose, code]})
    ['0.52']
    """
    code = _code(notebook["cells"])
    sources = [text for cell in code for text in (cell["source"], *_texts(cell))]
    known = {n.lstrip("0") for text in sources for n in re.findall(r"\d*\.\d+", text)}
    orphans = []
    for text in _prose(notebook["cells"]):
        for paragraph in re.split(r"\n\s*\n", text):
            if not CITED.search(paragraph):
                numbers = NUMBER.findall(NAMED.sub("", paragraph))
                orphans += [n for n in numbers if n.lstrip("0") not in known]
    return orphans


def _prose(cells) -> Iterator[str]:
    for cell in cells:
        if cell["cell_type"] == "markdown":
            yield cell["source"]
        shown = cell["metadata"].get("mystnb", {})
        yield shown.get("figure", {}).get("caption", "")
        yield shown.get("image", {}).get("alt", "")


def _texts(cell) -> Iterator[str]:
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts = (output.get("text"), data.get("text/plain"), data.get("text/markdown"))
        yield "\n".join(filter(None, texts))


# ------------------------------------------------------------------ time


def reading_minutes(notebook: Mapping[str, Any]) -> int:
    """How long it takes to read a chapter, in steps of five minutes.

    Its words, the names and numbers of its code and what this prints, at 180 a minute; figures as
    so many words. Exercises have minutes of their own, and folded code is not read.

    Examples
    --------
    >>> words = {"cell_type": "markdown", "metadata": {}, "source": "word " * 1000}
    >>> code = {"cell_type": "code", "metadata": {}, "source": "x = 1 + y", "outputs": []}
    >>> reading_minutes({"cells": [words]}), reading_minutes({"cells": [words, code]})
    (10, 10)
    >>> reading_minutes({"cells": [words, *[code] * 300]})
    15
    """
    words = 0
    for cell in notebook["cells"]:
        if _role(cell):
            continue
        if cell["cell_type"] == "markdown":
            words += len(cell["source"].split())
            continue
        if "hide-input" not in cell["metadata"].get("tags", []):
            words += len(re.findall(r"\w+", cell["source"]))
        words += sum(len(text.split()) for text in _texts(cell))
        kinds = [kind for output in cell["outputs"] for kind in output.get("data", {})]
        words += FIGURE * kinds.count("image/png") + LIVE_FIGURE * kinds.count("text/html")
    return 5 * math.ceil(words / WORDS_A_MINUTE / 5)


def exercise_minutes(notebook: Mapping[str, Any]) -> int:
    """Minutes of all exercises of a chapter."""
    found = (cell["metadata"].get("damunet", {}) for cell in notebook["cells"])
    return sum(info.get("minutes", 0) for info in found if info.get("role") == "stub")


# ------------------------------------------------------------------ form


def _code(cells) -> list:
    return [cell for cell in cells if cell["cell_type"] == "code" and cell["source"].strip()]


def _role(cell) -> str | None:
    return cell["metadata"].get("damunet", {}).get("role")


def _lines(cell) -> int:
    """Lines to read: empty ones and imports do not count."""
    lines = map(str.strip, cell["source"].split("\n"))
    return sum(bool(line) and not line.startswith(("import ", "from ")) for line in lines)


def _opening(notebook, number: int) -> Iterator[str]:
    text = notebook["cells"][0]["source"]
    if not text.startswith((f"# {number}. ", APPENDIX)):
        yield f"the title does not begin with '# {number}. '"
    paragraphs = re.split(r"\n\s*\n", text)
    if len(paragraphs) < 2 or len(paragraphs[1].split("\n")) > 8:
        yield "the opening says in more than eight lines what the reader will hold"
    needed = ("Needed:", "Helpful:", "minutes to read", "Colab T4")
    said = " ".join(text.split())
    yield from (f"the opening does not say '{word}'" for word in needed if word not in said)
    objectives = re.findall(r"^[-*] ", text, re.MULTILINE)
    if not 3 <= len(objectives) <= 5:
        yield f"{len(objectives)} objectives instead of 3 to 5"
    told = notebook["metadata"].get("damunet", {})
    keys = ("minutes_read", "minutes_run_cpu", "minutes_run_t4")
    yield from (f"the metadata lack damunet.{key}" for key in keys if key not in told)
    told_of, measured = told.get("minutes_read", 0), reading_minutes(notebook)
    if abs(told_of - measured) > 5:
        yield f"minutes_read is {told_of}, but reading takes {measured} minutes"
    times = f"{told_of} minutes to read"
    if not text.startswith(APPENDIX):
        times += f" and {exercise_minutes(notebook)} for the exercises"
    if times not in " ".join(text.split()):
        yield f"the opening does not say '{times}'"
    if told.get("chapter") != number:
        yield f"damunet.chapter is {told.get('chapter')}"


def _sizes(cells) -> Iterator[str]:
    lines = [_lines(cell) for cell in _code(cells)]
    if (middle := statistics.median(lines)) > TYPICAL_LINES:
        yield f"the median code cell has {middle} lines, more than {TYPICAL_LINES}"
    if sum(n > LONG_CELL for n in lines) > len(lines) / 10:
        yield f"more than one code cell in ten has over {LONG_CELL} lines"
    widest = max((line for cell in _code(cells) for line in cell["source"].splitlines()), key=len)
    if len(widest) > LINE_LENGTH:
        yield f"a line of code is longer than {LINE_LENGTH} characters: {widest.strip()!r}"
    outputs = [output for cell in _code(cells)[:3] for output in cell["outputs"]]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    if not any(kind.startswith("image/") or kind == "text/html" for kind in kinds):
        yield "no picture up to the third code cell"


def _exercises(cells, number: int) -> Iterator[str]:
    names = [cell["metadata"]["damunet"].get("exercise") for cell in cells if _role(cell) == "task"]
    if len(names) < EXERCISES:
        yield f"{len(names)} exercises, fewer than {EXERCISES}"
    for name in names:
        mine = [c for c in cells if c["metadata"].get("damunet", {}).get("exercise") == name]
        parts = {_role(cell): cell for cell in mine}
        if list(parts) != ["task", "stub", "solution"]:
            yield f"exercise {name} has {list(parts)} instead of task, stub, solution"
            continue
        yield from (f"exercise {name}: {fault}" for fault in _exercise(parts, number))


def _exercise(parts, number: int) -> Iterator[str]:
    task, stub, solution = parts.values()
    title, metadata = f"### Exercise {number}.", solution["metadata"]
    hidden = solution["source"].startswith("#@title Solution")
    hidden = hidden and "hide-cell" in metadata.get("tags", [])
    hidden = hidden and metadata.get("cellView") == "form"
    hidden = hidden and metadata.get("jupyter", {}).get("source_hidden", False)
    verdict = [text[:7] for text in _texts(stub)]
    holds = {
        f"the task does not begin with '{title}'": task["source"].startswith(title),
        "no hint": "<summary>Hint" in task["source"],
        "no note for the instructor": task["metadata"]["damunet"].get("instructor", "").strip(),
        "the stub does not say its minutes": stub["metadata"]["damunet"].get("minutes"),
        "the stub's stored verdict does not begin with 'Not yet'": "Not yet" in verdict,
        "the solution's stored verdict is not 'Right'": "Right" in "".join(_texts(solution)),
        "the solution is not hidden in the book, in JupyterLab and in Colab alike": hidden,
    }
    yield from (fault for fault, well in holds.items() if not well)


def _quiz(cells) -> Iterator[str]:
    text = "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    quiz = re.split(r"^## .*[Qq]uiz.*$", text, maxsplit=1, flags=re.MULTILINE)
    if len(quiz) < 2:
        yield "no section '## Quiz'"
        return
    body = re.split(r"^## ", quiz[1], maxsplit=1, flags=re.MULTILINE)[0]
    questions = re.split(r"^\*\*\d\.", body, flags=re.MULTILINE)[1:]
    if len(questions) != QUESTIONS:
        yield f"{len(questions)} quiz questions instead of {QUESTIONS}"
    for count, question in enumerate(questions, start=1):
        options = set(re.findall(r"^- \(?([a-e])\)", question, re.MULTILINE))
        answer = " ".join(DETAILS.findall(question))
        named = set(re.findall(r"\b([a-e])\b[).]", answer))
        if len(options) < 3:
            yield f"quiz question {count} has {len(options)} options"
        if missing := sorted(options - named):
            yield f"the answer to quiz question {count} does not explain {missing}"


def _closing(cells) -> Iterator[str]:
    text = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    found = [text.find(f"## {heading}") for heading in CLOSING]
    if -1 in found or found != sorted(found):
        yield f"it does not close with the headings {CLOSING}"


def _outputs(cells) -> Iterator[str]:
    shown = [cell for cell in _code(cells) if cell["outputs"]]
    exempt = [c for c in shown if EXEMPTING_TAGS & set(c["metadata"].get("tags", []))]
    if len(exempt) > EXEMPT_SHARE * len(shown):
        yield f"{len(exempt)} of {len(shown)} cells with output are exempt from comparison"
    for cell in _code(cells):
        live = re.search(r"\binteract(?:ive|ive_output)?\(|\.observe\(", cell["source"])
        if live and (cell["outputs"] or "needs-kernel" not in cell["metadata"].get("tags", [])):
            yield f"'{live[0]}' answers only with a kernel: tag needs-kernel, store no output"
        if address := re.search(r"<[\w.]+ at 0x[0-9a-f]+>", " ".join(_texts(cell))):
            yield f"the output {address[0]} says nothing: end the cell's last line with ;"


def _portable(cells) -> Iterator[str]:
    for cell in cells:
        text = cell["source"]
        if cell["cell_type"] == "markdown":
            if found := MYST.search(text):
                yield f"MyST that shows as raw text in Colab: {found[0]!r}"
            if re.search(r"!\[[^]]*\]\((?!https?:|data:)", text):
                yield "an image file of its own, which Colab does not have"
        elif re.search(r"^\s*(?:from|import) book\b", text, re.MULTILINE):
            yield "it imports the book's own tools"
