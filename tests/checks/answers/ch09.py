"""Right and wrong answers to the exercises of chapter 9."""

from functools import partial

import numpy as np
from checks.answers.shared import asked
from damunet_book.checks import ch09
from scipy.ndimage import maximum_filter
from skimage.measure import block_reduce
from skimage.util import view_as_blocks


def chain_pulls(weight, alpha, depth, last=-1.0):
    pulls = [last]
    while len(pulls) < depth:
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


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


def weights(heads, decay):
    return [decay**k / sum(decay**j for j in range(heads)) for k in range(heads)]


def weights_in_numpy(heads, decay):
    return np.power(float(decay), range(heads)) / np.sum(np.power(float(decay), range(heads)))


def shrink(mask, step, rule):
    if rule == "strided":
        return mask[::step, ::step]
    blocks = mask.reshape(mask.shape[0] // step, step, mask.shape[1] // step, step)
    return blocks.max((1, 3)) if rule == "any_membrane" else blocks.mean((1, 3))


def shrink_by_blocks(mask, step, rule):
    blocks = view_as_blocks(mask, (step, step))
    if rule == "any_membrane":
        return [[bool(block.any()) for block in row] for row in blocks]
    return blocks[:, :, 0, 0] if rule == "strided" else np.average(blocks, axis=(2, 3))


def shrink_by_skimage(mask, step, rule):
    reduce = {"any_membrane": np.max, "area": np.mean, "strided": lambda x, axis: x[..., 0, 0]}
    return block_reduce(mask, (step, step), reduce[rule])


def shrink_but(wrong_rule, wrong):
    """A right answer, but for one rule another one."""

    def answer(mask, step, rule):
        if rule != wrong_rule:
            return shrink(mask, step, rule)
        blocks = mask.reshape(len(mask) // step, step, -1, step)
        return wrong(mask, step, blocks) if callable(wrong) else wrong

    return answer


area, strided = partial(shrink_but, "area"), partial(shrink_but, "strided")


PULLS = asked(ch09.chain_pulls)
W, ALPHA, DEPTH = PULLS
FADED = -(W ** np.arange(DEPTH)[::-1])
HEADS, DECAY = asked(ch09.weights)
RAW = DECAY ** np.arange(HEADS)
MASK = asked(ch09.shrink)[0]
BLOCKS = MASK.reshape(2, 3, 4, 3)
RIGHT = {
    "chain_pulls": [chain_pulls, chain_pulls_by_sum, chain_pulls_by_matrix],
    "equal_pull": [0.2, np.float64(1 - 0.8), np.array([0.2])],
    "weights": [weights, weights_in_numpy, lambda n, d: dict(enumerate(weights(n, d)))],
    "shrink": [shrink, shrink_by_blocks, shrink_by_skimage],
    "painted_width": [[0.375, 10], (0.38, 10.0), np.array([3 / 8, 10])],
}
WRONG = {
    "chain_pulls": [
        dict(companion_before_weight=chain_pulls(W, W * ALPHA, DEPTH), no_companions=FADED),
        dict(companion_at_the_end=chain_pulls(*PULLS, -1 - ALPHA), floor=np.minimum(FADED, -ALPHA)),
        dict(added_at_the_end=chain_pulls(*PULLS, ALPHA - 1), reversed=chain_pulls(*PULLS)[::-1]),
        dict(one_layer_more=chain_pulls(W, ALPHA, DEPTH + 1), sign=np.abs(chain_pulls(*PULLS))),
        dict(companion_at_the_end_only=(1 + ALPHA) * FADED, wrong_shape=[-1.0]),
        dict(not_passed_on=[*(FADED - ALPHA)[:-1], -1], alpha_added=chain_pulls(W, -ALPHA, DEPTH)),
        dict(local_only=[-ALPHA] * (DEPTH - 1) + [-1], end_weighed=chain_pulls(*PULLS, -ALPHA)),
    ],
    "equal_pull": [
        dict(before_the_weight=0.25, from_the_example=0.5, negative=-0.2, product=0.64, weight=0.8),
        dict(other=0.3, one=1),
    ],
    "weights": [
        dict(decay_1=lambda n, d: [d**k * (1 - d) / (1 - d**n) for k in range(n)]),
        dict(softmax=np.exp(RAW) / np.exp(RAW).sum(), linear=1 - DECAY * np.arange(HEADS)),
        dict(reversed=RAW[::-1] / RAW.sum(), equal=[1 / HEADS] * HEADS, shifted=DECAY * RAW),
        dict(not_normalised=RAW, mean=RAW / HEADS),
    ],
    "shrink": [
        dict(fixed_area=area(lambda m, s, b: b.sum((1, 3)) / 9), middle=strided(MASK[1::3, 1::3])),
        dict(fixed_strided=strided(lambda m, s, b: m[::3, ::3]), maximum=area(BLOCKS.max((1, 3)))),
        dict(tiles=area(MASK.reshape(3, 2, 3, 4).mean((0, 2))), area_for_any=BLOCKS.mean((1, 3))),
        dict(any_for_strided=strided(BLOCKS.max((1, 3))), fixed_area=area(BLOCKS.sum((1, 3)) / 4)),
        dict(tiles=MASK.reshape(3, 2, 3, 4).max((0, 2)), rounded=area(BLOCKS.mean((1, 3)) > 0.5)),
        dict(other_corner=strided(MASK[2::3, 2::3]), fixed_strided=strided(MASK[::2, ::2])),
        dict(majority=BLOCKS.mean((1, 3)) >= 0.5, strided_for_all=MASK[::3, ::3]),
        dict(sum=area(BLOCKS.sum((1, 3))), minimum=BLOCKS.min((1, 3)), other=np.ones((2, 4))),
        dict(other=lambda m, s, rule: maximum_filter(m, s)[::s, ::s]),
    ],
    "painted_width": [
        dict(one_in_eight=[0.125, 10], swapped=[10, 0.375], percent=[37.5, 10], wrong_shape=[10]),
        dict(in_blocks=[0.375, 1.25], complement=[0.625, 10], other=[0.375, 9], sum=[0.375, 11]),
        dict(swapped=[0.375, 0.375], two_blocks=[0.375, 16], one_block=[0.375, 8], kept=[0.375, 3]),
        dict(other=[0.5, 10], always_seen=[1, 10], positions=[3, 10], half=[0.375, 12]),
    ],
}
