"""Deep supervision: one mask in, a target and a weight for every head.

:class:`SegmentationNetwork` is the model class of every network here. A network with side heads
returns a dict of probability maps, ``{"main": [N, H, W, 1], "side2": [N, H/2, W/2, 1], ...}``;
its user still passes one mask to ``fit`` and gets one array from ``predict``.
"""

import math
import weakref

import keras
from keras import ops

from damunet_lite import _arguments as arguments
from damunet_lite import devices, losses
from damunet_lite.config import TARGET_RULES

_MAIN_NETWORKS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def head_targets(mask, sizes: dict[str, tuple[int, int]], rule: str = "any_membrane") -> dict:
    """Make the target of every head from the full-size mask.

    Parameters
    ----------
    mask : tensor, shape [N, H, W, 1]
        Membrane = 1.
    sizes : dict of str to (int, int)
        Height and width of each head; H and W must be whole multiples of them. Scalar tensors
        where a size is known only when the network runs.
    rule : {"any_membrane", "area", "strided"}
        What a coarse pixel becomes: 1 if any of its fine pixels is membrane (maximum), the
        fraction that is (mean), or the value of its upper left one.

    Returns
    -------
    dict of str to tensor
        For each head a mask of shape [N, h, w, 1]: the dtype of ``mask`` kept, but for fractions
        of whole numbers, which are floats.

    Raises
    ------
    ValueError
        For an unknown rule, a mask of another rank, or a size that does not divide the mask's.

    References
    ----------
    Lee et al. 2015, AISTATS, arXiv:1409.5185 (supervising hidden layers); the rules are ours,
    compared in chapter 9.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((2, 6, 4, 1), "float32")  # of each image four blocks of 3 x 2 pixels
    >>> mask[1, ..., 0] = [[0, 0, 0, 0],
    ...                    [1, 0, 0, 0],
    ...                    [1, 0, 0, 0],
    ...                    [1, 1, 0, 1],
    ...                    [1, 1, 0, 0],
    ...                    [1, 1, 0, 0]]
    >>> for rule in TARGET_RULES:
    ...     target = np.asarray(head_targets(mask, {"side": (2, 2)}, rule)["side"])
    ...     print(rule, target[1, ..., 0].astype(float).round(2).tolist(), target[0].max())
    any_membrane [[1.0, 0.0], [1.0, 1.0]] 0.0
    area [[0.33, 0.0], [1.0, 0.17]] 0.0
    strided [[0.0, 0.0], [1.0, 0.0]] 0.0
    >>> targets = head_targets(mask, {"main": (6, 4), "side": (2, 2)})  # any_membrane
    >>> np.array_equal(targets["main"], mask), float(np.sum(targets["side"]))
    (True, 3.0)
    """
    arguments.choice("rule", rule, TARGET_RULES)
    if len(mask.shape) != 4:
        raise ValueError(f"mask has shape {tuple(mask.shape)}, wanted [N, H, W, 1]")
    full, targets = ops.shape(mask)[1:3], {}
    for name, (h, w) in sizes.items():
        known = all(n is not None and not ops.is_tensor(n) for n in (*full, h, w))
        if known and (full[0] % h or full[1] % w):
            wanted = f"whole multiples of those of head {name!r}, {(h, w)}"
            raise ValueError(f"mask has height and width {full}, wanted {wanted}")
        blocks = ops.reshape(mask, (-1, h, full[0] // h, w, full[1] // w, ops.shape(mask)[-1]))
        if rule == "strided":
            targets[name] = blocks[:, :, 0, :, 0]
        else:
            pool = ops.max if rule == "any_membrane" else ops.mean
            targets[name] = pool(blocks, axis=(2, 4))
    return targets


def head_weights(names, decay: float = 0.5) -> dict[str, float]:
    """Give each head a weight that halves with every level; they sum to 1.

    Parameters
    ----------
    names : iterable of str
        Heads from fine to coarse, "main" first.
    decay : float
        Factor from one level to the next, > 0; 1 weighs all heads alike.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        If ``decay`` is not positive.

    Examples
    --------
    >>> head_weights(["main", "side2", "side4"])
    {'main': 0.5714285714285714, 'side2': 0.2857142857142857, 'side4': 0.14285714285714285}
    >>> head_weights(["main"], decay=0)
    Traceback (most recent call last):
    ValueError: decay is 0, wanted a finite number > 0
    """
    decay = arguments.above_0("decay", decay)
    weights = {name: decay**level for level, name in enumerate(names)}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def main_output(outputs):
    """Give the map of the main head among what a model returns.

    Parameters
    ----------
    outputs : tensor, or dict, list or tuple of tensors

    Returns
    -------
    tensor
        What stands under ``"main"`` in a dict; a single output as it is.

    Raises
    ------
    ValueError
        For several outputs that do not say which one is the main one.

    Examples
    --------
    >>> main_output({"main": 1, "side2": 2}), main_output([3]), main_output(4)
    (1, 3, 4)
    >>> main_output({"side2": 1})
    Traceback (most recent call last):
    ValueError: model returns ['side2'], wanted one output, or a dict with 'main'
    >>> main_output([1, 2])
    Traceback (most recent call last):
    ValueError: model returns 2 outputs, wanted one output, or a dict with 'main'
    """
    if isinstance(outputs, dict) and "main" in outputs:
        return outputs["main"]
    if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
        return outputs[0]
    if _nested(outputs):
        got = list(outputs) if isinstance(outputs, dict) else f"{len(outputs)} outputs"
        raise ValueError(f"model returns {got}, wanted one output, or a dict with 'main'")
    return outputs


def main_network(model: keras.Model) -> keras.Model:
    """Give the part of a functional model that leads to its main head, sharing all weights.

    It is what prediction runs: the side heads cost nothing there. On TensorFlow it is not
    compiled by XLA, which would take seconds anew for every size of image.

    Parameters
    ----------
    model : keras.Model
        With one output, or a dict of outputs with the key ``"main"``. A model without a graph of
        layers (not functional) is given back as it is.

    Returns
    -------
    keras.Model
        From the same inputs to the main output alone; the same one at every call.

    Raises
    ------
    ValueError
        See :func:`main_output`.

    Examples
    --------
    >>> image = keras.Input((None, None, 1))
    >>> main_network(keras.Model(image, {"main": image, "other": 2 * image})).output.shape
    (None, None, None, 1)
    >>> main_network(len) is len
    True
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return model
    if model not in _MAIN_NETWORKS:
        # ``outputs`` is a flat list; ``output`` keeps the names, but a Sequential lacks it.
        output = main_output(model.outputs if len(model.outputs) == 1 else model.output)
        kind = _Network if isinstance(model, _Network) else keras.Model
        network = kind(model.inputs, output, name=f"{model.name}_main")
        network.run_eagerly = model.run_eagerly
        network.jit_compile = keras.backend.backend() == "jax"
        _MAIN_NETWORKS[model] = network
    return _MAIN_NETWORKS[model]


@keras.saving.register_keras_serializable(package="damunet_lite", name="Network")
class _Network(keras.Model):
    """A functional model that says which sizes of image it takes."""

    @property
    def multiple(self) -> int:
        """What height and width of an image are multiples of."""
        pools = (layer for layer in self.layers if isinstance(layer, keras.layers.MaxPooling2D))
        return math.prod(layer.pool_size[0] for layer in pools)

    def call(self, inputs, training=None, mask=None):
        wanted = f"multiples of {self.multiple}: pad, or use inference.predict"
        sides = ops.shape(keras.tree.flatten(inputs)[0])[1:3]
        for side in sides:
            if not isinstance(side, int):
                import tensorflow as tf  # the only backend that knows a size so late

                fits = tf.debugging.assert_equal(side % self.multiple, 0, f"image: wanted {wanted}")
                # nothing else may fail first
                with tf.control_dependencies([fits]):
                    inputs = keras.tree.map_structure(tf.identity, inputs)
            elif side % self.multiple:
                raise ValueError(f"image has height and width {sides}, wanted {wanted}")
        return super().call(inputs, training=training, mask=mask)


@keras.saving.register_keras_serializable(package="damunet_lite")
class SegmentationNetwork(_Network):
    """A functional Keras model that turns one mask into the targets of all its heads.

    Build it with :func:`damunet_lite.models.build_network`. With one output it is an ordinary
    model. With a dict of outputs, ``compile`` spreads one loss over the heads, ``fit`` and
    ``evaluate`` take the full-size mask, and ``predict`` gives the array of the head ``"main"``.
    Where Keras's own words name the heads, they mean what they mean in Keras: ``loss``,
    ``loss_weights``, targets and ``sample_weight`` may be a dict by head, or a list in the order
    of :attr:`heads`; ``metrics`` a dict by head, each of which sees that head and its target.
    Metrics in a list see the main head.

    One ``sample_weight`` serves all heads: [N] weighs images, [N, H, W] or [N, H, W, 1] weighs
    pixels, and a side head gets the mean weight of the pixels that each of its own stands for. A
    loss that has one value for each image takes [N] alone, one that has a single value takes none.

    Examples
    --------
    >>> import numpy as np
    >>> from damunet_lite.losses import TverskyLoss
    >>> from damunet_lite.models import build_network
    >>> network = build_network(deep_supervision=True, base_filters=2, depth=2)
    >>> network.compile("adam", TverskyLoss())
    >>> images = np.zeros((1, 16, 16, 1), "float32")
    >>> history = network.fit(images, images, verbose=0)
    >>> network.predict(images, verbose=0).shape
    (1, 16, 16, 1)
    """

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the heads, fine to coarse; ``("main",)`` for a network with one output."""
        return tuple(_by_name(self.output))

    def main_network(self) -> keras.Model:
        """The part that leads to the main head, see :func:`main_network`.

        A method, and kept outside the object, because Keras saves every model that it finds
        among a model's attributes and properties: itself again, and again.
        """
        return main_network(self)

    def compile(self, optimizer="adam", loss=None, loss_weights=None, **kwargs):
        """Compile as every Keras model, with the loss spread over the heads.

        Parameters
        ----------
        optimizer
            As for ``keras.Model.compile``.
        loss : keras.losses.Loss or str, or dict or list of them
            One loss for all heads, or one for each head.
        loss_weights : dict of str to float, list or float, optional
            Weight of each head's loss; :func:`head_weights` of all heads by default.
        **kwargs
            ``target_rule``, see :func:`head_targets`: "any_membrane" by default. The others as for
            ``keras.Model.compile``; ``jit_compile="auto"`` takes what suits the device, and does
            so once more after loading.

        Raises
        ------
        ValueError
            For an unknown rule or head name.
        """
        target_rule = kwargs.pop("target_rule", "any_membrane")
        self.target_rule = arguments.choice("target_rule", target_rule, TARGET_RULES)
        # What was said, and nothing that follows from this device, goes into files.
        self._jit_said = kwargs.setdefault("jit_compile", "auto")
        if self._jit_said == "auto":
            kwargs["jit_compile"] = devices.prefers_jit() and not kwargs.get("run_eagerly")
        loss = self._by_head("loss", loss if _nested(loss) else dict.fromkeys(self.heads, loss))
        weights = head_weights(self.heads) if loss_weights is None else loss_weights
        weights = self._by_head("loss_weights", weights if _nested(weights) else [weights])
        self._metrics_by_head = False
        for name in ("metrics", "weighted_metrics"):
            value = kwargs.get(name)
            if isinstance(value, (list, tuple)) and any(map(_nested, value)):
                kwargs[name] = value = self._by_head(name, value)
            if isinstance(value, dict):
                self._by_head(name, {**dict.fromkeys(self.heads), **value})
                self._metrics_by_head = True
        weights = {k: arguments.at_least_0(f"loss_weights of {k}", weights[k]) for k in weights}
        super().compile(optimizer, loss, weights, **kwargs)
        self._make_variables()
        _MAIN_NETWORKS.pop(self, None)

    def _make_variables(self):
        """Make what optimizer, losses and metrics keep, before TensorFlow traces a step.

        A trace that makes variables is thrown away and done once more: half of the time until
        the first step.
        """
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        maps = _by_name(self.output)
        self._compile_loss.build(maps, maps)
        if self._compile_metrics is not None:
            self._compile_metrics.build(self._seen(maps), self._seen(maps))

    def _by_head(self, name, values):
        """What was given for each head, by its name or in their order, as a dict."""
        if isinstance(values, (list, tuple)) and len(values) == len(self.heads):
            values = dict(zip(self.heads, values, strict=True))
        if not isinstance(values, dict) or set(values) != set(self.heads):
            got = tuple(values) if isinstance(values, dict) else values
            raise ValueError(f"{name} is {got!r}, wanted one for each of the heads {self.heads}")
        return values

    def get_compile_config(self):
        config = super().get_compile_config()  # empty if it is not compiled
        return config and {**config, "target_rule": self.target_rule, "jit_compile": self._jit_said}

    def compile_from_config(self, config):
        given = keras.saving.deserialize_keras_object(config)
        if "head_weights" in given:  # a file of version 0.1.0, with what suited its device
            given |= {"loss_weights": given.pop("head_weights"), "jit_compile": "auto"}
        self.compile(**given)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is not None:
            y, y_pred, weights = self._for_heads(y, y_pred, sample_weight)
            sample_weight = {
                k: _for_loss(self.loss[k], weights[k], y[k], y_pred[k]) for k in weights
            }
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if y is not None:
            every = self._for_heads(y, y_pred, sample_weight)
            y, y_pred, sample_weight = map(self._seen, every)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _seen(self, values):
        """What metrics see: all heads where they are given by head, else the main one alone.

        By name: Keras up to 3.13 takes a lone map for the outputs of all heads.
        """
        return values if self._metrics_by_head else {"main": values["main"]}

    def _for_heads(self, y, y_pred, sample_weight):
        """Target, map and weight of each head, from one of full size or one for each head."""
        maps = _by_name(y_pred)
        y = self._spread("y", y, maps, self.target_rule)
        rank = len(getattr(sample_weight, "shape", ()))
        if rank < 2 and not _nested(sample_weight):
            return y, maps, dict.fromkeys(maps, sample_weight)
        sample_weight = sample_weight[..., None] if rank == 3 else sample_weight
        return y, maps, self._spread("sample_weight", sample_weight, maps, "area")

    def _spread(self, name, value, maps, rule):
        if _nested(value):
            return self._by_head(name, value)
        main = maps["main"].shape
        wanted = (None, *main[1:3], 1)
        shape = tuple(value.shape)
        if len(maps) == 1 and (main[-1] != 1 or losses.same_shape((*shape, 1), wanted)):
            return {"main": value}
        if not losses.same_shape(shape, wanted):
            raise ValueError(f"{name} has shape {shape}, wanted {wanted} like the main head's map")
        sizes = {head: ops.shape(map_)[1:3] for head, map_ in maps.items() if head != "main"}
        return {"main": value, **head_targets(value, sizes, rule)}

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        return main_network(self).predict(x, batch_size, verbose, steps, callbacks)

    def predict_on_batch(self, x):
        return main_network(self).predict_on_batch(x)


def _nested(value) -> bool:
    return isinstance(value, (dict, list, tuple))


def _by_name(maps) -> dict:
    return maps if isinstance(maps, dict) else {"main": maps}


def _for_loss(loss, weight, y, y_pred):
    """Weights as a loss can use them that gives one value, one for each image or for each pixel.

    Keras would lay [N] along the width of values for pixels, and multiply other values by a mean.
    """
    if weight is None or loss is None or isinstance(loss, losses.TverskyLoss):
        return weight
    function = keras.losses.get(loss)
    rank = len(getattr(function, "call", function)(y, y_pred).shape)
    if rank < len(weight.shape) - 1 or rank == 0:
        wanted = "[N]: the loss has one value an image" if rank else "none: the loss has one value"
        raise ValueError(f"sample_weight has shape {tuple(weight.shape)}, wanted {wanted}")
    return ops.reshape(weight, (-1, *[1] * (rank - 1))) if len(weight.shape) == 1 else weight
