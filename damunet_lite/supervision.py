"""Deep supervision: one mask in, a target and a weight for every head.

:class:`SegmentationNetwork` is the model class of every network here. A network with side heads
returns a dict of probability maps, ``{"main": [N, H, W, 1], "side2": [N, H/2, W/2, 1], ...}``;
its user still passes one mask to ``fit`` and gets one array from ``predict``.
"""

import weakref

import keras
from keras import ops

from damunet_lite import devices
from damunet_lite.config import TARGET_RULES

_MAIN_NETWORKS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def head_targets(mask, sizes: dict[str, tuple[int, int]], rule: str = "any_membrane") -> dict:
    """Make the target of every head from the full-size mask.

    Parameters
    ----------
    mask : tensor, shape [N, H, W, 1]
        Membrane = 1.
    sizes : dict of str to (int, int)
        Height and width of each head; H and W must be whole multiples of them.
    rule : {"any_membrane", "area", "strided"}
        What a coarse pixel becomes: 1 if any of its fine pixels is membrane (maximum), the
        fraction that is (mean), or the value of its upper left one.

    Returns
    -------
    dict of str to tensor
        For each head a mask of shape [N, h, w, 1], the dtype of ``mask`` kept.

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
    >>> mask = np.zeros((1, 4, 4, 1), "float32"); mask[0, 1, :, 0] = 1
    >>> for rule in TARGET_RULES:
    ...     target = head_targets(mask, {"side2": (2, 2)}, rule)["side2"]
    ...     print(rule, np.asarray(target)[0, :, 0, 0].tolist())
    any_membrane [1.0, 0.0]
    area [0.5, 0.0]
    strided [0.0, 0.0]
    """
    if rule not in TARGET_RULES:
        raise ValueError(f"rule must be one of {TARGET_RULES}, got {rule!r}")
    if len(mask.shape) != 4:
        raise ValueError(f"mask must have shape [N, H, W, 1], got {tuple(mask.shape)}")
    return {name: _shrink(mask, size, rule, name) for name, size in sizes.items()}


def _shrink(mask, size, rule, name):
    height, width = mask.shape[1:3]
    if None in (height, width, *size):
        raise ValueError(f"mask and head {name!r} must have known sizes, got {mask.shape}, {size}")
    if height % size[0] or width % size[1]:
        raise ValueError(
            f"head {name!r} of size {tuple(size)} must divide the mask's size {(height, width)}"
        )
    step = (height // size[0], width // size[1])
    if step == (1, 1):
        return mask
    if rule == "strided":
        return mask[:, :: step[0], :: step[1]]
    cells = ops.reshape(mask, (-1, size[0], step[0], size[1], step[1], mask.shape[-1]))
    pool = ops.max if rule == "any_membrane" else ops.mean
    return pool(cells, axis=(2, 4))


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
    """
    if not decay > 0:
        raise ValueError(f"decay must be > 0, got {decay!r}")
    names = list(names)
    total = sum(decay**level for level in range(len(names)))
    return {name: decay**level / total for level, name in enumerate(names)}


@keras.saving.register_keras_serializable(package="damunet_lite")
class SegmentationNetwork(keras.Model):
    """A functional Keras model that turns one mask into the targets of all its heads.

    Build it with :func:`damunet_lite.models.build_network`. With one output it is an ordinary
    model. With a dict of outputs, ``compile`` spreads one loss over the heads, ``fit`` and
    ``evaluate`` take the full-size mask, metrics see the head ``"main"`` only, and ``predict``
    gives that head's array.

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
        return tuple(self.output) if isinstance(self.output, dict) else ("main",)

    def main_network(self) -> keras.Model:
        """The part that leads to the main head, sharing all weights; what prediction runs.

        A method, and kept outside the object, because Keras saves every model that it finds
        among a model's attributes and properties: itself again, and again.
        """
        if not isinstance(self.output, dict):
            return self
        if self not in _MAIN_NETWORKS:
            _MAIN_NETWORKS[self] = keras.Model(
                self.inputs, self.output["main"], name=f"{self.name}_main"
            )
        return _MAIN_NETWORKS[self]

    def compile(
        self, optimizer="adam", loss=None, head_weights=None, target_rule="any_membrane", **kwargs
    ):
        """Compile as every Keras model, with the loss spread over the heads.

        Parameters
        ----------
        optimizer, **kwargs
            As for ``keras.Model.compile``; ``jit_compile`` defaults to what suits the device.
        loss : keras.losses.Loss, str or dict of them
            One loss for all heads, or one for each head by name.
        head_weights : dict of str to float, optional
            Weight of each head's loss; :func:`head_weights` of all heads by default.
        target_rule : {"any_membrane", "area", "strided"}
            See :func:`head_targets`.

        Raises
        ------
        ValueError
            For an unknown rule or head name.
        """
        if target_rule not in TARGET_RULES:
            raise ValueError(f"target_rule must be one of {TARGET_RULES}, got {target_rule!r}")
        for name, value in (("loss", loss), ("head_weights", head_weights)):
            if isinstance(value, dict) and set(value) != set(self.heads):
                raise ValueError(f"{name} must name the heads {self.heads}, got {tuple(value)}")
        self._head_arguments = {
            "loss": loss,
            "head_weights": head_weights,
            "target_rule": target_rule,
        }
        if isinstance(self.output, dict):
            if not isinstance(loss, dict):
                loss = {name: loss for name in self.heads}
            kwargs["loss_weights"] = head_weights or default_head_weights(self.heads)
        elif isinstance(loss, dict):
            loss = loss["main"]
        kwargs.setdefault("jit_compile", devices.prefers_jit())
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        self._has_all_variables = False

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            del config["loss"], config["loss_weights"]
            config.update(keras.saving.serialize_keras_object(self._head_arguments))
        return config

    def compile_from_config(self, config):
        arguments = keras.saving.deserialize_keras_object(config)
        self.compile(**arguments)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force=False):
        self._make_variables()
        super().make_train_function(force)

    def make_test_function(self, force=False):
        self._make_variables()
        super().make_test_function(force)

    def _make_variables(self):
        """Make what optimizer, losses and metrics keep, before TensorFlow traces a step.

        A trace that makes variables is thrown away and done once more: half of the time until
        the first step. The other backends, and TensorFlow on several devices, make them first.
        """
        strategy = getattr(self, "distribute_strategy", None)  # TensorFlow's models have one
        alone = strategy is not None and strategy.num_replicas_in_sync == 1
        if self._has_all_variables or not alone or self.run_eagerly:
            return
        self._has_all_variables = True
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        if isinstance(self.output, dict):
            maps = {
                name: ops.zeros((1, 32, 32, map_.shape[-1])) for name, map_ in self.output.items()
            }
            try:
                self.compute_loss(None, maps["main"], maps)
                self.compute_metrics(None, maps["main"], maps)
            except Exception:  # what a loss objects to, it says when it meets the data
                pass
            self.reset_metrics()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if isinstance(y_pred, dict) and y is not None:
            sizes = {name: tuple(map_.shape[1:3]) for name, map_ in y_pred.items()}
            y = head_targets(y, sizes, self._head_arguments["target_rule"])
            if sample_weight is not None:
                sample_weight = {name: sample_weight for name in y}
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if isinstance(y_pred, dict):
            # By name: Keras up to 3.13 takes a lone map for the outputs of all heads.
            y, y_pred = {"main": y}, {"main": y_pred["main"]}
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        network = self._prediction_network()
        if network is self:
            return super().predict(x, batch_size, verbose, steps, callbacks)
        return network.predict(x, batch_size, verbose, steps, callbacks)

    def predict_on_batch(self, x):
        network = self._prediction_network()
        return super().predict_on_batch(x) if network is self else network.predict_on_batch(x)

    def _prediction_network(self):
        network = self.main_network()
        if not self.compiled or network is not self:
            network.jit_compile = self.jit_compile if self.compiled else devices.prefers_jit()
        return network


default_head_weights = head_weights
