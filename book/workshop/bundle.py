"""Everything for a room without network, in one zip file."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from book.workshop import notebooks
from book.workshop.chapters import Chapter, WorkshopError
from damunet_lite import data

NAME = "damunet-workshop"
HERE = Path(__file__).parent
# What a participant needs besides the package's own dependencies: something to open notebooks
# in, and what chapters import on their own account.
EXTRAS = ("jupyterlab", "ipywidgets", "nbclient", "scikit-image")
NETWORKS = ("*.keras", "*.npz")
FIXED_DATE = (2020, 1, 1, 0, 0, 0)

Reporter = Callable[[str], None]


def write_bundle(
    chapters: Iterable[Chapter],
    checkout: Path,
    target: Path,
    wheels: bool | Path = False,
    report: Reporter = lambda line: None,
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
            "networks": _add_networks(root),
            "package": _add_package(checkout, root / "package"),
            "wheels": _add_wheels(checkout, root, wheels),
        }
        for name, found in parts.items():
            report(f"{name:10} {found}")
        _add_instructions(checkout, root, parts)
        partial = Path(scratch) / "bundle.zip"
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


def _add_networks(root: Path) -> str:
    package = Path(data.__file__).parent
    found = [path for kind in NETWORKS for path in sorted(package.glob(kind))]
    if not found:
        return "none in this version of the package"
    (root / "networks").mkdir()
    for path in found:
        shutil.copy(path, root / "networks")
    return ", ".join(path.name for path in found)


def _add_package(checkout: Path, folder: Path) -> str:
    """Copy the package's source, from which pip installs where there are no wheels."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(checkout / name, folder)
    shutil.copytree(
        checkout / "damunet_lite",
        folder / "damunet_lite",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return f"{_megabytes(folder):.1f} MB"


def _add_wheels(checkout: Path, root: Path, wheels: bool | Path) -> str:
    if not wheels:
        return "left out (--wheels fetches them): installing needs network, 0.7 GB once"
    folder = root / "wheels"
    if isinstance(wheels, Path):
        shutil.copytree(wheels, folder)
        _renew_own_wheel(checkout, folder)
    else:
        fetch_wheels(checkout, folder)
    count = len(list(folder.glob("*.whl")))
    return f"{count} for {_platform()}, {_megabytes(folder):.0f} MB"


def fetch_wheels(checkout: Path, folder: Path) -> None:
    """Build the package's wheel and fetch those of all it needs, in the book's own versions.

    Parameters
    ----------
    checkout : Path
    folder : Path
        Made if it is missing.

    Raises
    ------
    WorkshopError
        If pip cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = build_wheel(checkout, folder)
    with tempfile.TemporaryDirectory() as scratch:
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("\n".join(_pins(checkout)) + "\n", encoding="utf-8")
        _pip(
            "download",
            "--only-binary",
            ":all:",
            "--dest",
            str(folder),
            "--constraint",
            str(constraints),
            str(own),
            *EXTRAS,
        )


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Build the package's own wheel.

    Raises
    ------
    WorkshopError
        If pip cannot.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # Built from a copy: setuptools leaves a folder behind where it builds.
        copy = Path(scratch) / "package"
        _add_package(checkout, copy)
        built = Path(scratch) / "built"
        _pip("wheel", "--no-deps", "--wheel-dir", str(built), str(copy))
        wheel = next(built.glob("damunet_lite-*.whl"))
        return Path(shutil.copy(wheel, folder))


def _renew_own_wheel(checkout: Path, folder: Path) -> None:
    """Wheels of an earlier run hold the package as it was then; keep that one only if we must."""
    old = list(folder.glob("damunet_lite-*.whl"))
    try:
        new = build_wheel(checkout, folder)
    except WorkshopError:
        if not old:
            raise
        return
    for path in old:
        if path != new:
            path.unlink()


def _pins(checkout: Path) -> list[str]:
    """Exact versions of the book's environment."""
    lines = (checkout / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if re.match(r"[A-Za-z]\S*==", line)]


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = (errors or done.stderr.splitlines() or ["no message"])[0]
        raise WorkshopError(
            f"pip {words[0]} failed: {said[:300]}. Check the network, or leave --wheels out"
        )


def _platform() -> str:
    import sysconfig

    return f"{sysconfig.get_platform()}, Python {sys.version_info.major}.{sys.version_info.minor}"


def _add_instructions(checkout: Path, root: Path, parts: dict[str, str]) -> None:
    for name in ("install.py", "start.py"):
        shutil.copy(HERE / "in_bundle" / name, root)
    (root / "requirements.txt").write_text("\n".join(EXTRAS) + "\n", encoding="utf-8")
    page = (HERE / "in_bundle" / "START_HERE.html").read_text(encoding="utf-8")
    inside = "\n".join(f"<tr><th>{name}</th><td>{found}</td></tr>" for name, found in parts.items())
    (root / "START_HERE.html").write_text(
        page.replace("<!-- parts -->", inside).replace("PLATFORM", _platform()), encoding="utf-8"
    )
    for name in ("LICENSE",):
        if (checkout / name).is_file():
            shutil.copy(checkout / name, root)


def _zip(folder: Path, target: Path) -> None:
    """Zip a folder so that the same content gives the same file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), FIXED_DATE)
            packed = path.suffix in (".whl", ".png", ".keras", ".npz", ".woff2")
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as copy:
                shutil.copyfileobj(source, copy, 2**20)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
