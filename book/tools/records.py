"""Records of runs, read once: each becomes one labelled row."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from book.tools.plan import LABEL, labels
from damunet_lite.config import TrainConfig

FULL_WIDTH = 32
_ROWS = {
    "unet": "U-Net",
    "att_unet": "ATT-U-Net",
    "datt_unet": "DATT-U-Net",
    "damu_net": "DAMU-Net",
    "published_listing": "listing",
}
# They change the machine's arithmetic, not what the run counts as.
_MACHINE = {"jit": None, "devices": 1, "deterministic": None}
# Score of a slice: its name in former records, and which threshold holds; pixel scores are at 0.5.
_COLUMNS = {
    "v_rand": ("rand", "v_rand"),
    "v_rand_split": ("rand_split", "v_rand"),
    "v_rand_merge": ("rand_merge", "v_rand"),
    "v_info": ("information", "v_info"),
    "dice_cell": ("dice_cell", None),
    "dice_membrane": ("dice_membrane", None),
    "accuracy": ("accuracy", None),
}
# Sections of a record that a row has under other names, or not at all.
_READ = (
    *("config", "environment", "thresholds", "test", "validation"),
    *("cells", "baselines", "training_seconds"),
)


class RecordError(ValueError):
    """A record cannot be used; the message names the file and what is wrong with it."""


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Read every record of a folder of runs on the real stack.

    Parameters
    ----------
    folder : path
        Its ``*.json`` files that hold a ``config`` are records; folders inside it are not read.

    Returns
    -------
    list of dict
        Rows, as :func:`as_row` makes them, in the order of the plan whatever that of the files.

    Raises
    ------
    RecordError
        If a file cannot be used, or two records are of the same run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     read_records(Path(empty))
    []
    """
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    known = labels()
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if "config" not in record or record["config"]["data"] != "isbi2012":
                continue
            row = as_row(record, known)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            lacks = "the record lacks " * isinstance(error, KeyError)
            raise RecordError(f"{path} cannot be used: {lacks}{error}") from error
        if row["name"] in found:
            raise RecordError(f"{path} and {found[row['name']][0]} are records of the same run")
        found[row["name"]] = path, row
    # As in the plan, but folds by their number; what is not in the plan comes last.
    order = [list(dict.fromkeys(run[k] for run in known.values())) for k in ("part", *LABEL)]

    def place(row):
        own = (row["part"], row["network"], row["change"])
        places = [(*names, name).index(name) for names, name in zip(order, own, strict=True)]
        return *places, -row["base_filters"], row["fold"], row["seed"], row["name"]

    return sorted((row for _, row in found.values()), key=place)


def run_name(config: TrainConfig) -> str:
    """Name of a run, whatever the machine was asked to compute it with.

    Examples
    --------
    >>> run_name(TrainConfig("unet", jit=True))
    'unet-fold4-seed0'
    """
    return dataclasses.replace(config, **_MACHINE).name


def as_row(record: dict[str, Any], known: dict[str, dict[str, str]]) -> dict[str, Any]:
    """One run as the frames of :mod:`damunet_book.results` have it.

    Parameters
    ----------
    record : dict
        As :func:`book.tools.sweep.record` makes it, with today's names of scores or former ones.
    known : dict
        Labels by name of the configuration, as :func:`book.tools.plan.labels` gives them. A run
        that is not in the plan has the label of its record or, without one, that of its network,
        with all settings that are not the recipe's as its change.

    Returns
    -------
    dict
        ``name``, label and settings, the test scores, ``threshold``, ``all_cell`` and
        ``all_membrane``; all other numbers of the record under their own names; ``slices``, the
        scores of each test slice at the chosen thresholds and of its cells, and ``history``.

    Raises
    ------
    KeyError
        If the record lacks something.
    RecordError
        If the slices' mean is not the score that the record states.
    """
    config = TrainConfig.from_dict(record["config"])
    name = run_name(config)
    label = known.get(name) or {"part": "", **_own_label(config), **record.get("label", {})}
    cells = {
        part: {f"cells_{score}": values for score, values in scores.items()}
        for part, scores in record.get("cells", {}).items()
    }
    slices = {"slice": record["test_slices"], **_at_thresholds(record), **cells.get("test", {})}
    for score, stated in record["test"].items():
        mean = np.mean(slices[score])
        if abs(mean - stated) > 1e-4:
            raise RecordError(
                f"the slices' mean {score} is {mean:.6f}, but the record states {stated}"
            )
    return {
        "name": name,
        "part": label["part"],
        "network": label["label"],
        "change": label["change"],
        "base_filters": config.network_options.get("base_filters", FULL_WIDTH),
        "fold": config.fold,
        "seed": config.seed,
        # Records without it were made where `auto` is float32.
        "precision": record.get("environment", {}).get("precision", "float32"),
        "steps": config.steps,
        "seconds": record.get("training_seconds"),
        **record["test"],
        "threshold": record["thresholds"],
        **{key.replace(" ", "_"): row for key, row in record["baselines"].items()},
        **_numbers({key: record[key] for key in record if key not in _READ}),
        "validation": record["validation"]
        | {score: float(np.mean(values)) for score, values in cells.get("validation", {}).items()},
        "slices": slices,
        "history": record["history"],
    }


def _own_label(config: TrainConfig) -> dict[str, str]:
    """Label of a run that nobody named: its network, and whatever is not the recipe's."""
    recipe = dataclasses.asdict(TrainConfig())
    changes = {}
    for key, value in dataclasses.asdict(config).items():
        if key not in ("network", "fold", "seed") and value != recipe[key]:
            changes |= value if isinstance(value, dict) else {key: value}
    changes.pop("base_filters", None)
    words = ", ".join(f"{key} {value}" for key, value in changes.items())
    return {"label": _ROWS[config.network], "change": words}


def _at_thresholds(record: dict[str, Any]) -> dict[str, list[float]]:
    """Scores of each test slice, each at the threshold that the run chose for it."""
    scores, found = record["test_scores"], {}
    for name, (former, choice) in _COLUMNS.items():
        threshold = 0.5 if choice is None else record["thresholds"][choice]
        at = int(np.abs(np.array(scores["thresholds"]) - threshold).argmin())
        rows = scores[name] if name in scores else scores[former]
        found[name] = [row[at] for row in rows]
    return found


def _numbers(section: dict[str, Any]) -> dict[str, Any]:
    """What is a number, at any depth."""
    inner = {k: _numbers(v) if isinstance(v, dict) else v for k, v in section.items()}
    return {
        k: v for k, v in inner.items() if isinstance(v, (int, float)) or v and isinstance(v, dict)
    }
