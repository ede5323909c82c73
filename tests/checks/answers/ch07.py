"""Right and wrong answers to the exercises of chapter 7."""

import numpy as np
from scipy.special import expit


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(z > 0, z, 0)


def additive(theta_x, phi_g, psi, bias):
    return sigmoid((relu(theta_x + phi_g) * psi).sum(axis=-1) + bias)


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def mixed(own, far=False):
    """Own pixel and neighbour, with another weight or the neighbour on the far side."""

    def answer(row):
        padded = np.pad(row, 1, mode="edge")
        other = np.stack([padded[:-2], padded[2:]][:: -1 if far else 1], axis=-1).ravel()
        return own * np.repeat(row, 2) + (1 - own) * other

    return answer


double = mixed(0.75)


def smooth(row, **pad):
    own = np.pad(np.repeat(row, 2), 1, **pad)
    return (own[:-2] + 2 * own[1:-1] + own[2:]) / 4


def double_by_position(row):
    return np.interp(np.arange(2 * len(row)) / 2 - 0.25, np.arange(len(row)), row)


def double_extrapolated(row):
    padded = np.concatenate([[2 * row[0] - row[1]], row, [2 * row[-1] - row[-2]]])
    return np.interp(np.arange(2 * len(row)) / 2 - 0.25, np.arange(-1, len(row) + 1), padded)


def gate(theta=4, phi=1, psi=1, biases=(1, 1, 1)):
    """Parameters of a gate with kernels of so many places, with biases or without."""
    return lambda c, g, i: (theta * c + phi * g + psi) * i + (biases[0] + biases[1]) * i + biases[2]


parameters = gate()


def additive_by_loop(theta_x, phi_g, psi, bias):
    result = []
    for x_row, g_row in zip(theta_x, phi_g, strict=True):
        sums = [
            sum(max(a + b, 0) * w for a, b, w in zip(x, g, psi, strict=True)) + bias
            for x, g in zip(x_row, g_row, strict=True)
        ]
        result.append([1 / (1 + np.exp(-value)) for value in sums])
    return result


def additive_by_einsum(theta_x, phi_g, psi, bias):
    return expit(np.einsum("hwc,c->hw", (theta_x + phi_g).clip(min=0), psi) + bias)


def parameters_by_kernel(c, g, i):
    kernels = [(2, 2, c, i), (1, 1, g, i), (1, 1, i, 1)]
    return sum(np.prod(kernel) + kernel[-1] for kernel in kernels)


def parameters_of_arrays(c, g, i):
    arrays = [np.zeros((2, 2, c, i)), np.zeros((g, i)), np.zeros(i), np.zeros(2 * i + 1)]
    return float(sum(array.size for array in arrays))


RIGHT = {
    "coefficients": [additive, additive_by_loop, additive_by_einsum],
    "double": [double, double_by_position, lambda row: smooth(row, mode="edge")],
    "gate_parameters": [parameters, parameters_by_kernel, parameters_of_arrays],
    "compensate": [
        lambda kernel, factor: kernel / factor,
        lambda kernel, factor: [[weight / factor for weight in row] for row in kernel],
        lambda kernel, factor: np.linalg.solve(factor * np.eye(len(kernel)), kernel),
    ],
}
WRONG = {
    "coefficients": [
        dict(minus_forgotten=lambda t, p, psi, b: 1 / (1 + np.exp(relu(t + p) @ psi + b))),
        dict(relu_before_sum=lambda t, p, psi, b: additive(relu(t), relu(p), psi, b)),
        dict(relu_before_bias=lambda t, p, psi, b: sigmoid(relu((t + p) @ psi) + b)),
        dict(relu_after_psi=lambda t, p, psi, b: sigmoid(relu((t + p) @ psi + b))),
        dict(relu_twice=lambda t, p, psi, b: sigmoid(relu(relu(t + p) @ psi + b))),
        dict(unweighted=lambda t, p, psi, b: sigmoid(relu(t + p).sum(-1) + b)),
        dict(bias_inside=lambda t, p, psi, b: sigmoid(relu(t + p + b) @ psi)),
        dict(bias_subtracted=lambda t, p, psi, b: additive(t, p, psi, -b)),
        dict(softmax=lambda t, p, psi, b: softmax(relu(t + p) @ psi + b)),
        dict(multiplied=lambda t, p, psi, b: additive(t * p, 0, psi, b)),
        dict(no_relu=lambda t, p, psi, b: sigmoid((t + p) @ psi + b)),
        dict(no_bias=lambda t, p, psi, b: additive(t, p, psi, 0)),
        dict(logits=lambda t, p, psi, b: relu(t + p) @ psi + b),
        dict(sigmoid_twice=lambda *a: sigmoid(additive(*a))),
    ],
    "double": [
        dict(between=lambda row: np.interp([0, 0.5, 1, 1.5, 2, 2.5], [0, 1, 2], row)),
        dict(corners=lambda row: np.interp(np.linspace(0, 2, 6), [0, 1, 2], row)),
        dict(wrong_shape=lambda row: np.array([0.1, 0.3, 0.7, 0.8, 0.6, 0.5]), halves=mixed(0.5)),
        dict(rim_lost=lambda row: smooth(row, mode="edge")[1:-1], extrapolated=double_extrapolated),
        dict(zero_rim=lambda row: smooth(row, mode="constant"), far_side=mixed(0.75, far=True)),
        dict(wrapped=lambda row: smooth(row, mode="wrap"), not_divided=lambda row: 4 * double(row)),
        dict(nearest=lambda row: np.repeat(row, 2), weights_swapped=mixed(0.25)),
    ],
    "gate_parameters": [
        dict(psi_wide=lambda c, g, i: parameters(c, g, i) + (i + 1) * (c - 1), theta_two=gate(2)),
        dict(with_mix=lambda c, g, i: parameters(c, g, i) + c * c + c, phi_two_by_two=gate(phi=4)),
        dict(phi_reads_x=lambda c, g, i: parameters(c, c, i), only_psi_bias=gate(biases=(0, 0, 1))),
        dict(swapped=lambda c, g, i: parameters(g, c, i), no_psi=gate(psi=0, biases=(1, 1, 0))),
        dict(one_bias_each=gate(biases=(0, 0, 3)), psi_bias=gate(biases=(1, 1, 0))),
        dict(no_bias=gate(biases=(0, 0, 0)), other=lambda c, g, i: 239, theta_one_by_one=gate(1)),
        dict(three_by_three=gate(9)),
    ],
    "compensate": [
        dict(complement=lambda k, f: k * (1 - f), squared=lambda k, f: k / f / f),
        dict(multiplied=lambda k, f: k * f, added=lambda k, f: k + 1 - f, unchanged=lambda k, f: k),
        dict(fixed=lambda k, f: k / 0.4),
    ],
}
