/* What pages need a script for: where one is in the list of pages, sliders under a finger that
   scrolls, and the words that a search found. Pages work without it. */

/** Scroll the list of pages, and nothing else, until the page that is shown is in sight. */
const showPlace = () => {
  const here = document.querySelector("li.current.active > a");
  let list = here?.parentElement;
  while (list && !/auto|scroll/.test(getComputedStyle(list).overflowY)) list = list.parentElement;
  if (!list) return;
  const top = here.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (top < 0 || top > list.clientHeight - 60) list.scrollTop += top - list.clientHeight / 2;
};
addEventListener("load", showPlace);
// On a phone the list opens in a window of its own.
addEventListener("click", (event) => {
  if (event.target.closest(".primary-toggle")) setTimeout(showPlace, 100);
}, true); // the theme lets the click go no further

// A finger that scrolls the page from a figure's slider leaves the slider as it was.
addEventListener("pointerdown", ({ target }) => { target.atFirst = target.value; });
addEventListener("pointercancel", ({ target }) => {
  if (target.type !== "range") return;
  target.value = target.atFirst;
  target.dispatchEvent(new Event("input"));
});

/* The search. Sphinx would read every page that it found, which pages from disk may not. */

const AROUND = 110; // letters before and after

/** The place in some sections where most of the words stand close together. */
function bestHit(sections, words) {
  let best = null;
  for (const [anchor, text] of sections) {
    const lower = text.toLowerCase();
    const starts = new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})`, "gu");
    for (const hit of lower.matchAll(starts)) {
      const near = lower.slice(hit.index, hit.index + AROUND);
      const worth = words.filter((word) => near.includes(word)).length;
      if (worth > (best?.worth ?? 0)) {
        best = { worth, anchor, text, from: hit.index, to: hit.index + hit[0].length };
      }
    }
  }
  return best;
}

/** Words around a hit, which is marked. */
function surroundings({ text, from, to }) {
  const start = from > AROUND ? text.indexOf(" ", from - AROUND) + 1 : 0;
  const end = to + AROUND < text.length ? text.lastIndexOf(" ", to + AROUND) : text.length;
  const line = document.createElement("p");
  line.className = "context";
  const mark = document.createElement("mark");
  mark.textContent = text.slice(from, to);
  line.append(start > 0 ? "… " : "", text.slice(start, from), mark);
  line.append(text.slice(to, Math.max(end, to)), end < text.length ? " …" : "");
  return line;
}

function explain(item, texts, words) {
  const link = item.querySelector("a");
  if (item.querySelector("span")) return; // says already what it is
  const [page, anchor] = link.getAttribute("href").split("#");
  const sections = Object.entries(texts[page.replace(/\.html$/, "")] ?? {});
  const own = sections.filter(([name]) => name === anchor);
  const hit = bestHit(own, words) ?? bestHit(sections, words);
  if (!hit) return;
  item.append(surroundings(hit));
  if (!anchor) link.hash = hit.anchor;
}

const results = document.querySelector("#search-results");
if (results && location.search) {
  const query = new URLSearchParams(location.search).get("q") ?? "";
  const stemmer = new Stemmer();
  const words = splitQuery(query.toLowerCase()).flatMap((word) => [word, stemmer.stemWord(word)]);
  const texts = new Promise((done) => { window.bookTexts = done; });
  const script = document.createElement("script");
  script.src = `${document.documentElement.dataset.content_root}_static/book-texts.js`;
  document.head.append(script);
  new MutationObserver((changes) => {
    for (const item of changes.flatMap((change) => [...change.addedNodes])) {
      if (item.nodeName === "LI") texts.then((found) => explain(item, found, words));
    }
  }).observe(results, { childList: true, subtree: true });
}
