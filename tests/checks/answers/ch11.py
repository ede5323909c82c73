"""Right and wrong answers to the exercises of chapter 11."""

import numpy as np
import pandas as pd
from checks.answers.shared import asked
from damunet_book.checks import ch11


def block_parameters_by_layer(channels_in, filters):
    kernels = [(3, 3, channels_in, filters), (3, 3, filters, filters)]
    return sum(np.prod(kernel) + filters + 4 * filters for kernel in kernels)


def gates_where(wrong, place=1):
    """Gates, or at place 0 sources, by how many rows deeper the source is."""
    return lambda rows, gating: [
        pair[place] for pair in gating if wrong(rows[pair[0]] - rows[pair[1]])
    ]


CHANGED = {"conv4", "center", "gate1", "signal2", "gate2", "up2", "conv6"}
N, F = asked(ch11.block_parameters)
COUNT = 9 * N * F + F + 9 * F * F + F + 8 * F
RIGHT = {
    "block_parameters": [
        lambda n, f: 9 * n * f + f + 9 * f * f + f + 8 * f,
        lambda n, f: np.array([f * (9 * (n + f) + 10)]),
        block_parameters_by_layer,
    ],
    "misfed": [
        lambda rows, gating: [gate for source, gate in gating if rows[source] != rows[gate] + 1],
        lambda rows, gating: {gate for source, gate in gating if rows[source] - rows[gate] != 1},
        lambda rows, gating: (pair[1] for pair in gating if rows[pair[1]] != rows[pair[0]] - 1),
    ],
    "changed_parts": [CHANGED, dict.fromkeys(CHANGED), pd.Series(sorted(CHANGED))],
    "unused": [1_276_739, 1_276_739.0, np.array([1_276_739])],
    "rival_filters": [34, 34.0, np.float32(34)],
}
WRONG = {
    "block_parameters": [
        dict(side_not_area=3 * N * F + F + 3 * F * F + F + 8 * F, other=lambda n, f: 92_800),
        dict(input_twice=2 * (9 * N * F + F) + 8 * F, one_convolution=9 * N * F + F + 4 * F),
        dict(half_norm=COUNT - 4 * F, no_bias=COUNT - 2 * F, no_norm=COUNT - 8 * F),
    ],
    "misfed": [
        dict(from_above=gates_where(lambda d: abs(d) != 1), inverted=gates_where(lambda d: d == 1)),
        dict(direction=gates_where(lambda d: d != -1), sources=gates_where(lambda d: d != 1, 0)),
        dict(only_near=gates_where(lambda d: d <= 0), only_same=gates_where(lambda d: d == 0)),
        dict(same_row=gates_where(lambda d: d != 0), only_far=gates_where(lambda d: d > 1)),
        dict(fixed=["gate_b", "gate_c", "gate_d"], all=gates_where(lambda d: True), wrong_shape=4),
        dict(wrong_shape="gate_b", other=["gate_d"], no_gate=[]),
    ],
    "changed_parts": [
        dict(behind_concatenation={"conv4", "center", "gate1"}, wrong_shape=[["conv4", "center"]]),
        dict(behind_concatenation=CHANGED - {"signal2"}, reads_conv4=CHANGED - {"center"}),
        dict(reads_image=CHANGED | {"scale8"}, reads_centre=CHANGED | {"up1"}, no_part={"conv5"}),
        dict(too_far=CHANGED | {"conv7"}, no_part={"conv4", "centre"}, other=CHANGED | {"conv1"}),
        dict(only_itself={"conv4"}, untouched=set(), wrong_shape=7),
    ],
    "unused": [
        dict(main_branch=1_276_739 + 27_968 + 33, share=1_276_739 / 5_638_503, heads_only=451),
        dict(blocks_only=1_276_739 - 451, conv9=1_276_739 + 27_968, kept=4_361_764, share=22.6),
        dict(other=1_276_000, all=5_638_503, share=23),
    ],
    "rival_filters": [
        dict(factor=(8_806_151 / 7_768_353) ** 0.5, wrong_shape="34 filters", other=33, more=2),
        dict(growth=8_806_151 / 7_768_353, not_whole=34.07, parameters=8_806_151, unchanged=32),
        dict(doubled=64, linear=36, other=35),
    ],
}
