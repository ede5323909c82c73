"""Slides of a chapter: one HTML file that needs no network and no server.

Headings, formulas, figures with their captions, tables, short code with what it printed, exercises
without hints, and the quiz; the prose is in the speaker's notes. Formulas are drawn by MathJax,
which lies beside the slides.
"""

import importlib
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup
from nbformat import NotebookNode

from book.workshop.chapters import CLOSING, Chapter, is_live, role, split_headings, without_details
from book.workshop.rendering import HERE, fill, render, render_line

LONGEST_CODE, LONGEST_OUTPUT = 14, 14
LONGEST_LEAD, LONGEST_TEXT = 45, 110
"""Words of a section's first sentences, and those of a slide that has nothing else."""
FULL, LEAD, FIGURE = 18, 4, 14
"""Lines that fill a slide, and those that a section's first sentences and a figure take of them."""
LEAST_ALONE = 3
"""Lines of output that say something without the code that printed them."""
BESIDE_A_FIGURE = 4
ADDED = ("body", "notes", "lines")
MATHJAX = "mathjax/tex-svg.js"
CODE_FORM = Markup('<pre tabindex="0"><code>{}</code></pre>')
FIGURE_FORM = Markup(
    '<figure><img alt="{}" src="data:image/png;base64,{}"><figcaption>{}</figcaption></figure>'
)


@dataclass(frozen=True)
class Slide:
    """One slide.

    Parameters
    ----------
    title : str
        Markdown of the heading, which a screen reader announces.
    body : Markup
        HTML below the heading.
    notes : Markup
        HTML of the speaker's notes.
    kind : str
        Shown small above: "Exercise, 5 minutes" and so on.
    code_only : bool
        Whether it is passed over when a chapter is told and not coded.
    lines : float
        About how many lines the body takes.
    alone : Markup
        Of a section's first sentences: the body if nothing comes below them.
    """

    title: str
    body: Markup
    notes: Markup = Markup("")
    kind: str = ""
    code_only: bool = False
    lines: float = FULL
    alone: Markup = Markup("")

    @property
    def heading(self) -> Markup:
        """The title as HTML."""
        return render_line(self.title)


def make_slides(chapter: Chapter) -> list[Slide]:
    """Slides of a chapter, without solutions.

    Parameters
    ----------
    chapter : Chapter
    """
    slides = _before_the_exercises(chapter)
    for exercise in chapter.exercises:
        task, note = render(exercise.task), render(exercise.instructor)
        slides.append(Slide(exercise.title, task, note, f"Exercise, {exercise.minutes} minutes"))
    for number, question in enumerate(chapter.questions, start=1):
        title = f"Question {number}"
        slides.append(Slide(title, render(question.text), render(question.answer), "Hands up"))
    if chapter.claims:
        slides.append(Slide("Key claims", _bulleted(chapter.claims)))
    return slides


def told(chapter: Chapter) -> int:
    """How many slides are shown when a chapter is told: those before the exercises, without code.

    Parameters
    ----------
    chapter : Chapter
    """
    return sum(not slide.code_only for slide in _before_the_exercises(chapter))


def write_slides(chapters: Iterable[Chapter], folder: Path) -> list[Path]:
    """Write one file per chapter, an index, and MathJax.

    Parameters
    ----------
    chapters : iterable of Chapter
    folder : Path
        Made if it is missing.
    """
    chapters = list(chapters)
    folder.mkdir(parents=True, exist_ok=True)
    _copy_mathjax(folder)
    pages = {c.slug: to_html(f"{c.number}. {c.title}", make_slides(c)) for c in chapters}
    pages["index"] = fill("index.html", title="Slides", chapters=chapters, mathjax=None)
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return [folder / f"{name}.html" for name in pages]


def to_html(title: str, slides: list[Slide]) -> str:
    """The page that holds all slides.

    Parameters
    ----------
    title : str
    slides : list of Slide

    Examples
    --------
    >>> page = to_html("One", [Slide("One", Markup("<p>It begins.</p>"))])
    >>> "http" in page, page.count("<section")
    (False, 1)
    """
    formulas = any(r"\(" in text or r"\[" in text for s in slides for text in (s.body, s.notes))
    return fill("slides.html", title=title, slides=slides, mathjax=MATHJAX if formulas else None)


def to_page(title: str, text: str) -> str:
    """Markdown as a page of its own, to read or print without network.

    Parameters
    ----------
    title, text : str
    """
    mathjax = f"../slides/{MATHJAX}" if "$" in text else None
    return fill("text.html", title=title, text=render(text), mathjax=mathjax)


# ------------------------------------------------------------------ from cells to slides


def _before_the_exercises(chapter: Chapter) -> list[Slide]:
    times = f"{chapter.minutes_read} minutes, and {chapter.minutes_exercises} for all exercises"
    title = f"{chapter.number}. {chapter.title}"
    slides = [Slide(title, render(chapter.lead), kind=times)]
    if chapter.goals:
        slides.append(Slide("At the end you can", _bulleted(chapter.goals)))
    for piece in _lesson(chapter):
        if _share_a_slide(slides[-1], piece):
            last = slides.pop()
            joined = {name: getattr(last, name) + getattr(piece, name) for name in ADDED}
            code_only = last.code_only and piece.code_only
            piece = replace(piece, **joined, code_only=code_only, alone=Markup(""))
        slides.append(piece)
    return [replace(slide, body=slide.alone or slide.body) for slide in slides]


def _share_a_slide(last: Slide, piece: Slide) -> bool:
    """Whether a piece of a section still fits below the one before.

    Nothing goes below a figure, and what is told takes one piece of code with it and not more. A
    section's first sentences are not left alone for a few lines too many.
    """
    room = FULL + 2 * LEAD * bool(last.alone)
    if last.title != piece.title or last.lines + piece.lines > room or "<figure" in last.body:
        return False
    return last.code_only == piece.code_only or CODE_FORM[:20] not in last.body


def _lesson(chapter: Chapter) -> Iterator[Slide]:
    """What lies between the goals and the exercises, piece by piece.

    Text that leads from one cell to the next comes with the next: its first sentences on the slide,
    all of it in the notes.
    """
    heading, bridge = chapter.title, ""
    code_cells = 0
    for cell in chapter.notebook.cells[1:]:
        part = role(cell).get("role")
        if cell.cell_type == "code":
            code_cells += 1
            if code_cells > 1 and part is None and heading not in CLOSING:
                for piece in _code(cell, heading, opening=code_cells == 2):
                    yield _led(piece, bridge)
                    bridge = ""
        elif part != "task":
            for title, text in split_headings(without_details(cell.source)):
                heading = title or heading
                pieces = [] if heading in CLOSING else list(_prose(heading, bool(title), text))
                yield from pieces
                bridge = "" if pieces or heading in CLOSING else text or bridge


def _led(piece: Slide, text: str) -> Slide:
    if not text:
        return piece
    room = not piece.kind and piece.lines <= FULL  # live figures are tall
    lead = render(_lead(text.split("\n\n")[0])) if room else Markup("")
    lines = piece.lines + LEAD * bool(lead)
    return replace(piece, body=lead + piece.body, notes=render(text) + piece.notes, lines=lines)


def _prose(heading: str, opens: bool, text: str) -> Iterator[Slide]:
    """A section's opening, formulas, lists and tables; the rest goes into the notes."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]
    shown = [block for block in blocks if re.match(r"\$\$|[-*] |\d+\. |\||```", block)]
    if not opens and not shown:
        return
    lead = _lead(blocks[0]) if blocks and blocks[0] not in shown else ""
    body = Markup("").join(render(block) for block in [lead, *shown[:3]])
    lines = LEAD * bool(lead) + sum(2 * block.count("\n") + 2 for block in shown[:3])
    alone = Markup("") if shown else render(_lead(text, LONGEST_TEXT))
    yield Slide(heading, body, render(text), lines=lines, alone=alone)


def _lead(text: str, longest: int = LONGEST_LEAD) -> str:
    """The first sentences of a text, as many as a slide bears.

    Examples
    --------
    >>> _lead("One word.\\n\\nTwo more words. Three.", 5)
    'One word.\\n\\nTwo more words.'
    """
    kept, *others = re.split(r"(?<=[.?:])(?=\s+[A-Z*`$])", text)
    for sentence in others:
        if len((kept + sentence).split()) > longest:
            break
        kept += sentence
    return kept


def _code(cell: NotebookNode, heading: str, opening: bool) -> Iterator[Slide]:
    """Code with what it printed and its tables; of a cell that draws, its figures."""
    figures, tables, printed = _shown(cell)
    lines = printed.count("\n") + 1 if printed else 0
    output = Markup("")
    if printed and lines <= LONGEST_OUTPUT:
        output = Markup('<pre class="output" tabindex="0">{}</pre>').format(printed)
    source = cell.source.strip()
    length = source.count("\n") + 1
    below = output if lines <= BESIDE_A_FIGURE else Markup("")
    for number, (kind, figure) in enumerate(figures, start=1):
        body = figure + below if number == len(figures) else figure
        yield Slide(heading, body, kind=kind, lines=FULL + LEAD + 1 if kind else FIGURE)
    rows = [1.5 * table.count("<tr") for table in tables]
    if not opening and not figures and length <= LONGEST_CODE:
        code = CODE_FORM.format(source) + output
        if tables and length + lines + sum(rows) <= FULL + LONGEST_CODE:
            code, tables = code + Markup("").join(tables), []
            yield Slide(heading, code, lines=length + lines + sum(rows))
        else:
            yield Slide(heading, code, code_only=True, lines=length + lines)
    elif output and lines >= LEAST_ALONE and not figures:
        yield Slide(heading, output, lines=lines)
    for table, height in zip(tables, rows, strict=False):
        yield Slide(heading, table, lines=height)


def _shown(cell: NotebookNode) -> tuple[list[tuple[str, Markup]], list[Markup], str]:
    """What a cell shows: figures, each with its kind; tables; printed text."""
    settings = cell.metadata.get("mystnb", {})
    caption = settings.get("figure", {}).get("caption", "")
    alt = settings.get("image", {}).get("alt", "")
    figures, tables, printed = [], [], ""
    for output in cell.outputs:
        found = output.get("data", {})
        if is_live(found):
            live = Markup('<figure class="live">{}</figure>').format(Markup(found["text/html"]))
            figures.append(("Live figure", live))
        elif "image/png" in found:
            picture = found["image/png"].replace("\n", "")
            figures.append(("", FIGURE_FORM.format(alt, picture, caption)))
        elif "text/markdown" in found:
            tables.append(render(found["text/markdown"]))
        elif "text/html" in found:  # tables such as those of pandas
            tables.append(Markup(found["text/html"]))
        elif output.get("name") == "stdout":
            printed += output.text
        elif output.output_type == "execute_result":
            printed += found["text/plain"] + "\n"
    return figures, tables, printed.rstrip()


def _bulleted(lines: list[str]) -> Markup:
    return render("\n".join(f"- {line}" for line in lines))


def _copy_mathjax(folder: Path) -> None:
    package = importlib.import_module("sphinx-mathjax-offline")
    target = folder / MATHJAX
    target.parent.mkdir(exist_ok=True)
    shutil.copy(Path(package.__path__[0]) / "static" / MATHJAX, target)
    licence = HERE.parent / "_ext" / "mathjax-licence.txt"
    shutil.copy(licence, target.with_name("LICENSE.txt"))
