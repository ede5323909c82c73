"""The run folder: what a run leaves on disk, so that it can be read, repeated and gone on with.

``config.json`` says what the run was made from, ``last.npz`` holds all that it needs to go on,
``best.keras`` the best network so far, ``history.json`` what every evaluation found;
``metrics.json`` and ``contact_sheet.png`` come at the end. Every file is the old one or the new
one, never half of it.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any

import keras
import numpy as np

from damunet_lite.config import TrainConfig
from damunet_lite.data import Stack
from damunet_lite.supervision import SegmentationNetwork

STATE_FILE, BEST_FILE, CONFIG_FILE = "last.npz", "best.keras", "config.json"
HISTORY_FILE, METRICS_FILE, SHEET_FILE = "history.json", "metrics.json", "contact_sheet.png"

History = list[dict[str, float]]


class RunError(RuntimeError):
    """A run cannot start or go on; the message says why and what helps."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as error:
        what = f"cannot write {path}: {error.strerror or error}. Make room or choose a folder you"
        kept = "what was saved before is intact, and the same command goes on from it"
        raise RunError(f"{what} can write to; {kept}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it into place once all is written."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    with writing(path):
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON so that the file is either the old one or the new one, never half of it.

    Raises
    ------
    RunError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "x.json", [1])
    ...     (Path(folder) / "x.json").read_text().split()
    ['[', '1', ']']
    """
    with replacing(Path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file, and never run code from it.

    One that was cut short or changed makes NumPy, zipfile and zlib raise all sorts of errors.
    """
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def assign(name: str, variables: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Give variables the values of arrays of the same names and shapes: all of them, or none.

    Raises
    ------
    ValueError
        If names or shapes differ.
    """
    wanted = {key: tuple(variable.shape) for key, variable in variables.items()}
    found = {key: array.shape for key, array in arrays.items()}
    odd = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    if odd:
        first = f"{odd[0]} has shape {found.get(odd[0])}, wanted {wanted.get(odd[0])}"
        raise ValueError(f"{name} does not fit the network: {len(odd)} arrays differ; {first}")
    for key, variable in variables.items():
        variable.assign(arrays[key])


# ------------------------------------------------------------------ to go on


def _variables(network: SegmentationNetwork) -> dict[str, Any]:
    groups = {"network": network.variables, "optimizer": network.optimizer.variables}
    return {f"{g}/{name}": v for g, found in groups.items() for name, v in named(found).items()}


def named(variables: Iterable[Any]) -> dict[str, Any]:
    """Variables by number and own name: Keras counts layers in paths through a whole process."""
    return {f"{i:04d}/{variable.name}": variable for i, variable in enumerate(variables)}


def values(variables: dict[str, Any]) -> dict[str, Any]:
    """What variables hold, under the same names."""
    return {name: keras.ops.convert_to_numpy(each.value) for name, each in variables.items()}


def best(history: History) -> dict[str, float]:
    """The evaluation with the highest V_rand, the first of several."""
    return max(history, key=lambda row: row["v_rand"])


def load_state(folder: Path, network: SegmentationNetwork) -> History:
    """Put the last saved state into the network; the history that led to it."""
    path = folder / STATE_FILE
    if not path.exists():
        return []
    try:
        arrays = read_arrays(path)
        history = json.loads(str(arrays.pop("progress")))["history"]
        assign("state", _variables(network), arrays)
    except Exception as error:  # of all the kinds that a damaged archive can raise
        raise RunError(f"{path} cannot be read ({error}); delete it to start anew") from error
    _follow(folder, network, history)
    return history


def save(folder: Path, network: SegmentationNetwork, history: History) -> None:
    """Keep what the run needs to go on from here, and the network if it is the best so far."""
    progress: dict[str, Any] = {"progress": np.array(json.dumps({"history": history}))}
    with replacing(folder / STATE_FILE) as temporary, open(temporary, "wb") as file:
        np.savez(file, **values(_variables(network)), **progress)
    _follow(folder, network, history)


def _follow(folder: Path, network: SegmentationNetwork, history: History) -> None:
    """Bring the other files up to the state: the network, if it is the best so far, and the curve.

    This comes after the state, and once more when a state is loaded: wherever a run dies, it goes
    on with the best network of the very history that it remembers.
    """
    if best(history) is history[-1]:
        with replacing(folder / BEST_FILE) as temporary:
            network.save(temporary)
    write_json(folder / HISTORY_FILE, history)


# ------------------------------------------------------------------ what it was made from


def identity(stack: Stack) -> str:
    """Name, shape and a digest of every pixel: what tells a stack from another one."""
    digest = digest_of(stack.images, np.asarray(stack.membranes))
    return f"{stack.name}, {stack.images.shape[:3]}, {digest}"


def digest_of(*arrays: np.ndarray) -> str:
    """Sixteen hexadecimal digits that differ when a single value does."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def open_folder(folder: Path, config: TrainConfig, origin: dict[str, Any]) -> None:
    """Create the folder, or make sure that it belongs to this very configuration and stack."""
    path = folder / CONFIG_FILE
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        check_same_config(path, config, stack=origin["stack"], start=origin["start"])
    elif any(not p.name.startswith(".") for p in folder.iterdir()):
        raise RunError(f"{folder} has files but no {CONFIG_FILE}; choose another run folder")
    else:
        write_json(path, origin)


def read_origin(path: str | os.PathLike) -> tuple[TrainConfig, dict[str, Any]]:
    """Configuration of a run, and all that its file says of where it comes from.

    Parameters
    ----------
    path : path
        A run folder, or the JSON file of a finished record.

    Raises
    ------
    RunError
        If it cannot be read.

    Examples
    --------
    >>> read_origin("no-such-folder")
    Traceback (most recent call last):
    damunet_lite.runs.RunError: no-such-folder is not a run folder: config.json is missing
    """
    path = Path(path) if str(path).endswith(".json") else Path(path, CONFIG_FILE)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return TrainConfig.from_dict(record["config"]), record
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"{path.parent} is not a run folder: {path.name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error!r}") from error


def check_same_config(path: Path, config: TrainConfig, **others: str | None) -> None:
    """Raise unless the JSON file at ``path`` records this very configuration.

    Parameters
    ----------
    path : path
        ``config.json`` of a run folder, or a finished record.
    config : TrainConfig
    **others : str or None
        ``stack`` and ``start``, what the run is made from besides: compared where the file has
        them; those of older versions have none.

    Raises
    ------
    RunError
        If it cannot be read, or naming each setting that differs.

    Examples
    --------
    >>> check_same_config(Path("runs/no-such.json"), TrainConfig())
    Traceback (most recent call last):
    damunet_lite.runs.RunError: runs is not a run folder: no-such.json is missing
    """
    recorded, record = read_origin(path)
    found, wanted = asdict(recorded) | record, json.loads(json.dumps(asdict(config)))
    wanted |= {key: value for key, value in others.items() if key in record}
    changed = sorted(key for key in wanted if wanted[key] != found[key])
    if changed:
        differences = ", ".join(f"{k}: {found[k]!r} -> {wanted[k]!r}" for k in changed)
        what = f"{path} belongs to another configuration ({differences})"
        raise RunError(f"{what}; choose another folder, or delete this one")


def load_network(path: str | os.PathLike) -> keras.Model:
    """Load a trained network from a ``.keras`` file or a run folder (its ``best.keras``).

    It is not compiled: predicting and scoring need neither loss nor optimiser, and how to compile
    is for the device that it runs on now.

    Raises
    ------
    RunError
        If there is no such file, or Keras cannot read it.

    Examples
    --------
    >>> load_network("no.keras")
    Traceback (most recent call last):
    damunet_lite.runs.RunError: no.keras holds no network; wanted a .keras file or a finished run
    """
    path = Path(path)
    file = path / BEST_FILE if path.is_dir() else path
    if not file.is_file():
        raise RunError(f"{path} holds no network; wanted a .keras file or a finished run")
    try:
        return keras.models.load_model(file, compile=False)
    except Exception as error:
        raise RunError(f"{file} cannot be loaded by Keras: {shorten(str(error), 300)}") from error
