// A small membrane that you can break: one pixel, and what each score makes of it.

/** Membrane mask grown by one pixel up, down, left and right. */
export function widen(mask, height, width) {
  return mask.map((_, i) => {
    const column = i % width;
    const near = [i, i - width, i + width, column > 0 ? i - 1 : -1,
      column < width - 1 ? i + 1 : -1];
    return near.some((j) => j >= 0 && j < height * width && mask[j]) ? 1 : 0;
  });
}

const ROWS = [["accuracy", "accuracy", "c0"], ["diceCell", "Dice, cell", "c3"],
  ["diceMembrane", "Dice, membrane", "c4"], ["rand", "V_rand", "c1"],
  ["information", "V_info", "c2"]];

const widget = {
  render: (host) => frame(host, "Break a membrane", (fig) => {
    const [height, width] = fig.get("shape");
    const truth = fig.get("truth");
    const set = (prediction) => fig.set({ prediction });
    const toggle = (i) => set(fig.get("prediction").map((v, j) => (i === j ? 1 - v : v)));
    const middle = () => {
      const found = truth.map((v, i) => (v ? i : -1)).filter((i) => i >= 0);
      return fig.get("gap") ?? found[Math.floor(found.length / 2)];
    };
    let focus = 0;
    const cells = truth.map((_, i) => html("button", {
      type: "button", class: "dm-pixel", tabindex: i ? -1 : 0, onclick: () => {
        move(i);
        toggle(i);
      },
    }));
    function move(i) {
      cells[focus].tabIndex = -1;
      focus = i;
      cells[i].tabIndex = 0;
      cells[i].focus();
    }
    const onkeydown = (event) => {
      const [row, column] = [Math.floor(focus / width), focus % width];
      const target = {
        ArrowUp: row > 0 && focus - width, ArrowDown: row < height - 1 && focus + width,
        ArrowLeft: column > 0 && focus - 1, ArrowRight: column < width - 1 && focus + 1,
        Home: row * width, End: (row + 1) * width - 1,
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      if (target !== false) move(target);
    };
    const grid = html("div", { class: "dm-grid", role: "group", onkeydown,
      "aria-label": "Predicted membrane: arrow keys move, space changes a pixel",
      style: `grid-template-columns: repeat(${width}, 1fr)` }, cells);
    const chart = svg("svg", {});
    const caption = html("figcaption");
    const parts = [
      html("div", { class: "dm-row" },
        button("Open one gap", () => set(truth.map((v, i) => (i === middle() ? 0 : v)))),
        button("Widen the membrane", () => set(widen(fig.get("prediction"), height, width))),
        button("All cell", () => set(truth.map(() => 0))),
        button("Back to the truth", () => set([...truth])),
        checkbox(fig, "thin", { label: "thin borders first" })),
      html("div", { class: "dm-columns" },
        captioned(grid, caption),
        captioned(chart, html("figcaption", {}, "Pixel scores count pixels; V_rand and V_info ask "
          + "which cells are joined."))),
    ];
    const draw = () => {
      const prediction = fig.get("prediction");
      const now = scoreMask(truth, prediction, height, width, fig.get("thin"));
      const regions = labelCells(prediction, height, width).labels;
      cells.forEach((cell, i) => {
        const [row, column] = [Math.floor(i / width) + 1, (i % width) + 1];
        const wrong = prediction[i] !== truth[i];
        cell.setAttribute("aria-pressed", prediction[i] === 1);
        cell.setAttribute("aria-label", `row ${row}, column ${column}: `
          + `${prediction[i] ? "membrane" : `cell ${regions[i]}`}${wrong ? ", wrong" : ""}`);
        cell.style.background = prediction[i] ? ""
          : `rgb(${HUES[(regions[i] - 1) % HUES.length].map((c) => 127 + Math.round(c / 2))})`;
        write(cell, wrong ? "\u00d7" : "");
      });
      bars(chart, ROWS.map(([key, name, hue]) => ({ name, value: now[key], hue })),
        { label: "Scores", names: 124 });
      const wrong = now.missed + now.falseAlarms;
      write(caption, "Dark: predicted membrane. Each predicted cell has one tint; \u00d7 marks a "
        + "wrong pixel.");
      const said = ROWS.map(([key, name]) => `${name} ${fixed(now[key])}`).join("; ");
      fig.say(`${wrong} of ${truth.length} pixels wrong; ${count(now.proposedCells, "cell")} proposed, `
        + `${now.truthCells} true. Scores: ${said}.`);
    };
    return { parts, draw };
  }),
};

export default widget;
