"""Prediction of images of any size, against direct prediction and by properties."""

import gc
import tracemalloc
import warnings
import weakref

import keras
import numpy as np
import pytest

from damunet_lite.inference import predict
from damunet_lite.models import build_network
from damunet_lite.tiling import dihedral, undo_dihedral

RAMP = np.ones((16, 16)) * np.linspace(0, 1, 16)


class FakeModel:
    """Stands in for a network: a NumPy function that remembers the batches it was given."""

    def __init__(self, function):
        self.function = function
        self.shapes = []

    def predict_on_batch(self, batch):
        self.shapes.append(batch.shape)
        self.batch = batch.copy()
        return self.function(batch)


def pointwise(x):
    return 0.2 + 0.6 * x**2


def lopsided(x):
    """Looks only to the left and above, so that no turn of the image leaves it unchanged."""
    left, above = np.roll(x, 1, axis=2), np.roll(x, 2, axis=1)
    return 0.5 * x + 0.4 * left**2 + 0.1 * above


def random_image(*shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def lopsided_network():
    inputs = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")
    outputs = layer(inputs)
    kernel = np.arange(-4, 5, dtype="float32").reshape(3, 3, 1, 1)
    layer.set_weights([kernel, np.array([0.3], "float32")])
    return keras.Model(inputs, outputs)


# Tiles


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("size", [(1, 2), (5, 77), (32, 64), (33, 31), (63, 50)])
def test_tiles_equal_the_pointwise_model_itself(size, overlap):
    image = random_image(2, *size)
    wanted = pointwise(image.astype(np.float64))
    for tile in (None, 16, 32, 48):
        result = predict(FakeModel(pointwise), image, tile=tile, overlap=overlap)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 0.5, 0.9])
def test_a_constant_stays_constant_under_heavy_overlap(overlap):
    ones = FakeModel(np.ones_like)
    result = predict(ones, np.zeros((70, 45), np.uint8), tile=16, overlap=overlap, tta=True)
    assert result.max() <= 1
    np.testing.assert_allclose(result, 1, rtol=0, atol=1e-6)


def test_an_image_is_padded_by_reflection_at_the_end_only():
    image = np.arange(14 * 16, dtype=np.float32).reshape(14, 16) / 224
    model = FakeModel(lambda batch: batch)
    np.testing.assert_array_equal(predict(model, image), image)
    np.testing.assert_array_equal(model.batch[0, :, :, 0], image[[*range(14), 12, 11]])


@pytest.mark.parametrize(
    ("size", "settings", "shapes"),
    [
        ((5, 20, 33), {"batch_size": 2}, [(2, 32, 48, 1)] * 3),
        ((33, 70), {"tile": 32, "overlap": 0.5, "batch_size": 3}, [(3, 32, 32, 1)] * 3),  # 2 x 4
    ],
)
def test_multiples_and_constant_batches(size, settings, shapes):
    model = FakeModel(pointwise)
    predict(model, random_image(*size), **settings)
    assert model.shapes == shapes


def test_a_deep_network_gets_the_multiple_that_it_asks_for():
    assert predict(build_network(depth=5, base_filters=1), random_image(40, 50)).shape == (40, 50)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tile": 20}, "tile is 20, wanted a multiple of 16"),
        ({"tile": 0}, "tile is 0, wanted an integer >= 1"),
        ({"tta": "no"}, "tta is 'no', wanted True or False"),
        ({"overlap": 1.0}, "overlap is 1.0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"image": np.zeros((8, 8, 3))}, r"image has shape \(8, 8, 3\), wanted.*colour"),
        ({"image": np.full((8, 8), 8.0)}, "image has values from 8.0 to 8.0"),
        ({"model": FakeModel(lambda x: {"side2": x})}, "side2.*wanted one output, or a dict"),
        ({"model": FakeModel(lambda x: [x, x])}, "2 outputs, wanted one"),
        ({"model": FakeModel(lambda x: x[:, ::2])}, r"\(1, 8, 16, 1\), wanted \(1, 16, 16, 1\)"),
        ({"model": FakeModel(lambda x: 5 * x - 2)}, "values from -2.0.*logits"),
        ({"model": FakeModel(lambda x: x * np.nan)}, "values from nan"),
    ],
)
def test_settings_and_answers_that_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        predict(**({"model": FakeModel(pointwise), "image": RAMP} | settings))


def test_memory_beyond_the_result_does_not_grow_with_the_image():
    def beyond_result(side):
        image = np.zeros((side, 256), np.uint8)
        model = FakeModel(lambda batch: batch)
        tracemalloc.start()
        result = predict(model, image, tile=64, batch_size=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert {shape[0] for shape in model.shapes} == {2}
        return peak - result.nbytes, result.nbytes

    (small, _), (large, size) = beyond_result(256), beyond_result(8192)
    # What grows is the list of tiles and their weights along the axis, not in the plane.
    assert large - small < 0.05 * size


# What models return


def test_the_main_head_of_a_dictionary_is_taken_and_a_fixed_input_size_is_the_tile():
    image, inputs, fixed = random_image(50, 40), keras.Input((None, None, 1)), (32, 16, 1)
    outputs = {"side2": keras.layers.AveragePooling2D(2)(inputs), "main": 1 - inputs}
    for model in (
        keras.Model(inputs, outputs),
        keras.Model(inputs := keras.Input(fixed), 1 - inputs),
        keras.Sequential([keras.Input(fixed), keras.layers.Lambda(lambda x: 1 - x)]),
        FakeModel(lambda x: {"a_side": x * 0, "main": 1 - x}),
    ):
        np.testing.assert_allclose(predict(model, image), 1 - image, atol=1e-6)


def test_new_weights_count_nothing_is_printed_nobody_warned_and_no_model_kept_alive(capsys):
    model, image = lopsided_network(), random_image(2, 20, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        before = predict(model, image, tta=True)
    assert capsys.readouterr().out == ""
    model.set_weights([w * 0 for w in model.get_weights()])
    np.testing.assert_array_equal(predict(model, image), np.full((2, 20, 20), 0.5))
    assert np.ptp(before) > 0.1
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize(("size", "tile"), [((32, 48), None), ((21, 38), None), ((27, 40), 16)])
def test_augmented_prediction_is_the_explicit_mean(size, tile):
    image, model = random_image(*size), FakeModel(lopsided)
    turned = [predict(model, dihedral(image, k), tile=tile) for k in range(8)]
    explicit = [undo_dihedral(answer, k) for k, answer in enumerate(turned)]
    result = predict(model, image, tile=tile, tta=True)
    np.testing.assert_allclose(result, np.mean(explicit, axis=0), atol=1e-6)
    assert np.abs(result - explicit[0]).max() > 0.05
