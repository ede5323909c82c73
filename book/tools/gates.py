"""What only the weights of a finished run can tell: its gates, its worst slice."""

import base64
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from book.tools.plan import labels
from book.tools.records import RecordError, as_row, run_name
from damunet_lite import data, inference, runs, training

GATES_FILE = "gates.json"


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
    config = runs.read_config(run_folder)
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


def keep_gates(run_folder: Path, results: Path) -> Path:
    """Measure the gates of a run and put them into ``gates.json`` of a folder of records.

    Returns
    -------
    Path
    """
    name = run_name(runs.read_config(run_folder))
    kept = {**read_gates(results), name: measure_gates(run_folder)}
    lines = [f"{json.dumps(key)}: {json.dumps(kept[key])}" for key in sorted(kept)]
    path = results / GATES_FILE
    path.write_text("{" + ",\n ".join(lines) + "}\n", encoding="utf-8", newline="\n")
    return path


def read_gates(results: Path) -> dict[str, dict[str, float]]:
    """What :func:`keep_gates` has put into a folder of records so far, by name of the run."""
    path = results / GATES_FILE
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
    config = runs.read_config(run_folder)
    finished = (run_folder / training.METRICS_FILE).read_text(encoding="utf-8")
    row = as_row(json.loads(finished), labels())
    place = row["slices"]["slice"][int(np.argmin(row["slices"]["v_rand"]))]
    probability = inference.predict(
        training.load_network(run_folder),
        training.load_stack(config.data).images[place, ..., 0],
        tta=config.tta,
        batch_size=1,
    )
    membrane = ~(1 - probability > row["threshold"]["v_rand"])
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{run_name(config)}-slice{place}.png"
    Image.fromarray((255 * membrane).astype(np.uint8)).convert("1").save(path, optimize=True)
    return path


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
