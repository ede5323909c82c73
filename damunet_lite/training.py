"""Train a network from one configuration into one run folder, and go on where it stopped.

The unit of progress is the step. Batches are a pure function of seed and step, so a run that
was killed continues from its last saved state as if nothing had happened: on a CPU, with
deterministic operations, it ends with the same weights as a run left alone.
"""

import contextlib
import csv
import functools
import hashlib
import json
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

from damunet_lite import __version__, _arguments, data, devices, inference, losses, metrics, models
from damunet_lite.augment import AugmentConfig, sample_batch
from damunet_lite.config import STACKS, TrainConfig
from damunet_lite.supervision import SegmentationNetwork, head_weights

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


# ------------------------------------------------------------------ the pieces of a run


def _augment_config(config: TrainConfig) -> AugmentConfig:
    return AugmentConfig(crop=config.crop, **config.augment)


class CropBatches(keras.utils.PyDataset):
    """Augmented batches of the steps ``first`` to ``first + count - 1``, prepared by threads."""

    def __init__(self, stack, indices, config: TrainConfig, first: int, count: int):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.stack, self.indices, self.config = stack, indices, config
        self.first, self.count = first, count
        self.augment = _augment_config(config)

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


def load_stack(name: str) -> data.Stack:
    """The labelled stack of a name that the package knows; any other you make yourself.

    Raises
    ------
    ValueError
        If the name is not known.
    damunet_lite.data.DataError
        If the data cannot be had.

    Examples
    --------
    >>> load_stack("synthetic").images.shape
    (30, 256, 256, 1)
    """
    _arguments.choice("data", name, STACKS)
    return data.isbi2012() if name == "isbi2012" else data.synthetic_stack()


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
                    f"batch_size is {config.batch_size}, wanted a multiple of the {count} devices"
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
                **({} if config.jit is None else {"jit_compile": config.jit}),
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


def _open_folder(folder: Path, config: TrainConfig, stack: data.Stack) -> None:
    """Create the folder, or make sure that it belongs to this very configuration and stack."""
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
        _check_same_stack(path, stack)
    elif any(not p.name.startswith(".") for p in folder.iterdir()):
        raise RunError(f"{folder} has files but no {CONFIG_FILE}; choose another run folder")
    else:
        record = {"config": asdict(config), "package": __version__}
        record |= {"environment": _environment(config), "stack": _identity(stack)}
        write_json(path, record)


def _identity(stack: data.Stack) -> dict[str, Any]:
    """What tells a stack from another one: its name, its shape and a digest of every pixel."""
    digest = hashlib.sha256(np.ascontiguousarray(stack.images))
    digest.update(np.ascontiguousarray(_membranes(stack)))
    shape = list(stack.images.shape)
    return {"name": stack.name, "shape": shape, "sha256": digest.hexdigest()}


def _check_same_stack(path: Path, stack: data.Stack) -> None:
    found = json.loads(path.read_text(encoding="utf-8")).get("stack")  # older runs have none
    if found is not None and found != _identity(stack):
        raise RunError(
            f"{path} belongs to another stack ({found['name']}, shape {found['shape']}, or the "
            "same with other pixels); choose another folder, or delete this one"
        )


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
    config: TrainConfig,
    stack: data.Stack,
    folder: str | os.PathLike | None = None,
    progress: bool = True,
) -> Path:
    """Train, score on validation slices as it goes, score the test slices at the end.

    A run that was interrupted at any moment goes on when the same call is made again; a finished
    one returns at once.

    Parameters
    ----------
    config : TrainConfig
    stack : Stack
        Images and membranes, at least 12 slices: one block of six to test on, and the rest.
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
        If the folder cannot be written or belongs to another configuration or stack, or the loss
        is no longer a number.
    ValueError
        If the stack has no membranes, is smaller than a crop or has no such fold, or an option of
        network, loss or crops is out of range. No folder is made then.

    Examples
    --------
    >>> import tempfile
    >>> config = TrainConfig("unet", {"base_filters": 2}, data="synthetic", steps=2, crop=32,
    ...                      batch_size=1, evaluate_every=2, tta=False)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = train(config, data.synthetic_stack(size=64), place, progress=False)
    ...     sorted(path.name for path in folder.iterdir())
    ['best.keras', 'config.json', 'contact_sheet.png', 'history.csv', 'last.npz', 'metrics.json']
    """
    folder = Path(folder) if folder is not None else Path("runs") / config.name
    if (folder / METRICS_FILE).exists():
        _open_folder(folder, config, stack)
        return folder
    fold = _fold(config, stack)
    _augment_config(config)
    _prepare_process(config)
    network = build(config)
    _open_folder(folder, config, stack)
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
    _membranes(stack)
    if config.crop > min(stack.images.shape[1:3]):
        height, width = stack.images.shape[1:3]
        raise ValueError(f"crop is {config.crop}, wanted at most the image, {height} x {width}")
    available = data.folds(len(stack))
    return available[_arguments.integer("fold", config.fold, 0, len(available) - 1)]


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
    validation = stack[fold.validation]
    probability = _predict(network, validation, tta=False)
    row |= _validation_row(metrics.score_stack(_membranes(validation), probability))
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


def _predict(network, stack: data.Stack, tta: bool) -> np.ndarray:
    with devices.undistributed():
        return inference.predict(network, stack.images, tta=tta, batch_size=1)


def _membranes(stack: data.Stack) -> np.ndarray:
    if stack.membranes is None:
        raise ValueError(f"stack is {stack.name!r} without membranes, wanted one that has them")
    return stack.membranes


def _validation_row(scores: metrics.StackScores) -> dict[str, float]:
    v_rand_threshold, _ = scores.best_v_rand()
    v_info_threshold, _ = scores.best_v_info()
    row = scores.row(v_rand_threshold, v_info_threshold)
    return {k: row[k] for k in ("v_rand", "v_info", "dice_membrane", "dice_cell")}


# ------------------------------------------------------------------ the final record


def _finish(config, stack, fold, state: _Progress, folder: Path) -> None:
    from damunet_lite import plots

    network = load_network(folder)
    validation, probability = _predict_both(network, stack, fold, config.tta)
    scores = _scores(stack, fold, validation, probability)
    _write_history(folder, state.history)
    test = stack[fold.test]
    with _replacing(folder / SHEET_FILE) as temporary:
        plots.contact_sheet(
            test.images,
            test.membranes,
            probability,
            threshold=scores["thresholds"]["v_rand"],
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
        **scores,
    }
    write_json(folder / METRICS_FILE, finished)


def _predict_both(network, stack, fold, tta: bool) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the validation and of the test slices."""
    return _predict(network, stack[fold.validation], tta), _predict(network, stack[fold.test], tta)


def _scores(
    stack: data.Stack, fold: data.Fold, validation: np.ndarray, test: np.ndarray
) -> dict[str, Any]:
    """Scores of predictions; the validation slices alone choose the thresholds."""
    chosen = metrics.score_stack(_membranes(stack[fold.validation]), validation)
    truth = _membranes(stack[fold.test])
    scores = metrics.score_stack(truth, test)
    thresholds = {"v_rand": chosen.best_v_rand()[0], "v_info": chosen.best_v_info()[0]}
    return {
        "thresholds": thresholds,
        "test": scores.row(thresholds["v_rand"], thresholds["v_info"]),
        "validation": chosen.row(thresholds["v_rand"], thresholds["v_info"]),
        "baselines": metrics.trivial_baselines(truth),
        "training_slices": fold.train.tolist(),
        "validation_slices": fold.validation.tolist(),
        "test_slices": fold.test.tolist(),
        "validation_scores": chosen.to_dict(),
        "test_scores": scores.to_dict(),
    }


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
        Ready for ``json.dump``: ``thresholds`` (chosen on validation), ``test`` (a row of the
        score table), ``validation`` (the same at its own best), ``baselines`` of the test slices,
        ``training_slices``, ``validation_slices``, ``test_slices``, and ``validation_scores`` and
        ``test_scores`` (every slice and threshold, see
        :meth:`damunet_lite.metrics.StackScores.to_dict`).

    Examples
    --------
    >>> stack = data.synthetic_stack(n=12, size=64, seed=0)
    >>> record = evaluate(models.unet(base_filters=2), stack, data.folds(12)[1], tta=False)
    >>> sorted(record["test"])
    ['accuracy', 'dice_cell', 'dice_membrane', 'v_info', 'v_rand']
    """
    return _scores(stack, fold, *_predict_both(network, stack, fold, tta))


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

    It is not compiled: predicting and scoring need neither loss nor optimiser, and how to compile
    is for the device that it runs on now.

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
        return keras.models.load_model(file, compile=False)
    except _UNREADABLE as error:
        raise RunError(f"{file} cannot be loaded as a Keras model: {error}") from error


def evaluate_run(
    folder: str | os.PathLike, stack: data.Stack, tta: bool | None = None
) -> dict[str, Any]:
    """Score the best network of a run folder once more, as :func:`evaluate` does.

    Parameters
    ----------
    folder : path
        Run folder of :func:`train`.
    stack : Stack
        What it was trained on.
    tta : bool, optional
        Average predictions over eight flips and rotations; as the run did if not given.

    Raises
    ------
    RunError
        If the folder is not a run folder, has no network yet, or belongs to another stack.

    Examples
    --------
    >>> evaluate_run("no-such-folder", data.synthetic_stack(n=12, size=64))
    Traceback (most recent call last):
    damunet_lite.training.RunError: no-such-folder is not a run folder: config.json is missing
    """
    config = read_config(folder)
    _check_same_stack(Path(folder) / CONFIG_FILE, stack)
    fold = _fold(config, stack)
    return evaluate(load_network(folder), stack, fold, config.tta if tta is None else tta)
