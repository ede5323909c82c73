"""Checkers of chapter 10: image pyramids, what they keep, what they cost, what they see."""

from typing import Any

import numpy as np

from damunet_book.checks import (
    OTHER,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    elements,
    not_yet,
    right,
    run,
)

__all__ = ["dips", "extra_parameters", "pyramid", "safe_share", "two_ways"]

# Wider than high, so that a mix-up of the sides shows; no two blocks are alike.
_IMAGE = (np.arange(128) * 37 % 101 / 100).reshape(8, 16)
_SHAPES = [(8, 16), (4, 8), (2, 4)]


def _shapes(levels: Any) -> list:
    return [np.shape(level) for level in levels]


def _works_on_squares(answer: Any) -> bool:
    try:
        return _shapes(answer(_IMAGE[:, :8].copy(), 3)) == [(8, 8), (4, 4), (2, 2)]
    except Exception:
        return False


def _stops_at_wide(answer: Any) -> bool:
    if not callable(answer):
        return False
    try:
        answer(_IMAGE.copy(), 3)
    except Exception:
        return True
    return False


def _four_levels(answer: Any) -> list | None:
    """Shapes where four levels are asked for; None where the answer stops."""
    try:
        return _shapes(answer(_IMAGE.copy(), 4))
    except Exception:
        return None


_ONLY_SQUARES = (
    "this works for square images only. The checker's has 8 x 16 pixels: height and width are "
    "halved each by itself."
)


@checker
def pyramid(answer: Any) -> Verdict:
    """Exercise 10.1: ``answer(image, levels)``: the image and its averaged copies, a list."""
    if _stops_at_wide(answer) and _works_on_squares(answer):
        return not_yet(_ONLY_SQUARES, "squares_only")
    value = run(answer, _IMAGE.copy(), 3)
    if not isinstance(value, (list, tuple)):
        return not_yet("return a list: the image first, then its smaller copies.", WRONG_SHAPE)
    shapes = _shapes(value)
    known = {
        "reversed": (_SHAPES[::-1], "the copies are in reverse: the full image comes first."),
        "one_level_more": (
            [*_SHAPES, (1, 2)],
            "one level too many: the image itself is level 1, so 3 levels are two halvings.",
        ),
        "one_level_less": (
            _SHAPES[:2],
            "one level is missing: the image itself and two copies make three.",
        ),
        "no_original": (
            _SHAPES[1:],
            "the image itself is left out: it is level 1, not yet averaged.",
        ),
        "begins_halved": (
            [*_SHAPES[1:], (1, 2)],
            "the first level is halved already: begin with the image itself.",
        ),
        "factor_two_always": (
            [(8, 16), (4, 8), (4, 8)],
            "level 3 is as large as level 2: average the copy before it, or use a factor of 4 on "
            "the image.",
        ),
        "wrong_axes": (
            [(8, 16), (2, 2), (2, 2)],
            "one number is wanted for each block, not for each place in a block: after "
            "reshape(rows, 2, columns, 2) take the mean over axes 1 and 3.",
        ),
        "rows_only": (
            [(8, 16), (4, 16), (2, 16)],
            "only the rows are averaged: halve the width as well.",
        ),
        "columns_only": (
            [(8, 16), (8, 8), (8, 4)],
            "only the columns are averaged: halve the height as well.",
        ),
    }
    for mistake, (those, message) in known.items():
        if shapes == those:
            return not_yet(message, mistake)
    if shapes != _SHAPES:
        if _works_on_squares(answer):
            return not_yet(_ONLY_SQUARES, "squares_only")
        return not_yet(f"the shapes are {shapes}, wanted {_SHAPES}.", WRONG_SHAPE)
    compare(value[0], _IMAGE, what="level 1")
    blocks = _IMAGE.reshape(4, 2, 8, 2)
    thrown_away = (
        "one pixel of each block was kept and the others thrown away, their grain not averaged: "
        "take the mean of the block."
    )
    mistakes = {
        "strided": (_IMAGE[::2, ::2], thrown_away),
        "other_corner": (_IMAGE[1::2, 1::2], thrown_away),
        "maximum": (
            blocks.max((1, 3)),
            "that is the maximum, the brightest pixel of each block: dark membranes vanish.",
        ),
        "minimum": (
            blocks.min((1, 3)),
            "that is the minimum of each block: it keeps the grain's specks.",
        ),
        "tiles": (
            _IMAGE.reshape(2, 4, 2, 8).mean((0, 2)),
            "the axes of the reshape are the wrong way round: pixels of one block are "
            "neighbours, so it is (rows, 2, columns, 2), mean over axes 1 and 3.",
        ),
        "sum": (blocks.sum((1, 3)), "that is the sum of each block: four times too bright."),
    }
    compare(value[1], blocks.mean((1, 3)), mistakes, what="level 2")
    mistakes = {
        "not_from_the_copy": (
            _IMAGE[::4, ::4],
            "level 3 keeps one pixel of sixteen: average the copy before it.",
        )
    }
    compare(value[2], _IMAGE.reshape(2, 4, 4, 4).mean((1, 3)), mistakes, what="level 3")
    four = _four_levels(answer)
    if four == _SHAPES:
        return not_yet("asked for 4 levels, it gives 3: use `levels`.", "levels_ignored")
    if four != [*_SHAPES, (1, 2)]:
        return not_yet(
            "right for 3 levels, but not for 4: every level halves the one before it, so blocks of "
            "the image have sides of 2, 4 and 8.",
            "not_doubling",
        )
    return right("Averages of averages: each level has the mean grey of the image.")


@checker
def dips(answer: Any) -> Verdict:
    """Exercise 10.2: ``[best, worst]`` dip of a membrane 3 pixels wide, 0.24 deep, at 1/8."""
    best, worst = elements(answer, [0.09, 0.06], "the pair")
    percent = "that is in hundredths: give the dip in the units of 0.24."
    share = "that is the share of dark columns: multiply it by 0.24, by how much they are darker."
    compare(
        best,
        0.09,
        {
            "swapped": (
                0.06,
                "that is the dip of the membrane that lies badly: the good case comes first.",
            ),
            "percent": (9.0, percent),
            "share": (0.375, share),
            "share_in_percent": (37.5, share),
            "unchanged": (
                0.24,
                "five of the block's eight columns are bright: the dip is averaged with them.",
            ),
            "one_pixel": (0.03, "that is one dark column in eight; the membrane has three."),
            "area": (
                0.24 * 3 / 64,
                "the membrane runs through all eight rows of the block: 3 of 8, not 3 of 64.",
            ),
            "remainder": (0.15, "that is what is lost; the dip that stays is the rest."),
        },
        1e-3,
        "the best dip",
        "How many of the block's eight columns are dark at best?",
    )
    compare(
        worst,
        0.06,
        {
            "percent": (6.0, percent),
            "share": (0.25, share),
            "share_in_percent": (25.0, share),
            "smaller_piece": (
                0.03,
                "that is the block with the smaller piece; the deeper dip is next to it.",
            ),
            "halves": (0.045, "three columns cannot be cut in halves: two and one."),
            "same_as_best": (0.09, "when it straddles two blocks neither has all three columns."),
            "zero": (0.0, "an average never loses it altogether, unlike a stride."),
        },
        1e-3,
        "the worst dip",
        "Put the block's border between the columns: which block has more of them, and how many?",
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
            wider,
            "the wider first convolutions are right; the new ones on the copies are missing.",
        ),
        "no_bias": (own * 9 // 10 + wider, "the new convolutions have a bias for each filter."),
        "level_missing": (
            10 * 8 + 9 * 8 * 8,
            "a level is missing: the copies enter levels 2 to depth, that is depth - 1 of them.",
        ),
        "not_doubling": (
            2 * sum(first),
            "the filters double with each level: level 2 has twice base_filters.",
        ),
        "with_level_1": (
            own + wider + sum(first),
            "level 1 gets the image already; the copies begin at level 2.",
        ),
        "with_bottom": (
            own + wider + sum(bottom),
            "the bottom block gets no copy: levels 2 to depth only.",
        ),
        "both_convs": (
            own + 2 * wider,
            "only the first convolution of a level reads the joined map; the second reads what "
            "the first wrote.",
        ),
        "whole_convolution": (
            own + 3 * wider // 2 + own // 10,
            "that counts the level's first convolution whole. It was there before: count only the "
            "f channels that it reads in addition.",
        ),
        "old_width": (
            own + wider // 2,
            "the copy's map has as many channels as the level, not as the level above.",
        ),
    }
    what = "the number for 4 filters, depth 3"
    compare(run(answer, 4, 3), own + wider, mistakes, what=what)
    compare(run(answer, 32, 4), sum(_extra(32, 4)), what="the number for 32 filters, depth 4")
    return right(
        "At full size 778,624, a tenth more. Nearly all of it lies in the levels' first "
        "convolutions, which were there before; the new ones, on the copies, are small."
    )


@checker
def two_ways(answer: Any) -> Verdict:
    """Exercise 10.4: ``[direct, through]``: what a pixel after level 4's block sees, in pixels."""
    direct, through = elements(answer, [56, 68], "the pair")
    compare(
        direct,
        56,
        {
            "swapped": (68, "that is the way through the levels: (a), by the copy, comes first."),
            "coarse_pixels": (7, "that is in pixels of the copy; each is 8 image pixels wide."),
            "no_scale_conv": (40, "two convolutions only: the one on the copy is a third."),
            "scale_conv_only": (
                24,
                "that is after the copy's own convolution; the level's two follow.",
            ),
            "factor_16": (112, "level 4 works at 1/8, not 1/16: level 1 is full size."),
            "factor_4": (28, "that is level 3: level 4 works at 1/8."),
        },
        what="the direct way",
        look="Count the convolutions between copy and pixel, and the size of the copy's pixels.",
    )
    compare(
        through,
        68,
        {
            "direct": (56, "that is the direct way; (b) begins with the image at full size."),
            "level_3": (32, "that is level 3; level 4 lies one pooling deeper."),
            "bottom": (140, "that is the bottom block of a network of depth 4."),
            "no_poolings": (61, "the poolings widen the field as well: by 1, 2 and 4 pixels."),
            "before_block": (36, "that is before level 4's own two convolutions."),
        },
        what="the way through the levels",
        look="Go back one level at a time: a pooling doubles, a block adds 4.",
    )
    return right(
        "The copy brings no wider view. It brings a shorter way: three convolutions "
        "instead of eight."
    )


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
    if isinstance(answer, (int, float)) and 65.5 < answer < 66.5:
        return not_yet("that is in percent: give a share from 0 to 1.", "percent")
    look = "The safe part is a square: how long is its side?"
    compare(answer, (208 / 256) ** 2, mistakes, 4e-3, "the share", look)
    return right("Two thirds. That is why tiles overlap, and why large tiles are cheap.")
