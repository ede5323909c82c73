"""Makes every option of a quiz answer when it is chosen.

In a notebook a question is a list of options, "a) ..." and on, before one folded answer, which
Jupyter and Colab show as it is. On the page each option unfolds what the answer says about it: with
mouse, keyboard and screen reader, with neither scripts nor a kernel, and from disk.
"""

import re

from docutils import nodes

LETTER = re.compile(r"(?<!\w)([a-e])\)")
SENTENCE = re.compile(r"(?<=[.;!?])\s+(?=[A-Z]|[a-e]\))")
OPEN, MIDDLE, CLOSE = (
    nodes.raw("", html, format="html")
    for html in ('<details class="quiz"><summary>', "</summary>", "</details>")
)


def sentences(answer: nodes.paragraph) -> list[tuple[set[str], list[nodes.Node]]]:
    """Sentences of an answer, each with the options that it speaks of.

    A sentence that names none goes on about those of the sentence before.

    Examples
    --------
    >>> words = "b). It is. a) and c) are not. Nothing speaks for d); think."
    >>> for letters, parts in sentences(nodes.paragraph("", words)):
    ...     print(sorted(letters), parts)
    ['b'] [<#text: 'b).'>]
    ['b'] [<#text: ' It is.'>]
    ['a', 'c'] [<#text: ' a) and c) are not.'>]
    ['d'] [<#text: ' Nothing speaks for d); think.'>]
    """
    found: list[list[nodes.Node]] = [[]]
    for node in answer.children:
        if not isinstance(node, nodes.Text):
            found[-1].append(node)
            continue
        first, *others = SENTENCE.split(node.astext())
        found[-1].append(nodes.Text(first))
        found += [[nodes.Text(f" {other}")] for other in others]
    told, letters = [], set()
    for parts in found:
        text = "".join(part for part in parts if isinstance(part, nodes.Text))
        letters = set(LETTER.findall(text)) or letters
        told.append((letters, parts))
    return told


def reply(letter: str, answer: nodes.paragraph) -> nodes.paragraph:
    """What an answer says about one option; the whole of it where it says nothing more.

    Examples
    --------
    >>> answer = nodes.paragraph("", "b), as seen above. a): it is not.")
    >>> reply("a", answer).astext(), reply("b", answer).astext()
    ('No. a): it is not.', 'Yes, as seen above.')
    >>> reply("b", nodes.paragraph("", "b). a): it is not.")).astext()
    'Yes. a): it is not.'
    """
    right = answer.astext().startswith(f"{letter})")
    own = [parts for letters, parts in sentences(answer) if letter in letters]
    if right and len(own) == 1 and own[0][0] == f"{letter}).":
        own = [parts for _, parts in sentences(answer)]
    first, *others = [part.deepcopy() for parts in own for part in parts]
    text = first.removeprefix(f"{letter})") if right else f". {first.lstrip()}"
    return nodes.paragraph("", "Yes" if right else "No", nodes.Text(text), *others)


def _unfold(app, doctree):
    for fold in [raw for raw in doctree.findall(nodes.raw) if "<summary>Answer" in raw.astext()]:
        question, at = fold.parent, fold.parent.index(fold)
        options, _, answer, _ = question[at - 1 : at + 3]
        if not all(LETTER.match(item.astext()) for item in options):
            continue
        unfolding = []
        for item in options:
            summary = nodes.inline("", "", *item[0].children)
            parts = (OPEN, summary, MIDDLE, reply(item.astext()[0], answer), CLOSE)
            unfolding += [part.deepcopy() for part in parts]
        question[at - 1 : at + 3] = unfolding


def setup(app):
    app.connect("doctree-read", _unfold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
