"""Command line: ``python -m damunet_lite {preflight,data,train,evaluate,predict,...}``.

Exit codes: 0 done, 1 something the message explains went wrong, 2 wrong arguments,
130 interrupted.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    from damunet_lite import __version__, data
except ModuleNotFoundError as error:
    sys.exit(
        f"error: the package {error.name} is missing; install damunet-lite again with what it "
        "needs (python -m pip install -r requirements.txt in a copy of the repository)"
    )

DARK = 0.25
"""An image whose brightest pixel is below this share of full scale is most likely not stretched."""

PRESETS = ("unet", "att_unet", "datt_unet", "damu_net", "published_listing")
TABLE_HEAD = f"{'':24}{'V_rand':>8}{'V_info':>8}{'Dice':>8}{'Dice':>8}{'accu-':>8}\n" + (
    f"{'':24}{'':8}{'':8}{'membr.':>8}{'cell':>8}{'racy':>8}"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m damunet_lite",
        description="Train, score and use the four networks of the DAMU-Net book.",
        epilog="`python -m damunet_lite COMMAND --help` explains each command.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_data(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_predict(commands)
    return parser


def _add_data(commands) -> None:
    command = commands.add_parser(
        "data",
        help="fetch, verify and describe the ISBI 2012 stack",
        description="Fetch the ISBI 2012 stack (about 16 MB, once), verify every file against "
        "its SHA-256 and describe it. DAMUNET_DATA names a local copy instead.",
    )
    command.add_argument("--part", choices=("train", "test"), default="train")
    command.add_argument("--folder", type=Path, help="a local copy to verify and describe")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.set_defaults(run=_data)


def _add_train(commands) -> None:
    command = commands.add_parser(
        "train",
        help="train a network, or go on with a run that was interrupted",
        description="Train one of the four networks, or the published listing, and score it on "
        "its test block. The same command again goes on where the run stopped.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.add_argument("network", choices=PRESETS)
    command.add_argument(
        "--folder",
        dest="run_folder",
        type=Path,
        default=argparse.SUPPRESS,
        help="run folder (default: runs/NETWORK-foldF-seedS, with a short code after it if any "
        "other setting is not the default)",
    )
    command.add_argument(
        "--data",
        choices=("isbi2012", "synthetic"),
        default="isbi2012",
        help="the real stack, or one drawn here, which needs no download",
    )
    command.add_argument("--fold", type=int, default=4, help="test block, 0 to 4")
    command.add_argument("--seed", type=int, default=0, help="decides first weights and crops")
    for name, kind, text, default in (
        ("steps", int, "length of the run", 350),
        ("batch-size", int, "crops in a batch", 4),
        ("crop", int, "side of a crop in pixels, a multiple of 16", 192),
        ("learning-rate", float, "peak learning rate", 0.001),
        ("evaluate-every", int, "steps between saved, scored states", 50),
        ("patience", int, "stop after so many evaluations without gain", "never"),
        ("devices", int, "local devices to train on; 0 takes all", 1),
    ):
        command.add_argument(
            f"--{name}", type=kind, help=f"{text} (default: {default})", default=argparse.SUPPRESS
        )
    command.add_argument(
        "--loss",
        default=argparse.SUPPRESS,
        choices=(
            "cross_entropy",
            "weighted_cross_entropy",
            "dice",
            "tversky",
            "focal_tversky",
            "listing",
        ),
        help="(default: cross_entropy)",
    )
    command.add_argument(
        "--attention",
        choices=("gate", "cbam", "both"),
        default=argparse.SUPPRESS,
        help="attention on the skip connections (default: none in unet, else gate)",
    )
    command.add_argument(
        "--base-filters",
        type=int,
        default=argparse.SUPPRESS,
        help="channels of level 1 (default: 32)",
    )
    command.add_argument(
        "--precision",
        default=argparse.SUPPRESS,
        choices=("auto", "float32", "mixed_bfloat16", "mixed_float16"),
        help="floating-point format (default: auto, by device)",
    )
    command.add_argument(
        "--no-tta",
        dest="tta",
        action="store_false",
        default=argparse.SUPPRESS,
        help="final predictions without test-time augmentation",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=_train)


def _add_evaluate(commands) -> None:
    command = commands.add_parser(
        "evaluate",
        help="score a trained network on the test block of its run",
        description="Score RUN/best.keras again: thresholds from the validation slices, scores "
        "of the test slices beside the trivial baselines.",
    )
    command.add_argument("folder", type=Path, metavar="RUN", help="run folder")
    command.add_argument(
        "--no-tta", dest="tta", action="store_false", help="without test-time augmentation"
    )
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.set_defaults(run=_evaluate)


def _add_predict(commands) -> None:
    command = commands.add_parser(
        "predict",
        help="find the membranes in your own images",
        description="Write NAME_membrane.png (probability of membrane, 0 to 255) for each image: "
        "a PNG, TIFF or JPEG file with one grey image of 8 or 16 bit, any size. A file that exists "
        "is never overwritten without --force.",
    )
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
    command.set_defaults(run=_predict)


# ------------------------------------------------------------------ the commands


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


def _training() -> ModuleType:
    """The training module, and with it Keras: seconds that ``--help`` need not wait for."""
    with _held_back_stderr():
        from damunet_lite import devices, training

        devices.local_devices()  # the backend's start-up lines come with the first use
    return training


def _data(arguments: argparse.Namespace) -> None:
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
    training = _training()
    given = vars(arguments)
    options = {k: given.pop(k) for k in ("attention", "base_filters") if k in given}
    settings = {k: v for k, v in given.items() if k in training.TrainConfig.__dataclass_fields__}
    config = training.TrainConfig(network_options=options, **settings)
    folder = training.train(
        config,
        training.load_stack(config.data),
        given.get("run_folder"),
        progress=not arguments.quiet,
    )
    record = json.loads((folder / training.METRICS_FILE).read_text(encoding="utf-8"))
    _print_scores(record, f"{config.network}, fold {config.fold}")
    print(f"\n{folder}: best.keras, metrics.json, history.csv, contact_sheet.png")


def _evaluate(arguments: argparse.Namespace) -> None:
    _check_run(arguments.folder, "RUN")
    training = _training()
    config = training.read_config(arguments.folder)
    stack = training.load_stack(config.data)
    fold = data.folds(len(stack))[config.fold]
    record = training.evaluate(training.load_network(arguments.folder), stack, fold, arguments.tta)
    if arguments.json:
        print(json.dumps(record))
    else:
        _print_scores(record, f"{config.network}, fold {config.fold}")


def _print_scores(record: dict[str, Any], title: str) -> None:
    columns = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
    print(TABLE_HEAD)
    for name, row in (*record["baselines"].items(), (title, record["test"])):
        print(f"{name:24}" + "".join(f"{row[column]:8.3f}" for column in columns))
    slices = record["test_slices"]
    thresholds = record["thresholds"]
    print(
        f"test slices {slices[0]} to {slices[-1]}; cell thresholds chosen on validation slices: "
        f"V_rand {thresholds['v_rand']:.1f}, V_info {thresholds['v_info']:.1f}; pixel scores at 0.5"
    )


def _predict(arguments: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # a limit meant for files from strangers; sections are larger
    jobs = _plan(arguments)
    network = _network(arguments.model)
    from damunet_lite import inference

    for path, target in jobs:
        pixels = _read_grey(path)
        try:
            brightest = float(inference.as_network_input(pixels).max())
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        probability = inference.predict(
            network, pixels, tile=arguments.tile, tta=arguments.tta, batch_size=1
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(probability * 255).astype(np.uint8)).save(target)
        print(f"{path} -> {target} (membrane: {100 * (probability > 0.5).mean():.1f} % of pixels)")
        if brightest < DARK:
            print(
                f"note: {path} is dark: its brightest pixel has {100 * brightest:.1f} % of full "
                "scale; stretch its contrast and predict again (chapter 14)",
                file=sys.stderr,
            )


def _plan(arguments: argparse.Namespace) -> list[tuple[Path, Path]]:
    """Images with the files to write, all looked at before the first is written."""
    jobs = [(path, _result_path(path, arguments)) for path in arguments.images]
    if arguments.out is not None:
        _check_folder(arguments.out, "--out")
    for path in arguments.images:
        _open_image(path).close()
    taken = [str(target) for _, target in jobs if target.exists() and not arguments.force]
    if taken:
        raise FileExistsError(f"{', '.join(taken)} would be overwritten; add --force or --out")
    targets = [target.resolve() for _, target in jobs]
    doubled = sorted(
        {str(t) for (_, t), r in zip(jobs, targets, strict=True) if targets.count(r) > 1}
    )
    if doubled:
        raise ValueError(
            f"IMAGE: {', '.join(doubled)} would be written twice, since two images have the same "
            "name; predict them one by one, each with its own --out"
        )
    return jobs


def _open_image(path: Path) -> Any:
    from PIL import Image

    try:
        picture = Image.open(path)
    except OSError as error:
        reason = error.strerror or "it is no image"
        raise ValueError(
            f"cannot read image {path}: {reason}; wanted a PNG, TIFF or JPEG file"
        ) from error
    slices = getattr(picture, "n_frames", 1)
    if slices > 1:
        picture.close()
        raise ValueError(
            f"{path} holds {slices} images, wanted one: save each slice as a file of its own"
        )
    return picture


def _read_grey(path: Path) -> Any:
    """Grey values of a file, [height, width], in a dtype that `predict` takes."""
    import numpy as np

    try:
        with _open_image(path) as picture:
            # Numbers of a palette are no grey values.
            pixels = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
            by_palette = picture.mode == "P"
    except (OSError, SyntaxError) as error:  # Pillow raises both for damaged files
        raise ValueError(f"cannot read image {path}: {error}") from error
    if by_palette and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    if pixels.ndim != 2:
        raise ValueError(
            f"{path} must be a grey image, got shape {pixels.shape}: save it as 8-bit grey first"
        )
    if pixels.dtype == np.int32:  # how Pillow hands out 16-bit files in some modes
        low, high = int(pixels.min()), int(pixels.max())
        if low < 0 or high > 65535:
            raise ValueError(f"{path} has grey values from {low} to {high}, wanted 0 to 65535")
        pixels = pixels.astype(np.uint16)
    return pixels


def _network(source: str) -> Any:
    """A trained network by its file, its run folder or its name; what lies on disk comes first."""
    training = _training()
    from damunet_lite import weights

    path = Path(source)
    if not path.exists():
        if source in weights.NAMES:
            return weights.pretrained(source)
        raise FileNotFoundError(
            f"model: {source} is not there; wanted a run folder, a .keras or .npz file, or one of "
            f"the names {', '.join(weights.NAMES)}"
        )
    if path.suffix == ".npz":
        return weights.load(source)
    if path.is_dir():
        _check_run(path, "model")
    elif not zipfile.is_zipfile(path):
        raise ValueError(f"model: {source} is neither a .keras nor a .npz file, or is damaged")
    return training.load_network(source)


def _check_run(folder: Path, name: str) -> None:
    """Whether a folder is a run folder that has a network by now."""
    if not folder.is_dir():
        got = f"the file {folder}" if folder.exists() else f"{folder}, which is not there"
        raise ValueError(f"{name}: got {got}; wanted a run folder, which train writes")
    for file in ("config.json", "best.keras"):
        if not (folder / file).is_file():
            raise ValueError(f"{name}: {folder} is not a finished run folder: {file} is missing")


def _check_folder(folder: Path, name: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{name}: got the file {folder}, wanted a folder")


def _result_path(image: Path, arguments: argparse.Namespace) -> Path:
    return (arguments.out or image.parent) / f"{image.stem}_membrane.png"


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
        return parsed.run(parsed) or 0
    except KeyboardInterrupt:
        goes_on = parsed.command in ("train", "sweep")
        rest = "; the same command goes on from the last saved state" if goes_on else ""
        print(f"interrupted{rest}", file=sys.stderr)
        return 130
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
