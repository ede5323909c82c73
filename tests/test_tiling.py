"""Tiles, windows and symmetries, worked out by hand; images as a network wants them."""

import numpy as np
import pytest

from damunet_lite import tiling
from damunet_lite.tiling import TiledAxis, as_network_input, dihedral, tile_starts, undo_dihedral


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "wanted"),
    [
        (512, 256, 0.5, [0, 128, 256]),
        (512, 256, 0.0, [0, 256]),
        (513, 256, 0.0, [0, 128, 257]),
        (10, 4, 0.75, [0, 1, 2, 3, 4, 5, 6]),
        (256, 256, 0.5, [0]),
        (3, 16, 0.5, [0]),
        (20, 10, 0.9, list(range(11))),
    ],
)
def test_tile_starts_worked_out_by_hand(length, tile, overlap, wanted):
    assert tile_starts(length, tile, overlap) == wanted


@pytest.mark.parametrize("overlap", [0, 0.3, 0.5, 0.75, 0.9])
def test_tiles_cover_the_axis_overlap_enough_and_weigh_one_together(overlap):
    for length in range(16, 120, 7):
        axis = TiledAxis(length, 16, overlap)
        assert (axis.starts[0], axis.starts[-1]) == (0, length - 16)
        steps = np.diff(axis.starts)
        assert (steps > 0).all()
        assert (16 - steps >= 16 * overlap - 1e-6).all()
        total = np.zeros(length)
        for k, weights in enumerate(axis.weights):
            np.add.at(total, axis.pixels(k), weights)
        np.testing.assert_allclose(total, 1)


def test_window_is_a_gaussian_of_an_eighth_of_the_tile():
    window = tiling.gaussian_window(17)
    assert window[8] == 1
    assert window[8 + 2] == pytest.approx(np.exp(-0.5 * (2 / (17 / 8)) ** 2))
    np.testing.assert_array_equal(window, window[::-1])
    assert (tiling.gaussian_window(1024) > 0).all()


def test_an_axis_shorter_than_its_tile_goes_on_as_in_a_mirror():
    axis = TiledAxis(3, 8, 0.5)
    assert (axis.padded, axis.starts) == (8, [0])
    assert axis.pixels(0).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert [tiling.padded_length(n) for n in (1, 16, 17)] == [16, 16, 32]


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (tile_starts, (0, 4, 0.5), "length is 0, wanted an integer >= 1"),
        (tile_starts, (9, 0, 0.5), "tile is 0"),
        (tile_starts, (9, 4, 1), "overlap is 1, wanted a number in"),
        (tiling.gaussian_window, (0,), "tile is 0"),
        (dihedral, (np.zeros((2, 2)), 8), "k is 8, wanted an integer, 0 to 7"),
        (undo_dihedral, (np.zeros((2, 2)), -1), "k is -1"),
        (as_network_input, (np.zeros((4, 4), int),), "image has dtype int64, wanted uint8, uint16"),
        (as_network_input, (np.zeros((4, 4), bool),), "dtype bool"),
        (as_network_input, (np.zeros((4, 4, 1)),), r"\(4, 4, 1\).*image\[\.\.\., 0\]"),
        (as_network_input, (np.zeros((8, 9, 3)),), r"\(8, 9, 3\), wanted .*colour\?"),
        (as_network_input, (np.zeros((8, 9, 4), np.uint8),), "colour"),
        (as_network_input, (np.zeros((2, 4, 4, 3)),), r"\(2, 4, 4, 3\), wanted .*colour\?"),
        (as_network_input, (np.zeros(4),), r"shape \(4,\)"),
        (as_network_input, (np.zeros((0, 4)),), "at least one pixel"),
        (as_network_input, (np.array([[0.0, 1.5]]),), "from 0.0 to 1.5, wanted floats in"),
        (as_network_input, (np.array([[0.0, 1 + 2e-6]]),), r"from 0\.0 to 1\.000002, wanted"),
        (as_network_input, (np.array([[-0.1, 1.0]]),), "from -0.1 to 1.0"),
        (as_network_input, (np.array([[np.nan, 1.0]]),), "wanted floats in"),
    ],
)
def test_what_is_refused(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


def test_the_eight_symmetries_are_the_turns_and_their_mirror_images_and_undone_exactly():
    image = np.arange(6).reshape(2, 3)
    turned = [dihedral(image, k) for k in range(8)]
    by_numpy = [np.rot90(side, r) for side in (image, image[::-1]) for r in range(4)]
    assert {(t.shape, t.tobytes()) for t in turned} == {(t.shape, t.tobytes()) for t in by_numpy}
    for k in range(8):
        np.testing.assert_array_equal(undo_dihedral(turned[k], k), image)
        np.testing.assert_array_equal(dihedral(undo_dihedral(image, k), k), image)
        assert np.shares_memory(turned[k], image)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.uint8, [0, 51, 255]),
        (np.uint16, [0, 13107, 65535]),
        (np.float32, [0, 0.2, 1]),
        (np.float64, [-9e-7, 0.2, 1 + 9e-7]),
    ],
)
@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (1, 1, 3, 1)])
def test_every_dtype_and_shape_reaches_the_same_scale(dtype, values, shape):
    result = as_network_input(np.array(values, dtype).reshape(shape))
    assert (result.dtype, result.shape) == (np.float32, (1, 1, 3, 1))
    np.testing.assert_allclose(result.ravel(), [0, 0.2, 1], rtol=1e-7)
