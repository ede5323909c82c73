"""Results from records alone: same records, same bytes; each number checked by another way."""

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from damunet_book import plots, results
from matplotlib.colors import to_hex
from PIL import Image
from scipy import stats

from book.tools import cost, gates, plan, records, report
from damunet_lite import data, metrics, models, synthetic, training
from damunet_lite.cells import score_cells, segment_cells
from damunet_lite.config import TrainConfig

# V_rand on folds 0 to 4, made up so that the paired differences are easy on paper.
UNET = [0.90, 0.92, 0.94, 0.96, 0.98]
DAMU = [0.91, 0.94, 0.95, 0.98, 0.99]  # +.01 +.02 +.01 +.02 +.01
PAIR = ("U-Net", "DAMU-Net")
TEST = {"accuracy": 0.92, "dice_cell": 0.95, "dice_membrane": 0.79, "v_info": 0.97}
FORMER = {"v_rand": "rand", "v_rand_split": "rand_split", "v_rand_merge": "rand_merge"}
FORMER["v_info"] = "information"
RUN = Path("a run")


def record(network, fold, v_rand, seed=0, former=False, **settings):
    """A record of two slices whose scores at .5 are .004 about the mean, and at .4 others."""
    config = TrainConfig(network, fold=fold, seed=seed, **settings)
    test = {**TEST, "v_rand": v_rand}
    nothing = dict.fromkeys(test, 0.0)
    rows = np.array([[0.1, -0.004], [0.1, 0.004]])
    keys = (*test, "v_rand_split", "v_rand_merge")
    scores = {FORMER.get(k, k) if former else k: (test.get(k, 0.9) + rows).tolist() for k in keys}
    return {
        **{"config": vars(config), "test": test, "validation": test},
        **{"parameters": 7768353, "best_step": 50, "training_seconds": 12.5},
        "environment": {} if former else {"precision": "mixed_bfloat16"},
        "history": [{"step": 50, "loss": 0.4, "v_rand": 0.5}],
        "thresholds": {"v_rand": 0.5, "v_info": 0.5},
        "baselines": {"all cell": {**nothing, "v_rand": 0.09}, "all membrane": nothing},
        "test_slices": [6 * fold, 6 * fold + 1],
        "test_scores": {"thresholds": [0.4, 0.5], **scores},
    }


def ten():
    pairs = [*enumerate(UNET), *enumerate(DAMU)]
    return [record("unet" if i < 5 else "damu_net", *pair) for i, pair in enumerate(pairs)]


def write(folder, content, prefix="r"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(content):
        (folder / f"{prefix}{number}.json").write_text(json.dumps(one))
    return folder


def row_of(one):
    return records.as_row(json.loads(json.dumps(one)), plan.labels())


def frame(content):
    return results.runs({"runs": [row_of(one) for one in content]})


@pytest.fixture(autouse=True)
def _quick_costs(monkeypatch):
    """Tables of made-up records need no real networks; those of the book undo this."""
    price = {"parameters": 1000, "gflop": 1.0, "seconds": 0.5}
    labels = {(32, one["label"]) for one in plan.plan()} | {(16, n) for n in results.FOUR}
    rows = [{"base_filters": w, "network": n, **price} for w, n in sorted(labels)]
    monkeypatch.setattr(cost, "costs", lambda speed=None: rows)


# ------------------------------------------------------------------ numbers


def test_mean_spread_and_intervals_are_those_of_pencil_and_scipy():
    runs = frame(ten()[::-1])
    assert results.by_fold(runs, "v_rand")["U-Net"].std() == pytest.approx(0.001**0.5)  # .004 / 4
    (pair,) = results.differences(runs, "v_rand", [PAIR]).itertuples()
    assert list(pair.values) == pytest.approx([0.01, 0.02, 0.01, 0.02, 0.01])
    # sd of (1, 2, 1, 2, 1) is sqrt(.3); t(4) at 97.5 % is 2.776; Nadeau and Bengio: 1/5 + 6/21
    reach = 2.776 * (0.3 * (1 / 5 + 6 / 21)) ** 0.5 / 100
    ends = (0.014 - reach, 0.014, 0.014 + reach)
    assert (pair.low, pair.mean, pair.high) == pytest.approx(ends, abs=1e-5)
    other = stats.ttest_rel(DAMU, UNET).confidence_interval(0.95)
    assert results.interval(np.subtract(DAMU, UNET), overlap=0) == pytest.approx(other)
    for values, overlap, said in (
        ([], 0, "values has no entry"),
        ([1, 2], -0.1, "overlap is -0.1"),
    ):
        with pytest.raises(ValueError, match=said):
            results.interval(values, overlap)


def test_a_second_seed_on_a_fold_is_no_further_fold():
    again = frame(ten() + [record("unet", 0, 0.80, seed=3)])
    assert results.by_fold(again, "v_rand")["U-Net"].tolist()[:2] == pytest.approx([0.85, 0.92])
    (pair,) = results.differences(again, "v_rand", [PAIR]).itertuples()
    # .91 - (.90 + .80) / 2 = .06
    assert list(pair.values) == pytest.approx([0.06, 0.02, 0.01, 0.02, 0.01])
    table = report.score_table(again, pd.DataFrame(columns=["network", "fold"]), ["U-Net"])
    assert table["V_rand"].tolist()[-1] == "0.930 ±\N{NO-BREAK SPACE}0.050"


def test_only_folds_that_both_have_are_paired_and_one_has_no_interval():
    runs = frame([ten()[0], ten()[1], ten()[6]])
    row = report.difference_table(runs, "v_rand", [PAIR]).iloc[0].tolist()
    words = ["+0.020", "one fold, no interval", "1\N{NO-BREAK SPACE}fold (1)"]
    assert row == ["DAMU-Net - U-Net", *words]


# ------------------------------------------------------------------ from record to row


NARROW = {"base_filters": 16}
LISTING = {"loss": "listing", "target_rule": "strided", "head_decay": 1.0}
HEAVY = {"loss": "tversky", "loss_options": {"fn_weight": 0.8}}


@pytest.mark.parametrize(
    ("network", "options", "settings", "label"),
    [
        ("unet", {}, {"seed": 3}, ("networks", "U-Net", "", 32)),
        ("unet", {}, {"jit": True, "devices": 2}, ("networks", "U-Net", "", 32)),
        ("att_unet", NARROW, {}, ("narrow", "ATT-U-Net", "", 16)),
        ("damu_net", {"attention": "cbam"}, {}, ("cbam", "DAMU-Net, CBAM", "", 32)),
        ("damu_net", NARROW | {"attention": None}, {}, ("ablation", *PAIR[1:], "no attention", 16)),
        ("published_listing", {}, LISTING, ("listing", "listing", "", 32)),
        ("damu_net", {}, {"steps": 700}, ("", "DAMU-Net", "steps 700", 32)),
        ("unet", {}, HEAVY, ("", "U-Net", "loss tversky, fn_weight 0.8", 32)),
    ],
)
def test_the_configuration_decides_what_a_record_counts_as(network, options, settings, label):
    run = frame([record(network, 4, 0.9, network_options=options, **settings)]).iloc[0]
    assert (run.part, run.network, run.change, run.base_filters) == label


def test_a_label_of_its_own_holds_where_the_plan_has_none():
    label = {"label": {"label": "mine", "change": "short"}}
    runs = frame([record("unet", 0, 0.9, steps=steps) | label for steps in (10, 350)])
    assert runs[["network", "change"]].to_numpy().tolist() == [["mine", "short"], ["U-Net", ""]]


def test_former_and_present_names_of_scores_give_the_same_row():
    former, present = (frame([record("unet", 0, 0.9, former=f)]).iloc[0] for f in (True, False))
    assert (former.precision, present.precision) == ("float32", "mixed_bfloat16")
    pd.testing.assert_series_equal(former.drop("precision"), present.drop("precision"))


def test_a_record_of_each_kind_on_disk_is_read():
    before_the_move = Path(__file__).parent / "saved" / "finished" / "metrics.json"
    new, old = (plan.RESULTS / f"unet-fold4-seed{seed}.json" for seed in (3, 0))
    for path, network in ((new, "U-Net"), (old, "U-Net"), (before_the_move, "DATT-U-Net")):
        on_disk = json.loads(path.read_text())
        row = row_of(on_disk)
        assert (row["network"], row["precision"] == "float32") == (network, path != new)
        assert on_disk["test"].items() <= row.items()
        means = {score: np.mean(row["slices"][score]) for score in on_disk["test"]}
        assert means == pytest.approx(on_disk["test"], abs=1e-6)


def test_cells_get_columns_and_so_does_every_other_number():
    both = record("unet", 0, 0.9) | {"fine": {"test": {"v_rand": 0.8}, "names": ["a"]}}
    both["cells"] = {"validation": {"found": [30, 32]}, "test": {"found": [20, 24]}}
    content = {"runs": [row_of(both), row_of(record("unet", 1, 0.9))]}
    run = results.runs(content).iloc[0]
    assert (run.fine_test_v_rand, run.validation_cells_found) == pytest.approx((0.8, 31))
    assert "fine_names" not in run
    assert results.slices(content).cells_found.dropna().tolist() == [20, 24]


def test_a_record_that_cannot_be_used_is_named(tmp_path):
    said = ["lacks 'baselines'", "mean v_rand is 0.900000", "none"]
    for number, text in enumerate(said):
        spoiled = json.loads(json.dumps(ten()[0]))
        if number == 0:
            del spoiled["baselines"]
        spoiled["test"]["v_rand"] += 0.09 * (number == 1)
        spoiled["config"]["network"] = "none" if number == 2 else "unet"
        with pytest.raises(records.RecordError, match=rf"r0\.json.*{text}"):
            records.read_records(write(tmp_path / text[:4], [spoiled]))
    with pytest.raises(records.RecordError, match="same run"):
        records.read_records(write(tmp_path, [ten()[0], ten()[0]]))


# ------------------------------------------------------------------ the plan and the tables


def test_every_row_and_change_of_the_plan_is_one_recipe_and_no_part_names_a_run_twice():
    recipes = {}
    for run in plan.plan():
        config = {**vars(run["config"]), "fold": 0, "seed": 0}
        key = (run["label"], run["change"], config["network_options"].get("base_filters", 32))
        recipes.setdefault(key, set()).add(json.dumps(config, sort_keys=True))
    assert len(set.union(*recipes.values())) == len(recipes) == sum(map(len, recipes.values()))
    parts = pd.DataFrame(plan.plan()).groupby("part", sort=False).name
    assert parts.nunique().tolist() == parts.size().tolist() == [40, 10, 15, 33, 8, 20, 4, 6]


def test_same_records_give_the_same_bytes_and_another_gives_others(tmp_path):
    changed = [*ten()[:3], record("unet", 3, 0.50), *ten()[4:]]
    kinds = [("a", ten(), "r"), ("b", ten()[::-1], "z"), ("c", changed, "r")]
    folders = [write(tmp_path / name, content, prefix) for name, content, prefix in kinds]
    made = [report.write_tables(report.collect(f), f.with_suffix(".out")) for f in folders]
    one, same, other = ({path.name: path.read_bytes() for path in paths} for paths in made)
    assert one == same
    assert not one.items() & other.items()


def test_the_tables_say_trivial_answers_first_gains_and_what_is_missing(tmp_path):
    content = report.collect(write(tmp_path, ten()))
    lines = report.short(content).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert [line.split(" | ")[0][2:] for line in lines[2:4]] == ["all cell", "all membrane"]
    assert lines[5] == "| ATT-U-Net | ? | ? |  |"
    gain = "+0.014 (+0.003 to +0.025)"
    assert lines[7] == f"| DAMU-Net | 0.954 ± 0.032 | 0.790 ± 0.000 | {gain} |"
    assert "0 of 5 folds" in lines[9]
    left = report.missing(content)["networks"]
    assert len(left) == 30
    assert {"att_unet-fold4-seed0", "unet-fold4-seed0"} & {*left} == {"att_unet-fold4-seed0"}


def test_the_command_does_it_and_leaves_the_package_alone(tmp_path, capsys):
    kept, place = results.RECORDED.read_bytes(), write(tmp_path / "in", ten())
    assert report.main(["--results", str(place), "--out", str(tmp_path / "out")]) == 0
    assert "10 records, 3 files" in capsys.readouterr().out
    assert results.RECORDED.read_bytes() == kept
    for folder, said in ((tmp_path / "none", "is no folder"), (tmp_path, "holds no record")):
        assert report.main(["--results", str(folder)]) == 1
        assert capsys.readouterr().err.startswith(f"error: {folder} {said}")


def test_tables_and_package_data_of_the_book_are_made_from_its_records(tmp_path, monkeypatch):
    monkeypatch.undo()
    content = report.collect(plan.RESULTS)
    made = report.write_tables(content, tmp_path)
    pairs = [(path, plan.RESULTS / "tables" / path.name) for path in made]
    pairs.append((report.write_recorded(content, tmp_path / "recorded.json"), results.RECORDED))
    for new, kept in pairs:
        assert new.read_bytes() == kept.read_bytes(), "run: python -m book.tools.report"


# ------------------------------------------------------------------ figures: what a mark means


def test_marks_of_dots_and_differences_are_folds_means_and_intervals():
    ax = results.dots_figure(frame(ten())).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == list(PAIR)
    drawn = [line.get_xdata() for line in ax.lines]
    np.testing.assert_allclose(drawn[:5], np.transpose([UNET, DAMU]))
    np.testing.assert_allclose(drawn[5:], [[0.94] * 2, [0.954] * 2])
    bar, dots, diamond = results.difference_figure(frame(ten())).axes[0].lines[:3]
    assert bar.get_xdata() == pytest.approx(results.interval(np.subtract(DAMU, UNET)))
    assert dots.get_xdata() == pytest.approx(np.subtract(DAMU, UNET))
    assert diamond.get_xdata() == pytest.approx([0.014])


def test_the_ablation_shows_changes_beside_the_band_of_repeats():
    changes = pd.DataFrame({"network": "U-Net", "change": ["a", "b"], "v_rand": [-0.02, 0.03]})
    again = pd.DataFrame({"network": ["U-Net", "U-Net", "other"], "v_rand": [-0.05, 0.01, 9]})
    ax = results.ablation_figure(changes, again, ["v_rand"]).axes[0]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == ["the same again", "a", "b"]
    assert [list(line.get_xdata()) for line in ax.lines[:2]] == [[-0.05, 0.01], [-0.02, 0.03]]
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert band.intervalx == pytest.approx([-0.05, 0.01])


def test_curves_are_those_of_the_run():
    runs = frame(ten()[4:6])
    steps = {"step": [1, 2], "loss": [0.5, 0.25], "v_rand": [0.1, 0.2]}
    history = pd.concat([pd.DataFrame({"name": name, **steps}) for name in runs.index])
    history.loc[history.name == runs.index[1], "loss"] = [0.9, 0.8]
    axes = results.curves_figure(runs, history).axes
    drawn = [(ax.get_title("left"), *ax.lines[0].get_ydata()) for ax in axes[:2]]
    assert drawn == [("U-Net", 0.5, 0.25), ("DAMU-Net", 0.9, 0.8)]
    assert axes[0].lines[0].get_label() == "fold 4"


# ------------------------------------------------------------------ costs, gates, cells, gallery


def test_flop_of_networks_are_those_of_an_independent_count():
    # 2 x 2 strided, 3 x 3 x 4 weights on a quarter of the pixels; transposed: places of its input
    image = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    whole = keras.layers.Conv2DTranspose(5, 2, strides=2)(half)
    flop = cost.convolution_flop(keras.Model(image, whole), 32)
    assert flop == 2 * 16 * 16 * (3 * 3 * 3 * 4 + 2 * 2 * 4 * 5)
    # The listing has been counted by TensorFlow's profiler: 92 GFLOP.
    assert cost.convolution_flop(models.published_listing()) / 1e9 == pytest.approx(92, abs=0.5)
    # A gate on x [8, 8, 4] with a signal [4, 4, 8]: everything happens at half size.
    gate = models.att_unet(base_filters=4, depth=2).get_layer("up2_gate")
    inter = gate.inter_channels
    assert cost.layer_flop(gate, (8, 8)) == 2 * 16 * (4 * 8 * inter + 16 * inter + inter)


@pytest.fixture
def network(monkeypatch):
    """The network of a run folder in name only; its tissue is as dark as its membranes."""
    network = models.att_unet(base_filters=2, depth=2)
    config = TrainConfig("att_unet", {"base_filters": 2}, fold=1, seed=3, crop=32, batch_size=1)
    drawn = synthetic.synthetic_stack(30, 32, 0).membranes
    tissue = data.Stack(drawn * np.float32(0.8), drawn, "drawn")
    monkeypatch.setattr(training.runs, "read_origin", lambda folder: (config, {}))
    monkeypatch.setattr(training, "load_network", lambda folder: network)
    monkeypatch.setattr(training, "load_stack", lambda name: tissue)
    return network


def test_a_gate_that_ignores_its_input_has_the_mean_of_its_bias(network, tmp_path):
    (psi,) = (part.psi for part in network.layers if type(part).__name__ == "AttentionGate")
    psi.kernel.assign(0 * psi.kernel)
    for bias, mean in ((-20.0, 0.0), (0.0, 0.5), (20.0, 1.0)):
        psi.bias.assign([bias])
        gates.keep(RUN, tmp_path / "kept", gates.measure_gates)
        (kept,) = gates.read_kept(tmp_path / "kept").items()
        assert kept[0].startswith("att_unet-fold1-seed3-")
        assert kept[1] == {"2": mean}


def test_a_run_without_gates_is_refused(network, monkeypatch):
    plain = models.unet(base_filters=2, depth=1)
    monkeypatch.setattr(training, "load_network", lambda folder: plain)
    with pytest.raises(records.RecordError, match="a run has no attention gate"):
        gates.measure_gates(RUN)


@pytest.mark.parametrize("threshold", [0.5, 0.1])
def test_cells_of_the_threshold_are_counted(network, monkeypatch, threshold):
    monkeypatch.setattr(gates.inference, "predict", lambda network, image, **_: image)
    chosen = {"thresholds": {"v_rand": threshold}}
    monkeypatch.setattr(gates, "_finished", lambda folder: chosen)
    counts = gates.count_cells(RUN)
    assert len(counts["true"]) == len(data.folds(30)[1].test)
    assert min(counts["true"]) > 1
    # membranes say .2 of cell: at .5 every cell is found, at .1 the whole slice is one
    wanted = counts["true"] if threshold == 0.5 else [1] * len(counts["true"])
    assert counts["proposed"] == wanted
    assert (counts["found"] == counts["true"]) == (threshold == 0.5)


def test_renewed_norms_follow_the_crops_and_change_no_weight(network, monkeypatch):
    norms = [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]
    before = [keras.ops.convert_to_numpy(one) for one in network.trainable_variables]
    for norm in norms:
        norm.moving_variance.assign(norm.moving_variance + 1e6)
    monkeypatch.setattr(
        training, "evaluate", lambda *_: {"test": {"v_rand": 1, "dice_membrane": 0}}
    )
    assert gates.renew_norms(RUN, batches=100) == {"v_rand": 1, "dice_membrane": 0}
    assert all(keras.ops.max(norm.moving_variance) < 1e3 for norm in norms)
    for old, new in zip(before, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))


def test_the_kept_mask_of_a_worst_slice_comes_back_with_its_score(tmp_path):
    mask = np.zeros((8, 8), bool)
    mask[3] = True
    picture = Image.fromarray((255 * mask).astype(np.uint8)).convert("1")
    picture.save(tmp_path / "unet-fold4-seed0-slice25.png")
    (found,) = gates.read_gallery(tmp_path, [row_of(ten()[4])])
    np.testing.assert_array_equal(results.gallery_masks([found]), [mask])
    assert (found["network"], found["slice"]) == ("U-Net", 25)
    assert found["v_rand"] == pytest.approx(0.984)  # the second of its slices
    truth = np.zeros((26, 8, 8, 1), np.float32)
    truth[25, 3, :4] = truth[25, 5, 0] = 1
    figure = results.gallery_figure([found], data.Stack(truth, truth, "drawn"))
    picture = figure.axes[0].images[0].get_array()[[3, 5, 3, 0], [0, 0, 6, 0]]
    wanted = ["#d6d6d6", plots.MISSED.lower(), plots.FALSE.lower(), "#ffffff"]
    assert [to_hex(colour) for colour in picture] == wanted
    with pytest.raises(records.RecordError, match="has no record"):
        gates.read_gallery(tmp_path, [])


def test_pictures_are_small():
    assert [p for p in plan.RESULTS.rglob("*.png") if p.stat().st_size > 150_000] == []


def test_necks_are_scored_on_validation_slices(network, monkeypatch):
    monkeypatch.setattr(gates.inference, "predict", lambda network, image, **_: image)
    grid, membranes = gates.score_necks(RUN), training.load_stack("drawn").membranes[..., 0]
    places = data.folds(30)[1].validation
    for threshold, neck in ((0.15, 0.3), (0.5, 0.0)):
        cells = [segment_cells(0.8 * membranes[k], threshold, neck) for k in places]
        truths = [metrics.label_cells(membranes[k] == 0) for k in places]
        scores = [score_cells(*pair)["v_rand"] for pair in zip(truths, cells, strict=True)]
        assert grid[str(threshold)][str(neck or 0)] == pytest.approx(np.mean(scores), abs=1e-4)


def test_cells_are_cut_as_the_validation_slices_of_all_folds_want_it():
    kept = gates.read_kept(plan.RESULTS / gates.NECKS_FILE)
    both = {run["name"] for run in plan.plan() if run["part"] == "networks"}
    assert set(kept) == {name for name in both if name.endswith("seed3")}
    means, defaults = results.necks(), inspect.signature(segment_cells).parameters
    chosen = (defaults["threshold"].default, defaults["neck"].default)
    assert means.stack().idxmax() == chosen == (0.15, 0.15)
    by_hand = np.mean([grid["0.15"]["0.1"] for grid in kept.values()])
    assert means.loc[0.15, 0.1] == pytest.approx(by_hand)
    # what the docstring of segment_cells says
    assert means.loc[0.15, [0.15, 0.1, 0.2]].round(3).tolist() == [0.935, 0.931, 0.935]
