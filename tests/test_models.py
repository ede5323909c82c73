"""Tests of the networks: sizes, names, graph, files that load elsewhere."""

import json
import pickle
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from damunet_lite import models
from damunet_lite.losses import FocalTverskyLoss
from damunet_lite.models import PRESETS, build_network, published_listing
from damunet_lite.supervision import SegmentationNetwork

SMALL = {"base_filters": 2, "depth": 2}


def image(size=16, n=1, channels=1, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels)).astype("float32")


def layer_names(network):
    return {layer.name for layer in network.layers}


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

WHOLE = {"deep_supervision": True, "multi_scale": True, "base_filters": 8, "depth": 3}
WHOLE["input_channels"] = 2


# The numbers were worked out from the drawings alone: kernels, biases, norms of four numbers.
@pytest.mark.parametrize(
    ("make", "options", "count"),
    [
        (models.unet, {}, 7_768_353),
        (models.att_unet, {}, 8_027_076),
        (models.datt_unet, {}, 8_027_527),
        (models.damu_net, {}, 8_806_151),
        (build_network, WHOLE, 134_291),
        (build_network, {**WHOLE, "attention": "gate"}, 138_205),
        (build_network, {**WHOLE, "attention": "cbam"}, 134_861),
        (build_network, {**WHOLE, "attention": "both"}, 138_775),
    ],
)
def test_parameters(make, options, count):
    assert make(**options).count_params() == count


# --- outputs and names ----------------------------------------------------------------------


@pytest.mark.parametrize(("attention", "depth"), [(None, 1), ("gate", 5), ("both", 2)])
def test_depth_sets_heads_and_size(attention, depth):
    # NumPy's numbers are numbers, and go into files.
    options = {"base_filters": np.int64(1), "depth": np.int32(depth), "dropout": np.float32(0.5)}
    network = build_network(attention, True, True, input_channels=np.uint8(2), **options)
    json.dumps(network.get_config())
    assert network.heads == ("main", *(f"side{2**i}" for i in range(1, depth)))
    size = 2**depth
    out = network(np.zeros((2, size, 3 * size, 2), "float32"))
    for i, head in enumerate(network.heads):
        assert tuple(out[head].shape) == (2, size // 2**i, 3 * size // 2**i, 1)
        assert keras.backend.standardize_dtype(out[head].dtype) == "float32"
        assert network.get_layer(head).activation is keras.activations.sigmoid


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


@pytest.mark.parametrize("attention", ["gate", "cbam", "both"])
def test_attention_sits_on_every_skip_but_the_finest(attention):
    network = build_network(attention, base_filters=1, depth=3)
    kinds = {"both": ("gate", "cbam")}.get(attention, (attention,))
    found = {name for name in layer_names(network) if name.endswith(("_gate", "_cbam"))}
    assert found == {f"up{level}_{kind}" for level in (2, 3) for kind in kinds}
    assert f"up2_{kinds[-1]}" in parents(network, "up2_concat")
    if attention == "both":
        assert parents(network, "up2_cbam") == {"up2_gate"}
    if attention != "cbam":
        assert parents(network, "up2_gate") == {"down2_relu2", "up3_relu2"}
        assert network.get_layer("up2_gate").inter_channels == 1  # half of the skip's two


def test_batch_norm_momentum_and_dropout_arrive():
    network = build_network(batch_norm_momentum=0.8, dropout=0.25, **SMALL)
    momenta = [layer.momentum for layer in network.layers if hasattr(layer, "momentum")]
    assert momenta == [0.8] * 10
    assert network.get_layer("bottom_dropout").rate == 0.25


# --- the listing ----------------------------------------------------------------------------


LISTINGS = [
    ({}, 5_638_503),
    ({"correct_gate3": True}, 5_669_703),
    ({"correct_gate3": True, "full_conv4": True}, 8_573_511),
]


@pytest.mark.parametrize(("options", "count"), LISTINGS)
def test_listing(options, count):
    listing = published_listing(**options)
    assert listing.count_params() == count
    out = listing(np.zeros((1, 16, 32, 1), "float32"))
    assert listing.heads == ("main", "side2", "side4", "side8")
    for head, factor in zip(listing.heads, (1, 2, 4, 8), strict=True):
        assert tuple(out[head].shape) == (1, 16 // factor, 32 // factor, 1)
    for name in ("up1_upsample", "up4_upsample", "scale2_conv", "scale8_conv"):
        assert listing.get_layer(name).activation is keras.activations.relu
    assert parents(listing, "signal2_conv") == {"up1"}
    assert parents(listing, "signal3_conv") == {"up2" if options else "up1"}


def named_glorot_normal(name):
    """Whether the public code names an initialiser here: blocks, signals, decoder."""
    return re.fullmatch(r"(conv\d|center)_[12]|signal\d_conv|up\d_upsample", name) is not None


def test_first_weights_of_the_listing():
    """Deviation sqrt(2 / (fan in + fan out)); what lies far out tells normal from uniform.

    A uniform distribution ends at sqrt(3) deviations, Keras's truncated normal one at 2 / .88.
    """
    keras.utils.set_random_seed(0)
    convolutions = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    listing = published_listing(full_conv4=True)
    layers = [layer for layer in listing.layers if isinstance(layer, convolutions)]
    assert sum(named_glorot_normal(layer.name) for layer in layers) == 25
    for layer in layers:
        kernel = layer.get_weights()[0].astype("float64")
        fans = kernel.shape[0] * kernel.shape[1] * (kernel.shape[2] + kernel.shape[3])
        deviations = kernel / np.sqrt(2 / fans)
        assert deviations.std() == pytest.approx(1, abs=4 / np.sqrt(kernel.size)), layer.name
        if kernel.size > 200:
            far = np.abs(deviations).max() > 1.8
            assert far == named_glorot_normal(layer.name), layer.name


def test_first_weights_of_the_presets():
    # he_normal: sqrt(2 / fan in), in the blocks and for the scaled image alike.
    keras.utils.set_random_seed(0)
    network = models.damu_net(base_filters=16, depth=3)
    for name in ("down2_conv1", "up1_conv2", "scale4_conv"):
        kernel = network.get_layer(name).get_weights()[0]
        deviation = np.sqrt(2 / kernel[..., 0].size)
        assert kernel.std() == pytest.approx(deviation, rel=0.1), name


# --- arguments ------------------------------------------------------------------------------

LISTING = {"correct_gate3", "full_conv4"}
SWITCHES = {"deep_supervision", "multi_scale", "synchronized_norm"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attention": "gates"}, "attention is 'gates', wanted one of .*'gate'"),
        ({"base_filters": 8.0}, "base_filters is 8.0, wanted an integer >= 1"),
        ({"depth": 0}, "depth is 0, wanted an integer >= 1"),
        ({"input_channels": -1}, "input_channels is -1, wanted an integer >= 1"),
        ({"batch_norm_momentum": 1.5}, r"batch_norm_momentum is 1.5, wanted a number in \[0, 1\)"),
        ({"dropout": "half"}, r"dropout is 'half', wanted a number in \[0, 1\)"),
        *[({k: "no"}, f"{k} is 'no', wanted True or False") for k in sorted(SWITCHES | LISTING)],
    ],
)
def test_bad_argument_is_named(options, words):
    build = models.published_listing if options.keys() & LISTING else models.build_network
    with pytest.raises(ValueError, match=words):
        build(**options)


# --- files ----------------------------------------------------------------------------------

LOADER = """
import pickle, sys
import numpy as np
import damunet_lite
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
import keras
folder = sys.argv[1]
for name, (x, expected, report, weights) in pickle.load(open(folder + "/expected", "rb")).items():
    network = keras.models.load_model(f"{folder}/{name}.keras", safe_mode=True)
    assert type(network).__name__ == "SegmentationNetwork"
    for found, wanted in zip(network.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, wanted)
    # Equal weights; two processes may add the products in another order.
    np.testing.assert_allclose(network.predict(x, verbose=0), expected, atol=1e-5)
    assert network.compiled == bool(report)
    if report:
        assert int(network.optimizer.iterations) == 2 and network.target_rule == "area"
        found = network.evaluate(x, np.round(x), verbose=0, return_dict=True)
        assert found.keys() == report.keys()
        np.testing.assert_allclose(list(found.values()), list(report.values()), atol=1e-5)
"""


def test_files_load_in_a_process_that_only_imports_the_package(tmp_path):
    x, expected = image(16, n=2), {}
    networks = {name: make(**SMALL) for name, make in PRESETS.items()}
    networks["trained"] = build_network("both", True, True, dropout=0.1, **SMALL)
    for name, network in networks.items():
        scramble(network)
        report = None
        if name == "trained":
            loss, weights = FocalTverskyLoss(0.6, 0.2, 0.5), {"side2": 0.25, "main": 0.75}
            options = {"loss_weights": weights, "target_rule": "area", "metrics": ["accuracy"]}
            network.compile(keras.optimizers.Adam(1e-3), loss, **options)
            network.fit(x, np.round(x), verbose=0, epochs=2)
            report = network.evaluate(x, np.round(x), verbose=0, return_dict=True)
        network.save(tmp_path / f"{name}.keras")
        expected[name] = (x, network.predict(x, verbose=0), report, network.get_weights())
    (tmp_path / "expected").write_bytes(pickle.dumps(expected))
    command = [sys.executable, "-c", LOADER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
