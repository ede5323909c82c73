"""Tiles, windows and symmetries, worked out by hand; images as a network wants them."""

import numpy as np
import pytest

from damunet_lite import tiling
from damunet_lite.tiling import TiledAxis, as_network_input, dihedral, tile_starts, undo_dihedral


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


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (tile_starts, (0, 4, 0.5), "length is 0, wanted an integer >= 1"),
        (tile_starts, (9, 4, 1), "overlap is 1, wanted a number in"),
        (tiling.gaussian_window, (0,), "tile is 0"),
        (dihedral, (np.zeros((2, 2)), 8), "k is 8, wanted an integer, 0 to 7"),
        (as_network_input, (np.zeros((4, 4), int),), "image has dtype int64, wanted uint8, uint16"),
        (as_network_input, (np.zeros((4, 4), bool),), "dtype bool"),
        (as_network_input, (np.zeros((4, 4, 1)),), r"\(4, 4, 1\).*image\[\.\.\., 0\]"),
        (as_network_input, (np.zeros((8, 9, 3)),), r"\(8, 9, 3\), wanted .*colour\?"),
        (as_network_input, (np.zeros((2, 4, 4, 3)),), r"\(2, 4, 4, 3\), wanted .*colour\?"),
        (as_network_input, (np.zeros(4),), r"shape \(4,\)"),
        (as_network_input, (np.array([[0.0, 1 + 2e-6]]),), r"from 0\.0 to 1\.000002, wanted"),
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (1, 1, 3, 1)])
def test_every_dtype_and_shape_reaches_the_same_scale(dtype, shape):
    full = {np.uint8: 255, np.uint16: 65535}.get(dtype)
    values = [0, full / 5, full] if full else [-9e-7, 0.2, 1 + 9e-7]
    result = as_network_input(np.array(values, dtype).reshape(shape))
    assert (result.dtype, result.shape) == (np.float32, (1, 1, 3, 1))
    np.testing.assert_allclose(result.ravel(), [0, 0.2, 1], rtol=1e-7)
