"""Losses for a rare class: the Tversky index and the losses built on it.

One pure function, :func:`tversky_index`, and three thin registered classes over it. The
weights are called ``fn_weight`` and ``fp_weight`` throughout, because the literature and the
libraries disagree about which of them "alpha" is (see the book's page on conventions).
"""

import keras
import numpy as np
from keras import ops

from damunet_lite import _arguments as arguments

POOLINGS = ("image", "batch")

# Pixels; below it, a sum of probabilities is taken as nothing. Without it, a slope that
# divides by the square of the sum leaves the range of float32.
_NOTHING = 1e-6


def same_shape(shape, other) -> bool:
    """Whether two shapes can be the same; None stands for a size that is not known yet.

    Examples
    --------
    >>> same_shape((2, None), (None, 4)), same_shape((2, 3), (2, 4)), same_shape((2,), (2, 1))
    (True, False, False)
    """
    fits = (a == b or None in (a, b) for a, b in zip(shape, other, strict=False))
    return len(shape) == len(other) and all(fits)


def _values(tensor) -> np.ndarray | None:
    """What a tensor holds, or None in a compiled step, where nothing can be seen."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        hidden = tf.is_symbolic_tensor(tensor)
    elif backend == "jax":
        import jax

        hidden = isinstance(tensor, jax.core.Tracer)
    else:
        import torch

        hidden = torch.compiler.is_compiling() or tensor.is_meta
    return None if hidden else ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _check(name: str, tensor, wanted: str) -> None:
    """Refuse values outside [0, 1], where they can be seen."""
    values = _values(tensor)
    if values is not None:
        arguments.probability(name, values, wanted)


def _check_shape(name: str, shape: tuple, wanted: tuple) -> None:
    if not same_shape(shape, wanted):
        raise ValueError(f"{name} has shape {shape}, wanted {wanted} like y_pred")


def _check_weight(name: str, weight) -> None:
    """Refuse weights that no count can have, where they can be seen."""
    held = _values(weight)
    if held is not None and not (np.isfinite(held) & (held >= 0)).all():
        raise ValueError(f"{name} is {held.min()} to {held.max()}, wanted finite, >= 0")


@ops.custom_gradient
def _clipped(y_pred):
    """Predictions in [0, 1]; outside, the slope is that at the limit where it leads back in."""

    def slope(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        outwards = ((y_pred < 0) & (upstream > 0)) | ((y_pred > 1) & (upstream < 0))
        return ops.where(outwards, 0.0, upstream)

    return ops.clip(y_pred, 0, 1), slope


@keras.saving.register_keras_serializable(package="damunet_lite")
def tversky_index(
    y_true,
    y_pred,
    fn_weight: float = 0.7,
    fp_weight: float = 0.3,
    smooth: float = 1.0,
    pooling: str = "image",
    pixel_weight=None,
):
    r"""Tversky index of soft predictions, one for each image or one for the batch.

    .. math:: TI = \frac{TP + s}{TP + w_{FN}\,FN + w_{FP}\,FP + s}

    with soft counts :math:`TP=\sum y p`, :math:`FN=\sum y (1-p)`, :math:`FP=\sum (1-y) p` in
    float32 (float64 stays), whatever the dtype of the prediction.

    Parameters
    ----------
    y_true : tensor, shape [N, ...]
        Mask, 1 where the positive class is; values in [0, 1].
    y_pred : tensor, shape [N, ...]
        Predicted probability of the positive class, same shape.
    fn_weight, fp_weight : float
        Weight of a missed and of a falsely found pixel, >= 0. Equal weights of 0.5 give Dice.
    smooth : float
        Added to numerator and denominator, >= 0, in pixels.
    pooling : {"image", "batch"}
        Sum the counts over each image, or over the whole batch.
    pixel_weight : tensor, shape [N, ...], optional
        How often each pixel counts in TP, FN and FP; same shape, finite, >= 0.

    Returns
    -------
    tensor, shape [N] or scalar
        The index. From 0 (nothing right) to 1 (perfect) for a mask of 0 and 1. Not so for soft
        masks: see the notes.

    Raises
    ------
    ValueError
        For a negative weight, an unknown pooling, shapes that differ, a mask outside [0, 1],
        predictions outside [0, 1] by more than 1e-6, such as logits, or a `pixel_weight` below 0
        or not finite.

    Notes
    -----
    Inside a compiled training step (a graph of TensorFlow, a trace of JAX, ``torch.compile``)
    no value can be looked at. There the counts are those of mask and predictions clipped to
    [0, 1], and a prediction outside has the slope at the limit, unless that leads further out.

    A soft mask is not the prediction that the index likes best: in the second example the index
    is largest where every pixel is rounded. Where the prediction is to become the fraction, take
    a loss such as cross-entropy.

    References
    ----------
    Tversky 1977, Psychological Review 84(4), doi:10.1037/0033-295X.84.4.327.
    Salehi et al. 2017, MLMI, doi:10.1007/978-3-319-67389-9_44.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "float32")
    >>> p = np.array([[.9, .4, .6, .2], [.1, .3, 0, 0]], "float32")
    >>> round(float(1 - tversky_index(y, p, smooth=0, pooling="batch")), 6)
    0.333333
    >>> soft = np.array([[.25, .5, .75, 0, 1]])
    >>> index = [tversky_index(soft, p, smooth=0) for p in (soft, np.array([[0., 1, 1, 0, 1]]))]
    >>> [(round(float(value[0]), 3), value.dtype.name) for value in index]
    [(0.75, 'float64'), (0.849, 'float64')]
    """
    fn_weight = arguments.at_least_0("fn_weight", fn_weight)
    fp_weight = arguments.at_least_0("fp_weight", fp_weight)
    smooth = arguments.at_least_0("smooth", smooth)
    arguments.choice("pooling", pooling, POOLINGS)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    _check_shape("y_true", tuple(y_true.shape), tuple(y_pred.shape))
    mask = "a mask in [0, 1], membrane = 1: divide 0/255 by 255, check that membrane is 1"
    _check("y_true", y_true, mask)
    # What is not a number stays for the loss: it is then none either, which training tells.
    probabilities = "probabilities, none outside [0, 1]: logits? pass them through a sigmoid"
    _check("y_pred", ops.nan_to_num(y_pred), probabilities)
    dtype = "float64" if keras.backend.standardize_dtype(y_pred.dtype) == "float64" else "float32"
    y_true, y_pred = ops.clip(ops.cast(y_true, dtype), 0, 1), _clipped(ops.cast(y_pred, dtype))
    axes = tuple(range(0 if pooling == "batch" else 1, len(y_pred.shape)))
    weight = ops.ones_like(y_pred) if pixel_weight is None else ops.cast(pixel_weight, dtype)
    _check_shape("pixel_weight", tuple(weight.shape), tuple(y_pred.shape))
    _check_weight("pixel_weight", weight)
    tp = ops.sum(weight * y_true * y_pred, axis=axes)
    fn = ops.sum(weight * y_true * (1 - y_pred), axis=axes)
    fp = ops.sum(weight * (1 - y_true) * y_pred, axis=axes)
    denominator = tp + fn_weight * fn + fp_weight * fp + smooth
    # Nothing to find and nothing found, without smoothing: 0/0, a perfect answer.
    empty = ops.abs(denominator) < _NOTHING
    return ops.where(empty, 1.0, (tp + smooth) / ops.where(empty, 1.0, denominator))


@keras.saving.register_keras_serializable(package="damunet_lite")
class TverskyLoss(keras.losses.Loss):
    """One minus the Tversky index.

    Parameters
    ----------
    fn_weight, fp_weight, smooth, pooling
        See :func:`tversky_index`. On several devices, ``pooling="batch"`` pools each device's
        part of the batch for itself, and the loss is the mean over the devices.
    name
        As for every Keras loss, which takes ``reduction`` and ``dtype`` besides.

    Raises
    ------
    ValueError
        For a negative weight or an unknown pooling; when called, also for a ``sample_weight`` of
        another shape, below 0 or not finite, and for what :func:`tversky_index` refuses.

    Notes
    -----
    ``sample_weight`` of shape [N] weighs images; of the shape of the mask, with or without its
    last axis of 1, it weighs pixels: TP, FN and FP count each pixel as often as its weight says,
    relative to the mean weight of the image, by which the image's loss is multiplied. So a map
    that is constant in each image does what the vector does. With ``pooling="batch"`` both count
    within the batch and are relative to its mean.

    References
    ----------
    Salehi et al. 2017, MLMI, doi:10.1007/978-3-319-67389-9_44.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "float32")
    >>> p = np.array([[.9, .4, .6, .2], [.1, .3, 0, 0]], "float32")
    >>> round(float(TverskyLoss()(y, p)), 5)
    0.16483
    """

    #: What a file keeps beside name and reduction.
    options: tuple[str, ...] = ("fn_weight", "fp_weight", "smooth", "pooling")

    def __init__(
        self,
        fn_weight: float = 0.7,
        fp_weight: float = 0.3,
        smooth: float = 1.0,
        pooling: str = "image",
        name: str = "tversky",
        **kwargs,
    ):
        super().__init__(name, **{"dtype": "float32", **kwargs})
        self.smooth = arguments.at_least_0("smooth", smooth)
        self.pooling = arguments.choice("pooling", pooling, POOLINGS)
        self.fn_weight = arguments.at_least_0("fn_weight", fn_weight)
        self.fp_weight = arguments.at_least_0("fp_weight", fp_weight)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Loss of a batch; the notes of the class say what ``sample_weight`` does."""
        if sample_weight is None:
            return super().__call__(y_true, y_pred)
        y_pred = ops.convert_to_tensor(y_pred)
        each, pixels = self._split(sample_weight, y_pred)
        # Keras hands nested targets on as they are.
        return super().__call__((y_true, pixels), y_pred, each)

    def _split(self, sample_weight, y_pred):
        """Weights as one for each value of the loss, and how often a pixel counts within it."""
        weight, shape = ops.cast(sample_weight, "float32"), tuple(y_pred.shape)
        _check_weight("sample_weight", weight)
        if same_shape(weight.shape, shape[:1]):
            weight = ops.ones_like(y_pred) * ops.reshape(weight, (-1, *[1] * (len(shape) - 1)))
        elif same_shape((*weight.shape, 1), shape):
            weight = weight[..., None]
        elif not same_shape(weight.shape, shape):
            wanted = f"[N] or a weight for each pixel, {shape}"
            raise ValueError(f"sample_weight has shape {tuple(weight.shape)}, wanted {wanted}")
        axes = tuple(range(0 if self.pooling == "batch" else 1, len(shape)))
        mean = ops.mean(weight, axis=axes, keepdims=True)
        return ops.reshape(mean, (-1,)), weight / ops.where(mean > 0, mean, 1.0)

    def call(self, y_true, y_pred):
        y_true, pixel_weight = y_true if isinstance(y_true, tuple) else (y_true, None)
        weights = self.fn_weight, self.fp_weight
        index = tversky_index(y_true, y_pred, *weights, self.smooth, self.pooling, pixel_weight)
        # Of the batch too a vector: Keras scales it by the number of devices, not a scalar.
        return 1.0 - ops.reshape(index, (-1,))

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.options}}


@keras.saving.register_keras_serializable(package="damunet_lite")
class FocalTverskyLoss(TverskyLoss):
    r"""Tversky loss raised to an exponent: :math:`(1 - TI)^{e}`.

    The paper writes the exponent as :math:`1/\gamma` with :math:`\gamma = 4/3`, so 0.75. Below 1
    the slope is infinite at a perfect prediction; the loss is therefore 0, with a slope of 0, where
    ``1 - TI`` is ``epsilon`` or less. That leaves every value above ``epsilon`` untouched and makes
    value and gradient finite everywhere.

    Parameters
    ----------
    fn_weight, fp_weight, smooth, pooling
        See :func:`tversky_index`.
    exponent : float
        > 0; 1 gives :class:`TverskyLoss`.
    epsilon : float
        Largest ``1 - TI`` that counts as 0; > 0.

    Raises
    ------
    ValueError
        For a negative weight, an exponent of 0 or less, or an unknown pooling.

    References
    ----------
    Abraham and Khan 2019, ISBI, doi:10.1109/ISBI.2019.8759329.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "float32")
    >>> p = np.array([[.9, .4, .6, .2], [.1, .3, 0, 0]], "float32")
    >>> round(float(FocalTverskyLoss(pooling="batch")(y, p)), 6)
    0.350104
    """

    options = (*TverskyLoss.options, "exponent", "epsilon")

    def __init__(
        self,
        fn_weight: float = 0.7,
        fp_weight: float = 0.3,
        exponent: float = 0.75,
        smooth: float = 1.0,
        pooling: str = "image",
        epsilon: float = 1e-6,
        name: str = "focal_tversky",
        **kwargs,
    ):
        super().__init__(fn_weight, fp_weight, smooth, pooling, name, **kwargs)
        self.exponent = arguments.above_0("exponent", exponent)
        self.epsilon = arguments.above_0("epsilon", epsilon)

    def call(self, y_true, y_pred):
        distance = super().call(y_true, y_pred)
        powered = ops.power(ops.maximum(distance, self.epsilon), self.exponent)
        return ops.where(distance > self.epsilon, powered, 0.0 * distance)


@keras.saving.register_keras_serializable(package="damunet_lite")
class DiceLoss(TverskyLoss):
    """One minus the soft Dice coefficient: the Tversky loss with both weights 0.5.

    Parameters
    ----------
    smooth, pooling
        See :func:`tversky_index`. The coefficient is ``(2 TP + 2 s) / (2 TP + FN + FP + 2 s)``.

    References
    ----------
    Milletari et al. 2016, 3DV, doi:10.1109/3DV.2016.79 (with squares in the denominator, which
    we leave out).

    Examples
    --------
    >>> import numpy as np
    >>> y, p = np.array([[1.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    >>> round(float(DiceLoss(smooth=0)(y, p)), 6)
    0.333333
    """

    options = ("smooth", "pooling")

    def __init__(self, smooth: float = 1.0, pooling: str = "image", name: str = "dice", **kwargs):
        super().__init__(0.5, 0.5, smooth, pooling, name, **kwargs)
