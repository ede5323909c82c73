"""Tests of the attention layers against NumPy written from the papers' formulas."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from damunet_lite.layers import (
    CBAM,
    AttentionGate,
    BatchNormalization,
    ChannelAttention,
    SpatialAttention,
)

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
SIZES = [(1, 1), (2, 2), (9, 6), (7, 13), (5, 1), (16, 16)]


def numbers(tensor):
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def maps(height, width, channels, seed=0, n=2):
    return np.random.default_rng(seed).standard_normal((n, height, width, channels), "float32")


def randomise(layer, seed=1):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.standard_normal(w.shape).astype("float32") for w in layer.get_weights()])
    return layer


def gate_for(x, channels=3, seed=5):
    """A gating signal at half the size of ``x``, rounded up."""
    return maps(-(-x.shape[1] // 2), -(-x.shape[2] // 2), channels, seed, len(x))


# --- independent implementations, straight from the formulas ---------------------------------


def plain_channel_attention(x, w0, b0, w1, b1):
    def shared(vector):
        return np.maximum(vector @ w0 + b0, 0) @ w1 + b1

    flat = x.reshape(len(x), -1, x.shape[-1])
    return sigmoid(shared(flat.mean(1)) + shared(flat.max(1)))[:, None, None]


def plain_spatial_attention(x, kernel):
    pooled = zip((x.mean(-1), x.max(-1)), np.moveaxis(kernel[..., 0], -1, 0), strict=True)
    logits = [ndimage.correlate(one, part[None], mode="constant") for one, part in pooled]
    return sigmoid(sum(logits))[..., None]


def plain_gate(x, gate, theta, theta_bias, phi, phi_bias, psi, psi_bias):
    """For even sizes and repeated pixels."""
    n, height, width, _ = x.shape
    weights = np.zeros((n, height, width, 1))
    for i in range(0, height, 2):
        for j in range(0, width, 2):
            patch = x[:, i : i + 2, j : j + 2]
            hidden = np.einsum("nabc,abcd->nd", patch, theta) + theta_bias
            hidden += gate[:, i // 2, j // 2] @ phi[0, 0] + phi_bias
            logit = np.maximum(hidden, 0) @ psi[0, 0] + psi_bias
            weights[:, i : i + 2, j : j + 2] = sigmoid(logit)[:, None, None]
    return weights


@pytest.mark.parametrize("size", SIZES)
def test_cbam_weighs_channels_first_and_then_pixels(size):
    x = maps(*size, 4)
    layer = CBAM(reduction=2, kernel_size=3)
    layer.build(x.shape)
    randomise(layer)
    channel, kernel = layer.channel.get_weights(), layer.spatial.get_weights()
    for part, plain in (
        (layer.channel, plain_channel_attention(x, *channel)),
        (layer.spatial, plain_spatial_attention(x, *kernel)),
    ):
        np.testing.assert_allclose(numbers(part.coefficients(x)), plain, atol=1e-5)
        np.testing.assert_allclose(numbers(part(x)), x * plain, atol=1e-5)
    weighed = x * plain_channel_attention(x, *channel)
    expected = weighed * plain_spatial_attention(weighed, *kernel)
    np.testing.assert_allclose(numbers(layer(x)), expected, atol=1e-5)
    np.testing.assert_allclose(numbers(layer.coefficients(x)) * x, expected, atol=1e-5)
    # The example can tell the two orders apart.
    other = x * plain_spatial_attention(x, *kernel)
    other = other * plain_channel_attention(other, *channel)
    assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize("size", [(8, 6), (9, 6), (7, 1)])
def test_attention_gate_interpolates_as_keras_does(size):
    x = maps(*size, 2)
    gate = gate_for(x)
    linear, nearest = AttentionGate(3), AttentionGate(3, "nearest")
    for layer in (linear, nearest):
        layer.build([x.shape, gate.shape])
    nearest.set_weights(linear.get_weights())
    coarse = numbers(nearest.coefficients([x, gate]))[:, ::2, ::2]
    doubled = (2 * coarse.shape[1], 2 * coarse.shape[2])
    how = {"interpolation": "bilinear", "data_format": "channels_last"}
    expected = ops.image.resize(coarse, doubled, **how)
    found = numbers(linear.coefficients([x, gate]))
    np.testing.assert_allclose(found, numbers(expected)[:, : size[0], : size[1]], atol=1e-6)


def test_attention_gate_equals_the_formula():
    x, gate = maps(6, 8, 4), maps(3, 4, 3, seed=2)
    layer = AttentionGate(5, interpolation="nearest")
    layer.build([x.shape, gate.shape])
    for part in (layer.theta, layer.phi, layer.psi):
        randomise(part, seed=len(part.name))
    weights = [w for part in (layer.theta, layer.phi, layer.psi) for w in part.get_weights()]
    expected = plain_gate(x, gate, *weights)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(numbers(layer.coefficients([x, gate])), expected, atol=1e-5)
    np.testing.assert_allclose(numbers(layer([x, gate])), x * expected, atol=1e-5)


# --- every layer, every size, every precision ------------------------------------------------


def layers_and_inputs(size, channels=8, **options):
    x = maps(*size, channels)
    return [
        (ChannelAttention(4, **options), x),
        (SpatialAttention(3, **options), x),
        (CBAM(4, 3, **options), x),
        (AttentionGate(3, **options), [x, gate_for(x)]),
        (AttentionGate(3, "nearest", **options), [x, gate_for(x)]),
    ]


def shape_of(inputs):
    return [i.shape for i in inputs] if isinstance(inputs, list) else inputs.shape


@pytest.mark.parametrize("size", SIZES)
def test_output_shape_is_the_input_shape(size):
    for layer, inputs in layers_and_inputs(size):
        x, out = maps(*size, 8), layer(inputs)
        assert tuple(out.shape) == layer.compute_output_shape(shape_of(inputs)) == x.shape
        weights = numbers(layer.coefficients(inputs))
        assert 0 < weights.min() <= weights.max() < 1
        np.testing.assert_allclose(numbers(out), x * weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_precision_policy_reaches_every_part(policy):
    for layer, inputs in layers_and_inputs((9, 6), dtype=policy):
        out = layer(inputs)
        assert keras.backend.standardize_dtype(out.dtype) == layer.compute_dtype, layer.name
        assert {v.dtype for v in layer.variables} == {"float32"}, layer.name
        for part in layer._flatten_layers(include_self=False):
            assert part.dtype_policy.name == policy, (layer.name, part.name)
        assert np.isfinite(numbers(out)).all()
        exact = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
        exact.build(shape_of(inputs))
        exact.set_weights(layer.get_weights())
        np.testing.assert_allclose(numbers(out), numbers(exact(inputs)), atol=0.05)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (ChannelAttention, {"reduction": 3}),
        (SpatialAttention, {"kernel_size": 5}),
        (CBAM, {"reduction": 3, "kernel_size": 5}),
        (AttentionGate, {"inter_channels": 7, "interpolation": "nearest"}),
    ],
)
def test_configuration_survives_a_round_trip(make, options):
    # NumPy's integers are integers, and go into files.
    given = {k: np.int64(v) if isinstance(v, int) else v for k, v in options.items()}
    layer = make(name="mine", **given)
    config = layer.get_config()
    assert options.items() <= json.loads(json.dumps(config)).items()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is make
    assert copy.get_config() == config


def test_layers_in_a_model_of_unknown_size():
    # From the third size on TensorFlow traces once for all sizes, and knows none of them.
    for layer, inputs in layers_and_inputs((4, 4)):
        pair = isinstance(inputs, list)
        image = keras.Input((None, None, 8))
        entries = [image, keras.Input((None, None, 3))] if pair else [image]
        model = keras.Model(entries, layer(entries if pair else image))
        for size in ((4, 4), (9, 6), (5, 7)):
            x = maps(*size, 8)
            values = [x, gate_for(x)] if pair else [x]
            expected = layer(values if pair else x)
            found = model.predict_on_batch(values if pair else x)
            np.testing.assert_allclose(found, numbers(expected), atol=1e-5)


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "name", "values", "wanted"),
    [
        (ChannelAttention, "reduction", (0, -1, 2.0, "8", True, None), "an integer >= 1"),
        (AttentionGate, "inter_channels", (0, -1, 2.0, "8", True, None), "an integer >= 1"),
        (SpatialAttention, "kernel_size", (0, 3.0), "an integer >= 1"),
        (CBAM, "kernel_size", (2, 4), "an odd integer"),
    ],
)
def test_bad_count_is_named(make, name, values, wanted):
    for bad in values:
        with pytest.raises(ValueError, match=f"{name} is {bad!r}, wanted {wanted}"):
            make(**{name: bad})


def test_unknown_interpolation_is_refused():
    with pytest.raises(ValueError, match="interpolation is 'x', wanted one of .*'nearest'"):
        AttentionGate(1, "x")


@pytest.mark.parametrize("make", [ChannelAttention, SpatialAttention, CBAM])
@pytest.mark.parametrize("shape", [(4, 4, 2), (4, 2), (None, 4, 4, None)])
def test_wrong_input_is_named(make, shape):
    with pytest.raises(ValueError, match=r"input has shape .*, wanted \[N, H, W, C\]"):
        make().build(shape)


def test_gate_wants_a_pair():
    x = maps(4, 4, 2)
    for wrong in (x, [x], [x, x, x]):
        with pytest.raises(ValueError, match=r"input has shape .*, wanted a list \[x, gate\]"):
            AttentionGate(2)(wrong)
    with pytest.raises(ValueError, match=r"gate has shape .*, wanted \[N, H, W, C\]"):
        AttentionGate(2)([x, x[0]])
    # A pooling that rounds down gives 4 x 3 where the strided convolution gives 5 x 3.
    with pytest.raises(
        ValueError, match=r"gate has height and width \(4, 3\), wanted \(5, 3\), half"
    ):
        AttentionGate(2)([maps(9, 6, 2), maps(4, 3, 3)])


# --- batch normalisation --------------------------------------------------------------------

# Keras rounds the scaled map once, to 16 bit; the fused operation may round elsewhere.
NORM_TOLERANCE = {"float32": 2e-6, "mixed_bfloat16": 1e-2, "mixed_float16": 2e-3}


def norms(policy="float32", **options):
    """Our layer and that of Keras, with equal weights; a moving variance has to be positive."""
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(momentum=0.9, dtype=policy, **options)
        layer.build((None, 5, None, 5))
        randomise(layer).moving_variance.assign(ops.square(layer.moving_variance) + 0.1)
        yield layer


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("training", "trainable"), [(True, True), (False, True), (True, False)])
def test_batch_normalization_equals_the_layer_of_keras(policy, training, trainable):
    x, tolerance = 3 * maps(9, 7, 5, n=4) + 2, NORM_TOLERANCE[policy]
    ours, theirs = norms(policy)
    ours.trainable = theirs.trainable = trainable
    out, expected = ours(x, training=training), theirs(x, training=training)
    assert keras.backend.standardize_dtype(out.dtype) == ours.compute_dtype
    pair = numbers(out), numbers(expected)
    np.testing.assert_allclose(*pair, atol=5 * tolerance, rtol=tolerance)
    for got, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=1e-5)


def learnt(kind):
    """A tiny network after three steps: its weights hold all gradients of the norm."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(5, 3, use_bias=False), kind(momentum=0.9)]
    network = keras.Sequential([keras.Input((8, 6, 2)), *layers, keras.layers.Conv2D(1, 1)])
    network.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    x = maps(8, 6, 2, n=4)
    network.fit(x, np.abs(x[:, 1:-1, 1:-1, :1]), batch_size=4, epochs=3, verbose=0)
    return network.get_weights()


def test_batch_normalization_learns_as_the_layer_of_keras():
    pairs = zip(learnt(BatchNormalization), learnt(keras.layers.BatchNormalization), strict=True)
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_batch_normalization_of_a_single_value_stays_finite():
    layer = BatchNormalization()
    out = numbers(layer(np.full((1, 1, 1, 3), 7, "float32"), training=True))
    assert out.ravel().tolist() == [0, 0, 0]
    assert np.isfinite(numbers(layer.moving_variance)).all()


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"axis": 1}])
def test_batch_normalization_leaves_the_rest_to_keras(options):
    found, expected = (numbers(norm(maps(5, 5, 5), training=True)) for norm in norms(**options))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an operation of TensorFlow")
@pytest.mark.parametrize(
    ("policy", "options", "count"),
    [*((policy, {}, 1) for policy in POLICIES), ("float32", {"synchronized": True}, 0)],
)
def test_batch_normalization_is_one_operation(policy, options, count):
    import tensorflow as tf

    layer = next(norms(policy, **options))
    step = tf.function(lambda x: layer(x, training=True))
    traced = step.get_concrete_function(tf.TensorSpec((2, 8, 8, 5), layer.compute_dtype))
    operations = [op.type for op in traced.graph.get_operations()]
    assert operations.count("FusedBatchNormV3") == count
    assert not {"SquaredDifference", "Mean"} & set(operations)
