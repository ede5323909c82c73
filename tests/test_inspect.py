"""What is seen inside a network, against what its layers give when they are called by hand."""

import warnings

import keras
import numpy as np
import pytest
from damunet_book.inspect import attention_maps, feature_maps

from damunet_lite.inference import predict
from damunet_lite.layers import CBAM, AttentionGate, SpatialAttention


def random_image(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def gated_network(size=(None, None)):
    """Gate on the image itself, then attention of pixels: both can be multiplied out by hand."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((*size, 1))
    coarse = keras.layers.AveragePooling2D(2, name="coarse")(inputs)
    gated = AttentionGate(2, name="gate")([inputs, coarse])
    outputs = SpatialAttention(3, name="spatial")(gated)
    return keras.Model(inputs, outputs)


def around(*networks):
    """A model that darkens its image and gives it to the networks inside, one after another."""
    inputs = keras.Input((None, None, 1))
    inside = keras.layers.Rescaling(0.5, name="darker")(inputs)
    for network in networks:
        inside = network(inside)
    return keras.Model(inputs, inside)


def same_maps(got, wanted):
    assert list(got) == list(wanted)
    for name, coefficients in wanted.items():
        np.testing.assert_allclose(got[name], coefficients, atol=1e-6, err_msg=name)


def test_attention_maps_explain_what_the_layers_let_pass():
    model, image = gated_network(), random_image(2, 32, 48)
    maps = attention_maps(model, image)
    shapes = {name: m.shape for name, m in maps.items()}
    assert shapes == dict.fromkeys(("gate", "spatial"), (2, 32, 48, 1))
    gated = feature_maps(model, image, "gate")
    np.testing.assert_allclose(gated, image[..., None] * maps["gate"], atol=1e-6)
    wanted = gated * maps["spatial"]
    np.testing.assert_allclose(feature_maps(model, image, "spatial"), wanted, atol=1e-6)
    np.testing.assert_allclose(predict(model, image), wanted[..., 0], atol=1e-6)


def test_maps_are_cut_to_the_image():
    model = gated_network()
    assert attention_maps(model, random_image(19, 30))["gate"].shape == (19, 30, 1)
    assert feature_maps(model, random_image(3, 19, 30), "coarse").shape == (3, 10, 15, 1)


def test_attention_of_a_network_inside_another_model_is_found():
    network, image = gated_network(), random_image(20, 30)
    unbuilt = keras.Sequential([keras.layers.Rescaling(1.0), network])
    unbuilt.build((None, None, None, 1))
    for model in (keras.Sequential([network]), unbuilt):
        same_maps(attention_maps(model, image), attention_maps(network, image))
    # what is inside sees what the model around it makes of the image
    for inside in (network, keras.Sequential([network])):
        same_maps(attention_maps(around(inside), image), attention_maps(network, image / 2))
    wanted = feature_maps(network, image / 2, "coarse")
    np.testing.assert_allclose(feature_maps(around(network), image, "coarse"), wanted, atol=1e-6)


def test_names_that_come_again_get_a_prime():
    network, image = gated_network(), random_image(16, 16)
    twice, first = around(network, network), predict(network, image / 2)
    maps = attention_maps(twice, image)
    assert list(maps) == ["gate", "spatial", "gate'", "spatial'"]
    np.testing.assert_allclose(maps["gate'"], attention_maps(network, first)["gate"], atol=1e-6)
    wanted = predict(network, first)
    np.testing.assert_allclose(feature_maps(twice, image, "spatial'")[..., 0], wanted, atol=1e-6)


@pytest.mark.parametrize("size", [(40, 40), (33, 70)])
def test_a_network_of_a_fixed_size_sees_a_larger_image_whole(size):
    network, fixed = gated_network(), gated_network((32, 32))
    image = random_image(2, *size)
    for model in (fixed, keras.Sequential([fixed])):
        same_maps(attention_maps(model, image), attention_maps(network, image))


def test_a_network_of_a_fixed_size_sees_a_smaller_image_reflected():
    network, fixed, image = gated_network(), gated_network((32, 32)), random_image(20, 9)
    whole = np.pad(np.pad(image, [(0, 12), (0, 8)], "reflect"), [(0, 0), (0, 15)], "reflect")
    wanted = {name: maps[:20, :9] for name, maps in attention_maps(network, whole).items()}
    same_maps(attention_maps(fixed, image), wanted)
    shown = feature_maps(fixed, image, "spatial")[..., 0]
    np.testing.assert_allclose(shown, predict(fixed, image), atol=1e-6)


def test_no_attention_no_maps():
    inputs = keras.Input((None, None, 1))
    plain = keras.Model(inputs, keras.layers.ReLU()(inputs))
    assert attention_maps(keras.Sequential([plain]), random_image(16, 16)) == {}


class Hidden(keras.layers.Layer):
    """Attention where no graph shows it."""

    def __init__(self):
        super().__init__()
        self.attention = CBAM(reduction=1, name="inner")

    def call(self, x):
        return self.attention(x)


def mean_network():
    inputs = keras.Input((None, None, 1))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="mean")(inputs))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: attention_maps(gated_network(), 255 * x), "image has values from"),
        (
            lambda x: attention_maps(around(Hidden()), x),
            r"model has its attention \(inner.*wanted functional",
        ),
        (lambda x: attention_maps(Hidden(), x), "wanted a functional or a sequential model"),
        (
            lambda x: feature_maps(gated_network(), x, "nothing"),
            "layer_name is 'nothing', wanted one of coarse, gate, spatial$",
        ),
        (
            lambda x: feature_maps(mean_network(), x, "mean"),
            r"'mean' with output shape \(1, 1\), wanted \[N, h, w, C\]",
        ),
    ],
)
def test_what_cannot_be_shown_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(random_image(16, 16))


def test_the_network_stays_as_it_was_and_nobody_is_warned(capsys):
    model = gated_network()
    model.compile(loss=lambda truth, answer: answer)  # a loss that cannot be copied
    before = model.get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        attention_maps(model, random_image(20, 20))
    assert model.get_config() == before
    assert capsys.readouterr().out == ""
