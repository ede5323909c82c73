// Receptive field of a U-Net, and what a multi-scale input adds at each level.

/**
 * Encoder levels 1 to depth + 1 (the last is the bottom): stride in image pixels, receptive field
 * after the level's convolutions and just before them, convolutions passed from the image.
 */
export function encoderLevels({ depth, kernel, convs }) {
  const levels = [];
  let [field, stride] = [1, 1];
  for (let level = 1; level <= depth + 1; level++) {
    if (level > 1) {
      field += stride;
      stride *= 2;
    }
    const entry = field;
    field += convs * (kernel - 1) * stride;
    levels.push({ level, stride, entry, field, passed: convs * level });
  }
  return levels;
}

/** What level `level` sees of the image through a pooled copy and one 3 x 3 convolution. */
export const scaleWindow = (level) => 3 * 2 ** (level - 1);

/** Image pixels [first, last] on which output pixel `position` of the whole network depends. */
export function outputField({ depth, kernel, convs }, position = 0) {
  const reach = (convs * (kernel - 1)) / 2;
  const hull = ([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)];
  const encoder = (level, [first, last]) => {
    let span = [first - reach, last + reach];
    if (level > 1) span = encoder(level - 1, [2 * span[0], 2 * span[1] + 1]);
    return span;
  };
  const decoder = (level, span) => {
    if (level === depth + 1) return encoder(level, span);
    const [first, last] = [span[0] - reach, span[1] + reach];
    // a transposed 2 x 2 convolution of stride 2 maps one coarse pixel to four fine ones
    const coarse = [Math.floor(first / 2), Math.floor(last / 2)];
    return hull(encoder(level, [first, last]), decoder(level + 1, coarse));
  };
  return decoder(1, [position, position]);
}

/** Smallest and largest width of the output's receptive field over all positions. */
export function outputWidths(network) {
  const widths = Array.from({ length: 2 ** network.depth }, (_, p) => {
    const [first, last] = outputField(network, p);
    return last - first + 1;
  });
  return [Math.min(...widths), Math.max(...widths)];
}

const NM = 4;
const HUE = ["c4", "c2", "c3", "c1", "c5"];

const widget = {
  render: (host) => frame(host, "What one output pixel sees", (fig) => {
    const picture = svg("svg", { class: "dm-picture" });
    const numbers = html("div"), key = html("div"), caption = html("figcaption");
    const dial = (name, label, min, max, step) =>
      slider(fig, name, { label, min, max, step, digits: 0 });
    const parts = [
      html("div", { class: "dm-columns" },
        html("div", {}, dial("depth", "depth (poolings)", 1, 5, 1),
          dial("kernel", "kernel side", 1, 7, 2)),
        html("div", {}, dial("convs", "convolutions per level", 1, 4, 1),
          dial("image_size", "image side, pixels", 128, 1024, 32))),
      checkbox(fig, "multi_scale", { label: "multi-scale input (pooled image into every level)" }),
      html("div", { class: "dm-columns" },
        html("figure", { class: "dm-panel" }, picture, key, caption),
        numbers),
    ];
    const draw = () => {
      const network = { depth: fig.get("depth"), kernel: fig.get("kernel"),
        convs: fig.get("convs") };
      const size = fig.get("image_size");
      const levels = encoderLevels(network);
      const [least, most] = outputWidths(network);
      const scaled = (level) => fig.get("multi_scale") && level > 1 && level <= network.depth;
      const name = (l) => (l.level > network.depth ? "bottom" : `level ${l.level}`);
      const view = Math.min(size, Math.ceil(1.15 * most));
      const square = (side, attributes) => {
        const shown = Math.min((side / view) * 300, 300);
        return svg("rect", { x: 160 - shown / 2, y: 160 - shown / 2, width: shown, height: shown,
          fill: "none", ...attributes });
      };
      fill(picture, { viewBox: "0 0 320 320", role: "img", "aria-label": "Receptive fields drawn "
        + `to scale in an image of ${size} pixels` }, []);
      picture.replaceChildren(
        svg("rect", { x: 10, y: 10, width: 300, height: 300, class: "dm-track" }),
        ...levels.map((l) => square(l.field, { class: `s-${HUE[(l.level - 1) % 5]}`,
          "stroke-width": 2 })),
        ...levels.filter((l) => scaled(l.level)).map((l) => square(scaleWindow(l.level),
          { class: `s-${HUE[(l.level - 1) % 5]}`, "stroke-width": 2.5, "stroke-dasharray": "1 4" })),
        square(most, { class: "s-c0", "stroke-dasharray": "7 4", "stroke-width": 2 }),
        svg("circle", { cx: 160, cy: 160, r: 2.5, fill: "currentColor" }));
      numbers.replaceChildren(table("Receptive field by level",
        ["level", "map side", "stride", "sees, px",
          ...(fig.get("multi_scale") ? ["pooled input, px"] : [])],
        levels.map((l) => [name(l),
          fixed(size / l.stride, size % l.stride ? 1 : 0), `${l.stride}`, `${l.field}`,
          ...(fig.get("multi_scale") ? [scaled(l.level) ? `${scaleWindow(l.level)}` : "\u2013"] : [])])));
      key.replaceChildren(legend([
        ...levels.map((l) => ({ name: name(l), hue: HUE[(l.level - 1) % 5] })),
        { name: "output", hue: "c0", dash: "7 4" }], false).node);
      write(caption, `What one pixel in the middle sees, drawn to scale in the middle ${view} of `
        + `${size} pixels${fig.get("multi_scale") ? "; dotted: through the pooled image" : ""}.`);
      const bottom = levels[network.depth];
      fig.say(`At the bottom a pixel sees ${bottom.field} image pixels across `
        + `(${fixed((NM * bottom.field) / 1000, 2)} \u00b5m at ${NM} nm); an output pixel sees `
        + `${least === most ? most : `${least} to ${most}`}, `
        + `${most > size ? "more than the image has" : `${fixed((100 * most) / size, 0)} % of its side`}.`
        + (fig.get("multi_scale") && network.depth > 1 ? ` Level ${network.depth} meets the pooled `
          + `image after 1 convolution instead of ${network.convs * (network.depth - 1)}.` : ""));
    };
    return { parts, draw };
  }),
};

export default widget;
