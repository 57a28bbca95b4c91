// What attune's pages share, in the browser. All that they show comes from the JSON in the page and goes into the document as text: there
// is no innerHTML here, and no attribute takes text from data. Control characters and marks that turn or hide text are shown.

// biome-ignore lint/correctness/noUnusedVariables: the page's own script follows in the same element
const parts = (() => {
  const HIDDEN =
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

  /** A new element with a class, its text, and what it holds. */
  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    for (const child of children) {
      if (child === null || child === undefined) continue;
      if (child instanceof Node) element.append(child);
      else element.append(visible(String(child)));
    }
    return element;
  }

  /** Text with its hidden characters spelt out: U+202E. */
  function visible(text) {
    const fragment = document.createDocumentFragment();
    let from = 0;
    for (const match of text.matchAll(HIDDEN)) {
      fragment.append(text.slice(from, match.index));
      const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      const mark = document.createElement("span");
      mark.className = "hidden-character";
      mark.textContent = `U+${code}`;
      fragment.append(mark);
      from = match.index + match[0].length;
    }
    fragment.append(text.slice(from));
    return fragment;
  }

  const color = (k) => `var(--s${k % 6})`;
  function swatch(k) {
    const box = make("span", "swatch");
    box.style.background = color(k);
    return box;
  }
  const show = (value) => (value === null ? "n/a" : value.toFixed(Math.abs(value) <= 1 ? 4 : 2));
  const showCount = (n) => scaled(n, 1000, ["", " k", " M", " G"]);
  const showBytes = (n) => scaled(n, 1024, [" B", " KiB", " MiB", " GiB"]);
  const showSeconds = (s) => (s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`);
  function scaled(value, base, units) {
    let unit = 0;
    let rest = value;
    while (rest >= base && unit < units.length - 1) {
      rest /= base;
      unit++;
    }
    return (unit === 0 ? String(Math.round(rest)) : rest.toPrecision(3)) + units[unit];
  }

  /** Lines over steps. `table` is uPlot's: the steps, then the values of each series, null where there are none. Returns what ends it. */
  function plotLines(card, table, series, height = 280) {
    let plot = null;
    const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const width = () => Math.max(200, card.clientWidth - 34);
    const draw = () => {
      if (plot) plot.destroy();
      const axis = {
        stroke: css("--muted"),
        grid: { stroke: css("--line"), width: 1 },
        ticks: { stroke: css("--line"), width: 1 },
      };
      const values = {
        ...axis,
        size: 64,
        values: (_, ticks) => ticks.map((tick) => (tick !== 0 && Math.abs(tick) < 1e-3 ? tick.toExponential(0) : String(tick))),
      };
      const lines = series.map(({ label, color: k, hasPoints = false }) => ({
        label: label.replace(HIDDEN, "\ufffd"),
        stroke: css(`--s${k % 6}`),
        width: 2,
        spanGaps: true,
        points: { show: hasPoints, size: 6, fill: css(`--s${k % 6}`) },
        value: (_, value) => (value === null || value === undefined ? "" : Number(value.toPrecision(4)).toString()),
      }));
      plot = new uPlot(
        { width: width(), height, scales: { x: { time: false } }, axes: [axis, values], series: [{ label: "step" }, ...lines] },
        table,
        card,
      );
    };
    const resize = () => plot.setSize({ width: width(), height });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    draw();
    addEventListener("resize", resize);
    scheme.addEventListener("change", draw);
    return () => {
      removeEventListener("resize", resize);
      scheme.removeEventListener("change", draw);
      plot.destroy();
    };
  }

  return { make, color, swatch, show, showCount, showBytes, showSeconds, plotLines };
})();
