"""Build the book as strictly as Sphinx can, with every network library refused."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Python imports a module called sitecustomize by itself when it starts.
WITHOUT_NETWORKS = '''
import sys

class Refuse:
    """No network library can be imported."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "jax", "torch"}:
            raise ModuleNotFoundError(f"{name} is not needed to build the book", name=name)

sys.meta_path.insert(0, Refuse())
'''


def book_pages(root: Path = ROOT) -> list[str]:
    """Names of the book's pages, in the order of its table of contents.

    Examples
    --------
    >>> book_pages()[0]
    'book/intro'
    """

    def names(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for item in node for name in names(item)]
        below = [node.get(key) or [] for key in ("parts", "chapters", "sections")]
        return [node[key] for key in ("root", "file") if key in node] + names(below)

    return names(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))


def without_networks(folder: Path) -> dict[str, str]:
    """Environment of a Python that cannot import TensorFlow, Keras, JAX or PyTorch."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(WITHOUT_NETWORKS, encoding="utf-8")
    return {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(folder)}


def build_book(target: Path, root: Path = ROOT) -> tuple[Path, float, float]:
    """Build into a folder; give that of the pages, wall-clock seconds and processor seconds.

    Raises
    ------
    RuntimeError
        If Sphinx warns of anything, with what it said.
    """
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going"]
    environment = without_networks(target / "without_networks")
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [*command, "--path-output", target, root], capture_output=True, text=True, env=environment
    )
    wall, after = time.monotonic() - began, os.times()
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-6000:])
    return target / "_build" / "html", wall, sum(after[2:4]) - sum(before[2:4])
