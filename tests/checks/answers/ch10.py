"""Right and wrong answers to the exercises of chapter 10."""

import numpy as np
from checks.answers.shared import asked, then
from damunet_book.checks import ch10
from skimage.measure import block_reduce


def blocks(image):
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2)


def pyramid_by(smaller):
    def answer(image, levels):
        result = [image]
        while len(result) < levels:
            result.append(smaller(result[-1]))
        return result

    return answer


def reduced(reduce, axes=(1, 3)):
    return pyramid_by(lambda image: reduce(blocks(image), axis=axes))


pyramid = reduced(np.mean)
pyramid_of_shifts = pyramid_by(lambda x: sum(x[i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4)


def pyramid_of_blocks(image, levels):
    return (block_reduce(image, (2**k, 2**k), np.mean) for k in range(levels))


def more(levels, change=list):
    """A right pyramid with so many levels more, and then something else made of it."""
    return lambda image, asked_for: change(pyramid(image, asked_for + levels))


def sides_swapped(image):
    height, width = image.shape
    return image.reshape(width // 2, 2, height // 2, 2).mean((1, 3))


def parameters(base_filters, depth, first=1, last=0, bias=1, convs=1):
    filters = [base_filters * 2**level for level in range(first, depth + last)]
    return sum((9 + bias) * f + convs * 9 * f * f for f in filters)


def parameters_in_closed_form(base_filters, depth):
    filters = base_filters * (2**depth - 2)
    return np.array([10 * filters + 3 * base_filters**2 * (4**depth - 4)])


def parameters_by_recursion(base_filters, depth):
    f = 2 * base_filters
    return 10.0 * f + 9 * f * f + parameters_by_recursion(f, depth - 1) if depth > 1 else 0


IMAGE, LEVELS = asked(ch10.pyramid)
RIGHT = {
    "pyramid": [pyramid, pyramid_of_shifts, pyramid_of_blocks],
    "dips": [[0.09, 0.06], (0.24 * 3 / 8, 0.24 / 4), np.array([0.09, 0.06])],
    "extra_parameters": [parameters, parameters_in_closed_form, parameters_by_recursion],
    "two_ways": [[56, 68], (56.0, 68.0), np.array([56, 68])],
    "safe_share": [0.660156, 0.66, np.array([(208 / 256) ** 2])],
}
WRONG = {
    "pyramid": [
        dict(not_doubling=lambda x, n: [block_reduce(x, (k, k)) / k**2 for k in (1, 2, 4, 6)[:n]]),
        dict(tiles=pyramid_by(lambda x: x.reshape(2, len(x) // 2, 2, -1).mean((0, 2)))),
        dict(not_from_the_copy=then(pyramid, lambda p: [*p[:2], p[0][::4, ::4]])),
        dict(columns_only=pyramid_by(lambda x: (x[:, ::2] + x[:, 1::2]) / 2), sum=reduced(np.sum)),
        dict(factor_two_always=then(pyramid, lambda p: p[:2] + p[1:2]), maximum=reduced(np.max)),
        dict(rows_only=pyramid_by(lambda x: (x[::2] + x[1::2]) / 2), one_level_less=more(-1)),
        dict(shapes=then(pyramid, lambda p: [*p[:2], p[1][:2]]), levels_ignored=pyramid(IMAGE, 3)),
        dict(other_corner=pyramid_by(lambda x: x[1::2, 1::2]), wrong_axes=reduced(np.mean, (0, 2))),
        dict(no_original=then(pyramid, lambda p: p[1:]), strided=pyramid_by(lambda x: x[::2, ::2])),
        dict(reversed=then(pyramid, lambda p: p[::-1]), begins_halved=more(1, lambda p: p[1:])),
        dict(squares_only=pyramid_by(sides_swapped), shapes=then(pyramid, lambda p: p[:1])),
        dict(not_from_the_copy=then(pyramid, lambda p: [*p[:3], p[0][::8, ::8]][: len(p)])),
        dict(raised=lambda image, levels: 1 / 0),
        dict(wrong_shape=pyramid(IMAGE, 3)[0], minimum=reduced(np.min), one_level_more=more(1)),
    ],
    "dips": [
        dict(share_in_percent=[37.5, 25], smaller_piece=[0.09, 0.03], same_as_best=[0.09, 0.09]),
        dict(share_in_percent=[0.09, 25], unchanged=[0.24, 0.06], one_pixel=[0.03, 0.06]),
        dict(remainder=[0.15, 0.06], area=[0.01125, 0.06], halves=[0.09, 0.045], percent=[0.09, 6]),
        dict(swapped=[0.06, 0.09], share=[0.375, 0.25], other=[0.09, 0.01], wrong_shape=0.09),
        dict(share=[0.09, 0.25], other=[0.2, 0.06], zero=[0.09, 0], percent=[9, 6]),
    ],
    "extra_parameters": [
        dict(whole_convolution=parameters(4, 3, bias=2, convs=1.5), other=lambda b, d: 3120),
        dict(only_scale_convs=parameters(4, 3, convs=0), level_missing=parameters(4, 3, last=-1)),
        dict(with_level_1=parameters(4, 3, first=0), not_doubling=2 * (10 * 4 + 9 * 4 * 4)),
        dict(old_width=parameters(4, 3, convs=0.5), only_wider=parameters(4, 3, bias=-9)),
        dict(with_bottom=parameters(4, 3, last=1), both_convs=parameters(4, 3, convs=2)),
        dict(no_bias=parameters(4, 3, bias=0)),
    ],
    "two_ways": [
        dict(scale_conv_only=[24, 68], before_block=[56, 36], no_poolings=[56, 61], other=[56, 60]),
        dict(no_scale_conv=[40, 68], coarse_pixels=[7, 68], factor_16=[112, 68], factor_4=[28, 68]),
        dict(swapped=[68, 56], level_3=[56, 32], bottom=[56, 140], direct=[56, 56], other=[50, 68]),
    ],
    "safe_share": [
        dict(wrong_shape="two thirds", one_side=0.8213, one_axis=0.8125, pixels=208**2, percent=66),
        dict(complement=0.3398, tile_128=0.390625, percent=66.02, other=0.5),
    ],
}
