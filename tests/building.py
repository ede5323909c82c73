"""Building the book as strictly as Sphinx can, with every network library refused; serving it."""

import contextlib
import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from book.tools.build import ROOT

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


def without_networks(folder: Path) -> dict[str, str]:
    """Environment of a Python that cannot import TensorFlow, Keras, JAX or PyTorch.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     options = {"env": without_networks(Path(folder)), "capture_output": True}
    ...     done = subprocess.run([sys.executable, "-c", "import keras"], **options)
    >>> b"keras is not needed to build the book" in done.stderr
    True
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(WITHOUT_NETWORKS, encoding="utf-8")
    return {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(folder)}


def build_book(target: Path, root: Path = ROOT) -> Path:
    """Build into a folder; give that of the pages.

    Raises
    ------
    RuntimeError
        If Sphinx warns of anything, with what it said.
    """
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going"]
    environment = without_networks(target / "without_networks")
    done = subprocess.run(
        [*command, "--path-output", target, root], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-6000:])
    return target / "_build" / "html"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this computer alone; gives the address, which ends with a slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
