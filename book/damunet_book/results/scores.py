"""Means over folds, paired differences and their intervals."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

#: Test slices over training slices of each fold of the real stack.
OVERLAP = 6 / 21


def interval(values: Sequence[float], overlap: float = OVERLAP) -> tuple[float, float]:
    """The corrected 95 % interval of a mean over folds, by Student's t [1]_.

    Parameters
    ----------
    values : sequence of float
        One a fold.
    overlap : float
        Test slices over training slices. Folds train on mostly the same slices, so their scores
        are not independent and the plain interval is too narrow; the variance of their mean is
        taken as (1/n + overlap) times that of one value, instead of 1/n [2]_. With 0 it is the
        plain interval.

    Returns
    -------
    low, high : float
        NaN for a single value.

    Raises
    ------
    ValueError
        If there is no value or `overlap` is negative.

    References
    ----------
    .. [1] Student 1908, Biometrika, doi:10.1093/biomet/6.1.1.
    .. [2] Nadeau and Bengio 2003, Machine Learning, doi:10.1023/A:1024068626366.

    Examples
    --------
    >>> [round(end, 3) for end in interval([1, 2, 3], overlap=0)]
    [-0.484, 4.484]
    >>> [round(end, 3) for end in interval([1, 2, 3])]  # a reach of sqrt(1 + 3 * 6 / 21) as much
    [-1.385, 5.385]
    """
    array = np.asarray(values, float)
    if array.size == 0:
        raise ValueError("values has no entry, wanted at least one")
    if not overlap >= 0:
        raise ValueError(f"overlap is {overlap!r}, wanted a number >= 0")
    if array.size == 1:
        return float("nan"), float("nan")
    plain = stats.ttest_1samp(array, 0).confidence_interval(0.95)
    mean = float(array.mean())
    reach = float(plain.high - mean) * np.sqrt(1 + array.size * overlap)
    return float(mean - reach), float(mean + reach)


def by_fold(runs: pd.DataFrame, score: str) -> pd.DataFrame:
    """A score with a row for each fold and a column for each network.

    Several runs of one network on one fold (other first weights) count once, by their mean: they
    are no further folds.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"network": ["U-Net"] * 3, "fold": [0, 0, 1], "v_rand": [0.8, 0.9, 0.7]}
    ... )
    >>> by_fold(table, "v_rand")["U-Net"].round(6).tolist()
    [0.85, 0.7]
    """
    wide = runs.pivot_table(index="fold", columns="network", values=score)
    return wide[list(dict.fromkeys(runs.network))]


def differences(
    runs: pd.DataFrame, score: str = "v_rand", pairs: Iterable[tuple[str, str]] | None = None
) -> pd.DataFrame:
    """Paired differences between networks, on the folds that both have.

    Parameters
    ----------
    runs : DataFrame
        The runs to compare, of one width.
    score : str
        Column of the score.
    pairs : iterable of (str, str), optional
        First and second network; each with each other one by default.

    Returns
    -------
    DataFrame
        ``first``, ``second``, ``values`` (Series by fold: second minus first), ``mean``, and
        ``low`` and ``high``, the ends of the :func:`interval`; only pairs that have a fold in
        common.
    """
    wide = by_fold(runs, score)
    found = []
    for first, second in itertools.combinations(wide.columns, 2) if pairs is None else pairs:
        values = (wide[second] - wide[first]).dropna()
        if len(values):
            found.append((first, second, values, values.mean(), *interval(values)))
    return pd.DataFrame(found, columns=["first", "second", "values", "mean", "low", "high"])


def spread(values: pd.Series) -> str:
    """Mean ± standard deviation, as a cell of a table; a single value has no spread.

    Examples
    --------
    >>> spread(pd.Series([0.9, 0.92, 0.94])).replace("\N{NO-BREAK SPACE}", " ")
    '0.920 ± 0.020'
    >>> spread(pd.Series([0.9, 0.92])).replace("\N{NO-BREAK SPACE}", " ")
    '0.910 ± 0.014'
    """
    deviation = "" if len(values) < 2 else f" ±\N{NO-BREAK SPACE}{values.std():.3f}"
    return f"{values.mean():.3f}{deviation}"


def folds_in_words(folds: Iterable[int]) -> str:
    """How many folds and which, so that a narrow column breaks it in one place at most.

    Examples
    --------
    >>> folds_in_words([3, 1, 2]).replace("\N{NO-BREAK SPACE}", " ")
    '3 folds (1 to 3)'
    >>> folds_in_words([4]).replace("\N{NO-BREAK SPACE}", " ")
    '1 fold (4)'
    """
    found = sorted(set(folds))
    if not found:
        return "no run yet"
    unbroken = len(found) > 2 and len(found) == found[-1] - found[0] + 1
    names = f"{found[0]} to {found[-1]}" if unbroken else ", ".join(map(str, found))
    number = f"{len(found)} fold{'s' * (len(found) > 1)}".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{number} ({names})".replace(" to ", "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}")


def markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table, fractions with three digits; its index is left out.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"fold": [1], "score": [0.9]})), end="")
    | fold | score |
    |---|---|
    | 1 | 0.900 |
    """

    def written(cell):
        return f"{cell:.3f}" if isinstance(cell, float) else str(cell)

    lines = [table.columns, *table.itertuples(index=False)]
    head, *rows = ["| " + " | ".join(map(written, line)) + " |" for line in lines]
    return "\n".join([head, "|---" * len(table.columns) + "|", *rows]) + "\n"
