"""Peak memory of a prediction of one large image, beyond the arrays in and out.

    python -m tests.benchmarks.memory tiny
    python -m tests.benchmarks.memory damu_net --side 2048

The image is noise of eight bits, the tiles are those of ``python -m damunet_lite predict``.
Measured with TensorFlow 2.21 on two processor cores: 8192 x 8192 takes 0.80 GB with the tiny
network, 0.67 of them libraries, and about 1 GB with a DAMU-Net of full width. Cells are another
matter: segmenting so large a map takes 8 GB.
"""

import argparse
import resource

import numpy as np

from damunet_lite import _predict_files, models, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("network", help="tiny, or a network of full width, untrained")
    parser.add_argument("--side", type=int, default=8192, help="of the image, in pixels")
    given = parser.parse_args()
    tiny = given.network == "tiny"
    network = weights.pretrained("tiny") if tiny else getattr(models, given.network)()
    side = given.side
    image = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    choices = argparse.Namespace(tile=None, tta=False)
    answer = _predict_files.probability_of(network, image, choices)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    beyond, libraries = ((n - image.nbytes) / 2**30 for n in (peak - answer.nbytes, before))
    print(f"{given.network}, {side} x {side}: {beyond:.2f} GB, {libraries:.2f} of them libraries")


if __name__ == "__main__":
    main()
