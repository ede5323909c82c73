"""Right and wrong answers to the exercises of chapter 11."""

import numpy as np


def block_parameters(n, f):
    return 9 * n * f + f + 9 * f * f + f + 8 * f


def gates_where(wrong, place=1):
    """Gates, or at place 0 sources, by how many rows deeper the source is."""
    return lambda rows, gating: [
        pair[place] for pair in gating if wrong(rows[pair[0]] - rows[pair[1]])
    ]


def misfed(rows, gating):
    return [gate for source, gate in gating if rows[source] != rows[gate] + 1]


CHANGED = {"conv4", "center", "gate1", "signal2", "gate2", "up2", "conv6"}


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
        dict(fixed=lambda rows, gating: [gate for _, gate in gating if gate != "gate_a"]),
        dict(from_above=gates_where(lambda d: abs(d) != 1), inverted=gates_where(lambda d: d == 1)),
        dict(wrong_shape=lambda rows, gating: len(gating), only_near=gates_where(lambda d: d <= 0)),
        dict(wrong_shape=lambda rows, gating: "gate_b", direction=gates_where(lambda d: d != -1)),
        dict(sources=gates_where(lambda d: d != 1, 0), only_same=gates_where(lambda d: d == 0)),
        dict(same_row=gates_where(lambda d: d != 0), only_far=gates_where(lambda d: d > 1)),
        dict(other=lambda rows, gating: ["gate_d"], no_gate=gates_where(lambda d: False)),
        dict(all=gates_where(lambda d: True)),
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
