"""Chapter 11's checkers: each typical mistake gets the message written for it."""

import pytest

from damunet_lite import models
from damunet_lite.checks import ch11


def block_parameters(n, f):
    return 9 * n * f + f + 9 * f * f + f + 8 * f


def misfed(rows, gating):
    return [gate for source, gate in gating if rows[source] != rows[gate] + 1]


def scale_cost(base_filters, depth):
    widths = [base_filters * 2**level for level in range(1, depth)]
    return sum(9 * c + c + 9 * c * c for c in widths)


CHANGED = {"conv4", "center", "gate1", "signal2", "gate2", "up2", "conv6"}
SOLUTIONS = {
    "block_parameters": block_parameters,
    "misfed": misfed,
    "changed_parts": CHANGED,
    "unused": 1_276_739,
    "scale_cost": scale_cost,
}
UNTOUCHED = {
    "block_parameters": lambda n, f: ...,
    "misfed": lambda rows, gating: ...,
    "changed_parts": ...,
    "unused": ...,
    "scale_cost": lambda base_filters, depth: ...,
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
    ("misfed", lambda rows, gating: [g for s, g in gating if abs(rows[s] - rows[g]) != 1],
     "from_above"),
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
    ("scale_cost", lambda b, d: sum(10 * b * 2**i for i in range(1, d)), "no_widening"),
    ("scale_cost", lambda b, d: sum(9 * (b * 2**i) ** 2 for i in range(1, d)), "no_own"),
    ("scale_cost", lambda b, d: scale_cost(b, d) - sum(b * 2**i for i in range(1, d)), "no_bias"),
    ("scale_cost", lambda b, d: scale_cost(b, d) + 10 * b + 9 * b * b, "first_level"),
    ("scale_cost", lambda b, d: scale_cost(b, d + 1), "bottom"),
    ("scale_cost", lambda b, d: scale_cost(b, d - 1), "one_level_short"),
    ("scale_cost", lambda b, d: scale_cost(b, 4), "depth_ignored"),
    ("scale_cost", lambda b, d: scale_cost(32, d), "base_filters_ignored"),
    ("scale_cost", lambda b, d: (d - 1) * scale_cost(b // 2, 2), "same_widths"),
    ("scale_cost", lambda b, d: scale_cost(b, d) + 1, "other"),
]  # fmt: skip


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
    gained = models.damu_net().count_params() - models.datt_unet().count_params()
    assert gained == scale_cost(32, 4)
