"""The command line as its user meets it: exit codes, messages, files; errors in one line."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from damunet_lite import __main__ as cli
from damunet_lite import _predict_files, images, inference, runs, training, weights
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
    assert asked.pop() == (config, stack, tmp_path, False, None)
    words = ["--data", "synthetic", "--attention", "both", "--base-filters", "8"]
    assert main(["train", "unet", *words]) == 1
    options = {"attention": "both", "base_filters": 8}
    assert asked.pop() == (TrainConfig("unet", options, data="synthetic"), stack, None, True, None)


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
    good, bad = save(GREY, tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes((tmp_path / "good.png").read_bytes()[:500])
    for words, said in (
        ([good, str(bad)], str(bad)),
        ([save(GREY, tmp_path / name) for name in ("same.png", "same.tif")], "of the same name"),
        ([save(GREY, tmp_path / "same_cells.png"), good], "note: 1 results passed over"),
        ([str(tmp_path / "*_cells.png")], "IMAGE is nothing but results, wanted images"),
        ([str(tmp_path / "no*.png")], "no*.png leads to no image, wanted a file, a folder or a"),
        ([good, "--pixel-nm", "0"], "--pixel-nm is 0.0, wanted a finite number > 0"),
        ([good, "--out", "x.png"], "--out is the file x.png, wanted a folder"),
        ([good, "--out", good], "good.png, wanted a folder"),
    ):
        before = content(tmp_path)
        # the third is no error: a model that is missing ends it
        assert main(["predict", "none" if "note" in said else str(run_folder), *words]) == 1
        assert said in capsys.readouterr().err
        assert content(tmp_path) == before


@pytest.fixture
def darkness(monkeypatch):
    """In place of a network: what is dark is membrane."""
    monkeypatch.setattr(cli, "_network", lambda source: None)
    monkeypatch.setattr(_predict_files, "probability_of", lambda network, image, given: 1 - image)


def two_cells(columns=(10, 12)):
    """Bright cells of 20 rows, a dark wall of some columns between them."""
    picture = np.full((20, 30), 255, np.uint8)
    picture[:, columns[0] : columns[1]] = 0
    return picture


@pytest.mark.parametrize("kind", ["picture", "stack"])
def test_cells_of_pictures_and_stacks_by_hand(kind, darkness, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    planes = two_cells() if kind == "picture" else np.stack([two_cells(), two_cells((19, 21))])
    images.write_image("mine.tif", planes, pixel_nm=None if kind == "picture" else 50)
    assert main(["predict", "any", "m*.tif", "--cells", "--out", "results"]) == 0
    end = "png" if kind == "picture" else "tif"
    names = {f"mine_{one}" for one in (f"membrane.{end}", "cells.tif", "cells.csv", "cells.png")}
    assert {path.name for path in Path("results").iterdir()} == names
    np.testing.assert_array_equal(
        np.round(255 * images.read_image(f"results/mine_membrane.{end}")), 255 - planes
    )
    labels = images.read_labels("results/mine_cells.tif")
    # the wall's two columns go one to either side
    np.testing.assert_array_equal(labels if kind == "picture" else labels[0], two_halves(11))
    rows = [line.split(",") for line in Path("results/mine_cells.csv").read_text().splitlines()]
    head = ["label", "area_px", "area_um2", "centroid_row", "centroid_column", "touches_border"]
    if kind == "picture":
        cells = [["1", "220", "", "9.5", "5.0", "True"], ["2", "380", "", "9.5", "20.0", "True"]]
        assert rows == [head, *cells]
        said = "1 image, 2 cells, median area 300 pixels\n"
    else:
        assert rows[0] == ["slice", *head]
        assert [row[:3] for row in rows[1:]] == [
            *(["0", "1", "220"], ["0", "2", "380"], ["1", "1", "400"], ["1", "2", "200"])
        ]
        assert [float(row[3]) for row in rows[1:]] == pytest.approx([0.55, 0.95, 1.0, 0.5])
        np.testing.assert_array_equal(labels[1], two_halves(20))
        assert images.read_info("results/mine_cells.tif").pixel_nm == 50
        said = "1 image, 4 cells, median area 300 pixels, 0.75 um2\n"
    assert capsys.readouterr().out.endswith(said)
    with Image.open("results/mine_cells.png") as overlay:
        assert overlay.size == (30, 20)
        assert overlay.getpixel((0, 0)) != overlay.getpixel((29, 0))


def two_halves(left):
    return np.where(np.arange(30) < left, 1, 2) * np.ones((20, 1), int)


def test_an_input_is_never_overwritten_not_even_by_force(darkness, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    picture = save(two_cells(), tmp_path / "in/a.png")
    stack = str(tmp_path / "a_membrane.png")  # what it would be called beside the folder
    os.symlink(picture, stack)
    assert main(["predict", "any", picture, "--out", str(tmp_path), "--force"]) == 1
    assert "would be written over an input" in capsys.readouterr().err
    assert main(["predict", "any", picture, "--pixel-nm", "8", "--cells"]) == 0
    assert capsys.readouterr().out.endswith("2 cells, median area 300 pixels, 0.0192 um2\n")


def test_what_the_notes_name_is_mended_by_their_options(darkness, tmp_path, capsys):
    greys = np.random.default_rng(0).integers(0, 50, (60, 90))
    tissue = np.where(np.tile(two_cells(), (3, 3)), 180 + greys, 10 + greys).astype(np.uint16)
    dark, inverted = (
        save(pixels, tmp_path / name)
        for name, pixels in (("dark.tif", tissue * 16), ("inverted.tif", 65535 - tissue * 257))
    )
    for words, said in (
        (
            [dark],
            [f"{dark} is dark: 98 %", "100.0% of the answer is membrane, where tissue has 10"],
        ),
        ([inverted], [f"{inverted}: 93.3% of the answer is membrane"]),
        ([inverted, "--invert"], ["6.7% of the answer"]),
        ([dark, "--stretch", "--cells"], [f"{dark} is dark", "6.7% of the answer"]),
        ([dark, "--cells"], [f"{dark} is dark", "100.0% of the answer"]),  # and no cell
    ):
        assert main(["predict", "any", *words, "--force"]) == 0
        notes = capsys.readouterr().err.splitlines()
        assert len(notes) == len(said)
        assert all(part in note for part, note in zip(said, notes, strict=True)), notes


def test_too_large_an_image_is_read_in_tiles_and_a_full_memory_names_the_option(
    tmp_path, monkeypatch, capsys
):
    asked = []

    def full(network, image, tile, **options):
        asked.append(tile)
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(cli, "_network", lambda source: None)
    monkeypatch.setattr(inference, "predict", full)
    small, large = (save(np.tile(GREY, (n, n)), tmp_path / f"{n}.png") for n in (2, 40))
    for words, tile, said in (
        ([small], None, "--tile 48"),
        ([large], 512, "--tile 256"),
        ([large, "--tile", "1024"], 1024, "--tile 512"),
    ):
        assert main(["predict", "any", *words]) == 1
        assert asked.pop() == tile
        assert f"add {said}" in capsys.readouterr().err


# --- your own labelled images -----------------------------------------------------------------


def test_own_images_train_evaluate_and_go_on_from_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stack = synthetic_stack(n=5, size=48, seed=0)
    for kind, planes in (("images", stack.images), ("masks", 1 - stack.membranes)):
        Path(kind).mkdir()
        for i, plane in enumerate(planes):
            save(np.round(255 * plane[..., 0]).astype(np.uint8), f"{kind}/{i}.png")
    own = "--images images --masks masks --mask-is cell"
    words = (
        "train damu_net --from tiny --steps 1 --crop 32 --batch-size 1 --no-tta --quiet --folder"
    )
    assert main(f"{words} run {own}".split()) == 0
    config = runs.read_config("run")
    assert (config.data, config.fold) == ("own images (images)", 4)
    assert config.network_options == {"base_filters": 6}
    # one step of a warm-up moves the weights of tiny by little
    moved = (
        training.load_network("run").get_weights()[0] - weights.pretrained("tiny").get_weights()[0]
    )
    assert 0 < np.abs(moved).max() < 2e-3
    recorded = json.loads(Path("run/metrics.json").read_text())
    assert [recorded[f"{part}_slices"] for part in ("validation", "test")] == [[3], [4]]
    capsys.readouterr()
    assert main(f"evaluate run --json {own}".split()) == 0
    assert json.loads(capsys.readouterr().out)["test"] == pytest.approx(recorded["test"], abs=1e-6)
    assert main(f"evaluate tiny --json {own}".split()) == 0
    everything = json.loads(capsys.readouterr().out)
    assert everything["test_slices"] == [0, 1, 2, 3, 4]
    assert everything["thresholds"] == {"v_rand": 0.5, "v_info": 0.5}
    for words, said in (
        ("evaluate run", "--images is missing: this run learnt from 'own images (images)'"),
        ("train unet --images images", "--masks is missing, wanted both --images and --masks"),
        ("train unet --images images --masks masks", "say mask_is='cell'"),
        (f"train unet --from tiny {own} --crop 32", "start is no unet with these opti"),
    ):
        assert main(words.split()) == 1
        assert said in capsys.readouterr().err


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
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

    monkeypatch.setattr(training.runs, "read_origin", interrupt)
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
