"""What the commands of the results have in common: exit codes, and errors in one line."""

import os
import sys
from collections.abc import Callable


def guarded(work: Callable[[], None], interrupted: str = "interrupted") -> int:
    """Do the work of a command.

    Parameters
    ----------
    work : callable
    interrupted : str
        Line to print when the user stops it.

    Returns
    -------
    int
        Exit code: 0, or 1 after an error, which is printed in one line, or 130 when stopped.
        With ``DAMUNET_DEBUG`` set an error is raised instead.

    Examples
    --------
    >>> guarded(lambda: None)
    0
    """
    try:
        work()
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if os.environ.get("DAMUNET_DEBUG"):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
