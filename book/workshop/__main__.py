"""Write the material for a room: ``python -m book.workshop DIR``.

Exit codes: 0 done, 1 something the message explains went wrong, 2 wrong arguments,
130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m book.workshop",
        description="Write student, instructor and blank notebooks, slides, run sheets and an "
        "offline bundle from the chapters of a copy of the repository.",
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="folder for the material")
    add("--checkout", type=Path, default=ROOT, help="another copy of the repository than this one")
    add("--force", action="store_true", help="replace what was changed by hand, too")
    add("--start", metavar="H:MM", help="when a day starts, for the run sheets (default: 0:00)")
    text = "put all packages for this platform and Python into the bundle (hundreds of MB): "
    text += "fetched with pip, or those of FOLDER"
    add("--wheels", type=Path, nargs="?", const=True, default=False, metavar="FOLDER", help=text)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Write the material and return the exit code.

    Parameters
    ----------
    words : sequence of str, optional
        Words of the command line; those of the process by default.

    Examples
    --------
    >>> main(["out", "--checkout", "/nowhere"])
    1
    """
    given = vars(_parser().parse_args(words))
    try:
        from book.workshop.material import write

        write(**given, report=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        remedy = "python -m pip install -r requirements.txt"
        print(f"error: the package {error.name} is missing: {remedy}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{given['folder']}: student, instructor, blank, slides, run_sheets, offline_bundle.zip")
    return 0


if __name__ == "__main__":
    sys.exit(main())
