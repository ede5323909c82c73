"""Everything that the command writes, and which of it may be replaced."""

import json
import os
import tempfile
from pathlib import Path
from textwrap import shorten

import pooch

from book.workshop import bundle, notebooks, sheets, slides
from book.workshop.chapters import Chapter, read_chapters

HASHES = ".written.json"
"""What the last run wrote, file by file, so that the next one knows what was changed by hand."""


def write(
    folder: Path, wheels: bool = False, force: bool = False, start: str | None = None
) -> None:
    """Write everything a teacher needs into a folder, and print a line about each part.

    ``student/``, ``instructor/`` and ``blank/`` notebooks, ``slides/``, ``run_sheets/``, and
    ``offline_bundle.zip`` for a room without network. Files of an earlier run are replaced as long
    as nobody changed them since, which a list of their hashes tells; other files in the folder
    are left alone.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    wheels : bool
        Whether the bundle gets the wheels of all packages, for this platform and Python.
    force : bool
        Replace files that were changed, too.
    start : str, optional
        When a day starts, such as "9:30", for the run sheets; without it they count from 0:00.

    Raises
    ------
    RuntimeError
        If wheels cannot be had, or a file would be replaced that somebody changed.
    ValueError
        If `start` is no time of day.
    OSError
        If the folder cannot be written.
    """
    minutes = None if start is None else sheets.parse_clock(start)
    chapters = read_chapters()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as name:
        scratch = Path(name)
        for kind in notebooks.KINDS:
            paths = notebooks.write_all(chapters, scratch / kind, kind)
            print(f"{kind:10} {len(paths)} notebooks")
        print(f"slides     {len(slides.write_slides(chapters, scratch / 'slides'))} files")
        _write_sheets(scratch / "run_sheets", chapters, minutes)
        print(f"run sheets {', '.join(form.name.lower() for form in sheets.FORMATS)}")
        bundle.write_bundle(chapters, scratch, wheels)
        _move_in(scratch, folder, force)
    print(f"all of it is in {folder}")


def _write_sheets(folder: Path, chapters: list[Chapter], start: int | None) -> None:
    folder.mkdir()
    for form in sheets.FORMATS:
        sheet = sheets.plan(form, chapters)
        texts = {form.slug: sheets.to_markdown(sheet, start)}
        texts[f"{form.slug}_handout"] = sheets.to_handout(sheet)
        for name, text in texts.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
            title = text.partition("\n")[0].lstrip("# ")
            (folder / f"{name}.html").write_text(slides.to_page(title, text), encoding="utf-8")


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
        raise RuntimeError(
            f"{folder} holds what was changed since it was written and would be replaced "
            f"({len(changed)} in all: {shorten(', '.join(changed), 200)}): move it, name another "
            "folder, or add --force"
        )
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(written / name, folder / name)
    (folder / HASHES).write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
