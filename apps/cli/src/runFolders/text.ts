// Runs as text: one line each, or one run in full.
import { color, fit, formatBytes, formatCount, formatSeconds, sanitizeForTerminal, table } from "../terminal.js";
import type { Cleaning } from "./cleanRuns.js";
import type { RunRecord } from "./readRuns.js";

const right = (title: string) => ({ title, align: "right" as const });

export function runsText(runs: readonly RunRecord[]): string {
  const rows = runs.map((record) => [
    record.folder,
    stateOf(record),
    methodOf(record),
    record.step === null ? "" : String(record.step),
    record.loss === null ? "" : record.loss.toFixed(3),
    scoreOf(record.result),
    formatBytes(record.bytes.total),
    record.changed.slice(0, 16).replace("T", " "),
  ]);
  return table(
    [
      { title: "run" },
      { title: "state" },
      { title: "trains" },
      right("step"),
      right("loss"),
      right("score"),
      right("size"),
      { title: "changed" },
    ],
    rows,
  );
}

export function sizesText(runs: readonly RunRecord[]): string {
  const sum = (pick: (record: RunRecord) => number) => runs.reduce((total, record) => total + pick(record), 0);
  const rows = [...runs]
    .sort((a, b) => b.bytes.total - a.bytes.total)
    .map(({ folder, checkpoints, bytes }) => sizes(folder, checkpoints.length, bytes.checkpoints, bytes.result, bytes.total));
  rows.push(
    sizes(
      "all",
      sum((one) => one.checkpoints.length),
      sum((one) => one.bytes.checkpoints),
      sum((one) => one.bytes.result),
      sum((one) => one.bytes.total),
    ),
  );
  return table([{ title: "run" }, right("checkpoints"), right("their size"), right("result"), right("total")], rows);
}

const sizes = (name: string, count: number, checkpoints: number, result: number, total: number): string[] => [
  name,
  String(count),
  formatBytes(checkpoints),
  formatBytes(result),
  formatBytes(total),
];

export function runText(record: RunRecord): string {
  const { run, result, checkpoints, bytes } = record;
  const number = (key: string, show: (value: number) => string): string | null => {
    const value = result?.[key];
    return typeof value === "number" && Number.isFinite(value) ? show(value) : null;
  };
  const rows: [string, string | null][] = [
    ["state", record.fault ? `${record.state}: ${record.fault}` : stateOf(record)],
    ["model", run?.model.path ?? (run ? "from scratch" : null)],
    ["trains", methodOf(record) || null],
    ["data", run?.data.train ?? null],
    ["updates", record.step === null ? null : `${record.step}${run?.train.steps ? ` of ${run.train.steps}` : ""}`],
    [
      "loss",
      record.loss === null
        ? null
        : (number("firstLoss", (first) => `${first.toFixed(3)} -> ${record.loss!.toFixed(3)}`) ?? record.loss.toFixed(3)),
    ],
    ["trained", number("trainableParameters", (count) => `${formatCount(count)} parameters`)],
    ["time", number("trainSeconds", formatSeconds)],
    ["speed", number("tokensPerSecond", (speed) => `${formatCount(speed)} tokens/s`)],
    ["peak device memory", number("peakDeviceBytes", formatBytes)],
    ["scores", scoreTexts(result?.scores).join(", ") || null],
    ["saved", typeof result?.savedTo === "string" ? result.savedTo : null],
    ["checkpoints", checkpoints.length > 0 ? `${checkpoints.join(", ")} (${formatBytes(bytes.checkpoints)})` : "none"],
    ["size", formatBytes(bytes.total)],
    ["changed", record.changed],
  ];
  const next = record.state === "stopped" ? `\n\n  attune resume ${sanitizeForTerminal(record.folder)}` : "";
  return `${table(
    [{ title: record.folder }, { title: "" }],
    rows.filter((row): row is [string, string] => row[1] !== null),
  )}${next}`;
}

export function cleaningText(plan: readonly Cleaning[]): string {
  const lines = plan
    .filter(({ steps, skipped }) => steps.length > 0 || skipped)
    .map(({ folder, steps, bytes, skipped }) =>
      sanitizeForTerminal(
        skipped
          ? `${folder}: left alone, ${skipped}`
          : `${folder}: checkpoints of step ${steps.join(", ")} (${formatBytes(bytes)})`,
      ),
    );
  return lines.map((line) => fit(line)).join("\n");
}

function stateOf({ state, checkpoints }: RunRecord): string {
  if (state === "stopped") return color.yellow(`stopped, resumes at ${checkpoints.at(-1)}`);
  return state === "done" ? color.green(state) : state === "damaged" ? color.red(state) : state;
}

const methodOf = ({ run }: RunRecord): string => (!run ? "" : run.lora ? `LoRA ${run.lora.rank}` : "all weights");

/** The one number that a list has room for. */
function scoreOf(result: RunRecord["result"]): string {
  const [first] = scoreTexts(result?.scores);
  return first ?? "";
}

/** Each task's score that people quote (AnswerScores of recipes/evaluations.ts); nothing of what is no such list. */
function scoreTexts(scores: unknown): string[] {
  if (!Array.isArray(scores)) return [];
  return scores.flatMap((one: { task?: unknown; headline?: unknown; values?: Record<string, unknown> } | null) => {
    const value = one?.values?.[String(one.headline)];
    if (typeof value !== "number") return [];
    return [`${typeof one?.task === "string" ? `${one.task} ` : ""}${String(one?.headline)} ${value.toPrecision(4)}`];
  });
}
