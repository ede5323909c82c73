"""Open the notebooks (python start.py), or check this computer (python start.py check)."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def main() -> int:
    if not PYTHON.exists():
        print("Not installed yet: python install.py")
        return 1
    if (HERE / "data" / "isbi2012").is_dir():
        os.environ["DAMUNET_DATA"] = str(HERE / "data" / "isbi2012")
    words = ["jupyterlab", "--notebook-dir", str(HERE / "notebooks")]
    if sys.argv[1:] == ["check"]:
        words = ["damunet_book.preflight"]
    return subprocess.run([str(PYTHON), "-m", *words]).returncode


if __name__ == "__main__":
    sys.exit(main())
