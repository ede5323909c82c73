"""Tests of the crops: image and mask move together, batches depend on seed and step alone."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from damunet_lite.augment import AugmentConfig, augment, sample_batch
from damunet_lite.data import Stack
from damunet_lite.synthetic import synthetic_stack

GEOMETRY = AugmentConfig(crop=96, brightness=0, contrast=0, gamma=0, noise=0)


def only(crop, **variations):
    """A configuration that crops, and varies what is named."""
    return replace(AugmentConfig.none(crop), **variations)


def draw(image, mask, config, seeds):
    """Crops of the image and its mask, one for each seed, as two arrays."""
    pairs = [augment(image, mask, np.random.default_rng(seed), config) for seed in range(seeds)]
    return [np.stack(crops) for crops in zip(*pairs, strict=True)]


@pytest.fixture(scope="module")
def stack():
    return synthetic_stack(n=3, size=128, seed=1)


def numbered(height, width):
    """An image in which every pixel is unique, and its checkerboard mask."""
    image = np.arange(height * width, dtype=np.float32).reshape(height, width, 1)
    return image / image.max(), image % 2


# --- image and mask move together -----------------------------------------------------------


@pytest.mark.parametrize("config", [only(96), only(96, flips=True, rotate90=True), GEOMETRY])
def test_mask_given_as_image_comes_back_as_the_mask(stack, config):
    images, targets = draw(stack.membranes[0], stack.membranes[0], config, 8)
    np.testing.assert_array_equal(images > 0.5, targets == 1)


def test_shapes_types_and_values_and_a_mask_that_grey_changes_leave_alone(stack):
    image, mask = stack.images[0], stack.membranes[0]
    crops, targets = draw(image, mask, AugmentConfig(crop=96), 5)
    assert crops.shape == targets.shape == (5, 96, 96, 1)
    assert crops.dtype == targets.dtype == np.float32
    assert 0 <= crops.min() < crops.max() <= 1
    assert set(np.unique(targets)) == {0, 1}
    np.testing.assert_array_equal(targets, draw(image, mask, GEOMETRY, 5)[1])


@pytest.mark.parametrize("config", [AugmentConfig(crop=96), AugmentConfig.none(128)])
def test_what_is_given_is_not_changed_and_what_comes_back_is_ones_own(stack, config):
    given = stack.images[0].copy(), stack.membranes[0].copy()
    for crop in augment(*given, np.random.default_rng(0), config):
        crop += 1
    np.testing.assert_array_equal(given, (stack.images[0], stack.membranes[0]))


# --- each variation does what its name says ----------------------------------------------------


def test_plain_crops_are_exact_windows_and_reach_every_corner():
    image, mask = numbered(6, 7)
    corners = set()
    crops, targets = draw(image, mask, AugmentConfig.none(4), 200)
    for crop, target in zip(crops, targets, strict=True):
        row, column = divmod(int(round(crop[0, 0, 0] * 41)), 7)
        np.testing.assert_array_equal(crop, image[row : row + 4, column : column + 4])
        np.testing.assert_array_equal(target, mask[row : row + 4, column : column + 4])
        corners.add((row, column))
    assert corners == {(row, column) for row in range(3) for column in range(4)}
    # hardly turned, it is the same window: it turns about its own middle
    turned, _ = draw(image, mask, only(4, rotation=1e-6), 20)
    np.testing.assert_allclose(turned, crops[:20], atol=1e-4)


@pytest.mark.parametrize(
    ("variations", "sides", "turns"),
    [
        # by itself each draws its own four; together they are the symmetries of the square
        ({"rotate90": True}, (np.array,), (0, 1, 2, 3)),
        ({"flips": True}, (np.array, np.flipud), (0, 2)),
        ({"flips": True, "rotate90": True}, (np.array, np.flipud), (0, 1, 2, 3)),
    ],
)
def test_every_flip_and_quarter_turn_is_drawn_and_no_other(variations, sides, turns):
    image, mask = numbered(5, 5)
    seen = Counter(crop.tobytes() for crop in draw(image, mask, only(5, **variations), 800)[0])
    assert max(seen.values()) < 1.6 * min(seen.values())
    assert set(seen) == {np.rot90(side(image), k).tobytes() for side in sides for k in turns}


def test_rotation_and_scale_stay_within_their_bounds():
    """Measured on a ramp: the gradient's direction is the angle, its length the shrinkage."""
    ramp = np.repeat(np.linspace(0.25, 0.75, 101, dtype=np.float32)[:, None], 101, 1)[..., None]
    crops = [
        draw(r, 0 * r, only(31, rotation=20, scale=0.25), 100)[0]
        for r in (ramp, ramp.swapaxes(0, 1))
    ]
    slopes = [np.gradient(one[..., 0], 0.005, axis=(1, 2)) for one in crops]
    (down, right), other = np.mean(slopes, axis=(3, 4))
    # The other ramp stays at right angles; less exactly where the border is mirrored.
    np.testing.assert_allclose(other, (-right, down), atol=0.2)
    angles, lengths = np.degrees(np.arctan2(right, down)), np.hypot(down, right)
    assert -20.1 <= min(angles) < -17
    assert 17 < max(angles) <= 20.1
    assert 1 / 1.25 - 1e-3 <= min(lengths) < 0.83
    assert 1.2 < max(lengths) <= 1.25 + 1e-3


def test_elastic_displacement_has_the_asked_spread():
    """On a ramp the grey value tells where a pixel came from, so the shift can be read off."""
    size, crop = 201, 65
    rows = np.repeat(np.linspace(0, 1, size, dtype=np.float32)[:, None], size, 1)[..., None]
    crops, _ = draw(rows, 0 * rows, only(crop, elastic=5, elastic_grid=32), 150)
    generators = map(np.random.default_rng, range(150))
    starts = np.array([rng.integers(0, size - crop + 1) for rng in generators])
    inner = abs(starts - (size - crop) / 2) < 43  # far from the border: nothing is mirrored
    found = starts[inner, None, None] + np.arange(crop)[:, None]
    shifts = crops[inner, ..., 0] * (size - 1) - found
    assert len(shifts) > 60
    assert abs(shifts.mean()) < 0.6
    assert abs(shifts.std() - 5) < 0.6
    # Smooth: neighbours move nearly alike, and never so unlike that the image folds over.
    assert np.abs(np.diff(shifts, axis=2)).max() < 1
    np.testing.assert_array_less(-1, np.diff(shifts, axis=1))


def test_over_the_border_the_image_is_mirrored():
    white = np.ones((128, 128, 1), np.float32)
    assert np.all(np.array(draw(white, white, only(128, rotation=45), 5)) == 1)


@pytest.mark.parametrize(
    ("variation", "picture", "measure", "low", "high", "near"),
    [
        ({"brightness": 0.1}, [0.5], np.mean, 0.4, 0.6, 0.02),
        ({"gamma": 0.5}, [0.5], np.mean, 0.5**1.5, 0.5 ** (1 / 1.5), 0.02),
        ({"contrast": 1.0}, [0.4, 0.6], np.ptp, 0.1, 0.4, 0.02),
        ({"contrast": 1.0}, [0.4, 0.6], np.mean, 0.5, 0.5, 1e-6),
        ({"noise": 0.1}, [0.5], np.std, 0, 0.105, 0.02),
    ],
)
def test_grey_values_vary_between_their_bounds(variation, picture, measure, low, high, near):
    picture = np.tile(np.float32(picture), (64, 64 // len(picture)))[..., None]
    values = [measure(crop) for crop in draw(picture, picture, only(64, **variation), 100)[0]]
    assert low - 1e-6 <= min(values) < low + near
    assert high - near < max(values) <= high + 1e-6


# --- repeatable -----------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone(stack):
    def batch(seed, step):
        return sample_batch(stack, [0, 2], 4, seed, step, AugmentConfig(crop=64))

    run = [batch(7, step) for step in range(3)]
    for step in (2, 0, 1):  # resumed, out of order: the same crops
        np.testing.assert_array_equal(run[step], batch(7, step))
    # Seed and step are no sum: (7, 1) and (8, 0) differ.
    other = batch(8, 0)[0]
    assert not any(np.array_equal(images, other) for images, _ in run)
    assert not np.array_equal(run[0][0], run[1][0])


def test_a_batch_draws_from_its_slices_only():
    images = np.stack([np.full((16, 16, 1), k / 10, np.float32) for k in range(10)])
    flat = Stack(images, np.zeros_like(images), "flat")
    batches = [sample_batch(flat, [2, 3, 7], 4, 0, step, only(8))[0] for step in range(30)]
    assert set(np.round(np.ravel(batches) * 10)) == {2, 3, 7}


def test_defaults_are_those_of_the_recorded_runs():
    # A record names only what differs from them.
    wanted = (256, True, True, 15, 0.15, 8, 64, 0.1, 0.25, 0.25, 0.04)
    assert tuple(vars(AugmentConfig()).values()) == wanted


# --- refusals -------------------------------------------------------------------------------------

EMPTY, SMALL = np.zeros((64, 64, 1)), AugmentConfig(crop=32)


@pytest.mark.parametrize(
    ("function", "change", "message"),
    [
        (augment, {"mask": EMPTY[:, 1:]}, r"mask has shape \(64, 63\), wanted"),
        (augment, {"image": EMPTY[..., 0]}, r"image has shape \(64, 64\), wanted .H, W, 1"),
        (augment, {"image": EMPTY.repeat(3, 2)}, r"image has shape \(64, 64, 3\)"),
        (augment, {"image": EMPTY[:31], "mask": EMPTY[:31]}, "crop is 32, wanted"),
        (augment, {"image": EMPTY + 255}, r"image has values from 255.0 to 255.0, wanted \[0, 1\]"),
        (augment, {"mask": EMPTY + 1 + 2e-6}, r"mask has values from 1\.000002"),
        (AugmentConfig, {"crop": 0}, "crop is 0, wanted an integer >= 1"),
        (AugmentConfig, {"flips": "no"}, "flips is 'no', wanted True or False"),
        (AugmentConfig, {"rotate90": 2}, "rotate90 is 2, wanted True or False"),
        (AugmentConfig, {"rotation": -1}, "rotation is -1, wanted a finite number >= 0"),
        (AugmentConfig, {"noise": float("nan")}, "noise is nan"),
        (AugmentConfig, {"elastic": 10, "elastic_grid": 20}, "elastic_grid is 20, wanted at least"),
        (sample_batch, {"indices": []}, r"indices is \[\], wanted one or more from 0 to 2"),
        (sample_batch, {"indices": [0, 3]}, r"indices is \[0, 3\], wanted one or more from 0 to 2"),
        (sample_batch, {"indices": [-1]}, "indices holds -1"),
        (sample_batch, {"indices": [[0]]}, r"indices has shape \(1, 1\)"),
        (sample_batch, {"batch_size": 0}, "batch_size is 0"),
        (sample_batch, {"seed": -1}, "seed is -1, wanted an integer >= 0"),
        (sample_batch, {"stack": Stack(np.float32(EMPTY)[None], None, "bare")}, "'bare' without"),
    ],
)
def test_what_is_refused(stack, function, change, message):
    arguments = {
        AugmentConfig: {},
        augment: {"image": EMPTY, "mask": EMPTY, "rng": np.random.default_rng(0), "config": SMALL},
        sample_batch: {"stack": stack, "indices": [0], "batch_size": 2, "seed": 0, "step": 0},
    }
    with pytest.raises(ValueError, match=message):
        function(**arguments[function] | change)
