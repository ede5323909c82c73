"""Slides of a chapter: one HTML file that needs no network and no server.

Headings, formulas, figures with their captions, short code with what it printed, exercises
without hints, and the quiz; the prose is in the speaker's notes. Formulas are drawn by MathJax,
which lies beside the slides.
"""

import html
import importlib.util
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from book.workshop.chapters import CLOSING, Chapter, WorkshopError, role, without_details

HERE = Path(__file__).parent
LONGEST_CODE, LONGEST_OUTPUT = 14, 14
LONGEST_LEAD = 45
LONGEST_WITH_LEAD = 16
LEAST_ALONE = 3
"""Lines of output that say something without the code that printed them."""
MATHJAX = "mathjax/tex-svg.js"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")


@dataclass(frozen=True)
class Slide:
    """One slide.

    Parameters
    ----------
    title : str
        What a screen reader announces.
    body : str
        HTML.
    notes : str
        HTML of the speaker's notes.
    kind : str
        Shown small above: "Exercise, 5 minutes" and so on.
    code_only : bool
        Whether it is passed over when a chapter is told and not coded.
    """

    title: str
    body: str
    notes: str = ""
    kind: str = ""
    code_only: bool = False


def make_slides(chapter: Chapter) -> list[Slide]:
    """Slides of a chapter, without solutions.

    Parameters
    ----------
    chapter : Chapter
    """
    render = _renderer()
    slides = [*_opening(chapter, render), *_lesson(chapter, render)]
    slides += _exercises(chapter, render)
    slides += _quiz(chapter, render)
    if chapter.claims:
        claims = "\n".join(f"- {claim}" for claim in chapter.claims)
        slides.append(Slide("Key claims", f"<h2>Key claims</h2>{render(claims)}"))
    return slides


def told(chapter: Chapter) -> int:
    """How many slides are shown when a chapter is told: those before the exercises, without code.

    Parameters
    ----------
    chapter : Chapter
    """
    render = _renderer()
    shown = [*_opening(chapter, render), *_lesson(chapter, render)]
    return sum(not slide.code_only for slide in shown)


def _lesson(chapter: Chapter, render: Callable[[str], str]) -> list[Slide]:
    """What lies between the goals and the exercises."""
    slides: list[Slide] = []
    heading = chapter.title
    code_cells = 0
    lead = False
    for cell in chapter.notebook["cells"][1:]:
        info = role(cell)
        if cell["cell_type"] == "markdown" and info.get("role") != "task":
            for part in _sections(cell["source"], heading):
                heading = part[0]
                made = [] if heading in CLOSING else list(_prose(*part, render))
                slides += [slide for slide, _ in made]
                lead = bool(made) and made[-1][1]
        elif cell["cell_type"] == "markdown" or "role" in info:
            lead = False
        if cell["cell_type"] != "code":
            continue
        code_cells += 1
        if code_cells > 1 and "role" not in info and heading not in CLOSING:
            opener = slides.pop() if lead and _fits_a_lead(cell) else None
            shown = list(_code(cell, heading, render, code_cells == 2, opener))
            slides += shown
            lead = lead and not shown
    return slides


def write_slides(
    chapters: Iterable[Chapter], folder: Path, licence: Path | None = None
) -> list[Path]:
    """Write one file per chapter, an index, and MathJax.

    Parameters
    ----------
    chapters : iterable of Chapter
    folder : Path
        Made if it is missing.
    licence : Path, optional
        MathJax's licence, to lie beside it.

    Raises
    ------
    WorkshopError
        If a package that rendering needs is missing; the message names it.
    """
    chapters = list(chapters)
    folder.mkdir(parents=True, exist_ok=True)
    _copy_mathjax(folder, licence)
    paths = []
    for chapter in chapters:
        paths.append(folder / f"{chapter.slug}.html")
        title = f"{chapter.number}. {chapter.title}"
        paths[-1].write_text(to_html(title, make_slides(chapter)), encoding="utf-8")
    paths.append(folder / "index.html")
    paths[-1].write_text(_index(chapters), encoding="utf-8")
    return paths


def to_html(title: str, slides: list[Slide]) -> str:
    """The page that holds all slides.

    Parameters
    ----------
    title : str
    slides : list of Slide

    Examples
    --------
    >>> page = to_html("One", [Slide("One", "<h1>One</h1>")])
    >>> "http" in page, page.count("<section")
    (False, 1)
    """
    sections = "\n".join(_section(i, slide) for i, slide in enumerate(slides, start=1))
    math = ""
    if any(
        r"\(" in slide.body + slide.notes or r"\[" in slide.body + slide.notes for slide in slides
    ):
        math = f'<script defer src="{MATHJAX}"></script>'
    return _page(
        title,
        f"""<main>
{sections}
</main>
<nav aria-label="Slides">
<button type="button" aria-label="Previous slide">&larr;</button>
<button type="button" aria-label="Next slide">&rarr;</button>
<button type="button" aria-pressed="false">Notes (n)</button>
<button type="button" aria-pressed="false">Without code (c)</button>
<button type="button">Presenter (p)</button>
<span class="where" role="status"></span>
</nav>
<script>{_asset("slides.js")}</script>
{math}""",
    )


def to_page(title: str, text: str) -> str:
    """Markdown as a page of its own, to read or print without network.

    Parameters
    ----------
    title, text : str
    """
    math = f'<script defer src="../slides/{MATHJAX}"></script>' if "$" in text else ""
    body = f"<main><section><div>{_renderer()(text)}</div></section></main>{math}"
    return _page(title, body)


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_asset("slides.css")}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _section(number: int, slide: Slide) -> str:
    kind = f'<p class="kind">{html.escape(slide.kind)}</p>' if slide.kind else ""
    notes = f"<aside><strong>Notes.</strong> {slide.notes}</aside>" if slide.notes else ""
    label = html.escape(f"Slide {number}: {slide.title}", quote=True)
    code = " data-code" if slide.code_only else ""
    return (
        f'<section tabindex="-1" role="group" aria-roledescription="slide" aria-label="{label}"'
        f"{code}>"
        f"<div>{kind}{slide.body}{notes}</div></section>"
    )


def _index(chapters: list[Chapter]) -> str:
    items = "\n".join(
        f'<li><a href="{c.slug}.html">{c.number}. {html.escape(c.title)}</a></li>' for c in chapters
    )
    return _page(
        "Slides",
        f"""<main><section><div><h1>Slides</h1>
<p>Open a chapter in any browser; no network is needed. Keys: arrows, space, page up and down, Home
and End; n for the speaker's notes below a slide, p for a second window that has the notes, the
title of the next slide and the time, f for the full screen, c to pass over slides that are code
alone, as when a chapter is told. Printing gives one slide a page.</p>
<ul>
{items}
</ul></div></section></main>""",
    )


@cache
def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------ the slides of a cell


def _opening(chapter: Chapter, render: Callable[[str], str]) -> Iterator[Slide]:
    parts = chapter.notebook["cells"][0]["source"].split("\n\n")
    lead = parts[1] if len(parts) > 1 else ""
    title = f"{chapter.number}. {chapter.title}"
    times = (
        f"{chapter.minutes_read} minutes, and "
        f"{sum(e.minutes for e in chapter.exercises)} for all exercises"
    )
    yield Slide(title, f"<h1>{html.escape(title)}</h1>{render(lead)}", kind=times)
    if chapter.goals:
        goals = "\n".join(f"- {goal}" for goal in chapter.goals)
        yield Slide("Goals", f"<h2>At the end you can</h2>{render(goals)}")


def _sections(source: str, heading: str) -> Iterator[tuple[str, bool, str]]:
    """Heading, whether it begins here, and text, of each part of a Markdown cell.

    What stands before a cell's first heading still belongs to the one of the cell before.

    Examples
    --------
    >>> list(_sections("The end of one.\\n\\n## Two\\n\\nBegins.", "One"))
    [('One', False, 'The end of one.'), ('Two', True, 'Begins.')]
    """
    before, *parts = re.split(r"^#{1,4} (.+)$", without_details(source), flags=re.MULTILINE)
    if before.strip():
        yield heading, False, before.strip()
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        yield title.strip(), True, text.strip()


def _prose(
    heading: str, opens: bool, text: str, render: Callable[[str], str]
) -> Iterator[tuple[Slide, bool]]:
    """A slide for a section's opening, formula, list or table; the rest goes into the notes.

    With it comes whether it is a heading with a sentence or two, which may share its slide.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    shown = [b for b in blocks if re.match(r"\$\$|[-*] |\d+\. |\|", b.strip())]
    if not opens and not shown:
        return
    body = f"<h2>{_inline(heading, render)}</h2>"
    if blocks and blocks[0] not in shown:
        body += render(_lead(blocks[0]))
    body += "".join(render(block) for block in shown[:3])
    yield Slide(heading, body, render(text) if text else ""), not shown


def _lead(paragraph: str) -> str:
    """The first sentences of a paragraph, as many as a slide bears."""
    sentences = re.split(r"(?<=[.?:])\s+(?=[A-Z*`$])", " ".join(paragraph.split()))
    kept = sentences[:1]
    for sentence in sentences[1:]:
        if len(" ".join([*kept, sentence]).split()) > LONGEST_LEAD:
            break
        kept.append(sentence)
    return " ".join(kept)


def _fits_a_lead(cell: dict[str, Any]) -> bool:
    """Whether what a cell shows leaves room for a heading's first sentences."""
    figures = list(_figures(cell))
    if figures:
        return "Live figure" not in dict(figures)
    printed = _printed(cell)
    lines = cell["source"].strip().count("\n") + 1
    return lines + (printed.count("\n") + 1 if printed else 0) <= LONGEST_WITH_LEAD


def _code(
    cell: dict[str, Any],
    heading: str,
    render: Callable[[str], str],
    opening: bool,
    opener: Slide | None,
) -> Iterator[Slide]:
    """Code with what it printed; of a cell that draws, its figures with what it printed.

    The first of them goes onto the opener, where there is one.
    """
    printed = _printed(cell)
    lines = cell["source"].strip().split("\n")
    title = f"<h2>{_inline(heading, render)}</h2>"
    start, notes = (opener.body, opener.notes) if opener else (title, "")
    shown = ""
    if printed and len(printed.split("\n")) <= LONGEST_OUTPUT:
        shown = f'<pre class="output" tabindex="0">{html.escape(printed)}</pre>'
    figures = list(_figures(cell))
    for number, (kind, figure) in enumerate(figures):
        beside = shown if number == len(figures) - 1 and len(printed.split("\n")) <= 4 else ""
        first = number == 0
        yield Slide(
            heading, (start if first else title) + figure + beside, notes if first else "", kind
        )
    if figures:
        return
    if not opening and len(lines) <= LONGEST_CODE:
        code = html.escape(cell["source"].strip())
        body = f'{start}<pre tabindex="0"><code>{code}</code></pre>{shown}'
        yield Slide(heading, body, notes, code_only=opener is None)
    elif shown and printed.count("\n") + 1 >= LEAST_ALONE:
        yield Slide(heading, start + shown, notes)
    elif opener:
        yield opener


def _figures(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and HTML of each picture that a cell has drawn."""
    settings = cell["metadata"].get("mystnb", {})
    caption = html.escape(settings.get("figure", {}).get("caption", ""))
    alt = html.escape(settings.get("image", {}).get("alt", ""), quote=True)
    for output in cell.get("outputs", []):
        bundle = output.get("data", {})
        if "text/html" in bundle:
            yield "Live figure", f'<div class="live">{"".join(bundle["text/html"])}</div>'
        elif "image/png" in bundle:
            picture = "".join(bundle["image/png"]).replace("\n", "")
            yield (
                "",
                (
                    f'<figure><img alt="{alt}" src="data:image/png;base64,{picture}">'
                    f"<figcaption>{caption}</figcaption></figure>"
                ),
            )


def _printed(cell: dict[str, Any]) -> str:
    texts = []
    for output in cell.get("outputs", []):
        if output.get("name") == "stdout":
            texts.append("".join(output["text"]))
        elif output["output_type"] == "execute_result" and set(output["data"]) == {"text/plain"}:
            texts.append("".join(output["data"]["text/plain"]) + "\n")
    return "".join(texts).rstrip()


def _exercises(chapter: Chapter, render: Callable[[str], str]) -> Iterator[Slide]:
    for exercise in chapter.exercises:
        body = f"<h2>{_inline(exercise.title, render)}</h2>{render(exercise.task)}"
        yield Slide(
            exercise.title,
            body,
            render(exercise.instructor),
            f"Exercise, {exercise.minutes} minutes",
        )


def _quiz(chapter: Chapter, render: Callable[[str], str]) -> Iterator[Slide]:
    for number, question in enumerate(chapter.questions, start=1):
        yield Slide(
            f"Question {number}",
            f"<h2>Question {number}</h2>{render(question.text)}",
            render(question.answer),
            "Hands up",
        )


# ------------------------------------------------------------------ Markdown and MathJax


@cache
def _renderer() -> Callable[[str], str]:
    """A function from Markdown with formulas to HTML."""
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin
    except ImportError as error:
        raise WorkshopError(
            f"{error.name} is missing, with which the slides are rendered: "
            "python -m pip install -r requirements.txt"
        ) from error

    def formula(content: str, options: dict[str, bool]) -> str:
        opening, closing = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
        return opening + html.escape(content.strip()) + closing

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.use(dollarmath_plugin, renderer=formula, allow_labels=False, double_inline=True)
    return lambda text: parser.render(LINK.sub(r"\1", text))


def _inline(text: str, render: Callable[[str], str]) -> str:
    return re.sub(r"^<p>|</p>\s*$", "", render(text).strip())


def _copy_mathjax(folder: Path, licence: Path | None) -> None:
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise WorkshopError(
            "sphinx-mathjax-offline is missing, from which the slides take MathJax: "
            "python -m pip install -r requirements.txt"
        )
    target = folder / MATHJAX
    target.parent.mkdir(exist_ok=True)
    shutil.copy(Path(spec.origin).parent / "static" / MATHJAX, target)
    if licence is not None and licence.is_file():
        shutil.copy(licence, target.with_name("LICENSE.txt"))
