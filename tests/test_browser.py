"""The built pages in a browser that has no network: what a reader sees, hears and can move.

Every page is opened from disk and from a local server. The interactive figures are moved with
keyboard and mouse, and their words compared with what the package says.
"""

import base64
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from time import monotonic
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from benchmarks import pages as benchmark
from building import serve
from damunet_book import live

from book.tools.browser import Browser, missing
from book.tools.build import book_pages
from book.tools.set_address import configured_address, split_address
from damunet_lite import cells, metrics

PAGES = [*book_pages(), "genindex", "py-modindex", "search"]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module")
def browser():
    with Browser() as window:
        yield window


@pytest.fixture(scope="module", params=PAGES)
def visited(request, browser, site):
    path = site / f"{request.param}.html"
    return path, browser.visit(path.as_uri())


@pytest.fixture
def opened(browser, visited):
    """A page that is open from disk, and what its visit found: once for all who look at it."""
    assert browser.driver.current_url == visited[0].as_uri(), "a test between went elsewhere"
    return visited


@pytest.fixture(scope="module")
def server(site):
    with serve(site) as address:
        yield address


# --- nothing is missing, and nobody else is asked ---------------------------------------


@cache
def anchors_of(path: Path) -> set[str]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    named = [tag["name"] for tag in soup.find_all("a", attrs={"name": True})]
    return {tag["id"] for tag in soup.find_all(id=True)}.union(named)


LINKS = "return [...document.querySelectorAll('a[href]')].map((link) => link.href)"
ANCHORS = "return [...document.querySelectorAll('[id], a[name]')].flatMap((e) => [e.id, e.name])"


def broken_links(browser, path: Path) -> list[str]:
    """Links of the page that is open (from disk) which lead nowhere."""
    found = []
    for link in browser.run(LINKS):
        parts = urlsplit(link)
        if parts.scheme != "file":
            continue
        target, anchor = Path(url2pathname(parts.path)), unquote(parts.fragment)
        if not target.is_file():
            found.append(f"broken link: {link}")
        elif anchor:
            known = browser.run(ANCHORS) if target == path else anchors_of(target)
            if anchor not in known:
                found.append(f"no such anchor: {link}")
    return found


def test_page_opened_from_disk_is_whole(browser, opened):
    path, visit = opened
    assert visit.requests
    assert visit.faults + broken_links(browser, path) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_from_a_server_is_whole_and_light_and_fits_a_phone(browser, site, server, page):
    visit = benchmark.first_visit(browser, server, page)
    assert visit.requests
    assert visit.faults == []
    row = benchmark.measure(site, server, [visit])
    assert row["page"] > row["own"] > 5_000
    for time in ("readable", "formulas"):
        row[time] /= 4  # the tests may share their computer
    assert benchmark.broken_limits(row) == [], row
    assert browser.run(RAW_FORMULAS) == 0
    browser.resize(390, 800)
    try:
        wide = browser.run(TOO_WIDE)
    finally:
        browser.resize(1280, 900)
    assert wide == []


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

# Of each box with a wide figure: how wide the figure is, and what lets the keyboard in.
BOXES = """
return [...document.querySelectorAll(".wide-figure > div")].map((box) =>
  [box.firstElementChild.getBoundingClientRect().width, box.clientWidth, box.tabIndex]);
"""


def test_wide_figures_keep_their_labels_on_a_phone(browser, site):
    browser.resize(390, 800)
    try:
        assert browser.visit((site / "chapters/11_damu_net.html").as_uri()).faults == []
        narrow = browser.run(BOXES)
        assert browser.run(TOO_WIDE) == []
    finally:
        browser.resize(1280, 900)
    browser.visit((site / "chapters/11_damu_net.html").as_uri())
    wide = browser.run(BOXES)
    assert sum(figure > 880 for figure, _, _ in narrow) == 4, "the drawings of networks"
    assert all(figure > 1.2 * box and stop == 0 for figure, box, stop in narrow)
    assert all(figure <= box and stop == -1 for figure, box, stop in wide)


# Of each box that may scroll sideways: whether it has to, and whether it fades at its sides.
FADES = """
return [...document.querySelectorAll(".bd-article pre, .pst-scrollable-table-container")]
  .filter((box) => box.clientWidth).map((box) =>
    [box.scrollWidth > box.clientWidth, getComputedStyle(box).maskImage !== "none"]);
"""


def test_what_scrolls_sideways_fades_where_more_of_it_waits(browser, site):
    browser.resize(390, 800)
    try:
        browser.visit((site / "chapters/11_damu_net.html").as_uri())
        boxes = browser.run(FADES)
        browser.run("document.querySelector('.wide-figure > div').focus({focusVisible: true})")
        focused = "return getComputedStyle(document.activeElement).maskImage"
        assert browser.run(focused) == "none", "the frame of what has the focus would fade, too"
    finally:
        browser.resize(1280, 900)
    assert {True, False} == {scrolls for scrolls, _ in boxes}
    assert all(scrolls == fades for scrolls, fades in boxes)


FAULTY = """<!doctype html><html lang="en"><title>faulty</title><body>
<img src="https://example.org/a.png" alt="a picture elsewhere">
<img src="not_there.png" alt="a picture that is missing">
<a href="no_such_page.html">nowhere</a> <a href="#no_such_anchor">nowhere</a>
<script src="https://cdn.example.org/a.js"></script>
<script>throw new Error("planted")</script>
<div style="width: 900px">wide</div></body></html>"""
SOUND = """<!doctype html><html lang="en"><title>sound</title><link rel="icon" href="data:,">
<body><a href="#here">here</a> <a href="https://example.org">elsewhere</a>
<p id="here">text</p></body></html>"""


def test_a_faulty_page_is_noticed(browser, tmp_path):
    path = tmp_path / "faulty.html"
    path.write_text(FAULTY, encoding="utf-8")
    faults = browser.visit(path.as_uri()).faults + broken_links(browser, path)
    for fault in (
        "outside request: https://example.org/a.png",
        "outside request: https://cdn.example.org",
        "broken image: not_there.png",
        "broken link: ",
        "no such anchor: ",
        "planted",
    ):
        assert [f for f in faults if fault in f], (fault, faults)
    browser.resize(390, 800)
    assert browser.run(TOO_WIDE)
    with serve(tmp_path) as address:
        faults = browser.visit(f"{address}faulty.html", address).faults
        assert [f for f in faults if "(404)" in f], faults
        path = tmp_path / "sound.html"
        path.write_text(SOUND, encoding="utf-8")
        assert browser.visit(f"{address}sound.html", address).faults == []
    visit = browser.visit(path.as_uri())
    assert visit.faults + broken_links(browser, path) + browser.run(TOO_WIDE) == []
    browser.resize(1280, 900)


# Of each result, when all are there: where it leads, and the words around what was found.
RESULTS = """
if (!document.querySelector(".search-summary")?.innerText.startsWith("Search finished")) return [];
return [...document.querySelectorAll("#search-results li")].map((item) =>
  [item.querySelector("a").href, item.querySelector("mark")?.parentElement.innerText ?? ""]);
"""


def results(browser, address: str, home: str = "") -> list[list[str]]:
    assert browser.visit(address, home).faults == []
    until, found = monotonic() + 10, []
    while monotonic() < until and not any(text for _, text in found):
        found = browser.run(RESULTS)
    return found


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("tversky", "book/glossary.html#term-Tversky"),
        ("install", "book/how_to_use.html"),
        ("colab", "book/how_to_use.html"),
        ("watersheds", "chapters/14_cells.html"),
    ],
)
def test_search_shows_the_words_around_what_it_finds(browser, site, server, words, first):
    query = f"search.html?q={words}"
    found = results(browser, f"{site.as_uri()}/{query}")
    assert first in found[0][0]
    told = [text for _, text in found if text]
    assert words.rstrip("s") in told[0].lower()
    assert len(told) > len(found) / 3
    assert not [text for text in told if "Repository" in text], "buttons are no text"
    served = results(browser, server + query, server)
    assert [link.removeprefix(server) for link, _ in served] == [
        link.removeprefix(f"{site.as_uri()}/") for link, _ in found
    ]


def test_a_wrong_address_shows_a_page_that_leads_back(browser, site, tmp_path):
    name = split_address(configured_address())[1]
    (tmp_path / name).symlink_to(site)
    with serve(tmp_path) as address:
        assert browser.visit(f"{address}{name}/404.html", address).faults == []
        assert f"{address}{name}/book/how_to_use.html" in browser.run(LINKS)


IN_SIGHT = """
const here = document.querySelector("li.current.active > a");
const {top, bottom} = here.getBoundingClientRect();
return [here.textContent.trim(), top >= 0 && bottom <= innerHeight, scrollY];
"""


@pytest.mark.parametrize("page", ["chapters/01_question_marks", "chapters/13_results", "book/cite"])
def test_the_list_of_pages_shows_where_one_is(browser, site, page):
    browser.resize(1280, 600)
    try:
        browser.visit((site / f"{page}.html").as_uri())
        name, seen, scrolled = browser.run(IN_SIGHT)
    finally:
        browser.resize(1280, 900)
    assert (bool(name), seen, scrolled) == (True, True, 0)


def test_the_list_of_pages_shows_where_one_is_on_a_phone(browser, site):
    browser.resize(390, 844)
    try:
        browser.visit((site / "chapters/13_results.html").as_uri())
        browser.run("document.querySelector('.primary-toggle').click()")
        until = monotonic() + 3
        while monotonic() < until and not browser.run(IN_SIGHT)[1]:
            pass
        assert browser.run(IN_SIGHT)[:2] == ["13. Filling the table", True]
    finally:
        browser.resize(1280, 900)


FOLD = """
const {top, bottom} = document.querySelector("article img").getBoundingClientRect();
return top > 0 && bottom < innerHeight;
"""


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_front_page_shows_its_picture_at_once(browser, site, size):
    browser.resize(*size)
    try:
        browser.visit((site / "book/intro.html").as_uri())
        assert browser.run(FOLD)
    finally:
        browser.resize(1280, 900)


def test_a_quiz_answers_to_the_keyboard(browser, site):
    from selenium.webdriver.common.keys import Keys

    browser.visit((site / "chapters/01_question_marks.html").as_uri())
    browser.run("document.querySelector('details.quiz > summary').focus()")
    shown = (
        "return [...document.querySelectorAll('details.quiz > p')].map((p) => p.checkVisibility())"
    )
    for key, wanted in ((Keys.ENTER, True), (Keys.SPACE, False), (Keys.SPACE, True)):
        browser.driver.switch_to.active_element.send_keys(key)
        assert browser.run(shown)[:2] == [wanted, False]
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.run(shown)[:3] == [True, True, False]
    tree = browser.command("Accessibility.getFullAXTree")["nodes"]
    heard = [node for node in tree if node.get("role", {}).get("value") == "DisclosureTriangle"]
    names = [node["name"]["value"] for node in heard]
    assert [name for name in names if name.startswith("b) It is right as often")]


STATUS = """
const figure = document.querySelector(".dm"), slider = figure.querySelector("input[type=range]");
slider.scrollIntoView({block: "start"});
scrollBy(0, -80);
const {top, bottom} = figure.querySelector(".dm-status").getBoundingClientRect();
return [figure.clientHeight, top > slider.getBoundingClientRect().bottom && bottom <= innerHeight];
"""


def test_what_a_figure_says_stays_in_sight_on_a_phone(browser, site):
    browser.resize(390, 844)
    try:
        browser.visit((site / "chapters/05_focal_tversky.html").as_uri())
        height, seen = browser.run(STATUS)
    finally:
        browser.resize(1280, 900)
    assert height > 844
    assert seen


# --- the interactive figures ------------------------------------------------------------


def unpack(text: str, shape) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def say_scores(truth, probability, threshold, thin, names):
    scores = metrics.score_stack(truth[None], probability[None], [threshold], thin)
    return [f"{words} {getattr(scores, name)[0, 0]:.3f}" for words, name in names.items()]


def say_tversky(s):
    loss = live.TverskyExplorer(**s).describe()
    return [loss.removesuffix(" on the four pixels.")]


def say_threshold(s):
    truth, levels = unpack(s["truth"], s["shape"]), unpack(s["probability"], s["shape"])
    names = {"Dice, cell": "dice_cell", "Dice, membrane": "dice_membrane", "V_rand": "v_rand"}
    names["V_info"] = "v_info"
    said = say_scores(truth, levels / 255, s["threshold"], s["thin"], names)
    best = metrics.score_stack(truth[None], levels[None] / 255, thin=s["thin"]).best_v_rand()
    return [f"Threshold {s['threshold']:.2f}", *said, f"V_rand {best[1]:.3f} at {best[0]:.1f}"]


def say_broken(s):
    truth, shown = (np.reshape(s[name], s["shape"]) for name in ("truth", "prediction"))
    names = {"accuracy": "accuracy", "Dice, cell": "dice_cell", "Dice, membrane": "dice_membrane"}
    names |= {"V_rand": "v_rand", "V_info": "v_info"}
    wrong = f"{(truth != shown).sum()} of {truth.size} pixels wrong"
    return [wrong, *say_scores(truth, shown.astype(float), 0.5, s["thin"], names)]


def say_gate(s):
    added = max(s["theta"] * s["x"] + s["phi"] * s["g"], 0)
    alpha = 1 / (1 + np.exp(-(s["psi"] * added + s["bias"])))
    return [f"coefficient {alpha:.3f}", f"{alpha * s['x']:.3f} of x = {s['x']:.2f} passes"]


def say_cbam(s):
    """Channel weights as `layers.ChannelAttention` gives them, in numpy."""
    values = np.reshape(s["features"], s["shape"]) * s["gains"]

    def shared(vector):
        hidden = np.maximum(vector @ s["mlp"]["squeeze"] + s["mlp"]["squeezeBias"], 0)
        return hidden @ s["mlp"]["excite"] + s["mlp"]["exciteBias"]

    logits = shared(values.mean((0, 1))) + shared(values.max((0, 1)))
    weights = 1 / (1 + np.exp(-logits))
    return [
        "Channel weights: "
        + ", ".join(
            f"{name} {weight:.2f}" for name, weight in zip(s["names"], weights, strict=True)
        )
    ]


def say_supervision(s):
    mask = unpack(s["mask"], s["shape"])
    figure = live.SupervisionTargets(mask=mask, rule=s["rule"], decay=s["decay"])
    left = [count for _, _, count in figure._heads()]
    rule = s["rule"].replace("_", " ")
    first = 1 / sum(s["decay"] ** k for k in range(4))
    return [
        f"Rule {rule}: the 1/8 target has {left[3]} cell",
        f"the mask has {left[0]}.",
        f" {first:.3f}, ",
    ]


def say_field(s):
    side = int(live.ReceptiveField(**s).describe().rstrip(".").split(", ")[-1])
    extra = " meets the pooled image after 1 convolution" if s["multi_scale"] else ""
    return [f"At the bottom a pixel sees {side} image pixels", extra]


def say_tiles(s):
    tiles = int(live.OverlapTile(**s).describe().split(" x ")[0])
    work = (tiles * s["tile"] / s["image_size"]) ** 2
    return [f"{tiles**2} tiles, {work:.2f} times"]


def say_necks(s):
    """The cells of the package, worked out anew from the map that the figure carries."""
    levels, walls = unpack(s["probability"], s["shape"]), unpack(s["truth"], s["shape"])
    found = cells.segment_cells(levels / 255, s["threshold"], s["neck"])
    score = cells.score_cells(metrics.label_cells(walls == 0), found)["v_rand"]
    said = f"Threshold {s['threshold']:.2f}, neck {s['neck']:.2f}: {found.max()} cell"
    return [said, f"V_rand {score:.3f}"]


def after_gap(s):
    shown = list(s["truth"])
    membrane = [i for i, value in enumerate(shown) if value]
    shown[s["gap"] if s.get("gap") is not None else membrane[len(membrane) // 2]] = 0
    return {"prediction": shown}


DICE = {"fn_weight": 0.5, "fp_weight": 0.5, "exponent": 1.0, "smooth": 1.0}
# kind: (what it says, slider to move and its trait, (what to click, what the click sets))
FIGURES = {
    "TverskyExplorer": (say_tversky, ("exponent", "exponent"), ("button", "Dice loss", DICE)),
    "ThresholdExplorer": (
        say_threshold,
        ("threshold on the probability of cell", "threshold"),
        ("label", "thin borders first", lambda s: {"thin": not s["thin"]}),
    ),
    "BrokenMembrane": (say_broken, None, ("button", "Open one gap", after_gap)),
    "AttentionGateMap": (
        say_gate,
        ("bias", "bias"),
        ("select", "enlarged by", lambda s: {"interpolation": "nearest"}),
    ),
    "CbamExplorer": (
        say_cbam,
        ("gain of ", "gains"),
        ("label", "multiply by pixel weights", lambda s: {"spatial": not s["spatial"]}),
    ),
    "SupervisionTargets": (
        say_supervision,
        ("weight of a head", "decay"),
        ("select", "a coarse pixel is", lambda s: {"rule": "area"}),
    ),
    "ReceptiveField": (
        say_field,
        ("depth", "depth"),
        ("label", "multi-scale input", lambda s: {"multi_scale": not s["multi_scale"]}),
    ),
    "OverlapTile": (
        say_tiles,
        ("tile side", "tile"),
        ("select", "weights", lambda s: {"window": "uniform"}),
    ),
    "NeckExplorer": (
        say_necks,
        ("threshold on the probability of membrane", "threshold"),
        ("button", "defaults", {"threshold": 0.15, "neck": 0.1}),
    ),
}


class Figure:
    """A figure on the page that is open."""

    def __init__(self, browser, element):
        from selenium.webdriver.common.by import By

        self.browser, self.element, self.css = browser, element, By.CSS_SELECTOR
        self.kind = element.get_attribute("data-kind")
        self.state = json.loads(element.get_attribute("data-state"))
        self.say, self.dial, self.click = FIGURES[self.kind]

    def find(self, css, words=""):
        for part in self.element.find_elements(self.css, css):
            label = part.get_attribute("aria-label") or part.get_attribute("textContent")
            if words in label:
                return part
        raise AssertionError(f"{self.kind} has no {css} with {words!r}")

    def text(self):
        return self.find(".dm-status").text.replace("\N{MINUS SIGN}", "-")

    def check(self):
        said = self.text()
        assert [words for words in self.say(self.state) if words not in said] == [], said

    def read(self, slider):
        value, name = float(slider.get_attribute("value")), self.dial[1]
        if isinstance(self.state[name], list):
            value = [value, *self.state[name][1:]]
        if isinstance(self.state[name], int):
            value = int(value)
        changed = value != self.state[name]
        self.state[name] = value
        return changed


def move_with_the_keyboard(figure):
    from selenium.webdriver.common.keys import Keys

    if figure.dial is None:  # a grid of pixels: one down, and change it
        figure.browser.run("arguments[0].focus()", figure.find("[tabindex='0']", "row 1"))
        figure.browser.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
        figure.browser.driver.switch_to.active_element.send_keys(Keys.SPACE)
        shown, below = list(figure.state["prediction"]), figure.state["shape"][1]
        figure.state["prediction"] = [v ^ (i == below) for i, v in enumerate(shown)]
        return
    slider = figure.find("input[type=range]", figure.dial[0])
    slider.send_keys(Keys.ARROW_LEFT)
    assert figure.read(slider), "the arrow key moved nothing"


def move_with_the_mouse(figure):
    from selenium.webdriver import ActionChains

    if figure.dial is not None:
        slider = figure.find("input[type=range]", figure.dial[0])
        figure.browser.run("arguments[0].scrollIntoView({block: 'center'})", slider)
        moved = False
        for share in (-0.35, 0.35):  # the slider may stand at one of the two already
            place = round(share * slider.size["width"])
            pointer = ActionChains(figure.browser.driver)
            pointer.move_to_element_with_offset(slider, place, 0).click().perform()
            moved = figure.read(slider) or moved
            figure.check()
        assert moved, "the mouse moved nothing"
    css, words, change = figure.click
    part = figure.find(css, words)
    figure.browser.run("arguments[0].scrollIntoView({block: 'center'})", part)
    if css == "select":
        from selenium.webdriver.support.select import Select

        (wanted,) = change(figure.state).values()
        shown = {"nearest": "repeating pixels", "uniform": "all equal"}
        shown["area"] = "the share that is membrane"
        Select(part).select_by_visible_text(shown[wanted])
    else:
        part.click()
    figure.state |= change(figure.state) if callable(change) else change


def exercise_figures(browser):
    """Move every figure on the page that is open; give their kinds."""
    elements = browser.driver.find_elements("css selector", ".damunet-figure")
    kinds = []
    for figure in [Figure(browser, element) for element in elements]:
        kinds.append(figure.kind)
        figure.check()
        said = {figure.text()}
        for move in (move_with_the_keyboard, move_with_the_mouse):
            move(figure)
            figure.check()
            said.add(figure.text())
        assert len(said) > 1, f"{figure.kind} always says the same"
    return kinds


def test_figures_on_the_page_say_what_the_package_says(browser, opened):
    wanted = opened[0].read_text(encoding="utf-8").count('class="damunet-figure"')
    assert len(exercise_figures(browser)) == wanted


@pytest.fixture
def all_figures(tmp_path):
    """A page with one figure of every kind, whether a chapter shows it or not."""
    figures = [getattr(live, kind)().html() for kind in FIGURES]
    path = tmp_path / "figures.html"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>all</title><body><main>'
    path.write_text(f"{head}<h1>All</h1>{''.join(figures)}</main></body></html>", encoding="utf-8")
    return path


def test_every_kind_of_figure_says_what_the_package_says(browser, all_figures):
    assert browser.visit(all_figures.as_uri()).faults == []
    assert exercise_figures(browser) == list(FIGURES)


# Of each control of a figure: the smaller side of what a finger may hit, its label included.
TARGETS = """
return [...document.querySelectorAll(".dm button, .dm select, .dm input")].map((control) => {
  const {width, height} = (control.closest("label") ?? control).getBoundingClientRect();
  return [control.className || control.type || control.tagName, Math.min(width, height)];
});
"""


def test_controls_of_figures_are_as_large_as_a_finger_wants(browser, all_figures):
    browser.visit(all_figures.as_uri())
    browser.resize(390, 800)
    try:
        targets = browser.run(TARGETS)
    finally:
        browser.resize(1280, 900)
    assert {"dm-pixel", "range", "checkbox", "button"} <= {kind for kind, _ in targets}
    small = [(kind, side) for kind, side in targets if side < (24 if kind == "dm-pixel" else 40)]
    assert small == []
    kinds = {kind.__name__ for kind in live.Figure.__subclasses__()}
    assert kinds == set(FIGURES)


def test_a_figure_that_keeps_its_old_words_is_noticed(browser, all_figures):
    text = all_figures.read_text(encoding="utf-8")
    deaf = text.replace("(handlers.get(event) ?? []).forEach((handler) => handler());", "")
    assert deaf != text
    all_figures.write_text(deaf, encoding="utf-8")
    browser.visit(all_figures.as_uri())
    with pytest.raises(AssertionError):
        exercise_figures(browser)


# --- accessibility ----------------------------------------------------------------------

# What axe still finds: rule -> (where, as a selector; why it stays). Nothing else is let pass.
KNOWN_VIOLATIONS: dict[str, tuple[str, str]] = {}


def axe_source() -> str | None:
    try:
        files = importlib.metadata.files("axe-playwright-python") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [file.locate() for file in files if file.name == "axe.min.js"]
    return Path(found[0]).read_text(encoding="utf-8") if found else None


LISTED = """
const listed = ({violations}) => violations.flatMap((rule) => rule.nodes.map((node) =>
  [rule.id, node.target.flat().join(" "), node.html.slice(0, 160)]));
const options = {resultTypes: ["violations"], preload: false};
const done = arguments[0];
"""
# All rules but contrast. Code like code that was looked at, and formulas like others, cost minutes
# and show nothing new.
STRUCTURE = (
    LISTED
    + """
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
axe.run({...options, rules: {"color-contrast": {enabled: false}}})
  .then((found) => done(listed(found)));
"""
)
# Contrast is one of letters and ground: two texts of each colour, size and ground are asked.
CONTRAST = (
    LISTED
    + """
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
axe.run(asked, {...options, runOnly: {type: "rule", values: ["color-contrast"]}})
  .then((found) => done(listed(found)));
"""
)


# The page follows the computer's wish a moment later; its colours need not fade over here.
AT_ONCE = """
const style = document.createElement("style");
style.textContent = "*, *::before, *::after { transition: none !important }";
document.head.append(style);
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
IS_ONE_OF = """
return [...document.querySelectorAll(arguments[0])].some((e) => e.matches(arguments[1]))
"""


def violations(browser, *scripts) -> list[str]:
    """What axe objects to on the page that is open, less what is known."""
    if not browser.run("return Boolean(window.axe)"):
        browser.run(axe_source())
    found = []
    for script in scripts:
        for rule, target, html in browser.driver.execute_async_script(script):
            where = KNOWN_VIOLATIONS.get(rule, (None,))[0]
            if where is None or not browser.run(IS_ONE_OF, target, where):
                found.append(f"{rule}: {target}: {html}")
    return found


needs_axe = pytest.mark.skipif(axe_source() is None, reason="axe-playwright-python is missing")


@needs_axe
def test_page_is_accessible_in_light_and_dark(browser, opened):
    browser.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })" + AT_ONCE)
    found = violations(browser, STRUCTURE)
    try:
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            shown = browser.driver.execute_async_script(SCHEME_SHOWN, scheme)
            assert shown == scheme
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
    rules = {violation.split(":")[0] for violation in violations(browser, STRUCTURE, CONTRAST)}
    assert rules >= {"color-contrast", "image-alt", "html-has-lang", "document-title"}
