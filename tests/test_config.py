"""Tests of the configuration: every setting checked, every name known, and no network library."""

import dataclasses
import inspect
import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from damunet_lite import config, models, supervision, training
from damunet_lite.augment import AugmentConfig
from damunet_lite.config import TrainConfig

COUNTS = {
    **dict.fromkeys(("fold", "seed", "warmup", "devices"), 0),
    **dict.fromkeys(("steps", "batch_size", "evaluate_every", "patience"), 1),
    "crop": 16,
}
WRONG = [
    ("network", ("u_net", None), "one of"),
    ("loss", ("iou",), "one of"),
    ("target_rule", ("mean",), "one of"),
    ("precision", ("float8",), "one of"),
    ("data", (3, None), "a name"),
    *[(name, (least - 1, least + 16.0, "32"), "an integer >=") for name, least in COUNTS.items()],
    ("seed", (True, None), "an integer"),
    ("crop", (100,), "a multiple of 16"),
    ("learning_rate", (0, "1e-3", float("nan"), None), "a finite number > 0"),
    ("head_decay", (float("inf"),), "a finite number > 0"),
    *[(name, ("no", 1), "one of") for name in ("tta", "jit", "deterministic")],
    ("tta", (None,), "one of"),
    ("network_options", ([2],), "a dict"),
]


@pytest.mark.parametrize(("name", "values", "wanted"), WRONG)
def test_wrong_value_is_named(name, values, wanted):
    for value in values:
        with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}, wanted {wanted}")):
            TrainConfig(**{name: value})
    TrainConfig(**({name: COUNTS[name]} if name in COUNTS else {}))


@pytest.mark.parametrize("name", ["network_options", "loss_options", "augment", "config"])
def test_unknown_key_is_named(name):
    wrong = {"filters": 2} if name == "config" else {name: {"filters": 2}}
    with pytest.raises(ValueError, match=rf"{name} has the keys \['filters'\], wanted some of"):
        TrainConfig.from_dict(wrong)
    with pytest.raises(ValueError, match="network is 'unet', wanted 'published_listing'"):
        TrainConfig("unet", loss="listing")


def test_configuration_survives_json_though_its_numbers_came_from_numpy():
    config = TrainConfig(
        "unet",
        {"base_filters": np.int64(4), "dropout": np.float32(0.5)},
        steps=np.int32(7),
        learning_rate=np.float64(0.01),
        patience=np.int64(2),
        data="my own slices",
    )
    text = json.dumps(dataclasses.asdict(config))
    assert TrainConfig.from_dict(json.loads(text)) == config
    assert type(config.steps) is type(config.patience) is int


def test_name_tells_runs_apart_and_stays_what_it_was():
    plain = TrainConfig("att_unet", fold=0)
    assert plain.name == "att_unet-fold0-seed0"
    # A record of the book, made by an earlier version, has this name.
    changed = dataclasses.replace(plain, network_options={"attention": "cbam"})
    assert changed.name == "att_unet-fold0-seed0-820c3170"
    assert dataclasses.replace(changed, steps=351).name != changed.name


def parameters(function, *without):
    return set(inspect.signature(function).parameters) - {"kwargs", *without}


def test_names_of_options_are_those_of_networks_losses_and_crops():
    """They are written down, so that checking them needs no Keras."""
    assert list(config.NETWORK_OPTIONS) == list(training.NETWORKS)
    for name, known in config.NETWORK_OPTIONS.items():
        build = models.build_network if name in models.PRESETS else models.published_listing
        assert set(known) == parameters(build, "synchronized_norm"), name
        training.NETWORKS[name](name="named")
    assert [*config.LOSS_OPTIONS] == [*training.LOSSES, "listing"]
    for name, loss in training.LOSSES.items():
        taken, known = parameters(loss, "name", "reduction"), set(config.LOSS_OPTIONS[name])
        assert known < taken if "entropy" in name else known == taken, name
    assert {*config.LOSS_OPTIONS["listing"], "pooling"} == set(config.LOSS_OPTIONS["tversky"])
    fields = {field.name for field in dataclasses.fields(AugmentConfig)}
    assert set(config.AUGMENT_OPTIONS) == fields - {"crop"}
    for precision in config.PRECISIONS[1:]:
        assert keras.dtype_policies.get(precision).name == precision
    mask = np.zeros((1, 4, 4, 1), "float32")
    for rule in config.TARGET_RULES:
        assert supervision.head_targets(mask, {"side2": (2, 2)}, rule)["side2"].shape[1:3] == (2, 2)


def test_every_setting_says_what_it_is_for():
    for field in dataclasses.fields(TrainConfig):
        assert len(field.metadata["help"]) > 10, field.name
        assert f"{field.name}" in TrainConfig.__doc__


def test_checking_a_configuration_loads_no_network_library():
    script = (
        "import sys; from damunet_lite.config import TrainConfig\n"
        "TrainConfig('damu_net', {'attention': 'both'}, 'tversky', {'fn_weight': 0.8})\n"
        "print({'keras', 'tensorflow', 'scipy', 'skimage', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
