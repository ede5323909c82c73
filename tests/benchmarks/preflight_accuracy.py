"""How well preflight predicts: its minutes for some chapters against a run of them right after.

    python -m tests.benchmarks.preflight_accuracy chapters/03*.ipynb chapters/04*.ipynb

Other programs that come or go between the two make the comparison worthless: wants a computer
whose load does not change. Exit code 1 if one is more than 30 % off.
"""

import subprocess
import sys
import time
from pathlib import Path

import nbformat
from damunet_book import preflight

from book.tools.execute import notebook_client
from book.tools.kernel_env import kernel_environment

MARGIN = 0.3


def main(paths: list[Path]) -> int:
    worst = 0.0
    for path in paths:
        before = preflight.run()
        began = time.perf_counter()
        client = notebook_client(nbformat.read(path, as_version=4), path)
        client.execute(env=kernel_environment(), stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        predicted = next(60 * c.minutes for c in before.chapters if c.chapter == int(path.name[:2]))
        off = predicted / seconds - 1
        worst = max(worst, abs(off))
        print(
            f"{path.stem}: predicted {predicted:.0f} s, ran {seconds:.0f} s, {off:+.0%} "
            f"(preflight itself {before.seconds:.0f} s)",
            flush=True,
        )
    return 1 if worst > MARGIN else 0


if __name__ == "__main__":
    sys.exit(main([Path(word) for word in sys.argv[1:]]))
