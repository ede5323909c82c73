"""Figures of networks: gates, CBAM, heads, receptive fields and tiles."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from damunet_book.live import base, still
from damunet_book.live.base import Array, Figure, Setting, data, pixels
from damunet_lite import _arguments as check
from damunet_lite import metrics
from damunet_lite.tiling import tile_starts


class AttentionGateMap(Figure):
    """Attention coefficients of several levels over an image, and a gate worked by hand.

    Parameters
    ----------
    image : float array in [0, 1], [H, W], optional
        By default a synthetic crop; then `maps` must not be given either.
    maps : dict of str to float array in [0, 1], [h, w]
        Coefficients by level, fine to coarse, for instance from
        ``AttentionGate.coefficients``; each at its own size, stored in steps of 1/255.
    level : int
        Which of them is shown at first.
    interpolation : {"bilinear", "nearest"}
        How a map is enlarged to the image.
    blend : float
        Strength of the colours over the image, 0 to 1.
    x, g, theta, phi, psi, bias : float
        The gate by hand, alpha = sigmoid(psi ReLU(theta x + phi g) + bias).

    Raises
    ------
    ValueError
        If an array has the wrong shape or range, is missing, or `level` names no map.

    References
    ----------
    Oktay et al. 2018, MIDL, arXiv:1804.03999.

    Examples
    --------
    >>> image = np.zeros((8, 8))
    >>> figure = AttentionGateMap(image=image, maps={"gate 2": np.full((4, 4), 0.25)})
    >>> figure.describe()
    'Mean coefficient: gate 2 0.251.'
    """

    scripts = ("gate.js",)
    title = "What an attention gate lets through"
    shape, image, maps, level = data(), pixels(), data(), data()
    interpolation = Setting("bilinear", "bilinear", "nearest")
    blend = Setting(0.55, 0, 1)
    x = Setting(0.8, 0, 1)
    g = Setting(0.5, -2, 2)
    theta = Setting(1.0, -2, 2)
    phi = Setting(1.0, -2, 2)
    psi = Setting(3.0, -4, 8)
    bias = Setting(-2.0, -6, 6)

    def __init__(
        self,
        *,
        image: Array = None,
        maps: Mapping[str, np.ndarray] | None = None,
        level: int = 0,
        **settings: Any,
    ) -> None:
        if image is None and maps is None:
            image, maps = base.demonstration()[0], _demonstration_maps()
        if image is None or not maps:
            raise ValueError(f"maps is {maps!r}, wanted at least one, and an image with them")
        self._maps = maps = {str(k): base.in_steps(f"maps[{k!r}]", m) for k, m in maps.items()}
        sent = [{"name": k, "shape": [*m.shape], "data": base.packed(m)} for k, m in maps.items()]
        level = check.integer("level", level, 0, len(maps) - 1)
        grey = base.in_steps("image", image)
        super().__init__(shape=[*grey.shape], image=grey, maps=sent, level=level, **settings)

    def describe(self) -> str:
        means = [f"{name} {m.mean() / 255:.3f}" for name, m in self._maps.items()]
        return f"Mean coefficient: {', '.join(means)}."

    def picture(self) -> str:
        pictures = [("image", still.as_rgb(self.image / 255))]
        pictures += [(name, still.ramp(m / 255)) for name, m in list(self._maps.items())[:3]]
        return still.panels("Image and attention coefficients by level", pictures, 138)


def _demonstration_maps() -> dict[str, np.ndarray]:
    """Coefficients as a gate might give them: high near membranes, softer with each level."""
    mask = base.demonstration()[1]
    maps = {}
    for level, factor in enumerate((2, 4, 8), start=2):
        soft = ndimage.gaussian_filter(mask.astype(float), factor / 2)
        near = soft.reshape(96 // factor, factor, 96 // factor, factor).mean(axis=(1, 3))
        maps[f"gate {level}"] = 1 / (1 + np.exp(-(14 / factor**0.5) * (near - 0.3)))
    return maps


class CbamExplorer(Figure):
    """Channel and pixel weights of CBAM on a feature map small enough to see.

    The map is synthetic, 8 x 8 pixels with four channels; the weights of the shared network are
    set by hand: one hidden unit answers to what stands out, the other to what is everywhere.

    Parameters
    ----------
    kernel_size : {1, 3, 5, 7}
        Side of the spatial convolution, whose taps are all equal.
    mean_weight, maximum_weight : float
        Sum of its taps on the mean and on the maximum map, -10 to 10.
    channel, spatial : bool
        Which of the two parts is on.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1.

    Examples
    --------
    >>> CbamExplorer(kernel_size=np.int64(5), spatial=False)
    CbamExplorer(channel=True, kernel_size=5, maximum_weight=6.0, mean_weight=-8.0, spatial=False)
    >>> CbamExplorer().describe()
    'Mean of each channel before CBAM: membrane 0.27, mitochond. 0.13, flat 0.30, noise 0.18.'
    """

    scripts = ("cbam.js",)
    title = "CBAM: which channels, then which pixels"
    shape, features, names, mlp, gains = data(), data(), data(), data(), data()
    kernel_size = Setting(3, 1, 3, 5, 7)
    mean_weight = Setting(-8.0, -10, 10)
    maximum_weight = Setting(6.0, -10, 10)
    channel = Setting(True)
    spatial = Setting(True)

    def __init__(self, **settings: Any) -> None:
        values = _demonstration_features()
        flat, ones = np.round(values, 4).ravel().tolist(), [1.0] * values.shape[2]
        shown = {"features": flat, "names": _NAMES, "gains": ones, "mlp": _MLP}
        super().__init__(shape=[*values.shape], **shown, **settings)

    def _weighed(self) -> np.ndarray:
        return np.reshape(self.features, self.shape) * self.gains

    def describe(self) -> str:
        means = zip(self.names, self._weighed().mean((0, 1)), strict=True)
        said = ", ".join(f"{name} {mean:.2f}" for name, mean in means)
        return f"Mean of each channel before CBAM: {said}."

    def picture(self) -> str:
        values = self._weighed()
        top = max(values.max(), 1e-9)
        pictures = [(n, still.ramp(values[..., c] / top)) for c, n in enumerate(self.names)]
        return still.panels("Channels of the feature map", pictures, 138)


_NAMES = ["membrane", "mitochond.", "flat", "noise"]
_MLP = {
    "squeeze": [[2.0, -0.5], [1.0, -0.5], [-1.0, 1.5], [-0.5, 1.5]],
    "squeezeBias": [-0.2, -0.2],
    "excite": [[1.0, 0.3, -0.8, -0.6], [-0.8, -0.5, -1.0, -0.8]],
    "exciteBias": [-0.2, -0.2, -0.2, -0.2],
}


def _demonstration_features() -> np.ndarray:
    """Four channels of an 8 x 8 patch: a membrane, a mitochondrion, flat grey and noise."""
    row, column = np.mgrid[:8, :8]
    membrane = np.exp(-((row - column + 1) ** 2) / 2.0)
    mitochondrion = np.exp(-((row - 1.5) ** 2 + (column - 6) ** 2) / 3.0)
    noise = np.random.default_rng(5).random((8, 8)) * 0.35
    return np.stack([membrane, mitochondrion, np.full((8, 8), 0.3), noise], axis=-1)


class SupervisionTargets(Figure):
    """Targets and weights of the main head and of side heads at 1/2, 1/4 and 1/8.

    Parameters
    ----------
    mask : array of 0/1 or bool, [H, W], optional
        Membrane = 1; height and width multiples of 8. By default a synthetic crop.
    rule : {"any_membrane", "area", "strided"}
        As in :func:`damunet_lite.supervision.head_targets`.
    decay : float
        Weight of a head against the next finer one, 0.05 to 1, as in
        :func:`damunet_lite.supervision.head_weights`.

    Raises
    ------
    ValueError
        If the mask is not binary or not a multiple of 8, or an argument is out of range.

    Examples
    --------
    >>> mask = np.zeros((16, 16)); mask[:, 9] = 1
    >>> SupervisionTargets(mask=mask, rule="strided").describe()
    'Cells left by the rule strided: main 2, side2 1, side4 1, side8 1.'
    """

    scripts = ("scores.js", "supervision.js")
    title = "One mask, four targets"
    shape, mask = data(), pixels()
    rule = Setting("any_membrane", "any_membrane", "area", "strided")
    decay = Setting(0.5, 0.05, 1)

    def __init__(self, *, mask: Array = None, **settings: Any) -> None:
        fine = base.mask("mask", base.demonstration()[1] if mask is None else mask)
        if any(side % 8 for side in fine.shape):
            raise ValueError(f"mask has shape {fine.shape}, wanted multiples of 8")
        super().__init__(shape=list(fine.shape), mask=fine, **settings)

    def _heads(self) -> list[tuple[str, np.ndarray, int]]:
        """Name of each head, its target [h, w], and the number of cells in it."""
        from keras import ops  # here: the other figures need no Keras

        from damunet_lite.supervision import head_targets

        height, width = self.shape
        factors = {"main": 1, "side2": 2, "side4": 4, "side8": 8}
        sizes = {name: (height // f, width // f) for name, f in factors.items()}
        targets = head_targets(self.mask[None, ..., None].astype("float32"), sizes, self.rule)
        arrays = {name: ops.convert_to_numpy(t)[0, ..., 0] for name, t in targets.items()}
        return [(k, t, int(metrics.label_cells(t <= 0.5).max())) for k, t in arrays.items()]

    def describe(self) -> str:
        counts = ", ".join(f"{name} {cells}" for name, _, cells in self._heads())
        return f"Cells left by the rule {self.rule.replace('_', ' ')}: {counts}."

    def picture(self) -> str:
        heads = self._heads()
        pictures = [(f"{name}: {n} cells", still.as_rgb(1 - target)) for name, target, n in heads]
        return still.panels("Targets of the four heads", pictures, 138)


class ReceptiveField(Figure):
    """Receptive field of a U-Net level by level, and what a multi-scale input adds.

    The network is that of :func:`damunet_lite.models.build_network`: blocks of convolutions,
    2 x 2 poolings, transposed 2 x 2 convolutions of stride 2, skip connections.

    Parameters
    ----------
    depth : int
        Number of poolings, 1 to 5.
    kernel : {1, 3, 5, 7}
        Side of the convolutions.
    convs : int
        Convolutions in a block, 1 to 4.
    image_size : int
        Side of the image in pixels, 128 to 1024; nanometres assume 4 nm per pixel.
    multi_scale : bool
        Whether a pooled copy of the image enters every encoder level but the first.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Araujo, Norris and Sim 2019, Distill, doi:10.23915/distill.00021.

    Examples
    --------
    >>> ReceptiveField(depth=2).describe()
    'Receptive field by level in pixels: 5, 14, 32.'
    """

    scripts = ("receptive.js",)
    title = "What one output pixel sees"
    depth = Setting(4, 1, 5)
    kernel = Setting(3, 1, 3, 5, 7)
    convs = Setting(2, 1, 4)
    image_size = Setting(512, 128, 1024)
    multi_scale = Setting(True)

    def _fields(self) -> list[int]:
        grow = self.convs * (self.kernel - 1)
        # each convolution adds (kernel - 1) strides, each pooling one stride of the level above
        return [1 + grow * (2 ** (level + 1) - 1) + 2**level - 1 for level in range(self.depth + 1)]

    def describe(self) -> str:
        fields = ", ".join(str(side) for side in self._fields())
        return f"Receptive field by level in pixels: {fields}."

    def picture(self) -> str:
        """Still picture of the fields, about the middle of an image drawn 200 wide.

        Examples
        --------
        >>> svg = ReceptiveField(depth=1, image_size=200).picture()
        >>> 'x="107.5" y="107.5" width="5.0" height="5.0"' in svg
        True
        >>> 'x="103.0" y="103.0" width="14.0" height="14.0"' in svg
        True
        """
        fields = self._fields()
        scale = 200 / max(*fields, self.image_size)
        parts = ['<rect class="dm-track" x="10" y="10" width="200" height="200"/>']
        for level, side in enumerate(fields):
            start, length = 110 - side * scale / 2, side * scale
            hue = ("c4", "c2", "c3", "c1", "c5")[level % 5]
            parts += [
                f'<rect class="s-{hue}" fill="none" stroke="currentColor" stroke-width="2" '
                f'x="{start:.1f}" y="{start:.1f}" width="{length:.1f}" height="{length:.1f}"/>',
                still.text(240, 40 + 24 * level, f"level {level + 1}: {side} pixels"),
            ]
        return still.svg(420, 220, "Receptive fields in the image, to scale", parts)


class OverlapTile(Figure):
    """Where tiles lie, how they are weighed, what they cost and where seams show.

    Starts and Gaussian weights are those of :func:`damunet_lite.tiling.tile_starts` and
    :func:`damunet_lite.tiling.gaussian_window`. The border error is a model: neighbouring
    tiles err by +1 and -1 at their inner borders, less by a factor e every `reach` pixels.

    Parameters
    ----------
    image_size : int
        Side of the image in pixels, 256 to 2048.
    tile : int
        Side of a tile in pixels, 64 to 512.
    overlap : float
        Smallest share of a tile that it has in common with the next, 0 to 0.9.
    window : {"gaussian", "uniform"}
        Weights of a tile's pixels.
    reach : int
        Reach of the border error in pixels, 2 to 64.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Isensee et al. 2021, Nature Methods 18, 203-211, doi:10.1038/s41592-020-01008-z.

    Examples
    --------
    >>> OverlapTile(image_size=600, tile=256).describe()
    '4 x 4 tiles, starting at 0, 115, 229, 344.'

    Settings can be changed later, within their limits; there are no others:

    >>> figure = OverlapTile(tile=np.int64(512), overlap=np.float32(0.5))
    >>> figure
    OverlapTile(image_size=1024, overlap=0.5, reach=16, tile=512)
    >>> figure.overlap = 2
    Traceback (most recent call last):
    ValueError: overlap is 2, wanted a number from 0 to 0.9
    >>> OverlapTile(tiles=128)
    Traceback (most recent call last):
    TypeError: OverlapTile has no argument 'tiles'
    """

    scripts = ("tiles.js",)
    title = "Tiles that overlap"
    image_size = Setting(1024, 256, 2048)
    tile = Setting(256, 64, 512)
    overlap = Setting(0.5, 0, 0.9)
    window = Setting("gaussian", "gaussian", "uniform")
    reach = Setting(16, 2, 64)

    def _starts(self) -> list[int]:
        return tile_starts(self.image_size, self.tile, self.overlap)

    def describe(self) -> str:
        starts = self._starts()
        listed = ", ".join(str(start) for start in starts)
        return f"{len(starts)} x {len(starts)} tiles, starting at {listed}."

    def picture(self) -> str:
        """Still picture of the tiles.

        Examples
        --------
        >>> svg = OverlapTile(image_size=440, tile=220, overlap=0).picture()
        >>> [part[:16] for part in svg.split('opacity="0.16" ')[1:]]
        ['x="0.0" y="0.0" ', 'x="110.0" y="0.0', 'x="0.0" y="110.0', 'x="110.0" y="110']
        >>> svg.count('width="110.0" height="110.0"')
        4
        """
        scale = 220 / max(self.image_size, self.tile)
        side = self.tile * scale
        parts = [
            f'<rect class="c1" opacity="0.16" x="{x * scale:.1f}" y="{y * scale:.1f}" '
            f'width="{side:.1f}" height="{side:.1f}"/>'
            for y in self._starts()
            for x in self._starts()
        ]
        return still.svg(220, 220, "Tiles on the image; overlaps are darker", parts)
