"""Image stacks: the ISBI 2012 training and test stacks, and folds.

Everything here is NumPy: no network library is imported. Membrane is 1, the positive class,
everywhere in the package; the files of the challenge have it the other way round (255 = cell
interior, 0 = membrane) and are turned once, on reading.

References
----------
Cardona et al. (2010), PLoS Biology 8(10), doi:10.1371/journal.pbio.1000502.
Arganda-Carreras et al. (2015), Frontiers in Neuroanatomy 9:142, doi:10.3389/fnana.2015.00142.
"""

import math
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pooch
import skimage  # its parts load when they are first used
from PIL import Image
from tqdm import tqdm

from damunet_lite import _arguments
from damunet_lite import images as files
from damunet_lite.images import FilePath

_COMMIT = "b45af4d458437d8281cc218a07fd4380818ece4a"
ISBI_URL = f"https://raw.githubusercontent.com/zhixuhao/unet/{_COMMIT}/data/membrane/"
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

    Rounding has pushed grey values above 1, and a mask off 0 and 1 on both sides:

    >>> images[0] = 1 + 5e-7
    >>> near = np.where(images > 0, np.float32(1 + 2.4e-7), np.float32(-2e-7))
    >>> labels = (images[..., 0] == 0).astype(np.int32)
    >>> stack = Stack(images, near, "rounded", labels)
    >>> np.unique(stack.images).tolist(), np.unique(stack.membranes).tolist()
    ([0.0, 1.0], [0.0, 1.0])
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
            index = np.atleast_1d(np.arange(len(self))[index])
        parts: dict[str, Any] = {k: v[index] for k, v in vars(self).items() if hasattr(v, "ndim")}
        return replace(self, **parts)


# --- files of one's own ----------------------------------------------------------------


def read_stack(
    images: FilePath | Iterable[FilePath],
    masks: FilePath | Iterable[FilePath] | None = None,
    mask_is: str | None = None,
) -> Stack:
    """Read images of your own, with their masks where you have them.

    Images and masks are paired by name: a mask is called as its image is, with any end
    (``img2.tif``, ``img2.png``) or with more behind it (``img2_mask.png``). Slices of stacks
    are taken one after another. Images of different sizes are cut to the height and width that
    all have, around their middle, and a note says so.

    Parameters
    ----------
    images, masks : path, pattern, folder, or several of them
        As for :func:`damunet_lite.images.find`.
    mask_is : {"membrane", "cell", "labels"}
        What is bright in the masks. It has to be said: both are common. ``"labels"`` are
        numbered cells with 0 between them; where two touch, a wall is drawn.

    Returns
    -------
    Stack
        Named after the folder. Its voxels have the pixel size of the first file; what is not
        known of them is nan.

    Raises
    ------
    damunet_lite.images.ImageError
        If a file cannot be read as what it should be, or `mask_is` is not said: the message
        tells what the first mask looks like.
    DataError
        If an image or a mask lacks its partner, or the two have different sizes.
    ValueError
        If `mask_is` is something else.

    Warns
    -----
    damunet_lite.images.ImageNote
        If images are cut, results of this package are passed over, or most of the pixels turn
        out to be membrane.

    Examples
    --------
    >>> import tempfile
    >>> from damunet_lite.images import write_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in (10, 2):
    ...         write_image(f"{folder}/img{i}.tif", np.full((8, 8), 10 * i, np.uint8))
    ...     stack = read_stack(folder)
    >>> (255 * stack.images[:, 0, 0, 0]).round().tolist()
    [20.0, 100.0]
    """
    _arguments.choice("mask_is", mask_is, (None, "membrane", "cell", "labels"))
    partners = [] if masks is None else files.find(masks)
    paths = files.find_inputs(images, but=partners)
    pictures = [files.read_image(path) for path in paths]
    size = np.min([picture.shape[-2:] for picture in pictures], axis=0)
    if any((picture.shape[-2:] != size).any() for picture in pictures):
        files.note(f"images differ in size: cut to {size[0]} x {size[1]} around their middles")
    labels = membranes = None
    if masks is not None:
        numbered, truths = mask_is == "labels", []
        for path, mask, picture in zip(paths, _partners(paths, partners), pictures, strict=True):
            truth = files.read_labels(mask) if numbered else files.read_mask(mask, mask_is)
            if truth.shape != picture.shape:
                raise DataError(f"{mask} has shape {truth.shape}, wanted {picture.shape} of {path}")
            truths.append(_middle(truth, size))
        membranes = np.concatenate(truths)
        if numbered:
            walled = np.stack([draw_lines(plane) for plane in membranes])
            labels = skimage.segmentation.relabel_sequential(walled)[0].astype(np.int32)
            membranes = (labels == 0).astype(np.float32)
        if (share := membranes.mean()) > 0.5:
            files.note(f"{share:.0%} of the pixels are membrane: is mask_is {mask_is!r} right?")
        membranes = membranes[..., None]
    side = files.read_info(paths[0]).pixel_nm or math.nan
    greys = np.concatenate([_middle(picture, size) for picture in pictures])
    name = f"own images ({paths[0].resolve().parent.name})"
    return Stack(greys[..., None], membranes, name, labels, (math.nan, side, side))


def _middle(picture, size):
    """Slices of a picture, [N, H, W], cut to a size."""
    top, left = (np.array(picture.shape[-2:]) - size) // 2
    cut = picture[..., top : top + size[0], left : left + size[1]]
    return cut.reshape(-1, *size)


def _partners(paths: list[Path], masks: list[Path]) -> list[Path]:
    """The mask of every image, by their names."""
    if len(paths) == len(masks) == 1:
        return masks
    left, found = {mask.stem: mask for mask in masks}, []
    for path in paths:
        longer = re.compile(re.escape(path.stem) + r"[^0-9A-Za-z]")
        fits = [path.stem] if path.stem in left else [*filter(longer.match, left)]
        if len(fits) != 1:
            wanted = f"wanted one called {path.stem}.* or {path.stem}_*.*"
            raise DataError(f"{path} has {len(fits)} masks, {wanted}")
        found.append(left.pop(fits[0]))
    if left:
        raise DataError(f"{next(iter(left.values()))} is the mask of no image that was given")
    return found


def draw_lines(cells: np.ndarray) -> np.ndarray:
    """Put a line one pixel wide between cells that touch.

    Parameters
    ----------
    cells : int array >= 0, [H, W]
        One number for each cell, 0 = membrane.

    Returns
    -------
    lined : array like `cells`, [H, W]
        0 also on every cell pixel whose right or lower neighbour is of another cell. No two
        different cells share a side of a pixel any more.

    Raises
    ------
    ValueError
        If `cells` is of the wrong kind, shape or range.

    Examples
    --------
    >>> draw_lines([[1, 1, 2, 2],
    ...             [3, 3, 3, 0]])
    array([[0, 0, 0, 2],
           [3, 3, 3, 0]])
    """
    cells = _arguments.labels("cells", _arguments.shape("cells", cells, "[H, W]"))
    line = np.zeros(cells.shape, bool)
    line[:-1] = (cells[:-1] != cells[1:]) & (cells[1:] > 0)
    line[:, :-1] |= (cells[:, :-1] != cells[:, 1:]) & (cells[:, 1:] > 0)
    return np.where(line, 0, cells)


# --- the ISBI 2012 files ---------------------------------------------------------------


def isbi2012(part: str = "train", folder: FilePath | None = None) -> Stack:
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
    pictures = np.stack([np.asarray(Image.open(root / name)) for name in names])[..., None]
    masks = np.array(["/label/" in name for name in names])
    images = pictures[~masks] / np.float32(255)
    membranes = (pictures[masks] == 0).astype(np.float32) if masks.any() else None
    return Stack(images, membranes, f"isbi2012 {part}", source=ISBI_SOURCE)


def fetch(part: str = "train", folder: FilePath | None = None) -> Path:
    """Find the checked files of one part on this computer, downloading them if need be.

    The environment variable ``DAMUNET_DATA_URL`` names another copy of them on the web.

    Parameters
    ----------
    part : {"train", "test"}
        Which stack.
    folder : path, optional
        As for :func:`isbi2012`.

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
    root = Path(named).expanduser() if named else _cache_folder()
    try:
        verify(root, part)
    except DataError:
        # Missing or damaged: the cache is ours to fill again, a folder of the user's is not.
        if named:
            raise
        _download(part, root)
    return root


def verify(folder: FilePath, part: str) -> None:
    """Check that a folder holds the published files of a part, each with the right SHA-256.

    Parameters
    ----------
    folder : path
        Folder with ``train`` and ``test`` inside.
    part : {"train", "test"}
        Which part to check.

    Raises
    ------
    DataError
        If a file is missing or differs.

    Examples
    --------
    >>> verify("/nowhere", "test")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    damunet_lite.data.DataError: /nowhere/test/0.png: No such file or directory; wanted a copy ...
    """
    for name, digest in _part_files(part).items():
        path, found = Path(folder, name), "not the published file, by its SHA-256"
        try:
            if pooch.file_hash(str(path)) == digest:
                continue
        except OSError as error:
            found = str(error.strerror)
        raise DataError(
            f"{path}: {found}; wanted a copy of the ISBI 2012 files (train/image, train/label, "
            "test), which `folder` and DAMUNET_DATA are for; with DAMUNET_DATA unset they are "
            "downloaded. Images of your own are read by data.read_stack and by --images"
        )


def _part_files(part: str) -> dict[str, str]:
    """Names of one part's files in the order of their slices, each with its SHA-256."""
    _arguments.choice("part", part, ("train", "test"))
    lines = map(str.split, REGISTRY_FILE.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in lines if name.startswith(part + "/")}


def _cache_folder() -> Path:
    folder = Path(os.environ.get("DAMUNET_CACHE") or pooch.os_cache("damunet_lite"))
    return folder.expanduser() / "isbi2012"


def _download(part: str, cache: Path) -> None:
    """Fetch what the cache lacks; each file is checked before it takes its place."""
    registry, what = _part_files(part), f"ISBI 2012 {part} stack"
    url = (os.environ.get("DAMUNET_DATA_URL") or ISBI_URL).rstrip("/") + "/"
    remote = pooch.create(cache, url, registry=registry, retry_if_failed=DOWNLOAD_RETRIES)
    pooch.get_logger().disabled = True  # its line for each file: the bar says it already
    try:
        for name in registry:  # beforehand: pooch's threads would race to make the folders
            (cache / name).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(6) as pool:
            list(tqdm(pool.map(remote.fetch, registry), what, len(registry), unit="file"))
    except (OSError, ValueError) as error:
        # requests' errors are OSError; pooch reports a wrong hash as ValueError.
        # The message says it all; the chain of errors behind it is screens of sockets.
        raise DataError(
            f"{what} could not be downloaded from {url} to {cache} ({type(error).__name__}: "
            f"{shorten(str(error), 300)}); what arrived whole is kept. Check the network, the "
            "address (DAMUNET_DATA_URL names another) and that the cache can be written "
            "(DAMUNET_CACHE names another), or copy the files to a folder and name it with "
            "DAMUNET_DATA"
        ) from None
    finally:
        pooch.get_logger().disabled = False


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


def folds(n: int = 30, block: int | None = None, validation: int | None = None) -> list[Fold]:
    """Split a stack into folds whose test slices are neighbours.

    Consecutive slices show nearly the same cells, so slices drawn at random would put almost
    the same picture in training and test. Test slices are therefore one contiguous block, and
    the validation slices separate it from the training slices on one side. On the other side
    the outermost test slice still touches a training slice: the price of training on the rest.

    Parameters
    ----------
    n : int
        Number of slices, at least 3.
    block : int, optional
        Test slices per fold; divides `n`. By default 6 for 12, 18, 24 ... slices; for other
        numbers the largest divisor that leaves at least five blocks, or 1.
    validation : int, optional
        Validation slices per fold: those right after the test block, or right before it
        where they would run past the last slice. By default half as many as test slices, or 1.

    Returns
    -------
    list of Fold
        ``n // block`` folds; every slice is a test slice exactly once.

    Raises
    ------
    ValueError
        If `block` does not divide `n`, nothing would be left for training, or `n` is less than
        a test block with its validation slices on either side.

    Examples
    --------
    >>> first, *_, last = folds()
    >>> first.test.tolist(), first.validation.tolist(), len(first.train)
    ([0, 1, 2, 3, 4, 5], [6, 7, 8], 21)
    >>> last.test.tolist(), last.validation.tolist(), last.train.tolist() == [*range(21)]
    ([24, 25, 26, 27, 28, 29], [21, 22, 23], True)

    Other numbers of slices, with those of folds, test slices and validation slices:

    >>> for n in (3, 6, 12, 13, 20, 25):
    ...     fold, *others = folds(n)
    ...     print(n, 1 + len(others), len(fold.test), len(fold.validation))
    3 3 1 1
    6 6 1 1
    12 2 6 3
    13 13 1 1
    20 5 4 2
    25 5 5 2
    """
    _arguments.integer("n, the number of slices,", n, 3)
    if block is None:
        divisors = [size for size in range(1, max(n // 5, 1) + 1) if n % size == 0]
        block = 6 if n % 6 == 0 and n > 6 else divisors[-1]
    _arguments.integer("block", block, 1)
    validation = max(block // 2, 1) if validation is None else validation
    _arguments.integer("validation", validation, 0)
    # so that there is room for the validation slices on one side of every block at least
    if n % block or block + max(2 * validation, 1) > n:
        wanted = f"a divisor of n = {n} that leaves room for {validation} validation slices"
        raise ValueError(f"block is {block}, wanted {wanted} beside every block")
    result = []
    for index, test in enumerate(np.arange(n).reshape(-1, block)):
        first = test[-1] + 1 if test[-1] + validation < n else test[0] - validation
        held = first + np.arange(validation)
        train = np.setdiff1d(np.arange(n), np.concatenate([test, held]))
        result.append(Fold(index, train, held, test))
    return result
