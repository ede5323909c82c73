"""The tables and figures of the results, rebuilt from the records of the runs alone.

What a record counts as (a row of the table, a repeat with another seed, an ablation) follows
from the configuration inside it, never from the name of its file.
"""

from damunet_lite.tables.cost import (
    convolution_flop,
    costs,
    measure_speed,
)
from damunet_lite.tables.figures import (
    ablation_figure,
    curves_figure,
    difference_figure,
    dots_figure,
    gallery_figure,
)
from damunet_lite.tables.from_weights import (
    GATES_FILE,
    gallery_masks,
    keep_gates,
    keep_worst,
    measure_gates,
)
from damunet_lite.tables.planning import (
    missing,
    plan,
    write_sweeps,
)
from damunet_lite.tables.records import (
    FOLDS,
    FOUR,
    RECORDED,
    SCORE_NAMES,
    SCORES,
    RecordError,
    Variant,
    compact,
    counterpart,
    load_records,
    other_rows,
    recipe,
    recorded,
    rows_at,
    variant,
    widths,
)
from damunet_lite.tables.report import (
    SPEED_FILE,
    write_recorded,
    write_tables,
)
from damunet_lite.tables.scores import (
    ablation_table,
    best_width,
    by_fold,
    claims,
    complete_folds,
    differences,
    mean_and_interval,
    repeats,
    score_table,
    seed_table,
    worst_slices,
)
from damunet_lite.tables.text import (
    difference_lines,
    markdown,
    plain,
    score_lines,
    short_lines,
)

__all__ = [
    "FOLDS",
    "FOUR",
    "GATES_FILE",
    "RECORDED",
    "RecordError",
    "SCORES",
    "SCORE_NAMES",
    "SPEED_FILE",
    "Variant",
    "ablation_figure",
    "ablation_table",
    "best_width",
    "by_fold",
    "claims",
    "compact",
    "complete_folds",
    "convolution_flop",
    "costs",
    "counterpart",
    "curves_figure",
    "difference_figure",
    "difference_lines",
    "differences",
    "dots_figure",
    "gallery_figure",
    "gallery_masks",
    "keep_gates",
    "keep_worst",
    "load_records",
    "markdown",
    "mean_and_interval",
    "measure_gates",
    "measure_speed",
    "missing",
    "other_rows",
    "plain",
    "plan",
    "recipe",
    "recorded",
    "repeats",
    "rows_at",
    "score_lines",
    "score_table",
    "seed_table",
    "short_lines",
    "variant",
    "widths",
    "worst_slices",
    "write_recorded",
    "write_sweeps",
    "write_tables",
]
