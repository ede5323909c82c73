"""Image stacks: the ISBI 2012 training and test stacks, a synthetic stand-in, and folds.

Everything here is NumPy: no network library is imported. Membrane is 1, the positive class,
everywhere in the package; the files of the challenge have it the other way round (255 = cell
interior, 0 = membrane) and are turned once, on reading.

References
----------
Cardona et al. (2010), PLoS Biology 8(10), doi:10.1371/journal.pbio.1000502.
Arganda-Carreras et al. (2015), Frontiers in Neuroanatomy 9:142, doi:10.3389/fnana.2015.00142.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Literal

import numpy as np
import pooch
from PIL import Image
from scipy import ndimage, special
from tqdm import tqdm

__all__ = [
    "DataError",
    "Fold",
    "Stack",
    "describe",
    "fetch",
    "folds",
    "isbi2012",
    "load",
    "synthetic_stack",
    "verify",
]

Part = Literal["train", "test"]

ISBI_URL = (
    "https://raw.githubusercontent.com/zhixuhao/unet/"
    "b45af4d458437d8281cc218a07fd4380818ece4a/data/membrane/"
)
ISBI_SOURCE = (
    "ISBI 2012 EM segmentation challenge; cite Cardona et al. 2010 "
    "(doi:10.1371/journal.pbio.1000502) and Arganda-Carreras et al. 2015 "
    "(doi:10.3389/fnana.2015.00142); free for generating or testing non-commercial "
    "segmentation software"
)
ISBI_SIZE = 512
REGISTRY_FILE = Path(__file__).with_name("isbi2012_sha256.txt")
DOWNLOAD_THREADS = 6
DOWNLOAD_RETRIES = 2


class DataError(RuntimeError):
    """A problem with the data files; the message says what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack of serial sections with, where known, its membranes.

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
    TypeError
        If an array has another dtype than the one named above.
    ValueError
        If shapes do not fit together or values lie outside their range.

    Examples
    --------
    >>> stack = synthetic_stack(n=4, size=64, seed=1)
    >>> len(stack), stack.images.shape
    (4, (4, 64, 64, 1))
    >>> stack[1:3].images.shape
    (2, 64, 64, 1)
    """

    images: np.ndarray
    membranes: np.ndarray | None
    name: str
    labels: np.ndarray | None = None
    voxel_nm: tuple[float, float, float] = (50.0, 4.0, 4.0)
    source: str = ""

    def __post_init__(self) -> None:
        _check_array("images", self.images, np.float32, 4)
        if self.images.shape[-1] != 1:
            raise ValueError(f"images: got shape {self.images.shape}, wanted [N, H, W, 1]")
        low, high = _value_range(self.images)
        if not (low >= 0 and high <= 1):
            raise ValueError(f"images: got values from {low} to {high}, wanted them in [0, 1]")
        if self.membranes is not None:
            _check_array("membranes", self.membranes, np.float32, 4)
            if self.membranes.shape != self.images.shape:
                raise ValueError(
                    f"membranes: got shape {self.membranes.shape}, wanted that of images, "
                    f"{self.images.shape}"
                )
            if not ((self.membranes == 0) | (self.membranes == 1)).all():
                raise ValueError("membranes: got values other than 0 (cell) and 1 (membrane)")
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: np.ndarray) -> None:
        _check_array("labels", labels, np.int32, 3)
        if labels.shape != self.images.shape[:3]:
            raise ValueError(f"labels: got shape {labels.shape}, wanted {self.images.shape[:3]}")
        if labels.size and labels.min() < 0:
            raise ValueError(f"labels: got {labels.min()}, wanted 0 or more")
        if self.membranes is not None and np.any((labels == 0) != (self.membranes[..., 0] == 1)):
            raise ValueError("labels: wanted 0 exactly where membranes is 1, got other pixels")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | int | np.ndarray | list[int]) -> "Stack":
        """Select slices; a single number gives a stack of one slice."""
        where = index if isinstance(index, slice) else _slice_numbers(index)
        chosen = {
            key: value[where]
            for key in ("images", "membranes", "labels")
            if (value := getattr(self, key)) is not None
        }
        return replace(self, **chosen)


def _slice_numbers(index: int | np.ndarray | list[int]) -> np.ndarray:
    numbers = np.atleast_1d(np.asarray(index))
    if numbers.size == 0:
        numbers = numbers.astype(np.intp)
    if not np.issubdtype(numbers.dtype, np.integer) or numbers.ndim != 1:
        raise TypeError(
            f"index: got {numbers.dtype} with {numbers.ndim} axes, wanted a slice or a list of "
            "whole numbers"
        )
    return numbers


def _check_array(name: str, array: np.ndarray, dtype: type, ndim: int) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name}: got {got}, wanted an array of {np.dtype(dtype)}")
    if array.ndim != ndim:
        raise ValueError(f"{name}: got shape {array.shape}, wanted {ndim} axes")


def _value_range(array: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value; NaN, which every comparison refuses, when there is one."""
    if array.size == 0:
        return 0.0, 0.0
    return float(array.min()), float(array.max())


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
        If the files cannot be had, or are not the published ones; nothing is left half
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
    ValueError: part: got 'validation', wanted 'train' or 'test'
    """
    names = _part_files(part)
    root = fetch(part, folder)
    image_files = [name for name in names if "/label/" not in name]
    images = np.stack([_read_grey(root / name) for name in image_files])
    membranes = None
    if part == "train":
        label_files = [name.replace("/image/", "/label/") for name in image_files]
        cells = np.stack([_read_cells(root / name) for name in label_files])
        membranes = (~cells).astype(np.float32)[..., None]
    return Stack(
        images=images.astype(np.float32)[..., None] / 255,
        membranes=membranes,
        name=f"isbi2012 {part}",
        source=ISBI_SOURCE,
    )


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
    damunet_lite.data.DataError: /nowhere: no such folder; ...
    """
    _part_files(part)
    named = folder if folder is not None else os.environ.get("DAMUNET_DATA") or None
    if named is not None:
        named = Path(named).expanduser()
        verify(named, part)
        return named
    cache = _cache_folder()
    if not _is_complete(cache, part):
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
    damunet_lite.data.DataError: /nowhere: no such folder; ...
    """
    folder = Path(folder)
    remedy = (
        "give the folder that holds train/image, train/label and test, or name none "
        "(no `folder`, DAMUNET_DATA unset) and the files are downloaded"
    )
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {remedy}")
    parts = [part] if part else [p for p in ("train", "test") if (folder / p).is_dir()]
    if not parts:
        raise DataError(f"{folder}: holds neither train nor test; {remedy}")
    registry = _registry()
    for name in (name for p in parts for name in _part_files(p)):
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path}: missing; {remedy}")
        try:
            digest = pooch.file_hash(str(path))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error}); check its permissions") from error
        if digest != registry[name]:
            raise DataError(
                f"{path}: not the published file (SHA-256 {digest[:12]}..., wanted "
                f"{registry[name][:12]}...); delete it and copy it again, or {remedy}"
            )


def _is_complete(folder: Path, part: Part) -> bool:
    try:
        verify(folder, part)
    except DataError:
        return False
    return True


def _registry() -> dict[str, str]:
    """File name -> SHA-256, from the list in the package."""
    lines = REGISTRY_FILE.read_text(encoding="ascii").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line.strip())}


def _part_files(part: Part) -> list[str]:
    """Names of one part's files in the order of their slices."""
    if part not in ("train", "test"):
        raise ValueError(f"part: got {part!r}, wanted 'train' or 'test'")
    names = [name for name in _registry() if name.startswith(part + "/")]
    return sorted(names, key=lambda name: (Path(name).parent, int(Path(name).stem)))


def _cache_folder() -> Path:
    root = os.environ.get("DAMUNET_CACHE") or pooch.os_cache("damunet_lite")
    return Path(root) / "isbi2012"


def _download(part: Part, cache: Path, url: str) -> None:
    """Fill the cache with one part: the complete, checked set or nothing."""
    names = _part_files(part)
    registry = _registry()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f".{part}-", dir=cache)
    except OSError as error:
        raise DataError(
            f"{cache}: cannot be written ({error}); name a writable cache with the environment "
            "variable DAMUNET_CACHE"
        ) from error
    with scratch:
        # Made beforehand: pooch's threads would race to make them.
        for name in names:
            (Path(scratch.name) / name).parent.mkdir(parents=True, exist_ok=True)
        remote = pooch.create(
            path=scratch.name,
            base_url=url.rstrip("/") + "/",
            registry={name: "sha256:" + registry[name] for name in names},
            retry_if_failed=DOWNLOAD_RETRIES,
        )
        try:
            _download_all(remote, names, part)
        except (OSError, ValueError) as error:
            # requests' errors are OSError; pooch reports a wrong hash as ValueError.
            # The message says it all; the chain of errors behind it is screens of sockets.
            raise DataError(
                f"the ISBI 2012 {part} stack could not be downloaded from {url} and nothing was "
                f"kept ({type(error).__name__}: {shorten(str(error), 300)}); check the network "
                "and try again, or copy the files to a folder and name it with the environment "
                "variable DAMUNET_DATA"
            ) from None
        _move_into_place(Path(scratch.name) / part, cache, part)


def _download_all(remote: pooch.Pooch, names: list[str], part: str) -> None:
    bar = tqdm(total=len(names), desc=f"ISBI 2012 {part}", unit="file")
    with _quiet_pooch(), bar, ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        jobs = [pool.submit(remote.fetch, name) for name in names]
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _move_into_place(new: Path, cache: Path, part: Part) -> None:
    """Put a complete part where readers look for it; another process may do so as well."""
    target = cache / part
    if _is_complete(cache, part):
        return
    if target.exists():
        os.rename(target, new.with_name("damaged"))
    try:
        os.rename(new, target)
    except OSError:
        verify(cache, part)


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Silence pooch's line per file: the progress bar says it already."""
    logger = pooch.get_logger()
    # Not setLevel: this logger stands outside logging's tree and keeps what it once cached.
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _read_grey(path: Path) -> np.ndarray:
    """One 8-bit grey image, uint8 [512, 512]."""
    remedy = "copy the published file again, or delete it and let it be downloaded"
    try:
        with Image.open(path) as picture:
            mode, array = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable image ({error}); {remedy}") from error
    if array.dtype != np.uint8 or array.ndim != 2:
        raise DataError(f"{path}: got a picture of mode {mode}, wanted 8-bit grey; {remedy}")
    if array.shape != (ISBI_SIZE, ISBI_SIZE):
        raise DataError(
            f"{path}: got {array.shape[0]} x {array.shape[1]} pixels, wanted "
            f"{ISBI_SIZE} x {ISBI_SIZE}; {remedy}"
        )
    return array


def _read_cells(path: Path) -> np.ndarray:
    """One label image as bool [512, 512], True = cell interior."""
    array = _read_grey(path)
    others = np.setdiff1d(array, (0, 255))
    if others.size:
        raise DataError(
            f"{path}: a mask has the values 0 and 255 alone, got {others[:5].tolist()} too; "
            "was it scaled or saved as JPEG? Copy the published file again"
        )
    return array == 255


def load() -> Stack:
    """Give the real training stack if it can be had, else a synthetic one with a warning.

    Returns
    -------
    Stack
        ``isbi2012("train")``, or ``synthetic_stack()`` together with one UserWarning; `name`
        tells which.

    Examples
    --------
    >>> len(load())  # doctest: +SKIP
    30
    """
    try:
        return isbi2012("train")
    except DataError:
        warnings.warn(
            "using a synthetic stack, numbers will differ from the book's; DAMUNET_DATA can name a "
            "folder with the real one, data.isbi2012() says why it was not downloaded",
            UserWarning,
            stacklevel=2,
        )
        return synthetic_stack()


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
        if value < least:
            raise ValueError(f"{name}: got {value}, wanted at least {least}")
    if n % block:
        raise ValueError(f"block: got {block}, wanted a divisor of n = {n}")
    if block + validation >= n:
        raise ValueError(
            f"block + validation: got {block} + {validation}, wanted fewer than n = {n} slices"
        )
    result = []
    for index, start in enumerate(range(0, n, block)):
        stop = start + block
        held = np.arange(stop, stop + validation)
        if stop + validation > n:
            held = np.arange(start - validation, start)
        if held.size and held[0] < 0:
            raise ValueError(f"validation: got {validation}, no room beside test block {index}")
        test = np.arange(start, stop)
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
    >>> summary = describe(synthetic_stack(n=2, size=64, seed=0))
    >>> summary["slices"], summary["height"], summary["width"]
    (2, 64, 64)
    """
    n, height, width, _ = stack.images.shape
    fraction = cells = None
    if stack.membranes is not None:
        fraction = float(stack.membranes.mean(dtype=np.float64))
        cells = float(np.mean([ndimage.label(m[..., 0] == 0)[1] for m in stack.membranes]))
    return {
        "name": stack.name,
        "slices": n,
        "height": height,
        "width": width,
        "grey_mean": float(stack.images.mean(dtype=np.float64)),
        "grey_sd": float(stack.images.std(dtype=np.float64)),
        "membrane_fraction": fraction,
        "cells_per_slice": cells,
    }


# --- smooth random fields and the synthetic stack ---------------------------------------


def spline_basis(length: int, spacing: float) -> np.ndarray:
    """Cubic B-splines on a coarse grid, scaled so that random coefficients keep their spread.

    ``spline_basis(h, s) @ normal @ spline_basis(w, s).T`` turns a small array of independent
    normal numbers into a smooth field of h x w pixels with the same standard deviation at
    every pixel, because every row has a sum of squares of one.

    Parameters
    ----------
    length : int
        Number of pixels along the axis.
    spacing : float
        Distance between knots, in pixels.

    Returns
    -------
    ndarray
        float32 [length, knots].

    Examples
    --------
    >>> basis = spline_basis(100, 32)
    >>> basis.shape
    (100, 7)
    >>> bool(np.allclose((basis**2).sum(axis=1), 1))
    True
    """
    position = np.arange(length) / spacing
    knots: np.ndarray = np.arange(int(position[-1]) + 4) - 1
    distance = np.abs(position[:, None] - knots)
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    basis = np.where(distance < 1, near, far)
    basis /= np.sqrt((basis**2).sum(axis=1, keepdims=True))
    return basis.astype(np.float32)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing: tuple[float, float]
) -> np.ndarray:
    """Random field [n, size, size] of unit standard deviation, smooth along z and in plane."""
    n, height, width = shape
    along = spline_basis(n, spacing[0])
    rows, columns = spline_basis(height, spacing[1]), spline_basis(width, spacing[1])
    knots = (along.shape[1], rows.shape[1], columns.shape[1])
    coarse = np.tensordot(along, rng.standard_normal(knots, dtype=np.float32), axes=1)
    return rows @ coarse @ columns.T


def synthetic_stack(n: int = 30, size: int = 256, seed: int = 0) -> Stack:
    """Draw a stack that looks like serial-section electron microscopy of nerve tissue.

    Cells are the regions of a power diagram (a Voronoi diagram with cells of unequal size),
    bent by a smooth warp. They drift from slice to slice; some appear, some disappear. The
    membranes between them are 3 to 6 pixels wide, wider where three cells meet, and of uneven
    contrast; about 22 % of the pixels, as in the ISBI 2012 stack. Mitochondria have two dark
    lines around them that are no cell membrane, and vesicles are small dark rings: what a
    network has to learn to ignore.

    Parameters
    ----------
    n : int
        Number of slices.
    size : int
        Height and width in pixels, at least 32.
    seed : int
        The same seed gives the same stack.

    Returns
    -------
    Stack
        With exact instance labels: each 4-connected cell of a slice has its own number, kept
        along z as long as the cell stays in one piece.

    Raises
    ------
    ValueError
        If `n` is less than 1, `size` less than 32 or `seed` less than 0.

    References
    ----------
    Aurenhammer (1987), "Power diagrams", SIAM Journal on Computing 16(1),
    doi:10.1137/0216006.

    Examples
    --------
    >>> stack = synthetic_stack(n=2, size=64, seed=3)
    >>> bool(np.array_equal(stack.labels == 0, stack.membranes[..., 0] == 1))
    True
    """
    for name, value, least in (("n", n, 1), ("size", size, 32), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name}: got {value}, wanted at least {least}")
    rng = np.random.default_rng(seed)
    owners = _draw_cells(rng, n, size)
    edges = np.stack([_edges(owner) for owner in owners])
    # Where chance has drawn many lines they are a little thinner: the share stays near 22 %.
    typical = np.clip(0.35 / edges.mean(), 3.7, 4.8)
    width = np.clip(typical + 0.9 * _smooth_noise(rng, owners.shape, (4, 40)), 3, 6)
    to_line = np.stack([_distance(edge) for edge in edges])
    slices = zip(owners, to_line, width, strict=True)
    labels = np.stack([_number_cells(*planes) for planes in slices])
    images = _draw_greys(rng, owners, to_line, labels)
    return Stack(
        images=images[..., None],
        membranes=(labels == 0).astype(np.float32)[..., None],
        name="synthetic",
        labels=labels,
        source="drawn by damunet_lite.data.synthetic_stack; free to use",
    )


def _draw_cells(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Owner of each pixel, int32 [n, size, size]: power diagram of drifting, warped points."""
    margin, area_of_cell = 48, 1250
    count = max(6, round((size + 2 * margin) ** 2 / area_of_cell))
    along = spline_basis(n, 8)
    knots = along.shape[1]
    points = rng.uniform(-margin, size + margin, (count, 2))
    points = points + np.tensordot(along, rng.normal(0, 5, (knots, count, 2)), axes=1)
    points += np.tensordot(along, rng.normal(0, 4, (knots, 1, 2)), axes=1)
    # A few large cells among many small ones; a cell whose weight sinks enough disappears.
    weights = np.clip(rng.lognormal(5.0, 1.4, count), 0, 3500)
    weights = weights + along @ rng.normal(0, 200, (knots, count))
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    shape = (n, size, size)
    y, x = (
        axis + 10 * _smooth_noise(rng, shape, (8, 48)) + 1.6 * _smooth_noise(rng, shape, (4, 12))
        for axis in (rows, columns)
    )
    owners: np.ndarray = np.empty(shape, np.int32)
    for z in range(n):
        # |p - q|^2 - weight without |p|^2, which no comparison between points q needs.
        plane = np.concatenate([-2 * points[z].T, [(points[z] ** 2).sum(1) - weights[z]]])
        plane = plane.astype(np.float32)
        for row in range(size):
            place = np.stack([y[z, row], x[z, row], np.ones(size, np.float32)], axis=1)
            owners[z, row] = (place @ plane).argmin(axis=1)
    return owners


def _edges(owner: np.ndarray) -> np.ndarray:
    """Pixels on either side of the line between two owners."""
    edge = np.zeros(owner.shape, bool)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = owner[near] != owner[far]
        edge[near] |= differs
        edge[far] |= differs
    return edge


def _number_cells(owner: np.ndarray, to_line: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Labels of one slice: cells with round corners, membranes `width` pixels wide between."""
    rounding, least_area = 3.0, 30
    core = to_line + 0.5 >= width / 2 + rounding
    pieces, count = ndimage.label(_distance(core) <= rounding)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    mothers = np.zeros(count + 1, np.int64)
    mothers[pieces] = owner
    numbers = np.zeros(count + 1, np.int32)
    seen: dict[int, int] = {}
    for piece in np.argsort(-areas[1:], kind="stable") + 1:
        if areas[piece] >= least_area:
            # The largest piece keeps the cell's own number, so it can be followed along z.
            rank = seen.get(mothers[piece], 0)
            seen[mothers[piece]] = rank + 1
            numbers[piece] = mothers[piece] + 1 + 100_000 * rank
    return numbers[pieces]


def _distance(target: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the nearest True pixel, far away when there is none."""
    if not target.any():
        return np.full(target.shape, float(sum(target.shape)))
    return ndimage.distance_transform_edt(~target)


def _draw_greys(
    rng: np.random.Generator, owners: np.ndarray, to_line: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Grey values of the stack, float32 [n, size, size] in [0, 1]."""
    shape = owners.shape
    # Where a membrane is cut at a slant it is faint and broad.
    slant = np.clip(_smooth_noise(rng, shape, (2, 24)) - 0.7, 0, 2)
    light = 0.04 * _smooth_noise(rng, shape, (2, 100))
    tones = rng.normal(0, 0.05, owners.max() + 1)
    crowding = np.clip(rng.normal(0.5, 0.8, owners.max() + 1), 0, 2) / 130
    bodies = _place_mitochondria(rng, labels)
    images = np.empty(shape, np.float32)
    for z, (owner, label) in enumerate(zip(owners, labels, strict=True)):
        inside, outside = _distance(label == 0), _distance(label != 0)
        grey = 0.61 + tones[owner] + light[z]
        grey += _draw_cytoplasm(rng, inside, crowding[owner])
        for body in bodies:
            _draw_mitochondrion(rng, grey, inside * (label == body["number"]), body, z)
        spread = 1.4 * (1 + slant[z])
        line = np.exp(-0.5 * (to_line[z] / spread) ** 2) * 0.42 / (1 + 0.8 * slant[z])
        # Between rounded cells lies stained matter without a line of its own.
        filling = 0.25 * np.clip((outside - 1.5) / 2.5, 0, 1)
        images[z] = grey - np.maximum(line, filling) + 0.065 * _grain(rng, label.shape, 0.8)
    return np.clip(images, 0, 1, out=images)


def _grain(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Gaussian noise of unit standard deviation, blurred by `sigma` pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return ndimage.gaussian_filter(noise, sigma) * (2 * np.sqrt(np.pi) * sigma)


def _draw_cytoplasm(
    rng: np.random.Generator, inside: np.ndarray, crowding: np.ndarray
) -> np.ndarray:
    """Texture of the cell interior: blotches, and vesicles as small dark rings."""
    y, x = np.mgrid[-6:7, -6:7]
    ring = np.exp(-0.5 * ((np.hypot(y, x) - 3.0) / 1.0) ** 2)
    chosen = (rng.random(inside.shape) < crowding) & (inside > 5)
    seeds = chosen * rng.uniform(0.08, 0.28, inside.shape)
    rings = ndimage.convolve(seeds.astype(np.float32), ring.astype(np.float32), mode="constant")
    texture = 0.05 * _grain(rng, inside.shape, 1.5) + 0.035 * _grain(rng, inside.shape, 5)
    return texture - np.minimum(rings, 0.3)


def _place_mitochondria(rng: np.random.Generator, labels: np.ndarray) -> list[dict[str, float]]:
    """Ellipsoids inside cells that are wide enough to hold one."""
    bodies = []
    for _ in range(round(labels.size / 150_000)):
        z = int(rng.integers(len(labels)))
        room = _distance(labels[z] == 0)
        places = np.argwhere(room > 11)
        if not len(places):
            continue
        row, column = places[rng.integers(len(places))]
        radius = min(0.9 * room[row, column], rng.uniform(11, 18))
        bodies.append(
            {
                "z": z,
                "y": row,
                "x": column,
                "radius": radius,
                "stretch": rng.uniform(1.0, 2.2),
                "angle": rng.uniform(0, np.pi),
                "half_depth": rng.uniform(3, 8),
                "slope": rng.normal(0, 1),
                "number": labels[z, row, column],
            }
        )
    return bodies


def _draw_mitochondrion(
    rng: np.random.Generator, grey: np.ndarray, inside: np.ndarray, body: dict[str, float], z: int
) -> None:
    """Darken one cross-section in place: dark matrix, folds, and a double membrane."""
    away = (z - body["z"]) / body["half_depth"]
    if abs(away) >= 1:
        return
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    y, x = y - body["y"] - body["slope"] * (z - body["z"]), x - body["x"]
    cos, sin = np.cos(body["angle"]), np.sin(body["angle"])
    long, short = (cos * x + sin * y) / body["stretch"], cos * y - sin * x
    within = body["radius"] * np.sqrt(1 - away**2) - np.hypot(long, short)
    # Clear of the cell's own membrane, so that the body takes the shape of a narrow cell.
    within = np.minimum(within, inside - 4)
    folds = np.sin(0.9 * long * body["stretch"] + 2 * _grain(rng, grey.shape, 6))
    matrix = special.expit(2 * within)
    rims = sum(np.exp(-0.5 * ((within - at) / 0.9) ** 2) for at in (0.5, 4.0))
    grey -= matrix * (0.14 + 0.05 * folds) + 0.15 * rims
