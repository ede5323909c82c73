"""Seconds for a training step and a prediction of the published listing at 512 x 512, one image.

    python tests/benchmarks/speed.py [--repeats 3] [--rows newcomer ours ...] [--json FILE]

Each row runs in a process of its own, the rows take turns, and the table gives the median and
the ratio to ours: times from different days or machines cannot be compared, ratios from one run
can. Beside the wall clock stand the processor seconds of the training step, over all cores and
with the system's share: those hardly change when something else runs on the machine. PyTorch rows
need torch, which is not among the book's requirements.

    newcomer   Keras as it comes: its own layers, compile() with defaults, no setting touched
    ours       what damunet_lite.training does on this device; "ours, ..." with one thing undone
    torch ...  the same network and loss in plain PyTorch, channels last
"""

import argparse
import importlib.util
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = (
    "newcomer",
    "newcomer, oneDNN",
    "ours",
    "ours, float32",
    "ours, Keras's norm",
    "ours, memory returned",
    "torch float32",
    "torch bfloat16",
    "torch float32, memory kept",
)
COLUMNS = ("train", "train_cpu", "predict", "predict_cpu")
SIZE = 512


def measure(row: str, steps: int) -> dict[str, float]:
    """Time one row in this process: the median of ``steps`` after one step to warm up."""
    make = _torch_functions if row.startswith("torch") else _keras_functions
    train, predict = make(row)
    seconds = (*_median_seconds(train, steps), *_median_seconds(predict, steps))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {**dict(zip(COLUMNS, seconds, strict=True)), "peak_gb": memory}


def _median_seconds(function, steps: int) -> tuple[float, float]:
    """Wall-clock and processor seconds of one call, after one call to warm up."""
    function()
    clocks = [(time.perf_counter(), time.process_time())]
    for _ in range(steps):
        function()
        clocks.append((time.perf_counter(), time.process_time()))
    return tuple(
        statistics.median(after - before for before, after in itertools.pairwise(clock))
        for clock in zip(*clocks, strict=True)
    )


def _example():
    import numpy as np

    rng = np.random.default_rng(0)
    image = rng.random((1, SIZE, SIZE, 1), np.float32)
    return image, (image > 0.78).astype(np.float32)


def _keras_functions(row: str):
    newcomer = row.startswith("newcomer")
    if row == "newcomer":
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
        import tensorflow  # noqa: F401  before the package sets its default
    import keras

    from damunet_lite import devices, inference, losses, models

    image, mask = _example()
    if newcomer or row == "ours, Keras's norm":
        models.BatchNormalization = keras.layers.BatchNormalization
    if not newcomer and row != "ours, float32":
        keras.config.set_dtype_policy(devices.preferred_precision())
    network = models.published_listing()
    jit = "auto" if newcomer else devices.prefers_jit()
    network.compile("adam", losses.FocalTverskyLoss(pooling="batch"), jit_compile=jit)
    if newcomer:
        return lambda: network.train_on_batch(image, mask), lambda: network(image)["main"].numpy()
    if row != "ours, memory returned":
        devices.keep_memory()
    # As the torch rows do, prediction leaves out the layers that only side heads read.
    return lambda: network.train_on_batch(image, mask), lambda: inference.predict(network, image)


def _torch_functions(row: str):
    import contextlib

    import torch

    from tests.benchmarks.torch_listing import Listing, focal_tversky

    if row.endswith("memory kept"):
        from damunet_lite import devices

        devices.keep_memory()
    image, mask = (torch.from_numpy(a).permute(0, 3, 1, 2).contiguous() for a in _example())
    network = Listing().to(memory_format=torch.channels_last)
    image = image.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    half = "bfloat16" in row

    def cast():
        return torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext()

    def train():
        network.train()
        optimiser.zero_grad(set_to_none=True)
        with cast():
            heads = network(image)
        loss = sum(
            focal_tversky(torch.nn.functional.max_pool2d(mask, step), head.float())
            for step, head in zip((1, 2, 4, 8), heads, strict=True)
        )
        loss.backward()
        optimiser.step()

    @torch.inference_mode()
    def predict():
        network.eval()
        with cast():
            network(image, main_only=True)

    return train, predict


def run_all(rows: list[str], repeats: int, steps: int) -> dict[str, dict[str, float]]:
    """Median over repeats for each row; the rows take turns."""
    rows = [r for r in rows if not r.startswith("torch") or importlib.util.find_spec("torch")]
    results: dict[str, list] = {row: [] for row in rows}
    for _ in range(repeats):
        for row in rows:
            words = [sys.executable, __file__, "--row", row, "--steps", str(steps)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(words, capture_output=True, text=True, env=environment)
            if done.returncode:
                raise SystemExit(f"{row} failed:\n{done.stderr[-2000:]}")
            results[row].append(json.loads(done.stdout.splitlines()[-1]))
            train, predict = (results[row][-1][key] for key in ("train", "predict"))
            print(f"# {row}: train {train:.2f} s, predict {predict:.2f} s", file=sys.stderr)
    return {
        row: {key: statistics.median(m[key] for m in found) for key in found[0]}
        for row, found in results.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", choices=ROWS, help="measure one row in this process")
    told = f"rows to compare (default: all of {', '.join(ROWS)})"
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="R", help=told)
    parser.add_argument("--repeats", type=int, default=3, help="processes for each row")
    parser.add_argument("--steps", type=int, default=3, help="timed steps in each process")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(arguments.row, arguments.steps)))
        return
    table = run_all(arguments.rows, arguments.repeats, arguments.steps)
    ours = table.get("ours", next(iter(table.values())))
    print(f"{'':28}" + "".join(f"{column:>12}{'ratio':>7}" for column in COLUMNS) + f"{'peak':>9}")
    for row, found in table.items():
        cells = (f"{found[c]:10.2f} s{found[c] / ours[c]:7.2f}" for c in COLUMNS)
        print(f"{row:28}" + "".join(cells) + f"{found['peak_gb']:6.1f} GB")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
