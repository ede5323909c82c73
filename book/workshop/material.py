"""Everything that the command writes, and which of it may be replaced."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten

import pooch

from book.tools.build import ROOT
from book.workshop import bundle, notebooks, sheets, slides
from book.workshop.chapters import Chapter, WorkshopError, read_chapters

HASHES = ".written.json"
"""What the last run wrote, file by file, so that the next one knows what was changed by hand."""


def write(
    folder: Path,
    checkout: Path = ROOT,
    wheels: bool | Path = False,
    report: Callable[[str], None] = lambda line: None,
    force: bool = False,
    start: str | None = None,
) -> list[sheets.Sheet]:
    """Write everything a teacher needs into a folder.

    ``student/``, ``instructor/`` and ``blank/`` notebooks, ``slides/``, ``run_sheets/``, and
    ``offline_bundle.zip`` for a room without network. Files of an earlier run are replaced as long
    as nobody changed them since, which a list of their hashes tells; other files in the folder
    are left alone.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    checkout : Path
        Copy of the repository; by default the one that this file lies in.
    wheels : bool or Path
        Whether the bundle gets the wheels of all packages, for this platform and Python, or a
        folder that has them.
    report : callable
        Takes one line about each part.
    force : bool
        Replace files that were changed, too.
    start : str, optional
        When a day starts, such as "9:30", for the run sheets; without it they count from 0:00.

    Returns
    -------
    list of Sheet
        The run sheets.

    Raises
    ------
    WorkshopError
        If there is no copy of the repository, a notebook lacks what is needed, a package that
        makes the material is missing, or a file would be replaced that somebody changed.
    ValueError
        If `start` is no time of day, or `wheels` no folder.
    OSError
        If the folder cannot be written.
    """
    minutes = None if start is None else sheets.parse_clock(start)
    if isinstance(wheels, Path) and not wheels.is_dir():
        raise ValueError(f"wheels is {wheels}, wanted a folder with .whl files")
    checkout = checkout.resolve()
    chapters = read_chapters(checkout)
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    report(f"{len(chapters)} chapters from {checkout}")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as name:
        scratch = Path(name)
        for kind in notebooks.KINDS:
            paths = notebooks.write_all(chapters, scratch / kind, kind)
            report(f"{kind:10} {len(paths)} notebooks")
        report(f"slides     {len(slides.write_slides(chapters, scratch / 'slides'))} files")
        planned = _write_sheets(scratch / "run_sheets", chapters, minutes)
        report(f"run sheets {', '.join(sheet.format.name.lower() for sheet in planned)}")
        bundle.write_bundle(chapters, checkout, scratch / bundle.FILE, wheels, report)
        _move_in(scratch, folder, force)
    return planned


def _write_sheets(folder: Path, chapters: list[Chapter], start: int | None) -> list[sheets.Sheet]:
    folder.mkdir()
    told = {chapter.number: slides.told(chapter) for chapter in chapters}
    planned = [sheets.plan(form, chapters) for form in sheets.FORMATS]
    for sheet in planned:
        path = folder / f"{sheet.format.slug}.md"
        text = sheets.to_markdown(sheet, start, told)
        path.write_text(text, encoding="utf-8")
        page = slides.to_page(f"Run sheet: {sheet.format.name.lower()}", text)
        path.with_suffix(".html").write_text(page, encoding="utf-8")
    return planned


def _move_in(written: Path, folder: Path, force: bool) -> None:
    """Put new files in the place of old ones, none of which may have been changed by hand."""
    try:
        last = json.loads((folder / HASHES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        last = {}
    paths = sorted(path for path in written.rglob("*") if path.is_file())
    new = {path.relative_to(written).as_posix(): pooch.file_hash(str(path)) for path in paths}
    there = {name: pooch.file_hash(str(folder / name)) for name in new if (folder / name).exists()}
    changed = [name for name, hash in there.items() if hash not in (new[name], last.get(name))]
    if changed and not force:
        raise WorkshopError(
            f"{folder} holds what was changed since it was written and would be replaced "
            f"({len(changed)} in all: {shorten(', '.join(changed), 200)}): move it, name another "
            "folder, or add --force"
        )
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(written / name, folder / name)
    (folder / HASHES).write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
