// What a run has left to evaluate: its model or its adapter, on its validation rows as training reads them.
import { usageError } from "@attune/models";
import { loadRun } from "../run/load.js";
import type { Run } from "../run/schema.js";
import type { Evaluation } from "./evaluate.js";
import { truncationOf } from "./exampleSources.js";
import { repeatsOf } from "./summarize.js";
import { trainedOf } from "./trained.js";

export type RunEvaluation = Pick<
  Evaluation,
  "name" | "model" | "adapter" | "run" | "rows" | "maxSource" | "truncation" | "maxNewTokens" | "repeats"
>;

/** Throws (usage) for a run without validation data, (data) for one that has not been trained. */
export async function evaluationOfRun(file: string): Promise<RunEvaluation> {
  const run = await loadRun(file);
  return { ...rowsOfRun(run), name: run.name, ...trainedOf(run, file) };
}

/** The same rows and prompts for any model. */
export function rowsOfRun(run: Run): Omit<RunEvaluation, "name" | "model" | "adapter"> {
  const { maxSource } = run.data;
  const { rows, maxNewTokens } = run.eval;
  return { run, rows, maxSource, truncation: truncationOf(run), maxNewTokens, repeats: repeatsOf(run.eval) };
}

/** A run whose validation rows are those of `file`; where that is null, its own. Throws (usage) where it has none. */
export function withRows(run: Run, file: string | null, rows: number, shots: number): Run {
  const { data } = run;
  const own = data.validation !== null || data.split !== null || data.mixture?.some(({ validation }) => validation !== undefined);
  if (file === null && !own)
    throw usageError(
      `${run.name}: has no validation rows (data.validation, data.split); name the rows to evaluate on with --data`,
    );
  const others = { validation: file, split: null, mixture: data.mixture?.map((set) => ({ ...set, validation: undefined })) };
  return {
    ...run,
    data: {
      ...data,
      ...(file === null ? {} : others),
      // shots of the command line take the place of the run's own
      ...(shots > 0 ? { fewShot: null } : {}),
    },
    eval: { ...run.eval, rows },
  };
}
