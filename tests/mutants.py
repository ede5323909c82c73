"""Do the tests notice a wrong constant or operator? Break the package one line at a time.

    python tests/mutants.py               # all of them, about ten minutes on two cores
    python tests/mutants.py tversky gate  # those whose name contains one of the words

Each mutant is one changed line in a copy of the package. Its tests are those of the module and
the chapter that teaches the line; the first that fails has caught it. The exit code is 1 if more
than one mutant in twenty survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TOLERATED = 0.05
SECONDS = 900


class Mutant(NamedTuple):
    """One changed line: ``old`` occurs exactly once in ``damunet_lite/<module>.py``."""

    name: str
    module: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "tversky: weights swapped",
        "losses",
        "tp + fn_weight * fn + fp_weight * fp + smooth",
        "tp + fp_weight * fn + fn_weight * fp + smooth",
    ),
    Mutant("tversky: smooth missing above", "losses", "numerator = tp + smooth", "numerator = tp"),
    Mutant(
        "tversky: false positives counted as missed",
        "losses",
        "fn = ops.sum(y_true * (1 - y_pred), axis=axes)",
        "fn = ops.sum((1 - y_true) * y_pred, axis=axes)",
    ),
    Mutant(
        "tversky: pooling ignored",
        "losses",
        'range(0 if pooling == "batch" else 1',
        'range(1 if pooling == "batch" else 1',
    ),
    Mutant(
        "focal: exponent 4/3 for 3/4",
        "losses",
        "exponent: float = 0.75,",
        "exponent: float = 4 / 3,",
    ),
    Mutant(
        "tversky: index for loss",
        "losses",
        "return 1.0 - self.index(y_true, y_pred)",
        "return self.index(y_true, y_pred)",
    ),
    Mutant(
        "channel attention: mean for maximum",
        "layers",
        "self.excite(self.squeeze(ops.max(x, axis=(1, 2))))",
        "self.excite(self.squeeze(ops.mean(x, axis=(1, 2))))",
    ),
    Mutant(
        "channel attention: product for sum",
        "layers",
        "ops.sigmoid(average + maximum)",
        "ops.sigmoid(average * maximum)",
    ),
    Mutant(
        "spatial attention: maximum twice",
        "layers",
        "pooled = [ops.mean(x, axis=-1, keepdims=True), ops.max",
        "pooled = [ops.max(x, axis=-1, keepdims=True), ops.max",
    ),
    Mutant(
        "gate: input not multiplied",
        "layers",
        "return inputs[0] * self.coefficients(inputs)",
        "return inputs[0]",
    ),
    Mutant(
        "norm: unbiased variance averaged",
        "layers",
        "variance *= tf.maximum(count - 1, 1) / count",
        "variance *= 1",
    ),
    Mutant(
        "norm: learns while frozen",
        "layers",
        "learning = bool(training and self.trainable)",
        "learning = bool(training)",
    ),
    Mutant("gate: no ReLU", "layers", "self.psi(ops.relu(theta + phi))", "self.psi(theta + phi)"),
    Mutant(
        "gate: pixels repeated, not interpolated",
        "layers",
        'smooth=self.interpolation == "bilinear"',
        "smooth=False",
    ),
    Mutant(
        "head targets: mean for maximum",
        "supervision",
        'ops.max if rule == "any_membrane" else ops.mean',
        'ops.mean if rule == "any_membrane" else ops.mean',
    ),
    Mutant(
        "head targets: the mask's axes mixed",
        "supervision",
        "return pool(cells, axis=(2, 4))",
        "return pool(cells, axis=(1, 3))",
    ),
    Mutant("head weights: not normalised", "supervision", "decay**level / total", "decay**level"),
    Mutant(
        "head weights: coarse heads weigh most",
        "supervision",
        "{name: decay**level / total for level, name in enumerate(names)}",
        "{name: decay**level / total for level, name in enumerate(names[::-1])}",
    ),
    Mutant(
        "supervision: the caller's head weights ignored",
        "supervision",
        "head_weights or default_head_weights(self.heads)",
        "default_head_weights(self.heads)",
    ),
    Mutant(
        "network: image of the wrong scale",
        "models",
        "factor = 2 ** (level - 1)\n    small",
        "factor = 2 ** level // 2 + 1\n    small",
    ),
    Mutant(
        "network: gates left out",
        "models",
        'if attention in ("gate", "both")',
        'if attention in ("both",)',
    ),
    Mutant(
        "network: CBAM left out of both",
        "models",
        'if attention in ("cbam", "both")',
        'if attention in ("cbam",)',
    ),
    Mutant(
        "network: head without sigmoid",
        "models",
        'layers.Activation("sigmoid", dtype="float32", name=name)',
        'layers.Activation("linear", dtype="float32", name=name)',
    ),
    Mutant(
        "scores: threshold reached counts",
        "metrics",
        "cell_probability > threshold for",
        "cell_probability >= threshold for",
    ),
    Mutant(
        "scores: polarity ignored",
        "metrics",
        'return counts if positive == "membrane" else _flip(counts)',
        "return counts",
    ),
    Mutant(
        "scores: Dice without the 2",
        "metrics",
        "_ratio(2 * counts.tp, 2 * counts.tp",
        "_ratio(counts.tp, counts.tp",
    ),
    Mutant(
        "scores: membrane of the proposal in one segment",
        "metrics",
        "singletons=int(counted.sum()) - s.size",
        "singletons=0",
    ),
    Mutant(
        "scores: split and merge swapped",
        "metrics",
        "together / in_truth, together / in_proposal",
        "together / in_proposal, together / in_truth",
    ),
    Mutant(
        "scores: cells joined at corners",
        "metrics",
        "ndimage.label(cell)[0]",
        "ndimage.label(cell, np.ones((3, 3)))[0]",
    ),
    Mutant(
        "scores: no thinning",
        "metrics",
        "if thin:\n            proposal",
        "if False:\n            proposal",
    ),
    Mutant(
        "augmentation: mask not turned with its image",
        "augment",
        "np.rot90(image, quarter), np.rot90(mask, quarter)",
        "np.rot90(image, quarter), mask",
    ),
    Mutant(
        "augmentation: mask warped along another field",
        "augment",
        "_sample(image, where), _sample(mask, where)",
        "_sample(image, where), _sample(mask, where[::-1])",
    ),
    Mutant(
        "augmentation: step ignored",
        "augment",
        "np.random.default_rng([seed, step])",
        "np.random.default_rng([seed, 0])",
    ),
    Mutant("folds: validation among training", "data", "np.concatenate([test, held])", "test"),
    Mutant(
        "tiles: weights not normalised",
        "inference",
        "[window / summed[start : start + tile] for start in self.starts]",
        "[window for start in self.starts]",
    ),
    Mutant(
        "test-time augmentation: sum for mean",
        "inference",
        "weight=1 / len(symmetries)",
        "weight=1",
    ),
]

# What teaches a module; chapters that run in seconds, so that a notebook can catch a mutant too.
CHAPTERS = {
    "losses": ["04"],
    "metrics": ["03"],
    "layers": ["07", "08"],
    "supervision": ["09"],
    "models": ["11"],
    "augment": ["02"],
    "data": ["02"],
    "inference": ["14"],
}


def tests_of(mutant: Mutant) -> list[list[str]]:
    """Commands' arguments, quick ones first: the module's tests, then its chapters."""
    tests = [[f"tests/test_{mutant.module}.py", "-m", "not slow"]]
    for number in CHAPTERS[mutant.module]:
        found = sorted((ROOT / "chapters").glob(f"{number}_*.ipynb"))
        tests += [[path.relative_to(ROOT).as_posix()] for path in found]
    return tests


def catcher(mutant: Mutant, copy: Path) -> str | None:
    """The first test that fails on the mutant, or None."""
    file = copy / "damunet_lite" / f"{mutant.module}.py"
    original = file.read_text(encoding="utf-8")
    file.write_text(original.replace(mutant.old, mutant.new), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        for arguments in tests_of(mutant):
            command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run(
                [*command, *arguments],
                cwd=copy,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
            if done.returncode == 1:
                failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
                return failed[0].split(" - ")[0][7:] if failed else arguments[0]
            if done.returncode:
                raise RuntimeError(f"{mutant.name}: pytest ended with {done.stdout[-2000:]}")
    finally:
        file.write_text(original, encoding="utf-8")
    return None


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    survivors = []
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        ignored = shutil.ignore_patterns(".*", "_build", "runs", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for mutant in chosen:
            started = time.perf_counter()
            try:
                caught = catcher(mutant, copy)
            except subprocess.TimeoutExpired as late:  # counts as a survivor: nothing failed
                caught = None
                print(f"{mutant.name}: no verdict within {late.timeout} s", flush=True)
            survivors += [] if caught else [mutant.name]
            seconds = time.perf_counter() - started
            print(f"{mutant.name}: {caught or 'SURVIVED'} ({seconds:.0f} s)", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants caught")
    return int(len(survivors) > TOLERATED * len(chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
