"""The record of many runs: train a list of configurations, keep one small file for each.

A sweep file is a JSON list of configurations, each a dict of
:class:`damunet_lite.training.TrainConfig`; what is left out takes the default. Every finished run
leaves one record, with all scores and without weights: the book's results are made from these.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from damunet_lite import training

HISTORY_POINTS = 100
DIGITS = 6


def read_sweep(path: str | os.PathLike) -> list[training.TrainConfig]:
    """Read the configurations of a sweep file.

    Parameters
    ----------
    path : path
        JSON list of dicts.

    Returns
    -------
    list of TrainConfig

    Raises
    ------
    RunError
        If the file cannot be read.
    ValueError
        If the file is not such a list, an entry is no valid configuration (the message counts
        from 1), or an entry stands in it twice.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "sweep.json"
    ...     _ = file.write_text('[{"network": "unet", "fold": 0}, {"network": "unet", "fold": 1}]')
    ...     [config.name for config in read_sweep(file)]
    ['unet-fold0-seed0', 'unet-fold1-seed0']
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise training.RunError(f"sweep file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} must be a JSON list of configurations: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(
            f"{path} must be a JSON list of configurations, got one {type(entries).__name__}: "
            "put it in [ ]"
        )
    configs = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, entry {number} must be a dict, got {entry!r}")
        try:
            configs.append(training.TrainConfig.from_dict(entry))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
    names = [config.name for config in configs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path} must name each run once, {twice} stand in it more often")
    return configs


def record(folder: str | os.PathLike) -> dict[str, Any]:
    """What is worth keeping of a finished run, without weights, pictures or probabilities.

    Parameters
    ----------
    folder : path
        Run folder with ``metrics.json``.

    Returns
    -------
    dict
        The content of ``metrics.json``, with numbers to six digits, a history of at most 100
        evaluations and the commit that was checked out.

    Raises
    ------
    damunet_lite.training.RunError
        If the run is not finished.

    Examples
    --------
    >>> record("no-such-folder")
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such-folder holds no finished run: metrics.json is missing
    """
    path = Path(folder) / training.METRICS_FILE
    if not path.is_file():
        raise training.RunError(f"{folder} holds no finished run: {path.name} is missing")
    content = json.loads(path.read_text(encoding="utf-8"))
    history = content["history"]
    step = -(-len(history) // HISTORY_POINTS)
    content["history"] = history[::-1][::step][::-1]
    return {**rounded(content), "commit": _commit()}


def rounded(value: Any) -> Any:
    """JSON content with every float at six digits, so that processors and versions agree on it.

    Parameters
    ----------
    value : float, list, dict or anything else
        Lists and dicts are rounded item by item, what is no float stays as it is.

    Examples
    --------
    >>> rounded({"v_rand": [0.95 + 1e-9, None], "seed": 0})
    {'v_rand': [0.95, None], 'seed': 0}
    """
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def _commit() -> str | None:
    """Commit of the checkout that the package lies in; None where it was installed."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def sweep(
    configs: list[training.TrainConfig],
    runs: str | os.PathLike = "runs",
    results: str | os.PathLike = "results",
    progress: bool = True,
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Run configurations one after another; a sweep that was interrupted goes on.

    A run whose record exists is never repeated, one that was killed goes on from its last saved
    state.

    Parameters
    ----------
    configs : list of TrainConfig
    runs, results : path
        Folder of the run folders, and of the records ``<name>.json``.
    progress : bool
        Show the progress bar of each run.
    report : callable
        Takes one line before each run: which it is, and the time left as far as it is known.

    Returns
    -------
    list of Path
        The records, in the order of ``configs``.

    Raises
    ------
    damunet_lite.training.RunError
        If a run cannot go on, or a record belongs to another configuration.

    Examples
    --------
    >>> sweep([])
    []
    """
    results = Path(results)
    paths = [results / f"{config.name}.json" for config in configs]
    for config, path in zip(configs, paths, strict=True):
        if path.exists():
            training.check_same_config(path, config)
    left = [job for job in zip(configs, paths, strict=True) if not job[1].exists()]
    seconds: list[float] = []
    for number, (config, path) in enumerate(left, start=1):
        report(f"run {number} of {len(left)}: {config.name}{_time_left(seconds, len(left))}")
        started = time.perf_counter()
        folder = training.train(
            config, training.load_stack(config.data), Path(runs) / config.name, progress
        )
        results.mkdir(parents=True, exist_ok=True)
        training.write_json(path, record(folder))
        keras.backend.clear_session()
        seconds.append(time.perf_counter() - started)
    return paths


def _time_left(seconds: list[float], runs: int) -> str:
    if not seconds:
        return ""
    minutes = (runs - len(seconds)) * sum(seconds) / len(seconds) / 60
    return f", about {minutes:.0f} min left"
