"""From Markdown to HTML, and from templates to pages, sheets and notebooks."""

import html
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

HERE = Path(__file__).parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")


def _formula(content: str, options: dict[str, bool]) -> str:
    opening, closing = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return opening + html.escape(content.strip()) + closing


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    return parser.use(dollarmath_plugin, renderer=_formula, allow_labels=False, double_inline=True)


def without_links(text: str) -> str:
    """Markdown without links between notebooks, which lead nowhere from a slide or from paper.

    Examples
    --------
    >>> without_links("[chapter 3](03_scores.ipynb) and [a page](https://example.org)")
    'chapter 3 and [a page](https://example.org)'
    """
    return LINK.sub(r"\1", text)


def render(text: str) -> Markup:
    """Markdown with formulas as HTML; MathJax draws the formulas.

    Examples
    --------
    >>> render("A *loss* $a<b$.")
    Markup('<p>A <em>loss</em> <span class="math inline">\\\\(a&lt;b\\\\)</span>.</p>\\n')
    """
    return Markup(_parser().render(without_links(text)))


def render_line(text: str) -> Markup:
    """Markdown of a heading as HTML, without a paragraph around it."""
    return Markup(_parser().renderInline(without_links(text)))


def first_list(text: str) -> list[str]:
    """Items of the first bulleted list in a Markdown text, each on one line.

    Examples
    --------
    >>> first_list("You can\\n\\n- count\\n  pixels;\\n- draw.\\n\\nNot more.\\n\\n- other")
    ['count pixels;', 'draw.']
    """
    for node in SyntaxTreeNode(_parser().parse(text)).children:
        if node.type == "bullet_list":
            paragraphs = [item.children[0].children[0] for item in node.children]
            return [" ".join(paragraph.content.split()) for paragraph in paragraphs]
    return []


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader([HERE / "templates", HERE / "in_bundle", HERE]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def fill(template: str, **words: Any) -> str:
    """A template with its words filled in; one that lacks a word is an error.

    Parameters
    ----------
    template : str
        File name in ``templates/`` or ``in_bundle/``; it can include the files beside this one.
    **words
        What the template names.
    """
    return _templates().get_template(template).render(**words)
