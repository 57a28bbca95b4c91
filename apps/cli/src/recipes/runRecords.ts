// What a run writes while it goes: metrics.jsonl, its numbers for TensorBoard, and what it answered at each evaluation.
import { appendFile } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "@attune/models/node";
import { writeText } from "../report/writeText.js";
import type { Run } from "../run/schema.js";
import { runToYaml } from "../run/write.js";
import { openBoard } from "../tensorboard/board.js";
import { type AnsweredSample, sampleLines } from "./answers.js";
import type { EvaluationRecord } from "./evaluations.js";
import type { TrainRecord } from "./runProgress.js";

export interface RunRecords {
  train(record: TrainRecord): Promise<void>;
  evaluation(record: EvaluationRecord, samples: readonly AnsweredSample[]): Promise<void>;
}

/** Rows of an evaluation on the way whose answers are kept. */
const MAX_SAMPLES = 16;

export const EVALUATIONS_FOLDER = "evaluations";
export const evaluationFile = (step: number): string => `step-${String(step).padStart(6, "0")}.jsonl`;

/** Throws (storage) later, where metrics.jsonl cannot be written; without TensorBoard's files a run goes on. */
export async function openRecords(run: Run, startStep: number, note: (line: string) => void): Promise<RunRecords> {
  const board = run.log.tensorboard
    ? await openBoard(run.out, {
        startStep,
        runText: runToYaml(run),
        onFault: ({ message }) => note(`no numbers for TensorBoard from here on: ${message}; training goes on`),
      })
    : null;
  const write = async (record: TrainRecord | EvaluationRecord): Promise<void> => {
    await appendFile(path.join(run.out, "metrics.jsonl"), `${JSON.stringify(record)}\n`);
    await board?.write(record);
  };
  return {
    train: write,
    async evaluation(record, samples) {
      if (samples.length > 0) {
        const folder = path.join(run.out, EVALUATIONS_FOLDER);
        await makeFolder(folder);
        // before the record: who finds the record finds its answers
        await writeText(path.join(folder, evaluationFile(record.step)), sampleLines(samples.slice(0, MAX_SAMPLES)));
      }
      await write(record);
    },
  };
}
