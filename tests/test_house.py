"""The house in three parts: how large each may be, and which way imports run."""

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, BOOK = ROOT / "damunet_lite", ROOT / "book" / "damunet_book"
MODULES = sorted(PACKAGE.rglob("*.py"))

# In the order in which data flows: a module imports only from those before it.
ORDER = """
    config devices images data synthetic augment losses layers supervision models tiling inference
    metrics cells plots runs training weights __main__
""".split()  # noqa: SIM905
SCIENCE = {"config", "data", "augment", "losses", "layers", "models", "supervision"}
SCIENCE |= {"training", "tiling", "inference", "metrics"}
NUMPY_ONLY = {"config", "images", "data", "synthetic", "augment", "tiling", "metrics", "cells"}
NETWORK_LIBRARIES = {"keras", "tensorflow", "jax", "torch"}
TOOLS = [p for p in (ROOT / "book" / "tools").glob("*.py") if "argparse" in p.read_text("utf-8")]
SILENT = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"}


def code_lines(path: Path) -> int:
    """Lines that hold code: no docstring, comment or blank line."""
    text = path.read_text(encoding="utf-8")
    words: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        has_docstring = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if has_docstring and ast.get_docstring(node) is not None:
            words |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return len({t.start[0] for t in tokens if tokenize.tok_name[t.type] not in SILENT} - words)


def imports(path: Path) -> Iterator[str]:
    """Full names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("part", "budget", "largest"),
    [(PACKAGE, 2700, 300), (BOOK, 5200, 330), (ROOT / "book", 7400, None)],
    ids=["damunet_lite", "damunet_book", "book"],
)
def test_no_part_grows_beyond_its_budget(part, budget, largest):
    sizes = {path: code_lines(path) for path in part.rglob("*.py")}
    assert sum(sizes.values()) <= budget
    assert [path for path, size in sizes.items() if largest and size > largest] == []


def test_the_science_can_be_read_in_an_afternoon():
    assert sum(code_lines(PACKAGE / f"{name}.py") for name in SCIENCE) <= 1750


def test_lines_of_code_are_counted_without_words(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        '"""Words."""\n\n# more\ndef f():\n    """Words\n    again."""\n    return (1,\n  2)\n'
    )
    assert code_lines(path) == 3


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_package_knows_nothing_of_the_book_and_of_what_comes_later(path):
    used = {tuple(name.split(".")[:2]) for name in imports(path)}
    assert [name for name in used if name[0] in ("book", "damunet_book")] == []
    if path.stem[0] != "_" or path.stem == "__main__":
        later = ORDER[ORDER.index(path.stem) + 1 :]
        assert [name for name in used if name[0] == "damunet_lite" and name[1] in later] == []


def test_what_is_installed_needs_no_checkout():
    for path in BOOK.rglob("*.py"):
        used = [name for name in imports(path) if name.split(".")[0] in ("book", "tests")]
        assert used == [], path


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {libraries}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
import {modules}
"""


@pytest.mark.parametrize(
    ("modules", "blocked"),
    [
        (["damunet_lite", *(f"damunet_lite.{name}" for name in NUMPY_ONLY)], {"matplotlib"}),
        ([f"book.tools.{path.stem}" for path in TOOLS], set()),  # so that --help is there at once
    ],
)
def test_what_computes_no_network_imports_no_network_library(modules, blocked):
    code = BLOCKED.format(libraries=NETWORK_LIBRARIES | blocked, modules=", ".join(modules))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
