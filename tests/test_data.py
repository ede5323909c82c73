"""Tests of the stacks: reading, downloading and every fault on the way; folds."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
from damunet_book import load_stack
from PIL import Image

from damunet_lite import data, synthetic
from damunet_lite.data import DataError, Stack, folds, isbi2012

REPO = Path(__file__).resolve().parents[1]


def real_folder() -> Path:
    """Folder of the real stack: DAMUNET_DATA, or beside the checkout; else skip."""
    named = os.environ.get("DAMUNET_DATA")
    folder = Path(named) if named else REPO.parent / "shared" / "data" / "isbi2012"
    if not (folder / "train").is_dir():
        pytest.skip("the ISBI 2012 stack is neither in DAMUNET_DATA nor beside the checkout")
    return folder


# --- a tiny stand-in for the published files, and a server for them --------------------------

TRAIN, TEST = 12, 2


def write_picture(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_registry(folder: Path, registry: Path) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n"
        for p in files
    ]
    registry.write_text("".join(lines))


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
    for i in range(TRAIN):
        write_picture(folder / f"train/image/{i}.png", np.full((512, 512), i, np.uint8))
        cells = np.full((512, 512), 255, np.uint8)
        cells[:i] = 0
        write_picture(folder / f"train/label/{i}.png", cells)
    for i in range(TEST):
        write_picture(folder / f"test/{i}.png", np.full((512, 512), 100 + i, np.uint8))
    write_registry(folder, registry)
    monkeypatch.setattr(data, "REGISTRY_FILE", registry)
    return folder


class Server:
    """Serves a folder on this computer; `faults` maps a path to what goes wrong there."""

    def __init__(self, folder: Path) -> None:
        self.faults: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_GET(self):
                name = self.path.lstrip("/")
                server.asked[name] += 1
                server.answer(self, name, (folder / name).read_bytes())

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler, name: str, body: bytes) -> None:
        fault = self.faults.get(name)
        if fault == "missing":
            handler.send_error(404)
            return
        if fault == "hang":
            self.released.wait(20)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault == "wrong bytes":
            body = bytes([body[0] ^ 1]) + body[1:]
        handler.wfile.write(body[: len(body) // 2] if fault == "half" else body)

    def close(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(published, monkeypatch):
    running = Server(published)
    monkeypatch.setenv("DAMUNET_DATA_URL", running.url)
    yield running
    running.close()


def cache_holds(tmp_path: Path) -> list[str]:
    """Every file under the cache, temporary ones included."""
    return sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "cache").rglob("*.*"))


# --- reading ---------------------------------------------------------------------------------


def test_slices_come_in_numeric_order_and_membrane_is_one(published):
    stack = isbi2012("train", published)
    assert stack.images.shape == (TRAIN, 512, 512, 1)
    np.testing.assert_allclose(stack.images[:, 0, 0, 0], np.arange(TRAIN) / 255, rtol=1e-6)
    # Slice i has i rows of membrane (0 in the file), so 512 i membrane pixels.
    np.testing.assert_array_equal(stack.membranes.sum((1, 2, 3)), 512 * np.arange(TRAIN))
    assert stack.membranes[3, 2, 0, 0] == 1
    assert stack.membranes[3, 3, 0, 0] == 0
    assert stack.voxel_nm == (50, 4, 4)
    assert "Cardona" in stack.source
    assert "non-commercial" in stack.source


def test_test_part_has_no_membranes(published):
    stack = isbi2012("test", published)
    assert stack.membranes is None
    assert stack.labels is None
    np.testing.assert_allclose(stack.images[:, 0, 0, 0] * 255, [100, 101], rtol=1e-6)


def test_environment_names_the_folder_and_argument_overrides_it(published, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", str(published))
    assert data.fetch("test") == published
    other = published.parent / "other"
    shutil.copytree(published, other)
    assert data.fetch("test", other) == other


def test_unknown_part_is_refused():
    with pytest.raises(ValueError, match="part is 'validation', wanted one of"):
        isbi2012("validation")


def test_package_registry_names_each_file_once():
    registry = data._registry()
    assert len(registry) == 90
    assert len(set(registry.values())) == 90
    assert all(len(digest) == 64 and int(digest, 16) for digest in registry.values())
    expected = {
        f"{kind}/{i}.png" for kind in ("train/image", "train/label", "test") for i in range(30)
    }
    assert set(registry) == expected


# --- faults in a folder that the user names --------------------------------------------------


def other_file(folder):
    shutil.copy(folder / "train/image/2.png", folder / "train/image/7.png")


def half_file(folder):
    path = folder / "train/image/7.png"
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "train/image/0.png: No such file"),
        (lambda folder: shutil.rmtree(folder / "train"), "0.png: No such file"),
        (lambda folder: (folder / "train/label/7.png").unlink(), "label/7.png: No such file"),
        (other_file, r"image/7.png: not the published file \(SHA-256"),
        (half_file, r"image/7.png: not the published file \(SHA-256"),
    ],
)
def test_a_fault_in_a_named_folder_is_reported_and_nothing_is_touched(
    published, tmp_path, damage, message
):
    damage(published)
    before = sorted(published.rglob("*"))
    with pytest.raises(DataError, match=message + ".*DAMUNET_DATA unset"):
        isbi2012("train", published)
    assert sorted(published.rglob("*")) == before
    assert cache_holds(tmp_path) == []


def test_verify_checks_the_parts_that_are_there(published):
    data.verify(published)
    shutil.rmtree(published / "test")
    data.verify(published)
    with pytest.raises(DataError, match="test.0.png: No such file"):
        data.verify(published, "test")
    shutil.rmtree(published / "train")
    with pytest.raises(DataError, match="neither train nor test"):
        data.verify(published)


# --- downloading -----------------------------------------------------------------------------


def test_download_fills_the_cache_once(server, published, tmp_path):
    fresh = isbi2012("train")
    np.testing.assert_array_equal(fresh.images, isbi2012("train", published).images)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN
    assert set(server.asked.values()) == {1}
    server.close()
    np.testing.assert_array_equal(isbi2012("train").membranes, fresh.membranes)


def test_download_shows_one_bar_and_not_a_line_a_file(server, capfd, monkeypatch):
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


@pytest.mark.parametrize("fault", ["missing", "wrong bytes", "half"])
def test_one_bad_file_is_not_kept_and_the_others_are_not_asked_for_again(server, tmp_path, fault):
    server.faults["train/label/11.png"] = fault
    with pytest.raises(DataError, match="train stack.*what arrived whole is kept.*DAMUNET_DATA"):
        isbi2012("train")
    kept = cache_holds(tmp_path)
    assert all(name.endswith(".png") for name in kept)
    assert "cache/isbi2012/train/label/11.png" not in kept
    server.faults.clear()
    server.asked.clear()
    assert len(isbi2012("train")) == TRAIN
    assert len(server.asked) == 2 * TRAIN - len(kept)


def test_without_network_the_error_names_the_remedy(published, tmp_path, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", "http://127.0.0.1:1/")
    with pytest.raises(DataError, match="ConnectionError.*Check the network.*DAMUNET_DATA"):
        isbi2012("train")
    assert cache_holds(tmp_path) == []


def test_a_damaged_cache_is_downloaded_again(server, tmp_path):
    isbi2012("train")
    damaged = tmp_path / "cache/isbi2012/train/image/3.png"
    damaged.write_bytes(b"")
    np.testing.assert_allclose(isbi2012("train").images[3, 0, 0, 0], 3 / 255, rtol=1e-6)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN


def test_a_cache_that_cannot_be_written_is_reported(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAMUNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="NotADirectoryError.*DAMUNET_CACHE"):
        isbi2012("train")


def test_two_downloads_at_once_both_succeed(server, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(isbi2012, ["train", "train"])
    np.testing.assert_array_equal(first.membranes, second.membranes)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill outright")
def test_a_killed_download_leaves_no_half_file_in_place(server, published, tmp_path):
    server.faults["train/label/11.png"] = "hang"
    code = (
        "import sys, pathlib; from damunet_lite import data; "
        "data.REGISTRY_FILE = pathlib.Path(sys.argv[1]); data.fetch('train')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, data.REGISTRY_FILE], cwd=REPO, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while len(server.asked) < 2 * TRAIN and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert len(server.asked) == 2 * TRAIN
    for path in (tmp_path / "cache/isbi2012").rglob("*.png"):
        twin = published / path.relative_to(tmp_path / "cache/isbi2012")
        assert path.read_bytes() == twin.read_bytes()
    server.faults.clear()
    assert len(isbi2012("train")) == TRAIN


# --- the real files --------------------------------------------------------------------------


def test_real_stack_from_a_local_server(tmp_path, monkeypatch):
    folder = real_folder()
    running = Server(folder)
    monkeypatch.setenv("DAMUNET_DATA_URL", running.url)
    try:
        stack = isbi2012("train")
    finally:
        running.close()
    assert stack.images.shape == (30, 512, 512, 1)
    direct = np.asarray(Image.open(folder / "train/image/17.png"))
    np.testing.assert_array_equal(np.round(stack.images[17, ..., 0] * 255), direct)
    # 78.04 % of the training stack's pixels are cell interior.
    assert round(1 - data.describe(stack)["membrane_fraction"], 4) == 0.7804
    assert len(isbi2012("test", folder)) == 30


def test_the_book_takes_the_real_stack_without_a_warning(monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", str(real_folder()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_stack().name == "isbi2012 train"


def test_the_book_falls_back_to_a_drawn_stack_with_one_warning(monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", "http://127.0.0.1:1/")
    small = synthetic.synthetic_stack(n=2, size=64)
    monkeypatch.setattr(synthetic, "synthetic_stack", lambda: small)
    with pytest.warns(UserWarning, match="synthetic.*DAMUNET_DATA") as caught:
        assert load_stack() is small
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)


# --- Stack -----------------------------------------------------------------------------------


def small_arrays():
    images = np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5, 1)
    membranes = np.zeros((3, 4, 5, 1), np.float32)
    membranes[:, 1] = 1
    labels = np.array([1, 0, 2, 2], np.int32)[None, :, None] * np.ones((3, 1, 5), np.int32)
    return {"images": images, "membranes": membranes, "name": "small", "labels": labels}


def test_selecting_slices_keeps_everything_together():
    arrays = small_arrays()
    stack = Stack(**arrays, voxel_nm=(40, 8, 8), source="here")
    for index, wanted in [(slice(1, 3), [1, 2]), (np.array([2, 0]), [2, 0]), (-1, [2]), ([], [])]:
        part = stack[index]
        assert len(part) == len(wanted)
        for key in ("images", "membranes", "labels"):
            np.testing.assert_array_equal(getattr(part, key), arrays[key][wanted])
        assert part.voxel_nm == (40, 8, 8)
        assert part.source == "here"
        assert part.name == "small"
    for wrong in (np.array([0.5]), np.array([True, False, True]), "1"):
        with pytest.raises(ValueError, match="index has dtype .*, wanted a slice or whole numbers"):
            stack[wrong]
    with pytest.raises(IndexError):
        stack[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 4, 5, 1))}, "images has dtype float64, wanted float32"),
        ({"images": [[0.0]]}, "images has dtype float64"),
        (
            {"images": np.zeros((3, 4, 5), np.float32)},
            r"images has shape \(3, 4, 5\), wanted .N, H",
        ),
        ({"images": np.zeros((3, 4, 5, 2), np.float32)}, "wanted .N, H, W, 1."),
        ({"images": np.full((3, 4, 5, 1), 255, np.float32)}, "images has values from 255.0 to 255"),
        ({"images": np.full((3, 4, 5, 1), np.nan, np.float32)}, "from nan to nan"),
        ({"images": np.full((3, 4, 5, 1), 1 + 2e-6, np.float32)}, r"from 1\.000002"),
        ({"membranes": np.zeros((3, 5, 4, 1), np.float32)}, "membranes has shape"),
        ({"membranes": np.zeros((3, 4, 5, 1), int)}, "membranes has dtype int64, wanted float32"),
        ({"membranes": np.full((3, 4, 5, 1), 0.5, np.float32)}, r"membranes holds 0.5 \(60 such"),
        (
            {"membranes": np.full((3, 4, 5, 1), 1 + 2e-6, np.float32)},
            r"holds 1\.000002.*only 0 and 1",
        ),
        ({"labels": np.zeros((3, 4, 5))}, "labels has dtype float64, wanted int32"),
        (
            {"labels": np.zeros((3, 4, 4), np.int32)},
            r"labels has shape \(3, 4, 4\), wanted \(3, 4, 5\)",
        ),
        ({"labels": np.full((3, 4, 5), -1, np.int32)}, "labels holds -1"),
        ({"labels": np.ones((3, 4, 5), np.int32)}, "0 exactly where membranes is 1"),
    ],
)
def test_stack_refuses_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        Stack(**(small_arrays() | change))


def test_what_rounding_pushes_out_of_its_limits_is_put_back():
    arrays = small_arrays()
    arrays["images"] = arrays["images"] + np.float32(5e-7)
    near = np.where(arrays["membranes"] == 1, np.float32(1 + 2.4e-7), np.float32(-2e-7))
    stack = Stack(**(arrays | {"membranes": near}))
    assert set(np.unique(stack.membranes)) == {0, 1}
    assert stack.images.max() == 1


def test_describe_counts_by_hand():
    membranes = np.zeros((1, 4, 4, 1), np.float32)
    membranes[0, :, 1] = 1  # a wall: one cell left, one right of it, 4 of 16 pixels
    images = np.zeros((1, 4, 4, 1), np.float32)
    images[0, :2] = 1  # half white, half black: mean 0.5, standard deviation 0.5
    assert data.describe(Stack(images, membranes, "wall")) == {
        "name": "wall",
        "slices": 1,
        "height": 4,
        "width": 4,
        "grey_mean": 0.5,
        "grey_sd": 0.5,
        "membrane_fraction": 0.25,
        "cells_per_slice": 2.0,
    }
    assert data.describe(Stack(images, None, "test"))["membrane_fraction"] is None


# --- folds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "block", "validation"), [(30, 6, 3), (30, 6, 0), (12, 3, 2), (8, 2, 4)]
)
def test_no_slice_is_in_two_parts_and_parts_are_contiguous(n, block, validation):
    parts = folds(n, block, validation)
    assert [fold.index for fold in parts] == list(range(n // block))
    for fold in parts:
        everything = np.concatenate([fold.train, fold.validation, fold.test])
        np.testing.assert_array_equal(np.sort(everything), np.arange(n))
        assert len(fold.test) == block
        assert len(fold.validation) == validation
        held = np.sort(np.concatenate([fold.validation, fold.test]))
        for part in (fold.test, fold.validation, held):
            np.testing.assert_array_equal(np.diff(part), 1)
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in parts]), np.arange(n))


def test_default_folds_by_hand():
    wanted_validation = [[6, 7, 8], [12, 13, 14], [18, 19, 20], [24, 25, 26], [21, 22, 23]]
    assert [fold.validation.tolist() for fold in folds()] == wanted_validation
    assert folds()[4].train.tolist() == list(range(21))
    assert folds()[1].train.tolist() == [*range(6), *range(15, 30)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((30, 7, 3), "block is 7, wanted a divisor of n = 30"),
        ((30, 0, 3), "block is 0, wanted an integer >= 1"),
        ((30, 6, -1), "validation is -1"),
        ((30, 6, 24), "block is 6.*leaves slices beside 24"),
        ((30, 6, 20), "validation is 20, wanted room beside block 1"),
    ],
)
def test_folds_refuse_what_cannot_be_split(arguments, message):
    with pytest.raises(ValueError, match=message):
        folds(*arguments)
