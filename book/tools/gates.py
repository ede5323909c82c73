"""What only the weights of a finished run can tell: its gates, its worst slice."""

import base64
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from damunet_book.results.records import RecordError, compact, variant

GATES_FILE = "gates.json"


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
    stack = training.load_stack(config.data)
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
        "row": row.name,
        "base_filters": row.base_filters,
        "fold": config.fold,
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
    kept = [other for other in read_gates(Path(results)) if _gates_place(other) != place]
    path = Path(results) / GATES_FILE
    text = json.dumps(sorted([*kept, found], key=_gates_place), indent=1) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _gates_place(found: dict[str, Any]) -> tuple:
    return -found["base_filters"], found["row"], found["seed"], found["fold"]


def read_gates(results: Path) -> list[dict[str, Any]]:
    """What :func:`keep_gates` has put into a folder of records so far."""
    path = results / GATES_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


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
    stack = training.load_stack(config.data)
    probability = inference.predict(
        training.load_network(folder),
        stack.images[place, ..., 0],
        tta=config.tta if tta is None else tta,
        batch_size=1,
    )
    membrane = ~(1 - probability > record["thresholds"]["v_rand"])
    Path(out).mkdir(parents=True, exist_ok=True)
    path = Path(out) / f"{config.name}-slice{place}.png"
    picture = Image.fromarray((255 * membrane).astype(np.uint8)).convert("1")
    picture.save(path, optimize=True)
    information = {
        "row": variant(asdict(config)).name,
        "fold": config.fold,
        "slice": place,
        "base_filters": variant(asdict(config)).base_filters,
        "v_rand": record["slices"]["v_rand"][worst],
        "split": record["slices"]["rand_split"][worst],
        "merge": record["slices"]["rand_merge"][worst],
    }
    path.with_suffix(".json").write_text(json.dumps(information, indent=1) + "\n", encoding="utf-8")
    return path


def read_gallery(folder: Path) -> list[dict[str, Any]]:
    """What :func:`keep_worst` has put into a folder, the lowest V_rand first."""
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
