"""Shows the arguments of classes whose parent is not there while the book is built.

Keras is replaced by a stand-in then, which takes anything, and its children would be shown as
taking anything, too.
"""

import inspect
from typing import Any

ANYTHING = "(*args, **kwargs)"


def own_signature(kind: str, thing: Any, shown: str | None) -> str | None:
    """Signature of a class's own ``__init__`` where none better is shown, else None.

    Examples
    --------
    >>> class Layer:
    ...     def __init__(self, size: int = 7, *, name=None, **options): ...
    >>> own_signature("class", Layer, "(*args, **kwargs)")
    '(size=7, *, name=None, **options)'
    >>> own_signature("function", print, "(*args, **kwargs)") is None
    True
    """
    if kind != "class" or shown != ANYTHING or "__init__" not in vars(thing):
        return None
    _, *arguments = inspect.signature(vars(thing)["__init__"]).parameters.values()
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in arguments]
    return str(inspect.Signature(plain))


def _process(app, kind, name, thing, options, signature, returns):
    own = own_signature(kind, thing, signature)
    return (own, returns) if own else None


def setup(app):
    app.connect("autodoc-process-signature", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
