"""Image files: what they are read as, what is refused and told, what is written, damaged files."""

import base64
import logging
import random
import re
import struct
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from damunet_lite import images

ROWS, COLUMNS = np.mgrid[:24, :36]
GREY = (128 + 60 * np.sin(ROWS / 3) + 60 * np.cos(COLUMNS / 4)).astype(np.uint8)
STACK = np.stack([GREY, GREY[::-1], GREY[:, ::-1], 255 - GREY, GREY // 2 + 60])
WIDE = GREY.astype(np.uint16) * 257
EQUAL, COLOUR = np.dstack([GREY] * 3), np.dstack([GREY, GREY, 255 - GREY])
OPAQUE = np.dstack([GREY, GREY | 255])


def tiff(pixels, **options):
    return ".tif", lambda path: tifffile.imwrite(path, pixels, **options)


def pillow(pixels, suffix=".tif", mode=None, **options):
    def write(path):
        picture, *more = map(Image.fromarray, pixels if isinstance(pixels, list) else [pixels])
        if more:
            options.update(save_all=True, append_images=more)
        (picture.convert(mode) if mode else picture).save(path, **options)

    return suffix, write


def pyramid(inside):
    small = GREY[::2, ::2].copy() if inside else GREY[:9, :9].copy()

    def write(path):
        with tifffile.TiffWriter(path) as file:
            file.write(GREY, subifds=int(inside), metadata=None)
            file.write(small, subfiletype=1, metadata=None)

    return ".tif", write


def one_by_one(*pages):
    def write(path):
        with tifffile.TiffWriter(path) as file:
            for page in pages:
                file.write(page)

    return ".tif", write


def numpy_file(pixels):
    return ".npy", lambda path: np.save(path, pixels)


WHITE_IS_ZERO = (255 - GREY, 65535 - WIDE, 1 - GREY / 255)
GREYS = (GREY, WIDE, WIDE.astype(np.int32), (GREY / 255).astype(np.float32), EQUAL)
PICTURES = {
    "plain": tiff(GREY),
    "big-endian BigTIFF": tiff(WIDE, byteorder=">", bigtiff=True, compression="zlib", predictor=2),
    "tiles": tiff(WIDE, tile=(16, 16), compression="lzma"),
    "pyramid": pyramid(True),
    "thumbnail": pyramid(False),
    "equal colours": tiff(EQUAL, photometric="rgb"),
    "planes": tiff(EQUAL.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
    "palette": tiff(GREY, photometric="palette", colormap=np.tile(np.arange(256) * 257, (3, 1))),
    "LZW, white is zero": pillow(GREY, compression="tiff_lzw", tiffinfo={262: 0}),
    "LZW in int16": pillow(WIDE ^ 32768, compression="tiff_lzw", tiffinfo={339: 2}),
    "PNG with a palette": pillow(GREY, ".png", "P"),
    "PNG, opaque": pillow(np.dstack([EQUAL, GREY | 255]), ".png"),
    "PNG of grey and alpha": pillow(OPAQUE, ".png"),
    "PNG in 16 bit": pillow(WIDE, ".png"),
    "PGM in 16 bit": pillow(WIDE, ".pgm"),
    "JPEG": pillow(GREY, ".jpg", quality=95),
    "JPEG in colours": pillow(EQUAL, ".jpg", quality=95),
    "JPEG inside": pillow(GREY, compression="jpeg"),
    **{f"white is zero {i}": tiff(a, photometric=0) for i, a in enumerate(WHITE_IS_ZERO)},
    **{f"LZW {i}": pillow(a, compression="tiff_lzw") for i, a in enumerate(GREYS)},
    **{suffix: pillow(GREY, suffix) for suffix in (".png", ".bmp", ".gif")},
    **{f"npy {a.shape}": numpy_file(a) for a in (GREY, EQUAL / 255, OPAQUE, GREY[None, ..., None])},
}
STACKS = {
    "pages": tiff(STACK),
    "bare pages": tiff(STACK, metadata=None),
    "ImageJ": tiff(STACK, imagej=True, metadata={"axes": "ZYX"}),
    "times": tiff(STACK, imagej=True, metadata={"axes": "TYX"}),
    "one page that declares five": tiff(STACK, truncate=True),
    "pages written one by one": one_by_one(*STACK),
    "one time": tiff(STACK[None], photometric="minisblack"),
    "OME": tiff(STACK, ome=True, metadata={"axes": "ZYX"}),
    **{f"Pillow, {how}": pillow(list(STACK), compression=how) for how in ("raw", "tiff_lzw")},
    **{
        f"npy of slices {a.shape}": numpy_file(a)
        for a in (STACK, STACK[..., None] / 255, STACK[None])
    },
}


def saved(tmp_path, kind):
    suffix, write = kind
    path = tmp_path / f"file{suffix}"
    write(path)
    return path


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES | STACKS)
def test_one_picture_in_every_kind_of_file(tmp_path, name):
    path = saved(tmp_path, (PICTURES | STACKS)[name])
    image, wanted = images.read_image(path), STACK if name in STACKS else GREY
    assert (image.dtype, image.shape) == (np.float32, wanted.shape)
    np.testing.assert_allclose(image, wanted / 255, atol=0.06 if "JPEG" in name else 0.001)
    info = images.read_info(path)
    assert (info.shape, info.slices) == (wanted.shape, wanted.shape[0] if wanted.ndim == 3 else 1)
    assert info.pixel_nm is None


FIFTHS = {
    (0, 51, 255): ["u1"],
    (-128, -77, 127): ["i1"],
    (-32768, -19661, 32767): ["i2"],
    (0, 13107, 65535): ["u2", "i4", "u4", "i8", "u8"],
    (0, 0.2, 1): ["f2", "f4", "f8"],
}


@pytest.mark.parametrize(("values", "dtype"), [(v, d) for v, ds in FIFTHS.items() for d in ds])
@pytest.mark.parametrize("kind", [tiff, numpy_file])
@pytest.mark.filterwarnings("ignore::damunet_lite.images.ImageNote")
def test_full_scale_is_that_of_the_type(tmp_path, kind, values, dtype):
    pixels = np.array([values], dtype)
    path = saved(tmp_path, kind(pixels))
    np.testing.assert_allclose(images.read_image(path), [[0, 0.2, 1]], rtol=3e-4)
    assert images.read_info(path).dtype == pixels.dtype


def test_zstandard_where_pillow_has_it(tmp_path):
    try:
        path = saved(tmp_path, pillow(WIDE, compression="zstd"))
    except OSError:
        pytest.skip("this Pillow packs no Zstandard")
    np.testing.assert_allclose(images.read_image(path), GREY / 255, atol=0.001)


# 123/456 on the screen, by TIFF's numbers 1 to 8
TURNS = ["123/456", "321/654", "654/321", "456/123", "14/25/36", "41/52/63", "63/52/41", "36/25/14"]


@pytest.mark.parametrize("how", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("wanted", TURNS)
def test_orientation_is_applied(tmp_path, wanted, how):
    pixels = np.array([[1, 2, 3], [4, 5, 6]], np.uint8) * 40
    kind = pillow(pixels, compression=how, tiffinfo={274: TURNS.index(wanted) + 1})
    rows = [[int(number) / 255 * 40 for number in row] for row in wanted.split("/")]
    np.testing.assert_allclose(images.read_image(saved(tmp_path, kind)), rows, rtol=1e-6)


IN_TWO_FILES = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="36" SizeY="24"
SizeZ="2" SizeC="1" SizeT="1"><TiffData IFD="0" PlaneCount="1"/>
<TiffData IFD="0" FirstZ="1" PlaneCount="1"><UUID FileName="other.tif">urn:uuid:1</UUID></TiffData>
</Pixels></Image></OME>"""
REFUSED = [
    (tiff(GREY, description=IN_TWO_FILES, metadata=None), "slices in other files"),
    (tiff(GREY.astype(np.float32)), "values from 8.0 to 247.0, wanted 0 to 1; divide"),
    (tiff(np.full((9, 9), np.nan, np.float32)), "values from nan"),
    (tiff(WIDE.astype(np.uint32) * 2), "wanted 0 to 65535"),
    (tiff(WIDE.astype(np.int32) - 65535), "wanted 0 to 65535"),
    (tiff(COLOUR, photometric="rgb"), "channels that differ"),
    (numpy_file(COLOUR), "channels that differ"),
    (numpy_file(np.dstack([GREY, 255 - GREY, GREY])), "channels that differ"),
    (pillow(COLOUR, ".jpg", "CMYK"), "channels that differ"),
    (tiff(STACK, imagej=True, metadata={"axes": "CYX"}), "channels that differ"),
    (pillow(np.dstack([GREY] * 4), ".png"), "alpha"),
    (numpy_file(np.dstack([GREY] * 2)), "alpha"),
    (tiff(STACK[None].repeat(2, 0), imagej=True, metadata={"axes": "TZYX"}), "axes TZYX"),
    (pillow([GREY, GREY[:9]]), "2 kinds of images"),
    (pillow([GREY, 255 - GREY], ".gif"), "2 pictures, wanted one"),
    (one_by_one(GREY, GREY[:9]), "2 kinds of images"),
    (one_by_one(STACK, STACK), "2 kinds of images"),
    (numpy_file(STACK[None].repeat(2, 0)), "axes TZYX"),
    (numpy_file(np.zeros(5)), r"has shape \(5,\), wanted \[H, W\]"),
    (numpy_file(np.zeros((0, 5))), "cannot be read"),
    (numpy_file(np.array([[1j]])), "wanted grey values"),
    (numpy_file(np.array([[{}]])), "cannot be read"),
    ((".tif", lambda path: path.write_bytes(b"")), "no image"),
    ((".png", lambda path: None), "No such file"),
]


@pytest.mark.parametrize(("kind", "words"), REFUSED)
def test_what_would_have_to_be_guessed_is_refused(tmp_path, kind, words, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1234)
    path = saved(tmp_path, kind)
    with pytest.raises(images.ImageError, match=words) as caught:
        images.read_image(path)
    assert re.fullmatch(f"{re.escape(str(path))} [^\n]+", str(caught.value))
    assert Image.MAX_IMAGE_PIXELS == 1234  # other programs' settings are left alone
    assert logging.getLogger("tifffile").filters == []


def with_bar(pixels, value):
    pixels = pixels.copy()
    pixels[-4:] = value
    return pixels


FEW = [
    (GREY.astype(np.uint16) * 16, "dark"),  # twelve bits
    (with_bar(GREY.astype(np.uint16) * 16, 65535), "dark"),  # with a scale bar
    (with_bar(GREY // 5 + 100, 0), "pale"),
    (np.full_like(GREY, 100), "pale"),
    (np.zeros_like(GREY), "dark"),
    (np.full_like(GREY, 255), "pale"),
    (255 - GREY, None),  # only the answer of a network shows that it is inverted
    (with_bar(GREY, 255), None),
    (GREY > 99, None),  # truth values
]


@pytest.mark.parametrize(("pixels", "word"), FEW)
def test_few_grey_values_are_told(tmp_path, pixels, word):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images.read_image(saved(tmp_path, tiff(pixels)))
    assert [note.category for note in caught] == [images.ImageNote] * bool(word)
    assert all(f"is {word}" in str(note.message) for note in caught)
    assert all(note.filename == __file__ for note in caught)


def test_files_are_found_once_in_any_folder_and_results_are_not_read(tmp_path, monkeypatch):
    folder = tmp_path / "day [1]"
    folder.mkdir()
    monkeypatch.chdir(folder)
    names = ["a2.tif", "a10.tif", "a2_membrane.tif", "a2_cells.png", "a2_cells.tif"]
    for name in names:
        tifffile.imwrite(folder / name, GREY)
    for pattern in (f"{folder}/*.tif", "*.tif", [folder / "a2.tif", "a2.tif", folder]):
        with pytest.warns(images.ImageNote, match="[23] results passed over: named _membrane or"):
            paths = images.find_inputs(pattern)
        assert [path.name for path in paths] == names[:2]
    assert len(images.find([folder, f"{tmp_path}/day*/*", "a2.tif"])) == 5


# --- pixel sizes and writing ----------------------------------------------------------------


def ome(x, y, unit):
    sizes = {"PhysicalSizeX": x, "PhysicalSizeY": y}
    units = {f"{name}Unit": unit for name in sizes if unit}
    return tiff(GREY, ome=True, metadata={"axes": "YX", **sizes, **units})


def imagej(resolution, unit):
    return tiff(GREY, imagej=True, resolution=(resolution,) * 2, metadata={"unit": unit})


SIZES = [
    (imagej(125, "um"), 8),
    (imagej(250, "\\u00B5m"), 4),
    (imagej(0.25, "nm"), 4),
    (imagej(0.25, "pixel"), None),
    (ome(4, 4, "nm"), 4),
    (ome(40, 40, "Å"), 4),
    (ome(4000, 4000, "pm"), 4),
    (ome(0.005, 0.005, None), 5),  # micrometres where no unit is said
    (tiff(GREY, resolution=(2.5e6, 2.5e6), resolutionunit="centimeter"), 4),
    (tiff(GREY, resolution=(72, 72), resolutionunit="inch"), None),  # a screen's
    (pillow(GREY, ".png", dpi=(6.35e6, 6.35e6)), 4),
    (pillow(GREY, ".jpg", dpi=(300, 300)), None),
    (pillow(GREY, compression="tiff_lzw", resolution=5.08e6, resolution_unit=2), 5),
]


@pytest.mark.parametrize(("kind", "pixel_nm"), SIZES)
def test_pixel_size_is_read(tmp_path, kind, pixel_nm):
    found = images.read_info(saved(tmp_path, kind)).pixel_nm
    assert found == (pixel_nm and pytest.approx(pixel_nm, rel=1e-5))
    with pytest.warns(images.ImageNote, match="4 by 8 nm, not square"):
        assert images.read_info(saved(tmp_path, ome(4, 8, "nm"))).pixel_nm is None


WRITTEN = [
    (GREY, np.uint8, GREY / 255),
    (WIDE, np.uint16, GREY / 255),
    (STACK / 255, np.float32, STACK / 255),
    (GREY > 99, np.uint8, GREY > 99),
    (STACK.astype(int) * 200, np.uint16, STACK.astype(int) * 200),
    (STACK.astype(int) * 300, np.int32, STACK.astype(int) * 300),
]


@pytest.mark.parametrize("pixel_nm", [None, 4, 3.7, 0.3125, 1234.567])
@pytest.mark.parametrize(("pixels", "dtype", "wanted"), WRITTEN)
def test_what_is_written_comes_back(tmp_path, pixels, dtype, wanted, pixel_nm):
    path, kind = tmp_path / "a.TIFF", "labels" if wanted.dtype == int else "image"
    getattr(images, f"write_{kind}")(path, pixels, pixel_nm)
    info = images.read_info(path)
    assert (info.pixel_nm, info.shape, info.dtype) == (pixel_nm, pixels.shape, dtype)
    np.testing.assert_allclose(getattr(images, f"read_{kind}")(path), wanted, rtol=1e-6)
    with Image.open(path) as picture:  # another reader, and what ImageJ looks at
        np.testing.assert_array_equal(picture, tifffile.imread(path).reshape(-1, 24, 36)[0])
        if dtype != np.int32:
            assert ("unit=um" in picture.tag_v2[270]) is (pixel_nm is not None)
        if dtype != np.int32 and pixel_nm:
            assert float(picture.tag_v2[282]) == pytest.approx(1000 / pixel_nm, rel=1e-6)


NOT_WRITTEN = [
    (images.write_image, ("a.png", GREY), "path is 'a.png'"),
    (images.write_image, ("a.tif", GREY * 2.0), "image has values"),
    (images.write_image, ("a.tif", GREY.astype(int)), "image has dtype int64"),
    (images.write_image, ("a.tif", GREY[0]), r"image has shape \(36,\)"),
    (images.write_image, ("a.tif", EQUAL), r"image has shape \(24, 36, 3\), wanted .*: colour"),
    (images.write_labels, ("a.tif", EQUAL), r"labels has shape \(24, 36, 3\), wanted .*: colour"),
    (images.write_image, ("a.tif", GREY, 0), "pixel_nm is 0"),
    (images.write_labels, ("a.tif", np.full((2, 2), 2**31)), "labels holds 2147483648"),
]


@pytest.mark.parametrize(("write", "arguments", "said"), NOT_WRITTEN)
def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch, write, arguments, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        write(*arguments)
    assert list(tmp_path.iterdir()) == []


# --- masks and labels -----------------------------------------------------------------------

REDS = np.array([[65535], [0], [0]], np.uint16).repeat(256, axis=1)
MASK = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], bool)


@pytest.mark.parametrize("most", [True, np.uint8(255), np.uint16(65535), 1.0])
@pytest.mark.parametrize("kind", [tiff, numpy_file])
def test_masks_of_either_polarity(tmp_path, kind, most):
    path = saved(tmp_path, kind(MASK * most))
    np.testing.assert_array_equal(images.read_mask(path, "membrane"), MASK)
    np.testing.assert_array_equal(images.read_mask(path, "cell"), ~MASK)
    assert images.read_mask(path, "cell").dtype == np.float32
    with pytest.raises(images.ImageError, match="25% of it are bright, most likely membrane: say"):
        images.read_mask(path)
    with pytest.raises(ValueError, match="mask_is is 'labels'"):
        images.read_mask(path, "labels")
    with pytest.warns(images.ImageNote, match=r"at most one cell, number [\d.]+; a mask is"):
        images.read_labels(path)
    everywhere = saved(tmp_path, kind((MASK | True) * most))
    assert np.all(images.read_mask(everywhere, "membrane") == 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64, np.float32])
def test_labels_are_numbers(tmp_path, dtype):
    numbers = np.array([[0, 7, 7], [200, 3, 0]])
    for kind in (
        tiff(numbers.astype(dtype)),
        tiff(numbers.astype(dtype), photometric="miniswhite"),
        pillow(numbers.astype(np.uint8), ".png", "P"),
        tiff(numbers.astype(np.uint8), photometric="palette", colormap=REDS),
    ):
        labels = images.read_labels(saved(tmp_path, kind))
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, numbers)
    labels = images.read_labels(saved(tmp_path, numpy_file(numbers * 2**40)))
    assert (labels.dtype, labels[1, 0]) == (np.int64, 200 * 2**40)


NO_NUMBERS = [
    *[(images.read_labels, v, "wanted whole numbers") for v in (-1.0, 0.5, 2.0**63, np.nan)],
    (images.read_mask, 3.0, "holds 4 values from 0.0 to 3.0, wanted a mask of two .*'labels'"),
]


@pytest.mark.parametrize(("read", "value", "words"), NO_NUMBERS)
def test_what_is_no_mask_or_label_image_is_refused(tmp_path, read, value, words):
    with pytest.raises(images.ImageError, match=words):
        read(saved(tmp_path, numpy_file(np.array([[0, 1], [2, value]]))))


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB{}AAAABJRU5ErkJggg=="
CHANGED = [  # a pixel, what Pillow makes of it out of 255, and the file
    (257, 1, "a.png", PNG.format("EAQAAADljNBBAAAADUlEQVR42mNgZPz/HwADCQIBnfIlcQ")),  # with alpha
    (3, 51, "a.png", PNG.format("BAAAAAD/jnZUAAAACklEQVR42mMwAAAAMgAxxEDidw")),  # of 4 bit
    (1, 3, "a.pgm", "UDUgMSAxIDEwMAoB"),  # 100 is white
]


@pytest.mark.parametrize(("number", "grey", "name", "data"), CHANGED)
def test_labels_are_no_numbers_that_the_reader_has_changed(tmp_path, number, grey, name, data):
    (tmp_path / name).write_bytes(base64.b64decode(data))
    with pytest.warns(images.ImageNote, match="is dark"):
        assert 255 * images.read_image(tmp_path / name) == pytest.approx(grey)
    with pytest.raises(images.ImageError, match="numbers that change on reading, wanted labels in"):
        assert images.read_labels(tmp_path / name) == number


# --- damaged files --------------------------------------------------------------------------


def damages(data, rng):
    """Cut off somewhere, or with some bytes changed in the head, in the tail, anywhere."""
    yield from (data[: rng.randrange(len(data))] for _ in range(4))
    most = min(400, len(data))
    for places in [range(most), range(-most, 0), range(len(data))] * 3:
        damaged = bytearray(data)
        for place in rng.sample(places, rng.choice((1, 3))):
            damaged[place] = rng.choice((0, 255, damaged[place] ^ 1 << rng.randrange(8)))
        yield damaged


@pytest.mark.parametrize("name", PICTURES | STACKS)
def test_a_damaged_file_is_read_or_refused(tmp_path, name):
    path = saved(tmp_path, (PICTURES | STACKS)[name])
    data, whole = path.read_bytes(), images.read_image(path)
    for damaged in damages(data, random.Random(name)):
        path.write_bytes(damaged)
        said = None
        try:
            with warnings.catch_warnings(action="ignore"):
                images.read_info(path), images.read_labels(path)
                image = images.read_image(path)
        except images.ImageError as error:
            said = str(error)
        if said:
            assert re.fullmatch(f"{re.escape(str(path))} [^\n]+", said)
            continue
        assert image.dtype == np.float32
        assert np.all((image >= 0) & (image <= 1))
        # what was cut off is never a smaller picture, or a stack of fewer slices
        assert len(damaged) == len(data) or np.array_equal(image, whole)


def test_a_header_that_declares_too_much_is_not_believed(tmp_path):
    path = saved(tmp_path, tiff(GREY, compression="zlib", metadata=None))
    width = struct.pack("<HHI", 256, 4, 1)
    head, tail = path.read_bytes().split(width + struct.pack("<I", 36))
    path.write_bytes(head + width + struct.pack("<I", 20_000_000) + tail)
    with pytest.raises(images.ImageError, match="declares 480000000 bytes"):
        images.read_image(path)


def test_pages_that_lead_back_to_an_earlier_one_have_an_end(tmp_path):
    path = saved(tmp_path, tiff(STACK, metadata=None))
    with tifffile.TiffFile(path) as file:
        second, last = (file.pages[i] for i in (1, 4))
        pointer = last.offset + 2 + 12 * len(last.tags)
    data = bytearray(path.read_bytes())
    data[pointer : pointer + 4] = struct.pack("<I", second.offset)
    path.write_bytes(data)
    with pytest.raises(images.ImageError, match="invalid circular reference"):
        images.read_image(path)
