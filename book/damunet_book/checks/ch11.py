"""Checkers of chapter 11: the listing counted, its gating signals, and what each fix costs."""

from collections.abc import Iterable
from typing import Any

from damunet_book.checks import (
    UNTOUCHED,
    WRONG_SHAPE,
    Verdict,
    checker,
    compare,
    not_yet,
    right,
    run,
)

__all__ = ["block_parameters", "changed_parts", "misfed", "rival_filters", "unused"]

_LISTING, _MAIN_ONLY, _CONV9 = 5_638_503, 4_361_764, 27_968
_LOGITS = 65 + 129 + 257
_PARTS = {
    "conv1",
    "scale2",
    "conv2",
    "scale4",
    "conv3",
    "scale8",
    "conv4",
    "center",
    "signal1",
    "gate1",
    "up1",
    "signal2",
    "gate2",
    "up2",
    "signal3",
    "gate3",
    "up3",
    "up4",
    "conv6",
    "conv7",
    "conv8",
    "conv9",
    "main",
    "side2",
    "side4",
    "side8",
}


@checker
def block_parameters(answer: Any) -> Verdict:
    """Exercise 11.1: ``answer(channels_in, filters)`` counts a block of the listing."""
    n, f = 96, 64
    first, second, norms = 9 * n * f + f, 9 * f * f + f, 8 * f
    mistakes = {
        "no_bias": (
            9 * n * f + 9 * f * f + norms,
            "the listing's convolutions have a bias: one number for each filter.",
        ),
        "input_twice": (
            2 * first + norms,
            "the second convolution reads what the first one gave: filters in, filters out.",
        ),
        "half_norm": (
            first + second + norms / 2,
            "there are two batch normalisations, and each keeps four numbers for a channel: "
            "scale, offset, and the running mean and variance, which count although no gradient "
            "moves them.",
        ),
        "no_norm": (first + second, "the batch normalisations are missing."),
        "side_not_area": (
            3 * n * f + f + 3 * f * f + f + norms,
            "a kernel of side 3 has 9 places.",
        ),
        "one_convolution": (first + 4 * f, "a block has two convolutions."),
    }
    compare(run(answer, n, f), first + second + norms, mistakes, 0.5, "the count")
    compare(run(answer, 1, 32), 9_824, tolerance=0.5, what="the count of conv1")
    return right(
        "The encoder's four blocks, the centre and the four blocks before the heads are counted "
        "with it."
    )


_ROWS = {
    "deep": 4,
    "same": 2,
    "far": 4,
    "above": 1,
    "gate_a": 3,
    "gate_b": 2,
    "gate_c": 2,
    "gate_d": 2,
}
_GATING = [("deep", "gate_a"), ("same", "gate_b"), ("far", "gate_c"), ("above", "gate_d")]
_BOTH_WAYS = "exactly one row deeper is wanted."
_MISFED: dict[frozenset[str], tuple[str, str]] = {
    frozenset("a"): ("inverted", "that is the one gate that is fed well: name the others."),
    frozenset({"same", "far", "above"}): (
        "sources",
        "those are the sources: name the gates they feed.",
    ),
    frozenset("bc"): (
        "from_above",
        "a signal from the row above passed, since one row apart was enough for it: the gate's "
        "row has to be the source's less one, with its sign.",
    ),
    frozenset("c"): (
        "only_far",
        f"signals from the gate's own row and from above it are wrong, too: {_BOTH_WAYS}",
    ),
    frozenset("bd"): ("only_near", f"a signal from two rows deeper is wrong, too: {_BOTH_WAYS}"),
    frozenset("b"): (
        "only_same",
        f"signals from above and from two rows deeper are wrong, too: {_BOTH_WAYS}",
    ),
    frozenset("acd"): (
        "same_row",
        "you asked for a signal from the gate's own row: it comes from one row deeper.",
    ),
    frozenset("abc"): (
        "direction",
        "the gate that is fed from above passed and the good one did not: rows are counted "
        "downwards, so deeper is a larger number.",
    ),
    frozenset("abcd"): ("all", "every gate came out: one of them is fed well."),
    frozenset(): ("none", "no gate came out: three of the checker's four are fed wrongly."),
}


@checker
def misfed(answer: Any) -> Verdict:
    """Exercise 11.2: ``answer(rows, gating)`` names the gates with a signal from a wrong row."""
    found = run(answer, dict(_ROWS), list(_GATING))
    listed = isinstance(found, Iterable) and not isinstance(found, str)
    named: list[Any] = list(found) if listed else [found]
    if not listed or not all(isinstance(name, str) for name in named):
        return not_yet("return a list of names of gates.", WRONG_SHAPE)
    letters = frozenset(name.removeprefix("gate_") for name in named)
    if letters == {"b", "c", "d"}:
        return right("Four lines that a reviewer could have run.")
    if letters in _MISFED:
        return not_yet(_MISFED[letters][1], _MISFED[letters][0])
    example = ", ".join(f"{g} (row {_ROWS[g]}) reads row {_ROWS[s]}" for s, g in _GATING)
    return not_yet(
        f"got {sorted(set(named))} where {example}. Which are not fed from one row deeper?"
    )


@checker
def changed_parts(answer: Any) -> Verdict:
    """Exercise 11.3: parts whose parameters change when conv4 gets its 256 filters."""
    if answer is None or answer is Ellipsis or answer == set():
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    if not isinstance(answer, set | frozenset | list | tuple):
        return not_yet("give a set of names such as {'conv4'}.", WRONG_SHAPE)
    if any(part is Ellipsis for part in answer):
        return not_yet("There is no answer yet: replace the three dots.", UNTOUCHED)
    if not all(isinstance(part, str) for part in answer):
        return not_yet("give a set of names such as {'conv4'}.", WRONG_SHAPE)
    given = set(answer)
    if not given <= _PARTS:
        return not_yet(f"no such parts: {sorted(given - _PARTS)}.", WRONG_SHAPE)
    behind = {"signal2", "gate2", "up2", "conv6"}
    tests = (
        (
            given == {"conv4"},
            "only_itself",
            "who reads conv4? Each reader's kernels have as many inputs as conv4 has filters.",
        ),
        (
            given & {"signal1", "up1"},
            "reads_centre",
            "signal1 and up1 read the centre, which has 512 channels before and after.",
        ),
        (
            "scale8" in given,
            "reads_image",
            "scale8 reads the image and makes 256 channels already: nothing changes in it.",
        ),
        (
            given & {"signal3", "gate3", "up3", "conv7", "up4", "conv8", "conv9"},
            "too_far",
            "up2 puts out 64 filters and conv3's 128 channels, whatever it reads: nothing that "
            "starts from up2 changes.",
        ),
        (
            "conv4" not in given or not {"center", "gate1"} <= given,
            "reads_conv4",
            "conv4 itself changes, and so do the two that read it: one below, one beside.",
        ),
        (
            not behind <= given,
            "behind_concatenation",
            "up1 ends in a concatenation with the gated conv4, so it has more channels: who reads "
            f"up1? Of those you have {sorted(given & behind)}.",
        ),
    )
    for hit, mistake, message in tests:
        if hit:
            return not_yet(message, mistake)
    if given != behind | {"conv4", "center", "gate1"}:
        return not_yet("one name is too many: does that part read anything that has changed?")
    return right("Seven parts, and 2,903,808 parameters more.")


@checker
def unused(answer: Any) -> Verdict:
    """Exercise 11.4: parameters of the listing that the main map never reads."""
    wanted = _LISTING - _MAIN_ONLY
    mistakes = {
        "kept": (_MAIN_ONLY, "that is what the main map needs: we ask for the rest."),
        "main_branch": (
            wanted + _CONV9 + 33,
            "conv9 and its head make the main map: they must stay.",
        ),
        "conv9": (wanted + _CONV9, "conv9 makes the main map: it must stay."),
        "heads_only": (
            _LOGITS,
            "that is the three 1 x 1 convolutions; conv6, conv7 and conv8 feed nothing else.",
        ),
        "blocks_only": (wanted - _LOGITS, "conv6 to conv8, yes; their three heads go with them."),
        "all": (_LISTING, "that is the whole network."),
    }
    look = "Add up conv6, conv7, conv8 and the three side heads, and nothing else."
    if isinstance(answer, (int, float)) and 0 < answer <= 100:
        return not_yet("that is a share, or a percentage: we ask for the number.", "share")
    compare(answer, wanted, mistakes, 0.5, "the number of parameters", look)
    return right("23 % of the network teaches, and then has nothing to do.")


@checker
def rival_filters(answer: Any) -> Verdict:
    """Exercise 11.5: first-level filters of the U-Net that is nearest to the DAMU-Net in size."""
    mistakes = {
        "linear": (
            36,
            "that is 13 % more filters. A convolution reads more channels and writes more, so the "
            "parameters grow with the square of the filters.",
        ),
        "unchanged": (32, "that is the U-Net itself, which has fewer parameters."),
        "doubled": (64, "twice the filters is four times the parameters."),
        "parameters": (8_806_151, "that is the number of parameters: how many filters make it?"),
        "factor": (1.0647, "that is the factor by which the filters grow: multiply it by 32."),
        "growth": (1.1336, "that is the factor by which the parameters grow, not the filters."),
        "more": (2, "that is how many there are more: give the number of filters."),
    }
    if isinstance(answer, float) and 33.6 < answer < 34.4 and answer != 34:
        return not_yet("nearly there: filters are counted in whole numbers.", "not_whole")
    look = "How do the parameters grow when all channels do? You need 13 % more of them."
    compare(answer, 34, mistakes, 1e-2, "the number of filters", look)
    return right(
        "Two filters more at the top make 8,768,907 parameters, within half a percent of the "
        "DAMU-Net's."
    )
