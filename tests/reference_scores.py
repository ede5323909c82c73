"""Plain re-implementations of the segmentation scores, for comparison with the package.

Straight from the definitions, with loops and dictionaries; nothing here imports the package or
SciPy. Slow on purpose: clarity is all that counts.
"""

import math
from collections import Counter

import numpy as np
from skimage import measure


def neighbours(row, column, height, width):
    for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
        if 0 <= row + down < height and 0 <= column + right < width:
            yield row + down, column + right


def grow_in_rounds(labels):
    """Grow labels one pixel a round, even pixels before odd ones, until lines remain.

    Where there is nothing to grow, the flood meets no shore: the whole image is one segment.
    """
    height, width = len(labels), len(labels[0])
    if not any(label for row in labels for label in row):
        return [[1] * width for _ in range(height)]
    grown = [list(row) for row in labels]
    line = [[False] * width for _ in range(height)]

    def labels_around(row, column):
        return {grown[r][c] for r, c in neighbours(row, column, height, width)} - {0}

    front = [
        (row, column)
        for row in range(height)
        for column in range(width)
        if not labels[row][column] and labels_around(row, column)
    ]
    while front:
        taken = []
        for row, column in sorted(front, key=lambda pixel: sum(pixel) % 2):
            around = labels_around(row, column)
            if len(around) == 1:
                grown[row][column] = around.pop()
                taken.append((row, column))
            else:
                line[row][column] = True
        front = {
            (r, c)
            for pixel in taken
            for r, c in neighbours(*pixel, height, width)
            if not grown[r][c] and not line[r][c]
        }
    return grown


def segmentation_scores(truth, proposal):
    """Both scores with their parts from two flat sequences of labels, as a dict."""
    pairs = []
    for index, (t, s) in enumerate(zip(truth, proposal, strict=True)):
        if t != 0:
            pairs.append((("cell", s) if s != 0 else ("single", index), t))
    n = len(pairs)
    p = {pair: count / n for pair, count in Counter(pairs).items()}
    s = {i: count / n for i, count in Counter(i for i, _ in pairs).items()}
    t = {j: count / n for j, count in Counter(j for _, j in pairs).items()}

    together = sum(x * x for x in p.values())
    in_s = sum(x * x for x in s.values())
    in_t = sum(x * x for x in t.values())
    h_s = -sum(x * math.log(x) for x in s.values())
    h_t = -sum(x * math.log(x) for x in t.values())
    shared = sum(x * math.log(x / (s[i] * t[j])) for (i, j), x in p.items())
    return {
        "v_rand": together / (0.5 * in_s + 0.5 * in_t),
        "v_rand_split": together / in_t,
        "v_rand_merge": together / in_s,
        "v_info": shared / (0.5 * h_s + 0.5 * h_t) if h_s + h_t else 1.0,
        "v_info_split": shared / h_s if h_s else 1.0,
        "v_info_merge": shared / h_t if h_t else 1.0,
    }


def scores_at_threshold(truth_membrane, membrane_probability, threshold):
    """One slice from masks to scores: binarise, label, thin, compare."""
    truth = measure.label(np.array(truth_membrane) == 0, connectivity=1)
    cell = measure.label(1.0 - np.array(membrane_probability) > threshold, connectivity=1)
    proposal = grow_in_rounds(cell.tolist())
    return segmentation_scores(truth.ravel().tolist(), sum(proposal, []))
