"""One build of the book, for every test that looks at its pages."""

import json
import os
from pathlib import Path

import pytest
from building import build_book
from filelock import FileLock


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> tuple[Path, float]:
    """Folder of the built pages, and the processor seconds that they cost.

    DAMUNET_BOOK names a folder of pages that are there already, while you work on one of them.
    Processes that share the suite's work share the pages too: the first one builds.
    """
    if os.environ.get("DAMUNET_BOOK"):
        return Path(os.environ["DAMUNET_BOOK"]).resolve(), 0.0
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    note = shared / "book.json"
    with FileLock(shared / "book.lock"):
        if not note.exists():
            pages, _, seconds = build_book(shared / "book")
            note.write_text(json.dumps([str(pages), seconds]), encoding="utf-8")
    pages, seconds = json.loads(note.read_text(encoding="utf-8"))
    return Path(pages), seconds


@pytest.fixture(scope="session")
def site(built) -> Path:
    """The built book."""
    return built[0]
