"""The built pages in a browser that has no network: what a reader sees, hears and can move.

Every page is opened from disk, where more can go wrong than on a server. The interactive figures
are moved with keyboard and mouse, and their words compared with what the package says.
"""

import base64
import importlib.util
import json
import re
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from benchmarks import pages as benchmark
from building import serve
from damunet_book import live

from book.tools.browser import Browser, missing
from book.tools.build import book_pages
from book.tools.set_address import configured_address, split_address
from damunet_lite import metrics

PAGES = [*book_pages(), "genindex", "py-modindex", "search"]
SCREEN, PHONE = (1280, 900), (390, 844)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module")
def browser():
    with Browser() as window:
        yield window


def look(browser, address, size=SCREEN, home=""):
    """Open a page in a window of some size; nothing may go wrong."""
    browser.resize(*size)
    visit = browser.visit(address, home)
    assert visit.faults == []
    return visit


@pytest.fixture(scope="module", params=PAGES)
def visited(request, browser, site):
    address = (site / f"{request.param}.html").as_uri()
    return address, look(browser, address)


@pytest.fixture
def opened(browser, visited):
    """What the visit of a page found that is open now: once for all who look at it."""
    assert browser.driver.current_url == visited[0], "a test between went elsewhere"
    browser.resize(*SCREEN)
    return visited[1]


# --- nothing is missing, and nobody else is asked ---------------------------------------

# Formulas left as they were typed.
RAW_FORMULAS = """
return [...document.querySelectorAll(".math")].filter((e) =>
  /\\S/.test(e.textContent) && !e.querySelector("mjx-container")).length
"""
# Elements that stick out of the page; what scrolls inside a box of its own does not.
TOO_WIDE = """
const page = document.documentElement;
if (page.scrollWidth <= innerWidth) return [];
const boxed = (e) => e && e !== document.body
  && (getComputedStyle(e).overflowX !== "visible" || boxed(e.parentElement));
const out = [...document.querySelectorAll("article *, main *")].filter((e) =>
  e.getBoundingClientRect().right > innerWidth + 1 && !boxed(e.parentElement));
return [`page is ${page.scrollWidth} wide`, ...out.slice(0, 5).map((e) =>
  `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`)];
"""


# Controls of figures that are smaller than a finger wants, their labels included.
TOO_SMALL = """
return [...document.querySelectorAll(".dm button, .dm select, .dm input")].map((control) => {
  const {width, height} = (control.closest("label") ?? control).getBoundingClientRect();
  return [control.className || control.type || control.tagName, Math.min(width, height)];
}).filter(([kind, side]) => side < (kind === "dm-pixel" ? 24 : 40));
"""


def test_page_is_whole_and_light_and_fits_a_phone(browser, site, opened):
    row = benchmark.measure(site, f"{site.as_uri()}/", [opened])
    assert row["page"] > row["own"] > 5_000
    # Its times say little here, where tests share the computer: the benchmark has them.
    assert {"own", "page"}.isdisjoint(benchmark.broken_limits(row)), row
    assert browser.run(RAW_FORMULAS) == 0
    browser.resize(*PHONE)
    assert browser.run(TOO_WIDE) + browser.run(TOO_SMALL) == []


# Of each box with a wide figure: how wide the figure is, and what lets the keyboard in.
BOXES = """
return [...document.querySelectorAll(".wide-figure > div")].map((box) =>
  [box.firstElementChild.getBoundingClientRect().width, box.clientWidth, box.tabIndex]);
"""
# Of each box that may scroll sideways: whether it has to, and whether it fades at its sides.
FADES = """
return [...document.querySelectorAll(".bd-article pre, .pst-scrollable-table-container")]
  .filter((box) => box.clientWidth).map((box) =>
    [box.scrollWidth > box.clientWidth, getComputedStyle(box).maskImage !== "none"]);
"""
FOCUSED = """
document.querySelector('.wide-figure > div').focus({focusVisible: true});
return getComputedStyle(document.activeElement).maskImage;
"""


def test_on_a_phone_wide_figures_keep_their_labels_and_fade_where_more_of_them_waits(browser, site):
    address = (site / "chapters/11_damu_net.html").as_uri()
    look(browser, address)
    assert all(figure <= box and stop == -1 for figure, box, stop in browser.run(BOXES))
    look(browser, address, PHONE)
    boxes, sides = browser.run(BOXES), browser.run(FADES)
    assert sum(figure > 880 for figure, _, _ in boxes) == 4, "the drawings of networks"
    assert all(figure > 1.2 * box and stop == 0 for figure, box, stop in boxes)
    assert {scrolls for scrolls, _ in sides} == {True, False}
    assert all(scrolls == fades for scrolls, fades in sides)
    assert browser.run(FOCUSED) == "none", "the frame of what has the focus would fade, too"


FAULTY = """<!doctype html><html lang="en"><title>faulty</title><body>
<img src="https://example.org/a.png" alt="a picture elsewhere">
<img src="not_there.png" alt="a picture that is missing">
<script src="https://cdn.example.org/a.js"></script>
<script>throw new Error("planted")</script>
<div style="width: 900px">wide</div></body></html>"""


def test_a_faulty_page_is_noticed(browser, tmp_path):
    (tmp_path / "faulty.html").write_text(FAULTY, encoding="utf-8")
    browser.resize(*PHONE)
    with serve(tmp_path) as address:
        faults = browser.visit(f"{address}faulty.html", address).faults
    asked = [f"outside request: https://{a}" for a in ("example.org/a.png", "cdn.example.org")]
    for fault in (*asked, "broken image: not_there.png", "status of 404", "planted"):
        assert [f for f in faults if fault in f], (fault, faults)
    assert browser.run(TOO_WIDE)


# Of each result, when all are there: where it leads, and the words around what was found.
RESULTS = """
if (!document.querySelector(".search-summary")?.innerText.startsWith("Search finished")) return [];
return [...document.querySelectorAll("#search-results li")].map((item) =>
  [item.querySelector("a").href, item.querySelector("mark")?.parentElement.innerText ?? ""]);
"""


def results(browser, home: str, words: str) -> list[list[str]]:
    look(browser, f"{home}search.html?q={words}", home=home)
    until, found = monotonic() + 10, []
    while monotonic() < until and not any(text for _, text in found):
        found = browser.run(RESULTS)
    return [[link.removeprefix(home), text] for link, text in found]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("tversky", "book/glossary.html#term-Tversky"),
        ("install", "book/how_to_use.html"),
        ("colab", "book/how_to_use.html"),
        ("watersheds", "chapters/14_cells.html"),
    ],
)
def test_search_shows_the_words_around_what_it_finds(browser, site, words, first):
    found = results(browser, f"{site.as_uri()}/", words)
    assert first in found[0][0]
    told = [text for _, text in found if text]
    assert words.rstrip("s") in told[0].lower()
    assert len(told) > len(found) / 3
    assert not [text for text in told if "Repository" in text], "buttons are no text"
    with serve(site) as address:
        assert [link for link, _ in results(browser, address, words)] == [k for k, _ in found]


def test_a_wrong_address_shows_a_page_that_leads_back(browser, site, tmp_path):
    name = split_address(configured_address())[1]
    (tmp_path / name).symlink_to(site)
    with serve(tmp_path) as address:
        look(browser, f"{address}{name}/404.html", home=address)
        links = browser.run("return [...document.querySelectorAll('a[href]')].map((a) => a.href)")
        assert f"{address}{name}/book/how_to_use.html" in links


# The picture of the front page.
FOLD = """
const {top, bottom} = document.querySelector("article img").getBoundingClientRect();
return top > 0 && bottom < innerHeight;
"""
# The place of a page in the list of pages, which a phone unfolds.
HERE = """
const toggle = document.querySelector(".primary-toggle");
if (toggle.offsetParent && !window.unfolded) { window.unfolded = true; toggle.click(); }
const here = document.querySelector("li.current.active > a");
const {top, bottom} = here.getBoundingClientRect();
return Boolean(here.textContent.trim()) && top >= 0 && bottom <= innerHeight && scrollY === 0;
"""
# What a figure that is higher than the window says, beside the control that one moves.
STATUS = """
const figure = document.querySelector(".dm"), slider = figure.querySelector("input[type=range]");
slider.scrollIntoView({block: "start"});
scrollBy(0, -80);
const {top, bottom} = figure.querySelector(".dm-status").getBoundingClientRect();
return figure.clientHeight > innerHeight && top > slider.getBoundingClientRect().bottom
  && bottom <= innerHeight;
"""
# The name of a row in a table that was scrolled to its end.
ROW_NAME = """
const box = document.querySelector(".pst-scrollable-table-container[tabindex='0']:has(> table)");
box.scrollLeft = 999;
const from = (e) => e.getBoundingClientRect().left;
return box.scrollLeft > 80 && Math.abs(from(box.querySelector("tbody td")) - from(box)) < 2;
"""
# What a figure says before, while and after a finger tries to scroll the page from its slider.
SCROLLED = """
const slider = document.querySelector(".dm input[type=range]"), told = [];
for (const event of ["pointerdown", "input", "pointercancel"]) {
  if (event === "input") slider.value = slider.min;
  slider.dispatchEvent(new Event(event, {bubbles: true}));
  told.push(document.querySelector(".dm-status").textContent);
}
return told[0] !== told[1] && told[0] === told[2];
"""


@pytest.mark.parametrize(
    ("what", "page", "size"),
    [
        (FOLD, "book/intro", (1280, 800)),
        (FOLD, "book/intro", PHONE),
        (HERE, "chapters/01_question_marks", (1280, 600)),
        (HERE, "chapters/13_results", (1280, 600)),
        (HERE, "book/cite", (1280, 600)),
        (HERE, "chapters/13_results", PHONE),
        (STATUS, "chapters/05_focal_tversky", PHONE),
        (STATUS, "chapters/03_scores", PHONE[::-1]),
        (ROW_NAME, "chapters/13_results", PHONE),
        (SCROLLED, "chapters/05_focal_tversky", PHONE),
    ],
)
def test_what_one_looks_for_is_in_sight_and_stays(browser, site, what, page, size):
    look(browser, (site / f"{page}.html").as_uri(), size)
    until, seen = monotonic() + 3, False
    while monotonic() < until and not seen:
        seen = browser.run(what)
    assert seen


def test_a_quiz_answers_to_the_keyboard(browser, site):
    from selenium.webdriver.common.keys import Keys

    look(browser, (site / "chapters/01_question_marks.html").as_uri())
    browser.run("document.querySelector('details.quiz > summary').focus()")
    options = "[...document.querySelectorAll('details.quiz > p')]"
    shown = f"return {options}.map((p) => p.checkVisibility())"
    for key, wanted in (
        (Keys.ENTER, [True, False]),
        (Keys.SPACE, [False, False]),
        (Keys.SPACE, [True, False]),
        (Keys.TAB, [True, False]),
        (Keys.ENTER, [True, True]),
    ):
        browser.driver.switch_to.active_element.send_keys(key)
        assert browser.run(shown)[:3] == [*wanted, False]
    tree = browser.command("Accessibility.getFullAXTree")["nodes"]
    heard = [node for node in tree if node.get("role", {}).get("value") == "DisclosureTriangle"]
    assert any(node["name"]["value"].startswith("b) It is right as often") for node in heard)


# --- the interactive figures ------------------------------------------------------------


def restored(kind, state):
    """The package's figure in the state that a page shows."""
    figure = getattr(live, kind)()
    for name, value in state.items():
        if isinstance(getattr(figure, name), np.ndarray):
            pixels = np.frombuffer(base64.b64decode(value), np.uint8)
            value = pixels.reshape(-1, *state["shape"])
            value = value[0] if len(value) == 1 else value
        setattr(figure, name, value)
    return figure


def words_of(kind, s):
    """What a figure has to say in this order, as the package computes it."""
    if kind == "AttentionGateMap":
        added = max(s["theta"] * s["x"] + s["phi"] * s["g"], 0)
        alpha = 1 / (1 + np.exp(-(s["psi"] * added + s["bias"])))
        return [f"coefficient {alpha:.3f}", f"{alpha * s['x']:.3f} of x = {s['x']:.2f} passes"]
    if kind == "CbamExplorer":  # weights as in layers.ChannelAttention, in NumPy
        values = np.reshape(s["features"], s["shape"]) * s["gains"]
        vectors, mlp = np.stack([values.mean((0, 1)), values.max((0, 1))]), s["mlp"]
        hidden = np.maximum(vectors @ mlp["squeeze"] + mlp["squeezeBias"], 0)
        weights = 1 / (1 + np.exp(-(hidden @ mlp["excite"] + mlp["exciteBias"]).sum(0)))
        return [f"{name} {weight:.2f}" for name, weight in zip(s["names"], weights, strict=True)]
    figure = restored(kind, s)
    if kind == "SupervisionTargets":
        counts = [count for _, _, count in figure._heads()]
        first = 1 / sum(s["decay"] ** k for k in range(4))
        rule = f"Rule {s['rule'].replace('_', ' ')}: the 1/8 target has {counts[3]} cell"
        return [rule, f"the mask has {counts[0]}.", f" {first:.3f}, "]
    if kind == "ReceptiveField":
        return [f"a pixel sees {figure._fields()[-1]} image", "the pooled image" * s["multi_scale"]]
    if kind == "OverlapTile":
        tiles = len(figure._starts()) ** 2
        return [f"{tiles} tiles, {tiles * (s['tile'] / s['image_size']) ** 2:.2f} times"]
    numbers = re.findall(r"\d+(?:\.\d+)?", figure.describe())
    if kind == "ThresholdExplorer":
        truth, levels = figure.truth[None], figure.probability[None]
        threshold, score = metrics.score_stack(truth, levels / 255, thin=s["thin"]).best_v_rand()
        numbers.append(f"V_rand {score:.3f} at {threshold:.1f}")
    return numbers


def after_gap(s):
    shown = list(s["truth"])
    membrane = [i for i, value in enumerate(shown) if value]
    shown[s["gap"] if s.get("gap") is not None else membrane[len(membrane) // 2]] = 0
    return {"prediction": shown}


def turned(name):
    return lambda s: {name: not s[name]}


DICE = {"fn_weight": 0.5, "fp_weight": 0.5, "exponent": 1.0, "smooth": 1.0}
NECK = {"threshold": 0.15, "neck": 0.15}
# kind: slider to move, its trait, what to click and its words, what the click sets
FIGURES = {
    "TverskyExplorer": ("exponent", "exponent", "button", "Dice loss", DICE),
    "ThresholdExplorer": ("threshold", "threshold", "label", "thin borders first", turned("thin")),
    "BrokenMembrane": (None, None, "button", "Open one gap", after_gap),
    "AttentionGateMap": ("bias", "bias", "select", "enlarged by", {"interpolation": "nearest"}),
    "CbamExplorer": ("gain of ", "gains", "label", "multiply by pixel weights", turned("spatial")),
    "SupervisionTargets": ("weight of", "decay", "select", "a coarse pixel is", {"rule": "area"}),
    "ReceptiveField": ("depth", "depth", "label", "multi-scale input", turned("multi_scale")),
    "OverlapTile": ("tile side", "tile", "select", "weights", {"window": "uniform"}),
    "NeckExplorer": ("threshold", "threshold", "button", "defaults", NECK),
}


class Figure:
    """A figure on the page that is open."""

    def __init__(self, browser, element):
        self.browser, self.element = browser, element
        self.kind = element.get_attribute("data-kind")
        self.state = json.loads(element.get_attribute("data-state"))

    def find(self, css, words=""):
        for part in self.element.find_elements("css selector", css):
            label = part.get_attribute("aria-label") or part.get_attribute("textContent")
            if words in label:
                self.browser.run("arguments[0].scrollIntoView({block: 'center'})", part)
                return part
        raise AssertionError(f"{self.kind} has no {css} with {words!r}")

    def check(self):
        said = self.find(".dm-status").text.replace("\N{MINUS SIGN}", "-")
        wanted = words_of(self.kind, self.state)
        assert re.search(".*".join(map(re.escape, wanted)), said), (self.kind, wanted, said)
        return said

    def read(self, slider, name):
        value = float(slider.get_attribute("value"))
        if isinstance(self.state[name], list):
            value = [value, *self.state[name][1:]]
        self.state[name] = int(value) if isinstance(self.state[name], int) else value

    def moves(self):
        """Move one control after the other, by keyboard and mouse."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys
        from selenium.webdriver.support.select import Select

        dial, name, css, words, change = FIGURES[self.kind]
        if dial is None:  # a grid of pixels: one down, and change it
            self.browser.run("arguments[0].focus()", self.find("[tabindex='0']", "row 1"))
            for key in (Keys.ARROW_DOWN, Keys.SPACE):
                self.browser.driver.switch_to.active_element.send_keys(key)
            self.state["prediction"][self.state["shape"][1]] ^= 1
            yield
        else:
            slider = self.find("input[type=range]", dial)
            slider.send_keys(Keys.ARROW_LEFT)
            self.read(slider, name)
            yield
            for share in (-0.35, 0.35):
                pointer, place = ActionChains(self.browser.driver), share * slider.size["width"]
                pointer.move_to_element_with_offset(slider, round(place), 0).click().perform()
                self.read(slider, name)
                yield
        part = self.find(css, words)
        if css == "select":
            shown = {"nearest": "repeating pixels", "uniform": "all equal"}
            shown["area"] = "the share that is membrane"
            Select(part).select_by_visible_text(shown[next(iter(change.values()))])
        else:
            part.click()
        self.state |= change(self.state) if callable(change) else change
        yield


def test_figures_on_the_page_say_what_the_package_says(browser, opened):
    elements = browser.driver.find_elements("css selector", ".damunet-figure")
    figures = [Figure(browser, element) for element in elements]
    for figure in figures:
        said = {figure.check()} | {figure.check() for _ in figure.moves()}
        assert len(said) > 1, f"{figure.kind} always says the same"


# --- accessibility ----------------------------------------------------------------------

# All rules but contrast. Code like code that was looked at, and formulas like others, cost minutes
# and show nothing new.
STRUCTURE = """
const hide = (e) => { e.style.display = "none"; };
const seen = new Set();
for (const block of document.querySelectorAll(".highlight")) {
  const frame = block.parentElement.className, pre = block.querySelector("pre");
  const kinds = [...block.querySelectorAll("span[class]")].map((e) => `${frame} ${e.className}`);
  kinds.push(`${frame} ${pre && pre.scrollWidth > pre.clientWidth}`);
  if (kinds.every((kind) => seen.has(kind))) hide(block);
  for (const kind of kinds) seen.add(kind);
}
[...document.querySelectorAll("mjx-container")].slice(3).forEach(hide);
const entries = {};  // of the package's reference: three of each kind
for (const entry of document.querySelectorAll("dl.py")) {
  entries[entry.className] = (entries[entry.className] ?? 0) + 1;
  if (entries[entry.className] > 3) hide(entry);
}
const asked = document, rules = {rules: {"color-contrast": {enabled: false}}};
"""
# Contrast is one of letters and ground: two texts of each colour, size and ground are asked.
CONTRAST = """
const grounds = new Map();
const ground = (e) => {  // all that is painted behind e, down to what nothing shines through
  if (e === null) return "";
  if (!grounds.has(e)) {
    const {backgroundColor: colour, backgroundImage: image, opacity} = getComputedStyle(e);
    const opaque = colour.startsWith("rgb(") && opacity === "1" && image === "none";
    grounds.set(e, `${colour} ${image} ${opacity};${opaque ? "" : ground(e.parentElement)}`);
  }
  return grounds.get(e);
};
const kinds = {};
for (const e of document.querySelectorAll("body, body *")) {
  delete e.dataset.asked;
  if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim())) continue;
  if (!e.checkVisibility({visibilityProperty: true})) continue;
  const {color, fontSize, fontWeight} = getComputedStyle(e);
  const kind = [color, fontSize, fontWeight, ground(e)].join("|");
  kinds[kind] = (kinds[kind] ?? 0) + 1;
  if (kinds[kind] <= 2) e.dataset.asked = "";
}
const asked = {include: [["[data-asked]"]]};
const rules = {runOnly: {type: "rule", values: ["color-contrast"]}};
"""
ASK = """
axe.run(asked, {...rules, resultTypes: ["violations"], preload: false}).then(({violations}) =>
  arguments[0](violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.target.flat().join(" ")}: ${node.html.slice(0, 160)}`))));
"""
# The page follows the computer's wish a moment later; its colours need not fade over here.
AT_ONCE = """
const style = document.createElement("style");
style.textContent = "*, *::before, *::after { transition: none !important }";
document.head.append(style);
document.querySelectorAll('details').forEach((e) => { e.open = true; });
"""
SCHEME_SHOWN = """
const [wanted, done] = arguments, until = performance.now() + 3000;
const look = () => {
  const shown = document.documentElement.dataset.theme;
  if (shown !== wanted && performance.now() < until) setTimeout(look, 20);
  else requestAnimationFrame(() => requestAnimationFrame(() => done(shown)));
};
look();
"""
AXE = importlib.util.find_spec("axe_playwright_python")
needs_axe = pytest.mark.skipif(AXE is None, reason="axe-playwright-python is missing")


def violations(browser, script) -> list[str]:
    """What axe objects to on the page that is open."""
    if not browser.run("return Boolean(window.axe)"):
        browser.run(Path(AXE.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
    return browser.driver.execute_async_script(script + ASK)


@needs_axe
def test_page_is_accessible_in_light_and_dark(browser, opened):
    browser.run(AT_ONCE)
    found = violations(browser, STRUCTURE)
    try:
        for scheme in ("dark", "light"):
            browser.prefer(scheme)
            assert browser.driver.execute_async_script(SCHEME_SHOWN, scheme) == scheme
            found += [f"{scheme}: {violation}" for violation in violations(browser, CONTRAST)]
    finally:
        browser.prefer("light")
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@needs_axe
def test_a_page_that_is_hard_to_read_is_noticed(browser, tmp_path):
    path = tmp_path / "page.html"
    grey = '<p style="color: #aaa; background: #fff">Grey among black</p><img src="data:,">'
    body = f"<main><h1>Black</h1>{'<p>Black</p>' * 5}{grey}{'<p>Black</p>' * 5}</main>"
    path.write_text(f"<!doctype html><html><body>{body}</body></html>", encoding="utf-8")
    browser.visit(path.as_uri())
    found = violations(browser, STRUCTURE) + violations(browser, CONTRAST)
    rules = {violation.split(":")[0] for violation in found}
    assert rules >= {"color-contrast", "image-alt", "html-has-lang", "document-title"}
