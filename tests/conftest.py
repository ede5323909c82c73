"""One build of the book, for every test that looks at its pages."""

import os
from pathlib import Path

import pytest
from building import build_book
from filelock import FileLock


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """Folder of the built pages.

    DAMUNET_BOOK names a folder of pages that are there already, while you work on one of them.
    Processes that share the suite's work share the pages too: the first one builds.
    """
    if os.environ.get("DAMUNET_BOOK"):
        return Path(os.environ["DAMUNET_BOOK"]).resolve()
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    whole = shared / "book.whole"
    with FileLock(shared / "book.lock"):
        if not whole.exists():
            build_book(shared / "book")
            whole.touch()
    return shared / "book" / "_build" / "html"
