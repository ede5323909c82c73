"""Everything for a room without network, in one zip file."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from book.workshop import notebooks
from book.workshop.chapters import Chapter, WorkshopError
from book.workshop.rendering import HERE, fill
from damunet_lite import data

NAME = "damunet-workshop"
FILE = "offline_bundle.zip"
# What a participant needs besides the packages' own dependencies: something to open notebooks
# in, and what chapters import on their own account.
EXTRAS = ("jupyterlab", "ipywidgets", "nbclient", "scikit-image")
PACKAGES = ("damunet_lite", "book/damunet_book")
PACKED = (".whl", ".png", ".npz", ".woff2")
FIXED_DATE = (2020, 1, 1, 0, 0, 0)
PLATFORM = f"{sysconfig.get_platform()}, Python {sys.version_info.major}.{sys.version_info.minor}"


def write_bundle(
    chapters: Iterable[Chapter],
    checkout: Path,
    target: Path,
    wheels: bool | Path = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write the zip file of a workshop without network.

    Parameters
    ----------
    chapters : iterable of Chapter
    checkout : Path
        Copy of the repository; its built book is taken if it is there.
    target : Path
        The zip file.
    wheels : bool or Path
        Whether to fetch the wheels of everything needed, for this platform and this Python
        (hundreds of megabytes), or a folder that has them.
    report : callable
        Takes one line about each part.

    Returns
    -------
    Path

    Raises
    ------
    WorkshopError
        If the wheels cannot be had.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as scratch:
        root = Path(scratch) / NAME
        root.mkdir()
        parts = {
            "book": _add_book(checkout, root),
            "notebooks": _add_notebooks(chapters, root),
            "data": _add_data(root),
            "package": copy_packages(checkout, root / "package"),
            "wheels": _add_wheels(checkout, root / "wheels", wheels),
        }
        for name, found in parts.items():
            report(f"{name:10} {found}")
        for path in (HERE / "in_bundle").glob("*.py"):
            shutil.copy(path, root)
        shutil.copy(checkout / "LICENSE", root)
        (root / "requirements.txt").write_text("\n".join(EXTRAS) + "\n", encoding="utf-8")
        page = fill("START_HERE.html", parts=parts, platform=PLATFORM)
        (root / "START_HERE.html").write_text(page, encoding="utf-8")
        partial = Path(scratch) / FILE
        _zip(root, partial)
        os.replace(partial, target)
    report(f"{'in all':10} {target.stat().st_size / 1e6:.1f} MB, {target.name}")
    return target


def _add_book(checkout: Path, root: Path) -> str:
    built = checkout / "_build" / "html"
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
    named = os.environ.get("DAMUNET_DATA")
    folder = Path(named).expanduser() if named else data._cache_folder()
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


def copy_packages(checkout: Path, folder: Path) -> str:
    """Copy the source of both packages, from which pip installs where there are no wheels.

    Parameters
    ----------
    checkout : Path
    folder : Path
        Made here; must not exist.

    Returns
    -------
    str
        What to say about it.
    """
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(checkout / name, folder)
    compiled = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(checkout / name, folder / name, ignore=compiled)
    networks = ", ".join(sorted(path.name for path in folder.rglob("*.npz"))) or "none"
    return f"{_megabytes(folder):.1f} MB; trained networks in it: {networks}"


def _add_wheels(checkout: Path, folder: Path, wheels: bool | Path) -> str:
    if not wheels:
        return "left out (--wheels fetches them): installing needs network, 0.7 GB once"
    if isinstance(wheels, Path):
        # Not the package's own, which an earlier run built from the package as it was then.
        shutil.copytree(wheels, folder, ignore=shutil.ignore_patterns("damunet_lite-*.whl"))
        build_wheel(checkout, folder)
    else:
        folder.mkdir()
        _fetch_wheels(checkout, folder)
    count = len(list(folder.glob("*.whl")))
    return f"{count} for {PLATFORM}, {_megabytes(folder):.0f} MB"


def _fetch_wheels(checkout: Path, folder: Path) -> None:
    """Build the package's wheel and fetch those of all it needs, in the book's own versions."""
    own = build_wheel(checkout, folder)
    with tempfile.TemporaryDirectory() as scratch:
        pins = (checkout / "requirements.txt").read_text(encoding="utf-8").replace("\n-e .\n", "\n")
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text(pins, encoding="utf-8")
        limits = ["--only-binary", ":all:", "--constraint", str(constraints)]
        _pip("download", *limits, "--dest", str(folder), str(own), *EXTRAS)


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the wheel that holds both packages.

    Raises
    ------
    WorkshopError
        If pip cannot.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # Built from a copy: setuptools leaves a folder behind where it builds.
        source, built = Path(scratch, "package"), Path(scratch, "built")
        copy_packages(checkout, source)
        _pip("wheel", "--no-deps", "--wheel-dir", str(built), str(source))
        return Path(shutil.copy(next(built.glob("damunet_lite-*.whl")), folder))


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = (errors or done.stderr.splitlines() or ["no message"])[0]
        remedy = "Check the network, or leave --wheels out"
        raise WorkshopError(f"pip {words[0]} failed: {said[:300]}. {remedy}")


def _zip(folder: Path, target: Path) -> None:
    """Zip a folder so that the same content gives the same file."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), FIXED_DATE)
            packed = path.suffix in PACKED
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as copy:
                shutil.copyfileobj(source, copy, 2**20)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
