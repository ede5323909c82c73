"""Checkers of chapter 8: channel attention, spatial attention, reduction, order."""

import numpy as np
from scipy.special import expit

from damunet_book.checks import checker, compare, run, stop

_SQUEEZE = np.array([[1.0, -0.5], [-1.0, 1.0], [-0.2, 0.25]])
_EXCITE = np.array([[1.0, -1.5, 0.5], [-0.5, 1.0, 0.75]])
_FEATURES = np.array(
    [
        [[3.0, 1.0, 0.5], [0.0, 1.0, 2.0], [0.5, 2.0, 0.0]],
        [[0.0, 1.5, 0.5], [1.0, 0.5, 0.0], [0.0, 1.0, 4.0]],
    ]
)

_ABSOLUTE = "The maximum is that of the values, not of their sizes: -5 is less than 1."


def _mlp(pooled: np.ndarray, relu: bool = True) -> np.ndarray:
    hidden = pooled @ _SQUEEZE
    return (np.maximum(hidden, 0) if relu else hidden) @ _EXCITE


@checker(
    right="One network, used twice; the sum of both answers goes through one sigmoid.",
    sigmoids_added="Each path has its own sigmoid here and the sum can exceed 1: add first, then "
    "one sigmoid.",
    sigmoid_twice="The sigmoid was applied twice, so no channel can fall below one half.",
    sigmoids_averaged="Each path has its own sigmoid here, and the mean of both is taken: add the "
    "two answers of the network first, then one sigmoid.",
    sigmoids_multiplied="Each path has its own sigmoid here, and they are multiplied: add the two "
    "answers of the network first, then one sigmoid.",
    sigmoid_of_sigmoids="Each path has its own sigmoid, and a third one follows: take the sigmoid "
    "once, of the sum of the two answers.",
    averaged="The two answers are averaged; CBAM adds them.",
    over_channels="The pooling runs over the channels. Pool over height and width: one number for "
    "each channel is left.",
    sum_for_mean="That is the sum over the pixels where the mean is wanted.",
    weighted_map="The weights are right and already multiplied with x: return the weights alone.",
    pooled_first="Mean and maximum were added before the ReLU, which then sees only their sum: "
    "send each through the whole network, then add.",
    mean_only="Only the mean was used; that is squeeze-and-excitation, the idea before CBAM.",
    maximum_only="Only the maximum was used.",
    no_relu="The ReLU in the hidden layer is missing.",
    logits="The sigmoid is missing.",
    relu_at_the_end="There is a ReLU after the second layer as well: no channel could be weakened.",
    absolute=_ABSOLUTE,
)
def channel_weights(answer):
    """``answer(x, squeeze, excite)``: channel weights [C] of a map [H, W, C], no biases."""
    mean, maximum = _FEATURES.mean(axis=(0, 1)), _FEATURES.max(axis=(0, 1))
    compare(
        run(answer, _FEATURES, _SQUEEZE, _EXCITE),
        expit(_mlp(mean) + _mlp(maximum)),
        "the channel weights",
        sigmoids_added=expit(_mlp(mean)) + expit(_mlp(maximum)),
        sigmoid_twice=expit(expit(_mlp(mean) + _mlp(maximum))),
        sigmoids_averaged=(expit(_mlp(mean)) + expit(_mlp(maximum))) / 2,
        sigmoids_multiplied=expit(_mlp(mean)) * expit(_mlp(maximum)),
        sigmoid_of_sigmoids=expit(expit(_mlp(mean)) + expit(_mlp(maximum))),
        averaged=expit((_mlp(mean) + _mlp(maximum)) / 2),
        over_channels=expit(_mlp(_FEATURES.mean(axis=-1)) + _mlp(_FEATURES.max(axis=-1))),
        sum_for_mean=expit(_mlp(_FEATURES.sum(axis=(0, 1))) + _mlp(maximum)),
        weighted_map=_FEATURES * expit(_mlp(mean) + _mlp(maximum)),
        pooled_first=expit(_mlp(mean + maximum)),
        mean_only=expit(_mlp(mean)),
        maximum_only=expit(_mlp(maximum)),
        no_relu=expit(_mlp(mean, False) + _mlp(maximum, False)),
        logits=_mlp(mean) + _mlp(maximum),
        relu_at_the_end=expit(np.maximum(_mlp(mean), 0) + np.maximum(_mlp(maximum), 0)),
    )
    signed = _FEATURES - 1.5
    paths, sizes = _mlp(signed.mean((0, 1))), _mlp(np.abs(signed).max((0, 1)))
    value, what = run(answer, signed, _SQUEEZE, _EXCITE), "the channel weights with negative values"
    good = expit(paths + _mlp(signed.max((0, 1))))
    compare(value, good, what, absolute=expit(paths + sizes))
    small = np.ones((2, 3, 1))
    value = run(answer, small, np.array([[2.0]]), np.array([[0.5]]))
    compare(value, expit(np.array([2.0])), "the weight of a single channel")


def _spatial(features: np.ndarray, mean_weight: float, maximum_weight: float) -> np.ndarray:
    pooled = mean_weight * features.mean(axis=-1) + maximum_weight * features.max(axis=-1)
    return expit(pooled)


@checker(
    right="Two numbers for each pixel, whatever the number of channels.",
    over_pixels="The pooling runs over the pixels: that gives one number for each channel. Here it "
    "runs over the channels.",
    swapped="The two weights are swapped: the first belongs to the mean. Public versions differ in "
    "just this order.",
    sum_for_mean="That is the sum over the channels where the mean is wanted.",
    logits="The sigmoid is missing.",
    sigmoid_twice="The sigmoid was applied twice, so no pixel can fall below one half.",
    absolute=_ABSOLUTE,
)
def pixel_weights(answer):
    """``answer(x, mean_weight, maximum_weight)``: weights [H, W], a 1 x 1 kernel."""
    mean_weight, maximum_weight = 1.5, -0.75
    mean, maximum = _FEATURES.mean(axis=(0, 1)), _FEATURES.max(axis=(0, 1))
    logits = mean_weight * _FEATURES.mean(axis=-1) + maximum_weight * _FEATURES.max(axis=-1)
    total = _FEATURES.sum(axis=-1)
    compare(
        run(answer, _FEATURES, mean_weight, maximum_weight),
        expit(logits),
        "the pixel weights",
        over_pixels=expit(mean_weight * mean + maximum_weight * maximum),
        swapped=_spatial(_FEATURES, maximum_weight, mean_weight),
        sum_for_mean=expit(mean_weight * total + maximum_weight * _FEATURES.max(axis=-1)),
        logits=logits,
        sigmoid_twice=expit(expit(logits)),
    )
    signed = _FEATURES - 1.5
    compare(
        run(answer, signed, mean_weight, maximum_weight),
        _spatial(signed, mean_weight, maximum_weight),
        "the weights of a map with negative values",
        absolute=expit(mean_weight * signed.mean(axis=-1) - 0.75 * np.abs(signed).max(axis=-1)),
    )


@checker(
    right="Next to nothing beside a convolution of as many channels.",
    two_networks="The network is counted twice; mean and maximum share one.",
    no_bias="The biases of the shared network are missing. (Some public versions have none.)",
    spatial_bias="The spatial convolution has no bias here.",
    one_map="The spatial kernel reads two maps, mean and maximum.",
    not_rounded="22 / 8 is not a whole number of hidden units: they are rounded down.",
    rounded_up="22 / 8 hidden units are rounded down, not up.",
    hidden_is_reduction="The hidden layer has `channels // reduction` units, not `reduction`.",
    side_not_squared="The spatial kernel is a square: kernel_size times kernel_size weights for "
    "each map.",
    one_layer="The shared network has two layers; the second one leads back to all channels.",
    kernel_for_every_channel="The spatial kernel does not read the channels, only their mean and "
    "maximum.",
    fixed="8 stands where the reduction belongs.",
)
def cbam_parameters(answer):
    """``answer(channels, reduction, kernel_size)``: parameters of one CBAM."""
    channels, reduction, side = 22, 8, 5
    hidden = channels // reduction
    channel, spatial = 2 * channels * hidden + hidden + channels, 2 * side * side
    compare(
        run(answer, channels, reduction, side),
        channel + spatial,
        "the number of parameters",
        tolerance=0.3,
        two_networks=2 * channel + spatial,
        no_bias=2 * channels * hidden + spatial,
        spatial_bias=channel + spatial + 1,
        one_map=channel + side * side,
        not_rounded=2 * channels * (channels / reduction)
        + channels / reduction
        + channels
        + spatial,
        rounded_up=2 * channels * (hidden + 1) + hidden + 1 + channels + spatial,
        hidden_is_reduction=2 * channels * reduction + reduction + channels + spatial,
        side_not_squared=channel + 2 * side,
        one_layer=channels * hidden + hidden + spatial,
        kernel_for_every_channel=channel + side * side * channels,
    )
    compare(
        run(answer, 32, 4, side),
        2 * 32 * 8 + 8 + 32 + spatial,
        "the number of parameters with reduction 4",
        fixed=2 * 32 * 4 + 4 + 32 + spatial,
    )


@checker(
    right="Third axis reversed: [rows, columns, maps read, maps written].",
    unchanged="Nothing has moved: the weights of the maximum would be laid on the mean. (The last "
    "axis counts the maps written; there is one, so reversing it changes nothing.)",
    rows="With kernel[::-1] you reverse the first axis, the rows: the kernel stands on its head. "
    "The input maps are the third axis.",
    columns="The columns were reversed. The input maps are the third axis.",
    transposed_too="The input maps are right, but rows and columns were swapped as well.",
    all_axes="Kernel.T turns the order of all four axes round. None of them changes its place; "
    "along the third the two maps do.",
    last_axes="Maps read and maps written have changed places. The axes stay; along the third, the "
    "two maps change places.",
    flipped="The kernel was turned in the plane; only its two input maps change places.",
    flipped_too="The input maps are right, but the kernel was turned in the plane as well.",
    transposed="Rows and columns were swapped; the input maps are the third axis.",
    negated="Changing places is not a change of sign.",
    view="Both maps are the same now: a slice is a view, so the second assignment copies back what "
    "the first one has written.",
)
def reordered_kernel(answer):
    """``answer(kernel)``: kernel [k, k, 2, 1] of a maximum-first version, made mean-first."""
    kernel = np.arange(18.0).reshape(3, 3, 2, 1) ** 1.5
    value = run(answer, kernel)
    if np.shape(value) == kernel.shape and not np.diff(value, axis=2).any():
        stop("view")
    compare(
        value,
        kernel[:, :, ::-1],
        "the kernel",
        unchanged=kernel,
        rows=kernel[::-1],
        columns=kernel[:, ::-1],
        transposed_too=kernel.transpose(1, 0, 2, 3)[:, :, ::-1],
        all_axes=kernel.T,
        last_axes=kernel.swapaxes(2, 3),
        flipped=kernel[::-1, ::-1],
        flipped_too=kernel[::-1, ::-1, ::-1],
        transposed=kernel.transpose(1, 0, 2, 3),
        negated=-kernel,
    )
    larger = np.arange(50.0).reshape(5, 5, 2, 1)
    compare(run(answer, larger), larger[:, :, ::-1], "the kernel of 5 x 5")
