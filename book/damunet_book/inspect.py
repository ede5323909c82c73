"""What a network attends to and computes on the way: attention maps and feature maps."""

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
    stack = _padded(model, image)
    start, calls, _ = _calls(model, keras.Input((None, None, 1)))
    seen = {name: call for name, call in _named(calls).items() if _attends(call[0])}
    if not seen:
        hidden = [layer.name for layer in model._flatten_layers() if _attends(layer)]
        if hidden:
            raise ValueError(
                f"model has its attention ({', '.join(hidden)}) in a part without a graph of "
                "layers, wanted functional models all through"
            )
        return {}
    inputs = {name: given for name, (_, given, _) in seen.items()}
    maps = {}
    for name, values in _predicted(start, inputs, stack).items():
        tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, values)
        coefficients = seen[name][0].coefficients(tensors)
        maps[name] = _cropped(keras.ops.convert_to_numpy(coefficients), image, stack)
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
    start, calls, _ = _calls(model, keras.Input((None, None, 1)))
    outputs = {name: given for name, (_, _, given) in _named(calls).items()}
    if layer_name not in outputs:
        raise ValueError(f"layer_name is {layer_name!r}, wanted one of {', '.join(outputs)}")
    stack = _padded(model, image)
    maps = _predicted(start, outputs[layer_name], stack)
    if maps.ndim != 4:
        raise ValueError(
            f"layer_name is {layer_name!r} with output shape {maps.shape}, wanted [N, h, w, C]"
        )
    return _cropped(maps, image, stack)


def _attends(layer: Any) -> bool:
    return callable(getattr(layer, "coefficients", None))


def _shows_its_layers(layer: Any) -> bool:
    """Whether a layer is a functional or sequential model."""
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and hasattr(layer, "inputs")
    )


def _calls(model: keras.Model, like: Any) -> tuple[Any, list[tuple[Any, Any, Any]], Any]:
    """Inputs like those, each call of a layer on the way (layer, inputs, outputs), and the outputs.

    Layers are called one by one as the network's own graph says, those of models inside it too.
    No model checks its input then, so one of a fixed size takes images of any other.
    """
    if not _shows_its_layers(model):
        raise ValueError(f"model is {model!r}, wanted a functional or a sequential model")
    found = []

    def call(layer, *args, **kwargs):
        if _shows_its_layers(layer):
            inner, inside, end = _calls(layer, args[0])
            tensors = [pair for _, *pair in inside]
            reached, outputs = keras.Model(inner, [tensors, end])(args[0])
            found.extend((one[0], *pair) for one, pair in zip(inside, reached, strict=True))
        else:
            outputs = layer(*args, **kwargs)
        found.append((layer, args[0], outputs))
        return outputs

    start = keras.tree.map_structure(lambda one: keras.Input(batch_shape=one.shape), like)
    if isinstance(model, keras.Sequential):
        end = start
        for layer in model.layers:
            end = call(layer, end)
    else:
        given = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(start))
        plain = keras.Model(model.input, model.output)  # not compiled: a loss may have no copy
        end = keras.models.clone_model(plain, given, lambda layer: layer, call).output
    return start, found, end


def _named(calls: list[tuple[Any, Any, Any]]) -> dict[str, tuple[Any, Any, Any]]:
    """Calls by the name of their layer, with a prime where that comes again."""
    named = {}
    for call in calls:
        name = call[0].name
        while name in named:
            name += "'"
        named[name] = call
    return named


def _predicted(start: Any, outputs: Any, stack: np.ndarray) -> Any:
    """Values of some tensors for a stack."""
    network = keras.Model(start, outputs)
    # XLA compiles anew, for seconds, at every size, and gains nothing on a CPU.
    network.jit_compile = keras.backend.backend() == "jax"
    return network.predict_on_batch(stack)


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
