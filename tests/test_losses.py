"""Tests of the losses: hand-worked values, finite gradients, properties, errors."""

import functools
import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops

from damunet_lite.losses import DiceLoss, FocalTverskyLoss, TverskyLoss, check_mask, tversky_index

# Three membrane pixels and an empty image. Pooled: TP = .9 + .4 + .6 = 1.9,
# FN = .1 + .6 + .4 = 1.1, FP = .2 + .1 + .3 = .6.
Y = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "float32")
P = np.array([[0.9, 0.4, 0.6, 0.2], [0.1, 0.3, 0, 0]], "float32")

SWAPPED = functools.partial(TverskyLoss, 0.3, 0.7)
LOSSES = {
    "tversky": TverskyLoss,
    "focal .5": functools.partial(FocalTverskyLoss, exponent=0.5),
    "focal .75": FocalTverskyLoss,
    "focal 1": functools.partial(FocalTverskyLoss, exponent=1),
    "focal 2": functools.partial(FocalTverskyLoss, exponent=2),
    "dice": DiceLoss,
}


def value(loss, y=Y, p=P):
    return float(loss(ops.convert_to_tensor(y), ops.convert_to_tensor(p)))


# --- values worked out by hand --------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "smooth", "expected"),
    [
        (TverskyLoss, 0, 0.333333),
        (TverskyLoss, 1, 0.246753),
        (SWAPPED, 0, 0.283019),
        (SWAPPED, 1, 0.205479),
        (FocalTverskyLoss, 0, 0.438691),
        (FocalTverskyLoss, 1, 0.350104),
    ],
)
def test_pooled_over_the_batch(loss, smooth, expected):
    assert value(loss(smooth=smooth, pooling="batch")) == pytest.approx(expected, abs=1e-6)


def test_each_image_for_itself():
    rows = [0.222520, 0.107143]
    index = ops.convert_to_numpy(tversky_index(Y, P))
    np.testing.assert_allclose(1 - index, rows, atol=1e-6)
    each = TverskyLoss(reduction="none")(Y, P)
    np.testing.assert_allclose(ops.convert_to_numpy(each), rows, atol=1e-6)
    assert value(TverskyLoss()) == pytest.approx(0.164832, abs=1e-6)


def test_mean_of_focal_is_not_focal_of_mean():
    assert value(FocalTverskyLoss()) == pytest.approx(0.255629, abs=1e-6)
    assert value(TverskyLoss()) ** 0.75 == pytest.approx(0.258690, abs=1e-6)


def test_which_weight_goes_with_which_error():
    # One pixel missed and nothing else wrong: TI = 1 / (1 + 0.7).
    missed = TverskyLoss(fn_weight=0.7, fp_weight=0.3, smooth=0)
    y, p = np.array([[1.0, 1, 0, 0]]), np.array([[1.0, 0, 0, 0]])
    assert value(missed, y, p) == pytest.approx(0.7 / 1.7, abs=1e-6)
    # The same picture with truth and prediction exchanged is a false find: TI = 1 / (1 + 0.3).
    assert value(missed, p, y) == pytest.approx(0.3 / 1.3, abs=1e-6)


def test_a_soft_target_is_not_what_the_loss_likes_best():
    # TP 1.875, FN = FP = .625 at the target itself; TP 2.25, FN .25, FP .75 at the other one.
    y = np.array([[0.25, 0.5, 0.75, 0, 1]], "float32")
    loss = TverskyLoss(smooth=0)
    assert value(loss, y, y) == pytest.approx(1 - 1.875 / 2.5, abs=1e-6)
    assert value(loss, y, np.array([[0.0, 1, 1, 0, 1]])) == pytest.approx(0.4 / 2.65, abs=1e-6)


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
    with pytest.raises(ValueError, match="sample_weight holds -1.0, wanted numbers >= 0"):
        TverskyLoss()(Y, P, sample_weight=np.array([1.0, -1.0]))


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
CASES = {
    "nothing there, nothing found": (NOTHING, NOTHING),
    "nothing there, hardly anything found": (NOTHING, np.full(SHAPE, 1e-30, "float32")),
    "nothing there, all found": (NOTHING, ALL),
    "all there, nothing found": (ALL, NOTHING),
    "all there, all found": (ALL, ALL),
    "perfect": (STRIPES, STRIPES),
    "inverted": (STRIPES, 1 - STRIPES),
    "nearly perfect": (STRIPES, np.clip(STRIPES, 1e-7, 1 - 1e-7)),
    "barely off": (STRIPES, np.clip(STRIPES, 1e-4, 1 - 1e-4)),
    "undecided": (STRIPES, np.full(SHAPE, 0.5, "float32")),
    "one image empty, one full": (np.stack([NOTHING[0], ALL[0]]), np.stack([ALL[0], NOTHING[0]])),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_finite(name, dtype):
    for case, pooling, smooth in itertools.product(CASES, ("image", "batch"), (0, 1)):
        loss = LOSSES[name](pooling=pooling, smooth=smooth)
        number, slope = gradient(loss, *CASES[case], dtype)
        assert np.isfinite(number), (case, pooling, smooth)
        assert 0 <= number <= 1, (case, pooling, smooth, number)
        assert np.isfinite(slope).all(), (case, pooling, smooth)


@pytest.mark.parametrize("name", LOSSES)
def test_perfect_is_zero_and_inverted_is_one(name):
    for pooling in ("image", "batch"):
        loss = LOSSES[name](pooling=pooling, smooth=0)
        assert value(loss, STRIPES, STRIPES) == pytest.approx(0, abs=1e-7)
        assert value(loss, NOTHING, NOTHING) == 0
        assert value(loss, STRIPES, 1 - STRIPES) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_points_towards_the_mask(name):
    slope = gradient(LOSSES[name](), STRIPES, np.full(SHAPE, 0.5, "float32"))[1]
    assert (slope[STRIPES == 1] < 0).all()
    assert (slope[STRIPES == 0] > 0).all()


def test_large_image_keeps_its_counts_in_half_precision():
    # 65,536 pixels: summed in float16 the count would overflow, in bfloat16 stick at 256.
    y = np.zeros((1, 256, 256, 1), "float32")
    y[:, :, ::2] = 1
    for dtype in ("float16", "bfloat16"):
        half = ops.cast(ops.convert_to_tensor(np.full_like(y, 0.5)), dtype)
        # TP = FN = FP = 16,384: TI = 1 / (1 + 0.7 + 0.3).
        assert float(TverskyLoss(smooth=0)(y, half)) == pytest.approx(0.5, abs=1e-6)


def test_double_precision_stays():
    y, p = (ops.convert_to_tensor(a.astype("float64")) for a in (Y, P))
    if keras.backend.standardize_dtype(p.dtype) != "float64":
        pytest.skip("this backend is set to compute without float64")
    index = tversky_index(y, p, smooth=0)
    assert keras.backend.standardize_dtype(index.dtype) == "float64"


# --- properties -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(5)
    y = (rng.random((3, 8, 8, 1)) < 0.3).astype("float32")
    return y, rng.random((3, 8, 8, 1)).astype("float32")


def test_equal_weights_without_smoothing_are_one_minus_dice(pair):
    y, p = pair
    dice = [2 * (a * b).sum() / (a.sum() + b.sum()) for a, b in zip(y, p, strict=True)]
    half = TverskyLoss(fn_weight=0.5, fp_weight=0.5, smooth=0)
    assert value(half, y, p) == pytest.approx(1 - np.mean(dice), abs=1e-6)
    assert value(DiceLoss(smooth=0), y, p) == pytest.approx(1 - np.mean(dice), abs=1e-6)


def test_unit_weights_are_one_minus_jaccard(pair):
    y, p = (a[:1] > 0.5 for a in pair)
    jaccard = (y & p).sum() / (y | p).sum()
    loss = TverskyLoss(fn_weight=1, fp_weight=1, smooth=0)
    assert value(loss, y.astype("float32"), p.astype("float32")) == pytest.approx(1 - jaccard)


@pytest.mark.parametrize("weight", ["fn_weight", "fp_weight"])
@pytest.mark.parametrize("make", [TverskyLoss, FocalTverskyLoss])
def test_loss_grows_with_each_weight(pair, weight, make):
    values = [value(make(**{weight: w}), *pair) for w in (0, 0.1, 0.4, 0.9, 2)]
    assert np.all(np.diff(values) > 1e-4)


def test_smaller_exponent_lifts_the_loss(pair):
    values = [value(FocalTverskyLoss(exponent=e), *pair) for e in (0.5, 0.75, 1, 2)]
    assert np.all(np.diff(values) < 0)
    assert values[2] == pytest.approx(value(TverskyLoss(), *pair))


def test_order_of_pixels_and_images_does_not_matter(pair):
    order = np.random.default_rng(0).permutation(64)
    moved = [a.reshape(3, 64)[::-1, order].reshape(3, 8, 8, 1) for a in pair]
    loss = FocalTverskyLoss()
    assert value(loss, *moved) == pytest.approx(value(loss, *pair))
    assert value(loss, pair[0], moved[1]) != pytest.approx(value(loss, *pair))


def test_poolings_agree_on_one_image(pair):
    y, p = (a[:1] for a in pair)
    assert value(TverskyLoss(), y, p) == pytest.approx(value(TverskyLoss(pooling="batch"), y, p))


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
        assert value(make(), y, p) == pytest.approx(0, abs=1e-6)


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


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_mask_of_255_is_refused(dtype):
    for make in LOSSES.values():
        with pytest.raises(ValueError, match=r"y_true .*255.*, wanted .*\[0, 1\].*divide"):
            make()((Y * 255).astype(dtype), P)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_mask_outside_its_range_is_refused(bad):
    y = Y.copy()
    y[0, 0] = bad
    for call in (check_mask, lambda mask: tversky_index(mask, P), lambda mask: DiceLoss()(mask, P)):
        with pytest.raises(ValueError, match="y_true has values from .*, wanted"):
            call(y)


@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (4, 2), (2, 4, 1), (8,)])
def test_wrong_shape_is_refused(shape):
    for call in (tversky_index, FocalTverskyLoss()):
        with pytest.raises(ValueError, match=r"y_true has shape .*, wanted \(2, 4\) like y_pred"):
            call(np.zeros(shape, "float32"), P)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fn_weight": -0.1}, "fn_weight is -0.1, wanted a finite number >= 0"),
        ({"fp_weight": -1}, "fp_weight is -1, wanted a finite number >= 0"),
        ({"smooth": -1}, "smooth is -1, wanted a finite number >= 0"),
        ({"fn_weight": float("nan")}, "fn_weight is nan, wanted"),
        ({"fp_weight": float("inf")}, "fp_weight is inf, wanted"),
        ({"fn_weight": "much"}, "fn_weight is 'much', wanted"),
        ({"smooth": None}, "smooth is None, wanted"),
        ({"pooling": "mean"}, "pooling is 'mean', wanted one of"),
    ],
)
def test_bad_argument_is_named(options, words):
    for make in (TverskyLoss, FocalTverskyLoss, functools.partial(tversky_index, Y, P)):
        with pytest.raises(ValueError, match=words):
            make(**options)


@pytest.mark.parametrize("name", ["exponent", "epsilon"])
@pytest.mark.parametrize("bad", [0, -0.75, float("inf")])
def test_bad_exponent_is_named(name, bad):
    with pytest.raises(ValueError, match=f"{name} is {bad}, wanted a finite number > 0"):
        FocalTverskyLoss(**{name: bad})


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        TverskyLoss(0.8, 0.1, 2.0, "batch", name="mine", reduction="sum"),
        FocalTverskyLoss(0.6, 0.2, 0.5, 0.25, "batch", 1e-4, name="mine", reduction="none"),
        DiceLoss(0.5, "batch", name="mine", reduction="sum"),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_configuration_survives_a_round_trip(loss):
    copies = [
        type(loss).from_config(loss.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss)),
    ]
    for copy in copies:
        assert type(copy) is type(loss)
        assert copy.get_config() == loss.get_config()
        assert copy.name == "mine"
        np.testing.assert_array_equal(
            ops.convert_to_numpy(copy(Y, P)), ops.convert_to_numpy(loss(Y, P))
        )


def test_configuration_keeps_every_argument_as_plain_numbers():
    given = {"fn_weight": 0.5, "fp_weight": 0.25, "exponent": 2, "smooth": 3, "epsilon": 0.125}
    config = FocalTverskyLoss(
        **{name: np.float32(number) for name, number in given.items()}, pooling="batch"
    ).get_config()
    assert {**given, "pooling": "batch"}.items() <= json.loads(json.dumps(config)).items()
    assert TverskyLoss(smooth=np.int64(2)).get_config()["smooth"] == 2
