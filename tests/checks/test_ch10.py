"""Chapter 10's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest

from damunet_lite import models
from damunet_lite.checks import ch10


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
    ("pyramid", lambda image, levels: [image] + [halve(image)] * (levels - 1),
     "factor_two_always"),
    ("pyramid", lambda image, levels: image, "wrong_shape"),
    ("pyramid", lambda image, levels: [image], "wrong_shape"),
    ("dips", [0.24, 0.06], "unchanged"),
    ("dips", [0.03, 0.06], "one_pixel"),
    ("dips", [0.01125, 0.06], "area"),
    ("dips", [0.15, 0.06], "remainder"),
    ("dips", [0.09, 0.03], "smaller_piece"),
    ("dips", [0.09, 0.045], "halves"),
    ("dips", [0.09, 0.09], "same_as_best"),
    ("dips", [0.09, 0], "zero"),
    ("dips", 0.09, "wrong_shape"),
    ("extra_parameters", lambda b, d: sum(10 * b * 2**k for k in range(1, d)), "only_scale_convs"),
    ("extra_parameters", lambda b, d: sum(9 * b * b * 4**k for k in range(1, d)), "only_wider"),
    ("extra_parameters", lambda b, d: parameters(b, d, bias=0), "no_bias"),
    ("extra_parameters", lambda b, d: parameters(b, d, first=0), "with_level_1"),
    ("extra_parameters", lambda b, d: parameters(b, d, last=d + 1), "with_bottom"),
    ("extra_parameters", lambda b, d: parameters(b, d, convs=2), "both_convs"),
    ("extra_parameters", lambda b, d: parameters(b, d, convs=0.5), "old_width"),
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
        row[start:start + 3] = 0.24
        deepest.append(row.reshape(2, 8).mean(1).max())
    assert max(deepest) == pytest.approx(0.09)
    assert min(deepest) == pytest.approx(0.06)
