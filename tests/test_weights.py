"""Tests of trained weights: written, read back, downloaded, and every fault on the way."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np
import pytest

import damunet_lite
from damunet_lite import data, inference, metrics, models, runs, training, weights
from damunet_lite.synthetic import synthetic_stack
from damunet_lite.training import RunError, TrainConfig
from damunet_lite.weights import WeightsError

ROOT = Path(__file__).resolve().parents[1]
CONFIG = TrainConfig(
    "damu_net",
    {"base_filters": 2, "depth": 2, "dropout": 0.1},
    data="synthetic",
    fold=1,
    steps=1,
    batch_size=1,
    crop=32,
    warmup=0,
    evaluate_every=1,
    precision="float32",
    tta=False,
)


STACK = synthetic_stack(n=12, size=48, seed=0)
SAVED = Path(__file__).with_name("saved")


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch, tmp_path):
    """No test reads the user's cache or addresses, or waits for a retry."""
    monkeypatch.delenv("DAMUNET_WEIGHTS_URL", raising=False)
    monkeypatch.setenv("DAMUNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(data, "DOWNLOAD_RETRIES", 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a finished run, of one step."""
    folder = tmp_path_factory.mktemp("weights") / "run"
    return training.train(CONFIG, STACK, folder, progress=False)


@pytest.fixture(scope="module")
def exported(run):
    return weights.export(run, run.parent / "unet.npz")


def all_weights(network) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v.value) for v in network.weights]


# --- writing and reading -----------------------------------------------------------------


def test_every_weight_comes_back_rounded_to_float16(run, exported):
    before = all_weights(training.load_network(run))
    after = all_weights(weights.load(exported))
    assert len(before) == len(after) > 50
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a.astype(np.float16).astype(np.float32), b)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))  # something was rounded


def test_predictions_move_by_a_thousandth(run, exported):
    image = synthetic_stack(n=1, size=64, seed=5).images[0, ..., 0]
    before = inference.predict(training.load_network(run), image)
    after = inference.predict(weights.load(exported), image)
    assert 0 < np.abs(before - after).max() < 5e-3


def test_optimiser_stays_behind(run, exported):
    stored = sum(v.size for v in all_weights(training.load_network(run)))
    arrays = runs.read_arrays(exported)
    del arrays[weights.CARD_KEY]
    assert sum(a.size for a in arrays.values()) == stored
    assert {a.dtype for a in arrays.values()} == {np.dtype("float16")}
    assert exported.stat().st_size < (run / "best.keras").stat().st_size / 2


def test_the_largest_network_takes_less_than_20_megabytes():
    assert 2 * models.damu_net().count_params() < 20e6


def test_the_card_tells_recipe_scores_and_terms(run, exported, monkeypatch):
    note = weights.model_card(exported)
    finished = json.loads((run / "metrics.json").read_text())
    assert TrainConfig.from_dict(note["config"]) == CONFIG
    assert note["test"] == finished["test"]
    assert note["test_slices"] == [6, 7, 8, 9, 10, 11]
    assert note["validation_slices"] == [3, 4, 5]
    assert note["training_slices"] == [0, 1, 2]
    assert note["parameters"] == models.damu_net(**CONFIG.network_options).count_params()
    assert "non-commercial" not in note["terms"]  # drawn images
    monkeypatch.setattr(runs, "read_config", lambda folder: replace(CONFIG, data="my stack"))
    own = weights.model_card(weights.export(run, run.parent / "own"))
    assert "'my stack'; the terms of its images hold" in own["terms"]


def test_the_same_run_gives_the_same_file(run, exported):
    again = weights.export(run, run.parent / "again")
    assert again.name == "again.npz"
    assert again.read_bytes() == exported.read_bytes()


def test_an_older_file_is_replaced_only_when_that_is_asked_for(run, exported, tmp_path):
    older = tmp_path / "older.npz"
    older.write_bytes(b"kept")
    with pytest.raises(FileExistsError, match=r"older\.npz is there already; overwrite=True"):
        weights.export(run, older)
    assert older.read_bytes() == b"kept"
    assert weights.export(run, older, overwrite=True).read_bytes() == exported.read_bytes()


def test_a_loaded_network_can_be_trained_on(exported):
    network = weights.load(exported)
    network.compile("adam", keras.losses.BinaryCrossentropy(), jit_compile=False)
    picture = synthetic_stack(n=1, size=32, seed=0)
    before = all_weights(network)
    network.fit(picture.images, picture.membranes, verbose=0)
    assert any((a != b).any() for a, b in zip(before, all_weights(network), strict=True))


def test_an_unfinished_run_is_not_exported(run, tmp_path):
    half = tmp_path / "half"
    half.mkdir()
    (half / "config.json").write_text((run / "config.json").read_text())
    with pytest.raises(RunError, match=r"not finished.*train it to its end"):
        weights.export(half, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_what_float16_cannot_hold_is_refused(run, tmp_path, monkeypatch):
    network = training.load_network(run)
    network.variables[0].assign(np.full(network.variables[0].shape, 1e5, np.float32))
    monkeypatch.setattr(training, "load_network", lambda path: network)
    with pytest.raises(WeightsError, match="0000/kernel has values that float16 cannot hold"):
        weights.export(run, tmp_path / "x.npz")
    assert list(tmp_path.glob("*.npz")) == []


def change_card(exported: Path, target: Path, **changes) -> Path:
    arrays = runs.read_arrays(exported)
    arrays["record"] = np.array(json.dumps(json.loads(str(arrays["record"])) | changes))
    np.savez(target, **arrays)
    return target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "resnet"}, "does not fit a network of this package"),
        ({"options": {"width": 3}}, "does not fit a network of this package"),
        ({"options": {"base_filters": 4}}, r"\d+ arrays differ; \S+ has shape"),
        ({"network": "unet"}, r"\d+ arrays differ; \S+ has shape"),
    ],
)
def test_a_card_that_does_not_fit_is_reported(exported, tmp_path, changes, message):
    with pytest.raises(WeightsError, match=message):
        weights.load(change_card(exported, tmp_path / "other.npz", **changes))


def test_damaged_files_are_reported(exported, tmp_path):
    whole = exported.read_bytes()
    middle = len(whole) // 2
    # more than the bytes of a header, where no checksum looks
    flipped = bytes(b ^ (255 * (0 <= i - middle < 200)) for i, b in enumerate(whole))
    np.savez(tmp_path / "bare.npz", kernel=np.zeros(3))
    # A pickled object would run code when read: it is refused.
    np.savez(tmp_path / "pickled.npz", record=np.array([{}], dtype=object))
    for name, content in (("half", whole[:middle]), ("flipped", flipped), ("empty", b"")):
        (tmp_path / f"{name}.npz").write_bytes(content)
    for path in tmp_path.glob("*.npz"):
        with pytest.raises(WeightsError, match="cannot be read"):
            weights.load(path)


# --- the network in the package ----------------------------------------------------------


def test_tiny_is_small_and_its_note_tells_the_truth():
    note = json.loads((weights.TINY_FILE.with_suffix(".json")).read_text(encoding="utf-8"))
    content = weights.TINY_FILE.read_bytes()
    assert len(content) == note.pop("bytes") <= 1_000_000
    assert hashlib.sha256(content).hexdigest() == note.pop("sha256")
    assert note == weights.model_card("tiny")
    assert note["config"]["network_options"]["base_filters"] <= 8
    assert set(note["training_slices"]).isdisjoint(note["test_slices"])
    assert "non-commercial" in note["terms"]
    assert "damunet_lite/tiny.json" in (ROOT / "book" / "licence.md").read_text(encoding="utf-8")


def test_tiny_beats_both_trivial_baselines_by_far():
    note = weights.model_card("tiny")
    trivial = max(row["v_rand"] for row in note["baselines"].values())
    assert note["test"]["v_rand"] > trivial + 0.2
    assert note["test"]["dice_membrane"] > 0.7


def test_tiny_scores_as_its_card_says():
    try:
        stack = data.isbi2012()
    except data.DataError:
        pytest.skip("the ISBI 2012 stack is not to be had")
    note = weights.model_card("tiny")
    where = note["test_slices"][:2]
    network = damunet_lite.pretrained("tiny")
    probability = inference.predict(network, stack[where].images, batch_size=1)
    cut = note["thresholds"]["v_rand"]
    scores = metrics.score_stack(stack[where].membranes, probability, thresholds=[cut])
    assert scores.v_rand.mean() > max(r["v_rand"] for r in note["baselines"].values()) + 0.2
    dice = metrics.dice(stack[where].membranes, probability > 0.5)
    assert dice == pytest.approx(note["test"]["dice_membrane"], abs=0.04)


def test_one_line_without_importing_keras_first():
    code = "import damunet_lite; print(damunet_lite.pretrained('tiny').name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "damu_net\n", done.stderr


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="name is 'resnet', wanted one of .*'tiny'"):
        damunet_lite.pretrained("resnet")


# --- download ----------------------------------------------------------------------------


class Server:
    """Serves one file on this computer; `fault` names what goes wrong."""

    def __init__(self, content: bytes) -> None:
        self.asked, self.fault = 0, ""
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                server.asked += 1
                if server.fault == "missing":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                body = content[::-1] if server.fault == "wrong bytes" else content
                self.wfile.write(body[: len(body) // 2] if server.fault == "half" else body)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/weights"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def registered(exported, tmp_path, monkeypatch):
    """The registry names the exported file as the published U-Net's."""
    registry = tmp_path / "registry.txt"
    digest = hashlib.sha256(exported.read_bytes()).hexdigest()
    registry.write_text(f"# published\n{digest}  unet.npz\n")
    monkeypatch.setattr(weights, "CHECKSUM_FILE", registry)
    return exported


@pytest.fixture
def server(registered, monkeypatch):
    running = Server(registered.read_bytes())
    monkeypatch.setenv("DAMUNET_WEIGHTS_URL", running.url)
    yield running
    running.close()


def cached(tmp_path) -> list[str]:
    return [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_download_happens_once_and_gives_the_network(server, exported, tmp_path):
    network = damunet_lite.pretrained("unet")
    for a, b in zip(all_weights(network), all_weights(weights.load(exported)), strict=True):
        np.testing.assert_array_equal(a, b)
    server.close()
    weights.pretrained("unet")
    assert server.asked == 1
    assert cached(tmp_path) == ["unet.npz"]
    assert weights.model_card("unet") == weights.model_card(exported)


@pytest.mark.parametrize("fault", ["missing", "wrong bytes", "half"])
def test_a_bad_download_leaves_nothing_and_can_be_repeated(server, tmp_path, fault):
    server.fault = fault
    with pytest.raises(WeightsError, match="unet: .*could not be.*DAMUNET_CACHE.*'tiny'"):
        weights.pretrained("unet")
    assert cached(tmp_path) == []
    server.fault = ""
    assert weights.pretrained("unet").name == "damu_net"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", None])
def test_without_network_or_address_the_error_names_the_remedy(registered, tmp_path, url):
    with pytest.raises(WeightsError, match="the address .DAMUNET_WEIGHTS_URL names"):
        weights.pretrained("unet", url=url)
    assert cached(tmp_path) == []


def test_a_damaged_cache_is_downloaded_again(server, tmp_path):
    weights.pretrained("unet")
    path = tmp_path / "cache" / "weights" / "unet.npz"
    path.write_bytes(path.read_bytes()[:1000])
    assert weights.pretrained("unet").name == "damu_net"
    assert server.asked == 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder without access")
def test_a_cache_that_cannot_be_written_is_reported(server, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(WeightsError, match="DAMUNET_CACHE"):
        weights.pretrained("unet")


def test_a_name_without_published_file_says_how_to_make_one(monkeypatch, tmp_path):
    registry = tmp_path / "empty.txt"
    registry.write_text("# none\n")
    monkeypatch.setattr(weights, "CHECKSUM_FILE", registry)
    with pytest.raises(WeightsError, match=r"train damu_net\), then weights.export.*'tiny'"):
        weights.pretrained("damu_net")


def test_the_registry_names_networks_that_exist():
    files = data.checksums(weights.CHECKSUM_FILE)
    assert set(files) <= {f"{name}.npz" for name in weights.NAMES}
    assert all(len(digest) == 64 for digest in files.values())


# --- files of an earlier version ------------------------------------------------------------

NUMBERS = json.loads((SAVED / "numbers.json").read_text(encoding="utf-8"))
KINDS = ("unet", "att_unet", "datt_unet", "damu_net")


def picture():
    return synthetic_stack(n=1, size=32, seed=5).images[0, ..., 0]


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_an_earlier_version_predict_and_lose_what_they_did(kind):
    network, numbers = keras.models.load_model(SAVED / f"{kind}.keras"), NUMBERS[kind]
    assert network.count_params() == numbers["parameters"]
    found = inference.predict(network, picture())[::8, ::8]
    np.testing.assert_allclose(found, numbers["prediction"], atol=1e-6)
    stack = synthetic_stack(n=2, size=32, seed=1)
    losses = network.test_on_batch(stack.images, stack.membranes)
    assert np.ravel(losses)[0] == pytest.approx(numbers["loss"], abs=1e-6)


def test_listing_of_an_earlier_version():
    with gzip.open(SAVED / "published_listing.json.gz", "rt", encoding="utf-8") as file:
        network = keras.models.model_from_json(file.read())
    assert network.count_params() == 5_638_503
    assert network.heads == ("main", "side2", "side4", "side8")


def test_how_a_network_was_compiled_elsewhere_does_not_come_with_it(tmp_path):
    """XLA where the file was written, a machine without it here."""
    with (
        zipfile.ZipFile(SAVED / "unet.keras") as old,
        zipfile.ZipFile(tmp_path / "unet.keras", "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                content = content.replace(b'"jit_compile": false', b'"jit_compile": true')
                assert content != old.read(name)
            new.writestr(name, content)
    network = training.load_network(tmp_path / "unet.keras")
    assert not network.compiled
    expected = NUMBERS["unet"]["prediction"]
    found = network.predict(picture()[None, ..., None], verbose=0)[0, ::8, ::8, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_run_of_an_earlier_version_is_finished_and_its_scores_are_read(tmp_path):
    config = runs.read_config(SAVED / "finished")
    assert config.network_options == {"base_filters": 2, "depth": 1, "dropout": 0.2}
    folder = shutil.copytree(SAVED / "finished", tmp_path / "run")
    before = (folder / "metrics.json").read_bytes()
    training.train(config, STACK, folder, progress=False)
    assert (folder / "metrics.json").read_bytes() == before
    network, recorded = training.load_network(folder), json.loads(before)
    np.testing.assert_allclose(
        inference.predict(network, picture())[::8, ::8], NUMBERS["run"], atol=1e-6
    )
    again = training.evaluate(network, STACK, data.folds(12)[1], config.tta)
    # Not V_info: that of an answer without any cell has been corrected since.
    for name in ("v_rand", "dice_membrane", "dice_cell", "accuracy"):
        assert again["test"][name] == pytest.approx(recorded["test"][name], abs=1e-6)
    card = weights.model_card(weights.export(folder, tmp_path / "exported"))
    assert card["test"] == recorded["test"]
    assert card["training_slices"] == data.folds(30)[1].train.tolist()


def test_run_that_was_killed_under_an_earlier_version_goes_on(tmp_path):
    folder = shutil.copytree(SAVED / "killed", tmp_path / "run")
    config = runs.read_config(folder)
    training.train(config, STACK, folder, progress=False)
    expected = json.loads((SAVED / "finished" / "metrics.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for here, there in zip(found["history"], expected["history"], strict=True):
        names = there.keys() - {"seconds", "v_info"}
        assert [here[n] for n in names] == pytest.approx([there[n] for n in names], abs=1e-5)
    assert found["best_step"] == expected["best_step"]
    assert found["test"]["accuracy"] == pytest.approx(expected["test"]["accuracy"], abs=1e-3)
    rows = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3


@pytest.mark.parametrize(
    "first", ["damunet_lite", "keras, damunet_lite", "damunet_lite.losses", "damunet_lite.layers"]
)
def test_keras_knows_the_files_of_the_package_whatever_was_imported_first(first):
    """Any order: the network modules register with Keras as soon as it is there."""
    code = (
        f"import {first}, sys; early = 'keras' in sys.modules; import keras; "
        f"network = keras.models.load_model({str(SAVED / 'damu_net.keras')!r}, safe_mode=True); "
        "print(early, type(network).__name__, network.compiled)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"{first != 'damunet_lite'} SegmentationNetwork True\n", done.stderr
