"""Cells: where a map is cut, what holds for any map, scores and tables worked out by hand."""

import numpy as np
import pytest
from scipy import ndimage

from damunet_lite.cells import COLUMNS, cell_table, draw_lines, score_cells, segment_cells

ONES = np.ones((4, 4), int)


def map_of(*boxes, shape=(40, 80)):
    """Membrane everywhere but in boxes of rows and columns, (top, bottom, left, right)."""
    probability = np.ones(shape)
    for top, bottom, left, right in boxes:
        probability[top:bottom, left:right] = 0
    return probability


def dumbbell(left, right, corridor):
    """Two squares of odd sides, joined by a corridor of odd width."""
    probability = map_of((20 - left // 2, 21 + left // 2, 5, 5 + left))
    probability[20 - right // 2 : 21 + right // 2, 75 - right : 75] = 0
    probability[20 - corridor // 2 : 21 + corridor // 2, 5 + left : 75 - right] = 0
    return probability


def smooth_map(seed, shape=(70, 90), sigma=4):
    noise = np.random.default_rng(seed).normal(size=shape)
    waves = ndimage.gaussian_filter(noise, sigma)
    return ((waves - waves.min()) / np.ptp(waves)).astype(np.float32)


# --- where a map is cut -------------------------------------------------------------------


# A square of side 2 r - 1 has its middle r from its edge, a corridor of width 2 r - 1 too.
@pytest.mark.parametrize(
    ("left", "right", "corridor", "neck", "cells"),
    [
        (23, 23, 1, 0.1, 2),  # 1 < 0.1 * 12
        (23, 23, 3, 0.1, 1),  # 2 > 0.1 * 12
        (23, 23, 3, 0.2, 2),  # 2 < 0.2 * 12
        (23, 23, 1, 0.08, 1),  # 1 > 0.08 * 12
        (23, 23, 1, 0, 1),  # 0 never cuts
        (17, 17, 1, 0.1, 1),  # 1 > 0.1 * 9
        (23, 17, 1, 0.1, 1),  # the smaller side counts
        (23, 17, 1, 0.12, 2),  # 1 < 0.12 * 9
        (19, 19, 1, 0.1 + 1e-9, 2),  # 1 < 0.100000001 * 10
        (19, 19, 1, 0.1 - 1e-9, 1),  # 1 > 0.099999999 * 10
        (23, 23, 23, 0.1, 1),  # a bar
        (23, 23, 23, 1, 1),  # whose ridge of equal distances is one summit
    ],
)
def test_a_neck_is_cut_by_its_share_of_the_smaller_side(left, right, corridor, neck, cells):
    probability = dumbbell(left, right, corridor)
    labels = segment_cells(probability, neck=neck)
    assert labels.max() == cells
    for square, number in ((np.s_[:, : 5 + left], 1), (np.s_[:, 75 - right :], cells)):
        assert np.all(labels[square][probability[square] == 0] == number)


def test_pieces_that_touch_at_a_corner_are_two_cells():
    labels = segment_cells(map_of((0, 30, 0, 30), (30, 36, 30, 36)))
    assert labels.max() == 2
    assert labels[10, 10] != labels[33, 33]


def summits(distance, neck):
    """How many heights are the highest that can be reached from them at `neck` times their own."""
    count = 0
    for height in np.unique(distance[distance > 0]):
        parts, number = ndimage.label(distance >= neck * height)
        tops = ndimage.maximum(distance, parts, range(1, number + 1))
        count += np.count_nonzero(tops == height)
    return count


@pytest.mark.parametrize("neck", [0.31, 0.47])
def test_summits_are_those_that_no_higher_one_reaches_above_the_necks(neck):
    cuts = 0
    for seed in range(6):
        probability = smooth_map(seed)
        inside = probability < 0.5
        labels = segment_cells(probability, threshold=0.5, neck=neck, min_size=1)
        assert labels.max() == summits(ndimage.distance_transform_edt(inside), neck)
        cuts += labels.max() - ndimage.label(inside)[1]
    assert cuts >= 3


def test_threshold_is_strict_and_small_pieces_start_no_cell():
    probability = map_of((0, 4, 0, 5), (10, 14, 0, 5), (20, 23, 0, 6))  # 20, 20 and 18 pixels
    probability[10:14, :5] = 0.15
    assert segment_cells(probability).max() == 1
    assert segment_cells(probability, threshold=0.16).max() == 2
    single = np.full((9, 9), 0.7, np.float32)  # a little below 0.7, as the scores take it
    assert segment_cells(single, threshold=0.7).all()
    assert segment_cells(probability, threshold=0.16, min_size=18).max() == 3


def test_cells_meet_on_the_crest_of_the_membrane():
    profile = np.array([0, 0, 0, 0.2, 0.9, 0.7, 0.6, 0.4, 0.3, 0, 0])
    labels = segment_cells(np.tile(profile, (10, 1)))
    np.testing.assert_array_equal(labels[:, :4], labels[0, 0])
    np.testing.assert_array_equal(labels[:, 5:], labels[0, -1])
    assert labels.max() == 2


# --- what holds for any map ---------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("neck", [0, 0.3])
def test_every_pixel_is_in_a_cell_that_hangs_together(seed, neck):
    probability = smooth_map(seed, sigma=2)
    labels = segment_cells(probability, threshold=0.5, neck=neck, min_size=5)
    assert labels.dtype == np.int32
    assert np.unique(labels).tolist() == list(range(1, labels.max() + 1))
    for number in range(1, labels.max() + 1):
        assert ndimage.label(labels == number)[1] == 1
    if neck == 0:
        sizes = np.bincount(ndimage.label(probability < 0.5)[0].ravel())[1:]
        assert labels.max() == np.count_nonzero(sizes >= 5)


def test_lines_leave_no_two_cells_side_by_side():
    settings = {"threshold": 0.5, "neck": 0.3, "min_size": 5}
    labels = segment_cells(smooth_map(0), **settings)
    lined = segment_cells(smooth_map(0), **settings, lines=True)
    assert lined.dtype == np.int32
    np.testing.assert_array_equal(lined[lined > 0], labels[lined > 0])
    for a, b in ((lined[1:], lined[:-1]), (lined[:, 1:], lined[:, :-1])):
        assert not np.any((a != b) & (a > 0) & (b > 0))
    # a pixel of line has another cell beside it
    beside = {"footprint": ndimage.generate_binary_structure(2, 1)}
    differ = ndimage.maximum_filter(labels, **beside) > ndimage.minimum_filter(labels, **beside)
    assert np.all(differ[lined == 0])
    np.testing.assert_array_equal(draw_lines(lined), lined)


@pytest.mark.parametrize("neck", [0, 0.1, 1])
@pytest.mark.parametrize(
    ("probability", "cells"),
    [
        (np.zeros((30, 30)), 1),
        (np.ones((30, 30)), 0),  # no cell, rather than one cell of membrane
        (np.zeros((1, 1)), 0),  # smaller than a piece has to be
        (np.zeros((1, 50)), 1),
        (map_of((0, 1, 0, 30), (0, 1, 31, 80), shape=(1, 80)), 2),
        (np.zeros((0, 5)), 0),
        (np.zeros((30, 30), np.float16), 1),
    ],
)
def test_maps_of_one_value_and_thin_ones(probability, cells, neck):
    labels = segment_cells(probability, neck=neck)
    assert labels.shape == probability.shape
    assert labels.max(initial=0) == cells
    assert np.all(labels > 0) or cells == 0


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (segment_cells, (np.zeros((4, 4, 3)),), r"shape \(4, 4, 3\), wanted .H, W"),
        (segment_cells, (np.full((4, 4), 255, np.uint8),), "has values from 255"),
        (segment_cells, (np.zeros((4, 4)), 1.5), "threshold is 1.5"),
        (segment_cells, (np.zeros((4, 4)), 0.5, -0.1), "neck is -0.1"),
        (segment_cells, (np.zeros((4, 4)), 0.5, 0.1, 2.5), "min_size is 2.5, wanted an"),
        (segment_cells, (ONES, 0.5, 0.1, 2, "no"), "lines is 'no', wanted True or False"),
        (score_cells, (0 * ONES, ONES), "truth_labels is 0"),
        (score_cells, (ONES, ONES[:, :3]), r"cells has shape \(4, 3\)"),
        (score_cells, (ONES, -ONES), "cells holds -1"),
        (score_cells, (ONES[None], ONES[None]), "has shape"),
        (cell_table, (ONES, 0), "pixel_nm is 0, wanted a finite number > 0"),
        (cell_table, (ONES[None],), r"labels has shape \(1, 4, 4\)"),
    ],
)
def test_what_is_no_map_and_what_are_no_cells_is_refused(function, arguments, said):
    with pytest.raises(ValueError, match=said):
        function(*arguments)


# --- scores and tables --------------------------------------------------------------------


def two_cells(cut=None):
    """Cells of 16 x 16 pixels in columns 0 to 15 and 17 to 32; `cut` changes them by its boxes."""
    labels = np.repeat([[1] * 16 + [0] + [2] * 16], 16, axis=0)
    for (top, bottom, left, right), number in cut or ():
        labels[top:bottom, left:right] = number
    return labels


@pytest.mark.parametrize(
    ("cut", "counts"),
    [
        # proposed, found, split, merged
        ([], (2, 2, 0, 0)),
        ([((0, 16, 16, 17), 1)], (2, 2, 0, 0)),  # a proposed cell covers membrane as well
        ([((0, 16, 0, 33), 1)], (1, 0, 0, 1)),  # half of the union is not more than half
        ([((0, 16, 16, 24), 1)], (2, 2, 0, 0)),  # takes 6 columns of 16 and a line
        ([((0, 16, 16, 27), 1)], (2, 1, 1, 1)),  # takes 9, a line 1, of the other cell 6 are left
        ([((0, 16, 0, 8), 3)], (3, 1, 1, 0)),  # halves: 7 columns, a line, 8 columns
        ([((3, 12, 3, 12), 3)], (3, 2, 1, 0)),  # 9 x 9, less 17 of line: 64
        ([((3, 10, 3, 10), 3)], (2, 2, 0, 0)),  # 7 x 7: too small to count
        ([((0, 16, 0, 33), 0)], (0, 0, 0, 0)),
        ([((0, 16, 0, 16), 10**9)], (2, 2, 0, 0)),
    ],
)
def test_cells_found_split_and_merged_by_hand(cut, counts):
    score = score_cells(two_cells(), two_cells(cut))
    names = ("true", "proposed", "found", "split", "merged")
    assert tuple(score[name] for name in names) == (2, *counts)
    assert all(type(score[name]) is int for name in names)


# One cell, ten pixels of it cut off by a line that takes as many: 236, 10 and 10 lone ones.
def test_scores_are_those_of_the_segmentation_with_lines():
    truth = np.ones((10, 26), int)
    cells = truth.copy()
    cells[:, :2] = 2
    score = score_cells(truth, cells)
    squares = 240**2 + 10**2 + 10
    assert score["v_rand"] == pytest.approx(2 * squares / (squares + 260**2))
    assert score["v_info"] == 0  # the truth has one cell: nothing to know


def test_true_cells_of_few_pixels_are_scored_and_not_counted():
    truth = np.repeat([[1] * 7 + [0] + [2] * 8], 8, axis=0)
    score = score_cells(truth, truth)
    assert (score["true"], score["proposed"], score["found"], score["v_rand"]) == (1, 1, 1, 1)
    wide = np.repeat([[1] * 8 + [0] * 20], 8, axis=0)
    assert score_cells(wide, np.ones_like(wide))["found"] == 1  # membrane is not counted
    none = score_cells(two_cells(), np.zeros((16, 33), int))
    assert (none["v_rand"], none["v_info"]) == (pytest.approx(2 / 3), 0)  # as if all were one
    tiny = np.array([[1, 0, 2]])
    assert score_cells(tiny, tiny)["true"] == 0


def test_a_table_of_cells_by_hand():
    labels = np.zeros((5, 6), np.uint64)
    labels[1:3, 1:4] = 5_000_000_000
    labels[3, 1] = 5_000_000_000  # 7 pixels; rows 1 1 1 2 2 2 3, columns 1 2 3 1 2 3 1
    labels[4, 5] = 2
    labels.setflags(write=False)  # as a memory map has it
    rows = cell_table(labels, pixel_nm=4)
    assert [tuple(row.values()) for row in rows] == [
        (2, 1, pytest.approx(16e-6), 4, 5, True),
        (5_000_000_000, 7, pytest.approx(112e-6), 1.714, 1.857, False),
    ]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [row["area_um2"] for row in cell_table(labels)] == [None, None]
    assert cell_table(np.zeros((3, 3), int)) == []


@pytest.mark.parametrize("side", range(4))
def test_each_side_is_a_border(side):
    labels = np.zeros((4, 5), int)
    np.rot90(labels, side)[0, 1] = 1
    assert cell_table(labels)[0]["touches_border"]
