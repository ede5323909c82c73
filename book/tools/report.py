"""All tables of the results, and the copy of the records that the package carries.

python -m book.tools.report [--results DIR] [--out DIR] [--speed]
                            [--worst RUN..] [--gates RUN..] [--counts RUN..] [--norms RUN..]
                            [--necks RUN..]
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from damunet_book import results as read
from damunet_book.results import FOUR, SCORE_NAMES, SCORES

from book.tools.commands import guarded
from book.tools.plan import RESULTS, plan
from book.tools.records import RecordError, read_records

OTHERS = [*(f"{network}, CBAM" for network in FOUR[1:]), "listing", "listing, gate 3 corrected"]
_EACH = list(itertools.combinations(FOUR, 2))
# CBAM is compared with gates, the listing with the DAMU-Net.
_NEAREST = list(zip([*FOUR[1:], "DAMU-Net", "listing"], OTHERS, strict=True))
#: Title, base filters, parts of the plan, rows, and the pairs that are compared.
TABLES = (
    ("32 base filters", 32, ["networks"], FOUR, _EACH),
    ("16 base filters", 16, ["narrow"], FOUR, _EACH),
    ("CBAM and the listing", 32, ["networks", "cbam", "listing"], OTHERS, _NEAREST),
)
_HEAD = """# Results

Made by `python -m book.tools.report` from the records beside this folder; do not edit.

Mean ± standard deviation over folds; thresholds chosen on validation slices, pixel scores at 0.5;
runs of one network on one fold count once, by their mean. Intervals are Student's, corrected for
the overlap of the training slices (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366).
"""


def collect(results: Path) -> dict[str, Any]:
    """Read a folder of records once: all that the tables and the chapters are made from.

    Parameters
    ----------
    results : path
        Folder of records; ``gallery/``, ``gates.json``, ``threshold_cells.json``,
        ``renewed_norms.json``, ``neck_grid.json`` and ``speed-cpu.json`` in it are used if they
        are there.

    Returns
    -------
    dict
        As :func:`damunet_book.results.recorded` gives it.

    Raises
    ------
    RecordError
        If the folder is none, holds no record, or a record cannot be used.
    """
    from book.tools import cost, gates  # here: --help needs no network library

    if not results.is_dir():
        raise RecordError(f"{results} is no folder, wanted the folder of the records")
    rows = read_records(results)
    if not rows:
        raise RecordError(f"{results} holds no record, wanted at least one of the real stack")
    means = gates.read_kept(results / gates.GATES_FILE)
    counts = gates.read_kept(results / gates.COUNTS_FILE)
    renewed = gates.read_kept(results / gates.NORMS_FILE)
    for row in rows:
        if row["name"] in means:
            row["gate"] = means[row["name"]]
        if row["name"] in renewed:
            row["renewed"] = renewed[row["name"]]
        found = counts.get(row["name"], {})
        row["slices"] |= {f"threshold_{name}": found[name] for name in found}
    speed = results / cost.SPEED_FILE
    seconds = json.loads(speed.read_text(encoding="utf-8")) if speed.exists() else None
    return {
        "plan": [{"part": run["part"], "name": run["name"]} for run in plan()],
        "runs": rows,
        "costs": cost.costs(seconds),
        "gallery": gates.read_gallery(results / "gallery", rows),
        "necks": gates.read_kept(results / gates.NECKS_FILE),
    }


def score_table(runs: pd.DataFrame, answers: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """Mean ± standard deviation over folds: trivial answers first, then networks, run or not."""
    own = runs.groupby(["network", "fold"], sort=False)[SCORES].mean().reset_index()
    answers = answers[answers.fold.isin(own.fold)]
    grouped = pd.concat([answers, own]).groupby("network", sort=False)
    table = grouped[SCORES].agg(read.spread).rename(columns=SCORE_NAMES)
    table["folds"] = grouped.fold.agg(read.folds_in_words)
    table = table.reindex(["all cell", "all membrane", *networks]).astype(object)
    table = table.where(table.notna(), "?")
    return table.rename_axis("network").reset_index()


def difference_table(
    runs: pd.DataFrame, score: str, pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Paired differences in words, with their intervals."""
    found = read.differences(runs, score, pairs)
    table = pd.DataFrame({"difference": found.second + " - " + found["first"]})
    table["mean"] = found["mean"].map("{:+.3f}".format)
    table["95\N{NO-BREAK SPACE}% interval"] = [_ends(pair) for pair in found.itertuples()]
    return table.assign(folds=[read.folds_in_words(values.index) for values in found["values"]])


def _ends(pair: Any) -> str:
    if len(pair.values) == 1:
        return "one fold, no interval"
    return f"{pair.low:+.3f} to {pair.high:+.3f}"


def missing(content: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the planned runs that have no record, by part."""
    planned, done = read.plan(content), {row["name"] for row in content["runs"]}
    return {
        part: [name for name in names if name not in done]
        for part, names in planned.groupby("part", sort=False).name
    }


def report(content: dict[str, Any]) -> str:
    """All tables as Markdown."""
    runs, answers, texts = read.runs(content), read.baselines(content), [_HEAD]
    price = read.costs(content)[["parameters", "gflop", "seconds"]].astype(object)
    for column, form in {"parameters": "{:,}", "gflop": "{:.1f}", "seconds": "{:.2f}"}.items():
        price[column] = price[column].map(form.format)
    price = price.rename(columns={"gflop": "GFLOP", "seconds": "CPU seconds"})
    for title, width, parts, networks, pairs in TABLES:
        own = runs[runs.part.isin(parts) & (runs.base_filters == width)]
        table = score_table(own[own.network.isin(networks)], answers, networks)
        table = table.join(price.loc[width], on="network").astype(object)
        texts.append(f"## {title}\n\n{read.markdown(table.where(table.notna(), ''))}")
        for score in ("v_rand", "v_info", "dice_membrane"):
            known = [pair for pair in pairs if set(pair) <= set(own.network)]
            lines = read.markdown(difference_table(own, score, known))
            texts.append(f"### {title}: paired differences, {SCORE_NAMES[score]}\n\n{lines}")
    texts.append("## Runs that are missing\n")
    for part, left in missing(content).items():
        names = "\n".join(f"- {name}" for name in left) or "None."
        texts.append(f"### {part}: {len(left)} missing\n\n{names}\n")
    return "\n".join(texts)


def short(content: dict[str, Any]) -> str:
    """The article's table, filled: two scores, and what each network gains over the plain U-Net."""
    own = read.runs(content)
    own = own[own.part == "networks"]
    table = score_table(own, read.baselines(content), FOUR)
    gains = {
        pair.second: f"{pair.mean:+.3f} ({_ends(pair)})"
        for pair in read.differences(own, "v_rand").itertuples()
        if pair.first == "U-Net"
    }
    table["V_rand, more than U-Net"] = table.network.map(gains).fillna("")
    table = table[["network", "V_rand", "Dice membrane", "V_rand, more than U-Net"]]
    complete = int((own.groupby("fold").network.nunique() == len(FOUR)).sum())
    seeds = own.seed.nunique()
    luck = "one seed" if seeds == 1 else f"{seeds} seeds, averaged within a fold"
    return (
        f"{read.markdown(table)}\n"
        f"Mean ± standard deviation over {complete} of 5 folds, 32 base filters, {luck}; in "
        "brackets the 95\N{NO-BREAK SPACE}% interval of the paired difference. Thresholds come "
        "from validation slices.\n"
    )


def write_tables(content: dict[str, Any], out: Path) -> list[Path]:
    """Write every table; the same records give the same bytes.

    Returns
    -------
    list of Path
        ``tables.md``, ``short.md``, ``runs.csv``.
    """
    columns = ["network", "change", "part", "base_filters", "fold", "seed", "precision"]
    table = read.runs(content)[[*columns, *SCORES, "best_step", "parameters", "seconds"]]
    texts = {"tables.md": report(content), "short.md": short(content)}
    texts["runs.csv"] = table.to_csv(lineterminator="\n")
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return [out / name for name in texts]


def write_recorded(content: dict[str, Any], path: Path = read.RECORDED) -> Path:
    """Write what :func:`damunet_book.results.recorded` reads."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m book.tools.report",
        description="Rebuild every table of the results from the records of the runs alone. Same "
        "records, same bytes. With the book's own records, the copy that the package carries is "
        "renewed as well.",
    )
    add = parser.add_argument
    add("--results", type=Path, default=RESULTS, metavar="DIR", help="folder of records")
    add("--out", type=Path, metavar="DIR", help="folder to write to (default: RESULTS/tables)")
    add("--speed", action="store_true", help="first measure the seconds for an image here")
    runs: dict[str, Any] = dict(type=Path, nargs="+", default=[], metavar="RUN")
    add("--worst", **runs, help="first predict the worst test slice of these run folders again")
    add("--gates", **runs, help="first measure the attention gates of these run folders")
    add("--counts", **runs, help="first count the cells of the threshold in these run folders")
    add("--norms", **runs, help="first score them again with renewed batch normalisation")
    add("--necks", **runs, help="first score their validation slices at every threshold and neck")
    given = parser.parse_args(arguments)

    def work():
        from book.tools import cost, gates
        from damunet_lite.runs import write_json

        for folder in given.worst:
            gates.keep_worst(folder, given.results / "gallery")
        for folders, name, measure in (
            (given.gates, gates.GATES_FILE, gates.measure_gates),
            (given.counts, gates.COUNTS_FILE, gates.count_cells),
            (given.norms, gates.NORMS_FILE, gates.renew_norms),
            (given.necks, gates.NECKS_FILE, gates.score_necks),
        ):
            for folder in folders:
                gates.keep(folder, given.results / name, measure)
        if given.speed:
            write_json(given.results / cost.SPEED_FILE, cost.measure_speed())
        content = collect(given.results)
        paths = write_tables(content, given.out or given.results / "tables")
        if given.results.resolve() == RESULTS.resolve():
            paths.append(write_recorded(content))
        print(short(content))
        print(f"{len(content['runs'])} records, {len(paths)} files:", *paths)

    return guarded(work)


if __name__ == "__main__":
    raise SystemExit(main())
