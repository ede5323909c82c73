"""Do the tests notice a wrong operator or number? Break the code one place at a time, at random.

    python tests/mutants.py damunet_lite/losses.py      # ten mutants of one module
    python tests/mutants.py --count 3 --seed 1          # three of every module
    python tests/mutants.py --extra                     # the cases chosen by hand, and no others

A mutant is a copy of the project with one change: another comparison, operator, number or truth
value, a condition turned, a statement left out. Its tests are the module's own, examples in its
docstrings included; chapters and other modules' tests do not count. Each is printed with the test
that noticed it. The exit code is 1 if more than one mutant in ten survives.

Each mutant meets its tests in a process forked from this one, which has loaded the libraries: on
a loaded computer that saves most of the time. Slow tests are asked only when the others pass.
"""

import argparse
import ast
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("damunet_lite", "book/damunet_book")
TOLERATED = 0.1
SECONDS = 900

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

# What no single operator makes: of each file, text that stands there once and text in its place.
EXTRA: dict[str, list[tuple[str, str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


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

    def ends(part: ast.AST) -> tuple[int, int]:
        return place(part.lineno, part.col_offset), place(part.end_lineno, part.end_col_offset)

    skipped = _words(tree)
    for node in ast.walk(tree):
        if id(node) in skipped or not hasattr(node, "lineno"):
            continue
        if operation := _operation(node):
            left, right, new = operation
            start, end = ends(left)[1], ends(right)[0]
            if not set(raw[start:end].decode()) & set("()#"):
                yield node, start, end, f" {new} "
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            yield node, *ends(node), repr(_another(node.value))
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            start, end = ends(node.test)
            yield node, start, end, f"(not ({raw[start:end].decode()}))"
        elif isinstance(node, (ast.AugAssign, ast.Raise)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            yield node, *ends(node), "pass"


def _operation(node: ast.AST) -> tuple[ast.AST, ast.AST, str] | None:
    """The two operands that an operator stands between, and another operator."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return node.left, node.comparators[0], COMPARISONS[type(node.ops[0])]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return node.left, node.right, OPERATORS[type(node.op)]
    if isinstance(node, ast.BoolOp):
        return node.values[0], node.values[1], "or" if isinstance(node.op, ast.And) else "and"
    return None


def _another(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value * 2 or 1.0


def _words(tree: ast.AST) -> set[int]:
    """Nodes that hold words, types or what only guards the code, not what is computed."""
    parts: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            parts += [node.returns, *(a.annotation for a in arguments), *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            parts += node.decorator_list
        elif isinstance(node, ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.Raise):
            parts.append(node.exc)
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            parts.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts.append(node)
    return {id(inner) for part in parts if part is not None for inner in ast.walk(part)}


def tests_of(file: Path) -> list[str]:
    """A module's own tests and examples."""
    own = file.relative_to(ROOT)
    if "checks" in own.parts:
        return [own.as_posix(), "tests/checks"]
    room = own.with_suffix("").parts[1 if own.parts[0] == "damunet_lite" else 2]
    rooms = {"__main__": ["cli"], "_arguments": ["metrics", "tiling", "config", "augment"]}
    rooms |= {
        "__init__": ["devices", "weights", "data"],
        "_predict_files": ["cli"],
        "runs": ["training"],
    }
    tests = [f"tests/test_{name}.py" for name in rooms.get(room, [room])]
    tests = [name for name in tests if (ROOT / name).exists()]
    return [own.as_posix(), *tests] if own.suffix == ".py" else tests


def noticed_by(mutant: Mutant, copy: Path) -> str:
    """The test that fails on the mutant, or what else betrays it; nothing if all is as before."""
    path = copy / mutant.file.relative_to(ROOT)
    original = path.read_text(encoding="utf-8")
    path.write_text(mutant.text, encoding="utf-8")
    try:
        return failure(tests_of(mutant.file), copy)
    finally:
        path.write_text(original, encoding="utf-8")


def failure(tests: list[str], copy: Path) -> str:
    """The first of the tests that fails, slow ones last; nothing if none does."""
    return next(filter(None, (_failure(tests, copy, kind) for kind in ("not slow", "slow"))), "")


def _failure(tests: list[str], copy: Path, marked: str) -> str:
    told = copy / "failure.txt"
    told.write_text("", encoding="utf-8")
    child = os.fork()
    if not child:
        _run_tests(tests, copy, marked, told)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            # 5: no test is marked so
            return "" if code in (0, 5) else told.read_text(encoding="utf-8") or f"exit code {code}"
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"no end after {SECONDS} s"


def _run_tests(tests: list[str], copy: Path, marked: str, told: Path) -> None:
    """Ask the tests and end this process with their answer."""
    import pytest

    class Witness:
        """What pytest tells of each test and module."""

        def pytest_runtest_logreport(self, report):
            if report.failed:
                told.write_text(report.nodeid, encoding="utf-8")

        pytest_collectreport = pytest_runtest_logreport

    os.chdir(copy)
    paths = [str(copy), str(copy / "book")]
    sys.path[:0] = paths
    os.environ.update(PYTHONPATH=os.pathsep.join(paths), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    options = ["-n0", "-x", "-q", "-p", "no:cacheprovider", "-m", marked]
    try:
        os._exit(pytest.main([*options, *tests], [Witness()]))
    finally:
        os._exit(1)


def _load(files: set[Path]) -> None:
    """Load the libraries that the tests of these files need, and nothing of the project."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1", MPLBACKEND="agg")
    names = ["nbval.plugin", "pytest", "scipy.ndimage", "PIL.Image"]
    tests = {ROOT / test for file in files for test in tests_of(file)}
    if any("keras" in test.read_text(encoding="utf-8") for test in tests if test.is_file()):
        names += ["keras", "h5py"]
    for name in names:
        importlib.import_module(name)


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
    for name, (old, new) in ((name, pair) for name, pairs in EXTRA.items() for pair in pairs):
        text = (ROOT / name).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"EXTRA: {name} holds {old!r} {text.count(old)} times, wanted once")
        line = text[: text.index(old)].count("\n") + 1
        change = f"{_short(old)} -> {_short(new)}"
        found.append(Mutant(ROOT / name, line, change, text.replace(old, new)))
    return found


def _check_original(tests: list[str], copy: Path) -> None:
    if found := failure(list(dict.fromkeys(tests)), copy):
        sys.exit(f"{found} fails without a mutant")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="modules (default: all)")
    parser.add_argument("--count", type=int, default=10, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extra", action="store_true", help="the cases chosen by hand, no others")
    given = parser.parse_args()
    every = [file for place in PLACES for file in sorted((ROOT / place).rglob("*.py"))]
    files = [file.resolve() for file in given.files] or every
    if given.extra:
        mutants = [one for one in extra() if not given.files or one.file in files]
    else:
        mutants = drawn(files, given.count, given.seed)
    survivors = 0
    _load({mutant.file for mutant in mutants})
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".*", "_build", "runs", "__pycache__")
        )
        tests = [test for mutant in mutants for test in tests_of(mutant.file)]
        _check_original(tests, copy)
        for mutant in mutants:
            found = noticed_by(mutant, copy)
            survivors += not found
            where = f"{mutant.file.relative_to(ROOT)}:{mutant.line}"
            print(f"{where}: {mutant.change}: {found or 'SURVIVED'}", flush=True)
        _check_original(tests, copy)  # nothing that the mutants left behind fails them either
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants noticed")
    return int(survivors > TOLERATED * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
