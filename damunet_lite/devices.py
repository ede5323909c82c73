"""What the machine offers, and the settings that follow from it."""

import contextlib
import ctypes
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import keras

from damunet_lite import _arguments


def accelerator() -> str:
    """Kind of device Keras computes on: "cpu", "gpu" or "tpu".

    Examples
    --------
    >>> accelerator() in ("cpu", "gpu", "tpu")
    True
    """
    return local_devices()[0].partition(":")[0]


def local_devices() -> list[str]:
    """Devices Keras can train on here, accelerators only where there are any.

    Returns
    -------
    list of str
        Such as ``["gpu:0", "gpu:1"]`` or ``["cpu:0"]``.

    Examples
    --------
    >>> len(local_devices()) >= 1
    True
    """
    if keras.backend.backend() == "torch":
        import torch

        return [f"gpu:{i}" for i in range(torch.cuda.device_count())] or ["cpu:0"]
    return [name.lower().replace("cuda", "gpu") for name in keras.distribution.list_devices()]


def prefers_jit() -> bool:
    """Whether XLA compilation pays on this backend and device.

    JAX always compiles. TensorFlow on a CPU loses by it (1.6 times slower steps, measured on two
    cores), on an accelerator it gains. On PyTorch Keras would call ``torch.compile``: off.

    Examples
    --------
    >>> prefers_jit() in (True, False)
    True
    """
    backend = keras.backend.backend()
    return backend == "jax" or (backend == "tensorflow" and accelerator() != "cpu")


def preferred_precision() -> str:
    """Keras dtype policy that is fastest here at unharmed scores.

    bfloat16 where the hardware multiplies it (a CPU with AVX512-BF16 or AMX, an NVIDIA GPU from
    Ampere on, a TPU), float16 on older NVIDIA GPUs with tensor cores such as Colab's T4,
    float32 elsewhere.

    Examples
    --------
    >>> preferred_precision() in ("float32", "mixed_bfloat16", "mixed_float16")
    True
    """
    kind = accelerator()
    generation = _gpu_compute_capability() or 0 if kind == "gpu" else 0
    if kind == "tpu" or generation >= 8 or kind == "cpu" and _cpu_multiplies_bfloat16():
        return "mixed_bfloat16"
    return "mixed_float16" if generation == 7 else "float32"


def _cpu_multiplies_bfloat16() -> bool:
    told = Path("/proc/cpuinfo")  # by Linux alone
    return told.exists() and bool(re.search("avx512_bf16|amx_bf16", told.read_text()))


def _gpu_compute_capability() -> int | None:
    """Generation of the first NVIDIA GPU, whatever the backend; None if no one tells it."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    with contextlib.suppress(OSError, ValueError):
        answer = subprocess.run(command, capture_output=True, text=True).stdout
        return int(answer.partition(".")[0])
    return None


def keep_memory() -> bool:
    """Ask the C library to keep freed memory for the next step instead of returning it.

    A training step on a CPU frees and asks for hundreds of megabytes; handing them back to the
    system and faulting them in again page by page took a third of a step where it was measured.

    Returns
    -------
    bool
        Whether the C library took the setting; only glibc (Linux) knows it.

    Examples
    --------
    >>> keep_memory() in (True, False)
    True
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    settings = {-4: 0, -1: 2**31 - 1, -2: 256 * 2**20}  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
    return all(mallopt(option, value) == 1 for option, value in settings.items())


@contextlib.contextmanager
def distributed(count: int = 1) -> Iterator[int]:
    """Build networks inside this context to train them on several local devices.

    Uses Keras's own distribution on JAX and ``tf.distribute.MirroredStrategy`` on TensorFlow;
    each device takes its share of every batch.

    Parameters
    ----------
    count : int
        Number of devices; 0 takes all there are, on PyTorch one.

    Yields
    ------
    int
        Number of devices used.

    Raises
    ------
    ValueError
        If there are fewer devices, or the backend cannot use several.

    Examples
    --------
    >>> with distributed(1) as used:
    ...     used
    1
    """
    names, backend = local_devices(), keras.backend.backend()
    usable = len(names) if backend in ("jax", "tensorflow") else 1
    count = _arguments.integer("devices", count, 0, usable) or usable
    with contextlib.ExitStack() as stack:
        if backend == "jax":
            # It has to outlive this context, for fit; None forgets the devices of an earlier run.
            chosen = keras.distribution.DataParallel(devices=names[:count]) if count > 1 else None
            keras.distribution.set_distribution(chosen)
        elif count > 1:
            import tensorflow as tf

            stack.enter_context(tf.distribute.MirroredStrategy(names[:count]).scope())
        yield count


@contextlib.contextmanager
def undistributed() -> Iterator[None]:
    """Compute without sharing batches among devices: inside, a batch may have any size.

    Matters on JAX alone, where every batch has to divide by the number of devices.

    Examples
    --------
    >>> with undistributed():
    ...     pass
    """
    with contextlib.ExitStack() as stack:
        stack.callback(keras.distribution.set_distribution, keras.distribution.distribution())
        keras.distribution.set_distribution(None)
        yield


def describe() -> dict[str, str]:
    """Versions and device, for the record of a run.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> sorted(describe())[:3]
    ['backend', 'cores', 'device']
    """
    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default")
    found = {"backend": keras.backend.backend(), "device": ", ".join(local_devices())}
    found |= {"cores": str(os.cpu_count()), "onednn": onednn}
    found |= {"system": platform.platform(), "python": platform.python_version()}
    for package in ("keras", "numpy", "scipy", "scikit-image", "tensorflow", "jax", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
