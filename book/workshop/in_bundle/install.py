"""Install everything into a new environment beside this file: python install.py

Takes packages from wheels/ alone if it is here, without network. Otherwise pip asks the network for
them; the book's own packages always come from this folder and never from an index.
"""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE / "environment"
PYTHON = PLACE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def main() -> int:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        print(f"Python 3.11, 3.12 or 3.13 is needed, this is {sys.version.split()[0]}.")
        return 1
    print("Making an environment ...", flush=True)
    venv.create(PLACE, with_pip=True, clear=True)
    words = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    if (HERE / "wheels").is_dir():
        words += ["--no-index", "--find-links", str(HERE / "wheels"), "damunet-lite"]
    else:
        words.append(str(HERE / "package"))
    print("Installing, one to five minutes ...", flush=True)
    done = subprocess.run([*words, "-r", str(HERE / "requirements.txt")])
    if done.returncode:
        why = "Without the folder wheels this needs network"
        if (HERE / "wheels").is_dir():
            why = "The wheels fit one platform and one Python"
        print(f"Not installed. {why}: see START_HERE.html.")
        return 1
    print("Installed. Next: python start.py check")
    return 0


if __name__ == "__main__":
    sys.exit(main())
