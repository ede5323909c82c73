"""Right and wrong answers to the exercises of chapter 14."""

import math

import numpy as np
from skimage.measure import regionprops


def up(n):
    return -(-n // 16) * 16


def working_size(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(round(rows * zoom)), up(round(columns * zoom))


def inverse(rows, columns, pixel_nm):
    return 4 / pixel_nm, up(round(rows * 4 / pixel_nm)), up(round(columns * 4 / pixel_nm))


def rounded_down(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, round(rows * zoom) // 16 * 16, round(columns * zoom) // 16 * 16


def nearest(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, *(round(round(side * zoom) / 16) * 16 for side in (rows, columns))


def no_padding(rows, columns, pixel_nm):
    return pixel_nm / 4, round(rows * pixel_nm / 4), round(columns * pixel_nm / 4)


def padded_first(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, round(up(rows) * zoom), round(up(columns) * zoom)


def one_more_at_16(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, (round(rows * zoom) // 16 + 1) * 16, (round(columns * zoom) // 16 + 1) * 16


def by_int(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(int(rows * zoom)), up(int(columns * zoom))


def by_ceil(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(math.ceil(rows * zoom)), up(math.ceil(columns * zoom))


def straight_up(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return [zoom, *(math.ceil(side * zoom / 16) * 16 for side in (rows, columns))]


def blend(tiles, starts, weight, length, divide=True):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed if divide else total


def in_place(tiles, starts, weight, length):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        tile *= weight
        total[start : start + len(tile)] += tile
        summed[start : start + len(tile)] += weight
    return total / summed


def weight_in_place(tiles, starts, weight, length):
    weight /= weight.sum()
    return blend(tiles, starts, weight, length)


def last_wins(tiles, starts, weight, length):
    line = np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        line[start : start + len(tile)] = tile
    return line


def by_count(tiles, starts, weight, length):
    ones = [np.ones(len(t)) for t in tiles]
    return blend(tiles, starts, weight, length, False) / blend(ones, starts, 1, length, False)


def largest(tiles, starts, weight, length):
    line = np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        line[start : start + len(tile)] = np.maximum(line[start : start + len(tile)], tile)
    return line


def heaviest(tiles, starts, weight, length):
    line = np.zeros(length)
    for at in range(length):
        on = [
            (weight[at - s], t[at - s])
            for t, s in zip(tiles, starts, strict=True)
            if s <= at < s + len(t)
        ]
        line[at] = max(on)[1]
    return line


def not_weighted(tiles, starts, weight, length):
    ones = [np.ones(len(t)) for t in tiles]
    return blend(tiles, starts, 1, length, False) / blend(ones, starts, weight, length, False)


def average_flip(predict, image):
    return (predict(image) + predict(image[:, ::-1])[:, ::-1]) / 2


def steady(cuts, largest, slack):
    for k, cut in enumerate(cuts):
        if largest[k] - min(largest[k:]) <= slack:
            return cut


def first_calm(cuts, largest, slack):
    return next(c for c, a, b in zip(cuts, largest, largest[1:], strict=False) if a - b <= slack)


def end_of_first_calm(cuts, largest, slack):
    return next(
        c for c, a, b in zip(cuts[1:], largest, largest[1:], strict=False) if a - b <= slack
    )


def every_step(cuts, largest, slack):
    falls = -np.diff(largest)
    return next(cut for k, cut in enumerate(cuts) if (falls[k:] <= slack).all())


def against_the_last(cuts, largest, slack):
    return next(c for c, one in zip(cuts, largest, strict=True) if one - largest[-1] <= slack)


def from_the_second(cuts, largest, slack):
    return steady(cuts[1:], largest[1:], slack)


def cell_areas(labels, pixel_nm):
    return np.bincount(labels.ravel())[1:] * (pixel_nm / 1000) ** 2


def padded(rows, columns, pixel_nm):
    sides = np.round(np.array([rows, columns]) * pixel_nm / 4).astype(int)
    return np.array([pixel_nm / 4, *(sides + -sides % 16)])


def working_size_by_halves(rows, columns, pixel_nm):
    zoom, sizes = pixel_nm / 4, []
    for side in (rows, columns):
        side = round(side * zoom)
        while side % 16:
            side += 1
        sizes.append(side)
    return [zoom, *sizes]


def covering(tiles, starts, weight, at):
    """Weight and value of each tile at a pixel."""
    for tile, start in zip(tiles, starts, strict=True):
        if 0 <= at - start < len(tile):
            yield weight[at - start], tile[at - start]


def blend_pixel_by_pixel(tiles, starts, weight, length):
    line = []
    for at in range(length):
        weights, values = zip(*covering(tiles, starts, weight, at), strict=True)
        line.append(np.average(values, weights=weights))
    return line


def blend_by_matrix(tiles, starts, weight, length):
    shares, values = np.zeros((2, len(tiles), length))
    for k, start in enumerate(starts):
        shares[k, start : start + len(weight)] = weight
        values[k, start : start + len(weight)] = tiles[k]
    return (shares / shares.sum(0) * values).sum(0)


def average_flip_by_numpy(predict, image):
    return np.mean([predict(image), np.fliplr(predict(np.fliplr(image)))], axis=0)


def average_flip_by_loop(predict, image):
    total = predict(image) + np.flip(predict(np.flip(image, axis=1)), axis=1)
    return [[value / 2 for value in row] for row in total]


def from_the_end(cuts, largest, slack):
    lowest, found = np.inf, None
    for cut, share in reversed(list(zip(cuts, largest, strict=True))):
        lowest = min(lowest, share)
        found = cut if share - lowest <= slack else found
    return found


def in_numpy(cuts, largest, slack):
    still = np.minimum.accumulate(np.array(largest)[::-1])[::-1]
    return np.array(cuts)[np.array(largest) - still <= slack][:1]


def relative(cuts, largest, slack):
    for k, cut in enumerate(cuts):
        if (largest[k] - min(largest[k:])) / largest[k] <= slack:
            return cut


def first_below(cuts, largest, slack):
    """Never looks at the last threshold."""
    for k, cut in enumerate(cuts[:-1]):
        if largest[k] - min(largest[k + 1 :]) <= slack:
            return cut
    return 0


def all_that_hold(cuts, largest, slack):
    return [cut for k, cut in enumerate(cuts) if largest[k] - min(largest[k:]) <= slack]


def regions(labels, pixel_nm):
    return (region.area * pixel_nm**2 / 1e6 for region in regionprops(labels))


def areas_by_loop(labels, pixel_nm):
    return [(labels == k).sum() * pixel_nm * pixel_nm / 1e6 for k in range(1, labels.max() + 1)]


RIGHT = {
    "working_size": [working_size, working_size_by_halves, padded],
    "blend": [blend, blend_pixel_by_pixel, blend_by_matrix],
    "average_flip": [average_flip, average_flip_by_numpy, average_flip_by_loop],
    "steady": [steady, from_the_end, in_numpy],
    "cell_areas": [cell_areas, regions, areas_by_loop],
}
WRONG = {
    "working_size": [
        dict(inverse=inverse, rounded_down=rounded_down, nearest=nearest, no_padding=no_padding),
        dict(padded_first=padded_first, always_one_more=one_more_at_16, cut=by_int, ceil=by_ceil),
        dict(ceil=straight_up, other=lambda r, c, nm: (1, *working_size(r, c, nm)[1:])),
        dict(other=lambda r, c, nm: (nm / 4, 464, working_size(r, c, nm)[2])),
        dict(wrong_shape=lambda r, c, nm: working_size(r, c, nm)[1:]),
        dict(wrong_shape=lambda r, c, nm: ("a", "b", "c")),
        dict(nested=lambda r, c, nm: (nm / 4, working_size(r, c, nm)[1:])),
        dict(zoom_last=lambda r, c, nm: (*working_size(r, c, nm)[1:], nm / 4)),
    ],
    "blend": [
        dict(in_place=in_place),
        dict(in_place=weight_in_place),
        dict(not_divided=lambda t, s, w, n: blend(t, s, w, n, divide=False)),
        dict(plain_mean=lambda t, s, w, n: blend(t, s, np.ones(3), n), last_tile_wins=last_wins),
        dict(divided_by_count=by_count, largest=largest, heaviest=heaviest),
        dict(not_weighted=not_weighted),
        dict(normalised_tiles=lambda t, s, w, n: blend(t, s, w / w.sum(), n, False)),
    ],
    "average_flip": [
        dict(not_turned_back=lambda f, x: (f(x) + f(x[:, ::-1])) / 2),
        dict(other_axis=lambda f, x: (f(x) + f(x[::-1])[::-1]) / 2),
        dict(both_axes=lambda f, x: (f(x) + np.flip(f(np.flip(x)))) / 2),
        dict(half_of_one=lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1] / 2),
        dict(sum=lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1], no_flip=lambda f, x: f(x)),
        dict(flip_only=lambda f, x: f(x[:, ::-1])[:, ::-1]),
        dict(image_flipped_after=lambda f, x: (f(x) + f(x)[:, ::-1]) / 2),
    ],
    "steady": [
        dict(first_plateau=first_calm, first_plateau_end=end_of_first_calm),
        dict(largest_fall=lambda c, x, s: c[int(np.diff(x).argmin()) + 1], single_steps=every_step),
        dict(last_value=against_the_last, smallest=lambda c, x, s: c[int(np.argmin(x))]),
        dict(smallest=lambda c, x, s: steady(c, x, 0), highest=lambda c, x, s: c[-1]),
        dict(highest=lambda c, x, s: all_that_hold(c, x, s)[-1]),
        dict(index=lambda c, x, s: list(c).index(steady(c, x, s))),
        dict(share=lambda c, x, s: x[list(c).index(steady(c, x, s))]),
        dict(slack_ignored=lambda c, x, s: steady(c, x, 0.02), level=from_the_second),
        dict(other=first_below, several=all_that_hold, relative=relative),
    ],
    "cell_areas": [
        dict(membrane_counted=lambda x, nm: np.bincount(x.ravel()) * (nm / 1000) ** 2),
        dict(side_not_squared=lambda x, nm: np.bincount(x.ravel())[1:] * nm / 1000),
        dict(nanometres=lambda x, nm: np.bincount(x.ravel())[1:] * nm**2),
        dict(nm_to_um_once=lambda x, nm: np.bincount(x.ravel())[1:] * nm**2 / 1000),
        dict(
            first_dropped=lambda x, nm: np.unique(x, return_counts=True)[1][1:] * (nm / 1000) ** 2
        ),
        dict(
            background_kept=lambda x, nm: np.bincount(x.ravel())[0 in x[2:3] :] * (nm / 1000) ** 2
        ),
        dict(fixed_4=lambda x, nm: np.bincount(x.ravel())[1:] * 16 / 1e6),
        dict(count_squared=lambda x, nm: (np.bincount(x.ravel())[1:] * nm / 1000) ** 2),
        dict(pixels=lambda x, nm: np.bincount(x.ravel())[1:]),
    ],
}
