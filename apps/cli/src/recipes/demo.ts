// The demonstration: one pre-trained base, tuned whole and through LoRA on the same dialogues, against what needs no model at all.
import path from "node:path";
import { lead1, lead3, longestTurn, randomSummary } from "@attune/eval";
import type { NodeDevice } from "@attune/tensor/node";
import { loadRun } from "../run/load.js";
import { checkOut } from "../run/paths.js";
import type { Run } from "../run/schema.js";
import { readRunExamples } from "./examples.js";
import { openRunModel } from "./model.js";
import { progressListener } from "./progress.js";
import { readable, type SummaryScores, scoreSummaries } from "./score.js";
import { answerAll } from "./summarize.js";
import { type PreparedRun, prepareRun, tune } from "./tune.js";

export interface DemoRow {
  name: string;
  scores: SummaryScores;
  outputs: string[];
  /** Of models only. */
  trainableParameters?: number;
  seconds?: number;
  peakDeviceBytes?: number;
  savedTo?: string;
}

export interface DemoReport {
  rows: DemoRow[];
  dialogues: string[];
  references: string[];
}

/** Both recipes of `recipesFolder`, their results to lie in `out`: read before there is a device. Throws what is wrong with them. */
export async function prepareDemo(
  recipesFolder: string,
  out: string,
  overrides: readonly string[],
): Promise<[PreparedRun, PreparedRun]> {
  const load = (name: string): Promise<Run> =>
    loadRun(path.join(recipesFolder, `bundled-${name}.yaml`), {
      overrides: [`out=${JSON.stringify(path.join(out, name))}`, ...overrides],
    });
  await checkOut(out);
  return [await prepareRun(await load("full")), await prepareRun(await load("lora"))];
}

export async function runDemo(
  device: NodeDevice,
  [full, lora]: readonly [PreparedRun, PreparedRun],
  signal?: AbortSignal,
): Promise<DemoReport> {
  const { validation } = full.data;
  const { examples } = await readRunExamples(full.run, full.files); // training keeps no texts
  const references = validation.map(({ completion }) => readable(completion));
  const dialogues = validation.map(({ fields }) => fields.dialogue ?? "");
  const summaries = examples.map(({ completion }) => readable(completion));
  const rowOf = (name: string, outputs: string[]): DemoRow => ({ name, outputs, scores: scoreSummaries(references, outputs)! });

  const rows = [
    rowOf("lead-1", dialogues.map(lead1)),
    rowOf("lead-3", dialogues.map(lead3)),
    rowOf("longest turn", dialogues.map(longestTurn)),
    rowOf(
      "random summary",
      dialogues.map((_, i) => randomSummary(summaries, 1, i)),
    ),
    rowOf("base", await answersOfBase(device, lora)),
  ];
  for (const prepared of [full, lora]) {
    device.restartPeak();
    const listener = progressListener(prepared.run, prepared, device.facts, {
      ...(signal && { signal }),
      memoryBytes: () => device.measured.peakBytes,
    });
    const result = await tune(device, prepared, listener, { signal, overwrite: true }).finally(() => listener.done());
    rows.push({
      ...rowOf(prepared === full ? "full" : "LoRA", result.answers),
      trainableParameters: result.trainableParameters,
      seconds: result.trainSeconds,
      peakDeviceBytes: device.measured.peakBytes,
      savedTo: result.savedTo,
    });
  }
  return { rows, dialogues, references };
}

async function answersOfBase(device: NodeDevice, { run, files, data }: PreparedRun): Promise<string[]> {
  const { model, dispose } = await openRunModel(device, run, files); // with LoRA the base is frozen: no gradients are allocated
  const base = model.with({ lora: null });
  const { batch, maxNewTokens } = run.eval;
  const answers = await answerAll(device, base, files.tokenizer, data.validation, {
    batch,
    maxNewTokens,
    maxSource: run.data.maxSource,
  });
  dispose();
  return answers;
}
