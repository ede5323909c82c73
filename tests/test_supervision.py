"""Tests of deep supervision: targets, weights, and that every head gets its own loss."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from damunet_lite import devices
from damunet_lite.losses import FocalTverskyLoss, TverskyLoss, tversky_index
from damunet_lite.models import build_network
from damunet_lite.supervision import TARGET_RULES, SegmentationNetwork, head_targets, main_network


def numbers(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


# --- targets --------------------------------------------------------------------------------


def test_rule_and_size_errors():
    mask = np.zeros((2, 6, 4, 1), "float32")
    with pytest.raises(ValueError, match="rule is 'mean', wanted one of .*'area'"):
        head_targets(mask, {}, "mean")
    for size in ((4, 4), (6, 3)):
        message = r"mask has height and width \(6, 4\), wanted .*'side2', "
        with pytest.raises(ValueError, match=message):
            head_targets(mask, {"side2": size})
    for wrong in (mask[..., 0], mask[0]):
        with pytest.raises(ValueError, match=r"mask has shape .*, wanted \[N, H, W, 1\]"):
            head_targets(wrong, {})


# --- routing --------------------------------------------------------------------------------

HEADS = ("main", "side2", "side4", "side8")


def deep_network(attention=None, depth=4):
    keras.utils.set_random_seed(0)
    return build_network(attention, True, base_filters=2, depth=depth)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(2)
    x = rng.random((2, 32, 32, 1)).astype("float32")
    return x, (rng.random((2, 32, 32, 1)) < 0.1).astype("float32")


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "reversed"])
@pytest.mark.parametrize("head", HEADS)
def test_one_hot_weight_trains_that_head_alone(batch, head, turned):
    network = deep_network()
    order = HEADS[::-1] if turned else HEADS
    weights = {name: float(name == head) for name in order}
    loss = dict.fromkeys(sorted(HEADS, reverse=turned), TverskyLoss())
    network.compile(keras.optimizers.SGD(1.0), loss, loss_weights=weights, run_eagerly=True)
    before = {v.path: numbers(v) for v in network.trainable_variables}
    network.train_on_batch(*batch)
    changed = [v.path for v in network.trainable_variables if (numbers(v) != before[v.path]).any()]
    moved = {path.split("/")[0] for path in changed}
    assert [name for name in HEADS if f"{name}_logits" in moved] == [head]
    # The decoder above the head's own level stays untouched, everything below moves.
    level = HEADS.index(head) + 1
    assert [i for i in range(1, 5) if f"up{i}_conv1" in moved] == list(range(level, 5))
    assert "bottom_conv1" in moved


@pytest.mark.parametrize("rule", TARGET_RULES)
def test_each_head_gets_the_loss_of_its_own_target(batch, rule):
    x, y = batch
    network = deep_network()
    # as the listing has it: plain for the main head, focal for the others
    given = {**dict.fromkeys(HEADS, FocalTverskyLoss()), "main": TverskyLoss()}
    network.compile("sgd", given, target_rule=rule)
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    outputs = network(x)
    targets = head_targets(y, {head: outputs[head].shape[1:3] for head in HEADS}, rule)
    losses = [float(given[head](targets[head], outputs[head])) for head in HEADS]
    assert [report[f"{head}_loss"] for head in HEADS] == pytest.approx(losses, abs=1e-5)
    assert report["loss"] == pytest.approx(np.dot(losses, [8, 4, 2, 1]) / 15, abs=1e-5)


def test_metrics_see_the_main_head_alone(batch):
    x, y = batch
    network = deep_network()
    metrics = [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.MeanSquaredError()]
    network.compile("sgd", TverskyLoss(), metrics=metrics)
    history = network.fit(x, y, verbose=0, validation_data=(x, y)).history
    names = {"loss", "accuracy", "mean_squared_error", *(f"{head}_loss" for head in HEADS)}
    assert set(history) == names | {f"val_{name}" for name in names}
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    main = numbers(network(x)["main"])
    assert report["accuracy"] == pytest.approx(((main > 0.5) == (y > 0.5)).mean(), abs=1e-6)
    assert report["mean_squared_error"] == pytest.approx(((main - y) ** 2).mean(), abs=1e-6)


def test_predict_gives_the_main_array(batch):
    x, y = batch
    network, seen = deep_network(depth=2), []
    for learns in (False, True):
        if learns:
            network.compile(keras.optimizers.SGD(1.0), TverskyLoss(), run_eagerly=True)
            network.train_on_batch(x, y)
        seen.append(numbers(network(x)["main"]))
        one_by_one = network.predict(x, batch_size=1, verbose=0)
        for found in (network.predict(x, verbose=0), one_by_one, network.predict_on_batch(x)):
            assert isinstance(found, np.ndarray)
            np.testing.assert_allclose(found, seen[-1], atol=1e-5)
        assert network.main_network().run_eagerly == learns
    assert np.ptp(seen[0]) > 0
    assert np.abs(seen[1] - seen[0]).max() > 1e-3


def test_main_network_of_any_model():
    image = keras.Input((None, None, 1))
    foreign = keras.Model(image, {"other": image + 1, "main": 2 * image})
    x = np.ones((1, 3, 5, 1), "float32")
    assert main_network(foreign) is main_network(foreign)
    np.testing.assert_array_equal(main_network(foreign).predict(x, verbose=0), 2 * x)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel")
def test_an_exported_network_is_called_with_a_list_of_one(batch, tmp_path):
    import tensorflow as tf

    network = main_network(deep_network(depth=2))
    network.export(tmp_path, verbose=False)
    loaded = tf.saved_model.load(tmp_path)
    served = loaded.serve([tf.constant(batch[0])])
    np.testing.assert_allclose(served, network.predict(batch[0], verbose=0), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow traces twice")
@pytest.mark.parametrize(
    ("supervised", "metrics"),
    [(True, ["accuracy"]), (False, ["accuracy"]), (True, {"side2": ["accuracy"]})],
)
def test_a_step_is_traced_once(batch, monkeypatch, supervised, metrics):
    traced, step = [], SegmentationNetwork.train_step
    monkeypatch.setattr(
        SegmentationNetwork, "train_step", lambda self, data: traced.append(1) or step(self, data)
    )
    network = build_network(deep_supervision=supervised, base_filters=2, depth=2)
    network.compile("sgd", TverskyLoss(), metrics=metrics)
    for _ in range(2):
        network.fit(*batch, verbose=0)
    assert len(traced) == 1


# --- Keras's own words ----------------------------------------------------------------------

WEIGHTS = {"main": 0.4, "side2": 0.3, "side4": 0.2, "side8": 0.1}


def test_network_with_one_output_is_an_ordinary_model(batch):
    x, y = batch
    network = build_network(base_filters=2, depth=2)
    assert network.heads == ("main",)
    p = network.predict(x, verbose=0)
    loss = float(TverskyLoss()(y, p))
    for given, target in ((TverskyLoss(), y), ({"main": TverskyLoss()}, {"main": y})):
        network.compile("sgd", given, metrics=["accuracy"])
        report = network.evaluate(x, target, verbose=0, return_dict=True)
        assert report["loss"] == pytest.approx(loss, abs=1e-5)
        assert set(report) == {"loss", "accuracy"}


@pytest.mark.parametrize("given", [0.5, [0.5], {"main": np.float32(0.5)}])
def test_loss_weight_of_one_output_survives_a_file(given, batch, tmp_path):
    x, y = batch
    network = build_network(base_filters=2, depth=2)
    network.compile("sgd", TverskyLoss(), loss_weights=given)
    half = float(TverskyLoss()(y, network.predict(x, verbose=0))) / 2
    network.save(tmp_path / "network.keras")
    for one in (network, keras.models.load_model(tmp_path / "network.keras")):
        assert one.evaluate(x, y, verbose=0) == pytest.approx(half, abs=1e-5)


@pytest.mark.parametrize("given", [WEIGHTS, list(WEIGHTS.values())], ids=["dict", "list"])
def test_compile_settings_survive_a_file(given, tmp_path, batch):
    network = deep_network("gate")
    losses = dict.fromkeys(HEADS, TverskyLoss(0.6, 0.1))
    losses["main"] = FocalTverskyLoss(exponent=0.5)
    metrics = {"side4": [tversky_index], "main": ["accuracy"]}
    network.compile("adam", losses, loss_weights=given, target_rule="strided", metrics=metrics)
    expected = network.evaluate(*batch, verbose=0, return_dict=True)
    by_hand = sum(weight * expected[f"{head}_loss"] for head, weight in WEIGHTS.items())
    assert expected["loss"] == pytest.approx(by_hand, abs=1e-5)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(copy, SegmentationNetwork)
    assert copy.evaluate(*batch, verbose=0, return_dict=True) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("said", [True, False, "auto"])
def test_only_a_choice_of_the_user_travels_in_the_file(said, tmp_path, monkeypatch):
    network = build_network(base_filters=2, depth=2)
    monkeypatch.setattr(devices, "prefers_jit", lambda: True)
    # Keras turns XLA off where an earlier test has switched deterministic operations on.
    monkeypatch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda model: True)
    network.compile("sgd", TverskyLoss(), jit_compile=said)
    assert network.jit_compile is (said is not False)
    network.save(tmp_path / "network.keras")
    monkeypatch.setattr(devices, "prefers_jit", lambda: False)
    copy = keras.models.load_model(tmp_path / "network.keras")
    assert copy.jit_compile is (said is True)


@pytest.mark.parametrize("as_list", [False, True])
def test_metrics_by_head_see_that_head_and_its_target(batch, as_list):
    x, y = batch
    network = deep_network()
    metrics = [[], [], ["accuracy"], [tversky_index]]
    if not as_list:
        metrics = {"side8": [tversky_index], "side4": ["accuracy"]}
    network.compile("sgd", TverskyLoss(), metrics=metrics)
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    p = {head: numbers(map_) for head, map_ in network(x).items()}
    targets = head_targets(y, {"side4": (8, 8), "side8": (4, 4)})
    index = numbers(tversky_index(targets["side8"], p["side8"])).mean()
    assert report["side8_tversky_index"] == pytest.approx(index, abs=1e-5)
    right = ((p["side4"] > 0.5) == numbers(targets["side4"])).mean()
    assert report["side4_accuracy"] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("kind", [dict, list])
def test_targets_by_head_are_taken_as_given(batch, kind):
    x, _ = batch
    network = deep_network()
    network.compile("sgd", keras.losses.MeanSquaredError())
    p = {head: numbers(map_) for head, map_ in network(x).items()}
    targets = {head: p[head] + i for i, head in enumerate(HEADS)}
    given = targets if kind is dict else list(targets.values())
    report = network.test_on_batch(x, given, return_dict=True)
    for i, head in enumerate(HEADS):
        assert report[f"{head}_loss"] == pytest.approx(i**2, abs=1e-4)


class MyCrossEntropy(keras.losses.BinaryCrossentropy):
    """A subclass; like the function below it gives a value for each pixel."""


def my_cross_entropy(y_true, y_pred):
    return keras.losses.binary_crossentropy(y_true, y_pred)


PIXELWISE = [TverskyLoss(smooth=0), keras.losses.BinaryCrossentropy(), MyCrossEntropy()]
IMAGEWISE = [keras.losses.Dice(axis=(1, 2, 3)), lambda y, p: 1 - tversky_index(y, p)]


@pytest.mark.parametrize("loss", [*PIXELWISE, my_cross_entropy, *IMAGEWISE])
@pytest.mark.parametrize("form", ["images", "pixels", "pixels of one channel"])
def test_weights_of_images_and_pixels_reach_every_head(loss, form):
    # Four images of 4 x 4: a vector of weights laid along the width would not be noticed.
    rng = np.random.default_rng(3)
    x = rng.random((4, 4, 4, 1)).astype("float32")
    network = deep_network(depth=2)
    network.compile("sgd", loss)
    first = network.test_on_batch(x[:1], np.round(x[:1]), return_dict=True)
    weight = np.array([4, 0, 0, 0], "float32")
    if form != "images":
        weight = np.broadcast_to(weight.reshape(4, 1, 1), (4, 4, 4))
    weight = weight[..., None] if "channel" in form else weight
    network.compile("sgd", loss)
    if loss in IMAGEWISE and form != "images":
        with pytest.raises(ValueError, match=r"wanted \[N\]: the loss has one value an image"):
            network.test_on_batch(x, np.round(x), sample_weight=weight)
        return
    weighted = network.test_on_batch(x, np.round(x), sample_weight=weight, return_dict=True)
    for name, loss_value in first.items():  # arrays in Keras 3.13
        assert float(weighted[name]) == pytest.approx(float(loss_value), abs=1e-5), name


def test_side_heads_get_the_weights_shrunk_by_area():
    network = deep_network(depth=2)
    x = np.random.default_rng(3).random((1, 4, 4, 1)).astype("float32")
    weight = np.zeros((1, 4, 4), "float32")
    weight[0, :2, :2] = [[1, 2], [3, 6]]
    network.compile("sgd", keras.losses.MeanSquaredError())
    network.fit(x, 0 * x, sample_weight=weight, epochs=1, verbose=0)
    p = {head: numbers(map_)[0, ..., 0] for head, map_ in network(x).items()}
    report = network.evaluate(x, 0 * x, sample_weight=weight, verbose=0, return_dict=True)
    assert report["main_loss"] == pytest.approx((weight * p["main"] ** 2).mean(), rel=1e-4)
    # One pixel of four has weight: the mean of 1, 2, 3 and 6.
    assert report["side2_loss"] == pytest.approx(3 * p["side2"][0, 0] ** 2 / 4, rel=1e-4)


@pytest.mark.parametrize("size", [(2, 8, 8), (2, 64, 64, 1), (2, 32, 32, 3), (2, 32)])
@pytest.mark.parametrize("deep", [True, False])
def test_a_map_that_does_not_lie_over_the_image_is_refused(batch, size, deep):
    x, y = batch
    network = deep_network() if deep else build_network(base_filters=2)
    network.compile("sgd", "binary_crossentropy")
    for name, arrays in (("sample_weight", (y, np.ones(size))), ("y", (np.ones(size),))):
        message = rf"{name} has shape .*, wanted \(None, 32, 32, 1\)"
        with pytest.raises(ValueError, match=message):
            network.test_on_batch(x, *arrays)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"target_rule": "mean"}, "target_rule is 'mean', wanted one of"),
        ({"loss": {"main": TverskyLoss()}}, r"loss is \('main',\), wanted one for each .*'side8'"),
        ({"loss_weights": {"main": 0.5, "side3": 1}}, "loss_weights is .*'side3'.*, wanted one"),
        (
            {"loss_weights": [1, -1, 1, 1]},
            "loss_weights of side2 is -1, wanted a finite number >= 0",
        ),
        ({"loss_weights": [1, 2]}, r"loss_weights is \[1, 2\], wanted one for each of the heads"),
        ({"loss_weights": 0.5}, r"loss_weights is \[0.5\], wanted one for each of the heads"),
        ({"metrics": {"head9": ["accuracy"]}}, "metrics is .*'head9'.*, wanted one for each"),
        ({"weighted_metrics": {"head9": []}}, "weighted_metrics is .*'head9'.*, wanted"),
    ],
)
def test_compile_errors(words, message):
    with pytest.raises(ValueError, match=message):
        deep_network().compile("sgd", **{"loss": TverskyLoss(), **words})


# --- sizes ----------------------------------------------------------------------------------


def images_of(*sides, dynamic=False):
    """Batches of one image and its mask; their size known at once, or when they come."""
    pairs = [np.round(np.random.default_rng(s).random((2, 1, s, s, 1)), 2) for s in sides]
    if not dynamic:
        return ((x, np.round(y)) for x, y in pairs)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow knows a size so late")
    import tensorflow as tf

    spec = tf.TensorSpec((None, None, None, 1), "float32")
    return tf.data.Dataset.from_generator(lambda: images_of(*sides), output_signature=(spec, spec))


@pytest.mark.parametrize("rule", TARGET_RULES)
def test_sizes_that_are_known_only_when_the_network_runs(rule):
    sides = (16, 24, 8)
    network = deep_network(depth=2)
    network.compile("sgd", FocalTverskyLoss(), target_rule=rule)
    batches = images_of(*sides, dynamic=True)
    expected = [float(network.compute_loss(x, y, network(x))) for x, y in images_of(*sides)]
    report = network.evaluate(batches, verbose=0, return_dict=True)
    assert report["loss"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert np.isfinite(network.fit(batches, verbose=0).history["loss"])


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_size_that_does_not_divide_is_named(dynamic, deep):
    network = build_network("gate", deep, base_filters=2, depth=3)
    network.compile("sgd", TverskyLoss())
    for method in (network.fit, network.evaluate, network.predict):
        with pytest.raises(Exception, match="wanted multiples of 8: pad, or use inference.predict"):
            method(images_of(20, dynamic=dynamic), verbose=0)


# Two equal halves: their mean is what one device computes of one half, a pool of both is not.
TWO_DEVICES = """
import tensorflow as tf
cpus = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
import keras, numpy as np
from damunet_lite.losses import TverskyLoss
from damunet_lite.models import build_network

x, y = np.random.default_rng(0).random((2, 2, 8, 8, 1)).astype("float32")
def network(pooling):
    made = build_network(None, True, base_filters=2, depth=2, synchronized_norm=True)
    made.compile(keras.optimizers.SGD(1.0), TverskyLoss(pooling=pooling), metrics=["mse"])
    return made

for pooling in ("image", "batch"):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        both = network(pooling)
    one = network(pooling)
    one.set_weights(both.get_weights())
    xx, yy = np.concatenate([x, x]), np.concatenate([y, y])
    twice, once = both.fit(xx, yy, batch_size=4, shuffle=False), one.fit(x, y, batch_size=2)
    np.testing.assert_allclose(twice.history["loss"], once.history["loss"], atol=1e-5)
    for found, wanted in zip(both.get_weights(), one.get_weights()):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
"""


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a strategy of TensorFlow")
def test_loss_on_two_devices_is_the_mean_of_their_parts():
    command = [sys.executable, "-c", TWO_DEVICES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-3000:]
