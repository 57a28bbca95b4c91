/**
 * The table of docs/recipes.md, from the folders of runs that were evaluated before their first update (eval.first):
 * training losses of the first and the last tenth of all updates, the measure before and after, parameters and minutes.
 *
 *   npx tsx --conditions=@attune/source scripts/recipe-table.ts runs/tiny-*
 *
 * With --check, code 1 where a run did not learn what its recipe promises: the loss falls to four fifths at most, and each task's measure
 * is above the untuned one.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

interface TrainLine {
  kind: "train";
  step: number;
  /** Mean over `updates` updates, `step` the last of them. */
  loss: number;
  updates: number;
}

interface EvalLine {
  kind: "eval";
  step: number;
  evalLoss: number;
  metrics?: Record<string, number>;
}

interface Result {
  steps: number;
  keptStep: number;
  parameters: number;
  trainableParameters: number;
  trainSeconds: number;
  evalSeconds: number;
  scores: { task: string | null; metric: string; headline: string; rows: number }[];
}

const TENTH = 0.1;
/** Share of the first tenth's loss that the last one's may be. */
const MOST_LOSS = 0.8;

/** Mean loss of the reports that lie whole in the first, and of those in the last tenth of the updates; one report each at least. */
export function tenths(lines: readonly TrainLine[], steps: number): { first: number; last: number } {
  const mean = (some: readonly TrainLine[]): number => {
    const updates = some.reduce((sum, line) => sum + line.updates, 0);
    return some.reduce((sum, line) => sum + line.loss * line.updates, 0) / updates;
  };
  const first = lines.filter(({ step }) => step <= Math.max(1, TENTH * steps));
  const last = lines.filter(({ step, updates }) => step - updates >= (1 - TENTH) * steps);
  return { first: mean(first.length > 0 ? first : lines.slice(0, 1)), last: mean(last.length > 0 ? last : lines.slice(-1)) };
}

interface MeasureChange {
  name: string;
  before: number;
  after: number;
  /** Losses fall. */
  isBetterLow: boolean;
}

/** One for each task; without any the loss on the validation rows. */
export function changes({ scores, keptStep }: Result, evaluations: readonly EvalLine[]): MeasureChange[] {
  const at = (step: number): EvalLine => {
    const found = evaluations.find((line) => line.step === step);
    if (!found) throw new Error(`no evaluation at step ${step}: was the run made with eval.first?`);
    return found;
  };
  const [before, after] = [at(0), at(keptStep)];
  if (scores.length === 0) return [{ name: "eval loss", before: before.evalLoss, after: after.evalLoss, isBetterLow: true }];
  return scores.map(({ task, metric, headline: quoted }) => {
    const headline = metric === "classification" ? "f1_macro" : quoted; // accuracy flatters whoever always names the largest class
    const key = task === null || scores.length === 1 ? headline : `${task}/${headline}`;
    const value = ({ metrics = {} }: EvalLine) => metrics[key] ?? Number.NaN;
    const name = `${task === null ? "" : `${task}: `}${metric === headline ? "" : `${metric} `}${headline}`;
    return { name, before: value(before), after: value(after), isBetterLow: false };
  });
}

/** "macro F1 0.250 -> 0.743" */
export function measures(result: Result, evaluations: readonly EvalLine[]): string[] {
  return changes(result, evaluations).map(({ name, before, after, isBetterLow }) => {
    const digits = isBetterLow ? 2 : 3;
    return `${name} ${before.toFixed(digits)} -> ${after.toFixed(digits)}`;
  });
}

/** What of a run is not as a recipe promises; NaN never is. */
export function shortcomings(losses: { first: number; last: number }, measured: readonly MeasureChange[]): string[] {
  const ratio = losses.last / losses.first;
  return [
    ...(ratio <= MOST_LOSS ? [] : [`training loss falls to ${ratio.toFixed(2)} of what it was, not to ${MOST_LOSS}`]),
    ...measured
      .filter(({ before, after, isBetterLow }) => !(isBetterLow ? after < before : after > before))
      .map(({ name, before, after }) => `${name} is ${after.toFixed(3)}, and untuned it was ${before.toFixed(3)}`),
  ];
}

function row(folder: string): { text: string; faults: string[] } {
  const read = (name: string) => readFileSync(path.join(folder, name), "utf8");
  const lines = read("metrics.jsonl")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TrainLine | EvalLine);
  const result = JSON.parse(read("result.json")) as Result;
  const { first, last } = tenths(
    lines.filter((line) => line.kind === "train"),
    result.steps,
  );
  const millions = (count: number) => `${(count / 1e6).toFixed(count < 1e6 ? 2 : 1)} M`;
  const trained = result.trainableParameters === result.parameters ? "" : `, ${millions(result.trainableParameters)} trained`;
  const evaluations = lines.filter((line) => line.kind === "eval");
  const text = `| \`${path.basename(folder)}\` | ${[
    `${millions(result.parameters)}${trained}`,
    String(result.steps),
    `${first.toFixed(2)} -> ${last.toFixed(2)} (${(last / first).toFixed(2)})`,
    measures(result, evaluations).join("; "),
    ((result.trainSeconds + result.evalSeconds) / 60).toFixed(1),
  ].join(" | ")} |`;
  return { text, faults: shortcomings({ first, last }, changes(result, evaluations)) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log("| recipe | parameters | updates | training loss, first -> last tenth | untuned -> tuned | minutes |");
  console.log("|---|---|---|---|---|---|");
  const words = process.argv.slice(2);
  for (const folder of words.filter((word) => word !== "--check")) {
    const { text, faults } = row(folder);
    console.log(text);
    if (!words.includes("--check")) continue;
    for (const fault of faults) console.error(`${folder}: ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
}
