// Shared by every figure: Python puts this text in front of each figure's own module, so that
// one module is all a page or a notebook needs. No dependency, no network.

// ---- numbers

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Bytes of a base64 string, as Python's quantised arrays arrive. */
export const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A number for people: fixed digits, a true minus sign, never "-0.00". */
export function fixed(x, digits = 3) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not defined" : "infinite";
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
}

/** "1 cell", "2 cells". */
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// Okabe and Ito's colours, safe for colour-blind readers
export const HUES = [
  [0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167],
  [86, 180, 233], [213, 94, 0], [240, 228, 66],
];
export const MISSED = [213, 94, 0];
export const FALSE_ALARM = [86, 180, 233];

const RAMP = [[13, 22, 64], [38, 70, 121], [74, 118, 140], [121, 167, 133], [188, 206, 114],
  [253, 231, 92]];

/** Colour of a value in [0, 1]: dark blue to yellow, lightness rising evenly. */
export function ramp(value) {
  const v = Math.min(Math.max(value, 0), 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(v), RAMP.length - 2);
  return RAMP[i].map((low, c) => low + (v - i) * (RAMP[i + 1][c] - low));
}

// ---- elements

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}

export const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

/** Write new text only if it differs, so that screen readers hear changes alone. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- the frame of a figure

function followTheme(root) {
  const apply = () => {
    const host = root.parentElement;
    if (!host) return;
    const colour = getComputedStyle(host).color;
    const scale = colour.startsWith("color(") ? 255 : 1;
    const [r, g, b] = colour.match(/[\d.]+/g).map((v) => v * scale);
    // light text means a dark page, whichever way the page was made dark
    root.dataset.shade = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "dark" : "light";
  };
  const watcher = new MutationObserver(apply);
  for (const node of [document.documentElement, document.body]) {
    watcher.observe(node, { attributes: true });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", apply);
  requestAnimationFrame(apply);
  apply();
  return () => {
    watcher.disconnect();
    system.removeEventListener("change", apply);
  };
}

/**
 * Frame of a figure in `el`: title, your parts, and a line of text that is read aloud when it
 * changes. `build(fig)` returns {parts, draw}; draw() runs now and after every change of `model`.
 */
export function frame({ model, el }, title, build) {
  const status = html("p", { class: "dm-status", role: "status", "aria-live": "polite" });
  const fig = { model, say: (text) => write(status, text), undo: [] };
  fig.get = (name) => model.get(name);
  fig.set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  fig.on = (event, handler) => {
    model.on(event, handler);
    fig.undo.push(() => model.off(event, handler));
  };
  const { parts, draw } = build(fig);
  const root = html("div", {
    class: "dm", role: "group", "aria-label": title, "data-lm-suppress-shortcuts": "true",
    // JupyterLab and some themes act on keys that bubble up from a slider or a button
    onkeydown: (event) => {
      const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
      if (plain && event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    },
  }, html("p", { class: "dm-title" }, title), parts, status);
  el.replaceChildren(root);
  fig.undo.push(followTheme(root));
  fig.on("change", draw);
  draw();
  return () => fig.undo.forEach((f) => f());
}

const at = (value, index) => (index === undefined ? value : value[index]);

function store(fig, name, index, value) {
  if (index !== undefined) {
    const list = [...fig.get(name)];
    list[index] = value;
    value = list;
  }
  fig.set({ [name]: value });
}

/** A labelled slider for the trait `name` (or for item `index` of a list). */
export function slider(fig, name, { label, min, max, step, digits = 2, index, unit = "" }) {
  const shown = html("output", { class: "dm-value" });
  const input = html("input", {
    type: "range", min, max, step, "aria-label": label,
    oninput: () => store(fig, name, index, Number(input.value)),
  });
  const show = () => {
    const value = at(fig.get(name), index);
    if (Number(input.value) !== value) input.value = value;
    const text = fixed(value, digits) + unit;
    write(shown, text);
    input.setAttribute("aria-valuetext", text);
  };
  fig.on(`change:${name}`, show);
  show();
  return html("label", { class: "dm-slider" }, html("span", {}, label), shown, input);
}

/** A labelled choice; options are [value, text] pairs. */
export function choice(fig, name, { label, options }) {
  const input = html("select", {
    "aria-label": label,
    onchange: () => fig.set({ [name]: options[input.selectedIndex][0] }),
  }, options.map(([, text]) => html("option", {}, text)));
  const show = () => {
    input.selectedIndex = options.findIndex(([value]) => value === fig.get(name));
  };
  fig.on(`change:${name}`, show);
  show();
  return html("label", { class: "dm-choice" }, html("span", {}, label), input);
}

export function checkbox(fig, name, { label }) {
  const input = html("input", {
    type: "checkbox", onchange: () => fig.set({ [name]: input.checked }),
  });
  const show = () => { input.checked = fig.get(name); };
  fig.on(`change:${name}`, show);
  show();
  return html("label", { class: "dm-check" }, input, html("span", {}, label));
}

export const button = (text, onclick) => html("button", { type: "button", onclick }, text);

// ---- pictures

/** A canvas of `width` x `height` pixels, shown enlarged without smoothing. */
export function raster(width, height, label) {
  const canvas = html("canvas", { width, height, role: "img", "aria-label": label });
  canvas.paint = (colour, newLabel) => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    for (let i = 0; i < canvas.width * canvas.height; i++) {
      const [r, g, b] = colour(i);
      image.data.set([r, g, b, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    if (newLabel) canvas.setAttribute("aria-label", newLabel);
  };
  return canvas;
}

export const captioned = (picture, caption) =>
  html("figure", { class: "dm-panel" }, picture, caption);

/**
 * Horizontal bars. items: {name, value, text, hue}; hue is a class name (c1 to c4). Bars start
 * at 0, which lies wherever [min, max] puts it.
 */
export function bars(node, items, { min = 0, max = 1, label, names = 120 }) {
  const width = 360, left = names, right = 58, row = 26;
  const x = (v) => left + ((Math.min(Math.max(v, min), max) - min) / (max - min))
    * (width - left - right);
  const rows = items.map(({ name, value, text, hue = "c1" }, i) => {
    const [a, b] = [x(0), x(value)];
    const y = i * row + 4;
    return svg("g", {},
      svg("text", { x: 0, y: y + 13 }, name),
      svg("rect", { class: "dm-track", x: x(min), y, width: x(max) - x(min), height: 18, rx: 3 }),
      svg("rect", { class: hue, x: Math.min(a, b), y, width: Math.max(Math.abs(b - a), 1.5),
        height: 18, rx: 3 }),
      svg("text", { x: width, y: y + 13, "text-anchor": "end", class: "dm-number" },
        text ?? fixed(value)));
  });
  if (min < 0) {
    rows.push(svg("line", { class: "dm-axis", x1: x(0), x2: x(0), y1: 0, y2: items.length * row }));
  }
  const spoken = items.map((d) => `${d.name} ${d.text ?? fixed(d.value)}`).join(", ");
  fill(node, { viewBox: `0 0 ${width} ${items.length * row + 2}`, role: "img",
    "aria-label": `${label}: ${spoken}` }, []);
  node.replaceChildren(...rows);
}

/** A line chart. series: {name, points: [[x, y]], hue, dash}; marks: [[x, y, hue]]. */
export function lines(node, series, options) {
  const { label, x: [x0, x1], y: [y0, y1] = [0, 1], xLabel, yLabel, cursor, marks = [],
    xTicks = [x0, (x0 + x1) / 2, x1], yTicks = [y0, (y0 + y1) / 2, y1], digits = 1,
    xDigits = digits } = options;
  const width = 360, height = 238, left = 40, bottom = 40, top = 26, right = 18;
  const X = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - right);
  const Y = (v) => height - bottom
    - ((Math.min(Math.max(v, y0), y1) - y0) / (y1 - y0)) * (height - top - bottom);
  const path = (points) => points.map(([a, b], i) =>
    `${i ? "L" : "M"}${X(a).toFixed(1)} ${Y(b).toFixed(1)}`).join("");
  fill(node, { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, []);
  node.replaceChildren(
    ...yTicks.map((v) => svg("g", {},
      svg("line", { class: "dm-rule", x1: left, x2: width - right, y1: Y(v), y2: Y(v) }),
      svg("text", { x: left - 6, y: Y(v) + 4, "text-anchor": "end" }, fixed(v, digits)))),
    ...xTicks.map((v) => svg("text", { x: X(v), y: height - bottom + 17, "text-anchor": "middle" },
      fixed(v, xDigits))),
    svg("path", { class: "dm-axis", d: `M${left} ${Y(y1)}V${Y(y0)}H${width - right}` }),
    svg("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, xLabel),
    svg("text", { x: 0, y: 12 }, yLabel),
    ...(cursor === undefined ? [] : [
      svg("line", { class: "dm-cursor", x1: X(cursor), x2: X(cursor), y1: Y(y0), y2: Y(y1) })]),
    ...series.map(({ points, hue, dash = "" }) =>
      svg("path", { class: `dm-line s-${hue}`, d: path(points), "stroke-dasharray": dash })),
    ...marks.map(([a, b, hue]) => svg("circle", { class: hue, cx: X(a), cy: Y(b), r: 5 })));
}

/** Key of a line chart: a swatch, a name and a number that can be rewritten. */
export function legend(entries, wide = true) {
  const values = entries.map(() => html("span", { class: "dm-value" }));
  const node = html("ul", { class: wide ? "dm-legend dm-pairs" : "dm-legend" }, entries.map(({ name, hue, dash = "" }, i) =>
    html("li", {},
      svg("svg", { viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" },
        svg("line", { class: `dm-line s-${hue}`, x1: 1, x2: 25, y1: 5, y2: 5,
          "stroke-dasharray": dash })),
      html("span", {}, name), values[i])));
  return { node, show: (texts) => texts.forEach((text, i) => write(values[i], text)) };
}

/** Key of a picture: coloured squares. */
export const swatches = (entries) => html("ul", { class: "dm-legend" },
  entries.map(([rgb, name]) => html("li", {},
    html("span", { class: "dm-swatch", style: `background:rgb(${rgb})`, "aria-hidden": "true" }),
    html("span", {}, name))));

/** A table of numbers: a header row and rows whose first entry is their heading. */
export function table(caption, header, rows) {
  return html("div", { class: "dm-scroll", tabindex: 0, role: "region", "aria-label": caption },
    html("table", {},
      html("thead", {}, html("tr", {}, header.map((h) => html("th", { scope: "col" }, h)))),
      html("tbody", {}, rows.map(([head, ...cells]) => html("tr", {},
        html("th", { scope: "row" }, head), cells.map((c) => html("td", {}, c)))))));
}

// ---- the static page

function staticModel(state) {
  const handlers = new Map();
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      model.changed = [...(model.changed ?? []), name];
    },
    // handlers run once all changes are in, as they do with a kernel
    save_changes() {
      const names = model.changed ?? [];
      model.changed = [];
      for (const event of [...names.map((n) => `change:${n}`), ...(names.length ? ["change"] : [])]) {
        (handlers.get(event) ?? []).forEach((handler) => handler());
      }
    },
    on: (event, handler) => handlers.set(event, [...(handlers.get(event) ?? []), handler]),
    off: (event, handler) =>
      handlers.set(event, (handlers.get(event) ?? []).filter((h) => h !== handler)),
  };
  return model;
}

/** Bring every figure of this kind that the page holds to life; each reads its own state. */
export function hydrate(kind, widget) {
  const waiting = `.damunet-figure[data-kind="${kind}"]:not([data-live])`;
  for (const host of document.querySelectorAll(waiting)) {
    host.dataset.live = "";
    const still = [...host.childNodes];
    try {
      const state = JSON.parse(host.dataset.state);
      widget.render({ model: staticModel(state), el: host });
    } catch (error) {
      host.replaceChildren(...still);
      console.error(error);
    }
  }
}
