"""Right and wrong answers to the exercises of chapter 8."""

import numpy as np
from checks.answers.ch07 import relu, sigmoid
from scipy.special import expit


def pooled(x):
    flat = x.reshape(-1, x.shape[-1])
    return flat.mean(axis=0), flat.max(axis=0)


def summed(x):
    return x.sum(axis=(0, 1)), x.max(axis=(0, 1))


def network(v, squeeze, excite):
    return relu(v @ squeeze) @ excite


def combined(combine, pools=pooled):
    """A function that puts together what the network says of the mean and of the maximum."""
    return lambda x, s, e: combine(*(network(v, s, e) for v in pools(x)))


def pixels(x, mean_weight, maximum_weight):
    return mean_weight * x.mean(axis=2) + maximum_weight * x.max(axis=2)


def counted(hidden=lambda c, r: c // r, networks=1, biases=1, maps=2):
    """Parameters of a CBAM, with its hidden units counted in some way."""

    def answer(c, r, k):
        h = hidden(c, r)
        return networks * (2 * c * h + biases * (h + c)) + maps * k * k

    return answer


parameters = counted()


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
    "channel_weights": [combined(lambda a, m: sigmoid(a + m)), weights_by_matrix, weights_by_loop],
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
            over_channels=combined(lambda a, m: sigmoid(a + m), lambda x: (x.mean(-1), x.max(-1)))
        ),
        dict(sigmoid_of_sigmoids=combined(lambda a, m: sigmoid(sigmoid(a) + sigmoid(m)))),
        dict(sigmoids_averaged=combined(lambda a, m: (sigmoid(a) + sigmoid(m)) / 2)),
        dict(pooled_first=lambda x, s, e: sigmoid(network(sum(pooled(x)), s, e))),
        dict(sigmoids_multiplied=combined(lambda a, m: sigmoid(a) * sigmoid(m))),
        dict(relu_at_the_end=combined(lambda a, m: sigmoid(relu(a) + relu(m)))),
        dict(sigmoids_added=combined(lambda a, m: sigmoid(a) + sigmoid(m))),
        dict(weighted_map=lambda x, *rest: x * weights_by_matrix(x, *rest)),
        dict(sigmoid_twice=combined(lambda a, m: sigmoid(sigmoid(a + m))), logits=combined(np.add)),
        dict(sum_for_mean=combined(lambda a, m: sigmoid(a + m), summed)),
        dict(no_relu=lambda x, s, e: sigmoid(sum(pooled(x)) @ s @ e)),
        dict(averaged=combined(lambda a, m: sigmoid((a + m) / 2))),
        dict(maximum_only=combined(lambda a, m: sigmoid(m))),
        dict(mean_only=combined(lambda a, m: sigmoid(a))),
    ],
    "pixel_weights": [
        dict(over_pixels=lambda x, a, m: sigmoid(a * pooled(x)[0] + m * pooled(x)[1])),
        dict(absolute=lambda x, a, m: sigmoid(a * x.mean(-1) + m * np.abs(x).max(-1))),
        dict(sigmoid_twice=lambda x, a, m: sigmoid(sigmoid(pixels(x, a, m))), logits=pixels),
        dict(sum_for_mean=lambda x, a, m: sigmoid(pixels(x, 3 * a, m))),
        dict(swapped=lambda x, a, m: sigmoid(pixels(x, m, a))),
    ],
    "cbam_parameters": [
        dict(kernel_for_every_channel=lambda c, r, k: counted(maps=c)(c, r, k)),
        dict(side_not_squared=lambda c, r, k: parameters(c, r, 0) + 2 * k, one_map=counted(maps=1)),
        dict(one_layer=lambda c, r, k: (c + 1) * (c // r) + 2 * k * k, no_bias=counted(biases=0)),
        dict(spatial_bias=lambda c, r, k: parameters(c, r, k) + 1),
        dict(rounded_up=counted(lambda c, r: round(c / r)), two_networks=counted(networks=2)),
        dict(hidden_is_reduction=counted(lambda c, r: r), not_rounded=counted(lambda c, r: c / r)),
        dict(rounded_up=counted(lambda c, r: -(-c // r))),
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
