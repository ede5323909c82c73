"""Tests of the configuration: every setting checked, every name known, and no network library."""

import dataclasses
import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from damunet_lite import config, losses, models, supervision, training
from damunet_lite.augment import AugmentConfig
from damunet_lite.config import TrainConfig


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "u_net"}, "network is 'u_net', wanted one of .*'unet'"),
        ({"network": None}, "network is None, wanted one of"),
        ({"loss": "iou"}, "loss is 'iou', wanted one of"),
        ({"loss": "listing"}, "network is 'unet', wanted 'published_listing'"),
        ({"target_rule": "mean"}, "target_rule is 'mean', wanted one of"),
        ({"data": ""}, "data is '', wanted a name"),
        ({"data": 3}, "data is 3, wanted a name"),
        ({"precision": "float8"}, "precision is 'float8', wanted one of"),
        ({"steps": 0}, "steps is 0, wanted an integer >= 1"),
        ({"steps": 10.0}, "steps is 10.0, wanted an integer"),
        ({"batch_size": "4"}, "batch_size is '4', wanted an integer >= 1"),
        ({"fold": -1}, "fold is -1, wanted an integer >= 0"),
        ({"seed": True}, "seed is True, wanted an integer >= 0"),
        ({"crop": 8}, "crop is 8, wanted an integer >= 16"),
        ({"crop": 100}, "crop is 100, wanted a multiple of 16"),
        ({"warmup": -1}, "warmup is -1, wanted an integer >= 0"),
        ({"evaluate_every": 0}, "evaluate_every is 0, wanted an integer >= 1"),
        ({"patience": 0}, "patience is 0, wanted an integer >= 1"),
        ({"patience": "2"}, "patience is '2', wanted an integer >= 1"),
        ({"devices": -1}, "devices is -1, wanted an integer >= 0"),
        ({"learning_rate": 0}, "learning_rate is 0, wanted a finite number > 0"),
        ({"learning_rate": "1e-3"}, "learning_rate is '1e-3', wanted a finite number > 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"head_decay": float("inf")}, "head_decay is inf"),
        ({"tta": "no"}, "tta is 'no', wanted one of"),
        ({"tta": None}, "tta is None, wanted one of"),
        ({"jit": 1}, "jit is 1, wanted one of"),
        ({"deterministic": "yes"}, "deterministic is 'yes', wanted one of"),
        ({"network_options": [2]}, r"network_options is \[2\], wanted a dict"),
        (
            {"network_options": {"filters": 2}},
            r"network_options has the keys \['filters'\], wanted",
        ),
        ({"loss_options": {"fn_weight": 2}}, r"loss_options has the keys \['fn_weight'\], wanted"),
        ({"augment": {"flip": True}}, r"augment has the keys \['flip'\], wanted"),
        ({"augment": {"crop": 16}}, r"augment has the keys \['crop'\], wanted"),
        ({"epochs": 3}, r"config has the keys \['epochs'\], wanted"),
    ],
)
def test_bad_setting_is_named(changes, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig.from_dict({"network": "unet", **changes})


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
    return set(inspect.signature(function).parameters) - set(without)


def test_names_of_options_are_those_of_networks_losses_and_crops():
    """They are written down, so that checking them needs no Keras."""
    assert list(config.NETWORK_OPTIONS) == list(training.NETWORKS)
    for name, known in config.NETWORK_OPTIONS.items():
        build = models.build_network if name in models.PRESETS else models.published_listing
        assert set(known) == parameters(build, "synchronized_norm"), name
        training.NETWORKS[name](name="named")
    assert [*config.LOSS_OPTIONS] == [*training.LOSSES, "listing"]
    for name, loss in training.LOSSES.items():
        taken = parameters(loss, "name", "reduction")
        known = set(config.LOSS_OPTIONS[name])
        own = inspect.isclass(loss) and issubclass(loss, losses.TverskyLoss)
        assert known == taken if own else known < taken, name
    tversky = parameters(losses.TverskyLoss, "name", "reduction", "pooling")
    assert set(config.LOSS_OPTIONS["listing"]) == tversky
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
