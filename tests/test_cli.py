"""The command line as its user meets it: exit codes, messages, files; errors in one line."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from damunet_lite import training, weights
from damunet_lite.__main__ import main
from damunet_lite.config import TrainConfig
from damunet_lite.synthetic import synthetic_stack

SMALL = "train unet --data synthetic --base-filters 2 --steps 4 --crop 32 --batch-size 2"
SMALL += " --evaluate-every 2 --no-tta --quiet --folder"
GREY = np.random.default_rng(0).integers(0, 256, (37, 50), np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _small_data():
    stack = synthetic_stack(n=30, size=64, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_stack", {"synthetic": stack}.__getitem__)
        yield


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL.split(), str(folder)]) == 0
    return folder


def command(*words):
    program = [sys.executable, "-m", "damunet_lite", *map(str, words)]
    return subprocess.run(program, capture_output=True, text=True)


def save(pixels, path, **options):
    Image.fromarray(pixels).save(path, **options)
    return str(path)


def content(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"], ["train", "--help"]])
def test_help_loads_nothing_that_takes_time(words):
    script = (
        "import sys; from damunet_lite.__main__ import main\n"
        f"try: main({words})\nexcept SystemExit as end: assert end.code == 0\n"
        "slow = {'keras', 'tensorflow', 'skimage', 'scipy', 'pandas', 'matplotlib', 'tifffile'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    if words == ["--help"]:
        for name in ("data", "train", "evaluate", "predict"):
            assert f"\n    {name} " in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["bogus"],
        ["train"],
        ["train", "no_net"],
        ["predict", "x"],
        ["train", "unet", "--steps", "x"],
    ],
)
def test_wrong_arguments_exit_with_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_of_train_says_every_setting_and_the_default_that_holds(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    options = " ".join(capsys.readouterr().out.split()).split("options: ")[1]
    for field in dataclasses.fields(TrainConfig)[1:]:
        name = field.name.replace("_", "-")
        part = re.split(rf" --{name}(?:, --no-{name})?(?![\w-])", options)[1].split(" --")[0]
        assert field.metadata["help"] in part, field.name
        if isinstance(field.default, (int, float, str)):
            assert f"(default: {field.default})" in part, field.name


def test_every_setting_can_be_given(monkeypatch, tmp_path):
    config = TrainConfig(
        *("att_unet", {"depth": 2, "attention": "cbam"}, "tversky", {"fn_weight": 0.8}, "area"),
        *(0.25, "synthetic", 2, 7, 11, 3, 64, {"noise": 0.5}, 0.5, 1, 5, 4, "float32", True, 2),
        *(False, False),
    )
    plain, words = dataclasses.asdict(TrainConfig()), ["train", config.network]
    for name, value in dataclasses.asdict(config).items():
        assert value != plain[name], f"{name}: the test gives the default"
        if name != "network":
            option = f"--no-{name}" if value is False else f"--{name.replace('_', '-')}"
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            words += [option] if isinstance(value, bool) else [option, text]
    asked = []

    def stops(*arguments, **options):
        asked.append((*arguments, *options.values()))
        raise ValueError("far enough")

    monkeypatch.setattr(training, "train", stops)
    assert main([*words, "--folder", str(tmp_path), "--quiet"]) == 1
    stack = training.load_stack("synthetic")
    assert asked.pop() == (config, stack, tmp_path, False)
    words = ["--data", "synthetic", "--attention", "both", "--base-filters", "8"]
    assert main(["train", "unet", *words]) == 1
    options = {"attention": "both", "base_filters": 8}
    assert asked.pop() == (TrainConfig("unet", options, data="synthetic"), stack, None, True)


# --- train and evaluate -----------------------------------------------------------------------


def test_a_run_writes_its_six_files_and_prints_the_baselines(run_folder, capsys):
    names = "best.keras config.json contact_sheet.png history.csv last.npz metrics.json"
    assert sorted(path.name for path in run_folder.iterdir()) == names.split()
    assert main([*SMALL.split(), str(run_folder)]) == 0  # finished: nothing to do
    printed = capsys.readouterr().out
    record = json.loads((run_folder / "metrics.json").read_text())
    for name, row in (("all cell", record["baselines"]["all cell"]), ("unet,", record["test"])):
        line = next(line for line in printed.splitlines() if line.startswith(name))
        columns = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
        assert line.split()[-5:] == [f"{row[column]:.3f}" for column in columns]


def test_another_configuration_in_the_same_folder_is_refused(run_folder, capsys):
    before = content(run_folder)
    assert main([*SMALL.split(), str(run_folder), "--seed", "1"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert "seed: 0 -> 1" in message
    assert before == content(run_folder)


def test_evaluate_repeats_the_scores_of_the_run(run_folder, capsys):
    assert main(["evaluate", str(run_folder), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    recorded = json.loads((run_folder / "metrics.json").read_text())
    assert again["test"] == pytest.approx(recorded["test"], abs=1e-6)
    assert again["thresholds"] == recorded["thresholds"]
    assert main(["evaluate", str(run_folder), "--tta", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test_scores"] != again["test_scores"]


# --- predict --------------------------------------------------------------------------------


def test_predict_writes_a_probability_image_and_never_overwrites(run_folder, tmp_path, capsys):
    words = ["predict", str(run_folder), save(GREY, tmp_path / "mine.png")]
    assert main(words) == 0
    written = tmp_path / "mine_membrane.png"
    with Image.open(written) as result:
        assert (result.size, result.mode) == ((50, 37), "L")
    before = written.read_bytes()
    assert main(words) == 1
    assert "--force" in capsys.readouterr().err
    assert written.read_bytes() == before
    assert main([*words, "--force"]) == 0


def test_predict_takes_a_pretrained_network_by_name_or_file(tmp_path, capsys):
    picture, results = save(GREY, tmp_path / "mine.png"), []
    for source in ("tiny", str(weights.TINY_FILE)):
        assert main(["predict", source, picture, "--force"]) == 0
        results.append((tmp_path / "mine_membrane.png").read_bytes())
    assert results[0] == results[1]
    assert main(["predict", "unet", picture, "--force"]) == 1
    assert "no weights have been published" in capsys.readouterr().err


def test_predict_looks_at_every_image_before_it_writes_the_first(run_folder, tmp_path, capsys):
    good, bad, stack = (tmp_path / name for name in ("good.png", "bad.png", "stack.tif"))
    save(GREY, good)
    save(GREY, stack, save_all=True, append_images=[Image.fromarray(GREY)] * 2)
    bad.write_bytes(good.read_bytes()[:500])
    for wrong, said in ((bad, str(bad)), (stack, f"{stack} holds 3 slices, wanted one")):
        assert main(["predict", str(run_folder), str(good), str(wrong)]) == 1
        assert said in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"good.png", "bad.png", "stack.tif"}


def test_two_images_of_one_name_are_not_written_over_each_other(run_folder, tmp_path, capsys):
    words = [save(GREY, tmp_path / name) for name in ("same.png", "same.tif")]
    out = tmp_path / "out"
    assert main(["predict", str(run_folder), *words, "--out", str(out), "--force"]) == 1
    assert "same_membrane.png would be written twice" in capsys.readouterr().err
    assert not out.exists()


def test_an_image_that_uses_few_grey_values_gets_one_note(run_folder, tmp_path, capsys):
    dark = save(GREY.astype(np.uint16) * 16, tmp_path / "twelve_bits.tif")
    assert main(["predict", str(run_folder), dark]) == 0
    notes = capsys.readouterr().err
    assert notes.startswith(f"note: {dark} is dark")
    assert notes.count("\n") == 1
    assert main(["predict", str(run_folder), save(GREY, tmp_path / "eight.png")]) == 0
    assert capsys.readouterr().err == ""


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("predict tiny mine.png --out file", "--out is the file file, wanted a folder"),
        ("predict tinny mine.png", "model is 'tinny', which is not there; wanted a run folder"),
        ("predict text.keras mine.png", "text.keras cannot be loaded as a Keras model"),
        ("predict text.npz mine.png", "text.npz: cannot be read"),
        ("predict started mine.png", "started holds no network; wanted a .keras file or a fin"),
        ("evaluate file", "file is not a run folder: config.json is missing"),
        ("evaluate started", "started holds no network"),
        ("train unet --network-options [2]", "network_options is [2], wanted a dict"),
        ("train unet --crop 100", "crop is 100, wanted a multiple of 16"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    words, said, run_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save(GREY, "mine.png")
    for name in ("file", "text.keras", "text.npz"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "started").mkdir()
    (tmp_path / "started/config.json").write_bytes((run_folder / "config.json").read_bytes())
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(words.split()) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interruption_promises_to_go_on_only_where_it_does(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "read_config", interrupt)
    assert main(["evaluate", "run"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    monkeypatch.setattr(training, "train", interrupt)
    assert main(["train", "unet", "--data", "synthetic"]) == 130
    assert "goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"), [("evaluate", "not a run folder"), ("data --folder", "")]
)
def test_errors_are_one_line_without_a_trace_or_start_up_noise(words, said, tmp_path):
    result = command(*words.split(), tmp_path / "nothing")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert f"{tmp_path}" in result.stderr
    assert said in result.stderr


def test_data_as_json(capsys):
    if "DAMUNET_DATA" not in os.environ:
        pytest.skip("the real stack is not here (DAMUNET_DATA)")
    assert main(["data", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["slices"] == 30
    assert found["verified"] is True
    assert found["membrane_fraction"] == pytest.approx(0.2196, abs=1e-4)
