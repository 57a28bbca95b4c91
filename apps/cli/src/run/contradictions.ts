// Values of a run that cannot both be meant.
import { MEASURES } from "@attune/eval";
import type { z } from "zod";
import { isFollowing, refuseOptimizationContradictions } from "./optimization.js";
import type { BareRun } from "./schema.js";

/** Each of these is a valid value beside another valid value; all that contradict are named together. */
export function refuseContradictions(run: BareRun, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: path.split("."), message });
  const { steps, epochs, warmup, frozenStorage } = run.train;
  if (steps !== undefined && epochs !== undefined)
    refuse("train.epochs", "stands beside train.steps: one of the two ends the run");
  if (steps !== undefined && warmup >= 1 && warmup >= steps)
    refuse("train.warmup", `is ${warmup} steps of ${steps}: nothing is left to train`);
  if (frozenStorage !== null && frozenStorage !== "f32" && run.lora === null) {
    refuse("train.frozenStorage", `is ${frozenStorage}, but without lora every weight is trained, in f32`);
  }
  refuseOptimizationContradictions(run.train, refuse);
  refuseDataContradictions(run.data, run.objective, refuse);
  refuseEvaluationContradictions(run, refuse);
}

function refuseEvaluationContradictions(
  {
    data: { validation, split, mixture },
    eval: { every, first, best, generate, metric },
    train: { earlyStopping, schedule },
  }: BareRun,
  refuse: (path: string, message: string) => void,
): void {
  const hasValidation = validation !== null || split !== null || mixture?.some((set) => set.validation !== undefined);
  if (every !== null && !hasValidation)
    refuse("eval.every", "wants rows to evaluate on: name a file in data.validation, or a share in data.split");
  if (first && !hasValidation)
    refuse("eval.first", "wants rows to evaluate on: name a file in data.validation, or a share in data.split");
  if (best !== undefined && best !== null && every === null)
    refuse("eval.best", "chooses among several evaluations: say how often in eval.every");
  if (best !== undefined && best !== null && best !== "loss" && !generate)
    refuse("eval.best", `is ${best}, which is judged by answers: set eval.generate to true, or use loss`);
  if (earlyStopping !== null && every === null) refuse("train.earlyStopping", "counts evaluations: say how often in eval.every");
  if (isFollowing(schedule) && every === null)
    refuse("train.schedule", `is ${schedule}, which follows evaluations: say how often in eval.every`);
  if (earlyStopping !== null && best === null) refuse("train.earlyStopping", "needs eval.best, which is null");
  const metrics = [metric, ...(mixture ?? []).map((set) => set.metric)];
  for (const [i, one] of metrics.entries())
    if (one !== undefined && !Object.hasOwn(MEASURES, one))
      refuse(
        i === 0 ? "eval.metric" : `data.mixture.${i - 1}.metric`,
        `must be one of ${Object.keys(MEASURES).join(", ")}, not ${one}`,
      );
}

function refuseDataContradictions(
  { train, mixture, validation, split, template, mixing, balance, augment }: BareRun["data"],
  objective: string,
  refuse: (path: string, message: string) => void,
): void {
  if (train === undefined && mixture === undefined) refuse("data.train", "is missing; name a file, or several in data.mixture");
  // the same file in both is what run.yaml of earlier versions says
  if (train !== undefined && mixture !== undefined && train !== mixture[0]!.train)
    refuse("data.mixture", "stands beside data.train: one of the two names the rows");
  if (split !== null && validation !== null)
    refuse("data.split", "stands beside data.validation: one of the two is the validation set");
  if (augment !== null && !augment.phrasings && !augment.speakers && !augment.order)
    refuse("data.augment", "changes nothing: set phrasings, speakers or order to true");
  if (augment !== null && objective !== "instruction")
    refuse("data.augment", `is for instructions, and the objective is ${objective}`);
  if (balance?.by === "task" && mixture === undefined)
    refuse("data.balance.by", "is task, and there is no data.mixture of tasks");
  if (mixture?.some((set) => set.validation !== undefined) && (validation !== null || split !== null))
    refuse(validation !== null ? "data.validation" : "data.split", "stands beside a validation file of data.mixture");
  if (
    mixing.kind === "fixed" &&
    mixture?.some(({ weight }) => weight === undefined) &&
    mixture.some(({ weight }) => weight !== undefined)
  )
    refuse("data.mixture", "has weights for some of its sets only");
  const names = (mixture ?? []).map(({ name }, i) => name ?? String(i + 1));
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    refuse(`data.mixture.${twice}.name`, `is ${names[twice]}, as that of an earlier set: losses and scores are told by it`);
  if (mixing.kind === "roundRobin" && mixture?.some(({ weight }) => weight !== undefined))
    refuse("data.mixture", "has weights, and with data.mixing.kind roundRobin its sets take turns");
  const templates = [template, ...(mixture ?? []).map((set) => set.template)];
  for (const [i, one] of templates.entries()) {
    if (one === undefined) continue;
    const key = i === 0 ? "data.template" : `data.mixture.${i - 1}.template`;
    const fields = (text: string) => /\{[^{}]+\}/.test(text);
    if ((one.name === undefined) === (one.prompt === undefined)) refuse(key, "needs either a name or a prompt, not both");
    const prompts = one.prompt === undefined ? [] : [one.prompt].flat();
    if (!prompts.every(fields)) refuse(`${key}.prompt`, 'names no field of a row, such as "{text}"');
    if (objective === "instruction" && prompts.length > 0 && !fields(one.completion))
      refuse(`${key}.completion`, 'names no field of a row, such as "{summary}"');
  }
}
