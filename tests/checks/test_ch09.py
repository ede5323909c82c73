"""Chapter 9's checkers: each typical mistake gets the message written for it."""

import numpy as np
import pytest
from damunet_book.checks import ch09

from damunet_lite.supervision import head_targets, head_weights


def chain_pulls(weight, alpha, depth):
    pulls = [-1.0]
    for _ in range(depth - 1):
        pulls.insert(0, weight * pulls[0] - alpha)
    return pulls


def not_passed_on(weight, alpha, depth):
    faded = [-(weight ** (depth - 1 - k)) for k in range(depth)]
    return [f - alpha for f in faded[:-1]] + [faded[-1]]


def companion_before_weight(weight, alpha, depth):
    pulls = [-1.0]
    while len(pulls) < depth:
        pulls.insert(0, weight * (pulls[0] - alpha))
    return pulls


def ending_with(last):
    def answer(weight, alpha, depth):
        pulls = [last(alpha)]
        while len(pulls) < depth:
            pulls.insert(0, weight * pulls[0] - alpha)
        return pulls

    return answer


def weights(heads, decay):
    return [decay**k / sum(decay**j for j in range(heads)) for k in range(heads)]


def shrink(mask, step, rule):
    if rule == "strided":
        return mask[::step, ::step]
    blocks = mask.reshape(mask.shape[0] // step, step, mask.shape[1] // step, step)
    return blocks.max((1, 3)) if rule == "any_membrane" else blocks.mean((1, 3))


def shrink_but(wrong_rule, wrong):
    def answer(mask, step, rule):
        if rule != wrong_rule:
            return shrink(mask, step, rule)
        return wrong(mask, step, mask.reshape(len(mask) // step, step, -1, step))

    return answer


def tiled(mask, step, rule):
    blocks = mask.reshape(step, mask.shape[0] // step, step, mask.shape[1] // step)
    return blocks.max((0, 2)) if rule == "any_membrane" else blocks.mean((0, 2))


SOLUTIONS = {
    "chain_pulls": chain_pulls,
    "equal_pull": 0.2,
    "weights": weights,
    "shrink": shrink,
    "painted_width": [0.375, 10],
}
UNTOUCHED = {
    "chain_pulls": lambda weight, alpha, depth: ...,
    "equal_pull": ...,
    "weights": lambda heads, decay: ...,
    "shrink": lambda mask, step, rule: ...,
    "painted_width": [..., ...],
}
WRONG = [
    ("chain_pulls", lambda w, a, n: [-(w ** (n - 1 - k)) for k in range(n)], "no_companions"),
    ("chain_pulls", lambda w, a, n: chain_pulls(w, -a, n), "alpha_added"),
    (
        "chain_pulls",
        lambda w, a, n: [-(1 + a) * w ** (n - 1 - k) for k in range(n)],
        "companion_at_the_end_only",
    ),
    ("chain_pulls", ending_with(lambda a: a - 1), "added_at_the_end"),
    ("chain_pulls", lambda w, a, n: chain_pulls(w, a, n + 1), "one_layer_more"),
    ("chain_pulls", lambda w, a, n: [-max(w ** (n - 1 - k), a) for k in range(n)], "floor"),
    ("chain_pulls", not_passed_on, "not_passed_on"),
    ("chain_pulls", lambda w, a, n: [-a] * (n - 1) + [-1], "local_only"),
    ("chain_pulls", companion_before_weight, "companion_before_weight"),
    ("chain_pulls", ending_with(lambda a: -a), "end_weighed"),
    ("chain_pulls", ending_with(lambda a: -1 - a), "companion_at_the_end"),
    ("chain_pulls", lambda *args: chain_pulls(*args)[::-1], "reversed"),
    ("chain_pulls", lambda *args: [-v for v in chain_pulls(*args)], "sign"),
    ("chain_pulls", lambda w, a, n: [-1.0], "wrong_shape"),
    ("equal_pull", 0.8, "weight"),
    ("equal_pull", 0.5, "from_the_example"),
    ("equal_pull", 1, "one"),
    ("equal_pull", 0.64, "product"),
    ("equal_pull", 0.25, "before_the_weight"),
    ("equal_pull", -0.2, "negative"),
    ("equal_pull", 0.3, "other"),
    ("weights", lambda n, d: [d**k for k in range(n)], "not_normalised"),
    ("weights", lambda n, d: weights(n, d)[::-1], "reversed"),
    ("weights", lambda n, d: [d ** (k + 1) for k in range(n)], "shifted"),
    ("weights", lambda n, d: [d**k / n for k in range(n)], "mean"),
    ("weights", lambda n, d: [1 - d * k for k in range(n)], "linear"),
    ("weights", lambda n, d: [1 / n] * n, "equal"),
    ("shrink", shrink_but("any_membrane", lambda m, s, b: b.min((1, 3))), "minimum"),
    ("shrink", shrink_but("any_membrane", lambda m, s, b: b.mean((1, 3)) >= 0.5), "majority"),
    ("shrink", tiled, "tiles"),
    ("shrink", shrink_but("any_membrane", lambda m, s, b: b.mean((1, 3))), "area_for_any"),
    ("shrink", lambda m, s, rule: m[::s, ::s], "strided_for_all"),
    ("shrink", shrink_but("area", lambda m, s, b: b.sum((1, 3))), "sum"),
    ("shrink", shrink_but("area", lambda m, s, b: b.mean((1, 3)) > 0.5), "rounded"),
    ("shrink", shrink_but("strided", lambda m, s, b: m[s - 1 :: s, s - 1 :: s]), "other_corner"),
    ("shrink", shrink_but("strided", lambda m, s, b: b.max((1, 3))), "maximum"),
    ("shrink", shrink_but("strided", lambda m, s, b: m[::2, ::2]), "fixed"),
    ("shrink", shrink_but("area", lambda m, s, b: b.sum((1, 3)) / 4), "fixed"),
    ("painted_width", [1, 10], "always_seen"),
    ("painted_width", [0.125, 10], "one_in_eight"),
    ("painted_width", [0.625, 10], "complement"),
    ("painted_width", [10, 0.375], "swapped"),
    ("painted_width", [0.375, 0.375], "swapped"),
    ("painted_width", [37.5, 10], "percent"),
    ("painted_width", [3, 10], "positions"),
    ("painted_width", [0.375, 1.25], "in_blocks"),
    ("painted_width", [0.5, 10], "other"),
    ("painted_width", [0.375, 9], "other"),
    ("painted_width", [0.375, 8], "one_block"),
    ("painted_width", [0.375, 16], "two_blocks"),
    ("painted_width", [0.375, 3], "kept"),
    ("painted_width", [0.375, 11], "sum"),
    ("painted_width", [0.375, 12], "half"),
    ("painted_width", [10], "wrong_shape"),
]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_passes(name):
    verdict = getattr(ch09, name)(SOLUTIONS[name])
    assert verdict, verdict


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_untouched_stub_is_told_so(name):
    verdict = getattr(ch09, name)(UNTOUCHED[name])
    assert not verdict
    assert verdict.mistake == "untouched"


@pytest.mark.parametrize(("name", "answer", "mistake"), WRONG)
def test_a_typical_mistake_gets_its_own_message(name, answer, mistake):
    verdict = getattr(ch09, name)(answer)
    assert not verdict
    assert verdict.mistake == mistake, verdict


@pytest.mark.parametrize(
    ("name", "answer", "told", "solution"),
    [
        ("equal_pull", 0.3, "alpha is too large: 0.3", "0.2"),
        ("painted_width", [0.5, 10], "the strided share is too large", "0.375"),
        ("painted_width", [0.375, 9], "the mean width is too small", "10"),
    ],
)
def test_a_wrong_prediction_is_not_told_the_solution(name, answer, told, solution):
    message = getattr(ch09, name)(answer).message
    assert told in message
    assert solution not in message


def test_a_chain_has_companions_and_no_heads():
    answers = [answer for name, answer, _ in WRONG if name == "chain_pulls"]
    said = [str(ch09.chain_pulls(answer)) for answer in [*answers, chain_pulls]]
    said += [str(ch09.equal_pull(answer)) for answer in (0.2, 0.25, 0.3, 0.5, 0.8, 1)]
    assert not [text for text in said if "head" in text]


@pytest.mark.parametrize("share", [0.375, 0.38, 3 / 8])
def test_a_rounded_share_passes(share):
    assert ch09.painted_width((share, 10.0))


def test_what_the_exercises_ask_for_is_what_the_package_does():
    mask = np.random.default_rng(0).random((1, 8, 8, 1)) < 0.3
    for rule in ("any_membrane", "area", "strided"):
        target = head_targets(mask.astype("float32"), {"side4": (2, 2)}, rule)["side4"]
        ours = shrink(mask[0, ..., 0].astype("float32"), 4, rule)
        np.testing.assert_allclose(np.asarray(target)[0, ..., 0], ours)
    assert list(head_weights(["main", "side2", "side4"], 0.4).values()) == pytest.approx(
        weights(3, 0.4)
    )


def test_the_painted_width_counted_over_all_positions():
    seen, width = [], []
    for start in range(8):
        row = np.zeros((8, 24))
        row[:, start : start + 3] = 1
        seen.append(shrink(row, 8, "strided").any())
        width.append(8 * shrink(row, 8, "any_membrane").sum())
    assert np.mean(seen) == 3 / 8
    assert np.mean(width) == 10
