"""Right and wrong answers to the exercises of chapter 9."""

import numpy as np
from skimage.measure import block_reduce
from skimage.util import view_as_blocks


def chain_pulls(weight, alpha, depth, last=-1.0):
    pulls = [last]
    while len(pulls) < depth:
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


def faded(weight, depth):
    return [-(weight ** (depth - 1 - k)) for k in range(depth)]


def weights(heads, decay):
    return [decay**k / sum(decay**j for j in range(heads)) for k in range(heads)]


def shrink(mask, step, rule):
    if rule == "strided":
        return mask[::step, ::step]
    blocks = mask.reshape(mask.shape[0] // step, step, mask.shape[1] // step, step)
    return blocks.max((1, 3)) if rule == "any_membrane" else blocks.mean((1, 3))


def shrink_but(wrong_rule, wrong):
    def answer(mask, step, rule):
        if rule != wrong_rule:
            return shrink(mask, step, rule)
        return wrong(mask, step, mask.reshape(len(mask) // step, step, -1, step))

    return answer


def tiled(mask, step, rule):
    blocks = mask.reshape(step, mask.shape[0] // step, step, mask.shape[1] // step)
    return blocks.max((0, 2)) if rule == "any_membrane" else blocks.mean((0, 2))


def chain_pulls_by_sum(weight, alpha, depth):
    return [
        -(weight**left) - alpha * sum(weight**k for k in range(left))
        for left in range(depth - 1, -1, -1)
    ]


def chain_pulls_by_matrix(weight, alpha, depth):
    """Each pull less what the next one sends down is the layer's own."""
    own = np.full(depth, -alpha)
    own[-1] = -1
    return np.linalg.solve(np.eye(depth) - weight * np.eye(depth, k=1), own)


def weights_in_numpy(heads, decay):
    return np.power(float(decay), range(heads)) / np.sum(np.power(float(decay), range(heads)))


def weights_of_the_series(heads, decay):
    return [decay**k * (1 - decay) / (1 - decay**heads) for k in range(heads)]


def softmax(heads, decay):
    raw = np.exp([decay**k for k in range(heads)])
    return raw / raw.sum()


def shrink_by_loop(mask, step, rule):
    height, width = (side // step for side in mask.shape)
    target = np.zeros((height, width))
    for i, j in np.ndindex(height, width):
        block = mask[i * step : (i + 1) * step, j * step : (j + 1) * step]
        values = {"any_membrane": block.any(), "area": block.mean(), "strided": block[0, 0]}
        target[i, j] = values[rule]
    return target


def shrink_by_skimage(mask, step, rule):
    if rule == "strided":
        return view_as_blocks(mask, (step, step))[:, :, 0, 0]
    return block_reduce(mask, (step, step), np.max if rule == "any_membrane" else np.mean)


RIGHT = {
    "chain_pulls": [chain_pulls, chain_pulls_by_sum, chain_pulls_by_matrix],
    "equal_pull": [0.2, np.float64(1 - 0.8), np.array([0.2])],
    "weights": [weights, weights_in_numpy, lambda n, d: dict(enumerate(weights(n, d)))],
    "shrink": [shrink, shrink_by_loop, shrink_by_skimage],
    "painted_width": [[0.375, 10], (0.38, 10.0), np.array([3 / 8, 10])],
}
WRONG = {
    "chain_pulls": [
        dict(companion_at_the_end_only=lambda w, a, n: [(1 + a) * f for f in faded(w, n)]),
        dict(not_passed_on=lambda w, a, n: [*np.subtract(faded(w, n)[:-1], a), -1]),
        dict(companion_at_the_end=lambda w, a, n: chain_pulls(w, a, n, -1 - a)),
        dict(companion_before_weight=lambda w, a, n: chain_pulls(w, w * a, n)),
        dict(added_at_the_end=lambda w, a, n: chain_pulls(w, a, n, a - 1)),
        dict(one_layer_more=lambda w, a, n: chain_pulls(w, a, n + 1)),
        dict(floor=lambda w, a, n: [min(f, -a) for f in faded(w, n)]),
        dict(end_weighed=lambda w, a, n: chain_pulls(w, a, n, -a)),
        dict(sign=lambda *args: [-v for v in chain_pulls(*args)]),
        dict(alpha_added=lambda w, a, n: chain_pulls(w, -a, n), wrong_shape=lambda w, a, n: [-1.0]),
        dict(local_only=lambda w, a, n: [-a] * (n - 1) + [-1]),
        dict(reversed=lambda *args: chain_pulls(*args)[::-1]),
        dict(no_companions=lambda w, a, n: faded(w, n)),
    ],
    "equal_pull": [
        dict(before_the_weight=0.25, from_the_example=0.5, negative=-0.2, product=0.64, weight=0.8),
        dict(other=0.3, one=1),
    ],
    "weights": [
        dict(shifted=lambda n, d: [d ** (k + 1) for k in range(n)], equal=lambda n, d: [1 / n] * n),
        dict(not_normalised=lambda n, d: [d**k for k in range(n)], decay_1=weights_of_the_series),
        dict(linear=lambda n, d: [1 - d * k for k in range(n)], softmax=softmax),
        dict(mean=lambda n, d: [d**k / n for k in range(n)]),
        dict(reversed=lambda n, d: weights(n, d)[::-1]),
    ],
    "shrink": [
        dict(other_corner=shrink_but("strided", lambda m, s, b: m[s - 1 :: s, s - 1 :: s])),
        dict(majority=shrink_but("any_membrane", lambda m, s, b: b.mean((1, 3)) >= 0.5)),
        dict(middle=shrink_but("strided", lambda m, s, b: m[s // 2 :: s, s // 2 :: s])),
        dict(area_for_any=shrink_but("any_membrane", lambda m, s, b: b.mean((1, 3))), tiles=tiled),
        dict(any_for_strided=shrink_but("strided", lambda m, s, b: b.max((1, 3)))),
        dict(minimum=shrink_but("any_membrane", lambda m, s, b: b.min((1, 3)))),
        dict(rounded=shrink_but("area", lambda m, s, b: b.mean((1, 3)) > 0.5)),
        dict(fixed_strided=shrink_but("strided", lambda m, s, b: m[::2, ::2])),
        dict(fixed_strided=shrink_but("strided", lambda m, s, b: m[::3, ::3])),
        dict(fixed_area=shrink_but("area", lambda m, s, b: b.sum((1, 3)) / 4)),
        dict(fixed_area=shrink_but("area", lambda m, s, b: b.sum((1, 3)) / 9)),
        dict(maximum=shrink_but("area", lambda m, s, b: b.max((1, 3)))),
        dict(sum=shrink_but("area", lambda m, s, b: b.sum((1, 3)))),
        dict(strided_for_all=lambda m, s, rule: m[::s, ::s]),
    ],
    "painted_width": [
        dict(one_in_eight=[0.125, 10], in_blocks=[0.375, 1.25], complement=[0.625, 10]),
        dict(swapped=[0.375, 0.375], two_blocks=[0.375, 16], one_block=[0.375, 8], other=[0.5, 10]),
        dict(always_seen=[1, 10], swapped=[10, 0.375], percent=[37.5, 10], positions=[3, 10]),
        dict(other=[0.375, 9], half=[0.375, 12], wrong_shape=[10], kept=[0.375, 3]),
        dict(sum=[0.375, 11]),
    ],
}
