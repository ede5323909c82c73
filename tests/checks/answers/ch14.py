"""Right and wrong answers to the exercises of chapter 14."""

import numpy as np
import pandas as pd
from checks.answers.shared import asked, best_column
from damunet_book.checks import ch14
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def by_labels(regions, walls, cut):
    label = list(range(regions))
    for a, b, strength in walls:
        if strength < cut:
            label = [label[a] if one == label[b] else one for one in label]
    return len(set(label))


def by_growing(regions, walls, cut):
    cells = [{region} for region in range(regions)]
    for pair in ({a, b} for a, b, strength in walls if strength < cut):
        joined = [cell for cell in cells if cell & pair]
        cells = [cell for cell in cells if not cell & pair] + [set.union(*joined)]
    return len(cells)


def by_scipy(regions, walls, cut):
    a, b, strength = np.transpose(walls)
    weak = strength < cut
    pairs = (a[weak].astype(int), b[weak].astype(int))
    return connected_components(coo_array((weak[weak], pairs), (regions, regions)))[0]


REGIONS, WALLS, CUT = asked(ch14.count_cells)
V, T = asked(ch14.reported)
MEANS = T.mean(0)
RIGHT = {
    "neck_numbers": [[5, 2, 0.4], (5.0, 2.0, 2 / 5), np.array([5, 2, 0.4])],
    "is_cut": [
        lambda a, b, saddle, neck: saddle < neck * min(a, b),
        lambda a, b, saddle, neck: saddle / a < neck and saddle / b < neck,
        lambda a, b, saddle, neck: int(saddle < neck * a) * int(saddle < neck * b),
    ],
    "joined_wall": [0.6, np.mean([0.9, 0.7, 0.6, 0.4, 0.5, 0.5]), np.array([3.6 / 6])],
    "count_cells": [by_labels, by_growing, by_scipy],
    "reported": [
        lambda v, t: t.mean(axis=0)[best_column(v)],
        lambda v, t: t[:, np.argmax(v.sum(0))].mean(),
        lambda v, t: pd.DataFrame(t).mean()[pd.DataFrame(v).mean().idxmax()],
    ],
}
WRONG = {
    "neck_numbers": [
        dict(half_side=[4.5, 2, 0.4], side=[9, 2, 0.4], upside_down=[5, 2, 2.5], other=[5, 2, 0.5]),
        dict(width=[5, 3, 0.6], wrong_shape=[5, 2], half_width=[5, 1.5, 0.3], narrow=[5, 1, 0.2]),
    ],
    "is_cut": [
        dict(at_equal=lambda a, b, s, n: s <= n * min(a, b), first=lambda a, b, s, n: s < n * a),
        dict(reversed=lambda a, b, s, n: s > n * min(a, b), absolute=lambda a, b, s, n: s < n),
        dict(larger=lambda a, b, s, n: s < n * max(a, b)),
        dict(mean=lambda a, b, s, n: s < n * (a + b) / 2),
        dict(other=lambda a, b, s, n: s <= n * a and s < n * b),
    ],
    "joined_wall": [
        dict(mean_of_means=0.65, weakest=0.4, stronger=0.8, weaker=0.5, total=3.6, other=0.55)
    ],
    "count_cells": [
        dict(per_wall=REGIONS - sum(s < CUT for *_, s in WALLS), regions=REGIONS, one_pass=4),
        dict(at_equal=by_labels(REGIONS, WALLS, CUT + 1e-9)),
        dict(other=lambda n, walls, cut: n - len({b for a, b, s in walls if s < cut})),
        dict(other=lambda n, walls, cut: n - len({max(a, b) for a, b, s in walls if s < cut})),
        dict(strong=by_labels(REGIONS, [(a, b, -s) for a, b, s in WALLS], 1e-9 - CUT)),
    ],
    "reported": [
        dict(best_on_test=MEANS.max(), best_each=T.max(1).mean(), validation=V.mean(0).max()),
        dict(
            index=best_column(V), lowest=MEANS[best_column(-V)], one_slice=MEANS[V.max(0).argmax()]
        ),
        dict(median=MEANS[np.median(V, axis=0).argmax()], wrong_axis=MEANS[V.mean(1).argmax()]),
        dict(pooled=MEANS[best_column(np.concatenate([V, T]))], worst=MEANS[V.min(0).argmax()]),
        dict(median_reported=np.median(T[:, best_column(V)]), median=MEANS[V[-1].argmax()]),
    ],
}
