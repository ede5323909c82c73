"""Where the book lies, and its pages in their order."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def book_pages() -> list[str]:
    """Names of the book's pages, in the order of its table of contents.

    Examples
    --------
    >>> book_pages()[0]
    'book/intro'
    """

    def names(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for item in node for name in names(item)]
        below = [node.get(key) or [] for key in ("parts", "chapters", "sections")]
        return [node[key] for key in ("root", "file") if key in node] + names(below)

    return names(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
