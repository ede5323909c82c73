"""Tests of the stacks: reading, downloading and every fault on the way; folds."""

import hashlib
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pooch
import pytest
from damunet_book import load_stack
from PIL import Image

from damunet_lite import data, images, synthetic
from damunet_lite.data import DataError, Stack, folds, isbi2012
from damunet_lite.images import write_image

TRAIN, TEST = 12, 2
NOBODY = "http://127.0.0.1:1/"


# --- a tiny stand-in for the published files, and a server for them --------------------------


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch, tmp_path):
    """No test reads the user's folders, writes the user's cache or waits for a retry."""
    for name in ("DAMUNET_DATA", "DAMUNET_DATA_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAMUNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(data, "DOWNLOAD_RETRIES", 0)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder laid out like the published one: slice i is grey i, its first i rows membrane."""
    folder, registry = tmp_path / "published", tmp_path / "registry.txt"
    pictures = {}
    for i in range(TRAIN):
        pictures[f"train/image/{i}.png"] = np.full((16, 16), i)
        pictures[f"train/label/{i}.png"] = np.where(np.arange(16)[:, None] < i, 0, [255] * 16)
    pictures |= {f"test/{i}.png": np.full((16, 16), 100 + i) for i in range(TEST)}
    lines = []
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(folder / name)
        lines.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n")
    registry.write_text("".join(lines))
    monkeypatch.setattr(data, "REGISTRY_FILE", registry)
    return folder


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, and keeps what it was asked for."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *args):
        self.asked.append(self.path.lstrip("/"))


@pytest.fixture
def served(published, monkeypatch):
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=published)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DAMUNET_DATA_URL", f"http://127.0.0.1:{server.server_address[1]}/")
        yield published
        server.shutdown()


def cache_holds(tmp_path: Path) -> set[str]:
    """Every file under the cache, temporary ones included."""
    cache = tmp_path / "cache" / "isbi2012"
    return {p.relative_to(cache).as_posix() for p in cache.rglob("*.*")}


# --- reading ---------------------------------------------------------------------------------


def test_slices_come_in_numeric_order_and_membrane_is_one(published):
    stack = isbi2012("train", published)
    assert stack.images.shape == (TRAIN, 16, 16, 1)
    np.testing.assert_allclose(stack.images[:, 0, 0, 0], np.arange(TRAIN) / 255, rtol=1e-6)
    # Slice i has i rows of membrane (0 in the file), so 16 i membrane pixels.
    np.testing.assert_array_equal(stack.membranes.sum((1, 2, 3)), 16 * np.arange(TRAIN))
    assert stack.membranes[3, 2:4, 0, 0].tolist() == [1, 0]
    assert stack.voxel_nm == (50, 4, 4)
    assert all(word in stack.source for word in ("Cardona", "non-commercial"))
    test = isbi2012("test", published)
    assert (test.membranes, test.labels) == (None, None)
    np.testing.assert_allclose(test.images[:, 0, 0, 0] * 255, [100, 101], rtol=1e-6)


def test_environment_names_the_folder_and_argument_overrides_it(published, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", "/nowhere")
    assert data.fetch("test", published) == published
    monkeypatch.setenv("DAMUNET_DATA", str(published))
    assert data.fetch("test") == published


def test_package_registry_names_each_file_once():
    registry = data._part_files("train") | data._part_files("test")
    assert all(len(digest) == 64 and int(digest, 16) for digest in registry.values())
    kinds = ("train/image", "train/label", "test")
    assert list(registry) == [f"{kind}/{i}.png" for kind in kinds for i in range(30)]
    assert len(set(registry.values())) == 90


# --- faults in a folder that the user names --------------------------------------------------


def test_a_fault_in_a_named_folder_is_reported_and_nothing_is_touched(published, tmp_path):
    (published / "test/1.png").replace(published / "train/image/7.png")
    before = sorted(published.rglob("*"))
    # images of one's own, perhaps: what the folder is for is said, and never to delete it
    said = "image/7.png: not the published file.*a copy of the ISBI.*data.read_stack"
    with pytest.raises(DataError, match=said) as told:
        isbi2012("train", published)
    assert "delete" not in str(told.value)
    assert sorted(published.rglob("*")) == before
    assert cache_holds(tmp_path) == set()


# --- downloading -----------------------------------------------------------------------------


def test_download_fills_the_cache_once_and_heals_it(served, tmp_path):
    with ThreadPoolExecutor(2) as pool:  # two at once do not disturb each other
        fresh, second = pool.map(isbi2012, ["train", "train"])
    np.testing.assert_array_equal(fresh.images, isbi2012("train", served).images)
    np.testing.assert_array_equal(fresh.membranes, second.membranes)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN
    Handler.asked.clear()
    isbi2012("train")
    assert not Handler.asked
    (tmp_path / "cache/isbi2012/train/image/3.png").write_bytes(b"")
    np.testing.assert_allclose(isbi2012("train").images[3, 0, 0, 0], 3 / 255, rtol=1e-6)
    assert Handler.asked == ["train/image/3.png"]


def test_download_shows_one_bar_and_not_a_line_a_file(served, capfd, monkeypatch):
    logger, lines = pooch.get_logger(), []
    monkeypatch.setattr(logger, "callHandlers", lines.append)
    data.fetch("train")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert f"{2 * TRAIN}/{2 * TRAIN}" in shown.err
    assert shown.err.count("\n") == 1
    assert lines == []
    logger.info("pooch speaks again afterwards")
    assert len(lines) == 1


@pytest.mark.parametrize("fault", ["missing", "half"])
def test_one_bad_file_is_not_kept_and_the_others_are_not_asked_for_again(served, tmp_path, fault):
    bad = served / "train/label/11.png"
    whole = bad.read_bytes()
    bad.unlink() if fault == "missing" else os.truncate(bad, 50)
    with pytest.raises(DataError, match="train stack.*what arrived whole is kept.*DAMUNET_DATA"):
        isbi2012("train")
    kept, wanted = cache_holds(tmp_path), set(data._part_files("train"))
    assert kept <= wanted - {"train/label/11.png"}
    bad.write_bytes(whole)
    Handler.asked.clear()
    assert len(isbi2012("train")) == TRAIN
    assert set(Handler.asked) == wanted - kept


def test_what_stands_in_the_way_of_a_download_is_named(published, tmp_path, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", NOBODY)
    with pytest.raises(DataError, match="ConnectionError.*Check the network.*DAMUNET_DATA"):
        isbi2012("train")
    assert cache_holds(tmp_path) == set()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAMUNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="NotADirectoryError.*DAMUNET_CACHE"):
        isbi2012("train")


# --- the real files --------------------------------------------------------------------------


def test_real_stack_for_the_book_without_a_warning(monkeypatch):
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "isbi2012"
    if not (folder / "train").is_dir():
        pytest.skip("the ISBI 2012 stack is not beside the checkout")
    monkeypatch.setenv("DAMUNET_DATA", str(folder))
    with warnings.catch_warnings(action="error"):
        stack = load_stack()
    assert (stack.name, stack.images.shape) == ("isbi2012 train", (30, 512, 512, 1))
    direct = np.asarray(Image.open(folder / "train/image/17.png"))
    np.testing.assert_array_equal(np.round(stack.images[17, ..., 0] * 255), direct)
    # 78.04 % of the training stack's pixels are cell interior.
    assert round(1 - stack.membranes.mean(dtype=float), 4) == 0.7804
    assert len(isbi2012("test")) == 30


def test_the_book_falls_back_to_a_drawn_stack_with_one_warning(monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", NOBODY)
    small = synthetic.synthetic_stack(n=2, size=64)
    monkeypatch.setattr(synthetic, "synthetic_stack", lambda: small)
    with pytest.warns(UserWarning, match="synthetic.*DAMUNET_DATA") as caught:
        assert load_stack() is small
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)


# --- images of one's own ---------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """Images 2 and 10 with masks of the cells, of 4 x 5 pixels; column i of mask i is a wall."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in (10, 2):
        write_image(tmp_path / f"images/img{i}.tif", np.full((4, 5), i, np.uint8), pixel_nm=8)
        cell = np.arange(5) != i % 8
        write_image(tmp_path / f"masks/img{i}_mask.tif", np.tile(cell, (4, 1)))
    return tmp_path


def test_own_images_are_paired_by_name_in_natural_order(own, monkeypatch):
    stack = data.read_stack(own / "images", own / "masks", "cell")
    assert np.round(255 * stack.images[:, 0, 0, 0]).tolist() == [2, 10]
    assert stack.membranes[:, 0, :, 0].tolist() == [[0, 0, 1, 0, 0]] * 2
    assert (stack.name, stack.labels) == ("own images (images)", None)
    np.testing.assert_array_equal(stack.voxel_nm, (np.nan, 8, 8))
    monkeypatch.chdir(own)
    files = sorted(own.glob("masks/*"))  # 10 before 2, and found by name all the same
    again = data.read_stack("images/*.tif", files, "cell")
    np.testing.assert_array_equal(again.membranes, stack.membranes)
    with pytest.warns(images.ImageNote, match="80% of the pixels are membrane: is mask_is 'memb"):
        turned = data.read_stack(own / "images", own / "masks", "membrane")
    np.testing.assert_array_equal(turned.membranes, 1 - stack.membranes)
    assert data.read_stack(["images/img10.tif", "images/img2.tif"]).membranes is None


def test_labels_get_walls_where_they_touch_and_slices_follow_each_other(tmp_path):
    labels = np.array([[7, 7, 0, 9, 9], [7, 7, 7, 9, 9]], np.int32)
    planes, mask = tmp_path / "stack.tif", tmp_path / "other.tif"
    write_image(planes, np.zeros((2, 2, 5), np.uint8))
    images.write_labels(mask, np.stack([labels, labels[::-1]]))
    stack = data.read_stack(planes, mask, "labels")  # one and one: whatever they are called
    assert stack.labels[0].tolist() == [[1, 1, 0, 2, 2], [1, 1, 0, 2, 2]]
    np.testing.assert_array_equal(stack.membranes[..., 0], stack.labels == 0)
    assert len(stack) == 2


def test_results_beside_the_images_are_passed_over_and_masks_are_no_images(own):
    for name in ("img2_membrane.tif", "img2_cells.tif", "img2_cells.png"):
        (own / "images" / name).write_bytes((own / "images/img2.tif").read_bytes())
    with pytest.warns(images.ImageNote, match="3 results passed over"):
        stack = data.read_stack(own / "images", own / "masks", "cell")
    assert np.round(255 * stack.images[:, 0, 0, 0]).tolist() == [2, 10]
    with pytest.raises(images.ImageError, match="masks leads to nothing but results or masks"):
        data.read_stack(own / "masks", own / "masks", "cell")


def test_images_of_different_sizes_are_cut_around_their_middle_with_a_note(own):
    write_image(own / "images/img3.tif", np.arange(48, dtype=np.uint8).reshape(6, 8))
    with pytest.warns(images.ImageNote, match="differ in size: cut to 4 x 5 around"):
        stack = data.read_stack(own / "images")
    assert np.round(255 * stack.images[1, :, 0, 0]).tolist() == [9, 17, 25, 33]


@pytest.mark.parametrize(
    ("change", "mask_is", "said"),
    [
        (None, None, r"img2_mask.tif is a mask of what\? 80% of it are bright, most likely cell"),
        (None, "cells", r"mask_is is 'cells', wanted one of .*'labels'"),
        ("images/img3.tif", "cell", "img3.tif has 0 masks, wanted one called img3.* or img3_"),
        ("masks/img3.tif", "cell", "img3.tif is the mask of no image"),
        ("masks/img2_b.tif", "cell", "img2.tif has 2 masks, wanted one"),
        ("masks/img2.tif", "cell", r"2.tif has shape \(6, 8\), wanted \(4, 5\) of .*img2.tif"),
        ("masks/img2.tif", "labels", "holds values|wanted"),
    ],
)
def test_what_does_not_fit_is_named(own, change, mask_is, said):
    if change:
        write_image(own / change, np.zeros((6, 8), np.uint8))
        if change == "masks/img2.tif":
            (own / "masks/img2_mask.tif").unlink()
    with pytest.raises((ValueError, DataError), match=said):
        data.read_stack(own / "images", own / "masks", mask_is)


# --- Stack -----------------------------------------------------------------------------------

IMAGES = np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5, 1)
LABELS = np.array([1, 0, 2, 2], np.int32)[None, :, None] * np.ones((3, 1, 5), np.int32)
MEMBRANES = (LABELS == 0).astype(np.float32)[..., None]
ARRAYS = {"images": IMAGES, "membranes": MEMBRANES, "labels": LABELS}


def test_selecting_slices_keeps_everything_together():
    stack = Stack(**ARRAYS, name="small", voxel_nm=(40, 8, 8), source="here")
    for index, wanted in [(slice(1, 3), [1, 2]), ([2, 0], [2, 0]), (-1, [2]), ([], [])]:
        part = stack[index]
        assert len(part) == len(wanted)
        for key, array in ARRAYS.items():
            np.testing.assert_array_equal(getattr(part, key), array[wanted])
        assert (part.voxel_nm, part.source, part.name) == ((40, 8, 8), "here", "small")


def full(value, *shape):
    return np.full(shape or (3, 4, 5, 1), value, np.float32)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("images", np.zeros((3, 4, 5, 1)), "images has dtype float64, wanted float32"),
        ("images", full(0, 3, 4, 5), r"images has shape \(3, 4, 5\), wanted .N, H, W, 1"),
        ("images", full(255), r"images has values from 255.0 to 255.0, wanted \[0, 1\]"),
        ("images", full(np.nan), "from nan to nan"),
        ("membranes", full(0, 3, 5, 4, 1), "membranes has shape"),
        ("membranes", np.zeros((3, 4, 5, 1), int), "membranes has dtype int64, wanted float32"),
        ("membranes", full(0.5), r"membranes holds 0.5 \(60 such"),
        ("labels", np.zeros((3, 4, 5)), "labels has dtype float64, wanted int32"),
        ("labels", LABELS[..., 1:], r"labels has shape \(3, 4, 4\), wanted \(3, 4, 5\)"),
        ("labels", -LABELS, "labels holds -1"),
        ("labels", LABELS + 1, "0 exactly where membranes is 1"),
    ],
)
def test_stack_refuses_what_does_not_fit(name, array, message):
    with pytest.raises(ValueError, match=message):
        Stack(**(ARRAYS | {name: array}), name="small")


# --- folds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "block", "validation"), [(30, 6, 3), (30, 6, 0), (12, 3, 2), (10, 2, 4)]
)
def test_no_slice_is_in_two_parts_and_parts_are_contiguous(n, block, validation):
    parts = folds(n, block, validation)
    assert [fold.index for fold in parts] == list(range(n // block))
    for fold in parts:
        everything = np.concatenate([fold.train, fold.validation, fold.test])
        np.testing.assert_array_equal(np.sort(everything), np.arange(n))
        assert (len(fold.test), len(fold.validation)) == (block, validation)
        held = np.sort(np.concatenate([fold.validation, fold.test]))
        for part in (fold.test, fold.validation, held):
            np.testing.assert_array_equal(np.diff(part), 1)
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in parts]), np.arange(n))


def test_folds_refuse_what_cannot_be_split():
    for arguments, message in (
        ((2,), "n, the number of slices, is 2, wanted an integer >= 3"),
        ((30, 7), "block is 7, wanted a divisor of n = 30"),
        ((30, 0), "block is 0, wanted an integer >= 1"),
        ((30, 6, -1), "validation is -1"),
        ((30, 6, 13), "leaves room for 13 validation slices"),
        ((30, 30, 0), "block is 30"),
    ):
        with pytest.raises(ValueError, match=message):
            folds(*arguments)
