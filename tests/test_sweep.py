"""Sweeps: nothing is run twice, nothing is overwritten, records hold what a table needs."""

import contextlib
import dataclasses
import io
import json
import re

import pytest

from book.tools import records, sweep
from damunet_lite import synthetic, training

SMALL = {"network": "unet", "network_options": {"base_filters": 2, "depth": 1}, "fold": 1}
SMALL |= {"data": "synthetic", "steps": 2, "crop": 32, "batch_size": 1, "evaluate_every": 2}
SMALL["tta"] = False


@pytest.fixture(scope="module", autouse=True)
def _small_data():
    with pytest.MonkeyPatch.context() as patch:
        stack = synthetic.synthetic_stack(n=12, size=48, seed=0)
        patch.setattr(training, "load_stack", {"synthetic": stack}.get)
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two runs, its records, and the lines that it printed."""
    place = tmp_path_factory.mktemp("sweep")
    file = place / "sweep.json"
    runs = [{**SMALL, "label": "tiny", "change": "short"}, SMALL | {"seed": 1}]
    file.write_text(json.dumps(runs))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        paths = sweep.sweep(file, place / "runs", place / "results", False)
    return file, paths, printed.getvalue().splitlines()


def test_each_run_leaves_a_record_with_what_a_table_needs(swept):
    file, paths, lines = swept
    assert [line.split(":")[0] for line in lines] == ["run 1 of 2", "run 2 of 2"]
    assert "min left" in lines[1]
    for (config, label), path in zip(sweep.read_sweep(file).values(), paths, strict=True):
        found = json.loads(path.read_text())
        assert found["config"] == json.loads(json.dumps(dataclasses.asdict(config)))
        assert found.get("label", {}) == label
        assert set(found["test"]) > set(found["baselines"]["all cell"])
        assert len(found["test_scores"]["v_rand"]) == len(found["test_slices"]) == 6
        assert all((found["package"], found["environment"]["backend"]))
        row = records.as_row(found, {})
        assert row["v_rand"] == found["test"]["v_rand"]
    assert (row["network"], row["steps"], row["base_filters"]) == ("U-Net", 2, 2)


def test_a_run_folder_of_an_earlier_version_is_scored_again(swept, tmp_path, capsys):
    file, paths, _ = swept
    folder, known = file.parent / "runs" / paths[1].stem, json.loads(paths[1].read_text())
    new = {"cells", "fine"} | {name for name in known["test"] if "cells" in name}
    record = json.loads((folder / "metrics.json").read_text())
    record["test"] = {k: v for k, v in record["test"].items() if k not in new}
    (tmp_path / "run").mkdir()
    (tmp_path / "run/best.keras").write_bytes((folder / "best.keras").read_bytes())
    (tmp_path / "run/config.json").write_text(json.dumps({"config": known["config"]}))
    old = {k: v for k, v in record.items() if k not in new and k != "stack"}
    (tmp_path / "run/metrics.json").write_text(json.dumps(old))
    assert sweep.main(["--again", str(tmp_path / "run"), "--results", str(tmp_path)]) == 0
    path = tmp_path / paths[1].name
    assert capsys.readouterr().out == f"{tmp_path / 'run'} -> {path}\n"
    del known["stack"]
    assert json.loads(path.read_text()) == known


def test_a_sweep_goes_on_after_its_records_so_far(swept, monkeypatch, capsys):
    file, paths, _ = swept
    kept = json.loads(paths[1].read_text())
    paths[1].unlink()
    started, real = [], training.train
    monkeypatch.setattr(training, "train", lambda c, *a: started.append(c.seed) or real(c, *a))
    words = ["--runs", str(file.parent / "runs"), "--results", str(paths[0].parent), "--quiet"]
    for _ in range(2):
        assert sweep.main([str(file), *words]) == 0
    assert started == [1]
    assert capsys.readouterr().out.endswith(f"2 records in {paths[0].parent}\n")
    assert json.loads(paths[1].read_text())["test"] == kept["test"]


def test_a_stop_by_hand_says_how_to_go_on(swept, monkeypatch, tmp_path, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stopped)
    assert sweep.main([str(swept[0]), "--results", str(tmp_path), "--quiet"]) == 130
    assert "goes on from the last saved state" in capsys.readouterr().err


def test_a_record_of_another_configuration_is_not_taken_for_this_one(swept, tmp_path):
    file, paths, _ = swept
    (tmp_path / paths[1].name).write_text(paths[0].read_text())
    with pytest.raises(training.RunError, match="seed: 0 -> 1"):
        sweep.sweep(file, tmp_path, tmp_path, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is no JSON"),
        ("[]", "is an empty list"),
        ('{"network": "unet"}', r"is one dict, wanted configurations between \["),
        ('[{"network": "unet"}, "unet"]', "entry 2 is 'unet', wanted a dict"),
        ('[{"netwrk": "unet"}]', "entry 1: .*netwrk"),
        ('[{"network": "unet"}, {"network": "unet", "steps": 0}]', "entry 2: steps"),
        ('[{"network": "unet"}, {"network": "unet", "label": "b"}]', "wanted each run once"),
        (None, "No such file"),
    ],
)
def test_a_bad_sweep_file_is_refused_with_the_entry(tmp_path, capsys, content, said):
    file = tmp_path / "sweep.json"
    if content is not None:
        file.write_text(content)
    assert sweep.main([str(file)]) == 1
    told = capsys.readouterr().err
    assert re.search(said, told)
    assert (told.startswith("error: "), "sweep.json" in told) == (True, True)


def test_history_is_thinned_to_its_end(tmp_path):
    history = [{"step": i} for i in range(1, 251)]
    (tmp_path / "metrics.json").write_text(json.dumps({"history": history, "x": 1 / 3}))
    found = sweep.record(tmp_path)
    assert len(found["history"]) <= 100
    assert found["history"][-1] == {"step": 250}
    assert found["x"] == 0.333333
