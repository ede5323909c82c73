"""Losses for a rare class: the Tversky index and the losses built on it.

One pure function, :func:`tversky_index`, and three thin registered classes over it. The
weights are called ``fn_weight`` and ``fp_weight`` throughout, because the literature and the
libraries disagree about which of them "alpha" is (see the book's page on conventions).
"""

import keras
from keras import ops

POOLINGS = ("image", "batch")

# Pixels; below it, a sum of probabilities is taken as nothing. Without it, a slope that
# divides by the square of the sum leaves the range of float32.
_NOTHING = 1e-6


def _number(name: str, value: float, minimum: float, *, strictly: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not number < float("inf") or number < minimum or (strictly and number == minimum):
        wanted = f"{'>' if strictly else '>='} {minimum:g}"
        raise ValueError(f"{name} must be finite and {wanted}, got {value!r}")
    return number


def _pooling(value: str) -> str:
    if value not in POOLINGS:
        raise ValueError(f"pooling must be one of {POOLINGS}, got {value!r}")
    return value


def _same_shape(y_true, y_pred) -> None:
    if len(y_true.shape) != len(y_pred.shape) or any(
        a is not None and b is not None and a != b
        for a, b in zip(y_true.shape, y_pred.shape, strict=True)
    ):
        raise ValueError(
            f"y_true must have the shape of y_pred {tuple(y_pred.shape)}, got {tuple(y_true.shape)}"
        )


def check_mask(y_true) -> None:
    """Raise if a mask that can be looked at holds values outside [0, 1].

    Inside a compiled training step the values are symbolic and nothing is checked there; the
    usual mistake, a mask of 0 and 255, is caught when the loss is called by hand.

    Parameters
    ----------
    y_true : array or tensor
        The mask, any shape.

    Raises
    ------
    ValueError
        If a value lies outside [0, 1] or is not a number.
    """
    try:
        values = ops.convert_to_numpy(y_true)
        low, high = float(values.min()), float(values.max())
    except Exception:  # symbolic or traced: no values to look at
        return
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"y_true must hold values in [0, 1] (membrane = 1), got values from {low:g} to "
            f"{high:g}; divide a 0/255 mask by 255 and check that membrane is 1"
        )


def tversky_index(
    y_true,
    y_pred,
    fn_weight: float = 0.7,
    fp_weight: float = 0.3,
    smooth: float = 1.0,
    pooling: str = "image",
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

    Returns
    -------
    tensor, shape [N] or scalar
        The index, from 0 (nothing right) to 1 (perfect).

    Raises
    ------
    ValueError
        For a negative weight, an unknown pooling, shapes that differ, or a mask outside [0, 1].

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
    """
    fn_weight = _number("fn_weight", fn_weight, 0.0)
    fp_weight = _number("fp_weight", fp_weight, 0.0)
    smooth = _number("smooth", smooth, 0.0)
    _pooling(pooling)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    _same_shape(y_true, y_pred)
    check_mask(y_true)
    dtype = "float64" if keras.backend.standardize_dtype(y_pred.dtype) == "float64" else "float32"
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    axes = tuple(range(0 if pooling == "batch" else 1, len(y_pred.shape)))
    tp = ops.sum(y_true * y_pred, axis=axes)
    fn = ops.sum(y_true * (1 - y_pred), axis=axes)
    fp = ops.sum((1 - y_true) * y_pred, axis=axes)
    numerator = tp + smooth
    denominator = tp + fn_weight * fn + fp_weight * fp + smooth
    # Nothing to find and nothing found, without smoothing: 0/0, a perfect answer.
    empty = denominator < _NOTHING
    return ops.where(empty, 1.0, numerator / ops.where(empty, 1.0, denominator))


class _OverlapLoss(keras.losses.Loss):
    """Shared plumbing: pooling per image leaves Keras a vector to reduce, per batch a scalar."""

    def __init__(self, smooth, pooling, name, reduction):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        self.smooth = _number("smooth", smooth, 0.0)
        self.pooling = _pooling(pooling)

    def get_config(self):
        return {
            "smooth": self.smooth,
            "pooling": self.pooling,
            "name": self.name,
            "reduction": self.reduction,
        }


@keras.saving.register_keras_serializable(package="damunet_lite")
class TverskyLoss(_OverlapLoss):
    """One minus the Tversky index.

    Parameters
    ----------
    fn_weight, fp_weight, smooth, pooling
        See :func:`tversky_index`.
    name, reduction
        As for every Keras loss.

    Raises
    ------
    ValueError
        For a negative weight or an unknown pooling.

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

    def __init__(
        self,
        fn_weight: float = 0.7,
        fp_weight: float = 0.3,
        smooth: float = 1.0,
        pooling: str = "image",
        name: str = "tversky",
        reduction: str = "sum_over_batch_size",
    ):
        super().__init__(smooth, pooling, name, reduction)
        self.fn_weight = _number("fn_weight", fn_weight, 0.0)
        self.fp_weight = _number("fp_weight", fp_weight, 0.0)

    def index(self, y_true, y_pred):
        """Tversky index of the batch, see :func:`tversky_index`."""
        return tversky_index(
            y_true, y_pred, self.fn_weight, self.fp_weight, self.smooth, self.pooling
        )

    def call(self, y_true, y_pred):
        return 1.0 - self.index(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "fn_weight": self.fn_weight, "fp_weight": self.fp_weight}


@keras.saving.register_keras_serializable(package="damunet_lite")
class FocalTverskyLoss(TverskyLoss):
    r"""Tversky loss raised to an exponent: :math:`(1 - TI)^{e}`.

    The paper writes the exponent as :math:`1/\gamma` with :math:`\gamma = 4/3`, so 0.75. Below 1
    the slope is infinite at a perfect prediction; the loss is therefore computed on
    ``max(1 - TI, epsilon)``, which leaves every value above ``epsilon`` untouched and makes value
    and gradient finite everywhere.

    Parameters
    ----------
    fn_weight, fp_weight, smooth, pooling
        See :func:`tversky_index`.
    exponent : float
        > 0; 1 gives :class:`TverskyLoss`.
    epsilon : float
        Smallest ``1 - TI`` that is told apart from 0; > 0.

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

    def __init__(
        self,
        fn_weight: float = 0.7,
        fp_weight: float = 0.3,
        exponent: float = 0.75,
        smooth: float = 1.0,
        pooling: str = "image",
        epsilon: float = 1e-6,
        name: str = "focal_tversky",
        reduction: str = "sum_over_batch_size",
    ):
        super().__init__(fn_weight, fp_weight, smooth, pooling, name, reduction)
        self.exponent = _number("exponent", exponent, 0.0, strictly=True)
        self.epsilon = _number("epsilon", epsilon, 0.0, strictly=True)

    def call(self, y_true, y_pred):
        distance = 1.0 - self.index(y_true, y_pred)
        powered = ops.power(ops.maximum(distance, self.epsilon), self.exponent)
        return ops.where(distance > self.epsilon, powered, 0.0 * distance)

    def get_config(self):
        return {**super().get_config(), "exponent": self.exponent, "epsilon": self.epsilon}


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

    def __init__(
        self,
        smooth: float = 1.0,
        pooling: str = "image",
        name: str = "dice",
        reduction: str = "sum_over_batch_size",
    ):
        super().__init__(0.5, 0.5, smooth, pooling, name, reduction)

    def get_config(self):
        config = super().get_config()
        del config["fn_weight"], config["fp_weight"]
        return config
