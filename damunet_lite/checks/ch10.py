"""Checkers of chapter 10: image pyramids, what they keep, what they cost, what they see."""

from typing import Any

import numpy as np

from damunet_lite.checks import OTHER, Verdict, checker, compare, elements, not_yet, right, run

__all__ = ["dips", "extra_parameters", "pyramid", "safe_share", "two_ways"]

_IMAGE = np.array([
    [0.9, 0.1, 0.4, 0.8],
    [0.5, 0.7, 0.6, 0.2],
    [0.3, 0.9, 0.0, 0.4],
    [0.7, 0.1, 0.8, 0.6],
])


@checker
def pyramid(answer: Any) -> Verdict:
    """Exercise 10.1: ``answer(image, levels)``: the image and its averaged copies, a list."""
    value = run(answer, _IMAGE.copy(), 3)
    if not isinstance(value, (list, tuple)):
        return not_yet("return a list: the image first, then its smaller copies.", "wrong_shape")
    shapes = [np.shape(level) for level in value]
    if shapes == [(1, 1), (2, 2), (4, 4)]:
        return not_yet("the copies are in reverse: the full image comes first.", "reversed")
    if shapes == [(2, 2), (1, 1)] or (len(shapes) == 3 and shapes[0] == (2, 2)):
        return not_yet("the first level is the image itself, not yet averaged.", "no_original")
    if shapes == [(4, 4), (2, 2), (2, 2)]:
        return not_yet(
            "level 3 is as large as level 2: average the copy before it, or use a factor of 4 "
            "on the image.", "factor_two_always",
        )
    if shapes != [(4, 4), (2, 2), (1, 1)]:
        return not_yet(
            f"the shapes are {shapes}, wanted (4, 4), (2, 2), (1, 1).", "wrong_shape"
        )
    compare(value[0], _IMAGE, what="level 1")
    blocks = _IMAGE.reshape(2, 2, 2, 2)
    mistakes = {
        "strided": (
            _IMAGE[::2, ::2],
            "one pixel of each block was kept and the others thrown away, their grain not "
            "averaged: take the mean of the block.",
        ),
        "maximum": (
            blocks.max((1, 3)),
            "that is the maximum, the brightest pixel of each block: dark membranes vanish.",
        ),
        "tiles": (
            blocks.mean((0, 2)),
            "the axes of the reshape are the wrong way round: pixels of one block are "
            "neighbours, so it is (rows, 2, columns, 2), mean over axes 1 and 3.",
        ),
        "sum": (blocks.sum((1, 3)), "that is the sum of each block: four times too bright."),
        "rows_only": (
            np.repeat(_IMAGE.mean(1)[::2, None], 2, 1),
            "you averaged along one axis only.",
        ),
    }
    compare(value[1], blocks.mean((1, 3)), mistakes, what="level 2")
    compare(value[2], [[_IMAGE.mean()]], what="level 3")
    return right("Averages of averages: each level has the mean grey of the image.")


@checker
def dips(answer: Any) -> Verdict:
    """Exercise 10.2: ``[best, worst]`` dip of a membrane 3 pixels wide, 0.24 deep, at 1/8."""
    best, worst = elements(answer, [0.09, 0.06], "the pair")
    compare(
        best, 0.09,
        {
            "unchanged": (0.24, "five of the block's eight columns are bright: the dip is "
                                "averaged with them."),
            "one_pixel": (0.03, "that is one dark column in eight; the membrane has three."),
            "area": (0.24 * 3 / 64, "the membrane runs through all eight rows of the block: "
                                    "3 of 8, not 3 of 64."),
            "remainder": (0.15, "that is what is lost; the dip that stays is the rest."),
        },
        1e-3, "the best dip",
    )
    compare(
        worst, 0.06,
        {
            "smaller_piece": (0.03, "that is the block with the smaller piece; the deeper dip is "
                                    "next to it."),
            "halves": (0.045, "three columns cannot be cut in halves: two and one."),
            "same_as_best": (0.09, "when it straddles two blocks neither has all three columns."),
            "zero": (0.0, "an average never loses it altogether, unlike a stride."),
        },
        1e-3, "the worst dip",
    )
    return right("Three eighths of the dip, or two: thin membranes pale first.")


def _extra(base: int, depth: int) -> tuple[int, int]:
    filters = [base * 2**level for level in range(1, depth)]
    return sum(10 * f for f in filters), sum(9 * f * f for f in filters)


@checker
def extra_parameters(answer: Any) -> Verdict:
    """Exercise 10.3: ``answer(base_filters, depth)``: parameters that multi-scale input adds."""
    own, wider = _extra(4, 3)
    first = 10 * 4, 9 * 4 * 4
    bottom = 10 * 32, 9 * 32 * 32
    mistakes = {
        "only_scale_convs": (
            own,
            "those are the new convolutions. The next one, the level's first, reads f channels "
            "more than it did: that makes it larger too.",
        ),
        "only_wider": (
            wider, "the wider first convolutions are right; the new ones on the copies are missing."
        ),
        "no_bias": (own * 9 // 10 + wider, "the new convolutions have a bias for each filter."),
        "with_level_1": (
            own + wider + sum(first),
            "level 1 gets the image already; the copies begin at level 2.",
        ),
        "with_bottom": (
            own + wider + sum(bottom), "the bottom block gets no copy: levels 2 to depth only."
        ),
        "both_convs": (
            own + 2 * wider,
            "only the first convolution of a level reads the joined map; the second reads what "
            "the first wrote.",
        ),
        "old_width": (
            own + wider // 2,
            "the copy's map has as many channels as the level, not as the level above.",
        ),
    }
    compare(run(answer, 4, 3), own + wider, mistakes, what="the number of parameters")
    compare(run(answer, 32, 4), sum(_extra(32, 4)), what="the number for 32 filters, depth 4")
    return right("At full size 778,624: ten parameters in a hundred, nearly all of them in the "
                 "convolutions that read the copies, not in those that make them.")


@checker
def two_ways(answer: Any) -> Verdict:
    """Exercise 10.4: ``[direct, through]``: what a pixel after level 4's block sees, in pixels."""
    direct, through = elements(answer, [56, 68], "the pair")
    compare(
        direct, 56,
        {
            "coarse_pixels": (7, "that is in pixels of the copy; each is 8 image pixels wide."),
            "no_scale_conv": (40, "two convolutions only: the one on the copy is a third."),
            "scale_conv_only": (24, "that is after the copy's own convolution; the level's two "
                                    "follow."),
            "factor_16": (112, "level 4 works at 1/8, not 1/16: level 1 is full size."),
            "factor_4": (28, "that is level 3: level 4 works at 1/8."),
        },
        what="the direct way",
    )
    compare(
        through, 68,
        {
            "level_3": (32, "that is level 3; level 4 lies one pooling deeper."),
            "bottom": (140, "that is the bottom block of a network of depth 4."),
            "no_poolings": (61, "the poolings widen the field as well: by 1, 2 and 4 pixels."),
            "before_block": (36, "that is before level 4's own two convolutions."),
        },
        what="the way through the levels",
    )
    return right("The copy brings no wider view. It brings a shorter way: three convolutions "
                 "instead of eight.")


@checker
def safe_share(answer: Any) -> Verdict:
    """Exercise 10.5: share of a 256 x 256 tile that no border can reach, with a reach of 24."""
    mistakes = {
        "one_side": ((232 / 256) ** 2, "a tile has a border on each side: take off 24 twice."),
        "one_axis": (208 / 256, "that is along one axis; a tile has two."),
        "complement": (1 - (208 / 256) ** 2, "that is the share which the border can reach."),
        "tile_128": ((80 / 128) ** 2, "that is the tile of 128 pixels; this one has 256."),
        "pixels": (208.0**2, "that is a number of pixels: divide by those of the tile."),
    }
    if isinstance(answer, str):
        return not_yet("give a number between 0 and 1.", OTHER)
    compare(answer, (208 / 256) ** 2, mistakes, 2e-3, "the share")
    return right("Two thirds. That is why tiles overlap, and why large tiles are cheap.")
