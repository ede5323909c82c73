"""Try the workshop's bundle as a room without network would.

    python -m tests.offline_workshop                      # fetches about 0.7 GB of packages
    python -m tests.offline_workshop --wheels FOLDER      # takes those of an earlier run

Writes the bundle, unpacks it, closes the network (a network namespace of its own on Linux where
that is allowed, and proxies to a closed port in any case), installs from the bundle into a fresh
environment with the bundle's own install.py, checks the computer with its start.py, and runs the
student notebooks of the 90-minute path to their end. Exit code 0 if all of it works.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from book.tools.build import ROOT
from book.workshop import bundle, material

CLOSED = "http://127.0.0.1:9"
# A namespace starts without a working loopback, which notebooks talk to their kernels over.
LOOPBACK = (
    "import fcntl, os, socket, struct, sys; "
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14s', b'lo', 0x49, b'')); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
TRY_NETWORK = (
    "import socket, sys\n"
    "try: socket.create_connection(('192.0.2.1', 443), 3)\n"
    "except OSError as error: print('network closed:', error)\n"
    "else: sys.exit('the network is open')"
)
RUN_NOTEBOOK = """
import sys, time
import nbformat
from nbclient import NotebookClient
for name in sys.argv[1:]:
    began = time.monotonic()
    NotebookClient(nbformat.read(name, as_version=4), timeout=300, kernel_name="python3",
                   resources={"metadata": {"path": "notebooks"}}).execute()
    print(f"{name}: ran to its end in {time.monotonic() - began:.0f} s", flush=True)
"""


def own_namespace() -> list[str]:
    """Words that give a command a network of its own with nothing on it, where possible."""
    words = ["unshare", "--net", sys.executable, "-c", LOOPBACK]
    try:
        tried = subprocess.run([*words, "true"], capture_output=True)
    except OSError:
        return []
    return words if tried.returncode == 0 else []


def closed_environment(home: Path) -> dict[str, str]:
    """Variables without anything of this computer's Python, and proxies that answer nothing."""
    ours = ("PIP_", "PYTHON", "DAMUNET_", "VIRTUAL_ENV", "JUPYTER")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    kept |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED)
    kept |= {"HOME": str(home), "DAMUNET_CACHE": str(home / "cache")}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "TF_CPP_MIN_LOG_LEVEL": "3"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheels", type=Path, help="folder with the packages (default: fetch)")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    arguments = parser.parse_args()
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="offline-workshop-"))
    try:
        return attempt(place.resolve(), arguments.wheels or True)
    finally:
        if not arguments.keep:
            shutil.rmtree(place, ignore_errors=True)


def attempt(place: Path, wheels: bool | Path) -> int:
    planned = material.write(place / "material", ROOT, wheels, report=print)
    with zipfile.ZipFile(place / "material" / bundle.FILE) as archive:
        archive.extractall(place)
    room = place / bundle.NAME
    home = place / "home"
    home.mkdir(exist_ok=True)
    path = [f"notebooks/{chapter.slug}.ipynb" for chapter in planned[0].chapters]
    isolated = own_namespace()
    print("network: " + ("a namespace of its own" if isolated else "proxies to a closed port"))
    steps = {"network": ["-c", TRY_NETWORK]} if isolated else {}
    steps |= {"install": ["install.py"], "check": ["start.py", "check"]}
    steps["run"] = ["start.py", "-c", RUN_NOTEBOOK, *path]
    for name, words in steps.items():
        began = time.monotonic()
        command = [*isolated, sys.executable, *words]
        done = subprocess.run(command, cwd=room, env=closed_environment(home))
        print(f"{name}: exit code {done.returncode}, {time.monotonic() - began:.0f} s", flush=True)
        if done.returncode and not (name == "check" and not (room / "data").is_dir()):
            return 1
    print(f"the 90-minute path ran to its end: {', '.join(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
