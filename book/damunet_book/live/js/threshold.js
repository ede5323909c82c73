// Dice against V_rand and V_info while the threshold moves.

/** Membrane mask: a pixel is cell where 1 - probability is strictly above the threshold. */
export const maskAt = (probability, threshold) =>
  Uint8Array.from(probability, (p) => (1 - p / 255 > threshold ? 0 : 1));

export const scoreAt = (truth, probability, height, width, threshold, thin) =>
  scoreMask(truth, maskAt(probability, threshold), height, width, thin);

const SCORES = [
  { key: "diceCell", name: "Dice, cell", hue: "c3", dash: "7 3" },
  { key: "diceMembrane", name: "Dice, membrane", hue: "c4", dash: "2 3" },
  { key: "rand", name: "V_rand", hue: "c1" },
  { key: "information", name: "V_info", hue: "c2" },
];

const mix = (grey, rgb, share) => rgb.map((c) => grey * (1 - share) + c * share);

const widget = {
  render: (host) => frame(host, "Dice and V_rand under a moving threshold", (fig) => {
    const [height, width] = fig.get("shape");
    const image = decode(fig.get("image"));
    const truth = decode(fig.get("truth"));
    const probability = decode(fig.get("probability"));
    const cache = new Map();
    const score = (step) => {
      const key = `${step} ${fig.get("thin")}`;
      if (!cache.has(key)) {
        cache.set(key, scoreAt(truth, probability, height, width, step / 100, fig.get("thin")));
      }
      return cache.get(key);
    };
    const picture = raster(width, height, "Slice");
    const key = html("div", {}), caption = html("figcaption");
    const chart = svg("svg", {});
    const values = legend(SCORES);
    const parts = [
      html("div", { class: "dm-columns" },
        slider(fig, "threshold", { label: "threshold on the probability of cell", min: 0, max: 1,
          step: 0.01 }),
        html("div", { class: "dm-row" },
          choice(fig, "view", { label: "show", options: [["cells", "proposed cells"],
            ["errors", "pixel errors"], ["probability", "membrane probability"],
            ["image", "image"]] }),
          checkbox(fig, "thin", { label: "thin borders first" }))),
      html("div", { class: "dm-columns" },
        html("figure", { class: "dm-panel" }, picture, key, caption),
        captioned(html("div", {}, values.node, chart), html("figcaption", {},
          "Every score at the challenge's eleven thresholds; the dotted line is yours."))),
    ];

    function paint(now, step) {
      const view = fig.get("view");
      const mask = maskAt(probability, step / 100);
      const colours = {
        image: (i) => mix(image[i], [0, 0, 0], 0),
        probability: (i) => ramp(probability[i] / 255),
        errors: (i) => (mask[i] === truth[i] ? mix(image[i], [255, 255, 255], mask[i] ? 0.55 : 0)
          : mix(image[i], mask[i] ? FALSE_ALARM : MISSED, 0.85)),
        cells: (i) => (now.proposal[i] === 0 ? [12, 14, 18]
          : mix(image[i], HUES[(now.proposal[i] - 1) % HUES.length], 0.5)),
      };
      picture.paint(colours[view], `${view} at threshold ${fixed(step / 100, 2)}`);
      key.replaceChildren(view === "errors"
        ? swatches([[MISSED, "membrane missed"], [FALSE_ALARM, "false membrane"],
          [[214, 214, 214], "membrane found"]]) : "");
      write(caption, `${count(now.proposedCells, "proposed cell")}, ${count(now.truthCells, "true cell")}; `
        + `${count(now.missed, "membrane pixel")} missed, ${now.falseAlarms} false ones.`);
    }

    const draw = () => {
      const step = Math.round(fig.get("threshold") * 100);
      const now = score(step);
      const grid = Array.from({ length: 11 }, (_, k) => 10 * k);
      const series = SCORES.map(({ key: k, hue, dash }) =>
        ({ hue, dash, points: grid.map((s) => [s / 100, score(s)[k]]) }));
      const best = (k) => grid.reduce((a, b) => (score(b)[k] > score(a)[k] ? b : a));
      lines(chart, series, { label: "Scores against the threshold", x: [0, 1], cursor: step / 100,
        xLabel: "threshold on the probability of cell", yLabel: "score",
        marks: SCORES.map((s) => [step / 100, now[s.key], s.hue]) });
      values.show(SCORES.map((s) => fixed(now[s.key])));
      paint(now, step);
      fig.say(`Threshold ${fixed(step / 100, 2)}: `
        + `${SCORES.map((s) => `${s.name} ${fixed(now[s.key])}`).join("; ")}. Best of the eleven: `
        + `V_rand ${fixed(score(best("rand")).rand)} at ${fixed(best("rand") / 100, 1)}, Dice of `
        + `membrane ${fixed(score(best("diceMembrane")).diceMembrane)} at `
        + `${fixed(best("diceMembrane") / 100, 1)}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
