"""Train a network from one configuration into one run folder, and go on where it stopped.

The unit of progress is the step. Batches are a pure function of seed and step, so a run that
was killed continues from its last saved state as if nothing had happened: on a CPU, with
deterministic operations, it ends with the same weights as a run left alone.
"""

import contextlib
import csv
import dataclasses
import functools
import hashlib
import inspect
import json
import math
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from damunet_lite import __version__, data, devices, inference, losses, metrics, models
from damunet_lite.augment import AugmentConfig, sample_batch
from damunet_lite.supervision import TARGET_RULES, SegmentationNetwork, head_weights

NETWORKS: dict[str, Callable[..., SegmentationNetwork]] = {
    **models.PRESETS,
    "published_listing": models.published_listing,
}
LOSSES = {
    "cross_entropy": keras.losses.BinaryCrossentropy,
    # Without its focal factor, Keras's balanced loss is cross-entropy with a weight for each class:
    # alpha for membrane, 1 - alpha for cell.
    "weighted_cross_entropy": functools.partial(
        keras.losses.BinaryFocalCrossentropy, gamma=0.0, apply_class_balancing=True
    ),
    "dice": losses.DiceLoss,
    "tversky": losses.TverskyLoss,
    "focal_tversky": losses.FocalTverskyLoss,
}
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
STATE_FILE, BEST_FILE, CONFIG_FILE = "last.npz", "best.keras", "config.json"
HISTORY_FILE, METRICS_FILE, SHEET_FILE = "history.csv", "metrics.json", "contact_sheet.png"
HISTORY_COLUMNS = (
    "step",
    "loss",
    "learning_rate",
    "seconds",
    "v_rand",
    "v_info",
    "dice_membrane",
    "dice_cell",
)


class RunError(RuntimeError):
    """A run cannot start or go on; the message says why and what helps."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a run.

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
        ``"isbi2012"`` or ``"synthetic"``.
    fold : int
        Which block of six slices is the test block, 0 to 4.
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
        Number of local devices to train on; 0 takes all.
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
    >>> TrainConfig("unet", steps=10).fold
    4
    """

    network: str = "damu_net"
    network_options: dict[str, Any] = field(default_factory=dict)
    loss: str = "cross_entropy"
    loss_options: dict[str, Any] = field(default_factory=dict)
    target_rule: str = "any_membrane"
    head_decay: float = 0.5
    data: str = "isbi2012"
    fold: int = 4
    seed: int = 0
    steps: int = 350
    batch_size: int = 4
    crop: int = 192
    augment: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    warmup: int = 20
    evaluate_every: int = 50
    patience: int | None = None
    precision: str = "auto"
    jit: bool | None = None
    devices: int = 1
    deterministic: bool | None = None
    tta: bool = True

    def __post_init__(self):
        choices = {
            "network": tuple(NETWORKS),
            "loss": (*LOSSES, "listing"),
            "target_rule": TARGET_RULES,
            "data": ("isbi2012", "synthetic"),
            "precision": PRECISIONS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        least = {
            "fold": 0,
            "seed": 0,
            "steps": 1,
            "batch_size": 1,
            "crop": 16,
            "warmup": 0,
            "evaluate_every": 1,
            "devices": 0,
        }
        if self.patience is not None:
            least["patience"] = 1
        for name, minimum in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
                raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}")
        if self.crop % 16:
            raise ValueError(f"crop must be a multiple of 16, got {self.crop}")
        for name in ("learning_rate", "head_decay"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 < value < math.inf:
                raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
        switches = {
            "jit": (None, True, False),
            "deterministic": (None, True, False),
            "tta": (True, False),
        }
        for name, values in switches.items():
            if not any(getattr(self, name) is value for value in values):
                raise ValueError(f"{name} must be one of {values}, got {getattr(self, name)!r}")
        if self.loss == "listing" and self.network != "published_listing":
            raise ValueError("loss 'listing' belongs to network 'published_listing'")
        self._check_options()

    def _check_options(self) -> None:
        """Raise for options that nothing takes, before a run folder exists."""
        preset = models.build_network if self.network in models.PRESETS else NETWORKS[self.network]
        loss = losses.TverskyLoss if self.loss == "listing" else LOSSES[self.loss]
        takers = {"network_options": preset, "loss_options": loss, "augment": AugmentConfig}
        for name, taker in takers.items():
            options = getattr(self, name)
            if not isinstance(options, dict):
                raise ValueError(f"{name} must be a dict, got {options!r}")
            known = set(inspect.signature(taker).parameters) - {"crop", "synchronized_norm"}
            if self.loss == "listing":
                known -= {"pooling"}
            unknown = sorted(set(options) - known)
            if unknown:
                raise ValueError(f"{name} has unknown keys {unknown}; known are {sorted(known)}")
        AugmentConfig(crop=self.crop, **self.augment)

    @property
    def name(self) -> str:
        """Folder name of the run: network, fold, seed, and a digest of all that is not default."""
        name = f"{self.network}-fold{self.fold}-seed{self.seed}"
        named = {"network", "fold", "seed"}
        others = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in named and getattr(self, f.name) != getattr(TrainConfig(), f.name)
        }
        if not others:
            return name
        digest = hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()
        return f"{name}-{digest[:8]}"

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
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"config has unknown keys {unknown}; known are {sorted(known)}")
        return cls(**values)


# ------------------------------------------------------------------ the pieces of a run


class CropBatches(keras.utils.PyDataset):
    """Augmented batches of the steps ``first`` to ``first + count - 1``, prepared by threads."""

    def __init__(self, stack, indices, config: TrainConfig, first: int, count: int):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.stack, self.indices, self.config = stack, indices, config
        self.first, self.count = first, count
        self.augment = AugmentConfig(crop=config.crop, **config.augment)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        config = self.config
        return sample_batch(
            self.stack,
            self.indices,
            config.batch_size,
            config.seed,
            self.first + index,
            self.augment,
        )


def load_stack(config: TrainConfig) -> data.Stack:
    """The labelled stack a configuration names."""
    return data.isbi2012() if config.data == "isbi2012" else data.synthetic_stack()


def _precision(config: TrainConfig) -> str:
    """Dtype policy of a run: what the configuration says, or what is fastest on this device."""
    return devices.preferred_precision() if config.precision == "auto" else config.precision


def _environment(config: TrainConfig) -> dict[str, str]:
    return {**devices.describe(), "precision": _precision(config)}


def build(config: TrainConfig) -> SegmentationNetwork:
    """Build and compile the network of a configuration, on one device or several.

    Parameters
    ----------
    config : TrainConfig

    Returns
    -------
    SegmentationNetwork
        Compiled, with freshly drawn weights that depend on ``config.seed`` alone.

    Raises
    ------
    ValueError
        If an option is out of range, more devices are asked for than there are or than the
        backend can use, or they cannot share a batch evenly.

    Examples
    --------
    >>> build(TrainConfig("unet", {"base_filters": 2})).compiled
    True
    """
    keras.utils.set_random_seed(config.seed)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_precision(config))
    try:
        with devices.distributed(config.devices) as count:
            if config.batch_size % count:
                raise ValueError(
                    f"batch_size must be a multiple of the {count} devices, got {config.batch_size}"
                )
            options = dict(config.network_options)
            if count > 1 and keras.backend.backend() == "tensorflow":
                options["synchronized_norm"] = True
            network = NETWORKS[config.network](**options)
            network.compile(
                optimizer=_optimizer(config),
                loss=_loss(config, network),
                head_weights=head_weights(network.heads, config.head_decay)
                if len(network.heads) > 1
                else None,
                target_rule=config.target_rule,
                jit_compile=devices.prefers_jit() if config.jit is None else config.jit,
            )
            # Here and not at the first step, so that its variables live on the same devices.
            network.optimizer.build(network.trainable_variables)
    finally:
        keras.config.set_dtype_policy(previous)
    return network


def _optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    warmup = min(config.warmup, config.steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 10 if warmup else config.learning_rate,
        decay_steps=config.steps - warmup,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    return keras.optimizers.Adam(schedule)


def _loss(config: TrainConfig, network: SegmentationNetwork):
    options = config.loss_options
    if config.loss != "listing":
        return LOSSES[config.loss](**options)
    focal = losses.FocalTverskyLoss(pooling="batch", **options)
    chosen = {head: focal for head in network.heads}
    chosen["main"] = losses.TverskyLoss(pooling="batch", **options)
    return chosen


def _prepare_process(config: TrainConfig) -> None:
    """Settings of the whole process: determinism, and memory that is kept between steps."""
    deterministic = config.deterministic
    if deterministic is None:
        deterministic = devices.accelerator() == "cpu"
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    devices.keep_memory()


# ------------------------------------------------------------------ state on disk


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it into place once all is written."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(
            f"cannot write {path}: {error.strerror or error}. Make room or choose a folder you "
            "can write to; what was saved before is intact, and the same command goes on from it"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON so that the file is either the old one or the new one, never half of it.

    Raises
    ------
    RunError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "x.json", [1])
    ...     (Path(folder) / "x.json").read_text().split()
    ['[', '1', ']']
    """
    path = Path(path)
    with _replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _variables(network: SegmentationNetwork) -> dict[str, Any]:
    groups = {"network": network.variables, "optimizer": network.optimizer.variables}
    # Names, not paths: Keras numbers optimisers and seed generators through a whole process.
    return {
        f"{group}/{i:04d}/{variable.name}": variable
        for group, variables in groups.items()
        for i, variable in enumerate(variables)
    }


@dataclass
class _Progress:
    """Where a run stands, apart from its variables."""

    step: int = 0
    seconds: float = 0.0
    best_v_rand: float = float("-inf")
    best_step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def _save_state(folder: Path, network: SegmentationNetwork, progress: _Progress) -> None:
    arrays = {
        key: keras.ops.convert_to_numpy(variable.value)
        for key, variable in _variables(network).items()
    }
    arrays["progress"] = np.array(json.dumps(asdict(progress)))
    with _replacing(folder / STATE_FILE) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


# What a file that was cut short or changed makes NumPy, zipfile and json raise.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def _load_state(folder: Path, network: SegmentationNetwork) -> _Progress:
    path = folder / STATE_FILE
    if not path.exists():
        return _Progress()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            variables = _variables(network)
            if set(variables) | {"progress"} != set(arrays.files):
                raise RunError(f"{path} does not fit the network; choose another run folder")
            values = {key: arrays[key] for key in arrays.files}
        progress = _Progress(**json.loads(str(values.pop("progress"))))
        for key, value in values.items():
            variables[key].assign(value)
    except _UNREADABLE as error:
        raise RunError(f"{path} cannot be read ({error}); delete it to start anew") from error
    _name_best(folder, progress)
    return progress


def _candidate(folder: Path, step: int) -> Path:
    return folder / f".best-{step}.keras"


def _name_best(folder: Path, progress: _Progress) -> None:
    """Give the best network its name, once the state on disk knows of it.

    A run that dies in between thus never has the network of one history and the score of another.
    """
    try:
        if _candidate(folder, progress.best_step).exists():
            os.replace(_candidate(folder, progress.best_step), folder / BEST_FILE)
        for leftover in (*folder.glob(".best-*.keras"), *folder.glob(".*.partial*")):
            leftover.unlink()
    except OSError as error:
        raise RunError(f"cannot write {folder / BEST_FILE}: {error.strerror}") from error


def _write_history(folder: Path, history: list[dict[str, float]]) -> None:
    with (
        _replacing(folder / HISTORY_FILE) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, HISTORY_COLUMNS)
        writer.writeheader()
        writer.writerows(history)


def _open_folder(folder: Path, config: TrainConfig) -> None:
    """Create the folder, or make sure that it belongs to this very configuration."""
    record = {"config": asdict(config), "package": __version__, "environment": _environment(config)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot create run folder {folder}: {error.strerror}; "
            "choose a folder that you may write to"
        ) from error
    path = folder / CONFIG_FILE
    if path.exists():
        check_same_config(path, config)
    elif any(not p.name.startswith(".") for p in folder.iterdir()):
        raise RunError(f"{folder} has files but no {CONFIG_FILE}; choose another run folder")
    else:
        write_json(path, record)


def check_same_config(path: Path, config: TrainConfig) -> None:
    """Raise unless the JSON file at ``path`` records this very configuration.

    Raises
    ------
    RunError
        If it cannot be read, or naming each setting that differs.

    Examples
    --------
    >>> check_same_config(Path("no-such.json"), TrainConfig())
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such.json cannot be read (FileNotFoundError)
    """
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8"))["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__})") from error
    wanted = json.loads(json.dumps(asdict(config)))
    changed = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    if changed:
        differences = ", ".join(f"{k}: {found.get(k)!r} -> {wanted.get(k)!r}" for k in changed)
        raise RunError(
            f"{path} belongs to another configuration ({differences}); choose another folder, or "
            "delete this one"
        )


# ------------------------------------------------------------------ training


class _Bar(keras.callbacks.Callback):
    def __init__(self, bar: tqdm):
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch, logs=None):
        self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)
        self.bar.update(1)


def train(
    config: TrainConfig, folder: str | os.PathLike | None = None, progress: bool = True
) -> Path:
    """Train, score on validation slices as it goes, score the test slices at the end.

    A run that was interrupted at any moment goes on when the same call is made again; a finished
    one returns at once.

    Parameters
    ----------
    config : TrainConfig
    folder : path, optional
        Run folder; by default ``runs/<name of the configuration>``.
    progress : bool
        Show a progress bar with the time left, on stderr or in the notebook.

    Returns
    -------
    Path
        The run folder with ``config.json``, ``history.csv``, ``best.keras`` (best validation
        V_rand), ``last.npz`` (full state), ``metrics.json`` and ``contact_sheet.png``.

    Raises
    ------
    RunError
        If the folder cannot be written or belongs to another configuration, or the loss is no
        longer a number.
    damunet_lite.data.DataError
        If the data cannot be had.

    Examples
    --------
    >>> import tempfile
    >>> config = TrainConfig("unet", {"base_filters": 2}, data="synthetic", steps=2, crop=32,
    ...                      batch_size=1, evaluate_every=2, tta=False)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     sorted(p.name for p in train(config, place, progress=False).iterdir())
    ['best.keras', 'config.json', 'contact_sheet.png', 'history.csv', 'last.npz', 'metrics.json']
    """
    folder = Path(folder) if folder is not None else Path("runs") / config.name
    if (folder / METRICS_FILE).exists():
        _open_folder(folder, config)
        return folder
    stack = load_stack(config)
    fold = _fold(config, stack)
    _prepare_process(config)
    network = build(config)
    _open_folder(folder, config)
    state = _load_state(folder, network)
    with tqdm(
        total=config.steps,
        initial=state.step,
        disable=not progress,
        desc=config.name,
        unit="step",
        smoothing=0.05,
    ) as bar:
        while state.step < config.steps and not _out_of_patience(config, state):
            _train_block(config, stack, fold, network, state, folder, bar)
    _finish(config, stack, fold, state, folder)
    return folder


def _fold(config: TrainConfig, stack: data.Stack) -> data.Fold:
    if config.crop > min(stack.images.shape[1:3]):
        height, width = stack.images.shape[1:3]
        raise ValueError(f"crop must be at most the image, {height} x {width}, got {config.crop}")
    available = data.folds(len(stack))
    if config.fold >= len(available):
        raise ValueError(f"fold must be 0 to {len(available) - 1}, got {config.fold}")
    return available[config.fold]


def _out_of_patience(config: TrainConfig, state: _Progress) -> bool:
    if config.patience is None or not state.history:
        return False
    return state.step - state.best_step >= config.patience * config.evaluate_every


def _train_block(config, stack, fold, network, state, folder, bar) -> None:
    """Steps up to the next evaluation, the evaluation, and the state on disk."""
    started = time.perf_counter()
    count = min(config.evaluate_every, config.steps - state.step)
    batches = CropBatches(stack, fold.train, config, state.step, count)
    logs = network.fit(batches, verbose=0, shuffle=False, callbacks=[_Bar(bar)]).history
    loss = float(logs["loss"][-1])
    if not np.isfinite(loss):
        raise RunError(
            f"the loss became {loss} before step {state.step + count}; try a smaller "
            "learning_rate, or precision 'float32'"
        )
    state.step += count
    row = {"step": state.step, "loss": loss}
    row["learning_rate"] = float(network.optimizer.learning_rate)
    scores = _score(network, stack[fold.validation], tta=False)
    row |= _validation_row(scores)
    state.seconds += time.perf_counter() - started
    row["seconds"] = state.seconds
    state.history.append(row)
    if row["v_rand"] > state.best_v_rand:
        state.best_v_rand, state.best_step = row["v_rand"], state.step
        with _replacing(_candidate(folder, state.step)) as temporary:
            network.save(temporary)
    _save_state(folder, network, state)
    _name_best(folder, state)
    _write_history(folder, state.history)
    if not bar.disable:
        bar.write(
            f"step {state.step}: loss {loss:.3f}, validation V_rand {row['v_rand']:.3f}, "
            f"membrane Dice {row['dice_membrane']:.3f}"
        )


def _score(network, stack: data.Stack, tta: bool) -> metrics.StackScores:
    return metrics.score_stack(_membranes(stack), _predict(network, stack, tta))


def _predict(network, stack: data.Stack, tta: bool) -> np.ndarray:
    with devices.undistributed():
        return inference.predict(network, stack.images, tta=tta, batch_size=1)


def _membranes(stack: data.Stack) -> np.ndarray:
    if stack.membranes is None:
        raise ValueError(f"stack must have membranes to be scored against, {stack.name!r} has none")
    return stack.membranes


def _validation_row(scores: metrics.StackScores) -> dict[str, float]:
    v_rand_threshold, _ = scores.best_v_rand()
    v_info_threshold, _ = scores.best_v_info()
    row = scores.row(v_rand_threshold, v_info_threshold)
    return {k: row[k] for k in ("v_rand", "v_info", "dice_membrane", "dice_cell")}


# ------------------------------------------------------------------ the final record


def _finish(config, stack, fold, state: _Progress, folder: Path) -> None:
    network = load_network(folder)
    record = evaluate(network, stack, fold, tta=config.tta)
    probabilities = record.pop("probabilities")
    _write_history(folder, state.history)
    from damunet_lite import plots

    test = stack[fold.test]
    with _replacing(folder / SHEET_FILE) as temporary:
        plots.contact_sheet(
            test.images,
            test.membranes,
            probabilities,
            threshold=record["thresholds"]["v_rand"],
            path=temporary,
            titles=[f"slice {i}" for i in fold.test],
        )
    finished = {
        "config": asdict(config),
        "package": __version__,
        "environment": _environment(config),
        "parameters": network.count_params(),
        "best_step": state.best_step,
        "training_seconds": round(state.seconds, 1),
        "history": state.history,
        **record,
    }
    write_json(folder / METRICS_FILE, finished)


def evaluate(
    network: keras.Model, stack: data.Stack, fold: data.Fold, tta: bool = True
) -> dict[str, Any]:
    """Score the test slices at the thresholds that are best on the validation slices.

    Parameters
    ----------
    network : keras.Model
    stack : Stack
        With membranes.
    fold : Fold
    tta : bool
        Average predictions over eight flips and rotations.

    Returns
    -------
    dict
        ``thresholds`` (chosen on validation), ``test`` (a row of the score table), ``validation``
        (the same at its own best), ``baselines`` of the test slices, ``test_scores`` (every slice
        and threshold, see :meth:`damunet_lite.metrics.StackScores.to_dict`),
        ``test_slices`` and ``probabilities`` [n, H, W, 1].

    Examples
    --------
    >>> stack = data.synthetic_stack(n=12, size=64, seed=0)
    >>> record = evaluate(models.unet(base_filters=2), stack, data.folds(12)[1], tta=False)
    >>> sorted(record["test"])
    ['accuracy', 'dice_cell', 'dice_membrane', 'v_info', 'v_rand']
    """
    validation = _score(network, stack[fold.validation], tta)
    thresholds = {"v_rand": validation.best_v_rand()[0], "v_info": validation.best_v_info()[0]}
    test = stack[fold.test]
    probabilities = _predict(network, test, tta)
    scores = metrics.score_stack(_membranes(test), probabilities)
    return {
        "thresholds": thresholds,
        "test": scores.row(thresholds["v_rand"], thresholds["v_info"]),
        "validation": validation.row(thresholds["v_rand"], thresholds["v_info"]),
        "baselines": metrics.trivial_baselines(_membranes(test)),
        "test_slices": [int(i) for i in fold.test],
        "test_scores": scores.to_dict(),
        "probabilities": probabilities,
    }


def read_config(folder: str | os.PathLike) -> TrainConfig:
    """Configuration of a run folder.

    Raises
    ------
    RunError
        If the folder holds no readable ``config.json``.

    Examples
    --------
    >>> read_config("no-such-folder")
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such-folder is not a run folder: config.json is missing
    """
    path = Path(folder) / CONFIG_FILE
    try:
        return TrainConfig.from_dict(json.loads(path.read_text(encoding="utf-8"))["config"])
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run folder: {CONFIG_FILE} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error!r}") from error


def load_network(path: str | os.PathLike) -> keras.Model:
    """Load a trained network from a ``.keras`` file or a run folder (its ``best.keras``).

    Raises
    ------
    RunError
        If there is no such file, or Keras cannot read it.

    Examples
    --------
    >>> load_network("no-such.keras")
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such.keras is neither a .keras file nor a run folder
    """
    path = Path(path)
    file = path / BEST_FILE if path.is_dir() else path
    if not file.is_file():
        raise RunError(f"{path} is neither a .keras file nor a run folder")
    try:
        return keras.models.load_model(file)
    except _UNREADABLE as error:
        raise RunError(f"{file} cannot be loaded as a Keras model: {error}") from error


def evaluate_run(folder: str | os.PathLike, tta: bool = True) -> dict[str, Any]:
    """Score the best network of a run folder once more, as :func:`evaluate` does.

    Returns
    -------
    dict
        As :func:`evaluate`, without the probabilities; ready for ``json.dump``.

    Raises
    ------
    RunError
        If the folder is not a run folder or has no network yet.

    Examples
    --------
    >>> evaluate_run("no-such-folder")
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such-folder is not a run folder: config.json is missing
    """
    config = read_config(folder)
    stack = load_stack(config)
    record = evaluate(load_network(folder), stack, _fold(config, stack), tta)
    del record["probabilities"]
    return record
