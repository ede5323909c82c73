"""Right and wrong answers to the exercises of chapter 7."""

import numpy as np
from checks.answers.shared import asked, relu, sigmoid
from damunet_book.checks import ch07
from scipy.special import expit


def additive(theta_x, phi_g, psi, bias):
    return sigmoid((relu(theta_x + phi_g) * psi).sum(axis=-1) + bias)


def additive_by_loop(theta_x, phi_g, psi, bias):
    result = np.full(theta_x.shape[:2], float(bias))
    for (row, column, k), value in np.ndenumerate(theta_x + phi_g):
        result[row, column] += psi[k] * max(value, 0)
    return [[1 / (1 + np.exp(-value)) for value in row] for row in result]


def additive_by_einsum(theta_x, phi_g, psi, bias):
    return expit(np.einsum("hwc,c->hw", (theta_x + phi_g).clip(min=0), psi) + bias)


def mixed(own, far=False):
    """Own pixel and neighbour, with another weight or the neighbour on the far side."""

    def answer(row):
        padded = np.pad(row, 1, mode="edge")
        other = np.stack([padded[:-2], padded[2:]][:: -1 if far else 1], axis=-1).ravel()
        return own * np.repeat(row, 2) + (1 - own) * other

    return answer


def smooth(row, **pad):
    own = np.pad(np.repeat(row, 2), 1, **pad)
    return (own[:-2] + 2 * own[1:-1] + own[2:]) / 4


def by_position(row, positions):
    return np.interp(positions, np.arange(len(row)), row)


def gate(theta=4, phi=1, psi=1, biases=(1, 1, 1)):
    """Parameters of a gate with kernels of so many places, with biases or without."""
    return (theta * C + phi * G + psi + biases[0] + biases[1]) * INTER + biases[2]


def parameters_by_kernel(c, g, i):
    kernels = [(2, 2, c, i), (1, 1, g, i), (1, 1, i, 1)]
    return sum(np.prod(kernel) + kernel[-1] for kernel in kernels)


THETA, PHI, PSI, BIAS = asked(ch07.coefficients)
SUM = THETA + PHI
LOGITS = relu(SUM) @ PSI + BIAS
(ROW,) = asked(ch07.double)
C, G, INTER = asked(ch07.gate_parameters)
K, FACTOR = asked(ch07.compensate)
RIGHT = {
    "coefficients": [additive, additive_by_loop, additive_by_einsum],
    "double": [
        mixed(0.75),
        lambda row: by_position(row, np.arange(2 * len(row)) / 2 - 0.25),
        lambda row: smooth(row, mode="edge"),
    ],
    "gate_parameters": [
        lambda c, g, i: (4 * c + g + 3) * i + 1,
        lambda c, g, i: 4.0 * c * i + i + g * i + i + i + 1,
        parameters_by_kernel,
    ],
    "compensate": [
        lambda kernel, factor: kernel / factor,
        lambda kernel, factor: [[weight / factor for weight in row] for row in kernel],
        lambda kernel, factor: np.linalg.solve(factor * np.eye(len(kernel)), kernel),
    ],
}
WRONG = {
    "coefficients": [
        dict(relu_before_sum=additive(relu(THETA), relu(PHI), PSI, BIAS), logits=LOGITS),
        dict(relu_before_bias=sigmoid(relu(SUM @ PSI) + BIAS), no_relu=sigmoid(SUM @ PSI + BIAS)),
        dict(relu_after_psi=sigmoid(relu(SUM @ PSI + BIAS)), minus_forgotten=sigmoid(-LOGITS)),
        dict(multiplied=additive(THETA * PHI, 0, PSI, BIAS), relu_twice=sigmoid(relu(LOGITS))),
        dict(softmax=np.exp(LOGITS) / np.exp(LOGITS).sum(), sigmoid_twice=sigmoid(sigmoid(LOGITS))),
        dict(unweighted=sigmoid(relu(SUM).sum(-1) + BIAS), no_bias=sigmoid(LOGITS - BIAS)),
        dict(bias_inside=sigmoid(relu(SUM + BIAS) @ PSI)),
        dict(bias_subtracted=sigmoid(LOGITS - 2 * BIAS)),
    ],
    "double": [
        dict(wrong_shape=lambda row: np.array([0.1, 0.3, 0.7, 0.8, 0.6, 0.5]), halves=mixed(0.5)),
        dict(corners=by_position(ROW, np.linspace(0, 2, 6)), zero_rim=smooth(ROW, mode="constant")),
        dict(extrapolated=[-0.1, 0.3, 0.7, 0.8, 0.6, 0.4], rim_lost=smooth(ROW, mode="edge")[1:-1]),
        dict(between=by_position(ROW, np.arange(6) / 2), not_divided=4 * smooth(ROW, mode="edge")),
        dict(wrapped=smooth(ROW, mode="wrap"), far_side=mixed(0.75, far=True)),
        dict(weights_swapped=mixed(0.25), nearest=np.repeat(ROW, 2)),
    ],
    "gate_parameters": [
        dict(psi_wide=gate() + (INTER + 1) * (C - 1), phi_reads_x=gate() + (C - G) * INTER),
        dict(only_psi_bias=gate(biases=(0, 0, 1)), no_psi=gate(psi=0, biases=(1, 1, 0))),
        dict(one_bias_each=gate(biases=(0, 0, 3)), swapped=(4 * G + C + 3) * INTER + 1),
        dict(psi_bias=gate(biases=(1, 1, 0)), no_bias=gate(biases=(0, 0, 0)), theta_two=gate(2)),
        dict(with_mix=gate() + C * C + C, phi_two_by_two=gate(phi=4), other=lambda c, g, i: 239),
        dict(theta_one_by_one=gate(1), three_by_three=gate(9)),
    ],
    "compensate": [
        dict(complement=K * (1 - FACTOR), squared=K / FACTOR**2, fixed=lambda k, f: k / 0.4),
        dict(multiplied=K * FACTOR, added=K + 1 - FACTOR, unchanged=K),
    ],
}
