// Overlapping tiles: where they start, how they are weighed, what they cost, where seams show.

// Python rounds halves to even
function roundHalfEven(x) {
  const low = Math.floor(x), rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 ? low + 1 : low;
}

/** First pixels of the tiles along one axis, as damunet_lite.tiling.tile_starts. */
export function tileStarts(length, tile, overlap) {
  if (tile >= length) return [0];
  const step = Math.max(1, Math.trunc(tile * (1 - overlap) + 1e-6));
  const steps = Math.ceil((length - tile) / step);
  return Array.from({ length: steps + 1 }, (_, k) => roundHalfEven((k * (length - tile)) / steps));
}

/** Weights of a tile's pixels, as damunet_lite.tiling.gaussian_window; or all 1. */
export function tileWindow(tile, kind = "gaussian") {
  return Array.from({ length: tile }, (_, i) => (kind === "gaussian"
    ? Math.exp(-0.5 * ((i - (tile - 1) / 2) / (tile / 8)) ** 2) : 1));
}

/** Weights of all tiles along an axis, normalised: at every pixel they sum to 1. */
export function tileWeights(length, tile, overlap, kind) {
  const window = tileWindow(tile, kind);
  const starts = tileStarts(length, tile, overlap);
  const total = new Float64Array(Math.max(length, tile));
  for (const start of starts) window.forEach((w, i) => { total[start + i] += w; });
  return starts.map((start) => window.map((w, i) => w / total[start + i]));
}

/** Pixels computed for each pixel of a square image. */
export const costFactor = (length, tile, overlap) =>
  (tileStarts(length, tile, overlap).length * tile / length) ** 2;

/**
 * A model of seams: tile k errs by +1 or -1 in turn at an inner border, falling by a factor e
 * every `reach` pixels. Returns the blended error and its largest size and step.
 */
export function seams(length, tile, overlap, kind, reach) {
  const starts = tileStarts(length, tile, overlap);
  const error = new Float64Array(Math.max(length, tile));
  tileWeights(length, tile, overlap, kind).forEach((weights, k) => {
    weights.forEach((w, i) => {
      const left = k > 0 ? Math.exp(-i / reach) : 0;
      const right = k < starts.length - 1 ? Math.exp(-(tile - 1 - i) / reach) : 0;
      error[starts[k] + i] += w * (k % 2 ? -1 : 1) * (left + right);
    });
  });
  let [largest, step] = [0, 0];
  error.forEach((e, i) => {
    largest = Math.max(largest, Math.abs(e));
    if (i) step = Math.max(step, Math.abs(e - error[i - 1]));
  });
  return { error, largest, step };
}

const widget = {
  render: (host) => frame(host, "Tiles that overlap", (fig) => {
    const plan = svg("svg", { class: "dm-picture" }), weights = svg("svg", {}),
      errors = svg("svg", {});
    const dial = (name, label, min, max, step) =>
      slider(fig, name, { label, min, max, step, digits: 0 });
    const planText = html("figcaption");
    const parts = [
      html("div", { class: "dm-columns" },
        html("div", {}, dial("image_size", "image side, pixels", 256, 2048, 16),
          dial("tile", "tile side, pixels", 64, 512, 16)),
        html("div", {},
          slider(fig, "overlap", { label: "overlap, share of a tile", min: 0, max: 0.9,
            step: 0.05 }),
          dial("reach", "reach of the border error, pixels", 2, 64, 2))),
      choice(fig, "window", { label: "weights", options: [["gaussian", "Gaussian"],
        ["uniform", "all equal"]] }),
      html("div", { class: "dm-columns" }, captioned(plan, planText),
        html("div", {},
          captioned(weights, html("figcaption", {}, "Share of each tile in a pixel, along one "
            + "axis; the shares sum to 1.")),
          captioned(errors, html("figcaption", {}, "Model: neighbouring tiles err by +1 and \u22121 "
            + "at their borders. What is left after blending."))))];
    const draw = () => {
      const [length, tile, overlap, kind, reach] =
        ["image_size", "tile", "overlap", "window", "reach"].map(fig.get);
      const starts = tileStarts(length, tile, overlap);
      const span = Math.max(length, tile);
      const px = (v) => 8 + (v / span) * 304;
      fill(plan, { viewBox: "0 0 320 320", role: "img", "aria-label":
        `${starts.length} by ${starts.length} tiles on the image` }, []);
      // each tile is a pale sheet, so that overlaps look denser
      plan.replaceChildren(
        ...starts.flatMap((y) => starts.map((x) => svg("rect", { class: "c1", opacity: 0.16,
          x: px(x), y: px(y), width: px(tile) - px(0), height: px(tile) - px(0) }))),
        svg("rect", { class: "s-c2", fill: "none", "stroke-width": 3, x: px(0), y: px(0),
          width: px(tile) - px(0), height: px(tile) - px(0) }),
        svg("rect", { class: "dm-axis", x: px(0), y: px(0), width: px(length) - px(0),
          height: px(length) - px(0) }));
      write(planText, `${starts.length} \u00d7 ${starts.length} tiles; the first is outlined. They `
        + `start at ${starts.length > 7 ? `${starts.slice(0, 6).join(", ")}, \u2026 ${starts.at(-1)}`
          : starts.join(", ")}.`);
      const shares = tileWeights(length, tile, overlap, kind);
      const skip = Math.max(1, Math.floor(tile / 64));
      const keep = (_, i) => i % skip === 0 || i === tile - 1;
      lines(weights, shares.map((w, k) => ({ hue: `c${1 + (k % 4)}`,
        points: w.map((v, i) => [starts[k] + i, v]).filter(keep) })),
      { label: "Weight of each tile along one axis", x: [0, span], xLabel: "pixel",
        yLabel: "share", xDigits: 0 });
      const seam = seams(length, tile, overlap, kind, reach);
      lines(errors, [{ hue: "c2", points: Array.from(seam.error, (e, i) => [i, e]) }],
        { label: `Error left after blending, at most ${fixed(seam.largest, 4)}`, x: [0, span],
          y: [-1, 1], xLabel: "pixel", yLabel: "error", xDigits: 0 });
      fig.say(`${starts.length ** 2} tiles, ${fixed(costFactor(length, tile, overlap), 2)} times the `
        + `work of one pass. Largest error after blending ${fixed(seam.largest, 4)}, largest step `
        + `between neighbouring pixels ${fixed(seam.step, 4)}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
