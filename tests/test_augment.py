"""Tests of the crops: image and mask move together, batches depend on seed and step alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from damunet_lite.augment import AugmentConfig, augment, sample_batch
from damunet_lite.data import Stack
from damunet_lite.synthetic import synthetic_stack

GREY_OFF = {"brightness": 0.0, "contrast": 0.0, "gamma": 0.0, "noise": 0.0}
GEOMETRY = AugmentConfig(crop=96, **GREY_OFF)


@pytest.fixture(scope="module")
def stack():
    return synthetic_stack(n=3, size=128, seed=1)


def numbered(height=40, width=60):
    """An image in which every pixel is unique, and its checkerboard mask."""
    image = np.arange(height * width, dtype=np.float32).reshape(height, width, 1)
    mask = image % 2
    return image / image.max(), mask


# --- image and mask move together -----------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig.none(96),
        replace(AugmentConfig.none(96), flips=True),
        replace(AugmentConfig.none(96), rotate90=True),
        replace(AugmentConfig.none(96), rotation=30),
        replace(AugmentConfig.none(96), scale=0.3),
        replace(AugmentConfig.none(96), elastic=10),
        GEOMETRY,
    ],
    ids=["crop", "flips", "rotate90", "rotation", "scale", "elastic", "all"],
)
def test_mask_given_as_image_comes_back_as_the_mask(stack, config):
    mask = stack.membranes[0]
    wrong = np.roll(mask, 3, axis=1)
    for seed in range(8):
        image, target = augment(mask, mask, np.random.default_rng(seed), config)
        np.testing.assert_array_equal(image > 0.5, target == 1)
        # The counter-example: a mask that lies 3 pixels off is noticed.
        image, target = augment(mask, wrong, np.random.default_rng(seed), config)
        assert ((image > 0.5) != (target == 1)).mean() > 0.1


def test_grey_changes_leave_the_mask_alone(stack):
    image, mask = stack.images[0], stack.membranes[0]
    _, plain = augment(image, mask, np.random.default_rng(3), GEOMETRY)
    changed, target = augment(image, mask, np.random.default_rng(3), AugmentConfig(crop=96))
    np.testing.assert_array_equal(target, plain)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_output_shapes_types_and_values(stack):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        image, mask = augment(stack.images[0], stack.membranes[0], rng, AugmentConfig(crop=80))
        assert image.shape == mask.shape == (80, 80, 1)
        assert image.dtype == mask.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert set(np.unique(mask)) == {0, 1}


def test_inputs_are_not_changed(stack):
    image, mask = stack.images[0].copy(), stack.membranes[0].copy()
    for config in (AugmentConfig(crop=128), AugmentConfig.none(128)):
        crop, target = augment(image, mask, np.random.default_rng(0), config)
        crop += 1
        target += 1
    np.testing.assert_array_equal(image, stack.images[0])
    np.testing.assert_array_equal(mask, stack.membranes[0])


# --- each variation does what its name says ----------------------------------------------------


def test_plain_crops_are_exact_windows_and_reach_every_corner():
    image, mask = numbered(6, 7)
    corners = set()
    for seed in range(200):
        crop, target = augment(image, mask, np.random.default_rng(seed), AugmentConfig.none(4))
        row, column = divmod(int(round(crop[0, 0, 0] * 41)), 7)
        np.testing.assert_array_equal(crop, image[row : row + 4, column : column + 4])
        np.testing.assert_array_equal(target, mask[row : row + 4, column : column + 4])
        corners.add((row, column))
    assert corners == {(row, column) for row in range(3) for column in range(4)}


def test_flips_and_quarter_turns_give_the_eight_symmetries():
    image, mask = numbered(5, 5)
    config = replace(AugmentConfig.none(5), flips=True, rotate90=True)
    seen = {
        augment(image, mask, np.random.default_rng(seed), config)[0].tobytes()
        for seed in range(200)
    }
    square = image[..., 0]
    wanted = {
        np.ascontiguousarray(np.rot90(side, k)).tobytes()
        for side in (square, square.T)
        for k in range(4)
    }
    assert seen == wanted


def test_rotation_and_scale_stay_within_their_bounds():
    """Measured on a ramp: the gradient's direction is the angle, its length the shrinkage."""
    ramp = np.repeat(np.linspace(0.25, 0.75, 101, dtype=np.float32)[:, None], 101, 1)[..., None]
    config = replace(AugmentConfig.none(31), rotation=20, scale=0.25)
    angles, lengths = [], []
    for seed in range(100):
        image, _ = augment(ramp, np.zeros_like(ramp), np.random.default_rng(seed), config)
        down, right = (float(g.mean()) / 0.005 for g in np.gradient(image[..., 0]))
        angles.append(np.degrees(np.arctan2(right, down)))
        lengths.append(np.hypot(down, right))
    assert max(np.abs(angles)) <= 20.1
    assert max(angles) > 17
    assert min(angles) < -17
    assert min(lengths) >= 1 / 1.25 - 1e-3
    assert max(lengths) <= 1.25 + 1e-3
    assert min(lengths) < 0.83
    assert max(lengths) > 1.2


def test_elastic_displacement_has_the_asked_spread():
    """On two ramps the grey value tells where a pixel came from, so the shift can be read off."""
    size, crop = 201, 65
    place = np.linspace(0, 1, size, dtype=np.float32)
    rows = np.repeat(place[:, None], size, 1)[..., None]
    shifts = []
    for seed in range(150):
        config = replace(AugmentConfig.none(crop), elastic=5, elastic_grid=32)
        image, _ = augment(rows, np.zeros_like(rows), np.random.default_rng(seed), config)
        start = int(np.random.default_rng(seed).integers(0, size - crop + 1))
        if 25 < start < size - crop - 25:  # far from the border: nothing is mirrored
            came_from = image[..., 0] * (size - 1)
            shifts.append(came_from - (start + np.arange(crop))[:, None])
    shifts = np.stack(shifts)
    assert len(shifts) > 60
    assert abs(shifts.mean()) < 0.6
    assert abs(shifts.std() - 5) < 0.6
    # Smooth: neighbours move nearly alike, and never so unlike that the image folds over.
    assert np.abs(np.diff(shifts, axis=2)).max() < 1
    np.testing.assert_array_less(-1, np.diff(shifts, axis=1))


def test_over_the_border_the_image_is_mirrored(stack):
    config = replace(AugmentConfig.none(128), rotation=45)
    white = np.ones((128, 128, 1), np.float32)
    for seed in range(5):
        image, mask = augment(white, white, np.random.default_rng(seed), config)
        assert image.min() == 1
        assert mask.min() == 1


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [({"brightness": 0.1}, 0.4, 0.6), ({"gamma": 0.5}, 0.5**1.5, 0.5 ** (1 / 1.5))],
)
def test_grey_bounds_on_a_flat_image(change, low, high):
    flat = np.full((8, 8, 1), 0.5, np.float32)
    config = replace(AugmentConfig.none(8), **change)
    values = [
        float(augment(flat, flat, np.random.default_rng(seed), config)[0][0, 0, 0])
        for seed in range(200)
    ]
    assert low - 1e-6 <= min(values) < low + 0.02
    assert high - 0.02 < max(values) <= high + 1e-6


def test_contrast_keeps_the_mean_and_noise_has_its_spread():
    image = np.tile(np.float32([0.4, 0.6]), (8, 4))[..., None]
    config = replace(AugmentConfig.none(8), contrast=1.0)
    stretches = []
    for seed in range(100):
        changed, _ = augment(image, image, np.random.default_rng(seed), config)
        assert changed.mean() == pytest.approx(0.5, abs=1e-6)
        stretches.append(float(np.ptp(changed) / 0.2))
    assert 0.5 - 1e-5 <= min(stretches) < 0.55
    assert 1.9 < max(stretches) <= 2 + 1e-5

    flat = np.full((64, 64, 1), 0.5, np.float32)
    config = replace(AugmentConfig.none(64), noise=0.1)
    spreads = [
        float(augment(flat, flat, np.random.default_rng(seed), config)[0].std())
        for seed in range(50)
    ]
    assert max(spreads) < 0.105
    assert max(spreads) > 0.08
    assert min(spreads) < 0.02


# --- repeatable -----------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone(stack):
    config = AugmentConfig(crop=64)

    def batch(seed, step):
        return sample_batch(stack, [0, 2], 4, seed, step, config)

    run = {step: batch(7, step) for step in range(3)}
    for step in (2, 0, 1):  # resumed, out of order: the same crops
        for before, after in zip(run[step], batch(7, step), strict=True):
            np.testing.assert_array_equal(before, after)
    with ThreadPoolExecutor(2) as pool:
        for step, (images, _) in enumerate(pool.map(lambda k: batch(7, k), range(3))):
            np.testing.assert_array_equal(images, run[step][0])
    assert not np.array_equal(run[0][0], run[1][0])
    assert not np.array_equal(run[0][0], batch(8, 0)[0])
    # Seed and step are no sum: (7, 1) and (8, 0) differ.
    assert not np.array_equal(run[1][0], batch(8, 0)[0])


def test_a_batch_draws_from_its_slices_only():
    images = np.stack([np.full((16, 16, 1), k / 10, np.float32) for k in range(10)])
    flat = Stack(images, np.zeros_like(images), "flat")
    config = AugmentConfig.none(8)
    drawn = {
        round(float(value) * 10)
        for step in range(30)
        for value in sample_batch(flat, [2, 3, 7], 4, 0, step, config)[0][:, 0, 0, 0]
    }
    assert drawn == {2, 3, 7}


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.zeros((64, 64, 1)), np.zeros((64, 63, 1)), r"mask has shape \(64, 63\), wanted"),
        (np.zeros((64, 64)), np.zeros((64, 64)), r"image has shape \(64, 64\), wanted .H, W, 1"),
        (np.zeros((64, 64, 3)), np.zeros((64, 64, 3)), r"image has shape \(64, 64, 3\)"),
        (np.zeros((64, 31, 1)), np.zeros((64, 31, 1)), "crop is 32, wanted an integer, 1 to 31"),
        (np.full((64, 64, 1), 255), np.zeros((64, 64, 1)), "image has values from 255"),
        (np.zeros((64, 64, 1)), np.full((64, 64, 1), 255), "mask has values from 255"),
        (np.full((64, 64, 1), np.nan), np.zeros((64, 64, 1)), "image has values from nan"),
    ],
)
@pytest.mark.parametrize("config", [AugmentConfig(crop=32), AugmentConfig.none(32)])
def test_augment_refuses(image, mask, message, config):
    with pytest.raises(ValueError, match=message):
        augment(image, mask, np.random.default_rng(0), config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop": 0}, "crop is 0, wanted an integer >= 1"),
        ({"crop": 31.5}, "crop is 31.5"),
        ({"rotation": -1}, "rotation is -1, wanted a finite number >= 0"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"elastic": 10, "elastic_grid": 20}, "elastic_grid is 20, wanted at least 4"),
    ],
)
def test_config_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": []}, r"indices is \[\], wanted one or more from 0 to 2"),
        ({"indices": [0, 3]}, r"indices is \[0, 3\], wanted one or more from 0 to 2"),
        ({"indices": [-1]}, "indices holds -1"),
        ({"indices": [[0]]}, r"indices has shape \(1, 1\)"),
        ({"indices": [0.5]}, "indices has dtype float64"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"step": -2}, "step is -2"),
    ],
)
def test_sample_batch_refuses(stack, change, message):
    arguments = {"indices": [0], "batch_size": 2, "seed": 0, "step": 0} | change
    with pytest.raises(ValueError, match=message):
        sample_batch(stack, config=AugmentConfig(crop=32), **arguments)


def test_sample_batch_wants_membranes(stack):
    bare = Stack(stack.images, None, "test part")
    with pytest.raises(ValueError, match="'test part' without membranes"):
        sample_batch(bare, [0], 1, 0, 0, AugmentConfig(crop=32))
