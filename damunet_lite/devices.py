"""What the machine offers, and the settings that follow from it."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

import keras


def accelerator() -> str:
    """Kind of device Keras computes on: "cpu", "gpu" or "tpu".

    Examples
    --------
    >>> accelerator() in ("cpu", "gpu", "tpu")
    True
    """
    names = local_devices()
    for kind in ("tpu", "gpu"):
        if any(name.startswith(kind) for name in names):
            return kind
    return "cpu"


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

        count = torch.cuda.device_count()
        return [f"gpu:{i}" for i in range(count)] or ["cpu:0"]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        for kind in ("TPU", "GPU", "CPU"):
            found = tf.config.list_logical_devices(kind)
            if found:
                return [f"{kind.lower()}:{i}" for i in range(len(found))]
    found = keras.distribution.list_devices()
    for kind in ("tpu", "gpu", "cuda"):
        chosen = [name for name in found if name.lower().startswith(kind)]
        if chosen:
            return [f"{'tpu' if kind == 'tpu' else 'gpu'}:{i}" for i in range(len(chosen))]
    return [f"cpu:{i}" for i in range(len(found))]


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
    if kind == "tpu":
        return "mixed_bfloat16"
    if kind == "cpu":
        return "mixed_bfloat16" if _cpu_multiplies_bfloat16() else "float32"
    return _gpu_precision()


def _cpu_multiplies_bfloat16() -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = file.read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _gpu_precision() -> str:
    major = _gpu_compute_capability()
    if major is None or major < 7:
        return "float32"
    return "mixed_bfloat16" if major >= 8 else "mixed_float16"


def _gpu_compute_capability() -> int | None:
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability()[0]
    if backend == "jax":
        import jax

        value = getattr(jax.local_devices()[0], "compute_capability", None)
        return int(float(value)) if value else None
    import tensorflow as tf

    gpu = tf.config.list_physical_devices("GPU")[0]
    capability = tf.config.experimental.get_device_details(gpu).get("compute_capability")
    return capability[0] if capability else None


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
    mmap_max, trim_threshold, top_pad = -4, -1, -2
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    settings = ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 256 * 2**20))
    return all(mallopt(option, value) == 1 for option, value in settings)


@contextlib.contextmanager
def distributed(count: int = 1) -> Iterator[int]:
    """Build networks inside this context to train them on several local devices.

    Uses Keras's own distribution on JAX and ``tf.distribute.MirroredStrategy`` on TensorFlow;
    each device takes its share of every batch.

    Parameters
    ----------
    count : int
        Number of devices; 0 takes all there are.

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
    names = local_devices()
    count = count or len(names)
    if count > len(names):
        raise ValueError(f"devices must be at most {len(names)} here ({names}), got {count}")
    backend = keras.backend.backend()
    if backend == "jax":
        # It has to outlive this context, for fit; None forgets the devices of an earlier run.
        chosen = keras.distribution.DataParallel(devices=names[:count]) if count > 1 else None
        keras.distribution.set_distribution(chosen)
        yield count
    elif count == 1:
        yield 1
    elif backend == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(names[:count]).scope():
            yield count
    else:
        raise ValueError(f"devices must be 1 on the {backend} backend, got {count}")


@contextlib.contextmanager
def undistributed() -> Iterator[None]:
    """Compute without sharing batches among devices: inside, a batch may have any size.

    Matters on JAX alone, where every batch has to divide by the number of devices.

    Examples
    --------
    >>> with undistributed():
    ...     pass
    """
    if keras.backend.backend() != "jax":
        yield
        return
    previous = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(previous)


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
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("keras", "numpy", "scipy", "scikit-image", "tensorflow", "jax", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "backend": keras.backend.backend(),
        "device": ", ".join(local_devices()),
        "cores": str(os.cpu_count()),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **found,
    }
