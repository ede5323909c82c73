// One slide at a time, by keyboard, buttons or address. Without scripts all slides stand in a row.
(() => {
  const root = document.documentElement;
  const slides = [...document.querySelectorAll("section")];
  const [back, on, notes] = document.querySelectorAll("nav button");
  const where = document.querySelector("nav .where");
  let now = 0;

  // Make a slide that is too tall smaller, down to less than half; beyond that it scrolls.
  function fit() {
    const slide = slides[now], box = slide.firstElementChild;
    box.style.zoom = "";
    if (root.classList.contains("notes")) return;
    for (let zoom = 0.95; zoom > 0.42 && slide.scrollHeight > slide.clientHeight + 1; zoom -= 0.05) {
      box.style.zoom = zoom.toFixed(2);
    }
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
  }

  function toggleNotes() {
    const shown = root.classList.toggle("notes");
    notes.setAttribute("aria-pressed", String(shown));
    fit();
  }

  const keys = {
    ArrowRight: () => show(now + 1, true), PageDown: () => show(now + 1, true),
    " ": () => show(now + 1, true), ArrowLeft: () => show(now - 1, true),
    PageUp: () => show(now - 1, true), Home: () => show(0, true),
    End: () => show(slides.length - 1, true), n: toggleNotes, N: toggleNotes,
    f: () => document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    // Sliders, buttons and live figures use these keys themselves.
    const target = event.target;
    if (target.closest("input, select, textarea, button, a, summary, svg, canvas, .live")) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  back.onclick = () => show(now - 1);
  on.onclick = () => show(now + 1);
  notes.onclick = toggleNotes;
  window.addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0, true));
  for (const event of ["resize", "load"]) window.addEventListener(event, fit);
  root.classList.add("js");
  show(Number(location.hash.slice(1)) - 1 || 0);
})();
