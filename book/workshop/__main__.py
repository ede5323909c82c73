"""Write the material for a room: ``python -m book.workshop DIR``.

Exit codes: 0 done, 1 something the message explains went wrong, 2 wrong arguments,
130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from book.tools.commands import guarded


def main(words: Sequence[str] | None = None) -> int:
    """Write the material and return the exit code.

    Parameters
    ----------
    words : sequence of str, optional
        Words of the command line; those of the process by default.

    Examples
    --------
    >>> main(["out", "--start", "noon"])
    1
    """
    parser = argparse.ArgumentParser(
        prog="python -m book.workshop",
        description="Write student, instructor and blank notebooks, slides, run sheets and an "
        "offline bundle from the chapters of this copy of the repository.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="folder for the material")
    add("--force", action="store_true", help="replace what was changed by hand, too")
    add("--start", metavar="H:MM", help="when a day starts, for the run sheets (default: 0:00)")
    text = "put all packages for this platform and Python into the bundle (hundreds of MB)"
    add("--wheels", action="store_true", help=text)
    given = vars(parser.parse_args(words))
    try:
        from book.workshop import material
    except ModuleNotFoundError as error:
        remedy = "python -m pip install -r requirements.txt"
        print(f"error: the package {error.name} is missing: {remedy}", file=sys.stderr)
        return 1
    return guarded(lambda: material.write(**given))


if __name__ == "__main__":
    sys.exit(main())
