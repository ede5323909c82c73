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

/**
 * Grow cells over the membrane until lines one pixel wide remain. In rounds: membrane pixels that
 * touch one cell join it, those between two become line; even pixels (row + column) move first.
 */
export function thinBorders(labels, height, width) {
  const present = new Set(labels);
  present.delete(0);
  const grown = Int32Array.from(labels);
  if (present.size === 0) return grown.fill(1);  // the flood meets nothing: one segment
  if (present.size === 1) return grown.fill([...present][0]);
  // one pixel of frame, so that every pixel has four neighbours
  const stride = width + 2;
  const place = (i) => (Math.floor(i / width) + 1) * stride + (i % width) + 1;
  const field = new Int32Array((height + 2) * stride), free = new Uint8Array(field.length);
  grown.forEach((label, i) => {
    field[place(i)] = label;
    free[place(i)] = label ? 0 : 1;
  });
  const steps = [-stride, -1, 1, stride];
  // free pixels beside labelled ones, each once
  const claim = (pixels) => {
    const found = [];
    for (const p of pixels) {
      if (!field[p]) continue;
      for (const step of steps) {
        if (!free[p + step]) continue;
        free[p + step] = 0;
        found.push(p + step);
      }
    }
    return found;
  };
  let front = claim(field.keys());
  while (front.length) {
    for (const parity of [0, 1]) {
      for (const p of front) {
        if ((Math.floor(p / stride) + (p % stride)) % 2 !== parity) continue;
        let only = 0;
        for (const step of steps) {
          const label = field[p + step];
          if (label && label !== only) only = only ? -1 : label;
          if (only < 0) break;
        }
        if (only > 0) field[p] = only;
      }
    }
    front = claim(front);
  }
  return grown.map((_, i) => field[place(i)]);
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
  const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
  let total = 0, singletons = 0;
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i], s = proposal[i];
    if (t === 0) continue;
    total += 1;
    add(truthSizes, t);
    if (s === 0) {
      singletons += 1;
    } else {
      add(proposalSizes, s);
      add(joint, t * 1048576 + s);
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
