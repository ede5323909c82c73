"""Right and wrong answers to the exercises of chapter 8."""

import numpy as np
from checks.answers.shared import asked, relu, sigmoid
from damunet_book.checks import ch08
from scipy.special import expit


def pooled(x, of=np.positive):
    flat = x.reshape(-1, x.shape[-1])
    return flat.mean(axis=0), of(flat).max(axis=0)


def network(v, squeeze, excite):
    return relu(v @ squeeze) @ excite


def weights(x, *network_weights, of=np.positive):
    return sigmoid(sum(network(v, *network_weights) for v in pooled(x, of)))


def weights_by_matrix(x, squeeze, excite):
    hidden = np.stack(pooled(x)) @ squeeze
    return expit((hidden.clip(min=0) @ excite).sum(axis=0))


def weights_by_loop(x, squeeze, excite):
    total = np.zeros(x.shape[-1])
    for pool in (np.mean, np.max):
        total += relu(np.array([pool(one) for one in np.moveaxis(x, -1, 0)]) @ squeeze) @ excite
    return [1 / (1 + np.exp(-z)) for z in total]


def pixels(x, mean_weight, maximum_weight):
    return mean_weight * x.mean(axis=2) + maximum_weight * x.max(axis=2)


def pixels_by_matrix(x, mean_weight, maximum_weight):
    return expit(np.stack([x.mean(-1), x.max(-1)], axis=-1) @ [mean_weight, maximum_weight])


def counted(hidden=2, networks=1, biases=1, maps=2):
    """Parameters of a CBAM, counted in some way."""
    return networks * (2 * C * hidden + biases * (hidden + C)) + maps * SIDE**2


def parameters(channels, reduction, side):
    hidden = channels // reduction
    return 2 * channels * hidden + hidden + channels + 2 * side**2


def parameters_by_layer(channels, reduction, kernel_size):
    hidden = int(channels / reduction)
    layers = [(channels, hidden), (hidden, channels)]
    return float(sum(n * m + m for n, m in layers) + kernel_size * kernel_size * 2)


X, *NETWORK = asked(ch08.channel_weights)
MEAN, MAXIMUM = pooled(X)
A, M = (network(v, *NETWORK) for v in pooled(X))
_, OF_MEAN, OF_MAXIMUM = asked(ch08.pixel_weights)
LOGITS = pixels(X, OF_MEAN, OF_MAXIMUM)
C, REDUCTION, SIDE = asked(ch08.cbam_parameters)
(K,) = asked(ch08.reordered_kernel)
RIGHT = {
    "channel_weights": [weights, weights_by_matrix, weights_by_loop],
    "pixel_weights": [
        lambda x, a, m: sigmoid(pixels(x, a, m)),
        lambda x, a, m: [[sigmoid(a * sum(v) / len(v) + m * max(v)) for v in row] for row in x],
        pixels_by_matrix,
    ],
    "cbam_parameters": [parameters, parameters_by_layer, lambda c, r, k: [parameters(c, r, k)]],
    "reordered_kernel": [
        lambda k: k[:, :, [1, 0]],
        lambda k: np.roll(k, 1, axis=2),
        lambda k: np.concatenate([k[:, :, 1:], k[:, :, :1]], axis=2),
    ],
}
WRONG = {
    "channel_weights": [
        dict(absolute=lambda *arguments: weights(*arguments, of=np.abs)),
        dict(over_channels=sigmoid(sum(network(v, *NETWORK) for v in (X.mean(-1), X.max(-1))))),
        dict(no_relu=sigmoid((MEAN + MAXIMUM) @ NETWORK[0] @ NETWORK[1]), maximum_only=sigmoid(M)),
        dict(pooled_first=sigmoid(network(MEAN + MAXIMUM, *NETWORK)), mean_only=sigmoid(A)),
        dict(sum_for_mean=sigmoid(network(6 * MEAN, *NETWORK) + M), averaged=sigmoid((A + M) / 2)),
        dict(sigmoid_of_sigmoids=sigmoid(sigmoid(A) + sigmoid(M)), weighted_map=X * sigmoid(A + M)),
        dict(sigmoids_averaged=(sigmoid(A) + sigmoid(M)) / 2, logits=A + M),
        dict(sigmoids_multiplied=sigmoid(A) * sigmoid(M), sigmoids_added=sigmoid(A) + sigmoid(M)),
        dict(relu_at_the_end=sigmoid(relu(A) + relu(M)), sigmoid_twice=sigmoid(sigmoid(A + M))),
    ],
    "pixel_weights": [
        dict(absolute=lambda x, a, m: sigmoid(a * x.mean(-1) + m * np.abs(x).max(-1))),
        dict(over_pixels=sigmoid(OF_MEAN * MEAN + OF_MAXIMUM * MAXIMUM), logits=LOGITS),
        dict(sum_for_mean=sigmoid(pixels(X, 3 * OF_MEAN, OF_MAXIMUM))),
        dict(swapped=sigmoid(pixels(X, OF_MAXIMUM, OF_MEAN))),
        dict(sigmoid_twice=sigmoid(sigmoid(LOGITS))),
    ],
    "cbam_parameters": [
        dict(side_not_squared=counted(maps=0) + 2 * SIDE, kernel_for_every_channel=counted(maps=C)),
        dict(fixed=lambda c, r, k: parameters(c, 8, k), hidden_is_reduction=counted(REDUCTION)),
        dict(one_layer=(C + 1) * 2 + 2 * SIDE**2, not_rounded=counted(C / REDUCTION)),
        dict(two_networks=counted(networks=2), spatial_bias=counted() + 1, one_map=counted(maps=1)),
        dict(no_bias=counted(biases=0), rounded_up=counted(3)),
    ],
    "reordered_kernel": [
        dict(transposed_too=K.swapaxes(0, 1)[:, :, ::-1], transposed=K.swapaxes(0, 1), unchanged=K),
        dict(last_axes=K.swapaxes(2, 3), flipped=np.flip(K, (0, 1)), unchanged=K[..., ::-1]),
        dict(flipped_too=np.flip(K), columns=K[:, ::-1], all_axes=K.T, view=K[:, :, [1, 1]]),
        dict(rows=K[::-1], negated=-K, other=K + 1, view=K[:, :, [0, 0]]),
    ],
}
