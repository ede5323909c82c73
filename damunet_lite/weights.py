"""Trained networks in one line: float16 weights in a file, with a record of their origin.

:func:`pretrained` gives the network that lies in the package, ``"tiny"``. :func:`export` makes
such a file from a run folder of yours and :func:`load` reads it. The files hold numbers and a JSON
text alone, so reading one never runs code from it.
"""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from damunet_lite import __version__, _arguments, data, runs, training
from damunet_lite.supervision import SegmentationNetwork

#: Networks that :func:`pretrained` knows.
NAMES = ("tiny",)
TINY_FILE = Path(__file__).with_name("tiny.npz")
#: Name of the model card, a JSON text, among the arrays of a file.
CARD_KEY = "record"

_TERMS = {"isbi2012": f"For non-commercial work only. Trained on the {data.ISBI_SOURCE}."}
_ON_CARD = r"parameters|best_step|training_seconds|thresholds|validation|test|baselines|.*_slices"


class WeightsError(RuntimeError):
    """Weights cannot be had or do not fit; the message says what is wrong and what to do."""


def pretrained(name: str) -> SegmentationNetwork:
    """Give a trained network by its name.

    Parameters
    ----------
    name : {"tiny"}
        A DAMU-Net with 6 base filters that comes with the package.

    Returns
    -------
    SegmentationNetwork
        Not compiled; ready for :func:`damunet_lite.inference.predict`. :func:`model_card` tells
        what it was trained on, its scores and its terms: the ISBI 2012 data are for
        non-commercial software.

    Raises
    ------
    ValueError
        If no network has that name.

    Examples
    --------
    >>> pretrained("tiny").heads
    ('main', 'side2', 'side4', 'side8')
    >>> pretrained("small")
    Traceback (most recent call last):
    ValueError: name is 'small', wanted one of ('tiny',)
    """
    _arguments.choice("name", name, NAMES)
    return load(TINY_FILE)


def model_card(name: str | os.PathLike) -> dict[str, Any]:
    """What is known of a network: data, slices, recipe, scores, terms.

    Parameters
    ----------
    name : str or path
        A name that :func:`pretrained` knows, or a file that :func:`export` wrote.

    Returns
    -------
    dict
        ``network`` and ``options`` (what to build), ``config`` (the whole recipe), ``terms``, and
        of the run ``training_slices``, ``test`` (scores of ``test_slices`` at ``thresholds``, which
        the ``validation_slices`` chose), ``baselines`` and more.

    Raises
    ------
    WeightsError
        As for :func:`load`.

    References
    ----------
    Mitchell et al. 2019, "Model cards for model reporting", doi:10.1145/3287560.3287596.

    Examples
    --------
    >>> card = model_card("tiny")
    >>> card["network"], card["options"], card["config"]["fold"], card["test_slices"]
    ('damu_net', {'base_filters': 6}, 4, [24, 25, 26, 27, 28, 29])
    >>> "non-commercial" in card["terms"]
    True
    """
    return _read(TINY_FILE if name in NAMES else Path(name))[0]


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
    card, arrays = _read(Path(path))
    try:
        network = training.NETWORKS[card["network"]](**card["options"])
        runs.assign("file", runs.named(network.weights), arrays)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{path} does not fit a network of this package ({error})"
        raise WeightsError(f"{reason}; was it written by another version of it?") from error
    return network


def export(run: str | os.PathLike, path: str | os.PathLike) -> Path:
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

    Returns
    -------
    Path
        The file.

    Raises
    ------
    damunet_lite.runs.RunError
        If the folder is no finished run, or the file cannot be written.
    FileExistsError
        If the file is there already.
    WeightsError
        If a weight is too large for float16, or is no number.

    Examples
    --------
    >>> export("no-such-folder", "weights.npz")
    Traceback (most recent call last):
    damunet_lite.runs.RunError: no-such-folder is not a run folder: config.json is missing
    """
    run, path = Path(run), Path(path)
    path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    if path.exists():
        raise FileExistsError(f"{path} is there already; delete it or choose another name")
    card, arrays = _card_of(run), runs.values(runs.named(training.load_network(run).weights))
    for key, values in arrays.items():
        with np.errstate(over="ignore"):
            arrays[key] = values.astype(np.float16)
        if not np.isfinite(arrays[key]).all():
            raise WeightsError(f"{run}: {key} has values that float16 cannot hold")
    arrays[CARD_KEY] = np.array(json.dumps(card))
    with runs.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def _card_of(run: Path) -> dict[str, Any]:
    """The model card of a finished run."""
    (config, _), path = runs.read_origin(run), run / runs.METRICS_FILE
    if not path.is_file():
        raise runs.RunError(f"{run} is not finished: {path.name} is missing; train it to its end")
    finished = json.loads(path.read_text(encoding="utf-8"))
    terms = _TERMS.get(config.data, f"Trained on {config.data!r}; the terms of its images hold.")
    card = {"network": config.network, "options": config.network_options, "storage": "float16"}
    card |= {"terms": terms, "config": asdict(config), "package": __version__}
    # the first version named no slices but those of the test
    return card | {key: finished[key] for key in finished if re.fullmatch(_ON_CARD, key)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; wanted one that export wrote")
    try:
        arrays = runs.read_arrays(path)
        return json.loads(str(arrays.pop(CARD_KEY))), arrays
    except Exception as error:  # of all the kinds that a damaged archive can raise
        reason = f"{path}: cannot be read ({type(error).__name__})"
        raise WeightsError(f"{reason}; get the file again, or export it once more") from error
