"""Tests of what is read off the machine, and of training on several (simulated) devices."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest

from damunet_lite import devices

DEVICES = [
    ("cpu:0", False, None, "float32"),
    ("cpu:0", True, None, "mixed_bfloat16"),
    ("tpu:0", False, None, "mixed_bfloat16"),
    ("gpu:0", True, None, "float32"),
    ("gpu:0", True, 6, "float32"),
    ("gpu:0", False, 7, "mixed_float16"),
    ("gpu:0", False, 8, "mixed_bfloat16"),
    ("gpu:0", False, 9, "mixed_bfloat16"),
]


@pytest.mark.parametrize(("name", "bfloat16", "capability", "policy"), DEVICES)
def test_kind_of_device_and_its_precision(name, bfloat16, capability, policy, monkeypatch):
    monkeypatch.setattr(devices, "local_devices", lambda: [name, name[:-1] + "1"])
    monkeypatch.setattr(devices, "_cpu_multiplies_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(devices, "_gpu_compute_capability", lambda: capability)
    assert devices.accelerator() == name[:3]
    assert devices.preferred_precision() == policy


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_jit_by_backend_and_device(backend, kind, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [f"{kind.upper()}:0"])
    monkeypatch.setitem(sys.modules, "torch", TORCH)
    pays = backend == "jax" or (backend == "tensorflow" and kind == "gpu")
    assert devices.prefers_jit() is pays


TORCH = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2))


@pytest.mark.parametrize(
    ("backend", "count", "used"), [("jax", 3, None), ("torch", 2, None), ("torch", 0, 1)]
)
def test_devices_are_as_many_as_the_backend_can_use(backend, count, used, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", TORCH)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cuda:0", "cuda:1"])
    assert devices.local_devices() == ["gpu:0", "gpu:1"]
    if used:
        assert devices.distributed(count).__enter__() == used
        return
    with pytest.raises(ValueError, match=f"devices is {count}, wanted an integer, 0 to"):
        devices.distributed(count).__enter__()


def test_memory_setting_with_and_without_glibc(monkeypatch):
    assert devices.keep_memory() is (platform.libc_ver()[0] == "glibc")

    def missing(name):
        raise OSError("no C library")

    monkeypatch.setattr(devices.ctypes, "CDLL", missing)
    assert devices.keep_memory() is False


def test_description_is_ready_for_json():
    found = devices.describe()
    assert json.loads(json.dumps(found)) == found
    assert (found["keras"], found["python"]) == (keras.__version__, platform.python_version())


# --- two simulated devices ------------------------------------------------------------------

SCRIPT = """
import json, os, sys
backend = os.environ["KERAS_BACKEND"]
if backend == "tensorflow":
    import tensorflow as tf
    cpus = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
from dataclasses import replace
import keras
import numpy as np
from damunet_lite import devices, runs, synthetic, training

assert devices.local_devices() == ["cpu:0", "cpu:1"]
if backend == "tensorflow":
    for count in (1, 2):
        with devices.distributed(count):
            assert tf.distribute.get_strategy().num_replicas_in_sync == count
stack = synthetic.synthetic_stack(n=12, size=48, seed=0)
# Per image, so that the mean over devices is the mean over the batch.
one = training.TrainConfig(
    "damu_net", {"base_filters": 2, "depth": 2}, "tversky", data="synthetic", fold=1, steps=4,
    batch_size=4, crop=32, evaluate_every=2, precision="float32", tta=False,
)
folder, part, report = sys.argv[1], sys.argv[2], {}
two = replace(one, devices=2)


def summary(name):
    with np.load(f"{folder}/{name}/last.npz") as state:
        moving = [float(np.abs(state[k]).sum()) for k in state.files if "moving" in k]
    history = json.load(open(f"{folder}/{name}/metrics.json"))["history"]
    return {"loss": [row["loss"] for row in history], "moving": moving}


if part == "one device, and half a run on two":
    training.train(one, stack, folder + "/one", progress=False)
    report["one"] = summary("one")
    save = runs.save

    def stops(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    runs.save = stops
    try:
        training.train(two, stack, folder + "/two", progress=False)
    except KeyboardInterrupt:
        pass
else:
    training.train(two, stack, folder + "/two", progress=False)
    report["two"] = summary("two")
if part != "one device, and half a run on two" and backend == "jax":
    network = training.build(two)
    shards = {len(v.value.sharding.device_set) for v in network.trainable_variables}
    report["devices of a weight"] = sorted(shards)
    with devices.undistributed():
        assert keras.distribution.distribution() is None
    assert keras.distribution.distribution() is not None
    with devices.distributed(1):
        assert keras.distribution.distribution() is None
    try:
        training.build(replace(two, batch_size=3))
    except ValueError as error:
        report["error"] = str(error)
print(json.dumps(report))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_learns(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    flags = "--xla_force_host_platform_device_count=2"
    environment = {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": flags}
    report = {}
    for part in ("one device, and half a run on two", "the other half"):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), part]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr[-4000:]
        report |= json.loads(done.stdout.splitlines()[-1])
    if backend == "jax":
        assert report["devices of a weight"] == [2]
        assert "batch_size is 3, wanted a multiple of the 2 devices" in report["error"]
    (early, late), (early_on_two, late_on_two) = report["one"]["loss"], report["two"]["loss"]
    assert early_on_two == pytest.approx(early, abs=1e-5)
    # Sums in another order differ in their last digit, and Adam's first steps magnify that.
    assert late_on_two == pytest.approx(late, abs=3e-3)
    # Statistics of the whole batch, not of each device's share of it.
    assert report["two"]["moving"] == pytest.approx(report["one"]["moving"], rel=2e-3)


@pytest.mark.parametrize(("loaded", "expected"), [(False, "1"), (True, "unset")])
def test_fast_kernels_are_chosen_only_before_tensorflow_is_loaded(loaded, expected):
    """After it, the variable would reach other processes alone, and they would round otherwise."""
    code = (
        "import os, sys, types\n"
        f"if {loaded}: sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
        "import damunet_lite\n"
        "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS', 'unset'))"
    )
    clean = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    found = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True)
    assert found.stdout.strip() == expected, found.stderr
