"""Checkers of chapter 6: convolution, transposed convolution, parameters, receptive field."""

import numpy as np

from damunet_book.checks import checker, compare, run

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


@checker(
    right="Zeros around, the kernel as it is, one sum of products for each pixel.",
    valid="The output has lost a rim of one pixel: surround the image with zeros first.",
    flipped="The kernel is turned by 180 degrees. That is convolution in mathematics; layers "
    "called convolution in network libraries leave the kernel as it is.",
    transposed="Rows and columns of the kernel are swapped.",
    edge='The rim repeats the border pixels; padding="same" surrounds the image with zeros.',
    reflect='The rim mirrors the image; padding="same" surrounds the image with zeros.',
    padded_after="The zeros stand around the result. Pad the image first: border pixels have sums "
    "too.",
    relu="Negative sums became 0: the ReLU comes after this layer.",
)
def same_convolution(answer):
    """``answer(image, kernel)``: cross-correlation with zeros around, output as large as input."""
    zeros = np.pad(_IMAGE, 1)
    compare(
        run(answer, _IMAGE, _KERNEL),
        _slide(zeros, _KERNEL),
        "the filtered image",
        valid=_slide(_IMAGE, _KERNEL),
        flipped=_slide(zeros, _KERNEL[::-1, ::-1]),
        transposed=_slide(zeros, _KERNEL.T),
        edge=_slide(np.pad(_IMAGE, 1, mode="edge"), _KERNEL),
        reflect=_slide(np.pad(_IMAGE, 1, mode="reflect"), _KERNEL),
        padded_after=np.pad(_slide(_IMAGE, _KERNEL), 1),
    )
    darker = _IMAGE - 2.75
    wanted = _slide(np.pad(darker, 1), _KERNEL)
    compare(
        run(answer, darker, _KERNEL),
        wanted,
        "the filtered image, with grey values below zero and fractions,",
        relu=np.maximum(wanted, 0),
    )


@checker(
    right="Stamps of side k at distance s overlap by k - s pixels, and overlaps add up.",
    overwritten="Where two stamps overlap, the later one has replaced the earlier one: add them.",
    flipped="The kernel is turned by 180 degrees: each value stamps the kernel as it is.",
    transposed="Rows and columns of the kernel are swapped.",
    stride_one="The stamps lie one pixel apart: the value at (i, j) goes to (stride * i, stride * "
    "j).",
    no_overlap="The stamps lie side by side. With a 3 x 3 kernel and stride 2 they overlap by one "
    "pixel.",
    stride_fixed="With stride 3 the stamps still lie two pixels apart: a 2 stands where the stride "
    "belongs.",
    side_fixed="The map is larger than the last stamp needs: a 3 stands where the kernel's side "
    "belongs.",
)
def enlarge(answer):
    """``answer(values, kernel, stride)``: transposed convolution, overlapping stamps added."""
    values = np.array([[1.0, 2], [3, -1]])
    compare(
        run(answer, values, _KERNEL, 2),
        _stamp(values, _KERNEL, 2),
        "the enlarged map",
        overwritten=_stamp(values, _KERNEL, 2, add=False),
        flipped=_stamp(values, _KERNEL[::-1, ::-1], 2),
        transposed=_stamp(values, _KERNEL.T, 2),
        stride_one=_stamp(values, _KERNEL, 1),
        no_overlap=_stamp(values, _KERNEL, 3),
    )
    wide = np.array([[1.0, 2, -2], [3, -1, 0.5]])
    compare(
        run(answer, wide, _KERNEL, 3),
        _stamp(wide, _KERNEL, 3),
        "the enlarged map of 2 x 3 values, stride 3,",
        stride_fixed=_stamp(wide, _KERNEL, 3, step=2),
    )
    small = _KERNEL[:2, :2]
    compare(
        run(answer, wide, small, 2),
        _stamp(wide, small, 2),
        "the enlarged map for a kernel of 2 x 2, stride 2,",
        side_fixed=np.pad(_stamp(wide, small, 2), (0, 1)),
    )


@checker(
    right="Nine weights for each pair of channels; the normalisations hardly count.",
    no_norm="The normalisations are missing: each has four numbers for every channel.",
    half_the_norms="Half of the normalisations' numbers are missing: either one of the two is "
    "forgotten, or their running means and variances, which count_params counts too.",
    norm_of_inputs="The first normalisation is counted with the block's input channels. It comes "
    "after the first convolution, so it has the channels which that one wrote.",
    bias="The convolutions here have no bias: the offset of the normalisation replaces it.",
    bias_no_norm="That counts two biases and no normalisation; here it is the other way round.",
    bias_trainable="Two things: the convolutions here have no bias, and a normalisation stores "
    "four numbers for each channel, not only scale and offset.",
    kernel_side="A 3 x 3 kernel has nine weights for each pair of channels, not three.",
    swapped="Inputs and filters have changed places: the second convolution has `filters` channels "
    "on both sides.",
    one_convolution="That is one convolution; a block has two, and the second one reads the "
    "first's channels.",
    second_reads_inputs="The second convolution reads the channels that the first one wrote, not "
    "the block's input.",
)
def block_parameters(answer):
    """``answer(inputs, filters)``: parameters of a block of twice conv 3 x 3, norm, ReLU."""
    inputs, filters = 5, 7
    first, second = 9 * inputs * filters, 9 * filters * filters
    compare(
        run(answer, inputs, filters),
        first + second + 8 * filters,
        "the number of parameters for 5 inputs and 7 filters",
        tolerance=0.5,
        no_norm=first + second,
        half_the_norms=first + second + 4 * filters,
        norm_of_inputs=first + second + 4 * inputs + 4 * filters,
        bias=first + second + 10 * filters,
        bias_no_norm=first + second + 2 * filters,
        bias_trainable=first + second + 6 * filters,
        kernel_side=(first + second) / 3 + 8 * filters,
        swapped=9 * inputs * filters + 9 * inputs * inputs + 8 * inputs,
        one_convolution=first + 4 * filters,
        second_reads_inputs=2 * (first + 4 * filters),
    )
    what = "the number of parameters for 3 inputs and 4 filters"
    compare(run(answer, 3, 4), 284, what, tolerance=0.5)


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


@checker(
    right="Each layer adds kernel - 1 steps; a pooling widens the steps after it.",
    no_stride="That adds up the kernels alone. After a pooling, one step on the small map is "
    "several pixels of the image.",
    stride_first="A layer's own stride was applied before its kernel: the kernel still reads the "
    "larger map, so grow the field first and then multiply the stride.",
    without_one="One pixel is missing: before any layer a pixel sees itself, so start with 1.",
    pooling_ignored="The layers with a stride see more than one pixel too: their kernel counts as "
    "well.",
    kernels_whole="A kernel of side k adds k - 1 steps, not k: the pixel in the middle is counted "
    "already.",
    stride_replaced="The worth of a step is replaced by each layer's stride. It is the product of "
    "all strides so far: multiply, so that a later layer of stride 1 leaves it as it is.",
    wrong_way="That rule, field = (field - 1) * stride + kernel, is right from the last layer to "
    "the first. The list runs from the first to the last.",
    field_multiplied="A stride does not enlarge what has been seen so far. It makes the steps "
    "after it wider: multiply the worth of a step, not the field.",
    stride_added="The strides are added up. They multiply: after strides 2 and 3 a step is worth 6 "
    "pixels.",
    whole_kernels_from_zero="Start with 1, and let a kernel of side k add k - 1 steps, not k.",
    first_layer="That is the field after the first layer: does `return` stand inside the loop?",
)
def receptive_field(answer):
    """``answer(layers)``: side in pixels of what one output pixel of a chain sees."""
    layers = [(3, 1), (5, 1), (2, 2), (3, 1), (3, 3), (7, 1)]
    whole = 3 + 5 + 2 + 2 * (3 + 3) + 6 * 7
    compare(
        run(answer, list(layers)),
        _field(layers),
        "the receptive field",
        tolerance=0.5,
        no_stride=1 + sum(kernel - 1 for kernel, _ in layers),
        stride_first=_field(layers, late=True),
        without_one=_field(layers) - 1,
        pooling_ignored=_field([(k if s == 1 else 1, s) for k, s in layers]),
        kernels_whole=1 + whole,
        stride_replaced=_field(layers, own=True),
        wrong_way=_field_backwards(layers),
        field_multiplied=59,
        stride_added=90,
        whole_kernels_from_zero=whole,
        first_layer=3,
    )
    short = [(3, 1), (2, 2), (3, 1)]
    compare(run(answer, short), 8, "the field of [(3, 1), (2, 2), (3, 1)]", tolerance=0.5)


@checker(
    right="The gap shrinks by the factor momentum with every step.",
    what_is_left="That is how much of the starting value is left; the share reached is the rest.",
    linear="Each step closes a share of the gap that is left, not of the first gap: the gap "
    "shrinks by a factor, so the factors multiply.",
    other_convention="That is PyTorch's convention, where momentum is the weight of the new value. "
    "In Keras it is the weight of the old one.",
    step_short="One step is missing: after the first step the share is 1 - momentum already.",
    step_over="One step too many: before the first step the share is 0.",
    one_step="That is the share after one step; `steps` is not used.",
    last_batch="That is what the first batch still weighs. Add up what all batches have given.",
    seen_late="The newest batch counts 1 - momentum in full; only what is older has been "
    "multiplied by momentum.",
    times="The gap is multiplied by momentum once more in every step: a power, not a product with "
    "the number of steps.",
    other_left="The gap is multiplied by momentum, not by 1 - momentum, and the share reached is "
    "what the gap has lost.",
    percent="That is in percent: give a share from 0 to 1.",
)
def running_share(answer):
    """``answer(momentum, steps)``: share of the true mean that a running mean has reached."""
    momentum, steps = 0.8, 3
    compare(
        run(answer, momentum, steps),
        1 - momentum**steps,
        "the share for momentum 0.8 and 3 steps",
        tolerance=1e-6,
        what_is_left=momentum**steps,
        linear=steps * (1 - momentum),
        other_convention=1 - (1 - momentum) ** steps,
        step_short=1 - momentum ** (steps - 1),
        step_over=1 - momentum ** (steps + 1),
        one_step=1 - momentum,
        last_batch=(1 - momentum) * momentum ** (steps - 1),
        seen_late=momentum * (1 - momentum**steps),
        times=1 - momentum * steps,
        other_left=(1 - momentum) ** steps,
        percent=100 * (1 - momentum**steps),
    )
    what = "the share for momentum 0.5 and 2 steps"
    compare(run(answer, 0.5, 2), 0.75, what, tolerance=1e-6)
