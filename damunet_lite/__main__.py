"""Command line: ``python -m damunet_lite {data,train,evaluate,predict}``.

Exit codes: 0 done, 1 something the message explains went wrong, 2 wrong arguments,
130 interrupted. What a command needs is imported when it runs, so ``--help`` waits for nothing.
The options of a training are the fields of :class:`damunet_lite.config.TrainConfig`.
"""

import argparse
import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from damunet_lite import __version__
from damunet_lite.config import NETWORK_OPTIONS, STACKS, TrainConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

COLUMNS = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
MODEL = "run folder, .keras or .npz file, or tiny, the network in the package"

# ------------------------------------------------------------------ the words of the command line


def _data_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--part", choices=("train", "test"), default="train")


def _own_images(command: argparse.ArgumentParser) -> None:
    for name, text in {"images": "your images", "masks": "their masks, of the same names"}.items():
        command.add_argument(f"--{name}", nargs="+", metavar="PATH", help=text)
    text = "what is bright in the masks; or labels: numbered cells"
    command.add_argument("--mask-is", choices=("membrane", "cell", "labels"), help=text)


def _train_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", choices=tuple(NETWORK_OPTIONS))
    text = "run folder (default: runs/NETWORK-foldF-seedS, and a code if other settings differ)"
    command.add_argument("--folder", type=Path, help=text)
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    _own_images(command)
    text = f"train on from there, on the same kind of network: {MODEL}"
    command.add_argument("--from", dest="start", metavar="MODEL", help=text)
    only_given: dict[str, Any] = {"default": argparse.SUPPRESS}
    text = "channels of level 1 (default: 32, or as in MODEL)"
    command.add_argument("--base-filters", type=int, help=text, **only_given)
    for field in dataclasses.fields(TrainConfig)[1:]:
        command.add_argument(f"--{field.name.replace('_', '-')}", **_words(field), **only_given)


def _words(field: dataclasses.Field) -> dict[str, Any]:
    """How the command line takes a setting: dicts as JSON, a switch as --NAME and --no-NAME."""
    shown = "" if field.default in (None, dataclasses.MISSING) else f" (default: {field.default})"
    words: dict[str, Any] = {"help": field.metadata["help"] + shown}
    if field.type in (bool, bool | None):
        return {**words, "action": argparse.BooleanOptionalAction}
    if field.type not in (str, float, int, int | None):
        return {**words, "type": json.loads, "metavar": "JSON"}
    kind = int if field.type == int | None else field.type
    return {**words, "type": kind, "choices": field.metadata.get("choices")}


def _evaluate_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help=f"{MODEL}; without --images a run folder")
    _own_images(command)
    text = "average over 8 flips and rotations (default: as in the run)"
    command.add_argument("--tta", action=argparse.BooleanOptionalAction, help=text)


def _predict_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help=MODEL)
    command.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, globs")
    command.add_argument("--out", type=Path, help="folder for the results (default: beside IMAGE)")
    text = "side of a tile in pixels, a multiple of 16 (default: 512 for large images)"
    command.add_argument("--tile", type=int, help=text)
    text = "side of a pixel in nanometres, for areas (default: as the file says)"
    command.add_argument("--pixel-nm", type=float, help=text)
    for name, text in {
        "cells": "write cells too: NAME_cells.tif (numbered), NAME_cells.csv, NAME_cells.png",
        "invert": "turn black and white first: membranes have to be dark",
        "stretch": "stretch the contrast first: all but 1 %% at either end fills the range",
        "tta": "average over 8 flips and rotations",
        "force": "overwrite results that exist",
    }.items():
        command.add_argument(f"--{name}", action="store_true", help=text)


# ------------------------------------------------------------------ data, train, evaluate


def _data(arguments: argparse.Namespace) -> None:
    """Fetch and verify the ISBI 2012 stack.

    The stack (about 16 MB) is fetched once, and every file is checked against its SHA-256.
    DAMUNET_DATA names a local copy instead.
    """
    from damunet_lite import data

    folder = data.fetch(arguments.part)
    stack = data.isbi2012(arguments.part, folder)
    n, height, width, _ = stack.images.shape
    share = "not public" if stack.membranes is None else f"{stack.membranes.mean():.2%} of pixels"
    print(f"{stack.name}: {n} slices of {height} x {width} pixels, membrane {share}")
    print(f"{folder} (verified)\n{stack.source}")


def _train(arguments: argparse.Namespace) -> None:
    """Train a network, or go on with a run that was interrupted.

    Trains one of the four networks, or the published listing, and scores it on its test block.
    The same command again goes on where the run stopped. With --images and --masks it learns
    from your own images; --from starts at a trained network instead of at random.
    """
    given, training, stack = vars(arguments), _training(), _own_stack(arguments)
    start = _network(arguments.start) if arguments.start else None
    settings = {k: given[k] for k in TrainConfig.__dataclass_fields__ if k in given}
    if start is not None and "base_filters" in NETWORK_OPTIONS[arguments.network]:
        given.setdefault("base_filters", start.weights[0].shape[-1])
    if "base_filters" in given:
        settings.setdefault("network_options", {})["base_filters"] = given["base_filters"]
    if stack is not None:
        last = len(training.folds(len(stack))) - 1
        if "data" in given:
            raise ValueError(f"--data is {given['data']!r} beside --images, wanted one of the two")
        settings = {"data": stack.name, "fold": min(TrainConfig.fold, last), **settings}
    config = TrainConfig(**settings)
    stack = stack or training.load_stack(config.data)
    folder = training.train(config, stack, arguments.folder, not arguments.quiet, start)
    record = json.loads((folder / training.METRICS_FILE).read_text(encoding="utf-8"))
    _print_scores(record, f"{config.network}, fold {config.fold}")
    print(f"\n{folder}: best.keras, metrics.json, history.json, contact_sheet.png")


def _evaluate(arguments: argparse.Namespace) -> None:
    """Score a trained network on the test block of its run, or on your own images.

    Scores RUN/best.keras again: thresholds from the validation slices, scores of the test slices
    beside the trivial baselines. With --images and --masks, any network on any labelled images.
    Unless the stack is the one of the run, every slice is scored, at a threshold of 0.5.
    """
    training, stack, fold = _training(), _own_stack(arguments), None
    name, tta, own = arguments.model, arguments.tta, stack is not None
    if not own or (Path(name) / training.runs.CONFIG_FILE).is_file():
        config, origin = training.runs.read_origin(name)
        if not own and config.data not in STACKS:
            raise ValueError(f"--images is missing: this run learnt from {config.data!r}")
        stack = stack if own else training.load_stack(config.data)
        tta = config.tta if tta is None else tta
        found = training.runs.identity(stack)
        # the first version did not keep it
        learnt = origin.get("stack", "a stack that it does not name" if own else found)
        if found == learnt:
            fold = training.folds(len(stack))[config.fold]
            name = f"{config.network}, fold {config.fold}"
        else:
            print(f"note: scored on {found}; the run learnt from {learnt}", file=sys.stderr)
    _print_scores(training.evaluate(_network(arguments.model), stack, fold, bool(tta)), name)


def _own_stack(arguments: argparse.Namespace) -> Any:
    """The stack of --images and --masks; None without them."""
    from damunet_lite import data

    images, masks = arguments.images, arguments.masks
    if not (images and masks) and (images or masks or arguments.mask_is):
        missing = "masks" if images else "images"
        raise ValueError(f"--{missing} is missing, wanted both --images and --masks")
    return data.read_stack(images, masks, arguments.mask_is) if images else None


def _print_scores(record: dict[str, Any], name: str) -> None:
    import pandas as pd

    rows = {**record["baselines"], name: record["test"]}
    read = {k[len("cells_") :]: v for k, v in record["test"].items() if k.startswith("cells_")}
    table = pd.DataFrame(rows | {"the same, cut into cells": read}).T.reindex(columns=COLUMNS)
    print(table.to_string(float_format="{:.3f}".format, na_rep=""))
    limits = ", ".join(f"{score} {limit:.1f}" for score, limit in record["thresholds"].items())
    chosen = "best on validation slices" if "validation" in record else "chosen on no slice"
    first, last = record["test_slices"][0], record["test_slices"][-1]
    print(f"test slices {first} to {last}; pixel scores at 0.5, cell thresholds {limits}, {chosen}")


def _training() -> Any:
    """The training module, and with it Keras, without what libraries say while they load.

    TensorFlow's C++ side writes its first lines past every log level and past ``sys.stderr``.
    """
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        from damunet_lite import devices, training

        devices.local_devices()  # the backend's start-up lines come with the first use
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    return training


def _network(source: str) -> Any:
    """A trained network by its file, its run folder or its name; what lies on disk comes first."""
    training = _training()
    from damunet_lite import weights

    if Path(source).exists():
        return weights.load(source) if source.endswith(".npz") else training.load_network(source)
    if source in weights.NAMES:
        return weights.pretrained(source)
    raise FileNotFoundError(f"model is {source!r}, which is not there; wanted a {MODEL}")


# ------------------------------------------------------------------ predict


def _predict(arguments: argparse.Namespace) -> None:
    """Find the membranes in your own images, and their cells.

    Writes NAME_membrane.png (probability of membrane, 0 to 255) for each grey image of any size,
    NAME_membrane.tif for a stack, which is read slice by slice. With --cells also NAME_cells.tif
    (every pixel in a numbered cell, membranes shared out), NAME_cells.csv (a row for each cell;
    slices count from 0, labels start anew in each) and NAME_cells.png (cells in colours; of a
    stack, its middle slice). Inputs are never overwritten, results only with --force.
    """
    import numpy as np
    from tqdm import tqdm

    from damunet_lite import _predict_files

    jobs = _predict_files.plan(arguments)
    network, rows = _network(arguments.model), []
    for job in tqdm(jobs, disable=len(jobs) == 1, unit="image"):
        rows += _predict_files.predict_file(network, arguments, *job)
    if arguments.cells:
        text = f"{len(jobs)} image{'s' * (len(jobs) > 1)}, {len(rows)} cell{'s' * (len(rows) != 1)}"
        if rows:
            text += f", median area {np.median([row['area_px'] for row in rows]):.0f} pixels"
        known = [row["area_um2"] for row in rows if row["area_um2"] is not None]
        print(text + (f", {np.median(known):.3g} um2" if known else ""))


# ------------------------------------------------------------------ main

COMMANDS = {_data: _data_arguments, _train: _train_arguments}
COMMANDS |= {_evaluate: _evaluate_arguments, _predict: _predict_arguments}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process by default.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["predict", "missing.keras", "missing.png"])
    1
    """
    about = "Train, score and use the four networks of the DAMU-Net book."
    parser = argparse.ArgumentParser("python -m damunet_lite", description=about)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for run, add_arguments in COMMANDS.items():
        summary, _, description = str(run.__doc__).partition("\n\n")
        command = commands.add_parser(run.__name__[1:], help=summary, description=description)
        command.set_defaults(run=run)
        add_arguments(command)
    parsed = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda text, *where: print(f"note: {text}", file=sys.stderr)
            parsed.run(parsed)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from the last saved state"
        print(f"interrupted{goes_on if parsed.command == 'train' else ''}", file=sys.stderr)
        return 130
    except (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
