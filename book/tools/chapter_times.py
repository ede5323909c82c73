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
from pathlib import Path

import nbformat
import psutil
from damunet_book.preflight import PARTS, TIMES_FILE, measure_in_a_process

from book.tools.build import ROOT
from book.tools.execute import notebook_client
from book.tools.kernel_env import kernel_environment

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
    parts = dict.fromkeys(PARTS, 0.0)
    with client.setup_kernel(stderr=subprocess.DEVNULL):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    asked = parser.parse_args().notebooks
    os.environ.update(kernel_environment())
    times = json.loads(TIMES_FILE.read_text(encoding="utf-8")) if TIMES_FILE.is_file() else {}
    known = {entry["chapter"]: entry for entry in times.get("chapters", [])}
    if not times:
        found = [measure_in_a_process(limit=600)["reference_cpu"] for _ in range(3)]
        middle = {part: statistics.median(f[part] for f in found) for part in PARTS}
        times["reference"] = {part: round(seconds, 2) for part, seconds in middle.items()}
        times["machine"] = {"cores": os.cpu_count(), "date": datetime.date.today().isoformat()}
    for path in asked or sorted((ROOT / "chapters").glob("*.ipynb")):
        found = describe(path)
        entry = known.get(found["chapter"], {})
        if asked or entry.get("code") != found["code"]:
            entry = {**found, **run(path)}
            print(f"{path.name}: {entry}", flush=True)
        known[found["chapter"]] = {**entry, "title": found["title"]}
        times["chapters"] = [known[number] for number in sorted(known)]
        text = json.dumps(times, indent=1, ensure_ascii=False) + "\n"
        TIMES_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
