"""Right and wrong answers to the exercises of chapter 15."""

import math

import numpy as np
import pandas as pd
from checks.answers.shared import asked, then
from damunet_book.checks import ch15
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


def working_size_in_numpy(rows, columns, pixel_nm):
    sides = np.round(np.array([rows, columns]) * pixel_nm / 4).astype(int)
    return np.array([pixel_nm / 4, *(sides + -sides % 16)])


def working_size_by_search(rows, columns, pixel_nm):
    zoomed = (round(side * pixel_nm / 4) for side in (rows, columns))
    return [pixel_nm / 4, *(next(n for n in range(one, one + 16) if n % 16 == 0) for one in zoomed)]


def at_each_pixel(choose):
    """A function that makes each pixel of a line of the weights and values of tiles there."""

    def answer(tiles, starts, weight, length):
        shares, values = shares_and_values(tiles, starts, weight, length)
        pairs = ((shares[:, at], values[:, at]) for at in range(length))
        return [choose(share[share > 0], value[share > 0]) for share, value in pairs]

    return answer


def shares_and_values(tiles, starts, weight, length):
    """Weight and value of each tile at each pixel of the line."""
    shares, values = np.zeros((2, len(tiles), length))
    for k, start in enumerate(starts):
        shares[k, start : start + len(weight)] = weight
        values[k, start : start + len(weight)] = tiles[k]
    return shares, values


def blend(tiles, starts, weight, length):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed


def blend_by_matrix(*line):
    shares, values = shares_and_values(*line)
    return (shares / shares.sum(0) * values).sum(0)


def flip_by_list(predict, image):
    back = [row[::-1] for row in predict(np.array([row[::-1] for row in image]))]
    return [(a + b) / 2 for a, b in zip(predict(image), back, strict=True)]


def all_where(holds):
    """All thresholds at which something is true of the shares from there on."""
    return lambda cuts, largest, slack: [
        cut for k, cut in enumerate(cuts) if holds(largest[k:], slack)
    ]


def first_where(holds):
    return then(all_where(holds), lambda cuts: cuts[0] if cuts else 0)


def has_shrunk(shares, slack):
    return shares[0] - min(shares) <= slack


def shrinks_less(shares, slack):
    return shares[0] - min(shares) < slack


steady = first_where(has_shrunk)


def in_pandas(cuts, largest, slack):
    shares = pd.Series(largest, index=cuts)
    return (shares - shares[::-1].cummin()[::-1] <= slack).idxmax()


def in_numpy(cuts, largest, slack):
    still = np.minimum.accumulate(np.array(largest)[::-1])[::-1]
    return np.array(cuts)[np.array(largest) - still <= slack][:1]


def pixels(labels):
    return np.bincount(labels.ravel())[1:]


def cell_areas(labels, pixel_nm):
    return pixels(labels) * (pixel_nm / 1000) ** 2


CUTS, SHARES, SLACK = asked(ch15.steady)
LABELS, NM = asked(ch15.cell_areas)
PIXELS = pixels(LABELS)
RIGHT = {
    "working_size": [working_size, working_size_by_search, working_size_in_numpy],
    "blend": [blend, blend_by_matrix, at_each_pixel(lambda w, v: np.average(v, weights=w))],
    "average_flip": [
        lambda f, x: (f(x) + f(x[:, ::-1])[:, ::-1]) / 2,
        lambda f, x: np.mean([f(x), np.fliplr(f(np.fliplr(x)))], axis=0),
        flip_by_list,
    ],
    "steady": [steady, in_pandas, in_numpy],
    "cell_areas": [
        cell_areas,
        lambda x, nm: (region.area * nm**2 / 1e6 for region in regionprops(x)),
        lambda x, nm: [(x == k).sum() * nm * nm / 1e6 for k in range(1, x.max() + 1)],
    ],
}
WRONG = {
    "working_size": [
        dict(padded_first=lambda r, c, nm: sized(padded=int)(up(r), up(c), nm), cut=sized(int)),
        dict(zoom_last=then(working_size, lambda size: (*size[1:], size[0]))),
        dict(other=then(working_size, lambda size: (size[0], 464, size[2])), ceil=sized(math.ceil)),
        dict(nested=then(working_size, lambda size: (size[0], size[1:])), wrong_shape=(496, 1632)),
        dict(always_one_more=sized(padded=lambda n: (n // 16 + 1) * 16)),
        dict(other=then(working_size, lambda size: (1, *size[1:])), no_padding=sized(padded=int)),
        dict(inverse=lambda r, c, nm: working_size(r, c, 16 / nm), wrong_shape=("a", "b", "c")),
        dict(ceil=sized(float, lambda n: math.ceil(n / 16) * 16)),
        dict(nearest=sized(padded=lambda n: round(n / 16) * 16)),
        dict(rounded_down=sized(padded=lambda n: n // 16 * 16)),
    ],
    "blend": [
        dict(in_place=lambda t, s, w, n: blend(t, s, np.divide(w, 2, out=w), n)),
        dict(in_place=lambda t, s, w, n: (blend(t, s, w, n), t[0].fill(0))[0]),
        dict(divided_by_count=at_each_pixel(lambda w, v: (w * v).mean())),
        dict(not_weighted=at_each_pixel(lambda w, v: v.sum() / w.sum())),
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
        dict(other=first_where(lambda x, s: x[0] - min(x[1:], default=-1) <= s), highest=CUTS[-1]),
        dict(first_plateau_end=CUTS[np.argmax(-np.diff(SHARES) <= SLACK) + 1], share=SHARES[6]),
        dict(single_steps=first_where(lambda x, s: (-np.diff(x) <= s).all()), index=6),
        dict(relative=first_where(lambda x, s: (x[0] - min(x)) / x[0] <= s)),
        dict(first_plateau=CUTS[np.argmax(-np.diff(SHARES) <= SLACK)]),
        dict(last_value=first_where(lambda x, s: x[0] - x[-1] <= s), several=all_where(has_shrunk)),
        dict(largest_fall=CUTS[np.argmin(np.diff(SHARES)) + 1], smallest=CUTS[np.argmin(SHARES)]),
        dict(slack_ignored=lambda c, x, s: steady(c, x, 0.02)),
        dict(level=lambda c, x, s: steady(c[1:], x[1:], s), strict=first_where(shrinks_less)),
        dict(smallest=lambda c, x, s: steady(c, x, 0)),
    ],
    "cell_areas": [
        dict(background_kept=lambda x, nm: np.append([0] * (0 not in x), cell_areas(x, nm))),
        dict(membrane_counted=np.bincount(LABELS.ravel()) * (NM / 1000) ** 2, pixels=PIXELS),
        dict(first_dropped=lambda x, nm: cell_areas(x, nm)[0 not in x :]),
        dict(count_squared=(PIXELS * NM / 1000) ** 2, side_not_squared=PIXELS * NM / 1000),
        dict(nm_to_um_once=PIXELS * NM**2 / 1000, nanometres=PIXELS * NM**2),
        dict(fixed_4=PIXELS * 16 / 1e6, zeros=lambda x, nm: pixels(x) * int(nm) ** 2 // 10**6),
    ],
}
