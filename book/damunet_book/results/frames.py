"""The recorded runs as frames: one row a run, a slice, an evaluation."""

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd

#: Column of a score, and how readers know it.
SCORE_NAMES = {
    "v_rand": "V_rand",
    "v_info": "V_info",
    "dice_cell": "Dice cell",
    "dice_membrane": "Dice membrane",
    "accuracy": "accuracy",
}
SCORES = list(SCORE_NAMES)
FOUR = ["U-Net", "ATT-U-Net", "DATT-U-Net", "DAMU-Net"]
RECORDED = Path(__file__).parents[1] / "recorded_results.json"

_LONG = ("slices", "history")


@functools.cache
def recorded() -> dict[str, Any]:
    """Everything that the other functions read, as the package carries it.

    Returns
    -------
    dict
        Lists of dicts: ``plan``, ``runs``, ``costs``, ``gallery``; ``necks`` is a dict by run.

    Examples
    --------
    >>> sorted(recorded())
    ['costs', 'gallery', 'necks', 'plan', 'runs']
    """
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def runs(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """Every recorded run, one row each, in the order of the plan.

    Parameters
    ----------
    content : dict, optional
        In the form of :func:`recorded`, which it is by default.

    Returns
    -------
    DataFrame
        Indexed by the ``name`` of the run's configuration. ``network`` is the row of the table
        that it belongs to, ``change`` what was changed in it (empty for the common recipe) and
        ``part`` the part of the plan; then ``base_filters``, ``fold``, ``seed``, ``precision``,
        ``steps``, ``seconds`` and so on. The five :data:`SCORES` are of the test slices, at the
        thresholds ``threshold_v_rand`` and ``threshold_v_info`` that were chosen on the validation
        slices, whose scores are ``validation_v_rand`` and so on. Where the maps of a run were read
        otherwise too, ``fine_test_v_rand`` is that of a threshold in steps of 0.05, and
        ``cells_v_rand``, ``cells_found`` and so on are of cells cut at necks, means of the test
        slices (``validation_cells_v_rand``: of the validation slices). ``gate_4`` is the mean
        coefficient of the deepest attention gate, where it was measured. What a record says
        besides in named numbers gets columns in the same way.

    Examples
    --------
    >>> table = runs()
    >>> float(table.loc["unet-fold4-seed0", "v_rand"])
    0.957104
    >>> table[table.part == "networks"].groupby("network").fold.count().to_dict()
    {'ATT-U-Net': 10, 'DAMU-Net': 10, 'DATT-U-Net': 10, 'U-Net': 10}
    """
    rows = (content or recorded())["runs"]
    short = [{key: row[key] for key in row if key not in _LONG} for row in rows]
    return pd.json_normalize(short, sep="_").set_index("name")


def slices(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """The scores of every test slice of every run, at the thresholds of the run.

    Returns
    -------
    DataFrame
        ``name`` of the run, ``slice``, the five scores, and the two parts of V_rand,
        ``v_rand_split`` and ``v_rand_merge``. Where the run was read as cells too, their
        ``cells_v_rand`` and ``cells_v_info`` and how many cells there were: ``cells_true``,
        ``cells_proposed``, ``cells_found``, ``cells_split`` and ``cells_merged``; else NaN.
        ``threshold_true`` and so on are the same counts by the chosen threshold, known of fewer.

    Examples
    --------
    >>> table = slices()
    >>> int(table.loc[table.v_rand.idxmin(), "slice"])
    20
    """
    rows = (content or recorded())["runs"]
    return pd.concat(
        [pd.DataFrame({"name": row["name"], **row["slices"]}) for row in rows], ignore_index=True
    )


def history(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """Every evaluation during training: ``name`` of the run, ``step``, ``loss``, ``v_rand`` ...

    Examples
    --------
    >>> history().groupby("name").step.max().loc["unet-fold4-seed0"]
    np.int64(350)
    """
    return pd.json_normalize((content or recorded())["runs"], "history", ["name"])


def baselines(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """Scores of the two answers that look at nothing, on the test slices of each fold.

    Returns
    -------
    DataFrame
        ``network`` (``"all cell"``, ``"all membrane"``), ``fold`` and the five scores.

    Examples
    --------
    >>> baselines().groupby("network").dice_cell.mean().round(3).to_dict()
    {'all cell': 0.876, 'all membrane': 0.0}
    """
    folds = runs(content).drop_duplicates("fold").sort_values("fold")
    return pd.DataFrame(
        [
            {"network": name, "fold": row["fold"]}
            | {score: row[f"{name.replace(' ', '_')}_{score}"] for score in SCORES}
            for name in ("all cell", "all membrane")
            for row in folds.to_dict("records")
        ]
    )


def plan(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """Every run that was planned: ``part`` and ``name``; a run may stand in two parts.

    Examples
    --------
    >>> plan().groupby("part").size().loc["networks"]
    np.int64(40)
    """
    return pd.DataFrame((content or recorded())["plan"])


def costs(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """What one image of 512 x 512 costs: ``parameters``, ``gflop``, processor ``seconds``.

    Returns
    -------
    DataFrame
        Indexed by ``base_filters`` and ``network``.

    Examples
    --------
    >>> float(costs().loc[(32, "U-Net"), "gflop"])
    96.27
    """
    rows = (content or recorded())["costs"]
    return pd.DataFrame(rows).set_index(["base_filters", "network"])


def necks(content: dict[str, Any] | None = None) -> pd.DataFrame:
    """Mean V_rand of the cells of the validation slices, over the runs that were asked.

    Returns
    -------
    DataFrame
        A row for each ``threshold`` of :func:`damunet_lite.cells.segment_cells`, a column for each
        ``neck``.

    Examples
    --------
    >>> necks().stack().idxmax() == (0.15, 0.15)
    True
    """
    grids = (content or recorded())["necks"].values()
    mean = sum(map(pd.DataFrame, grids)).T / len(grids)
    mean.index, mean.columns = mean.index.astype(float), mean.columns.astype(float)
    return mean.rename_axis(index="threshold", columns="neck")


def gallery(content: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Predicted membranes of the worst test slices of some runs, the lowest V_rand first.

    Returns
    -------
    list of dict
        ``name`` of the run, ``network``, ``base_filters``, ``fold``, ``slice``, ``v_rand`` and
        ``png``, for :func:`gallery_masks`.

    Examples
    --------
    >>> gallery()[0]["network"]
    'ATT-U-Net'
    """
    return (content or recorded())["gallery"]
