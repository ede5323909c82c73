"""Draw book/images/landing.png: a section, its membranes, and the answer that it is all cell.

python book/tools/landing_figure.py
"""

from pathlib import Path

import matplotlib.pyplot as plt

from damunet_lite import data

TARGET = Path(__file__).resolve().parents[1] / "images" / "landing.png"


def main() -> None:
    stack = data.isbi2012("train")
    crop = (0, slice(0, 320), slice(0, 320), 0)
    cells = 1 - stack.membranes[crop]
    figure, axes = plt.subplots(1, 3, figsize=(8.6, 3.1), dpi=100)
    titles = "the image", "the truth", "the empty answer"
    for axis, picture, title in zip(
        axes, (stack.images[crop], cells, cells * 0 + 1), titles, strict=True
    ):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=11)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.tight_layout()
    TARGET.parent.mkdir(exist_ok=True)
    figure.savefig(TARGET, bbox_inches="tight", pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
