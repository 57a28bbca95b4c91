// What a person sees of a run: a few lines of facts before, a calm display while it trains, the numbers after.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import { trackProgress } from "@attune/tuning";
import { type RunState, runView } from "../display/runView.js";
import type { Run } from "../run/schema.js";
import { redactSecrets } from "../secrets.js";
import { createStatus } from "../status.js";
import { columnsOf, errColor, fit, formatBytes, formatCount, formatSeconds, table } from "../terminal.js";
import type { AnswerScores, EvaluationRecord } from "./evaluations.js";
import type { PreparedRun, TuneListener, TuneResult } from "./tune.js";

export interface ProgressListener extends TuneListener {
  done(): void;
}

export interface ProgressOptions {
  /** Aborted by Ctrl-C, which the display then says. */
  signal?: AbortSignal;
  /** Device memory at its peak so far. */
  memoryBytes?: () => number;
}

export function progressListener(
  run: Run,
  prepared: PreparedRun,
  facts: DeviceFacts,
  { signal, memoryBytes }: ProgressOptions = {},
): ProgressListener {
  const { data } = prepared;
  const status = createStatus();
  // at words, where a terminal would break within them
  const say = (line: string) => status.log(fit(line, columnsOf(process.stderr) - 1));
  for (const line of planLines(run, prepared)) say(line);
  say(
    `device: ${facts.adapter.description || facts.adapter.device}${facts.isSoftware ? " (software: expect a hundredth of a GPU's speed)" : ""}`,
  );
  status.update("preparing");
  const losses: number[] = [];
  let track = trackProgress(data.totalSteps);
  let state: RunState | null = null;
  let evaluation: RunState["evaluation"] = null;
  /** Before the first report there is nothing but what is being done. */
  const show = (activity: string | null): void => {
    if (state) state = { ...state, evaluation, activity, isStopping: signal?.aborted ?? false };
    if (state) status.update(runView(state));
    else if (activity !== null) status.update(activity);
  };
  const onAbort = () => show(state?.activity ?? (state ? null : "stopping"));
  signal?.addEventListener("abort", onAbort);
  return {
    note: (text) => say(errColor.dim(redactSecrets(text))),
    resumed: (step) => {
      track = trackProgress(data.totalSteps, { startStep: step });
    },
    step(record, totalSteps) {
      losses.push(record.lossEma);
      const memory = memoryBytes?.() ?? null;
      const progress = track(record);
      state = { record, totalSteps, progress, losses, memoryBytes: memory, evaluation, activity: null, isStopping: false };
      show(null);
    },
    evaluating: (done, total) => show(`evaluating ${done} of ${total}`),
    evaluated(record, isBest) {
      evaluation = { record, isBest };
      say(evaluationLine(record, isBest));
      show(null);
    },
    done() {
      signal?.removeEventListener("abort", onAbort);
      status.done();
    },
  };
}

/** What the run is going to do, before it does. */
export function planLines(run: Run, { data, files, evaluations }: PreparedRun): string[] {
  const { lora } = files;
  const { batch, accumulate } = run.train;
  const what = lora ? `LoRA rank ${lora.rank} on ${[lora.targetModules].flat().join(", ")}` : "all weights";
  const rows = data.packing
    ? `${formatCount(data.count)} examples in ${formatCount(data.packing.rows)} rows`
    : `${formatCount(data.count)} examples`;
  const size =
    accumulate === 1 ? `${batch} ${batch === 1 ? "row" : "rows"}` : `${batch * accumulate} rows (${batch} x ${accumulate})`;
  const epochs = data.totalSteps / data.plan.updatesPerEpoch;
  const ends =
    data.endsLearnt === data.count
      ? "yes"
      : data.endsLearnt === 0
        ? "no: the model will not learn to stop"
        : `in ${data.endsLearnt} of ${data.count} examples`;
  return [
    `${errColor.bold(run.name)}: ${what}, ${rows}, ${formatCount(data.tokens)} tokens`,
    `${data.totalSteps} updates of ${size}, ${Number(epochs.toPrecision(3))} epochs; end token learnt: ${ends}`,
    evaluationPlanLine(run, data.held, evaluations),
  ];
}

function evaluationPlanLine(
  run: Run,
  held: PreparedRun["data"]["held"],
  { interval, points, best, measures }: PreparedRun["evaluations"],
): string {
  if (points === 0) return "no validation rows: nothing is evaluated";
  const rows = held.reduce((sum, { batches }) => sum + batches.reduce((n, { realRows = 0 }) => n + realRows, 0), 0);
  const when = interval === null ? "at the end" : `${points} times, every ${interval} updates and at the end`;
  const answers = run.eval.generate
    ? `, with ${run.eval.generateRows} answers judged by ${[...new Set(measures.map(({ measure }) => measure.name))].join(", ")}`
    : "";
  const { earlyStopping } = run.train;
  const stop = earlyStopping ? `, stops after ${earlyStopping.patience} without a better one` : "";
  return `evaluated ${when} on ${rows} rows${answers}; ${best ? `keeps the best ${best.name}${stop}` : "keeps the last weights"}`;
}

function evaluationLine({ step, evalLoss, perplexity, tasks = {}, metrics = {} }: EvaluationRecord, isBest: boolean): string {
  return [
    `step ${step}`,
    `eval loss ${evalLoss.toFixed(4)}`,
    `perplexity ${perplexity.toPrecision(4)}`,
    ...Object.entries(tasks).map(([task, one]) => `${task} ${one.evalLoss.toFixed(4)}`),
    ...Object.entries(metrics)
      .slice(0, 6)
      .map(([name, value]) => `${name} ${value.toPrecision(3)}`),
    ...(isBest ? ["best so far"] : []),
  ].join("  ");
}

export function printResult(run: Run, result: TuneResult, measuredPeakBytes: number): string {
  const rows = [
    ["parameters", formatCount(result.parameters)],
    ["trained", formatCount(result.trainableParameters)],
    ["updates", String(result.steps)],
    ["loss", `${result.firstLoss.toFixed(3)} -> ${result.lastLoss.toFixed(3)}`],
    ["time", `${formatSeconds(result.trainSeconds)} training, ${formatSeconds(result.evalSeconds)} evaluation`],
    ["speed", `${formatCount(result.tokensPerSecond)} tokens/s`],
    ["peak device memory", formatBytes(measuredPeakBytes)],
    ...evaluationRows(result),
    ...result.scores.flatMap(scoreRows),
    ["saved", `${result.savedTo} (${formatBytes(result.savedBytes)})`],
  ];
  return `${table([{ title: run.name }, { title: "" }], rows)}\n`;
}

function evaluationRows({ evaluations, best, keptStep, steps }: TuneResult): string[][] {
  const last = evaluations.at(-1);
  if (!last) return [];
  return [
    ["eval loss", `${last.evalLoss.toFixed(4)} after step ${last.step}, perplexity ${last.perplexity.toPrecision(4)}`],
    ...(best ? [["best", `${best.name} ${best.value.toPrecision(4)} at step ${best.step}`]] : []),
    ...(keptStep === steps ? [] : [["kept", `the weights of step ${keptStep}`]]),
  ];
}

function scoreRows({ task, metric, values, rows, distinct, signature }: AnswerScores): string[][] {
  const shown = Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const of = task === null ? "" : ` of ${task}`;
  return [
    [`${metric}${of}`, shown.join("  ")],
    ["judged", `${rows} answers, ${Math.round(100 * distinct)} % distinct; ${signature}`],
  ];
}
