"""The figures' JavaScript against the package, and what their HTML promises."""

import base64
import inspect
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from damunet_book import live
from damunet_book.live import base, still
from PIL import Image
from scipy import ndimage

from book.tools.browser import Browser, missing
from book.tools.build import ROOT
from damunet_lite import cells, layers, losses, metrics, supervision, tiling

FIGURES = [getattr(live, name) for name in live.__all__ if name != "Figure"]
RUNNER = Path(__file__).parent / "widgets" / "run.mjs"
each_figure = pytest.mark.parametrize("figure", FIGURES, ids=lambda cls: cls.__name__)


def run_javascript(folder, figure, calls):
    """Results of many calls of one figure's module, in one node process."""
    module = folder / f"{figure.__name__}.mjs"
    module.write_text(str(figure._esm), encoding="utf-8")
    task = {"module": str(module), "cases": [{"call": c, "args": a} for c, *a in calls]}
    words = json.dumps(task, default=lambda v: v.tolist())
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False}
    done = subprocess.run(["node", str(RUNNER)], input=words, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_agree(got, wanted, note):
    """To 1e-6, whole numbers exactly; of a dictionary what is wanted."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert_agree(got[name], value, f"{name} of {note}")
        return
    wanted = np.asarray(wanted)
    tolerance = 0 if wanted.dtype.kind in "iub" else 1e-6
    got = np.reshape(got, wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance, err_msg=note)


# --- JavaScript and Python agree: pairs of a call and what the package, or a hand, says --------


def tversky_cases(rng, count):
    for case in range(count):
        truth = (rng.random(4) < 0.6).astype(int)
        perfect = case % 5 == 0
        limits = {"fnWeight": 1, "fpWeight": 1, "exponent": 2, "smooth": 2}
        settings = {name: round(rng.uniform(0, most), 2) for name, most in limits.items()}
        settings["exponent"] = max(settings["exponent"], 0.25)
        yield truth, truth.astype(float) if perfect else rng.random(4).round(3), settings


def focal_tversky(rng):
    for truth, probability, s in tversky_cases(rng, 60):
        y, p = truth[None].astype(float), probability[None]
        weights = (s["fnWeight"], s["fpWeight"])
        index = losses.tversky_index(y, p, *weights, s["smooth"])[0]
        loss = losses.FocalTverskyLoss(*weights, s["exponent"], s["smooth"]).call(y, p)[0]
        wanted = {"index": float(index), "loss": float(loss)}
        yield ("focalTversky", truth, probability, s), wanted


def tversky_gradient(rng):
    def loss(y, p, s):
        tp, fn, fp = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
        wrong = s["fnWeight"] * fn + s["fpWeight"] * fp
        return (wrong / (tp + wrong + s["smooth"])) ** s["exponent"]

    steps = 1e-6 * np.eye(4)
    for y, p, s in tversky_cases(rng, 200):
        if 0.02 < loss(y, p, s) < 0.98:
            slope = [(loss(y, p + d, s) - loss(y, p - d, s)) / 2e-6 for d in steps]
            yield ("focalTversky", y, p, s), {"gradient": slope}
    # nothing right, nothing wrong, nothing added: perfect, and flat
    s = s | {"smooth": 0}
    yield ("focalTversky", [0] * 4, [0] * 4, s), {"index": 1, "loss": 0, "gradient": [0] * 4}


def blobs(rng, height, width):
    """Probability of membrane in steps of 1/255, smooth enough to make cells."""
    field = ndimage.gaussian_filter(rng.normal(size=(height, width)), rng.uniform(0.6, 2.0))
    ranks = field.ravel().argsort().argsort().reshape(field.shape) / (field.size - 1)
    return np.round(255 * ranks).astype(np.uint8)


# as the figures call the scores, and as the package does
SCORES = """
accuracy accuracy  diceCell dice_cell  diceMembrane dice_membrane  rand v_rand
randSplit v_rand_split  randMerge v_rand_merge  information v_info
informationSplit v_info_split  informationMerge v_info_merge
"""


def scores(truth, probability, threshold, thin):
    wanted = metrics.score_stack(truth[None], probability[None], [threshold], thin)
    labels = metrics.label_cells(1 - probability > threshold)
    labels = metrics.thin_borders(labels) if thin else labels
    names = SCORES.split()
    said = {k: getattr(wanted, v)[0, 0] for k, v in zip(names[::2], names[1::2], strict=True)}
    return said | {"proposal": labels}


def moving_threshold(rng):
    for case in range(80):
        height, width = rng.integers(6, 40, 2)
        levels = blobs(rng, height, width)
        truth = (blobs(rng, height, width) > 180).astype(np.uint8)
        # eleven thresholds of the challenge, where ties are, and the slider's finer ones
        threshold = (case % 11) / 10 if case % 2 else int(rng.integers(0, 101)) / 100
        how = (threshold, bool(case % 3))
        call = ("scoreAt", truth.ravel(), levels.ravel(), *truth.shape, *how)
        yield call, scores(truth, levels / 255, *how)


def thinning(rng):
    # many cells, thick membranes: most gaps have no middle, so the rule for ties decides
    for _ in range(60):
        membrane = blobs(rng, 60, 60) > rng.integers(140, 230)
        cells = metrics.label_cells(~ndimage.binary_dilation(membrane, iterations=2))
        yield ("thinBorders", cells.ravel(), 60, 60), metrics.thin_borders(cells)


def broken_membranes(rng):
    start = live.BrokenMembrane()
    truth = np.reshape(start.truth, start.shape).astype(np.uint8)
    for case in range(60):
        shown = truth ^ (rng.random(truth.shape) < rng.uniform(0, 0.15)).astype(np.uint8)
        wanted = scores(truth, shown.astype(float), 0.5, bool(case % 2)) | {"truthCells": 4}
        yield ("scoreMask", truth.ravel(), shown.ravel(), *truth.shape, bool(case % 2)), wanted
        grown = ndimage.binary_dilation(shown, ndimage.generate_binary_structure(2, 1))
        yield ("widen", shown.ravel(), *truth.shape), grown


def gate_by_hand(rng):
    for _ in range(50):
        c = dict(zip(("x", "g", "theta", "phi", "psi", "bias"), rng.uniform(-3, 3, 6), strict=True))
        logit = c["psi"] * max(c["theta"] * c["x"] + c["phi"] * c["g"], 0) + c["bias"]
        alpha = 0.5 * (1 + np.tanh(logit / 2))
        yield ("tinyGate", c), {"logit": logit, "alpha": alpha, "passed": alpha * c["x"]}


def enlarged_maps(rng):
    for case in range(50):
        values = rng.random(rng.integers(1, 9, 2))
        rows, columns = np.array(values.shape) * 2 - rng.integers(0, 2, 2)  # x may have odd sides
        how = "nearest" if case % 4 == 1 else "bilinear"
        resized = values[None, ..., None]
        for axis in (1, 2):
            resized = layers._double(resized, axis, smooth=how == "bilinear")
        wanted = np.asarray(resized)[0, :rows, :columns, 0].astype(float)
        sizes = list(values.shape), [rows.item(), columns.item()]
        yield ("enlarge", values.ravel(), *sizes, how), wanted


def blended(rng):
    for _ in range(50):
        grey, coefficient, share = rng.uniform(0, 255), rng.random(), rng.random()
        wanted = (1 - share) * grey + share * still.ramp(np.array(coefficient))
        yield ("blend", grey, coefficient, share), wanted


def cbam(rng):
    for _ in range(50):
        features = rng.random((1, *rng.integers(3, 8, 3)))
        size = int(rng.choice([1, 3, 5, 7]))
        layer = layers.CBAM(reduction=2, kernel_size=size, dtype="float64")
        layer.build(features.shape)
        layer.set_weights([rng.normal(size=w.shape) / 2 for w in layer.get_weights()])
        channel, spatial = layer.channel, layer.spatial
        weights = [*channel.squeeze.get_weights(), *channel.excite.get_weights()]
        names = ("squeeze", "squeezeBias", "excite", "exciteBias")
        mlp = dict(zip(names, weights, strict=True))
        kernel = spatial.conv.get_weights()[0].ravel()
        wanted = {
            "channel": {"weights": np.asarray(channel.coefficients(features)).ravel()},
            "spatial": {"weights": np.asarray(spatial.coefficients(channel(features))).ravel()},
            "output": np.asarray(layer(features)).ravel(),
        }
        call = ("cbam", features.ravel(), list(features.shape[1:]), mlp, kernel, size)
        yield (*call, True, True), wanted
        yield (*call, True, False), {"output": np.asarray(channel(features)).ravel()}
        yield (*call, False, False), {"output": features.ravel()}


def supervision_targets(rng):
    for case in range(54):
        height, width = (8 * rng.integers(1, 6, 2)).tolist()
        mask = (blobs(rng, height, width) > rng.integers(120, 230)).astype(np.uint8)
        rule, factor = ("any_membrane", "area", "strided")[case % 3], (2, 4, 8)[case // 3 % 3]
        size = (height // factor, width // factor)
        target = supervision.head_targets(mask[None, ..., None] * 1.0, {"side": size}, rule)
        target = np.asarray(target["side"])[0, ..., 0].astype(float)
        yield ("shrink", mask.ravel(), height, width, factor, rule), target
        yield ("countCells", target.ravel(), *size), ndimage.label(target <= 0.5)[1]


def head_weights(rng):
    for heads in (1, 2, 3, 4):
        for decay in np.arange(1, 21) / 20:
            wanted = supervision.head_weights([f"head{i}" for i in range(heads)], float(decay))
            yield ("headWeights", heads, float(decay)), list(wanted.values())


def dependence(depth, kernel, convs, length):
    """Which of the input pixels each position of the levels and of the output sees, by force."""

    def block(x):
        for _ in range(convs):
            x = ndimage.maximum_filter1d(x, kernel, axis=0, mode="constant")
        return x

    levels = [block(np.eye(length, dtype=np.uint8))]
    for _ in range(depth):
        levels.append(block(np.maximum(levels[-1][0::2], levels[-1][1::2])))
    output = levels[-1]
    for skip in levels[-2::-1]:
        output = block(np.maximum(skip, np.repeat(output, 2, axis=0)))
    return levels, output


def span(row):
    return int(np.ptp(np.flatnonzero(row))) + 1


def receptive_fields(rng):
    for depth in (1, 2, 3, 4):
        for kernel in (1, 3, 5, 7) if depth < 4 else (3, 5):
            for convs in (1, 2, 3, 4) if depth < 4 else (1, 2):
                network = {"depth": depth, "kernel": kernel, "convs": convs}
                # room for the whole field on both sides of the middle
                field = live.ReceptiveField(**network)._fields()[-1]
                step = 2**depth
                half = (2 * field // step + 2) * step
                levels, output = dependence(length=2 * half, **network)
                fields = [span(rows[len(rows) // 2]) for rows in levels]
                # the still picture's own formula, too
                assert live.ReceptiveField(**network)._fields() == fields
                wanted = {k: {"field": side, "stride": 2**k} for k, side in enumerate(fields)}
                yield ("encoderLevels", network), wanted
                widths = [span(row) for row in output[half : half + step]]
                yield ("outputWidths", network), [min(widths), max(widths)]


def tiles(rng):
    for case in range(63):
        length, tile = int(rng.integers(40, 900)), int(rng.integers(8, 300))
        overlap, reach = int(rng.integers(0, 19)) / 20, 2 + case
        kind = ("gaussian", "uniform")[case % 2]
        if case < 3:
            length, tile, overlap = ((600, 256, 0.5), (513, 64, 0.9), (101, 50, 0.0))[case]
        starts = tiling.tile_starts(length, tile, overlap)
        window = tiling.gaussian_window(tile)
        yield ("tileStarts", length, tile, overlap), starts
        yield ("tileWindow", tile), window
        yield ("costFactor", length, tile, overlap), (len(starts) * tile) ** 2 / length**2
        top, bottom = np.zeros((2, max(length, tile)))
        inside = np.arange(tile)
        window = window if kind == "gaussian" else np.ones(tile)
        for k, start in enumerate(starts):
            before, after = np.exp(-inside / reach), np.exp(-inside[::-1] / reach)
            error = before * (k > 0) + after * (k < len(starts) - 1)
            top[start : start + tile] += window * error * (-1) ** k
            bottom[start : start + tile] += window
        seam = top / bottom
        wanted = {"error": seam, "largest": abs(seam).max(), "step": abs(np.diff(seam)).max()}
        yield ("seams", length, tile, overlap, kind, reach), wanted


def neck_choices(rng):
    """Cells of the package for the figure's own map, of pairs chosen at random and of corners."""
    figure = live.NeckExplorer()
    state = {"shape": figure.shape, "labels": figure.labels.ravel(), "which": figure.which}
    state["scores"] = figure.scores
    truth = metrics.label_cells(figure.truth == 0)
    np.testing.assert_allclose(live.cells.THRESHOLDS, 0.05 * np.arange(1, 11))
    np.testing.assert_allclose(live.cells.NECKS, 0.05 * np.arange(7))
    corners = [(1, 0), (10, 0), (1, 6), (10, 6)]
    steps = np.concatenate([corners, rng.integers((1, 0), (11, 7), (50, 2))])
    for threshold, neck in np.round(0.05 * steps, 2).tolist():
        labels = cells.segment_cells(figure.probability / 255, threshold, neck)
        scores = cells.score_cells(truth, labels)
        wanted = {"cells": labels.ravel(), "number": labels.max(), "rand": scores["v_rand"]}
        yield ("cellsAt", state, threshold, neck), wanted | {"information": scores["v_info"]}


AGREEMENTS = {
    live.TverskyExplorer: (focal_tversky, tversky_gradient),
    live.ThresholdExplorer: (moving_threshold, thinning),
    live.BrokenMembrane: (broken_membranes,),
    live.AttentionGateMap: (gate_by_hand, enlarged_maps, blended),
    live.CbamExplorer: (cbam,),
    live.SupervisionTargets: (supervision_targets, head_weights),
    live.ReceptiveField: (receptive_fields,),
    live.OverlapTile: (tiles,),
    live.NeckExplorer: (neck_choices,),
}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(
    ("figure", "pairs"), [(figure, one) for figure, kinds in AGREEMENTS.items() for one in kinds]
)
def test_javascript_says_what_the_package_says(tmp_path, figure, pairs):
    calls, wanted = zip(*pairs(np.random.default_rng(0)), strict=True)
    assert len(calls) >= 50
    results = run_javascript(tmp_path, figure, calls)
    for call, got, value in zip(calls, results, wanted, strict=True):
        assert_agree(got, value, str(call)[:300])


# ---------------------------------------------------------------- in a browser


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_every_control_answers_to_the_keyboard_and_moves_its_own_figure_alone(tmp_path):
    page = tmp_path / "page.html"
    body = "\n".join(figure().html() for figure in FIGURES)
    page.write_text(f"<!doctype html><meta charset='utf-8'>{body}", encoding="utf-8")
    words = "return [...document.querySelectorAll('.damunet-figure')].map((f) => f.textContent)"
    with Browser() as browser:
        assert [fault for fault in browser.visit(page.as_uri()).faults if "lang" not in fault] == []
        shown = browser.driver.find_elements("css selector", ".damunet-figure")
        assert len(shown) == len(FIGURES)
        for i, figure in enumerate(shown):
            for control in figure.find_elements("css selector", "input[type=range], select"):
                before, texts = control.get_attribute("value"), browser.run(words)
                control.send_keys("\ue014" if control.tag_name == "input" else "\ue015")
                name = (figure.get_attribute("data-kind"), control.get_attribute("aria-label"))
                assert control.get_attribute("value") != before, name
                assert name[1]
                changed = [a != b for a, b in zip(texts, browser.run(words), strict=True)]
                # a way of enlarging is seen in the picture alone
                changed[i] |= control.tag_name == "select"
                assert changed == [figure == other for other in shown], name


# ---------------------------------------------------------------- still pictures


def pictures(figure):
    """Pixels [H, W, 3] of the pictures in a still picture, by caption."""
    svg = figure.picture()
    files = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    captions = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    images = [Image.open(io.BytesIO(base64.b64decode(file))) for file in files]
    return {c: np.asarray(i.convert("RGB")) for c, i in zip(captions, images, strict=False)}


def test_threshold_picture_shows_image_truth_and_cells():
    truth = np.zeros((6, 7))
    truth[:, 3] = 1
    image = np.linspace(0, 1, 42).reshape(6, 7)
    likely = np.where(truth == 1, 0.9, 0.3)
    likely[2, 3] = 0.1  # a gap
    options = {"truth": truth, "probability": likely, "image": image, "thin": False}
    shown = pictures(live.ThresholdExplorer(**options))
    assert list(shown) == ["image", "true membrane", "proposed cells"]
    np.testing.assert_array_equal(shown["image"][..., 0], np.round(255 * image))
    np.testing.assert_array_equal(shown["true membrane"][..., 1], 255 * (1 - truth))
    # one cell through the gap: half the image, half the first hue, on both sides
    wanted = 0.5 * np.round(255 * image)[..., None] + 0.5 * np.array([0, 114, 178])
    wanted[(truth == 1) & (likely > 0.5)] = 12
    np.testing.assert_allclose(shown["proposed cells"], wanted, atol=0.5)
    # nothing is surely enough cell at 0.95
    dark = pictures(live.ThresholdExplorer(threshold=0.95, **options))["proposed cells"]
    assert (dark == 12).all()


def test_neck_picture_shows_image_pieces_and_cells():
    likely = np.full((8, 9), 0.1)
    likely[:, 4] = 0.9
    image = np.linspace(0, 1, 72).reshape(8, 9)
    shown = pictures(live.NeckExplorer(truth=likely > 0.5, probability=likely, image=image))
    assert list(shown) == ["image", "pieces below the threshold", "cells"]
    np.testing.assert_array_equal(shown["image"][..., 0], np.round(255 * image))
    np.testing.assert_array_equal(shown["pieces below the threshold"][..., 1], 255 * (likely < 0.5))
    # no pixel is left over; half the image, half the hue of its cell
    wanted = 0.5 * np.round(255 * image)[..., None] + 0.5 * np.array([0, 114, 178])
    np.testing.assert_allclose(shown["cells"][:, :4], wanted[:, :4], atol=0.5)


def test_broken_membrane_follows_its_state():
    figure = live.BrokenMembrane()
    shown = pictures(figure)["predicted cells"]
    assert shown.shape == (72, 104, 3)
    assert shown[36, 4].tolist() == [25] * 3  # row 4 is membrane, eight pixels high
    assert shown[4, 4].tolist() == [128, 184, 216]  # half white, half the first hue
    figure.prediction = [0] * 117
    assert (pictures(figure)["predicted cells"] == [128, 184, 216]).all()


def test_maps_features_and_targets_are_drawn_as_they_are():
    ends = {"low": np.zeros((2, 2)), "high": np.ones((2, 2))}
    shown = pictures(live.AttentionGateMap(image=np.full((4, 4), 0.2), maps=ends))
    assert {name: picture[0, 0].tolist() for name, picture in shown.items()} == {
        "image": [51, 51, 51],
        "low": [13, 22, 64],
        "high": [253, 231, 92],
    }
    figure = live.CbamExplorer()
    figure.gains = [0, 0, 0.5, 1]
    shown, noise = pictures(figure), np.reshape(figure.features, figure.shape)[..., 3]
    # the largest after the gain is the lightest
    assert (shown["noise"][noise == noise.max()] == [253, 231, 92]).all()
    half = np.round(still.ramp(np.array(0.15 / noise.max())))
    assert shown["flat"][0, 1].tolist() == half.tolist()
    assert shown["membrane"][2, 2].tolist() == [13, 22, 64]
    mask = np.zeros((16, 16))
    mask[:, 9] = 1
    shown = pictures(live.SupervisionTargets(mask=mask))
    assert list(shown) == ["main: 2 cells", "side2: 2 cells", "side4: 2 cells", "side8: 1 cells"]
    assert shown["side2: 2 cells"][0, :, 0].tolist() == [255, 255, 255, 255, 0, 255, 255, 255]
    shown = pictures(live.SupervisionTargets(mask=mask, rule="area"))
    assert shown["side8: 1 cells"][0, :, 0].tolist() == [255, 223]  # an eighth is membrane


# ---------------------------------------------------------------- the HTML form


def page_of(text):
    """What the HTML has before its code, as elements; a wrongly nested one would be an error."""
    return ElementTree.fromstring(text.split(base.CODE_MARKERS[0])[0])


@each_figure
def test_html_is_a_still_picture_with_words_code_and_nothing_from_elsewhere(figure):
    shown, text = figure(), figure().html()
    assert text == shown.html()
    page = page_of(text)
    (picture,) = page.iter("svg")
    assert picture.get("role") == "img"
    height = float(picture.get("viewBox").split()[-1])
    assert all(0 < float(words.get("y")) < height for words in picture.iter("text"))
    assert len(picture.get("aria-label")) > 15
    assert {figure.title, shown.describe()} <= set(page.itertext())
    # the script lies between the markers and cannot end its element
    before, rest = text.split(base.CODE_MARKERS[0])
    code, after = rest.split(base.CODE_MARKERS[1])
    assert ("export " in before, code.count("export default widget;"), after) == (False, 1, "")
    assert text.count("</script") == text.count("<script") == 1
    # the name of the SVG namespace is no address that anything fetches
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) <= {"http://www.w3.org"}
    for forbidden in ("@import", "url(", "fetch(", "XMLHttpRequest", "<link", "eval("):
        assert forbidden not in text
    assert not re.search(r'^\s*import[\s{"*]', text, re.MULTILINE)
    # and of several figures on a page none finds another
    assert not re.search(r"getElementById|\bid[:=]|aria-(labelled|described)by", text)
    bare = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    bare = re.sub(r'"(image|truth|probability|mask|data|labels)":"[A-Za-z0-9+/=]+"', "", bare)
    assert len(bare.encode()) <= 60_000


@each_figure
def test_state_is_json_synced_and_shown_in_both_faces(figure):
    shown = figure()
    page = page_of(shown.html())
    assert page.get("data-kind") == figure.__name__
    assert json.loads(page.get("data-state")) == shown.state()
    assert repr(shown) == repr(figure())
    assert repr(shown).startswith(f"{figure.__name__}(")
    content, _ = shown._repr_mimebundle_()
    assert content["text/html"] == shown.html()
    assert content["text/plain"] == repr(shown)
    assert "application/vnd.jupyter.widget-view+json" in content
    sent = shown.get_state()
    assert {name: sent[name] for name in shown.state()} == shown.state()


@each_figure
def test_the_signature_says_every_argument_and_its_default(figure):
    arguments = inspect.signature(figure).parameters
    words = inspect.cleandoc(figure.__doc__)
    documented = re.findall(r"^(\w[\w, ]*) : ", words, re.MULTILINE)
    assert sorted(arguments) == sorted(", ".join(documented).split(", "))
    state = figure().state()
    for name, argument in arguments.items():
        if isinstance(argument.default, bool | int | float | str):
            assert state[name] == argument.default, name


def test_quotes_and_tags_in_names_stay_text():
    maps = {"it's </script> <b>": np.full((2, 2), 0.5)}
    text = live.AttentionGateMap(image=np.zeros((4, 4)), maps=maps).html()
    assert text.count("</script") == 1
    state = page_of(text).get("data-state")
    assert json.loads(state)["maps"][0]["name"] == "it's </script> <b>"


def test_figures_that_need_no_network_do_without_a_network_library():
    program = """
import sys; sys.modules.update(dict.fromkeys(["keras", "tensorflow", "torch", "jax"]))
from damunet_book import live
for kind in set(live.__all__) - {"Figure", "SupervisionTargets"}:
    getattr(live, kind)().html()
"""
    subprocess.run([sys.executable, "-c", program], timeout=120, check=True, cwd=ROOT)


CELL = np.zeros((4, 4))
WRONG = [
    (live.TverskyExplorer, {"fn_weight": 1.5}, "fn_weight is 1.5"),
    (live.TverskyExplorer, {"truth": (1, 0, 1)}, r"truth has shape \(3,\)"),
    (live.ThresholdExplorer, {"truth": CELL}, r"probability has shape \(\)"),
    (live.ThresholdExplorer, {"truth": CELL, "probability": CELL[1:]}, r"ty has shape \(3, 4\)"),
    (live.ThresholdExplorer, {"truth": CELL, "probability": CELL + 255}, "from 255"),
    (live.BrokenMembrane, {"truth": CELL}, "0 membrane pixels"),
    (live.BrokenMembrane, {"gap": (0, 0)}, r"gap is \(0, 0\)"),
    (live.AttentionGateMap, {"image": CELL}, "maps is None"),
    (live.AttentionGateMap, {"level": 3}, "level is 3"),
    (live.SupervisionTargets, {"mask": np.zeros((12, 16))}, r"\(12, 16\), wanted multiples"),
    (live.NeckExplorer, {"neck": 0.12}, "neck is 0.12, wanted one of"),
    (live.NeckExplorer, {"truth": np.zeros((65, 4)), "probability": np.zeros((65, 4))}, "at most"),
    (live.OverlapTile, {"overlap": 1.0}, "overlap is 1.0, wanted a number from 0 to 0.9"),
    (live.OverlapTile, {"tile": 64.5}, "tile is 64.5, wanted an integer, 64 to 512"),
    (live.OverlapTile, {"window": "flat"}, "window is 'flat', wanted one of"),
]


@pytest.mark.parametrize(("figure", "arguments", "message"), WRONG)
def test_wrong_arguments_are_named(figure, arguments, message):
    with pytest.raises(ValueError, match=message):
        figure(**arguments)
