"""Tests of trained weights: written, read back, and files of an earlier version."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from damunet_lite import data, inference, metrics, models, runs, training, weights
from damunet_lite.synthetic import synthetic_stack
from damunet_lite.training import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
SAVED = Path(__file__).with_name("saved")
OPTIONS = {"base_filters": 2, "depth": 2, "dropout": 0.1}
CONFIG = TrainConfig("damu_net", OPTIONS, data="synthetic", fold=1, steps=1, batch_size=1, crop=32)
CONFIG = replace(CONFIG, precision="float32", tta=False)
STACK = synthetic_stack(n=12, size=48, seed=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a finished run, of one step."""
    folder = tmp_path_factory.mktemp("weights") / "run"
    return training.train(CONFIG, STACK, folder, progress=False)


@pytest.fixture(scope="module")
def exported(run):
    return weights.export(run, run.parent / "exported")


# --- writing and reading -----------------------------------------------------------------


def test_a_file_holds_every_weight_in_two_bytes_and_a_card(run, exported):
    assert exported.name == "exported.npz"
    before = training.load_network(run).get_weights()
    after = weights.load(exported).get_weights()
    assert len(before) == len(after) > 50
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a.astype(np.float16).astype(np.float32), b)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))  # something was rounded
    arrays = runs.read_arrays(exported)
    card = json.loads(str(arrays.pop("record")))
    assert {a.dtype for a in arrays.values()} == {np.dtype("float16")}
    assert sum(a.size for a in arrays.values()) == sum(a.size for a in before)
    assert exported.stat().st_size < (run / "best.keras").stat().st_size / 2
    assert weights.model_card(exported) == card
    assert TrainConfig.from_dict(card["config"]) == CONFIG
    finished = json.loads((run / "metrics.json").read_text())
    for name in ("test", "thresholds", "baselines", "best_step", "training_seconds"):
        assert card[name] == finished[name]
    slices = [card[f"{part}_slices"] for part in ("training", "validation", "test")]
    assert slices == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert card["parameters"] == models.damu_net(**OPTIONS).count_params()
    assert card["terms"] == "Trained on 'synthetic'; the terms of its images hold."
    again = weights.export(run, run.parent / "again.npz")
    assert again.read_bytes() == exported.read_bytes()


def test_what_cannot_be_exported_is_refused(run, tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_bytes(b"kept")
    with pytest.raises(FileExistsError, match=r"x\.npz is there already"):
        weights.export(run, path)
    assert path.read_bytes() == b"kept"
    path.unlink()
    half = tmp_path / "half"
    half.mkdir()
    (half / "config.json").write_text((run / "config.json").read_text())
    with pytest.raises(runs.RunError, match=r"not finished.*train it to its end"):
        weights.export(half, path)
    network = training.load_network(run)
    network.variables[0].assign(np.full(network.variables[0].shape, 1e5, np.float32))
    monkeypatch.setattr(training, "load_network", lambda folder: network)
    with pytest.raises(weights.WeightsError, match="0000/kernel has values that float16 cannot"):
        weights.export(run, path)
    assert not path.exists()


def test_files_that_are_damaged_or_do_not_fit_are_reported(exported, tmp_path):
    whole, arrays = exported.read_bytes(), runs.read_arrays(exported)
    card, middle = json.loads(str(arrays["record"])), len(whole) // 2
    # more than the bytes of a header, where no checksum looks
    flipped = bytes(b ^ (255 * (0 <= i - middle < 200)) for i, b in enumerate(whole))
    np.savez(tmp_path / "bare.npz", kernel=np.zeros(3))
    # A pickled object would run code when read: it is refused.
    np.savez(tmp_path / "pickled.npz", record=np.array([{}], dtype=object))
    for name, content in (("half", whole[:middle]), ("flipped", flipped), ("empty", b"")):
        (tmp_path / f"{name}.npz").write_bytes(content)
    for path in tmp_path.glob("*.npz"):
        with pytest.raises(weights.WeightsError, match="cannot be read"):
            weights.load(path)
    for changes, words in (
        ({"network": "resnet"}, r"does not fit a network of this package \('resnet'\)"),
        ({"options": {"width": 3}}, "does not fit a network of this package .*width"),
        ({"options": {"base_filters": 4}}, r"\d+ arrays differ; \S+ has shape"),
    ):
        np.savez(
            tmp_path / "other.npz", **arrays | {"record": np.array(json.dumps(card | changes))}
        )
        with pytest.raises(weights.WeightsError, match=words):
            weights.load(tmp_path / "other.npz")


# --- the network in the package ----------------------------------------------------------


def test_tiny_is_small_and_its_note_tells_the_truth():
    note = json.loads((weights.TINY_FILE.with_suffix(".json")).read_text(encoding="utf-8"))
    content = weights.TINY_FILE.read_bytes()
    assert len(content) == note.pop("bytes") <= 1_000_000
    assert hashlib.sha256(content).hexdigest() == note.pop("sha256")
    assert note == weights.model_card("tiny")
    assert set(note["training_slices"]).isdisjoint(note["test_slices"])
    assert "non-commercial" in note["terms"]
    assert "damunet_lite/tiny.json" in (ROOT / "book" / "licence.md").read_text(encoding="utf-8")


def test_tiny_scores_as_its_card_says():
    try:
        stack = data.isbi2012()
    except data.DataError:
        pytest.skip("the ISBI 2012 stack is not to be had")
    note = weights.model_card("tiny")
    test = stack[note["test_slices"][:2]]
    probability = inference.predict(weights.pretrained("tiny"), test.images, batch_size=1)
    scores = metrics.score_stack(test.membranes, probability, [note["thresholds"]["v_rand"]])
    trivial = max(row["v_rand"] for row in note["baselines"].values())
    assert scores.v_rand.mean() > trivial + 0.2
    dice = metrics.dice(test.membranes, probability > 0.5)
    assert dice == pytest.approx(note["test"]["dice_membrane"], abs=0.04)


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


def test_run_of_an_earlier_version_is_finished_and_its_scores_are_read(tmp_path):
    config = runs.read_origin(SAVED / "finished")[0]
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


def test_run_that_was_killed_under_an_earlier_version_goes_on(tmp_path):
    folder = shutil.copytree(SAVED / "killed", tmp_path / "run")
    config = runs.read_origin(folder)[0]
    training.train(config, STACK, folder, progress=False)
    expected = json.loads((SAVED / "finished" / "metrics.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for here, there in zip(found["history"], expected["history"], strict=True):
        names = there.keys() - {"seconds", "v_info"}
        assert [here[n] for n in names] == pytest.approx([there[n] for n in names], abs=1e-5)
    assert found["best_step"] == expected["best_step"]
    assert found["test"]["accuracy"] == pytest.approx(expected["test"]["accuracy"], abs=1e-3)
    assert json.loads((folder / "history.json").read_text()) == found["history"]


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
