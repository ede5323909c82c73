"""The tables as lines of text."""

from collections.abc import Sequence
from typing import Any

from damunet_book.results.records import SCORE_NAMES, SCORES, Variant
from damunet_book.results.scores import differences, folds_in_words, score_table


def cell(summary: dict[str, Any] | None, digits: int = 3) -> str:
    """Mean ± standard deviation, or a question mark where nothing has been run."""
    if summary is None:
        return "?"
    spread = "" if summary["sd"] is None else f" ±\N{NO-BREAK SPACE}{summary['sd']:.{digits}f}"
    return f"{summary['mean']:.{digits}f}{spread}"


def _folds(folds: Sequence[int]) -> str:
    """How many folds and which, so that a narrow column breaks it in one place at most."""
    if not folds:
        return folds_in_words(folds)
    number, names = folds_in_words(folds).split(" (")
    return " (".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in (number, names))


def score_lines(
    records: Sequence[dict[str, Any]],
    base_filters: int = 32,
    cost: dict[str, dict[str, Any]] | None = None,
    rows: Sequence[Variant] | None = None,
) -> list[list[str]]:
    """The table as text, heading first: mean ± standard deviation over folds.

    Parameters
    ----------
    records, base_filters, rows
        As for :func:`score_table`.
    cost : dict, optional
        Row to what :func:`costs` gives; adds three columns.

    Examples
    --------
    >>> score_lines([])[3][:2]
    ['U-Net', '?']
    """
    head = ["network", *SCORE_NAMES.values(), "folds"]
    head += ["parameters", "GFLOP", "CPU seconds"] if cost else []
    lines = [head]
    for row in score_table(records, base_filters, rows):
        line = [row["row"], *(cell(row[score]) for score in SCORES), _folds(row["folds"])]
        if cost:
            found = cost.get(row["row"])
            line += _cost_cells(found) if found else ["", "", ""]
        lines.append(line)
    return lines


def _cost_cells(cost: dict[str, Any]) -> list[str]:
    seconds = "not measured" if cost["seconds"] is None else f"{cost['seconds']:.2f}"
    return [f"{cost['parameters']:,}", f"{cost['gflop']:.1f}", seconds]


def difference_lines(
    records: Sequence[dict[str, Any]],
    score: str = "v_rand",
    base_filters: int = 32,
    rows: Sequence[Variant] | None = None,
) -> list[list[str]]:
    """Paired differences of one score as text, heading first; ``rows`` as for `differences`.

    Examples
    --------
    >>> len(difference_lines([]))
    1
    """
    lines = [["difference", "mean", "95\N{NO-BREAK SPACE}% interval", "folds"]]
    for found in differences(records, base_filters, rows):
        if found["score"] != score:
            continue
        interval = "one fold, no interval"
        if found["sd"] is not None:
            interval = f"{found['low']:+.3f} to {found['high']:+.3f}"
        pair = f"{found['second']} - {found['first']}"
        lines.append([pair, f"{found['mean']:+.3f}", interval, _folds(found["folds"])])
    return lines


def short_lines(records: Sequence[dict[str, Any]], base_filters: int = 32) -> list[list[str]]:
    """The article's table, filled: two scores, and what each network gains over the plain U-Net.

    Examples
    --------
    >>> short_lines([])[3]
    ['U-Net', '?', '?', '']
    """
    gains = {
        pair["second"]: pair
        for pair in differences(records, base_filters)
        if pair["first"] == "U-Net" and pair["score"] == "v_rand"
    }
    lines = [["network", "V_rand", "Dice membrane", "V_rand, more than U-Net"]]
    for row in score_table(records, base_filters):
        gain = ""
        if row["row"] in gains:
            found = gains[row["row"]]
            gain = f"{found['mean']:+.3f}"
            if found["sd"] is not None:
                gain += f" ({found['low']:+.3f} to {found['high']:+.3f})"
        lines.append([row["row"], cell(row["v_rand"]), cell(row["dice_membrane"]), gain])
    return lines


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table of lines, heading first.

    Examples
    --------
    >>> print(markdown([["a", "b"], ["1", "2"]]), end="")
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    head, *body = lines
    rows = [head, ["---"] * len(head), *body]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
    return text.replace("| --- " * len(head) + "|", "|---" * len(head) + "|")


def plain(lines: Sequence[Sequence[str]]) -> str:
    """Lines as columns of equal width, for printing.

    Examples
    --------
    >>> print(plain([["a", "bb"], ["ccc", "d"]]))
    a    bb
    ccc  d
    """
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
