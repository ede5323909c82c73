"""Right and wrong answers to the exercises of chapter 1."""

import numpy as np
from scipy.spatial import distance


def overlap_over(below):
    return lambda t, p: (t & p).sum() / below(t, p)


def merged(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + 2 * sizes[i] * sizes[j])


def merge_part(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return pairs / (pairs + 2 * sizes[i] * sizes[j])


def merged_without_the_others(sizes, i, j):
    return merged([sizes[i], sizes[j]], 0, 1)


def merged_one_order(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + sizes[i] * sizes[j])


def merged_without_squares(sizes, i, j):
    return 2 * sum(sizes) / (2 * sum(sizes) + 2 * sizes[i] * sizes[j])


def merged_without_putting_back(sizes, i, j):
    pairs = sum(n * (n - 1) for n in sizes)
    return 2 * pairs / (2 * pairs + 2 * sizes[i] * sizes[j])


def merged_counting_own_pairs_twice(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (2 * pairs + (sizes[i] + sizes[j]) ** 2)


def all_merged(sizes, i, j):
    pairs = sum(n * n for n in sizes)
    return 2 * pairs / (pairs + sum(sizes) ** 2)


def four_cells(*opened):
    mask = np.zeros((9, 13))
    mask[4] = mask[:4, 4] = mask[5:, 8] = 1
    for place in opened:
        mask[place] = 0
    return mask


def more_membrane():
    mask = four_cells()
    mask[1, 1] = 1
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
        dict(empty_sheet=(0.8, 0.889, 0), polarity=(0.2, 0.333, 0), without_two=(0.2, 0, 4 / 24)),
        dict(jaccard=(0.2, 0, 0.2), percent=(20, 0, 100 / 3), accuracy_of_cell=(0.8, 0, 0.333)),
        dict(cell_of_empty=(0.2, 0.889, 0.333), recall=(0.2, 0, 1)),
    ],
    "dice": [
        dict(without_two=overlap_over(lambda t, p: t.sum() + p.sum())),
        dict(jaccard=overlap_over(lambda t, p: (t | p).sum())),
        dict(doubled_jaccard=overlap_over(lambda t, p: (t | p).sum() / 2)),
        dict(cell_polarity=lambda t, p: 2 * (~t & ~p).sum() / ((~t).sum() + (~p).sum())),
        dict(accuracy=lambda t, p: (t == p).mean(), precision=overlap_over(lambda t, p: p.sum())),
        dict(recall=overlap_over(lambda t, p: t.sum()), all_pixels=lambda t, p: 2 * (t & p).mean()),
        dict(distance=lambda t, p: 1 - 2 * (t & p).sum() / (t.sum() + p.sum())),
        dict(agreement=lambda t, p: 2 * (t == p).sum() / (t.sum() + p.sum())),
        dict(brackets=lambda t, p: 2 * (t & p).sum() / t.sum() + p.sum()),
        dict(not_summed=lambda t, p: 2 * (t & p) / (t.sum() + p.sum())),
    ],
    "share": [
        dict(percent=78.25, of_the_stack=0.7804, what_is_missing=0.122, is_accuracy=0.878),
        dict(forwards=0.935, membrane_share=0.2175, sign=0.878 / 2.878, halved=0.439),
    ],
    "merged": [
        dict(merge_part=merge_part, arithmetic_mean=lambda n, i, j: (1 + merge_part(n, i, j)) / 2),
        dict(half_the_pairs=merged_one_order, sizes_not_squared=merged_without_squares),
        dict(only_the_two=merged_without_the_others, pairs_of_two=merged_without_putting_back),
        dict(own_pairs_twice=merged_counting_own_pairs_twice, all_merged=all_merged),
        dict(distance=lambda sizes, i, j: 1 - merged(sizes, i, j)),
    ],
    "fool": [
        dict(untouched=four_cells(), polarity=1 - four_cells(), too_many=np.zeros((9, 13))),
        dict(joins_nothing=four_cells((4, 4))),
        dict(joins_nothing=more_membrane(), walls_left=four_cells((2, 4), (4, 2))),
        dict(wrong_shape=np.zeros((3, 3))),
    ],
}
