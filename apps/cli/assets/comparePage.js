// The page of attune compare, in the browser, behind pageParts.js in the same script.

(() => {
  const { make, color, swatch, show, showCount, showBytes, showSeconds, plotLines } = parts;
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.querySelector("main");
  const PER_PAGE = 10;
  const showP = (p) => (p === null ? "n/a" : p < 0.0005 ? "< 0.001" : p.toFixed(3));
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
    plotLines(
      card,
      joined,
      trained.map(({ k }) => ({ label: data.systems[k].name, color: k })),
    );
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
