"""What a network costs: parameters, operations, seconds."""

import time
from typing import Any

import keras
import numpy as np

from book.tools.plan import plan
from book.tools.records import FULL_WIDTH
from damunet_lite import devices, training

SPEED_FILE = "speed-cpu.json"


def convolution_flop(network: keras.Model, side: int = 512) -> int:
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

    >>> image = keras.Input((None, None, 1))
    >>> model = keras.Model(image, keras.layers.Conv2D(32, 3, padding="same")(image))
    >>> convolution_flop(model, 16) == 2 * (3 * 3 * 1 * 32) * (16 * 16)
    True
    """
    layers = {layer.name: layer for layer in network.layers if layer.weights}
    inner = keras.Model(network.inputs, {name: layer.output for name, layer in layers.items()})
    shapes = inner.compute_output_shape((1, side, side, network.inputs[0].shape[-1]))
    return sum(layer_flop(layer, shapes[name][1:3]) for name, layer in layers.items())


def layer_flop(layer: keras.Layer, size: tuple[int, int]) -> int:
    """Operations of the convolutions of one layer whose output has this height and width."""
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


def _kernel_flop(layer: keras.Layer, places: int) -> int:
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else 2 * int(np.prod(kernel.shape)) * places


def _rows() -> dict[tuple[int, str], training.TrainConfig]:
    """Width and name of each row of the tables, with the configuration of one of its runs."""
    runs = [run for run in plan() if not run["change"]]
    names = list(dict.fromkeys(run["label"] for run in runs))
    found = {
        (run["config"].network_options.get("base_filters", FULL_WIDTH), run["label"]): run["config"]
        for run in runs
    }
    return dict(sorted(found.items(), key=lambda row: (-row[0][0], names.index(row[0][1]))))


def _network(config: training.TrainConfig) -> keras.Model:
    return training.NETWORKS[config.network](**config.network_options)


def costs(speed: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Parameters, GFLOP and seconds per image for each row of the tables.

    Parameters
    ----------
    speed : dict, optional
        What :func:`measure_speed` gave.

    Returns
    -------
    list of dict
        ``base_filters``, ``network``, ``parameters``, ``gflop`` (512 x 512, forward) and
        ``seconds`` (None where they were not measured).
    """
    seconds = (speed or {}).get("seconds", {})
    found = []
    for (filters, label), config in _rows().items():
        network = _network(config)
        row = {"base_filters": filters, "network": label, "parameters": int(network.count_params())}
        row["gflop"] = round(convolution_flop(network) / 1e9, 2)
        row["seconds"] = seconds.get(str(filters), {}).get(label)
        found.append(row)
    return found


def measure_speed() -> dict[str, Any]:
    """Processor seconds for predicting one 512 x 512 image, over all cores, on this machine.

    The median of three predictions counts, after one to warm up.

    Returns
    -------
    dict
        ``seconds`` (base filters to row to float) and ``environment``. Processor seconds, since
        they hardly change when something else runs; on two idle cores the clock shows about half
        of them.
    """
    image = np.random.default_rng(0).random((1, 512, 512, 1)).astype("float32")
    seconds: dict[str, dict[str, float]] = {}
    for (filters, label), config in _rows().items():
        network = _network(config)
        network.compile(jit_compile=devices.prefers_jit())
        network.predict_on_batch(image)
        taken = []
        for _ in range(3):
            started = time.process_time()
            network.predict_on_batch(image)
            taken.append(time.process_time() - started)
        seconds.setdefault(str(filters), {})[label] = round(float(np.median(taken)), 2)
    return {"seconds": seconds, "environment": devices.describe()}
