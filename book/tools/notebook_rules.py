"""Rules that a notebook has to keep so that comparing its stored outputs proves something."""

import re
from collections.abc import Mapping
from typing import Any

EXEMPTING_TAGS = {"nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception"}
NBVAL_COMMENT = re.compile(r"^\s*#\s*(NBVAL_|PYTEST_VALIDATE_)\w+\s*$", re.MULTILINE)
LONGEST_CELL = 30


def cell_fault(cell: Mapping[str, Any]) -> str | None:
    """Why strict comparison of a code cell would prove nothing, or None where it would.

    Examples
    --------
    >>> cell = {"source": "1 + 1", "metadata": {}, "execution_count": None}
    >>> cell_fault(cell)
    'never executed: store its outputs with python -m book.tools.execute'
    >>> cell_fault({**cell, "execution_count": 1}) is None
    True
    """
    metadata = cell["metadata"]
    tags = set(metadata.get("tags", []))
    reason = str(metadata.get("damunet", {}).get("exempt_reason", "")).strip()
    exempt = sorted(tags & EXEMPTING_TAGS)
    if NBVAL_COMMENT.search(cell["source"]):
        return "exempt a cell by a tag with a reason, not by an NBVAL comment"
    if exempt and not reason:
        return f"tag {exempt} needs a reason in the cell's metadata: damunet.exempt_reason"
    if reason and not exempt:
        return "damunet.exempt_reason without a tag that exempts"
    if "nbval-skip" in tags:
        if "skip-execution" not in tags:
            return "nbval-skip needs the tag skip-execution as well, for book/tools/execute.py"
        return None
    if cell["execution_count"] is None and cell["source"].strip():
        return "never executed: store its outputs with python -m book.tools.execute"
    return None


def notebook_faults(notebook: Mapping[str, Any], address: str) -> list[str]:
    """Everything in a chapter that a reader, or a comparison, would stumble over.

    Parameters
    ----------
    notebook : mapping
        The notebook as nbformat reads it.
    address : str
        The repository's address, from which the first code cell installs the package.
    """
    code = [c for c in notebook["cells"] if c["cell_type"] == "code" and c["source"].strip()]
    faults = []
    if not code or f"git+{address}" not in code[0]["source"]:
        faults.append(f"the first code cell does not install from git+{address}")
    ran = [c["execution_count"] for c in code if "nbval-skip" not in c["metadata"].get("tags", [])]
    if ran != list(range(1, len(ran) + 1)):
        faults.append(f"cells were not executed once each from top to bottom: {ran}")
    if "widgets" in notebook["metadata"]:
        faults.append("widget state is stored: every page would load the widget manager")
    if "verified" not in notebook["metadata"].get("damunet", {}):
        faults.append("no damunet.verified in the metadata: use python -m book.tools.execute")
    for number, cell in enumerate(code):
        faults += [f"code cell {number}: {fault}" for fault in _code_cell_faults(cell)]
    for number, cell in enumerate(notebook["cells"]):
        if "lines_to_next_cell" in cell["metadata"]:
            faults.append(f"cell {number}: metadata that a converter left, lines_to_next_cell")
        if cell["cell_type"] == "markdown" and re.search(r"!\[\s*\]\(", cell["source"]):
            faults.append(f"cell {number}: an image without alt text")
    return faults


def _code_cell_faults(cell: Mapping[str, Any]) -> list[str]:
    faults = [fault] if (fault := cell_fault(cell)) else []
    lines = [line for line in cell["source"].split("\n") if line.strip()]
    if len(lines) > LONGEST_CELL:
        faults.append(f"{len(lines)} lines, more than {LONGEST_CELL}")
    if "execution" in cell["metadata"]:
        faults.append("execution time stamps are stored")
    raises = {"raises-exception", "nbval-raises-exception"} & set(cell["metadata"].get("tags", []))
    alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    for output in cell["outputs"]:
        if output["output_type"] == "error" and not raises:
            faults.append(f"a stored error, {output.get('ename')}")
        if output.get("name") == "stderr":
            faults.append("standard error is stored")
        if any(kind.startswith("image/") for kind in output.get("data", {})) and not alt.strip():
            faults.append("a figure without alt text (metadata: mystnb.image.alt)")
    return faults
