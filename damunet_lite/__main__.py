"""Command line: ``python -m damunet_lite {data,train,evaluate,predict}``.

Exit codes: 0 done, 1 something the message explains went wrong, 2 wrong arguments,
130 interrupted. What a command needs is imported when it runs, so ``--help`` waits for nothing.
The options of a training are the fields of :class:`damunet_lite.config.TrainConfig`.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from damunet_lite import __version__
from damunet_lite.config import ATTENTIONS, NETWORK_OPTIONS, STACKS, TrainConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

COLUMNS = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
MODEL = "run folder, .keras or .npz file, or name of a pretrained network: tiny is in the package"

# ------------------------------------------------------------------ the words of the command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m damunet_lite",
        description="Train, score and use the four networks of the DAMU-Net book.",
        epilog="`python -m damunet_lite COMMAND --help` explains each command.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (run, add_arguments) in COMMANDS.items():
        summary, _, description = str(run.__doc__).partition("\n\n")
        command = commands.add_parser(name, help=summary, description=description)
        command.set_defaults(run=run)
        add_arguments(command)
    return parser


def _data_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--part", choices=("train", "test"), default="train")
    command.add_argument("--folder", type=Path, help="a local copy to verify and describe")
    command.add_argument("--json", action="store_true", help="print JSON for programs")


def _own_images(command: argparse.ArgumentParser) -> None:
    for name, text in (("images", "your own images"), ("masks", "their masks, of the same names")):
        text += ": files, folders or patterns"
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
    text = "attention on the skip connections (default: none in unet, else gate)"
    command.add_argument("--attention", choices=ATTENTIONS[1:], help=text, **only_given)
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
    command.add_argument("--json", action="store_true", help="print JSON for programs")


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
    """Fetch, verify and describe the ISBI 2012 stack.

    The stack (about 16 MB) is fetched once, and every file is checked against its SHA-256.
    DAMUNET_DATA names a local copy instead.
    """
    from damunet_lite import data

    folder = data.fetch(arguments.part, arguments.folder)
    stack = data.isbi2012(arguments.part, folder)
    found: dict[str, Any] = {"folder": str(folder), "verified": True, **data.describe(stack)}
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        known = "not known: the masks of this part are not public" if value is None else value
        print(f"{name.replace('_', ' '):20}{known:.4f}" if isinstance(value, float) else known)
    print(f"{'source':20}{stack.source}")


def _train(arguments: argparse.Namespace) -> None:
    """Train a network, or go on with a run that was interrupted.

    Trains one of the four networks, or the published listing, and scores it on its test block.
    The same command again goes on where the run stopped. With --images and --masks it learns
    from your own images; --from starts at a trained network instead of at random.
    """
    given, training, stack = vars(arguments), _training(), _own_stack(arguments)
    start = _network(arguments.start) if arguments.start else None
    options = {k: given[k] for k in ("attention", "base_filters") if k in given}
    settings = {k: given[k] for k in TrainConfig.__dataclass_fields__ if k in given}
    if start is not None:
        options.setdefault("base_filters", start.weights[0].shape[-1])
    if options:
        settings["network_options"] = {**settings.get("network_options", {}), **options}
    if stack is not None:
        last = len(training.folds(len(stack))) - 1
        settings = {"data": stack.name, "fold": min(TrainConfig.fold, last), **settings}
    config = TrainConfig(**settings)
    stack = stack or training.load_stack(config.data)
    folder = training.train(config, stack, arguments.folder, not arguments.quiet, start)
    record = json.loads((folder / training.METRICS_FILE).read_text(encoding="utf-8"))
    _print_scores(record, f"{config.network}, fold {config.fold}")
    print(f"\n{folder}: best.keras, metrics.json, history.csv, contact_sheet.png")


def _evaluate(arguments: argparse.Namespace) -> None:
    """Score a trained network on the test block of its run, or on your own images.

    Scores RUN/best.keras again: thresholds from the validation slices, scores of the test slices
    beside the trivial baselines. With --images and --masks, any network on any labelled images;
    unless they are those of the run, every one is scored, at a threshold of 0.5.
    """
    training = _training()
    stack, fold, tta, name = _own_stack(arguments), None, arguments.tta, arguments.model
    if stack is None or (Path(arguments.model) / "config.json").is_file():
        config, origin = training.runs.read_origin(arguments.model)
        tta = config.tta if tta is None else tta
        if stack is None and config.data not in STACKS:
            raise ValueError(f"--images is missing: this run learnt from {config.data!r}")
        if stack is None or origin.get("stack") == training.runs.identity(stack):
            stack = training.load_stack(config.data) if stack is None else stack
            fold, name = (
                training.folds(len(stack))[config.fold],
                f"{config.network}, fold {config.fold}",
            )
    record = training.evaluate(_network(arguments.model), stack, fold, bool(tta))
    if arguments.json:
        print(json.dumps(record))
    else:
        _print_scores(record, name)


def _own_stack(arguments: argparse.Namespace) -> Any:
    """The stack of --images and --masks; None without them."""
    from damunet_lite import _predict_files, data

    if bool(arguments.images) != bool(arguments.masks):
        missing = "masks" if arguments.images else "images"
        raise ValueError(f"--{missing} is missing, wanted both --images and --masks")
    if not arguments.images:
        return None
    with _predict_files.notes():
        return data.read_stack(arguments.images, arguments.masks, arguments.mask_is)


def _print_scores(record: dict[str, Any], name: str) -> None:
    print(f"{'':24}{'V_rand':>8}{'V_info':>8}{'Dice':>8}{'Dice':>8}{'accu-':>8}")
    print(f"{'':24}{'':8}{'':8}{'membr.':>8}{'cell':>8}{'racy':>8}")
    rows = {**record["baselines"], name: record["test"]}
    rows["the same, cut into cells"] = {
        key.removeprefix("cells_"): value for key, value in record["test"].items() if "cells" in key
    }
    for row_name, row in rows.items():
        print(f"{row_name:24}" + "".join(f"{row[key]:8.3f}" for key in COLUMNS if key in row))
    slices, thresholds = record["test_slices"], record["thresholds"]
    chosen = "chosen on validation slices" if "validation" in record else "not chosen on any slice"
    print(
        f"test slices {slices[0]} to {slices[-1]}; cell thresholds {chosen}: "
        f"V_rand {thresholds['v_rand']:.1f}, V_info {thresholds['v_info']:.1f}; pixel scores at 0.5"
    )


def _training() -> Any:
    """The training module, and with it Keras."""
    with _held_back_stderr():
        from damunet_lite import devices, training

        devices.local_devices()  # the backend's start-up lines come with the first use
    return training


@contextlib.contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Keep what libraries write to stderr while they load; show it only if loading fails.

    TensorFlow's C++ side writes its first lines past every log level and past ``sys.stderr``.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _network(source: str) -> Any:
    """A trained network by its file, its run folder or its name; what lies on disk comes first."""
    training = _training()
    from damunet_lite import weights

    if Path(source).exists():
        return weights.load(source) if source.endswith(".npz") else training.load_network(source)
    if source in weights.NAMES:
        return weights.pretrained(source)
    raise FileNotFoundError(
        f"model is {source!r}, which is not there; wanted a run folder, a .keras or .npz file, "
        f"or one of the names {', '.join(weights.NAMES)}"
    )


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
        text = f"{len(jobs)} image{'s' * (len(jobs) > 1)}, {len(rows)} cells"
        text += (
            f", median area {np.median([r['area_px'] for r in rows]):.0f} pixels" if rows else ""
        )
        known = [row["area_um2"] for row in rows if row["area_um2"] is not None]
        print(text + (f", {np.median(known):.3g} um2" if known else ""))


# ------------------------------------------------------------------ main

COMMANDS = {
    "data": (_data, _data_arguments),
    "train": (_train, _train_arguments),
    "evaluate": (_evaluate, _evaluate_arguments),
    "predict": (_predict, _predict_arguments),
}


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
    parsed = _parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from the last saved state"
        print(f"interrupted{goes_on if parsed.command == 'train' else ''}", file=sys.stderr)
        return 130
    except (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
