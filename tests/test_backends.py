"""The same code on JAX and PyTorch: equal outputs, losses and training steps, files that move."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from damunet_lite.losses import FocalTverskyLoss
from damunet_lite.models import build_network

OPTIONS = {"base_filters": 2, "depth": 2}

SCRIPT = """
import json, os, sys
import numpy as np
import damunet_lite
import keras
assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
from damunet_lite.inference import predict
from damunet_lite.losses import FocalTverskyLoss
from damunet_lite.models import build_network

folder, report = sys.argv[1], {}
array = np.load(folder + "/arrays.npz")
x, y = array["x"], array["y"]

# A file that TensorFlow wrote, and the same weights in a network built here.
network = keras.models.load_model(folder + "/network.keras")
built = build_network("both", True, True, base_filters=2, depth=2)
built.set_weights(network.get_weights())
for name, model in (("file", network), ("built", built)):
    out = {k: keras.ops.convert_to_numpy(v) for k, v in model(x).items()}
    report[name] = {k: float(np.abs(out[k] - array["out_" + k]).max()) for k in out}
report["predict"] = float(np.abs(network.predict(x, verbose=0) - array["out_main"]).max())
odd = predict(network, x[0, :13, :15, 0])
report["odd"] = [odd.shape, float(np.abs(odd - array["odd"]).max())]

built.compile(keras.optimizers.SGD(0.1), FocalTverskyLoss(), metrics=["mean_squared_error"])
history = built.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
report["history"] = {k: [float(v) for v in values] for k, values in history.items()}
built.save(folder + "/here.keras")
copy = keras.models.load_model(folder + "/here.keras")
same = np.abs(copy.predict(x, verbose=0) - built.predict(x, verbose=0)).max()
report["saved"] = [float(same), copy.compiled]
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What this process's backend computes, and the file and the arrays it hands on."""
    from damunet_lite.inference import predict

    folder = tmp_path_factory.mktemp("reference")
    rng = np.random.default_rng(0)
    x = rng.random((2, 16, 16, 1)).astype("float32")
    y = (rng.random((2, 16, 16, 1)) < 0.2).astype("float32")
    network = build_network("both", True, True, **OPTIONS)
    network.set_weights(
        [w + rng.uniform(0.01, 0.1, w.shape).astype("float32") for w in network.get_weights()]
    )
    out = {f"out_{k}": keras.ops.convert_to_numpy(v) for k, v in network(x).items()}
    odd = predict(network, x[0, :13, :15, 0])
    np.savez(folder / "arrays.npz", x=x, y=y, odd=odd, **out)
    network.save(folder / "network.keras")
    network.compile(keras.optimizers.SGD(0.1), FocalTverskyLoss(), metrics=["mean_squared_error"])
    history = network.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    assert min(np.ptp(values) for values in out.values()) > 1e-3
    return folder, history


def answer_on(backend, *words):
    """What Python prints with another backend; the test is skipped where that is missing."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    options = {"capture_output": True, "text": True, "timeout": 550, "cwd": Path(__file__).parent}
    done = subprocess.run([sys.executable, *words], env=environment, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backend(backend, reference):
    folder, expected = reference
    report = json.loads(answer_on(backend, "-c", SCRIPT, str(folder)).splitlines()[-1])
    for name in ("file", "built"):
        assert set(report[name]) == {"main", "side2"}
        assert max(report[name].values()) < 1e-4
    assert report["predict"] < 1e-4
    assert report["odd"][0] == [13, 15]
    assert report["odd"][1] < 1e-4
    assert set(report["history"]) == set(expected)
    for name, values in expected.items():
        assert report["history"][name] == pytest.approx(values, abs=1e-4), name
    assert report["saved"][0] < 1e-5
    assert report["saved"][1]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize(
    "tests", [["test_losses.py"], ["test_supervision.py", "-k", "weight or metrics or target"]]
)
def test_the_same_tests_pass_on(backend, tests):
    answer_on(backend, "-m", "pytest", "-n0", "-q", *tests)
