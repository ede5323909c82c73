"""What the built pages need to make no request to anyone, and the line that says when they ran.

MathJax comes from the wheel of sphinx-mathjax-offline, and only the parts that the pages load
(24 MB otherwise). Of the theme's icons only those stay that some page shows (1.4 MB otherwise).
Thebe, which nothing here uses, would be fetched from a CDN.
"""

import importlib
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

from docutils import nodes
from sphinx.ext.autodoc.mock import MockFinder

VERSIONS = ("Python", "TensorFlow", "Keras", "NumPy")
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2")


def _copy_mathjax(app, error):
    if error is not None or app.builder.format != "html":
        return
    package = importlib.import_module("sphinx-mathjax-offline")
    source = Path(package.__path__[0]) / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        destination = target / part
        destination.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, destination, dirs_exist_ok=True)
        else:
            shutil.copy(source / part, destination)
    shutil.copy(Path(__file__).with_name("mathjax-licence.txt"), target / "LICENSE.txt")


ICON = re.compile(r'"?([\w-]+)"?:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')


def only_icons(script: str, names: set[str]) -> str:
    """The theme's icon script with the icons of these names, or of an alias among them.

    Examples
    --------
    >>> only_icons('{sun:[8,8,[],"f1","M0"],star:[8,8,["fav"],"f2","M1"],}', {"fav"})
    '{star:[8,8,["fav"],"f2","M1"],}'
    """

    def kept(icon: re.Match) -> str:
        known = {icon[1], *re.findall(r'"([^"]+)"', icon[2])}
        return icon[0] if known & names else ""

    return ICON.sub(kept, script)


def _drop_unused_icons(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    script = out / "_static" / "scripts" / "fontawesome.js"
    if not script.is_file():
        return
    own = [path for path in (out / "_static" / "scripts").glob("*.js") if path != script]
    names = set()
    for path in [*out.rglob("*.html"), *own]:
        names |= set(re.findall(r"\bfa-([a-z][\w-]*)", path.read_text(encoding="utf-8")))
    script.write_text(only_icons(script.read_text(encoding="utf-8"), names), encoding="utf-8")


def _is_thebe(script) -> bool:
    text = f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"
    return "thebe" in text.lower()


def _drop_thebe(app, pagename, templatename, context, doctree):
    context["script_files"] = [s for s in context.get("script_files", []) if not _is_thebe(s)]
    context["css_files"] = [s for s in context.get("css_files", []) if not _is_thebe(s)]


def verified_sentence(verified: dict) -> str:
    """Say when a notebook last ran, from the ``damunet.verified`` entry of its metadata.

    Examples
    --------
    >>> verified_sentence({"date": "2026-11-22", "seconds": 41.7, "cores": 2,
    ...                    "versions": {"Keras": "3.15.1", "Python": "3.11.7"}})
    'Last run on 2026-11-22, in 42 seconds on 2 CPU cores, with Python 3.11.7, Keras 3.15.1.'
    """
    seconds = max(1, round(verified["seconds"]))
    length = f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
    found = verified["versions"]
    versions = ", ".join(f"{name} {found[name]}" for name in VERSIONS if name in found)
    cores = "1 CPU core" if verified["cores"] == 1 else f"{verified['cores']} CPU cores"
    return f"Last run on {verified['date']}, in {length} on {cores}, with {versions}."


def _add_verified_line(app, doctree):
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    verified = metadata.get("damunet", {}).get("verified")
    first_section = next(iter(doctree.findall(nodes.section)), None)
    if verified and first_section is not None:
        text = verified_sentence(verified)
        first_section.append(nodes.paragraph(text, text, classes=["verified"]))


def _list_references(app, what, name, obj, options, lines):
    """Turn numpydoc's numbered references into lists: as footnotes they would meet on the page."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"^(\s*)\.\. \[(\d+)\]", r"\1\2.", line)
        lines[number] = re.sub(r"\[(\d+)\]_", r"[\1]", lines[number])


def _mock_networks(app, config):
    # autodoc mocks while it imports; it looks at base classes later, and would then import Keras.
    sys.meta_path.insert(0, MockFinder(config.autodoc_mock_imports))
    keras = importlib.import_module("keras")
    # A mocked decorator would hide the members of the classes that it decorates.
    keras.saving = SimpleNamespace(register_keras_serializable=lambda **_: lambda cls: cls)


def setup(app):
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("config-inited", _mock_networks)
    app.connect("build-finished", _copy_mathjax)
    app.connect("build-finished", _drop_unused_icons)
    app.connect("html-page-context", _drop_thebe, priority=900)
    app.connect("autodoc-process-docstring", _list_references)
    app.connect("doctree-read", _add_verified_line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
