"""Measure how long the chapters run; `python -m damunet_book.preflight` predicts from that.

    python -m book.tools.chapter_times                      # what is new or has changed code
    python -m book.tools.chapter_times chapters/03*.ipynb   # these, whatever has changed
    python -m book.tools.chapter_times --recorded           # runs nothing: refreshes titles, and
        takes chapters not measured yet at the seconds that execute.py recorded in them

Writes damunet_lite/chapter_times.json: for each chapter its title, a digest of its code, and the
processor seconds of its kernel and of the processes that this started, in two parts, cells that
compute with a network and all others, because the two scale differently from one computer to the
next. The reference computation is measured alike, once; preflight repeats it on the reader's
computer. Processor seconds hardly depend on what else runs, so the computer need not be quiet.
Stored outputs are left as they are.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

import nbformat  # noqa: E402
import psutil  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402

from book.tools.kernel_env import kernel_environment, local_data  # noqa: E402

TIMES = ROOT / "damunet_lite" / "chapter_times.json"
NETWORK = re.compile(r"\.fit\(|\btrain|predict|network|\bunet|\bdamu_net|model\b|keras\.")


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
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    verified = metadata.get("damunet", {}).get("verified")
    if verified is None:
        print(f"{path.name}: was never executed")
        return {}
    return {**found, "code": "", "plain": 0.0, "network": verified["seconds"]}


def run(path: Path) -> dict[str, float]:
    """Processor seconds of a chapter, in its two parts."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    parts = {"plain": 0.0, "network": 0.0}
    with client.setup_kernel(env=kernel_environment(), stderr=subprocess.DEVNULL):
        kernel = psutil.Process(client.km.provisioner.process.pid)
        last = 0.0
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, number)
            used = kernel.cpu_times()
            now = used.user + used.system + used.children_user + used.children_system
            # Importing costs the same whatever the network computes on.
            part = "network" if NETWORK.search(cell.source) and number > 3 else "plain"
            parts[part] += now - last
            last = now
    return {part: round(seconds, 1) for part, seconds in parts.items()}


def reference() -> dict[str, float]:
    """Processor seconds of the reference computation, as preflight runs it: a middle of three."""
    real = local_data() is not None
    command = [sys.executable, "-m", "damunet_book.preflight", "real" if real else "drawn"]
    found = []
    for _ in range(3):
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=kernel_environment(), cwd=ROOT
        )
        found.append(json.loads(done.stdout.strip().splitlines()[-1])["reference_cpu"])
    return {part: round(statistics.median(f[part] for f in found), 2) for part in found[0]}


def write(times: dict) -> None:
    times["chapters"].sort(key=lambda entry: entry["chapter"])
    TIMES.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--recorded", action="store_true", help="run nothing")
    parser.add_argument("--reference", action="store_true", help="measure the reference again")
    arguments = parser.parse_args()
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
    known = {entry["chapter"]: entry for entry in times.get("chapters", [])}
    if arguments.reference or not times:
        times["reference"] = reference()
        times["machine"] = {
            "cores": len(os.sched_getaffinity(0)),
            "date": datetime.date.today().isoformat(),
        }
        print(f"reference: {times['reference']}", flush=True)
    for path in arguments.notebooks or sorted((ROOT / "chapters").glob("*.ipynb")):
        found = describe(path)
        old = known.get(found["chapter"], {})
        if arguments.recorded:
            if entry := old or recorded(path, found):
                known[found["chapter"]] = {**entry, "title": found["title"]}
            continue
        if not arguments.notebooks and old.get("code") == found["code"]:
            continue
        try:
            seconds = run(path)
        except (CellExecutionError, TimeoutError) as error:
            print(f"{path.name}: not measured, it does not run\n{error}", file=sys.stderr)
            continue
        known[found["chapter"]] = {**found, **seconds}
        times["chapters"] = list(known.values())
        write(times)
        print(f"{path.name}: {seconds}", flush=True)
    times["chapters"] = list(known.values())
    write(times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
