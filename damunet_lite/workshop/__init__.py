"""Material for a workshop, written from the book's own notebooks.

Nothing here knows a chapter by name: titles, minutes, goals, exercises, hints, solutions, notes
and quiz come from the notebooks' cells and metadata, so a chapter that changes changes the
material with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from damunet_lite.workshop import bundle, notebooks, sheets, slides
from damunet_lite.workshop.chapters import find_checkout, read_chapters

__all__ = ["Material", "write"]


@dataclass(frozen=True)
class Material:
    """What was written.

    Parameters
    ----------
    folder : Path
    chapters : list of str
        Names of the chapters it is made from.
    sheets : list of Sheet
    bundle : Path
    """

    folder: Path
    chapters: list[str]
    sheets: list[sheets.Sheet]
    bundle: Path


def write(
    folder: Path,
    checkout: Path | None = None,
    wheels: bool | Path = False,
    report: Callable[[str], None] = lambda line: None,
) -> Material:
    """Write everything a teacher needs into a folder.

    ``student/``, ``instructor/`` and ``blank/`` notebooks, ``slides/``, ``run_sheets/``, and
    ``offline_bundle.zip`` for a room without network. Files of an earlier run are replaced, other
    files in the folder are left alone.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    checkout : Path, optional
        Copy of the repository; by default the current folder or where the package lies.
    wheels : bool or Path
        Whether the bundle gets the wheels of all packages, for this platform and Python, or a
        folder that has them.
    report : callable
        Takes one line about each part.

    Returns
    -------
    Material

    Raises
    ------
    WorkshopError
        If there is no copy of the repository, a notebook lacks what is needed, or a package that
        makes the material is missing.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> write(Path("workshop"), checkout=Path("/nowhere"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    damunet_lite.workshop.chapters.WorkshopError: /nowhere holds no chapters/...
    """
    checkout = find_checkout(checkout)
    chapters = read_chapters(checkout)
    folder = folder.resolve()
    report(f"{len(chapters)} chapters from {checkout}")
    for kind in notebooks.KINDS:
        paths = notebooks.write_all(chapters, folder / kind, kind)
        report(f"{kind:10} {len(paths)} notebooks")
    licence = checkout / "book" / "_ext" / "mathjax-licence.txt"
    report(f"slides     {len(slides.write_slides(chapters, folder / 'slides', licence)) - 1} files")
    planned = [sheets.plan(form, chapters) for form in sheets.FORMATS]
    (folder / "run_sheets").mkdir(exist_ok=True)
    for sheet in planned:
        path = folder / "run_sheets" / f"{sheet.format.slug}.md"
        text = sheets.to_markdown(sheet)
        path.write_text(text, encoding="utf-8")
        page = slides.to_page(f"Run sheet: {sheet.format.name.lower()}", text)
        path.with_suffix(".html").write_text(page, encoding="utf-8")
    report(f"run sheets {', '.join(sheet.format.name.lower() for sheet in planned)}")
    zipped = bundle.write_bundle(chapters, checkout, folder / "offline_bundle.zip", wheels, report)
    return Material(folder, [chapter.slug for chapter in chapters], planned, zipped)
