"""Tests of the stacks: reading, downloading and every fault on the way; folds; synthesis."""

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
from PIL import Image
from scipy import ndimage

from damunet_lite import data
from damunet_lite.data import DataError, Stack, folds, isbi2012, synthetic_stack

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
    folder = tmp_path / "published"
    for i in range(TRAIN):
        write_picture(folder / f"train/image/{i}.png", np.full((512, 512), i, np.uint8))
        cells = np.full((512, 512), 255, np.uint8)
        cells[:i] = 0
        write_picture(folder / f"train/label/{i}.png", cells)
    for i in range(TEST):
        write_picture(folder / f"test/{i}.png", np.full((512, 512), 100 + i, np.uint8))
    use_registry_of(folder, monkeypatch)
    return folder


def use_registry_of(folder: Path, monkeypatch) -> None:
    registry = folder.parent / "registry.txt"
    write_registry(folder, registry)
    monkeypatch.setattr(data, "REGISTRY_FILE", registry)


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
    with pytest.raises(ValueError, match="part: got 'validation'"):
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


def fault_missing_folder(folder):
    shutil.rmtree(folder)


def fault_empty_folder(folder):
    shutil.rmtree(folder / "train")


def fault_missing_file(folder):
    (folder / "train/label/7.png").unlink()


def fault_other_file(folder):
    shutil.copy(folder / "train/image/2.png", folder / "train/image/7.png")


def fault_half_file(folder):
    path = folder / "train/image/7.png"
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (fault_missing_folder, "no such folder"),
        (fault_empty_folder, "0.png: missing"),
        (fault_missing_file, r"label/7.png: missing"),
        (fault_other_file, r"image/7.png: not the published file \(SHA-256"),
        (fault_half_file, r"image/7.png: not the published file \(SHA-256"),
    ],
)
def test_a_fault_in_a_named_folder_is_reported_and_nothing_is_touched(
    published, tmp_path, damage, message
):
    damage(published)
    before = sorted(published.rglob("*"))
    with pytest.raises(DataError, match=message):
        isbi2012("train", published)
    assert sorted(published.rglob("*")) == before
    assert cache_holds(tmp_path) == []


def test_verify_checks_the_parts_that_are_there(published):
    data.verify(published)
    shutil.rmtree(published / "test")
    data.verify(published)
    with pytest.raises(DataError, match="test.0.png: missing"):
        data.verify(published, "test")
    shutil.rmtree(published / "train")
    with pytest.raises(DataError, match="neither train nor test"):
        data.verify(published)


# A registry can vouch for a file that still is no slice: these get past the checksum.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/image/5.png", b"\x89PNG\r\n\x1a\n junk", "not a readable image"),
        ("train/image/5.png", np.zeros((512, 500), np.uint8), "got 512 x 500 pixels, wanted 512"),
        ("train/image/5.png", np.zeros((512, 512, 3), np.uint8), "mode RGB, wanted 8-bit grey"),
        ("train/label/5.png", np.full((512, 512), 254, np.uint8), r"got \[254\] too"),
        ("train/label/5.png", np.eye(512, dtype=np.uint8), r"got \[1\] too"),
    ],
)
def test_a_file_that_is_no_slice_is_reported(published, monkeypatch, name, content, message):
    if isinstance(content, bytes):
        (published / name).write_bytes(content)
    else:
        write_picture(published / name, content)
    use_registry_of(published, monkeypatch)
    with pytest.raises(DataError, match=message) as caught:
        isbi2012("train", published)
    assert Path(name).name in str(caught.value)


def test_a_truncated_picture_is_reported(published, monkeypatch):
    path = published / "train/image/5.png"
    path.write_bytes(path.read_bytes()[:-60])
    use_registry_of(published, monkeypatch)
    with pytest.raises(DataError, match="5.png: not a readable image"):
        isbi2012("train", published)


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
def test_one_bad_file_leaves_nothing_behind(server, tmp_path, fault):
    server.faults["train/label/11.png"] = fault
    with pytest.raises(DataError, match="nothing was kept.*DAMUNET_DATA"):
        isbi2012("train")
    assert cache_holds(tmp_path) == []
    server.faults.clear()
    assert len(isbi2012("train")) == TRAIN


def test_without_network_the_error_names_the_remedy(published, tmp_path, monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", "http://127.0.0.1:1/")
    with pytest.raises(DataError, match="ConnectionError.*check the network.*DAMUNET_DATA"):
        isbi2012("train")
    assert cache_holds(tmp_path) == []


def test_a_damaged_cache_is_downloaded_again(server, tmp_path):
    isbi2012("train")
    damaged = tmp_path / "cache/isbi2012/train/image/3.png"
    damaged.write_bytes(b"")
    np.testing.assert_allclose(isbi2012("train").images[3, 0, 0, 0], 3 / 255, rtol=1e-6)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN


def test_parts_do_not_disturb_each_other(server, tmp_path):
    isbi2012("train")
    server.faults["test/1.png"] = "half"
    with pytest.raises(DataError, match="test stack"):
        isbi2012("test")
    assert len(cache_holds(tmp_path)) == 2 * TRAIN
    server.faults.clear()
    isbi2012("test")
    assert len(cache_holds(tmp_path)) == 2 * TRAIN + TEST


def test_a_cache_that_cannot_be_written_is_reported(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAMUNET_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written.*DAMUNET_CACHE"):
        isbi2012("train")


def test_two_downloads_at_once_both_succeed(server, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(isbi2012, ["train", "train"])
    np.testing.assert_array_equal(first.membranes, second.membranes)
    assert len(cache_holds(tmp_path)) == 2 * TRAIN


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill outright")
def test_a_killed_download_leaves_no_half_filled_cache(server, tmp_path):
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
    assert not (tmp_path / "cache/isbi2012/train").exists()
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


def test_load_gives_the_real_stack_without_a_warning(monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA", str(real_folder()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.load().name == "isbi2012 train"


def test_load_falls_back_to_a_synthetic_stack_with_one_warning(monkeypatch):
    monkeypatch.setenv("DAMUNET_DATA_URL", "http://127.0.0.1:1/")
    monkeypatch.setattr(data, "synthetic_stack", lambda: synthetic_stack(n=2, size=64))
    with pytest.warns(UserWarning, match="synthetic.*DAMUNET_DATA") as caught:
        stack = data.load()
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert stack.name == "synthetic"


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
    with pytest.raises(TypeError, match="index: got float64"):
        stack[np.array([0.5])]
    with pytest.raises(TypeError, match="index: got bool"):
        stack[np.array([True, False, True])]
    with pytest.raises(IndexError):
        stack[3]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": np.zeros((3, 4, 5, 1))}, TypeError, "images: got float64"),
        ({"images": [[0.0]]}, TypeError, "images: got list"),
        ({"images": np.zeros((3, 4, 5), np.float32)}, ValueError, r"images: got shape \(3, 4, 5\)"),
        ({"images": np.zeros((3, 4, 5, 2), np.float32)}, ValueError, "wanted .N, H, W, 1."),
        ({"images": np.full((3, 4, 5, 1), 255, np.float32)}, ValueError, "from 255.0 to 255.0"),
        ({"images": np.full((3, 4, 5, 1), np.nan, np.float32)}, ValueError, "from nan to nan"),
        ({"membranes": np.zeros((3, 5, 4, 1), np.float32)}, ValueError, "membranes: got shape"),
        ({"membranes": np.full((3, 4, 5, 1), 0.5, np.float32)}, ValueError, "other than 0"),
        ({"labels": np.zeros((3, 4, 5))}, TypeError, "labels: got float64"),
        ({"labels": np.zeros((3, 4, 4), np.int32)}, ValueError, "labels: got shape"),
        ({"labels": np.full((3, 4, 5), -1, np.int32)}, ValueError, "labels: got -1"),
        ({"labels": np.ones((3, 4, 5), np.int32)}, ValueError, "0 exactly where membranes is 1"),
    ],
)
def test_stack_refuses_what_does_not_fit(change, error, message):
    with pytest.raises(error, match=message):
        Stack(**(small_arrays() | change))


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
        ((30, 7, 3), "block: got 7, wanted a divisor of n = 30"),
        ((30, 0, 3), "block: got 0"),
        ((30, 6, -1), "validation: got -1"),
        ((30, 6, 24), "wanted fewer than n = 30"),
        ((30, 6, 20), "no room beside test block 1"),
    ],
)
def test_folds_refuse_what_cannot_be_split(arguments, message):
    with pytest.raises(ValueError, match=message):
        folds(*arguments)


# --- the synthetic stack ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def synthetic():
    return synthetic_stack(n=8, size=192, seed=5)


def test_synthetic_stack_depends_on_the_seed_alone(synthetic):
    again, other = synthetic_stack(n=8, size=192, seed=5), synthetic_stack(n=8, size=192, seed=6)
    np.testing.assert_array_equal(again.images, synthetic.images)
    np.testing.assert_array_equal(again.labels, synthetic.labels)
    assert not np.array_equal(other.labels, synthetic.labels)


def test_synthetic_labels_are_the_connected_cells_of_the_masks(synthetic):
    for labels, membrane in zip(synthetic.labels, synthetic.membranes[..., 0], strict=True):
        pieces, count = ndimage.label(membrane == 0)
        pairs = np.unique(np.stack([pieces.ravel(), labels.ravel()]), axis=1)
        assert pairs.shape[1] == count + 1
        assert len(np.unique(labels)) == count + 1


def test_pieces_of_a_cell_that_touch_at_a_corner_get_two_numbers():
    to_line = np.zeros((26, 26))
    # Rounded with radius 3, these cores reach (12, 12) and (13, 13), and nothing between.
    to_line[10, 9:11] = to_line[15, 15:17] = 9
    labels = data._number_cells(np.zeros((26, 26), int), to_line, np.full((26, 26), 3.0))
    assert 0 < labels[12, 12] != labels[13, 13] > 0
    assert labels[12, 13] == labels[13, 12] == 0


def test_synthetic_cells_continue_from_slice_to_slice(synthetic):
    def agreement(a, b):
        both = (a > 0) & (b > 0)
        return (a == b)[both].mean()

    labels = synthetic.labels
    assert agreement(labels[3], labels[4]) > 0.8
    assert agreement(labels[0], labels[7]) < agreement(labels[0], labels[1])
    assert set(np.unique(labels[0])) != set(np.unique(labels[7]))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_synthetic_membranes_have_the_real_stacks_share_width_and_darkness(seed):
    stack = synthetic_stack(n=3, size=256, seed=seed)
    membrane = stack.membranes[..., 0] == 1
    assert 0.19 < membrane.mean() < 0.26
    # Half the width: distance to the nearest cell along the middle line of the membrane.
    to_cell = ndimage.distance_transform_edt(membrane[0])
    ridge = (to_cell == ndimage.maximum_filter(to_cell, 3)) & membrane[0]
    assert 1.4 <= np.median(to_cell[ridge]) <= 3
    images = stack.images[..., 0]
    assert images[~membrane].mean() - images[membrane].mean() > 0.12
    assert abs(images.mean() - 0.495) < 0.06
    assert abs(images.std() - 0.173) < 0.03


def test_synthetic_stack_is_not_solved_by_a_threshold(synthetic):
    """Vesicles, mitochondria and noise: the best grey threshold still errs on many pixels."""
    smooth = ndimage.gaussian_filter(synthetic.images[0, ..., 0], 1)
    truth = synthetic.membranes[0, ..., 0] == 1

    def dice(guess):
        return 2 * (guess & truth).sum() / (guess.sum() + truth.sum())

    best = max(dice(smooth < level) for level in np.linspace(0.1, 0.9, 33))
    assert 0.4 < best < 0.85


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 64), "n: got 0"), ((2, 16), "size: got 16"), ((2, 64, -1), "seed: got -1")],
)
def test_synthetic_stack_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        synthetic_stack(*arguments)


def test_smooth_fields_have_unit_spread_everywhere():
    basis = data.spline_basis(50, 16)
    np.testing.assert_allclose((basis**2).sum(1), 1, rtol=1e-6)
    # On a knot the cubic B-splines are 1/6, 4/6, 1/6: divided by sqrt(18)/6.
    np.testing.assert_allclose(basis[16, 1:4] * np.sqrt(18), [1, 4, 1], rtol=1e-5)
    assert basis[16, 4] == 0
    assert basis[16, 0] == 0


def test_data_and_augment_import_no_network_library():
    code = (
        "import sys, damunet_lite.augment; "
        "print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'matplotlib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
