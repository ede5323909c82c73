"""Every run of the book's results, and which of them are still to be made."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from damunet_book.results.records import IDEAS, LISTING, variant

NARROW = 16
ABLATION_FOLD = 4


def plan() -> dict[str, list[dict[str, Any]]]:
    """Every run of the book's results, in the order in which they are to be made.

    Returns
    -------
    dict of str to list of dict
        Parts ``networks`` (20), ``listing`` (10), ``cbam`` (15), and at 16 base filters
        ``ablation`` and ``seeds`` (one fold) and ``narrow`` (the four networks on all folds);
        ``wide_seeds`` repeats U-Net and DAMU-Net of fold 4 with two more seeds at full width, and
        ``precision`` repeats six runs of fold 4 in bfloat16. Settings of
        :class:`damunet_lite.training.TrainConfig`.

    Examples
    --------
    >>> [len(plan()[part]) for part in ("networks", "listing", "cbam")]
    [20, 10, 15]
    """
    folds = (4, 0, 1, 2, 3)
    four = tuple(IDEAS)

    def wide(network, fold, **options):
        return {"network": network, "network_options": options, "fold": fold}

    listing = [
        {**LISTING, "network_options": options, "fold": fold}
        for fold in folds
        for options in ({}, {"correct_gate3": True})
    ]
    return {
        "networks": [wide(network, fold) for fold in folds for network in four],
        "listing": listing,
        "cbam": [wide(n, fold, attention="cbam") for fold in folds for n in four[1:]],
        "ablation": _ablation(NARROW),
        "seeds": [
            {**wide(network, 4, base_filters=NARROW), "seed": seed}
            for seed in (1, 2)
            for network in four
        ],
        "narrow": [wide(n, fold, base_filters=NARROW) for fold in folds for n in four],
        "wide_seeds": [
            {**wide(network, 4), "seed": seed} for seed in (1, 2) for network in (four[0], four[3])
        ],
        "precision": [
            {**wide(network, 4, **options), "precision": "mixed_bfloat16"}
            for options, networks in (({}, (four[0], four[3])), ({"base_filters": NARROW}, four))
            for network in networks
        ],
    }


def _ablation(width: int) -> list[dict[str, Any]]:
    """From the plain U-Net upward and from DAMU-Net downward, one change at a time, on one fold."""

    def run(network, options=None, **settings):
        options = {"base_filters": width, **(options or {})}
        return {"network": network, "network_options": options, "fold": ABLATION_FOLD, **settings}

    runs = [run("unet"), run("damu_net")]
    for network in ("unet", "damu_net"):
        runs += [run(network, loss=loss) for loss in ("dice", "tversky", "focal_tversky")]
        runs += [
            run(network, loss="weighted_cross_entropy", loss_options={"alpha": alpha})
            for alpha in (0.8, 0.9)
        ]
        runs.append(run(network, tta=False))
    for weight in (0.5, 0.6, 0.8, 0.9):
        weights = {"fn_weight": weight, "fp_weight": round(1 - weight, 1)}
        runs.append(run("unet", loss="tversky", loss_options=weights))
    runs += [
        run("unet", loss="focal_tversky", loss_options={"exponent": exponent})
        for exponent in (0.5, 1.0, 1.5)
    ]
    runs.append(run("att_unet"))  # the U-Net with gates; no run twice under two names
    runs += [run("unet", {"attention": attention}) for attention in ("cbam", "both")]
    runs += [run("unet", {"deep_supervision": True}), run("unet", {"multi_scale": True})]
    runs += [run("damu_net", {"attention": attention}) for attention in (None, "cbam", "both")]
    runs += [run("damu_net", {"deep_supervision": False}), run("datt_unet")]
    runs += [run("damu_net", target_rule=rule) for rule in ("area", "strided")]
    return runs


def write_sweeps(folder: str | os.PathLike) -> list[Path]:
    """Write the plan as sweep files for ``python -m book.tools.sweep``.

    Returns
    -------
    list of Path
        ``1-networks.json``, ``2-listing.json`` and so on, in the order of the plan.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_sweeps(folder)[0].name
    '1-networks.json'
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (part, configs) in enumerate(plan().items(), start=1):
        path = Path(folder) / f"{number}-{part}.json"
        lines = ",\n ".join(json.dumps(config) for config in configs)
        path.write_text(f"[{lines}]\n", encoding="utf-8")
        paths.append(path)
    return paths


def missing(records: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Runs of the plan that have no record yet, by part.

    Returns
    -------
    dict of str to list of str
        Each run as ``label, base filters, fold, seed``.

    Examples
    --------
    >>> missing([])["networks"][0]
    'U-Net, 32 filters, fold 4, seed 0'
    """
    done = {run_name(record["config"]) for record in records}
    return {
        part: [name for name in map(run_name, configs) if name not in done]
        for part, configs in plan().items()
    }


def run_name(config: dict[str, Any]) -> str:
    """A run as a reader would name it: row, filters, fold, seed."""
    row = variant(config)
    fold, seed = config.get("fold", 4), config.get("seed", 0)
    return f"{row.name}, {row.base_filters} filters, fold {fold}, seed {seed}"
