"""Tables from records alone: same records, same bytes; each number checked by another way."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from damunet_book import results
from scipy import stats

from damunet_lite import training
from damunet_lite.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "book" / "results"
# V_rand on folds 0 to 4, made up so that the paired differences are easy on paper.
UNET = [0.90, 0.92, 0.94, 0.96, 0.98]
DAMU = [0.91, 0.94, 0.95, 0.98, 0.99]  # +.01 +.02 +.01 +.02 +.01


def record(network, fold, v_rand, seed=0, options=None, **settings):
    config = {
        **results.records._defaults(),
        "network": network,
        "network_options": options or {},
        "fold": fold,
        "seed": seed,
        **settings,
    }
    test = {
        "accuracy": 0.92,
        "dice_cell": 0.95,
        "dice_membrane": 0.79,
        "v_rand": v_rand,
        "v_info": 0.97,
    }
    names = {"rand": "v_rand", "information": "v_info"}
    per_slice = np.array([[-0.004], [0.004]])
    scores = {"thresholds": [0.4, 0.5]}
    for key in (
        "rand",
        "rand_split",
        "rand_merge",
        "information",
        "accuracy",
        "dice_cell",
        "dice_membrane",
    ):
        value = test.get(names.get(key, key), 0.9)
        scores[key] = (value + per_slice + np.array([0.1, 0.0])).tolist()
    return {
        "config": config,
        "parameters": 7768353,
        "best_step": 50,
        "history": [
            {"step": 50, "loss": 0.4, "v_rand": 0.5},
            {"step": 100, "loss": 0.3, "v_rand": v_rand},
        ],
        "thresholds": {"v_rand": 0.5, "v_info": 0.5},
        "test": test,
        "baselines": {
            "all cell": {
                "accuracy": 0.8,
                "dice_cell": 0.89,
                "dice_membrane": 0.0,
                "v_rand": 0.09,
                "v_info": 0.0,
            },
            "all membrane": {
                "accuracy": 0.2,
                "dice_cell": 0.0,
                "dice_membrane": 0.33,
                "v_rand": 0.0,
                "v_info": 0.45,
            },
        },
        "test_slices": [6 * fold, 6 * fold + 1],
        "test_scores": scores,
    }


def ten():
    return [record("unet", f, v) for f, v in enumerate(UNET)] + [
        record("damu_net", f, v) for f, v in enumerate(DAMU)
    ]


def write(folder, records, prefix="r"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(records):
        (folder / f"{prefix}{number}.json").write_text(json.dumps(content))
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    write(place / "results", ten())
    results.write_tables(place / "results", place / "out")
    return place


def test_mean_spread_and_paired_interval_are_those_of_pencil_and_scipy(tmp_path):
    records = results.load_records(write(tmp_path, ten()))
    rows = {row["row"]: row for row in results.score_table(records)}
    assert rows["U-Net"]["v_rand"]["mean"] == pytest.approx(0.94)
    assert rows["U-Net"]["v_rand"]["sd"] == pytest.approx(0.0316228, abs=1e-6)  # sqrt(.004 / 4)
    pair = next(d for d in results.differences(records) if d["score"] == "v_rand")
    assert (pair["first"], pair["second"], pair["folds"]) == ("U-Net", "DAMU-Net", [0, 1, 2, 3, 4])
    assert pair["mean"] == pytest.approx(0.014)
    # sd of (1, 2, 1, 2, 1) is sqrt(.3); t(4) at 97.5 % is 2.776
    assert pair["high"] == pytest.approx(0.014 + 2.776 * 0.3**0.5 / 100 / 5**0.5, abs=1e-5)
    other = stats.ttest_rel(DAMU, UNET).confidence_interval(0.95)
    assert (pair["low"], pair["high"]) == pytest.approx((other.low, other.high))


def test_one_fold_has_no_interval_and_says_so(tmp_path):
    records = results.load_records(write(tmp_path, [ten()[0], ten()[5]]))
    assert results.difference_lines(records)[1][2] == "one fold, no interval"
    assert results.score_lines(records)[3][1] == "0.900"
    assert results.score_lines(records)[4][1:] == ["?"] * 5 + ["no run yet"]


def test_baselines_are_the_first_rows_and_every_row_names_its_folds(tmp_path):
    lines = results.score_lines(results.load_records(write(tmp_path, ten())))
    assert [line[0] for line in lines[1:3]] == ["all cell", "all membrane"]
    assert lines[3][-1].split(" ") == ["5\xa0folds", "(0\xa0to\xa04)"]


def test_same_records_give_the_same_bytes_whatever_their_names_and_order(written, tmp_path):
    write(tmp_path / "results", ten()[::-1], "zz")
    results.write_tables(tmp_path / "results", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(written / "out")


def test_a_changed_record_changes_table_list_and_figure(written, tmp_path):
    changed = ten()
    changed[3] = record("unet", 3, 0.50)
    results.write_tables(write(tmp_path / "results", changed), tmp_path / "out")
    before, after = contents(written / "out"), contents(tmp_path / "out")
    same = {name for name in before if before[name] == after[name]}
    assert same == set()


def test_the_command_does_it_and_leaves_the_package_alone(written, tmp_path, capsys):
    kept = results.RECORDED.read_bytes()
    words = ["table", "--results", str(written / "results"), "--out", str(tmp_path / "again")]
    assert main(words) == 0
    assert "all cell" in capsys.readouterr().out
    assert contents(tmp_path / "again") == contents(written / "out")
    assert results.RECORDED.read_bytes() == kept
    assert main(["table", "--results", str(tmp_path / "nowhere")]) == 1


@pytest.mark.parametrize(
    ("config", "label", "filters", "changes"),
    [
        ({"network": "unet"}, "U-Net", 32, ()),
        ({"network": "unet", "jit": True, "fold": 1, "seed": 7}, "U-Net", 32, ()),
        ({"network": "unet", "network_options": {"base_filters": 8}}, "U-Net", 8, ()),
        ({"network": "damu_net", "network_options": {"attention": "gate"}}, "DAMU-Net", 32, ()),
        ({"network": "damu_net", "network_options": {"multi_scale": False}}, "DATT-U-Net", 32, ()),
        (
            {"network": "att_unet", "network_options": {"attention": "cbam"}},
            "ATT-U-Net, CBAM",
            32,
            (),
        ),
        (
            {"network": "damu_net", "network_options": {"attention": None}},
            "U-Net + supervision + scales",
            32,
            (),
        ),
        ({"network": "unet", "steps": 700}, "U-Net", 32, ("steps=700",)),
        (
            {"network": "unet", "loss": "tversky", "loss_options": {"fn_weight": 0.8}},
            "U-Net",
            32,
            ("loss=tversky", 'loss_options={"fn_weight": 0.8}'),
        ),
        (
            {
                "network": "published_listing",
                "loss": "listing",
                "target_rule": "strided",
                "head_decay": 1.0,
            },
            "listing",
            32,
            (),
        ),
        (
            {"network": "published_listing", "network_options": {"correct_gate3": True}},
            "listing, gate 3 corrected, cross-entropy",
            32,
            (),
        ),
    ],
)
def test_the_configuration_decides_what_a_record_counts_as(config, label, filters, changes):
    assert results.variant(config) == results.Variant(label, filters, changes)


def test_other_recipes_and_seeds_stay_out_of_the_table(tmp_path):
    extra = [
        record("unet", 0, 0.1, seed=1),
        record("unet", 0, 0.2, steps=10),
        record("unet", 0, 0.3, options={"base_filters": 8}),
    ]
    records = results.load_records(write(tmp_path, ten() + extra))
    row = results.score_table(records)[2]
    assert row["v_rand"]["mean"] == pytest.approx(0.94)
    assert results.score_table(records, 8)[2]["v_rand"]["mean"] == pytest.approx(0.3)
    seeds = results.seed_table(records)
    assert [(s["row"], s["fold"], s["seeds"]) for s in seeds] == [("U-Net", 0, [0, 1])]
    found = [(a["row"], a["reference"]["v_rand"]) for a in results.ablation_table(records)]
    assert found == [("U-Net, steps=10", 0.9)]


@pytest.mark.parametrize(
    ("config", "start", "change"),
    [
        ({"network": "unet", "network_options": {"attention": "cbam"}}, "U-Net", "with CBAM"),
        ({"network": "att_unet"}, "U-Net", "with gates"),
        (
            {"network": "unet", "network_options": {"deep_supervision": True}},
            "U-Net",
            "with supervision",
        ),
        (
            {"network": "damu_net", "network_options": {"attention": None}},
            "DAMU-Net",
            "no attention",
        ),
        (
            {"network": "damu_net", "network_options": {"attention": "both"}},
            "DAMU-Net",
            "gates and CBAM for gates",
        ),
        (
            {"network": "damu_net", "network_options": {"deep_supervision": False}},
            "DAMU-Net",
            "no supervision",
        ),
        ({"network": "datt_unet"}, "DAMU-Net", "one scale"),
        ({"network": "damu_net", "target_rule": "area"}, "DAMU-Net", "targets by area"),
        (
            {
                "network": "unet",
                "loss": "tversky",
                "loss_options": {"fn_weight": 0.8, "fp_weight": 0.2},
            },
            "U-Net",
            "Tversky loss, fn_weight 0.8",
        ),
        (
            {"network": "unet", "loss": "focal_tversky", "loss_options": {"exponent": 1.5}},
            "U-Net",
            "focal Tversky loss, exponent 1.5",
        ),
        ({"network": "unet", "tta": False}, "U-Net", "no test-time augmentation"),
    ],
)
def test_a_change_is_told_in_words_with_the_network_that_it_changes(config, start, change):
    assert results.scores._step(results.variant(config), config) == (start, change)


@pytest.mark.parametrize(
    "config",
    [
        {"network": "unet"},
        {"network": "damu_net"},
        {"network": "datt_unet", "network_options": {"attention": "cbam"}},
    ],
)
def test_the_two_ends_and_what_is_two_steps_from_both_are_no_change(config):
    assert results.scores._step(results.variant(config), config) is None


def test_a_change_at_half_the_width_stands_beside_its_own_width_and_fold(tmp_path):
    def narrow(network, fold, v_rand, **options):
        return record(network, fold, v_rand, options={"base_filters": 16, **options})

    extra = [
        narrow("unet", 4, 0.90),
        narrow("unet", 3, 0.5),
        narrow("att_unet", 4, 0.88),
        narrow("att_unet", 3, 0.4),
        narrow("unet", 4, 0.93, multi_scale=True),
        narrow("damu_net", 4, 0.95, attention="both"),
        record("unet", 4, 0.85, seed=1, options={"base_filters": 16}),
        record("unet", 4, 0.91, options={"base_filters": 16}, precision="mixed_bfloat16"),
        record("unet", 4, 0.99, options={"base_filters": 16}, steps=10, seed=1),
    ]
    records = results.load_records(write(tmp_path, ten() + extra))
    found = [
        (a["change"], a["fold"], a["v_rand"], a["reference"] and a["reference"]["v_rand"])
        for a in results.ablation_table(records)
    ]
    assert sorted(found, key=str) == [
        ("gates and CBAM for gates", 4, 0.95, None),
        ("in bfloat16", 4, 0.91, 0.90),
        ("several scales", 4, 0.93, 0.90),
        ("with gates", 4, 0.88, 0.90),
    ]
    assert [
        (run["what"], run["v_rand"]) for run in results.repeats(records, results.Variant("U-Net", 16))
    ] == [("seed 1", 0.85), ("in bfloat16", 0.91)]
    figure = results.ablation_figure(records)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "the same again",
        "with gates",
        "several scales",
    ]
    again, moved = figure.axes[0].lines[:2]
    assert again.get_xdata() == pytest.approx([-0.05, 0.01])
    assert moved.get_xdata() == pytest.approx([-0.02, 0.03])


def listing(fold, v_rand, **options):
    return record(
        "published_listing",
        fold,
        v_rand,
        options=options,
        **{key: value for key, value in results.records.LISTING.items() if key != "network"},
    )


def test_cbam_and_the_listing_have_a_table_of_their_own(tmp_path):
    extra = [
        record("damu_net", f, v - 0.03, options={"attention": "cbam"}) for f, v in enumerate(DAMU)
    ]
    extra += [record("datt_unet", 0, 0.9, options={"attention": "cbam"})]
    extra += [listing(0, 0.80), listing(0, 0.85, correct_gate3=True)]
    records = results.load_records(write(tmp_path, ten() + extra))
    rows = results.other_rows(records)
    names = ["DATT-U-Net, CBAM", "DAMU-Net, CBAM", "listing", "listing, gate 3 corrected"]
    assert [row.name for row in rows] == names
    assert [row["row"] for row in results.score_table(records)[2:]] == list(results.FOUR)
    assert [row["row"] for row in results.score_table(records, rows=rows)[2:]] == names
    found = {
        d["second"]: (d["first"], d["mean"])
        for d in results.differences(records, rows=rows)
        if d["score"] == "v_rand"
    }
    assert found == {
        "DAMU-Net, CBAM": ("DAMU-Net", pytest.approx(-0.03)),
        "listing": ("DAMU-Net", pytest.approx(-0.11)),  # fold 0: .80 less .91
        "listing, gate 3 corrected": ("listing", pytest.approx(0.05)),
    }
    assert results.ablation_table(records) == []
    # What the listing scores says nothing about the aims, which are the four networks'.
    four = results.load_records(write(tmp_path / "four", ten()))
    assert results.claims(records) == results.claims(four)


def test_an_aim_just_missed_is_shown_with_the_digit_that_misses_it():
    assert results.scores._beside(0.7997, 0.80) == "0.7997"
    assert results.scores._beside(0.8004, 0.80) == "0.800"
    assert results.scores._beside(0.951, 0.96) == "0.951"


def test_missing_runs_are_the_plan_less_the_records(tmp_path):
    assert [len(results.missing([])[part]) for part in ("networks", "listing", "cbam")] == [
        20,
        10,
        15,
    ]
    left = results.missing(results.load_records(write(tmp_path, ten())))
    assert len(left["networks"]) == 10
    assert "U-Net, 32 filters, fold 4, seed 0" not in left["networks"]
    assert "ATT-U-Net, 32 filters, fold 4, seed 0" in left["networks"]


def test_every_run_of_the_plan_has_a_row_of_its_own():
    runs = [
        results.planning.run_name(config)
        for part in ("networks", "listing", "cbam")
        for config in results.plan()[part]
    ]
    assert len(runs) == len(set(runs)) == 45
    for part, configs in results.plan().items():
        names = [results.planning.run_name(config) for config in configs]
        assert len(names) == len(set(names)), part


def test_a_score_below_a_baseline_is_named(tmp_path):
    records = results.load_records(write(tmp_path, [*ten()[:9], record("damu_net", 4, 0.05)]))
    aim = results.claims(records)[-1]
    assert aim["holds"] is False
    assert aim["evidence"] == "DAMU-Net, 32 filters, fold 4, seed 0: V_rand"
    assert [c["holds"] for c in results.claims(records)[:3]] == [False, False, False]


def test_an_aim_over_five_folds_stays_open_until_there_are_five(tmp_path):
    # .98 on the last fold alone; the mean of all five is .94
    one = results.claims(results.load_records(write(tmp_path / "one", ten()[4:5])))
    assert [c["holds"] for c in one] == [None, None, None, None]
    assert one[0]["evidence"] == "U-Net: 0.980 over 1 fold (4)"
    assert one[-1]["evidence"] == "none below, 0 of 5 folds complete"
    both = results.claims(results.load_records(write(tmp_path / "both", ten())))
    assert [c["holds"] for c in both] == [False, False, False, None]
    four = ten() + [record(n, f, 0.9) for n in ("att_unet", "datt_unet") for f in range(5)]
    whole = results.claims(results.load_records(write(tmp_path / "four", four)))
    assert [c["holds"] for c in whole] == [False, False, False, True]


def test_the_short_table_says_what_each_network_gains(tmp_path):
    records = results.load_records(write(tmp_path, ten()))
    lines = results.short_lines(records)[3:]
    assert "0.940 ±\N{NO-BREAK SPACE}0.032" in lines[0]
    unet, _, _, damu = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in lines]
    assert unet == ["U-Net", "0.940 ± 0.032", "0.790 ± 0.000", ""]
    # differences .01 .02 .01 .02 .01: mean .014, t interval worked out in chapter 13
    assert damu == ["DAMU-Net", "0.954 ± 0.032", "0.790 ± 0.000", "+0.014 (+0.007 to +0.021)"]


def test_the_table_is_drawn_at_the_width_with_most_folds(tmp_path):
    narrow = [
        record(n, f, 0.9, options={"base_filters": 16})
        for f in (0, 1)
        for n in ("unet", "att_unet", "datt_unet", "damu_net")
    ]
    assert results.best_width(results.load_records(write(tmp_path / "a", ten()))) == 32
    assert results.best_width(results.load_records(write(tmp_path / "b", ten() + narrow))) == 16


def test_the_worst_slice_comes_first(tmp_path):
    worst = results.worst_slices(results.load_records(write(tmp_path, ten())))
    assert (worst[0]["row"], worst[0]["slice"]) == ("U-Net", 0)
    assert worst[0]["v_rand"] == pytest.approx(0.896)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: r.pop("baselines"), "baselines"),
        (lambda r: r["test"].update(v_rand=0.99), "mean v_rand"),
        (lambda r: r["config"].update(network="none"), "none"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, spoil, said):
    spoiled = ten()[:1]
    spoil(spoiled[0])
    with pytest.raises(results.RecordError, match=rf"r0\.json.*{said}"):
        results.load_records(write(tmp_path, spoiled))


def test_two_records_of_one_run_are_refused(tmp_path):
    with pytest.raises(results.RecordError, match="same run"):
        results.load_records(write(tmp_path, [ten()[0], ten()[0]]))


def test_flop_of_networks_are_those_of_an_independent_count():
    keras = pytest.importorskip("keras")
    from damunet_lite import models

    # 2 x 2 strided, 3 x 3 x 4 weights on a quarter of the pixels; transposed: places of its input
    image = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    whole = keras.layers.Conv2DTranspose(5, 2, strides=2)(half)
    flop = results.convolution_flop(keras.Model(image, whole), 32)
    assert flop == 2 * 16 * 16 * (3 * 3 * 3 * 4 + 2 * 2 * 4 * 5)
    # The listing has been counted by TensorFlow's profiler: 92 GFLOP.
    assert results.convolution_flop(models.published_listing()) / 1e9 == pytest.approx(92, abs=0.5)
    # A gate on x [8, 8, 4] with a signal [4, 4, 8]: everything happens at half size.
    gate = models.att_unet(base_filters=4, depth=2).get_layer("up2_gate")
    inter = gate.inter_channels
    assert results.cost._layer_flop(gate, (8, 8)) == 2 * 16 * (4 * 8 * inter + 16 * inter + inter)


# ------------------------------------------------------------------ what is in the repository


def test_sweep_files_are_the_plan_and_can_be_read(tmp_path):
    written = results.write_sweeps(tmp_path)
    kept = sorted((RESULTS / "sweeps").glob("*.json"))
    assert [p.name for p in kept] == [p.name for p in written]
    for path, other, part in zip(kept, written, results.plan(), strict=True):
        assert path.read_bytes() == other.read_bytes(), "results.write_sweeps rewrites them"
        assert len(results.read_sweep(path)) == len(results.plan()[part])


def test_a_run_of_the_plan_has_one_name_so_that_no_sweep_makes_it_twice():
    names = {}
    for config in itertools.chain(*results.plan().values()):
        name = training.TrainConfig.from_dict(config).name
        names.setdefault(results.planning.run_name(config), set()).add(name)
    assert {run: found for run, found in names.items() if len(found) > 1} == {}


def test_the_package_carries_the_results_of_the_book(tmp_path):
    again = results.write_recorded(RESULTS, tmp_path / "recorded.json")
    assert again.read_bytes() == results.RECORDED.read_bytes(), "run: python -m book.tools.report"


def test_pictures_in_the_results_are_small():
    for path in RESULTS.rglob("*.png"):
        assert path.stat().st_size <= 150_000, path


def test_tables_of_the_book_are_made_from_its_records(tmp_path):
    results.write_tables(RESULTS, tmp_path)
    for name in ("results.md", "short.md", "results.json", "runs.csv"):
        kept = RESULTS / "tables" / name
        assert kept.read_bytes() == (tmp_path / name).read_bytes(), "python -m book.tools.report"


def test_a_kept_mask_comes_back(tmp_path):
    from PIL import Image

    mask = np.zeros((8, 8), bool)
    mask[3] = True
    folder = tmp_path / "gallery"
    folder.mkdir()
    Image.fromarray((255 * mask).astype(np.uint8)).convert("1").save(folder / "a.png")
    (folder / "a.json").write_text(
        json.dumps({"row": "U-Net", "slice": 24, "fold": 4, "v_rand": 0.9})
    )
    (found,) = results.gallery_masks(results.from_weights.read_gallery(folder))
    np.testing.assert_array_equal(found, mask)
    shutil.rmtree(folder)
    assert results.from_weights.read_gallery(folder) == []


@pytest.fixture
def run_with_gates(monkeypatch):
    """A run folder in name only: `training` gives its configuration, network and stack."""
    from damunet_lite import models, synthetic, training

    network = models.att_unet(base_filters=2, depth=2)
    config = training.TrainConfig("att_unet", {"base_filters": 2}, fold=1, seed=3)
    monkeypatch.setattr(training, "read_config", lambda folder: config)
    monkeypatch.setattr(training, "load_network", lambda folder: network)
    monkeypatch.setattr(training, "load_stack", lambda config: synthetic.synthetic_stack(30, 32, 0))
    return network


@pytest.mark.parametrize(("bias", "mean"), [(-20.0, 0.0), (0.0, 0.5), (20.0, 1.0)])
def test_a_gate_that_ignores_its_input_has_the_mean_of_its_bias(run_with_gates, bias, mean):
    gates = [part for part in run_with_gates.layers if type(part).__name__ == "AttentionGate"]
    for gate in gates:
        gate.psi.kernel.assign(0 * gate.psi.kernel)
        gate.psi.bias.assign([bias])
    found = results.measure_gates("a run")
    assert found["means"] == {gate.name: mean for gate in gates}
    assert len(gates) >= 1
    assert (found["row"], found["base_filters"], found["fold"], found["seed"]) == (
        "ATT-U-Net",
        2,
        1,
        3,
    )


def test_gates_of_a_run_are_kept_once(run_with_gates, tmp_path):
    for _ in range(2):
        path = results.keep_gates("a run", tmp_path)
    assert len(json.loads(path.read_text())) == 1


def test_a_run_without_gates_is_refused(run_with_gates, monkeypatch):
    from damunet_lite import models, training

    plain = models.unet(base_filters=2, depth=1)
    monkeypatch.setattr(training, "load_network", lambda folder: plain)
    with pytest.raises(results.RecordError, match="a run has no attention gate"):
        results.measure_gates("a run")
