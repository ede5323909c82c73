"""The figures' JavaScript against the package, and what their HTML promises."""

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import traitlets
from scipy import ndimage

from damunet_book import live
from damunet_lite import metrics

FIGURES = [
    live.TverskyExplorer,
    live.ThresholdExplorer,
    live.BrokenMembrane,
    live.AttentionGateMap,
    live.CbamExplorer,
    live.SupervisionTargets,
    live.ReceptiveField,
    live.OverlapTile,
]
RUNNER = Path(__file__).parent / "widgets" / "run.mjs"
TOLERANCE = 1e-6
each_figure = pytest.mark.parametrize("figure", FIGURES, ids=lambda cls: cls.__name__)
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture
def javascript(tmp_path):
    """Run many calls of one figure's module in one node process."""

    def run(figure, calls):
        module = tmp_path / f"{figure.__name__}.mjs"
        module.write_text(str(figure._esm), encoding="utf-8")
        task = {"module": str(module), "cases": [{"call": c, "args": a} for c, a in calls]}
        done = subprocess.run(
            ["node", str(RUNNER)],
            input=json.dumps(task, default=lambda v: v.tolist()),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)
        assert len(results) == len(calls) >= 50
        return results

    return run


def assert_close(got, wanted, note=""):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE, err_msg=str(note))


def blobs(rng, height, width):
    """Probability of membrane in steps of 1/255, smooth enough to make cells."""
    field = ndimage.gaussian_filter(rng.normal(size=(height, width)), rng.uniform(0.6, 2.0))
    ranks = field.ravel().argsort().argsort().reshape(field.shape) / (field.size - 1)
    return np.round(255 * ranks).astype(np.uint8)


# ---------------------------------------------------------------- JavaScript and Python agree


def tversky_cases(rng, count=60):
    for case in range(count):
        truth = (rng.random(4) < 0.6).astype(int)
        probability = rng.random(4).round(3)
        if case % 5 == 0:
            probability = truth.astype(float)  # a perfect prediction
        settings = {
            "fnWeight": round(rng.uniform(0, 1), 2),
            "fpWeight": round(rng.uniform(0, 1), 2),
            "exponent": round(rng.uniform(0.25, 2), 2),
            "smooth": round(rng.uniform(0, 2), 2),
        }
        yield truth, probability, settings


@needs_node
def test_focal_tversky_agrees_with_the_loss(javascript):
    losses = pytest.importorskip("damunet_lite.losses")
    cases = list(tversky_cases(np.random.default_rng(0)))
    results = javascript(live.TverskyExplorer, [("focalTversky", c) for c in cases])
    for (truth, probability, s), got in zip(cases, results, strict=True):
        loss = losses.FocalTverskyLoss(s["fnWeight"], s["fpWeight"], s["exponent"], s["smooth"])
        y, p = truth[None].astype(float), probability[None]
        assert_close(got["index"], float(loss.index(y, p)[0]), s)
        assert_close(got["loss"], float(loss.call(y, p)[0]), s)


@needs_node
def test_focal_tversky_gradient_is_the_slope_of_the_loss(javascript):
    def loss(y, p, s):
        tp, fn, fp = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
        wrong = s["fnWeight"] * fn + s["fpWeight"] * fp
        return (wrong / (tp + wrong + s["smooth"])) ** s["exponent"]

    rng = np.random.default_rng(1)
    cases = [c for c in tversky_cases(rng, 200) if 0.02 < loss(*c) < 0.98][:60]
    results = javascript(live.TverskyExplorer, [("focalTversky", c) for c in cases])
    step = 1e-6
    for (y, p, s), got in zip(cases, results, strict=True):
        slope = [(loss(y, p + d, s) - loss(y, p - d, s)) / (2 * step) for d in step * np.eye(4)]
        assert_close(got["gradient"], slope, s)


@needs_node
def test_golden_tversky_rows(javascript):
    # the two rows of the golden case, fn_weight 0.7, fp_weight 0.3, smooth 1, plain Tversky
    settings = {"fnWeight": 0.7, "fpWeight": 0.3, "exponent": 1, "smooth": 1}
    rows = [([1, 1, 1, 0], [0.9, 0.4, 0.6, 0.2]), ([0, 0, 0, 0], [0.1, 0.3, 0, 0])] * 25
    results = javascript(
        live.TverskyExplorer, [("focalTversky", [y, p, settings]) for y, p in rows]
    )
    assert_close([r["loss"] for r in results], [0.222520, 0.107143] * 25)
    # nothing right, nothing wrong, nothing added: perfect, and flat
    nothing = {**settings, "smooth": 0}
    empty = javascript(
        live.TverskyExplorer, [("focalTversky", [[0] * 4, [0] * 4, nothing])] * 50
    )[0]
    assert (empty["index"], empty["loss"], empty["gradient"]) == (1, 0, [0] * 4)


PIXEL = {"accuracy": "accuracy", "diceCell": "dice_cell", "diceMembrane": "dice_membrane"}
SEGMENT = {
    "rand": "v_rand",
    "randSplit": "v_rand_split",
    "randMerge": "v_rand_merge",
    "information": "v_info",
    "informationSplit": "v_info_split",
    "informationMerge": "v_info_merge",
}


def assert_scores(got, truth, probability, threshold, thin):
    wanted = metrics.score_stack(truth[None], probability[None], [threshold], thin)
    for name, field in {**PIXEL, **SEGMENT}.items():
        assert_close(got[name], getattr(wanted, field)[0, 0], (name, threshold, thin))
    labels = metrics.label_cells(1 - probability > threshold)
    if thin:
        labels = metrics.thin_borders(labels)
    np.testing.assert_array_equal(np.reshape(got["proposal"], truth.shape), labels)


@needs_node
def test_threshold_scores_agree_with_metrics(javascript):
    rng = np.random.default_rng(2)
    cases = []
    for case in range(80):
        height, width = rng.integers(6, 40, 2)
        levels, truth = blobs(rng, height, width), blobs(rng, height, width) > 180
        # eleven thresholds of the challenge, where ties are, and the slider's finer ones
        threshold = (case % 11) / 10 if case % 2 else int(rng.integers(0, 101)) / 100
        cases.append((truth.astype(np.uint8), levels, threshold, bool(case % 3)))
    results = javascript(
        live.ThresholdExplorer,
        [
            ("scoreAt", [t.ravel(), p.ravel(), *t.shape, threshold, thin])
            for t, p, threshold, thin in cases
        ],
    )
    for (truth, levels, threshold, thin), got in zip(cases, results, strict=True):
        assert_scores(got, truth, levels / 255, threshold, thin)


@needs_node
def test_thinning_ties_fall_as_in_metrics(javascript):
    # many cells, thick membranes: most gaps have no middle, so the rule for ties decides
    rng = np.random.default_rng(3)
    masks = [
        ndimage.binary_dilation(blobs(rng, 60, 60) > rng.integers(140, 230), iterations=2)
        for _ in range(60)
    ]
    labels = [metrics.label_cells(~m) for m in masks]
    results = javascript(
        live.ThresholdExplorer, [("thinBorders", [x.ravel(), 60, 60]) for x in labels]
    )
    assert max(x.max() for x in labels) > 20
    for cells, got in zip(labels, results, strict=True):
        np.testing.assert_array_equal(np.reshape(got, (60, 60)), metrics.thin_borders(cells))


@needs_node
def test_broken_membranes_agree_with_metrics(javascript):
    rng = np.random.default_rng(4)
    start = live.BrokenMembrane()
    truth = np.reshape(start.truth, start.shape).astype(np.uint8)
    cases = []
    for case in range(60):
        shown = truth ^ (rng.random(truth.shape) < rng.uniform(0, 0.15)).astype(np.uint8)
        cases.append((shown, bool(case % 2)))
    calls = [("scoreMask", [truth.ravel(), m.ravel(), *truth.shape, thin]) for m, thin in cases]
    calls += [("widen", [m.ravel().tolist(), *truth.shape]) for m, _ in cases]
    results = javascript(live.BrokenMembrane, calls)
    for (shown, thin), got, wide in zip(cases, results[:60], results[60:], strict=True):
        assert_scores(got, truth, shown.astype(float), 0.5, thin)
        assert got["truthCells"] == 4
        grown = ndimage.binary_dilation(shown, ndimage.generate_binary_structure(2, 1))
        np.testing.assert_array_equal(np.reshape(wide, truth.shape), grown)


@needs_node
def test_golden_rand_rows(javascript):
    truth = [1, 1, 1, 0, 2, 2, 2]
    golden = {
        (1, 1, 1, 0, 2, 2, 2): (1, 1),
        (1, 1, 1, 1, 1, 1, 1): (0.666667, 0),
        (1, 1, 0, 0, 2, 2, 2): (0.875, 0.813290),
        (1, 0, 0, 0, 0, 2, 2): (0.615385, 0.615076),
        (1, 1, 3, 0, 2, 2, 2): (0.875, 0.813290),
        (0,) * 7: (0.5, 0.557886),
    }
    calls = [("segmentationScore", [truth, list(row)]) for row in golden] * 9
    results = javascript(live.BrokenMembrane, calls)
    assert_close([(r["rand"], r["information"]) for r in results], list(golden.values()) * 9)


@needs_node
def test_gate_by_hand(javascript):
    rng = np.random.default_rng(5)
    names = ("x", "g", "theta", "phi", "psi", "bias")
    cases = [dict(zip(names, rng.uniform(-3, 3, 6), strict=True)) for _ in range(50)]
    results = javascript(live.AttentionGateMap, [("tinyGate", [c]) for c in cases])
    for c, got in zip(cases, results, strict=True):
        logit = c["psi"] * max(c["theta"] * c["x"] + c["phi"] * c["g"], 0) + c["bias"]
        alpha = 0.5 * (1 + np.tanh(logit / 2))
        assert_close([got["logit"], got["alpha"], got["passed"]], [logit, alpha, alpha * c["x"]])


@needs_node
def test_maps_are_enlarged_as_the_gate_enlarges_them(javascript):
    layers = pytest.importorskip("damunet_lite.layers")
    rng = np.random.default_rng(6)
    cases = []
    for case in range(50):
        small = rng.integers(1, 9, 2)
        large = small * 2 - rng.integers(0, 2, 2)  # x may have odd sides
        cases.append((rng.random(small), large, "nearest" if case % 4 == 1 else "bilinear"))
    results = javascript(
        live.AttentionGateMap,
        [("enlarge", [v.ravel(), list(v.shape), large, how]) for v, large, how in cases],
    )
    for (values, large, how), got in zip(cases, results, strict=True):
        resized = values[None, ..., None]
        for axis in (1, 2):
            resized = layers._double(resized, axis, smooth=how == "bilinear")
        resized = np.asarray(resized)[0, : large[0], : large[1], 0]
        assert_close(np.reshape(got, large), resized, (values.shape, how))


@needs_node
def test_blend_mixes_grey_and_ramp(javascript):
    rng = np.random.default_rng(7)
    cases = [(rng.uniform(0, 255), rng.random(), rng.random()) for _ in range(50)]
    results = javascript(live.AttentionGateMap, [("blend", c) for c in cases])
    for (grey, coefficient, share), got in zip(cases, results, strict=True):
        wanted = (1 - share) * grey + share * live._ramp(np.array(coefficient))
        assert_close(got, wanted)


@needs_node
def test_cbam_agrees_with_the_layer(javascript):
    layers = pytest.importorskip("damunet_lite.layers")
    rng = np.random.default_rng(8)
    cases, wanted = [], []
    for _ in range(50):
        height, width, channels = rng.integers(3, 8, 3)
        size = int(rng.choice([1, 3, 5, 7]))
        features = rng.random((1, height, width, channels))
        layer = layers.CBAM(reduction=2, kernel_size=size, dtype="float64")
        layer.build(features.shape)
        layer.set_weights([rng.normal(size=w.shape) / 2 for w in layer.get_weights()])
        channel, spatial = layer.channel, layer.spatial
        mlp = dict(
            zip(
                ("squeeze", "squeezeBias", "excite", "exciteBias"),
                [*channel.squeeze.get_weights(), *channel.excite.get_weights()],
                strict=True,
            )
        )
        kernel = spatial.conv.get_weights()[0].ravel()
        cases.append([features.ravel(), features.shape[1:], mlp, kernel, size, True, True])
        weighed = np.asarray(channel(features))
        wanted.append(
            (
                np.asarray(channel.coefficients(features)).ravel(),
                np.asarray(spatial.coefficients(weighed)).ravel(),
                np.asarray(layer(features)).ravel(),
            )
        )
    results = javascript(live.CbamExplorer, [("cbam", c) for c in cases])
    for got, (by_channel, by_pixel, output) in zip(results, wanted, strict=True):
        assert_close(got["channel"]["weights"], by_channel)
        assert_close(got["spatial"]["weights"], by_pixel)
        assert_close(got["output"], output)


@needs_node
def test_cbam_parts_can_be_switched_off(javascript):
    state = live.CbamExplorer().state()
    kernel = [0.5, -0.5]
    base = [state["features"], state["shape"], state["mlp"], kernel, 1]
    off, channel = javascript(
        live.CbamExplorer, [("cbam", [*base, False, False]), ("cbam", [*base, True, False])] * 25
    )[:2]
    assert off["output"] == state["features"]
    weights = np.tile(channel["channel"]["weights"], len(state["features"]) // 4)
    assert_close(channel["output"], np.array(state["features"]) * weights)


@needs_node
def test_targets_agree_with_supervision(javascript):
    supervision = pytest.importorskip("damunet_lite.supervision")
    rng = np.random.default_rng(9)
    cases = []
    for case in range(54):
        height, width = 8 * rng.integers(1, 6, 2)
        mask = (blobs(rng, height, width) > rng.integers(120, 230)).astype(np.uint8)
        rule = ("any_membrane", "area", "strided")[case % 3]
        cases.append((mask, (2, 4, 8)[case // 3 % 3], rule))
    calls = [("shrink", [m.ravel(), *m.shape, factor, rule]) for m, factor, rule in cases]
    results = javascript(live.SupervisionTargets, calls)
    counts = javascript(
        live.SupervisionTargets,
        [
            ("countCells", [target, m.shape[0] // f, m.shape[1] // f])
            for target, (m, f, _) in zip(results, cases, strict=True)
        ],
    )
    for (mask, factor, rule), got, count in zip(cases, results, counts, strict=True):
        size = (mask.shape[0] // factor, mask.shape[1] // factor)
        wanted = supervision.head_targets(mask[None, ..., None] * 1.0, {"side": size}, rule)
        wanted = np.asarray(wanted["side"])[0, ..., 0]
        assert_close(np.reshape(got, size), wanted)
        assert count == ndimage.label(wanted <= 0.5)[1]


@needs_node
def test_head_weights_agree_with_supervision(javascript):
    supervision = pytest.importorskip("damunet_lite.supervision")
    cases = [(heads, decay / 20) for heads in (1, 2, 3, 4) for decay in range(1, 21)]
    results = javascript(live.SupervisionTargets, [("headWeights", c) for c in cases])
    for (heads, decay), got in zip(cases, results, strict=True):
        wanted = supervision.head_weights([f"head{i}" for i in range(heads)], decay)
        assert_close(got, list(wanted.values()))


NETWORKS = [
    {"depth": depth, "kernel": kernel, "convs": convs}
    for depth in (1, 2, 3)
    for kernel in (1, 3, 5, 7)
    for convs in (1, 2, 3, 4)
] + [{"depth": 4, "kernel": kernel, "convs": convs} for kernel in (3, 5) for convs in (1, 2)]


class Dependence:
    """Which input pixels each position of a feature row depends on, found by brute force."""

    def __init__(self, network, length):
        self.network, self.length = network, length
        x = np.eye(length, dtype=bool)
        self.levels, skips = [], []
        for level in range(network["depth"] + 1):
            if level:
                x = x[0::2] | x[1::2]
            x = self.block(x)
            self.levels.append(x)
            skips.append(x)
        for skip in skips[-2::-1]:
            x = self.block(skip | np.repeat(x, 2, axis=0))
        self.output = x

    def block(self, x):
        reach = self.network["kernel"] // 2
        for _ in range(self.network["convs"]):
            padded = np.pad(x, ((reach, reach), (0, 0)))
            x = np.logical_or.reduce([padded[k : k + len(x)] for k in range(2 * reach + 1)])
        return x

    @staticmethod
    def span(row):
        seen = np.flatnonzero(row)
        return int(seen[0]), int(seen[-1])


@needs_node
def test_receptive_fields_by_brute_force(javascript):
    levels = javascript(live.ReceptiveField, [("encoderLevels", [n]) for n in NETWORKS])
    widths = javascript(live.ReceptiveField, [("outputWidths", [n]) for n in NETWORKS])
    assert len(NETWORKS) >= 50
    for network, by_level, width in zip(NETWORKS, levels, widths, strict=True):
        step = 2 ** network["depth"]
        # room for the whole field on both sides of the middle
        half = (width[1] // step + 2) * step
        traced = Dependence(network, 2 * half)
        for entry, rows in zip(by_level, traced.levels, strict=True):
            first, last = traced.span(rows[len(rows) // 2])
            assert entry["field"] == last - first + 1, network
            assert entry["stride"] == traced.length // len(rows)
        spans = [traced.span(row) for row in traced.output[half : half + step]]
        sizes = [last - first + 1 for first, last in spans]
        assert width == [min(sizes), max(sizes)], network


@needs_node
def test_still_picture_and_script_give_the_same_fields(javascript):
    results = javascript(live.ReceptiveField, [("encoderLevels", [n]) for n in NETWORKS])
    for network, levels in zip(NETWORKS, results, strict=True):
        figure = live.ReceptiveField(**network)
        assert figure._fields() == [entry["field"] for entry in levels]


def tile_cases():
    rng = np.random.default_rng(10)
    for _ in range(60):
        yield int(rng.integers(40, 900)), int(rng.integers(8, 300)), int(rng.integers(0, 19)) / 20


@needs_node
def test_tiles_agree_with_inference(javascript):
    tiling = pytest.importorskip("damunet_lite.tiling")
    cases = [*tile_cases(), (600, 256, 0.5), (513, 64, 0.9), (101, 50, 0.0)]
    starts = javascript(live.OverlapTile, [("tileStarts", c) for c in cases])
    windows = javascript(live.OverlapTile, [("tileWindow", [c[1]]) for c in cases])
    costs = javascript(live.OverlapTile, [("costFactor", c) for c in cases])
    for (length, tile, overlap), start, window, cost in zip(
        cases, starts, windows, costs, strict=True
    ):
        assert start == tiling.tile_starts(length, tile, overlap)
        assert_close(window, tiling.gaussian_window(tile))
        assert_close(cost, (len(start) * tile) ** 2 / length**2)


@needs_node
def test_seams_of_blended_tiles(javascript):
    tiling = pytest.importorskip("damunet_lite.tiling")
    cases = [
        (length, tile, overlap, ("gaussian", "uniform")[i % 2], 2 + i)
        for i, (length, tile, overlap) in enumerate(tile_cases())
    ]
    results = javascript(live.OverlapTile, [("seams", c) for c in cases])
    for (length, tile, overlap, kind, reach), got in zip(cases, results, strict=True):
        starts = np.array(tiling.tile_starts(length, tile, overlap))
        window = tiling.gaussian_window(tile) if kind == "gaussian" else np.ones(tile)
        top, bottom = np.zeros((2, max(length, tile)))
        inside = np.arange(tile)
        for k, start in enumerate(starts):
            error = np.zeros(tile)
            if k > 0:
                error += np.exp(-inside / reach)
            if k < len(starts) - 1:
                error += np.exp(-inside[::-1] / reach)
            top[start : start + tile] += window * error * (-1) ** k
            bottom[start : start + tile] += window
        assert_close(got["error"], top / bottom)
        assert_close(got["largest"], np.abs(top / bottom).max())
        assert_close(got["step"], np.abs(np.diff(top / bottom)).max())


@needs_node
def test_overlap_start_for_the_still_picture(javascript):
    cases = [(256 + 31 * i, 64 + 7 * i, (i % 19) / 20) for i in range(57)]
    results = javascript(live.OverlapTile, [("tileStarts", c) for c in cases])
    for (length, tile, overlap), got in zip(cases, results, strict=True):
        assert live.OverlapTile(image_size=length, tile=tile, overlap=overlap)._starts() == got


# ---------------------------------------------------------------- in a browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def browser(tmp_path):
    """Open HTML from disk in a browser of its own, with no network in use."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if CHROMIUM is None or shutil.which("chromedriver") is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path / 'profile'}",
        "window-size=900,1000",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    waiting = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait(driver, 30)

    def show(*figures):
        page = tmp_path / "page.html"
        body = "\n".join(figure.html() for figure in figures)
        page.write_text(f"<!doctype html><meta charset='utf-8'>{body}", encoding="utf-8")
        driver.get(page.as_uri())
        live = ".damunet-figure[data-live] .dm-status"
        waiting.until(lambda d: len(d.find_elements("css selector", live)) == len(figures))
        return driver.find_elements("css selector", ".damunet-figure")

    yield driver, show
    driver.quit()


def spoken(figure):
    return figure.find_element("css selector", ".dm-status").text


@pytest.mark.slow
def test_every_control_answers_to_the_keyboard(browser):
    driver, show = browser
    right, down = "\ue014", "\ue015"
    words = "return [...document.querySelectorAll('.damunet-figure')].map((f) => f.textContent)"
    shown = show(*(figure() for figure in FIGURES))
    assert len(shown) == 8
    for i, figure in enumerate(shown):
        for control in figure.find_elements("css selector", "input[type=range], select"):
            before, texts = control.get_attribute("value"), driver.execute_script(words)
            control.send_keys(right if control.tag_name == "input" else down)
            name = (figure.get_attribute("data-kind"), control.get_attribute("aria-label"))
            assert control.get_attribute("value") != before, name
            assert name[1]
            changed = [a != b for a, b in zip(texts, driver.execute_script(words), strict=True)]
            # a way of enlarging is seen in the picture alone
            changed[i] |= control.tag_name == "select"
            assert changed == [figure == other for other in shown], name
    assert driver.get_log("browser") == []
    loaded = driver.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0


@pytest.mark.slow
def test_break_a_membrane_by_keyboard(browser):
    driver, show = browser
    (figure,) = show(live.BrokenMembrane())
    first = figure.find_element("css selector", ".dm-pixel")
    first.send_keys("\ue015")  # down: the focus moves, nothing changes
    assert spoken(figure).startswith("0 of 117 pixels wrong")
    driver.switch_to.active_element.send_keys(" ")
    assert spoken(figure).startswith("1 of 117 pixels wrong; 4 cells proposed")
    assert driver.switch_to.active_element.get_attribute("aria-label") == (
        "row 2, column 1: membrane, wrong"
    )


@pytest.mark.slow
def test_script_and_still_picture_say_the_same(browser):
    _, show = browser
    figure = live.ThresholdExplorer(threshold=0.62)
    numbers = re.findall(r"0\.\d{3}", figure.describe())
    assert len(numbers) == 4
    text = spoken(show(figure)[0])
    assert re.findall(r"0\.\d{3}", text)[:4] == numbers


# ---------------------------------------------------------------- the HTML form


class Elements(HTMLParser):
    """Start tags with their attributes, and text outside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        # void elements are never closed, a wrongly nested one would show here
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        if not {"script", "style"} & set(self.open):
            self.words += text

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def without_image_data(text):
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    return re.sub(r'"(image|truth|probability|mask|data)":"[A-Za-z0-9+/=]+"', "", text)


@each_figure
def test_a_still_picture_with_words(figure):
    page = Elements(figure().html())
    pictures = page.of("svg")
    assert len(pictures) == 1
    assert pictures[0]["role"] == "img"
    assert len(pictures[0]["aria-label"]) > 15
    assert figure().title in page.words
    assert figure().describe() in page.words
    assert len(figure().picture()) > 300


@each_figure
def test_html_stays_on_the_page(figure):
    text = figure().html()
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text))
    # the name of the SVG namespace is no address that anything fetches
    assert addresses <= {"http://www.w3.org"}
    for forbidden in ("@import", "url(", "fetch(", "XMLHttpRequest", "<link", "eval("):
        assert forbidden not in text
    assert not re.search(r'^\s*import[\s{"*]', text, re.MULTILINE)


@each_figure
def test_html_is_small(figure):
    assert len(without_image_data(figure().html()).encode()) <= 60_000


@each_figure
def test_script_cannot_end_its_element(figure):
    text = figure().html()
    assert text.count("</script") == 1
    assert text.count("<script") == 1


@each_figure
def test_figures_on_one_page_do_not_meet(figure):
    first, second = figure(), figure()
    text = first.html() + second.html()
    page = Elements(text)
    assert not any("id" in attributes for _, attributes in page.tags)
    assert not re.search(r"getElementById|\bid:|aria-labelledby|aria-describedby", text)
    hosts = [a for a in page.of("div") if a.get("class") == "damunet-figure"]
    assert [a["data-kind"] for a in hosts] == [figure.__name__] * 2
    assert json.loads(hosts[0]["data-state"]) == first.state()


def test_each_figure_keeps_its_own_state():
    text = "".join(live.TverskyExplorer(fn_weight=w).html() for w in (0.2, 0.9))
    states = re.findall(r"data-state='([^']+)'", text)
    assert [json.loads(unescape(s))["fn_weight"] for s in states] == [0.2, 0.9]


@each_figure
def test_html_and_repr_are_stable(figure):
    assert figure().html() == figure().html()
    text = repr(figure())
    assert text == repr(figure())
    assert text.startswith(f"{figure.__name__}(")
    assert "0x" not in text


@each_figure
def test_code_lies_between_the_markers(figure):
    text = figure().html()
    start, end = live.CODE_MARKERS
    before, rest = text.split(start)
    code, after = rest.split(end)
    assert "export " not in before
    assert code.count("export default widget;") == 1
    assert after == ""


@each_figure
def test_state_is_json_and_synced(figure):
    shown = figure()
    assert json.loads(json.dumps(shown.state())) == shown.state()
    assert set(shown.state()) <= set(shown.trait_names(sync=True))


@each_figure
def test_mime_bundle_has_both_faces(figure):
    shown = figure()
    content, _ = shown._repr_mimebundle_()
    assert content["text/html"] == shown.html()
    assert content["text/plain"] == repr(shown)
    if live._Base is not traitlets.HasTraits:
        assert "application/vnd.jupyter.widget-view+json" in content


def test_quotes_and_tags_in_names_stay_text():
    maps = {"it's </script> <b>": np.full((2, 2), 0.5)}
    text = live.AttentionGateMap(image=np.zeros((4, 4)), maps=maps).html()
    assert text.count("</script") == 1
    state = Elements(text).of("div")[0]["data-state"]
    assert json.loads(state)["maps"][0]["name"] == "it's </script> <b>"


def test_html_form_without_anywidget():
    program = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from damunet_lite import widgets\n"
        "figure = live.TverskyExplorer(exponent=1)\n"
        "content, _ = figure._repr_mimebundle_()\n"
        "assert set(content) == {'text/plain', 'text/html'}\n"
        "sys.stdout.write(content['text/html'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == live.TverskyExplorer(exponent=1).html()


def test_importing_the_figures_does_not_import_keras():
    program = "import sys, damunet_book.live; assert 'keras' not in sys.modules"
    subprocess.run(
        [sys.executable, "-c", program], timeout=120, check=True, cwd=Path(__file__).parents[1]
    )


def test_arrays_are_stored_in_steps_of_255():
    truth = np.array([[0, 1, 0]])
    figure = live.ThresholdExplorer(truth=truth, probability=np.array([[0.1, 0.5, 1.0]]))
    assert figure.probability == "GoD/"  # bytes 26, 128, 255
    assert figure.truth == "AAEA"  # bytes 0, 1, 0


def test_still_picture_follows_the_state():
    figure = live.BrokenMembrane()
    figure.prediction = [0] * 117
    # all cell: 21 of 117 pixels wrong, one region
    # Dice of cell: twice 96 true cell pixels over 96 + 117; of membrane: nothing found
    assert figure.describe().startswith(
        "21 of 117 pixels wrong: accuracy 0.821; Dice, cell 0.901; Dice, membrane 0.000; V_rand "
    )


WRONG = [
    (live.TverskyExplorer, {"fn_weight": 1.5}, "fn_weight is 1.5"),
    (live.TverskyExplorer, {"truth": (1, 0, 1)}, r"truth has shape \(3,\)"),
    (live.TverskyExplorer, {"truth": (1, 0, 1, 2)}, "truth is 2"),
    (live.ThresholdExplorer, {"truth": np.zeros((4, 4))}, "probability is None"),
    (
        live.ThresholdExplorer,
        {"truth": np.zeros((4, 4)), "probability": np.zeros((4, 5))},
        r"probability has shape \(4, 5",
    ),
    (
        live.ThresholdExplorer,
        {"truth": np.zeros((4, 4)), "probability": np.full((4, 4), 255.0)},
        "values from 255",
    ),
    (live.ThresholdExplorer, {"view": "sideways"}, "view is 'sideways'"),
    (live.BrokenMembrane, {"truth": np.zeros((4, 4))}, "0 membrane pixels"),
    (live.BrokenMembrane, {"gap": (0, 0)}, r"gap is \(0, 0\)"),
    (live.BrokenMembrane, {"gap": (9, 4)}, r"gap is \(9, 4\)"),
    (live.AttentionGateMap, {"image": np.zeros((4, 4))}, "maps is None"),
    (live.AttentionGateMap, {"level": 3}, "level is 3"),
    (live.CbamExplorer, {"features": np.zeros((20, 4, 2))}, r"\(20, 4, 2\)"),
    (live.CbamExplorer, {"kernel_size": 4}, "kernel_size is 4"),
    (live.CbamExplorer, {"mlp": {"squeeze": []}}, "mlp has the keys"),
    (live.SupervisionTargets, {"mask": np.zeros((12, 16))}, r"\(12, 16\), wanted multiples"),
    (live.SupervisionTargets, {"mask": np.full((8, 8), 0.5)}, "wanted a mask of 0 and 1"),
    (live.ReceptiveField, {"depth": 6}, "depth is 6"),
    (live.OverlapTile, {"overlap": 1.0}, "overlap is 1.0"),
]


@pytest.mark.parametrize(("figure", "arguments", "message"), WRONG)
def test_wrong_arguments_are_named(figure, arguments, message):
    with pytest.raises(ValueError, match=message):
        figure(**arguments)
