"""Tests of training: one folder, killed at any moment, goes on as if nothing had happened."""

import csv
import errno
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest

from damunet_lite import data, inference, metrics, plots, synthetic, training
from damunet_lite.training import CropBatches, RunError, TrainConfig, build, train

# Dropout draws random numbers, so a run that forgets the state of its generators shows here.
# One level, since most of a test's time goes into building the network; no side head, therefore.
CONFIG = TrainConfig(
    "datt_unet",
    {"base_filters": 2, "depth": 1, "dropout": 0.2},
    "focal_tversky",
    data="synthetic",
    fold=1,
    steps=6,
    batch_size=2,
    crop=32,
    warmup=2,
    evaluate_every=2,
    precision="float32",
    tta=False,
)
TWO_HEADS = replace(CONFIG, network_options={**CONFIG.network_options, "depth": 2})
FILES = {
    "best.keras",
    "config.json",
    "contact_sheet.png",
    "history.csv",
    "last.npz",
    "metrics.json",
}


def small_stack(_config=None):
    return synthetic.synthetic_stack(n=12, size=48, seed=0)


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch):
    monkeypatch.setattr(training, "load_stack", small_stack)
    # Takes as long as the training itself; `finished` has a real one, test_plots.py looks at it.
    monkeypatch.setattr(
        plots, "contact_sheet", lambda *arrays, path, **words: path.write_bytes(b"drawn")
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of an uninterrupted run, and the warnings that came on the way."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(training, "load_stack", small_stack)
        assert train(CONFIG, folder, progress=False) == folder
    return folder, caught


def state(folder):
    with np.load(folder / "last.npz") as arrays:
        return {key: arrays[key] for key in arrays.files if key != "progress"}


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def weights(path):
    return keras.models.load_model(path).get_weights()


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same_run(folder, reference):
    """Bit for bit the same state, scores and best network."""
    assert {path.name for path in folder.iterdir()} == FILES
    assert history(folder) == history(reference)
    found, expected = state(folder), state(reference)
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
    for a, b in zip(weights(folder / "best.keras"), weights(reference / "best.keras"), strict=True):
        np.testing.assert_array_equal(a, b)
    ends = [json.loads((f / "metrics.json").read_text()) for f in (folder, reference)]
    for key in ("best_step", "test", "validation", "thresholds", "test_scores", "parameters"):
        assert ends[0][key] == ends[1][key], key


# --- a run left alone -----------------------------------------------------------------------


def test_folder_of_a_run(finished):
    folder, _ = finished
    assert {path.name for path in folder.iterdir()} == FILES
    rows = history(folder)
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    record = json.loads((folder / "metrics.json").read_text())
    best = max(rows, key=lambda row: float(row["v_rand"]))
    assert record["best_step"] == int(best["step"])
    assert record["test_slices"] == [6, 7, 8, 9, 10, 11]
    assert set(record["baselines"]) == {"all cell", "all membrane"}
    assert record["config"] == json.loads((folder / "config.json").read_text())["config"]
    assert training.read_config(folder) == CONFIG
    environment = json.loads((folder / "config.json").read_text())["environment"]
    assert {"python", "keras", "numpy", "device", "backend"} <= set(environment)


def test_best_network_has_the_score_it_is_said_to_have(finished):
    folder, _ = finished
    stack = small_stack()
    fold = data.folds(len(stack))[1]
    network = training.load_network(folder)
    validation = stack[fold.validation]
    probabilities = inference.predict(network, validation.images, batch_size=1)
    value = metrics.score_stack(validation.membranes, probabilities).best_v_rand()[1]
    best = max(float(row["v_rand"]) for row in history(folder))
    assert value == pytest.approx(best, abs=1e-6)


def test_evaluating_the_run_again_gives_the_same_scores(finished):
    folder, _ = finished
    record = json.loads((folder / "metrics.json").read_text())
    again = training.evaluate_run(folder, tta=False)
    assert again["test"] == pytest.approx(record["test"], abs=1e-6)
    assert again["thresholds"] == record["thresholds"]


def test_no_warning_on_the_way(finished):
    words = [
        str(warning.message)
        for warning in finished[1]
        if issubclass(warning.category, (UserWarning, RuntimeWarning))
    ]
    assert not words


def test_finished_run_is_left_as_it_is(finished, monkeypatch):
    folder, _ = finished
    before = content(folder)
    monkeypatch.setattr(training, "build", lambda config: pytest.fail("built again"))
    assert train(CONFIG, folder, progress=False) == folder
    assert content(folder) == before


def test_learning_rate(finished):
    # Up in a straight line from a tenth for `warmup` steps, then half a cosine down to 0.
    optimizer = training._optimizer(replace(CONFIG, steps=20, warmup=4, learning_rate=0.01))
    for step in range(21):
        if step < 4:
            expected = 0.001 + 0.009 * step / 4
        else:
            expected = 0.005 * (1 + math.cos(math.pi * (step - 4) / 16))
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(expected, abs=1e-7), step
    rates = [float(row["learning_rate"]) for row in history(finished[0])]
    assert rates == pytest.approx([0.001, 0.0005, 0], abs=1e-8)
    flat = training._optimizer(replace(CONFIG, steps=4, warmup=0))
    assert float(flat.learning_rate) == pytest.approx(1e-3)


# --- killed at any moment -------------------------------------------------------------------

SCRIPT = """
import json, sys
from damunet_lite import data, synthetic, training
training.load_stack = lambda config: synthetic.synthetic_stack(n=12, size=48, seed=0)
config = training.TrainConfig.from_dict(json.loads(sys.argv[2]))
training.train(config, sys.argv[1], progress=False)
"""


def start(folder, config):
    arguments = [str(folder), json.dumps(training.asdict(config))]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_run_ends_as_if_left_alone(tmp_path):
    config = replace(CONFIG, steps=24)
    reference, folder = tmp_path / "reference", tmp_path / "killed"
    train(config, reference, progress=False)

    process = start(folder, config)
    deadline = time.monotonic() + 400
    while not (folder / "last.npz").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    delay = random.uniform(0, 1)
    time.sleep(delay)
    process.kill()
    _, errors = process.communicate()
    progress = json.loads(str(np.load(folder / "last.npz")["progress"]))
    print(f"killed {delay:.3f} s after the first state, at step {progress['step']}")
    assert process.returncode == -signal.SIGKILL or (folder / "metrics.json").exists(), errors

    process = start(folder, config)
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors.decode()[-3000:]
    assert_same_run(folder, reference)


class Died(BaseException):
    """Like a signal: no handler for errors sees it."""


@pytest.mark.parametrize(
    "place",
    ["best network written", "state written", "history written", "final scores", "last file"],
)
def test_run_that_died_between_two_files_goes_on(place, finished, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    name = {
        "best network written": "_save_state",
        "state written": "_name_best",
        "history written": "_write_history",
        "final scores": "evaluate",
        "last file": "write_json",
    }[place]
    original, calls = getattr(training, name), []
    # The second block of steps; the second JSON file is the last of the run.
    fatal = 1 if name == "evaluate" else 2

    def dies(*arguments, **options):
        calls.append(name)
        if len(calls) == fatal:
            raise Died
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, name, dies)
        with pytest.raises(Died):
            train(CONFIG, folder, progress=False)
    assert not (folder / "metrics.json").exists()
    train(CONFIG, folder, progress=False)
    assert_same_run(folder, finished[0])


def test_best_network_of_a_forgotten_history_is_not_taken(finished, tmp_path, monkeypatch):
    """Died after a better network was written, before the state: the old one stays best."""
    folder = tmp_path / "run"

    def dies(folder, network, progress):
        if progress.step == 4:
            raise Died
        return save(folder, network, progress)

    save = training._save_state
    rising = iter([0.1, 0.2])
    with monkeypatch.context() as patch:
        patch.setattr(training, "_save_state", dies)
        patch.setattr(training, "_validation_row", lambda scores: row(next(rising)))
        with pytest.raises(Died):
            train(CONFIG, folder, progress=False)
    first = weights(folder / "best.keras")
    # On a device that is not deterministic the repeated steps may give a worse network.
    falling = iter([0.05, 0.04])
    monkeypatch.setattr(training, "_validation_row", lambda scores: row(next(falling)))
    train(CONFIG, folder, progress=False)
    record = json.loads((folder / "metrics.json").read_text())
    assert record["best_step"] == 2
    assert [r["v_rand"] for r in record["history"]] == [0.1, 0.05, 0.04]
    for a, b in zip(weights(folder / "best.keras"), first, strict=True):
        np.testing.assert_array_equal(a, b)


def row(v_rand):
    return {"v_rand": v_rand, "v_info": 0.5, "dice_membrane": 0.5, "dice_cell": 0.5}


def test_state_of_scaled_float16_training_survives(tmp_path):
    config = replace(CONFIG, precision="mixed_float16")
    stack, fold = small_stack(), data.folds(12)[1]
    network = build(config)
    network.fit(CropBatches(stack, fold.train, config, 0, 2), verbose=0)
    progress = training._Progress(step=2, best_v_rand=0.5, best_step=2)
    training._save_state(tmp_path, network, progress)
    copy = build(config)
    assert training._load_state(tmp_path, copy) == progress
    expected = training._variables(network)
    found = training._variables(copy)
    assert found.keys() == expected.keys()
    assert any("loss_scale" in key or "dynamic_scale" in key for key in found)
    for key in expected:
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(found[key]), keras.ops.convert_to_numpy(expected[key])
        )


# --- folders --------------------------------------------------------------------------------


def test_folder_of_another_configuration(finished):
    folder, _ = finished
    before = content(folder)
    for changes, words in (
        ({"seed": 3}, r"seed: 0 -> 3"),
        ({"steps": 8, "loss": "dice"}, r"loss: 'focal_tversky' -> 'dice', steps: 6 -> 8"),
        ({"network_options": {"base_filters": 3}}, r"network_options: .*'base_filters': 2"),
    ):
        with pytest.raises(RunError, match=words):
            train(replace(CONFIG, **changes), folder, progress=False)
    assert content(folder) == before


def test_folder_of_another_unfinished_run(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (folder / "metrics.json").unlink()
    before = content(folder)
    with pytest.raises(RunError, match=r"fold: 1 -> 0.*choose another folder"):
        train(replace(CONFIG, fold=0), folder, progress=False)
    assert content(folder) == before


def test_folder_with_other_files(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match=r"has files but no config.json; choose another"):
        train(CONFIG, tmp_path, progress=False)
    assert content(tmp_path) == {"thesis.tex": b"precious"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"config": 3}', '{"config": []}', "\0"])
def test_folder_with_an_unreadable_configuration(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config.json (cannot be read|belongs)"):
        training._open_folder(tmp_path, CONFIG)
    with pytest.raises(RunError, match="config.json cannot be read"):
        training.read_config(tmp_path)
    assert (tmp_path / "config.json").read_text() == text


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_folder_that_is_a_file(tmp_path, name):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunError, match="cannot create run folder .*choose a folder"):
        train(CONFIG, tmp_path / name, progress=False)
    assert (tmp_path / "file").read_text() == "precious"


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(training.Path, "write_text", refuse)
    with pytest.raises(RunError, match=r"cannot write .*config.json: Permission denied.*choose"):
        train(CONFIG, tmp_path / "run", progress=False)


def test_nothing_is_made_for_a_run_that_cannot_start(tmp_path):
    for wrong, words in (
        (replace(CONFIG, crop=64), "crop must be at most the image, 48 x 48, got 64"),
        (replace(CONFIG, fold=2), "fold must be 0 to 1, got 2"),
        (replace(CONFIG, devices=99), "devices must be at most"),
        (replace(CONFIG, loss_options={"fn_weight": -1}), "fn_weight must be"),
        (replace(CONFIG, network_options={"depth": 0}), "depth must be an integer"),
    ):
        with pytest.raises(ValueError, match=words):
            train(wrong, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


# --- a full disk ----------------------------------------------------------------------------


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_after_some_bytes(file, **arrays):
    file.write(b"half of a state")
    full()


@pytest.mark.parametrize(
    ("target", "name", "failing"),
    [
        (training.np, "savez", full_after_some_bytes),
        (keras.Model, "save", full),
        (csv.DictWriter, "writerows", full),
    ],
    ids=["state", "best network", "history"],
)
def test_full_disk(target, name, failing, finished, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    original = getattr(target, name)
    calls = []

    def fails_the_second_time(*arguments, **options):
        calls.append(name)
        return (failing if len(calls) == 2 else original)(*arguments, **options)

    rising = iter([0.1, 0.2])
    with monkeypatch.context() as patch:
        patch.setattr(target, name, fails_the_second_time)
        if name == "save":
            patch.setattr(training, "_validation_row", lambda scores: row(next(rising)))
        with pytest.raises(RunError, match=r"cannot write .*: No space left on device.*goes on"):
            train(CONFIG, folder, progress=False)
    assert len(calls) == 2
    kept = json.loads(str(np.load(folder / "last.npz")["progress"]))
    assert kept["step"] == (4 if name == "writerows" else 2)
    assert weights(folder / "best.keras")
    assert not list(folder.glob(".*partial*"))
    if name != "save":
        train(CONFIG, folder, progress=False)
        assert_same_run(folder, finished[0])


# --- damaged files --------------------------------------------------------------------------


def test_damaged_state(finished, tmp_path):
    whole = (finished[0] / "last.npz").read_bytes()
    network = build(CONFIG)
    middle = len(whole) // 2
    damaged = {
        "empty": b"",
        "first bytes": whole[:10],
        "half": whole[:middle],
        "last byte gone": whole[:-1],
        "a hole": whole[:middle] + bytes(200) + whole[middle + 200 :],
        "text": b"not a state at all",
    }
    for name, damage in damaged.items():
        (tmp_path / "last.npz").write_bytes(damage)
        with pytest.raises(RunError) as caught:
            training._load_state(tmp_path, network)
        assert "last.npz cannot be read" in str(caught.value), name
        assert "delete it to start anew" in str(caught.value), name
    (tmp_path / "last.npz").write_bytes(whole)
    assert training._load_state(tmp_path, network).step == 6
    (tmp_path / "last.npz").unlink()
    assert training._load_state(tmp_path, network) == training._Progress()


def test_state_of_another_network(finished, tmp_path):
    shutil.copy(finished[0] / "last.npz", tmp_path)
    other = build(TWO_HEADS)
    with pytest.raises(RunError, match=r"does not fit the network; choose another run folder"):
        training._load_state(tmp_path, other)
    wider = build(replace(CONFIG, network_options={**CONFIG.network_options, "base_filters": 3}))
    with pytest.raises(RunError, match=r"last.npz cannot be read"):
        training._load_state(tmp_path, wider)


def test_damaged_network(finished, tmp_path):
    whole = (finished[0] / "best.keras").read_bytes()
    for damage in (b"", whole[:100], whole[: len(whole) // 2], b"text"):
        (tmp_path / "best.keras").write_bytes(damage)
        with pytest.raises(RunError, match=r"best.keras cannot be loaded as a Keras model"):
            training.load_network(tmp_path)
    with pytest.raises(RunError, match="is neither a .keras file nor a run folder"):
        training.load_network(tmp_path / "no.keras")


# --- steps ----------------------------------------------------------------------------------


def test_batches_depend_on_the_step_alone():
    stack, indices = small_stack(), np.array([0, 1, 2])
    whole = CropBatches(stack, indices, CONFIG, first=0, count=6)
    rest = CropBatches(stack, indices, CONFIG, first=4, count=2)
    assert (len(whole), len(rest)) == (6, 2)
    backwards = [whole[i] for i in reversed(range(6))][::-1]
    for i in range(6):
        for a, b in zip(whole[i], backwards[i], strict=True):
            np.testing.assert_array_equal(a, b)
    for i in range(2):
        for a, b in zip(whole[4 + i], rest[i], strict=True):
            np.testing.assert_array_equal(a, b)
    images = [whole[i][0].tobytes() for i in range(6)]
    assert len(set(images)) == 6
    other = CropBatches(stack, indices, replace(CONFIG, seed=1), first=0, count=1)
    assert not np.array_equal(other[0][0], whole[0][0])


def test_batches_come_from_the_training_slices_alone():
    stack = small_stack()
    numbered = data.Stack(
        np.broadcast_to(np.arange(12, dtype="float32")[:, None, None, None] / 20, (12, 48, 48, 1)),
        stack.membranes,
        "numbered",
    )
    grey = {"brightness": 0.0, "contrast": 0.0, "gamma": 0.0, "noise": 0.0}
    config = replace(CONFIG, augment=grey)
    fold = data.folds(12)[1]
    batches = CropBatches(numbered, fold.train, config, 0, 20)
    seen = {int(round(20 * float(image.mean()))) for i in range(20) for image in batches[i][0]}
    assert seen == set(fold.train.tolist())


def test_fit_takes_the_batches_in_order():
    class Numbered(CropBatches):
        def __getitem__(self, index):
            time.sleep(0.02 * (index % 3 == 0))  # the two threads overtake each other
            images, masks = super().__getitem__(index)
            return images, np.full_like(masks, index)

    class Record(keras.losses.Loss):
        def call(self, y_true, y_pred):
            taken.append(float(keras.ops.convert_to_numpy(y_true)[0, 0, 0, 0]))
            return keras.ops.mean(y_pred)

    taken = []
    image = keras.Input((None, None, 1))
    network = keras.Model(image, keras.layers.Conv2D(1, 1)(image))
    network.compile("sgd", Record(), run_eagerly=True)
    batches = Numbered(small_stack(), np.array([0, 1]), CONFIG, first=0, count=12)
    network.fit(batches, verbose=0, shuffle=False)
    assert taken == list(range(12))


def test_crops_that_fail_end_the_run(tmp_path, monkeypatch):
    original = training.sample_batch

    def fails(stack, indices, batch_size, seed, step, config):
        if step == 8:
            raise ArithmeticError("crop of step 8 failed")
        return original(stack, indices, batch_size, seed, step, config)

    monkeypatch.setattr(training, "sample_batch", fails)
    with pytest.raises(Exception, match="crop of step 8 failed"):
        train(replace(CONFIG, steps=10, evaluate_every=5), tmp_path / "run", progress=False)
    assert json.loads(str(np.load(tmp_path / "run/last.npz")["progress"]))["step"] == 5


def test_loss_that_is_no_number(tmp_path, monkeypatch):
    original = training.sample_batch

    def poisoned(stack, indices, batch_size, seed, step, config):
        images, masks = original(stack, indices, batch_size, seed, step, config)
        return (images * np.nan if step == 3 else images), masks

    monkeypatch.setattr(training, "sample_batch", poisoned)
    with pytest.raises(RunError, match=r"loss became nan before step 4; try a smaller learning_"):
        train(CONFIG, tmp_path / "run", progress=False)
    monkeypatch.undo()
    # What was saved before is sound, and goes on.
    assert json.loads(str(np.load(tmp_path / "run/last.npz")["progress"]))["step"] == 2
    assert all(np.isfinite(w).all() for w in weights(tmp_path / "run/best.keras"))


def test_patience(tmp_path, monkeypatch):
    scores = iter([0.5, 0.6, 0.4, 0.6, 0.9])
    monkeypatch.setattr(training, "_validation_row", lambda _: row(next(scores)))
    config = replace(CONFIG, steps=10, evaluate_every=1, patience=2)
    folder = train(config, tmp_path / "run", progress=False)
    # Best at step 2; steps 3 and 4 bring nothing better, 5 is never taken.
    assert [int(r["step"]) for r in history(folder)] == [1, 2, 3, 4]
    assert json.loads((folder / "metrics.json").read_text())["best_step"] == 2


def test_short_last_block(tmp_path):
    config = replace(CONFIG, steps=5, evaluate_every=3)
    folder = train(config, tmp_path / "run", progress=False)
    assert [int(r["step"]) for r in history(folder)] == [3, 5]


# --- final scores ---------------------------------------------------------------------------


class Blurred:
    """A stack whose images are noisy masks, and a network that takes them as the answer."""

    def __init__(self, seed=0):
        stack = small_stack()
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, 0.25, stack.membranes.shape)
        images = np.clip(0.15 + 0.6 * stack.membranes + noise, 0, 1).astype("float32")
        self.stack = data.Stack(images, stack.membranes, "noisy masks")
        image = keras.Input((None, None, 1))
        self.network = keras.Model(image, keras.layers.Activation("linear")(image))
        self.fold = data.folds(12)[1]

    def evaluate(self, changed=None, tta=False):
        masks = self.stack.membranes.copy()
        if changed is not None:
            masks[changed] = np.roll(masks[changed], 7, axis=1)[:, ::-1]
        stack = data.Stack(self.stack.images, masks, "changed")
        return training.evaluate(self.network, stack, self.fold, tta=tta)


def test_thresholds_are_chosen_on_validation_slices():
    blurred = Blurred()
    record = blurred.evaluate()
    other = blurred.evaluate(changed=blurred.fold.test)
    assert other["thresholds"] == record["thresholds"]
    assert other["validation"] == record["validation"]
    assert other["test"] != record["test"]
    moved = blurred.evaluate(changed=blurred.fold.validation)
    assert moved["validation"] != record["validation"]
    assert moved["test_scores"] == record["test_scores"]
    unseen = blurred.evaluate(changed=blurred.fold.train)
    assert {k: v for k, v in unseen.items() if k != "probabilities"} == {
        k: v for k, v in record.items() if k != "probabilities"
    }


def test_scores_are_those_at_the_chosen_thresholds():
    blurred = Blurred()
    record = blurred.evaluate()
    test = blurred.stack[blurred.fold.test]
    np.testing.assert_allclose(record["probabilities"], test.images, atol=1e-6)
    scores = metrics.score_stack(test.membranes, test.images)
    validation = blurred.stack[blurred.fold.validation]
    chosen = metrics.score_stack(validation.membranes, validation.images)
    rand, information = chosen.best_v_rand()[0], chosen.best_v_info()[0]
    assert record["thresholds"] == {"v_rand": rand, "v_info": information}
    assert record["test"] == scores.row(rand, information)
    assert record["test"]["v_rand"] <= scores.best_v_rand()[1]


def test_unlabelled_stack_cannot_be_scored():
    blurred = Blurred()
    stack = data.Stack(blurred.stack.images, None, "no masks")
    with pytest.raises(ValueError, match="must have membranes.*'no masks' has none"):
        training.evaluate(blurred.network, stack, blurred.fold, tta=False)


# --- configuration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "u_net"}, "network must be one of .*'unet'.*got 'u_net'"),
        ({"network": None}, "network must be one of .*got None"),
        ({"loss": "iou"}, "loss must be one of .*got 'iou'"),
        ({"loss": "listing"}, "loss 'listing' belongs to network 'published_listing'"),
        ({"target_rule": "mean"}, "target_rule must be one of .*got 'mean'"),
        ({"data": "kitti"}, "data must be one of .*got 'kitti'"),
        ({"precision": "float8"}, "precision must be one of .*got 'float8'"),
        ({"steps": 0}, "steps must be an integer >= 1, got 0"),
        ({"steps": 10.0}, "steps must be an integer >= 1, got 10.0"),
        ({"batch_size": "4"}, "batch_size must be an integer >= 1, got '4'"),
        ({"fold": -1}, "fold must be an integer >= 0, got -1"),
        ({"seed": True}, "seed must be an integer >= 0, got True"),
        ({"crop": 8}, "crop must be an integer >= 16, got 8"),
        ({"crop": 100}, "crop must be a multiple of 16, got 100"),
        ({"patience": 0}, "patience must be an integer >= 1, got 0"),
        ({"patience": "2"}, "patience must be an integer >= 1, got '2'"),
        ({"devices": -1}, "devices must be an integer >= 0, got -1"),
        ({"learning_rate": 0}, "learning_rate must be a finite number > 0, got 0"),
        ({"learning_rate": "1e-3"}, "learning_rate must be a finite number > 0, got '1e-3'"),
        ({"learning_rate": float("nan")}, "learning_rate must be .*got nan"),
        ({"head_decay": float("inf")}, "head_decay must be .*got inf"),
        ({"tta": "no"}, "tta must be one of .*got 'no'"),
        ({"jit": 1}, "jit must be one of .*got 1"),
        ({"deterministic": "yes"}, "deterministic must be one of .*got 'yes'"),
        ({"network_options": [2]}, r"network_options must be a dict, got \[2\]"),
        ({"network_options": {"filters": 2}}, r"network_options has unknown keys \['filters'\]"),
        ({"loss_options": {"gamma": 2}}, r"loss_options has unknown keys \['gamma'\]"),
        ({"augment": {"flip": True}}, r"augment has unknown keys \['flip'\]"),
        ({"augment": {"crop": 16}}, r"augment has unknown keys \['crop'\]"),
        ({"augment": {"noise": -1}}, "noise: got -1"),
    ],
)
def test_bad_setting_is_named(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **changes)
    with pytest.raises(ValueError, match=words):
        TrainConfig.from_dict({**training.asdict(CONFIG), **changes})


def test_unknown_setting_is_named():
    with pytest.raises(ValueError, match=r"config has unknown keys \['epochs'\]; known are"):
        TrainConfig.from_dict({"epochs": 3})


def test_configuration_survives_json():
    text = json.dumps(training.asdict(CONFIG))
    assert TrainConfig.from_dict(json.loads(text)) == CONFIG


def test_settings_reach_the_network():
    network = build(replace(TWO_HEADS, head_decay=1.0, target_rule="strided", jit=False))
    assert network._head_arguments["loss_weights"] == {"main": 0.5, "side2": 0.5}
    assert network._head_arguments["target_rule"] == "strided"
    assert network._head_arguments["loss"].name == "focal_tversky"
    assert network.jit_compile is False
    assert network.layers[1].compute_dtype == "float32"
    half = build(replace(CONFIG, precision="mixed_bfloat16"))
    assert half.layers[1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_weights_depend_on_the_seed_alone():
    first, again, other = (build(replace(CONFIG, seed=seed)).get_weights() for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_weighted_cross_entropy_weighs_membrane_by_alpha_and_cell_by_the_rest():
    options = {"loss": "weighted_cross_entropy", "loss_options": {"alpha": 0.8}}
    loss = build(replace(CONFIG, **options))._head_arguments["loss"]
    truth, guess = np.array([[1.0, 0.0]]), np.array([[0.25, 0.6]])
    wanted = -(0.8 * np.log(0.25) + 0.2 * np.log(0.4)) / 2
    assert float(loss(truth, guess)) == pytest.approx(wanted, abs=1e-6)


def test_losses_of_the_listing():
    network = build(TrainConfig("published_listing", loss="listing", target_rule="strided"))
    losses = network._head_arguments["loss"]
    names = {head: (loss.name, loss.pooling) for head, loss in losses.items()}
    assert names == {
        "main": ("tversky", "batch"),
        "side2": ("focal_tversky", "batch"),
        "side4": ("focal_tversky", "batch"),
        "side8": ("focal_tversky", "batch"),
    }
