"""Each checker of chapter 14 knows the solution, the stub and the mistakes it was written for."""

import math

import numpy as np
import pytest
from damunet_book.checks import ch14
from skimage.measure import regionprops


def up(n):
    return -(-n // 16) * 16


def working_size(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(round(rows * zoom)), up(round(columns * zoom))


def inverse(rows, columns, pixel_nm):
    return 4 / pixel_nm, up(round(rows * 4 / pixel_nm)), up(round(columns * 4 / pixel_nm))


def rounded_down(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, round(rows * zoom) // 16 * 16, round(columns * zoom) // 16 * 16


def no_padding(rows, columns, pixel_nm):
    return pixel_nm / 4, round(rows * pixel_nm / 4), round(columns * pixel_nm / 4)


def padded_first(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, round(up(rows) * zoom), round(up(columns) * zoom)


def one_more_at_16(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, (round(rows * zoom) // 16 + 1) * 16, (round(columns * zoom) // 16 + 1) * 16


def by_int(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(int(rows * zoom)), up(int(columns * zoom))


def by_ceil(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return zoom, up(math.ceil(rows * zoom)), up(math.ceil(columns * zoom))


def straight_up(rows, columns, pixel_nm):
    zoom = pixel_nm / 4
    return [zoom, *(math.ceil(side * zoom / 16) * 16 for side in (rows, columns))]


def blend(tiles, starts, weight, length, divide=True):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        total[start : start + len(tile)] += weight * tile
        summed[start : start + len(tile)] += weight
    return total / summed if divide else total


def in_place(tiles, starts, weight, length):
    total, summed = np.zeros(length), np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        tile *= weight
        total[start : start + len(tile)] += tile
        summed[start : start + len(tile)] += weight
    return total / summed


def weight_in_place(tiles, starts, weight, length):
    weight /= weight.sum()
    return blend(tiles, starts, weight, length)


def last_wins(tiles, starts, weight, length):
    line = np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        line[start : start + len(tile)] = tile
    return line


def by_count(tiles, starts, weight, length):
    ones = [np.ones(len(t)) for t in tiles]
    return blend(tiles, starts, weight, length, False) / blend(ones, starts, 1, length, False)


def largest(tiles, starts, weight, length):
    line = np.zeros(length)
    for tile, start in zip(tiles, starts, strict=True):
        line[start : start + len(tile)] = np.maximum(line[start : start + len(tile)], tile)
    return line


def heaviest(tiles, starts, weight, length):
    line = np.zeros(length)
    for at in range(length):
        on = [
            (weight[at - s], t[at - s])
            for t, s in zip(tiles, starts, strict=True)
            if s <= at < s + len(t)
        ]
        line[at] = max(on)[1]
    return line


def not_weighted(tiles, starts, weight, length):
    ones = [np.ones(len(t)) for t in tiles]
    return blend(tiles, starts, 1, length, False) / blend(ones, starts, weight, length, False)


def average_flip(predict, image):
    return (predict(image) + predict(image[:, ::-1])[:, ::-1]) / 2


def steady(cuts, largest, slack):
    for k, cut in enumerate(cuts):
        if largest[k] - min(largest[k:]) <= slack:
            return cut


def first_calm(cuts, largest, slack):
    return next(c for c, a, b in zip(cuts, largest, largest[1:], strict=False) if a - b <= slack)


def end_of_first_calm(cuts, largest, slack):
    return next(
        c for c, a, b in zip(cuts[1:], largest, largest[1:], strict=False) if a - b <= slack
    )


def every_step(cuts, largest, slack):
    falls = -np.diff(largest)
    return next(cut for k, cut in enumerate(cuts) if (falls[k:] <= slack).all())


def against_the_last(cuts, largest, slack):
    return next(c for c, one in zip(cuts, largest, strict=True) if one - largest[-1] <= slack)


def from_the_second(cuts, largest, slack):
    return steady(cuts[1:], largest[1:], slack)


def cell_areas(labels, pixel_nm):
    return np.bincount(labels.ravel())[1:] * (pixel_nm / 1000) ** 2


SOLUTIONS = {
    ch14.working_size: working_size,
    ch14.blend: blend,
    ch14.average_flip: average_flip,
    ch14.steady: steady,
    ch14.cell_areas: cell_areas,
}

MISTAKES = [
    (ch14.working_size, "inverse", inverse),
    (ch14.working_size, "rounded_down", rounded_down),
    (ch14.working_size, "no_padding", no_padding),
    (ch14.working_size, "padded_first", padded_first),
    (ch14.working_size, "always_one_more", one_more_at_16),
    (ch14.working_size, "cut", by_int),
    (ch14.working_size, "ceil", by_ceil),
    (ch14.working_size, "ceil", straight_up),
    (ch14.working_size, "other", lambda r, c, nm: (1, *working_size(r, c, nm)[1:])),
    (ch14.working_size, "other", lambda r, c, nm: (nm / 4, 464, working_size(r, c, nm)[2])),
    (ch14.working_size, "wrong_shape", lambda r, c, nm: working_size(r, c, nm)[1:]),
    (ch14.working_size, "wrong_shape", lambda r, c, nm: ("a", "b", "c")),
    (ch14.working_size, "wrong_shape", lambda r, c, nm: (nm / 4, working_size(r, c, nm)[1:])),
    (ch14.working_size, "zoom_last", lambda r, c, nm: (*working_size(r, c, nm)[1:], nm / 4)),
    (ch14.blend, "in_place", in_place),
    (ch14.blend, "in_place", weight_in_place),
    (ch14.blend, "not_divided", lambda t, s, w, n: blend(t, s, w, n, divide=False)),
    (ch14.blend, "plain_mean", lambda t, s, w, n: blend(t, s, np.ones(3), n)),
    (ch14.blend, "last_tile_wins", last_wins),
    (ch14.blend, "divided_by_count", by_count),
    (ch14.blend, "largest", largest),
    (ch14.blend, "heaviest", heaviest),
    (ch14.blend, "not_weighted", not_weighted),
    (ch14.blend, "normalised_tiles", lambda t, s, w, n: blend(t, s, w / w.sum(), n, False)),
    (ch14.average_flip, "not_turned_back", lambda f, x: (f(x) + f(x[:, ::-1])) / 2),
    (ch14.average_flip, "other_axis", lambda f, x: (f(x) + f(x[::-1])[::-1]) / 2),
    (ch14.average_flip, "both_axes", lambda f, x: (f(x) + np.flip(f(np.flip(x)))) / 2),
    (ch14.average_flip, "half_of_one", lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1] / 2),
    (ch14.average_flip, "sum", lambda f, x: f(x) + f(x[:, ::-1])[:, ::-1]),
    (ch14.average_flip, "no_flip", lambda f, x: f(x)),
    (ch14.average_flip, "flip_only", lambda f, x: f(x[:, ::-1])[:, ::-1]),
    (ch14.average_flip, "image_flipped_after", lambda f, x: (f(x) + f(x)[:, ::-1]) / 2),
    (ch14.steady, "first_plateau", first_calm),
    (ch14.steady, "first_plateau_end", end_of_first_calm),
    (ch14.steady, "largest_fall", lambda c, x, s: c[int(np.diff(x).argmin()) + 1]),
    (ch14.steady, "single_steps", every_step),
    (ch14.steady, "last_value", against_the_last),
    (ch14.steady, "smallest", lambda c, x, s: c[int(np.argmin(x))]),
    (ch14.steady, "smallest", lambda c, x, s: steady(c, x, 0)),
    (ch14.steady, "highest", lambda c, x, s: c[-1]),
    (
        ch14.steady,
        "highest",
        lambda c, x, s: [cut for k, cut in enumerate(c) if x[k] - min(x[k:]) <= s][-1],
    ),
    (ch14.steady, "index", lambda c, x, s: list(c).index(steady(c, x, s))),
    (ch14.steady, "share", lambda c, x, s: x[list(c).index(steady(c, x, s))]),
    (ch14.steady, "slack_ignored", lambda c, x, s: steady(c, x, 0.02)),
    (ch14.steady, "level", from_the_second),
    (
        ch14.steady,
        "other",
        lambda c, x, s: next(
            (
                cut
                for cut, one, k in zip(c, x, range(1, len(c)), strict=False)
                if one - min(x[k:]) <= s
            ),
            0,
        ),
    ),
    (
        ch14.steady,
        "wrong_shape",
        lambda c, x, s: [cut for k, cut in enumerate(c) if x[k] - min(x[k:]) <= s],
    ),
    (ch14.cell_areas, "membrane_counted", lambda x, nm: np.bincount(x.ravel()) * (nm / 1000) ** 2),
    (ch14.cell_areas, "side_not_squared", lambda x, nm: np.bincount(x.ravel())[1:] * nm / 1000),
    (ch14.cell_areas, "nanometres", lambda x, nm: np.bincount(x.ravel())[1:] * nm**2),
    (ch14.cell_areas, "nm_to_um_once", lambda x, nm: np.bincount(x.ravel())[1:] * nm**2 / 1000),
    (
        ch14.cell_areas,
        "first_dropped",
        lambda x, nm: np.unique(x, return_counts=True)[1][1:] * (nm / 1000) ** 2,
    ),
    (
        ch14.cell_areas,
        "background_kept",
        lambda x, nm: np.bincount(x.ravel())[0 in x[2:3] :] * (nm / 1000) ** 2,
    ),
    (ch14.cell_areas, "fixed_4", lambda x, nm: np.bincount(x.ravel())[1:] * 16 / 1e6),
    (ch14.cell_areas, "count_squared", lambda x, nm: (np.bincount(x.ravel())[1:] * nm / 1000) ** 2),
    (ch14.cell_areas, "pixels", lambda x, nm: np.bincount(x.ravel())[1:]),
]


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_solution_passes(check):
    verdict = check(SOLUTIONS[check])
    assert verdict.passed, verdict


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_the_untouched_stub_is_named_as_such(check):
    assert check(lambda *arguments: ...).mistake == "untouched"
    assert check(...).mistake == "untouched"


@pytest.mark.parametrize(
    ("check", "mistake", "answer"), MISTAKES, ids=[f"{c.__name__}-{m}" for c, m, _ in MISTAKES]
)
def test_each_mistake_gets_its_own_message(check, mistake, answer):
    verdict = check(answer)
    assert not verdict.passed
    assert verdict.mistake == mistake, verdict


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda check: check.__name__)
def test_every_exercise_knows_two_mistakes_or_more(check):
    assert sum(other is check for other, _, _ in MISTAKES) >= 2


def test_an_answer_that_fails_is_told_what_failed():
    assert "ZeroDivisionError" in ch14.cell_areas(lambda labels, nm: 1 / 0).message


def test_other_right_answers_pass():
    def padded(rows, columns, pixel_nm):
        sides = np.round(np.array([rows, columns]) * pixel_nm / 4).astype(int)
        return np.array([pixel_nm / 4, *(sides + -sides % 16)])

    def regions(labels, pixel_nm):
        return [region.area * pixel_nm**2 / 1e6 for region in regionprops(labels)]

    def from_the_end(cuts, largest, slack):
        lowest, found = np.inf, None
        for cut, share in reversed(list(zip(cuts, largest, strict=True))):
            lowest = min(lowest, share)
            found = cut if share - lowest <= slack else found
        return found

    def in_numpy(cuts, largest, slack):
        still = np.minimum.accumulate(np.array(largest)[::-1])[::-1]
        return np.array(cuts)[np.array(largest) - still <= slack].min()

    assert ch14.working_size(padded)
    assert ch14.cell_areas(regions)
    assert ch14.steady(from_the_end)
    assert ch14.steady(in_numpy)


def test_the_size_to_be_predicted_is_not_given_away():
    message = ch14.working_size(lambda r, c, nm: (nm / 4, 480, 1600)).message
    assert message.startswith("the number of padded rows for 300 x 1000 pixels of 6.5 nm is too")
    assert "496" not in message


def test_verbs_fit_their_nouns():
    message = ch14.cell_areas(lambda labels, nm: np.zeros(7)).message
    assert message == "the areas have shape (7,), wanted (4,)."
