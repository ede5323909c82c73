// CBAM on a tensor small enough to see: channel weights, then pixel weights. Features are a flat
// array [H, W, C] in raster order, channels last.

/** Average and maximum of every channel through one shared two-layer network, then sigmoid. */
export function channelWeights(features, channels, { squeeze, squeezeBias, excite, exciteBias }) {
  const pixels = features.length / channels;
  const average = Array(channels).fill(0), maximum = Array(channels).fill(-Infinity);
  features.forEach((value, i) => {
    const c = i % channels;
    average[c] += value / pixels;
    maximum[c] = Math.max(maximum[c], value);
  });
  const mlp = (vector) => {
    const hidden = squeezeBias.map((b, j) =>
      Math.max(vector.reduce((s, v, c) => s + v * squeeze[c][j], b), 0));
    return exciteBias.map((b, c) => hidden.reduce((s, v, j) => s + v * excite[j][c], b));
  };
  const fromAverage = mlp(average), fromMaximum = mlp(maximum);
  const weights = fromAverage.map((v, c) => sigmoid(v + fromMaximum[c]));
  return { average, maximum, weights };
}

/** Mean and maximum over channels, one k x k convolution without bias, sigmoid. */
export function pixelWeights(features, [height, width, channels], kernel, k) {
  const mean = [], maximum = [];
  for (let i = 0; i < height * width; i++) {
    const vector = features.slice(i * channels, (i + 1) * channels);
    mean.push(vector.reduce((a, b) => a + b, 0) / channels);
    maximum.push(Math.max(...vector));
  }
  const reach = (k - 1) / 2;
  const weights = mean.map((_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    let logit = 0;
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        const [r, c] = [row + a - reach, column + b - reach];
        if (r < 0 || c < 0 || r >= height || c >= width) continue;
        const tap = 2 * (a * k + b);
        logit += kernel[tap] * mean[r * width + c] + kernel[tap + 1] * maximum[r * width + c];
      }
    }
    return sigmoid(logit);
  });
  return { mean, maximum, weights };
}

/** Even k x k kernel: the mean map counts meanWeight in all, the maximum map maximumWeight. */
export const evenKernel = (k, meanWeight, maximumWeight) =>
  Array.from({ length: 2 * k * k }, (_, i) => (i % 2 ? maximumWeight : meanWeight) / (k * k));

export function cbam(features, shape, mlp, kernel, k, useChannel, useSpatial) {
  const channels = shape[2];
  const channel = channelWeights(features, channels, mlp);
  const weighed = useChannel ? features.map((v, i) => v * channel.weights[i % channels]) : features;
  const spatial = pixelWeights(weighed, shape, kernel, k);
  const output = useSpatial
    ? weighed.map((v, i) => v * spatial.weights[Math.floor(i / channels)]) : weighed;
  return { channel, spatial, output };
}

const widget = {
  render: (host) => frame(host, "CBAM: which channels, then which pixels", (fig) => {
    const shape = fig.get("shape");
    const [height, width, channels] = shape;
    const raw = fig.get("features"), names = fig.get("names"), mlp = fig.get("mlp");
    const top = Math.max(...raw);
    const panel = (name) => {
      const canvas = raster(width, height, name);
      const text = html("figcaption");
      return { canvas, text, node: captioned(canvas, text) };
    };
    const before = names.map(panel), after = names.map(panel);
    const pooled = ["mean map", "maximum map", "pixel weights"].map(panel);
    const chart = svg("svg", {});
    const heading = (text) => html("p", { style: "margin-top: 0.9rem; font-weight: 600" }, text);
    const row = (panels) => html("div", { class: "dm-panels dm-four" }, panels.map((p) => p.node));
    const parts = [
      html("div", { class: "dm-cards" }, names.map((name, index) =>
        slider(fig, "gains", { label: `gain of ${name}`, min: 0, max: 2, step: 0.05, index }))),
      heading("1. The feature map"), row(before),
      html("div", { class: "dm-columns" },
        html("div", {}, heading("2. Channel weights"),
          checkbox(fig, "channel", { label: "multiply by channel weights" }), chart),
        html("div", {}, heading("3. Pixel weights"),
          checkbox(fig, "spatial", { label: "multiply by pixel weights" }),
          choice(fig, "kernel_size", { label: "kernel",
            options: [1, 3, 5, 7].map((k) => [k, `${k} \u00d7 ${k}`]) }),
          slider(fig, "mean_weight", { label: "weight of the mean map", min: -10, max: 10,
            step: 0.5, digits: 1 }),
          slider(fig, "maximum_weight", { label: "weight of the maximum map", min: -10, max: 10,
            step: 0.5, digits: 1 }),
          html("div", { class: "dm-panels dm-three" }, pooled.map((p) => p.node)))),
      heading("4. What comes out"), row(after),
    ];
    const draw = () => {
      const get = fig.get;
      const gains = get("gains");
      const features = raw.map((v, i) => v * gains[i % channels]);
      const k = get("kernel_size");
      const r = cbam(features, shape, mlp, evenKernel(k, get("mean_weight"),
        get("maximum_weight")), k, get("channel"), get("spatial"));
      const show = (p, name, values, scale = top) => {
        p.canvas.paint((i) => ramp(values(i) / scale), name);
        const all = Array.from({ length: height * width }, (_, i) => values(i));
        const mean = all.reduce((a, b) => a + b, 0) / all.length;
        write(p.text, `${name}, mean ${fixed(mean, 2)}`);
        return mean;
      };
      names.forEach((name, c) => show(before[c], name, (i) => features[i * channels + c]));
      const means = names.map((name, c) =>
        show(after[c], name, (i) => r.output[i * channels + c]));
      show(pooled[0], "mean", (i) => r.spatial.mean[i]);
      show(pooled[1], "maximum", (i) => r.spatial.maximum[i]);
      show(pooled[2], "weight", (i) => r.spatial.weights[i], 1);
      bars(chart, names.map((name, c) => ({ name, value: r.channel.weights[c],
        hue: get("channel") ? "c1" : "c0" })), { label: "Channel weights", names: 92 });
      const list = (values) => values.map((v, c) => `${names[c]} ${fixed(v, 2)}`).join(", ");
      const w = r.spatial.weights;
      fig.say(`Channel weights: ${list(r.channel.weights)}. Pixel weights from `
        + `${fixed(Math.min(...w), 2)} to ${fixed(Math.max(...w), 2)}. Mean of the output: `
        + `${list(means)}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
