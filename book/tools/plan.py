"""The plan of the book's runs: the sweep files of ``book/results/sweeps``, each run with its label.

An entry is a configuration with a ``label``, the row of the tables that it belongs to, and where
something was changed a ``change``, in words. What is not in a file yet is added there, by hand.
"""

import json
from pathlib import Path
from typing import Any

from damunet_lite.config import TrainConfig

RESULTS = Path(__file__).parents[1] / "results"
#: What a run is called; neither decides how it is trained.
LABEL = ("label", "change")


def plan() -> list[dict[str, Any]]:
    """Every run of the book's results, in the order in which they are to be made.

    Returns
    -------
    list of dict
        ``part``, the name of the file; ``name`` of the configuration; ``label``, ``change`` (empty
        for the common recipe) and ``config``. ``book/results/README.md`` says what the parts are.

    Examples
    --------
    >>> parts = [run["part"] for run in plan()]
    >>> [parts.count(part) for part in ("networks", "listing", "cbam")]
    [40, 10, 15]
    """
    runs = []
    for path in sorted((RESULTS / "sweeps").glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            config, label = read_entry(entry)
            part = {"part": path.stem.split("-", 1)[1], "name": config.name}
            runs.append({**part, "change": "", **label, "config": config})
    return runs


def read_entry(entry: dict[str, Any]) -> tuple[TrainConfig, dict[str, str]]:
    """Configuration and label of one entry of a sweep file.

    Raises
    ------
    ValueError
        If the configuration is not valid.

    Examples
    --------
    >>> read_entry({"label": "U-Net", "network": "unet"})[1]
    {'label': 'U-Net'}
    """
    label = {key: entry[key] for key in LABEL if key in entry}
    return TrainConfig.from_dict({k: entry[k] for k in entry if k not in LABEL}), label


def labels() -> dict[str, dict[str, str]]:
    """Name of a configuration to its ``part``, ``label`` and ``change``.

    A run that stands in two parts counts to the later one: the four networks at half the width
    belong to their table.

    Examples
    --------
    >>> labels()["unet-fold4-seed0"]
    {'part': 'networks', 'label': 'U-Net', 'change': ''}
    """
    return {run["name"]: {key: run[key] for key in ("part", *LABEL)} for run in plan()}
