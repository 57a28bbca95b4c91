// What a run has left to evaluate: its model or its adapter, on its validation data.
import { existsSync } from "node:fs";
import path from "node:path";
import { dataError, usageError } from "@attune/models";
import { loadRun } from "../run/load.js";
import type { Run } from "../run/schema.js";
import type { Evaluation } from "./evaluate.js";

export type RunEvaluation = Pick<
  Evaluation,
  "name" | "model" | "adapter" | "task" | "data" | "template" | "rows" | "maxSource" | "maxNewTokens"
>;

/** Throws (usage) for a run without validation data, (data) for one that has not been trained. */
export async function evaluationOfRun(file: string): Promise<RunEvaluation> {
  const run = await loadRun(file);
  const trained = path.join(run.out, run.lora ? "adapter" : "model");
  if (!existsSync(trained)) throw dataError(`${trained}: not there; train the run first: attune train ${file}`);
  return {
    ...dataOfRun(run, file),
    name: run.name,
    ...(run.lora ? { model: run.model.path!, adapter: trained } : { model: trained }),
  };
}

/** The same rows and prompts for any model. */
export function dataOfRun(run: Run, file: string): Omit<RunEvaluation, "name" | "model" | "adapter"> {
  if (run.data.validation === null)
    throw usageError(`${file}: data.validation is null; name the rows to evaluate on with --data`);
  return {
    task: "summarization",
    data: run.data.validation,
    template: plainTemplate(run, file),
    rows: run.eval.rows,
    maxSource: run.data.maxSource,
    maxNewTokens: run.eval.maxNewTokens,
  };
}

/** The prompt and completion of the run's own template. Named ones and lists of phrasings are not evaluated by run yet: refused, not guessed. */
function plainTemplate({ data: { template } }: Run, file: string): { prompt: string; completion: string } {
  const prompt = template === undefined ? "{text}" : template.prompt;
  if (typeof prompt === "string") return { prompt, completion: template?.completion ?? "" };
  throw usageError(`${file}: data.template is a name or a list; name the task, rows and template to evaluate on instead`);
}
