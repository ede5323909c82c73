"""What a network costs: parameters, operations, seconds."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from damunet_book.results.records import FULL_WIDTH, Variant, other_rows, rows_at, variant, widths

from book.tools.plan import plan


def convolution_flop(network: Any, side: int = 512) -> int:
    """Floating-point operations of all convolutions for one image, forward.

    A convolution lays its kernel on every pixel of its output, a transposed one on every pixel
    of its input; each weight then costs a multiplication and an addition. Normalisation, ReLU,
    pooling and sigmoid are left out: under a hundredth of the whole.

    Parameters
    ----------
    network : keras.Model
        Functional model from [N, H, W, C].
    side : int
        Height and width of the image, a multiple of the network's total pooling.

    Returns
    -------
    int

    Examples
    --------
    One convolution with 3 x 3 x 1 x 32 weights on 16 x 16 pixels:

    >>> import keras
    >>> image = keras.Input((None, None, 1))
    >>> model = keras.Model(image, keras.layers.Conv2D(32, 3, padding="same")(image))
    >>> convolution_flop(model, 16) == 2 * (3 * 3 * 1 * 32) * (16 * 16)
    True
    """
    import keras

    layers = {layer.name: layer for layer in network.layers if layer.weights}
    inner = keras.Model(network.inputs, {name: layer.output for name, layer in layers.items()})
    shapes = inner.compute_output_shape((1, side, side, network.inputs[0].shape[-1]))
    return sum(_layer_flop(layer, shapes[name][1:3]) for name, layer in layers.items())


def _layer_flop(layer: Any, size: tuple[int, int]) -> int:
    pixels = size[0] * size[1]
    if type(layer).__name__ == "AttentionGate":
        half = -(-size[0] // 2) * -(-size[1] // 2)
        return sum(_kernel_flop(part, half) for part in (layer.theta, layer.phi, layer.psi))
    if type(layer).__name__ == "CBAM":
        # The channel weights see two pixels: the mean of the map, and its maximum.
        channel = (layer.channel.squeeze, layer.channel.excite)
        return _kernel_flop(layer.spatial.conv, pixels) + sum(_kernel_flop(p, 2) for p in channel)
    if type(layer).__name__ == "Conv2DTranspose":
        return _kernel_flop(layer, pixels // int(np.prod(layer.strides)))
    return _kernel_flop(layer, pixels)


def _kernel_flop(layer: Any, places: int) -> int:
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else 2 * int(np.prod(kernel.shape)) * places


def costs(
    records: Sequence[dict[str, Any]], speed: dict[str, Any] | None = None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Parameters, GFLOP and seconds per image for each row of the table of each width.

    Parameters
    ----------
    records : sequence of dict
    speed : dict, optional
        Content of the file that :func:`measure_speed` made.

    Returns
    -------
    dict of str to dict
        Base filters (as text, as JSON has its keys) to row to ``parameters``, ``gflop``
        (512 x 512, forward) and ``seconds`` (None if they were not measured).

    Examples
    --------
    >>> costs([])["32"]["U-Net"]
    {'parameters': 7768353, 'gflop': 96.27, 'seconds': None}
    """
    measured = (speed or {}).get("seconds", {})
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for width in map(str, widths(records)):
        found[width] = {}
        for row in _timed_rows(records, int(width)):
            parameters, gflop = _size(row)
            seconds = measured.get(width, {}).get(row.name)
            found[width][row.name] = {"parameters": parameters, "gflop": gflop, "seconds": seconds}
    return found


def _timed_rows(records, width: int) -> list[Variant]:
    return rows_at(width) + (other_rows(records, width) if width == FULL_WIDTH else [])


@functools.cache
def _size(row: Variant) -> tuple[int, float]:
    network = _network_of(row)
    return int(network.count_params()), round(convolution_flop(network) / 1e9, 2)


def _network_of(row: Variant) -> Any:
    from damunet_lite import training

    for config in itertools.chain.from_iterable(plan().values()):
        if variant(config) == row:
            return training.NETWORKS[config["network"]](**config["network_options"])
    if row.label == "listing, cross-entropy":
        return training.NETWORKS["published_listing"]()
    raise ValueError(f"row {row.name!r} is not in the plan, so its cost is unknown")


def measure_speed(records: Sequence[dict[str, Any]], repeats: int = 3) -> dict[str, Any]:
    """Processor seconds for predicting one 512 x 512 image, over all cores, on this machine.

    Parameters
    ----------
    records : sequence of dict
        The networks to measure are the rows of the tables made from them.
    repeats : int
        The median of so many predictions counts, after one to warm up.

    Returns
    -------
    dict
        ``seconds`` (base filters to row to float) and ``environment``. Processor seconds, since
        they hardly change when something else runs; on two idle cores the clock shows about half
        of them.
    """
    import time

    from damunet_lite import devices

    image = np.random.default_rng(0).random((1, 512, 512, 1)).astype("float32")
    seconds: dict[str, dict[str, float]] = {}
    rows = [row for width in widths(records) for row in _timed_rows(records, width)]
    for row in rows:
        network = _network_of(row)
        network.compile(jit_compile=devices.prefers_jit())
        network.predict_on_batch(image)
        taken = []
        for _ in range(repeats):
            started = time.process_time()
            network.predict_on_batch(image)
            taken.append(time.process_time() - started)
        at_width = seconds.setdefault(str(row.base_filters), {})
        at_width[row.name] = round(float(np.median(taken)), 2)
    return {"seconds": seconds, "environment": devices.describe()}
