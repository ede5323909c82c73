"""Image files as people have them: grey pictures, stacks, masks and labels, and the pixel size.

TIFF in most of its kinds (8 to 64 bit, stacks of ImageJ and OME, BigTIFF, pyramids), PNG, JPEG,
BMP, GIF, PGM and NumPy's .npy. Grey values are divided by the full scale of their type and by
nothing else, so that the slices of a stack stay comparable. What would have to be guessed is
refused by an :class:`ImageError` that names the file and what to do; what is read and looks
unusual is told by an :class:`ImageNote`, a warning.

tifffile finds the slices of a TIFF file and reads most compressions; LZW, Zstandard and JPEG it
reads only with a large package beside it, so Pillow unpacks those.
"""

import glob
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image, ImageOps

from damunet_lite import _arguments

FilePath = str | os.PathLike

#: Ends of the names that are looked for in folders.
SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".npy")

#: Names of what `damunet_lite predict` writes for an image: they are not read as images.
RESULT = re.compile(r"_(membrane|cells)\.(png|tif)$")

#: Formats that Pillow reads here; TIFF only where tifffile lacks the unpacking.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF")
NANOMETRES = {"pm": 1e-3, "å": 0.1, "nm": 1, "um": 1e3, "µm": 1e3, "μm": 1e3, "\\u00b5m": 1e3}
NANOMETRES |= {"micron": 1e3, "microns": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9, "inch": 25.4e6}

#: Pixels of 10 micrometres and more are those of screens and printers, which programs fill in.
LARGEST_PIXEL_NM = 1e4

#: Grey values of an image are few if 98 % of them span less than this share of full scale.
FEW_GREYS = 0.25

#: A damaged file can declare any size: above 256 MB, more unpacked bytes than this in each of its
#: own are not believed.
LARGEST_RATIO = 2000

# what tifffile logs, Python's warnings and Pillow's limit belong to the process
_ONE_AT_A_TIME = threading.Lock()


class ImageError(ValueError):
    """A file that is not read; the message, of one line, names it and says why."""


class ImageNote(UserWarning):
    """Something unusual about a file that was read."""


class ImageInfo(NamedTuple):
    """What a file holds: :func:`read_info`.

    Attributes
    ----------
    shape : tuple of int
        [H, W], or [N, H, W] for a stack.
    slices : int
        1, or N for a stack.
    dtype : numpy.dtype
        Type of the stored grey values.
    pixel_nm : float or None
        Side of a pixel in nanometres; None where the file does not say it.
    """

    shape: tuple[int, ...]
    slices: int
    dtype: np.dtype
    pixel_nm: float | None


# ---------------------------------------------------------------- what to read


def find(sources: FilePath | Iterable[FilePath]) -> list[Path]:
    """Image files by the names of files and folders, and by patterns such as ``"cells/*.tif"``.

    Parameters
    ----------
    sources : str or path, or several
        A folder stands for the images that lie in it, not for those in its folders.

    Returns
    -------
    list of path
        Each once; those of a folder or pattern in natural order, img2 before img10.

    Raises
    ------
    ImageError
        If one of them leads to no file.

    Examples
    --------
    >>> find("no-such-folder/*.tif")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    damunet_lite.images.ImageError: no-such-folder/*.tif leads to no image, wanted a file, ...
    """
    found: list[Path] = []
    for source in [sources] if isinstance(sources, FilePath) else sources:
        path = Path(source)
        # a folder that is there may well have brackets in its name
        folder = glob.escape(str(path.parent)) if path.parent.is_dir() else str(path.parent)
        pattern = os.path.join(folder, path.name)
        paths = [path] if path.exists() else [*map(Path, glob.glob(pattern, recursive=True))]
        if path.is_dir():
            paths = [one for one in path.glob("[!.]*") if one.suffix.lower() in SUFFIXES]
        if not paths:
            wanted = f"wanted a file, a folder or a pattern; images end in {', '.join(SUFFIXES)}"
            missing = not path.exists() and not glob.has_magic(str(path))
            said = "does not exist" if missing else "leads to no image"
            raise ImageError(f"{path} {said}, {wanted}")
        found += sorted(paths, key=_in_natural_order)
    return [*{os.path.abspath(path): path for path in found}.values()]


def find_inputs(sources: FilePath | Iterable[FilePath], but: Iterable[Path] = ()) -> list[Path]:
    """Image files as for :func:`find`, without results of this package.

    Parameters
    ----------
    sources : str or path, or several
        As for :func:`find`.
    but : paths, optional
        Others that are left out.

    Returns
    -------
    list of path

    Raises
    ------
    ImageError
        As :func:`find`, and if nothing is left.

    Warns
    -----
    ImageNote
        If results are passed over.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.tif", np.eye(2))
    ...     write_image(f"{folder}/a_membrane.tif", np.eye(2))
    ...     with warnings.catch_warnings(action="ignore"):
    ...         [path.name for path in find_inputs(folder)]
    ['a.tif']
    """
    found = [path for path in find(sources) if path not in {*but}]
    paths = [path for path in found if not RESULT.search(path.name)]
    if len(paths) < len(found):
        note(f"{len(found) - len(paths)} results passed over: named _membrane or _cells")
    if not paths:
        raise ImageError(f"{sources} leads to nothing but results or masks, wanted images")
    return paths


def _in_natural_order(path):
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]


def read_image(path: FilePath) -> np.ndarray:
    """Read a grey picture or a stack.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    image : float32 array in [0, 1], [H, W] or, for several slices, [N, H, W]
        Integers are divided by the full scale of their type: int16 from its lowest to its
        highest value, integers of 32 and 64 bit as if they had 16 bit. Floats are as they stand.
        Images that are drawn white for zero, turned, or in equal colours are read as they look.

    Raises
    ------
    ImageError
        If the file is missing, damaged, no image or more than one stack; if it has colour,
        transparency or several channels; if values do not fit.

    Warns
    -----
    ImageNote
        If few of the grey values are used: dark, pale or without contrast.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.tif", np.array([[0, 51], [204, 255]], np.uint8), pixel_nm=4)
    ...     read_image(f"{folder}/a.tif"), read_info(f"{folder}/a.tif").pixel_nm
    (array([[0. , 0.2],
           [0.8, 1. ]], dtype=float32), 4.0)
    """
    image = _grey_scale(path, _read(path)[0])
    low, high = _span(image)
    if high - low < FEW_GREYS:
        kind = "dark" if high < FEW_GREYS else "pale"
        span = f"98 % of its grey values lie between {low:.1%} and {high:.1%} of full scale"
        note(f"{path} is {kind}: {span}; stretch its contrast before a network looks at it")
    return image


def _span(image):
    """Between which two values 98 % of the grey values lie."""
    some = image.ravel()[:: image.size >> 20 | 1]
    some = some[(some > 0) & (some < 1)]  # scale bars and hot pixels are black or white
    return np.percentile(some if some.size else image, (1, 99)).tolist()


def stretch(image: np.ndarray) -> np.ndarray:
    """Stretch the contrast: 98 % of the grey values fill the range, 1 % are cut at either end.

    Black and white pixels, such as those of scale bars, are not counted. A stack is stretched as
    a whole, so that its slices stay comparable.

    Parameters
    ----------
    image : float array in [0, 1], any shape

    Returns
    -------
    stretched : float32 array in [0, 1], same shape

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    Examples
    --------
    >>> stretch(np.linspace(0.2, 0.4, 101))[[0, 1, 50, 99, 100]].round(3)
    array([0. , 0. , 0.5, 1. , 1. ], dtype=float32)
    >>> stretch(np.tile([0.2, 0.4, 0.2, 0.3], 50))[:4].round(3)
    array([0. , 1. , 0. , 0.5], dtype=float32)
    """
    image = _arguments.probability("image", image, "[0, 1]").astype(np.float32)
    low, high = _span(image)
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def read_info(path: FilePath) -> ImageInfo:
    """Say what a file holds: shape, type, pixel size.

    Parameters
    ----------
    path : str or path
        The file. It is read whole, so what is damaged is found here.

    Returns
    -------
    ImageInfo

    Raises
    ------
    ImageError
        As `read_image`, apart from values that do not fit.

    Warns
    -----
    ImageNote
        If the pixels are not square; then their size counts as unknown.
    """
    pixels, (x, y) = _read(path)
    pixel_nm = float(f"{x:.7g}") if 0 < x < LARGEST_PIXEL_NM else None
    if pixel_nm and abs(x - y) > 0.01 * x:
        note(f"{path}: its pixels are {x:.3g} by {y:.3g} nm, not square; no size is taken")
        pixel_nm = None
    return ImageInfo(pixels.shape, int(np.prod(pixels.shape[:-2])), pixels.dtype, pixel_nm)


def read_mask(path: FilePath, mask_is: str | None = None) -> np.ndarray:
    """Read a mask of membranes or of cells.

    Parameters
    ----------
    path : str or path
        A file of two grey values.
    mask_is : {"membrane", "cell"}
        What the brighter value stands for. It has to be said: both are common.

    Returns
    -------
    membrane : float32 array of 0 and 1, [H, W] or [N, H, W]
        1 on membrane.

    Raises
    ------
    ImageError
        As `read_image`; if the file has more than two grey values; if `mask_is` is not said.
    ValueError
        If `mask_is` is something else.
    """
    _arguments.choice("mask_is", mask_is, ("membrane", "cell", None))
    pixels, _ = _read(path)
    low, *others = np.unique(pixels)
    if len(others) > 1:
        text = f"{path} holds {len(others) + 1} values from {low} to {others[-1]}, wanted a mask"
        raise ImageError(f"{text} of two (JPEG blurs; numbered cells have mask_is='labels')")
    bright = pixels > (low if others else 0)
    if mask_is is None:
        likely = "cell" if bright.mean() > 0.5 else "membrane"
        share = f"{bright.mean():.0%} of it are bright, most likely {likely}"
        raise ImageError(f"{path} is a mask of what? {share}: say mask_is={likely!r}")
    return (bright == (mask_is == "membrane")).astype(np.float32)


def read_labels(path: FilePath) -> np.ndarray:
    """Read an image of numbered cells.

    Parameters
    ----------
    path : str or path
        A file of whole numbers; those of a palette are its entries.

    Returns
    -------
    labels : int32 array, or int64 for numbers that need it, [H, W] or [N, H, W]
        The numbers as they are stored; 0 = membrane.

    Raises
    ------
    ImageError
        As `read_image`; if a number is negative or not whole, or reading would change it, as in
        a PNG of 4 bit, one of 16 bit with colour or alpha, a PGM with another full scale.

    Warns
    -----
    ImageNote
        If there is at most one number beside 0, as in a mask.
    """
    labels, _ = _read(path, as_numbers=True)
    low, high = labels.min().item(), labels.max().item()
    if not 0 <= low <= high < 2**63 or np.any(labels % 1):
        raise ImageError(f"{path} holds values from {low} to {high}, wanted whole numbers >= 0")
    if np.all((labels == 0) | (labels == high)):
        note(f"{path} has at most one cell, number {+high}; a mask is read by read_mask")
    return labels.astype(np.int32 if high < 2**31 else np.int64)


def note(text: str) -> None:
    """Tell the user of the function that calls this."""
    warnings.warn(text, ImageNote, stacklevel=3)


# ---------------------------------------------------------------- reading


def _read(path, as_numbers=False):
    """Values [H, W] or [N, H, W], and the sides of a pixel along x and y in nanometres.

    Values are turned to what the picture looks like, or taken as numbers as they are stored.
    Whatever a damaged file makes the decoders raise or log becomes an ImageError of one line.
    """
    largest = Image.MAX_IMAGE_PIXELS
    with _ONE_AT_A_TIME, warnings.catch_warnings(action="ignore"):
        logging.getLogger("tifffile").addFilter(_raise_what_is_logged)
        try:
            with open(path, "rb") as file:
                most = max(2**28, LARGEST_RATIO * os.path.getsize(path))
                Image.MAX_IMAGE_PIXELS = most
                values, sides = _decode(file, most, as_numbers)
                return _one_channel(values), sides
        except Exception as error:
            reason = getattr(error, "strerror", None) or f"damaged, or no image? {error!r}"
            said = str(error) if isinstance(error, ImageError) else f"cannot be read: {reason}"
            raise ImageError(f"{path} {' '.join(said.split()):.300}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = largest
            logging.getLogger("tifffile").removeFilter(_raise_what_is_logged)


def _raise_what_is_logged(record):
    # of slices that it cannot find tifffile only says so; a tag may well be left out
    if record.levelno >= logging.ERROR and "TiffTag" not in record.getMessage():
        raise OSError(record.getMessage())


def _decode(file, most, as_numbers):
    """Values [N, H, W, channels], and sides."""
    start = file.peek(6)[:6]
    if start[:2] in (b"II", b"MM"):
        return _decode_tiff(file, most, as_numbers)
    if start != b"\x93NUMPY":
        return _decode_by_pillow(file, as_numbers)
    values = np.load(file.name, mmap_mode="r")
    _arguments.shape("it", values, "[H, W], [H, W, C], [N, H, W] or [N, H, W, C]")
    coloured = values.shape[-1] <= 4 and (values.ndim == 4 or min(values.shape[:2]) > 4)
    axes = ("ZYXS" if coloured and values.ndim > 2 else "TZYX")[-values.ndim :]
    return _in_order(values, axes), (np.inf, np.inf)


def _in_order(values, axes):
    """Values with their axes in the order slices, Y, X, channels."""
    # axes without a meaning may share a letter: they are told apart by numbers
    own = "".join(axis if axis in "YXSC" else str(i) for i, axis in enumerate(axes))
    values = tifffile.transpose_axes(values, own, re.sub("[YXSC]", "", own) + "YXSC")
    *counts, height, width, samples, channels = values.shape
    if sum(count > 1 for count in counts) > 1 or min(samples, channels) > 1:
        raise ImageError(f"has axes {axes}, wanted slices, rows and columns")
    return values.reshape(-1, height, width, samples * channels)


def _decode_tiff(file, most, as_numbers, **flags):
    with tifffile.TiffFile(file, offset=0, **flags) as tiff:
        len(tiff.pages)  # counting finds a chain of pages that leads back into itself
        series, *others = [one for one in tiff.series if not one.keyframe.is_reduced]
        # pages that were written one by one, each with a description of its own
        if others and {(one.kind, len(one)) for one in (series, *others)} == {("shaped", 1)}:
            return _decode_tiff(file, most, as_numbers, is_shaped=False)
        if others:
            raise ImageError(f"holds {len(others) + 1} kinds of images, wanted one stack")
        page = series.keyframe
        here = [one.index for one in series.pages if one is not None and one.parent is tiff]
        if len(here) < len(series.pages):
            raise ImageError("has slices in other files, wanted all of them in one")
        if series.nbytes > most:
            raise ImageError(f"declares {series.nbytes} bytes of pixels, more than it can hold")
        # tifffile itself writes truth values as they are, and calls them white for 0
        own = page.bitspersample == 1 and page.software == "tifffile.py"
        white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and not own
        turned = False
        try:
            values = _in_order(series.asarray(), series.axes)
            values = _turned(values, page.tags.valueof("Orientation", default=1))
        except (ValueError, ImportError) as error:
            if not re.search("imagecodecs|not supported|No module", str(error)):
                raise
            values, _ = _decode_by_pillow(file, True, here)
            if values.dtype.kind in "iu" and values.dtype.itemsize >= series.dtype.itemsize:
                values = values.astype(series.dtype)  # Pillow has no type for some integers
            turned = page.bitspersample <= 8  # Pillow has made white the highest value
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and not as_numbers:
            values = np.moveaxis(np.asarray(page.colormap)[:, values[..., 0]], 0, -1)
        if white_is_zero and turned == as_numbers:
            values = 1 - values if values.dtype.kind == "f" else ~values
        return values, _sides(tiff, page)


def _turned(values, orientation):
    """Values [N, H, W, channels] as they are to be looked at, by TIFF's number for that."""
    values = values.swapaxes(1, 2) if orientation in (5, 6, 7, 8) else values
    values = values[:, ::-1] if orientation in (3, 4, 7, 8) else values
    return values[:, :, ::-1] if orientation in (2, 3, 6, 7) else values


def _sides(tiff, page):
    """Sides of a pixel along x and y in nanometres; infinite where they are not known."""
    if tiff.is_ome:
        said = dict(re.findall(r'\bPhysicalSize([XY]\w*)="([^"]+)"', tiff.ome_metadata))
        sides = [(float(said.get(axis, np.inf)), said.get(f"{axis}Unit", "µm")) for axis in "XY"]
    else:
        unit = {2: "inch", 3: "cm", 4: "mm", 5: "um"}.get(page.resolutionunit)
        unit = (tiff.imagej_metadata or {}).get("unit", unit)
        sides = [(1 / n if n > 0 else np.inf, unit) for n in page.get_resolution()]
    return [side * NANOMETRES.get(str(unit).lower(), np.inf) for side, unit in sides]


def _decode_by_pillow(file, as_numbers, pages=None):
    # from a file that it opens by its name, Pillow reads some turned pictures wrongly
    picture = Image.open(file, formats=FORMATS)
    slices = getattr(picture, "n_frames", 1)
    # phones put a small copy behind a photograph
    if slices > 1 and pages is None and picture.format != "MPO":
        raise ImageError(f"holds {slices} pictures, wanted one; stacks are TIFF files")
    packed = str(picture.tile[0].args) if picture.tile and not pages else ""
    if as_numbers and re.search(r"[AB];16|L;[24]|'L', (?!255|65535)\d+\)$", packed):
        raise ImageError("has numbers that change on reading, wanted labels in 8 or 16 bit grey")
    frames = []
    for page in pages or [0]:
        picture.seek(page)
        frame = ImageOps.exif_transpose(picture)
        opaque = not frame.has_transparency_data
        if frame.mode[0] not in "1LIF" and not (as_numbers and frame.mode == "P") or not opaque:
            frame = frame.convert("RGB" if opaque else "RGBA")
        frames.append(np.asarray(frame))
    sides = [NANOMETRES["inch"] / n if n else np.inf for n in picture.info.get("dpi", (0, 0))]
    return np.stack(frames).reshape(len(frames), *frames[0].shape[:2], -1), sides


# ---------------------------------------------------------------- grey values


def _one_channel(values):
    """Values [N, H, W, channels] as [N, H, W], or [H, W] where N is 1."""
    if values.dtype.kind not in "biuf":
        raise ImageError(f"holds {values.dtype}, wanted grey values")
    channels = values.shape[-1]
    if channels in (2, 4) and np.ptp(values[..., -1]):
        raise ImageError(f"has {channels} channels, the last one varies (alpha?); save one as grey")
    colours = values[..., :-1] if channels in (2, 4) else values
    if channels > 4 or np.any(colours[..., 1:] != colours[..., :1]):
        raise ImageError(f"has {channels} channels that differ (colour? slices?); save one as grey")
    return values[0, ..., 0] if len(values) == 1 else values[..., 0]


def _grey_scale(path, pixels):
    """Grey values in [0, 1], float32."""
    whole, low, high = pixels.dtype.kind in "iu", pixels.min().item(), pixels.max().item()
    least, most = 0, 65535 if whole else 1
    if whole and pixels.dtype.itemsize <= 2:
        least, most = np.iinfo(pixels.dtype).min, np.iinfo(pixels.dtype).max
    if not least - _arguments.ROUNDING <= low <= high <= most + _arguments.ROUNDING:
        text = f"{path} has values from {low} to {high}, wanted 0 to {most}"
        raise ImageError(f"{text}; divide floats by their full scale (255?), or save 16 bit")
    image = np.subtract(pixels, least, dtype=np.float32)
    image /= most - least
    return np.clip(image, 0, 1, out=image)


# ---------------------------------------------------------------- writing


def write_image(path: FilePath, image: np.ndarray, pixel_nm: float | None = None) -> None:
    """Write a grey picture or a stack as a TIFF file that ImageJ reads.

    Parameters
    ----------
    path : str or path
        A name that ends in .tif or .tiff. A file of that name is overwritten.
    image : array of uint8, uint16, bool or floats in [0, 1], [H, W] or [N, H, W]
        Floats are stored in 32 bit, truth values as 0 and 255.
    pixel_nm : float, optional
        Side of a pixel in nanometres.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind, shape or range.
    OSError
        If the file cannot be written.
    """
    image = _arguments.dtype("image", image, ("uint8", "uint16", "b", "f"), "grey values")
    if image.dtype.kind == "f":
        image = _arguments.probability("image", image, "[0, 1]").astype(np.float32)
    _write(path, "image", image.astype(np.uint8) * 255 if image.dtype == bool else image, pixel_nm)


def write_labels(path: FilePath, labels: np.ndarray, pixel_nm: float | None = None) -> None:
    """Write numbered cells as a TIFF file: uint16 where the numbers fit, int32 otherwise.

    Parameters
    ----------
    path : str or path
        A name that ends in .tif or .tiff. A file of that name is overwritten.
    labels : int array, [H, W] or [N, H, W]
        0 to 2**31 - 1, 0 = membrane.
    pixel_nm : float, optional
        Side of a pixel in nanometres.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind, shape or range.
    OSError
        If the file cannot be written.
    """
    labels = _arguments.labels("labels", labels)
    high = int(labels.max(initial=0))
    if high >= 2**31:
        raise ValueError(f"labels holds {high}, wanted integers below 2**31")
    _write(path, "labels", labels.astype(np.uint16 if high < 2**16 else np.int32), pixel_nm)


def _write(path, name, pixels, pixel_nm):
    _arguments.slices(name, pixels, "[H, W] or [N, H, W]")
    if not str(path).lower().endswith((".tif", ".tiff")):
        raise ValueError(f"path is {str(path)!r}, wanted a name that ends in .tif or .tiff")
    options: dict[str, Any] = {"metadata": {"axes": "ZYX"[-pixels.ndim :]}}
    # the one type that ImageJ's own kind of file lacks
    options["imagej"] = pixels.dtype != np.int32
    if pixel_nm is not None:
        _arguments.above_0("pixel_nm", pixel_nm)
        unit, options["resolutionunit"] = ("um", 1) if options["imagej"] else ("cm", 3)
        options["metadata"]["unit"] = unit
        per_unit = NANOMETRES[unit] / pixel_nm
        # both numbers of TIFF's fraction have 32 bit
        ratio = Fraction(per_unit).limit_denominator(int(2**32 / (per_unit + 1)))
        options["resolution"] = (ratio.as_integer_ratio(),) * 2
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)
