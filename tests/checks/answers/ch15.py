"""Right and wrong answers to the exercises of chapter 15."""

import math

import numpy as np
from skimage.measure import regionprops


def up(n):
    return -(-n // 16) * 16


def sized(whole=round, padded=up):
    """A function that gives the working size, with its two roundings."""

    def answer(rows, columns, pixel_nm):
        zoom = pixel_nm / 4
        return zoom, *(padded(whole(side * zoom)) for side in (rows, columns))

    return answer


working_size = sized()


def at_each_pixel(choose):
    """A function that makes each pixel of a line of the weights and values of tiles there."""

    def answer(tiles, starts, weight, length):
        line = []
        for at in range(length):
            covering = [
                (weight[at - start], tile[at - start])
                for tile, start in zip(tiles, starts, strict=True)
                if 0 <= at - start < len(tile)
            ]
            weights, values = np.transpose(covering)
            line.append(choose(weights, values))
        return line

    return answer


def blend(tiles, starts, weight, length):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed


def tiles_in_place(tiles, starts, weight, length):
    line = blend(tiles, starts, weight, length)
    tiles[0] *= weight
    return line


def weight_in_place(tiles, starts, weight, length):
    weight /= weight.sum()
    return blend(tiles, starts, weight, length)


def average_flip(predict, image):
    return (predict(image) + predict(image[:, ::-1])[:, ::-1]) / 2


def first_where(holds):
    """The first threshold at which something is true of the shares from there on."""

    def answer(cuts, largest, slack):
        return next((cut for k, cut in enumerate(cuts) if holds(largest[k:], slack)), 0)

    return answer


def steady(cuts, largest, slack):
    for k, cut in enumerate(cuts):
        if largest[k] - min(largest[k:]) <= slack:
            return cut


def pixels(labels):
    return np.bincount(labels.ravel())[1:]


def cell_areas(labels, pixel_nm):
    return pixels(labels) * (pixel_nm / 1000) ** 2


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


def blend_by_matrix(tiles, starts, weight, length):
    shares, values = np.zeros((2, len(tiles), length))
    for k, start in enumerate(starts):
        shares[k, start : start + len(weight)] = weight
        values[k, start : start + len(weight)] = tiles[k]
    return (shares / shares.sum(0) * values).sum(0)


def average_flip_by_numpy(predict, image):
    return np.mean([predict(image), np.fliplr(predict(np.fliplr(image)))], axis=0)


def flip_by_list(predict, image):
    back = [row[::-1] for row in predict(np.array([row[::-1] for row in image]))]
    return [(a + b) / 2 for a, b in zip(predict(image), back, strict=True)]


def from_the_end(cuts, largest, slack):
    lowest, found = np.inf, None
    for cut, share in reversed(list(zip(cuts, largest, strict=True))):
        lowest = min(lowest, share)
        found = cut if share - lowest <= slack else found
    return found


def in_numpy(cuts, largest, slack):
    still = np.minimum.accumulate(np.array(largest)[::-1])[::-1]
    return np.array(cuts)[np.array(largest) - still <= slack][:1]


def all_that_hold(cuts, largest, slack):
    return [cut for k, cut in enumerate(cuts) if largest[k] - min(largest[k:]) <= slack]


def regions(labels, pixel_nm):
    return (region.area * pixel_nm**2 / 1e6 for region in regionprops(labels))


def areas_by_loop(labels, pixel_nm):
    return [(labels == k).sum() * pixel_nm * pixel_nm / 1e6 for k in range(1, labels.max() + 1)]


RIGHT = {
    "working_size": [working_size, working_size_by_halves, padded],
    "blend": [blend, blend_by_matrix, at_each_pixel(lambda w, v: np.average(v, weights=w))],
    "average_flip": [average_flip, average_flip_by_numpy, flip_by_list],
    "steady": [steady, from_the_end, in_numpy],
    "cell_areas": [cell_areas, regions, areas_by_loop],
}
WRONG = {
    "working_size": [
        dict(padded_first=lambda r, c, nm: sized(padded=int)(up(r), up(c), nm), cut=sized(int)),
        dict(zoom_last=lambda r, c, nm: (*working_size(r, c, nm)[1:], nm / 4)),
        dict(other=lambda r, c, nm: (nm / 4, 464, working_size(r, c, nm)[2])),
        dict(nested=lambda r, c, nm: (nm / 4, working_size(r, c, nm)[1:]), ceil=sized(math.ceil)),
        dict(always_one_more=sized(padded=lambda n: (n // 16 + 1) * 16)),
        dict(other=lambda r, c, nm: (1, *working_size(r, c, nm)[1:]), no_padding=sized(padded=int)),
        dict(wrong_shape=lambda r, c, nm: working_size(r, c, nm)[1:]),
        dict(inverse=lambda r, c, nm: working_size(r, c, 16 / nm)),
        dict(ceil=sized(float, lambda n: math.ceil(n / 16) * 16)),
        dict(nearest=sized(padded=lambda n: round(n / 16) * 16)),
        dict(rounded_down=sized(padded=lambda n: n // 16 * 16)),
        dict(wrong_shape=lambda r, c, nm: ("a", "b", "c")),
    ],
    "blend": [
        dict(divided_by_count=at_each_pixel(lambda w, v: (w * v).mean()), in_place=weight_in_place),
        dict(not_weighted=at_each_pixel(lambda w, v: v.sum() / w.sum()), in_place=tiles_in_place),
        dict(normalised_tiles=at_each_pixel(lambda w, v: w @ v / 1.75)),
        dict(heaviest=at_each_pixel(lambda w, v: v[w.argmax()])),
        dict(last_tile_wins=at_each_pixel(lambda w, v: v[-1])),
        dict(plain_mean=at_each_pixel(lambda w, v: v.mean())),
        dict(not_divided=at_each_pixel(lambda w, v: w @ v)),
        dict(largest=at_each_pixel(lambda w, v: v.max())),
    ],
    "average_flip": [
        dict(image_flipped_after=lambda f, x: (f(x) + f(x)[:, ::-1]) / 2),
        dict(both_axes=lambda f, x: (f(x) + np.flip(f(np.flip(x)))) / 2, no_flip=lambda f, x: f(x)),
        dict(half_of_one=lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1] / 2),
        dict(not_turned_back=lambda f, x: (f(x) + f(x[:, ::-1])) / 2),
        dict(other_axis=lambda f, x: (f(x) + f(x[::-1])[::-1]) / 2),
        dict(sum=lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1]),
        dict(flip_only=lambda f, x: f(x[:, ::-1])[:, ::-1]),
    ],
    "steady": [
        dict(first_plateau_end=lambda c, x, s: c[np.argmax(-np.diff(x) <= s) + 1]),
        dict(other=first_where(lambda x, s: x[0] - min(x[1:], default=-1) <= s)),
        dict(single_steps=first_where(lambda x, s: (-np.diff(x) <= s).all())),
        dict(relative=first_where(lambda x, s: (x[0] - min(x)) / x[0] <= s), several=all_that_hold),
        dict(largest_fall=lambda c, x, s: c[np.argmin(np.diff(x)) + 1]),
        dict(first_plateau=first_where(lambda x, s: x[0] - x[1] <= s)),
        dict(share=lambda c, x, s: x[list(c).index(steady(c, x, s))]),
        dict(last_value=first_where(lambda x, s: x[0] - x[-1] <= s), highest=lambda c, x, s: c[-1]),
        dict(index=lambda c, x, s: list(c).index(steady(c, x, s))),
        dict(highest=lambda c, x, s: all_that_hold(c, x, s)[-1]),
        dict(slack_ignored=lambda c, x, s: steady(c, x, 0.02)),
        dict(level=lambda c, x, s: steady(c[1:], x[1:], s)),
        dict(smallest=lambda c, x, s: c[np.argmin(x)]),
        dict(smallest=lambda c, x, s: steady(c, x, 0)),
    ],
    "cell_areas": [
        dict(background_kept=lambda x, nm: np.append([0] * (0 not in x), cell_areas(x, nm))),
        dict(membrane_counted=lambda x, nm: np.bincount(x.ravel()) * (nm / 1000) ** 2),
        dict(first_dropped=lambda x, nm: cell_areas(x, nm)[0 not in x :]),
        dict(count_squared=lambda x, nm: (pixels(x) * nm / 1000) ** 2),
        dict(side_not_squared=lambda x, nm: pixels(x) * nm / 1000, pixels=lambda x, nm: pixels(x)),
        dict(nm_to_um_once=lambda x, nm: pixels(x) * nm**2 / 1000),
        dict(nanometres=lambda x, nm: pixels(x) * nm**2),
        dict(fixed_4=lambda x, nm: pixels(x) * 16 / 1e6),
    ],
}
