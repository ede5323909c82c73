"""The record of many runs: train a list of configurations, keep one small file for each.

    python -m book.tools.sweep FILE [--runs DIR] [--results DIR] [--quiet]
    python -m book.tools.sweep --again RUN... [--results DIR]

A sweep file is a JSON list of configurations, each a dict of
:class:`damunet_lite.config.TrainConfig`; what is left out takes the default. An entry may say
besides what the run is called: ``label`` and ``change``, as in the plan. Every finished
run leaves one record, with all scores and without weights: the book's results are made from these.
``--again`` scores finished run folders anew, those of earlier versions too.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from book.tools.commands import guarded
from book.tools.plan import read_entry
from damunet_lite.config import TrainConfig
from damunet_lite.data import folds

HISTORY_POINTS = 100
DIGITS = 6


def read_sweep(path: Path) -> dict[str, tuple[TrainConfig, dict[str, str]]]:
    """Read the runs of a sweep file.

    Parameters
    ----------
    path : path
        JSON list of dicts.

    Returns
    -------
    dict
        Name of each run to its configuration and its label, in their order.

    Raises
    ------
    ValueError
        If the file is not such a list, is empty, an entry is no valid configuration (the message
        counts from 1), or an entry stands in it twice.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "sweep.json"
    ...     _ = file.write_text('[{"network": "unet", "fold": 0}, {"network": "unet", "fold": 1}]')
    ...     list(read_sweep(file))
    ['unet-fold0-seed0', 'unet-fold1-seed0']
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}), wanted a list of configurations") from error
    if not isinstance(entries, list) or not entries:
        found = "an empty list" if entries == [] else f"one {type(entries).__name__}"
        raise ValueError(f"{path} is {found}, wanted configurations between [ and ]")
    runs: dict[str, tuple[TrainConfig, dict[str, str]]] = {}
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, entry {number} is {entry!r}, wanted a dict")
        try:
            config, label = read_entry(entry)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
        if config.name in runs:
            raise ValueError(f"{path} holds {config.name} twice, wanted each run once")
        runs[config.name] = config, label
    return runs


def record(folder: Path, label: dict[str, str] | None = None) -> dict[str, Any]:
    """What is worth keeping of a finished run, without weights, pictures or probabilities.

    Parameters
    ----------
    folder : path
        Run folder with ``metrics.json``.
    label : dict, optional
        What the run is called.

    Returns
    -------
    dict
        The content of ``metrics.json``, with numbers to six digits, a history of at most 100
        evaluations, the label and the commit that was checked out.

    Raises
    ------
    FileNotFoundError
        If the run is not finished.

    Examples
    --------
    >>> record(Path("no-such-folder"))
    Traceback (most recent call last):
    FileNotFoundError: no-such-folder holds no finished run: metrics.json is missing
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no finished run: {path.name} is missing")
    content = json.loads(path.read_text(encoding="utf-8"), parse_float=_rounded)
    history = content["history"]
    step = -(-len(history) // HISTORY_POINTS)
    content["history"] = history[::-1][::step][::-1]
    return {**content, **({"label": label} if label else {}), "commit": _commit()}


def again(folder: Path) -> dict[str, Any]:
    """The record of a finished run whose best network is scored anew; its folder stays as it is.

    Examples
    --------
    >>> again(Path("no-such-folder"))
    Traceback (most recent call last):
    damunet_lite.runs.RunError: no-such-folder is not a run folder: config.json is missing
    """
    from damunet_lite import runs, training

    config = runs.read_origin(folder)[0]
    stack, network = training.load_stack(config.data), training.load_network(folder)
    fold = folds(len(stack))[config.fold]
    scores = json.dumps(training.evaluate(network, stack, fold, config.tta))
    return {**record(folder), **json.loads(scores, parse_float=_rounded)}


def _rounded(number: str) -> float:
    """Six digits, so that processors and versions agree on a record."""
    return round(float(number), DIGITS)


def _commit() -> str | None:
    """Commit of the checkout; None where there is no git."""
    command, here = "git rev-parse --short HEAD", Path(__file__).parent
    done = subprocess.run(command, shell=True, cwd=here, capture_output=True, text=True)
    return done.stdout.strip() or None


def sweep(file: Path, runs: Path, results: Path, progress: bool = True) -> list[Path]:
    """Train the runs of a sweep file one after another; a sweep that was interrupted goes on.

    A run whose record exists is never repeated, one that was killed goes on from its last saved
    state. Before each run a line says which it is, and the time left as far as it is known.

    Parameters
    ----------
    file : path
        As for :func:`read_sweep`.
    runs, results : path
        Folder of the run folders, and of the records ``<name>.json``.
    progress : bool
        Show the progress bar of each run.

    Returns
    -------
    list of Path
        The records, in the order of the file.

    Raises
    ------
    damunet_lite.training.RunError
        If a run cannot go on, or a record belongs to another configuration.
    """
    import keras

    from damunet_lite import training
    from damunet_lite.runs import check_same_config

    wanted = read_sweep(file)
    paths = {name: results / f"{name}.json" for name in wanted}
    done = [name for name in wanted if paths[name].exists()]
    for name in done:
        check_same_config(paths[name], wanted[name][0])
    left = [name for name in wanted if name not in done]
    seconds: list[float] = []
    for number, name in enumerate(left, start=1):
        config, label = wanted[name]
        minutes = (len(left) - len(seconds)) * sum(seconds) / max(len(seconds), 1) / 60
        time_left = f", about {minutes:.0f} min left" if seconds else ""
        print(f"run {number} of {len(left)}: {name}{time_left}")
        started = time.perf_counter()
        stack = training.load_stack(config.data)
        folder = training.train(config, stack, runs / name, progress)
        results.mkdir(parents=True, exist_ok=True)
        training.write_json(paths[name], record(folder, label))
        keras.backend.clear_session()
        seconds.append(time.perf_counter() - started)
    return list(paths.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m book.tools.sweep",
        description="Train every configuration of FILE, a JSON list of settings of "
        "damunet_lite.config.TrainConfig, and keep one record of each. The same command again "
        "goes on where the sweep stopped; a finished run is never repeated.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", nargs="?")
    text = "finished run folders to score anew"
    parser.add_argument("--again", type=Path, metavar="RUN", nargs="+", default=[], help=text)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of run folders")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    given = parser.parse_args(arguments)
    if not given.file and not given.again:
        parser.error("FILE or --again RUN is missing")

    def work():
        from damunet_lite.runs import read_origin, write_json

        for folder in given.again:
            given.results.mkdir(parents=True, exist_ok=True)
            path = given.results / f"{read_origin(folder)[0].name}.json"
            write_json(path, again(folder))
            print(f"{folder} -> {path}")
        if given.file:
            paths = sweep(given.file, given.runs, given.results, not given.quiet)
            print(f"{len(paths)} records in {given.results}")

    return guarded(work, "interrupted; the same command goes on from the last saved state")


if __name__ == "__main__":
    raise SystemExit(main())
