"""Is this computer ready for the book, and how long will each chapter take on it?

The network library is loaded in a process of its own, so that even one that crashes or hangs is
reported in plain words, and a notebook that asks keeps its memory.
"""

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from packaging.requirements import Requirement
from scipy import ndimage

from damunet_lite import __version__, augment, data, metrics, synthetic

__all__ = ["Check", "Report", "run"]

TIMES_FILE = Path(__file__).with_name("chapter_times.json")
DISTRIBUTION = "damunet-lite"
DATA_REMEDY = (
    "python -m damunet_lite data (16 MB, once), or name a copy of it in DAMUNET_DATA; "
    "chapters run without it on synthetic tissue, with other numbers"
)
STEPS = 10
PARTS = ("plain", "network")
START_SECONDS = 2.0  # to start a kernel and fetch a chapter's outputs: waiting, not computing
GIGABYTE = 2**30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What was looked at.
    status : {"ok", "note", "failed"}
        A note is worth knowing, a failure has to be mended.
    found : str
        What is there.
    remedy : str
        What to do about it; empty where nothing needs doing.
    """

    name: str
    status: Literal["ok", "note", "failed"]
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok    ", "note": "note  ", "failed": "FAILED"}[self.status]
        remedy = f"\n                        what to do: {self.remedy}" if self.remedy else ""
        return f"{mark}  {self.name:14}  {self.found}{remedy}"


@dataclass(frozen=True)
class Report:
    """What :func:`run` found; its text form is made to be read.

    Parameters
    ----------
    checks : tuple of Check
    chapters : tuple of dict
        ``chapter``, ``title`` and ``minutes``, predicted for this computer, of all cells once from
        top to bottom without the reading. Empty if the network library does not work here.
    seconds : float
        How long the checks took.
    """

    checks: tuple[Check, ...]
    chapters: tuple[dict[str, Any], ...]
    seconds: float

    @property
    def ready(self) -> bool:
        """Whether nothing failed."""
        return all(check.status != "failed" for check in self.checks)

    def summary(self) -> str:
        """Minutes of the chapters and the verdict, without the checks.

        Examples
        --------
        >>> Report((Check("disk", "failed", "full"),), (), 1.0).summary()
        '\\n1 to mend first. (1 seconds)'
        """
        lines = []
        if self.chapters:
            lines += ["", "Minutes that the chapters need to run here, without the reading:"]
            lines += [
                f"{c['chapter']:8}  {c['title']:54}{c['minutes']:6.1f}" for c in self.chapters
            ]
            lines.append(f"{'':10}{'all':54}{sum(c['minutes'] for c in self.chapters):6.1f}")
        failed = sum(check.status == "failed" for check in self.checks)
        verdict = f"{failed} to mend first" if failed else "Ready"
        return "\n".join([*lines, "", f"{verdict}. ({self.seconds:.0f} seconds)"])

    def __repr__(self) -> str:
        """All of it, as a notebook shows it.

        Examples
        --------
        >>> Report((Check("disk", "ok", "9 GB free"),), (), 1.0)
        ok      disk            9 GB free
        <BLANKLINE>
        Ready. (1 seconds)
        """
        return "\n".join([*map(str, self.checks), self.summary()])


def run(progress: Callable[[str], None] | None = None) -> Report:
    """Look at everything that the book needs, and predict the minutes of each chapter.

    Takes about ten seconds on two processor cores. Nothing is downloaded or changed.

    Parameters
    ----------
    progress : callable, optional
        Takes one line as soon as each check is done, and one before the longest.

    Returns
    -------
    Report
        In a notebook, make this call the last line of a cell.

    Examples
    --------
    >>> report = run()  # doctest: +SKIP
    >>> report.ready  # doctest: +SKIP
    True
    """
    began, tell = time.perf_counter(), progress or (lambda line: None)
    checks: dict[str, Check] = {}

    def add(*found: Check) -> None:
        for check in found:
            checks[check.name] = check
            tell(str(check))

    add(Check("Python", "ok", f"{platform.python_version()} on {platform.platform()}"))
    for look in (check_packages, check_jupyter, check_memory, check_disk, check_data):
        add(look())
    chapters: Sequence[dict[str, Any]] = ()
    if checks["packages"].status != "failed":
        tell("...     training        a small network, to measure this computer: wait")
        measured = measure_in_a_process()
        add(*_network_checks(measured))
        if "reference" in measured:
            chapters = predict_minutes(measured["reference"])
    return Report(tuple(checks.values()), tuple(chapters), time.perf_counter() - began)


# ------------------------------------------------------------------ one check each


def check_packages(required: list[str] | None = None) -> Check:
    """Whether every package that this one needs is installed, in a version that fits.

    Parameters
    ----------
    required : list of str, optional
        Requirements as pip writes them; by default those of the installed package.

    Examples
    --------
    >>> check_packages(["no-such-package>=1"]).remedy
    'python -m pip install "no-such-package>=1"'
    """
    all_of_them = map(Requirement, required or importlib.metadata.requires(DISTRIBUTION) or [])
    ours = [r for r in all_of_them if not r.marker or r.marker.evaluate({"extra": ""})]
    # The default backend, which nobody needs who has chosen another.
    unused = {"tensorflow"} - {_backend()}
    needed = [r for r in ours if r.name not in unused]
    found = {r: _version(r.name) for r in needed}
    wrong = [r for r, v in found.items() if not (v and r.specifier.contains(v, prereleases=True))]
    if wrong:
        remedy = " ".join(["python -m pip install", *(f'"{r.name}{r.specifier}"' for r in wrong)])
        has = ", ".join(f"{r.name} {found[r] or 'missing'}" for r in wrong)
        return Check("packages", "failed", has, remedy)
    named = ("tensorflow", "keras", "numpy")
    shown = ", ".join(f"{r.name} {found[r]}" for r in needed if r.name in named)
    return Check("packages", "ok", f"{len(needed)} of {len(needed)} needed; {shown}")


def check_jupyter() -> Check:
    """Whether notebooks can run: a kernel, and something to open them in."""
    kernel, browser = _version("ipykernel"), _version("jupyterlab") or _version("notebook")
    found = f"ipykernel {kernel or 'missing'}, JupyterLab or Notebook {browser or 'missing'}"
    if kernel and browser:
        return Check("notebooks", "ok", found)
    remedy = "python -m pip install jupyterlab, unless you open notebooks in another program"
    return Check("notebooks", "note", found, remedy)


def check_memory() -> Check:
    """Whether there is memory for a network and its training."""
    free = free_memory()
    least = 1.5, "close other programs and other notebooks' kernels"
    good = 4.0, "4 GB are comfortable; close other programs, run one chapter at a time"
    return _amount("memory", free, f"{free:.1f} GB free", least, good)


def free_memory(cgroup: str | os.PathLike = "/sys/fs/cgroup") -> float:
    """Gigabytes that a new program can have.

    psutil tells what the whole computer has left and nothing of a container's own limit, which is
    what stops a program in Binder, Docker or a shared server. The kernel's files give that limit;
    the memory that holds copies of files is not counted as used, since it is given up on demand.

    Parameters
    ----------
    cgroup : path-like
        Where the kernel says what this container may use and does use.
    """
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError, KeyError):  # no container, or no number but "max"
        files = (Path(cgroup, f"memory.{name}") for name in ("max", "current", "stat"))
        limit, used, rest = (file.read_text() for file in files)
        cached = dict(map(str.split, rest.splitlines()))["inactive_file"]
        free = min(free, max(0, int(limit) - int(used) + int(cached)))
    return free / GIGABYTE


def check_disk() -> Check:
    """Whether there is room for data and runs where we are, and whether it may be written."""
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here):
            pass
    except OSError:
        remedy = "start in a folder of your own; runs and predictions are written there"
        return Check("disk", "failed", f"{here} cannot be written", remedy)
    free = shutil.disk_usage(here).free / GIGABYTE
    least = 0.2, "make room there"
    good = 2.0, "enough for the chapters; a full run needs 1 GB more"
    return _amount("disk", free, f"{free:.1f} GB free in {here}", least, good)


def _amount(
    name: str, free: float, found: str, least: tuple[float, str], good: tuple[float, str]
) -> Check:
    """A check of gigabytes, with what to do below the least and below a good amount.

    Examples
    --------
    >>> [_amount("a", free, "", (1, "mend"), (2, "note")).status for free in (0.9, 1, 1.9, 2)]
    ['failed', 'note', 'note', 'ok']
    """
    if free < least[0]:
        return Check(name, "failed", f"{found}, {least[0]:g} GB needed", least[1])
    return Check(name, "note", found, good[1]) if free < good[0] else Check(name, "ok", found)


def check_data() -> Check:
    """Whether the training stack is here, every file of it the published one."""
    named = os.environ.get("DAMUNET_DATA")
    folder = Path(named).expanduser() if named else data._cache_folder()
    try:
        data.verify(folder, "train")
    except data.DataError as error:
        what, _, remedy = str(error).partition("; ")
        return Check("data", "failed", what, remedy if named else DATA_REMEDY)
    return Check("data", "ok", f"ISBI 2012 training stack, every file intact, in {folder}")


def _network_checks(measured: dict[str, Any]) -> list[Check]:
    """Device and training step, from what the process measured or how it ended."""
    if "error" in measured:
        return [Check("training step", "failed", measured["error"], measured["remedy"])]
    kind, backend = measured["device"], measured["backend"]
    device = f"{kind} with Keras on {backend}, {measured['precision']}"
    first = Check("device", "ok", device)
    if kind.startswith("cpu") and shutil.which("nvidia-smi"):
        note = "an NVIDIA processor is here but not used: see tensorflow.org/install/pip"
        first = Check("device", "note", device, note)
    step = (
        f"loss {measured['loss']:.3f}, weights moved; {measured['step_seconds']:.2f} s a step "
        "(4 crops of 128 x 128, 8 base filters, 3 levels)"
    )
    return [first, Check("training step", "ok", step)]


def _backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# ------------------------------------------------------------------ minutes


def read_times() -> dict[str, Any]:
    """Processor seconds of each chapter and of the reference computation, on one computer.

    Made by ``python -m book.tools.chapter_times`` from the notebooks.

    Examples
    --------
    >>> sorted(read_times())
    ['chapters', 'machine', 'reference']
    """
    return json.loads(TIMES_FILE.read_text(encoding="utf-8"))


def predict_minutes(
    reference: dict[str, float], times: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Minutes of each chapter, from how long the reference computation takes here.

    Parameters
    ----------
    reference : dict
        Seconds here of ``"plain"``, NumPy and SciPy, and ``"network"``, building a network and
        training it for a few steps.
    times : dict, optional
        As :func:`read_times` gives it.

    Examples
    --------
    >>> times = {"reference": {"plain": 1, "network": 2}, "chapters": [
    ...     {"chapter": 1, "title": "One", "plain": 28, "network": 60}]}
    >>> predict_minutes({"plain": 2, "network": 1}, times)
    [{'chapter': 1, 'title': 'One', 'minutes': 1.5}]
    """
    times = times or read_times()
    plain, network = (reference[part] / times["reference"][part] for part in PARTS)
    found = []
    for chapter in times["chapters"]:
        seconds = (START_SECONDS + chapter["plain"]) * plain + chapter["network"] * network
        own = {key: chapter[key] for key in ("chapter", "title")}
        found.append({**own, "minutes": seconds / 60})
    return found


def plain_reference(rounds: int = 15) -> None:
    """A fixed piece of NumPy and SciPy work like that of the chapters.

    Parameters
    ----------
    rounds : int
        How often; a longer measurement is less at the mercy of other programs.
    """
    rng = np.random.default_rng(0)
    grey = ndimage.gaussian_filter(rng.standard_normal((256, 256)), 4)
    probability = np.clip(0.5 + 8 * grey, 0, 1)
    truth = (np.abs(grey) < 0.02).astype(np.float32)
    image = probability[..., None].astype(np.float32)
    config = augment.AugmentConfig(crop=192)
    for _ in range(rounds):
        metrics.score_stack(truth[None], probability[None])
        for _ in range(8):
            augment.augment(image, truth[..., None], np.random.default_rng(0), config)


def network_reference(stack: data.Stack) -> dict[str, Any]:
    """Build a small network and train it for a few steps.

    Parameters
    ----------
    stack : Stack
        With slices of at least 128 x 128 pixels.

    Returns
    -------
    dict
        ``step_seconds`` of a step after the first, and the last ``loss``.

    Raises
    ------
    RuntimeError
        If training does not train.
    """
    from damunet_lite import training

    options = {"base_filters": 8, "depth": 3}
    config = training.TrainConfig("unet", options, steps=STEPS + 1, crop=128)
    indices = np.arange(len(stack))
    network = training.build(config)
    before = network.get_weights()[0].copy()
    network.fit(training.CropBatches(stack, indices, config, 0, 1), verbose=0)
    first = time.perf_counter()
    batches = training.CropBatches(stack, indices, config, 1, STEPS)
    loss = float(network.fit(batches, verbose=0).history["loss"][-1])
    seconds = (time.perf_counter() - first) / STEPS
    if not math.isfinite(loss) or np.array_equal(network.get_weights()[0], before):
        raise RuntimeError(f"training does not train: loss {loss}")
    return {"step_seconds": seconds, "loss": loss}


def measure() -> dict[str, Any]:
    """Everything that needs the network library, in this process.

    Returns
    -------
    dict
        JSON-ready; ``reference`` has the seconds of both parts of the reference computation,
        ``reference_cpu`` the processor seconds, which other programs hardly change.
    """
    from damunet_lite import devices

    stack = synthetic.synthetic_stack(n=8, size=160)
    plain_reference(rounds=1)  # imports, and memory asked for the first time, are not counted
    clocks = [(time.perf_counter(), time.process_time())]
    plain_reference()
    clocks.append((time.perf_counter(), time.process_time()))
    trained = network_reference(stack)
    clocks.append((time.perf_counter(), time.process_time()))
    wall, processor = np.diff(clocks, axis=0).T.tolist()
    return {
        **devices.describe(),
        **trained,
        "precision": devices.preferred_precision(),
        "reference": dict(zip(PARTS, wall, strict=True)),
        "reference_cpu": dict(zip(PARTS, processor, strict=True)),
    }


def measure_in_a_process(limit: float = 120) -> dict[str, Any]:
    """What :func:`measure` gives, or ``error`` and ``remedy`` where its process ended otherwise.

    Parameters
    ----------
    limit : float
        Seconds that it may take.
    """
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="agg")
    command = [sys.executable, "-m", "damunet_book.preflight", "--measure"]
    options: Any = {"capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, timeout=limit, env=environment, **options)
    except subprocess.TimeoutExpired:
        remedy = "close other programs and try again; on an old computer use Colab"
        return {"error": f"no end after {limit:g} seconds", "remedy": remedy}
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    return explain_failure(done.returncode, done.stderr)


def explain_failure(code: int, errors: str) -> dict[str, str]:
    """Plain words for how the process with the network library ended.

    Parameters
    ----------
    code : int
        Its exit code; negative for a signal.
    errors : str
        What it wrote to stderr.

    Examples
    --------
    >>> explain_failure(-9, "")["error"]
    'stopped by the system, most likely for want of memory'
    """
    last = next((line for line in reversed(errors.splitlines()) if line.strip()), "no message")
    what, remedy = last.strip()[:300], "ask with this line and your versions, or use Colab"
    if code in (-9, 137) or "MemoryError" in last:
        what = "stopped by the system, most likely for want of memory"
        remedy = "close other programs and other notebooks' kernels"
    elif code in (-4, 132):
        what = "this processor lacks instructions that TensorFlow needs (AVX)"
        remedy = "use another computer, or Colab"
    elif code < 0 or "ModuleNotFoundError" in last or "ImportError" in last:
        what = f"a package cannot be loaded: {last.partition(': ')[2]}"
        if code < 0:
            what = f"the network library crashed (signal {-code})"
        remedy = f"python -m pip install --force-reinstall {_backend()} keras"
    return {"error": what, "remedy": remedy}


# ------------------------------------------------------------------ the command


def main(words: Sequence[str] | None = None) -> int:
    """Check this computer and print what was found; the exit code is 1 if something failed.

    Parameters
    ----------
    words : sequence of str, optional
        Words of the command line; those of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m damunet_book.preflight",
        description="Look at versions, memory, disk, data and device, train one step, and predict "
        "the minutes of each chapter here. Takes under half a minute and changes nothing. Exit "
        "code 1 if something has to be mended first.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.measure:  # what the process of its own is asked for
        print(json.dumps(measure()))
        return 0
    report = run(progress=None if given.json else lambda line: print(line, flush=True))
    as_dict = {"package": __version__, "ready": report.ready, **asdict(report)}
    print(json.dumps(as_dict) if given.json else report.summary())
    return 0 if report.ready else 1


if __name__ == "__main__":
    sys.exit(main())
