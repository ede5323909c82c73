"""Train a network from one configuration into one run folder, and go on where it stopped.

The unit of progress is the step. Batches are a pure function of seed and step, so a run that
was killed continues from its last saved state as if nothing had happened: on a CPU, with
deterministic operations, it ends with the same weights as a run left alone.
"""

import functools
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from damunet_lite import __version__, _arguments, devices, inference, losses, metrics, models, runs
from damunet_lite.augment import AugmentConfig, sample_batch
from damunet_lite.cells import score_cells, segment_cells
from damunet_lite.config import STACKS, TrainConfig
from damunet_lite.data import Fold, Stack, folds, isbi2012
from damunet_lite.runs import METRICS_FILE, SHEET_FILE, History, RunError, load_network, write_json
from damunet_lite.supervision import SegmentationNetwork, head_weights
from damunet_lite.synthetic import synthetic_stack

NETWORKS = models.PRESETS | {"published_listing": models.published_listing}
#: Thresholds on the probability of cell in steps of 0.05, for the finer of two readings.
FINE_THRESHOLDS = np.arange(20) / 20
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
        size, seed, step = self.config.batch_size, self.config.seed, self.first + index
        return sample_batch(self.stack, self.indices, size, seed, step, self.augment)


def load_stack(name: str) -> Stack:
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
    >>> load_stack("kitti")
    Traceback (most recent call last):
    ValueError: data is 'kitti', wanted one of ('isbi2012', 'synthetic')
    """
    _arguments.choice("data", name, STACKS)
    return isbi2012() if name == "isbi2012" else synthetic_stack()


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
                wanted = f"a multiple of the {count} devices"
                raise ValueError(f"batch_size is {config.batch_size}, wanted {wanted}")
            options = {**config.network_options, "synchronized_norm": count > 1}
            network = NETWORKS[config.network](**options)
            if (channels := network.input_shape[-1]) != 1:
                raise ValueError(f"input_channels is {channels}, wanted 1: images are grey")
            if config.crop % network.multiple:
                raise ValueError(f"crop is {config.crop}, wanted a multiple of {network.multiple}")
            network.compile(
                _optimizer(config),
                _loss(config, network.heads),
                loss_weights=head_weights(network.heads, config.head_decay),
                target_rule=config.target_rule,
                jit_compile="auto" if config.jit is None else config.jit,
            )
    finally:
        keras.config.set_dtype_policy(previous)
    return network


def _precision(config: TrainConfig) -> str:
    """Dtype policy of a run: what the configuration says, or what is fastest on this device."""
    return devices.preferred_precision() if config.precision == "auto" else config.precision


def _optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Adam; its rate goes straight up from a tenth for `warmup` steps, then half a cosine to 0.

    Examples
    --------
    >>> optimizer = _optimizer(TrainConfig(steps=20, warmup=4, learning_rate=0.01))
    >>> for step in (0, 3, 4, 12, 16, 20):
    ...     _ = optimizer.iterations.assign(step)
    ...     print(step, round(float(optimizer.learning_rate), 7))
    0 0.001
    3 0.00775
    4 0.01
    12 0.005
    16 0.0014645
    20 0.0
    >>> round(float(_optimizer(TrainConfig(steps=4, warmup=0)).learning_rate), 7)
    0.001
    """
    peak, warmup = config.learning_rate, min(config.warmup, config.steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 10, config.steps - warmup, warmup_target=peak, warmup_steps=warmup
    )
    return keras.optimizers.Adam(schedule)


def _loss(config: TrainConfig, heads: tuple[str, ...]):
    """The loss of all heads, or one for each of them.

    Examples
    --------
    Weighted cross-entropy weighs membrane by alpha and cell by the rest:

    >>> config = TrainConfig(loss="weighted_cross_entropy", loss_options={"alpha": 0.8})
    >>> truth, guess = np.array([[1.0, 0.0]]), np.array([[0.25, 0.6]])
    >>> round(float(_loss(config, ("main",))(truth, guess)), 5)
    0.64615
    >>> round(-(0.8 * math.log(0.25) + 0.2 * math.log(0.4)) / 2, 5)
    0.64615

    The article's listing has another for the main head than for the side heads:

    >>> listing = _loss(TrainConfig("published_listing", loss="listing"), ("main", "side2"))
    >>> {head: (loss.name, loss.pooling) for head, loss in listing.items()}
    {'main': ('tversky', 'batch'), 'side2': ('focal_tversky', 'batch')}
    """
    options = config.loss_options
    if config.loss != "listing":
        return LOSSES[config.loss](**options)
    focal = losses.FocalTverskyLoss(pooling="batch", **options)
    return {**dict.fromkeys(heads, focal), "main": losses.TverskyLoss(pooling="batch", **options)}


def _prepare_process(config: TrainConfig) -> None:
    """Settings of the whole process: determinism, and memory that is kept between steps."""
    on_cpu = devices.accelerator() == "cpu"
    wanted = on_cpu if config.deterministic is None else config.deterministic
    if wanted and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    devices.keep_memory()


# ------------------------------------------------------------------ state on disk


def _origin(config: TrainConfig, stack: Stack, start: keras.Model | None) -> dict[str, Any]:
    """What a run is made from, and where."""
    named = start and f"{start.name}, {runs.digest_of(*start.get_weights())}"
    origin = {"config": asdict(config), "stack": runs.identity(stack), "start": named}
    environment = {**devices.describe(), "precision": _precision(config)}
    return origin | {"package": __version__, "environment": environment}


def train(
    config: TrainConfig,
    stack: Stack,
    folder: str | Path | None = None,
    progress: bool = True,
    start: keras.Model | None = None,
) -> Path:
    """Train, score on validation slices as it goes, score the test slices at the end.

    A run that was interrupted at any moment goes on when the same call is made again; a finished
    one returns at once.

    Parameters
    ----------
    config : TrainConfig
    stack : Stack
        Images and membranes; `damunet_lite.data.folds` says which slices are for what.
    folder : path, optional
        Run folder; by default ``runs/<name of the configuration>``.
    progress : bool
        Show a progress bar with the time left, on stderr or in the notebook.
    start : keras.Model, optional
        A trained network of the same kind and options, whose weights the run starts from.

    Returns
    -------
    Path
        The run folder with ``config.json``, ``history.json``, ``best.keras`` (best validation
        V_rand), ``last.npz`` (full state), ``metrics.json`` and ``contact_sheet.png``.

    Raises
    ------
    RunError
        If the folder cannot be written or belongs to another configuration, stack or start, or the
        loss is no longer a number.
    ValueError
        If the stack has no membranes, a slice without a cell or no such fold, or is smaller than
        a crop; if `start` does not fit, or an option of network, loss or crops is out of range.
        No folder is made then.

    Examples
    --------
    >>> import tempfile
    >>> config = TrainConfig("unet", {"base_filters": 2}, data="synthetic", steps=2, crop=32,
    ...                      batch_size=1, evaluate_every=2, tta=False)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = train(config, synthetic_stack(size=64), place, progress=False)
    ...     sorted(path.name for path in folder.iterdir())
    ['best.keras', 'config.json', 'contact_sheet.png', 'history.json', 'last.npz', 'metrics.json']
    """
    folder = Path(folder) if folder is not None else Path("runs") / config.name
    fold, origin = _fold(config, stack), _origin(config, stack, start)
    if (folder / METRICS_FILE).exists():
        runs.open_folder(folder, config, origin)
        return folder
    AugmentConfig(crop=config.crop, **config.augment)  # an error in it comes before the folder
    _prepare_process(config)
    network = build(config)
    if start is not None:
        runs.assign("start", runs.named(network.weights), runs.values(runs.named(start.weights)))
    runs.open_folder(folder, config, origin)
    history = runs.load_state(folder, network)
    done = history[-1]["step"] if history else 0
    with tqdm(total=config.steps, initial=done, disable=not progress, desc=config.name) as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        while not history or _goes_on(config, history):
            row = _train_block(config, stack, fold, network, history, tick)
            runs.save(folder, network, history)
            bar.set_postfix({name: row[name] for name in ("loss", "v_rand", "dice_membrane")})
    _finish(config, stack, fold, history, folder, origin)
    return folder


def _goes_on(config: TrainConfig, history: History) -> bool:
    step, best = history[-1]["step"], runs.best(history)["step"]
    impatient = config.patience and step - best >= config.patience * config.evaluate_every
    return step < config.steps and not impatient


def _fold(config: TrainConfig, stack: Stack) -> Fold:
    height, width = _truth(stack).shape[1:3]
    if config.crop > min(height, width):
        raise ValueError(f"crop is {config.crop}, wanted at most the image, {height} x {width}")
    available = folds(len(stack))
    return available[_arguments.integer("fold", config.fold, 0, len(available) - 1)]


def _train_block(config, stack, fold, network, history: History, tick) -> dict[str, float]:
    """Take the steps up to the next evaluation, and add its row to the history."""
    started = time.perf_counter() - (history[-1]["seconds"] if history else 0)
    step = int(history[-1]["step"]) if history else 0
    count = min(config.evaluate_every, config.steps - step)
    batches = CropBatches(stack, fold.train, config, step, count)
    logs = network.fit(batches, verbose=0, shuffle=False, callbacks=[tick]).history
    loss, advice = float(logs["loss"][-1]), "try a smaller learning_rate, or precision 'float32'"
    if not math.isfinite(loss):
        raise RunError(f"the loss became {loss} before step {step + count}; {advice}")
    validation = stack[fold.validation]
    scores = metrics.score_stack(_truth(validation), _predict(network, validation, tta=False))
    row = {"step": step + count, "loss": loss}
    row["learning_rate"] = float(network.optimizer.learning_rate)
    row["seconds"] = time.perf_counter() - started
    history.append(row | scores.row(scores.best_v_rand()[0], scores.best_v_info()[0]))
    return history[-1]


def _predict(network, stack: Stack, tta: bool) -> np.ndarray:
    with devices.undistributed():
        return inference.predict(network, stack.images, tta=tta, batch_size=1)


def _truth(stack: Stack) -> np.ndarray:
    if stack.membranes is None:
        raise ValueError(f"stack is {stack.name!r} without membranes, wanted one that has them")
    if (blank := stack.membranes.all(axis=(1, 2, 3))).any():
        raise ValueError(f"stack has no cell in slice {blank.argmax()}, wanted some in every slice")
    return stack.membranes


# ------------------------------------------------------------------ the final record


def _finish(config, stack, fold, history: History, folder: Path, origin: dict) -> None:
    network = load_network(folder)
    best, seconds = runs.best(history)["step"], round(history[-1]["seconds"], 1)
    record = origin | {"parameters": network.count_params(), "best_step": best}
    record |= {"training_seconds": seconds, "history": history}
    with runs.replacing(folder / SHEET_FILE) as temporary:
        record |= evaluate(network, stack, fold, config.tta, temporary)
    write_json(folder / METRICS_FILE, record)


def evaluate(
    model: keras.Model, stack: Stack, fold: Fold | None, tta: bool = True, sheet: Path | None = None
) -> dict[str, Any]:
    """Score the test slices, with thresholds that are best on the validation slices.

    Parameters
    ----------
    model : keras.Model
    stack : Stack
        With membranes.
    fold : Fold or None
        None scores every slice, at thresholds of 0.5, since none is left to choose them on.
    tta : bool
        Average predictions over eight flips and rotations.
    sheet : path, optional
        Picture to draw there: every test slice with its errors.

    Returns
    -------
    dict
        Ready for ``json.dump``. ``thresholds`` (chosen on validation, from those of the
        challenge), ``test`` (a row of the score table; ``cells_v_rand`` and so on are means of
        the second reading), ``validation`` (the same at its own best), ``validation_scores`` and
        ``test_scores`` (every slice and threshold, see
        :meth:`damunet_lite.metrics.StackScores.to_dict`); ``fine``, the same for thresholds in
        steps of 0.05; ``cells``, the second reading: for ``validation`` and ``test`` what
        :func:`damunet_lite.cells.score_cells` says of each slice, cut into cells by
        :func:`damunet_lite.cells.segment_cells` as it is; ``baselines`` of the test slices;
        ``training_slices``, ``validation_slices``, ``test_slices``.

    Examples
    --------
    >>> stack = synthetic_stack(n=12, size=64, seed=0)
    >>> record = evaluate(models.unet(base_filters=2), stack, folds(12)[1], tta=False)
    >>> [name for name in record["test"] if "cells" not in name]
    ['accuracy', 'dice_cell', 'dice_membrane', 'v_rand', 'v_info']
    >>> sorted(record["cells"]["test"])
    ['found', 'merged', 'proposed', 'split', 'true', 'v_info', 'v_rand']
    """
    truth, parts = _truth(stack), {"test": np.arange(len(stack))}
    if fold is not None:
        parts = {"validation": fold.validation, "test": fold.test}
    pairs = {name: (truth[k], _predict(model, stack[k], tta)) for name, k in parts.items()}
    record = _threshold_reading(pairs, metrics.THRESHOLDS)
    record["fine"] = _threshold_reading(pairs, FINE_THRESHOLDS)
    record["cells"] = {name: _cell_reading(*pair) for name, pair in pairs.items()}
    record["test"] |= {f"cells_{k}": float(np.mean(v)) for k, v in record["cells"]["test"].items()}
    record["baselines"] = metrics.trivial_baselines(pairs["test"][0])
    if fold is not None:
        parts["training"] = fold.train
    record |= {f"{name}_slices": numbers.tolist() for name, numbers in parts.items()}
    if sheet is not None:
        from damunet_lite import plots

        titles = [f"slice {i}" for i in parts["test"]]
        pictures = stack.images[parts["test"]], *pairs["test"]
        plots.contact_sheet(*pictures, record["thresholds"]["v_rand"], path=sheet, titles=titles)
    return record


def _threshold_reading(pairs, grid: np.ndarray) -> dict[str, Any]:
    """Scores of cells that one threshold outlines, best on validation among those of a grid."""
    scores = {name: metrics.score_stack(truth, maps, grid) for name, (truth, maps) in pairs.items()}
    record: dict[str, Any] = {"thresholds": {"v_rand": 0.5, "v_info": 0.5}}
    if chosen := scores.get("validation"):
        best = {"v_rand": chosen.best_v_rand()[0], "v_info": chosen.best_v_info()[0]}
        record = {"thresholds": best, "validation": chosen.row(*best.values())}
    record["test"] = scores["test"].row(*record["thresholds"].values())
    return record | {f"{name}_scores": scores[name].to_dict() for name in scores}


def _cell_reading(truth: np.ndarray, maps: np.ndarray) -> dict[str, list[float]]:
    """Scores of the cells that every slice is cut into, a list for each score."""
    true = [metrics.label_cells(plane == 0) for plane in truth[..., 0]]
    found = [segment_cells(plane) for plane in maps[..., 0]]
    rows = [score_cells(*pair) for pair in zip(true, found, strict=True)]
    return {name: [row[name] for row in rows] for name in rows[0]}
