"""Tests of the losses: hand-worked values, finite gradients, errors, files."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops

from damunet_lite.losses import DiceLoss, FocalTverskyLoss, TverskyLoss, tversky_index

# Three membrane pixels and an empty image. Pooled: TP = .9 + .4 + .6 = 1.9,
# FN = .1 + .6 + .4 = 1.1, FP = .2 + .1 + .3 = .6.
Y = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "float32")
P = np.array([[0.9, 0.4, 0.6, 0.2], [0.1, 0.3, 0, 0]], "float32")

LOSSES = {
    "tversky": TverskyLoss,
    "focal .5": functools.partial(FocalTverskyLoss, exponent=0.5),
    "focal .75": FocalTverskyLoss,
    "focal 2": functools.partial(FocalTverskyLoss, exponent=2),
    "dice": DiceLoss,
}


# --- values worked out by hand --------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (TverskyLoss(smooth=0, pooling="batch"), 0.333333),
        (TverskyLoss(pooling="batch"), 0.246753),
        (TverskyLoss(0.3, 0.7, 0, "batch"), 0.283019),
        (TverskyLoss(0.3, 0.7, 1, "batch"), 0.205479),
        (FocalTverskyLoss(smooth=0, pooling="batch"), 0.438691),
        (FocalTverskyLoss(pooling="batch"), 0.350104),
        (FocalTverskyLoss(exponent=2, smooth=0, pooling="batch"), 1 / 9),
        (DiceLoss(smooth=0, pooling="batch"), 1.7 / 5.5),
        (TverskyLoss(), 0.164832),
        (FocalTverskyLoss(), 0.255629),  # the focal loss of the mean would be .258690
    ],
)
@pytest.mark.parametrize("shape", [(2, 4), (2, 2, 2, 1)])
def test_values(loss, expected, shape):
    assert float(loss(Y.reshape(shape), P.reshape(shape))) == pytest.approx(expected, abs=1e-6)


def test_each_image_for_itself():
    for rows in (1 - tversky_index(Y, P), TverskyLoss(reduction="none")(Y, P)):
        np.testing.assert_allclose(ops.convert_to_numpy(rows), [0.222520, 0.107143], atol=1e-6)


# All weight on image 0, on its pixels 0 and 2. Per image the weights are relative to that image's
# mean, 1, so each pixel counts twice: TP 3, FN 1. In the batch the mean is 1/2: TP 6, FN 2.
MAP = np.array([[2, 0, 2, 0], [0, 0, 0, 0]], "float32")


@pytest.mark.parametrize(
    ("pooling", "weight", "expected"),
    [
        ("image", [2, 0], 0.222520),  # (2 x .222520 + 0 x .107143) / 2 images
        ("image", [[2] * 4, [0] * 4], 0.222520),
        ("image", MAP, (1 - 4 / 4.7) / 2),
        ("image", 3 * MAP, 3 * (1 - 4 / 4.7) / 2),
        ("batch", [1, 1], 0.246753),
        ("batch", [2, 0], 1 - 4.8 / 6.46),  # TP 3.8, FN 2.2, FP .4
        ("batch", [0, 2], 1 - 1 / 1.24),  # FP .8
        ("batch", [[2] * 4, [0] * 4], 1 - 4.8 / 6.46),
        ("batch", MAP, (1 - 7 / 8.4) / 2),
    ],
)
def test_sample_weight_counts(pooling, weight, expected):
    weight = np.array(weight, "float32")
    loss = TverskyLoss(pooling=pooling)
    assert float(loss(Y, P, sample_weight=weight)) == pytest.approx(expected, abs=1e-6)
    if weight.ndim == 2:  # as images [N, H, W, 1], the map without its last axis
        y, p = (a.reshape(2, 2, 2, 1) for a in (Y, P))
        found = float(loss(y, p, sample_weight=weight.reshape(2, 2, 2)))
        assert found == pytest.approx(expected, abs=1e-6)


def test_weights_that_cannot_be_used_are_refused():
    for shape in ((3,), (2, 3), (1, 4), (2, 1), (2, 4, 1), ()):
        with pytest.raises(
            ValueError, match=r"sample_weight has shape .*, wanted \[N\] .*\(2, 4\)"
        ):
            TverskyLoss()(Y, P, sample_weight=np.ones(shape))
    for bad, said in ((-1.0, "-1.0 to 1.0"), (np.inf, "1.0 to inf"), (np.nan, "nan to nan")):
        with pytest.raises(ValueError, match=f"sample_weight is {said}, wanted finite, >= 0"):
            TverskyLoss()(Y, P, sample_weight=np.array([1.0, bad]))


def test_a_loss_takes_the_dtype_that_its_user_names():
    value = TverskyLoss(dtype="float16")(Y, P)
    assert keras.backend.standardize_dtype(value.dtype) == "float16"
    assert float(TverskyLoss(dtype="float64")(Y, P)) == pytest.approx(float(TverskyLoss()(Y, P)))


def test_slope_of_the_pooled_loss():
    # dTI/dp of a membrane pixel is (D - TP (1 - w_fn)) / D^2, of a cell pixel -TP w_fp / D^2.
    tp, fp, fn = 1.9, 0.6, 1.1
    denominator = tp + 0.7 * fn + 0.3 * fp
    membrane = -(denominator - tp * 0.3) / denominator**2
    cell = tp * 0.3 / denominator**2
    slope = gradient(TverskyLoss(smooth=0, pooling="batch"), Y, P)[1]
    np.testing.assert_allclose(slope, np.where(Y == 1, membrane, cell), rtol=1e-5)


# --- finite everywhere ----------------------------------------------------------------------


def gradient(loss, y, p, dtype="float32", compiled=False):
    """Value of the loss and its gradient by the prediction, on the backend of this process."""
    y, p = (ops.cast(ops.convert_to_tensor(array), dtype) for array in (y, p))
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def step(p):
            with tf.GradientTape() as tape:
                tape.watch(p)
                result = loss(y, p)
            return result, tape.gradient(result, p)

        result, slope = tf.function(step)(p) if compiled else step(p)
    elif backend == "jax":
        import jax

        step = jax.value_and_grad(lambda prediction: loss(y, prediction))
        result, slope = jax.jit(step)(p) if compiled else step(p)
    else:
        import torch

        p.requires_grad_(True)
        result = (torch.compile(loss, backend="eager") if compiled else loss)(y, p)
        result.backward()
        slope = p.grad
    number = ops.convert_to_numpy(ops.cast(result, "float32"))
    return float(number), ops.convert_to_numpy(ops.cast(slope, "float32"))


SHAPE = (2, 4, 6, 1)
STRIPES = np.zeros(SHAPE, "float32")
STRIPES[:, :, ::3] = 1
NOTHING, ALL = np.zeros(SHAPE, "float32"), np.ones(SHAPE, "float32")
# Mask, prediction, and the loss without smoothing.
CASES = {
    "nothing there, nothing found": (NOTHING, NOTHING, 0),
    "nothing there, hardly anything found": (NOTHING, np.full(SHAPE, 1e-30, "float32"), 0),
    "nothing there, all found": (NOTHING, ALL, 1),
    "all there, nothing found": (ALL, NOTHING, 1),
    "all there, all found": (ALL, ALL, 0),
    "perfect": (STRIPES, STRIPES, 0),
    "inverted": (STRIPES, 1 - STRIPES, 1),
    "nearly perfect": (STRIPES, np.clip(STRIPES, 1e-7, 1 - 1e-7), None),
    "barely off": (STRIPES, np.clip(STRIPES, 1e-4, 1 - 1e-4), None),
    "undecided": (STRIPES, np.full(SHAPE, 0.5, "float32"), None),
    "one empty": (np.stack([NOTHING[0], ALL[0]]), np.stack([ALL[0], NOTHING[0]]), 1),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_finite(name, dtype):
    for case, pooling, smooth in itertools.product(CASES, ("image", "batch"), (0, 1)):
        y, p, expected = CASES[case]
        number, slope = gradient(LOSSES[name](pooling=pooling, smooth=smooth), y, p, dtype)
        assert 0 <= number <= 1, (case, pooling, smooth)
        assert np.isfinite(slope).all(), (case, pooling, smooth)
        if expected is not None and not smooth:
            assert number == pytest.approx(expected, abs=1e-6), (case, pooling)


def test_focal_loss_is_nothing_up_to_a_millionth():
    # 1 - TI is .7 millionths and 1.4.
    loss = FocalTverskyLoss(smooth=0, reduction="none")
    found = loss(np.ones((2, 1)), 1 - np.array([[1e-6], [2e-6]]))
    assert (ops.convert_to_numpy(found) > 0).tolist() == [False, True]


def test_large_image_keeps_its_counts_in_half_precision():
    # 65,536 pixels: summed in float16 the count would overflow, in bfloat16 stick at 256.
    y = np.zeros((1, 256, 256, 1), "float32")
    y[:, :, ::2] = 1
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(ops.convert_to_tensor(np.full_like(y, 0.5)), dtype)
        # TP = FN = FP = 16,384: TI = 1 / (1 + 0.7 + 0.3).
        assert float(TverskyLoss(smooth=0)(y, half)) == pytest.approx(0.5, abs=1e-6)


# --- predictions outside [0, 1] -------------------------------------------------------------

ROW = np.zeros((1, 8, 8, 1), "float32")
ROW[:, 3] = 1


@pytest.mark.parametrize("make", [TverskyLoss, FocalTverskyLoss, DiceLoss])
@pytest.mark.parametrize("bad", [-1.0, -2e-6, 1 + 2e-6, 7.0])
def test_logits_are_refused(make, bad):
    with pytest.raises(ValueError, match=r"y_pred has values from .*outside \[0, 1\]: logits\?"):
        make()(ROW, np.where(ROW == 1, 0.5, bad))


def test_rounding_is_forgiven():
    y, p = ROW * (1 + 2.4e-7), np.where(ROW == 1, 1 + 5e-7, -5e-7)
    for make in LOSSES.values():
        assert float(make()(y, p)) == pytest.approx(0, abs=1e-6)


def test_a_distance_of_epsilon_itself_counts_as_nothing():
    y = np.ones((1, 2, 2, 1), "float32")  # 1 - 3 / (3 + 1) is a quarter
    for epsilon, loss in ((0.25, 0), (0.24, 0.25**0.75)):
        focal = FocalTverskyLoss(fn_weight=1, smooth=0, epsilon=epsilon)
        assert float(focal(y, 0.75 * y)) == pytest.approx(loss, abs=1e-6)
    with pytest.raises(
        ValueError, match=r"pixel_weight has shape \(1, 2, 2\), wanted \(1, 2, 2, 1\)"
    ):
        tversky_index(y, y, pixel_weight=y[..., 0])
    with pytest.raises(ValueError, match="pixel_weight is -1.0 to -1.0, wanted finite, >= 0"):
        tversky_index(y, y, pixel_weight=-y)


@pytest.mark.parametrize(
    ("make", "far", "expected"),
    [
        (TverskyLoss, -1, 1 - 1 / 6.6),  # TP 0, FN 8
        (TverskyLoss, 2, 1 - 9 / 25.8),  # TP 8, FP 56
        (FocalTverskyLoss, -1, (1 - 1 / 6.6) ** 0.75),
        (DiceLoss, -1, 1 - 1 / 5),
        (DiceLoss, 2, 1 - 9 / 37),
    ],
)
def test_compiled_step_clips_and_leads_back(make, far, expected):
    number, slope = gradient(make(), ROW, np.full_like(ROW, far), compiled=True)
    assert number == pytest.approx(expected, abs=1e-6)
    inwards = slope[ROW == 1] < 0 if far < 0 else slope[ROW == 0] > 0
    assert inwards.all()
    # The other pixels are right already: nothing leads them further out.
    assert not slope[(0 if far < 0 else 1) == ROW].any()


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mask_of_255_is_refused(dtype):
    for make in LOSSES.values():
        with pytest.raises(ValueError, match=r"y_true .*255.*, wanted .*\[0, 1\].*divide"):
            make()((Y * 255).astype(dtype), P)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_mask_outside_its_range_is_refused(bad):
    with pytest.raises(ValueError, match="y_true has values from .*, wanted"):
        tversky_index(np.where(Y == 1, bad, 0), P)


def test_prediction_that_is_not_a_number_makes_such_a_loss():
    assert np.isnan(float(TverskyLoss()(Y, np.where(P == 0.9, np.nan, P))))


@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 2), (2, 4, 1), (8,)])
def test_wrong_shape_is_refused(shape):
    for call in (tversky_index, FocalTverskyLoss()):
        with pytest.raises(ValueError, match=r"y_true has shape .*, wanted \(2, 4\) like y_pred"):
            call(np.zeros(shape, "float32"), P)


@pytest.mark.parametrize(
    ("name", "bad", "wanted"),
    [
        ("fn_weight", -0.1, "a finite number >= 0"),
        ("fp_weight", np.inf, "a finite number >= 0"),
        ("smooth", None, "a finite number >= 0"),
        ("pooling", "mean", "one of"),
        ("exponent", 0, "a finite number > 0"),
        ("epsilon", 0, "a finite number > 0"),
    ],
)
def test_bad_argument_is_named(name, bad, wanted):
    focal_alone = name in ("exponent", "epsilon")
    others = () if focal_alone else (TverskyLoss, functools.partial(tversky_index, Y, P))
    for make in (FocalTverskyLoss, *others):
        with pytest.raises(ValueError, match=f"{name} is {bad!r}, wanted {wanted}"):
            make(**{name: bad})


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (TverskyLoss, {"fn_weight": 0.75, "fp_weight": 0.125, "smooth": 2, "pooling": "batch"}),
        (FocalTverskyLoss, {"fn_weight": 0.5, "fp_weight": 0.25, "exponent": 0.5, "smooth": 3}),
        (FocalTverskyLoss, {"epsilon": 0.125, "pooling": "batch"}),
        (DiceLoss, {"smooth": 0.5, "pooling": "batch"}),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_configuration_survives_a_round_trip(make, options, reduction):
    # NumPy's numbers are numbers, and go into files.
    given = {k: v if isinstance(v, str) else np.float32(v) for k, v in options.items()}
    loss = make(name="mine", reduction=reduction, **given)
    config = json.loads(json.dumps(loss.get_config()))
    assert {**options, "name": "mine", "reduction": reduction}.items() <= config.items()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(copy) is make
    found, expected = (ops.convert_to_numpy(one(Y, P)) for one in (copy, loss))
    np.testing.assert_array_equal(found, expected)
