"""Right and wrong answers to the exercises of chapter 6."""

from functools import partial, reduce

import numpy as np
from checks.answers.shared import asked
from damunet_book.checks import ch06
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


def enlarge_by_zeros(values, kernel, stride):
    apart = np.zeros([(n - 1) * stride + 1 for n in values.shape])
    apart[::stride, ::stride] = values
    return signal.convolve2d(apart, kernel)


def enlarge_weight_by_weight(values, kernel, stride):
    height, width = (np.array(values.shape) - 1) * stride + 1
    large = np.zeros([height + len(kernel) - 1, width + len(kernel) - 1])
    for (a, b), weight in np.ndenumerate(kernel):
        large[a : a + height : stride, b : b + width : stride] += weight * values
    return large


def field(layers):
    seen, worth = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * worth
        worth *= stride
    return seen


def field_by_products(layers):
    kernels, strides = np.array(layers).T
    worth = np.cumprod([1, *strides[:-1]])
    return 1 + ((kernels - 1) * worth).sum()


X, K = asked(ch06.same_convolution)
ENLARGED = asked(ch06.enlarge)
V, E, _ = ENLARGED
IN, F = asked(ch06.block_parameters)
CONVS, NORMS = 9 * IN * F + 9 * F**2, 8 * F
M, N = asked(ch06.running_share)
RIGHT = {
    "same_convolution": [
        same,
        lambda image, kernel: signal.correlate2d(image, kernel, mode="same"),
        lambda image, kernel: ndimage.correlate(image, kernel, mode="constant"),
    ],
    "enlarge": [enlarge, enlarge_by_zeros, enlarge_weight_by_weight],
    "block_parameters": [
        lambda i, f: 9 * i * f + 9 * f**2 + 8 * f,
        lambda i, f: float(9 * f * (i + f) + 8 * f),
        lambda i, f: sum(np.prod([3, 3, n, f]) + 4 * f for n in (i, f)),
    ],
    "receptive_field": [
        field,
        lambda layers: reduce(lambda seen, one: (seen - 1) * one[1] + one[0], layers[::-1], 1),
        field_by_products,
    ],
    "running_share": [
        lambda m, n: reduce(lambda mean, _: m * mean + (1 - m), range(n), 0.0),
        lambda momentum, steps: 1 - momentum**steps,
        lambda m, n: sum((1 - m) * m**k for k in range(n)),
    ],
}
WRONG = {
    "same_convolution": [
        dict(whole_numbers=lambda x, k: same(x, k).astype(int), edge=correlate(X, K, mode="edge")),
        dict(relu=lambda x, k: same(x, k).clip(min=0), reflect=correlate(X, K, mode="reflect")),
        dict(padded_after=np.pad(correlate(X, K), 1), flipped=same(X, K[::-1, ::-1])),
        dict(transposed=same(X, K.T), valid=correlate(X, K)),
    ],
    "enlarge": [
        dict(flipped=enlarge(V, E[::-1, ::-1], 2), transposed=enlarge(V, E.T, 2)),
        dict(side_fixed=lambda v, k, s: np.pad(enlarge(v, k, s), (0, 3 - len(k)))),
        dict(stride_fixed=partial(enlarge, step=2), stride_one=enlarge(V, E, 1)),
        dict(no_overlap=np.kron(V, E), overwritten=enlarge(*ENLARGED, add=False)),
    ],
    "block_parameters": [
        dict(second_reads_inputs=2 * (9 * IN * F + 4 * F), swapped=9 * IN * F + 9 * IN**2 + 8 * IN),
        dict(other=lambda i, f: 812, kernel_side=CONVS / 3 + NORMS, half_the_norms=CONVS + 4 * F),
        dict(no_norm=CONVS, norm_of_inputs=CONVS + 4 * IN + 4 * F, bias_no_norm=CONVS + 2 * F),
        dict(bias_trainable=CONVS + 6 * F, one_convolution=9 * IN * F + 4 * F, bias=CONVS + 10 * F),
    ],
    "receptive_field": [  # by hand, for [(3, 1), (5, 1), (2, 2), (3, 1), (3, 3), (7, 1)]
        dict(field_multiplied=59, stride_first=61, pooling_ignored=47, stride_replaced=32),
        dict(whole_kernels_from_zero=64, kernels_whole=65, first_layer=3, stride_added=90),
        dict(without_one=51, wrong_way=54, no_stride=18, other=lambda layers: 52),
    ],
    "running_share": [
        dict(seen_late=M * (1 - M**N), step_over=1 - M ** (N + 1), step_short=1 - M ** (N - 1)),
        dict(other_left=(1 - M) ** N, percent=100 * (1 - M**N), linear=N * (1 - M), one_step=1 - M),
        dict(other_convention=1 - (1 - M) ** N, what_is_left=M**N, times=1 - M * N),
        dict(last_batch=(1 - M) * M ** (N - 1), other=lambda m, n: 0.488),
    ],
}
