"""Right and wrong answers to the exercises of chapter 6."""

import numpy as np
from scipy import ndimage, signal


def correlate(image, kernel, pad=None):
    image = np.pad(image, 1, **pad) if pad is not None else image
    rows, columns = (n - 2 for n in image.shape)
    return np.array(
        [
            [(image[i : i + 3, j : j + 3] * kernel).sum() for j in range(columns)]
            for i in range(rows)
        ]
    )


def enlarge(values, kernel, stride, write="add"):
    side = len(kernel)
    large = np.zeros([(n - 1) * stride + side for n in values.shape])
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            part = large[i * stride : i * stride + side, j * stride : j * stride + side]
            part[...] = values[i, j] * kernel + (part if write == "add" else 0)
    return large


def enlarge_by_two(values, kernel, stride):
    """Canvas for the stride that is asked for, stamps two pixels apart."""
    large = np.zeros([(n - 1) * stride + len(kernel) for n in values.shape])
    small = enlarge(values, kernel, 2)
    large[: len(small), : small.shape[1]] = small
    return large


def enlarge_for_three(values, kernel, stride):
    """Right for a kernel of side 3, too large a canvas for any other."""
    return np.pad(enlarge(values, kernel, stride), (0, 3 - len(kernel)))


def field(layers):
    seen, stride = 1, 1
    for kernel, step in layers:
        seen += (kernel - 1) * stride
        stride *= step
    return seen


def field_stride_first(layers):
    seen, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        seen += (kernel - 1) * stride
    return seen


def field_whole_kernels(layers):
    seen, stride = 1, 1
    for kernel, step in layers:
        seen += kernel * stride
        stride *= step
    return seen


def field_without_poolings(layers):
    seen, stride = 1, 1
    for kernel, step in layers:
        seen += (kernel - 1) * stride if step == 1 else 0
        stride *= step
    return seen


def field_replaced(layers):
    seen, worth = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * worth
        worth = stride
    return seen


def field_added(layers):
    seen, worth = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * worth
        worth += stride
    return seen


def field_wrong_way(layers):
    seen = 1
    for kernel, stride in layers:
        seen = (seen - 1) * stride + kernel
    return seen


def field_multiplied(layers):
    seen = 1
    for kernel, stride in layers:
        seen = seen * stride + kernel - 1
    return seen


def field_from_the_end(layers):
    seen = 1
    for kernel, stride in reversed(layers):
        seen = (seen - 1) * stride + kernel
    return seen


def share_by_steps(momentum, steps):
    mean = 0.0
    for _ in range(steps):
        mean = momentum * mean + (1 - momentum)
    return mean


def convs(inputs, filters):
    return 9 * inputs * filters + 9 * filters**2


def enlarge_by_zeros(values, kernel, stride):
    apart = np.zeros([(n - 1) * stride + 1 for n in values.shape])
    apart[::stride, ::stride] = values
    return signal.convolve2d(apart, kernel)


def enlarge_number_by_number(values, kernel, stride):
    large = np.zeros([(n - 1) * stride + len(kernel) for n in values.shape])
    for (i, j), value in np.ndenumerate(values):
        for (a, b), weight in np.ndenumerate(kernel):
            large[i * stride + a, j * stride + b] += value * weight
    return large.tolist()


def field_by_products(layers):
    kernels, strides = np.array(layers).T
    worth = np.cumprod([1, *strides[:-1]])
    return 1 + ((kernels - 1) * worth).sum()


RIGHT = {
    "same_convolution": [
        lambda image, kernel: correlate(image, kernel, {}),
        lambda image, kernel: signal.correlate2d(image, kernel, mode="same"),
        lambda image, kernel: ndimage.correlate(image, kernel, mode="constant"),
    ],
    "enlarge": [enlarge, enlarge_by_zeros, enlarge_number_by_number],
    "block_parameters": [
        lambda i, f: convs(i, f) + 8 * f,
        lambda i, f: float(9 * f * (i + f) + 8 * f),
        lambda i, f: sum(np.prod([3, 3, n, f]) + 4 * f for n in (i, f)),
    ],
    "receptive_field": [field, field_from_the_end, field_by_products],
    "running_share": [
        share_by_steps,
        lambda momentum, steps: 1 - momentum**steps,
        lambda m, n: sum((1 - m) * m**k for k in range(n)),
    ],
}
WRONG = {
    "same_convolution": [
        dict(valid=correlate, flipped=lambda x, k: correlate(x, k[::-1, ::-1], {})),
        dict(transposed=lambda x, k: correlate(x, k.T, {})),
        dict(edge=lambda x, k: correlate(x, k, {"mode": "edge"})),
        dict(padded_after=lambda x, k: np.pad(correlate(x, k), 1)),
        dict(relu=lambda x, k: correlate(x, k, {}).clip(min=0)),
        dict(whole_numbers=lambda x, k: correlate(x, k, {}).astype(int)),
        dict(reflect=lambda x, k: correlate(x, k, {"mode": "reflect"})),
    ],
    "enlarge": [
        dict(stride_fixed=enlarge_by_two, side_fixed=enlarge_for_three),
        dict(overwritten=lambda v, k, s: enlarge(v, k, s, "replace")),
        dict(flipped=lambda v, k, s: enlarge(v, k[::-1, ::-1], s)),
        dict(transposed=lambda v, k, s: enlarge(v, k.T, s)),
        dict(stride_one=lambda v, k, s: enlarge(v, k, 1), no_overlap=lambda v, k, s: np.kron(v, k)),
    ],
    "block_parameters": [
        dict(no_norm=convs, half_the_norms=lambda i, f: convs(i, f) + 4 * f),
        dict(norm_of_inputs=lambda i, f: convs(i, f) + 4 * i + 4 * f),
        dict(bias_trainable=lambda i, f: convs(i, f) + 6 * f),
        dict(kernel_side=lambda i, f: 3 * i * f + 3 * f * f + 8 * f),
        dict(swapped=lambda i, f: convs(f, i) + 8 * i, other=lambda i, f: 812),
        dict(bias=lambda i, f: convs(i, f) + 10 * f, bias_no_norm=lambda i, f: convs(i, f) + 2 * f),
        dict(one_convolution=lambda i, f: 9 * i * f + 4 * f),
        dict(second_reads_inputs=lambda i, f: 2 * (9 * i * f + 4 * f)),
    ],
    "receptive_field": [
        dict(no_stride=lambda ls: 1 + sum(k - 1 for k, _ in ls), stride_first=field_stride_first),
        dict(without_one=lambda ls: field(ls) - 1, pooling_ignored=field_without_poolings),
        dict(kernels_whole=field_whole_kernels, stride_replaced=field_replaced),
        dict(stride_added=field_added, wrong_way=field_wrong_way),
        dict(field_multiplied=field_multiplied),
        dict(whole_kernels_from_zero=lambda ls: field_whole_kernels(ls) - 1),
        dict(first_layer=lambda ls: ls[0][0], other=lambda ls: 52),
    ],
    "running_share": [
        dict(what_is_left=lambda m, n: m**n, linear=lambda m, n: n * (1 - m)),
        dict(other_convention=lambda m, n: 1 - (1 - m) ** n),
        dict(step_short=lambda m, n: 1 - m ** (n - 1)),
        dict(step_over=lambda m, n: share_by_steps(m, n + 1), one_step=lambda m, n: 1 - m),
        dict(last_batch=lambda m, n: (1 - m) * m ** (n - 1)),
        dict(seen_late=lambda m, n: sum((1 - m) * m**k for k in range(1, n + 1))),
        dict(times=lambda m, n: 1 - m * n, other_left=lambda m, n: (1 - m) ** n),
        dict(percent=lambda m, n: 100 * share_by_steps(m, n), other=lambda m, n: 0.488),
    ],
}
