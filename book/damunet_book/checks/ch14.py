"""Checkers of chapter 14: working size, blended tiles, a flip averaged, leaks, cell areas."""

import numpy as np

from damunet_book.checks import (
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    elements,
    not_yet,
    right,
    run,
)

_LABELS = np.array([[1, 1, 0, 2, 2, 2], [1, 1, 0, 2, 2, 2], [0, 0, 0, 0, 0, 0], [3, 0, 4, 4, 4, 4]])
# Falls, stands still, falls again, slides, and rises a little: each usual slip ends at another cut.
_CUTS = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
_LARGEST = np.array([0.60, 0.44, 0.30, 0.29, 0.20, 0.185, 0.167, 0.16, 0.175])
_NO_BACKGROUND = np.array([[1, 1, 2, 2, 2], [1, 3, 3, 3, 3]])


def _up(pixels: int) -> int:
    return -(-pixels // 16) * 16


def _same(value, other) -> bool:
    try:
        return bool(np.allclose(value, other, rtol=0, atol=1e-4))
    except TypeError:
        return False


def _sizes(value, wanted, mistakes, image: str) -> None:
    """Compare zoom, rows and columns one by one, without giving them away."""
    if isinstance(value, (tuple, list)) and any(np.ndim(one) for one in value):
        flat = "Return three numbers side by side: zoom, rows, columns, with no pair among them."
        compare(np.nan, wanted, {WRONG_SHAPE: (np.nan, flat)})
    if np.shape(value) == (3,):
        mistaken = {name: mistake for name, mistake in mistakes.items() if _same(value, mistake[0])}
        if mistaken:
            compare(value, wanted, mistaken)
    looks = (
        "The zoom is the old width of a pixel over the new one, 4 nm.",
        "Rows times zoom, rounded to whole pixels, then up to the next multiple of 16.",
        "Columns times zoom, rounded to whole pixels, then up to the next multiple of 16.",
    )
    elements(value, wanted, "the answer")
    names = "the zoom", "the number of padded rows", "the number of padded columns"
    for name, got, good, look in zip(names, value, wanted, looks, strict=True):
        compare(got, good, what=f"{name} for {image}", look=look)


@checker
def working_size(answer) -> Verdict:
    """``answer(rows, columns, pixel_nm)``: zoom to 4 nm, then the padded rows and columns."""
    rows, columns, pixel_nm = 300, 1000, 6.5
    value = run(answer, rows, columns, pixel_nm)
    zoom = pixel_nm / 4
    zoomed = round(rows * zoom), round(columns * zoom)
    small = round(rows / zoom), round(columns / zoom)
    mistakes = {
        "inverse": (
            (1 / zoom, _up(small[0]), _up(small[1])),
            "The zoom is upside down. A pixel of 6.5 nm is larger than one of 4 nm, so the image "
            "needs more pixels, not fewer.",
        ),
        "zoom_last": (
            (_up(zoomed[0]), _up(zoomed[1]), zoom),
            "All three are right, in another order: the zoom comes first.",
        ),
        "rounded_down": (
            (zoom, zoomed[0] // 16 * 16, zoomed[1] // 16 * 16),
            "Rounded down to a multiple of 16: a strip of your image would be cut off. Padding "
            "only adds.",
        ),
        "nearest": (
            (zoom, round(zoomed[0] / 16) * 16, round(zoomed[1] / 16) * 16),
            "Rounded to the nearest multiple of 16, which can cut off a strip. Round up.",
        ),
        "no_padding": (
            (zoom, *zoomed),
            "The zoom is right. Four halvings need sides that are multiples of 16: round up.",
        ),
        "padded_first": (
            (zoom, round(_up(rows) * zoom), round(_up(columns) * zoom)),
            "Padded before the zoom: after it the sides are no multiples of 16 any more.",
        ),
        "always_one_more": (
            (zoom, (zoomed[0] // 16 + 1) * 16, (zoomed[1] // 16 + 1) * 16),
            "A side that is a multiple of 16 already needs no padding.",
        ),
    }
    _sizes(value, (zoom, _up(zoomed[0]), _up(zoomed[1])), mistakes, "300 x 1000 pixels of 6.5 nm")
    value = run(answer, 200, 480, 4.0)
    one_more = {
        "always_one_more": (
            (1.0, 208, 496),
            "A side that is a multiple of 16 already needs no padding.",
        )
    }
    _sizes(value, (1.0, 208, 480), one_more, "200 x 480 pixels of 4 nm")
    value = run(answer, 266, 985, 6.5)
    rounding = {
        "cut": (
            (zoom, 432, 1600),
            "A fraction of a pixel is cut off: 985 pixels become 1600.625, and `ndimage.zoom` "
            "rounds that to 1601, for which 1600 is too small. Use round, not int or //.",
        ),
        "ceil": (
            (zoom, 448, 1616),
            "266 pixels become 432.25, and `ndimage.zoom` rounds that to 432, which is a multiple "
            "of 16. Round to the nearest whole pixel first, and up only to the multiple of 16.",
        ),
    }
    _sizes(value, (zoom, 432, 1616), rounding, "266 x 985 pixels of 6.5 nm")
    return right("First nanometres, then multiples of 16; predict does the second part itself.")


def _blended(tiles, starts, weight, length, divide=True):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed if divide else total


@checker
def blend(answer) -> Verdict:
    """``answer(tiles, starts, weight, length)``: weighted mean of tiles that overlap."""
    tiles = [np.array([0.2, 0.4, 0.95]), np.array([0.9, 0.4, 0.5]), np.array([0.3, 0.8, 0.7])]
    starts, weight, length = [0, 2, 3], np.array([0.5, 1.0, 0.25]), 6
    given, weights = [t.copy() for t in tiles], weight.copy()
    value = run(answer, given, list(starts), weights, length)
    last, count, largest, heaviest = np.zeros((4, length))
    reached = np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        last[start : start + 3] = tile
        count[start : start + 3] += 1
        largest[start : start + 3] = np.maximum(largest[start : start + 3], tile)
        for at, (one, value_there) in enumerate(zip(weight, tile, strict=True), start):
            if one > reached[at]:
                reached[at], heaviest[at] = one, value_there
    summed = _blended(tiles, starts, weight, length, divide=False)
    mistakes = {
        "not_divided": (
            summed,
            "Sums of weighted tiles, not divided by the sum of the weights: a pixel's value then "
            "depends on how many tiles cover it.",
        ),
        "divided_by_count": (
            summed / count,
            "Divided by the number of tiles on a pixel. The weights do not average to 1: divide "
            "by their sum.",
        ),
        "not_weighted": (
            _blended(tiles, starts, np.ones(3), length, divide=False)
            / _blended([np.ones(3)] * 3, starts, weight, length, divide=False),
            "Divided by the sum of the weights, but the tiles were not multiplied by them.",
        ),
        "largest": (
            largest,
            "That is the largest of the values at each pixel. A weighted mean is wanted.",
        ),
        "heaviest": (
            heaviest,
            "At each pixel the tile with the largest weight has all the say: where that changes, a "
            "seam can be left. Take the weighted mean.",
        ),
        "plain_mean": (
            _blended(tiles, starts, np.ones(3), length),
            "That is the plain mean: the rim of a tile counts as much as its middle.",
        ),
        "last_tile_wins": (
            last,
            "The last tile overwrites the others (= where += is needed): that is where seams "
            "come from.",
        ),
        "normalised_tiles": (
            _blended(tiles, starts, weight / weight.sum(), length, divide=False),
            "The weights were made to sum to 1 along a tile. They have to sum to 1 at each pixel "
            "of the image, over the tiles that cover it.",
        ),
    }
    compare(value, _blended(tiles, starts, weight, length), mistakes, what="the blended line")
    if not (np.array_equal(given, tiles) and np.array_equal(weights, weight)):
        return not_yet(
            "The line is right, but the arrays that were passed in are changed: *= and /= write "
            "into them, so that a second call gives another line. Make new ones: weight * tile.",
            "in_place",
        )
    return right("Where one tile stands alone its weight cancels, even a small one.")


@checker
def average_flip(answer) -> Verdict:
    """``answer(predict, image)``: mean over the image and its left-right mirror image."""
    image = np.array([[0.1, 0.5, 0.2], [0.9, 0.3, 0.4]])

    def network(picture):
        # Answers differently for a mirrored picture, as networks do.
        rows, columns = np.indices(picture.shape)
        return picture**2 * (1 + columns + 2 * rows) / 5

    value = run(answer, network, image.copy())
    plain, mirrored = network(image), network(image[:, ::-1])
    upside = network(image[::-1])
    mistakes = {
        "not_turned_back": (
            (plain + mirrored) / 2,
            "The second prediction is still mirrored: every membrane appears twice. Flip it back "
            "before the mean.",
        ),
        "other_axis": (
            (plain + upside[::-1]) / 2,
            "That is the flip from top to bottom. Left and right are the columns, the second axis.",
        ),
        "both_axes": (
            (plain + network(image[::-1, ::-1])[::-1, ::-1]) / 2,
            "Turned by half a turn: np.flip without an axis, or [::-1, ::-1], mirrors rows and "
            "columns. Left and right are the columns alone, axis 1.",
        ),
        "half_of_one": (
            plain + mirrored[:, ::-1] / 2,
            "Only the second answer is halved: put brackets around the sum.",
        ),
        "sum": (plain + mirrored[:, ::-1], "That is the sum; a probability is wanted: halve it."),
        "no_flip": (plain, "Only the image itself was asked."),
        "flip_only": (mirrored[:, ::-1], "Only the mirror image was asked: take the mean of both."),
        "image_flipped_after": (
            (plain + plain[:, ::-1]) / 2,
            "The prediction was mirrored, not the image: the network has to see the mirror image.",
        ),
    }
    compare(value, (plain + mirrored[:, ::-1]) / 2, mistakes, what="the average")
    return right("There and back again: six more such pairs and it is what tta=True does.")


@checker
def steady(answer) -> Verdict:
    """``answer(cuts, largest, slack)``: lowest cut after which the largest cell shrinks no more."""
    value = run(answer, _CUTS.copy(), _LARGEST.copy(), 0.02)
    if np.ndim(value):
        return not_yet("One number is wanted, a threshold, and yours are several.", WRONG_SHAPE)
    plateau = (
        "You stopped where the share stands still for the first time. It falls again after that: "
        "a leak was left. Look at all that is still to come."
    )
    mistakes = {
        "first_plateau": (0.5, plateau),
        "first_plateau_end": (0.6, plateau),
        "largest_fall": (
            0.4,
            "That is where the steepest fall ends. The share goes on falling after it.",
        ),
        "single_steps": (
            0.7,
            "From there on no single step is larger than slack, but together they are. Compare "
            "with the smallest share that is still to come.",
        ),
        "last_value": (
            0.8,
            "You compared with the last share. In between it is smaller than that: compare with "
            "the smallest one that is still to come.",
        ),
        "smallest": (
            0.9,
            "That is where the share is smallest. A little lower it is smaller by less than "
            "slack already, and every threshold that is higher than needed splits cells.",
        ),
        "highest": (
            0.95,
            "That is the highest threshold of all. The lowest that will do is wanted.",
        ),
        "index": (6, "That is the place of the threshold in the list, not the threshold."),
        "share": (0.167, "That is the share at the threshold. The threshold itself is wanted."),
    }
    compare(value, 0.85, mistakes, what="the threshold")
    looser = {
        "slack_ignored": (
            0.85,
            "Right for a slack of 0.02. With 0.1 your answer is the same: use the argument.",
        )
    }
    value = run(answer, _CUTS.copy(), _LARGEST.copy(), 0.1)
    compare(value, 0.7, looser, what="the threshold for a slack of 0.1")
    level = {
        "level": (
            0.7,
            "Where the share is level from the start, the first threshold will do; you begin with "
            "the second.",
        )
    }
    value = run(answer, _CUTS[3:6].copy(), np.array([0.12, 0.11, 0.115]), 0.02)
    compare(value, 0.6, level, what="the threshold for a share that is level")
    value = run(answer, _CUTS[3:6].copy(), np.array([0.5, 0.4, 0.3]), 0.02)
    compare(value, 0.8, what="the threshold for a share that falls to the end")
    return right(
        "Not the first calm but the last: a leak can close late. Then look at the outlines."
    )


@checker
def cell_areas(answer) -> Verdict:
    """``answer(labels, pixel_nm)``: area of cell 1, 2, ... in square micrometres."""
    pixel_nm = 250.0
    value = run(answer, _LABELS.copy(), pixel_nm)
    pixels = np.bincount(_LABELS.ravel())
    side = pixel_nm / 1000
    mistakes = {
        "membrane_counted": (
            pixels * side**2,
            "The first number belongs to label 0, the membrane: leave it out.",
        ),
        "side_not_squared": (
            pixels[1:] * side,
            "Multiplied by the side of a pixel. Its area is the side squared.",
        ),
        "nanometres": (
            pixels[1:] * pixel_nm**2,
            "Square nanometres: a micrometre has 1000 nm, its square a million square nanometres.",
        ),
        "nm_to_um_once": (
            pixels[1:] * pixel_nm**2 / 1000,
            "Divided by 1000 once. The square of a micrometre has a million square nanometres.",
        ),
        "fixed_4": (
            pixels[1:] * 16 / 1e6,
            "That is right for pixels of 4 nm: compute the area of a pixel from `pixel_nm`.",
        ),
        "count_squared": (
            (pixels[1:] * side) ** 2,
            "The number of pixels was squared as well: only the side of a pixel is.",
        ),
        "pixels": (pixels[1:], "These are pixels; say how large a pixel is."),
    }
    compare(value, pixels[1:] * side**2, mistakes, what="the areas")
    value = run(answer, _NO_BACKGROUND.copy(), pixel_nm)
    areas = np.bincount(_NO_BACKGROUND.ravel())[1:] * side**2
    first_lost = {
        "first_dropped": (
            areas[1:],
            "Right where there is membrane. These labels have no 0, and your function leaves out "
            "cell 1 instead: leave out label 0, not whichever comes first.",
        ),
        "background_kept": (
            np.append(0, areas),
            "These labels have no 0, and your list begins with an area for it all the same.",
        ),
    }
    compare(value, areas, first_lost, what="the areas for labels without a 0")
    return right("Areas of cut faces. A cell's size in the section is not its size in the tissue.")
