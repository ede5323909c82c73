"""Right and wrong answers to the exercises of chapter 8."""

import numpy as np
from scipy.special import expit


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


def weights_by_matrix(x, squeeze, excite):
    hidden = np.stack(pooled(x)) @ squeeze
    return expit((hidden.clip(min=0) @ excite).sum(axis=0))


def weights_by_loop(x, squeeze, excite):
    total = np.zeros(x.shape[-1])
    for pool in (np.mean, np.max):
        values = np.array([pool(x[..., c]) for c in range(x.shape[-1])])
        total += relu(values @ squeeze) @ excite
    return [1 / (1 + np.exp(-z)) for z in total]


def pixels_by_matrix(x, mean_weight, maximum_weight):
    return expit(np.stack([x.mean(-1), x.max(-1)], axis=-1) @ [mean_weight, maximum_weight])


def pixels_by_loop(x, a, m):
    return [[sigmoid(a * sum(v) / len(v) + m * max(v)) for v in row] for row in x]


def parameters_by_layer(channels, reduction, kernel_size):
    hidden = int(channels / reduction)
    layers = [(channels, hidden), (hidden, channels)]
    return float(sum(n * m + m for n, m in layers) + kernel_size * kernel_size * 2)


RIGHT = {
    "channel_weights": [lambda x, s, e: sigmoid(both(x, s, e)), weights_by_matrix, weights_by_loop],
    "pixel_weights": [lambda x, a, m: sigmoid(pixels(x, a, m)), pixels_by_matrix, pixels_by_loop],
    "cbam_parameters": [parameters, parameters_by_layer, lambda c, r, k: [parameters(c, r, k)]],
    "reordered_kernel": [
        lambda k: k[:, :, [1, 0]],
        lambda k: np.roll(k, 1, axis=2),
        lambda k: np.concatenate([k[:, :, 1:], k[:, :, :1]], axis=2),
    ],
}
WRONG = {
    "channel_weights": [
        dict(
            sum_for_mean=lambda x, s, e: sigmoid(
                network(x.sum((0, 1)), s, e) + network(x.max((0, 1)), s, e)
            )
        ),
        dict(
            relu_at_the_end=lambda x, s, e: sigmoid(sum(relu(network(v, s, e)) for v in pooled(x)))
        ),
        dict(pooled_first=lambda x, s, e: sigmoid(network(sum(pooled(x)), s, e)), logits=both),
        dict(maximum_only=lambda x, s, e: sigmoid(network(pooled(x)[1], s, e))),
        dict(mean_only=lambda x, s, e: sigmoid(network(pooled(x)[0], s, e))),
        dict(sigmoid_twice=lambda x, s, e: sigmoid(sigmoid(both(x, s, e)))),
        dict(sigmoids_multiplied=lambda *a: np.prod(paths(*a), axis=0)),
        dict(sigmoids_averaged=lambda *a: np.mean(paths(*a), axis=0), over_channels=over_channels),
        dict(weighted_map=lambda x, s, e: x * sigmoid(both(x, s, e))),
        dict(no_relu=lambda x, s, e: sigmoid(sum(pooled(x)) @ s @ e)),
        dict(sigmoid_of_sigmoids=lambda *a: sigmoid(sum(paths(*a))), sigmoids_added=sigmoids_added),
        dict(averaged=lambda *a: sigmoid(both(*a) / 2)),
    ],
    "pixel_weights": [
        dict(over_pixels=lambda x, a, m: sigmoid(a * pooled(x)[0] + m * pooled(x)[1])),
        dict(absolute=lambda x, a, m: sigmoid(a * x.mean(-1) + m * np.abs(x).max(-1))),
        dict(sigmoid_twice=lambda x, a, m: sigmoid(sigmoid(pixels(x, a, m))), logits=pixels),
        dict(sum_for_mean=lambda x, a, m: sigmoid(pixels(x, 3 * a, m))),
        dict(swapped=lambda x, a, m: sigmoid(pixels(x, m, a))),
    ],
    "cbam_parameters": [
        dict(kernel_for_every_channel=lambda c, r, k: parameters(c, r, k) + (c - 2) * k * k),
        dict(hidden_is_reduction=lambda c, r, k: (2 * c + 1) * r + c + 2 * k * k),
        dict(not_rounded=lambda c, r, k: 2 * c * c / r + c / r + c + 2 * k * k),
        dict(two_networks=lambda c, r, k: 2 * parameters(c, r, k) - 2 * k * k),
        dict(rounded_up=lambda c, r, k: parameters(c, c / round(c / r), k)),
        dict(side_not_squared=lambda c, r, k: parameters(c, r, 0) + 2 * k),
        dict(rounded_up=lambda c, r, k: parameters(c, r, k) + 2 * c + 1),
        dict(one_layer=lambda c, r, k: (c + 1) * (c // r) + 2 * k * k),
        dict(no_bias=lambda c, r, k: 2 * c * (c // r) + 2 * k * k),
        dict(spatial_bias=lambda c, r, k: parameters(c, r, k) + 1),
        dict(one_map=lambda c, r, k: parameters(c, r, k) - k * k),
        dict(fixed=lambda c, r, k: parameters(c, 8, k)),
    ],
    "reordered_kernel": [
        dict(transposed_too=lambda k: k.swapaxes(0, 1)[:, :, ::-1], columns=lambda k: k[:, ::-1]),
        dict(last_axes=lambda k: np.swapaxes(k, -1, -2), transposed=lambda k: np.swapaxes(k, 0, 1)),
        dict(flipped=lambda k: np.flip(k, (0, 1)), unchanged=lambda k: k[..., ::-1]),
        dict(flipped_too=lambda k: np.flip(k), rows=lambda k: k[::-1], all_axes=lambda k: k.T),
        dict(unchanged=lambda k: k, negated=lambda k: -k),
    ],
}
