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
RUN = "unet,", "fold"
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


def save(pixels, path, **options):
    Image.fromarray(pixels).save(path, **options)
    return str(path)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- words ----------------------------------------------------------------------------------


def test_help_and_version_load_nothing_that_takes_time():
    script = (
        "import sys; from damunet_lite.__main__ import main\n"
        "for words in ('--help', 'predict --help', 'train --help', '--version'):\n"
        "    try: main(words.split())\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "slow = {'keras', 'tensorflow', 'skimage', 'scipy', 'pandas', 'matplotlib', 'tifffile'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for name in ("data", "train", "evaluate", "predict"):
        assert f"\n    {name} " in result.stdout
    assert result.stdout.endswith(f"\n{cli.__version__}\n")


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
    monkeypatch.setattr(training, "train", lambda *given: asked.append(given) or tmp_path)
    assert main([*words, "--folder", str(tmp_path), "--quiet"]) == 1  # no metrics there
    words = ["--network-options", '{"attention": "both"}', "--base-filters", "8"]
    assert main(["train", "unet", "--data", "synthetic", *words]) == 1
    stack, options = training.load_stack("synthetic"), {"attention": "both", "base_filters": 8}
    assert asked == [
        (config, stack, tmp_path, False, None),
        (TrainConfig("unet", options, data="synthetic"), stack, None, True, None),
    ]


# --- train and evaluate -----------------------------------------------------------------------


def printed_rows(capsys):
    """Rows of the score table by their first words, and the lines that are none."""
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {tuple(row[:2]): row[-5:] for row in words if len(row) > 6}, words


def test_a_run_prints_its_scores_and_evaluate_does_again(run_folder, capsys, monkeypatch):
    assert main([*SMALL.split(), str(run_folder)]) == 0  # finished: nothing to do
    record = json.loads((run_folder / "metrics.json").read_text())
    rows, words = printed_rows(capsys)
    assert words[-1][0] == f"{run_folder}:"
    columns = ("v_rand", "v_info", "dice_membrane", "dice_cell", "accuracy")
    assert words[0] == list(columns)
    for start, row in ((("all", "cell"), record["baselines"]["all cell"]), (RUN, record["test"])):
        assert rows[start] == [f"{row[column]:.3f}" for column in columns]
    cells = [f"{record['test'][f'cells_{name}']:.3f}" for name in columns[:2]]
    assert ["the", "same,", "cut", "into", "cells", *cells] in words
    limits = [f"{name} {limit:.1f}" for name, limit in record["thresholds"].items()]
    said = f"test slices 24 to 29; pixel scores at 0.5, cell thresholds {', '.join(limits)}"
    assert f"{said}, best on validation slices".split() in words
    assert main(["evaluate", str(run_folder)]) == 0
    assert printed_rows(capsys)[0] == rows
    assert main(["evaluate", str(run_folder), "--tta"]) == 0
    assert printed_rows(capsys)[0][RUN] != rows[RUN]
    other = synthetic_stack(n=30, size=64, seed=1)
    monkeypatch.setattr(training, "load_stack", lambda name: other)
    assert main(["evaluate", str(run_folder)]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(f"note: scored on {runs.identity(other)}; the run learnt from synthetic,")
    assert "test slices 0 to 29; " in out
    origin = json.loads((run_folder / "config.json").read_text())
    del origin["stack"]  # as in the first version
    (run_folder / "config.json").write_text(json.dumps(origin))
    assert main(["evaluate", str(run_folder)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "test slices 24 to 29; " in out


# --- predict --------------------------------------------------------------------------------


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


def halves(left):
    return np.where(np.arange(30) < left, 1, 2) * np.ones((20, 1), int)


def assert_membrane(path, planes):
    np.testing.assert_array_equal(np.round(255 * images.read_image(path)), 255 - planes)


def test_cells_of_a_stack_by_hand(darkness, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    planes = np.stack([two_cells(), two_cells((19, 21))])
    images.write_image("mine.tif", planes, pixel_nm=50)
    words = ["predict", "any", "m*.tif", "--cells", "--out", "all/results"]
    assert main(words) == 0
    assert capsys.readouterr().out.endswith("1 image, 4 cells, median area 300 pixels, 0.75 um2\n")
    assert_membrane("all/results/mine_membrane.tif", planes)
    # the wall's two columns go one to either side
    labels = images.read_labels("all/results/mine_cells.tif")
    np.testing.assert_array_equal(labels, np.stack([halves(11), halves(20)]))
    assert images.read_info("all/results/mine_cells.tif").pixel_nm == 50
    head, *rows = Path("all/results/mine_cells.csv").read_text().splitlines()
    assert head == "slice,label,area_px,area_um2,centroid_row,centroid_column,touches_border"
    assert [row[:8] for row in rows] == ["0,1,220,", "0,2,380,", "1,1,400,", "1,2,200,"]
    assert rows[3].endswith(",9.5,24.5,True")
    areas = [float(row.split(",")[3]) for row in rows]
    assert areas == pytest.approx([0.55, 0.95, 1.0, 0.5])
    with Image.open("all/results/mine_cells.png") as overlay:
        assert overlay.size == (30, 20)
        assert overlay.getpixel((0, 0)) != overlay.getpixel((29, 0))
    before = content(Path("all/results"))
    assert len(before) == 4
    assert main(words) == 1
    assert "would be overwritten; add --force or --out" in capsys.readouterr().err
    assert content(Path("all/results")) == before


def test_a_picture_is_never_overwritten_not_even_by_force(darkness, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    picture = save(two_cells(), tmp_path / "in/a.png")
    os.symlink(picture, tmp_path / "a_membrane.png")  # what it would be called beside the folder
    assert main(["predict", "any", picture, "--out", str(tmp_path), "--force"]) == 1
    assert "would be written over an input" in capsys.readouterr().err
    for options, said in (
        ([], "pixels\n"),
        (["--pixel-nm", "8", "--force"], "pixels, 0.0192 um2\n"),
    ):
        assert main(["predict", "any", picture, "--cells", *options]) == 0
        assert capsys.readouterr().out.endswith(f"1 image, 2 cells, median area 300 {said}")
    assert_membrane(tmp_path / "in/a_membrane.png", two_cells())
    np.testing.assert_array_equal(images.read_labels(tmp_path / "in/a_cells.tif"), halves(11))
    rows = (tmp_path / "in/a_cells.csv").read_text().splitlines()
    assert [row[:6] for row in rows] == ["label,", "1,220,", "2,380,"]


def test_what_the_notes_name_is_mended_by_their_options(darkness, tmp_path, capsys):
    greys = np.random.default_rng(0).integers(0, 50, (60, 90))
    tissue = np.where(np.tile(two_cells(), (3, 3)), 180 + greys, 10 + greys).astype(np.uint16)
    dark, inverted = (
        save(pixels, tmp_path / name)
        for name, pixels in (("dark.tif", tissue * 16), ("inverted.tif", 65535 - tissue * 257))
    )
    nothing_but_membrane = "100.0% of the answer is membrane, where tissue has 10% to 40%, and 0.0%"
    for words, said in (
        ([dark], [f"{dark} is dark: 98 %", nothing_but_membrane]),
        ([inverted], [f"{inverted}: 93.3% of the answer is membrane"]),
        ([inverted, "--invert"], ["6.7% of the answer"]),
        ([dark, "--stretch", "--cells"], [f"{dark} is dark", "6.7% of the answer"]),
        ([dark, "--cells"], [f"{dark} is dark", "100.0% of the answer"]),  # and no cell
    ):
        assert main(["predict", "any", *words, "--force"]) == 0
        notes = capsys.readouterr().err.splitlines()
        assert len(notes) == len(said)
        assert all(part in note for part, note in zip(said, notes, strict=True)), notes


@pytest.mark.parametrize(("undecided", "noted"), [(7, True), (6, False)])
def test_an_answer_that_cannot_decide_is_noted(undecided, noted, darkness, tmp_path, capsys):
    """Four pixels of 20 are membrane: six others may lie between 0.2 and 0.8."""
    answer = np.repeat([230, 100, 20], [4, undecided, 16 - undecided]).reshape(4, 5)
    assert main(["predict", "any", save(255 - answer.astype(np.uint8), tmp_path / "a.png")]) == 0
    assert (f"and {undecided / 20:.1%} is undecided" in capsys.readouterr().err) == noted


def test_slices_that_the_network_knows_get_no_note_and_inverted_ones_do(tmp_path, capsys):
    drawn = synthetic_stack(n=2, size=128, seed=0).images[..., 0]
    stack = tmp_path / "drawn.tif"
    for model, planes, noted in (("tiny", drawn, False), (weights.TINY_FILE, 1 - drawn, True)):
        images.write_image(stack, np.round(255 * planes).astype(np.uint8))
        assert main(["predict", str(model), str(stack), "--force"]) == 0
        assert ("(else --invert)" in capsys.readouterr().err) == noted


def test_large_images_are_tiled_and_a_full_memory_names_the_option(tmp_path, monkeypatch, capsys):
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
    words = "train damu_net --from tiny --steps 1 --crop 32 --batch-size 1 --no-tta --quiet"
    assert main(f"{words} --folder run {own}".split()) == 0
    config = runs.read_origin("run")[0]
    assert (config.data, config.fold) == ("own images (images)", 4)
    assert config.network_options == {"base_filters": 6}
    # one step of a warm-up moves the weights of tiny by little
    moved = (
        training.load_network("run").get_weights()[0] - weights.pretrained("tiny").get_weights()[0]
    )
    assert 0 < np.abs(moved).max() < 2e-3
    recorded = json.loads(Path("run/metrics.json").read_text())
    assert [recorded[f"{part}_slices"] for part in ("validation", "test")] == [[3], [4]]
    origin = json.loads(Path("run/config.json").read_text())
    assert re.fullmatch(r"damu_net, \w{16}", origin["start"])
    trained = printed_rows(capsys)[0]["damu_net,", "fold"]
    assert main(f"evaluate run {own}".split()) == 0
    assert printed_rows(capsys)[0]["damu_net,", "fold"] == trained
    assert main(f"evaluate tiny {own}".split()) == 0
    out, err = capsys.readouterr()
    assert "test slices 0 to 4; pixel scores at 0.5, cell thresholds v_rand 0.5, v_info 0.5" in out
    assert err == ""
    os.remove("masks/0.png")
    os.remove("images/0.png")
    assert main(f"evaluate run {own}".split()) == 0
    out, err = capsys.readouterr()
    assert "test slices 0 to 3; " in out
    assert "the run learnt from own images (images), (5, 48, 48)" in err
    for words, said in (
        ("evaluate run", "--images is missing: this run learnt from 'own images (images)'"),
        ("train unet --images images", "--masks is missing, wanted both --images and --masks"),
        ("train unet --images images --masks masks", "say mask_is='cell'"),
        (f"train unet --from tiny {own} --crop 32", "start does not fit the network"),
        (f"train published_listing --from tiny {own} --crop 32", "start does not fit the network"),
        (f"train unet --data synthetic {own}", "--data is 'synthetic' beside --images, wanted one"),
    ):
        assert main(words.split()) == 1
        assert said in capsys.readouterr().err


# --- what goes wrong --------------------------------------------------------------------------


def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("good.png", "same.png", "same.tif", "same_cells.png"):
        save(GREY, name)
    Path("bad.png").write_bytes(Path("good.png").read_bytes()[:500])
    for name in ("file", "text.keras", "text.npz"):
        Path(name).write_text("mine")
    Path("started").mkdir()
    Path("started/config.json").write_text('{"config": {"data": "synthetic"}}')
    before = content(tmp_path)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and allowed(path, mode))
    for words, said in (
        ("predict any good.png bad.png", "bad.png cannot be read"),
        ("predict any same.png same.tif", "of the same name"),
        ("predict none same_cells.png good.png", "note: 1 results passed over: named _membrane or"),
        ("predict any *_cells.png", "leads to nothing but results or masks, wanted images"),
        ("predict any good.png --out nowhere/x", "nowhere/x cannot be written to, wanted another"),
        ("train unet --mask-is cell", "--images is missing, wanted both --images and --masks"),
        ("predict any no*.png", "no*.png leads to no image, wanted a file, a folder or a pattern"),
        ("predict any gone.png", "gone.png does not exist, wanted a file, a folder or a pattern"),
        ("predict any good.png --pixel-nm 0", "--pixel-nm is 0.0, wanted a finite number > 0"),
        ("predict any good.png --out x.png", "--out is the file x.png, wanted a folder"),
        ("predict any good.png --out file", "--out is the file file, wanted a folder"),
        ("predict tinny good.png", "model is 'tinny', which is not there; wanted a run folder"),
        ("predict text.keras good.png", "text.keras cannot be loaded by Keras"),
        ("predict text.npz good.png", "text.npz: cannot be read"),
        ("evaluate file", "file is not a run folder: config.json is missing"),
        ("evaluate started", "started holds no network; wanted a .keras file or a finished run"),
        ("train unet --network-options [2]", "network_options is [2], wanted a dict"),
    ):
        assert main(words.split()) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.splitlines()[-1].startswith("error: ")
        assert content(tmp_path) == before


def test_an_interruption_promises_to_go_on_only_where_it_does(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.runs, "read_origin", interrupt)
    assert main(["evaluate", "run"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    monkeypatch.setattr(training, "train", interrupt)
    assert main(["train", "unet", "--data", "synthetic"]) == 130
    assert "goes on" in capsys.readouterr().err


def test_an_error_is_one_line_without_a_trace_or_start_up_noise(tmp_path):
    program = [sys.executable, "-m", "damunet_lite", "evaluate", str(tmp_path / "nothing")]
    result = subprocess.run(program, capture_output=True, text=True)
    assert result.returncode == 1
    said = f"error: {tmp_path / 'nothing'} is not a run folder: config.json is missing\n"
    assert result.stderr == said


def test_data_says_what_it_found(capsys):
    if "DAMUNET_DATA" not in os.environ:
        pytest.skip("the real stack is not here (DAMUNET_DATA)")
    for part, shown in (("train", "21.96% of pixels"), ("test", "not public")):
        assert main(["data", "--part", part]) == 0
        described, folder, source = capsys.readouterr().out.splitlines()
        expected = f"isbi2012 {part}: 30 slices of 512 x 512 pixels, membrane {shown}"
        assert described == expected
        assert folder.endswith("(verified)")
        assert "doi:10.1371" in source
