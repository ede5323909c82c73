"""Chapter 6's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import numpy as np
import pytest
from damunet_book.checks import ch06


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


SOLUTIONS = {
    "same_convolution": lambda image, kernel: correlate(image, kernel, {}),
    "enlarge": enlarge,
    "block_parameters": lambda i, f: convs(i, f) + 8 * f,
    "receptive_field": field,
    "running_share": lambda momentum, steps: 1 - momentum**steps,
}

WRONG = [
    ("same_convolution", "valid", correlate),
    ("same_convolution", "flipped", lambda x, k: correlate(x, k[::-1, ::-1], {})),
    ("same_convolution", "transposed", lambda x, k: correlate(x, k.T, {})),
    ("same_convolution", "edge", lambda x, k: correlate(x, k, {"mode": "edge"})),
    ("same_convolution", "padded_after", lambda x, k: np.pad(correlate(x, k), 1)),
    ("same_convolution", "relu", lambda x, k: correlate(x, k, {}).clip(min=0)),
    ("same_convolution", "whole_numbers", lambda x, k: correlate(x, k, {}).astype(int)),
    ("enlarge", "stride_fixed", enlarge_by_two),
    ("enlarge", "side_fixed", enlarge_for_three),
    ("same_convolution", "reflect", lambda x, k: correlate(x, k, {"mode": "reflect"})),
    ("enlarge", "overwritten", lambda v, k, s: enlarge(v, k, s, "replace")),
    ("enlarge", "flipped", lambda v, k, s: enlarge(v, k[::-1, ::-1], s)),
    ("enlarge", "transposed", lambda v, k, s: enlarge(v, k.T, s)),
    ("enlarge", "stride_one", lambda v, k, s: enlarge(v, k, 1)),
    ("enlarge", "no_overlap", lambda v, k, s: np.kron(v, k)),
    ("block_parameters", "no_norm", convs),
    ("block_parameters", "half_the_norms", lambda i, f: convs(i, f) + 4 * f),
    ("block_parameters", "norm_of_inputs", lambda i, f: convs(i, f) + 4 * i + 4 * f),
    ("block_parameters", "bias_trainable", lambda i, f: convs(i, f) + 6 * f),
    ("block_parameters", "kernel_side", lambda i, f: 3 * i * f + 3 * f * f + 8 * f),
    ("block_parameters", "swapped", lambda i, f: convs(f, i) + 8 * i),
    ("block_parameters", "other", lambda i, f: 812),
    ("block_parameters", "bias", lambda i, f: convs(i, f) + 10 * f),
    ("block_parameters", "bias_no_norm", lambda i, f: convs(i, f) + 2 * f),
    ("block_parameters", "one_convolution", lambda i, f: 9 * i * f + 4 * f),
    ("block_parameters", "second_reads_inputs", lambda i, f: 2 * (9 * i * f + 4 * f)),
    ("receptive_field", "no_stride", lambda ls: 1 + sum(k - 1 for k, _ in ls)),
    ("receptive_field", "stride_first", field_stride_first),
    ("receptive_field", "without_one", lambda ls: field(ls) - 1),
    ("receptive_field", "pooling_ignored", field_without_poolings),
    ("receptive_field", "kernels_whole", field_whole_kernels),
    ("receptive_field", "stride_replaced", field_replaced),
    ("receptive_field", "stride_added", field_added),
    ("receptive_field", "wrong_way", field_wrong_way),
    ("receptive_field", "field_multiplied", field_multiplied),
    ("receptive_field", "whole_kernels_from_zero", lambda ls: field_whole_kernels(ls) - 1),
    ("receptive_field", "first_layer", lambda ls: ls[0][0]),
    ("receptive_field", "other", lambda ls: 52),
    ("running_share", "what_is_left", lambda m, n: m**n),
    ("running_share", "linear", lambda m, n: n * (1 - m)),
    ("running_share", "other_convention", lambda m, n: 1 - (1 - m) ** n),
    ("running_share", "step_short", lambda m, n: 1 - m ** (n - 1)),
    ("running_share", "step_over", lambda m, n: share_by_steps(m, n + 1)),
    ("running_share", "one_step", lambda m, n: 1 - m),
    ("running_share", "last_batch", lambda m, n: (1 - m) * m ** (n - 1)),
    ("running_share", "seen_late", lambda m, n: sum((1 - m) * m**k for k in range(1, n + 1))),
    ("running_share", "times", lambda m, n: 1 - m * n),
    ("running_share", "other_left", lambda m, n: (1 - m) ** n),
    ("running_share", "percent", lambda m, n: 100 * share_by_steps(m, n)),
    ("running_share", "other", lambda m, n: 0.488),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    assert getattr(ch06, name)(SOLUTIONS[name])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("running_share", share_by_steps),
        ("running_share", lambda m, n: sum((1 - m) * m**k for k in range(n))),
        ("receptive_field", field_from_the_end),
        ("block_parameters", lambda i, f: float(9 * f * (i + f) + 8 * f)),
    ],
)
def test_other_right_ways_pass(name, answer):
    assert getattr(ch06, name)(answer)


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [None, ..., lambda *arguments: ...])
def test_an_untouched_stub_is_recognised(name, stub):
    assert getattr(ch06, name)(stub).mistake == "untouched"


@pytest.mark.parametrize(("name", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, mistake, answer):
    verdict = getattr(ch06, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_two_mistakes_share_a_message(name):
    wrong = [answer for other, _, answer in WRONG if other == name]
    messages = {getattr(ch06, name)(answer).message for answer in wrong}
    assert len(messages) == len(wrong) >= 2
