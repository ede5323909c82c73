"""Right and wrong answers to the exercises of chapter 1."""

import numpy as np
from checks.answers.shared import asked
from damunet_book.checks import ch01
from scipy.spatial import distance

T, P = asked(ch01.dice)
BOTH, AREAS = (T & P).sum(), T.sum() + P.sum()
N, A, B = asked(ch01.merged)
PAIRS, MORE = np.square(N).sum(), 2 * N[A] * N[B]


def v_rand(together, apart):
    return 2 * together / (2 * together + apart)


def four_cells(*opened):
    mask = np.zeros((9, 13))
    mask[4] = mask[:4, 4] = mask[5:, 8] = 1
    for place in opened:
        mask[place] = 0
    return mask


def dice_pixel_by_pixel(t, p):
    both = sum(one and other for one, other in zip(t.flat, p.flat, strict=True))
    return 2 * both / (sum(t.flat) + sum(p.flat))


def merged_by_sizes(sizes, i, j):
    after = [size for k, size in enumerate(sizes) if k not in (i, j)] + [sizes[i] + sizes[j]]
    true, answered = (sum(size**2 for size in row) for row in (sizes, after))
    return 2 * true / (true + answered)


def merged_pair_by_pair(sizes, i, j):
    truth = [cell for cell, size in enumerate(sizes) for _ in range(size)]
    answer = [i if cell == j else cell for cell in truth]
    together = sum(a == b for a in truth for b in truth)
    return [2 * together / (together + sum(a == b for a in answer for b in answer))]


FOOLED = four_cells((2, 4), (4, 2), (6, 8))


RIGHT = {
    "constant": [(0.2, 0, 1 / 3), [0.2, 0.0, 0.33], np.array([0.2, 0, 0.333])],
    "dice": [
        lambda t, p: 2 * (t & p).sum() / (t.sum() + p.sum()),
        lambda t, p: 1 - distance.dice(t.ravel(), p.ravel()),
        dice_pixel_by_pixel,
    ],
    "share": [0.878 / 1.122, 0.7825, np.array([0.78253])],
    "merged": [
        lambda n, i, j: v_rand(sum(size * size for size in n), 2 * n[i] * n[j]),
        merged_by_sizes,
        merged_pair_by_pair,
    ],
    "fool": [FOOLED, FOOLED.tolist(), FOOLED.astype(bool)],
}
WRONG = {
    "constant": [
        dict(cell_of_empty=(0.2, 0.889, 0.333), accuracy_of_cell=(0.8, 0, 0.333)),
        dict(without_two=(0.2, 0, 4 / 24), empty_sheet=(0.8, 0.889, 0), polarity=(0.2, 0.333, 0)),
        dict(percent=(20, 0, 33.3), jaccard=(0.2, 0, 0.2), recall=(0.2, 0, 1)),
    ],
    "dice": [
        dict(cell_polarity=2 * (~T & ~P).sum() / (28 - AREAS), not_summed=2 * (T & P) / AREAS),
        dict(doubled_jaccard=2 * BOTH / (T | P).sum(), brackets=2 * BOTH / T.sum() + P.sum()),
        dict(agreement=2 * (T == P).sum() / AREAS, distance=1 - 2 * BOTH / AREAS),
        dict(all_pixels=2 * (T & P).mean(), jaccard=BOTH / (T | P).sum(), without_two=BOTH / AREAS),
        dict(precision=BOTH / P.sum(), accuracy=(T == P).mean(), recall=BOTH / T.sum()),
    ],
    "share": [
        dict(what_is_missing=0.122, membrane_share=0.2175, of_the_stack=0.7804, sign=0.878 / 2.878),
        dict(is_accuracy=0.878, forwards=0.935, percent=78.25, two_digits=0.78, halved=0.439),
    ],
    "merged": [
        dict(own_pairs_twice=v_rand(PAIRS, (N[A] + N[B]) ** 2), merge_part=PAIRS / (PAIRS + MORE)),
        dict(all_merged=2 * PAIRS / (PAIRS + sum(N) ** 2), sizes_not_squared=v_rand(sum(N), MORE)),
        dict(arithmetic_mean=(1 + PAIRS / (PAIRS + MORE)) / 2, distance=1 - v_rand(PAIRS, MORE)),
        dict(half_the_pairs=v_rand(PAIRS, MORE / 2), pairs_of_two=v_rand(PAIRS - sum(N), MORE)),
        dict(only_the_two=v_rand(N[A] ** 2 + N[B] ** 2, MORE)),
    ],
    "fool": [
        dict(joins_nothing=np.maximum(four_cells(), np.eye(9, 13, 12)), too_many=np.zeros((9, 13))),
        dict(walls_left=four_cells((2, 4), (4, 2)), joins_nothing=four_cells((4, 4))),
        dict(wrong_shape=np.zeros((3, 3)), polarity=1 - FOOLED, untouched=four_cells()),
    ],
}
