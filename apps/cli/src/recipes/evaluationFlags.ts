// What the command line says of an evaluation, for one model or for many: flags go before a run's own settings, these before a task's.
import type { FrozenStorage } from "@attune/models";
import { userError } from "../errors.js";
import type { Evaluation } from "./evaluate.js";
import { evaluationOfRun } from "./evaluateRun.js";
import type { Repeats } from "./summarize.js";
import { trainedAt } from "./trained.js";

export interface EvaluationFlags {
  task?: string;
  taskTemplate?: string;
  adapter?: string;
  data?: string;
  prompt?: string;
  completion?: string;
  referenceField?: string[];
  rows?: number;
  batch: number;
  maxPrompt?: number;
  maxNewTokens?: number;
  noRepeatNgramSize?: number;
  repetitionPenalty?: number;
  numBeams: number;
  labels?: string[];
  method?: "generate" | "likelihood";
  shots: number;
  shotsFrom?: string;
  seed: number;
  perplexity?: boolean;
  dtype: FrozenStorage;
}

/** What flags say of a run's result or of a model. Throws (usage). */
export async function evaluationOf(name: string, flags: EvaluationFlags): Promise<Evaluation> {
  if ((flags.prompt === undefined) !== (flags.completion === undefined))
    throw userError("usage", "--prompt and --completion go together: how a row becomes a prompt, and what its right answer is");
  const template = flags.prompt === undefined ? null : { prompt: flags.prompt, completion: flags.completion! };
  const { noRepeatNgramSize, repetitionPenalty } = flags;
  const repeats: Repeats = {
    ...(noRepeatNgramSize === undefined ? {} : { noRepeatNgramSize }),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
  };
  const common = {
    batch: flags.batch,
    numBeams: flags.numBeams,
    labels: flags.labels,
    referenceFields: flags.referenceField,
    method: flags.method ?? ("generate" as const),
    shots: flags.shots,
    shotsFrom: flags.shotsFrom,
    seed: flags.seed,
    taskTemplate: flags.taskTemplate,
    withPerplexity: flags.perplexity === true,
    storage: flags.dtype,
  };
  if (/\.ya?ml$/.test(name)) {
    if (flags.adapter !== undefined) throw userError("usage", "--adapter goes with a model; a run has its own");
    const run = await evaluationOfRun(name);
    return {
      ...run,
      ...common,
      task: flags.task,
      method: flags.method ?? run.run?.eval.method ?? "generate",
      data: flags.data ?? null,
      template,
      rows: flags.rows ?? run.rows,
      maxSource: flags.maxPrompt ?? run.maxSource,
      maxNewTokens: flags.maxNewTokens ?? run.maxNewTokens,
      repeats: { ...run.repeats, ...repeats },
    };
  }
  if (flags.task === undefined || flags.data === undefined)
    throw userError("usage", "a model is evaluated on a --task and on --data FILE; a run's YAML names both");
  return {
    name: flags.adapter === undefined ? name : `${name} + ${flags.adapter}`,
    ...(await trainedAt(name)),
    ...(flags.adapter === undefined ? {} : { adapter: flags.adapter }),
    ...common,
    task: flags.task,
    data: flags.data,
    template,
    rows: flags.rows ?? Number.POSITIVE_INFINITY,
    maxSource: flags.maxPrompt ?? 512,
    maxNewTokens: flags.maxNewTokens ?? null,
    repeats,
  };
}
