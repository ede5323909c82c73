"""Right and wrong answers to the exercises of chapter 6."""

from functools import partial, reduce

import numpy as np
from scipy import ndimage, signal


def correlate(image, kernel, **pad):
    image = np.pad(image, 1, **pad) if pad else image
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return (windows * kernel).sum(axis=(2, 3))


def same(image, kernel):
    return correlate(image, kernel, mode="constant")


def enlarge(values, kernel, stride, add=True, step=None):
    """Stamps so many pixels apart, on a canvas for the stride."""
    large, step = np.zeros([(n - 1) * stride + len(kernel) for n in values.shape]), step or stride
    for (i, j), value in np.ndenumerate(values):
        part = large[i * step :, j * step :][: len(kernel), : len(kernel)]
        part[...] = value * kernel + part * add
    return large


def enlarge_for_three(values, kernel, stride):
    """Right for a kernel of side 3, too large a canvas for any other."""
    return np.pad(enlarge(values, kernel, stride), (0, 3 - len(kernel)))


def chain(grow=lambda kernel, stride, worth: (kernel - 1) * worth, after=np.multiply, seen=1):
    """The field of a chain: what each layer adds, and what a step is worth after it."""

    def answer(layers):
        field, worth = seen, 1
        for kernel, stride in layers:
            field += grow(kernel, stride, worth)
            worth = after(worth, stride)
        return field

    return answer


field = chain()


def recursion(step):
    return lambda layers: reduce(lambda seen, layer: step(seen, *layer), layers, 1)


field_wrong_way = recursion(lambda seen, kernel, stride: (seen - 1) * stride + kernel)


def whole(kernel, stride, worth):
    return kernel * worth


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
        same,
        lambda image, kernel: signal.correlate2d(image, kernel, mode="same"),
        lambda image, kernel: ndimage.correlate(image, kernel, mode="constant"),
    ],
    "enlarge": [enlarge, enlarge_by_zeros, enlarge_number_by_number],
    "block_parameters": [
        lambda i, f: convs(i, f) + 8 * f,
        lambda i, f: float(9 * f * (i + f) + 8 * f),
        lambda i, f: sum(np.prod([3, 3, n, f]) + 4 * f for n in (i, f)),
    ],
    "receptive_field": [field, lambda layers: field_wrong_way(layers[::-1]), field_by_products],
    "running_share": [
        share_by_steps,
        lambda momentum, steps: 1 - momentum**steps,
        lambda m, n: sum((1 - m) * m**k for k in range(n)),
    ],
}
WRONG = {
    "same_convolution": [
        dict(reflect=lambda x, k: correlate(x, k, mode="reflect"), valid=correlate),
        dict(padded_after=lambda x, k: np.pad(correlate(x, k), 1)),
        dict(whole_numbers=lambda x, k: same(x, k).astype(int)),
        dict(edge=lambda x, k: correlate(x, k, mode="edge"), transposed=lambda x, k: same(x, k.T)),
        dict(flipped=lambda x, k: same(x, k[::-1, ::-1]), relu=lambda x, k: same(x, k).clip(min=0)),
    ],
    "enlarge": [
        dict(flipped=lambda v, k, s: enlarge(v, k[::-1, ::-1], s), side_fixed=enlarge_for_three),
        dict(transposed=lambda v, k, s: enlarge(v, k.T, s), stride_fixed=partial(enlarge, step=2)),
        dict(stride_one=lambda v, k, s: enlarge(v, k, 1), no_overlap=lambda v, k, s: np.kron(v, k)),
        dict(overwritten=partial(enlarge, add=False)),
    ],
    "block_parameters": [
        dict(second_reads_inputs=lambda i, f: 2 * (9 * i * f + 4 * f), other=lambda i, f: 812),
        dict(norm_of_inputs=lambda i, f: convs(i, f) + 4 * i + 4 * f, no_norm=convs),
        dict(kernel_side=lambda i, f: 3 * i * f + 3 * f * f + 8 * f),
        dict(half_the_norms=lambda i, f: convs(i, f) + 4 * f),
        dict(bias_trainable=lambda i, f: convs(i, f) + 6 * f),
        dict(one_convolution=lambda i, f: 9 * i * f + 4 * f),
        dict(bias_no_norm=lambda i, f: convs(i, f) + 2 * f, bias=lambda i, f: convs(i, f) + 10 * f),
        dict(swapped=lambda i, f: convs(f, i) + 8 * i),
    ],
    "receptive_field": [
        dict(field_multiplied=recursion(lambda seen, kernel, stride: seen * stride + kernel - 1)),
        dict(stride_first=chain(lambda kernel, stride, worth: (kernel - 1) * worth * stride)),
        dict(pooling_ignored=chain(lambda k, stride, worth: (k - 1) * worth * (stride == 1))),
        dict(stride_replaced=chain(after=lambda worth, stride: stride), no_stride=chain(after=min)),
        dict(whole_kernels_from_zero=chain(whole, seen=0), first_layer=lambda layers: layers[0][0]),
        dict(stride_added=chain(after=np.add), kernels_whole=chain(whole), other=lambda layers: 52),
        dict(without_one=chain(seen=0), wrong_way=field_wrong_way),
    ],
    "running_share": [
        dict(seen_late=lambda m, n: sum((1 - m) * m**k for k in range(1, n + 1))),
        dict(step_over=lambda m, n: share_by_steps(m, n + 1), other_left=lambda m, n: (1 - m) ** n),
        dict(percent=lambda m, n: 100 * share_by_steps(m, n), linear=lambda m, n: n * (1 - m)),
        dict(other_convention=lambda m, n: 1 - (1 - m) ** n, what_is_left=lambda m, n: m**n),
        dict(last_batch=lambda m, n: (1 - m) * m ** (n - 1), times=lambda m, n: 1 - m * n),
        dict(step_short=lambda m, n: 1 - m ** (n - 1), one_step=lambda m, n: 1 - m),
        dict(other=lambda m, n: 0.488),
    ],
}
