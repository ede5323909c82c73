"""Checkers of chapter 6: convolution, transposed convolution, parameters, receptive field."""

import numpy as np

from damunet_book.checks import Verdict, checker, compare, right, run

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
        "transposed": (_slide(zeros, _KERNEL.T), "Rows and columns of the kernel are swapped."),
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
        "transposed": (_stamp(values, _KERNEL.T, 2), "Rows and columns of the kernel are swapped."),
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
        )
    }
    what = "the enlarged map of 2 x 3 values, stride 3,"
    compare(
        run(answer, wide.copy(), _KERNEL.copy(), 3), _stamp(wide, _KERNEL, 3), mistakes, what=what
    )
    small = _KERNEL[:2, :2]
    mistakes = {
        "side_fixed": (
            np.pad(_stamp(wide, small, 2), (0, 1)),
            "The map is larger than the last stamp needs: a 3 stands where the kernel's side "
            "belongs.",
        )
    }
    compare(
        run(answer, wide.copy(), small.copy(), 2),
        _stamp(wide, small, 2),
        mistakes,
        what="the enlarged map for a kernel of 2 x 2, stride 2,",
    )
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
        "half_the_norms": (
            first + second + 4 * filters,
            "Half of the normalisations' numbers are missing: either one of the two is forgotten, "
            "or their running means and variances, which count_params counts too.",
        ),
        "norm_of_inputs": (
            first + second + 4 * inputs + 4 * filters,
            "The first normalisation is counted with the block's input channels. It comes after "
            "the first convolution, so it has the channels which that one wrote.",
        ),
        "bias": (
            first + second + 10 * filters,
            "The convolutions here have no bias: the offset of the normalisation replaces it.",
        ),
        "bias_no_norm": (
            first + second + 2 * filters,
            "That counts two biases and no normalisation; here it is the other way round.",
        ),
        "bias_trainable": (
            first + second + 6 * filters,
            "Two things: the convolutions here have no bias, and a normalisation stores four "
            "numbers for each channel, not only scale and offset.",
        ),
        "kernel_side": (
            (first + second) / 3 + 8 * filters,
            "A 3 x 3 kernel has nine weights for each pair of channels, not three.",
        ),
        "swapped": (
            9 * inputs * filters + 9 * inputs * inputs + 8 * inputs,
            "inputs and filters have changed places: the second convolution has `filters` channels "
            "on both sides.",
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
    what = "the number of parameters for 5 inputs and 7 filters"
    compare(value, first + second + 8 * filters, mistakes, 0.5, what=what)
    what = "the number of parameters for 3 inputs and 4 filters"
    compare(run(answer, 3, 4), 284, tolerance=0.5, what=what)
    return right("Nine weights for each pair of channels; the normalisations hardly count.")


def _field(layers, *, late: bool = False, own: bool = False) -> int:
    """The field; ``late``: strides counted too early, ``own``: each layer with the last stride."""
    field, stride = 1, 1
    for kernel, step in layers:
        stride *= step if late else 1
        field += (kernel - 1) * stride
        stride = step if own else stride * (1 if late else step)
    return field


def _field_backwards(layers) -> int:
    """The recursion that begins at the last layer, along the layers as given."""
    field = 1
    for kernel, step in layers:
        field = (field - 1) * step + kernel
    return field


@checker
def receptive_field(answer) -> Verdict:
    """``answer(layers)``: side in pixels of what one output pixel of a chain sees."""
    layers = [(3, 1), (5, 1), (2, 2), (3, 1), (3, 3), (7, 1)]
    value = run(answer, list(layers))
    whole = 3 + 5 + 2 + 2 * (3 + 3) + 6 * 7
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
            1 + whole,
            "A kernel of side k adds k - 1 steps, not k: the pixel in the middle is counted "
            "already.",
        ),
    }
    mistakes |= {
        "stride_replaced": (
            _field(layers, own=True),
            "The worth of a step is replaced by each layer's stride. It is the product of all "
            "strides so far: multiply, so that a later layer of stride 1 leaves it as it is.",
        ),
        "wrong_way": (
            _field_backwards(layers),
            "That rule, field = (field - 1) * stride + kernel, is right from the last layer to "
            "the first. The list runs from the first to the last.",
        ),
        "field_multiplied": (
            59,
            "A stride does not enlarge what has been seen so far. It makes the steps after it "
            "wider: multiply the worth of a step, not the field.",
        ),
        "stride_added": (
            90,
            "The strides are added up. They multiply: after strides 2 and 3 a step is worth 6 "
            "pixels.",
        ),
        "whole_kernels_from_zero": (
            whole,
            "Start with 1, and let a kernel of side k add k - 1 steps, not k.",
        ),
        "first_layer": (
            3,
            "That is the field after the first layer: does `return` stand inside the loop?",
        ),
    }
    compare(value, _field(layers), mistakes, 0.5, what="the receptive field")
    short = [(3, 1), (2, 2), (3, 1)]
    compare(run(answer, short), 8, tolerance=0.5, what="the field of [(3, 1), (2, 2), (3, 1)]")
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
    mistakes |= {
        "step_short": (
            1 - momentum ** (steps - 1),
            "One step is missing: after the first step the share is 1 - momentum already.",
        ),
        "step_over": (
            1 - momentum ** (steps + 1),
            "One step too many: before the first step the share is 0.",
        ),
        "one_step": (1 - momentum, "That is the share after one step; `steps` is not used."),
        "last_batch": (
            (1 - momentum) * momentum ** (steps - 1),
            "That is what the first batch still weighs. Add up what all batches have given.",
        ),
        "seen_late": (
            momentum * (1 - momentum**steps),
            "The newest batch counts 1 - momentum in full; only what is older has been "
            "multiplied by momentum.",
        ),
        "times": (
            1 - momentum * steps,
            "The gap is multiplied by momentum once more in every step: a power, not a product "
            "with the number of steps.",
        ),
        "other_left": (
            (1 - momentum) ** steps,
            "The gap is multiplied by momentum, not by 1 - momentum, and the share reached is "
            "what the gap has lost.",
        ),
        "percent": (100 * (1 - momentum**steps), "That is in percent: give a share from 0 to 1."),
    }
    compare(value, 1 - momentum**steps, mistakes, 1e-6, "the share for momentum 0.8 and 3 steps")
    what = "the share for momentum 0.5 and 2 steps"
    compare(run(answer, 0.5, 2), 0.75, tolerance=1e-6, what=what)
    return right("The gap shrinks by the factor momentum with every step.")
