"""Checkers of chapter 7: the attention gate, its enlargement, its parameters, what it is not."""

import numpy as np

from damunet_book.checks import Verdict, checker, compare, right, run

_THETA_X = np.array([[[1.0, -2], [0.5, 1]], [[-1, 0], [2, -0.5]]])
_PHI_G = np.array([[[0.5, 1], [-2, 0.5]], [[2, -1], [-1, 1.5]]])
_PSI = np.array([2.0, -1.5])
_BIAS = 0.25


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


@checker
def coefficients(answer) -> Verdict:
    """``answer(theta_x, phi_g, psi, bias)``: coefficients [h, w] of an additive gate."""
    value = run(answer, _THETA_X.copy(), _PHI_G.copy(), _PSI.copy(), _BIAS)
    wanted = _sigmoid(_relu(_THETA_X + _PHI_G) @ _PSI + _BIAS)
    logits = _relu(_THETA_X + _PHI_G) @ _PSI + _BIAS
    mistakes = {
        "logits": (logits, "The sigmoid is missing: these are numbers of any size, not shares."),
        "sigmoid_twice": (
            _sigmoid(wanted),
            "The sigmoid was applied twice, so no coefficient can fall below one half.",
        ),
        "no_relu": (
            _sigmoid((_THETA_X + _PHI_G) @ _PSI + _BIAS),
            "The ReLU is missing. Without it both inputs simply add up to the logit, and x and g "
            "can no longer condition each other.",
        ),
        "relu_before_sum": (
            _sigmoid((_relu(_THETA_X) + _relu(_PHI_G)) @ _PSI + _BIAS),
            "ReLU comes after the sum: clipped one by one, neither input can veto the other.",
        ),
        "no_bias": (_sigmoid(_relu(_THETA_X + _PHI_G) @ _PSI), "The bias of psi is missing."),
        "bias_inside": (
            _sigmoid(_relu(_THETA_X + _PHI_G + _BIAS) @ _PSI),
            "The bias stands inside the ReLU. It belongs to psi: add it after the weighted sum.",
        ),
        "relu_after_psi": (
            _sigmoid(_relu((_THETA_X + _PHI_G) @ _PSI + _BIAS)),
            "The ReLU comes after psi here, so no coefficient can fall below one half. Clip the "
            "sum of theta_x and phi_g, channel by channel, before psi adds the channels up.",
        ),
        "relu_before_bias": (
            _sigmoid(_relu((_THETA_X + _PHI_G) @ _PSI) + _BIAS),
            "The ReLU comes after psi's sum over the channels. Clip the sum of theta_x and phi_g "
            "first, each inner channel by itself.",
        ),
        "relu_twice": (
            _sigmoid(_relu(logits)),
            "There is a second ReLU in front of the sigmoid, so no coefficient can fall below one "
            "half.",
        ),
        "unweighted": (
            _sigmoid(_relu(_THETA_X + _PHI_G).sum(axis=-1) + _BIAS),
            "The inner channels are added up without their weights psi.",
        ),
        "bias_subtracted": (
            _sigmoid(logits - 2 * _BIAS),
            "The bias is subtracted: it is added to the weighted sum.",
        ),
        "minus_forgotten": (
            1 - wanted,
            "The map is upside down: the sigmoid is 1 / (1 + exp(-z)), with a minus.",
        ),
        "multiplied": (
            _sigmoid(_relu(_THETA_X * _PHI_G) @ _PSI + _BIAS),
            "theta_x and phi_g are multiplied here; this gate is additive.",
        ),
        "softmax": (
            np.exp(logits) / np.exp(logits).sum(),
            "That is a softmax: the coefficients of all pixels would have to share a sum of 1. A "
            "gate decides for each pixel by itself.",
        ),
    }
    compare(value, wanted, mistakes, what="the map of coefficients")
    return right("Sum, ReLU, weighted sum over the channels, sigmoid: one share for each pixel.")


@checker
def double(answer) -> Verdict:
    """``answer(row)``: twice as many values by linear interpolation, centres kept."""
    row = np.array([0.1, 0.9, 0.5])
    value = run(answer, row.copy())
    near = np.repeat(row, 2)
    left = np.concatenate([near[:1], near[:-1]])
    after = np.concatenate([near[1:], near[-1:]])
    wanted = (left + 2 * near + after) / 4
    mistakes = {
        "nearest": (
            near,
            "Each value is repeated: that is the nearest neighbour, with its steps between "
            "blocks of two.",
        ),
        "corners": (
            np.interp(np.linspace(0, 2, 6), np.arange(3), row),
            "The new points run from the centre of the first pixel to the centre of the last. "
            "Pixels are areas: the new centres lie a quarter of an old pixel beside the old ones.",
        ),
        "between": (
            np.interp(np.arange(6) / 2, np.arange(3), row),
            "Old values and midpoints alternate, which shifts the map by a quarter of a pixel. "
            "The new centres lie at -1/4, 1/4, 3/4, 5/4 and so on.",
        ),
        "zero_rim": (
            (np.append(0, near[:-1]) + 2 * near + np.append(near[1:], 0)) / 4,
            "Zeros stand beyond the rim, so the first and the last value have lost a quarter. The "
            "rim repeats: beyond it stands the outermost value once more.",
        ),
        "wrapped": (
            (np.roll(near, 1) + 2 * near + np.roll(near, -1)) / 4,
            "The row is closed to a ring: its first value has the last one for a neighbour. The "
            "rim repeats instead.",
        ),
        "rim_lost": (
            wanted[1:-1],
            "The first and the last value are missing: repeat the outermost values before you "
            "average.",
        ),
        "halves": (
            (left + after) / 2,
            "Own pixel and neighbour count one half each. The new centre lies nearer to its own "
            "old pixel: three quarters and one quarter.",
        ),
        "extrapolated": (
            np.array([-0.1, 0.3, 0.7, 0.8, 0.6, 0.4]),
            "The line goes on beyond the outermost centres. The rim repeats: the first and the "
            "last new value are the old ones.",
        ),
        "swapped": (
            np.interp(np.arange(6) / 2 - 0.25, np.arange(3), row)[[1, 0, 3, 2, 5, 4]],
            "The weights are the wrong way round: the old pixel in which the new one lies counts "
            "three quarters, its neighbour one quarter.",
        ),
    }
    compare(value, wanted, mistakes, what="the doubled row")
    what = "the doubled row of two values"
    compare(run(answer, np.array([4.0, 8.0])), [4, 5, 7, 8], what=what)
    return right("Three quarters of the own pixel, one quarter of the neighbour; the rim repeats.")


@checker
def gate_parameters(answer) -> Verdict:
    """``answer(channels, gate_channels, inter)``: parameters of an attention gate."""
    channels, gate_channels, inter = 5, 11, 7
    value = run(answer, channels, gate_channels, inter)
    wanted = 4 * channels * inter + inter + gate_channels * inter + inter + inter + 1
    mistakes = {
        "theta_one_by_one": (
            wanted - 3 * channels * inter,
            "theta is counted as a 1 x 1 convolution; its kernel is 2 x 2, four weights for each "
            "pair of channels.",
        ),
        "no_bias": (wanted - 2 * inter - 1, "The biases are missing: all three have one."),
        "phi_two_by_two": (
            wanted + 3 * gate_channels * inter,
            "phi is counted as a 2 x 2 convolution; the gating signal has the right size already, "
            "so it is 1 x 1.",
        ),
        "swapped": (
            4 * gate_channels * inter + channels * inter + 3 * inter + 1,
            "The channels of x and g have changed places: theta, 2 x 2, reads `channels`, and phi "
            "reads `gate_channels`.",
        ),
        "phi_reads_x": (
            wanted - (gate_channels - channels) * inter,
            "phi is counted with the channels of x. It reads the gating signal.",
        ),
        "theta_two": (
            wanted - 2 * channels * inter,
            "A 2 x 2 kernel has four weights for each pair of channels, not two.",
        ),
        "psi_bias": (wanted - 1, "One is missing: psi has a bias too."),
        "only_psi_bias": (
            wanted - 2 * inter,
            "The biases of theta and phi are missing: `inter` numbers each.",
        ),
        "one_bias_each": (
            wanted - 2 * inter + 2,
            "A convolution has one bias for each channel that it writes, not one in all: theta and "
            "phi have `inter` each.",
        ),
        "three_by_three": (
            wanted + 5 * channels * inter,
            "theta is counted as a 3 x 3 convolution; its kernel is 2 x 2.",
        ),
        "no_psi": (wanted - inter - 1, "psi is missing: from `inter` channels to one, with bias."),
        "with_mix": (
            wanted + channels * channels + channels,
            "That includes the 1 x 1 convolution with which the article's code ends its gate; "
            "the layer of this chapter has none.",
        ),
        "psi_wide": (
            wanted + inter * (channels - 1) + channels - 1,
            "psi writes one channel, not one for each channel of x: all channels share a map.",
        ),
    }
    what = "the number of parameters for (5, 11, 7)"
    compare(value, wanted, mistakes, 0.5, what=what)
    what = "the number of parameters for (2, 3, 4)"
    compare(run(answer, 2, 3, 4), 57, tolerance=0.5, what=what)
    return right(
        "A third of one 3 x 3 convolution, here; one map serves all the channels of the skip."
    )


@checker
def compensate(answer) -> Verdict:
    """``answer(kernel, factor)``: kernel after the gate that undoes a rescaled map."""
    kernel, factor = np.array([[0.5, -1.0], [2.0, 0.25]]), 0.4
    value = run(answer, kernel.copy(), factor)
    mistakes = {
        "multiplied": (
            kernel * factor,
            "That multiplies by the factor once more. The skip's numbers have already shrunk; "
            "the kernel has to grow.",
        ),
        "unchanged": (kernel, "With the kernel unchanged the output shrinks by the factor."),
        "complement": (
            kernel * (1 - factor),
            "1 - factor is what the gate holds back; what undoes a product is a quotient.",
        ),
        "squared": (kernel / factor**2, "The factor was undone twice."),
        "added": (kernel + (1 - factor), "A number added to the weights does not undo a product."),
    }
    compare(value, kernel / factor, mistakes, what="the kernel")
    mistakes = {"fixed": (kernel / factor, "0.4 stands in the function: use its argument.")}
    compare(run(answer, kernel.copy(), 0.25), 4 * kernel, mistakes, what="the kernel for 0.25")
    return right(
        "Same output, another map: the height of a map alone says nothing about importance."
    )
