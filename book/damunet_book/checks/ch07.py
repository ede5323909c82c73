"""Checkers of chapter 7: the attention gate, its enlargement, its parameters, what it is not."""

import numpy as np
from scipy.special import expit

from damunet_book.checks import checker, compare, run

_THETA_X = np.array([[[1.0, -2], [0.5, 1]], [[-1, 0], [2, -0.5]]])
_PHI_G = np.array([[[0.5, 1], [-2, 0.5]], [[2, -1], [-1, 1.5]]])
_PSI = np.array([2.0, -1.5])
_BIAS = 0.25


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


@checker(
    right="Sum, ReLU, weighted sum over the channels, sigmoid: one share for each pixel.",
    logits="The sigmoid is missing: these are numbers of any size, not shares.",
    sigmoid_twice="The sigmoid was applied twice, so no coefficient can fall below one half.",
    no_relu="The ReLU is missing. Without it both inputs simply add up to the logit, and x and g "
    "can no longer condition each other.",
    relu_before_sum="ReLU comes after the sum: clipped one by one, neither input can veto the "
    "other.",
    no_bias="The bias of psi is missing.",
    bias_inside="The bias stands inside the ReLU. It belongs to psi: add it after the weighted "
    "sum.",
    relu_after_psi="The ReLU comes after psi here, so no coefficient can fall below one half. Clip "
    "the sum of theta_x and phi_g, channel by channel, before psi adds the channels up.",
    relu_before_bias="The ReLU comes after psi's sum over the channels. Clip the sum of theta_x "
    "and phi_g first, each inner channel by itself.",
    relu_twice="There is a second ReLU in front of the sigmoid, so no coefficient can fall below "
    "one half.",
    unweighted="The inner channels are added up without their weights psi.",
    bias_subtracted="The bias is subtracted: it is added to the weighted sum.",
    minus_forgotten="The map is upside down: the sigmoid is 1 / (1 + exp(-z)), with a minus.",
    multiplied="The maps theta_x and phi_g are multiplied here; this gate is additive.",
    softmax="That is a softmax: the coefficients of all pixels would have to share a sum of 1. A "
    "gate decides for each pixel by itself.",
)
def coefficients(answer):
    """``answer(theta_x, phi_g, psi, bias)``: coefficients [h, w] of an additive gate."""
    wanted = expit(_relu(_THETA_X + _PHI_G) @ _PSI + _BIAS)
    logits = _relu(_THETA_X + _PHI_G) @ _PSI + _BIAS
    compare(
        run(answer, _THETA_X, _PHI_G, _PSI, _BIAS),
        wanted,
        "the map of coefficients",
        logits=logits,
        sigmoid_twice=expit(wanted),
        no_relu=expit((_THETA_X + _PHI_G) @ _PSI + _BIAS),
        relu_before_sum=expit((_relu(_THETA_X) + _relu(_PHI_G)) @ _PSI + _BIAS),
        no_bias=expit(_relu(_THETA_X + _PHI_G) @ _PSI),
        bias_inside=expit(_relu(_THETA_X + _PHI_G + _BIAS) @ _PSI),
        relu_after_psi=expit(_relu((_THETA_X + _PHI_G) @ _PSI + _BIAS)),
        relu_before_bias=expit(_relu((_THETA_X + _PHI_G) @ _PSI) + _BIAS),
        relu_twice=expit(_relu(logits)),
        unweighted=expit(_relu(_THETA_X + _PHI_G).sum(axis=-1) + _BIAS),
        bias_subtracted=expit(logits - 2 * _BIAS),
        minus_forgotten=1 - wanted,
        multiplied=expit(_relu(_THETA_X * _PHI_G) @ _PSI + _BIAS),
        softmax=np.exp(logits) / np.exp(logits).sum(),
    )
    value = run(answer, _PHI_G[:1, :1], _THETA_X[:1, :1], np.array([3.0, 1.0]), 0.5)
    compare(value, expit(np.array([[5.0]])), "the map of one pixel")


@checker(
    right="Three quarters of the own pixel, one quarter of the neighbour; the rim repeats.",
    nearest="Each value is repeated: that is the nearest neighbour, with its steps between blocks "
    "of two.",
    corners="The new points run from the centre of the first pixel to the centre of the last. "
    "Pixels are areas: the new centres lie a quarter of an old pixel beside the old ones.",
    between="Old values and midpoints alternate, which shifts the map by a quarter of a pixel. The "
    "new centres lie at -1/4, 1/4, 3/4, 5/4 and so on.",
    zero_rim="Zeros stand beyond the rim, so the first and the last value have lost a quarter. The "
    "rim repeats: beyond it stands the outermost value once more.",
    wrapped="The row is closed to a ring: its first value has the last one for a neighbour. The "
    "rim repeats instead.",
    rim_lost="The first and the last value are missing: repeat the outermost values before you "
    "average.",
    halves="Own pixel and neighbour count one half each. The new centre lies nearer to its own old "
    "pixel: three quarters and one quarter.",
    extrapolated="The line goes on beyond the outermost centres. The rim repeats: the first and "
    "the last new value are the old ones.",
    far_side="Each new pixel is mixed with the neighbour on its far side. The first of two lies "
    "nearer to the old pixel on its left, the second nearer to the one on its right.",
    weights_swapped="The weights are the wrong way round: the old pixel in which the new one lies "
    "counts three quarters, its neighbour one quarter.",
    not_divided="These are sums: the weights 1, 2, 1 add up to 4, so divide by 4.",
)
def double(answer):
    """``answer(row)``: twice as many values by linear interpolation, centres kept."""
    row = np.array([0.1, 0.9, 0.5])
    near = np.repeat(row, 2)
    left = np.concatenate([near[:1], near[:-1]])
    after = np.concatenate([near[1:], near[-1:]])
    wanted = (left + 2 * near + after) / 4
    compare(
        run(answer, row),
        wanted,
        "the doubled row",
        nearest=near,
        corners=np.interp(np.linspace(0, 2, 6), np.arange(3), row),
        between=np.interp(np.arange(6) / 2, np.arange(3), row),
        zero_rim=(np.append(0, near[:-1]) + 2 * near + np.append(near[1:], 0)) / 4,
        wrapped=(np.roll(near, 1) + 2 * near + np.roll(near, -1)) / 4,
        rim_lost=wanted[1:-1],
        halves=(left + after) / 2,
        extrapolated=np.array([-0.1, 0.3, 0.7, 0.8, 0.6, 0.4]),
        far_side=np.interp(np.arange(6) / 2 - 0.25, np.arange(3), row)[[1, 0, 3, 2, 5, 4]],
        weights_swapped=(3 * left + 3 * after - 2 * near) / 4,
        not_divided=4 * wanted,
    )
    what = "the doubled row of two values"
    compare(run(answer, np.array([4.0, 8.0])), [4, 5, 7, 8], what)


@checker(
    right="A third of one 3 x 3 convolution, here; one map serves all the channels of the skip.",
    theta_one_by_one="Theta is counted as a 1 x 1 convolution; its kernel is 2 x 2, four weights "
    "for each pair of channels.",
    no_bias="The biases are missing: all three have one.",
    phi_two_by_two="Phi is counted as a 2 x 2 convolution; the gating signal has the right size "
    "already, so it is 1 x 1.",
    swapped="The channels of x and g have changed places: theta, 2 x 2, reads `channels`, and phi "
    "reads `gate_channels`.",
    phi_reads_x="Phi is counted with the channels of x. It reads the gating signal.",
    theta_two="A 2 x 2 kernel has four weights for each pair of channels, not two.",
    psi_bias="One is missing: psi has a bias too.",
    only_psi_bias="The biases of theta and phi are missing: `inter` numbers each.",
    one_bias_each="A convolution has one bias for each channel that it writes, not one in all: "
    "theta and phi have `inter` each.",
    three_by_three="Theta is counted as a 3 x 3 convolution; its kernel is 2 x 2.",
    no_psi="Psi is missing: from `inter` channels to one, with bias.",
    with_mix="That includes the 1 x 1 convolution with which the article's code ends its gate; the "
    "layer of this chapter has none.",
    psi_wide="Psi writes one channel, not one for each channel of x: all channels share a map.",
)
def gate_parameters(answer):
    """``answer(channels, gate_channels, inter)``: parameters of an attention gate."""
    channels, gate_channels, inter = 5, 11, 7
    wanted = 4 * channels * inter + inter + gate_channels * inter + inter + inter + 1
    compare(
        run(answer, channels, gate_channels, inter),
        wanted,
        "the number of parameters for (5, 11, 7)",
        tolerance=0.5,
        theta_one_by_one=wanted - 3 * channels * inter,
        no_bias=wanted - 2 * inter - 1,
        phi_two_by_two=wanted + 3 * gate_channels * inter,
        swapped=4 * gate_channels * inter + channels * inter + 3 * inter + 1,
        phi_reads_x=wanted - (gate_channels - channels) * inter,
        theta_two=wanted - 2 * channels * inter,
        psi_bias=wanted - 1,
        only_psi_bias=wanted - 2 * inter,
        one_bias_each=wanted - 2 * inter + 2,
        three_by_three=wanted + 5 * channels * inter,
        no_psi=wanted - inter - 1,
        with_mix=wanted + channels * channels + channels,
        psi_wide=wanted + inter * (channels - 1) + channels - 1,
    )
    what = "the number of parameters for (2, 3, 4)"
    compare(run(answer, 2, 3, 4), 57, what, tolerance=0.5)


@checker(
    right="Same output, another map: the height of a map alone says nothing about importance.",
    multiplied="That multiplies by the factor once more. The skip's numbers have already shrunk; "
    "the kernel has to grow.",
    unchanged="With the kernel unchanged the output shrinks by the factor.",
    complement="1 - factor is what the gate holds back; what undoes a product is a quotient.",
    squared="The factor was undone twice.",
    added="A number added to the weights does not undo a product.",
    fixed="0.4 stands in the function: use its argument.",
)
def compensate(answer):
    """``answer(kernel, factor)``: kernel after the gate that undoes a rescaled map."""
    kernel, factor = np.array([[0.5, -1.0], [2.0, 0.25]]), 0.4
    compare(
        run(answer, kernel, factor),
        kernel / factor,
        "the kernel",
        multiplied=kernel * factor,
        unchanged=kernel,
        complement=kernel * (1 - factor),
        squared=kernel / factor**2,
        added=kernel + (1 - factor),
    )
    compare(run(answer, kernel, 0.25), 4 * kernel, "the kernel for 0.25", fixed=kernel / factor)
