"""All tables and figures at once, and the copy of the records in the package."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from damunet_book.results.figures import (
    ablation_figure,
    curves_figure,
    difference_figure,
    dots_figure,
)
from damunet_book.results.records import (
    FOLDS,
    FULL_WIDTH,
    RECORDED,
    SCORE_NAMES,
    SCORES,
    RecordError,
    load_records,
    other_rows,
    variant,
    widths,
)
from damunet_book.results.scores import (
    ablation_table,
    best_width,
    claims,
    complete_folds,
    differences,
    score_table,
    seed_table,
    worst_slices,
)
from damunet_book.results.text import cell, difference_lines, markdown, score_lines, short_lines

from book.tools.cost import costs
from book.tools.gates import read_gallery, read_gates
from book.tools.plan import missing, plan

SPEED_FILE = "speed-cpu.json"


def _short(records) -> str:
    width = best_width(records)
    complete = complete_folds(records, width)
    return (
        f"{markdown(short_lines(records, width))}\n"
        f"Mean ± standard deviation over {complete} of {FOLDS} folds, {width} base filters, one "
        "seed; in brackets the 95\N{NO-BREAK SPACE}% interval of the paired difference. Thresholds "
        "come from validation slices.\n"
    )


def _report(records, cost) -> str:
    parts = [
        "# Results\n\nMade by `python -m book.tools.report` from the records beside this "
        "folder; do not edit.\n\nMean ± standard deviation over folds; thresholds chosen on "
        "validation slices, pixel scores at 0.5; seed 0.\n"
    ]
    for width in widths(records):
        lines = score_lines(records, width, cost[str(width)])
        parts.append(f"## {width} base filters\n\n{markdown(lines)}")
        for score in ("v_rand", "v_info", "dice_membrane"):
            lines = difference_lines(records, score, width)
            if len(lines) > 1:
                title = f"### Paired differences, {SCORE_NAMES[score]}, {width} base filters"
                parts.append(f"{title}\n\n{markdown(lines)}")
        checked = [["aim", "reached", "evidence"]] + [
            [c["claim"], {True: "yes", False: "no", None: "open"}[c["holds"]], c["evidence"]]
            for c in claims(records, width)
        ]
        parts.append(f"### Aims, {width} base filters\n\n{markdown(checked)}")
        if width == FULL_WIDTH:
            parts += _report_others(records, cost[str(width)])
    parts += _report_rest(records)
    return "\n".join(parts)


def _report_others(records, cost) -> list[str]:
    rows = other_rows(records)
    if not rows:
        return ["### CBAM and the listing\n\nNo run yet.\n"]
    table = markdown(score_lines(records, cost=cost, rows=rows))
    parts = [f"### CBAM and the listing\n\n{table}"]
    for score in ("v_rand", "v_info", "dice_membrane"):
        lines = markdown(difference_lines(records, score, rows=rows))
        parts.append(f"### CBAM and the listing, paired, {SCORE_NAMES[score]}\n\n{lines}")
    return parts


def _report_rest(records) -> list[str]:
    parts = []
    seeds = [["network", "filters", "fold", "seeds", *SCORE_NAMES.values()]] + [
        [
            s["row"],
            str(s["base_filters"]),
            str(s["fold"]),
            ", ".join(map(str, s["seeds"])),
            *(cell(s[score]) for score in SCORES),
        ]
        for s in seed_table(records)
    ]
    parts.append("## Seeds\n\n" + (markdown(seeds) if len(seeds) > 1 else "No run yet.\n"))
    changed = [
        ["network", "change", "filters", "fold", *SCORE_NAMES.values(), "V_rand unchanged"]
    ] + [
        [
            a["start"],
            a["change"],
            str(a["base_filters"]),
            str(a["fold"]),
            *(f"{a[score]:.3f}" for score in SCORES),
            "no run yet" if a["reference"] is None else f"{a['reference']['v_rand']:.3f}",
        ]
        for a in ablation_table(records)
    ]
    parts.append("## Ablation\n\n" + (markdown(changed) if len(changed) > 1 else "No run yet.\n"))
    width = best_width(records)
    worst = [["network", "fold", "slice", "V_rand", "split part", "merge part"]] + [
        [
            w["row"],
            str(w["fold"]),
            str(w["slice"]),
            *(f"{w[key]:.3f}" for key in ("v_rand", "split", "merge")),
        ]
        for w in worst_slices(records, base_filters=width)
    ]
    lines = markdown(worst) if len(worst) > 1 else "No run yet.\n"
    parts.append(f"## Worst slices, {width} base filters\n\n{lines}")
    parts.append("## Runs that are missing\n")
    for part, names in missing(records).items():
        total = len(plan()[part])
        parts.append(f"### {part}: {len(names)} of {total} missing\n")
        parts.append("\n".join(f"- {name}" for name in names) + "\n" if names else "None.\n")
    return parts


def _csv(records) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["network", "base_filters", "changes", "fold", "seed", *SCORES, "best_step", "parameters"]
    )
    for record in records:
        row, config = variant(record["config"]), record["config"]
        writer.writerow(
            [
                row.label,
                row.base_filters,
                " ".join(row.changes),
                config["fold"],
                config["seed"],
                *(record["test"][score] for score in SCORES),
                record.get("best_step"),
                record.get("parameters"),
            ]
        )
    return text.getvalue()


def write_tables(results: str | os.PathLike, out: str | os.PathLike | None = None) -> list[Path]:
    """Rebuild every table and figure from the records of a folder.

    The same records give the same bytes, whatever the order or the names of their files.

    Parameters
    ----------
    results : path
        Folder of records; ``speed-cpu.json`` in it is used if it is there.
    out : path, optional
        Folder to write to; ``results/tables`` by default.

    Returns
    -------
    list of Path
        ``tables.md``, ``short.md``, ``tables.json``, ``runs.csv`` and PNG files.

    Raises
    ------
    RecordError
        If a record cannot be used.
    """
    results = Path(results)
    out = results / "tables" if out is None else Path(out)
    if not results.is_dir():
        raise RecordError(f"{results} is no folder; wanted the folder of the records")
    records = load_records(results)
    cost = costs(records, _speed(results))
    texts = {
        "tables.md": _report(records, cost),
        "short.md": _short(records),
        "tables.json": json.dumps(_summary(records, cost), indent=1) + "\n",
        "runs.csv": _csv(records),
    }
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
        paths.append(out / name)
    for width in widths(records):
        figures = {"dots": dots_figure, "curves": curves_figure}
        if differences(records, width):
            figures["differences"] = lambda r, w: difference_figure(r, "v_rand", w)
        for name, draw in figures.items():
            paths.append(out / f"{name}-{width}.png")
            draw(records, width).savefig(paths[-1])
    if ablation_table(records):
        paths.append(out / "ablation.png")
        ablation_figure(records).savefig(paths[-1])
    return paths


def _speed(results: Path) -> dict[str, Any] | None:
    path = results / SPEED_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write_recorded(results: str | os.PathLike, path: str | os.PathLike = RECORDED) -> Path:
    """Write what :func:`recorded` reads: the copy of the results that the package carries.

    Parameters
    ----------
    results : path
        Folder of records; ``gallery/``, ``gates.json`` and ``speed-cpu.json`` in it are used if
        they are there.
    path : path
        File to write.

    Returns
    -------
    Path
    """
    results, path = Path(results), Path(path)
    records = load_records(results)
    content = {
        "records": records,
        "costs": costs(records, _speed(results)),
        "gates": read_gates(results),
        "gallery": read_gallery(results / "gallery"),
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _summary(records, cost) -> dict[str, Any]:
    from book.tools.sweep import rounded  # here, because it loads Keras

    return rounded(
        {
            "tables": {str(width): score_table(records, width) for width in widths(records)},
            "differences": {str(width): differences(records, width) for width in widths(records)},
            "aims": {str(width): claims(records, width) for width in widths(records)},
            "others": score_table(records, rows=other_rows(records))[2:],
            "other_differences": differences(records, rows=other_rows(records)),
            "seeds": seed_table(records),
            "ablation": ablation_table(records),
            "worst_slices": worst_slices(records, base_filters=best_width(records)),
            "costs": cost,
            "missing": missing(records),
        }
    )
