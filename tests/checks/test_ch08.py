"""Chapter 8's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import numpy as np
import pytest
from damunet_book.checks import ch08


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(z > 0, z, 0)


def pooled(x):
    flat = x.reshape(-1, x.shape[-1])
    return flat.mean(axis=0), flat.max(axis=0)


def network(v, squeeze, excite):
    return relu(v @ squeeze) @ excite


def both(x, squeeze, excite):
    mean, maximum = pooled(x)
    return network(mean, squeeze, excite) + network(maximum, squeeze, excite)


def sigmoids_added(x, s, e):
    return sum(sigmoid(network(v, s, e)) for v in pooled(x))


def paths(x, squeeze, excite):
    return [sigmoid(network(v, squeeze, excite)) for v in pooled(x)]


def over_channels(x, squeeze, excite):
    pools = x.mean(-1), x.max(-1)
    return sigmoid(sum(network(v, squeeze, excite) for v in pools))


def pixels(x, mean_weight, maximum_weight):
    return mean_weight * x.mean(axis=2) + maximum_weight * x.max(axis=2)


def parameters(c, r, k):
    hidden = c // r
    return (c + 1) * hidden + (hidden + 1) * c + 2 * k**2


SOLUTIONS = {
    "channel_weights": lambda x, s, e: sigmoid(both(x, s, e)),
    "pixel_weights": lambda x, a, m: sigmoid(pixels(x, a, m)),
    "cbam_parameters": parameters,
    "reordered_kernel": lambda kernel: kernel[:, :, [1, 0]],
}

WRONG = [
    ("channel_weights", "sigmoids_added", sigmoids_added),
    ("channel_weights", "sigmoid_twice", lambda x, s, e: sigmoid(sigmoid(both(x, s, e)))),
    ("channel_weights", "sigmoids_averaged", lambda *a: np.mean(paths(*a), axis=0)),
    ("channel_weights", "sigmoids_multiplied", lambda *a: np.prod(paths(*a), axis=0)),
    ("channel_weights", "sigmoid_of_sigmoids", lambda *a: sigmoid(sum(paths(*a)))),
    ("channel_weights", "averaged", lambda *a: sigmoid(both(*a) / 2)),
    ("channel_weights", "over_channels", over_channels),
    (
        "channel_weights",
        "sum_for_mean",
        lambda x, s, e: sigmoid(network(x.sum((0, 1)), s, e) + network(x.max((0, 1)), s, e)),
    ),
    ("channel_weights", "weighted_map", lambda x, s, e: x * sigmoid(both(x, s, e))),
    ("channel_weights", "pooled_first", lambda x, s, e: sigmoid(network(sum(pooled(x)), s, e))),
    ("channel_weights", "mean_only", lambda x, s, e: sigmoid(network(pooled(x)[0], s, e))),
    ("channel_weights", "maximum_only", lambda x, s, e: sigmoid(network(pooled(x)[1], s, e))),
    ("channel_weights", "no_relu", lambda x, s, e: sigmoid(sum(pooled(x)) @ s @ e)),
    ("channel_weights", "logits", both),
    (
        "channel_weights",
        "relu_at_the_end",
        lambda x, s, e: sigmoid(sum(relu(network(v, s, e)) for v in pooled(x))),
    ),
    ("pixel_weights", "over_pixels", lambda x, a, m: sigmoid(a * pooled(x)[0] + m * pooled(x)[1])),
    ("pixel_weights", "swapped", lambda x, a, m: sigmoid(pixels(x, m, a))),
    ("pixel_weights", "sum_for_mean", lambda x, a, m: sigmoid(pixels(x, 3 * a, m))),
    ("pixel_weights", "logits", pixels),
    ("pixel_weights", "sigmoid_twice", lambda x, a, m: sigmoid(sigmoid(pixels(x, a, m)))),
    ("pixel_weights", "absolute", lambda x, a, m: sigmoid(a * x.mean(-1) + m * np.abs(x).max(-1))),
    ("cbam_parameters", "fixed", lambda c, r, k: parameters(c, 8, k)),
    ("cbam_parameters", "two_networks", lambda c, r, k: 2 * parameters(c, r, k) - 2 * k * k),
    ("cbam_parameters", "no_bias", lambda c, r, k: 2 * c * (c // r) + 2 * k * k),
    ("cbam_parameters", "spatial_bias", lambda c, r, k: parameters(c, r, k) + 1),
    ("cbam_parameters", "one_map", lambda c, r, k: parameters(c, r, k) - k * k),
    ("cbam_parameters", "hidden_is_reduction", lambda c, r, k: (2 * c + 1) * r + c + 2 * k * k),
    ("cbam_parameters", "side_not_squared", lambda c, r, k: parameters(c, r, 0) + 2 * k),
    ("cbam_parameters", "one_layer", lambda c, r, k: (c + 1) * (c // r) + 2 * k * k),
    ("cbam_parameters", "not_rounded", lambda c, r, k: 2 * c * c / r + c / r + c + 2 * k * k),
    ("cbam_parameters", "rounded_up", lambda c, r, k: parameters(c, r, k) + 2 * c + 1),
    (
        "cbam_parameters",
        "kernel_for_every_channel",
        lambda c, r, k: parameters(c, r, k) + (c - 2) * k * k,
    ),
    ("reordered_kernel", "unchanged", lambda k: k),
    ("reordered_kernel", "rows", lambda k: k[::-1]),
    ("reordered_kernel", "columns", lambda k: k[:, ::-1]),
    ("reordered_kernel", "transposed_too", lambda k: k.swapaxes(0, 1)[:, :, ::-1]),
    ("reordered_kernel", "all_axes", lambda k: k.T),
    ("reordered_kernel", "last_axes", lambda k: np.swapaxes(k, -1, -2)),
    ("reordered_kernel", "flipped", lambda k: np.flip(k, (0, 1))),
    ("reordered_kernel", "flipped_too", lambda k: np.flip(k)),
    ("reordered_kernel", "transposed", lambda k: np.swapaxes(k, 0, 1)),
    ("reordered_kernel", "negated", lambda k: -k),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    assert getattr(ch08, name)(SOLUTIONS[name])


def test_rounding_to_the_nearest_whole_number_of_units_is_rounding_up():
    def answer(c, r, k):
        return parameters(c, c / round(c / r), k)

    assert ch08.cbam_parameters(answer).mistake == "rounded_up"


def test_reversing_the_last_axis_is_told_to_change_nothing():
    verdict = ch08.reordered_kernel(lambda kernel: kernel[..., ::-1])
    assert verdict.mistake == "unchanged"
    assert "last axis" in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda k: np.flip(k, axis=2),
        lambda k: np.roll(k, 1, axis=2),
        lambda k: np.concatenate([k[:, :, 1:], k[:, :, :1]], axis=2),
    ],
)
def test_other_ways_to_exchange_the_maps_pass(answer):
    assert ch08.reordered_kernel(answer)


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [None, ..., lambda *arguments: ...])
def test_an_untouched_stub_is_recognised(name, stub):
    assert getattr(ch08, name)(stub).mistake == "untouched"


@pytest.mark.parametrize(("name", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, mistake, answer):
    verdict = getattr(ch08, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_two_mistakes_share_a_message(name):
    wrong = [answer for other, _, answer in WRONG if other == name]
    messages = {getattr(ch08, name)(answer).message for answer in wrong}
    assert len(messages) == len(wrong) >= 2
