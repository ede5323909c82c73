"""What a network attends to and computes on the way: attention maps and feature maps."""

import keras
import numpy as np

from damunet_lite.tiling import MULTIPLE, TiledAxis, as_network_input, padded_length


def attention_maps(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """What every attention layer of a network lets pass, for one image or a stack.

    Parameters
    ----------
    model : keras.Model
        Functional model. Attention layers are those with a method ``coefficients``, such as
        :class:`damunet_lite.layers.AttentionGate` and :class:`damunet_lite.layers.CBAM`.
    image : np.ndarray
        As for :func:`predict`.

    Returns
    -------
    dict of str to np.ndarray
        Layer name to float32 coefficients in [0, 1], ``[h, w, C]`` for one image and
        ``[N, h, w, C]`` for a stack; h and w are those of the layer, C is 1 where a map is
        shared by all channels. Empty for a network without attention.

    Raises
    ------
    ValueError
        As for :func:`as_network_input`.

    Examples
    --------
    >>> from damunet_lite.models import att_unet
    >>> maps = attention_maps(att_unet(base_filters=2), np.zeros((40, 64)))
    >>> {name: coefficients.shape for name, coefficients in maps.items()}
    {'up4_gate': (5, 8, 1), 'up3_gate': (10, 16, 1), 'up2_gate': (20, 32, 1)}
    """
    layers = [layer for layer in model.layers if callable(getattr(layer, "coefficients", None))]
    if not layers:
        return {}
    inputs = _activations(model, {layer.name: layer.input for layer in layers}, image)
    maps = {}
    for layer in layers:
        coefficients = layer.coefficients(keras.tree.map_structure(_as_tensor, inputs[layer.name]))
        maps[layer.name] = _cropped(_as_numpy(coefficients), image)
    return maps


def feature_maps(model: keras.Model, image: np.ndarray, layer_name: str) -> np.ndarray:
    """Output of one layer of a network, for one image or a stack.

    Parameters
    ----------
    model : keras.Model
        Functional model.
    image : np.ndarray
        As for :func:`predict`.
    layer_name : str
        One of the names in ``model.layers``.

    Returns
    -------
    np.ndarray
        float32 ``[h, w, C]`` for one image, ``[N, h, w, C]`` for a stack; h and w are those of
        the layer.

    Raises
    ------
    ValueError
        If no layer has that name.
    ValueError
        As for :func:`as_network_input`.

    Examples
    --------
    >>> from damunet_lite.models import unet
    >>> feature_maps(unet(base_filters=2), np.zeros((40, 64)), "down3_relu2").shape
    (10, 16, 8)
    """
    names = [layer.name for layer in model.layers]
    if layer_name not in names:
        raise ValueError(f"layer_name is {layer_name!r}; wanted one of {', '.join(names)}")
    output = model.get_layer(layer_name).output
    return _cropped(_as_numpy(_activations(model, {"it": output}, image)["it"]), image)


def _activations(model: keras.Model, tensors: dict, image: np.ndarray) -> dict:
    """Values of symbolic tensors of a model, for an image padded as in :func:`predict`."""
    stack = as_network_input(image)
    for axis in (1, 2):
        length = stack.shape[axis]
        source = TiledAxis(length, padded_length(length), overlap=0).source
        stack = stack.take(source, axis=axis)
    # Keras warns where a model built from a list of one is given an array.
    probe = keras.Model(model.inputs[0] if len(model.inputs) == 1 else model.inputs, tensors)
    # XLA compiles anew, for seconds, at every size, and gains nothing on a CPU.
    probe.jit_compile = keras.backend.backend() == "jax"
    return probe.predict_on_batch(stack)


def _as_tensor(values):
    return keras.ops.convert_to_tensor(values)


def _as_numpy(tensor) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype(np.float32)


def _cropped(maps: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Maps [N, h, w, C] without the part that belongs to padding, stacked as the image is."""
    height, width = np.shape(image)[:2] if np.ndim(image) == 2 else np.shape(image)[1:3]
    sizes = []
    for length, found in zip((height, width), maps.shape[1:3], strict=True):
        padded = -(-length // MULTIPLE) * MULTIPLE
        sizes.append(-(-length * found // padded))
    maps = maps[:, : sizes[0], : sizes[1]]
    return maps[0] if np.ndim(image) == 2 else maps
