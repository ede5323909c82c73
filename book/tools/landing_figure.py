"""Draw book/images/landing.png: a section, its membranes, an empty answer and a network's.

python -m book.tools.landing_figure
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

from damunet_lite import data, inference, pretrained

SECTION = 27  # a test section of the fold that the package's network was trained on
TARGET = Path(__file__).resolve().parents[1] / "images" / "landing.png"


def main() -> None:
    stack = data.isbi2012("train")
    corner = (slice(0, 320), slice(0, 320))
    image = stack.images[SECTION, ..., 0]
    cells = 1 - stack.membranes[SECTION, ..., 0]
    membrane = inference.predict(pretrained("tiny"), image, tta=True)
    pictures = {
        "the image": image,
        "the truth": cells,
        "the empty answer": cells * 0 + 1,
        "a small network": 1 - membrane,
    }
    figure, axes = plt.subplots(1, 4, figsize=(8.9, 2.5), dpi=100)
    for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
        axis.imshow(picture[corner], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=11)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.tight_layout()
    TARGET.parent.mkdir(exist_ok=True)
    page = io.BytesIO()
    figure.savefig(page, bbox_inches="tight")
    # 32 greys are as good as 256 at this size, and half as heavy.
    Image.open(page).convert("L").quantize(32).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
