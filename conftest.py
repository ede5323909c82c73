"""How notebooks are tested, and what every test process sees before Keras is imported.

It lies at the top because the chapters, the package's doctests and the tests all need it.
"""

import functools
import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the package does, whichever of the two a test imports first.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import nbval.kernel  # noqa: E402
import nbval.plugin  # noqa: E402
import pytest  # noqa: E402

from book.tools.kernel_env import ROOT, kernel_environment, local_data  # noqa: E402
from book.tools.notebook_rules import cell_fault  # noqa: E402

SANITIZER = ROOT / "tests" / "nbval_sanitize.cfg"
_missing_data: list[str] = []


@functools.cache
def real_data() -> bool:
    """Whether the real stack can be had, downloading it if that is what it takes."""
    from damunet_lite.data import DataError, fetch

    try:
        fetch("train")
    except DataError as error:
        _missing_data.append(str(error))
        return False
    return True


def pytest_configure(config):
    config.option.nbval_sanitize_with = str(SANITIZER)
    folder = local_data()
    if folder is not None:
        os.environ["DAMUNET_DATA"] = str(folder)


def pytest_collection_modifyitems(items):
    """Begin with the file that builds the book, so that no other waits for the build.

    The chapters come last, as they are collected: one after another they leave no process idle.
    """
    items.sort(key=lambda item: item.path.name != "test_book.py")


def pytest_report_header(config):
    folder = os.environ.get("DAMUNET_DATA")
    if folder:
        return f"real data: {folder}"
    return (
        "real data: from the cache, or downloaded by the first notebook; where neither works, "
        "notebooks run on the synthetic stack and their outputs are not compared"
    )


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["missing_data"] = _missing_data


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    _missing_data.extend(getattr(node, "workeroutput", {}).get("missing_data", []))


def pytest_terminal_summary(terminalreporter):
    if _missing_data:
        terminalreporter.section("notebooks ran on the synthetic stack, outputs NOT compared")
        terminalreporter.line(_missing_data[0])


# --- notebooks --------------------------------------------------------------------------


def _execute_with_history(self, cell_input, allow_stdin=None):
    # Without history IPython does not see the semicolon that silences a cell's last line.
    return self.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )


nbval.kernel.RunningKernel.execute_cell_input = _execute_with_history
_start_new_kernel = nbval.kernel.start_new_kernel


def _start_with_environment(**options):
    return _start_new_kernel(env=kernel_environment(real_data()), **options)


nbval.kernel.start_new_kernel = _start_with_environment


def pytest_collectstart(collector):
    if isinstance(collector, nbval.plugin.IPyNbFile):
        collector.skip_compare += ("stderr",)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if not isinstance(item, nbval.plugin.IPyNbCell):
        return
    fault = cell_fault(item.cell)
    if fault:
        pytest.fail(f"cell {item.cell_num}: {fault}", pytrace=False)
    if not real_data():
        item.options["check"] = False
