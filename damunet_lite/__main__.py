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
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from damunet_lite import __version__
from damunet_lite.config import ATTENTIONS, NETWORK_OPTIONS, TrainConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TABLE_HEAD = f"{'':24}{'V_rand':>8}{'V_info':>8}{'Dice':>8}{'Dice':>8}{'accu-':>8}\n" + (
    f"{'':24}{'':8}{'':8}{'membr.':>8}{'cell':>8}{'racy':>8}"
)

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


def _train_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", choices=tuple(NETWORK_OPTIONS))
    command.add_argument(
        "--folder",
        type=Path,
        help="run folder (default: runs/NETWORK-foldF-seedS, with a short code after it if any "
        "other setting is not the default)",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    only_given: dict[str, Any] = {"default": argparse.SUPPRESS}
    command.add_argument(
        "--attention",
        choices=ATTENTIONS[1:],
        help="attention on the skip connections (default: none in unet, else gate)",
        **only_given,
    )
    command.add_argument(
        "--base-filters", type=int, help="channels of level 1 (default: 32)", **only_given
    )
    for field in dataclasses.fields(TrainConfig)[1:]:
        command.add_argument(f"--{field.name.replace('_', '-')}", **_words(field), **only_given)


def _words(field: dataclasses.Field) -> dict[str, Any]:
    """How the command line takes a setting: dicts as JSON, a switch as --NAME and --no-NAME."""
    shown = "" if field.default in (None, dataclasses.MISSING) else f" (default: {field.default})"
    words: dict[str, Any] = {"help": field.metadata["help"] + shown}
    if field.type in (bool, bool | None):
        return {**words, "action": argparse.BooleanOptionalAction}
    kinds: dict[Any, type] = {str: str, float: float, int: int, int | None: int}
    if field.type in kinds:
        choices = field.metadata.get("choices")
        return {**words, "type": kinds[field.type], "choices": choices}
    return {**words, "type": json.loads, "metavar": "JSON"}


def _evaluate_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="RUN", help="run folder")
    command.add_argument(
        "--tta",
        action=argparse.BooleanOptionalAction,
        help="average over 8 flips and rotations (default: as in the run)",
    )
    command.add_argument("--json", action="store_true", help="print JSON for programs")


def _predict_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        help="a run folder, a .keras or .npz file, or the name of a pretrained network: "
        "tiny comes with the package",
    )
    command.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    command.add_argument("--out", type=Path, help="folder for the results (default: beside IMAGE)")
    command.add_argument(
        "--tile", type=int, help="side of a tile in pixels, a multiple of 16, for large images"
    )
    command.add_argument("--tta", action="store_true", help="average over 8 flips and rotations")
    command.add_argument("--force", action="store_true", help="overwrite results that exist")


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
        shown = f"{value:.4f}" if isinstance(value, float) else value
        if value is None:
            shown = "not known: the masks of this part are not public"
        print(f"{name.replace('_', ' '):20}{shown}")
    print(f"{'source':20}{stack.source}")


def _train(arguments: argparse.Namespace) -> None:
    """Train a network, or go on with a run that was interrupted.

    Trains one of the four networks, or the published listing, and scores it on its test block.
    The same command again goes on where the run stopped.
    """
    given = vars(arguments)
    options = {k: given[k] for k in ("attention", "base_filters") if k in given}
    settings = {k: given[k] for k in TrainConfig.__dataclass_fields__ if k in given}
    if options:
        settings["network_options"] = {**settings.get("network_options", {}), **options}
    config = TrainConfig(**settings)
    training = _training()
    stack = training.load_stack(config.data)
    folder = training.train(config, stack, arguments.folder, progress=not arguments.quiet)
    record = json.loads((folder / training.METRICS_FILE).read_text(encoding="utf-8"))
    _print_scores(record, config)
    print(f"\n{folder}: best.keras, metrics.json, history.csv, contact_sheet.png")


def _evaluate(arguments: argparse.Namespace) -> None:
    """Score a trained network on the test block of its run.

    Scores RUN/best.keras again: thresholds from the validation slices, scores of the test slices
    beside the trivial baselines.
    """
    training = _training()
    from damunet_lite.data import folds

    config = training.read_config(arguments.folder)
    network = training.load_network(arguments.folder)
    stack = training.load_stack(config.data)
    tta = config.tta if arguments.tta is None else arguments.tta
    record = training.evaluate(network, stack, folds(len(stack))[config.fold], tta)
    if arguments.json:
        print(json.dumps(record))
    else:
        _print_scores(record, config)


def _print_scores(record: dict[str, Any], config: TrainConfig) -> None:
    columns = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
    print(TABLE_HEAD)
    rows = {**record["baselines"], f"{config.network}, fold {config.fold}": record["test"]}
    for name, row in rows.items():
        print(f"{name:24}" + "".join(f"{row[column]:8.3f}" for column in columns))
    slices, thresholds = record["test_slices"], record["thresholds"]
    print(
        f"test slices {slices[0]} to {slices[-1]}; cell thresholds chosen on validation slices: "
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


# ------------------------------------------------------------------ predict


def _predict(arguments: argparse.Namespace) -> None:
    """Find the membranes in your own images.

    Writes NAME_membrane.png (probability of membrane, 0 to 255) for each image: a file with one
    grey image of any size, TIFF, PNG or another common format. A file that exists is never
    overwritten without --force.
    """
    import numpy as np
    from PIL import Image

    jobs = _plan(arguments)
    network = _network(arguments.model)
    from damunet_lite import inference

    for path, target in jobs:
        image, notes = _read(path)
        probability = inference.predict(
            network, image, tile=arguments.tile, tta=arguments.tta, batch_size=1
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(probability * 255).astype(np.uint8)).save(target)
        print(f"{path} -> {target} (membrane: {100 * (probability > 0.5).mean():.1f} % of pixels)")
        for note in notes:
            print(f"note: {note}", file=sys.stderr)


def _plan(arguments: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Images with the files to write, all looked at before the first is written."""
    if arguments.out is not None and arguments.out.is_file():
        raise ValueError(f"--out is the file {arguments.out}, wanted a folder")
    jobs = {}
    for path in arguments.images:
        _read(path)
        target = (arguments.out or path.parent) / f"{path.stem}_membrane.png"
        if target.exists() and not arguments.force:
            raise FileExistsError(f"{target} would be overwritten; add --force or --out")
        if target.resolve() in jobs:
            raise ValueError(
                f"{target} would be written twice, since two images have the same name; predict "
                "them one by one, each with its own --out"
            )
        jobs[target.resolve()] = path, target
    return list(jobs.values())


def _network(source: str) -> Any:
    """A trained network by its file, its run folder or its name; what lies on disk comes first."""
    training = _training()
    from damunet_lite import weights

    if not Path(source).exists() and source not in weights.NAMES:
        raise FileNotFoundError(
            f"model is {source!r}, which is not there; wanted a run folder, a .keras or .npz file, "
            f"or one of the names {', '.join(weights.NAMES)}"
        )
    if not Path(source).exists():
        return weights.pretrained(source)
    return weights.load(source) if source.endswith(".npz") else training.load_network(source)


def _read(path: Path) -> tuple[Any, list[str]]:
    """Grey values of a file, [height, width] in [0, 1], and what is unusual about it."""
    from damunet_lite import images

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", images.ImageNote)
        image = images.read_image(path)
    if image.ndim != 2:
        raise ValueError(f"{path} holds {len(image)} slices, wanted one: save each as a file")
    return image, [str(note.message) for note in notes]


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
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
