"""Tests of deep supervision: targets, weights, and that every head gets its own loss."""

import os

import keras
import numpy as np
import pytest
from keras import ops

from damunet_lite import data, metrics
from damunet_lite.losses import FocalTverskyLoss, TverskyLoss
from damunet_lite.models import build_network, published_listing
from damunet_lite.supervision import TARGET_RULES, SegmentationNetwork, head_targets, head_weights

MASK = np.array([[0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 1]], "float32").reshape(
    1, 4, 4, 1
)
SIZES = {"main": (4, 4), "side2": (2, 2), "side4": (1, 1)}


def numbers(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


# --- targets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "side2", "side4"),
    [
        ("any_membrane", [[1, 0], [1, 1]], 1),
        ("area", [[0.25, 0], [1, 0.25]], 6 / 16),
        ("strided", [[0, 0], [1, 0]], 0),
    ],
)
def test_target_of_a_tiny_mask(rule, side2, side4):
    targets = head_targets(MASK, SIZES, rule)
    assert list(targets) == ["main", "side2", "side4"]
    np.testing.assert_array_equal(numbers(targets["main"]), MASK)
    np.testing.assert_allclose(numbers(targets["side2"])[0, ..., 0], side2)
    np.testing.assert_allclose(numbers(targets["side4"]).ravel(), [side4])


@pytest.mark.parametrize("rule", TARGET_RULES)
def test_sides_shrink_on_their_own(rule):
    # Height by 3, width by 2; every image of the batch by itself.
    mask = np.zeros((2, 6, 4, 1), "float32")
    mask[1, 3, 2] = 1
    target = numbers(head_targets(mask, {"side": (2, 2)}, rule)["side"])
    assert target.shape == (2, 2, 2, 1)
    assert target[0].max() == 0
    value = {"any_membrane": 1, "area": 1 / 6, "strided": 1}[rule]
    np.testing.assert_allclose(target[1, ..., 0], [[0, 0], [0, value]])


def test_any_membrane_is_the_default_rule():
    assert numbers(head_targets(MASK, {"side2": (2, 2)})["side2"]).sum() == 3


def test_rule_and_size_errors():
    with pytest.raises(ValueError, match="rule is 'mean', wanted one of .*'area'"):
        head_targets(MASK, SIZES, "mean")
    with pytest.raises(
        ValueError, match=r"mask has height and width \(4, 4\), wanted .*'side2', \(3, 2\)"
    ):
        head_targets(MASK, {"side2": (3, 2)})
    for wrong in (MASK[..., 0], MASK[0]):
        with pytest.raises(ValueError, match=r"mask has shape .*, wanted \[N, H, W, 1\]"):
            head_targets(wrong, SIZES)


# --- weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.1, 0.5, 1, 2])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_head_weights_are_shares(decay, count):
    names = ["main", "side2", "side4", "side8"][:count]
    weights = head_weights(names, decay)
    assert list(weights) == names
    assert sum(weights.values()) == pytest.approx(1)
    values = list(weights.values())
    for fine, coarse in zip(values, values[1:], strict=False):
        assert coarse / fine == pytest.approx(decay)


@pytest.mark.parametrize("decay", [0, -1, float("nan")])
def test_bad_decay_is_named(decay):
    with pytest.raises(ValueError, match="decay is .*, wanted a number > 0"):
        head_weights(["main"], decay)


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


def loss_gradients(network, x, y):
    """Largest absolute gradient of the compiled loss by each layer's weights."""
    variables = network.trainable_variables
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = network.compute_loss(x, y, network(x, training=True))
        slopes = tape.gradient(loss, variables)
    elif backend == "torch":
        loss = network.compute_loss(x, ops.convert_to_tensor(y), network(x, training=True))
        loss.backward()
        slopes = [v.value.grad for v in variables]
    else:
        pytest.skip("this gradient is taken on TensorFlow and PyTorch")
    largest = {}
    for variable, slope in zip(variables, slopes, strict=True):
        size = 0.0 if slope is None else float(np.abs(numbers(slope)).max())
        layer = variable.path.split("/")[0]
        largest[layer] = max(largest.get(layer, 0.0), size)
    return largest


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "reversed"])
@pytest.mark.parametrize("head", HEADS)
def test_one_hot_weight_trains_that_head_alone(batch, head, turned):
    network = deep_network()
    weights = {name: float(name == head) for name in HEADS}
    loss = dict.fromkeys(HEADS, TverskyLoss())
    if turned:
        weights = dict(reversed(weights.items()))
        loss = {name: loss[name] for name in sorted(HEADS, reverse=True)}
    network.compile("sgd", loss, loss_weights=weights)
    largest = loss_gradients(network, *batch)
    for name in HEADS:
        assert (largest[f"{name}_logits"] > 0) == (name == head), name
    # The decoder above the head's own level stays untouched, everything below moves.
    levels = {"main": 1, "side2": 2, "side4": 3, "side8": 4}
    for name, level in levels.items():
        assert (largest[f"up{level}_conv1"] > 0) == (level >= levels[head]), name
    assert largest["bottom_conv1"] > 0


@pytest.mark.parametrize("rule", TARGET_RULES)
def test_each_head_gets_the_loss_of_its_own_target(batch, rule):
    x, y = batch
    network = deep_network()
    network.compile("sgd", FocalTverskyLoss(), target_rule=rule)
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    outputs = network(x)
    total = 0.0
    weights = [8 / 15, 4 / 15, 2 / 15, 1 / 15]
    for head, weight in zip(HEADS, weights, strict=True):
        p = numbers(outputs[head]).astype("float64")
        step = 32 // p.shape[1]
        blocks = y.reshape(2, p.shape[1], step, p.shape[2], step, 1)
        target = {
            "any_membrane": blocks.max((2, 4)),
            "area": blocks.mean((2, 4)),
            "strided": y[:, ::step, ::step],
        }[rule].astype("float64")
        tp, fn, fp = (
            (a * b).sum((1, 2, 3)) for a, b in ((target, p), (target, 1 - p), (1 - target, p))
        )
        index = (tp + 1) / (tp + 0.7 * fn + 0.3 * fp + 1)
        loss = ((1 - index) ** 0.75).mean()
        assert report[f"{head}_loss"] == pytest.approx(loss, abs=1e-5), head
        total += weight * loss
    assert report["loss"] == pytest.approx(total, abs=1e-5)


class Constant(keras.losses.Loss):
    """The same number whatever the prediction: tells which loss a head was given."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def call(self, y_true, y_pred):
        return self.number + 0 * ops.mean(y_pred)


def test_losses_by_name_reach_the_named_heads(batch):
    network = deep_network()
    numbered = {"side4": 3.0, "main": 1.0, "side8": 4.0, "side2": 2.0}
    network.compile(
        "sgd",
        {name: Constant(number) for name, number in numbered.items()},
        loss_weights={"side8": 0.4, "side2": 0.2, "main": 0.1, "side4": 0.3},
    )
    report = network.evaluate(*batch, verbose=0, return_dict=True)
    for name, number in numbered.items():
        assert report[f"{name}_loss"] == pytest.approx(number)
    assert report["loss"] == pytest.approx(0.1 + 0.4 + 0.9 + 1.6)


def test_metrics_see_the_main_head_alone(batch):
    x, y = batch
    network = deep_network()
    network.compile(
        "sgd",
        TverskyLoss(),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.MeanSquaredError()],
    )
    history = network.fit(x, y, epochs=1, verbose=0, validation_data=(x, y)).history
    expected_names = {"loss", "accuracy", "mean_squared_error", *(f"{head}_loss" for head in HEADS)}
    assert set(history) == expected_names | {f"val_{name}" for name in expected_names}
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    main = numbers(network(x)["main"])
    assert report["accuracy"] == pytest.approx(((main > 0.5) == (y > 0.5)).mean(), abs=1e-6)
    assert report["mean_squared_error"] == pytest.approx(((main - y) ** 2).mean(), abs=1e-6)


def test_predict_gives_the_main_array(batch):
    x, _ = batch
    network = deep_network()
    expected = numbers(network(x)["main"])
    assert np.ptp(expected) > 0
    for compiled in (False, True):
        if compiled:
            network.compile("sgd", TverskyLoss())
        for found in (
            network.predict(x, verbose=0),
            network.predict(x, batch_size=1, verbose=0),
            numbers(network.predict_on_batch(x)),
        ):
            assert isinstance(found, np.ndarray)
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_training_reaches_what_predict_returns(batch):
    x, y = batch
    network = deep_network(depth=2)
    network.compile(keras.optimizers.Adam(0.01), TverskyLoss())
    before = network.predict(x, verbose=0)
    history = network.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert np.abs(network.predict(x, verbose=0) - before).max() > 1e-3


class OfFullSize(keras.losses.Loss):
    """Refuses a map of any other size than the batch's own."""

    def call(self, y_true, y_pred):
        if y_pred.shape[1] not in (32, 16, 8, 4) or y_pred.shape[0] == 1:
            raise ValueError("a map of another size")
        return ops.mean((y_true - y_pred) ** 2, axis=(1, 2, 3))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow traces twice")
@pytest.mark.parametrize(
    ("supervised", "loss"), [(True, TverskyLoss()), (False, TverskyLoss()), (True, OfFullSize())]
)
def test_a_step_is_traced_once(batch, monkeypatch, supervised, loss):
    traced, step = [], SegmentationNetwork.train_step
    monkeypatch.setattr(
        SegmentationNetwork, "train_step", lambda self, data: traced.append(1) or step(self, data)
    )
    network = build_network(deep_supervision=supervised, base_filters=2, depth=2)
    network.compile("sgd", loss, metrics=[keras.metrics.MeanSquaredError()])
    for _ in range(2):
        network.fit(*batch, verbose=0)
    assert len(traced) == 1


def test_network_with_one_output_is_an_ordinary_model(batch):
    x, y = batch
    network = build_network(base_filters=2, depth=2)
    assert network.heads == ("main",)
    network.compile("sgd", {"main": TverskyLoss()}, metrics=["accuracy"])
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    p = network.predict(x, verbose=0)
    assert report["loss"] == pytest.approx(float(TverskyLoss()(y, p)), abs=1e-5)
    assert set(report) == {"loss", "accuracy"}


def test_sample_weights_reach_every_head(batch):
    x, y = batch
    network = deep_network()
    network.compile("sgd", TverskyLoss())
    first = network.test_on_batch(x[:1], y[:1], return_dict=True)
    network.reset_metrics()
    # Weight 2 on the first of two images and 0 on the second: the first one's loss.
    weighted = network.test_on_batch(
        x, y, sample_weight=np.array([2.0, 0.0], "float32"), return_dict=True
    )
    assert weighted["loss"] == pytest.approx(first["loss"], abs=1e-5)


def test_compile_errors():
    network = deep_network()
    with pytest.raises(ValueError, match="target_rule is 'mean', wanted one of"):
        network.compile("sgd", TverskyLoss(), target_rule="mean")
    with pytest.raises(
        ValueError, match="loss is .*'main'.*, wanted one for each of the heads .*'side8'"
    ):
        network.compile("sgd", {"main": TverskyLoss()})
    with pytest.raises(
        ValueError, match="loss_weights is .*'side3'.*, wanted one for each of the heads"
    ):
        network.compile("sgd", TverskyLoss(), loss_weights={"main": 0.5, "side3": 0.5})


def test_compile_settings_survive_a_file(tmp_path, batch):
    network = deep_network("gate")
    weights = {"main": 0.4, "side2": 0.3, "side4": 0.2, "side8": 0.1}
    losses = dict.fromkeys(HEADS, TverskyLoss(0.6, 0.1))
    losses["main"] = FocalTverskyLoss(exponent=0.5)
    network.compile("adam", losses, loss_weights=weights, target_rule="strided")
    expected = network.evaluate(*batch, verbose=0, return_dict=True)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(copy, SegmentationNetwork)
    found = copy.evaluate(*batch, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, abs=1e-5)


def test_listing_on_its_own_terms(batch):
    x, y = batch
    network = published_listing()
    focal = FocalTverskyLoss(pooling="batch")
    losses = {"main": TverskyLoss(pooling="batch"), "side2": focal, "side4": focal, "side8": focal}
    network.compile("sgd", losses, target_rule="strided")
    report = network.evaluate(x, y, verbose=0, return_dict=True)
    outputs = network(x)
    expected = float(focal(y[:, ::8, ::8], outputs["side8"]))
    assert report["side8_loss"] == pytest.approx(expected, abs=1e-4)
    expected = float(TverskyLoss(pooling="batch")(y, outputs["main"]))
    assert report["main_loss"] == pytest.approx(expected, abs=1e-4)


# --- what a coarse target keeps -------------------------------------------------------------


def test_cells_that_a_coarse_target_keeps():
    """4-connected groups of cell pixels, mean over 30 slices; membrane is what exceeds 1/2."""
    if not os.environ.get("DAMUNET_DATA"):
        pytest.skip("needs the real stack: set DAMUNET_DATA")
    masks = data.isbi2012().membranes
    size = {"side8": (masks.shape[1] // 8, masks.shape[2] // 8)}
    targets = {rule: numbers(head_targets(masks, size, rule)["side8"]) for rule in TARGET_RULES}
    counts = {
        name: np.mean([metrics.label_cells(m[..., 0] <= 0.5).max() for m in stack])
        for name, stack in {"mask": masks, **targets}.items()
    }
    assert {name: round(count, 1) for name, count in counts.items()} == {
        "mask": 114.4,
        "any_membrane": 103.2,
        "area": 34.4,
        "strided": 30.3,
    }
