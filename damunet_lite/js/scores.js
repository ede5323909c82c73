// Pixel and segmentation scores, as damunet_lite.metrics computes them. Masks and labels are
// flat arrays in raster order; membrane = 1.

/** 4-connected components of the pixels that are not membrane, numbered in raster order. */
export function labelCells(membrane, height, width) {
  const labels = new Int32Array(height * width);
  const stack = new Int32Array(height * width);
  let count = 0;
  for (let start = 0; start < labels.length; start++) {
    if (membrane[start] || labels[start]) continue;
    count += 1;
    let depth = 0;
    const visit = (i) => {
      if (membrane[i] || labels[i]) return;
      labels[i] = count;
      stack[depth++] = i;
    };
    visit(start);
    while (depth) {
      const i = stack[--depth], column = i % width;
      if (i >= width) visit(i - width);
      if (column > 0) visit(i - 1);
      if (column < width - 1) visit(i + 1);
      if (i + width < labels.length) visit(i + width);
    }
  }
  return { labels, count };
}

// Binary heap of pixels by age. Equal ages leave it in an order that only this way of moving
// them gives; scikit-image's watershed moves them so, and ties decide where a line runs.
class Queue {
  constructor() { this.items = []; }

  push(item) {
    const items = this.items;
    let child = items.push(item) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (items[child].age >= items[parent].age) return;
      [items[child], items[parent]] = [items[parent], items[child]];
      child = parent;
    }
  }

  pop() {
    const items = this.items, first = items[0], last = items.pop();
    if (!items.length) return first;
    items[0] = last;
    for (let i = 0; ;) {
      const left = 2 * i + 1, right = left + 1;
      let smallest = i;
      if (left < items.length && items[left].age < items[i].age) smallest = left;
      if (right < items.length && items[right].age < items[smallest].age) smallest = right;
      if (smallest === i) return first;
      [items[i], items[smallest]] = [items[smallest], items[i]];
      i = smallest;
    }
  }
}

/** Grow cells over the membrane until lines one pixel wide remain (a watershed on a plain). */
export function thinBorders(labels, height, width) {
  const present = new Set(labels);
  present.delete(0);
  if (present.size === 0) return Int32Array.from(labels);
  if (present.size === 1) return new Int32Array(labels.length).fill([...present][0]);
  // one pixel of padding, so that every pixel has four neighbours
  const stride = width + 2;
  const steps = [-stride, -1, 1, stride];
  const grown = new Int32Array((height + 2) * stride);
  const open = new Uint8Array(grown.length);
  const inside = [];
  for (let i = 0; i < labels.length; i++) {
    inside[i] = (Math.floor(i / width) + 1) * stride + (i % width) + 1;
    grown[inside[i]] = labels[i];
  }
  inside.forEach((p, i) => {
    if (labels[i] !== 0) return;
    open[p] = 1;
    for (const step of steps) open[p + step] = 1;
  });
  for (let p = 0; p < open.length; p++) {
    const column = p % stride;
    if (p < stride || p >= open.length - stride || column === 0 || column === stride - 1) {
      open[p] = 0;
    }
  }
  const queue = new Queue();
  for (const p of inside) {
    if (open[p] && grown[p]) queue.push({ age: 0, pixel: p, source: p });
  }
  let age = 1;
  const meetsOther = (p, label) => {
    if (!open[p]) return true;
    const other = steps.some((step) => open[p + step] && grown[p + step]
      && grown[p + step] !== label);
    if (other) open[p] = 0;
    return other;
  };
  while (queue.items.length) {
    const { pixel, source } = queue.pop();
    if (grown[pixel] && pixel !== source) continue;
    if (!meetsOther(pixel, grown[source])) grown[pixel] = grown[source];
    for (const step of steps) {
      const next = pixel + step;
      if (!open[next] || grown[next]) continue;
      age += 1;
      queue.push({ age, pixel: next, source });
    }
  }
  return Int32Array.from(inside, (p) => grown[p]);
}

const sum = (values, f) => {
  let total = 0;
  for (const v of values) total += f(v);
  return total;
};
const ratio = (a, b) => (b ? a / b : 1);

/** V_rand and V_info with their split and merge parts. */
export function segmentationScore(truth, proposal) {
  const joint = new Map(), truthSizes = new Map(), proposalSizes = new Map();
  const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
  let total = 0, singletons = 0;
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i], s = proposal[i];
    if (t === 0) continue;
    total += 1;
    count(truthSizes, t);
    if (s === 0) {
      singletons += 1;
    } else {
      count(proposalSizes, s);
      count(joint, t * 1048576 + s);
    }
  }
  const square = (n) => n * n;
  const together = sum(joint.values(), square) + singletons;
  const inProposal = sum(proposalSizes.values(), square) + singletons;
  const inTruth = sum(truthSizes.values(), square);
  const entropy = (sizes, alone) => (alone / total) * Math.log2(total)
    - sum(sizes.values(), (n) => (n / total) * Math.log2(n / total));
  const hTruth = entropy(truthSizes, 0);
  const hProposal = entropy(proposalSizes, singletons);
  const shared = Math.max(hTruth + hProposal - entropy(joint, singletons), 0);
  return {
    rand: (2 * together) / (inProposal + inTruth),
    randSplit: together / inTruth,
    randMerge: together / inProposal,
    information: ratio(2 * shared, hTruth + hProposal),
    informationSplit: ratio(shared, hProposal),
    informationMerge: ratio(shared, hTruth),
  };
}

/** Accuracy and Dice in both polarities. */
export function pixelScores(truth, prediction) {
  let [tp, fp, fn, tn] = [0, 0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (truth[i]) prediction[i] ? tp++ : fn++;
    else prediction[i] ? fp++ : tn++;
  }
  return {
    accuracy: (tp + tn) / truth.length,
    diceMembrane: ratio(2 * tp, 2 * tp + fp + fn),
    diceCell: ratio(2 * tn, 2 * tn + fp + fn),
    missed: fn,
    falseAlarms: fp,
  };
}

/** All scores of a membrane mask, and the labels they rest on. */
export function scoreMask(truth, prediction, height, width, thin) {
  const cells = labelCells(truth, height, width);
  const raw = labelCells(prediction, height, width);
  const proposal = thin ? thinBorders(raw.labels, height, width) : raw.labels;
  return {
    ...pixelScores(truth, prediction),
    ...segmentationScore(cells.labels, proposal),
    truthCells: cells.count,
    proposedCells: raw.count,
    proposal,
  };
}
