"""The command line as its user meets it: exit codes, messages, files; errors in one line."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from damunet_lite import synthetic, training, weights
from damunet_lite.__main__ import main

SMALL = [
    "train",
    "unet",
    "--data",
    "synthetic",
    "--base-filters",
    "2",
    "--steps",
    "4",
    "--crop",
    "32",
    "--batch-size",
    "2",
    "--evaluate-every",
    "2",
    "--no-tta",
    "--quiet",
]


@pytest.fixture(scope="module", autouse=True)
def _small_data():
    stack = synthetic.synthetic_stack(n=30, size=64, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_stack", lambda config: stack)
        yield


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--folder", str(folder)]) == 0
    return folder


def command(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "damunet_lite", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_help_names_every_command_and_loads_no_network_library():
    script = (
        "import sys; from damunet_lite.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for name in ("data", "train", "evaluate", "predict"):
        assert f"\n    {name} " in result.stdout


@pytest.mark.parametrize("words", [[], ["bogus"], ["train"], ["train", "no_net"], ["predict", "x"]])
def test_wrong_arguments_exit_with_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_run_writes_its_six_files_and_prints_the_baselines(run_folder, capsys):
    files = {
        "best.keras",
        "config.json",
        "contact_sheet.png",
        "history.csv",
        "last.npz",
        "metrics.json",
    }
    assert {path.name for path in run_folder.iterdir()} == files
    assert main([*SMALL, "--folder", str(run_folder)]) == 0  # finished: nothing to do
    printed = capsys.readouterr().out
    for row in ("all cell", "all membrane", "unet, fold 4"):
        assert row in printed


def test_config_records_what_a_repeat_needs(run_folder):
    record = json.loads((run_folder / "config.json").read_text())
    assert record["config"]["seed"] == 0
    assert record["config"]["fold"] == 4
    assert {"backend", "device", "keras", "numpy", "precision"} <= set(record["environment"])
    assert record["package"]


def test_another_configuration_in_the_same_folder_is_refused(run_folder, capsys):
    before = {path: path.read_bytes() for path in run_folder.iterdir()}
    assert main([*SMALL, "--folder", str(run_folder), "--seed", "1"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert "seed: 0 -> 1" in message
    assert before == {path: path.read_bytes() for path in run_folder.iterdir()}


def test_evaluate_repeats_the_scores_of_the_run(run_folder, capsys):
    assert main(["evaluate", str(run_folder), "--no-tta", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    recorded = json.loads((run_folder / "metrics.json").read_text())
    assert again["test"] == pytest.approx(recorded["test"], abs=1e-6)
    assert again["thresholds"] == recorded["thresholds"]


def test_predict_writes_a_probability_image_and_never_overwrites(run_folder, tmp_path, capsys):
    picture = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 50), np.uint8)).save(picture)
    words = ["predict", str(run_folder), str(picture)]
    assert main(words) == 0
    written = tmp_path / "mine_membrane.png"
    with Image.open(written) as result:
        assert result.size == (50, 37)
        assert result.mode == "L"
    before = written.read_bytes()
    assert main(words) == 1
    assert "--force" in capsys.readouterr().err
    assert written.read_bytes() == before
    assert main([*words, "--force"]) == 0


def test_predict_takes_a_pretrained_network_by_name_or_file(tmp_path, capsys):
    picture = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)).save(picture)
    results = []
    for source in ("tiny", str(weights.TINY_FILE)):
        assert main(["predict", source, str(picture), "--force"]) == 0
        results.append((tmp_path / "mine_membrane.png").read_bytes())
    assert results[0] == results[1]
    assert main(["predict", "unet", str(picture), "--force"]) == 1
    assert "no weights have been published" in capsys.readouterr().err


GREY = np.random.default_rng(0).integers(0, 256, (24, 40), np.uint8)


def save(pixels, path, **options):
    Image.fromarray(pixels).save(path, **options)


def save_half(path):
    save(GREY, path)
    path.write_bytes(path.read_bytes()[:500])


def save_palette(path, colours):
    picture = Image.fromarray(GREY).convert("P")
    picture.putpalette(colours)
    picture.save(path)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("bad.png", lambda path: path.write_text("no image"), "cannot read image"),
        ("bad.png", lambda path: Image.new("RGB", (8, 8)).save(path), "must be a grey image"),
        ("bad.png", lambda path: None, "cannot read image"),
        ("bad.png", lambda path: path.mkdir(), "cannot read image"),
        ("bad.png", save_half, "cannot read image"),
        ("bad.npz", lambda path: np.savez(path, GREY), "wanted a PNG, TIFF or JPEG file"),
        ("bad.png", lambda path: save(GREY > 99, path), "dtype bool, wanted uint8"),
        ("bad.png", lambda path: save_palette(path, [0, 9, 0] * 256), "must be a grey image"),
        ("bad.tif", lambda path: save(GREY.astype(np.float32), path), "wanted floats in [0, 1]"),
        ("bad.tif", lambda path: save(GREY.astype(np.int32) * 999, path), "wanted 0 to 65535"),
        (
            "bad.tif",
            lambda path: save(GREY, path, save_all=True, append_images=[Image.fromarray(GREY)] * 2),
            "holds 3 images, wanted one",
        ),
    ],
)
def test_an_image_that_cannot_be_used_is_named(run_folder, tmp_path, capsys, name, make, said):
    path = tmp_path / name
    make(path)
    assert main(["predict", str(run_folder), str(path)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert str(path) in error
    assert [found.name for found in tmp_path.iterdir() if found != path] == []


def test_predict_looks_at_every_image_before_it_writes_the_first(run_folder, tmp_path, capsys):
    save(GREY, tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no image")
    words = [str(tmp_path / "good.png"), str(tmp_path / "bad.png")]
    assert main(["predict", str(run_folder), *words]) == 1
    assert not (tmp_path / "good_membrane.png").exists()


def test_predict_gives_the_same_grey_values_the_same_answer(run_folder, tmp_path):
    save(GREY, tmp_path / "eight.png")
    save(GREY.astype(np.uint16) * 257, tmp_path / "sixteen.tif")
    save(GREY.astype(np.int32) * 257, tmp_path / "integers.tif")
    save(GREY / np.float32(255), tmp_path / "fractions.tif")
    # Number i of this palette is the grey 255 - i.
    Image.fromarray(255 - GREY).convert("P").save(tmp_path / "start.png")
    with Image.open(tmp_path / "start.png") as picture:
        picture.putpalette([255 - i for i in range(256) for _ in range(3)])
        picture.save(tmp_path / "palette.png")
    names = ("eight.png", "sixteen.tif", "integers.tif", "fractions.tif", "palette.png")
    words = [str(tmp_path / name) for name in names]
    assert main(["predict", str(run_folder), *words]) == 0
    results = [
        np.asarray(Image.open(tmp_path / f"{name.partition('.')[0]}_membrane.png"))
        for name in names
    ]
    assert all(np.array_equal(results[0], result) for result in results[1:])


def test_two_images_of_one_name_are_not_written_over_each_other(run_folder, tmp_path, capsys):
    for name in ("same.png", "same.tif"):
        save(GREY, tmp_path / name)
    words = [str(tmp_path / "same.png"), str(tmp_path / "same.tif")]
    out = tmp_path / "out"
    assert main(["predict", str(run_folder), *words, "--out", str(out), "--force"]) == 1
    assert "same_membrane.png would be written twice" in capsys.readouterr().err
    assert not out.exists()


def test_an_image_that_uses_few_grey_values_gets_a_note(run_folder, tmp_path, capsys):
    save(GREY.astype(np.uint16) * 16, tmp_path / "twelve_bits.tif")
    assert main(["predict", str(run_folder), str(tmp_path / "twelve_bits.tif")]) == 0
    assert "6.2 % of full scale; stretch its contrast" in capsys.readouterr().err
    save(GREY, tmp_path / "eight.png")
    assert main(["predict", str(run_folder), str(tmp_path / "eight.png")]) == 0
    assert capsys.readouterr().err == ""


def test_a_network_that_is_not_there_or_not_one_is_named(run_folder, tmp_path, capsys):
    save(GREY, tmp_path / "mine.png")
    (tmp_path / "text.keras").write_text("no network")
    started = tmp_path / "started"
    started.mkdir()
    (started / "config.json").write_bytes((run_folder / "config.json").read_bytes())
    for source, said in (
        ("tinny", "tinny is not there; wanted a run folder, a .keras or .npz file, or one of"),
        (tmp_path / "text.keras", "text.keras is neither a .keras nor a .npz file"),
        (started, "best.keras is missing"),
    ):
        assert main(["predict", str(source), str(tmp_path / "mine.png")]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "tiny", "mine.png", "--out", "file"], "--out: got the file file, wanted a"),
        (["evaluate", "file"], "RUN: got the file file; wanted a run folder"),
        (["sweep", "empty.json"], "FILE: empty.json is an empty list"),
        (["table", "--results", "."], "--results: . holds no record"),
        (["workshop", "file"], "DIR: got the file file, wanted a folder"),
        (["workshop", "new", "--wheels", "nowhere"], "--wheels: no folder nowhere"),
    ],
)
def test_a_bad_argument_is_named_and_nothing_is_written(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(GREY, tmp_path / "mine.png")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty.json").write_text("[]")
    assert main(words) == 1
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.json", "file", "mine.png"]
    assert (tmp_path / "file").read_text() == "mine"


def test_help_of_train_says_the_defaults_that_hold(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    config = training.TrainConfig("unet")
    for name in (
        "data",
        "fold",
        "seed",
        "steps",
        "batch_size",
        "crop",
        "learning_rate",
        "evaluate_every",
        "devices",
        "loss",
    ):
        part = text.split(f" --{name.replace('_', '-')} ")[-1]
        assert part.split("(default: ")[1].startswith(f"{getattr(config, name)})"), name


def test_an_interruption_promises_to_go_on_only_where_it_does(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("damunet_lite.__main__._evaluate", interrupt)
    assert main(["evaluate", "run"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    monkeypatch.setattr("damunet_lite.__main__._train", interrupt)
    assert main(["train", "unet"]) == 130
    assert "goes on" in capsys.readouterr().err


def test_errors_are_one_line_without_a_trace_or_start_up_noise(tmp_path):
    result = command("evaluate", tmp_path / "nothing")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "RUN: got" in result.stderr
    assert "wanted a run folder" in result.stderr


def test_data_reports_a_folder_without_the_files(tmp_path):
    result = command("data", "--folder", tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert str(tmp_path) in result.stderr


def test_data_as_json(capsys):
    if "DAMUNET_DATA" not in os.environ:
        pytest.skip("the real stack is not here (DAMUNET_DATA)")
    assert main(["data", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["slices"] == 30
    assert found["verified"] is True
    assert found["membrane_fraction"] == pytest.approx(0.2196, abs=1e-4)


def test_sweep_leaves_one_record_for_each_configuration(tmp_path, capsys):
    small = {
        "network": "unet",
        "network_options": {"base_filters": 2, "depth": 1},
        "data": "synthetic",
        "steps": 1,
        "crop": 32,
        "batch_size": 1,
        "evaluate_every": 1,
        "tta": False,
    }
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps([small]))
    words = [
        "sweep",
        str(file),
        "--runs",
        str(tmp_path / "runs"),
        "--quiet",
        "--results",
        str(tmp_path / "results"),
    ]
    assert main(words) == 0
    assert "run 1 of 1: unet-fold4-seed0" in capsys.readouterr().out
    assert len(list((tmp_path / "results").glob("*.json"))) == 1
    assert main(words) == 0
    assert "run 1" not in capsys.readouterr().out


def test_sweep_names_the_bad_entry(tmp_path, capsys):
    file = tmp_path / "sweep.json"
    file.write_text('[{"netwrk": "unet"}]')
    assert main(["sweep", str(file)]) == 1
    assert "entry 1" in capsys.readouterr().err
