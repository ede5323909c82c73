// Attention gate: a one-pixel gate worked by hand, and coefficient maps over an image.

/** A gate with one channel everywhere, step by step. */
export function tinyGate({ x, g, theta, phi, psi, bias }) {
  const added = theta * x + phi * g;
  const rectified = Math.max(added, 0);
  const logit = psi * rectified + bias;
  const alpha = sigmoid(logit);
  return { added, rectified, logit, alpha, passed: alpha * x };
}

// Pixel centres of the large grid in the coordinates of the small one: a whole factor, as in the
// layer, which cuts off what stands over
const centre = (i, large, small) => (i + 0.5) / Math.ceil(large / small) - 0.5;

/** Enlarge a map [h, w] to [height, width], repeating pixels or interpolating linearly. */
export function enlarge(values, [h, w], [height, width], interpolation) {
  const out = new Float64Array(height * width);
  const clamp = (v, size) => Math.min(Math.max(v, 0), size - 1);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const y = centre(row, height, h), x = centre(column, width, w);
      if (interpolation === "nearest") {
        out[row * width + column] = values[Math.floor(y + 0.5) * w + Math.floor(x + 0.5)];
        continue;
      }
      const [y0, x0] = [Math.floor(y), Math.floor(x)];
      const [fy, fx] = [y - y0, x - x0];
      const value = (r, c) => values[clamp(r, h) * w + clamp(c, w)];
      out[row * width + column] = (1 - fy) * ((1 - fx) * value(y0, x0) + fx * value(y0, x0 + 1))
        + fy * ((1 - fx) * value(y0 + 1, x0) + fx * value(y0 + 1, x0 + 1));
    }
  }
  return out;
}

/** Grey image and colour-coded coefficients, mixed; channels 0 to 255. */
export const blend = (grey, coefficient, share) =>
  ramp(coefficient).map((c) => (1 - share) * grey + share * c);

const widget = {
  render: (host) => frame(host, "What an attention gate lets through", (fig) => {
    const size = fig.get("shape");
    const image = decode(fig.get("image"));
    const maps = fig.get("maps").map((m) => ({ ...m, values: Array.from(decode(m.data),
      (v) => v / 255) }));
    const [height, width] = size;
    const over = raster(width, height, "Coefficients"), through = raster(width, height, "Product");
    const overText = html("figcaption"), steps = html("div");
    const curve = svg("svg", {});
    const dial = (name, label, min, max) =>
      slider(fig, name, { label, min, max, step: 0.05 });
    const parts = [
      html("div", { class: "dm-row" },
        choice(fig, "level", { label: "level", options: maps.map((m, i) =>
          [i, `${m.name} (${m.shape[0]} \u00d7 ${m.shape[1]})`]) }),
        choice(fig, "interpolation", { label: "enlarged by", options: [["bilinear", "bilinear"],
          ["nearest", "repeating pixels"]] })),
      html("div", { class: "dm-columns" },
        captioned(over, html("div", {},
          slider(fig, "blend", { label: "colour strength", min: 0, max: 1, step: 0.05 }),
          overText)),
        captioned(through, html("figcaption", {}, "Image times coefficient: what the decoder still "
          + "sees of this skip connection."))),
      html("p", { class: "dm-title", style: "margin-top: 1rem" }, "One pixel by hand"),
      html("div", { class: "dm-columns" },
        html("div", {}, dial("x", "x, skip feature", 0, 1), dial("g", "g, gating signal", -2, 2),
          dial("psi", "\u03c8, weight after ReLU", -4, 8)),
        html("div", {}, dial("theta", "\u03b8, weight of x", -2, 2),
          dial("phi", "\u03c6, weight of g", -2, 2), dial("bias", "bias of \u03c8", -6, 6))),
      html("div", { class: "dm-columns" }, steps,
        captioned(curve, html("figcaption", {}, "What passes against x, for this g; dashed: "
          + "without a gate."))),
    ];
    let seen = "", large = null;
    const paint = () => {
      const map = maps[fig.get("level")];
      const state = ["level", "interpolation", "blend"].map(fig.get).join();
      if (state === seen) return;
      seen = state;
      large = enlarge(map.values, map.shape, size, fig.get("interpolation"));
      const share = fig.get("blend");
      over.paint((i) => blend(image[i], large[i], share), `Coefficients of ${map.name} over the image`);
      through.paint((i) => Array(3).fill(image[i] * large[i]),
        `Image multiplied by the coefficients of ${map.name}`);
      const mean = large.reduce((a, b) => a + b, 0) / large.length;
      write(overText, `${map.name}: mean coefficient ${fixed(mean)}, smallest `
        + `${fixed(Math.min(...map.values))}, largest ${fixed(Math.max(...map.values))}. Dark blue `
        + "is 0, yellow is 1.");
    };
    const draw = () => {
      paint();
      const gate = Object.fromEntries(["x", "g", "theta", "phi", "psi", "bias"].map(
        (name) => [name, fig.get(name)]));
      const r = tinyGate(gate);
      steps.replaceChildren(table("The gate, step by step", ["step", "value"], [
        ["\u03b8 x + \u03c6 g", fixed(r.added)], ["ReLU", fixed(r.rectified)],
        ["\u03c8 \u00b7 ReLU + bias", fixed(r.logit)], ["\u03b1 = sigmoid", fixed(r.alpha)],
        ["\u03b1 x, what passes", fixed(r.passed)]]));
      const grid = Array.from({ length: 51 }, (_, k) => k / 50);
      lines(curve, [
        { points: grid.map((x) => [x, x]), hue: "c0", dash: "4 4" },
        { points: grid.map((x) => [x, tinyGate({ ...gate, x }).passed]), hue: "c1" },
      ], { label: "Output of the gate against x", x: [0, 1], xLabel: "x", yLabel: "\u03b1 x",
        marks: [[gate.x, r.passed, "c2"]] });
      fig.say(`${maps[fig.get("level")].name} shown. By hand: coefficient ${fixed(r.alpha)}, so `
        + `${fixed(r.passed)} of x = ${fixed(gate.x, 2)} passes.`);
    };
    return { parts, draw };
  }),
};

export default widget;
