"""Tests of the drawn stack: exact labels, and tissue as hard as the real one."""

import numpy as np
import pytest
from scipy import ndimage

from damunet_lite import synthetic
from damunet_lite.synthetic import synthetic_stack


@pytest.fixture(scope="module")
def tissue():
    return synthetic_stack(n=8, size=192, seed=5)


def test_a_stack_depends_on_the_seed_alone(tissue):
    again, other = synthetic_stack(n=8, size=192, seed=5), synthetic_stack(n=8, size=192, seed=6)
    np.testing.assert_array_equal(again.images, tissue.images)
    np.testing.assert_array_equal(again.labels, tissue.labels)
    assert not np.array_equal(other.labels, tissue.labels)
    # What the chapters were written with: greys of a column, spread and cells of each slice.
    column = [0.689, 0.149, 0.309, 0.395, 0.097, 0.735, 0.615, 0.553]
    np.testing.assert_allclose(tissue.images[2, ::24, 60, 0], column, atol=2e-3)
    spread = [0.1718, 0.1693, 0.1713, 0.1748, 0.1749, 0.1725, 0.1681, 0.1700]
    np.testing.assert_allclose(tissue.images.std(axis=(1, 2, 3)), spread, atol=1e-4)
    assert [len(np.unique(plane)) for plane in tissue.labels] == [32, 32, 35, 35, 35, 34, 34, 33]


def test_labels_are_the_connected_cells_of_the_masks(tissue):
    for labels, membrane in zip(tissue.labels, tissue.membranes[..., 0], strict=True):
        pieces, count = ndimage.label(membrane == 0)
        pairs = np.unique(np.stack([pieces.ravel(), labels.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(labels)) == count + 1


def test_pieces_of_a_cell_that_touch_at_a_corner_get_two_numbers():
    to_line = np.zeros((26, 26))
    # Rounded with radius 3, these cores reach (12, 12) and (13, 13), and nothing between.
    to_line[10, 9:11] = to_line[15, 15:17] = 9
    labels = synthetic._number_cells(np.zeros((26, 26), int), to_line, np.full((26, 26), 3.0))
    assert 0 < labels[12, 12] != labels[13, 13] > 0
    assert labels[12, 13] == labels[13, 12] == 0


def test_cells_continue_from_slice_to_slice(tissue):
    def agreement(a, b):
        return (a == b)[(a > 0) & (b > 0)].mean()

    labels = tissue.labels
    assert agreement(labels[3], labels[4]) > 0.8
    assert agreement(labels[0], labels[7]) < agreement(labels[0], labels[1])
    assert set(np.unique(labels[0])) != set(np.unique(labels[7]))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_membranes_have_the_real_stacks_share_width_and_darkness(seed):
    stack = synthetic_stack(n=3, size=256, seed=seed)
    membrane, images = stack.membranes[..., 0] == 1, stack.images[..., 0]
    assert 0.19 < membrane.mean() < 0.26
    # Half the width: distance to the nearest cell along the middle line of the membrane.
    to_cell = ndimage.distance_transform_edt(membrane[0])
    ridge = (to_cell == ndimage.maximum_filter(to_cell, 3)) & membrane[0]
    assert 1.4 <= np.median(to_cell[ridge]) <= 3
    assert images[~membrane].mean() - images[membrane].mean() > 0.12
    assert abs(images.mean() - 0.495) < 0.06
    assert abs(images.std() - 0.173) < 0.03


def test_a_stack_is_not_solved_by_a_threshold(tissue):
    """Vesicles, mitochondria and noise: the best grey threshold still errs on many pixels."""
    smooth = ndimage.gaussian_filter(tissue.images[0, ..., 0], 1)
    truth = tissue.membranes[0, ..., 0] == 1
    guesses = [smooth < level for level in np.linspace(0.1, 0.9, 33)]
    best = max(2 * (guess & truth).sum() / (guess.sum() + truth.sum()) for guess in guesses)
    assert 0.4 < best < 0.85
