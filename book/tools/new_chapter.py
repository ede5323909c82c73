"""Start a chapter: notebook, checkers and answers for their tests, in the form of the others.

    python -m book.tools.new_chapter 17 slug_of_the_chapter "Title of the chapter"

Writes chapters/NN_slug.ipynb (executed), book/damunet_book/checks/chNN.py and
tests/checks/answers/chNN.py from book/tools/templates, and enters the chapter in _toc.yml. All of
it passes the tests at once; replace it piece by piece, and run the chapter's tests as you go.
"""

import argparse
import re
from pathlib import Path

from book.tools.build import ROOT
from book.tools.execute import execute

TEMPLATES = Path(__file__).parent / "templates"


def with_chapter(toc: str, page: str) -> str:
    """The table of contents with a page behind the last chapter of a lower number.

    Examples
    --------
    >>> print(with_chapter("- file: chapters/01_a\\n- file: chapters/03_c\\n", "chapters/02_b"))
    - file: chapters/01_a
    - file: chapters/02_b
    - file: chapters/03_c
    <BLANKLINE>
    """
    found = list(re.finditer(r"^( *- file: )(chapters/\S+)\n", toc, re.MULTILINE))
    before = [match for match in found if match[2] < page]
    end = before[-1].end()
    return f"{toc[:end]}{before[-1][1]}{page}\n{toc[end:]}"


def start_chapter(number: str, slug: str, title: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new chapter and return them; the notebook is not executed yet.

    Raises
    ------
    ValueError
        If number, slug or title have another form, or the number is taken.
    """
    for name, value, form, wanted in (
        ("number", number, r"(?!00)\d\d", "two digits such as 17"),
        ("slug", slug, r"[a-z][a-z0-9_]*", "small letters, digits and underscores"),
        ("title", title, r'[^\s"][^"]{0,59}', "up to 60 characters without quotes"),
    ):
        if not re.fullmatch(form, value):
            raise ValueError(f"{name} is {value!r}, wanted {wanted}")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("number", help="two digits")
    parser.add_argument("slug", help="rest of the file name")
    parser.add_argument("title", help="what the table of contents shows")
    try:
        written = start_chapter(**vars(parser.parse_args()))
    except ValueError as error:
        parser.error(str(error))
    print(*(path.relative_to(ROOT) for path in written), sep="\n")
    execute(written[0])


if __name__ == "__main__":
    main()
