"""Run notebooks and store their outputs, in the form that the tests and the book expect.

    python -m book.tools.execute chapters/01*.ipynb

Outputs are stored without time stamps, widget state and standard error (which is printed here
instead); the date, the versions and the seconds go into the notebook's metadata, from where
the book takes its "last run" line.
"""

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import ClearOutputPreprocessor

from book.tools.kernel_env import kernel_environment

PACKAGES = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
# TensorFlow's loader writes these past every log level.
LOADER_LINE = re.compile(r"^(WARNING: All log messages before absl|[IWE]\d{4} ).*\n?", re.MULTILINE)
# Names a widget by a random number, and only means something to the kernel that drew it.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebook_client(notebook: nbformat.NotebookNode, path: Path) -> NotebookClient:
    """What runs a notebook as if it were opened where it lies."""
    place = {"metadata": {"path": str(path.resolve().parent)}}
    options = {"timeout": 600, "record_timing": False, "coalesce_streams": True}
    return NotebookClient(notebook, kernel_name="python3", resources=place, **options)


def execute(path: Path) -> None:
    """Run one notebook in a fresh kernel and write it back; on an error it is left alone."""
    notebook = nbformat.read(path, as_version=4)
    notebook, _ = ClearOutputPreprocessor().preprocess(notebook, {})
    client = notebook_client(notebook, path)
    began = time.monotonic()
    client.execute(env=kernel_environment(), stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    normalise(notebook, path)
    stamp(notebook, seconds)
    nbformat.write(notebook, path)
    print(f"{path}: {seconds:.0f} s")


def normalise(notebook: nbformat.NotebookNode, path: Path | str) -> None:
    """Take out what changes from run to run, and what a reader should not see."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = KERNELSPEC
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        cell.metadata.pop("execution", None)
        errors = "".join(o.text for o in cell.outputs if o.get("name") == "stderr")
        if unexpected := LOADER_LINE.sub("", errors).strip():
            print(f"{path}, cell {number}, not stored: {unexpected}", file=sys.stderr)
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):
                output.data.pop(WIDGET_VIEW, None)


def stamp(notebook: nbformat.NotebookNode, seconds: float) -> None:
    """Write down when, how long and with which versions the notebook ran."""
    versions = {"Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(package) for name, package in PACKAGES.items()}
    notebook.metadata.setdefault("damunet", {})["verified"] = {
        "date": datetime.date.today().isoformat(),
        "seconds": round(seconds, 1),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        "versions": versions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    failed = []
    for path in parser.parse_args().notebooks:
        try:
            execute(path)
        except (CellExecutionError, TimeoutError) as error:
            failed.append(f"{path}: left as it was.\n{error}")
    sys.exit("\n".join(failed) or None)


if __name__ == "__main__":
    main()
