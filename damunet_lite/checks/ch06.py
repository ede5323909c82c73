"""Checkers of chapter 6: convolution, transposed convolution, parameters, receptive field."""

import numpy as np

from damunet_lite.checks import Verdict, checker, compare, right, run

_IMAGE = np.array([[1.0, 2, 0, 4], [3, 5, 1, 0], [0, 2, 7, 6]])
_KERNEL = np.array([[1.0, 2, 0], [0, 3, -1], [4, 0, 5]])


def _slide(padded: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def _stamp(
    values: np.ndarray, kernel: np.ndarray, stride: int, add: bool = True, step: int | None = None
) -> np.ndarray:
    """Stamps ``step`` pixels apart, by default ``stride``, on a canvas made for ``stride``."""
    step = step or stride
    side = np.array(kernel.shape)
    result = np.zeros((np.array(values.shape) - 1) * stride + side)
    for (i, j), value in np.ndenumerate(values):
        place = np.s_[i * step : i * step + side[0], j * step : j * step + side[1]]
        result[place] = value * kernel + (result[place] if add else 0)
    return result


@checker
def same_convolution(answer) -> Verdict:
    """``answer(image, kernel)``: cross-correlation with zeros around, output as large as input."""
    value = run(answer, _IMAGE.copy(), _KERNEL.copy())
    zeros = np.pad(_IMAGE, 1)
    mistakes = {
        "valid": (
            _slide(_IMAGE, _KERNEL),
            "The output has lost a rim of one pixel: surround the image with zeros first.",
        ),
        "flipped": (
            _slide(zeros, _KERNEL[::-1, ::-1]),
            "The kernel is turned by 180 degrees. That is convolution in mathematics; layers "
            "called convolution in network libraries leave the kernel as it is.",
        ),
        "transposed": (
            _slide(zeros, _KERNEL.T),
            "Rows and columns of the kernel are swapped.",
        ),
        "edge": (
            _slide(np.pad(_IMAGE, 1, mode="edge"), _KERNEL),
            'The rim repeats the border pixels; padding="same" surrounds the image with zeros.',
        ),
        "reflect": (
            _slide(np.pad(_IMAGE, 1, mode="reflect"), _KERNEL),
            'The rim mirrors the image; padding="same" surrounds the image with zeros.',
        ),
        "padded_after": (
            np.pad(_slide(_IMAGE, _KERNEL), 1),
            "The zeros stand around the result. Pad the image first: border pixels have sums too.",
        ),
    }
    compare(value, _slide(zeros, _KERNEL), mistakes, what="the filtered image")
    darker = _IMAGE - 2.75
    wanted = _slide(np.pad(darker, 1), _KERNEL)
    mistakes = {
        "relu": (np.maximum(wanted, 0), "Negative sums became 0: the ReLU comes after this layer."),
        "whole_numbers": (wanted.astype(int), "The sums were cut to whole numbers."),
    }
    what = "the filtered image, with grey values below zero and fractions,"
    compare(run(answer, darker.copy(), _KERNEL.copy()), wanted, mistakes, what=what)
    return right("Zeros around, the kernel as it is, one sum of products for each pixel.")


@checker
def enlarge(answer) -> Verdict:
    """``answer(values, kernel, stride)``: transposed convolution, overlapping stamps added."""
    values = np.array([[1.0, 2], [3, -1]])
    value = run(answer, values.copy(), _KERNEL.copy(), 2)
    mistakes = {
        "overwritten": (
            _stamp(values, _KERNEL, 2, add=False),
            "Where two stamps overlap, the later one has replaced the earlier one: add them.",
        ),
        "flipped": (
            _stamp(values, _KERNEL[::-1, ::-1], 2),
            "The kernel is turned by 180 degrees: each value stamps the kernel as it is.",
        ),
        "transposed": (
            _stamp(values, _KERNEL.T, 2),
            "Rows and columns of the kernel are swapped.",
        ),
        "stride_one": (
            _stamp(values, _KERNEL, 1),
            "The stamps lie one pixel apart: the value at (i, j) goes to (stride * i, stride * j).",
        ),
        "no_overlap": (
            _stamp(values, _KERNEL, 3),
            "The stamps lie side by side. With a 3 x 3 kernel and stride 2 they overlap by one "
            "pixel.",
        ),
    }
    compare(value, _stamp(values, _KERNEL, 2), mistakes, what="the enlarged map")
    wide = np.array([[1.0, 2, -2], [3, -1, 0.5]])
    mistakes = {
        "stride_fixed": (
            _stamp(wide, _KERNEL, 3, step=2),
            "With stride 3 the stamps still lie two pixels apart: a 2 stands where the stride "
            "belongs.",
        ),
    }
    what = "the enlarged map of 2 x 3 values, stride 3,"
    compare(run(answer, wide.copy(), _KERNEL.copy(), 3), _stamp(wide, _KERNEL, 3), mistakes,
            what=what)
    return right("Stamps of side k at distance s overlap by k - s pixels, and overlaps add up.")


@checker
def block_parameters(answer) -> Verdict:
    """``answer(inputs, filters)``: parameters of a block of twice conv 3 x 3, norm, ReLU."""
    inputs, filters = 5, 7
    value = run(answer, inputs, filters)
    first, second = 9 * inputs * filters, 9 * filters * filters
    mistakes = {
        "no_norm": (
            first + second,
            "The normalisations are missing: each has four numbers for every channel.",
        ),
        "trainable_only": (
            first + second + 4 * filters,
            "Only scale and offset of the normalisations are counted. The running mean and "
            "variance are stored too, and count_params counts them.",
        ),
        "bias": (
            first + second + 10 * filters,
            "The convolutions here have no bias: the offset of the normalisation replaces it.",
        ),
        "bias_no_norm": (
            first + second + 2 * filters,
            "That counts two biases and no normalisation; here it is the other way round.",
        ),
        "one_convolution": (
            first + 4 * filters,
            "That is one convolution; a block has two, and the second one reads the first's "
            "channels.",
        ),
        "second_reads_inputs": (
            2 * (first + 4 * filters),
            "The second convolution reads the channels that the first one wrote, not the "
            "block's input.",
        ),
    }
    compare(value, first + second + 8 * filters, mistakes, 0.5, what="the number of parameters")
    return right("Nine weights for each pair of channels; the normalisations hardly count.")


def _field(layers, *, late: bool = False) -> int:
    field, stride = 1, 1
    for kernel, step in layers:
        stride *= step if late else 1
        field += (kernel - 1) * stride
        stride *= 1 if late else step
    return field


@checker
def receptive_field(answer) -> Verdict:
    """``answer(layers)``: side in pixels of what one output pixel of a chain sees."""
    layers = [(3, 1), (5, 1), (2, 2), (3, 1), (3, 3), (5, 1)]
    value = run(answer, list(layers))
    mistakes = {
        "no_stride": (
            1 + sum(kernel - 1 for kernel, _ in layers),
            "That adds up the kernels alone. After a pooling, one step on the small map is "
            "several pixels of the image.",
        ),
        "stride_first": (
            _field(layers, late=True),
            "A layer's own stride was applied before its kernel: the kernel still reads the "
            "larger map, so grow the field first and then multiply the stride.",
        ),
        "without_one": (
            _field(layers) - 1,
            "One pixel is missing: before any layer a pixel sees itself, so start with 1.",
        ),
        "pooling_ignored": (
            _field([(k if s == 1 else 1, s) for k, s in layers]),
            "The layers with a stride see more than one pixel too: their kernel counts as well.",
        ),
        "kernels_whole": (
            1 + sum(k * s for k, s in zip((3, 5, 2, 3, 3, 5), (1, 1, 1, 2, 2, 6), strict=True)),
            "A kernel of side k adds k - 1 steps, not k: the pixel in the middle is counted "
            "already.",
        ),
    }
    compare(value, _field(layers), mistakes, 0.5, what="the receptive field")
    return right("Each layer adds kernel - 1 steps; a pooling widens the steps after it.")


@checker
def running_share(answer) -> Verdict:
    """``answer(momentum, steps)``: share of the true mean that a running mean has reached."""
    momentum, steps = 0.8, 3
    value = run(answer, momentum, steps)
    mistakes = {
        "what_is_left": (
            momentum**steps,
            "That is how much of the starting value is left; the share reached is the rest.",
        ),
        "linear": (
            steps * (1 - momentum),
            "Each step closes a share of the gap that is left, not of the first gap: the gap "
            "shrinks by a factor, so the factors multiply.",
        ),
        "other_convention": (
            1 - (1 - momentum) ** steps,
            "That is PyTorch's convention, where momentum is the weight of the new value. In "
            "Keras it is the weight of the old one.",
        ),
    }
    compare(value, 1 - momentum**steps, mistakes, 1e-6, what="the share")
    return right("The gap shrinks by the factor momentum with every step.")
