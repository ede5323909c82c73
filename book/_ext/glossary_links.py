"""Links the words of the glossary where a reader meets them first.

A link that a chapter makes to the page of the glossary goes on to its word there. Every other
word of the glossary becomes a link where it first stands in the text of the book: where it is
defined in bold, or else where it first occurs. The title of a link is the definition, which a
pointer that rests on it shows. `_config.yml` names the everyday words, which need not have the
glossary's meaning where they first stand, and the other forms in which a term may stand in bold.
"""

import re

from docutils import nodes

PAGE = "book/glossary"
# No link inside these: headings, code, formulas, other links, and what explains itself.
CLOSED = (nodes.title, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
CLOSED += (nodes.reference, nodes.strong, nodes.caption, nodes.thead)
PLURALS = ((r"ies$", "y"), (r"es$", ""), (r"s$", ""), (r"a$", "on"))


def entry(words: str, terms: dict[str, str]) -> str | None:
    """The term that some words name, in singular or plural; `terms` has lower-case keys.

    Examples
    --------
    >>> terms = {"skip connection": "skip connection", "mitochondrion": "mitochondrion"}
    >>> entry("Skip connections", terms), entry("mitochondria", terms), entry("skip", terms)
    ('skip connection', 'mitochondrion', None)
    """
    plain = " ".join(words.lower().split()).strip(".,:;")
    singular = (re.sub(ending, single, plain) for ending, single in PLURALS)
    for form in (plain, *singular):
        if form in terms:
            return terms[form]
    return None


def first_place(term: str, text: str) -> tuple[int, int] | None:
    """Where a term, or its plural, first stands in a text as whole words.

    Examples
    --------
    >>> first_place("skip connection", "Two skip connections.")
    (4, 20)
    >>> first_place("fold", "a manifold") is None
    True
    """
    words = r"\s+".join(map(re.escape, term.split()))
    flags = re.IGNORECASE if term == term.lower() else 0  # a name keeps its capitals
    found = re.search(rf"(?<![\w-]){words}s?(?![\w-])", text, flags)
    return found.span() if found else None


def _terms(env) -> dict[str, tuple[str, str]]:
    """Term to its anchor and its definition; none in a book without a glossary."""
    terms: dict[str, tuple[str, str]] = {}
    if PAGE not in env.found_docs:
        return terms
    for item in env.get_doctree(PAGE).findall(nodes.definition_list_item):
        definition = " ".join(item[-1].astext().split())
        for term in item.findall(nodes.term):
            terms[term.astext()] = (term["ids"][0], definition)
    return terms


def _open_texts(doctree):
    """Text of the paragraphs of a page that may hold a link, in reading order."""
    for text in doctree.findall(nodes.Text):
        ancestor, in_paragraph = text.parent, False
        while ancestor is not None and not isinstance(ancestor, CLOSED):
            in_paragraph |= isinstance(ancestor, nodes.paragraph)
            ancestor = ancestor.parent
        if ancestor is None and in_paragraph:
            yield text


def _known(app) -> dict[str, str]:
    terms = {term.lower(): term for term in app.env.glossary_terms}
    others = app.config.glossary_other_forms.items()
    return terms | {form: term for form, term in others if term.lower() in terms}


def _plan(app, env):
    """Decide, once all pages are read, which page links which term."""
    env.glossary_terms = terms = _terms(env)
    known, done = _known(app), set()
    chapters = sorted(name for name in env.found_docs if name.startswith("chapters/"))
    trees = {name: env.get_doctree(name) for name in chapters}
    env.glossary_places = {name: set() for name in chapters}
    for name, tree in trees.items():  # links and definitions that the authors made
        for node in tree.findall(lambda n: isinstance(n, nodes.strong) or "reftarget" in n):
            term, bold = entry(node.astext(), known), isinstance(node, nodes.strong)
            if term and term not in done and (bold or "glossary" in node["reftarget"]):
                done.add(term)
                env.glossary_places[name] |= {term} if bold else set()
    for name, tree in trees.items():
        texts = [text.astext() for text in _open_texts(tree)]
        for term in terms.keys() - done - set(app.config.glossary_everyday):
            if any(first_place(term, text) for text in texts):
                env.glossary_places[name].add(term)
                done.add(term)
    return []


def _link(app, doctree, docname):
    target = app.builder.get_relative_uri(docname, PAGE)
    known = _known(app)

    def point(link: nodes.reference, term: str) -> nodes.reference:
        anchor, link["reftitle"] = app.env.glossary_terms[term]
        link["refuri"] = f"{target}#{anchor}"
        link["classes"].append("glossary-term")
        return link

    for link in doctree.findall(nodes.reference):
        term = entry(link.astext(), known)
        if link.get("refuri") == target and term:
            point(link, term)
    bold: dict[str | None, nodes.strong] = {}
    for strong in doctree.findall(nodes.strong):
        bold.setdefault(entry(strong.astext(), known), strong)
    places = app.env.glossary_places.get(docname, ())
    # Longest first, so that "attention gate" is one link and not the half of one.
    for term in sorted(places, key=lambda term: (-len(term), term)):
        if strong := bold.get(term):
            link = nodes.reference("", strong.rawsource.strip("*") or term, internal=True)
            strong.children = []
            strong += point(link, term)
            continue
        for text in list(_open_texts(doctree)):
            if span := first_place(term, text.astext()):
                link = point(nodes.reference("", text[slice(*span)], internal=True), term)
                parts = [nodes.Text(text[: span[0]]), link, nodes.Text(text[span[1] :])]
                text.parent.replace(text, [part for part in parts if part.astext()])
                break


def setup(app):
    app.add_config_value("glossary_everyday", [], "env")
    app.add_config_value("glossary_other_forms", {}, "env")
    app.connect("env-updated", _plan)
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
