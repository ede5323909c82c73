"""Checkers of chapter 9: fading gradients, companions, side heads, their weights and targets."""

from typing import Any

import numpy as np

from damunet_book.checks import Verdict, checker, compare, elements, right, run

__all__ = ["chain_pulls", "equal_pull", "painted_width", "shrink", "weights"]


def _pulls(weight: float, alpha: float, depth: int) -> list[float]:
    pulls = [-1.0]
    for _ in range(depth - 1):
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


@checker
def chain_pulls(answer: Any) -> Verdict:
    """Exercise 9.1: ``answer(weight, alpha, depth)`` gives the gradient at every layer."""
    weight, alpha, depth = 0.8, 0.6, 4
    local = [-alpha] * (depth - 1)
    faded = [-(weight ** (depth - 1 - k)) for k in range(depth)]
    wanted = _pulls(weight, alpha, depth)
    mistakes = {
        "no_companions": (faded, "this is the chain without companions: alpha is not used."),
        "floor": (
            [-max(-f, alpha) for f in faded],
            "a companion's pull is added to what comes back; it is no lower limit to it.",
        ),
        "not_passed_on": (
            [f - alpha for f in faded[:-1]] + [-1.0],
            "each companion pulls at its own layer only. What it sends to a layer goes on to all "
            "the layers before, times the weight: take the sum that you have already.",
        ),
        "local_only": (
            [*local, -1.0],
            "only the companions pull: what comes back from the layer above is missing.",
        ),
        "companion_before_weight": (
            _scaled_companions(weight, alpha, depth),
            "the companion's pull was multiplied by the weight too. The companion sits on the "
            "output of this layer: add its pull after the multiplication.",
        ),
        "alpha_added": (
            _pulls(weight, -alpha, depth),
            "alpha was added, so the companion pulls the other way. Its error is 1 - 2 = -1 as "
            "well: subtract alpha.",
        ),
        "end_weighed": (
            _ending_with(-alpha, weight, alpha, depth),
            "the last layer has the main loss, whose weight is 1, not alpha.",
        ),
        "companion_at_the_end": (
            _ending_with(-1 - alpha, weight, alpha, depth),
            "the last layer has a companion here. It has none: its output goes to the main loss "
            "already. Begin with -1.",
        ),
        "companion_at_the_end_only": (
            [f * (1 + alpha) for f in faded],
            "one companion only, on the last layer. It is the other way round: all layers have "
            "one but the last.",
        ),
        "added_at_the_end": (
            _ending_with(-1 + alpha, weight, alpha, depth),
            "alpha was added to the last layer's -1. That layer has no companion: begin with -1.",
        ),
        "one_layer_more": (
            _pulls(weight, alpha, depth + 1),
            "one number too many: the last layer's -1 is one of the `depth` slopes.",
        ),
        "reversed": (wanted[::-1], "right numbers, first layer last: layer 1 comes first."),
        "sign": ([-v for v in wanted], "the error is output minus target, 1 - 2 = -1."),
    }
    compare(run(answer, weight, alpha, depth), wanted, mistakes, what="the list of gradients")
    compare(run(answer, 0.5, 0.0, 3), [-0.25, -0.5, -1.0], what="the gradients without companions")
    return right("What a companion gives to one layer, all the layers before it inherit.")


def _scaled_companions(weight, alpha, depth):
    pulls = [-1.0]
    for _ in range(depth - 1):
        pulls.insert(0, weight * (pulls[0] - alpha))
    return pulls


def _ending_with(last, weight, alpha, depth):
    pulls = [last]
    for _ in range(depth - 1):
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


@checker
def equal_pull(answer: Any) -> Verdict:
    """Exercise 9.2: weight of the companions that pulls alike at all layers, in a chain of 0.8."""
    mistakes = {
        "weight": (
            0.8,
            "that is the chain's weight, what a layer passes on; the companion has to "
            "add what is lost.",
        ),
        "negative": (
            -0.2,
            "the size is right, the sign is not: both pulls are negative, and the "
            "rule subtracts a positive alpha.",
        ),
        "from_the_example": (0.5, "that was right for the chain of 0.5; here the weight is 0.8."),
        "one": (1.0, "with 1 the pull grows towards the first layer: -1, -1.8, -2.44 and on."),
        "product": (0.64, "0.64 is what two layers pass on. Ask for one step only."),
        "before_the_weight": (
            0.25,
            "that solves 1 = 0.8 x (1 + alpha), in which alpha is "
            "multiplied by the weight too. The companion sits on the "
            "layer's output: nothing multiplies its pull.",
        ),
    }
    look = "Write the rule for one layer, with -1 on both sides."
    compare(answer, 0.2, mistakes, 1e-6, "alpha", look)
    return right(
        "1 = 0.8 + 0.2: what a layer loses, its companion gives back. (The bias that "
        "keeps every output at 1 is 0.2 as well, by the same sum.)"
    )


@checker
def weights(answer: Any) -> Verdict:
    """Exercise 9.3: ``answer(heads, decay)`` gives a list of weights, fine to coarse."""
    heads, decay = 3, 0.4
    raw = decay ** np.arange(heads)
    wanted = raw / raw.sum()
    exponent = np.exp(raw) / np.exp(raw).sum()
    shifted = decay ** np.arange(1, heads + 1)
    mistakes = {
        "not_normalised": (raw, "the levels are right, but they sum to 1.56: divide by the sum."),
        "reversed": (
            wanted[::-1],
            "the coarsest head got the largest weight. The main head comes first.",
        ),
        "shifted": (
            shifted,
            "the main head was weighed down as well, and the sum is not 1: begin with decay**0 "
            "and divide by the sum.",
        ),
        "by_largest": (
            raw / raw.max(),
            "you divided by the largest weight, which is 1 already: divide by the sum.",
        ),
        "mean": (raw / heads, "you divided by the number of heads: divide by the sum."),
        "linear": (
            1 - decay * np.arange(heads),
            "each level subtracts decay: multiply by it instead.",
        ),
        "softmax": (exponent, "that is a softmax: divide by the sum, without the exponential."),
        "equal": (np.full(heads, 1 / heads), "all heads weigh alike: decay is not used."),
    }
    value = run(answer, heads, decay)
    if isinstance(value, dict):
        value = list(value.values())
    compare(value, wanted, mistakes, what="the list of weights")
    compare(run(answer, 2, 1.0), [0.5, 0.5], what="the weights for decay 1")
    return right("They sum to 1, so adding a head does not raise the learning rate by stealth.")


_MASK = np.array(
    [[0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1], [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1]], float
)


@checker
def shrink(answer: Any) -> Verdict:
    """Exercise 9.4: ``answer(mask, step, rule)``: the target of a coarser head."""
    step = 2
    blocks = _MASK.reshape(2, step, 3, step)
    wanted = {
        "any_membrane": blocks.max((1, 3)),
        "area": blocks.mean((1, 3)),
        "strided": _MASK[::step, ::step],
    }
    tiles = _MASK.reshape(step, 2, step, 3)
    mistakes = {
        "any_membrane": {
            "minimum": (
                blocks.min((1, 3)),
                "any_membrane: you took the minimum, which is all membrane, not any.",
            ),
            "tiles": (
                tiles.max((0, 2)),
                "any_membrane: the axes of the reshape are the wrong way round. Pixels of one "
                "block are neighbours: (rows, step, columns, step), maximum over axes 1 and 3.",
            ),
            "strided_for_all": (wanted["strided"], "any_membrane: this is the strided target."),
            "majority": (
                (wanted["area"] >= 0.5).astype(float),
                "any_membrane: that is a vote. One membrane pixel is enough, however few it has "
                "with it.",
            ),
            "area_for_any": (wanted["area"], "any_membrane: this is the mean: take the maximum."),
        },
        "area": {
            "sum": (blocks.sum((1, 3)), "area: you took the sum: a fraction is a mean."),
            "rounded": (
                (wanted["area"] > 0.5).astype(float),
                "area: you rounded; the fraction itself is the target.",
            ),
            "tiles": (tiles.mean((0, 2)), "area: the axes of the reshape are the wrong way round."),
            "maximum": (wanted["any_membrane"], "area: this is the maximum: take the mean."),
        },
        "strided": {
            "other_corner": (
                _MASK[step - 1 :: step, step - 1 :: step],
                "strided: you took the lower right pixel of each block: the upper left one, "
                "[::step], is meant.",
            ),
            "centre": (
                _MASK[step // 2 :: step, step // 2 :: step],
                "strided: you took the centre: the upper left pixel is meant.",
            ),
            "maximum": (wanted["any_membrane"], "strided: this is the any_membrane target."),
        },
    }
    for rule, target in wanted.items():
        compare(run(answer, _MASK.copy(), step, rule), target, mistakes[rule], what=rule)
    wide = np.zeros((6, 3))
    wide[1, 2] = 1
    compare(run(answer, wide, 3, "any_membrane"), [[1], [0]], what="any_membrane with step 3")
    compare(
        run(answer, wide, 3, "area"),
        [[1 / 9], [0]],
        {"fixed": ([[1 / 4], [0]], "area: with step 3 a block has nine pixels, not four.")},
        what="area with step 3",
    )
    wide[3, 0] = 1
    compare(
        run(answer, wide, 3, "strided"),
        [[0], [1]],
        {"fixed": (wide[::2, ::2], "strided: a 2 stands where the step belongs.")},
        what="strided with step 3",
    )
    return right("Three rules, three targets from one mask.")


@checker
def painted_width(answer: Any) -> Verdict:
    """Exercise 9.5: ``[strided share, any_membrane width]`` of a membrane 3 pixels wide, step 8."""
    share, width = elements(answer, [3 / 8, 10.0], "the pair")
    swapped = "the two numbers have changed places: the share comes first, then the width."
    compare(
        share,
        3 / 8,
        {
            "swapped": (10.0, swapped),
            "percent": (37.5, "that is in percent: give a share from 0 to 1."),
            "positions": (3.0, "that is the number of positions: divide by all eight."),
            "always_seen": (1.0, "a strided target looks at one column in eight: it can miss."),
            "one_in_eight": (
                1 / 8,
                "that is a membrane of one pixel; this one has three columns "
                "that the stride may hit.",
            ),
            "complement": (5 / 8, "that is the share of positions at which it is missed."),
        },
        tolerance=6e-3,
        what="the strided share",
        look="At how many of the eight positions does a column that the stride looks at hit the "
        "membrane?",
    )
    compare(
        width,
        10.0,
        {
            "swapped": (3 / 8, swapped),
            "in_blocks": (1.25, "that is in coarse pixels: each is 8 pixels of the image wide."),
            "one_block": (
                8.0,
                "at two of the eight positions it straddles two blocks, and both become membrane.",
            ),
            "two_blocks": (16.0, "it straddles two blocks only at two of the eight positions."),
            "kept": (3.0, "that is its own width, which only the area rule keeps."),
            "sum": (11.0, "3 + 8 counts one position too many: it grows by 7."),
            "half": (12.0, "one block or two, but not equally often: six positions against two."),
        },
        what="the mean width",
        look="Count the positions at which the membrane touches one block, and those at which it "
        "touches two.",
    )
    return right("w pixels become w + 7 on average, so thin cells disappear and gaps close.")
