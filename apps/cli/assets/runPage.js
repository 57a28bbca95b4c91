// The page of attune report, in the browser, behind pageParts.js in the same script. A page that attune serves asks for the run's numbers
// again while the run goes on, and draws itself anew.

(() => {
  const { make, show, showCount, showBytes, showSeconds, plotLines } = parts;
  const REFRESH_MS = 3000;
  const main = document.querySelector("main");
  let endings = [];
  /** What a reader chose, kept when the page is drawn anew. */
  let chosen = null;

  function section(title, ...children) {
    main.append(make("h2", "", title), ...children);
  }
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const isText = (value) => typeof value === "string" && value !== "";

  /** Pairs of name and value; those without a value are left out. */
  function facts(rows) {
    const list = make("dl", "facts");
    for (const [name, value] of rows)
      if (value !== null && value !== undefined && value !== false && value !== "")
        list.append(make("dt", "", name), make("dd", "text", value));
    return list;
  }

  // --- what it came to ------------------------------------------------------------------------------------------------------

  const STATES = {
    running: "running",
    done: "done",
    stopped: "stopped: attune resume goes on",
    begun: "begun",
    damaged: "its run.yaml cannot be read",
  };

  function head({ name, state, step, totalSteps, train, evaluations }) {
    main.append(make("h1", "", name), make("p", "muted", STATES[state] || state));
    const last = (values) => values.findLast(isNumber);
    const evaluation = evaluations.at(-1);
    const card = make("div", "card tiles");
    const tiles = [
      ["step", step === null ? null : totalSteps === null ? String(step) : `${step} of ${totalSteps}`],
      ["loss", last(train.lossEma) ?? last(train.loss)],
      ["evaluation loss", evaluation?.loss],
      ["tokens/s", isNumber(last(train.tokensPerSecond)) ? showCount(last(train.tokensPerSecond)) : null],
    ];
    for (const [title, value] of tiles)
      if (value !== null && value !== undefined)
        card.append(
          make("div", "tile", make("span", "muted small", title), make("strong", "", isNumber(value) ? show(value) : value)),
        );
    if (card.childNodes.length > 0) main.append(card);
    if (step !== null && totalSteps) {
      const progress = make("progress", "");
      progress.max = totalSteps;
      progress.value = step;
      progress.setAttribute("aria-label", "updates done");
      main.append(progress);
    }
  }

  // --- curves ---------------------------------------------------------------------------------------------------------------

  function curves({ train, evaluations }) {
    const grid = make("div", "grid");
    const drawn = [];
    const card = (title, table, series) => {
      const box = make("div", "card", make("p", "muted small", title));
      grid.append(box);
      drawn.push(() => endings.push(plotLines(box, table, series, 220)));
    };
    const { steps } = train;
    const evaluated = evaluations.map(({ step }) => step);
    const losses = evaluations.map(({ loss }) => loss);
    if (steps.length > 1) {
      const reports = [steps, train.loss, train.lossEma];
      const hasEvaluations = losses.some(isNumber);
      card("loss", hasEvaluations ? uPlot.join([reports, [evaluated, losses]]) : reports, [
        { label: "report", color: 0 },
        { label: "smoothed", color: 1 },
        ...(hasEvaluations ? [{ label: "evaluation", color: 2, hasPoints: true }] : []),
      ]);
      for (const [title, values, color] of [
        ["learning rate", train.lr, 1],
        ["gradient norm", train.gradNorm, 4],
        ["tokens/s", train.tokensPerSecond, 3],
      ])
        if (values.some(isNumber)) card(title, [steps, values], [{ label: title, color }]);
    }
    const names = [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
    if (evaluations.length > 1 && names.length > 0)
      card(
        "evaluations",
        [evaluated, ...names.map((name) => evaluations.map(({ values }) => values[name] ?? null))],
        names.map((name, k) => ({ label: name, color: k + 1, hasPoints: true })),
      );
    if (drawn.length === 0) return;
    section("Curves", grid);
    for (const draw of drawn) draw(); // in the document, where a card has its width
  }

  function evaluationTable({ evaluations, result }) {
    if (evaluations.length === 0) return;
    const names = [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
    const header = make("tr", "", make("th", "", "step"), make("th", "", "loss"), ...names.map((name) => make("th", "", name)));
    const best = result?.best?.step;
    const body = make(
      "tbody",
      "",
      ...evaluations.map(({ step, loss, values }) =>
        make(
          "tr",
          step === best ? "headline" : "",
          make("th", "", step === best ? `${step}, the best` : step),
          make("td", "", show(loss)),
          ...names.map((name) => make("td", "", show(values[name] ?? null))),
        ),
      ),
    );
    section("Evaluations", make("div", "card scroll", make("table", "scores", make("thead", "", header), body)));
  }

  // --- samples --------------------------------------------------------------------------------------------------------------

  function samples({ evaluations, samples: last, sampleCount }) {
    const groups = [
      ...evaluations.filter((one) => one.samples.length > 0).map((one) => [`at step ${one.step}`, one.samples]),
      ...(last.length > 0 ? [[`at the end (${last.length} of ${sampleCount})`, last]] : []),
    ];
    if (groups.length === 0) return;
    const list = make("div", "");
    const select = make("select", "");
    select.setAttribute("aria-label", "when the answers were given");
    groups.forEach(([title], k) => {
      const option = make("option", "", title);
      option.value = title;
      option.selected = chosen === null ? k === groups.length - 1 : title === chosen;
      select.append(option);
    });
    const draw = () => {
      const [, shown] = groups.find(([title]) => title === select.value) || groups.at(-1);
      list.replaceChildren(...shown.map(sampleCard));
    };
    select.addEventListener("change", () => {
      chosen = select.value;
      draw();
    });
    section("What it answered", make("div", "controls", select), list);
    draw();
  }

  function sampleCard({ id, prompt, references, output }) {
    const answers = make("div", "answers");
    for (const text of references) answers.append(make("div", "who", "reference"), make("p", "text", text));
    answers.append(make("div", "who", "answer"), make("p", "text", output === "" ? make("span", "muted", "(nothing)") : output));
    const asked =
      prompt.length > 240 || prompt.split("\n").length > 6
        ? make("details", "", make("summary", "", `${prompt.slice(0, 120).replace(/\s+/g, " ")} …`), make("p", "text", prompt))
        : make("p", "text", prompt);
    return make("article", "card sample", make("header", "", make("span", "name", id)), asked, answers);
  }

  // --- data, cost, environment, config --------------------------------------------------------------------------------------

  const spread = (one) => one && `${one.min} to ${one.max}, median ${one.median}, 95 % below ${one.p95 + 1}`;

  function dataCard(data) {
    if (!data) return;
    const { lengths, labels, notes, files } = data;
    const ends = isNumber(data.endsLearnt) && isNumber(data.examples) && `in ${data.endsLearnt} of ${data.examples} examples`;
    const card = make(
      "div",
      "card",
      facts([
        ["examples", isNumber(data.examples) && String(data.examples)],
        ["tokens in an epoch", isNumber(data.tokens) && showCount(data.tokens)],
        ["validation rows", isNumber(data.validation) && String(data.validation)],
        ["end token learnt", ends],
        [`input ids (of ${lengths?.rows} rows)`, spread(lengths?.input)],
        ["label ids", spread(lengths?.labels)],
      ]),
    );
    if (Array.isArray(labels)) {
      const most = Math.max(...labels.map(({ count }) => count));
      for (const { name, count } of labels) {
        const bar = make("div", "whisker");
        bar.style.left = "0";
        bar.style.width = `${(100 * count) / most}%`;
        bar.style.background = "var(--accent)";
        card.append(
          make("div", "range", make("div", "name", name), make("div", "track", bar), make("div", "value", String(count))),
        );
      }
    }
    for (const note of Array.isArray(notes) ? notes : []) card.append(make("p", "small muted text", note));
    const rows = Object.entries(files || {});
    if (rows.length > 0) card.append(make("details", "", make("summary", "", "files and their fingerprints"), facts(rows)));
    section("Data", card);
  }

  function cost({ cost, result, bytes, train }) {
    const rows = [
      ["training", cost.trainSeconds > 0 && showSeconds(cost.trainSeconds)],
      ["evaluation on the way", cost.evalSeconds > 0 && showSeconds(cost.evalSeconds)],
      ["positions learnt, padding included", cost.tokens > 0 && showCount(cost.tokens)],
      ["peak device memory", isNumber(result?.peakDeviceBytes) && showBytes(result.peakDeviceBytes)],
      ["parameters", isNumber(result?.parameters) && showCount(result.parameters)],
      ["trained", isNumber(result?.trainableParameters) && showCount(result.trainableParameters)],
      ["saved", isNumber(result?.savedBytes) && showBytes(result.savedBytes)],
      ["the run's folder", isNumber(bytes) && showBytes(bytes)],
    ];
    if (train.steps.length > 0 || result) section("Cost", make("div", "card", facts(rows)));
  }

  function environment(about) {
    const { environment: where, started } = about || {};
    if (!where) return;
    const { adapter } = where;
    const name = adapter && (isText(adapter.description) ? adapter.description : adapter.device);
    section(
      "Where it ran",
      make(
        "div",
        "card",
        facts([
          ["adapter", name && (where.isSoftware ? `${name} (software)` : name)],
          ["vendor, architecture", adapter && [adapter.vendor, adapter.architecture].filter(Boolean).join(", ")],
          ["Dawn (webgpu)", where.webgpu],
          ["processors", where.processors],
          ["system", where.platform],
          ["Node", where.node],
          ["attune", where.attune],
          ["commit", where.commit],
          ["started", started],
          ["resumed at step", about.startStep > 0 && String(about.startStep)],
        ]),
      ),
    );
  }

  function draw(report) {
    for (const end of endings) end();
    endings = [];
    main.replaceChildren();
    head(report);
    curves(report);
    evaluationTable(report);
    samples(report);
    dataCard(report.about?.data);
    cost(report);
    environment(report.about);
    section("The run", make("div", "card scroll", make("pre", "text small", report.config)));
  }

  let text = document.getElementById("data").textContent;
  draw(JSON.parse(text));

  async function follow() {
    try {
      const found = await (await fetch("data.json")).text();
      if (found !== text) {
        text = found;
        const { scrollX, scrollY } = window;
        draw(JSON.parse(text));
        scrollTo(scrollX, scrollY);
      }
    } catch {
      // the server is gone, or the run's files are being written: asked again
    }
    setTimeout(follow, REFRESH_MS);
  }
  if (JSON.parse(text).isServed) setTimeout(follow, REFRESH_MS);
})();
