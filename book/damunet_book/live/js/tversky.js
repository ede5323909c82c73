// Focal Tversky explorer: four pixels, their loss and the gradient on each.

/** Counts, index, loss and gradient, as damunet_lite.losses.FocalTverskyLoss for one image. */
export function focalTversky(truth, probability, { fnWeight, fpWeight, exponent, smooth },
  epsilon = 1e-6) {
  let [tp, fn, fp] = [0, 0, 0];
  truth.forEach((y, i) => {
    tp += y * probability[i];
    fn += y * (1 - probability[i]);
    fp += (1 - y) * probability[i];
  });
  const top = tp + smooth;
  const bottom = tp + fnWeight * fn + fpWeight * fp + smooth;
  const index = bottom > 0 ? top / bottom : 1;
  const distance = 1 - index;
  const far = distance > epsilon;
  const loss = far ? distance ** exponent : 0;
  const slope = far ? exponent * distance ** (exponent - 1) : 0;
  const gradient = truth.map((y) => {
    if (!(bottom > 0)) return 0;
    const dBottom = y - fnWeight * y + fpWeight * (1 - y);
    return -slope * (y * bottom - top * dBottom) / (bottom * bottom);
  });
  return { tp, fn, fp, index, distance, loss, gradient };
}

const PRESETS = {
  "Dice loss": { fn_weight: 0.5, fp_weight: 0.5, exponent: 1, smooth: 1 },
  "Tversky loss": { fn_weight: 0.7, fp_weight: 0.3, exponent: 1, smooth: 1 },
  "Focal Tversky": { fn_weight: 0.7, fp_weight: 0.3, exponent: 0.75, smooth: 1 },
};

function pixelCard(fig, i) {
  const toggle = button("", () => {
    const truth = [...fig.get("truth")];
    truth[i] = 1 - truth[i];
    fig.set({ truth });
  });
  const show = () => {
    const membrane = fig.get("truth")[i] === 1;
    toggle.setAttribute("aria-pressed", membrane);
    toggle.setAttribute("aria-label", `Pixel ${i + 1} is ${membrane ? "membrane" : "cell"}: change`);
    write(toggle, membrane ? "membrane" : "cell");
  };
  fig.on("change:truth", show);
  show();
  return html("div", { class: "dm-card" },
    html("div", { class: "dm-row" }, html("strong", {}, `Pixel ${i + 1}`), toggle),
    slider(fig, "probabilities", { label: `p${"₁₂₃₄"[i]}, probability`, min: 0, max: 1, step: 0.01,
      index: i }));
}

const widget = {
  render: (host) => frame(host, "Focal Tversky loss on four pixels", (fig) => {
    const counts = svg("svg", {}), pulls = svg("svg", {}), curve = svg("svg", {});
    const parts = [
      html("div", { class: "dm-row" },
        Object.entries(PRESETS).map(([name, values]) => button(name, () => fig.set(values)))),
      html("div", { class: "dm-columns" },
        html("div", {},
          slider(fig, "fn_weight", { label: "fn_weight (misses)", min: 0, max: 1, step: 0.05 }),
          slider(fig, "fp_weight", { label: "fp_weight (false alarms)", min: 0, max: 1,
            step: 0.05 })),
        html("div", {},
          slider(fig, "exponent", { label: "exponent", min: 0.25, max: 2, step: 0.05 }),
          slider(fig, "smooth", { label: "smooth", min: 0, max: 2, step: 0.05 }))),
      html("div", { class: "dm-columns" }, [[0, 1], [2, 3]].map((pair) =>
        html("div", { class: "dm-cards" }, pair.map((i) => pixelCard(fig, i))))),
      html("div", { class: "dm-columns" },
        captioned(curve, html("figcaption", {}, "Loss against Tversky index; the dot is you, the "
          + "dashed line is exponent 1.")),
        html("div", {},
          captioned(counts, html("figcaption", {}, "Soft counts, in pixels.")),
          captioned(pulls, html("figcaption", {}, "Gradient of the loss for each pixel: training "
            + "moves p the other way.")))),
    ];
    const draw = () => {
      const get = fig.get;
      const settings = { fnWeight: get("fn_weight"), fpWeight: get("fp_weight"),
        exponent: get("exponent"), smooth: get("smooth") };
      const truth = get("truth");
      const r = focalTversky(truth, get("probabilities"), settings);
      const grid = Array.from({ length: 101 }, (_, k) => k / 100);
      const power = (e) => grid.map((ti) => [ti, (1 - ti) ** e]);
      lines(curve, [
        { points: power(1), hue: "c0", dash: "4 4" },
        { points: power(settings.exponent), hue: "c1" },
      ], { label: `Loss against Tversky index, now ${fixed(r.loss)} at ${fixed(r.index)}`,
        x: [0, 1], xLabel: "Tversky index", yLabel: "loss", marks: [[r.index, r.loss, "c2"]] });
      bars(counts, [
        { name: "TP", value: r.tp, hue: "c3", text: fixed(r.tp, 2) },
        { name: "FN (misses)", value: r.fn, hue: "c2", text: fixed(r.fn, 2) },
        { name: "FP (alarms)", value: r.fp, hue: "c1", text: fixed(r.fp, 2) },
      ], { label: "Soft counts", max: 4, names: 92 });
      const reach = Math.max(0.1, ...r.gradient.map(Math.abs));
      bars(pulls, r.gradient.map((value, i) => ({
        name: `${i + 1}, ${truth[i] ? "membrane" : "cell"}`, value, hue: truth[i] ? "c2" : "c1",
      })), { label: "Gradient", min: -reach, max: reach, names: 92 });
      const size = r.gradient.map(Math.abs);
      const most = size.indexOf(Math.max(...size));
      fig.say(`Tversky index ${fixed(r.index)}, loss ${fixed(r.loss)}. `
        + (size[most] ? `Strongest pull: pixel ${most + 1}, gradient ${fixed(r.gradient[most])}.`
          : "No gradient: the index is 1."));
    };
    return { parts, draw };
  }),
};

export default widget;
