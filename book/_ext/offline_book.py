"""What the built pages need to make no request to anyone, and what they offer beside their text.

MathJax comes from the wheel of sphinx-mathjax-offline, only the parts that the pages load (24 MB
otherwise), and only pages with formulas load it. Of the theme's icons only those stay that some
page shows (1.4 MB otherwise). Thebe, which nothing here uses, would be fetched from a CDN. The
search shows the words around what it finds from a script, since a page that was opened from disk
may not read others. The notebooks can be had as one file; each says when it last ran.
"""

import importlib
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.ext.autodoc.mock import MockFinder

VERSIONS = ("Python", "TensorFlow", "Keras", "NumPy")
MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/woff-v2/*")
# What holds words that a reader sees; raw HTML and formulas do not.
SHOWN = (nodes.paragraph, nodes.title, nodes.literal_block, nodes.term, nodes.caption)

PARENTS = (("keras", "Model"), ("keras.layers", "Layer"), ("keras.layers", "BatchNormalization"))
PARENTS += (("keras.losses", "Loss"), ("keras.utils", "PyDataset"))


def _copy_mathjax(target: Path):
    package = importlib.import_module("sphinx-mathjax-offline")
    source = Path(package.__path__[0]) / "static" / "mathjax"
    for file in (file for part in MATHJAX_PARTS for file in source.glob(part)):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
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


def _drop_unused_icons(out: Path):
    script = out / "_static" / "scripts" / "fontawesome.js"
    own = [path for path in script.parent.glob("*.js") if path != script]
    names = set()
    for path in [*out.rglob("*.html"), *own]:
        names |= set(re.findall(r"\bfa-([a-z][\w-]*)", path.read_text(encoding="utf-8")))
    script.write_text(only_icons(script.read_text(encoding="utf-8"), names), encoding="utf-8")


def texts_of_sections(doctree: nodes.document) -> dict[str, str]:
    """What stands in each section of a page, by the section's anchor.

    Examples
    --------
    >>> inner = nodes.section("", nodes.paragraph("", "below"), ids=["two"])
    >>> raw = nodes.raw("", "<b>", format="html")
    >>> outer = nodes.section("", nodes.title("", "A title"), raw, inner, ids=["one"])
    >>> texts_of_sections(nodes.container("", outer))
    {'one': 'A title', 'two': 'below'}
    """
    found: dict[str, str] = {}
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.section):
            anchor = node["ids"][0]
            found[anchor] = ""
        elif isinstance(node, SHOWN) and not isinstance(node.parent, SHOWN):
            found[anchor] = f"{found[anchor]} {' '.join(node.astext().split())}".strip()
    return found


def _finish(app, error):
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    _copy_mathjax(out / "_static" / "mathjax")
    _drop_unused_icons(out)
    texts = {page: texts_of_sections(app.env.get_doctree(page)) for page in app.env.found_docs}
    script = f"bookTexts({json.dumps(texts, ensure_ascii=False)});"
    (out / "_static" / "book-texts.js").write_text(script, encoding="utf-8")
    # All pages that there are, where sphinx-sitemap lists those that this build has written.
    addresses = [f"{app.config.html_baseurl}{page}.html" for page in sorted(texts)]
    listed = "".join(f"<url><loc>{address}</loc></url>" for address in addresses)
    sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    (out / "sitemap.xml").write_text(sitemap, encoding="utf-8")
    with zipfile.ZipFile(out / "chapters.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(Path(app.srcdir, "chapters").glob("*.ipynb")):
            archive.write(path, f"chapters/{path.name}")


def _drop_scripts(app, pagename, templatename, context, doctree):
    formulas = 'class="math' in context.get("body", "")
    unused = re.compile("thebe" if formulas else "thebe|mathjax", re.IGNORECASE)
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not unused.search(f"{file}")]


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
    # Children of a mocked class would seem to take anything, and a mock stands beside no None.
    for place, name in PARENTS:
        setattr(importlib.import_module(place), name, type(name, (), {}))
    # A mocked decorator would hide the members of the classes that it decorates.
    keras.saving = SimpleNamespace(register_keras_serializable=lambda **_: lambda cls: cls)


def setup(app):
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.config.notfound_urls_prefix = urlsplit(app.config.html_baseurl).path
    app.connect("config-inited", _mock_networks)
    app.connect("build-finished", _finish)
    app.connect("html-page-context", _drop_scripts, priority=900)
    app.connect("autodoc-process-docstring", _list_references)
    app.connect("doctree-read", _add_verified_line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
