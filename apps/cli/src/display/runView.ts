// What a run shows while it trains, from its numbers alone: several lines for a terminal, one for a log.
import type { Progress } from "@attune/tuning";
import type { EvaluationRecord } from "../recipes/evaluations.js";
import type { TrainRecord } from "../recipes/runProgress.js";
import type { LiveView } from "../status.js";
import { displayWidth, errColor, formatBytes, formatCount, formatSeconds } from "../terminal.js";
import { type Field, layFields, longestThatFits } from "./fields.js";
import { bar, sparkline } from "./sparkline.js";

export interface RunState {
  record: TrainRecord;
  totalSteps: number;
  progress: Progress;
  /** Smoothed losses of the reports so far. */
  losses: readonly number[];
  /** Device memory at its peak; null where nobody counts. */
  memoryBytes: number | null;
  evaluation: { record: EvaluationRecord; isBest: boolean } | null;
  /** What is going on beside training: "evaluating 3 of 12". */
  activity: string | null;
  /** Ctrl-C was heard. */
  isStopping: boolean;
}

/** Values of an evaluation that are shown beside its loss. */
const MAX_METRICS = 4;
const BAR_COLUMNS = 30;
/** Narrower than this, the line of progress is fields alone. */
const BAR_FROM = 50;

const HINTS = [
  "Ctrl-C: finish this update, save a checkpoint, stop; twice: stop at once",
  "Ctrl-C: save a checkpoint and stop",
  "Ctrl-C saves and stops",
];
const STOPPING = [
  "stopping after this update; a checkpoint is saved first. Ctrl-C again: at once",
  "stopping after this update ...",
  "stopping ...",
];

export function runView(state: RunState): LiveView {
  return { lines: (width) => linesOf(state, width), plain: plainLine(state) };
}

function linesOf(state: RunState, width: number): string[] {
  const { record, progress, losses, memoryBytes, isStopping } = state;
  const numbers: Field[] = [
    { label: "loss", text: `${record.lossEma.toFixed(3)} ${sparkline(losses, Math.min(16, width - 11))}` },
    { label: "lr", text: record.lr.toExponential(1) },
    { label: "grad", text: record.gradNorm.toPrecision(3) },
    { text: `${formatCount(progress.tokensPerSecond)} tokens/s` },
    ...(record.mfu === undefined ? [] : [{ text: `${(100 * record.mfu).toFixed(0)} % of peak` }]),
    { label: "epoch", text: record.epoch.toFixed(2) },
    ...(memoryBytes === null ? [] : [{ label: "memory", text: formatBytes(memoryBytes) }]),
  ];
  const hint = longestThatFits(isStopping ? STOPPING : HINTS, width);
  return [
    ...headLines(state, width),
    ...layFields(numbers, width),
    ...layFields(evaluationFields(state), width),
    ...hint.map((line) => (isStopping ? errColor.yellow(line) : errColor.dim(line))),
  ];
}

function headLines({ record, totalSteps, progress, activity }: RunState, width: number): string[] {
  const step = `step ${record.step}/${totalSteps}`;
  const percent = `${Math.floor(100 * progress.done)} %`;
  const left = activity ?? `${formatSeconds(progress.secondsLeft)} left`;
  const columns = Math.min(BAR_COLUMNS, width - displayWidth(`${step}  ${percent}    ${left}`));
  if (width < BAR_FROM || columns < 8) return layFields([{ text: step }, { text: percent }, { text: left }], width);
  return [`${errColor.bold(step)}  ${percent}  ${errColor.cyan(bar(progress.done, columns))}  ${left}`];
}

function evaluationFields({ evaluation }: RunState): Field[] {
  if (evaluation === null) return [];
  const { record, isBest } = evaluation;
  return [
    { label: "eval loss", text: record.evalLoss.toFixed(4) },
    ...Object.entries(record.metrics ?? {})
      .slice(0, MAX_METRICS)
      .map(([name, value]) => ({ label: name, text: value.toPrecision(3) })),
    { text: `${isBest ? "best, " : ""}at step ${record.step}` },
  ];
}

function plainLine({ record, totalSteps, progress, losses, activity }: RunState): string {
  if (activity !== null) return activity;
  return [
    `step ${record.step}/${totalSteps}`,
    `loss ${record.lossEma.toFixed(3)} ${sparkline(losses)}`,
    `lr ${record.lr.toExponential(1)}`,
    `grad ${record.gradNorm.toPrecision(3)}`,
    `${formatCount(progress.tokensPerSecond)} tokens/s`,
    ...(record.mfu === undefined ? [] : [`${(100 * record.mfu).toFixed(0)} % of peak`]),
    `${formatSeconds(progress.secondsLeft)} left`,
  ].join("  ");
}
