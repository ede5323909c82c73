"""The numbers: means over folds, paired differences, seeds, ablation, aims."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from book.tools.plan import ABLATION_FOLD, run_name
from damunet_book.results.records import (
    FOLDS,
    FULL_WIDTH,
    SCORE_NAMES,
    SCORES,
    Variant,
    counterpart,
    label_of,
    other_rows,
    row_order,
    rows_at,
    variant,
    widths,
)

_AIMS = (("v_rand", 0.96), ("v_rand", 0.97), ("dice_membrane", 0.80))
_ABOVE_BASELINES = "every network above both trivial baselines in every fold and score"
WORDS = {
    "loss": {
        "dice": "Dice loss",
        "tversky": "Tversky loss",
        "focal_tversky": "focal Tversky loss",
        "weighted_cross_entropy": "weighted cross-entropy",
    },
    "tta": {"false": "no test-time augmentation"},
    "precision": {"mixed_bfloat16": "in bfloat16", "float32": "in float32"},
    "target_rule": {"area": "targets by area", "strided": "targets by stride"},
}
_ALL_IDEAS = tuple(itertools.product((None, "gate", "cbam", "both"), (False, True), (False, True)))


def by_fold(
    records: Sequence[dict[str, Any]], row: Variant, score: str, seed: int = 0
) -> dict[int, float]:
    """Score of one row on each fold that has been run.

    Parameters
    ----------
    records : sequence of dict
    row : Variant
    score : str
        One of :data:`SCORES`.
    seed : int

    Returns
    -------
    dict of int to float

    Examples
    --------
    >>> by_fold([], Variant("U-Net", 32), "v_rand")
    {}
    """
    if score not in SCORES:
        raise ValueError(f"score must be one of {SCORES}, got {score!r}")
    return {
        record["config"]["fold"]: record["test"][score]
        for record in records
        if record["config"]["seed"] == seed and variant(record["config"]) == row
    }


def mean_and_interval(values: Iterable[float], level: float = 0.95) -> dict[str, Any]:
    """Mean, standard deviation, and the interval in which the mean of more such values lies.

    Parameters
    ----------
    values : iterable of float
        One a fold; treated as independent, which folds of one stack are not quite.
    level : float
        Confidence of the interval, from Student's t with one degree of freedom less than values.

    Returns
    -------
    dict
        ``n``, ``mean``, ``sd`` (n - 1 below the line), ``low``, ``high``; the last three are None
        for a single value.

    Raises
    ------
    ValueError
        If there is no value, or ``level`` is not between 0 and 1.

    References
    ----------
    Student 1908, Biometrika, doi:10.1093/biomet/6.1.1.

    Examples
    --------
    >>> found = mean_and_interval([1, 2, 3])
    >>> found["mean"], found["sd"], round(found["high"], 3)
    (2.0, 1.0, 4.484)
    """
    array = np.array(list(values), float)
    if array.size == 0:
        raise ValueError("values is empty, wanted at least one")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    mean = float(array.mean())
    result: dict[str, Any] = {
        "n": int(array.size),
        "mean": mean,
        "sd": None,
        "low": None,
        "high": None,
    }
    if array.size > 1:
        sd = float(array.std(ddof=1))
        reach = float(stats.t.ppf(0.5 + level / 2, array.size - 1)) * sd / array.size**0.5
        result |= {"sd": sd, "low": mean - reach, "high": mean + reach}
    return result


def complete_folds(records: Sequence[dict[str, Any]], base_filters: int = 32) -> int:
    """Number of folds on which all four networks have been run.

    Examples
    --------
    >>> complete_folds([])
    0
    """
    runs = (set(by_fold(records, row, "v_rand")) for row in rows_at(base_filters))
    return len(set.intersection(*runs))


def best_width(records: Sequence[dict[str, Any]]) -> int:
    """Base filters at which all four networks have most folds; the wider where it is a tie.

    Examples
    --------
    >>> best_width([])
    32
    """
    return max(widths(records), key=lambda width: (complete_folds(records, width), width))


def score_table(
    records: Sequence[dict[str, Any]], base_filters: int = 32, rows: Sequence[Variant] | None = None
) -> list[dict[str, Any]]:
    """The table: trivial baselines first, then a row for each network.

    Parameters
    ----------
    records : sequence of dict
    base_filters : int
    rows : sequence of Variant, optional
        Instead of the four networks of that width.

    Returns
    -------
    list of dict
        ``row``, ``folds`` (list of int), and for each of :data:`SCORES` what
        :func:`mean_and_interval` gives, or None where nothing has been run.

    Examples
    --------
    >>> [row["row"] for row in score_table([])]
    ['all cell', 'all membrane', 'U-Net', 'ATT-U-Net', 'DATT-U-Net', 'DAMU-Net']
    """
    rows = rows_at(base_filters) if rows is None else rows
    shown = [r for r in records if r["config"]["seed"] == 0 and variant(r["config"]) in rows]
    table = []
    for name in ("all cell", "all membrane"):
        folds = {record["config"]["fold"]: record["baselines"][name] for record in shown}
        table.append(_row(name, {s: {f: folds[f][s] for f in sorted(folds)} for s in SCORES}))
    for row in rows:
        table.append(_row(row.name, {score: by_fold(shown, row, score) for score in SCORES}))
    return table


def _row(name: str, scores: dict[str, dict[int, float]]) -> dict[str, Any]:
    summary = {s: mean_and_interval(v.values()) if v else None for s, v in scores.items()}
    return {"row": name, "folds": sorted(scores["v_rand"]), **summary}


def differences(
    records: Sequence[dict[str, Any]], base_filters: int = 32, rows: Sequence[Variant] | None = None
) -> list[dict[str, Any]]:
    """Paired differences between rows, on the folds that both have.

    Parameters
    ----------
    records : sequence of dict
    base_filters : int
    rows : sequence of Variant, optional
        Rows to compare with their :func:`counterpart`, instead of each of the four networks of
        that width with each other one.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``score``, ``folds``, ``values`` (second minus first, one a fold)
        and what :func:`mean_and_interval` gives for them.

    Examples
    --------
    >>> differences([])
    []
    """
    if rows is None:
        pairs = list(itertools.combinations(rows_at(base_filters), 2))
    else:
        pairs = [(other, row) for row in rows if (other := counterpart(row)) is not None]
    found = []
    for first, second in pairs:
        for score in SCORES:
            a, b = by_fold(records, first, score), by_fold(records, second, score)
            folds = sorted(a.keys() & b.keys())
            if folds:
                values = [round(b[fold] - a[fold], 6) for fold in folds]
                found.append(
                    {
                        "first": first.name,
                        "second": second.name,
                        "score": score,
                        "folds": folds,
                        "values": values,
                        **mean_and_interval(values),
                    }
                )
    return found


def seed_table(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs that differ in their seed alone: how much luck moves a score.

    Returns
    -------
    list of dict
        ``row``, ``base_filters``, ``fold``, ``seeds`` and :func:`mean_and_interval` for each
        score, wherever one row has two seeds or more on one fold.

    Examples
    --------
    >>> seed_table([])
    []
    """
    groups: dict[tuple, dict[int, dict]] = {}
    for record in records:
        key = (variant(record["config"]), record["config"]["fold"])
        groups.setdefault(key, {})[record["config"]["seed"]] = record["test"]
    return [
        {
            "row": row.name,
            "base_filters": row.base_filters,
            "fold": fold,
            "seeds": sorted(tests),
            **{s: mean_and_interval([tests[k][s] for k in sorted(tests)]) for s in SCORES},
        }
        for (row, fold), tests in sorted(
            groups.items(), key=lambda item: (row_order(item[0][0]), item[0][1])
        )
        if len(tests) > 1
    ]


def ablation_table(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every single change, beside the network it changes: same width, fold and seed 0.

    A change of the recipe starts from the same network with the common recipe. An idea more or
    less starts from the U-Net or the DAMU-Net, whichever is one step away; at full width these
    rows have tables of their own and do not stand here.

    Returns
    -------
    list of dict
        ``row``, ``start`` (the network that is changed), ``change`` (in words), ``base_filters``,
        ``fold``, the scores, and ``reference``, the scores of the start, or None where it has
        not been run.

    Examples
    --------
    >>> ablation_table([])
    []
    """
    in_tables = {*rows_at(FULL_WIDTH), *other_rows(records, FULL_WIDTH)}
    found = []
    for record in records:
        row, config = variant(record["config"]), record["config"]
        step = _step(row, config)
        if step is None or row in in_tables or config["seed"] or _only_a_fold(row, config):
            continue
        start = Variant(step[0], row.base_filters)
        before = {s: by_fold(records, start, s).get(config["fold"]) for s in SCORES}
        found.append(
            {
                "row": row.name,
                "start": start.label,
                "change": step[1],
                "base_filters": row.base_filters,
                "fold": config["fold"],
                **{score: record["test"][score] for score in SCORES},
                "reference": None if None in before.values() else before,
            }
        )
    return found


def _only_a_fold(row: Variant, config: dict[str, Any]) -> bool:
    """Whether a run of the four networks belongs to a table over folds, not to the ablation."""
    return row in rows_at(row.base_filters) and config["fold"] != ABLATION_FOLD


def _step(row: Variant, config: dict[str, Any]) -> tuple[str, str] | None:
    """What was changed and where from: ``("U-Net", "Dice loss")``; None for no single change."""
    if row.changes:
        return row.label, in_words(config, row.changes)
    ideas = {label_of(*switches): switches for switches in _ALL_IDEAS}
    if row.label not in ideas:
        return None
    for start in ("U-Net", "DAMU-Net"):
        pairs = list(zip(ideas[start], ideas[row.label], strict=True))
        changed = [place for place, (old, new) in enumerate(pairs) if old != new]
        if len(changed) == 1:
            return start, _idea_in_words(changed[0], *pairs[changed[0]])
    return None


def _idea_in_words(place: int, old: Any, new: Any) -> str:
    if place == 0:
        names = {"gate": "gates", "cbam": "CBAM", "both": "gates and CBAM"}
        if old is None:
            return f"with {names[new]}"
        return "no attention" if new is None else f"{names[new]} for {names[old]}"
    return (("no supervision", "with supervision"), ("one scale", "several scales"))[place - 1][new]


def in_words(config: dict[str, Any], changes: tuple[str, ...]) -> str:
    """The changes of the recipe as a reader would say them; the loss comes first."""
    options = dict(config.get("loss_options", {}))
    if options.get("fn_weight", 0) + options.get("fp_weight", 0) == 1:
        del options["fp_weight"]  # it follows from the other
    words = {}
    for key, value in (change.split("=", 1) for change in changes):
        if key == "loss_options":
            words[key] = ", ".join(f"{name} {options[name]:g}" for name in sorted(options))
        elif key in WORDS:
            words[key] = WORDS[key].get(value, f"{key} {value}")
        else:
            words[key] = f"{key} {value}"
    return ", ".join(words[key] for key in sorted(words, key=lambda key: (key != "loss", key)))


def worst_slices(
    records: Sequence[dict[str, Any]], count: int = 10, base_filters: int = 32
) -> list[dict[str, Any]]:
    """Test slices with the lowest V_rand among the rows of the table of one width.

    Returns
    -------
    list of dict
        ``row``, ``fold``, ``slice``, ``v_rand``, and its parts ``split`` and ``merge``: the lower
        one names the fault.

    Examples
    --------
    >>> worst_slices([])
    []
    """
    found = []
    rows = set(rows_at(base_filters))
    for record in records:
        row, config = variant(record["config"]), record["config"]
        if row not in rows or config["seed"]:
            continue
        values = record["slices"]
        for k, place in enumerate(record["test_slices"]):
            found.append(
                {
                    "row": row.name,
                    "fold": config["fold"],
                    "slice": place,
                    "v_rand": values["v_rand"][k],
                    "split": values["rand_split"][k],
                    "merge": values["rand_merge"][k],
                }
            )
    return sorted(found, key=lambda f: (f["v_rand"], f["row"], f["slice"]))[:count]


def claims(records: Sequence[dict[str, Any]], base_filters: int = 32) -> list[dict[str, Any]]:
    """What was aimed at, and whether the records reach it.

    Returns
    -------
    list of dict
        ``claim``, ``holds`` (None, still open, until five folds have been run) and ``evidence``,
        a sentence. One record below a baseline is enough to decide the last claim.

    Examples
    --------
    >>> claims([])[0]["holds"] is None
    True
    """
    rows = [row for row in score_table(records, base_filters)[2:] if row["folds"]]
    if not rows:
        return [
            {"claim": claim, "holds": None, "evidence": "no run yet"}
            for claim in (*(_mean_claim(*aim) for aim in _AIMS), _ABOVE_BASELINES)
        ]
    found = []
    for score, goal in _AIMS:
        # A mean over some of the folds may sit on the easy ones.
        whole = [row for row in rows if len(row["folds"]) == FOLDS]
        best = max(whole or rows, key=lambda row: row[score]["mean"])
        value = best[score]["mean"]
        found.append(
            {
                "claim": _mean_claim(score, goal),
                "holds": value >= goal if whole else None,
                "evidence": (
                    f"{best['row']}: {_beside(value, goal)} over {folds_in_words(best['folds'])}"
                ),
            }
        )
    below = _below_baselines(records, base_filters)
    complete = complete_folds(records, base_filters)
    found.append(
        {
            "claim": _ABOVE_BASELINES,
            "holds": False if below else True if complete == FOLDS else None,
            "evidence": "; ".join(below) or f"none below, {complete} of {FOLDS} folds complete",
        }
    )
    return found


def _beside(value: float, goal: float) -> str:
    """The value with as many digits as show on which side of the goal it is."""
    digits = next(d for d in range(3, 17) if (round(value, d) >= goal) == (value >= goal))
    return f"{value:.{digits}f}"


def _mean_claim(score: str, goal: float) -> str:
    return f"best mean {SCORE_NAMES[score]} at least {goal:.2f}"


def _below_baselines(records, base_filters: int) -> list[str]:
    rows = set(rows_at(base_filters))
    return [
        f"{run_name(record['config'])}: {SCORE_NAMES[score]}"
        for record in records
        if variant(record["config"]) in rows
        for score in SCORES
        if record["test"][score] <= max(b[score] for b in record["baselines"].values())
    ]


def folds_in_words(folds: Sequence[int]) -> str:
    """How many folds and which: ``"3 folds (0 to 2)"``."""
    if not folds:
        return "no run yet"
    first, last = min(folds), max(folds)
    unbroken = len(folds) > 2 and len(folds) == last - first + 1
    names = f"{first} to {last}" if unbroken else ", ".join(map(str, folds))
    return f"{len(folds)} fold{'s' * (len(folds) > 1)} ({names})"


def repeats(
    records: Sequence[dict[str, Any]], row: Variant, fold: int = ABLATION_FOLD
) -> list[dict[str, Any]]:
    """The same run again: with another seed, or in another arithmetic.

    Returns
    -------
    list of dict
        ``what`` (``"seed 1"``, ``"in bfloat16"``) and the scores.

    Examples
    --------
    >>> repeats([], Variant("U-Net", 16))
    []
    """
    found = []
    for record in records:
        config, other = record["config"], variant(record["config"])
        changed = [change for change in other.changes if not change.startswith("precision=")]
        same = (other.label, other.base_filters) == (row.label, row.base_filters)
        again = config["seed"] != 0 or other != row
        if same and again and not changed and not row.changes and config["fold"] == fold:
            words = [f"seed {config['seed']}"] if config["seed"] else []
            words += [in_words(config, other.changes)] if other.changes else []
            found.append({"what": ", ".join(words), **record["test"]})
    return found
