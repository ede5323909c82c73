"""Random crops with flips, rotations, elastic warp and grey-value changes.

Image and mask are moved by one and the same map of coordinates, so they cannot drift apart;
grey values change in the image alone. Batches are a pure function of seed and step: a training
run that is interrupted and resumed sees the crops it would have seen.

References
----------
Ronneberger, Fischer and Brox (2015), "U-Net", doi:10.1007/978-3-319-24574-4_28 (elastic
deformation from a coarse grid of random displacements).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from damunet_lite import _arguments
from damunet_lite.data import Stack
from damunet_lite.synthetic import spline_basis


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly to vary the crops; 0 or False turns a variation off.

    Parameters
    ----------
    crop : int
        Height and width of a crop, in pixels.
    flips : bool
        Mirror along either axis, each with probability one half.
    rotate90 : bool
        Turn by 0, 90, 180 or 270 degrees.
    rotation : float
        Turn by an angle drawn evenly from +-`rotation` degrees.
    scale : float
        Magnify by a factor drawn evenly on a log scale between ``1 / (1 + scale)`` and
        ``1 + scale``.
    elastic : float
        Standard deviation of the elastic displacement along each axis, in pixels.
    elastic_grid : float
        Distance between the knots of the displacement grid, in pixels; at least four times
        `elastic`, so that the warp hardly ever folds the image over itself.
    brightness : float
        Add a grey value drawn evenly from +-`brightness`.
    contrast : float
        Stretch grey values about their mean by a factor drawn like that of `scale`.
    gamma : float
        Raise grey values to a power drawn like the factor of `scale`.
    noise : float
        Largest standard deviation of added Gaussian noise; the one used is drawn evenly
        from 0 to `noise`.

    Raises
    ------
    ValueError
        If a number is negative, or `elastic_grid` is too fine for `elastic`.

    Examples
    --------
    >>> AugmentConfig().crop
    256
    >>> AugmentConfig.none(crop=64).elastic
    0.0
    """

    crop: int = 256
    flips: bool = True
    rotate90: bool = True
    rotation: float = 15.0
    scale: float = 0.15
    elastic: float = 8.0
    elastic_grid: float = 64.0
    brightness: float = 0.1
    contrast: float = 0.25
    gamma: float = 0.25
    noise: float = 0.04

    def __post_init__(self) -> None:
        _arguments.integer("crop", self.crop, 1)
        list(map(_arguments.truth, ("flips", "rotate90"), (self.flips, self.rotate90)))
        for name in ("rotation", "scale", "elastic", "brightness", "contrast", "gamma", "noise"):
            _arguments.at_least_0(name, getattr(self, name))
        grid, least = self.elastic_grid, 4 * self.elastic
        if least > _arguments.above_0("elastic_grid", grid):
            raise ValueError(f"elastic_grid is {grid}, wanted at least 4 * elastic = {least}")

    @classmethod
    def none(cls, crop: int = 256) -> "AugmentConfig":
        """Random crops and nothing else."""
        return cls(crop, False, False, 0.0, 0.0, 0.0, 64.0, 0.0, 0.0, 0.0, 0.0)


def augment(
    image: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    config: AugmentConfig | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one random, randomly changed crop out of an image and its mask.

    The crop's place is drawn first, evenly over the image; rotation, scale and elastic warp
    then move the points at which the crop is sampled, the image by linear interpolation, the
    mask likewise and cut at one half.

    Parameters
    ----------
    image : ndarray
        [H, W, 1], grey values in [0, 1].
    mask : ndarray
        [H, W, 1], 0 or 1, same shape as `image`.
    rng : numpy.random.Generator
        Source of chance; the same state gives the same crop.
    config : AugmentConfig, optional
        What to vary, and how strongly.

    Returns
    -------
    image, mask : ndarray
        float32 [crop, crop, 1] each; the image in [0, 1], the mask 0 or 1. Where a turned or
        warped crop reaches over the border, image and mask are mirrored there.

    Raises
    ------
    ValueError
        If the shapes differ or are not [H, W, 1], the crop is larger than the image, or
        values lie outside [0, 1].

    Examples
    --------
    >>> image = np.linspace(0, 1, 64 * 64, dtype="float32").reshape(64, 64, 1)
    >>> mask = (image > 0.5).astype("float32")
    >>> crop, target = augment(image, mask, np.random.default_rng(0), AugmentConfig(crop=32))
    >>> crop.shape, np.unique(target).tolist()
    ((32, 32, 1), [0.0, 1.0])
    """
    config = config or AugmentConfig()
    image = _arguments.shape("image", image, "[H, W, 1]")[..., 0]
    mask = _arguments.shape("mask", mask, "[H, W, 1]")[..., 0]
    _arguments.same_shape("mask", mask, "image", image)
    crop = _arguments.integer("crop", config.crop, 1, min(image.shape))
    corner = [int(rng.integers(0, length - crop + 1)) for length in image.shape]
    if config.rotation or config.scale or config.elastic:
        where = _coordinates(rng, corner, config)
        image, mask = _sample(image, where), _sample(mask, where)
    else:
        window = tuple(slice(start, start + crop) for start in corner)
        image, mask = image[window], mask[window]
    # after sampling: a crop is smaller than its image, and a mean of right values is right
    image = _arguments.probability("image", image, "[0, 1]")
    mask = _arguments.probability("mask", mask, "[0, 1]")
    mask = (mask > 0.5).astype(np.float32)
    if config.flips:
        down, right = rng.choice([-1, 1], 2)
        image, mask = image[::down, ::right], mask[::down, ::right]
    if config.rotate90:
        quarter = int(rng.integers(4))
        image, mask = np.rot90(image, quarter), np.rot90(mask, quarter)
    image = _change_grey(rng, image, config)
    return image[..., None], np.ascontiguousarray(mask)[..., None]


def sample_batch(
    stack: Stack,
    indices: Sequence[int] | np.ndarray,
    batch_size: int,
    seed: int,
    step: int,
    config: AugmentConfig | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the batch of one training step: a pure function of seed and step.

    Parameters
    ----------
    stack : Stack
        Stack with membranes.
    indices : sequence of int
        Slices to draw from, such as ``fold.train``.
    batch_size : int
        Number of crops.
    seed, step : int
        Together they fix the batch, whatever was drawn before.
    config : AugmentConfig, optional
        What to vary, and how strongly.

    Returns
    -------
    images, masks : ndarray
        float32 [batch_size, crop, crop, 1] each.

    Raises
    ------
    ValueError
        If the stack has no membranes, or a number is out of its range or not whole.

    Examples
    --------
    >>> from damunet_lite.synthetic import synthetic_stack
    >>> stack = synthetic_stack(n=2, size=64, seed=0)
    >>> images, masks = sample_batch(stack, [0, 1], 3, seed=0, step=7,
    ...                              config=AugmentConfig(crop=32))
    >>> images.shape, masks.shape
    ((3, 32, 32, 1), (3, 32, 32, 1))
    """
    if stack.membranes is None:
        raise ValueError(f"stack is {stack.name!r} without membranes, wanted some to learn from")
    _arguments.integer("batch_size", batch_size, 1)
    numbers = _arguments.shape("indices", _arguments.integers("indices", indices), "[N]")
    if not numbers.size or numbers.max() >= len(stack):
        raise ValueError(f"indices is {indices!r}, wanted one or more from 0 to {len(stack) - 1}")
    rng = np.random.default_rng([*map(_arguments.integer, ("seed", "step"), (seed, step), (0, 0))])
    chosen = numbers[rng.integers(0, numbers.size, batch_size)]
    pairs = [augment(stack.images[i], stack.membranes[i], rng, config) for i in chosen]
    images, masks = zip(*pairs, strict=True)
    return np.stack(images), np.stack(masks)


def _factor(rng: np.random.Generator, spread: float) -> float:
    """A factor between 1 / (1 + spread) and 1 + spread, as often below as above 1."""
    return (1 + spread) ** rng.uniform(-1, 1)


_basis = lru_cache(maxsize=8)(spline_basis)


def _coordinates(rng: np.random.Generator, corner: list[int], config: AugmentConfig) -> np.ndarray:
    """Where in the image each pixel of the crop is taken from, float32 [2, crop, crop]."""
    crop = config.crop
    angle = np.deg2rad(config.rotation) * rng.uniform(-1, 1)
    shrink = 1 / _factor(rng, config.scale)
    along, across = shrink * np.cos(angle), shrink * np.sin(angle)
    offset = np.arange(crop, dtype=np.float32) - (crop - 1) / 2
    centre = [start + (crop - 1) / 2 for start in corner]
    where: np.ndarray = np.empty((2, crop, crop), np.float32)
    where[0] = centre[0] + along * offset[:, None] - across * offset
    where[1] = centre[1] + across * offset[:, None] + along * offset
    if config.elastic:
        basis = _basis(crop, config.elastic_grid)
        knots = rng.standard_normal((2, basis.shape[1], basis.shape[1]), dtype=np.float32)
        where += basis @ (config.elastic * knots) @ basis.T
    return where


def _sample(array: np.ndarray, where: np.ndarray) -> np.ndarray:
    return ndimage.map_coordinates(array, where, np.float32, order=1, mode="reflect")


def _change_grey(rng: np.random.Generator, image: np.ndarray, config: AugmentConfig) -> np.ndarray:
    image = np.array(image, np.float32)
    if config.contrast or config.brightness:
        mean = image.mean()
        image -= mean
        image *= _factor(rng, config.contrast)
        image += mean + config.brightness * rng.uniform(-1, 1)
    if config.gamma:
        np.clip(image, 0, 1, out=image)
        image **= _factor(rng, config.gamma)
    if config.noise:
        spread = config.noise * rng.uniform()
        image += np.float32(spread) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(image, 0, 1, out=image)
