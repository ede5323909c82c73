"""Links the words of the glossary where a reader meets them first.

A link that a chapter makes to the page of the glossary goes on to its word there. Every other
word of the glossary becomes a link where it first stands in the text of the book: where it is
defined in bold, or else where it first occurs. The title of a link is the definition, which a
pointer that rests on it shows.
"""

import re

from docutils import nodes

PAGE = "book/glossary"
# Everyday words: where they first stand they need not have the glossary's meaning.
EVERYDAY = set(
    """
    attention batch bottom cell coefficients crop depth exponent gradient head inference
    kernel level mask overlap padding parameter recipe reflection resume segmentation
    slice smooth sweep weight
    """.split()  # noqa: SIM905
)
# No link inside these: headings, code, formulas, other links, and what explains itself.
CLOSED = (nodes.title, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
CLOSED += (nodes.reference, nodes.strong, nodes.caption, nodes.thead)
OTHER_FORMS = {
    "4-connected": "4-connectivity",
    "anisotropic": "anisotropy",
    "dice": "dice score",
    "companion": "companion classifier",
    "pooling": "pooling of a loss",
}
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
    for form in (OTHER_FORMS.get(plain, plain), *singular):
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


def _plan(app, env):
    """Decide, once all pages are read, which page links which term."""
    terms = _terms(env)
    known = {term.lower(): term for term in terms}
    chapters = sorted(name for name in env.found_docs if name.startswith("chapters/"))
    env.glossary_terms, env.glossary_places = terms, {name: {} for name in chapters}
    trees = {name: env.get_doctree(name) for name in chapters}
    done = set()
    for name, tree in trees.items():  # links and definitions that the authors made
        for node in tree.findall(lambda n: isinstance(n, nodes.strong) or "reftarget" in n):
            term = entry(node.astext(), known)
            if term is None or term in done:
                continue
            if isinstance(node, nodes.strong):
                env.glossary_places[name][term] = "bold"
                done.add(term)
            elif "glossary" in node["reftarget"]:
                done.add(term)
    for name, tree in trees.items():
        texts = list(_open_texts(tree))
        for term in terms.keys() - done - EVERYDAY:
            if any(first_place(term, text.astext()) for text in texts):
                env.glossary_places[name][term] = "text"
                done.add(term)
    return []


def _reference(app, docname, term, words):
    anchor, definition = app.env.glossary_terms[term]
    target = app.builder.get_relative_uri(docname, PAGE)
    link = {"refuri": f"{target}#{anchor}", "reftitle": definition, "classes": ["glossary-term"]}
    return nodes.reference("", words, internal=True, **link)


def _link(app, doctree, docname):
    terms = app.env.glossary_terms
    known = {term.lower(): term for term in terms}
    target = app.builder.get_relative_uri(docname, PAGE)
    for link in doctree.findall(nodes.reference):
        term = entry(link.astext(), known)
        if link.get("refuri") == target and term:
            link["refuri"], link["reftitle"] = f"{target}#{terms[term][0]}", terms[term][1]
            link["classes"].append("glossary-term")
    places = app.env.glossary_places.get(docname, {})
    for strong in list(doctree.findall(nodes.strong)):
        term = entry(strong.astext(), known)
        if places.get(term) == "bold":
            del places[term]
            strong.children = []
            strong += _reference(app, docname, term, strong.rawsource.strip("*") or term)
    # Longest first, so that "attention gate" is one link and not the half of one.
    in_text = [term for term, kind in places.items() if kind == "text"]
    for term in sorted(in_text, key=lambda term: (-len(term), term)):
        for text in list(_open_texts(doctree)):
            span = first_place(term, text.astext())
            if span:
                before, words, after = (text[: span[0]], text[span[0] : span[1]], text[span[1] :])
                link = _reference(app, docname, term, words)
                parts = [nodes.Text(before), link, nodes.Text(after)]
                text.parent.replace(text, [part for part in parts if part.astext()])
                break


def setup(app):
    app.connect("env-updated", _plan)
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
