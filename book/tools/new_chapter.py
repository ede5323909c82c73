"""Start a chapter: notebook, checkers and answers for their tests, in the form of the others.

    python -m book.tools.new_chapter 16 slug_of_the_chapter "Title of the chapter"

Writes chapters/NN_slug.ipynb (executed), book/damunet_book/checks/chNN.py and
tests/checks/answers/chNN.py from book/tools/templates, and enters the chapter in _toc.yml. All of
it passes the tests at once; replace it piece by piece, and run the chapter's tests as you go.
"""

import argparse
import re
import sys
from pathlib import Path

from book.tools.build import ROOT
from book.tools.execute import execute

TEMPLATES = Path(__file__).parent / "templates"


def with_chapter(toc: str, page: str) -> str:
    """The table of contents with a page behind the last chapter of a lower number.

    Examples
    --------
    >>> print(with_chapter("- file: chapters/01_a\\n- file: book/api\\n", "chapters/02_b"))
    - file: chapters/01_a
    - file: chapters/02_b
    - file: book/api
    <BLANKLINE>
    """
    found = list(re.finditer(r"^( *- file: )(chapters/\S+)\n", toc, re.MULTILINE))
    before = [match for match in found if match[2] < page]
    if not before:
        raise ValueError(f"{page} would be the first chapter: enter it in _toc.yml yourself")
    end = before[-1].end()
    return f"{toc[:end]}{before[-1][1]}{page}\n{toc[end:]}"


def start_chapter(number: str, slug: str, title: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new chapter and return them; the notebook is not executed yet.

    Raises
    ------
    ValueError
        If number, slug or title have another form, or the number is taken.
    """
    if not re.fullmatch(r"\d\d", number):
        raise ValueError(f"number is {number!r}, wanted two digits such as 15")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug):
        raise ValueError(f"slug is {slug!r}, wanted small letters, digits and underscores")
    if not title.strip() or len(title) > 60 or '"' in title:
        raise ValueError(f"title is {title!r}, wanted up to 60 characters without quotes")
    targets = {
        "chapter.ipynb.txt": root / "chapters" / f"{number}_{slug}.ipynb",
        "checks.py.txt": root / "book" / "damunet_book" / "checks" / f"ch{number}.py",
        "answers.py.txt": root / "tests" / "checks" / "answers" / f"ch{number}.py",
    }
    for path in (*(root / "chapters").glob(f"{number}_*.ipynb"), *targets.values()):
        if path.exists():
            raise ValueError(f"number {number} is taken: {path.relative_to(root)} exists")
    toc = root / "_toc.yml"
    contents = with_chapter(toc.read_text(encoding="utf-8"), f"chapters/{number}_{slug}")
    n = str(int(number))
    for template, path in targets.items():
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        for mark, word in (('"@N@"', n), ("@N@", n), ("@NN@", number), ("@TITLE@", title)):
            text = text.replace(mark, word)
        path.write_text(text, encoding="utf-8")
    toc.write_text(contents, encoding="utf-8")
    return [*targets.values(), toc]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("number", help="two digits")
    parser.add_argument("slug", help="rest of the file name")
    parser.add_argument("title", help="what the table of contents shows")
    try:
        written = start_chapter(**vars(parser.parse_args()))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(path.relative_to(ROOT))
    execute(written[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
