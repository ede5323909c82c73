"""Image stacks: the ISBI 2012 training and test stacks, and folds.

Everything here is NumPy: no network library is imported. Membrane is 1, the positive class,
everywhere in the package; the files of the challenge have it the other way round (255 = cell
interior, 0 = membrane) and are turned once, on reading.

References
----------
Cardona et al. (2010), PLoS Biology 8(10), doi:10.1371/journal.pbio.1000502.
Arganda-Carreras et al. (2015), Frontiers in Neuroanatomy 9:142, doi:10.3389/fnana.2015.00142.
"""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import numpy as np
import pooch
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from damunet_lite import _arguments

__all__ = ["DataError", "Fold", "Stack", "describe", "fetch", "folds", "isbi2012", "verify"]

Part = Literal["train", "test"]

ISBI_URL = (
    "https://raw.githubusercontent.com/zhixuhao/unet/"
    "b45af4d458437d8281cc218a07fd4380818ece4a/data/membrane/"
)
ISBI_SOURCE = (
    "ISBI 2012 EM segmentation challenge; cite Cardona et al. 2010 (doi:10.1371/journal.pbio."
    "1000502) and Arganda-Carreras et al. 2015 (doi:10.3389/fnana.2015.00142); free for "
    "generating or testing non-commercial segmentation software"
)
REGISTRY_FILE = Path(__file__).with_name("isbi2012_sha256.txt")
DOWNLOAD_RETRIES = 2


class DataError(RuntimeError):
    """A problem with the data files; the message says what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack of serial sections with, where known, its membranes.

    Limits hold to 1e-6: what rounding has pushed out of them is put back.

    Parameters
    ----------
    images : ndarray
        float32 [N, H, W, 1], grey values in [0, 1].
    membranes : ndarray or None
        float32 [N, H, W, 1], 1 = membrane, 0 = cell interior; None where there is no truth.
    name : str
        What the stack is called in tables and plots.
    labels : ndarray or None
        int32 [N, H, W], one number per cell, 0 = membrane; None where not known exactly.
    voxel_nm : tuple of float
        Size of a voxel along z, y and x in nanometres.
    source : str
        Citation and terms, in one line.

    Raises
    ------
    ValueError
        If an array has another dtype than the one named above, shapes do not fit together or
        values lie outside their range.

    Examples
    --------
    >>> images = np.zeros((4, 64, 64, 1), np.float32)
    >>> stack = Stack(images, membranes=None, name="black")
    >>> len(stack), stack[1:3].images.shape
    (4, (2, 64, 64, 1))
    """

    images: np.ndarray
    membranes: np.ndarray | None
    name: str
    labels: np.ndarray | None = None
    voxel_nm: tuple[float, float, float] = (50.0, 4.0, 4.0)
    source: str = ""

    def __post_init__(self) -> None:
        _arguments.dtype("images", self.images, ("float32",), "float32")
        _arguments.shape("images", self.images, "[N, H, W, 1]")
        images = _arguments.probability("images", self.images, "[0, 1]")
        object.__setattr__(self, "images", images)
        if self.membranes is not None:
            _arguments.dtype("membranes", self.membranes, ("float32",), "float32")
            _arguments.same_shape("membranes", self.membranes, "images", images)
            if images.size:
                mask = _arguments.binary("membranes", self.membranes)
                object.__setattr__(self, "membranes", mask.astype(np.float32))
        if self.labels is not None:
            _arguments.dtype("labels", self.labels, ("int32",), "int32")
            _arguments.same_shape("labels", self.labels, "a channel of images", images[..., 0])
            cell = _arguments.labels("labels", self.labels) > 0
            if self.membranes is not None and (cell == (self.membranes[..., 0] == 1)).any():
                raise ValueError("labels differs, wanted 0 exactly where membranes is 1")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | int | np.ndarray | list[int]) -> "Stack":
        """Select slices; a single number gives a stack of one slice."""
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index, None if np.size(index) else int))
            _arguments.dtype("index", index, "iu", "a slice or whole numbers")
            _arguments.shape("index", index, "[N]")
        chosen: dict[str, Any] = {
            k: v[index] for k, v in vars(self).items() if isinstance(v, np.ndarray)
        }
        return replace(self, **chosen)


# --- the ISBI 2012 files ---------------------------------------------------------------


def isbi2012(part: Part = "train", folder: str | os.PathLike | None = None) -> Stack:
    """Read a stack of the ISBI 2012 challenge, downloading it at first use.

    The files are taken from the first of these that is named: `folder`, the environment
    variable ``DAMUNET_DATA``, the local cache; failing all three they are downloaded into the
    cache. Wherever they lie, every file is checked against its SHA-256.

    Parameters
    ----------
    part : {"train", "test"}
        The training stack (with membranes) or the test stack (its truth was never published).
    folder : path, optional
        Folder with ``train/image/N.png``, ``train/label/N.png`` and ``test/N.png``.

    Returns
    -------
    Stack
        30 slices of 512 x 512 pixels, 4 x 4 nm each, 50 nm thick.

    Raises
    ------
    DataError
        If the files cannot be had, or are not the published ones; no file is left half
        written. The message carries the remedy.
    ValueError
        If `part` is neither "train" nor "test".

    References
    ----------
    Cardona et al. (2010), doi:10.1371/journal.pbio.1000502; Arganda-Carreras et al. (2015),
    doi:10.3389/fnana.2015.00142.

    Examples
    --------
    >>> isbi2012("validation")
    Traceback (most recent call last):
        ...
    ValueError: part is 'validation', wanted one of ('train', 'test')
    """
    root, names = fetch(part, folder), _part_files(part)
    masks = [name for name in names if "/label/" in name]
    images = _read_greys(root, [name for name in names if name not in masks]) / np.float32(255)
    membranes = (_read_greys(root, masks) == 0).astype(np.float32) if masks else None
    return Stack(images, membranes, f"isbi2012 {part}", source=ISBI_SOURCE)


def _read_greys(folder: Path, names: list[str]) -> np.ndarray:
    """Files whose checksums are right, uint8 [N, H, W, 1]; masks hold 0 and 255 alone."""
    return np.stack([np.asarray(Image.open(folder / name)) for name in names])[..., None]


def fetch(
    part: Part = "train", folder: str | os.PathLike | None = None, url: str | None = None
) -> Path:
    """Find the checked files of one part on this computer, downloading them if need be.

    Parameters
    ----------
    part : {"train", "test"}
        Which stack.
    folder : path, optional
        As for :func:`isbi2012`.
    url : str, optional
        Where to download from, another copy of the same files; the environment variable
        ``DAMUNET_DATA_URL`` does the same.

    Returns
    -------
    Path
        Folder that holds the files, laid out as ``train/image/N.png`` and so on.

    Raises
    ------
    DataError
        If the files cannot be had, or are not the published ones.

    Examples
    --------
    >>> fetch("train", folder="/nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    damunet_lite.data.DataError: /nowhere/train/image/0.png: No such file or directory; ...
    """
    named = folder or os.environ.get("DAMUNET_DATA")
    if named:
        root = Path(named).expanduser()
        verify(root, part)
        return root
    cache = _cache_folder()
    try:
        verify(cache, part)
    except DataError:
        # Missing or damaged: the cache is ours to fill again, a folder of the user's is not.
        _download(part, cache, url or os.environ.get("DAMUNET_DATA_URL") or ISBI_URL)
    return cache


def verify(folder: str | os.PathLike, part: Part | None = None) -> None:
    """Check that a folder holds the published files, each with the right SHA-256.

    Parameters
    ----------
    folder : path
        Folder with ``train`` and ``test`` inside.
    part : {"train", "test"}, optional
        Which part to check; without it, each part that the folder holds.

    Raises
    ------
    DataError
        If a file is missing or differs, or if the folder holds neither part.

    Examples
    --------
    >>> verify("/nowhere")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    damunet_lite.data.DataError: /nowhere: holds neither train nor test; ...
    """
    folder, registry = Path(folder), _registry()
    remedy = (
        "give the folder that holds train/image, train/label and test, or name none "
        "(no `folder`, DAMUNET_DATA unset) and the files are downloaded"
    )
    parts = [part] if part else [p for p in ("train", "test") if (folder / p).is_dir()]
    if not parts:
        raise DataError(f"{folder}: holds neither train nor test; {remedy}")
    for name in (name for p in parts for name in _part_files(p)):
        try:
            digest = pooch.file_hash(str(folder / name))
        except OSError as error:
            raise DataError(f"{folder / name}: {error.strerror}; {remedy}") from error
        if digest != registry[name]:
            raise DataError(
                f"{folder / name}: not the published file (SHA-256 {digest[:12]}..., wanted "
                f"{registry[name][:12]}...); delete it and copy it again, or {remedy}"
            )


def _registry() -> dict[str, str]:
    """File name -> SHA-256, from the list in the package."""
    lines = REGISTRY_FILE.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in map(str.split, lines)}


def _part_files(part: Part) -> list[str]:
    """Names of one part's files in the order of their slices."""
    _arguments.choice("part", part, ("train", "test"))
    names = [name for name in _registry() if name.startswith(part + "/")]
    return sorted(names, key=lambda name: (Path(name).parent, int(Path(name).stem)))


def _cache_folder() -> Path:
    return Path(os.environ.get("DAMUNET_CACHE") or pooch.os_cache("damunet_lite"), "isbi2012")


def _download(part: Part, cache: Path, url: str) -> None:
    """Fetch what the cache lacks of one part; each file is checked before it takes its place."""
    names, where = _part_files(part), url.rstrip("/") + "/"
    remote = pooch.create(cache, where, registry=_registry(), retry_if_failed=DOWNLOAD_RETRIES)
    try:
        for name in names:  # made beforehand: pooch's threads would race to make them
            (cache / name).parent.mkdir(parents=True, exist_ok=True)
        with _quiet_pooch(), ThreadPoolExecutor(6) as pool:
            jobs = pool.map(remote.fetch, names)
            list(tqdm(jobs, total=len(names), desc=f"ISBI 2012 {part}", unit="file"))
    except (OSError, ValueError) as error:
        # requests' errors are OSError; pooch reports a wrong hash as ValueError.
        # The message says it all; the chain of errors behind it is screens of sockets.
        raise DataError(
            f"the ISBI 2012 {part} stack could not be downloaded from {url} to {cache} "
            f"({type(error).__name__}: {shorten(str(error), 300)}); what arrived whole is kept. "
            "Check the network and that the cache can be written (DAMUNET_CACHE names another), "
            "or copy the files to a folder and name it with the environment variable DAMUNET_DATA"
        ) from None


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Silence pooch's line per file: the progress bar says it already."""
    # A filter of its own for each call: two downloads at once do not leave the logger silent. Not
    # setLevel: this logger stands outside logging's tree and keeps what it once cached.
    logger, silent = pooch.get_logger(), logging.Filter("nobody")
    logger.addFilter(silent)
    try:
        yield
    finally:
        logger.removeFilter(silent)


# --- folds -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fold:
    """Which slices train, which choose the threshold, and which are reported.

    Parameters
    ----------
    index : int
        Number of the fold, from 0.
    train, validation, test : ndarray
        Sorted slice numbers, int; no slice is in two of them.

    Examples
    --------
    >>> fold = folds(n=6, block=2, validation=1)[0]
    >>> fold.test.tolist(), fold.validation.tolist(), fold.train.tolist()
    ([0, 1], [2], [3, 4, 5])
    """

    index: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def folds(n: int = 30, block: int = 6, validation: int = 3) -> list[Fold]:
    """Split a stack into folds whose test slices are neighbours.

    Consecutive slices show nearly the same cells, so slices drawn at random would put almost
    the same picture in training and test. Test slices are therefore one contiguous block, and
    the validation slices separate it from the training slices on one side. On the other side
    the outermost test slice still touches a training slice: the price of training on the rest.

    Parameters
    ----------
    n : int
        Number of slices.
    block : int
        Test slices per fold; divides `n`.
    validation : int
        Validation slices per fold: those right after the test block, or right before it
        where they would run past the last slice.

    Returns
    -------
    list of Fold
        ``n // block`` folds; every slice is a test slice exactly once.

    Raises
    ------
    ValueError
        If `block` does not divide `n`, nothing would be left for training, or there is no
        room for the validation slices on either side of a test block.

    Examples
    --------
    >>> first, *_, last = folds()
    >>> first.test.tolist(), first.validation.tolist(), len(first.train)
    ([0, 1, 2, 3, 4, 5], [6, 7, 8], 21)
    >>> last.test.tolist(), last.validation.tolist()
    ([24, 25, 26, 27, 28, 29], [21, 22, 23])
    """
    for name, value, least in (("n", n, 1), ("block", block, 1), ("validation", validation, 0)):
        _arguments.integer(name, value, least)
    if n % block or block + validation >= n:
        wanted = f"a divisor of n = {n} that leaves slices beside {validation} for validation"
        raise ValueError(f"block is {block}, wanted {wanted}")
    result = []
    for index, test in enumerate(np.arange(n).reshape(-1, block)):
        held = test[-1] + 1 + np.arange(validation)
        if validation and held[-1] >= n:
            held = test[0] - validation + np.arange(validation)
            if held[0] < 0:
                raise ValueError(f"validation is {validation}, wanted room beside block {index}")
        train = np.setdiff1d(np.arange(n), np.concatenate([test, held]))
        result.append(Fold(index, train, held, test))
    return result


def describe(stack: Stack) -> dict[str, float | int | str | None]:
    """Summarise a stack in a few numbers.

    Parameters
    ----------
    stack : Stack
        Any stack.

    Returns
    -------
    dict
        ``name``, ``slices``, ``height``, ``width`` (pixels), ``grey_mean`` and ``grey_sd``
        (grey values in [0, 1]), ``membrane_fraction`` and ``cells_per_slice`` (mean number of
        4-connected cells); the last two are None without membranes.

    Examples
    --------
    >>> images = np.zeros((2, 64, 48, 1), np.float32)
    >>> summary = describe(Stack(images, membranes=images, name="black"))
    >>> summary["slices"], summary["height"], summary["width"], summary["cells_per_slice"]
    (2, 64, 48, 1.0)
    """
    n, height, width, _ = stack.images.shape
    masks = [] if stack.membranes is None else stack.membranes[..., 0]
    cells = [ndimage.label(mask == 0)[1] for mask in masks]
    return {
        "name": stack.name,
        "slices": n,
        "height": height,
        "width": width,
        "grey_mean": float(stack.images.mean(dtype=np.float64)),
        "grey_sd": float(stack.images.std(dtype=np.float64)),
        "membrane_fraction": float(np.mean(masks, dtype=np.float64)) if cells else None,
        "cells_per_slice": float(np.mean(cells)) if cells else None,
    }
