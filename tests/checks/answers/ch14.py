"""Right and wrong answers to the exercises of chapter 14."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def is_cut(summit_a, summit_b, saddle, neck):
    return saddle < neck * min(summit_a, summit_b)


def is_cut_by_shares(summit_a, summit_b, saddle, neck):
    return saddle / summit_a < neck and saddle / summit_b < neck


def by_labels(regions, walls, cut):
    label = list(range(regions))
    for a, b, strength in walls:
        if strength < cut:
            label = [label[a] if one == label[b] else one for one in label]
    return len(set(label))


def by_search(regions, walls, cut):
    weak = [{a, b} for a, b, strength in walls if strength < cut]
    left, cells = set(range(regions)), 0
    while left:
        cells, reached = cells + 1, [left.pop()]
        for region in reached:
            near = {n for pair in weak if region in pair for n in pair} & left
            reached += near
            left -= near
    return cells


def by_scipy(regions, walls, cut):
    a, b, strength = np.transpose(walls)
    weak = strength < cut
    pairs = (a[weak].astype(int), b[weak].astype(int))
    return connected_components(coo_array((weak[weak], pairs), (regions, regions)))[0]


def one_pass(regions, walls, cut):
    label = list(range(regions))
    for a, b, strength in walls:
        if strength < cut:
            label[b] = label[a]
    return len(set(label))


def reported(validation, test):
    return test.mean(axis=0)[validation.mean(axis=0).argmax()]


def reported_by_loop(validation, test):
    means = [sum(column) / len(column) for column in zip(*validation, strict=True)]
    chosen = means.index(max(means))
    return sum(row[chosen] for row in test) / len(test)


def by_mean(a, b, saddle, neck):
    return saddle < neck * (a + b) / 2


RIGHT = {
    "neck_numbers": [[5, 2, 0.4], (5.0, 2.0, 2 / 5), np.array([5, 2, 0.4])],
    "is_cut": [is_cut, is_cut_by_shares, lambda a, b, s, n: int(s < n * a) * int(s < n * b)],
    "joined_wall": [0.6, np.mean([0.9, 0.7, 0.6, 0.4, 0.5, 0.5]), np.array([3.6 / 6])],
    "count_cells": [by_labels, by_search, by_scipy],
    "reported": [reported, reported_by_loop, lambda v, t: t[:, np.argmax(v.sum(0))].mean()],
}
WRONG = {
    "neck_numbers": [
        dict(half_side=[4.5, 2, 0.4], side=[9, 2, 0.4], width=[5, 3, 0.6], wrong_shape=[5, 2]),
        dict(half_width=[5, 1.5, 0.3], narrow=[5, 1, 0.2], upside_down=[5, 2, 2.5]),
        dict(other=[5, 2, 0.5]),
    ],
    "is_cut": [
        dict(larger=lambda a, b, s, n: s < n * max(a, b), mean=by_mean),
        dict(first=lambda a, b, s, n: s < n * a, absolute=lambda a, b, s, n: s < n),
        dict(reversed=lambda a, b, s, n: s > n * min(a, b)),
        dict(at_equal=lambda a, b, s, n: s <= n * min(a, b)),
    ],
    "joined_wall": [
        dict(mean_of_means=0.65, weakest=0.4, stronger=0.8, weaker=0.5, total=3.6, other=0.55)
    ],
    "count_cells": [
        dict(per_wall=lambda r, walls, cut: r - sum(s < cut for *_, s in walls)),
        dict(at_equal=lambda r, walls, cut: by_labels(r, walls, cut + 1e-9), one_pass=one_pass),
        dict(
            strong=lambda r, walls, cut: by_labels(r, [(a, b, -s) for a, b, s in walls], 1e-9 - cut)
        ),
        dict(regions=lambda r, walls, cut: r),
    ],
    "reported": [
        dict(best_on_test=lambda v, t: t.mean(0).max(), best_each=lambda v, t: t.max(1).mean()),
        dict(validation=lambda v, t: v.mean(0).max(), index=lambda v, t: v.mean(0).argmax()),
        dict(one_slice=lambda v, t: t[:, v.max(0).argmax()].mean()),
        dict(pooled=lambda v, t: t[:, np.concatenate([v, t]).mean(0).argmax()].mean()),
    ],
}
