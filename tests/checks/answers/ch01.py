"""Right and wrong answers to the exercises of chapter 1."""

import numpy as np
from scipy.spatial import distance


def overlap_over(below):
    return lambda t, p: (t & p).sum() / below(t, p)


def v_rand(together, apart):
    return 2 * together / (2 * together + apart)


def pairs(sizes):
    return sum(n * n for n in sizes)


def merged(sizes, i, j):
    return v_rand(pairs(sizes), 2 * sizes[i] * sizes[j])


def merge_part(sizes, i, j):
    return pairs(sizes) / (pairs(sizes) + 2 * sizes[i] * sizes[j])


def without_putting_back(sizes, i, j):
    return v_rand(pairs(sizes) - sum(sizes), 2 * sizes[i] * sizes[j])


def four_cells(*opened):
    mask = np.zeros((9, 13))
    mask[4] = mask[:4, 4] = mask[5:, 8] = 1
    for place in opened:
        mask[place] = 0
    return mask


def dice(t, p):
    return 2 * (t & p).sum() / (t.sum() + p.sum())


def dice_pixel_by_pixel(t, p):
    both = areas = 0
    for one, other in zip(t.flat, p.flat, strict=True):
        both += one and other
        areas += int(one) + int(other)
    return 2 * both / areas


def merged_by_matrix(sizes, i, j):
    true = np.diag(np.square(sizes))
    answer = true.copy()
    answer[i, j] = answer[j, i] = sizes[i] * sizes[j]
    return 2 * true.sum() / (true.sum() + answer.sum())


def merged_pair_by_pair(sizes, i, j):
    truth = [cell for cell, size in enumerate(sizes) for _ in range(size)]
    answer = [i if cell == j else cell for cell in truth]
    together = sum(a == b for a in truth for b in truth)
    return [2 * together / (together + sum(a == b for a in answer for b in answer))]


FOOLED = four_cells((2, 4), (4, 2), (6, 8))


RIGHT = {
    "constant": [(0.2, 0, 1 / 3), [0.2, 0.0, 0.33], np.array([0.2, 0, 0.333])],
    "dice": [dice, dice_pixel_by_pixel, lambda t, p: 1 - distance.dice(t.ravel(), p.ravel())],
    "share": [0.878 / 1.122, 0.7825, np.array([0.78253])],
    "merged": [merged, merged_by_matrix, merged_pair_by_pair],
    "fool": [FOOLED, FOOLED.tolist(), FOOLED.astype(bool)],
}
WRONG = {
    "constant": [
        dict(cell_of_empty=(0.2, 0.889, 0.333), accuracy_of_cell=(0.8, 0, 0.333)),
        dict(without_two=(0.2, 0, 4 / 24), empty_sheet=(0.8, 0.889, 0), polarity=(0.2, 0.333, 0)),
        dict(percent=(20, 0, 100 / 3), jaccard=(0.2, 0, 0.2), recall=(0.2, 0, 1)),
    ],
    "dice": [
        dict(cell_polarity=lambda t, p: 2 * (~t & ~p).sum() / ((~t).sum() + (~p).sum())),
        dict(distance=lambda t, p: 1 - 2 * (t & p).sum() / (t.sum() + p.sum())),
        dict(agreement=lambda t, p: 2 * (t == p).sum() / (t.sum() + p.sum())),
        dict(doubled_jaccard=overlap_over(lambda t, p: (t | p).sum() / 2)),
        dict(brackets=lambda t, p: 2 * (t & p).sum() / t.sum() + p.sum()),
        dict(not_summed=lambda t, p: 2 * (t & p) / (t.sum() + p.sum())),
        dict(without_two=overlap_over(lambda t, p: t.sum() + p.sum())),
        dict(jaccard=overlap_over(lambda t, p: (t | p).sum())),
        dict(precision=overlap_over(lambda t, p: p.sum()), accuracy=lambda t, p: (t == p).mean()),
        dict(all_pixels=lambda t, p: 2 * (t & p).mean(), recall=overlap_over(lambda t, p: t.sum())),
    ],
    "share": [
        dict(what_is_missing=0.122, membrane_share=0.2175, of_the_stack=0.7804, sign=0.878 / 2.878),
        dict(is_accuracy=0.878, forwards=0.935, percent=78.25, halved=0.439),
    ],
    "merged": [
        dict(own_pairs_twice=lambda n, i, j: v_rand(pairs(n), (n[i] + n[j]) ** 2)),
        dict(all_merged=lambda n, i, j: 2 * pairs(n) / (pairs(n) + sum(n) ** 2)),
        dict(sizes_not_squared=lambda n, i, j: v_rand(sum(n), 2 * n[i] * n[j])),
        dict(arithmetic_mean=lambda n, i, j: (1 + merge_part(n, i, j)) / 2, merge_part=merge_part),
        dict(half_the_pairs=lambda n, i, j: v_rand(pairs(n), n[i] * n[j])),
        dict(only_the_two=lambda n, i, j: merged([n[i], n[j]], 0, 1)),
        dict(distance=lambda *a: 1 - merged(*a), pairs_of_two=without_putting_back),
    ],
    "fool": [
        dict(joins_nothing=np.maximum(four_cells(), np.eye(9, 13, 12)), too_many=np.zeros((9, 13))),
        dict(walls_left=four_cells((2, 4), (4, 2)), joins_nothing=four_cells((4, 4))),
        dict(wrong_shape=np.zeros((3, 3)), polarity=1 - four_cells(), untouched=four_cells()),
    ],
}
