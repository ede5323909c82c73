"""A stack to run everything on with no download: drawn tissue with exact instance labels.

NumPy, SciPy and scikit-image only. The smooth random fields that bend its cells
(:func:`spline_basis`) are those of the elastic warp in :mod:`damunet_lite.augment`.

References
----------
Aurenhammer (1987), "Power diagrams", SIAM Journal on Computing 16(1), doi:10.1137/0216006.
"""

from collections import Counter

import numpy as np
import skimage  # its parts load when they are first used
from scipy import ndimage, special

from damunet_lite import _arguments
from damunet_lite.data import Stack


def spline_basis(length: int, spacing: float) -> np.ndarray:
    """Cubic B-splines on a coarse grid, scaled so that random coefficients keep their spread.

    ``spline_basis(h, s) @ normal @ spline_basis(w, s).T`` turns a small array of independent
    normal numbers into a smooth field of h x w pixels with the same standard deviation at
    every pixel, because every row has a sum of squares of one.

    Parameters
    ----------
    length : int
        Number of pixels along the axis.
    spacing : float
        Distance between knots, in pixels.

    Returns
    -------
    ndarray
        float32 [length, knots].

    Examples
    --------
    >>> basis = spline_basis(100, 32)
    >>> basis.shape
    (100, 7)
    >>> bool(np.allclose((basis**2).sum(axis=1), 1))
    True

    On a knot cubic B-splines are 1/6, 4/6 and 1/6, whose squares have the sum 18/36:

    >>> (spline_basis(50, 16)[16, :5] * np.sqrt(18)).round(3)
    array([0., 1., 4., 1., 0.])
    """
    position = np.arange(length) / spacing
    knots: np.ndarray = np.arange(int(position[-1]) + 4) - 1
    distance = np.abs(position[:, None] - knots)
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    basis = np.where(distance < 1, near, far)
    basis /= np.sqrt((basis**2).sum(axis=1, keepdims=True))
    return basis.astype(np.float32)


def _smooth_noise(rng, shape, spacing):
    """Random field [n, size, size] of unit standard deviation, smooth along z and in plane."""
    along, across = map(spline_basis, shape, spacing)
    knots = (along.shape[1], across.shape[1], across.shape[1])
    coarse = np.tensordot(along, rng.standard_normal(knots, dtype=np.float32), axes=1)
    return across @ coarse @ across.T


def synthetic_stack(n: int = 30, size: int = 256, seed: int = 0) -> Stack:
    """Draw a stack that looks like serial-section electron microscopy of nerve tissue.

    Cells are the regions of a power diagram (a Voronoi diagram with cells of unequal size),
    bent by a smooth warp. They drift from slice to slice; some appear, some disappear. The
    membranes between them are 3 to 6 pixels wide, wider where three cells meet, and of uneven
    contrast; about 22 % of the pixels, as in the ISBI 2012 stack. Mitochondria have two dark
    lines around them that are no cell membrane, and vesicles are small dark rings: what a
    network has to learn to ignore.

    Parameters
    ----------
    n : int
        Number of slices.
    size : int
        Height and width in pixels, at least 32.
    seed : int
        The same seed gives the same stack.

    Returns
    -------
    Stack
        With exact instance labels: each 4-connected cell of a slice has its own number, kept
        along z as long as the cell stays in one piece.

    Raises
    ------
    ValueError
        If `n` is less than 1, `size` less than 32 or `seed` less than 0.

    References
    ----------
    Aurenhammer (1987), "Power diagrams", SIAM Journal on Computing 16(1),
    doi:10.1137/0216006.

    Examples
    --------
    >>> stack = synthetic_stack(n=2, size=64, seed=3)
    >>> bool(np.array_equal(stack.labels == 0, stack.membranes[..., 0] == 1))
    True
    >>> synthetic_stack(n=1, size=32, seed=0).images.shape
    (1, 32, 32, 1)
    >>> synthetic_stack(n=0)
    Traceback (most recent call last):
    ValueError: n is 0, wanted an integer >= 1
    >>> synthetic_stack(size=16)
    Traceback (most recent call last):
    ValueError: size is 16, wanted an integer >= 32
    """
    for name, value, least in (("n", n, 1), ("size", size, 32), ("seed", seed, 0)):
        _arguments.integer(name, value, least)
    rng = np.random.default_rng(seed)
    owners = _draw_cells(rng, n, size)
    # the pixels on either side of the line between two owners
    edges = np.stack([skimage.segmentation.find_boundaries(owner) for owner in owners])
    # Where chance has drawn many lines they are a little thinner: the share stays near 22 %.
    typical = np.clip(0.35 / edges.mean(), 3.7, 4.8)
    width = np.clip(typical + 0.9 * _smooth_noise(rng, owners.shape, (4, 40)), 3, 6)
    to_line = np.stack([_distance(edge) for edge in edges])
    labels = np.stack([*map(_number_cells, owners, to_line, width)])
    images = _draw_greys(rng, owners, to_line, labels)
    membranes = (labels == 0).astype(np.float32)[..., None]
    source = "drawn by damunet_lite.synthetic.synthetic_stack; free to use"
    return Stack(images[..., None], membranes, "synthetic", labels, source=source)


def _draw_cells(rng, n, size):
    """Owner of each pixel, int32 [n, size, size]: power diagram of drifting, warped points."""
    margin, area_of_cell = 48, 1250
    count = max(6, round((size + 2 * margin) ** 2 / area_of_cell))
    along = spline_basis(n, 8)
    knots = along.shape[1]
    points = rng.uniform(-margin, size + margin, (count, 2))
    points = points + np.tensordot(along, rng.normal(0, 5, (knots, count, 2)), axes=1)
    points += np.tensordot(along, rng.normal(0, 4, (knots, 1, 2)), axes=1)
    # A few large cells among many small ones; a cell whose weight sinks enough disappears.
    weights = np.clip(rng.lognormal(5.0, 1.4, count), 0, 3500)
    weights = weights + along @ rng.normal(0, 200, (knots, count))
    owners = np.empty((n, size, size), np.int32)
    y, x = np.mgrid[:n, :size, :size][1:].astype(np.float32)
    for axis in (y, x):
        axis += 10 * _smooth_noise(rng, owners.shape, (8, 48))
        axis += 1.6 * _smooth_noise(rng, owners.shape, (4, 12))
    for z, row in np.ndindex(n, size):
        # |p - q|^2 - weight without |p|^2, which no comparison between points q needs.
        plane = np.concatenate([-2 * points[z].T, [(points[z] ** 2).sum(1) - weights[z]]])
        place = np.stack([y[z, row], x[z, row], np.ones(size, np.float32)], axis=1)
        owners[z, row] = (place @ plane.astype(np.float32)).argmin(axis=1)
    return owners


def _number_cells(owner, to_line, width):
    """Labels of one slice: cells with round corners, membranes `width` pixels wide between."""
    rounding, least_area = 3.0, 30
    core = to_line + 0.5 >= width / 2 + rounding
    pieces, count = ndimage.label(_distance(core) <= rounding)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    mothers, numbers = np.zeros((2, count + 1), np.int32)
    mothers[pieces] = owner
    seen = Counter()
    for piece in np.argsort(-areas[1:], kind="stable") + 1:
        if areas[piece] >= least_area:
            # The largest piece keeps the cell's own number, so it can be followed along z.
            numbers[piece] = mothers[piece] + 1 + 100_000 * seen[mothers[piece]]
            seen[mothers[piece]] += 1
    return numbers[pieces]


def _distance(target):
    """Distance of each pixel to the nearest True pixel, far away when there is none."""
    far = np.full(target.shape, float(sum(target.shape)))
    return ndimage.distance_transform_edt(~target) if target.any() else far


def _draw_greys(rng, owners, to_line, labels):
    """Grey values of the stack, float32 [n, size, size] in [0, 1]."""
    # Where a membrane is cut at a slant it is faint and broad.
    slant = np.clip(_smooth_noise(rng, owners.shape, (2, 24)) - 0.7, 0, 2)
    light = 0.04 * _smooth_noise(rng, owners.shape, (2, 100))
    tones = rng.normal(0, 0.05, owners.max() + 1)
    crowding = np.clip(rng.normal(0.5, 0.8, owners.max() + 1), 0, 2) / 130
    bodies = _place_mitochondria(rng, labels)
    images = np.empty(owners.shape, np.float32)
    for z, (owner, label) in enumerate(zip(owners, labels, strict=True)):
        inside, outside = _distance(label == 0), _distance(label != 0)
        grey = 0.61 + tones[owner] + light[z]
        grey += _draw_cytoplasm(rng, inside, crowding[owner])
        for body in bodies:
            _draw_mitochondrion(rng, grey, inside * (label == body["number"]), body, z)
        spread = 1.4 * (1 + slant[z])
        line = np.exp(-0.5 * (to_line[z] / spread) ** 2) * 0.42 / (1 + 0.8 * slant[z])
        # Between rounded cells lies stained matter without a line of its own.
        filling = 0.25 * np.clip((outside - 1.5) / 2.5, 0, 1)
        images[z] = grey - np.maximum(line, filling) + 0.065 * _grain(rng, label.shape, 0.8)
    return np.clip(images, 0, 1, out=images)


def _grain(rng, shape, sigma):
    """Gaussian noise of unit standard deviation, blurred by `sigma` pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return ndimage.gaussian_filter(noise, sigma) * (2 * np.sqrt(np.pi) * sigma)


def _draw_cytoplasm(rng, inside, crowding):
    """Texture of the cell interior: blotches, and vesicles as small dark rings."""
    y, x = np.mgrid[-6:7, -6:7]
    ring = np.exp(-0.5 * ((np.hypot(y, x) - 3.0) / 1.0) ** 2)
    chosen = (rng.random(inside.shape) < crowding) & (inside > 5)
    seeds = chosen * rng.uniform(0.08, 0.28, inside.shape)
    rings = ndimage.convolve(seeds.astype(np.float32), ring.astype(np.float32), mode="constant")
    texture = 0.05 * _grain(rng, inside.shape, 1.5) + 0.035 * _grain(rng, inside.shape, 5)
    return texture - np.minimum(rings, 0.3)


def _place_mitochondria(rng, labels):
    """Ellipsoids inside cells that are wide enough to hold one."""
    bodies = []
    for _ in range(round(labels.size / 150_000)):
        z = int(rng.integers(len(labels)))
        room = _distance(labels[z] == 0)
        places = np.argwhere(room > 11)
        if len(places):
            y, x = places[rng.integers(len(places))]
            radius, stretch, angle, depth = rng.uniform((11, 1, 0, 3), (18, 2.2, np.pi, 8))
            body = {"z": z, "y": y, "x": x, "slope": rng.normal(), "number": labels[z, y, x]}
            body |= {"radius": min(0.9 * room[y, x], radius), "stretch": stretch}
            bodies.append(body | {"angle": angle, "half_depth": depth})
    return bodies


def _draw_mitochondrion(rng, grey, inside, body, z):
    """Darken one cross-section in place: dark matrix, folds, and a double membrane."""
    away = (z - body["z"]) / body["half_depth"]
    if abs(away) >= 1:
        return
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    y, x = y - body["y"] - body["slope"] * (z - body["z"]), x - body["x"]
    cos, sin = np.cos(body["angle"]), np.sin(body["angle"])
    long, short = (cos * x + sin * y) / body["stretch"], cos * y - sin * x
    within = body["radius"] * np.sqrt(1 - away**2) - np.hypot(long, short)
    # Clear of the cell's own membrane, so that the body takes the shape of a narrow cell.
    within = np.minimum(within, inside - 4)
    folds = np.sin(0.9 * long * body["stretch"] + 2 * _grain(rng, grey.shape, 6))
    matrix = special.expit(2 * within)
    rims = sum(np.exp(-0.5 * ((within - at) / 0.9) ** 2) for at in (0.5, 4.0))
    grey -= matrix * (0.14 + 0.05 * folds) + 0.15 * rims
