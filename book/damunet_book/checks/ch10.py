"""Checkers of chapter 10: image pyramids, what they keep, what they cost, what they see."""

import numpy as np

from damunet_book.checks import checker, compare, elements, run, stop, within

# Wider than high, so that a mix-up of the sides shows; no two blocks are alike.
_IMAGE = (np.arange(128) * 37 % 101 / 100).reshape(8, 16)
_SHAPES = [(8, 16), (4, 8), (2, 4)]
_KNOWN = {
    "reversed": _SHAPES[::-1],
    "one_level_more": [*_SHAPES, (1, 2)],
    "one_level_less": _SHAPES[:2],
    "no_original": _SHAPES[1:],
    "begins_halved": [*_SHAPES[1:], (1, 2)],
    "factor_two_always": [(8, 16), (4, 8), (4, 8)],
    "wrong_axes": [(8, 16), (2, 2), (2, 2)],
    "rows_only": [(8, 16), (4, 16), (2, 16)],
    "columns_only": [(8, 16), (8, 8), (8, 4)],
}
_THROWN_AWAY = (
    "One pixel of each block was kept and the others thrown away, their grain not averaged: take "
    "the mean of the block."
)


def _shapes(answer, image: np.ndarray, levels: int) -> list | None:
    """Shapes of the levels; None where the answer stops, or gives no list."""
    try:
        return [np.shape(level) for level in answer(np.array(image), levels)]
    except Exception:
        return None


@checker(
    right="Averages of averages: each level has the mean grey of the image.",
    wrong_shape="Return a list: the image first, then its smaller copies.",
    reversed="The copies are in reverse: the full image comes first.",
    one_level_more="One level too many: the image itself is level 1, so 3 levels are two halvings.",
    one_level_less="One level is missing: the image itself and two copies make three.",
    no_original="The image itself is left out: it is level 1, not yet averaged.",
    begins_halved="The first level is halved already: begin with the image itself.",
    factor_two_always="Level 3 is as large as level 2: average the copy before it, or use a factor "
    "of 4 on the image.",
    wrong_axes="One number is wanted for each block, not for each place in a block: after "
    "reshape(rows, 2, columns, 2) take the mean over axes 1 and 3.",
    rows_only="Only the rows are averaged: halve the width as well.",
    columns_only="Only the columns are averaged: halve the height as well.",
    strided=_THROWN_AWAY,
    other_corner=_THROWN_AWAY,
    maximum="That is the maximum, the brightest pixel of each block: dark membranes vanish.",
    minimum="That is the minimum of each block: it keeps the grain's specks.",
    tiles="The axes of the reshape are the wrong way round: pixels of one block are neighbours, so "
    "it is (rows, 2, columns, 2), mean over axes 1 and 3.",
    sum="That is the sum of each block: four times too bright.",
    not_from_the_copy="The last level keeps one pixel of each block: average the copy before it.",
    levels_ignored="Asked for 4 levels, it gives 3: use `levels`.",
    not_doubling="Right for 3 levels, but not for 4: every level halves the one before it, so "
    "blocks of the image have sides of 2, 4 and 8.",
    squares_only="This works for square images only. The checker's has 8 x 16 pixels: height and "
    "width are halved each by itself.",
    shapes="The shapes are {got}, wanted {wanted}.",
)
def pyramid(answer):
    """``answer(image, levels)``: the image and its averaged copies, a list."""
    wide = _shapes(answer, _IMAGE, 3)
    if wide != _SHAPES and _shapes(answer, _IMAGE[:, :8], 3) == [(8, 8), (4, 4), (2, 2)]:
        stop("squares_only")
    value = run(answer, _IMAGE, 3)
    if not isinstance(value, (list, tuple)):
        stop("wrong_shape")
    shapes = [np.shape(level) for level in value]
    for mistake, those in _KNOWN.items():
        if shapes == those:
            stop(mistake)
    if shapes != _SHAPES:
        stop("shapes", got=shapes, wanted=_SHAPES)
    compare(value[0], _IMAGE, "level 1")
    blocks = _IMAGE.reshape(4, 2, 8, 2)
    compare(
        value[1],
        blocks.mean((1, 3)),
        "level 2",
        strided=_IMAGE[::2, ::2],
        other_corner=_IMAGE[1::2, 1::2],
        maximum=blocks.max((1, 3)),
        minimum=blocks.min((1, 3)),
        tiles=_IMAGE.reshape(2, 4, 2, 8).mean((0, 2)),
        sum=blocks.sum((1, 3)),
    )
    compare(
        value[2],
        _IMAGE.reshape(2, 4, 4, 4).mean((1, 3)),
        "level 3",
        not_from_the_copy=_IMAGE[::4, ::4],
    )
    four = _shapes(answer, _IMAGE, 4)
    if four == _SHAPES:
        stop("levels_ignored")
    if four != [*_SHAPES, (1, 2)]:
        stop("not_doubling")
    last, good = run(answer, _IMAGE, 4)[3], _IMAGE.reshape(8, 2, 8).mean((0, 2))[None]
    compare(last, good, "level 4", not_from_the_copy=_IMAGE[::8, ::8])


@checker(
    right="Three eighths of the dip, or two: thin membranes pale first.",
    swapped="That is the dip of the membrane that lies badly: the good case comes first.",
    percent="That is in hundredths: give the dip in the units of 0.24.",
    share="That is the share of dark columns: multiply it by 0.24, by how much they are darker.",
    share_in_percent="That is the share of dark columns, in percent: take it as a number from 0 to "
    "1, times 0.24.",
    unchanged="Five of the block's eight columns are bright: the dip is averaged with them.",
    one_pixel="That is one dark column in eight; the membrane has three.",
    area="The membrane runs through all eight rows of the block: 3 of 8, not 3 of 64.",
    remainder="That is what is lost; the dip that stays is the rest.",
    smaller_piece="That is the block with the smaller piece; the deeper dip is next to it.",
    halves="Three columns cannot be cut in halves: two and one.",
    same_as_best="When it straddles two blocks neither has all three columns.",
    zero="An average never loses it altogether, unlike a stride.",
)
def dips(answer):
    """``[best, worst]`` dip of a membrane 3 pixels wide, 0.24 deep, at 1/8."""
    best, worst = elements(answer, [0.09, 0.06], "the pair")
    compare(
        best,
        0.09,
        "the best dip",
        tolerance=1e-3,
        look="How many of the block's eight columns are dark at best?",
        swapped=0.06,
        percent=9.0,
        share=0.375,
        share_in_percent=37.5,
        unchanged=0.24,
        one_pixel=0.03,
        area=0.24 * 3 / 64,
        remainder=0.15,
    )
    compare(
        worst,
        0.06,
        "the worst dip",
        tolerance=1e-3,
        look="Put the block's border between the columns: how many has the fuller one?",
        percent=6.0,
        share=0.25,
        share_in_percent=25.0,
        smaller_piece=0.03,
        halves=0.045,
        same_as_best=0.09,
        zero=0.0,
    )


def _extra(base: int, depth: int) -> tuple[int, int]:
    filters = [base * 2**level for level in range(1, depth)]
    return sum(10 * f for f in filters), sum(9 * f * f for f in filters)


@checker(
    right="At full size 778,624, a tenth more. Nearly all of it lies in the levels' first "
    "convolutions, which were there before; the new ones, on the copies, are small.",
    only_scale_convs="Those are the new convolutions. The next one, the level's first, reads f "
    "channels more than it did: that makes it larger too.",
    only_wider="The wider first convolutions are right; the new ones on the copies are missing.",
    no_bias="The new convolutions have a bias for each filter.",
    level_missing="A level is missing: the copies enter levels 2 to depth, that is depth - 1 of "
    "them.",
    not_doubling="The filters double with each level: level 2 has twice base_filters.",
    with_level_1="Level 1 gets the image already; the copies begin at level 2.",
    with_bottom="The bottom block gets no copy: levels 2 to depth only.",
    both_convs="Only the first convolution of a level reads the joined map; the second reads what "
    "the first wrote.",
    whole_convolution="That counts the level's first convolution whole. It was there before: count "
    "only the f channels that it reads in addition.",
    old_width="The copy's map has as many channels as the level, not as the level above.",
)
def extra_parameters(answer):
    """``answer(base_filters, depth)``: parameters that multi-scale input adds."""
    own, wider = _extra(4, 3)
    first = 10 * 4, 9 * 4 * 4
    bottom = 10 * 32, 9 * 32 * 32
    compare(
        run(answer, 4, 3),
        own + wider,
        "the number for 4 filters, depth 3",
        only_scale_convs=own,
        only_wider=wider,
        no_bias=own * 9 // 10 + wider,
        level_missing=10 * 8 + 9 * 8 * 8,
        not_doubling=2 * sum(first),
        with_level_1=own + wider + sum(first),
        with_bottom=own + wider + sum(bottom),
        both_convs=own + 2 * wider,
        whole_convolution=own + 3 * wider // 2 + own // 10,
        old_width=own + wider // 2,
    )
    compare(run(answer, 32, 4), sum(_extra(32, 4)), "the number for 32 filters, depth 4")


@checker(
    right="The copy brings no wider view. It brings a shorter way: three convolutions instead of "
    "eight.",
    swapped="That is the way through the levels: (a), by the copy, comes first.",
    coarse_pixels="That is in pixels of the copy; each is 8 image pixels wide.",
    no_scale_conv="Two convolutions only: the one on the copy is a third.",
    scale_conv_only="That is after the copy's own convolution; the level's two follow.",
    factor_16="Level 4 works at 1/8, not 1/16: level 1 is full size.",
    factor_4="That is level 3: level 4 works at 1/8.",
    direct="That is the direct way; (b) begins with the image at full size.",
    level_3="That is level 3; level 4 lies one pooling deeper.",
    bottom="That is the bottom block of a network of depth 4.",
    no_poolings="The poolings widen the field as well: by 1, 2 and 4 pixels.",
    before_block="That is before level 4's own two convolutions.",
)
def two_ways(answer):
    """``[direct, through]``: what a pixel after level 4's block sees, in pixels."""
    direct, through = elements(answer, [56, 68], "the pair")
    compare(
        direct,
        56,
        "the direct way",
        look="Count the convolutions between copy and pixel, and the size of the copy's pixels.",
        swapped=68,
        coarse_pixels=7,
        no_scale_conv=40,
        scale_conv_only=24,
        factor_16=112,
        factor_4=28,
    )
    compare(
        through,
        68,
        "the way through the levels",
        look="Go back one level at a time: a pooling doubles, a block adds 4.",
        direct=56,
        level_3=32,
        bottom=140,
        no_poolings=61,
        before_block=36,
    )


@checker(
    right="Two thirds. That is why tiles overlap, and why large tiles are cheap.",
    one_side="A tile has a border on each side: take off 24 twice.",
    one_axis="That is along one axis; a tile has two.",
    complement="That is the share which the border can reach.",
    tile_128="That is the tile of 128 pixels; this one has 256.",
    pixels="That is a number of pixels: divide by those of the tile.",
    percent="That is in percent: give a share from 0 to 1.",
)
def safe_share(answer):
    """Share of a 256 x 256 tile that no border can reach, with a reach of 24."""
    if within(answer, 65.5, 66.5):
        stop("percent")
    compare(
        answer,
        (208 / 256) ** 2,
        "the share",
        tolerance=4e-3,
        look="The safe part is a square: how long is its side?",
        one_side=(232 / 256) ** 2,
        one_axis=208 / 256,
        complement=1 - (208 / 256) ** 2,
        tile_128=(80 / 128) ** 2,
        pixels=208.0**2,
    )
