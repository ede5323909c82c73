"""What the exercises take for true, counted over, and what checkers say beside the diagnosis."""

import re
import traceback
from collections import Counter

import numpy as np
import pytest
from checks.answers import ch09 as answers_9
from checks.answers import ch10 as answers_10
from checks.answers import ch11 as answers_11
from checks.answers import ch12 as answers_12
from damunet_book.checks import ch02, ch05, ch09, ch10, ch11

from damunet_lite import models, training
from damunet_lite.supervision import head_targets, head_weights


def test_the_answers_of_chapter_2_follow_from_first_principles():
    square = np.arange(9).reshape(3, 3)
    flips = [square[::rows, ::columns] for rows in (1, -1) for columns in (1, -1)]
    pictures = {np.rot90(flip, turn).tobytes() for flip in flips for turn in range(4)}
    assert ch02.symmetries(len(pictures))
    draws = np.random.default_rng(0).permuted(np.tile(np.arange(30), (20_000, 1)), axis=1)
    tests = np.sort(draws[:, :6])
    inner = tests[(tests == 14).any(axis=1)]
    lonely = (inner == 13).any(axis=1) & (inner == 15).any(axis=1)
    assert 1 - lonely.mean() == pytest.approx(1 - 5 / 29 * 4 / 28, abs=0.01)


def test_the_mystery_is_what_its_answer_says():
    y, p = [1.0, 1, 0], np.array([1.0, 0.5, 0.25])
    # TP 1.5, FN 0.5, FP 0.25: 1 - 1.5 / (1.5 + 3 * 0.5 + 2 * 0.25) = 4/7
    assert ch05.mystery(y, p, a=2, b=2, c=3) == pytest.approx((4 / 7) ** 0.5)
    assert np.isnan(ch05.mystery(np.zeros(2), np.zeros(2), 1, 1, 1))


STRANGE = [([1, 0], [1], 1, 1, 1), ("ab", "ab", 1, 1, 1), ([1, 0], [1, 1], 0, 1, 1)]
STRANGE += [([1, 0], [1, 1], 1, "two", 1), ([1, 0], [1, 1], 1, 1, None)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("arguments", STRANGE)
def test_the_mystery_stays_one_where_it_stops(arguments):
    with pytest.raises(ValueError, match="wanted") as stopped:
        ch05.mystery(*arguments)
    assert not re.search(r"tp|1 / a", "".join(traceback.format_exception(stopped.value)))


def test_what_chapter_9_asks_for_is_what_the_package_does():
    mask = np.random.default_rng(0).random((1, 8, 8, 1)) < 0.3
    for rule in ("any_membrane", "area", "strided"):
        target = head_targets(mask.astype("float32"), {"side4": (2, 2)}, rule)["side4"]
        ours = answers_9.shrink(mask[0, ..., 0].astype("float32"), 4, rule)
        np.testing.assert_allclose(np.asarray(target)[0, ..., 0], ours)
    ours = answers_9.weights(3, 0.4)
    assert list(head_weights(["main", "side2", "side4"], 0.4).values()) == pytest.approx(ours)


def test_widths_and_dips_counted_over_all_positions():
    seen, width, dip = [], [], []
    for start in range(8):
        row = np.zeros((8, 24))
        row[:, start : start + 3] = 1
        seen.append(answers_9.shrink(row, 8, "strided").any())
        width.append(8 * answers_9.shrink(row, 8, "any_membrane").sum())
        dip.append(0.24 * answers_9.shrink(row, 8, "area").max())
    assert ch09.painted_width([np.mean(seen), np.mean(width)])
    assert ch10.dips([max(dip), min(dip)])


@pytest.mark.parametrize(("base_filters", "depth"), [(4, 3), (2, 4)])
def test_the_parameters_of_multi_scale_input_are_those_of_the_network(base_filters, depth):
    plain, multi = (
        models.unet(base_filters=base_filters, depth=depth, multi_scale=scales).count_params()
        for scales in (False, True)
    )
    assert multi - plain == answers_10.parameters(base_filters, depth)
    assert (
        f"{answers_10.parameters(32, 4):,}" in ch10.extra_parameters(answers_10.parameters).message
    )


def parts(model):
    found = Counter()
    for layer in model.layers:
        found[layer.name.split("_")[0]] += layer.count_params()
    return +found


def test_the_checkers_know_the_listing():
    listing = models.published_listing()
    assert listing.count_params() == ch11._LISTING
    assert listing.main_network().count_params() == ch11._MAIN_ONLY
    assert parts(listing)["conv9"] == ch11._CONV9
    assert set(parts(listing)) == ch11._PARTS
    narrow = parts(models.published_listing(correct_gate3=True))
    wide = parts(models.published_listing(correct_gate3=True, full_conv4=True))
    assert {part for part in narrow if narrow[part] != wide[part]} == answers_11.CHANGED


def test_the_rival_is_the_nearest_in_size():
    wanted = models.damu_net().count_params()
    sizes = {f: models.unet(base_filters=f).count_params() for f in (33, 34, 35)}
    assert min(sizes, key=lambda f: abs(sizes[f] - wanted)) == 34
    assert f"{sizes[34]:,}" in ch11.rival_filters(34).message
    assert abs(sizes[34] / wanted - 1) < 0.005
    assert not any("34" in ch11.rival_filters(answer).message for answer in (33, 35))


def test_the_schedule_is_that_of_the_package():
    config = training.TrainConfig("unet", {"base_filters": 2, "depth": 1}, steps=100)
    optimizer = training.build(config).optimizer
    for step in (0, 5, 19, 20, 40, 99):
        optimizer.iterations.assign(step)
        wanted = answers_12.rate(step, 100, 20, 1e-3)
        assert float(optimizer.learning_rate) == pytest.approx(wanted, rel=1e-4)
