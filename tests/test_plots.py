"""Figures: their pixels, numbers and sizes, and the layout of network drawings."""

from itertools import combinations

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from damunet_book.plots import curves, draw_network, fold_dots, network_layout, profile, score_bars
from damunet_book.plots.style import in_style, show_slice, use_style
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from PIL import Image
from scipy import ndimage

from damunet_lite import models
from damunet_lite.plots import contact_sheet, error_map, label_overlay
from damunet_lite.synthetic import synthetic_stack


def micrograph_like(n=6, size=512):
    """Images, their membranes, and blurred, disturbed probabilities of them."""
    stack = synthetic_stack(n=n, size=size, seed=0)
    images, truths = stack.images[..., 0], stack.membranes[..., 0].astype(float)
    noise = np.random.default_rng(0).normal(0, 0.12, truths.shape)
    blurred = [ndimage.gaussian_filter(array, (0, 3, 3)) for array in (truths, noise)]
    return images, truths, np.clip(2.5 * blurred[0] + 6 * blurred[1], 0, 1)


# Style


def test_drawing_leaves_no_trace_in_pyplot_and_no_style_of_the_reader_in_it():
    with plt.style.context("dark_background"):
        before = dict(plt.rcParams)
        mine = plt.figure()
        figure = show_slice(np.eye(4))
        contact_sheet(np.zeros((1, 8, 8)), np.zeros((1, 8, 8)), np.zeros((1, 8, 8)))
        assert plt.get_fignums() == [mine.number]
        plt.close(mine)
        assert dict(plt.rcParams) == before
    assert figure.get_facecolor()[:3] == pytest.approx(to_rgb("#fcfcfa"))
    assert figure.dpi == 100


def test_the_style_has_dark_text_on_light_ground_and_the_colours_of_the_book():
    with plt.rc_context():
        use_style()
        for name in ("text.color", "axes.labelcolor", "xtick.labelcolor"):
            assert to_hex("#" + plt.rcParams[name].removeprefix("#")) == "#26292c"
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0].endswith("0072B2")


# Pictures


MASK = np.eye(2)
PLANE = np.zeros((1, 8, 8))


@pytest.mark.parametrize(
    ("call", "arguments", "words"),
    [
        (error_map, (MASK, np.eye(3)), r"prediction has shape \(3, 3\), wanted \(2, 2"),
        (error_map, (MASK, 0.5 * MASK), "prediction holds 0.5"),
        (error_map, (MASK, MASK, np.eye(3)), r"image has shape \(3, 3\), wanted \(2, 2"),
        (
            error_map,
            (MASK, MASK, 255.0 * MASK),
            r"image has values from 0.0 to 255.0, wanted .0, 1",
        ),
        (
            show_slice,
            (MASK.astype("int64"),),
            "image has dtype int64, wanted uint8, uint16 or floats",
        ),
        (label_overlay, (MASK.astype(int), MASK, 2), r"opacity is 2, wanted a number in \[0, 1\]"),
        (contact_sheet, (PLANE - 1, PLANE, PLANE), "image has values from -1.0 to -1.0, wanted"),
        (contact_sheet, (PLANE, PLANE + 2, PLANE), "truths holds 2.0 .*wanted only 0 and 1"),
        (contact_sheet, (PLANE, PLANE[:, 1:], PLANE), r"truths has shape \(1, 7, 8\), wanted"),
        (contact_sheet, (PLANE, PLANE, PLANE - 4), "probabilities has values from -4.0 to -4.0"),
        (contact_sheet, (PLANE, PLANE, PLANE[..., 1:]), r"probabilities has shape \(1, 8, 7\)"),
        (contact_sheet, (PLANE, PLANE, PLANE, 128), r"threshold is 128, wanted a number in \[0, 1"),
        (show_slice, (np.zeros((2, 3, 4)),), r"image has shape \(2, 3, 4\)"),
        (show_slice, (MASK, 2 * MASK), "mask holds 2.0"),
        (show_slice, (np.zeros((3, 3, 3)), MASK), r"mask has shape \(2, 2\)"),
        (label_overlay, (np.zeros((2, 2)),), "labels has dtype float64, wanted integers"),
        (profile, (np.eye(3), (0, 0), (0, 3)), r"end is \(0, 3\), wanted"),
        (profile, (np.eye(3), (1, 1), (1, 1)), "like start"),
        (profile, (np.eye(3), (1, 1), (1, 2), MASK), r"mask has shape \(2, 2\)"),
        (curves, ({},), "at least one curve"),
        (curves, ({"loss": [1, 2]}, [1]), "x has 1 values, wanted 2"),
        (score_bars, ({},), "scores is empty"),
        (score_bars, ({"a": 1}, "score", ["b"]), "baselines has 'b'"),
        (fold_dots, ({"a": []},), "at least one score"),
    ],
)
def test_errors_name_the_argument_and_what_was_wanted(call, arguments, words):
    with pytest.raises(ValueError, match=words):
        call(*arguments)


def test_show_slice_scales_by_the_full_range_not_by_the_image():
    image = np.full((4, 4), 51, np.uint8)
    shown = show_slice(image).axes[0].get_images()[0]
    np.testing.assert_allclose(shown.get_array(), 0.2)
    assert shown.get_clim() == (0, 1)
    tinted = show_slice(image, np.eye(4)).axes[0].get_images()[0].get_array()
    np.testing.assert_allclose(tinted[0, 1], [0.2] * 3)
    np.testing.assert_allclose(tinted[0, 0], 0.55 * 0.2 + 0.45 * np.array([230, 159, 0]) / 255)


def test_show_slice_draws_on_given_axes():
    figure, axes = plt.subplots(1, 2)
    assert show_slice(np.eye(4), ax=axes[1], title="here") is axes[1]
    assert (len(axes[0].get_images()), len(axes[1].get_images())) == (0, 1)
    assert axes[1].get_title(loc="left") + axes[1].get_title() == "here"
    plt.close(figure)


def test_contact_sheet_is_a_small_file_of_at_most_900_pixels_with_six_slices_in_a_row(tmp_path):
    path = tmp_path / "new folder" / "sheet.png"
    contact_sheet(*micrograph_like(), path=path)
    assert path.stat().st_size < 160_000
    with Image.open(path) as picture:
        assert picture.size[0] <= 900
    images = np.zeros((8, 8, 8))
    figure = contact_sheet(images, images, images, titles=list("abcdefgh"))
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert (len(figure.axes), len(shown)) == (48, 32)
    assert "".join(ax.get_title() for ax in shown) == "abcdefgh"
    assert [ax.get_ylabel() for ax in shown].count("errors") == 2


def test_contact_sheet_shows_where_membrane_is_missed_and_where_it_is_false():
    truths = np.zeros((1, 120, 120))
    truths[0, :, :60] = 1  # membrane on the left
    probabilities = np.zeros((1, 120, 120))
    probabilities[0, 60:] = 1  # found below
    figure = contact_sheet(np.ones_like(truths), truths, probabilities)
    panels = [ax.get_images()[0].get_array() for ax in figure.axes]
    assert [ax.get_ylabel() for ax in figure.axes] == ["image", "truth", "probability", "errors"]
    corners = [(5, 5), (5, -5), (-5, 5), (-5, -5)]  # missed, cell, found, false
    grey = [[panel[corner] for corner in corners] for panel in panels[:3]]
    np.testing.assert_array_equal(grey, [[1, 1, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0]])
    wanted = [to_rgb("#D55E00"), (1, 1, 1), (1, 1, 1), to_rgb("#0072B2")]
    np.testing.assert_allclose([panels[3][corner] for corner in corners], wanted, atol=1e-6)
    legend = zip(figure.legends[0].get_texts(), figure.legends[0].get_patches(), strict=True)
    said = {text.get_text()[:6]: to_hex(patch.get_facecolor()) for text, patch in legend}
    assert said == {"missed": "#d55e00", "false ": "#0072b2"}


def test_contact_sheet_counts_errors_at_the_threshold_on_cell():
    truths = np.zeros((1, 10, 10, 1))
    truths[0, 0] = 1  # ten membrane pixels
    probabilities = np.zeros((1, 10, 10, 1))
    probabilities[0, 0, :6] = 0.75  # six found at threshold 0.5: cell probability 0.25
    probabilities[0, 5, :2] = 0.375  # two false ones at threshold 0.7: cell probability 0.625
    images = np.ones((1, 10, 10, 1))
    for threshold, wanted in ((0.5, (4, 0)), (0.25, (4, 0)), (0.2, (10, 0)), (0.7, (4, 2))):
        figure = contact_sheet(images, truths, probabilities, threshold)
        missed, false = wanted
        assert figure.axes[3].get_xlabel() == f"{missed}.0 % missed\n{false}.0 % false"
    # In double precision, as the scores: the float32 of 0.7 lies below 0.7.
    figure = contact_sheet(images, truths * 0, np.full_like(truths, 0.7, np.float32), 0.3)
    assert figure.axes[3].get_xlabel() == "0.0 % missed\n0.0 % false"


def test_neighbouring_cells_never_share_a_colour():
    _, truths, _ = micrograph_like(n=1, size=256)
    labels, n = ndimage.label(truths[0] == 0)
    labels.setflags(write=False)  # as a memory map has it
    rgb = label_overlay(labels)
    assert n > 40
    assert not rgb[labels == 0].any()
    assert len(np.unique(rgb[labels > 0], axis=0)) <= 7
    # Independent of the growing inside: cells within 3 pixels of each other.
    for cell in range(1, n + 1):
        own = labels == cell
        colour = rgb[own]
        assert (colour == colour[0]).all()
        near = ndimage.binary_dilation(own, iterations=3) & (labels > 0) & ~own
        assert (rgb[near] != colour[0]).any(axis=-1).all()


def test_label_overlay_blends_with_the_image_and_does_not_mind_gaps_in_the_numbers():
    few, far = label_overlay(np.array([[1, 0, 2, 0, 3]])), np.array([[10, 0, 20, 0, 4000]])
    np.testing.assert_array_equal(few, label_overlay(far))
    rgb = label_overlay(np.array([[1, 0]]), image=np.array([[0.5, 0.5]]), opacity=0.5)
    np.testing.assert_allclose(rgb, [[0.25 + 0.5 * few[0, 0], [0.5] * 3]])


def test_profile_draws_line_curve_and_membrane():
    rows, columns = np.mgrid[:20, :30]
    graph = profile((rows + 2 * columns) / 100, (2, 3), (14, 19)).axes[1]
    distance, intensity = graph.lines[0].get_xydata().T
    assert (distance[-1], len(distance)) == (20, 21)  # 12, 16, 20
    assert (graph.get_xlim(), graph.get_ylim()) == ((0, 20), (0, 1))
    np.testing.assert_allclose(intensity, (8 + distance * (12 + 32) / 20) / 100)
    image = np.ones((20, 20))
    image[:, 8:10] = 0.25
    figure = profile(image, (5, 0), (5, 19), mask=(image < 1).astype(int))
    picture, graph = figure.axes
    np.testing.assert_array_equal(picture.lines[-1].get_xydata(), [[0, 5], [19, 5]])
    np.testing.assert_allclose(graph.lines[0].get_ydata()[7:11], [1, 0.25, 0.25, 1])
    (shaded,) = graph.patches
    assert (shaded.get_x(), shaded.get_width()) == pytest.approx((7.5, 2))


# Numbers


def test_curves_pair_training_and_validation():
    history = {"step": [10, 20], "loss": [2, 1], "val_loss": [3, 2], "dice": [0.1, 0.2]}
    axes = curves(history, x="step").axes[0]
    loss, validation, dice = axes.lines
    np.testing.assert_array_equal(loss.get_xydata(), [[10, 2], [20, 1]])
    assert loss.get_color() == validation.get_color() != dice.get_color()
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-"]
    assert curves({"loss": [1, 2, 3]}).axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]


def test_score_bars_leave_unknown_scores_open():
    scores = {"trivial": 0.876, "known": 0.9, "unknown": np.nan}
    (axes,) = score_bars(scores, baselines=["trivial"]).axes
    assert [bar.get_width() for bar in axes.patches] == [0.876, 0.9, 0]
    assert [text.get_text() for text in axes.texts] == ["0.876", "0.900", "?"]
    grey, blue = (bar.get_facecolor() for bar in axes.patches[:2])
    assert np.ptp(grey[:3]) < 0.05 < np.ptp(blue[:3])


def test_fold_dots_show_every_fold_and_the_mean():
    axes = fold_dots({"a": [0.5, 0.7], "b": [0.9]}).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [[0.5, 0.7], [0.9]]
    assert [t.get_text() for t in axes.texts] == ["0.600", "0.900"]
    assert [t.get_position()[0] for t in axes.texts] == pytest.approx([0.6, 0.9])
    # one upright line a network, at the mean of its folds
    upright = [line for line in axes.lines if line.get_marker() == "None"]
    np.testing.assert_allclose([line.get_xdata() for line in upright], [[0.6] * 2, [0.9] * 2])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


# Networks


def arrows(layout):
    return {(e.source, e.target): e.kind for e in layout.edges}


def test_a_plain_unet_has_one_box_a_block():
    layout = network_layout(models.unet(base_filters=4), side=64)
    table = [f"{b.name} {b.kind} {b.size[0]} {b.channels} {b.row} {b.column}" for b in layout.boxes]
    wanted = """
        image input 64 1 0 0
        down1 block 64 4 0 1
        down2 block 32 8 1 2
        down3 block 16 16 2 3
        down4 block 8 32 3 4
        bottom block 4 64 4 5
        up4 block 8 32 3 6
        up3 block 16 16 2 7
        up2 block 32 8 1 8
        up1 block 64 4 0 9
        main head 64 1 0 10"""
    assert table == [" ".join(line.split()) for line in wanted.strip().splitlines()]
    assert layout["down2"].layers[0] == "down2_conv1"
    assert len(layout["down2"].layers) == 6
    wanted = {("image", "down1"): "flow", ("up1", "main"): "head", ("down4", "bottom"): "down"}
    wanted |= {(f"down{k}", f"down{k + 1}"): "down" for k in (1, 2, 3)}
    wanted |= {(f"down{k}", f"up{k}"): "skip" for k in (1, 2, 3, 4)}
    wanted |= {("bottom", "up4"): "up"} | {(f"up{k + 1}", f"up{k}"): "up" for k in (1, 2, 3)}
    assert arrows(layout) == wanted


def test_gates_attention_heads_and_scaled_images_find_their_places():
    layout = network_layout(models.damu_net(attention="both", base_filters=4, depth=3), side=64)
    kinds = arrows(layout)
    wanted = """down3 up3_gate skip, bottom up3_gate gating, up3_gate up3_cbam skip,
        up3_cbam up3 skip, up3 up2_gate gating, image scale4_conv image,
        scale4_conv down3 image, up3 side4 head"""
    for source, target, kind in (arrow.split() for arrow in wanted.split(",")):
        assert kinds[source, target] == kind
    assert ("down3", "up3") not in kinds
    assert [layout[name].kind for name in ("up3_gate", "up3_cbam")] == ["gate", "attention"]
    assert layout["scale4_conv"].row == layout["down3"].row == 2
    assert layout["scale4_conv"].column == layout["down3"].column - 1
    places = [layout[name].column for name in ("down3", "up3_gate", "up3_cbam", "up3")]
    assert places == sorted(places)
    heads = [box for box in layout.boxes if box.kind == "head"]
    assert {box.name for box in heads} == {"main", "side2", "side4"}
    assert {box.column for box in heads} == {max(box.column for box in layout.boxes)}


def test_no_two_boxes_lie_on_each_other():
    both = models.damu_net(attention="both", base_filters=4)
    for model in (both, models.published_listing(), models.att_unet(base_filters=4, depth=2)):
        boxes = network_layout(model).boxes
        for i, one in enumerate(boxes):
            for two in boxes[i + 1 :]:
                assert one.row != two.row or abs(one.column - two.column) > 0.35


def test_the_listings_dozen_gate_layers_are_one_box_and_its_quirk_shows():
    published = arrows(network_layout(models.published_listing()))
    corrected = network_layout(models.published_listing(correct_gate3=True))
    assert published[("up1", "gate3")] == "gating"
    assert ("up2", "gate3") not in published
    assert arrows(corrected)[("up2", "gate3")] == "gating"
    gates = [box for box in corrected.boxes if box.kind == "gate"]
    assert [box.name for box in gates] == ["gate1", "gate2", "gate3"]
    assert all(len(box.layers) == 14 for box in gates)  # 11 of the gate, 3 of its signal
    assert published[("up3", "conv8")] == "flow"
    assert published[("conv8", "side2")] == "head"


def test_layouts_do_not_depend_on_names():
    def block(x, filters):
        x = keras.layers.Conv2D(filters, 3, padding="same")(x)
        return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))

    inputs = keras.Input((32, 48, 1))
    fine = block(inputs, 4)
    coarse = block(keras.layers.Conv2D(8, 3, strides=2, padding="same")(fine), 8)
    up = keras.layers.UpSampling2D()(coarse)
    merged = block(keras.layers.Concatenate()([fine, up]), 4)
    outputs = keras.layers.Conv2D(1, 1, activation="sigmoid")(merged)
    layout = network_layout(keras.Model(inputs, outputs))
    table = [f"{b.kind} {b.size} {b.channels} {b.row} {b.column}" for b in layout.boxes]
    wanted = """
        input (32, 48) 1 0 0
        block (32, 48) 4 0 1
        block (16, 24) 8 1 2
        block (32, 48) 4 0 3
        head (32, 48) 1 0 4"""
    assert table == [line.strip() for line in wanted.strip().splitlines()]
    assert [e.kind for e in layout.edges] == ["flow", "down", "skip", "up", "head"]


def test_a_drawing_shows_every_box_and_arrow(tmp_path):
    model = models.damu_net(base_filters=4, depth=3)
    layout = network_layout(model)
    figure = draw_network(model, title="DAMU-Net")
    axes = figure.axes[0]
    colours = {"gating": "#d55e00", "down": "#0072b2", "up": "#009e73", "image": "#e69f00"}
    colours |= {"flow": "#55595d", "head": "#55595d", "skip": "#8a8f94"}
    assert not axes.axison
    drawn = [to_hex(p.get_edgecolor()) for p in axes.patches if isinstance(p, FancyArrowPatch)]
    assert drawn == [colours[edge.kind] for edge in layout.edges]
    texts = [text.get_text() for text in axes.texts]
    names = {box.name for box in layout.boxes if box.kind in ("block", "head")}
    assert names | {"image"} <= set(texts)
    assert texts.count("G") == 2
    arrows = [part for part in axes.patches if isinstance(part, FancyArrowPatch)]
    boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, Circle | FancyBboxPatch)]
    shapes = dict(zip((box.name for box in layout.boxes), boxes, strict=True))
    assert not any(a.overlaps(b) for a, b in combinations(shapes.values(), 2))
    places = [axes.transData.transform(text.get_position()) for text in axes.texts]
    for box in layout.boxes:
        word = {"input": "image", "gate": "G", "head": box.name}.get(box.kind, str(box.channels))
        middle = np.mean(shapes[box.name].get_points(), axis=0)
        inside = [np.allclose(middle, place, atol=1) for place in places]
        assert word in np.array(texts)[inside]
    for edge, arrow in zip(layout.edges, arrows, strict=True):
        ends = axes.transData.transform(arrow._posA_posB)
        for end, name in zip(ends, (edge.source, edge.target), strict=True):
            assert shapes[name].padded(2).contains(*end)
    widths = {box.channels: shapes[box.name].width for box in layout.boxes if box.kind == "block"}
    assert [widths[channels] for channels in sorted(widths)] == sorted(widths.values())
    figure.savefig(tmp_path / "network.png")
    assert figure.get_size_inches()[0] * figure.dpi <= 900
    assert (tmp_path / "network.png").stat().st_size < 60_000
    assert Image.open(tmp_path / "network.png").mode == "P"


def test_a_network_without_pictures_inside_is_refused():
    inputs = keras.Input((8, 8, 1))
    flat = keras.Model(inputs, keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match=r"flatten.*output shape \(1, 64\), wanted \[N, H, W, C\]"):
        network_layout(flat)


def test_interactive_mode_switched_on_by_the_first_figure_stays_on():
    # A notebook's backend does that; without it the reader's own figures are not shown.
    with plt.rc_context({"interactive": False}):
        in_style()(plt.interactive)(True)
        assert plt.isinteractive()
