"""Trained networks in one line: float16 weights in a file, checked, with a record of their origin.

:func:`pretrained` gives a network by its name. ``"tiny"`` lies in the package; the four full-size
networks are downloaded once, each checked against its SHA-256. :func:`export` makes such a file
from a run folder and :func:`load` reads it. The files hold numbers and a JSON text alone, so
reading one never runs code from it.
"""

import json
import os
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any

import keras
import numpy as np
import pooch

from damunet_lite import __version__, data, runs, training
from damunet_lite.supervision import SegmentationNetwork

__all__ = ["NAMES", "WeightsError", "export", "load", "pretrained", "record"]

NAMES = ("tiny", "unet", "att_unet", "datt_unet", "damu_net")
"""Networks that :func:`pretrained` knows: the one in the package, and the four of the article."""

WEIGHTS_URL: str | None = None
"""Address of the folder with the full-size files; None as long as none is public."""

REGISTRY_FILE = Path(__file__).with_name("weights_sha256.txt")
TINY_FILE = Path(__file__).with_name("tiny.npz")
DOWNLOAD_RETRIES = 2
_RECORD = "record"
_TERMS = {
    "isbi2012": "Trained on the ISBI 2012 training stack, whose makers allow its use for "
    "generating or testing non-commercial segmentation software: use these weights for "
    "non-commercial work only, and cite Cardona et al. 2010 (doi:10.1371/journal.pbio.1000502) "
    "and Arganda-Carreras et al. 2015 (doi:10.3389/fnana.2015.00142).",
    "synthetic": "Trained on drawn images; the terms of the package hold.",
}
_KEPT = (
    "parameters",
    "best_step",
    "training_seconds",
    "thresholds",
    "validation",
    "test",
    "test_slices",
    "baselines",
)


class WeightsError(RuntimeError):
    """Weights cannot be had or do not fit; the message says what is wrong and what to do."""


def pretrained(name: str, url: str | None = None) -> SegmentationNetwork:
    """Give a trained network by its name, downloading its weights at first use.

    Parameters
    ----------
    name : {"tiny", "unet", "att_unet", "datt_unet", "damu_net"}
        ``"tiny"`` is a DAMU-Net with 6 base filters that comes with the package; the others have
        32 base filters and are downloaded into the cache (``DAMUNET_CACHE`` names another).
    url : str, optional
        Folder on the web that holds the files, another copy; the environment variable
        ``DAMUNET_WEIGHTS_URL`` does the same.

    Returns
    -------
    SegmentationNetwork
        Not compiled; ready for :func:`damunet_lite.inference.predict`. :func:`record` tells what
        it was trained on, its scores and its terms: the ISBI 2012 data are for non-commercial
        software.

    Raises
    ------
    ValueError
        If no network has that name.
    WeightsError
        If its file cannot be had, or is not the published one.

    Examples
    --------
    >>> pretrained("tiny").heads
    ('main', 'side2', 'side4', 'side8')
    >>> pretrained("small")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: name must be one of ('tiny', 'unet', ...), got 'small'
    """
    return load(_file(name, url))


def record(name: str | os.PathLike, url: str | None = None) -> dict[str, Any]:
    """What is known of a network: data, slices, recipe, scores, terms.

    Parameters
    ----------
    name : str or path
        A name that :func:`pretrained` knows, or a file that :func:`export` wrote.
    url : str, optional
        As for :func:`pretrained`.

    Returns
    -------
    dict
        ``network`` and ``options`` (what to build), ``config`` (the whole recipe), ``terms``, and
        of the run ``training_slices``, ``test`` (scores of ``test_slices`` at ``thresholds``, which
        the ``validation_slices`` chose), ``baselines`` and more.

    Raises
    ------
    ValueError, WeightsError
        As for :func:`pretrained` and :func:`load`.

    Examples
    --------
    >>> note = record("tiny")
    >>> note["network"], note["options"], note["config"]["fold"], note["test_slices"]
    ('damu_net', {'base_filters': 6}, 4, [24, 25, 26, 27, 28, 29])
    >>> "non-commercial" in note["terms"]
    True
    """
    path = _file(name, url) if name in NAMES else Path(name)
    return _read(path)[0]


def load(path: str | os.PathLike) -> SegmentationNetwork:
    """Build the network that a file of :func:`export` describes, with its weights.

    Parameters
    ----------
    path : path
        An ``.npz`` file.

    Returns
    -------
    SegmentationNetwork
        Not compiled, of the current dtype policy; its weights are rounded to float16.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, or does not fit the network it names.

    Examples
    --------
    >>> load("no-such.npz")
    Traceback (most recent call last):
    damunet_lite.weights.WeightsError: no-such.npz: no such file; wanted one that export wrote
    """
    note, arrays = _read(Path(path))
    try:
        network = training.NETWORKS[note["network"]](**note["options"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: its record names no network of this package ({error})"
        ) from error
    variables = _variables(network)
    wanted = {key: tuple(variable.shape) for key, variable in variables.items()}
    found = {key: array.shape for key, array in arrays.items()}
    if wanted != found:
        odd = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        raise WeightsError(
            f"{path}: does not fit {note['network']} ({len(odd)} arrays differ, {odd[0]} first); "
            "was it written by another version of the package?"
        )
    for key, variable in variables.items():
        variable.assign(arrays[key].astype(np.float32))
    return network


def export(run: str | os.PathLike, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write the best network of a finished run as a small file, float16 and compressed.

    A full-size network takes less than 20 MB instead of 100, because the optimiser's state stays
    behind and every weight takes two bytes. Half precision keeps three decimal digits, which
    moves a probability by about a thousandth.

    Parameters
    ----------
    run : path
        Run folder of :func:`damunet_lite.training.train`, finished.
    path : path
        File to write; ``.npz`` is added if missing.
    overwrite : bool
        Replace an older file of that name, once the new one is complete.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    damunet_lite.training.RunError
        If the folder is no finished run, or the file cannot be written.
    FileExistsError
        If the file is there already and may not be replaced.
    WeightsError
        If a weight is too large for float16, or is no number.

    Examples
    --------
    >>> export("no-such-folder", "weights.npz")
    Traceback (most recent call last):
    damunet_lite.runs.RunError: no-such-folder is not a run folder: config.json is missing
    """
    run, path = Path(run), Path(path)
    if path.suffix != ".npz":
        path = path.with_name(path.name + ".npz")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; overwrite=True replaces it")
    config = training.read_config(run)
    note: dict[str, Any] = {
        "network": config.network,
        "options": config.network_options,
        "storage": "float16",
        "terms": _TERMS[config.data],
        "config": asdict(config),
        "package": __version__,
        **_slices(config),
        **_run_record(run),
    }
    arrays = {}
    for key, variable in _variables(training.load_network(run)).items():
        values = keras.ops.convert_to_numpy(variable.value).astype(np.float32)
        with np.errstate(over="ignore"):
            arrays[key] = values.astype(np.float16)
        if not np.isfinite(arrays[key]).all():
            raise WeightsError(f"{run}: {key} has values that float16 cannot hold")
    arrays[_RECORD] = np.array(json.dumps(note))
    with runs.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def _slices(config: training.TrainConfig) -> dict[str, list[int]]:
    fold = training._fold(config, training.load_stack(config.data))
    return {"training_slices": fold.train.tolist(), "validation_slices": fold.validation.tolist()}


def _run_record(run: Path) -> dict[str, Any]:
    path = run / training.METRICS_FILE
    try:
        finished = json.loads(path.read_text(encoding="utf-8"))
        return {key: finished[key] for key in _KEPT}
    except FileNotFoundError:
        raise training.RunError(
            f"{run} is not finished: {training.METRICS_FILE} is missing; train it to its end first"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise training.RunError(f"{path} cannot be read: {error!r}") from error


def _variables(network: keras.Model) -> dict[str, Any]:
    # Number and own name: paths count layers through a whole process.
    return {f"{i:04d}/{v.name}": v for i, v in enumerate(network.variables)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; wanted one that export wrote")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        note = json.loads(str(arrays.pop(_RECORD)))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise WeightsError(
            f"{path}: cannot be read ({type(error).__name__}); get the file again, or export it "
            "once more"
        ) from error
    return note, arrays


# --- files by name -----------------------------------------------------------------------


def _file(name: str | os.PathLike, url: str | None) -> Path:
    if name not in NAMES:
        raise ValueError(f"name must be one of {NAMES}, got {name!r}")
    if name == "tiny":
        return TINY_FILE
    return _fetch(f"{name}.npz", url or os.environ.get("DAMUNET_WEIGHTS_URL") or WEIGHTS_URL)


def _registry() -> dict[str, str]:
    """File name -> SHA-256 of the published files."""
    lines = REGISTRY_FILE.read_text(encoding="ascii").splitlines()
    pairs = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {name: digest for digest, name in pairs}


def _fetch(file: str, url: str | None) -> Path:
    """The checked file in the cache, downloaded if it is not there or is damaged."""
    name = file.removesuffix(".npz")
    digest = _registry().get(file)
    if digest is None:
        raise WeightsError(
            f"{name}: no weights have been published yet. Train it (python -m damunet_lite train "
            f"{name}), then weights.export(run_folder, '{file}') and weights.load('{file}'); or "
            "take pretrained('tiny'), which is in the package"
        )
    cache = data._cache_folder().parent / "weights"
    if _is_whole(cache / file, digest):
        return cache / file
    if url is None:
        raise WeightsError(
            f"{name}: its weights are not in {cache} and no public address is known; name one with "
            "the environment variable DAMUNET_WEIGHTS_URL, or take pretrained('tiny')"
        )
    remote = pooch.create(
        path=cache,
        base_url=url.rstrip("/") + "/",
        registry={file: f"sha256:{digest}"},
        retry_if_failed=DOWNLOAD_RETRIES,
    )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with data._quiet_pooch():
            return Path(remote.fetch(file))
    except (OSError, ValueError) as error:
        # requests' errors are OSError; pooch reports a wrong hash as ValueError.
        raise WeightsError(
            f"{name}: its weights could not be downloaded from {url} into {cache} and nothing was "
            f"kept ({type(error).__name__}: {shorten(str(error), 300)}); check the network and "
            "that DAMUNET_CACHE names a writable folder, then try again, or take "
            "pretrained('tiny'), which is in the package"
        ) from None


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return pooch.file_hash(str(path)) == digest
    except OSError:
        return False
