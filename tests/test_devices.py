"""Tests of what is read off the machine, and of training on several (simulated) devices."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import pytest

from damunet_lite import devices


@pytest.mark.parametrize(
    ("names", "bfloat16", "capability", "kind", "policy"),
    [
        (["cpu:0"], False, None, "cpu", "float32"),
        (["cpu:0", "cpu:1"], True, None, "cpu", "mixed_bfloat16"),
        (["tpu:0"], False, None, "tpu", "mixed_bfloat16"),
        (["gpu:0", "gpu:1"], True, None, "gpu", "float32"),
        (["gpu:0"], True, 6, "gpu", "float32"),
        (["gpu:0"], False, 7, "gpu", "mixed_float16"),
        (["gpu:0"], False, 8, "gpu", "mixed_bfloat16"),
        (["gpu:0"], False, 9, "gpu", "mixed_bfloat16"),
    ],
)
def test_kind_of_device_and_its_precision(names, bfloat16, capability, kind, policy, monkeypatch):
    monkeypatch.setattr(devices, "local_devices", lambda: names)
    monkeypatch.setattr(devices, "_cpu_multiplies_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(devices, "_gpu_compute_capability", lambda: capability)
    assert devices.accelerator() == kind
    assert devices.preferred_precision() == policy


@pytest.mark.parametrize(
    ("backend", "kind", "jit"),
    [
        ("tensorflow", "cpu", False),
        ("tensorflow", "gpu", True),
        ("jax", "cpu", True),
        ("jax", "gpu", True),
        ("torch", "cpu", False),
        ("torch", "gpu", False),
    ],
)
def test_jit_by_backend_and_device(backend, kind, jit, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(devices, "accelerator", lambda: kind)
    assert devices.prefers_jit() is jit


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["cpu:0", "cpu:1"], ["cpu:0", "cpu:1"]),
        (["cpu:0", "cuda:0", "cuda:1"], ["gpu:0", "gpu:1"]),
        (["cpu:0", "TPU:0"], ["tpu:0"]),
    ],
)
def test_accelerators_hide_the_processor(found, expected, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: found)
    assert devices.local_devices() == expected


def test_memory_setting_without_glibc(monkeypatch):
    def missing(name):
        raise OSError("no C library")

    monkeypatch.setattr(devices.ctypes, "CDLL", missing)
    assert devices.keep_memory() is False


def test_description_is_ready_for_json():
    found = devices.describe()
    assert json.loads(json.dumps(found)) == found
    assert found["keras"] == keras.__version__
    assert found["backend"] == keras.backend.backend()


@pytest.mark.parametrize(
    ("backend", "count", "said"),
    [("jax", 3, "devices is 3, wanted at most the 2 here"), ("torch", 0, "devices is 2, wanted 1")],
)
def test_more_devices_than_there_are_or_than_can_be_used(backend, count, said, monkeypatch):
    monkeypatch.setattr(devices, "local_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(ValueError, match=said):
        devices.distributed(count).__enter__()


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
