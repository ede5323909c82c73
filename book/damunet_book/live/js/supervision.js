// Deep supervision: what each side head is asked for, and how much it counts.

/** Target of a head: the mask at 1/factor, by the rule of damunet_lite.supervision. */
export function shrink(mask, height, width, factor, rule) {
  const [h, w] = [height / factor, width / factor];
  const out = new Float64Array(h * w);
  for (let i = 0; i < out.length; i++) {
    const [top, left] = [Math.floor(i / w) * factor, (i % w) * factor];
    let [total, most] = [0, 0];
    for (let r = 0; r < factor; r++) {
      for (let c = 0; c < factor; c++) {
        const value = mask[(top + r) * width + left + c];
        total += value;
        most = Math.max(most, value);
      }
    }
    out[i] = { any_membrane: most, area: total / factor ** 2, strided: mask[top * width + left] }[rule];
  }
  return out;
}

/** Cells of a target: 4-connected components of the pixels that are at most half membrane. */
export const countCells = (target, height, width) =>
  labelCells(Array.from(target, (v) => (v > 0.5 ? 1 : 0)), height, width).count;

/** Weights that fall by `decay` from head to head and sum to 1. */
export function headWeights(count, decay) {
  const raw = Array.from({ length: count }, (_, level) => decay ** level);
  const total = raw.reduce((a, b) => a + b, 0);
  return raw.map((v) => v / total);
}

const FACTORS = [1, 2, 4, 8];
const HEADS = ["main", "side2", "side4", "side8"];

const widget = {
  render: (host) => frame(host, "One mask, four targets", (fig) => {
    const [height, width] = fig.get("shape");
    const mask = Array.from(decode(fig.get("mask")));
    const panels = FACTORS.map((factor, i) => {
      const canvas = raster(width / factor, height / factor, HEADS[i]);
      const text = html("figcaption");
      return { canvas, text, node: captioned(canvas, text) };
    });
    const chart = svg("svg", {}), kept = svg("svg", {});
    const parts = [
      html("div", { class: "dm-columns" },
        choice(fig, "rule", { label: "a coarse pixel is", options: [
          ["any_membrane", "1 if any fine pixel is membrane"],
          ["area", "the share that is membrane"],
          ["strided", "its upper left fine pixel"]] }),
        slider(fig, "decay", { label: "weight of a head against the next finer one", min: 0.05,
          max: 1, step: 0.05 })),
      html("div", { class: "dm-panels dm-four" }, panels.map((p) => p.node)),
      html("div", { class: "dm-columns" },
        captioned(kept, html("figcaption", {}, "Cells left: 4-connected regions of pixels that are "
          + "at most half membrane.")),
        captioned(chart, html("figcaption", {}, "Weight of each head's loss; they sum to 1."))),
    ];
    const draw = () => {
      const rule = fig.get("rule");
      const counts = FACTORS.map((factor, i) => {
        const [h, w] = [height / factor, width / factor];
        const target = shrink(mask, height, width, factor, rule);
        const cells = countCells(target, h, w);
        panels[i].canvas.paint((p) => Array(3).fill(255 * (1 - target[p])),
          `Target of ${HEADS[i]}, membrane dark, ${cells} cells`);
        write(panels[i].text, `${HEADS[i]}, ${h} \u00d7 ${w}: ${count(cells, "cell")}`);
        return cells;
      });
      bars(kept, counts.map((n, i) => ({ name: HEADS[i], value: n, text: `${n}`, hue: "c3" })),
        { label: "Cells left", max: Math.max(...counts, 1), names: 56 });
      const weights = headWeights(HEADS.length, fig.get("decay"));
      bars(chart, weights.map((value, i) => ({ name: HEADS[i], value, hue: "c1" })),
        { label: "Head weights", names: 56 });
      fig.say(`Rule ${rule.replace("_", " ")}: the 1/8 target has ${count(counts[3], "cell")} where the mask `
        + `has ${counts[0]}. Weights: ${weights.map((v, i) => `${HEADS[i]} ${fixed(v)}`).join(", ")}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
