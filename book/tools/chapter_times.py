"""Measure how long the chapters run; `python -m damunet_lite preflight` predicts from that.

    python book/tools/chapter_times.py                      # what is new or has changed code
    python book/tools/chapter_times.py chapters/03*.ipynb   # these, whatever has changed
    python book/tools/chapter_times.py --recorded           # runs nothing: refreshes titles, and
        takes chapters not measured yet at the seconds that execute.py recorded in them

Writes damunet_lite/chapter_times.json: for each chapter its title, a digest of its code, and its
seconds in two parts, cells that compute with a network and all others, because the two scale
differently from one computer to the next. The reference computation, measured before and after
each chapter on the same computer, is what the seconds are relative to. Stored outputs are left
as they are. Wants a quiet computer.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402

from book.tools.kernel_env import kernel_environment, local_data  # noqa: E402

TIMES = ROOT / "damunet_lite" / "chapter_times.json"
NETWORK = re.compile(r"\.fit\(|\btrain|predict|network|\bunet|\bdamu_net|model\b|keras\.")
DIGITS = 2


def code_digest(notebook: dict) -> str:
    """Digest of a notebook's code; prose and outputs do not count.

    Examples
    --------
    >>> cell = {"cell_type": "code", "source": "1 + 1"}
    >>> code_digest({"cells": [cell]}) == code_digest({"cells": [{**cell, "source": "1 + 2"}]})
    False
    """
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:12]


def describe(path: Path) -> dict:
    """Number, title and code digest of a chapter."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    title = "".join(notebook["cells"][0]["source"]).partition("\n")[0]
    return {
        "chapter": int(path.name[:2]),
        "title": re.sub(r"^#\s*(\d+\.)?\s*", "", title).strip(),
        "code": code_digest(notebook),
    }


def recorded(path: Path, found: dict) -> dict:
    """An entry from what execute.py wrote down, until it is measured: the digest stays empty."""
    verified = json.loads(path.read_text(encoding="utf-8"))["metadata"]["damunet"]["verified"]
    return {**found, "code": "", "plain": 0.0, "network": verified["seconds"]}


def run(path: Path) -> dict[str, float]:
    """Seconds of a chapter, in its two parts."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    parts = {"plain": 0.0, "network": 0.0}
    began = time.perf_counter()
    with client.setup_kernel(env=kernel_environment(), stderr=subprocess.DEVNULL):
        parts["plain"] += time.perf_counter() - began
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            began = time.perf_counter()
            client.execute_cell(cell, number)
            # Importing costs the same whatever the network computes on.
            part = "network" if NETWORK.search(cell.source) and number > 3 else "plain"
            parts[part] += time.perf_counter() - began
    return parts


def reference() -> dict[str, float]:
    """Seconds of the reference computation, as preflight measures it."""
    real = local_data() is not None
    command = [sys.executable, "-m", "damunet_lite.preflight", "real" if real else "drawn"]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    if real:
        environment["DAMUNET_DATA"] = str(local_data())
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT
    )
    return json.loads(done.stdout.strip().splitlines()[-1])["reference"]


def write(times: dict) -> None:
    times["chapters"].sort(key=lambda entry: entry["chapter"])
    TIMES.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--recorded", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
    known = {entry["chapter"]: entry for entry in times.get("chapters", [])}
    after: dict[str, float] = {}
    for path in arguments.notebooks or sorted((ROOT / "chapters").glob("*.ipynb")):
        found = describe(path)
        old = known.get(found["chapter"], {})
        if arguments.recorded:
            known[found["chapter"]] = {**(old or recorded(path, found)), "title": found["title"]}
            continue
        if not arguments.notebooks and old.get("code") == found["code"]:
            continue
        before = after if after else reference()
        parts, after = run(path), reference()
        now = {part: statistics.mean((before[part], after[part])) for part in before}
        times.setdefault("reference", {part: round(value, 3) for part, value in now.items()})
        times["machine"] = {"cores": len(os.sched_getaffinity(0)),
                            "date": datetime.date.today().isoformat()}
        # On the scale of the reference on file, which may be from a quieter hour.
        seconds = {p: round(parts[p] * times["reference"][p] / now[p], DIGITS) for p in parts}
        known[found["chapter"]] = {**found, **seconds}
        times["chapters"] = list(known.values())
        write(times)
        shown = ", ".join(f"{part} {value:.1f} s" for part, value in seconds.items())
        print(f"{path.name}: {shown} (reference now {now})", flush=True)
    times["chapters"] = list(known.values())
    write(times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
