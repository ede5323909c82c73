"""Right and wrong answers to the exercises of chapter 10."""

from functools import partial

import numpy as np
from skimage.measure import block_reduce


def halve(image):
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def pyramid_by(smaller):
    def answer(image, levels):
        result = [image]
        while len(result) < levels:
            result.append(smaller(result[-1]))
        return result

    return answer


def blocks(image):
    return image.reshape(len(image) // 2, 2, -1, 2)


def square_only(image):
    half = len(image) // 2
    return image.reshape(half, 2, half, 2).mean((1, 3))


def reduced(reduce, axes=(1, 3)):
    return pyramid_by(lambda image: reduce(blocks(image), axis=axes))


def then(change, more=0):
    """A right pyramid, with more levels, and then something else made of it."""
    return lambda image, levels: change(pyramid(image, levels + more))


def factors_of_two(image, levels):
    """Blocks of 2, 4, 6, ... where 2, 4, 8, ... are wanted."""
    result = [image]
    for f in range(2, 2 * levels, 2):
        height, width = image.shape
        result.append(image.reshape(height // f, f, width // f, f).mean((1, 3)))
    return result


def sides_swapped(image):
    height, width = image.shape
    return image.reshape(width // 2, 2, height // 2, 2).mean((1, 3))


def parameters(base_filters, depth, first=1, last=None, bias=1, convs=1):
    filters = [base_filters * 2**level for level in range(first, last or depth)]
    return sum((9 + bias) * f + convs * 9 * f * f for f in filters)


pyramid = pyramid_by(halve)


def four_corners(image):
    rows = image[::2] + image[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) / 4


def pyramid_of_blocks(image, levels):
    return (block_reduce(image, (2**k, 2**k), np.mean) for k in range(levels))


def parameters_in_closed_form(base_filters, depth):
    filters = base_filters * (2**depth - 2)
    return 10 * filters + 3 * base_filters**2 * (4**depth - 4)


def parameters_by_loop(base_filters, depth):
    total, filters = 0, base_filters
    for _ in range(depth - 1):
        filters *= 2
        total += 9 * filters + filters + 9 * filters * filters
    return np.array([total])


RIGHT = {
    "pyramid": [pyramid, pyramid_by(four_corners), pyramid_of_blocks],
    "dips": [[0.09, 0.06], (0.24 * 3 / 8, 0.24 / 4), np.array([0.09, 0.06])],
    "extra_parameters": [parameters, parameters_in_closed_form, parameters_by_loop],
    "two_ways": [[56, 68], (56.0, 68.0), np.array([56, 68])],
    "safe_share": [0.660156, 0.66, np.array([(208 / 256) ** 2])],
}
WRONG = {
    "pyramid": [
        dict(tiles=pyramid_by(lambda x: x.reshape(2, len(x) // 2, 2, -1).mean((0, 2))), raised=3),
        dict(columns_only=pyramid_by(lambda x: (x[:, ::2] + x[:, 1::2]) / 2), sum=reduced(np.sum)),
        dict(not_from_the_copy=then(lambda p: [*p[:2], p[0][::4, ::4]]), maximum=reduced(np.max)),
        dict(rows_only=pyramid_by(lambda x: (x[::2] + x[1::2]) / 2), one_level_less=then(list, -1)),
        dict(levels_ignored=lambda image, levels: pyramid(image, 3), one_level_more=then(list, 1)),
        dict(factor_two_always=then(lambda p: p[:2] + p[1:2]), wrong_axes=reduced(np.mean, (0, 2))),
        dict(other_corner=pyramid_by(lambda x: x[1::2, 1::2]), raised=lambda image, levels: 1 / 0),
        dict(shapes=then(lambda p: [*p[:2], p[1][:2]]), strided=pyramid_by(lambda x: x[::2, ::2])),
        dict(begins_halved=then(lambda p: p[1:], 1), squares_only=pyramid_by(sides_swapped)),
        dict(squares_only=pyramid_by(square_only), no_original=then(lambda p: p[1:])),
        dict(reversed=then(lambda p: p[::-1]), wrong_shape=then(lambda p: p[0])),
        dict(shapes=then(lambda p: p[:1]), not_doubling=factors_of_two, minimum=reduced(np.min)),
    ],
    "dips": [
        dict(share_in_percent=[37.5, 25], smaller_piece=[0.09, 0.03], same_as_best=[0.09, 0.09]),
        dict(share_in_percent=[0.09, 25], unchanged=[0.24, 0.06], one_pixel=[0.03, 0.06]),
        dict(remainder=[0.15, 0.06], area=[0.01125, 0.06], halves=[0.09, 0.045], percent=[0.09, 6]),
        dict(swapped=[0.06, 0.09], share=[0.375, 0.25], other=[0.09, 0.01], wrong_shape=0.09),
        dict(share=[0.09, 0.25], other=[0.2, 0.06], zero=[0.09, 0], percent=[9, 6]),
    ],
    "extra_parameters": [
        dict(whole_convolution=partial(parameters, bias=2, convs=1.5)),
        dict(only_scale_convs=partial(parameters, convs=0), no_bias=partial(parameters, bias=0)),
        dict(only_wider=lambda b, d: sum(9 * b * b * 4**k for k in range(1, d))),
        dict(not_doubling=lambda b, d: (d - 1) * (10 * b + 9 * b * b), other=lambda b, d: 3120),
        dict(level_missing=lambda b, d: parameters(b, d, last=d - 1)),
        dict(with_bottom=lambda b, d: parameters(b, d, last=d + 1)),
        dict(with_level_1=partial(parameters, first=0), old_width=partial(parameters, convs=0.5)),
        dict(both_convs=partial(parameters, convs=2)),
    ],
    "two_ways": [
        dict(scale_conv_only=[24, 68], no_scale_conv=[40, 68], coarse_pixels=[7, 68]),
        dict(before_block=[56, 36], no_poolings=[56, 61], factor_16=[112, 68], factor_4=[28, 68]),
        dict(swapped=[68, 56], level_3=[56, 32], bottom=[56, 140], direct=[56, 56], other=[50, 68]),
        dict(other=[56, 60]),
    ],
    "safe_share": [
        dict(wrong_shape="two thirds", complement=0.3398, tile_128=0.390625, one_side=0.8213),
        dict(one_axis=0.8125, pixels=208**2, percent=66.02, other=0.5),
        dict(percent=66),
    ],
}
