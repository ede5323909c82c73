"""What ``python -m damunet_lite predict`` does with the files it is given."""

import argparse
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from damunet_lite import _arguments, cells, images, plots

#: Images of more pixels are predicted in tiles: as a whole they would take more than 1 GB.
LARGEST_WHOLE = 1024 * 1024
TILE, OVERLAP = 512, 0.25

DOUBT = (
    "{:.1%} of the answer is membrane, where tissue has {:.0%} to {:.0%}, and {:.1%} is undecided. "
    "Membranes have to be darker than cells (else --invert), the contrast full (else --stretch), "
    "cells some 20 to 100 pixels wide; or the network knows no such tissue"
)
#: Share of membrane that an answer for tissue can have; that of the ISBI 2012 stack is 0.22.
LEAST, MOST = 0.1, 0.4
#: Pixels with probabilities from 0.2 to 0.8, at most so many to a pixel of membrane. The network
#: in the package has 0.6 to 1.1 on slices that it reads well, and 2 to 4 where they are inverted.
UNDECIDED = 1.5


def predict_file(network, given, path: Path, written: list[Path], pixel_nm: float | None) -> list:
    """Write the results of one file; a row for each of its cells."""
    with warnings.catch_warnings(action="ignore"):  # what there is to say has been said
        stack, single = _read(path, given)
    slices = tqdm(stack, path.name, disable=single, unit="slice", leave=False)
    maps = np.stack([probability_of(network, image, given) for image in slices])
    written[0].parent.mkdir(parents=True, exist_ok=True)
    eight_bits = np.round(255 * maps).astype(np.uint8)
    if single:
        Image.fromarray(eight_bits[0]).save(written[0])
    else:
        images.write_image(written[0], eight_bits, pixel_nm)
    share, undecided = (maps > 0.5).mean(), ((maps > 0.2) & (maps < 0.8)).mean()
    tqdm.write(f"{path} -> {', '.join(map(str, written))} (membrane: {share:.1%} of pixels)")
    if not LEAST <= share <= MOST or undecided > UNDECIDED * share:
        tqdm.write(f"note: {path}: {DOUBT.format(share, LEAST, MOST, undecided)}", file=sys.stderr)
    if not given.cells:
        return []
    labels = np.stack([cells.segment_cells(probability) for probability in maps])
    images.write_labels(written[1], labels[0] if single else labels, pixel_nm)
    tables = enumerate(cells.cell_table(plane, pixel_nm) for plane in labels)
    rows = [{"slice": i, **row} for i, table in tables for row in table]
    table = pd.DataFrame(rows, columns=["slice", *cells.COLUMNS][single:])
    table.to_csv(written[2], index=False, lineterminator="\n")
    shown, step = len(stack) // 2, max(1, max(stack.shape[1:]) // 2048)
    small, image = (array[shown, ::step, ::step] for array in (labels, stack))
    overlay = plots.label_overlay(small, image, opacity=0.4)
    Image.fromarray(np.round(255 * overlay).astype(np.uint8)).save(written[3])
    return rows


def probability_of(network: Any, image: Any, arguments: argparse.Namespace) -> Any:
    """The network's answer for one image, in tiles if it is large."""
    from damunet_lite import inference  # with it comes Keras: a wrong argument need not wait

    large = arguments.tile is None and image.size > LARGEST_WHOLE
    tiles = {"tile": TILE, "overlap": OVERLAP} if large else {"tile": arguments.tile}
    try:
        return inference.predict(network, image, **tiles, tta=arguments.tta, batch_size=1)
    except Exception as error:  # every backend has its own
        if not re.search("memory|exhausted", repr(error), re.IGNORECASE):
            raise
        side = (tiles["tile"] or max(image.shape)) // 2 // 16 * 16
        raise MemoryError(f"the memory is too small for this: add --tile {side}") from error


def plan(arguments: argparse.Namespace) -> list[tuple[Path, list[Path], float | None]]:
    """Files, their results, pixel sizes: all looked at before the first result is written."""
    out, side = arguments.out, arguments.pixel_nm
    if out and (out.is_file() or out.suffix.lower() in images.SUFFIXES and not out.is_dir()):
        raise ValueError(f"--out is the file {out}, wanted a folder")
    if side is not None:
        _arguments.above_0("--pixel-nm", side)
    paths = images.find_inputs(arguments.images)
    jobs, taken = [], {path.resolve(): "an input" for path in paths}
    for path in paths:
        _, single = _read(path, arguments)
        pixel_nm = side or images.read_info(path).pixel_nm
        ends = ["membrane.png" if single else "membrane.tif", "cells.tif", "cells.csv", "cells.png"]
        folder = out or path.parent
        there = next(filter(Path.exists, (folder, *folder.absolute().parents)))
        if not os.access(there, os.W_OK):
            raise PermissionError(f"{folder} cannot be written to, wanted another --out")
        targets = [folder / f"{path.stem}_{end}" for end in ends[: 4 if arguments.cells else 1]]
        for target in targets:
            if target.resolve() in taken:
                what = taken[target.resolve()]
                raise ValueError(f"{target} would be written over {what}; use another --out")
            if target.exists() and not arguments.force:
                raise FileExistsError(f"{target} would be overwritten; add --force or --out")
            taken[target.resolve()] = "the result of another image of the same name"
        jobs.append((path, targets, pixel_nm))
    return jobs


def _read(path: Path, arguments: argparse.Namespace) -> tuple[Any, bool]:
    """Grey values [N, H, W] as the network is to see them, and whether the file is no stack."""
    image = images.read_image(path)
    image = images.stretch(image) if arguments.stretch else image
    image = 1 - image if arguments.invert else image
    return (image[None], True) if image.ndim == 2 else (image, False)
