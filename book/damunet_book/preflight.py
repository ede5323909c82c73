"""Is this computer ready for the book, and how long will each chapter take on it?

The network library is loaded in a process of its own, so that even one that crashes or hangs is
reported in plain words, and a notebook that asks keeps its memory.
"""

import argparse
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

__all__ = ["ChapterTime", "Check", "Report", "run"]

TIMES_FILE = Path(__file__).with_name("chapter_times.json")
DISTRIBUTION = "damunet-lite"
OLDEST_PYTHON, FIRST_TOO_NEW = (3, 11), (3, 14)
AMOUNTS = {  # gigabytes: the least and a good amount, and what to do below each
    "memory": (
        (1.5, "close other programs and other notebooks' kernels"),
        (4.0, "4 GB are comfortable; close other programs, run one chapter at a time"),
    ),
    "disk": (
        (0.2, "make room there"),
        (2.0, "enough for the chapters; a full run needs 1 GB more"),
    ),
}
WORKER_LIMIT = 120
STEPS = 10
PARTS = ("plain", "network")
START_SECONDS = 2.0  # to start a kernel and fetch a chapter's outputs: waiting, not computing
GIGABYTE = 2**30

Status = Literal["ok", "note", "failed"]


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
    status: Status
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok    ", "note": "note  ", "failed": "FAILED"}[self.status]
        remedy = f"\n                        what to do: {self.remedy}" if self.remedy else ""
        return f"{mark}  {self.name:14}  {self.found}{remedy}"


@dataclass(frozen=True)
class ChapterTime:
    """How long one chapter runs, without the reading.

    Parameters
    ----------
    chapter : int
    title : str
    minutes : float
        Predicted for this computer, all cells once from top to bottom.
    """

    chapter: int
    title: str
    minutes: float


@dataclass(frozen=True)
class Report:
    """What :func:`run` found; its text form is made to be read.

    Parameters
    ----------
    checks : tuple of Check
    chapters : tuple of ChapterTime
        Empty if the network library does not work here.
    seconds : float
        How long the checks took.
    """

    checks: tuple[Check, ...]
    chapters: tuple[ChapterTime, ...]
    seconds: float

    @property
    def ready(self) -> bool:
        """Whether nothing failed."""
        return all(check.status != "failed" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready values, for those who collect many.

        Examples
        --------
        >>> Report((Check("disk", "ok", "9 GB free"),), (), 1.0).to_dict()["ready"]
        True
        """
        return {"package": __version__, "ready": self.ready, **asdict(self)}

    def text(self, checks: bool = True) -> str:
        """The report to read, with its checks or, where those were shown already, without.

        Examples
        --------
        >>> Report((Check("disk", "ok", "9 GB free"),), (), 1.0)
        ok      disk            9 GB free
        <BLANKLINE>
        Ready. (1 seconds)
        """
        lines = [str(check) for check in self.checks] if checks else []
        if self.chapters:
            lines += ["", "Minutes that the chapters need to run here, without the reading:"]
            lines += [f"{c.chapter:8}  {c.title:54}{c.minutes:6.1f}" for c in self.chapters]
            lines.append(f"{'':10}{'all':54}{sum(c.minutes for c in self.chapters):6.1f}")
        failed = sum(check.status == "failed" for check in self.checks)
        verdict = f"{failed} to mend first" if failed else "Ready"
        return "\n".join([*lines, "", f"{verdict}. ({self.seconds:.0f} seconds)"])

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__


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

    first = check_python, check_packages, check_jupyter, check_memory, check_disk, check_data
    for look in first:
        add(look())
    chapters: Sequence[ChapterTime] = ()
    if checks["packages"].status != "failed":
        tell("...     training        a small network, to measure this computer: wait")
        measured = _measure_in_a_process(checks["data"].status == "ok")
        add(*_network_checks(measured))
        if "reference" in measured:
            chapters = predict_minutes(measured["reference"])
    return Report(tuple(checks.values()), tuple(chapters), time.perf_counter() - began)


# ------------------------------------------------------------------ one check each


def check_python(version: tuple[int, int] | None = None) -> Check:
    """Whether this Python runs the package and has a TensorFlow.

    Examples
    --------
    >>> check_python((3, 9)).status
    'failed'
    """
    version = version or (sys.version_info.major, sys.version_info.minor)
    found = ".".join(map(str, version))
    if OLDEST_PYTHON <= version < FIRST_TOO_NEW:
        return Check("Python", "ok", f"{found} on {platform.system()} {platform.machine()}")
    remedy = "install Python 3.11, 3.12 or 3.13, make an environment with it and install there"
    return Check("Python", "failed", found, remedy)


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
    if required is None and not _version(DISTRIBUTION):
        remedy = "python -m pip install -e . in the folder of the repository"
        has = f"{DISTRIBUTION} is not installed, only lying about"
        return Check("packages", "failed", has, remedy)
    if required is None:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    all_of_them = map(Requirement, required)
    needed = [r for r in all_of_them if not r.marker or r.marker.evaluate({"extra": ""})]
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


def check_memory(free: float | None = None) -> Check:
    """Whether there is memory for a network and its training.

    Parameters
    ----------
    free : float, optional
        Gigabytes free; by default those of this computer.

    Examples
    --------
    >>> check_memory(1.0).status, check_memory(2.5).status, check_memory(8.0).status
    ('failed', 'note', 'ok')
    """
    free = free_memory() if free is None else free
    return _amount("memory", free, f"{free:.1f} GB free")


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
    try:
        folder = Path(cgroup)
        limit, used = ((folder / f"memory.{name}").read_text() for name in ("max", "current"))
        cached = dict(map(str.split, (folder / "memory.stat").read_text().splitlines()))
        taken = int(used) - int(cached["inactive_file"])
        free = free if limit.strip() == "max" else min(free, max(0, int(limit) - taken))
    except (OSError, ValueError, KeyError):
        pass  # no container, or one that does not say
    return free / GIGABYTE


def check_disk(free: float | None = None) -> Check:
    """Whether there is room for data and runs, and whether it may be written.

    Parameters
    ----------
    free : float, optional
        Gigabytes free; by default those where the current folder lies.

    Examples
    --------
    >>> check_disk(0.1).status, check_disk(1.0).status, check_disk(8.0).status
    ('failed', 'note', 'ok')
    """
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here):
            pass
    except OSError:
        remedy = "start in a folder of your own; runs and predictions are written there"
        return Check("disk", "failed", f"{here} cannot be written", remedy)
    free = shutil.disk_usage(here).free / GIGABYTE if free is None else free
    return _amount("disk", free, f"{free:.1f} GB free in {here}")


def _amount(name: str, free: float, found: str) -> Check:
    """A check of gigabytes, with what to do below the least and below a good amount."""
    (least, remedy), (good, note) = AMOUNTS[name]
    if free < least:
        return Check(name, "failed", f"{found}, {least:g} GB needed", remedy)
    return Check(name, "note", found, note) if free < good else Check(name, "ok", found)


def check_data() -> Check:
    """Whether the training stack is here, every file of it the published one."""
    named = os.environ.get("DAMUNET_DATA")
    folder = Path(named).expanduser() if named else data._cache_folder()
    if not named and not (folder / "train").is_dir():
        remedy = (
            "python -m damunet_lite data (16 MB, once), or name a copy of it in DAMUNET_DATA; "
            "chapters run without it on synthetic tissue, with other numbers"
        )
        return Check("data", "failed", "the ISBI 2012 stack is not here yet", remedy)
    try:
        data.verify(folder, "train")
    except data.DataError as error:
        what, _, remedy = str(error).partition("; ")
        return Check("data", "failed", what, remedy or "python -m damunet_lite data")
    return Check("data", "ok", f"ISBI 2012 training stack, every file intact, in {folder}")


def _network_checks(measured: dict[str, Any]) -> list[Check]:
    """Device and training step, from what the process measured or how it ended."""
    if "error" in measured:
        return [Check("training step", "failed", measured["error"], measured["remedy"])]
    kind, backend = measured["device"], measured["backend"]
    device = f"{kind} with Keras on {backend}, {measured['precision']}"
    unused = kind.startswith("cpu") and shutil.which("nvidia-smi")
    note = "an NVIDIA processor is here but not used: see tensorflow.org/install/pip"
    step = (
        f"loss {measured['loss']:.3f}, weights moved; {measured['step_seconds']:.2f} s a step "
        "(4 crops of 128 x 128, 8 base filters, 3 levels)"
    )
    first = Check("device", "note", device, note) if unused else Check("device", "ok", device)
    return [first, Check("training step", "ok", step)]


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
) -> list[ChapterTime]:
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
    >>> predict_minutes({"plain": 2, "network": 1}, times)[0].minutes
    1.5
    """
    times = times or read_times()
    plain, network = (reference[part] / times["reference"][part] for part in PARTS)
    found = []
    for chapter in times["chapters"]:
        seconds = (START_SECONDS + chapter["plain"]) * plain + chapter["network"] * network
        found.append(ChapterTime(chapter["chapter"], chapter["title"], seconds / 60))
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
    """Build a small network and train it for a few steps; say how that went.

    Parameters
    ----------
    stack : Stack
        With slices of at least 128 x 128 pixels.

    Returns
    -------
    dict
        ``step_seconds`` of a step after the first, ``loss``, and ``moved``, whether the weights
        changed.
    """
    from damunet_lite import training

    options = {"base_filters": 8, "depth": 3}
    config = training.TrainConfig("unet", options, steps=STEPS + 1, crop=128)
    network = training.build(config)
    before = network.get_weights()[0].copy()
    indices = np.arange(len(stack))
    network.fit(training.CropBatches(stack, indices, config, 0, 1), verbose=0)
    first = time.perf_counter()
    batches = training.CropBatches(stack, indices, config, 1, STEPS)
    loss = network.fit(batches, verbose=0).history["loss"][-1]
    seconds = (time.perf_counter() - first) / STEPS
    moved = bool(np.abs(network.get_weights()[0] - before).max() > 0)
    return {"step_seconds": seconds, "loss": float(loss), "moved": moved}


def measure(real: bool) -> dict[str, Any]:
    """Everything that needs the network library, in this process.

    Parameters
    ----------
    real : bool
        Train on the real stack instead of a drawn one.

    Returns
    -------
    dict
        JSON-ready; ``reference`` has the seconds of both parts of the reference computation,
        ``reference_cpu`` the processor seconds, which other programs hardly change.
    """
    from damunet_lite import devices

    plain_reference(rounds=1)  # imports, and memory asked for the first time, are not counted
    stack = data.isbi2012() if real else synthetic.synthetic_stack(n=8, size=160)
    clocks = [(time.perf_counter(), time.process_time())]
    plain_reference()
    clocks.append((time.perf_counter(), time.process_time()))
    trained = network_reference(stack)
    clocks.append((time.perf_counter(), time.process_time()))
    if not (math.isfinite(trained["loss"]) and trained["moved"]):
        raise RuntimeError(f"training does not train: loss {trained['loss']}")
    both = zip(("reference", "reference_cpu"), np.diff(clocks, axis=0).T.tolist(), strict=True)
    seconds = {name: dict(zip(PARTS, parts, strict=True)) for name, parts in both}
    precision = devices.preferred_precision()
    return {**devices.describe(), **trained, "precision": precision, **seconds}


def _measure_in_a_process(real: bool, limit: float = WORKER_LIMIT) -> dict[str, Any]:
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="agg")
    command = [sys.executable, "-m", "damunet_book.preflight", "--measure"]
    command.append("real" if real else "drawn")
    options: Any = {
        "capture_output": True,
        "errors": "replace",
        "timeout": limit,
        "env": environment,
    }
    try:
        done = subprocess.run(command, check=False, **options)
    except subprocess.TimeoutExpired:
        remedy = "close other programs and try again; on an old computer use Colab"
        return {"error": f"no end after {limit:g} seconds", "remedy": remedy}
    except OSError as error:
        what = f"Python could not be started ({error.strerror})"
        return {"error": what, "remedy": "start the notebook or the command again"}
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
        remedy = "python -m pip install --force-reinstall tensorflow keras"
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
    parser.add_argument("--measure", choices=("real", "drawn"), help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.measure:  # what the process of its own is asked for
        print(json.dumps(measure(given.measure == "real")))
        return 0
    try:
        report = run(progress=None if given.json else lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(json.dumps(report.to_dict()) if given.json else report.text(checks=False))
    return 0 if report.ready else 1


if __name__ == "__main__":
    sys.exit(main())
