"""The configuration of a run, and the names and options that it may hold.

No network library: the command line reads its options, their defaults and their help from the
fields of :class:`TrainConfig`, and a file of configurations is checked before anything is loaded.
Names of options are checked here; values of options where the network, its loss and its crops are
made, which :func:`damunet_lite.training.train` does before it makes a folder.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from damunet_lite import _arguments

ATTENTIONS = (None, "gate", "cbam", "both")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
STACKS = ("isbi2012", "synthetic")
TARGET_RULES = ("any_membrane", "area", "strided")

_IDEAS = ("attention", "deep_supervision", "multi_scale")
_FAMILY = (*_IDEAS, "base_filters", "depth", "input_channels", "batch_norm_momentum", "dropout")
NETWORK_OPTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("unet", "att_unet", "datt_unet", "damu_net"), (*_FAMILY, "name")),
    "published_listing": ("correct_gate3", "full_conv4", "name"),
}
_TVERSKY = ("fn_weight", "fp_weight", "smooth")
LOSS_OPTIONS: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("label_smoothing",),
    "weighted_cross_entropy": ("alpha", "gamma", "label_smoothing"),
    "dice": ("smooth", "pooling"),
    "tversky": (*_TVERSKY, "pooling"),
    "focal_tversky": (*_TVERSKY, "pooling", "exponent", "epsilon"),
    "listing": _TVERSKY,
}
_MOVES = ("flips", "rotate90", "rotation", "scale", "elastic", "elastic_grid")
AUGMENT_OPTIONS = (*_MOVES, "brightness", "contrast", "gamma", "noise")


def _field(default: Any, text: str, **limits: Any) -> Any:
    """A field with its help text and its limits, which `_checked` knows."""
    start = {"default_factory": dict} if default == {} else {"default": default}
    return dataclasses.field(**start, metadata={"help": text, **limits})


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a run, but for the stack itself.

    Parameters
    ----------
    network : str
        Preset of :mod:`damunet_lite.models`, or ``"published_listing"``.
    network_options : dict
        Keyword arguments of that preset.
    loss : str
        ``"cross_entropy"``, ``"weighted_cross_entropy"`` (its option ``alpha`` is the weight of
        membrane, ``1 - alpha`` that of cell), ``"dice"``, ``"tversky"``, ``"focal_tversky"`` on
        every head, or ``"listing"``: focal Tversky on the side heads and Tversky on the main
        one, pooled over the batch.
    loss_options : dict
        Keyword arguments of the loss class.
    target_rule : {"any_membrane", "area", "strided"}
        Targets of the side heads.
    head_decay : float
        Factor between the weights of neighbouring heads.
    data : str
        Name of the stack that the run is trained on. ``"isbi2012"`` and ``"synthetic"`` are those
        that :func:`damunet_lite.training.load_stack` knows; a stack of your own, which you hand to
        :func:`damunet_lite.training.train`, may have any other name.
    fold : int
        Which block of six slices is the test block, counted from 0.
    seed : int
        Decides weights and batches.
    steps, batch_size, crop : int
        Length of the run, crops in a batch, side of a crop in pixels.
    augment : dict
        Changes to :class:`damunet_lite.augment.AugmentConfig`.
    learning_rate : float
        Peak of Adam's learning rate, reached after ``warmup`` steps, then a cosine down to 0.
    warmup : int
        Steps of linear increase at the start.
    evaluate_every : int
        Steps between saved states, each scored on the validation slices.
    patience : int, optional
        Stop after that many evaluations without a better V_rand; None never stops early.
    precision : {"auto", "float32", "mixed_bfloat16", "mixed_float16"}
        ``"auto"`` takes what the device computes fastest.
    jit : bool, optional
        XLA compilation; None chooses by device.
    devices : int
        Number of local devices to train on; 0 takes all, on PyTorch one.
    deterministic : bool, optional
        Deterministic TensorFlow operations; None means on a CPU only, where they cost nothing.
    tta : bool
        Average the final predictions over eight flips and rotations.

    Raises
    ------
    ValueError
        If a value is out of range; the message names the argument.

    Examples
    --------
    >>> recipe = TrainConfig("unet", steps=10)
    >>> recipe.fold, recipe.batch_size, recipe.crop, recipe.warmup, recipe.evaluate_every
    (4, 4, 192, 20, 50)
    """

    network: str = _field("damu_net", "network to train", choices=tuple(NETWORK_OPTIONS))
    network_options: dict[str, Any] = _field({}, "keyword arguments of the network")
    loss: str = _field("cross_entropy", "loss of every head", choices=tuple(LOSS_OPTIONS))
    loss_options: dict[str, Any] = _field({}, "keyword arguments of the loss")
    target_rule: str = _field("any_membrane", "targets of the side heads", choices=TARGET_RULES)
    head_decay: float = _field(0.5, "factor between the weights of neighbouring heads")
    data: str = _field("isbi2012", "the real stack; or synthetic, one drawn here, with no download")
    fold: int = _field(4, "test block of six slices, counted from 0", least=0)
    seed: int = _field(0, "decides first weights and crops", least=0)
    steps: int = _field(350, "length of the run", least=1)
    batch_size: int = _field(4, "crops in a batch", least=1)
    crop: int = _field(192, "side of a crop in pixels, a multiple of 16", least=16)
    augment: dict[str, Any] = _field({}, "changes to how crops are varied")
    learning_rate: float = _field(1e-3, "peak learning rate")
    warmup: int = _field(20, "steps of increase to the peak learning rate", least=0)
    evaluate_every: int = _field(50, "steps between saved, scored states", least=1)
    patience: int | None = _field(None, "stop after so many evaluations without gain", least=1)
    precision: str = _field("auto", "number format; auto chooses by device", choices=PRECISIONS)
    jit: bool | None = _field(None, "compile with XLA; chosen by device if not given")
    devices: int = _field(1, "local devices to train on; 0 takes all", least=0)
    deterministic: bool | None = _field(None, "repeatable operations; on a CPU if not given")
    tta: bool = _field(True, "average the final predictions over 8 flips and rotations")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))
        if self.crop % 16:
            raise ValueError(f"crop is {self.crop}, wanted a multiple of 16")
        if self.loss == "listing" and self.network != "published_listing":
            raise ValueError(
                f"network is {self.network!r}, wanted 'published_listing' for its loss"
            )
        _check_keys("network_options", self.network_options, NETWORK_OPTIONS[self.network])
        _check_keys("loss_options", self.loss_options, LOSS_OPTIONS[self.loss])
        _check_keys("augment", self.augment, AUGMENT_OPTIONS)

    @property
    def name(self) -> str:
        """Folder name of the run: network, fold, seed, and a digest of all that is not default."""
        name = f"{self.network}-fold{self.fold}-seed{self.seed}"
        default = dataclasses.asdict(TrainConfig(self.network, fold=self.fold, seed=self.seed))
        others = {k: v for k, v in dataclasses.asdict(self).items() if v != default[k]}
        digest = hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()
        return f"{name}-{digest[:8]}" if others else name

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """Make a configuration from a dict such as ``config.json`` holds.

        Raises
        ------
        ValueError
            If a key is unknown or a value out of range.

        Examples
        --------
        >>> TrainConfig.from_dict({"network": "unet", "fold": 1}).name
        'unet-fold1-seed0'
        """
        _check_keys("config", values, [field.name for field in dataclasses.fields(cls)])
        return cls(**values)


def _checked(field: dataclasses.Field, value: Any) -> Any:
    """The value of a field in Python's own types, which JSON can hold."""
    name, kind, limits = field.name, field.type, field.metadata
    if value is None and field.default is None:
        return None
    if "least" in limits:
        return _arguments.integer(name, value, limits["least"])
    if "choices" in limits or kind in (bool, bool | None):
        return _arguments.choice(name, value, limits.get("choices", (True, False)))
    if kind is float:
        return _arguments.above_0(name, value)
    if not isinstance(value, str if kind is str else dict):
        raise ValueError(f"{name} is {value!r}, wanted {'a name' if kind is str else 'a dict'}")
    if isinstance(value, dict):
        value = {k: v.item() if hasattr(v, "item") else v for k, v in value.items()}
    return value


def _check_keys(name: str, values: Iterable[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{name} has the keys {unknown}, wanted some of {sorted(known)}")
