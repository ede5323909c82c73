"""Everything for a room without network, in one zip file."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

from book.tools.build import ROOT
from book.workshop import notebooks
from book.workshop.chapters import Chapter
from book.workshop.rendering import HERE, fill
from damunet_lite import data

NAME = "damunet-workshop"
FILE = Path("offline_bundle.zip")
# What a participant needs besides the packages' own dependencies: something to open notebooks
# in, and what chapters import on their own account.
EXTRAS = ("jupyterlab", "ipywidgets", "nbclient", "scikit-image")
PACKAGES = ("damunet_lite", "book/damunet_book")
NO_WHEELS = "left out (--wheels fetches them): installing needs network, 0.7 GB once"
PLATFORM = f"{sysconfig.get_platform()}, Python {sys.version_info.major}.{sys.version_info.minor}"


def write_bundle(chapters: Iterable[Chapter], folder: Path, wheels: bool = False) -> None:
    """Write the zip file of a workshop without network, and print a line about each part.

    Parameters
    ----------
    chapters : iterable of Chapter
    folder : Path
        Where the file goes; it takes the built book along if there is one.
    wheels : bool
        Whether to fetch the wheels of everything needed, for this platform and this Python
        (hundreds of megabytes).

    Raises
    ------
    RuntimeError
        If the wheels cannot be had.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / NAME
        root.mkdir()
        parts = {
            "book": _add_book(root),
            "notebooks": _add_notebooks(chapters, root),
            "data": _add_data(root),
            "package": _add_package(root / "package"),
            "wheels": _add_wheels(root) if wheels else NO_WHEELS,
        }
        for name, found in parts.items():
            print(f"{name:10} {found}")
        for path in [*(HERE / "in_bundle").glob("*.py"), ROOT / "LICENSE"]:
            shutil.copy(path, root)
        (root / "requirements.txt").write_text("\n".join(EXTRAS) + "\n", encoding="utf-8")
        page = fill("START_HERE.html", parts=parts, platform=PLATFORM)
        (root / "START_HERE.html").write_text(page, encoding="utf-8")
        shutil.make_archive(str(folder / FILE.stem), "zip", scratch, NAME)
    print(f"{'in all':10} {(folder / FILE).stat().st_size / 1e6:.1f} MB, {FILE}")


def _add_book(root: Path) -> str:
    built = ROOT / "_build" / "html"
    if not (built / "index.html").is_file():
        return "left out: not built (jupyter-book build . makes it)"
    skipped = shutil.ignore_patterns("_sources", ".buildinfo", "objects.inv", "*.map")
    shutil.copytree(built, root / "book", ignore=skipped)
    return f"{_megabytes(root / 'book'):.1f} MB; its solutions are folded, not absent"


def _add_notebooks(chapters: Iterable[Chapter], root: Path) -> str:
    book = "../book" if (root / "book").is_dir() else None
    paths = notebooks.write_all(chapters, root / "notebooks", "student", book)
    return f"{len(paths)}, without solutions"


def _add_data(root: Path) -> str:
    """Copy the training stack if this computer has it, never download it."""
    folder = Path(os.environ.get("DAMUNET_DATA") or data._cache_folder()).expanduser()
    try:
        data.verify(folder, "train")
    except data.DataError:
        return "left out: not on this computer; chapters will run on synthetic tissue"
    for name in data._part_files("train"):
        copy = root / "data" / "isbi2012" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, copy)
    (root / "data" / "TERMS.txt").write_text(data.ISBI_SOURCE + "\n", encoding="utf-8")
    return f"ISBI 2012 training stack, {_megabytes(root / 'data'):.1f} MB, every file checked"


def _add_package(folder: Path) -> str:
    """Copy the source of both packages, from which pip installs where there are no wheels."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    compiled = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=compiled)
    networks = ", ".join(sorted(path.name for path in folder.rglob("*.npz")))
    return f"{_megabytes(folder):.1f} MB; trained networks in it: {networks}"


def _add_wheels(root: Path) -> str:
    """Build the package's wheel and fetch those of all it needs, in the book's own versions."""
    with tempfile.TemporaryDirectory() as scratch:
        # Built from a copy: setuptools leaves a folder behind where it builds.
        source = shutil.copytree(root / "package", Path(scratch, "package"))
        pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\n-e .\n", "\n")
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text(pins, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--quiet"]
        command += ["--only-binary", ":all:", "--constraint", str(constraints)]
        command += ["--wheel-dir", str(root / "wheels"), str(source), *EXTRAS]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip().startswith("ERROR")]
        said = (errors or ["no message"])[0].strip()
        remedy = "Check the network, or leave --wheels out"
        raise RuntimeError(f"pip cannot fetch the packages: {said[:300]}. {remedy}")
    count = len(list((root / "wheels").glob("*.whl")))
    return f"{count} for {PLATFORM}, {_megabytes(root / 'wheels'):.0f} MB"


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
