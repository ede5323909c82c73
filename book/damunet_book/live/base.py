"""What the figures have in common: settings that check themselves, and the HTML form."""

import base64
import inspect
import json
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from anywidget import AnyWidget
from scipy import ndimage

from damunet_lite import _arguments as check
from damunet_lite import synthetic

#: What encloses the part of the HTML that is code and not data (for tests of notebook outputs).
CODE_MARKERS = ("<!-- figure code -->", "<!-- end of figure code -->")

#: An array, or None for the default.
Array = np.ndarray | None

_FOLDER = Path(__file__).with_name("js")


@lru_cache
def _source(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


# --- traits -----------------------------------------------------------------------------


def data() -> traitlets.Any:
    """JSON-ready data that the JavaScript sees, checked by the figure itself."""
    return traitlets.Any().tag(sync=True, figure=True)


def pixels() -> traitlets.Any:
    """A uint8 array here, its bytes as text for the JavaScript; checked by the figure itself."""
    return data().tag(to_json=lambda array, _: packed(array))


class Setting(traitlets.TraitType):
    """What the reader can move: a switch, a word among several, or a number between limits.

    Parameters
    ----------
    default : bool, int, float or str
        Its kind is that of the setting.
    limits
        Least and most of a number, or the words or whole numbers among which one is chosen.
    """

    def __init__(self, default: Any, *limits: Any) -> None:
        super().__init__(default)
        self.limits = limits
        self.tag(sync=True, figure=True)

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as the kind of number that the default is."""
        name = str(self.name)
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(self.default_value, bool):
            return bool(value)
        if isinstance(self.default_value, str) or len(self.limits) > 2:
            return check.choice(name, value, self.limits)
        if isinstance(self.default_value, int):
            return check.integer(name, value, *self.limits)
        return between(name, value, *self.limits)


def between(name: str, value: Any, low: float, high: float) -> float:
    """A number from one limit to another."""
    wanted = f"a number from {low:g} to {high:g}"
    return check.number(name, value, lambda v: low <= v <= high, wanted)


def in_steps(name: str, picture: Any) -> np.ndarray:
    """uint8 of a picture [H, W] in [0, 1]: in steps of 1/255."""
    values = check.probability(name, check.plane(name, picture))
    return np.round(255 * values.astype(float)).astype(np.uint8)


def mask(name: str, array: Any) -> np.ndarray:
    """uint8 of a mask [H, W] of 0 and 1."""
    return check.binary(name, check.plane(name, array)).astype(np.uint8)


def maps(truth: Any, probability: Any, image: Any, side: int) -> dict[str, Any]:
    """Shape and pixels of three maps of one size; without any, those of the demonstration."""
    if truth is None and probability is None:
        image, truth, probability = (part[:side, :side] for part in demonstration())
    walls = mask("truth", truth)
    likely = in_steps("probability", probability)
    grey = in_steps("image", np.full(walls.shape, 0.6) if image is None else image)
    check.same_shape("probability", likely, "truth", walls)
    check.same_shape("image", grey, "truth", walls)
    return {"shape": [*walls.shape], "truth": walls, "probability": likely, "image": grey}


def packed(pixels: np.ndarray) -> str:
    """Bytes of a uint8 array as text."""
    return base64.b64encode(pixels.tobytes()).decode("ascii")


# --- figures ----------------------------------------------------------------------------


class Figure(AnyWidget):
    """What the figures have in common; use one of the subclasses.

    Subclasses name their JavaScript in `scripts`, have a `Setting` for what the reader moves,
    `pixels` and `data` for what is shown, and draw their still picture in `picture`.
    Their `__init__` takes what is no setting; the signature that is shown has both.
    """

    scripts: tuple[str, ...] = ()
    title = ""
    _css = _source("figure.css")
    _ipython_display_ = None  # ipywidgets 7 defines it, and it would hide the mime bundle

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # a widget makes an anonymous subclass of itself when it is created: leave that one alone
        if "scripts" in vars(cls):
            cls._esm = _source("common.js", *cls.scripts)
            cls.__signature__ = _signature(cls)
        super().__init_subclass__(**kwargs)

    def __init__(self, **settings: Any) -> None:
        for name in settings:
            if name not in self.trait_names(figure=True):
                raise TypeError(f"{type(self).__name__} has no argument {name!r}")
        super().__init__(**settings)

    def state(self) -> dict[str, Any]:
        """Everything the figure shows, JSON-ready: settings and quantised arrays."""
        values = {name: getattr(self, name) for name in sorted(self.trait_names(figure=True))}
        return {k: packed(v) if isinstance(v, np.ndarray) else v for k, v in values.items()}

    def picture(self) -> str:
        """Still picture of the present state, as SVG text."""
        raise NotImplementedError

    def describe(self) -> str:
        """Alternative text of the still picture."""
        return self.title

    def html(self) -> str:
        """Self-contained HTML: state, still picture, style and script; no link to anything."""
        kind = type(self).__name__
        state = json.dumps(self.state(), sort_keys=True, separators=(",", ":"))
        state = escape(state, quote=False).replace("'", "&#39;")
        start, end = CODE_MARKERS
        return (
            f'<div class="damunet-figure" data-kind="{kind}" data-state=\'{state}\'>\n'
            f'<div class="dm"><p class="dm-title">{escape(self.title)}</p>\n'
            f"{self.picture()}\n"
            f'<p class="dm-note">{escape(self.describe())}</p></div>\n</div>\n'
            f"{start}\n<style>\n{self._css}</style>\n"
            f'<script type="module">\n{_inert(str(self._esm))}\n'
            f'hydrate("{kind}", widget);\n</script>\n{end}'
        )

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.state().items() if isinstance(v, bool | int | float)}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        content, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**content, "text/plain": repr(self), "text/html": self.html()}, metadata


def _signature(figure: type) -> inspect.Signature:
    """Arguments of a figure's own ``__init__``, then its settings with their defaults."""
    kind = inspect.Parameter.KEYWORD_ONLY
    own = inspect.signature(figure.__init__).parameters.values()  # type: ignore[misc]
    parameters = [parameter for parameter in own if parameter.kind is kind]
    for name, trait in vars(figure).items():
        if isinstance(trait, Setting):
            default = trait.default_value
            parameters.append(
                inspect.Parameter(name, kind, default=default, annotation=type(default))
            )
    return inspect.Signature(parameters)


def _inert(text: str) -> str:
    """Keep text inside a script element from ending that element."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


@lru_cache(maxsize=1)
def demonstration() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Synthetic image and mask, 96 x 96, and a prediction that only knows that dark is membrane."""
    stack = synthetic.synthetic_stack(n=1, size=96, seed=4)
    image, mask = (np.asarray(a)[0, ..., 0] * 1.0 for a in (stack.images, stack.membranes))
    dark = np.median(image) - ndimage.gaussian_filter(image, 1.0)
    return image, mask, 1 / (1 + np.exp(-14 * (dark - 0.08)))
