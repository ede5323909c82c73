"""Checkers of chapter 9: fading gradients, companions, side heads, their weights and targets."""

import numpy as np

from damunet_book.checks import checker, compare, elements, run


def _pulls(weight: float, alpha: float, depth: int, last: float = -1.0) -> list[float]:
    pulls = [last]
    for _ in range(depth - 1):
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


@checker(
    right="What a companion gives to one layer, all the layers before it inherit.",
    no_companions="This is the chain without companions: alpha is not used.",
    floor="A companion's pull is added to what comes back; it is no lower limit to it.",
    not_passed_on="Each companion pulls at its own layer only. What it sends to a layer goes on to "
    "all the layers before, times the weight: take the sum that you have already.",
    local_only="Only the companions pull: what comes back from the layer above is missing.",
    companion_before_weight="The companion's pull was multiplied by the weight too. The companion "
    "sits on the output of this layer: add its pull after the multiplication.",
    alpha_added="Alpha was added, so the companion pulls the other way. Its error is 1 - 2 = -1 as "
    "well: subtract alpha.",
    end_weighed="The last layer has the main loss, whose weight is 1, not alpha.",
    companion_at_the_end="The last layer has a companion here. It has none: its output goes to the "
    "main loss already. Begin with -1.",
    companion_at_the_end_only="One companion only, on the last layer. It is the other way round: "
    "all layers have one but the last.",
    added_at_the_end="Alpha was added to the last layer's -1. That layer has no companion: begin "
    "with -1.",
    one_layer_more="One number too many: the last layer's -1 is one of the `depth` slopes.",
    reversed="Right numbers, first layer last: layer 1 comes first.",
    sign="The error is output minus target, 1 - 2 = -1.",
)
def chain_pulls(answer):
    """``answer(weight, alpha, depth)`` gives the gradient at every layer."""
    weight, alpha, depth = 0.8, 0.6, 4
    faded = [-(weight ** (depth - 1 - k)) for k in range(depth)]
    wanted = _pulls(weight, alpha, depth)
    compare(
        run(answer, weight, alpha, depth),
        wanted,
        "the list of gradients",
        no_companions=faded,
        floor=[-max(-f, alpha) for f in faded],
        not_passed_on=[f - alpha for f in faded[:-1]] + [-1.0],
        local_only=[-alpha] * (depth - 1) + [-1.0],
        companion_before_weight=_pulls(weight, weight * alpha, depth),
        alpha_added=_pulls(weight, -alpha, depth),
        end_weighed=_pulls(weight, alpha, depth, last=-alpha),
        companion_at_the_end=_pulls(weight, alpha, depth, last=-1 - alpha),
        companion_at_the_end_only=[f * (1 + alpha) for f in faded],
        added_at_the_end=_pulls(weight, alpha, depth, last=-1 + alpha),
        one_layer_more=_pulls(weight, alpha, depth + 1),
        reversed=wanted[::-1],
        sign=[-v for v in wanted],
    )
    compare(run(answer, 0.5, 0.0, 3), [-0.25, -0.5, -1.0], "the gradients without companions")


@checker(
    right="1 = 0.8 + 0.2: what a layer loses, its companion gives back. (The bias that keeps every "
    "output at 1 is 0.2 as well, by the same sum.)",
    weight="That is the chain's weight, what a layer passes on; the companion has to add what is "
    "lost.",
    negative="The size is right, the sign is not: both pulls are negative, and the rule subtracts "
    "a positive alpha.",
    from_the_example="That was right for the chain of 0.5; here the weight is 0.8.",
    one="With 1 the pull grows towards the first layer: -1, -1.8, -2.44 and on.",
    product="0.64 is what two layers pass on. Ask for one step only.",
    before_the_weight="That solves 1 = 0.8 x (1 + alpha), in which alpha is multiplied by the "
    "weight too. The companion sits on the layer's output: nothing multiplies its pull.",
)
def equal_pull(answer):
    """Weight of the companions that pulls alike at all layers, in a chain of 0.8."""
    compare(
        answer,
        0.2,
        "alpha",
        tolerance=1e-6,
        look="Write the rule for one layer, with -1 on both sides.",
        weight=0.8,
        negative=-0.2,
        from_the_example=0.5,
        one=1.0,
        product=0.64,
        before_the_weight=0.25,
    )


@checker(
    right="They sum to 1, so adding a head does not raise the learning rate by stealth.",
    not_normalised="The levels are right, but they sum to 1.56: divide by the sum.",
    reversed="The coarsest head got the largest weight. The main head comes first.",
    shifted="The main head was weighed down as well, and the sum is not 1: begin with decay**0 and "
    "divide by the sum.",
    mean="You divided by the number of heads: divide by the sum.",
    linear="Each level subtracts decay: multiply by it instead.",
    softmax="That is a softmax: divide by the sum, without the exponential.",
    decay_1="Right for a decay of 0.4. With decay 1 all heads weigh alike, and the formula of the "
    "geometric series divides 0 by 0: divide by the sum of the weights themselves.",
    equal="All heads weigh alike: decay is not used.",
)
def weights(answer):
    """``answer(heads, decay)`` gives a list of weights, fine to coarse."""
    heads, decay = 3, 0.4
    raw = decay ** np.arange(heads)
    wanted = raw / raw.sum()
    value = run(answer, heads, decay)
    compare(
        _in_order(value),
        wanted,
        "the list of weights",
        not_normalised=raw,
        reversed=wanted[::-1],
        shifted=decay * raw,
        mean=raw / heads,
        linear=1 - decay * np.arange(heads),
        softmax=np.exp(raw) / np.exp(raw).sum(),
        equal=np.full(heads, 1 / heads),
    )
    value = run(answer, 2, 1.0, error={ZeroDivisionError: "decay_1"})
    wrong = [np.nan, np.nan]
    compare(_in_order(value), [0.5, 0.5], "the weights for decay 1", decay_1=wrong)


def _in_order(value):
    """The weights, of a dictionary from heads to weights too."""
    return list(value.values()) if isinstance(value, dict) else value


# No two mistakes lead to the same target, and none to all ones or zeros; the sides differ.
_MASK = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1],
        [1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1],
        [0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1],
    ],
    float,
)


@checker(
    right="Three rules, three targets from one mask.",
    minimum="For any_membrane you took the minimum, which is all membrane, not any.",
    tiles="The axes of the reshape are the wrong way round. Pixels of one block are neighbours: "
    "(rows, step, columns, step), reduced over axes 1 and 3.",
    strided_for_all="For any_membrane this is the strided target.",
    majority="For any_membrane that is a vote. One membrane pixel is enough, however few it has "
    "with it.",
    area_for_any="For any_membrane this is the mean: take the maximum.",
    sum="For area you took the sum: a fraction is a mean.",
    rounded="For area you rounded; the fraction itself is the target.",
    maximum="For area this is the maximum: take the mean.",
    other_corner="For strided you took the lower right pixel of each block: the upper left one, "
    "[::step], is meant.",
    middle="For strided you took the middle pixel of each block: the upper left one, [::step], is "
    "meant.",
    any_for_strided="For strided this is the any_membrane target.",
    fixed_area="For area a number stands where the step belongs: a block has step times step "
    "pixels.",
    fixed_strided="For strided a number stands where the step belongs.",
)
def shrink(answer):
    """``answer(mask, step, rule)``: the target of a coarser head."""
    step = 3
    blocks, tiles = _MASK.reshape(2, step, 4, step), _MASK.reshape(step, 2, step, 4)
    largest, mean, corner = blocks.max((1, 3)), blocks.mean((1, 3)), _MASK[::step, ::step]
    compare(
        run(answer, _MASK, step, "any_membrane"),
        largest,
        "the target any_membrane",
        minimum=blocks.min((1, 3)),
        tiles=tiles.max((0, 2)),
        strided_for_all=corner,
        majority=mean > 0.5,
        area_for_any=mean,
    )
    compare(
        run(answer, _MASK, step, "area"),
        mean,
        "the target area",
        sum=blocks.sum((1, 3)),
        rounded=mean > 0.5,
        tiles=tiles.mean((0, 2)),
        fixed_area=blocks.sum((1, 3)) / 4,
        maximum=largest,
    )
    compare(
        run(answer, _MASK, step, "strided"),
        corner,
        "the target strided",
        other_corner=_MASK[step - 1 :: step, step - 1 :: step],
        middle=_MASK[step // 2 :: step, step // 2 :: step],
        any_for_strided=largest,
        fixed_strided=_MASK[::2, ::2],
    )
    small = np.zeros((2, 4))
    small[0, 2] = 1
    compare(run(answer, small, 2, "any_membrane"), [[0, 1]], "the target any_membrane with step 2")
    value = run(answer, small, 2, "area")
    compare(value, [[0, 1 / 4]], "the target area with step 2", fixed_area=[[0, 1 / 9]])
    value = run(answer, small, 2, "strided")
    compare(value, [[0, 1]], "the target strided with step 2", fixed_strided=small[::3, ::3])


@checker(
    right="w pixels become w + 7 on average, so thin cells disappear and gaps close.",
    swapped="The two numbers have changed places: the share comes first, then the width.",
    percent="That is in percent: give a share from 0 to 1.",
    positions="That is the number of positions: divide by all eight.",
    always_seen="A strided target looks at one column in eight: it can miss.",
    one_in_eight="That is a membrane of one pixel; this one has three columns that the stride may "
    "hit.",
    complement="That is the share of positions at which it is missed.",
    in_blocks="That is in coarse pixels: each is 8 pixels of the image wide.",
    one_block="At two of the eight positions it straddles two blocks, and both become membrane.",
    two_blocks="It straddles two blocks only at two of the eight positions.",
    kept="That is its own width, which only the area rule keeps.",
    sum="3 + 8 counts one position too many: it grows by 7.",
    half="One block or two, but not equally often: six positions against two.",
)
def painted_width(answer):
    """``[strided share, any_membrane width]`` of a membrane 3 pixels wide, step 8."""
    share, width = elements(answer, [3 / 8, 10.0], "the pair")
    compare(
        share,
        3 / 8,
        "the strided share",
        tolerance=6e-3,
        look="At how many of the eight positions does a column that the stride looks at hit the "
        "membrane?",
        swapped=10.0,
        percent=37.5,
        positions=3.0,
        always_seen=1.0,
        one_in_eight=1 / 8,
        complement=5 / 8,
    )
    compare(
        width,
        10.0,
        "the mean width",
        look="Count the positions at which the membrane touches one block, and those at which it "
        "touches two.",
        swapped=3 / 8,
        in_blocks=1.25,
        one_block=8.0,
        two_blocks=16.0,
        kept=3.0,
        sum=11.0,
        half=12.0,
    )
