"""Tests of the networks: sizes, names, graph, files that load elsewhere."""

import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from damunet_lite import models
from damunet_lite.layers import CBAM, AttentionGate
from damunet_lite.losses import FocalTverskyLoss
from damunet_lite.models import PRESETS, build_network, published_listing
from damunet_lite.supervision import SegmentationNetwork

SMALL = {"base_filters": 2, "depth": 2}


def image(size=16, n=1, channels=1, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels)).astype("float32")


def layer_names(network):
    return {layer.name for layer in network.layers}


def ancestors(network, name):
    """Names of all layers from which data flows into the layer ``name``."""
    found, waiting = set(), [network.get_layer(name)]
    while waiting:
        layer = waiting.pop()
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes:
                if parent.operation.name not in found:
                    found.add(parent.operation.name)
                    waiting.append(parent.operation)
    return found


def parents(network, name):
    nodes = network.get_layer(name)._inbound_nodes
    return {parent.operation.name for node in nodes for parent in node.parent_nodes}


def scramble(network, seed=3):
    """Give every weight a value of its own, running variances positive."""
    rng = np.random.default_rng(seed)
    network.set_weights(
        [w + rng.uniform(0.01, 0.1, w.shape).astype("float32") for w in network.get_weights()]
    )
    return network


# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 5_638_503),
        ({"correct_gate3": True}, 5_669_703),
        ({"correct_gate3": True, "full_conv4": True}, 8_573_511),
    ],
)
def test_parameters_of_the_listing(options, count):
    assert published_listing(**options).count_params() == count


def convolution(inputs, outputs, size, bias=True):
    return size * size * inputs * outputs + bias * outputs


def block(inputs, outputs):
    """Two 3 x 3 convolutions without bias, each followed by a batch norm of four numbers."""
    first = convolution(inputs, outputs, 3, False)
    return first + convolution(outputs, outputs, 3, False) + 8 * outputs


def counted(attention=None, deep=False, multi=False, base=32, depth=4, channels=1):
    """Number of parameters, worked out from the architecture alone."""
    width = [base * 2**i for i in range(depth + 1)]
    total = block(channels, width[0]) + block(width[-2], width[-1])
    for i in range(1, depth):
        scaled = width[i] if multi else 0
        total += multi * convolution(channels, width[i], 3) + block(width[i - 1] + scaled, width[i])
    for i in range(depth):
        total += convolution(width[i + 1], width[i], 2) + block(2 * width[i], width[i])
        if i and attention in ("gate", "both"):
            inter = width[i] // 2
            total += convolution(width[i], inter, 2) + convolution(width[i + 1], inter, 1)
            total += convolution(inter, 1, 1)
        if i and attention in ("cbam", "both"):
            hidden = max(width[i] // 8, 1)
            total += convolution(width[i], hidden, 1) + convolution(hidden, width[i], 1)
            total += convolution(2, 1, 7, False)
        if i == 0 or deep:
            total += convolution(width[i], 1, 1)
    return total


@pytest.mark.parametrize(
    ("preset", "options", "count"),
    [
        ("unet", {}, 7_768_353),
        ("att_unet", {"attention": "gate"}, 8_027_076),
        ("datt_unet", {"attention": "gate", "deep": True}, 8_027_527),
        ("damu_net", {"attention": "gate", "deep": True, "multi": True}, 8_806_151),
    ],
)
def test_parameters_of_the_presets(preset, options, count):
    assert counted(**options) == count
    assert PRESETS[preset]().count_params() == count


@pytest.mark.parametrize("attention", models.ATTENTIONS)
def test_parameters_of_every_attention(attention):
    network = build_network(attention, True, True, base_filters=8, depth=3, input_channels=2)
    expected = counted(attention, True, True, base=8, depth=3, channels=2)
    assert network.count_params() == expected


# --- outputs and names ----------------------------------------------------------------------


@pytest.mark.parametrize("attention", models.ATTENTIONS)
@pytest.mark.parametrize(("multi", "depth"), [(False, 1), (True, 2), (True, 5)])
def test_depth_sets_heads_and_size(attention, multi, depth):
    # NumPy's numbers are numbers, and go into files.
    options = {"base_filters": np.int64(1), "depth": np.int32(depth), "dropout": np.float32(0.5)}
    network = build_network(attention, True, multi, input_channels=np.uint8(2), **options)
    json.dumps(network.get_config())
    assert network.heads == ("main", *(f"side{2**i}" for i in range(1, depth)))
    size = 2**depth
    out = network(np.zeros((2, size, 3 * size, 2), "float32"))
    for i, head in enumerate(network.heads):
        assert tuple(out[head].shape) == (2, size // 2**i, 3 * size // 2**i, 1)
        assert keras.backend.standardize_dtype(out[head].dtype) == "float32"


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    network = PRESETS[name](**SMALL)
    assert isinstance(network, SegmentationNetwork)
    assert network.name == name
    assert not network.compiled
    gated, deep = name != "unet", name in ("datt_unet", "damu_net")
    assert ("up2_gate" in layer_names(network)) == gated
    assert network.heads == (("main", "side2") if deep else ("main",))
    assert ("scale2_conv" in layer_names(network)) == (name == "damu_net")
    assert PRESETS[name](name="other", **SMALL).name == "other"
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in network.layers)


def test_layer_names_tell_the_place():
    names = layer_names(build_network("both", True, True, base_filters=2, depth=3))
    wanted = {"image", "down1_conv1", "down3_norm2", "bottom_relu1", "up3_upsample", "up2_gate"}
    wanted |= {"up3_cbam", "scale4_conv", "side4", "side4_logits", "main", "main_logits"}
    assert wanted <= names
    assert "up1_gate" not in names


@pytest.mark.parametrize("attention", ["gate", "cbam", "both"])
def test_attention_sits_on_every_skip_but_the_finest(attention):
    network = build_network(attention, base_filters=2, depth=3)
    for kind, wanted in ((AttentionGate, ("gate", "both")), (CBAM, ("cbam", "both"))):
        count = sum(isinstance(layer, kind) for layer in network.layers)
        assert count == (2 if attention in wanted else 0)
    last = "up2_gate" if attention == "gate" else "up2_cbam"
    assert last in parents(network, "up2_concat")
    if attention == "both":
        assert parents(network, "up2_cbam") == {"up2_gate"}
    if attention != "cbam":
        assert parents(network, "up2_gate") == {"down2_relu2", "up3_relu2"}


def test_probabilities():
    network = scramble(build_network("both", True, True, **SMALL))
    for head in network(image()).values():
        values = keras.ops.convert_to_numpy(head)
        assert values.min() >= 0
        assert values.max() <= 1
        assert np.ptp(values) > 0


def test_multi_scale_input_reaches_the_encoder():
    for multi in (True, False):
        network = build_network(multi_scale=multi, base_filters=2, depth=3)
        # Cut the way from the first level to the second: only the pooled image still counts.
        for layer in network.layers:
            if layer.name.startswith(("down1", "up1_upsample")):
                layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
        assert ("scale2_pool" in ancestors(network, "down2_conv1")) == multi
        assert ("scale4_pool" in ancestors(network, "down3_conv1")) == multi
        probe = keras.Model(network.inputs, network.get_layer("bottom_relu2").output)
        change = probe([image(seed=1)]) - probe([image(seed=2)])
        assert (float(keras.ops.max(keras.ops.abs(change))) > 1e-4) == multi


def test_batch_norm_momentum_and_dropout_arrive():
    network = build_network(batch_norm_momentum=0.8, dropout=0.25, **SMALL)
    momenta = [layer.momentum for layer in network.layers if hasattr(layer, "momentum")]
    assert momenta == [0.8] * 10
    assert network.get_layer("bottom_dropout").rate == 0.25


# --- the listing ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listing():
    return published_listing()


def test_listing_outputs(listing):
    out = listing(np.zeros((1, 16, 32, 1), "float32"))
    assert listing.heads == ("main", "side2", "side4", "side8")
    for head, factor in zip(listing.heads, (1, 2, 4, 8), strict=True):
        assert tuple(out[head].shape) == (1, 16 // factor, 32 // factor, 1)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in listing.layers)


def test_listing_layer_sizes(listing):
    widths = {
        32: ("conv1_1", "gate3_theta", "up1_upsample", "up3_upsample", "up4_upsample", "conv9_1"),
        64: ("conv2_2", "conv4_2", "scale2_conv", "gate2_theta", "up2_upsample", "conv8_1"),
        128: ("conv3_1", "scale4_conv", "gate1_theta", "conv7_1"),
        256: ("scale8_conv", "conv6_1"),
        512: ("center_1",),
    }
    for count, names in widths.items():
        found = {name: listing.get_layer(name).filters for name in names}
        assert found == dict.fromkeys(names, count)


def test_upsampling_of_the_listing_ends_in_a_relu():
    listing = scramble(published_listing())
    for name in ("up1", "up2", "up3", "up4"):
        layer = listing.get_layer(f"{name}_upsample")
        x = np.random.default_rng(0).standard_normal((1, 4, 4, layer.kernel.shape[-1]))
        values = keras.ops.convert_to_numpy(layer(x.astype("float32")))
        assert values.min() == 0, name
        assert 0.1 < (values > 0).mean() < 0.9, name


def named_glorot_normal(name):
    """Whether the public code names an initialiser here: blocks, signals, decoder."""
    return re.fullmatch(r"(conv\d|center)_[12]|signal\d_conv|up\d_upsample", name) is not None


def test_first_weights_of_the_listing():
    """Deviation sqrt(2 / (fan in + fan out)); what lies far out tells normal from uniform.

    A uniform distribution ends at sqrt(3) deviations, Keras's truncated normal one at 2 / .88.
    """
    keras.utils.set_random_seed(0)
    listing, named = published_listing(full_conv4=True), []
    for layer in listing.layers:
        if not isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            continue
        kernel = layer.get_weights()[0].astype("float64")
        fans = kernel.shape[0] * kernel.shape[1] * (kernel.shape[2] + kernel.shape[3])
        deviations = kernel / np.sqrt(2 / fans)
        assert deviations.std() == pytest.approx(1, abs=4 / np.sqrt(kernel.size)), layer.name
        if kernel.size > 200:
            far = np.abs(deviations).max() > 1.8
            assert far == named_glorot_normal(layer.name), layer.name
        named += [layer.name] if named_glorot_normal(layer.name) else []
    assert len(named) == 25


def test_first_weights_of_the_presets():
    # he_normal: sqrt(2 / fan in), in the blocks and for the scaled image alike.
    keras.utils.set_random_seed(0)
    network = models.damu_net(base_filters=16, depth=3)
    for name in ("down2_conv1", "up1_conv2", "scale4_conv"):
        kernel = network.get_layer(name).get_weights()[0]
        deviation = np.sqrt(2 / kernel[..., 0].size)
        assert kernel.std() == pytest.approx(deviation, rel=0.1), name


def test_third_gate_takes_its_signal_one_level_too_deep(listing):
    assert parents(listing, "signal2_conv") == {"up1"}
    assert parents(listing, "signal3_conv") == {"up1"}
    assert listing.get_layer("gate3_enlarge").strides == (2, 2)
    corrected = published_listing(correct_gate3=True)
    assert parents(corrected, "signal3_conv") == {"up2"}
    assert corrected.get_layer("gate3_enlarge").strides == (1, 1)


def test_head_blocks_of_the_listing_feed_nothing_else(listing):
    for conv, head in (("conv6_1", "side8"), ("conv7_1", "side4"), ("conv8_1", "side2")):
        for other in set(listing.heads) - {head}:
            assert conv not in ancestors(listing, other)
        assert conv in ancestors(listing, head)


# --- arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attention": "gates"}, "attention is 'gates', wanted one of .*'gate'"),
        ({"base_filters": 0}, "base_filters is 0, wanted an integer >= 1"),
        ({"base_filters": 8.0}, "base_filters is 8.0, wanted an integer >= 1"),
        ({"depth": 0}, "depth is 0, wanted an integer >= 1"),
        ({"depth": True}, "depth is True, wanted an integer >= 1"),
        ({"input_channels": -1}, "input_channels is -1, wanted an integer >= 1"),
        ({"batch_norm_momentum": 1.5}, r"batch_norm_momentum is 1.5, wanted a number in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout is -0.1, wanted a number in \[0, 1\)"),
        ({"dropout": "half"}, r"dropout is 'half', wanted a number in \[0, 1\)"),
    ],
)
def test_bad_argument_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        build_network(**options)
    with pytest.raises(ValueError, match=words):
        models.damu_net(**options)


# --- files ----------------------------------------------------------------------------------

LOADER = """
import json, sys
import numpy as np
import damunet_lite
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
import keras
folder, report = sys.argv[1], {}
x = np.load(folder + "/x.npy")
for name in json.loads(sys.argv[2]):
    network = keras.models.load_model(f"{folder}/{name}.keras", safe_mode=True)
    expected = np.load(f"{folder}/{name}.npy")
    found = network.predict(x, verbose=0)
    report[name] = {
        "difference": float(np.abs(expected - found).max()),
        "weights": [w.tobytes().hex() for w in network.get_weights()], "heads": network.heads,
        "class": type(network).__name__, "compiled": network.compiled,
    }
    if network.compiled:
        loss = network.loss["main"]
        report[name]["loss"] = [type(loss).__name__, loss.get_config()]
        report[name]["evaluate"] = network.evaluate(x, np.round(x), verbose=0, return_dict=True)
        report[name]["rule"] = network.target_rule
        report[name]["iterations"] = int(network.optimizer.iterations)
print(json.dumps(report))
"""


def test_files_load_in_a_process_that_only_imports_the_package(tmp_path):
    x = image(16, n=2)
    networks = {name: make(**SMALL) for name, make in PRESETS.items()}
    networks["trained"] = build_network("both", True, True, dropout=0.1, **SMALL)
    expected = {}
    for name, network in networks.items():
        scramble(network)
        if name == "trained":
            network.compile(
                keras.optimizers.Adam(1e-3),
                FocalTverskyLoss(0.6, 0.2, 0.5),
                loss_weights={"side2": 0.25, "main": 0.75},
                target_rule="area",
                metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
            )
            network.fit(x, np.round(x), verbose=0, epochs=2)
            expected = network.evaluate(x, np.round(x), verbose=0, return_dict=True)
        network.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", network.predict(x, verbose=0))
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(tmp_path), json.dumps(list(networks))],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    for name, network in networks.items():
        assert report[name]["class"] == "SegmentationNetwork"
        assert tuple(report[name]["heads"]) == network.heads
        assert report[name]["weights"] == [w.tobytes().hex() for w in network.get_weights()]
        # Equal weights; two processes may add the products in another order.
        assert report[name]["difference"] < 1e-5, name
    trained = report["trained"]
    assert trained["compiled"]
    assert trained["loss"][0] == "FocalTverskyLoss"
    options = {"fn_weight": 0.6, "fp_weight": 0.2, "exponent": 0.5}
    assert options.items() <= trained["loss"][1].items()
    assert trained["rule"] == "area"
    assert trained["iterations"] == 2
    assert trained["evaluate"] == pytest.approx(expected, abs=1e-5)
    assert "accuracy" in expected


def test_images_of_many_sizes_one_after_the_other():
    network = build_network("both", True, True, **SMALL)
    for size in (8, 16, 12, 24, 20):
        assert network.predict(image(size), verbose=0).shape == (1, size, size, 1)
