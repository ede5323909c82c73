"""Weight and loading time of every built page, and what the build costs.

    python -m tests.benchmarks.pages [--html FOLDER]

Without --html the book is built first, with every network library refused. Each page is loaded
from a server on this computer into an empty browser cache; the table gives

    own        kilobytes that only this page needs: its HTML, its pictures, its downloads
    page       kilobytes that the browser loads in all, the theme's files included
    readable   milliseconds until text is there (first contentful paint)
    formulas   milliseconds until formulas and fonts are there too

and the exit code is 1 where a page breaks a limit: own 1 MB, page 4 MB, readable 1 s,
formulas 2 s, build 60 s. Times are the fastest of three loads: those of a busy machine say little.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from book.tools.browser import Browser, Visit, missing
from tests.building import build_book, serve

LIMITS = {"own": 1_000_000, "page": 4_000_000, "readable": 1000, "formulas": 2000}
BUILD_LIMIT = 60


def measure(html: Path, home: str, visits: list[Visit]) -> dict:
    """Weights in bytes and times in milliseconds of a page; `home` is the address of the folder."""
    own = [url.removeprefix(home) for url in visits[-1].requests if url.startswith(home)]
    files = {html / unquote(urlsplit(url).path) for url in own}
    weights = {path: path.stat().st_size for path in files if path.is_file()}
    own = sum(
        size
        for path, size in weights.items()
        if "_static" not in path.parts and path.name != "searchindex.js"
    )
    return {
        "own": own,
        "page": sum(weights.values()),
        "readable": min(visit.times["readable"] for visit in visits),
        "formulas": min(visit.times["everything"] for visit in visits),
    }


def broken_limits(row: dict) -> list[str]:
    """Names of the limits that a page breaks.

    Examples
    --------
    >>> broken_limits({"own": 10, "page": 5e6, "readable": 3, "formulas": 2001})
    ['page', 'formulas']
    """
    return [name for name, limit in LIMITS.items() if row[name] >= limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--html", type=Path, help="pages that are built already")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(f"Cannot measure: {reason}.")
    with tempfile.TemporaryDirectory() as folder:
        html, seconds = arguments.html, None
        if html is None:
            began = time.monotonic()
            html = build_book(Path(folder))
            seconds = time.monotonic() - began
            print(f"built in {seconds:.0f} s without TensorFlow")
        names = sorted(p.relative_to(html).with_suffix("").as_posix() for p in html.rglob("*.html"))
        names = [name for name in names if not name.startswith("_static") and name != "index"]
        with serve(html) as server, Browser() as browser:
            browser.visit(f"{server}search.html", server)  # the browser's own start
            rows = {}
            for name in names:
                visits = []
                for _ in range(3):  # as a reader loads it who was never there
                    browser.command("Network.clearBrowserCache")
                    visits.append(browser.visit(f"{server}{name}.html", server))
                rows[name] = measure(html, server, visits)
    print(f"{'':32}{'own kB':>8}{'page kB':>9}{'readable ms':>13}{'formulas ms':>13}")
    for name, row in rows.items():
        numbers = f"{row['own'] / 1e3:8.0f}{row['page'] / 1e3:9.0f}"
        numbers += f"{row['readable']:13.0f}{row['formulas']:13.0f}"
        print(f"{name:32}{numbers}  {' '.join(broken_limits(row))}")
    slow = seconds is not None and seconds >= BUILD_LIMIT
    return 1 if slow or any(map(broken_limits, rows.values())) else 0


if __name__ == "__main__":
    sys.exit(main())
