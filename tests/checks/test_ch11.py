"""Chapter 11's checkers: each typical mistake gets the message written for it."""

import pytest
from damunet_book.checks import ch11

from damunet_lite import models


def block_parameters(n, f):
    return 9 * n * f + f + 9 * f * f + f + 8 * f


def misfed(rows, gating):
    return [gate for source, gate in gating if rows[source] != rows[gate] + 1]


CHANGED = {"conv4", "center", "gate1", "signal2", "gate2", "up2", "conv6"}
SOLUTIONS = {
    "block_parameters": block_parameters,
    "misfed": misfed,
    "changed_parts": CHANGED,
    "unused": 1_276_739,
    "rival_filters": 34,
}
UNTOUCHED = {
    "block_parameters": lambda n, f: ...,
    "misfed": lambda rows, gating: ...,
    "changed_parts": ...,
    "unused": ...,
    "rival_filters": ...,
}
WRONG = [
    ("block_parameters", lambda n, f: block_parameters(n, f) - 2 * f, "no_bias"),
    ("block_parameters", lambda n, f: 2 * (9 * n * f + f) + 8 * f, "input_twice"),
    ("block_parameters", lambda n, f: block_parameters(n, f) - 4 * f, "half_norm"),
    ("block_parameters", lambda n, f: block_parameters(n, f) - 8 * f, "no_norm"),
    ("block_parameters", lambda n, f: 3 * n * f + f + 3 * f * f + f + 8 * f, "side_not_area"),
    ("block_parameters", lambda n, f: 9 * n * f + f + 4 * f, "one_convolution"),
    ("block_parameters", lambda n, f: 92_800, "other"),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] == rows[g] + 1], "inverted"),
    ("misfed", lambda rows, gating: [s for s, g in gating if rows[s] != rows[g] + 1], "sources"),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] > rows[g] + 1], "only_far"),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] <= rows[g]], "only_near"),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] + 1 != rows[g]], "direction"),
    ("misfed", lambda rows, gating: len(gating), "wrong_shape"),
    ("misfed", lambda rows, gating: "gate_b", "wrong_shape"),
    (
        "misfed",
        lambda rows, gating: [g for s, g in gating if abs(rows[s] - rows[g]) != 1],
        "from_above",
    ),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] == rows[g]], "only_same"),
    ("misfed", lambda rows, gating: [g for s, g in gating if rows[s] != rows[g]], "same_row"),
    ("misfed", lambda rows, gating: [g for s, g in gating], "all"),
    ("misfed", lambda rows, gating: [], "none"),
    ("misfed", lambda rows, gating: ["gate_d"], "other"),
    ("changed_parts", {"conv4"}, "only_itself"),
    ("changed_parts", {"conv4", "center", "gate1"}, "behind_concatenation"),
    ("changed_parts", CHANGED - {"signal2"}, "behind_concatenation"),
    ("changed_parts", CHANGED - {"center"}, "reads_conv4"),
    ("changed_parts", CHANGED | {"up1"}, "reads_centre"),
    ("changed_parts", CHANGED | {"scale8"}, "reads_image"),
    ("changed_parts", CHANGED | {"conv7"}, "too_far"),
    ("changed_parts", CHANGED | {"conv1"}, "other"),
    ("changed_parts", {"conv5"}, "wrong_shape"),
    ("changed_parts", 7, "wrong_shape"),
    ("unused", 4_361_764, "kept"),
    ("unused", 1_276_739 + 27_968 + 33, "main_branch"),
    ("unused", 1_276_739 + 27_968, "conv9"),
    ("unused", 451, "heads_only"),
    ("unused", 1_276_739 - 451, "blocks_only"),
    ("unused", 5_638_503, "all"),
    ("unused", 1_276_739 / 5_638_503, "share"),
    ("unused", 23, "share"),
    ("unused", 22.6, "share"),
    ("unused", 1_276_000, "other"),
    ("changed_parts", [["conv4", "center"]], "wrong_shape"),
    ("changed_parts", {"conv4", "centre"}, "wrong_shape"),
    ("rival_filters", 36, "linear"),
    ("rival_filters", 32, "unchanged"),
    ("rival_filters", 64, "doubled"),
    ("rival_filters", 8_806_151, "parameters"),
    ("rival_filters", (8_806_151 / 7_768_353) ** 0.5, "factor"),
    ("rival_filters", 8_806_151 / 7_768_353, "growth"),
    ("rival_filters", 2, "more"),
    ("rival_filters", 34.07, "not_whole"),
    ("rival_filters", 33, "other"),
    ("rival_filters", 35, "other"),
    ("rival_filters", "34 filters", "wrong_shape"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch11, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch11, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch11, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict


def test_other_right_answers_pass():
    assert ch11.misfed(lambda rows, gating: {g for s, g in gating if rows[s] - rows[g] != 1})
    assert ch11.misfed(lambda rows, gating: (g for s, g in gating if rows[g] != rows[s] - 1))
    assert ch11.changed_parts(list(CHANGED))
    assert ch11.unused(1_276_739.0)
    assert ch11.rival_filters(34.0)


def test_a_number_to_be_predicted_is_not_given_away():
    for answer in (1_276_000, 2_000_000):
        message = ch11.unused(answer).message
        assert "1276739" not in message.replace(",", "")
    assert "too small" in ch11.unused(1_276_000).message


def parts(model):
    found = {}
    for layer in model.layers:
        part = layer.name.split("_")[0]
        found[part] = found.get(part, 0) + layer.count_params()
    return {part: count for part, count in found.items() if count}


def test_the_checkers_know_the_listing():
    listing = models.published_listing()
    assert listing.count_params() == ch11._LISTING
    assert listing.main_network().count_params() == ch11._MAIN_ONLY
    assert parts(listing)["conv9"] == ch11._CONV9
    assert set(parts(listing)) == ch11._PARTS
    narrow = parts(models.published_listing(correct_gate3=True))
    wide = parts(models.published_listing(correct_gate3=True, full_conv4=True))
    assert {part for part in narrow if narrow[part] != wide[part]} == CHANGED


def test_the_rival_is_the_nearest_in_size():
    wanted = models.damu_net().count_params()
    sizes = {f: models.unet(base_filters=f).count_params() for f in (32, 33, 34, 35)}
    assert min(sizes, key=lambda f: abs(sizes[f] - wanted)) == 34
    assert f"{sizes[34]:,}" in ch11.rival_filters(34).message
    assert abs(sizes[34] / wanted - 1) < 0.005
    for answer in (33, 35):
        assert "34" not in ch11.rival_filters(answer).message
