"""Chapter 7's checkers: solutions pass, stubs are recognised, mistakes get their own message."""

import numpy as np
import pytest
from damunet_book.checks import ch07


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(z > 0, z, 0)


def additive(theta_x, phi_g, psi, bias):
    return sigmoid((relu(theta_x + phi_g) * psi).sum(axis=-1) + bias)


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def double(row):
    own = np.repeat(row, 2)
    padded = np.pad(row, 1, mode="edge")
    other = np.stack([padded[:-2], padded[2:]], axis=-1).ravel()
    return 0.75 * own + 0.25 * other


def double_swapped(row):
    own = np.repeat(row, 2)
    padded = np.pad(row, 1, mode="edge")
    other = np.stack([padded[2:], padded[:-2]], axis=-1).ravel()
    return 0.75 * own + 0.25 * other


def smooth(row, **pad):
    own = np.pad(np.repeat(row, 2), 1, **pad)
    return (own[:-2] + 2 * own[1:-1] + own[2:]) / 4


def double_by_position(row):
    return np.interp(np.arange(2 * len(row)) / 2 - 0.25, np.arange(len(row)), row)


def double_extrapolated(row):
    padded = np.concatenate([[2 * row[0] - row[1]], row, [2 * row[-1] - row[-2]]])
    return np.interp(np.arange(2 * len(row)) / 2 - 0.25, np.arange(-1, len(row) + 1), padded)


def halves(row):
    own = np.pad(np.repeat(row, 2), 1, mode="edge")
    return (own[:-2] + own[2:]) / 2


def parameters(c, g, i):
    return (4 * c + 1) * i + (g + 1) * i + i + 1


SOLUTIONS = {
    "coefficients": additive,
    "double": double,
    "gate_parameters": parameters,
    "compensate": lambda kernel, factor: kernel / factor,
}

WRONG = [
    ("coefficients", "logits", lambda t, p, psi, b: relu(t + p) @ psi + b),
    ("coefficients", "sigmoid_twice", lambda *a: sigmoid(additive(*a))),
    ("coefficients", "no_relu", lambda t, p, psi, b: sigmoid((t + p) @ psi + b)),
    ("coefficients", "relu_before_sum", lambda t, p, psi, b: additive(relu(t), relu(p), psi, b)),
    ("coefficients", "no_bias", lambda t, p, psi, b: additive(t, p, psi, 0)),
    ("coefficients", "bias_inside", lambda t, p, psi, b: sigmoid(relu(t + p + b) @ psi)),
    ("coefficients", "relu_after_psi", lambda t, p, psi, b: sigmoid(relu((t + p) @ psi + b))),
    ("coefficients", "relu_before_bias", lambda t, p, psi, b: sigmoid(relu((t + p) @ psi) + b)),
    ("coefficients", "relu_twice", lambda t, p, psi, b: sigmoid(relu(relu(t + p) @ psi + b))),
    ("coefficients", "unweighted", lambda t, p, psi, b: sigmoid(relu(t + p).sum(-1) + b)),
    ("coefficients", "bias_subtracted", lambda t, p, psi, b: additive(t, p, psi, -b)),
    (
        "coefficients",
        "minus_forgotten",
        lambda t, p, psi, b: 1 / (1 + np.exp(relu(t + p) @ psi + b)),
    ),
    ("coefficients", "multiplied", lambda t, p, psi, b: additive(t * p, 0, psi, b)),
    ("coefficients", "softmax", lambda t, p, psi, b: softmax(relu(t + p) @ psi + b)),
    ("double", "nearest", lambda row: np.repeat(row, 2)),
    ("double", "corners", lambda row: np.interp(np.linspace(0, 2, 6), [0, 1, 2], row)),
    ("double", "between", lambda row: np.interp([0, 0.5, 1, 1.5, 2, 2.5], [0, 1, 2], row)),
    ("double", "swapped", double_swapped),
    ("double", "zero_rim", lambda row: smooth(row, mode="constant")),
    ("double", "wrapped", lambda row: smooth(row, mode="wrap")),
    ("double", "rim_lost", lambda row: smooth(row, mode="edge")[1:-1]),
    ("double", "halves", halves),
    ("double", "extrapolated", double_extrapolated),
    ("double", "wrong_shape", lambda row: np.array([0.1, 0.3, 0.7, 0.8, 0.6, 0.5])),
    ("gate_parameters", "theta_one_by_one", lambda c, g, i: (c + 1) * i + (g + 1) * i + i + 1),
    ("gate_parameters", "no_bias", lambda c, g, i: 4 * c * i + g * i + i),
    ("gate_parameters", "phi_two_by_two", lambda c, g, i: (4 * (c + g) + 2) * i + i + 1),
    ("gate_parameters", "swapped", lambda c, g, i: parameters(g, c, i)),
    ("gate_parameters", "phi_reads_x", lambda c, g, i: parameters(c, c, i)),
    ("gate_parameters", "theta_two", lambda c, g, i: (2 * c + 1) * i + (g + 1) * i + i + 1),
    ("gate_parameters", "psi_bias", lambda c, g, i: (4 * c + 1) * i + (g + 1) * i + i),
    ("gate_parameters", "only_psi_bias", lambda c, g, i: 4 * c * i + g * i + i + 1),
    ("gate_parameters", "one_bias_each", lambda c, g, i: 4 * c * i + 1 + g * i + 1 + i + 1),
    ("gate_parameters", "three_by_three", lambda c, g, i: (9 * c + 1) * i + (g + 1) * i + i + 1),
    ("gate_parameters", "other", lambda c, g, i: 239),
    ("gate_parameters", "no_psi", lambda c, g, i: (4 * c + 1) * i + (g + 1) * i),
    ("gate_parameters", "with_mix", lambda c, g, i: parameters(c, g, i) + c * c + c),
    ("gate_parameters", "psi_wide", lambda c, g, i: (4 * c + 1) * i + (g + 1) * i + (i + 1) * c),
    ("compensate", "multiplied", lambda k, f: k * f),
    ("compensate", "unchanged", lambda k, f: k),
    ("compensate", "complement", lambda k, f: k * (1 - f)),
    ("compensate", "squared", lambda k, f: k / f / f),
    ("compensate", "fixed", lambda k, f: k / 0.4),
    ("compensate", "added", lambda k, f: k + 1 - f),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    assert getattr(ch07, name)(SOLUTIONS[name])


@pytest.mark.parametrize("answer", [double_by_position, lambda row: smooth(row, mode="edge")])
def test_other_ways_to_double_a_row_pass(answer):
    assert ch07.double(answer)


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("stub", [None, ..., lambda *arguments: ...])
def test_an_untouched_stub_is_recognised(name, stub):
    assert getattr(ch07, name)(stub).mistake == "untouched"


@pytest.mark.parametrize(("name", "mistake", "answer"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, mistake, answer):
    verdict = getattr(ch07, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake


@pytest.mark.parametrize("name", SOLUTIONS)
def test_no_two_mistakes_share_a_message(name):
    wrong = [answer for other, _, answer in WRONG if other == name]
    messages = {getattr(ch07, name)(answer).message for answer in wrong}
    assert len(messages) == len(wrong) >= 2
