"""The tables and figures of the results, rebuilt from the records of the runs alone.

What a record counts as (a row of the table, a repeat with another seed, an ablation) follows
from the configuration inside it, never from the name of its file.
"""

import base64
import csv
import functools
import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

SCORES = ("v_rand", "v_info", "dice_cell", "dice_membrane", "accuracy")
SCORE_NAMES = {
    "v_rand": "V_rand", "v_info": "V_info", "dice_cell": "Dice cell",
    "dice_membrane": "Dice membrane", "accuracy": "accuracy",
}
FOLDS = 5
RECORDED = Path(__file__).with_name("recorded_results.json")
SPEED_FILE, GATES_FILE = "speed-cpu.json", "gates.json"

_AIMS = (("v_rand", 0.96), ("v_rand", 0.97), ("dice_membrane", 0.80))
_ABOVE_BASELINES = "every network above both trivial baselines in every fold and score"
_FULL_WIDTH = 32
_NARROW = 16
_ABLATION_FOLD = 4
_OWN = ("network", "network_options", "fold", "seed")
# They change the machine's arithmetic, not the recipe.
_MACHINE = ("jit", "devices", "deterministic")
_IDEAS = {
    "unet": (None, False, False), "att_unet": ("gate", False, False),
    "datt_unet": ("gate", True, False), "damu_net": ("gate", True, True),
}
_NAMES = {
    (False, False): "ATT-U-Net", (True, False): "DATT-U-Net", (True, True): "DAMU-Net",
    (False, True): "ATT-U-Net + scales",
}
FOUR = ("U-Net", "ATT-U-Net", "DATT-U-Net", "DAMU-Net")
_WORDS = {
    "loss": {
        "dice": "Dice loss", "tversky": "Tversky loss", "focal_tversky": "focal Tversky loss",
        "weighted_cross_entropy": "weighted cross-entropy",
    },
    "tta": {"false": "no test-time augmentation"},
    "precision": {"mixed_bfloat16": "in bfloat16", "float32": "in float32"},
    "target_rule": {"area": "targets by area", "strided": "targets by stride"},
}
_LISTING = {
    "network": "published_listing", "loss": "listing", "target_rule": "strided", "head_decay": 1.0,
}
_ALL_IDEAS = tuple(itertools.product((None, "gate", "cbam", "both"), (False, True), (False, True)))
_ARCHITECTURE = ("attention", "deep_supervision", "multi_scale", "base_filters")


class RecordError(ValueError):
    """A record cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True, order=True)
class Variant:
    """What was trained, apart from fold and seed.

    Attributes
    ----------
    label : str
        Name of the row.
    base_filters : int
        Channels of the first level.
    changes : tuple of str
        Settings that are not those of the common recipe, as ``name=value``; empty for a run that
        belongs into the table of its width.

    Examples
    --------
    >>> variant({"network": "damu_net", "network_options": {"attention": "cbam"}}).label
    'DAMU-Net, CBAM'
    """

    label: str
    base_filters: int
    changes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Label with the changes.

        Examples
        --------
        >>> Variant("U-Net", 16, ("loss=dice",)).name
        'U-Net, loss=dice'
        """
        return ", ".join((self.label, *self.changes))


# ------------------------------------------------------------------ what a run is


@functools.cache
def _defaults() -> dict[str, Any]:
    from damunet_lite import training  # here, because it loads Keras

    return json.loads(json.dumps(asdict(training.TrainConfig())))


def recipe() -> dict[str, Any]:
    """The recipe that all runs of the table share: the defaults of ``TrainConfig``.

    Examples
    --------
    >>> recipe()["loss"]
    'cross_entropy'
    """
    return dict(_defaults())


def variant(config: dict[str, Any]) -> Variant:
    """Which row a configuration belongs to.

    Parameters
    ----------
    config : dict
        Settings of :class:`damunet_lite.training.TrainConfig`; what is left out is the recipe's.

    Returns
    -------
    Variant

    Examples
    --------
    >>> variant({"network": "unet", "network_options": {"attention": "gate"}}).label
    'ATT-U-Net'
    >>> variant({"network": "unet", "loss": "dice", "fold": 2}).changes
    ('loss=dice',)
    """
    expected = recipe()
    options = dict(config.get("network_options", {}))
    network = config.get("network", expected["network"])
    filters = _FULL_WIDTH
    if network == "published_listing":
        label = "listing, gate 3 corrected" if options.pop("correct_gate3", False) else "listing"
        label += ", conv4 of 256" if options.pop("full_conv4", False) else ""
        if config.get("loss", expected["loss"]) == "listing":
            expected |= _LISTING
    else:
        attention, deep, scales = (
            options.pop(key, default)
            for key, default in zip(_ARCHITECTURE, _IDEAS[network], strict=False)
        )
        filters = options.pop("base_filters", _FULL_WIDTH)
        label = _label(attention, bool(deep), bool(scales))
    changes = [
        f"{key}={_shown(config[key])}"
        for key in sorted(config)
        if key not in (*_OWN, *_MACHINE) and config[key] != expected.get(key)
    ]
    if network == "published_listing" and expected["loss"] != "listing":
        label += f", {expected['loss'].replace('_', '-')}"
    changes += [f"{key}={_shown(value)}" for key, value in sorted(options.items())]
    return Variant(label, filters, tuple(changes))


def _label(attention: str | None, deep: bool, scales: bool) -> str:
    if attention is None:
        return "U-Net" + " + supervision" * deep + " + scales" * scales
    suffix = {"gate": "", "cbam": ", CBAM", "both": ", gate and CBAM"}[attention]
    return _NAMES[deep, scales] + suffix


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _place(record: dict[str, Any]) -> tuple:
    """Place of a run in every listing: networks in the order of the table, then the rest."""
    config = record["config"]
    row = variant(config)
    return (*_row_order(row), config["fold"], config["seed"])


def _row_order(row: Variant) -> tuple:
    base = row.label.partition(",")[0]
    first = FOUR.index(base) if base in FOUR else len(FOUR)
    return (
        -row.base_filters, len(row.changes) > 0, row.label not in FOUR, first, row.label,
        row.changes,
    )


# ------------------------------------------------------------------ the records


def compact(record: dict[str, Any]) -> dict[str, Any]:
    """A record with each slice's scores at the chosen thresholds, instead of at all thresholds.

    Parameters
    ----------
    record : dict
        As :func:`damunet_lite.results.record` makes it, or already compact.

    Returns
    -------
    dict

    Raises
    ------
    RecordError
        If something is missing, or the slices' mean is not the score that the record states.

    Examples
    --------
    >>> compact({"config": {}})
    Traceback (most recent call last):
    damunet_lite.tables.RecordError: the record lacks 'test'
    """
    if "slices" in record:
        return record
    needed = ("config", "test", "baselines", "test_slices", "thresholds", "history", "test_scores")
    for key in needed:
        if key not in record:
            raise RecordError(f"the record lacks {key!r}")
    scores, chosen = record["test_scores"], record["thresholds"]
    columns = {
        "rand": chosen["v_rand"], "rand_split": chosen["v_rand"], "rand_merge": chosen["v_rand"],
        "information": chosen["v_info"],
        "dice_cell": 0.5, "dice_membrane": 0.5, "accuracy": 0.5,
    }
    slices = {}
    for key, threshold in columns.items():
        distance = np.abs(np.array(scores["thresholds"]) - threshold)
        name = {"rand": "v_rand", "information": "v_info"}.get(key, key)
        slices[name] = [row[int(distance.argmin())] for row in scores[key]]
    for name in SCORES:
        if abs(np.mean(slices[name]) - record["test"][name]) > 1e-4:
            raise RecordError(
                f"the slices' mean {name} is {np.mean(slices[name]):.6f}, but the record states "
                f"{record['test'][name]}"
            )
    kept = {key: value for key, value in record.items() if key != "test_scores"}
    return {**kept, "slices": slices}


def load_records(folder: str | os.PathLike) -> list[dict[str, Any]]:
    """Read every record of a folder, in the order of the table.

    Parameters
    ----------
    folder : path
        Its ``*.json`` files that hold a ``config`` are records; folders inside it are not read.

    Returns
    -------
    list of dict
        Compact records of runs on the real stack, whatever the order of the files.

    Raises
    ------
    RecordError
        If a file cannot be used, or two records are of the same run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     load_records(empty)
    []
    """
    found: dict[tuple, tuple[Path, dict]] = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or "config" not in content:
                continue
            record = compact(content)
            key = _place(record)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise RecordError(f"{path} cannot be used: {error}") from error
        if record["config"]["data"] != "isbi2012":
            continue
        if key in found:
            raise RecordError(f"{path} and {found[key][0]} are records of the same run")
        found[key] = (path, record)
    return [found[key][1] for key in sorted(found)]


def recorded() -> dict[str, Any]:
    """The book's results as the package carries them: records, costs, gates, gallery.

    Returns
    -------
    dict
        ``records`` (compact, in the order of the table), ``costs`` (what :func:`costs` gives),
        ``gates`` (what :func:`measure_gates` gave), ``gallery`` (predictions of the worst slices,
        for :func:`gallery_masks`).

    Examples
    --------
    >>> sorted(recorded())
    ['costs', 'gallery', 'gates', 'records']
    """
    if not RECORDED.exists():
        return {"records": [], "costs": {}, "gates": [], "gallery": []}
    return json.loads(RECORDED.read_text(encoding="utf-8"))


# ------------------------------------------------------------------ the plan


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
    four = tuple(_IDEAS)

    def wide(network, fold, **options):
        return {"network": network, "network_options": options, "fold": fold}

    listing = [
        {**_LISTING, "network_options": options, "fold": fold}
        for fold in folds for options in ({}, {"correct_gate3": True})
    ]
    return {
        "networks": [wide(network, fold) for fold in folds for network in four],
        "listing": listing,
        "cbam": [wide(n, fold, attention="cbam") for fold in folds for n in four[1:]],
        "ablation": _ablation(_NARROW),
        "seeds": [
            {**wide(network, 4, base_filters=_NARROW), "seed": seed}
            for seed in (1, 2) for network in four
        ],
        "narrow": [wide(n, fold, base_filters=_NARROW) for fold in folds for n in four],
        "wide_seeds": [
            {**wide(network, 4), "seed": seed} for seed in (1, 2) for network in (four[0], four[3])
        ],
        "precision": [
            {**wide(network, 4, **options), "precision": "mixed_bfloat16"}
            for options, networks in (({}, (four[0], four[3])), ({"base_filters": _NARROW}, four))
            for network in networks
        ],
    }


def _ablation(width: int) -> list[dict[str, Any]]:
    """From the plain U-Net upward and from DAMU-Net downward, one change at a time, on one fold."""
    def run(network, options=None, **settings):
        options = {"base_filters": width, **(options or {})}
        return {"network": network, "network_options": options, "fold": _ABLATION_FOLD, **settings}

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
    """Write the plan as sweep files for ``python -m damunet_lite sweep``.

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
    done = {_run_name(record["config"]) for record in records}
    return {
        part: [name for name in map(_run_name, configs) if name not in done]
        for part, configs in plan().items()
    }


def _run_name(config: dict[str, Any]) -> str:
    row = variant(config)
    fold, seed = config.get("fold", 4), config.get("seed", 0)
    return f"{row.name}, {row.base_filters} filters, fold {fold}, seed {seed}"


# ------------------------------------------------------------------ the numbers


def by_fold(
    records: Sequence[dict[str, Any]], row: Variant, score: str, seed: int = 0
) -> dict[int, float]:
    """Score of one row on each fold that has been run.

    Parameters
    ----------
    records : sequence of dict
    row : Variant
    score : str
        One of :data:`SCORES`.
    seed : int

    Returns
    -------
    dict of int to float

    Examples
    --------
    >>> by_fold([], Variant("U-Net", 32), "v_rand")
    {}
    """
    if score not in SCORES:
        raise ValueError(f"score must be one of {SCORES}, got {score!r}")
    return {
        record["config"]["fold"]: record["test"][score]
        for record in records
        if record["config"]["seed"] == seed and variant(record["config"]) == row
    }


def mean_and_interval(values: Iterable[float], level: float = 0.95) -> dict[str, Any]:
    """Mean, standard deviation, and the interval in which the mean of more such values lies.

    Parameters
    ----------
    values : iterable of float
        One a fold; treated as independent, which folds of one stack are not quite.
    level : float
        Confidence of the interval, from Student's t with one degree of freedom less than values.

    Returns
    -------
    dict
        ``n``, ``mean``, ``sd`` (n - 1 below the line), ``low``, ``high``; the last three are None
        for a single value.

    Raises
    ------
    ValueError
        If there is no value, or ``level`` is not between 0 and 1.

    References
    ----------
    Student 1908, Biometrika, doi:10.1093/biomet/6.1.1.

    Examples
    --------
    >>> found = mean_and_interval([1, 2, 3])
    >>> found["mean"], found["sd"], round(found["high"], 3)
    (2.0, 1.0, 4.484)
    """
    array = np.array(list(values), float)
    if array.size == 0:
        raise ValueError("values is empty, wanted at least one")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    mean = float(array.mean())
    result: dict[str, Any] = {
        "n": int(array.size), "mean": mean, "sd": None, "low": None, "high": None
    }
    if array.size > 1:
        sd = float(array.std(ddof=1))
        reach = float(stats.t.ppf(0.5 + level / 2, array.size - 1)) * sd / array.size**0.5
        result |= {"sd": sd, "low": mean - reach, "high": mean + reach}
    return result


def rows_at(base_filters: int = 32) -> list[Variant]:
    """Rows of the table of one width: the four networks, run or not.

    Examples
    --------
    >>> [row.label for row in rows_at()]
    ['U-Net', 'ATT-U-Net', 'DATT-U-Net', 'DAMU-Net']
    """
    return [Variant(label, base_filters) for label in FOUR]


def other_rows(records: Sequence[dict[str, Any]], base_filters: int = 32) -> list[Variant]:
    """Networks beside the four that were run with the table's recipe: CBAM, the listing.

    Examples
    --------
    >>> other_rows([])
    []
    """
    found = {variant(record["config"]) for record in records}
    rows = {row for row in found if row.base_filters == base_filters and not row.changes}
    return sorted(rows - set(rows_at(base_filters)), key=_row_order)


def counterpart(row: Variant) -> Variant | None:
    """The network that another one is compared with: gates for CBAM, DAMU-Net for the listing.

    Examples
    --------
    >>> counterpart(Variant("DATT-U-Net, CBAM", 32)).label
    'DATT-U-Net'
    >>> counterpart(Variant("listing, gate 3 corrected", 32)).label
    'listing'
    """
    partners = {"listing": "DAMU-Net", "listing, gate 3 corrected": "listing"}
    partners |= {f"{label}, CBAM": label for label in FOUR[1:]}
    label = partners.get(row.label)
    return None if label is None else Variant(label, row.base_filters)


def complete_folds(records: Sequence[dict[str, Any]], base_filters: int = 32) -> int:
    """Number of folds on which all four networks have been run.

    Examples
    --------
    >>> complete_folds([])
    0
    """
    runs = (set(by_fold(records, row, "v_rand")) for row in rows_at(base_filters))
    return len(set.intersection(*runs))


def best_width(records: Sequence[dict[str, Any]]) -> int:
    """Base filters at which all four networks have most folds; the wider where it is a tie.

    Examples
    --------
    >>> best_width([])
    32
    """
    return max(widths(records), key=lambda width: (complete_folds(records, width), width))


def score_table(
    records: Sequence[dict[str, Any]], base_filters: int = 32,
    rows: Sequence[Variant] | None = None,
) -> list[dict[str, Any]]:
    """The table: trivial baselines first, then a row for each network.

    Parameters
    ----------
    records : sequence of dict
    base_filters : int
    rows : sequence of Variant, optional
        Instead of the four networks of that width.

    Returns
    -------
    list of dict
        ``row``, ``folds`` (list of int), and for each of :data:`SCORES` what
        :func:`mean_and_interval` gives, or None where nothing has been run.

    Examples
    --------
    >>> [row["row"] for row in score_table([])]
    ['all cell', 'all membrane', 'U-Net', 'ATT-U-Net', 'DATT-U-Net', 'DAMU-Net']
    """
    rows = rows_at(base_filters) if rows is None else rows
    shown = [r for r in records if r["config"]["seed"] == 0 and variant(r["config"]) in rows]
    table = []
    for name in ("all cell", "all membrane"):
        folds = {record["config"]["fold"]: record["baselines"][name] for record in shown}
        table.append(_row(name, {s: {f: folds[f][s] for f in sorted(folds)} for s in SCORES}))
    for row in rows:
        table.append(_row(row.name, {score: by_fold(shown, row, score) for score in SCORES}))
    return table


def _row(name: str, scores: dict[str, dict[int, float]]) -> dict[str, Any]:
    summary = {s: mean_and_interval(v.values()) if v else None for s, v in scores.items()}
    return {"row": name, "folds": sorted(scores["v_rand"]), **summary}


def differences(
    records: Sequence[dict[str, Any]], base_filters: int = 32,
    rows: Sequence[Variant] | None = None,
) -> list[dict[str, Any]]:
    """Paired differences between rows, on the folds that both have.

    Parameters
    ----------
    records : sequence of dict
    base_filters : int
    rows : sequence of Variant, optional
        Rows to compare with their :func:`counterpart`, instead of each of the four networks of
        that width with each other one.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``score``, ``folds``, ``values`` (second minus first, one a fold)
        and what :func:`mean_and_interval` gives for them.

    Examples
    --------
    >>> differences([])
    []
    """
    if rows is None:
        pairs = list(itertools.combinations(rows_at(base_filters), 2))
    else:
        pairs = [(other, row) for row in rows if (other := counterpart(row)) is not None]
    found = []
    for first, second in pairs:
        for score in SCORES:
            a, b = by_fold(records, first, score), by_fold(records, second, score)
            folds = sorted(a.keys() & b.keys())
            if folds:
                values = [round(b[fold] - a[fold], 6) for fold in folds]
                found.append({
                    "first": first.name, "second": second.name, "score": score, "folds": folds,
                    "values": values, **mean_and_interval(values),
                })
    return found


def seed_table(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs that differ in their seed alone: how much luck moves a score.

    Returns
    -------
    list of dict
        ``row``, ``base_filters``, ``fold``, ``seeds`` and :func:`mean_and_interval` for each
        score, wherever one row has two seeds or more on one fold.

    Examples
    --------
    >>> seed_table([])
    []
    """
    groups: dict[tuple, dict[int, dict]] = {}
    for record in records:
        key = (variant(record["config"]), record["config"]["fold"])
        groups.setdefault(key, {})[record["config"]["seed"]] = record["test"]
    return [
        {
            "row": row.name, "base_filters": row.base_filters, "fold": fold,
            "seeds": sorted(tests),
            **{s: mean_and_interval([tests[k][s] for k in sorted(tests)]) for s in SCORES},
        }
        for (row, fold), tests in sorted(
            groups.items(), key=lambda item: (_row_order(item[0][0]), item[0][1])
        )
        if len(tests) > 1
    ]


def ablation_table(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every single change, beside the network it changes: same width, fold and seed 0.

    A change of the recipe starts from the same network with the common recipe. An idea more or
    less starts from the U-Net or the DAMU-Net, whichever is one step away; at full width these
    rows have tables of their own and do not stand here.

    Returns
    -------
    list of dict
        ``row``, ``start`` (the network that is changed), ``change`` (in words), ``base_filters``,
        ``fold``, the scores, and ``reference``, the scores of the start, or None where it has
        not been run.

    Examples
    --------
    >>> ablation_table([])
    []
    """
    in_tables = {*rows_at(_FULL_WIDTH), *other_rows(records, _FULL_WIDTH)}
    found = []
    for record in records:
        row, config = variant(record["config"]), record["config"]
        step = _step(row, config)
        if step is None or row in in_tables or config["seed"] or _only_a_fold(row, config):
            continue
        start = Variant(step[0], row.base_filters)
        before = {s: by_fold(records, start, s).get(config["fold"]) for s in SCORES}
        found.append({
            "row": row.name, "start": start.label, "change": step[1],
            "base_filters": row.base_filters, "fold": config["fold"],
            **{score: record["test"][score] for score in SCORES},
            "reference": None if None in before.values() else before,
        })
    return found


def _only_a_fold(row: Variant, config: dict[str, Any]) -> bool:
    """Whether a run of the four networks belongs to a table over folds, not to the ablation."""
    return row in rows_at(row.base_filters) and config["fold"] != _ABLATION_FOLD


def _step(row: Variant, config: dict[str, Any]) -> tuple[str, str] | None:
    """What was changed and where from: ``("U-Net", "Dice loss")``; None for no single change."""
    if row.changes:
        return row.label, _in_words(config, row.changes)
    ideas = {_label(*switches): switches for switches in _ALL_IDEAS}
    if row.label not in ideas:
        return None
    for start in ("U-Net", "DAMU-Net"):
        pairs = list(zip(ideas[start], ideas[row.label], strict=True))
        changed = [place for place, (old, new) in enumerate(pairs) if old != new]
        if len(changed) == 1:
            return start, _idea_in_words(changed[0], *pairs[changed[0]])
    return None


def _idea_in_words(place: int, old: Any, new: Any) -> str:
    if place == 0:
        names = {"gate": "gates", "cbam": "CBAM", "both": "gates and CBAM"}
        if old is None:
            return f"with {names[new]}"
        return "no attention" if new is None else f"{names[new]} for {names[old]}"
    return (("no supervision", "with supervision"), ("one scale", "several scales"))[place - 1][new]


def _in_words(config: dict[str, Any], changes: tuple[str, ...]) -> str:
    """The changes of the recipe as a reader would say them; the loss comes first."""
    options = dict(config.get("loss_options", {}))
    if options.get("fn_weight", 0) + options.get("fp_weight", 0) == 1:
        del options["fp_weight"]  # it follows from the other
    words = {}
    for key, value in (change.split("=", 1) for change in changes):
        if key == "loss_options":
            words[key] = ", ".join(f"{name} {options[name]:g}" for name in sorted(options))
        elif key in _WORDS:
            words[key] = _WORDS[key].get(value, f"{key} {value}")
        else:
            words[key] = f"{key} {value}"
    return ", ".join(words[key] for key in sorted(words, key=lambda key: (key != "loss", key)))


def worst_slices(
    records: Sequence[dict[str, Any]], count: int = 10, base_filters: int = 32
) -> list[dict[str, Any]]:
    """Test slices with the lowest V_rand among the rows of the table of one width.

    Returns
    -------
    list of dict
        ``row``, ``fold``, ``slice``, ``v_rand``, and its parts ``split`` and ``merge``: the lower
        one names the fault.

    Examples
    --------
    >>> worst_slices([])
    []
    """
    found = []
    rows = set(rows_at(base_filters))
    for record in records:
        row, config = variant(record["config"]), record["config"]
        if row not in rows or config["seed"]:
            continue
        values = record["slices"]
        for k, place in enumerate(record["test_slices"]):
            found.append({
                "row": row.name, "fold": config["fold"], "slice": place,
                "v_rand": values["v_rand"][k], "split": values["rand_split"][k],
                "merge": values["rand_merge"][k],
            })
    return sorted(found, key=lambda f: (f["v_rand"], f["row"], f["slice"]))[:count]


def claims(records: Sequence[dict[str, Any]], base_filters: int = 32) -> list[dict[str, Any]]:
    """What was aimed at, and whether the records reach it.

    Returns
    -------
    list of dict
        ``claim``, ``holds`` (None, still open, until five folds have been run) and ``evidence``,
        a sentence. One record below a baseline is enough to decide the last claim.

    Examples
    --------
    >>> claims([])[0]["holds"] is None
    True
    """
    rows = [row for row in score_table(records, base_filters)[2:] if row["folds"]]
    if not rows:
        return [{"claim": claim, "holds": None, "evidence": "no run yet"}
                for claim in (*(_mean_claim(*aim) for aim in _AIMS), _ABOVE_BASELINES)]
    found = []
    for score, goal in _AIMS:
        # A mean over some of the folds may sit on the easy ones.
        whole = [row for row in rows if len(row["folds"]) == FOLDS]
        best = max(whole or rows, key=lambda row: row[score]["mean"])
        value = best[score]["mean"]
        found.append({
            "claim": _mean_claim(score, goal),
            "holds": value >= goal if whole else None,
            "evidence": f"{best['row']}: {_beside(value, goal)} over {_folds(best['folds'])}",
        })
    below = _below_baselines(records, base_filters)
    complete = complete_folds(records, base_filters)
    found.append({
        "claim": _ABOVE_BASELINES,
        "holds": False if below else True if complete == FOLDS else None,
        "evidence": "; ".join(below) or f"none below, {complete} of {FOLDS} folds complete",
    })
    return found


def _beside(value: float, goal: float) -> str:
    """The value with as many digits as show on which side of the goal it is."""
    digits = next(d for d in range(3, 17) if (round(value, d) >= goal) == (value >= goal))
    return f"{value:.{digits}f}"


def _mean_claim(score: str, goal: float) -> str:
    return f"best mean {SCORE_NAMES[score]} at least {goal:.2f}"


def _below_baselines(records, base_filters: int) -> list[str]:
    rows = set(rows_at(base_filters))
    return [
        f"{_run_name(record['config'])}: {SCORE_NAMES[score]}"
        for record in records
        if variant(record["config"]) in rows
        for score in SCORES
        if record["test"][score] <= max(b[score] for b in record["baselines"].values())
    ]


# ------------------------------------------------------------------ what a network costs


def convolution_flop(network: Any, side: int = 512) -> int:
    """Floating-point operations of all convolutions for one image, forward.

    A convolution lays its kernel on every pixel of its output, a transposed one on every pixel
    of its input; each weight then costs a multiplication and an addition. Normalisation, ReLU,
    pooling and sigmoid are left out: under a hundredth of the whole.

    Parameters
    ----------
    network : keras.Model
        Functional model from [N, H, W, C].
    side : int
        Height and width of the image, a multiple of the network's total pooling.

    Returns
    -------
    int

    Examples
    --------
    One convolution with 3 x 3 x 1 x 32 weights on 16 x 16 pixels:

    >>> import keras
    >>> image = keras.Input((None, None, 1))
    >>> model = keras.Model(image, keras.layers.Conv2D(32, 3, padding="same")(image))
    >>> convolution_flop(model, 16) == 2 * (3 * 3 * 1 * 32) * (16 * 16)
    True
    """
    import keras

    layers = {layer.name: layer for layer in network.layers if layer.weights}
    inner = keras.Model(network.inputs, {name: layer.output for name, layer in layers.items()})
    shapes = inner.compute_output_shape((1, side, side, network.inputs[0].shape[-1]))
    return sum(_layer_flop(layer, shapes[name][1:3]) for name, layer in layers.items())


def _layer_flop(layer: Any, size: tuple[int, int]) -> int:
    pixels = size[0] * size[1]
    if type(layer).__name__ == "AttentionGate":
        half = -(-size[0] // 2) * -(-size[1] // 2)
        return sum(_kernel_flop(part, half) for part in (layer.theta, layer.phi, layer.psi))
    if type(layer).__name__ == "CBAM":
        # The channel weights see two pixels: the mean of the map, and its maximum.
        channel = (layer.channel.squeeze, layer.channel.excite)
        return _kernel_flop(layer.spatial.conv, pixels) + sum(_kernel_flop(p, 2) for p in channel)
    if type(layer).__name__ == "Conv2DTranspose":
        return _kernel_flop(layer, pixels // int(np.prod(layer.strides)))
    return _kernel_flop(layer, pixels)


def _kernel_flop(layer: Any, places: int) -> int:
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else 2 * int(np.prod(kernel.shape)) * places


def costs(
    records: Sequence[dict[str, Any]], speed: dict[str, Any] | None = None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Parameters, GFLOP and seconds per image for each row of the table of each width.

    Parameters
    ----------
    records : sequence of dict
    speed : dict, optional
        Content of the file that :func:`measure_speed` made.

    Returns
    -------
    dict of str to dict
        Base filters (as text, as JSON has its keys) to row to ``parameters``, ``gflop``
        (512 x 512, forward) and ``seconds`` (None if they were not measured).

    Examples
    --------
    >>> costs([])["32"]["U-Net"]
    {'parameters': 7768353, 'gflop': 96.27, 'seconds': None}
    """
    measured = (speed or {}).get("seconds", {})
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for width in map(str, widths(records)):
        found[width] = {}
        for row in _timed_rows(records, int(width)):
            parameters, gflop = _size(row)
            seconds = measured.get(width, {}).get(row.name)
            found[width][row.name] = {
                "parameters": parameters, "gflop": gflop, "seconds": seconds
            }
    return found


def _timed_rows(records, width: int) -> list[Variant]:
    return rows_at(width) + (other_rows(records, width) if width == _FULL_WIDTH else [])


@functools.cache
def _size(row: Variant) -> tuple[int, float]:
    network = _network_of(row)
    return int(network.count_params()), round(convolution_flop(network) / 1e9, 2)


def _network_of(row: Variant) -> Any:
    from damunet_lite import training

    for config in itertools.chain.from_iterable(plan().values()):
        if variant(config) == row:
            return training.NETWORKS[config["network"]](**config["network_options"])
    if row.label == "listing, cross-entropy":
        return training.NETWORKS["published_listing"]()
    raise ValueError(f"row {row.name!r} is not in the plan, so its cost is unknown")


def measure_speed(records: Sequence[dict[str, Any]], repeats: int = 3) -> dict[str, Any]:
    """Processor seconds for predicting one 512 x 512 image, over all cores, on this machine.

    Parameters
    ----------
    records : sequence of dict
        The networks to measure are the rows of the tables made from them.
    repeats : int
        The median of so many predictions counts, after one to warm up.

    Returns
    -------
    dict
        ``seconds`` (base filters to row to float) and ``environment``. Processor seconds, since
        they hardly change when something else runs; on two idle cores the clock shows about half
        of them.
    """
    import time

    from damunet_lite import devices

    image = np.random.default_rng(0).random((1, 512, 512, 1)).astype("float32")
    seconds: dict[str, dict[str, float]] = {}
    rows = [row for width in widths(records) for row in _timed_rows(records, width)]
    for row in rows:
        network = _network_of(row)
        network.compile(jit_compile=devices.prefers_jit())
        network.predict_on_batch(image)
        taken = []
        for _ in range(repeats):
            started = time.process_time()
            network.predict_on_batch(image)
            taken.append(time.process_time() - started)
        at_width = seconds.setdefault(str(row.base_filters), {})
        at_width[row.name] = round(float(np.median(taken)), 2)
    return {"seconds": seconds, "environment": devices.describe()}


# ------------------------------------------------------------------ what the gates do


def measure_gates(run_folder: str | os.PathLike) -> dict[str, Any]:
    """Mean coefficient of each attention gate of a finished run, over its test slices.

    A gate whose coefficients are all near 1 changes nothing; near 0, it has shut its skip
    connection.

    Parameters
    ----------
    run_folder : path
        Finished run of a network with gates.

    Returns
    -------
    dict
        ``row``, ``base_filters``, ``fold``, ``seed``, and ``means``: name of the gate to mean.

    Raises
    ------
    RecordError
        If the network has no gate.
    """
    import keras

    from damunet_lite import data, training

    config = training.read_config(run_folder)
    network = training.load_network(run_folder)
    gates = [part for part in network.layers if type(part).__name__ == "AttentionGate"]
    if not gates:
        raise RecordError(f"the network of {run_folder} has no attention gate")
    stack = training.load_stack(config)
    inputs = keras.Model(network.inputs, {gate.name: gate.input for gate in gates})
    sums = dict.fromkeys((gate.name for gate in gates), 0.0)
    test = data.folds(len(stack))[config.fold].test
    for place in test:
        pairs = inputs.predict_on_batch(stack.images[place : place + 1])
        for gate in gates:
            weights = keras.ops.convert_to_numpy(gate.coefficients(pairs[gate.name]))
            sums[gate.name] += float(np.mean(weights, dtype=float))
    row = variant(asdict(config))
    return {
        "row": row.name, "base_filters": row.base_filters, "fold": config.fold,
        "seed": config.seed,
        "means": {name: round(total / len(test), 3) for name, total in sums.items()},
    }


def keep_gates(run_folder: str | os.PathLike, results: str | os.PathLike) -> Path:
    """Measure the gates of a run and put them into ``gates.json`` of a folder of records.

    Returns
    -------
    Path
    """
    found = measure_gates(run_folder)
    place = _gates_place(found)
    kept = [other for other in _read_gates(Path(results)) if _gates_place(other) != place]
    path = Path(results) / GATES_FILE
    text = json.dumps(sorted([*kept, found], key=_gates_place), indent=1) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _gates_place(found: dict[str, Any]) -> tuple:
    return -found["base_filters"], found["row"], found["seed"], found["fold"]


def _read_gates(results: Path) -> list[dict[str, Any]]:
    path = results / GATES_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


# ------------------------------------------------------------------ as text


def _folds(folds: Sequence[int]) -> str:
    if not folds:
        return "no run yet"
    first, last = min(folds), max(folds)
    unbroken = len(folds) > 2 and len(folds) == last - first + 1
    names = f"{first} to {last}" if unbroken else ", ".join(map(str, folds))
    return f"{len(folds)} fold{'s' * (len(folds) > 1)} ({names})"


def _cell(summary: dict[str, Any] | None, digits: int = 3) -> str:
    if summary is None:
        return "?"
    spread = "" if summary["sd"] is None else f" ±\N{NO-BREAK SPACE}{summary['sd']:.{digits}f}"
    return f"{summary['mean']:.{digits}f}{spread}"


def score_lines(
    records: Sequence[dict[str, Any]], base_filters: int = 32,
    cost: dict[str, dict[str, Any]] | None = None, rows: Sequence[Variant] | None = None,
) -> list[list[str]]:
    """The table as text, heading first: mean ± standard deviation over folds.

    Parameters
    ----------
    records, base_filters, rows
        As for :func:`score_table`.
    cost : dict, optional
        Row to what :func:`costs` gives; adds three columns.

    Examples
    --------
    >>> score_lines([])[3][:2]
    ['U-Net', '?']
    """
    head = ["network", *SCORE_NAMES.values(), "folds"]
    head += ["parameters", "GFLOP", "CPU seconds"] if cost else []
    lines = [head]
    for row in score_table(records, base_filters, rows):
        line = [row["row"], *(_cell(row[score]) for score in SCORES), _folds(row["folds"])]
        if cost:
            found = cost.get(row["row"])
            line += _cost_cells(found) if found else ["", "", ""]
        lines.append(line)
    return lines


def _cost_cells(cost: dict[str, Any]) -> list[str]:
    seconds = "not measured" if cost["seconds"] is None else f"{cost['seconds']:.2f}"
    return [f"{cost['parameters']:,}", f"{cost['gflop']:.1f}", seconds]


def difference_lines(
    records: Sequence[dict[str, Any]], score: str = "v_rand", base_filters: int = 32,
    rows: Sequence[Variant] | None = None,
) -> list[list[str]]:
    """Paired differences of one score as text, heading first; ``rows`` as for `differences`.

    Examples
    --------
    >>> len(difference_lines([]))
    1
    """
    lines = [["difference", "mean", "95\N{NO-BREAK SPACE}% interval", "folds"]]
    for found in differences(records, base_filters, rows):
        if found["score"] != score:
            continue
        interval = "one fold, no interval"
        if found["sd"] is not None:
            interval = f"{found['low']:+.3f} to {found['high']:+.3f}"
        pair = f"{found['second']} - {found['first']}"
        lines.append([pair, f"{found['mean']:+.3f}", interval, _folds(found["folds"])])
    return lines


def short_lines(records: Sequence[dict[str, Any]], base_filters: int = 32) -> list[list[str]]:
    """The article's table, filled: two scores, and what each network gains over the plain U-Net.

    Examples
    --------
    >>> short_lines([])[3]
    ['U-Net', '?', '?', '']
    """
    gains = {
        pair["second"]: pair for pair in differences(records, base_filters)
        if pair["first"] == "U-Net" and pair["score"] == "v_rand"
    }
    lines = [["network", "V_rand", "Dice membrane", "V_rand, more than U-Net"]]
    for row in score_table(records, base_filters):
        gain = ""
        if row["row"] in gains:
            found = gains[row["row"]]
            gain = f"{found['mean']:+.3f}"
            if found["sd"] is not None:
                gain += f" ({found['low']:+.3f} to {found['high']:+.3f})"
        lines.append([row["row"], _cell(row["v_rand"]), _cell(row["dice_membrane"]), gain])
    return lines


def _short(records) -> str:
    width = best_width(records)
    complete = complete_folds(records, width)
    return (
        f"{markdown(short_lines(records, width))}\n"
        f"Mean ± standard deviation over {complete} of {FOLDS} folds, {width} base filters, one "
        "seed; in brackets the 95\N{NO-BREAK SPACE}% interval of the paired difference. Thresholds "
        "come from validation slices.\n"
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table of lines, heading first.

    Examples
    --------
    >>> print(markdown([["a", "b"], ["1", "2"]]), end="")
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    head, *body = lines
    rows = [head, ["---"] * len(head), *body]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
    return text.replace("| --- " * len(head) + "|", "|---" * len(head) + "|")


def plain(lines: Sequence[Sequence[str]]) -> str:
    """Lines as columns of equal width, for printing.

    Examples
    --------
    >>> print(plain([["a", "bb"], ["ccc", "d"]]))
    a    bb
    ccc  d
    """
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


# ------------------------------------------------------------------ figures


def _styled(draw: Callable) -> Callable:
    """Draw in the book's style, as the functions of ``plots`` do."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        from damunet_lite import plots  # here, because the tables need no matplotlib

        return plots._styled(draw)(*args, **kwargs)

    return styled


@_styled
def dots_figure(
    records: Sequence[dict[str, Any]], base_filters: int = 32,
    scores: Sequence[str] = ("v_rand", "dice_membrane"),
    rows: Sequence[Variant] | None = None,
) -> Any:
    """A dot for each fold, joined from network to network, and a bar at each mean.

    Where the clouds of two rows overlap, or the lines cross, the runs do not put one above the
    other.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    rows = rows_at(base_filters) if rows is None else rows
    figure = plots._new_figure(8.2, 1.5 + 0.42 * len(rows))
    axes = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    colours = [plots.COLOURS[c] for c in ("blue", "vermillion", "green", "purple", "orange")]
    for ax, score in zip(axes, scores, strict=True):
        values = {place: by_fold(records, row, score) for place, row in enumerate(rows)}
        for fold in range(FOLDS):
            at = [(v[fold], place) for place, v in values.items() if fold in v]
            if at:
                ax.plot(*zip(*at, strict=True), "o-", color=colours[fold], lw=0.8, ms=6,
                        alpha=0.8, label=f"fold {fold}", clip_on=False)
        for place, found in values.items():
            if found:
                mean = float(np.mean(list(found.values())))
                ax.plot([mean] * 2, [place - 0.25, place + 0.25], color="#26292C", lw=2.5)
            else:
                ax.text(0.5, place, "no run yet", transform=ax.get_yaxis_transform(),
                        ha="center", va="center", color="#6B7075", fontsize=9)
        ax.set(xlabel=SCORE_NAMES[score], ylim=(len(rows) - 0.5, -0.5))
        ax.set_yticks(range(len(rows)), [row.name for row in rows])
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="x")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


@_styled
def difference_figure(
    records: Sequence[dict[str, Any]], score: str = "v_rand", base_filters: int = 32
) -> Any:
    """Paired differences with their intervals about the line of no difference.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    found = [d for d in differences(records, base_filters) if d["score"] == score]
    figure = plots._new_figure(7.6, 1.0 + 0.36 * max(len(found), 1))
    ax = figure.add_subplot()
    for place, pair in enumerate(found):
        if pair["low"] is not None:
            ax.plot([pair["low"], pair["high"]], [place] * 2, color=plots.COLOURS["blue"])
        ax.plot(pair["values"], [place] * pair["n"], "o", color="#8A8F94", ms=4)
        ax.plot(pair["mean"], place, "D", color=plots.COLOURS["blue"], ms=6)
    ax.axvline(0, color="#26292C", lw=1)
    ax.set_yticks(range(len(found)), [f"{d['second']} - {d['first']}" for d in found])
    ax.set(xlabel=f"difference in {SCORE_NAMES[score]}: right of 0, the first named is better")
    if found:
        ax.set_ylim(len(found) - 0.4, -0.6)
    ax.grid(axis="x")
    return figure


def repeats(
    records: Sequence[dict[str, Any]], row: Variant, fold: int = _ABLATION_FOLD
) -> list[dict[str, Any]]:
    """The same run again: with another seed, or in another arithmetic.

    Returns
    -------
    list of dict
        ``what`` (``"seed 1"``, ``"in bfloat16"``) and the scores.

    Examples
    --------
    >>> repeats([], Variant("U-Net", 16))
    []
    """
    found = []
    for record in records:
        config, other = record["config"], variant(record["config"])
        changed = [change for change in other.changes if not change.startswith("precision=")]
        same = (other.label, other.base_filters) == (row.label, row.base_filters)
        again = config["seed"] != 0 or other != row
        if same and again and not changed and not row.changes and config["fold"] == fold:
            words = [f"seed {config['seed']}"] if config["seed"] else []
            words += [_in_words(config, other.changes)] if other.changes else []
            found.append({"what": ", ".join(words), **record["test"]})
    return found


@_styled
def ablation_figure(
    records: Sequence[dict[str, Any]], base_filters: int = _NARROW,
    scores: Sequence[str] = ("v_rand", "dice_membrane"),
) -> Any:
    """Each single change as a dot: how far it moves a score from the unchanged network.

    A panel for each network that is changed, a column for each score. In the first line of a
    panel stands the same network once more, from :func:`repeats`; the band that they span
    runs through the panel, so that a dot inside it has moved no further than luck alone has.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    changes = [
        a for a in ablation_table(records)
        if a["base_filters"] == base_filters and a["reference"] is not None
        and a["change"] not in _WORDS["precision"].values()
    ]
    starts = [name for name in FOUR if any(a["start"] == name for a in changes)]
    groups = [[a for a in changes if a["start"] == name] for name in starts]
    figure = plots._new_figure(8.2, 1.2 + 0.27 * len(changes) + 0.62 * len(starts))
    axes = figure.subplots(
        max(len(starts), 1), len(scores), sharex="col", squeeze=False,
        height_ratios=[len(group) + 1.6 for group in groups] or None,
    )
    for line, (start, group) in zip(axes, zip(starts, groups, strict=True), strict=False):
        luck = repeats(records, Variant(start, base_filters))
        for ax, score in zip(line, scores, strict=True):
            moved = [a[score] - a["reference"][score] for a in group]
            again = [run[score] - group[0]["reference"][score] for run in luck]
            ax.axvspan(min([0, *again]), max([0, *again]), color="#8A8F94", alpha=0.2, lw=0)
            ax.plot(again, [0] * len(again), "D", color="#6B7075", ms=5)
            ax.plot(moved, range(1, len(group) + 1), "o", color=plots.COLOURS["blue"], ms=6)
            ax.axvline(0, color="#26292C", lw=1)
            ax.set_ylim(len(group) + 0.6, -0.6)
            ax.set_yticks(range(len(group) + 1), ["the same again", *(a["change"] for a in group)])
            ax.tick_params(labelleft=ax is line[0])
            ax.locator_params(axis="x", nbins=5)
            ax.grid(axis="x")
        line[0].set_title(f"{start}, changed", loc="left")
    for ax, score in zip(axes[-1], scores, strict=True):
        ax.set_xlabel(f"{SCORE_NAMES[score]}, difference")
    return figure


@_styled
def curves_figure(records: Sequence[dict[str, Any]], base_filters: int = 32) -> Any:
    """Training loss and validation V_rand by step, one line for each fold.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from damunet_lite import plots

    rows = rows_at(base_filters)
    figure = plots._new_figure(8.2, 4.4)
    axes = figure.subplots(2, len(rows), sharex=True, sharey="row")
    colours = [plots.COLOURS[c] for c in ("blue", "vermillion", "green", "purple", "orange")]
    for column, row in enumerate(rows):
        axes[0, column].set_title(row.name)
        axes[1, column].set_xlabel("step")
        for record in records:
            config = record["config"]
            if variant(config) != row or config["seed"]:
                continue
            steps = [point["step"] for point in record["history"]]
            for ax, key in zip(axes[:, column], ("loss", "v_rand"), strict=True):
                ax.plot(steps, [point[key] for point in record["history"]],
                        color=colours[config["fold"]], lw=1.4, label=f"fold {config['fold']}")
    for ax, label in zip(axes[:, 0], ("training loss", "V_rand, validation"), strict=True):
        ax.set_ylabel(label)
    handles = {
        label: handle
        for ax in axes[0]
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5)
    return figure


# ------------------------------------------------------------------ the worst slices, in pictures


def keep_worst(
    run_folder: str | os.PathLike, out: str | os.PathLike, tta: bool | None = None
) -> Path:
    """Predict a run's worst test slice again and keep the mask, one bit a pixel.

    Parameters
    ----------
    run_folder : path
        Finished run with ``best.keras``.
    out : path
        Folder for ``ROW-foldF-sliceK.png``, some ten kilobytes, white = membrane.
    tta : bool, optional
        As in the run if not given.

    Returns
    -------
    Path
    """
    from PIL import Image

    from damunet_lite import inference, training

    folder = Path(run_folder)
    config = training.read_config(folder)
    record = compact(json.loads((folder / training.METRICS_FILE).read_text(encoding="utf-8")))
    worst = int(np.argmin(record["slices"]["v_rand"]))
    place = record["test_slices"][worst]
    stack = training.load_stack(config)
    probability = inference.predict(
        training.load_network(folder), stack.images[place, ..., 0],
        tta=config.tta if tta is None else tta, batch_size=1,
    )
    membrane = ~(1 - probability > record["thresholds"]["v_rand"])
    Path(out).mkdir(parents=True, exist_ok=True)
    path = Path(out) / f"{config.name}-slice{place}.png"
    picture = Image.fromarray((255 * membrane).astype(np.uint8)).convert("1")
    picture.save(path, optimize=True)
    information = {"row": variant(asdict(config)).name, "fold": config.fold, "slice": place,
                   "base_filters": variant(asdict(config)).base_filters,
                   "v_rand": record["slices"]["v_rand"][worst],
                   "split": record["slices"]["rand_split"][worst],
                   "merge": record["slices"]["rand_merge"][worst]}
    path.with_suffix(".json").write_text(json.dumps(information, indent=1) + "\n", encoding="utf-8")
    return path


def _read_gallery(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("*.png")):
        information = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        found.append({**information, "png": base64.b64encode(path.read_bytes()).decode()})
    return sorted(found, key=lambda item: (item["v_rand"], item["row"], item["slice"]))


def gallery_masks(gallery: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """The predicted membranes of a gallery, bool [H, W] each.

    Examples
    --------
    >>> gallery_masks([])
    []
    """
    from PIL import Image

    pictures = (Image.open(io.BytesIO(base64.b64decode(item["png"]))) for item in gallery)
    return [np.asarray(picture) > 0 for picture in pictures]


@_styled
def gallery_figure(gallery: Sequence[dict[str, Any]], stack: Any) -> Any:
    """The worst slices with missed membrane (merges) and false membrane (splits) coloured.

    Parameters
    ----------
    gallery : sequence of dict
        As in :func:`recorded`.
    stack : Stack
        The real stack, which the slices are of.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patches import Patch

    from damunet_lite import plots

    columns = min(2, max(len(gallery), 1))
    rows = -(-max(len(gallery), 1) // columns)
    figure = plots._new_figure(3.9 * columns, 4.15 * rows + 0.35)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, item, mask in zip(axes, gallery, gallery_masks(gallery), strict=False):
        truth = stack.membranes[item["slice"], ..., 0] == 1
        grey = np.zeros_like(truth, dtype=float) + 1 - 0.25 * truth
        plots.show_slice(plots.error_map(truth, mask, grey), ax=ax, title=(
            f"{item['row']}, slice {item['slice']}: V_rand {item['v_rand']:.3f}"
        ))
    figure.legend(
        handles=[Patch(color=plots.MISSED, label="missed membrane: cells may merge"),
                 Patch(color=plots.FALSE, label="false membrane: a cell may be split")],
        loc="outside lower center", ncols=2,
    )
    return figure


# ------------------------------------------------------------------ all of it


def _report(records, cost) -> str:
    parts = ["# Results\n\nMade by `python -m damunet_lite table` from the records beside this "
             "folder; do not edit.\n\nMean ± standard deviation over folds; thresholds chosen on "
             "validation slices, pixel scores at 0.5; seed 0.\n"]
    for width in widths(records):
        lines = score_lines(records, width, cost[str(width)])
        parts.append(f"## {width} base filters\n\n{markdown(lines)}")
        for score in ("v_rand", "v_info", "dice_membrane"):
            lines = difference_lines(records, score, width)
            if len(lines) > 1:
                title = f"### Paired differences, {SCORE_NAMES[score]}, {width} base filters"
                parts.append(f"{title}\n\n{markdown(lines)}")
        checked = [["aim", "reached", "evidence"]] + [
            [c["claim"], {True: "yes", False: "no", None: "open"}[c["holds"]], c["evidence"]]
            for c in claims(records, width)
        ]
        parts.append(f"### Aims, {width} base filters\n\n{markdown(checked)}")
        if width == _FULL_WIDTH:
            parts += _report_others(records, cost[str(width)])
    parts += _report_rest(records)
    return "\n".join(parts)


def _report_others(records, cost) -> list[str]:
    rows = other_rows(records)
    if not rows:
        return ["### CBAM and the listing\n\nNo run yet.\n"]
    table = markdown(score_lines(records, cost=cost, rows=rows))
    parts = [f"### CBAM and the listing\n\n{table}"]
    for score in ("v_rand", "v_info", "dice_membrane"):
        lines = markdown(difference_lines(records, score, rows=rows))
        parts.append(f"### CBAM and the listing, paired, {SCORE_NAMES[score]}\n\n{lines}")
    return parts


def _report_rest(records) -> list[str]:
    parts = []
    seeds = [["network", "filters", "fold", "seeds", *SCORE_NAMES.values()]] + [
        [s["row"], str(s["base_filters"]), str(s["fold"]), ", ".join(map(str, s["seeds"])),
         *(_cell(s[score]) for score in SCORES)]
        for s in seed_table(records)
    ]
    parts.append("## Seeds\n\n" + (markdown(seeds) if len(seeds) > 1 else "No run yet.\n"))
    changed = [
        ["network", "change", "filters", "fold", *SCORE_NAMES.values(), "V_rand unchanged"]
    ] + [
        [a["start"], a["change"], str(a["base_filters"]), str(a["fold"]),
         *(f"{a[score]:.3f}" for score in SCORES),
         "no run yet" if a["reference"] is None else f"{a['reference']['v_rand']:.3f}"]
        for a in ablation_table(records)
    ]
    parts.append("## Ablation\n\n" + (markdown(changed) if len(changed) > 1 else "No run yet.\n"))
    width = best_width(records)
    worst = [["network", "fold", "slice", "V_rand", "split part", "merge part"]] + [
        [w["row"], str(w["fold"]), str(w["slice"]),
         *(f"{w[key]:.3f}" for key in ("v_rand", "split", "merge"))]
        for w in worst_slices(records, base_filters=width)
    ]
    lines = markdown(worst) if len(worst) > 1 else "No run yet.\n"
    parts.append(f"## Worst slices, {width} base filters\n\n{lines}")
    parts.append("## Runs that are missing\n")
    for part, names in missing(records).items():
        total = len(plan()[part])
        parts.append(f"### {part}: {len(names)} of {total} missing\n")
        parts.append("\n".join(f"- {name}" for name in names) + "\n" if names else "None.\n")
    return parts


def widths(records: Sequence[dict[str, Any]]) -> list[int]:
    """Base filters at which some of the four networks ran with the common recipe, and 32.

    Examples
    --------
    >>> widths([])
    [32]
    """
    own = {variant(record["config"]) for record in records}
    narrow = {row.base_filters for row in own if row.label in FOUR and not row.changes}
    return sorted(narrow | {_FULL_WIDTH}, reverse=True)


def _csv(records) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "base_filters", "changes", "fold", "seed", *SCORES, "best_step",
                     "parameters"])
    for record in records:
        row, config = variant(record["config"]), record["config"]
        writer.writerow([row.label, row.base_filters, " ".join(row.changes), config["fold"],
                         config["seed"], *(record["test"][score] for score in SCORES),
                         record.get("best_step"), record.get("parameters")])
    return text.getvalue()


def write_tables(results: str | os.PathLike, out: str | os.PathLike | None = None) -> list[Path]:
    """Rebuild every table and figure from the records of a folder.

    The same records give the same bytes, whatever the order or the names of their files.

    Parameters
    ----------
    results : path
        Folder of records; ``speed-cpu.json`` in it is used if it is there.
    out : path, optional
        Folder to write to; ``results/tables`` by default.

    Returns
    -------
    list of Path
        ``tables.md``, ``short.md``, ``tables.json``, ``runs.csv`` and PNG files.

    Raises
    ------
    RecordError
        If a record cannot be used.
    """
    results = Path(results)
    out = results / "tables" if out is None else Path(out)
    if not results.is_dir():
        raise RecordError(f"{results} is no folder; wanted the folder of the records")
    records = load_records(results)
    cost = costs(records, _speed(results))
    texts = {
        "tables.md": _report(records, cost),
        "short.md": _short(records),
        "tables.json": json.dumps(_summary(records, cost), indent=1) + "\n",
        "runs.csv": _csv(records),
    }
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
        paths.append(out / name)
    for width in widths(records):
        figures = {"dots": dots_figure, "curves": curves_figure}
        if differences(records, width):
            figures["differences"] = lambda r, w: difference_figure(r, "v_rand", w)
        for name, draw in figures.items():
            paths.append(out / f"{name}-{width}.png")
            draw(records, width).savefig(paths[-1])
    if ablation_table(records):
        paths.append(out / "ablation.png")
        ablation_figure(records).savefig(paths[-1])
    return paths


def _speed(results: Path) -> dict[str, Any] | None:
    path = results / SPEED_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write_recorded(results: str | os.PathLike, path: str | os.PathLike = RECORDED) -> Path:
    """Write what :func:`recorded` reads: the copy of the results that the package carries.

    Parameters
    ----------
    results : path
        Folder of records; ``gallery/``, ``gates.json`` and ``speed-cpu.json`` in it are used if
        they are there.
    path : path
        File to write.

    Returns
    -------
    Path
    """
    results, path = Path(results), Path(path)
    records = load_records(results)
    content = {
        "records": records, "costs": costs(records, _speed(results)),
        "gates": _read_gates(results),
        "gallery": _read_gallery(results / "gallery"),
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _summary(records, cost) -> dict[str, Any]:
    return {
        "tables": {str(width): score_table(records, width) for width in widths(records)},
        "differences": {str(width): differences(records, width) for width in widths(records)},
        "aims": {str(width): claims(records, width) for width in widths(records)},
        "others": score_table(records, rows=other_rows(records))[2:],
        "other_differences": differences(records, rows=other_rows(records)),
        "seeds": seed_table(records), "ablation": ablation_table(records),
        "worst_slices": worst_slices(records, base_filters=best_width(records)),
        "costs": cost, "missing": missing(records),
    }
