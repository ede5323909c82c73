"""What a run is, and the records that runs leave."""

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

SCORES = ("v_rand", "v_info", "dice_cell", "dice_membrane", "accuracy")
SCORE_NAMES = {
    "v_rand": "V_rand",
    "v_info": "V_info",
    "dice_cell": "Dice cell",
    "dice_membrane": "Dice membrane",
    "accuracy": "accuracy",
}
FOLDS = 5
FOUR = ("U-Net", "ATT-U-Net", "DATT-U-Net", "DAMU-Net")
RECORDED = Path(__file__).parents[1] / "recorded_results.json"
FULL_WIDTH = 32
_OWN = ("network", "network_options", "fold", "seed")
# They change the machine's arithmetic, not the recipe.
_MACHINE = ("jit", "devices", "deterministic")
IDEAS = {
    "unet": (None, False, False),
    "att_unet": ("gate", False, False),
    "datt_unet": ("gate", True, False),
    "damu_net": ("gate", True, True),
}
_NAMES = {
    (False, False): "ATT-U-Net",
    (True, False): "DATT-U-Net",
    (True, True): "DAMU-Net",
    (False, True): "ATT-U-Net + scales",
}
LISTING = {
    "network": "published_listing",
    "loss": "listing",
    "target_rule": "strided",
    "head_decay": 1.0,
}
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
    filters = FULL_WIDTH
    if network == "published_listing":
        label = "listing, gate 3 corrected" if options.pop("correct_gate3", False) else "listing"
        label += ", conv4 of 256" if options.pop("full_conv4", False) else ""
        if config.get("loss", expected["loss"]) == "listing":
            expected |= LISTING
    else:
        attention, deep, scales = (
            options.pop(key, default)
            for key, default in zip(_ARCHITECTURE, IDEAS[network], strict=False)
        )
        filters = options.pop("base_filters", FULL_WIDTH)
        label = label_of(attention, bool(deep), bool(scales))
    changes = [
        f"{key}={_shown(config[key])}"
        for key in sorted(config)
        if key not in (*_OWN, *_MACHINE) and config[key] != expected.get(key)
    ]
    if network == "published_listing" and expected["loss"] != "listing":
        label += f", {expected['loss'].replace('_', '-')}"
    changes += [f"{key}={_shown(value)}" for key, value in sorted(options.items())]
    return Variant(label, filters, tuple(changes))


def label_of(attention: str | None, deep: bool, scales: bool) -> str:
    """Name of the row with these ideas, ``"ATT-U-Net, CBAM"``."""
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
    return (*row_order(row), config["fold"], config["seed"])


def row_order(row: Variant) -> tuple:
    """Key that sorts rows as every listing has them."""
    base = row.label.partition(",")[0]
    first = FOUR.index(base) if base in FOUR else len(FOUR)
    return (
        -row.base_filters,
        len(row.changes) > 0,
        row.label not in FOUR,
        first,
        row.label,
        row.changes,
    )


def compact(record: dict[str, Any]) -> dict[str, Any]:
    """A record with each slice's scores at the chosen thresholds, instead of at all thresholds.

    Parameters
    ----------
    record : dict
        As :func:`book.tools.sweep.record` makes it, or already compact.

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
    damunet_book.results.records.RecordError: the record lacks 'test'
    """
    if "slices" in record:
        return record
    needed = ("config", "test", "baselines", "test_slices", "thresholds", "history", "test_scores")
    for key in needed:
        if key not in record:
            raise RecordError(f"the record lacks {key!r}")
    scores, chosen = record["test_scores"], record["thresholds"]
    columns = {
        "v_rand": chosen["v_rand"],
        "v_rand_split": chosen["v_rand"],
        "v_rand_merge": chosen["v_rand"],
        "v_info": chosen["v_info"],
        "dice_cell": 0.5,
        "dice_membrane": 0.5,
        "accuracy": 0.5,
    }
    slices = {}
    for key, threshold in columns.items():
        distance = np.abs(np.array(scores["thresholds"]) - threshold)
        former = key.replace("v_info", "information").removeprefix("v_")
        rows = scores[key] if key in scores else scores[former]
        name = key.replace("v_rand_", "rand_")
        slices[name] = [row[int(distance.argmin())] for row in rows]
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
    return sorted(rows - set(rows_at(base_filters)), key=row_order)


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


def widths(records: Sequence[dict[str, Any]]) -> list[int]:
    """Base filters at which some of the four networks ran with the common recipe, and 32.

    Examples
    --------
    >>> widths([])
    [32]
    """
    own = {variant(record["config"]) for record in records}
    narrow = {row.base_filters for row in own if row.label in FOUR and not row.changes}
    return sorted(narrow | {FULL_WIDTH}, reverse=True)
