// The page of attune compare, in the browser. All that it shows comes from the JSON in the page and goes into the document as text:
// there is no innerHTML here, and no attribute takes text from data. Control characters and marks that turn or hide text are shown.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.querySelector("main");
  const PER_PAGE = 10;
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
  const showP = (p) => (p === null ? "n/a" : p < 0.0005 ? "< 0.001" : p.toFixed(3));
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

  function section(title, ...children) {
    main.append(make("h2", "", title), ...children);
  }

  // --- scores ---------------------------------------------------------------------------------------------------------------

  function scoreTable() {
    const table = make("table", "scores");
    const head = make("tr", "", make("th", ""));
    for (const [k, { name }] of data.systems.entries()) head.append(make("th", "name", swatch(k), name));
    const body = make("tbody");
    data.systems[0].scores.forEach(({ metric, headline, values }, m) => {
      for (const name of Object.keys(values)) {
        const row = make(
          "tr",
          name === headline ? "headline" : "",
          make("th", "", metric === "rouge" ? name : `${metric} ${name}`),
        );
        for (const { scores } of data.systems) {
          const { values: own, intervals, compared } = scores[m];
          const cell = make("td", "", show(own[name]));
          const interval = intervals?.[name];
          if (interval) cell.append(make("span", "interval", `${show(interval.low)} to ${show(interval.high)}`));
          const difference = compared?.differences[name];
          if (difference && difference.difference !== null) {
            const sure = difference.pValue !== null && difference.pValue < 0.05;
            const way = !sure ? "" : difference.difference > 0 ? " better" : " worse";
            const sign = difference.difference >= 0 ? "+" : "";
            cell.append(make("span", `interval${way}`, `${sign}${show(difference.difference)}, p ${showP(difference.pValue)}`));
          }
          row.append(cell);
        }
        body.append(row);
      }
    });
    const facts = [
      ["answers that differ", ({ distinct }) => `${Math.round(100 * distinct)} %`],
      ["parameters", ({ facts }) => facts.parameters !== null && showCount(facts.parameters)],
      ["trained", ({ facts }) => facts.trainableParameters !== null && showCount(facts.trainableParameters)],
      ["saved", ({ facts }) => facts.savedBytes !== null && showBytes(facts.savedBytes)],
      ["training time", ({ facts }) => facts.trainSeconds !== null && showSeconds(facts.trainSeconds)],
      ["training tokens/s", ({ facts }) => facts.tokensPerSecond !== null && showCount(facts.tokensPerSecond)],
      ["answering", ({ facts }) => facts.evalSeconds !== null && showSeconds(facts.evalSeconds)],
      ["peak memory", ({ facts }) => facts.peakDeviceBytes !== null && showBytes(facts.peakDeviceBytes)],
    ];
    for (const [title, of] of facts) {
      const cells = data.systems.map((system) => of(system) || "");
      if (cells.some((cell) => cell !== ""))
        body.append(make("tr", "", make("th", "", title), ...cells.map((cell) => make("td", "", cell))));
    }
    table.append(make("thead", "", head), body);
    return make("div", "card scroll", table);
  }

  /** A dot and its interval for each system, on one scale. */
  function ranges() {
    const card = make("div", "card");
    const { headline } = data.systems[0].scores[0];
    const points = data.systems.map(({ scores: [{ values, intervals }] }) => {
      const value = values[headline];
      const { low = value, high = value } = intervals?.[headline] || {};
      return { value, low: low === null ? value : low, high: high === null ? value : high };
    });
    const least = Math.min(...points.map(({ low }) => low));
    const most = Math.max(...points.map(({ high }) => high));
    const margin = (most - least) * 0.08 || 1;
    const place = (value) => `${(100 * (value - least + margin)) / (most - least + 2 * margin)}%`;
    points.forEach(({ value, low, high }, k) => {
      const whisker = make("div", "whisker");
      whisker.style.left = place(low);
      whisker.style.width = `calc(${place(high)} - ${place(low)})`;
      const dot = make("div", "dot");
      dot.style.left = place(value);
      for (const part of [whisker, dot]) part.style.background = color(k);
      const name = make("div", "name", swatch(k), data.systems[k].name);
      card.append(make("div", "range", name, make("div", "track", whisker, dot), make("div", "value", show(value))));
    });
    return card;
  }

  // --- curves ---------------------------------------------------------------------------------------------------------------

  function curves() {
    const trained = data.systems.map((system, k) => ({ ...system, k })).filter(({ losses }) => losses.length > 1);
    if (trained.length === 0) return;
    const card = make("div", "card");
    section("Loss while training", card);
    const tables = trained.map(({ losses }) => [losses.map(({ step }) => step), losses.map(({ loss }) => loss)]);
    const joined = tables.length > 1 ? uPlot.join(tables) : tables[0];
    let plot = null;
    const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const draw = () => {
      if (plot) plot.destroy();
      const axis = {
        stroke: css("--muted"),
        grid: { stroke: css("--line"), width: 1 },
        ticks: { stroke: css("--line"), width: 1 },
      };
      const series = trained.map(({ k }) => ({
        label: data.systems[k].name.replace(HIDDEN, "\ufffd"),
        stroke: css(`--s${k % 6}`),
        width: 2,
        spanGaps: true,
        points: { show: false },
        value: (_, value) => (value === null || value === undefined ? "" : value.toFixed(3)),
      }));
      plot = new uPlot(
        {
          width: Math.max(200, card.clientWidth - 34),
          height: 280,
          scales: { x: { time: false } },
          axes: [axis, axis],
          series: [{ label: "step" }, ...series],
        },
        joined,
        card,
      );
    };
    draw();
    addEventListener("resize", () => plot.setSize({ width: Math.max(200, card.clientWidth - 34), height: 280 }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  // --- confusion ------------------------------------------------------------------------------------------------------------

  function confusions() {
    const shown = data.systems.map((system, k) => ({ ...system, k })).filter(({ confusion }) => confusion);
    if (shown.length === 0) return;
    const grid = make("div", "grid");
    section("Confusion", make("p", "muted small", "Rows are the true class, columns what was answered."), grid);
    for (const { name, confusion, k } of shown) {
      const { labels, counts } = confusion;
      const head = make("tr", "", make("th", ""), ...labels.map((label) => make("th", "", label)));
      const body = make("tbody");
      labels.forEach((label, t) => {
        const total = counts[t].reduce((sum, count) => sum + count, 0);
        const row = make("tr", "", make("th", "", label));
        counts[t].forEach((count) => {
          const cell = make("td", "", count);
          const share = total > 0 ? count / total : 0;
          cell.style.background = `color-mix(in srgb, ${color(k)} ${Math.round(60 * share)}%, transparent)`;
          row.append(cell);
        });
        body.append(row);
      });
      grid.append(
        make("div", "card scroll", make("p", "name", swatch(k), name), make("table", "confusion", make("thead", "", head), body)),
      );
    }
  }

  // --- samples --------------------------------------------------------------------------------------------------------------

  function samples() {
    const last = data.systems.length - 1;
    const gain = ({ scores }) => scores[last] - scores[0];
    const orders = [
      ["in the order of the data", () => 0],
      ...(last > 0
        ? [
            ["largest gain first", (a, b) => gain(b) - gain(a)],
            ["largest loss first", (a, b) => gain(a) - gain(b)],
          ]
        : []),
      ["lowest score first", (a, b) => a.scores[last] - b.scores[last]],
    ];
    const search = make("input", "");
    search.type = "search";
    search.placeholder = "find text";
    search.setAttribute("aria-label", "find text in prompts, references and answers");
    const order = make("select", "");
    order.setAttribute("aria-label", "order");
    orders.forEach(([title], k) => {
      const option = make("option", "", title);
      option.value = String(k);
      order.append(option);
    });
    const list = make("div", "");
    const count = make("span", "muted small");
    const [back, on] = [make("button", "", "Previous"), make("button", "", "Next")];
    let page = 0;
    const draw = () => {
      const wanted = search.value.toLowerCase();
      const found = data.samples
        .filter(({ prompt, references, outputs }) =>
          [prompt, ...references, ...outputs].some((text) => text.toLowerCase().includes(wanted)),
        )
        .sort(orders[Number(order.value)][1]);
      const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      list.replaceChildren(...found.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(card));
      count.textContent = `${found.length} of ${data.samples.length} examples, page ${page + 1} of ${pages}`;
      back.disabled = page === 0;
      on.disabled = page === pages - 1;
    };
    const from = (step) => () => {
      page = step === 0 ? 0 : page + step;
      draw();
    };
    search.addEventListener("input", from(0));
    order.addEventListener("change", from(0));
    back.addEventListener("click", from(-1));
    on.addEventListener("click", from(1));
    section("Examples", make("div", "controls", search, order), list, make("div", "controls pager", back, on, count));
    draw();
  }

  function card({ id, prompt, references, outputs, scores }) {
    const answers = make("div", "answers");
    for (const text of references) answers.append(make("div", "who", "reference"), make("p", "text", text));
    outputs.forEach((text, k) => {
      const who = make("div", "who", swatch(k), data.systems[k].name, " ", make("span", "badge", show(scores[k])));
      answers.append(who, make("p", "text", text === "" ? make("span", "muted", "(nothing)") : text));
    });
    const asked =
      prompt.length > 240 || prompt.split("\n").length > 6
        ? make("details", "", make("summary", "", `${prompt.slice(0, 120).replace(/\s+/g, " ")} …`), make("p", "text", prompt))
        : make("p", "text", prompt);
    return make("article", "card sample", make("header", "", make("span", "name", id)), asked, answers);
  }

  // --- the page -------------------------------------------------------------------------------------------------------------

  const names = data.systems.map(({ name }) => name);
  main.append(
    make("h1", "", names.length > 1 ? `${names.length} systems compared` : names[0]),
    make("p", "muted", `${data.task}, ${data.rows} examples`),
  );
  section("Scores", scoreTable());
  const [first, second] = data.systems;
  main.append(make("h2", "", `${first.scores[0].headline}, with 95 % intervals`), ranges());
  curves();
  confusions();
  samples();
  const notes = new Set(
    data.systems.flatMap(({ scores }) => scores.flatMap(({ signature, intervalSignature }) => [signature, intervalSignature])),
  );
  if (second) notes.add(`p: each against ${first.name}; ${second.scores[0].compared.signature}`);
  section(
    "What was computed",
    make("div", "card small muted", ...[...notes].filter(Boolean).map((note) => make("p", "text", note))),
  );
})();
