// A run's numbers for TensorBoard, beside metrics.jsonl: OUT/tensorboard holds an event file for each time that the run was started.
import { appendFile } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "@attune/models/node";
import type { EvaluationRecord } from "../recipes/evaluations.js";
import type { TrainRecord } from "../recipes/runProgress.js";
import { record, type Scalar, scalarEvent, startEvent, textEvent, versionEvent } from "./events.js";

export const BOARD_FOLDER = "tensorboard";

export interface Board {
  /** On disk when the promise is kept. A disk that refuses costs the board, never the run. */
  write(entry: TrainRecord | EvaluationRecord): Promise<void>;
}

export interface BoardOptions {
  /** Updates that were done before: points of earlier files behind them are dropped by the reader. */
  startStep: number;
  /** The run's YAML: TensorBoard's page "Text". */
  runText: string;
  /** Told once, where the folder cannot be written. */
  onFault(error: Error): void;
  now?: () => number;
}

export async function openBoard(
  out: string,
  { startStep, runText, onFault, now = () => Date.now() / 1000 }: BoardOptions,
): Promise<Board> {
  const folder = path.join(out, BOARD_FOLDER);
  // readers go by "tfevents" in the name, and take files in the order of their names
  const file = path.join(folder, `events.out.tfevents.${Math.floor(now())}.attune.${process.pid}.${startStep}`);
  let isBroken = false;
  const append = async (...events: readonly Buffer[]): Promise<void> => {
    if (isBroken) return;
    try {
      await appendFile(file, Buffer.concat(events.map(record)));
    } catch (error) {
      isBroken = true;
      onFault(error as Error);
    }
  };
  await makeFolder(folder).catch(() => {}); // the first append tells
  const time = now();
  await append(
    versionEvent(time),
    startEvent(time, startStep + 1),
    textEvent(time, startStep, "run", `\`\`\`yaml\n${runText.replaceAll("```", "'''")}\n\`\`\`\n`),
  );
  return { write: (entry) => append(scalarEvent(now(), entry.step, scalarsOf(entry))) };
}

/** What of a record is shown, by its tag. */
export function scalarsOf(entry: TrainRecord | EvaluationRecord): Scalar[] {
  if (entry.kind === "train")
    return [
      { tag: "train/loss", value: entry.loss },
      { tag: "train/lr", value: entry.lr },
      { tag: "train/grad_norm", value: entry.gradNorm },
      { tag: "train/tokens_per_second", value: entry.tokensPerSecond },
    ];
  return [
    { tag: "eval/loss", value: entry.evalLoss },
    { tag: "eval/perplexity", value: entry.perplexity },
    ...Object.entries(entry.tasks ?? {}).map(([task, { evalLoss }]) => ({ tag: `eval/${task}/loss`, value: evalLoss })),
    ...Object.entries(entry.metrics ?? {}).map(([name, value]) => ({ tag: `eval/${name}`, value })),
  ];
}
