"""Tests of training: one folder, killed at any moment, goes on as if nothing had happened."""

import contextlib
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
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from damunet_lite import data, inference, metrics, plots, runs, training
from damunet_lite.synthetic import synthetic_stack
from damunet_lite.training import CropBatches, RunError, TrainConfig, build, evaluate

# Dropout draws random numbers, so a run that forgets the state of its generators shows here.
# One level, since most of a test's time goes into building the network; no side head, therefore.
OPTIONS = {"base_filters": 2, "depth": 1, "dropout": 0.2}
CONFIG = TrainConfig("datt_unet", OPTIONS, "focal_tversky", data="synthetic", fold=1, steps=6)
CONFIG = replace(CONFIG, batch_size=2, crop=32, warmup=2, evaluate_every=2, tta=False)
CONFIG = replace(CONFIG, precision="float32")
TWO_HEADS = replace(CONFIG, network_options={**OPTIONS, "depth": 2})
FILES = {"best.keras", "config.json", "contact_sheet.png", "history.json", "last.npz"}
FILES |= {"metrics.json"}
STACK = synthetic_stack(n=12, size=48, seed=0)
FOLD = data.folds(12)[1]


def train(config, folder, stack=STACK):
    return training.train(config, stack, folder)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    # Takes as long as the training itself; `finished` has a real one, test_plots.py looks at it.
    monkeypatch.setattr(
        plots, "contact_sheet", lambda *arrays, path, **words: path.write_bytes(b"drawn")
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of an uninterrupted run, and the warnings that came on the way."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert train(CONFIG, folder) == folder
    return folder, caught


def record_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def state(folder):
    with np.load(folder / "last.npz") as arrays:
        return {key: arrays[key] for key in arrays.files if key != "progress"}


def history(folder):
    rows = json.loads((folder / "history.json").read_text())
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def weights(path):
    return training.load_network(path).get_weights()


def saved_step(folder):
    arrays = runs.read_arrays(folder / "last.npz")
    return json.loads(str(arrays["progress"]))["history"][-1]["step"]


def assert_equal_arrays(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


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
    assert_equal_arrays(weights(folder), weights(reference))
    ends = [record_of(f) for f in (folder, reference)]
    for key in ends[1].keys() - {"history", "training_seconds"}:
        assert ends[0][key] == ends[1][key], key


# --- a run left alone -----------------------------------------------------------------------


def test_folder_of_a_run(finished):
    folder, _ = finished
    assert {path.name for path in folder.iterdir()} == FILES
    rows = history(folder)
    assert [row["step"] for row in rows] == [2, 4, 6]
    record = record_of(folder)
    assert record["best_step"] == max(rows, key=lambda row: row["v_rand"])["step"]
    slices = [record[f"{part}_slices"] for part in ("training", "validation", "test")]
    assert slices == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert set(record["baselines"]) == {"all cell", "all membrane"}
    origin = json.loads((folder / "config.json").read_text())
    assert {key: record[key] for key in origin} == origin
    assert runs.read_config(folder) == CONFIG
    assert origin["start"] is None
    assert {"python", "keras", "numpy", "device", "backend"} <= set(origin["environment"])


def test_best_network_has_the_score_it_is_said_to_have(finished):
    folder, _ = finished
    validation = STACK[FOLD.validation]
    network = training.load_network(folder)
    assert not network.compiled
    probabilities = inference.predict(network, validation.images, batch_size=1)
    value = metrics.score_stack(validation.membranes, probabilities).best_v_rand()[1]
    assert value == pytest.approx(max(row["v_rand"] for row in history(folder)), abs=1e-6)


def test_final_scores_average_flips_and_rotations_where_that_is_wanted(finished, tmp_path):
    averaged = record_of(train(replace(CONFIG, steps=1, tta=True), tmp_path / "run"))
    network = training.load_network(tmp_path / "run")
    assert averaged["test_scores"] == evaluate(network, STACK, FOLD, tta=True)["test_scores"]
    assert averaged["test_scores"] != evaluate(network, STACK, FOLD, tta=False)["test_scores"]
    alone = record_of(finished[0])
    again = evaluate(training.load_network(finished[0]), STACK, FOLD, tta=False)
    assert again.items() <= alone.items()


def test_no_warning_on_the_way(finished):
    kinds = (UserWarning, RuntimeWarning)
    assert [str(w.message) for w in finished[1] if issubclass(w.category, kinds)] == []


def test_finished_run_is_left_as_it_is(finished, monkeypatch):
    folder, _ = finished
    before = content(folder)
    monkeypatch.setattr(training, "build", lambda config: pytest.fail("built again"))
    assert train(CONFIG, folder) == folder
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
    rates = [row["learning_rate"] for row in history(finished[0])]
    assert rates == pytest.approx([0.001, 0.0005, 0], abs=1e-8)
    flat = training._optimizer(replace(CONFIG, steps=4, warmup=0))
    assert float(flat.learning_rate) == pytest.approx(1e-3)


# --- killed at any moment -------------------------------------------------------------------

SCRIPT = """
import json, sys
from damunet_lite import synthetic, training
config = training.TrainConfig.from_dict(json.loads(sys.argv[2]))
training.train(config, synthetic.synthetic_stack(n=12, size=48, seed=0), sys.argv[1], False)
"""


def start(folder, config):
    arguments = [str(folder), json.dumps(asdict(config))]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_run_ends_as_if_left_alone(tmp_path):
    config = replace(CONFIG, steps=24)
    reference, folder = tmp_path / "reference", tmp_path / "killed"
    train(config, reference)

    process = start(folder, config)
    deadline = time.monotonic() + 400
    while not (folder / "last.npz").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    delay = random.uniform(0, 1)
    time.sleep(delay)
    process.kill()
    _, errors = process.communicate()
    print(f"killed {delay:.3f} s after the first state, at step {saved_step(folder)}")
    assert process.returncode == -signal.SIGKILL or (folder / "metrics.json").exists(), errors

    process = start(folder, config)
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors.decode()[-3000:]
    assert_same_run(folder, reference)


class Died(BaseException):
    """Like a signal: no handler for errors sees it."""


@contextlib.contextmanager
def dying(where, name, call):
    """Inside, a function dies at one of its calls."""
    original, calls = getattr(where, name), []

    def dies(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise Died
        return original(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, name, dies)
        with pytest.raises(Died):
            yield


@pytest.mark.parametrize(
    ("where", "name", "call"),
    [
        (np, "savez", 2),
        (runs, "_follow", 2),
        (runs, "_follow", 3),
        (runs, "write_json", 4),
        (training, "evaluate", 1),
        (training, "write_json", 1),
    ],
    ids=["steps taken", "state written", "last state", "best network written", "trained", "scored"],
)
def test_run_that_died_between_two_files_goes_on(where, name, call, finished, tmp_path):
    folder = tmp_path / "run"
    with dying(where, name, call):
        train(CONFIG, folder)
    assert not (folder / "metrics.json").exists()
    train(CONFIG, folder)
    assert_same_run(folder, finished[0])


def scored(patch, *v_rand):
    """Let the evaluations of a run have these scores, the final ones 0."""
    values = iter(v_rand)
    patch.setattr(training, "_best_row", lambda scores: row(next(values, 0)))


def test_best_network_of_a_forgotten_history_is_not_taken(tmp_path, monkeypatch):
    """Died after a better network was found, before the state: the old one stays best."""
    folder = tmp_path / "run"
    scored(monkeypatch, 0.1, 0.2)
    with dying(np, "savez", 2):
        train(CONFIG, folder)
    first = weights(folder)
    # On a device that is not deterministic the repeated steps may give a worse network.
    scored(monkeypatch, 0.05, 0.04)
    record = record_of(train(CONFIG, folder))
    assert record["best_step"] == 2
    assert [r["v_rand"] for r in record["history"]] == [0.1, 0.05, 0.04]
    assert_equal_arrays(weights(folder), first)


def test_last_network_is_the_best_though_the_run_died_before_it_was_written(tmp_path, monkeypatch):
    """No later block heals it."""
    folder = tmp_path / "run"
    scored(monkeypatch, 0.1, 0.2, 0.3)
    with dying(runs, "_follow", 3):
        train(CONFIG, folder)
    second = weights(folder)
    assert record_of(train(CONFIG, folder))["best_step"] == 6
    arrays = state(folder).items()
    last = [a for key, a in arrays if key.startswith("network/") and a.dtype == np.float32]
    assert_equal_arrays(weights(folder), last)
    assert any((a != b).any() for a, b in zip(second, last, strict=True))


def row(v_rand):
    others = ("v_info", "dice_membrane", "dice_cell", "accuracy")
    return {"v_rand": v_rand, **dict.fromkeys(others, 0.5)}


def test_run_in_float16_is_saved_whole_and_ends_without_a_word_of_its_optimiser(tmp_path):
    """Its optimiser wraps another one, which Keras cannot fill from the file."""
    config = replace(CONFIG, steps=1, precision="mixed_float16")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(config, tmp_path / "run")
    copy = build(config)
    assert [row["step"] for row in runs.load_state(tmp_path / "run", copy)] == [1]
    found, expected = runs.values(runs._variables(copy)), state(tmp_path / "run")
    assert found.keys() == expected.keys()
    assert any("loss_scale" in key or "dynamic_scale" in key for key in found)
    assert_equal_arrays(found.values(), expected.values())


# --- folders --------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [True, False], ids=["finished", "unfinished"])
def test_folder_of_another_run_or_stack(done, finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    if not done:
        (folder / "metrics.json").unlink()
    before, masks = content(folder), 1 - STACK.membranes
    for changes, stack, words in (
        ({"seed": 3}, STACK, r"\(seed: 0 -> 3\); choose another folder"),
        ({"steps": 8, "loss": "dice"}, STACK, "loss: 'focal_tversky' -> 'dice', steps: 6 -> 8"),
        ({"network_options": {"base_filters": 3}}, STACK, "network_options: .*'base_filters': 2"),
        ({}, synthetic_stack(n=12, size=48, seed=1), r"stack: 'synthetic, \(12, 48, 48\), \w{16}'"),
        ({}, data.Stack(STACK.images, masks, STACK.name), "stack: "),
    ):
        with pytest.raises(RunError, match=words):
            train(replace(CONFIG, **changes), folder, stack)
    with pytest.raises(RunError, match=r"\(start: None -> 'datt_unet, \w{16}'\)"):
        training.train(CONFIG, STACK, folder, start=build(CONFIG))
    assert content(folder) == before


def test_run_from_a_network_says_from_which_and_goes_on_with_that_alone(tmp_path):
    first, other = (build(replace(CONFIG, seed=seed)) for seed in (7, 8))
    config, folder = replace(CONFIG, steps=1, learning_rate=1e-9), tmp_path / "run"
    training.train(config, STACK, folder, start=first)
    for found, given in zip(weights(folder), first.get_weights(), strict=True):
        if given.dtype == np.float32 and given.ndim == 4:
            np.testing.assert_allclose(found, given, atol=1e-6)
    before = content(folder)
    training.train(config, STACK, folder, start=first)
    for start in (other, None):
        with pytest.raises(RunError, match=r"\(start: 'datt_unet, \w{16}' -> "):
            training.train(config, STACK, folder, start=start)
    assert content(folder) == before
    with pytest.raises(ValueError, match=r"start does not fit the network: \d+ arrays differ; "):
        training.train(TWO_HEADS, STACK, tmp_path / "deeper", start=first)
    assert not (tmp_path / "deeper").exists()


def test_folder_with_other_files(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match=r"has files but no config.json; choose another"):
        train(CONFIG, tmp_path)
    assert content(tmp_path) == {"thesis.tex": b"precious"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"config": 3}', '{"config": []}', "\0"])
def test_folder_with_an_unreadable_configuration(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match="config.json cannot be read"):
        runs.read_config(tmp_path)
    with pytest.raises(RunError, match="config.json cannot be read"):
        runs.check_same_config(tmp_path / "config.json", CONFIG)
    assert (tmp_path / "config.json").read_text() == text


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_folder_that_is_a_file(tmp_path, name):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunError, match="cannot write .*choose a folder"):
        train(CONFIG, tmp_path / name)
    with pytest.raises(RunError, match="is not a run folder: config.json is missing"):
        runs.read_config(tmp_path / name)
    assert (tmp_path / "file").read_text() == "precious"


def test_nothing_is_made_for_a_run_that_cannot_start(tmp_path):
    for wrong, words in (
        ({"crop": 64}, "crop is 64, wanted at most the image, 48 x 48"),
        ({"fold": 2}, "fold is 2, wanted an integer, 0 to 1"),
        ({"devices": 99}, "devices is 99, wanted at most"),
        ({"augment": {"noise": -1}}, "noise"),
        ({"loss_options": {"fn_weight": -1}}, "fn_weight is -1, wanted"),
        ({"network_options": {"depth": 0}}, "depth is 0, wanted"),
    ):
        with pytest.raises(ValueError, match=words):
            train(replace(CONFIG, **wrong), tmp_path / "run")
    with pytest.raises(ValueError, match="'synthetic' without membranes, wanted one that has"):
        train(CONFIG, tmp_path / "run", replace(STACK, membranes=None, labels=None))
    with pytest.raises(ValueError, match=r"data is 'kitti', wanted one of \('isbi2012', 'synth"):
        training.load_stack("kitti")
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
        (np, "savez", full_after_some_bytes),
        (keras.Model, "save", full),
        (runs.Path, "write_text", full),
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

    with monkeypatch.context() as patch:
        patch.setattr(target, name, fails_the_second_time)
        if name == "save":
            scored(patch, 0.1, 0.2)
        with pytest.raises(RunError, match=r"cannot write .*: No space left on device.*goes on"):
            train(CONFIG, folder)
    assert len(calls) == 2
    assert saved_step(folder) == {"savez": 2, "save": 4, "write_text": 2}[name]
    assert weights(folder)
    assert not list(folder.glob(".*partial*"))
    if name != "save":
        train(CONFIG, folder)
        assert_same_run(folder, finished[0])


# --- damaged files --------------------------------------------------------------------------


def test_damaged_state(finished, tmp_path):
    whole, network = (finished[0] / "last.npz").read_bytes(), build(CONFIG)
    middle = len(whole) // 2
    hole = whole[:middle] + bytes(200) + whole[middle + 200 :]
    for damage in (b"", whole[:10], whole[:middle], whole[:-1], hole, b"not a state at all"):
        (tmp_path / "last.npz").write_bytes(damage)
        with pytest.raises(RunError, match=r"last.npz cannot be read.*delete it to start anew"):
            runs.load_state(tmp_path, network)
    (tmp_path / "last.npz").write_bytes(whole)
    assert runs.load_state(tmp_path, network)[-1]["step"] == 6
    (tmp_path / "last.npz").unlink()
    assert runs.load_state(tmp_path, network) == []


def test_state_of_another_network(finished, tmp_path):
    shutil.copy(finished[0] / "last.npz", tmp_path)
    for options in ({"depth": 2}, {"base_filters": 3}):
        network = build(replace(CONFIG, network_options=OPTIONS | options))
        before = network.get_weights()
        with pytest.raises(
            RunError, match=r"read \(state does not fit the network: \d+ arrays diff"
        ):
            runs.load_state(tmp_path, network)
        assert_equal_arrays(network.get_weights(), before)


def test_damaged_network(finished, tmp_path):
    whole = (finished[0] / "best.keras").read_bytes()
    for damage in (b"", whole[:100], whole[: len(whole) // 2], b"text"):
        (tmp_path / "best.keras").write_bytes(damage)
        with pytest.raises(RunError, match=r"best.keras cannot be loaded as a Keras model"):
            training.load_network(tmp_path)
    with pytest.raises(RunError, match="no.keras holds no network"):
        training.load_network(tmp_path / "no.keras")


# --- steps ----------------------------------------------------------------------------------


def test_batches_depend_on_the_step_alone():
    indices = np.array([0, 1, 2])
    whole = CropBatches(STACK, indices, CONFIG, first=0, count=6)
    rest = CropBatches(STACK, indices, CONFIG, first=4, count=2)
    assert (len(whole), len(rest)) == (6, 2)
    backwards = [whole[i] for i in reversed(range(6))][::-1]
    for i in range(6):
        assert_equal_arrays(whole[i], backwards[i])
    for i in range(2):
        assert_equal_arrays(whole[4 + i], rest[i])
    images = [whole[i][0].tobytes() for i in range(6)]
    assert len(set(images)) == 6
    other = CropBatches(STACK, indices, replace(CONFIG, seed=1), first=0, count=1)
    assert not np.array_equal(other[0][0], whole[0][0])


def test_batches_come_from_the_training_slices_alone():
    numbers = np.arange(12, dtype="float32")[:, None, None, None] / 20
    images = np.broadcast_to(numbers, STACK.images.shape)
    numbered = data.Stack(images, STACK.membranes, "numbered")
    grey = {"brightness": 0.0, "contrast": 0.0, "gamma": 0.0, "noise": 0.0}
    config = replace(CONFIG, augment=grey)
    batches = CropBatches(numbered, FOLD.train, config, 0, 20)
    seen = {int(round(20 * float(image.mean()))) for i in range(20) for image in batches[i][0]}
    assert seen == set(FOLD.train.tolist())


def spoiled(patch, at, spoil):
    """Let the batch of one step pass through a function."""
    original = training.sample_batch

    def sample(stack, indices, batch_size, seed, step, config):
        batch = original(stack, indices, batch_size, seed, step, config)
        return spoil(*batch) if step == at else batch

    patch.setattr(training, "sample_batch", sample)


def test_loss_that_is_no_number(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        spoiled(patch, 3, lambda images, masks: (images * np.nan, masks))
        with pytest.raises(RunError, match=r"loss became nan before step 4; try a smaller learn"):
            train(CONFIG, tmp_path / "run")
    # What was saved before is sound, and goes on.
    assert saved_step(tmp_path / "run") == 2
    assert all(np.isfinite(w).all() for w in weights(tmp_path / "run"))


def test_patience(tmp_path, monkeypatch):
    scored(monkeypatch, 0.5, 0.6, 0.4, 0.6, 0.9)
    config = replace(CONFIG, steps=10, evaluate_every=1, patience=2)
    folder = train(config, tmp_path / "run")
    # Best at step 2; steps 3 and 4 bring nothing better, 5 is never taken.
    assert [r["step"] for r in history(folder)] == [1, 2, 3, 4]
    assert record_of(folder)["best_step"] == 2


def test_short_last_block(tmp_path):
    folder = train(replace(CONFIG, steps=5, evaluate_every=3), tmp_path / "run")
    assert [r["step"] for r in history(folder)] == [3, 5]


# --- final scores ---------------------------------------------------------------------------


def noisy_masks(changed=None):
    """A stack that is its own answer, but for noise; the masks of some slices may be others.

    Its best thresholds of the two scores differ, on the validation slices and on the test slices.
    """
    noise = np.random.default_rng(0).normal(0, 0.25, STACK.membranes.shape)
    images = np.clip(0.1 + 0.5 * STACK.membranes + noise, 0, 1).astype("float32")
    masks = STACK.membranes.copy()
    if changed is not None:
        masks[changed] = np.roll(masks[changed], 7, axis=1)[:, ::-1]
    return data.Stack(images, masks, "noisy masks")


@pytest.fixture(scope="module")
def unchanged():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Activation("linear")(image))


def test_thresholds_are_chosen_on_validation_slices(unchanged):
    record = evaluate(unchanged, noisy_masks(), FOLD, tta=False)
    other = evaluate(unchanged, noisy_masks(FOLD.test), FOLD, tta=False)
    assert other["thresholds"] == record["thresholds"]
    assert other["validation"] == record["validation"]
    assert other["test"] != record["test"]
    moved = evaluate(unchanged, noisy_masks(FOLD.validation), FOLD, tta=False)
    assert moved["validation"] != record["validation"]
    assert moved["test_scores"] == record["test_scores"]
    assert evaluate(unchanged, noisy_masks(FOLD.train), FOLD, tta=False) == record


def test_each_score_is_that_at_its_own_threshold(unchanged):
    stack = noisy_masks()
    record = evaluate(unchanged, stack, FOLD, tta=False)
    for thresholds, part in ((metrics.THRESHOLDS, record), (np.arange(20) / 20, record["fine"])):
        test, chosen = (
            metrics.score_stack(stack.membranes[which], stack.images[which], thresholds)
            for which in (FOLD.test, FOLD.validation)
        )
        best = chosen.best_v_rand()[0], chosen.best_v_info()[0]
        assert part["thresholds"] == dict(zip(("v_rand", "v_info"), best, strict=True))
        assert part["validation"] == chosen.row(*best)
        assert part["test_scores"] == test.to_dict()
        assert part["validation_scores"] == chosen.to_dict()
        places = [test.thresholds.tolist().index(threshold) for threshold in best]
        for name, own, others in zip(("v_rand", "v_info"), places, places[::-1], strict=True):
            means = getattr(test, name).mean(axis=0)
            assert part["test"][name] == pytest.approx(means[own])
            # What the other's threshold would give is far away.
            assert abs(means[own] - means[others]) > 0.05


# --- the network of a configuration -----------------------------------------------------------


def test_settings_reach_the_network():
    network = build(replace(TWO_HEADS, head_decay=1.0, target_rule="strided", jit=False))
    assert network.get_compile_config()["loss_weights"] == {"main": 0.5, "side2": 0.5}
    assert network.target_rule == "strided"
    assert network.loss["side2"].name == "focal_tversky"
    assert network.jit_compile is False
    assert network.layers[1].compute_dtype == "float32"
    half = build(replace(CONFIG, precision="mixed_bfloat16"))
    assert half.layers[1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_weights_depend_on_the_seed_alone():
    first, again, other = (build(replace(CONFIG, seed=seed)).get_weights() for seed in (5, 5, 6))
    assert_equal_arrays(first, again)
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_weighted_cross_entropy_weighs_membrane_by_alpha_and_cell_by_the_rest():
    options = {"loss": "weighted_cross_entropy", "loss_options": {"alpha": 0.8}}
    loss = build(replace(CONFIG, **options)).loss["main"]
    truth, guess = np.array([[1.0, 0.0]]), np.array([[0.25, 0.6]])
    wanted = -(0.8 * np.log(0.25) + 0.2 * np.log(0.4)) / 2
    assert float(loss(truth, guess)) == pytest.approx(wanted, abs=1e-6)


def test_losses_of_the_listing():
    network = build(TrainConfig("published_listing", loss="listing", target_rule="strided"))
    losses = network.loss
    names = {head: (loss.name, loss.pooling) for head, loss in losses.items()}
    sides = dict.fromkeys(("side2", "side4", "side8"), ("focal_tversky", "batch"))
    assert names == {"main": ("tversky", "batch"), **sides}
