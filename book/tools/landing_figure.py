"""Draw the pictures of the front page from one section that the network has not learnt from.

    python -m book.tools.landing_figure

`landing.png` has a section, its membranes, an empty answer and a network's; `cover.jpg`, which the
README and links to the book show too, has the section with its cells coloured on one half.
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from damunet_lite import cells, data, inference, plots, pretrained

SECTION = 27  # a test section of the fold that the package's network was trained on
TARGET = Path(__file__).resolve().parents[1] / "images"


def landing(image: np.ndarray, truth: np.ndarray, membrane: np.ndarray) -> Image.Image:
    """Four panels: the image, the truth, the empty answer and the network's."""
    pictures = {
        "the image": image,
        "the truth": 1 - truth,
        "the empty answer": np.ones_like(truth),
        "a small network": 1 - membrane,
    }
    frame = {"xticks": [], "yticks": []}
    figure, axes = plt.subplots(1, 4, figsize=(8.9, 2.5), dpi=100, subplot_kw=frame)
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture[:320, :320], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=11)
    figure.tight_layout()
    page = io.BytesIO()
    figure.savefig(page, bbox_inches="tight")
    # 32 greys are as good as 256 at this size, and half as heavy.
    return Image.open(page).convert("L").quantize(32)


def cover(image: np.ndarray, membrane: np.ndarray) -> Image.Image:
    """The upper half of the section; on its right, the cells that the network finds there."""
    picture = plots.label_overlay(cells.segment_cells(membrane, lines=True), image, opacity=0.45)
    half = image.shape[1] // 2
    picture[:, :half] = image[:, :half, None]
    picture[:, half - 1 : half + 1] = 1
    upper = Image.fromarray((picture[:half] * 255).round().astype(np.uint8))
    return upper.resize((900, 450), Image.Resampling.BICUBIC)


def main() -> None:
    stack = data.isbi2012("train")
    image, truth = stack.images[SECTION, ..., 0], stack.membranes[SECTION, ..., 0]
    membrane = inference.predict(pretrained("tiny"), image, tta=True)
    landing(image, truth, membrane).save(TARGET / "landing.png", optimize=True)
    cover(image, membrane).save(TARGET / "cover.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main()
