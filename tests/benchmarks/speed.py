"""Seconds for a training step and a prediction of the published listing at 512 x 512, one image.

    python -m tests.benchmarks.speed [--repeats 3] [--steps 3] [--rows newcomer ours ...]

Each row runs in a process of its own, the rows take turns, and the table gives the median and
the ratio to the first row: times from different days or machines cannot be compared, ratios from
one run can. Beside the wall clock stand the processor seconds, over all cores and with the
system's share: those hardly change when something else runs on the machine.

    ours       what damunet_lite.training does on this device; "ours, ..." with one thing undone
    newcomer   Keras as it comes: its own layers, compile() with defaults, no setting touched
"""

import argparse
import itertools
import multiprocessing
import os
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

ROWS = (
    "ours",
    "ours, float32",
    "ours, Keras's norm",
    "ours, memory returned",
    "newcomer",
    "newcomer, oneDNN",
)
COLUMNS = ("train", "processor", "predict", "processor", "peak GB")
SIZE = 512


def measure(row: str, steps: int) -> list[float]:
    """Time one row in this process; one number for each column."""
    seconds = [
        number for function in _functions(row) for number in _median_seconds(function, steps)
    ]
    return [*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]


def _median_seconds(function, steps: int) -> list[float]:
    """Wall-clock and processor seconds of one call, after one call to warm up."""
    function()
    clocks = [(time.perf_counter(), time.process_time())]
    for _ in range(steps):
        function()
        clocks.append((time.perf_counter(), time.process_time()))
    return [
        statistics.median(after - before for before, after in itertools.pairwise(clock))
        for clock in zip(*clocks, strict=True)
    ]


def _example():
    import numpy as np

    image = np.random.default_rng(0).random((1, SIZE, SIZE, 1), np.float32)
    return image, (image > 0.78).astype(np.float32)


def _functions(row: str):
    newcomer = row.startswith("newcomer")
    if row == "newcomer":
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
    # What only side heads read is left out of a prediction.
    return lambda: network.train_on_batch(image, mask), lambda: inference.predict(network, image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    told = f"rows to compare (default: all of {', '.join(ROWS)})"
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="R", help=told)
    parser.add_argument("--repeats", type=int, default=3, help="processes for each row")
    parser.add_argument("--steps", type=int, default=3, help="timed steps in each process")
    given = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    found: dict[str, list] = {row: [] for row in given.rows}
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh, max_tasks_per_child=1) as processes:
        for row in [*found] * given.repeats:
            found[row].append(processes.submit(measure, row, given.steps).result())
    print(f"{'':28}" + "".join(f"{column:>10}{'ratio':>7}" for column in COLUMNS))
    table = {row: list(map(statistics.median, zip(*found[row], strict=True))) for row in found}
    for row, numbers in table.items():
        pairs = zip(numbers, table[[*table][0]], strict=True)
        print(f"{row:28}" + "".join(f"{one:10.2f}{one / first:7.2f}" for one, first in pairs))


if __name__ == "__main__":
    main()
