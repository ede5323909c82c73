"""Checkers of chapter 15: working size, blended tiles, a flip averaged, leaks, cell areas.

>>> working_size(lambda rows, columns, pixel_nm: (pixel_nm / 4, 480, 1600))
Not yet. The number of padded rows for 300 x 1000 pixels of 6.5 nm is too small: 480. Rows times
zoom, rounded to whole pixels, then up to the next multiple of 16.
"""

from typing import Any

import numpy as np

from damunet_book.checks import checker, compare, elements, known, run, stop, within

_LABELS = np.array([[1, 1, 0, 2, 2, 2], [1, 1, 0, 2, 2, 2], [0, 0, 0, 0, 0, 0], [3, 0, 4, 4, 4, 4]])
# Falls, stands still, falls again, slides, and rises a little: each usual slip ends at another cut.
_CUTS = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
_LARGEST = np.array([0.60, 0.44, 0.30, 0.29, 0.20, 0.185, 0.167, 0.16, 0.175])
_PLATEAU = (
    "You stopped where the share stands still for the first time. It falls again after that: a "
    "leak was left. Look at all that is still to come."
)
_NO_BACKGROUND = np.array([[1, 1, 2, 2, 2], [1, 3, 3, 3, 3]])


def _up(pixels: int) -> int:
    return -(-pixels // 16) * 16


def _sizes(value, wanted, image: str, **mistakes) -> None:
    """Compare zoom, rows and columns one by one, without giving them away."""
    if isinstance(value, (tuple, list)) and any(np.asarray(one).size > 1 for one in value):
        stop("nested")
    known(value, **mistakes)
    looks = {
        "the zoom": "The zoom is the old width of a pixel over the new one, 4 nm.",
        "the number of padded rows": "Rows times zoom, rounded to whole pixels, then up to the "
        "next multiple of 16.",
        "the number of padded columns": "Columns times zoom, rounded to whole pixels, then up to "
        "the next multiple of 16.",
    }
    elements(value, wanted, "the answer")
    for (what, look), got, good in zip(looks.items(), value, wanted, strict=True):
        compare(got, good, f"{what} for {image}", look=look)


@checker(
    right="First nanometres, then multiples of 16; predict does the second part itself.",
    inverse="The zoom is upside down. A pixel of 6.5 nm is larger than one of 4 nm, so the image "
    "needs more pixels, not fewer.",
    zoom_last="All three are right, in another order: the zoom comes first.",
    rounded_down="Rounded down to a multiple of 16: a strip of your image would be cut off. "
    "Padding only adds.",
    nearest="Rounded to the nearest multiple of 16, which can cut off a strip. Round up.",
    no_padding="The zoom is right. Four halvings need sides that are multiples of 16: round up.",
    padded_first="Padded before the zoom: after it the sides are no multiples of 16 any more.",
    always_one_more="A side that is a multiple of 16 already needs no padding.",
    nested="Return three numbers side by side: zoom, rows, columns, with no pair among them.",
    cut="A fraction of a pixel is cut off: 985 pixels become 1600.625, and `ndimage.zoom` rounds "
    "that to 1601, for which 1600 is too small. Use round, not int or //.",
    ceil="The 266 pixels become 432.25, and `ndimage.zoom` rounds that to 432, which is a multiple "
    "of 16. Round to the nearest whole pixel first, and up only to the multiple of 16.",
)
def working_size(answer):
    """``answer(rows, columns, pixel_nm)``: zoom to 4 nm, then the padded rows and columns."""
    rows, columns, pixel_nm = 300, 1000, 6.5
    value = run(answer, rows, columns, pixel_nm)
    zoom = pixel_nm / 4
    zoomed = round(rows * zoom), round(columns * zoom)
    small = round(rows / zoom), round(columns / zoom)
    _sizes(
        value,
        (zoom, _up(zoomed[0]), _up(zoomed[1])),
        "300 x 1000 pixels of 6.5 nm",
        inverse=(1 / zoom, _up(small[0]), _up(small[1])),
        zoom_last=(_up(zoomed[0]), _up(zoomed[1]), zoom),
        rounded_down=(zoom, zoomed[0] // 16 * 16, zoomed[1] // 16 * 16),
        nearest=(zoom, round(zoomed[0] / 16) * 16, round(zoomed[1] / 16) * 16),
        no_padding=(zoom, *zoomed),
        padded_first=(zoom, round(_up(rows) * zoom), round(_up(columns) * zoom)),
    )
    value, more = run(answer, 200, 480, 4.0), (1.0, 208, 496)
    _sizes(value, (1.0, 208, 480), "200 x 480 pixels of 4 nm", always_one_more=more)
    value, cut, ceil = run(answer, 266, 985, 6.5), (zoom, 432, 1600), (zoom, 448, 1616)
    _sizes(value, (zoom, 432, 1616), "266 x 985 pixels of 6.5 nm", cut=cut, ceil=ceil)


def _blended(tiles, starts, weight, length, divide=True):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed if divide else total


@checker(
    right="Where one tile stands alone its weight cancels, even a small one.",
    not_divided="Sums of weighted tiles, not divided by the sum of the weights: a pixel's value "
    "then depends on how many tiles cover it.",
    divided_by_count="Divided by the number of tiles on a pixel. The weights do not average to 1: "
    "divide by their sum.",
    not_weighted="Divided by the sum of the weights, but the tiles were not multiplied by them.",
    largest="That is the largest of the values at each pixel. A weighted mean is wanted.",
    heaviest="At each pixel the tile with the largest weight has all the say: where that changes, "
    "a seam can be left. Take the weighted mean.",
    plain_mean="That is the plain mean: the rim of a tile counts as much as its middle.",
    last_tile_wins="The last tile overwrites the others (= where += is needed): that is where "
    "seams come from.",
    normalised_tiles="The weights were made to sum to 1 along a tile. They have to sum to 1 at "
    "each pixel of the image, over the tiles that cover it.",
    in_place="The line is right, but the arrays that were passed in are changed: *= and /= write "
    "into them, so that a second call gives another line. Make new ones: weight * tile.",
)
def blend(answer):
    """``answer(tiles, starts, weight, length)``: weighted mean of tiles that overlap."""
    tiles = [np.array([0.2, 0.4, 0.95]), np.array([0.9, 0.4, 0.5]), np.array([0.3, 0.8, 0.7])]
    starts, weight, length = [0, 2, 3], np.array([0.5, 1.0, 0.25]), 6
    given, weights = [t.copy() for t in tiles], weight.copy()
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
    compare(
        run(answer, given, list(starts), weights, length, fresh=False),
        _blended(tiles, starts, weight, length),
        "the blended line",
        not_divided=summed,
        divided_by_count=summed / count,
        not_weighted=_blended(tiles, starts, np.ones(3), length, divide=False)
        / _blended([np.ones(3)] * 3, starts, weight, length, divide=False),
        largest=largest,
        heaviest=heaviest,
        plain_mean=_blended(tiles, starts, np.ones(3), length),
        last_tile_wins=last,
        normalised_tiles=_blended(tiles, starts, weight / weight.sum(), length, divide=False),
    )
    if not (np.array_equal(given, tiles) and np.array_equal(weights, weight)):
        stop("in_place")
    value = run(answer, [np.ones(2), np.zeros(2)], [1, 0], np.array([0.5, 1.5]), 3)
    compare(value, [0, 1 / 4, 1], "the line of two tiles")


@checker(
    right="There and back again: six more such pairs and it is what tta=True does.",
    not_turned_back="The second prediction is still mirrored: every membrane appears twice. Flip "
    "it back before the mean.",
    other_axis="That is the flip from top to bottom. Left and right are the columns, the second "
    "axis.",
    both_axes="Turned by half a turn: np.flip without an axis, or [::-1, ::-1], mirrors rows and "
    "columns. Left and right are the columns alone, axis 1.",
    half_of_one="Only the second answer is halved: put brackets around the sum.",
    sum="That is the sum; a probability is wanted: halve it.",
    no_flip="Only the image itself was asked.",
    flip_only="Only the mirror image was asked: take the mean of both.",
    image_flipped_after="The prediction was mirrored, not the image: the network has to see the "
    "mirror image.",
)
def average_flip(answer):
    """``answer(predict, image)``: mean over the image and its left-right mirror image."""
    image = np.array([[0.1, 0.5, 0.2], [0.9, 0.3, 0.4]])

    def network(picture):
        # Answers differently for a mirrored picture, as networks do.
        rows, columns = np.indices(picture.shape)
        return picture**2 * (1 + columns + 2 * rows) / 5

    plain, mirrored = network(image), network(image[:, ::-1])
    upside = network(image[::-1])
    compare(
        run(answer, network, image),
        (plain + mirrored[:, ::-1]) / 2,
        "the average",
        not_turned_back=(plain + mirrored) / 2,
        other_axis=(plain + upside[::-1]) / 2,
        both_axes=(plain + network(image[::-1, ::-1])[::-1, ::-1]) / 2,
        half_of_one=plain + mirrored[:, ::-1] / 2,
        sum=plain + mirrored[:, ::-1],
        no_flip=plain,
        flip_only=mirrored[:, ::-1],
        image_flipped_after=(plain + plain[:, ::-1]) / 2,
    )
    other = image.T
    good = (network(other) + network(other[:, ::-1])[:, ::-1]) / 2
    compare(run(answer, network, other), good, "the average for another image")


_STOPS: dict[str, Any] = dict(first_plateau=0.5, first_plateau_end=0.6, largest_fall=0.4, index=6)
_STOPS |= dict(single_steps=0.7, last_value=0.8, smallest=0.9, highest=0.95, share=0.167)


@checker(
    right="Not the first calm but the last: a leak can close late. Is the rule any good? See "
    "below.",
    relative="You compared the fall with slack times the share, or divided it by the share. Here "
    "slack is a difference of two shares: 0.02 is two hundredths of the slice.",
    several="One number is wanted, a threshold, and yours are several.",
    first_plateau=_PLATEAU,
    first_plateau_end=_PLATEAU,
    largest_fall="That is where the steepest fall ends. The share goes on falling after it.",
    single_steps="From there on no single step is larger than slack, but together they are. "
    "Compare with the smallest share that is still to come.",
    last_value="You compared with the last share. In between it is smaller than that: compare with "
    "the smallest one that is still to come.",
    smallest="That is where the share is smallest. A little lower it is smaller by less than slack "
    "already, and every threshold that is higher than needed splits cells.",
    highest="That is the highest threshold of all. The lowest that will do is wanted.",
    index="That is the place of the threshold in the list, not the threshold.",
    share="That is the share at the threshold. The threshold itself is wanted.",
    slack_ignored="Right for a slack of 0.02. With 0.1 your answer is the same: use the argument.",
    strict="A fall of exactly slack is no more than slack: compare with <=.",
    level="Where the share is level from the start, the first threshold will do; you begin with "
    "the second.",
)
def steady(answer):
    """``answer(cuts, largest, slack)``: lowest cut after which the largest cell shrinks no more."""
    value = run(answer, _CUTS, _LARGEST, 0.02)
    if np.asarray(value).size > 1:
        stop("several")
    # Who divides by the share stops where it is smallest; on pale shares the two part ways.
    pale = np.array([0.3, 0.4, 0.5]), np.array([0.9, 0.89, 0.885])
    if within(value, 0.89, 0.91) and within(run(answer, *pale, 0.02), 0.29, 0.31):
        stop("relative")
    compare(value, 0.85, "the threshold", **_STOPS)
    value = run(answer, _CUTS, _LARGEST, 0.1)
    compare(value, 0.7, "the threshold for a slack of 0.1", slack_ignored=0.85)
    value = run(answer, _CUTS[3:6], np.array([0.12, 0.11, 0.115]), 0.02)
    compare(value, 0.6, "the threshold for a share that is level", level=0.7)
    value = run(answer, _CUTS[3:6], np.array([0.5, 0.4, 0.3]), 0.02)
    compare(value, 0.8, "the threshold for a share that falls to the end")
    value = run(answer, _CUTS[3:6], np.array([0.75, 0.5, 0.25]), 0.25)
    compare(value, 0.7, "the threshold for a fall of just slack", strict=0.8)


@checker(
    right="Areas of cut faces. A cell's size in the section is not its size in the tissue.",
    membrane_counted="The first number belongs to label 0, the membrane: leave it out.",
    side_not_squared="Multiplied by the side of a pixel. Its area is the side squared.",
    nanometres="Square nanometres: a micrometre has 1000 nm, its square a million square "
    "nanometres.",
    nm_to_um_once="Divided by 1000 once. The square of a micrometre has a million square "
    "nanometres.",
    fixed_4="That is right for pixels of 4 nm: compute the area of a pixel from `pixel_nm`.",
    zeros="All areas are 0: // cuts them to whole numbers.",
    count_squared="The number of pixels was squared as well: only the side of a pixel is.",
    pixels="These are pixels; say how large a pixel is.",
    first_dropped="Right where there is membrane. These labels have no 0, and your function leaves "
    "out cell 1 instead: leave out label 0, not whichever comes first.",
    background_kept="These labels have no 0, and your list begins with an area for it all the "
    "same.",
)
def cell_areas(answer):
    """``answer(labels, pixel_nm)``: area of cell 1, 2, ... in square micrometres."""
    pixel_nm = 250.0
    pixels = np.bincount(_LABELS.ravel())
    side = pixel_nm / 1000
    compare(
        run(answer, _LABELS, pixel_nm),
        pixels[1:] * side**2,
        "the areas",
        tolerance=1e-6,
        zeros=0 * pixels[1:],
        membrane_counted=pixels * side**2,
        side_not_squared=pixels[1:] * side,
        nanometres=pixels[1:] * pixel_nm**2,
        nm_to_um_once=pixels[1:] * pixel_nm**2 / 1000,
        fixed_4=pixels[1:] * 16 / 1e6,
        count_squared=(pixels[1:] * side) ** 2,
        pixels=pixels[1:],
    )
    areas = np.bincount(_NO_BACKGROUND.ravel())[1:] * side**2
    compare(
        run(answer, _NO_BACKGROUND, pixel_nm),
        areas,
        "the areas for labels without a 0",
        first_dropped=areas[1:],
        background_kept=np.append(0, areas),
    )
