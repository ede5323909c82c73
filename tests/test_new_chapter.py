"""One command makes a chapter that passes lint, comparison, contract and build at once."""

import os
import shutil
import subprocess
import sys

import pytest
from building import build_book

from book.tools.build import ROOT
from book.tools.new_chapter import start_chapter

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", "__pycache__", "_build", "build", "dist", "runs", "*.egg-info"
)


@pytest.mark.slow
def test_a_new_chapter_passes_everything_at_once(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    environment = os.environ | {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'book'}"}
    environment["NO_COLOR"] = "1"

    def run(*command):
        words = [sys.executable, *map(str, command)]
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    files = ["chapters/98_a_new_idea.ipynb", "book/damunet_book/checks/ch98.py"]
    files += ["tests/checks/answers/ch98.py", "_toc.yml"]
    made = run("-m", "book.tools.new_chapter", "98", "a_new_idea", "A new idea")
    assert made.split("\n")[:4] == files
    *python, toc = files
    run("-m", "ruff", "check", *python)
    run("-m", "ruff", "format", "--check", *python[1:])
    suites = (files[0], "tests/checks", "tests/test_chapters.py", "tests/test_book.py")
    run("-m", "pytest", "-q", "-n0", *suites, "-k", "98 and not colab")

    assert "file: chapters/98_a_new_idea\n" in (copy / toc).read_text(encoding="utf-8")
    # Alone behind a title: the other pages are built by the tests of the book.
    alone = "format: jb-book\nroot: book/intro\nchapters:\n- file: chapters/98_a_new_idea\n"
    (copy / toc).write_text(alone, encoding="utf-8")
    (copy / "book" / "intro.md").write_text("# A book\n", encoding="utf-8")
    pages = build_book(tmp_path / "built", copy)
    text = (pages / "chapters" / "98_a_new_idea.html").read_text(encoding="utf-8")
    assert [words in text for words in ("98. A new idea", "Last run on")] == [True, True]


@pytest.mark.parametrize(
    ("number", "slug", "title", "words"),
    [
        ("7", "slug", "Title", "two digits"),
        ("02", "Not a slug", "Title", "underscores"),
        ("02", "slug", " ", "title is"),
        ("01", "slug", "Title", "chapters/01_a.ipynb exists"),
        ("00", "slug", "Title", "two digits"),
    ],
)
def test_what_cannot_be_made_is_named_and_nothing_is_written(tmp_path, number, slug, title, words):
    (tmp_path / "_toc.yml").write_text("  - file: chapters/01_a\n", encoding="utf-8")
    for folder in ("chapters", "book/damunet_book/checks", "tests/checks/answers"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "chapters" / "01_a.ipynb").write_text("{}", encoding="utf-8")

    before = set(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=words):
        start_chapter(number, slug, title, tmp_path)
    assert set(tmp_path.rglob("*")) == before
    assert (tmp_path / "_toc.yml").read_text(encoding="utf-8") == "  - file: chapters/01_a\n"
