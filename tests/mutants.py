"""Do the tests notice a wrong operator or number? Break the code one place at a time, at random.

    python tests/mutants.py damunet_lite/losses.py      # ten mutants of one module
    python tests/mutants.py --count 3 --seed 1          # three of every module
    python tests/mutants.py --extra                     # the cases chosen by hand, and no others

A mutant is a copy of the project with one change: another comparison, operator, number or truth
value, a condition turned, a statement left out. Its tests are the module's own, examples in its
docstrings included; chapters and other modules' tests do not count. Survivors are printed with
their line. The exit code is 1 if more than one mutant in ten survives.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("damunet_lite", "book/damunet_book")
TOLERATED = 0.1
SECONDS = 300

COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}

# What no single operator makes: file, text that stands there once, text in its place.
EXTRA: list[tuple[str, str, str]] = [
    (
        "damunet_lite/metrics.py",
        "ndimage.label(cell)[0]",
        "ndimage.label(cell, np.ones((3, 3)))[0]",
    ),
    (
        "damunet_lite/augment.py",
        "np.rot90(image, quarter), np.rot90(mask, quarter)",
        "np.rot90(image, quarter), mask",
    ),
    (
        "damunet_lite/augment.py",
        "_sample(image, where), _sample(mask, where)",
        "_sample(image, where), _sample(mask, where[::-1])",
    ),
    ("damunet_lite/data.py", "np.concatenate([test, held])", "test"),
]


class Mutant(NamedTuple):
    """The text of one file with one change."""

    file: Path
    line: int
    change: str
    text: str


def mutants_of(file: Path) -> list[Mutant]:
    """Every mutant that the rules make of a file."""
    text = file.read_text(encoding="utf-8")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    found = []
    for node, first, last, new in _changes(ast.parse(text), raw, place):
        old = raw[first:last].decode()
        changed = (raw[:first] + new.encode() + raw[last:]).decode()
        found.append(Mutant(file, node.lineno, f"{_short(old)} -> {_short(new)}", changed))
    return found


def _short(text: str) -> str:
    return " ".join(text.split())[:60]


def _changes(tree: ast.AST, raw: bytes, place) -> Iterator[tuple[ast.AST, int, int, str]]:
    """Node, first byte, byte after the last, and what stands there in the mutant."""
    skipped = _words(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or not hasattr(node, "lineno"):
            continue
        first, last = (
            place(node.lineno, node.col_offset),
            place(node.end_lineno, node.end_col_offset),
        )
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            start, end = _between(node.left, node.comparators[0], place)
            if not set(raw[start:end].decode()) & set("()#"):
                yield node, start, end, f" {COMPARISONS[type(node.ops[0])]} "
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            start, end = _between(node.left, node.right, place)
            gap = raw[start:end].decode()
            if not set(gap) & set("()#"):
                yield node, start, end, f" {OPERATORS[type(node.op)]} "
        elif isinstance(node, ast.BoolOp):
            start, end = _between(node.values[0], node.values[1], place)
            if not set(raw[start:end].decode()) & set("()#"):
                yield node, start, end, " or " if isinstance(node.op, ast.And) else " and "
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            value = node.value
            new = (
                not value
                if isinstance(value, bool)
                else value + 1
                if type(value) is int
                else (value * 2 or 1.0)
            )
            yield node, first, last, repr(new)
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            test = node.test
            start, end = (
                place(test.lineno, test.col_offset),
                place(test.end_lineno, test.end_col_offset),
            )
            yield node, start, end, f"(not ({raw[start:end].decode()}))"
        elif isinstance(node, (ast.AugAssign, ast.Raise)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            yield node, first, last, "pass"


def _between(left: ast.AST, right: ast.AST, place) -> tuple[int, int]:
    return (place(left.end_lineno, left.end_col_offset), place(right.lineno, right.col_offset))


def _words(tree: ast.AST) -> set[int]:
    """Nodes that hold words or types, not what is computed."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            parts = [node.returns, *(a.annotation for a in arguments)]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.JoinedStr):
            parts = [node]
        for part in parts:
            skipped |= {id(inner) for inner in ast.walk(part)} if part is not None else set()
    return skipped


def tests_of(file: Path) -> list[str]:
    """A module's own tests and examples."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    if "checks" in parts:
        return ["tests/checks"]
    room = parts[1] if parts[0] == "damunet_lite" else parts[2]
    names = {"__main__": "cli", "__init__": "package", "_arguments": "arguments"}
    own = ROOT / "tests" / f"test_{names.get(room, room)}.py"
    tests = [own.relative_to(ROOT).as_posix()] if own.exists() else []
    return [*tests, file.relative_to(ROOT).as_posix()]


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test fails on the mutant; one that never ends is noticed too."""
    path = copy / mutant.file.relative_to(ROOT)
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "book")]),
    }
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *tests_of(mutant.file)],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(original, encoding="utf-8")
    return done.returncode != 0


def drawn(files: list[Path], count: int, seed: int) -> list[Mutant]:
    """Mutants of each file at random; the same seed and text give the same ones."""
    chosen = []
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        every = mutants_of(file)
        chosen += random.Random(f"{seed} {name}").sample(every, min(count, len(every)))
    return chosen


def extra() -> list[Mutant]:
    """The mutants chosen by hand."""
    found = []
    for name, old, new in EXTRA:
        text = (ROOT / name).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"EXTRA: {name} holds {old!r} {text.count(old)} times, wanted once")
        line = text[: text.index(old)].count("\n") + 1
        change = f"{_short(old)} -> {_short(new)}"
        found.append(Mutant(ROOT / name, line, change, text.replace(old, new)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="modules (default: all)")
    parser.add_argument("--count", type=int, default=10, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extra", action="store_true", help="only the cases chosen by hand")
    given = parser.parse_args()
    every = [file for place in PLACES for file in sorted((ROOT / place).rglob("*.py"))]
    files = [file.resolve() for file in given.files] or every
    mutants = extra() if given.extra else drawn(files, given.count, given.seed)
    survivors = 0
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".*", "_build", "runs", "__pycache__")
        )
        for mutant in mutants:
            started = time.perf_counter()
            noticed = is_noticed(mutant, copy)
            survivors += not noticed
            where = f"{mutant.file.relative_to(ROOT)}:{mutant.line}"
            verdict = "noticed" if noticed else "SURVIVED"
            seconds = time.perf_counter() - started
            print(f"{verdict:9}{where}: {mutant.change} ({seconds:.0f} s)", flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants noticed")
    return int(survivors > TOLERATED * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
