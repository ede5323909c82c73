"""The environment in which notebooks run, the same when outputs are stored and when compared.

The last digits of a network's numbers depend on the number of threads and on oneDNN, so both
are fixed here.
"""

import os
from pathlib import Path

from book.tools.build import ROOT

FIXED = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # TensorFlow's default, so what readers have; without oneDNN a step takes 1.4 times as long.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_NUM_INTEROP_THREADS": "2",
    "TF_NUM_INTRAOP_THREADS": "2",
}


def local_data() -> Path | None:
    """Folder with the real stack beside the checkout, unless DAMUNET_DATA names another."""
    beside = ROOT.parent / "shared" / "data" / "isbi2012"
    named = os.environ.get("DAMUNET_DATA") or (beside if beside.is_dir() else "")
    return Path(named) if named else None


def kernel_environment(real_data: bool = True) -> dict[str, str]:
    """Environment variables for a notebook's kernel.

    Parameters
    ----------
    real_data : bool
        Whether the real stack can be had. If not, the kernel is told so at once, instead of
        each notebook waiting for a download that fails.
    """
    environment = dict(os.environ, **FIXED)
    folder = local_data()
    if not real_data:
        environment["DAMUNET_DATA"] = "not-available"
    elif folder is not None:
        environment["DAMUNET_DATA"] = str(folder)
    return environment
