"""Measure how long the chapters run; `python -m damunet_book.preflight` predicts from that.

    python -m book.tools.chapter_times                      # what is new or has changed code
    python -m book.tools.chapter_times chapters/03*.ipynb   # these, whatever has changed

Writes book/damunet_book/chapter_times.json: for each chapter its title, a digest of its code, and
the processor seconds of its kernel and of the processes that this started, in two parts, cells that
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

import nbformat
import psutil
from nbclient.exceptions import CellExecutionError

from book.tools.build import ROOT
from book.tools.execute import notebook_client
from book.tools.kernel_env import kernel_environment, local_data

TIMES = ROOT / "book" / "damunet_book" / "chapter_times.json"
NETWORK = re.compile(r"\.fit\(|\btrain|predict|network|\bunet|\bdamu_net|model\b|keras\.")


def describe(path: Path) -> dict:
    """Number, title and digest of the code of a chapter; prose and outputs do not count."""
    cells = nbformat.read(path, as_version=4).cells
    code = "\0".join(cell.source for cell in cells if cell.cell_type == "code")
    return {
        "chapter": int(path.name[:2]),
        "title": re.sub(r"^#\s*(\d+\.)?\s*", "", cells[0].source.partition("\n")[0]).strip(),
        "code": hashlib.sha256(code.encode()).hexdigest()[:12],
    }


def run(path: Path) -> dict[str, float]:
    """Processor seconds of a chapter, in its two parts."""
    notebook = nbformat.read(path, as_version=4)
    client = notebook_client(notebook, path)
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
    command = [sys.executable, "-m", "damunet_book.preflight", "--measure"]
    command.append("real" if real else "drawn")
    found = []
    for _ in range(3):
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=kernel_environment(), cwd=ROOT
        )
        found.append(json.loads(done.stdout.strip().splitlines()[-1])["reference_cpu"])
    return {part: round(statistics.median(f[part] for f in found), 2) for part in found[0]}


def write(times: dict, known: dict[int, dict]) -> None:
    times["chapters"] = [known[number] for number in sorted(known)]
    TIMES.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    asked = parser.parse_args().notebooks
    times = json.loads(TIMES.read_text(encoding="utf-8")) if TIMES.is_file() else {}
    known = {entry["chapter"]: entry for entry in times.get("chapters", [])}
    if not times:
        times["reference"] = reference()
        cores, today = len(os.sched_getaffinity(0)), datetime.date.today().isoformat()
        times["machine"] = {"cores": cores, "date": today}
    for path in asked or sorted((ROOT / "chapters").glob("*.ipynb")):
        found = describe(path)
        entry = known.get(found["chapter"], {})
        if asked or entry.get("code") != found["code"]:
            try:
                entry = {**found, **run(path)}
            except (CellExecutionError, TimeoutError) as error:
                print(f"{path.name}: not measured, it does not run\n{error}", file=sys.stderr)
                continue
            print(f"{path.name}: {entry}", flush=True)
        known[found["chapter"]] = {**entry, "title": found["title"]}
        write(times, known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
