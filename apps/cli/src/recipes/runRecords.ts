// What a run writes while it goes: metrics.jsonl, its numbers for TensorBoard, and what it answered at each evaluation.
import path from "node:path";
import { printable } from "@attune/models";
import { makeFolder } from "@attune/models/node";
import { writeText } from "../report/writeText.js";
import type { Run } from "../run/schema.js";
import { runToYaml } from "../run/write.js";
import { openBoard } from "../tensorboard/board.js";
import { type AnsweredSample, sampleLines } from "./answers.js";
import type { EvaluationRecord } from "./evaluations.js";
import { openLineFile } from "./lineFile.js";
import type { TrainRecord } from "./runProgress.js";

export interface RunRecords {
  train(record: TrainRecord): Promise<void>;
  evaluation(record: EvaluationRecord, samples: readonly AnsweredSample[]): Promise<void>;
  /** Writes what the disk refused before, and tells what it still does. */
  finish(): Promise<void>;
}

/** Rows of an evaluation on the way whose answers are kept. */
const MAX_SAMPLES = 16;

export const EVALUATIONS_FOLDER = "evaluations";
export const evaluationFile = (step: number): string => `step-${String(step).padStart(6, "0")}.jsonl`;

/** What cannot be written is told once, and the run goes on: lines of metrics.jsonl are kept until they can be. */
export async function openRecords(run: Run, startStep: number, note: (line: string) => void): Promise<RunRecords> {
  const board = run.log.tensorboard
    ? await openBoard(run.out, {
        startStep,
        runText: runToYaml(run),
        onFault: ({ message }) => note(`no numbers for TensorBoard from here on: ${message}; training goes on`),
      })
    : null;
  const metrics = openLineFile(path.join(run.out, "metrics.jsonl"), {
    onFault: ({ message }) =>
      note(`metrics.jsonl cannot be written: ${printable(message, 200)}; its lines are kept until it can, training goes on`),
    onRecovered: () => note("metrics.jsonl is written again, and no line is missing"),
  });
  const write = async (record: TrainRecord | EvaluationRecord): Promise<void> => {
    await metrics.append(JSON.stringify(record));
    await board?.write(record);
  };
  return {
    train: write,
    async evaluation(record, samples) {
      if (samples.length > 0) {
        const folder = path.join(run.out, EVALUATIONS_FOLDER);
        try {
          await makeFolder(folder);
          // before the record: who finds the record finds its answers
          await writeText(path.join(folder, evaluationFile(record.step)), sampleLines(samples.slice(0, MAX_SAMPLES)));
        } catch (error) {
          note(`the answers of step ${record.step} are not kept: ${printable((error as Error).message, 300)}`);
        }
      }
      await write(record);
    },
    async finish() {
      const missing = await metrics.finish();
      if (missing > 0) note(`metrics.jsonl lacks its last ${missing} lines: the disk refused them to the end`);
    },
  };
}
