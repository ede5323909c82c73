"""Chapter 10's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest
from damunet_book.checks import ch10

from damunet_lite import models


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


def tiled(image):
    return image.reshape(2, len(image) // 2, 2, -1).mean((0, 2))


def square_only(image):
    half = len(image) // 2
    return image.reshape(half, 2, half, 2).mean((1, 3))


def mean_over(*axes):
    return pyramid_by(lambda image: blocks(image).mean(axes))


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
SOLUTIONS = {
    "pyramid": pyramid,
    "dips": [0.09, 0.06],
    "extra_parameters": parameters,
    "two_ways": [56, 68],
    "safe_share": 0.660156,
}
UNTOUCHED = {
    "pyramid": lambda image, levels: ...,
    "dips": [..., ...],
    "extra_parameters": lambda base_filters, depth: ...,
    "two_ways": [..., ...],
    "safe_share": ...,
}
WRONG = [
    ("pyramid", pyramid_by(lambda image: image[::2, ::2]), "strided"),
    ("pyramid", pyramid_by(lambda image: blocks(image).max((1, 3))), "maximum"),
    ("pyramid", pyramid_by(tiled), "tiles"),
    ("pyramid", pyramid_by(lambda image: blocks(image).sum((1, 3))), "sum"),
    ("pyramid", lambda image, levels: pyramid(image, levels)[::-1], "reversed"),
    ("pyramid", lambda image, levels: pyramid(image, levels)[1:], "no_original"),
    ("pyramid", lambda image, levels: [image] + [halve(image)] * (levels - 1), "factor_two_always"),
    ("pyramid", lambda image, levels: image, "wrong_shape"),
    ("pyramid", lambda image, levels: [image], "wrong_shape"),
    ("pyramid", lambda image, levels: [image, halve(image), halve(image[:4])], "wrong_shape"),
    ("pyramid", pyramid_by(square_only), "squares_only"),
    ("pyramid", pyramid_by(sides_swapped), "squares_only"),
    ("pyramid", lambda image, levels: pyramid(image, levels + 1), "one_level_more"),
    ("pyramid", lambda image, levels: pyramid(image, levels - 1), "one_level_less"),
    ("pyramid", lambda image, levels: pyramid(image, levels + 1)[1:], "begins_halved"),
    ("pyramid", pyramid_by(lambda image: (image[::2] + image[1::2]) / 2), "rows_only"),
    ("pyramid", pyramid_by(lambda image: (image[:, ::2] + image[:, 1::2]) / 2), "columns_only"),
    ("pyramid", pyramid_by(lambda image: image[1::2, 1::2]), "other_corner"),
    ("pyramid", pyramid_by(lambda image: blocks(image).min((1, 3))), "minimum"),
    ("pyramid", lambda image, levels: [image, halve(image), image[::4, ::4]], "not_from_the_copy"),
    ("pyramid", mean_over(0, 2), "wrong_axes"),
    ("pyramid", factors_of_two, "not_doubling"),
    ("pyramid", lambda image, levels: pyramid(image, 3), "levels_ignored"),
    ("pyramid", lambda image, levels: 1 / 0, "raised"),
    ("pyramid", 3, "raised"),
    ("dips", [0.24, 0.06], "unchanged"),
    ("dips", [0.03, 0.06], "one_pixel"),
    ("dips", [0.01125, 0.06], "area"),
    ("dips", [0.15, 0.06], "remainder"),
    ("dips", [0.09, 0.03], "smaller_piece"),
    ("dips", [0.09, 0.045], "halves"),
    ("dips", [0.09, 0.09], "same_as_best"),
    ("dips", [0.09, 0], "zero"),
    ("dips", 0.09, "wrong_shape"),
    ("dips", [0.06, 0.09], "swapped"),
    ("dips", [9, 6], "percent"),
    ("dips", [0.09, 6], "percent"),
    ("dips", [0.375, 0.25], "share"),
    ("dips", [0.09, 0.25], "share"),
    ("dips", [37.5, 25], "share_in_percent"),
    ("dips", [0.09, 25], "share_in_percent"),
    ("dips", [0.2, 0.06], "other"),
    ("dips", [0.09, 0.01], "other"),
    ("extra_parameters", lambda b, d: sum(10 * b * 2**k for k in range(1, d)), "only_scale_convs"),
    ("extra_parameters", lambda b, d: sum(9 * b * b * 4**k for k in range(1, d)), "only_wider"),
    ("extra_parameters", lambda b, d: parameters(b, d, bias=0), "no_bias"),
    ("extra_parameters", lambda b, d: parameters(b, d, first=0), "with_level_1"),
    ("extra_parameters", lambda b, d: parameters(b, d, last=d + 1), "with_bottom"),
    ("extra_parameters", lambda b, d: parameters(b, d, convs=2), "both_convs"),
    ("extra_parameters", lambda b, d: parameters(b, d, convs=0.5), "old_width"),
    ("extra_parameters", lambda b, d: parameters(b, d, last=d - 1), "level_missing"),
    ("extra_parameters", lambda b, d: (d - 1) * (10 * b + 9 * b * b), "not_doubling"),
    (
        "extra_parameters",
        lambda b, d: sum(11 * f + 27 * f * f // 2 for f in [b * 2**k for k in range(1, d)]),
        "whole_convolution",
    ),
    ("extra_parameters", lambda b, d: 3120, "other"),
    ("two_ways", [68, 56], "swapped"),
    ("two_ways", [56, 56], "direct"),
    ("two_ways", [50, 68], "other"),
    ("two_ways", [56, 60], "other"),
    ("two_ways", [7, 68], "coarse_pixels"),
    ("two_ways", [40, 68], "no_scale_conv"),
    ("two_ways", [24, 68], "scale_conv_only"),
    ("two_ways", [112, 68], "factor_16"),
    ("two_ways", [28, 68], "factor_4"),
    ("two_ways", [56, 32], "level_3"),
    ("two_ways", [56, 140], "bottom"),
    ("two_ways", [56, 61], "no_poolings"),
    ("two_ways", [56, 36], "before_block"),
    ("safe_share", 0.8213, "one_side"),
    ("safe_share", 0.8125, "one_axis"),
    ("safe_share", 0.3398, "complement"),
    ("safe_share", 0.390625, "tile_128"),
    ("safe_share", 208**2, "pixels"),
    ("safe_share", 66, "percent"),
    ("safe_share", 66.02, "percent"),
    ("safe_share", 0.5, "other"),
    ("safe_share", "two thirds", "other"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch10, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch10, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch10, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict


@pytest.mark.parametrize(
    ("name", "answer", "told", "solution"),
    [
        ("dips", [0.2, 0.06], "the best dip is too large: 0.2", "0.09"),
        ("dips", [0.09, 0.01], "the worst dip is too small: 0.01", "0.06"),
        ("two_ways", [50, 68], "the direct way is too small: 50", "56"),
        ("two_ways", [56, 70], "the way through the levels is too large: 70", "68"),
        ("safe_share", 0.5, "the share is too small: 0.5", "66"),
    ],
)
def test_a_wrong_prediction_is_not_told_the_solution(name, answer, told, solution):
    message = getattr(ch10, name)(answer).message
    assert told in message
    assert solution not in message


@pytest.mark.parametrize(
    "smaller",
    [
        lambda image: (
            (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4
        ),
        lambda image: blocks(image).mean(3).mean(1),
    ],
)
def test_other_ways_to_average_pass(smaller):
    assert ch10.pyramid(pyramid_by(smaller))
    assert ch10.pyramid(lambda image, levels: tuple(pyramid_by(smaller)(image, levels)))


def test_the_price_is_said_to_lie_where_it_lies():
    message = ch10.extra_parameters(parameters).message
    copies, wider = 10 * (64 + 128 + 256), 9 * (64**2 + 128**2 + 256**2)
    assert f"{copies + wider:,}" in message
    assert wider > 100 * copies
    assert "first convolutions, which were there before" in message.replace("\n", " ")


def test_the_parameters_are_those_of_the_network():
    for base_filters, depth in ((4, 3), (2, 4)):
        plain, multi = (
            models.unet(base_filters=base_filters, depth=depth, multi_scale=multi_scale)
            for multi_scale in (False, True)
        )
        added = multi.count_params() - plain.count_params()
        assert added == parameters(base_filters, depth)


def test_the_dips_counted_over_all_positions():
    deepest = []
    for start in range(8):
        row = np.zeros(16)
        row[start : start + 3] = 0.24
        deepest.append(row.reshape(2, 8).mean(1).max())
    assert max(deepest) == pytest.approx(0.09)
    assert min(deepest) == pytest.approx(0.06)
