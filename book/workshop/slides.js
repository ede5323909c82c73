// One slide at a time, by keyboard, buttons or address. Without scripts all slides stand in a row.
(() => {
  const root = document.documentElement;
  const slides = [...document.querySelectorAll("section")];
  const [back, on, notes, brief, presenter] = document.querySelectorAll("nav button");
  const where = document.querySelector("nav .where");
  let now = 0;
  let second = null; // the presenter's window

  // Make a slide that is too tall smaller, as far as a room can read it; beyond that it scrolls.
  // A live figure scrolls early: its labels are small, and it wants a hand on the mouse anyway.
  function fit() {
    const slide = slides[now], box = slide.firstElementChild;
    const least = box.querySelector(".live") ? 0.62 : 0.42;
    box.style.zoom = "";
    if (root.classList.contains("notes")) return;
    for (let zoom = 0.95; zoom > least && slide.scrollHeight > slide.clientHeight + 1; zoom -= 0.05) {
      box.style.zoom = zoom.toFixed(2);
    }
  }

  function place(image) {
    const box = image.closest("section > div");
    const words = box.querySelectorAll(":scope > p:not(.kind), :scope > pre").length;
    const widest = words > 1 ? 2.3 : 1.9;
    if (words && image.naturalWidth < widest * image.naturalHeight) box.classList.add("beside");
  }

  function show(index, focus) {
    now = Math.max(0, Math.min(slides.length - 1, index));
    slides.forEach((slide, i) => {
      slide.classList.toggle("now", i === now);
      slide.inert = i !== now;
    });
    fit();
    where.textContent = `${now + 1} of ${slides.length}`;
    back.disabled = now === 0;
    on.disabled = now === slides.length - 1;
    if (location.hash !== `#${now + 1}`) history.replaceState(null, "", `#${now + 1}`);
    if (focus) slides[now].focus({ preventScroll: true });
    present();
  }

  // The next slide in a direction; without code, the next one that is more than code.
  function step(by) {
    let to = now + by;
    while (root.classList.contains("brief") && slides[to]?.hasAttribute("data-code")) to += by;
    if (slides[to]) show(to, true);
  }

  function toggleBrief() {
    brief.setAttribute("aria-pressed", String(root.classList.toggle("brief")));
  }

  // A window for the speaker's own screen; the slides stay on the projector.
  function openPresenter() {
    if (!second || second.closed) {
      second = window.open("", "", "width=760,height=620");
      if (!second) return;
      second.document.title = `Presenter: ${document.title}`;
      const style = second.document.createElement("style");
      style.textContent = "body { font: 18px/1.45 system-ui, sans-serif; margin: 1.2em; }"
        + " header { display: flex; justify-content: space-between; } header, footer { color: #59636e; }"
        + " pre { overflow-x: auto; } svg { max-width: 100%; }";
      second.document.head.append(style);
      second.document.addEventListener("keydown", onKey);
      const began = Date.now();
      second.setInterval(() => {
        const clock = second.document.querySelector("time");
        if (clock) clock.textContent = `${Math.floor((Date.now() - began) / 60000)} min`;
      }, 5000);
    }
    second.focus();
    present();
  }

  function present() {
    if (!second || second.closed) return;
    const page = second.document;
    const label = (i) => slides[i]?.getAttribute("aria-label") ?? "the end";
    const time = page.querySelector("time")?.textContent ?? "0 min";
    page.body.innerHTML = "<header><span></span><time></time></header><main></main><footer></footer>";
    page.querySelector("span").textContent = `${label(now)} (of ${slides.length})`;
    page.querySelector("time").textContent = time;
    const said = slides[now].querySelector("aside");
    page.querySelector("main").innerHTML = said ? said.innerHTML : "No notes on this slide.";
    page.querySelector("footer").textContent = `Next: ${label(now + 1)}`;
  }

  function toggleNotes() {
    const shown = root.classList.toggle("notes");
    notes.setAttribute("aria-pressed", String(shown));
    fit();
  }

  const keys = {
    ArrowRight: () => step(1), PageDown: () => step(1), " ": () => step(1),
    ArrowLeft: () => step(-1), PageUp: () => step(-1), Home: () => show(0, true),
    End: () => show(slides.length - 1, true), n: toggleNotes, N: toggleNotes,
    c: toggleBrief, C: toggleBrief, p: openPresenter, P: openPresenter,
    f: () => document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
  };
  function onKey(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    // Sliders, buttons and live figures use these keys themselves.
    const target = event.target;
    if (target.closest("input, select, textarea, button, a, summary, svg, canvas, .live")) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  }
  document.addEventListener("keydown", onKey);
  back.onclick = () => step(-1);
  on.onclick = () => step(1);
  notes.onclick = toggleNotes;
  brief.onclick = toggleBrief;
  presenter.onclick = openPresenter;
  window.addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0, true));
  for (const image of document.querySelectorAll("section > div > figure > img")) {
    image.decode().then(() => { place(image); fit(); });
  }
  for (const event of ["resize", "load"]) window.addEventListener(event, fit);
  root.classList.add("js");
  show(Number(location.hash.slice(1)) - 1 || 0);
})();
