"""Attention layers (channel and spatial attention, CBAM, the gate) and a faster batch norm.

Each attention layer computes a map of coefficients in (0, 1), :meth:`coefficients`, and multiplies
its input by it. The maps are what the book looks at; the products are what the networks use.
"""

import keras
from keras import ops

from damunet_lite import _arguments as arguments

INTERPOLATIONS = ("bilinear", "nearest")


def _feature_map(name: str, shape) -> tuple:
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(f"{name} has shape {tuple(shape)}, wanted [N, H, W, C] with C known")
    return tuple(shape)


class _Attention(keras.layers.Layer):
    """A layer that multiplies its input by its coefficients; the shape stays."""

    #: What a file keeps beside name and precision.
    options: tuple[str, ...] = ()

    def _part(self, name, input_shape, kind, *args, **kwargs):
        """A layer inside this one, of the same precision, built for its input."""
        part = kind(*args, name=name, dtype=self.dtype_policy, **kwargs)
        part.build(input_shape)
        return part

    def call(self, x):
        return x * self.coefficients(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.options}}


@keras.saving.register_keras_serializable(package="damunet_lite")
class ChannelAttention(_Attention):
    """Weigh the channels of a feature map: *what* to look at.

    The map is averaged over its pixels and, apart from that, its maximum is taken; one small
    network with a hidden layer (shared by both) turns each vector of C numbers into C logits;
    their sum goes through a sigmoid. Input and output are [N, H, W, C].

    Parameters
    ----------
    reduction : int
        The hidden layer has ``max(C // reduction, 1)`` units. The paper uses 16, for maps of 64
        channels and more; small networks have narrower ones, so the default is 8.

    Raises
    ------
    ValueError
        For an input of another shape.

    Notes
    -----
    Public versions differ in the bias of the shared network (some leave it out); like the
    authors' own code we keep it. No batch normalisation.

    References
    ----------
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1, section 3, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ChannelAttention(reduction=2)
    >>> layer(np.ones((1, 8, 6, 4), "float32")).shape == (1, 8, 6, 4)
    True
    """

    options = ("reduction",)

    def __init__(self, reduction: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = arguments.integer("reduction", reduction, 1)

    def build(self, input_shape):
        channels = _feature_map("input", input_shape)[-1]
        hidden, dense = max(channels // self.reduction, 1), keras.layers.Dense
        self.squeeze = self._part("squeeze", (None, channels), dense, hidden, activation="relu")
        self.excite = self._part("excite", (None, hidden), dense, channels)

    def coefficients(self, x):
        """Channel weights of ``x``, shape [N, 1, 1, C], in (0, 1)."""
        average = self.excite(self.squeeze(ops.mean(x, axis=(1, 2))))
        maximum = self.excite(self.squeeze(ops.max(x, axis=(1, 2))))
        return ops.sigmoid(average + maximum)[:, None, None, :]


@keras.saving.register_keras_serializable(package="damunet_lite")
class SpatialAttention(_Attention):
    """Weigh the pixels of a feature map: *where* to look.

    Mean and maximum over the channels, stacked to a map of two channels, pass through one
    convolution and a sigmoid. Input and output are [N, H, W, C].

    Parameters
    ----------
    kernel_size : int
        Side of the convolution, odd. The paper finds 7 better than 3.

    Raises
    ------
    ValueError
        For an even kernel, or an input of another shape.

    Notes
    -----
    The paper writes average first, then maximum; the authors' own code stacks the maximum first.
    A learnt convolution does not care; weights moved between versions do. We follow the paper.
    Their code also adds batch normalisation after the convolution; the paper has none, nor have
    we, since statistics over one channel of a batch of crops are noisy. The convolution has no
    bias, as in their code.

    References
    ----------
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1, section 3, equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> SpatialAttention()(np.ones((1, 9, 6, 4), "float32")).shape == (1, 9, 6, 4)
    True
    """

    options = ("kernel_size",)

    def __init__(self, kernel_size: int = 7, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = arguments.integer("kernel_size", kernel_size, 1)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, wanted an odd integer")

    def build(self, input_shape):
        shape = (*_feature_map("input", input_shape)[:3], 2)
        kind, options = keras.layers.Conv2D, {"padding": "same", "use_bias": False}
        self.conv = self._part("conv", shape, kind, 1, self.kernel_size, **options)

    def coefficients(self, x):
        """Pixel weights of ``x``, shape [N, H, W, 1], in (0, 1)."""
        pooled = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        return ops.sigmoid(self.conv(ops.concatenate(pooled, axis=-1)))


@keras.saving.register_keras_serializable(package="damunet_lite")
class CBAM(_Attention):
    """Convolutional block attention module: channel attention, then spatial attention.

    Input and output are [N, H, W, C].

    Parameters
    ----------
    reduction, kernel_size : int
        See :class:`ChannelAttention` and :class:`SpatialAttention`.

    References
    ----------
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1. The order (channel first) is the one
    the paper finds best.

    Examples
    --------
    >>> import numpy as np
    >>> layer = CBAM(reduction=2)
    >>> layer(np.ones((2, 8, 8, 4), "float32")).shape == (2, 8, 8, 4)
    True
    """

    options = ("reduction", "kernel_size")

    def __init__(self, reduction: int = 8, kernel_size: int = 7, **kwargs):
        super().__init__(**kwargs)
        self.channel = ChannelAttention(reduction, dtype=self.dtype_policy, name="channel")
        self.spatial = SpatialAttention(kernel_size, dtype=self.dtype_policy, name="spatial")
        self.reduction, self.kernel_size = self.channel.reduction, self.spatial.kernel_size

    def build(self, input_shape):
        self.channel.build(input_shape)
        self.spatial.build(input_shape)

    def coefficients(self, x):
        """Product of channel and pixel weights, shape [N, H, W, C], in (0, 1)."""
        x = ops.convert_to_tensor(x)
        channel = self.channel.coefficients(x)
        return channel * self.spatial.coefficients(x * channel)

    def call(self, x):
        return self.spatial(self.channel(x))


def _double(values, axis: int, smooth: bool):
    """Twice as many pixels along an axis: repeated, or interpolated linearly.

    Linear interpolation by two is repetition and then a (1, 2, 1) / 4 average. Unlike Keras's
    resize, this works for sizes that are known only when the network runs.
    """
    values = ops.repeat(values, 2, axis=axis)
    if not smooth:
        return values

    def cut(start, stop):
        index = [slice(None)] * 4
        index[axis] = slice(start, stop)
        return values[tuple(index)]

    before = ops.concatenate([cut(0, 1), cut(0, -1)], axis=axis)
    after = ops.concatenate([cut(1, None), cut(-1, None)], axis=axis)
    return (before + 2 * values + after) / 4


@keras.saving.register_keras_serializable(package="damunet_lite")
class AttentionGate(_Attention):
    """Let the coarse, deep features decide which pixels of a skip connection pass.

    ``layer([x, gate])``: x at full size passes a 2 x 2 convolution of stride 2 (theta), the
    gating signal at half that size, rounded up, a 1 x 1 convolution (phi); their sum passes
    ReLU, a 1 x 1 convolution to one channel (psi) and a sigmoid. The coefficients are enlarged
    to the size of x and multiply all its channels. Any image size, odd sides included: x is
    [N, H, W, C], the gating signal [N, ceil(H/2), ceil(W/2), G], and the output is like x.

    Parameters
    ----------
    inter_channels : int
        Channels of theta and phi.
    interpolation : {"bilinear", "nearest"}
        How the coefficients are enlarged: the paper interpolates linearly, the listing repeats
        pixels.

    Raises
    ------
    ValueError
        If the input is not such a pair, or an argument is out of range.

    Notes
    -----
    This is the gate of the paper's figure. Its authors' code gives theta no bias, and ends with a
    1 x 1 convolution and batch normalisation of the gated map.

    References
    ----------
    Oktay et al. 2018, MIDL, arXiv:1804.03999, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> x, gate = np.ones((1, 9, 6, 4), "float32"), np.ones((1, 5, 3, 8), "float32")
    >>> AttentionGate(inter_channels=2)([x, gate]).shape == (1, 9, 6, 4)
    True
    """

    options = ("inter_channels", "interpolation")

    def __init__(self, inter_channels: int, interpolation: str = "bilinear", **kwargs):
        super().__init__(**kwargs)
        self.inter_channels = arguments.integer("inter_channels", inter_channels, 1)
        self.interpolation = arguments.choice("interpolation", interpolation, INTERPOLATIONS)

    def build(self, input_shape):
        if len(input_shape) != 2 or isinstance(input_shape[0], int):
            raise ValueError(f"input has shape {input_shape}, wanted a list [x, gate]")
        x_shape, gate_shape = map(_feature_map, ("x", "gate"), input_shape)
        channels, kind = self.inter_channels, keras.layers.Conv2D
        self.theta = self._part("theta", x_shape, kind, channels, 2, strides=2, padding="same")
        self.phi = self._part("phi", gate_shape, kind, channels, 1)
        self.psi = self._part("psi", (None, None, None, channels), kind, 1, 1)

    def coefficients(self, inputs):
        """Pixel weights for ``[x, gate]``, shape [N, H, W, 1] as x, in (0, 1)."""
        x, gate = inputs
        theta, phi = self.theta(x), self.phi(gate)
        got, wanted = tuple(gate.shape[1:3]), tuple(theta.shape[1:3])
        if None not in (*got, *wanted) and got != wanted:
            raise ValueError(f"gate has height and width {got}, wanted {wanted}, half those of x")
        psi = ops.sigmoid(self.psi(ops.relu(theta + phi)))
        for axis in (1, 2):
            psi = _double(psi, axis, smooth=self.interpolation == "bilinear")
        height, width = ops.shape(x)[1:3]
        return psi[:, :height, :width]

    def call(self, inputs):
        return inputs[0] * self.coefficients(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable(package="damunet_lite")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation, in one TensorFlow operation instead of a dozen.

    Arguments, weights and results (to rounding) are those of
    :class:`keras.layers.BatchNormalization`. On TensorFlow that layer computes mean, variance and
    scaling one after the other, in float32 whatever the precision, and each step reads and writes
    the whole feature map: on a CPU more than a third of a U-Net's training step. The fused
    operation computes the same in a few passes and takes bfloat16 and float16 as they come.

    ``synchronized`` is left out on other backends, where batches are not shared out in that way.
    There, and for what the fused operation does not know (another axis, renorm,
    several devices, a mask, a missing scale or centre), this is the layer of Keras.

    Raises
    ------
    ValueError
        As :class:`keras.layers.BatchNormalization` does.

    References
    ----------
    Ioffe and Szegedy 2015, ICML, arXiv:1502.03167.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization(momentum=0.9)
    >>> out = layer(np.array([1, 3], "float32").reshape(2, 1, 1, 1), training=True)
    >>> [round(float(value), 3) for value in ops.reshape(out, -1)]
    [-1.0, 1.0]
    """

    def __init__(self, *args, synchronized=False, **kwargs):
        # Keras knows it on TensorFlow alone; a file from several devices is to load everywhere.
        here = bool(synchronized) and keras.backend.backend() == "tensorflow"
        super().__init__(*args, synchronized=here, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if not self._can_fuse(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        learning = bool(training and self.trainable)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=[] if learning else self.moving_mean,
            variance=[] if learning else self.moving_variance,
            epsilon=self.epsilon,
            is_training=learning,
        )
        if learning:
            # The operation returns the unbiased variance; Keras averages the biased one.
            count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
            variance *= tf.maximum(count - 1, 1) / count
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return outputs

    def _can_fuse(self, inputs, mask) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not (self.synchronized or getattr(self, "renorm", False))  # since Keras 3.14
            and self.gamma.dtype == "float32"
            and keras.backend.standardize_dtype(inputs.dtype) == self.compute_dtype
        )
