"""Does installing the package in Colab change anything that is there? Proved without Colab.

    python tests/colab.py                      # refresh the list, then resolve: needs the network
    python tests/colab.py --keep               # only resolve, with the list as it is
    python tests/colab.py --keep --suite DIR   # also install those versions into DIR, test there

The list is tests/colab_constraints.txt. Its versions come from the list that Colab publishes of
its image. Resolving asks pip, without installing anything, what Colab's Python would get from
the list alone, and what from the list and the package: the difference has to be the package.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "colab_constraints.txt"
FREEZE = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.txt"
HEADER = """# What Colab's image of {date} has (Python {python}), as constraints for pip.
# The package's bounds must accept every line; `python tests/colab.py` refreshes and proves it.
"""
TEST_TOOLS = (
    "pytest pytest-timeout pytest-xdist filelock nbval ipykernel PyYAML packaging beautifulsoup4"
)
# What tests the building of the book, its pages and other backends needs other versions.
ELSEWHERE = (
    "backends book browser chapters colab house new_chapter pages preflight project workshop"
)


def versions(text: str) -> dict[str, str]:
    """Name -> version of every line with an exact version.

    Examples
    --------
    >>> versions("# a comment\\nNumPy==2.1.3\\nscikit_image==0.25.2  # why\\njax @ file:///a")
    {'numpy': '2.1.3', 'scikit-image': '0.25.2'}
    """
    found = re.findall(r"^([\w.-]+)==([^\s#;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def refreshed(old: str, freeze: str, date: str) -> str:
    """The list with the versions of a `pip freeze`; the names stay those of the old list.

    Raises
    ------
    ValueError
        If the freeze lacks a name, so that somebody has to decide.
    """
    new = versions(freeze)
    names = sorted(versions(old))
    if missing := [name for name in names if name not in new]:
        raise ValueError(f"Colab's list has no {', '.join(missing)}")
    lines = "".join(f"{name}=={new[name]}\n" for name in names)
    return HEADER.format(date=date, python=python_of(old)) + lines


def python_of(text: str) -> str:
    """Python version that the head of the list names.

    Examples
    --------
    >>> python_of("# What Colab's image of 2026-08-19 has (Python 3.13), as constraints")
    '3.13'
    """
    return re.findall(r"\(Python (3\.\d+)\)", text)[0]


def resolve(python: str, *requirements: str) -> dict[str, str]:
    """What pip would install for another Python on Linux, without installing it."""
    options = ["--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
    for wheels in ("_2_28", "_2_27", "_2_17", "2014"):
        options += ["--platform", f"manylinux{wheels}_x86_64"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", *options, "--target", folder]
        command += ["--python-version", python, "--report", report, *requirements]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = (f"{i['metadata']['name']}=={i['metadata']['version']}" for i in installs)
    return versions("\n".join(found))


def changes(listed: Path = LIST) -> dict[str, tuple[str | None, str | None]]:
    """Packages that installing ours on top of Colab's would add or move: name -> before, after."""
    python = python_of(listed.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
        subprocess.run(build, check=True, capture_output=True, text=True)
        (wheel,) = map(str, Path(folder).glob("*.whl"))
        before = resolve(python, "-r", str(listed))
        after = resolve(python, "-r", str(listed), wheel)
    names = sorted(before.keys() | after.keys())
    return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


def run_suite(folder: Path) -> int:
    """Install the listed versions into an environment, then the package, then test it."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"

    def pip(*arguments: str | Path) -> None:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)

    pip("-r", LIST)
    pip("--no-deps", ROOT)
    pip("-c", LIST, *TEST_TOOLS.split())
    tests = set((ROOT / "tests").glob("test_*.py"))
    tests -= {ROOT / "tests" / f"test_{name}.py" for name in ELSEWHERE.split()}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    package = subprocess.run([*command, *tests], cwd=ROOT, env=environment).returncode
    # Other versions print other last digits, so the chapters run and are not compared.
    lax = "--nbval-lax --nbval-current-env --nbval-cell-timeout=300 -n2 --dist=loadfile"
    command += ["-o", f"addopts={lax}", str(ROOT / "chapters")]
    chapters = subprocess.run(command, cwd=ROOT, env=environment).returncode
    return package or chapters


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave the list as it is")
    parser.add_argument("--suite", type=Path, metavar="DIR", help="test in an environment there")
    arguments = parser.parse_args()
    if not arguments.keep:
        old, today = LIST.read_text(encoding="utf-8"), datetime.date.today().isoformat()
        with urllib.request.urlopen(FREEZE, timeout=60) as answer:
            new = refreshed(old, answer.read().decode(), today)
        LIST.write_text(new if versions(new) != versions(old) else old, encoding="utf-8")
    found = changes()
    for name, (was, becomes) in found.items():
        print(f"{name}: {was} -> {becomes}")
    if set(found) != {"damunet-lite"}:
        sys.exit("installing the package would change what Colab has")
    return run_suite(arguments.suite) if arguments.suite else 0


if __name__ == "__main__":
    sys.exit(main())
