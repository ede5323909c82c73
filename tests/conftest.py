"""One build of the book, for every test that looks at its pages."""

import os
from pathlib import Path

import pytest

from book.tools.build import build_book


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> tuple[Path, float]:
    """Folder of the built pages, and the processor seconds that they cost.

    DAMUNET_BOOK names a folder of pages that are there already, while you work on one of them.
    """
    if os.environ.get("DAMUNET_BOOK"):
        return Path(os.environ["DAMUNET_BOOK"]).resolve(), 0.0
    pages, _, seconds = build_book(tmp_path_factory.mktemp("book"))
    return pages, seconds


@pytest.fixture(scope="session")
def site(built) -> Path:
    """The built book."""
    return built[0]
