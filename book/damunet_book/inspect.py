"""What a network attends to and computes on the way: attention maps and feature maps."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from damunet_lite.tiling import as_network_input, padded_length


def attention_maps(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """What every attention layer of a network lets pass, for one image or a stack.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential model, models inside it included. Attention layers are those with
        a method ``coefficients``, such as :class:`damunet_lite.layers.AttentionGate` and
        :class:`damunet_lite.layers.CBAM`.
    image : np.ndarray
        What :func:`damunet_lite.inference.predict` takes. The network sees it whole, its borders
        filled up by reflection, also where its own input size is fixed and smaller.

    Returns
    -------
    dict of str to np.ndarray
        Layer name to float32 coefficients in [0, 1], ``[h, w, C]`` for one image and
        ``[N, h, w, C]`` for a stack; h and w are those of the layer, C is 1 where a map is
        shared by all channels. A name that comes again, from another model inside or a second
        call, gets a prime: ``gate'``. Empty for a network without attention.

    Raises
    ------
    ValueError
        As for :func:`damunet_lite.tiling.as_network_input`; or if the model has no graph of layers,
        or its attention lies in parts that have none.

    Examples
    --------
    >>> from damunet_lite.models import att_unet
    >>> maps = attention_maps(att_unet(base_filters=2), np.zeros((40, 64)))
    >>> {name: coefficients.shape for name, coefficients in maps.items()}
    {'up4_gate': (5, 8, 1), 'up3_gate': (10, 16, 1), 'up2_gate': (20, 32, 1)}
    """
    layers = {}

    def keep_inputs(name: str, layer: Any, inputs: Any, outputs: Any) -> Any:
        if not _attends(layer):
            return None
        layers[name] = layer
        return inputs

    stack = _padded(model, image)
    values = _Watched(model, keep_inputs).predict_on_batch(stack)
    hidden = [layer.name for layer in model._flatten_layers() if _attends(layer)]
    if hidden and not layers:
        raise ValueError(
            f"model has its attention ({', '.join(hidden)}) in a part without a graph of layers, "
            "wanted functional models all through"
        )
    maps = {}
    for name, layer in layers.items():
        tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, values[name])
        maps[name] = _cropped(keras.ops.convert_to_numpy(layer.coefficients(tensors)), image, stack)
    return maps


def feature_maps(model: keras.Model, image: np.ndarray, layer_name: str) -> np.ndarray:
    """Output of one layer of a network, for one image or a stack.

    Parameters
    ----------
    model, image
        As for :func:`attention_maps`.
    layer_name : str
        Name of a layer, of the model or of a model inside it; see there for names that come again.

    Returns
    -------
    np.ndarray
        float32 ``[h, w, C]`` for one image, ``[N, h, w, C]`` for a stack; h and w are those of
        the layer.

    Raises
    ------
    ValueError
        If no layer has that name, or its output is not ``[N, h, w, C]``; otherwise as
        :func:`attention_maps`.

    Examples
    --------
    >>> from damunet_lite.models import unet
    >>> feature_maps(unet(base_filters=2), np.zeros((40, 64)), "down3_relu2").shape
    (10, 16, 8)
    """
    names = []

    def keep_output(name: str, layer: Any, inputs: Any, outputs: Any) -> Any:
        names.append(name)
        return outputs if name == layer_name else None

    stack = _padded(model, image)
    values = _Watched(model, keep_output).predict_on_batch(stack)
    if layer_name not in values:
        raise ValueError(f"layer_name is {layer_name!r}, wanted one of {', '.join(names)}")
    maps = keras.ops.convert_to_numpy(values[layer_name])
    if maps.ndim != 4:
        raise ValueError(
            f"layer_name is {layer_name!r} with output shape {maps.shape}, wanted [N, h, w, C]"
        )
    return _cropped(maps, image, stack)


def _attends(layer: Any) -> bool:
    return callable(getattr(layer, "coefficients", None))


def _shows_its_layers(layer: Any) -> bool:
    """Whether a layer is a functional or sequential model."""
    return isinstance(layer, keras.Sequential) or hasattr(layer, "_run_through_graph")


class _Watched(keras.Model):
    """A network that gives, for its outputs, what ``keep`` keeps of the calls of its layers.

    Layers are called one by one as the network's own graph says, those of models inside it too.
    No model checks its input then, so one of a fixed size takes images of any other.
    """

    def __init__(self, network: keras.Model, keep: Callable):
        super().__init__(name="watched")
        if not _shows_its_layers(network):
            raise ValueError(f"model is {network!r}, wanted a functional or a sequential model")
        self.network, self.keep = network, keep
        self.built = True
        # XLA compiles anew, for seconds, at every size, and gains nothing on a CPU.
        self.jit_compile = keras.backend.backend() == "jax"

    def call(self, inputs):
        kept, names = {}, set()

        def run(model, inputs):
            if isinstance(model, keras.Sequential):
                for layer in model.layers:
                    inputs = watched(layer)(inputs)
                return inputs
            outputs = model._run_through_graph(inputs, watched)
            alone = isinstance(outputs, (list, tuple)) and len(outputs) == 1
            return outputs[0] if alone else outputs

        def watched(layer):
            def call(*args, **kwargs):
                outputs = (
                    run(layer, args[0]) if _shows_its_layers(layer) else layer(*args, **kwargs)
                )
                name = layer.name
                while name in names:
                    name += "'"
                names.add(name)
                value = self.keep(name, layer, args[0], outputs)
                if value is not None:
                    kept[name] = value
                return outputs

            return call

        run(self.network, inputs)
        return kept


def _padded(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """The image as the network is given it, its borders filled up as in prediction."""
    stack = as_network_input(image)
    fixed = model.inputs[0].shape[1:3] if getattr(model, "inputs", None) else (None, None)
    wanted = [
        max(padded_length(n), own or 0) for n, own in zip(stack.shape[1:3], fixed, strict=True)
    ]
    more = [(0, after - n) for n, after in zip(stack.shape[1:3], wanted, strict=True)]
    return np.pad(stack, [(0, 0), *more, (0, 0)], mode="reflect")


def _cropped(maps: np.ndarray, image: np.ndarray, padded: np.ndarray) -> np.ndarray:
    """Maps [N, h, w, C] without the part that belongs to padding, stacked as the image is."""
    single = np.ndim(image) == 2
    height, width = np.shape(image) if single else np.shape(image)[1:3]
    rows = -(-height * maps.shape[1] // padded.shape[1])
    columns = -(-width * maps.shape[2] // padded.shape[2])
    maps = maps[:, :rows, :columns].astype(np.float32)
    return maps[0] if single else maps
