// Cells of a small map while threshold and neck move: all of them were worked out beforehand.

const STEP = 0.05;

/** Cells (one number a pixel) and scores at a threshold and a neck, both in steps of 0.05. */
export function cellsAt({ shape, labels, which, scores }, threshold, neck) {
  const k = which[Math.round(threshold / STEP) - 1][Math.round(neck / STEP)];
  const size = shape[0] * shape[1];
  const cells = labels.slice(k * size, (k + 1) * size);
  return { cells, number: cells.reduce((a, b) => Math.max(a, b), 0), rand: scores[k][0],
    information: scores[k][1] };
}

const half = (grey, rgb) => rgb.map((c) => (grey + c) / 2);

const widget = {
  render: (host) => frame(host, "Cells under a moving threshold and neck", (fig) => {
    const shape = fig.get("shape"), [height, width] = shape;
    const [image, truth, probability, labels] =
      ["image", "truth", "probability", "labels"].map((name) => decode(fig.get(name)));
    const all = { shape, labels, which: fig.get("which"), scores: fig.get("scores") };
    const panels = ["image, true membrane in orange", "pieces: what lies below the threshold",
      "cells"].map((name) => ({ canvas: raster(width, height, name), name }));
    const chart = svg("svg", {}), scores = svg("svg", {});
    const controls = [
      slider(fig, "threshold", { label: "threshold on the probability of membrane", min: 0.05,
        max: 0.5, step: STEP }),
      slider(fig, "neck", { label: "neck, share of the smaller radius", min: 0, max: 0.3,
        step: STEP }),
      scores,
      html("div", {}, button("the package's defaults",
        () => fig.set({ threshold: 0.15, neck: 0.15 }))),
    ];
    const spread = "display: grid; gap: 0.6rem; align-content: space-between";
    const parts = [
      html("div", { class: "dm-panels dm-three" }, panels.map(({ canvas, name }) =>
        captioned(canvas, html("figcaption", {}, name)))),
      html("div", { class: "dm-columns" }, html("div", { style: spread }, controls),
        captioned(chart, html("figcaption", {}, "At every threshold; dashed without cuts."))),
    ];
    const draw = () => {
      const threshold = fig.get("threshold"), neck = fig.get("neck");
      const now = cellsAt(all, threshold, neck);
      const paint = [
        (i) => (truth[i] ? half(image[i], MISSED) : [image[i], image[i], image[i]]),
        (i) => (probability[i] / 255 < threshold ? [235, 235, 235] : [40, 44, 52]),
        (i) => half(image[i], HUES[(now.cells[i] - 1) % 6] ?? [12, 12, 12]),
      ];
      panels.forEach(({ canvas, name }, k) => canvas.paint(paint[k], name));
      const curve = (n) => all.which.map((_, k) => [(k + 1) * STEP,
        cellsAt(all, (k + 1) * STEP, n).rand]);
      lines(chart, [{ hue: "c4", dash: "6 4", points: curve(0) }, { hue: "c1", points: curve(neck) }],
        { label: "V_rand against the threshold", x: [0, 0.5], cursor: threshold, xDigits: 2,
          xLabel: "threshold on the probability of membrane", yLabel: "V_rand",
          marks: [[threshold, now.rand, "c1"]] });
      bars(scores, [{ name: "V_rand", value: now.rand, hue: "c1" },
        { name: "V_info", value: now.information, hue: "c2" }], { label: "Scores", names: 70 });
      fig.say(`Threshold ${fixed(threshold, 2)}, neck ${fixed(neck, 2)}: `
        + `${count(now.number, "cell")}, V_rand ${fixed(now.rand)}, V_info `
        + `${fixed(now.information)}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
