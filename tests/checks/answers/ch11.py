"""Right and wrong answers to the exercises of chapter 11."""

import numpy as np


def block_parameters(n, f):
    return 9 * n * f + f + 9 * f * f + f + 8 * f


def misfed(rows, gating):
    return [gate for source, gate in gating if rows[source] != rows[gate] + 1]


CHANGED = {"conv4", "center", "gate1", "signal2", "gate2", "up2", "conv6"}


def parts(model):
    found = {}
    for layer in model.layers:
        part = layer.name.split("_")[0]
        found[part] = found.get(part, 0) + layer.count_params()
    return {part: count for part, count in found.items() if count}


def block_parameters_by_layer(channels_in, filters):
    total = 0
    for channels in (channels_in, filters):
        total += 3 * 3 * channels * filters + filters
        total += 4 * filters
    return total


def block_parameters_in_one(n, f):
    return np.array([f * (9 * (n + f) + 10)])


def misfed_as_set(rows, gating):
    return {gate for source, gate in gating if rows[source] - rows[gate] != 1}


def misfed_by_difference(rows, gating):
    return (pair[1] for pair in gating if rows[pair[1]] != rows[pair[0]] - 1)


def fixed_rows(rows, gating):
    """Right for the rows of the first network only."""
    return [gate for _, gate in gating if gate != "gate_a"]


RIGHT = {
    "block_parameters": [block_parameters, block_parameters_by_layer, block_parameters_in_one],
    "misfed": [misfed, misfed_as_set, misfed_by_difference],
    "changed_parts": [CHANGED, sorted(CHANGED), np.array(sorted(CHANGED))],
    "unused": [1_276_739, 1_276_739.0, np.array([1_276_739])],
    "rival_filters": [34, 34.0, np.float32(34)],
}
WRONG = {
    "block_parameters": [
        dict(side_not_area=lambda n, f: 3 * n * f + f + 3 * f * f + f + 8 * f),
        dict(half_norm=lambda n, f: block_parameters(n, f) - 4 * f, other=lambda n, f: 92_800),
        dict(input_twice=lambda n, f: 2 * (9 * n * f + f) + 8 * f),
        dict(no_bias=lambda n, f: block_parameters(n, f) - 2 * f),
        dict(no_norm=lambda n, f: block_parameters(n, f) - 8 * f),
        dict(one_convolution=lambda n, f: 9 * n * f + f + 4 * f),
    ],
    "misfed": [
        dict(from_above=lambda rows, gating: [g for s, g in gating if abs(rows[s] - rows[g]) != 1]),
        dict(direction=lambda rows, gating: [g for s, g in gating if rows[s] + 1 != rows[g]]),
        dict(inverted=lambda rows, gating: [g for s, g in gating if rows[s] == rows[g] + 1]),
        dict(sources=lambda rows, gating: [s for s, g in gating if rows[s] != rows[g] + 1]),
        dict(only_far=lambda rows, gating: [g for s, g in gating if rows[s] > rows[g] + 1]),
        dict(only_near=lambda rows, gating: [g for s, g in gating if rows[s] <= rows[g]]),
        dict(only_same=lambda rows, gating: [g for s, g in gating if rows[s] == rows[g]]),
        dict(same_row=lambda rows, gating: [g for s, g in gating if rows[s] != rows[g]]),
        dict(all=lambda rows, gating: [g for s, g in gating], no_gate=lambda rows, gating: []),
        dict(wrong_shape=lambda rows, gating: len(gating), other=lambda rows, gating: ["gate_d"]),
        dict(wrong_shape=lambda rows, gating: "gate_b", fixed=fixed_rows),
    ],
    "changed_parts": [
        dict(behind_concatenation={"conv4", "center", "gate1"}, wrong_shape=[["conv4", "center"]]),
        dict(behind_concatenation=CHANGED - {"signal2"}, reads_conv4=CHANGED - {"center"}),
        dict(reads_image=CHANGED | {"scale8"}, reads_centre=CHANGED | {"up1"}, no_part={"conv5"}),
        dict(too_far=CHANGED | {"conv7"}, no_part={"conv4", "centre"}, other=CHANGED | {"conv1"}),
        dict(only_itself={"conv4"}, untouched=set(), wrong_shape=7),
    ],
    "unused": [
        dict(main_branch=1_276_739 + 27_968 + 33, blocks_only=1_276_739 - 451, other=1_276_000),
        dict(share=1_276_739 / 5_638_503, conv9=1_276_739 + 27_968, kept=4_361_764, heads_only=451),
        dict(all=5_638_503, share=22.6),
        dict(share=23),
    ],
    "rival_filters": [
        dict(factor=(8_806_151 / 7_768_353) ** 0.5, growth=8_806_151 / 7_768_353, not_whole=34.07),
        dict(wrong_shape="34 filters", parameters=8_806_151, unchanged=32, doubled=64, linear=36),
        dict(other=33, more=2),
        dict(other=35),
    ],
}
