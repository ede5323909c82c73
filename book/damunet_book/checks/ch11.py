"""Checkers of chapter 11: the listing counted, its gating signals, and what each fix costs."""

from typing import Any

from damunet_book.checks import checker, compare, run, stop, table, within

_LISTING, _MAIN_ONLY, _CONV9 = 5_638_503, 4_361_764, 27_968
_LOGITS = 65 + 129 + 257
_PARTS = {"main", "center"}
_PARTS |= {f"conv{k}" for k in (1, 2, 3, 4, 6, 7, 8, 9)} | {f"up{k}" for k in (1, 2, 3, 4)}
_PARTS |= {f"{name}{k}" for name in ("signal", "gate") for k in (1, 2, 3)}
_PARTS |= {f"{name}{k}" for name in ("scale", "side") for k in (2, 4, 8)}


@checker(
    right="The encoder's four blocks, the centre and the four blocks before the heads are counted "
    "with it.",
    no_bias="The listing's convolutions have a bias: one number for each filter.",
    input_twice="The second convolution reads what the first one gave: filters in, filters out.",
    half_norm="There are two batch normalisations, and each keeps four numbers for a channel: "
    "scale, offset, and the running mean and variance, which count although no gradient moves "
    "them.",
    no_norm="The batch normalisations are missing.",
    side_not_area="A kernel of side 3 has 9 places.",
    one_convolution="A block has two convolutions.",
)
def block_parameters(answer):
    """``answer(channels_in, filters)`` counts a block of the listing."""
    n, f = 96, 64
    first, second, norms = 9 * n * f + f, 9 * f * f + f, 8 * f
    compare(
        run(answer, n, f),
        first + second + norms,
        "the count",
        tolerance=0.5,
        no_bias=9 * n * f + 9 * f * f + norms,
        input_twice=2 * first + norms,
        half_norm=first + second + norms / 2,
        no_norm=first + second,
        side_not_area=3 * n * f + f + 3 * f * f + f + norms,
        one_convolution=first + 4 * f,
    )
    compare(run(answer, 1, 32), 9_824, "the count of conv1", tolerance=0.5)


_ROWS = dict(deep=4, same=2, far=4, above=1, gate_a=3, gate_b=2, gate_c=2, gate_d=2)
_GATING = [("deep", "gate_a"), ("same", "gate_b"), ("far", "gate_c"), ("above", "gate_d")]
# The gates that each mistake names, by their last letters.
_MISFED = {
    "a": "inverted",
    "bc": "from_above",
    "c": "only_far",
    "bd": "only_near",
    "b": "only_same",
    "acd": "same_row",
    "abc": "direction",
    "abcd": "all",
    "": "no_gate",
}


@checker(
    right="Four lines that a reviewer could have run.",
    wrong_shape="Return a list of names of gates.",
    inverted="That is the one gate that is fed well: name the others.",
    sources="Those are the sources: name the gates they feed.",
    from_above="A signal from the row above passed, since one row apart was enough for it: the "
    "gate's row has to be the source's less one, with its sign.",
    only_far="Signals from the gate's own row and from above it are wrong, too: exactly one row "
    "deeper is wanted.",
    only_near="A signal from two rows deeper is wrong, too: exactly one row deeper is wanted.",
    only_same="Signals from above and from two rows deeper are wrong, too: exactly one row deeper "
    "is wanted.",
    same_row="You asked for a signal from the gate's own row: it comes from one row deeper.",
    direction="The gate that is fed from above passed and the good one did not: rows are counted "
    "downwards, so deeper is a larger number.",
    all="Every gate came out: one of them is fed well.",
    no_gate="No gate came out: three of the checker's four are fed wrongly.",
    other="You got {got} where {example}. Which are not fed from one row deeper?",
    fixed="Right for the checker's first network, but not for its second, whose rows are others.",
)
def misfed(answer):
    """``answer(rows, gating)`` names the gates with a signal from a wrong row."""
    found = run(answer, _ROWS, _GATING)
    if isinstance(found, str) or not all(isinstance(name, str) for name in found):
        stop("wrong_shape")
    if set(found) == {"same", "far", "above"}:
        stop("sources")
    letters = "".join(sorted(name[-1] for name in set(found)))
    if letters != "bcd":
        example = ", ".join(f"{g} (row {_ROWS[g]}) reads row {_ROWS[s]}" for s, g in _GATING)
        gates = set(found) <= set(_ROWS)
        mistake = _MISFED.get(letters, "other") if gates else "other"
        stop(mistake, got=sorted(set(found)), example=example)
    second = set(run(answer, {**_ROWS, "deep": 3, "same": 3}, _GATING))
    if second != {"gate_a", "gate_c", "gate_d"}:
        stop("fixed")


_TOO_FAR = {"signal3", "gate3", "up3", "conv7", "up4", "conv8", "conv9"}
_BESIDE = {"conv4", "center", "gate1"}
_BEHIND = {"signal2", "gate2", "up2", "conv6"}


@checker(
    right="Seven parts, and 2,903,808 parameters more.",
    untouched="There is no answer yet: replace the three dots.",
    wrong_shape="Give a set of names such as conv4, each in quotation marks.",
    no_part="No such parts: {unknown}.",
    only_itself="Who reads conv4? Each reader's kernels have as many inputs as conv4 has filters.",
    reads_centre="Both signal1 and up1 read the centre, which has 512 channels before and after.",
    reads_image="The part scale8 reads the image and makes 256 channels already: nothing changes "
    "in it.",
    too_far="The part up2 puts out 64 filters and conv3's 128 channels, whatever it reads: nothing "
    "that starts from up2 changes.",
    reads_conv4="The part conv4 itself changes, and so do the two that read it: one below, one "
    "beside.",
    behind_concatenation="The part up1 ends in a concatenation with the gated conv4, so it has "
    "more channels: who reads up1? Of those you have {behind}.",
    other="One name is too many: does that part read anything that has changed?",
)
def changed_parts(answer):
    """Parts whose parameters change when conv4 gets its 256 filters."""
    several = hasattr(answer, "__iter__") and not isinstance(answer, str)
    if not several or not all(isinstance(part, str) for part in answer):
        stop("wrong_shape")
    given = set(answer)
    table(
        [
            (not given, "untouched"),
            (not given <= _PARTS, "no_part"),
            (given == {"conv4"}, "only_itself"),
            (given & {"signal1", "up1"}, "reads_centre"),
            ("scale8" in given, "reads_image"),
            (given & _TOO_FAR, "too_far"),
            (_BESIDE - given, "reads_conv4"),
            (_BEHIND - given, "behind_concatenation"),
            (given != _BEHIND | _BESIDE, "other"),
        ],
        unknown=sorted(given - _PARTS),
        behind=sorted(given & _BEHIND),
    )


@checker(
    right="23 % of the network teaches, and then has nothing to do.",
    kept="That is what the main map needs: we ask for the rest.",
    main_branch="Both conv9 and its head make the main map: they must stay.",
    conv9="The part conv9 makes the main map: it must stay.",
    heads_only="That is the three 1 x 1 convolutions; conv6, conv7 and conv8 feed nothing else.",
    blocks_only="Yes, conv6 to conv8; their three heads go with them.",
    all="That is the whole network.",
    share="That is a share, or a percentage: we ask for the number.",
)
def unused(answer):
    """Parameters of the listing that the main map never reads."""
    wanted = _LISTING - _MAIN_ONLY
    if within(answer, 0, 100.001):
        stop("share")
    compare(
        answer,
        wanted,
        "the number of parameters",
        tolerance=0.5,
        look="Add up conv6, conv7, conv8 and the three side heads, and nothing else.",
        kept=_MAIN_ONLY,
        main_branch=wanted + _CONV9 + 33,
        conv9=wanted + _CONV9,
        heads_only=_LOGITS,
        blocks_only=wanted - _LOGITS,
        all=_LISTING,
    )


@checker(
    right="Two filters more at the top make 8,768,907 parameters, within half a percent of the "
    "DAMU-Net's.",
    linear="That is 13 % more filters. A convolution reads more channels and writes more, so the "
    "parameters grow with the square of the filters.",
    unchanged="That is the U-Net itself, which has fewer parameters.",
    doubled="Twice the filters is four times the parameters.",
    parameters="That is the number of parameters: how many filters make it?",
    factor="That is the factor by which the filters grow: multiply it by 32.",
    growth="That is the factor by which the parameters grow, not the filters.",
    more="That is how many there are more: give the number of filters.",
    not_whole="Nearly there: filters are counted in whole numbers.",
)
def rival_filters(answer):
    """First-level filters of the U-Net that is nearest to the DAMU-Net in size."""
    if within(answer, 33.6, 33.99) or within(answer, 34.01, 34.4):
        stop("not_whole")
    look = "How do the parameters grow when all channels do? You need 13 % more of them."
    mistakes: dict[str, Any] = dict(linear=36, unchanged=32, doubled=64, parameters=8_806_151)
    mistakes |= dict(factor=1.0647, growth=1.1336, more=2)
    compare(answer, 34, "the number of filters", tolerance=1e-2, look=look, **mistakes)
