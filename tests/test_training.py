"""Tests of training: one folder, killed at any moment, goes on as if nothing had happened."""

import contextlib
import errno
import json
import os
import shutil
import warnings
from dataclasses import replace

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
FILES = "best.keras config.json contact_sheet.png history.json last.npz metrics.json"
STACK = synthetic_stack(n=12, size=48, seed=0)
FOLD = data.folds(12)[1]


def train(config, folder, stack=STACK, start=None):
    return training.train(config, stack, folder, start=start)


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
    arrays = runs.read_arrays(folder / "last.npz")
    del arrays["progress"]
    return arrays


def history(folder):
    rows = json.loads((folder / "history.json").read_text())
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def weights(path):
    return training.load_network(path).get_weights()


def assert_equal_arrays(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same_run(folder, reference):
    """Bit for bit the same state, scores and best network."""
    assert sorted(path.name for path in folder.iterdir()) == FILES.split()
    assert history(folder) == history(reference)
    assert state(folder).keys() == state(reference).keys()
    assert_equal_arrays(state(folder).values(), state(reference).values())
    assert_equal_arrays(weights(folder), weights(reference))
    here, there = (
        {**record_of(f), "history": 0, "training_seconds": 0} for f in (folder, reference)
    )
    assert here == there


# --- a run left alone -----------------------------------------------------------------------


def test_folder_of_a_run(finished, monkeypatch):
    folder, caught = finished
    assert [w for w in caught if issubclass(w.category, UserWarning | RuntimeWarning)] == []
    assert sorted(path.name for path in folder.iterdir()) == FILES.split()
    rows, record = history(folder), record_of(folder)
    assert [row["step"] for row in rows] == [2, 4, 6]
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([0.001, 0.0005, 0], abs=1e-8)
    assert record["best_step"] == max(rows, key=lambda row: row["v_rand"])["step"]
    slices = [record[f"{part}_slices"] for part in ("training", "validation", "test")]
    assert slices == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert set(record["baselines"]) == {"all cell", "all membrane"}
    origin = json.loads((folder / "config.json").read_text())
    assert {key: record[key] for key in origin} == origin
    assert runs.read_origin(folder)[0] == CONFIG
    assert origin["start"] is None
    assert {"python", "keras", "numpy", "device", "backend"} <= set(origin["environment"])
    before = content(folder)
    monkeypatch.setattr(training, "build", lambda config: pytest.fail("built again"))
    assert train(CONFIG, folder) == folder
    assert content(folder) == before


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


# --- killed at any moment -------------------------------------------------------------------


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
    """Let the evaluations of a run have these scores."""
    values, others = iter(v_rand), ("v_info", "dice_membrane", "dice_cell", "accuracy")
    row = dict.fromkeys(others, 0.5)
    patch.setattr(metrics.StackScores, "row", lambda *_: {"v_rand": next(values, 0.5), **row})


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
    for changes, stack, start, words in (
        ({"seed": 3}, STACK, None, r"\(seed: 0 -> 3\); choose another folder"),
        ({"steps": 8, "loss": "dice"}, STACK, None, "loss: 'focal_tversky' -> 'dice', steps: 6"),
        ({"network_options": {"base_filters": 3}}, STACK, None, "network_options: .*filters': 2"),
        ({}, data.Stack(STACK.images, masks, STACK.name), None, r"\(stack: 'synthetic, \(12, 48, "),
        ({}, data.Stack(masks, STACK.membranes, STACK.name), None, "stack: "),
        ({}, STACK, build(CONFIG), r"\(start: None -> 'datt_unet, \w{16}'\)"),
    ):
        with pytest.raises(RunError, match=words):
            train(replace(CONFIG, **changes), folder, stack, start)
    assert content(folder) == before


def test_run_from_a_network_says_from_which_and_goes_on_with_that_alone(tmp_path):
    first, other = (build(replace(CONFIG, seed=seed)) for seed in (7, 8))
    config, folder = replace(CONFIG, steps=1, learning_rate=1e-9), tmp_path / "run"
    train(config, folder, start=first)
    for found, given in zip(weights(folder), first.get_weights(), strict=True):
        if given.dtype == np.float32 and given.ndim == 4:
            np.testing.assert_allclose(found, given, atol=1e-6)
    before = content(folder)
    train(config, folder, start=first)
    for start in (other, None):
        with pytest.raises(RunError, match=r"\(start: 'datt_unet, \w{16}' -> "):
            train(config, folder, start=start)
    assert content(folder) == before
    with pytest.raises(ValueError, match=r"start does not fit the network: \d+ arrays differ; "):
        train(TWO_HEADS, tmp_path / "deeper", start=first)
    assert not (tmp_path / "deeper").exists()


def test_folder_that_is_no_run_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    for folder, words in (
        (tmp_path, "has files but no config.json; choose another"),
        (tmp_path / "thesis.tex", "cannot write .*choose a folder"),
        (tmp_path / "thesis.tex/below", "cannot write .*choose a folder"),
    ):
        with pytest.raises(RunError, match=words):
            runs.open_folder(folder, CONFIG, {})
        with pytest.raises(RunError, match="is not a run folder: config.json is missing"):
            runs.read_origin(folder)[0]
    assert content(tmp_path) == {"thesis.tex": b"precious"}
    for text in ("{", "[]", "{}", '{"config": 3}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(RunError, match="config.json cannot be read"):
            runs.open_folder(tmp_path, CONFIG, {"stack": "", "start": None})
        assert (tmp_path / "config.json").read_text() == text


def test_nothing_is_made_for_a_run_that_cannot_start(tmp_path):
    for wrong, words in (
        ({"crop": 64}, "crop is 64, wanted at most the image, 48 x 48"),
        ({"fold": 2}, "fold is 2, wanted an integer, 0 to 1"),
        ({"devices": 99}, "devices is 99, wanted an integer, 0 to "),
        ({"augment": {"noise": -1}}, "noise"),
        ({"loss_options": {"fn_weight": -1}}, "fn_weight is -1, wanted"),
        ({"network_options": {"depth": 0}}, "depth is 0, wanted"),
        ({"network_options": {**OPTIONS, "depth": 6}}, "crop is 32, wanted a multiple of 64"),
        ({"network_options": {**OPTIONS, "input_channels": 3}}, "input_channels is 3, wanted 1: "),
    ):
        with pytest.raises(ValueError, match=words):
            train(replace(CONFIG, **wrong), tmp_path / "run")
    blank = np.where(np.arange(12) == 5, 1, STACK.membranes.T).T
    for masks, words in (
        (blank, "stack has no cell in slice 5, wanted some in every slice"),
        (None, "stack is 'synthetic' without membranes, wanted one that has them"),
    ):
        stack = replace(STACK, membranes=masks, labels=None)
        with pytest.raises(ValueError, match=words):
            train(CONFIG, tmp_path / "run", stack)
        with pytest.raises(ValueError, match=words):
            evaluate(None, stack, None)
    assert not (tmp_path / "run").exists()


def test_full_disk(tmp_path, monkeypatch):
    folder, savez, calls = tmp_path / "run", np.savez, []

    def full_the_second_time(file, **arrays):
        calls.append(file)
        if len(calls) == 1:
            return savez(file, **arrays)
        file.write(b"half of a state")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full_the_second_time)
    with pytest.raises(RunError, match=r"cannot write .*last.npz: No space left .*goes on"):
        train(CONFIG, folder)
    assert history(folder)[-1]["step"] == 2
    assert not list(folder.glob(".*partial*"))


# --- damaged files --------------------------------------------------------------------------


def test_damaged_state_and_that_of_another_network(finished, tmp_path):
    whole, network = (finished[0] / "last.npz").read_bytes(), build(CONFIG)
    middle = len(whole) // 2
    hole = whole[:middle] + bytes(200) + whole[middle + 200 :]
    for damage in (b"", whole[:10], whole[:middle], whole[:-1], hole, b"not a state at all"):
        (tmp_path / "last.npz").write_bytes(damage)
        with pytest.raises(RunError, match=r"last.npz cannot be read.*delete it to start anew"):
            runs.load_state(tmp_path, network)
    (tmp_path / "last.npz").write_bytes(whole)
    assert runs.load_state(tmp_path, network)[-1]["step"] == 6
    for options in ({"depth": 2}, {"base_filters": 3}):
        network = build(replace(CONFIG, network_options=OPTIONS | options))
        before = network.get_weights()
        with pytest.raises(RunError, match=r"state does not fit the network: \d+ arrays differ; "):
            runs.load_state(tmp_path, network)
        assert_equal_arrays(network.get_weights(), before)


# --- steps ----------------------------------------------------------------------------------


def test_batches_depend_on_seed_and_step_alone():
    whole = CropBatches(STACK, FOLD.train, CONFIG, first=0, count=6)
    rest = CropBatches(STACK, FOLD.train, CONFIG, first=4, count=2)
    other = CropBatches(STACK, FOLD.train, replace(CONFIG, seed=1), first=0, count=1)
    assert (len(whole), len(rest)) == (6, 2)
    backwards = [whole[i] for i in reversed(range(6))][::-1]
    for i, again in [*enumerate(backwards), (4, rest[0]), (5, rest[1])]:
        assert_equal_arrays(whole[i], again)
    assert len({images.tobytes() for images, _ in [*backwards, other[0]]}) == 7


def test_loss_that_is_no_number(tmp_path, monkeypatch):
    original = training.sample_batch

    def spoiled(stack, indices, batch_size, seed, step, config):
        assert indices.tolist() == FOLD.train.tolist()
        images, masks = original(stack, indices, batch_size, seed, step, config)
        return images * (np.nan if step == 3 else 1), masks

    monkeypatch.setattr(training, "sample_batch", spoiled)
    with pytest.raises(RunError, match=r"loss became nan before step 4; try a smaller learn"):
        train(CONFIG, tmp_path / "run")
    # What was saved before is sound, and goes on.
    assert history(tmp_path / "run")[-1]["step"] == 2
    assert all(np.isfinite(w).all() for w in weights(tmp_path / "run"))


def test_patience_and_a_short_last_block(tmp_path, monkeypatch):
    scored(monkeypatch, 0.5, 0.6, 0.4, 0.6, 0.7, 0.7)
    folder = train(replace(CONFIG, steps=12, evaluate_every=2, patience=2), tmp_path / "run")
    # Best at step 4; steps 5 to 8 bring nothing better, 9 is never taken.
    assert [row["step"] for row in history(folder)] == [2, 4, 6, 8]
    assert record_of(folder)["best_step"] == 4
    folder = train(replace(CONFIG, steps=5, evaluate_every=3), tmp_path / "short")
    assert [row["step"] for row in history(folder)] == [3, 5]


# --- final scores ---------------------------------------------------------------------------


def test_each_score_is_that_at_its_own_threshold_chosen_on_validation_slices():
    # A stack that is its own answer, but for noise: the best thresholds of the scores differ.
    noise = np.random.default_rng(0).normal(0, 0.25, STACK.membranes.shape)
    noisy = np.clip(0.1 + 0.5 * STACK.membranes + noise, 0, 1).astype("float32")
    stack, image = replace(STACK, images=noisy), keras.Input((None, None, 1))
    unchanged = keras.Model(image, keras.layers.Activation("linear")(image))
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


@pytest.mark.parametrize(
    ("kind", "said", "wanted"),
    [("cpu", None, True), ("gpu", None, False), ("gpu", True, True), ("cpu", False, False)],
)
def test_operations_are_deterministic_on_a_cpu_or_where_it_is_said(monkeypatch, kind, said, wanted):
    tf, asked = pytest.importorskip("tensorflow"), []
    monkeypatch.setattr(training.devices, "accelerator", lambda: kind)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    training._prepare_process(TrainConfig(deterministic=said))
    assert asked == [True] * wanted
