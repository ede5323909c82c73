"""What is seen inside a network, against what its layers give when they are called by hand."""

import warnings

import keras
import numpy as np
import pytest
from damunet_book.inspect import attention_maps, feature_maps

from damunet_lite.inference import predict
from damunet_lite.layers import CBAM, AttentionGate, SpatialAttention


def random_image(*shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def gated_network(size=(None, None), name=None):
    """Gate on the image itself, then attention of pixels: both can be multiplied out by hand."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((*size, 1))
    coarse = keras.layers.AveragePooling2D(2, name="coarse")(inputs)
    gated = AttentionGate(2, name="gate")([inputs, coarse])
    outputs = SpatialAttention(3, name="spatial")(gated)
    return keras.Model(inputs, outputs, name=name)


def around(network, **names):
    """A model that darkens its image and gives it to a network inside."""
    inputs = keras.Input((None, None, 1))
    darker = keras.layers.Rescaling(0.5, name="darker")(inputs)
    return keras.Model(inputs, network(darker))


def same_maps(got, wanted, atol=1e-6):
    assert list(got) == list(wanted)
    for name, coefficients in wanted.items():
        np.testing.assert_allclose(got[name], coefficients, atol=atol, err_msg=name)


def test_attention_maps_explain_what_the_layers_let_pass():
    model, image = gated_network(), random_image(2, 32, 48)
    maps = attention_maps(model, image)
    shapes = {name: m.shape for name, m in maps.items()}
    assert shapes == dict.fromkeys(("gate", "spatial"), (2, 32, 48, 1))
    assert np.ptp(maps["gate"]) > 0.01
    gated = feature_maps(model, image, "gate")
    np.testing.assert_allclose(gated, image[..., None] * maps["gate"], atol=1e-6)
    wanted = gated * maps["spatial"]
    np.testing.assert_allclose(feature_maps(model, image, "spatial"), wanted, atol=1e-6)
    np.testing.assert_allclose(predict(model, image), wanted[..., 0], atol=1e-6)


def test_maps_are_cut_to_the_image():
    model = gated_network()
    assert attention_maps(model, random_image(19, 30))["gate"].shape == (19, 30, 1)
    assert feature_maps(model, random_image(3, 19, 30), "coarse").shape == (3, 10, 15, 1)
    uint8 = np.full((2, 16, 16, 1), 51, np.uint8)
    np.testing.assert_allclose(feature_maps(model, uint8, "coarse"), 0.2, atol=1e-6)


def test_attention_of_a_network_inside_another_model_is_found():
    network, image = gated_network(), random_image(20, 30)
    wanted = attention_maps(network, image)
    same_maps(attention_maps(keras.Sequential([network]), image), wanted)
    unbuilt = keras.Sequential([keras.layers.Rescaling(1.0), network])
    unbuilt.build((None, None, None, 1))
    same_maps(attention_maps(unbuilt, image), wanted)
    # what is inside sees what the model around it makes of the image
    same_maps(attention_maps(around(network), image), attention_maps(network, image / 2))
    same_maps(
        attention_maps(around(keras.Sequential([network])), image),
        attention_maps(network, image / 2),
    )
    np.testing.assert_allclose(
        feature_maps(around(network), image, "coarse"),
        feature_maps(network, image / 2, "coarse"),
        atol=1e-6,
    )


def test_names_that_come_again_get_a_prime():
    network, image = gated_network(), random_image(16, 16)
    inputs = keras.Input((None, None, 1))
    once = network(inputs)
    twice = keras.Model(inputs, network(once))
    maps = attention_maps(twice, image)
    assert list(maps) == ["gate", "spatial", "gate'", "spatial'"]
    first = predict(network, image)
    again = attention_maps(network, first)
    np.testing.assert_allclose(maps["gate'"], again["gate"], atol=1e-6)
    np.testing.assert_allclose(
        feature_maps(twice, image, "spatial'")[..., 0], predict(network, first), atol=1e-6
    )


@pytest.mark.parametrize("size", [(40, 40), (33, 70)])
def test_a_network_of_a_fixed_size_sees_a_larger_image_whole(size):
    network, fixed = gated_network(), gated_network((32, 32))
    image = random_image(2, *size)
    assert predict(fixed, image).shape == image.shape
    for model in (fixed, keras.Sequential([fixed])):
        same_maps(attention_maps(model, image), attention_maps(network, image))
    half = (2, -(-size[0] // 2), size[1] // 2, 1)
    assert feature_maps(fixed, image, "coarse").shape == half


def test_a_network_of_a_fixed_size_sees_a_smaller_image_reflected():
    network, fixed, image = gated_network(), gated_network((32, 32)), random_image(20, 9)
    whole = np.pad(np.pad(image, [(0, 12), (0, 8)], "reflect"), [(0, 0), (0, 15)], "reflect")
    assert whole.shape == (32, 32)
    wanted = {name: maps[:20, :9] for name, maps in attention_maps(network, whole).items()}
    same_maps(attention_maps(fixed, image), wanted)
    np.testing.assert_allclose(
        feature_maps(fixed, image, "spatial")[..., 0], predict(fixed, image), atol=1e-6
    )


@pytest.mark.parametrize("call", [attention_maps, lambda *these: feature_maps(*these, "coarse")])
@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((16, 16, 3)), r"image has shape \(16, 16, 3\), wanted .*colour"),
        (np.zeros((2, 16, 16, 3)), r"image has shape \(2, 16, 16, 3\)"),
        (np.full((16, 16), 255.0), "image has values from 255"),
    ],
)
def test_images_that_prediction_refuses_are_refused(call, image, words):
    with pytest.raises(ValueError, match=words):
        call(gated_network(), image)


def test_no_attention_no_maps():
    inputs = keras.Input((None, None, 1))
    plain = keras.Model(inputs, keras.layers.ReLU()(inputs))
    assert attention_maps(plain, random_image(16, 16)) == {}
    assert attention_maps(keras.Sequential([plain]), random_image(16, 16)) == {}


class Hidden(keras.layers.Layer):
    """Attention where no graph shows it."""

    def __init__(self):
        super().__init__()
        self.attention = CBAM(reduction=1, name="inner")

    def call(self, x):
        return self.attention(x)


def test_attention_out_of_reach_is_an_error_and_no_empty_answer():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, Hidden()(inputs))
    with pytest.raises(ValueError, match=r"model has its attention \(inner.*wanted functional"):
        attention_maps(model, random_image(16, 16))
    with pytest.raises(ValueError, match="model is .*, wanted a functional or a sequential model"):
        attention_maps(Hidden(), random_image(16, 16))


def test_layers_that_are_none_or_no_picture_are_named():
    with pytest.raises(
        ValueError, match="layer_name is 'nothing', wanted one of coarse, gate, spat"
    ):
        feature_maps(gated_network(), random_image(16, 16), "nothing")
    inputs = keras.Input((None, None, 1))
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(inputs)
    with pytest.raises(
        ValueError, match=r"'mean' with output shape \(1, 1\), wanted \[N, h, w, C\]"
    ):
        feature_maps(keras.Model(inputs, mean), random_image(16, 16), "mean")


def test_the_network_stays_as_it_was_and_nobody_is_warned(capsys):
    model = gated_network()
    before = [len(layer._inbound_nodes) for layer in model.layers]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        attention_maps(model, random_image(20, 20))
    assert [len(layer._inbound_nodes) for layer in model.layers] == before
    assert capsys.readouterr().out == ""
