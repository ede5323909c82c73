"""What only the weights of a run can tell: gates, worst slice, cells, norms, necks."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from book.tools.plan import labels
from book.tools.records import RecordError, as_row, run_name
from damunet_lite import data, inference, metrics, runs, training
from damunet_lite.cells import score_cells, segment_cells

GATES_FILE = "gates.json"
COUNTS_FILE = "threshold_cells.json"
NORMS_FILE = "renewed_norms.json"
NECKS_FILE = "neck_grid.json"
COUNTS = ("true", "proposed", "found", "split", "merged")
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
NECKS = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def measure_gates(run_folder: Path) -> dict[str, float]:
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
        Level of the gate, ``"4"`` for the deepest, to mean.

    Raises
    ------
    RecordError
        If the network has no gate.
    """
    config = runs.read_origin(run_folder)[0]
    network = training.load_network(run_folder)
    gates = [part for part in network.layers if type(part).__name__ == "AttentionGate"]
    if not gates:
        raise RecordError(f"the network of {run_folder} has no attention gate")
    stack = training.load_stack(config.data)
    inputs = keras.Model(network.inputs, {gate.name: gate.input for gate in gates})
    sums = dict.fromkeys((gate.name for gate in gates), 0.0)
    test = data.folds(len(stack))[config.fold].test
    for place in test:
        pairs = inputs.predict_on_batch(stack.images[place : place + 1])
        for gate in gates:
            weights = keras.ops.convert_to_numpy(gate.coefficients(pairs[gate.name]))
            sums[gate.name] += float(np.mean(weights, dtype=float))
    return {
        name.removeprefix("up").removesuffix("_gate"): round(total / len(test), 3)
        for name, total in sums.items()
    }


def count_cells(run_folder: Path) -> dict[str, list[int]]:
    """Cells that the chosen threshold of a finished run outlines, counted on each test slice.

    A record has these counts of the cells that are cut at necks; this is the other reading.

    Parameters
    ----------
    run_folder : path

    Returns
    -------
    dict
        Of each of :data:`COUNTS`, see :func:`damunet_lite.cells.score_cells`, a list.
    """
    threshold = _finished(run_folder)["thresholds"]["v_rand"]
    rows = [
        score_cells(truth, metrics.thin_borders(metrics.label_cells(1 - probability > threshold)))
        for truth, probability in _truths_and_maps(run_folder, "test")
    ]
    return {name: [int(row[name]) for row in rows] for name in COUNTS}


def score_necks(run_folder: Path) -> dict[str, dict[str, float]]:
    """Score the cells of a finished run's validation slices at every threshold and neck.

    The defaults of :func:`damunet_lite.cells.segment_cells` are chosen from these.

    Parameters
    ----------
    run_folder : path

    Returns
    -------
    dict
        Threshold to neck to mean V_rand.
    """
    pairs = list(_truths_and_maps(run_folder, "validation"))

    def mean(threshold: float, neck: float) -> float:
        scores = [score_cells(truth, segment_cells(p, threshold, neck)) for truth, p in pairs]
        return round(float(np.mean([score["v_rand"] for score in scores])), 4)

    return {str(t): {str(neck): mean(t, neck) for neck in NECKS} for t in THRESHOLDS}


def renew_norms(run_folder: Path, batches: int = 30) -> dict[str, float]:
    """Score a finished run again, once its batch normalisation knows the network as it is now.

    With Keras's momentum of 0.99 the means and variances that prediction uses look back over
    hundreds of steps, and at first to the values that they began with. No weight is changed here:
    the network sees crops of its training slices, and only those means and variances follow.

    Parameters
    ----------
    run_folder : path
    batches : int
        Of the run's own size, in training mode, at a momentum of 0.8.

    Returns
    -------
    dict
        ``v_rand`` and ``dice_membrane`` of the test slices, at the threshold chosen anew.
    """
    (config, _), network = runs.read_origin(run_folder), training.load_network(run_folder)
    stack = training.load_stack(config.data)
    fold = data.folds(len(stack))[config.fold]
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8
    crops = training.CropBatches(stack, fold.train, config, config.steps, batches)
    for images, _ in map(crops.__getitem__, range(batches)):
        network(images, training=True)
    found = training.evaluate(network, stack, fold, config.tta)["test"]
    return {name: round(found[name], 6) for name in ("v_rand", "dice_membrane")}


def keep(run_folder: Path, path: Path, measure: Callable[[Path], Any]) -> None:
    """Put what a measurement says of a run into a file that has one entry a run."""
    name = run_name(runs.read_origin(run_folder)[0])
    kept = {**read_kept(path), name: measure(run_folder)}
    lines = [f"{json.dumps(key)}: {json.dumps(kept[key])}" for key in sorted(kept)]
    path.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8", newline="\n")


def read_kept(path: Path) -> dict[str, Any]:
    """What :func:`keep` has put into a file so far, by name of the run."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep_worst(run_folder: Path, out: Path) -> Path:
    """Predict a run's worst test slice again and keep the mask, one bit a pixel.

    Parameters
    ----------
    run_folder : path
        Finished run with ``best.keras``.
    out : path
        Folder for ``NAME-sliceK.png``, some ten kilobytes, white = membrane.

    Returns
    -------
    Path
    """
    row = as_row(_finished(run_folder), labels())
    place = row["slices"]["slice"][int(np.argmin(row["slices"]["v_rand"]))]
    (probability,) = _maps(run_folder, [place])
    membrane = ~(1 - probability > row["threshold"]["v_rand"])
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{run_name(runs.read_origin(run_folder)[0])}-slice{place}.png"
    Image.fromarray((255 * membrane).astype(np.uint8)).convert("1").save(path, optimize=True)
    return path


def _finished(run_folder: Path) -> dict[str, Any]:
    return json.loads((run_folder / training.METRICS_FILE).read_text(encoding="utf-8"))


def _truths_and_maps(run_folder: Path, part: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """True cells and probability of membrane, on each slice of a part of the run's fold."""
    config = runs.read_origin(run_folder)[0]
    membranes = training.load_stack(config.data).membranes[..., 0]
    places = getattr(data.folds(len(membranes))[config.fold], part)
    truths = (metrics.label_cells(membranes[place] == 0) for place in places)
    return zip(truths, _maps(run_folder, places), strict=True)


def _maps(run_folder: Path, places: Iterable[int]) -> Iterator[np.ndarray]:
    """Probability of membrane on some slices, as the best network of a run gives it."""
    (config, _), network = runs.read_origin(run_folder), training.load_network(run_folder)
    for image in training.load_stack(config.data).images[list(places), ..., 0]:
        yield inference.predict(network, image, tta=config.tta, batch_size=1)


def read_gallery(folder: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What :func:`keep_worst` has put into a folder, the lowest V_rand first.

    Parameters
    ----------
    folder : path
    rows : list of dict
        As :func:`book.tools.records.read_records` gives them, those of the pictures among them.

    Raises
    ------
    RecordError
        If a picture is of a run that has no record.
    """
    known, found = {row["name"]: row for row in rows}, []
    for path in sorted(folder.glob("*.png")):
        name, place = path.stem.rsplit("-slice", 1)
        if name not in known:
            raise RecordError(f"{path} is of a run that has no record")
        row = known[name]
        at = row["slices"]["slice"].index(int(place))
        item = {key: row[key] for key in ("name", "network", "base_filters", "fold")}
        item |= {"slice": int(place), "v_rand": row["slices"]["v_rand"][at]}
        found.append({**item, "png": base64.b64encode(path.read_bytes()).decode()})
    return sorted(found, key=lambda item: (item["v_rand"], item["name"]))
