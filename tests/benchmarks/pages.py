"""Weight and loading time of every built page, and what the build costs.

    python -m tests.benchmarks.pages [--html FOLDER] [--json FILE]

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
import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from book.tools.browser import Browser, Visit, missing
from tests.building import build_book, serve

LIMITS = {"own": 1_000_000, "page": 4_000_000, "readable": 1000, "formulas": 2000}
BUILD_LIMIT = 60


def first_visit(browser: Browser, server: str, page: str) -> Visit:
    """Load a page from a server as a reader does who was never there."""
    browser.command("Network.clearBrowserCache")
    return browser.visit(f"{server}{page}.html", server)


def measure(html: Path, server: str, visits: list[Visit]) -> dict:
    """Weights in bytes and times in milliseconds of a page that was loaded from a server."""
    files = {
        html / unquote(urlsplit(url).path).lstrip("/")
        for url in visits[-1].requests
        if url.startswith(server)
    }
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
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(f"Cannot measure: {reason}.")
    with tempfile.TemporaryDirectory() as folder:
        html, seconds = arguments.html, None
        if html is None:
            html, seconds, _ = build_book(Path(folder))
            print(f"built in {seconds:.0f} s without TensorFlow")
        names = sorted(p.relative_to(html).with_suffix("").as_posix() for p in html.rglob("*.html"))
        names = [name for name in names if not name.startswith("_static") and name != "index"]
        with serve(html) as server, Browser() as browser:
            browser.visit(f"{server}search.html", server)  # the browser's own start
            rows = {
                name: measure(html, server, [first_visit(browser, server, name) for _ in range(3)])
                for name in names
            }
    print(f"{'':32}{'own kB':>8}{'page kB':>9}{'readable ms':>13}{'formulas ms':>13}")
    for name, row in rows.items():
        numbers = f"{row['own'] / 1e3:8.0f}{row['page'] / 1e3:9.0f}"
        numbers += f"{row['readable']:13.0f}{row['formulas']:13.0f}"
        print(f"{name:32}{numbers}  {' '.join(broken_limits(row))}")
    if arguments.json:
        text = json.dumps({"build_seconds": seconds, "pages": rows}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    slow = seconds is not None and seconds >= BUILD_LIMIT
    return 1 if slow or any(map(broken_limits, rows.values())) else 0


if __name__ == "__main__":
    sys.exit(main())
